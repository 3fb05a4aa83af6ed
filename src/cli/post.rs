//! `post …`: what is stored, and what became of each post: why it was mailed or
//! not, to whom, and where that stands.

use super::ending::Usage;
use super::output::{Out, count};
use super::setting::local;
use super::{Json, Setting};
use crate::config::Config;
use crate::domain::delivery::DeliveryState;
use crate::domain::digest::{Balance, Digest, DigestState};
use crate::domain::id::{DigestId, PostId};
use crate::domain::newsletter::{Cadence, Newsletter, Rhythm};
use crate::domain::post::{Post as Stored, Standing};
use crate::domain::slug::Slug;
use crate::domain::span;
use crate::domain::time::Timestamp;
use crate::store::{PassedOver, PostFilter, Store};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

/// `post …`.
#[derive(Debug, Subcommand)]
pub enum Post {
    /// List posts, newest first.
    List(List),
    /// Show a post: why it was or was not mailed, to whom, and where it stands.
    Show {
        /// Its number.
        id: i64,
        #[command(flatten)]
        json: Json,
    },
    /// Let out a post that the flood guard holds or its source's filter hides: mail it with the next digest.
    Release {
        /// Its number.
        id: i64,
        /// Only let it stand in the feeds.
        #[arg(long)]
        unmailed: bool,
    },
}

/// `post list`.
#[derive(Debug, Args)]
pub struct List {
    /// Of this source only.
    #[arg(long, value_name = "NAME")]
    source: Option<Slug>,
    /// Only those that are `live`, `seed` or `held`.
    #[arg(long)]
    standing: Option<Standing>,
    /// Only those that their source's filter hides.
    #[arg(long)]
    filtered: bool,
    /// At most so many.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Post, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Post::List(list) => self::list(list, setting, out).await,
        Post::Show { id, json } => show(PostId(id), json, setting, out).await,
        Post::Release { id, unmailed } => release(PostId(id), unmailed, setting, out).await,
    }
}

async fn list(list: List, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let filter =
        PostFilter { source: list.source, standing: list.standing, filtered: list.filtered, limit: list.limit };
    let posts = store.post_list(&filter).await?;
    if list.json.json {
        return Ok(out.json(&posts.iter().map(as_json).collect::<Vec<_>>())?);
    }
    let rows: Vec<_> = posts
        .iter()
        .map(|post| {
            [
                post.id.to_string(),
                local(config.site.timezone, post.date()),
                post.source_name.to_string(),
                if post.filtered_by.is_some() { "filtered" } else { post.standing.as_str() }.to_owned(),
                titled(post),
            ]
        })
        .collect();
    Ok(out.table(["ID", "DATE", "SOURCE", "STANDING", "TITLE"], &rows, "no posts are stored")?)
}

fn as_json(post: &Stored) -> serde_json::Value {
    json!({
        "id": post.id, "source": post.source_name, "title": post.entry.title, "url": post.entry.url,
        "authors": post.entry.authors, "date": post.date(), "published": post.entry.published,
        "first_seen": post.first_seen, "changed": post.changed, "standing": post.standing,
        "filtered": post.filtered_by, "also_at": post.entry.also_at,
    })
}

/// What became of a post at one cadence of one newsletter.
#[derive(Serialize)]
struct Fate {
    newsletter: Slug,
    cadence: Slug,
    digest: Option<DigestId>,
    /// In one sentence.
    why: String,
    balance: Option<Balance>,
    deliveries: Vec<Line>,
}

/// One reader's copy.
#[derive(Serialize)]
struct Line {
    to: String,
    state: DeliveryState,
    attempts: u32,
    reply: Option<String>,
    settled_at: Option<Timestamp>,
}

