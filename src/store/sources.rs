//! What happened to each source, and who polls it now.

use super::{Store, StoreError, Tx, each, locked};
use crate::domain::id::SourceId;
use crate::domain::slug::Slug;
use crate::domain::source::{Source, SourceState};
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
    pub(super) id: SourceId,
    pub(super) fence: i64,
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
    /// A permanent redirect that was seen before, and since when.
    pub moved: Option<(HttpUrl, Timestamp)>,
}

/// How a poll ended that brought no document.
#[derive(Debug, Clone)]
pub enum PollEnd {
    /// 304: nothing new.
    Unchanged,
    /// It failed; the source's trouble says why.
    Failed(String),
    /// 410: the source is no more, and its owner is told in these words.
    Gone(String),
}

/// A source with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its row.
    pub id: SourceId,
    /// Its name.
    pub name: Slug,
    /// The configured address.
    pub url: String,
    /// The feed that was found or moved to.
    pub feed_url: Option<String>,
    /// The feed's own title.
    pub title: Option<String>,
    /// The site that the feed belongs to.
    pub link: Option<String>,
    /// Whether it is polled.
    pub state: SourceState,
    /// When it is polled next.
    pub next_poll_at: Timestamp,
    /// When it was polled last.
    pub polled_at: Option<Timestamp>,
    /// When a poll last went well.
    pub ok_at: Option<Timestamp>,
    /// How many polls have failed in a row.
    pub failures: u32,
    /// Why the last one failed.
    pub trouble: Option<String>,
    /// How many of its posts are stored.
    pub posts: u64,
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    id: i64,
    fence: i64,
    name: String,
    feed_url: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
    failures: i64,
    seeded: bool,
    moved_to: Option<String>,
    moved_since: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    url: String,
    feed_url: Option<String>,
    title: Option<String>,
    link: Option<String>,
    state: String,
    next_poll_at: i64,
    polled_at: Option<i64>,
    ok_at: Option<i64>,
    failures: i64,
    trouble: Option<String>,
    posts: i64,
}

fn slug(name: &str) -> Result<Slug, StoreError> {
    name.parse().map_err(|error: crate::domain::slug::BadSlug| StoreError::Corrupt(error.to_string()))
}

impl TryFrom<ClaimRow> for SourceClaim {
    type Error = StoreError;

    fn try_from(row: ClaimRow) -> Result<Self, StoreError> {
        let moved_to = row.moved_to.and_then(|url| url.parse().ok());
        Ok(Self {
            id: SourceId(row.id),
            fence: row.fence,
            name: slug(&row.name)?,
            feed_url: row.feed_url.and_then(|url| url.parse().ok()),
            etag: row.etag,
            last_modified: row.last_modified,
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            seeded: row.seeded,
            moved: moved_to.zip(row.moved_since.map(Timestamp::from_millis)),
        })
    }
}

impl Store {
    /// Makes the rows match the configuration: new sources get one and are due
    /// at once, removed ones rest, and a source with a new address forgets what
    /// was learnt of the old one.
    pub async fn sync_sources(&self, sources: &[Source], now: Timestamp) -> Result<(), StoreError> {
        let known: Vec<(String, String, bool)> =
            each!(&self.reader, |db| { sqlx::query_as("SELECT name, url, removed FROM source").fetch_all(db).await })?;
        let mut tx = self.begin().await?;
        for source in sources {
            match known.iter().find(|(name, ..)| name == source.name.as_str()) {
                Some((_, url, false)) if url == source.url.as_str() => {}
                Some((_, url, _)) if url == source.url.as_str() => set_removed(&mut tx, &source.name, false).await?,
                Some(_) => move_source(&mut tx, source, now).await?,
                None => insert_source(&mut tx, source, now).await?,
            }
        }
        for (name, _, removed) in &known {
            if !removed && !sources.iter().any(|source| source.name.as_str() == name) {
                set_removed(&mut tx, &slug(name)?, true).await?;
            }
        }
        tx.commit().await
    }

