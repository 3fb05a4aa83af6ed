//! One entry of a feed, whichever vocabulary it is written in. Where several
//! say the same thing, the one that says it most exactly is believed.

use super::also_at::also_at;
use super::names::Ns;
use super::pace::resolve;
use super::text::{fold, plain_text};
use super::tree::{Element, Tree, escaped};
use super::{RawHtml, dates};
use crate::domain::html::CleanHtml;
use crate::domain::post::{Enclosure, Entry};
use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use base64::Engine as _;
use std::borrow::Cow;

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
const SUMMARIES: [(Ns, &str); 7] = [
    (Ns::Feed, "summary"),
    (Ns::Feed, "description"),
    (Ns::Dc, "description"),
    (Ns::Dc, "abstract"),
    (Ns::Itunes, "summary"),
    (Ns::Media, "description"),
    (Ns::Feed, "abstract"),
];
const CONTENTS: [(Ns, &str); 5] =
    [(Ns::Content, "encoded"), (Ns::Feed, "content"), (Ns::Xhtml, "body"), (Ns::Xhtml, "div"), (Ns::Feed, "fullitem")];

/// What an entry takes from its feed.
pub(super) struct Context<'t, 'a> {
    pub(super) tree: &'t Tree<'a>,
    pub(super) site: Option<&'t HttpUrl>,
    pub(super) authors: Vec<String>,
    pub(super) is_atom: bool,
}

pub(super) fn read(context: &Context<'_, '_>, element: &Element<'_>) -> (Entry, RawHtml) {
    let tree = context.tree;
    let raw = RawHtml { summary: html_of(context, element, &SUMMARIES), content: html_of(context, element, &CONTENTS) };
    let id = id(element);
    let url = entry_link(context, element, id);
    let clean = |html: &Option<String>, names: &[(Ns, &str)]| {
        let base = children(element, names).next().and_then(|child| tree.base(child)).or(context.site).or(url.as_ref());
        html.as_deref().map(|html| CleanHtml::sanitise(html, base)).filter(|html| !html.is_empty())
    };
    let (summary, content) = (clean(&raw.summary, &SUMMARIES), clean(&raw.content, &CONTENTS));
    let also_at = content.as_ref().or(summary.as_ref()).map(|html| also_at(html.as_str())).unwrap_or_default();
    let media = children(element, &[(Ns::Media, "group")]).next();
    let mut entry = Entry {
        guid: id.map(fold).unwrap_or_default(),
        title: children(element, &TITLES)
            .chain(media.into_iter().flat_map(|group| children(group, &TITLES)))
            .map(|child| title(child, context.is_atom))
            .find(|title| !title.is_empty())
            .unwrap_or_default(),
        authors: authors(context, element),
        published: date_of(element, &PUBLISHED),
        updated: date_of(element, &UPDATED).or_else(|| dates::parse(element.attribute("lastmod")?)),
        summary,
        content,
        categories: categories(element),
        enclosures: enclosures(tree, element),
        also_at,
        url,
    };
    if entry.guid.is_empty() {
        entry.guid = match &entry.url {
            Some(url) => url.to_string(),
            // Without id and address an entry is what it says.
            None => format!("text:{}", sha256_hex(super::fingerprint(&entry).as_bytes())),
        };
    }
    (entry, raw)
}

/// The date that tells the order of entries.
pub(super) fn date(element: &Element<'_>) -> Option<Timestamp> {
    date_of(element, &PUBLISHED).or_else(|| date_of(element, &UPDATED))
}

/// The children of these names that say anything, the first name's first.
fn children<'t, 'a>(element: &'t Element<'a>, names: &'t [(Ns, &'t str)]) -> impl Iterator<Item = &'t Element<'a>> {
    names
        .iter()
        .flat_map(|(ns, name)| element.all(*ns, name))
        .filter(|child| !child.text.trim().is_empty() || !child.attributes.is_empty() || !child.children.is_empty())
}

fn date_of(element: &Element<'_>, names: &[(Ns, &str)]) -> Option<Timestamp> {
    children(element, names).find_map(|child| dates::parse(&child.text))
}

/// A title as plain text. Atom's is that already unless it says otherwise (RFC
/// 4287 section 3.1.1); RSS does not say.
pub(super) fn title(element: &Element<'_>, is_atom: bool) -> String {
    let is_text = element.attribute("type").map_or(is_atom, |kind| matches!(kind, "text" | "text/plain"));
    if is_text && !element.markup { fold(&element.text) } else { plain_text(&element.text) }
}

fn id<'t>(element: &'t Element<'_>) -> Option<&'t str> {
    element
        .text_of(Ns::Feed, "guid")
        .or_else(|| element.text_of(Ns::Feed, "id"))
        .or_else(|| element.attribute_in(Ns::Rdf, "about"))
        .or_else(|| element.text_of(Ns::Dc, "identifier"))
}

