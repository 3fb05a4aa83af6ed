//! What the HTTP library met, in words for people.

use super::{CONNECT, FetchError};
use reqwest::StatusCode;

/// A status with its usual words.
pub(super) fn phrase(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// What the HTTP library met, in words.
pub(super) fn spoken(error: &reqwest::Error) -> FetchError {
    FetchError::temporary(if error.is_timeout() {
        format!("it could not be connected to within {} s", CONNECT.as_secs())
    } else if error.is_connect() {
        format!("it cannot be connected to ({})", root(error))
    } else {
        format!("the connection broke ({})", root(error))
    })
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
