//! How a reader has mails go to another address: asked for by their own link, it
//! counts once it is confirmed by a letter to the new one. The old one is told, and
//! may take it back for a while.

use super::bounces::forget_soft_bounces;
use super::consent::record_consent;
use super::letters::{LETTERS_A_MONTH, Letter, MONTH, insert_letter, letters_since, sent_to};
use super::subscribers::CONFIRM_WITHIN;
use super::suppression::lift_erased;
use super::{Store, StoreError, Tx, each};
use crate::domain::consent::{Act, Given};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::SubscriptionId;
use crate::domain::subscriber::Subscription;
use crate::domain::time::Timestamp;
use crate::domain::token::SecretKey;
use std::time::Duration;

/// How long the old address may take it back.
const TAKE_BACK_WITHIN: Duration = Duration::from_hours(7 * 24);

/// So many letters a day for one subscription: a forwarded link must not become a
/// way to fill a stranger's mailbox (S5).
const LETTERS_A_DAY: i64 = 3;
const DAY: Duration = Duration::from_hours(24);

/// What confirming another address did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// Mails go there now.
    Done,
    /// Another reader has that address.
    Taken,
    /// There is no such change, or its time is over.
    Over,
}

impl Store {
    /// Takes a request to have the mails of a subscription's reader go to `to`, bound to
    /// `nonce`, with the letter that asks to confirm it there. The last request counts.
    /// Returns whether a letter was written: there are only so many a day for a subscription,
    /// and to a mailbox only as many in a month as a stranger may ask for.
    pub async fn ask_for_address(
        &self,
        of: &Subscription,
        to: &EmailAddress,
        nonce: &str,
        secret: &SecretKey,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let mailboxes = secret.address_hashes(&to.mailbox());
        if letters_since(&mut tx, of.id, "address", now.minus(DAY)).await? >= LETTERS_A_DAY
            || sent_to(&mut tx, &mailboxes, now.minus(MONTH)).await?.len() >= LETTERS_A_MONTH
        {
            return Ok(false);
        }
        write_change(&mut tx, of, to, (nonce, now.plus(CONFIRM_WITHIN)), false).await?;
        let mailbox = mailboxes.first().map(String::as_str);
        let letter = Letter { mailbox, ..Letter::of_link("address", to, of.language, of.id) };
        insert_letter(&mut tx, &letter, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The nonce of the change that is open for a subscription's reader, and when that ends.
    pub async fn address_change(&self, of: &Subscription) -> Result<Option<(String, Timestamp)>, StoreError> {
        let row: Option<(String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT nonce, expires_at FROM address_change WHERE subscriber_id = $1")
                .bind(of.subscriber.0)
                .fetch_optional(db)
                .await
        })?;
        Ok(row.map(|(nonce, expires)| (nonce, Timestamp::from_millis(expires))))
    }

    /// Has the mails of a subscription's reader go where the change bound to `nonce`
    /// says. The address that they went to is told, and may take it back by a change
    /// bound to `back`; one that was taken back is not. Who was erased at the new one
    /// and confirmed there is mailed again.
    pub async fn change_address(
        &self,
        of: &Subscription,
        (nonce, back): (&str, &str),
        given: &Given<'_>,
        secret: &SecretKey,
        now: Timestamp,
    ) -> Result<Moving, StoreError> {
        let mut tx = self.begin().await?;
        let row: Option<(String, bool)> = each!(&mut tx, |db| {
            sqlx::query_as(
                "DELETE FROM address_change WHERE subscriber_id = $1 AND nonce = $2 AND expires_at > $3
                 RETURNING email, takes_back",
            )
            .bind(of.subscriber.0)
            .bind(nonce)
            .bind(now.millis())
            .fetch_optional(&mut **db)
            .await
        })?;
        let Some((email, takes_back)) = row else { return Ok(Moving::Over) };
        let to: EmailAddress = email
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("the change of address of subscriber {}", of.subscriber)))?;
        let written = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE subscriber SET email = $2, email_key = $3 WHERE id = $1
                 AND NOT EXISTS (SELECT 1 FROM subscriber o WHERE o.email_key = $3 AND o.id <> $1)",
            )
            .bind(of.subscriber.0)
            .bind(to.as_str())
            .bind(to.key())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if written == 0 {
            // Nothing was written: the change stays, in case the other one goes.
            return Ok(Moving::Taken);
        }
        lift_erased(&mut tx, &secret.address_hashes(&to.key())).await?;
        // What came back from the old address says nothing of the new one.
        forget_soft_bounces(&mut tx, of.subscriber).await?;
        let standing: Vec<(i64,)> = each!(&mut tx, |db| {
            sqlx::query_as("SELECT id FROM subscription WHERE subscriber_id = $1 AND state = 'confirmed' ORDER BY id")
                .bind(of.subscriber.0)
                .fetch_all(&mut **db)
                .await
        })?;
        for (id,) in standing {
            record_consent(&mut tx, SubscriptionId(id), Act::Changed, given, now).await?;
        }
        if !takes_back && of.email != to {
            write_change(&mut tx, of, &of.email, (back, now.plus(TAKE_BACK_WITHIN)), true).await?;
            insert_letter(&mut tx, &Letter::of_link("address", &of.email, of.language, of.id), now).await?;
        }
        tx.commit().await?;
        Ok(Moving::Done)
    }

    /// Writes the letter that brings a reader the link to what is stored of them.
    /// Returns whether it was written: there are only so many a day.
    pub async fn ask_for_data(&self, of: &Subscription, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if letters_since(&mut tx, of.id, "data", now.minus(DAY)).await? >= LETTERS_A_DAY {
            return Ok(false);
        }
        insert_letter(&mut tx, &Letter::of_link("data", &of.email, of.language, of.id), now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// When such letters were written for a subscription, since then.
    pub async fn data_letters(&self, of: SubscriptionId, since: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
        let rows: Vec<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT created_at FROM letter WHERE subscription_id = $1 AND kind = 'data' AND created_at > $2
                 ORDER BY created_at",
            )
            .bind(of.0)
            .bind(since.millis())
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(at,)| Timestamp::from_millis(at)).collect())
    }
}

/// The one change that a reader may have open.
async fn write_change(
    tx: &mut Tx,
    of: &Subscription,
    to: &EmailAddress,
    (nonce, expires): (&str, Timestamp),
    takes_back: bool,
) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "INSERT INTO address_change (subscriber_id, email, nonce, expires_at, takes_back) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (subscriber_id) DO UPDATE SET email = excluded.email, nonce = excluded.nonce,
                 expires_at = excluded.expires_at, takes_back = excluded.takes_back",
        )
        .bind(of.subscriber.0)
        .bind(to.as_str())
        .bind(nonce)
        .bind(expires.millis())
        .bind(takes_back)
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
