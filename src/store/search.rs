//! Posts found by their words. The words are ours (`domain::search`), so that both
//! engines find the same: SQLite in an FTS5 table without content, PostgreSQL in a `tsvector`.
//!
//! Invariants: a post's words are written with the post, in its transaction (P1); what no feed shows is not found.

use super::posts::{PostRow, is_original, select_posts};
use super::{Engine, Store, StoreError, Tx, each};
use crate::domain::html::CleanHtml;
use crate::domain::id::PostId;
use crate::domain::post::{Entry, Post};
use crate::domain::search::{Findable, Piece, Query};
use crate::domain::slug::Slug;
use crate::domain::source::Archived;
use crate::domain::text::{cut, words};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{AssertSqlSafe, Encode, PgPool, Postgres, QueryBuilder};
use std::cmp::Reverse;
use std::collections::HashMap;

/// The newest so many posts that hold what is looked for are ranked.
const MOST: i64 = 1_000;
/// Of a text around what was found, so many characters.
const EXCERPT: usize = 220;
/// Of a source that shows the beginnings of its posts, so many characters.
const BEGINNING: usize = 400;
/// So many posts' words are written in one statement.
const TOGETHER: usize = 16;
/// And so many bytes of their texts, unless one alone is longer.
const LONGEST: usize = 256 * 1024;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// How many posts; of more than a thousand, the newest thousand count.
    pub total: usize,
    /// Whether there are more than that.
    pub has_more: bool,
    /// Those that were asked for, most telling first.
    pub hits: Vec<Hit>,
}

/// A post that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The post.
    pub id: PostId,
    /// Its title, with what was found in it; may be empty.
    pub title: Vec<Piece>,
    /// The name of its source.
    pub source: Slug,
    /// Where it stands on the web.
    pub url: Option<HttpUrl>,
    /// What it is shown and sorted by.
    pub date: Timestamp,
    /// Some of what its source lets the site show, around what was found; plain text.
    pub excerpt: Vec<Piece>,
}

/// A post's number, rank and date.
type Ranked = (i64, f64, i64);

/// Only those that are kept are ranked.
macro_rules! ranked {
    ($found:literal) => {
        concat!(
            "WITH found AS MATERIALIZED (",
            $found,
            ") SELECT f.id, -ts_rank('{0.1, 0.1, 0.5, 1.0}', f.words, $1::text::tsquery, 1)::float8, f.dated_at
             FROM (SELECT p.id, p.dated_at, w.words FROM found JOIN post_words w ON w.post_id = found.post_id
                       JOIN post p ON p.id = found.post_id JOIN source s ON s.id = p.source_id
                   WHERE p.shown AND NOT s.removed AND ",
            is_original!(),
            " ORDER BY p.id DESC LIMIT $2 OFFSET 0) f"
        )
    };
}

/// PostgreSQL cannot tell how many posts hold the beginning of a word. Of one that many hold, the latest posts alone
/// have enough; they are walked through (the index of words would bring all).
const LATEST: &str = ranked!(
    "SELECT post_id FROM post_words
     WHERE post_id > (SELECT MAX(post_id) FROM post_words) - 20000 AND (words @@ $1::text::tsquery) IS TRUE"
);
/// Of a word that few hold, the index brings all.
const ALL: &str = ranked!("SELECT post_id FROM post_words WHERE words @@ $1::text::tsquery");

async fn ranked_in_postgres(db: &PgPool, sql: &'static str, query: &Query) -> Result<Vec<Ranked>, StoreError> {
    let mut tx = db.begin().await?;
    // Words lie beside their table, where PostgreSQL does not count what reading them costs: it would rather read all
    // words of a million posts than what waits to be put into the index's order.
    sqlx::query("SET LOCAL enable_seqscan = off").execute(&mut *tx).await?;
    let ranked = sqlx::query_as(sql).bind(query.for_postgres()).bind(MOST + 1).fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(ranked)
}

impl Store {
    /// Puts the words of posts that came since into their index's order, and returns how many pages of them waited:
    /// PostgreSQL keeps them aside until then, where a search reads each. SQLite does that by itself, a little at a
    /// time.
    pub async fn sort_words(&self) -> Result<i64, StoreError> {
        match &self.writer {
            Engine::Sqlite(_) => Ok(0),
            Engine::Postgres(db) => {
                let mut tx = db.begin().await?;
                // Each time that this is full, all of a large index is gone through: whoever stores posts has four MB.
                sqlx::query("SET LOCAL maintenance_work_mem = '256MB'").execute(&mut *tx).await?;
                let sql = "SELECT gin_clean_pending_list('post_words_of')";
                let waited = sqlx::query_scalar(sql).fetch_one(&mut *tx).await?;
                tx.commit().await?;
                Ok(waited)
            }
        }
    }

    /// The posts that hold what was typed: all of its words, each as it is or as the beginning of a longer one.
    /// What a hit shows of a post is for `shown` to say, by its source's name. Whatever was
    /// typed, this is no error.
    pub async fn search(
        &self,
        typed: &str,
        limit: usize,
        offset: usize,
        shown: &(dyn Fn(&Slug) -> Archived + Send + Sync),
    ) -> Result<Found, StoreError> {
        let query = Query::parse(typed);
        if query.is_empty() {
            return Ok(Found::default());
        }
        let mut ranked: Vec<Ranked> = match &self.reader {
            // The words' table comes first: SQLite may not begin with all posts.
            Engine::Sqlite(db) => {
                sqlx::query_as(concat!(
                    "SELECT p.id, bm25(post_words, 10.0, 5.0, 1.0), p.dated_at
                     FROM post_words CROSS JOIN post p ON p.id = post_words.rowid CROSS JOIN source s ON s.id = p.source_id
                     WHERE post_words MATCH $1 AND p.shown AND NOT s.removed AND ",
                    is_original!(),
                    " ORDER BY post_words.rowid DESC LIMIT $2"
                ))
                .bind(query.for_sqlite())
                .bind(MOST + 1)
                .fetch_all(db)
                .await?
            }
            Engine::Postgres(db) => {
                let latest = ranked_in_postgres(db, LATEST, &query).await?;
                let is_full = latest.len() > usize::try_from(MOST).unwrap_or(usize::MAX);
                if is_full { latest } else { ranked_in_postgres(db, ALL, &query).await? }
            }
        };
        let most = usize::try_from(MOST).unwrap_or(usize::MAX);
        let has_more = ranked.len() > most;
        ranked.truncate(most);
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| Reverse((a.2, a.0)).cmp(&Reverse((b.2, b.0)))));
        let total = ranked.len();
        let asked: Vec<i64> = ranked.into_iter().skip(offset).take(limit).map(|(id, ..)| id).collect();
        let mut posts = self.posts_numbered(&asked).await?;
        let hits = asked
            .iter()
            .filter_map(|id| posts.remove(id))
            .map(|post| Hit {
                id: post.id,
                title: query.marked(&post.entry.title),
                date: post.date(),
                excerpt: excerpt(&query, &post, shown(&post.source_name)),
                url: post.entry.url,
                source: post.source_name,
            })
            .collect();
        Ok(Found { total, has_more, hits })
    }

    async fn posts_numbered(&self, ids: &[i64]) -> Result<HashMap<i64, Post>, StoreError> {
        let Some(ids) = super::many::Padded::of(ids) else { return Ok(HashMap::new()) };
        let sql = select_posts!("WHERE p.id IN (NUMBERS)").replace("NUMBERS", &ids.places(1));
        let rows: Vec<PostRow> = each!(&self.reader, |db| {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for id in ids {
                query = query.bind(id);
            }
            query.fetch_all(db).await
        })?;
        rows.into_iter().map(|row| Post::try_from(row).map(|post| (post.id.0, post))).collect()
    }
}

