//! `feed`: print a feed as it would be served.

use super::ending::Usage;
use super::{Out, Setting};
use crate::domain::slug::Slug;
use crate::publish::Format;
use clap::Args;

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
