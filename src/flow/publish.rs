//! How posts become feeds: rendered once per change, kept compressed, served as
//! bytes. When the database is away, readers get what was rendered last (P16).

use crate::config::{Config, Live};
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use crate::domain::source::Source;
use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use crate::publish::{self, Channel, Format, Item, Origin, PublishError};
use crate::store::{Store, StoreError};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Which feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FeedKey {
    /// Of a newsletter, or of a source.
    pub kind: FeedKind,
    /// Its name.
    pub name: Slug,
    /// Its form.
    pub format: Format,
}

/// What a feed is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeedKind {
    /// A newsletter: `/feeds/NAME.rss`.
    Newsletter,
    /// A source: `/sources/NAME.rss`.
    Source,
}

impl FeedKey {
    /// Its address on the site.
    #[must_use]
    pub fn url(&self, base: &HttpUrl) -> String {
        let folder = match self.kind {
            FeedKind::Newsletter => "feeds",
            FeedKind::Source => "sources",
        };
        format!("{}/{folder}/{}.{}", base.as_str().trim_end_matches('/'), self.name, self.format)
    }
}

/// A feed's bytes, ready to serve; a reader's copy is a pointer.
#[derive(Debug)]
pub struct Representation {
    /// As they are.
    pub identity: Bytes,
    /// Gzipped (RFC 1952).
    pub gzip: Bytes,
    /// A digest of the bytes, for entity tags.
    pub digest: String,
    /// The last change in the feed.
    pub modified: Timestamp,
}

/// Renders feeds and keeps them.
#[derive(Debug)]
pub struct Publisher {
    store: Store,
    config: Live,
    /// Raised when posts or the configuration change; what was rendered under
    /// an older number is looked at again before it is served.
    generation: AtomicU64,
    kept: Mutex<HashMap<FeedKey, (u64, Arc<Representation>)>>,
    /// Held by whoever renders: one at a time, so that a crowd of readers costs
    /// one rendering and not a crowd of them.
    rendering: tokio::sync::Mutex<()>,
}

