//! Digests in a browser.

use super::tagged::tagged;
use super::{Failure, Web};
use crate::domain::digest::Edition;
use axum::extract::{Path, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::Response;

/// A mail brings its styles along, and shows pictures from other sites; it runs nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The page of a digest.
pub(super) async fn digest(
    State(web): State<Web>,
    Path((newsletter, cadence, slot)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(edition) = Edition::at_path(&newsletter, &cadence, &slot) else { return web.failure(Failure::NotFound) };
    match web.digests.page(&edition).await {
        Ok(Some(page)) => {
            let mut response = tagged(&headers, page.html);
            response.headers_mut().insert(header::CONTENT_TYPE, HTML);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
            response
        }
        Ok(None) => web.failure(Failure::NotFound),
        Err(error) => web.failure(error.into()),
    }
}
