//! Digests in a browser.

use super::{Failure, Web};
use crate::domain::digest::Edition;
use crate::domain::token::sha256_hex;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{Html, IntoResponse, Response};

/// A digest changes no more; its newsletter's name and the site's may.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300, stale-while-revalidate=3600");

/// A mail brings its styles and pictures along, and pictures from other sites; it runs nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

/// The page of a digest.
pub(super) async fn digest(
    State(web): State<Web>,
    Path((newsletter, cadence, slot)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(edition) = Edition::at_path(&newsletter, &cadence, &slot) else { return web.failure(Failure::NotFound) };
    let page = match web.digests.page(&edition).await {
        Ok(Some(page)) => page,
        Ok(None) => return web.failure(Failure::NotFound),
        Err(error) => return web.failure(error.into()),
    };
    let hash = sha256_hex(page.html.as_bytes());
    let tag = format!("\"{}\"", hash.get(..32).unwrap_or(&hash));
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|tags| tags.split(','));
    // A cache may have made the tag weak (RFC 9110 section 13.1.2).
    let is_known = known.any(|other| matches!(other.trim(), "*") || other.trim().trim_start_matches("W/") == tag);
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { Html(page.html).into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
