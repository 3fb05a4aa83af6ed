//! The search box's answers.

use super::{PICTURES_POLICY, Web};
use axum::extract::{Query, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

/// The most characters that are looked for.
const LONGEST: usize = 200;

/// What the box sends.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: String,
}

pub(super) async fn search(State(web): State<Web>, Query(asked): Query<Asked>) -> Response {
    let query: String = asked.q.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    match web.publisher.search(&query, asked.page.parse().unwrap_or(1)).await {
        Ok(page) => {
            let mut response = Html(page).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
            headers.insert(header::CONTENT_SECURITY_POLICY, PICTURES_POLICY.clone());
            headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
            response
        }
        Err(error) => web.failure(error.into()),
    }
}
