//! A stored post whose source tells it anew: what changed takes the old text's place.

use super::admit::{Arriving, to_json};
use super::{StoreError, Tx, each};
use crate::domain::html::CleanHtml;
use crate::domain::id::PostId;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;

/// Puts the new text in the old one's place. The post's guid stays, so that
/// readers' programs know it again; so does its date, unless it had none.
pub(super) async fn update_post(
    tx: &mut Tx,
    id: PostId,
    arriving: &Arriving,
    now: Timestamp,
) -> Result<(), StoreError> {
    refresh_post(tx, id, arriving).await?;
    each!(tx, |db| {
        sqlx::query(
            "UPDATE post SET fingerprint = $2, changed_at = $3, published_at = COALESCE(published_at, $4),
                 dated_at = CASE WHEN published_at IS NULL AND $4 < first_seen_at THEN $4 ELSE dated_at END
             WHERE id = $1",
        )
        .bind(id.0)
        .bind(&arriving.fingerprint)
        .bind(now.millis())
        .bind(arriving.entry.published.map(Timestamp::millis))
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Takes over what changed beside the text (its markup, its address, its tags):
/// no new version, and nothing to wait for before it is mailed. Returns whether
/// there was anything.
pub(super) async fn refresh_post(tx: &mut Tx, id: PostId, arriving: &Arriving) -> Result<bool, StoreError> {
    let entry = &arriving.entry;
    let (authors, categories) = (to_json(&entry.authors)?, to_json(&entry.categories)?);
    let (enclosures, also_at) = (to_json(&entry.enclosures)?, to_json(&entry.also_at)?);
    let changed = each!(tx, |db| {
        sqlx::query(
            "UPDATE post SET url = $2, url_key = $3, title = $4, authors = $5, updated_at = $6, summary = $7,
                 content = $8, categories = $9, enclosures = $10, also_at = $11, language = $12, original = $13
             WHERE id = $1 AND (url IS DISTINCT FROM $2 OR url_key IS DISTINCT FROM $3 OR title <> $4 OR authors <> $5
                 OR updated_at IS DISTINCT FROM $6 OR summary IS DISTINCT FROM $7 OR content IS DISTINCT FROM $8
                 OR categories <> $9 OR enclosures <> $10 OR also_at <> $11 OR language IS DISTINCT FROM $12
                 OR original IS DISTINCT FROM $13)",
        )
        .bind(id.0)
        .bind(entry.url.as_ref().map(HttpUrl::as_str))
        .bind(&arriving.url_key)
        .bind(&entry.title)
        .bind(&authors)
        .bind(entry.updated.map(Timestamp::millis))
        .bind(entry.summary.as_ref().map(CleanHtml::as_str))
        .bind(entry.content.as_ref().map(CleanHtml::as_str))
        .bind(&categories)
        .bind(&enclosures)
        .bind(&also_at)
        .bind(&entry.language)
        .bind(entry.original.as_ref().map(HttpUrl::as_str))
        .execute(&mut **db)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(changed > 0)
}
