//! What a reader may do with what is stored of them: have it mailed to another
//! address, see it, erase it.
//!
//! The link in each mail is enough to ask, since a reader has nothing else; but what
//! it would show of the reader, or give to somebody else, waits for a link that comes
//! to a mailbox: a mail may have been forwarded.

use super::Subscriptions;
use super::asking::versioned;
use crate::domain::consent::{Given, Origin};
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::subscriber::Subscription;
use crate::domain::token::{Claim, Purpose, hex};
use crate::store::{CONFIRM_WITHIN, Moving, OwnData, OwnMail, OwnSubscription, StoreError};
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::net::IpAddr;

/// What asking by a reader's link did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedByLink {
    /// A letter is on its way, if everything is right; in that language.
    Taken(Language),
    /// That is no mail address, or none that the site takes.
    Email,
    /// The link is worth nothing.
    Unknown,
}

/// What a link to confirm another address is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewAddress {
    /// Good.
    Open(Language),
    /// Mails go there now.
    Done(Language),
    /// Another reader has that address.
    Taken(Language),
    /// Used before, too old, or another one was asked for since.
    Over(Language),
    /// Not ours.
    Forged,
}

impl Subscriptions {
    /// Asks for another address by the link to a reader's choices. The answer is the
    /// same for every address (S8).
    pub async fn ask_for_address(&self, token: &str, email: &str) -> Result<AskedByLink, StoreError> {
        let Some(of) = self.read_token(Purpose::Preferences, token).await? else { return Ok(AskedByLink::Unknown) };
        let config = self.config.load_full();
        // The form takes no others either.
        let may_be = |to: &EmailAddress| to.is_public() && !config.sign_up.blocked.holds(&to.ascii_domain());
        let Some(to) = email.parse().ok().filter(may_be) else { return Ok(AskedByLink::Email) };
        // To change nothing but its spelling needs no other mailbox, but is asked there all the same.
        let nonce = hex(&self.chance.bytes::<32>());
        if self.store.ask_for_address(&of, &to, &nonce, &config.secret, self.clock.now()).await? {
            self.mail.notify_one();
            tracing::info!("a reader asked to be mailed at another address");
        }
        Ok(AskedByLink::Taken(of.language))
    }

    /// What the link in the letter to another address is worth.
    pub async fn look_at_new_address(&self, token: &str) -> Result<NewAddress, StoreError> {
        Ok(self.read_new_address(token).await?.0)
    }

    /// Has mails go there.
    pub async fn take_new_address(&self, token: &str, from: IpAddr) -> Result<NewAddress, StoreError> {
        let (NewAddress::Open(language), Some((of, nonce))) = self.read_new_address(token).await? else {
            return self.look_at_new_address(token).await;
        };
        let back = hex(&self.chance.bytes::<32>());
        let words = self.renderer.text(language, "address_text");
        let form = versioned("page of another address", &words);
        let given = Given { form: &form, words: &words, origin: Origin::Page, address: Some(from) };
        let secret = &self.config.load_full().secret;
        Ok(match self.store.change_address(&of, (&nonce, &back), &given, secret, self.clock.now()).await? {
            Moving::Done => {
                self.mail.notify_one();
                tracing::info!("a reader is mailed at another address now");
                NewAddress::Done(language)
            }
            Moving::Taken => NewAddress::Taken(language),
            Moving::Over => NewAddress::Over(language),
        })
    }

    async fn read_new_address(&self, token: &str) -> Result<(NewAddress, Option<(Subscription, String)>), StoreError> {
        let Some(claim) = Claim::read(token) else { return Ok((NewAddress::Forged, None)) };
        let found = self.store.subscription(claim.subscription).await?;
        let Some(of) = found.filter(|of| of.counter == claim.counter) else { return Ok((NewAddress::Forged, None)) };
        let language = of.language;
        let Some((nonce, expires)) = self.store.address_change(&of).await? else {
            return Ok((NewAddress::Over(language), None));
        };
        let ours = self.config.load().secret.verify(Purpose::Address, &claim, &nonce);
        Ok(if ours && expires > self.clock.now() {
            (NewAddress::Open(language), Some((of, nonce)))
        } else {
            (NewAddress::Over(language), None)
        })
    }

