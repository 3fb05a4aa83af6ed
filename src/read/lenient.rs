//! Broken XML into a tree, the way its author meant it. Tags that do not match,
//! `<` in the middle of text, fields and entries that are never closed, a cut
//! end: each is read as the nearest sound feed.
//!
//! A field's text is everything up to its own end tag, markup and all. Where
//! that is missing, the next field or the entry's end will do. Scanning never
//! goes back further than it has paid for, so that it stays linear (P15).

use super::builder::Builder;
use super::names::{Ns, is_person};
use super::repair::Repair;
use super::shape::document_type;
use super::tags::{
    CDATA, cdata, ends_entry, ends_whole, instruction, is_entry, is_field, is_frame, is_plain, known_prefix,
    last_entry, name_of, tag_begins, tag_end, unprefixed,
};
use super::tree::Tree;
use crate::domain::url::HttpUrl;
use std::borrow::Cow;

/// What a search for a missing end may look at in all, in times of the document's length.
const PATIENCE: usize = 20;

/// The tree of a document; `None` when there is no element in it.
pub(super) fn parse<'a>(text: &'a str, base: Option<&HttpUrl>) -> Option<Tree<'a>> {
    let mut scan = Scan {
        text,
        at: 0,
        patience: text.len().saturating_mul(PATIENCE),
        comments: Ends::new("-->"),
        sections: Ends::new("]]>"),
        is_whole: ends_whole(text),
        last_entry: last_entry(text),
        has_type: false,
        builder: Builder::new(base),
    };
    while let Some(found) = scan.rest().find('<') {
        scan.characters(found);
        scan.markup();
    }
    scan.characters(scan.rest().len());
    scan.builder.finish()
}

/// Where a field ends.
struct End {
    /// Its text ends here,
    text: usize,
    /// and reading goes on there.
    next: usize,
    /// Whether its own end tag was found.
    own: bool,
    /// Whether anything was found at all, before the document ended.
    found: bool,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    patience: usize,
    comments: Ends,
    sections: Ends,
    is_whole: bool,
    /// Where the last entry ends: a feed that ends before it does not end there.
    last_entry: usize,
    /// Whether the document type was there already.
    has_type: bool,
    builder: Builder<'a>,
}

/// Where the next end of a kind is, looked for once.
struct Ends {
    mark: &'static str,
    /// Between these two places there is none; at the second there is.
    known: (usize, usize),
}

impl Ends {
    fn new(mark: &'static str) -> Self {
        Self { mark, known: (0, 0) }
    }

