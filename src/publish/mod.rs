//! Posts out as bytes: RSS 2.0, Atom 1.0, JSON Feed 1.1. Pure functions of
//! their arguments, without a clock, so that a feed in which nothing changed is
//! the same byte for byte.

mod atom;
mod json_feed;
mod rss;

use crate::domain::html::CleanHtml;
use crate::domain::post::{Enclosure, Post};
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
        match self {
            Self::Rss => "application/rss+xml",
            Self::Atom => "application/atom+xml",
            Self::Json => "application/feed+json",
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
}

/// A post in a feed, with where it came from.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The post.
    pub post: &'a Post,
    /// The feed it came from.
    pub origin: Option<&'a Origin>,
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
    let items: Vec<Item<'_>> = items.iter().copied().filter(|item| seen.insert(identity(channel, item.post))).collect();
    match format {
        Format::Rss => rss::write(channel, &items),
        Format::Atom => atom::write(channel, &items),
        Format::Json => json_feed::write(channel, &items),
    }
    .map_err(|why| PublishError(format, why))
}

/// When the feed last changed, by syndicated's clock: a post that is found late
/// may be dated before others that were there. The epoch for an empty feed.
#[must_use]
pub fn updated(items: &[Item<'_>]) -> Timestamp {
    items.iter().map(|item| item.post.first_seen.max(item.post.changed)).max().unwrap_or(Timestamp::EPOCH)
}

/// When a post last changed for its readers: never before its date.
fn item_updated(post: &Post) -> Timestamp {
    if post.changed > post.first_seen { post.changed } else { post.date() }
}

/// An identity that is unique across sources and valid as an IRI (RFC 4287
/// section 4.2.6): the feed's own where its scheme makes it so, else a tag
/// (RFC 4151).
fn identity(channel: &Channel, post: &Post) -> String {
    let guid = &post.entry.guid;
    // What RFC 3987 allows in no part of an IRI.
    let outside = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`' | '\u{fffe}' | '\u{ffff}')
    };
    let global = url::Url::parse(guid).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "tag" | "urn"));
    if global && !guid.contains(outside) {
        return guid.clone();
    }
    let encoded: String = url::form_urlencoded::byte_serialize(guid.as_bytes()).collect();
    format!("tag:{},2026:{}/{encoded}", channel.self_url.host(), post.source_name)
}

/// The language, where it has the shape of a BCP 47 tag: feeds declare anything.
fn language(channel: &Channel) -> Option<&str> {
    tag(&channel.language)
}

/// Likewise, of a post's own.
fn tag(language: &str) -> Option<&str> {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    Some(language).filter(|tag| tag.split('-').all(part))
}

/// The media type of a file, where one is told that can stand in a feed.
fn media_type(file: &Enclosure) -> Option<&str> {
    file.media_type
        .as_deref()
        .filter(|kind| kind.contains('/') && kind.bytes().all(|b| b.is_ascii_graphic() || b == b' '))
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
fn content(post: &Post) -> Option<&CleanHtml> {
    post.entry.content.as_ref().or(post.entry.summary.as_ref())
}
