//! Posts that may have been withdrawn, from suspicion to certainty: who asks for their pages, what was found there, and
//! those that are withdrawn, for feeds and for people.
//!
//! Kept here: a post is withdrawn only while its source is well and has been seen well since the post was found to be
//! gone, so that a source which disappears altogether takes nothing with it. A finding is written only as long as nobody
//! else has looked at the post since it was claimed: its `check_at` is the fence (P7).

use super::feeds::{Chosen, raise_revision};
use super::many::Padded;
use super::posts::{PostRow, select_posts};
use super::{Engine, Store, StoreError, each};
use crate::domain::id::{PostId, SourceId};
use crate::domain::post::Post;
use crate::domain::retraction::{GIVEN_UP, LEFT_ALONE, Proof};
use crate::domain::slug::{BadSlug, Slug};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use serde::Serialize;
use sqlx::AssertSqlSafe;
use std::time::Duration;

/// A post that may be gone, to be looked at by whoever holds this.
#[derive(Debug)]
#[must_use = "a suspect must be judged, or it rests until its lease ends"]
pub struct Suspect {
    /// The post.
    pub id: PostId,
    /// Its source.
    pub source: Slug,
    /// Its page.
    pub url: Option<HttpUrl>,
    /// The site that its source says it belongs to.
    pub site: Option<HttpUrl>,
    /// Where its source is asked.
    pub feed: Option<HttpUrl>,
    /// Since when its feed lacks it.
    pub missing_since: Option<Timestamp>,
    /// Since when it is known to be gone, and what says so.
    pub gone: Option<(Timestamp, Proof)>,
    source_id: SourceId,
    lease: i64,
}

/// What became of a suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Its page is there: it may be missing from its feed for a while.
    Stands,
    /// It is gone: for the first time, and it is looked at again after so long.
    Gone(Proof, Duration),
    /// It is still gone, and counts as withdrawn.
    Withdrawn,
    /// Nobody knows; it is looked at again after so long.
    Unclear(Duration),
}

/// How far a post is from being withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retraction {
    /// Since when its feed lacks it; `None` when it says itself that it was deleted.
    pub missing_since: Option<Timestamp>,
    /// Since when it is known to be gone.
    pub gone_since: Option<Timestamp>,
    /// What says so.
    pub proof: Option<Proof>,
    /// When it is looked at again.
    pub check_at: Option<Timestamp>,
    /// Since when it counts as withdrawn.
    pub retracted_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct SuspectRow {
    source_id: i64,
    name: String,
    url: Option<String>,
    link: Option<String>,
    feed: String,
    missing_since: Option<i64>,
    gone_since: Option<i64>,
    gone_by: Option<String>,
}

/// The suspects that are due, of sources that are well and were well since. PostgreSQL is told to skip rows that another
/// node holds; SQLite has one writer.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "WITH pick AS MATERIALIZED (
                 SELECT p.id FROM post p JOIN source s ON s.id = p.source_id
                 WHERE p.check_at <= $1 AND (p.missing_since IS NOT NULL OR p.gone_since IS NOT NULL)
                   AND s.state = 'active' AND NOT s.removed AND s.failures = 0 AND s.ok_at > COALESCE(p.gone_since, 0)
                 ORDER BY p.check_at LIMIT $3",
            $lock,
            ") UPDATE post SET check_at = $2 WHERE id IN (SELECT id FROM pick) RETURNING id"
        )
    };
}

/// The posts that were withdrawn since `$1` and would else stand in a feed.
macro_rules! withdrawn {
    ($of:literal) => {
        select_posts!(concat!(
            "WHERE p.retracted_at >= $1 AND p.standing <> 'held' AND p.filtered_by IS NULL AND NOT p.hidden
               AND NOT s.removed ",
            $of,
            " ORDER BY p.retracted_at DESC, p.id DESC LIMIT $2"
        ))
    };
}

