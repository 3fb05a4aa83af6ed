//! Records of consent: written with what they record, in one transaction, and
//! read for whoever must prove it.

use super::{Store, StoreError, Tx, each};
use crate::domain::consent::{Act, Consent, Given};
use crate::domain::id::SubscriptionId;
use crate::domain::time::Timestamp;

#[derive(sqlx::FromRow)]
struct Row {
    act: String,
    at: i64,
    form: String,
    words: String,
    origin: String,
    address: Option<String>,
}

impl TryFrom<Row> for Consent {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            act: row.act.parse().map_err(StoreError::Corrupt)?,
            at: Timestamp::from_millis(row.at),
            form: row.form,
            words: row.words,
            origin: row.origin.parse().map_err(StoreError::Corrupt)?,
            address: row.address.and_then(|address| address.parse().ok()),
        })
    }
}

impl Store {
    /// Everything that is on record of a subscription's consent, in order.
    pub async fn consents_of(&self, subscription: SubscriptionId) -> Result<Vec<Consent>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT act, at, form, words, origin, address FROM consent WHERE subscription_id = $1 ORDER BY at, id",
            )
            .bind(subscription.0)
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Consent::try_from).collect()
    }
}

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
