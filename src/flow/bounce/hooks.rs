//! The door on the web: relays that report by POST. Each has an address of its own
//! that nobody else can guess, and where it signs, its signature is asked for too.
//! A report that comes twice is one.

use super::events::{self, Event, Says};
use super::sns::{Doubt, Envelope, Kind};
use super::{Bounces, Taken};
use crate::config::{Config, Hook};
use crate::domain::bounce::{BounceKind, Fate};
use crate::domain::token::sha256_hex;
use crate::domain::verp::Tag;
use crate::store::{About, Heard, StoreError};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

/// Where relays report: this, the relay's name, a token.
pub const HOOKS: &str = "/hooks/";

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// It is taken in, as far as it is about readers.
    Taken,
    /// There is no such address.
    Unknown,
    /// It is not believed.
    Refused(&'static str),
    /// It cannot be judged now: it may come again.
    Later,
}

/// What Mailgun signs.
#[derive(Debug, Deserialize)]
struct MailgunSignature {
    timestamp: String,
    token: String,
    signature: String,
}

impl Bounces {
    /// Whether a report of up to a megabyte may come to this address.
    #[must_use]
    pub fn is_hook(&self, relay: &str, token: &str) -> bool {
        let config = self.config.load();
        hook(&config, relay).is_some() && config.secret.made_hook(token, relay)
    }

    /// Takes in what a relay reports; `header` gives the value of a header by its
    /// name in small letters. When this returns, it is durable.
    pub async fn report<'a>(
        &self,
        (relay, token): (&str, &str),
        header: impl Fn(&str) -> Option<&'a str>,
        body: &[u8],
    ) -> Result<Reported, StoreError> {
        let config = self.config.load_full();
        let Some(hook) = hook(&config, relay).filter(|_| config.secret.made_hook(token, relay)) else {
            return Ok(Reported::Unknown);
        };
        let report = match hook {
            Hook::Ses(topics) => match self.open_envelope(topics, body).await {
                Ok(Some(report)) => report,
                Ok(None) => return Ok(Reported::Taken),
                Err(Doubt::Forged(why)) => return Ok(refused(relay, why)),
                Err(Doubt::Later(why)) => {
                    tracing::warn!(relay, why, "a relay's report cannot be judged now");
                    return Ok(Reported::Later);
                }
            },
            Hook::Mailgun(Some(key)) if !signed_by_mailgun(key.expose(), body) => {
                return Ok(refused(relay, "its signature is wrong"));
            }
            Hook::SendGrid(Some(key)) if !signed_by_sendgrid(key, header, body) => {
                return Ok(refused(relay, "its signature is wrong"));
            }
            _ => body.to_vec(),
        };
        let Some(events) = events::read(relay, &report) else { return Ok(refused(relay, "it is no report")) };
        for event in events {
            self.take_event(&config, relay, &event).await?;
        }
        Ok(Reported::Taken)
    }

    /// The report in Amazon's envelope; `None` when it asks, or says goodbye.
    async fn open_envelope(&self, topics: &[String], body: &[u8]) -> Result<Option<Vec<u8>>, Doubt> {
        let envelope: Envelope =
            serde_json::from_slice(body).map_err(|_| Doubt::Forged("it is not what Amazon sends"))?;
        match self.certificates.verify(&envelope, topics).await? {
            Kind::Report => Ok(Some(envelope.message.into_bytes())),
            Kind::Question(address) => {
                self.certificates.confirm(&address).await?;
                tracing::info!("a topic of Amazon's reports what comes back from now on");
                Ok(None)
            }
            Kind::Over => {
                tracing::warn!("a topic of Amazon's will not report any more");
                Ok(None)
            }
        }
    }

    /// Takes in one event. The address that the mail was sent from says whose it
    /// was; where the relay does not tell that, its word is taken for the address.
    async fn take_event(&self, config: &Config, relay: &str, event: &Event) -> Result<Taken, StoreError> {
        let kind = match event.says {
            Says::Complaint => BounceKind::Complaint,
            Says::Unclear => BounceKind::Unclear,
            Says::Bounce(Fate::Hard) => BounceKind::Hard,
            Says::Bounce(Fate::Soft) => BounceKind::Soft,
            Says::Bounce(Fate::Blocked) => BounceKind::Blocked,
            Says::Bounce(Fate::Delayed | Fate::Delivered) => return Ok(Taken::Passed("it is still being tried")),
        };
        let tag = Tag::read(&event.sender);
        let proven = self.proven(config, tag.as_slice()).await?;
        let Some(about) = (match proven {
            Some(about) => Some(about),
            None => self.reader_named(&event.address).await?,
        }) else {
            // The same account may send other mails.
            return Ok(Taken::Passed("it is about nobody who reads"));
        };
        let sameness = match about.delivery {
            Some(delivery) => super::of_mail(kind, delivery),
            None if event.id.trim().is_empty() => format!("{relay} {}", sha256_hex(format!("{event:?}").as_bytes())),
            None => format!("{relay} {} {} {}", kind.as_str(), event.id, about.reader),
        };
        let status = event.status.map(|status| status.to_string());
        let heard = Heard {
            sameness: &sameness,
            door: relay,
            kind,
            about: Some(about),
            status: status.as_deref(),
            words: &event.words,
            why: if kind == BounceKind::Unclear { "a relay's report of a kind that is not known" } else { "" },
            raw: None,
        };
        self.hear(config, &heard).await
    }

    async fn reader_named(&self, address: &str) -> Result<Option<About>, StoreError> {
        match address.parse() {
            Ok(address) => self.store.reader_at(&address).await,
            Err(_) => Ok(None),
        }
    }
}

fn hook<'a>(config: &'a Config, relay: &str) -> Option<&'a Hook> {
    config.bounces.hooks.iter().find(|hook| hook.name() == relay)
}

fn refused(relay: &str, why: &'static str) -> Reported {
    tracing::warn!(relay, why, "a relay's report is not believed");
    Reported::Refused(why)
}

/// HMAC-SHA-256 over time and token ("securing webhooks").
fn signed_by_mailgun(key: &str, body: &[u8]) -> bool {
    let Ok(report) = serde_json::from_slice::<Value>(body) else { return false };
    let Some(signature) = report.get("signature") else { return false };
    let Ok(MailgunSignature { timestamp, token, signature }) = MailgunSignature::deserialize(signature) else {
        return false;
    };
    let Some(signature) = from_hex(&signature) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    hmac::verify(&key, format!("{timestamp}{token}").as_bytes(), &signature).is_ok()
}

/// ECDSA over time and body ("security features of the event webhook").
fn signed_by_sendgrid<'a>(key: &[u8], header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> bool {
    let signature = header("x-twilio-email-event-webhook-signature").and_then(|value| STANDARD.decode(value).ok());
    let (Some(signature), Some(time)) = (signature, header("x-twilio-email-event-webhook-timestamp")) else {
        return false;
    };
    let signed = [time.as_bytes(), body].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(&signed, &signature).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
