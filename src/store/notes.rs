//! What an editor says in the next digest: a note waits until a digest is frozen
//! with it, and waits again when that digest is called off unsent.

use super::{Store, StoreError, each};
use crate::domain::html::CleanHtml;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;

/// Where a note stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotePlace {
    /// Above the posts.
    Before,
    /// Below them.
    After,
}

impl NotePlace {
    fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A note that waits for a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its row.
    pub id: i64,
    /// Where it stands.
    pub place: NotePlace,
    /// What it says.
    pub html: CleanHtml,
}

impl Store {
    /// Keeps a note for the next digest of a cadence, or of any of the newsletter's.
    pub async fn add_note(
        &self,
        newsletter: &Slug,
        cadence: Option<&Slug>,
        place: NotePlace,
        html: &CleanHtml,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        each!(&self.writer, |db| {
            sqlx::query("INSERT INTO note (newsletter, cadence, place, html, created_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(newsletter.as_str())
                .bind(cadence.map_or("", Slug::as_str))
                .bind(place.as_str())
                .bind(html.as_str())
                .bind(now.millis())
                .execute(db)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// The notes that wait for a digest of this cadence, in the order they were written.
    pub async fn waiting_notes(&self, newsletter: &Slug, cadence: &Slug) -> Result<Vec<Note>, StoreError> {
        let rows: Vec<(i64, String, String)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, place, html FROM note
                 WHERE newsletter = $1 AND (cadence = $2 OR cadence = '') AND digest_id IS NULL ORDER BY id",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .fetch_all(db)
            .await
        })?;
        let note = |(id, place, html): (i64, String, String)| Note {
            id,
            place: if place == "before" { NotePlace::Before } else { NotePlace::After },
            html: CleanHtml::from_store(html),
        };
        Ok(rows.into_iter().map(note).collect())
    }

    /// Drops the notes that wait for a digest of this cadence. Returns how many there were.
    pub async fn drop_notes(&self, newsletter: &Slug, cadence: Option<&Slug>) -> Result<u64, StoreError> {
        let dropped = each!(&self.writer, |db| {
            sqlx::query("DELETE FROM note WHERE newsletter = $1 AND ($2 = '' OR cadence = $2) AND digest_id IS NULL")
                .bind(newsletter.as_str())
                .bind(cadence.map_or("", Slug::as_str))
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(dropped)
    }
}
