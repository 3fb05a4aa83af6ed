//! What posts are labelled with, so that a feed of a tag, an author or a language
//! finds its posts without looking at all the others.

use super::{StoreError, Tx, each};
use crate::domain::id::PostId;
use crate::domain::label::{Label, labels};
use crate::domain::post::Entry;
use crate::domain::time::Timestamp;
use sqlx::QueryBuilder;

/// Writes the labels of posts, each with its date.
pub(super) async fn label_posts(
    tx: &mut Tx,
    posts: &[(PostId, &Entry, Timestamp)],
    language: Option<&str>,
) -> Result<(), StoreError> {
    let of = |(id, entry, date): &(PostId, &Entry, Timestamp)| {
        let (id, date) = (*id, *date);
        labels(entry, language).into_iter().map(move |label| (id, label, date))
    };
    let all: Vec<(PostId, Label, Timestamp)> = posts.iter().flat_map(of).collect();
    for some in all.chunks(64) {
        each!(&mut *tx, |db| {
            let mut insert = QueryBuilder::new("INSERT INTO post_label (post_id, kind, key, name, dated_at) ");
            insert.push_values(some, |mut row, (id, label, date)| {
                row.push_bind(id.0)
                    .push_bind(label.kind.as_str())
                    .push_bind(label.key.as_str())
                    .push_bind(&label.name)
                    .push_bind(date.millis());
            });
            insert.build().execute(&mut **db).await.map(drop)
        })?;
    }
    Ok(())
}

/// Writes the labels of a post that changed in the place of those that it had.
pub(super) async fn label_again(
    tx: &mut Tx,
    id: PostId,
    entry: &Entry,
    language: Option<&str>,
) -> Result<(), StoreError> {
    each!(&mut *tx, |db| {
        sqlx::query("DELETE FROM post_label WHERE post_id = $1").bind(id.0).execute(&mut **db).await.map(drop)
    })?;
    let (dated_at,): (i64,) = each!(&mut *tx, |db| {
        sqlx::query_as("SELECT dated_at FROM post WHERE id = $1").bind(id.0).fetch_one(&mut **db).await
    })?;
    label_posts(tx, &[(id, entry, Timestamp::from_millis(dated_at))], language).await
}
