//! How mails leave: the courier.
//!
//! One loop keeps the ledger. Each turn it writes the verdicts that have come
//! back and takes as many new attempts as connections are idle, in one
//! transaction (see `store::deliveries`); each attempt then runs in a task of
//! its own over a session of its own. At most one mail per connection is in
//! flight (P4); a relay in trouble rests and costs no recipient anything (P10);
//! a lost answer is kept as `unknown` (P6).

mod breaker;
mod copy;
mod session;
mod verdict;

pub use copy::sample;

use crate::clock::{Chance, Clock};
use crate::config::{Config, Live, OnAmbiguous};
use crate::domain::delivery::Verdict;
use crate::domain::id::DigestId;
use crate::domain::time::Timestamp;
use crate::lifecycle::Stop;
use crate::mail::{Deadlines, Transport};
use crate::render::Renderer;
use crate::store::{Attempt, Content, Courier, DigestContent, Settled, Settlement, Store, StoreError};
use breaker::Breaker;
use session::{Idle, hand_over};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use verdict::Health;

/// An attempt may be doubted by another node this long after all deadlines of a
/// session together have passed: time for its verdict to be written.
const GRACE: Duration = Duration::from_mins(10);

/// How often a stopping courier tries to write the last verdicts, a second apart.
const LAST_WORDS: u32 = 10;

/// How soon rows that another process wrote are noticed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Sends what is due.
#[derive(Debug, Clone)]
pub struct Deliverer {
    store: Store,
    config: Live,
    renderer: Arc<Renderer>,
    clock: Clock,
    chance: Chance,
    node: String,
    deadlines: Deadlines,
    wake: Arc<Notify>,
}

/// What one run of the courier did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Mails that the relay took.
    pub sent: u64,
    /// Mails refused for good.
    pub bounced: u64,
    /// Mails to be tried again.
    pub deferred: u64,
    /// Mails whose fate is not known.
    pub unknown: u64,
}

/// What an attempt's task brings back.
struct Return {
    attempt: Attempt,
    verdict: Verdict,
    idle: Option<Idle>,
}

impl Deliverer {
    /// Sends from `store`, as `node`, what the configuration says at each moment.
    #[must_use]
    pub fn new(
        store: Store,
        config: Live,
        renderer: Arc<Renderer>,
        clock: Clock,
        chance: Chance,
        node: String,
    ) -> Self {
        let deadlines = Deadlines::default();
        Self { store, config, renderer, clock, chance, node, deadlines, wake: Arc::new(Notify::new()) }
    }

    /// The same with other deadlines towards the relay.
    #[must_use]
    pub fn with_deadlines(self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self }
    }

    /// What to notify when a delivery was written.
    #[must_use]
    pub fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// Sends until the stop; then finishes the mails in hand and settles them.
    pub async fn run(&self, stop: &Stop) {
        let mut round = Round::new(self);
        while !stop.is_soft() {
            let pause = match round.turn(false).await {
                Ok(Next::Again) => continue,
                Ok(Next::Idle(pause)) => pause.min(LOOK_AGAIN),
                Err(error) => {
                    tracing::error!(%error, "deliveries stand still");
                    Duration::from_secs(10)
                }
            };
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = self.wake.notified() => {}
                () = stop.soft() => {}
            }
        }
        round.finish().await;
    }

    /// Sends until nothing is due now, and says what came of it. A relay in
    /// trouble ends it too: what is left waits.
    pub async fn drain(&self) -> Result<Tally, StoreError> {
        let mut round = Round::new(self);
        let outcome = loop {
            match round.turn(false).await {
                Ok(Next::Again) => {}
                Ok(Next::Idle(_)) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        round.finish().await;
        outcome.map(|()| round.tally)
    }

    /// Puts in doubt what an earlier life of this node left behind.
    pub async fn recover(&self) -> Result<u64, StoreError> {
        let hold = self.config.load().mail.on_ambiguous == OnAmbiguous::Hold;
        let lost = self.store.recover_attempts(&self.node, hold, self.clock.now()).await?;
        if lost > 0 {
            tracing::warn!(mails = lost, "syndicated ended in the middle of these deliveries; their fate is unknown");
        }
        Ok(lost)
    }
}

/// What the loop does next.
enum Next {
    /// Take the next turn.
    Again,
    /// Nothing is in flight and nothing is due for that long.
    Idle(Duration),
}

/// The state of one run.
struct Round<'a> {
    courier: &'a Deliverer,
    in_flight: JoinSet<Return>,
    sessions: Vec<Idle>,
    settled: Vec<Settled>,
    breaker: Breaker,
    health: Health,
    /// Each mail of each digest, by its number.
    contents: HashMap<(DigestId, i64), Arc<DigestContent>>,
    recovered_at: Timestamp,
    tally: Tally,
}

