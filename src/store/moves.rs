//! What readers chose, as far as a digest must know: topics, time zones, and who
//! came from another cadence.
//!
//! Kept here: nobody gets a post twice, nor misses one, because they changed how
//! often they are mailed. A reader has a post when a delivery of a digest that
//! holds it was not lost; what a reader's variant left out, they do not have.

use super::{Store, StoreError, Tx, each};
use crate::domain::digest::Edition;
use crate::domain::id::{PostId, SubscriptionId};
use crate::domain::slug::Slug;
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};

/// How many readers of a cadence came from another, and when the last one did:
/// what a digest was rendered for, and what it is frozen for, must be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MovedStamp {
    count: i64,
    last: i64,
}

/// Who came from another cadence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    /// To be frozen with.
    pub stamp: MovedStamp,
    /// Those whose digest is not the others'.
    pub readers: Vec<MovedReader>,
}

/// A reader who came from another cadence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedReader {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The topics, as the database has them.
    pub topics: String,
    /// What the reader has, of the posts that were asked for and of `missed`.
    pub has: BTreeSet<PostId>,
    /// What this cadence mailed between the reader's last digest and the change.
    pub missed: Vec<PostId>,
}

#[derive(sqlx::FromRow)]
struct MovedRow {
    id: i64,
    topics: String,
    moved_at: i64,
    paused_until: Option<i64>,
    begun_at: i64,
    last: Option<i64>,
}

impl MovedRow {
    /// Since when this cadence mailed what the reader may have missed: since their last digest, or since
    /// they came back. What was mailed while they would have none, they did not miss.
    fn away_since(&self) -> i64 {
        self.last.unwrap_or(self.begun_at).max(self.paused_until.unwrap_or(0))
    }
}

/// The zones that readers named, from one to the next by the index: there are a
/// few among a million readers.
macro_rules! named_zones {
    ($which:literal) => {
        concat!(
            "WITH RECURSIVE zone (name) AS (
                 SELECT MIN(timezone) FROM subscriber WHERE timezone <> ''
                 UNION ALL
                 SELECT (SELECT MIN(timezone) FROM subscriber WHERE timezone <> '' AND timezone > zone.name)
                 FROM zone WHERE zone.name IS NOT NULL)
             SELECT name FROM zone WHERE name IS NOT NULL",
            $which
        )
    };
}

