//! Mails that are marked and wait for a connection.
//!
//! A mail is marked durably before a relay hears of it (P4), and a commit takes
//! about as long as a near relay does for a mail. So a few are marked ahead, and a
//! connection that has brought one away goes on with the next at once, while the
//! results are written.
//!
//! Invariant: no mail waits here longer than [`FRESH`], since consent was read when
//! it was marked (P9).

use super::copy::Master;
use crate::domain::time::Timestamp;
use crate::store::Attempt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a mark is good for.
const FRESH: Duration = Duration::from_secs(1);

/// A mail that may go.
pub(super) struct Marked {
    pub(super) attempt: Attempt,
    /// What its copy is cast from, where that is not its own, or why it cannot be written.
    pub(super) master: Result<Option<Arc<Master>>, String>,
    pub(super) at: Timestamp,
}

/// The marked mails of one relay, the oldest first. Clones are the same queue.
#[derive(Clone, Default)]
pub(super) struct Ready(Arc<Mutex<VecDeque<Marked>>>);

impl Ready {
    /// One more waits.
    pub(super) fn push(&self, marked: Marked) {
        self.queue().push_back(marked);
    }

    /// Whose turn it is.
    pub(super) fn next(&self, now: Timestamp) -> Option<Marked> {
        let mut queue = self.queue();
        if queue.front()?.is_fresh(now) { queue.pop_front() } else { None }
    }

    /// Those that have waited too long.
    pub(super) fn stale(&self, now: Timestamp) -> Vec<Marked> {
        let mut queue = self.queue();
        let fresh = queue.iter().position(|marked| marked.is_fresh(now)).unwrap_or(queue.len());
        queue.drain(..fresh).collect()
    }

    /// All of them.
    pub(super) fn take(&self) -> Vec<Marked> {
        self.queue().drain(..).collect()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queue().len()
    }

    /// Nothing is done under the lock that could leave the queue half changed.
    fn queue(&self) -> MutexGuard<'_, VecDeque<Marked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marked {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.at) <= FRESH
    }
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").field("len", &self.len()).finish()
    }
}
