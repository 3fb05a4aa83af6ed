//! Readers and their subscriptions, but for how they begin by the form (`asking`).
//!
//! Whatever a page acknowledges was committed before (P12). An ended
//! subscription cannot be set going by an old link: its nonce goes with it.

use super::choices::topics_text;
use super::consent::record_consent;
use super::{Store, StoreError, Tx, each};
use crate::domain::consent::{Act, Given};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{SubscriberId, SubscriptionId};
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::domain::time::Timestamp;
use chrono_tz::Tz;
use std::time::Duration;

/// How long a confirmation's link holds.
pub const CONFIRM_WITHIN: Duration = Duration::from_hours(48);

/// By which command the operator adds readers.
const ADD: &str = "syndicated subscriber";

/// What a reader asks for.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// Where the mails shall go.
    pub email: &'a EmailAddress,
    /// The newsletter's name.
    pub newsletter: &'a Slug,
    /// The cadence's name.
    pub cadence: &'a Slug,
    /// The reader's language.
    pub language: Language,
    /// What was agreed to, in which words, or how the operator knows.
    pub consent: &'a str,
    /// What is known of the reader besides.
    pub own: Own<'a>,
}

/// What a reader chose, or an operator knows; what is left out stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Own<'a> {
    /// What the reader is greeted by.
    pub name: Option<&'a str>,
    /// Whose clock shows the reader's morning.
    pub timezone: Option<Tz>,
    /// The topics; none is everything.
    pub topics: &'a [Slug],
}

/// What became of an address that an operator brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is subscribed now.
    Added,
    /// It was before.
    Already,
    /// It had unsubscribed, and stays so: only its reader may change that.
    Left,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    subscriber_id: i64,
    email: String,
    language: String,
    newsletter: String,
    cadence: String,
    state: String,
    counter: i64,
    created_at: i64,
    confirmed_at: Option<i64>,
    ended_at: Option<i64>,
    ended_by: Option<String>,
    paused_until: Option<i64>,
    consent: String,
    name: Option<String>,
    timezone: String,
    hour: Option<i64>,
    topics: String,
}

impl TryFrom<Row> for Subscription {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("subscription {}: {what}", row.id));
        Ok(Self {
            id: SubscriptionId(row.id),
            subscriber: SubscriberId(row.subscriber_id),
            email: row.email.parse().map_err(|_| corrupt("the address"))?,
            language: row.language.parse().map_err(|_| corrupt("the language"))?,
            newsletter: row.newsletter.parse().map_err(|_| corrupt("the newsletter"))?,
            cadence: row.cadence.parse().map_err(|_| corrupt("the cadence"))?,
            state: row.state.parse().map_err(StoreError::Corrupt)?,
            counter: row.counter,
            created_at: Timestamp::from_millis(row.created_at),
            confirmed_at: row.confirmed_at.map(Timestamp::from_millis),
            ended_at: row.ended_at.map(Timestamp::from_millis),
            ended_by: row.ended_by,
            paused_until: row.paused_until.map(Timestamp::from_millis),
            consent: row.consent,
            name: row.name,
            timezone: Some(row.timezone.as_str())
                .filter(|zone| !zone.is_empty())
                .map(|zone| zone.parse().map_err(|_| corrupt("the time zone")))
                .transpose()?,
            hour: row.hour.and_then(|hour| u8::try_from(hour).ok()),
            topics: row
                .topics
                .split_whitespace()
                .map(|topic| topic.parse().map_err(|_| corrupt("the topics")))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The columns of a [`Row`]; each query adds its own `WHERE`.
macro_rules! select_subscriptions {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.subscriber_id, b.email, b.language, s.newsletter, s.cadence, s.state, s.counter,
                    s.created_at, s.confirmed_at, s.ended_at, s.ended_by, s.paused_until, b.name, b.timezone, b.hour,
                    s.topics, COALESCE((SELECT c.words FROM consent c WHERE c.subscription_id = s.id
                                          AND c.act NOT IN ('changed', 'ended') ORDER BY c.id DESC LIMIT 1), '') AS consent
             FROM subscription s JOIN subscriber b ON b.id = s.subscriber_id ",
            $rest
        )
    };
}
pub(super) use select_subscriptions;

