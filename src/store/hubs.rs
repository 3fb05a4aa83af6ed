//! What hubs were asked to announce, what they promised, and what they pushed
//! (WebSub). A row is one source at one hub under one topic; its number is all
//! that its callback and its secret are derived from.
//!
//! Kept here: one node asks at a time (P7); a hub's answer that came before the
//! question's end was written is not lost; an announcement brings a poll forward
//! and never closer to the last one than the operator allows.

use super::hub_choice::want_hub;
use super::{Engine, Store, StoreError, Tx, each};
use crate::domain::id::{HubId, SourceId};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::domain::websub::Channel;
use std::collections::HashMap;
use std::time::Duration;

/// The right to ask a hub, until its lease ends. Minted by
/// [`Store::claim_hubs`], consumed by [`Store::finish_asking`].
#[derive(Debug)]
#[must_use = "a claim must be finished, or the hub is asked again when its lease ends"]
pub struct HubClaim {
    /// Its row.
    pub id: HubId,
    /// Whom to ask, and for what.
    pub channel: Channel,
    /// Whether to announce, or to stop announcing.
    pub wanted: bool,
    /// How often it was asked in vain since it last confirmed.
    pub failures: u32,
    /// How often since it was turned to: another hub may have been asked before.
    pub tries: u32,
    fence: i64,
}

/// What a source's hub does for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The subscription's row.
    pub id: HubId,
    /// Which hub, and what the feed is called there.
    pub channel: Channel,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// Until when it promised to announce changes.
    pub until: Option<Timestamp>,
    /// Its last announcement.
    pub pushed_at: Option<Timestamp>,
    /// Why it does not, in plain words.
    pub trouble: Option<String>,
}

impl Push {
    /// Until when the hub announces changes; `None` when it does not now.
    #[must_use]
    pub fn holds_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    id: i64,
    hub: String,
    topic: String,
    wanted: bool,
    failures: i64,
    tries: i64,
    fence: i64,
}

#[derive(sqlx::FromRow)]
struct PushRow {
    id: i64,
    hub: String,
    topic: String,
    answered_at: Option<i64>,
    pushed_until: Option<i64>,
    pushed_at: Option<i64>,
    trouble: Option<String>,
}

/// A subscription that is over and unanswered so often is forgotten: the hub's
/// lease ends by itself, and until then its callback answers 410.
const GIVEN_UP_AFTER: i64 = 3;
/// How long after a question its answer is believed.
const ANSWERED_WITHIN: Duration = Duration::from_hours(24);

/// Takes a claim on what is due, in one statement. A source that is not polled
/// is not subscribed to again.
macro_rules! claim_due {
    ($lock:literal) => {
        concat!(
            "WITH pick AS MATERIALIZED (
                 SELECT id FROM hub WHERE lease_until <= $1 AND next_at <= $1 AND NOT spare AND (NOT wanted OR EXISTS (
                     SELECT 1 FROM source s WHERE s.id = hub.source_id AND s.state = 'active' AND NOT s.removed))
                 ORDER BY next_at LIMIT $3",
            $lock,
            ") UPDATE hub SET lease_until = $2, fence = fence + 1, asked_at = $1, site = $4
             WHERE id IN (SELECT id FROM pick) RETURNING id, hub, topic, wanted, failures, tries, fence"
        )
    };
}

