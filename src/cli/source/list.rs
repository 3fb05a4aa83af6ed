//! `source export` and `source import`: what is followed, as OPML, out and in.

use super::super::Setting;
use super::super::ending::Usage;
use super::super::output::Out;
use super::RELOAD;
use crate::config::edit::{add_sources, with_folder};
use crate::flow::outlines::{plan, source_list};
use crate::read::opml::{LONGEST, outlines};
use anyhow::Context as _;
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};

/// `source import FILE`.
#[derive(Debug, Args)]
pub struct Import {
    /// A list of feeds as other readers export it (OPML); - is standard input.
    file: PathBuf,
    /// Where the list's folders become files, beside the configuration.
    #[arg(long, value_name = "FOLDER", default_value = "sources.d")]
    into: String,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn export(setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    Ok(out.text(&source_list(&config, &store).await?)?)
}

pub(super) async fn import(import: Import, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if import.into.is_empty() || import.into.starts_with('.') || !import.into.chars().all(is_name) {
        return Err(
            Usage(format!("--into `{}` is not the name of a folder beside the configuration", import.into)).into()
        );
    }
    let shown = import.file.display();
    let list = outlines(&bytes(&import.file)?).map_err(|why| Usage(format!("{shown}: {why}")))?;
    let (_, store) = setting.open().await?;
    let config = with_folder(&setting.path, &import.into, &setting.environment, &setting.chance)?;
    let found = store
        .source_faces()
        .await?
        .into_iter()
        .filter_map(|(name, face)| Some((name.parse().ok()?, face.feed_url?.parse().ok()?)));
    let plan = plan(list, &config, &found.collect::<Vec<_>>());
    let files =
        add_sources(&setting.path, &import.into, &plan.groups, &setting.environment, &setting.chance, import.dry_run)?;
    for skipped in &plan.skipped {
        out.line(format!("left out: {}: {}", skipped.what, skipped.why))?;
    }
    for (file, group) in files.iter().zip(&plan.groups) {
        out.line(format!("{}: {}", file.display(), sources(group.sources.len())))?;
    }
    if files.len() > plan.groups.len() {
        out.line(format!("{}: includes {}/*.toml", setting.path.display(), import.into))?;
    }
    let count = plan.count();
    match (count, import.dry_run) {
        (0, _) => return Ok(out.line(format!("{shown} holds nothing that is not followed already"))?),
        (_, true) => return Ok(out.line(format!("{} would be added; nothing was written", sources(count)))?),
        (_, false) => out.line(format!("added {}", sources(count)))?,
    }
    let unaware: Vec<String> =
        config.newsletters.iter().filter(|it| it.sources.is_some()).map(|it| format!("`{}`", it.name)).collect();
    if !unaware.is_empty() {
        out.line(format!("not listed by {}: add them to their `sources` to mail them there", unaware.join(", ")))?;
    }
    Ok(out.line(RELOAD)?)
}

fn sources(count: usize) -> String {
    if count == 1 { "1 source".to_owned() } else { format!("{count} sources") }
}

/// The list, and no more of it than a list can have.
fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = LONGEST as u64 + 1;
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(bytes)
}
