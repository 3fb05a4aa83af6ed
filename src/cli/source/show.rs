//! What is known of the sources: what is followed, whether it can be read and
//! since when not, and what to do about it.

use super::configured;
use crate::cli::output::{Out, count};
use crate::cli::post::in_words;
use crate::cli::read::wishes;
use crate::cli::setting::local;
use crate::cli::{Json, Setting};
use crate::domain::slug::Slug;
use crate::domain::source::{Identity, Seed, Source, SourceState};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::store::{PostFilter, SourceRow, Stored};
use serde::Serialize;

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

/// A source in full.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    line: Line<'a>,
    adaptive: bool,
    identity: Identity,
    link: Option<&'a str>,
    language: Option<&'a str>,
    /// What its feed asks of those who poll it, in words.
    asks: Vec<String>,
    /// Its filter, as it stands in the configuration.
    filter: Option<String>,
    newsletters: Vec<&'a Slug>,
    last_post_at: Option<Timestamp>,
    held: u64,
    filtered: u64,
    /// What a person can do about its state.
    advice: Option<String>,
}

impl<'a> Line<'a> {
    fn new(source: &'a Source, row: Option<&'a SourceRow>) -> Self {
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

    /// What a person can do about its state; `None` when nothing need be done.
    fn advice(&self) -> Option<String> {
        let name = self.name;
        match self.state {
            "broken" => Some(format!(
                "the page has changed: compare `syndicated read --list --source {name} {}` with it, and mend the selectors",
                self.url
            )),
            "failing" => Some(format!("it is tried again by itself; `syndicated poll {name}` tries it now")),
            "repaired" => Some("it is read nevertheless; its publisher could mend it".to_owned()),
            "paused" => Some(format!("it was paused by hand: `syndicated source resume {name}` sets it going again")),
            "gone" => Some(format!(
                "it is not asked again: give its new address in the configuration, or run `syndicated source resume {name}` if it is back"
            )),
            _ if self.polled_at.is_none() => {
                Some(format!("it was not polled yet: start the daemon, or run `syndicated poll {name}`"))
            }
            _ => None,
        }
    }
}

/// What is stored of a source. One that the daemon has not seen yet has no row; a
/// changed address has a stale one.
fn row<'a>(source: &Source, rows: &'a [SourceRow]) -> Option<&'a SourceRow> {
    rows.iter().find(|row| row.name == source.name && row.url == source.url.as_str())
}

pub(super) async fn list(json: Json, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let rows = store.source_rows().await?;
    let lines: Vec<_> = config.sources.iter().map(|source| Line::new(source, row(source, &rows))).collect();
    if json.json {
        return Ok(out.json(&lines)?);
    }
    let zone = config.site.timezone;
    let shown = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| local(zone, at));
    let table: Vec<_> = lines
        .iter()
        .map(|line| {
            let since = line.failing_since.map(|at| format!("since {}: ", local(zone, at))).unwrap_or_default();
            [
                line.name.to_string(),
                line.state.to_owned(),
                line.posts.to_string(),
                shown(line.polled_at),
                shown(line.next_poll_at),
                since + line.trouble.or(line.repaired).or(line.title).unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["NAME", "STATE", "POSTS", "POLLED", "NEXT", "TITLE OR TROUBLE"];
    Ok(out.table(head, &table, "no source is configured: add one with `syndicated source add URL`")?)
}

pub(super) async fn show(name: &Slug, json: Json, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let source = configured(&config, name)?;
    let rows = store.source_rows().await?;
    let row = row(source, &rows);
    let Stored { held, filtered, last_at } = match row {
        Some(row) => store.stored(row.id).await?,
        None => Stored::default(),
    };
    let line = Line::new(source, row);
    let whole = Whole {
        adaptive: source.adaptive,
        identity: row.map(|row| row.identity).unwrap_or_default(),
        link: row.and_then(|row| row.link.as_deref()),
        language: row.and_then(|row| row.language.as_deref()),
        asks: row.map(|row| wishes(&row.pace)).unwrap_or_default(),
        filter: Some(source.filter.to_string()).filter(|filter| !filter.is_empty()),
        newsletters: config.newsletters.iter().filter(|letter| letter.takes(name)).map(|letter| &letter.name).collect(),
        last_post_at: last_at,
        held,
        filtered,
        advice: line.advice(),
        line,
    };
    if json.json {
        return Ok(out.json(&whole)?);
    }
    let shown = |at: Option<Timestamp>| at.map(|at| local(config.site.timezone, at)).unwrap_or_default();
    out.facts(&facts(&whole, source.seed, shown))?;
    let filter = PostFilter { source: Some(name.clone()), limit: 5, ..PostFilter::default() };
    let posts = store.post_list(&filter).await?;
    if !posts.is_empty() {
        out.line("")?;
        let table: Vec<_> = posts
            .iter()
            .map(|post| [post.id.to_string(), shown(Some(post.date())), post.entry.title.clone()])
            .collect();
        out.table(["ID", "DATE", "TITLE"], &table, "")?;
    }
    Ok(())
}

fn facts(whole: &Whole<'_>, seed: Seed, shown: impl Fn(Option<Timestamp>) -> String) -> Vec<(&'static str, String)> {
    let Whole { line, .. } = whole;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let kept_back = |number: u64, what: &str, list: &str| match number {
        0 => String::new(),
        some => format!("{some} {what}; see `syndicated post list --source {} {list}`", line.name),
    };
    let polls = count(usize::try_from(line.failures).unwrap_or(usize::MAX), "poll", "polls");
    vec![
        ("name", line.name.to_string()),
        ("title", text(line.title)),
        ("language", text(whole.language)),
        ("kind", line.kind.to_owned()),
        ("address", line.url.to_string()),
        ("feed", text(line.feed_url)),
        ("site", text(whole.link)),
        (
            "schedule",
            line.schedule.clone()
                + if whole.adaptive { ", adaptive: it leaves out slots while the blog posts more rarely" } else { "" },
        ),
        ("identity", in_words(whole.identity).to_owned()),
        ("pace", whole.asks.join("; ")),
        ("filter", whole.filter.clone().unwrap_or_default()),
        (
            "seed",
            match seed {
                Seed::None => "none of what was there first is mailed".to_owned(),
                Seed::Newest(posts) => format!("the newest {posts} of what was there first may be mailed"),
            },
        ),
        ("newsletters", whole.newsletters.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")),
        (
            "state",
            whole.advice.as_ref().map_or_else(|| line.state.to_owned(), |todo| format!("{}: {todo}", line.state)),
        ),
        ("last error", text(line.trouble)),
        (
            "failing since",
            line.failing_since.map_or_else(String::new, |at| format!("{}, {polls} in a row", shown(Some(at)))),
        ),
        ("repaired", text(line.repaired)),
        ("last poll", shown(line.polled_at)),
        ("last success", shown(line.ok_at)),
        (if line.failures > 0 { "next try" } else { "next poll" }, shown(line.next_poll_at)),
        ("pushed until", shown(line.pushed_until)),
        ("posts", line.posts.to_string()),
        ("last post", shown(whole.last_post_at)),
        ("held", kept_back(whole.held, "kept back", "--standing held")),
        ("filtered", kept_back(whole.filtered, "by the filter", "--filtered")),
    ]
}
