//! `publish`: the whole site as files.

use super::ending::Usage;
use super::output::{Out, count};
use super::{Json, Setting};
use crate::clock::Clock;
use crate::flow::publish::{ExportError, Publisher};
use crate::render::Renderer;
use arc_swap::ArcSwap;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

/// `publish DIR`.
#[derive(Debug, Args)]
pub struct Publish {
    /// An empty folder, a new one, or one that was published into before.
    folder: PathBuf,
    /// Render everything, not only what changed since the last time.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(publish: Publish, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let renderer = Arc::new(Renderer::tried(config.site.templates.as_deref())?);
    let publisher = Publisher::new(store, Arc::new(ArcSwap::from_pointee(config)), renderer, Clock::system());
    let done = publisher.export(&publish.folder, publish.all).await.map_err(|error| match error {
        ExportError::Occupied(_) => anyhow::Error::from(Usage(error.to_string())),
        error => error.into(),
    })?;
    if publish.json.json {
        return Ok(out.json(&done)?);
    }
    Ok(out.line(format!(
        "{} written, {} rendered and the same, {} not concerned, {} removed: {}",
        count(usize::try_from(done.written).unwrap_or(usize::MAX), "file", "files"),
        done.unchanged,
        done.kept,
        done.removed,
        publish.folder.display()
    ))?)
}
