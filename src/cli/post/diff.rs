//! `post diff`: what changed in a post.

use super::{titled, unknown};
use crate::cli::ending::Usage;
use crate::cli::output::Out;
use crate::cli::setting::local;
use crate::cli::{Json, Setting};
use crate::domain::correction::{Run, changes};
use crate::domain::id::PostId;
use crate::store::PostVersion;
use serde_json::json;

/// So many words of what is the same stand around a change.
const AROUND: usize = 8;

pub(super) async fn diff(
    id: PostId,
    from: Option<u32>,
    json: Json,
    setting: &Setting,
    out: &mut Out,
) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let post = store.post(id).await?.ok_or_else(|| unknown(id))?;
    let versions = store.post_versions(id).await?;
    let number = from.map_or(versions.len(), |number| usize::try_from(number).unwrap_or(usize::MAX));
    let Some(before) = number.checked_sub(1).and_then(|at| versions.get(at)) else {
        let why = match versions.len() {
            0 => format!("post {id} has not changed since it was stored"),
            1 => format!("post {id} has one earlier version, 1"),
            last => format!("post {id} has the earlier versions 1 to {last}"),
        };
        // Having nothing to show is no mistake where nothing was asked for.
        return if from.is_none() { Ok(out.line(why)?) } else { Err(Usage(why).into()) };
    };
    let after = PostVersion::present(&post);
    let (title, text) = (changes(&before.title, &after.title), changes(&before.text(), &after.text()));
    if json.json {
        return Ok(out.json(&json!({
            "post": id, "from": number, "versions": versions.len(), "replaced": before.replaced, "title": title,
            "text": text,
        }))?);
    }
    out.line(format!(
        "{} (post {id}), version {number} of {} against the present one:",
        titled(&post),
        versions.len()
    ))?;
    if let Some(replaced) = before.replaced {
        out.line(format!("it stood until {}", local(config.site.timezone, replaced)))?;
    }
    for runs in [title, text] {
        let shown = shown(&runs);
        if !shown.is_empty() {
            out.line("")?;
            out.line(shown)?;
        }
    }
    Ok(())
}

/// What changed as `[-removed-]{+added+}`, with a few words around it; empty when nothing did.
fn shown(runs: &[Run]) -> String {
    let last = runs.len().saturating_sub(1);
    let has_change = runs.iter().any(|run| !matches!(run, Run::Same(_)));
    let parts = runs.iter().enumerate().filter(|_| has_change).map(|(at, run)| match run {
        Run::Removed(words) => format!("[-{words}-]"),
        Run::Added(words) => format!("{{+{words}+}}"),
        Run::Same(words) => around(words, at > 0, at < last),
    });
    parts.collect()
}

/// The words next to changes: behind one, before one, or between two.
fn around(words: &str, behind: bool, before: bool) -> String {
    let pieces: Vec<&str> = words.split_inclusive(char::is_whitespace).collect();
    let kept = AROUND * (usize::from(behind) + usize::from(before));
    if pieces.len() <= kept + 1 {
        return words.to_owned();
    }
    let head = pieces.iter().take(if behind { AROUND } else { 0 });
    let tail = pieces.iter().skip(pieces.len() - if before { AROUND } else { 0 });
    head.copied().chain(["… "]).chain(tail.copied()).collect()
}
