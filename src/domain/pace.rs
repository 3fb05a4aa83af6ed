//! What a feed asks of those who poll it: when not to come, and where to be
//! told instead.

use super::schedule::Schedule;
use super::time::Timestamp;
use super::url::HttpUrl;
use chrono::{Datelike as _, Timelike as _, Weekday};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// A feed's own wishes. They never make anyone poll more often.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pace {
    /// It need not be asked again sooner (`ttl`, `sy:updatePeriod`, `max-age`).
    pub at_least: Option<Duration>,
    /// Hours of the day, in UTC, at which it does not change (`skipHours`).
    pub skip_hours: Vec<u8>,
    /// Days of the week, in UTC, on which it does not change (`skipDays`).
    pub skip_days: Vec<Weekday>,
    /// Where changes are announced (WebSub).
    pub hubs: Vec<HttpUrl>,
    /// What the feed calls itself; to a hub, its name.
    pub self_url: Option<HttpUrl>,
}

/// However much rest a feed asks for or seems to need, it is asked once a day.
const LONGEST: Duration = Duration::from_hours(24);
/// So many slots are looked at for one that the feed does not skip: a week of
/// the densest calendar.
const MOST_SLOTS: usize = 7 * 24 * 60;
/// So many of a blog's newest posts say how often it posts.
pub const TELLING_POSTS: usize = 10;
/// A source that adapts is asked so many times between two posts.
const LOOKS_BETWEEN_POSTS: u32 = 4;

/// How long a source rests that is asked as often as it posts: a quarter of the
/// mean distance between its newest posts, the silence since the last one
/// counted in, and a day at the most. Zero when no post is known.
#[must_use]
pub fn adapted_rest(dates: impl IntoIterator<Item = Timestamp>, now: Timestamp) -> Duration {
    let dates: BTreeSet<Timestamp> = dates.into_iter().map(|date| date.min(now)).collect();
    let mut telling = dates.iter().rev().take(TELLING_POSTS);
    let Ok(posts) = u32::try_from(telling.len()) else { return Duration::ZERO };
    let span = telling.next_back().map(|oldest| now.since(*oldest)).unwrap_or_default();
    (span / posts.max(1) / LOOKS_BETWEEN_POSTS).min(LONGEST)
}

impl Pace {
    /// The first slot of `schedule` behind `earliest` that the feed does not ask
    /// to skip, a day away at the most; `None` when the schedule ends.
    #[must_use]
    pub fn next_slot(&self, schedule: &Schedule, started: Timestamp, earliest: Timestamp) -> Option<Timestamp> {
        let rest = self.at_least.unwrap_or_default().min(LONGEST);
        // A poll that began late is no reason to miss a slot.
        let slack = (rest / 10).min(Duration::from_mins(1));
        let first = schedule.next_after(earliest)?.due;
        let latest = first.max(started.plus(LONGEST));
        let mut slot = schedule.next_after(earliest.max(started.plus(rest.saturating_sub(slack))))?.due;
        for _ in 0..MOST_SLOTS {
            if slot > latest {
                break;
            }
            if !self.skips(slot) {
                return Some(slot);
            }
            slot = schedule.next_after(slot)?.due;
        }
        // It asks for more rest than a day.
        Some(schedule.next_after(latest.minus(Duration::from_millis(1))).map_or(first, |slot| slot.due))
    }

    fn skips(&self, at: Timestamp) -> bool {
        let at = at.to_datetime();
        let hour = u8::try_from(at.hour()).unwrap_or(0);
        self.skip_hours.contains(&hour) || self.skip_days.contains(&at.weekday())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_left_alone_when_it_asks_for_it_but_not_for_more_than_a_day() {
        let at = |text: &str| Timestamp::from(chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        let schedule = Schedule::parse("*/15 * * * *", chrono_tz::UTC).unwrap();
        let started = at("2026-11-23T07:00:05Z");
        let next = |pace: &Pace| pace.next_slot(&schedule, started, started.plus(Duration::from_mins(14))).unwrap();
        let hours = |hours: u64| Some(Duration::from_hours(hours));
        assert_eq!(next(&Pace::default()), at("2026-11-23T07:15:00Z"));
        assert_eq!(next(&Pace { at_least: hours(2), ..Pace::default() }), at("2026-11-23T09:00:00Z"));
        assert_eq!(next(&Pace { at_least: hours(1_000), ..Pace::default() }), at("2026-11-24T07:00:00Z"));
        assert_eq!(next(&Pace { skip_hours: vec![7, 8], ..Pace::default() }), at("2026-11-23T09:00:00Z"));
        let always = Pace { skip_hours: (0..24).collect(), ..Pace::default() };
        assert_eq!(next(&always), at("2026-11-24T07:15:00Z"));
        let monday = Pace { skip_days: vec![Weekday::Mon], ..Pace::default() };
        assert_eq!(next(&monday), at("2026-11-24T00:00:00Z"));
    }

    #[test]
    fn a_source_that_adapts_is_asked_four_times_between_two_posts() {
        let now = Timestamp::from_millis(1_795_417_200_000);
        let minutes = Duration::from_mins;
        // The ages of its posts in hours, and the rest that follows.
        for (case, ages, rest) in [
            ("no post yet", vec![], minutes(0)),
            ("one, just now", vec![0], minutes(0)),
            ("hourly", (0..50).collect(), minutes(9 * 60 / 10 / 4)),
            ("daily", (0..10).map(|n| n * 24 + 24).collect(), minutes(6 * 60)),
            ("weekly", (1..11).map(|n| n * 24 * 7).collect(), minutes(24 * 60)),
            ("given up for a year", vec![365 * 24], minutes(24 * 60)),
            ("hourly once, then silent for 4 days", (0..10).map(|n| n + 96).collect(), minutes(157)),
            ("the same post twice", vec![24, 24], minutes(6 * 60)),
        ] {
            let dates = ages.into_iter().map(|age| now.minus(Duration::from_hours(age)));
            let actual = adapted_rest(dates, now);
            assert!(actual >= rest && actual < rest + minutes(1), "{case}: {actual:?}");
        }
        let ahead = now.plus(Duration::from_hours(1_000));
        assert_eq!(adapted_rest([ahead], now), Duration::ZERO, "a date in the future is the present one");
    }
}
