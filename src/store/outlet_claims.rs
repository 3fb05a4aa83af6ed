//! Who hands which post to which outlet now, and what came of it. An attempt is
//! durable before the outlet hears of it; a result is written only with the fence
//! that it was taken with (P7, P14).

use super::feeds::raise_revision;
use super::{Engine, Store, StoreError, Tx, each};
use crate::domain::id::{PostId, SourceId};
use crate::domain::outlet::{Receipt, State, Task};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::url_key;
use std::time::Duration;

/// The right to ask an outlet for one thing with one post, until its lease ends. Minted by
/// [`Store::claim_for_outlet`], consumed by [`Store::settle_for_outlet`].
#[derive(Debug)]
#[must_use = "a claim must be settled, or the post is in doubt when its lease ends"]
pub struct OutletClaim {
    id: i64,
    fence: i64,
    /// The outlet.
    pub outlet: Slug,
    /// The post.
    pub post: PostId,
    /// What the outlet is asked for.
    pub task: Task,
    /// Whether an earlier attempt may have gone through: that is looked up first.
    pub in_doubt: bool,
    /// How often this was tried before.
    pub attempts: u32,
    /// How often the answer was lost.
    pub doubts: u32,
    /// How often a person had it posted anew.
    pub round: u32,
    /// Whether a person wants it now.
    pub urgent: bool,
    /// What the outlet has, if it has anything.
    pub receipt: Option<Receipt>,
    /// A digest of what it was sent last.
    pub sent: Option<String>,
}

/// Which of an outlet's tasks are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urge {
    /// What is due; of new posts so many since that instant, and no more.
    Due {
        /// When the outlet's day began.
        since: Timestamp,
        /// The most of a day; 0 in quiet hours.
        most: Option<u32>,
    },
    /// This post, whatever the hour, while the outlet itself may be resting.
    Now(PostId),
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutletSettlement {
    /// The outlet has it as this digest tells.
    Done {
        /// What it said.
        receipt: Receipt,
        /// The digest of what it was sent.
        sent: String,
        /// When that was read; `None` where it is what an earlier attempt sent.
        read_at: Option<Timestamp>,
    },
    /// It is tried again then: the outlet did not take it.
    Later {
        /// Why, in plain words.
        why: String,
        /// When.
        at: Timestamp,
        /// Until when the outlet is left alone.
        rest_until: Timestamp,
    },
    /// Nobody knows whether the outlet took it: that is looked up then, or by a person.
    InDoubt {
        /// Why, in plain words.
        why: String,
        /// When; `None` is a person's to say.
        at: Option<Timestamp>,
        /// The digest of what it was sent now, and when that was read; `None` when nothing was.
        sent: Option<(String, Timestamp)>,
    },
    /// The outlet will not, or it was tried for long enough.
    Ended {
        /// As which of the two.
        state: State,
        /// Why, in plain words.
        why: String,
    },
    /// It was not tried: what it was to become changed meanwhile.
    GivenBack {
        /// When it is looked at again.
        at: Timestamp,
    },
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    id: i64,
    fence: i64,
    post_id: i64,
    task: String,
    in_doubt: bool,
    attempts: i64,
    doubts: i64,
    round: i64,
    urgent: bool,
    remote_id: Option<String>,
    url: Option<String>,
    sent: Option<String>,
}

/// One task of an outlet. A post of whose piece another went there, or is going, is left alone.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "WITH pick AS MATERIALIZED (
                 SELECT o.id FROM outlet_post o JOIN post p ON p.id = o.post_id
                 WHERE o.outlet = $1 AND o.next_try_at IS NOT NULL AND o.state <> 'attempting'
                   AND (o.task = 'delete' OR p.shown)
                   AND ($4 = 0 AND o.next_try_at <= $2 AND (o.task <> 'post' OR o.urgent OR o.state = 'unknown' OR $5)
                        OR o.post_id = $4)
                   AND (o.task <> 'post' OR p.piece IS NULL OR NOT EXISTS
                        (SELECT 1 FROM post c JOIN outlet_post x ON x.post_id = c.id AND x.outlet = $1
                         WHERE c.piece = p.piece AND c.id <> p.id
                           AND x.state IN ('attempting', 'published', 'unknown', 'deleted')))
                 ORDER BY o.next_try_at, p.dated_at, o.id LIMIT 1",
            $lock,
            ") UPDATE outlet_post SET state = 'attempting', in_doubt = (state = 'unknown'), lease_until = $3,
                   fence = fence + 1, attempts = attempts + 1,
                   doubts = doubts + CASE WHEN state = 'unknown' THEN 1 ELSE 0 END
             WHERE id IN (SELECT id FROM pick)
             RETURNING id, fence, post_id, task, in_doubt, attempts - 1 AS attempts, doubts, round, urgent, remote_id,
                       url, sent"
        )
    };
}

