//! Time and chance, as arguments. The program gets the real ones; tests turn
//! their own, so that every test is deterministic.

use crate::domain::time::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Where the time comes from. Cheap to clone; clones share a manual clock.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    System,
    Manual(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands at `start` until it is set.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// The present instant.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => chrono::Utc::now().into(),
            Kind::Manual(now) => *now.borrow(),
        }
    }

    /// Sets a manual clock and wakes who sleeps until then. The machine's clock
    /// cannot be set; for it this does nothing.
    pub fn set(&self, now: Timestamp) {
        if let Kind::Manual(clock) = &self.0 {
            clock.send_replace(now);
        }
    }

    /// Sets a manual clock forward by `span`.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().plus(span));
    }

    /// Waits until the clock shows `instant` or later.
    pub async fn sleep_until(&self, instant: Timestamp) {
        match &self.0 {
            Kind::System => loop {
                let left = instant.since(self.now());
                if left.is_zero() {
                    return;
                }
                // In steps, so that a stepped wall clock is noticed within a minute.
                tokio::time::sleep(left.min(Duration::from_mins(1))).await;
            },
            Kind::Manual(clock) => {
                // The sender is held by `self`, so the wait cannot fail.
                let _ = clock.subscribe().wait_for(|now| *now >= instant).await;
            }
        }
    }

    /// Waits for `span` by this clock.
    pub async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now().plus(span)).await;
    }
}

/// Where chance comes from. Cheap to clone; clones share their sequence.
#[derive(Debug, Clone)]
pub struct Chance(Arc<Mutex<StdRng>>);

impl Chance {
    /// Seeded by the machine.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one home of randomness")]
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// The same sequence for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut bytes);
        bytes
    }

    /// `span`, longer or shorter by at most `share` of it (0.1 is ±10 %).
    #[must_use]
    pub fn jitter(&self, span: Duration, share: f64) -> Duration {
        let factor = self.0.lock().unwrap_or_else(PoisonError::into_inner).random_range(-share..=share);
        span.mul_f64(1.0 + factor)
    }
}
