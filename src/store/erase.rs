//! Erasing a reader: what names them goes, what only counts them stays, and a
//! keyed hash by which nobody is found, but by which they are known when a list
//! brings them again.

use super::subscribers::find_subscriber;
use super::suppression::{ERASED, suppress};
use super::{Store, StoreError, Tx, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{SubscriberId, SubscriptionId};
use crate::domain::time::Timestamp;
use crate::domain::token::SecretKey;

impl Store {
    /// Erases a reader: the address and everything that names it. Deliveries
    /// stay, nameless, so that balances hold; those still open are suppressed.
    /// Returns whether there was such a reader.
    pub async fn erase_subscriber(
        &self,
        email: &EmailAddress,
        secret: &SecretKey,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let Some(SubscriberId(id)) = find_subscriber(&mut tx, email).await? else { return Ok(false) };
        let subscriptions: Vec<(i64,)> = each!(&mut tx, |db| {
            sqlx::query_as("SELECT id FROM subscription WHERE subscriber_id = $1").bind(id).fetch_all(&mut **db).await
        })?;
        // What nobody could tell may name the reader as well.
        each!(&mut tx, |db| {
            sqlx::query(
                "DELETE FROM bounce WHERE subscriber_id IS NULL AND LENGTH(REPLACE(LOWER(raw), $1, '')) < LENGTH(raw)",
            )
            .bind(email.key())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        for (subscription,) in subscriptions {
            forget_subscription(&mut tx, SubscriptionId(subscription), now).await?;
        }
        forget_reader(&mut tx, SubscriberId(id)).await?;
        suppress(&mut tx, &secret.address_hash(&email.key()), ERASED, None, now).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Deletes a subscription with all that names its reader.
pub(super) async fn forget_subscription(tx: &mut Tx, id: SubscriptionId, now: Timestamp) -> Result<(), StoreError> {
    each!(&mut *tx, |db| {
        sqlx::query(
            "UPDATE delivery SET state = 'suppressed', settled_at = $2
             WHERE state IN ('pending', 'deferred', 'unknown') AND subscription_id = $1",
        )
        .bind(id.0)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    for sql in [
        // How often the mailbox was written to is still counted, by its hash.
        "UPDATE letter SET recipient = '', subject = '', body = '', html = '', subscription_id = NULL
         WHERE subscription_id = $1",
        // A relay's last words may hold the address.
        "UPDATE delivery SET subscriber_id = NULL, subscription_id = NULL, reply = NULL WHERE subscription_id = $1",
        "DELETE FROM consent WHERE subscription_id = $1",
        "DELETE FROM subscription WHERE id = $1",
    ] {
        each!(&mut *tx, |db| sqlx::query(sql).bind(id.0).execute(&mut **db).await.map(drop))?;
    }
    Ok(())
}

/// Deletes a reader who is subscribed to nothing any more. Returns whether that is so.
pub(super) async fn forget_reader(tx: &mut Tx, id: SubscriberId) -> Result<bool, StoreError> {
    for sql in [
        // What a host said names the reader, too.
        "DELETE FROM bounce
         WHERE subscriber_id = $1 AND NOT EXISTS (SELECT 1 FROM subscription WHERE subscriber_id = $1)",
        "DELETE FROM subscriber_tag
         WHERE subscriber_id = $1 AND NOT EXISTS (SELECT 1 FROM subscription WHERE subscriber_id = $1)",
        "DELETE FROM address_change
         WHERE subscriber_id = $1 AND NOT EXISTS (SELECT 1 FROM subscription WHERE subscriber_id = $1)",
    ] {
        each!(&mut *tx, |db| sqlx::query(sql).bind(id.0).execute(&mut **db).await.map(drop))?;
    }
    let gone = each!(tx, |db| {
        sqlx::query(
            "DELETE FROM subscriber WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM subscription WHERE subscriber_id = $1)",
        )
        .bind(id.0)
        .execute(&mut **db)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(gone > 0)
}
