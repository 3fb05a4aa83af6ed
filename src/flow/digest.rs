//! How a slot becomes a digest: select the settled posts that the newsletter's
//! filter takes, render them once, freeze them with their readers.
//!
//! Invariants: each slot is decided on once, as sent, empty or missed (P11); a
//! post is mailed at most once by a cadence (P2); no reader is skipped (P3).

mod sift;

pub use sift::{Sifted, sift};

use crate::clock::Clock;
use crate::config::{Config, Live};
use crate::domain::digest::{DigestState, Edition};
use crate::domain::id::{DigestId, PostId};
use crate::domain::newsletter::{Cadence, Newsletter, Rhythm};
use crate::domain::schedule::{Schedule, Slot};
use crate::domain::time::Timestamp;
use crate::read::plain_text;
use crate::render::{DigestContext, DigestPost, RenderError, Rendered, Renderer, Section, cut, long_date};
use crate::store::{Freeze, Frozen, LeftOut, Progress, Selection, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// An instant cadence looks back this far for posts that have settled: longer
/// than any `settle_max` that makes sense, short enough to stay quick for years.
const INSTANT_LOOKBACK: Duration = Duration::from_hours(30 * 24);

/// Composes digests.
#[derive(Debug, Clone)]
pub struct Digester {
    store: Store,
    config: Live,
    renderer: Arc<Renderer>,
    clock: Clock,
}

/// What became of one edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Which one.
    pub edition: Edition,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A digest was frozen.
    Frozen {
        /// Its row.
        digest: DigestId,
        /// How many posts it holds.
        posts: usize,
        /// How many readers will get it.
        recipients: u64,
    },
    /// There was nothing to send.
    Empty,
    /// It was too long ago.
    Missed,
}

/// What a digest would be now.
#[derive(Debug, Clone)]
pub struct Preview {
    /// What it would hold, and what the newsletter's filter leaves out.
    pub posts: Sifted,
    /// The mail; `None` when there is nothing to send.
    pub mail: Option<Rendered>,
}

/// Why no digest was made.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The configuration has no such thing.
    #[error("there is no cadence `{cadence}` in the newsletter `{newsletter}`")]
    NoCadence {
        /// The newsletter's name.
        newsletter: String,
        /// The cadence's name.
        cadence: String,
    },
}

impl Digester {
    /// Composes from `store` as the configuration says at each moment.
    #[must_use]
    pub fn new(store: Store, config: Live, renderer: Arc<Renderer>, clock: Clock) -> Self {
        Self { store, config, renderer, clock }
    }

    /// Decides on every slot that is due and every post that an instant cadence
    /// may mail. Returns what was decided, in order.
    pub async fn fire_due(&self) -> Result<Vec<Fired>, DigestError> {
        let config = self.config.load_full();
        let mut fired = Vec::new();
        for newsletter in &config.newsletters {
            for cadence in &newsletter.cadences {
                let Some(progress) = self.store.cadence_progress(&newsletter.name, &cadence.name).await? else {
                    continue;
                };
                match &cadence.rhythm {
                    Rhythm::Instant => self.fire_instant(&config, newsletter, cadence, progress, &mut fired).await?,
                    Rhythm::Slots(schedule) => {
                        self.fire_slots(&config, newsletter, cadence, schedule, progress, &mut fired).await?;
                    }
                }
            }
        }
        Ok(fired)
    }

    /// Freezes a digest of what has settled by now, outside any slot. Its posts
    /// are then not sent by the next slot. An empty one leaves no trace.
    pub async fn send_now(&self, newsletter: &str, cadence: &str) -> Result<Fired, DigestError> {
        let config = self.config.load_full();
        let (newsletter, cadence) = find(&config, newsletter, cadence)?;
        let now = self.clock.now();
        let edition = Edition {
            newsletter: newsletter.name.clone(),
            cadence: cadence.name.clone(),
            slot: format!("now-{}", now.millis()),
        };
        self.store.sync_cadences(std::slice::from_ref(newsletter), now).await?;
        let since = self.since(newsletter, cadence).await?;
        let outcome = self.freeze(&config, newsletter, cadence, &edition, since, None).await?;
        Ok(Fired { edition, outcome: outcome.unwrap_or(Outcome::Empty) })
    }

