//! The relay's circuit breaker: after trouble it rests, longer each time, and
//! then one mail tries whether it is well again.

use crate::clock::Chance;
use crate::domain::time::Timestamp;
use std::time::Duration;

/// The first rest; each further one is twice as long.
const FIRST_REST: Duration = Duration::from_secs(1);
/// No rest is longer.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// Closed (all well), or open until an instant and then half open.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    rests_until: Timestamp,
}

impl Breaker {
    /// How many attempts may be under way: any number, one to probe, or none.
    pub(super) fn allows(&self, now: Timestamp) -> usize {
        match self.failures {
            0 => usize::MAX,
            _ if now >= self.rests_until => 1,
            _ => 0,
        }
    }

    /// How long the relay still rests.
    pub(super) fn rests(&self, now: Timestamp) -> Duration {
        if self.failures == 0 { Duration::ZERO } else { self.rests_until.since(now) }
    }

    /// The relay is in trouble.
    pub(super) fn trip(&mut self, now: Timestamp, chance: &Chance, relay: &str, reason: &str) {
        if self.failures > 0 && now < self.rests_until {
            // Another mail of the same bad moment.
            return;
        }
        let rest = FIRST_REST.saturating_mul(1 << self.failures.min(16)).min(LONGEST_REST);
        self.failures += 1;
        self.rests_until = now.plus(chance.jitter(rest, 0.1));
        tracing::warn!(relay, reason, rest = %crate::domain::span::show(rest), "the relay is in trouble and rests; no mail is lost");
    }

    /// The relay answered as it should.
    pub(super) fn close(&mut self, relay: &str) {
        if self.failures > 0 {
            tracing::info!(relay, "the relay is well again");
        }
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_longer_each_time_probes_with_one_and_recovers() {
        let (mut breaker, chance) = (Breaker::default(), Chance::seeded(1));
        let mut now = Timestamp::from_millis(0);
        assert_eq!(breaker.allows(now), usize::MAX);
        let mut rests = Vec::new();
        for _ in 0..12 {
            breaker.trip(now, &chance, "relay", "x");
            breaker.trip(now, &chance, "relay", "x");
            assert_eq!(breaker.allows(now), 0);
            rests.push(breaker.rests(now));
            now = now.plus(breaker.rests(now));
            assert_eq!(breaker.allows(now), 1);
        }
        assert!(rests[0] < Duration::from_millis(1_101) && rests[3] > Duration::from_secs(7));
        assert!(rests[11] <= Duration::from_secs(330) && rests[11] >= Duration::from_secs(270));
        breaker.close("relay");
        assert_eq!(breaker.allows(now), usize::MAX);
    }
}
