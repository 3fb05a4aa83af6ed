//! What came back, and what it does to its reader: kept and acted on in one
//! transaction, once however often it comes (P18).

use super::leaving::end;
use super::suppression::suppress;
use super::{Store, StoreError, Tx, each};
use crate::domain::bounce::BounceKind;
use crate::domain::consent::{Given, Origin};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{BounceId, DeliveryId, SubscriberId, SubscriptionId};
use crate::domain::time::Timestamp;
use crate::domain::token::SecretKey;
use std::time::Duration;

/// Something that came in, and what was made of it.
#[derive(Debug, Clone)]
pub struct Heard<'a> {
    /// What makes it the same when it comes again.
    pub sameness: &'a str,
    /// How it came in.
    pub door: &'a str,
    /// What it is.
    pub kind: BounceKind,
    /// Whom it is about; nobody when that cannot be told.
    pub about: Option<About>,
    /// The enhanced status code.
    pub status: Option<&'a str>,
    /// What the host said.
    pub words: &'a str,
    /// Why it is taken for that.
    pub why: &'a str,
    /// The beginning of it, for a person to look at.
    pub raw: Option<&'a str>,
}

/// Whom something is about. Only who has proved it may say so: see `flow::bounce`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The reader.
    pub reader: SubscriberId,
    /// The address that the mail went to.
    pub address: EmailAddress,
    /// Which mail, when that is known.
    pub delivery: Option<DeliveryId>,
}

/// When soft bounces end mailing.
#[derive(Debug, Clone, Copy)]
pub struct Patience<'a> {
    /// So many mails,
    pub soft: u32,
    /// in this time.
    pub within: Duration,
    /// The key of the suppression list.
    pub secret: &'a SecretKey,
}

/// What became of something that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It is kept, and its reader is mailed on.
    Kept,
    /// It is kept, and its reader is not mailed any more.
    Ended,
    /// It had come before.
    Again,
}

/// Which of what came back are wanted.
#[derive(Debug, Clone, Default)]
pub struct BounceFilter {
    /// Of this kind only.
    pub kind: Option<BounceKind>,
    /// About this reader only.
    pub reader: Option<SubscriberId>,
    /// At most so many, the newest first.
    pub limit: u32,
}

/// Something that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BounceRow {
    /// Its row.
    pub id: BounceId,
    /// What it is.
    pub kind: BounceKind,
    /// How it came in.
    pub door: String,
    /// Which mail it is about, when that is known.
    pub delivery: Option<DeliveryId>,
    /// The reader's address, all but its first letter hidden; `None` when it is about nobody.
    pub reader: Option<String>,
    /// The enhanced status code.
    pub status: Option<String>,
    /// What the host said.
    pub words: String,
    /// Why it is taken for that.
    pub why: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Whether it ended mailing to its reader.
    pub ended: bool,
    /// The beginning of it, where a person is to look at it.
    pub raw: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: String,
    door: String,
    delivery_id: Option<i64>,
    email: Option<String>,
    status: Option<String>,
    words: String,
    why: String,
    received_at: i64,
    ended: bool,
    raw: Option<String>,
}

impl TryFrom<Row> for BounceRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: BounceId(row.id),
            kind: row.kind.parse().map_err(StoreError::Corrupt)?,
            door: row.door,
            delivery: row.delivery_id.map(DeliveryId),
            reader: row.email.and_then(|email| email.parse::<EmailAddress>().ok()).map(|email| email.masked()),
            status: row.status,
            words: row.words,
            why: row.why,
            received_at: Timestamp::from_millis(row.received_at),
            ended: row.ended,
            raw: row.raw,
        })
    }
}

macro_rules! select_bounces {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.kind, c.door, c.delivery_id, b.email, c.status, c.words, c.why, c.received_at, c.ended, c.raw
             FROM bounce c LEFT JOIN subscriber b ON b.id = c.subscriber_id ",
            $rest
        )
    };
}

