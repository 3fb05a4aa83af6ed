//! Posts, read for feeds, pages and people; `admit` writes them.

use super::admit::Arriving;
use super::claims::SourceClaim;
use super::{Store, StoreError, each};
use crate::domain::html::CleanHtml;
use crate::domain::id::{PostId, SourceId};
use crate::domain::post::{Entry, Post, Standing};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use serde::de::DeserializeOwned;
use std::collections::HashSet;

/// Which posts to list.
#[derive(Debug, Clone, Default)]
pub struct PostFilter {
    /// Of this source only.
    pub source: Option<Slug>,
    /// Of this standing only.
    pub standing: Option<Standing>,
    /// At most so many, newest first.
    pub limit: u32,
}

#[derive(sqlx::FromRow)]
struct PostRow {
    id: i64,
    source_id: i64,
    source_name: String,
    guid: String,
    url: Option<String>,
    title: String,
    authors: String,
    published_at: Option<i64>,
    dated_at: i64,
    updated_at: Option<i64>,
    summary: Option<String>,
    content: Option<String>,
    categories: String,
    enclosures: String,
    also_at: String,
    fingerprint: String,
    first_seen_at: i64,
    changed_at: i64,
    standing: String,
}

/// The columns of a [`PostRow`]; each query adds its own `WHERE`.
macro_rules! select_posts {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.source_id, s.name AS source_name, p.guid, p.url, p.title, p.authors, p.published_at,
                    p.dated_at, p.updated_at, p.summary, p.content, p.categories, p.enclosures, p.also_at, p.fingerprint,
                    p.first_seen_at, p.changed_at, p.standing
             FROM post p JOIN source s ON s.id = p.source_id ",
            $rest
        )
    };
}

impl TryFrom<PostRow> for Post {
    type Error = StoreError;

    fn try_from(row: PostRow) -> Result<Self, StoreError> {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(format!("post {}: {error}", row.id));
        Ok(Self {
            id: PostId(row.id),
            source: SourceId(row.source_id),
            source_name: row.source_name.parse().map_err(|error| corrupt(&error as &crate::domain::slug::BadSlug))?,
            entry: Entry {
                guid: row.guid,
                url: row.url.and_then(|url| url.parse().ok()),
                title: row.title,
                authors: from_json(&row.authors)?,
                published: row.published_at.map(Timestamp::from_millis),
                updated: row.updated_at.map(Timestamp::from_millis),
                summary: row.summary.map(CleanHtml::from_store),
                content: row.content.map(CleanHtml::from_store),
                categories: from_json(&row.categories)?,
                enclosures: from_json(&row.enclosures)?,
                also_at: from_json(&row.also_at)?,
            },
            fingerprint: row.fingerprint,
            first_seen: Timestamp::from_millis(row.first_seen_at),
            changed: Timestamp::from_millis(row.changed_at),
            standing: row.standing.parse().map_err(StoreError::Corrupt)?,
        })
    }
}

impl Store {
    /// Which of these texts are stored already, as they stand.
    pub async fn known_texts(&self, claim: &SourceClaim, entries: &[Arriving]) -> Result<HashSet<String>, StoreError> {
        let mut known = HashSet::new();
        for arriving in entries {
            let found: Option<(String,)> = each!(&self.reader, |db| {
                sqlx::query_as("SELECT fingerprint FROM post WHERE source_id = $1 AND fingerprint = $2 LIMIT 1")
                    .bind(claim.id.0)
                    .bind(&arriving.fingerprint)
                    .fetch_optional(db)
                    .await
            })?;
            known.extend(found.map(|(fingerprint,)| fingerprint));
        }
        Ok(known)
    }

    /// Whether any of these entries is stored already.
    pub async fn knows_any(&self, claim: &SourceClaim, entries: &[Arriving]) -> Result<bool, StoreError> {
        for arriving in entries {
            let found: Option<(i64,)> = each!(&self.reader, |db| {
                sqlx::query_as(
                    "SELECT id FROM post
                     WHERE source_id = $1 AND (guid = $2 OR url_key = $3 OR fingerprint = $4) LIMIT 1",
                )
                .bind(claim.id.0)
                .bind(&arriving.entry.guid)
                .bind(&arriving.url_key)
                .bind(&arriving.fingerprint)
                .fetch_optional(db)
                .await
            })?;
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The dates of a source's newest posts, newest first.
    pub async fn newest_dates(&self, source: SourceId, count: usize) -> Result<Vec<Timestamp>, StoreError> {
        let rows: Vec<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT dated_at FROM post WHERE source_id = $1 ORDER BY dated_at DESC LIMIT $2")
                .bind(source.0)
                .bind(i64::try_from(count).unwrap_or(i64::MAX))
                .fetch_all(db)
                .await
        })?;
        Ok(rows.into_iter().map(|(date,)| Timestamp::from_millis(date)).collect())
    }

