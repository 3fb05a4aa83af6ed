//! Schedules: crontab lines in a time zone, and the slots that they name.
//!
//! The `cron` crate lists nominal times only, on a calendar without a zone; this
//! file decides which instant a nominal time means. In a gap (clocks go
//! forward) that is the first valid instant after it, in a fold (clocks go back)
//! the first of the two. Each nominal time is one slot, so that a change of the
//! clock can neither double nor lose one (P11).

use super::time::Timestamp;
use chrono::{DateTime, Datelike, MappedLocalTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// A five-field crontab line in a time zone.
///
/// Minute, hour, day of month, month (1–12 or `JAN`…), day of week (0–7 or
/// `SUN`…, Sunday being both 0 and 7), each `*`, a value, a range `a-b`, a step
/// `…/n`, or a list of those; or `@hourly`, `@daily`, `@midnight`, `@weekly`,
/// `@monthly`, `@yearly`, `@annually`. As in crontab(5), when both days are
/// restricted, a day fits if either does.
#[derive(Debug, Clone)]
pub struct Schedule {
    line: Arc<str>,
    zone: Tz,
    /// One, or two whose union is meant: day of month, day of week. Shared by clones.
    parts: Arc<[cron::Schedule]>,
}

/// Why a crontab line was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// Not five fields.
    #[error(
        "`{0}` has {1} fields; a schedule has five: minute hour day-of-month month day-of-week, such as \"0 7 * * MON\""
    )]
    Fields(String, usize),
    /// A field that means nothing.
    #[error("`{value}` is not a {field}: {hint}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        hint: String,
    },
    /// A line such as `0 0 30 2 *`.
    #[error("`{0}` never comes: no such day is in the calendar")]
    Never(String),
}

/// One time that a schedule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// When it falls due.
    pub due: Timestamp,
    /// What the clock on the wall is meant to show: its identity.
    pub nominal: NaiveDateTime,
}

impl Slot {
    /// The nominal time as it is stored, `2026-11-23T07:00`.
    #[must_use]
    pub fn key(&self) -> String {
        self.nominal.format("%Y-%m-%dT%H:%M").to_string()
    }

    /// How often a wall clock in `zone` shows its nominal time.
    #[must_use]
    pub fn shown(&self, zone: Tz) -> Shown {
        match zone.from_local_datetime(&self.nominal) {
            MappedLocalTime::Single(_) => Shown::Once,
            MappedLocalTime::Ambiguous(..) => Shown::Twice,
            MappedLocalTime::None => Shown::Never,
        }
    }

    /// When a wall clock in `zone` shows the same time.
    #[must_use]
    pub fn due_in(&self, zone: Tz) -> Timestamp {
        instant(zone, self.nominal).unwrap_or(self.due)
    }

    /// When a wall clock in `zone` next shows that hour (0 to 23), from the nominal
    /// time on: nobody's choice brings a slot forward, since all readers get the
    /// posts of one moment. In the nominal hour it is the nominal time.
    #[must_use]
    pub fn due_at(&self, zone: Tz, hour: u8) -> Timestamp {
        let (date, hour) = (self.nominal.date(), u32::from(hour));
        let date = if hour < self.nominal.hour() { date.succ_opt() } else { Some(date) };
        let shown = if hour == self.nominal.hour() {
            Some(self.nominal)
        } else {
            date.and_then(|date| date.and_hms_opt(hour, 0, 0))
        };
        shown.and_then(|shown| instant(zone, shown)).unwrap_or(self.due)
    }
}

/// How often a clock on the wall shows the nominal time of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As on any other day.
    Once,
    /// Never: clocks go forward over it, and the slot is at the end of the gap.
    Never,
    /// Twice: clocks go back over it, and the slot is the first of them.
    Twice,
}

