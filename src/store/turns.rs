//! The courier's turn: who may try a mail, and what came of those that were tried.
//!
//! [`Store::turn`] is the group commit: one transaction writes the verdicts that
//! came back and takes the next attempts, so that a mark before MAIL FROM (P4)
//! rides with the results of other connections. It costs a few statements,
//! however many mails there are. Consent is read again in the transaction that
//! takes (P9); a result is written only with its fence (P7).

use super::deliveries::{Attempt, Courier, Gate, HELD, Results, Settled, Settlement, Turn};
use super::due::{self, Candidate};
use super::many::Padded;
use super::suppression::{ERASED, suppressed};
use super::words::hold_still;
use super::{Store, StoreError, Tx, counts, each};
use crate::domain::delivery::DeliveryState;
use crate::domain::id::DeliveryId;
use crate::domain::time::Timestamp;
use sqlx::AssertSqlSafe;

/// After so many lost answers a mail waits for a person (P6).
pub(super) const MAX_DOUBTS: i64 = 3;

/// How often a turn looks for others in the place of those that were put off.
const LOOKS: usize = 20;

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
        if gate.is_open()
            && let Some(turn) = self.ordinary_turn(results, wanted, courier, now).await?
        {
            return Ok(turn);
        }
        let mut tx = self.begin().await?;
        write_settlements(&mut tx, results.settled, now).await?;
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
            attempts.extend(take(&mut tx, candidates, gate, courier, now).await?);
            if !more {
                break;
            }
        }
        tx.commit().await?;
        Ok(Turn { attempts, more, coming: Vec::new(), totals })
    }
}

/// Writes what came back: what was sent in one statement, since that is nearly all
/// of it, and the rest one by one.
async fn write_settlements(tx: &mut Tx, settled: &[Settled], now: Timestamp) -> Result<(), StoreError> {
    let open = settled.iter().filter(|Settled { settlement, .. }| !matches!(settlement, Settlement::Sent(_)));
    hold_still(tx, open.filter_map(|Settled { attempt, .. }| attempt.content.digest())).await?;
    let mut sent = Vec::new();
    for Settled { attempt, settlement } in settled {
        match settlement {
            Settlement::Sent(reply) => sent.push((attempt, reply)),
            other => write_settlement(tx, attempt, other, now).await?,
        }
    }
    let Some(rows) = Padded::of(&sent) else { return Ok(()) };
    let values: Vec<String> =
        (0..rows.len()).map(|row| format!("(${}, ${}, ${})", row * 3 + 2, row * 3 + 3, row * 3 + 4)).collect();
    let sql = format!(
        "UPDATE delivery SET state = 'sent', reply = v.column3, settled_at = $1 FROM (VALUES {}) AS v
         WHERE delivery.id = v.column1 AND delivery.fence = v.column2 AND delivery.state = 'attempting'",
        values.join(", ")
    );
    each!(tx, |db| {
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(now.millis());
        for (attempt, reply) in rows {
            query = query.bind(attempt.id.0).bind(attempt.fence).bind(reply.as_str());
        }
        query.execute(&mut **db).await.map(drop)
    })?;
    Ok(())
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

/// Marks deliveries as being attempted, or ends those that may not be mailed.
async fn take(
    tx: &mut Tx,
    candidates: Vec<Candidate>,
    gate: &mut dyn Gate,
    courier: &Courier,
    now: Timestamp,
) -> Result<Vec<Attempt>, StoreError> {
    let mut found = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let (id, fence, attempts) = (DeliveryId(candidate.id), candidate.fence + 1, candidate.attempts + 1);
        let expires_at = candidate.expires_at;
        if expires_at <= now.millis() {
            end(tx, id, DeliveryState::Expired, now).await?;
        } else if let Some((to, content)) = candidate.wanted {
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            let hashes = courier.secret.address_hashes(&to.key());
            found.push((hashes, expires_at, Attempt { id, fence, content, to, attempts }));
        } else {
            end(tx, id, DeliveryState::Suppressed, now).await?;
        }
    }
    let hashes: Vec<&str> = found.iter().flat_map(|(hashes, ..)| hashes).map(String::as_str).collect();
    let suppressed = suppressed(tx, &hashes).await?;
    let mut taken = Vec::with_capacity(found.len());
    for (hashes, expires_at, attempt) in found {
        // Only somebody who was erased may be asked whether they would like to come back.
        let never = |reason: &String| reason != ERASED || !attempt.content.asks();
        if hashes.iter().filter_map(|hash| suppressed.get(hash)).any(never) {
            end(tx, attempt.id, DeliveryState::Suppressed, now).await?;
        } else if let Err(later) = gate.admit(&attempt.to) {
            put_off(tx, attempt.id, later.millis().min(expires_at)).await?;
        } else {
            taken.push(attempt);
        }
    }
    mark(tx, &taken, courier, now).await?;
    Ok(taken)
}

/// The mark before MAIL FROM (P4). Whoever found the rows holds them since.
async fn mark(tx: &mut Tx, taken: &[Attempt], courier: &Courier, now: Timestamp) -> Result<(), StoreError> {
    let Some(rows) = Padded::of(taken) else { return Ok(()) };
    let sql = format!(
        "UPDATE delivery SET state = 'attempting', attempts = attempts + 1, fence = fence + 1, node = $1, lease_until = $2
         WHERE id IN ({})",
        rows.places(3)
    );
    each!(tx, |db| {
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(&courier.node).bind(now.plus(courier.lease).millis());
        for attempt in rows {
            query = query.bind(attempt.id.0);
        }
        query.execute(&mut **db).await.map(drop)
    })?;
    Ok(())
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
