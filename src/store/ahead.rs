//! The courier's turn on SQLite when nothing is out of the ordinary: what was sent
//! is written and the next mails of digests are marked by one statement, which is
//! a transaction of its own. Each statement costs several wakes of threads, and
//! connections stand still meanwhile.
//!
//! The mails to come are read ahead, some dozens at once, and nothing is marked
//! then. The statement that marks reads each of them again, with its reader's
//! consent and the suppression list (P9), and passes over what has changed by a
//! single character. Whatever is out of the ordinary (letters, readers who left,
//! mails that were not sent, limits) is for [`Store::turn`]'s other way; so is all
//! of PostgreSQL, where other nodes take from the same queue.

use super::deliveries::{Attempt, Coming, Content, Courier, Results, Settled, Settlement, Turn};
use super::many::{Padded, Places, values};
use super::{Engine, Store, StoreError};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DeliveryId, DigestId, SubscriberId, SubscriptionId};
use crate::domain::time::Timestamp;
use sqlx::{AssertSqlSafe, SqlitePool};
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// How many mails are read at once.
const AHEAD: usize = 64;

/// A mail as it is due: all that is mailed or decided on, in one text.
macro_rules! due_mail {
    () => {
        "d.id || '\n' || d.fence || '\n' || d.attempts || '\n' || d.expires_at || '\n' || d.digest_id || '\n' ||
         d.variant || '\n' || COALESCE(d.dated_at, '') || '\n' || s.id || '\n' || s.counter || '\n' || b.id || '\n' ||
         b.email || '\n' || COALESCE('=' || b.name, '')"
    };
}

/// Which mails of digests are due at `$1`.
macro_rules! is_due {
    () => {
        "d.digest_id IS NOT NULL AND d.state IN ('pending', 'deferred', 'unknown') AND d.not_before <= $1"
    };
}

/// To whom, and whether they want it still.
macro_rules! is_wanted {
    () => {
        "s.state = 'confirmed' AND (s.paused_until IS NULL OR s.paused_until <= $1) AND d.expires_at > $1"
    };
}

/// Whether a letter is due: its reader waits for it, and it goes first.
macro_rules! letter_waits {
    () => {
        "EXISTS (SELECT 1 FROM delivery l WHERE l.letter_id IS NOT NULL
                 AND l.state IN ('pending', 'deferred', 'unknown') AND l.not_before <= $1)"
    };
}

/// The mails that were read ahead.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    mails: VecDeque<Ready>,
    /// Whether more is due behind them.
    more: bool,
    /// Whether the last turn passed one over: the next must see what is the matter.
    passed_over: bool,
}

#[derive(Debug)]
struct Ready {
    /// As it was read.
    line: String,
    id: DeliveryId,
    fence: i64,
    attempts: u32,
    content: Content,
    to: EmailAddress,
}

/// What a turn does to one row.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    id: DeliveryId,
    fence: i64,
    /// The relay's last line for what was sent; for what is marked, the mail as it was read.
    text: &'a str,
    /// What is marked: how the suppression list would name its reader, by this key and by the one before.
    hash: Option<&'a str>,
    earlier_hash: Option<&'a str>,
}

impl Ahead {
    /// Empties it: what was read is in other hands while a turn is written, and is
    /// read anew when the turn fails.
    fn take(&self) -> List {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, list: List) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = list;
    }
}

impl Store {
    /// The turn, where it is an ordinary one.
    pub(super) async fn ordinary_turn(
        &self,
        results: Results<'_>,
        wanted: usize,
        courier: &Courier,
        now: Timestamp,
    ) -> Result<Option<Turn>, StoreError> {
        let Engine::Sqlite(db) = &self.writer else { return Ok(None) };
        let mut list = self.ahead.take();
        let sent: Option<Vec<Row<'_>>> = results.settled.iter().map(Row::sent).collect();
        let Some(mut rows) = sent.filter(|_| wanted > 0 && results.counts.is_empty() && !list.passed_over) else {
            return Ok(None);
        };
        let read_anew = list.mails.len() < wanted;
        if read_anew {
            list = self.look_ahead(now).await?;
        }
        let mut ready: Vec<Ready> = list.mails.drain(..list.mails.len().min(wanted)).collect();
        if ready.is_empty() {
            return Ok(None);
        }
        let hashes: Vec<Vec<String>> = ready.iter().map(|mail| courier.secret.address_hashes(&mail.to.key())).collect();
        // More than one earlier key is out of the ordinary, too.
        if hashes.iter().any(|hashes| hashes.len() > 2) {
            return Ok(None);
        }
        rows.extend(ready.iter().zip(&hashes).map(|(mail, hashes)| mail.row(hashes)));
        if write_and_mark(db, &rows, courier, now).await? < rows.len() {
            // Of those that are marked; what was sent has its verdict, or another's.
            let (marked, found) = (marked(db, &ready, courier, now).await?, ready.len());
            ready.retain(|mail| marked.contains(&mail.id.0));
            list.passed_over = ready.len() < found;
        }
        let more = list.more || list.passed_over || !list.mails.is_empty();
        let coming = if read_anew { list.mails.iter().map(Ready::coming).collect() } else { Vec::new() };
        self.ahead.put(list);
        let attempts = ready.into_iter().map(Ready::attempt).collect();
        Ok(Some(Turn { attempts, more, coming, totals: Vec::new() }))
    }

