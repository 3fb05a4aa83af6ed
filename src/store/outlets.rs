//! What happened to outlets and to what they were handed, and what a person does
//! about it by hand.

use super::outlet_intents::slug;
use super::{Store, StoreError, each};
use crate::domain::id::PostId;
use crate::domain::outlet::{Outlet, State, Task};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use serde::Serialize;

/// How it goes with an outlet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutletRow {
    /// Its name.
    pub name: Slug,
    /// Since when it is configured.
    pub since: Timestamp,
    /// Whether it is in the configuration no more.
    pub removed: bool,
    /// Until when it is left alone.
    pub next_at: Timestamp,
    /// How often in a row it took nothing.
    pub failures: u32,
    /// Why, in plain words.
    pub trouble: Option<String>,
    /// How many posts there are in each state, those of none left out.
    pub posts: Vec<(State, u64)>,
}

/// Where a post stands with an outlet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandedOn {
    /// The outlet.
    pub outlet: Slug,
    /// The post.
    pub post: PostId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub state: State,
    /// What the outlet is asked for next, or was asked for last.
    pub task: Task,
    /// What the outlet calls it.
    pub remote_id: Option<String>,
    /// Where it stands there.
    pub url: Option<String>,
    /// When it is tried next; `None` when there is nothing to do.
    pub next_try_at: Option<Timestamp>,
    /// How often the present task was tried.
    pub attempts: u32,
    /// Since when it stands there.
    pub posted_at: Option<Timestamp>,
    /// Why it is not where it should be.
    pub trouble: Option<String>,
}

#[derive(sqlx::FromRow)]
struct HandedRow {
    outlet: String,
    post_id: i64,
    title: String,
    state: String,
    task: String,
    remote_id: Option<String>,
    url: Option<String>,
    next_try_at: Option<i64>,
    attempts: i64,
    posted_at: Option<i64>,
    trouble: Option<String>,
}

impl TryFrom<HandedRow> for HandedOn {
    type Error = StoreError;

    fn try_from(row: HandedRow) -> Result<Self, StoreError> {
        Ok(Self {
            outlet: slug(&row.outlet)?,
            post: PostId(row.post_id),
            title: row.title,
            state: row.state.parse().map_err(StoreError::Corrupt)?,
            task: row.task.parse().map_err(StoreError::Corrupt)?,
            remote_id: row.remote_id,
            url: row.url,
            next_try_at: row.next_try_at.map(Timestamp::from_millis),
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            posted_at: row.posted_at.map(Timestamp::from_millis),
            trouble: row.trouble,
        })
    }
}

type Row = (String, i64, bool, i64, i64, Option<String>);

