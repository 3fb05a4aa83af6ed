//! How long a source is left alone, after a poll that went well and after one
//! that failed.

use super::Poller;
use crate::domain::id::SourceId;
use crate::domain::pace::{Pace, TELLING_POSTS, adapted_rest};
use crate::domain::schedule::Schedule;
use crate::domain::source::Source;
use crate::domain::time::Timestamp;
use crate::flow::websub::turn_away;
use crate::store::{Push, StoreError};
use std::time::Duration;

/// A source is asked at least this often, whatever fails and whatever it asks for.
const LONGEST_REST: Duration = Duration::from_hours(24);
/// A source whose hub announces its changes is asked for safety only.
const PUSHED_REST: Duration = Duration::from_hours(6);
/// For so long after an announcement it is asked on its schedule again: what was
/// announced may not be everywhere yet.
const AFTER_PUSH: Duration = Duration::from_hours(1);
/// A hub that did not announce a post is asked again so much later.
const TRUSTED_AGAIN_AFTER: Duration = Duration::from_hours(7 * 24);
/// The first rest after a failure when no interval is configured.
const SHORTEST_REST: Duration = Duration::from_mins(1);

impl Poller {
    /// How far apart two polls are at the least that go well. `fresh` are the
    /// dates of posts that are not stored yet.
    pub(super) async fn distance(
        &self,
        source: &Source,
        id: SourceId,
        push: Option<&Push>,
        fresh: &[Timestamp],
        now: Timestamp,
    ) -> Result<Duration, StoreError> {
        let mut distance = self.config.load().fetch.min_interval;
        if source.adaptive {
            let stored = self.store.newest_dates(id, TELLING_POSTS).await?;
            distance = distance.max(adapted_rest(stored.into_iter().chain(fresh.iter().copied()), now));
        }
        if let Some(push) = push
            && let Some(until) = push.holds_until(now)
            && push.pushed_at.is_none_or(|pushed| now.since(pushed) >= AFTER_PUSH)
        {
            distance = distance.max(PUSHED_REST.min(until.since(now)));
        }
        Ok(distance)
    }

    /// Relies on the schedule again, or on another hub, where one did not announce
    /// a post.
    pub(super) async fn distrust(&self, source: &Source, push: &Push) -> Result<(), StoreError> {
        let why = "its hub did not announce a post within an hour";
        tracing::warn!(source = %source.name, why, "the source is polled on its schedule");
        let (now, config) = (self.clock.now(), self.config.load_full());
        let again_at = now.plus(TRUSTED_AGAIN_AFTER);
        self.store.end_push(push.id, None, why, again_at, (now, config.fetch.min_interval)).await?;
        turn_away(&self.store, &config, push.id, again_at, now).await.map(drop)
    }

    /// How long a source rests after a failure: doubled each time up to a day,
    /// ±10 %, and at least as long as the origin asks and the operator allows.
    pub(super) fn rest(&self, failures: u32, min_interval: Duration, retry_after: Option<Duration>) -> Duration {
        let first = min_interval.max(SHORTEST_REST);
        let doubled = first.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(LONGEST_REST);
        self.chance
            .jitter(doubled, 0.1)
            .max(min_interval)
            .max(retry_after.unwrap_or_default())
            .min(LONGEST_REST.max(min_interval))
    }
}

/// Whether a post of these dates came out while a hub had promised to announce
/// it, and an hour later had not.
pub(super) fn is_concealed(push: &Push, ok_at: Option<Timestamp>, dates: &[Timestamp], now: Timestamp) -> bool {
    let known_to = [push.answered_at, push.pushed_at, ok_at].into_iter().flatten().max();
    push.holds_until(now).is_some()
        && dates.iter().any(|date| now.since(*date) >= AFTER_PUSH && known_to.is_some_and(|known| *date > known))
}

/// The next slot that keeps the source's distance, and the feed's own. A slot may fall short of it by
/// a tenth, or a minute: a poll that began late is no reason to skip a slot.
pub(super) fn next_slot(schedule: &Schedule, started: Timestamp, distance: Duration, pace: &Pace) -> Timestamp {
    let slack = (distance / 10).min(Duration::from_mins(1));
    let earliest = started.plus(distance.saturating_sub(slack));
    // A calendar that ends is asked again after the longest rest.
    pace.next_slot(schedule, started, earliest).unwrap_or_else(|| started.plus(LONGEST_REST))
}
