//! What the archive's pages are made of: posts beside each other, posts of a span of
//! time, what posts are labelled with, and the digests that readers were sent.
//!
//! Invariant: what no feed shows, no page shows.

use super::posts::{PostRow, is_original, select_posts};
use super::{Store, StoreError, each};
use crate::domain::digest::{DigestState, Edition};
use crate::domain::id::{DigestId, PostId};
use crate::domain::label::{LabelKey, LabelKind};
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;

/// The post before or behind another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The post.
    pub id: PostId,
    /// Its title; may be empty.
    pub title: String,
    /// What it is shown and sorted by.
    pub date: Timestamp,
}

/// A label, and of which posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelStamp {
    /// What is named.
    pub kind: LabelKind,
    /// How it is compared.
    pub key: LabelKey,
    /// The same as long as its posts are.
    pub stamp: String,
}

/// A digest that readers were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentDigest {
    /// Its row.
    pub id: DigestId,
    /// Which one it is.
    pub edition: Edition,
    /// The subject of its mails.
    pub subject: String,
    /// When it was frozen.
    pub frozen_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct SentRow {
    id: i64,
    newsletter: String,
    cadence: String,
    slot: String,
    subject: String,
    frozen_at: i64,
}

impl TryFrom<SentRow> for SentDigest {
    type Error = StoreError;

    fn try_from(row: SentRow) -> Result<Self, StoreError> {
        let slug = |name: String| name.parse::<Slug>().map_err(|error| StoreError::Corrupt(error.to_string()));
        Ok(Self {
            id: DigestId(row.id),
            edition: Edition { newsletter: slug(row.newsletter)?, cadence: slug(row.cadence)?, slot: row.slot },
            subject: row.subject,
            frozen_at: Timestamp::from_millis(row.frozen_at),
        })
    }
}

type NeighbourRow = (i64, String, i64);

fn neighbour((id, title, date): NeighbourRow) -> Neighbour {
    Neighbour { id: PostId(id), title, date: Timestamp::from_millis(date) }
}

