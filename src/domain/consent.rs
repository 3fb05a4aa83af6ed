//! What a reader agreed to, act by act.

use super::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

/// One act of consent: the proof that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// What was done.
    pub act: Act,
    /// When.
    #[serde(serialize_with = "exact")]
    pub at: Timestamp,
    /// By which form (its name and version), which file of an import, or which command.
    pub form: String,
    /// What was agreed to.
    pub words: String,
    /// Where it came from: `page`, `import`, `operator` and so on.
    pub origin: String,
    /// The network address of the request; it is kept for 30 days.
    pub address: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands on references")]
fn exact<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_exact())
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Somebody asked for it by a form.
    Asked,
    /// The owner of the address confirmed it.
    Confirmed,
    /// A list said so.
    Imported,
    /// The operator vouches for it.
    Added,
    /// The reader chose otherwise.
    Changed,
    /// The reader said it again.
    Renewed,
    /// It was taken back.
    Ended,
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

impl std::str::FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|act| act.as_str() == text).ok_or_else(|| format!("unknown act of consent `{text}`"))
    }
}
