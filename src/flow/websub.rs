//! The story of a subscription at a hub (WebSub): a feed names its hub and its
//! own name there, the hub is asked to announce changes, it asks back whether
//! that was us, and from then on each announcement makes the source due at once.
//!
//! Kept here: what is announced is fetched from the source itself, so that a hub
//! can make us look and never make us believe; a question is confirmed only when
//! it was asked; of several hubs the next is asked when one fails; polling never
//! ends, it only becomes rarer while a hub keeps its promise.

use crate::clock::{Chance, Clock};
use crate::config::{Config, Live};
use crate::domain::id::HubId;
use crate::domain::pace::Pace;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::domain::websub::{Channel, Question, is_signed};
use crate::net::{Client, FetchError, Guard, shown};
use crate::store::{HubClaim, Store, StoreError};
use futures_util::future::join_all;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Where hubs call back: this, then a token.
pub const CALLBACK: &str = "/websub/";

/// For how long a hub is asked to announce changes; it may decide otherwise.
const LEASE_WANTED: Duration = Duration::from_hours(10 * 24);
/// A shorter lease is not renewed in time: announcements pause until it is.
const SHORTEST_RENEWAL: Duration = Duration::from_hours(1);
/// No promise is believed for longer.
const LONGEST_LEASE: Duration = Duration::from_hours(366 * 24);
/// The first wait after a question that failed, or that a hub took and did not
/// confirm; it doubles up to a day.
const FIRST_RETRY: Duration = Duration::from_mins(10);
const LONGEST_RETRY: Duration = Duration::from_hours(24);
/// When a hub that said no is asked again.
const AFTER_REFUSAL: Duration = Duration::from_hours(7 * 24);
/// A hub that took so many questions in a row and confirmed none has failed.
const UNANSWERED: u32 = 3;
/// How long a question is kept from other nodes: longer than its deadlines.
const CLAIMED_FOR: Duration = Duration::from_mins(5);
/// How many hubs are asked at once.
const AT_ONCE: usize = 8;

/// Subscriptions at hubs. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Hubs {
    store: Store,
    client: Client,
    clock: Clock,
    chance: Chance,
    config: Live,
    /// Told when a source became due, so that it is polled at once.
    due: Arc<Notify>,
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Its source is due.
    Believed,
    /// Its signature is wrong: the hub hears nothing of that (section 7.1).
    Ignored,
    /// Nothing is to be announced here any more.
    Over,
    /// There is no such callback.
    Unknown,
}

/// The channels at which a feed's changes can be announced to us, the feed's
/// favourite first.
#[must_use]
pub fn channels(config: &Config, pace: &Pace) -> Vec<Channel> {
    let mut channels = if config.fetch.websub { pace.channels() } else { Vec::new() };
    channels.retain(|channel| can_call_back(config, &channel.hub));
    channels
}

/// Whether a hub can reach the site: when that has a public address, or the hub
/// is in a network that the operator has named.
fn can_call_back(config: &Config, hub: &HttpUrl) -> bool {
    let literal = |url: &HttpUrl| match url.as_url().host() {
        Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    };
    let base = &config.site.base_url;
    let is_public = match literal(base) {
        Some(ip) => Guard::default().permits(SocketAddr::new(ip, 443)),
        None => is_public_name(base.host()),
    };
    let port = hub.as_url().port_or_known_default().unwrap_or(443);
    let is_allowed = || {
        literal(hub).is_some_and(|ip| {
            let address = SocketAddr::new(ip, port);
            !Guard::default().permits(address) && Guard::new(&config.fetch.allow).permits(address)
        })
    };
    is_public || is_allowed()
}

/// Names that lead nowhere from outside (RFC 6761, RFC 6762, RFC 8375, and the
/// one that ICANN keeps for private networks).
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let private = ["localhost", "local", "internal", "test", "invalid", "home.arpa"];
    name.contains('.') && !private.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')))
}