fn entry_link(context: &Context<'_, '_>, element: &Element<'_>, id: Option<&str>) -> Option<HttpUrl> {
    let base_of = |child| context.tree.base(child).or(context.site);
    let true_link = element.text_of(Ns::Proxy, "origLink").and_then(|link| link.parse().ok());
    let guid = || {
        let guid = element.child(Ns::Feed, "guid")?;
        match guid.attribute("isPermaLink").map(str::to_ascii_lowercase).as_deref() {
            Some("false") => None,
            Some("true") => resolve(&guid.text, base_of(guid)),
            _ => guid.text.parse().ok(),
        }
    };
    let id = || id.filter(|_| element.child(Ns::Feed, "guid").is_none())?.parse().ok();
    let out_of_line = || {
        let content = element.all(Ns::Feed, "content").find(|content| content.attribute("src").is_some())?;
        resolve(content.attribute("src")?, base_of(content))
    };
    true_link
        .or_else(|| page_link_with(context.tree, element, context.site))
        .or_else(guid)
        .or_else(|| resolve(element.attribute("href")?, base_of(element)))
        .or_else(id)
        .or_else(out_of_line)
}

/// The address of the page that an element stands for.
pub(super) fn page_link(tree: &Tree<'_>, element: &Element<'_>) -> Option<HttpUrl> {
    page_link_with(tree, element, None)
}

/// RSS's link is a text, Atom's an attribute; CDF has `A`. Of several, pages
/// come before other kinds of documents.
fn page_link_with(tree: &Tree<'_>, element: &Element<'_>, site: Option<&HttpUrl>) -> Option<HttpUrl> {
    let whole = |href: &str, link: &Element<'_>| resolve(href, tree.base(link).or(site));
    let texts = element.all(Ns::Feed, "link").filter(|link| link.attribute("href").is_none());
    let written =
        texts.filter(|link| !link.text.trim().is_empty()).find_map(|link| whole(&plain_text(&link.text), link));
    let alternates = || {
        element
            .all(Ns::Feed, "link")
            .filter(|link| link.attribute("rel").is_none_or(|rel| rel.eq_ignore_ascii_case("alternate")))
    };
    let is_page = |link: &&Element<'_>| link.attribute("type").is_none_or(|kind| kind.contains("html"));
    let href = |link: &Element<'_>| whole(link.attribute("href")?, link);
    written
        .or_else(|| alternates().filter(is_page).find_map(href))
        .or_else(|| alternates().find_map(href))
        .or_else(|| element.all(Ns::Feed, "a").find_map(href))
}

/// The first of these that says anything, as HTML.
fn html_of(context: &Context<'_, '_>, element: &Element<'_>, names: &[(Ns, &str)]) -> Option<String> {
    let groups = element.all(Ns::Media, "group").flat_map(|group| children(group, names));
    children(element, names).chain(groups).find_map(|child| html(child, context.is_atom))
}

/// What a field says as HTML. Atom says what its text is; elsewhere it is HTML,
/// except where it plainly is not.
fn html(field: &Element<'_>, is_atom: bool) -> Option<String> {
    let text = field.text.trim();
    if text.is_empty() {
        return None;
    }
    let kind = field.attribute("type").unwrap_or_default().to_ascii_lowercase();
    let mode = field.attribute("mode").unwrap_or_default();
    let in_atom = is_atom && field.ns == Ns::Feed;
    if mode.eq_ignore_ascii_case("base64") || kind == "base64" || kind == "application/octet-stream" {
        return decoded(text);
    }
    if field.markup || matches!(kind.as_str(), "html" | "text/html") {
        return Some(text.to_owned());
    }
    match kind.as_str() {
        "xhtml" | "application/xhtml+xml" => Some(escaped(text.into()).into_owned()),
        "text" => Some(html_of_text(text)),
        "" if in_atom => Some(html_of_text(text)),
        _ if in_atom && kind.contains('/') && !kind.starts_with("text/") && !kind.ends_with("xml") => decoded(text),
        _ if !text.contains(['<', '&']) => Some(html_of_text(text)),
        _ => Some(text.to_owned()),
    }
}

/// Plain text as HTML; paragraphs only where there are several.
pub(super) fn html_of_text(text: &str) -> String {
    if text.contains("\n\n") { CleanHtml::from_text(text).to_string() } else { escaped(text.into()).into_owned() }
}

/// Base64, when it holds a text.
fn decoded(text: &str) -> Option<String> {
    let letters: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(letters).ok()?).ok()
}

/// Who wrote all of a feed, unless an entry says otherwise.
pub(super) fn authors_of_feed(channel: &Element<'_>) -> Vec<String> {
    let mut names = Names::default();
    names.take(channel.all(Ns::Feed, "author"));
    names.take(channel.all(Ns::Dc, "creator"));
    if names.is_empty() {
        names.take(channel.all(Ns::Itunes, "author"));
    }
    names.list()
}

