//! One run of the courier: turn after turn, what came back is written and what
//! is due is taken, in one transaction, and set going.
//!
//! Invariant: whatever happens to a turn, the verdicts that it was to write are
//! kept until they are written (P8).

use super::copy::Master;
use super::domains::Domains;
use super::drafts::Drafts;
use super::lanes::{Lanes, Place};
use super::meter::day_of;
use super::refusals::Refusal;
use super::session::{Handed, hand_over};
use super::verdict::{Health, settlement};
use super::{Deliverer, LOOK_AGAIN, Tally, copy};
use crate::config::Config;
use crate::domain::delivery::Verdict;
use crate::domain::id::DigestId;
use crate::domain::time::Timestamp;
use crate::store::{Attempt, Coming, Content, Count, Courier, Results, Settled, Settlement, StoreError, Turn};
use futures_util::FutureExt as _;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// An attempt may be doubted by another node this long after all deadlines of a
/// session together have passed: time for its verdict to be written.
const GRACE: Duration = Duration::from_mins(10);

/// How often a stopping courier tries to write the last verdicts, a second apart.
const LAST_WORDS: u32 = 10;

/// While mails go, the ends of digests are looked for this often.
const LOOK_FOR_ENDS: Duration = Duration::from_secs(1);

/// How long a turn waits for mails that are about to come back.
const LINGER: Duration = Duration::from_millis(1);

/// What the loop does next.
pub(super) enum Next {
    /// Take the next turn.
    Again,
    /// Nothing is in flight and nothing is due for that long.
    Idle(Duration),
}

/// What an attempt's task brings back.
struct Return {
    attempt: Attempt,
    lane: String,
    handed: Handed,
    took: Duration,
}

/// A mail of a digest under way.
#[derive(Clone)]
struct UnderWay {
    /// Or why it cannot be written.
    master: Result<Arc<Master>, String>,
    resumed: bool,
}

/// The state of one run.
pub(super) struct Round<'a> {
    courier: &'a Deliverer,
    config: Arc<Config>,
    in_flight: JoinSet<Return>,
    lanes: Lanes,
    domains: Domains,
    /// Whether the counts of the day were read.
    counted: bool,
    settled: Vec<Settled>,
    /// Of those, the readers whom a relay refused by name.
    refused: Vec<Refusal>,
    health: Health,
    /// Each mail of each digest, by its number.
    digests: HashMap<(DigestId, i64), UnderWay>,
    drafts: Drafts,
    ends_looked_for: Timestamp,
    recovered_at: Timestamp,
    pub(super) tally: Tally,
}

impl<'a> Round<'a> {
    pub(super) fn new(courier: &'a Deliverer) -> Self {
        let (config, now) = (courier.config.load_full(), courier.clock.now());
        let (mut lanes, mut domains) = (Lanes::default(), Domains::default());
        lanes.adopt(&config.mail.lanes, courier.deadlines);
        domains.adopt(&config.mail.domains);
        Self {
            courier,
            config,
            in_flight: JoinSet::new(),
            lanes,
            domains,
            counted: false,
            settled: Vec::new(),
            refused: Vec::new(),
            health: Health::default(),
            digests: HashMap::new(),
            drafts: Drafts::default(),
            ends_looked_for: now,
            recovered_at: now,
            tally: Tally::default(),
        }
    }

    /// One turn: commit and take, start what was taken, wait for what comes back.
    pub(super) async fn turn(&mut self, stopping: bool) -> Result<Next, StoreError> {
        let courier = self.courier;
        self.follow_configuration().await;
        let now = courier.clock.now();
        self.read_counts(now).await?;
        let wanted = if stopping { 0 } else { self.lanes.room(now) };
        let mut more = false;
        // Before more of it is taken; what is in flight waits too when it is settled.
        for (digest, trouble) in self.health.verdicts() {
            courier.store.pause_digest(digest, &trouble, self.config.site.owner.as_ref(), now).await?;
            tracing::error!(digest = digest.0, trouble, "this digest is paused");
            self.health.stopped(digest);
        }
        if wanted > 0 || !self.settled.is_empty() {
            let turn = self.write_and_take(wanted, now).await?;
            more = turn.more;
            let started = self.start_all(turn.attempts, now).await;
            self.write_ahead(turn.coming).await?;
            if !more || now.since(self.ends_looked_for) >= LOOK_FOR_ENDS {
                self.end_digests(now).await?;
            }
            started?;
        }
        if more && self.lanes.room(now) > 0 && !stopping {
            // Who is due behind those that were put off.
            return Ok(Next::Again);
        }
        if !self.in_flight.is_empty() {
            self.wait(now).await?;
            return Ok(Next::Again);
        }
        if !self.settled.is_empty() {
            return Ok(Next::Again);
        }
        self.close_sessions().await;
        self.recover_others(now).await?;
        let due = courier.store.next_delivery_at().await?.unwrap_or(now.plus(LOOK_AGAIN));
        Ok(Next::Idle(self.lanes.free_at(now).map_or(due, |free| due.max(free)).since(now)))
    }

