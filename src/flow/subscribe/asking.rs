//! A request: what is looked at, in which order, and what is told.
//!
//! What can be refused depends on the request alone, never on what is known of
//! its address (S8). An answer to what is taken comes after a fixed time, so that
//! the time tells nothing either.

use super::{Refusal, Subscriptions, known_zone};
use crate::config::Config;
use crate::domain::composition::Topic;
use crate::domain::consent::{Given, Origin};
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::newsletter::{Cadence, Newsletter};
use crate::domain::slug::Slug;
use crate::domain::token::{hex, sha256_hex};
use crate::domain::typo;
use crate::store::{Ask, Requested, StoreError, Want};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What is taken is answered after so long, or after the next multiple of it: far
/// longer than the database takes for any of its ways.
const ANSWER_AFTER: Duration = Duration::from_millis(200);

/// What a form asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The newsletters' names.
    pub newsletters: &'a [String],
    /// Where the mails shall go.
    pub email: &'a str,
    /// Whether that is right although it looks like a slip.
    pub as_typed: bool,
    /// The cadence's name, for each newsletter that has it; the first of each when empty.
    pub cadence: &'a str,
    /// The names of topics; none is everything.
    pub topics: &'a [String],
    /// The reader's language; the first newsletter's when empty.
    pub language: &'a str,
    /// Whose clock shows the reader's morning; empty is the newsletter's.
    pub timezone: &'a str,
    /// Whether the reader agrees to advertising, where a newsletter is that.
    pub agreed: bool,
    /// In which language the form spoke.
    pub shown: Language,
    /// By which way it came.
    pub origin: Origin,
    /// From which network address.
    pub address: IpAddr,
}

/// One newsletter as it is asked for.
struct Wanted<'a> {
    newsletter: &'a Newsletter,
    cadence: &'a Cadence,
    topics: Vec<Slug>,
    /// The words that were agreed to.
    words: String,
    /// The form, with the version of its words.
    form: String,
}

impl Subscriptions {
    /// Takes a request from a form. The answer is the same for every address.
    pub async fn request(&self, asked: Asked<'_>) -> Result<Result<(), Refusal>, StoreError> {
        let config = self.config.load_full();
        let (email, wanted, language) = match self.understand(&config, &asked) {
            Ok(understood) => understood,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Ok(timezone) = known_zone(asked.timezone) else { return Ok(Err(Refusal::Choice)) };
        if config.sign_up.check_mx
            && self.hosts.take_mail(&email.ascii_domain(), config.sign_up.dns).await == Some(false)
        {
            return Ok(Err(Refusal::NoMail));
        }
        let begun = Instant::now();
        let wants: Vec<Want<'_>> = wanted
            .iter()
            .map(|wanted| Want {
                newsletter: &wanted.newsletter.name,
                cadence: &wanted.cadence.name,
                topics: &wanted.topics,
                given: Given {
                    form: &wanted.form,
                    words: &wanted.words,
                    origin: asked.origin,
                    address: Some(asked.address),
                },
            })
            .collect();
        let ask = Ask {
            email: &email,
            mailboxes: &config.secret.address_hashes(&email.mailbox()),
            language,
            timezone,
            wants: &wants,
            nonce: &hex(&self.chance.bytes::<32>()),
        };
        let requested = self.store.ask(&ask, self.clock.now()).await?;
        if matches!(requested, Requested::Letter | Requested::Already) {
            self.mail.notify_one();
        }
        tracing::info!(newsletters = ?asked.newsletters, ?requested, "a sign-up");
        answer_late(begun).await;
        Ok(Ok(()))
    }

    /// Does nothing, and takes as long as if it did.
    pub async fn pretend(&self) {
        answer_late(Instant::now()).await;
    }

    /// What a request means, or why it is not taken.
    fn understand<'c>(
        &self,
        config: &'c Config,
        asked: &Asked<'_>,
    ) -> Result<(EmailAddress, Vec<Wanted<'c>>, Language), Refusal> {
        let newsletters = newsletters(config, asked.newsletters).ok_or(Refusal::NoNewsletter)?;
        let email = asked.email.parse::<EmailAddress>().ok().filter(EmailAddress::is_public).ok_or(Refusal::Email)?;
        let domain = email.ascii_domain();
        if config.sign_up.blocked.holds(&domain) {
            return Err(Refusal::Blocked);
        }
        if let Some(meant) = typo::meant(&domain).filter(|_| !asked.as_typed) {
            let meant = email.at(meant).ok_or(Refusal::Email)?;
            return Err(Refusal::Typo(meant));
        }
        let knows = |newsletter: &&Newsletter| newsletter.cadence(asked.cadence).is_some();
        if !asked.cadence.is_empty() && !newsletters.iter().any(knows) {
            return Err(Refusal::Cadence);
        }
        let known = |name: &String| {
            newsletters.iter().any(|newsletter| newsletter.topics.iter().any(|topic| topic.name.as_str() == name))
        };
        if !asked.topics.iter().all(known) {
            return Err(Refusal::Choice);
        }
        let language = match (asked.language, newsletters.first()) {
            ("", first) => first.map_or(config.site.language, |first| first.language),
            (tag, _) => self.renderer.spoken(tag).ok_or(Refusal::Choice)?,
        };
        if newsletters.iter().any(|newsletter| newsletter.commercial.is_some()) && !asked.agreed {
            return Err(Refusal::Agreement);
        }
        let mut wanted = Vec::with_capacity(newsletters.len());
        let first = newsletters.first().copied();
        for newsletter in newsletters {
            let cadence = newsletter.cadence(asked.cadence).or(newsletter.cadences.first()).ok_or(Refusal::Cadence)?;
            let chosen = |topic: &&Topic| asked.topics.iter().any(|name| *name == topic.name.as_str());
            // A form is of its first newsletter, and has boxes for others; a program shows the words of each.
            let form = first.filter(|_| asked.origin != Origin::Json).unwrap_or(newsletter);
            let words = self.renderer.sign_up_words(asked.shown, form, newsletter, &config.mail.from_name);
            let form = versioned(form_name(asked.origin), &words);
            let topics = newsletter.topics.iter().filter(chosen).map(|topic| topic.name.clone()).collect();
            wanted.push(Wanted { newsletter, cadence, topics, words, form });
        }
        Ok((email, wanted, language))
    }
}

/// The newsletters of these names, each once; `None` when there is none, or one of
/// them is not.
fn newsletters<'c>(config: &'c Config, names: &[String]) -> Option<Vec<&'c Newsletter>> {
    let mut found: Vec<&Newsletter> = Vec::new();
    for name in names {
        let newsletter = config.mailed_newsletter(name)?;
        if found.iter().all(|known| known.name != newsletter.name) {
            found.push(newsletter);
        }
    }
    if found.is_empty() { None } else { Some(found) }
}

fn form_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Embedded => "form on another site",
        Origin::Json => "JSON endpoint",
        _ => "sign-up page",
    }
}

/// A form's name with the version of its words.
pub(super) fn versioned(name: &str, words: &str) -> String {
    let version: String = sha256_hex(words.as_bytes()).chars().take(12).collect();
    format!("{name} {version}")
}

/// Waits for the next multiple of [`ANSWER_AFTER`] since `begun`.
async fn answer_late(begun: Instant) {
    let mut until = begun + ANSWER_AFTER;
    while until < Instant::now() {
        until += ANSWER_AFTER;
    }
    sleep_until(until).await;
}