impl Store {
    /// Claims the next task of an outlet that is not resting, for `lease`; `None` when there is none.
    pub async fn claim_for_outlet(
        &self,
        outlet: &Slug,
        urge: Urge,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<OutletClaim>, StoreError> {
        let sql = match &self.writer {
            Engine::Sqlite(_) => claim!(""),
            Engine::Postgres(_) => claim!(" FOR UPDATE OF o SKIP LOCKED"),
        };
        let mut tx = self.begin().await?;
        // The outlet's row is held until the claim is written: no two nodes count a day's posts at once.
        let awake = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE outlet SET claims = claims + 1 WHERE name = $1 AND NOT removed AND (next_at <= $2 OR $3)",
            )
            .bind(outlet.as_str())
            .bind(now.millis())
            .bind(matches!(urge, Urge::Now(_)))
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if awake == 0 {
            return Ok(None);
        }
        let (post, may_post) = match urge {
            Urge::Now(post) => (post.0, true),
            Urge::Due { most: None, .. } => (0, true),
            Urge::Due { since, most: Some(most) } => (0, posted(&mut tx, outlet, since).await? < i64::from(most)),
        };
        let row: Option<ClaimRow> = each!(&mut tx, |db| {
            sqlx::query_as(sql)
                .bind(outlet.as_str())
                .bind(now.millis())
                .bind(now.plus(lease).millis())
                .bind(post)
                .bind(may_post)
                .fetch_optional(&mut **db)
                .await
        })?;
        tx.commit().await?;
        row.map(|row| row.claim(outlet)).transpose()
    }

