//! What a document says of the posts that it does not show: which of them are missing, which were deleted, and which are
//! back. Written with the document (P1); `retractions` has what comes of it.

use super::many::Padded;
use super::{StoreError, Tx, each};
use crate::domain::id::{PostId, SourceId};
use crate::domain::retraction::{FIRST_LOOK, Proof, SUSPECTS, missing};
use crate::domain::time::Timestamp;
use sqlx::AssertSqlSafe;
use std::collections::HashSet;
use std::time::Duration;

/// So many guids are looked up at once.
const TOGETHER: usize = 256;

/// What a document says of posts that are not in it.
#[derive(Debug, Clone)]
pub struct Absences {
    /// The guids of those that were deleted, by its own words (RFC 6721).
    pub deleted: Vec<String>,
    /// Whether all of its entries were read, so that one that is not there can be missed.
    pub complete: bool,
    /// How long a post must be gone until it counts as withdrawn.
    pub retract_after: Duration,
}

/// Notes what a document shows of its source's posts and what it does not. `judged` is whether it can be told from it what
/// is missing. Returns the posts that counted as withdrawn and are back.
pub(super) async fn note_absences(
    tx: &mut Tx,
    source: SourceId,
    (shown, judged): (&HashSet<PostId>, bool),
    absences: Option<&Absences>,
    now: Timestamp,
) -> Result<Vec<PostId>, StoreError> {
    let absent: Vec<(i64, bool)> = each!(&mut *tx, |db| {
        sqlx::query_as(
            "SELECT id, retracted_at IS NOT NULL FROM post
             WHERE source_id = $1 AND (check_at IS NOT NULL OR retracted_at IS NOT NULL)",
        )
        .bind(source.0)
        .fetch_all(&mut **db)
        .await
    })?;
    let mut back = Vec::new();
    let mut suspects = 0;
    for (id, retracted) in absent {
        let id = PostId(id);
        if shown.contains(&id) {
            take_back(tx, id, now).await?;
            back.extend(retracted.then_some(id));
        } else if !retracted {
            suspects += 1;
        }
    }
    if let Some(absences) = absences {
        note_deleted(tx, source, shown, absences, now).await?;
        if judged && absences.complete {
            note_missing(tx, source, shown, SUSPECTS.saturating_sub(suspects), now).await?;
        }
    }
    Ok(back)
}

/// A post that is seen again is neither missing nor withdrawn. One that was withdrawn changes by that: readers' programs
/// that have heard of a deletion believe what is newer (RFC 6721 section 3).
async fn take_back(tx: &mut Tx, id: PostId, now: Timestamp) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "UPDATE post SET changed_at = CASE WHEN retracted_at IS NULL THEN changed_at ELSE $2 END,
                 missing_since = NULL, gone_since = NULL, gone_by = NULL, check_at = NULL, retracted_at = NULL
             WHERE id = $1",
        )
        .bind(id.0)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Deleted posts are gone, whatever is at their addresses. What also stands in the document is not.
async fn note_deleted(
    tx: &mut Tx,
    source: SourceId,
    shown: &HashSet<PostId>,
    Absences { deleted, retract_after, .. }: &Absences,
    now: Timestamp,
) -> Result<(), StoreError> {
    let after = i64::try_from(retract_after.as_millis()).unwrap_or(i64::MAX);
    for guids in deleted.chunks(TOGETHER) {
        let Some(guids) = Padded::of(guids) else { continue };
        let places = guids.places(2);
        let sql = format!(
            "SELECT id FROM post WHERE source_id = $1 AND guid IN ({places})
             UNION SELECT post_id FROM post_alias WHERE source_id = $1 AND guid IN ({places}) AND NOT apart"
        );
        let found: Vec<(i64,)> = each!(&mut *tx, |db| {
            let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(source.0);
            for guid in guids {
                query = query.bind(guid);
            }
            query.fetch_all(&mut **db).await
        })?;
        for (id,) in found.into_iter().filter(|(id,)| !shown.contains(&PostId(*id))) {
            each!(&mut *tx, |db| {
                sqlx::query(
                    "UPDATE post SET gone_since = COALESCE(gone_since, $2), gone_by = $3,
                         check_at = COALESCE(gone_since, $2) + $4
                     WHERE id = $1 AND shown AND NOT upheld AND gone_by IS DISTINCT FROM $3",
                )
                .bind(id)
                .bind(now.millis())
                .bind(Proof::Deleted.as_str())
                .bind(after)
                .execute(&mut **db)
                .await
                .map(drop)
            })?;
        }
    }
    Ok(())
}

/// Makes suspects of the posts that should stand in the document, the newest first and no more than `most`. What has no
/// date is never missed, since nobody knows where it should stand, nor what has no page that could be asked for.
async fn note_missing(
    tx: &mut Tx,
    source: SourceId,
    shown: &HashSet<PostId>,
    most: usize,
    now: Timestamp,
) -> Result<(), StoreError> {
    // No window reaches further: at least half of it stands in the document.
    let furthest = i64::try_from(shown.len() * 2).unwrap_or(i64::MAX);
    let rows: Vec<(i64, bool)> = each!(&mut *tx, |db| {
        sqlx::query_as(
            "SELECT id, url IS NOT NULL AND check_at IS NULL AND NOT upheld FROM post
             WHERE source_id = $1 AND shown AND published_at IS NOT NULL ORDER BY dated_at DESC, id DESC LIMIT $2",
        )
        .bind(source.0)
        .bind(furthest)
        .fetch_all(&mut **db)
        .await
    })?;
    let posts: Vec<_> = rows.iter().map(|(id, _)| (PostId(*id), shown.contains(&PostId(*id)))).collect();
    let free: HashSet<i64> = rows.into_iter().filter_map(|(id, free)| free.then_some(id)).collect();
    for id in missing(&posts).into_iter().filter(|id| free.contains(&id.0)).take(most) {
        each!(&mut *tx, |db| {
            sqlx::query("UPDATE post SET missing_since = $2, check_at = $3 WHERE id = $1")
                .bind(id.0)
                .bind(now.millis())
                .bind(now.plus(FIRST_LOOK).millis())
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
    }
    Ok(())
}
