//! Which hubs are still to be told of which of our feeds (WebSub). What has
//! changed is told from the sources' revisions, so that no poll does more for it.
//!
//! Kept here: a change that was committed is told sooner or later, by whichever
//! node; one node at a time speaks to a hub (P7); many changes of a feed are one
//! piece of news.

use super::{Engine, Store, StoreError, each};
use crate::domain::id::SourceId;
use crate::domain::slug::{BadSlug, Slug};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use std::time::Duration;

/// The right to speak to one hub, until its lease ends. Minted by
/// [`Store::claim_told`], consumed by [`Store::finish_telling`].
#[derive(Debug)]
#[must_use = "a claim must be finished, or the hub is told when its lease ends"]
pub struct TellClaim {
    /// The hub.
    pub hub: HttpUrl,
    /// How often in a row it could not be told.
    pub failures: u32,
    /// The feeds that have changed, with the version of each piece of news.
    pub feeds: Vec<(String, i64)>,
    fence: i64,
}

/// How a round of telling ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The feeds of which there is nothing more to tell: it took them, or refused them for good.
    pub done: Vec<(String, i64)>,
    /// Whether it took anything.
    pub taken: bool,
    /// Whether it is to be told the rest again because it could not be told.
    pub failed: bool,
    /// Why, or what it refused.
    pub trouble: Option<String>,
}

/// What is known of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldHub {
    /// Its address.
    pub hub: String,
    /// When it last took what it was told.
    pub told_at: Option<Timestamp>,
    /// Of how many feeds it is still to be told.
    pub waiting: u64,
    /// When it is told next, if there is anything to tell.
    pub next_at: Timestamp,
    /// Why it could not be told, or what it refused.
    pub trouble: Option<String>,
}

type HubRow = (String, Option<i64>, i64, i64, Option<String>);

/// Takes a claim on each hub for which there is news, in one statement.
macro_rules! claim_hubs {
    ($lock:literal) => {
        concat!(
            "WITH pick AS MATERIALIZED (
                 SELECT hub FROM told_hub WHERE lease_until <= $1 AND next_at <= $1
                     AND EXISTS (SELECT 1 FROM news WHERE news.hub = told_hub.hub) ORDER BY hub",
            $lock,
            ") UPDATE told_hub SET lease_until = $2, fence = fence + 1
             WHERE hub IN (SELECT hub FROM pick) RETURNING hub, failures, fence"
        )
    };
}

impl Store {
    /// Makes the hubs that are told match the configuration: at the start, and after
    /// each reload. A new one is told of what changes from now on.
    pub async fn sync_told_hubs(&self, hubs: &[HttpUrl], now: Timestamp) -> Result<(), StoreError> {
        let known: Vec<(String,)> =
            each!(&self.writer, |db| sqlx::query_as("SELECT hub FROM told_hub").fetch_all(db).await)?;
        let is_known = |hub: &HttpUrl| known.iter().any(|(known,)| known == hub.as_str());
        let gone: Vec<&String> =
            known.iter().map(|(known,)| known).filter(|known| hubs.iter().all(|hub| hub.as_str() != *known)).collect();
        let new: Vec<&HttpUrl> = hubs.iter().filter(|hub| !is_known(hub)).collect();
        if gone.is_empty() && new.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for hub in gone {
            for sql in ["DELETE FROM news WHERE hub = $1", "DELETE FROM told_hub WHERE hub = $1"] {
                each!(&mut tx, |db| sqlx::query(sql).bind(hub).execute(&mut **db).await.map(drop))?;
            }
        }
        if known.is_empty() {
            each!(&mut tx, |db| {
                sqlx::query("UPDATE source SET told_revision = revision WHERE revision <> told_revision")
                    .execute(&mut **db)
                    .await
                    .map(drop)
            })?;
        }
        for hub in new {
            each!(&mut tx, |db| {
                sqlx::query("INSERT INTO told_hub (hub, next_at) VALUES ($1, $2) ON CONFLICT (hub) DO NOTHING")
                    .bind(hub.as_str())
                    .bind(now.millis())
                    .execute(&mut **db)
                    .await
                    .map(drop)
            })?;
        }
        tx.commit().await
    }

