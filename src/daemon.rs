//! The daemon: everything wired together, from the configuration file to the
//! last commit before the process ends.
//!
//! Order of start: database, the right to own it (P7), the secret's check, what
//! an earlier life left in doubt (P4), the web server, work. Order of stop: no
//! new work, what is in hand, the database.

use crate::clock::{Chance, Clock};
use crate::config::{Config, Live};
use crate::flow::bounce::{Bounces, Certificates};
use crate::flow::crosspost::Crossposter;
use crate::flow::deliver::Deliverer;
use crate::flow::digest::Digester;
use crate::flow::poll::Poller;
use crate::flow::publish::{Announcer, Publisher};
use crate::flow::retract::Retractor;
use crate::flow::subscribe::Subscriptions;
use crate::flow::websub::Hubs;
use crate::lifecycle::{Asked, Progress, SOFT_STOP, Signals, Stop, Tasks, Word, allow_many_files, feed_watchdog, tell};
use crate::net::{Client, Names};
use crate::render::{Renderer, TemplateFaults};
use crate::scheduler::{Roles, Scheduler};
use crate::store::{NodeLock, OpenError, Store};
use crate::web::{self, Web};
use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify};

/// How often a node makes sure that it still has its name.
const KEEP_LOCK: Duration = Duration::from_secs(5);

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    /// Where its web server listens.
    pub web: Option<SocketAddr>,
    /// Its database.
    pub store: Store,
    config: Live,
    clock: Clock,
    renderer: Arc<Renderer>,
    poller: Arc<Poller>,
    publisher: Arc<Publisher>,
    arrivals: Arc<Notify>,
    tasks: Tasks,
    _lock: Arc<Mutex<NodeLock>>,
}

/// What a daemon does not decide for itself.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
    /// Which work this node takes on.
    pub roles: Roles,
}

impl Outside {
    /// The machine's own, and all the work.
    #[must_use]
    pub fn real() -> Self {
        Self { clock: Clock::system(), chance: Chance::system(), roles: Roles::ALL }
    }
}

