//! RSS, Atom and CDF: from a feed's elements to a [`Draft`] of each entry. One
//! reading for all of them, for feeds mix their vocabularies.

use super::draft::{Draft, DraftFeed, Html, Person};
use super::mend::mend;
use super::names::Space;
use super::text::{fold, plain_text};
use super::xml::{self, Element};
use super::{ReadError, Repairs, dates};
use crate::domain::html::CleanHtml;
use crate::domain::post::Enclosure;
use crate::domain::url::HttpUrl;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::rc::Rc;

/// The names of root elements that make a feed.
pub(super) const ROOTS: [&str; 5] = ["rss", "feed", "rdf", "channel", "entry"];

/// Reads a feed's text.
pub(super) fn read(text: &str, base: Option<&HttpUrl>, mut repairs: Repairs) -> Result<DraftFeed, ReadError> {
    let mended = mend(text, &mut repairs);
    let mut feed = DraftFeed::default();
    let (root, noted) = xml::parse(&mended, base, |element| {
        let entry = entry(&element);
        feed.push(entry);
    })?;
    for repair in noted.kinds() {
        repairs.note(*repair);
    }
    if !ROOTS.contains(&root.name.as_str()) && feed.entries.is_empty() {
        return Err(ReadError::Broken(format!("its root element is <{}>, and there is no entry in it", root.name)));
    }
    if feed.entries.is_empty() && repairs.cut_off() {
        return Err(ReadError::Broken("it ends before its first entry does".to_owned()));
    }
    let channel = root.elements().find(|element| element.is("channel") && !root.is("channel")).unwrap_or(&root);
    head(channel, &mut feed);
    feed.repairs = repairs;
    Ok(feed)
}

/// What a feed says of itself.
fn head(channel: &Element<'_>, feed: &mut DraftFeed) {
    let mut links = Links::default();
    let mut dublin_title = None;
    links.plain = channel.attribute("href").map(|href| (href.to_owned(), channel.base.clone()));
    for element in channel.elements() {
        match (element.space, element.name.as_str()) {
            (Space::Rss | Space::Atom, "title") => set(&mut feed.title, title(element)),
            (Space::Dc, "title") => set(&mut dublin_title, title(element)),
            (Space::Rss | Space::Atom, "link" | "a") => links.add(element),
            (Space::Rss | Space::Dc, "language") => set(&mut feed.language, plain(element)),
            (Space::Atom, "author") => feed.authors.extend(person(element)),
            _ => {}
        }
    }
    feed.title = feed.title.take().or(dublin_title);
    feed.language = feed.language.take().or_else(|| channel.language.as_deref().map(str::to_owned));
    feed.older = links.of_relation("prev-archive");
    feed.link = links.page();
}

/// An entry as its elements say it.
fn entry(item: &Element<'_>) -> Draft {
    let mut draft = Draft { id: item.attribute("about").map(str::to_owned), ..Draft::default() };
    let mut links =
        Links { plain: item.attribute("href").map(|href| (href.to_owned(), item.base.clone())), ..Links::default() };
    let mut dates = Dates { modified: item.attribute("lastmod").map(str::to_owned), ..Dates::default() };
    let (mut guid_is_link, mut second) = (true, Second::default());
    for element in item.elements() {
        match (element.space, element.name.as_str()) {
            (Space::Rss | Space::Atom, "title") => set(&mut draft.title, title(element)),
            (Space::Dc | Space::Media | Space::Itunes, "title") => set(&mut second.title, title(element)),
            (Space::Rss | Space::Atom, "link" | "a") => links.add(element),
            (Space::Rss | Space::Atom, "guid" | "id") => {
                guid_is_link = element.attribute("ispermalink").is_none_or(|word| !word.eq_ignore_ascii_case("false"));
                draft.id = plain(element).or(draft.id.take());
            }
            (Space::Dc, "identifier") => set(&mut second.id, plain(element)),
            (Space::Rss | Space::Atom, "description" | "summary" | "abstract") => {
                set(&mut draft.summary, html(element));
            }
            (Space::Dc | Space::Itunes | Space::Media, "description" | "summary" | "abstract") => {
                set(&mut second.summary, html(element));
            }
            (Space::Rss | Space::Atom, "content") => {
                links.add_source(element);
                set(&mut draft.content, html(element));
            }
            (Space::Content, "encoded") | (Space::Xhtml, "body" | "div") => set(&mut draft.content, html(element)),
            (Space::Rss | Space::Atom, "author") | (Space::Dc, "creator" | "author") => {
                draft.authors.extend(person(element));
            }
            (Space::Itunes, "author") => second.authors.extend(person(element)),
            (Space::Atom | Space::Rss, "source") => {
                second.authors.extend(element.elements().filter(|inner| inner.is("author")).filter_map(person));
            }
            (Space::Rss | Space::Atom | Space::Dc, name) if dates.take(name, element) => {}
            (Space::Rss | Space::Atom, "category") | (Space::Dc, "subject") => draft.tag(category(element)),
            (Space::Rss, "enclosure") => draft.attach(enclosure(element, "url", "length")),
            (Space::Media, "content") => draft.attach(enclosure(element, "url", "filesize")),
            (Space::Media, "group") => group(element, &mut draft, &mut second),
            _ => {}
        }
    }
    (draft.published, draft.updated) = dates.read();
    for link in links.of_kind("enclosure") {
        draft.attach(link.enclosure());
    }
    draft.url = links.page();
    if draft.url.is_none() && guid_is_link {
        draft.url = draft.id.as_deref().and_then(|id| id.parse().ok());
    }
    second.fill(&mut draft);
    draft.base = item.base.as_deref().cloned();
    draft
}

