//! `delivery …`: the ledger of every mail, and what a person does to single ones.

use super::ending::{Said, Usage};
use super::output::{Out, count};
use super::setting::local;
use super::{Json, Setting};
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{DeliveryId, DigestId};
use crate::store::{DeliveryRow, LedgerFilter, Meant, Store};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `delivery …`.
#[derive(Debug, Subcommand)]
pub enum Delivery {
    /// List mails, newest first; of a digest, in its order.
    List(List),
    /// Mail now what waits, is in doubt, was refused or ran out of time.
    Retry(Which),
    /// Try no more: what waits or is in doubt ends as expired.
    GiveUp(Which),
}

/// `delivery list`.
#[derive(Debug, Args)]
pub struct List {
    /// Of this digest only.
    #[arg(long, value_name = "ID")]
    digest: Option<i64>,
    /// In this state only, such as `unknown` or `bounced`.
    #[arg(long)]
    state: Option<DeliveryState>,
    /// To this domain only.
    #[arg(long)]
    domain: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

/// Which deliveries are meant: by number, or all of a digest that stand somewhere.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Which {
    /// Their numbers, as `delivery list` shows them.
    #[arg(value_name = "ID", conflicts_with_all = ["digest", "state"])]
    ids: Vec<i64>,
    /// Of this digest, those in a state.
    #[arg(long, value_name = "ID", requires = "state")]
    digest: Option<i64>,
    /// That state, such as `bounced`.
    #[arg(long, requires = "digest")]
    state: Option<DeliveryState>,
}

impl Which {
    fn meant(&self) -> Vec<Meant> {
        let all = self.digest.zip(self.state).map(|(digest, state)| Meant::All(DigestId(digest), state));
        self.ids.iter().map(|id| Meant::One(DeliveryId(*id))).chain(all).collect()
    }
}

pub(super) async fn run(command: Delivery, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Delivery::List(list) => self::list(list, setting, out).await,
        Delivery::Retry(which) => act(&which, true, setting, out).await,
        Delivery::GiveUp(which) => act(&which, false, setting, out).await,
    }
}

/// A line of the ledger in JSON.
pub(super) fn as_json(row: &DeliveryRow) -> Value {
    json!({
        "id": row.id, "digest": row.digest, "to": row.to, "state": row.state, "attempts": row.attempts,
        "reply": row.reply, "due": row.due, "settled_at": row.settled_at,
    })
}

async fn list(list: List, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let filter = LedgerFilter {
        digest: list.digest.map(DigestId),
        state: list.state,
        domain: list.domain.map(|domain| domain.to_lowercase()),
        limit: list.limit,
    };
    let rows = store.ledger(&filter).await?;
    if list.json.json {
        return Ok(out.json(&rows.iter().map(as_json).collect::<Vec<_>>())?);
    }
    let at = |at| local(config.site.timezone, at);
    let table: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let when = match (row.settled_at, row.due) {
                (Some(settled), _) => at(settled),
                (None, Some(due)) => format!("next {}", at(due)),
                (None, None) if row.state == DeliveryState::Attempting => "now".to_owned(),
                (None, None) => "when you say so".to_owned(),
            };
            [
                row.id.to_string(),
                row.digest.map_or_else(|| "letter".to_owned(), |digest| digest.to_string()),
                row.to,
                row.state.as_str().to_owned(),
                row.attempts.to_string(),
                when,
                row.reply.unwrap_or_default(),
            ]
        })
        .collect();
    Ok(out.table(["ID", "DIGEST", "TO", "STATE", "TRIES", "WHEN", "REPLY"], &table, "no such mail")?)
}

/// Tries deliveries again, or gives them up, and says of each that stays why.
async fn act(which: &Which, again: bool, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let now = setting.clock.now();
    let (mut changed, mut stayed) = (0, 0);
    for meant in which.meant() {
        let done = if again {
            store.retry_deliveries(meant, config.mail.lifetime, now).await?
        } else {
            store.give_up_deliveries(meant, now).await?
        };
        if done == 0 {
            stayed += 1;
            out.line(why_not(&store, meant).await?)?;
        }
        changed += done;
    }
    store.close_digests(&config.reports(), now).await?;
    if changed > 0 {
        let mails = count(usize::try_from(changed).unwrap_or(usize::MAX), "mail", "mails");
        out.line(if again {
            format!("{mails} due now; `syndicated run` sends what is due")
        } else {
            format!("{mails} given up")
        })?;
    }
    if stayed > 0 { Err(Said.into()) } else { Ok(()) }
}

async fn why_not(store: &Store, meant: Meant) -> anyhow::Result<String> {
    let id = match meant {
        Meant::One(id) => id,
        Meant::All(digest, state) => {
            if store.digest(digest).await?.is_none() {
                return Err(Usage(format!("there is no digest {digest}; see `syndicated digest list`")).into());
            }
            return Ok(format!("digest {digest}: nothing is {} that this could change", state.as_str()));
        }
    };
    Ok(match store.delivery_state(id).await? {
        None => return Err(Usage(format!("there is no delivery {id}; see `syndicated delivery list`")).into()),
        Some((_, true)) => format!(
            "delivery {id} waits with its digest, which is held or has an editor to see it; see `syndicated digest list`"
        ),
        Some((state, false)) => format!("delivery {id} stays as it is: {}", state.as_str()),
    })
}
