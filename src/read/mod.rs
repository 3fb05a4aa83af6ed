//! From bytes to entries: decode the charset, recognise a feed or a page, parse,
//! clean. Pure functions without I/O; whatever stands in the bytes, they end
//! with a [`Reading`] or one sentence that says why not (P15).

mod also_at;
mod decode;
mod feed;
mod fingerprint;
mod page;
mod text;
mod url_key;

pub use fingerprint::fingerprint;
pub use text::plain_text;
pub use url_key::url_key;

use crate::domain::post::{Document, Entry};
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
    /// The page of the feed with the entries before these (RFC 5005 section 4).
    pub older: Option<HttpUrl>,
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
    let text = decode::decode(input.bytes, input.content_type);
    let trimmed = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c.is_control());
    if trimmed.is_empty() {
        return Err(ReadError::Empty);
    }
    let mut reading = match shape(trimmed) {
        Shape::Json | Shape::Xml => feed::read(trimmed, input.base)?,
        Shape::Html => page::read(trimmed, input.base),
        Shape::Unknown => return Err(ReadError::Unknown(trimmed.chars().take(40).collect())),
    };
    if reading.document.entries.len() > MAX_ENTRIES {
        tracing::warn!(
            entries = reading.document.entries.len(),
            kept = MAX_ENTRIES,
            "a feed of too many entries was cut"
        );
        keep_newest(&mut reading);
    }
    Ok(reading)
}

/// Most feeds begin with the newest entry, some end with it: the dates decide
/// where they stand, the document's order where they do not.
fn keep_newest(reading: &mut Reading) {
    let entries = std::mem::take(&mut reading.document.entries);
    let mut both: Vec<_> = entries.into_iter().zip(std::mem::take(&mut reading.raw)).collect();
    let date = |entry: &Entry| entry.published.or(entry.updated);
    if let (Some((first, _)), Some((last, _))) = (both.first(), both.last())
        && date(first) < date(last)
    {
        both.drain(..both.len() - MAX_ENTRIES);
    }
    both.truncate(MAX_ENTRIES);
    (reading.document.entries, reading.raw) = both.into_iter().unzip();
}

enum Shape {
    Json,
    Xml,
    Html,
    Unknown,
}

/// Tells what a text is by how it begins; servers are often wrong about it.
fn shape(text: &str) -> Shape {
    if text.starts_with('{') {
        return Shape::Json;
    }
    if !text.starts_with('<') {
        return Shape::Unknown;
    }
    // The first element's name decides, behind declarations and comments.
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
        } else if rest.starts_with('?') {
            rest = rest.split_once("?>").map_or("", |(_, behind)| behind);
        } else if rest.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("!doctype")) {
            if rest
                .get(8..)
                .is_some_and(|name| name.trim_start().get(..4).is_some_and(|n| n.eq_ignore_ascii_case("html")))
            {
                return Shape::Html;
            }
            // An internal subset ends at "]>", a plain declaration at ">".
            let plain = rest.find('>').unwrap_or(rest.len());
            let end = match rest.find('[') {
                Some(open) if open < plain => rest.find("]>").map_or(rest.len(), |at| at + 2),
                _ => plain,
            };
            rest = rest.get(end..).unwrap_or_default();
        } else {
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, ':' | '_' | '-')).collect();
            let local = name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
            return match local.as_str() {
                "html" | "head" | "body" | "title" | "meta" | "link" | "div" | "p" | "main" | "article" | "section"
                | "h1" | "a" | "script" | "style" | "table" | "span" => Shape::Html,
                _ => Shape::Xml,
            };
        }
    }
    Shape::Unknown
}
