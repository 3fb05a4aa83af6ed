//! Where hubs call back. The one GET that is written down: a hub can answer in no
//! other way, its address is unguessable and stands in no mail and on no page,
//! and HEAD does nothing (docs/decisions/0008).

use super::Web;
use crate::flow::websub::Taken;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A hub asks back, or tells that it will not announce.
pub(super) async fn answer(
    State(web): State<Web>,
    method: Method,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    if method != Method::GET {
        return web.failure(super::Failure::NotFound);
    }
    match web.hubs.answer(&token, query.as_deref().unwrap_or_default()).await {
        // Whatever stands in the challenge, no browser takes it for a page.
        Ok(Some(text)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Ok(None) => web.failure(super::Failure::NotFound),
        Err(error) => web.failure(error.into()),
    }
}

/// A hub announces a change.
pub(super) async fn take(
    State(web): State<Web>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signature = headers.get("x-hub-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match web.hubs.take(&token, signature, &body).await {
        Ok(Taken::Believed | Taken::Ignored) => StatusCode::ACCEPTED.into_response(),
        Ok(Taken::Over) => StatusCode::GONE.into_response(),
        Ok(Taken::Unknown) => web.failure(super::Failure::NotFound),
        Err(error) => web.failure(error.into()),
    }
}
