//! The feed of a page: the first that it names and that can be had, else one
//! where such sites keep theirs.
//!
//! Looking for it costs requests, so that it is done once, and again after a week
//! or when somebody asks for it. Where a feed used to be, nothing is put in its
//! place that nobody named: the front page of a site under repair is no reason
//! to follow another of its feeds.

use super::Poller;
use super::look::{Feed, Missing, Trouble};
use crate::domain::post::DocumentKind;
use crate::domain::url::HttpUrl;
use crate::net::{Fetched, Outcome, Request, shown};
use crate::read::Reading;
use crate::store::SourceClaim;
use std::time::Duration;

/// So many of a page's own feeds are tried.
const MOST_NAMED: usize = 3;
/// When the usual addresses are tried again after none of them had a feed.
const SOUGHT_AGAIN_AFTER: Duration = Duration::from_hours(7 * 24);

impl Poller {
    /// The feed of a page that stood where the source's document should.
    pub(super) async fn seek(
        &self,
        claim: &SourceClaim,
        page: &HttpUrl,
        Reading { feeds, guesses, .. }: Reading,
    ) -> Result<(HttpUrl, Box<Fetched>, Feed), Trouble> {
        let mut named = None;
        for feed in feeds.into_iter().take(MOST_NAMED) {
            match self.follow(&feed.url).await {
                Ok((fetched, read)) => return Ok((feed.url, fetched, read)),
                Err(trouble) if trouble.wrong_address => named = named.or(Some(trouble)),
                // What fails for a while is no reason to follow another.
                Err(trouble) => return Err(trouble),
            }
        }
        let again = |at| self.clock.now().since(at) >= SOUGHT_AGAIN_AFTER;
        let why = match (&claim.feed_url, claim.sought_at, claim.ok_at) {
            (None, None, None) => return self.guess(page, guesses, named).await,
            (None, Some(at), _) if again(at) => return self.guess(page, guesses, named).await,
            (None, Some(at), _) => format!(
                "{} is a page that names no feed, and none of the usual addresses had one at {at}: {ADVICE}; `syndicated \
                 source resume {}` looks for it again",
                shown(page),
                claim.name
            ),
            (Some(_), ..) | (None, None, Some(_)) => {
                format!("{}: where the feed was, there is a page that names no feed", shown(page))
            }
        };
        Err(named.unwrap_or(Trouble { wrong_address: true, ..Trouble::document(why) }))
    }

    /// The feed of a page that names none, where platforms keep theirs.
    async fn guess(
        &self,
        page: &HttpUrl,
        guesses: Vec<HttpUrl>,
        named: Option<Trouble>,
    ) -> Result<(HttpUrl, Box<Fetched>, Feed), Trouble> {
        let tried = guesses.len();
        for url in guesses {
            match self.follow(&url).await {
                Ok((fetched, feed)) => return Ok((url, fetched, feed)),
                // The host wants to be left alone, which is no answer to the question.
                Err(trouble) if trouble.deferred || trouble.retry_after.is_some() => return Err(trouble),
                Err(_) => {}
            }
        }
        let why = || {
            format!(
                "{} is a page that names no feed, and none of {tried} usual addresses has one: {ADVICE}",
                shown(page)
            )
        };
        let trouble = named.unwrap_or_else(|| Trouble::document(why()));
        Err(Trouble { wrong_address: true, missing: Some(Missing::Feed), ..trouble })
    }

    /// Fetches and reads what must be a feed.
    pub(super) async fn follow(&self, url: &HttpUrl) -> Result<(Box<Fetched>, Feed), Trouble> {
        let wrong = |why| Trouble { wrong_address: true, ..Trouble::document(why) };
        let fetched = match self.client.fetch(Request { url, etag: None, last_modified: None }).await? {
            Outcome::Fresh(fetched) => fetched,
            Outcome::NotModified { .. } | Outcome::Gone => {
                return Err(wrong(format!("{}: the page names this feed, and it is not there", shown(url))));
            }
        };
        let (fetched, feed) = self.read(fetched, None).await?;
        if feed.reading.document.kind == DocumentKind::Feed {
            Ok((fetched, feed))
        } else {
            Err(wrong(format!("{}: the page names this as its feed, but it is a page as well", shown(url))))
        }
    }
}

/// What a person may do.
const ADVICE: &str = "give the feed's own address, or write kind = \"page\" to follow what the page itself lists";
