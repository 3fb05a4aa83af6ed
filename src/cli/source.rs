//! `source …`: what is followed. Adding and removing edit the configuration,
//! which is the truth for what exists; pausing is the database's.

mod list;
mod show;

use super::ending::Usage;
use super::find::{Stands, agree, choose, look, tell};
use super::output::Out;
use super::{Json, Setting};
use crate::config::Config;
use crate::config::edit::{self, NewSource};
use crate::domain::slug::Slug;
use crate::domain::source::{Source as Configured, SourceState};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::store::Store;
use anyhow::Context as _;
use clap::{Args, Subcommand};

/// `source …`.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// List the sources and how their polls go.
    List(Json),
    /// Show one source: what is followed, how it is, and its newest posts.
    Show {
        /// The source.
        name: Slug,
        #[command(flatten)]
        json: Json,
    },
    /// Look at a feed or page, and add it to the configuration.
    Add(Add),
    /// Print the sources as a list for other readers (OPML).
    Export,
    /// Follow all feeds of such a list: a file for each of its folders, beside the configuration.
    Import(list::Import),
    /// Stop polling a source; what it gave stays.
    Pause {
        /// The source.
        name: Slug,
    },
    /// Poll a source again, whatever stopped it.
    Resume {
        /// The source.
        name: Slug,
    },
    /// Take a source out of the configuration; what it gave stays stored.
    Remove {
        /// The source.
        name: Slug,
    },
}

/// `source add URL`.
#[derive(Debug, Args)]
pub struct Add {
    /// A feed, a page that has one, or a page that lists posts.
    url: String,
    /// Its name; found from its title when left out.
    #[arg(long)]
    name: Option<Slug>,
    /// When to look, as a crontab line.
    #[arg(long, value_name = "LINE")]
    schedule: Option<String>,
    /// A newsletter that lists its sources, to list this one too; may be repeated.
    #[arg(long, value_name = "NAME")]
    newsletter: Vec<Slug>,
    /// Follow the page itself, whether or not it has a feed.
    #[arg(long)]
    page: bool,
    /// Add it without looking at it first.
    #[arg(long)]
    no_fetch: bool,
}

pub(super) async fn run(command: Source, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Source::List(json) => show::list(json, setting, out).await,
        Source::Show { name, json } => show::show(&name, json, setting, out).await,
        Source::Add(add) => self::add(add, setting, out).await,
        Source::Export => list::export(setting, out).await,
        Source::Import(import) => list::import(import, setting, out).await,
        Source::Pause { name } => set(&name, SourceState::Paused, setting, out).await,
        Source::Resume { name } => set(&name, SourceState::Active, setting, out).await,
        Source::Remove { name } => remove(&name, setting, out),
    }
}

async fn add(add: Add, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let config = setting.config()?;
    // "blog.example.com" is what people copy.
    let typed = if add.url.contains("://") { add.url.clone() } else { format!("https://{}", add.url) };
    let url: HttpUrl = typed.parse().map_err(|why: crate::domain::url::BadUrl| Usage(why.to_string()))?;
    let (mut url, mut title, mut page) = (url, None, add.page);
    if !add.no_fetch {
        let found =
            look(&config, &url, add.page, setting).await.context("nothing was added (--no-fetch adds it anyway)")?;
        let chosen = choose(found, &config, out)?;
        tell(&chosen, &config, out)?;
        if !add.page {
            agree(&chosen)?;
        }
        title = chosen.reading.document.title;
        match chosen.stands {
            Stands::First => {}
            Stands::Elsewhere => url = chosen.feed,
            Stands::Listed => page = true,
        }
    }
    let name = match add.name {
        Some(name) => name,
        None => free_name(&config, &url, title.as_deref())
            .ok_or_else(|| Usage("no name can be made of this address: give one with --name".to_owned()))?,
    };
    let new = NewSource { name, url, page, schedule: add.schedule, newsletters: add.newsletter };
    edit::add_source(&setting.path, &new, &setting.environment, &setting.chance)?;
    out.line(format!("added source `{}` to {}", new.name, setting.path.display()))?;
    let unaware: Vec<_> = config
        .newsletters
        .iter()
        .filter(|newsletter| newsletter.sources.is_some() && !new.newsletters.contains(&newsletter.name))
        .map(|newsletter| format!("`{}`", newsletter.name))
        .collect();
    if !unaware.is_empty() {
        out.line(format!("not listed by {}: add it to their `sources` to mail it there", unaware.join(", ")))?;
    }
    Ok(out.line(RELOAD)?)
}

const RELOAD: &str = "a running daemon takes it on reload: systemctl reload syndicated, or kill -HUP";

/// A name that is still free: of the title where it is in Latin letters, else of the host.
fn free_name(config: &Config, url: &HttpUrl, title: Option<&str>) -> Option<Slug> {
    let latin = title.filter(|title| title.is_ascii() && title.len() <= 40).and_then(Slug::suggest);
    let host = url.host().trim_start_matches("www.");
    let first = latin.or_else(|| Slug::suggest(host))?;
    (1..100)
        .filter_map(|number| if number == 1 { Some(first.clone()) } else { format!("{first}-{number}").parse().ok() })
        .find(|name| config.source(name).is_none())
}

async fn set(name: &Slug, state: SourceState, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    configured(&config, name)?;
    set_state(&store, &config, name, state, setting.clock.now()).await?;
    let _: () = match state {
        SourceState::Active => out.line(format!("source `{name}` is polled again, first within a minute"))?,
        _ => out.line(format!("source `{name}` is paused until `syndicated source resume {name}`"))?,
    };
    Ok(())
}

async fn set_state(
    store: &Store,
    config: &Config,
    name: &Slug,
    state: SourceState,
    now: Timestamp,
) -> anyhow::Result<()> {
    if !store.set_source_state(name, state, now).await? {
        // The daemon has not seen it yet.
        store.sync_sources(&config.sources, now).await?;
        store.set_source_state(name, state, now).await?;
    }
    Ok(())
}

fn remove(name: &Slug, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let file = edit::remove_source(&setting.path, name, &setting.environment, &setting.chance)?;
    out.line(format!("removed source `{name}` from {}; its posts stay stored", file.display()))?;
    Ok(out.line(RELOAD)?)
}

fn configured<'a>(config: &'a Config, name: &Slug) -> Result<&'a Configured, Usage> {
    config.source(name).ok_or_else(|| Usage(format!("there is no source `{name}`; see `syndicated source list`")))
}
