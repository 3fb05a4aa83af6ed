//! The link in a confirmation mail: what it is worth, and what it sets going.

use super::asking::versioned;
use super::{Subscriptions, title};
use crate::domain::consent::{Given, Origin};
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::domain::token::{Claim, Purpose};
use crate::store::{Confirmed, Open, StoreError};
use std::net::IpAddr;

/// What a confirmation link is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Good.
    Open {
        /// The reader's language.
        language: Language,
        /// What may be confirmed: names and titles.
        of: Vec<(Slug, String)>,
    },
    /// It was used, and what was confirmed stands.
    Done {
        /// The reader's language.
        language: Language,
        /// The titles.
        titles: Vec<String>,
    },
    /// Too old, or another took its place, or what it was for has ended: the
    /// newsletter, to ask anew, where that is known.
    Over(Option<Slug>),
    /// Not ours.
    Forged,
}

impl Subscriptions {
    /// What a confirmation link is worth now.
    pub async fn look_at_confirmation(&self, token: &str) -> Result<Confirmation, StoreError> {
        Ok(self.read_confirmation(token).await?.0)
    }

    /// Confirms `chosen`, or all when nothing is named. What was open stays so when
    /// none of it is chosen.
    pub async fn confirm(&self, token: &str, chosen: &[String], from: IpAddr) -> Result<Confirmation, StoreError> {
        let (confirmation, open) = self.read_confirmation(token).await?;
        let (Confirmation::Open { language, .. }, Some(open)) = (&confirmation, open) else {
            return Ok(confirmation);
        };
        let config = self.config.load_full();
        let those = open.of.iter().filter(|one| one.state == SubscriptionState::Pending);
        let those: Vec<&Subscription> = those
            .filter(|one| chosen.is_empty() || chosen.iter().any(|name| *name == one.newsletter.as_str()))
            .collect();
        let Some(first) = those.first().copied() else { return Ok(confirmation) };
        let of_several = open.of.iter().filter(|one| one.state == SubscriptionState::Pending).count() > 1;
        let mut words = Vec::with_capacity(those.len());
        for one in &those {
            let said = self.renderer.confirm_words(*language, &title(&config, &one.newsletter), of_several);
            words.push((versioned("confirmation page", &said), said));
        }
        let mut confirmed = Vec::with_capacity(those.len());
        for (subscription, (form, words)) in those.iter().copied().zip(&words) {
            let given = Given { form, words, origin: Origin::Page, address: Some(from) };
            let welcome = self.welcome(&config, subscription).await?;
            confirmed.push(Confirmed { subscription, given, welcome });
        }
        let hashes = config.secret.address_hashes(&first.email.key());
        let done = self.store.confirm(&confirmed, &open.nonce, &hashes, self.clock.now()).await?;
        if done.is_empty() {
            return Ok(Confirmation::Over(Some(first.newsletter.clone())));
        }
        if confirmed.iter().any(|one| one.welcome.is_some()) {
            self.mail.notify_one();
        }
        let stands = those.iter().filter(|one| done.contains(&one.id));
        tracing::info!(newsletters = ?stands.clone().map(|one| one.newsletter.as_str()).collect::<Vec<_>>(), "a reader confirmed");
        Ok(Confirmation::Done {
            language: *language,
            titles: stands.map(|one| title(&config, &one.newsletter)).collect(),
        })
    }

    /// What a link is worth, and what it opens.
    async fn read_confirmation(&self, token: &str) -> Result<(Confirmation, Option<Open>), StoreError> {
        let config = self.config.load_full();
        let Some(claim) = Claim::read(token) else { return Ok((Confirmation::Forged, None)) };
        // A row that is gone was never confirmed; nobody learns which rows there are.
        let Some((subscription, open)) = self.store.confirmation(claim.subscription).await? else {
            return Ok((Confirmation::Over(None), None));
        };
        let nonce = open.as_ref().map_or("", |open| open.nonce.as_str());
        let ours = config.secret.verify(Purpose::Confirm, &claim, nonce) && claim.counter == subscription.counter;
        let Some(open) = open.filter(|_| ours) else { return Ok((Confirmation::Over(None), None)) };
        let language = subscription.language;
        let of = |state| open.of.iter().filter(move |one| one.state == state);
        Ok(match subscription.state {
            SubscriptionState::Confirmed => {
                let titles = of(SubscriptionState::Confirmed).map(|one| title(&config, &one.newsletter)).collect();
                (Confirmation::Done { language, titles }, None)
            }
            SubscriptionState::Pending if open.expires > self.clock.now() => {
                let of = of(SubscriptionState::Pending);
                let of = of.map(|one| (one.newsletter.clone(), title(&config, &one.newsletter))).collect();
                (Confirmation::Open { language, of }, Some(open))
            }
            _ => (Confirmation::Over(Some(subscription.newsletter)), None),
        })
    }
}
