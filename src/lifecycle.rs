//! From start to stop: the stop signal and its two strengths, the tasks that
//! must end before the process does, and what systemd is told.
//!
//! Invariant: every task is tracked and awaited. A soft stop says "begin nothing
//! new"; what is in hand is finished. A hard stop, 25 s later or at a second
//! signal, says "leave it", and what was in hand is in doubt (P4).

use rustix::process::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After a soft stop, how long until the hard one: systemd waits 30 s.
pub const SOFT_STOP: Duration = Duration::from_secs(25);

/// The stop signal, passed down to whoever works. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Stop {
    /// A signal that has not been given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says "begin nothing new".
    pub fn stop_softly(&self) {
        self.soft.cancel();
    }

    /// Says "leave it".
    pub fn stop_hard(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_soft(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Waits for the soft stop.
    pub async fn soft(&self) {
        self.soft.cancelled().await;
    }

    /// Waits for the hard stop.
    pub async fn hard(&self) {
        self.hard.cancelled().await;
    }

    /// The soft stop as a token.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.soft.clone()
    }
}

/// The tasks of the daemon. The one home of spawning: what runs is tracked, ends
/// at the hard stop at the latest, and takes the daemon with it when it dies.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: Stop,
    /// The daemon's, where everything runs but connections: what the store and
    /// senders hold open belongs to it.
    runtime: Handle,
    /// How many tasks died.
    deaths: Arc<AtomicU64>,
}

impl Tasks {
    /// No tasks yet; they will heed `stop` and run on `runtime`.
    #[must_use]
    pub fn new(stop: Stop, runtime: Handle) -> Self {
        Self { tracker: TaskTracker::new(), stop, runtime, deaths: Arc::default() }
    }

    /// The signal that the tasks heed.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Runs `work` until it ends or the hard stop comes. When it panics, the
    /// daemon stops: a daemon with a dead limb deceives its owner.
    pub fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_on(&self.runtime, name, work);
    }

    /// The same on another runtime, for work that waits for no file, socket or timer of the daemon's own.
    pub fn spawn_on<F>(&self, runtime: &Handle, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, deaths) = (self.stop.clone(), self.deaths.clone());
        let limb = async move {
            tokio::select! {
                () = work => {}
                () = stop.hard() => {}
            }
        };
        let limb = self.tracker.spawn_on(limb, runtime);
        let stop = self.stop.clone();
        let mourning = async move {
            if let Err(error) = limb.await {
                tracing::error!(task = name, %error, "a part of the daemon died; it stops so that it can be started anew");
                deaths.fetch_add(1, Ordering::Relaxed);
                stop.stop_softly();
            }
        };
        self.tracker.spawn_on(mourning, &self.runtime);
    }

    /// Runs `work` on the daemon's runtime to its end, whatever becomes of who asked
    /// for it: database work must never be dropped half-way. `None` when it panicked.
    pub async fn shielded<F>(&self, work: F) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn_on(work, &self.runtime).await.ok()
    }

    /// Waits until every task has ended. Returns whether all ended well.
    pub async fn finish(&self) -> bool {
        self.tracker.close();
        self.tracker.wait().await;
        self.deaths.load(Ordering::Relaxed) == 0
    }
}

/// Proof of life for the watchdog: a loop that must come round ticks it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Says "I came round".
    pub fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Lets the process hold as many files open as it may: service managers allow 1,024 unless they are asked, and each
/// reader's connection is one.
pub fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "no more files may be open at once than usual");
    }
}

/// The signals that a daemon heeds.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

impl Signals {
    /// Takes the signals over from their default, which is death.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// What the service manager is told; outside systemd nothing happens.
#[derive(Debug, Clone, Copy)]
pub enum Word<'a> {
    /// Up and serving.
    Ready,
    /// Reading the configuration again.
    Reloading,
    /// On the way out.
    Stopping,
    /// One line for `systemctl status`.
    Status(&'a str),
}

/// Tells the service manager (see `sd_notify(3)`).
pub fn tell(word: Word<'_>) {
    let told = match word {
        Word::Ready => sd_notify::notify(&[NotifyState::Ready]),
        // Type=notify-reload wants to know since when.
        Word::Reloading => match NotifyState::monotonic_usec_now() {
            Ok(since) => sd_notify::notify(&[NotifyState::Reloading, since]),
            Err(error) => Err(error),
        },
        Word::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        Word::Status(text) => sd_notify::notify(&[NotifyState::Status(text)]),
    };
    if let Err(error) = told {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}

/// Keeps the watchdog content for as long as `progress` goes on: a daemon whose
/// loop hangs is started anew by systemd.
pub async fn feed_watchdog(progress: Progress, stop: Stop) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut seen = None;
    loop {
        let count = progress.count();
        // At a stop the loop has ended, and rightly so.
        if seen != Some(count) || stop.is_soft() {
            seen = Some(count);
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        tokio::time::sleep(limit / 3).await;
    }
}
