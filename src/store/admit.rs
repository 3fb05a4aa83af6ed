//! A source's document, admitted: one transaction in which entries, their
//! earlier versions, the source's validators and its next poll commit together
//! or not at all (P1). Which stored post an entry is, if any, is decided in
//! `identity` (P2).

use super::absences::{Absences, note_absences};
use super::aliases::{keep_aliases, told};
use super::changed_posts::{refresh_post, update_post};
use super::claims::SourceClaim;
use super::cross_posts::find_pieces;
use super::feeds::raise_revision;
use super::filtered::judge_again;
use super::hub_choice::want_hub;
use super::identity::{Match, decide};
use super::known::known_posts;
use super::labels::{label_again, label_posts};
use super::new_posts::insert_posts;
use super::search::write_words;
use super::together::{Ending, How};
use super::versions::keep_version;
use super::{Store, StoreError, Tx, each};
use crate::domain::filter::{Filter, Reason};
use crate::domain::harvest::Harvest;
use crate::domain::id::PostId;
use crate::domain::pace::Pace;
use crate::domain::post::{Entry, HeldFor, Standing};
use crate::domain::source::{Identity, Seed};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::domain::websub::Channel;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashSet;

/// More look-alikes than this in one poll, and they are held (P2).
const FLOOD: usize = 20;

/// What a poll brought.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The document's entries, with what tells them apart.
    pub entries: Vec<Arriving>,
    /// The feed's own title.
    pub title: Option<String>,
    /// The site that the feed belongs to.
    pub link: Option<HttpUrl>,
    /// The feed's language.
    pub language: Option<String>,
    /// The address that the document came from, when it is not the configured one.
    pub feed_url: Option<HttpUrl>,
    /// The document's validators.
    pub etag: Option<String>,
    /// Likewise.
    pub last_modified: Option<String>,
    /// How the document had to be mended; `None` when it was sound.
    pub repaired: Option<String>,
    /// What the feed asks of those who poll it.
    pub pace: Pace,
    /// Where its changes can be announced to us, the favourite first.
    pub channels: Vec<Channel>,
    /// What a page source's reading gave; `None` for feeds.
    pub harvest: Option<Harvest>,
    /// What a first poll may mail.
    pub seed: Seed,
    /// Which posts are shown and mailed; the others are stored.
    pub filter: Filter,
    /// Whether new posts wait until an editor lets them out.
    pub review: bool,
    /// What it says of posts that are not in it; `None` when nobody asks for that.
    pub absences: Option<Absences>,
    /// When to poll next.
    pub next_poll_at: Timestamp,
}

impl Arrival {
    /// Entries of which their document says nothing else.
    #[must_use]
    pub fn of(entries: Vec<Arriving>, next_poll_at: Timestamp) -> Self {
        Self {
            entries,
            title: None,
            link: None,
            language: None,
            feed_url: None,
            etag: None,
            last_modified: None,
            repaired: None,
            pace: Pace::default(),
            channels: Vec::new(),
            harvest: None,
            seed: Seed::None,
            filter: Filter::default(),
            review: false,
            absences: None,
            next_poll_at,
        }
    }
}

/// An entry with its keys.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// The entry.
    pub entry: Entry,
    /// Digest of what a reader sees of it.
    pub fingerprint: String,
    /// Its address without what does not tell posts apart.
    pub url_key: Option<String>,
}

/// What became of an arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Posts that may be mailed.
    pub new: Vec<PostId>,
    /// Posts of a first poll, which are not mailed.
    pub seeded: Vec<PostId>,
    /// Posts whose text changed.
    pub changed: Vec<PostId>,
    /// Posts that the flood guard keeps back.
    pub held: Vec<PostId>,
    /// Posts that wait until an editor lets them out.
    pub to_review: Vec<PostId>,
    /// Posts that the source's filter hides.
    pub filtered: Vec<PostId>,
    /// Posts that counted as withdrawn and are back.
    pub back: Vec<PostId>,
    /// How many entries were known and the same.
    pub same: usize,
    /// The lease was lost to another node; nothing was written.
    pub fenced_out: bool,
}

impl Store {
    /// Stores what a poll brought: new posts, changed ones with their earlier
    /// version, and the source's progress, in one transaction.
    pub async fn admit(&self, claim: SourceClaim, arrival: Arrival, now: Timestamp) -> Result<Admitted, StoreError> {
        self.end(Ending { claim, how: How::Arrived(Box::new(arrival)), now }).await
    }
}

