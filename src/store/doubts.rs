//! Doubt (P6): what an earlier life left in mid-attempt is in doubt, and nothing
//! else (P4); what a person says of it; and that a person is told when nobody else
//! can end a digest.

use super::deliveries::HELD;
use super::ledger::balance_in;
use super::letters::insert_owner_letter;
use super::turns::MAX_DOUBTS;
use super::words::hold_still;
use super::{Store, StoreError, Tx, each};
use crate::domain::delivery::Decision;
use crate::domain::email_address::EmailAddress;
use crate::domain::id::DigestId;
use crate::domain::time::Timestamp;
use std::time::Duration;

/// How often what an earlier life still holds is looked at again, and how soon:
/// 10 s in all, which is longer than a server takes to end what a dead one began.
const RECOVERIES: usize = 100;
const RECOVER_AGAIN: Duration = Duration::from_millis(100);

/// Puts deliveries in doubt; on PostgreSQL only those that nobody holds.
macro_rules! doubt {
    ($tx:expr) => {
        match $tx {
            Tx::Sqlite(_) => doubt!(@text ""),
            Tx::Postgres(_) => doubt!(@text " FOR UPDATE SKIP LOCKED"),
        }
    };
    (@text $lock:literal) => {
        concat!(
            "UPDATE delivery SET state = 'unknown', doubts = doubts + 1, fence = fence + 1,
                 reply = 'syndicated ended in the middle of this delivery',
                 not_before = CASE WHEN $3 OR doubts >= $4 OR EXISTS
                     (SELECT 1 FROM digest WHERE digest.id = delivery.digest_id AND digest.state <> 'sending')
                     THEN $5 ELSE $2 END
             WHERE id IN (SELECT id FROM delivery WHERE state = 'attempting' AND (node = $1 OR lease_until < $2)",
            $lock,
            ")"
        )
    };
}

impl Store {
    /// Puts in doubt what an earlier life of this node, or a node whose lease
    /// has ended, left in mid-attempt (P4). Returns how many there were.
    ///
    /// On PostgreSQL an earlier life may still be writing its last verdicts. It is
    /// not waited for, row by row, since it may wait for this one: rows that it
    /// holds are passed over and looked at again, and what it wrote stands.
    pub async fn recover_attempts(&self, node: &str, hold: bool, now: Timestamp) -> Result<u64, StoreError> {
        let mut recovered = 0;
        for _ in 0..RECOVERIES {
            recovered += self.recover_free(node, hold, now).await?;
            let left: Option<(i64,)> = each!(&self.reader, |db| {
                sqlx::query_as(
                    "SELECT id FROM delivery WHERE state = 'attempting' AND (node = $1 OR lease_until < $2) LIMIT 1",
                )
                .bind(node)
                .bind(now.millis())
                .fetch_optional(db)
                .await
            })?;
            if left.is_none() {
                break;
            }
            tokio::time::sleep(RECOVER_AGAIN).await;
        }
        Ok(recovered)
    }

    /// The same for those that nobody holds.
    async fn recover_free(&self, node: &str, hold: bool, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let of: Vec<(i64,)> = each!(&mut tx, |db| {
            sqlx::query_as(
                "SELECT DISTINCT digest_id FROM delivery
                 WHERE state = 'attempting' AND (node = $1 OR lease_until < $2) AND digest_id IS NOT NULL",
            )
            .bind(node)
            .bind(now.millis())
            .fetch_all(&mut **db)
            .await
        })?;
        hold_still(&mut tx, of.into_iter().map(|(digest,)| DigestId(digest))).await?;
        let sql = doubt!(&tx);
        let rows = each!(&mut tx, |db| {
            sqlx::query(sql)
                .bind(node)
                .bind(now.millis())
                .bind(hold)
                .bind(MAX_DOUBTS)
                .bind(HELD)
                .execute(&mut **db)
                .await
                .map(|done| done.rows_affected())
        })?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Does what a person decided on the mails of a digest whose fate is not
    /// known and that wait for one (P6). Returns how many there were. Of a digest
    /// that was called off nothing is mailed again: what did not go out never does.
    pub async fn decide_doubts(
        &self,
        digest: DigestId,
        decision: Decision,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let decided = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE delivery SET
                     state = CASE WHEN $2 THEN 'sent'
                                  WHEN (SELECT digest.state FROM digest WHERE digest.id = $1) = 'cancelled' THEN 'suppressed'
                                  ELSE state END,
                     settled_at = CASE WHEN $2 OR (SELECT digest.state FROM digest WHERE digest.id = $1) = 'cancelled'
                                       THEN $3 ELSE settled_at END,
                     not_before = $3, expires_at = $4, doubts = 1
                 WHERE digest_id = $1 AND state = 'unknown' AND not_before = $5",
            )
            .bind(digest.0)
            .bind(decision == Decision::Sent)
            .bind(now.millis())
            .bind(now.plus(lifetime).millis())
            .bind(HELD)
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        forget_telling(&mut tx, digest).await?;
        tx.commit().await?;
        Ok(decided)
    }
}

/// Tells the owner, once, of a digest of which only mails in doubt are left, each
/// tried as often as it may be: without a person it has no end (P6).
pub(super) async fn tell_of_doubts(
    tx: &mut Tx,
    owner: Option<&EmailAddress>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(owner) = owner else { return Ok(()) };
    // Those with nothing open have ended before this is asked.
    let rows: Vec<(i64, String)> = each!(&mut *tx, |db| {
        sqlx::query_as(
            "UPDATE digest SET doubt_told = TRUE
             WHERE state IN ('sending', 'paused', 'cancelled') AND finished_at IS NULL
               AND state <> 'paused' AND NOT doubt_told AND NOT EXISTS
                 (SELECT 1 FROM delivery d WHERE d.digest_id = digest.id
                  AND d.state IN ('pending', 'attempting', 'deferred', 'unknown')
                  AND (d.state <> 'unknown' OR d.not_before < $1))
             RETURNING id, subject",
        )
        .bind(HELD)
        .fetch_all(&mut **db)
        .await
    })?;
    for (id, subject) in rows {
        let balance = balance_in(tx, DigestId(id)).await?;
        let body = format!(
            "Of digest {id}, \"{subject}\", all is settled but for mails in doubt: {balance}. The relay's answer to them \
             was lost, and only its own log tells whether they went out.\n\n\
             Which they are: syndicated delivery list --digest {id} --state unknown\n\
             Once you know: syndicated digest decide {id} sent, or syndicated digest decide {id} again\n"
        );
        let told = format!("Digest {id} waits for you: {} in doubt: {subject}", balance.unknown);
        insert_owner_letter(tx, owner, &told, &body, now).await?;
    }
    Ok(())
}

/// A person has seen to it; further doubt is told of anew.
async fn forget_telling(tx: &mut Tx, digest: DigestId) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query("UPDATE digest SET doubt_told = FALSE WHERE id = $1 AND doubt_told")
            .bind(digest.0)
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}
