//! The ledger of mails: who may try one, and what came of it.
//!
//! [`Store::turn`] is the group commit: one transaction writes the verdicts that
//! came back and takes the next attempts, so that a mark before MAIL FROM (P4)
//! rides with the results of other connections. Consent is read again in the
//! transaction that takes (P9); a result is written only with its fence (P7).

use super::counts::{self, Count};
use super::due::{self, Candidate, wanted as wants};
use super::{Store, StoreError, Tx, each};
use crate::domain::delivery::DeliveryState;
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DeliveryId, DigestId, LetterId, SubscriberId, SubscriptionId};
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::domain::token::SecretKey;
use std::time::Duration;

/// Later than any clock: what waits for a person.
pub(super) const HELD: i64 = i64::MAX / 2;

/// After so many lost answers a mail waits for a person (P6).
const MAX_DOUBTS: i64 = 3;

/// The right and duty to mail one delivery once. Minted only here, consumed by
/// [`Attempt::settle`].
#[derive(Debug)]
#[must_use = "an attempt that is not settled stays in doubt"]
pub struct Attempt {
    id: DeliveryId,
    fence: i64,
    /// What to mail.
    pub content: Content,
    /// To whom.
    pub to: EmailAddress,
    /// How many attempts there were, this one included.
    pub attempts: u32,
}

/// What an attempt mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One reader's copy of a digest.
    Digest {
        /// The digest.
        digest: DigestId,
        /// The reader.
        subscriber: SubscriberId,
        /// What the unsubscribe link speaks of.
        subscription: SubscriptionId,
        /// Part of its token.
        counter: i64,
        /// Which of the digest's mails.
        variant: i64,
        /// What the reader is greeted by, when it is known.
        name: Option<String>,
    },
    /// A digest as its readers would get it, for somebody who is to judge it.
    Preview {
        /// The letter.
        letter: LetterId,
        /// When it was written: the mail's date.
        written: Timestamp,
        /// The digest, when it is frozen already.
        digest: Option<DigestId>,
        /// Its subject.
        subject: String,
        /// Its HTML part, with a reader's tokens.
        html: String,
        /// Its text part, likewise.
        plain: String,
    },
    /// The mail that asks a reader to confirm.
    Confirm {
        /// The letter.
        letter: LetterId,
        /// When it was asked for: the mail's date.
        written: Timestamp,
        /// What the link speaks of.
        subscription: SubscriptionId,
        /// Part of its token.
        counter: i64,
        /// What its token is bound to.
        nonce: String,
        /// The newsletter's name.
        newsletter: Slug,
        /// The reader's language.
        language: Language,
    },
    /// A note to the owner.
    Owner {
        /// The letter.
        letter: LetterId,
        /// When it was written: the mail's date.
        written: Timestamp,
        /// Its subject.
        subject: String,
        /// Its text.
        body: String,
    },
}

/// An attempt with what came of it.
#[derive(Debug)]
pub struct Settled {
    attempt: Attempt,
    settlement: Settlement,
}

/// What came of an attempt, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The relay has it; its last line.
    Sent(String),
    /// Refused for good; why.
    Bounced(String),
    /// To be tried again at that instant; why.
    Deferred(String, Timestamp),
    /// The answer was lost; how, and when to try again (`None`: a person decides).
    Unknown(String, Option<Timestamp>),
    /// Not tried: back as it was, not before that instant.
    GivenBack(Timestamp),
}

impl Attempt {
    /// Ends the attempt.
    #[must_use = "a settlement counts once it is handed to a turn"]
    pub fn settle(self, settlement: Settlement) -> Settled {
        Settled { attempt: self, settlement }
    }
}

/// What a turn writes: the results that came back, and how many mails went.
#[derive(Debug, Clone, Copy)]
pub struct Results<'a> {
    /// The attempts that ended.
    pub settled: &'a [Settled],
    /// What is to be added to the counts of a day. A second writing after a lost
    /// answer to COMMIT counts twice: limits then err on the careful side.
    pub counts: &'a [Count],
}

