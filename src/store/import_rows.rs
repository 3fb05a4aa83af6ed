//! The statements of an import's step: readers, subscriptions, proofs of consent
//! and tags, many rows by each.

use super::choices::topics_text;
use super::import::{Fate, Here, HereRow, Incoming, Known, LOOKED_UP, fate, here_sql};
use super::many::{Padded, Places, parts, values};
use super::subscribers::CONFIRM_WITHIN;
use super::{StoreError, Tx, each};
use crate::domain::consent::Consent;
use crate::domain::subscriber::SubscriptionState;
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use sqlx::AssertSqlSafe;
use std::collections::HashMap;

/// Writes rows; `None` when somebody subscribed, left or confirmed meanwhile.
pub(super) async fn write(
    tx: &mut Tx,
    (rows, keys): (&[Incoming], &[String]),
    now: Timestamp,
) -> Result<Option<Vec<Fate>>, StoreError> {
    let mut here = Here::default();
    for some in keys.chunks(LOOKED_UP) {
        let Some(some) = Padded::of(some) else { continue };
        let sql = here_sql(&some);
        let rows: Vec<HereRow> = each!(&mut *tx, |db| {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for key in some {
                query = query.bind(key);
            }
            query.fetch_all(&mut **db).await
        })?;
        rows.into_iter().try_for_each(|row| here.take(row))?;
    }
    let (mut fates, mut readers, mut fresh) = (Vec::with_capacity(rows.len()), HashMap::new(), Vec::new());
    let (mut proofs, mut tags) = (Vec::new(), Vec::new());
    for (row, key) in rows.iter().zip(keys) {
        let known = here.subscription(key, &row.newsletter);
        let fate = fate(known, row);
        fates.push(fate);
        match (known, fate) {
            (None, _) => {
                if !here.readers.contains(key) {
                    readers.entry(key).or_insert(row);
                }
                fresh.push((key, row));
            }
            (Some(known), Fate::Added) if !confirm(tx, known, row).await? => return Ok(None),
            (Some(known), Fate::Ended) if !end(tx, known, row).await? => return Ok(None),
            _ => {}
        }
        if matches!(fate, Fate::Added | Fate::Ended) {
            proofs.extend(row.consents.iter().map(|consent| (key, row, consent)));
        }
        if !matches!(fate, Fate::Left | Fate::Kept) {
            tags.extend(row.tags.iter().map(|tag| (key, tag)));
        }
    }
    // In the order of their keys, so that pages of the index are visited one after another.
    let mut readers: Vec<_> = readers.into_iter().collect();
    readers.sort_unstable_by_key(|(key, _)| *key);
    if !insert_readers(tx, &readers).await? || !insert_subscriptions(tx, &fresh, now).await? {
        return Ok(None);
    }
    insert_consents(tx, &proofs).await?;
    insert_tags(tx, &tags).await?;
    Ok(Some(fates))
}

