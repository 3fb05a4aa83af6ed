//! The documents that are ready, as many as fit into the memory that they may take;
//! those that nobody asked for longest give way.

use super::document::Document;
use super::packed::Packed;
use crate::domain::time::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A document that is ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) packed: Arc<Packed>,
    /// Of what it was made: the same stamp, the same document.
    pub(super) stamp: u64,
    /// When its oldest post is too old for it.
    good_until: Option<Timestamp>,
    /// The generation in which it was last found to be good.
    pub(super) generation: AtomicU64,
    used: AtomicU64,
}

impl Ready {
    pub(super) fn new(packed: Arc<Packed>, stamp: u64, good_until: Option<Timestamp>, generation: u64) -> Self {
        Self { packed, stamp, good_until, generation: AtomicU64::new(generation), used: AtomicU64::new(0) }
    }

    /// Whether none of its posts has become too old for it.
    pub(super) fn is_young(&self, now: Timestamp) -> bool {
        self.good_until.is_none_or(|until| now < until)
    }
}

/// Documents by what they are.
#[derive(Debug, Default)]
pub(super) struct Kept {
    ready: RwLock<HashMap<Document, Arc<Ready>>>,
    bytes: AtomicUsize,
    /// Counts the times that anything was asked for.
    turn: AtomicU64,
}

impl Kept {
    pub(super) fn get(&self, key: &Document) -> Option<Arc<Ready>> {
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()?;
        ready.used.store(self.turn.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(ready)
    }

    /// Keeps a document, and lets go of others until all take `most` bytes at most.
    pub(super) fn put(&self, key: Document, fresh: Ready, most: usize) {
        fresh.used.store(self.turn.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        let size = fresh.packed.size();
        let old = ready.insert(key, Arc::new(fresh)).map_or(0, |old| old.packed.size());
        let mut bytes = self.bytes.load(Ordering::Relaxed) + size - old;
        if bytes > most {
            // A tenth more than needed, so that not each new document looks through all of them.
            let mut by_use: Vec<(u64, Document)> =
                ready.iter().map(|(key, ready)| (ready.used.load(Ordering::Relaxed), key.clone())).collect();
            by_use.sort_unstable_by_key(|(used, _)| *used);
            for (_, key) in by_use {
                if bytes <= most - most / 10 {
                    break;
                }
                bytes -= ready.remove(&key).map_or(0, |old| old.packed.size());
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, key: &Document) {
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = ready.remove(key) {
            self.bytes.fetch_sub(old.packed.size(), Ordering::Relaxed);
        }
    }
}
