//! Readers, and what they asked for.

use super::email_address::EmailAddress;
use super::id::{SubscriberId, SubscriptionId};
use super::language::Language;
use super::slug::Slug;
use super::time::Timestamp;
use chrono_tz::Tz;
use serde::Serialize;

/// A reader's subscription to one newsletter, with the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its row.
    pub id: SubscriptionId,
    /// The reader's row.
    pub subscriber: SubscriberId,
    /// Where the mails go.
    pub email: EmailAddress,
    /// The language of letters to this reader.
    pub language: Language,
    /// The newsletter's name.
    pub newsletter: Slug,
    /// The cadence's name.
    pub cadence: Slug,
    /// Where it stands.
    pub state: SubscriptionState,
    /// How often its links were revoked; part of every token.
    pub counter: i64,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// By whom or by what it ended.
    pub ended_by: Option<String>,
    /// Until when the reader gets no mail, if they paused.
    pub paused_until: Option<Timestamp>,
    /// The words that were last agreed to; every record stands in the store's `consents_of_each`.
    pub consent: String,
    /// What the reader is greeted by.
    pub name: Option<String>,
    /// Whose clock shows the reader's morning; the newsletter's when there is none.
    pub timezone: Option<Tz>,
    /// At which hour of that clock mails shall come, 0 to 23; the newsletter's time when there is none.
    pub hour: Option<u8>,
    /// What the reader chose; everything when there is nothing.
    pub topics: Vec<Slug>,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionState {
    /// Asked for, not yet confirmed by the mailed link.
    Pending,
    /// Mails go out.
    Confirmed,
    /// Ended by the reader or the operator.
    Unsubscribed,
}

impl SubscriptionState {
    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Unsubscribed => "unsubscribed",
        }
    }
}

impl std::str::FromStr for SubscriptionState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pending, Self::Confirmed, Self::Unsubscribed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("unknown subscription state `{text}`"))
    }
}
