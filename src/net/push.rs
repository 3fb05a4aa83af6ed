//! What is handed to another site: a post to an outlet. Told apart here is what was
//! never sent, and so may be sent again, from what was sent while the answer was lost.
//!
//! Invariant: no message names more of the address than its host, since many an
//! address of an outlet is a secret.

use super::body::ACCEPT_ENCODING;
use super::names::Unreachable;
use super::words::phrase;
use super::{Client, Deadlines, FetchError, headers};
use crate::domain::url::HttpUrl;
use reqwest::header::{self, HeaderMap, HeaderName};
use std::time::Duration;
use tokio::time::timeout;

pub use reqwest::Method;

/// The most bytes of an answer: numbers, addresses and words, and lists of what an outlet has.
const LONGEST_ANSWER: u64 = 4 * 1024 * 1024;

/// What is sent.
#[derive(Debug)]
pub struct Push<'a> {
    /// How.
    pub method: Method,
    /// Where to.
    pub url: &'a HttpUrl,
    /// Headers beside those that every request has.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty is none.
    pub body: Vec<u8>,
}

/// What was answered, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The status.
    pub status: u16,
    /// The status in words: `429 Too Many Requests`.
    pub phrase: String,
    /// How long the site wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Where what was made stands, by the answer's `Location`.
    pub location: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Pushed {
    /// What a header of the outlet's own says, when it is there and readable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        headers::text(&self.headers, &name.parse::<HeaderName>().ok()?)
    }
}

/// Why there is no answer; each a decision, its text one plain sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Our own rules forbid to ask there.
    #[error("{0}")]
    Forbidden(String),
    /// Nothing was sent.
    #[error("{why}")]
    NotSent {
        /// Why.
        why: String,
        /// How long the site wants to be left alone.
        rest: Option<Duration>,
    },
    /// It was sent, or a part of it, and the answer was lost.
    #[error("{0}")]
    Lost(String),
}

impl Client {
    /// Sends to an outlet and waits for the answer. Redirects are answers like others: what was signed for one address
    /// is sent to no other.
    pub async fn push(&self, push: Push<'_>) -> Result<Pushed, PushError> {
        let (_turn, _slot) = self.wait(push.url).await.map_err(not_sent)?;
        let limits = self.limits.load_full();
        let Deadlines { lookup, connect, first_byte, grace } = self.deadlines;
        let _pass =
            self.passed.admit((&self.names, lookup), &limits.guard, push.url).await.map_err(|error| match error {
                Unreachable::Refused(..) => PushError::Forbidden(error.to_string()),
                Unreachable::Unknown(_) | Unreachable::Slow(..) => {
                    PushError::NotSent { why: error.to_string(), rest: None }
                }
            })?;
        let mut request = self
            .http
            .request(push.method, push.url.as_url().clone())
            .header(header::USER_AGENT, &limits.user_agent)
            .header(header::ACCEPT_ENCODING, ACCEPT_ENCODING)
            .body(push.body);
        for (name, value) in push.headers {
            request = request.header(name, value);
        }
        let answer = timeout(connect + first_byte, request.send())
            .await
            .map_err(|_| PushError::Lost(format!("it did not answer within {} s", first_byte.as_secs_f32())))?
            .map_err(|error| {
                let never = error.is_connect() || error.is_builder();
                let why = super::words::spoken(&error.without_url(), connect).to_string();
                if never { PushError::NotSent { why, rest: None } } else { PushError::Lost(why) }
            })?;
        let now = self.clock.now();
        let text = |name| headers::text(answer.headers(), name);
        let mut pushed = Pushed {
            status: answer.status().as_u16(),
            phrase: phrase(answer.status()),
            retry_after: text(&header::RETRY_AFTER).and_then(|value| headers::retry_after(&value, now)),
            location: text(&header::LOCATION),
            headers: answer.headers().clone(),
            body: Vec::new(),
        };
        let read = self.rooms.read(answer, LONGEST_ANSWER, grace).await;
        pushed.body = read.map_err(|error| PushError::Lost(format!("its answer broke off: {error}")))?.bytes;
        Ok(pushed)
    }
}

/// Whatever came before the request.
fn not_sent(error: FetchError) -> PushError {
    match error {
        FetchError::Refused(why) | FetchError::Disallowed(why) | FetchError::Permanent(why) => {
            PushError::Forbidden(why)
        }
        FetchError::Temporary { why, retry_after: rest } | FetchError::NotAsked { why, rest } => {
            PushError::NotSent { why, rest }
        }
    }
}
