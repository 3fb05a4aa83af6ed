//! The ways to the relays: who may take a mail now, and whose turn it is.

use super::breaker::Breaker;
use super::meter::Meter;
use super::ready::{Marked, Ready};
use super::session::Idle;
use crate::clock::Chance;
use crate::config::Lane;
use crate::domain::delivery::Verdict;
use crate::domain::time::Timestamp;
use crate::mail::{Deadlines, Transport, transport};
use crate::store::Count;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// So many connections lost in a row are the relay's trouble, whatever each of
/// them did to its mail.
const LOST_IN_A_ROW: u32 = 5;

/// A lane that is busy is waited for so long after it was last heard of.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mail that takes no longer is quick: marking it takes as long.
const QUICK: Duration = Duration::from_millis(50);

/// After so many quick mails in a row others are marked ahead of their connection.
const QUICK_IN_A_ROW: u32 = 20;

/// All ways that the configuration names.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    ways: Vec<Way>,
    /// Whether mails may be marked ahead. After a crash they are in doubt too,
    /// which costs nothing where doubt is settled by another try.
    ahead: bool,
}

#[derive(Debug)]
struct Way {
    lane: Lane,
    transport: Arc<dyn Transport>,
    breaker: Breaker,
    meter: Meter,
    idle: Vec<Idle>,
    /// How many connections have mails under way.
    busy: usize,
    /// Mails that are marked and wait for one of them.
    ready: Ready,
    quick_in_a_row: u32,
    lost_in_a_row: u32,
    /// Grows while others have their turn.
    claim: i64,
    /// When a mail last came back from it, or went when none was under way.
    heard_of: Timestamp,
}

/// What a lane can do for the next mail.
struct Bid {
    weight: i64,
    claim: i64,
    /// How many mails it may still take, were it not busy.
    may: usize,
    /// How many of its connections are free.
    free: usize,
}

/// A place on a lane, taken for one mail.
#[derive(Debug)]
pub(super) struct Place {
    /// Whose.
    pub(super) lane: String,
    /// Where it leads.
    pub(super) transport: Arc<dyn Transport>,
    /// A connection that is open.
    pub(super) idle: Option<Idle>,
    /// What waits for it.
    pub(super) ready: Ready,
    /// How many mails a connection carries.
    pub(super) most: u32,
}

/// What a lane has for a mail.
#[derive(Debug)]
pub(super) enum Turn {
    /// A connection.
    Now(Place),
    /// The next connection that is done.
    Soon(Ready),
}

/// What became of a mail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub(super) lane: &'a str,
    pub(super) verdict: &'a Verdict,
    /// Whether its connection was lost over it.
    pub(super) lost: bool,
    /// How long it was under way.
    pub(super) took: Duration,
    /// Whether its connection went on with another.
    pub(super) goes_on: bool,
}

impl Lanes {
    /// Whether mails may be marked ahead.
    pub(super) fn look_ahead(&mut self, ahead: bool) {
        self.ahead = ahead;
    }

    /// Follows the configuration. What is known of a lane stays while it leads to
    /// the same place; the connections of the others are returned.
    pub(super) fn adopt(&mut self, lanes: &[Lane], deadlines: Deadlines) -> Vec<Idle> {
        let mut known: HashMap<String, Way> = self.ways.drain(..).map(|way| (way.lane.name.clone(), way)).collect();
        for lane in lanes {
            let way = match known.remove(&lane.name) {
                Some(mut way) if way.lane.relay == lane.relay => {
                    way.meter.limit(lane.pace, lane.warm_up);
                    way.lane = lane.clone();
                    way
                }
                other => {
                    known.extend(other.map(|way| (way.lane.name.clone(), way)));
                    Way {
                        lane: lane.clone(),
                        transport: transport(&lane.relay, deadlines),
                        breaker: Breaker::default(),
                        meter: Meter::new(lane.pace, lane.warm_up),
                        idle: Vec::new(),
                        busy: 0,
                        ready: Ready::default(),
                        quick_in_a_row: 0,
                        lost_in_a_row: 0,
                        claim: 0,
                        heard_of: Timestamp::default(),
                    }
                }
            };
            self.ways.push(way);
        }
        known.into_values().flat_map(|way| way.idle).collect()
    }