    /// The newest posts that may stand in a feed: of these sources, or of all.
    pub async fn posts_of(&self, sources: Option<&[Slug]>, limit: u32) -> Result<Vec<Post>, StoreError> {
        let mut posts: Vec<PostRow> = Vec::new();
        match sources {
            None => {
                let rows: Vec<PostRow> = each!(&self.reader, |db| {
                    sqlx::query_as(select_posts!(
                        "WHERE p.standing <> 'held' AND NOT s.removed ORDER BY p.dated_at DESC, p.id DESC LIMIT $1"
                    ))
                    .bind(i64::from(limit))
                    .fetch_all(db)
                    .await
                })?;
                posts.extend(rows);
            }
            Some(names) => {
                // So many names a statement; the last stands in for those that are missing.
                for names in names.chunks(8) {
                    let name = |at: usize| names.get(at).or(names.last()).map_or("", Slug::as_str);
                    let rows: Vec<PostRow> = each!(&self.reader, |db| {
                        sqlx::query_as(select_posts!(
                            "WHERE p.standing <> 'held' AND s.name IN ($1, $2, $3, $4, $5, $6, $7, $8)
                             ORDER BY p.dated_at DESC, p.id DESC LIMIT $9"
                        ))
                        .bind(name(0))
                        .bind(name(1))
                        .bind(name(2))
                        .bind(name(3))
                        .bind(name(4))
                        .bind(name(5))
                        .bind(name(6))
                        .bind(name(7))
                        .bind(i64::from(limit))
                        .fetch_all(db)
                        .await
                    })?;
                    posts.extend(rows);
                    // No more than two helpings are ever in memory.
                    posts.sort_by_key(|post| std::cmp::Reverse((post.dated_at, post.id)));
                    posts.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                }
            }
        }
        posts.into_iter().map(Post::try_from).collect()
    }

    /// A post by its number.
    pub async fn post(&self, id: PostId) -> Result<Option<Post>, StoreError> {
        let row: Option<PostRow> = each!(&self.reader, |db| {
            sqlx::query_as(select_posts!("WHERE p.id = $1")).bind(id.0).fetch_optional(db).await
        })?;
        row.map(Post::try_from).transpose()
    }

    /// Posts by source and standing, newest first.
    pub async fn post_list(&self, filter: &PostFilter) -> Result<Vec<Post>, StoreError> {
        let rows: Vec<PostRow> = each!(&self.reader, |db| {
            sqlx::query_as(select_posts!(
                "WHERE ($1 = '' OR s.name = $1) AND ($2 = '' OR p.standing = $2)
                 ORDER BY p.dated_at DESC, p.id DESC LIMIT $3"
            ))
            .bind(filter.source.as_ref().map_or("", Slug::as_str))
            .bind(filter.standing.map_or("", Standing::as_str))
            .bind(i64::from(filter.limit))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Post::try_from).collect()
    }

    /// How many earlier versions of a post are kept.
    pub async fn post_versions(&self, id: PostId) -> Result<u64, StoreError> {
        let (count,): (i64,) = each!(&self.reader, |db| {
            sqlx::query_as("SELECT COUNT(*) FROM post_version WHERE post_id = $1").bind(id.0).fetch_one(db).await
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Decides on a post that the flood guard holds: `Live` is mailed from now
    /// on, `Seed` stands in the feeds only. Returns whether it was held.
    pub async fn release_post(&self, id: PostId, standing: Standing, now: Timestamp) -> Result<bool, StoreError> {
        let released = each!(&self.writer, |db| {
            sqlx::query("UPDATE post SET standing = $2, changed_at = $3 WHERE id = $1 AND standing = 'held'")
                .bind(id.0)
                .bind(standing.as_str())
                .bind(now.millis())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(released > 0)
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}
