//! What a person does to deliveries: tries them again, or gives them up. The
//! balance of their digest stays closed or opens with them (P3).

use super::deliveries::HELD;
use super::{Store, StoreError, each};
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{DeliveryId, DigestId};
use crate::domain::time::Timestamp;
use std::time::Duration;

/// Which deliveries are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// One.
    One(DeliveryId),
    /// Those of a digest that stand there.
    All(DigestId, DeliveryState),
}

impl Meant {
    /// The row, the digest and the state, as the statements below ask for them.
    fn parts(self) -> (i64, i64, &'static str) {
        match self {
            Self::One(id) => (id.0, 0, ""),
            Self::All(digest, state) => (0, digest.0, state.as_str()),
        }
    }
}

impl Store {
    /// Makes deliveries due now, to be tried for at least `lifetime`: those that
    /// wait, are in doubt, were refused, or ran out of time. Whatever was sent, is
    /// under way or is no longer wanted stays as it is, and so does a digest that
    /// is paused. Returns how many there were.
    pub async fn retry_deliveries(&self, meant: Meant, lifetime: Duration, now: Timestamp) -> Result<u64, StoreError> {
        let (id, digest, state) = meant.parts();
        let mut tx = self.begin().await?;
        let retried = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE delivery SET
                     state = CASE WHEN state IN ('bounced', 'expired') THEN 'pending' ELSE state END,
                     doubts = CASE WHEN doubts > 0 THEN 1 ELSE 0 END,
                     not_before = $4, settled_at = NULL,
                     dated_at = CASE WHEN attempts = 0 AND digest_id IS NOT NULL THEN $4 ELSE dated_at END,
                     expires_at = CASE WHEN expires_at < $5 THEN $5 ELSE expires_at END
                 WHERE (id = $1 OR (digest_id = $2 AND state = $3))
                   AND state IN ('pending', 'deferred', 'unknown', 'bounced', 'expired')
                   AND NOT EXISTS (SELECT 1 FROM digest WHERE digest.id = delivery.digest_id AND digest.state NOT IN ('sending', 'done'))",
            )
            .bind(id)
            .bind(digest)
            .bind(state)
            .bind(now.millis())
            .bind(now.plus(lifetime).millis())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if retried > 0 {
            // A digest that had ended has not, now.
            each!(&mut tx, |db| {
                sqlx::query(
                    "UPDATE digest SET finished_at = NULL, doubt_told = FALSE,
                         state = CASE WHEN state = 'done' THEN 'sending' ELSE state END
                     WHERE (state = 'done' OR doubt_told) AND id IN
                         (SELECT digest_id FROM delivery WHERE (id = $1 OR digest_id = $2)
                          AND state IN ('pending', 'deferred', 'unknown'))",
                )
                .bind(id)
                .bind(digest)
                .execute(&mut **db)
                .await
                .map(drop)
            })?;
        }
        tx.commit().await?;
        Ok(retried)
    }

    /// Ends deliveries that are still to be tried, or in doubt, as expired.
    /// Returns how many there were.
    pub async fn give_up_deliveries(&self, meant: Meant, now: Timestamp) -> Result<u64, StoreError> {
        let (id, digest, state) = meant.parts();
        let given_up = each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE delivery SET state = 'expired', settled_at = $4,
                     reply = CASE WHEN reply IS NULL THEN 'given up by hand' ELSE 'given up by hand; before that: ' || reply END
                 WHERE (id = $1 OR (digest_id = $2 AND state = $3)) AND state IN ('pending', 'deferred', 'unknown')",
            )
            .bind(id)
            .bind(digest)
            .bind(state)
            .bind(now.millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(given_up)
    }

    /// Where a delivery stands, and whether it waits for a person; `None` when
    /// there is no such delivery.
    pub async fn delivery_state(&self, id: DeliveryId) -> Result<Option<(DeliveryState, bool)>, StoreError> {
        let row: Option<(String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT state, not_before FROM delivery WHERE id = $1").bind(id.0).fetch_optional(db).await
        })?;
        row.map(|(state, not_before)| Ok((state.parse().map_err(StoreError::Corrupt)?, not_before == HELD))).transpose()
    }
}