impl Store {
    /// Makes the subscriptions match `wanted`, and asks again for those that hubs
    /// know under another `site`: at the start, and after each reload.
    pub async fn sync_hubs(
        &self,
        wanted: &[(SourceId, Vec<Channel>)],
        site: &HttpUrl,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known: Vec<(i64, String, String)> = each!(&self.writer, |db| {
            sqlx::query_as("SELECT source_id, hub, topic FROM hub WHERE wanted").fetch_all(db).await
        })?;
        let known: HashMap<i64, (String, String)> =
            known.into_iter().map(|(source, hub, topic)| (source, (hub, topic))).collect();
        let wanted = wanted.iter().filter(|(_, channels)| !channels.is_empty());
        let wanted: HashMap<i64, &[Channel]> = wanted.map(|(source, channels)| (source.0, &channels[..])).collect();
        let mut tx = self.begin().await?;
        for (source, channels) in &wanted {
            let is_one = |(hub, topic): &(String, String)| channels.iter().any(|channel| channel.is(hub, topic));
            if !known.get(source).is_some_and(is_one) {
                want_hub(&mut tx, SourceId(*source), channels, now).await?;
            }
        }
        for source in known.keys().filter(|source| !wanted.contains_key(source)) {
            want_hub(&mut tx, SourceId(*source), &[], now).await?;
        }
        each!(&mut tx, |db| {
            sqlx::query("UPDATE hub SET pushed_until = NULL, next_at = $2 WHERE wanted AND site <> $1")
                .bind(site.as_str())
                .bind(now.millis())
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
        tx.commit().await
    }

    /// Claims up to `limit` questions that are due, for `lease`, and forgets the
    /// subscriptions that are over. Hubs will call back at `site`.
    pub async fn claim_hubs(
        &self,
        limit: usize,
        site: &HttpUrl,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<HubClaim>, StoreError> {
        let sql = match &self.writer {
            Engine::Sqlite(_) => claim_due!(""),
            Engine::Postgres(_) => claim_due!(" FOR UPDATE SKIP LOCKED"),
        };
        let rows: Vec<ClaimRow> = each!(&self.writer, |db| {
            sqlx::query(
                "DELETE FROM hub WHERE NOT wanted AND NOT spare AND lease_until <= $1 AND next_at <= $1
                     AND (pushed_until IS NULL OR pushed_until <= $1 OR failures >= $2)",
            )
            .bind(now.millis())
            .bind(GIVEN_UP_AFTER)
            .execute(db)
            .await?;
            sqlx::query_as(sql)
                .bind(now.millis())
                .bind(now.plus(lease).millis())
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .bind(site.as_str())
                .fetch_all(db)
                .await
        })?;
        rows.into_iter()
            .map(|row| {
                Ok(HubClaim {
                    id: HubId(row.id),
                    channel: channel(&row.hub, &row.topic)?,
                    wanted: row.wanted,
                    failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
                    tries: u32::try_from(row.tries).unwrap_or(u32::MAX),
                    fence: row.fence,
                })
            })
            .collect()
    }

    /// Ends a question: the hub took it, or why not. It is asked again at
    /// `again_at`, unless its answer is here already.
    pub async fn finish_asking(
        &self,
        claim: HubClaim,
        trouble: Option<&str>,
        again_at: Timestamp,
    ) -> Result<(), StoreError> {
        each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE hub SET lease_until = 0,
                     next_at = CASE WHEN answered_at >= asked_at THEN next_at ELSE $3 END,
                     failures = CASE WHEN answered_at >= asked_at THEN failures ELSE failures + 1 END,
                     tries = CASE WHEN answered_at >= asked_at THEN tries ELSE tries + 1 END,
                     trouble = CASE WHEN answered_at >= asked_at THEN trouble ELSE $4 END
                 WHERE id = $1 AND fence = $2",
            )
            .bind(claim.id.0)
            .bind(claim.fence)
            .bind(again_at.millis())
            .bind(trouble)
            .execute(db)
            .await
            .map(drop)
        })?;
        Ok(())
    }

