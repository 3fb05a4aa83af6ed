//! The languages that pages and mails are written in.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A language with a catalogue of texts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

/// The language asked for has no catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a language that pages and mails can be written in: use \"en\" or \"ko\"")]
pub struct UnknownLanguage(String);

impl Language {
    /// Every language, for tests and forms.
    pub const ALL: [Self; 2] = [Self::En, Self::Ko];

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        match text {
            "en" => Ok(Self::En),
            "ko" => Ok(Self::Ko),
            other => Err(UnknownLanguage(other.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}
