//! How mails leave: the courier.
//!
//! One loop keeps the ledger (`round`). Each turn it writes the verdicts that
//! have come back and takes as many new attempts as there is room for on the ways
//! to the relays (`lanes`) and as the recipients' domains let in (`domains`), in
//! one transaction (see `store::turns`); each attempt then runs in a task of
//! its own over a session of its own. At most one mail per connection is in
//! flight (P4); a relay in trouble rests and costs no recipient anything (P10);
//! a lost answer is kept as `unknown` (P6).

mod breaker;
mod copy;
mod domains;
mod drafts;
mod lanes;
mod meter;
mod refusals;
mod round;
mod session;
mod verdict;

pub use copy::sample;

use crate::clock::{Chance, Clock};
use crate::config::{Live, OnAmbiguous};
use crate::domain::delivery::Verdict;
use crate::lifecycle::Stop;
use crate::mail::Deadlines;
use crate::render::Renderer;
use crate::store::{Store, StoreError};
use round::{Next, Round};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How soon a database in trouble is asked again: mails go on within 10 s of its
/// return (R10).
const TROUBLE: Duration = Duration::from_secs(2);

/// How soon rows that another process wrote are noticed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Sends what is due.
#[derive(Debug, Clone)]
pub struct Deliverer {
    store: Store,
    config: Live,
    renderer: Arc<Renderer>,
    clock: Clock,
    chance: Chance,
    node: String,
    deadlines: Deadlines,
    wake: Arc<Notify>,
}

/// What one run of the courier did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Mails that the relay took.
    pub sent: u64,
    /// Mails refused for good.
    pub bounced: u64,
    /// Mails to be tried again.
    pub deferred: u64,
    /// Mails whose fate is not known.
    pub unknown: u64,
}

impl Deliverer {
    /// Sends from `store`, as `node`, what the configuration says at each moment.
    #[must_use]
    pub fn new(
        store: Store,
        config: Live,
        renderer: Arc<Renderer>,
        clock: Clock,
        chance: Chance,
        node: String,
    ) -> Self {
        let deadlines = Deadlines::default();
        Self { store, config, renderer, clock, chance, node, deadlines, wake: Arc::new(Notify::new()) }
    }

    /// The same with other deadlines towards the relay.
    #[must_use]
    pub fn with_deadlines(self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self }
    }

    /// What to notify when a delivery was written.
    #[must_use]
    pub fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// Sends until the stop; then finishes the mails in hand and settles them.
    pub async fn run(&self, stop: &Stop) {
        let mut round = Round::new(self);
        while !stop.is_soft() {
            let pause = match round.turn(false).await {
                Ok(Next::Again) => continue,
                Ok(Next::Idle(pause)) => pause.min(LOOK_AGAIN),
                Err(error) => {
                    tracing::error!(%error, "deliveries stand still");
                    TROUBLE
                }
            };
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = self.wake.notified() => {}
                () = stop.soft() => {}
            }
        }
        round.finish().await;
    }

    /// Sends until nothing is due now, and says what came of it. A relay in
    /// trouble ends it too: what is left waits.
    pub async fn drain(&self) -> Result<Tally, StoreError> {
        let mut round = Round::new(self);
        let outcome = loop {
            match round.turn(false).await {
                Ok(Next::Again) => {}
                Ok(Next::Idle(_)) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        round.finish().await;
        outcome.map(|()| round.tally)
    }

    /// Puts in doubt what an earlier life of this node left behind.
    pub async fn recover(&self) -> Result<u64, StoreError> {
        let hold = self.config.load().mail.on_ambiguous == OnAmbiguous::Hold;
        let lost = self.store.recover_attempts(&self.node, hold, self.clock.now()).await?;
        if lost > 0 {
            tracing::warn!(mails = lost, "syndicated ended in the middle of these deliveries; their fate is unknown");
        }
        Ok(lost)
    }
}

impl Tally {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Sent { .. } => self.sent += 1,
            Verdict::Bounced { .. } => self.bounced += 1,
            Verdict::Deferred { .. } | Verdict::Refused { .. } => self.deferred += 1,
            Verdict::Unknown { .. } => self.unknown += 1,
            Verdict::RelayTrouble { .. } => {}
        }
    }
}