fn authors(context: &Context<'_, '_>, element: &Element<'_>) -> Vec<String> {
    let mut names = Names::default();
    names.take(element.all(Ns::Feed, "author"));
    names.take(element.all(Ns::Dc, "creator"));
    names.take(element.all(Ns::Dc, "author"));
    for other in [Ns::Itunes, Ns::Media] {
        if names.is_empty() {
            names.take(element.all(other, if other == Ns::Itunes { "author" } else { "credit" }));
        }
    }
    if names.is_empty() {
        names.take(element.all(Ns::Feed, "source").flat_map(|source| source.all(Ns::Feed, "author")));
    }
    if names.is_empty() { context.authors.clone() } else { names.list() }
}

/// People, each once; a mail address stands for a person without a name only.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    addresses: Vec<String>,
}

impl Names {
    fn take<'t>(&mut self, people: impl Iterator<Item = &'t Element<'t>>) {
        for person in people {
            let name = person.text_of(Ns::Feed, "name").map(plain_text);
            let email = person.text_of(Ns::Feed, "email").map(plain_text);
            match (name, email) {
                (Some(name), _) => push(&mut self.names, name),
                (None, Some(email)) => push(&mut self.addresses, email),
                (None, None) => self.take_text(&plain_text(&person.text)),
            }
        }
    }

    /// `mail@example.org (Name)`, `Name (mail@example.org)`, `Name <mail@example.org>`.
    fn take_text(&mut self, text: &str) {
        let parts = text.split_once('(').map(|(one, two)| (one, two.trim_end_matches(')')));
        let parts = parts.or_else(|| text.split_once('<').map(|(one, two)| (one, two.trim_end_matches('>'))));
        let is_address = |text: &str| text.contains('@') && !text.trim().contains(' ');
        let name = match parts {
            Some((one, two)) if is_address(one) => two,
            Some((one, two)) if is_address(two) => one,
            _ => text,
        };
        if is_address(name) { push(&mut self.addresses, name.into()) } else { push(&mut self.names, name.into()) }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.addresses.is_empty()
    }

    fn list(self) -> Vec<String> {
        if self.names.is_empty() { self.addresses } else { self.names }
    }
}

/// Adds a text, unless it is there or empty.
fn push(list: &mut Vec<String>, text: String) {
    let text = if text.trim().len() == text.len() { text } else { text.trim().to_owned() };
    if !text.is_empty() && !list.contains(&text) {
        list.push(text);
    }
}

fn categories(element: &Element<'_>) -> Vec<String> {
    let mut terms = Vec::new();
    for (ns, name) in [(Ns::Feed, "category"), (Ns::Dc, "subject"), (Ns::Media, "category"), (Ns::Itunes, "category")] {
        for category in element.all(ns, name) {
            let label =
                category.attribute("label").or_else(|| Some(category.text.trim()).filter(|text| !text.is_empty()));
            let label = if ns == Ns::Itunes { None } else { label };
            let term = label.or_else(|| category.attribute("term")).or_else(|| category.attribute("text"));
            push(&mut terms, plain_text(term.unwrap_or_default()));
        }
    }
    for ns in [Ns::Itunes, Ns::Media] {
        let keywords: Vec<Cow<'_, str>> =
            element.all(ns, "keywords").map(|keywords| plain_text(&keywords.text).into()).collect();
        for keyword in keywords.iter().flat_map(|keywords| keywords.split(',')) {
            push(&mut terms, keyword.to_owned());
        }
    }
    terms
}

fn enclosures(tree: &Tree<'_>, element: &Element<'_>) -> Vec<Enclosure> {
    let enclosure = |file: &Element<'_>, place: &str, length: &str| {
        Some(Enclosure {
            url: resolve(file.attribute(place)?, tree.base(file))?,
            media_type: file.attribute("type").map(str::to_owned),
            length: file.attribute(length).and_then(|length| length.parse().ok()),
        })
    };
    let enclosed = element.all(Ns::Feed, "enclosure").filter_map(|file| enclosure(file, "url", "length"));
    let linked = element
        .all(Ns::Feed, "link")
        .filter(|link| link.attribute("rel").is_some_and(|rel| rel.eq_ignore_ascii_case("enclosure")))
        .filter_map(|link| enclosure(link, "href", "length"));
    let groups = element.all(Ns::Media, "group").flat_map(|group| group.all(Ns::Media, "content"));
    let media = element.all(Ns::Media, "content").chain(groups).filter_map(|file| enclosure(file, "url", "fileSize"));
    let mut files: Vec<Enclosure> = Vec::new();
    for file in enclosed.chain(linked).chain(media) {
        // The picture of its author belongs to no post.
        let portrait = file.url.host().ends_with("gravatar.com");
        if !portrait && !files.iter().any(|known| known.url == file.url) {
            files.push(file);
        }
    }
    files
}
