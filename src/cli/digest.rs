//! `digest …`: what was mailed, what would be, and mailing it now.

use super::ending::{Said, Usage};
use super::output::{Out, count};
use super::setting::local;
use super::{Json, Setting, delivery, follow};
use crate::config::Config;
use crate::domain::delivery::{Decision, DeliveryState};
use crate::domain::digest::{Balance, Digest as Stored, DigestState};
use crate::domain::id::DigestId;
use crate::domain::slug::Slug;
use crate::flow::deliver::Deliverer;
use crate::flow::digest::{Digester, Fired, Outcome, Preview, Sifted};
use crate::render::{Rendered, Renderer};
use crate::store::{LeftOut, OpenError};
use arc_swap::ArcSwap;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

/// `digest …`.
#[derive(Debug, Subcommand)]
pub enum Digest {
    /// List digests, newest first.
    List(List),
    /// Show the mail that would go out now; sends nothing.
    Preview(Look),
    /// Mail what has settled now, outside any slot.
    Send(Send),
    /// Show a digest: its posts, its balance and its deliveries.
    Show(Show),
    /// Set a digest going again that was paused by trouble.
    Resume {
        /// Its number.
        id: i64,
    },
    /// Say what became of mails in doubt: the relay's answer was lost, and only
    /// its own log tells whether they went out.
    Decide {
        /// The digest's number.
        id: i64,
        /// They went out, or they are to be mailed again.
        #[arg(value_name = "sent|again")]
        decision: Decision,
    },
}

/// `digest list`.
#[derive(Debug, Args)]
pub struct List {
    /// Of this newsletter only.
    #[arg(long, value_name = "NAME")]
    newsletter: Option<Slug>,
    /// At most so many.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

/// Which digest of which newsletter.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The newsletter.
    newsletter: Slug,
    /// The cadence; may be left out when there is only one.
    cadence: Option<Slug>,
}

/// A part of the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// What mail programs without HTML show.
    Text,
    /// What the others show.
    Html,
}

/// `digest preview`.
#[derive(Debug, Args)]
pub struct Look {
    #[command(flatten)]
    which: Which,
    /// The part to print.
    #[arg(long, value_enum, default_value = "text")]
    part: Part,
    #[command(flatten)]
    json: Json,
}

/// `digest send`.
#[derive(Debug, Args)]
pub struct Send {
    #[command(flatten)]
    which: Which,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// `digest show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Its number.
    id: i64,
    /// Only deliveries in this state, such as `bounced`.
    #[arg(long)]
    state: Option<DeliveryState>,
    /// At most so many deliveries.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    limit: u32,
    /// Watch it until it ends: what is settled, how fast, and how long the rest will take.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    json: Json,
}

/// So many domains are shown, those with the most readers.
const DOMAINS: usize = 10;

pub(super) async fn run(command: Digest, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Digest::List(list) => self::list(list, setting, out).await,
        Digest::Preview(preview) => self::preview(preview, setting, out).await,
        Digest::Send(send) => self::send(send, setting, out).await,
        Digest::Show(show) => self::show(show, setting, out).await,
        Digest::Resume { id } => resume(DigestId(id), setting, out).await,
        Digest::Decide { id, decision } => decide(DigestId(id), decision, setting, out).await,
    }
}

fn as_json(digest: &Stored, balance: &Balance) -> Value {
    json!({
        "id": digest.id, "newsletter": digest.edition.newsletter, "cadence": digest.edition.cadence,
        "slot": digest.edition.slot, "state": digest.state, "frozen_at": digest.frozen_at,
        "finished_at": digest.finished_at, "expires_at": digest.expires_at, "subject": digest.subject,
        "trouble": digest.trouble,
        "balance": balance,
    })
}

async fn list(list: List, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let mut digests = Vec::new();
    for digest in store.digests(list.newsletter.as_ref(), list.limit).await? {
        let balance = store.balance(digest.id).await?;
        digests.push((digest, balance));
    }
    if list.json.json {
        return Ok(out.json(&digests.iter().map(|(digest, balance)| as_json(digest, balance)).collect::<Vec<_>>())?);
    }
    let rows: Vec<_> = digests
        .iter()
        .map(|(digest, balance)| {
            [
                digest.id.to_string(),
                format!("{} / {}", digest.edition.newsletter, digest.edition.cadence),
                local(config.site.timezone, digest.frozen_at),
                digest.state.as_str().to_owned(),
                format!("{}/{}", balance.sent, balance.recipients),
                digest.subject.clone(),
            ]
        })
        .collect();
    Ok(out.table(["ID", "DIGEST", "FROZEN", "STATE", "SENT", "SUBJECT"], &rows, "no digest has been made yet")?)
}

