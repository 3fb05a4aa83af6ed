//! `feed`: print a feed as it would be served.

use super::ending::Usage;
use super::{Out, Setting};
use crate::domain::slug::Slug;
use crate::flow::publish::{FeedKey, FeedKind, Publisher};
use crate::publish::Format;
use arc_swap::ArcSwap;
use clap::Args;
use std::sync::Arc;

/// `feed NEWSLETTER --format FORMAT`.
#[derive(Debug, Args)]
pub struct Feed {
    /// A newsletter; with --source, a source.
    name: Slug,
    /// rss, atom or json.
    #[arg(long, short, default_value = "rss")]
    format: Format,
    /// The feed of a source instead of a newsletter's.
    #[arg(long)]
    source: bool,
}

pub(super) async fn run(feed: Feed, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let (kind, what) = if feed.source { (FeedKind::Source, "source") } else { (FeedKind::Newsletter, "newsletter") };
    let known =
        if feed.source { config.source(&feed.name).is_some() } else { config.newsletter(feed.name.as_str()).is_some() };
    if !known {
        return Err(Usage(format!("there is no {what} `{}` in {}", feed.name, setting.path.display())).into());
    }
    let publisher = Publisher::new(store, Arc::new(ArcSwap::from_pointee(config)));
    let text = publisher.text(&FeedKey { kind, name: feed.name, format: feed.format }).await?;
    Ok(out.text(&text.unwrap_or_default())?)
}
