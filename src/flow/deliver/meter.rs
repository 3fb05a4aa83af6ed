//! How many mails may go now: so many a minute, evenly spread, and so many in a
//! day of UTC, whatever restarts there are.

use crate::config::{Pace, WarmUp};
use crate::domain::time::Timestamp;
use std::time::Duration;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 86_400_000;

/// Counts what goes one way.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pace: Pace,
    warm_up: Option<WarmUp>,
    /// When the next mail is due at the minute's pace, in microseconds.
    due: i64,
    /// The day that the counts are of.
    day: i64,
    /// What the database has counted of that day, by all nodes.
    counted: u64,
    /// What has gone and is not written yet.
    unwritten: u64,
    /// What is under way.
    under_way: u64,
}

impl Meter {
    pub(super) fn new(pace: Pace, warm_up: Option<WarmUp>) -> Self {
        Self { pace, warm_up, ..Self::default() }
    }

    /// The same counts under other limits.
    pub(super) fn limit(&mut self, pace: Pace, warm_up: Option<WarmUp>) {
        (self.pace, self.warm_up) = (pace, warm_up);
    }

    /// Whether its days are limited, so that they must be counted in the database.
    pub(super) fn counts_days(&self) -> bool {
        self.pace.per_day.is_some() || self.warm_up.is_some()
    }

    /// Takes up what the database has counted of a day.
    pub(super) fn count(&mut self, day: i64, total: u64) {
        if day > self.day {
            (self.day, self.unwritten) = (day, 0);
        }
        if day == self.day {
            self.counted = total;
        }
    }

    /// How many mails may begin now.
    pub(super) fn room(&mut self, now: Timestamp) -> usize {
        self.turn_day(now);
        let minute = self.pace.per_minute.map_or(usize::MAX, |most| {
            let (burst, interval) = spread(most);
            let early = now.millis() * 1000 + (burst - 1) * interval - self.due;
            usize::try_from(early.div_euclid(interval) + 1).unwrap_or(0).min(usize::try_from(burst).unwrap_or(1))
        });
        let day = self.day_limit().map_or(usize::MAX, |most| {
            let gone = self.counted + self.unwritten + self.under_way;
            usize::try_from(u64::from(most).saturating_sub(gone)).unwrap_or(usize::MAX)
        });
        minute.min(day)
    }

    /// When there is room again.
    pub(super) fn free_at(&mut self, now: Timestamp) -> Timestamp {
        if self.room(now) > 0 {
            return now;
        }
        let gone = self.counted + self.unwritten + self.under_way;
        if self.day_limit().is_some_and(|most| gone >= u64::from(most)) {
            return Timestamp::from_millis((self.day + 1) * DAY);
        }
        let (burst, interval) = spread(self.pace.per_minute.unwrap_or(1));
        Timestamp::from_millis((self.due - (burst - 1) * interval).div_euclid(1000) + 1).max(now)
    }

    /// The distance of two mails at the minute's pace.
    pub(super) fn interval(&self) -> Duration {
        let interval = self.pace.per_minute.map_or(0, |most| MINUTE / i64::from(most));
        Duration::from_micros(u64::try_from(interval).unwrap_or(0))
    }

    /// A mail begins.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.turn_day(now);
        self.under_way += 1;
        if let Some(most) = self.pace.per_minute {
            let (_, interval) = spread(most);
            self.due = self.due.max(now.millis() * 1000) + interval;
        }
    }

    /// A mail has ended; whether it counts: what no relay heard of does not.
    pub(super) fn end(&mut self, counts: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        if counts {
            self.unwritten += 1;
        }
    }

    pub(super) fn under_way(&self) -> usize {
        usize::try_from(self.under_way).unwrap_or(usize::MAX)
    }

    /// What is to be written: the day and how many more went on it.
    pub(super) fn unwritten(&self) -> Option<(i64, u64)> {
        (self.counts_days() && self.unwritten > 0).then_some((self.day, self.unwritten))
    }

    /// It was written, and the database has counted so many of that day.
    pub(super) fn written(&mut self, day: i64, count: u64, total: u64) {
        self.unwritten = self.unwritten.saturating_sub(count);
        self.count(day, total);
    }

    fn turn_day(&mut self, now: Timestamp) {
        let today = day_of(now);
        if self.day != today {
            (self.day, self.counted, self.unwritten) = (today, 0, 0);
        }
    }

    fn day_limit(&self) -> Option<u32> {
        let warm = self.warm_up.map(|warm_up| warmth(warm_up, self.day));
        self.pace.per_day.into_iter().chain(warm).min()
    }
}

