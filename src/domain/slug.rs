//! Names that people give to sources, newsletters and cadences, and that stand
//! in URLs, file names and mail headers.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A name of 1 to 64 lower-case ASCII letters, digits, `-`, `_` or `.`, which
/// begins with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a usable name: use 1 to 64 lower-case letters, digits, `-`, `_` or `.`, beginning with a letter or digit"
)]
pub struct BadSlug(String);

impl Slug {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest usable name to any text (a host name, a title); `None` when
    /// nothing usable is in it.
    #[must_use]
    pub fn suggest(text: &str) -> Option<Self> {
        let mut name = String::new();
        for c in text.chars() {
            if c.is_ascii_alphanumeric() {
                name.push(c.to_ascii_lowercase());
            } else if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
            if name.len() == 64 {
                break;
            }
        }
        name.trim_end_matches('-').parse().ok()
    }
}

impl FromStr for Slug {
    type Err = BadSlug;

    fn from_str(text: &str) -> Result<Self, BadSlug> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (1..=64).contains(&text.len())
            && text.bytes().next().is_some_and(inner)
            && text.bytes().all(|b| inner(b) || matches!(b, b'-' | b'_' | b'.'));
        if fits { Ok(Self(text.to_owned())) } else { Err(BadSlug(text.chars().take(80).collect())) }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
