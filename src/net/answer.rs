//! What came of asking for a document.

use super::words::shown;
use crate::domain::url::HttpUrl;
use crate::domain::websub::Channel;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// What the origin answered, as far as it is no failure.
#[derive(Debug)]
pub enum Outcome {
    /// A document.
    Fresh(Box<Fetched>),
    /// 304: the document is the one that the validators named.
    NotModified {
        /// Where permanent redirects led, if there were any.
        permanent_to: Option<HttpUrl>,
        /// How long the document stays as it is, says the answer's `Cache-Control`.
        max_age: Option<Duration>,
    },
    /// 410: there is none, and there will be none.
    Gone,
}

/// A document that was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// Its bytes, unpacked.
    pub bytes: Vec<u8>,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Where it was found in the end.
    pub final_url: HttpUrl,
    /// Where permanent redirects led, if there were any.
    pub permanent_to: Option<HttpUrl>,
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
    /// How long it stays as it is, says its `Cache-Control`.
    pub max_age: Option<Duration>,
    /// Where its changes are announced, says its `Link`: the same topic at each hub.
    pub channels: Vec<Channel>,
    /// Where it takes posts, says its `Link` (Micropub section 5.3).
    pub micropub: Option<HttpUrl>,
    /// Held while a large document is in memory, so that there are few of them.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Fetched {
    /// Gives back the memory of what has been read. Whoever asks for another
    /// document with a large one in hand would else wait for room behind itself.
    pub fn forget_bytes(&mut self) {
        self.bytes = Vec::new();
        self.room = None;
    }
}

/// Why a document was not fetched; each variant a decision, its text one plain sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not allowed by our own rules: an address that is not public, a redirect
    /// away from https, too many redirects.
    #[error("{0}")]
    Refused(String),
    /// The host's robots.txt does not let programs read it.
    #[error("{0}")]
    Disallowed(String),
    /// The origin says no, and will probably say it again.
    #[error("{0}")]
    Permanent(String),
    /// Worth another try, not before `retry_after` when the origin named it.
    #[error("{why}")]
    Temporary {
        /// What happened.
        why: String,
        /// How long the origin wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Not asked, or not read to the end: other requests of ours were in the
    /// way, or the host has asked for a rest.
    #[error("{why}")]
    NotAsked {
        /// Which of these.
        why: String,
        /// How much of the rest is left.
        rest: Option<Duration>,
    },
}

impl FetchError {
    pub(super) fn temporary(why: impl Into<String>) -> Self {
        Self::Temporary { why: why.into(), retry_after: None }
    }

    /// Names the document before what happened to it.
    pub(super) fn at(self, url: &HttpUrl) -> Self {
        let name = |why: String| format!("{}: {why}", shown(url));
        match self {
            Self::Refused(why) => Self::Refused(name(why)),
            Self::Disallowed(why) => Self::Disallowed(name(why)),
            Self::Permanent(why) => Self::Permanent(name(why)),
            Self::Temporary { why, retry_after } => Self::Temporary { why: name(why), retry_after },
            Self::NotAsked { why, rest } => Self::NotAsked { why: name(why), rest },
        }
    }
}