/// What a turn gave.
#[derive(Debug)]
pub struct Turn {
    /// At most as many as were wanted.
    pub attempts: Vec<Attempt>,
    /// Whether more rows were due than were looked at.
    pub more: bool,
    /// The counts that were added to, as they stand now.
    pub totals: Vec<Count>,
}

/// Says whose mail may go now.
pub trait Gate: Send {
    /// Lets a mail go, or says when it may be asked for again.
    fn admit(&mut self, to: &EmailAddress) -> Result<(), Timestamp>;
}

/// How often a turn looks for others in the place of those that were put off.
const LOOKS: usize = 20;

/// Who takes attempts, and under which rules.
#[derive(Debug, Clone)]
pub struct Courier {
    /// The node's name.
    pub node: String,
    /// After this an attempt counts as lost with its node.
    pub lease: Duration,
    /// The key of the suppression list.
    pub secret: SecretKey,
}

impl Store {
    /// Writes what came back and takes up to `wanted` attempts that are due and
    /// that `gate` lets go, letters first, in one transaction. When it fails, the
    /// caller still holds the verdicts and writes them again: a second writing
    /// changes nothing (P8).
    pub async fn turn(
        &self,
        results: Results<'_>,
        wanted: usize,
        gate: &mut dyn Gate,
        courier: &Courier,
        now: Timestamp,
    ) -> Result<Turn, StoreError> {
        let mut tx = self.begin().await?;
        for Settled { attempt, settlement } in results.settled {
            write_settlement(&mut tx, attempt, settlement, now).await?;
        }
        let mut totals = Vec::with_capacity(results.counts.len());
        for count in results.counts {
            totals.push(counts::add(&mut tx, count).await?);
        }
        let mut attempts = Vec::with_capacity(wanted);
        let mut more = false;
        for _ in 0..LOOKS {
            let rest = wanted - attempts.len();
            if rest == 0 {
                break;
            }
            let mut candidates = due::letters(&mut tx, rest, now).await?;
            if candidates.len() < rest {
                let left = rest - candidates.len();
                candidates.extend(due::digests(&mut tx, left, now).await?);
            }
            more = candidates.len() == rest;
            for candidate in candidates {
                attempts.extend(take(&mut tx, candidate, gate, courier, now).await?);
            }
            if !more {
                break;
            }
        }
        tx.commit().await?;
        Ok(Turn { attempts, more, totals })
    }

    /// Puts in doubt what an earlier life of this node, or a node whose lease
    /// has ended, left in mid-attempt (P4). Returns how many there were.
    pub async fn recover_attempts(&self, node: &str, hold: bool, now: Timestamp) -> Result<u64, StoreError> {
        let rows = each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE delivery SET state = 'unknown', doubts = doubts + 1, fence = fence + 1,
                     reply = 'syndicated ended in the middle of this delivery',
                     not_before = CASE WHEN $3 OR doubts >= $4 OR EXISTS
                         (SELECT 1 FROM digest WHERE digest.id = delivery.digest_id AND digest.state <> 'sending')
                         THEN $5 ELSE $2 END
                 WHERE state = 'attempting' AND (node = $1 OR lease_until < $2)",
            )
            .bind(node)
            .bind(now.millis())
            .bind(hold)
            .bind(MAX_DOUBTS)
            .bind(HELD)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(rows)
    }
}

pub(super) fn slug(name: &str) -> Result<Slug, StoreError> {
    name.parse().map_err(|error: crate::domain::slug::BadSlug| StoreError::Corrupt(error.to_string()))
}