async fn show(id: PostId, json: Json, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let post = store.post(id).await?.ok_or_else(|| unknown(id))?;
    let fates = fates(&store, &config, &post, setting.clock.now()).await?;
    let versions = store.post_versions(id).await?;
    if json.json {
        let mut shown = as_json(&post);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("earlier_versions".to_owned(), versions.into());
            fields.insert("mailed".to_owned(), serde_json::to_value(&fates)?);
        }
        return Ok(out.json(&shown)?);
    }
    let at = |at: Timestamp| local(config.site.timezone, at);
    let changes = if versions == 0 { String::new() } else { format!(" (earlier versions kept: {versions})") };
    let places = post.entry.also_at.iter().map(|place| match &place.url {
        Some(url) => format!("{} <{url}>", place.name),
        None => place.name.clone(),
    });
    out.facts(&[
        ("post", post.id.to_string()),
        ("title", titled(&post)),
        ("address", post.entry.url.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("authors", post.entry.authors.join(", ")),
        ("source", post.source_name.to_string()),
        ("also at", places.collect::<Vec<_>>().join(", ")),
        ("published", post.entry.published.map(at).unwrap_or_default()),
        ("first seen", at(post.first_seen)),
        ("changed", format!("{}{changes}", at(post.changed))),
        ("standing", standing(&post)),
    ])?;
    if fates.is_empty() {
        out.line("")?;
        out.line("No newsletter with a cadence takes this source, so that nobody is mailed.")?;
    }
    for fate in &fates {
        out.line("")?;
        out.line(format!("{} / {}: {}", fate.newsletter, fate.cadence, fate.why))?;
        let rows: Vec<_> = fate
            .deliveries
            .iter()
            .map(|line| {
                let settled = line.settled_at.map(at).unwrap_or_default();
                let reply = line.reply.clone().unwrap_or_default();
                [format!("  {}", line.to), line.state.as_str().to_owned(), line.attempts.to_string(), settled, reply]
            })
            .collect();
        if !rows.is_empty() {
            out.table(["  TO", "STATE", "TRIES", "SETTLED", "REPLY"], &rows, "")?;
        }
        if let Some(balance) = fate.balance.filter(|balance| balance.recipients > rows.len() as u64) {
            out.line(format!("  … and {} more; see `syndicated digest show`", balance.recipients - rows.len() as u64))?;
        }
    }
    Ok(())
}

/// So many readers of a digest are named.
const NAMED: u32 = 20;

async fn fates(store: &Store, config: &Config, post: &Stored, now: Timestamp) -> anyhow::Result<Vec<Fate>> {
    let digests = store.digests_of_post(post.id).await?;
    let passed = store.passed_over(post.id).await?;
    let mut fates = Vec::new();
    for digest in &digests {
        let balance = store.balance(digest.id).await?;
        let deliveries = store.deliveries(digest.id, None, NAMED).await?;
        fates.push(Fate {
            newsletter: digest.edition.newsletter.clone(),
            cadence: digest.edition.cadence.clone(),
            digest: Some(digest.id),
            why: sent_with(digest, &balance, config),
            balance: Some(balance),
            deliveries: deliveries
                .into_iter()
                .map(|row| Line {
                    to: row.to,
                    state: row.state,
                    attempts: row.attempts,
                    reply: row.reply,
                    settled_at: row.settled_at,
                })
                .collect(),
        });
    }
    for newsletter in config.newsletters.iter().filter(|newsletter| newsletter.takes(&post.source_name)) {
        for cadence in &newsletter.cadences {
            let done = digests
                .iter()
                .any(|digest| digest.edition.newsletter == newsletter.name && digest.edition.cadence == cadence.name);
            if !done {
                let since =
                    store.cadence_progress(&newsletter.name, &cadence.name).await?.map(|progress| progress.since);
                let passed =
                    passed.iter().find(|passed| passed.newsletter == newsletter.name && passed.cadence == cadence.name);
                fates.push(Fate {
                    newsletter: newsletter.name.clone(),
                    cadence: cadence.name.clone(),
                    digest: None,
                    why: match passed {
                        Some(PassedOver { reason, at, .. }) => format!(
                            "not mailed: filtered out by `{reason}` of the newsletter {}, decided at {}",
                            newsletter.name,
                            local(config.site.timezone, *at)
                        ),
                        None => not_yet(newsletter, cadence, since, post, config, now),
                    },
                    balance: None,
                    deliveries: Vec::new(),
                });
            }
        }
    }
    Ok(fates)
}