/// What may be shown of a post that was found.
fn excerpt(query: &Query, post: &Post, shown: Archived) -> Vec<Piece> {
    let Entry { summary, content, .. } = &post.entry;
    let text = match shown {
        Archived::Full => content.as_ref().or(summary.as_ref()).map(words),
        Archived::Summary => summary.as_ref().or(content.as_ref()).map(words).map(|text| cut(&text, BEGINNING)),
        Archived::Link => None,
    };
    query.excerpt(&text.unwrap_or_default(), EXCERPT)
}

/// Writes the words of posts that are new or changed; `source` is their source's title.
pub(super) async fn write_words(
    tx: &mut Tx,
    posts: &[(PostId, &Entry)],
    source: Option<&str>,
) -> Result<(), StoreError> {
    let mut rest = posts;
    while !rest.is_empty() {
        let mut size = 0;
        let fitting = rest.iter().take(TOGETHER).take_while(|(_, entry)| {
            size += entry.size();
            size <= LONGEST
        });
        let (some, others) = rest.split_at(fitting.count().max(1));
        write_some(tx, some, source).await?;
        rest = others;
    }
    Ok(())
}

async fn write_some(tx: &mut Tx, posts: &[(PostId, &Entry)], source: Option<&str>) -> Result<(), StoreError> {
    let texts = posts.iter().map(|(id, entry)| {
        let html: Option<&CleanHtml> = entry.content.as_ref().or(entry.summary.as_ref());
        (id.0, *entry, html.map(words).unwrap_or_default())
    });
    let findable = |entry: &'_ Entry| -> Vec<String> {
        let names = entry.categories.iter().chain(&entry.authors).cloned();
        names.chain(source.map(str::to_owned)).collect()
    };
    match tx {
        Engine::Sqlite(db) => {
            let mut insert = QueryBuilder::new("INSERT OR REPLACE INTO post_words (rowid, title, names, text) ");
            insert.push_values(texts, |mut row, (id, entry, text)| {
                let names = findable(entry);
                let names = names.iter().map(String::as_str).collect();
                let [title, names, text] = Findable { title: &entry.title, names, text: &text }.columns();
                row.push_bind(id).push_bind(title).push_bind(names).push_bind(text);
            });
            insert.build().execute(&mut **db).await?;
        }
        Engine::Postgres(db) => {
            let mut insert = QueryBuilder::new("INSERT INTO post_words (post_id, words) ");
            insert.push_values(texts, |mut row, (id, entry, text)| {
                let names = findable(entry);
                let names = names.iter().map(String::as_str).collect();
                let vector = Findable { title: &entry.title, names, text: &text }.vector();
                row.push_bind(id).push_bind(TsVector(vector));
            });
            insert.push(" ON CONFLICT (post_id) DO UPDATE SET words = excluded.words");
            insert.build().execute(&mut **db).await?;
        }
    }
    Ok(())
}

/// PostgreSQL's type for words with their places. In its binary form the server need not take a text apart again,
/// which was half of what storing words cost it.
struct TsVector(Vec<u8>);

impl sqlx::Type<Postgres> for TsVector {
    fn type_info() -> PgTypeInfo {
        // One of the server's own types, whose numbers are the same everywhere.
        PgTypeInfo::with_oid(Oid(3614))
    }
}

impl Encode<'_, Postgres> for TsVector {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}
