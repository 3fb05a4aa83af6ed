//! The way out by the link in each mail, and what forms let one choose. GET shows, POST acts (P17).

use super::Web;
use crate::domain::composition::Topic;
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::render::{CadenceChoice, NoticeContext, TopicChoice};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono_tz::TZ_VARIANTS;

/// What the form of a reader's own choices sends.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) cadence: String,
    pub(super) topics: Vec<String>,
    pub(super) timezone: String,
}

pub(super) async fn look_at_goodbye(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.look_at_goodbye(&token).await {
        Ok(Some(title)) => {
            let action = web.config.load().path(&format!("/u/{token}"));
            ask(&web, title, "unsubscribe_heading", "unsubscribe_text", "unsubscribe", action)
        }
        Ok(None) => web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link"),
        Err(error) => web.failure(error.into()),
    }
}

/// The page's own button and a mail program's one click (RFC 8058 section 3.2):
/// no cookie, no redirect, no second question.
pub(super) async fn goodbye(State(web): State<Web>, Path(token): Path<String>, body: Bytes) -> Response {
    let one_click = body.windows(b"List-Unsubscribe".len()).any(|window| window == b"List-Unsubscribe");
    match web.subscriptions.unsubscribe(&token, if one_click { "one-click" } else { "page" }).await {
        Ok(Some(title)) => web.notice_page(StatusCode::OK, &title, "unsubscribed_heading", "unsubscribed_text"),
        Ok(None) => web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link"),
        Err(error) => web.failure(error.into()),
    }
}

pub(super) fn read_form(body: &[u8]) -> Form {
    let mut form = Form::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        let value: String = value.chars().take(300).collect();
        let field = match name.as_ref() {
            // More topics than any newsletter has are no reader's choice.
            "topic" if form.topics.len() < 100 => {
                form.topics.push(value);
                continue;
            }
            "timezone" => &mut form.timezone,
            "cadence" => &mut form.cadence,
            _ => continue,
        };
        *field = value;
    }
    form
}

/// How often a newsletter may come, in the words of a language.
pub(super) fn cadences(web: &Web, newsletter: &Newsletter, language: Language) -> Vec<CadenceChoice> {
    newsletter
        .cadences
        .iter()
        .map(|cadence| CadenceChoice {
            name: cadence.name.to_string(),
            label: web.renderer.cadence_label(language, cadence.name.as_str()),
        })
        .collect()
}

pub(super) fn topics(newsletter: &Newsletter, chosen: &[String]) -> Vec<TopicChoice> {
    let name = |topic: &Topic| topic.name.to_string();
    newsletter
        .topics
        .iter()
        .map(|topic| TopicChoice { name: name(topic), chosen: chosen.contains(&name(topic)) })
        .collect()
}

/// The time zones to choose from, where one makes a difference.
pub(super) fn zones(newsletter: &Newsletter) -> Vec<&'static str> {
    if !newsletter.goes_by_local_time() {
        return Vec::new();
    }
    // Those named after a place: the others are abbreviations and old names.
    TZ_VARIANTS.iter().map(|zone| zone.name()).filter(|name| name.contains('/') && !name.starts_with("Etc/")).collect()
}

fn ask(
    web: &Web,
    title: String,
    heading: &'static str,
    text: &'static str,
    button: &'static str,
    action: String,
) -> Response {
    let frame = web.frame(web.config.load().site.language);
    web.notice(StatusCode::OK, &NoticeContext { frame, title, heading, text, button, action: Some(action), link: None })
}