/// See [`Hubs`]; polls turn away from a hub that did not announce a post.
pub(super) async fn turn_away(
    store: &Store,
    config: &Config,
    from: HubId,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(pace) = store.pace_at_hub(from).await? else { return Ok(false) };
    let channels = channels(config, &pace);
    if channels.len() > 1 { store.turn_away(from, &channels, until, now).await } else { Ok(false) }
}

impl Hubs {
    /// Subscriptions of the sources in `config`; `due` is told when one of them
    /// became due.
    #[must_use]
    pub fn new(store: Store, client: Client, clock: Clock, chance: Chance, config: Live, due: Arc<Notify>) -> Self {
        Self { store, client, clock, chance, config, due }
    }

    /// Asks the hubs that are due. Returns how many were asked. A question that a
    /// stop cuts off is asked again when its claim has ended.
    pub async fn ask_due(&self, stop: &CancellationToken) -> Result<usize, StoreError> {
        let config = self.config.load_full();
        let now = self.clock.now();
        let claims = self.store.claim_hubs(AT_ONCE, &config.site.base_url, now, CLAIMED_FOR).await?;
        let asked = claims.len();
        for ended in join_all(claims.into_iter().map(|claim| self.ask(&config, claim, stop))).await {
            ended?;
        }
        Ok(asked)
    }

    /// How long until the next question, `longest` at the most.
    pub async fn pause(&self, longest: Duration) -> Result<Duration, StoreError> {
        let next = self.store.next_hub_at().await?;
        Ok(next.map_or(longest, |at| at.since(self.clock.now()).min(longest)))
    }

    async fn ask(&self, config: &Config, claim: HubClaim, stop: &CancellationToken) -> Result<(), StoreError> {
        let (hub, retry) = (shown(&claim.channel.hub), self.retry(claim.failures));
        let failed_before = claim.failures > claim.tries;
        let unheard = claim.wanted && claim.tries >= if failed_before { 1 } else { UNANSWERED };
        if unheard && self.turn_away(config, claim.id, self.clock.now().plus(retry)).await? {
            tracing::warn!(%hub, "a hub takes questions and confirms none; another of the feed's hubs is asked");
            return Ok(());
        }
        let callback = config.url(&format!("{CALLBACK}{}", config.secret.callback_token(claim.id)));
        let (secret, lease) = (config.secret.push_secret(claim.id), LEASE_WANTED.as_secs().to_string());
        let Channel { hub: address, topic } = &claim.channel;
        let mut fields = vec![
            ("hub.callback", callback.as_str()),
            ("hub.mode", if claim.wanted { "subscribe" } else { "unsubscribe" }),
            ("hub.topic", topic.as_str()),
        ];
        if claim.wanted {
            fields.extend([("hub.secret", secret.as_str()), ("hub.lease_seconds", lease.as_str())]);
        }
        let answer = tokio::select! {
            answer = self.client.send_form(address, &fields) => answer,
            () = stop.cancelled() => return Ok(()),
        };
        let (trouble, rest) = match answer {
            Ok(()) => {
                tracing::debug!(%hub, wanted = claim.wanted, "a hub was asked");
                (None, retry)
            }
            Err(error) => {
                tracing::warn!(%hub, why = %error, "a hub could not be asked; its sources are polled on their schedules");
                let rest = match &error {
                    FetchError::Permanent(_) | FetchError::Refused(_) | FetchError::Disallowed(_) => AFTER_REFUSAL,
                    FetchError::Temporary { retry_after: rest, .. } | FetchError::NotAsked { rest, .. } => {
                        retry.max(rest.unwrap_or_default().min(LONGEST_RETRY))
                    }
                };
                (Some(error.to_string()), rest)
            }
        };
        let (id, wanted, again_at) = (claim.id, claim.wanted, self.clock.now().plus(rest));
        self.store.finish_asking(claim, trouble.as_deref(), again_at).await?;
        if wanted && trouble.is_some() {
            self.turn_away(config, id, again_at).await?;
        }
        Ok(())
    }

