//! When an outlet gets posts: some time after they have settled, not in its quiet
//! hours, and only so many a day, all by the clock on its wall.

use crate::domain::schedule;
use crate::domain::time::Timestamp;
use chrono::{Days, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use std::str::FromStr;
use std::time::Duration;

/// When an outlet gets posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// How long after a post has settled.
    pub delay: Duration,
    /// Hours in which it gets none.
    pub quiet: Option<Quiet>,
    /// The most posts in a day.
    pub per_day: Option<u32>,
    /// Whose clock tells hours and days.
    pub zone: Tz,
}

/// Hours of a day in which nothing new is posted, over midnight if need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    from: NaiveTime,
    until: NaiveTime,
}

impl FromStr for Quiet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a time of quiet: write \"22:00-07:00\", from when until when");
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| bad());
        let (from, until) = text.split_once('-').ok_or_else(bad)?;
        let quiet = Self { from: time(from)?, until: time(until)? };
        if quiet.from == quiet.until { Err(bad()) } else { Ok(quiet) }
    }
}

impl Timing {
    /// When new posts may go again; `None` when they may now.
    #[must_use]
    pub fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        let Quiet { from, until } = self.quiet?;
        let local = self.local(now);
        let time = local.time();
        let over_midnight = from > until;
        let is_quiet = if over_midnight { time >= from || time < until } else { time >= from && time < until };
        if !is_quiet {
            return None;
        }
        let later = u64::from(over_midnight && time >= from);
        let day = local.date().checked_add_days(Days::new(later)).unwrap_or(local.date());
        schedule::instant(self.zone, day.and_time(until)).filter(|end| *end > now)
    }

    /// When the present day began, and when the next one does.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let today = self.local(now).date();
        let next = today.checked_add_days(Days::new(1)).unwrap_or(today);
        let begin = |day: chrono::NaiveDate| schedule::instant(self.zone, day.and_time(NaiveTime::MIN));
        (begin(today).unwrap_or_default(), begin(next).unwrap_or(now))
    }

    fn local(&self, now: Timestamp) -> NaiveDateTime {
        now.to_datetime().with_timezone(&self.zone).naive_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
    }

    fn timing(quiet: &str) -> Timing {
        let quiet = Some(quiet.parse().unwrap());
        Timing { delay: Duration::ZERO, quiet, per_day: None, zone: chrono_tz::Asia::Seoul }
    }

    #[test]
    fn quiet_hours_end_on_the_outlets_own_clock() {
        let (night, noon) = (timing("22:00-07:00"), timing("12:00-13:30"));
        for (timing, now, until) in [
            (&night, "2026-11-22T12:59:59Z", None),
            (&night, "2026-11-22T13:00:00Z", Some("2026-11-22T22:00:00Z")),
            (&night, "2026-11-22T21:59:00Z", Some("2026-11-22T22:00:00Z")),
            (&night, "2026-11-22T22:00:00Z", None),
            (&noon, "2026-11-22T03:00:00Z", Some("2026-11-22T04:30:00Z")),
            (&noon, "2026-11-22T04:30:00Z", None),
        ] {
            assert_eq!(timing.quiet_until(at(now)), until.map(at), "{now}");
        }
        for bad in ["22:00", "22-7", "7:00-7:00", "25:00-07:00", ""] {
            assert!(bad.parse::<Quiet>().is_err(), "{bad}");
        }
        assert_eq!(night.day(at("2026-11-22T15:30:00Z")), (at("2026-11-22T15:00:00Z"), at("2026-11-23T15:00:00Z")));
    }
}
