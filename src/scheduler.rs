//! What the clock starts, as loops that each heed the stop: polls (their own
//! pace is in `flow::poll`), withdrawn posts, words to be found, subscriptions at
//! hubs, feeds after polls, outlets, digests on their slots, mails (their own pace
//! is in `flow::deliver`).

use crate::clock::Clock;
use crate::flow::bounce::Bounces;
use crate::flow::crosspost::Crossposter;
use crate::flow::deliver::Deliverer;
use crate::flow::digest::Digester;
use crate::flow::poll::{PollOutcome, PollReport, Poller};
use crate::flow::publish::{Announcer, Publisher};
use crate::flow::retract::{Retractor, Withdrawn};
use crate::flow::subscribe::Subscriptions;
use crate::flow::websub::Hubs;
use crate::lifecycle::{Progress, Stop, Tasks};
use crate::net::shown;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The longest that the digest loop sleeps: how late it may notice what another
/// process (a command, another node) wrote, and what a post's settling costs.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// How often at least it is looked for hubs to ask.
const HUBS: Duration = Duration::from_mins(1);

/// How often it is looked for posts that were withdrawn.
const WITHDRAWN: Duration = Duration::from_mins(1);

/// How often what new posts are found by is put into its order.
const ORDER: Duration = Duration::from_mins(1);

/// How often failing sources are looked for.
const HEALTH: Duration = Duration::from_mins(10);

/// Where no door is named, how soon a reload that names one is noticed.
const NO_DOOR: Duration = Duration::from_mins(1);
/// How often what was kept for long enough goes, and readers are asked again.
const HOUSEKEEPING: Duration = Duration::from_hours(1);

/// After a step failed (the database is away), the next try.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// Starts what is due.
#[derive(Debug, Clone)]
pub struct Scheduler {
    /// The clock that slots go by.
    pub clock: Clock,
    /// Polls sources.
    pub poller: Arc<Poller>,
    /// Finds out which posts were withdrawn.
    pub retractor: Retractor,
    /// Asks hubs to announce changes.
    pub hubs: Arc<Hubs>,
    /// Renders feeds.
    pub publisher: Arc<Publisher>,
    /// Tells hubs when feeds have changed.
    pub announcer: Announcer,
    /// Composes digests.
    pub digester: Arc<Digester>,
    /// Sends mails.
    pub deliverer: Arc<Deliverer>,
    /// Hands posts to outlets.
    pub crossposter: Crossposter,
    /// Takes in what comes back.
    pub bounces: Bounces,
    /// Keeps what is known of readers no longer than it may.
    pub subscriptions: Arc<Subscriptions>,
    /// Ticked whenever the digest loop comes round.
    pub progress: Progress,
    /// Notified when posts arrived or changed.
    pub arrivals: Arc<Notify>,
}

/// Which kinds of work a node takes on (`--roles`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Polls sources.
    pub poll: bool,
    /// Composes and mails digests.
    pub send: bool,
    /// Serves feeds and pages.
    pub web: bool,
}

impl Roles {
    /// All of them.
    pub const ALL: Self = Self { poll: true, send: true, web: true };
}