/// A field of a crontab line: its name, its range, and the names it knows.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", least: 0, most: 59, names: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, names: &[] };
const DAY: Field = Field { name: "day of month", least: 1, most: 31, names: &[] };
const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday is both 0 and 7.
const WEEKDAY: Field =
    Field { name: "day of week", least: 0, most: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Schedule {
    /// Reads a crontab line.
    pub fn parse(line: &str, zone: Tz) -> Result<Self, BadSchedule> {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let expanded = match line.as_str() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = expanded.split(' ').filter(|field| !field.is_empty()).collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(BadSchedule::Fields(line.clone(), fields.len()));
        };
        let minutes = MINUTE.values(minute)?;
        let hours = HOUR.values(hour)?;
        let months = MONTH.values(month)?;
        let days = DAY.values(day)?;
        // The cron crate counts weekdays from Sunday = 1.
        let mut weekdays: Vec<u32> = WEEKDAY.values(weekday)?.into_iter().map(|value| value % 7 + 1).collect();
        weekdays.sort_unstable();
        weekdays.dedup();
        let build = |days: &str, weekdays: &str| {
            let text = format!("0 {} {} {days} {} {weekdays}", list(&minutes), list(&hours), list(&months));
            cron::Schedule::from_str(&text).map_err(|_| BadSchedule::Never(line.clone()))
        };
        let parts = if day.starts_with('*') || weekday.starts_with('*') {
            vec![build(&list(&days), &list(&weekdays))?]
        } else {
            vec![build(&list(&days), "*")?, build("*", &list(&weekdays))?]
        };
        let schedule = Self { line: line.as_str().into(), zone, parts: parts.into() };
        // Eight years hold every day of the calendar, 29 February across a
        // century included; the start is fixed so that the answer is too.
        let start = Timestamp::from_millis(946_684_800_000);
        if schedule.slots_after(start).next().is_some() { Ok(schedule) } else { Err(BadSchedule::Never(line)) }
    }

    /// The line as it was written.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The zone whose clock the line speaks of.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The slots that fall due after `after`, in order.
    pub fn slots_after(&self, after: Timestamp) -> impl Iterator<Item = Slot> + '_ {
        // What the wall clock has shown or jumped over by now is not due later. A gap may
        // end in the middle of a minute, as clocks of the nineteenth century did.
        let local = after.to_datetime().with_timezone(&self.zone).naive_local();
        let start = local.checked_sub_signed(TimeDelta::minutes(1)).unwrap_or(local).and_utc();
        Union { parts: self.parts.iter().map(|part| part.after(&start).peekable()).collect() }
            .filter_map(|nominal| Some(Slot { due: instant(self.zone, nominal)?, nominal }))
            .filter(move |slot| slot.due > after)
    }

    /// The first slot after `after`; `None` when the calendar ends before it.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        self.slots_after(after).next()
    }

    /// The shortest time between two slots that follow each other, as a month at the
    /// beginning of 2026 has it; `at_most` where they are further apart. It is looked
    /// no further once it is down to `at_least`.
    #[must_use]
    pub fn shortest_distance(&self, at_least: Duration, at_most: Duration) -> Duration {
        let start = Timestamp::from_millis(1_767_225_600_000);
        let end = start.plus(Duration::from_hours(31 * 24));
        let mut slots = self.slots_after(start).map(|slot| slot.due).take_while(|due| *due < end).take(500);
        let (mut shortest, mut before) = (at_most, slots.next());
        for due in slots {
            shortest = before.map_or(shortest, |before| due.since(before).min(shortest));
            before = Some(due);
            if shortest <= at_least {
                break;
            }
        }
        shortest.max(at_least)
    }

    /// `at` on the schedule's own wall clock, with the zone's abbreviation, for people.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> String {
        local(self.zone, at)
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line && self.zone == other.zone
    }
}

impl Eq for Schedule {}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.line, self.zone)
    }
}

/// `at` on a wall clock in `zone`, such as `Mon 2026-11-23 07:00 KST`.
#[must_use]
pub fn local(zone: Tz, at: Timestamp) -> String {
    at.to_datetime().with_timezone(&zone).format("%a %Y-%m-%d %H:%M %Z").to_string()
}

/// The instant that a wall clock in `zone` first shows `nominal`, or, when it
/// never does, the first instant after the gap.
#[must_use]
pub fn instant(zone: Tz, nominal: NaiveDateTime) -> Option<Timestamp> {
    let mut shown = nominal;
    // A gap is at most a day long.
    for _ in 0..=24 * 60 + 1 {
        match zone.from_local_datetime(&shown) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => {
                return Some(at.with_timezone(&Utc).into());
            }
            MappedLocalTime::None => shown = shown.checked_add_signed(TimeDelta::minutes(1))?,
        }
    }
    None
}

/// The nominal times of several schedules in order, each once.
struct Union<'s> {
    parts: Vec<std::iter::Peekable<cron::ScheduleIterator<'s, Utc>>>,
}

impl Iterator for Union<'_> {
    type Item = NaiveDateTime;

    fn next(&mut self) -> Option<NaiveDateTime> {
        let next: DateTime<Utc> = self.parts.iter_mut().filter_map(|part| part.peek().copied()).min()?;
        for part in &mut self.parts {
            part.next_if_eq(&next);
        }
        Some(next.naive_utc())
    }
}

