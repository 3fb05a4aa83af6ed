//! The settings of a site that speaks Micropub.

use super::Pictures;
use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;

/// A site that takes posts by Micropub (W3C Recommendation of 23 May 2017).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Micropub {
    /// The site, which names its endpoint.
    pub url: HttpUrl,
    /// The endpoint itself; `None` is found on the site.
    pub endpoint: Option<HttpUrl>,
    /// What allows to write there.
    pub token: Secret,
    /// What becomes of pictures.
    pub pictures: Pictures,
}
