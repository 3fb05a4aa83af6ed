//! The sources as a list for other readers.

use super::Web;
use super::tagged::tagged;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::Response;

/// The media type that lists of feeds are known by: it was never registered, and programs go by it.
const OPML: HeaderValue = HeaderValue::from_static("text/x-opml; charset=utf-8");

/// `/sources.opml`.
pub(super) async fn sources(State(web): State<Web>, headers: HeaderMap) -> Response {
    match web.source_list.opml().await {
        Ok(list) => {
            let mut response = tagged(&headers, list);
            response.headers_mut().insert(header::CONTENT_TYPE, OPML);
            response
        }
        Err(error) => web.failure(error.into()),
    }
}