    /// Takes up a configuration that has changed.
    async fn follow_configuration(&mut self) {
        let config = self.courier.config.load_full();
        if Arc::ptr_eq(&config, &self.config) {
            return;
        }
        for idle in self.lanes.adopt(&config.mail.lanes, self.courier.deadlines) {
            idle.close().await;
        }
        self.domains.adopt(&config.mail.domains);
        // Cast anew with the sender's name that holds now.
        self.digests.clear();
        self.drafts = Drafts::default();
        self.counted = false;
        self.config = config;
    }

    /// Reads what went today, when days are limited.
    async fn read_counts(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.counted {
            return Ok(());
        }
        let day = day_of(now);
        let counts = self.courier.store.counts(day).await?;
        self.lanes.count(day, &counts);
        self.domains.count(day, counts);
        self.counted = true;
        Ok(())
    }

    /// The group commit.
    async fn write_and_take(&mut self, wanted: usize, now: Timestamp) -> Result<Turn, StoreError> {
        let courier = self.courier;
        let lease = courier.deadlines.longest() + GRACE;
        let rules = Courier { node: courier.node.clone(), lease, secret: self.config.secret.clone() };
        let counts: Vec<Count> = self.lanes.unwritten().chain(self.domains.unwritten()).collect();
        self.domains.begin_turn(now);
        let results = Results { settled: &self.settled, counts: &counts };
        let turn = match courier.store.turn(results, wanted, &mut self.domains, &rules, now).await {
            Ok(turn) => turn,
            Err(error) => {
                self.domains.undo_turn();
                return Err(error);
            }
        };
        // Only now: verdicts that could not be written are written by the next turn.
        self.settled.clear();
        for refusal in std::mem::take(&mut self.refused) {
            // Their mails are settled: what cannot be counted now is one bounce less, and no harm.
            if let Err(error) = refusal.tell(&courier.store, &self.config, now).await {
                tracing::warn!(%error, "a refused reader could not be counted");
            }
        }
        for (count, total) in counts.iter().zip(&turn.totals) {
            self.lanes.written(count, total.mails);
            self.domains.written(count, total.mails);
        }
        Ok(turn)
    }

