//! What stands at an address that somebody wants to follow: a feed, a page with
//! feeds to choose from, or a page without any that lists posts.

use super::Setting;
use super::ending::Usage;
use super::output::{Out, count};
use super::setting::local;
use crate::config::{Config, Fetch};
use crate::domain::platform::Platforms;
use crate::domain::post::{Document, DocumentKind, Entry};
use crate::domain::source::ListRules;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Fetched, Names, Outcome, Request};
use crate::read::{Input, Reading, listing, read};
use anyhow::{Context as _, bail};
use std::cmp::Reverse;
use std::io::{IsTerminal as _, Write as _};

/// What stands at an address.
pub(super) struct Found {
    pub(super) reading: Reading,
    pub(super) feed: HttpUrl,
    bytes: usize,
    pub(super) stands: Stands,
}

/// Where posts stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// In the feed to which a poll of the address itself comes.
    First,
    /// In another feed.
    Elsewhere,
    /// On the page, which has no feed.
    Listed,
}

/// So many of a page's feeds are looked at.
const MOST_FEEDS: usize = 5;

/// Fetches the address, and the feeds that it names, or may have, when it is a
/// page; without any, or when the page itself is wanted, what it lists.
pub(super) async fn look(config: &Config, url: &HttpUrl, list: bool, setting: &Setting) -> anyhow::Result<Vec<Found>> {
    // Large or slow documents are refused here as they would be by the daemon.
    let limits = Fetch { concurrency: 1, ..config.fetch.clone() };
    let client = Client::new(&limits, &config.site.base_url, Names::system(), setting.clock.clone())?;
    if list {
        return Ok(vec![fetch_list(&client, url, &config.platforms).await?]);
    }
    let page = fetch(&client, url, &config.platforms).await?;
    if page.reading.document.kind == DocumentKind::Feed {
        return Ok(vec![page]);
    }
    let Reading { feeds, guesses, .. } = page.reading;
    let (named, tried) = (feeds.len(), guesses.len());
    let mut found: Vec<Found> = Vec::new();
    let mut refused = None;
    for (at, place) in feeds.iter().map(|link| &link.url).take(MOST_FEEDS).enumerate() {
        match feed_at(&client, place, &config.platforms).await {
            Ok(feed) => {
                let stands = if at == 0 { Stands::First } else { Stands::Elsewhere };
                found.push(Found { stands, ..feed });
            }
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    // One without posts is seldom the one that is meant.
    found.sort_by_key(|feed| feed.reading.document.entries.is_empty());
    for place in guesses.iter().filter(|_| found.is_empty()) {
        if let Ok(feed) = feed_at(&client, place, &config.platforms).await {
            let stands = if named == 0 { Stands::First } else { Stands::Elsewhere };
            found.push(Found { stands, ..feed });
            break;
        }
    }
    if found.is_empty() {
        let nowhere = if named == 0 {
            format!("is a page that names no feed, and none of {tried} usual addresses has one")
        } else {
            "names feeds, and none of them can be read".to_owned()
        };
        let listed = fetch_list(&client, url, &config.platforms).await.map_err(|why| refused.unwrap_or(why));
        found.push(listed.with_context(|| format!("{} {nowhere}: give the feed's own address", page.feed))?);
    }
    Ok(found)
}

/// Fetches what must be a feed.
async fn feed_at(client: &Client, url: &HttpUrl, platforms: &Platforms) -> anyhow::Result<Found> {
    let found = fetch(client, url, platforms).await?;
    if found.reading.document.kind != DocumentKind::Feed {
        bail!("{url} is a page, and no feed");
    }
    Ok(found)
}

/// Fetches a page for the posts that it lists, as its host's robots.txt allows.
async fn fetch_list(client: &Client, url: &HttpUrl, platforms: &Platforms) -> anyhow::Result<Found> {
    let fetched = fresh(client.fetch_page(Request { url, etag: None, last_modified: None }).await?, url)?;
    let reading = listing(&input(&fetched, platforms), &ListRules::default())?;
    let stands = if reading.document.kind == DocumentKind::Feed { Stands::First } else { Stands::Listed };
    Ok(Found { reading, bytes: fetched.bytes.len(), feed: fetched.final_url, stands })
}

/// The feed to follow: asked on a terminal when there are several, else the first.
pub(super) fn choose(mut found: Vec<Found>, config: &Config, out: &mut Out) -> anyhow::Result<Found> {
    if found.len() == 1 {
        let found = found.remove(0);
        if found.stands == Stands::Listed {
            out.line("there is no feed; these posts stand on the page itself, which can be followed")?;
        }
        return Ok(found);
    }
    out.line(format!("there are {} feeds:", found.len()))?;
    for (at, feed) in found.iter().enumerate() {
        let Document { title, entries, .. } = &feed.reading.document;
        let title = title.as_deref().unwrap_or_default();
        out.line(format!("  {}  {}  {title}, {}", at + 1, feed.feed, count(entries.len(), "entry", "entries")))?;
        for (at, entry) in newest(entries, 3).enumerate() {
            out.line(format!("       {}{}", if at == 0 { "newest: " } else { "" }, line_of(entry, config)))?;
        }
    }
    let answer = ask("Which one? [1] ")?;
    let number = if answer.is_empty() { 1 } else { answer.parse().unwrap_or(0) };
    if !(1..=found.len()).contains(&number) {
        return Err(Usage("there is no such feed; nothing was added".to_owned()).into());
    }
    Ok(found.swap_remove(number - 1))
}

/// What is typed at a question; nothing, which takes the best, where nobody can be asked.
fn ask(question: &str) -> anyhow::Result<String> {
    let mut answer = String::new();
    if std::io::stdin().is_terminal() {
        let mut terminal = std::io::stderr();
        write!(terminal, "{question}")?;
        terminal.flush()?;
        std::io::stdin().read_line(&mut answer)?;
    }
    Ok(answer.trim().to_owned())
}

/// Asks whether a page without a feed is to be followed.
pub(super) fn agree(found: &Found) -> anyhow::Result<()> {
    let refuses = |answer: &str| answer.to_lowercase().starts_with('n');
    if found.stands == Stands::Listed && refuses(&ask("Follow the page? [Y/n] ")?) {
        return Err(Usage("nothing was added".to_owned()).into());
    }
    Ok(())
}

async fn fetch(client: &Client, url: &HttpUrl, platforms: &Platforms) -> anyhow::Result<Found> {
    let fetched = fresh(client.fetch(Request { url, etag: None, last_modified: None }).await?, url)?;
    let reading = read(&input(&fetched, platforms)).with_context(|| format!("{url} cannot be read"))?;
    Ok(Found { reading, bytes: fetched.bytes.len(), feed: fetched.final_url, stands: Stands::First })
}

fn fresh(outcome: Outcome, url: &HttpUrl) -> anyhow::Result<Box<Fetched>> {
    match outcome {
        Outcome::Fresh(fetched) => Ok(fetched),
        Outcome::NotModified { .. } => bail!("{url} answered 304 Not Modified without being asked"),
        Outcome::Gone => bail!("{url} answered 410 Gone: there is no such document any more"),
    }
}

fn input<'a>(fetched: &'a Fetched, platforms: &'a Platforms) -> Input<'a> {
    let content_type = fetched.content_type.as_deref();
    Input { bytes: &fetched.bytes, content_type, base: Some(&fetched.final_url), platforms }
}

pub(super) fn tell(found: &Found, config: &Config, out: &mut Out) -> anyhow::Result<()> {
    let Document { title, language, entries, .. } = &found.reading.document;
    out.facts(&[
        (if found.stands == Stands::Listed { "page" } else { "feed" }, found.feed.to_string()),
        ("title", title.clone().unwrap_or_default()),
        ("language", language.clone().unwrap_or_default()),
        ("entries", format!("{} in {} kB", count(entries.len(), "entry", "entries"), found.bytes.div_ceil(1000))),
    ])?;
    for entry in newest(entries, 5) {
        out.line(format!("  {}", line_of(entry, config)))?;
    }
    Ok(())
}

/// The newest posts, as far as they say when they are from.
fn newest(entries: &[Entry], count: usize) -> impl Iterator<Item = &Entry> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| Reverse(entry.published.or(entry.updated)));
    order.into_iter().take(count)
}

/// A post in a line.
fn line_of(entry: &Entry, config: &Config) -> String {
    let date = entry.published.or(entry.updated).map(|at| local(config.site.timezone, at)).unwrap_or_default();
    let title = if entry.title.is_empty() { "(no title)" } else { &entry.title };
    format!("{title}  {date}").trim_end().to_owned()
}