    /// When the next question may be due; `None` when there is none.
    pub async fn next_hub_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let (next,): (Option<i64>,) = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT MIN(CASE WHEN lease_until > next_at THEN lease_until ELSE next_at END) FROM hub WHERE NOT spare",
            )
            .fetch_one(db)
            .await
        })?;
        Ok(next.map(Timestamp::from_millis))
    }

    /// A hub confirms what it was asked: to announce until `until`, or to stop.
    /// It is asked again at `again_at`. Returns `false` when it was not asked.
    pub async fn confirm_hub(
        &self,
        id: HubId,
        (subscribe, topic): (bool, &HttpUrl),
        (until, again_at): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let confirmed = each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE hub SET answered_at = $6, failures = 0, tries = 0, trouble = NULL, next_at = $5,
                     pushed_until = CASE WHEN wanted THEN $4 ELSE NULL END
                 WHERE id = $1 AND wanted = $2 AND topic = $3 AND asked_at >= $7",
            )
            .bind(id.0)
            .bind(subscribe)
            .bind(topic.as_str())
            .bind(until.millis())
            .bind(again_at.millis())
            .bind(now.millis())
            .bind(now.minus(ANSWERED_WITHIN).millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(confirmed > 0)
    }

    /// A hub will not announce, or no more, and is asked again at `again_at`. Its
    /// source is polled on its schedule again, first at once. Returns `false`
    /// when there is no such subscription.
    pub async fn end_push(
        &self,
        id: HubId,
        topic: Option<&HttpUrl>,
        trouble: &str,
        again_at: Timestamp,
        (now, min_interval): (Timestamp, Duration),
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let source: Option<(i64,)> = each!(&mut tx, |db| {
            sqlx::query_as(
                "UPDATE hub SET answered_at = $5, pushed_until = NULL, trouble = $3,
                     next_at = CASE WHEN wanted THEN $4 ELSE $5 END
                 WHERE id = $1 AND ($2 IS NULL OR topic = $2) RETURNING source_id",
            )
            .bind(id.0)
            .bind(topic.map(HttpUrl::as_str))
            .bind(trouble)
            .bind(again_at.millis())
            .bind(now.millis())
            .fetch_optional(&mut **db)
            .await
        })?;
        let Some((source,)) = source else { return Ok(false) };
        bring_forward(&mut tx, SourceId(source), now, min_interval).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// A hub announces a change: the source is due at once. Returns `false` when
    /// nothing is to be announced here any more.
    pub async fn note_push(&self, id: HubId, now: Timestamp, min_interval: Duration) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let source: Option<(i64,)> = each!(&mut tx, |db| {
            sqlx::query_as("UPDATE hub SET pushed_at = $2 WHERE id = $1 AND wanted RETURNING source_id")
                .bind(id.0)
                .bind(now.millis())
                .fetch_optional(&mut **db)
                .await
        })?;
        let Some((source,)) = source else { return Ok(false) };
        bring_forward(&mut tx, SourceId(source), now, min_interval).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Whether a hub is still to announce here.
    pub async fn wants_push(&self, id: HubId) -> Result<bool, StoreError> {
        let found: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT id FROM hub WHERE id = $1 AND wanted").bind(id.0).fetch_optional(db).await
        })?;
        Ok(found.is_some())
    }

    /// What a source's hub does for it; `None` when it has none.
    pub async fn push_of(&self, source: SourceId) -> Result<Option<Push>, StoreError> {
        let row: Option<PushRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, hub, topic, answered_at, pushed_until, pushed_at, trouble FROM hub
                 WHERE source_id = $1 AND wanted",
            )
            .bind(source.0)
            .fetch_optional(db)
            .await
        })?;
        row.map(|row| {
            Ok(Push {
                id: HubId(row.id),
                channel: channel(&row.hub, &row.topic)?,
                answered_at: row.answered_at.map(Timestamp::from_millis),
                until: row.pushed_until.map(Timestamp::from_millis),
                pushed_at: row.pushed_at.map(Timestamp::from_millis),
                trouble: row.trouble,
            })
        })
        .transpose()
    }
}

fn channel(hub: &str, topic: &str) -> Result<Channel, StoreError> {
    let url = |text: &str| text.parse::<HttpUrl>().map_err(|why| StoreError::Corrupt(why.to_string()));
    Ok(Channel { hub: url(hub)?, topic: url(topic)? })
}

/// Makes a source due now, or as soon as its distance allows; one that is being
/// polled, when that has ended.
async fn bring_forward(
    tx: &mut Tx,
    source: SourceId,
    now: Timestamp,
    min_interval: Duration,
) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "UPDATE source SET next_poll_at = CASE WHEN polled_at > $3 THEN polled_at + $4 ELSE $2 END
             WHERE id = $1 AND (lease_until > $2
                 OR next_poll_at > CASE WHEN polled_at > $3 THEN polled_at + $4 ELSE $2 END)",
        )
        .bind(source.0)
        .bind(now.millis())
        .bind(now.minus(min_interval).millis())
        .bind(i64::try_from(min_interval.as_millis()).unwrap_or(i64::MAX))
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