impl Store {
    /// Makes the outlets match the configuration: at the start, and after each reload. A new one, and one that comes
    /// back, gets what is new from now on.
    pub async fn sync_outlets(&self, outlets: &[Outlet], now: Timestamp) -> Result<(), StoreError> {
        let known: Vec<(String, String, Option<String>, bool)> = each!(&self.writer, |db| {
            sqlx::query_as("SELECT name, title, source, removed FROM outlet").fetch_all(db).await
        })?;
        let own = |outlet: &Outlet| outlet.intake.own.as_ref().map(ToString::to_string);
        let is_known = |outlet: &Outlet| {
            known.iter().any(|(name, title, source, removed)| {
                name == outlet.name.as_str() && *title == outlet.title && *source == own(outlet) && !removed
            })
        };
        let is_gone = |name: &str| !outlets.iter().any(|outlet| outlet.name.as_str() == name);
        let gone: Vec<&str> = known
            .iter()
            .filter(|(name, .., removed)| !removed && is_gone(name))
            .map(|(name, ..)| name.as_str())
            .collect();
        if gone.is_empty() && outlets.iter().all(is_known) {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for name in gone {
            each!(&mut tx, |db| {
                sqlx::query("UPDATE outlet SET removed = TRUE WHERE name = $1")
                    .bind(name)
                    .execute(&mut **db)
                    .await
                    .map(drop)
            })?;
        }
        for outlet in outlets {
            each!(&mut tx, |db| {
                sqlx::query(
                    "INSERT INTO outlet (name, title, since, source) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (name) DO UPDATE SET title = excluded.title, removed = FALSE, source = excluded.source,
                         since = CASE WHEN outlet.removed THEN excluded.since ELSE outlet.since END",
                )
                .bind(outlet.name.as_str())
                .bind(&outlet.title)
                .bind(now.millis())
                .bind(own(outlet))
                .execute(&mut **db)
                .await
                .map(drop)
            })?;
        }
        tx.commit().await
    }

    /// How it goes with each outlet, in the order of their names.
    pub async fn outlet_rows(&self) -> Result<Vec<OutletRow>, StoreError> {
        let rows: Vec<Row> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT name, since, removed, next_at, failures, trouble FROM outlet ORDER BY name")
                .fetch_all(db)
                .await
        })?;
        let counts: Vec<(String, String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT outlet, state, COUNT(*) FROM outlet_post GROUP BY outlet, state ORDER BY state")
                .fetch_all(db)
                .await
        })?;
        let row = |(name, since, removed, next_at, failures, trouble): Row| {
            let own = counts.iter().filter(|(outlet, ..)| *outlet == name);
            let count = |(_, state, count): &(String, String, i64)| {
                Ok((state.parse().map_err(StoreError::Corrupt)?, u64::try_from(*count).unwrap_or(0)))
            };
            Ok(OutletRow {
                posts: own.map(count).collect::<Result<_, StoreError>>()?,
                name: slug(&name)?,
                since: Timestamp::from_millis(since),
                removed,
                next_at: Timestamp::from_millis(next_at),
                failures: u32::try_from(failures).unwrap_or(u32::MAX),
                trouble,
            })
        };
        rows.into_iter().map(row).collect()
    }

    /// What an outlet was handed or will be, or where a post went or will go; the latest first.
    pub async fn handed_on(
        &self,
        outlet: Option<&Slug>,
        post: Option<PostId>,
        state: Option<State>,
        limit: u32,
    ) -> Result<Vec<HandedOn>, StoreError> {
        let rows: Vec<HandedRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT o.outlet, o.post_id, p.title, o.state, o.task, o.remote_id, o.url, o.next_try_at, o.attempts,
                        o.posted_at, o.trouble
                 FROM outlet_post o JOIN post p ON p.id = o.post_id
                 WHERE ($1 = '' OR o.outlet = $1) AND ($2 = 0 OR o.post_id = $2) AND ($3 = '' OR o.state = $3)
                 ORDER BY o.decided_at DESC, o.id DESC LIMIT $4",
            )
            .bind(outlet.map_or("", Slug::as_str))
            .bind(post.map_or(0, |post| post.0))
            .bind(state.map_or("", State::as_str))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(HandedOn::try_from).collect()
    }

    /// Whether anything is to be done at an outlet now; looked up before a claim, which writes.
    pub async fn has_task_at_outlet(&self, outlet: &Slug, now: Timestamp) -> Result<bool, StoreError> {
        let found: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT o.id FROM outlet_post o JOIN outlet t ON t.name = o.outlet
                 WHERE o.outlet = $1 AND o.next_try_at <= $2 AND o.state <> 'attempting' AND t.next_at <= $2 LIMIT 1",
            )
            .bind(outlet.as_str())
            .bind(now.millis())
            .fetch_optional(db)
            .await
        })?;
        Ok(found.is_some())
    }

    /// A person wants a post to go to an outlet now, whatever was decided before. Returns `false` when it is there,
    /// perhaps there, or on its way.
    pub async fn want_at_outlet(&self, outlet: &Slug, post: PostId, now: Timestamp) -> Result<bool, StoreError> {
        let rows = each!(&self.writer, |db| {
            sqlx::query(
                "INSERT INTO outlet_post (outlet, post_id, state, next_try_at, urgent, decided_at)
                 VALUES ($1, $2, 'intent', $3, TRUE, $3)
                 ON CONFLICT (outlet, post_id) DO UPDATE
                     SET state = 'intent', task = 'post', next_try_at = $3, urgent = TRUE, attempts = 0, doubts = 0,
                         trouble = NULL, decided_at = $3,
                         round = outlet_post.round + CASE WHEN outlet_post.state = 'deleted' THEN 1 ELSE 0 END
                     WHERE outlet_post.state IN ('intent', 'refused', 'given up', 'deleted', 'passed over')",
            )
            .bind(outlet.as_str())
            .bind(post.0)
            .bind(now.millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(rows > 0)
    }

    /// A person wants what failed to be tried again now: one post, or all of an outlet. What is in doubt is looked up
    /// first where that can be, and sent again where it cannot. Returns how many.
    pub async fn retry_at_outlet(
        &self,
        outlet: &Slug,
        post: Option<PostId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        each!(&mut tx, |db| {
            sqlx::query("UPDATE outlet SET next_at = 0, failures = 0 WHERE name = $1")
                .bind(outlet.as_str())
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
        let rows = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE outlet_post SET next_try_at = $3, urgent = TRUE, attempts = 0, doubts = 0,
                     state = CASE WHEN state IN ('refused', 'given up') THEN 'intent' ELSE state END
                 WHERE outlet = $1 AND ($2 = 0 OR post_id = $2)
                   AND (state IN ('refused', 'given up', 'unknown', 'intent')
                        OR state = 'published' AND trouble IS NOT NULL)",
            )
            .bind(outlet.as_str())
            .bind(post.map_or(0, |post| post.0))
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        tx.commit().await?;
        Ok(rows)
    }

    /// A person ends what is to be done with a post at an outlet: what stands there stays, and is named no more.
    /// Returns `false` when nothing was to be done and nothing stands there.
    pub async fn forget_at_outlet(&self, outlet: &Slug, post: PostId, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let rows = each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE outlet_post SET state = 'given up', next_try_at = NULL, remote_id = NULL, url = NULL,
                     trouble = 'a person ended it', decided_at = $3, fence = fence + 1, lease_until = 0
                 WHERE outlet = $1 AND post_id = $2 AND state NOT IN ('given up', 'deleted', 'passed over')",
            )
            .bind(outlet.as_str())
            .bind(post.0)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE source SET revision = revision + 1 WHERE id = (SELECT source_id FROM post WHERE id = $1)",
            )
            .bind(post.0)
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        tx.commit().await?;
        Ok(rows > 0)
    }

    /// Forgets all that is known of an outlet which is in the configuration no more. Returns `false` when it is there,
    /// or unknown.
    pub async fn forget_outlet(&self, outlet: &Slug) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE source SET revision = revision + 1 WHERE id IN
                     (SELECT p.source_id FROM post p JOIN outlet_post o ON o.post_id = p.id
                      WHERE o.outlet = $1 AND o.url IS NOT NULL)",
            )
            .bind(outlet.as_str())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        each!(&mut tx, |db| {
            sqlx::query("DELETE FROM outlet_post WHERE outlet = (SELECT name FROM outlet WHERE name = $1 AND removed)")
                .bind(outlet.as_str())
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
        let rows = each!(&mut tx, |db| {
            sqlx::query("DELETE FROM outlet WHERE name = $1 AND removed")
                .bind(outlet.as_str())
                .execute(&mut **db)
                .await
                .map(|done| done.rows_affected())
        })?;
        tx.commit().await?;
        Ok(rows > 0)
    }
}
