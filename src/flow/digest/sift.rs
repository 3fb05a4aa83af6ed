//! What a newsletter's filter says of the posts that a digest could hold.
//!
//! Kept here: it is asked when a digest is decided on, and its answer is frozen
//! with the digest, so that a filter that is loosened later makes no old post news.

use crate::domain::id::PostId;
use crate::domain::newsletter::Newsletter;
use crate::store::{LeftOut, Selection, Store, StoreError};

/// The posts of a selection, parted by the newsletter's filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sifted {
    /// What it takes, newest first.
    pub taken: Vec<PostId>,
    /// What it does not.
    pub left_out: Vec<LeftOut>,
}

/// Parts the posts that a digest could hold now. One post is in memory at a time.
pub async fn sift(store: &Store, selection: &Selection<'_>) -> Result<Sifted, StoreError> {
    let posts = store.select_posts(selection).await?;
    let Newsletter { filter, .. } = selection.newsletter;
    if filter.is_empty() {
        return Ok(Sifted { taken: posts, left_out: Vec::new() });
    }
    let mut sifted = Sifted::default();
    for id in posts {
        let Some(post) = store.post(id).await? else { continue };
        match post.left_out_by(filter) {
            None => sifted.taken.push(id),
            Some(reason) => sifted.left_out.push(LeftOut { post: id, reason }),
        }
    }
    Ok(sifted)
}