fn sent_with(digest: &Digest, balance: &Balance, config: &Config) -> String {
    let when = local(config.site.timezone, digest.frozen_at);
    let readers = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "reader", "readers");
    let open = balance.pending + balance.attempting + balance.deferred + balance.unknown;
    let state = match digest.state {
        DigestState::Sending => format!("being sent, {} to go", readers(open)),
        DigestState::Paused => format!("paused, {} to go; see `digest show {}`", readers(open), digest.id),
        DigestState::Review => format!("waiting for `digest approve {}`", digest.id),
        DigestState::Cancelled => "called off".to_owned(),
        DigestState::Done | DigestState::Empty | DigestState::Missed | DigestState::Few => "done".to_owned(),
    };
    let mut parts = vec![format!("sent to {} of {}", balance.sent, readers(balance.recipients))];
    for (number, what) in [
        (balance.bounced, "bounced"),
        (balance.suppressed, "no longer wanted"),
        (balance.expired, "expired"),
        (balance.unknown, "in doubt"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    format!("in digest {} of {when}, {state}: {}", digest.id, parts.join(", "))
}

/// Why a post stands in no digest of this cadence.
fn not_yet(
    newsletter: &Newsletter,
    cadence: &Cadence,
    since: Option<Timestamp>,
    post: &Stored,
    config: &Config,
    now: Timestamp,
) -> String {
    let at = |at: Timestamp| local(config.site.timezone, at);
    match (post.standing, &post.filtered_by) {
        (Standing::Seed, _) => return "not mailed, because it was there before the source was first polled".to_owned(),
        (Standing::Held, _) => {
            return format!("not mailed: the flood guard holds it; `syndicated post release {}` lets it go", post.id);
        }
        (Standing::Live, Some(reason)) => {
            return format!(
                "not mailed: filtered out by `{reason}` of the source {}; `syndicated post release {}` lets it go",
                post.source_name, post.id
            );
        }
        (Standing::Live, None) => {}
    }
    let Some(since) = since else {
        return "not mailed yet: the daemon has not run since this cadence was configured".to_owned();
    };
    if post.first_seen < since {
        return format!("not mailed, because the cadence was configured later, at {}", at(since));
    }
    if let Some(reason) = post.left_out_by(&newsletter.filter) {
        return format!("will not be mailed: filtered out by `{reason}` of the newsletter {}", newsletter.name);
    }
    let settled = post.changed.plus(newsletter.settle).min(post.first_seen.plus(newsletter.settle_max));
    let unsettled = settled > now;
    let settling = if unsettled {
        format!("it settles until {} (settle = {}), and ", at(settled), span::show(newsletter.settle))
    } else {
        String::new()
    };
    match &cadence.rhythm {
        Rhythm::Instant if unsettled => format!("not mailed yet: it settles until {}, then it goes out", at(settled)),
        Rhythm::Instant => "not mailed yet: it goes out within a minute, while the daemon runs".to_owned(),
        Rhythm::Slots(schedule) => match schedule.next_after(settled.max(now)) {
            Some(slot) => format!("not mailed yet: {settling}its digest goes out at {}", schedule.local(slot.due)),
            None => "not mailed: the cadence has no slot left".to_owned(),
        },
    }
}

async fn release(id: PostId, unmailed: bool, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (_, store) = setting.open().await?;
    let post = store.post(id).await?.ok_or_else(|| unknown(id))?;
    let standing = if unmailed { Standing::Seed } else { Standing::Live };
    if store.release_post(id, standing, setting.clock.now()).await? {
        let what =
            if unmailed { "it stands in the feeds" } else { "it stands in the feeds and goes into the next digest" };
        Ok(out.line(format!("released `{}`: {what}", titled(&post)))?)
    } else {
        Err(Usage(format!("post {id} is not kept back: it is {}", post.standing.as_str())).into())
    }
}

fn titled(post: &Stored) -> String {
    if post.entry.title.is_empty() { "(no title)".to_owned() } else { post.entry.title.clone() }
}

fn standing(post: &Stored) -> String {
    let standing = match (post.standing, &post.filtered_by) {
        (Standing::Seed, None) => "seed: it was there before the source was first polled",
        (Standing::Live, None) => "live: it may be mailed",
        (Standing::Held, _) => "held by the flood guard",
        (_, Some(reason)) => return format!("filtered: stored, and neither in a feed nor mailed, by `{reason}`"),
    };
    standing.to_owned()
}

fn unknown(id: PostId) -> Usage {
    Usage(format!("there is no post {id}; see `syndicated post list`"))
}
