//! How often a network may send the form (S5). Counted in memory: a restart
//! forgives, and the letters an address may get are counted in the database.

use crate::clock::Clock;
use crate::domain::time::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
/// Requests an hour from one address (IPv4) or one /64 (IPv6).
const BY_ADDRESS: usize = 5;
/// Requests an hour from one /24 or one /48.
const BY_NETWORK: usize = 30;
/// Requests a minute from everywhere.
const IN_ALL: usize = 60;
/// Networks remembered at most; when there are more, those whose hour is over go.
const REMEMBERED: usize = 20_000;

/// Counts requests of the form.
#[derive(Debug)]
pub(super) struct FormLimits {
    clock: Clock,
    seen: Mutex<HashMap<Key, VecDeque<Timestamp>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    Network(IpAddr),
    All,
}

impl FormLimits {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, seen: Mutex::default() }
    }

    /// Counts a request; `false` when there were too many, and then it does not count.
    pub(super) fn admit(&self, peer: IpAddr) -> bool {
        let now = self.clock.now();
        let (address, network) = networks(peer);
        let rules = [
            (Key::Address(address), BY_ADDRESS, HOUR),
            (Key::Network(network), BY_NETWORK, HOUR),
            (Key::All, IN_ALL, MINUTE),
        ];
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() > REMEMBERED {
            seen.retain(|_, times| times.back().is_some_and(|last| now.since(*last) < HOUR));
        }
        for (key, _, window) in rules {
            let times = seen.entry(key).or_default();
            while times.front().is_some_and(|first| now.since(*first) >= window) {
                times.pop_front();
            }
        }
        let full = rules.iter().any(|(key, most, _)| seen.get(key).is_some_and(|times| times.len() >= *most));
        if !full {
            for (key, ..) in rules {
                seen.entry(key).or_default().push_back(now);
            }
        }
        !full
    }
}

/// What counts as one address and as one network.
fn networks(peer: IpAddr) -> (IpAddr, IpAddr) {
    match peer.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            (v4.into(), IpAddr::from([a, b, c, 0]))
        }
        IpAddr::V6(v6) => {
            let mask = |bits: u32| IpAddr::from(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - bits))));
            (mask(64), mask(48))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn five_an_hour_from_an_address_and_thirty_from_its_network() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let limits = FormLimits::new(clock.clone());
        assert!((0..5).all(|_| limits.admit(peer("203.0.113.1"))));
        assert!(!limits.admit(peer("203.0.113.1")));
        assert!(!limits.admit(peer("::ffff:203.0.113.1")));
        for host in 2..=6 {
            clock.advance(MINUTE);
            assert!((0..5).all(|_| limits.admit(peer(&format!("203.0.113.{host}")))));
        }
        assert!(!limits.admit(peer("203.0.113.7")));
        assert!(limits.admit(peer("203.0.114.7")));
        clock.advance(HOUR);
        assert!(limits.admit(peer("203.0.113.1")));
    }

    #[test]
    fn an_ipv6_reader_is_a_64_and_all_are_sixty_a_minute() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let limits = FormLimits::new(clock.clone());
        assert!((1..=5).all(|n| limits.admit(peer(&format!("2001:db8:1:1::{n}")))));
        assert!(!limits.admit(peer("2001:db8:1:1::6")));
        assert!((0..55).all(|n| limits.admit(peer(&format!("198.51.{n}.1")))));
        assert!(!limits.admit(peer("198.51.100.1")));
        clock.advance(MINUTE);
        assert!(limits.admit(peer("198.51.100.1")));
    }
}
