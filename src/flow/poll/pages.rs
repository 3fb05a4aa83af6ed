//! The full text of posts from their own pages, for sources whose feeds give
//! only a beginning (`content = "page"` or `"auto"`).
//!
//! A post's fingerprint stays that of its feed entry, so that a page is read
//! once, and again only when the feed says that the post has changed. A page
//! that could not be read leaves a mark on the fingerprint: the next poll tries
//! again, and until then the post is what the feed gave.

use super::Poller;
use crate::domain::post::Entry;
use crate::domain::source::{Rules, Source, TextFrom};
use crate::domain::url::HttpUrl;
use crate::net::{Outcome, Request, shown};
use crate::read::{self, words};
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

impl Poller {
    /// Gives entries that are new or changed the text of their pages.
    pub(super) async fn complete(
        &self,
        claim: &SourceClaim,
        source: &Source,
        entries: &mut [Arriving],
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        if source.content == TextFrom::Feed {
            return Ok(());
        }
        let known = self.store.known_texts(claim, entries).await?;
        let (began, mut pages) = (self.clock.now(), 0);
        for arriving in entries.iter_mut().filter(|arriving| !known.contains(&arriving.fingerprint)) {
            let Some(url) = arriving.entry.url.clone() else { continue };
            if source.content == TextFrom::Auto && !is_beginning(&arriving.entry) {
                continue;
            }
            let mut article = None;
            if pages < MOST_PAGES && self.clock.now().since(began) < BUDGET {
                pages += 1;
                article = tokio::select! {
                    article = self.article(&url, &source.rules) => Some(article),
                    () = stop.cancelled() => None,
                };
            }
            match article {
                Some(Ok(article)) => fill(&mut arriving.entry, article),
                unread => {
                    if let Some(Err(why)) = unread {
                        let page = shown(&url);
                        tracing::warn!(source = %source.name, %page, why, "a post's page could not be read; it is tried again");
                    }
                    arriving.fingerprint.push_str(UNREAD);
                }
            }
        }
        Ok(())
    }

    async fn article(&self, url: &HttpUrl, rules: &Rules) -> Result<Entry, String> {
        let fetched = match self.client.fetch(Request { url, etag: None, last_modified: None }).await {
            Ok(Outcome::Fresh(fetched)) => fetched,
            Ok(Outcome::NotModified { .. } | Outcome::Gone) => return Err("there is no page any more".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let rules = rules.clone();
        let work = tokio::task::spawn_blocking(move || {
            let input = read::Input {
                bytes: &fetched.bytes,
                content_type: fetched.content_type.as_deref(),
                base: Some(&fetched.final_url),
            };
            read::article(&input, &rules).map_err(|error| error.to_string())
        });
        work.await.unwrap_or_else(|_| Err("reading it failed, which is a fault of syndicated".to_owned()))
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
}

/// Whether an entry's text is only how it begins.
fn is_beginning(entry: &Entry) -> bool {
    let text = entry.content.as_ref().or(entry.summary.as_ref()).map(words).unwrap_or_default();
    let text = text.trim_end_matches([']', ')', ' ']);
    let breaks_off =
        ["…", "...", "Read more", "Continue reading", "더보기", "계속 읽기"].iter().any(|end| text.ends_with(end));
    breaks_off || text.chars().count() < BEGINNING
}