/// Writes an arrival into a transaction that may hold others.
pub(super) async fn write_arrival(
    tx: &mut Tx,
    claim: &SourceClaim,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<Admitted, StoreError> {
    let Some(identity) = advance_source(tx, claim, arrival, now).await? else {
        return Ok(Admitted { fenced_out: true, ..Admitted::default() });
    };
    if !arrival.channels.is_empty() || !claim.pace.hubs.is_empty() {
        want_hub(tx, claim.id, &arrival.channels, now).await?;
    }
    let known = known_posts(tx, claim.id, &arrival.entries).await?;
    let told = told(tx, claim.id, &known, &arrival.entries).await?;
    let decided = decide(&known, &told, &arrival.entries, identity);
    if decided.identity != identity {
        keep_identity(tx, claim, decided.identity).await?;
    }
    let mut known_again = Vec::new();
    let mut admitted = Admitted::default();
    let mut shown = HashSet::new();
    let (mut fresh, mut refreshed, mut rewritten) = (Vec::new(), false, Vec::<(PostId, &Arriving)>::new());
    for (arriving, found) in arrival.entries.iter().zip(decided.matches) {
        if let Match::Known { id, other_guid: Some(rule), .. } | Match::Twin(Some((id, rule))) = found {
            known_again.push((id, rule, arriving));
        }
        if let Match::Known { id, .. } = found {
            shown.insert(id);
        }
        match found {
            Match::Known { id, same: true, .. } => {
                if refresh_post(tx, id, arriving).await? {
                    judge_again(tx, id, &arriving.entry, arrival).await?;
                    label_again(tx, id, &arriving.entry, arrival.language.as_deref()).await?;
                    rewritten.push((id, arriving));
                    refreshed = true;
                }
                admitted.same += 1;
            }
            Match::Known { id, .. } => {
                keep_version(tx, id, arriving, now).await?;
                update_post(tx, id, arriving, now).await?;
                judge_again(tx, id, &arriving.entry, arrival).await?;
                label_again(tx, id, &arriving.entry, arrival.language.as_deref()).await?;
                rewritten.push((id, arriving));
                admitted.changed.push(id);
            }
            Match::New { guid, looks_old } => {
                let filtered = arrival.filter.leaves_out(&arriving.entry, arrival.language.as_deref(), now);
                fresh.push(Fresh { arriving, guid, looks_old, filtered });
            }
            Match::Twin(_) => {}
        }
    }
    keep_aliases(tx, claim.id, &known_again, now).await?;
    let nothing_shared = admitted.same + admitted.changed.len() == 0 && !fresh.is_empty();
    // A source that was given another address may be another blog: what its
    // first document shows was there before, unless it is known.
    let seeds = !claim.seeded || (claim.ok_at.is_none() && nothing_shared);
    if !seeds && nothing_shared {
        tracing::warn!(
            source = %claim.name, entries = fresh.len(),
            "this poll shares no entry with what is stored: posts between the two may have been missed"
        );
    }
    let flood = !seeds && fresh.iter().filter(|fresh| fresh.looks_old).count() > FLOOD;
    let mailable = newest(&fresh, if seeds { seed_count(arrival.seed) } else { fresh.len() });
    // Oldest first, so that numbers rise with dates.
    let standings: Vec<(Fresh<'_>, Arrives)> = fresh
        .into_iter()
        .enumerate()
        .rev()
        .map(|(position, fresh)| {
            let standing = match (flood && fresh.looks_old, mailable.contains(&position)) {
                (true, _) => Arrives::Held(HeldFor::Flood),
                (false, true) if arrival.review => Arrives::Held(HeldFor::Review),
                (false, true) => Arrives::Live,
                (false, false) => Arrives::Seed,
            };
            (fresh, standing)
        })
        .collect();
    let ids = insert_posts(tx, claim.id, &standings, now).await?;
    let entries = standings.iter().map(|(fresh, _)| &fresh.arriving.entry);
    let new: Vec<_> = ids.iter().zip(entries).map(|(id, entry)| (*id, entry, entry.date(now))).collect();
    label_posts(tx, &new, arrival.language.as_deref()).await?;
    rewritten.extend(ids.iter().copied().zip(standings.iter().map(|(fresh, _)| fresh.arriving)));
    write_texts(tx, claim, &rewritten, arrival, now).await?;
    shown.extend(&ids);
    let judged = !(seeds || nothing_shared || flood);
    admitted.back = note_absences(tx, claim.id, (&shown, judged), arrival.absences.as_ref(), now).await?;
    if refreshed || !(new.is_empty() && admitted.changed.is_empty() && admitted.back.is_empty()) {
        raise_revision(tx, claim.id).await?;
    }
    for (id, (fresh, standing)) in ids.into_iter().zip(&standings) {
        match standing {
            Arrives::Held(HeldFor::Flood) => admitted.held.push(id),
            _ if fresh.filtered.is_some() => admitted.filtered.push(id),
            Arrives::Held(_) => admitted.to_review.push(id),
            Arrives::Live => admitted.new.push(id),
            Arrives::Seed => admitted.seeded.push(id),
        }
    }
    Ok(admitted)
}

/// Writes what new and changed texts are found by: their words, and what they have in common with others.
async fn write_texts(
    tx: &mut Tx,
    claim: &SourceClaim,
    written: &[(PostId, &Arriving)],
    arrival: &Arrival,
    now: Timestamp,
) -> Result<(), StoreError> {
    let texts: Vec<_> = written.iter().map(|(id, arriving)| (*id, &arriving.entry)).collect();
    write_words(tx, &texts, arrival.title.as_deref()).await?;
    find_pieces(tx, claim.id, written, now).await
}

/// How a post of its own begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrives {
    Seed,
    Live,
    Held(HeldFor),
}

impl Arrives {
    pub(super) fn standing(self) -> Standing {
        match self {
            Self::Seed => Standing::Seed,
            Self::Live => Standing::Live,
            Self::Held(_) => Standing::Held,
        }
    }

    pub(super) fn held_for(self) -> Option<HeldFor> {
        match self {
            Self::Held(why) => Some(why),
            Self::Seed | Self::Live => None,
        }
    }
}

/// An entry that is a post of its own.
pub(super) struct Fresh<'a> {
    pub(super) arriving: &'a Arriving,
    /// What it is stored under.
    pub(super) guid: String,
    looks_old: bool,
    /// Why the source's filter hides it.
    pub(super) filtered: Option<Reason>,
}

