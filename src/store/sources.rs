//! The sources' rows: made to match the configuration, shown, paused and resumed.

use super::{Engine, Store, StoreError, Tx, each};
use crate::domain::id::SourceId;
use crate::domain::pace::Pace;
use crate::domain::slug::Slug;
use crate::domain::source::{Identity, Source, SourceState};
use crate::domain::time::Timestamp;
use std::collections::{HashMap, HashSet};

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
    /// The feed's language.
    pub language: Option<String>,
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
    /// Since when every poll has failed.
    pub failing_since: Option<Timestamp>,
    /// Whether the last poll found a page without what used to be on it.
    pub broken: bool,
    /// How the last document had to be mended.
    pub repaired: Option<String>,
    /// What the feed asked for when it was last read.
    pub pace: Pace,
    /// Until when a hub announces its changes.
    pub pushed_until: Option<Timestamp>,
    /// What tells its posts apart.
    pub identity: Identity,
    /// How many of its posts are stored.
    pub posts: u64,
}

/// What is stored of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// How many posts the flood guard holds.
    pub held: u64,
    /// How many the source's filter hides.
    pub filtered: u64,
    /// When the last one was first seen.
    pub last_at: Option<Timestamp>,
}

/// When a source is polled next, and what that follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its row.
    pub id: SourceId,
    /// The source's name.
    pub name: Slug,
    /// Whether it is active, and its last poll did not fail.
    pub is_well: bool,
    /// When it was polled last.
    pub polled_at: Option<Timestamp>,
    /// When it is polled next.
    pub next_poll_at: Timestamp,
    /// What the feed asked for when it was last read.
    pub pace: Pace,
}

#[derive(sqlx::FromRow)]
struct PlanRow {
    id: i64,
    name: String,
    is_well: bool,
    polled_at: Option<i64>,
    next_poll_at: i64,
    pace: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    url: String,
    feed_url: Option<String>,
    title: Option<String>,
    link: Option<String>,
    language: Option<String>,
    state: String,
    next_poll_at: i64,
    polled_at: Option<i64>,
    ok_at: Option<i64>,
    failures: i64,
    trouble: Option<String>,
    failing_since: Option<i64>,
    broken: bool,
    repaired: Option<String>,
    pace: Option<String>,
    pushed_until: Option<i64>,
    identity: String,
    posts: i64,
}

fn slug(name: &str) -> Result<Slug, StoreError> {
    name.parse().map_err(|error: crate::domain::slug::BadSlug| StoreError::Corrupt(error.to_string()))
}

/// A feed's wishes as they were stored; those of another version of this program
/// are none.
pub(super) fn pace(json: Option<String>) -> Pace {
    json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default()
}

/// The columns of a [`Row`]; each query adds its own `WHERE`.
macro_rules! select_sources {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.name, s.url, s.feed_url, s.title, s.link, s.language, s.state, s.next_poll_at, s.polled_at,
                    s.ok_at, s.failures, s.trouble, s.failing_since, s.broken, s.repaired, s.pace, s.identity,
                    (SELECT h.pushed_until FROM hub h WHERE h.source_id = s.id AND h.wanted) AS pushed_until,
                    (SELECT COUNT(*) FROM post p WHERE p.source_id = s.id) AS posts
             FROM source s ",
            $rest
        )
    };
}

impl TryFrom<Row> for SourceRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: SourceId(row.id),
            name: slug(&row.name)?,
            url: row.url,
            feed_url: row.feed_url,
            title: row.title,
            link: row.link,
            language: row.language,
            state: row.state.parse().map_err(StoreError::Corrupt)?,
            next_poll_at: Timestamp::from_millis(row.next_poll_at),
            polled_at: row.polled_at.map(Timestamp::from_millis),
            ok_at: row.ok_at.map(Timestamp::from_millis),
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            trouble: row.trouble,
            failing_since: row.failing_since.map(Timestamp::from_millis),
            broken: row.broken,
            repaired: row.repaired,
            pace: pace(row.pace),
            pushed_until: row.pushed_until.map(Timestamp::from_millis),
            identity: row.identity.parse().map_err(StoreError::Corrupt)?,
            posts: u64::try_from(row.posts).unwrap_or(0),
        })
    }
}

impl Store {
    /// Makes the rows match the configuration: new sources get one and are due
    /// at once, removed ones rest, and a source with a new address forgets what
    /// was learnt of the old one.
    pub async fn sync_sources(&self, sources: &[Source], now: Timestamp) -> Result<(), StoreError> {
        let known: Vec<(String, String, bool)> =
            each!(&self.writer, |db| { sqlx::query_as("SELECT name, url, removed FROM source").fetch_all(db).await })?;
        let rows: HashMap<&str, (&str, bool)> =
            known.iter().map(|(name, url, removed)| (name.as_str(), (url.as_str(), *removed))).collect();
        let wanted: HashSet<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let mut tx = self.begin().await?;
        for source in sources {
            match rows.get(source.name.as_str()) {
                Some((url, false)) if *url == source.url.as_str() => {}
                Some((url, true)) if *url == source.url.as_str() => set_removed(&mut tx, &source.name, false).await?,
                Some(_) => move_source(&mut tx, source, now).await?,
                None => insert_source(&mut tx, source, now).await?,
            }
        }
        for (name, (_, removed)) in rows {
            if !removed && !wanted.contains(name) {
                set_removed(&mut tx, &slug(name)?, true).await?;
            }
        }
        tx.commit().await
    }

