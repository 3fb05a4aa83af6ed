//! `post show`: what became of a post, and why.

use super::identity::KnownAs;
use super::{Stored, as_json, titled, unknown};
use crate::cli::output::{Out, count};
use crate::cli::setting::local;
use crate::cli::{Json, Setting};
use crate::config::Config;
use crate::domain::delivery::DeliveryState;
use crate::domain::digest::{Balance, Digest, DigestState};
use crate::domain::id::{DigestId, PostId};
use crate::domain::newsletter::{Cadence, Newsletter, Rhythm};
use crate::domain::post::{HeldFor, Standing};
use crate::domain::slug::Slug;
use crate::domain::span;
use crate::domain::time::Timestamp;
use crate::store::{PassedOver, Retraction, Store, Tied};
use serde::Serialize;

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

pub(super) async fn show(id: PostId, json: Json, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let post = store.post(id).await?.ok_or_else(|| unknown(id))?;
    let fates = fates(&store, &config, &post, setting.clock.now()).await?;
    let versions = store.post_versions(id).await?.len();
    let known_as = KnownAs::of(&store, &post).await?;
    let ties = store.ties(id).await?;
    let retraction = store.retraction(id).await?;
    if json.json {
        let mut shown = as_json(&post);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("earlier_versions".to_owned(), versions.into());
            fields.insert("identity".to_owned(), serde_json::to_value(&known_as)?);
            fields.insert("mailed".to_owned(), serde_json::to_value(&fates)?);
            fields.insert("ties".to_owned(), serde_json::to_value(&ties)?);
            fields.insert("retraction".to_owned(), serde_json::to_value(&retraction)?);
        }
        return Ok(out.json(&shown)?);
    }
    let at = |at: Timestamp| local(config.site.timezone, at);
    let changes = if versions == 0 {
        String::new()
    } else {
        format!(" (earlier versions kept: {versions}; see `post diff {id}`)")
    };
    let places = post.also_at().into_iter().map(|place| match place.url {
        Some(url) => format!("{} <{url}>", place.name),
        None => place.name,
    });
    let [guid, identity] = known_as.facts();
    out.facts(&[
        ("post", post.id.to_string()),
        ("title", titled(&post)),
        ("address", post.entry.url.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("authors", post.entry.authors.join(", ")),
        ("source", post.source_name.to_string()),
        ("language", post.spoken_language().unwrap_or_default()),
        (
            "length",
            format!("{} to read", count(usize::try_from(post.minutes()).unwrap_or(usize::MAX), "minute", "minutes")),
        ),
        ("also at", places.collect::<Vec<_>>().join(", ")),
        ("published", post.entry.published.map(at).unwrap_or_default()),
        ("first seen", at(post.first_seen)),
        ("changed", format!("{}{changes}", at(post.changed))),
        ("standing", standing(&post)),
        guid,
        identity,
        ("withdrawn", retraction.map(|retraction| withdrawal(&retraction, at)).unwrap_or_default()),
    ])?;
    known_as.tell(at, out)?;
    for tied in &ties {
        let Tied { post, source, rule, evidence, apart, at: when } = tied;
        let what = if *apart { "told apart from" } else { "one piece with" };
        let why = if evidence.is_empty() { rule.to_string() } else { format!("{rule}: {evidence}") };
        out.line(format!("  {what} post {post} of {source} since {} ({why})", at(*when)))?;
    }
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
                        None if let Some(other) = stands_for(store, newsletter, cadence, post).await? => other,
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

/// Which other post of its piece goes out in its stead, or did.
async fn stands_for(
    store: &Store,
    newsletter: &Newsletter,
    cadence: &Cadence,
    post: &Stored,
) -> anyhow::Result<Option<String>> {
    let scope = newsletter.scope();
    for other in post.appearances_in(&scope) {
        let digests = store.digests_of_post(other.id).await?;
        let of_cadence =
            |digest: &&Digest| digest.edition.newsletter == newsletter.name && digest.edition.cadence == cadence.name;
        if let Some(digest) = digests.iter().find(of_cadence) {
            return Ok(Some(format!(
                "not mailed: it is one piece with post {} of {}, which stands in digest {}",
                other.id, other.source, digest.id
            )));
        }
    }
    let original = post.appearances_in(&scope).map(|other| (scope.rank(&other.source, other.date, other.id), other));
    Ok(original.min_by_key(|(rank, _)| *rank).filter(|_| !post.is_original(&scope)).map(|(_, other)| {
        format!(
            "not mailed: it is one piece with post {} of {}, the original, which goes out for both",
            other.id, other.source
        )
    }))
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
    if let Some(retracted) = post.retracted {
        return format!("not mailed, because it was withdrawn at {}", at(retracted));
    }
    match (post.standing, &post.filtered_by) {
        (Standing::Seed, _) => return "not mailed, because it was there before the source was first polled".to_owned(),
        (Standing::Held, _) => {
            return format!("not mailed: {}; `syndicated post release {}` lets it go", held(post), post.id);
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

fn standing(post: &Stored) -> String {
    if let Some(reason) = &post.filtered_by {
        return format!("filtered: stored, and neither in a feed nor mailed, by `{reason}`");
    }
    if post.retracted.is_some() {
        return "retracted: it was withdrawn where it stood, and is neither in a feed nor mailed".to_owned();
    }
    if post.hidden {
        return "hidden by hand: neither in a feed nor mailed".to_owned();
    }
    match post.standing {
        Standing::Seed => "seed: it was there before the source was first polled".to_owned(),
        Standing::Live => "live: it may be mailed".to_owned(),
        Standing::Held => held(post),
    }
}

/// How far it is from being withdrawn, or since when it is and why.
fn withdrawal(retraction: &Retraction, at: impl Fn(Timestamp) -> String) -> String {
    let proof = retraction.gone_since.zip(retraction.proof);
    let proof = proof.map(|(since, proof)| format!("{proof}, since {}", at(since)));
    if let Some(retracted) = retraction.retracted_at {
        return format!("at {}: {}", at(retracted), proof.unwrap_or_default());
    }
    let missing = retraction.missing_since.map(|since| format!("its feed lacks it since {}", at(since)));
    let next = retraction.check_at.map(|next| format!("; looked at again from {}", at(next))).unwrap_or_default();
    format!("not yet: {}{next}", proof.or(missing).unwrap_or_default())
}

fn held(post: &Stored) -> String {
    match post.held_for {
        Some(HeldFor::Review) => "it waits for an editor's approval (review_posts)",
        Some(HeldFor::Editor) => "it is held by hand",
        Some(HeldFor::Flood) | None => "the flood guard holds it",
    }
    .to_owned()
}
