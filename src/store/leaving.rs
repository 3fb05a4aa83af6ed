//! How subscriptions end, and how a reader takes that back.
//!
//! An end binds at once: deliveries whose turn has not come are suppressed then (P9).
//! What was never confirmed cannot be taken back, since that would confirm it.

use super::consent::record_consent;
use super::letters::{Letter, insert_letter, letters_since};
use super::{Store, StoreError, Tx, each};
use crate::domain::consent::{Act, Given};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::SubscriptionId;
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::Subscription;
use crate::domain::time::Timestamp;
use std::time::Duration;

/// How long a reader may take back that they left.
pub const UNDO_WITHIN: Duration = Duration::from_hours(30 * 24);

/// So many goodbye letters a day for one subscription: whoever has a forwarded mail
/// must not be able to fill its reader's mailbox (S5).
const GOODBYES_A_DAY: i64 = 3;
/// And so many receipts of who comes back.
const RECEIPTS_A_DAY: i64 = 3;
const DAY: Duration = Duration::from_hours(24);

/// What leaving did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When it ended, which the way back is bound to; `None` when it had ended before, or was never confirmed.
    pub at: Option<Timestamp>,
    /// Whether a goodbye letter was written.
    pub letter: bool,
}

impl Store {
    /// Ends a subscription on the operator's word; ending an ended one changes nothing.
    pub async fn unsubscribe(&self, id: SubscriptionId, given: &Given<'_>, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        end(&mut tx, id, given, None, now).await?;
        tx.commit().await
    }

    /// Ends a subscription on its reader's word, who may take it back; with a goodbye
    /// letter if that is wanted. Ending an ended one changes nothing.
    pub async fn leave(
        &self,
        id: SubscriptionId,
        given: &Given<'_>,
        wants_letter: bool,
        now: Timestamp,
    ) -> Result<Ended, StoreError> {
        let mut tx = self.begin().await?;
        let undo_until = end(&mut tx, id, given, Some(now.plus(UNDO_WITHIN)), now).await?;
        let at = undo_until.map(|_| now);
        let letter = at.is_some()
            && wants_letter
            && letters_since(&mut tx, id, "goodbye", now.minus(DAY)).await? < GOODBYES_A_DAY
            && write_goodbye(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(Ended { at, letter })
    }

    /// Until when what ended at `ended` may be taken back; `None` when it may not.
    pub async fn undo_until(&self, id: SubscriptionId, ended: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Option<i64>,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT undo_until FROM subscription WHERE id = $1 AND state = 'unsubscribed' AND ended_at = $2",
            )
            .bind(id.0)
            .bind(ended.millis())
            .fetch_optional(db)
            .await
        })?;
        Ok(row.and_then(|(until,)| until).map(Timestamp::from_millis))
    }

    /// Takes back the end of a subscription at `ended`, in another cadence if that is
    /// named; with a receipt of its consent, if there is one: subject, HTML and text with
    /// a reader's tokens. Returns whether it stands again.
    pub async fn undo_leaving(
        &self,
        of: &Subscription,
        ended: Timestamp,
        cadence: Option<&Slug>,
        given: &Given<'_>,
        receipt: Option<&(String, String, String)>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = of.id;
        let mut tx = self.begin().await?;
        let done = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE subscription SET state = 'confirmed', ended_at = NULL, ended_by = NULL, ended_why = NULL,
                     undo_until = NULL, moved_at = CASE WHEN $3 <> '' AND cadence <> $3 THEN $4 ELSE moved_at END,
                     cadence = CASE WHEN $3 <> '' THEN $3 ELSE cadence END
                 WHERE id = $1 AND ended_at = $2 AND state = 'unsubscribed' AND undo_until > $4",
            )
            .bind(id.0)
            .bind(ended.millis())
            .bind(cadence.map_or("", Slug::as_str))
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if done > 0 {
            record_consent(&mut tx, id, Act::Confirmed, given, now).await?;
            if let Some((subject, html, plain)) = receipt
                && letters_since(&mut tx, id, "welcome", now.minus(DAY)).await? < RECEIPTS_A_DAY
            {
                let letter = Letter { subject, plain, html, ..Letter::of_link("welcome", &of.email, of.language, id) };
                insert_letter(&mut tx, &letter, now).await?;
            }
        }
        tx.commit().await?;
        Ok(done > 0)
    }

    /// Keeps what a reader said of why they left, once.
    pub async fn keep_reason(&self, id: SubscriptionId, why: &str) -> Result<(), StoreError> {
        each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE subscription SET ended_why = $2 WHERE id = $1 AND state = 'unsubscribed' AND ended_why IS NULL",
            )
            .bind(id.0)
            .bind(why)
            .execute(db)
            .await
            .map(drop)
        })?;
        Ok(())
    }
}

/// Ends it, by the door that `given` names, with its record; until when that may be
/// taken back.
pub(super) async fn end(
    tx: &mut Tx,
    id: SubscriptionId,
    given: &Given<'_>,
    undo_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let row: Option<(Option<i64>,)> = each!(&mut *tx, |db| {
        sqlx::query_as(
            "UPDATE subscription SET undo_until = CASE WHEN state = 'confirmed' THEN $4 ELSE NULL END,
                 state = 'unsubscribed', ended_at = $2, ended_by = $3, ended_why = NULL, confirm_nonce = NULL,
                 confirm_expires_at = NULL
             WHERE id = $1 AND state <> 'unsubscribed' RETURNING undo_until",
        )
        .bind(id.0)
        .bind(now.millis())
        .bind(given.form)
        .bind(undo_until.map(Timestamp::millis))
        .fetch_optional(&mut **db)
        .await
    })?;
    let Some((until,)) = row else { return Ok(None) };
    record_consent(tx, id, Act::Ended, given, now).await?;
    Ok(until.map(Timestamp::from_millis))
}

async fn write_goodbye(tx: &mut Tx, id: SubscriptionId, now: Timestamp) -> Result<bool, StoreError> {
    let row: Option<(String, String)> = each!(&mut *tx, |db| {
        sqlx::query_as(
            "SELECT b.email, b.language FROM subscriber b JOIN subscription s ON s.subscriber_id = b.id WHERE s.id = $1",
        )
        .bind(id.0)
        .fetch_optional(&mut **db)
        .await
    })?;
    let Some((email, language)) = row else { return Ok(false) };
    let corrupt = |what: &str| StoreError::Corrupt(format!("the reader of subscription {id}: {what}"));
    let email: EmailAddress = email.parse().map_err(|_| corrupt("the address"))?;
    let language: Language = language.parse().map_err(|_| corrupt("the language"))?;
    insert_letter(tx, &Letter::of_link("goodbye", &email, language, id), now).await?;
    Ok(true)
}
