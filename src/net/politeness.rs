//! One connection per host at a time (P15): who wants to speak to a host takes
//! a turn, and waits while another has it. A host that asked for a rest is left
//! alone by all until it is over.

use crate::domain::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// When the table has grown to this, hosts that nobody speaks to are dropped.
const TIDY_AT: usize = 1024;

/// The hosts that are spoken to now.
#[derive(Debug, Default)]
pub(super) struct Politeness {
    hosts: Mutex<Hosts>,
}

#[derive(Debug, Default)]
struct Hosts {
    queues: HashMap<String, Weak<Queue<()>>>,
    /// The size at which the table is tidied next.
    tidy_at: usize,
    /// Hosts that asked to be left alone, and until when.
    resting: HashMap<String, Timestamp>,
}

/// The right to speak to one host, until dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Politeness {
    /// Waits for the turn to speak to `host`; turns are given in order.
    pub(super) async fn turn(&self, host: &str) -> Turn {
        self.queue(host).lock_owned().await
    }

    /// Leaves `host` alone until `until`.
    pub(super) fn rest(&self, host: &str, until: Timestamp) {
        let key = host.trim_end_matches('.');
        let mut hosts = self.hosts();
        let known = hosts.resting.entry(key.to_owned()).or_insert(until);
        *known = until.max(*known);
    }

    /// Until when `host` is left alone; `None` when it may be asked.
    pub(super) fn resting(&self, host: &str, now: Timestamp) -> Option<Timestamp> {
        let mut hosts = self.hosts();
        // They are few, and over after a day.
        hosts.resting.retain(|_, until| *until > now);
        hosts.resting.get(host.trim_end_matches('.')).copied()
    }

    fn hosts(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, host: &str) -> Arc<Queue<()>> {
        let key = host.trim_end_matches('.');
        let mut hosts = self.hosts();
        if let Some(queue) = hosts.queues.get(key).and_then(Weak::upgrade) {
            return queue;
        }
        if hosts.queues.len() >= hosts.tidy_at.max(TIDY_AT) {
            hosts.queues.retain(|_, queue| queue.strong_count() > 0);
            hosts.tidy_at = hosts.queues.len().saturating_mul(2);
        }
        let queue = Arc::new(Queue::new(()));
        hosts.queues.insert(key.to_owned(), Arc::downgrade(&queue));
        queue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_is_spoken_to_once_at_a_time_and_others_do_not_wait() {
        let politeness = Politeness::default();
        let turn = politeness.turn("a.example").await;
        assert!(politeness.queue("a.example.").try_lock().is_err());
        drop(politeness.turn("b.example").await);
        drop(turn);
        drop(politeness.turn("a.example").await);
    }

    #[tokio::test]
    async fn hosts_that_nobody_speaks_to_are_forgotten() {
        let politeness = Politeness::default();
        let kept = politeness.turn("kept.example").await;
        for number in 0..3 * TIDY_AT {
            drop(politeness.turn(&format!("{number}.example")).await);
        }
        let hosts = politeness.hosts.lock().unwrap();
        assert!(hosts.queues.len() <= TIDY_AT + 1);
        assert!(hosts.queues.contains_key("kept.example"));
        drop(kept);
    }
}