impl Daemon {
    /// Starts everything. What it returns is at work already.
    pub async fn start(config: Config, outside: Outside) -> anyhow::Result<Self> {
        let Outside { clock, chance, roles } = outside;
        let store = Store::open(&config.database).await?;
        let lock = store.lock().await?;
        store.accept_key(&config).await?;
        let tasks = Tasks::new(Stop::new(), Handle::current());
        let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), clock.clone())?;
        let (listen, pictures, certificates) = (config.http.listen, client.clone(), Certificates::new(client.clone()));
        let renderer = Arc::new(Renderer::tried(config.site.templates.as_deref())?);
        let config: Live = Arc::new(ArcSwap::from_pointee(config));
        let poller = Poller::new(store.clone(), client.clone(), clock.clone(), chance.clone(), config.clone());
        let poller = Arc::new(poller);
        let wake = poller.wake();
        // A node that serves feeds looks for what others stored once a minute.
        let seen_within = if roles.web { Duration::ZERO } else { Duration::from_secs(65) };
        let announcer =
            Announcer::new(store.clone(), client.clone(), clock.clone(), chance.clone(), config.clone(), seen_within);
        let retractor = Retractor::new(store.clone(), client.clone(), clock.clone(), config.clone());
        let crossposter = Crossposter::new(
            store.clone(),
            client.clone(),
            clock.clone(),
            chance.clone(),
            config.clone(),
            renderer.clone(),
        );
        let hubs = Hubs::new(store.clone(), client, clock.clone(), chance.clone(), config.clone(), wake);
        let hubs = Arc::new(hubs);
        let publisher = Arc::new(Publisher::new(store.clone(), config.clone(), renderer.clone(), clock.clone()));
        let digester = Digester::new(store.clone(), config.clone(), renderer.clone(), clock.clone());
        let digester = Arc::new(digester.with_pictures(pictures));
        let deliverer = Arc::new(Deliverer::new(
            store.clone(),
            config.clone(),
            renderer.clone(),
            clock.clone(),
            chance.clone(),
            lock.name().to_owned(),
        ));
        let subscriptions = Arc::new(Subscriptions::new(
            store.clone(),
            config.clone(),
            clock.clone(),
            chance,
            renderer.clone(),
            deliverer.wake(),
        ));
        let bounces = Bounces::new(store.clone(), config.clone(), clock.clone(), subscriptions.clone());
        let bounces = bounces.with_certificates(certificates);
        deliverer.recover().await?;
        poller.adopt_config().await?;
        store.sync_cadences(&config.load().newsletters, clock.now()).await?;
        store.sync_told_hubs(&config.load().feeds.hubs, clock.now()).await?;
        store.sync_outlets(&config.load().outlets, clock.now()).await?;
        let mut listening = None;
        if roles.web {
            let listener = TcpListener::bind(listen)
                .await
                .with_context(|| format!("cannot listen on {listen} (http.listen): is another program there?"))?;
            listening = Some(listener.local_addr()?);
            let web = Web::new(
                config.clone(),
                publisher.clone(),
                subscriptions.clone(),
                (hubs.clone(), bounces.clone()),
                renderer.clone(),
                tasks.clone(),
                clock.clone(),
            );
            tasks.spawn("web", web::serve(listener, web));
        }
        let progress = Progress::default();
        let arrivals = Arc::new(Notify::new());
        let scheduler = Scheduler {
            clock: clock.clone(),
            poller: poller.clone(),
            retractor,
            hubs,
            publisher: publisher.clone(),
            announcer,
            digester,
            deliverer,
            crossposter,
            bounces,
            subscriptions,
            progress: progress.clone(),
            arrivals: arrivals.clone(),
        };
        scheduler.start(roles, &tasks);
        let lock = Arc::new(Mutex::new(lock));
        tasks.spawn("node", keep_lock(store.clone(), lock.clone(), tasks.stop().clone()));
        let stop = tasks.stop().clone();
        // Not a task of the daemon's: it must go on until the very end.
        tasks.spawn("watchdog", async move {
            tokio::select! {
                () = feed_watchdog(progress, stop.clone()) => {}
                () = stop.soft() => {}
            }
        });
        Ok(Self { web: listening, store, config, clock, renderer, poller, publisher, arrivals, tasks, _lock: lock })
    }

    /// Puts another configuration in force, and the templates as their files are
    /// now. What only a restart can change (the database, the listening address)
    /// stays, and so do the templates when something is wrong with the new ones;
    /// the log says so.
    pub async fn reload(&self, config: Config) -> anyhow::Result<()> {
        let old = self.config.load_full();
        if old.database.to_string() != config.database.to_string() || old.http.listen != config.http.listen {
            tracing::warn!("database.url and http.listen change at the next restart only");
        }
        let templates = config.site.templates.clone();
        if let Err(TemplateFaults(faults)) = self.renderer.reload(templates.as_deref()) {
            tracing::error!("the old templates stay in force: {}", faults.join("; "));
        }
        self.config.store(Arc::new(config));
        self.poller.adopt_config().await?;
        self.store.sync_cadences(&self.config.load().newsletters, self.clock.now()).await?;
        self.store.sync_told_hubs(&self.config.load().feeds.hubs, self.clock.now()).await?;
        self.store.sync_outlets(&self.config.load().outlets, self.clock.now()).await?;
        self.publisher.reconfigured();
        Ok(())
    }

    /// Polls every source now, due or not.
    pub async fn poll_now(&self) -> anyhow::Result<()> {
        let names: Vec<_> = self.config.load().sources.iter().map(|source| source.name.clone()).collect();
        self.poller.poll_named(&names, &self.tasks.stop().token(), |_| {}).await?;
        self.arrivals.notify_one();
        Ok(())
    }

    /// The signal that stops it.
    #[must_use]
    pub fn stop_signal(&self) -> &Stop {
        self.tasks.stop()
    }

    /// Stops: nothing new is begun, what is in hand is finished, 25 s at the
    /// most. Returns whether all went well.
    pub async fn stop(self) -> bool {
        let stop = self.tasks.stop().clone();
        stop.stop_softly();
        let well = tokio::select! {
            well = self.tasks.finish() => well,
            () = async {
                tokio::time::sleep(SOFT_STOP).await;
                tracing::warn!("what is still in hand is left: those deliveries are in doubt");
                stop.stop_hard();
                std::future::pending::<()>().await;
            } => false,
        };
        self.store.close().await;
        well
    }

    /// One line for `systemctl status`.
    fn status(&self) -> String {
        let config = self.config.load();
        let web = self.web.map(|web| format!(", serving on {web}")).unwrap_or_default();
        let sources = counted(config.sources.len(), "source");
        format!("following {sources} for {}{web}", counted(config.newsletters.len(), "newsletter"))
    }
}

