//! What the W3C's feed validator asks of a feed, as far as it can be asked of ours: a
//! checklist made from its rules, so that no feed begins to break one. Each rule says
//! what is wrong in a sentence.

use chrono::DateTime;
use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use syndicated::publish::Format;

/// An element with its namespace's usual prefix in its name.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

const SPACES: [(&str, &str); 7] = [
    ("http://www.w3.org/2005/Atom", "atom:"),
    ("http://purl.org/rss/1.0/modules/content/", "content:"),
    ("http://purl.org/dc/elements/1.1/", "dc:"),
    ("http://search.yahoo.com/mrss/", "media:"),
    ("http://purl.org/syndication/history/1.0", "fh:"),
    ("http://www.w3.org/XML/1998/namespace", "xml:"),
    ("", ""),
];

impl Element {
    /// Reads a document: the tree below a root without a name.
    fn read(xml: &str) -> Result<Self, String> {
        let mut reader = NsReader::from_str(xml);
        let mut open = vec![Self::default()];
        loop {
            let (space, event) = reader.read_resolved_event().map_err(|error| error.to_string())?;
            let prefix = match space {
                ResolveResult::Bound(space) => {
                    let space = space.into_inner().to_owned();
                    SPACES.iter().find(|(known, _)| *known == space).map(|(_, prefix)| *prefix).ok_or(space)?
                }
                _ => "",
            };
            let element = |start: &quick_xml::events::BytesStart<'_>| {
                let name = format!("{prefix}{}", start.local_name().into_inner());
                let attributes = start.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let key = attribute.key.into_inner().to_owned();
                    let value = attribute.value.into_owned();
                    (key, quick_xml::escape::unescape(&value).unwrap().into_owned())
                });
                Self { name, attributes: attributes.collect(), ..Self::default() }
            };
            match event {
                Event::Start(start) => open.push(element(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(element(&start)),
                Event::End(_) => {
                    let done = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(done);
                }
                Event::Text(text) => {
                    open.last_mut().unwrap().text.push_str(&text);
                }
                Event::CData(text) => {
                    open.last_mut().unwrap().text.push_str(&text);
                }
                Event::GeneralRef(name) => {
                    let name = format!("&{};", &*name);
                    let text = quick_xml::escape::unescape(&name).map_err(|error| error.to_string())?.into_owned();
                    open.last_mut().unwrap().text.push_str(&text);
                }
                Event::Eof => break,
                Event::Decl(_) => {}
                other => return Err(format!("{other:?} has no place in a feed")),
            }
        }
        Ok(open.remove(0))
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn first(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn text_of(&self, name: &str) -> &str {
        self.first(name).map_or("", |child| child.text.trim())
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// What a feed at `address` breaks.
pub(crate) fn broken(format: Format, address: &str, text: &str) -> Vec<String> {
    let mut wrong = Wrong(Vec::new());
    if text.chars().any(|c| matches!(c, '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' | '\0'..='\u{8}')) {
        wrong.add("it holds characters that are none");
    }
    match format {
        Format::Json => json(&mut wrong, address, text),
        Format::Rss | Format::Atom => match Element::read(text) {
            Err(why) => wrong.add(why),
            Ok(document) => {
                if !text.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>") {
                    wrong.add("it does not say that it is UTF-8");
                }
                if format == Format::Rss {
                    // RSS Profile: `&` and `<` in plain text as hexadecimal references.
                    let plain: String = text
                        .split("<![CDATA[")
                        .map(|part| part.split_once("]]>").map_or(part, |(_, plain)| plain))
                        .collect();
                    wrong.when(plain.contains("&amp;") || plain.contains("&lt;"), "plain text has named references");
                    rss(&mut wrong, address, &document);
                } else {
                    atom(&mut wrong, address, &document);
                }
            }
        },
    }
    wrong.0
}

struct Wrong(Vec<String>);

impl Wrong {
    fn add(&mut self, why: impl Into<String>) {
        self.0.push(why.into());
    }

    fn when(&mut self, broken: bool, why: &str) {
        if broken {
            self.add(why);
        }
    }

    /// An address in full, of the characters that RFC 3986 allows.
    fn address(&mut self, what: &str, address: &str) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || ";/?:@&=+$.-_!~*'()%,#".contains(c);
        let full = address.split_once("://").is_some_and(|(scheme, rest)| {
            matches!(scheme, "http" | "https") && !rest.is_empty() && !rest.starts_with('/')
        });
        if !full || !address.chars().all(allowed) {
            self.add(format!("{what} is no address: {address}"));
        }
    }

    fn not_blank(&mut self, what: &str, text: &str) {
        if text.is_empty() {
            self.add(format!("{what} is blank"));
        }
    }

    fn media_type(&mut self, what: &str, kind: &str) {
        let token = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "()<>,;:\\\"/[]?=".contains(c))
        };
        let sound = kind.split_once('/').is_some_and(|(class, form)| token(class) && token(form));
        if !sound {
            self.add(format!("{what} is no media type: {kind}"));
        }
    }

    fn language(&mut self, tag: &str) {
        let code = tag.split('-').next().unwrap_or_default();
        if !(2..=3).contains(&code.len()) || matches!(code, "zz") {
            self.add(format!("{tag} is no language"));
        }
    }

    /// HTML without what feed readers distrust, and without relative addresses.
    fn html(&mut self, html: &str) {
        let elements = ["script", "style", "iframe", "object", "embed", "form", "input", "meta", "base", "link"];
        let attributes = [" style=", " on", " href=\"#", " href=\"/", " src=\"/"];
        for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
            // An attribute's value is in quotes: what stands between them is the author's.
            let bare = tag.split('"').step_by(2).collect::<Vec<_>>().join("\"");
            let bad = |attribute: &str| if attribute.contains('"') { tag } else { &bare }.contains(attribute);
            if elements.contains(&name) || attributes.into_iter().any(bad) {
                self.add(format!("a text has `<{tag}>`"));
            }
        }
    }

    /// Media RSS, and files.
    fn media(&mut self, item: &Element) {
        for file in item.all("media:content") {
            self.address("media:content", file.attribute("url"));
            if file.attributes.contains_key("type") {
                self.media_type("media:content", file.attribute("type"));
            }
            if let Some(size) = file.attributes.get("fileSize") {
                self.when(size.parse::<u64>().is_ok_and(|size| size == 0), "a file's size is 0");
            }
            let medium = file.attribute("medium");
            self.when(!["", "image", "audio", "video", "document", "executable"].contains(&medium), "a medium is none");
        }
        for picture in item.all("media:thumbnail") {
            self.address("media:thumbnail", picture.attribute("url"));
        }
    }

    fn self_link(&mut self, links: &[&Element], address: &str) {
        let own: Vec<_> = links.iter().filter(|link| link.attribute("rel") == "self").collect();
        match own.as_slice() {
            [own] => {
                let same = |one: &str, other: &str| {
                    let words = |url: &str| {
                        let url = url::Url::parse(url).unwrap();
                        let mut words: Vec<_> = url.query_pairs().into_owned().collect();
                        words.sort();
                        (url.path().to_owned(), words)
                    };
                    words(one) == words(other)
                };
                self.when(!same(own.attribute("href"), address), "its self link is not where it stands");
            }
            _ => self.add("it has not one self link"),
        }
        for link in links {
            self.address("a link", link.attribute("href"));
            let known = ["self", "alternate", "hub", "current", "prev-archive", "next-archive"];
            self.when(!known.contains(&link.attribute("rel")), "a feed's link has no registered relation");
        }
    }

    fn archive(&mut self, links: &[&Element], is_archive: bool) {
        let has = |rel: &str| links.iter().any(|link| link.attribute("rel") == rel);
        self.when(is_archive && !has("current"), "an archive has no current link");
        self.when(is_archive && !has("prev-archive") && !has("next-archive"), "an archive leads nowhere");
        self.when(is_archive && has("hub"), "an archive has a hub");
    }
}

