//! What an operator says of single readers: tags.

use super::subscribers::find_subscriber;
use super::{Store, StoreError, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::SubscriberId;
use crate::domain::tag::Tag;

impl Store {
    /// Puts tags on a reader and takes others off, in one transaction. Returns
    /// whether there is such a reader.
    pub async fn tag_subscriber(&self, email: &EmailAddress, add: &[Tag], remove: &[Tag]) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let Some(SubscriberId(id)) = find_subscriber(&mut tx, email).await? else { return Ok(false) };
        for (tags, sql) in [
            (
                add,
                "INSERT INTO subscriber_tag (subscriber_id, tag) VALUES ($1, $2)
                 ON CONFLICT (subscriber_id, tag) DO NOTHING",
            ),
            (remove, "DELETE FROM subscriber_tag WHERE subscriber_id = $1 AND tag = $2"),
        ] {
            for tag in tags {
                each!(&mut tx, |db| {
                    sqlx::query(sql).bind(id).bind(tag.as_str()).execute(&mut **db).await.map(drop)
                })?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Every tag, with how many readers have it.
    pub async fn tags(&self) -> Result<Vec<(Tag, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT tag, COUNT(*) FROM subscriber_tag GROUP BY tag").fetch_all(db).await
        })?;
        let tag = |text: &str| text.parse().map_err(|_| StoreError::Corrupt("a tag".to_owned()));
        let tags: Result<Vec<(Tag, u64)>, StoreError> =
            rows.iter().map(|(text, readers)| Ok((tag(text)?, u64::try_from(*readers).unwrap_or(0)))).collect();
        // The engines' alphabets differ.
        tags.map(|mut tags| {
            tags.sort_unstable();
            tags
        })
    }
}
