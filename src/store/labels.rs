//! What posts are labelled with, so that a feed of a tag, an author or a language
//! finds its posts without looking at all the others.

use super::{StoreError, Tx, each};
use crate::domain::id::PostId;
use crate::domain::label::{Label, labels};
use crate::domain::post::Entry;
use sqlx::QueryBuilder;

/// Writes the labels of new posts.
pub(super) async fn label_posts(
    tx: &mut Tx,
    posts: &[(PostId, &Entry)],
    language: Option<&str>,
) -> Result<(), StoreError> {
    let all: Vec<(PostId, Label)> =
        posts.iter().flat_map(|(id, entry)| labels(entry, language).into_iter().map(|label| (*id, label))).collect();
    for some in all.chunks(64) {
        each!(&mut *tx, |db| {
            let mut insert = QueryBuilder::new(
                "INSERT INTO post_label (post_id, kind, key, name, dated_at)
                 SELECT p.id, v.column2, v.column3, v.column4, p.dated_at FROM (",
            );
            insert.push_values(some, |mut row, (id, label)| {
                row.push_bind(id.0).push_bind(label.kind.as_str()).push_bind(label.key.as_str()).push_bind(&label.name);
            });
            insert.push(") AS v JOIN post p ON p.id = v.column1");
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
    label_posts(tx, &[(id, entry)], language).await
}