    /// The mail that a digest of this cadence would be now. Writes nothing.
    pub async fn preview(&self, newsletter: &str, cadence: &str) -> Result<Preview, DigestError> {
        let config = self.config.load_full();
        let (newsletter, cadence) = find(&config, newsletter, cadence)?;
        let now = self.clock.now();
        let since = self.since(newsletter, cadence).await?;
        let selection = Selection { newsletter, cadence: &cadence.name, since, now };
        let posts = sift(&self.store, &selection).await?;
        let mail = match posts.taken.as_slice() {
            [] => None,
            taken => Some(self.render(&config, newsletter, taken, now).await?),
        };
        Ok(Preview { posts, mail })
    }

    /// When the next slot of any cadence falls due; instant cadences have none.
    #[must_use]
    pub fn next_slot(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let config = self.config.load();
        config
            .newsletters
            .iter()
            .flat_map(|newsletter| &newsletter.cadences)
            .filter_map(|cadence| match &cadence.rhythm {
                Rhythm::Slots(schedule) => schedule.next_after(now).map(|slot| slot.due),
                Rhythm::Instant => None,
            })
            .min()
    }

    async fn fire_slots(
        &self,
        config: &Config,
        newsletter: &Newsletter,
        cadence: &Cadence,
        schedule: &Schedule,
        progress: Progress,
        fired: &mut Vec<Fired>,
    ) -> Result<(), DigestError> {
        let now = self.clock.now();
        let mut slots = schedule.slots_after(progress.fired_to).take_while(|slot| slot.due <= now).peekable();
        while let Some(Slot { due, nominal }) = slots.next() {
            // Several nominal times may share an instant (the end of a gap): only
            // behind the last of them is that instant done.
            let shared = slots.peek().is_some_and(|next| next.due == due);
            let fired_to = if shared { due.minus(Duration::from_millis(1)) } else { due };
            let edition = Edition {
                newsletter: newsletter.name.clone(),
                cadence: cadence.name.clone(),
                slot: Slot { due, nominal }.key(),
            };
            let outcome = if now.since(due) > config.mail.late {
                let open = self.store.record_slot(&edition, DigestState::Missed, &[], fired_to, now).await?;
                tracing::warn!(
                    newsletter = %newsletter.name, cadence = %cadence.name, slot = edition.slot,
                    "this slot was missed: syndicated was not running; its posts go out with the next one"
                );
                open.then_some(Outcome::Missed)
            } else {
                self.freeze(config, newsletter, cadence, &edition, progress.since, Some(fired_to)).await?
            };
            fired.extend(outcome.map(|outcome| Fired { edition, outcome }));
        }
        Ok(())
    }

    async fn fire_instant(
        &self,
        config: &Config,
        newsletter: &Newsletter,
        cadence: &Cadence,
        progress: Progress,
        fired: &mut Vec<Fired>,
    ) -> Result<(), DigestError> {
        let now = self.clock.now();
        let since = progress.since.max(now.minus(INSTANT_LOOKBACK));
        let selection = Selection { newsletter, cadence: &cadence.name, since, now };
        let Sifted { taken, left_out } = sift(&self.store, &selection).await?;
        if !left_out.is_empty() {
            self.store.pass_over(&newsletter.name, &cadence.name, &left_out, now).await?;
        }
        // Oldest first, as they came.
        for post in taken.into_iter().rev() {
            let edition = Edition::instant(newsletter.name.clone(), cadence.name.clone(), post);
            let posts = Sifted { taken: vec![post], left_out: Vec::new() };
            let frozen = self.freeze_posts(config, newsletter, &edition, &posts, None).await?;
            fired.extend(frozen.map(|outcome| Fired { edition, outcome }));
        }
        Ok(())
    }

