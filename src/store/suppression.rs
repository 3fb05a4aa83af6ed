//! The list of addresses that are never mailed, as keyed hashes: by this key, or by
//! one that it took the place of.

use super::bounces::forget_soft_bounces;
use super::many::Padded;
use super::subscribers::find_subscriber;
use super::{Store, StoreError, Tx, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::BounceId;
use crate::domain::time::Timestamp;
use crate::domain::token::SecretKey;
use sqlx::AssertSqlSafe;
use std::collections::{HashMap, HashSet};

/// Why an address that was erased is not mailed; only its owner lifts that, by the form.
pub const ERASED: &str = "erased";

/// So many of those who were erased are read in one page.
const PAGE: usize = 10_000;

/// Who was erased, in so far as it takes to know them when a list brings them: the
/// first eight bytes of each hash, so that a million of them fit.
#[derive(Debug, Default)]
pub struct Erased(HashSet<u64>);

impl Erased {
    /// Whether this address was erased.
    #[must_use]
    pub fn has(&self, secret: &SecretKey, address: &EmailAddress) -> bool {
        !self.0.is_empty()
            && secret
                .address_hashes(&address.key())
                .iter()
                .filter_map(|hash| head(hash))
                .any(|head| self.0.contains(&head))
    }
}

/// The first eight bytes of a hash.
fn head(hash: &str) -> Option<u64> {
    u64::from_str_radix(hash.get(..16)?, 16).ok()
}

impl Store {
    /// Why and since when an address is never mailed; `None` when it is.
    pub async fn suppression(
        &self,
        secret: &SecretKey,
        address: &EmailAddress,
    ) -> Result<Option<(String, Timestamp)>, StoreError> {
        for hash in secret.address_hashes(&address.key()) {
            let row: Option<(String, i64)> = each!(&self.reader, |db| {
                sqlx::query_as("SELECT reason, created_at FROM suppression WHERE address_hash = $1")
                    .bind(&hash)
                    .fetch_optional(db)
                    .await
            })?;
            if let Some((reason, at)) = row {
                return Ok(Some((reason, Timestamp::from_millis(at))));
            }
        }
        Ok(None)
    }

    /// Who was erased.
    pub async fn erased(&self) -> Result<Erased, StoreError> {
        let (mut erased, mut after) = (HashSet::new(), String::new());
        loop {
            let page: Vec<(String,)> = each!(&self.reader, |db| {
                sqlx::query_as(
                    "SELECT address_hash FROM suppression WHERE address_hash > $1 AND reason = $2
                     ORDER BY address_hash LIMIT $3",
                )
                .bind(&after)
                .bind(ERASED)
                .bind(i64::try_from(PAGE).unwrap_or(i64::MAX))
                .fetch_all(db)
                .await
            })?;
            erased.extend(page.iter().filter_map(|(hash,)| head(hash)));
            let is_last = page.len() < PAGE;
            match page.into_iter().next_back() {
                Some((hash,)) if !is_last => after = hash,
                _ => return Ok(Erased(erased)),
            }
        }
    }

    /// Lets an address be mailed again that bounced or complained, and forgets its
    /// soft bounces. Returns whether it was suppressed for that. Who was erased comes
    /// back by the form only.
    pub async fn lift_suppression(&self, secret: &SecretKey, address: &EmailAddress) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let mut lifted = 0;
        for hash in secret.address_hashes(&address.key()) {
            lifted += each!(&mut tx, |db| {
                sqlx::query("DELETE FROM suppression WHERE address_hash = $1 AND reason <> $2")
                    .bind(&hash)
                    .bind(ERASED)
                    .execute(&mut **db)
                    .await
                    .map(|done| done.rows_affected())
            })?;
        }
        if let Some(reader) = find_subscriber(&mut tx, address).await? {
            forget_soft_bounces(&mut tx, reader).await?;
        }
        tx.commit().await?;
        Ok(lifted > 0)
    }
}

/// Puts an address on the list; another reason that stands there stays.
pub(super) async fn suppress(
    tx: &mut Tx,
    address_hash: &str,
    reason: &str,
    bounce: Option<BounceId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "INSERT INTO suppression (address_hash, reason, created_at, bounce_id) VALUES ($1, $2, $3, $4)
             ON CONFLICT (address_hash) DO NOTHING",
        )
        .bind(address_hash)
        .bind(reason)
        .bind(now.millis())
        .bind(bounce.map(|id| id.0))
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Lets somebody who was erased be mailed again: they confirmed by a mail that came there.
pub(super) async fn lift_erased(tx: &mut Tx, address_hashes: &[String]) -> Result<(), StoreError> {
    for hash in address_hashes {
        each!(&mut *tx, |db| {
            sqlx::query("DELETE FROM suppression WHERE address_hash = $1 AND reason = $2")
                .bind(hash)
                .bind(ERASED)
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
    }
    Ok(())
}

/// Those of the addresses that are never to be mailed, and why.
pub(super) async fn suppressed(tx: &mut Tx, hashes: &[&str]) -> Result<HashMap<String, String>, StoreError> {
    let Some(rows) = Padded::of(hashes) else { return Ok(HashMap::new()) };
    let sql = format!("SELECT address_hash, reason FROM suppression WHERE address_hash IN ({})", rows.places(1));
    let found: Vec<(String, String)> = each!(tx, |db| {
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for hash in rows {
            query = query.bind(*hash);
        }
        query.fetch_all(&mut **db).await
    })?;
    Ok(found.into_iter().collect())
}
