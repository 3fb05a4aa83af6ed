//! `read`: what syndicated makes of a feed or page, as the sources' own polls
//! would read it.

use super::ending::Usage;
use super::output::{Out, count};
use super::sieve::{Sieve, in_words};
use super::{Json, Setting};
use crate::config::{Fetch, selector};
use crate::domain::filter::Filter;
use crate::domain::html::CleanHtml;
use crate::domain::pace::Pace;
use crate::domain::post::{Document, DocumentKind, Enclosure, Entry, Place};
use crate::domain::schedule;
use crate::domain::slug::Slug;
use crate::domain::source::ListRules;
use crate::domain::time::Timestamp;
use crate::domain::url::{BadUrl, HttpUrl};
use crate::flow::poll::read_pages;
use crate::net::{self, Client, Names, Outcome, Request};
use crate::read::{Input, RawHtml, Reading, listing, plain_text, read};
use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::io::Read as _;

/// `read FILE|URL|-`.
#[derive(Debug, Args)]
pub struct Read {
    /// A file, an address, or `-` for standard input.
    #[arg(value_name = "FILE|URL|-")]
    what: String,
    /// What relative links are relative to; the address itself when left out.
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    /// What a file was served as, such as `text/xml; charset=euc-kr`.
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Read a page for the posts that it lists, as a source of kind "page" would be.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    rules: Rules,
    /// Read the posts' own pages as this source of the configuration does: its first poll would store the same.
    #[arg(long, value_name = "NAME", conflicts_with = "raw")]
    pages_of: Option<Slug>,
    /// Give the HTML as it stands in the document, not sanitised.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    sieve: Sieve,
    #[command(flatten)]
    json: Json,
}

/// How the answer is made.
struct Wish {
    raw: bool,
    filter: Option<Filter>,
    now: Timestamp,
}

/// Where the posts of a list stand, as in a `[[source]]`.
#[derive(Debug, Args)]
#[group(multiple = true)]
struct Rules {
    /// With --list: by the selectors of this source of the configuration.
    #[arg(long, value_name = "NAME", requires = "list")]
    source: Option<Slug>,
    /// With --list: what is a post each, as a CSS selector.
    #[arg(long, value_name = "CSS", requires = "list", value_parser = selector)]
    items: Option<String>,
    /// With --list: in it, the link to the post.
    #[arg(long, value_name = "CSS", requires = "list", value_parser = selector)]
    link: Option<String>,
    /// With --list: its title.
    #[arg(long, value_name = "CSS", requires = "list", value_parser = selector)]
    title: Option<String>,
    /// With --list: its date.
    #[arg(long, value_name = "CSS", requires = "list", value_parser = selector)]
    date: Option<String>,
    /// With --list: its author.
    #[arg(long, value_name = "CSS", requires = "list", value_parser = selector)]
    author: Option<String>,
    /// With --list: its short form.
    #[arg(long, value_name = "CSS", requires = "list", value_parser = selector)]
    summary: Option<String>,
}

impl Rules {
    /// Those of the source, and over them what was typed.
    fn taken(self, setting: &Setting) -> anyhow::Result<ListRules> {
        let base = match &self.source {
            Some(name) => {
                let config = setting.config()?;
                let source = config.source(name).ok_or_else(|| Usage(format!("there is no source `{name}`")))?;
                source.list().cloned().ok_or_else(|| Usage(format!("the source `{name}` has a feed, and no list")))?
            }
            None => ListRules::default(),
        };
        Ok(ListRules {
            items: self.items.or(base.items),
            link: self.link.or(base.link),
            title: self.title.or(base.title),
            date: self.date.or(base.date),
            author: self.author.or(base.author),
            summary: self.summary.or(base.summary),
        })
    }
}

/// A document as it came.
struct Source {
    bytes: Vec<u8>,
    content_type: Option<String>,
    base: Option<HttpUrl>,
}