impl Store {
    /// The choices of topics that confirmed readers of a cadence made, as the database has them.
    pub async fn topics_chosen(&self, newsletter: &Slug, cadence: &Slug) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT DISTINCT topics FROM subscription
                 WHERE newsletter = $1 AND cadence = $2 AND topics <> '' AND state = 'confirmed' ORDER BY topics",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(topics,)| topics).collect())
    }

    /// The time zones of all readers that named one.
    pub async fn zones_in_use(&self) -> Result<Vec<Tz>, StoreError> {
        let rows: Vec<(String,)> = each!(&self.reader, |db| sqlx::query_as(named_zones!("")).fetch_all(db).await)?;
        zones(rows)
    }

    /// The time zones that confirmed readers of a cadence named, and whether others named none.
    pub async fn zones_of(&self, newsletter: &Slug, cadence: &Slug) -> Result<(Vec<Tz>, bool), StoreError> {
        let rows: Vec<(String,)> = each!(&self.reader, |db| {
            sqlx::query_as(named_zones!(
                " AND EXISTS (
                     SELECT 1 FROM subscriber b JOIN subscription s ON s.subscriber_id = b.id
                     WHERE b.timezone <> '' AND b.timezone = zone.name
                       AND s.newsletter = $1 AND s.cadence = $2 AND s.state = 'confirmed')"
            ))
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .fetch_all(db)
            .await
        })?;
        let without: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT s.id FROM subscription s JOIN subscriber b ON b.id = s.subscriber_id
                 WHERE s.newsletter = $1 AND s.cadence = $2 AND s.state = 'confirmed' AND b.timezone = '' LIMIT 1",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .fetch_optional(db)
            .await
        })?;
        Ok((zones(rows)?, without.is_some()))
    }

    /// The hours that confirmed readers of a cadence chose, each with the zone by name ('' is the newsletter's).
    pub async fn hours_of(&self, newsletter: &Slug, cadence: &Slug) -> Result<Vec<(String, u8)>, StoreError> {
        let rows: Vec<(String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT DISTINCT b.timezone, b.hour FROM subscriber b JOIN subscription s ON s.subscriber_id = b.id
                 WHERE b.hour IS NOT NULL AND s.newsletter = $1 AND s.cadence = $2 AND s.state = 'confirmed'
                 ORDER BY b.timezone, b.hour",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().filter_map(|(zone, hour)| Some((zone, u8::try_from(hour).ok()?))).collect())
    }

    /// Who came to a cadence from another, and which of `posts` they have.
    pub async fn moved_readers(
        &self,
        newsletter: &Slug,
        cadence: &Slug,
        posts: &[PostId],
    ) -> Result<Moved, StoreError> {
        let rows: Vec<MovedRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT s.id, s.topics, s.moved_at, s.paused_until, COALESCE(s.confirmed_at, s.created_at) AS begun_at,
                     (SELECT MAX(g.frozen_at) FROM digest g
                      JOIN delivery d ON d.digest_id = g.id AND d.subscriber_id = s.subscriber_id
                      WHERE g.newsletter = s.newsletter AND d.state NOT IN ('bounced', 'suppressed', 'expired')) AS last
                 FROM subscription s
                 WHERE s.newsletter = $1 AND s.cadence = $2 AND s.moved_at IS NOT NULL AND s.state = 'confirmed'
                 ORDER BY s.id",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .fetch_all(db)
            .await
        })?;
        let last = rows.iter().map(|row| row.moved_at).max().unwrap_or(0);
        let stamp = MovedStamp { count: i64::try_from(rows.len()).unwrap_or(i64::MAX), last };
        if rows.is_empty() {
            return Ok(Moved { stamp, readers: Vec::new() });
        }
        let mailed = self.mailed_between(newsletter, cadence, &rows).await?;
        let asked: BTreeSet<PostId> = posts.iter().copied().chain(mailed.iter().map(|(post, _)| *post)).collect();
        let mut has: BTreeMap<i64, BTreeSet<PostId>> = BTreeMap::new();
        for (reader, posts) in self.mails_of_their_own(newsletter, cadence).await? {
            has.entry(reader).or_default().extend(posts.into_iter().filter(|post| asked.contains(post)));
        }
        for post in asked {
            for reader in self.who_has(newsletter, cadence, post).await? {
                has.entry(reader).or_default().insert(post);
            }
        }
        let readers = rows
            .into_iter()
            .map(|row| {
                let has = has.remove(&row.id).unwrap_or_default();
                let since = row.away_since();
                let missed = mailed.iter().filter(|(_, at)| *at > since && *at <= row.moved_at);
                let missed = missed.map(|(post, _)| *post).filter(|post| !has.contains(post)).collect();
                MovedReader { subscription: SubscriptionId(row.id), topics: row.topics, has, missed }
            })
            .filter(|reader| !(reader.has.is_empty() && reader.missed.is_empty()))
            .collect();
        Ok(Moved { stamp, readers })
    }

    /// What a cadence mailed, and when, while some of `rows` were elsewhere.
    async fn mailed_between(
        &self,
        newsletter: &Slug,
        cadence: &Slug,
        rows: &[MovedRow],
    ) -> Result<Vec<(PostId, i64)>, StoreError> {
        let away = rows.iter().map(|row| (row.away_since(), row.moved_at)).filter(|(from, to)| from < to);
        let Some((from, to)) = away.reduce(|(a, b), (c, d)| (a.min(c), b.max(d))) else { return Ok(Vec::new()) };
        let rows: Vec<(i64, i64)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.post_id, g.frozen_at FROM digest g JOIN digest_post p ON p.digest_id = g.id
                 WHERE g.newsletter = $1 AND g.cadence = $2 AND g.frozen_at > $3 AND g.frozen_at <= $4
                   AND g.state <> 'cancelled'
                 ORDER BY g.frozen_at, p.position",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .bind(from)
            .bind(to)
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(post, at)| (PostId(post), at)).collect())
    }

    /// What mails that were made for them alone brought to those who came to a
    /// cadence: posts of earlier digests too, which are not the posts of theirs.
    async fn mails_of_their_own(
        &self,
        newsletter: &Slug,
        cadence: &Slug,
    ) -> Result<Vec<(i64, Vec<PostId>)>, StoreError> {
        let rows: Vec<(i64, String)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT s.id, v.posts FROM subscription s
                 JOIN digest g ON g.newsletter = s.newsletter
                 JOIN digest_variant v ON v.digest_id = g.id AND v.topics IS NULL
                 JOIN delivery d ON d.digest_id = g.id AND d.subscriber_id = s.subscriber_id AND d.variant = v.number
                 WHERE s.newsletter = $1 AND s.cadence = $2 AND s.moved_at IS NOT NULL AND s.state = 'confirmed'
                   AND d.state NOT IN ('bounced', 'suppressed', 'expired')",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(|(reader, posts)| Ok((reader, variant_posts(&posts)?))).collect()
    }

    /// Which readers who came to a cadence have a post, or another of its piece, from another.
    async fn who_has(&self, newsletter: &Slug, cadence: &Slug, post: PostId) -> Result<Vec<i64>, StoreError> {
        let rows: Vec<(i64, i64, Option<String>)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT s.id, p.post_id, v.posts FROM subscription s
                 JOIN digest_post p ON p.newsletter = s.newsletter AND p.post_id IN (
                     SELECT c.id FROM post c
                     WHERE c.id = $3 OR c.piece = (SELECT piece FROM post WHERE id = $3))
                 JOIN delivery d ON d.digest_id = p.digest_id AND d.subscriber_id = s.subscriber_id
                 LEFT JOIN digest_variant v ON v.digest_id = d.digest_id AND v.number = d.variant
                 WHERE s.newsletter = $1 AND s.cadence = $2 AND s.moved_at IS NOT NULL AND s.state = 'confirmed'
                   AND d.state NOT IN ('bounced', 'suppressed', 'expired')",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .bind(post.0)
            .fetch_all(db)
            .await
        })?;
        let mut readers = Vec::with_capacity(rows.len());
        for (reader, mailed, variant) in rows {
            let held = variant.map(|posts| variant_posts(&posts)).transpose()?;
            if held.is_none_or(|posts| posts.contains(&PostId(mailed))) {
                readers.push(reader);
            }
        }
        Ok(readers)
    }
}