impl Store {
    /// A subscription by its number.
    pub async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        let row: Option<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_subscriptions!("WHERE s.id = $1")).bind(id.0).fetch_optional(db).await
        })?;
        row.map(Subscription::try_from).transpose()
    }

    /// Subscribes addresses whose consent the operator vouches for, in one
    /// transaction; says of each what became of it.
    pub async fn add_confirmed(&self, wishes: &[Wish<'_>], now: Timestamp) -> Result<Vec<Added>, StoreError> {
        let mut tx = self.begin().await?;
        let mut results = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let subscriber = subscriber(&mut tx, wish, now).await?;
            results.push(match subscription_of(&mut tx, subscriber, wish.newsletter).await? {
                Some((_, SubscriptionState::Confirmed)) => Added::Already,
                Some((_, SubscriptionState::Unsubscribed)) => Added::Left,
                Some((id, SubscriptionState::Pending)) => {
                    each!(&mut tx, |db| {
                        sqlx::query(
                            "UPDATE subscription SET state = 'confirmed', confirmed_at = $3, confirm_nonce = NULL,
                                 ended_at = NULL, ended_by = NULL, ended_why = NULL, undo_until = NULL,
                                 moved_at = CASE WHEN cadence <> $2 THEN $3 ELSE moved_at END, cadence = $2, topics = $4
                             WHERE id = $1",
                        )
                        .bind(id.0)
                        .bind(wish.cadence.as_str())
                        .bind(now.millis())
                        .bind(topics_text(wish.own.topics))
                        .execute(&mut **db)
                        .await
                        .map(drop)
                    })?;
                    record_consent(&mut tx, id, Act::Added, &Given::by_command(ADD, wish.consent), now).await?;
                    Added::Added
                }
                None => {
                    let id = insert_subscription(&mut tx, subscriber, wish, None, now).await?;
                    record_consent(&mut tx, id, Act::Added, &Given::by_command(ADD, wish.consent), now).await?;
                    Added::Added
                }
            });
        }
        tx.commit().await?;
        Ok(results)
    }
}

/// The reader of that address.
pub(super) async fn find_subscriber(tx: &mut Tx, email: &EmailAddress) -> Result<Option<SubscriberId>, StoreError> {
    let found: Option<(i64,)> = each!(tx, |db| {
        sqlx::query_as("SELECT id FROM subscriber WHERE email_key = $1")
            .bind(email.key())
            .fetch_optional(&mut **db)
            .await
    })?;
    Ok(found.map(|(id,)| SubscriberId(id)))
}

/// The reader's row, made when there is none. The spelling of the address that
/// came first stays.
pub(super) async fn subscriber(tx: &mut Tx, wish: &Wish<'_>, now: Timestamp) -> Result<SubscriberId, StoreError> {
    // The update changes nothing; it makes RETURNING name the row that is there.
    let (id,): (i64,) = each!(tx, |db| {
        sqlx::query_as(
            "INSERT INTO subscriber (email, email_key, language, created_at, name, timezone)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (email_key) DO UPDATE SET email_key = excluded.email_key RETURNING id",
        )
        .bind(wish.email.as_str())
        .bind(wish.email.key())
        .bind(wish.language.tag())
        .bind(now.millis())
        .bind(wish.own.name)
        .bind(wish.own.timezone.map_or("", |zone| zone.name()))
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(SubscriberId(id))
}

/// A subscription with its state. Who left has left, though somebody asked for it again
/// since: only its reader confirms that.
async fn subscription_of(
    tx: &mut Tx,
    subscriber: SubscriberId,
    newsletter: &Slug,
) -> Result<Option<(SubscriptionId, SubscriptionState)>, StoreError> {
    let row: Option<(i64, String)> = each!(tx, |db| {
        sqlx::query_as(
            "SELECT id, CASE WHEN state = 'pending' AND ended_at IS NOT NULL THEN 'unsubscribed' ELSE state END
             FROM subscription WHERE subscriber_id = $1 AND newsletter = $2",
        )
        .bind(subscriber.0)
        .bind(newsletter.as_str())
        .fetch_optional(&mut **db)
        .await
    })?;
    row.map(|(id, state)| Ok((SubscriptionId(id), state.parse().map_err(StoreError::Corrupt)?))).transpose()
}

/// A new subscription: pending until its nonce comes back, or confirmed.
pub(super) async fn insert_subscription(
    tx: &mut Tx,
    subscriber: SubscriberId,
    wish: &Wish<'_>,
    confirmation: Option<(&str, i64)>,
    now: Timestamp,
) -> Result<SubscriptionId, StoreError> {
    let state = if confirmation.is_some() { SubscriptionState::Pending } else { SubscriptionState::Confirmed };
    let (id,): (i64,) = each!(tx, |db| {
        sqlx::query_as(
            "INSERT INTO subscription (subscriber_id, newsletter, cadence, state, confirm_nonce, confirm_expires_at,
                 created_at, confirmed_at, topics)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        )
        .bind(subscriber.0)
        .bind(wish.newsletter.as_str())
        .bind(wish.cadence.as_str())
        .bind(state.as_str())
        .bind(confirmation.map(|(nonce, _)| nonce))
        .bind(confirmation.map(|(_, expires)| expires))
        .bind(now.millis())
        .bind((state == SubscriptionState::Confirmed).then_some(now.millis()))
        .bind(topics_text(wish.own.topics))
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(SubscriptionId(id))
}