impl Scheduler {
    /// Starts the loops of `roles` as tasks; they end with the stop.
    pub fn start(&self, roles: Roles, tasks: &Tasks) {
        let (arrivals, news) = (self.arrivals.clone(), Arc::new(Notify::new()));
        let (changed, copied) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        if roles.send {
            self.start_crossposts(copied.clone(), tasks);
        }
        if roles.poll {
            let (scheduler, stop, changed) = (self.clone(), tasks.stop().token(), changed.clone());
            tasks.spawn("announce", async move {
                // What is announced is asked for at once: no feed may be what it was before.
                let found = || scheduler.publisher.invalidate();
                scheduler.announcer.run(&stop, &changed, found).await;
            });
        }
        if roles.poll {
            let (scheduler, arrivals, stop) = (self.clone(), arrivals.clone(), tasks.stop().token());
            tasks.spawn("poll", async move {
                let tell = |report: PollReport| {
                    if report.brought_something() {
                        arrivals.notify_one();
                    }
                    log(&report);
                };
                scheduler.poller.run(&stop, tell).await;
            });
        }
        if roles.poll {
            self.watch_sources(tasks);
        }
        if roles.poll {
            let (scheduler, stop) = (self.clone(), tasks.stop().clone());
            tasks.spawn("websub", async move {
                while !stop.is_soft() {
                    let pause = scheduler.ask_hubs(&stop).await;
                    scheduler.rest(pause, &stop).await;
                }
            });
        }
        if roles.send {
            let (scheduler, stop) = (self.clone(), tasks.stop().clone());
            tasks.spawn("bounces", async move {
                while !stop.is_soft() {
                    let pause = scheduler.look_for_bounces(&stop).await;
                    scheduler.rest(pause, &stop).await;
                }
            });
        }
        if roles.send {
            let (scheduler, stop) = (self.clone(), tasks.stop().clone());
            tasks.spawn("housekeeping", async move {
                while !stop.is_soft() {
                    scheduler.keep_house().await;
                    scheduler.rest(HOUSEKEEPING, &stop).await;
                }
            });
        }
        let (scheduler, told, stop) = (self.clone(), news.clone(), tasks.stop().clone());
        tasks.spawn("publish", async move {
            while !stop.is_soft() {
                tokio::select! {
                    () = arrivals.notified() => {}
                    // Another node, or a command, may have stored posts.
                    () = scheduler.clock.sleep(Duration::from_mins(1)) => {}
                    () = stop.soft() => break,
                }
                scheduler.publisher.invalidate();
                changed.notify_one();
                copied.notify_one();
                told.notify_one();
            }
        });
        let (scheduler, stop) = (self.clone(), tasks.stop().clone());
        if roles.send {
            let deliverer = self.deliverer.clone();
            let deliver_stop = stop.clone();
            tasks.spawn("deliver", async move { deliverer.run(&deliver_stop).await });
        }
        tasks.spawn("digest", async move {
            let wake = scheduler.deliverer.wake();
            while !stop.is_soft() {
                scheduler.progress.tick();
                let pause = if roles.send { scheduler.fire(&wake).await } else { LOOK_AGAIN };
                tokio::select! {
                    () = scheduler.clock.sleep(pause) => {}
                    () = news.notified() => {}
                    () = stop.soft() => {}
                }
            }
        });
    }

    /// Hands posts to outlets; `changed` is told when posts have changed.
    fn start_crossposts(&self, changed: Arc<Notify>, tasks: &Tasks) {
        let (scheduler, stop) = (self.clone(), tasks.stop().token());
        tasks.spawn("crosspost", async move {
            // Pages and feeds name where it stands now.
            let published = || scheduler.arrivals.notify_one();
            scheduler.crossposter.run(&stop, &changed, published).await;
        });
    }

    /// Beside polls: which posts were withdrawn, which sources fail, and what polls left to be done later.
    fn watch_sources(&self, tasks: &Tasks) {
        let (scheduler, stop) = (self.clone(), tasks.stop().clone());
        tasks.spawn("order", async move {
            while !stop.is_soft() {
                if let Err(error) = scheduler.poller.put_in_order().await {
                    tracing::error!(%error, "what new posts are found by is not in its order; they are found, but slowly");
                }
                scheduler.rest(ORDER, &stop).await;
            }
        });
        let (scheduler, stop) = (self.clone(), tasks.stop().clone());
        tasks.spawn("retract", async move {
            while !stop.is_soft() {
                scheduler.look_for_withdrawn(&stop).await;
                scheduler.rest(WITHDRAWN, &stop).await;
            }
        });
        let (scheduler, stop) = (self.clone(), tasks.stop().clone());
        tasks.spawn("health", async move {
            while !stop.is_soft() {
                scheduler.tell_of_health().await;
                scheduler.rest(HEALTH, &stop).await;
            }
        });
    }

    /// Until the next look, or the stop.
    async fn rest(&self, pause: Duration, stop: &Stop) {
        tokio::select! {
            () = self.clock.sleep(pause) => {}
            () = stop.soft() => {}
        }
    }

