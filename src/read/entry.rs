//! One entry of a feed, whichever vocabulary it is written in. Where several
//! say the same thing, the one that says it most exactly is believed.

use super::also_at::also_at;
use super::names::Ns;
use super::people::push;
use super::text::{fold, language_tag, plain_title};
use super::tree::{Element, Tree};
use super::{RawHtml, dates, field, files, links, people};
use crate::domain::html::CleanHtml;
use crate::domain::post::Entry;
use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use crate::domain::url_key::shortened;
use std::cmp::Ordering;

/// Where the date of publication may stand, the exactest first.
const PUBLISHED: [(Ns, &str); 8] = [
    (Ns::Feed, "published"),
    (Ns::Feed, "issued"),
    (Ns::Feed, "pubDate"),
    (Ns::Dc, "issued"),
    (Ns::Feed, "created"),
    (Ns::Dc, "created"),
    (Ns::Dc, "date"),
    (Ns::Feed, "date"),
];
const UPDATED: [(Ns, &str); 5] = [
    (Ns::Feed, "updated"),
    (Ns::Feed, "modified"),
    (Ns::Dc, "modified"),
    (Ns::Dc, "updated"),
    (Ns::Feed, "lastBuildDate"),
];
const TITLES: [(Ns, &str); 4] = [(Ns::Feed, "title"), (Ns::Dc, "title"), (Ns::Media, "title"), (Ns::Itunes, "title")];
const SUMMARIES: [(Ns, &str); 9] = [
    (Ns::Feed, "summary"),
    (Ns::Feed, "description"),
    (Ns::Dc, "description"),
    (Ns::Dc, "abstract"),
    (Ns::Itunes, "summary"),
    (Ns::Itunes, "description"),
    (Ns::Itunes, "subtitle"),
    (Ns::Media, "description"),
    (Ns::Feed, "abstract"),
];
const CONTENTS: [(Ns, &str); 6] = [
    (Ns::Content, "encoded"),
    (Ns::Feed, "content"),
    (Ns::Xhtml, "body"),
    (Ns::Xhtml, "div"),
    (Ns::Feed, "body"),
    (Ns::Feed, "fullitem"),
];

/// What an entry takes from its feed.
pub(super) struct Context<'t, 'a> {
    pub(super) tree: &'t Tree<'a>,
    pub(super) authors: Vec<String>,
    pub(super) is_atom: bool,
}

pub(super) fn read(context: &Context<'_, '_>, element: &Element<'_>) -> (Entry, RawHtml) {
    let tree = context.tree;
    let id = id(element);
    let url = links::of_entry(tree, element, id);
    let html = |names| {
        let said = |field| Some((field, field::html(field, context.is_atom)?));
        children(element, names).chain(files::media(element).flat_map(|media| children(media, names))).find_map(said)
    };
    let clean = |said: &Option<Said<'_, '_>>| {
        let (field, html) = said.as_ref()?;
        let base = tree.base(field).or(url.as_ref());
        Some(CleanHtml::sanitise(html, base)).filter(|html| !html.is_empty())
    };
    let (short, full) = match (html(&SUMMARIES), html(&CONTENTS)) {
        (short, None) => two_texts(context, element).map_or((short, None), |(short, full)| (Some(short), Some(full))),
        both => both,
    };
    let (summary, content) = (clean(&short), clean(&full));
    let also_at = content.as_ref().or(summary.as_ref()).map(|html| also_at(html.as_str())).unwrap_or_default();
    let groups = element.all(Ns::Media, "group").flat_map(|group| children(group, &TITLES));
    let own_authors = people::of_entry(element);
    let mut entry = Entry {
        guid: id.map(guid).unwrap_or_default(),
        title: children(element, &TITLES)
            .chain(groups)
            .map(|field| field::title(field, context.is_atom))
            .find(|title| !title.is_empty())
            .unwrap_or_default(),
        authors: if own_authors.is_empty() { context.authors.clone() } else { own_authors },
        language: language(element, full.as_ref().or(short.as_ref())),
        published: date_of(element, &PUBLISHED),
        updated: date_of(element, &UPDATED).or_else(|| dates::parse(element.attribute("lastmod")?)),
        summary,
        content,
        categories: categories(element),
        enclosures: files::enclosures(tree, element),
        original: links::original(tree, element, url.as_ref()),
        also_at,
        url,
    };
    if entry.guid.is_empty() {
        // An episode without either is known by its file, as podcast directories have it.
        let file = entry.enclosures.first().map(|file| &file.url);
        entry.guid = match entry.url.as_ref().or(file) {
            Some(url) => shortened(url.to_string()),
            // Without all of these an entry is what it says.
            None => format!("text:{}", sha256_hex(super::fingerprint(&entry).as_bytes())),
        };
    }
    let raw = |said: Option<Said<'_, '_>>| said.map(|(_, html)| html);
    (entry, RawHtml { summary: raw(short), content: raw(full) })
}

