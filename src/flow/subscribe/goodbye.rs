//! How a reader leaves, and comes back when they did not mean to.
//!
//! A link to leave works as long as the site has its key: whatever became of the
//! subscription, its newsletter or its cadence, and however old the mail is. The way
//! back is made when a reader leaves and for no other end: it is bound to that
//! instant, so that an old mail's link never brings anybody back.

use super::asking::versioned;
use super::{Subscriptions, title};
use crate::domain::consent::{Act, Given, Origin};
use crate::domain::id::SubscriptionId;
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::domain::slug::Slug;
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::domain::time::Timestamp;
use crate::domain::token::{Claim, Purpose};
use crate::store::StoreError;
use std::net::IpAddr;

/// The longest that a reader's own words of why they left may be, in characters.
const WORDS: usize = 500;

/// Through which door a reader's word came that they leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The page behind the link.
    Page,
    /// A mail program's own button (RFC 8058).
    OneClick,
    /// A mail to the address in `List-Unsubscribe`.
    Mail,
    /// A complaint about a mail.
    Complaint,
}

impl Door {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::OneClick => "one-click",
            Self::Mail => "mailto",
            Self::Complaint => "complaint",
        }
    }

    /// What is recorded of an end by it.
    fn given(self, from: Option<IpAddr>) -> Given<'static> {
        let origin = match self {
            Self::Page => Origin::Page,
            Self::OneClick => Origin::OneClick,
            Self::Mail | Self::Complaint => Origin::Mail,
        };
        Given { form: self.as_str(), words: "", origin, address: from }
    }
}

/// What a link to leave is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goodbye {
    /// The newsletter's title; its name when it is configured no more.
    pub title: String,
    /// The newsletter's name, when it can be subscribed to.
    pub newsletter: Option<Slug>,
    /// What coming back agrees to besides, in words, where it is advertising.
    pub agreement: Option<String>,
    /// The reader's language.
    pub language: Language,
    /// Whether its reader has left already.
    pub ended: bool,
}

/// What leaving did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What was left.
    pub from: Goodbye,
    /// The token by which the reader may take it back; `None` when they had left before.
    pub undo: Option<String>,
    /// What comes less often than what they left; offered with the way back only.
    pub less_often: Option<Slug>,
}

/// What the way back is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayBack {
    /// The reader may come back to this.
    Open(Goodbye),
    /// They are back.
    Done(Goodbye),
    /// Used before, or too old: what may be subscribed to anew.
    Over(Goodbye),
}

/// Why a reader left, of what the page offers to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Too many mails.
    Often,
    /// Not what they hoped for.
    Interest,
    /// They never asked for it.
    Never,
    /// Something else.
    Other,
}

impl Reason {
    /// Each, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Often, Self::Interest, Self::Never, Self::Other];

    /// The word in the form and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Often => "often",
            Self::Interest => "interest",
            Self::Never => "never",
            Self::Other => "other",
        }
    }
}

impl Subscriptions {
    /// What a link to leave is of; `None` when it is not ours.
    pub async fn look_at_goodbye(&self, token: &str) -> Result<Option<Goodbye>, StoreError> {
        let subscription = self.read_token(Purpose::Unsubscribe, token).await?;
        Ok(subscription.map(|subscription| self.goodbye(&subscription)))
    }

    /// Ends the subscription that a link speaks of, whatever its state and whether or
    /// not its newsletter still exists (P9); `from` is the network address of the
    /// request, where there was one. `None` when the link is not ours.
    pub async fn leave(&self, token: &str, by: Door, from: Option<IpAddr>) -> Result<Option<Left>, StoreError> {
        let Some(subscription) = self.read_token(Purpose::Unsubscribe, token).await? else { return Ok(None) };
        let (config, now) = (self.config.load_full(), self.clock.now());
        let newsletter = config.newsletter(subscription.newsletter.as_str());
        // Who complains of one mail is not sent another. Who refuses advertising is told so, as the law has it
        // (Network Act, Article 50(7)).
        let says_goodbye = |newsletter: &Newsletter| newsletter.goodbye || newsletter.commercial.is_some();
        let wants_letter = by != Door::Complaint && newsletter.is_some_and(says_goodbye);
        let ended = self.store.leave(subscription.id, &by.given(from), wants_letter, now).await?;
        if ended.letter {
            self.mail.notify_one();
        }
        if subscription.state != SubscriptionState::Unsubscribed {
            tracing::info!(newsletter = %subscription.newsletter, by = by.as_str(), "a reader left");
        }
        let undo = ended.at.map(|at| {
            config.secret.token(Purpose::Undo, subscription.id, subscription.counter, &at.millis().to_string())
        });
        let rarer = newsletter.filter(|_| undo.is_some());
        let rarer = rarer.and_then(|newsletter| newsletter.less_often_than(subscription.cadence.as_str(), now));
        let from = Goodbye { ended: true, ..self.goodbye(&subscription) };
        Ok(Some(Left { from, undo, less_often: rarer.map(|cadence| cadence.name.clone()) }))
    }

    /// The same where no page answers, such as a mail to the address in
    /// `List-Unsubscribe`. Returns the newsletter's title; `None` when the token is not ours.
    pub async fn unsubscribe(&self, token: &str, by: Door) -> Result<Option<String>, StoreError> {
        Ok(self.leave(token, by, None).await?.map(|left| left.from.title))
    }

