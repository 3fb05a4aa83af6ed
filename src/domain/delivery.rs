//! One mail to one reader, from `pending` to its verdict.
//!
//! ```text
//! pending ─▶ attempting ─▶ sent
//!    ▲            ├──────▶ bounced      refused for good
//!    │            ├──────▶ deferred ─▶ attempting …
//!    │            └──────▶ unknown  ─▶ attempting …   the answer was lost (P6)
//!    └── given back: the relay is in trouble, nobody's fault (P10)
//! pending, deferred, unknown ─▶ suppressed (P9) or expired
//! ```

use serde::Serialize;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Not tried yet.
    Pending,
    /// Durable before MAIL FROM (P4): being tried, or in doubt after a crash.
    Attempting,
    /// To be tried again: the relay said "not now" to this recipient.
    Deferred,
    /// The relay may or may not have taken it.
    Unknown,
    /// The relay answered 250 to the final dot.
    Sent,
    /// Refused for good.
    Bounced,
    /// No longer wanted when its turn came.
    Suppressed,
    /// Its digest ran out of time.
    Expired,
}

impl DeliveryState {
    /// Every state, in the order of a delivery's life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Attempting,
        Self::Deferred,
        Self::Unknown,
        Self::Sent,
        Self::Bounced,
        Self::Suppressed,
        Self::Expired,
    ];

    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Attempting => "attempting",
            Self::Deferred => "deferred",
            Self::Unknown => "unknown",
            Self::Sent => "sent",
            Self::Bounced => "bounced",
            Self::Suppressed => "suppressed",
            Self::Expired => "expired",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("unknown delivery state `{text}`"))
    }
}

/// What a person says of mails in doubt (P6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They went out.
    Sent,
    /// They are to be mailed again.
    Again,
}

impl std::str::FromStr for Decision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sent" => Ok(Self::Sent),
            "again" => Ok(Self::Again),
            other => Err(format!("`{other}` is neither `sent` nor `again`")),
        }
    }
}

/// What came of one attempt. Data, not an error: each variant is a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// 250 after the final dot, or a file renamed into a maildir's `new`.
    Sent {
        /// The relay's last line.
        reply: String,
    },
    /// "Not now" to this recipient or this message: try again later.
    Deferred {
        /// Why, in the relay's words.
        reason: String,
    },
    /// "Never" to this recipient: RCPT TO answered 5xx.
    Bounced {
        /// Why, in the relay's words.
        reason: String,
    },
    /// "Never" to this message: 5xx after the final dot. Five in a row pause
    /// its digest, since then the message is at fault and not its readers.
    Refused {
        /// Why, in the relay's words.
        reason: String,
    },
    /// The reply after the final dot was lost.
    Unknown {
        /// What happened to the connection.
        reason: String,
    },
    /// The relay itself is in trouble, before any recipient was named: the
    /// delivery goes back as it was, and the relay rests.
    RelayTrouble {
        /// What the relay did.
        reason: String,
    },
}
