//! The editor's hand: what a person decides about posts. Each act commits together with
//! its line in the log (table `act`), of which nothing is ever taken away.

use super::feeds::raise_revision;
use super::pieces::{members, part, tie};
use super::{Store, StoreError, Tx, each};
use crate::domain::id::{PostId, SourceId};
use crate::domain::piece::Tie;
use crate::domain::post::{HeldFor, Standing};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use serde::Serialize;

/// What an editor does with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Takes it out of feeds, pages and mails.
    Hide,
    /// Takes that back.
    Unhide,
    /// Keeps it back before it is mailed.
    Hold,
    /// Lets out what is held, what its source's filter hides, or what was taken to be withdrawn; `mailed` goes into
    /// the next digest too.
    Release {
        /// Whether it is mailed as well, where it was not yet.
        mailed: bool,
    },
    /// Decides that a post which is held is never shown.
    Drop,
    /// Makes it one piece with another.
    Merge(PostId),
    /// Takes it out of its piece, or apart from what its source's feed gave for it under other guids.
    Split,
}

impl Act {
    /// The word in the log and on the command line.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Hide => "hide",
            Self::Unhide => "unhide",
            Self::Hold => "hold",
            Self::Release { .. } => "release",
            Self::Drop => "drop",
            Self::Merge(_) => "merge",
            Self::Split => "split",
        }
    }
}

/// What came of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acted {
    /// It is done.
    Done,
    /// There is nothing that it could do, and why.
    Idle(&'static str),
    /// There is no such post.
    Unknown(PostId),
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// When.
    pub at: Timestamp,
    /// Who was logged in where it was done.
    pub editor: String,
    /// What, in one word.
    pub verb: String,
    /// With which post.
    pub post: Option<PostId>,
    /// What else belongs to it.
    pub detail: String,
}

#[derive(sqlx::FromRow)]
struct Edited {
    source_id: i64,
    standing: String,
    filtered_by: Option<String>,
    hidden: bool,
    retracted_at: Option<i64>,
    mailed: bool,
}

impl Store {
    /// Does with a post what an editor decided.
    pub async fn edit_post(&self, id: PostId, act: Act, editor: &str, now: Timestamp) -> Result<Acted, StoreError> {
        let mut tx = self.begin().await?;
        let row: Option<Edited> = each!(&mut tx, |db| {
            sqlx::query_as(
                "SELECT source_id, standing, filtered_by, hidden, retracted_at,
                     EXISTS (SELECT 1 FROM digest_post d WHERE d.post_id = post.id) AS mailed
                 FROM post WHERE id = $1",
            )
            .bind(id.0)
            .fetch_optional(&mut **db)
            .await
        })?;
        let Some(row) = row else { return Ok(Acted::Unknown(id)) };
        let acted = row.acted(&mut tx, id, act, now).await?;
        if acted == Acted::Done {
            let detail = match act {
                Act::Merge(other) => format!("with {other}"),
                Act::Release { mailed: false } => "not mailed".to_owned(),
                _ => String::new(),
            };
            write_act(&mut tx, (id, act.verb(), &detail), editor, now).await?;
            raise_revision(&mut tx, SourceId(row.source_id)).await?;
            tx.commit().await?;
        }
        Ok(acted)
    }

    /// The posts of a source that are held, oldest first.
    pub async fn held_posts(&self, source: &Slug) -> Result<Vec<PostId>, StoreError> {
        let rows: Vec<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.id FROM post p JOIN source s ON s.id = p.source_id
                 WHERE s.name = $1 AND p.standing = 'held' AND NOT p.shown ORDER BY p.dated_at, p.id",
            )
            .bind(source.as_str())
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(id,)| PostId(id)).collect())
    }

    /// What editors did, the latest first; with one post, or with any.
    pub async fn acts(&self, post: Option<PostId>, limit: u32) -> Result<Vec<Logged>, StoreError> {
        let rows: Vec<(i64, String, String, Option<i64>, String)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT at, editor, verb, post_id, detail FROM act WHERE $1 = 0 OR post_id = $1
                 ORDER BY id DESC LIMIT $2",
            )
            .bind(post.map_or(0, |id| id.0))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
        })?;
        let logged = |(at, editor, verb, post, detail): (i64, String, String, Option<i64>, String)| Logged {
            at: Timestamp::from_millis(at),
            editor,
            verb,
            post: post.map(PostId),
            detail,
        };
        Ok(rows.into_iter().map(logged).collect())
    }
}