pub(super) async fn run(command: Read, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let base: Option<HttpUrl> =
        command.base.as_deref().map(str::parse).transpose().map_err(|why: BadUrl| Usage(why.to_string()))?;
    let wish = Wish { raw: command.raw, filter: command.sieve.filter(setting)?, now: setting.clock.now() };
    let source = get(&command.what, setting).await?;
    let base = base.or(source.base);
    let content_type = command.content_type.or(source.content_type);
    // Reading needs no configuration; where there is one, its platforms are known.
    let platforms = setting.config().map(|config| config.platforms).unwrap_or_default();
    let (bytes, content_type) = (&source.bytes[..], content_type.as_deref());
    let input = Input { bytes, content_type, base: base.as_ref(), platforms: &platforms };
    let reading = if command.list { listing(&input, &command.rules.taken(setting)?) } else { read(&input) };
    let mut reading = reading.with_context(|| command.what.clone())?;
    if let Some(name) = command.pages_of {
        let config = setting.config()?;
        let of = config.source(&name).ok_or_else(|| Usage(format!("there is no source `{name}`")))?;
        let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), setting.clock.clone())?;
        for (page, why) in read_pages(&client, of, &platforms, &mut reading.document.entries).await {
            tracing::warn!("{}: {why}", net::shown(&page));
        }
    }
    if command.json.json { Ok(out.json(&shown(&reading, &wish))?) } else { tell(&reading, &wish, out) }
}

async fn get(what: &str, setting: &Setting) -> anyhow::Result<Source> {
    if what.starts_with("http://") || what.starts_with("https://") {
        let url: HttpUrl = what.parse().map_err(|why: BadUrl| Usage(why.to_string()))?;
        return fetch(&url, setting).await;
    }
    let mut bytes = Vec::new();
    if what == "-" {
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        bytes = std::fs::read(what).with_context(|| format!("cannot read {what}"))?;
    }
    Ok(Source { bytes, content_type: None, base: None })
}

async fn fetch(url: &HttpUrl, setting: &Setting) -> anyhow::Result<Source> {
    // Reading needs no configuration; where there is one, its limits hold.
    let (limits, contact) = match setting.config() {
        Ok(config) => (config.fetch, config.site.base_url),
        Err(_) => (Fetch::default(), url.clone()),
    };
    let client = Client::new(&limits, &contact, Names::system(), setting.clock.clone())?;
    match client.fetch(Request { url, etag: None, last_modified: None }).await? {
        Outcome::Fresh(fetched) => {
            Ok(Source { bytes: fetched.bytes, content_type: fetched.content_type, base: Some(fetched.final_url) })
        }
        Outcome::NotModified { .. } => bail!("{url}: it answered 304 Not Modified without being asked"),
        Outcome::Gone => bail!("{url}: it answered 410 Gone: there is nothing there any more"),
    }
}

/// The answer in JSON; its keys are a contract.
#[derive(Serialize)]
struct Shown<'a> {
    kind: DocumentKind,
    title: Option<&'a str>,
    link: Option<&'a HttpUrl>,
    language: Option<&'a str>,
    entries: Vec<ShownEntry<'a>>,
    /// There only when the document says that entries were deleted.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    deleted: &'a [String],
}

#[derive(Serialize)]
struct ShownEntry<'a> {
    id: &'a str,
    url: Option<&'a HttpUrl>,
    title: Option<&'a str>,
    authors: &'a [String],
    /// There only when the entry declares one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    published: Option<Timestamp>,
    updated: Option<Timestamp>,
    summary_html: Option<&'a str>,
    content_html: Option<&'a str>,
    categories: &'a [String],
    enclosures: &'a [Enclosure],
    also_at: &'a [Place],
    /// Why a filter leaves it out; there only when one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    filtered: Option<Value>,
}

fn shown<'a>(reading: &'a Reading, wish: &Wish) -> Shown<'a> {
    let Document { kind, title, link, language, entries, deleted } = &reading.document;
    let entries = entries.iter().enumerate().map(|(at, entry)| {
        let judge = |filter: &Filter| {
            let reason = filter.leaves_out(entry, language.as_deref(), wish.now);
            Value::from(reason.map(|why| why.to_string()))
        };
        ShownEntry { filtered: wish.filter.as_ref().map(judge), ..shown_entry(entry, raw_of(reading, wish.raw, at)) }
    });
    Shown {
        kind: *kind,
        title: title.as_deref(),
        link: link.as_ref(),
        language: language.as_deref(),
        entries: entries.collect(),
        deleted,
    }
}

fn raw_of(reading: &Reading, raw: bool, at: usize) -> Option<&RawHtml> {
    reading.raw.get(at).filter(|_| raw)
}

