//! What the origin has to say: the document, through the page that names it, and
//! the older pages that close a gap. Nothing is written here, so that a stop may
//! cut it anywhere.

use super::Poller;
use super::room::{Full, Part};
use crate::domain::post::DocumentKind;
use crate::domain::source::{ListRules, Source};
use crate::domain::url::HttpUrl;
use crate::domain::websub::Channel;
use crate::net::{FetchError, Fetched, Outcome, Request, shown};
use crate::read::{self, ReadError, Reading};
use crate::store::{Arriving, SourceClaim};
use std::sync::Arc;
use std::time::Duration;

/// How many archive pages are followed to close a gap (RFC 5005 section 4).
const MAX_ARCHIVES: usize = 5;

/// What the origin had to say.
pub(super) enum Found {
    Document(Box<Arrived>),
    Unchanged { permanent_to: Option<HttpUrl>, max_age: Option<Duration> },
    Gone,
}

/// A feed that was read, and where it was.
pub(super) struct Arrived {
    pub(super) feed: Feed,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Set when the configured page led to it in this poll.
    pub(super) discovered: Option<HttpUrl>,
    pub(super) permanent_to: Option<HttpUrl>,
}

/// What reading gave, with the keys that tell its posts apart.
pub(super) struct Feed {
    pub(super) entries: Vec<Arriving>,
    pub(super) reading: Reading,
    /// Its part of what may wait, as long as it waits.
    room: Vec<Part>,
}

/// Why nothing was found.
pub(super) struct Trouble {
    pub(super) why: String,
    /// How long the origin wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// The origin was not asked.
    pub(super) deferred: bool,
    /// The address itself is wrong: one that was found on a page is looked for again.
    pub(super) wrong_address: bool,
    /// What the page does not have.
    pub(super) missing: Option<Missing>,
}

/// See [`Trouble`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// What it used to have.
    Habit,
    /// A feed, wherever sites keep theirs.
    Feed,
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self {
            why: error.to_string(),
            retry_after: match error {
                FetchError::Temporary { retry_after, .. } | FetchError::NotAsked { rest: retry_after, .. } => {
                    retry_after
                }
                _ => None,
            },
            deferred: matches!(error, FetchError::NotAsked { .. }),
            wrong_address: matches!(error, FetchError::Permanent(_)),
            missing: None,
        }
    }
}

impl Trouble {
    /// The document came, and is not what it should be.
    pub(super) fn document(why: String) -> Self {
        Self { why, retry_after: None, deferred: false, wrong_address: false, missing: None }
    }
}

impl Poller {
    /// Asks the source, and the feed that its page names when it is a page.
    pub(super) async fn look(&self, claim: &SourceClaim, source: &Source) -> Result<Found, Trouble> {
        if let Some(rules) = source.list() {
            return self.look_at_list(claim, source, rules).await;
        }
        let url = claim.feed_url.as_ref().unwrap_or(&source.url);
        // What a page was that listed posts says nothing of a feed.
        let known = claim.harvest.is_none();
        let request = Request {
            url,
            etag: claim.etag.as_deref().filter(|_| known),
            last_modified: claim.last_modified.as_deref().filter(|_| known),
        };
        let fetched = match self.client.fetch(request).await? {
            Outcome::Fresh(fetched) => fetched,
            Outcome::NotModified { permanent_to, max_age } => return Ok(Found::Unchanged { permanent_to, max_age }),
            // A feed that was found on a page may have moved; the page knows.
            Outcome::Gone if claim.feed_url.is_some() => {
                return Err(Trouble {
                    wrong_address: true,
                    ..Trouble::document(format!("{}: it answered 410 Gone", shown(url)))
                });
            }
            Outcome::Gone => return Ok(Found::Gone),
        };
        let (fetched, mut feed, discovered) = match self.read(fetched, None).await? {
            (fetched, feed) if feed.reading.document.kind == DocumentKind::Feed => (fetched, feed, None),
            (page, feed) => {
                let (url, fetched, feed) = self.seek(claim, &page.final_url, feed.reading).await?;
                (fetched, feed, Some(url))
            }
        };
        let wishes = &mut feed.reading.pace;
        wishes.at_least = wishes.at_least.max(fetched.max_age);
        if let Some(Channel { topic, .. }) = fetched.channels.first() {
            wishes.self_url = Some(topic.clone());
            wishes.hubs.splice(..0, fetched.channels.into_iter().map(|channel| channel.hub));
        }
        // What was cut short is asked for again: its validators would hide the rest (P1).
        let whole = feed.reading.is_whole();
        let feed = self.close_gap(claim, feed).await;
        Ok(Found::Document(Box::new(Arrived {
            feed,
            etag: fetched.etag.filter(|_| whole),
            last_modified: fetched.last_modified.filter(|_| whole),
            permanent_to: fetched.permanent_to.filter(|_| discovered.is_none()),
            discovered,
        })))
    }

