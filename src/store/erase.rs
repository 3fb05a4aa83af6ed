//! Erasing a reader: what names them goes, what only counts them stays.

use super::{Store, StoreError, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::time::Timestamp;

impl Store {
    /// Erases a reader: the address and everything that names it. Deliveries
    /// stay, nameless, so that balances hold; those still open are suppressed.
    /// Returns whether there was such a reader.
    pub async fn erase_subscriber(&self, email: &EmailAddress, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let found: Option<(i64,)> = each!(&mut tx, |db| {
            sqlx::query_as("SELECT id FROM subscriber WHERE email_key = $1")
                .bind(email.key())
                .fetch_optional(&mut **db)
                .await
        })?;
        let Some((id,)) = found else { return Ok(false) };
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE delivery SET state = 'suppressed', settled_at = $2 WHERE state IN ('pending', 'deferred', 'unknown')
                 AND subscription_id IN (SELECT id FROM subscription WHERE subscriber_id = $1)",
            )
            .bind(id)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        for sql in [
            "UPDATE letter SET recipient = '', subscription_id = NULL
             WHERE subscription_id IN (SELECT id FROM subscription WHERE subscriber_id = $1)",
            "UPDATE delivery SET subscriber_id = NULL, subscription_id = NULL
             WHERE subscription_id IN (SELECT id FROM subscription WHERE subscriber_id = $1)",
            "DELETE FROM address_change WHERE subscriber_id = $1",
            "DELETE FROM subscription WHERE subscriber_id = $1",
            "DELETE FROM subscriber WHERE id = $1",
        ] {
            each!(&mut tx, |db| sqlx::query(sql).bind(id).execute(&mut **db).await.map(drop))?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
