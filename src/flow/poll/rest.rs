//! How long a source is left alone, after a poll that went well and after one
//! that failed.

use super::Poller;
use crate::domain::pace::Pace;
use crate::domain::schedule::Schedule;
use crate::domain::time::Timestamp;
use std::time::Duration;

/// A source is asked at least this often, whatever fails and whatever it asks for.
const LONGEST_REST: Duration = Duration::from_hours(24);
/// The first rest after a failure when no interval is configured.
const SHORTEST_REST: Duration = Duration::from_mins(1);

impl Poller {
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

/// The next slot that keeps the source's distance, and the feed's own. A slot may fall short of it by
/// a tenth, or a minute: a poll that began late is no reason to skip a slot.
pub(super) fn next_slot(schedule: &Schedule, started: Timestamp, min_interval: Duration, pace: &Pace) -> Timestamp {
    let slack = (min_interval / 10).min(Duration::from_mins(1));
    let earliest = started.plus(min_interval.saturating_sub(slack));
    // A calendar that ends is asked again after the longest rest.
    pace.next_slot(schedule, started, earliest).unwrap_or_else(|| started.plus(LONGEST_REST))
}