/// Why a feed could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer.
    #[error(transparent)]
    Write(#[from] PublishError),
    /// Compression, into memory.
    #[error("the feed cannot be compressed: {0}")]
    Compress(#[from] io::Error),
}

impl Publisher {
    /// Feeds of `store` as the configuration says at each moment.
    #[must_use]
    pub fn new(store: Store, config: Live) -> Self {
        Self {
            store,
            config,
            generation: AtomicU64::new(1),
            kept: Mutex::default(),
            rendering: tokio::sync::Mutex::default(),
        }
    }

    /// Says that posts or the configuration have changed.
    pub fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// A feed's bytes; `None` when there is no such feed. One reader has it
    /// rendered anew and the others wait for that, but not for long: when the
    /// database is slow, they get what was there before.
    pub async fn get(&self, key: &FeedKey) -> Result<Option<Arc<Representation>>, FeedError> {
        let generation = self.generation.load(Ordering::Acquire);
        let kept = self.kept().get(key).cloned();
        let _turn = match kept {
            Some((of, representation)) if of == generation => return Ok(Some(representation)),
            Some((_, old)) => match timeout(PATIENCE, self.rendering.lock()).await {
                Ok(turn) => turn,
                Err(_) => return Ok(Some(old)),
            },
            None => self.rendering.lock().await,
        };
        // Whoever had the turn before may have done the work.
        let generation = self.generation.load(Ordering::Acquire);
        let kept = self.kept().get(key).cloned();
        let old = match kept {
            Some((of, representation)) if of == generation => return Ok(Some(representation)),
            kept => kept.map(|(_, representation)| representation),
        };
        match self.render(key).await {
            Ok(None) => {
                self.kept().remove(key);
                Ok(None)
            }
            Ok(Some(fresh)) => {
                // The same bytes keep their place, and so their entity tag and date.
                let fresh = match old {
                    Some(old) if old.digest == fresh.digest => old,
                    _ => Arc::new(fresh),
                };
                self.kept().insert(key.clone(), (generation, fresh.clone()));
                Ok(Some(fresh))
            }
            Err(error) => match old {
                Some(old) => {
                    tracing::warn!(%error, feed = %key.name, "served as it was rendered last");
                    Ok(Some(old))
                }
                None => Err(error),
            },
        }
    }

    /// What the sources call themselves.
    pub async fn source_titles(&self) -> Result<HashMap<Slug, String>, StoreError> {
        let rows = self.store.source_rows().await?;
        Ok(rows.into_iter().filter_map(|row| Some((row.name, row.title?))).collect())
    }

    /// A feed's text, rendered now.
    pub async fn text(&self, key: &FeedKey) -> Result<Option<String>, FeedError> {
        Ok(self.write(key).await?.map(|(text, _)| text))
    }

    async fn render(&self, key: &FeedKey) -> Result<Option<Representation>, FeedError> {
        let Some((text, modified)) = self.write(key).await? else { return Ok(None) };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes())?;
        Ok(Some(Representation {
            gzip: encoder.finish()?.into(),
            digest: sha256_hex(text.as_bytes()).chars().take(32).collect(),
            identity: text.into(),
            modified,
        }))
    }

    async fn write(&self, key: &FeedKey) -> Result<Option<(String, Timestamp)>, FeedError> {
        let config = self.config.load_full();
        let Some((channel, sources, limit)) = self.channel(&config, key).await? else { return Ok(None) };
        // What a source's filter hides, the store leaves out; a newsletter's is asked anew each time.
        let filter = match key.kind {
            FeedKind::Newsletter => config.newsletter(key.name.as_str()).map(|newsletter| &newsletter.filter),
            FeedKind::Source => None,
        };
        let take = |post: &Post| filter.is_none_or(|filter| post.left_out_by(filter).is_none());
        let posts = self.store.posts_of(sources.as_deref(), limit, &take).await?;
        let origins = self.origins(&posts).await?;
        let items: Vec<Item<'_>> =
            posts.iter().map(|post| Item { post, origin: origins.get(&post.source_name) }).collect();
        Ok(Some((publish::write(key.format, &channel, &items)?, publish::updated(&items))))
    }

    /// What the feed says of itself, which sources it takes and how many posts.
    async fn channel(
        &self,
        config: &Config,
        key: &FeedKey,
    ) -> Result<Option<(Channel, Option<Vec<Slug>>, u32)>, FeedError> {
        let base = &config.site.base_url;
        let Ok(self_url) = key.url(base).parse::<HttpUrl>() else { return Ok(None) };
        match key.kind {
            FeedKind::Newsletter => {
                let Some(newsletter) = config.newsletter(key.name.as_str()) else { return Ok(None) };
                let description =
                    if newsletter.description.is_empty() { &newsletter.title } else { &newsletter.description };
                let channel = Channel {
                    title: newsletter.title.clone(),
                    description: description.clone(),
                    language: newsletter.language.tag().to_owned(),
                    home: base.clone(),
                    self_url,
                };
                Ok(Some((channel, newsletter.sources.clone(), newsletter.feed_items)))
            }
            FeedKind::Source => {
                let Some(Source { name, .. }) = config.source(&key.name) else { return Ok(None) };
                let row = self.store.source_row(name).await?;
                let title = row.as_ref().and_then(|row| row.title.clone()).unwrap_or_else(|| name.to_string());
                let link = row.as_ref().and_then(|row| row.link.as_ref()?.parse().ok());
                let language = row.and_then(|row| row.language);
                let channel = Channel {
                    description: title.clone(),
                    title,
                    language: language.unwrap_or_else(|| config.site.language.tag().to_owned()),
                    home: link.unwrap_or_else(|| base.clone()),
                    self_url,
                };
                Ok(Some((channel, Some(vec![name.clone()]), SOURCE_ITEMS)))
            }
        }
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

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<FeedKey, (u64, Arc<Representation>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a reader waits for another one's rendering when there is an older one.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many posts a source's own feed holds.
const SOURCE_ITEMS: u32 = 50;
