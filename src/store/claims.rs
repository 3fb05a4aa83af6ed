//! Claims: who polls a source now, and how a poll ends that brought no document.

use super::letters::insert_owner_letter;
use super::together::{Ending, How};
use super::{Engine, Store, StoreError, Tx, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::harvest::Harvest;
use crate::domain::id::SourceId;
use crate::domain::pace::Pace;
use crate::domain::slug::{BadSlug, Slug};
use crate::domain::source::SourceState;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use std::time::Duration;

/// The right to poll one source, until its lease ends. Minted by
/// [`Store::claim_sources`], consumed by [`Store::admit`] or
/// [`Store::finish_poll`]; its fence keeps a node that came too late from
/// writing (P7).
#[derive(Debug)]
#[must_use = "a claim must be finished, or the source rests until its lease ends"]
pub struct SourceClaim {
    /// The source's row.
    pub id: SourceId,
    pub(super) fence: i64,
    /// When it was due.
    pub(super) due_at: i64,
    /// The source's name.
    pub name: Slug,
    /// The feed that was found or moved to; `None` is the configured address.
    pub feed_url: Option<HttpUrl>,
    /// The validators of the last document (RFC 9110 section 8.8).
    pub etag: Option<String>,
    /// Likewise.
    pub last_modified: Option<String>,
    /// How many polls have failed in a row.
    pub failures: u32,
    /// Whether an earlier poll has stored what was there.
    pub seeded: bool,
    /// When a poll last ended, however it did.
    pub polled_at: Option<Timestamp>,
    /// When a poll of this address last went well.
    pub ok_at: Option<Timestamp>,
    /// A permanent redirect that was seen before, and since when.
    pub moved: Option<(HttpUrl, Timestamp)>,
    /// What the feed asked for when it was last read.
    pub pace: Pace,
    /// What the last reading gave, when the source is a page that lists posts.
    pub harvest: Option<Harvest>,
    /// When a feed was last looked for in vain where sites keep theirs; long ago
    /// when one that was found is lost.
    pub sought_at: Option<Timestamp>,
    pub(super) state: SourceState,
}

/// How a poll ended that brought no document.
#[derive(Debug, Clone)]
pub enum PollEnd {
    /// 304: nothing new.
    Unchanged,
    /// It failed; the source's trouble says why.
    Failed(String),
    /// It failed at the feed that was found, which is forgotten: the next poll
    /// begins at the configured address again.
    Lost(String),
    /// What used to stand on the source's page does not; its owner is told soon.
    Broken(String),
    /// Its page names no feed, and where sites keep theirs there is none: it is not
    /// looked for again for a while.
    Sought(String),
    /// 410: the source is no more, and its owner is told in these words.
    Gone(String),
    /// It was not asked: nothing is known that was not known before.
    GivenBack,
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    id: i64,
    fence: i64,
    next_poll_at: i64,
    name: String,
    state: String,
    feed_url: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
    failures: i64,
    seeded: bool,
    polled_at: Option<i64>,
    ok_at: Option<i64>,
    moved_to: Option<String>,
    moved_since: Option<i64>,
    pace: Option<String>,
    harvest: Option<String>,
    sought_at: Option<i64>,
}

impl TryFrom<ClaimRow> for SourceClaim {
    type Error = StoreError;

    fn try_from(row: ClaimRow) -> Result<Self, StoreError> {
        let moved_to = row.moved_to.and_then(|url| url.parse().ok());
        Ok(Self {
            id: SourceId(row.id),
            fence: row.fence,
            due_at: row.next_poll_at,
            name: row.name.parse().map_err(|error: BadSlug| StoreError::Corrupt(error.to_string()))?,
            state: row.state.parse().map_err(StoreError::Corrupt)?,
            feed_url: row.feed_url.and_then(|url| url.parse().ok()),
            etag: row.etag,
            last_modified: row.last_modified,
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            seeded: row.seeded,
            polled_at: row.polled_at.map(Timestamp::from_millis),
            ok_at: row.ok_at.map(Timestamp::from_millis),
            moved: moved_to.zip(row.moved_since.map(Timestamp::from_millis)),
            pace: super::sources::pace(row.pace),
            // One of another version of this program is none.
            harvest: row.harvest.and_then(|json| serde_json::from_str(&json).ok()),
            sought_at: row.sought_at.map(Timestamp::from_millis),
        })
    }
}

/// Takes a claim on each source that `pick` finds, in one statement. PostgreSQL
/// is told to skip rows that another node holds; SQLite has one writer.
macro_rules! claim_where {
    ($engine:expr, $pick:literal) => {
        match $engine {
            Engine::Sqlite(_) => claim_where!(@text $pick, ""),
            Engine::Postgres(_) => claim_where!(@text $pick, " FOR UPDATE SKIP LOCKED"),
        }
    };
    (@text $pick:literal, $lock:literal) => {
        concat!(
            "WITH pick AS MATERIALIZED (SELECT id FROM source WHERE NOT removed AND lease_until <= $1 AND ",
            $pick,
            $lock,
            ") UPDATE source SET lease_until = $2, fence = fence + 1 WHERE id IN (SELECT id FROM pick)
             RETURNING id, fence, next_poll_at, name, state, feed_url, etag, last_modified, failures, seeded, polled_at, ok_at,
                       moved_to, moved_since, pace, harvest, sought_at"
        )
    };
}

impl Store {
    /// Claims up to `limit` sources that are due, for `lease`.
    pub async fn claim_sources(
        &self,
        limit: usize,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<SourceClaim>, StoreError> {
        let sql = claim_where!(&self.writer, "state = 'active' AND next_poll_at <= $1 ORDER BY next_poll_at LIMIT $3");
        let rows: Vec<ClaimRow> = each!(&self.writer, |db| {
            sqlx::query_as(sql)
                .bind(now.millis())
                .bind(now.plus(lease).millis())
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(db)
                .await
        })?;
        rows.into_iter().map(SourceClaim::try_from).collect()
    }

    /// Claims one source by name, due or not, active or not, unless somebody
    /// polls it now; `None` when there is no such source to be had.
    pub async fn claim_source(
        &self,
        name: &Slug,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<SourceClaim>, StoreError> {
        let sql = claim_where!(&self.writer, "name = $3");
        // All rows are asked for, so that a claim that could not be committed is an error here.
        let rows: Vec<ClaimRow> = each!(&self.writer, |db| {
            sqlx::query_as(sql)
                .bind(now.millis())
                .bind(now.plus(lease).millis())
                .bind(name.as_str())
                .fetch_all(db)
                .await
        })?;
        rows.into_iter().next().map(SourceClaim::try_from).transpose()
    }

    /// Ends a poll that brought no document. Returns `false` when the lease was
    /// lost to another node, and nothing was written.
    pub async fn finish_poll(
        &self,
        claim: SourceClaim,
        end: PollEnd,
        owner: Option<&EmailAddress>,
        next_poll_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let how = How::Ended { end, owner: owner.cloned(), next_poll_at };
        Ok(!self.end(Ending { claim, how, now }).await?.fenced_out)
    }

    /// Remembers a permanent redirect: seen first, still the same (the earlier
    /// instant stays), or over (`None`).
    pub async fn note_move(&self, claim: &SourceClaim, to: Option<&HttpUrl>, now: Timestamp) -> Result<(), StoreError> {
        if claim.moved.as_ref().map(|(url, _)| url) == to {
            return Ok(());
        }
        each!(&self.writer, |db| {
            sqlx::query("UPDATE source SET moved_to = $3, moved_since = $4 WHERE id = $1 AND fence = $2")
                .bind(claim.id.0)
                .bind(claim.fence)
                .bind(to.map(HttpUrl::as_str))
                .bind(to.map(|_| now.millis()))
                .execute(db)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Believes a permanent redirect: from now on the source is asked there.
    pub async fn believe_move(&self, claim: &SourceClaim, to: &HttpUrl) -> Result<(), StoreError> {
        each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE source SET feed_url = $3, moved_to = NULL, moved_since = NULL WHERE id = $1 AND fence = $2",
            )
            .bind(claim.id.0)
            .bind(claim.fence)
            .bind(to.as_str())
            .execute(db)
            .await
            .map(drop)
        })?;
        Ok(())
    }
}

/// Writes the end of a poll that brought no document into a transaction that
/// may hold others; `false` when the claim is no longer ours (P7).
pub(super) async fn write_end(
    tx: &mut Tx,
    claim: &SourceClaim,
    end: &PollEnd,
    owner: Option<&EmailAddress>,
    next_poll_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let before = i64::from(claim.failures);
    let (ok, failures, trouble) = match end {
        PollEnd::Unchanged => (true, 0, None),
        PollEnd::Failed(why)
        | PollEnd::Lost(why)
        | PollEnd::Broken(why)
        | PollEnd::Sought(why)
        | PollEnd::Gone(why) => (false, before + 1, Some(why)),
        PollEnd::GivenBack => return give_back(tx, claim, next_poll_at).await,
    };
    let (is_gone, forget) = (matches!(end, PollEnd::Gone(_)), matches!(end, PollEnd::Lost(_)));
    let (broken, sought) = (matches!(end, PollEnd::Broken(_)), matches!(end, PollEnd::Sought(_)));
    // A source that was paused meanwhile stays paused; one that was gone is back when it answers.
    // One that was brought forward while it was polled (a hub pushed) is polled again.
    let written = each!(tx, |db| {
        sqlx::query(
            "UPDATE source SET
                 state = CASE WHEN state = 'paused' THEN state WHEN $3 THEN 'gone' WHEN $4 THEN 'active' ELSE state END,
                 ok_at = CASE WHEN $4 THEN $5 ELSE ok_at END, polled_at = $5, failures = $6, trouble = $7,
                 failing_since = CASE WHEN $4 OR $3 THEN NULL ELSE COALESCE(failing_since, $5) END,
                 feed_url = CASE WHEN $8 THEN NULL ELSE feed_url END,
                 etag = CASE WHEN $8 THEN NULL ELSE etag END,
                 last_modified = CASE WHEN $8 THEN NULL ELSE last_modified END,
                 next_poll_at = CASE WHEN next_poll_at <> $10 AND next_poll_at < $9 THEN next_poll_at ELSE $9 END,
                 broken = $11, lease_until = 0,
                 sought_at = CASE WHEN $8 THEN 0 WHEN $12 THEN $5 ELSE sought_at END
             WHERE id = $1 AND fence = $2",
        )
        .bind(claim.id.0)
        .bind(claim.fence)
        .bind(is_gone)
        .bind(ok)
        .bind(now.millis())
        .bind(failures)
        .bind(trouble)
        .bind(forget)
        .bind(next_poll_at.millis())
        .bind(claim.due_at)
        .bind(broken)
        .bind(sought)
        .execute(&mut **db)
        .await
        .map(|done| done.rows_affected())
    })?;
    if written == 0 {
        return Ok(false);
    }
    if let (PollEnd::Gone(why), Some(owner), true) = (end, owner, claim.state != SourceState::Gone) {
        let subject = format!("syndicated has stopped following {}", claim.name);
        insert_owner_letter(tx, owner, &subject, why, now).await?;
    }
    Ok(true)
}

async fn give_back(tx: &mut Tx, claim: &SourceClaim, next_poll_at: Timestamp) -> Result<bool, StoreError> {
    let written = each!(tx, |db| {
        sqlx::query("UPDATE source SET next_poll_at = $3, lease_until = 0 WHERE id = $1 AND fence = $2")
            .bind(claim.id.0)
            .bind(claim.fence)
            .bind(next_poll_at.millis())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(written > 0)
}