    /// Turns to another hub of the same feed when this one promises nothing, and
    /// leaves it alone until then. Returns whether there was another.
    async fn turn_away(&self, config: &Config, from: HubId, until: Timestamp) -> Result<bool, StoreError> {
        turn_away(&self.store, config, from, until, self.clock.now()).await
    }

    fn retry(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.chance.jitter(FIRST_RETRY.saturating_mul(factor).min(LONGEST_RETRY), 0.1)
    }

    /// What a hub is answered that asks back, or tells that it will not announce;
    /// `None` when we know nothing of it.
    pub async fn answer(&self, token: &str, query: &str) -> Result<Option<String>, StoreError> {
        let config = self.config.load_full();
        let (Some(id), Some(question)) = (config.secret.read_callback(token), Question::read(query)) else {
            return Ok(None);
        };
        let now = self.clock.now();
        match question {
            Question::Verify { subscribe, topic, challenge, lease } => {
                let lease = lease.unwrap_or(LEASE_WANTED).min(LONGEST_LEASE);
                // Renewed when a fifth of it is left; one that ended is kept for a while, for a hub that asks twice.
                let renewal = if subscribe { (lease / 5 * 4).max(SHORTEST_RENEWAL) } else { SHORTEST_RENEWAL };
                let (until, again_at) = (now.plus(lease), now.plus(self.chance.jitter(renewal, 0.05)));
                let known = self.store.confirm_hub(id, (subscribe, &topic), (until, again_at), now).await?;
                if known {
                    tracing::info!(topic = %shown(&topic), subscribe, %until, "a hub confirmed");
                }
                Ok(known.then_some(challenge))
            }
            Question::Denied { topic, reason } => {
                let why = match reason {
                    Some(reason) => format!("its hub will not announce changes: {reason}"),
                    None => "its hub will not announce changes, and does not say why".to_owned(),
                };
                let (again_at, distance) = (now.plus(AFTER_REFUSAL), config.fetch.min_interval);
                let known = self.store.end_push(id, Some(&topic), &why, again_at, (now, distance)).await?;
                if known {
                    self.turn_away(&config, id, again_at).await?;
                    tracing::warn!(topic = %shown(&topic), why, "the source is polled on its schedule");
                    self.due.notify_one();
                }
                Ok(known.then(String::new))
            }
        }
    }

    /// Whether a token is of a callback of ours.
    #[must_use]
    pub fn is_callback(&self, token: &str) -> bool {
        self.config.load().secret.read_callback(token).is_some()
    }

    /// Takes an announcement. Its body proves who made it; what it says is
    /// fetched from the source.
    pub async fn take(&self, token: &str, signature: &str, body: &[u8]) -> Result<Taken, StoreError> {
        let config = self.config.load_full();
        let Some(id) = config.secret.read_callback(token) else { return Ok(Taken::Unknown) };
        if !config.secret.push_secrets(id).iter().any(|secret| is_signed(signature, secret, body)) {
            return Ok(if self.store.wants_push(id).await? { Taken::Ignored } else { Taken::Over });
        }
        if !self.store.note_push(id, self.clock.now(), config.fetch.min_interval).await? {
            return Ok(Taken::Over);
        }
        self.due.notify_one();
        Ok(Taken::Believed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_public_when_the_world_could_know_it() {
        for (name, public) in [
            ("news.example.com", true),
            ("news.example.com.", true),
            ("mylocal.example.com", true),
            ("notlocal", false),
            ("localhost", false),
            ("news.localhost", false),
            ("news.local", false),
            ("notlocal.info", true),
            ("news.internal", false),
            ("server.home.arpa", false),
        ] {
            assert_eq!(is_public_name(name), public, "{name}");
        }
    }
}
