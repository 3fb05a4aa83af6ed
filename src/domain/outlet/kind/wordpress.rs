//! WordPress's settings.

use super::Pictures;
use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;
use std::time::Duration;

/// A site of WordPress, by its REST interface and an application password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordPress {
    /// The site's address, or that of its REST interface (`…/wp-json/`).
    pub url: HttpUrl,
    /// Whose application password it is.
    pub user: String,
    /// The application password.
    pub password: Secret,
    /// The names of the categories that each post is filed under; the site's default when there are none.
    pub categories: Vec<String>,
    /// Who is named as the author there, by slug or number; the user when `None`.
    pub author: Option<String>,
    /// What becomes of pictures.
    pub pictures: Pictures,
    /// Whether the post's picture becomes its featured image, when pictures are uploaded.
    pub featured: bool,
    /// How long after it was handed over WordPress itself publishes a post.
    pub schedule: Option<Duration>,
    /// The meta key that holds the canonical address there.
    pub canonical_meta: Option<String>,
}
