//! What becomes of a post by what its outlet said: when it is tried again, and when
//! no more.

use super::Crossposter;
use crate::domain::outlet::{OnAmbiguous, Outcome, Outlet, State, Task};
use crate::domain::time::Timestamp;
use crate::net::shown;
use crate::store::{OutletClaim, OutletSettlement};
use std::time::Duration;

/// The first wait after an outlet took nothing: 1, 2, 4, … minutes, six hours at the most.
const FIRST_RETRY: Duration = Duration::from_mins(1);
const LONGEST_RETRY: Duration = Duration::from_hours(6);
/// The longest rest that an outlet may ask for.
const LONGEST_REST: Duration = Duration::from_hours(24);
/// So often a post is tried, which takes some three days.
const MOST_ATTEMPTS: u32 = 20;
/// So often an answer may be lost before a person is asked.
const MOST_DOUBTS: u32 = 3;

impl Crossposter {
    /// What is written of an attempt, with the digest of what it sent, and when that was read.
    pub(super) fn judge(
        &self,
        outlet: &Outlet,
        claim: &OutletClaim,
        outcome: Outcome,
        sent: Option<(String, Timestamp)>,
    ) -> OutletSettlement {
        let now = self.clock.now();
        let retry = self.retry(claim.attempts);
        match outcome {
            Outcome::Done(receipt) => {
                let (sent, read_at) = match (sent, &claim.sent) {
                    (Some((sent, read_at)), _) => (sent, Some(read_at)),
                    (None, Some(earlier)) => (earlier.clone(), None),
                    // The attempt was cut off before it could be written down: that is sent as a correction, in any case.
                    (None, None) => (String::new(), Some(Timestamp::EPOCH)),
                };
                OutletSettlement::Done { receipt, sent, read_at }
            }
            Outcome::Refused(why) => OutletSettlement::Ended { state: State::Refused, why },
            Outcome::Later { why, .. } if claim.attempts + 1 >= MOST_ATTEMPTS => {
                let why = format!("given up after {MOST_ATTEMPTS} tries: {why}");
                OutletSettlement::Ended { state: State::GivenUp, why }
            }
            Outcome::Later { why, after } => {
                let after = after.map(|after| after.min(LONGEST_REST));
                let rest_until = now.plus(after.unwrap_or(FIRST_RETRY).max(Duration::from_secs(1)));
                OutletSettlement::Later { why, at: now.plus(retry.max(after.unwrap_or_default())), rest_until }
            }
            // What was changed or taken down may be so a second time.
            Outcome::InDoubt(why) if claim.task != Task::Post => {
                OutletSettlement::Later { why, at: now.plus(retry), rest_until: now.plus(FIRST_RETRY) }
            }
            Outcome::InDoubt(why) => {
                let by_itself = outlet.on_ambiguous != OnAmbiguous::Hold && claim.doubts < MOST_DOUBTS;
                let why = if by_itself {
                    format!("it may have arrived: {why}")
                } else {
                    format!(
                        "it may have arrived, look there: {why}; `syndicated outlet retry` sends it again, `outlet forget` ends it"
                    )
                };
                OutletSettlement::InDoubt { why, at: by_itself.then(|| now.plus(retry)), sent }
            }
        }
    }

    fn retry(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts).unwrap_or(u32::MAX);
        self.chance.jitter(FIRST_RETRY.saturating_mul(factor).min(LONGEST_RETRY), 0.1)
    }
}

/// One line of the log.
pub(super) fn log(claim: &OutletClaim, settlement: &OutletSettlement) {
    let (outlet, post, task) = (&claim.outlet, claim.post, claim.task);
    match settlement {
        OutletSettlement::Done { receipt, .. } => {
            let url = receipt.url.as_ref().map(shown);
            tracing::info!(%outlet, %post, %task, url, "an outlet did what it was asked");
        }
        OutletSettlement::Later { why, at, .. } => {
            tracing::warn!(%outlet, %post, %task, why, %at, "an outlet could not; it is asked again");
        }
        OutletSettlement::InDoubt { why, at: Some(at), .. } => {
            tracing::warn!(%outlet, %post, why, %at, "whether an outlet took a post is not known; it is looked up");
        }
        OutletSettlement::InDoubt { why, at: None, .. } => {
            tracing::error!(%outlet, %post, why, "whether an outlet took a post is not known; it waits for a person");
        }
        OutletSettlement::Ended { why, .. } => {
            tracing::error!(%outlet, %post, %task, why, "an outlet will not do what it was asked");
        }
        OutletSettlement::GivenBack { .. } => tracing::debug!(%outlet, %post, "a post may not be shown just now"),
    }
}
