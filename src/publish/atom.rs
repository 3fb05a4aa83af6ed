//! Atom 1.0 (RFC 4287).

use super::files::{self, MEDIA, media_type};
use super::{
    Channel, Format, HISTORY, Item, Tombstone, content, identity, item_updated, language, legal, named, referred,
    short, tag, title, updated, uris,
};
use crate::domain::post::Post;
use crate::domain::text::escape;
use crate::domain::time::Timestamp;
use atom_syndication::extension::{Extension, ExtensionMap};
use atom_syndication::{
    Category, Content, Entry, Feed, FixedDateTime, Generator, Link, Person, Source, Text, TextType, WriteConfig,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

/// What must be there and says nothing. An empty element is taken for a mistake;
/// readers' programs leave this one out.
const NOTHING: &str = " ";
/// The namespace of what is left of withdrawn posts (RFC 6721 section 2).
const TOMBSTONES: &str = "http://purl.org/atompub/tombstones/1.0";
/// 2026-01-01T00:00:00Z: a feed that has held nothing yet has not changed since
/// before syndicated was.
const BEGINNING: i64 = 1_767_225_600_000;

pub(super) fn write(channel: &Channel, items: &[Item<'_>]) -> Result<String, String> {
    let mut links = vec![
        link("self", channel.self_url.as_str(), Some(Format::Atom.media_type())),
        link("alternate", &uris::address(&channel.home), Some("text/html")),
    ];
    links.extend(channel.hubs.iter().map(|hub| link("hub", &uris::address(hub), None)));
    links.extend(channel.pages.links().map(|(rel, url)| link(rel, url, Some(Format::Atom.media_type()))));
    let mut feed = Feed {
        title: plain(&channel.title),
        // All documents of a feed are one (RFC 5005 section 4).
        id: channel.pages.current.clone().unwrap_or_else(|| channel.self_url.to_string()),
        updated: instant(match updated(channel, items) {
            Timestamp::EPOCH => Timestamp::from_millis(BEGINNING),
            changed => changed,
        }),
        // Entries without an author inherit this one (RFC 4287 section 4.1.1).
        authors: vec![Person { name: legal(&channel.title).into_owned(), ..Person::default() }],
        subtitle: Some(plain(&channel.description)),
        icon: channel.icon.as_ref().map(|icon| uris::address(icon).into_owned()),
        logo: channel.image.as_ref().map(|image| uris::address(image).into_owned()),
        rights: channel.copyright.as_deref().map(plain),
        links,
        generator: Some(Generator {
            value: "syndicated".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            uri: None,
        }),
        lang: language(channel).map(str::to_owned),
        entries: items.iter().map(|item| write_entry(channel, item)).collect(),
        ..Feed::default()
    };
    if feed.entries.iter().any(|entry| !entry.extensions.is_empty()) {
        feed.namespaces.insert("media".to_owned(), MEDIA.to_owned());
    }
    if channel.pages.current.is_some() {
        feed.namespaces.insert("fh".to_owned(), HISTORY.to_owned());
        let archive = Extension { name: "fh:archive".to_owned(), ..Extension::default() };
        feed.extensions.entry("fh".to_owned()).or_default().insert("archive".to_owned(), vec![archive]);
    }
    let tombstones = tombstones(channel, items);
    if !tombstones.is_empty() {
        feed.namespaces.insert("at".to_owned(), TOMBSTONES.to_owned());
        feed.extensions.entry("at".to_owned()).or_default().insert("deleted-entry".to_owned(), tombstones);
    }
    let config = WriteConfig { write_document_declaration: false, indent_size: None };
    let declared = b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".to_vec();
    let bytes = feed.write_with_config(declared, config).map_err(|error| error.to_string())?;
    // In HTML the references that everybody knows are the shorter ones.
    let html = [("<summary ", "</summary>"), ("<content ", "</content>")];
    String::from_utf8(bytes).map(|text| referred(&text, &html)).map_err(|error| error.to_string())
}

fn write_entry(channel: &Channel, item: &Item<'_>) -> Entry {
    let entry = &item.post.entry;
    let mut links: Vec<Link> =
        entry.url.iter().map(|url| link("alternate", &uris::address(url), Some("text/html"))).collect();
    links.extend(entry.enclosures.iter().map(|file| Link {
        length: file.length.filter(|length| *length > 0).map(|length| length.to_string()),
        ..link("enclosure", &uris::address(&file.url), media_type(file))
    }));
    links.extend(item.post.also_at().iter().filter_map(|place| {
        let url = place.url.as_ref()?;
        let name = Some(legal(&place.name).into_owned()).filter(|name| !name.trim().is_empty());
        Some(Link { title: name, ..link("related", &uris::address(url), None) })
    }));
    let html = if channel.full { content(channel, item.post) } else { short(item.post) };
    let html = html.filter(|html| !html.trim().is_empty());
    Entry {
        title: title(item.post).map_or_else(|| Text::plain(NOTHING), |title| Text::plain(title.into_owned())),
        id: identity(channel, item),
        updated: instant(apart(item.post)),
        published: Some(instant(item.post.date().whole_seconds())),
        authors: named(&entry.authors).map(|name| Person { name: name.into_owned(), ..Person::default() }).collect(),
        categories: named(&entry.categories)
            .map(|term| Category { term: term.into_owned(), ..Category::default() })
            .collect(),
        links,
        summary: own_summary(channel, item.post).map(|html| Text {
            value: html.into_owned(),
            r#type: TextType::Html,
            ..Text::default()
        }),
        // An entry without an alternate link must have content (RFC 4287 section
        // 4.1.2). Of one without a type no reader shows anything.
        content: Some(Content {
            content_type: html.is_some().then(|| "html".to_owned()),
            lang: entry.language.as_deref().filter(|_| html.is_some()).and_then(tag).map(str::to_owned),
            value: Some(html.map_or_else(|| NOTHING.to_owned(), Cow::into_owned)),
            ..Content::default()
        }),
        source: item.origin.map(|origin| Source {
            title: plain(&origin.title),
            id: uris::identity_at(channel.self_url.host(), &item.post.source_name, &origin.url),
            updated: instant(apart(item.post)),
            links: vec![link("self", &uris::address_of(&origin.url), None)],
            ..Source::default()
        }),
        extensions: media(item.post),
        ..Entry::default()
    }
}

/// What is left of posts that were withdrawn (RFC 6721 section 3). A piece that stands in the feed was not.
fn tombstones(channel: &Channel, items: &[Item<'_>]) -> Vec<Extension> {
    let mut known: HashSet<String> = items.iter().map(|item| identity(channel, item)).collect();
    let mut all = Vec::new();
    for Tombstone { source, guid, at } in &channel.withdrawn {
        let id = uris::identity(channel.self_url.host(), source, guid);
        if known.insert(id.clone()) {
            let attrs = [("ref", escape(&id)), ("when", at.to_rfc3339())];
            let attrs = attrs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            all.push(Extension { name: "at:deleted-entry".to_owned(), attrs, ..Extension::default() });
        }
    }
    all
}

/// The post's own short form, beside its text in full.
fn own_summary<'a>(channel: &Channel, post: &'a Post) -> Option<Cow<'a, str>> {
    let beside = channel.full && post.entry.content.is_some() && post.entry.summary.is_some();
    beside.then(|| short(post)).flatten().filter(|html| !html.trim().is_empty())
}

/// When a post last changed, to the second; each post at an instant of its own
/// within it, so that no two changed at once (RFC 4287 section 4.1.1 allows that of
/// posts of different identity, and readers' programs sort by it).
fn apart(post: &Post) -> Timestamp {
    let second = item_updated(post).whole_seconds().millis();
    Timestamp::from_millis(second + post.id.0.rem_euclid(1000))
}

/// The elements of Media RSS.
fn media(post: &Post) -> ExtensionMap {
    let mut elements: BTreeMap<String, Vec<Extension>> = BTreeMap::new();
    // The writer leaves the values of what it does not know as they are.
    for (name, attributes) in files::media(post) {
        let attrs = attributes.into_iter().map(|(name, value)| (name.to_owned(), escape(&value))).collect();
        let element = Extension { name: format!("media:{name}"), attrs, ..Extension::default() };
        elements.entry(name.to_owned()).or_default().push(element);
    }
    if elements.is_empty() { ExtensionMap::new() } else { ExtensionMap::from([("media".to_owned(), elements)]) }
}

fn plain(text: &str) -> Text {
    let text = legal(text);
    Text::plain(if text.trim().is_empty() { NOTHING.to_owned() } else { text.into_owned() })
}

fn link(rel: &str, href: &str, media_type: Option<&str>) -> Link {
    Link { href: href.to_owned(), rel: rel.to_owned(), mime_type: media_type.map(str::to_owned), ..Link::default() }
}

fn instant(at: Timestamp) -> FixedDateTime {
    at.to_datetime().fixed_offset()
}