    /// Looks at a few of the posts that may have been withdrawn.
    async fn look_for_withdrawn(&self, stop: &Stop) {
        match self.retractor.look(&stop.token()).await {
            Ok(withdrawn) => {
                for Withdrawn { post, source, url, proof } in &withdrawn {
                    let page = url.as_ref().map(shown).unwrap_or_default();
                    tracing::info!(%post, %source, page, "a post was withdrawn: {proof}");
                }
                if !withdrawn.is_empty() {
                    self.arrivals.notify_one();
                }
            }
            Err(error) => tracing::error!(%error, "cannot see which posts were withdrawn"),
        }
    }

    /// Asks the hubs that are due, and says how long until the next look.
    async fn ask_hubs(&self, stop: &Stop) -> Duration {
        let asked = async {
            while !stop.is_soft() && self.hubs.ask_due(&stop.token()).await? > 0 {}
            self.hubs.pause(HUBS).await
        };
        asked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot see which hubs are to be asked");
            AFTER_TROUBLE
        })
    }

    /// Looks into the doors of what comes back, and says how long until the next look.
    async fn look_for_bounces(&self, stop: &Stop) -> Duration {
        let Some(pause) = self.bounces.pause() else { return NO_DOOR };
        match self.bounces.look(&stop.token()).await {
            Ok(looked) => {
                for why in &looked.troubles {
                    tracing::warn!(why, "what came back cannot all be taken in; it is tried again");
                }
                if looked.taken > 0 {
                    tracing::info!(mails = looked.taken, "what came back was taken in");
                }
                if looked.more && looked.troubles.is_empty() { Duration::ZERO } else { pause }
            }
            Err(error) => {
                tracing::error!(%error, "what came back cannot be taken in; it is tried again");
                pause.max(AFTER_TROUBLE)
            }
        }
    }

    async fn tell_of_health(&self) {
        match self.poller.tell_of_health().await {
            Ok(0) => {}
            Ok(sources) => {
                tracing::info!(sources, "the owner is told which sources fail, or are well again");
                self.deliverer.wake().notify_one();
            }
            Err(error) => tracing::error!(%error, "cannot see which sources fail"),
        }
    }

    async fn keep_house(&self) {
        match self.subscriptions.sweep().await {
            Ok(swept) if swept.total() > 0 => tracing::info!(?swept, "what was kept for long enough is gone"),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "what was kept for long enough could not be let go"),
        }
        match self.subscriptions.renew().await {
            Ok(0) => {}
            Ok(readers) => tracing::info!(readers, "readers are asked whether they want to go on"),
            Err(error) => tracing::error!(%error, "cannot see which readers are to be asked again"),
        }
    }

    /// Decides on what slots are due, and says how long until the next look.
    async fn fire(&self, wake: &Notify) -> Duration {
        match self.digester.fire_due().await {
            Ok(fired) => {
                if !fired.is_empty() {
                    wake.notify_one();
                }
                let now = self.clock.now();
                self.digester.next_slot().map_or(LOOK_AGAIN, |due| due.since(now).min(LOOK_AGAIN))
            }
            Err(error) => {
                tracing::error!(%error, "digests stand still");
                AFTER_TROUBLE
            }
        }
    }
}

fn log(report: &PollReport) {
    let source = &report.name;
    match &report.outcome {
        PollOutcome::Read(admitted) => tracing::info!(
            %source, new = admitted.new.len(), seeded = admitted.seeded.len(), changed = admitted.changed.len(),
            held = admitted.held.len(), to_review = admitted.to_review.len(), back = admitted.back.len(), "polled"
        ),
        PollOutcome::Unchanged => tracing::debug!(%source, "polled: nothing new"),
        PollOutcome::Failed(why) => tracing::warn!(%source, why, "the poll failed"),
        PollOutcome::Gone(why) => tracing::warn!(%source, why, "the source is gone"),
        PollOutcome::NotStored(why) => tracing::error!(%source, why, "the poll could not be stored; it is repeated"),
        PollOutcome::Deferred(why) => tracing::debug!(%source, why, "the poll was put off"),
        PollOutcome::Unknown => {}
    }
}