    /// What is planned of the sources that are configured, as far as they are not
    /// due already, or their feeds ask for something.
    pub async fn plans(&self, now: Timestamp) -> Result<Vec<Plan>, StoreError> {
        let rows: Vec<PlanRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, name, state = 'active' AND failures = 0 AS is_well, polled_at, next_poll_at, pace
                 FROM source WHERE NOT removed AND (next_poll_at > $1 OR pace IS NOT NULL)",
            )
            .bind(now.millis())
            .fetch_all(db)
            .await
        })?;
        rows.into_iter()
            .map(|row| {
                Ok(Plan {
                    id: SourceId(row.id),
                    name: slug(&row.name)?,
                    is_well: row.is_well,
                    polled_at: row.polled_at.map(Timestamp::from_millis),
                    next_poll_at: Timestamp::from_millis(row.next_poll_at),
                    pace: pace(row.pace),
                })
            })
            .collect()
    }

    /// Brings polls forward when the configuration now asks for earlier ones than
    /// were planned. A source in trouble keeps its distance.
    pub async fn hasten_polls(&self, polls: &[(Slug, Timestamp)]) -> Result<(), StoreError> {
        if polls.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for (name, to) in polls {
            each!(&mut tx, |db| {
                sqlx::query(
                    "UPDATE source SET next_poll_at = $2 WHERE name = $1 AND next_poll_at > $2 AND failures = 0",
                )
                .bind(name.as_str())
                .bind(to.millis())
                .execute(&mut **db)
                .await
                .map(drop)
            })?;
        }
        tx.commit().await
    }

    /// Takes back the claims of an earlier run of this program. On SQLite there is
    /// one owner, so that they are nobody's; on PostgreSQL they may be another
    /// node's, and end by themselves.
    pub async fn free_sources(&self) -> Result<(), StoreError> {
        if let Engine::Sqlite(db) = &self.writer {
            sqlx::query("UPDATE source SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0")
                .execute(db)
                .await?;
        }
        Ok(())
    }

    /// When the next source may be claimed; `None` when none is active.
    pub async fn next_poll_at(&self) -> Result<Option<Timestamp>, StoreError> {
        // The first that nobody holds, and the first that is given free: both are found by an index.
        let free: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT next_poll_at FROM source
                 WHERE state = 'active' AND NOT removed AND lease_until <= next_poll_at
                 ORDER BY next_poll_at LIMIT 1",
            )
            .fetch_optional(db)
            .await
        })?;
        let held: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT lease_until FROM source
                 WHERE lease_until > 0 AND state = 'active' AND NOT removed AND lease_until > next_poll_at
                 ORDER BY lease_until LIMIT 1",
            )
            .fetch_optional(db)
            .await
        })?;
        Ok(free.into_iter().chain(held).map(|(at,)| Timestamp::from_millis(at)).min())
    }

    /// Every source that is configured, by name.
    pub async fn source_rows(&self) -> Result<Vec<SourceRow>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_sources!("WHERE NOT s.removed ORDER BY s.name")).fetch_all(db).await
        })?;
        rows.into_iter().map(SourceRow::try_from).collect()
    }

    /// A source by its name, configured or not.
    pub async fn source_row(&self, name: &Slug) -> Result<Option<SourceRow>, StoreError> {
        let row: Option<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_sources!("WHERE s.name = $1")).bind(name.as_str()).fetch_optional(db).await
        })?;
        row.map(SourceRow::try_from).transpose()
    }

    /// What is stored of a source.
    pub async fn stored(&self, source: SourceId) -> Result<Stored, StoreError> {
        let (held, filtered, last_at): (i64, i64, Option<i64>) = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT COUNT(CASE WHEN standing = 'held' THEN 1 END), COUNT(filtered_by), MAX(first_seen_at)
                 FROM post WHERE source_id = $1",
            )
            .bind(source.0)
            .fetch_one(db)
            .await
        })?;
        let count = |number| u64::try_from(number).unwrap_or(0);
        Ok(Stored { held: count(held), filtered: count(filtered), last_at: last_at.map(Timestamp::from_millis) })
    }

    /// Pauses a source, or sets it going again (at once, whatever stopped it, with
    /// its page taken as it is now, and its feed looked for again).
    /// Returns whether there is such a source.
    pub async fn set_source_state(&self, name: &Slug, state: SourceState, now: Timestamp) -> Result<bool, StoreError> {
        let resumes = state == SourceState::Active;
        let changed = each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE source SET state = $2,
                     next_poll_at = CASE WHEN $3 THEN $4 ELSE next_poll_at END,
                     failures = CASE WHEN $3 THEN 0 ELSE failures END,
                     harvest = CASE WHEN $3 THEN NULL ELSE harvest END,
                     sought_at = CASE WHEN $3 THEN 0 ELSE sought_at END
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
                 moved_since = NULL, state = CASE WHEN state = 'gone' THEN 'active' ELSE state END, removed = FALSE,
                 failures = 0, trouble = NULL, failing_since = NULL, broken = FALSE, repaired = NULL, pace = NULL,
                 harvest = NULL, sought_at = NULL, identity = 'guid', ok_at = NULL, next_poll_at = $3, fence = fence + 1, lease_until = 0
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
