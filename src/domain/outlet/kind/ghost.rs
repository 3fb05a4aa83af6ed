//! A Ghost site's settings.

use crate::domain::composition::word;
use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;
use std::str::FromStr;

/// A site that Ghost runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ghost {
    /// Where it stands.
    pub url: HttpUrl,
    /// By which number it knows the key: 24 hexadecimal digits.
    pub key_id: String,
    /// What requests are signed with.
    pub key: Secret<Vec<u8>>,
    /// What becomes of pictures.
    pub pictures: Pictures,
    /// Who stands there as author, by e-mail address or slug; nobody is the site's owner.
    pub authors: Vec<String>,
    /// Who may read posts; `None` is as the site says.
    pub visibility: Option<Access>,
}

word! {
    /// What becomes of a post's pictures.
    Pictures {
        /// They stay where they are.
        Link = "link",
        /// They are uploaded.
        Upload = "upload"
    }
}

word! {
    /// Who may read a post.
    Access {
        /// Everybody.
        Public = "public",
        /// Whoever signed up.
        Members = "members",
        /// Who pays.
        Paid = "paid"
    }
}
