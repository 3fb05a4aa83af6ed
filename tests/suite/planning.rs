//! What is to come, over three years in seven zones: against a clock on the wall
//! that is walked minute by minute, by offsets that another program knows.

use crate::engines;
use crate::stage::{self, Stage, at};
use chrono::{Datelike as _, NaiveDateTime, TimeDelta, Timelike as _, Weekday};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::time::Duration;
use syndicated::config::Config;
use syndicated::domain::digest::DigestState;
use syndicated::domain::newsletter::Rhythm;
use syndicated::domain::schedule::{Schedule, Shown, Slot};
use syndicated::domain::time::Timestamp;
use syndicated::flow::plan::{Coming, Mornings, plan};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Zone, then from which instant which offset holds.
fn offsets() -> BTreeMap<&'static str, Vec<(Timestamp, i64)>> {
    let mut zones: BTreeMap<&str, Vec<(Timestamp, i64)>> = BTreeMap::new();
    for line in include_str!("offsets.txt").lines().filter(|line| !line.starts_with('#')) {
        let [zone, from, ahead] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        zones.entry(zone).or_default().push((at(from), ahead.parse().unwrap()));
    }
    zones
}

type Rule = fn(&NaiveDateTime) -> bool;

/// Crontab lines, and what they mean in plain words.
fn lines() -> [(&'static str, Rule); 7] {
    [
        ("30 2 * * *", |time| (time.hour(), time.minute()) == (2, 30)),
        ("0,30 1 * * *", |time| time.hour() == 1 && time.minute() % 30 == 0),
        ("0 7 * * MON", |time| (time.hour(), time.minute()) == (7, 0) && time.weekday() == Weekday::Mon),
        ("45 2 * * SUN", |time| (time.hour(), time.minute()) == (2, 45) && time.weekday() == Weekday::Sun),
        ("15 0 1 * *", |time| (time.hour(), time.minute(), time.day()) == (0, 15, 1)),
        ("*/20 * * * *", |time| time.minute() % 20 == 0),
        ("0 3 31 10 *", |time| (time.hour(), time.minute(), time.day(), time.month()) == (3, 0, 31, 10)),
    ]
}

/// Walks a clock on the wall from `start` to `end`: a time has come at the first
/// minute at which the clock shows it or a later one. The times of each rule.
fn walk<const N: usize>(
    offsets: &[(Timestamp, i64)],
    start: Timestamp,
    end: Timestamp,
    rules: [Rule; N],
) -> [Vec<(String, Timestamp)>; N] {
    let mut slots = [const { Vec::new() }; N];
    let mut coming = offsets.iter().peekable();
    let mut ahead = 0;
    let mut wall = |at: Timestamp| {
        while let Some((_, minutes)) = coming.next_if(|(from, _)| *from <= at) {
            ahead = *minutes;
        }
        at.to_datetime().naive_utc() + TimeDelta::minutes(ahead)
    };
    let (mut now, mut latest) = (start, wall(start));
    while now < end {
        now = now.plus(MINUTE);
        let shown = wall(now);
        while latest < shown {
            latest += TimeDelta::minutes(1);
            // No rule names another minute.
            if latest.minute() % 5 == 0 {
                for (rule, slots) in rules.iter().zip(&mut slots) {
                    if rule(&latest) {
                        slots.push((latest.format("%Y-%m-%dT%H:%M").to_string(), now));
                    }
                }
            }
        }
    }
    slots
}

#[test]
fn every_slot_of_three_years_in_seven_zones_falls_where_a_clock_on_the_wall_has_it() {
    let (start, end) = (at("2026-01-01T00:00:00Z"), at("2029-01-01T00:00:00Z"));
    let mut compared = 0;
    let mut all = Vec::new();
    for (zone, offsets) in offsets() {
        let zone: Tz = zone.parse().unwrap();
        let expected = walk(&offsets, start, end, lines().map(|(_, rule)| rule));
        for ((line, _), expected) in lines().into_iter().zip(&expected) {
            let schedule = Schedule::parse(line, zone).unwrap();
            let slots: Vec<_> = schedule
                .slots_after(start)
                .take_while(|slot| slot.due <= end)
                .map(|slot| (slot.key(), slot.due))
                .collect();
            assert_eq!(slots.len(), expected.len(), "{line} {zone}");
            for (slot, expected) in slots.iter().zip(expected) {
                assert_eq!(slot, expected, "{line} {zone}");
            }
            compared += slots.len();
        }
        all.push((zone, expected));
    }
    // A digest that is mailed by each reader's own clock falls due in each zone
    // when the clock there first shows the time, or has jumped over it.
    let mut elsewhere = 0;
    for (home, slots) in &all {
        for (zone, expected) in &all {
            for ((line, _), (slots, expected)) in lines().iter().zip(slots.iter().zip(expected)) {
                let expected: BTreeMap<&str, Timestamp> =
                    expected.iter().map(|(key, due)| (key.as_str(), *due)).collect();
                for (key, due) in slots {
                    let nominal = NaiveDateTime::parse_from_str(key, "%Y-%m-%dT%H:%M").unwrap();
                    let slot = Slot { due: *due, nominal };
                    // At the ends of the three years one clock is ahead of the other.
                    let Some(expected) = expected.get(key.as_str()) else { continue };
                    assert_eq!(slot.due_in(*zone), *expected, "{line} {key} of {home} in {zone}");
                    elsewhere += 1;
                }
            }
        }
    }
    println!("{compared} slots, {elsewhere} times by other clocks");
    assert!(compared > 560_000 && elsewhere > 7 * 560_000 - 10_000, "{compared} {elsewhere}");
}

/// The table is what zoneinfo says, where there is a Python to ask.
#[test]
fn the_offsets_are_those_of_another_program() {
    let Ok(python) = std::env::var("SYNDICATED_TEST_PYTHON") else {
        println!("skipped: SYNDICATED_TEST_PYTHON is not set");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/offsets.py");
    let told = std::process::Command::new(python).arg(script).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let ours: Vec<_> = include_str!("offsets.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(String::from_utf8(told.stdout).unwrap().lines().collect::<Vec<_>>(), ours);
}

/// A newsletter for each zone, with a slot in its clocks' changing hour.
fn world(bench: &engines::Bench) -> Config {
    let mut config = stage::config(bench, "maildir:unused", "{ night = \"30 2 * * SUN\", month = \"0 7 1 * *\" }", "");
    // The simulated clock is looked at more rarely than a real one.
    config.mail.late = 24 * HOUR;
    let pattern = config.newsletters.remove(0);
    for zone in offsets().keys() {
        let zone: Tz = zone.parse().unwrap();
        let mut newsletter = pattern.clone();
        newsletter.name = zone.name().to_lowercase().replace('/', "-").parse().unwrap();
        newsletter.timezone = zone;
        for cadence in &mut newsletter.cadences {
            let Rhythm::Slots(schedule) = &cadence.rhythm else { panic!() };
            cadence.rhythm = Rhythm::Slots(Schedule::parse(schedule.line(), zone).unwrap());
        }
        config.newsletters.push(newsletter);
    }
    config
}

/// R18: the digester itself over three years, in the zones that it names and two more; its clock moves in uneven steps, as
/// after sleep (every hour in the full size).
#[tokio::test]
async fn the_digester_decides_on_each_slot_of_three_years_in_seven_zones_exactly_once() {
    let full = std::env::var_os("SYNDICATED_TEST_FULL").is_some();
    let (start, end) = (at("2026-01-01T00:00:00Z"), at("2029-01-01T00:00:00Z"));
    for bench in engines::all().await {
        let stage = Stage::new(&bench, world(&bench), start).await;
        let digester = stage.digester();
        let (mut fired, mut before) = (Vec::new(), start);
        for step in 0_u32.. {
            before = stage.clock.now().min(end).max(before);
            stage.clock.advance(HOUR * if full { 1 } else { 9 + 7 * (step % 3) });
            let now = stage.clock.now();
            for one in digester.fire_due().await.unwrap() {
                fired.push((one.edition, before, now));
            }
            if now >= end {
                break;
            }
        }
        let mut decided = 0;
        for (zone, offsets) in offsets() {
            let name = zone.to_lowercase().replace('/', "-");
            let night: Rule = |time| (time.hour(), time.minute()) == (2, 30) && time.weekday() == Weekday::Sun;
            let month: Rule = |time| (time.hour(), time.minute(), time.day()) == (7, 0, 1);
            let expected = walk(&offsets, start, stage.clock.now(), [night, month]);
            for (cadence, expected) in ["night", "month"].into_iter().zip(&expected) {
                let ours: Vec<_> = fired
                    .iter()
                    .filter(|(edition, ..)| edition.newsletter.as_str() == name && edition.cadence.as_str() == cadence)
                    .collect();
                let keys: Vec<_> = ours.iter().map(|(edition, ..)| edition.slot.clone()).collect();
                assert_eq!(keys, expected.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), "{zone} {cadence}");
                for ((edition, before, now), (_, due)) in ours.iter().zip(expected) {
                    assert!(
                        *before < *due && *due <= *now,
                        "{edition:?} was due at {due}, fired between {before} and {now}"
                    );
                }
                decided += ours.len();
            }
        }
        let stored = stage.store.digests(None, 100_000).await.unwrap();
        assert_eq!((stored.len(), decided), (fired.len(), fired.len()));
        assert!(stored.iter().all(|digest| digest.state == DigestState::Empty));
        assert!(digester.fire_due().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_plan_lists_polls_and_digests_in_order_across_a_change_of_clocks() {
    let bench = engines::all().await.remove(0);
    let text = stage::toml(&bench, "maildir:unused", "{ night = \"30 2 * * *\", instant = \"instant\" }", "")
        .replace("Asia/Seoul", "Europe/Berlin")
        .replace("0 0 1 1 *", "0 */6 * * *");
    let config = stage::load(&bench, &text);
    let planned: Vec<_> = plan(&config, at("2027-03-27T00:00:00Z"), at("2027-03-28T12:00:00Z")).collect();
    let told: Vec<_> = planned
        .iter()
        .map(|it| {
            let what = if matches!(it.what, Coming::Poll { .. }) { "poll" } else { "digest" };
            (it.slot.due.to_string(), it.slot.key(), what, it.shown)
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(due, key, what, shown)| (due.as_str(), key.as_str(), *what, *shown)).collect();
    assert_eq!(
        told,
        [
            ("2027-03-27T01:30:00Z", "2027-03-27T02:30", "digest", Shown::Once),
            ("2027-03-27T05:00:00Z", "2027-03-27T06:00", "poll", Shown::Once),
            ("2027-03-27T11:00:00Z", "2027-03-27T12:00", "poll", Shown::Once),
            ("2027-03-27T17:00:00Z", "2027-03-27T18:00", "poll", Shown::Once),
            ("2027-03-27T23:00:00Z", "2027-03-28T00:00", "poll", Shown::Once),
            ("2027-03-28T01:00:00Z", "2027-03-28T02:30", "digest", Shown::Never),
            ("2027-03-28T04:00:00Z", "2027-03-28T06:00", "poll", Shown::Once),
            ("2027-03-28T10:00:00Z", "2027-03-28T12:00", "poll", Shown::Once),
        ]
    );
    // By other clocks it begins and ends at other times, and where there are no readers it does neither.
    let night = planned[0].slot;
    let zones: Vec<Tz> =
        ["America/New_York", "Pacific/Auckland", "Asia/Seoul"].map(|zone| zone.parse().unwrap()).into();
    let mut clocks: Vec<(Tz, Option<u8>)> = zones.iter().map(|zone| (*zone, None)).collect();
    let Mornings { first, last } = Mornings::of(&night, &clocks).unwrap();
    assert_eq!(first, (at("2027-03-26T13:30:00Z"), zones[1]));
    assert_eq!(last, (at("2027-03-27T06:30:00Z"), zones[0]));
    // Who chose an hour is later, never earlier.
    clocks.extend([(zones[1], Some(1)), (zones[0], Some(23))]);
    let Mornings { first: same, last: later } = Mornings::of(&night, &clocks).unwrap();
    assert!(same == first && later.0 > last.0 && later.1 == zones[0], "{later:?}");
    assert_eq!(Mornings::of(&night, &[]), None);
    // In October the hour comes twice, and the first of them counts.
    let autumn: Vec<_> = plan(&config, at("2027-10-30T12:00:00Z"), at("2027-10-31T12:00:00Z")).collect();
    let night = autumn.iter().find(|it| matches!(it.what, Coming::Digest { .. })).unwrap();
    assert_eq!((night.slot.due, night.shown), (at("2027-10-31T00:30:00Z"), Shown::Twice));
}