    /// Claims up to `limit` sources that are due, for `lease`.
    pub async fn claim_sources(
        &self,
        limit: usize,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<SourceClaim>, StoreError> {
        let mut tx = self.begin().await?;
        let sql = locked!(
            &tx,
            "SELECT id FROM source
             WHERE state = 'active' AND NOT removed AND next_poll_at <= $1 AND lease_until <= $1
             ORDER BY next_poll_at LIMIT $2"
        );
        let due: Vec<(i64,)> = each!(&mut tx, |db| {
            sqlx::query_as(sql)
                .bind(now.millis())
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(&mut **db)
                .await
        })?;
        let mut claims = Vec::with_capacity(due.len());
        for (id,) in due {
            claims.push(claim(&mut tx, id, now, lease).await?);
        }
        tx.commit().await?;
        Ok(claims)
    }

    /// Claims one source by name whether or not it is due, unless somebody polls
    /// it now; `None` when there is no such source to be had.
    pub async fn claim_source(
        &self,
        name: &Slug,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<SourceClaim>, StoreError> {
        let mut tx = self.begin().await?;
        let sql = locked!(&tx, "SELECT id FROM source WHERE name = $1 AND NOT removed AND lease_until <= $2");
        let found: Option<(i64,)> = each!(&mut tx, |db| {
            sqlx::query_as(sql).bind(name.as_str()).bind(now.millis()).fetch_optional(&mut **db).await
        })?;
        let Some((id,)) = found else { return Ok(None) };
        let claim = claim(&mut tx, id, now, lease).await?;
        tx.commit().await?;
        Ok(Some(claim))
    }

    /// Ends a poll that brought no document. Returns `false` when the lease was
    /// lost to another node, and nothing was written.
    pub async fn finish_poll(
        &self,
        claim: SourceClaim,
        end: PollEnd,
        owner: Option<&crate::domain::email_address::EmailAddress>,
        next_poll_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let failures = i64::from(claim.failures);
        let (state, ok, failures, trouble) = match &end {
            PollEnd::Unchanged => (SourceState::Active, true, 0, None),
            PollEnd::Failed(why) => (SourceState::Active, false, failures + 1, Some(why)),
            PollEnd::Gone(why) => (SourceState::Gone, false, failures + 1, Some(why)),
        };
        // A source that was paused meanwhile stays paused.
        let written = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE source SET state = CASE WHEN state = 'paused' THEN state ELSE $3 END,
                     ok_at = CASE WHEN $4 THEN $5 ELSE ok_at END, polled_at = $5, failures = $6, trouble = $7,
                     next_poll_at = $8, lease_until = 0
                 WHERE id = $1 AND fence = $2",
            )
            .bind(claim.id.0)
            .bind(claim.fence)
            .bind(state.as_str())
            .bind(ok)
            .bind(now.millis())
            .bind(failures)
            .bind(trouble)
            .bind(next_poll_at.millis())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if written == 0 {
            return Ok(false);
        }
        if let (PollEnd::Gone(why), Some(owner)) = (&end, owner) {
            let subject = format!("syndicated has stopped following {}", claim.name);
            super::letters::insert_owner_letter(&mut tx, owner, &subject, why, now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Remembers a permanent redirect: seen first, still the same (the earlier
    /// instant stays), or over (`None`).
    pub async fn note_move(&self, claim: &SourceClaim, to: Option<&HttpUrl>, now: Timestamp) -> Result<(), StoreError> {
        let same = to.is_some() && claim.moved.as_ref().map(|(url, _)| url) == to;
        if same || (to.is_none() && claim.moved.is_none()) {
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

    /// When the next source falls due; `None` when none is active.
    pub async fn next_poll_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let (next,): (Option<i64>,) = each!(&self.reader, |db| {
            sqlx::query_as("SELECT MIN(next_poll_at) FROM source WHERE state = 'active' AND NOT removed")
                .fetch_one(db)
                .await
        })?;
        Ok(next.map(Timestamp::from_millis))
    }

    /// Every source that is configured, by name.
    pub async fn source_rows(&self) -> Result<Vec<SourceRow>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT s.id, s.name, s.url, s.feed_url, s.title, s.link, s.state, s.next_poll_at, s.polled_at,
                        s.ok_at, s.failures, s.trouble,
                        (SELECT COUNT(*) FROM post p WHERE p.source_id = s.id) AS posts
                 FROM source s WHERE NOT s.removed ORDER BY s.name",
            )
            .fetch_all(db)
            .await
        })?;
        rows.into_iter()
            .map(|row| {
                Ok(SourceRow {
                    id: SourceId(row.id),
                    name: slug(&row.name)?,
                    url: row.url,
                    feed_url: row.feed_url,
                    title: row.title,
                    link: row.link,
                    state: row.state.parse().map_err(StoreError::Corrupt)?,
                    next_poll_at: Timestamp::from_millis(row.next_poll_at),
                    polled_at: row.polled_at.map(Timestamp::from_millis),
                    ok_at: row.ok_at.map(Timestamp::from_millis),
                    failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
                    trouble: row.trouble,
                    posts: u64::try_from(row.posts).unwrap_or(0),
                })
            })
            .collect()
    }

    /// Pauses a source, or sets it going again (at once, whatever stopped it).
    /// Returns whether there is such a source.
    pub async fn set_source_state(&self, name: &Slug, state: SourceState, now: Timestamp) -> Result<bool, StoreError> {
        let resumes = state == SourceState::Active;
        let changed = each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE source SET state = $2,
                     next_poll_at = CASE WHEN $3 THEN $4 ELSE next_poll_at END,
                     failures = CASE WHEN $3 THEN 0 ELSE failures END
                 WHERE name = $1 AND NOT removed",
            )
            .bind(name.as_str())
            .bind(state.as_str())
            .bind(resumes)
            .bind(now.millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(changed > 0)
    }
}

async fn claim(tx: &mut Tx, id: i64, now: Timestamp, lease: Duration) -> Result<SourceClaim, StoreError> {
    let row: ClaimRow = each!(tx, |db| {
        sqlx::query_as(
            "UPDATE source SET lease_until = $2, fence = fence + 1 WHERE id = $1
             RETURNING id, fence, name, feed_url, etag, last_modified, failures, seeded, moved_to, moved_since",
        )
        .bind(id)
        .bind(now.plus(lease).millis())
        .fetch_one(&mut **db)
        .await
    })?;
    row.try_into()
}

async fn insert_source(tx: &mut Tx, source: &Source, now: Timestamp) -> Result<(), StoreError> {
    // Two nodes may start at once.
    each!(tx, |db| {
        sqlx::query("INSERT INTO source (name, url, next_poll_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
            .bind(source.name.as_str())
            .bind(source.url.as_str())
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}

async fn move_source(tx: &mut Tx, source: &Source, now: Timestamp) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "UPDATE source SET url = $2, feed_url = NULL, etag = NULL, last_modified = NULL, moved_to = NULL,
                 moved_since = NULL, state = 'active', removed = FALSE, failures = 0, trouble = NULL,
                 next_poll_at = $3, fence = fence + 1, lease_until = 0
             WHERE name = $1",
        )
        .bind(source.name.as_str())
        .bind(source.url.as_str())
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

async fn set_removed(tx: &mut Tx, name: &Slug, removed: bool) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query("UPDATE source SET removed = $2 WHERE name = $1")
            .bind(name.as_str())
            .bind(removed)
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}