impl Store {
    /// Claims up to `limit` suspects that are due, for `lease`. Those that nobody could be sure of for long are let go
    /// first, and those that were left alone may be missed again.
    pub async fn claim_suspects(
        &self,
        limit: usize,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Suspect>, StoreError> {
        let until = now.plus(lease).millis();
        each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE post SET check_at = CASE WHEN missing_since IS NULL THEN NULL ELSE CAST($2 AS BIGINT) END,
                     missing_since = NULL, gone_since = NULL, gone_by = NULL
                 WHERE check_at <= $1 AND gone_by IS DISTINCT FROM 'deleted'
                   AND ((missing_since IS NULL AND gone_since IS NULL) OR missing_since <= $3)",
            )
            .bind(now.millis())
            .bind(now.plus(LEFT_ALONE).millis())
            .bind(now.minus(GIVEN_UP).millis())
            .execute(db)
            .await
            .map(drop)
        })?;
        let sql = match &self.writer {
            Engine::Sqlite(_) => claim!(""),
            Engine::Postgres(_) => claim!(" FOR UPDATE OF p SKIP LOCKED"),
        };
        let claimed: Vec<(i64,)> = each!(&self.writer, |db| {
            sqlx::query_as(sql)
                .bind(now.millis())
                .bind(until)
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(db)
                .await
        })?;
        let mut suspects = Vec::with_capacity(claimed.len());
        for (id,) in claimed {
            suspects.extend(self.suspect(id, until).await?);
        }
        Ok(suspects)
    }

    /// A suspect that was claimed; `None` when its source has shown it since.
    async fn suspect(&self, id: i64, lease: i64) -> Result<Option<Suspect>, StoreError> {
        let row: Option<SuspectRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.source_id, s.name, p.url, s.link, COALESCE(s.feed_url, s.url) AS feed, p.missing_since,
                     p.gone_since, p.gone_by
                 FROM post p JOIN source s ON s.id = p.source_id WHERE p.id = $1 AND p.check_at = $2",
            )
            .bind(id)
            .bind(lease)
            .fetch_optional(db)
            .await
        })?;
        let Some(row) = row else { return Ok(None) };
        let proof = row.gone_by.map(|proof| proof.parse().map_err(StoreError::Corrupt)).transpose()?;
        Ok(Some(Suspect {
            id: PostId(id),
            source: row.name.parse().map_err(|error: BadSlug| StoreError::Corrupt(error.to_string()))?,
            url: row.url.and_then(|url| url.parse().ok()),
            site: row.link.and_then(|url| url.parse().ok()),
            feed: row.feed.parse().ok(),
            missing_since: row.missing_since.map(Timestamp::from_millis),
            gone: row.gone_since.map(Timestamp::from_millis).zip(proof),
            source_id: SourceId(row.source_id),
            lease,
        }))
    }

    /// Writes what became of a suspect. Returns whether that was news: not when its source has shown it meanwhile, and
    /// nothing is withdrawn of a source that is not well.
    pub async fn judge_suspect(
        &self,
        suspect: Suspect,
        judgement: Judgement,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let same = (suspect.missing_since, suspect.gone);
        let ((missing, gone), next) = match judgement {
            Judgement::Stands => ((None, None), LEFT_ALONE),
            Judgement::Gone(proof, after) => ((suspect.missing_since, Some((now, proof))), after),
            Judgement::Unclear(after) => (same, after),
            Judgement::Withdrawn => return self.withdraw(&suspect, now).await,
        };
        let written = each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE post SET missing_since = $3, gone_since = $4, gone_by = $5, check_at = $6
                 WHERE id = $1 AND check_at = $2",
            )
            .bind(suspect.id.0)
            .bind(suspect.lease)
            .bind(missing.map(Timestamp::millis))
            .bind(gone.map(|(since, _)| since.millis()))
            .bind(gone.map(|(_, proof)| proof.as_str()))
            .bind(now.plus(next).millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(written > 0)
    }

    async fn withdraw(&self, suspect: &Suspect, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        // The source first, as polls have it: else two of them could wait for each other.
        raise_revision(&mut tx, suspect.source_id).await?;
        let written = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE post SET retracted_at = $3, check_at = NULL
                 WHERE id = $1 AND check_at = $2 AND NOT upheld
                   AND EXISTS (SELECT 1 FROM source s WHERE s.id = post.source_id AND s.state = 'active'
                               AND NOT s.removed AND s.failures = 0 AND s.ok_at > post.gone_since)",
            )
            .bind(suspect.id.0)
            .bind(suspect.lease)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if written > 0 {
            tx.commit().await?;
        }
        Ok(written > 0)
    }

    /// How far a post is from being withdrawn; `None` when nobody has missed it.
    pub async fn retraction(&self, id: PostId) -> Result<Option<Retraction>, StoreError> {
        type Row = (Option<i64>, Option<i64>, Option<String>, Option<i64>, Option<i64>);
        let row: Option<Row> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT missing_since, gone_since, gone_by, check_at, retracted_at FROM post
                 WHERE id = $1 AND (missing_since IS NOT NULL OR gone_since IS NOT NULL)",
            )
            .bind(id.0)
            .fetch_optional(db)
            .await
        })?;
        let Some((missing, gone, by, check, retracted)) = row else { return Ok(None) };
        let by = by.map(|by| by.parse().map_err(StoreError::Corrupt)).transpose()?;
        Ok(Some(Retraction {
            missing_since: missing.map(Timestamp::from_millis),
            gone_since: gone.map(Timestamp::from_millis),
            proof: by,
            check_at: check.map(Timestamp::from_millis),
            retracted_at: retracted.map(Timestamp::from_millis),
        }))
    }

    /// The posts of a choice that were withdrawn since then and would else stand in a feed, the latest withdrawal
    /// first.
    pub async fn withdrawn_posts(
        &self,
        chosen: &Chosen,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Post>, StoreError> {
        let (since, limit) = (since.millis(), i64::from(limit));
        let rows: Vec<PostRow> = match chosen {
            Chosen::All => each!(&self.reader, |db| {
                sqlx::query_as(withdrawn!("")).bind(since).bind(limit).fetch_all(db).await
            })?,
            Chosen::Sources(names) => {
                let Some(names) = Padded::of(names) else { return Ok(Vec::new()) };
                let sql = withdrawn!("AND s.name IN (NAMES)").replace("NAMES", &names.places(3));
                each!(&self.reader, |db| {
                    let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(since).bind(limit);
                    for name in names {
                        query = query.bind(name.as_str());
                    }
                    query.fetch_all(db).await
                })?
            }
            Chosen::Labelled(kind, key) => each!(&self.reader, |db| {
                sqlx::query_as(withdrawn!(
                    "AND EXISTS (SELECT 1 FROM post_label l WHERE l.post_id = p.id AND l.kind = $3 AND l.key = $4)"
                ))
                .bind(since)
                .bind(limit)
                .bind(kind.as_str())
                .bind(key.as_str())
                .fetch_all(db)
                .await
            })?,
        };
        rows.into_iter().map(Post::try_from).collect()
    }

    /// When a suspect is looked at next; `None` when there is none.
    pub async fn next_suspect_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let (next,): (Option<i64>,) = each!(&self.reader, |db| {
            sqlx::query_as("SELECT MIN(check_at) FROM post WHERE check_at IS NOT NULL").fetch_one(db).await
        })?;
        Ok(next.map(Timestamp::from_millis))
    }
}
