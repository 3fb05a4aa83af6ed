//! From bytes to entries: decode the charset, recognise a feed or a page, parse,
//! clean. Pure functions without I/O; whatever stands in the bytes, they end
//! with a [`Reading`] or one sentence that says why not (P15).

mod also_at;
mod article;
mod builder;
mod chrome;
mod dates;
mod decode;
mod discover;
mod entities;
mod entry;
mod feed;
mod fingerprint;
mod head;
mod json_feed;
mod lenient;
mod names;
mod pace;
mod page;
mod platforms;
mod repair;
mod strict;
mod text;
mod tree;
mod url_key;

pub use article::article;
pub use fingerprint::fingerprint;
pub use platforms::text_from;
pub use repair::{Repair, Repairs};
pub use text::plain_text;
pub use url_key::url_key;

use crate::domain::pace::Pace;
use crate::domain::platform::Platforms;
use crate::domain::post::Document;
use crate::domain::url::HttpUrl;

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
}

/// The newest of so many entries are kept.
const MAX_ENTRIES: usize = 5_000;

/// Reads a document.
pub fn read(input: &Input<'_>) -> Result<Reading, ReadError> {
    let mut repairs = Repairs::default();
    let bytes = decode::unpacked(input.bytes, &mut repairs);
    let text = decode::decode(&bytes, input.content_type, &mut repairs);
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    match shape(text) {
        Shape::Empty => Err(ReadError::Empty),
        Shape::Json => json_feed::read(text, input.base, repairs),
        Shape::Feed(begin) => {
            let (before, feed) = text.split_at(begin);
            if !before.is_empty() {
                repairs.note(Repair::Junk);
            }
            feed::read(feed, input.base, repairs)
        }
        Shape::Html => page::read(text, input, repairs),
        Shape::Unknown => Err(ReadError::Unknown(text.chars().take(40).collect())),
    }
}

/// What a text is; servers are often wrong about it.
enum Shape {
    Empty,
    Json,
    /// It begins at this byte.
    Feed(usize),
    Html,
    Unknown,
}

/// How far into a document its first element is looked for.
const HEAD: usize = 256 * 1024;
/// The first elements of feeds. `channel` is CDF's.
const FEEDS: [&str; 4] = ["rss", "feed", "rdf", "channel"];
/// Elements that only pages have, or begin with.
const PAGES: [&str; 20] = [
    "html", "head", "body", "title", "meta", "link", "div", "p", "main", "article", "section", "h1", "a", "script",
    "style", "table", "span", "b", "br", "center",
];

fn shape(text: &str) -> Shape {
    if text.trim().is_empty() {
        return Shape::Empty;
    }
    if text.starts_with('{') {
        return Shape::Json;
    }
    let text = text.get(..text.floor_char_boundary(HEAD)).unwrap_or_default();
    // Where the declarations began that lead up to the next element; whether the first element is a page's.
    let (mut at, mut head, mut page) = (0, None, None);
    while let Some(begin) = text.get(at..).and_then(|rest| rest.find('<')).map(|found| at + found) {
        let rest = text.get(begin + 1..).unwrap_or_default();
        let doctype = rest.get(..8).is_some_and(|word| word.eq_ignore_ascii_case("!doctype"));
        let end = if rest.starts_with("!--") {
            rest.find("-->").map(|end| end + 3)
        } else if rest.starts_with('?') {
            rest.find("?>").map(|end| end + 2)
        } else if doctype && rest.find('[').is_some_and(|open| open < rest.find('>').unwrap_or(0)) {
            rest.find("]>").map(|end| end + 2)
        } else if doctype {
            rest.find('>').map(|end| end + 1)
        } else {
            let name =
                rest.split(|c: char| !c.is_alphanumeric() && !matches!(c, ':' | '_' | '-')).next().unwrap_or_default();
            let local = names::split(name).1;
            let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(local));
            if is(&FEEDS) {
                return Shape::Feed(head.unwrap_or(begin));
            }
            if local.eq_ignore_ascii_case("html") {
                return Shape::Html;
            }
            page = page.or(Some(is(&PAGES)));
            at = begin + 1;
            head = None;
            continue;
        };
        let declares = |name: &str| {
            doctype
                && rest.get(8..).is_some_and(|rest| {
                    rest.trim_start().get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name))
                })
        };
        if declares("html") {
            return Shape::Html;
        }
        head = head.or(Some(begin));
        let Some(end) = end else { break };
        at = begin + 1 + end;
        // Words between declarations are no part of the head.
        if text.get(at..).is_some_and(|rest| !rest.trim_start().starts_with('<')) {
            head = None;
        }
    }
    if page == Some(true) { Shape::Html } else { Shape::Unknown }
}
