//! Posts that are one piece: the same text at several sources (docs/identity.md,
//! "Across sources"). Evidence is looked up by indexes alone, in the transaction that
//! stores a post; whatever is found is checked against both posts before it counts.
//!
//! Invariants: the posts of a piece have the lowest of their numbers as `piece`; no two
//! of them were ever told apart by a person.

use super::feeds::raise_revision;
use super::{Store, StoreError, Tx, each};
use crate::domain::id::{PostId, SourceId};
use crate::domain::piece::Tie;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// A post of a piece, or one that may become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::FromRow)]
pub(super) struct Member {
    pub(super) id: i64,
    pub(super) source_id: i64,
}

/// What was found, or said, of a post and another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tied {
    /// The other.
    pub post: PostId,
    /// Its source's name.
    pub source: Slug,
    /// By which kind of evidence.
    pub rule: Tie,
    /// What was seen, in plain words; empty where a person said it.
    pub evidence: String,
    /// Whether a person said that they are not one.
    pub apart: bool,
    /// When.
    pub at: Timestamp,
}

type TiedRow = (i64, String, String, String, bool, i64);

impl Store {
    /// Why a post is one piece with others, or is not.
    pub async fn ties(&self, id: PostId) -> Result<Vec<Tied>, StoreError> {
        let rows: Vec<TiedRow> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT p.id, s.name, t.rule, t.evidence, t.apart, t.tied_at
                 FROM (SELECT other_id AS id, rule, evidence, apart, tied_at FROM post_tie WHERE post_id = $1
                       UNION ALL
                       SELECT post_id, rule, evidence, apart, tied_at FROM post_tie WHERE other_id = $1) t
                 JOIN post p ON p.id = t.id JOIN source s ON s.id = p.source_id ORDER BY t.tied_at, p.id",
            )
            .bind(id.0)
            .fetch_all(db)
            .await
        })?;
        let tied = |(post, source, rule, evidence, apart, at): TiedRow| {
            Ok(Tied {
                post: PostId(post),
                source: source.parse().map_err(|_| StoreError::Corrupt(format!("a source is named `{source}`")))?,
                rule: rule.parse().map_err(StoreError::Corrupt)?,
                evidence,
                apart,
                at: Timestamp::from_millis(at),
            })
        };
        rows.into_iter().map(tied).collect()
    }
}

/// Makes two posts one piece, with all that each is one with already, and writes down why. Nothing happens where a
/// person told any two of them apart, or where they are one. Returns whether something did.
pub(super) async fn tie(
    tx: &mut Tx,
    (one, other): (PostId, PostId),
    (rule, evidence): (Tie, &str),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (these, those) = (members(tx, one).await?, members(tx, other).await?);
    let all: BTreeSet<Member> = these.iter().chain(&those).copied().collect();
    if these.iter().any(|member| member.id == other.0) || rule != Tie::Editor && are_apart(tx, &these, &those).await? {
        return Ok(false);
    }
    write_tie(tx, (one, other), (rule.as_str(), evidence), false, now).await?;
    label(tx, &all).await?;
    Ok(true)
}

/// Takes a post out of its piece: it is none of the others, whatever is found later. Returns those.
pub(super) async fn part(tx: &mut Tx, id: PostId, now: Timestamp) -> Result<Vec<PostId>, StoreError> {
    let mut others = members(tx, id).await?;
    others.retain(|member| member.id != id.0);
    for other in &others {
        write_tie(tx, (id, PostId(other.id)), (Tie::Editor.as_str(), ""), true, now).await?;
    }
    let own = BTreeSet::from_iter(source_of(tx, id).await?.map(|source| Member { id: id.0, source_id: source.0 }));
    label(tx, &own).await?;
    label(tx, &others.iter().copied().collect()).await?;
    Ok(others.into_iter().map(|member| PostId(member.id)).collect())
}

/// The posts of a post's piece, itself included.
pub(super) async fn members(tx: &mut Tx, id: PostId) -> Result<Vec<Member>, StoreError> {
    each!(tx, |db| {
        sqlx::query_as(
            "SELECT id, source_id FROM post WHERE id = $1 OR piece = (SELECT piece FROM post WHERE id = $1) ORDER BY id",
        )
        .bind(id.0)
        .fetch_all(&mut **db)
        .await
    })
    .map_err(StoreError::from)
}

async fn source_of(tx: &mut Tx, id: PostId) -> Result<Option<SourceId>, StoreError> {
    let row: Option<(i64,)> = each!(tx, |db| {
        sqlx::query_as("SELECT source_id FROM post WHERE id = $1").bind(id.0).fetch_optional(&mut **db).await
    })?;
    Ok(row.map(|(id,)| SourceId(id)))
}

/// Whether a person told a post of the one side from one of the other.
async fn are_apart(tx: &mut Tx, these: &[Member], those: &[Member]) -> Result<bool, StoreError> {
    for one in these {
        let apart: Vec<(i64, i64)> = each!(&mut *tx, |db| {
            sqlx::query_as("SELECT post_id, other_id FROM post_tie WHERE apart AND (post_id = $1 OR other_id = $1)")
                .bind(one.id)
                .fetch_all(&mut **db)
                .await
        })?;
        let apart: HashSet<i64> = apart.into_iter().flat_map(|(one, other)| [one, other]).collect();
        if those.iter().any(|other| other.id != one.id && apart.contains(&other.id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was found last stands.
async fn write_tie(
    tx: &mut Tx,
    (one, other): (PostId, PostId),
    (rule, evidence): (&str, &str),
    apart: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "INSERT INTO post_tie (post_id, other_id, rule, evidence, apart, tied_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (post_id, other_id) DO UPDATE
                 SET rule = excluded.rule, evidence = excluded.evidence, apart = excluded.apart,
                     tied_at = excluded.tied_at",
        )
        .bind(one.0.min(other.0))
        .bind(one.0.max(other.0))
        .bind(rule)
        .bind(evidence)
        .bind(apart)
        .bind(now.millis())
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Makes these, and no others, a piece; one alone is none. What feeds show of them may change.
async fn label(tx: &mut Tx, posts: &BTreeSet<Member>) -> Result<(), StoreError> {
    let piece = posts.first().map(|first| first.id).filter(|_| posts.len() > 1);
    for post in posts {
        each!(&mut *tx, |db| {
            sqlx::query("UPDATE post SET piece = $2 WHERE id = $1")
                .bind(post.id)
                .bind(piece)
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
    }
    for source in posts.iter().map(|post| post.source_id).collect::<BTreeSet<_>>() {
        raise_revision(tx, SourceId(source)).await?;
    }
    Ok(())
}
