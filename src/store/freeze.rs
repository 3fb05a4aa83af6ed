//! Freezing: a digest with its posts, its mails and one delivery for each of its
//! readers, in one transaction (P3).
//!
//! Most readers get the digest's own mail. Those who chose topics, or who came
//! from another cadence and have some of its posts already, get a variant: each
//! is rendered and stored once, and a delivery names it by its number. Who has
//! paused gets none. When a
//! reader has chosen what no variant was rendered for, nothing is written.

use super::corrections::insert_corrections;
use super::deliveries::HELD;
use super::digests::{Due, Frozen, advance, insert_digest};
use super::filtered::pass_over;
use super::letters::insert_preview_letter;
use super::moves::{chose_others, moved_stamp};
use super::{Store, StoreError, Tx, each};
use crate::domain::digest::{DigestState, Edition};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DigestId, PostId, SubscriptionId};
use crate::domain::language::Language;
use crate::domain::time::Timestamp;

/// What freezing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freeze {
    /// The digest stands.
    Done {
        /// Its row.
        digest: DigestId,
        /// How many readers will get it.
        recipients: u64,
    },
    /// The slot had been decided on before.
    Already,
    /// Something that it was rendered from changed meanwhile: another digest of this cadence took a post, a
    /// note was used, a reader came from another cadence or chose other topics. Nothing was written.
    Raced,
}

/// Another mail of a digest, for some of its readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Who gets it.
    pub readers: Readers,
    /// The posts that it stands for, those that it only counts included. None: these readers get no mail.
    pub posts: Vec<PostId>,
    /// The subject.
    pub subject: String,
    /// The HTML part, with its readers' tokens still in it.
    pub html: String,
    /// The text part, likewise.
    pub plain: String,
}

/// Who gets a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readers {
    /// Those who chose these topics, as the database has them.
    Topics(String),
    /// These.
    These(Vec<SubscriptionId>),
}

/// Whom a digest waits for.
#[derive(Debug, Clone, Copy)]
pub struct Review<'a> {
    /// Who gets its preview.
    pub editor: &'a EmailAddress,
    /// The newsletter's language.
    pub language: Language,
}

