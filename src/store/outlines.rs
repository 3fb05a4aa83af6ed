//! What sources call themselves, for lists of them.

use super::{Store, StoreError, each};
use std::collections::HashMap;

/// What is known of a source that others may want to know.
#[derive(Debug, Clone, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct SourceFace {
    name: String,
    /// What its feed calls itself.
    pub title: Option<String>,
    /// The feed that was found at its address.
    pub feed_url: Option<String>,
    /// The site that the feed belongs to.
    pub link: Option<String>,
    /// The feed's language.
    pub language: Option<String>,
}

impl Store {
    /// The sources that are configured, by their names.
    pub async fn source_faces(&self) -> Result<HashMap<String, SourceFace>, StoreError> {
        let rows: Vec<SourceFace> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT name, title, feed_url, link, language FROM source WHERE NOT removed")
                .fetch_all(db)
                .await
        })?;
        Ok(rows.into_iter().map(|face| (face.name.clone(), face)).collect())
    }
}
