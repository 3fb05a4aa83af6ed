//! A feed's XML as it really is: a tree of the feed's own elements, and its
//! entries one at a time, so that memory does not grow with their number.
//!
//! quick-xml finds the tags; what it would refuse is mended before or read
//! over, and each kind of mending is noted as a [`Repair`]. No DTD is expanded.

use super::names::{Declarations, Space};
use super::{MAX_DEPTH, ReadError, Repair, Repairs};
use crate::domain::url::HttpUrl;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;
use std::rc::Rc;

/// A tag's further attributes are read over.
const MAX_ATTRIBUTES: usize = 256;

/// An element with what is in it.
#[derive(Debug)]
pub(super) struct Element<'a> {
    pub(super) space: Space,
    /// The local name, in lower case.
    pub(super) name: String,
    attributes: Vec<(Space, String, String)>,
    pub(super) children: Vec<Node<'a>>,
    /// What its relative links are relative to.
    pub(super) base: Option<Rc<HttpUrl>>,
    pub(super) language: Option<Rc<str>>,
}

#[derive(Debug)]
pub(super) enum Node<'a> {
    Text(Cow<'a, str>),
    Element(Element<'a>),
}

impl Element<'_> {
    /// An attribute without a namespace, trimmed; `None` when it is empty.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(space, known, _)| *space != Space::Xml && known == name);
        found.map(|(.., value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The elements in it.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Whether it is RSS's or Atom's own `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        matches!(self.space, Space::Rss | Space::Atom) && self.name == name
    }

    /// All the text in it, without markup.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self.children.as_slice() {
            [] => Cow::Borrowed(""),
            [Node::Text(text)] => Cow::Borrowed(text),
            nodes => {
                let mut all = String::new();
                for node in nodes {
                    match node {
                        Node::Text(text) => all.push_str(text),
                        Node::Element(element) => all.push_str(&element.text()),
                    }
                }
                all.into()
            }
        }
    }

    /// Whether elements stand in it.
    pub(super) fn has_markup(&self) -> bool {
        self.elements().next().is_some()
    }

    /// What is in it as HTML: markup that was never escaped, or XHTML.
    pub(super) fn inner_html(&self) -> String {
        let mut html = String::new();
        self.write_inner(&mut html, self.base.as_ref());
        html
    }

    fn write_inner(&self, html: &mut String, outer: Option<&Rc<HttpUrl>>) {
        for node in &self.children {
            match node {
                Node::Text(text) => escape(text, html),
                Node::Element(element) => element.write(html, outer),
            }
        }
    }

    fn write(&self, html: &mut String, outer: Option<&Rc<HttpUrl>>) {
        html.push('<');
        html.push_str(&self.name);
        let has_own_base = self.base.as_ref() != outer;
        for (space, name, value) in &self.attributes {
            if *space == Space::Xml {
                continue;
            }
            let absolute = self
                .base
                .as_ref()
                .filter(|_| has_own_base && matches!(name.as_str(), "href" | "src" | "cite" | "poster"))
                .and_then(|base| base.join(value));
            html.push(' ');
            html.push_str(name);
            html.push_str("=\"");
            escape(absolute.as_ref().map_or(value, |url| url.as_str()), html);
            html.push('"');
        }
        html.push('>');
        self.write_inner(html, outer);
        if !VOID.contains(&self.name.as_str()) {
            html.push_str("</");
            html.push_str(&self.name);
            html.push('>');
        }
    }
}

/// HTML elements that have no end tag (HTML, section 13.1.2).
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
}

/// Reads `text`: hands each entry to `entry` as it ends, and returns the root
/// without them, with how it had to be repaired.
pub(super) fn parse<'a>(
    text: &'a str,
    base: Option<&HttpUrl>,
    entry: impl FnMut(Element<'a>),
) -> Result<(Element<'a>, Repairs), ReadError> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.check_end_names = false;
    let mut tree = Tree {
        open: Vec::new(),
        root: None,
        declarations: Declarations::default(),
        base: base.cloned().map(Rc::new),
        repairs: Repairs::default(),
        entry,
    };
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => tree.start(&start)?,
            Ok(Event::Empty(start)) => {
                tree.start(&start)?;
                tree.end_innermost();
            }
            Ok(Event::End(end)) => tree.end(&String::from_utf8_lossy(end.name().as_ref())),
            Ok(Event::Text(piece)) => tree.text(piece.decode().unwrap_or_default()),
            Ok(Event::CData(piece)) => tree.text(piece.decode().unwrap_or_default()),
            Ok(Event::GeneralRef(reference)) => {
                let resolved = tree.reference(&reference.decode().unwrap_or_default());
                tree.text(resolved.into());
            }
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
            Ok(Event::Eof) => break,
            Err(_) => {
                tree.repairs.note(Repair::Truncated);
                break;
            }
        }
    }
    Ok(tree.finish())
}

struct Tree<'a, F> {
    /// The elements that are open, each with its qualified name.
    open: Vec<(String, Element<'a>)>,
    root: Option<Element<'a>>,
    declarations: Declarations,
    base: Option<Rc<HttpUrl>>,
    repairs: Repairs,
    entry: F,
}

impl<'a, F: FnMut(Element<'a>)> Tree<'a, F> {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), ReadError> {
        let qualified = String::from_utf8_lossy(start.name().as_ref()).into_owned();
        let depth = self.open.len();
        let mut attributes = Vec::new();
        for attribute in start.html_attributes().with_checks(false).take(MAX_ATTRIBUTES) {
            let Ok(attribute) = attribute else {
                self.repairs.note(Repair::Attribute);
                continue;
            };
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            let value = self.unescape(&String::from_utf8_lossy(&attribute.value));
            if name == "xmlns" || name.starts_with("xmlns:") {
                self.declarations.add(depth, &name, &value);
            } else {
                attributes.push((name, value));
            }
        }
        let (space, name) = self.declarations.resolve(&qualified);
        self.close_what_cannot_hold(space, &name);
        let depth = self.open.len();
        if depth > MAX_DEPTH {
            return Err(ReadError::TooDeep(MAX_DEPTH));
        }
        let attributes: Vec<_> = attributes
            .into_iter()
            .map(|(name, value)| match name.split_once(':') {
                None => (Space::Other, name.to_ascii_lowercase(), value),
                Some(_) => {
                    let (space, name) = self.declarations.resolve(&name);
                    (space, name, value)
                }
            })
            .collect();
        let xml = |wanted: &str| {
            attributes.iter().find(|(space, name, _)| *space == Space::Xml && name == wanted).map(|(.., value)| value)
        };
        let outer = self.open.last().map(|(_, element)| element);
        let outer_base = outer.map_or(&self.base, |outer| &outer.base);
        let base = match xml("base") {
            Some(own) => {
                let joined = outer_base.as_ref().map_or_else(|| own.parse().ok(), |outer| outer.join(own));
                joined.map(Rc::new).or_else(|| outer_base.clone())
            }
            None => outer_base.clone(),
        };
        let language = match xml("lang") {
            Some(own) => Some(own.trim().into()),
            None => outer.and_then(|outer| outer.language.clone()),
        };
        self.open.push((qualified, Element { space, name, attributes, children: Vec::new(), base, language }));
        Ok(())
    }

    /// An entry cannot stand in an entry, nor a field in a field that holds only
    /// text: somebody forgot an end tag.
    fn close_what_cannot_hold(&mut self, space: Space, name: &str) {
        if is_entry(space, name) {
            while self.open.iter().any(|(_, open)| is_entry(open.space, &open.name)) {
                self.repairs.note(Repair::EndTag);
                self.end_innermost();
            }
        } else if is_field(space, name)
            && self.open.last().is_some_and(|(_, open)| is_text_only(open.space, &open.name))
            && self.open.iter().rev().nth(1).is_some_and(|(_, holder)| {
                is_entry(holder.space, &holder.name) || holder.is("channel") || holder.is("feed")
            })
        {
            self.repairs.note(Repair::EndTag);
            self.end_innermost();
        }
    }

    fn end(&mut self, qualified: &str) {
        let Some(at) = self.open.iter().rposition(|(open, _)| open == qualified) else {
            self.repairs.note(Repair::EndTag);
            return;
        };
        // An end tag inside an entry does not end what is around the entry.
        let entry = self.open.iter().rposition(|(_, open)| is_entry(open.space, &open.name));
        let is_wrapper = || matches!(qualified.rsplit(':').next(), Some("channel" | "rss" | "feed" | "RDF"));
        if entry.is_some_and(|entry| at < entry) && !is_wrapper() {
            self.repairs.note(Repair::EndTag);
            return;
        }
        if at + 1 < self.open.len() {
            self.repairs.note(Repair::EndTag);
        }
        while self.open.len() > at {
            self.end_innermost();
        }
    }

    fn end_innermost(&mut self) {
        let Some((_, element)) = self.open.pop() else { return };
        self.declarations.leave(self.open.len());
        if is_entry(element.space, &element.name) {
            (self.entry)(element);
        } else if let Some((_, outer)) = self.open.last_mut() {
            outer.children.push(Node::Element(element));
        } else if self.root.is_none() {
            self.root = Some(element);
        }
    }

    fn text(&mut self, piece: Cow<'a, str>) {
        let Some((_, element)) = self.open.last_mut() else { return };
        if piece.starts_with('&') && piece.len() > 1 {
            self.repairs.note(Repair::Ampersand);
        }
        if let Some(Node::Text(text)) = element.children.last_mut() {
            text.to_mut().push_str(&piece);
        } else {
            element.children.push(Node::Text(piece));
        }
    }

    /// What `&name;` stands for; itself when nobody knows.
    fn reference(&mut self, name: &str) -> String {
        let predefined = matches!(name, "amp" | "lt" | "gt" | "quot" | "apos");
        if let Some(text) = super::entities::resolve(name) {
            if !predefined && !name.starts_with('#') {
                self.repairs.note(Repair::Entity);
            }
            return text;
        }
        self.repairs.note(Repair::Ampersand);
        format!("&{name};")
    }

    /// An attribute's value with its references resolved.
    fn unescape(&mut self, value: &str) -> String {
        let mut pieces = value.split('&');
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            match piece.split_once(';') {
                Some((name, rest)) if super::entities::is_name(name) => {
                    text.push_str(&self.reference(name));
                    text.push_str(rest);
                }
                _ => {
                    self.repairs.note(Repair::Ampersand);
                    text.push('&');
                    text.push_str(piece);
                }
            }
        }
        text
    }

    /// The root; what is still open when the text ends was cut off.
    fn finish(mut self) -> (Element<'a>, Repairs) {
        if !self.open.is_empty() {
            self.repairs.note(Repair::Truncated);
            // An entry that did not end is not whole.
            if let Some(at) = self.open.iter().position(|(_, open)| is_entry(open.space, &open.name)) {
                self.open.truncate(at);
            }
            while !self.open.is_empty() {
                self.end_innermost();
            }
        }
        let nothing = Element {
            space: Space::Other,
            name: String::new(),
            attributes: Vec::new(),
            children: Vec::new(),
            base: None,
            language: None,
        };
        (self.root.unwrap_or(nothing), self.repairs)
    }
}

fn is_entry(space: Space, name: &str) -> bool {
    match space {
        Space::Rss => matches!(name, "item" | "entry"),
        Space::Atom => name == "entry",
        _ => false,
    }
}

/// The fields of a feed and its entries, where one may be recognised although
/// the one before it never ended.
fn is_field(space: Space, name: &str) -> bool {
    match space {
        Space::Rss | Space::Atom => {
            is_text_only(space, name) || matches!(name, "description" | "enclosure" | "summary" | "content" | "source")
        }
        Space::Dc | Space::Content => true,
        _ => false,
    }
}

fn is_text_only(space: Space, name: &str) -> bool {
    match space {
        Space::Rss | Space::Atom => {
            matches!(
                name,
                "title"
                    | "link"
                    | "guid"
                    | "pubdate"
                    | "category"
                    | "comments"
                    | "id"
                    | "published"
                    | "updated"
                    | "language"
                    | "lastbuilddate"
            ) || (space == Space::Rss && name == "author")
        }
        Space::Dc => true,
        _ => false,
    }
}
