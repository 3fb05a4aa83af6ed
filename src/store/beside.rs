//! Two stored posts, beside each other: whether the rules would take one for the
//! other, and what each rule says.

use super::admit::Arriving;
use super::identity::{Finding, Known, Told, compare};
use super::{Store, StoreError, each};
use crate::domain::id::PostId;
use crate::domain::post::Post;
use crate::domain::source::Identity;
use crate::domain::wording::plain;

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// What each rule says, in their order.
    pub findings: Vec<Finding>,
    /// Whether the later post, if it came now, would be taken for the earlier one.
    pub is_one: bool,
}

impl Store {
    /// Holds the later one of two posts of one source against the earlier one, as
    /// if it were read now; `None` when they are not of one source.
    pub async fn beside(&self, one: &Post, other: &Post) -> Result<Option<Beside>, StoreError> {
        if one.source != other.source {
            return Ok(None);
        }
        let (first, later) = if one.id <= other.id { (one, other) } else { (other, one) };
        let (identity, first_key, later_key): (String, Option<String>, Option<String>) = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT s.identity, f.url_key, l.url_key FROM source s, post f, post l
                 WHERE s.id = $1 AND f.id = $2 AND l.id = $3",
            )
            .bind(one.source.0)
            .bind(first.id.0)
            .bind(later.id.0)
            .fetch_one(db)
            .await
        })?;
        let identity: Identity = identity.parse().map_err(StoreError::Corrupt)?;
        let known = Known {
            id: first.id,
            guid: first.entry.guid.clone(),
            url_key: first_key,
            fingerprint: first.fingerprint.clone(),
            title: plain(&first.entry.title),
            published: first.entry.published,
        };
        let entry = Arriving { entry: later.entry.clone(), fingerprint: later.fingerprint.clone(), url_key: later_key };
        let told = self.told_of(first, later).await?;
        let (findings, is_one) = compare(&known, &told, &entry, identity);
        Ok(Some(Beside { findings, is_one }))
    }

    /// What is known of each one's guid about the other.
    async fn told_of(&self, first: &Post, later: &Post) -> Result<Told, StoreError> {
        let rows: Vec<(i64, bool)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT post_id, apart FROM post_alias
                 WHERE source_id = $1 AND ((post_id = $2 AND guid = $3) OR (post_id = $4 AND guid = $5))",
            )
            .bind(first.source.0)
            .bind(first.id.0)
            .bind(&later.entry.guid)
            .bind(later.id.0)
            .bind(&first.entry.guid)
            .fetch_all(db)
            .await
        })?;
        let mut told = Told::default();
        // That they are two is said of both.
        for (_, apart) in rows.into_iter().filter(|(post, apart)| *apart || PostId(*post) == first.id) {
            told.add(later.entry.guid.clone(), first.id, apart);
        }
        Ok(told)
    }
}