/// The names as the configuration has them.
fn named(config: &Config, which: &Which) -> Result<(Slug, Slug), Usage> {
    let newsletter = config.newsletter(which.newsletter.as_str()).ok_or_else(|| {
        let known = config.newsletters.iter().map(|newsletter| newsletter.name.as_str()).collect::<Vec<_>>();
        Usage(format!("there is no newsletter `{}`; there is: {}", which.newsletter, known.join(", ")))
    })?;
    let names = newsletter.cadences.iter().map(|cadence| cadence.name.as_str()).collect::<Vec<_>>().join(", ");
    let cadence = match (&which.cadence, newsletter.cadences.as_slice()) {
        (None, [only]) => only,
        (None, []) => return Err(Usage(format!("newsletter `{}` has no cadence", newsletter.name))),
        (None, _) => {
            return Err(Usage(format!("newsletter `{}` has several cadences: {names}; name one", newsletter.name)));
        }
        (Some(name), _) => newsletter.cadence(name.as_str()).ok_or_else(|| {
            Usage(format!("newsletter `{}` has no cadence `{name}`; it has: {names}", newsletter.name))
        })?,
    };
    Ok((newsletter.name.clone(), cadence.name.clone()))
}

async fn preview(preview: Look, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let (newsletter, cadence) = named(&config, &preview.which)?;
    let live = Arc::new(ArcSwap::from_pointee(config));
    let digester = Digester::new(store.clone(), live, Arc::new(Renderer::new()?), setting.clock.clone());
    let Preview { posts: Sifted { taken, left_out }, mail } =
        digester.preview(newsletter.as_str(), cadence.as_str()).await?;
    if preview.json.json {
        let left_out: Vec<_> =
            left_out.iter().map(|left| json!({ "post": left.post, "filtered": left.reason.as_str() })).collect();
        let mail = mail.map(|mail| {
            json!({
                "subject": mail.subject, "posts": taken, "left_out": left_out, "html": mail.html, "plain": mail.plain,
            })
        });
        return Ok(out.json(&mail)?);
    }
    if let Some(mail) = mail {
        print(&mail, preview.part, out)?;
    } else {
        out.line("nothing would be sent: no new post has settled; `syndicated post show ID` says why of each")?;
    }
    for LeftOut { post, reason } in left_out {
        let title = store.post(post).await?.map(|post| post.entry.title).unwrap_or_default();
        out.line(format!("left out by {reason}: post {post}, {title}"))?;
    }
    Ok(())
}

fn print(mail: &Rendered, part: Part, out: &mut Out) -> std::io::Result<()> {
    match part {
        Part::Html => out.text(&mail.html)?,
        Part::Text => {
            out.line(format!("Subject: {}", mail.subject))?;
            out.line("")?;
            // A feed's text must not speak to the terminal.
            for line in mail.plain.lines() {
                out.line(line)?;
            }
        }
    }
    Ok(())
}

async fn send(send: Send, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let (newsletter, cadence) = named(&config, &send.which)?;
    let reports = config.reports();
    let live = Arc::new(ArcSwap::from_pointee(config));
    let renderer = Arc::new(Renderer::new()?);
    let digester = Digester::new(store.clone(), live.clone(), renderer.clone(), setting.clock.clone());
    if !send.yes && std::io::stdin().is_terminal() {
        let Preview { posts, mail } = digester.preview(newsletter.as_str(), cadence.as_str()).await?;
        let Some(mail) = mail else {
            return Ok(out.line("nothing was sent: no new post has settled")?);
        };
        let question =
            format!("Mail \"{}\" with {} now? [y/N] ", mail.subject, count(posts.taken.len(), "post", "posts"));
        if !agreed(&question)? {
            return Ok(out.line("nothing was sent")?);
        }
    }
    let Fired { outcome, .. } = digester.send_now(newsletter.as_str(), cadence.as_str()).await?;
    let (digest, posts, recipients) = match outcome {
        Outcome::Frozen { digest, posts, recipients } => (digest, posts, recipients),
        Outcome::Empty | Outcome::Missed => return Ok(out.line("nothing was sent: no new post has settled")?),
    };
    let readers = count(usize::try_from(recipients).unwrap_or(usize::MAX), "reader", "readers");
    out.line(format!("digest {digest}: {} for {readers}", count(posts, "post", "posts")))?;
    // Whoever owns the database mails; a daemon does it without us.
    let lock = match store.lock().await {
        Ok(lock) => lock,
        Err(OpenError::Owned(_)) => {
            return Ok(out.line(format!("the running daemon mails it; see `syndicated digest show {digest}`"))?);
        }
        Err(other) => return Err(other.into()),
    };
    let node = lock.name().to_owned();
    let deliverer = Deliverer::new(store.clone(), live, renderer, setting.clock.clone(), setting.chance.clone(), node);
    deliverer.recover().await?;
    deliverer.drain().await?;
    store.close_digests(&reports, setting.clock.now()).await?;
    let balance = store.balance(digest).await?;
    store.close().await;
    out.line(balance.to_string())?;
    if balance.is_closed() {
        Ok(())
    } else {
        out.line("what is left is tried again by `syndicated run`, or by the next `digest send`")?;
        Err(Said.into())
    }
}