    /// The place behind the first end from `at` on.
    fn after(&mut self, text: &str, at: usize) -> Option<usize> {
        if !(self.known.0..=self.known.1).contains(&at) || at == 0 || self.known.1 == 0 {
            let found = text.get(at..)?.find(self.mark).map_or(usize::MAX, |found| at + found);
            self.known = (at, found);
        }
        Some(self.known.1).filter(|end| *end != usize::MAX).map(|end| end + self.mark.len())
    }
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        self.from(self.at)
    }

    fn from(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    fn slice(&self, begin: usize, end: usize) -> &'a str {
        self.text.get(begin..end).unwrap_or_default()
    }

    /// The end of the comment or marked section that begins at `at`, if it has
    /// one. A section that reaches over the end of its entry into another section
    /// was never closed.
    fn section(&mut self, at: usize) -> Option<usize> {
        let rest = self.from(at);
        if let Some(inside) = cdata(rest) {
            let end = self.sections.after(self.text, at)?;
            let inside = inside.get(..end.saturating_sub(at + CDATA.len())).unwrap_or_default();
            let before = inside.find(CDATA).and_then(|next| inside.get(..next)).unwrap_or_default();
            (!ends_entry(before)).then_some(end)
        } else if rest.starts_with("<!--") {
            self.comments.after(self.text, at)
        } else {
            None
        }
    }

    fn characters(&mut self, length: usize) {
        let text = self.slice(self.at, self.at + length);
        self.at += length;
        if !text.trim().is_empty() {
            self.builder.raw_text(text);
        }
    }

    /// What begins with the `<` here.
    fn markup(&mut self) {
        let rest = self.rest();
        if let Some(inside) = cdata(rest) {
            let end = self.section(self.at).unwrap_or(self.at + CDATA.len());
            let length = end.saturating_sub(self.at + CDATA.len() + "]]>".len());
            self.builder.text(inside.get(..length).unwrap_or_default().into());
            self.at = end;
        } else if rest.starts_with("<!--") {
            // Of a comment that is never closed, only a whole document shows what it was not to hide.
            let end = self.comments.after(self.text, self.at);
            let rest = if self.is_whole { self.at + "<!--".len() } else { self.text.len() };
            self.at = end.unwrap_or(rest);
        } else if rest.starts_with("<!") {
            self.declaration();
        } else if rest.starts_with("<?") {
            self.at += instruction(rest);
        } else if let Some(name) = rest.strip_prefix("</").filter(|_| tag_begins(rest)) {
            // A next tag ends one that was not closed itself.
            self.at += rest.get(1..).and_then(|rest| rest.find(['<', '>'])).map_or(rest.len(), |end| end + 1);
            self.at += usize::from(self.rest().starts_with('>'));
            let name = name_of(name);
            let too_early = is_frame(name) && self.at < self.last_entry && self.builder.has_open_entry();
            if too_early || !self.builder.close_named(name) {
                self.builder.repairs.note(Repair::Markup);
            }
        } else if let Some(end) = tag_end(rest) {
            self.at += end;
            let tag = rest.get(1..end).unwrap_or_default();
            self.tag(tag.strip_suffix('>').unwrap_or(tag));
        } else if tag_begins(rest) && !rest.get(1..).unwrap_or_default().contains('<') {
            // The document was cut inside a tag.
            self.at = self.text.len();
        } else {
            self.builder.repairs.note(Repair::Markup);
            self.builder.text("<".into());
            self.at += 1;
        }
    }

    /// `<!DOCTYPE …>`, with declarations in brackets or without.
    fn declaration(&mut self) {
        let rest = self.rest();
        let length = if self.has_type { rest.find('>').map_or(rest.len(), |end| end + 1) } else { document_type(rest) };
        self.has_type = true;
        self.builder.entities.declare(rest.get(..length).unwrap_or_default());
        self.at += length;
    }

    fn tag(&mut self, tag: &'a str) {
        let closed = tag.ends_with('/');
        let name = name_of(tag);
        if is_field(name) || known_prefix(name) {
            while self.builder.innermost().is_some_and(|top| is_person(top.ns, top.name)) {
                self.builder.repairs.note(Repair::Markup);
                self.builder.close();
            }
        }
        self.builder.open(tag.strip_suffix('/').unwrap_or(tag));
        if closed {
            self.builder.close();
        } else if self.builder.leaf().is_some() {
            self.field(name);
        }
    }

    /// All of a field, which has just been opened.
    fn field(&mut self, name: &str) {
        let end = self.end_of(name);
        let keep_references = self.builder.leaf().is_some_and(|leaf| {
            leaf.ns == Ns::Xhtml || leaf.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("xhtml"))
        });
        let (text, markup) = self.field_text(end.text, keep_references);
        self.builder.set_text(text, markup);
        self.at = end.next;
        if end.own {
            self.builder.close();
        } else if end.found {
            self.builder.repairs.note(Repair::Markup);
            self.builder.close();
        }
    }

    /// Looks for the end of the field `name` from here on.
    fn end_of(&mut self, name: &str) -> End {
        let (mut at, mut sibling) = (self.at, None);
        let found = loop {
            let Some(next) = self.from(at).find('<').map(|found| at + found) else { break None };
            let rest = self.from(next);
            if let Some(end) = self.section(next) {
                at = end;
            } else {
                let closes = rest.starts_with("</");
                let tag = name_of(rest.get(1 + usize::from(closes)..).unwrap_or_default());
                let own = tag.eq_ignore_ascii_case(name);
                // Where no markup may stand, a next field was not meant to be in this one.
                if closes && own && (sibling.is_none() || !is_plain(name)) {
                    let length = rest.get(1..).and_then(|rest| rest.find(['<', '>'])).map_or(rest.len(), |end| end + 1);
                    let closed = rest.get(length..).is_some_and(|end| end.starts_with('>'));
                    return End { text: next, next: next + length + usize::from(closed), own: true, found: true };
                }
                let outer = closes && !is_frame(tag) && self.builder.has_open(tag);
                let frame = closes && is_frame(tag) && next > self.last_entry;
                // A second field of this name: the end that comes is that one's.
                let again = !closes && own && is_field(name);
                if outer || frame || again || is_entry(tag) && tag_end(rest).is_some() {
                    break Some(next);
                }
                if sibling.is_none() && !closes && (is_field(tag) || known_prefix(tag)) {
                    sibling = Some(next);
                }
                at = next + 1;
            }
            // Only a search that fails costs: its way is gone a second time.
            if at - self.at > self.patience {
                break Some(next);
            }
        };
        self.patience = self.patience.saturating_sub(at - self.at);
        let end = sibling.or(found);
        let place = end.unwrap_or(self.text.len());
        End { text: place, next: place, own: false, found: end.is_some() }
    }

    /// The text of a field up to `end`, and whether tags stand in it.
    fn field_text(&mut self, end: usize, keep_references: bool) -> (Cow<'a, str>, bool) {
        let (mut text, mut markup, mut at) = (Cow::Borrowed(""), false, self.at);
        // Of a section in a section only the inner end counts to XML.
        let mut inner = 0;
        loop {
            let rest = self.slice(at, end);
            let (plain, behind) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            let without_end = plain.split_once("]]>").filter(|_| inner > 0);
            let plain = without_end.map_or(plain, |(before, _)| before);
            let decoded = if keep_references {
                plain.into()
            } else {
                self.builder.entities.decode(plain, &mut self.builder.repairs)
            };
            add(&mut text, decoded);
            at += plain.len();
            if without_end.is_some() {
                inner -= 1;
                at += "]]>".len();
                continue;
            }
            if behind.is_empty() {
                return (text, markup);
            }
            let closed = self.section(at).filter(|closed| *closed <= end);
            if let Some(inside) = cdata(behind) {
                let length = closed.map_or(inside.len(), |closed| closed - at - CDATA.len() - "]]>".len());
                let inside = inside.get(..length).unwrap_or_default();
                inner += inside.matches(CDATA).count();
                add(&mut text, if inner > 0 { inside.replace(CDATA, "").into() } else { inside.into() });
                at = closed.unwrap_or(end);
            } else if let Some(closed) = closed {
                at = closed;
            } else if behind.starts_with("<?") {
                at += instruction(behind);
            } else if let Some(length) =
                tag_end(behind).filter(|length| behind.get(..*length).is_some_and(|tag| tag.ends_with('>')))
            {
                // The end of a feed inside a field is nobody's markup.
                if !behind.strip_prefix("</").is_some_and(|tag| is_frame(name_of(tag))) {
                    markup = true;
                    add(&mut text, unprefixed(behind.get(..length).unwrap_or_default()));
                }
                at += length;
            } else {
                self.builder.repairs.note(Repair::Markup);
                add(&mut text, "<".into());
                at += 1;
            }
        }
    }
}

fn add<'a>(text: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if text.is_empty() {
        *text = more;
    } else if !more.is_empty() {
        text.to_mut().push_str(&more);
    }
}
