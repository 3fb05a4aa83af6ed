//! A feed as a small tree. Elements that hold others are its branches; every
//! other element is a leaf that holds text, and the elements inside a leaf are
//! that text's markup.

use super::names::Ns;
use super::repair::Repairs;
use crate::domain::url::HttpUrl;
use std::borrow::Cow;

/// An attribute.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    pub(super) ns: Ns,
    pub(super) name: &'a str,
    pub(super) value: Cow<'a, str>,
}

/// An element.
#[derive(Debug)]
pub(super) struct Element<'a> {
    pub(super) ns: Ns,
    pub(super) name: &'a str,
    pub(super) attributes: Vec<Attribute<'a>>,
    /// Its own text, references resolved.
    pub(super) text: Cow<'a, str>,
    /// Elements stood in the text: it is markup, whatever its type says.
    pub(super) markup: bool,
    pub(super) children: Vec<Element<'a>>,
    pub(super) base: usize,
}

impl<'a> Element<'a> {
    /// An element that nothing stands in yet.
    pub(super) fn new(ns: Ns, name: &'a str) -> Self {
        Self { ns, name, attributes: Vec::new(), text: "".into(), markup: false, children: Vec::new(), base: 0 }
    }

    pub(super) fn is(&self, ns: Ns, name: &str) -> bool {
        self.ns == ns && self.name.eq_ignore_ascii_case(name)
    }

    /// The value of an attribute without a namespace, trimmed, unless empty.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attribute_in(Ns::Feed, name)
    }

    pub(super) fn attribute_in(&self, ns: Ns, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|known| known.ns == ns && known.name.eq_ignore_ascii_case(name))?;
        Some(found.value.trim()).filter(|value| !value.is_empty())
    }

    /// The children of this name, in order.
    pub(super) fn all<'t>(&'t self, ns: Ns, name: &'t str) -> impl Iterator<Item = &'t Element<'a>> {
        self.children.iter().filter(move |child| child.is(ns, name))
    }

    /// The first child of this name that says anything.
    pub(super) fn child<'t>(&'t self, ns: Ns, name: &'t str) -> Option<&'t Element<'a>> {
        self.all(ns, name).find(|child| !child.text.trim().is_empty() || !child.children.is_empty())
    }

    /// The text of the first child of this name that has any.
    pub(super) fn text_of<'t>(&'t self, ns: Ns, name: &'t str) -> Option<&'t str> {
        self.all(ns, name).map(|child| child.text.trim()).find(|text| !text.is_empty())
    }

    pub(super) fn size(&self) -> usize {
        1 + self.children.iter().map(Element::size).sum::<usize>()
    }
}

/// A feed.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) root: Element<'a>,
    /// The entries, wherever they stood, in order; of more than `MAX_ENTRIES`
    /// the first so many and behind them the last so many.
    pub(super) entries: Vec<Element<'a>>,
    /// How many entries there were.
    pub(super) seen: usize,
    pub(super) repairs: Repairs,
    pub(super) bases: Vec<Option<HttpUrl>>,
}

impl Tree<'_> {
    /// What an element's links are relative to.
    pub(super) fn base(&self, element: &Element<'_>) -> Option<&HttpUrl> {
        self.bases.get(element.base)?.as_ref()
    }
}

/// Text as markup.
pub(super) fn escaped(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains(['&', '<', '>']) {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into()
    } else {
        text
    }
}
