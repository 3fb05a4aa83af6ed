//! `source …`: what is followed. Adding and removing edit the configuration,
//! which is the truth for what exists; pausing is the database's.

use super::ending::Usage;
use super::find::{Stands, agree, choose, look, tell};
use super::output::Out;
use super::setting::local;
use super::{Json, Setting};
use crate::config::Config;
use crate::config::edit::{self, NewSource};
use crate::domain::slug::Slug;
use crate::domain::source::{Seed, Source as Configured, SourceState};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::store::{PostFilter, SourceRow, Store};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;

/// `source …`.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// List the sources and how their polls go.
    List(Json),
    /// Show one source and its newest posts.
    Show {
        /// The source.
        name: Slug,
        #[command(flatten)]
        json: Json,
    },
    /// Look at a feed or page, and add it to the configuration.
    Add(Add),
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
        Source::List(json) => list(json, setting, out).await,
        Source::Show { name, json } => show(&name, json, setting, out).await,
        Source::Add(add) => self::add(add, setting, out).await,
        Source::Pause { name } => set(&name, SourceState::Paused, setting, out).await,
        Source::Resume { name } => set(&name, SourceState::Active, setting, out).await,
        Source::Remove { name } => remove(&name, setting, out),
    }
}

/// A source as it is configured, with what happened to it so far.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a Slug,
    kind: &'static str,
    url: &'a HttpUrl,
    schedule: String,
    state: &'static str,
    title: Option<&'a str>,
    feed_url: Option<&'a str>,
    posts: u64,
    polled_at: Option<Timestamp>,
    ok_at: Option<Timestamp>,
    next_poll_at: Option<Timestamp>,
    failures: u32,
    trouble: Option<&'a str>,
    failing_since: Option<Timestamp>,
    repaired: Option<&'a str>,
    pushed_until: Option<Timestamp>,
}

impl<'a> Line<'a> {
    fn new(source: &'a Configured, rows: &'a [SourceRow]) -> Self {
        // A source that the daemon has not seen yet has no row; a changed address has a stale one.
        let row = rows.iter().find(|row| row.name == source.name && row.url == source.url.as_str());
        let state = row.map_or(SourceState::Active, |row| row.state);
        Self {
            name: &source.name,
            kind: if source.list().is_some() { "page" } else { "feed" },
            url: &source.url,
            schedule: source.schedule.to_string(),
            state: match row {
                Some(row) if row.broken && state == SourceState::Active => "broken",
                Some(row) if row.failures > 0 && state == SourceState::Active => "failing",
                Some(row) if row.repaired.is_some() && state == SourceState::Active => "repaired",
                _ => state.as_str(),
            },
            title: row.and_then(|row| row.title.as_deref()),
            feed_url: row.and_then(|row| row.feed_url.as_deref()),
            posts: row.map_or(0, |row| row.posts),
            polled_at: row.and_then(|row| row.polled_at),
            ok_at: row.and_then(|row| row.ok_at),
            next_poll_at: row.filter(|_| state == SourceState::Active).map(|row| row.next_poll_at),
            failures: row.map_or(0, |row| row.failures),
            trouble: row.and_then(|row| row.trouble.as_deref()),
            failing_since: row.and_then(|row| row.failing_since),
            repaired: row.and_then(|row| row.repaired.as_deref()),
            pushed_until: row.and_then(|row| row.pushed_until),
        }
    }
}

async fn list(json: Json, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let rows = store.source_rows().await?;
    let lines: Vec<_> = config.sources.iter().map(|source| Line::new(source, &rows)).collect();
    if json.json {
        return Ok(out.json(&lines)?);
    }
    let zone = config.site.timezone;
    let shown = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| local(zone, at));
    let table: Vec<_> = lines
        .iter()
        .map(|line| {
            [
                line.name.to_string(),
                line.state.to_owned(),
                line.posts.to_string(),
                shown(line.polled_at),
                shown(line.next_poll_at),
                line.trouble.or(line.repaired).or(line.title).unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    let head = ["NAME", "STATE", "POSTS", "POLLED", "NEXT", "TITLE OR TROUBLE"];
    Ok(out.table(head, &table, "no source is configured: add one with `syndicated source add URL`")?)
}

async fn show(name: &Slug, json: Json, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let source = configured(&config, name)?;
    let rows = store.source_rows().await?;
    let line = Line::new(source, &rows);
    if json.json {
        return Ok(out.json(&line)?);
    }
    let zone = config.site.timezone;
    let shown = |at: Option<Timestamp>| at.map(|at| local(zone, at)).unwrap_or_default();
    let seed = match source.seed {
        Seed::None => "none of what was there first is mailed".to_owned(),
        Seed::Newest(posts) => format!("the newest {posts} of what was there first may be mailed"),
    };
    let takers = config.newsletters.iter().filter(|newsletter| newsletter.takes(name));
    out.facts(&[
        ("name", line.name.to_string()),
        ("title", line.title.unwrap_or_default().to_owned()),
        ("kind", line.kind.to_owned()),
        ("address", line.url.to_string()),
        ("feed", line.feed_url.unwrap_or_default().to_owned()),
        ("schedule", line.schedule.clone()),
        ("seed", seed),
        ("newsletters", takers.map(|newsletter| newsletter.name.as_str()).collect::<Vec<_>>().join(", ")),
        ("state", line.state.to_owned()),
        ("trouble", line.trouble.unwrap_or_default().to_owned()),
        ("since", shown(line.failing_since)),
        ("repaired", line.repaired.unwrap_or_default().to_owned()),
        ("polled", shown(line.polled_at)),
        ("went well", shown(line.ok_at)),
        ("next", shown(line.next_poll_at)),
        ("posts", line.posts.to_string()),
    ])?;
    let filter = PostFilter { source: Some(name.clone()), standing: None, limit: 5 };
    let posts = store.post_list(&filter).await?;
    if !posts.is_empty() {
        out.line("")?;
        let table: Vec<_> = posts
            .iter()
            .map(|post| [post.id.to_string(), local(zone, post.date()), post.entry.title.clone()])
            .collect();
        out.table(["ID", "DATE", "TITLE"], &table, "")?;
    }
    Ok(())
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
        let chosen = choose(found, out)?;
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
