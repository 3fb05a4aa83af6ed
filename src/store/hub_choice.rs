//! At which of its feed's hubs a source is subscribed: at one, and at the next
//! when that one fails, so that a hub that is down ends no push while the feed
//! names another.
//!
//! Kept here: a source wants one hub at a time; a hub that promised to announce
//! is not left while its promise holds; one that failed is left alone as long as
//! it would be if it were the only one.

use super::sources::pace;
use super::{Store, StoreError, Tx, each};
use crate::domain::id::{HubId, SourceId};
use crate::domain::pace::Pace;
use crate::domain::time::Timestamp;
use crate::domain::websub::Channel;

impl Store {
    /// What the feed of a hub's source asked for when it was last read; `None` when
    /// there is no such hub.
    pub async fn pace_at_hub(&self, id: HubId) -> Result<Option<Pace>, StoreError> {
        let row: Option<(Option<String>,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT s.pace FROM hub h JOIN source s ON s.id = h.source_id WHERE h.id = $1")
                .bind(id.0)
                .fetch_optional(db)
                .await
        })?;
        Ok(row.map(|(json,)| pace(json)))
    }

    /// Turns from a hub that promises nothing to the next of its source's
    /// `channels`, and leaves it alone until `until`. Those that are left alone
    /// likewise come last. Returns whether there was a better one.
    pub async fn turn_away(
        &self,
        from: HubId,
        channels: &[Channel],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let left: Option<(i64, String, String)> = each!(&mut tx, |db| {
            sqlx::query_as(
                "UPDATE hub SET wanted = FALSE, spare = TRUE, next_at = $2, lease_until = 0, fence = fence + 1
                 WHERE id = $1 AND wanted AND (pushed_until IS NULL OR pushed_until <= $3)
                 RETURNING source_id, hub, topic",
            )
            .bind(from.0)
            .bind(until.millis())
            .bind(now.millis())
            .fetch_optional(&mut **db)
            .await
        })?;
        let Some((source, hub, topic)) = left else { return Ok(false) };
        let spare: Vec<(String, String, i64)> = each!(&mut tx, |db| {
            sqlx::query_as("SELECT hub, topic, next_at FROM hub WHERE source_id = $1 AND spare")
                .bind(source)
                .fetch_all(&mut **db)
                .await
        })?;
        let rests_until = |channel: &Channel| {
            let row = spare.iter().find(|(hub, topic, _)| channel.is(hub, topic));
            row.map_or(0, |(_, _, next_at)| *next_at)
        };
        // Round in the feed's order, from the one behind this; among those that may be asked the first.
        let place = channels.iter().position(|channel| channel.is(&hub, &topic)).map_or(0, |place| place + 1);
        let (before, behind) = channels.split_at(place);
        let others = behind.iter().chain(before).filter(|channel| !channel.is(&hub, &topic));
        let next = others.min_by_key(|channel| rests_until(channel).max(now.millis()));
        let Some(next) = next.filter(|next| rests_until(next) < until.millis()) else { return Ok(false) };
        each!(&mut tx, |db| {
            sqlx::query(
                "INSERT INTO hub (source_id, hub, topic, next_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (source_id, hub, topic) DO UPDATE
                 SET wanted = TRUE, spare = FALSE, tries = 0, pushed_until = NULL, trouble = NULL WHERE NOT hub.wanted",
            )
            .bind(source)
            .bind(next.hub.as_str())
            .bind(next.topic.as_str())
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Subscribes a source at one of its `channels`: at that where it is already, else
/// at the first. One that is not among them is left.
pub(super) async fn want_hub(
    tx: &mut Tx,
    source: SourceId,
    channels: &[Channel],
    now: Timestamp,
) -> Result<(), StoreError> {
    let known: Vec<(i64, String, String, bool)> = each!(&mut *tx, |db| {
        sqlx::query_as("SELECT id, hub, topic, wanted FROM hub WHERE source_id = $1 AND (wanted OR spare)")
            .bind(source.0)
            .fetch_all(&mut **db)
            .await
    })?;
    let named = |hub: &str, topic: &str| channels.iter().find(|channel| channel.is(hub, topic));
    for (id, ..) in known.iter().filter(|(_, hub, topic, wanted)| !wanted && named(hub, topic).is_none()) {
        each!(&mut *tx, |db| sqlx::query("DELETE FROM hub WHERE id = $1").bind(id).execute(&mut **db).await.map(drop))?;
    }
    let current = known.iter().find(|(_, _, _, wanted)| *wanted).and_then(|(_, hub, topic, _)| named(hub, topic));
    if current.is_some() {
        return Ok(());
    }
    let channel = channels.first();
    let (hub, topic) = channel.map_or(("", ""), |channel| (channel.hub.as_str(), channel.topic.as_str()));
    each!(&mut *tx, |db| {
        sqlx::query(
            "UPDATE hub SET wanted = FALSE, failures = 0, next_at = $4
             WHERE source_id = $1 AND wanted AND NOT (hub = $2 AND topic = $3)",
        )
        .bind(source.0)
        .bind(hub)
        .bind(topic)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    if channel.is_none() {
        return Ok(());
    }
    each!(tx, |db| {
        sqlx::query(
            "INSERT INTO hub (source_id, hub, topic, next_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (source_id, hub, topic) DO UPDATE
             SET wanted = TRUE, spare = FALSE, failures = 0, tries = 0, pushed_until = NULL, next_at = $4 WHERE NOT hub.wanted",
        )
        .bind(source.0)
        .bind(hub)
        .bind(topic)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
