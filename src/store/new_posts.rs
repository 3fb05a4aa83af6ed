//! New posts, written several at once: each statement is a trip to the database
//! and back, which takes longer than its writing.

use super::admit::{Arrives, Fresh, to_json};
use super::{StoreError, Tx, each};
use crate::domain::filter::Reason;
use crate::domain::html::CleanHtml;
use crate::domain::id::{PostId, SourceId};
use crate::domain::post::HeldFor;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use sqlx::QueryBuilder;
use std::collections::HashMap;

/// So many posts in one statement at most: each number is a text of its own to prepare.
const MOST: usize = 16;
/// Their texts are copied for the driver, so that they take this much at most, in bytes, unless one alone is longer.
const LONGEST: usize = 256 * 1024;

/// Writes posts in this order, and returns their numbers in the same.
pub(super) async fn insert_posts(
    tx: &mut Tx,
    source: SourceId,
    posts: &[(Fresh<'_>, Arrives)],
    now: Timestamp,
) -> Result<Vec<PostId>, StoreError> {
    let mut ids = HashMap::with_capacity(posts.len());
    let mut rest = posts;
    while !rest.is_empty() {
        let mut size = 0;
        let fitting = rest.iter().take(MOST).take_while(|(fresh, _)| {
            size += fresh.arriving.entry.size();
            size <= LONGEST
        });
        let (some, others) = rest.split_at(fitting.count().max(1));
        ids.extend(insert_some(tx, source, some, now).await?);
        rest = others;
    }
    let id = |(fresh, _): &(Fresh<'_>, Arrives)| ids.get(&fresh.guid).copied();
    posts
        .iter()
        .map(|post| id(post).ok_or_else(|| StoreError::Corrupt("a post that was written is not there".to_owned())))
        .collect()
}

/// The numbers of what it wrote, by their guids: RETURNING promises no order.
async fn insert_some(
    tx: &mut Tx,
    source: SourceId,
    posts: &[(Fresh<'_>, Arrives)],
    now: Timestamp,
) -> Result<Vec<(String, PostId)>, StoreError> {
    let lists = posts
        .iter()
        .map(|(fresh, standing)| {
            let entry = &fresh.arriving.entry;
            let (authors, categories) = (to_json(&entry.authors)?, to_json(&entry.categories)?);
            let (enclosures, also_at) = (to_json(&entry.enclosures)?, to_json(&entry.also_at)?);
            Ok((fresh, *standing, [authors, categories, enclosures, also_at]))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let written: Vec<(String, i64)> = each!(tx, |db| {
        let mut insert = QueryBuilder::new(
            "INSERT INTO post (source_id, guid, url, url_key, title, authors, published_at, updated_at, dated_at,
                 summary, content, categories, enclosures, also_at, fingerprint, first_seen_at, changed_at, standing,
                 held_for, filtered_by, language, original) ",
        );
        insert.push_values(lists, |mut row, (fresh, standing, [authors, categories, enclosures, also_at])| {
            let entry = &fresh.arriving.entry;
            row.push_bind(source.0)
                .push_bind(&fresh.guid)
                .push_bind(entry.url.as_ref().map(HttpUrl::as_str))
                .push_bind(&fresh.arriving.url_key)
                .push_bind(&entry.title)
                .push_bind(authors)
                .push_bind(entry.published.map(Timestamp::millis))
                .push_bind(entry.updated.map(Timestamp::millis))
                .push_bind(entry.date(now).millis())
                .push_bind(entry.summary.as_ref().map(CleanHtml::as_str))
                .push_bind(entry.content.as_ref().map(CleanHtml::as_str))
                .push_bind(categories)
                .push_bind(enclosures)
                .push_bind(also_at)
                .push_bind(&fresh.arriving.fingerprint)
                .push_bind(now.millis())
                .push_bind(now.millis())
                .push_bind(standing.standing().as_str())
                .push_bind(standing.held_for().map(HeldFor::as_str))
                .push_bind(fresh.filtered.as_ref().map(Reason::as_str))
                .push_bind(&entry.language)
                .push_bind(entry.original.as_ref().map(HttpUrl::as_str));
        });
        insert.push(" RETURNING guid, id").build_query_as().fetch_all(&mut **db).await
    })?;
    Ok(written.into_iter().map(|(guid, id)| (guid, PostId(id))).collect())
}