fn list(values: &[u32]) -> String {
    values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

impl Field {
    /// Every value that a field's text names, in order.
    fn values(&self, text: &str) -> Result<Vec<u32>, BadSchedule> {
        let mut values = Vec::new();
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => {
                    let step = step.parse().ok().filter(|&step| step > 0).ok_or_else(|| self.bad(text))?;
                    (range, Some(step))
                }
                None => (item, None),
            };
            let (from, to) = if range == "*" {
                // "*" in the last field must not name Sunday twice.
                (self.least, if self.most == 7 { 6 } else { self.most })
            } else if let Some((from, to)) = range.split_once('-') {
                (self.value(from, text)?, self.value(to, text)?)
            } else {
                let value = self.value(range, text)?;
                // "5/10" counts on from 5, as every crontab reads it.
                (value, if step.is_some() { self.most } else { value })
            };
            if from <= to {
                values.extend((from..=to).step_by(step.unwrap_or(1)));
            } else if self.names.len() == 7 {
                // FRI-MON: through the week's end.
                values.extend((from..=from.max(6)).chain(0..=to).step_by(step.unwrap_or(1)));
            } else {
                return Err(self.bad(text));
            }
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    fn value(&self, text: &str, whole: &str) -> Result<u32, BadSchedule> {
        let lower = text.to_ascii_lowercase();
        let named = self.names.iter().zip(self.least..).find(|(name, _)| **name == lower).map(|(_, value)| value);
        let numbered = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        named.or(numbered).filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| self.bad(whole))
    }

    fn bad(&self, value: &str) -> BadSchedule {
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(" or {}–{}", first.to_uppercase(), last.to_uppercase()),
            _ => String::new(),
        };
        BadSchedule::Field {
            field: self.name,
            value: value.chars().take(80).collect(),
            hint: format!(
                "write `*`, {}–{}{names}, a range `a-b`, a step `*/n`, or a list `a,b`",
                self.least, self.most
            ),
        }
    }
}

