//! `feed`: print a feed as it would be served, or how hubs are told of changes.

use super::ending::Usage;
use super::output::count;
use super::setting::local;
use super::{Out, Setting};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::label::{LabelKey, LabelKind};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::flow::publish::{FeedKey, FeedOf, Publisher};
use crate::publish::Format;
use crate::render::Renderer;
use crate::store::Store;
use arc_swap::ArcSwap;
use clap::Args;
use serde::Serialize;
use std::sync::Arc;

/// `feed [NEWSLETTER] --format FORMAT`.
#[derive(Debug, Args)]
pub struct Feed {
    /// A newsletter; the whole site when nothing is named.
    newsletter: Option<Slug>,
    /// The feed of a source.
    #[arg(long, group = "of", conflicts_with = "newsletter")]
    source: Option<Slug>,
    /// The feed of a tag.
    #[arg(long, group = "of", conflicts_with = "newsletter")]
    tag: Option<String>,
    /// The feed of an author.
    #[arg(long, group = "of", conflicts_with = "newsletter")]
    author: Option<String>,
    /// The feed of a language, such as ko.
    #[arg(long, group = "of", conflicts_with = "newsletter")]
    language: Option<String>,
    /// rss, atom or json.
    #[arg(long, short, default_value = "rss")]
    format: Format,
    /// Only the beginnings of posts.
    #[arg(long)]
    summaries: bool,
    /// A document of its archive, from 1, the oldest.
    #[arg(long)]
    page: Option<u32>,
    /// Show the hubs that are told when a feed has changed, and how that goes.
    #[arg(long, conflicts_with_all = ["newsletter", "of", "page", "summaries", "format"])]
    hubs: bool,
    /// The same as JSON.
    #[arg(long, requires = "hubs")]
    json: bool,
}

/// A hub, and how it goes with it.
#[derive(Serialize)]
struct HubLine {
    hub: String,
    told_at: Option<Timestamp>,
    /// Of how many feeds it is still to be told, and when.
    waiting: u64,
    next_at: Option<Timestamp>,
    trouble: Option<String>,
}

async fn hubs(config: &Config, store: &Store, json: bool, out: &mut Out) -> anyhow::Result<()> {
    let known = store.told_hubs().await?;
    let lines = config.feeds.hubs.iter().map(|hub| {
        let known = known.iter().find(|known| known.hub == hub.as_str());
        let waiting = known.map_or(0, |known| known.waiting);
        HubLine {
            hub: hub.to_string(),
            told_at: known.and_then(|known| known.told_at),
            waiting,
            next_at: known.filter(|_| waiting > 0).map(|known| known.next_at),
            trouble: known.and_then(|known| known.trouble.clone()),
        }
    });
    let lines: Vec<HubLine> = lines.collect();
    if json {
        return Ok(out.json(&lines)?);
    }
    let shown = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| local(config.site.timezone, at));
    let rows: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let waiting = match usize::try_from(line.waiting).unwrap_or(usize::MAX) {
                0 => "nothing".to_owned(),
                feeds => count(feeds, "feed", "feeds"),
            };
            [line.hub, shown(line.told_at), waiting, shown(line.next_at), line.trouble.unwrap_or_default()]
        })
        .collect();
    let head = ["HUB", "LAST TOLD", "TO BE TOLD", "NEXT", "TROUBLE"];
    Ok(out.table(head, &rows, "no hub is told of changes: name one as `hubs` in [feeds]")?)
}

pub(super) async fn run(feed: Feed, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    if feed.hubs {
        return hubs(&config, &store, feed.json, out).await;
    }
    let missing = |what: &str| Usage(format!("there is no {what} in {}", setting.path.display()));
    let label = |kind, name: &str| {
        let key = LabelKey::of(name).ok_or_else(|| Usage(format!("`{name}` names nothing")))?;
        Ok::<_, Usage>(FeedOf::Label(kind, key))
    };
    let of = match &feed {
        Feed { source: Some(name), .. } => {
            config.source(name).ok_or_else(|| missing(&format!("source `{name}`")))?;
            FeedOf::Source(name.clone())
        }
        Feed { tag: Some(name), .. } => label(LabelKind::Tag, name)?,
        Feed { author: Some(name), .. } => label(LabelKind::Author, name)?,
        Feed { language: Some(name), .. } => label(LabelKind::Language, name)?,
        Feed { newsletter: Some(name), .. } => {
            config.newsletter(name.as_str()).ok_or_else(|| missing(&format!("newsletter `{name}`")))?;
            FeedOf::Newsletter(name.clone())
        }
        Feed { newsletter: None, .. } => FeedOf::Site,
    };
    let key = FeedKey { of, format: feed.format, full: !feed.summaries, page: feed.page };
    let renderer = Arc::new(Renderer::tried(config.site.templates.as_deref())?);
    let publisher = Publisher::new(store, Arc::new(ArcSwap::from_pointee(config)), renderer, Clock::system());
    let text = publisher.text(&key).await?;
    // What is configured is there; a page, or a word that posts carry, may not be.
    let text = text.ok_or_else(|| Usage(format!("no post stands in {}", key.of.path())))?;
    Ok(out.text(&text)?)
}
