//! `outlet list|posts|test|preview|post|retry|forget`: where posts are published again.

use super::ending::{Said, Usage};
use super::output::Out;
use super::setting::local;
use super::{Json, Setting};
use crate::config::Config;
use crate::domain::id::PostId;
use crate::domain::outlet::{Outcome, Outlet as Configured, Receipt, Share, State};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::flow::crosspost::{ByHand, Crossposter};
use crate::net::{Client, Names};
use crate::render::Renderer;
use crate::store::{HandedOn, OutletRow, Store};
use arc_swap::ArcSwap;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::sync::Arc;

/// `outlet …`.
#[derive(Debug, Subcommand)]
pub enum Outlet {
    /// List outlets, and how it goes with each.
    List(Json),
    /// List what outlets were handed, and what they will be; the latest first.
    Posts(Posts),
    /// Try an outlet without publishing anything.
    Test {
        /// Its name.
        outlet: Slug,
    },
    /// Show exactly what an outlet would be sent of a post.
    Preview {
        /// The post's number.
        post: i64,
        /// The outlet's name.
        outlet: Slug,
        #[command(flatten)]
        json: Json,
    },
    /// Hand a post to an outlet now, whatever its filters and hours say.
    Post(Which),
    /// Try again now what failed, or what is in doubt: of a post, or all of an outlet.
    Retry {
        /// The outlet's name.
        outlet: Slug,
        /// The post's number; all of the outlet when left out.
        post: Option<i64>,
        #[command(flatten)]
        json: Json,
    },
    /// End what is to be done with a post at an outlet: what stands there stays. Without a post: forget an outlet that
    /// is in the configuration no more.
    Forget {
        /// The outlet's name.
        outlet: Slug,
        /// The post's number.
        post: Option<i64>,
    },
}

/// A post and an outlet.
#[derive(Debug, Args)]
pub struct Which {
    /// The outlet's name.
    outlet: Slug,
    /// The post's number.
    post: i64,
    #[command(flatten)]
    json: Json,
}

/// `outlet posts`.
#[derive(Debug, Args)]
pub struct Posts {
    /// Of this outlet only.
    outlet: Option<Slug>,
    /// Of this post only.
    #[arg(long, value_name = "ID")]
    post: Option<i64>,
    /// Only those that are `intent`, `attempting`, `published`, `unknown`, `refused`, `"given up"`, `deleted` or
    /// `"passed over"`.
    #[arg(long)]
    state: Option<State>,
    /// At most so many.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Outlet, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    store.sync_outlets(&config.outlets, setting.clock.now()).await?;
    match command {
        Outlet::List(json) => list(&config, &store, json, out).await,
        Outlet::Posts(which) => posts(&config, &store, which, out).await,
        Outlet::Test { outlet } => {
            let outlet = named(&config, &outlet)?;
            test(crossposter(&config, &store, setting)?.test(outlet).await, out)
        }
        Outlet::Preview { post, outlet, json } => {
            let outlet = named(&config, &outlet)?;
            preview(&crossposter(&config, &store, setting)?, outlet, PostId(post), json, out).await
        }
        Outlet::Post(Which { outlet, post, json }) => {
            let outlet = named(&config, &outlet)?;
            tell(crossposter(&config, &store, setting)?.post_now(outlet, PostId(post)).await?, json, out)
        }
        Outlet::Retry { outlet, post: Some(post), json } => {
            let outlet = named(&config, &outlet)?;
            tell(crossposter(&config, &store, setting)?.retry_now(outlet, PostId(post)).await?, json, out)
        }
        Outlet::Retry { outlet, post: None, json } => {
            let outlet = named(&config, &outlet)?;
            let tried = store.retry_at_outlet(&outlet.name, None, setting.clock.now()).await?;
            if json.json {
                return Ok(out.json(&json!({ "outlet": outlet.name, "retried": tried }))?);
            }
            Ok(out.line(format!("{tried} of {} are tried again by `syndicated run`", outlet.name))?)
        }
        Outlet::Forget { outlet, post: Some(post) } => {
            named(&config, &outlet)?;
            if !store.forget_at_outlet(&outlet, PostId(post), setting.clock.now()).await? {
                return Err(Usage(format!("nothing is to be done with post {post} at {outlet}")).into());
            }
            Ok(out.line(format!("nothing more is done with post {post} at {outlet}; what stands there stays"))?)
        }
        Outlet::Forget { outlet, post: None } => {
            if config.outlet(&outlet).is_some() {
                let why = format!("the outlet {outlet} is in {}: take it out there first", setting.path.display());
                return Err(Usage(why).into());
            }
            if !store.forget_outlet(&outlet).await? {
                return Err(Usage(format!("nothing is known of an outlet {outlet}")).into());
            }
            Ok(out.line(format!("forgot the outlet {outlet} and where posts stand there"))?)
        }
    }
}

fn named<'a>(config: &'a Config, name: &Slug) -> anyhow::Result<&'a Configured> {
    let missing = || Usage(format!("there is no outlet `{name}`; see `syndicated outlet list`"));
    Ok(config.outlet(name).ok_or_else(missing)?)
}

