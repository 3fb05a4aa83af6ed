//! What feeds are made of: the posts of a choice, newest first or in blocks that
//! never change their bounds, and the numbers that say whether anything changed.

use super::many::Padded;
use super::posts::{PostRow, select_posts};
use super::{Store, StoreError, Tx, each};
use crate::domain::id::SourceId;
use crate::domain::label::{LabelKey, LabelKind};
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use sqlx::AssertSqlSafe;
use std::collections::HashMap;

/// Whose posts are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// Of every source.
    All,
    /// Of these.
    Sources(Vec<Slug>),
    /// Those with this label.
    Labelled(LabelKind, LabelKey),
}

/// Posts by their numbers, as `b`.
macro_rules! of_block {
    ($from:literal, $count:literal) => {
        concat!(
            "JOIN (SELECT ",
            $from,
            " ORDER BY 1 LIMIT ",
            $count,
            ") b ON b.id = p.id
             WHERE p.shown AND NOT s.removed
             ORDER BY p.dated_at DESC, p.id DESC"
        )
    };
}

impl Store {
    /// The sources with their revisions: a number that is raised whenever a feed of
    /// their posts could show something else. What is in the configuration no more is left out.
    pub async fn revisions(&self) -> Result<HashMap<Slug, i64>, StoreError> {
        let rows: Vec<(String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT name, revision FROM source WHERE NOT removed").fetch_all(db).await
        })?;
        rows.into_iter()
            .map(|(name, revision)| {
                let name = name.parse().map_err(|_| StoreError::Corrupt(format!("a source is named `{name}`")))?;
                Ok((name, revision))
            })
            .collect()
    }

    /// How many posts there are of a choice, those included that no feed shows: so a
    /// block keeps its bounds when a post is hidden or let out.
    pub async fn count_posts(&self, chosen: &Chosen) -> Result<u64, StoreError> {
        let (count,): (i64,) = match chosen {
            Chosen::All => {
                each!(&self.reader, |db| { sqlx::query_as("SELECT COUNT(*) FROM post").fetch_one(db).await })?
            }
            Chosen::Sources(names) => {
                let Some(names) = Padded::of(names) else { return Ok(0) };
                let sql = format!(
                    "SELECT COUNT(*) FROM post WHERE source_id IN (SELECT id FROM source WHERE name IN ({}))",
                    names.places(1)
                );
                each!(&self.reader, |db| {
                    let mut query = sqlx::query_as(AssertSqlSafe(sql));
                    for name in names {
                        query = query.bind(name.as_str());
                    }
                    query.fetch_one(db).await
                })?
            }
            Chosen::Labelled(kind, key) => each!(&self.reader, |db| {
                sqlx::query_as("SELECT COUNT(*) FROM post_label WHERE kind = $1 AND key = $2")
                    .bind(kind.as_str())
                    .bind(key.as_str())
                    .fetch_one(db)
                    .await
            })?,
        };
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The posts of a choice that may stand in a feed, among the `count` that come
    /// behind the first `from` by their numbers; newest first.
    pub async fn post_block(&self, chosen: &Chosen, from: u64, count: u32) -> Result<Vec<Post>, StoreError> {
        let (from, count) = (i64::try_from(from).unwrap_or(i64::MAX), i64::from(count));
        let rows: Vec<PostRow> = match chosen {
            Chosen::All => each!(&self.reader, |db| {
                sqlx::query_as(select_posts!(of_block!("id FROM post", "$2 OFFSET $1")))
                    .bind(from)
                    .bind(count)
                    .fetch_all(db)
                    .await
            })?,
            Chosen::Sources(names) => {
                let Some(names) = Padded::of(names) else { return Ok(Vec::new()) };
                let sql = select_posts!(of_block!(
                    "id FROM post WHERE source_id IN (SELECT id FROM source WHERE name IN (NAMES))",
                    "$2 OFFSET $1"
                ));
                let sql = sql.replace("NAMES", &names.places(3));
                each!(&self.reader, |db| {
                    let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(from).bind(count);
                    for name in names {
                        query = query.bind(name.as_str());
                    }
                    query.fetch_all(db).await
                })?
            }
            Chosen::Labelled(kind, key) => each!(&self.reader, |db| {
                sqlx::query_as(select_posts!(of_block!(
                    "post_id AS id FROM post_label WHERE kind = $3 AND key = $4",
                    "$2 OFFSET $1"
                )))
                .bind(from)
                .bind(count)
                .bind(kind.as_str())
                .bind(key.as_str())
                .fetch_all(db)
                .await
            })?,
        };
        rows.into_iter().map(Post::try_from).collect()
    }

    /// The newest posts with a label that may stand in a feed, one of each piece, and the label's name
    /// as the newest of them writes it.
    pub async fn labelled_posts(
        &self,
        kind: LabelKind,
        key: &LabelKey,
        limit: u32,
    ) -> Result<Option<(String, Vec<Post>)>, StoreError> {
        let rows: Vec<PostRow> = each!(&self.reader, |db| {
            sqlx::query_as(select_posts!(
                "JOIN post_label l ON l.post_id = p.id AND l.kind = $1 AND l.key = $2
                 WHERE p.shown AND NOT s.removed
                   AND NOT EXISTS (SELECT 1 FROM post c JOIN source cs ON cs.id = c.source_id
                                   JOIN post_label cl ON cl.post_id = c.id AND cl.kind = $1 AND cl.key = $2
                                   WHERE c.piece = p.piece AND c.shown AND NOT cs.removed
                                     AND (c.dated_at, c.id) < (p.dated_at, p.id))
                 ORDER BY l.dated_at DESC, p.id DESC LIMIT $3"
            ))
            .bind(kind.as_str())
            .bind(key.as_str())
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?;
        let posts: Vec<Post> = rows.into_iter().map(Post::try_from).collect::<Result<_, _>>()?;
        let Some(newest) = posts.first().map(|post| post.id) else { return Ok(None) };
        let name: Option<(String,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT name FROM post_label WHERE post_id = $1 AND kind = $2 AND key = $3")
                .bind(newest.0)
                .bind(kind.as_str())
                .bind(key.as_str())
                .fetch_optional(db)
                .await
        })?;
        Ok(Some((name.map_or_else(|| key.to_string(), |(name,)| name), posts)))
    }
}

/// Says that a feed of this source's posts could show something else now.
pub(super) async fn raise_revision(tx: &mut Tx, source: SourceId) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query("UPDATE source SET revision = revision + 1 WHERE id = $1")
            .bind(source.0)
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}