/// What stands in for what is not there.
#[derive(Default)]
struct Second {
    id: Option<String>,
    title: Option<String>,
    summary: Option<Html>,
    authors: Vec<Person>,
}

impl Second {
    fn fill(self, draft: &mut Draft) {
        draft.id = draft.id.take().or(self.id);
        draft.title = draft.title.take().or(self.title);
        draft.summary = draft.summary.take().or(self.summary);
        if draft.authors.is_empty() {
            draft.authors = self.authors;
        }
    }
}

/// Several forms of one file (Media RSS `group`).
fn group(group: &Element<'_>, draft: &mut Draft, second: &mut Second) {
    for element in group.elements().filter(|element| element.space == Space::Media) {
        match element.name.as_str() {
            "content" => draft.attach(enclosure(element, "url", "filesize")),
            "title" => set(&mut second.title, title(element)),
            "description" => set(&mut second.summary, html(element)),
            _ => {}
        }
    }
}

/// Keeps the first that was found.
fn set<T>(field: &mut Option<T>, found: Option<T>) {
    if field.is_none() {
        *field = found;
    }
}

fn plain(element: &Element<'_>) -> Option<String> {
    Some(fold(&element.text())).filter(|text| !text.is_empty())
}

/// A title as plain text. RSS does not say whether its titles are markup; Atom
/// does (RFC 4287 section 3.1).
fn title(element: &Element<'_>) -> Option<String> {
    let is_text = element.space == Space::Atom && matches!(kind(element), Kind::Text);
    let text = if element.has_markup() {
        plain_text(&element.inner_html())
    } else if is_text {
        fold(&element.text())
    } else {
        plain_text(&decoded(element))
    };
    Some(text).filter(|text| !text.is_empty())
}

/// How an element's text is to be understood.
enum Kind {
    Text,
    Html,
    Xml,
    Base64,
}

/// Atom's `type`, and Atom 0.3's `mode`; RSS is HTML.
fn kind(element: &Element<'_>) -> Kind {
    let media = element.attribute("type").map(str::to_ascii_lowercase);
    match (element.attribute("mode"), media.as_deref()) {
        (Some("base64"), _) => Kind::Base64,
        (_, Some("html" | "text/html")) => Kind::Html,
        (Some("escaped"), None | Some("text" | "text/plain")) | (None, Some("text" | "text/plain")) => Kind::Text,
        (_, Some("xhtml")) => Kind::Xml,
        (_, Some(media)) if media.ends_with("/xml") || media.ends_with("+xml") => Kind::Xml,
        (_, Some(media)) if media.starts_with("text/") => Kind::Text,
        (_, Some(media)) if media.contains('/') => Kind::Base64,
        (Some("xml"), _) => Kind::Xml,
        _ if element.space == Space::Atom => Kind::Text,
        _ => Kind::Html,
    }
}

