//! Cadences, their slots, and the digests that were frozen for them.
//!
//! A slot is decided on by one transaction: its digest row (unique, so that it
//! fires once, P11), its posts (unique per newsletter and cadence, P2), one
//! delivery per confirmed reader (P3), and the cadence's `fired_to`.

use super::corrections::Corrected;
use super::filtered::{LeftOut, pass_over};
use super::freeze::{Review, Variant};
use super::moves::MovedStamp;
use super::{Store, StoreError, Tx, each};
use crate::domain::digest::{Digest, DigestState, Edition};
use crate::domain::id::{DigestId, PostId};
use crate::domain::newsletter::Newsletter;
use crate::domain::post::Standing;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;

/// How far a cadence has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Since when it is configured: older posts are not its news.
    pub since: Timestamp,
    /// Slots up to this instant have been decided on.
    pub fired_to: Timestamp,
}

/// Which posts a digest would take.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    /// The newsletter and its sources.
    pub newsletter: &'a Newsletter,
    /// The cadence that must not have mailed them.
    pub cadence: &'a Slug,
    /// Seen at this instant or later.
    pub since: Timestamp,
    /// Settled by this instant.
    pub now: Timestamp,
}

/// What is frozen: the posts in their order, and the mail rendered from them.
#[derive(Debug, Clone, Default)]
pub struct Frozen<'a> {
    /// In the order of the mail.
    pub posts: &'a [PostId],
    /// What the newsletter's filter does not take of what it could have held.
    pub left_out: &'a [LeftOut],
    /// The subject.
    pub subject: &'a str,
    /// The HTML part, with its readers' tokens still in it.
    pub html: &'a str,
    /// The text part, likewise.
    pub plain: &'a str,
    /// When what is not sent expires; where zones differ, that long after the reader's own time.
    pub expires_at: Timestamp,
    /// The mails of those who do not get all of it.
    pub variants: &'a [Variant],
    /// When it falls due by which clocks; nothing is for all at once.
    pub zones: &'a [Due],
    /// The rows of the notes that stand in it.
    pub notes: &'a [i64],
    /// Which corrections it tells of.
    pub corrected: &'a [Corrected],
    /// The choices of topics that they were made for, as the database has them.
    pub topics: &'a [String],
    /// Who came from another cadence when the variants were made.
    pub moved: MovedStamp,
    /// Whom it waits for; `None` when it goes out by itself.
    pub review: Option<Review<'a>>,
}

/// When a digest falls due by some clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The zone of the clock by name; '' is the newsletter's own.
    pub zone: String,
    /// The hour that its readers chose; `None` for those who chose none.
    pub hour: Option<u8>,
    /// Then.
    pub at: Timestamp,
}

impl Frozen<'_> {
    /// When the last of its deliveries expires, by the clocks of all zones.
    fn ends_at(&self, now: Timestamp) -> Timestamp {
        let last = self.zones.iter().map(|due| due.at.since(now)).max().unwrap_or_default();
        self.expires_at.plus(last)
    }
}

#[derive(sqlx::FromRow)]
struct DigestRow {
    id: i64,
    newsletter: String,
    cadence: String,
    slot: String,
    state: String,
    frozen_at: i64,
    expires_at: i64,
    finished_at: Option<i64>,
    subject: String,
    trouble: Option<String>,
}

impl TryFrom<DigestRow> for Digest {
    type Error = StoreError;

    fn try_from(row: DigestRow) -> Result<Self, StoreError> {
        let slug = |name: String| name.parse::<Slug>().map_err(|error| StoreError::Corrupt(error.to_string()));
        Ok(Self {
            id: DigestId(row.id),
            edition: Edition { newsletter: slug(row.newsletter)?, cadence: slug(row.cadence)?, slot: row.slot },
            state: row.state.parse().map_err(StoreError::Corrupt)?,
            frozen_at: Timestamp::from_millis(row.frozen_at),
            finished_at: row.finished_at.map(Timestamp::from_millis),
            expires_at: Timestamp::from_millis(row.expires_at),
            subject: row.subject,
            trouble: row.trouble,
        })
    }
}

/// A post of a piece, as far as a digest must know.
#[derive(sqlx::FromRow)]
struct PieceRow {
    id: i64,
    source: String,
    standing: String,
    shown: bool,
    first_seen_at: i64,
    dated_at: i64,
    mailed: bool,
    passed_over: bool,
}

impl Store {
    /// Makes a row for every configured cadence that has none: its news begin now.
    pub async fn sync_cadences(&self, newsletters: &[Newsletter], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for newsletter in newsletters {
            for cadence in &newsletter.cadences {
                each!(&mut tx, |db| {
                    sqlx::query(
                        "INSERT INTO cadence (newsletter, name, since, fired_to) VALUES ($1, $2, $3, $3)
                         ON CONFLICT (newsletter, name) DO NOTHING",
                    )
                    .bind(newsletter.name.as_str())
                    .bind(cadence.name.as_str())
                    .bind(now.millis())
                    .execute(&mut **db)
                    .await
                    .map(drop)
                })?;
            }
        }
        tx.commit().await
    }

