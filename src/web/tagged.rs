//! Answers that a program need not fetch twice.

use crate::domain::token::sha256_hex;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

/// What follows from what is stored may be kept for five minutes, and shown while it is asked for again.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300, stale-while-revalidate=3600");

/// A text with a strong tag, or the word that it is the same as before.
pub(super) fn tagged(asked: &HeaderMap, text: String) -> Response {
    let hash = sha256_hex(text.as_bytes());
    let tag = format!("\"{}\"", hash.get(..32).unwrap_or(&hash));
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|tags| tags.split(','));
    // A cache may have made the tag weak (RFC 9110 section 13.1.2).
    let is_known = known.any(|other| matches!(other.trim(), "*") || other.trim().trim_start_matches("W/") == tag);
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { text.into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
