//! What is followed.

use super::schedule::Schedule;
use super::slug::Slug;
use super::url::HttpUrl;
use serde::Serialize;

/// A source as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name, unique in the configuration.
    pub name: Slug,
    /// A feed, or a page whose feed is found.
    pub url: HttpUrl,
    /// When to look, in the source's or the site's time zone.
    pub schedule: Schedule,
    /// What the first poll may mail.
    pub seed: Seed,
}

/// Which of the posts found by a source's first poll count as new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seed {
    /// None of them: they stand in the feeds and are never mailed.
    #[default]
    None,
    /// The newest N (`"latest"` is 1).
    Newest(usize),
}

/// Whether a source is being polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Polled on its schedule.
    Active,
    /// Stopped by hand until `source resume`.
    Paused,
    /// Stopped by the source itself, which answered 410 Gone.
    Gone,
}

impl SourceState {
    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Gone => "gone",
        }
    }
}

impl std::str::FromStr for SourceState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Active, Self::Paused, Self::Gone]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("unknown source state `{text}`"))
    }
}