impl<'a> Round<'a> {
    fn new(courier: &'a Deliverer) -> Self {
        Self {
            courier,
            in_flight: JoinSet::new(),
            sessions: Vec::new(),
            settled: Vec::new(),
            breaker: Breaker::default(),
            health: Health::default(),
            contents: HashMap::new(),
            recovered_at: courier.clock.now(),
            tally: Tally::default(),
        }
    }

    /// One turn: commit and take, start what was taken, wait for what comes back.
    async fn turn(&mut self, stopping: bool) -> Result<Next, StoreError> {
        let courier = self.courier;
        let config = courier.config.load_full();
        let now = courier.clock.now();
        let idle = config.mail.connections.saturating_sub(self.in_flight.len());
        let wanted = if stopping { 0 } else { idle.min(self.breaker.allows(now)) };
        let mut more = false;
        // Before more of it is taken; what is in flight waits too when it is settled.
        for (digest, trouble) in self.health.verdicts() {
            courier.store.pause_digest(digest, &trouble, config.site.owner.as_ref(), now).await?;
            tracing::error!(digest = digest.0, trouble, "this digest is paused");
            self.health.stopped(digest);
        }
        if wanted > 0 || !self.settled.is_empty() {
            let lease = courier.deadlines.longest() + GRACE;
            let rules = Courier { node: courier.node.clone(), lease, secret: config.secret.clone() };
            let turn = courier.store.turn(&self.settled, wanted, &rules, now).await?;
            // Only now: verdicts that could not be written are written by the next turn.
            let ended = !self.settled.is_empty();
            self.settled.clear();
            more = turn.more;
            let mut trouble = None;
            for attempt in turn.attempts {
                if let Err(error) = self.start(&config, attempt).await {
                    trouble = Some(error);
                }
            }
            if let Some(error) = trouble {
                return Err(error);
            }
            if ended || self.in_flight.is_empty() {
                for digest in courier.store.close_digests(now).await? {
                    let balance = courier.store.balance(digest).await?;
                    tracing::info!(
                        digest = digest.0,
                        recipients = balance.recipients,
                        sent = balance.sent,
                        bounced = balance.bounced,
                        suppressed = balance.suppressed,
                        expired = balance.expired,
                        "digest done"
                    );
                    self.contents.retain(|(of, _), _| *of != digest);
                }
            }
        }
        if let Some(returned) = self.in_flight.join_next().await {
            self.take_back(&config, returned).await?;
            // Whoever else is done rides in the same transaction.
            while let Some(returned) = self.in_flight.try_join_next() {
                self.take_back(&config, returned).await?;
            }
            return Ok(Next::Again);
        }
        if more && wanted > 0 || !self.settled.is_empty() {
            return Ok(Next::Again);
        }
        self.close_sessions().await;
        self.recover_others(now).await?;
        let next = courier.store.next_delivery_at().await?.map_or(LOOK_AGAIN, |next| next.since(now));
        Ok(Next::Idle(next.max(self.breaker.rests(now))))
    }