fn seed_count(seed: Seed) -> usize {
    match seed {
        Seed::None => 0,
        Seed::Newest(count) => count,
    }
}

/// The positions of the `count` newest entries, those that are seen first; where
/// dates are missing or the same, the document's order decides.
fn newest(fresh: &[Fresh<'_>], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..fresh.len()).collect();
    order.sort_by_key(|&position| {
        fresh.get(position).map(|fresh| (fresh.filtered.is_some(), Reverse(fresh.arriving.entry.published)))
    });
    order.truncate(count);
    order
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Writes what tells the source's posts apart from now on.
async fn keep_identity(tx: &mut Tx, claim: &SourceClaim, identity: Identity) -> Result<(), StoreError> {
    tracing::warn!(
        source = %claim.name,
        "the guids of this source change, or stand for several posts: its posts are told apart by their addresses from now on"
    );
    each!(tx, |db| {
        sqlx::query("UPDATE source SET identity = $2 WHERE id = $1")
            .bind(claim.id.0)
            .bind(identity.as_str())
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Writes what the poll learnt of the source, and says what tells its posts apart;
/// `None` when the claim is no longer ours (P7).
async fn advance_source(
    tx: &mut Tx,
    claim: &SourceClaim,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<Option<Identity>, StoreError> {
    let pace = if arrival.pace == Pace::default() { None } else { Some(to_json(&arrival.pace)?) };
    let harvest = arrival.harvest.as_ref().map(to_json).transpose()?;
    let written: Option<(String,)> = each!(tx, |db| {
        sqlx::query_as(
            "UPDATE source SET title = $3, link = $4, language = $5, feed_url = $6, etag = $7, last_modified = $8,
                 next_poll_at = CASE WHEN next_poll_at <> $13 AND next_poll_at < $9 THEN next_poll_at ELSE $9 END, polled_at = $10, ok_at = $10, seeded = TRUE, failures = 0, trouble = NULL,
                 revision = revision + CASE WHEN title IS DISTINCT FROM $3 OR link IS DISTINCT FROM $4
                     OR language IS DISTINCT FROM $5 OR feed_url IS DISTINCT FROM $6 THEN 1 ELSE 0 END,
                 failing_since = NULL, broken = FALSE, repaired = $11, pace = $12, harvest = $14, sought_at = NULL,
                 state = CASE WHEN state = 'gone' THEN 'active' ELSE state END, lease_until = 0
             WHERE id = $1 AND fence = $2 RETURNING identity",
        )
        .bind(claim.id.0)
        .bind(claim.fence)
        .bind(&arrival.title)
        .bind(arrival.link.as_ref().map(HttpUrl::as_str))
        .bind(&arrival.language)
        .bind(arrival.feed_url.as_ref().map(HttpUrl::as_str))
        .bind(&arrival.etag)
        .bind(&arrival.last_modified)
        .bind(arrival.next_poll_at.millis())
        .bind(now.millis())
        .bind(&arrival.repaired)
        .bind(&pace)
        .bind(claim.due_at)
        .bind(&harvest)
        .fetch_optional(&mut **db)
        .await
    })?;
    written.map(|(identity,)| identity.parse().map_err(StoreError::Corrupt)).transpose()
}