/// The element's text, out of its base64 where it says so.
fn decoded(element: &Element<'_>) -> String {
    let text = element.text();
    if !matches!(kind(element), Kind::Base64) {
        return text.into_owned();
    }
    let packed: String = text.split_whitespace().collect();
    // What is not text (a picture) has nothing to read.
    BASE64_STANDARD.decode(packed).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// A text construct as HTML, not sanitised yet.
fn html(element: &Element<'_>) -> Option<Html> {
    let text = match kind(element) {
        // XHTML stands in one div, which is not part of it (RFC 4287 section 3.1.1.3).
        Kind::Xml => {
            let mut inner = element.elements();
            match (inner.next(), inner.next()) {
                (Some(div), None) if div.name == "div" => div.inner_html(),
                _ => element.inner_html(),
            }
        }
        _ if element.has_markup() => element.inner_html(),
        Kind::Text => CleanHtml::from_text(&element.text()).as_str().to_owned(),
        Kind::Html | Kind::Base64 => decoded(element),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| Html { text: text.to_owned(), base: element.base.clone() })
}

/// `name`, or what stands around a mail address: `kim@example.com (Kim)`, `Kim
/// <kim@example.com>`.
fn person(element: &Element<'_>) -> Option<Person> {
    let of = |name: &str| element.elements().find(|inner| inner.name == name).and_then(plain);
    of("name")
        .or_else(|| of("email"))
        .or_else(|| if element.has_markup() { None } else { Some(plain_text(&element.text())) })
        .and_then(|text| Person::of(&text))
}

fn category(element: &Element<'_>) -> Option<String> {
    let named = element.attribute("label").or_else(|| element.attribute("term")).map(plain_text);
    named.or_else(|| Some(plain_text(&element.text()))).filter(|text| !text.is_empty())
}

fn enclosure(element: &Element<'_>, url: &str, length: &str) -> Option<Enclosure> {
    Some(Enclosure {
        url: absolute(element.attribute(url)?, element.base.as_deref())?,
        media_type: element.attribute("type").map(str::to_owned),
        length: element.attribute(length).and_then(|length| length.parse().ok()),
    })
}

fn absolute(href: &str, base: Option<&HttpUrl>) -> Option<HttpUrl> {
    let href: String = href.chars().filter(|c| !c.is_control()).collect();
    match base {
        Some(base) => base.join(&href),
        None => href.parse().ok(),
    }
}

/// The links of a feed or entry.
#[derive(Default)]
struct Links {
    /// RSS's own, without a relation.
    plain: Option<(String, Option<Rc<HttpUrl>>)>,
    related: Vec<Link>,
    /// Where an entry's content is when it is not in the feed (RFC 4287 section 4.1.3.2).
    source: Option<HttpUrl>,
}

struct Link {
    relation: String,
    url: HttpUrl,
    media_type: Option<String>,
    length: Option<u64>,
}

impl Link {
    fn enclosure(&self) -> Option<Enclosure> {
        Some(Enclosure { url: self.url.clone(), media_type: self.media_type.clone(), length: self.length })
    }
}

impl Links {
    fn add(&mut self, element: &Element<'_>) {
        let Some(href) = element.attribute("href") else {
            let text = plain(element);
            set(&mut self.plain, text.map(|text| (text, element.base.clone())));
            return;
        };
        if element.space == Space::Rss && element.attribute("rel").is_none() {
            set(&mut self.plain, Some((href.to_owned(), element.base.clone())));
            return;
        }
        let relation = element.attribute("rel").unwrap_or("alternate").to_ascii_lowercase();
        // A registered relation may be written as its address (RFC 4287 section 4.2.7.2).
        let relation = relation.strip_prefix("http://www.iana.org/assignments/relation/").unwrap_or(&relation);
        self.related.extend(absolute(href, element.base.as_deref()).map(|url| Link {
            relation: relation.to_owned(),
            url,
            media_type: element.attribute("type").map(str::to_owned),
            length: element.attribute("length").and_then(|length| length.parse().ok()),
        }));
    }

    fn add_source(&mut self, content: &Element<'_>) {
        let source = content.attribute("src").and_then(|src| absolute(src, content.base.as_deref()));
        set(&mut self.source, source);
    }

    fn of_kind(&self, relation: &str) -> impl Iterator<Item = &Link> {
        self.related.iter().filter(move |link| link.relation == relation)
    }

    fn of_relation(&self, relation: &str) -> Option<HttpUrl> {
        self.of_kind(relation).next().map(|link| link.url.clone())
    }

    /// The address of the page itself: RSS's link, else the alternate that is HTML.
    fn page(&self) -> Option<HttpUrl> {
        let plain = self.plain.as_ref().and_then(|(href, base)| absolute(href, base.as_deref()));
        let html = |link: &&Link| link.media_type.as_deref().is_none_or(|media| media.contains("html"));
        plain
            .or_else(|| self.of_kind("alternate").find(html).map(|link| link.url.clone()))
            .or_else(|| self.of_relation("alternate"))
            .or_else(|| self.source.clone())
    }
}

/// The dates of an entry as they are written, by how well they tell when it appeared.
#[derive(Default)]
struct Dates {
    published: Option<String>,
    issued: Option<String>,
    date: Option<String>,
    created: Option<String>,
    modified: Option<String>,
}

impl Dates {
    /// Takes an element if it is a date.
    fn take(&mut self, name: &str, element: &Element<'_>) -> bool {
        let field = match name {
            "pubdate" | "published" => &mut self.published,
            "issued" | "available" => &mut self.issued,
            "date" => &mut self.date,
            "created" => &mut self.created,
            "updated" | "modified" | "lastbuilddate" | "lastmod" => &mut self.modified,
            _ => return false,
        };
        set(field, plain(element));
        true
    }

    /// When it was published, and when it was last changed.
    fn read(self) -> (Option<crate::domain::time::Timestamp>, Option<crate::domain::time::Timestamp>) {
        let published = [self.published, self.issued, self.date, self.created];
        (
            published.into_iter().flatten().find_map(|text| dates::parse(&text)),
            self.modified.and_then(|text| dates::parse(&text)),
        )
    }
}
