//! The pages of the archive: what is asked of the store for each, and put into its
//! template. Feeds say what is new; these pages show all that there ever was.

mod contents;
mod data;
mod front;
mod listed;
mod lists;
mod post;
mod search;
mod sitemap;

use super::feed::{FeedKey, FeedOf};
use super::{Page, PublisherError, Written};
use crate::config::Config;
use crate::domain::language::Language;
use crate::domain::post::Post;
use crate::domain::time::Timestamp;
use crate::flow::digest::WebDigests;
use crate::flow::outlines::source_list;
use crate::publish::Format;
use crate::render::{Frame, Head, IndexFeed, Renderer, data as as_data};
use crate::store::{Chosen, Store};
use serde_json::Value;

/// What pages are made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Archive<'a> {
    pub(super) store: &'a Store,
    pub(super) config: &'a Config,
    pub(super) renderer: &'a Renderer,
    pub(super) digests: &'a WebDigests,
}

impl Archive<'_> {
    /// Writes a page; `None` when there is none.
    pub(super) async fn write(&self, page: &Page, chosen: &Chosen) -> Result<Option<Written>, PublisherError> {
        match page {
            Page::Front => self.front().await.map(Some),
            Page::List(of, number) => self.list(of, *number, chosen).await,
            Page::Opened(key) => self.opened(key, chosen).await,
            Page::Month(year, month, number) => self.month(*year, *month, number.unwrap_or(1)).await,
            Page::Post(id) => self.post(*id).await,
            Page::Contents => self.contents().await.map(Some),
            Page::Digests(name, number) => self.digests(name, number.unwrap_or(1)).await,
            Page::Sitemap(number) => self.sitemap(*number).await,
            Page::File(name) => Ok(Some(Written::new(self.renderer.file(name), Timestamp::EPOCH))),
            Page::Sources => Ok(Some(Written::new(source_list(self.config, self.store).await?, Timestamp::EPOCH))),
            Page::Digest(edition) => {
                let page = self.digests.page(edition).await?;
                Ok(page.map(|page| Written::new(page.html, page.date)))
            }
            Page::Robots => Ok(Some(Written::new(self.robots(), Timestamp::EPOCH))),
        }
    }

    /// The head of the page at `url`, in `language`. What it shows is at home on it, unless `head.canonical` says otherwise.
    fn head(&self, url: String, language: Language, heading: String, data: &Value) -> Head {
        let site = &self.config.site.title;
        let values = [("title", heading.as_str()), ("site", site.as_str())];
        Head {
            frame: Frame { language, site: site.clone(), base: self.config.path("") },
            description: self.renderer.filled(language, "page_about", &values),
            heading,
            canonical: url.clone(),
            url,
            kind: "website",
            image: None,
            feeds: Vec::new(),
            data: as_data(data),
        }
    }

    /// A page's address on the web.
    fn url(&self, page: &Page) -> String {
        self.config.url(&format!("/{}", page.path()))
    }

    /// A page's address on the site.
    fn path(&self, page: &Page) -> String {
        self.config.path(&format!("/{}", page.path()))
    }

    /// The feeds of what a page lists, `title` being its own.
    fn feeds(&self, of: &FeedOf) -> Vec<IndexFeed> {
        let feed = |format: Format| IndexFeed {
            name: format.title(),
            media_type: format.media_type(),
            url: FeedKey::new(of.clone(), format).url(&self.config.site.base_url),
        };
        Format::ALL.into_iter().map(feed).collect()
    }
}

impl Written {
    /// A document that is good until something changes.
    fn new(text: String, modified: Timestamp) -> Self {
        Self { text, modified, good_until: None, links: String::new() }
    }
}

/// When any of the posts last changed; the epoch when there is none.
fn changed(posts: &[Post]) -> Timestamp {
    posts.iter().map(|post| post.changed.max(post.first_seen)).max().unwrap_or(Timestamp::EPOCH)
}
