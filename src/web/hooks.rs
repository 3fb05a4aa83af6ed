//! Where relays report what came back. The address is unguessable and stands in
//! no mail and on no page; see `flow::bounce`.

use super::{Failure, Web};
use crate::flow::bounce::Reported;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// The largest report: relays put many events into one.
pub(super) const MOST: usize = 2 * 1024 * 1024;

/// A relay reports.
pub(super) async fn take(
    State(web): State<Web>,
    Path((relay, token)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match web.bounces.report((&relay, &token), header, &body).await {
        Ok(Reported::Taken) => StatusCode::OK.into_response(),
        Ok(Reported::Unknown) => web.failure(Failure::NotFound),
        Ok(Reported::Refused(_)) => StatusCode::FORBIDDEN.into_response(),
        Ok(Reported::Later) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(error) => web.failure(error.into()),
    }
}