/// Asks on the terminal.
fn agreed(question: &str) -> std::io::Result<bool> {
    let mut terminal = std::io::stderr();
    terminal.write_all(question.as_bytes())?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn show(show: Show, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let id = DigestId(show.id);
    let digest = store.digest(id).await?.ok_or_else(|| unknown(id))?;
    if show.follow {
        return follow::follow(&store, id, show.json.json, setting, out).await;
    }
    let balance = store.balance(id).await?;
    let domains = store.domain_results(id).await?;
    let mut posts = Vec::new();
    for post in store.digest_posts(id).await? {
        posts.extend(store.post(post).await?);
    }
    let rows = store.deliveries(id, show.state, show.limit).await?;
    if show.json.json {
        let mut shown = as_json(&digest, &balance);
        if let Some(fields) = shown.as_object_mut() {
            let posts: Vec<_> = posts.iter().map(|post| json!({ "id": post.id, "title": post.entry.title })).collect();
            let deliveries: Vec<_> = rows.iter().map(delivery::as_json).collect();
            fields.insert("posts".to_owned(), posts.into());
            fields.insert("domains".to_owned(), serde_json::to_value(&domains)?);
            fields.insert("deliveries".to_owned(), deliveries.into());
        }
        return Ok(out.json(&shown)?);
    }
    let at = |at| local(config.site.timezone, at);
    let state = match digest.state {
        DigestState::Paused => format!("paused by trouble; `syndicated digest resume {id}` sets it going again"),
        // They are repeated a few times; after that, or when the operator wants it so, they wait.
        DigestState::Sending if balance.unknown > 0 => {
            format!("sending; once you know the fate of those in doubt: `syndicated digest decide {id} sent|again`")
        }
        other => other.as_str().to_owned(),
    };
    out.facts(&[
        ("digest", id.to_string()),
        ("newsletter", digest.edition.newsletter.to_string()),
        ("cadence", digest.edition.cadence.to_string()),
        ("slot", digest.edition.slot.clone()),
        ("subject", digest.subject.clone()),
        ("state", state),
        ("trouble", digest.trouble.clone().unwrap_or_default()),
        ("frozen", at(digest.frozen_at)),
        ("finished", digest.finished_at.map(at).unwrap_or_default()),
        ("balance", balance.to_string()),
    ])?;
    if !posts.is_empty() {
        out.line("")?;
        let table: Vec<_> = posts.iter().map(|post| [post.id.to_string(), post.entry.title.clone()]).collect();
        out.table(["POST", "TITLE"], &table, "")?;
    }
    if domains.len() > 1 {
        out.line("")?;
        let table: Vec<_> =
            domains.iter().take(DOMAINS).map(|result| [result.domain.clone(), result.balance.to_string()]).collect();
        out.table(["DOMAIN", "READERS"], &table, "")?;
        if domains.len() > DOMAINS {
            out.line(format!("and {} more; --json shows all", domains.len() - DOMAINS))?;
        }
    }
    if !rows.is_empty() {
        out.line("")?;
        let table: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let settled = row.settled_at.map(at).unwrap_or_default();
                [
                    row.to,
                    row.state.as_str().to_owned(),
                    row.attempts.to_string(),
                    settled,
                    row.reply.unwrap_or_default(),
                ]
            })
            .collect();
        out.table(["TO", "STATE", "TRIES", "SETTLED", "REPLY"], &table, "")?;
    }
    Ok(())
}

async fn resume(id: DigestId, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let digest = store.digest(id).await?.ok_or_else(|| unknown(id))?;
    if store.resume_digest(id, config.mail.lifetime, setting.clock.now()).await? {
        Ok(out.line(format!("digest {id} goes on"))?)
    } else {
        Err(Usage(format!("digest {id} is not paused: it is {}", digest.state.as_str())).into())
    }
}

async fn decide(id: DigestId, decision: Decision, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let digest = store.digest(id).await?.ok_or_else(|| unknown(id))?;
    if digest.state == DigestState::Paused && decision == Decision::Again {
        let told = format!("digest {id} is paused: `syndicated digest resume {id}` mails those in doubt again too");
        return Err(Usage(told).into());
    }
    let done = match decision {
        Decision::Sent => "now counted as sent",
        Decision::Again => "to be mailed again",
    };
    let now = setting.clock.now();
    let decided = store.decide_doubts(id, decision, config.mail.lifetime, now).await?;
    store.close_digests(&config.reports(), now).await?;
    Ok(out.line(match decided {
        0 => format!("no mail of digest {id} waits for a decision"),
        some => format!("digest {id}: {} {done}", count(usize::try_from(some).unwrap_or(usize::MAX), "mail", "mails")),
    })?)
}

fn unknown(id: DigestId) -> Usage {
    Usage(format!("there is no digest {id}; see `syndicated digest list`"))
}
