//! How many mails went in a day of UTC, by what limits them: a relay, or the
//! domain of their recipients. The counts outlive restarts and are shared by nodes.

use super::{Store, StoreError, Tx, each};
use std::collections::HashMap;

/// Days that are kept, this one included.
const KEPT: i64 = 7;

/// Mails of one kind on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Of what: `relay main`, `to example.com`.
    pub name: String,
    /// The day, by its number since 1970.
    pub day: i64,
    /// How many.
    pub mails: u64,
}

impl Store {
    /// All counts of a day, by name.
    pub async fn counts(&self, day: i64) -> Result<HashMap<String, u64>, StoreError> {
        let rows: Vec<(String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT name, mails FROM sent_count WHERE day = $1").bind(day).fetch_all(db).await
        })?;
        Ok(rows.into_iter().map(|(name, mails)| (name, u64::try_from(mails).unwrap_or(0))).collect())
    }
}

/// Adds to a count, and says how it stands then. Old days go with the first mail
/// of a new one.
pub(super) async fn add(tx: &mut Tx, count: &Count) -> Result<Count, StoreError> {
    let more = i64::try_from(count.mails).unwrap_or(i64::MAX);
    let (mails,): (i64,) = each!(&mut *tx, |db| {
        sqlx::query_as(
            "INSERT INTO sent_count (name, day, mails) VALUES ($1, $2, $3)
             ON CONFLICT (name, day) DO UPDATE SET mails = sent_count.mails + $3 RETURNING mails",
        )
        .bind(&count.name)
        .bind(count.day)
        .bind(more)
        .fetch_one(&mut **db)
        .await
    })?;
    if mails == more {
        each!(tx, |db| {
            sqlx::query("DELETE FROM sent_count WHERE name = $1 AND day <= $2")
                .bind(&count.name)
                .bind(count.day - KEPT)
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
    }
    Ok(Count { mails: u64::try_from(mails).unwrap_or(0), ..count.clone() })
}
