//! The tags of broken markup, one by one: where each ends, what it is called, and
//! what that says about where it stands.

use super::names::{Ns, split};
use std::borrow::Cow;

/// Fields of feeds, at whose beginning a field before them must have ended.
const FIELDS: [&str; 26] = [
    "title",
    "link",
    "description",
    "guid",
    "pubdate",
    "author",
    "category",
    "comments",
    "enclosure",
    "source",
    "id",
    "updated",
    "published",
    "issued",
    "modified",
    "created",
    "content",
    "summary",
    "language",
    "copyright",
    "generator",
    "lastbuilddate",
    "ttl",
    "image",
    "subtitle",
    "rights",
];

/// Fields in which no markup stands.
const PLAIN: [&str; 10] =
    ["link", "guid", "id", "category", "pubdate", "updated", "published", "comments", "creator", "date"];

/// Elements at whose beginning or end every open field ends.
const ENTRIES: [&str; 2] = ["item", "entry"];
const FRAMES: [&str; 4] = ["channel", "rss", "feed", "rdf"];

/// How a marked section begins.
pub(super) const CDATA: &str = "<![CDATA[";

/// What follows the beginning of a marked section.
pub(super) fn cdata(rest: &str) -> Option<&str> {
    rest.split_at_checked(CDATA.len()).filter(|(mark, _)| mark.eq_ignore_ascii_case(CDATA)).map(|(_, inside)| inside)
}

/// The length of the processing instruction that begins here; its end may be missing.
pub(super) fn instruction(rest: &str) -> usize {
    let inside = rest.get(1..).unwrap_or_default();
    let end = inside.find(['<', '>']).map_or(rest.len(), |end| end + 1);
    end + usize::from(rest.get(end..).is_some_and(|end| end.starts_with('>')))
}

fn among(names: &[&str], tag: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(split(tag).1))
}

/// Whether this is the name of an entry, whatever its prefix.
pub(super) fn is_entry(tag: &str) -> bool {
    among(&ENTRIES, tag)
}

/// Whether this is the name of what holds entries.
pub(super) fn is_frame(tag: &str) -> bool {
    among(&FRAMES, tag)
}

/// Whether this is the name of a field.
pub(super) fn is_field(tag: &str) -> bool {
    among(&FIELDS, tag)
}

/// Whether this is the name of a field that holds a name, an address or a date.
pub(super) fn is_plain(tag: &str) -> bool {
    among(&PLAIN, tag)
}

/// Whether an entry's end tag stands in a text.
pub(super) fn ends_entry(text: &str) -> bool {
    text.match_indices("</").any(|(at, _)| is_entry(name_of(text.get(at + 2..).unwrap_or_default())))
}

/// The place of the last entry's end tag.
pub(super) fn last_entry(text: &str) -> usize {
    let mut ends = text.rmatch_indices("</").map(|(at, _)| at);
    ends.find(|at| is_entry(name_of(text.get(at + 2..).unwrap_or_default()))).unwrap_or(0)
}

/// Whether a document ends as whole ones do.
pub(super) fn ends_whole(text: &str) -> bool {
    let last = text.rfind("</").and_then(|at| text.get(at + 2..)).unwrap_or_default();
    is_frame(name_of(last))
}

/// Whether what begins here may be a tag.
pub(super) fn tag_begins(rest: &str) -> bool {
    let behind = rest.get(1..).unwrap_or_default();
    behind.strip_prefix('/').unwrap_or(behind).starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The length of the tag that begins here: up to its `>`, which does not count
/// inside quotes, but for quotes that are never closed. `None` when this is
/// not a tag, but a `<` in front of a word.
pub(super) fn tag_end(rest: &str) -> Option<usize> {
    if !tag_begins(rest) {
        return None;
    }
    let (mut quote, mut plain, mut before) = (None, None, b'<');
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        // An apostrophe in the middle of a word opens nothing.
        let opens = matches!(byte, b'"' | b'\'') && before == b'=';
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
        match (byte, quote) {
            (b'>', None) => return Some(at + 1),
            // Perhaps the quote is never closed: then the tag ended here.
            (b'>', Some(_)) => plain = plain.or(Some(at + 1)),
            // What is known to be a tag was not closed.
            (b'<', None) => {
                let name = name_of(rest.get(1..at).unwrap_or_default());
                return (is_entry(name) || is_frame(name) || is_field(name) || known_prefix(name)).then_some(at);
            }
            (b'<', Some(_)) if plain.is_some() => return plain,
            (_, None) if opens => quote = Some(byte),
            (_, Some(open)) if open == byte => quote = None,
            _ => {}
        }
    }
    plain
}

/// The name at the beginning of a tag.
pub(super) fn name_of(tag: &str) -> &str {
    let end = tag.find(|c: char| !c.is_alphanumeric() && !matches!(c, ':' | '_' | '-' | '.')).unwrap_or(tag.len());
    tag.get(..end).unwrap_or_default()
}

/// Whether a name has the prefix of a vocabulary of feeds.
pub(super) fn known_prefix(tag: &str) -> bool {
    let (prefix, _) = split(tag);
    !prefix.is_empty() && Ns::of_prefix(prefix).is_some_and(|ns| ns != Ns::Xhtml)
}

/// `<xhtml:p>` as `<p>`.
pub(super) fn unprefixed(tag: &str) -> Cow<'_, str> {
    let name = name_of(tag.trim_start_matches(['<', '/']));
    match split(name) {
        (prefix, local) if Ns::of_prefix(prefix) == Some(Ns::Xhtml) => tag.replacen(name, local, 1).into(),
        _ => tag.into(),
    }
}
