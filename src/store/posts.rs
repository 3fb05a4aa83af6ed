//! Posts, read for feeds, pages and people; `admit` writes them.

use super::{Store, StoreError, each};
use crate::domain::html::CleanHtml;
use crate::domain::id::{PostId, SourceId};
use crate::domain::piece::Appearance;
use crate::domain::post::{Entry, Place, Post, Standing};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use serde::de::DeserializeOwned;

/// The most posts that are looked through for a feed that takes few of them.
const LOOKED_THROUGH: usize = 1_000;

/// Which posts to list.
#[derive(Debug, Clone, Default)]
pub struct PostFilter {
    /// Of this source only.
    pub source: Option<Slug>,
    /// Of this standing only.
    pub standing: Option<Standing>,
    /// Only what its source's filter hides.
    pub filtered: bool,
    /// Only what a person hid.
    pub hidden: bool,
    /// Only what was withdrawn.
    pub retracted: bool,
    /// At most so many, newest first.
    pub limit: u32,
}

#[derive(sqlx::FromRow)]
pub(super) struct PostRow {
    id: i64,
    source_id: i64,
    source_name: String,
    source_language: Option<String>,
    guid: String,
    url: Option<String>,
    title: String,
    authors: String,
    language: Option<String>,
    published_at: Option<i64>,
    dated_at: i64,
    updated_at: Option<i64>,
    summary: Option<String>,
    content: Option<String>,
    categories: String,
    enclosures: String,
    original: Option<String>,
    also_at: String,
    fingerprint: String,
    first_seen_at: i64,
    changed_at: i64,
    standing: String,
    held_for: Option<String>,
    filtered_by: Option<String>,
    hidden: bool,
    retracted_at: Option<i64>,
    appearances: Option<String>,
    outlets: Option<String>,
}

/// The columns of a [`PostRow`]; each query adds its own `WHERE`. The other posts of its piece come along as one
/// text, in which control characters part what no title holds; and so do the outlets where one of them stands.
macro_rules! select_posts {
    ($rest:expr) => {
        concat!(
            "SELECT p.id, p.source_id, s.name AS source_name, s.language AS source_language, p.guid, p.url, p.title, p.authors, p.language, p.published_at,
                    p.dated_at, p.updated_at, p.summary, p.content, p.categories, p.enclosures, p.original, p.also_at, p.fingerprint,
                    p.first_seen_at, p.changed_at, p.standing, p.held_for, p.filtered_by, p.hidden, p.retracted_at,
                    (SELECT string_agg(c.id || '\x1f' || cs.name || '\x1f' || COALESCE(cs.title, '') || '\x1f'
                         || COALESCE(c.url, '') || '\x1f' || c.dated_at || '\x1f' || c.guid, '\x1e')
                     FROM post c JOIN source cs ON cs.id = c.source_id
                     WHERE c.piece = p.piece AND c.id <> p.id AND c.shown AND NOT cs.removed) AS appearances,
                    (SELECT string_agg(t.title || '\x1f' || o.url, '\x1e' ORDER BY o.posted_at, o.id)
                     FROM outlet_post o JOIN outlet t ON t.name = o.outlet
                     WHERE o.post_id IN (SELECT c.id FROM post c WHERE c.id = p.id OR c.piece = p.piece)
                       AND o.url IS NOT NULL) AS outlets
             FROM post p JOIN source s ON s.id = p.source_id ",
            $rest
        )
    };
}
pub(super) use select_posts;

/// That `p` stands for its piece among all posts that may be shown (`Post::is_original`).
macro_rules! is_original {
    () => {
        "NOT EXISTS (SELECT 1 FROM post c JOIN source cs ON cs.id = c.source_id
                     WHERE c.piece = p.piece AND c.shown AND NOT cs.removed AND (c.dated_at, c.id) < (p.dated_at, p.id))"
    };
}
pub(super) use is_original;