    /// Asks, by the link to a reader's choices, for the link to what is stored of them.
    pub async fn ask_for_data(&self, token: &str) -> Result<AskedByLink, StoreError> {
        let Some(of) = self.read_token(Purpose::Preferences, token).await? else { return Ok(AskedByLink::Unknown) };
        if self.store.ask_for_data(&of, self.clock.now()).await? {
            self.mail.notify_one();
        }
        Ok(AskedByLink::Taken(of.language))
    }

    /// All that is stored of a reader, as JSON, and their language, by the link in the
    /// letter that they asked for; `None` when that is not ours or too old.
    pub async fn data(&self, token: &str) -> Result<Option<(Language, Value)>, StoreError> {
        let Some(claim) = Claim::read(token) else { return Ok(None) };
        let (config, now) = (self.config.load_full(), self.clock.now());
        let letters = self.store.data_letters(claim.subscription, now.minus(CONFIRM_WITHIN)).await?;
        let ours =
            |at: &crate::domain::time::Timestamp| config.secret.verify(Purpose::Data, &claim, &at.millis().to_string());
        if !letters.iter().any(ours) {
            return Ok(None);
        }
        let found = self.store.subscription(claim.subscription).await?;
        let Some(of) = found.filter(|of| of.counter == claim.counter) else { return Ok(None) };
        let Some(data) = self.store.data_of(&of).await? else { return Ok(None) };
        Ok(Some((of.language, as_json(&config.site.title, &of, &data))))
    }

    /// Erases the reader of a link to their choices, with all that names them. The
    /// reader's language; `None` when the link is worth nothing.
    pub async fn erase(&self, token: &str) -> Result<Option<Language>, StoreError> {
        let Some(of) = self.read_token(Purpose::Preferences, token).await? else { return Ok(None) };
        self.store.erase_subscriber(&of.email, &self.config.load_full().secret, self.clock.now()).await?;
        tracing::info!("a reader erased themselves");
        Ok(Some(of.language))
    }
}

fn as_json(site: &str, of: &Subscription, data: &OwnData) -> Value {
    let subscriptions = data.subscriptions.iter().map(|OwnSubscription { subscription: it, ended_why, consents }| {
        json!({
            "newsletter": it.newsletter, "state": it.state, "cadence": it.cadence, "topics": it.topics,
            "paused_until": it.paused_until, "asked_at": it.created_at, "confirmed_at": it.confirmed_at,
            "ended_at": it.ended_at, "ended_by": it.ended_by, "ended_why": ended_why, "consents": consents,
        })
    });
    let mails = data.mails.iter().map(|OwnMail { newsletter, subject, state, at }| {
        json!({ "newsletter": newsletter, "subject": subject, "state": state, "at": at })
    });
    let bounces = data
        .bounces
        .iter()
        .map(|it| json!({ "kind": it.kind.as_str(), "status": it.status, "words": it.words, "at": it.received_at }));
    let letters = data.letters.iter().map(|(kind, at)| json!({ "kind": kind, "at": at }));
    json!({
        "site": site,
        "reader": {
            "address": of.email, "name": of.name, "language": of.language, "timezone": of.timezone.map(Tz::name),
            "hour": of.hour, "known_since": data.created_at, "other_address": data.other_address, "tags": data.tags,
        },
        "subscriptions": subscriptions.collect::<Vec<_>>(),
        "mails": mails.collect::<Vec<_>>(),
        "letters": letters.collect::<Vec<_>>(),
        "bounces": bounces.collect::<Vec<_>>(),
    })
}