impl Store {
    /// Whom a mail went to; `None` when there is no such mail, or its reader was erased.
    pub async fn reader_of(&self, delivery: DeliveryId) -> Result<Option<About>, StoreError> {
        let row: Option<(i64, String)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT b.id, b.email FROM delivery d JOIN subscription s ON s.id = d.subscription_id
                 JOIN subscriber b ON b.id = s.subscriber_id WHERE d.id = $1",
            )
            .bind(delivery.0)
            .fetch_optional(db)
            .await
        })?;
        about(row, Some(delivery))
    }

    /// The reader at an address, if there is one.
    pub async fn reader_at(&self, address: &EmailAddress) -> Result<Option<About>, StoreError> {
        let row: Option<(i64, String)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT id, email FROM subscriber WHERE email_key = $1")
                .bind(address.key())
                .fetch_optional(db)
                .await
        })?;
        about(row, None)
    }

    /// Keeps something that came in, and does what it asks for: a hard bounce or a
    /// complaint ends mailing at once, a soft one when patience is at its end. A
    /// complaint also ends the reader's subscriptions.
    pub async fn hear(&self, heard: &Heard<'_>, patience: Patience<'_>, now: Timestamp) -> Result<Came, StoreError> {
        // Most of what comes again is seen without waiting for the writer.
        let known: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT id FROM bounce WHERE sameness = $1").bind(heard.sameness).fetch_optional(db).await
        })?;
        if known.is_some() {
            return Ok(Came::Again);
        }
        let mut tx = self.begin().await?;
        let reader = heard.about.as_ref().map(|about| about.reader);
        if let Some(reader) = reader {
            // Two that come at once are counted one after the other; one whose reader was just erased says nothing.
            let there = each!(&mut tx, |db| {
                sqlx::query("UPDATE subscriber SET email_key = email_key WHERE id = $1")
                    .bind(reader.0)
                    .execute(&mut **db)
                    .await
                    .map(|done| done.rows_affected())
            })?;
            if there == 0 {
                return Ok(Came::Again);
            }
        }
        let Some(id) = insert(&mut tx, heard, now).await? else { return Ok(Came::Again) };
        let ends = match (heard.kind, &heard.about) {
            (_, None) | (BounceKind::Blocked | BounceKind::Unclear, _) => false,
            (BounceKind::Hard | BounceKind::Complaint, Some(_)) => true,
            (BounceKind::Soft, Some(about)) => {
                let count = soft_since(&mut tx, about.reader, now.minus(patience.within)).await?;
                count >= i64::from(patience.soft)
            }
        };
        if let Some(about) = &heard.about {
            if matches!(heard.kind, BounceKind::Hard | BounceKind::Soft | BounceKind::Blocked) {
                note_delivery(&mut tx, about, heard).await?;
            }
            if ends {
                let reason = reason(heard.kind, heard.status);
                suppress(&mut tx, &patience.secret.address_hash(&about.address.key()), &reason, Some(id), now).await?;
                each!(&mut tx, |db| {
                    sqlx::query("UPDATE bounce SET ended = TRUE WHERE id = $1")
                        .bind(id.0)
                        .execute(&mut **db)
                        .await
                        .map(drop)
                })?;
            }
            if heard.kind == BounceKind::Complaint {
                end_all(&mut tx, about.reader, now).await?;
            }
        }
        tx.commit().await?;
        Ok(if ends { Came::Ended } else { Came::Kept })
    }

    /// What came back, the newest first.
    pub async fn bounces(&self, filter: &BounceFilter) -> Result<Vec<BounceRow>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_bounces!(
                "WHERE ($1 = '' OR c.kind = $1) AND ($2 = 0 OR c.subscriber_id = $2) ORDER BY c.id DESC LIMIT $3"
            ))
            .bind(filter.kind.map_or("", BounceKind::as_str))
            .bind(filter.reader.map_or(0, |reader| reader.0))
            .bind(i64::from(filter.limit))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(BounceRow::try_from).collect()
    }

    /// Whether more than so many of a kind are kept.
    pub async fn has_more_bounces(&self, kind: BounceKind, than: u32) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT id FROM bounce WHERE kind = $1 ORDER BY id LIMIT 1 OFFSET $2")
                .bind(kind.as_str())
                .bind(i64::from(than))
                .fetch_optional(db)
                .await
        })?;
        Ok(row.is_some())
    }

    /// One of them.
    pub async fn bounce(&self, id: BounceId) -> Result<Option<BounceRow>, StoreError> {
        let row: Option<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_bounces!("WHERE c.id = $1")).bind(id.0).fetch_optional(db).await
        })?;
        row.map(BounceRow::try_from).transpose()
    }
}

