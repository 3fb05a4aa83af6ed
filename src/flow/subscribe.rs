//! How a reader comes and goes: the request, the confirmation, the goodbye.
//!
//! Looking at a link changes nothing (P17); only the acts do, and they answer
//! after they are durable (P12). Whether an address is known cannot be told from
//! any answer (S8).

mod goodbye;
mod own;
mod preferences;

pub use goodbye::{Goodbye, Left, Reason, WayBack};
pub use own::{AskedByLink, NewAddress};
pub use preferences::{Choice, ChoiceOf, LONGEST_PAUSE, Preferences};

use crate::clock::{Chance, Clock};
use crate::config::{Config, Live};
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::domain::slug::Slug;
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::domain::token::{Claim, Purpose, hex};
use crate::store::{Own, Requested, Store, StoreError, Wish};
use chrono_tz::Tz;
use std::sync::Arc;
use tokio::sync::Notify;

/// What readers may do.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    store: Store,
    config: Live,
    clock: Clock,
    chance: Chance,
    /// Wakes the courier: a reader is waiting for the letter.
    mail: Arc<Notify>,
}

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No newsletter has that name.
    NoNewsletter,
    /// That is no mail address.
    Email,
    /// The newsletter has no such cadence.
    Cadence,
    /// No such topic or time zone was offered: the form came from elsewhere.
    Choice,
    /// That is no day to come, or one too far off.
    Pause,
}

/// What a form asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The newsletter's name.
    pub newsletter: &'a str,
    /// Where the mails shall go.
    pub email: &'a str,
    /// The cadence's name.
    pub cadence: &'a str,
    /// The names of topics; none is everything.
    pub topics: &'a [String],
    /// Whose clock shows the reader's morning; empty is the newsletter's.
    pub timezone: &'a str,
}

/// What a confirmation link is worth, and the reader's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Good: the newsletter's title.
    Open(String, Language),
    /// It was used, and the subscription stands: the newsletter's title.
    Done(String, Language),
    /// Too old, or its subscription has ended: the newsletter's name, to ask anew.
    Over(Slug, Language),
    /// Not ours.
    Forged,
}

impl Subscriptions {
    /// Readers of `store`, under the configuration at each moment; `mail` is
    /// notified when a letter was written.
    #[must_use]
    pub fn new(store: Store, config: Live, clock: Clock, chance: Chance, mail: Arc<Notify>) -> Self {
        Self { store, config, clock, chance, mail }
    }

    /// Takes a request from a form. The answer is the same for every address.
    pub async fn request(&self, asked: Asked<'_>) -> Result<Result<(), Refusal>, StoreError> {
        let Asked { newsletter, email, cadence, topics, timezone } = asked;
        let config = self.config.load_full();
        let Some(newsletter) = config.newsletter(newsletter) else { return Ok(Err(Refusal::NoNewsletter)) };
        let Ok(email) = email.parse::<EmailAddress>() else { return Ok(Err(Refusal::Email)) };
        let Some(cadence) = newsletter.cadence(cadence) else { return Ok(Err(Refusal::Cadence)) };
        let (Some(topics), Ok(timezone)) = (known_topics(newsletter, topics), known_zone(timezone)) else {
            return Ok(Err(Refusal::Choice));
        };
        let consent = format!("asked for on the form of {} ({})", newsletter.name, newsletter.title);
        let wish = Wish {
            email: &email,
            newsletter: &newsletter.name,
            cadence: &cadence.name,
            language: newsletter.language,
            consent: &consent,
            own: Own { name: None, timezone, topics: &topics },
        };
        let nonce = hex(&self.chance.bytes::<32>());
        match self.store.request_subscription(&wish, &nonce, self.clock.now()).await? {
            Requested::Letter => {
                self.mail.notify_one();
                tracing::info!(newsletter = %newsletter.name, "a reader asked to subscribe");
            }
            Requested::Limited => {
                tracing::info!(newsletter = %newsletter.name, "a confirmation was not sent again so soon");
            }
            Requested::Already => {}
        }
        Ok(Ok(()))
    }

    /// What a confirmation link is worth now.
    pub async fn look_at_confirmation(&self, token: &str) -> Result<Confirmation, StoreError> {
        Ok(self.read_confirmation(token).await?.map_or(Confirmation::Forged, |(confirmation, _)| confirmation))
    }

    /// Confirms.
    pub async fn confirm(&self, token: &str) -> Result<Confirmation, StoreError> {
        let Some((confirmation, open)) = self.read_confirmation(token).await? else {
            return Ok(Confirmation::Forged);
        };
        let (Confirmation::Open(title, language), Some((subscription, nonce))) = (&confirmation, open) else {
            return Ok(confirmation);
        };
        if self.store.confirm_subscription(subscription.id, &nonce, self.clock.now()).await? {
            tracing::info!(newsletter = %subscription.newsletter, "a reader confirmed");
            Ok(Confirmation::Done(title.clone(), *language))
        } else {
            Ok(Confirmation::Over(subscription.newsletter, *language))
        }
    }

    async fn read_confirmation(
        &self,
        token: &str,
    ) -> Result<Option<(Confirmation, Option<(Subscription, String)>)>, StoreError> {
        let config = self.config.load_full();
        let Some(claim) = Claim::read(token) else { return Ok(None) };
        let Some((subscription, open)) = self.store.confirmation(claim.subscription).await? else { return Ok(None) };
        let language = subscription.language;
        let nonce = open.as_ref().map_or("", |(nonce, _)| nonce.as_str());
        let ours = config.secret.verify(Purpose::Confirm, &claim, nonce) && claim.counter == subscription.counter;
        Ok(Some(match open {
            Some((nonce, expires)) if ours => {
                let title = title(&config, &subscription.newsletter);
                match subscription.state {
                    SubscriptionState::Confirmed => (Confirmation::Done(title, language), None),
                    SubscriptionState::Pending if expires > self.clock.now() => {
                        (Confirmation::Open(title, language), Some((subscription, nonce)))
                    }
                    _ => (Confirmation::Over(subscription.newsletter, language), None),
                }
            }
            // The nonce has changed or gone: an older letter's link, or a guess. Neither learns more than a name.
            _ => (Confirmation::Over(subscription.newsletter, language), None),
        }))
    }
}

/// A newsletter's title; its name when it is no longer configured.
fn title(config: &Config, newsletter: &Slug) -> String {
    config.newsletter(newsletter.as_str()).map_or_else(|| newsletter.to_string(), |found| found.title.clone())
}

/// The topics of these names, if the newsletter has them all.
fn known_topics(newsletter: &Newsletter, names: &[String]) -> Option<Vec<Slug>> {
    let known = |name: &String| newsletter.topics.iter().find(|topic| topic.name.as_str() == name);
    names.iter().map(|name| known(name).map(|topic| topic.name.clone())).collect()
}

/// The zone of that name, if there is one; the empty name is the newsletter's own.
fn known_zone(name: &str) -> Result<Option<Tz>, chrono_tz::ParseError> {
    if name.is_empty() { Ok(None) } else { name.parse().map(Some) }
}
