//! By what other guids posts were known again, and which guids a person said are
//! not a post's; both are asked by `identity`.

use super::admit::Arriving;
use super::identity::{Known, Told};
use super::{Store, StoreError, Tx, each};
use crate::domain::id::{PostId, SourceId};
use crate::domain::identity::Rule;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use sqlx::QueryBuilder;
use std::collections::HashSet;

/// Of each post, so many other guids are kept, the newest: where guids change with
/// each document, older ones never come back.
const KEPT: i64 = 4;
/// So many rows in one statement at most: each number is a text of its own to prepare.
const MOST: usize = 16;

/// Another guid of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The guid.
    pub guid: String,
    /// Where the entry stood that had it.
    pub url: Option<HttpUrl>,
    /// By which rule that entry was taken for the post; [`Rule::Apart`] when it never was.
    pub rule: Rule,
    /// When.
    pub seen_at: Timestamp,
    /// Whether a person said that it is another post.
    pub apart: bool,
}

impl Store {
    /// By what other guids a post was known again, the newest first, and which are not its own.
    pub async fn aliases(&self, post: PostId) -> Result<Vec<Alias>, StoreError> {
        let rows: Vec<(String, Option<String>, String, i64, bool)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT guid, url, rule, seen_at, apart FROM post_alias WHERE post_id = $1 ORDER BY seen_at DESC, guid",
            )
            .bind(post.0)
            .fetch_all(db)
            .await
        })?;
        rows.into_iter()
            .map(|(guid, url, rule, seen_at, apart)| {
                Ok(Alias {
                    guid,
                    url: url.and_then(|url| url.parse().ok()),
                    rule: rule.parse().map_err(StoreError::Corrupt)?,
                    seen_at: Timestamp::from_millis(seen_at),
                    apart,
                })
            })
            .collect()
    }

    /// Keeps a person's word that an entry of this guid is not that post: it is
    /// never taken for it again, and becomes a post of its own when its source shows
    /// it next. Returns whether that can be: not of a post's own guid.
    pub async fn keep_apart(&self, post: PostId, guid: &str, now: Timestamp) -> Result<bool, StoreError> {
        let written = each!(&self.writer, |db| {
            sqlx::query(
                "INSERT INTO post_alias (source_id, guid, post_id, url, rule, seen_at, apart)
                 SELECT source_id, $2, id, NULL, 'apart', $3, TRUE FROM post WHERE id = $1 AND guid <> $2
                 ON CONFLICT (source_id, guid, post_id) DO UPDATE SET apart = TRUE",
            )
            .bind(post.0)
            .bind(guid)
            .bind(now.millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(written > 0)
    }
}

/// What is known of those guids of a document under which no post is stored.
pub(super) async fn told(
    tx: &mut Tx,
    source: SourceId,
    known: &[Known],
    entries: &[Arriving],
) -> Result<Told, StoreError> {
    let stored: HashSet<&str> = known.iter().map(|post| post.guid.as_str()).collect();
    let guids = entries.iter().map(|arriving| arriving.entry.guid.as_str());
    let others: HashSet<&str> = guids.filter(|guid| !stored.contains(guid)).collect();
    if known.is_empty() || others.is_empty() {
        return Ok(Told::default());
    }
    let others: Vec<&str> = others.into_iter().collect();
    let mut told = Told::default();
    for some in others.chunks(MOST) {
        let rows: Vec<(String, i64, bool)> = each!(&mut *tx, |db| {
            let mut select = QueryBuilder::new("SELECT guid, post_id, apart FROM post_alias WHERE source_id = ");
            select.push_bind(source.0).push(" AND guid IN (");
            let mut list = select.separated(", ");
            for guid in some {
                list.push_bind(*guid);
            }
            select.push(")").build_query_as().fetch_all(&mut **db).await
        })?;
        for (guid, post, apart) in rows {
            told.add(guid, PostId(post), apart);
        }
    }
    let (changed,): (i64,) = each!(&mut *tx, |db| {
        sqlx::query_as(
            "SELECT COUNT(*) FROM post_alias WHERE source_id = $1 AND NOT apart
             AND rule IN ('address-and-text', 'address-and-title', 'address-and-date')",
        )
        .bind(source.0)
        .fetch_one(&mut **db)
        .await
    })?;
    told.changed = usize::try_from(changed).unwrap_or(0);
    Ok(told)
}

/// Writes by what other guids posts were known again, and drops what is too much.
pub(super) async fn keep_aliases(
    tx: &mut Tx,
    source: SourceId,
    known_again: &[(PostId, Rule, &Arriving)],
    now: Timestamp,
) -> Result<(), StoreError> {
    // One guid may be met twice in a document.
    let mut seen = HashSet::new();
    let rows: Vec<_> =
        known_again.iter().filter(|(post, _, arriving)| seen.insert((*post, &arriving.entry.guid))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    for some in rows.chunks(MOST) {
        each!(&mut *tx, |db| {
            let mut insert =
                QueryBuilder::new("INSERT INTO post_alias (source_id, guid, post_id, url, rule, seen_at) ");
            insert.push_values(some, |mut row, (post, rule, arriving)| {
                row.push_bind(source.0)
                    .push_bind(&arriving.entry.guid)
                    .push_bind(post.0)
                    .push_bind(arriving.entry.url.as_ref().map(HttpUrl::as_str))
                    .push_bind(rule.as_str())
                    .push_bind(now.millis());
            });
            insert
                .push(" ON CONFLICT (source_id, guid, post_id) DO UPDATE SET seen_at = excluded.seen_at")
                .build()
                .execute(&mut **db)
                .await
                .map(drop)
        })?;
    }
    each!(&mut *tx, |db| {
        sqlx::query(
            "DELETE FROM post_alias WHERE source_id = $1 AND NOT apart AND (
                 SELECT COUNT(*) FROM post_alias n WHERE n.post_id = post_alias.post_id AND NOT n.apart
                     AND (n.seen_at > post_alias.seen_at
                         OR (n.seen_at = post_alias.seen_at AND n.guid > post_alias.guid))) >= $2",
        )
        .bind(source.0)
        .bind(KEPT)
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}