impl Edited {
    async fn acted(&self, tx: &mut Tx, id: PostId, act: Act, now: Timestamp) -> Result<Acted, StoreError> {
        let held = self.standing == Standing::Held.as_str();
        let live = self.standing == Standing::Live.as_str();
        let sql = match act {
            Act::Hide if self.hidden => return Ok(Acted::Idle("it is hidden already")),
            Act::Hide => "UPDATE post SET hidden = TRUE WHERE id = $1",
            Act::Unhide if !self.hidden => return Ok(Acted::Idle("it is not hidden")),
            Act::Unhide => "UPDATE post SET hidden = FALSE WHERE id = $1",
            Act::Hold if held => return Ok(Acted::Idle("it is held already")),
            Act::Hold if self.mailed => return Ok(Acted::Idle("it was mailed; `post hide` takes it out of the feeds")),
            Act::Hold if !live => {
                return Ok(Acted::Idle(
                    "it is never mailed, since it was there before its source was followed; `post hide` takes it out of the feeds",
                ));
            }
            Act::Hold => return set(tx, id, (Standing::Held, Some(HeldFor::Editor)), now).await,
            Act::Release { mailed } => {
                if !(held || self.filtered_by.is_some() || self.retracted_at.is_some()) {
                    return Ok(Acted::Idle("it is not kept back"));
                }
                // What was there before its source was followed stays no news.
                let known = self.retracted_at.is_some() && !held && self.filtered_by.is_none();
                let standing = match (known, mailed) {
                    (true, _) if live => Standing::Live,
                    (true, _) | (false, false) => Standing::Seed,
                    (false, true) => Standing::Live,
                };
                return set(tx, id, (standing, None), now).await;
            }
            Act::Drop if !held => return Ok(Acted::Idle("it is not held; `post hide` takes it out of the feeds")),
            Act::Drop => "UPDATE post SET hidden = TRUE, standing = 'seed', held_for = NULL WHERE id = $1",
            Act::Merge(other) => return merge(tx, id, other, now).await,
            Act::Split => return split(tx, id, now).await,
        };
        each!(tx, |db| sqlx::query(sql).bind(id.0).execute(&mut **db).await.map(drop))?;
        Ok(Acted::Done)
    }
}

/// Gives a post a standing; what is not held is shown from now on, whatever else kept it back.
async fn set(
    tx: &mut Tx,
    id: PostId,
    (standing, why): (Standing, Option<HeldFor>),
    now: Timestamp,
) -> Result<Acted, StoreError> {
    let sql = match standing {
        Standing::Held => "UPDATE post SET standing = $2, held_for = $3, changed_at = $4 WHERE id = $1",
        Standing::Seed | Standing::Live => {
            "UPDATE post SET standing = $2, held_for = $3, changed_at = $4, filtered_by = NULL, released = TRUE,
                 upheld = upheld OR retracted_at IS NOT NULL,
                 missing_since = NULL, gone_since = NULL, gone_by = NULL, check_at = NULL, retracted_at = NULL
             WHERE id = $1"
        }
    };
    each!(tx, |db| {
        sqlx::query(sql)
            .bind(id.0)
            .bind(standing.as_str())
            .bind(why.map(HeldFor::as_str))
            .bind(now.millis())
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(Acted::Done)
}

async fn merge(tx: &mut Tx, id: PostId, other: PostId, now: Timestamp) -> Result<Acted, StoreError> {
    if id == other {
        return Ok(Acted::Idle("it is the same post"));
    }
    if members(tx, other).await?.is_empty() {
        return Ok(Acted::Unknown(other));
    }
    let tied = tie(tx, (id, other), (Tie::Editor, "an editor said so"), now).await?;
    Ok(if tied { Acted::Done } else { Acted::Idle("they are one piece already") })
}

async fn split(tx: &mut Tx, id: PostId, now: Timestamp) -> Result<Acted, StoreError> {
    if part(tx, id, now).await?.is_empty() && !keep_aliases_apart(tx, id).await? {
        return Ok(Acted::Idle("it stands in one place only"));
    }
    Ok(Acted::Done)
}

/// What the source's feed gave under other guids is another post from now on: its document is asked for again, so
/// that the next poll brings it.
async fn keep_aliases_apart(tx: &mut Tx, id: PostId) -> Result<bool, StoreError> {
    let parted = each!(&mut *tx, |db| {
        sqlx::query("UPDATE post_alias SET apart = TRUE WHERE post_id = $1 AND NOT apart")
            .bind(id.0)
            .execute(&mut **db)
            .await
            .map(|done| done.rows_affected())
    })?;
    if parted > 0 {
        each!(tx, |db| {
            sqlx::query(
                "UPDATE source SET etag = NULL, last_modified = NULL WHERE id = (SELECT source_id FROM post WHERE id = $1)",
            )
            .bind(id.0)
            .execute(&mut **db)
            .await
            .map(drop)
        })?;
    }
    Ok(parted > 0)
}

async fn write_act(
    tx: &mut Tx,
    (id, verb, detail): (PostId, &str, &str),
    editor: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query("INSERT INTO act (at, editor, verb, post_id, detail) VALUES ($1, $2, $3, $4, $5)")
            .bind(now.millis())
            .bind(editor)
            .bind(verb)
            .bind(id.0)
            .bind(detail)
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}
