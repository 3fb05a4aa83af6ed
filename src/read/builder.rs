//! How a tree grows from tags and text. Depth, attributes, fields, elements and
//! entries are bounded while it grows (P15), so that its size follows from the
//! document's whatever stands in there.

use super::MAX_ENTRIES;
use super::entities::Entities;
use super::names::{Ns, holds_elements, is_entry, is_inline, is_person, split};
use super::repair::{Repair, Repairs};
use super::tags::name_of;
use super::tree::{Attribute, Element, Tree, escaped};
use crate::domain::url::HttpUrl;
use std::borrow::Cow;
use std::collections::VecDeque;

/// Elements may be nested this deep; the tags of deeper ones are left out.
const MAX_DEPTH: usize = 128;
/// A tag keeps so many attributes.
const MAX_ATTRIBUTES: usize = 256;
/// More of one field than this is cut (at a character).
const MAX_FIELD: usize = 1024 * 1024;
/// Elements beyond so many are left out; 5,000 entries of 60 elements fit.
const MAX_ELEMENTS: usize = 300_000;
/// So many changes of `xml:base` are followed.
const MAX_BASES: usize = 20_000;

const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// An element inside a leaf.
#[derive(Debug)]
struct Inner<'a> {
    name: &'a str,
    base: usize,
    /// The `div` around XHTML is no part of it (RFC 4287 section 3.1.1.3).
    hidden: bool,
}

/// Grows a tree from tags and text.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    open: Vec<Element<'a>>,
    inner: Vec<Inner<'a>>,
    /// How many open elements are too deep to be kept.
    too_deep: usize,
    scopes: Vec<(usize, &'a str, Ns)>,
    bases: Vec<Option<HttpUrl>>,
    root: Option<Element<'a>>,
    entries: Vec<Element<'a>>,
    last: VecDeque<Element<'a>>,
    seen: usize,
    elements: usize,
    pub(super) entities: Entities,
    pub(super) repairs: Repairs,
}

impl<'a> Builder<'a> {
    pub(super) fn new(base: Option<&HttpUrl>) -> Self {
        Self {
            open: Vec::new(),
            inner: Vec::new(),
            too_deep: 0,
            scopes: Vec::new(),
            bases: vec![base.cloned()],
            root: None,
            entries: Vec::new(),
            last: VecDeque::new(),
            seen: 0,
            elements: 0,
            entities: Entities::default(),
            repairs: Repairs::default(),
        }
    }