/// An identity as it is stored.
pub(super) fn guid(id: &str) -> String {
    shortened(fold(id))
}

/// A field, and its HTML.
type Said<'t, 'a> = (&'t Element<'a>, String);

/// RSS has one field for the text; who fills in two means the longer one in full.
fn two_texts<'t, 'a>(context: &Context<'_, '_>, element: &'t Element<'a>) -> Option<(Said<'t, 'a>, Said<'t, 'a>)> {
    let is_text = |field: &&Element<'_>| field.is(Ns::Feed, "summary") || field.is(Ns::Feed, "description");
    let fields = element.children.iter().filter(is_text);
    let mut texts = fields.filter_map(|field| Some((field, field::html(field, context.is_atom)?)));
    let (one, two) = (texts.next()?, texts.next()?);
    match one.1.len().cmp(&two.1.len()) {
        _ if one.1 == two.1 => None,
        Ordering::Greater => Some((two, one)),
        _ => Some((one, two)),
    }
}

/// The language that an entry declares: in a field, or by `xml:lang` on itself or
/// on its text. What stands further out is its feed's.
fn language(element: &Element<'_>, text: Option<&Said<'_, '_>>) -> Option<String> {
    let field = || element.text_of(Ns::Dc, "language").or_else(|| element.text_of(Ns::Feed, "language"));
    let said = || text?.0.attribute_in(Ns::Xml, "lang");
    field().or_else(|| element.attribute_in(Ns::Xml, "lang")).or_else(said).and_then(language_tag)
}

/// The date that tells the order of entries.
pub(super) fn date(element: &Element<'_>) -> Option<Timestamp> {
    date_of(element, &PUBLISHED).or_else(|| date_of(element, &UPDATED))
}

/// The children of these names, the first name's first.
fn children<'t, 'a>(element: &'t Element<'a>, names: &'t [(Ns, &'t str)]) -> impl Iterator<Item = &'t Element<'a>> {
    names.iter().flat_map(|(ns, name)| element.all(*ns, name))
}

fn date_of(element: &Element<'_>, names: &[(Ns, &str)]) -> Option<Timestamp> {
    children(element, names).find_map(|child| dates::parse(&child.text))
}

fn id<'t>(element: &'t Element<'_>) -> Option<&'t str> {
    element
        .text_of(Ns::Feed, "guid")
        .or_else(|| element.text_of(Ns::Feed, "id"))
        .or_else(|| element.attribute_in(Ns::Rdf, "about"))
        .or_else(|| element.text_of(Ns::Dc, "identifier"))
}

fn categories(element: &Element<'_>) -> Vec<String> {
    let mut terms = Vec::new();
    for (ns, name) in [(Ns::Feed, "category"), (Ns::Dc, "subject"), (Ns::Media, "category")] {
        for category in element.all(ns, name) {
            match category.attribute("label") {
                Some(label) => push(&mut terms, &plain_title(label)),
                None if category.text.trim().is_empty() => {
                    push(&mut terms, &plain_title(category.attribute("term").unwrap_or_default()));
                }
                None => field::names(category).for_each(|name| push(&mut terms, &name)),
            }
        }
    }
    // Apple's categories may hold one that is narrower.
    let genres = element.all(Ns::Itunes, "category").flat_map(|wide| std::iter::once(wide).chain(&wide.children));
    for genre in genres.filter_map(|genre| genre.attribute("text")) {
        push(&mut terms, &plain_title(genre));
    }
    for keywords in [Ns::Itunes, Ns::Media].into_iter().flat_map(|ns| element.all(ns, "keywords")) {
        for keyword in plain_title(&keywords.text).split(',') {
            push(&mut terms, keyword);
        }
    }
    terms
}
