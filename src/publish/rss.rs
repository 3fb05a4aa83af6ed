//! RSS 2.0 (rssboard.org/rss-specification), with `content`, `dc` and `atom`
//! as the RSS Profile recommends (rssboard.org/rss-profile), and Media RSS.

use super::files::{self, MEDIA, media_type};
use super::{
    Channel, Format, HISTORY, Item, content, identity, language, legal, named, referred, short, tag, title, updated,
    uris,
};
use crate::domain::post::Post;
use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::{Extension, ExtensionMap};
use std::borrow::Cow;
use std::collections::BTreeMap;

pub(super) fn write(channel: &Channel, items: &[Item<'_>]) -> Result<String, String> {
    let mut out = rss::Channel {
        title: legal(&channel.title).into_owned(),
        link: uris::address(&channel.home).into_owned(),
        description: legal(&channel.description).into_owned(),
        language: language(channel).map(str::to_owned),
        ttl: channel.ttl.map(|minutes| minutes.to_string()),
        copyright: channel.copyright.as_deref().map(|text| legal(text).into_owned()),
        // Title and link are those of the channel (RSS Profile, "image").
        image: channel.image.as_ref().map(|image| rss::Image {
            url: uris::address(image).into_owned(),
            title: legal(&channel.title).into_owned(),
            link: uris::address(&channel.home).into_owned(),
            ..rss::Image::default()
        }),
        generator: Some(concat!("syndicated ", env!("CARGO_PKG_VERSION")).to_owned()),
        items: items.iter().map(|item| write_item(channel, item)).collect(),
        namespaces: BTreeMap::from(
            [
                ("atom", "http://www.w3.org/2005/Atom"),
                ("content", "http://purl.org/rss/1.0/modules/content/"),
                ("dc", "http://purl.org/dc/elements/1.1/"),
            ]
            .map(|(prefix, name)| (prefix.to_owned(), name.to_owned())),
        ),
        ..rss::Channel::default()
    };
    if !items.is_empty() {
        out.last_build_date = Some(updated(channel, items).to_rfc2822());
    }
    if out.items.iter().any(|item| !item.extensions.is_empty()) {
        out.namespaces.insert("media".to_owned(), MEDIA.to_owned());
    }
    let own = std::iter::once(("self", channel.self_url.as_str()));
    let links = own.chain(channel.pages.links()).map(|(rel, href)| Link {
        href: href.to_owned(),
        rel: rel.to_owned(),
        mime_type: Some(Format::Rss.media_type().to_owned()),
        ..Link::default()
    });
    let hubs = channel.hubs.iter().map(|hub| Link {
        href: uris::address(hub).into_owned(),
        rel: "hub".to_owned(),
        ..Link::default()
    });
    out.atom_ext = Some(AtomExtension { links: links.chain(hubs).collect() });
    if channel.pages.current.is_some() {
        out.namespaces.insert("fh".to_owned(), HISTORY.to_owned());
        let archive = Extension { name: "fh:archive".to_owned(), ..Extension::default() };
        out.extensions.entry("fh".to_owned()).or_default().insert("archive".to_owned(), vec![archive]);
    }
    let bytes = out.write_to(Vec::new()).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map(|text| referred(&text, &[("<![CDATA[", "]]>")])).map_err(|error| error.to_string())
}

fn write_item(channel: &Channel, item: &Item<'_>) -> rss::Item {
    let entry = &item.post.entry;
    let guid = identity(channel, item);
    let link = entry.url.as_ref().map(|url| uris::address(url).into_owned());
    let permalink = link.as_ref().is_some_and(|url| *url == guid);
    let languages: Vec<String> = entry.language.as_deref().and_then(tag).map(str::to_owned).into_iter().collect();
    let creators: Vec<String> = named(&entry.authors).map(Cow::into_owned).collect();
    let title = title(item.post).map(Cow::into_owned);
    // What has no text of its own has all that there is here, its other places too.
    let whole = channel.full && entry.content.is_none();
    let description = if whole { content(channel, item.post) } else { short(item.post) };
    rss::Item {
        // An item needs a title or a description (RSS 2.0, "Elements of <item>"), and a
        // description where its text stands beside it (RSS Profile, "content:encoded").
        description: description.map(Cow::into_owned).or_else(|| title.is_none().then(String::new)),
        title,
        link,
        content: (channel.full && entry.content.is_some())
            .then(|| content(channel, item.post))
            .flatten()
            .map(Cow::into_owned),
        guid: Some(rss::Guid { value: guid, permalink }),
        pub_date: Some(item.post.date().to_rfc2822()),
        categories: named(&entry.categories)
            .map(|name| rss::Category { name: name.into_owned(), domain: None })
            .collect(),
        // RSS 2.0 allows one; readers take the first of several.
        enclosure: entry.enclosures.first().map(|file| rss::Enclosure {
            url: uris::address(&file.url).into_owned(),
            length: file.length.unwrap_or(0).to_string(),
            mime_type: media_type(file).unwrap_or("application/octet-stream").to_owned(),
        }),
        source: item.origin.map(|origin| rss::Source {
            url: uris::address_of(&origin.url).into_owned(),
            title: Some(legal(&origin.title).into_owned()),
        }),
        dublin_core_ext: (!creators.is_empty() || !languages.is_empty()).then(|| DublinCoreExtension {
            creators,
            languages,
            ..DublinCoreExtension::default()
        }),
        extensions: media(item.post),
        ..rss::Item::default()
    }
}

/// The elements of Media RSS.
fn media(post: &Post) -> ExtensionMap {
    let mut elements: BTreeMap<String, Vec<Extension>> = BTreeMap::new();
    for (name, attributes) in files::media(post) {
        let attrs = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let element = Extension { name: format!("media:{name}"), attrs, ..Extension::default() };
        elements.entry(name.to_owned()).or_default().push(element);
    }
    if elements.is_empty() { ExtensionMap::new() } else { ExtensionMap::from([("media".to_owned(), elements)]) }
}
