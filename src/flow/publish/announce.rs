//! How readers that wait for a push learn of what is new: the hubs that the
//! configuration names are told which feeds have changed, and fetch them (WebSub).
//!
//! Kept here: no poll waits for a hub, and no hub for another; many posts at once
//! are one piece of news; what could not be told is told later, after a restart as
//! well; what a hub refuses for good is said once and not repeated.

use super::feed::FeedOf;
use crate::clock::{Chance, Clock};
use crate::config::{Config, Live};
use crate::domain::slug::Slug;
use crate::net::{Client, FetchError, shown};
use crate::publish::Format;
use crate::store::{Store, StoreError, TellClaim, Told};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// What comes in within this time is told together.
const TOGETHER: Duration = Duration::from_secs(1);
/// How long a hub is left alone once it was told: a burst that goes on is a few
/// pieces of news and not hundreds.
const DISTANCE: Duration = Duration::from_secs(10);
/// The first wait after a hub could not be told; it doubles up to an hour.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_hours(1);
/// The longest rest that a hub may ask for.
const LONGEST_REST: Duration = Duration::from_hours(24);
/// How long a hub is left alone that refused all that it was told.
const AFTER_REFUSAL: Duration = Duration::from_hours(1);
/// How long a hub is kept from other nodes: longer than a round takes.
const CLAIMED_FOR: Duration = Duration::from_mins(10);
/// No round goes on for longer; what is left is told in the next.
const ROUND: Duration = Duration::from_mins(2);
/// Of so many feeds a hub is told in a round, and so many sources are looked at.
const AT_ONCE: u32 = 100;

/// How late it may be noticed what another process (a command, another node) stored.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// After a step failed (the database is away), the next try.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// Tells hubs of changes. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Announcer {
    store: Store,
    client: Client,
    clock: Clock,
    chance: Chance,
    config: Live,
    /// How long the nodes that serve feeds may take to see what is new.
    seen_within: Duration,
}

impl Announcer {
    /// Tells the hubs in `config`. Other nodes serve what is new within `seen_within`:
    /// a hub fetches a feed at once, and must not find the old one.
    #[must_use]
    pub fn new(
        store: Store,
        client: Client,
        clock: Clock,
        chance: Chance,
        config: Live,
        seen_within: Duration,
    ) -> Self {
        Self { store, client, clock, chance, config, seen_within }
    }

    /// Finds out which feeds have changed, so that hubs are to be told of them.
    /// Returns of how many.
    pub async fn gather(&self) -> Result<usize, StoreError> {
        let config = self.config.load_full();
        if config.feeds.hubs.is_empty() {
            return Ok(0);
        }
        let mut feeds = 0;
        loop {
            let changed = self.store.sources_with_news(AT_ONCE).await?;
            if changed.is_empty() {
                return Ok(feeds);
            }
            let names: Vec<&Slug> = changed.iter().map(|(_, name, _)| name).collect();
            let concerned = concerned(&config, &names);
            let told: Vec<_> = changed.iter().map(|(id, _, revision)| (*id, *revision)).collect();
            let at = self.clock.now().plus(TOGETHER.max(self.seen_within));
            self.store.add_news(&told, &concerned, at).await?;
            feeds += concerned.len();
        }
    }

    /// Tells hubs until the stop. `changed` is told when posts have changed; `found`
    /// is called when it was found that they have.
    pub async fn run(&self, stop: &CancellationToken, changed: &Notify, found: impl Fn()) {
        // One hub's round goes on while others begin. Each is a task: one that is not looked after for a while would keep
        // what it holds of the database.
        let mut rounds = JoinSet::new();
        while !stop.is_cancelled() {
            let pause = match self.begin(&found).await {
                Ok((claims, pause)) => {
                    for claim in claims {
                        let (announcer, stop) = (self.clone(), stop.clone());
                        rounds.spawn(async move { announcer.tell(claim, &stop).await });
                    }
                    pause
                }
                Err(error) => {
                    tracing::error!(%error, "cannot see what hubs are to be told");
                    AFTER_TROUBLE
                }
            };
            tokio::select! {
                Some(ended) = rounds.join_next() => note(&ended),
                () = self.clock.sleep(pause) => {}
                () = changed.notified() => {}
                () = stop.cancelled() => {}
            }
        }
        while let Some(ended) = rounds.join_next().await {
            note(&ended);
        }
    }

    /// Gathers what is new and claims the hubs that are due; how long until the next look.
    async fn begin(&self, found: &impl Fn()) -> Result<(Vec<TellClaim>, Duration), StoreError> {
        if self.gather().await? > 0 {
            found();
        }
        let claims = self.claim().await?;
        if self.config.load().feeds.hubs.is_empty() {
            return Ok((claims, LOOK_AGAIN));
        }
        let next = self.store.next_telling_at().await?;
        Ok((claims, next.map_or(LOOK_AGAIN, |at| at.since(self.clock.now()).min(LOOK_AGAIN))))
    }

