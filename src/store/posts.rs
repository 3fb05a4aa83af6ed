//! Posts: admitted from a source's document, and read for feeds and digests.
//!
//! [`Store::admit`] is one transaction: entries, their earlier versions, the
//! source's validators and its next poll commit together or not at all (P1).
//! Which stored post an entry is, if any, is decided in `identity` (P2).

use super::identity::{Known, Match, Matcher};
use super::sources::SourceClaim;
use super::{Store, StoreError, Tx, each};
use crate::domain::html::CleanHtml;
use crate::domain::id::{PostId, SourceId};
use crate::domain::post::{Entry, Post, Standing};
use crate::domain::slug::Slug;
use crate::domain::source::Seed;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// More look-alikes than this in one poll, and they are held (P2).
const FLOOD: usize = 20;

/// What a poll brought.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The document's entries, with what tells them apart.
    pub entries: Vec<Arriving>,
    /// The feed's own title.
    pub title: Option<String>,
    /// The site that the feed belongs to.
    pub link: Option<HttpUrl>,
    /// The feed's language.
    pub language: Option<String>,
    /// The address that the document came from, when it is not the configured one.
    pub feed_url: Option<HttpUrl>,
    /// The document's validators.
    pub etag: Option<String>,
    /// Likewise.
    pub last_modified: Option<String>,
    /// What a first poll may mail.
    pub seed: Seed,
    /// When to poll next.
    pub next_poll_at: Timestamp,
}

/// An entry with its keys.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// The entry.
    pub entry: Entry,
    /// Digest of what a reader sees of it.
    pub fingerprint: String,
    /// Its address without what does not tell posts apart.
    pub url_key: Option<String>,
}

/// What became of an arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Posts that may be mailed.
    pub new: Vec<PostId>,
    /// Posts of a first poll, which are not mailed.
    pub seeded: Vec<PostId>,
    /// Posts whose text changed.
    pub changed: Vec<PostId>,
    /// Posts that the flood guard keeps back.
    pub held: Vec<PostId>,
    /// How many entries were known and the same.
    pub same: usize,
    /// The lease was lost to another node; nothing was written.
    pub fenced_out: bool,
}

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
                    p.updated_at, p.summary, p.content, p.categories, p.enclosures, p.also_at, p.fingerprint,
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
    /// Stores what a poll brought: new posts, changed ones with their earlier
    /// version, and the source's progress, in one transaction.
    pub async fn admit(&self, claim: SourceClaim, arrival: Arrival, now: Timestamp) -> Result<Admitted, StoreError> {
        let mut tx = self.begin().await?;
        if !advance_source(&mut tx, &claim, &arrival, now).await? {
            return Ok(Admitted { fenced_out: true, ..Admitted::default() });
        }
        let known = known_posts(&mut tx, claim.id).await?;
        let mut matcher = Matcher::new(known, &arrival.entries);
        let mut admitted = Admitted::default();
        let mut fresh = Vec::new();
        for arriving in arrival.entries {
            match matcher.identify(&arriving) {
                Match::Same => admitted.same += 1,
                Match::Changed(id) => {
                    update_post(&mut tx, id, &arriving, now).await?;
                    admitted.changed.push(id);
                }
                Match::New { guid, looks_old } => fresh.push((arriving, guid, looks_old)),
            }
        }
        if claim.seeded && admitted.same + admitted.changed.len() == 0 && !fresh.is_empty() {
            tracing::warn!(
                source = %claim.name, entries = fresh.len(),
                "this poll shares no entry with what is stored: posts between the two may have been missed"
            );
        }
        let flood = claim.seeded && fresh.iter().filter(|(_, _, looks_old)| *looks_old).count() > FLOOD;
        let mailable = newest(&fresh, if claim.seeded { fresh.len() } else { seed_count(arrival.seed) });
        // Oldest first, so that numbers rise with dates.
        for (position, (arriving, guid, looks_old)) in fresh.into_iter().enumerate().rev() {
            let standing = match (flood && looks_old, mailable.contains(&position)) {
                (true, _) => Standing::Held,
                (false, true) => Standing::Live,
                (false, false) => Standing::Seed,
            };
            let id = insert_post(&mut tx, claim.id, &arriving, &guid, standing, now).await?;
            match standing {
                Standing::Live => admitted.new.push(id),
                Standing::Seed => admitted.seeded.push(id),
                Standing::Held => admitted.held.push(id),
            }
        }
        tx.commit().await?;
        Ok(admitted)
    }

    /// The newest posts that may stand in a feed: of these sources, or of all.
    pub async fn posts_of(&self, sources: Option<&[Slug]>, limit: u32) -> Result<Vec<Post>, StoreError> {
        let mut posts = Vec::new();
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
                for name in names {
                    let rows: Vec<PostRow> = each!(&self.reader, |db| {
                        sqlx::query_as(select_posts!(
                            "WHERE p.standing <> 'held' AND s.name = $1 ORDER BY p.dated_at DESC, p.id DESC LIMIT $2"
                        ))
                        .bind(name.as_str())
                        .bind(i64::from(limit))
                        .fetch_all(db)
                        .await
                    })?;
                    posts.extend(rows);
                }
            }
        }
        let mut posts: Vec<Post> = posts.into_iter().map(Post::try_from).collect::<Result<_, _>>()?;
        posts.sort_by_key(|post| std::cmp::Reverse((post.date(), post.id)));
        posts.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(posts)
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
}

