//! What stands at an address that somebody wants to follow: a feed, or a page
//! with feeds to choose from.

use super::Setting;
use super::ending::Usage;
use super::output::{Out, count};
use super::setting::local;
use crate::config::{Config, Fetch};
use crate::domain::platform::Platforms;
use crate::domain::post::{Document, DocumentKind};
use crate::domain::url::HttpUrl;
use crate::net::{Client, Names, Outcome, Request};
use crate::read::{Input, Reading, read};
use anyhow::{Context as _, bail};
use std::io::{IsTerminal as _, Write as _};

/// What stands at an address.
pub(super) struct Found {
    pub(super) reading: Reading,
    pub(super) feed: HttpUrl,
    bytes: usize,
    /// Whether a poll of the address itself would come to it.
    pub(super) is_first: bool,
}

/// So many of a page's feeds are looked at.
const MOST_FEEDS: usize = 5;

/// Fetches the address, and the feeds that it names, or may have, when it is a page.
pub(super) async fn look(config: &Config, url: &HttpUrl, setting: &Setting) -> anyhow::Result<Vec<Found>> {
    // Large or slow documents are refused here as they would be by the daemon.
    let limits = Fetch { concurrency: 1, ..config.fetch.clone() };
    let client = Client::new(&limits, &config.site.base_url, Names::system(), setting.clock.clone())?;
    let page = fetch(&client, url, &config.platforms).await?;
    if page.reading.document.kind == DocumentKind::Feed {
        return Ok(vec![page]);
    }
    let named: Vec<HttpUrl> = page.reading.feeds.into_iter().map(|link| link.url).collect();
    let (is_named, places) = if named.is_empty() { (false, page.reading.guesses) } else { (true, named) };
    let tried = places.len();
    let mut found: Vec<Found> = Vec::new();
    for (at, place) in places.iter().take(if is_named { MOST_FEEDS } else { tried }).enumerate() {
        match fetch(&client, place, &config.platforms).await {
            Ok(feed) if feed.reading.document.kind == DocumentKind::Feed => {
                found.push(Found { is_first: at == 0 || !is_named, ..feed });
                if !is_named {
                    break;
                }
            }
            Err(why) if is_named && tried == 1 => return Err(why),
            Ok(_) | Err(_) => {}
        }
    }
    if found.is_empty() {
        bail!(if is_named {
            format!("{} names feeds, and none of them can be read: give the feed's own address", page.feed)
        } else {
            format!(
                "{} is a page that names no feed, and none of {tried} usual addresses has one: give the feed's own address",
                page.feed
            )
        });
    }
    Ok(found)
}

/// The feed to follow: asked on a terminal when there are several, else the first.
pub(super) fn choose(mut found: Vec<Found>, out: &mut Out) -> anyhow::Result<Found> {
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    out.line(format!("there are {} feeds:", found.len()))?;
    for (at, feed) in found.iter().enumerate() {
        let Document { title, entries, .. } = &feed.reading.document;
        let newest = entries.first().map(|entry| format!(", newest: {}", entry.title)).unwrap_or_default();
        out.line(format!("  {}  {}  {}{newest}", at + 1, feed.feed, title.as_deref().unwrap_or_default()))?;
    }
    let mut number = 1;
    if std::io::stdin().is_terminal() {
        let mut terminal = std::io::stderr();
        write!(terminal, "Which one? [1] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !answer.trim().is_empty() {
            number = answer.trim().parse().unwrap_or(0);
        }
    }
    if !(1..=found.len()).contains(&number) {
        return Err(Usage("there is no such feed; nothing was added".to_owned()).into());
    }
    Ok(found.swap_remove(number - 1))
}

async fn fetch(client: &Client, url: &HttpUrl, platforms: &Platforms) -> anyhow::Result<Found> {
    let fetched = match client.fetch(Request { url, etag: None, last_modified: None }).await? {
        Outcome::Fresh(fetched) => fetched,
        Outcome::NotModified { .. } => bail!("{url} answered 304 Not Modified without being asked"),
        Outcome::Gone => bail!("{url} answered 410 Gone: there is no such feed any more"),
    };
    let input = Input {
        bytes: &fetched.bytes,
        content_type: fetched.content_type.as_deref(),
        base: Some(&fetched.final_url),
        platforms,
    };
    let reading = read(&input).with_context(|| format!("{url} cannot be read"))?;
    Ok(Found { reading, bytes: fetched.bytes.len(), feed: fetched.final_url, is_first: true })
}

pub(super) fn tell(found: &Found, config: &Config, out: &mut Out) -> anyhow::Result<()> {
    let Document { title, language, entries, .. } = &found.reading.document;
    out.facts(&[
        ("feed", found.feed.to_string()),
        ("title", title.clone().unwrap_or_default()),
        ("language", language.clone().unwrap_or_default()),
        ("entries", format!("{} in {} kB", count(entries.len(), "entry", "entries"), found.bytes.div_ceil(1000))),
    ])?;
    for entry in entries.iter().take(5) {
        let date = entry.published.or(entry.updated).map(|at| local(config.site.timezone, at)).unwrap_or_default();
        out.line(format!("  {}  {date}", if entry.title.is_empty() { "(no title)" } else { &entry.title }))?;
    }
    Ok(())
}
