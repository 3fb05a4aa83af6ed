//! The story of one poll: a source is due, its document is fetched and read, and
//! what is new in it is admitted.
//!
//! Kept here: a source that fails is asked less and less often and harms no
//! other (P15); what a page names as its feed is followed in the same poll; a
//! permanent redirect is believed only after it held for days; a stop gives back
//! what was not finished, and no write is ever cut.

mod list;
mod look;
mod pages;
mod rest;
mod room;
mod rounds;
mod seek;

use crate::clock::{Chance, Clock};
use crate::config::{Config, Live};
use crate::domain::id::SourceId;
use crate::domain::pace::Pace;
use crate::domain::slug::Slug;
use crate::domain::source::Source;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::flow::websub::channels;
use crate::net::{Client, shown};
use crate::read::MAX_ENTRIES;
use crate::store::{Absences, Admitted, Arrival, PollEnd, Push, SourceClaim, Store, StoreError};
use look::{Arrived, Found, Missing, Trouble};
pub use pages::read_pages;
use rest::{is_concealed, next_slot};
use room::Room;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

/// How long a source is kept from other nodes while it is polled: longer than
/// every deadline of a poll together.
const LEASE: Duration = Duration::from_mins(5);
/// How long a permanent redirect must hold before it is believed: a hijacked or
/// half-configured host is often repaired within a weekend.
const BELIEVED_AFTER: Duration = Duration::from_hours(72);
/// When a source comes back that was not asked because its host was busy.
const BUSY_REST: Duration = Duration::from_secs(30);
/// How many documents are read at once: reading is work for a processor.
const READERS: usize = 2;

/// Polls sources. Cheap to clone; clones are the same poller.
#[derive(Debug, Clone)]
pub struct Poller {
    store: Store,
    client: Client,
    clock: Clock,
    chance: Chance,
    config: Live,
    readers: Arc<Semaphore>,
    /// For what was read and is not stored yet.
    waiting: Room,
    /// Told when the plan changed, so that `run` looks at it at once.
    changed: Arc<Notify>,
}

/// What came of polling one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollReport {
    /// The source.
    pub name: Slug,
    /// What came of it.
    pub outcome: PollOutcome,
}

/// See [`PollReport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollOutcome {
    /// A document was read.
    Read(Admitted),
    /// The origin said that nothing changed.
    Unchanged,
    /// It failed, and why.
    Failed(String),
    /// The origin said that the source is no more.
    Gone(String),
    /// It was not asked: it will be.
    Deferred(String),
    /// The database could not keep what came: it will be asked again.
    NotStored(String),
    /// There is no such source in the configuration.
    Unknown,
}

impl PollReport {
    /// Whether posts came or changed, so that feeds need another look.
    #[must_use]
    pub fn brought_something(&self) -> bool {
        matches!(&self.outcome, PollOutcome::Read(admitted)
            if !(admitted.new.is_empty() && admitted.seeded.is_empty() && admitted.changed.is_empty()
                && admitted.back.is_empty()))
    }
}

impl Poller {
    /// A poller of the sources in `config`.
    #[must_use]
    pub fn new(store: Store, client: Client, clock: Clock, chance: Chance, config: Live) -> Self {
        let readers = Arc::new(Semaphore::new(READERS));
        let changed = Arc::new(Notify::new());
        Self { store, client, clock, chance, config, readers, waiting: Room::new(), changed }
    }

    /// Does what storing posts left to be done later: what they are found by is put into its order.
    pub async fn put_in_order(&self) -> Result<(), StoreError> {
        self.store.sort_keys().await?;
        self.store.sort_words().await.map(drop)
    }

    /// Makes the store and the HTTP client match the configuration: at the
    /// start, and after each reload.
    pub async fn adopt_config(&self) -> Result<(), StoreError> {
        let config = self.config.load_full();
        let now = self.clock.now();
        self.client.reconfigure(&config.fetch, &config.site.base_url);
        self.store.sync_sources(&config.sources, now).await?;
        let plans = self.store.plans(now).await?;
        let named: Vec<_> = plans.iter().map(|plan| (plan.id, channels(&config, &plan.pace))).collect();
        self.store.sync_hubs(&named, &config.site.base_url, now).await?;
        let sources: HashMap<&Slug, &Source> = config.sources.iter().map(|source| (&source.name, source)).collect();
        let mut earlier = Vec::new();
        for plan in plans.into_iter().filter(|plan| plan.is_well && plan.next_poll_at > now) {
            // A schedule may have become denser; a source is never asked more often than allowed.
            let Some(source) = sources.get(&plan.name) else { continue };
            let (polled_at, push) = (plan.polled_at.unwrap_or(now), self.push_of(&config, plan.id, &plan.pace).await?);
            let distance = self.distance(source, plan.id, push.as_ref(), &[], polled_at).await?;
            let next = next_slot(&source.schedule, polled_at, distance, &plan.pace).max(now);
            if next < plan.next_poll_at {
                earlier.push((plan.name, next));
            }
        }
        self.store.hasten_polls(&earlier).await?;
        self.changed.notify_one();
        Ok(())
    }