    /// How far a cadence has come; `None` before `sync_cadences` saw it.
    pub async fn cadence_progress(&self, newsletter: &Slug, cadence: &Slug) -> Result<Option<Progress>, StoreError> {
        let row: Option<(i64, i64)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT since, fired_to FROM cadence WHERE newsletter = $1 AND name = $2")
                .bind(newsletter.as_str())
                .bind(cadence.as_str())
                .fetch_optional(db)
                .await
        })?;
        Ok(row.map(|(since, fired_to)| Progress {
            since: Timestamp::from_millis(since),
            fired_to: Timestamp::from_millis(fired_to),
        }))
    }

    /// The posts that a digest would take now, newest first: live, of the
    /// newsletter's sources, settled, and neither mailed nor passed over by this
    /// cadence before. What its filter says of them is for the caller to ask.
    pub async fn select_posts(&self, selection: &Selection<'_>) -> Result<Vec<PostId>, StoreError> {
        let newsletter = selection.newsletter;
        let still_since = selection.now.minus(newsletter.settle);
        let seen_before = selection.now.minus(newsletter.settle_max);
        let rows: Vec<(i64, String, Option<i64>)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.id, s.name, p.piece FROM post p JOIN source s ON s.id = p.source_id
                 WHERE p.standing = 'live' AND p.shown AND p.first_seen_at >= $1
                   AND (p.changed_at <= $2 OR p.first_seen_at <= $3)
                   AND NOT EXISTS (SELECT 1 FROM digest_post d
                                   WHERE d.newsletter = $4 AND d.cadence = $5 AND d.post_id = p.id)
                   AND NOT EXISTS (SELECT 1 FROM passed_over o
                                   WHERE o.newsletter = $4 AND o.cadence = $5 AND o.post_id = p.id)
                 ORDER BY p.dated_at DESC, p.id DESC",
            )
            .bind(selection.since.millis())
            .bind(still_since.millis())
            .bind(seen_before.millis())
            .bind(newsletter.name.as_str())
            .bind(selection.cadence.as_str())
            .fetch_all(db)
            .await
        })?;
        let mut posts = Vec::with_capacity(rows.len());
        for (id, source, piece) in rows {
            let taken =
                newsletter.sources.as_ref().is_none_or(|names| names.iter().any(|name| name.as_str() == source));
            let is_news = match piece {
                Some(piece) if taken => self.is_news(selection, PostId(id), piece).await?,
                _ => taken,
            };
            if is_news {
                posts.push(PostId(id));
            }
        }
        Ok(posts)
    }

    /// Whether a post that is one of a piece is what readers get of it: nobody was mailed another of its posts, none
    /// was there before, and none that will be mailed stands before it.
    async fn is_news(&self, selection: &Selection<'_>, id: PostId, piece: i64) -> Result<bool, StoreError> {
        let (newsletter, cadence) = (selection.newsletter, selection.cadence);
        let rows: Vec<PieceRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.id, s.name AS source, p.standing, p.shown AND NOT s.removed AS shown, p.first_seen_at, p.dated_at,
                     EXISTS (SELECT 1 FROM digest_post d
                             WHERE d.newsletter = $2 AND d.cadence = $3 AND d.post_id = p.id) AS mailed,
                     EXISTS (SELECT 1 FROM passed_over o
                             WHERE o.newsletter = $2 AND o.cadence = $3 AND o.post_id = p.id) AS passed_over
                 FROM post p JOIN source s ON s.id = p.source_id WHERE p.piece = $1",
            )
            .bind(piece)
            .bind(newsletter.name.as_str())
            .bind(cadence.as_str())
            .fetch_all(db)
            .await
        })?;
        if rows.iter().any(|row| row.mailed) {
            return Ok(false);
        }
        let scope = newsletter.scope();
        let seen = rows.iter().find(|row| row.id == id.0).map_or(0, |row| row.first_seen_at);
        let mut best = None;
        for row in rows {
            let source: Slug =
                row.source.parse().map_err(|_| StoreError::Corrupt(format!("a source is named `{}`", row.source)))?;
            if !scope.holds(&source) {
                continue;
            }
            // A source that is followed later shows on its first poll what is news elsewhere.
            let was_there = row.standing == Standing::Seed.as_str() && row.first_seen_at < seen;
            if was_there || row.first_seen_at < selection.since.millis() {
                return Ok(false);
            }
            if row.standing == Standing::Live.as_str() && row.shown && !row.passed_over {
                let rank = scope.rank(&source, Timestamp::from_millis(row.dated_at), PostId(row.id));
                best = best.into_iter().chain([rank]).min();
            }
        }
        Ok(best.is_none_or(|(.., best)| best == id))
    }

    /// Records a slot that sends nothing: empty, with what the filter left out,
    /// or missed. Returns whether it was still open.
    pub async fn record_slot(
        &self,
        edition: &Edition,
        state: DigestState,
        left_out: &[LeftOut],
        fired_to: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let inserted = insert_digest(&mut tx, edition, state, None, now).await?;
        if inserted.is_some() {
            pass_over(&mut tx, &edition.newsletter, &edition.cadence, left_out, now).await?;
        }
        advance(&mut tx, edition, Some(fired_to)).await?;
        tx.commit().await?;
        Ok(inserted.is_some())
    }

    /// What was decided on a slot; `None` while it is open.
    pub async fn slot_state(&self, edition: &Edition) -> Result<Option<DigestState>, StoreError> {
        let row: Option<(String,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT state FROM digest WHERE newsletter = $1 AND cadence = $2 AND slot = $3")
                .bind(edition.newsletter.as_str())
                .bind(edition.cadence.as_str())
                .bind(&edition.slot)
                .fetch_optional(db)
                .await
        })?;
        row.map(|(state,)| state.parse().map_err(StoreError::Corrupt)).transpose()
    }

    /// A digest by its number.
    pub async fn digest(&self, id: DigestId) -> Result<Option<Digest>, StoreError> {
        let row: Option<DigestRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, newsletter, cadence, slot, state, frozen_at, expires_at, finished_at, subject, trouble
                 FROM digest WHERE id = $1",
            )
            .bind(id.0)
            .fetch_optional(db)
            .await
        })?;
        row.map(Digest::try_from).transpose()
    }

    /// The newest digests, of one newsletter or of all.
    pub async fn digests(&self, newsletter: Option<&Slug>, limit: u32) -> Result<Vec<Digest>, StoreError> {
        let rows: Vec<DigestRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, newsletter, cadence, slot, state, frozen_at, expires_at, finished_at, subject, trouble
                 FROM digest WHERE $1 = '' OR newsletter = $1 ORDER BY id DESC LIMIT $2",
            )
            .bind(newsletter.map_or("", Slug::as_str))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Digest::try_from).collect()
    }

    /// The posts of a digest, in its order.
    pub async fn digest_posts(&self, id: DigestId) -> Result<Vec<PostId>, StoreError> {
        let rows: Vec<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT post_id FROM digest_post WHERE digest_id = $1 ORDER BY position")
                .bind(id.0)
                .fetch_all(db)
                .await
        })?;
        Ok(rows.into_iter().map(|(post,)| PostId(post)).collect())
    }

    /// The digests that a post went out with.
    pub async fn digests_of_post(&self, post: PostId) -> Result<Vec<Digest>, StoreError> {
        let rows: Vec<DigestRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT d.id, d.newsletter, d.cadence, d.slot, d.state, d.frozen_at, d.expires_at, d.finished_at, d.subject, d.trouble
                 FROM digest d JOIN digest_post dp ON dp.digest_id = d.id WHERE dp.post_id = $1 ORDER BY d.id",
            )
            .bind(post.0)
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Digest::try_from).collect()
    }
}

