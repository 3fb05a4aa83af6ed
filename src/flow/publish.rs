//! How posts become feeds and the pages of the archive: rendered once per change, kept
//! packed in memory, served as bytes. When the database is away, readers get what was
//! rendered last (P16).
//!
//! A request costs nothing while nothing has changed: [`Publisher::invalidate`]
//! says that something has, and the revisions of its sources then say whether a
//! document is concerned.

mod announce;
mod archive;
mod document;
mod export;
mod feed;
mod kept;
mod packed;
mod page;

pub use announce::Announcer;
pub use document::Document;
pub use export::{ExportError, Exported};
pub use feed::{FeedKey, FeedOf};
pub use packed::{Coding, Packed};
pub use page::Page;

use crate::clock::Clock;
use crate::config::{Config, Live};
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use crate::domain::source::Source;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::publish::{self, Channel, Item, Origin, Pages, PublishError};
use crate::render::{RenderError, Renderer};
use crate::store::{Chosen, Store, StoreError};
use archive::Archive;
use kept::{Kept, Ready};
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::timeout;

/// How long a reader waits for another one's rendering when there is an older one.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many posts a feed holds that no newsletter limits, and each document of its archive.
const ITEMS: u32 = 50;

/// Renders feeds and pages, and keeps them.
#[derive(Debug)]
pub struct Publisher {
    store: Store,
    config: Live,
    renderer: Arc<Renderer>,
    clock: Clock,
    /// Raised when posts or the configuration may have changed.
    generation: AtomicU64,
    /// Raised with the configuration.
    configured: AtomicU64,
    /// The sources' revisions as a generation found them.
    revisions: Mutex<(u64, Arc<HashMap<Slug, i64>>)>,
    kept: Kept,
    /// Held by whoever renders a document: a crowd of readers costs one rendering.
    turns: Mutex<HashMap<Document, Weak<tokio::sync::Mutex<()>>>>,
}

