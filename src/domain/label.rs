//! What posts say of themselves that feeds and pages are made of: tags, authors
//! and languages.

use super::post::Entry;
use std::collections::HashSet;
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;

/// The most characters of a key.
const LONGEST: usize = 80;
/// The most labels of one kind on a post: what a page about everything would name is nobody's topic.
const MOST: usize = 30;

/// What is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LabelKind {
    /// What it is about.
    Tag,
    /// Who wrote it.
    Author,
    /// What it is written in.
    Language,
}

impl LabelKind {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Author => "author",
            Self::Language => "language",
        }
    }

    /// The folder of its addresses.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Tag => "tags",
            Self::Author => "authors",
            Self::Language => "languages",
        }
    }
}

/// A name as it is compared: composed letters in lower case (NFC), one hyphen in
/// the place of white space and slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelKey(String);

impl LabelKey {
    /// The key of a name; `None` when nothing is left of it.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let apart = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\');
        let lower = name.to_lowercase().nfc().collect::<String>();
        let words: Vec<&str> = lower.split(apart).filter(|word| !word.is_empty()).collect();
        let key: String = words.join("-").chars().take(LONGEST).collect();
        // A path segment of dots alone is another folder.
        (!key.is_empty() && key.contains(|c| c != '.')).then_some(Self(key))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A label on a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// What is named.
    pub kind: LabelKind,
    /// How it is compared.
    pub key: LabelKey,
    /// As the post writes it.
    pub name: String,
}

/// The labels of an entry, each key once; `language` is that of its feed.
#[must_use]
pub fn labels(entry: &Entry, language: Option<&str>) -> Vec<Label> {
    let mut seen = HashSet::new();
    let mut labels = Vec::new();
    // Of a language, its country is no language: `ko-KR` is Korean (BCP 47).
    let language = entry.language.as_deref().or(language).and_then(|tag| tag.split(['-', '_']).next());
    let mut named = |kind, names: &mut dyn Iterator<Item = &str>| {
        for name in names {
            if let Some(key) = LabelKey::of(name).filter(|key| seen.insert((kind, key.clone()))) {
                labels.push(Label { kind, key, name: name.trim().to_owned() });
            }
        }
    };
    named(LabelKind::Tag, &mut entry.categories.iter().map(String::as_str).take(MOST));
    named(LabelKind::Author, &mut entry.authors.iter().map(String::as_str).take(MOST));
    named(LabelKind::Language, &mut language.into_iter());
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Option<String> {
        LabelKey::of(name).map(|key| key.to_string())
    }

    #[test]
    fn names_that_people_take_for_one_have_one_key() {
        assert_eq!(key("  Book  Club "), Some("book-club".to_owned()));
        // Composed or not, as two programs write it.
        assert_eq!(key("caf\u{e9}"), key("CAFE\u{301}"));
        assert_eq!(key("C#"), Some("c#".to_owned()));
        assert_eq!(key("a/b"), Some("a-b".to_owned()));
        assert_eq!(key("글쓰기"), Some("글쓰기".to_owned()));
        assert_eq!((key(".."), key(" / "), key("")), (None, None, None));
        assert_eq!(key(&"ㄱ".repeat(200)).map(|key| key.chars().count()), Some(LONGEST));
    }
}