/// RFC 5322 with a day of the week that is right and a year of four digits.
fn is_date(text: &str) -> bool {
    DateTime::parse_from_rfc2822(text).is_ok_and(|date| date.to_rfc2822() == text)
}

fn rss(wrong: &mut Wrong, address: &str, document: &Element) {
    let [root] = document.children.as_slice() else { return wrong.add("it has not one root") };
    wrong.when(root.name != "rss" || root.attribute("version") != "2.0", "it is not RSS 2.0");
    let Some(channel) = root.first("channel") else { return wrong.add("it has no channel") };
    let title = channel.text_of("title");
    wrong.not_blank("the title", title);
    wrong.not_blank("the description", channel.text_of("description"));
    wrong.address("the channel's link", channel.text_of("link"));
    wrong.language(channel.text_of("language"));
    wrong.when(channel.text_of("ttl").parse::<u32>().map_or(true, |ttl| ttl == 0), "ttl is no whole number");
    wrong.when(!is_date(channel.text_of("lastBuildDate")), "lastBuildDate is no date");
    if let Some(image) = channel.first("image") {
        wrong.when(image.text_of("title") != title, "the image's title is not the channel's");
        wrong.when(image.text_of("link") != channel.text_of("link"), "the image's link is not the channel's");
        wrong.address("the image", image.text_of("url"));
    }
    let links: Vec<_> = channel.all("atom:link").collect();
    wrong.self_link(&links, address);
    wrong.archive(&links, channel.first("fh:archive").is_some());
    let once = ["title", "link", "description", "language", "ttl", "image", "copyright", "lastBuildDate", "generator"];
    for name in once {
        wrong.when(channel.all(name).count() > 1, "the channel says something twice");
    }
    // Whatever is said of the channel stands before its items.
    let first = channel.children.iter().position(|child| child.name == "item").unwrap_or(usize::MAX);
    wrong.when(
        channel.children.iter().skip(first).any(|child| child.name != "item"),
        "an item stands before the end of the channel's own",
    );
    let mut guids = HashSet::new();
    for item in channel.all("item") {
        rss_item(wrong, item);
        wrong.when(!guids.insert(item.text_of("guid")), "two items have one guid");
    }
}