/// What was asked for is confirmed. Returns whether it was still as it was.
async fn confirm(tx: &mut Tx, known: Known, row: &Incoming) -> Result<bool, StoreError> {
    let done = each!(tx, |db| {
        sqlx::query(
            "UPDATE subscription SET state = 'confirmed', confirmed_at = $3, confirm_nonce = NULL, ended_at = NULL,
                 ended_by = NULL, ended_why = NULL, undo_until = NULL,
                 moved_at = CASE WHEN cadence <> $2 THEN $3 ELSE moved_at END, cadence = $2, topics = $4
             WHERE id = $1 AND state = 'pending'",
        )
        .bind(known.id)
        .bind(row.cadence.as_str())
        .bind(row.confirmed_at.unwrap_or(row.created_at).millis())
        .bind(topics_text(&row.topics))
        .execute(&mut **db)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(done > 0)
}

/// What stood is ended. Returns whether it was still as it was.
async fn end(tx: &mut Tx, known: Known, row: &Incoming) -> Result<bool, StoreError> {
    let done = each!(tx, |db| {
        sqlx::query(
            "UPDATE subscription SET state = 'unsubscribed', ended_at = $3, ended_by = $4, confirm_nonce = NULL,
                 confirm_expires_at = NULL WHERE id = $1 AND state = $2",
        )
        .bind(known.id)
        .bind(known.state.as_str())
        .bind(row.ended_at.map(Timestamp::millis))
        .bind(&row.ended_by)
        .execute(&mut **db)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(done > 0)
}

/// Returns whether none of them was there.
async fn insert_readers(tx: &mut Tx, readers: &[(&String, &Incoming)]) -> Result<bool, StoreError> {
    for part in parts(tx, readers) {
        let sql = format!(
            "INSERT INTO subscriber (email, email_key, language, created_at, name, timezone, hour) VALUES {}
             ON CONFLICT (email_key) DO NOTHING",
            values(part.len(), 7, Places::all_of(tx))
        );
        let written = each!(&mut *tx, |db| {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (key, row) in part {
                query = query
                    .bind(row.email.as_str())
                    .bind(key.as_str())
                    .bind(row.language.tag())
                    .bind(row.created_at.millis())
                    .bind(row.name.as_deref())
                    .bind(row.timezone.map_or("", |zone| zone.name()))
                    .bind(row.hour.map(i64::from));
            }
            query.execute(&mut **db).await.map(|done| done.rows_affected())
        })?;
        if written != part.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Subscriptions in the order of the list, so that an export has it too. Returns
/// whether none of them was there.
async fn insert_subscriptions(tx: &mut Tx, rows: &[(&String, &Incoming)], now: Timestamp) -> Result<bool, StoreError> {
    // By this one that nobody confirms is swept away: there is no link, and it counts as if there were.
    let expires = now.plus(CONFIRM_WITHIN).millis();
    for part in parts(tx, rows) {
        let sql = format!(
            "INSERT INTO subscription (subscriber_id, newsletter, cadence, topics, state, created_at, confirmed_at,
                 ended_at, ended_by, paused_until, confirm_expires_at)
             SELECT b.id, v.column3, v.column4, v.column5, v.column6, v.column7, v.column8, v.column9, v.column10,
                 v.column11, v.column12
             FROM (VALUES {}) AS v JOIN subscriber b ON b.email_key = v.column2 WHERE v.column1 >= 0
             ORDER BY v.column1
             ON CONFLICT (subscriber_id, newsletter) DO NOTHING",
            values(part.len(), 12, Places::all_of(tx))
        );
        let written = each!(&mut *tx, |db| {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for ((key, row), place) in part.iter().zip(0_i64..) {
                query = query
                    .bind(place)
                    .bind(key.as_str())
                    .bind(row.newsletter.as_str())
                    .bind(row.cadence.as_str())
                    .bind(topics_text(&row.topics))
                    .bind(row.state.as_str())
                    .bind(row.created_at.millis())
                    .bind(row.confirmed_at.map(Timestamp::millis))
                    .bind(row.ended_at.map(Timestamp::millis))
                    .bind(row.ended_by.as_deref())
                    .bind(row.paused_until.map(Timestamp::millis))
                    .bind((row.state == SubscriptionState::Pending).then_some(expires));
            }
            query.execute(&mut **db).await.map(|done| done.rows_affected())
        })?;
        if written != part.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn insert_consents(tx: &mut Tx, rows: &[(&String, &Incoming, &Consent)]) -> Result<(), StoreError> {
    for part in parts(tx, rows) {
        let sql = format!(
            "INSERT INTO consent (subscription_id, act, at, form, words, origin, address)
             SELECT s.id, v.column4, v.column5, v.column6, v.column7, v.column8, v.column9
             FROM (VALUES {}) AS v JOIN subscriber b ON b.email_key = v.column2
             JOIN subscription s ON s.subscriber_id = b.id AND s.newsletter = v.column3
             ORDER BY v.column1",
            values(part.len(), 9, Places::all_of(tx))
        );
        each!(&mut *tx, |db| {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for ((key, row, consent), place) in part.iter().zip(0_i64..) {
                query = query
                    .bind(place)
                    .bind(key.as_str())
                    .bind(row.newsletter.as_str())
                    .bind(consent.act.as_str())
                    .bind(consent.at.millis())
                    .bind(consent.form.as_str())
                    .bind(consent.words.as_str())
                    .bind(consent.origin.as_str())
                    .bind(consent.address.map(|address| address.to_string()));
            }
            query.execute(&mut **db).await.map(drop)
        })?;
    }
    Ok(())
}

async fn insert_tags(tx: &mut Tx, rows: &[(&String, &Tag)]) -> Result<(), StoreError> {
    for part in parts(tx, rows) {
        let sql = format!(
            "INSERT INTO subscriber_tag (subscriber_id, tag)
             SELECT b.id, v.column2 FROM (VALUES {}) AS v JOIN subscriber b ON b.email_key = v.column1 WHERE b.id > 0
             ON CONFLICT (subscriber_id, tag) DO NOTHING",
            values(part.len(), 2, Places::all_of(tx))
        );
        each!(&mut *tx, |db| {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (key, tag) in part {
                query = query.bind(key.as_str()).bind(tag.as_str());
            }
            query.execute(&mut **db).await.map(drop)
        })?;
    }
    Ok(())
}