fn shown_entry<'a>(entry: &'a Entry, raw: Option<&'a RawHtml>) -> ShownEntry<'a> {
    let (summary_html, content_html) = match raw {
        Some(raw) => (raw.summary.as_deref(), raw.content.as_deref()),
        None => (entry.summary.as_ref().map(CleanHtml::as_str), entry.content.as_ref().map(CleanHtml::as_str)),
    };
    ShownEntry {
        id: &entry.guid,
        url: entry.url.as_ref(),
        title: Some(entry.title.as_str()).filter(|title| !title.is_empty()),
        authors: &entry.authors,
        language: entry.language.as_deref(),
        published: entry.published,
        updated: entry.updated,
        summary_html,
        content_html,
        categories: &entry.categories,
        enclosures: &entry.enclosures,
        also_at: &entry.also_at,
        filtered: None,
    }
}

/// What a feed asks of those who poll it, a line each.
pub(super) fn wishes(pace: &Pace) -> Vec<String> {
    let mut wishes = Vec::new();
    if let Some(wait) = pace.at_least {
        wishes.push(format!("asks to be polled at most every {} min", wait.as_secs() / 60));
    }
    let hours: Vec<String> = pace.skip_hours.iter().map(ToString::to_string).collect();
    let days: Vec<String> = pace.skip_days.iter().map(ToString::to_string).collect();
    for (unit, list) in [("hours", hours), ("days", days)] {
        if !list.is_empty() {
            wishes.push(format!("asks not to be polled in the {unit} {} (UTC)", list.join(", ")));
        }
    }
    wishes.extend(pace.hubs.iter().map(|hub| format!("announces changes through {hub}")));
    wishes
}

/// So much of a text is shown.
const EXCERPT: usize = 300;

fn tell(reading: &Reading, wish: &Wish, out: &mut Out) -> anyhow::Result<()> {
    let Document { kind, title, link, language, entries, deleted } = &reading.document;
    let kind = match kind {
        DocumentKind::Feed => "feed",
        DocumentKind::Page => "page",
    };
    out.facts(&[
        ("kind", kind.to_owned()),
        ("title", title.clone().unwrap_or_default()),
        ("link", link.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("language", language.clone().unwrap_or_default()),
        ("entries", count(entries.len(), "entry", "entries")),
    ])?;
    if !reading.repairs.is_empty() {
        out.line(format!("repaired: {}", reading.repairs))?;
    }
    for guid in deleted {
        out.line(format!("says that it was deleted: {guid}"))?;
    }
    for wish in wishes(&reading.pace) {
        out.line(wish)?;
    }
    for feed in &reading.feeds {
        let title = feed.title.as_ref().map(|title| format!(" ({title})")).unwrap_or_default();
        out.line(format!("names the feed {}{title}", feed.url))?;
    }
    for (at, entry) in entries.iter().enumerate() {
        out.line("")?;
        out.line(if entry.title.is_empty() { "(no title)" } else { &entry.title })?;
        if let Some(filter) = &wish.filter {
            out.line(format!("  {}", in_words(filter, entry, language.as_deref(), wish.now)))?;
        }
        let date = entry.published.or(entry.updated).map(|at| schedule::local(chrono_tz::UTC, at));
        let also: Vec<_> = entry.also_at.iter().map(|place| place.name.as_str()).collect();
        let also = if also.is_empty() { String::new() } else { format!("also at {}", also.join(", ")) };
        let files: Vec<_> = entry.enclosures.iter().map(|file| file.url.as_str()).collect();
        let (url, authors) =
            (entry.url.as_ref().map(ToString::to_string).unwrap_or_default(), entry.authors.join(", "));
        for line in [date.unwrap_or_default(), authors, url, entry.categories.join(", "), files.join(", "), also] {
            if !line.is_empty() {
                out.line(format!("  {line}"))?;
            }
        }
        if let Some(raw) = raw_of(reading, wish.raw, at) {
            out.line(raw.content.as_deref().or(raw.summary.as_deref()).unwrap_or_default())?;
        } else if let Some(html) = entry.content.as_ref().or(entry.summary.as_ref()) {
            let text = plain_text(html.as_str());
            let mut excerpt: String =
                text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect();
            if excerpt.chars().count() == EXCERPT {
                excerpt.push('…');
            }
            out.line(format!("  {excerpt}"))?;
        }
    }
    Ok(())
}