    /// Tells the owner of the sources that have failed for a day or whose page
    /// broke, and of those that are well again. Returns of how many.
    pub async fn tell_of_health(&self) -> Result<usize, StoreError> {
        self.store.tell_of_health(self.config.load().site.owner.as_ref(), self.clock.now()).await
    }

    /// Looks at the plan at once, whenever told that something outside changed it.
    #[must_use]
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// What a hub does for a source of this pace.
    async fn push_of(&self, config: &Config, id: SourceId, pace: &Pace) -> Result<Option<Push>, StoreError> {
        let channels = channels(config, pace);
        if channels.is_empty() {
            return Ok(None);
        }
        // Another channel than before promises nothing yet.
        Ok(self.store.push_of(id).await?.filter(|push| channels.contains(&push.channel)))
    }

    /// One poll, from the claim to its end.
    async fn poll(&self, claim: SourceClaim, stop: &CancellationToken) -> PollReport {
        let name = claim.name.clone();
        let outcome = match self.poll_claimed(claim, stop).await {
            Ok(outcome) => outcome,
            // Its claim ends with its lease; validators have not moved (P1).
            Err(error) => PollOutcome::NotStored(error.to_string()),
        };
        PollReport { name, outcome }
    }

    async fn poll_claimed(&self, claim: SourceClaim, stop: &CancellationToken) -> Result<PollOutcome, StoreError> {
        let config = self.config.load_full();
        let started = self.clock.now();
        let Some(source) = config.source(&claim.name) else {
            // Removed by a reload between the claim and here.
            self.store.finish_poll(claim, PollEnd::GivenBack, None, started, started).await?;
            return Ok(PollOutcome::Unknown);
        };
        // Only the network is cut by a stop; nothing has been written by then.
        let found = tokio::select! {
            found = self.look(&claim, source) => found,
            () = stop.cancelled() => {
                self.store.finish_poll(claim, PollEnd::GivenBack, None, started, started).await?;
                return Ok(PollOutcome::Deferred("stopped before it answered".to_owned()));
            }
        };
        match found {
            Ok(Found::Document(arrived)) => self.admit(claim, (&config, source), *arrived, (started, stop)).await,
            Ok(Found::Unchanged { permanent_to, max_age }) => {
                self.follow_move(&claim, permanent_to.as_ref()).await?;
                let push = self.push_of(&config, claim.id, &claim.pace).await?;
                let distance = self.distance(source, claim.id, push.as_ref(), &[], started).await?;
                let pace = Pace { at_least: claim.pace.at_least.max(max_age), ..claim.pace.clone() };
                let next = next_slot(&source.schedule, started, distance, &pace);
                self.finish(claim, &config, PollEnd::Unchanged, next).await
            }
            Ok(Found::Gone) => {
                let why = format!(
                    "{} answered 410 Gone: its owner has taken it away for good, and it is not asked again. If the blog \
                     has moved, give its new address to the source `{}` in config.toml; if this was a mistake of theirs, \
                     run `syndicated source resume {}`.",
                    shown(&source.url),
                    claim.name,
                    claim.name
                );
                let next = next_slot(&source.schedule, started, config.fetch.min_interval, &claim.pace);
                self.finish(claim, &config, PollEnd::Gone(why), next).await
            }
            Err(trouble) if trouble.deferred => {
                let now = self.clock.now();
                let back = now.plus(trouble.retry_after.unwrap_or_default()).plus(self.chance.jitter(BUSY_REST, 0.1));
                self.store.finish_poll(claim, PollEnd::GivenBack, None, back, now).await?;
                Ok(PollOutcome::Deferred(trouble.why))
            }
            Err(trouble) => {
                let rest = self.rest(claim.failures, config.fetch.min_interval, trouble.retry_after);
                let end = match &trouble {
                    Trouble { missing: Some(Missing::Habit), .. } => PollEnd::Broken,
                    Trouble { wrong_address: true, .. } if claim.feed_url.is_some() => PollEnd::Lost,
                    Trouble { missing: Some(Missing::Feed), .. } => PollEnd::Sought,
                    _ => PollEnd::Failed,
                };
                self.finish(claim, &config, end(trouble.why), self.clock.now().plus(rest)).await
            }
        }
    }