fn zones(rows: Vec<(String,)>) -> Result<Vec<Tz>, StoreError> {
    let zone = |(name,): (String,)| name.parse().map_err(|_| StoreError::Corrupt(format!("the time zone {name}")));
    rows.into_iter().map(zone).collect()
}

/// The posts of a variant, as the database has them.
fn variant_posts(json: &str) -> Result<Vec<PostId>, StoreError> {
    let posts: Vec<i64> =
        serde_json::from_str(json).map_err(|error| StoreError::Corrupt(format!("a digest's variant: {error}")))?;
    Ok(posts.into_iter().map(PostId).collect())
}

/// Whether readers of a cadence chose topics besides these, in the transaction that freezes.
pub(super) async fn chose_others(tx: &mut Tx, edition: &Edition, topics: &[String]) -> Result<bool, StoreError> {
    let rows: Vec<(String,)> = each!(tx, |db| {
        sqlx::query_as(
            "SELECT DISTINCT topics FROM subscription
             WHERE newsletter = $1 AND cadence = $2 AND topics <> '' AND state = 'confirmed'",
        )
        .bind(edition.newsletter.as_str())
        .bind(edition.cadence.as_str())
        .fetch_all(&mut **db)
        .await
    })?;
    Ok(rows.iter().any(|(chosen,)| !topics.contains(chosen)))
}

/// The same stamp in the transaction that freezes.
pub(super) async fn moved_stamp(tx: &mut Tx, edition: &Edition) -> Result<MovedStamp, StoreError> {
    let (count, last): (i64, i64) = each!(tx, |db| {
        sqlx::query_as(
            "SELECT COUNT(*), COALESCE(MAX(moved_at), 0) FROM subscription
             WHERE newsletter = $1 AND cadence = $2 AND moved_at IS NOT NULL AND state = 'confirmed'",
        )
        .bind(edition.newsletter.as_str())
        .bind(edition.cadence.as_str())
        .fetch_one(&mut **db)
        .await
    })?;
    Ok(MovedStamp { count, last })
}