    /// Up to `limit` sources of whose change no hub was told, with their revisions.
    pub async fn sources_with_news(&self, limit: u32) -> Result<Vec<(SourceId, Slug, i64)>, StoreError> {
        let rows: Vec<(i64, String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT id, name, revision FROM source WHERE revision <> told_revision ORDER BY id LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(db)
                .await
        })?;
        rows.into_iter()
            .map(|(id, name, revision)| {
                let name = name.parse().map_err(|why: BadSlug| StoreError::Corrupt(why.to_string()))?;
                Ok((SourceId(id), name, revision))
            })
            .collect()
    }

    /// Every hub is to be told of `feeds`, which show the posts of `changed` (with
    /// the revisions that are told of), from `at` on.
    pub async fn add_news(
        &self,
        changed: &[(SourceId, i64)],
        feeds: &[String],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        // A hub that has nothing to hear yet waits until then, so that a burst is one piece of news.
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE told_hub SET next_at = $1
                 WHERE next_at < $1 AND NOT EXISTS (SELECT 1 FROM news WHERE news.hub = told_hub.hub)",
            )
            .bind(at.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        for feed in feeds {
            each!(&mut tx, |db| {
                sqlx::query(
                    "INSERT INTO news (hub, feed) SELECT hub, $1 FROM told_hub WHERE TRUE
                     ON CONFLICT (hub, feed) DO UPDATE SET version = news.version + 1",
                )
                .bind(feed)
                .execute(&mut **db)
                .await
                .map(drop)
            })?;
        }
        for (source, revision) in changed {
            each!(&mut tx, |db| {
                sqlx::query("UPDATE source SET told_revision = $2 WHERE id = $1 AND told_revision < $2")
                    .bind(source.0)
                    .bind(revision)
                    .execute(&mut **db)
                    .await
                    .map(drop)
            })?;
        }
        tx.commit().await
    }

    /// When the next hub may be told; `None` when there is no news.
    pub async fn next_telling_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let (next,): (Option<i64>,) = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT MIN(CASE WHEN lease_until > next_at THEN lease_until ELSE next_at END) FROM told_hub
                 WHERE EXISTS (SELECT 1 FROM news WHERE news.hub = told_hub.hub)",
            )
            .fetch_one(db)
            .await
        })?;
        Ok(next.map(Timestamp::from_millis))
    }

    /// Claims the hubs that are due, for `lease`, each with up to `most` feeds.
    pub async fn claim_told(&self, now: Timestamp, lease: Duration, most: u32) -> Result<Vec<TellClaim>, StoreError> {
        let sql = match &self.writer {
            Engine::Sqlite(_) => claim_hubs!(""),
            Engine::Postgres(_) => claim_hubs!(" FOR UPDATE SKIP LOCKED"),
        };
        let rows: Vec<(String, i64, i64)> = each!(&self.writer, |db| {
            sqlx::query_as(sql).bind(now.millis()).bind(now.plus(lease).millis()).fetch_all(db).await
        })?;
        let mut claims = Vec::with_capacity(rows.len());
        for (hub, failures, fence) in rows {
            let feeds = each!(&self.writer, |db| {
                sqlx::query_as("SELECT feed, version FROM news WHERE hub = $1 ORDER BY feed LIMIT $2")
                    .bind(&hub)
                    .bind(i64::from(most))
                    .fetch_all(db)
                    .await
            })?;
            let hub = hub.parse().map_err(|why: crate::domain::url::BadUrl| StoreError::Corrupt(why.to_string()))?;
            claims.push(TellClaim { hub, failures: u32::try_from(failures).unwrap_or(u32::MAX), feeds, fence });
        }
        Ok(claims)
    }

    /// Ends a round: what the hub took is news no more, unless the feed changed again
    /// meanwhile. It is told the rest at `next_at`.
    pub async fn finish_telling(
        &self,
        claim: TellClaim,
        told: &Told,
        next_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for (feed, version) in &told.done {
            each!(&mut tx, |db| {
                sqlx::query("DELETE FROM news WHERE hub = $1 AND feed = $2 AND version = $3")
                    .bind(claim.hub.as_str())
                    .bind(feed)
                    .bind(version)
                    .execute(&mut **db)
                    .await
                    .map(drop)
            })?;
        }
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE told_hub SET lease_until = 0, next_at = $3, trouble = $4,
                     failures = CASE WHEN $5 THEN failures + 1 ELSE 0 END,
                     told_at = CASE WHEN $6 THEN $7 ELSE told_at END
                 WHERE hub = $1 AND fence = $2",
            )
            .bind(claim.hub.as_str())
            .bind(claim.fence)
            .bind(next_at.millis())
            .bind(&told.trouble)
            .bind(told.failed)
            .bind(told.taken)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        tx.commit().await
    }

    /// The hubs that are told, in the order of their addresses.
    pub async fn told_hubs(&self) -> Result<Vec<ToldHub>, StoreError> {
        let rows: Vec<HubRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT hub, told_at, (SELECT COUNT(*) FROM news WHERE news.hub = told_hub.hub), next_at, trouble
                 FROM told_hub ORDER BY hub",
            )
            .fetch_all(db)
            .await
        })?;
        let hubs = rows.into_iter().map(|(hub, told_at, waiting, next_at, trouble)| ToldHub {
            hub,
            told_at: told_at.map(Timestamp::from_millis),
            waiting: u64::try_from(waiting).unwrap_or(0),
            next_at: Timestamp::from_millis(next_at),
            trouble,
        });
        Ok(hubs.collect())
    }
}