    /// Reads a document, or a list of posts, on a thread of its own, a few at
    /// once. A reader that fails hard takes nothing else with it (P15). What comes
    /// back of the document is what its headers said.
    pub(super) async fn read(
        &self,
        mut fetched: Box<Fetched>,
        list: Option<&ListRules>,
    ) -> Result<(Box<Fetched>, Feed), Trouble> {
        // The semaphore is never closed; should it be, all read at once.
        let permit = Arc::clone(&self.readers).acquire_owned().await.ok();
        let url = fetched.final_url.clone();
        let list = list.cloned();
        let platforms = self.config.load().platforms.clone();
        let work = tokio::task::spawn_blocking(move || {
            let input = read::Input {
                bytes: &fetched.bytes,
                content_type: fetched.content_type.as_deref(),
                base: Some(&fetched.final_url),
                platforms: &platforms,
            };
            let reading = match &list {
                Some(rules) => read::listing(&input, rules),
                None => read::read(&input),
            };
            let mut reading = reading.map_err(|error| Trouble {
                missing: matches!(error, ReadError::NoList | ReadError::NoItems(_) | ReadError::Empty)
                    .then_some(Missing::Habit),
                ..Trouble::document(error.to_string())
            })?;
            // For an operator's eyes only; others wait with their documents in memory.
            reading.raw = Vec::new();
            let fingerprint = match reading.document.kind {
                DocumentKind::Page => read::listed_fingerprint,
                DocumentKind::Feed => read::fingerprint,
            };
            let entries = std::mem::take(&mut reading.document.entries)
                .into_iter()
                .map(|entry| Arriving {
                    fingerprint: fingerprint(&entry),
                    url_key: entry.url.as_ref().map(read::url_key),
                    entry,
                })
                .collect();
            fetched.forget_bytes();
            Ok((fetched, Feed { entries, reading, room: Vec::new() }, permit))
        });
        let read = work.await.unwrap_or_else(|_| {
            let why = "reading it failed, which is a fault of syndicated: please report it";
            Err(Trouble::document(why.to_owned()))
        });
        let at = |trouble: Trouble| Trouble { why: format!("{}: {}", shown(&url), trouble.why), ..trouble };
        let (fetched, mut feed, _permit) = read.map_err(at)?;
        // Until it has room, nothing else is read in its place.
        feed.room.extend(self.room(&feed.entries).await.map_err(at)?);
        Ok((fetched, feed))
    }

    /// Room for what was read, where it needs some.
    async fn room(&self, entries: &[Arriving]) -> Result<Option<Part>, Trouble> {
        let size = entries.iter().map(|arriving| arriving.entry.size()).sum::<usize>();
        self.waiting.take(size, &self.clock).await.map_err(|Full| Trouble {
            deferred: true,
            ..Trouble::document(
                "not stored yet, since several other large feeds were waiting for the database".to_owned(),
            )
        })
    }

    /// When nothing in the document is known, posts may have come and gone
    /// between two polls: older pages of the feed, where it names them, still
    /// have them (P1, RFC 5005). What cannot be had is left.
    async fn close_gap(&self, claim: &SourceClaim, mut feed: Feed) -> Feed {
        let mut seen = Vec::new();
        while let Some(older) = feed.reading.older.take() {
            let known = claim.ok_at.is_none() || self.store.knows_any(claim, &feed.entries).await.unwrap_or(true);
            if known || seen.len() == MAX_ARCHIVES || seen.contains(&older) {
                break;
            }
            let Ok((_, page)) = self.follow(&older).await else { break };
            tracing::info!(source = %claim.name, page = %shown(&older), "following an older page of the feed to close a gap");
            feed.entries.extend(page.entries);
            feed.room.extend(page.room);
            feed.reading.older = page.reading.older;
            seen.push(older);
        }
        feed
    }
}
