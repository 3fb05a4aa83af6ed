//! `digest …`: what was mailed, what would be, and mailing it now.

mod note;
mod preview;
mod words;

pub(super) use preview::Part;

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
use crate::flow::digest::{Digester, Fired, Outcome, Preview};
use crate::net::{Client, Names};
use crate::render::Renderer;
use crate::store::OpenError;
use arc_swap::ArcSwap;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

/// `digest …`.
#[derive(Debug, Subcommand)]
pub enum Digest {
    /// List digests, newest first.
    List(List),
    /// Show the mail that would go out now, write it, open it, or mail it to yourself.
    Preview(preview::Look),
    /// Say something above or below the posts of the next digest.
    Note(note::Note),
    /// Mail what has settled now, outside any slot.
    Send(Send),
    /// Let a digest out that waits for review.
    Approve(words::About),
    /// Stop a digest until `digest resume`.
    Hold(words::About),
    /// Call a digest off: what has not left yet never does.
    Cancel(words::About),
    /// Show a digest: its posts, its balance and its deliveries.
    Show(Show),
    /// Set a digest going again that was stopped, by you or by trouble.
    Resume(words::About),
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

/// `digest send`.
#[derive(Debug, Args)]
pub struct Send {
    #[command(flatten)]
    which: Which,
    /// Also what has not settled yet: posts that came or changed a moment ago.
    #[arg(long)]
    now: bool,
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
        Digest::Preview(look) => preview::run(look, setting, out).await,
        Digest::Note(note) => note::run(note, setting, out).await,
        Digest::Send(send) => self::send(send, setting, out).await,
        Digest::Show(show) => self::show(show, setting, out).await,
        Digest::Approve(it) => words::approve(&it, setting, out).await,
        Digest::Hold(it) => words::hold(&it, setting, out).await,
        Digest::Cancel(it) => words::cancel(&it, setting, out).await,
        Digest::Resume(it) => words::resume(&it, setting, out).await,
        Digest::Decide { id, decision } => words::decide(DigestId(id), decision, setting, out).await,
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

async fn send(send: Send, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let (newsletter, cadence) = named(&config, &send.which)?;
    let reports = config.reports();
    let renderer = Arc::new(Renderer::with(config.site.templates.as_deref())?);
    let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), setting.clock.clone())?;
    let live = Arc::new(ArcSwap::from_pointee(config));
    let digester = Digester::new(store.clone(), live.clone(), renderer.clone(), setting.clock.clone());
    let digester = digester.with_pictures(client).urgent(send.now);
    if !send.yes && std::io::stdin().is_terminal() {
        let Preview { posts, mail, .. } = digester.preview(newsletter.as_str(), cadence.as_str()).await?;
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
    let (digest, review, posts, recipients) = match outcome {
        Outcome::Frozen { digest, review, posts, recipients } => (digest, review, posts, recipients),
        Outcome::Empty | Outcome::Few | Outcome::Missed => {
            return Ok(out.line("nothing was sent: no new post has settled")?);
        }
    };
    let readers = count(usize::try_from(recipients).unwrap_or(usize::MAX), "reader", "readers");
    out.line(format!("digest {digest}: {} for {readers}", count(posts, "post", "posts")))?;
    if review {
        out.line(format!("it waits for its editor: `syndicated digest approve {digest}` lets it out"))?;
    }
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
    if balance.is_closed() || review {
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
    out.facts(&[
        ("digest", id.to_string()),
        ("newsletter", digest.edition.newsletter.to_string()),
        ("cadence", digest.edition.cadence.to_string()),
        ("slot", digest.edition.slot.clone()),
        ("subject", digest.subject.clone()),
        ("state", standing(id, digest.state, &balance)),
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

/// What a digest is, and what a person can do about it.
pub(super) fn standing(id: DigestId, state: DigestState, balance: &Balance) -> String {
    match state {
        DigestState::Paused => format!("paused; `syndicated digest resume {id}` sets it going again"),
        DigestState::Review => format!("waiting for its editor; `syndicated digest approve {id}` lets it out"),
        DigestState::Few => "not sent: too few posts; they wait for the next slot".to_owned(),
        // They are repeated a few times; after that, or when the operator wants it so, they wait.
        DigestState::Sending if balance.unknown > 0 => {
            format!("sending; once you know the fate of those in doubt: `syndicated digest decide {id} sent|again`")
        }
        other => other.as_str().to_owned(),
    }
}

fn unknown(id: DigestId) -> Usage {
    Usage(format!("there is no digest {id}; see `syndicated digest list`"))
}
