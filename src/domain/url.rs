//! Web addresses.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use url::Url;

/// An absolute `http` or `https` URL with a host and no user name in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HttpUrl(Url);

/// Why a web address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It does not parse as a URL (WHATWG URL).
    #[error("`{0}` is not a web address: {1}")]
    Syntax(String, url::ParseError),
    /// It parses, but is not for the web.
    #[error("`{0}` is not a web address: it must begin with http:// or https://")]
    Scheme(String),
    /// It carries a user name or a password.
    #[error("`{0}` must not carry a user name or password")]
    Credentials(String),
}

impl HttpUrl {
    /// The parsed URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host, lower-case, IDNA-encoded.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Resolves `reference` against this URL; `None` when the result is not a
    /// web address (RFC 3986 section 5, as WHATWG URL does it).
    #[must_use]
    pub fn join(&self, reference: &str) -> Option<Self> {
        self.0.join(reference.trim()).ok().and_then(|url| Self::try_from(url).ok())
    }
}

impl TryFrom<Url> for HttpUrl {
    type Error = BadUrl;

    fn try_from(url: Url) -> Result<Self, BadUrl> {
        let good_scheme = matches!(url.scheme(), "http" | "https") && !url.host_str().is_none_or(str::is_empty);
        let secret = !url.username().is_empty() || url.password().is_some();
        if good_scheme && !secret {
            return Ok(Self(url));
        }
        let mut shown = url;
        // Both calls succeed where there is a host; without one there is nothing to hide.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Err(if good_scheme { BadUrl::Credentials(shown.into()) } else { BadUrl::Scheme(shown.into()) })
    }
}

impl FromStr for HttpUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let text = text.trim();
        Url::parse(text).map_err(|why| BadUrl::Syntax(text.chars().take(200).collect(), why))?.try_into()
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}
