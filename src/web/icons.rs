//! The site's sign, for those who show no vectors.

use super::Web;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A sign changes when the site's owner wants another.
const CACHE: &str = "public, max-age=86400";

pub(super) async fn png(State(web): State<Web>) -> Response {
    icon(web.renderer.icon("icon.png"), "image/png")
}

pub(super) async fn ico(State(web): State<Web>) -> Response {
    icon(web.renderer.icon("favicon.ico"), "image/vnd.microsoft.icon")
}

fn icon(bytes: Vec<u8>, media_type: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, CACHE)], Bytes::from(bytes)).into_response()
}
