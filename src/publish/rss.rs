//! RSS 2.0 (rssboard.org/rss-specification), with `content`, `dc` and `atom`
//! as the RSS Profile recommends.

use super::{Channel, Format, HISTORY, Item, content, identity, language, legal, media_type, short, tag, updated};
use crate::domain::html::CleanHtml;
use rss::extension::Extension;
use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use std::collections::BTreeMap;

pub(super) fn write(channel: &Channel, items: &[Item<'_>]) -> Result<String, String> {
    let mut out = rss::Channel {
        title: legal(&channel.title).into_owned(),
        link: channel.home.to_string(),
        description: legal(&channel.description).into_owned(),
        language: language(channel).map(str::to_owned),
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
        out.last_build_date = Some(updated(items).to_rfc2822());
    }
    let own = std::iter::once(("self", channel.self_url.as_str()));
    let links = own.chain(channel.pages.links()).map(|(rel, href)| Link {
        href: href.to_owned(),
        rel: rel.to_owned(),
        mime_type: Some(Format::Rss.media_type().to_owned()),
        ..Link::default()
    });
    out.atom_ext = Some(AtomExtension { links: links.collect() });
    if channel.pages.current.is_some() {
        out.namespaces.insert("fh".to_owned(), HISTORY.to_owned());
        let archive = Extension { name: "fh:archive".to_owned(), ..Extension::default() };
        out.extensions.entry("fh".to_owned()).or_default().insert("archive".to_owned(), vec![archive]);
    }
    let bytes = out.write_to(Vec::new()).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn write_item(channel: &Channel, item: &Item<'_>) -> rss::Item {
    let entry = &item.post.entry;
    let guid = identity(channel, item.post);
    let permalink = entry.url.as_ref().is_some_and(|url| url.as_str() == guid);
    let languages: Vec<String> = entry.language.as_deref().and_then(tag).map(str::to_owned).into_iter().collect();
    let creators: Vec<String> = entry.authors.iter().map(|author| legal(author).into_owned()).collect();
    let own = || entry.summary.as_ref().map(|summary| summary.as_str().into());
    let summary = if channel.full { own() } else { short(item.post) };
    rss::Item {
        title: (!entry.title.is_empty()).then(|| legal(&entry.title).into_owned()),
        link: entry.url.as_ref().map(ToString::to_string),
        // An item needs a title or a description (RSS 2.0, "Elements of <item>").
        description: summary
            .map(|summary| legal(&summary).into_owned())
            .or_else(|| entry.title.is_empty().then(String::new)),
        content: entry
            .content
            .as_ref()
            .filter(|_| channel.full)
            .and(content(item.post))
            .map(CleanHtml::as_str)
            .map(|html| legal(html).into_owned()),
        guid: Some(rss::Guid { value: guid, permalink }),
        pub_date: Some(item.post.date().to_rfc2822()),
        categories: entry
            .categories
            .iter()
            .map(|name| rss::Category { name: legal(name).into_owned(), domain: None })
            .collect(),
        // RSS 2.0 allows one; readers take the first of several.
        enclosure: entry.enclosures.first().map(|file| rss::Enclosure {
            url: file.url.to_string(),
            length: file.length.unwrap_or(0).to_string(),
            mime_type: media_type(file).unwrap_or("application/octet-stream").to_owned(),
        }),
        source: item
            .origin
            .map(|origin| rss::Source { url: origin.url.clone(), title: Some(legal(&origin.title).into_owned()) }),
        dublin_core_ext: (!creators.is_empty() || !languages.is_empty()).then(|| DublinCoreExtension {
            creators,
            languages,
            ..DublinCoreExtension::default()
        }),
        ..rss::Item::default()
    }
}
