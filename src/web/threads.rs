//! The threads that connections live on, apart from the daemon's: one that reads a
//! request for a document that is ready and writes its answer wakes no other. Half as
//! many as there are processors: the kernel works on a request, too (docs/speed.md).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{io, iter, thread};
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
        let start = || start_one(end.clone()).inspect_err(|error| tracing::warn!(%error, "a thread was not started"));
        let runtimes = iter::repeat_with(start).take(wanted).flatten().collect();
        Self { runtimes, turn: AtomicUsize::new(0), _end: end.drop_guard() }
    }

    /// Where the next connection lives: each thread in turn, or the caller's own when there is none.
    pub(super) fn next(&self) -> Handle {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(self.runtimes.len());
        turn.and_then(|turn| self.runtimes.get(turn)).cloned().unwrap_or_else(Handle::current)
    }
}

/// The runtime is made on its thread: where others wait, as here, none may be dropped.
fn start_one(end: CancellationToken) -> io::Result<Handle> {
    let (say, said) = mpsc::channel();
    let run = move || match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let _ = say.send(Ok(runtime.handle().clone()));
            runtime.block_on(end.cancelled());
        }
        Err(error) => drop(say.send(Err(error))),
    };
    thread::Builder::new().name("web".to_owned()).spawn(run)?;
    said.recv().map_err(io::Error::other)?
}
