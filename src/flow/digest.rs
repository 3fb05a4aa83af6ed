//! How a slot becomes a digest: select the settled posts that the newsletter's
//! filter takes, render them once, freeze them with their readers.
//!
//! Invariants: each slot is decided on once, as sent, empty or missed (P11); a
//! post is mailed at most once by a cadence (P2); no reader is skipped (P3).

mod clocks;
mod compose;
mod notes;
mod pictures;
mod sift;
mod web;

pub use notes::note;
pub use sift::{Sifted, sift};
pub use web::{DIGESTS, WebDigest, WebDigests, address};

use crate::clock::Clock;
use crate::config::{Config, Live};
use crate::domain::composition::Deliver;
use crate::domain::digest::{DigestState, Edition};
use crate::domain::id::DigestId;
use crate::domain::newsletter::{Cadence, Newsletter, Rhythm};
use crate::domain::picture::{Found, shown_in};
use crate::domain::schedule::Schedule;
use crate::domain::time::Timestamp;
use crate::net::Client;
use crate::render::{RenderError, Rendered, Renderer};
use crate::store::{Freeze, Frozen, Progress, Review, Selection, Store, StoreError};
use chrono_tz::Tz;
use clocks::{Turn, is_ripe, times};
use compose::{Composed, Composer};
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
    urgent: bool,
    client: Option<Client>,
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
        /// Whether it waits for its editor.
        review: bool,
        /// How many posts it holds.
        posts: usize,
        /// How many readers will get it.
        recipients: u64,
    },
    /// There was nothing to send.
    Empty,
    /// There were fewer posts than the cadence sends (`min_posts`): they wait.
    Few,
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
    /// The pictures that come with it.
    pub pictures: Vec<Found>,
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
        Self { store, config, renderer, clock, urgent: false, client: None }
    }

    /// The same with a client that gets the pictures which a newsletter brings
    /// along; without one they stay linked.
    #[must_use]
    pub fn with_pictures(self, client: Client) -> Self {
        Self { client: Some(client), ..self }
    }

    /// The same for who sends by hand and cannot wait until posts have settled.
    #[must_use]
    pub fn urgent(self, urgent: bool) -> Self {
        Self { urgent, ..self }
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
                let place = Place { config: &config, newsletter, cadence };
                match &cadence.rhythm {
                    Rhythm::Instant => self.fire_instant(place, progress, &mut fired).await?,
                    Rhythm::Slots(schedule) => self.fire_slots(place, schedule, progress, &mut fired).await?,
                }
            }
        }
        if !fired.is_empty() {
            self.store.drop_pictures(self.clock.now()).await?;
        }
        Ok(fired)
    }

    /// Freezes a digest of what has settled by now, outside any slot and for all zones at once. Its posts are
    /// then not sent by the next slot. An empty one leaves no trace.
    pub async fn send_now(&self, newsletter: &str, cadence: &str) -> Result<Fired, DigestError> {
        let config = self.config.load_full();
        let (newsletter, cadence) = find(&config, newsletter, cadence)?;
        let newsletter = &if self.urgent { newsletter.settled() } else { newsletter.clone() };
        let now = self.clock.now();
        let edition = by_hand(newsletter, cadence, now);
        self.store.sync_cadences(std::slice::from_ref(newsletter), now).await?;
        let since = self.since(newsletter, cadence).await?;
        let place = Place { config: &config, newsletter, cadence };
        let outcome = self.freeze(place, &edition, since, None).await?;
        Ok(Fired { edition, outcome: outcome.unwrap_or(Outcome::Empty) })
    }

    /// The mail that a digest of this cadence would be now. Writes nothing.
    pub async fn preview(&self, newsletter: &str, cadence: &str) -> Result<Preview, DigestError> {
        let config = self.config.load_full();
        let (newsletter, cadence) = find(&config, newsletter, cadence)?;
        let newsletter = &if self.urgent { newsletter.settled() } else { newsletter.clone() };
        let now = self.clock.now();
        let since = self.since(newsletter, cadence).await?;
        let selection = Selection { newsletter, cadence: &cadence.name, since, now };
        let posts = sift(&self.store, &selection).await?;
        if posts.taken.is_empty() {
            return Ok(Preview { posts, mail: None, pictures: Vec::new() });
        }
        // Sent by hand, it would have this name.
        let edition = by_hand(newsletter, cadence, now);
        let composer = self.composer(Place { config: &config, newsletter, cadence }, &edition, now);
        let (mail, mut pictures) = composer.whole(&posts.taken).await?;
        let shown = shown_in(&mail.html);
        pictures.retain(|found| shown.contains(&found.picture.id));
        Ok(Preview { posts, mail: Some(mail), pictures })
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
        place: Place<'_>,
        schedule: &Schedule,
        progress: Progress,
        fired: &mut Vec<Fired>,
    ) -> Result<(), DigestError> {
        let Place { config, newsletter, cadence } = place;
        let now = self.clock.now();
        let zones = match cadence.composition.deliver {
            Deliver::AtOnce => Vec::new(),
            Deliver::Local => self.zones(place, schedule, progress, now).await?,
        };
        // Frozen as soon as the first of its readers' clocks shows the time.
        let mut slots =
            schedule.slots_after(progress.fired_to).take_while(|slot| is_ripe(slot, &zones, now)).peekable();
        while let Some(slot) = slots.next() {
            // Several nominal times may share an instant (the end of a gap): only
            // behind the last of them is that instant done.
            let shared = slots.peek().is_some_and(|next| next.due == slot.due);
            let fired_to = if shared { slot.due.minus(Duration::from_millis(1)) } else { slot.due };
            let edition =
                Edition { newsletter: newsletter.name.clone(), cadence: cadence.name.clone(), slot: slot.key() };
            let outcome = if now.since(slot.due) > config.mail.late {
                let open = self.store.record_slot(&edition, DigestState::Missed, &[], fired_to, now).await?;
                tracing::warn!(
                    newsletter = %newsletter.name, cadence = %cadence.name, slot = edition.slot,
                    "this slot was missed: syndicated was not running; its posts go out with the next one"
                );
                open.then_some(Outcome::Missed)
            } else {
                let times = match cadence.composition.deliver {
                    Deliver::AtOnce => Vec::new(),
                    Deliver::Local => {
                        let hours = self.store.hours_of(&newsletter.name, &cadence.name).await?;
                        times(slot, schedule.zone(), &zones, &hours, now)
                    }
                };
                self.freeze(place, &edition, progress.since, Some(Turn { fired_to, times })).await?
            };
            fired.extend(outcome.map(|outcome| Fired { edition, outcome }));
        }
        Ok(())
    }

    /// Whose clocks a local cadence goes by: its own readers'. They are looked for
    /// only when the clock of any reader at all shows the time of its next slot.
    async fn zones(
        &self,
        Place { newsletter, cadence, .. }: Place<'_>,
        schedule: &Schedule,
        progress: Progress,
        now: Timestamp,
    ) -> Result<Vec<Tz>, DigestError> {
        let all = self.store.zones_in_use().await?;
        if schedule.next_after(progress.fired_to).is_some_and(|slot| is_ripe(&slot, &all, now)) {
            return Ok(self.store.zones_of(&newsletter.name, &cadence.name).await?.0);
        }
        Ok(all)
    }

    async fn fire_instant(
        &self,
        place: Place<'_>,
        progress: Progress,
        fired: &mut Vec<Fired>,
    ) -> Result<(), DigestError> {
        let Place { newsletter, cadence, .. } = place;
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
            let frozen = self.freeze_posts(place, &edition, &posts, None).await?;
            fired.extend(frozen.map(|outcome| Fired { edition, outcome }));
        }
        Ok(())
    }

    /// Selects and freezes; `None` when the slot had been decided on before.
    async fn freeze(
        &self,
        place: Place<'_>,
        edition: &Edition,
        since: Timestamp,
        turn: Option<Turn>,
    ) -> Result<Option<Outcome>, DigestError> {
        let Place { newsletter, cadence, .. } = place;
        // A race is lost only to another digest of the same cadence, which then
        // has the posts, or to a reader or an editor: the second look finds the rest.
        for _ in 0..3 {
            let now = self.clock.now();
            let selection = Selection { newsletter, cadence: &cadence.name, since, now };
            let posts = sift(&self.store, &selection).await?;
            // Who sends by hand wants it whatever its size.
            let least = if turn.is_some() { cadence.composition.min_posts.max(1) } else { 1 };
            if posts.taken.len() < least {
                return self.record_nothing(edition, &posts, turn.as_ref(), now).await;
            }
            if let Some(outcome) = self.freeze_posts(place, edition, &posts, turn.as_ref()).await? {
                return Ok(Some(outcome));
            }
            if self.store.slot_state(edition).await?.is_some() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn record_nothing(
        &self,
        edition: &Edition,
        Sifted { taken, left_out }: &Sifted,
        turn: Option<&Turn>,
        now: Timestamp,
    ) -> Result<Option<Outcome>, DigestError> {
        let (state, outcome) = match taken.as_slice() {
            [] => (DigestState::Empty, Outcome::Empty),
            _ => (DigestState::Few, Outcome::Few),
        };
        let Some(turn) = turn else { return Ok(Some(outcome)) };
        let open = self.store.record_slot(edition, state, left_out, turn.fired_to, now).await?;
        if open {
            tracing::info!(
                newsletter = %edition.newsletter, cadence = %edition.cadence, slot = edition.slot,
                waiting = taken.len(), left_out = left_out.len(),
                "nothing to send: too few posts have settled since the last digest"
            );
        }
        Ok(open.then_some(outcome))
    }

    /// Renders and freezes these posts; `None` when nothing was written.
    async fn freeze_posts(
        &self,
        place: Place<'_>,
        edition: &Edition,
        Sifted { taken, left_out }: &Sifted,
        turn: Option<&Turn>,
    ) -> Result<Option<Outcome>, DigestError> {
        let now = self.clock.now();
        let Composed { mail, variants, notes, topics, moved, corrected } =
            self.composer(place, edition, now).compose(taken).await?;
        let review = place.cadence.composition.review.as_ref();
        let frozen = Frozen {
            posts: taken,
            left_out,
            subject: &mail.subject,
            html: &mail.html,
            plain: &mail.plain,
            expires_at: now.plus(place.config.mail.lifetime),
            variants: &variants,
            zones: turn.map_or(&[], |turn| &turn.times),
            notes: &notes,
            corrected: &corrected,
            topics: &topics,
            moved,
            review: review.map(|editor| Review { editor, language: place.newsletter.language }),
        };
        match self.store.freeze_digest(edition, &frozen, turn.map(|turn| turn.fired_to), now).await? {
            Freeze::Done { digest, recipients } => {
                tracing::info!(
                    newsletter = %edition.newsletter, cadence = %edition.cadence, slot = edition.slot,
                    digest = digest.0, posts = taken.len(), left_out = left_out.len(), recipients,
                    mails = variants.len() + 1, review = review.is_some(), "digest frozen"
                );
                let review = review.is_some() && recipients > 0;
                Ok(Some(Outcome::Frozen { digest, review, posts: taken.len(), recipients }))
            }
            Freeze::Already | Freeze::Raced => Ok(None),
        }
    }

    fn composer<'a>(
        &'a self,
        Place { config, newsletter, cadence }: Place<'a>,
        edition: &'a Edition,
        now: Timestamp,
    ) -> Composer<'a> {
        let client = self.client.as_ref();
        Composer { store: &self.store, renderer: &self.renderer, config, newsletter, cadence, edition, now, client }
    }

    async fn since(&self, newsletter: &Newsletter, cadence: &Cadence) -> Result<Timestamp, StoreError> {
        let progress = self.store.cadence_progress(&newsletter.name, &cadence.name).await?;
        Ok(progress.map_or_else(|| self.clock.now(), |progress| progress.since))
    }
}

/// Whose digest is made.
#[derive(Clone, Copy)]
struct Place<'a> {
    config: &'a Config,
    newsletter: &'a Newsletter,
    cadence: &'a Cadence,
}

fn by_hand(newsletter: &Newsletter, cadence: &Cadence, now: Timestamp) -> Edition {
    Edition {
        newsletter: newsletter.name.clone(),
        cadence: cadence.name.clone(),
        slot: format!("now-{}", now.millis()),
    }
}

fn find<'a>(config: &'a Config, newsletter: &str, cadence: &str) -> Result<(&'a Newsletter, &'a Cadence), DigestError> {
    let found = config.newsletter(newsletter);
    found
        .and_then(|found| Some((found, found.cadence(cadence)?)))
        .ok_or_else(|| DigestError::NoCadence { newsletter: newsletter.to_owned(), cadence: cadence.to_owned() })
}
