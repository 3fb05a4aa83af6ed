//! The settings of an account at Bluesky.

use super::Pictures;
use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;

/// An account at Bluesky, or at another server of the AT Protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bluesky {
    /// The account's server.
    pub url: HttpUrl,
    /// What the account is called, such as `paper.bsky.social`, without `@`.
    pub handle: String,
    /// Its app password.
    pub password: Secret,
    /// What becomes of a post's picture; where it stays, its card has none.
    pub pictures: Pictures,
}