/// Why a document could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer.
    #[error(transparent)]
    Write(#[from] PublishError),
    /// The template.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Packing, into memory.
    #[error("the document cannot be compressed: {0}")]
    Compress(#[from] io::Error),
}

/// A document that was written.
struct Written {
    text: String,
    /// When its posts last changed.
    modified: Timestamp,
    /// When its oldest post is too old for it.
    good_until: Option<Timestamp>,
    /// Its `Link` header.
    links: String,
}

impl Publisher {
    /// What is published of `store`, as the configuration says at each moment.
    #[must_use]
    pub fn new(store: Store, config: Live, renderer: Arc<Renderer>, clock: Clock) -> Self {
        Self {
            store,
            config,
            renderer,
            clock,
            generation: AtomicU64::new(1),
            configured: AtomicU64::new(0),
            revisions: Mutex::default(),
            kept: Kept::default(),
            turns: Mutex::default(),
        }
    }

    /// Says that posts may have changed.
    pub fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Says that the configuration or the templates have changed.
    pub fn reconfigured(&self) {
        self.configured.fetch_add(1, Ordering::AcqRel);
        self.invalidate();
    }

    /// A document's bytes, where they are ready and nothing has changed since.
    #[must_use]
    pub fn ready(&self, document: &Document) -> Option<Arc<Packed>> {
        self.kept.get(document).filter(|ready| self.is_good(ready)).map(|ready| ready.packed.clone())
    }

    /// A document's bytes; `None` when there is none. One reader has it
    /// rendered anew and the others wait for that, but not for long: when the
    /// database is slow, they get what was there before.
    pub async fn get(&self, document: impl Into<Document>) -> Result<Option<Arc<Packed>>, PublisherError> {
        let document = &document.into();
        if document.is_of_digests() {
            return self.unkept(document).await;
        }
        let before = self.kept.get(document);
        if let Some(ready) = before.as_ref().filter(|ready| self.is_good(ready)) {
            return Ok(Some(ready.packed.clone()));
        }
        let turn = self.turn_of(document);
        let _turn = match &before {
            Some(old) => match timeout(PATIENCE, turn.lock()).await {
                Ok(turn) => turn,
                Err(_) => return Ok(Some(old.packed.clone())),
            },
            None => turn.lock().await,
        };
        // Whoever had the turn before may have done the work.
        let old = self.kept.get(document);
        if let Some(ready) = old.as_ref().filter(|ready| self.is_good(ready)) {
            return Ok(Some(ready.packed.clone()));
        }
        match self.renew(document, old.as_deref()).await {
            Ok(fresh) => Ok(fresh),
            Err(error) => match old {
                Some(old) => {
                    tracing::warn!(%error, document = document.path(), "served as it was rendered last");
                    Ok(Some(old.packed.clone()))
                }
                None => Err(error),
            },
        }
    }

    /// A document whose changes no source counts, rendered anew each time.
    async fn unkept(&self, document: &Document) -> Result<Option<Arc<Packed>>, PublisherError> {
        let Some(text) = self.text(document.clone()).await? else { return Ok(None) };
        let packed = tokio::task::spawn_blocking(move || Packed::new(text, Timestamp::EPOCH, String::new())).await;
        Ok(Some(Arc::new(packed.map_err(io::Error::other)??)))
    }

    /// Whether nothing has happened since a document was found to be good.
    fn is_good(&self, ready: &Ready) -> bool {
        ready.generation.load(Ordering::Acquire) == self.generation.load(Ordering::Acquire)
            && ready.is_young(self.clock.now())
    }

    /// Renders a document if something changed that concerns it.
    async fn renew(&self, document: &Document, old: Option<&Ready>) -> Result<Option<Arc<Packed>>, PublisherError> {
        // Before anything is read: what changes meanwhile is seen by the next.
        let generation = self.generation.load(Ordering::Acquire);
        let config = self.config.load_full();
        let Some(chosen) = document.chosen(&config) else {
            self.kept.remove(document);
            return Ok(None);
        };
        let stamp = self.stamp(&chosen, generation).await?;
        if let Some(old) = old.filter(|old| old.stamp == stamp && old.is_young(self.clock.now())) {
            old.generation.store(generation, Ordering::Release);
            return Ok(Some(old.packed.clone()));
        }
        let Some(Written { text, modified, good_until, links }) = self.write(&config, document, &chosen).await? else {
            self.kept.remove(document);
            return Ok(None);
        };
        // The same bytes keep their place, and so their entity tag and date.
        let is_same = |old: &&Ready| old.packed.digest == packed::digest(&text) && old.packed.links == links.as_bytes();
        let same = old.filter(is_same).map(|old| old.packed.clone());
        let packed = match same {
            Some(packed) => packed,
            // Off the threads that serve: it takes as long as a thousand answers.
            None => Arc::new(
                tokio::task::spawn_blocking(move || Packed::new(text, modified, links))
                    .await
                    .map_err(io::Error::other)??,
            ),
        };
        self.kept.put(
            document.clone(),
            Ready::new(packed.clone(), stamp, good_until, generation),
            config.http.feed_bytes,
        );
        Ok(Some(packed))
    }

    /// Of what a document is made, as a number: the configuration, and the revisions of its sources.
    async fn stamp(&self, chosen: &Chosen, generation: u64) -> Result<u64, StoreError> {
        let mut hasher = DefaultHasher::new();
        self.configured.load(Ordering::Acquire).hash(&mut hasher);
        if matches!(chosen, Chosen::Sources(names) if names.is_empty()) {
            // A stylesheet is there when the database is not.
            return Ok(hasher.finish());
        }
        let revisions = self.revisions(generation).await?;
        let mut of = |names: &mut dyn Iterator<Item = &Slug>| {
            for name in names {
                (name, revisions.get(name)).hash(&mut hasher);
            }
        };
        match chosen {
            Chosen::Sources(names) => of(&mut names.iter()),
            Chosen::All | Chosen::Labelled(..) => {
                let mut names: Vec<&Slug> = revisions.keys().collect();
                names.sort_unstable();
                of(&mut names.into_iter());
            }
        }
        Ok(hasher.finish())
    }

    async fn revisions(&self, generation: u64) -> Result<Arc<HashMap<Slug, i64>>, StoreError> {
        {
            let known = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
            if known.0 == generation {
                return Ok(known.1.clone());
            }
        }
        let fresh = Arc::new(self.store.revisions().await?);
        *self.revisions.lock().unwrap_or_else(PoisonError::into_inner) = (generation, fresh.clone());
        Ok(fresh)
    }

    fn turn_of(&self, document: &Document) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(document).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(document.clone(), Arc::downgrade(&turn));
        turn
    }

    /// What the sources call themselves.
    pub async fn source_titles(&self) -> Result<HashMap<Slug, String>, StoreError> {
        let rows = self.store.source_rows().await?;
        Ok(rows.into_iter().filter_map(|row| Some((row.name, row.title?))).collect())
    }

    /// A document's text, rendered now.
    pub async fn text(&self, document: impl Into<Document>) -> Result<Option<String>, PublisherError> {
        let (config, document) = (self.config.load_full(), document.into());
        let Some(chosen) = document.chosen(&config) else { return Ok(None) };
        Ok(self.write(&config, &document, &chosen).await?.map(|written| written.text))
    }

    /// The page of a search for `query`, the `number`th from 1.
    pub async fn search(&self, query: &str, number: u32) -> Result<String, PublisherError> {
        let config = self.config.load_full();
        self.archive(&config).search(query, number).await
    }

    fn archive<'a>(&'a self, config: &'a Config) -> Archive<'a> {
        Archive { store: &self.store, config, renderer: &self.renderer }
    }

    async fn write(
        &self,
        config: &Config,
        document: &Document,
        chosen: &Chosen,
    ) -> Result<Option<Written>, PublisherError> {
        match document {
            Document::Feed(key) => self.write_feed(config, key, chosen).await,
            Document::Page(page) => self.archive(config).write(page, chosen).await,
        }
    }

    /// Writes a feed; `None` when there is none, or no such page of it.
    async fn write_feed(
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
        let take = |post: &Post| filter.is_none_or(|filter| post.left_out_by(filter).is_none());
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
        let first_to_go = posts.last().and_then(|post| Some(post.date().plus(max_age?)));
        let good_until = first_to_go.filter(|_| key.page.is_none());
        let pages = Pages::of(key.page, full_pages, &|page| FeedKey { page, ..key.clone() }.url(&config.site.base_url));
        let Some(channel) = self.channel(config, key, label).await? else { return Ok(None) };
        let hubs = if key.is_announced() { config.feeds.hubs.clone() } else { Vec::new() };
        let channel = Channel { full: key.full, pages, hubs, ttl: Some(minutes_between(config, chosen)), ..channel };
        let origins = self.origins(&posts).await?;
        let items: Vec<Item<'_>> =
            posts.iter().map(|post| Item { post, origin: origins.get(&post.source_name) }).collect();
        let text = publish::write(key.format, &channel, &items)?;
        let original = self.original(key).await?;
        let links = publish::links(&channel, original.as_deref());
        Ok(Some(Written { text, modified: publish::updated(&items), good_until, links }))
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