impl TryFrom<PostRow> for Post {
    type Error = StoreError;

    fn try_from(row: PostRow) -> Result<Self, StoreError> {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(format!("post {}: {error}", row.id));
        Ok(Self {
            id: PostId(row.id),
            source: SourceId(row.source_id),
            source_name: row.source_name.parse().map_err(|error| corrupt(&error as &crate::domain::slug::BadSlug))?,
            source_language: row.source_language,
            entry: Entry {
                guid: row.guid,
                url: row.url.and_then(|url| url.parse().ok()),
                title: row.title,
                authors: from_json(&row.authors)?,
                language: row.language,
                published: row.published_at.map(Timestamp::from_millis),
                updated: row.updated_at.map(Timestamp::from_millis),
                summary: row.summary.map(CleanHtml::from_store),
                content: row.content.map(CleanHtml::from_store),
                categories: from_json(&row.categories)?,
                enclosures: from_json(&row.enclosures)?,
                original: row.original.and_then(|url| url.parse().ok()),
                also_at: from_json(&row.also_at)?,
            },
            fingerprint: row.fingerprint,
            first_seen: Timestamp::from_millis(row.first_seen_at),
            changed: Timestamp::from_millis(row.changed_at),
            standing: row.standing.parse().map_err(StoreError::Corrupt)?,
            held_for: row.held_for.map(|why| why.parse()).transpose().map_err(StoreError::Corrupt)?,
            filtered_by: row.filtered_by,
            hidden: row.hidden,
            retracted: row.retracted_at.map(Timestamp::from_millis),
            appearances: row.appearances.as_deref().map(appearances).unwrap_or_default(),
            outlets: row.outlets.as_deref().map(outlets).unwrap_or_default(),
        })
    }
}

impl Store {
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

