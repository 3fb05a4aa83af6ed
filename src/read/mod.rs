//! From bytes to entries: decode the charset, recognise a feed or a page, parse,
//! clean. Pure functions without I/O; whatever stands in the bytes, they end
//! with a [`Reading`] or one sentence that says why not (P15).

mod also_at;
mod article;
mod builder;
mod chrome;
mod counters;
mod dates;
mod decode;
mod discover;
mod entities;
mod entry;
mod feed;
mod field;
mod files;
mod fingerprint;
mod head;
mod json;
mod json_feed;
mod lenient;
mod lenient_json;
mod links;
mod listing;
mod names;
pub mod opml;
mod pace;
mod packed;
mod page;
mod people;
mod platforms;
mod repair;
pub mod roster;
mod shape;
mod strict;
mod tags;
mod tree;

pub use crate::domain::text::{plain_text, words};
pub use crate::domain::url_key::url_key;
pub use article::article;
pub use fingerprint::{fingerprint, listed_fingerprint};
pub use platforms::text_from;
pub use repair::{Repair, Repairs};

use crate::domain::pace::Pace;
use crate::domain::platform::Platforms;
use crate::domain::post::Document;
use crate::domain::source::ListRules;
use crate::domain::text;
use crate::domain::url::HttpUrl;
use shape::Shape;

/// A document as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Its bytes, decompressed.
    pub bytes: &'a [u8],
    /// The `Content-Type` header, when there was one.
    pub content_type: Option<&'a str>,
    /// Where it came from: relative links are resolved against it.
    pub base: Option<&'a HttpUrl>,
    /// The operator's own platform profiles.
    pub platforms: &'a Platforms,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The document, cleaned.
    pub document: Document,
    /// For each entry, its summary and content as they stood, unsanitised: for
    /// the eyes of an operator only.
    pub raw: Vec<RawHtml>,
    /// The feeds that a page names, best first.
    pub feeds: Vec<FeedLink>,
    /// Where else its feed may be, the likeliest first.
    pub guesses: Vec<HttpUrl>,
    /// The page of the feed with the entries before these (RFC 5005 section 4).
    pub older: Option<HttpUrl>,
    /// What the feed asks of those who poll it.
    pub pace: Pace,
    /// What had to be put right before it could be read.
    pub repairs: Repairs,
}

impl Reading {
    /// Whether the document was read to its end. What comes behind a cut is not
    /// known, so that a document which is not whole must be asked for again (P1).
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.repairs.iter().any(|repair| repair == Repair::Truncated)
    }
}

/// An entry's HTML as it stood in the document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawHtml {
    /// The short form.
    pub summary: Option<String>,
    /// The text in full.
    pub content: Option<String>,
}

/// A feed that a page points to (`<link rel="alternate">`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedLink {
    /// Where it is.
    pub url: HttpUrl,
    /// What the page calls it.
    pub title: Option<String>,
}

/// Why nothing could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No bytes, or only white space.
    #[error("the document is empty")]
    Empty,
    /// Not a feed, not a page.
    #[error("this is neither a feed nor an HTML page: it begins with `{0}`")]
    Unknown(String),
    /// A feed that does not parse.
    #[error("the feed is broken: {0}")]
    Broken(String),
    /// A page that says that it has nothing, with a status that says otherwise.
    #[error("the page says that it has nothing to show: `{0}`")]
    Sorry(String),
    /// A page on which no article stands.
    #[error("no article was found on the page; say where its text is with `article = \"CSS selector\"`")]
    NoArticle,
    /// A page on which no list of posts is recognised.
    #[error("no list of posts was found on the page; say where each post stands with `items = \"CSS selector\"`")]
    NoList,
    /// A page that has nothing where its posts should stand.
    #[error("`{0}` finds no post on the page; has the page been rebuilt?")]
    NoItems(String),
}

/// Of more entries, the newest so many are kept.
pub const MAX_ENTRIES: usize = 5_000;

/// Reads a document.
pub fn read(input: &Input<'_>) -> Result<Reading, ReadError> {
    read_with(input, |text, repairs| page::read(text, input, repairs))
}

/// Reads a page for the posts that it lists. A feed that stands in its place is
/// read as what it is.
pub fn listing(input: &Input<'_>, rules: &ListRules) -> Result<Reading, ReadError> {
    read_with(input, |text, repairs| listing::read(text, input, rules, repairs))
}

fn read_with(
    input: &Input<'_>,
    page: impl FnOnce(&str, Repairs) -> Result<Reading, ReadError>,
) -> Result<Reading, ReadError> {
    let mut repairs = Repairs::default();
    let bytes = packed::unpacked(input.bytes, &mut repairs);
    let text = decode::decode(&bytes, input.content_type, &mut repairs);
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let shape = shape::of(text);
    let text = match shape {
        Shape::Json(begin) | Shape::Feed(begin) if begin > 0 => {
            repairs.note(Repair::Junk);
            text.get(begin..).unwrap_or_default()
        }
        _ => text,
    };
    match shape {
        Shape::Empty => Err(ReadError::Empty),
        Shape::Json(_) => json_feed::read(text, input.base, repairs),
        Shape::Feed(_) => feed::read(text, input.base, repairs),
        Shape::Html => page(text, repairs),
        Shape::Unknown => Err(ReadError::Unknown(text.chars().take(40).collect())),
    }
}
