//! Lists of readers, written in steps: each step is one transaction that also
//! says how far the list has come, so that an import which was killed goes on
//! behind its last step, and nobody is written twice.
//!
//! Kept here: who unsubscribed stays so, whatever a list says; a list that says
//! of somebody that they left is believed, unless they confirmed here after that.

use super::import_rows::write;
use super::many::Padded;
use super::{Engine, Store, StoreError, Tx, each};
use crate::domain::consent::Consent;
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::SubscriptionState;
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use chrono_tz::Tz;
use sqlx::AssertSqlSafe;
use std::collections::{HashMap, HashSet};

/// How often a step is tried again when somebody subscribed at the same moment.
const TRIES: usize = 5;

/// Addresses come in no order: with SQLite's usual 2 MB, each would be a page read, and one
/// written before its time. The negative number is KiB (sqlite.org, `PRAGMA cache_size`).
const CACHE: &str = "PRAGMA cache_size = -65536";

/// How many addresses are looked up by one statement.
pub(super) const LOOKED_UP: usize = 256;

/// A reader and a subscription, as a list has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Where the mails go.
    pub email: EmailAddress,
    /// What the reader is greeted by.
    pub name: Option<String>,
    /// The reader's language.
    pub language: Language,
    /// Whose clock shows the reader's morning.
    pub timezone: Option<Tz>,
    /// At which hour of that clock mails come; the newsletter's time when it is not known.
    pub hour: Option<u8>,
    /// The newsletter's name.
    pub newsletter: Slug,
    /// The cadence's name.
    pub cadence: Slug,
    /// The topics; none is everything.
    pub topics: Vec<Slug>,
    /// Where the subscription stands.
    pub state: SubscriptionState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether the list tells when it ended.
    pub tells_end: bool,
    /// By whom or by what it ended.
    pub ended_by: Option<String>,
    /// Until when the reader rests.
    pub paused_until: Option<Timestamp>,
    /// The reader's tags.
    pub tags: Vec<Tag>,
    /// The proof of it, act by act.
    pub consents: Vec<Consent>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The subscription is as the list says.
    Added,
    /// It was subscribed here, and is not any more: the list says that its reader left.
    Ended,
    /// It was here before.
    Already,
    /// Its reader left here, and it stays so.
    Left,
    /// The list says that its reader left, and they confirmed here after that.
    Kept,
}

/// How far the import of lists has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportProgress {
    /// Which of several lists, from 0.
    pub part: u64,
    /// The byte at which the next row begins.
    pub byte: u64,
    /// The line on which it does.
    pub line: u64,
    /// How long the report is.
    pub report_bytes: u64,
    /// What became of the rows so far, as JSON.
    pub counts: String,
    /// Whether that is all.
    pub finished: bool,
}

/// A step whose writes are not durable yet. Dropping it takes them back.
#[derive(Debug)]
#[must_use = "a step that is not committed is taken back"]
pub struct ImportStep {
    tx: Tx,
    /// What becomes of each row.
    pub fates: Vec<Fate>,
}

/// What is known of a subscription.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) state: SubscriptionState,
    confirmed_at: i64,
}

/// Who is known, and what they are subscribed to.
#[derive(Debug, Default)]
pub(super) struct Here {
    pub(super) readers: HashSet<String>,
    subscriptions: HashMap<(String, String), Known>,
}

#[derive(sqlx::FromRow)]
pub(super) struct HereRow {
    email_key: String,
    id: Option<i64>,
    newsletter: Option<String>,
    state: Option<String>,
    confirmed_at: Option<i64>,
}

impl Here {
    pub(super) fn take(&mut self, row: HereRow) -> Result<(), StoreError> {
        if let (Some(id), Some(newsletter), Some(state)) = (row.id, row.newsletter, row.state) {
            let state = state.parse().map_err(StoreError::Corrupt)?;
            let known = Known { id, state, confirmed_at: row.confirmed_at.unwrap_or(0) };
            self.subscriptions.insert((row.email_key.clone(), newsletter), known);
        }
        self.readers.insert(row.email_key);
        Ok(())
    }

    pub(super) fn subscription(&self, key: &str, newsletter: &Slug) -> Option<Known> {
        if !self.readers.contains(key) {
            return None;
        }
        self.subscriptions.get(&(key.to_owned(), newsletter.to_string())).copied()
    }
}

pub(super) fn fate(known: Option<Known>, row: &Incoming) -> Fate {
    use SubscriptionState::{Confirmed, Pending, Unsubscribed};
    match (known.map(|known| known.state), row.state) {
        (None, _) | (Some(Pending), Confirmed) => Fate::Added,
        (Some(Pending), Unsubscribed) => Fate::Ended,
        (Some(Confirmed), Unsubscribed) => {
            let confirmed_at = known.map_or(0, |known| known.confirmed_at);
            let left_before = row.tells_end && row.ended_at.is_some_and(|ended| ended.millis() <= confirmed_at);
            if left_before { Fate::Kept } else { Fate::Ended }
        }
        (Some(Unsubscribed), Confirmed | Pending) => Fate::Left,
        (Some(Confirmed), Confirmed | Pending) | (Some(Pending), Pending) | (Some(Unsubscribed), Unsubscribed) => {
            Fate::Already
        }
    }
}

