//! A reader's own choices, by the link in each mail. GET shows, POST acts (P17).

use super::subscribe::{Form, cadences, read_form, topics, zones};
use super::{Failure, Web};
use crate::domain::slug::Slug;
use crate::flow::subscribe::{Choice, Refusal};
use crate::render::PreferencesContext;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

pub(super) async fn look(State(web): State<Web>, Path(token): Path<String>) -> Response {
    let found = match web.subscriptions.look_at_preferences(&token).await {
        Ok(Some(found)) => found,
        Ok(None) => return web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link"),
        Err(error) => return web.failure(error.into()),
    };
    let form = Form {
        cadence: found.cadence.to_string(),
        topics: found.topics.iter().map(Slug::to_string).collect(),
        timezone: found.timezone.map(|zone| zone.name().to_owned()).unwrap_or_default(),
    };
    show(&web, &token, &found.newsletter, &form, None)
}

pub(super) async fn choose(State(web): State<Web>, Path(token): Path<String>, body: Bytes) -> Response {
    let found = match web.subscriptions.look_at_preferences(&token).await {
        Ok(Some(found)) => found,
        Ok(None) => return web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link"),
        Err(error) => return web.failure(error.into()),
    };
    let form = read_form(&body);
    let choice = Choice { cadence: &form.cadence, topics: &form.topics, timezone: &form.timezone };
    match web.subscriptions.choose(&token, choice).await {
        Ok(Some(Ok(()))) => {
            let title = web.config.load().newsletter(found.newsletter.as_str()).map(|known| known.title.clone());
            let title = title.unwrap_or_default();
            web.notice_page(StatusCode::OK, &title, "preferences_kept_heading", "preferences_kept_text")
        }
        Ok(Some(Err(Refusal::Cadence))) => show(&web, &token, &found.newsletter, &form, Some("error_cadence")),
        Ok(Some(Err(_))) => show(&web, &token, &found.newsletter, &form, Some("error_form")),
        Ok(None) => web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link"),
        Err(error) => web.failure(error.into()),
    }
}

fn show(web: &Web, token: &str, newsletter: &Slug, form: &Form, problem: Option<&'static str>) -> Response {
    let config = web.config.load_full();
    let Some(newsletter) = config.newsletter(newsletter.as_str()) else { return web.failure(Failure::NotFound) };
    let context = PreferencesContext {
        frame: web.frame(newsletter.language),
        title: newsletter.title.clone(),
        action: config.path(&format!("/p/{token}")),
        cadences: cadences(web, newsletter, newsletter.language),
        chosen: form.cadence.clone(),
        topics: topics(newsletter, &form.topics),
        zones: zones(newsletter),
        zone: form.timezone.clone(),
        problem,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    match web.renderer.page_preferences(&context) {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => web.failure(error.into()),
    }
}
