//! Words that an operator puts on readers, to find and to part them by.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The most characters of a tag.
const LONGEST: usize = 64;

/// A tag of 1 to 64 characters, one space between its words, without commas: a
/// list of tags is written with commas between them. Compared as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

/// Why a tag was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a usable tag: use 1 to 64 characters without commas")]
pub struct BadTag(String);

impl Tag {
    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest usable tag to what another program calls one; `None` when
    /// nothing is left.
    #[must_use]
    pub fn suggest(text: &str) -> Option<Self> {
        let words: String = text.chars().map(|c| if c == ',' || c.is_control() { ' ' } else { c }).collect();
        let short: String = one_space(&words).chars().take(LONGEST).collect();
        let short = short.trim_end();
        (!short.is_empty()).then(|| Self(short.to_owned()))
    }

    /// Tags as one text, which [`Tag::list`] reads back.
    #[must_use]
    pub fn join(tags: &[Self]) -> String {
        tags.iter().map(Self::as_str).collect::<Vec<_>>().join(",")
    }

    /// The tags of a text with commas between them.
    pub fn list(text: &str) -> Result<Vec<Self>, BadTag> {
        text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::parse).collect()
    }
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl FromStr for Tag {
    type Err = BadTag;

    fn from_str(text: &str) -> Result<Self, BadTag> {
        let tag = one_space(text);
        let fits =
            !tag.is_empty() && tag.chars().count() <= LONGEST && !tag.chars().any(|c| c == ',' || c.is_control());
        if fits { Ok(Self(tag)) } else { Err(BadTag(text.chars().take(80).collect())) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_words_that_a_list_can_hold() {
        assert_eq!("  book   club ".parse::<Tag>().unwrap().as_str(), "book club");
        for bad in ["", " ", "a,b", "a\u{7}b", &"x".repeat(65)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
        }
        assert_eq!(Tag::suggest("a, b\tc").unwrap().as_str(), "a b c");
        assert_eq!(Tag::suggest(&"가 ".repeat(60)).unwrap().as_str().chars().count(), 63);
        assert_eq!(Tag::suggest(" , "), None);
    }

    #[test]
    fn a_list_reads_back() {
        let tags = Tag::list("독서 모임, vip,,x").unwrap();
        assert_eq!(Tag::join(&tags), "독서 모임,vip,x");
        assert_eq!(Tag::list(&Tag::join(&tags)).unwrap(), tags);
        assert!(Tag::list("").unwrap().is_empty());
    }
}