    /// How many mails may begin now, on all of them.
    pub(super) fn room(&mut self, now: Timestamp) -> usize {
        let mut bids = self.bids(now);
        std::iter::from_fn(|| choose(&mut bids)).count()
    }

    /// When there is room again; `None` when a mail must come back first.
    pub(super) fn free_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let ahead = self.ahead;
        self.ways.iter_mut().filter_map(|way| way.free_at(now, ahead)).min()
    }

    /// Takes a place for one mail, as often as [`Lanes::room`] says: of the lanes
    /// that can, each has its turn as often as its weight says, and the others
    /// wait while it is busy.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Turn> {
        let mut bids = self.bids(now);
        let chosen = choose(&mut bids)?;
        for (way, bid) in self.ways.iter_mut().zip(&bids) {
            way.claim = bid.claim;
        }
        let way = self.ways.get_mut(chosen)?;
        if way.meter.under_way() == 0 {
            way.heard_of = now;
        }
        way.meter.begin(now);
        Some(if way.busy < way.lane.connections { Turn::Now(way.place()) } else { Turn::Soon(way.ready.clone()) })
    }

    /// A mail that waits for a connection, with one that is free.
    pub(super) fn next_ready(&mut self, now: Timestamp) -> Option<(Marked, Place)> {
        self.ways.iter_mut().find_map(|way| {
            let free = way.busy < way.lane.connections && way.breaker.allows(now) == usize::MAX;
            let marked = if free { way.ready.next(now) } else { None }?;
            Some((marked, way.place()))
        })
    }

    /// The mails that waited too long for a connection, or wait for a relay that
    /// rests; all of them when there is to be none any more.
    pub(super) fn take_unfit(&mut self, now: Timestamp, all: bool) -> Vec<Marked> {
        let mut unfit = Vec::new();
        for way in &mut self.ways {
            let rests = way.breaker.allows(now) != usize::MAX;
            let marked = if all || rests { way.ready.take() } else { way.ready.stale(now) };
            if !marked.is_empty() {
                way.quick_in_a_row = 0;
            }
            for marked in marked {
                way.meter.end(false);
                unfit.push(marked);
            }
        }
        unfit
    }

    fn bids(&mut self, now: Timestamp) -> Vec<Bid> {
        let ahead = self.ahead;
        self.ways.iter_mut().map(|way| way.bid(now, ahead)).collect()
    }

    /// Learns what became of a mail, and keeps the connection if it is still of use.
    pub(super) fn give_back(
        &mut self,
        outcome: Outcome<'_>,
        idle: Option<Idle>,
        (now, chance): (Timestamp, &Chance),
    ) -> Option<Idle> {
        let Outcome { lane, verdict, lost, took, goes_on } = outcome;
        let Some(way) = self.ways.iter_mut().find(|way| way.lane.name == lane) else { return idle };
        way.heard_of = now;
        way.busy = way.busy.saturating_sub(usize::from(!goes_on));
        let quick = matches!(verdict, Verdict::Sent { .. }) && took <= QUICK;
        way.quick_in_a_row = if quick { way.quick_in_a_row.saturating_add(1) } else { 0 };
        way.meter.end(!matches!(verdict, Verdict::RelayTrouble { .. }));
        way.lost_in_a_row = if lost { way.lost_in_a_row + 1 } else { 0 };
        match verdict {
            Verdict::RelayTrouble { reason } => way.breaker.trip(now, chance, lane, reason),
            Verdict::Deferred { reason } | Verdict::Unknown { reason } if way.lost_in_a_row >= LOST_IN_A_ROW => {
                way.breaker.trip(now, chance, lane, reason);
            }
            _ if !lost => way.breaker.close(lane),
            _ => {}
        }
        way.idle.extend(idle);
        None
    }

    /// Every connection that is open and idle.
    pub(super) fn take_idle(&mut self) -> Vec<Idle> {
        self.ways.iter_mut().flat_map(|way| way.idle.drain(..)).collect()
    }

    /// Takes up what the database has counted of a day.
    pub(super) fn count(&mut self, day: i64, counts: &HashMap<String, u64>) {
        for way in &mut self.ways {
            way.meter.count(day, counts.get(&count_name(&way.lane.name)).copied().unwrap_or(0));
        }
    }

    /// What is to be added to the counts in the database.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = Count> {
        self.ways.iter().filter_map(|way| {
            let (day, mails) = way.meter.unwritten()?;
            Some(Count { name: count_name(&way.lane.name), day, mails })
        })
    }

    /// A count was written, and came to so many.
    pub(super) fn written(&mut self, count: &Count, total: u64) {
        if let Some(way) = self.ways.iter_mut().find(|way| count_name(&way.lane.name) == count.name) {
            way.meter.written(count.day, count.mails, total);
        }
    }
}

