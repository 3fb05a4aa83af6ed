//! The texts that a post had, and whether readers are told of a later one.

use super::admit::Arriving;
use super::{Store, StoreError, Tx, each};
use crate::domain::correction::is_substantial;
use crate::domain::html::CleanHtml;
use crate::domain::id::PostId;
use crate::domain::post::{Entry, Post};
use crate::domain::text::words;
use crate::domain::time::Timestamp;

/// A text of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostVersion {
    /// Its title, plain text.
    pub title: String,
    /// What it said.
    pub html: CleanHtml,
    /// When another took its place; `None` of the present one.
    pub replaced: Option<Timestamp>,
}

impl PostVersion {
    /// The present one.
    #[must_use]
    pub fn present(post: &Post) -> Self {
        Self::of(&post.entry)
    }

    fn of(entry: &Entry) -> Self {
        let html = entry.content.as_ref().or(entry.summary.as_ref()).cloned().unwrap_or_default();
        Self { title: entry.title.clone(), html, replaced: None }
    }

    /// Its words.
    #[must_use]
    pub fn text(&self) -> String {
        words(&self.html)
    }
}

type VersionRow = (String, Option<String>, Option<String>, i64);

fn version((title, summary, content, replaced): VersionRow) -> PostVersion {
    let html = content.or(summary).map(CleanHtml::from_store).unwrap_or_default();
    PostVersion { title, html, replaced: Some(Timestamp::from_millis(replaced)) }
}

impl Store {
    /// The texts that a post had before its present one, the first one first.
    pub async fn post_versions(&self, id: PostId) -> Result<Vec<PostVersion>, StoreError> {
        let rows: Vec<VersionRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT title, summary, content, replaced_at FROM post_version WHERE post_id = $1 ORDER BY replaced_at",
            )
            .bind(id.0)
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(version).collect())
    }
}

/// Keeps the text that is about to be replaced, and notes when the new one says something else.
pub(super) async fn keep_version(
    tx: &mut Tx,
    id: PostId,
    arriving: &Arriving,
    now: Timestamp,
) -> Result<(), StoreError> {
    each!(&mut *tx, |db| {
        sqlx::query(
            "INSERT INTO post_version (post_id, replaced_at, title, summary, content, fingerprint)
             SELECT id, $2, title, summary, content, fingerprint FROM post WHERE id = $1
             ON CONFLICT (post_id, replaced_at) DO NOTHING",
        )
        .bind(id.0)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    let before: VersionRow = each!(&mut *tx, |db| {
        sqlx::query_as("SELECT title, summary, content, changed_at FROM post WHERE id = $1")
            .bind(id.0)
            .fetch_one(&mut **db)
            .await
    })?;
    let (before, after) = (version(before), PostVersion::of(&arriving.entry));
    if is_substantial(&before.title, &after.title) || is_substantial(&before.text(), &after.text()) {
        each!(tx, |db| {
            sqlx::query("UPDATE post SET corrected_at = $2 WHERE id = $1")
                .bind(id.0)
                .bind(now.millis())
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
    }
    Ok(())
}
