//! What the editor says in a digest: a file that the newsletter names, and notes that
//! wait for the next one.

use super::compose::Composer;
use crate::domain::composition::Composition;
use crate::domain::html::CleanHtml;
use crate::store::{Note, NotePlace, StoreError};
use std::path::Path;

/// The most bytes of a note's file.
const NOTE: u64 = 64 * 1024;

/// What the editor says above and below.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) rows: Vec<i64>,
    pub(super) before: Option<CleanHtml>,
    pub(super) after: Option<CleanHtml>,
}

impl Notes {
    /// For a digest of this cadence.
    pub(super) async fn of(composer: &Composer<'_>) -> Result<Self, StoreError> {
        let waiting = composer.store.waiting_notes(&composer.newsletter.name, &composer.cadence.name).await?;
        let Composition { note_before, note_after, .. } = &composer.cadence.composition;
        let before = joined(note_before.as_deref(), &waiting, NotePlace::Before).await;
        let after = joined(note_after.as_deref(), &waiting, NotePlace::After).await;
        Ok(Self { rows: waiting.into_iter().map(|note| note.id).collect(), before, after })
    }
}

/// The file's note, while there is such a file, and those that wait.
async fn joined(file: Option<&Path>, waiting: &[Note], place: NotePlace) -> Option<CleanHtml> {
    let mut parts = Vec::new();
    if let Some(file) = file {
        parts.extend(note_of(file).await);
    }
    parts.extend(waiting.iter().filter(|note| note.place == place).map(|note| note.html.clone()));
    parts.retain(|part| !part.is_empty());
    let text = parts.iter().map(CleanHtml::as_str).collect::<Vec<_>>().join("\n");
    if text.is_empty() { None } else { Some(CleanHtml::sanitise(&text, None)) }
}

/// Reads a note: HTML by its name, plain text otherwise. A digest goes out without
/// a note that cannot be read.
async fn note_of(file: &Path) -> Option<CleanHtml> {
    let refuse = |why: String| tracing::warn!(file = %file.display(), why, "the digest goes out without this note");
    match tokio::fs::metadata(file).await {
        // Taken away until there is something to say again.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            refuse(error.to_string());
            return None;
        }
        Ok(known) if known.len() > NOTE => {
            refuse(format!("it is longer than {NOTE} bytes"));
            return None;
        }
        Ok(_) => {}
    }
    let text = tokio::fs::read_to_string(file).await.map_err(|error| refuse(error.to_string())).ok()?;
    let html = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"));
    Some(note(&text, html))
}

/// What an editor wrote, as HTML or as plain text.
#[must_use]
pub fn note(text: &str, html: bool) -> CleanHtml {
    if html { CleanHtml::sanitise(text, None) } else { CleanHtml::from_text(text) }
}
