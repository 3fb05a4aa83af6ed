//! What is to come, as the configuration has it: every poll and every digest, in
//! the order in which they fall due. Reads no database and changes nothing; where
//! readers live is for the caller to know ([`Mornings`]).

use crate::config::Config;
use crate::domain::composition::Deliver;
use crate::domain::newsletter::Rhythm;
use crate::domain::schedule::{Schedule, Shown, Slot};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use chrono_tz::Tz;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// When, and what the clock on the wall is meant to show.
    pub slot: Slot,
    /// Whose clock that is.
    pub zone: Tz,
    /// How that clock shows it.
    pub shown: Shown,
    /// What.
    pub what: Coming,
}

/// What falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coming {
    /// A source is asked.
    Poll {
        /// Its name.
        source: Slug,
        /// Whether it may be left out because the source posts rarely.
        adaptive: bool,
    },
    /// A digest is mailed.
    Digest {
        /// The newsletter's name.
        newsletter: Slug,
        /// The cadence's name.
        cadence: Slug,
        /// Whether readers elsewhere get it when their own clocks show the time.
        local: bool,
        /// Whether it waits for its editor first.
        review: bool,
    },
}

/// Everything that falls due after `after`, up to `until`, in order; what shares
/// an instant comes in the order of the configuration. Cadences that mail each
/// post at once have no slots.
pub fn plan(config: &Config, after: Timestamp, until: Timestamp) -> impl Iterator<Item = Planned> + '_ {
    let polls = config.sources.iter().map(|source| {
        let what = Coming::Poll { source: source.name.clone(), adaptive: source.adaptive };
        (what, &source.schedule)
    });
    let digests = config.newsletters.iter().flat_map(|newsletter| {
        newsletter.cadences.iter().filter_map(|cadence| {
            let Rhythm::Slots(schedule) = &cadence.rhythm else { return None };
            let what = Coming::Digest {
                newsletter: newsletter.name.clone(),
                cadence: cadence.name.clone(),
                local: cadence.composition.deliver == Deliver::Local,
                review: cadence.composition.review.is_some(),
            };
            Some((what, schedule))
        })
    });
    let mut lines: Vec<Line<'_>> = polls
        .chain(digests)
        .map(|(what, schedule)| Line { what, schedule, slots: Box::new(schedule.slots_after(after)) })
        .collect();
    let mut next = BinaryHeap::new();
    for (number, line) in lines.iter_mut().enumerate() {
        next.extend(line.slots.next().map(|slot| Reverse((slot.due, number, slot))));
    }
    std::iter::from_fn(move || {
        let Reverse((due, number, slot)) = next.pop()?;
        let line = lines.get_mut(number).filter(|_| due <= until)?;
        next.extend(line.slots.next().map(|slot| Reverse((slot.due, number, slot))));
        let zone = line.schedule.zone();
        Some(Planned { slot, zone, shown: slot.shown(zone), what: line.what.clone() })
    })
}

/// When a digest that is mailed by each reader's own clock begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mornings {
    /// The first of its readers' mornings, and where that is.
    pub first: (Timestamp, Tz),
    /// The last of them.
    pub last: (Timestamp, Tz),
}

impl Mornings {
    /// Those of a slot by the clocks of readers, some of whom chose an hour; `None` when
    /// there are none.
    #[must_use]
    pub fn of(slot: &Slot, clocks: &[(Tz, Option<u8>)]) -> Option<Self> {
        let due = |zone, hour: Option<u8>| hour.map_or_else(|| slot.due_in(zone), |hour| slot.due_at(zone, hour));
        let all = || clocks.iter().map(|(zone, hour)| (due(*zone, *hour), *zone));
        Some(Self { first: all().min_by_key(|(due, _)| *due)?, last: all().max_by_key(|(due, _)| *due)? })
    }
}

/// One schedule with what is left of it.
struct Line<'a> {
    what: Coming,
    schedule: &'a Schedule,
    slots: Box<dyn Iterator<Item = Slot> + 'a>,
}