fn rss_item(wrong: &mut Wrong, item: &Element) {
    for name in ["title", "link", "description", "content:encoded", "enclosure", "guid", "pubDate", "source"] {
        wrong.when(item.all(name).count() > 1, "an item says something twice");
    }
    wrong.when(
        item.first("title").is_none() && item.first("description").is_none(),
        "an item has neither title nor description",
    );
    if let Some(title) = item.first("title") {
        wrong.not_blank("an item's title", title.text.trim());
    }
    let position = |name: &str| item.children.iter().position(|child| child.name == name);
    if let Some(content) = position("content:encoded") {
        wrong.when(
            position("description").is_none_or(|short| short > content),
            "no description stands before content:encoded",
        );
    }
    if item.first("link").is_some() {
        wrong.address("an item's link", item.text_of("link"));
    }
    let Some(guid) = item.first("guid") else { return wrong.add("an item has no guid") };
    if guid.attribute("isPermaLink") != "false" {
        wrong.address("a permanent guid", guid.text.trim());
    }
    wrong.when(!is_date(item.text_of("pubDate")), "pubDate is no date");
    for file in item.all("enclosure") {
        wrong.address("an enclosure", file.attribute("url"));
        wrong.media_type("an enclosure", file.attribute("type"));
        wrong.when(file.attribute("length").parse::<u64>().is_err(), "an enclosure's length is no number");
    }
    for source in item.all("source") {
        wrong.address("a source", source.attribute("url"));
    }
    for category in item.all("category") {
        wrong.not_blank("a category", category.text.trim());
    }
    wrong.when(item.first("author").is_some(), "an author is an e-mail address there; dc:creator is a name");
    for language in item.all("dc:language") {
        wrong.language(language.text.trim());
    }
    for name in ["description", "content:encoded"] {
        wrong.html(item.text_of(name));
    }
    wrong.media(item);
}

