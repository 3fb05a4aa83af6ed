//! Lists of posts: of a newsletter, a source, a label, a month; and a newsletter's digests.

use super::listed::Titles;
use super::{Archive, changed, data};
use crate::domain::label::LabelKind;
use crate::domain::language::Language;
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::flow::digest::DIGESTS;
use crate::flow::publish::feed::{FeedKey, FeedOf};
use crate::flow::publish::{Page, PublisherError, Written};
use crate::render::{DigestsContext, IndexFeed, Link, ListContext, ListedDigest};
use crate::store::{Chosen, StoreError};
use chrono::{Months, NaiveDate};

/// How many posts a page lists.
pub(super) const LISTED: u32 = 20;
/// How many digests.
const MAILED: u32 = 50;

/// What a list says of itself.
struct About {
    what: &'static str,
    language: Language,
    title: String,
    description: String,
    home: Option<Link>,
}

impl Archive<'_> {
    /// A page of the posts that a feed is of: the newest, or a numbered one.
    pub(super) async fn list(
        &self,
        of: &FeedOf,
        number: Option<u32>,
        chosen: &Chosen,
    ) -> Result<Option<Written>, PublisherError> {
        self.listing(of, number, chosen, None).await
    }

    /// The newest posts of a feed, for somebody who opened it in a browser.
    pub(super) async fn opened(&self, key: &FeedKey, chosen: &Chosen) -> Result<Option<Written>, PublisherError> {
        self.listing(&key.of, None, chosen, Some(key)).await
    }

    async fn listing(
        &self,
        of: &FeedOf,
        number: Option<u32>,
        chosen: &Chosen,
        opened: Option<&FeedKey>,
    ) -> Result<Option<Written>, PublisherError> {
        // The last may fill up yet: the newest posts by their dates need not be those that came last.
        let count = self.store.count_posts(chosen).await?;
        let pages = if count > u64::from(LISTED) { count.div_ceil(u64::from(LISTED)) } else { 0 };
        let pages = u32::try_from(pages).unwrap_or(u32::MAX);
        let Some((label, posts)) = self.posts_of(of, number.filter(|number| *number <= pages), chosen).await? else {
            return Ok(None);
        };
        if number.is_some_and(|number| number > pages) {
            return Ok(None);
        }
        let Some(about) = self.about(of, label).await? else { return Ok(None) };
        let page = |number| self.path(&Page::List(of.clone(), number));
        let older = number.map_or(pages, |number| number - 1);
        let own = Page::List(of.clone(), number);
        let titles = self.titles(posts.iter()).await?;
        let language = about.language;
        let mut head = self.head(self.url(&own), language, about.title, &data::list(self, &own, &posts));
        if !about.description.is_empty() {
            head.description.clone_from(&about.description);
        }
        head.feeds = self.feeds(of);
        let mailed = match of {
            FeedOf::Newsletter(name) => self.config.mailed_newsletter(name.as_str()),
            _ => None,
        };
        let context = ListContext {
            head,
            what: about.what,
            about: about.description,
            home: about.home,
            subscribe: mailed.map(|newsletter| self.config.path(&format!("/subscribe/{}", newsletter.name))),
            digests: mailed.map(|newsletter| self.path(&Page::Digests(newsletter.name.clone(), None))),
            posts: posts.iter().map(|post| self.listed(post, &titles, language)).collect(),
            newer: number.map(|number| page(Some(number + 1).filter(|newer| *newer <= pages))),
            older: (older > 0).then(|| page(Some(older))),
            newest: number.map(|_| page(None)),
            opened: opened.map(|key| IndexFeed {
                name: key.format.title(),
                media_type: key.format.media_type(),
                url: key.url(&self.config.site.base_url),
            }),
        };
        Ok(Some(Written::new(self.renderer.page_list(&context)?, changed(&posts))))
    }

    /// The posts, and a label's name as they write it; `None` when nothing is labelled so.
    async fn posts_of(
        &self,
        of: &FeedOf,
        number: Option<u32>,
        chosen: &Chosen,
    ) -> Result<Option<(Option<String>, Vec<Post>)>, StoreError> {
        let filter = match of {
            FeedOf::Newsletter(name) => self.config.newsletter(name.as_str()).map(|found| &found.filter),
            _ => None,
        };
        let scope = of.scope(self.config);
        let take =
            |post: &Post| post.is_original(&scope) && filter.is_none_or(|filter| post.left_out_by(filter).is_none());
        let mut label = None;
        if let Chosen::Labelled(kind, key) = chosen {
            let Some((name, posts)) = self.store.labelled_posts(*kind, key, LISTED).await? else { return Ok(None) };
            if number.is_none() {
                return Ok(Some((Some(name), posts)));
            }
            label = Some(name);
        }
        let posts = match (number, chosen) {
            (Some(number), _) => {
                let mut posts =
                    self.store.post_block(chosen, u64::from(number - 1) * u64::from(LISTED), LISTED).await?;
                posts.retain(take);
                posts
            }
            (None, Chosen::Sources(names)) => self.store.posts_of(Some(names), LISTED, &take).await?,
            (None, _) => self.store.posts_of(None, LISTED, &take).await?,
        };
        Ok(Some((label, posts)))
    }

    async fn about(&self, of: &FeedOf, label: Option<String>) -> Result<Option<About>, StoreError> {
        let site = &self.config.site;
        let plain = |what, title: String| About {
            what,
            language: site.language,
            title,
            description: String::new(),
            home: None,
        };
        Ok(Some(match of {
            FeedOf::Site => plain("", self.renderer.text(site.language, "posts_heading")),
            FeedOf::Newsletter(name) => {
                let Some(newsletter) = self.config.newsletter(name.as_str()) else { return Ok(None) };
                About {
                    language: newsletter.language,
                    description: newsletter.description.clone(),
                    ..plain("list_newsletter", newsletter.title.clone())
                }
            }
            FeedOf::Source(name) => {
                let row = self.store.source_row(name).await?;
                let title = row.as_ref().and_then(|row| row.title.clone()).unwrap_or_else(|| name.to_string());
                let home =
                    row.and_then(|row| row.link).filter(|link| link.parse::<crate::domain::url::HttpUrl>().is_ok());
                About { home: home.map(|url| Link { title: title.clone(), url }), ..plain("list_source", title) }
            }
            FeedOf::Label(kind, key) => {
                let title = label.unwrap_or_else(|| key.to_string());
                match kind {
                    LabelKind::Tag => plain("list_tag", title),
                    LabelKind::Author => plain("list_author", title),
                    LabelKind::Language => plain("list_language", self.language_name(&title)),
                }
            }
        }))
    }

    /// What a language is called in itself, where there are texts in it; else its tag.
    pub(super) fn language_name(&self, tag: &str) -> String {
        match tag.parse::<Language>().ok().and_then(|language| self.renderer.spoken(language.tag())) {
            Some(language) => self.renderer.text(language, "language_name"),
            None => tag.to_owned(),
        }
    }

    /// The posts of a month by the site's clock, newest first.
    pub(super) async fn month(&self, year: i32, month: u32, number: u32) -> Result<Option<Written>, PublisherError> {
        let Some((from, to)) = self.bounds(year, month) else { return Ok(None) };
        let behind = u64::from(number - 1) * u64::from(LISTED);
        let posts = self.store.posts_between(from, to, LISTED, behind).await?;
        if posts.is_empty() {
            return Ok(None);
        }
        let all = self.store.count_between(from, to).await?;
        let language = self.config.site.language;
        let page = |number: u32| Page::Month(year, month, Some(number).filter(|number| *number > 1));
        let own = page(number);
        let titles: Titles = self.titles(posts.iter()).await?;
        let heading = self.renderer.month(language, year, month);
        let mut head = self.head(self.url(&own), language, heading, &data::list(self, &own, &posts));
        head.feeds = self.feeds(&FeedOf::Site);
        let context = ListContext {
            head,
            what: "list_month",
            about: String::new(),
            home: None,
            subscribe: None,
            digests: None,
            posts: posts.iter().map(|post| self.listed(post, &titles, language)).collect(),
            newer: (number > 1).then(|| self.path(&page(number - 1))),
            older: (behind + u64::from(LISTED) < all).then(|| self.path(&page(number + 1))),
            newest: None,
            opened: None,
        };
        Ok(Some(Written::new(self.renderer.page_list(&context)?, changed(&posts))))
    }

    /// When a month begins and ends by the site's clock.
    pub(super) fn bounds(&self, year: i32, month: u32) -> Option<(Timestamp, Timestamp)> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let next = first.checked_add_months(Months::new(1))?;
        let instant =
            |day: NaiveDate| crate::domain::schedule::instant(self.config.site.timezone, day.and_hms_opt(0, 0, 0)?);
        Some((instant(first)?, instant(next)?))
    }

    /// A newsletter's digests, newest first.
    pub(super) async fn digests(&self, name: &Slug, number: u32) -> Result<Option<Written>, PublisherError> {
        let Some(newsletter) = self.config.mailed_newsletter(name.as_str()).filter(|newsletter| newsletter.web) else {
            return Ok(None);
        };
        let behind = u64::from(number - 1) * u64::from(MAILED);
        let mut digests = self.store.archive_digests(Some(name), MAILED + 1, behind).await?;
        if digests.is_empty() && number > 1 {
            return Ok(None);
        }
        let more = digests.len() > usize::try_from(MAILED).unwrap_or(usize::MAX);
        digests.truncate(usize::try_from(MAILED).unwrap_or(usize::MAX));
        let page = |number: u32| Page::Digests(name.clone(), Some(number).filter(|number| *number > 1));
        let own = page(number);
        let language = newsletter.language;
        let heading = self.renderer.filled(language, "digests_heading", &[("title", &newsletter.title)]);
        let mut head = self.head(self.url(&own), language, heading, &data::page(self, &self.url(&own)));
        head.feeds = self.feeds(&FeedOf::Newsletter(name.clone()));
        let listed = digests.iter().map(|digest| ListedDigest {
            title: digest.subject.clone(),
            url: self.config.path(&format!("{DIGESTS}{}/", digest.edition.path())),
            date: self.moment(digest.frozen_at, language),
        });
        let context = DigestsContext {
            head,
            about: newsletter.description.clone(),
            subscribe: Some(self.config.path(&format!("/subscribe/{name}"))),
            digests: listed.collect(),
            newer: (number > 1).then(|| self.path(&page(number - 1))),
            older: more.then(|| self.path(&page(number + 1))),
        };
        let modified = digests.first().map_or(Timestamp::EPOCH, |digest| digest.frozen_at);
        Ok(Some(Written::new(self.renderer.page_digests(&context)?, modified)))
    }
}
