//! What texts are found by that are like one another (`domain::likeness`): looked up,
//! and written down.
//!
//! PostgreSQL is asked for several posts at once, since each question is a trip to it
//! and back, and one plan for all keys costs less than a part of a plan for each. There new keys wait in a small table
//! of their own, for a key would take a page of a large one from the disk and back.

use super::{Engine, Store, StoreError, Tx};
use crate::domain::id::PostId;
use crate::domain::likeness::Text;
use sqlx::{AssertSqlSafe, QueryBuilder};
use std::collections::HashMap;
use std::fmt::Write as _;

/// So many posts are compared with one that arrived, at most.
pub(super) const MOST: usize = 8;
/// So many posts that share one shingle are looked at, the newest: more share a phrase of the language, or what every
/// post of a blog ends with.
const SHARING: usize = 64;

/// A post, and what it is found by.
pub(super) struct Keyed<'a> {
    pub(super) id: PostId,
    keys: Vec<u32>,
    text: &'a Text,
}

impl<'a> Keyed<'a> {
    pub(super) fn new(id: PostId, text: &'a Text) -> Self {
        Self { id, keys: text.keys(), text }
    }

    /// The keys, and what sharing each is worth: a title as much as two shingles.
    fn weighted(&self) -> impl Iterator<Item = (i64, i32)> + '_ {
        let title = self.text.title_key();
        self.keys.iter().map(move |key| (i64::from(*key), if title == Some(*key) { 2 } else { 1 }))
    }
}

/// Posts that have the title or two shingles in common with these texts: those first that share most. One shingle is
/// shared by chance among many posts, so that of each the newest are looked at. (On PostgreSQL the newest of either
/// table; what a changed post has in both, or twice among the new, counts twice, and has it looked at.)
pub(super) async fn sharing(tx: &mut Tx, posts: &[Keyed<'_>]) -> Result<HashMap<PostId, Vec<PostId>>, StoreError> {
    let mut found: HashMap<PostId, Vec<PostId>> = HashMap::new();
    match tx {
        Engine::Sqlite(db) => {
            for post in posts {
                if post.keys.is_empty() {
                    continue;
                }
                let mut query = sqlx::query_as(AssertSqlSafe(for_one(post)));
                for key in &post.keys {
                    query = query.bind(i64::from(*key));
                }
                let others: Vec<(i64,)> = query.fetch_all(&mut **db).await?;
                found.insert(post.id, others.into_iter().map(|(other,)| PostId(other)).collect());
            }
        }
        Engine::Postgres(db) => {
            let (mut ids, mut keys, mut weights) = (Vec::new(), Vec::new(), Vec::new());
            for post in posts {
                for (key, weight) in post.weighted() {
                    ids.push(post.id.0);
                    keys.push(key);
                    weights.push(weight);
                }
            }
            let sql = format!(
                "SELECT id, other FROM
                     (SELECT k.id, s.post_id AS other,
                             ROW_NUMBER() OVER (PARTITION BY k.id ORDER BY SUM(k.weight) DESC, s.post_id DESC) AS place
                      FROM UNNEST($1::BIGINT[], $2::BIGINT[], $3::INT[]) AS k (id, shingle, weight)
                      CROSS JOIN LATERAL ((SELECT post_id FROM post_shingle_new WHERE shingle = k.shingle
                                           ORDER BY post_id DESC LIMIT {SHARING})
                                          UNION ALL
                                          (SELECT post_id FROM post_shingle WHERE shingle = k.shingle
                                           ORDER BY post_id DESC LIMIT {SHARING})) s
                      GROUP BY k.id, s.post_id HAVING SUM(k.weight) > 1) f
                 WHERE place <= {MOST} ORDER BY id, place"
            );
            let query = sqlx::query_as(AssertSqlSafe(sql)).bind(ids).bind(keys).bind(weights);
            let rows: Vec<(i64, i64)> = query.fetch_all(&mut **db).await?;
            for (id, other) in rows {
                found.entry(PostId(id)).or_default().push(PostId(other));
            }
        }
    }
    Ok(found)
}

fn for_one(post: &Keyed<'_>) -> String {
    let mut sql = String::new();
    for (place, (_, weight)) in post.weighted().enumerate() {
        let all = if place == 0 { "" } else { " UNION ALL " };
        // A string takes whatever is written into it.
        let _ = write!(
            sql,
            "{all}SELECT post_id, {weight} AS weight FROM (SELECT post_id FROM post_shingle WHERE shingle = ${} ORDER BY post_id DESC LIMIT {SHARING}) s{place}",
            place + 1
        );
    }
    format!(
        "SELECT post_id FROM ({sql}) s GROUP BY post_id HAVING SUM(weight) > 1 ORDER BY SUM(weight) DESC, post_id DESC LIMIT {MOST}"
    )
}

/// Those of an earlier text stay: they find a candidate, which is compared as it is now.
pub(super) async fn write_keys(tx: &mut Tx, posts: &[Keyed<'_>]) -> Result<(), StoreError> {
    let mut rows: Vec<(i64, i64)> = Vec::new();
    for post in posts {
        rows.extend(post.keys.iter().map(|key| (i64::from(*key), post.id.0)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    match tx {
        Engine::Sqlite(db) => {
            let mut insert = QueryBuilder::new("INSERT INTO post_shingle (shingle, post_id) ");
            insert.push_values(rows, |mut row, (key, id)| {
                row.push_bind(key).push_bind(id);
            });
            insert.push(" ON CONFLICT DO NOTHING").build().execute(&mut **db).await?;
        }
        Engine::Postgres(db) => {
            let (keys, ids): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
            // What stands there twice is dropped when it is put in order: telling it here would take as long again.
            sqlx::query(
                "INSERT INTO post_shingle_new (shingle, post_id) SELECT * FROM UNNEST($1::BIGINT[], $2::BIGINT[])",
            )
            .bind(keys)
            .bind(ids)
            .execute(&mut **db)
            .await?;
        }
    }
    Ok(())
}

impl Store {
    /// Puts the keys of posts that came since among all others, in their order, and returns how many rows those were.
    /// SQLite keeps none aside.
    pub async fn sort_keys(&self) -> Result<u64, StoreError> {
        let Engine::Postgres(db) = &self.writer else { return Ok(0) };
        let mut tx = db.begin().await?;
        // Hundreds of thousands, when a million posts are imported.
        sqlx::query("SET LOCAL work_mem = '64MB'").execute(&mut *tx).await?;
        let moved = sqlx::query(
            "WITH waiting AS (DELETE FROM post_shingle_new RETURNING shingle, post_id)
             INSERT INTO post_shingle (shingle, post_id) SELECT shingle, post_id FROM waiting ORDER BY shingle, post_id
             ON CONFLICT DO NOTHING",
        );
        let moved = moved.execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(moved)
    }
}