fn seed_count(seed: Seed) -> usize {
    match seed {
        Seed::None => 0,
        Seed::Newest(count) => count,
    }
}

/// The positions of the `count` newest entries; where dates are missing or the
/// same, the document's order decides.
fn newest(fresh: &[(Arriving, String, bool)], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..fresh.len()).collect();
    order.sort_by_key(|&position| {
        std::cmp::Reverse(fresh.get(position).and_then(|(arriving, ..)| arriving.entry.published))
    });
    order.truncate(count);
    order
}

fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Writes what the poll learnt of the source; `false` when the claim is no
/// longer ours (P7).
async fn advance_source(
    tx: &mut Tx,
    claim: &SourceClaim,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let written = each!(tx, |db| {
        sqlx::query(
            "UPDATE source SET title = $3, link = $4, language = $5, feed_url = $6, etag = $7, last_modified = $8,
                 next_poll_at = $9, polled_at = $10, ok_at = $10, seeded = TRUE, failures = 0, trouble = NULL,
                 state = CASE WHEN state = 'gone' THEN 'active' ELSE state END, lease_until = 0
             WHERE id = $1 AND fence = $2",
        )
        .bind(claim.id.0)
        .bind(claim.fence)
        .bind(&arrival.title)
        .bind(arrival.link.as_ref().map(HttpUrl::as_str))
        .bind(&arrival.language)
        .bind(arrival.feed_url.as_ref().map(HttpUrl::as_str))
        .bind(&arrival.etag)
        .bind(&arrival.last_modified)
        .bind(arrival.next_poll_at.millis())
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(written > 0)
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    id: i64,
    guid: String,
    url_key: Option<String>,
    fingerprint: String,
    title: String,
    published_at: Option<i64>,
}

async fn known_posts(tx: &mut Tx, source: SourceId) -> Result<Vec<Known>, StoreError> {
    let rows: Vec<KnownRow> = each!(tx, |db| {
        sqlx::query_as("SELECT id, guid, url_key, fingerprint, title, published_at FROM post WHERE source_id = $1")
            .bind(source.0)
            .fetch_all(&mut **db)
            .await
    })?;
    Ok(rows
        .into_iter()
        .map(|row| Known {
            id: PostId(row.id),
            guid: row.guid,
            url_key: row.url_key,
            fingerprint: row.fingerprint,
            title: row.title,
            published: row.published_at.map(Timestamp::from_millis),
        })
        .collect())
}

async fn insert_post(
    tx: &mut Tx,
    source: SourceId,
    arriving: &Arriving,
    guid: &str,
    standing: Standing,
    now: Timestamp,
) -> Result<PostId, StoreError> {
    let entry = &arriving.entry;
    let (authors, categories) = (to_json(&entry.authors)?, to_json(&entry.categories)?);
    let (enclosures, also_at) = (to_json(&entry.enclosures)?, to_json(&entry.also_at)?);
    let (id,): (i64,) = each!(tx, |db| {
        sqlx::query_as(
            "INSERT INTO post (source_id, guid, url, url_key, title, authors, published_at, updated_at, dated_at,
                 summary, content, categories, enclosures, also_at, fingerprint, first_seen_at, changed_at, standing)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17) RETURNING id",
        )
        .bind(source.0)
        .bind(guid)
        .bind(entry.url.as_ref().map(HttpUrl::as_str))
        .bind(&arriving.url_key)
        .bind(&entry.title)
        .bind(&authors)
        .bind(entry.published.map(Timestamp::millis))
        .bind(entry.updated.map(Timestamp::millis))
        .bind(entry.published.map_or(now, |published| published.min(now)).millis())
        .bind(entry.summary.as_ref().map(CleanHtml::as_str))
        .bind(entry.content.as_ref().map(CleanHtml::as_str))
        .bind(&categories)
        .bind(&enclosures)
        .bind(&also_at)
        .bind(&arriving.fingerprint)
        .bind(now.millis())
        .bind(standing.as_str())
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(PostId(id))
}

/// Puts the new text in the old one's place and keeps the old. The post's guid
/// stays, so that readers' programs know it again.
async fn update_post(tx: &mut Tx, id: PostId, arriving: &Arriving, now: Timestamp) -> Result<(), StoreError> {
    let entry = &arriving.entry;
    let (authors, categories) = (to_json(&entry.authors)?, to_json(&entry.categories)?);
    let (enclosures, also_at) = (to_json(&entry.enclosures)?, to_json(&entry.also_at)?);
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
    each!(&mut *tx, |db| {
        sqlx::query(
            "UPDATE post SET url = $2, url_key = $3, title = $4, authors = $5, updated_at = $6, summary = $7,
                 content = $8, categories = $9, enclosures = $10, also_at = $11, fingerprint = $12, changed_at = $13
             WHERE id = $1",
        )
        .bind(id.0)
        .bind(entry.url.as_ref().map(HttpUrl::as_str))
        .bind(&arriving.url_key)
        .bind(&entry.title)
        .bind(&authors)
        .bind(entry.updated.map(Timestamp::millis))
        .bind(entry.summary.as_ref().map(CleanHtml::as_str))
        .bind(entry.content.as_ref().map(CleanHtml::as_str))
        .bind(&categories)
        .bind(&enclosures)
        .bind(&also_at)
        .bind(&arriving.fingerprint)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
