//! Corrections of posts that were mailed: which a digest still owes its readers, and
//! which it told of. Each correction is told of once by a cadence.

use super::{Store, StoreError, Tx, each};
use crate::domain::digest::Edition;
use crate::domain::id::{DigestId, PostId};
use crate::domain::newsletter::Newsletter;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use std::time::Duration;

/// So many corrections a mail tells of, the latest.
const MOST: i64 = 10;
/// Older ones are told no more.
const NEWS: Duration = Duration::from_hours(30 * 24);

/// A post that was corrected after a digest had mailed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrected {
    /// The post.
    pub post: PostId,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// What was corrected since a cadence mailed it and stands still by now, the latest first, without what it told of.
    pub async fn corrected_posts(
        &self,
        newsletter: &Newsletter,
        cadence: &Slug,
        now: Timestamp,
    ) -> Result<Vec<Corrected>, StoreError> {
        let rows: Vec<(i64, i64)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.id, p.corrected_at FROM post p
                 JOIN digest_post d ON d.newsletter = $1 AND d.cadence = $2 AND d.post_id = p.id
                 JOIN digest g ON g.id = d.digest_id
                 WHERE p.corrected_at > $3 AND p.corrected_at > g.frozen_at AND p.changed_at <= $4 AND p.shown
                   AND g.state <> 'cancelled'
                   AND NOT EXISTS (SELECT 1 FROM correction c
                                   WHERE c.newsletter = $1 AND c.cadence = $2 AND c.post_id = p.id
                                     AND c.corrected_at >= p.corrected_at)
                 ORDER BY p.corrected_at DESC, p.id LIMIT $5",
            )
            .bind(newsletter.name.as_str())
            .bind(cadence.as_str())
            .bind(now.minus(NEWS).millis())
            .bind(now.minus(newsletter.settle).millis())
            .bind(MOST)
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(id, at)| Corrected { post: PostId(id), at: Timestamp::from_millis(at) }).collect())
    }
}

/// Writes which corrections a digest tells of.
pub(super) async fn insert_corrections(
    tx: &mut Tx,
    edition: &Edition,
    digest: DigestId,
    corrected: &[Corrected],
) -> Result<(), StoreError> {
    for Corrected { post, at } in corrected {
        each!(&mut *tx, |db| {
            sqlx::query(
                "INSERT INTO correction (newsletter, cadence, post_id, corrected_at, digest_id)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (newsletter, cadence, post_id, corrected_at) DO NOTHING",
            )
            .bind(edition.newsletter.as_str())
            .bind(edition.cadence.as_str())
            .bind(post.0)
            .bind(at.millis())
            .bind(digest.0)
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
    }
    Ok(())
}