    /// The newest posts that may stand in a feed and that `take` takes: of these
    /// sources, or of all. So many are looked at in a few helpings, at most
    /// [`LOOKED_THROUGH`] or `limit` of every eight sources.
    pub async fn posts_of(
        &self,
        sources: Option<&[Slug]>,
        limit: u32,
        take: &(dyn Fn(&Post) -> bool + Send + Sync),
    ) -> Result<Vec<Post>, StoreError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let some: Vec<Option<&[Slug]>> = sources.map_or(vec![None], |names| names.chunks(8).map(Some).collect());
        let mut posts: Vec<(i64, Post)> = Vec::new();
        for names in some {
            let (mut behind, mut looked, mut taken) = ((i64::MAX, i64::MAX), 0, 0);
            loop {
                let rows = self.page(names, behind, limit).await?;
                let is_last = rows.len() < most;
                looked += rows.len();
                for row in rows {
                    behind = (row.dated_at, row.id);
                    let post = Post::try_from(row)?;
                    if take(&post) {
                        posts.push((behind.0, post));
                        taken += 1;
                    }
                }
                if is_last || taken >= most || looked >= LOOKED_THROUGH {
                    break;
                }
            }
            // No more than three helpings are ever in memory.
            posts.sort_by_key(|(dated_at, post)| std::cmp::Reverse((*dated_at, post.id)));
            posts.truncate(most);
        }
        Ok(posts.into_iter().map(|(_, post)| post).collect())
    }

    /// Posts that may stand in a feed, of up to eight sources or of all, newest
    /// first, from behind a date and number on.
    async fn page(&self, names: Option<&[Slug]>, behind: (i64, i64), limit: u32) -> Result<Vec<PostRow>, StoreError> {
        let Some(names) = names else {
            return Ok(each!(&self.reader, |db| {
                sqlx::query_as(select_posts!(
                    "WHERE p.shown AND NOT s.removed
                       AND (p.dated_at < $1 OR (p.dated_at = $1 AND p.id < $2))
                     ORDER BY p.dated_at DESC, p.id DESC LIMIT $3"
                ))
                .bind(behind.0)
                .bind(behind.1)
                .bind(i64::from(limit))
                .fetch_all(db)
                .await
            })?);
        };
        // The last name stands in for those that are missing.
        let name = |at: usize| names.get(at).or(names.last()).map_or("", Slug::as_str);
        Ok(each!(&self.reader, |db| {
            sqlx::query_as(select_posts!(
                "WHERE p.shown
                   AND s.name IN ($1, $2, $3, $4, $5, $6, $7, $8)
                   AND (p.dated_at < $9 OR (p.dated_at = $9 AND p.id < $10))
                 ORDER BY p.dated_at DESC, p.id DESC LIMIT $11"
            ))
            .bind(name(0))
            .bind(name(1))
            .bind(name(2))
            .bind(name(3))
            .bind(name(4))
            .bind(name(5))
            .bind(name(6))
            .bind(name(7))
            .bind(behind.0)
            .bind(behind.1)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?)
    }

    /// A post by its number.
    pub async fn post(&self, id: PostId) -> Result<Option<Post>, StoreError> {
        let row: Option<PostRow> = each!(&self.reader, |db| {
            sqlx::query_as(select_posts!("WHERE p.id = $1")).bind(id.0).fetch_optional(db).await
        })?;
        row.map(Post::try_from).transpose()
    }

    /// The post of a source that has this text.
    pub async fn post_with_text(&self, source: SourceId, fingerprint: &str) -> Result<Option<Post>, StoreError> {
        let row: Option<PostRow> = each!(&self.reader, |db| {
            sqlx::query_as(select_posts!("WHERE p.source_id = $1 AND p.fingerprint = $2 ORDER BY p.id LIMIT 1"))
                .bind(source.0)
                .bind(fingerprint)
                .fetch_optional(db)
                .await
        })?;
        row.map(Post::try_from).transpose()
    }

    /// Posts by source and standing, newest first.
    pub async fn post_list(&self, filter: &PostFilter) -> Result<Vec<Post>, StoreError> {
        let rows: Vec<PostRow> = each!(&self.reader, |db| {
            sqlx::query_as(select_posts!(
                "WHERE ($1 = '' OR s.name = $1) AND ($2 = '' OR p.standing = $2)
                   AND (p.filtered_by IS NOT NULL OR NOT $3) AND (p.hidden OR NOT $4)
                   AND (p.retracted_at IS NOT NULL OR NOT $5)
                 ORDER BY p.dated_at DESC, p.id DESC LIMIT $6"
            ))
            .bind(filter.source.as_ref().map_or("", Slug::as_str))
            .bind(filter.standing.map_or("", Standing::as_str))
            .bind(filter.filtered)
            .bind(filter.hidden)
            .bind(filter.retracted)
            .bind(i64::from(filter.limit))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Post::try_from).collect()
    }
}

/// The others of a piece, as `select_posts` puts them into one text.
fn appearances(text: &str) -> Vec<Appearance> {
    let of = |line: &str| {
        let mut parts = line.splitn(6, '\x1f');
        let mut part = || parts.next();
        let (id, source, title, url, date, guid) = (part()?, part()?, part()?, part()?, part()?, part()?);
        Some(Appearance {
            id: PostId(id.parse().ok()?),
            source: source.parse().ok()?,
            name: if title.is_empty() { source.to_owned() } else { title.to_owned() },
            url: url.parse().ok(),
            date: Timestamp::from_millis(date.parse().ok()?),
            guid: guid.to_owned(),
        })
    };
    text.split('\x1e').filter_map(of).collect()
}

/// The outlets of a piece, in the same way.
fn outlets(text: &str) -> Vec<Place> {
    let of = |line: &str| {
        let (name, url) = line.split_once('\x1f')?;
        Some(Place { name: name.to_owned(), url: Some(url.parse().ok()?) })
    };
    text.split('\x1e').filter_map(of).collect()
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}
