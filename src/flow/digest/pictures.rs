//! The pictures that a digest brings along (`images = "embed"`): fetched before
//! it is frozen, within bounds, and never while it is sent.
//!
//! Invariants: a picture that cannot be had stays where it is, and its mail goes
//! out; nothing is written here, since a preview brings pictures too.

use super::DigestError;
use crate::domain::picture::{Found, Picture};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Outcome, Request};
use crate::store::Store;
use futures_util::StreamExt as _;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The most bytes of one picture.
const LARGEST: u64 = 512 * 1024;
/// The most bytes of all pictures of a digest, encoded: each reader's mail is that much heavier.
const ALTOGETHER: usize = 2 * 1024 * 1024;
/// The most pictures of a digest.
const MOST: usize = 30;
/// So many are asked for at once.
const AT_ONCE: usize = 4;
/// A digest waits no longer than this for its pictures.
const PATIENCE: Duration = Duration::from_mins(1);

/// Gets the pictures at `addresses`, the first ones first. Returns those that
/// were had.
pub(super) async fn gather(
    store: &Store,
    client: &Client,
    addresses: Vec<String>,
    now: Timestamp,
) -> Result<Vec<Found>, DigestError> {
    let (mut left, mut had) = (ALTOGETHER, Vec::new());
    let asked = addresses.into_iter().take(MOST).map(|address| async move {
        let known = store.fresh_picture(&address, now).await?;
        let is_new = known.is_none();
        let picture = if is_new { fetch(client, &address).await } else { known };
        Ok::<_, DigestError>(picture.map(|picture| Found { address, picture, is_new }))
    });
    let mut asked = std::pin::pin!(futures_util::stream::iter(asked).buffered(AT_ONCE));
    let deadline = Instant::now() + PATIENCE;
    while let Ok(Some(found)) = timeout_at(deadline, asked.next()).await {
        let Some(found) = found? else { continue };
        let Some(rest) = left.checked_sub(found.picture.base64.len()) else { continue };
        left = rest;
        had.push(found);
    }
    Ok(had)
}

/// One picture, where it is one.
async fn fetch(client: &Client, address: &str) -> Option<Picture> {
    let url: HttpUrl = address.parse().ok()?;
    match client.fetch_within(Request { url: &url, etag: None, last_modified: None }, LARGEST).await {
        Ok(Outcome::Fresh(fetched)) => Picture::of(address, &fetched.bytes),
        Ok(Outcome::NotModified { .. } | Outcome::Gone) => None,
        Err(error) => {
            tracing::info!(%error, "a picture stays linked");
            None
        }
    }
}
