//! What outlets are to be handed: posts that have settled since the outlet was
//! configured, each piece once; corrections of what stands there, and what is to be
//! taken down. Decided here and written down, so that it is done whatever happens next.

use super::{Store, StoreError, each};
use crate::domain::id::PostId;
use crate::domain::outlet::{Outlet, State};
use crate::domain::post::Standing;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use std::time::Duration;

/// What could not be decided on for so long is no news any more.
const NEWS: Duration = Duration::from_hours(30 * 24);
/// So many posts are decided on at once, the oldest first.
const AT_ONCE: i64 = 500;

/// A post that an outlet may get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The post.
    pub post: PostId,
    /// Why it is not to go there, where its piece says so already.
    pub passed: Option<String>,
}

/// A post of a piece, as far as an outlet must know.
#[derive(sqlx::FromRow)]
struct PieceRow {
    id: i64,
    source: String,
    standing: String,
    shown: bool,
    first_seen_at: i64,
    dated_at: i64,
    state: Option<String>,
}

impl PieceRow {
    fn state(&self) -> Result<Option<State>, StoreError> {
        self.state.as_deref().map(str::parse).transpose().map_err(StoreError::Corrupt)
    }
}

impl Store {
    /// The posts that an outlet may get now, oldest first: live, of its sources, settled, and not decided on before.
    /// What its filters say of them is for the caller to ask.
    pub async fn outlet_candidates(&self, outlet: &Outlet, now: Timestamp) -> Result<Vec<Candidate>, StoreError> {
        let intake = &outlet.intake;
        let rows: Vec<(i64, String, Option<i64>, bool)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.id, s.name, p.piece,
                        EXISTS (SELECT 1 FROM outlet_post o WHERE o.url_key = p.url_key)
                 FROM post p JOIN source s ON s.id = p.source_id JOIN outlet t ON t.name = $1
                 WHERE p.standing = 'live' AND p.shown AND NOT s.removed
                   AND p.first_seen_at >= t.since AND p.first_seen_at >= $2
                   AND (p.changed_at <= $3 OR p.first_seen_at <= $4)
                   AND NOT EXISTS (SELECT 1 FROM outlet_post o WHERE o.outlet = $1 AND o.post_id = p.id)
                 ORDER BY p.dated_at, p.id LIMIT $5",
            )
            .bind(outlet.name.as_str())
            .bind(now.minus(NEWS).millis())
            .bind(now.minus(intake.settle).millis())
            .bind(now.minus(intake.settle_max).millis())
            .bind(AT_ONCE)
            .fetch_all(db)
            .await
        })?;
        let mut candidates = Vec::new();
        for (id, source, piece, came_back) in rows {
            let source: Slug = slug(&source)?;
            if came_back {
                let passed = Some("it is a copy that an outlet was handed".to_owned());
                candidates.push(Candidate { post: PostId(id), passed });
                continue;
            }
            if !intake.takes(&source) {
                continue;
            }
            match piece {
                None => candidates.push(Candidate { post: PostId(id), passed: None }),
                Some(piece) => candidates.extend(self.judge_piece(outlet, PostId(id), piece).await?),
            }
        }
        Ok(candidates)
    }

    /// What becomes of a post that is one of a piece; `None` while another of its posts stands before it.
    async fn judge_piece(&self, outlet: &Outlet, id: PostId, piece: i64) -> Result<Option<Candidate>, StoreError> {
        let rows: Vec<PieceRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.id, s.name AS source, p.standing, p.shown AND NOT s.removed AS shown, p.first_seen_at,
                        p.dated_at, o.state
                 FROM post p JOIN source s ON s.id = p.source_id
                 LEFT JOIN outlet_post o ON o.post_id = p.id AND o.outlet = $2
                 WHERE p.piece = $1 ORDER BY p.id",
            )
            .bind(piece)
            .bind(outlet.name.as_str())
            .fetch_all(db)
            .await
        })?;
        let passed = |why: String| Ok(Some(Candidate { post: id, passed: Some(why) }));
        let scope = outlet.intake.scope();
        let seen = rows.iter().find(|row| row.id == id.0).map_or(0, |row| row.first_seen_at);
        let mut best = None;
        for row in &rows {
            let source: Slug = slug(&row.source)?;
            let state = row.state()?;
            if outlet.intake.own.as_ref() == Some(&source) {
                return passed(format!("the piece stands there already, as post {}", row.id));
            }
            if row.id != id.0 && state.is_some_and(|state| state != State::Passed) {
                return passed(format!("the piece went there as post {}", row.id));
            }
            if !scope.holds(&source) {
                continue;
            }
            if row.standing == Standing::Seed.as_str() && row.first_seen_at < seen {
                return passed(format!("the piece was there before, as post {}", row.id));
            }
            if row.standing == Standing::Live.as_str() && row.shown && state != Some(State::Passed) {
                let rank = scope.rank(&source, Timestamp::from_millis(row.dated_at), PostId(row.id));
                best = best.into_iter().chain([rank]).min();
            }
        }
        let is_best = best.is_none_or(|(.., best)| best == id);
        Ok(is_best.then_some(Candidate { post: id, passed: None }))
    }

    /// Writes what was decided of posts for an outlet: each is to go there from `at` on, or is passed over for the
    /// reason that is given. What was decided before stays. Returns how many are new.
    pub async fn decide_for_outlet(
        &self,
        outlet: &Slug,
        decided: &[(PostId, Option<String>)],
        at: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (mut new, mut tx) = (0, self.begin().await?);
        for (post, passed) in decided {
            let state = if passed.is_some() { State::Passed } else { State::Intent };
            new += each!(&mut tx, |db| {
                sqlx::query(
                    "INSERT INTO outlet_post (outlet, post_id, state, next_try_at, trouble, decided_at)
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (outlet, post_id) DO NOTHING",
                )
                .bind(outlet.as_str())
                .bind(post.0)
                .bind(state.as_str())
                .bind(passed.is_none().then_some(at.millis()))
                .bind(passed)
                .bind(now.millis())
                .execute(&mut **db)
                .await
                .map(|done| done.rows_affected())
            })?;
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Writes what is to be done with what an outlet has: change what was corrected and has settled, take down what
    /// was hidden or withdrawn, pass over what has gone there as another post meanwhile. Returns how much.
    pub async fn follow_up(&self, outlet: &Outlet, now: Timestamp) -> Result<u64, StoreError> {
        let (name, mut found) = (outlet.name.as_str(), 0);
        let mut tx = self.begin().await?;
        // An attempt whose node is gone: nobody knows what came of it (P14).
        each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE outlet_post SET lease_until = 0,
                     state = CASE WHEN task = 'post' THEN 'unknown' ELSE 'published' END
                 WHERE outlet = $1 AND state = 'attempting' AND lease_until <= $2",
            )
            .bind(name)
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
        found += each!(&mut tx, |db| {
            sqlx::query(
                "UPDATE outlet_post SET state = 'passed over', next_try_at = NULL, trouble = 'the piece went there as another post'
                 WHERE outlet = $1 AND state = 'intent' AND EXISTS
                     (SELECT 1 FROM post p JOIN post c ON c.piece = p.piece AND c.id <> p.id
                      JOIN outlet_post o ON o.post_id = c.id AND o.outlet = $1
                      WHERE p.id = outlet_post.post_id AND o.state IN ('attempting', 'published', 'unknown', 'deleted'))",
            )
            .bind(name)
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if outlet.follow_updates {
            found += each!(&mut tx, |db| {
                sqlx::query(
                    "UPDATE outlet_post SET task = 'update', next_try_at = $2, attempts = 0
                     WHERE outlet = $1 AND state = 'published' AND next_try_at IS NULL AND EXISTS
                         (SELECT 1 FROM post p WHERE p.id = outlet_post.post_id AND p.shown
                              AND p.changed_at >= outlet_post.sent_at AND p.changed_at <= $3)",
                )
                .bind(name)
                .bind(now.millis())
                .bind(now.minus(outlet.intake.settle).millis())
                .execute(&mut **db)
                .await
                .map(|done| done.rows_affected())
            })?;
        }
        if outlet.follow_deletes {
            found += each!(&mut tx, |db| {
                sqlx::query(
                    "UPDATE outlet_post SET task = 'delete', next_try_at = $2, attempts = 0
                     WHERE outlet = $1 AND state = 'published' AND (next_try_at IS NULL OR task <> 'delete') AND EXISTS
                         (SELECT 1 FROM post p WHERE p.id = outlet_post.post_id
                              AND (p.hidden OR p.retracted_at IS NOT NULL))",
                )
                .bind(name)
                .bind(now.millis())
                .execute(&mut **db)
                .await
                .map(|done| done.rows_affected())
            })?;
        }
        tx.commit().await?;
        Ok(found)
    }
}

pub(super) fn slug(name: &str) -> Result<Slug, StoreError> {
    name.parse().map_err(|error: crate::domain::slug::BadSlug| StoreError::Corrupt(error.to_string()))
}
