//! Which of a document's entries are stored already: what `identity` compares
//! them with, and what a poll asks before it reads further.

use super::admit::Arriving;
use super::claims::SourceClaim;
use super::identity::{Known, stand_in};
use super::many::Padded;
use super::{Store, StoreError, Tx, each};
use crate::domain::id::{PostId, SourceId};
use crate::domain::time::Timestamp;
use crate::domain::wording::plain;
use sqlx::AssertSqlSafe;
use std::collections::{HashMap, HashSet};

/// How many of a source's latest posts are compared in full: a few times what the document holds, within these bounds.
/// Older ones are looked up by guid, address and text, each by its index: of an `OR` over both
/// tables PostgreSQL makes a walk through all posts.
const RECENT: (usize, usize) = (100, 1000);
/// So many of them are looked up at once.
const TOGETHER: usize = 32;

impl Store {
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
                    "SELECT id FROM post WHERE (source_id = $1 AND guid = $2) OR (source_id = $1 AND url_key = $3)
                     OR (source_id = $1 AND fingerprint = $4) LIMIT 1",
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
            id: PostId(row.id),
            guid: row.guid,
            url_key: row.url_key,
            fingerprint: row.fingerprint,
            title: plain(&row.title),
            published: row.published_at.map(Timestamp::from_millis),
        }
    }
}

/// The source's latest posts, and those older ones that share a key with an entry.
pub(super) async fn known_posts(tx: &mut Tx, source: SourceId, entries: &[Arriving]) -> Result<Vec<Known>, StoreError> {
    let recent = (entries.len() * 3).clamp(RECENT.0, RECENT.1);
    let mut rows: Vec<KnownRow> = each!(&mut *tx, |db| {
        sqlx::query_as(
            "SELECT id, guid, url_key, fingerprint, title, published_at FROM post
             WHERE source_id = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(source.0)
        .bind(i64::try_from(recent).unwrap_or(i64::MAX))
        .fetch_all(&mut **db)
        .await
    })?;
    if rows.len() == recent {
        let guids: HashSet<String> = rows.iter().map(|row| row.guid.clone()).collect();
        let mut seen: HashSet<i64> = rows.iter().map(|row| row.id).collect();
        let strange: Vec<&Arriving> = entries.iter().filter(|entry| !guids.contains(&entry.entry.guid)).collect();
        for some in strange.chunks(TOGETHER) {
            let older = older_posts(&mut *tx, source, some).await?;
            rows.extend(older.into_iter().filter(|row| seen.insert(row.id)));
        }
    }
    Ok(rows.into_iter().map(Known::from).collect())
}

/// Posts that share a key with one of these entries.
async fn older_posts(tx: &mut Tx, source: SourceId, entries: &[&Arriving]) -> Result<Vec<KnownRow>, StoreError> {
    let Some(entries) = Padded::of(entries) else { return Ok(Vec::new()) };
    let [guids, stand_ins, urls, texts] = [0, 1, 2, 3].map(|part| entries.places(2 + part * entries.len()));
    let most = 10 * entries.len();
    let sql = format!(
        "SELECT id, guid, url_key, fingerprint, title, published_at FROM post WHERE id IN
             (SELECT id FROM post WHERE source_id = $1 AND guid IN ({guids}, {stand_ins})
              UNION SELECT id FROM post WHERE source_id = $1 AND url_key IN ({urls})
              UNION SELECT id FROM post WHERE source_id = $1 AND fingerprint IN ({texts})
              UNION SELECT post_id FROM post_alias WHERE source_id = $1 AND guid IN ({guids})) LIMIT {most}"
    );
    let entries: Vec<&Arriving> = entries.into_iter().copied().collect();
    each!(tx, |db| {
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(source.0);
        for arriving in &entries {
            query = query.bind(&arriving.entry.guid);
        }
        for arriving in &entries {
            query = query.bind(stand_in(arriving));
        }
        for arriving in &entries {
            query = query.bind(&arriving.url_key);
        }
        for arriving in &entries {
            query = query.bind(&arriving.fingerprint);
        }
        query.fetch_all(&mut **db).await
    })
    .map_err(StoreError::from)
}
