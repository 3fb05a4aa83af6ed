//! What a reader may change by the link in each mail: how often, of what, until when
//! not at all, by whose clock and at which hour of it, in which language, for all
//! that they get. The link is the reader's own, and needs no password.

use super::{Refusal, Subscriptions, known_topics, known_zone};
use crate::config::Config;
use crate::domain::consent::{Given, Origin};
use crate::domain::id::SubscriptionId;
use crate::domain::newsletter::Newsletter;
use crate::domain::schedule::instant;
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::domain::time::Timestamp;
use crate::domain::token::{Claim, Purpose};
use crate::store::{Change, StoreError};
use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use std::net::IpAddr;
use std::time::Duration;

/// The longest that a reader may pause: who wants none for longer may leave.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(366 * 24);

/// A reader's own page.
#[derive(Debug, Clone)]
pub struct Preferences {
    /// The subscription that the link is of, with the reader: it may have ended.
    pub of: Subscription,
    /// What the reader gets, in the order in which it began.
    pub subscriptions: Vec<Subscription>,
}

/// What a reader chose for themselves and for what they get.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The language of letters and pages.
    pub language: String,
    /// Whose clock shows the reader's morning; empty is each newsletter's.
    pub timezone: String,
    /// The hour of it; empty is each newsletter's own, `None` was not asked.
    pub hour: Option<String>,
    /// Of each newsletter; one that is not named stays as it is.
    pub each: Vec<ChoiceOf>,
}

/// What a reader chose of one newsletter.
#[derive(Debug, Clone, Default)]
pub struct ChoiceOf {
    /// Its name.
    pub newsletter: String,
    /// The cadence's name.
    pub cadence: String,
    /// The names of topics; none is everything.
    pub topics: Vec<String>,
    /// The day, `2026-12-24`, from which mails come again; empty is no pause.
    pub pause: String,
}

impl Subscriptions {
    /// The page that a link is of; `None` when the link is worth nothing.
    pub async fn look_at_preferences(&self, token: &str) -> Result<Option<Preferences>, StoreError> {
        let Some(of) = self.read_token(Purpose::Preferences, token).await? else { return Ok(None) };
        let mut subscriptions = self.store.subscriptions_of(&of.email).await?;
        subscriptions.retain(|subscription| subscription.state == SubscriptionState::Confirmed);
        Ok(Some(Preferences { of, subscriptions }))
    }

    /// Changes what the reader gets, all of it or nothing. `None` when the link is
    /// worth nothing.
    pub async fn choose(
        &self,
        token: &str,
        choice: &Choice,
        from: IpAddr,
    ) -> Result<Option<Result<(), Refusal>>, StoreError> {
        let Some(found) = self.look_at_preferences(token).await? else { return Ok(None) };
        let now = self.clock.now();
        let changes = match changes(&self.config.load(), &found, choice, now) {
            Ok(changes) => changes,
            Err(refusal) => return Ok(Some(Err(refusal))),
        };
        let given = Given { form: "preferences", words: "", origin: Origin::Preferences, address: Some(from) };
        self.store.change_subscriptions(&changes, &given, now).await?;
        tracing::info!(newsletters = choice.each.len(), "a reader changed what they get");
        Ok(Some(Ok(())))
    }

    /// Whether a token is this site's word for `purpose`, and what it speaks of is
    /// stored no more: it was erased, or kept for long enough.
    pub async fn is_gone(&self, purpose: Purpose, token: &str) -> Result<bool, StoreError> {
        let Some(claim) = Claim::read(token) else { return Ok(false) };
        let ours = self.config.load().secret.verify(purpose, &claim, "");
        Ok(ours && self.store.subscription(claim.subscription).await?.is_none())
    }

    /// The subscription that a token speaks of, if this site made it for `purpose`
    /// and has not revoked it.
    pub(super) async fn read_token(&self, purpose: Purpose, token: &str) -> Result<Option<Subscription>, StoreError> {
        let Some(claim) = Claim::read(token) else { return Ok(None) };
        if !self.config.load().secret.verify(purpose, &claim, "") {
            return Ok(None);
        }
        let subscription = self.store.subscription(claim.subscription).await?;
        Ok(subscription.filter(|subscription| subscription.counter == claim.counter))
    }
}

/// What is to be written, the reader's own settings first.
fn changes(
    config: &Config,
    found: &Preferences,
    choice: &Choice,
    now: Timestamp,
) -> Result<Vec<(SubscriptionId, Change)>, Refusal> {
    let zone = known_zone(&choice.timezone).map_err(|_| Refusal::Choice)?;
    let hour = match choice.hour.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(hour) => Some(Some(hour.parse().ok().filter(|hour| *hour < 24).ok_or(Refusal::Choice)?)),
    };
    let language = choice.language.parse().map_err(|_| Refusal::Choice)?;
    let own = Change { timezone: Some(zone), hour, language: Some(language), ..Change::default() };
    let mut changes = vec![(found.of.id, own)];
    for subscription in &found.subscriptions {
        // One that is configured no more, or that the form did not ask about, stays.
        let Some(newsletter) = config.newsletter(subscription.newsletter.as_str()) else { continue };
        let Some(of) = choice.each.iter().find(|of| of.newsletter == newsletter.name.as_str()) else { continue };
        changes.push((subscription.id, change(newsletter, of, zone, now)?));
    }
    Ok(changes)
}

fn change(newsletter: &Newsletter, of: &ChoiceOf, zone: Option<Tz>, now: Timestamp) -> Result<Change, Refusal> {
    let cadence = newsletter.cadence(&of.cadence).ok_or(Refusal::Cadence)?;
    let topics = known_topics(newsletter, &of.topics).ok_or(Refusal::Choice)?;
    let paused_until = pause(&of.pause, zone.unwrap_or(newsletter.timezone), now)?;
    Ok(Change {
        cadence: Some(cadence.name.clone()),
        topics: Some(topics),
        paused_until: Some(paused_until),
        ..Change::default()
    })
}

/// The beginning of that day by the reader's clock, if it is to come and not too far.
fn pause(day: &str, zone: Tz, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let day = day.trim();
    if day.is_empty() {
        return Ok(None);
    }
    let day: NaiveDate = day.parse().map_err(|_| Refusal::Pause)?;
    let begins = instant(zone, day.and_time(NaiveTime::MIN)).ok_or(Refusal::Pause)?;
    if begins <= now || begins.since(now) > LONGEST_PAUSE { Err(Refusal::Pause) } else { Ok(Some(begins)) }
}