fn crossposter(config: &Config, store: &Store, setting: &Setting) -> anyhow::Result<Crossposter> {
    let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), setting.clock.clone())?;
    let renderer = Arc::new(Renderer::tried(config.site.templates.as_deref())?);
    let live = Arc::new(ArcSwap::from_pointee(config.clone()));
    Ok(Crossposter::new(store.clone(), client, setting.clock.clone(), setting.chance.clone(), live, renderer))
}

/// How it goes with an outlet. Where it is reached is no part of that: many an address is a secret.
fn as_json(outlet: Option<&Configured>, row: &OutletRow) -> Value {
    let posts: serde_json::Map<String, Value> =
        row.posts.iter().map(|(state, count)| (state.to_string(), json!(count))).collect();
    json!({
        "name": row.name, "kind": outlet.map(|outlet| outlet.kind.name()), "title": outlet.map(|outlet| &outlet.title),
        "since": row.since, "configured": !row.removed, "posts": posts, "failures": row.failures,
        "resting_until": (row.next_at > Timestamp::EPOCH).then_some(row.next_at), "trouble": row.trouble,
    })
}

async fn list(config: &Config, store: &Store, json: Json, out: &mut Out) -> anyhow::Result<()> {
    let rows = store.outlet_rows().await?;
    if json.json {
        return Ok(out.json(&rows.iter().map(|row| as_json(config.outlet(&row.name), row)).collect::<Vec<_>>())?);
    }
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let kind = config.outlet(&row.name).map_or("(removed)", |outlet| outlet.kind.name());
            let posts: Vec<String> = row.posts.iter().map(|(state, count)| format!("{count} {state}")).collect();
            let trouble = row.trouble.unwrap_or_default();
            [row.name.to_string(), kind.to_owned(), local(config.site.timezone, row.since), posts.join(", "), trouble]
        })
        .collect();
    let none = "posts go to no outlet: write an [[outlet]] (docs/outlets.md)";
    Ok(out.table(["OUTLET", "KIND", "SINCE", "POSTS", "TROUBLE"], &rows, none)?)
}

async fn posts(config: &Config, store: &Store, which: Posts, out: &mut Out) -> anyhow::Result<()> {
    let rows = store.handed_on(which.outlet.as_ref(), which.post.map(PostId), which.state, which.limit).await?;
    if which.json.json {
        return Ok(out.json(&rows)?);
    }
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let next = row.next_try_at.map(|at| local(config.site.timezone, at)).unwrap_or_default();
            let words = row.trouble.or(row.url).unwrap_or_default();
            [row.outlet.to_string(), row.post.to_string(), row.state.to_string(), next, row.title, words]
        })
        .collect();
    Ok(out.table(
        ["OUTLET", "POST", "STATE", "NEXT", "TITLE", "WHERE OR WHY"],
        &rows,
        "no outlet was handed anything",
    )?)
}

fn test(outcome: Outcome, out: &mut Out) -> anyhow::Result<()> {
    match outcome {
        Outcome::Done(Receipt { id, .. }) => Ok(out.line(id)?),
        Outcome::Later { why, .. } | Outcome::InDoubt(why) | Outcome::Refused(why) => {
            out.line(format!("it does not work: {why}"))?;
            Err(Said.into())
        }
    }
}

async fn preview(
    crossposter: &Crossposter,
    outlet: &Configured,
    post: PostId,
    json: Json,
    out: &mut Out,
) -> anyhow::Result<()> {
    let preview = crossposter.preview(outlet, post).await?;
    let preview = preview.ok_or_else(|| Usage(format!("there is no post {post}; see `syndicated post list`")))?;
    let share = match preview.share {
        Share::Full => "full",
        Share::Excerpt => "excerpt",
        Share::Link => "link",
    };
    if json.json {
        let parts: Vec<Value> =
            preview.draft.0.iter().map(|(name, value)| json!({ "part": name, "value": value })).collect();
        return Ok(out.json(&json!({
            "outlet": outlet.name, "post": post, "text": share, "reserved": preview.reserved,
            "left_out": preview.left_out, "parts": parts,
        }))?);
    }
    for (name, value) in preview.draft.0 {
        if value.contains('\n') {
            out.line(format!("{name}:"))?;
            // A feed's text must not speak to the terminal.
            for line in value.lines() {
                out.line(line)?;
            }
        } else {
            out.line(format!("{name}: {value}"))?;
        }
    }
    if preview.reserved {
        out.line("(an excerpt at the most: its source says may_republish = false)")?;
    }
    if let Some(why) = preview.left_out {
        out.line(format!("(it does not go there by itself: {why})"))?;
    }
    Ok(())
}

fn tell(by_hand: ByHand, json: Json, out: &mut Out) -> anyhow::Result<()> {
    let row = match by_hand {
        ByHand::Tried(row) => row,
        ByHand::Left(why) => return Err(Usage(format!("it was left as it is: {why}")).into()),
    };
    let is_there = matches!(row.state, State::Published | State::Deleted) && row.trouble.is_none();
    if json.json {
        out.json(&row)?;
    } else {
        out.line(said(&row))?;
    }
    if is_there { Ok(()) } else { Err(Said.into()) }
}

/// Where a post stands, in a sentence.
fn said(row: &HandedOn) -> String {
    let of = [row.trouble.as_ref(), row.url.as_ref()].into_iter().flatten().next();
    let of = of.map(|words| format!(": {words}")).unwrap_or_default();
    format!("post {} at {} is {}{of}", row.post, row.outlet, row.state)
}
