//! A feed's text, from the posts that it is of.

use super::{FeedKey, FeedOf, Publisher, PublisherError, Written};
use crate::config::Config;
use crate::domain::language::Language;
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use crate::domain::source::Source;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::publish::{self, Channel, Item, Origin, Pages, Tombstone};
use crate::store::{Chosen, StoreError};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How many posts a feed holds that no newsletter limits, and each document of its archive.
const ITEMS: u32 = 50;
/// For how long a feed tells that a post was withdrawn, and of how many.
const TOLD_FOR: Duration = Duration::from_hours(30 * 24);
const TOMBSTONES: usize = 50;
/// So many withdrawn posts are looked through for a newsletter's filter.
const LOOKED_THROUGH: u32 = 200;

impl Publisher {
    /// Writes a feed; `None` when there is none, or no such page of it.
    pub(super) async fn write_feed(
        &self,
        config: &Config,
        key: &FeedKey,
        chosen: &Chosen,
    ) -> Result<Option<Written>, PublisherError> {
        let (limit, max_age, filter) = match &key.of {
            FeedOf::Newsletter(name) => match config.newsletter(name.as_str()) {
                Some(found) => (found.feed_items, found.feed_age, Some(&found.filter)),
                None => return Ok(None),
            },
            FeedOf::Site | FeedOf::Source(_) | FeedOf::Label(..) => (ITEMS, None, None),
        };
        // What a source's filter hides, the store leaves out; a newsletter's is asked anew each time.
        let now = self.clock.now();
        let oldest = max_age.filter(|_| key.page.is_none()).map_or(Timestamp::EPOCH, |age| now.minus(age));
        let scope = key.of.scope(config);
        let take =
            |post: &Post| post.is_original(&scope) && filter.is_none_or(|filter| post.left_out_by(filter).is_none());
        // Each document of the archive is full, once there is one behind it.
        let full_pages = u32::try_from(self.store.count_posts(chosen).await? / u64::from(limit)).unwrap_or(u32::MAX);
        let mut label = None;
        let mut posts = match (key.page, chosen) {
            (Some(page), _) if page > full_pages => return Ok(None),
            (Some(page), chosen) => {
                let mut posts = self.store.post_block(chosen, u64::from(page - 1) * u64::from(limit), limit).await?;
                posts.retain(take);
                posts
            }
            (None, Chosen::All) => self.store.posts_of(None, limit, &take).await?,
            (None, Chosen::Sources(names)) => self.store.posts_of(Some(names), limit, &take).await?,
            (None, Chosen::Labelled(kind, name)) => {
                let Some((name, posts)) = self.store.labelled_posts(*kind, name, limit).await? else { return Ok(None) };
                label = Some(name);
                posts
            }
        };
        posts.retain(|post| post.date() >= oldest);
        let withdrawn = match key.page {
            None => self.store.withdrawn_posts(chosen, now.minus(TOLD_FOR), LOOKED_THROUGH).await?,
            Some(_) => Vec::new(),
        };
        let withdrawn: Vec<Tombstone> = withdrawn
            .iter()
            .filter(|post| filter.is_none_or(|filter| post.left_out_by(filter).is_none()))
            .filter_map(|post| {
                let guid = post.entry.guid.clone();
                Some(Tombstone { source: post.source_name.clone(), guid, at: post.retracted? })
            })
            .take(TOMBSTONES)
            .collect();
        let first_to_go = posts.last().and_then(|post| Some(post.date().plus(max_age?)));
        let first_told = withdrawn.last().map(|tombstone| tombstone.at.plus(TOLD_FOR));
        let good_until = first_to_go.into_iter().chain(first_told).min().filter(|_| key.page.is_none());
        let pages = Pages::of(key.page, full_pages, &|page| FeedKey { page, ..key.clone() }.url(&config.site.base_url));
        let Some(channel) = self.channel(config, key, label).await? else { return Ok(None) };
        let hubs = if key.is_announced() { config.feeds.hubs.clone() } else { Vec::new() };
        let also_at = match &key.of {
            FeedOf::Source(_) => String::new(),
            _ => self.renderer.text(language(config, &key.of), "also_at"),
        };
        let channel = Channel {
            also_at,
            withdrawn,
            full: key.full,
            pages,
            hubs,
            ttl: Some(minutes_between(config, chosen)),
            ..channel
        };
        let origins = self.origins(&posts).await?;
        let items: Vec<Item<'_>> =
            posts.iter().map(|post| Item { post, origin: origins.get(&post.source_name), scope }).collect();
        let text = publish::write(key.format, &channel, &items)?;
        let original = self.original(key).await?;
        let links = publish::links(&channel, original.as_deref());
        Ok(Some(Written { text, modified: publish::updated(&channel, &items), good_until, links }))
    }