async fn write_settlement(
    tx: &mut Tx,
    attempt: &Attempt,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<(), StoreError> {
    // `attempts` and `doubts` are raised when taken and when lost.
    let (state, reply, not_before, attempts, doubts) = match settlement {
        Settlement::Sent(reply) => (DeliveryState::Sent, Some(reply), None, 0, 0),
        Settlement::Bounced(reason) => (DeliveryState::Bounced, Some(reason), None, 0, 0),
        Settlement::Deferred(reason, at) => (DeliveryState::Deferred, Some(reason), Some(at.millis()), 0, 0),
        Settlement::Unknown(reason, at) => {
            (DeliveryState::Unknown, Some(reason), Some(at.map_or(HELD, Timestamp::millis)), 0, 1)
        }
        Settlement::GivenBack(at) => (DeliveryState::Pending, None, Some(at.millis()), -1, 0),
    };
    let (open, held) = (not_before.is_some(), not_before == Some(HELD));
    each!(tx, |db| {
        sqlx::query(
            "UPDATE delivery SET
                 state = CASE WHEN $3 IN ('pending', 'deferred') AND doubts = 0 AND EXISTS
                                  (SELECT 1 FROM digest WHERE digest.id = delivery.digest_id AND digest.state = 'cancelled')
                              THEN 'suppressed'
                              WHEN $3 = 'pending' AND doubts > 0 THEN 'unknown'
                              WHEN $3 = 'pending' AND attempts > 1 THEN 'deferred' ELSE $3 END,
                 reply = COALESCE($4, reply),
                 not_before = CASE WHEN $5 THEN not_before WHEN $6 OR (doubts + $9 > $10) OR EXISTS
                         (SELECT 1 FROM digest WHERE digest.id = delivery.digest_id AND digest.state <> 'sending')
                         THEN $11 WHEN $7 > expires_at THEN expires_at ELSE $7 END,
                 attempts = attempts + $8, doubts = doubts + $9,
                 settled_at = CASE WHEN $5 THEN $12 ELSE settled_at END
             WHERE id = $1 AND fence = $2 AND state = 'attempting'",
        )
        .bind(attempt.id.0)
        .bind(attempt.fence)
        .bind(state.as_str())
        .bind(reply)
        .bind(!open)
        .bind(held)
        .bind(not_before.unwrap_or(0))
        .bind(attempts)
        .bind(doubts)
        .bind(MAX_DOUBTS)
        .bind(HELD)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Marks one delivery as being attempted, or ends it when it may not be mailed.
async fn take(
    tx: &mut Tx,
    candidate: Candidate,
    gate: &mut dyn Gate,
    courier: &Courier,
    now: Timestamp,
) -> Result<Option<Attempt>, StoreError> {
    let (id, expires_at) = (DeliveryId(candidate.id), candidate.expires_at);
    if expires_at <= now.millis() {
        end(tx, id, DeliveryState::Expired, now).await?;
        return Ok(None);
    }
    let Some((to, content)) = wants(candidate)? else {
        end(tx, id, DeliveryState::Suppressed, now).await?;
        return Ok(None);
    };
    if is_suppressed(tx, &courier.secret.address_hash(&to.key())).await? {
        end(tx, id, DeliveryState::Suppressed, now).await?;
        return Ok(None);
    }
    if let Err(later) = gate.admit(&to) {
        put_off(tx, id, later.millis().min(expires_at)).await?;
        return Ok(None);
    }
    let (fence, attempts): (i64, i64) = each!(tx, |db| {
        sqlx::query_as(
            "UPDATE delivery SET state = 'attempting', attempts = attempts + 1, fence = fence + 1, node = $2, lease_until = $3
             WHERE id = $1 RETURNING fence, attempts",
        )
        .bind(id.0)
        .bind(&courier.node)
        .bind(now.plus(courier.lease).millis())
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(Some(Attempt { id, fence, content, to, attempts: u32::try_from(attempts).unwrap_or(u32::MAX) }))
}

/// Leaves a delivery as it is until then: it was not tried.
async fn put_off(tx: &mut Tx, id: DeliveryId, not_before: i64) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query("UPDATE delivery SET not_before = $2 WHERE id = $1")
            .bind(id.0)
            .bind(not_before)
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}

async fn end(tx: &mut Tx, id: DeliveryId, state: DeliveryState, now: Timestamp) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query("UPDATE delivery SET state = $2, settled_at = $3 WHERE id = $1")
            .bind(id.0)
            .bind(state.as_str())
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}

async fn is_suppressed(tx: &mut Tx, address_hash: &str) -> Result<bool, StoreError> {
    let row: Option<(String,)> = each!(tx, |db| {
        sqlx::query_as("SELECT reason FROM suppression WHERE address_hash = $1")
            .bind(address_hash)
            .fetch_optional(&mut **db)
            .await
    })?;
    Ok(row.is_some())
}