    /// Starts what was taken. What cannot be started is given back; the rest goes.
    async fn start_all(&mut self, attempts: Vec<Attempt>, now: Timestamp) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for attempt in attempts {
            let master = match self.master(&attempt.content).await {
                Ok(master) => master,
                Err(error) => {
                    outcome = Err(error);
                    self.give_back(attempt, now);
                    continue;
                }
            };
            match self.lanes.take(now) {
                Some(place) => self.start(attempt, master, place),
                None => self.give_back(attempt, now),
            }
        }
        outcome
    }

    /// What an attempt's copy is cast from, where that is not its own, or why it
    /// cannot be written.
    async fn master(&mut self, content: &Content) -> Result<Result<Option<Arc<Master>>, String>, StoreError> {
        Ok(match content {
            Content::Digest { digest, variant, .. } => self.under_way(*digest, *variant).await?.master.map(Some),
            Content::Preview { html, .. } => {
                let pictures = self.courier.store.pictures_in(html).await?;
                Master::preview(&self.config, content, &pictures).transpose().map(|master| master.map(Arc::new))
            }
            Content::Confirm { .. } | Content::Link { .. } | Content::Written { .. } | Content::Owner { .. } => {
                Ok(None)
            }
        })
    }

    /// Has the copies written that will be wanted soon.
    async fn write_ahead(&mut self, coming: Vec<Coming>) -> Result<(), StoreError> {
        if coming.is_empty() {
            return Ok(());
        }
        let mut copies = Vec::with_capacity(coming.len());
        for mail in coming {
            if let Content::Digest { digest, variant, .. } = mail.content
                && let Ok(master) = self.under_way(digest, variant).await?.master
            {
                copies.push((mail, master));
            }
        }
        self.drafts.begin(copies, &self.config, &self.courier.renderer);
        Ok(())
    }

    /// Runs an attempt in a task of its own. There its copy is written and signed
    /// too: that is most of its work, and goes on all cores.
    fn start(&mut self, attempt: Attempt, master: Result<Option<Arc<Master>>, String>, place: Place) {
        let (config, renderer) = (self.config.clone(), self.courier.renderer.clone());
        let draft = self.drafts.take(&attempt);
        let (clock, begun) = (self.courier.clock.clone(), self.courier.clock.now());
        self.in_flight.spawn(async move {
            let Place { lane, transport, idle, most } = place;
            let message = match draft {
                Some(draft) => draft,
                None => master.and_then(|master| copy::write(&config, &renderer, (&attempt).into(), master.as_deref())),
            };
            let handed = match message {
                Ok(message) => AssertUnwindSafe(hand_over(&*transport, idle, &message, most))
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_| Handed::broken()),
                Err(reason) => Handed { verdict: Verdict::Refused { reason }, idle, lost: false },
            };
            Return { attempt, lane, handed, took: clock.now().since(begun) }
        });
    }

    fn give_back(&mut self, attempt: Attempt, now: Timestamp) {
        self.domains.let_go(&attempt.to);
        self.settled.push(attempt.settle(Settlement::GivenBack(now)));
    }

    async fn under_way(&mut self, digest: DigestId, variant: i64) -> Result<UnderWay, StoreError> {
        if let Some(under_way) = self.digests.get(&(digest, variant)) {
            return Ok(under_way.clone());
        }
        let content = self.courier.store.digest_content(digest, variant).await?;
        let content = content
            .ok_or_else(|| StoreError::Corrupt(format!("digest {digest} has deliveries and no mail {variant}")))?;
        let master = Master::new(&self.config, &content).map(Arc::new).map_err(|error| error.to_string());
        let under_way = UnderWay { master, resumed: content.resumed };
        self.digests.insert((digest, variant), under_way.clone());
        Ok(under_way)
    }

    /// Ends the digests whose balance has closed.
    async fn end_digests(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.ends_looked_for = now;
        for digest in self.courier.store.close_digests(&self.config.reports(), now).await? {
            let balance = self.courier.store.balance(digest).await?;
            tracing::info!(
                digest = digest.0,
                recipients = balance.recipients,
                sent = balance.sent,
                bounced = balance.bounced,
                suppressed = balance.suppressed,
                expired = balance.expired,
                "digest done"
            );
            if balance.expired > 0 {
                tracing::warn!(
                    digest = digest.0,
                    expired = balance.expired,
                    "its time was over before all readers had it"
                );
            }
            self.digests.retain(|(of, _), _| *of != digest);
        }
        Ok(())
    }

    /// Waits for a mail to come back. With room for others it also looks out for
    /// them: a reader who waits for a letter does not wait for a relay that hangs.
    async fn wait(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let pause = self.lanes.free_at(now).map_or(Duration::MAX, |free| free.since(now));
        let pause = if pause.is_zero() { LOOK_AGAIN } else { pause.min(LOOK_AGAIN) };
        let mut returned = tokio::select! {
            biased;
            returned = self.in_flight.join_next() => returned,
            () = self.courier.wake.notified() => None,
            () = self.courier.clock.sleep(pause) => None,
        };
        // Whoever else is done rides in the same transaction, and a turn costs much
        // the same for one mail or ten: half of them are waited for, if not for long.
        let half = self.in_flight.len() / 2;
        let until = tokio::time::Instant::now() + LINGER;
        while let Some(next) = returned {
            self.take_back(next).await?;
            returned = match self.in_flight.try_join_next() {
                None if self.in_flight.len() > half => {
                    tokio::time::timeout_at(until, self.in_flight.join_next()).await.ok().flatten()
                }
                next => next,
            };
        }
        Ok(())
    }

    /// Turns what came back into what the ledger keeps.
    async fn take_back(&mut self, returned: Result<Return, JoinError>) -> Result<(), StoreError> {
        let Return { attempt, lane, handed: Handed { verdict, idle, lost }, took } = match returned {
            Ok(returned) => returned,
            Err(error) => {
                // Its row stays `attempting` and is put in doubt when its lease ends.
                tracing::error!(%error, "a delivery's task died");
                return Ok(());
            }
        };
        let (now, chance) = (self.courier.clock.now(), &self.courier.chance);
        let homeless = self.lanes.give_back(&lane, &verdict, lost, idle, (now, chance));
        self.domains.give_back(&attempt.to, &verdict, took, now);
        self.tally.count(&verdict);
        let digest = attempt.content.digest();
        self.refused.extend(Refusal::of(&attempt, &verdict));
        let settlement = settlement(&verdict, attempt.attempts, &self.config.mail, now, chance);
        self.settled.push(attempt.settle(settlement));
        if let Some(idle) = homeless {
            idle.close().await;
        }
        if let Some(digest) = digest {
            if !self.health.knows(digest) {
                let resumed = self.under_way(digest, 0).await?.resumed;
                self.health.begin(digest, self.courier.store.balance(digest).await?, resumed);
            }
            self.health.count(digest, &verdict);
        }
        Ok(())
    }

    /// Takes nothing new, waits for what is in flight and writes what came of
    /// it. What cannot be written stays in doubt.
    pub(super) async fn finish(&mut self) {
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
        for idle in self.lanes.take_idle() {
            idle.close().await;
        }
    }
}
