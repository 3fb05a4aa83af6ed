//! Readers and their subscriptions, from the request to the goodbye.
//!
//! Whatever a page acknowledges was committed before (P12). An ended
//! subscription cannot be set going by an old link: its nonce goes with it.

use super::choices::topics_text;
use super::letters::insert_reader_letter;
use super::{Store, StoreError, Tx, each};
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

/// One confirmation mail to an address in a day, three in a month: a form must
/// not become a way to fill a stranger's mailbox (S5).
const LETTERS_A_DAY: i64 = 1;
const LETTERS_A_MONTH: i64 = 3;
const DAY: Duration = Duration::from_hours(24);
const MONTH: Duration = Duration::from_hours(30 * 24);

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
    /// How consent came about: which form or person, in which words.
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

/// What a request did. The outside sees no difference (S8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// A confirmation mail is on its way.
    Letter,
    /// The address has had its share of them.
    Limited,
    /// It was subscribed already.
    Already,
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

/// Which subscriptions to list.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionFilter {
    /// Of this newsletter only.
    pub newsletter: Option<Slug>,
    /// In this state only.
    pub state: Option<SubscriptionState>,
    /// Behind this row: for paging.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

#[derive(sqlx::FromRow)]
struct Row {
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
    consent: String,
    name: Option<String>,
    timezone: String,
    hour: Option<i64>,
    topics: String,
    paused_until: Option<i64>,
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
            consent: row.consent,
            name: row.name,
            timezone: Some(row.timezone.as_str())
                .filter(|zone| !zone.is_empty())
                .map(|zone| zone.parse().map_err(|_| corrupt("the time zone")))
                .transpose()?,
            hour: row.hour.and_then(|hour| u8::try_from(hour).ok()),
            paused_until: row.paused_until.map(Timestamp::from_millis),
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
                    s.created_at, s.confirmed_at, s.ended_at, s.consent, b.name, b.timezone, b.hour,
                    s.topics, s.paused_until
             FROM subscription s JOIN subscriber b ON b.id = s.subscriber_id ",
            $rest
        )
    };
}

impl Store {
    /// Takes a request: a pending subscription bound to `nonce`, and the letter
    /// that asks to confirm it, in one transaction.
    pub async fn request_subscription(
        &self,
        wish: &Wish<'_>,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Requested, StoreError> {
        let mut tx = self.begin().await?;
        let subscriber = subscriber(&mut tx, wish, now).await?;
        let known = subscription_of(&mut tx, subscriber, wish.newsletter).await?;
        if matches!(known, Some((_, SubscriptionState::Confirmed))) {
            return Ok(Requested::Already);
        }
        if letters_since(&mut tx, subscriber, now.minus(DAY)).await? >= LETTERS_A_DAY
            || letters_since(&mut tx, subscriber, now.minus(MONTH)).await? >= LETTERS_A_MONTH
        {
            return Ok(Requested::Limited);
        }
        let expires = now.plus(CONFIRM_WITHIN).millis();
        let id = match known {
            Some((id, _)) => {
                each!(&mut tx, |db| {
                    sqlx::query(
                        "UPDATE subscription SET state = 'pending', consent = $3, confirm_nonce = $4, confirm_expires_at = $5,
                             moved_at = CASE WHEN cadence <> $2 THEN $6 ELSE moved_at END, cadence = $2, topics = $7,
                             ended_at = NULL, ended_by = NULL WHERE id = $1",
                    )
                    .bind(id.0)
                    .bind(wish.cadence.as_str())
                    .bind(wish.consent)
                    .bind(nonce)
                    .bind(expires)
                    .bind(now.millis())
                    .bind(topics_text(wish.own.topics))
                    .execute(&mut **db)
                    .await
                    .map(drop)
                })?;
                id
            }
            None => insert_subscription(&mut tx, subscriber, wish, Some((nonce, expires)), now).await?,
        };
        insert_reader_letter(&mut tx, "confirm", wish.email, wish.language, id, now).await?;
        tx.commit().await?;
        Ok(Requested::Letter)
    }

