//! Who is polled when: what is due, in handfuls, each poll in a task of its own.
//!
//! Kept here: a stop claims nothing more and awaits what is in hand; a poll that
//! dies takes no other with it.

use super::{LEASE, PollOutcome, PollReport, Poller};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::store::{SourceClaim, StoreError};
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long to wait before a database that failed is tried again.
const STORE_REST: Duration = Duration::from_secs(5);
/// The longest that `run` goes without a look at the plan: a command or another
/// node may have changed it.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// What is to be done about the sources.
enum Due {
    /// Poll these.
    Now(Vec<SourceClaim>),
    /// Look again then; `None` when no source is active.
    At(Option<Timestamp>),
}
impl Poller {
    /// Polls what falls due until `stop`, then gives back what is not finished.
    pub async fn run(&self, stop: &CancellationToken, mut tell: impl FnMut(PollReport)) {
        if let Err(error) = self.store.free_sources().await {
            tracing::error!(%error, "sources that an earlier run was polling rest until their leases end");
        }
        let mut busy = JoinSet::new();
        loop {
            // Asked once a round: a stop that comes later wakes the wait below.
            let stopping = stop.is_cancelled();
            if stopping && busy.is_empty() {
                return;
            }
            let limit = self.at_once();
            // Counted from before the look: what changes behind it is seen in time.
            let mut wake_at = self.clock.now().plus(LOOK_AGAIN);
            // Claims are taken in handfuls: each is a transaction.
            if !stopping && busy.len() <= limit / 2 {
                wake_at = wake_at.min(match self.due(limit.saturating_sub(busy.len())).await {
                    Ok(Due::Now(claims)) => {
                        for claim in claims {
                            self.begin(claim, stop, &mut busy);
                        }
                        continue;
                    }
                    Ok(Due::At(next)) => next.unwrap_or(wake_at),
                    Err(error) => {
                        tracing::error!(%error, "cannot see which sources are due");
                        self.clock.now().plus(STORE_REST)
                    }
                });
            }
            tokio::select! {
                Some(ended) = busy.join_next(), if !busy.is_empty() => {
                    if let Some(report) = ended_well(ended) {
                        tell(report);
                    }
                }
                () = self.clock.sleep_until(wake_at) => {}
                () = self.changed.notified() => {}
                () = stop.cancelled(), if !stopping => {}
            }
        }
    }

    /// Polls what is due now, and returns when nothing is left.
    pub async fn poll_due(&self, stop: &CancellationToken) -> Result<Vec<PollReport>, StoreError> {
        let mut reports = Vec::new();
        loop {
            let claims = self.claim(self.at_once()).await?;
            if claims.is_empty() || stop.is_cancelled() {
                return Ok(reports);
            }
            let mut busy = JoinSet::new();
            for claim in claims {
                self.begin(claim, stop, &mut busy);
            }
            while let Some(ended) = busy.join_next().await {
                reports.extend(ended_well(ended));
            }
        }
    }

    /// Polls these sources now, due or not; `tell` hears of each as it ends.
    pub async fn poll_named(
        &self,
        names: &[Slug],
        stop: &CancellationToken,
        mut tell: impl FnMut(&PollReport),
    ) -> Result<Vec<PollReport>, StoreError> {
        let mut reports = Vec::new();
        for some in names.chunks(self.at_once()) {
            let mut busy = JoinSet::new();
            for name in some {
                let outcome = if self.config.load().source(name).is_none() {
                    PollOutcome::Unknown
                } else {
                    match self.store.claim_source(name, self.clock.now(), LEASE).await? {
                        Some(claim) => {
                            self.begin(claim, stop, &mut busy);
                            continue;
                        }
                        None => PollOutcome::Deferred("it is being polled right now".to_owned()),
                    }
                };
                let report = PollReport { name: name.clone(), outcome };
                tell(&report);
                reports.push(report);
            }
            while let Some(ended) = busy.join_next().await {
                if let Some(report) = ended_well(ended) {
                    tell(&report);
                    reports.push(report);
                }
            }
        }
        Ok(reports)
    }

    /// How many sources are in hand at once: more than are fetched, since some
    /// wait for their host, and those take nobody's slot.
    fn at_once(&self) -> usize {
        self.config.load().fetch.concurrency.max(1).saturating_mul(2)
    }

    async fn due(&self, limit: usize) -> Result<Due, StoreError> {
        let claims = self.claim(limit).await?;
        Ok(if claims.is_empty() { Due::At(self.store.next_poll_at().await?) } else { Due::Now(claims) })
    }

    async fn claim(&self, limit: usize) -> Result<Vec<SourceClaim>, StoreError> {
        self.store.claim_sources(limit, self.clock.now(), LEASE).await
    }

    /// Runs one poll in a task of its own. Not as a future beside this one: it
    /// may hold the database's one writer, for which this one may be waiting.
    fn begin(&self, claim: SourceClaim, stop: &CancellationToken, busy: &mut JoinSet<PollReport>) {
        let (poller, stop) = (self.clone(), stop.clone());
        busy.spawn(async move { poller.poll(claim, &stop).await });
    }
}

/// What a poll's task brought back; the source of one that died rests until its
/// lease ends.
fn ended_well(ended: Result<PollReport, JoinError>) -> Option<PollReport> {
    ended.inspect_err(|error| tracing::error!(%error, "a poll died")).ok()
}
