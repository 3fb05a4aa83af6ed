//! The story of a post at a second outlet: when it has settled it is decided whether
//! it goes there, and written down; then it is claimed, handed over, and what the
//! outlet said is written to it. Corrections and withdrawals follow in the same way.
//!
//! Kept here: an outlet hears of a post only after the attempt is durable (P14); what
//! may have arrived is looked up before it is sent again, and where nobody can tell, a
//! person decides; no outlet waits for another (P15); a refusal says why and is final.

mod by_hand;
mod compose;
mod verdict;

pub use by_hand::{ByHand, Preview};

use crate::clock::{Chance, Clock};
use crate::config::{Config, Live};
use crate::domain::id::PostId;
use crate::domain::outlet::{Found, Gone, OnAmbiguous, Outcome, Outlet, Task};
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use crate::net::Client;
use crate::outlet::{self, Means, Protocol};
use crate::render::Renderer;
use crate::store::{OutletClaim, OutletSettlement, Store, StoreError, Urge};
use compose::Composer;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long an attempt is kept from other nodes: longer than its deadlines.
const CLAIMED_FOR: Duration = Duration::from_mins(10);
/// How late it may be noticed what another process (a command, another node) stored.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How late it may be noticed that a post has settled.
const GATHER_AGAIN: Duration = Duration::from_mins(1);
/// After a step failed (the database is away), the next try.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);
/// When it is looked again at a post that may not be shown just now.
const NOT_NOW: Duration = Duration::from_mins(10);
/// So many characters of a hash tell posts apart at an outlet.
const KEY: usize = 32;

/// Hands posts to outlets. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Crossposter {
    store: Store,
    client: Client,
    clock: Clock,
    chance: Chance,
    config: Live,
    renderer: Arc<Renderer>,
}

impl Crossposter {
    /// Hands on to the outlets in `config`.
    #[must_use]
    pub fn new(
        store: Store,
        client: Client,
        clock: Clock,
        chance: Chance,
        config: Live,
        renderer: Arc<Renderer>,
    ) -> Self {
        Self { store, client, clock, chance, config, renderer }
    }

    /// Decides what outlets get of what has settled, and what is to be done with what they have. Returns how much is
    /// to be done that was not before.
    pub async fn gather(&self) -> Result<u64, StoreError> {
        let (config, mut found) = (self.config.load_full(), 0);
        for outlet in &config.outlets {
            found += self.decide(outlet).await?;
            found += self.store.follow_up(outlet, self.clock.now()).await?;
            self.store.note_copies(outlet).await?;
        }
        Ok(found)
    }