    /// A subscription with the nonce that its confirmation is bound to and when
    /// that ends.
    pub async fn confirmation(
        &self,
        id: SubscriptionId,
    ) -> Result<Option<(Subscription, Option<(String, Timestamp)>)>, StoreError> {
        let Some(subscription) = self.subscription(id).await? else { return Ok(None) };
        let row: Option<(Option<String>, Option<i64>)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT confirm_nonce, confirm_expires_at FROM subscription WHERE id = $1")
                .bind(id.0)
                .fetch_optional(db)
                .await
        })?;
        let open = row.and_then(|(nonce, expires)| nonce.zip(expires.map(Timestamp::from_millis)));
        Ok(Some((subscription, open)))
    }

    /// Confirms a pending subscription, if `nonce` is still the one it is bound
    /// to. Returns whether it is confirmed now.
    pub async fn confirm_subscription(
        &self,
        id: SubscriptionId,
        nonce: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE subscription SET state = 'confirmed', confirmed_at = COALESCE(confirmed_at, $3)
                 WHERE id = $1 AND confirm_nonce = $2 AND confirm_expires_at > $3 AND state IN ('pending', 'confirmed')",
            )
            .bind(id.0)
            .bind(nonce)
            .bind(now.millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(done > 0)
    }

    /// A subscription by its number.
    pub async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        let row: Option<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_subscriptions!("WHERE s.id = $1")).bind(id.0).fetch_optional(db).await
        })?;
        row.map(Subscription::try_from).transpose()
    }

    /// All that a reader is or was subscribed to, in the order of its beginning.
    pub async fn subscriptions_of(&self, reader: SubscriberId) -> Result<Vec<Subscription>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_subscriptions!("WHERE s.subscriber_id = $1 ORDER BY s.id"))
                .bind(reader.0)
                .fetch_all(db)
                .await
        })?;
        rows.into_iter().map(Subscription::try_from).collect()
    }

    /// Subscriptions by newsletter and state, in the order of their rows.
    pub async fn subscriptions(&self, filter: &SubscriptionFilter) -> Result<Vec<Subscription>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_subscriptions!(
                "WHERE s.id > $1 AND ($2 = '' OR s.newsletter = $2) AND ($3 = '' OR s.state = $3)
                 ORDER BY s.id LIMIT $4"
            ))
            .bind(filter.after)
            .bind(filter.newsletter.as_ref().map_or("", Slug::as_str))
            .bind(filter.state.map_or("", SubscriptionState::as_str))
            .bind(i64::from(filter.limit))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Subscription::try_from).collect()
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
                            "UPDATE subscription SET state = 'confirmed', consent = $3, confirmed_at = $4, confirm_nonce = NULL,
                                 moved_at = CASE WHEN cadence <> $2 THEN $4 ELSE moved_at END, cadence = $2, topics = $5
                             WHERE id = $1",
                        )
                        .bind(id.0)
                        .bind(wish.cadence.as_str())
                        .bind(wish.consent)
                        .bind(now.millis())
                        .bind(topics_text(wish.own.topics))
                        .execute(&mut **db)
                        .await
                        .map(drop)
                    })?;
                    Added::Added
                }
                None => {
                    insert_subscription(&mut tx, subscriber, wish, None, now).await?;
                    Added::Added
                }
            });
        }
        tx.commit().await?;
        Ok(results)
    }
}

/// The reader's row, made when there is none. The spelling of the address that
/// came first stays.
async fn subscriber(tx: &mut Tx, wish: &Wish<'_>, now: Timestamp) -> Result<SubscriberId, StoreError> {
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

async fn subscription_of(
    tx: &mut Tx,
    subscriber: SubscriberId,
    newsletter: &Slug,
) -> Result<Option<(SubscriptionId, SubscriptionState)>, StoreError> {
    let row: Option<(i64, String)> = each!(tx, |db| {
        sqlx::query_as("SELECT id, state FROM subscription WHERE subscriber_id = $1 AND newsletter = $2")
            .bind(subscriber.0)
            .bind(newsletter.as_str())
            .fetch_optional(&mut **db)
            .await
    })?;
    row.map(|(id, state)| Ok((SubscriptionId(id), state.parse().map_err(StoreError::Corrupt)?))).transpose()
}

/// A new subscription: pending until its nonce comes back, or confirmed.
async fn insert_subscription(
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
                 consent, created_at, confirmed_at, topics)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
        )
        .bind(subscriber.0)
        .bind(wish.newsletter.as_str())
        .bind(wish.cadence.as_str())
        .bind(state.as_str())
        .bind(confirmation.map(|(nonce, _)| nonce))
        .bind(confirmation.map(|(_, expires)| expires))
        .bind(wish.consent)
        .bind(now.millis())
        .bind((state == SubscriptionState::Confirmed).then_some(now.millis()))
        .bind(topics_text(wish.own.topics))
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(SubscriptionId(id))
}

async fn letters_since(tx: &mut Tx, subscriber: SubscriberId, since: Timestamp) -> Result<i64, StoreError> {
    let (count,): (i64,) = each!(tx, |db| {
        sqlx::query_as(
            "SELECT COUNT(*) FROM letter l JOIN subscription s ON s.id = l.subscription_id
             WHERE s.subscriber_id = $1 AND l.kind = 'confirm' AND l.created_at > $2",
        )
        .bind(subscriber.0)
        .bind(since.millis())
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(count)
}
