//! What a reader may change by the link in each mail: how often, which topics, by
//! whose clock. The link is the reader's own, and dies with the subscription.

use super::{Refusal, Subscriptions, known_topics, known_zone};
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::domain::token::{Claim, Purpose};
use crate::store::{Change, StoreError};

/// What a reader chose.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// The cadence's name.
    pub cadence: &'a str,
    /// The names of topics; none is everything.
    pub topics: &'a [String],
    /// Whose clock shows the reader's morning; empty is the newsletter's.
    pub timezone: &'a str,
}

impl Subscriptions {
    /// The subscription that a link is of, while it stands; `None` when the link is worth nothing.
    pub async fn look_at_preferences(&self, token: &str) -> Result<Option<Subscription>, StoreError> {
        let Some(claim) = Claim::read(token) else { return Ok(None) };
        if !self.config.load().secret.verify(Purpose::Preferences, &claim, "") {
            return Ok(None);
        }
        let subscription = self.store.subscription(claim.subscription).await?;
        Ok(subscription.filter(|subscription| {
            subscription.counter == claim.counter && subscription.state == SubscriptionState::Confirmed
        }))
    }

    /// Changes it. `None` when the link is worth nothing.
    pub async fn choose(&self, token: &str, choice: Choice<'_>) -> Result<Option<Result<(), Refusal>>, StoreError> {
        let Some(subscription) = self.look_at_preferences(token).await? else { return Ok(None) };
        let config = self.config.load_full();
        let Some(newsletter) = config.newsletter(subscription.newsletter.as_str()) else {
            return Ok(Some(Err(Refusal::NoNewsletter)));
        };
        let Some(cadence) = newsletter.cadence(choice.cadence) else { return Ok(Some(Err(Refusal::Cadence))) };
        let (topics, timezone) = (known_topics(newsletter, choice.topics), known_zone(choice.timezone));
        let (Some(topics), Ok(timezone)) = (topics, timezone) else { return Ok(Some(Err(Refusal::Choice))) };
        let change = Change {
            cadence: Some(cadence.name.clone()),
            topics: Some(topics),
            // A form that does not ask leaves it as it is.
            timezone: newsletter.goes_by_local_time().then_some(timezone),
        };
        self.store.change_subscription(subscription.id, &change, self.clock.now()).await?;
        tracing::info!(newsletter = %newsletter.name, "a reader changed what they get");
        Ok(Some(Ok(())))
    }
}
