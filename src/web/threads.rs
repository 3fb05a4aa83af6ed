//! The threads that connections live on, apart from the daemon's: one that reads a
//! request and writes its answer wakes no other in between. Half as many as there are
//! processors, since the kernel works as long on a request as we do (docs/speed.md).

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// They end when this is dropped.
#[derive(Debug)]
pub(super) struct Threads {
    runtimes: Vec<Handle>,
    turn: AtomicUsize,
    _end: DropGuard,
}

impl Threads {
    /// Starts them. One that cannot be started is done without.
    pub(super) fn start() -> Self {
        let end = CancellationToken::new();
        let wanted = thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
        let start = |_| start_one(end.clone()).inspect_err(|error| tracing::warn!(%error, "a thread was not started"));
        let runtimes = (0..wanted).filter_map(|turn| start(turn).ok()).collect();
        Self { runtimes, turn: AtomicUsize::new(0), _end: end.drop_guard() }
    }

    /// Where the next connection lives: each thread in turn, or the caller's own when there is none.
    pub(super) fn next(&self) -> Handle {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(self.runtimes.len());
        turn.and_then(|turn| self.runtimes.get(turn)).cloned().unwrap_or_else(Handle::current)
    }
}

fn start_one(end: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("web".to_owned()).spawn(move || runtime.block_on(end.cancelled()))?;
    Ok(handle)
}
