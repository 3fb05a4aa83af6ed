//! What a person says of a frozen digest: `digest approve`, `hold`, `resume`,
//! `cancel`, `decide`.

use super::super::Setting;
use super::super::ending::Usage;
use super::super::output::{Out, count};
use super::unknown;
use crate::domain::delivery::Decision;
use crate::domain::digest::DigestState;
use crate::domain::id::DigestId;
use crate::store::{Cancelled, Store};
use clap::Args;

/// Of which digest.
#[derive(Debug, Args)]
pub struct About {
    /// Its number, as `digest list` shows it.
    id: i64,
}

pub(super) async fn approve(it: &About, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let id = DigestId(it.id);
    if store.approve_digest(id, config.mail.lifetime, setting.clock.now()).await? {
        Ok(out.line(format!("digest {id} goes out; `syndicated run` mails it"))?)
    } else {
        Err(not(&store, id, "does not wait for review").await?.into())
    }
}

pub(super) async fn hold(it: &About, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (_, store) = setting.open().await?;
    let id = DigestId(it.id);
    if store.hold_digest(id).await? {
        Ok(out.line(format!("digest {id} is held; `syndicated digest resume {id}` sets it going again"))?)
    } else {
        Err(not(&store, id, "is not being sent").await?.into())
    }
}

pub(super) async fn resume(it: &About, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let id = DigestId(it.id);
    if store.resume_digest(id, config.mail.lifetime, setting.clock.now()).await? {
        Ok(out.line(format!("digest {id} goes on"))?)
    } else {
        Err(not(&store, id, "is not paused").await?.into())
    }
}

pub(super) async fn cancel(it: &About, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let id = DigestId(it.id);
    match store.cancel_digest(id, &config.reports(), setting.clock.now()).await? {
        Some(Cancelled::Unsent) => {
            Ok(out.line(format!("digest {id} is called off; nobody got it, and the next one may take its posts"))?)
        }
        Some(Cancelled::Partly) => {
            let balance = store.balance(id).await?;
            Ok(out.line(format!("digest {id} is called off; {} of {} had left", balance.sent, balance.recipients))?)
        }
        None => Err(not(&store, id, "is not open").await?.into()),
    }
}

/// Why a word does not fit a digest.
async fn not(store: &Store, id: DigestId, what: &str) -> anyhow::Result<Usage> {
    Ok(match store.digest(id).await? {
        Some(digest) => Usage(format!("digest {id} {what}: it is {}", digest.state.as_str())),
        None => unknown(id),
    })
}

pub(super) async fn decide(id: DigestId, decision: Decision, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let digest = store.digest(id).await?.ok_or_else(|| unknown(id))?;
    let refused = match (digest.state, decision) {
        (DigestState::Paused, Decision::Again) => {
            Some(format!("digest {id} is paused: `syndicated digest resume {id}` mails those in doubt again too"))
        }
        (DigestState::Cancelled, Decision::Again) => {
            Some(format!("digest {id} was called off: nothing of it is mailed"))
        }
        _ => None,
    };
    if let Some(told) = refused {
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
