//! `bounce …`: what came back. Without a command it reads a mail from a pipe,
//! where a mail server puts it; and a person looks at what cannot be told.

use super::ending::{TryLater, Usage};
use super::output::Out;
use super::setting::local;
use super::{Json, Setting};
use crate::clock::Clock;
use crate::domain::bounce::BounceKind;
use crate::domain::email_address::EmailAddress;
use crate::domain::id::BounceId;
use crate::flow::bounce::{Bounces, Taken};
use crate::flow::subscribe::Subscriptions;
use crate::mail::returned::MOST_BYTES;
use crate::render::Renderer;
use crate::store::{BounceFilter, BounceRow, Came, ERASED};
use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::Notify;

/// How long a mail may take to come through the pipe.
const WITHIN: Duration = Duration::from_mins(1);

/// `bounce …`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Bounce {
    /// Where the mail went, when the mail server says so: else its header does.
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do with what came back.
#[derive(Debug, Subcommand)]
enum Command {
    /// List what came back, newest first.
    List(List),
    /// Show one of them, with what came in where that cannot be told.
    Show(Show),
    /// Let an address be mailed again that bounced or complained.
    Lift(Lift),
    /// Print the addresses at which relays report.
    Hooks(Json),
}

/// `bounce list`.
#[derive(Debug, Args)]
struct List {
    /// Only those that are `hard`, `soft`, `blocked`, `complaint` or `unclear`.
    #[arg(long)]
    kind: Option<BounceKind>,
    /// Only those about this address.
    #[arg(long, value_name = "ADDRESS")]
    reader: Option<EmailAddress>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

/// `bounce show`.
#[derive(Debug, Args)]
struct Show {
    /// Its number, as `bounce list` shows it.
    id: i64,
    #[command(flatten)]
    json: Json,
}

/// `bounce lift`.
#[derive(Debug, Args)]
struct Lift {
    /// The address.
    email: EmailAddress,
}

pub(super) async fn run(bounce: Bounce, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match bounce.command {
        // Whatever is wrong, the mail server must not give the mail up.
        None => take(&bounce.to, setting, out).await.map_err(|why| TryLater(why).into()),
        Some(Command::List(list)) => self::list(list, setting, out).await,
        Some(Command::Show(show)) => self::show(&show, setting, out).await,
        Some(Command::Lift(lift)) => self::lift(&lift, setting, out).await,
        Some(Command::Hooks(json)) => hooks(json, setting, out),
    }
}

/// Reads the mail and takes it in.
async fn take(to: &[String], setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let mail = tokio::time::timeout(WITHIN, read(tokio::io::stdin()));
    let mail = mail.await.context("no whole mail came within a minute")?.context("cannot read the mail")?;
    if mail.is_empty() {
        bail!("no mail came; `syndicated bounce` reads one from its standard input");
    }
    let (config, store) = setting.open().await?;
    let (live, clock) = (Arc::new(ArcSwap::from_pointee(config)), setting.clock.clone());
    let bounces = bounces(&store, live, clock, setting)?;
    // Postfix names the address that the mail was sent to before any alias changed it (local(8)).
    let named = ["ORIGINAL_RECIPIENT", "RECIPIENT"].iter().filter_map(|name| setting.environment.get(name));
    let to: Vec<String> = to.iter().cloned().chain(named.map(str::to_owned)).collect();
    Ok(out.line(in_words(bounces.take("pipe", &mail, &to).await?))?)
}

fn bounces(
    store: &crate::store::Store,
    live: crate::config::Live,
    clock: Clock,
    setting: &Setting,
) -> anyhow::Result<Bounces> {
    let renderer = Arc::new(Renderer::with(live.load().site.templates.as_deref())?);
    // The daemon looks for letters by itself.
    let (chance, mail) = (setting.chance.clone(), Arc::new(Notify::new()));
    let subscriptions = Subscriptions::new(store.clone(), live.clone(), clock.clone(), chance, renderer, mail);
    Ok(Bounces::new(store.clone(), live, clock, Arc::new(subscriptions)))
}

/// As much as is looked at, and then the rest away: who writes to a pipe that
/// nobody reads takes it for a failure.
async fn read(mut from: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    (&mut from).take(MOST_BYTES as u64).read_to_end(&mut mail).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(mail)
}

fn in_words(taken: Taken) -> String {
    match taken {
        Taken::Kept(BounceKind::Unclear, Came::Again) => "kept already: it cannot be told what it says".to_owned(),
        Taken::Kept(BounceKind::Unclear, _) => {
            "kept: it cannot be told what it says; see `syndicated bounce list`".to_owned()
        }
        Taken::Kept(kind, Came::Kept) => format!("kept as {}: its reader is mailed on", kind.as_str()),
        Taken::Kept(kind, Came::Ended) => format!("kept as {}: its reader is not mailed any more", kind.as_str()),
        Taken::Kept(kind, Came::Again) => format!("known already as {}", kind.as_str()),
        Taken::Left => "a reader left".to_owned(),
        Taken::Passed(why) => format!("nothing to do: {why}"),
    }
}

fn as_json(row: &BounceRow) -> Value {
    json!({
        "id": row.id, "kind": row.kind, "door": row.door, "delivery": row.delivery, "reader": row.reader,
        "status": row.status, "words": row.words, "why": row.why, "received_at": row.received_at, "ended": row.ended,
    })
}

async fn list(list: List, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let reader = match &list.reader {
        None => None,
        Some(address) => match store.reader_at(address).await? {
            Some(about) => Some(about.reader),
            None => return Err(Usage(format!("there is no reader {address}; see `syndicated subscriber list`")).into()),
        },
    };
    let rows = store.bounces(&BounceFilter { kind: list.kind, reader, limit: list.limit }).await?;
    if list.json.json {
        return Ok(out.json(&rows.iter().map(as_json).collect::<Vec<_>>())?);
    }
    let table: Vec<_> = rows
        .into_iter()
        .map(|row| {
            [
                row.id.to_string(),
                local(config.site.timezone, row.received_at),
                row.kind.as_str().to_owned(),
                row.reader.unwrap_or_default(),
                if row.ended { "not mailed any more" } else { "" }.to_owned(),
                row.door,
                row.status.unwrap_or_default(),
                if row.why.is_empty() { row.words } else { row.why },
            ]
        })
        .collect();
    Ok(out.table(["ID", "CAME", "KIND", "READER", "SO", "BY", "STATUS", "WORDS"], &table, "nothing came back")?)
}

async fn show(show: &Show, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let Some(row) = store.bounce(BounceId(show.id)).await? else {
        return Err(Usage(format!("there is no bounce {}; see `syndicated bounce list`", show.id)).into());
    };
    if show.json.json {
        let mut value = as_json(&row);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("raw".to_owned(), json!(row.raw));
        }
        return Ok(out.json(&value)?);
    }
    out.facts(&[
        ("bounce", row.id.to_string()),
        ("kind", row.kind.as_str().to_owned()),
        ("reader", row.reader.unwrap_or_default()),
        ("mail", row.delivery.map(|delivery| delivery.to_string()).unwrap_or_default()),
        ("came", format!("{} by {}", local(config.site.timezone, row.received_at), row.door)),
        ("status", row.status.unwrap_or_default()),
        ("words", row.words),
        ("why", row.why),
        ("so", if row.ended { "its reader is not mailed any more" } else { "" }.to_owned()),
    ])?;
    if let Some(raw) = row.raw {
        out.line("")?;
        for line in raw.lines() {
            out.line(line)?;
        }
    }
    Ok(())
}

async fn lift(lift: &Lift, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let suppression = store.suppression(&config.secret, &lift.email).await?;
    if suppression.is_some_and(|(reason, _)| reason == ERASED) {
        return Err(Usage(format!("{} was erased: only its owner can come back, by the form", lift.email)).into());
    }
    if store.lift_suppression(&config.secret, &lift.email).await? {
        return Ok(
            out.line(format!("{} may be mailed again; a subscription that a complaint ended stays ended", lift.email))?
        );
    }
    Err(Usage(format!("{} was not kept from being mailed", lift.email)).into())
}

fn hooks(Json { json }: Json, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let config = setting.config()?;
    let names = config.bounces.hooks.iter().map(crate::config::Hook::name);
    let table: Vec<_> = names
        .map(|name| [name.to_owned(), config.url(&format!("/hooks/{name}/{}", config.secret.hook_token(name)))])
        .collect();
    if json {
        let list: Vec<_> = table.iter().map(|[relay, url]| json!({ "relay": relay, "url": url })).collect();
        return Ok(out.json(&list)?);
    }
    Ok(out.table(["RELAY", "ADDRESS"], &table, "no relay is named in [bounces] hooks")?)
}