    async fn admit(
        &self,
        claim: SourceClaim,
        (config, source): (&Config, &Source),
        arrived: Arrived,
        (started, stop): (Timestamp, &CancellationToken),
    ) -> Result<PollOutcome, StoreError> {
        let believed = self.follow_move(&claim, arrived.permanent_to.as_ref()).await?;
        let repairs = &arrived.feed.reading.repairs;
        let repaired = (!repairs.is_empty()).then(|| repairs.to_string());
        let mut entries = arrived.feed.entries;
        let complete = arrived.feed.reading.is_whole() && entries.len() < MAX_ENTRIES;
        let document = arrived.feed.reading.document;
        let pages = self.complete(&claim, source, &mut entries, stop).await?;
        let harvest = match list::harvest(&claim, source, document.kind, &entries, &pages) {
            Ok(harvest) => harvest,
            Err(end) => {
                let rest = self.rest(claim.failures, config.fetch.min_interval, None);
                return self.finish(claim, config, end, self.clock.now().plus(rest)).await;
            }
        };
        let pace = arrived.feed.reading.pace;
        let push = self.push_of(config, claim.id, &pace).await?;
        let dates: Vec<_> = entries.iter().filter_map(|arriving| arriving.entry.published).collect();
        let distance = self.distance(source, claim.id, push.as_ref(), &dates, started).await?;
        let concealed = push.filter(|push| is_concealed(push, claim.ok_at, &dates, started));
        let arrival = Arrival {
            entries,
            title: document.title,
            link: document.link,
            language: document.language,
            feed_url: arrived
                .discovered
                .or(believed)
                .or_else(|| claim.feed_url.clone().filter(|_| source.list().is_none())),
            // A page that is still to be read is tried again, although the document stays the same.
            etag: arrived.etag.filter(|_| !pages.pending),
            last_modified: arrived.last_modified.filter(|_| !pages.pending),
            repaired,
            next_poll_at: next_slot(&source.schedule, started, distance, &pace),
            channels: channels(config, &pace),
            pace,
            harvest,
            absences: config.fetch.retract_after.map(|retract_after| Absences {
                deleted: document.deleted,
                complete,
                retract_after,
            }),
            seed: source.seed,
            filter: source.filter.clone(),
            review: config
                .newsletters
                .iter()
                .any(|newsletter| newsletter.review_posts && newsletter.takes(&source.name)),
        };
        let admitted = self.store.admit(claim, arrival, self.clock.now()).await?;
        if let Some(push) = concealed
            && !admitted.new.is_empty()
        {
            self.distrust(source, &push).await?;
        }
        if !admitted.held.is_empty() {
            tracing::warn!(
                source = %source.name, held = admitted.held.len(),
                "many posts look new but resemble old ones; they are held until somebody lets them out (`syndicated post release --source {name}`) or not (`post drop --source {name}`)",
                name = source.name
            );
        }
        Ok(if admitted.fenced_out { lost_claim() } else { PollOutcome::Read(admitted) })
    }

    /// Watches a permanent redirect; returns its target once it is believed.
    async fn follow_move(&self, claim: &SourceClaim, to: Option<&HttpUrl>) -> Result<Option<HttpUrl>, StoreError> {
        let now = self.clock.now();
        if let (Some((seen, since)), Some(to)) = (&claim.moved, to)
            && seen == to
            && now.since(*since) >= BELIEVED_AFTER
        {
            self.store.believe_move(claim, to).await?;
            tracing::info!(source = %claim.name, to = %shown(to), "the source has moved for good, and is asked there from now on");
            return Ok(Some(to.clone()));
        }
        self.store.note_move(claim, to, now).await?;
        Ok(None)
    }

    async fn finish(
        &self,
        claim: SourceClaim,
        config: &Config,
        end: PollEnd,
        next: Timestamp,
    ) -> Result<PollOutcome, StoreError> {
        let outcome = match &end {
            PollEnd::Unchanged => PollOutcome::Unchanged,
            PollEnd::Failed(why) | PollEnd::Lost(why) | PollEnd::Broken(why) | PollEnd::Sought(why) => {
                PollOutcome::Failed(why.clone())
            }
            PollEnd::Gone(why) => PollOutcome::Gone(why.clone()),
            PollEnd::GivenBack => lost_claim(),
        };
        let written = self.store.finish_poll(claim, end, config.site.owner.as_ref(), next, self.clock.now()).await?;
        Ok(if written { outcome } else { lost_claim() })
    }
}

fn lost_claim() -> PollOutcome {
    PollOutcome::Deferred("another node took it over, and nothing was written".to_owned())
}
