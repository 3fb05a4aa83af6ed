//! What a reader agreed to: by which form, in which words, when, from where. A
//! record is written once and never changed; only the network address in it goes
//! after a while.

use super::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use std::net::IpAddr;

/// One record of a subscription's consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// What happened.
    pub act: Act,
    /// When.
    #[serde(serialize_with = "exact")]
    pub at: Timestamp,
    /// The form with the version of its words, or the file or command that it came by.
    pub form: String,
    /// What was agreed to, as the reader saw it.
    pub words: String,
    /// By which way it came.
    pub origin: Origin,
    /// The network address of the request, while it is kept.
    pub address: Option<IpAddr>,
}

/// A proof is handed on as it is, to the millisecond.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands on references")]
fn exact<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_exact())
}

/// What happened to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// A form asked for it.
    Asked,
    /// Its reader confirmed it by the mailed link.
    Confirmed,
    /// It came with a list that the operator brought.
    Imported,
    /// The operator added it.
    Added,
    /// Its reader chose otherwise.
    Changed,
    /// Its reader was asked again after two years, or said yes to that.
    Renewed,
    /// It ended.
    Ended,
}

/// By which way it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A page of this site.
    Page,
    /// A form on another site.
    Embedded,
    /// The JSON endpoint.
    Json,
    /// A list.
    Import,
    /// A command.
    Operator,
    /// A mail program's own button (RFC 8058).
    OneClick,
    /// A mail: a goodbye, or a complaint about one of ours.
    Mail,
    /// The page of a reader's own choices.
    Preferences,
}

/// What is recorded with an act.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// See [`Consent::form`].
    pub form: &'a str,
    /// See [`Consent::words`].
    pub words: &'a str,
    /// See [`Consent::origin`].
    pub origin: Origin,
    /// See [`Consent::address`].
    pub address: Option<IpAddr>,
}

impl<'a> Given<'a> {
    /// By a command of the operator's, who says this.
    #[must_use]
    pub const fn by_command(command: &'a str, words: &'a str) -> Self {
        Self { form: command, words, origin: Origin::Operator, address: None }
    }
}

impl Act {
    const ALL: [Self; 7] =
        [Self::Asked, Self::Confirmed, Self::Imported, Self::Added, Self::Changed, Self::Renewed, Self::Ended];

    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Confirmed => "confirmed",
            Self::Imported => "imported",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Renewed => "renewed",
            Self::Ended => "ended",
        }
    }
}

impl Origin {
    const ALL: [Self; 8] = [
        Self::Page,
        Self::Embedded,
        Self::Json,
        Self::Import,
        Self::Operator,
        Self::OneClick,
        Self::Mail,
        Self::Preferences,
    ];

    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Embedded => "embedded",
            Self::Json => "json",
            Self::Import => "import",
            Self::Operator => "operator",
            Self::OneClick => "one-click",
            Self::Mail => "mail",
            Self::Preferences => "preferences",
        }
    }
}

impl std::str::FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|act| act.as_str() == text);
        found.ok_or_else(|| format!("unknown act of consent `{text}`"))
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|origin| origin.as_str() == text);
        found.ok_or_else(|| format!("unknown origin of a consent `{text}`"))
    }
}