    /// What the feed says of itself; `label` is a label as its posts write it.
    async fn channel(
        &self,
        config: &Config,
        key: &FeedKey,
        label: Option<String>,
    ) -> Result<Option<Channel>, PublisherError> {
        let base = &config.site.base_url;
        let Ok(self_url) = key.url(base).parse::<HttpUrl>() else { return Ok(None) };
        let site = &config.site;
        let own = &config.feeds;
        let of_site = Channel {
            image: own.image.clone(),
            icon: own.icon.clone(),
            copyright: own.copyright.clone(),
            ..Channel::new(&site.title, site.language.tag(), base.clone(), self_url.clone())
        };
        Ok(Some(match &key.of {
            FeedOf::Site => of_site,
            FeedOf::Newsletter(name) => {
                let Some(newsletter) = config.newsletter(name.as_str()) else { return Ok(None) };
                let channel = Channel {
                    image: newsletter.image.clone().or_else(|| own.image.clone()),
                    icon: own.icon.clone(),
                    copyright: newsletter.copyright.clone().or_else(|| own.copyright.clone()),
                    ..Channel::new(&newsletter.title, newsletter.language.tag(), base.clone(), self_url)
                };
                match newsletter.description.as_str() {
                    "" => channel,
                    description => Channel { description: description.to_owned(), ..channel },
                }
            }
            FeedOf::Source(name) => {
                let row = self.store.source_row(name).await?;
                let title = row.as_ref().and_then(|row| row.title.clone()).unwrap_or_else(|| name.to_string());
                let home = row.as_ref().and_then(|row| row.link.as_ref()?.parse().ok()).unwrap_or_else(|| base.clone());
                let language = row.and_then(|row| row.language).unwrap_or_else(|| site.language.tag().to_owned());
                Channel::new(&title, &language, home, self_url)
            }
            FeedOf::Label(_, name) => {
                let label = label.unwrap_or_else(|| name.to_string());
                Channel { title: format!("{label} · {}", site.title), ..of_site }
            }
        }))
    }

    /// Where the feed stands that a source's feed repeats.
    async fn original(&self, key: &FeedKey) -> Result<Option<String>, StoreError> {
        let FeedKey { of: FeedOf::Source(name), page: None, .. } = key else { return Ok(None) };
        Ok(self.store.source_row(name).await?.map(|row| row.feed_url.unwrap_or(row.url)))
    }

    async fn origins(&self, posts: &[Post]) -> Result<HashMap<Slug, Origin>, StoreError> {
        let names: HashSet<&Slug> = posts.iter().map(|post| &post.source_name).collect();
        let mut origins = HashMap::new();
        for name in names {
            if let Some(row) = self.store.source_row(name).await? {
                let title = row.title.unwrap_or_else(|| name.to_string());
                origins.insert(name.clone(), Origin { title, url: row.feed_url.unwrap_or(row.url) });
            }
        }
        Ok(origins)
    }
}

/// The language that a feed's own words are in.
fn language(config: &Config, of: &FeedOf) -> Language {
    let newsletter = match of {
        FeedOf::Newsletter(name) => config.newsletter(name.as_str()),
        FeedOf::Site | FeedOf::Source(_) | FeedOf::Label(..) => None,
    };
    newsletter.map_or(config.site.language, |newsletter| newsletter.language)
}

/// For how many minutes what was read of a feed will do: the shortest time between
/// two looks at one of its sources, which bring what is new; no less than other
/// programs may keep it anyhow (`Cache-Control`), and an hour at the most, since
/// nobody knows when in that time a reader asked.
fn minutes_between(config: &Config, chosen: &Chosen) -> u32 {
    const LEAST: Duration = Duration::from_mins(5);
    const MOST: Duration = Duration::from_hours(1);
    let names: Option<HashSet<&Slug>> = match chosen {
        Chosen::Sources(names) => Some(names.iter().collect()),
        Chosen::All | Chosen::Labelled(..) => None,
    };
    let is_meant = |source: &&Source| names.as_ref().is_none_or(|names| names.contains(&source.name));
    let mut known: HashMap<&str, Duration> = HashMap::new();
    let mut shortest = MOST;
    for source in config.sources.iter().filter(is_meant) {
        let distance = || source.schedule.shortest_distance(LEAST, MOST);
        shortest = shortest.min(*known.entry(source.schedule.line()).or_insert_with(distance));
        if shortest <= LEAST {
            break;
        }
    }
    u32::try_from(shortest.max(config.fetch.min_interval.min(MOST)).as_secs() / 60).unwrap_or(60)
}