/// A day of UTC, by its number since 1970.
pub(super) fn day_of(now: Timestamp) -> i64 {
    now.millis().div_euclid(DAY)
}

/// How many may go at once, and the distance of the others in microseconds: a
/// second's worth together, so that a loop with other things to do keeps pace,
/// and in no minute more than `most`.
fn spread(most: u32) -> (i64, i64) {
    let most = i64::from(most.max(1));
    let burst = (most / 60).max(1);
    let others = most - burst + 1;
    (burst, (MINUTE + others - 1) / others)
}

/// The limit of a day while the relay's address is warmed up: half as much again
/// as the day before.
fn warmth(warm_up: WarmUp, day: i64) -> u32 {
    let first_day = warm_up.from.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis().div_euclid(DAY);
    let mut limit = u64::from(warm_up.first);
    for _ in 0..day.saturating_sub(first_day) {
        limit += limit.div_ceil(2);
        if limit >= u64::from(u32::MAX) {
            break;
        }
    }
    u32::try_from(limit).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T00:00:00Z.
    const MONDAY: i64 = 1_795_392_000_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(MONDAY + millis)
    }

    #[test]
    fn no_minute_has_more_than_it_may_and_the_mails_are_spread() {
        for most in [1, 7, 60, 600, 12_000] {
            let mut meter = Meter::new(Pace { per_minute: Some(most), per_day: None }, None);
            let (mut sent, mut now): (Vec<i64>, i64) = (Vec::new(), 0);
            while now < 300_000 {
                while meter.room(at(now)) > 0 {
                    meter.begin(at(now));
                    sent.push(now);
                }
                let next = meter.free_at(at(now)).millis() - MONDAY;
                assert!(next > now, "{most}");
                now = next;
            }
            for (first, begin) in sent.iter().enumerate() {
                let in_minute = sent.iter().skip(first).take_while(|time| **time < begin + 60_000).count();
                assert!(in_minute <= most as usize, "{most}: {in_minute} from {begin}");
            }
            assert!(sent.len() * 100 >= most as usize * 5 * 95, "{most}: {}", sent.len());
        }
    }

    #[test]
    fn a_day_has_its_limit_whoever_counts_and_the_next_begins_anew() {
        let mut meter = Meter::new(Pace { per_minute: None, per_day: Some(10) }, None);
        assert_eq!(meter.room(at(0)), 10);
        meter.count(day_of(at(0)), 6);
        meter.begin(at(0));
        meter.begin(at(0));
        assert_eq!(meter.room(at(0)), 2);
        meter.end(false);
        meter.end(true);
        assert_eq!((meter.room(at(0)), meter.unwritten()), (3, Some((day_of(at(0)), 1))));
        meter.written(day_of(at(0)), 1, 9);
        assert_eq!((meter.room(at(0)), meter.unwritten()), (1, None));
        meter.begin(at(1));
        assert_eq!(meter.free_at(at(1)), at(DAY));
        assert_eq!(meter.room(at(DAY)), 9, "one is still under way");
    }

    #[test]
    fn a_new_relay_warms_up_by_half_each_day() {
        let from = chrono::NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        let mut meter = Meter::new(Pace { per_minute: None, per_day: Some(1000) }, Some(WarmUp { first: 100, from }));
        let rooms: Vec<usize> = (-1..8).map(|day| meter.room(at(day * DAY))).collect();
        assert_eq!(rooms, [100, 100, 150, 225, 338, 507, 761, 1000, 1000]);
        let mut alone = Meter::new(Pace::default(), Some(WarmUp { first: 100, from }));
        assert_eq!(alone.room(at(4000 * DAY)), u32::MAX as usize);
    }
}
