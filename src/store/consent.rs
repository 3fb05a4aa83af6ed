//! Records of consent: written with what they record, in one transaction.

use super::{StoreError, Tx, each};
use crate::domain::consent::{Act, Given};
use crate::domain::id::SubscriptionId;
use crate::domain::time::Timestamp;

/// Records an act.
pub(super) async fn record_consent(
    tx: &mut Tx,
    subscription: SubscriptionId,
    act: Act,
    given: &Given<'_>,
    at: Timestamp,
) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "INSERT INTO consent (subscription_id, act, at, form, words, origin, address)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(subscription.0)
        .bind(act.as_str())
        .bind(at.millis())
        .bind(given.form)
        .bind(given.words)
        .bind(given.origin.as_str())
        .bind(given.address.map(|address| address.to_string()))
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
