//! What search engines may look at (sitemaps.org, protocol 0.9), and what they may not
//! (RFC 9309).

use super::Archive;
use crate::domain::id::PostId;
use crate::domain::label::LabelKind;
use crate::domain::time::Timestamp;
use crate::flow::digest::address;
use crate::flow::publish::feed::FeedOf;
use crate::flow::publish::{Page, PublisherError, Written};
use crate::publish::{SitemapEntry, sitemap, sitemap_index};

/// How many posts one sitemap names.
const POSTS: u32 = 10_000;
/// So many addresses may stand in one (protocol 0.9).
const LISTED: usize = 50_000;
/// How many tags and authors are worth a visit.
const LABELS: u32 = 1_000;
/// How many digests of a newsletter the sitemap names.
const DIGESTS: u32 = 1_000;

impl Archive<'_> {
    /// The index of all sitemaps; the one of lists and digests, which is the first; or one of posts.
    pub(super) async fn sitemap(&self, number: Option<u32>) -> Result<Option<Written>, PublisherError> {
        let blocks = self.store.last_post_id().await?.map_or(0, |last| (last.0 - 1) / i64::from(POSTS) + 1);
        let sitemaps = 1 + u32::try_from(blocks).unwrap_or(u32::MAX - 1);
        let text = match number {
            None => {
                let urls: Vec<String> = (1..=sitemaps).map(|number| self.url(&Page::Sitemap(Some(number)))).collect();
                sitemap_index(&urls)
            }
            Some(1) => sitemap(&self.lists().await?),
            Some(number) if number <= sitemaps => {
                let from = i64::from(number - 2) * i64::from(POSTS);
                let posts = self.store.post_ids_behind(Some(PostId(from)), POSTS).await?;
                // There may be fewer with such numbers than the store was asked for.
                let own = posts.into_iter().take_while(|(id, _)| id.0 <= from + i64::from(POSTS));
                let entry = |(id, changed)| SitemapEntry { url: self.url(&Page::Post(id)), changed: Some(changed) };
                sitemap(&own.map(entry).collect::<Vec<_>>())
            }
            Some(_) => return Ok(None),
        };
        Ok(Some(Written::new(text, Timestamp::EPOCH)))
    }

    async fn lists(&self) -> Result<Vec<SitemapEntry>, PublisherError> {
        let mut pages = vec![Page::Front, Page::Contents, Page::List(FeedOf::Site, None)];
        let newsletters = &self.config.newsletters;
        pages.extend(newsletters.iter().map(|found| Page::List(FeedOf::Newsletter(found.name.clone()), None)));
        pages.extend(self.config.sources.iter().map(|found| Page::List(FeedOf::Source(found.name.clone()), None)));
        pages.extend(self.all_months().await?.into_iter().map(|(year, month)| Page::Month(year, month, None)));
        for kind in [LabelKind::Tag, LabelKind::Author, LabelKind::Language] {
            let found = self.store.label_cloud(kind, LABELS).await?;
            pages.extend(found.into_iter().map(|(key, _, _)| Page::List(FeedOf::Label(kind, key), None)));
        }
        let mut entries: Vec<SitemapEntry> =
            pages.iter().map(|page| SitemapEntry { url: self.url(page), changed: None }).collect();
        for newsletter in self.config.mailed().filter(|newsletter| newsletter.web) {
            let page = Page::Digests(newsletter.name.clone(), None);
            entries.push(SitemapEntry { url: self.url(&page), changed: None });
            for digest in self.store.archive_digests(Some(&newsletter.name), DIGESTS, 0).await? {
                entries
                    .push(SitemapEntry { url: address(self.config, &digest.edition), changed: Some(digest.frozen_at) });
            }
        }
        entries.truncate(LISTED);
        Ok(entries)
    }

    /// The pages of a reader's own are nobody's to look at, and a search is made for people.
    pub(super) fn robots(&self) -> String {
        let closed = ["/search", "/confirm/", "/u/", "/back/", "/p/", "/address/", "/data/", "/websub/", "/hooks/"];
        let closed: Vec<String> = closed.iter().map(|path| format!("Disallow: {}", self.config.path(path))).collect();
        format!("User-agent: *\n{}\n\nSitemap: {}\n", closed.join("\n"), self.url(&Page::Sitemap(None)))
    }
}
