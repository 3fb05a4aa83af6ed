//! Finding subscriptions, page after page in the order of their rows, and what is
//! known of their readers besides.

use super::many::Padded;
use super::subscribers::{Row, select_subscriptions};
use super::{Store, StoreError, each};
use crate::domain::consent::Consent;
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{SubscriberId, SubscriptionId};
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use sqlx::AssertSqlSafe;
use std::collections::HashMap;

/// Which subscriptions to list; what is left out does not matter.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionFilter {
    /// Of this newsletter only.
    pub newsletter: Option<Slug>,
    /// In this state only.
    pub state: Option<SubscriptionState>,
    /// Of this cadence only.
    pub cadence: Option<Slug>,
    /// In this language only.
    pub language: Option<Language>,
    /// Of readers with this tag only.
    pub tag: Option<Tag>,
    /// With this in the address or the name, in whatever case.
    pub search: Option<String>,
    /// Asked for at this instant or later.
    pub since: Option<Timestamp>,
    /// Asked for before this instant.
    pub before: Option<Timestamp>,
    /// Paused at this instant.
    pub paused_at: Option<Timestamp>,
    /// Behind this row: for paging.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

/// `text` anywhere, for LIKE with `\` as its escape.
fn anywhere(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "%"
}

#[derive(sqlx::FromRow)]
struct ConsentRow {
    subscription_id: i64,
    act: String,
    at: i64,
    form: String,
    words: String,
    origin: String,
    address: Option<String>,
}

impl Store {
    /// A page of subscriptions.
    pub async fn subscriptions(&self, filter: &SubscriptionFilter) -> Result<Vec<Subscription>, StoreError> {
        let search = filter.search.as_deref().unwrap_or_default();
        // SQLite knows the case of ASCII only: a name is also compared as it was typed. So is an
        // address, whose domain the key has as DNS does.
        let (folded, typed) = (anywhere(&search.to_lowercase()), anywhere(search));
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_subscriptions!(
                "WHERE s.id > $1 AND ($2 = '' OR s.newsletter = $2) AND ($3 = '' OR s.state = $3)
                   AND ($4 = '' OR s.cadence = $4) AND ($5 = '' OR b.language = $5)
                   AND s.created_at >= $6 AND s.created_at < $7 AND ($8 = 0 OR s.paused_until > $8)
                   AND ($9 = '' OR EXISTS
                       (SELECT 1 FROM subscriber_tag t WHERE t.subscriber_id = s.subscriber_id AND t.tag = $9))
                   AND ($10 = '%%' OR b.email_key LIKE $10 ESCAPE '\\' OR LOWER(b.name) LIKE $10 ESCAPE '\\'
                       OR b.name LIKE $11 ESCAPE '\\' OR b.email LIKE $11 ESCAPE '\\')
                 ORDER BY s.id LIMIT $12"
            ))
            .bind(filter.after)
            .bind(filter.newsletter.as_ref().map_or("", Slug::as_str))
            .bind(filter.state.map_or("", SubscriptionState::as_str))
            .bind(filter.cadence.as_ref().map_or("", Slug::as_str))
            .bind(filter.language.map_or("", Language::tag))
            .bind(filter.since.map_or(i64::MIN, Timestamp::millis))
            .bind(filter.before.map_or(i64::MAX, Timestamp::millis))
            .bind(filter.paused_at.map_or(0, Timestamp::millis))
            .bind(filter.tag.as_ref().map_or("", Tag::as_str))
            .bind(&folded)
            .bind(&typed)
            .bind(i64::from(filter.limit))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Subscription::try_from).collect()
    }

    /// The subscriptions of an address.
    pub async fn subscriptions_of(&self, email: &EmailAddress) -> Result<Vec<Subscription>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as(select_subscriptions!("WHERE b.email_key = $1 ORDER BY s.id"))
                .bind(email.key())
                .fetch_all(db)
                .await
        })?;
        rows.into_iter().map(Subscription::try_from).collect()
    }

    /// The tags of readers, in the order of the alphabet; who has none is left out.
    pub async fn tags_of(&self, readers: &[SubscriberId]) -> Result<HashMap<SubscriberId, Vec<Tag>>, StoreError> {
        let mut tags: HashMap<SubscriberId, Vec<Tag>> = HashMap::new();
        let Some(readers) = Padded::of(readers) else { return Ok(tags) };
        let sql =
            format!("SELECT subscriber_id, tag FROM subscriber_tag WHERE subscriber_id IN ({})", readers.places(1));
        let rows: Vec<(i64, String)> = each!(&self.reader, |db| {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for reader in readers {
                query = query.bind(reader.0);
            }
            query.fetch_all(db).await
        })?;
        for (reader, tag) in rows {
            let tag = tag.parse().map_err(|_| StoreError::Corrupt(format!("a tag of subscriber {reader}")))?;
            tags.entry(SubscriberId(reader)).or_default().push(tag);
        }
        // The engines' alphabets differ.
        for tags in tags.values_mut() {
            tags.sort_unstable();
        }
        Ok(tags)
    }

    /// What is on record of subscriptions' consent, act by act.
    pub async fn consents_of_each(
        &self,
        subscriptions: &[SubscriptionId],
    ) -> Result<HashMap<SubscriptionId, Vec<Consent>>, StoreError> {
        let mut consents: HashMap<SubscriptionId, Vec<Consent>> = HashMap::new();
        let Some(subscriptions) = Padded::of(subscriptions) else { return Ok(consents) };
        let sql = format!(
            "SELECT subscription_id, act, at, form, words, origin, address FROM consent
             WHERE subscription_id IN ({}) ORDER BY id",
            subscriptions.places(1)
        );
        let rows: Vec<ConsentRow> = each!(&self.reader, |db| {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for subscription in subscriptions {
                query = query.bind(subscription.0);
            }
            query.fetch_all(db).await
        })?;
        for row in rows {
            let consent = Consent {
                act: row.act.parse().map_err(StoreError::Corrupt)?,
                at: Timestamp::from_millis(row.at),
                form: row.form,
                words: row.words,
                origin: row.origin.parse().map_err(StoreError::Corrupt)?,
                address: row.address.and_then(|address| address.parse().ok()),
            };
            consents.entry(SubscriptionId(row.subscription_id)).or_default().push(consent);
        }
        Ok(consents)
    }
}