    async fn decide(&self, outlet: &Outlet) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let mut decided = Vec::new();
        for candidate in self.store.outlet_candidates(outlet, now).await? {
            let passed = match candidate.passed {
                Some(why) => Some(why),
                None => {
                    let Some(post) = self.store.post(candidate.post).await? else { continue };
                    outlet.intake.left_out(&post).map(|reason| format!("left out by {}", reason.as_str()))
                }
            };
            decided.push((candidate.post, passed));
        }
        if decided.is_empty() {
            return Ok(0);
        }
        self.store.decide_for_outlet(&outlet.name, &decided, now.plus(outlet.timing.delay), now).await
    }

    /// Does what is due at every outlet, one post after another at each. Returns how many attempts were made.
    pub async fn hand_on_due(&self, stop: &CancellationToken) -> Result<usize, StoreError> {
        let config = self.config.load_full();
        let rounds = config.outlets.iter().map(|outlet| self.round(&config, outlet, stop));
        join_all(rounds).await.into_iter().sum()
    }

    /// Hands on until the stop. `changed` is told when posts have changed; `published` is called when an outlet took
    /// something, which pages and feeds then say.
    pub async fn run(&self, stop: &CancellationToken, changed: &Notify, published: impl Fn()) {
        // One outlet's round goes on while others begin. Each is a task: one that is not looked after for a while would
        // keep what it holds of the database.
        let (mut rounds, mut busy) = (JoinSet::new(), HashMap::new());
        let mut gather_at = self.clock.now();
        while !stop.is_cancelled() {
            let config = self.config.load_full();
            let (now, mut pause) = (self.clock.now(), LOOK_AGAIN);
            let gathered = if now >= gather_at { self.gather().await } else { Ok(0) };
            match gathered {
                Ok(_) => {
                    gather_at = if now >= gather_at { now.plus(GATHER_AGAIN) } else { gather_at };
                    for outlet in &config.outlets {
                        if busy.values().any(|name| *name == outlet.name) {
                            continue;
                        }
                        let (crossposter, config, outlet, stop) =
                            (self.clone(), config.clone(), outlet.clone(), stop.clone());
                        let name = outlet.name.clone();
                        let round = rounds.spawn(async move { crossposter.round(&config, &outlet, &stop).await });
                        busy.insert(round.id(), name);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "cannot see what outlets are to be handed");
                    pause = AFTER_TROUBLE;
                }
            }
            // A round ends when nothing more can be done: there is nothing to begin anew before the next look.
            let mut pause = std::pin::pin!(self.clock.sleep(pause));
            loop {
                tokio::select! {
                    Some(done) = rounds.join_next_with_id() => {
                        ended(&mut busy, done, &published);
                        continue;
                    }
                    () = &mut pause => {}
                    () = changed.notified() => gather_at = self.clock.now(),
                    () = stop.cancelled() => {}
                }
                break;
            }
        }
        while let Some(done) = rounds.join_next_with_id().await {
            ended(&mut busy, done, &published);
        }
    }

    fn protocol(&self, config: &Config, outlet: &Outlet) -> Box<dyn Protocol> {
        let means = Means { config, renderer: &self.renderer, client: &self.client, clock: &self.clock };
        outlet::open(outlet, &means)
    }

    /// Does what is due at an outlet, until there is nothing more.
    async fn round(&self, config: &Config, outlet: &Outlet, stop: &CancellationToken) -> Result<usize, StoreError> {
        let mut done = 0;
        while !stop.is_cancelled() {
            let now = self.clock.now();
            if !self.store.has_task_at_outlet(&outlet.name, now).await? {
                break;
            }
            let Some(claim) = self.store.claim_for_outlet(&outlet.name, urge(outlet, now), now, CLAIMED_FOR).await?
            else {
                break;
            };
            self.hand_on(config, outlet, claim).await?;
            done += 1;
        }
        Ok(done)
    }

    /// One attempt, from the claim to what came of it.
    async fn hand_on(&self, config: &Config, outlet: &Outlet, mut claim: OutletClaim) -> Result<(), StoreError> {
        let protocol = self.protocol(config, outlet);
        let key = key(config, outlet, claim.post, claim.round);
        // What changes from here on is another correction.
        let read_at = self.clock.now();
        let settlement = match self.attempt(outlet, &*protocol, &mut claim, &key).await? {
            Some((outcome, sent)) => self.judge(outlet, &claim, outcome, sent.map(|sent| (sent, read_at))),
            None => OutletSettlement::GivenBack { at: self.clock.now().plus(NOT_NOW) },
        };
        verdict::log(&claim, &settlement);
        if !self.store.settle_for_outlet(claim, &settlement, self.clock.now()).await? {
            tracing::warn!(outlet = %outlet.name, "what an outlet said came too late: another node has asked it again");
        }
        Ok(())
    }

    /// Asks the outlet for what is claimed; what came of it, and a digest of what it was sent, where it has nothing
    /// older. `None` when the post may not be shown any more.
    async fn attempt(
        &self,
        outlet: &Outlet,
        protocol: &dyn Protocol,
        claim: &mut OutletClaim,
        key: &str,
    ) -> Result<Option<(Outcome, Option<String>)>, StoreError> {
        let post = self.store.post(claim.post).await?;
        if let (Task::Delete, Some(receipt)) = (claim.task, &claim.receipt) {
            let gone = gone(post.as_ref(), key);
            return Ok(Some((protocol.delete(&gone, receipt).await, None)));
        }
        let composer = Composer { store: &self.store, renderer: &self.renderer };
        let Some(post) = post.filter(Post::is_shown) else { return Ok(None) };
        let manuscript = composer.manuscript(outlet, &post, key.to_owned()).await?;
        let sent = manuscript.fingerprint();
        // What it got earlier is what it has, whatever the post has become since.
        let mut has_older = false;
        let outcome = match (claim.task, &claim.receipt) {
            (Task::Update, Some(receipt)) if claim.sent.as_ref() == Some(&sent) => Outcome::Done(receipt.clone()),
            (Task::Update, Some(receipt)) => protocol.update(&manuscript, receipt).await,
            _ if claim.in_doubt => match protocol.find(&manuscript).await {
                Found::There(receipt) => {
                    has_older = true;
                    Outcome::Done(receipt)
                }
                Found::Later { why, after } => Outcome::Later { why, after },
                Found::Missing => {
                    claim.in_doubt = false;
                    protocol.post(&manuscript).await
                }
                Found::CannotTell if outlet.on_ambiguous == OnAmbiguous::Look && !claim.urgent => {
                    has_older = true;
                    Outcome::InDoubt("it cannot be asked whether it has the post".to_owned())
                }
                Found::Known => {
                    has_older = claim.sent.is_some();
                    protocol.post(&manuscript).await
                }
                // A person said that it is to be sent again.
                Found::CannotTell => protocol.post(&manuscript).await,
            },
            _ => protocol.post(&manuscript).await,
        };
        Ok(Some((outcome, (!has_older).then_some(sent))))
    }
}

/// What an outlet is told of a post that is to be taken down.
fn gone(post: Option<&Post>, key: &str) -> Gone {
    let title = post.map(|post| post.entry.title.trim()).filter(|title| !title.is_empty());
    let url = post.and_then(|post| post.entry.url.clone());
    Gone { key: key.to_owned(), title: title.unwrap_or(key).to_owned(), url }
}

/// What of an outlet may be done now: no new post in its quiet hours, nor beyond its number of a day.
fn urge(outlet: &Outlet, now: Timestamp) -> Urge {
    let most = if outlet.timing.quiet_until(now).is_some() { Some(0) } else { outlet.timing.per_day };
    Urge::Due { since: outlet.timing.day(now).0, most }
}

/// What an outlet may know a post by.
fn key(config: &Config, outlet: &Outlet, post: PostId, round: u32) -> String {
    let site = config.site.base_url.as_str();
    sha256_hex(format!("{site}\0{}\0{post}\0{round}", outlet.name).as_bytes()).chars().take(KEY).collect()
}

/// Notes that an outlet's round has ended.
fn ended(
    busy: &mut HashMap<Id, Slug>,
    done: Result<(Id, Result<usize, StoreError>), JoinError>,
    published: &impl Fn(),
) {
    let (id, done) = match done {
        Ok((id, done)) => (id, done.map_err(|error| error.to_string())),
        Err(error) => (error.id(), Err(error.to_string())),
    };
    let name = busy.remove(&id);
    match done {
        Ok(0) => {}
        Ok(_) => published(),
        Err(error) => tracing::error!(outlet = ?name, error, "an outlet stands still; it is tried again"),
    }
}
