//! The settings of an account in the fediverse.

use super::Pictures;
use crate::domain::composition::word;
use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;
use std::str::FromStr;

/// An account at an instance of Mastodon, or of a program with its interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mastodon {
    /// The instance.
    pub url: HttpUrl,
    /// The account's access token.
    pub token: Secret,
    /// Who sees its statuses.
    pub visibility: Visibility,
    /// What becomes of a post's picture; the instance makes a card of the address where it stays.
    pub pictures: Pictures,
}

word! {
    /// Who sees a status.
    Visibility {
        /// All, and it is shown in public timelines.
        Public = "public",
        /// All, and it is shown in no public timeline.
        Unlisted = "unlisted",
        /// Who follows the account.
        Private = "private"
    }
}