/// Midnight of the day of `at` in `zone`, for grouping by day.
#[must_use]
pub fn day(zone: Tz, at: Timestamp) -> NaiveDateTime {
    let local = at.to_datetime().with_timezone(&zone);
    chrono::NaiveDate::from_ymd_opt(local.year(), local.month(), local.day())
        .unwrap_or_default()
        .and_time(NaiveTime::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc).into()
    }

    fn keys(line: &str, zone: Tz, after: &str, count: usize) -> Vec<String> {
        Schedule::parse(line, zone).unwrap().slots_after(at(after)).take(count).map(|slot| slot.key()).collect()
    }

    #[test]
    fn the_shortest_distance_is_that_of_two_slots_that_follow_each_other() {
        let minutes = |count| Duration::from_mins(count);
        for (line, expected) in [
            ("* * * * *", 5),
            ("*/7 * * * *", 5),
            ("*/15 * * * *", 15),
            ("0,20 * * * *", 20),
            ("0 * * * *", 60),
            ("0 7 * * MON", 60),
            ("0,10 7 * * SUN", 10),
            ("0 0 29 2 *", 60),
        ] {
            let schedule = Schedule::parse(line, chrono_tz::Asia::Seoul).unwrap();
            assert_eq!(schedule.shortest_distance(minutes(5), minutes(60)), minutes(expected), "{line}");
        }
    }

    #[test]
    fn a_crontab_line_names_the_times_that_cron_would() {
        // 2026-11-22 is a Sunday.
        for (line, expected) in [
            ("0 7 * * MON", vec!["2026-11-23T07:00", "2026-11-30T07:00"]),
            ("0 7 * * mon-fri", vec!["2026-11-23T07:00", "2026-11-24T07:00"]),
            ("0 7 * * 0", vec!["2026-11-22T07:00", "2026-11-29T07:00"]),
            ("0 7 * * 7", vec!["2026-11-22T07:00", "2026-11-29T07:00"]),
            ("0 7 * * 5-7", vec!["2026-11-22T07:00", "2026-11-27T07:00", "2026-11-28T07:00", "2026-11-29T07:00"]),
            ("0 7 * * FRI-MON", vec!["2026-11-22T07:00", "2026-11-23T07:00", "2026-11-27T07:00"]),
            ("*/20 0 * * *", vec!["2026-11-22T00:20", "2026-11-22T00:40", "2026-11-23T00:00"]),
            ("5/25 3 * * *", vec!["2026-11-22T03:05", "2026-11-22T03:30", "2026-11-22T03:55"]),
            // Both days restricted: either fits.
            ("0 0 24 * MON", vec!["2026-11-23T00:00", "2026-11-24T00:00", "2026-11-30T00:00"]),
            // One of them `*`: both must.
            ("0 0 */2 * MON", vec!["2026-11-23T00:00", "2026-12-07T00:00"]),
            ("0 0 29 2 *", vec!["2028-02-29T00:00", "2032-02-29T00:00"]),
            ("@weekly", vec!["2026-11-29T00:00", "2026-12-06T00:00"]),
            ("@hourly", vec!["2026-11-22T01:00", "2026-11-22T02:00"]),
            ("0 0 1 jan,JUL *", vec!["2027-01-01T00:00", "2027-07-01T00:00"]),
        ] {
            assert_eq!(keys(line, Tz::UTC, "2026-11-22T00:00:00Z", expected.len()), expected, "{line}");
        }
    }

    #[test]
    fn a_readers_hour_comes_at_or_behind_the_nominal_time() {
        let slot =
            Schedule::parse("30 7 * * *", Tz::Asia__Seoul).unwrap().next_after(at("2026-03-07T00:00:00Z")).unwrap();
        assert_eq!(slot.key(), "2026-03-08T07:30");
        for (zone, hour, due) in [
            (Tz::Asia__Seoul, 7, "2026-03-07T22:30:00Z"),
            (Tz::Asia__Seoul, 8, "2026-03-07T23:00:00Z"),
            (Tz::Asia__Seoul, 23, "2026-03-08T14:00:00Z"),
            (Tz::Asia__Seoul, 6, "2026-03-08T21:00:00Z"),
            (Tz::Asia__Seoul, 0, "2026-03-08T15:00:00Z"),
            // New York jumps over 02:00 on that day, and then has another distance to UTC.
            (Tz::America__New_York, 20, "2026-03-09T00:00:00Z"),
            (Tz::America__New_York, 2, "2026-03-09T06:00:00Z"),
        ] {
            assert_eq!(slot.due_at(zone, hour), at(due), "{zone} {hour}");
        }
        let gap = Schedule::parse("0 1 8 3 *", Tz::America__New_York)
            .unwrap()
            .next_after(at("2026-03-07T00:00:00Z"))
            .unwrap();
        assert_eq!(gap.due_at(Tz::America__New_York, 2), at("2026-03-08T07:00:00Z"), "the end of the gap");
    }

    #[test]
    fn a_broken_line_says_which_field_and_what_may_stand_there() {
        for (line, part) in [
            ("", "0 fields"),
            ("* * * *", "4 fields"),
            ("0 0 7 * * MON", "6 fields"),
            ("60 * * * *", "not a minute"),
            ("* 24 * * *", "not a hour"),
            ("* * 0 * *", "day of month"),
            ("* * * 13 *", "or JAN–DEC"),
            ("* * * * 8", "or SUN–SAT"),
            ("* * * * MOO", "day of week"),
            ("*/0 * * * *", "not a minute"),
            ("9-5 * * * *", "not a minute"),
            ("1,,2 * * * *", "not a minute"),
            ("+1 * * * *", "not a minute"),
            ("0 0 30 2 *", "never comes"),
        ] {
            let message = Schedule::parse(line, Tz::UTC).unwrap_err().to_string();
            assert!(message.contains(part), "{line}: {message}");
        }
    }

    #[test]
    fn a_gap_moves_a_slot_to_its_end_and_a_fold_takes_the_first() {
        // New York, 2026-03-08: 02:00–03:00 is missing.
        let slots: Vec<_> = Schedule::parse("30 2 * * *", Tz::America__New_York)
            .unwrap()
            .slots_after(at("2026-03-07T12:00:00Z"))
            .take(2)
            .collect();
        assert_eq!(slots[0].key(), "2026-03-08T02:30");
        assert_eq!(slots[0].due, at("2026-03-08T07:00:00Z"));
        assert_eq!(slots[1].due, at("2026-03-09T06:30:00Z"));
        // New York, 2026-11-01: 01:00–02:00 comes twice.
        let slots: Vec<_> = Schedule::parse("30 1 * * *", Tz::America__New_York)
            .unwrap()
            .slots_after(at("2026-10-31T12:00:00Z"))
            .take(2)
            .collect();
        assert_eq!(slots[0].due, at("2026-11-01T05:30:00Z"));
        assert_eq!(slots[1].key(), "2026-11-02T01:30");
        // Cairo skips midnight itself; Samoa once skipped a day.
        let slot =
            Schedule::parse("0 0 * * *", Tz::Africa__Cairo).unwrap().next_after(at("2026-04-23T12:00:00Z")).unwrap();
        assert_eq!((slot.key().as_str(), slot.due), ("2026-04-24T00:00", at("2026-04-23T22:00:00Z")));
        let slot =
            Schedule::parse("0 9 30 12 *", Tz::Pacific__Apia).unwrap().next_after(at("2011-12-29T12:00:00Z")).unwrap();
        assert_eq!(slot.due, at("2011-12-30T10:00:00Z"));
    }
}