impl Store {
    /// How far the import of a list had come when it was stopped; one that is new
    /// or had come to its end begins anew.
    pub async fn begin_import(&self, key: &str, file: &str, now: Timestamp) -> Result<ImportProgress, StoreError> {
        if let Engine::Sqlite(db) = &self.writer {
            sqlx::query(CACHE).execute(db).await?;
        }
        let mut tx = self.begin().await?;
        each!(&mut tx, |db| {
            sqlx::query(
                "INSERT INTO import (key, file, part, byte, line, report_bytes, counts, started_at)
                 VALUES ($1, $2, 0, 0, 0, 0, '', $3)
                 ON CONFLICT (key) DO UPDATE SET file = excluded.file, started_at = excluded.started_at, part = 0,
                     byte = 0, line = 0, report_bytes = 0, counts = '', finished_at = NULL
                     WHERE import.finished_at IS NOT NULL",
            )
            .bind(key)
            .bind(file)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        let (part, byte, line, report_bytes, counts): (i64, i64, i64, i64, String) = each!(&mut tx, |db| {
            sqlx::query_as("SELECT part, byte, line, report_bytes, counts FROM import WHERE key = $1")
                .bind(key)
                .fetch_one(&mut **db)
                .await
        })?;
        tx.commit().await?;
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(ImportProgress {
            part: number(part),
            byte: number(byte),
            line: number(line),
            report_bytes: number(report_bytes),
            counts,
            finished: false,
        })
    }

    /// What would become of rows, of which no two are of the same subscription.
    /// Nothing is written.
    pub async fn foresee_import(&self, rows: &[Incoming]) -> Result<Vec<Fate>, StoreError> {
        let keys = keys(rows);
        let mut here = Here::default();
        for some in keys.chunks(LOOKED_UP) {
            let Some(some) = Padded::of(some) else { continue };
            let sql = here_sql(&some);
            let rows: Vec<HereRow> = each!(&self.reader, |db| {
                let mut query = sqlx::query_as(AssertSqlSafe(sql));
                for key in some {
                    query = query.bind(key);
                }
                query.fetch_all(db).await
            })?;
            rows.into_iter().try_for_each(|row| here.take(row))?;
        }
        Ok(rows.iter().zip(&keys).map(|(row, key)| fate(here.subscription(key, &row.newsletter), row)).collect())
    }

    /// Writes rows, of which no two are of the same subscription. They are durable
    /// when the step is committed. What waits to be confirmed waits from `now` on, as long as a
    /// sign-up does.
    pub async fn import(&self, rows: &[Incoming], now: Timestamp) -> Result<ImportStep, StoreError> {
        let keys = keys(rows);
        for _ in 0..TRIES {
            let mut tx = self.begin().await?;
            if let Some(fates) = write(&mut tx, (rows, &keys), now).await? {
                return Ok(ImportStep { tx, fates });
            }
        }
        Err(StoreError::Unavailable("too many readers come and go at the moment".to_owned()))
    }
}

impl ImportStep {
    /// Makes the step durable, with how far the lists have come: they must have been
    /// at `from`, or another import of the same lists is at work.
    pub async fn commit(
        mut self,
        key: &str,
        from: &ImportProgress,
        to: &ImportProgress,
        now: Timestamp,
    ) -> Result<Vec<Fate>, StoreError> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let moved = each!(&mut self.tx, |db| {
            sqlx::query(
                "UPDATE import SET part = $4, byte = $5, line = $6, report_bytes = $7, counts = $8, finished_at = $9
                 WHERE key = $1 AND part = $2 AND byte = $3 AND finished_at IS NULL",
            )
            .bind(key)
            .bind(number(from.part))
            .bind(number(from.byte))
            .bind(number(to.part))
            .bind(number(to.byte))
            .bind(number(to.line))
            .bind(number(to.report_bytes))
            .bind(&to.counts)
            .bind(to.finished.then_some(now.millis()))
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if moved == 0 {
            return Err(StoreError::Refused("another import of the same lists is at work".to_owned()));
        }
        self.tx.commit().await?;
        Ok(self.fates)
    }
}

fn keys(rows: &[Incoming]) -> Vec<String> {
    rows.iter().map(|row| row.email.key()).collect()
}

/// Who left has left, though somebody asked for it again since: only its reader confirms that.
pub(super) fn here_sql(keys: &Padded<'_, String>) -> String {
    format!(
        "SELECT b.email_key, s.id, s.newsletter, s.confirmed_at,
             CASE WHEN s.state = 'pending' AND s.ended_at IS NOT NULL THEN 'unsubscribed' ELSE s.state END AS state
         FROM subscriber b LEFT JOIN subscription s ON s.subscriber_id = b.id WHERE b.email_key IN ({})",
        keys.places(1)
    )
}
