//! A source's document, admitted: one transaction in which entries, their
//! earlier versions, the source's validators and its next poll commit together
//! or not at all (P1). Which stored post an entry is, if any, is decided in
//! `identity` (P2).

use super::claims::SourceClaim;
use super::identity::{Known, Match, Matcher};
use super::{Store, StoreError, Tx, each};
use crate::domain::html::CleanHtml;
use crate::domain::id::{PostId, SourceId};
use crate::domain::pace::Pace;
use crate::domain::post::{Entry, Standing};
use crate::domain::source::Seed;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// How many of a source's latest posts are compared in full; older ones are
/// looked up by guid, address and text.
const RECENT: i64 = 1000;
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
    /// How the document had to be mended; `None` when it was sound.
    pub repaired: Option<String>,
    /// What the feed asks of those who poll it.
    pub pace: Pace,
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

impl Store {
    /// Stores what a poll brought: new posts, changed ones with their earlier
    /// version, and the source's progress, in one transaction.
    pub async fn admit(&self, claim: SourceClaim, arrival: Arrival, now: Timestamp) -> Result<Admitted, StoreError> {
        let mut tx = self.begin().await?;
        if !advance_source(&mut tx, &claim, &arrival, now).await? {
            return Ok(Admitted { fenced_out: true, ..Admitted::default() });
        }
        let known = known_posts(&mut tx, claim.id, &arrival.entries).await?;
        let mut matcher = Matcher::new(known, &arrival.entries);
        let mut admitted = Admitted::default();
        let mut fresh = Vec::new();
        for arriving in arrival.entries {
            match matcher.identify(&arriving) {
                Match::Same(id) => {
                    refresh_post(&mut tx, id, &arriving).await?;
                    admitted.same += 1;
                }
                Match::Changed(id) => {
                    keep_version(&mut tx, id, now).await?;
                    update_post(&mut tx, id, &arriving, now).await?;
                    admitted.changed.push(id);
                }
                Match::New { guid, looks_old } => fresh.push((arriving, guid, looks_old)),
                Match::Twin => {}
            }
        }
        let nothing_shared = admitted.same + admitted.changed.len() == 0 && !fresh.is_empty();
        // A source that was given another address may be another blog: what its
        // first document shows was there before, unless it is known.
        let seeds = !claim.seeded || (claim.ok_at.is_none() && nothing_shared);
        if !seeds && nothing_shared {
            tracing::warn!(
                source = %claim.name, entries = fresh.len(),
                "this poll shares no entry with what is stored: posts between the two may have been missed"
            );
        }
        let flood = !seeds && fresh.iter().filter(|(_, _, looks_old)| *looks_old).count() > FLOOD;
        let mailable = newest(&fresh, if seeds { seed_count(arrival.seed) } else { fresh.len() });
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

    /// Which of these texts a source's posts have, and since when.
    pub async fn known_texts<'t>(
        &self,
        claim: &SourceClaim,
        texts: impl Iterator<Item = &'t str>,
    ) -> Result<HashMap<&'t str, Timestamp>, StoreError> {
        let mut known = HashMap::new();
        for text in texts {
            let found: Option<(i64,)> = each!(&self.reader, |db| {
                sqlx::query_as("SELECT changed_at FROM post WHERE source_id = $1 AND fingerprint = $2 LIMIT 1")
                    .bind(claim.id.0)
                    .bind(text)
                    .fetch_optional(db)
                    .await
            })?;
            known.extend(found.map(|(changed,)| (text, Timestamp::from_millis(changed))));
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

/// Writes what the poll learnt of the source; `false` when the claim is no
/// longer ours (P7).
async fn advance_source(
    tx: &mut Tx,
    claim: &SourceClaim,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let pace = if arrival.pace == Pace::default() { None } else { Some(to_json(&arrival.pace)?) };
    let written = each!(tx, |db| {
        sqlx::query(
            "UPDATE source SET title = $3, link = $4, language = $5, feed_url = $6, etag = $7, last_modified = $8,
                 next_poll_at = $9, polled_at = $10, ok_at = $10, seeded = TRUE, failures = 0, trouble = NULL,
                 failing_since = NULL, repaired = $11, pace = $12,
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
        .bind(&arrival.repaired)
        .bind(&pace)
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

impl From<KnownRow> for Known {
    fn from(row: KnownRow) -> Self {
        Self {
            id: Some(PostId(row.id)),
            guid: row.guid,
            url_key: row.url_key,
            fingerprint: row.fingerprint,
            title: row.title,
            published: row.published_at.map(Timestamp::from_millis),
        }
    }
}

/// The source's latest posts, and those older ones that share a key with an entry.
async fn known_posts(tx: &mut Tx, source: SourceId, entries: &[Arriving]) -> Result<Vec<Known>, StoreError> {
    let mut rows: Vec<KnownRow> = each!(&mut *tx, |db| {
        sqlx::query_as(
            "SELECT id, guid, url_key, fingerprint, title, published_at FROM post
             WHERE source_id = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(source.0)
        .bind(RECENT)
        .fetch_all(&mut **db)
        .await
    })?;
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) == RECENT {
        let guids: HashSet<String> = rows.iter().map(|row| row.guid.clone()).collect();
        let mut seen: HashSet<i64> = rows.iter().map(|row| row.id).collect();
        for arriving in entries.iter().filter(|arriving| !guids.contains(&arriving.entry.guid)) {
            let older: Vec<KnownRow> = each!(&mut *tx, |db| {
                sqlx::query_as(
                    "SELECT id, guid, url_key, fingerprint, title, published_at FROM post
                     WHERE source_id = $1 AND (guid = $2 OR url_key = $3 OR fingerprint = $4) LIMIT 10",
                )
                .bind(source.0)
                .bind(&arriving.entry.guid)
                .bind(&arriving.url_key)
                .bind(&arriving.fingerprint)
                .fetch_all(&mut **db)
                .await
            })?;
            rows.extend(older.into_iter().filter(|row| seen.insert(row.id)));
        }
    }
    Ok(rows.into_iter().map(Known::from).collect())
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

/// Keeps the text that is about to be replaced.
async fn keep_version(tx: &mut Tx, id: PostId, now: Timestamp) -> Result<(), StoreError> {
    each!(tx, |db| {
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
    Ok(())
}

/// Puts the new text in the old one's place. The post's guid stays, so that
/// readers' programs know it again; so does its date, unless it had none.
async fn update_post(tx: &mut Tx, id: PostId, arriving: &Arriving, now: Timestamp) -> Result<(), StoreError> {
    let entry = &arriving.entry;
    let (authors, categories) = (to_json(&entry.authors)?, to_json(&entry.categories)?);
    let (enclosures, also_at) = (to_json(&entry.enclosures)?, to_json(&entry.also_at)?);
    each!(tx, |db| {
        sqlx::query(
            "UPDATE post SET url = $2, url_key = $3, title = $4, authors = $5, updated_at = $6, summary = $7,
                 content = $8, categories = $9, enclosures = $10, also_at = $11, fingerprint = $12, changed_at = $13,
                 published_at = COALESCE(published_at, $14)
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
        .bind(entry.published.map(Timestamp::millis))
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Takes over what changed beside the text (its markup, its address, its tags):
/// no new version, and nothing to wait for before it is mailed.
async fn refresh_post(tx: &mut Tx, id: PostId, arriving: &Arriving) -> Result<(), StoreError> {
    let entry = &arriving.entry;
    let (authors, categories) = (to_json(&entry.authors)?, to_json(&entry.categories)?);
    let (enclosures, also_at) = (to_json(&entry.enclosures)?, to_json(&entry.also_at)?);
    each!(tx, |db| {
        sqlx::query(
            "UPDATE post SET url = $2, url_key = $3, title = $4, authors = $5, updated_at = $6, summary = $7,
                 content = $8, categories = $9, enclosures = $10, also_at = $11
             WHERE id = $1 AND (url IS DISTINCT FROM $2 OR url_key IS DISTINCT FROM $3 OR title <> $4 OR authors <> $5
                 OR updated_at IS DISTINCT FROM $6 OR summary IS DISTINCT FROM $7 OR content IS DISTINCT FROM $8
                 OR categories <> $9 OR enclosures <> $10 OR also_at <> $11)",
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
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