fn about(row: Option<(i64, String)>, delivery: Option<DeliveryId>) -> Result<Option<About>, StoreError> {
    let Some((id, email)) = row else { return Ok(None) };
    let address = email.parse().map_err(|_| StoreError::Corrupt(format!("subscriber {id}: the address")))?;
    Ok(Some(About { reader: SubscriberId(id), address, delivery }))
}

/// Why an address is suppressed, in few words.
fn reason(kind: BounceKind, status: Option<&str>) -> String {
    let what = match kind {
        BounceKind::Complaint => "the reader complained",
        BounceKind::Soft => "too many mails were not taken",
        _ => "there is no such mailbox",
    };
    status.map_or_else(|| what.to_owned(), |status| format!("{what} ({status})"))
}

/// The new row, or `None` when the same thing is there.
async fn insert(tx: &mut Tx, heard: &Heard<'_>, now: Timestamp) -> Result<Option<BounceId>, StoreError> {
    let row: Option<(i64,)> = each!(tx, |db| {
        sqlx::query_as(
            "INSERT INTO bounce (sameness, kind, door, delivery_id, subscriber_id, status, words, why, received_at, raw)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (sameness) DO NOTHING RETURNING id",
        )
        .bind(heard.sameness)
        .bind(heard.kind.as_str())
        .bind(heard.door)
        .bind(heard.about.as_ref().and_then(|about| about.delivery).map(|id| id.0))
        .bind(heard.about.as_ref().map(|about| about.reader.0))
        .bind(heard.status)
        .bind(heard.words)
        .bind(heard.why)
        .bind(now.millis())
        .bind(heard.raw)
        .fetch_optional(&mut **db)
        .await
    })?;
    Ok(row.map(|(id,)| BounceId(id)))
}

async fn soft_since(tx: &mut Tx, reader: SubscriberId, since: Timestamp) -> Result<i64, StoreError> {
    let (count,): (i64,) = each!(tx, |db| {
        sqlx::query_as(
            "SELECT COUNT(*) FROM bounce WHERE subscriber_id = $1 AND kind = 'soft' AND counts AND received_at > $2",
        )
        .bind(reader.0)
        .bind(since.millis())
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(count)
}

/// The ledger learns that a mail which the relay took did not arrive.
async fn note_delivery(tx: &mut Tx, about: &About, heard: &Heard<'_>) -> Result<(), StoreError> {
    let Some(delivery) = about.delivery else { return Ok(()) };
    let reply: String = heard.words.chars().take(300).collect();
    each!(tx, |db| {
        sqlx::query("UPDATE delivery SET state = 'bounced', reply = $2 WHERE id = $1 AND state = 'sent'")
            .bind(delivery.0)
            .bind(reply)
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Counts a reader's bounces anew.
pub(super) async fn forget_soft_bounces(tx: &mut Tx, reader: SubscriberId) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query("UPDATE bounce SET counts = FALSE WHERE subscriber_id = $1")
            .bind(reader.0)
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Ends every subscription of a reader who complained.
async fn end_all(tx: &mut Tx, reader: SubscriberId, now: Timestamp) -> Result<(), StoreError> {
    let standing: Vec<(i64,)> = each!(&mut *tx, |db| {
        sqlx::query_as("SELECT id FROM subscription WHERE subscriber_id = $1 AND state <> 'unsubscribed' ORDER BY id")
            .bind(reader.0)
            .fetch_all(&mut **db)
            .await
    })?;
    let given = Given { form: "complaint", words: "", origin: Origin::Mail, address: None };
    for (id,) in standing {
        end(tx, SubscriptionId(id), &given, None, now).await?;
    }
    Ok(())
}
