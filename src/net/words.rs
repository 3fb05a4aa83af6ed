//! What the HTTP library met, in words for people.

use super::FetchError;
use crate::domain::url::HttpUrl;
use reqwest::StatusCode;
use std::time::Duration;

/// A status with its usual words.
pub(super) fn phrase(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// What the HTTP library met before an answer, in words.
pub(super) fn spoken(error: &reqwest::Error, connect: Duration) -> FetchError {
    FetchError::temporary(if error.is_timeout() {
        format!("it could not be connected to within {} s", connect.as_secs_f32())
    } else if error.is_connect() {
        format!("it cannot be connected to ({})", root(error))
    } else {
        return broke(error);
    })
}

/// What it met while an answer came, in words.
pub(super) fn broke(error: &reqwest::Error) -> FetchError {
    FetchError::temporary(format!("the connection broke ({})", root(error)))
}

/// The innermost cause, which is the one that says something.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// An error with all its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A URL for messages: without its query, in which private feeds keep their secrets.
#[must_use]
pub fn shown(url: &HttpUrl) -> String {
    let mut shown = url.as_url().clone();
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}
