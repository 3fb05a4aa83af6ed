//! The full text of posts from their own pages, for sources whose feeds give
//! only a beginning (`content = "page"` or `"auto"`, or what is known of the
//! post's platform).
//!
//! A post's fingerprint stays that of its feed entry, so that a page is read
//! once, and again only when the feed says that the post has changed. A page
//! that could not be read leaves a mark on the fingerprint: it is tried again,
//! less and less often and not for ever, and until then the post is what the
//! feed gave. So does one whose turn has not come: it is asked for in the next
//! poll.

use super::Poller;
use crate::domain::harvest::Gave;
use crate::domain::platform::Platforms;
use crate::domain::post::Entry;
use crate::domain::source::{Source, TextFrom};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::net::{Client, FetchError, Outcome, Request, shown};
use crate::read::{self, ReadError, words};
use crate::store::{Arriving, SourceClaim, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// So many pages are read in one poll; the others wait for the next.
const MOST_PAGES: usize = 10;
/// Pages are read for so long: well within the claim's lease.
const BUDGET: Duration = Duration::from_mins(2);
/// Marks the fingerprint of a post whose page was asked for in vain.
const UNREAD: &str = "~";
/// Marks that of a post whose page was not asked for yet.
const WAITING: &str = "+";
/// A text of fewer characters is only a beginning.
const BEGINNING: usize = 600;
/// When a page is tried again, counted from when its post came or changed: then,
/// and each time after twice as long, so often.
const FIRST_RETRY: Duration = Duration::from_mins(10);
/// The last one comes after three and a half days.
const RETRIES: u32 = 10;

/// What came of reading posts' pages.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// A page is still to be read, so that the document must come again although
    /// it may not have changed.
    pub(super) pending: bool,
    /// How many were there, of posts that no earlier poll had tried.
    pub(super) read: usize,
    /// What those had.
    pub(super) gave: Gave,
    /// What the entries had before.
    pub(super) listed: Gave,
    /// Why one may not be read.
    pub(super) disallowed: Option<String>,
}

/// Why a page gave no article.
enum Unread {
    /// There is none on it.
    NoText(String),
    /// Its host does not want it to be read.
    Disallowed(String),
    /// Its host wants to be left alone for now.
    Busy(String),
    /// Something else.
    Trouble(String),
}

impl Poller {
    /// Gives entries that are new or changed the text of their pages.
    pub(super) async fn complete(
        &self,
        claim: &SourceClaim,
        source: &Source,
        entries: &mut [Arriving],
        stop: &CancellationToken,
    ) -> Result<Pages, StoreError> {
        let any = |has: fn(&Entry) -> bool| entries.iter().any(|arriving| has(&arriving.entry));
        let listed = Gave {
            title: any(|entry| !entry.title.is_empty()),
            date: any(|entry| entry.published.is_some()),
            ..Gave::default()
        };
        let mut pages = Pages { listed, ..Pages::default() };
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
        let (began, mut asked) = (self.clock.now(), 0);
        for ((arriving, url), (read, unread)) in wanting.iter_mut().zip(&texts) {
            if known.contains_key(&**read) {
                // What was read from the page stays.
                if let Some(post) = self.store.post_with_text(claim.id, read).await? {
                    fill(&mut arriving.entry, post.entry);
                }
                continue;
            }
            // No earlier poll asked for it, or none knew of it.
            let since = known.get(&**unread).copied();
            let is_new = since.is_none();
            let due = since.is_none_or(|since| is_due(since, claim.ok_at, began));
            let (mut article, mut tried) = (None, since.is_some());
            if due && asked < MOST_PAGES && self.clock.now().since(began) < BUDGET {
                asked += 1;
                article = tokio::select! {
                    article = article_at(&self.client, url, source, &platforms) => Some(article),
                    () = stop.cancelled() => None,
                };
                tried |= article.is_some();
            }
            if let (true, Some(Ok(_) | Err(Unread::NoText(_)))) = (is_new, &article) {
                pages.read += 1;
            }
            let why = match article {
                Some(Ok(article)) => {
                    if is_new {
                        pages.gave.title |= !article.title.is_empty();
                        pages.gave.date |= article.published.is_some();
                        pages.gave.text = true;
                    }
                    take(&mut arriving.entry, article, source);
                    continue;
                }
                Some(Err(Unread::Disallowed(why))) => {
                    tracing::warn!(source = %source.name, page = %shown(url), why, "a post stays as its list gives it");
                    pages.disallowed.get_or_insert(why);
                    continue;
                }
                Some(Err(Unread::Busy(why))) => {
                    // The others of this poll would be refused as well.
                    asked = MOST_PAGES;
                    Some(why)
                }
                Some(Err(Unread::NoText(why) | Unread::Trouble(why))) => Some(why),
                None => None,
            };
            if let Some(why) = why {
                tracing::warn!(source = %source.name, page = %shown(url), why, "a post's page could not be read; it is tried again");
            }
            arriving.fingerprint.push_str(if tried { UNREAD } else { WAITING });
            pages.pending |= since.is_none_or(|since| began.since(since) < retry(RETRIES - 1));
        }
        Ok(pages)
    }
}

