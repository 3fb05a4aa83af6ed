//! All that is stored of one reader, for the reader.

use super::bounces::{BounceFilter, BounceRow};
use super::{Store, StoreError, each};
use crate::domain::consent::Consent;
use crate::domain::id::SubscriptionId;
use crate::domain::subscriber::Subscription;
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;

/// More bounces than any reader has: mailing ends long before.
const MOST_BOUNCES: u32 = 10_000;

/// All that is stored of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnData {
    /// When they were first known.
    pub created_at: Timestamp,
    /// What they are or were subscribed to, each with the reader's own settings.
    pub subscriptions: Vec<OwnSubscription>,
    /// The tags that the operator put on them.
    pub tags: Vec<Tag>,
    /// What came back of their mails.
    pub bounces: Vec<BounceRow>,
    /// The digests that were mailed to them, the newest first.
    pub mails: Vec<OwnMail>,
    /// The letters that were, by kind.
    pub letters: Vec<(String, Timestamp)>,
    /// The address that they asked mails to go to, or that they came from, while that is open.
    pub other_address: Option<String>,
}

/// A subscription with all that is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSubscription {
    /// The subscription, with the reader's own settings.
    pub subscription: Subscription,
    /// What the reader said of why they left.
    pub ended_why: Option<String>,
    /// What they agreed to, act by act.
    pub consents: Vec<Consent>,
}

/// A mail of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMail {
    /// The newsletter's name.
    pub newsletter: String,
    /// The subject of the digest.
    pub subject: String,
    /// What became of it.
    pub state: String,
    /// When that was; `None` while it is open.
    pub at: Option<Timestamp>,
}

impl Store {
    /// All that is stored of the reader of a subscription; `None` when there is none.
    pub async fn data_of(&self, of: &Subscription) -> Result<Option<OwnData>, StoreError> {
        let reader = of.subscriber;
        let row: Option<(i64, Option<String>)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT b.created_at, a.email FROM subscriber b
                 LEFT JOIN address_change a ON a.subscriber_id = b.id WHERE b.id = $1",
            )
            .bind(reader.0)
            .fetch_optional(db)
            .await
        })?;
        let Some((created_at, other_address)) = row else { return Ok(None) };
        let whys: Vec<(i64, Option<String>)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT id, ended_why FROM subscription WHERE subscriber_id = $1")
                .bind(reader.0)
                .fetch_all(db)
                .await
        })?;
        let subscriptions = self.subscriptions_of(&of.email).await?;
        let ids: Vec<SubscriptionId> = subscriptions.iter().map(|subscription| subscription.id).collect();
        let mut consents = self.consents_of_each(&ids).await?;
        let subscriptions = subscriptions.into_iter().map(|subscription| OwnSubscription {
            ended_why: whys.iter().find(|(id, _)| *id == subscription.id.0).and_then(|(_, why)| why.clone()),
            consents: consents.remove(&subscription.id).unwrap_or_default(),
            subscription,
        });
        let bounces = self
            .bounces(&BounceFilter { reader: Some(reader), limit: MOST_BOUNCES, ..BounceFilter::default() })
            .await?;
        // From digest to digest by the index of their readers.
        let mails: Vec<(String, String, String, Option<i64>)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT g.newsletter, COALESCE(v.subject, g.subject), d.state, d.settled_at
                 FROM digest g JOIN delivery d ON d.digest_id = g.id AND d.subscriber_id = $1
                 LEFT JOIN digest_variant v ON v.digest_id = g.id AND v.number = d.variant
                 ORDER BY g.frozen_at DESC, g.id DESC",
            )
            .bind(reader.0)
            .fetch_all(db)
            .await
        })?;
        let mails = mails.into_iter().map(|(newsletter, subject, state, at)| OwnMail {
            newsletter,
            subject,
            state,
            at: at.map(Timestamp::from_millis),
        });
        let letters: Vec<(String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT l.kind, l.created_at FROM letter l JOIN subscription s ON s.id = l.subscription_id
                 WHERE s.subscriber_id = $1 ORDER BY l.created_at DESC, l.id DESC",
            )
            .bind(reader.0)
            .fetch_all(db)
            .await
        })?;
        Ok(Some(OwnData {
            created_at: Timestamp::from_millis(created_at),
            subscriptions: subscriptions.collect(),
            tags: self.tags_of(&[reader]).await?.remove(&reader).unwrap_or_default(),
            bounces,
            mails: mails.collect(),
            letters: letters.into_iter().map(|(kind, at)| (kind, Timestamp::from_millis(at))).collect(),
            other_address,
        }))
    }
}
