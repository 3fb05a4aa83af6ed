//! How a reader comes and goes: the request, the confirmation, the goodbye.
//!
//! Looking at a link changes nothing (P17); only the acts do, and they answer
//! after they are durable (P12). Whether an address is known cannot be told from
//! any answer (S8).

mod asking;
mod confirming;
mod forms;
mod goodbye;
mod own;
mod preferences;
mod renewing;
mod welcoming;

pub use asking::Asked;
pub use confirming::Confirmation;
pub use forms::{Again, embedded_token};
pub use goodbye::{Door, Goodbye, Left, Reason, WayBack};
pub use own::{AskedByLink, NewAddress};
pub use preferences::{Choice, ChoiceOf, LONGEST_PAUSE, Preferences};

use crate::clock::{Chance, Clock};
use crate::config::{Config, Live};
use crate::domain::email_address::EmailAddress;
use crate::domain::newsletter::Newsletter;
use crate::domain::slug::Slug;
use crate::net::MailHosts;
use crate::render::Renderer;
use crate::store::Store;
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
    renderer: Arc<Renderer>,
    hosts: MailHosts,
    /// Wakes the courier: a reader is waiting for the letter.
    mail: Arc<Notify>,
}

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No newsletter that is mailed has that name.
    NoNewsletter,
    /// None is named.
    NothingChosen,
    /// That is no mail address.
    Email,
    /// It looks like a slip of the finger; this was meant, most likely.
    Typo(EmailAddress),
    /// Addresses of that domain are not taken.
    Blocked,
    /// That domain takes no mail.
    NoMail,
    /// The newsletter has no such cadence.
    Cadence,
    /// No such topic, language or time zone was offered: the form came from elsewhere.
    Choice,
    /// A newsletter is advertising, and the reader has not agreed to that.
    Agreement,
    /// That is no day to come, or one too far off.
    Pause,
}

impl Subscriptions {
    /// Readers of `store`, under the configuration at each moment; `mail` is
    /// notified when a letter was written.
    #[must_use]
    pub fn new(
        store: Store,
        config: Live,
        clock: Clock,
        chance: Chance,
        renderer: Arc<Renderer>,
        mail: Arc<Notify>,
    ) -> Self {
        let hosts = MailHosts::new(chance.clone());
        Self { store, config, clock, chance, renderer, hosts, mail }
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
