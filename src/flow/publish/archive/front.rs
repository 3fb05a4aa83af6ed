//! The front page: what there is to follow, and the newest posts.

use super::{Archive, changed, data};
use crate::domain::piece::Scope;
use crate::flow::publish::feed::FeedOf;
use crate::flow::publish::{Page, PublisherError, Written};
use crate::render::{IndexContext, IndexItem};

/// How many posts it shows.
const NEWEST: u32 = 10;
/// With more sources than these, the table of contents lists them.
const SOURCES: usize = 30;

impl Archive<'_> {
    /// The front page. A site of one newsletter speaks that newsletter's language.
    pub(super) async fn front(&self) -> Result<Written, PublisherError> {
        let config = self.config;
        let language = match config.newsletters.as_slice() {
            [only] => only.language,
            _ => config.site.language,
        };
        let newsletters = config.newsletters.iter().map(|newsletter| IndexItem {
            language: newsletter.language,
            title: newsletter.title.clone(),
            description: newsletter.description.clone(),
            url: self.path(&Page::List(FeedOf::Newsletter(newsletter.name.clone()), None)),
            subscribe: if newsletter.is_mailed() {
                config.path(&format!("/subscribe/{}", newsletter.name))
            } else {
                String::new()
            },
            feeds: self.feeds(&FeedOf::Newsletter(newsletter.name.clone())),
        });
        let mut sources = Vec::new();
        if config.sources.len() <= SOURCES {
            for source in &config.sources {
                let row = self.store.source_row(&source.name).await?;
                sources.push(IndexItem {
                    language: config.site.language,
                    title: row.and_then(|row| row.title).unwrap_or_else(|| source.name.to_string()),
                    description: String::new(),
                    url: self.path(&Page::List(FeedOf::Source(source.name.clone()), None)),
                    subscribe: String::new(),
                    feeds: self.feeds(&FeedOf::Source(source.name.clone())),
                });
            }
        }
        let posts = self.store.posts_of(None, NEWEST, &|post| post.is_original(&Scope::default())).await?;
        let titles = self.titles(posts.iter()).await?;
        let mut head = self.head(self.url(&Page::Front), language, config.site.title.clone(), &data::front(self));
        head.description = self.renderer.filled(language, "front_about", &[("site", config.site.title.as_str())]);
        head.feeds = self.feeds(&FeedOf::Site);
        let context = IndexContext {
            head,
            newsletters: newsletters.collect(),
            sources,
            posts: posts.iter().map(|post| self.listed(post, &titles, language)).collect(),
        };
        Ok(Written::new(self.renderer.page_index(&context)?, changed(&posts)))
    }
}
