//! The full text of posts from their own pages, for sources whose feeds give
//! only a beginning (`content = "page"` or `"auto"`, or what is known of the
//! post's platform).
//!
//! A post's fingerprint stays that of its feed entry, so that a page is read
//! once, and again only when the feed says that the post has changed. A page
//! that could not be read leaves a mark on the fingerprint: it is tried again,
//! less and less often and not for ever, and until then the post is what the
//! feed gave.

use super::Poller;
use crate::domain::platform::Platforms;
use crate::domain::post::Entry;
use crate::domain::source::{Rules, Source, TextFrom};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::net::{FetchError, Outcome, Request, shown};
use crate::read::{self, plain_text};
use crate::store::{Arriving, SourceClaim, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// So many pages are read in one poll; the others wait for the next.
const MOST_PAGES: usize = 10;
/// Pages are read for so long: well within the claim's lease.
const BUDGET: Duration = Duration::from_mins(2);
/// Marks the fingerprint of a post whose page is still to be read.
const UNREAD: &str = "~";
/// A text of fewer characters is only a beginning.
const BEGINNING: usize = 600;
/// When a page is tried again, counted from when its post came or changed: then,
/// and each time after twice as long, so often.
const FIRST_RETRY: Duration = Duration::from_mins(10);
/// The last one comes after three and a half days.
const RETRIES: u32 = 10;

/// Why a page gave no article.
struct Unread {
    why: String,
    /// Its host wants to be left alone for now.
    busy: bool,
}

impl Poller {
    /// Gives entries that are new or changed the text of their pages. Returns
    /// whether a page is still to be read, so that the feed must come in full
    /// again although it may not have changed.
    pub(super) async fn complete(
        &self,
        claim: &SourceClaim,
        source: &Source,
        entries: &mut [Arriving],
        stop: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let platforms = self.config.load().platforms.clone();
        let mut wanting: Vec<(&mut Arriving, HttpUrl)> = entries
            .iter_mut()
            .filter(|arriving| wants_page(source, &platforms, &arriving.entry))
            .filter_map(|arriving| arriving.entry.url.clone().map(|url| (arriving, url)))
            .collect();
        let texts: Vec<(String, String)> = wanting
            .iter()
            .map(|(arriving, _)| (arriving.fingerprint.clone(), format!("{}{UNREAD}", arriving.fingerprint)))
            .collect();
        let known = self.store.known_texts(claim, texts.iter().flat_map(|(read, unread)| [&**read, unread])).await?;
        let (began, mut pages, mut pending) = (self.clock.now(), 0, false);
        for ((arriving, url), (read, unread)) in wanting.iter_mut().zip(&texts) {
            if known.contains_key(&**read) {
                continue;
            }
            let since = known.get(&**unread).copied();
            let due = since.is_none_or(|since| is_due(since, claim.ok_at, began));
            let mut article = None;
            if due && pages < MOST_PAGES && self.clock.now().since(began) < BUDGET {
                pages += 1;
                article = tokio::select! {
                    article = self.article(url, &source.rules, &platforms) => Some(article),
                    () = stop.cancelled() => None,
                };
            }
            match article {
                Some(Ok(article)) => fill(&mut arriving.entry, article),
                unread => {
                    if let Some(Err(Unread { why, busy })) = unread {
                        let page = shown(url);
                        tracing::warn!(source = %source.name, %page, why, "a post's page could not be read; it is tried again");
                        // The others of this poll would be refused as well.
                        pages = if busy { MOST_PAGES } else { pages };
                    }
                    arriving.fingerprint.push_str(UNREAD);
                    pending |= since.is_none_or(|since| began.since(since) < retry(RETRIES - 1));
                }
            }
        }
        Ok(pending)
    }

    async fn article(&self, url: &HttpUrl, rules: &Rules, platforms: &Platforms) -> Result<Entry, Unread> {
        let broken = |why: String| Unread { why, busy: false };
        let fetched = match self.client.fetch(Request { url, etag: None, last_modified: None }).await {
            Ok(Outcome::Fresh(fetched)) => fetched,
            Ok(Outcome::NotModified { .. } | Outcome::Gone) => {
                return Err(broken("there is no page any more".to_owned()));
            }
            Err(error) => {
                let busy = matches!(error, FetchError::Busy(_) | FetchError::Temporary { retry_after: Some(_), .. });
                return Err(Unread { why: error.to_string(), busy });
            }
        };
        let (rules, platforms) = (rules.clone(), platforms.clone());
        let work = tokio::task::spawn_blocking(move || {
            let input = read::Input {
                bytes: &fetched.bytes,
                content_type: fetched.content_type.as_deref(),
                base: Some(&fetched.final_url),
                platforms: &platforms,
            };
            read::article(&input, &rules).map_err(|error| broken(error.to_string()))
        });
        work.await.unwrap_or_else(|_| Err(broken("reading it failed, which is a fault of syndicated".to_owned())))
    }
}

/// When a page is tried for the given time again, counted from 0.
fn retry(number: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << number.min(RETRIES))
}

/// Whether a time to try again came between the last poll and this one.
fn is_due(since: Timestamp, polled: Option<Timestamp>, now: Timestamp) -> bool {
    let before = polled.map_or(Duration::ZERO, |polled| polled.since(since));
    let age = now.since(since);
    (0..RETRIES).map(retry).any(|at| before < at && at <= age)
}

/// Whether the text of an entry is to come from its page.
fn wants_page(source: &Source, platforms: &Platforms, entry: &Entry) -> bool {
    let usual = || entry.url.as_ref().map_or(TextFrom::Feed, |url| read::text_from(platforms, url));
    match if source.content == TextFrom::Usual { usual() } else { source.content } {
        TextFrom::Page => true,
        TextFrom::Auto => is_beginning(entry),
        TextFrom::Usual | TextFrom::Feed => false,
    }
}

/// Takes from the page what the feed did not give, and the text in any case.
fn fill(entry: &mut Entry, page: Entry) {
    entry.content = page.content;
    entry.summary = entry.summary.take().or(page.summary);
    entry.also_at = page.also_at;
    entry.published = entry.published.or(page.published);
    entry.updated = entry.updated.or(page.updated);
    if entry.title.is_empty() {
        entry.title = page.title;
    }
    if entry.authors.is_empty() {
        entry.authors = page.authors;
    }
    if entry.categories.is_empty() {
        entry.categories = page.categories;
    }
    if entry.enclosures.is_empty() {
        entry.enclosures = page.enclosures;
    }
}

/// Whether an entry's text is only how it begins.
fn is_beginning(entry: &Entry) -> bool {
    let html = entry.content.as_ref().or(entry.summary.as_ref()).map_or("", |html| html.as_str());
    let text = plain_text(html);
    let text = text.trim_end_matches([']', ')', ' ']);
    let breaks_off =
        ["…", "...", "Read more", "Continue reading", "더보기", "계속 읽기"].iter().any(|end| text.ends_with(end));
    breaks_off || text.chars().count() < BEGINNING
}