    /// Reads the mails that are due next, up to the first that is out of the
    /// ordinary; none while a letter waits.
    async fn look_ahead(&self, now: Timestamp) -> Result<List, StoreError> {
        let Engine::Sqlite(db) = &self.reader else { return Ok(List::default()) };
        let lines: Vec<(Option<String>,)> = sqlx::query_as(concat!(
            "SELECT CASE WHEN ",
            is_wanted!(),
            " THEN ",
            due_mail!(),
            " END FROM delivery d LEFT JOIN subscription s ON s.id = d.subscription_id
                                 LEFT JOIN subscriber b ON b.id = s.subscriber_id
              WHERE ",
            is_due!(),
            " AND NOT ",
            letter_waits!(),
            " ORDER BY d.not_before, d.id LIMIT $2"
        ))
        .bind(now.millis())
        .bind(i64::try_from(AHEAD).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
        let found = lines.len();
        let mails: VecDeque<Ready> = lines.into_iter().map_while(|(line,)| line.and_then(Ready::read)).collect();
        Ok(List { more: found == AHEAD || mails.len() < found, mails, passed_over: false })
    }
}

/// Writes what was sent and marks what is to be mailed, before MAIL FROM (P4); says
/// how many rows it were.
async fn write_and_mark(
    db: &SqlitePool,
    rows: &[Row<'_>],
    courier: &Courier,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let Some(rows) = Padded::of(rows) else { return Ok(0) };
    let sql = [
        "UPDATE delivery SET
             state = CASE WHEN v.column4 IS NULL THEN 'sent' ELSE 'attempting' END,
             reply = CASE WHEN v.column4 IS NULL THEN v.column3 ELSE reply END,
             settled_at = CASE WHEN v.column4 IS NULL THEN $1 ELSE settled_at END,
             attempts = attempts + (v.column4 IS NOT NULL), fence = fence + (v.column4 IS NOT NULL),
             node = CASE WHEN v.column4 IS NULL THEN node ELSE $2 END,
             lease_until = CASE WHEN v.column4 IS NULL THEN lease_until ELSE $3 END
         FROM (VALUES ",
        &values(rows.len(), 5, Places::From(4)),
        concat!(
            ") AS v
             WHERE delivery.id = v.column1 AND delivery.fence = v.column2
               AND CASE WHEN v.column4 IS NULL THEN delivery.state = 'attempting'
                   ELSE NOT ",
            letter_waits!(),
            " AND NOT EXISTS (SELECT 1 FROM suppression WHERE address_hash IN (v.column4, v.column5)) AND v.column3 = (SELECT ",
            due_mail!(),
            " FROM delivery d JOIN subscription s ON s.id = d.subscription_id
                              JOIN subscriber b ON b.id = s.subscriber_id
              WHERE d.id = v.column1 AND ",
            is_due!(),
            " AND ",
            is_wanted!(),
            ") END"
        ),
    ]
    .concat();
    let lease_until = now.plus(courier.lease).millis();
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(now.millis()).bind(&courier.node).bind(lease_until);
    for Row { id, fence, text, hash, earlier_hash } in rows {
        query = query.bind(id.0).bind(fence).bind(*text).bind(*hash).bind(*earlier_hash);
    }
    let done = query.execute(db).await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

/// Which of the mails were marked.
async fn marked(
    db: &SqlitePool,
    mails: &[Ready],
    courier: &Courier,
    now: Timestamp,
) -> Result<HashSet<i64>, StoreError> {
    let Some(rows) = Padded::of(mails) else { return Ok(HashSet::new()) };
    let sql = format!(
        "SELECT delivery.id FROM delivery, (VALUES {}) AS v
         WHERE delivery.id = v.column1 AND delivery.fence = v.column2
           AND delivery.state = 'attempting' AND delivery.node = $1 AND delivery.lease_until = $2",
        values(rows.len(), 2, Places::From(3))
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(&courier.node).bind(now.plus(courier.lease).millis());
    for mail in rows {
        query = query.bind(mail.id.0).bind(mail.fence + 1);
    }
    let found: Vec<(i64,)> = query.fetch_all(db).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

impl<'a> Row<'a> {
    /// `None` where a mail was not sent.
    fn sent(Settled { attempt, settlement }: &'a Settled) -> Option<Self> {
        let Settlement::Sent(text) = settlement else { return None };
        Some(Self { id: attempt.id, fence: attempt.fence, text, hash: None, earlier_hash: None })
    }
}

impl Ready {
    /// What [`due_mail!`] wrote.
    fn read(line: String) -> Option<Self> {
        let mut fields = line.splitn(12, '\n');
        let mut number = || fields.next().and_then(|field| field.parse::<i64>().ok());
        let (id, fence, attempts, _expires_at) = (DeliveryId(number()?), number()?, number()?, number()?);
        let (digest, variant, dated) = (DigestId(number()?), number()?, number());
        let (subscription, counter) = (SubscriptionId(number()?), number()?);
        let subscriber = SubscriberId(number()?);
        let to: EmailAddress = fields.next()?.parse().ok()?;
        let name = fields.next()?.strip_prefix('=').map(str::to_owned);
        let dated = dated.map(Timestamp::from_millis);
        let content = Content::Digest { digest, subscriber, subscription, counter, variant, name, dated };
        Some(Self { line, id, fence, attempts: u32::try_from(attempts).ok()?, content, to })
    }

    /// With the hashes of its address by the live keys, of which there is one or two.
    fn row<'a>(&'a self, hashes: &'a [String]) -> Row<'a> {
        let hash = |key: usize| hashes.get(key).map(String::as_str);
        Row {
            id: self.id,
            fence: self.fence,
            text: &self.line,
            hash: Some(hash(0).unwrap_or("")),
            earlier_hash: hash(1),
        }
    }

    fn coming(&self) -> Coming {
        Coming { delivery: self.id, content: self.content.clone(), to: self.to.clone() }
    }

    /// What the mark gives the right to.
    fn attempt(self) -> Attempt {
        let Self { id, fence, attempts, content, to, .. } = self;
        Attempt { id, fence: fence + 1, content, to, attempts: attempts.saturating_add(1) }
    }
}
