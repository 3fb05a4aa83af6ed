//! How a reader comes and goes: the request, the confirmation, the goodbye.
//!
//! Looking at a link changes nothing (P17); only the acts do, and they answer
//! after they are durable (P12). Whether an address is known cannot be told from
//! any answer (S8).

use crate::clock::{Chance, Clock};
use crate::config::{Config, Live};
use crate::domain::email_address::EmailAddress;
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

/// What a confirmation link is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Good: the newsletter's title.
    Open(String),
    /// It was used, and the subscription stands: the newsletter's title.
    Done(String),
    /// Too old, or its subscription has ended: the newsletter's name, to ask anew.
    Over(Slug),
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
        let chosen = topics.iter().map(|name| newsletter.topics.iter().find(|topic| topic.name.as_str() == name));
        let chosen = chosen.map(|topic| topic.map(|topic| topic.name.clone())).collect::<Option<Vec<Slug>>>();
        let Some(topics) = chosen else { return Ok(Err(Refusal::Choice)) };
        let timezone = match timezone {
            "" => None,
            name => match name.parse::<Tz>() {
                Ok(zone) => Some(zone),
                Err(_) => return Ok(Err(Refusal::Choice)),
            },
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
        let (Confirmation::Open(title), Some((subscription, nonce))) = (&confirmation, open) else {
            return Ok(confirmation);
        };
        if self.store.confirm_subscription(subscription.id, &nonce, self.clock.now()).await? {
            tracing::info!(newsletter = %subscription.newsletter, "a reader confirmed");
            Ok(Confirmation::Done(title.clone()))
        } else {
            Ok(Confirmation::Over(subscription.newsletter))
        }
    }

    /// The title of the newsletter that an unsubscribe link is of; `None` when
    /// it is not ours.
    pub async fn look_at_goodbye(&self, token: &str) -> Result<Option<String>, StoreError> {
        let subscription = self.read_goodbye(token).await?;
        Ok(subscription.map(|subscription| title(&self.config.load(), &subscription.newsletter)))
    }

    /// Ends the subscription that a link speaks of, whatever its state and
    /// whether or not its newsletter still exists (P9). Returns the title.
    pub async fn unsubscribe(&self, token: &str, by: &str) -> Result<Option<String>, StoreError> {
        let Some(subscription) = self.read_goodbye(token).await? else { return Ok(None) };
        self.store.unsubscribe(subscription.id, by, self.clock.now()).await?;
        tracing::info!(newsletter = %subscription.newsletter, by, "a reader left");
        Ok(Some(title(&self.config.load(), &subscription.newsletter)))
    }

    async fn read_confirmation(
        &self,
        token: &str,
    ) -> Result<Option<(Confirmation, Option<(Subscription, String)>)>, StoreError> {
        let config = self.config.load_full();
        let Some(claim) = Claim::read(token) else { return Ok(None) };
        let Some((subscription, open)) = self.store.confirmation(claim.subscription).await? else { return Ok(None) };
        let nonce = open.as_ref().map_or("", |(nonce, _)| nonce.as_str());
        let ours = config.secret.verify(Purpose::Confirm, &claim, nonce) && claim.counter == subscription.counter;
        Ok(Some(match open {
            Some((nonce, expires)) if ours => {
                let title = title(&config, &subscription.newsletter);
                match subscription.state {
                    SubscriptionState::Confirmed => (Confirmation::Done(title), None),
                    SubscriptionState::Pending if expires > self.clock.now() => {
                        (Confirmation::Open(title), Some((subscription, nonce)))
                    }
                    _ => (Confirmation::Over(subscription.newsletter), None),
                }
            }
            // The nonce has changed or gone: an older letter's link, or a guess. Neither learns more than a name.
            _ => (Confirmation::Over(subscription.newsletter), None),
        }))
    }

    async fn read_goodbye(&self, token: &str) -> Result<Option<Subscription>, StoreError> {
        let Some(claim) = Claim::read(token) else { return Ok(None) };
        if !self.config.load().secret.verify(Purpose::Unsubscribe, &claim, "") {
            return Ok(None);
        }
        let subscription = self.store.subscription(claim.subscription).await?;
        Ok(subscription.filter(|subscription| subscription.counter == claim.counter))
    }
}

/// A newsletter's title; its name when it is no longer configured.
fn title(config: &Config, newsletter: &Slug) -> String {
    config.newsletter(newsletter.as_str()).map_or_else(|| newsletter.to_string(), |found| found.title.clone())
}
