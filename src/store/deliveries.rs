//! The words of the courier's turns (`turns`): the right to mail one delivery
//! once, and what came of it.

use super::StoreError;
use super::counts::Count;
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DeliveryId, DigestId, LetterId, SubscriberId, SubscriptionId};
use crate::domain::language::Language;
use crate::domain::letter::LinkLetter;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::domain::token::SecretKey;
use std::time::Duration;

/// Later than any clock: what waits for a person.
pub(super) const HELD: i64 = i64::MAX / 2;

/// The right and duty to mail one delivery once. Minted only by a turn, consumed by
/// [`Attempt::settle`].
#[derive(Debug)]
#[must_use = "an attempt that is not settled stays in doubt"]
pub struct Attempt {
    pub(super) id: DeliveryId,
    pub(super) fence: i64,
    /// What to mail.
    pub content: Content,
    /// To whom.
    pub to: EmailAddress,
    /// How many attempts there were, this one included.
    pub attempts: u32,
}

/// A mail that may be taken soon. Nothing is marked for it.
#[derive(Debug, Clone)]
pub struct Coming {
    /// Which delivery it is of.
    pub delivery: DeliveryId,
    /// What would be mailed.
    pub content: Content,
    /// To whom.
    pub to: EmailAddress,
}

impl Coming {
    /// Whether an attempt is of the very same mail.
    #[must_use]
    pub fn became(&self, attempt: &Attempt) -> bool {
        let same = self.delivery == attempt.id && self.to.as_str() == attempt.to.as_str();
        same && self.content == attempt.content
    }
}

/// What an attempt mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One reader's copy of a digest.
    Digest {
        /// The digest.
        digest: DigestId,
        /// The reader.
        subscriber: SubscriberId,
        /// What the unsubscribe link speaks of.
        subscription: SubscriptionId,
        /// Part of its token.
        counter: i64,
        /// Which of the digest's mails.
        variant: i64,
        /// What the reader is greeted by, when it is known.
        name: Option<String>,
        /// The mail's date, where it is not that of the freezing.
        dated: Option<Timestamp>,
    },
    /// A digest as its readers would get it, for somebody who is to judge it.
    Preview {
        /// The letter.
        letter: LetterId,
        /// When it was written: the mail's date.
        written: Timestamp,
        /// The digest, when it is frozen already.
        digest: Option<DigestId>,
        /// Its readers' language.
        language: Language,
        /// Its subject.
        subject: String,
        /// Its HTML part, with a reader's tokens.
        html: String,
        /// Its text part, likewise.
        plain: String,
    },
    /// The mail that asks a reader to confirm.
    Confirm {
        /// The letter.
        letter: LetterId,
        /// When it was asked for: the mail's date.
        written: Timestamp,
        /// What the link speaks of.
        subscription: SubscriptionId,
        /// Part of its token.
        counter: i64,
        /// What its token is bound to.
        nonce: String,
        /// The names of the newsletters that were asked for together.
        newsletters: Vec<Slug>,
        /// The reader's language.
        language: Language,
    },
    /// A letter about a subscription that carries its words: a welcome, a renewal.
    Written {
        /// The letter.
        letter: LetterId,
        /// When it was written: the mail's date.
        written: Timestamp,
        /// What its links speak of.
        subscription: SubscriptionId,
        /// Part of their tokens.
        counter: i64,
        /// The newsletter's name.
        newsletter: Slug,
        /// The reader's language.
        language: Language,
        /// What the reader is greeted by.
        name: Option<String>,
        /// Its subject.
        subject: String,
        /// Its HTML part, with a reader's tokens.
        html: String,
        /// Its text part, likewise.
        plain: String,
    },
    /// A letter that brings its reader a link.
    Link {
        /// The letter.
        letter: LetterId,
        /// When it was written: the mail's date.
        written: Timestamp,
        /// What it is for.
        what: LinkLetter,
        /// What the link speaks of.
        subscription: SubscriptionId,
        /// Part of its token.
        counter: i64,
        /// What its token is bound to.
        nonce: String,
        /// The names of the newsletters that it speaks of.
        newsletters: Vec<Slug>,
        /// The reader's language.
        language: Language,
    },
    /// A note to the owner.
    Owner {
        /// The letter.
        letter: LetterId,
        /// When it was written: the mail's date.
        written: Timestamp,
        /// Its subject.
        subject: String,
        /// Its text.
        body: String,
    },
}

impl Content {
    /// Whether it asks its reader to confirm: the one mail that goes to somebody who
    /// was erased, and came back.
    pub(super) fn asks(&self) -> bool {
        matches!(self, Self::Confirm { .. } | Self::Link { what: LinkLetter::Address, .. })
    }

    /// The digest whose mail it is; `None` for letters, previews among them.
    #[must_use]
    pub fn digest(&self) -> Option<DigestId> {
        match self {
            Self::Digest { digest, .. } => Some(*digest),
            Self::Confirm { .. }
            | Self::Link { .. }
            | Self::Written { .. }
            | Self::Owner { .. }
            | Self::Preview { .. } => None,
        }
    }
}

/// An attempt with what came of it.
#[derive(Debug)]
pub struct Settled {
    pub(super) attempt: Attempt,
    pub(super) settlement: Settlement,
}

/// What came of an attempt, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The relay has it; its last line.
    Sent(String),
    /// Refused for good; why.
    Bounced(String),
    /// To be tried again at that instant; why.
    Deferred(String, Timestamp),
    /// The answer was lost; how, and when to try again (`None`: a person decides).
    Unknown(String, Option<Timestamp>),
    /// Not tried: back as it was, not before that instant.
    GivenBack(Timestamp),
}

impl Attempt {
    /// Which delivery it is of.
    #[must_use]
    pub fn delivery(&self) -> DeliveryId {
        self.id
    }

    /// Ends the attempt.
    #[must_use = "a settlement counts once it is handed to a turn"]
    pub fn settle(self, settlement: Settlement) -> Settled {
        Settled { attempt: self, settlement }
    }
}

/// What a turn writes: the results that came back, and how many mails went.
#[derive(Debug, Clone, Copy)]
pub struct Results<'a> {
    /// The attempts that ended.
    pub settled: &'a [Settled],
    /// What is to be added to the counts of a day. A second writing after a lost
    /// answer to COMMIT counts twice: limits then err on the careful side.
    pub counts: &'a [Count],
}

/// What a turn gave.
#[derive(Debug)]
pub struct Turn {
    /// At most as many as were wanted.
    pub attempts: Vec<Attempt>,
    /// Whether more rows were due than were looked at.
    pub more: bool,
    /// What stands behind them, when it was read in this turn.
    pub coming: Vec<Coming>,
    /// The counts that were added to, as they stand now.
    pub totals: Vec<Count>,
}

/// Says whose mail may go now.
pub trait Gate: Send {
    /// Whether it lets everything go.
    fn is_open(&self) -> bool;

    /// Lets a mail go, or says when it may be asked for again.
    fn admit(&mut self, to: &EmailAddress) -> Result<(), Timestamp>;
}

/// Who takes attempts, and under which rules.
#[derive(Debug, Clone)]
pub struct Courier {
    /// The node's name.
    pub node: String,
    /// After this an attempt counts as lost with its node.
    pub lease: Duration,
    /// The key of the suppression list.
    pub secret: SecretKey,
}

pub(super) fn slug(name: &str) -> Result<Slug, StoreError> {
    name.parse().map_err(|error: crate::domain::slug::BadSlug| StoreError::Corrupt(error.to_string()))
}