    /// Writes what came of an attempt. Returns `false` when the claim was lost to another node, and nothing was
    /// written.
    pub async fn settle_for_outlet(
        &self,
        claim: OutletClaim,
        settlement: &OutletSettlement,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let written = Written::of(&claim, settlement, now);
        let mut tx = self.begin().await?;
        let rows = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE outlet_post SET state = $3, next_try_at = $4, attempts = $5, trouble = $6, remote_id = $7,
                     url = $8, url_key = $9, sent = $10, sent_at = COALESCE($11, sent_at),
                     posted_at = CASE WHEN $12 THEN $13 ELSE posted_at END,
                     urgent = urgent AND $14, doubts = $15, lease_until = 0
                 WHERE id = $1 AND fence = $2 AND state = 'attempting'",
            )
            .bind(claim.id)
            .bind(claim.fence)
            .bind(written.state.as_str())
            .bind(written.next_try_at.map(Timestamp::millis))
            .bind(i64::from(written.attempts))
            .bind(&written.trouble)
            .bind(written.receipt.as_ref().map(|receipt| receipt.id.as_str()))
            .bind(written.receipt.as_ref().and_then(|receipt| receipt.url.as_ref()).map(HttpUrl::as_str))
            .bind(written.receipt.as_ref().and_then(|receipt| receipt.url.as_ref()).map(url_key))
            .bind(&written.sent)
            .bind(written.sent_at.map(Timestamp::millis))
            .bind(written.is_posted)
            .bind(now.millis())
            .bind(written.next_try_at.is_some())
            .bind(i64::from(written.doubts))
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if rows == 0 {
            return Ok(false);
        }
        note_outlet(&mut tx, &claim.outlet, settlement).await?;
        // What pages and feeds say of where it stands may have changed.
        if written.receipt != claim.receipt {
            for source in sources_of_piece(&mut tx, claim.post).await? {
                raise_revision(&mut tx, source).await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }
}

impl ClaimRow {
    fn claim(self, outlet: &Slug) -> Result<OutletClaim, StoreError> {
        let number = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let url = self.url.and_then(|url| url.parse().ok());
        Ok(OutletClaim {
            id: self.id,
            fence: self.fence,
            outlet: outlet.clone(),
            post: PostId(self.post_id),
            task: self.task.parse().map_err(StoreError::Corrupt)?,
            in_doubt: self.in_doubt,
            attempts: number(self.attempts),
            doubts: number(self.doubts),
            round: number(self.round),
            urgent: self.urgent,
            receipt: self.remote_id.map(|id| Receipt { id, url }),
            sent: self.sent,
        })
    }
}

/// What a settlement makes of a row.
struct Written {
    state: State,
    next_try_at: Option<Timestamp>,
    attempts: u32,
    doubts: u32,
    trouble: Option<String>,
    receipt: Option<Receipt>,
    sent: Option<String>,
    /// Up to when its corrections are done with.
    sent_at: Option<Timestamp>,
    is_posted: bool,
}

impl Written {
    fn of(claim: &OutletClaim, settlement: &OutletSettlement, now: Timestamp) -> Self {
        // What the outlet has stays there when it does not change it.
        let before = match claim.task {
            Task::Post => State::Intent,
            Task::Update | Task::Delete => State::Published,
        };
        let same = Self {
            state: before,
            next_try_at: Some(now),
            attempts: claim.attempts + 1,
            doubts: claim.doubts,
            trouble: None,
            receipt: claim.receipt.clone(),
            sent: claim.sent.clone(),
            sent_at: None,
            is_posted: false,
        };
        match settlement.clone() {
            OutletSettlement::Done { .. } if claim.task == Task::Delete => {
                Self { state: State::Deleted, next_try_at: None, attempts: 0, receipt: None, sent: None, ..same }
            }
            OutletSettlement::Done { receipt, sent, read_at } => Self {
                state: State::Published,
                next_try_at: None,
                attempts: 0,
                doubts: 0,
                receipt: Some(receipt),
                sent: Some(sent),
                sent_at: read_at,
                is_posted: claim.task == Task::Post,
                ..same
            },
            OutletSettlement::Later { why, at, .. } => Self {
                // Whether an earlier attempt went through is as unknown as it was.
                state: if claim.in_doubt { State::Unknown } else { before },
                next_try_at: Some(at),
                trouble: Some(why),
                ..same
            },
            OutletSettlement::InDoubt { why, at, sent } => {
                let (sent, sent_at) = sent.unzip();
                let state = if claim.task == Task::Post { State::Unknown } else { before };
                Self { state, next_try_at: at, trouble: Some(why), sent: sent.or(same.sent), sent_at, ..same }
            }
            OutletSettlement::Ended { state, why } => Self {
                state: if claim.task == Task::Post { state } else { before },
                next_try_at: None,
                sent_at: Some(now),
                trouble: Some(why),
                ..same
            },
            OutletSettlement::GivenBack { at } => Self {
                state: if claim.in_doubt { State::Unknown } else { before },
                next_try_at: Some(at),
                attempts: claim.attempts,
                ..same
            },
        }
    }
}

/// How many posts an outlet got since then, those included that are under way.
async fn posted(tx: &mut Tx, outlet: &Slug, since: Timestamp) -> Result<i64, StoreError> {
    let (count,): (i64,) = each!(tx, |db| {
        sqlx::query_as(
            "SELECT COUNT(*) FROM outlet_post WHERE outlet = $1
                 AND (posted_at >= $2 OR task = 'post' AND state IN ('attempting', 'unknown'))",
        )
        .bind(outlet.as_str())
        .bind(since.millis())
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(count)
}

/// How it goes with the outlet as a whole: it rests when it took nothing, and is well when it said anything.
async fn note_outlet(tx: &mut Tx, outlet: &Slug, settlement: &OutletSettlement) -> Result<(), StoreError> {
    let (sql, rest_until, why) = match settlement {
        OutletSettlement::GivenBack { .. } | OutletSettlement::InDoubt { .. } => return Ok(()),
        OutletSettlement::Done { .. } | OutletSettlement::Ended { .. } => {
            ("UPDATE outlet SET failures = 0, next_at = $2, trouble = $3 WHERE name = $1", Timestamp::EPOCH, None)
        }
        OutletSettlement::Later { why, rest_until, .. } => (
            "UPDATE outlet SET failures = failures + 1, next_at = $2, trouble = $3 WHERE name = $1",
            *rest_until,
            Some(why),
        ),
    };
    each!(tx, |db| {
        sqlx::query(sql).bind(outlet.as_str()).bind(rest_until.millis()).bind(why).execute(&mut **db).await.map(drop)
    })?;
    Ok(())
}

async fn sources_of_piece(tx: &mut Tx, post: PostId) -> Result<Vec<SourceId>, StoreError> {
    let rows: Vec<(i64,)> = each!(tx, |db| {
        sqlx::query_as(
            "SELECT DISTINCT source_id FROM post WHERE id = $1 OR piece = (SELECT piece FROM post WHERE id = $1)
             ORDER BY source_id",
        )
        .bind(post.0)
        .fetch_all(&mut **db)
        .await
    })?;
    Ok(rows.into_iter().map(|(id,)| SourceId(id)).collect())
}
