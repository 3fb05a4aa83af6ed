//! What filters decided: which posts a source's filter hides, and which ones the
//! digests of a newsletter passed over.
//!
//! Kept here: a decision is made once, so that a filter that is loosened later
//! makes no old post news. A source's is made when a post is first seen, and
//! again only when the post itself changes; a newsletter's when a digest that
//! could have taken the post is decided on.

use super::admit::Arrival;
use super::{Store, StoreError, Tx, each};
use crate::domain::filter::Reason;
use crate::domain::id::PostId;
use crate::domain::post::Entry;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;

/// A post that a newsletter's filter does not take, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The post.
    pub post: PostId,
    /// Why.
    pub reason: Reason,
}

/// That a digest passed a post over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Of which newsletter.
    pub newsletter: Slug,
    /// Of which cadence.
    pub cadence: Slug,
    /// Why, as the configuration had it.
    pub reason: String,
    /// When that was decided.
    pub at: Timestamp,
}

impl Store {
    /// Records that an instant cadence does not mail these posts.
    pub async fn pass_over(
        &self,
        newsletter: &Slug,
        cadence: &Slug,
        left_out: &[LeftOut],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        pass_over(&mut tx, newsletter, cadence, left_out, now).await?;
        tx.commit().await
    }

    /// Which digests passed this post over.
    pub async fn passed_over(&self, post: PostId) -> Result<Vec<PassedOver>, StoreError> {
        let rows: Vec<(String, String, String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT newsletter, cadence, reason, decided_at FROM passed_over WHERE post_id = $1
                 ORDER BY newsletter, cadence",
            )
            .bind(post.0)
            .fetch_all(db)
            .await
        })?;
        let slug = |name: String| name.parse::<Slug>().map_err(|error| StoreError::Corrupt(error.to_string()));
        rows.into_iter()
            .map(|(newsletter, cadence, reason, at)| {
                let (newsletter, cadence) = (slug(newsletter)?, slug(cadence)?);
                Ok(PassedOver { newsletter, cadence, reason, at: Timestamp::from_millis(at) })
            })
            .collect()
    }
}

/// Writes what a digest passes over, in the transaction that decides on it.
pub(super) async fn pass_over(
    tx: &mut Tx,
    newsletter: &Slug,
    cadence: &Slug,
    left_out: &[LeftOut],
    now: Timestamp,
) -> Result<(), StoreError> {
    for LeftOut { post, reason } in left_out {
        each!(&mut *tx, |db| {
            sqlx::query(
                "INSERT INTO passed_over (newsletter, cadence, post_id, reason, decided_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (newsletter, cadence, post_id) DO NOTHING",
            )
            .bind(newsletter.as_str())
            .bind(cadence.as_str())
            .bind(post.0)
            .bind(reason.as_str())
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
    }
    Ok(())
}

/// Decides again on a post that changed, by its age when it was first seen. What
/// a rule hid that is in the filter no more stays hidden: the filter changed, and
/// not only the post. What a person released is never hidden again.
pub(super) async fn judge_again(
    tx: &mut Tx,
    id: PostId,
    entry: &Entry,
    Arrival { filter, language, .. }: &Arrival,
) -> Result<(), StoreError> {
    let (seen, was, released): (i64, Option<String>, bool) = each!(&mut *tx, |db| {
        sqlx::query_as("SELECT first_seen_at, filtered_by, released FROM post WHERE id = $1")
            .bind(id.0)
            .fetch_one(&mut **db)
            .await
    })?;
    let is = filter.leaves_out(entry, language.as_deref(), Timestamp::from_millis(seen)).map(|why| why.to_string());
    let stays = is.is_none() && was.as_deref().is_some_and(|reason| !filter.stands_by(reason));
    if released || stays || is == was {
        return Ok(());
    }
    each!(tx, |db| {
        sqlx::query("UPDATE post SET filtered_by = $2 WHERE id = $1")
            .bind(id.0)
            .bind(&is)
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}
