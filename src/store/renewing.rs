//! Asking readers again, where the law wants that: the letter, its record and
//! the date are one transaction, so that nobody is asked twice.

use super::consent::record_consent;
use super::letters::{Letter, insert_letter};
use super::subscribers::{Row, select_subscriptions};
use super::{Store, StoreError, each};
use crate::domain::consent::{Act, Given};
use crate::domain::slug::Slug;
use crate::domain::subscriber::Subscription;
use crate::domain::time::Timestamp;

/// A letter that asks again.
#[derive(Debug, Clone, Copy)]
pub struct Renewal<'a> {
    /// Whom, and of what.
    pub subscription: &'a Subscription,
    /// What is recorded of it.
    pub given: Given<'a>,
    /// Subject, HTML and text, with a reader's tokens.
    pub mail: (&'a str, &'a str, &'a str),
}

impl Store {
    /// Confirmed subscriptions whose readers agreed, or were last asked, at `before`
    /// or earlier: behind the row `behind`, in the order of rows.
    pub async fn renewals_due(
        &self,
        newsletter: &Slug,
        before: Timestamp,
        behind: i64,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_subscriptions!(
                "WHERE s.newsletter = $1 AND s.state = 'confirmed' AND s.id > $3
                   AND COALESCE(s.renewal_asked_at, s.confirmed_at, s.created_at) <= $2 ORDER BY s.id LIMIT $4"
            ))
            .bind(newsletter.as_str())
            .bind(before.millis())
            .bind(behind)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Subscription::try_from).collect()
    }

    /// Writes the letter, unless the reader left or was asked meanwhile. Returns
    /// whether it was written.
    pub async fn ask_again(
        &self,
        renewal: &Renewal<'_>,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Renewal { subscription, given, mail: (subject, html, plain) } = renewal;
        let mut tx = self.begin().await?;
        let due = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE subscription SET renewal_asked_at = $3 WHERE id = $1 AND state = 'confirmed'
                   AND COALESCE(renewal_asked_at, confirmed_at, created_at) <= $2",
            )
            .bind(subscription.id.0)
            .bind(before.millis())
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if due == 0 {
            return Ok(false);
        }
        record_consent(&mut tx, subscription.id, Act::Renewed, given, now).await?;
        let letter = Letter {
            kind: "renewal",
            recipient: &subscription.email,
            language: subscription.language,
            subscription: subscription.id,
            mailbox: None,
            subject,
            plain,
            html,
        };
        insert_letter(&mut tx, &letter, now).await?;
        tx.commit().await?;
        Ok(true)
    }
}