impl Store {
    /// The next older and the next newer post of the same source.
    pub async fn neighbours(&self, post: &Post) -> Result<(Option<Neighbour>, Option<Neighbour>), StoreError> {
        let dated_at = post.date().millis();
        let older: Option<NeighbourRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, title, dated_at FROM post
                 WHERE source_id = $1 AND (dated_at, id) < ($2, $3) AND shown
                 ORDER BY dated_at DESC, id DESC LIMIT 1",
            )
            .bind(post.source.0)
            .bind(dated_at)
            .bind(post.id.0)
            .fetch_optional(db)
            .await
        })?;
        let newer: Option<NeighbourRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, title, dated_at FROM post
                 WHERE source_id = $1 AND (dated_at, id) > ($2, $3) AND shown
                 ORDER BY dated_at, id LIMIT 1",
            )
            .bind(post.source.0)
            .bind(dated_at)
            .bind(post.id.0)
            .fetch_optional(db)
            .await
        })?;
        Ok((older.map(neighbour), newer.map(neighbour)))
    }

    /// The posts from one instant up to another, newest first, behind the first `offset` of them.
    pub async fn posts_between(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<Post>, StoreError> {
        let rows: Vec<PostRow> = each!(&self.reader, |db| {
            sqlx::query_as(select_posts!(concat!(
                "WHERE p.dated_at >= $1 AND p.dated_at < $2 AND p.shown AND NOT s.removed AND ",
                is_original!(),
                " ORDER BY p.dated_at DESC, p.id DESC LIMIT $3 OFFSET $4"
            )))
            .bind(from.millis())
            .bind(to.millis())
            .bind(i64::from(limit))
            .bind(i64::try_from(offset).unwrap_or(i64::MAX))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(Post::try_from).collect()
    }

    /// How many posts there are from one instant up to another: all, by their dates alone, less those that no feed
    /// shows and the copies of others.
    pub async fn count_between(&self, from: Timestamp, to: Timestamp) -> Result<u64, StoreError> {
        let (count,): (i64,) = each!(&self.reader, |db| {
            sqlx::query_as(concat!(
                "SELECT (SELECT COUNT(*) FROM post WHERE dated_at >= $1 AND dated_at < $2)
                      - (SELECT COUNT(*) FROM post p
                         WHERE p.dated_at >= $1 AND p.dated_at < $2 AND NOT p.shown
                           AND p.source_id NOT IN (SELECT id FROM source WHERE removed))
                      - (SELECT COUNT(p.id) FROM source s LEFT JOIN post p
                             ON p.source_id = s.id AND p.dated_at >= $1 AND p.dated_at < $2
                         WHERE s.removed)
                      - (SELECT COUNT(*) FROM post p
                         WHERE p.piece IS NOT NULL AND p.dated_at >= $1 AND p.dated_at < $2 AND p.shown
                           AND p.source_id NOT IN (SELECT id FROM source WHERE removed) AND NOT ",
                is_original!(),
                ")"
            ))
            .bind(from.millis())
            .bind(to.millis())
            .fetch_one(db)
            .await
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The dates of the oldest and the newest post; `None` when there is none.
    pub async fn first_and_last_date(&self) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let first: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.dated_at FROM post p JOIN source s ON s.id = p.source_id
                 WHERE p.shown AND NOT s.removed
                 ORDER BY p.dated_at LIMIT 1",
            )
            .fetch_optional(db)
            .await
        })?;
        let last: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.dated_at FROM post p JOIN source s ON s.id = p.source_id
                 WHERE p.shown AND NOT s.removed
                 ORDER BY p.dated_at DESC LIMIT 1",
            )
            .fetch_optional(db)
            .await
        })?;
        Ok(first.zip(last).map(|((first,), (last,))| (Timestamp::from_millis(first), Timestamp::from_millis(last))))
    }

    /// The labels that most posts have, with the name as the newest of them writes it
    /// and their number. Every label of the kind is counted by the index alone, and what no feed shows is
    /// taken off: it costs a walk along the index, and no look at posts that are shown.
    pub async fn label_cloud(&self, kind: LabelKind, limit: u32) -> Result<Vec<(LabelKey, String, u64)>, StoreError> {
        // LEFT, so that SQLite begins with the few that are hidden; posts without labels come to a
        // number below zero, and are nothing.
        let rows: Vec<(String, Option<String>, i64)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT c.key, (SELECT l.name FROM post_label l WHERE l.kind = $1 AND l.key = c.key
                                ORDER BY l.dated_at DESC, l.post_id DESC LIMIT 1) AS name, c.posts
                 FROM (SELECT t.key AS key, CAST(SUM(t.posts) AS BIGINT) AS posts
                       FROM (SELECT key, COUNT(*) AS posts FROM post_label WHERE kind = $1 GROUP BY key
                             UNION ALL
                             SELECT l.key, -COUNT(*) FROM post p LEFT JOIN post_label l ON l.post_id = p.id AND l.kind = $1
                             WHERE NOT p.shown
                               AND p.source_id NOT IN (SELECT id FROM source WHERE removed)
                             GROUP BY l.key
                             UNION ALL
                             SELECT l.key, -COUNT(*) FROM source s LEFT JOIN post p ON p.source_id = s.id
                                 LEFT JOIN post_label l ON l.post_id = p.id AND l.kind = $1
                             WHERE s.removed GROUP BY l.key
                             UNION ALL
                             SELECT l.key, -COUNT(*) FROM post p JOIN post_label l ON l.post_id = p.id AND l.kind = $1
                             WHERE p.piece IS NOT NULL AND p.shown
                               AND p.source_id NOT IN (SELECT id FROM source WHERE removed)
                               AND EXISTS (SELECT 1 FROM post c JOIN source cs ON cs.id = c.source_id
                                           JOIN post_label cl ON cl.post_id = c.id AND cl.kind = $1 AND cl.key = l.key
                                           WHERE c.piece = p.piece AND c.shown AND NOT cs.removed
                                             AND (c.dated_at, c.id) < (p.dated_at, p.id))
                             GROUP BY l.key) t
                       GROUP BY t.key HAVING SUM(t.posts) > 0
                       ORDER BY 2 DESC, 1 LIMIT $2) c",
            )
            .bind(kind.as_str())
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?;
        let mut cloud: Vec<_> = rows
            .into_iter()
            .filter_map(|(key, name, posts)| {
                let name = name.unwrap_or_else(|| key.clone());
                Some((LabelKey::of(&key)?, name, u64::try_from(posts).unwrap_or(0)))
            })
            .collect();
        // Each engine has an order of its own for letters.
        cloud.sort_by(|(key, _, posts), (other, _, others)| others.cmp(posts).then_with(|| key.cmp(other)));
        Ok(cloud)
    }

    /// The posts of a source behind one by their numbers.
    pub async fn post_ids_of(
        &self,
        source: &Slug,
        behind: Option<PostId>,
        limit: u32,
    ) -> Result<Vec<PostId>, StoreError> {
        let rows: Vec<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id FROM post
                 WHERE source_id = (SELECT id FROM source WHERE name = $1 AND NOT removed) AND id > $2
                   AND shown
                 ORDER BY id LIMIT $3",
            )
            .bind(source.as_str())
            .bind(behind.map_or(0, |id| id.0))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(id,)| PostId(id)).collect())
    }

    /// Every label of a kind with a text that changes when one of its posts does: one walk along all of them.
    pub async fn label_stamps(&self, kind: LabelKind) -> Result<Vec<LabelStamp>, StoreError> {
        let rows: Vec<(String, i64, i64, i64)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT l.key, COUNT(*), CAST(SUM(p.id) AS BIGINT), MAX(p.changed_at)
                 FROM post_label l JOIN post p ON p.id = l.post_id JOIN source s ON s.id = p.source_id
                 WHERE l.kind = $1 AND p.shown AND NOT s.removed
                 GROUP BY l.key ORDER BY l.key",
            )
            .bind(kind.as_str())
            .fetch_all(db)
            .await
        })?;
        let stamp = |(key, count, sum, changed): (String, i64, i64, i64)| {
            Some(LabelStamp { kind, key: LabelKey::of(&key)?, stamp: format!("{count} {sum} {changed}") })
        };
        Ok(rows.into_iter().filter_map(stamp).collect())
    }

    /// The highest number of a post, hidden ones included.
    pub async fn last_post_id(&self) -> Result<Option<PostId>, StoreError> {
        let (last,): (Option<i64>,) =
            each!(&self.reader, |db| { sqlx::query_as("SELECT MAX(id) FROM post").fetch_one(db).await })?;
        Ok(last.map(PostId))
    }

    /// Posts behind one by their numbers, with when their texts last changed: for whoever walks along all of them.
    pub async fn post_ids_behind(
        &self,
        id: Option<PostId>,
        limit: u32,
    ) -> Result<Vec<(PostId, Timestamp)>, StoreError> {
        let rows: Vec<(i64, i64)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.id, p.changed_at FROM post p JOIN source s ON s.id = p.source_id
                 WHERE p.id > $1 AND p.shown AND NOT s.removed
                 ORDER BY p.id LIMIT $2",
            )
            .bind(id.map_or(0, |id| id.0))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(id, at)| (PostId(id), Timestamp::from_millis(at))).collect())
    }

    /// The digests that readers were sent, of one newsletter or of all, newest first.
    /// None that waits for its editor, that is held or called off, or of which nothing was mailed.
    pub async fn archive_digests(
        &self,
        newsletter: Option<&Slug>,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<SentDigest>, StoreError> {
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let rows: Vec<SentRow> = match newsletter {
            None => each!(&self.reader, |db| {
                sqlx::query_as(
                    "SELECT id, newsletter, cadence, slot, subject, frozen_at FROM digest
                     WHERE state IN ('sending', 'done') AND subject <> ''
                     ORDER BY frozen_at DESC, id DESC LIMIT $1 OFFSET $2",
                )
                .bind(i64::from(limit))
                .bind(offset)
                .fetch_all(db)
                .await
            })?,
            Some(name) => each!(&self.reader, |db| {
                sqlx::query_as(
                    "SELECT id, newsletter, cadence, slot, subject, frozen_at FROM digest
                     WHERE state IN ('sending', 'done') AND newsletter = $3 AND subject <> ''
                     ORDER BY frozen_at DESC, id DESC LIMIT $1 OFFSET $2",
                )
                .bind(i64::from(limit))
                .bind(offset)
                .bind(name.as_str())
                .fetch_all(db)
                .await
            })?,
        };
        rows.into_iter().map(SentDigest::try_from).collect()
    }

    /// A digest that readers were sent, with its HTML as it was frozen: their
    /// tokens still stand in it.
    pub async fn archive_digest(&self, edition: &Edition) -> Result<Option<(SentDigest, String)>, StoreError> {
        let row: Option<(i64, String, String, i64, String)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id, state, subject, frozen_at, html FROM digest
                 WHERE newsletter = $1 AND cadence = $2 AND slot = $3",
            )
            .bind(edition.newsletter.as_str())
            .bind(edition.cadence.as_str())
            .bind(&edition.slot)
            .fetch_optional(db)
            .await
        })?;
        let Some((id, state, subject, frozen_at, html)) = row else { return Ok(None) };
        let state: DigestState = state.parse().map_err(StoreError::Corrupt)?;
        if !matches!(state, DigestState::Sending | DigestState::Done) || html.is_empty() {
            return Ok(None);
        }
        let frozen_at = Timestamp::from_millis(frozen_at);
        Ok(Some((SentDigest { id: DigestId(id), edition: edition.clone(), subject, frozen_at }, html)))
    }
}
