//! What is kept for a time only, and goes when that is over: little by little, so
//! that nobody waits for the writer.

use super::erase::{forget_reader, forget_subscription};
use super::letters::MONTH;
use super::subscribers::CONFIRM_WITHIN;
use super::suppression::{ERASED, suppress};
use super::{Store, StoreError, each};
use crate::config::Retention;
use crate::domain::id::{SubscriberId, SubscriptionId};
use crate::domain::time::Timestamp;
use crate::domain::token::SecretKey;
use std::time::Duration;

/// So many rows go in one transaction.
const HELPING: i64 = 200;

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Sign-ups that nobody confirmed.
    pub unconfirmed: u64,
    /// Network addresses.
    pub network_addresses: u64,
    /// The words and addresses of letters.
    pub letters: u64,
    /// Addresses that mails were to go to, or came from, and the time to say so is over.
    pub other_addresses: u64,
    /// Subscriptions that ended long ago.
    pub ended: u64,
}

impl Swept {
    /// How many things.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.unconfirmed + self.network_addresses + self.letters + self.other_addresses + self.ended
    }
}

impl Store {
    /// Lets go of what was kept for long enough.
    pub async fn sweep(&self, keep: &Retention, secret: &SecretKey, now: Timestamp) -> Result<Swept, StoreError> {
        Ok(Swept {
            unconfirmed: self.sweep_unconfirmed(keep.unconfirmed, now).await?,
            network_addresses: self.sweep_network_addresses(keep.network_address, now).await?,
            letters: self.sweep_letters(keep.letters, now).await?,
            other_addresses: self.sweep_other_addresses(now).await?,
            ended: self.sweep_ended(keep.ended, secret, now).await?,
        })
    }

    /// Who had left before, and did not confirm to come back, has left.
    async fn sweep_unconfirmed(&self, keep: Duration, now: Timestamp) -> Result<u64, StoreError> {
        // What is known is when the link ended.
        let until = now.minus(keep.saturating_sub(CONFIRM_WITHIN)).millis();
        let mut swept = 0;
        loop {
            let mut tx = self.begin().await?;
            let rows: Vec<(i64, i64, Option<i64>)> = each!(&mut tx, |db| {
                // The update changes nothing: it holds the rows, so that nobody asks again meanwhile.
                sqlx::query_as(
                    "UPDATE subscription SET confirm_expires_at = confirm_expires_at
                     WHERE id IN (SELECT id FROM subscription WHERE state = 'pending' AND confirm_expires_at <= $1
                                  ORDER BY confirm_expires_at LIMIT $2)
                       AND state = 'pending' AND confirm_expires_at <= $1
                     RETURNING id, subscriber_id, ended_at",
                )
                .bind(until)
                .bind(HELPING)
                .fetch_all(&mut **db)
                .await
            })?;
            if rows.is_empty() {
                return Ok(swept);
            }
            for (id, subscriber, ended) in rows {
                swept += 1;
                if ended.is_none() {
                    forget_subscription(&mut tx, SubscriptionId(id), now).await?;
                    forget_reader(&mut tx, SubscriberId(subscriber)).await?;
                    continue;
                }
                each!(&mut tx, |db| {
                    sqlx::query(
                        "UPDATE subscription SET state = 'unsubscribed', confirm_nonce = NULL, confirm_expires_at = NULL
                         WHERE id = $1",
                    )
                    .bind(id)
                    .execute(&mut **db)
                    .await
                    .map(drop)
                })?;
            }
            tx.commit().await?;
        }
    }

    async fn sweep_network_addresses(&self, keep: Duration, now: Timestamp) -> Result<u64, StoreError> {
        Ok(each!(&self.writer, |db| {
            sqlx::query("UPDATE consent SET address = NULL WHERE address IS NOT NULL AND at <= $1")
                .bind(now.minus(keep).millis())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?)
    }

    async fn sweep_other_addresses(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(each!(&self.writer, |db| {
            sqlx::query("DELETE FROM address_change WHERE expires_at <= $1")
                .bind(now.millis())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?)
    }

    async fn sweep_letters(&self, keep: Duration, now: Timestamp) -> Result<u64, StoreError> {
        each!(&self.writer, |db| {
            sqlx::query("UPDATE letter SET mailbox = NULL WHERE mailbox IS NOT NULL AND created_at <= $1")
                .bind(now.minus(MONTH).millis())
                .execute(db)
                .await
                .map(drop)
        })?;
        let mut swept = 0;
        loop {
            let mut tx = self.begin().await?;
            let rows: Vec<(i64,)> = each!(&mut tx, |db| {
                sqlx::query_as(
                    "UPDATE letter SET recipient = '', subject = '', body = '', html = ''
                     WHERE id IN (SELECT id FROM letter WHERE recipient <> '' AND created_at <= $1
                                  ORDER BY created_at LIMIT $2)
                     RETURNING id",
                )
                .bind(now.minus(keep).millis())
                .bind(HELPING)
                .fetch_all(&mut **db)
                .await
            })?;
            for (id,) in &rows {
                each!(&mut tx, |db| {
                    sqlx::query("UPDATE delivery SET reply = NULL WHERE letter_id = $1")
                        .bind(id)
                        .execute(&mut **db)
                        .await
                        .map(drop)
                })?;
            }
            tx.commit().await?;
            if rows.is_empty() {
                return Ok(swept);
            }
            swept += rows.len() as u64;
        }
    }

    async fn sweep_ended(&self, keep: Duration, secret: &SecretKey, now: Timestamp) -> Result<u64, StoreError> {
        let mut swept = 0;
        loop {
            let mut tx = self.begin().await?;
            let rows: Vec<(i64, i64)> = each!(&mut tx, |db| {
                sqlx::query_as(
                    "UPDATE subscription SET ended_at = ended_at
                     WHERE id IN (SELECT id FROM subscription WHERE state = 'unsubscribed' AND ended_at <= $1
                                  ORDER BY ended_at LIMIT $2)
                       AND state = 'unsubscribed' AND ended_at <= $1
                     RETURNING id, subscriber_id",
                )
                .bind(now.minus(keep).millis())
                .bind(HELPING)
                .fetch_all(&mut **db)
                .await
            })?;
            if rows.is_empty() {
                return Ok(swept);
            }
            for (id, subscriber) in rows {
                let reader: Option<(String,)> = each!(&mut tx, |db| {
                    sqlx::query_as("SELECT email_key FROM subscriber WHERE id = $1")
                        .bind(subscriber)
                        .fetch_optional(&mut **db)
                        .await
                })?;
                forget_subscription(&mut tx, SubscriptionId(id), now).await?;
                // Nobody is brought back by a list because it was so long ago that they left.
                if forget_reader(&mut tx, SubscriberId(subscriber)).await?
                    && let Some((key,)) = reader
                {
                    suppress(&mut tx, &secret.address_hash(&key), ERASED, None, now).await?;
                }
                swept += 1;
            }
            tx.commit().await?;
        }
    }
}