pub(super) async fn insert_digest(
    tx: &mut Tx,
    edition: &Edition,
    state: DigestState,
    frozen: Option<&Frozen<'_>>,
    now: Timestamp,
) -> Result<Option<DigestId>, StoreError> {
    let open = matches!(state, DigestState::Sending | DigestState::Review);
    let finished = (!open).then_some(now.millis());
    let row: Option<(i64,)> = each!(tx, |db| {
        sqlx::query_as(
            "INSERT INTO digest (newsletter, cadence, slot, state, frozen_at, expires_at, finished_at, subject, html, plain)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (newsletter, cadence, slot) DO NOTHING RETURNING id",
        )
        .bind(edition.newsletter.as_str())
        .bind(edition.cadence.as_str())
        .bind(&edition.slot)
        .bind(state.as_str())
        .bind(now.millis())
        .bind(frozen.map_or(now, |frozen| frozen.ends_at(now)).millis())
        .bind(finished)
        .bind(frozen.map_or("", |frozen| frozen.subject))
        .bind(frozen.map_or("", |frozen| frozen.html))
        .bind(frozen.map_or("", |frozen| frozen.plain))
        .fetch_optional(&mut **db)
        .await
    })?;
    Ok(row.map(|(id,)| DigestId(id)))
}

/// Slots up to `fired_to` have been decided on; never goes back.
pub(super) async fn advance(tx: &mut Tx, edition: &Edition, fired_to: Option<Timestamp>) -> Result<(), StoreError> {
    let Some(fired_to) = fired_to else { return Ok(()) };
    each!(tx, |db| {
        sqlx::query("UPDATE cadence SET fired_to = $3 WHERE newsletter = $1 AND name = $2 AND fired_to < $3")
            .bind(edition.newsletter.as_str())
            .bind(edition.cadence.as_str())
            .bind(fired_to.millis())
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}