fn atom(wrong: &mut Wrong, address: &str, document: &Element) {
    let [feed] = document.children.as_slice() else { return wrong.add("it has not one root") };
    wrong.when(feed.name != "atom:feed", "it is not Atom");
    wrong.language(feed.attribute("xml:lang"));
    atom_head(wrong, feed);
    wrong.when(feed.first("atom:author").is_none(), "it has no author");
    for author in feed.all("atom:author").chain(feed.all("atom:entry").flat_map(|entry| entry.all("atom:author"))) {
        wrong.not_blank("an author", author.text_of("atom:name"));
        wrong.when(author.children.len() != 1, "an author has not one name");
    }
    let links: Vec<_> = feed.all("atom:link").collect();
    wrong.self_link(&links, address);
    wrong.archive(&links, feed.first("fh:archive").is_some());
    let (mut ids, mut updates) = (HashSet::new(), HashSet::new());
    for entry in feed.all("atom:entry") {
        atom_head(wrong, entry);
        wrong.when(!ids.insert(entry.text_of("atom:id")), "two entries have one id");
        wrong.when(!updates.insert(entry.text_of("atom:updated")), "two entries were updated at one moment");
        wrong.when(DateTime::parse_from_rfc3339(entry.text_of("atom:published")).is_err(), "published is no date");
        let mut alternates = HashSet::new();
        for link in entry.all("atom:link") {
            let rel = link.attribute("rel");
            wrong.when(
                !["alternate", "enclosure", "related"].contains(&rel),
                "an entry's link has no registered relation",
            );
            wrong.address("an entry's link", link.attribute("href"));
            let kind = link.attribute("type");
            if !kind.is_empty() {
                wrong.media_type("a link", kind);
            }
            wrong.when(rel == "alternate" && !alternates.insert(kind), "two links to one alternate");
            wrong.when(
                link.attributes.get("length").is_some_and(|length| length.parse::<u64>().is_err()),
                "a length is no number",
            );
            wrong.when(
                link.attributes.get("title").is_some_and(|title| title.trim().is_empty()),
                "a link's title is blank",
            );
        }
        for category in entry.all("atom:category") {
            wrong.not_blank("a category", category.attribute("term").trim());
        }
        let content = entry.first("atom:content");
        wrong.when(content.is_none_or(|content| content.text.is_empty()), "an entry has no content");
        for name in ["atom:summary", "atom:content"] {
            wrong.when(entry.all(name).count() > 1, "an entry says something twice");
            if let Some(text) = entry.first(name) {
                let kind = text.attribute("type");
                wrong.when(!["", "html"].contains(&kind), "a text has an odd type");
                wrong.when(kind.is_empty() && !text.text.trim().is_empty(), "a text is not said to be HTML");
                wrong.html(&text.text);
                if text.attributes.contains_key("xml:lang") {
                    wrong.language(text.attribute("xml:lang"));
                }
            }
        }
        for source in entry.all("atom:source") {
            atom_head(wrong, source);
        }
        wrong.media(entry);
    }
}

/// What a feed, an entry and a source must have alike.
fn atom_head(wrong: &mut Wrong, element: &Element) {
    for name in ["atom:title", "atom:id", "atom:updated"] {
        wrong.when(element.all(name).count() != 1, "title, id or updated is not there once");
    }
    let title = element.first("atom:title");
    wrong.when(title.is_some_and(|title| title.text.is_empty()), "a title is blank");
    let id = element.first("atom:id").map_or("", |id| id.text.as_str());
    wrong.when(
        id.trim() != id || !id.is_ascii() || id.contains(|c: char| c.is_whitespace() || "<>\"{}|\\^`[]".contains(c)),
        "an id is no URI",
    );
    wrong.when(DateTime::parse_from_rfc3339(element.text_of("atom:updated")).is_err(), "updated is no date");
}

fn json(wrong: &mut Wrong, address: &str, text: &str) {
    let Ok(feed) = serde_json::from_str::<Value>(text) else { return wrong.add("it is not JSON") };
    let own = feed["feed_url"].as_str().unwrap_or_default();
    wrong.when(
        url::Url::parse(own).unwrap().path() != url::Url::parse(address).unwrap().path(),
        "feed_url is not where it stands",
    );
    let mut ids = HashSet::new();
    for item in feed["items"].as_array().into_iter().flatten() {
        wrong.when(!ids.insert(item["id"].as_str().unwrap_or_default()), "two items have one id");
        wrong.html(item["content_html"].as_str().unwrap_or_default());
        for name in ["url", "image"] {
            if let Some(url) = item[name].as_str() {
                wrong.address(name, url);
            }
        }
        for file in item["attachments"].as_array().into_iter().flatten() {
            wrong.address("an attachment", file["url"].as_str().unwrap_or_default());
            wrong.media_type("an attachment", file["mime_type"].as_str().unwrap_or_default());
        }
    }
}