    /// Keeps why the reader of a link left: the first that they say. `None` when the
    /// link is not ours, or they did not leave.
    pub async fn say_why(&self, token: &str, reason: Reason, words: &str) -> Result<Option<Goodbye>, StoreError> {
        let subscription = self.read_token(Purpose::Unsubscribe, token).await?;
        let left = subscription.filter(|subscription| subscription.state == SubscriptionState::Unsubscribed);
        let Some(subscription) = left else { return Ok(None) };
        let words: String = words.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
        let why = match words.as_str() {
            "" => reason.as_str().to_owned(),
            words => format!("{}: {words}", reason.as_str()),
        };
        self.store.keep_reason(subscription.id, &why).await?;
        Ok(Some(self.goodbye(&subscription)))
    }

    /// What a way back is worth now; `None` when it is not ours.
    pub async fn look_at_way_back(&self, token: &str) -> Result<Option<WayBack>, StoreError> {
        Ok(self.read_way_back(token).await?.map(|(way, _)| way))
    }

    /// Brings the reader back, in another cadence if one is named. `None` when the
    /// token is not ours.
    pub async fn come_back(
        &self,
        token: &str,
        cadence: Option<&str>,
        from: IpAddr,
    ) -> Result<Option<WayBack>, StoreError> {
        let Some((way, open)) = self.read_way_back(token).await? else { return Ok(None) };
        let (WayBack::Open(to), Some((subscription, ended))) = (&way, open) else { return Ok(Some(way)) };
        let config = self.config.load_full();
        let newsletter = to.newsletter.as_ref().and_then(|name| config.newsletter(name.as_str()));
        let cadence = cadence.and_then(|name| newsletter?.cadence(name)).map(|cadence| &cadence.name);
        let to = Goodbye { ended: false, ..to.clone() };
        let words = self.renderer.filled(to.language, "back_text", &[("title", &to.title)]);
        let words = [Some(words), to.agreement.clone()].into_iter().flatten().collect::<Vec<_>>().join("\n");
        let form = versioned("way back", &words);
        let given = Given { form: &form, words: &words, origin: Origin::Page, address: Some(from) };
        // Consent to advertising that is given anew is confirmed anew (Network Act, Article 50(7)).
        let receipt = self.receipt(&config, &subscription);
        if self.store.undo_leaving(&subscription, ended, cadence, &given, receipt.as_ref(), self.clock.now()).await? {
            if receipt.is_some() {
                self.mail.notify_one();
            }
            tracing::info!(newsletter = to.newsletter.as_ref().map(Slug::as_str), "a reader came back");
            Ok(Some(WayBack::Done(to)))
        } else {
            Ok(Some(WayBack::Over(to)))
        }
    }

    async fn read_way_back(
        &self,
        token: &str,
    ) -> Result<Option<(WayBack, Option<(Subscription, Timestamp)>)>, StoreError> {
        let Some(claim) = Claim::read(token) else { return Ok(None) };
        let found = self.store.subscription(claim.subscription).await?;
        let Some(subscription) = found.filter(|subscription| subscription.counter == claim.counter) else {
            return Ok(None);
        };
        let goodbye = self.goodbye(&subscription);
        let Some(ended) = subscription.ended_at else {
            // Whoever presses twice is back all the same. Another link, or a guess, learns no more than a name.
            let was_used = subscription.state == SubscriptionState::Confirmed
                && self.was_bound_to_an_end(&claim, subscription.id).await?;
            let way = if was_used { WayBack::Done(goodbye) } else { WayBack::Over(goodbye) };
            return Ok(Some((way, None)));
        };
        if !self.config.load().secret.verify(Purpose::Undo, &claim, &ended.millis().to_string()) {
            return Ok(Some((WayBack::Over(goodbye), None)));
        }
        let until = self.store.undo_until(subscription.id, ended).await?;
        Ok(Some(match until {
            Some(until) if until > self.clock.now() => (WayBack::Open(goodbye), Some((subscription, ended))),
            _ => (WayBack::Over(goodbye), None),
        }))
    }

    /// Whether a way back is of an end of that subscription that is on record.
    async fn was_bound_to_an_end(&self, claim: &Claim, id: SubscriptionId) -> Result<bool, StoreError> {
        let config = self.config.load_full();
        let records = self.store.consents_of_each(&[id]).await?.remove(&id).unwrap_or_default();
        let ours = |at: Timestamp| config.secret.verify(Purpose::Undo, claim, &at.millis().to_string());
        Ok(records.iter().any(|record| record.act == Act::Ended && ours(record.at)))
    }

    fn goodbye(&self, subscription: &Subscription) -> Goodbye {
        let config = self.config.load();
        let newsletter = config.mailed_newsletter(subscription.newsletter.as_str());
        let advertising = newsletter.and_then(|newsletter| config.advertising(newsletter));
        let agreement = advertising
            .map(|known| self.renderer.filled(subscription.language, "back_agree", &[("sender", &known.sender)]));
        Goodbye {
            title: title(&config, &subscription.newsletter),
            newsletter: newsletter.map(|known| known.name.clone()),
            agreement,
            language: subscription.language,
            ended: subscription.state == SubscriptionState::Unsubscribed,
        }
    }
}
