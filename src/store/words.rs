//! What a person says of a frozen digest: approve it, hold it, let it go on, call
//! it off. Each word is one transaction over the digest and its deliveries.

use super::deliveries::HELD;
use super::{Store, StoreError, Tx, each};
use crate::config::Reports;
use crate::domain::digest::DigestState;
use crate::domain::id::DigestId;
use crate::domain::time::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// What became of a digest that was called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// No mail of it had left; its posts and notes are free for the next one.
    Unsent,
    /// Some had: its posts count as mailed.
    Partly,
}

impl Store {
    /// Lets a digest that waits for review or was stopped go out, to be tried for
    /// `lifetime`; `from` is what it must be. Returns whether it was. Its trouble
    /// stays written: the sample that stopped it is not judged again.
    async fn release(
        &self,
        digest: DigestId,
        from: DigestState,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if !turn_to(&mut tx, digest, &[from], DigestState::Sending).await? {
            return Ok(false);
        }
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        // Whose own morning is still to come waits for it.
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE delivery SET not_before = COALESCE(
                     (SELECT CASE WHEN z.due_at > $2 THEN z.due_at ELSE $2 END FROM digest_zone z
                      JOIN subscriber b ON b.timezone = z.timezone AND COALESCE(b.hour, -1) = z.hour
                      WHERE z.digest_id = delivery.digest_id AND b.id = delivery.subscriber_id), $2)
                 WHERE digest_id = $1 AND state IN ('pending', 'deferred', 'unknown')",
            )
            .bind(digest.0)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        // Whoever was not tried gets a mail of the day on which it leaves.
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE delivery SET dated_at = not_before WHERE digest_id = $1 AND state = 'pending' AND attempts = 0",
            )
            .bind(digest.0)
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        for sql in [
            "UPDATE delivery SET expires_at = not_before + $2
             WHERE digest_id = $1 AND state IN ('pending', 'deferred', 'unknown')",
            "UPDATE digest SET expires_at = $2 + COALESCE(
                 (SELECT MAX(d.not_before) FROM delivery d WHERE d.digest_id = digest.id
                  AND d.state IN ('pending', 'deferred', 'unknown')), frozen_at)
             WHERE id = $1",
        ] {
            each!(&mut tx, |db| { sqlx::query(sql).bind(digest.0).bind(lifetime).execute(&mut **db).await.map(drop) })?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Lets a digest out that waited for its editor. Returns whether it did.
    pub async fn approve_digest(
        &self,
        digest: DigestId,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.release(digest, DigestState::Review, lifetime, now).await
    }

    /// Sets a paused digest going again. Returns whether it was paused.
    pub async fn resume_digest(
        &self,
        digest: DigestId,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.release(digest, DigestState::Paused, lifetime, now).await
    }

    /// Stops a digest on a person's word. Returns whether it was being sent.
    pub async fn hold_digest(&self, digest: DigestId) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if !turn_to(&mut tx, digest, &[DigestState::Sending], DigestState::Paused).await? {
            return Ok(false);
        }
        hold_deliveries(&mut tx, digest).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Calls a digest off: what has not been tried, or would be tried again, is
    /// not mailed. What is in an SMTP transaction now ends as the relay says;
    /// doubt stays doubt (P6). `reports` says who is told how it ended. `None` when it
    /// is not open.
    pub async fn cancel_digest(
        &self,
        digest: DigestId,
        reports: &Reports,
        now: Timestamp,
    ) -> Result<Option<Cancelled>, StoreError> {
        let mut tx = self.begin().await?;
        let open = [DigestState::Review, DigestState::Sending, DigestState::Paused];
        if !turn_to(&mut tx, digest, &open, DigestState::Cancelled).await? {
            return Ok(None);
        }
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE delivery SET state = 'suppressed', settled_at = $2, reply = 'the digest was called off'
                 WHERE digest_id = $1 AND state IN ('pending', 'deferred')",
            )
            .bind(digest.0)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        hold_deliveries(&mut tx, digest).await?;
        let (left,): (i64,) = each!(&mut tx, |db| {
            sqlx::query_as(
                "SELECT COUNT(*) FROM delivery WHERE digest_id = $1 AND state IN ('attempting', 'unknown', 'sent')",
            )
            .bind(digest.0)
            .fetch_one(&mut **db)
            .await
        })?;
        let cancelled = if left == 0 { Cancelled::Unsent } else { Cancelled::Partly };
        if cancelled == Cancelled::Unsent {
            // The digest of one post is that post's slot: it would never come again.
            for sql in [
                "DELETE FROM digest_post WHERE digest_id = $1
                 AND EXISTS (SELECT 1 FROM digest WHERE id = $1 AND slot NOT LIKE 'post-%')",
                "UPDATE note SET digest_id = NULL WHERE digest_id = $1",
                "DELETE FROM correction WHERE digest_id = $1",
            ] {
                each!(&mut tx, |db| sqlx::query(sql).bind(digest.0).execute(&mut **db).await.map(drop))?;
            }
        }
        // A preview that has not gone out is of no more use.
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE delivery SET state = 'suppressed', settled_at = $2
                 WHERE letter_id IN (SELECT id FROM letter WHERE digest_id = $1) AND state IN ('pending', 'deferred')",
            )
            .bind(digest.0)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        tx.commit().await?;
        self.close_digests(reports, now).await?;
        Ok(Some(cancelled))
    }
}

/// Whether the digest was in one of `from`; then it is `to`.
async fn turn_to(tx: &mut Tx, digest: DigestId, from: &[DigestState], to: DigestState) -> Result<bool, StoreError> {
    for state in from {
        let turned = each!(&mut *tx, |db| {
            sqlx::query("UPDATE digest SET state = $3 WHERE id = $1 AND state = $2")
                .bind(digest.0)
                .bind(state.as_str())
                .bind(to.as_str())
                .execute(&mut **db)
                .await
                .map(|done| done.rows_affected() > 0)
        })?;
        if turned {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is open of a digest waits for a person.
pub(super) async fn hold_deliveries(tx: &mut Tx, digest: DigestId) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "UPDATE delivery SET not_before = $2 WHERE digest_id = $1 AND state IN ('pending', 'deferred', 'unknown')",
        )
        .bind(digest.0)
        .bind(HELD)
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Keeps digests in the state that they are in until the transaction ends, so
/// that what is written of their deliveries fits it: whoever holds a digest, sets
/// it going or calls it off meanwhile comes behind, and sees what was written. On
/// SQLite every transaction that writes is alone.
pub(super) async fn hold_still(tx: &mut Tx, digests: impl Iterator<Item = DigestId>) -> Result<(), StoreError> {
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    // In one order, so that two turns never wait for each other.
    for digest in digests.collect::<BTreeSet<_>>() {
        sqlx::query("SELECT 1 FROM digest WHERE id = $1 FOR SHARE").bind(digest.0).execute(&mut **tx).await?;
    }
    Ok(())
}