/// Holds on to the right to be this node, through restarts of the database server;
/// stops the daemon when another node has taken it (P7).
async fn keep_lock(store: Store, lock: Arc<Mutex<NodeLock>>, stop: Stop) {
    while !stop.is_soft() {
        match store.keep(&mut *lock.lock().await).await {
            Ok(()) => {}
            Err(why @ OpenError::Owned(_)) => {
                tracing::error!(%why, "another node has taken this one's name; it stops so that it can be started anew");
                stop.stop_softly();
            }
            Err(why) => tracing::warn!(%why, "it cannot be seen whether this node still has its name"),
        }
        tokio::select! {
            () = tokio::time::sleep(KEEP_LOCK) => {}
            () = stop.soft() => {}
        }
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Waits until a second signal says that the operator is in a hurry. One that
/// comes at once is the first one's echo: a shell or a wrapper passes on what its
/// whole process group was sent already.
async fn hurry(signals: &mut Signals) {
    const ECHO: Duration = Duration::from_secs(1);
    let asked = Instant::now();
    while signals.next().await != Asked::Stop || asked.elapsed() < ECHO {}
}

/// Runs the daemon of a configuration file until a signal ends it. `load` reads
/// the file, at the start and at each SIGHUP; a broken one never takes down a
/// running daemon.
pub async fn run(path: &Path, outside: Outside, load: impl Fn(&Path) -> anyhow::Result<Config>) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen to signals")?;
    allow_many_files();
    let daemon = Daemon::start(load(path)?, outside).await?;
    tracing::info!("{}", daemon.status());
    tell(Word::Status(&daemon.status()));
    tell(Word::Ready);
    loop {
        let asked = tokio::select! {
            asked = signals.next() => asked,
            // A part of the daemon died.
            () = daemon.stop_signal().soft() => Asked::Stop,
        };
        if asked == Asked::Stop {
            break;
        }
        tell(Word::Reloading);
        match load(path) {
            Ok(config) => match daemon.reload(config).await {
                Ok(()) => tracing::info!("reloaded: {}", daemon.status()),
                Err(error) => tracing::error!("the new configuration is in force only in part: {error:#}"),
            },
            Err(error) => tracing::error!("the old configuration stays in force: {error:#}"),
        }
        tell(Word::Status(&daemon.status()));
        tell(Word::Ready);
    }
    tracing::info!("stopping");
    tell(Word::Stopping);
    let stop = daemon.stop_signal().clone();
    let well = tokio::select! {
        well = daemon.stop() => well,
        () = hurry(&mut signals) => {
            tracing::warn!("asked a second time to stop: what is still in hand is left, and those deliveries are in doubt");
            stop.stop_hard();
            false
        }
    };
    if !well {
        bail!("the daemon did not end as it should; the log says why");
    }
    Ok(())
}
