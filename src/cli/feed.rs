//! `feed`: print a feed as it would be served.

use super::ending::Usage;
use super::{Out, Setting};
use crate::clock::Clock;
use crate::domain::label::{LabelKey, LabelKind};
use crate::domain::slug::Slug;
use crate::flow::publish::{FeedKey, FeedOf, Publisher};
use crate::publish::Format;
use crate::render::Renderer;
use arc_swap::ArcSwap;
use clap::Args;
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
}

pub(super) async fn run(feed: Feed, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
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
