//! The ways to the relays: who may take a mail now, and whose turn it is.

use super::breaker::Breaker;
use super::meter::Meter;
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

/// All ways that the configuration names.
#[derive(Debug, Default)]
pub(super) struct Lanes(Vec<Way>);

#[derive(Debug)]
struct Way {
    lane: Lane,
    transport: Arc<dyn Transport>,
    breaker: Breaker,
    meter: Meter,
    idle: Vec<Idle>,
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
    /// How many mails a connection carries.
    pub(super) most: u32,
}

impl Lanes {
    /// Follows the configuration. What is known of a lane stays while it leads to
    /// the same place; the connections of the others are returned.
    pub(super) fn adopt(&mut self, lanes: &[Lane], deadlines: Deadlines) -> Vec<Idle> {
        let mut known: HashMap<String, Way> = self.0.drain(..).map(|way| (way.lane.name.clone(), way)).collect();
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
                        lost_in_a_row: 0,
                        claim: 0,
                        heard_of: Timestamp::default(),
                    }
                }
            };
            self.0.push(way);
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
        self.0.iter_mut().filter_map(|way| way.free_at(now)).min()
    }

    /// Takes a place for one mail, as often as [`Lanes::room`] says: of the lanes
    /// that can, each has its turn as often as its weight says, and the others
    /// wait while it is busy.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Place> {
        let mut bids = self.bids(now);
        let chosen = choose(&mut bids)?;
        for (way, bid) in self.0.iter_mut().zip(&bids) {
            way.claim = bid.claim;
        }
        let way = self.0.get_mut(chosen)?;
        if way.meter.under_way() == 0 {
            way.heard_of = now;
        }
        way.meter.begin(now);
        Some(Place {
            lane: way.lane.name.clone(),
            transport: way.transport.clone(),
            idle: way.idle.pop(),
            most: way.lane.mails_per_connection,
        })
    }

    fn bids(&mut self, now: Timestamp) -> Vec<Bid> {
        self.0.iter_mut().map(|way| way.bid(now)).collect()
    }

    /// Learns what became of a mail, and keeps the connection if it is still of use.
    pub(super) fn give_back(
        &mut self,
        lane: &str,
        verdict: &Verdict,
        lost: bool,
        idle: Option<Idle>,
        (now, chance): (Timestamp, &Chance),
    ) -> Option<Idle> {
        let Some(way) = self.0.iter_mut().find(|way| way.lane.name == lane) else { return idle };
        way.heard_of = now;
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
        self.0.iter_mut().flat_map(|way| way.idle.drain(..)).collect()
    }

    /// Takes up what the database has counted of a day.
    pub(super) fn count(&mut self, day: i64, counts: &HashMap<String, u64>) {
        for way in &mut self.0 {
            way.meter.count(day, counts.get(&count_name(&way.lane.name)).copied().unwrap_or(0));
        }
    }

    /// What is to be added to the counts in the database.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = Count> {
        self.0.iter().filter_map(|way| {
            let (day, mails) = way.meter.unwritten()?;
            Some(Count { name: count_name(&way.lane.name), day, mails })
        })
    }

    /// A count was written, and came to so many.
    pub(super) fn written(&mut self, count: &Count, total: u64) {
        if let Some(way) = self.0.iter_mut().find(|way| count_name(&way.lane.name) == count.name) {
            way.meter.written(count.day, count.mails, total);
        }
    }
}

impl Way {
    fn bid(&mut self, now: Timestamp) -> Bid {
        let under_way = self.meter.under_way();
        let free = self.lane.connections.saturating_sub(under_way);
        let may = match self.breaker.allows(now) {
            usize::MAX => self.meter.room(now),
            probes => probes.saturating_sub(under_way).min(self.meter.room(now)),
        };
        // The others do not wait for one that hangs.
        let hangs = free == 0 && now.since(self.heard_of) > PATIENCE;
        Bid { weight: self.lane.weight.into(), claim: self.claim, may: if hangs { 0 } else { may }, free }
    }

    fn free_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let most = if self.breaker.allows(now) == usize::MAX { self.lane.connections } else { 1 };
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
            (0..count).map(|_| lanes.take(now).map_or("-".to_owned(), |place| place.lane)).collect()
        };
        assert_eq!(take(&mut lanes, 8), "aabaaaba");
        let trouble = Verdict::RelayTrouble { reason: "x".to_owned() };
        lanes.give_back("a", &trouble, true, None, (now, &chance));
        assert_eq!(take(&mut lanes, 4), "bbbb");
    }
}
