//! One connection's work: a mail, and while all goes well the next that is ready.

use super::copy;
use super::lanes::Place;
use super::ready::Marked;
use super::session::{Handed, Idle, hand_over};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::delivery::Verdict;
use crate::mail::Transport;
use crate::render::Renderer;
use crate::store::Attempt;
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// What a mail brings back.
pub(super) struct Return {
    pub(super) attempt: Attempt,
    pub(super) lane: String,
    pub(super) handed: Handed,
    pub(super) took: Duration,
    /// Whether its connection went on with another.
    pub(super) goes_on: bool,
}

/// What it takes to write and hand over a mail.
#[derive(Clone)]
pub(super) struct Carrier {
    pub(super) config: Arc<Config>,
    pub(super) renderer: Arc<Renderer>,
    pub(super) clock: Clock,
    pub(super) returns: UnboundedSender<Return>,
}

impl Carrier {
    /// Brings a mail away, and after it those that are ready for the same relay,
    /// as long as each was taken and the connection is of use.
    pub(super) async fn carry(self, mut marked: Marked, mut place: Place) {
        loop {
            let begun = self.clock.now();
            let idle = place.idle.take();
            let (attempt, mut handed) = self.hand(marked, &*place.transport, idle, place.most).await;
            let now = self.clock.now();
            let well = matches!(handed.verdict, Verdict::Sent { .. }) && handed.idle.is_some();
            let next = if well { place.ready.next(now) } else { None };
            if next.is_some() {
                place.idle = handed.idle.take();
            }
            let back =
                Return { attempt, lane: place.lane.clone(), handed, took: now.since(begun), goes_on: next.is_some() };
            // Nobody listens any more when the courier was stopped in the middle.
            if self.returns.send(back).is_err() {
                return;
            }
            match next {
                Some(next) => marked = next,
                None => return,
            }
        }
    }

    /// Writes and signs a mail's copy, which is most of its work and goes on all
    /// cores, and hands it over.
    async fn hand(
        &self,
        marked: Marked,
        transport: &dyn Transport,
        idle: Option<Idle>,
        most: u32,
    ) -> (Attempt, Handed) {
        let Marked { attempt, master, .. } = marked;
        let message = master.and_then(|master| copy::write(&self.config, &self.renderer, &attempt, master.as_deref()));
        let message = match message {
            Ok(message) => message,
            Err(reason) => return (attempt, Handed { verdict: Verdict::Refused { reason }, idle, lost: false }),
        };
        let handing = AssertUnwindSafe(hand_over(transport, idle, &message, most)).catch_unwind();
        let handed = handing.await.unwrap_or_else(|_| {
            tracing::error!(to = %attempt.to.domain(), "a delivery's task died");
            let reason = "syndicated failed in the middle of this delivery".to_owned();
            Handed { verdict: Verdict::Unknown { reason }, idle: None, lost: true }
        });
        (attempt, handed)
    }
}
