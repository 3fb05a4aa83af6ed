//! From bytes to entries: decode the charset, recognise a feed or a page, parse,
//! clean. Pure functions without I/O; whatever stands in the bytes, they end
//! with a [`Reading`] or one sentence that says why not (P15).

mod also_at;
mod dates;
mod decode;
mod discover;
mod draft;
mod entities;
mod feed;
mod fingerprint;
mod json;
mod mend;
mod names;
mod page;
mod repair;
mod text;
mod url_key;
mod xml;

pub use fingerprint::fingerprint;
pub use repair::{Repair, Repairs};
pub use text::plain_text;
pub use url_key::url_key;

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
    /// Whether to keep the HTML as it stood, for the eyes of an operator.
    pub raw: bool,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The document, cleaned.
    pub document: Document,
    /// For each entry, its summary and content as they stood, unsanitised, where
    /// that was wanted.
    pub raw: Vec<RawHtml>,
    /// The feeds that a page names, best first.
    pub feeds: Vec<FeedLink>,
    /// Where else its feed may be, the likeliest first.
    pub guesses: Vec<HttpUrl>,
    /// The page of the feed with the entries before these (RFC 5005 section 4).
    pub older: Option<HttpUrl>,
    /// How it had to be mended.
    pub repairs: Repairs,
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
    /// Elements nested beyond reason.
    #[error("the feed nests its elements deeper than {0} levels")]
    TooDeep(usize),
}

/// Elements may be nested this deep. Real feeds stay under 30.
const MAX_DEPTH: usize = 128;
/// The newest of so many entries are kept.
const MAX_ENTRIES: usize = 5_000;

/// Reads a document.
pub fn read(input: &Input<'_>) -> Result<Reading, ReadError> {
    let mut repairs = Repairs::default();
    let text = decode::decode(input.bytes, input.content_type, &mut repairs);
    let trimmed = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c.is_control());
    if trimmed.is_empty() {
        return Err(ReadError::Empty);
    }
    match shape(trimmed) {
        Shape::Json => json::read(trimmed, input.base, repairs).map(|feed| feed.finish(input.raw)),
        Shape::Feed(at) => {
            if at > 0 {
                repairs.note(Repair::Junk);
            }
            let text = trimmed.get(at..).unwrap_or_default();
            feed::read(text, input.base, repairs).map(|feed| feed.finish(input.raw))
        }
        Shape::Html => Ok(page::read(trimmed, input.base, repairs)),
        Shape::Unknown => Err(ReadError::Unknown(trimmed.chars().take(40).collect())),
    }
}

enum Shape {
    Json,
    /// A feed that begins at that byte.
    Feed(usize),
    Html,
    Unknown,
}

/// Tells what a text is by how it begins; servers are often wrong about it.
fn shape(text: &str) -> Shape {
    if text.starts_with('{') {
        return Shape::Json;
    }
    let root = first_element(text);
    let (prefix, local) = root.rsplit_once(':').unwrap_or(("", root));
    let local = local.to_ascii_lowercase();
    if feed::ROOTS.contains(&local.as_str()) && !(local == "entry" && prefix.is_empty() && !text.contains("xmlns")) {
        return Shape::Feed(0);
    }
    // A server's notice, a debug line or half a page may stand before the feed.
    if let Some(at) = feed_inside(text) {
        return Shape::Feed(at);
    }
    if HTML.contains(&local.as_str()) {
        Shape::Html
    } else if text.starts_with('<') && !local.is_empty() {
        Shape::Feed(0)
    } else {
        Shape::Unknown
    }
}

/// Elements with which pages begin.
const HTML: [&str; 19] = [
    "html", "head", "body", "title", "meta", "link", "div", "p", "main", "article", "section", "h1", "a", "script",
    "style", "table", "span", "br", "b",
];

/// The qualified name of the first element, behind declarations and comments;
/// `html` for a document type that says so.
fn first_element(text: &str) -> &str {
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
        } else if rest.starts_with('?') {
            rest = rest.split_once('>').map_or("", |(_, behind)| behind);
        } else if rest.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("!doctype")) {
            let name = rest.get(8..).unwrap_or_default().trim_start();
            if name.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("html")) {
                return "html";
            }
            // An internal subset ends at "]>", a plain declaration at ">".
            let plain = rest.find('>').unwrap_or(rest.len());
            let end = match rest.find('[') {
                Some(open) if open < plain => rest.find("]>").map_or(rest.len(), |at| at + 2),
                _ => plain,
            };
            rest = rest.get(end..).unwrap_or_default();
        } else {
            let name = |c: char| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.');
            let end = rest.find(|c| !name(c)).unwrap_or(rest.len());
            return rest.get(..end).unwrap_or_default();
        }
    }
    ""
}

/// Where a whole feed begins in something else.
fn feed_inside(text: &str) -> Option<usize> {
    [("<rss", "</rss>"), ("<feed", "</feed>"), ("<rdf:RDF", "</rdf:RDF>")].into_iter().find_map(|(begin, end)| {
        let at = text.find(begin)?;
        let behind = text.get(at + begin.len()..)?;
        let is_tag = behind.starts_with(|c: char| c.is_whitespace() || c == '>');
        (is_tag && behind.contains(end)).then_some(at)
    })
}
