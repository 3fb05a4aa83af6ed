//! Confirming: what a mailed link sets going, all that was asked for together.

use super::consent::record_consent;
use super::letters::{Letter, insert_letter};
use super::subscribers::{Row, select_subscriptions};
use super::suppression::lift_erased;
use super::{Store, StoreError, each};
use crate::domain::consent::{Act, Given};
use crate::domain::id::SubscriptionId;
use crate::domain::subscriber::Subscription;
use crate::domain::time::Timestamp;

/// A confirmation that is open: what its token is bound to, until when, and the
/// subscriptions that it is for.
#[derive(Debug, Clone)]
pub struct Open {
    /// What the token is bound to.
    pub nonce: String,
    /// When it ends.
    pub expires: Timestamp,
    /// The reader's subscriptions that were asked for with it.
    pub of: Vec<Subscription>,
}

/// One subscription that is to be confirmed.
#[derive(Debug, Clone)]
pub struct Confirmed<'a> {
    /// Which.
    pub subscription: &'a Subscription,
    /// In which words, from where.
    pub given: Given<'a>,
    /// The welcome, when there is one: subject, HTML and text with a reader's tokens.
    pub welcome: Option<(String, String, String)>,
}

impl Store {
    /// A subscription with its confirmation, while there is one.
    pub async fn confirmation(&self, id: SubscriptionId) -> Result<Option<(Subscription, Option<Open>)>, StoreError> {
        let Some(subscription) = self.subscription(id).await? else { return Ok(None) };
        let row: Option<(Option<String>, Option<i64>)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT confirm_nonce, confirm_expires_at FROM subscription WHERE id = $1")
                .bind(id.0)
                .fetch_optional(db)
                .await
        })?;
        let Some((nonce, expires)) = row.and_then(|(nonce, expires)| nonce.zip(expires)) else {
            return Ok(Some((subscription, None)));
        };
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_subscriptions!("WHERE s.subscriber_id = $1 AND s.confirm_nonce = $2 ORDER BY s.id"))
                .bind(subscription.subscriber.0)
                .bind(&nonce)
                .fetch_all(db)
                .await
        })?;
        let of = rows.into_iter().map(Subscription::try_from).collect::<Result<_, _>>()?;
        Ok(Some((subscription, Some(Open { nonce, expires: Timestamp::from_millis(expires), of }))))
    }

    /// Confirms what is pending and still bound to `nonce`, with its welcomes, in
    /// one transaction. Who was erased before and comes back is mailed again:
    /// `address_hashes` are theirs. Returns those that are confirmed now.
    pub async fn confirm(
        &self,
        those: &[Confirmed<'_>],
        nonce: &str,
        address_hashes: &[String],
        now: Timestamp,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let mut tx = self.begin().await?;
        let mut confirmed = Vec::with_capacity(those.len());
        for Confirmed { subscription, given, welcome } in those {
            let done = each!(&mut tx, |db| {
                sqlx::query(
                    "UPDATE subscription SET state = 'confirmed', confirmed_at = $3, ended_at = NULL, ended_by = NULL,
                         ended_why = NULL, undo_until = NULL, renewal_asked_at = NULL
                     WHERE id = $1 AND confirm_nonce = $2 AND confirm_expires_at > $3 AND state = 'pending'",
                )
                .bind(subscription.id.0)
                .bind(nonce)
                .bind(now.millis())
                .execute(&mut **db)
                .await
                .map(|done| done.rows_affected())
            })?;
            if done == 0 {
                continue;
            }
            record_consent(&mut tx, subscription.id, Act::Confirmed, given, now).await?;
            if let Some((subject, html, plain)) = welcome {
                let letter = Letter {
                    kind: "welcome",
                    recipient: &subscription.email,
                    language: subscription.language,
                    subscription: subscription.id,
                    mailbox: None,
                    subject,
                    plain,
                    html,
                };
                insert_letter(&mut tx, &letter, now).await?;
            }
            confirmed.push(subscription.id);
        }
        if !confirmed.is_empty() {
            lift_erased(&mut tx, address_hashes).await?;
        }
        tx.commit().await?;
        Ok(confirmed)
    }
}
