//! Where an outlet that says nothing itself has published: its copies come by the
//! source as which it is followed, and are one piece with what it was handed.

use super::feeds::raise_revision;
use super::{Store, StoreError, Tx, each};
use crate::domain::id::SourceId;
use crate::domain::outlet::Outlet;

/// A post that was handed over, and its copy.
#[derive(sqlx::FromRow)]
struct CopyRow {
    id: i64,
    source_id: i64,
    url: String,
    url_key: Option<String>,
}

impl Store {
    /// Writes down where copies stand that have come since the last look. One that nobody knew of settles the doubt
    /// whether its post arrived, where the outlet itself cannot be asked. Returns how many.
    pub async fn note_copies(&self, outlet: &Outlet) -> Result<u64, StoreError> {
        let Some(own) = &outlet.intake.own else { return Ok(0) };
        let can_be_asked = outlet.kind.knows_repeats();
        let rows: Vec<CopyRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT o.id, p.source_id, c.url, c.url_key
                 FROM outlet_post o JOIN post p ON p.id = o.post_id
                 JOIN post c ON c.piece = p.piece AND c.url IS NOT NULL JOIN source s ON s.id = c.source_id
                 WHERE o.outlet = $1 AND s.name = $2 AND o.url IS NULL
                   AND (o.state = 'published' OR o.state = 'unknown' AND NOT $3)
                 ORDER BY c.id",
            )
            .bind(outlet.name.as_str())
            .bind(own.as_str())
            .bind(can_be_asked)
            .fetch_all(db)
            .await
        })?;
        if rows.is_empty() {
            return Ok(0);
        }
        let (mut noted, mut tx) = (0, self.begin().await?);
        for row in rows {
            noted += note(&mut tx, &row).await?;
            raise_revision(&mut tx, SourceId(row.source_id)).await?;
        }
        tx.commit().await?;
        Ok(noted)
    }
}

/// The first of several copies stays.
async fn note(tx: &mut Tx, copy: &CopyRow) -> Result<u64, StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "UPDATE outlet_post SET state = 'published', url = $2, url_key = $3, remote_id = COALESCE(remote_id, $2),
                 trouble = CASE WHEN state = 'unknown' THEN NULL ELSE trouble END,
                 next_try_at = CASE WHEN state = 'unknown' THEN NULL ELSE next_try_at END
             WHERE id = $1 AND url IS NULL AND state IN ('published', 'unknown')",
        )
        .bind(copy.id)
        .bind(&copy.url)
        .bind(&copy.url_key)
        .execute(&mut **db)
        .await
        .map(|done| done.rows_affected())
    })
    .map_err(StoreError::from)
}
