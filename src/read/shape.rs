//! What a document is, told by what stands in it: servers are often wrong about
//! it, and something else may stand before it.

use super::names::split;
use super::tags::{instruction, name_of};
use std::cell::LazyCell;

/// What a document is.
pub(super) enum Shape {
    Empty,
    /// It begins at this byte.
    Json(usize),
    /// It begins at this byte.
    Feed(usize),
    Html,
    Unknown,
}

/// How far into a document its first element is looked for.
const HEAD: usize = 256 * 1024;
/// The first elements of feeds. `channel` is CDF's.
const FEEDS: [&str; 4] = ["rss", "feed", "rdf", "channel"];
/// What a feed begins with that has lost its first element.
const ENTRIES: [&str; 2] = ["item", "entry"];
/// Elements that only pages have, or begin with.
const PAGES: [&str; 20] = [
    "html", "head", "body", "title", "meta", "link", "div", "p", "main", "article", "section", "h1", "a", "script",
    "style", "table", "span", "b", "br", "center",
];

/// Recognises a document.
pub(super) fn of(text: &str) -> Shape {
    if text.trim().is_empty() {
        return Shape::Empty;
    }
    if text.starts_with('{') {
        return Shape::Json(0);
    }
    let text = text.get(..text.floor_char_boundary(HEAD)).unwrap_or_default();
    let last_comment = LazyCell::new(|| text.rfind("-->").unwrap_or(0));
    // Where the declarations began that lead up to the next element; whether the first element is a page's.
    let (mut at, mut head, mut page) = (0, None, None);
    while let Some(begin) = text.get(at..).and_then(|rest| rest.find('<')).map(|found| at + found) {
        let rest = text.get(begin..).unwrap_or_default();
        if let Some(length) = declaration(rest, || begin < *last_comment) {
            head = head.or(Some(begin));
            at = begin + length;
            // Words between declarations are no part of the head.
            if text.get(at..).is_some_and(|rest| !rest.trim_start().starts_with('<')) {
                head = None;
            }
            continue;
        }
        let name = split(element(rest)).1;
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is(&FEEDS) || is(&ENTRIES) && page != Some(true) {
            return Shape::Feed(head.unwrap_or(begin));
        }
        at = begin + 1;
        if name.eq_ignore_ascii_case("html") {
            // A feed may only stand behind a whole page: what looks like one in it is its text.
            let Some(end) = end_of_page(rest) else { return Shape::Html };
            at = begin + end;
        }
        // Feeds have titles and links too.
        if !is(&["title", "link", ""]) {
            page = page.or(Some(is(&PAGES)));
        }
        head = None;
    }
    if let Some(begin) = json(text) {
        Shape::Json(begin)
    } else if page == Some(true) || page.is_none() && begins_page(text) {
        Shape::Html
    } else {
        Shape::Unknown
    }
}

/// Whether the first element is one that a page may begin with.
fn begins_page(text: &str) -> bool {
    let names = text.match_indices('<').map(|(at, _)| element(text.get(at..).unwrap_or_default()));
    names.filter(|name| !name.is_empty()).take(1).any(|name| PAGES.iter().any(|page| page.eq_ignore_ascii_case(name)))
}

/// The name of the element that begins here, empty when none does.
fn element(rest: &str) -> &str {
    name_of(rest.get(1..).unwrap_or_default())
}

/// The length of the comment, the instruction or the document type that begins
/// here. `comments` says whether any comment ends behind this place.
fn declaration(rest: &str, comments: impl Fn() -> bool) -> Option<usize> {
    if rest.starts_with("<!--") {
        comments().then(|| rest.find("-->")).flatten().map(|end| end + 3)
    } else if rest.starts_with("<?") {
        Some(instruction(rest))
    } else if rest.get(..9).is_some_and(|word| word.eq_ignore_ascii_case("<!doctype")) {
        Some(document_type(rest))
    } else {
        None
    }
}

/// The length of a document type. It may have declarations in brackets, and it
/// has ended where the feed begins, whether somebody wrote its end or not.
pub(super) fn document_type(rest: &str) -> usize {
    let inside = rest.get(1..).unwrap_or_default();
    let plain = match inside.find(['<', '>']) {
        Some(end) if inside.get(end..).is_some_and(|end| end.starts_with('>')) => end + 2,
        Some(end) => end + 1,
        None => rest.len(),
    };
    if !rest.get(..plain).is_some_and(|head| head.contains('[')) {
        return plain;
    }
    let ends = |at: usize| rest.get(at + 1..).is_some_and(|behind| behind.trim_start().starts_with('>'));
    let bracket = rest.match_indices(']').map(|(at, _)| at).find(|at| ends(*at));
    let end = bracket.and_then(|at| Some(at + rest.get(at..)?.find('>')? + 1)).unwrap_or(rest.len());
    let feed = rest.get(..end).unwrap_or_default().match_indices('<').map(|(at, _)| at).find(|at| {
        let name = split(element(rest.get(*at..).unwrap_or_default())).1;
        FEEDS.iter().chain(&ENTRIES).any(|known| known.eq_ignore_ascii_case(name))
    });
    feed.unwrap_or(end)
}

/// The place behind the page that begins here, if anything stands there.
fn end_of_page(rest: &str) -> Option<usize> {
    let is_end = |at: &usize| rest.get(*at..at + 6).is_some_and(|tag| tag.eq_ignore_ascii_case("</html"));
    rest.match_indices("</").map(|(at, _)| at).find(is_end)
}

/// Where a JSON feed begins that something stands before.
fn json(text: &str) -> Option<usize> {
    let begin = text.find('{')?;
    let says = |word| text.get(begin..).is_some_and(|rest| rest.contains(word));
    (says("jsonfeed.org/version/") && says("items")).then_some(begin)
}
