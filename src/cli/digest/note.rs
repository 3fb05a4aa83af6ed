//! `digest note`: what the editor says in the next digest.

use super::super::Setting;
use super::super::ending::Usage;
use super::super::output::{Out, count};
use super::{Which, named};
use crate::flow::digest::note;
use crate::store::NotePlace;
use anyhow::Context as _;
use clap::Args;
use std::path::PathBuf;

/// `digest note`.
#[derive(Debug, Args)]
#[group(id = "said", required = true, multiple = false)]
pub struct Note {
    #[command(flatten)]
    which: Which,
    /// Above the posts: plain text, an empty line between paragraphs.
    #[arg(long, value_name = "TEXT")]
    before: Option<String>,
    /// Below the posts.
    #[arg(long, value_name = "TEXT")]
    after: Option<String>,
    /// Above the posts, from a file: plain text, or HTML when its name ends in .html.
    #[arg(long, value_name = "FILE")]
    before_file: Option<PathBuf>,
    /// Below the posts, from a file.
    #[arg(long, value_name = "FILE")]
    after_file: Option<PathBuf>,
    /// Drop the notes that wait.
    #[arg(long)]
    clear: bool,
}

pub(super) async fn run(it: Note, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    // A note without a cadence is for whichever digest of the newsletter comes first.
    let (newsletter, cadence) = match it.which.cadence {
        Some(_) => named(&config, &it.which).map(|(newsletter, cadence)| (newsletter, Some(cadence)))?,
        None => {
            let found = config.newsletter(it.which.newsletter.as_str());
            let found = found.ok_or_else(|| Usage(format!("there is no newsletter `{}`", it.which.newsletter)))?;
            (found.name.clone(), None)
        }
    };
    if it.clear {
        let dropped = store.drop_notes(&newsletter, cadence.as_ref()).await?;
        let dropped = usize::try_from(dropped).unwrap_or(usize::MAX);
        return Ok(out.line(format!("{} dropped", count(dropped, "note", "notes")))?);
    }
    let (place, text, html) = match (it.before, it.after, it.before_file, it.after_file) {
        (Some(text), ..) => (NotePlace::Before, text, false),
        (_, Some(text), ..) => (NotePlace::After, text, false),
        (_, _, Some(file), _) => read(NotePlace::Before, &file)?,
        (_, _, _, Some(file)) => read(NotePlace::After, &file)?,
        _ => return Err(Usage("say what the note says: --before TEXT or --after TEXT".to_owned()).into()),
    };
    let html = note(&text, html);
    if html.is_empty() {
        return Err(Usage("the note says nothing".to_owned()).into());
    }
    store.add_note(&newsletter, cadence.as_ref(), place, &html, setting.clock.now()).await?;
    let of = cadence.map_or_else(|| newsletter.to_string(), |cadence| format!("{newsletter} / {cadence}"));
    Ok(out.line(format!("it stands in the next digest of {of}; see `syndicated digest preview`"))?)
}

fn read(place: NotePlace, file: &std::path::Path) -> anyhow::Result<(NotePlace, String, bool)> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let html = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"));
    Ok((place, text, html))
}