    /// Whether any element is open.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn has_open(&self, tag: &str) -> bool {
        self.open.iter().any(|open| open.name.eq_ignore_ascii_case(split(tag).1) && holds_elements(open.ns, open.name))
    }

    pub(super) fn has_open_entry(&self) -> bool {
        self.open.iter().any(|open| is_entry(open.ns, open.name))
    }

    pub(super) fn innermost(&self) -> Option<&Element<'a>> {
        self.open.last()
    }

    /// The innermost open element, when it is a leaf.
    pub(super) fn leaf(&self) -> Option<&Element<'a>> {
        self.open.last().filter(|top| self.too_deep == 0 && !holds_elements(top.ns, top.name))
    }

    /// A tag without its angle brackets and closing slash: `a href="x"`.
    pub(super) fn open(&mut self, tag: &'a str) {
        let depth = self.open.len() + self.inner.len();
        if depth >= MAX_DEPTH || self.too_deep > 0 {
            self.too_deep += 1;
            return;
        }
        if self.open.is_empty() && self.root.is_some() {
            self.repairs.note(Repair::Trailing);
        }
        let (name, rest) = tag.split_at(name_of(tag).len());
        let attributes = self.attributes(rest, depth + 1);
        let ns = self.resolve(name);
        let (_, name) = split(name);
        let outer = self.inner.last().map(|inner| inner.base).or_else(|| self.open.last().map(|open| open.base));
        let base = self.base_in(&attributes, outer.unwrap_or(0));
        if self.leaf().is_some() || self.marks_up_a_name(ns, name) {
            self.open_inner(name, base, &attributes);
        } else {
            // An entry inside an entry is one whose end was forgotten.
            if is_entry(ns, name)
                && let Some(place) = self.open.iter().position(|open| is_entry(open.ns, open.name))
            {
                self.repairs.note(Repair::Markup);
                self.close_down_to(place);
            }
            self.elements += 1;
            self.open.push(Element { attributes, base, ..Element::new(ns, name) });
        }
    }

    /// Whether this element is no part of a person, but markup of its name.
    fn marks_up_a_name(&self, ns: Ns, name: &str) -> bool {
        let in_person = || self.open.last().is_some_and(|top| is_person(top.ns, top.name));
        (is_inline(ns, name) || !self.inner.is_empty()) && !is_entry(ns, name) && in_person()
    }

    /// Characters as they stand in the document, their references not resolved yet.
    pub(super) fn raw_text(&mut self, text: &'a str) {
        let text = self.entities.decode(text, &mut self.repairs);
        self.text(text);
    }

    /// Characters, their references resolved.
    pub(super) fn text(&mut self, text: Cow<'a, str>) {
        let in_markup = !self.inner.is_empty();
        let Some(top) = self.open.last_mut() else {
            if self.root.is_some() && !text.trim().is_empty() {
                self.repairs.note(Repair::Trailing);
            }
            return;
        };
        // White space between elements is nobody's text, but in a name that is marked up.
        if text.is_empty() || (text.trim().is_empty() && holds_elements(top.ns, top.name) && !top.markup) {
            return;
        }
        let text = if in_markup || top.markup { escaped(text) } else { text };
        add(&mut top.text, text);
    }

    /// The whole text of the leaf that is open, made elsewhere.
    pub(super) fn set_text(&mut self, text: Cow<'a, str>, markup: bool) {
        if let Some(top) = self.open.last_mut() {
            top.text = "".into();
            add(&mut top.text, text);
            top.markup = markup;
        }
    }

    /// The end of what was opened last.
    pub(super) fn close(&mut self) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else if let Some(inner) = self.inner.pop() {
            if !inner.hidden && !VOID.contains(&inner.name) {
                self.write("</", inner.name, ">");
            }
        } else {
            self.close_down_to(self.open.len().saturating_sub(1));
        }
        let depth = self.open.len() + self.inner.len();
        while self.scopes.last().is_some_and(|(of, _, _)| *of > depth) {
            self.scopes.pop();
        }
    }

    /// The end of the innermost open element of this name and of all in it;
    /// `false` when none is open.
    pub(super) fn close_named(&mut self, name: &str) -> bool {
        let (_, name) = split(name);
        if self.too_deep == 0 && self.inner.last().is_some_and(|inner| inner.name.eq_ignore_ascii_case(name)) {
            self.close();
            return true;
        }
        let Some(place) = self.open.iter().rposition(|open| open.name.eq_ignore_ascii_case(name)) else { return false };
        if place + 1 != self.open.len() {
            self.repairs.note(Repair::Markup);
        }
        self.too_deep = 0;
        while !self.inner.is_empty() || self.open.len() > place {
            self.close();
        }
        true
    }

    /// The tree. What is still open ends here, except for an entry, whose rest is missing.
    pub(super) fn finish(mut self) -> Option<Tree<'a>> {
        if self.is_open() {
            self.repairs.note(Repair::Truncated);
        }
        if let Some(place) = self.open.iter().position(|open| is_entry(open.ns, open.name)) {
            self.open.truncate(place);
        }
        self.close_down_to(0);
        self.entries.extend(self.last);
        let (entries, seen, repairs, bases) = (self.entries, self.seen, self.repairs, self.bases);
        // Entries whose feed was lost.
        let root = self.root.or_else(|| (seen > 0).then(|| Element::new(Ns::Feed, "feed")))?;
        Some(Tree { root, entries, seen, repairs, bases })
    }

    fn close_down_to(&mut self, depth: usize) {
        self.inner.clear();
        while self.open.len() > depth {
            if let Some(element) = self.open.pop() {
                self.attach(element);
            }
        }
    }

    fn attach(&mut self, mut element: Element<'a>) {
        if let Some(text) = unwrapped(&element.text) {
            self.repairs.note(Repair::Markup);
            element.text = text.to_owned().into();
        }
        if is_entry(element.ns, element.name) {
            // Nothing stands in it: that is nobody's post.
            if element.children.is_empty() && element.attributes.is_empty() {
                self.repairs.note(Repair::Markup);
                return;
            }
            self.seen += 1;
            if self.entries.len() < MAX_ENTRIES {
                self.entries.push(element);
                return;
            }
            self.last.push_back(element);
            if self.last.len() > MAX_ENTRIES
                && let Some(gone) = self.last.pop_front()
            {
                self.elements = self.elements.saturating_sub(gone.size());
            }
        } else if let Some(parent) = self.open.last_mut() {
            if self.elements < MAX_ELEMENTS {
                parent.children.push(element);
            }
        } else if self.root.is_none() {
            self.root = Some(element);
        }
    }

    fn open_inner(&mut self, name: &'a str, base: usize, attributes: &[Attribute<'a>]) {
        let Some(leaf) = self.open.last_mut() else { return };
        let is_xhtml = leaf.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("xhtml"));
        let hidden = is_xhtml && self.inner.is_empty() && name == "div" && leaf.text.trim().is_empty();
        if !leaf.markup {
            leaf.text = escaped(std::mem::take(&mut leaf.text));
            leaf.markup = true;
        }
        let moved = base != leaf.base;
        self.inner.push(Inner { name, base, hidden });
        if hidden {
            return;
        }
        self.write("<", name, "");
        for Attribute { ns, name, value } in attributes {
            if *ns == Ns::Feed {
                let place = matches!(*name, "href" | "src" | "cite" | "poster" | "longdesc").then_some(base);
                let whole = place.filter(|_| moved).and_then(|at| self.bases.get(at)?.as_ref()?.join(value));
                let value = whole.as_ref().map_or(value.as_ref(), HttpUrl::as_str);
                self.write(" ", name, "=\"");
                self.write(&escaped(value.into()).replace('"', "&quot;"), "\"", "");
            }
        }
        self.write(">", "", "");
    }

    fn write(&mut self, one: &str, two: &str, three: &str) {
        if let Some(leaf) = self.open.last_mut()
            && leaf.text.len() < MAX_FIELD
        {
            let text = leaf.text.to_mut();
            for piece in [one, two, three] {
                text.push_str(piece);
            }
        }
    }

    /// The attributes of a tag, as lenient as browsers are; declarations of
    /// namespaces open their scopes.
    fn attributes(&mut self, text: &'a str, depth: usize) -> Vec<Attribute<'a>> {
        let mut attributes = Vec::new();
        let mut rest = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        while !rest.is_empty() && attributes.len() < MAX_ATTRIBUTES {
            let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            let behind = behind.trim_start();
            let (value, behind) = match behind.strip_prefix('=').map(str::trim_start) {
                Some(value) => self.value(value),
                None => {
                    self.repairs.note(Repair::Markup);
                    ("", behind)
                }
            };
            rest = behind.trim_start();
            let (prefix, local) = split(name);
            if name.eq_ignore_ascii_case("xmlns") {
                self.scopes.push((depth, "", Ns::of_namespace(value).unwrap_or(Ns::Feed)));
            } else if prefix.eq_ignore_ascii_case("xmlns") {
                // Who gives a vocabulary's own prefix to none or to the feed's has misspelt its name.
                let named = Ns::of_namespace(value).filter(|ns| !matches!(ns, Ns::Feed | Ns::Other));
                let ns =
                    named.or_else(|| Ns::of_prefix(local)).or_else(|| Ns::of_namespace(value)).unwrap_or(Ns::Other);
                self.scopes.push((depth, local, ns));
            } else if !local.is_empty() {
                let ns = if prefix.is_empty() { Ns::Feed } else { self.prefixed(prefix) };
                let value = self.entities.decode(value, &mut self.repairs);
                attributes.push(Attribute { ns, name: local, value });
            }
        }
        attributes
    }

    /// The value that begins here, and what follows it. Typographic quotes are
    /// quotes; one that is missing is where the value must have ended.
    fn value(&mut self, text: &'a str) -> (&'a str, &'a str) {
        let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '“' | '”' | '„' | '″'));
        let ends = |c: char| Some(c) == quote || !matches!(quote, Some('"' | '\'')) && matches!(c, '“' | '”' | '″');
        let inside = text.get(quote.map_or(0, char::len_utf8)..).unwrap_or_default();
        if let Some((value, behind)) = inside.split_once(ends).filter(|_| quote.is_some()) {
            // `href="x rel="`: the next attribute's name is no part of this one's value.
            let Some(next) = value.strip_suffix('=').and_then(|value| value.rfind(|c: char| c.is_ascii_whitespace()))
            else {
                return (value, behind);
            };
            self.repairs.note(Repair::Markup);
            return (value.get(..next).unwrap_or_default(), inside.get(next..).unwrap_or_default());
        }
        self.repairs.note(Repair::Markup);
        let (value, behind) = inside.split_at(inside.find(|c: char| c.is_ascii_whitespace()).unwrap_or(inside.len()));
        (value.trim_matches(['"', '\'']), behind)
    }

    /// The vocabulary of an element's name.
    fn resolve(&mut self, name: &str) -> Ns {
        match split(name) {
            ("", _) => {
                self.scopes.iter().rev().find(|(_, known, _)| known.is_empty()).map_or(Ns::Feed, |scope| scope.2)
            }
            (prefix, _) => self.prefixed(prefix),
        }
    }

    fn prefixed(&mut self, prefix: &str) -> Ns {
        if let Some((_, _, ns)) = self.scopes.iter().rev().find(|(_, known, _)| *known == prefix) {
            return *ns;
        }
        if !matches!(prefix, "xml" | "xmlns") {
            self.repairs.note(Repair::Namespaces);
        }
        Ns::of_prefix(prefix).unwrap_or(Ns::Other)
    }

    fn base_in(&mut self, attributes: &[Attribute<'_>], outer: usize) -> usize {
        // CDF has no prefix for it.
        let is_base =
            |known: &&Attribute<'_>| matches!(known.ns, Ns::Xml | Ns::Feed) && known.name.eq_ignore_ascii_case("base");
        let Some(own) = attributes.iter().find(is_base) else {
            return outer;
        };
        let known = self.bases.get(outer).and_then(Option::as_ref);
        let whole = own.value.parse().ok().or_else(|| known?.join(&own.value));
        if whole.is_none() || whole.as_ref() == known || self.bases.len() >= MAX_BASES {
            return outer;
        }
        self.bases.push(whole);
        self.bases.len() - 1
    }
}

/// The words of a text that somebody wrapped into a marked section and escaped,
/// or closed one that was never opened.
fn unwrapped(text: &str) -> Option<&str> {
    let text = text.trim();
    let inside = text.strip_suffix("]]>")?;
    Some(inside.strip_prefix("<![CDATA[").unwrap_or(inside))
}

/// Adds to a field what still fits into it.
fn add<'a>(field: &mut Cow<'a, str>, text: Cow<'a, str>) {
    let room = MAX_FIELD.saturating_sub(field.len());
    let fits = text.floor_char_boundary(room);
    if !field.is_empty() {
        field.to_mut().push_str(text.get(..fits).unwrap_or_default());
    } else if fits == text.len() {
        *field = text;
    } else {
        *field = text.get(..fits).unwrap_or_default().to_owned().into();
    }
}
