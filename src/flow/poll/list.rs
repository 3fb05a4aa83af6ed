//! Sources that are pages with a list of posts. A page promises nothing: what
//! was read of it is held against what it gave the last time, and what used to
//! be there and is not counts as a failure of its own kind. Nothing of such a
//! reading is stored.

use super::Poller;
use super::look::{Arrived, Found, Trouble};
use super::pages::Pages;
use crate::domain::harvest::{Gave, Harvest};
use crate::domain::post::DocumentKind;
use crate::domain::source::{ListRules, Source, TextFrom};
use crate::net::{Outcome, Request, shown};
use crate::store::{Arriving, PollEnd, SourceClaim};

impl Poller {
    /// Asks a page for the posts that it lists, as its host's robots.txt allows.
    pub(super) async fn look_at_list(
        &self,
        claim: &SourceClaim,
        source: &Source,
        rules: &ListRules,
    ) -> Result<Found, Trouble> {
        // Read by other selectors, the same page may say something else.
        let known = claim.harvest.as_ref().is_some_and(|harvest| harvest.rules == *rules);
        let request = Request {
            url: &source.url,
            etag: claim.etag.as_deref().filter(|_| known),
            last_modified: claim.last_modified.as_deref().filter(|_| known),
        };
        let fetched = match self.client.fetch_page(request).await? {
            Outcome::Fresh(fetched) => fetched,
            Outcome::NotModified { max_age, .. } => return Ok(Found::Unchanged { permanent_to: None, max_age }),
            Outcome::Gone => return Ok(Found::Gone),
        };
        let (fetched, mut feed) = self
            .read(fetched, Some(rules))
            .await
            .map_err(|trouble| Trouble { missing: trouble.missing.filter(|_| known), ..trouble })?;
        let wishes = &mut feed.reading.pace;
        wishes.at_least = wishes.at_least.max(fetched.max_age);
        let whole = feed.reading.is_whole();
        Ok(Found::Document(Box::new(Arrived {
            feed,
            etag: fetched.etag.filter(|_| whole),
            last_modified: fetched.last_modified.filter(|_| whole),
            discovered: None,
            // Redirects are followed each time, and the configured address stays.
            permanent_to: None,
        })))
    }
}

/// What a reading of a page source gave, or how its poll ends when that is less
/// than it was. Feeds keep no harvest.
pub(super) fn harvest(
    claim: &SourceClaim,
    source: &Source,
    kind: DocumentKind,
    entries: &[Arriving],
    pages: &Pages,
) -> Result<Option<Harvest>, PollEnd> {
    let (Some(rules), DocumentKind::Page) = (source.list(), kind) else { return Ok(None) };
    let earlier = claim.harvest.as_ref().filter(|earlier| earlier.rules == *rules);
    let had = earlier.map_or(Gave::default(), |earlier| earlier.pages);
    if let (Some(why), false, 0) = (&pages.disallowed, had.text, pages.read) {
        return Err(PollEnd::Failed(format!(
            "{why}; write content = \"feed\" to take what the list says, without its posts' pages"
        )));
    }
    let any = |has: fn(&Arriving) -> bool| entries.iter().any(has);
    let listed = source.content == TextFrom::Feed;
    let harvest = Harvest {
        rules: rules.clone(),
        list: Gave {
            title: pages.listed.title,
            date: pages.listed.date,
            text: listed && any(|arriving| arriving.entry.summary.is_some()),
        },
        pages: if pages.read > 0 { pages.gave } else { had },
    };
    let missing = earlier.map(|earlier| harvest.missing(earlier)).unwrap_or_default();
    if missing.is_empty() {
        return Ok(Some(harvest));
    }
    Err(PollEnd::Broken(format!(
        "{}: {} of its posts used to be there, and are missing from everything that was read there now; has the page been \
         rebuilt? Say with selectors where they stand, or take it as it is with `syndicated source resume {}`",
        shown(&source.url),
        missing.join(" and "),
        source.name
    )))
}
