//! `poll`: look at sources now.

use super::ending::{Said, Usage};
use super::output::{Out, count, progress};
use super::{Json, Setting};
use crate::domain::slug::Slug;
use crate::domain::source::SourceState;
use crate::flow::poll::{PollOutcome, PollReport, Poller};
use crate::net::{Client, Names};
use clap::Args;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// `poll [NAME…]`.
#[derive(Debug, Args)]
pub struct Poll {
    /// The sources; all that are not paused when left out.
    names: Vec<Slug>,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(poll: Poll, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    if let Some(name) = poll.names.iter().find(|name| config.source(name).is_none()) {
        return Err(Usage(format!("there is no source `{name}` in {}", setting.path.display())).into());
    }
    let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), setting.clock.clone())?;
    // A first poll may come before the first daemon: what it finds is news from now on.
    store.sync_cadences(&config.newsletters, setting.clock.now()).await?;
    let live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
    let poller = Poller::new(store.clone(), client, setting.clock.clone(), setting.chance.clone(), live);
    poller.adopt_config().await?;
    let mut names = poll.names;
    if names.is_empty() {
        let rows = store.source_rows().await?;
        names = rows.into_iter().filter(|row| row.state == SourceState::Active).map(|row| row.name).collect();
    }
    let bar = progress(names.len(), "polling");
    let stop = CancellationToken::new();
    // Writes are never cut: the first Ctrl-C gives back what was not begun.
    let stopper = stop.clone();
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
        stopper.cancel();
        std::future::pending::<()>().await;
    };
    let polling = poller.poll_named(&names, &stop, |_| bar.inc(1));
    let reports = tokio::select! {
        reports = polling => reports?,
        () = interrupted => Vec::new(),
    };
    bar.finish_and_clear();
    store.close().await;
    if poll.json.json {
        out.json(&reports.iter().map(as_json).collect::<Vec<_>>())?;
    } else {
        let rows: Vec<_> = reports.iter().map(|report| [report.name.to_string(), in_words(&report.outcome)]).collect();
        out.table(["SOURCE", "RESULT"], &rows, "there is no source to poll: add one with `syndicated source add URL`")?;
    }
    let failed = reports.iter().any(|report| {
        use PollOutcome::{Failed, Gone, NotStored, Unknown};
        matches!(report.outcome, Failed(_) | Gone(_) | NotStored(_) | Unknown)
    });
    if failed || stop.is_cancelled() { Err(Said.into()) } else { Ok(()) }
}

fn in_words(outcome: &PollOutcome) -> String {
    match outcome {
        PollOutcome::Read(admitted) => {
            let mut parts = Vec::new();
            for (number, what) in [
                (admitted.new.len(), "new"),
                (admitted.seeded.len(), "from before, not mailed"),
                (admitted.filtered.len(), "filtered out"),
                (admitted.changed.len(), "changed"),
                (admitted.held.len(), "held (see `post list --standing held`)"),
                (admitted.to_review.len(), "waiting for an editor (see `post list --standing held`)"),
            ] {
                if number > 0 {
                    parts.push(format!("{number} {what}"));
                }
            }
            if parts.is_empty() {
                format!("nothing new in {}", count(admitted.same, "post", "posts"))
            } else {
                parts.join(", ")
            }
        }
        PollOutcome::Unchanged => "not changed".to_owned(),
        PollOutcome::Failed(why) => format!("failed: {why}"),
        PollOutcome::Gone(why) => format!("gone: {why}"),
        PollOutcome::Deferred(why) => format!("later: {why}"),
        PollOutcome::NotStored(why) => format!("not stored: {why}; nothing is lost, poll again"),
        PollOutcome::Unknown => "there is no such source".to_owned(),
    }
}

fn as_json(report: &PollReport) -> Value {
    let (outcome, why) = match &report.outcome {
        PollOutcome::Read(admitted) => {
            return json!({
                "source": report.name, "outcome": "read", "why": null, "new": admitted.new, "seeded": admitted.seeded,
                "filtered": admitted.filtered, "changed": admitted.changed, "held": admitted.held, "to_review": admitted.to_review,
                "same": admitted.same,
            });
        }
        PollOutcome::Unchanged => ("unchanged", None),
        PollOutcome::Failed(why) => ("failed", Some(why)),
        PollOutcome::Gone(why) => ("gone", Some(why)),
        PollOutcome::Deferred(why) => ("deferred", Some(why)),
        PollOutcome::NotStored(why) => ("not stored", Some(why)),
        PollOutcome::Unknown => ("unknown", None),
    };
    json!({ "source": report.name, "outcome": outcome, "why": why })
}
