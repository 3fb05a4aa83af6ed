//! Readers whom a relay refused by name, told to where bounces are counted. One
//! such refusal is never more than a soft bounce, whatever it says: a relay that
//! does not know the sender refuses everybody (P10).

use crate::config::Config;
use crate::domain::bounce::{Action, BounceKind, Fate, reported};
use crate::domain::delivery::Verdict;
use crate::domain::time::Timestamp;
use crate::store::{About, Attempt, Content, Heard, Patience, Store, StoreError};

/// A reader who was refused, and in which words.
#[derive(Debug)]
pub(super) struct Refusal {
    about: About,
    words: String,
}

impl Refusal {
    /// What came of an attempt, when it is a refusal that says something of its reader.
    pub(super) fn of(attempt: &Attempt, verdict: &Verdict) -> Option<Self> {
        let (Verdict::Bounced { reason }, Content::Digest { subscriber, .. }) = (verdict, &attempt.content) else {
            return None;
        };
        let (fate, _) = reported(Some(Action::Failed), None, reason)?;
        let (address, delivery) = (attempt.to.clone(), Some(attempt.delivery()));
        matches!(fate, Fate::Hard | Fate::Soft)
            .then(|| Self { about: About { reader: *subscriber, address, delivery }, words: reason.clone() })
    }

    /// Counts it.
    pub(super) async fn tell(self, store: &Store, config: &Config, now: Timestamp) -> Result<(), StoreError> {
        let status = reported(Some(Action::Failed), None, &self.words).and_then(|(_, status)| status);
        let status = status.map(|status| status.to_string());
        // Tried again by hand, the same mail may be refused once more: it counts once.
        let of = self.about.delivery.map(|delivery| delivery.to_string()).unwrap_or_default();
        let heard = Heard {
            sameness: &format!("soft of mail {of}"),
            door: "relay",
            kind: BounceKind::Soft,
            about: Some(self.about),
            status: status.as_deref(),
            words: &self.words,
            why: "",
            raw: None,
        };
        let patience = Patience { soft: config.bounces.soft, within: config.bounces.within, secret: &config.secret };
        store.hear(&heard, patience, now).await.map(drop)
    }
}