    /// Tells the hubs that are due. Returns how many were spoken to. A round that a
    /// stop cuts off is told again.
    pub async fn tell_due(&self, stop: &CancellationToken) -> Result<usize, StoreError> {
        let claims = self.claim().await?;
        let spoken = claims.len();
        for ended in join_all(claims.into_iter().map(|claim| self.tell(claim, stop))).await {
            ended?;
        }
        Ok(spoken)
    }

    async fn claim(&self) -> Result<Vec<TellClaim>, StoreError> {
        let now = self.clock.now();
        let none = self.config.load().feeds.hubs.is_empty();
        if none || self.store.next_telling_at().await?.is_none_or(|next| next > now) {
            return Ok(Vec::new());
        }
        self.store.claim_told(now, CLAIMED_FOR, AT_ONCE).await
    }

    async fn tell(&self, claim: TellClaim, stop: &CancellationToken) -> Result<(), StoreError> {
        let config = self.config.load_full();
        let (hub, began) = (shown(&claim.hub), self.clock.now());
        let (mut told, mut rest) = (Told::default(), DISTANCE);
        for news in &claim.feeds {
            if self.clock.now().since(began) > ROUND {
                rest = Duration::ZERO;
                break;
            }
            let answer = tokio::select! {
                answer = self.tell_of(&config, &claim, &news.0) => answer,
                () = stop.cancelled() => {
                    rest = Duration::ZERO;
                    break;
                }
            };
            match answer {
                Ok(refused) => {
                    told.taken |= refused.len() < Format::ALL.len();
                    told.trouble = refused.into_iter().next().or(told.trouble);
                }
                Err((why, wanted)) => {
                    rest = self.retry(claim.failures).max(wanted.unwrap_or_default().min(LONGEST_REST));
                    told.trouble = Some(why);
                    told.failed = true;
                    break;
                }
            }
            told.done.push(news.clone());
        }
        if !told.taken && !told.failed && told.trouble.is_some() {
            rest = AFTER_REFUSAL;
        }
        let known = self.store.told_hubs().await?;
        let known = known.into_iter().find(|known| known.hub == claim.hub.as_str()).and_then(|known| known.trouble);
        match &told.trouble {
            Some(why) if known.as_ref() != Some(why) => {
                let again = if told.failed { "it is told again" } else { "it is told of the next change" };
                tracing::warn!(%hub, why, "a hub was not told that a feed has changed; {again}");
            }
            Some(_) => {}
            None => tracing::debug!(%hub, feeds = told.done.len(), "a hub was told"),
        }
        let now = self.clock.now();
        self.store.finish_telling(claim, &told, now.plus(rest), now).await
    }

    /// Tells a hub that a feed has changed, in each of its forms; which of them it
    /// refuses, or why it cannot be told now and how long it wants to rest. Hubs differ
    /// in what they call a feed (`hub.url` in the days of `PubSubHubbub`, `hub.topic` in
    /// WebSub).
    async fn tell_of(
        &self,
        config: &Config,
        claim: &TellClaim,
        feed: &str,
    ) -> Result<Vec<String>, (String, Option<Duration>)> {
        let mut refused = Vec::new();
        for format in Format::ALL {
            let topic = config.url(&format!("/{feed}.{format}"));
            let fields = [("hub.mode", "publish"), ("hub.url", topic.as_str()), ("hub.topic", topic.as_str())];
            match self.client.send_form(&claim.hub, &fields).await {
                Ok(()) => {}
                Err(FetchError::Temporary { retry_after: rest, why } | FetchError::NotAsked { rest, why }) => {
                    return Err((why, rest));
                }
                Err(error) => refused.push(format!("it refuses /{feed}.{format}: {error}")),
            }
        }
        Ok(refused)
    }

    fn retry(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.chance.jitter(FIRST_RETRY.saturating_mul(factor).min(LONGEST_RETRY), 0.1)
    }
}

fn note(ended: &Result<Result<(), StoreError>, JoinError>) {
    let error = match ended {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(error, "what a hub was told could not be written down; it is told again");
}

/// The feeds that show posts of these sources, as they stand on the site: what
/// [`super::FeedKey::is_announced`] lets through.
fn concerned(config: &Config, changed: &[&Slug]) -> Vec<String> {
    let mut feeds = BTreeSet::from([FeedOf::Site.path()]);
    for name in changed {
        if config.source(name).is_some() {
            feeds.insert(FeedOf::Source((*name).clone()).path());
        }
        let taking = config.newsletters.iter().filter(|newsletter| newsletter.takes(name));
        feeds.extend(taking.map(|newsletter| FeedOf::Newsletter(newsletter.name.clone()).path()));
    }
    feeds.into_iter().collect()
}
