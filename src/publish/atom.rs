//! Atom 1.0 (RFC 4287).

use super::{
    Channel, Format, HISTORY, Item, content, identity, item_updated, language, legal, media_type, short, tag, updated,
};
use crate::domain::time::Timestamp;
use atom_syndication::extension::Extension;
use atom_syndication::{
    Category, Content, Entry, Feed, FixedDateTime, Generator, Link, Person, Source, Text, TextType,
};

pub(super) fn write(channel: &Channel, items: &[Item<'_>]) -> Result<String, String> {
    let mut links = vec![
        link("self", channel.self_url.as_str(), Some(Format::Atom.media_type())),
        link("alternate", channel.home.as_str(), Some("text/html")),
    ];
    links.extend(channel.pages.links().map(|(rel, url)| link(rel, url, Some(Format::Atom.media_type()))));
    let mut feed = Feed {
        title: plain(&channel.title),
        // All documents of a feed are one (RFC 5005 section 4).
        id: channel.pages.current.clone().unwrap_or_else(|| channel.self_url.to_string()),
        updated: instant(updated(items)),
        // Entries without an author inherit this one (RFC 4287 section 4.1.1).
        authors: vec![Person { name: legal(&channel.title).into_owned(), ..Person::default() }],
        subtitle: Some(plain(&channel.description)),
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
    if channel.pages.current.is_some() {
        feed.namespaces.insert("fh".to_owned(), HISTORY.to_owned());
        let archive = Extension { name: "fh:archive".to_owned(), ..Extension::default() };
        feed.extensions.entry("fh".to_owned()).or_default().insert("archive".to_owned(), vec![archive]);
    }
    let bytes = feed.write_to(Vec::new()).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn write_entry(channel: &Channel, item: &Item<'_>) -> Entry {
    let entry = &item.post.entry;
    let mut links: Vec<Link> = entry.url.iter().map(|url| link("alternate", url.as_str(), Some("text/html"))).collect();
    links.extend(entry.enclosures.iter().map(|file| Link {
        length: file.length.map(|length| length.to_string()),
        ..link("enclosure", file.url.as_str(), media_type(file))
    }));
    links.extend(entry.also_at.iter().filter_map(|place| {
        let url = place.url.as_ref()?;
        Some(Link { title: Some(legal(&place.name).into_owned()), ..link("related", url.as_str(), None) })
    }));
    let html = if channel.full { content(item.post).map(|html| html.as_str().into()) } else { short(item.post) };
    Entry {
        title: plain(&entry.title),
        id: identity(channel, item.post),
        updated: instant(item_updated(item.post)),
        published: Some(instant(item.post.date())),
        authors: entry
            .authors
            .iter()
            .map(|name| Person { name: legal(name).into_owned(), ..Person::default() })
            .collect(),
        categories: entry
            .categories
            .iter()
            .map(|term| Category { term: legal(term).into_owned(), ..Category::default() })
            .collect(),
        links,
        summary: entry.content.as_ref().filter(|_| channel.full).and(entry.summary.as_ref()).map(|html| Text {
            value: legal(html.as_str()).into_owned(),
            r#type: TextType::Html,
            ..Text::default()
        }),
        // An entry without an alternate link must have content (RFC 4287 section
        // 4.1.2). Of an empty one without a type no reader shows anything.
        content: Some(Content {
            content_type: html.is_some().then(|| "html".to_owned()),
            value: Some(html.map_or(String::new(), |html| legal(&html).into_owned())),
            lang: entry.language.as_deref().and_then(tag).map(str::to_owned),
            ..Content::default()
        }),
        source: item.origin.map(|origin| Source {
            title: plain(&origin.title),
            id: origin.url.clone(),
            updated: instant(item_updated(item.post)),
            links: vec![link("self", &origin.url, None)],
            ..Source::default()
        }),
        ..Entry::default()
    }
}

fn plain(text: &str) -> Text {
    Text::plain(legal(text).into_owned())
}

fn link(rel: &str, href: &str, media_type: Option<&str>) -> Link {
    Link { href: href.to_owned(), rel: rel.to_owned(), mime_type: media_type.map(str::to_owned), ..Link::default() }
}

fn instant(at: Timestamp) -> FixedDateTime {
    at.to_datetime().fixed_offset()
}
