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
mod write_feed;

pub use announce::Announcer;
pub use document::Document;
pub use export::{ExportError, Exported};
pub use feed::{FeedKey, FeedOf};
pub use packed::{Coding, Filed, Packed};
pub use page::Page;

use crate::clock::Clock;
use crate::config::{Config, Live};
use crate::domain::id::PostId;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::flow::digest::WebDigests;
use crate::publish::PublishError;
use crate::render::{RenderError, Renderer};
use crate::store::{Chosen, Store, StoreError};
use archive::Archive;
use kept::{Kept, Ready};
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::timeout;

/// How long a reader waits for another one's rendering when there is an older one.
const PATIENCE: Duration = Duration::from_millis(500);

/// Renders feeds and pages, and keeps them.
#[derive(Debug)]
pub struct Publisher {
    store: Store,
    config: Live,
    renderer: Arc<Renderer>,
    digests: WebDigests,
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
            digests: WebDigests::new(store.clone(), config.clone(), renderer.clone()),
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
            return self.uncounted(document).await;
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

    /// A document whose changes no source counts: rendered anew each time, and packed when it is another.
    async fn uncounted(&self, document: &Document) -> Result<Option<Arc<Packed>>, PublisherError> {
        let known = self.kept.get(document);
        let text = match (self.text(document.clone()).await, &known) {
            (Ok(Some(text)), _) => text,
            (Ok(None), _) => {
                self.kept.remove(document);
                return Ok(None);
            }
            (Err(error), Some(old)) => {
                tracing::warn!(%error, document = document.path(), "served as it was rendered last");
                return Ok(Some(old.packed.clone()));
            }
            (Err(error), None) => return Err(error),
        };
        if let Some(known) = known.filter(|known| known.packed.digest == packed::digest(&text)) {
            return Ok(Some(known.packed.clone()));
        }
        let packed = tokio::task::spawn_blocking(move || Packed::new(text, Timestamp::EPOCH, String::new())).await;
        let packed = Arc::new(packed.map_err(io::Error::other)??);
        // Good for no generation, so that it is asked for again.
        let ready = Ready::new(packed.clone(), 0, None, 0);
        self.kept.put(document.clone(), ready, self.config.load().http.feed_bytes);
        Ok(Some(packed))
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

    /// What stands at the address of a post that was withdrawn: a page that says so; `None` when it was not.
    pub async fn withdrawn(&self, post: PostId) -> Result<Option<String>, PublisherError> {
        let config = self.config.load_full();
        self.archive(&config).withdrawn(post).await
    }

    fn archive<'a>(&'a self, config: &'a Config) -> Archive<'a> {
        Archive { store: &self.store, config, renderer: &self.renderer, digests: &self.digests }
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
}