/// Gives entries the texts of their pages as the first poll of `source` would.
/// Returns what could not be read, and why.
pub async fn read_pages(
    client: &Client,
    source: &Source,
    platforms: &Platforms,
    entries: &mut [Entry],
) -> Vec<(HttpUrl, String)> {
    let mut unread = Vec::new();
    let wanting = entries.iter_mut().filter(|entry| wants_page(source, platforms, entry));
    let with_page = wanting.filter_map(|entry| entry.url.clone().map(|url| (entry, url)));
    for (number, (entry, url)) in with_page.enumerate() {
        if number >= MOST_PAGES {
            unread.push((url, format!("{MOST_PAGES} pages are read in one poll; its turn comes in a later one")));
            continue;
        }
        match article_at(client, &url, source, platforms).await {
            Ok(article) => take(entry, article, source),
            Err(Unread::NoText(why) | Unread::Disallowed(why) | Unread::Busy(why) | Unread::Trouble(why)) => {
                unread.push((url, why));
            }
        }
    }
    unread
}

async fn article_at(client: &Client, url: &HttpUrl, source: &Source, platforms: &Platforms) -> Result<Entry, Unread> {
    let request = Request { url, etag: None, last_modified: None };
    // Whoever publishes a feed invites programs; a page's owner may not have.
    let answer = match source.list() {
        Some(_) => client.fetch_page(request).await,
        None => client.fetch_at_pace(request).await,
    };
    let fetched = match answer {
        Ok(Outcome::Fresh(fetched)) => fetched,
        Ok(Outcome::NotModified { .. } | Outcome::Gone) => {
            return Err(Unread::Trouble("there is no page any more".to_owned()));
        }
        Err(FetchError::Disallowed(why)) => return Err(Unread::Disallowed(why)),
        Err(error @ (FetchError::NotAsked { .. } | FetchError::Temporary { retry_after: Some(_), .. })) => {
            return Err(Unread::Busy(error.to_string()));
        }
        Err(error) => return Err(Unread::Trouble(error.to_string())),
    };
    let (rules, platforms) = (source.rules.clone(), platforms.clone());
    let work = tokio::task::spawn_blocking(move || {
        let input = read::Input {
            bytes: &fetched.bytes,
            content_type: fetched.content_type.as_deref(),
            base: Some(&fetched.final_url),
            platforms: &platforms,
        };
        read::article(&input, &rules).map_err(|error| match error {
            ReadError::NoArticle => Unread::NoText(error.to_string()),
            error => Unread::Trouble(error.to_string()),
        })
    });
    work.await.unwrap_or_else(|_| Err(Unread::Trouble("reading it failed, which is a fault of syndicated".to_owned())))
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

/// Takes over what was read from an entry's page now.
fn take(entry: &mut Entry, page: Entry, source: &Source) {
    if source.list().is_some() {
        // A page tells the minute of what its list tells the day.
        entry.published = page.published.or(entry.published);
    }
    fill(entry, page);
}

/// Takes from the page what the feed did not give, and the text in any case.
fn fill(entry: &mut Entry, page: Entry) {
    entry.content = page.content;
    entry.summary = entry.summary.take().or(page.summary);
    entry.also_at = page.also_at;
    entry.original = page.original.or(entry.original.take());
    entry.published = entry.published.or(page.published);
    entry.updated = entry.updated.or(page.updated);
    entry.language = entry.language.take().or(page.language);
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
    let text = entry.content.as_ref().or(entry.summary.as_ref()).map(words).unwrap_or_default();
    let text = text.trim_end_matches([']', ')', ' ']);
    let breaks_off =
        ["…", "...", "Read more", "Continue reading", "더보기", "계속 읽기"].iter().any(|end| text.ends_with(end));
    breaks_off || text.chars().count() < BEGINNING
}
