//! Posts out as bytes: RSS 2.0, Atom 1.0, JSON Feed 1.1, and sitemaps. Pure functions of
//! their arguments, without a clock, so that a feed in which nothing changed is
//! the same byte for byte.

mod atom;
mod files;
mod json_feed;
mod opml;
mod rss;
mod sitemap;
mod uris;

pub use sitemap::{SitemapEntry, sitemap, sitemap_index};

pub use opml::{Followed, write_list};

use crate::domain::html::CleanHtml;
use crate::domain::language::Language;
use crate::domain::piece::Scope;
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use crate::domain::text::{cut, escape, plain_text};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// A feed's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// RSS 2.0.
    Rss,
    /// Atom 1.0 (RFC 4287).
    Atom,
    /// JSON Feed 1.1.
    Json,
}

impl Format {
    /// Every form, the one to propose first.
    pub const ALL: [Self; 3] = [Self::Rss, Self::Atom, Self::Json];

    /// The ending of its address, and its name on the command line.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Rss => "rss",
            Self::Atom => "atom",
            Self::Json => "json",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Atom => "Atom",
            Self::Json => "JSON Feed",
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        self.content_type().split(';').next().unwrap_or_default()
    }

    /// The same with its charset, as `Content-Type` has it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Rss => "application/rss+xml; charset=utf-8",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Json => "application/feed+json; charset=utf-8",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.ending() == text)
            .ok_or_else(|| format!("`{text}` is not a feed format: use rss, atom or json"))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ending())
    }
}

/// What a feed says of itself.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its title.
    pub title: String,
    /// One sentence; the title when there is none.
    pub description: String,
    /// BCP 47 tag.
    pub language: String,
    /// The page that it belongs to.
    pub home: HttpUrl,
    /// Its own address.
    pub self_url: HttpUrl,
    /// Whether posts stand in it in full; else only their beginnings.
    pub full: bool,
    /// Where the rest of its posts are.
    pub pages: Pages,
    /// For how many minutes what was read of it will do.
    pub ttl: Option<u32>,
    /// The picture that stands for it: GIF, JPEG or PNG.
    pub image: Option<HttpUrl>,
    /// A small one, for a row in a list.
    pub icon: Option<HttpUrl>,
    /// Whose it is.
    pub copyright: Option<String>,
    /// Who announces its changes (WebSub).
    pub hubs: Vec<HttpUrl>,
    /// What stands before the other places of a piece, below its text; empty when these are not named there.
    pub also_at: String,
    /// The posts that were withdrawn of late, the latest first.
    pub withdrawn: Vec<Tombstone>,
}

impl Channel {
    /// A feed in full, of one document.
    #[must_use]
    pub fn new(title: &str, language: &str, home: HttpUrl, self_url: HttpUrl) -> Self {
        Self {
            title: title.to_owned(),
            description: title.to_owned(),
            language: language.to_owned(),
            home,
            self_url,
            full: true,
            pages: Pages::default(),
            ttl: None,
            image: None,
            icon: None,
            copyright: None,
            hubs: Vec::new(),
            also_at: String::new(),
            withdrawn: Vec::new(),
        }
    }
}

/// What is left of a post that was withdrawn (RFC 6721).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Its source.
    pub source: Slug,
    /// What its feed called it.
    pub guid: String,
    /// Since when it is withdrawn.
    pub at: Timestamp,
}

/// The documents that a feed's posts are spread over (RFC 5005 section 4): the feed
/// itself with its newest posts, and an archive from the first post on, whose
/// documents never change their bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages {
    /// Of a document of the archive: the feed itself.
    pub current: Option<String>,
    /// The document with the posts before these.
    pub older: Option<String>,
    /// The document with the posts behind these, in the archive.
    pub newer: Option<String>,
}

impl Pages {
    /// Of the document `page`, from 1, of an archive of so many; of the feed itself
    /// when it is left out. `url` gives the addresses.
    #[must_use]
    pub fn of(page: Option<u32>, all: u32, url: &dyn Fn(Option<u32>) -> String) -> Self {
        let document = |page: u32| (1..=all).contains(&page).then(|| url(Some(page)));
        match page {
            None => Self { current: None, older: document(all), newer: None },
            Some(page) => Self {
                current: Some(url(None)),
                older: document(page.saturating_sub(1)),
                newer: document(page.saturating_add(1)),
            },
        }
    }