impl Way {
    fn place(&mut self) -> Place {
        self.busy += 1;
        Place {
            lane: self.lane.name.clone(),
            transport: self.transport.clone(),
            idle: self.idle.pop(),
            most: self.lane.mails_per_connection,
            ready: self.ready.clone(),
        }
    }

    /// How many mails may be under way: one for each connection, and to a relay
    /// that is quick and has no pace to keep one more.
    fn most(&self, ahead: bool) -> usize {
        let ahead = ahead && self.quick_in_a_row >= QUICK_IN_A_ROW && self.lane.pace.per_minute.is_none();
        if ahead { self.lane.connections.saturating_mul(2) } else { self.lane.connections }
    }

    fn bid(&mut self, now: Timestamp, ahead: bool) -> Bid {
        let under_way = self.meter.under_way();
        let free = self.most(ahead).saturating_sub(under_way);
        let may = match self.breaker.allows(now) {
            usize::MAX => self.meter.room(now),
            probes => probes.saturating_sub(under_way).min(self.meter.room(now)),
        };
        // The others do not wait for one that hangs.
        let hangs = free == 0 && now.since(self.heard_of) > PATIENCE;
        Bid { weight: self.lane.weight.into(), claim: self.claim, may: if hangs { 0 } else { may }, free }
    }

    fn free_at(&mut self, now: Timestamp, ahead: bool) -> Option<Timestamp> {
        let most = if self.breaker.allows(now) == usize::MAX { self.most(ahead) } else { 1 };
        (self.meter.under_way() < most).then(|| self.meter.free_at(now).max(now.plus(self.breaker.rests(now))))
    }
}

/// Whose turn it is; nobody's while that one is busy.
fn choose(bids: &mut [Bid]) -> Option<usize> {
    let total: i64 = bids.iter().filter(|bid| bid.may > 0).map(|bid| bid.weight).sum();
    let turn = bids.iter().enumerate().filter(|(_, bid)| bid.may > 0);
    let (chosen, best) = turn.rev().max_by_key(|(_, bid)| bid.claim + bid.weight)?;
    if best.free == 0 {
        return None;
    }
    for (at, bid) in bids.iter_mut().enumerate().filter(|(_, bid)| bid.may > 0) {
        bid.claim += bid.weight;
        if at == chosen {
            bid.claim -= total;
            bid.may -= 1;
            bid.free -= 1;
        }
    }
    Some(chosen)
}

fn count_name(lane: &str) -> String {
    format!("relay {lane}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Relay;

    fn lanes(weights: &[(&str, u32)]) -> Lanes {
        let mut lanes = Lanes::default();
        let weighted = |(name, weight): &(&str, u32)| Lane {
            name: (*name).to_owned(),
            weight: *weight,
            connections: 100,
            ..Lane::new(Relay::Maildir("unused".into()))
        };
        lanes.adopt(&weights.iter().map(weighted).collect::<Vec<_>>(), Deadlines::default());
        lanes
    }

    #[test]
    fn each_lane_has_its_share_and_one_that_rests_leaves_it_to_the_others() {
        let (mut lanes, now, chance) = (lanes(&[("a", 3), ("b", 1)]), Timestamp::from_millis(0), Chance::seeded(1));
        let take = |lanes: &mut Lanes, count: usize| -> String {
            let take = |_| match lanes.take(now) {
                Some(Turn::Now(place)) => place.lane,
                _ => "-".to_owned(),
            };
            (0..count).map(take).collect()
        };
        assert_eq!(take(&mut lanes, 8), "aabaaaba");
        let trouble = Verdict::RelayTrouble { reason: "x".to_owned() };
        let outcome = Outcome { lane: "a", verdict: &trouble, lost: true, took: Duration::ZERO, goes_on: false };
        lanes.give_back(outcome, None, (now, &chance));
        assert_eq!(take(&mut lanes, 4), "bbbb");
    }
}