    /// Selects and freezes; `None` when the slot had been decided on before.
    async fn freeze(
        &self,
        config: &Config,
        newsletter: &Newsletter,
        cadence: &Cadence,
        edition: &Edition,
        since: Timestamp,
        fired_to: Option<Timestamp>,
    ) -> Result<Option<Outcome>, DigestError> {
        // A race is lost only to another digest of the same cadence, which then
        // has the posts: the second look finds the rest.
        for _ in 0..3 {
            let now = self.clock.now();
            let selection = Selection { newsletter, cadence: &cadence.name, since, now };
            let posts = sift(&self.store, &selection).await?;
            if posts.taken.is_empty() {
                return self.record_empty(edition, &posts.left_out, fired_to, now).await;
            }
            if let Some(outcome) = self.freeze_posts(config, newsletter, edition, &posts, fired_to).await? {
                return Ok(Some(outcome));
            }
            if self.store.slot_state(edition).await?.is_some() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn record_empty(
        &self,
        edition: &Edition,
        left_out: &[LeftOut],
        fired_to: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Outcome>, DigestError> {
        let Some(fired_to) = fired_to else { return Ok(Some(Outcome::Empty)) };
        let open = self.store.record_slot(edition, DigestState::Empty, left_out, fired_to, now).await?;
        if open {
            tracing::info!(
                newsletter = %edition.newsletter, cadence = %edition.cadence, slot = edition.slot,
                left_out = left_out.len(), "nothing to send: no post has settled since the last digest"
            );
        }
        Ok(open.then_some(Outcome::Empty))
    }

    /// Renders and freezes these posts; `None` when nothing was written.
    async fn freeze_posts(
        &self,
        config: &Config,
        newsletter: &Newsletter,
        edition: &Edition,
        Sifted { taken, left_out }: &Sifted,
        fired_to: Option<Timestamp>,
    ) -> Result<Option<Outcome>, DigestError> {
        let now = self.clock.now();
        let Rendered { subject, html, plain } = self.render(config, newsletter, taken, now).await?;
        let expires_at = now.plus(config.mail.lifetime);
        let frozen = Frozen { posts: taken, left_out, subject: &subject, html: &html, plain: &plain, expires_at, ..Frozen::default() };
        match self.store.freeze_digest(edition, &frozen, fired_to, now).await? {
            Freeze::Done { digest, recipients } => {
                tracing::info!(
                    newsletter = %edition.newsletter, cadence = %edition.cadence, slot = edition.slot,
                    digest = digest.0, posts = taken.len(), left_out = left_out.len(), recipients, "digest frozen"
                );
                Ok(Some(Outcome::Frozen { digest, posts: taken.len(), recipients }))
            }
            Freeze::Already | Freeze::Raced => Ok(None),
        }
    }

    async fn since(&self, newsletter: &Newsletter, cadence: &Cadence) -> Result<Timestamp, StoreError> {
        let progress = self.store.cadence_progress(&newsletter.name, &cadence.name).await?;
        Ok(progress.map_or_else(|| self.clock.now(), |progress| progress.since))
    }
}

fn find<'a>(config: &'a Config, newsletter: &str, cadence: &str) -> Result<(&'a Newsletter, &'a Cadence), DigestError> {
    let found = config.newsletter(newsletter);
    found
        .and_then(|found| Some((found, found.cadence(cadence)?)))
        .ok_or_else(|| DigestError::NoCadence { newsletter: newsletter.to_owned(), cadence: cadence.to_owned() })
}

/// An excerpt is at most so many characters.
const EXCERPT: usize = 320;

impl Digester {
    /// Renders the mail of these posts. What a frozen digest shows is what was
    /// stored at this moment.
    async fn render(
        &self,
        config: &Config,
        newsletter: &Newsletter,
        posts: &[PostId],
        now: Timestamp,
    ) -> Result<Rendered, DigestError> {
        let zone = config.site.timezone;
        let mut shown = Vec::with_capacity(posts.len());
        for &id in posts {
            let Some(post) = self.store.post(id).await? else { continue };
            let source = self.store.source_row(&post.source_name).await?.and_then(|row| row.title);
            let source = source.unwrap_or_else(|| post.source_name.to_string());
            let mut byline = post.entry.authors.clone();
            // A personal blog is often called by its author's name: say it once.
            if !byline.contains(&source) {
                byline.push(source);
            }
            byline.push(long_date(newsletter.language, zone, post.date()));
            let text = post.entry.summary.as_ref().or(post.entry.content.as_ref());
            shown.push(DigestPost {
                title: post.entry.title.clone(),
                url: post.entry.url.as_ref().map(ToString::to_string),
                byline: byline.join(" · "),
                excerpt: text.map(|html| cut(&plain_text(html.as_str()), EXCERPT)).unwrap_or_default(),
                language: post.source_language.clone(),
                text: None,
                also_at: post.entry.also_at.clone(),
            });
        }
        let context = DigestContext {
            language: newsletter.language,
            title: newsletter.title.clone(),
            site: config.site.title.clone(),
            home: config.site.base_url.to_string(),
            date: long_date(newsletter.language, zone, now),
            sections: vec![Section { title: String::new(), posts: shown }],
            ..DigestContext::default()
        };
        Ok(self.renderer.digest(&context)?)
    }
}
