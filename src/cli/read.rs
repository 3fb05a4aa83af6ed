//! `read`: what syndicated makes of a feed or page, as the sources' own polls
//! would read it.

use super::ending::Usage;
use super::output::{Out, count};
use super::{Json, Setting};
use crate::config::{Allow, Fetch};
use crate::domain::html::CleanHtml;
use crate::domain::pace::Pace;
use crate::domain::post::{Document, DocumentKind, Enclosure, Entry, Place};
use crate::domain::schedule;
use crate::domain::time::Timestamp;
use crate::domain::url::{BadUrl, HttpUrl};
use crate::net::{Client, Names, Outcome, Request};
use crate::read::{Input, RawHtml, Reading, plain_text, read};
use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use std::io::Read as _;
use std::net::IpAddr;

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
    /// Give the HTML as it stands in the document, not sanitised.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    json: Json,
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
    let source = get(&command.what, setting).await?;
    let base = base.or(source.base);
    let content_type = command.content_type.or(source.content_type);
    // Reading needs no configuration; where there is one, its platforms are known.
    let platforms = setting.config().map(|config| config.platforms).unwrap_or_default();
    let (bytes, content_type) = (&source.bytes[..], content_type.as_deref());
    let input = Input { bytes, content_type, base: base.as_ref(), platforms: &platforms };
    let reading = read(&input).with_context(|| command.what.clone())?;
    if command.json.json { Ok(out.json(&shown(&reading, command.raw))?) } else { tell(&reading, command.raw, out) }
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
    let (mut limits, contact) = match setting.config() {
        Ok(config) => (config.fetch, config.site.base_url),
        Err(_) => (Fetch::default(), url.clone()),
    };
    limits.allow.extend(typed(url));
    let client = Client::new(&limits, &contact, Names::system(), setting.clock.clone())?;
    match client.fetch(Request { url, etag: None, last_modified: None }).await? {
        Outcome::Fresh(fetched) => {
            Ok(Source { bytes: fetched.bytes, content_type: fetched.content_type, base: Some(fetched.final_url) })
        }
        Outcome::NotModified { .. } => bail!("{url}: it answered 304 Not Modified without being asked"),
        Outcome::Gone => bail!("{url}: it answered 410 Gone: there is nothing there any more"),
    }
}

/// A private address that an operator typed is meant; where it redirects to is
/// guarded like everything else.
fn typed(url: &HttpUrl) -> Vec<Allow> {
    let host = url.host().trim_matches(['[', ']']);
    let addresses: Vec<IpAddr> = if host == "localhost" {
        vec![std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()]
    } else {
        host.parse().into_iter().collect()
    };
    let port = url.as_url().port_or_known_default();
    addresses
        .into_iter()
        .map(|network| Allow { network, prefix: if network.is_ipv4() { 32 } else { 128 }, port })
        .collect()
}

/// The answer in JSON; its keys are a contract.
#[derive(Serialize)]
struct Shown<'a> {
    kind: DocumentKind,
    title: Option<&'a str>,
    link: Option<&'a HttpUrl>,
    language: Option<&'a str>,
    entries: Vec<ShownEntry<'a>>,
}

#[derive(Serialize)]
struct ShownEntry<'a> {
    id: &'a str,
    url: Option<&'a HttpUrl>,
    title: Option<&'a str>,
    authors: &'a [String],
    published: Option<Timestamp>,
    updated: Option<Timestamp>,
    summary_html: Option<&'a str>,
    content_html: Option<&'a str>,
    categories: &'a [String],
    enclosures: &'a [Enclosure],
    also_at: &'a [Place],
}

fn shown(reading: &Reading, raw: bool) -> Shown<'_> {
    let Document { kind, title, link, language, entries } = &reading.document;
    let entries = entries.iter().enumerate().map(|(at, entry)| shown_entry(entry, raw_of(reading, raw, at)));
    Shown {
        kind: *kind,
        title: title.as_deref(),
        link: link.as_ref(),
        language: language.as_deref(),
        entries: entries.collect(),
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
        published: entry.published,
        updated: entry.updated,
        summary_html,
        content_html,
        categories: &entry.categories,
        enclosures: &entry.enclosures,
        also_at: &entry.also_at,
    }
}

/// What a feed asks of those who poll it, a line each.
fn wishes(pace: &Pace) -> Vec<String> {
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

fn tell(reading: &Reading, raw: bool, out: &mut Out) -> anyhow::Result<()> {
    let Document { kind, title, link, language, entries } = &reading.document;
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
        if let Some(raw) = raw_of(reading, raw, at) {
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