    /// Runs an attempt in a task of its own, or gives it back when its mail
    /// cannot be read.
    async fn start(&mut self, config: &Arc<Config>, attempt: Attempt) -> Result<(), StoreError> {
        let found = match &attempt.content {
            Content::Digest { digest, variant, .. } => {
                self.content(*digest, *variant).await.map(|content| (Some(content), Vec::new()))
            }
            Content::Preview { html, .. } => {
                self.courier.store.pictures_in(html).await.map(|pictures| (None, pictures))
            }
            Content::Confirm { .. } | Content::Owner { .. } => Ok((None, Vec::new())),
        };
        let (content, pictures) = match found {
            Ok(found) => found,
            Err(error) => {
                self.settled.push(attempt.settle(Settlement::GivenBack(self.courier.clock.now())));
                return Err(error);
            }
        };
        let message = copy::write(config, &self.courier.renderer, &attempt, content.as_deref(), &pictures);
        let idle = self.sessions.pop();
        let transport = Transport::new(&config.mail.relay, self.courier.deadlines);
        let most = config.mail.mails_per_connection;
        self.in_flight.spawn(async move {
            let message = match message {
                Ok(message) => message,
                Err(reason) => return Return { attempt, verdict: Verdict::Refused { reason }, idle },
            };
            let (verdict, idle) = hand_over(&transport, idle, &message, most).await;
            Return { attempt, verdict, idle }
        });
        Ok(())
    }

    async fn content(&mut self, digest: DigestId, variant: i64) -> Result<Arc<DigestContent>, StoreError> {
        if let Some(content) = self.contents.get(&(digest, variant)) {
            return Ok(content.clone());
        }
        let content = self.courier.store.digest_content(digest, variant).await?;
        let content = content
            .ok_or_else(|| StoreError::Corrupt(format!("digest {digest} has deliveries and no mail {variant}")))?;
        let content = Arc::new(content);
        self.contents.insert((digest, variant), content.clone());
        Ok(content)
    }

    /// Turns what came back into what the ledger keeps.
    async fn take_back(
        &mut self,
        config: &Config,
        returned: Result<Return, tokio::task::JoinError>,
    ) -> Result<(), StoreError> {
        let Return { attempt, verdict, idle } = match returned {
            Ok(returned) => returned,
            Err(error) => {
                // Its row stays `attempting` and is put in doubt when its lease ends.
                tracing::error!(%error, "a delivery's task died");
                return Ok(());
            }
        };
        self.sessions.extend(idle);
        let now = self.courier.clock.now();
        if let Verdict::RelayTrouble { reason } = &verdict {
            self.breaker.trip(now, &self.courier.chance, reason);
        } else {
            self.breaker.close();
        }
        self.tally.count(&verdict);
        let digest = match attempt.content {
            Content::Digest { digest, .. } => Some(digest),
            Content::Confirm { .. } | Content::Owner { .. } | Content::Preview { .. } => None,
        };
        let settlement = verdict::settlement(&verdict, attempt.attempts, &config.mail, now, &self.courier.chance);
        self.settled.push(attempt.settle(settlement));
        if let Some(digest) = digest {
            if !self.health.knows(digest) {
                let resumed = self.content(digest, 0).await?.resumed;
                self.health.begin(digest, self.courier.store.balance(digest).await?, resumed);
            }
            self.health.count(digest, &verdict);
        }
        Ok(())
    }

    /// Takes nothing new, waits for what is in flight and writes what came of
    /// it. What cannot be written stays in doubt.
    async fn finish(&mut self) {
        for attempt in 1..=LAST_WORDS {
            match self.settle_all().await {
                Ok(()) => break,
                Err(error) if attempt == LAST_WORDS => {
                    tracing::error!(%error, "the last verdicts could not be written; those mails are in doubt now");
                }
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
        self.close_sessions().await;
    }

    async fn settle_all(&mut self) -> Result<(), StoreError> {
        while !self.in_flight.is_empty() || !self.settled.is_empty() {
            self.turn(true).await?;
        }
        Ok(())
    }

    /// Doubts the attempts of nodes that died, once in a while.
    async fn recover_others(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if now.since(self.recovered_at) > Duration::from_mins(1) {
            self.recovered_at = now;
            // Nothing of this node is in flight when the loop is idle.
            self.courier.recover().await?;
        }
        Ok(())
    }

    async fn close_sessions(&mut self) {
        for idle in self.sessions.drain(..) {
            idle.close().await;
        }
    }
}

impl Tally {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Sent { .. } => self.sent += 1,
            Verdict::Bounced { .. } => self.bounced += 1,
            Verdict::Deferred { .. } | Verdict::Refused { .. } => self.deferred += 1,
            Verdict::Unknown { .. } => self.unknown += 1,
            Verdict::RelayTrouble { .. } => {}
        }
    }
}
