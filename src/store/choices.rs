//! What readers choose: how often, of what, until when not at all, by whose clock,
//! in which language. All of it is written together, or nothing (P12).

use super::consent::record_consent;
use super::{Store, StoreError, Tx, each};
use crate::domain::consent::{Act, Given};
use crate::domain::id::SubscriptionId;
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use chrono_tz::Tz;
use std::collections::BTreeSet;

/// What a reader may change of a subscription, and of themselves; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Another cadence of the newsletter.
    pub cadence: Option<Slug>,
    /// The topics; none is everything.
    pub topics: Option<Vec<Slug>>,
    /// Nothing is mailed before then; inside, `None` ends a pause.
    pub paused_until: Option<Option<Timestamp>>,
    /// Whose clock shows the reader's morning; inside, `None` is the newsletter's own.
    pub timezone: Option<Option<Tz>>,
    /// At which hour of it, 0 to 23; inside, `None` is the newsletter's own.
    pub hour: Option<Option<u8>>,
    /// The language of letters and of the reader's own pages.
    pub language: Option<Language>,
}

impl Change {
    /// What of a subscription it changes, for its record.
    fn in_words(&self) -> String {
        let cadence = self.cadence.as_ref().map(|cadence| format!("how often: {cadence}"));
        let topics = self.topics.as_ref().map(|topics| match topics_text(topics) {
            all if all.is_empty() => "topics: all".to_owned(),
            some => format!("topics: {some}"),
        });
        let pause = self.paused_until.map(|until| match until {
            Some(until) => format!("no mails before {}", until.to_rfc3339_exact()),
            None => "no pause".to_owned(),
        });
        [cadence, topics, pause].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// Topics as the database has them: sorted, so that the same choice is the same text.
pub(super) fn topics_text(topics: &[Slug]) -> String {
    let names: BTreeSet<&str> = topics.iter().map(Slug::as_str).collect();
    names.into_iter().collect::<Vec<_>>().join(" ")
}

impl Store {
    /// Changes a subscription, in one transaction. What is recorded with `given` are the
    /// words of the change.
    pub async fn change_subscription(
        &self,
        id: SubscriptionId,
        change: &Change,
        given: &Given<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change_subscriptions(&[(id, change.clone())], given, now).await
    }

    /// Changes several subscriptions, each with its record, in one transaction.
    pub async fn change_subscriptions(
        &self,
        changes: &[(SubscriptionId, Change)],
        given: &Given<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for (id, change) in changes {
            write_change(&mut tx, *id, change, given, now).await?;
        }
        tx.commit().await
    }
}

/// What is as it was is neither written nor recorded.
async fn write_change(
    tx: &mut Tx,
    id: SubscriptionId,
    change: &Change,
    given: &Given<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = each!(&mut *tx, |db| {
        sqlx::query(
            "UPDATE subscription SET
                 moved_at = CASE WHEN $2 <> '' AND cadence <> $2 THEN $3 ELSE moved_at END,
                 cadence = CASE WHEN $2 <> '' THEN $2 ELSE cadence END,
                 topics = CASE WHEN $4 THEN $5 ELSE topics END,
                 paused_until = CASE WHEN $6 THEN $7 ELSE paused_until END
             WHERE id = $1 AND (($2 <> '' AND cadence <> $2) OR ($4 AND topics <> $5)
                 OR ($6 AND paused_until IS DISTINCT FROM $7))",
        )
        .bind(id.0)
        .bind(change.cadence.as_ref().map_or("", Slug::as_str))
        .bind(now.millis())
        .bind(change.topics.is_some())
        .bind(topics_text(change.topics.as_deref().unwrap_or_default()))
        .bind(change.paused_until.is_some())
        .bind(change.paused_until.flatten().map(Timestamp::millis))
        .execute(&mut **db)
        .await
        .map(|done| done.rows_affected())
    })?;
    if changed > 0 {
        let words = change.in_words();
        record_consent(tx, id, Act::Changed, &Given { words: &words, ..*given }, now).await?;
    }
    if change.timezone.is_none() && change.hour.is_none() && change.language.is_none() {
        return Ok(());
    }
    each!(tx, |db| {
        sqlx::query(
            "UPDATE subscriber SET
                 timezone = CASE WHEN $2 THEN $3 ELSE timezone END,
                 hour = CASE WHEN $4 THEN $5 ELSE hour END,
                 language = CASE WHEN $6 <> '' THEN $6 ELSE language END
             WHERE id = (SELECT subscriber_id FROM subscription WHERE id = $1)",
        )
        .bind(id.0)
        .bind(change.timezone.is_some())
        .bind(change.timezone.flatten().map_or("", |zone| zone.name()))
        .bind(change.hour.is_some())
        .bind(change.hour.flatten().map(i64::from))
        .bind(change.language.map_or("", |language| language.tag()))
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