    /// The links of a document by their relations (RFC 5005 section 4).
    fn links(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [("current", &self.current), ("prev-archive", &self.older), ("next-archive", &self.newer)];
        all.into_iter().filter_map(|(rel, url)| Some((rel, url.as_deref()?)))
    }
}

/// A post in a feed, with where it came from.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The post.
    pub post: &'a Post,
    /// The feed it came from.
    pub origin: Option<&'a Origin>,
    /// Among which posts its piece is shown once.
    pub scope: Scope<'a>,
}

/// A feed that was followed (RSS 2.0 `source`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: String,
}

/// Why a feed could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the {0} feed cannot be written: {1}")]
pub struct PublishError(Format, String);

/// Writes a feed, its items in the order given. Of two that have one identity
/// the first is written: readers take them for one (RFC 4287 section 4.1.1).
pub fn write(format: Format, channel: &Channel, items: &[Item<'_>]) -> Result<String, PublishError> {
    let mut seen = HashSet::new();
    let items: Vec<Item<'_>> = items.iter().copied().filter(|item| seen.insert(identity(channel, item))).collect();
    match format {
        Format::Rss => rss::write(channel, &items),
        Format::Atom => atom::write(channel, &items),
        Format::Json => json_feed::write(channel, &items),
    }
    .map_err(|why| PublishError(format, why))
}

/// What a feed is linked with, as a `Link` header (RFC 8288): its hubs with its own
/// name (WebSub section 4), and the feed that it repeats (RFC 6596). Empty for nothing.
#[must_use]
pub fn links(channel: &Channel, original: Option<&str>) -> String {
    let mut links: Vec<(Cow<'_, str>, &str)> = channel.hubs.iter().map(|hub| (uris::address(hub), "hub")).collect();
    if !links.is_empty() {
        links.push((channel.self_url.as_str().into(), "self"));
    }
    links.extend(original.map(|url| (uris::address_of(url), "canonical")));
    let links: Vec<String> = links.into_iter().map(|(url, rel)| format!("<{url}>; rel=\"{rel}\"")).collect();
    links.join(", ")
}

/// When the feed last changed, by syndicated's clock: a post that is found late
/// may be dated before others that were there, and one that was withdrawn is a change, too. The epoch for an empty
/// feed.
#[must_use]
pub fn updated(channel: &Channel, items: &[Item<'_>]) -> Timestamp {
    let stored = items.iter().map(|item| item.post.first_seen.max(item.post.changed));
    stored.chain(channel.withdrawn.iter().map(|tombstone| tombstone.at)).max().unwrap_or(Timestamp::EPOCH)
}

/// When a post last changed for its readers: never before its date.
fn item_updated(post: &Post) -> Timestamp {
    if post.changed > post.first_seen { post.changed } else { post.date() }
}

/// The identity of a post, or of its piece.
fn identity(channel: &Channel, item: &Item<'_>) -> String {
    let (source, guid) = item.post.identity_in(&item.scope);
    uris::identity(channel.self_url.host(), source, guid)
}

/// The language, where it is a BCP 47 tag: feeds declare anything.
fn language(channel: &Channel) -> Option<&str> {
    tag(&channel.language)
}

/// Likewise, of a post's own. A language's code has two or three letters (RFC 5646
/// section 2.2.1).
fn tag(language: &str) -> Option<&str> {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let code = language.split('-').next().unwrap_or_default();
    let named = match code.len() {
        2 => Language::is_code(code),
        3 => code.bytes().all(|byte| byte.is_ascii_alphabetic()),
        _ => false,
    };
    Some(language).filter(|tag| named && tag.split('-').all(part))
}

/// The words that say something, as they may stand in a feed.
fn named(words: &[String]) -> impl Iterator<Item = Cow<'_, str>> {
    words.iter().map(|word| legal(word)).filter(|word| !word.trim().is_empty())
}

/// A post's title; `None` when it has none.
fn title(post: &Post) -> Option<Cow<'_, str>> {
    Some(legal(&post.entry.title)).filter(|title| !title.trim().is_empty())
}

/// Text without the characters that XML 1.0 section 2.2 forbids, and without
/// the other controls, which no reader shows.
fn legal(text: &str) -> Cow<'_, str> {
    let forbidden =
        |c: char| (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains(forbidden) {
        Cow::Owned(text.chars().filter(|c| !forbidden(*c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The text in full, or the short form where that is all there is.
fn content<'a>(channel: &Channel, post: &'a Post) -> Option<Cow<'a, str>> {
    let entry = &post.entry;
    let html = at_home(entry.content.as_ref().or(entry.summary.as_ref())?, post);
    Some(match also_at(channel, post) {
        Some(places) => Cow::Owned(format!("{html}\n{places}")),
        None => html,
    })
}

/// A line with the other places where the piece is followed; what the text itself says stands in it already.
fn also_at(channel: &Channel, post: &Post) -> Option<String> {
    let places = post.also_at();
    let others = places.iter().skip(post.entry.also_at.len()).map(|place| match &place.url {
        Some(url) => format!("<a href=\"{}\">{}</a>", escape(&uris::address(url)), escape(&legal(&place.name))),
        None => escape(&legal(&place.name)),
    });
    let others = others.collect::<Vec<_>>().join(", ");
    (!others.is_empty() && !channel.also_at.is_empty())
        .then(|| format!("<p>{}: {others}</p>", escape(&channel.also_at)))
}

/// The short form: the post's own, or its beginning.
fn short(post: &Post) -> Option<Cow<'_, str>> {
    if let Some(summary) = &post.entry.summary {
        return Some(at_home(summary, post));
    }
    let html = post.entry.content.as_ref()?.as_str();
    // A long text need not be parsed for its first words, unless it begins with much else.
    let head = html.get(..html.floor_char_boundary(ENOUGH)).unwrap_or(html);
    let mut text = plain_text(head);
    if head.len() < html.len() && text.chars().count() <= SHORT {
        text = plain_text(html);
    }
    Some(escape(&cut(&legal(&text), SHORT)).into())
}

/// A text whose links to places in itself have the post's own address before them:
/// a reader's program would look for those places at the feed's, or at its own. One
/// that shows a text as a page of its blog finds them in it. Where there is no
/// address, they lead nowhere.
fn at_home<'a>(html: &'a CleanHtml, post: &Post) -> Cow<'a, str> {
    const LINK: &str = " href=\"#";
    let text = directed(legal(html.as_str()));
    if !text.contains(LINK) {
        return text;
    }
    if let Some(url) = &post.entry.url {
        let page = escape(&uris::address(url));
        let page = page.split('#').next().unwrap_or_default();
        return Cow::Owned(text.replace(LINK, &format!(" href=\"{page}#")));
    }
    let mut pieces = text.split(LINK);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    pieces.for_each(|piece| out.push_str(piece.split_once('"').map_or(piece, |(_, behind)| behind)));
    Cow::Owned(out)
}

/// A text whose direction is forced by Unicode's own marks instead of by `bdo`, which
/// few feed readers know and validators warn of: HTML has the two mean the same.
fn directed(text: Cow<'_, str>) -> Cow<'_, str> {
    const BEGIN: &str = "<bdo";
    if !text.contains(BEGIN) {
        return text;
    }
    let text = text.replace("</bdo>", "\u{202c}</span>");
    let mut pieces = text.split(BEGIN);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (tag, behind) = piece.split_once('>').unwrap_or((piece, ""));
        let mark = if tag.contains("dir=\"rtl\"") { '\u{202e}' } else { '\u{202d}' };
        out.push_str("<span");
        out.push_str(tag);
        out.push('>');
        out.push(mark);
        out.push_str(behind);
    }
    Cow::Owned(out)
}

/// XML with `&` and `<` as hexadecimal references, so that a title is understood by
/// programs that take it for HTML and by those that do not (RSS Profile, "Data Types:
/// Character Data"). What stands between the marks in `literal` stays as it is.
fn referred(xml: &str, literal: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(xml.len() + xml.len() / 64);
    let mut rest = xml;
    while !rest.is_empty() {
        let next = literal.iter().filter_map(|(begin, end)| Some((rest.find(begin)?, *end))).min();
        let (at, end) = next.unwrap_or((rest.len(), ""));
        let (plain, behind) = rest.split_at(at);
        out.push_str(&plain.replace("&amp;", "&#x26;").replace("&lt;", "&#x3C;"));
        let (data, more) = behind.split_at(behind.find(end).map_or(behind.len(), |at| at + end.len()));
        out.push_str(data);
        rest = more;
    }
    out
}

/// The namespace of what marks a document of an archive (RFC 5005 section 4).
const HISTORY: &str = "http://purl.org/syndication/history/1.0";

/// So many characters of a text stand in its short form.
const SHORT: usize = 400;
/// In so many bytes of HTML they are mostly found.
const ENOUGH: usize = 16 * 1024;
