//! The pictures that come with mails. A frozen mail names them by Content-ID, so
//! that it is the same whenever it is sent (P5).
//!
//! Invariants: a picture stays while a digest that may show it is not over; its address
//! stays, for the digest's page on the web.

use super::{Store, StoreError, Tx, each};
use crate::domain::picture::{Picture, shown_in};
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// A picture is not asked for again for so long.
const FRESH: Duration = Duration::from_hours(7 * 24);
/// A picture is kept at least so long: a digest that is being composed with one that is still fresh finds it.
const KEPT: Duration = Duration::from_hours(14 * 24);

impl Store {
    /// Keeps the picture that was found at `address`.
    pub async fn keep_picture(&self, address: &str, picture: &Picture, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        insert_picture(&mut tx, address, picture, now).await?;
        tx.commit().await
    }

    /// What was found at `address` not long ago.
    pub async fn fresh_picture(&self, address: &str, now: Timestamp) -> Result<Option<Picture>, StoreError> {
        let row: Option<(String, String, String)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, media_type, base64 FROM picture WHERE address = $1 AND fetched_at > $2 AND base64 <> ''
                 ORDER BY fetched_at DESC LIMIT 1",
            )
            .bind(address)
            .bind(now.minus(FRESH).millis())
            .fetch_optional(db)
            .await
        })?;
        Ok(row.map(|(id, media_type, base64)| Picture { id, media_type, base64 }))
    }

    /// The pictures that a mail's HTML shows.
    pub async fn pictures_in(&self, html: &str) -> Result<Vec<Picture>, StoreError> {
        let mut pictures = Vec::new();
        for id in shown_in(html) {
            let row: Option<(String, String)> = each!(&self.reader, |db| {
                sqlx::query_as("SELECT media_type, base64 FROM picture WHERE id = $1 AND base64 <> ''")
                    .bind(&id)
                    .fetch_optional(db)
                    .await
            })?;
            pictures.extend(row.map(|(media_type, base64)| Picture { id, media_type, base64 }));
        }
        Ok(pictures)
    }

    /// Where the pictures that a mail's HTML shows were found, by their Content-IDs.
    pub async fn picture_addresses(&self, html: &str) -> Result<BTreeMap<String, String>, StoreError> {
        let mut addresses = BTreeMap::new();
        for id in shown_in(html) {
            let row: Option<(String,)> = each!(&self.reader, |db| {
                sqlx::query_as("SELECT address FROM picture WHERE id = $1").bind(&id).fetch_optional(db).await
            })?;
            addresses.extend(row.map(|(address,)| (id, address)));
        }
        Ok(addresses)
    }

    /// Drops the pictures that no digest under way can show, but for their addresses. Returns how many there were.
    pub async fn drop_pictures(&self, now: Timestamp) -> Result<u64, StoreError> {
        let dropped = each!(&self.writer, |db| {
            sqlx::query(
                "UPDATE picture SET base64 = '' WHERE fetched_at < $1 AND base64 <> '' AND NOT EXISTS (
                     SELECT 1 FROM digest WHERE state IN ('review', 'sending', 'paused')
                     AND frozen_at >= picture.fetched_at)",
            )
            .bind(now.minus(KEPT).millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(dropped)
    }
}

/// Keeps a picture that was fetched now, or knows it for as fresh as that.
pub(super) async fn insert_picture(
    tx: &mut Tx,
    address: &str,
    picture: &Picture,
    now: Timestamp,
) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "INSERT INTO picture (id, address, media_type, base64, fetched_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET fetched_at = excluded.fetched_at, base64 = excluded.base64",
        )
        .bind(&picture.id)
        .bind(address)
        .bind(&picture.media_type)
        .bind(&picture.base64)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