impl Store {
    /// Freezes a digest: its row, its posts, its mails and one delivery per
    /// confirmed reader, in one transaction (P3). `fired_to` is the instant of
    /// its slot, when it has one.
    pub async fn freeze_digest(
        &self,
        edition: &Edition,
        frozen: &Frozen<'_>,
        fired_to: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Freeze, StoreError> {
        let mut tx = self.begin().await?;
        let state = if frozen.review.is_some() { DigestState::Review } else { DigestState::Sending };
        let Some(digest) = insert_digest(&mut tx, edition, state, Some(frozen), now).await? else {
            return Ok(Freeze::Already);
        };
        // Dropping the transaction takes everything back.
        let whole = insert_posts(&mut tx, edition, digest, frozen.posts).await?
            && use_notes(&mut tx, digest, frozen.notes).await?
            && frozen.moved == moved_stamp(&mut tx, edition).await?
            && !chose_others(&mut tx, edition, frozen.topics).await?;
        if !whole {
            return Ok(Freeze::Raced);
        }
        pass_over(&mut tx, &edition.newsletter, &edition.cadence, frozen.left_out, now).await?;
        insert_corrections(&mut tx, edition, digest, frozen.corrected).await?;
        let recipients = insert_deliveries(&mut tx, edition, digest, frozen, now).await?;
        if recipients == 0 {
            each!(&mut tx, |db| {
                sqlx::query("UPDATE digest SET state = 'done', finished_at = $2 WHERE id = $1")
                    .bind(digest.0)
                    .bind(now.millis())
                    .execute(&mut **db)
                    .await
                    .map(drop)
            })?;
        } else if let Some(Review { editor, language }) = frozen.review {
            let mail = (frozen.subject, frozen.html, frozen.plain);
            insert_preview_letter(&mut tx, (editor, language), Some(digest), mail, now).await?;
        }
        advance(&mut tx, edition, fired_to).await?;
        tx.commit().await?;
        Ok(Freeze::Done { digest, recipients })
    }
}

/// Whether all of them were free.
async fn insert_posts(tx: &mut Tx, edition: &Edition, digest: DigestId, posts: &[PostId]) -> Result<bool, StoreError> {
    for (post, position) in posts.iter().zip(0_i64..) {
        let written = each!(&mut *tx, |db| {
            sqlx::query(
                "INSERT INTO digest_post (digest_id, post_id, newsletter, cadence, position)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (newsletter, cadence, post_id) DO NOTHING",
            )
            .bind(digest.0)
            .bind(post.0)
            .bind(edition.newsletter.as_str())
            .bind(edition.cadence.as_str())
            .bind(position)
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if written == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether all of them were still waiting.
async fn use_notes(tx: &mut Tx, digest: DigestId, notes: &[i64]) -> Result<bool, StoreError> {
    for note in notes {
        let used = each!(&mut *tx, |db| {
            sqlx::query("UPDATE note SET digest_id = $2 WHERE id = $1 AND digest_id IS NULL")
                .bind(note)
                .bind(digest.0)
                .execute(&mut **db)
                .await
                .map(|done| done.rows_affected())
        })?;
        if used == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The deliveries of those who are meant by `$which`, each with its mail and its time.
macro_rules! insert_deliveries {
    ($variant:literal, $which:literal) => {
        concat!(
            "INSERT INTO delivery (digest_id, subscriber_id, subscription_id, variant, not_before, expires_at, dated_at)
             SELECT $1, s.subscriber_id, s.id, ",
            $variant,
            ", CASE WHEN $2 THEN $3 ELSE COALESCE(z.due_at, $4) END, COALESCE(z.due_at, $4) + $5, z.due_at
             FROM subscription s
             JOIN subscriber b ON b.id = s.subscriber_id
             LEFT JOIN digest_variant v ON v.digest_id = $1 AND v.topics = s.topics
             LEFT JOIN digest_zone z ON z.digest_id = $1 AND z.timezone = b.timezone AND z.hour = COALESCE(b.hour, -1)
             WHERE s.state = 'confirmed' AND (s.paused_until IS NULL OR s.paused_until <= $4) AND ",
            $which
        )
    };
}

/// One delivery for each reader of a digest; returns how many there are.
async fn insert_deliveries(
    tx: &mut Tx,
    edition: &Edition,
    digest: DigestId,
    frozen: &Frozen<'_>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    for Due { zone, hour, at } in frozen.zones {
        each!(&mut *tx, |db| {
            sqlx::query("INSERT INTO digest_zone (digest_id, timezone, hour, due_at) VALUES ($1, $2, $3, $4)")
                .bind(digest.0)
                .bind(zone.as_str())
                .bind(hour.map_or(-1, i64::from))
                .bind(at.millis())
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
    }
    for (variant, number) in frozen.variants.iter().zip(1_i64..) {
        insert_variant(tx, digest, variant, number).await?;
    }
    let lifetime = i64::try_from(frozen.expires_at.since(now).as_millis()).unwrap_or(i64::MAX);
    let held = frozen.review.is_some();
    each!(&mut *tx, |db| {
        sqlx::query(insert_deliveries!(
            "COALESCE(v.number, 0)",
            "s.newsletter = $6 AND s.cadence = $7 AND (v.number IS NULL OR v.posts <> '[]')"
        ))
        .bind(digest.0)
        .bind(held)
        .bind(HELD)
        .bind(now.millis())
        .bind(lifetime)
        .bind(edition.newsletter.as_str())
        .bind(edition.cadence.as_str())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    for (variant, number) in frozen.variants.iter().zip(1_i64..) {
        let Readers::These(readers) = &variant.readers else { continue };
        for reader in readers {
            each!(&mut *tx, |db| {
                sqlx::query(
                    "DELETE FROM delivery WHERE digest_id = $1
                     AND subscriber_id = (SELECT subscriber_id FROM subscription WHERE id = $2)",
                )
                .bind(digest.0)
                .bind(reader.0)
                .execute(&mut **db)
                .await
                .map(drop)
            })?;
            if variant.posts.is_empty() {
                continue;
            }
            each!(&mut *tx, |db| {
                sqlx::query(insert_deliveries!("$7", "s.id = $6"))
                    .bind(digest.0)
                    .bind(held)
                    .bind(HELD)
                    .bind(now.millis())
                    .bind(lifetime)
                    .bind(reader.0)
                    .bind(number)
                    .execute(&mut **db)
                    .await
                    .map(drop)
            })?;
        }
    }
    let (recipients,): (i64,) = each!(tx, |db| {
        sqlx::query_as("SELECT COUNT(*) FROM delivery WHERE digest_id = $1").bind(digest.0).fetch_one(&mut **db).await
    })?;
    Ok(u64::try_from(recipients).unwrap_or(0))
}

async fn insert_variant(tx: &mut Tx, digest: DigestId, variant: &Variant, number: i64) -> Result<(), StoreError> {
    let topics = match &variant.readers {
        Readers::Topics(topics) => Some(topics.as_str()),
        Readers::These(_) => None,
    };
    let posts: Vec<i64> = variant.posts.iter().map(|post| post.0).collect();
    let posts = serde_json::to_string(&posts).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    each!(tx, |db| {
        sqlx::query(
            "INSERT INTO digest_variant (digest_id, number, topics, posts, subject, html, plain)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(digest.0)
        .bind(number)
        .bind(topics)
        .bind(&posts)
        .bind(&variant.subject)
        .bind(&variant.html)
        .bind(&variant.plain)
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
