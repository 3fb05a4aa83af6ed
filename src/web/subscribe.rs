//! The form and the links in mails. GET shows, POST acts (P17).

use super::{Failure, Peer, Web};
use crate::domain::composition::Topic;
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::flow::subscribe::{Asked, Confirmation, Refusal};
use crate::render::{CadenceChoice, NoticeContext, SubscribeContext, TopicChoice};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono_tz::TZ_VARIANTS;

/// What the form sends.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) email: String,
    pub(super) cadence: String,
    pub(super) topics: Vec<String>,
    pub(super) timezone: String,
    /// Filled in by machines only.
    pub(super) website: String,
}

pub(super) async fn form_of_first(State(web): State<Web>) -> Response {
    let config = web.config.load_full();
    match config.newsletters.first() {
        Some(newsletter) => Redirect::to(&config.path(&format!("/subscribe/{}", newsletter.name))).into_response(),
        None => web.failure(Failure::NotFound),
    }
}

pub(super) async fn form(State(web): State<Web>, Path(name): Path<String>) -> Response {
    show_form(&web, &name, &Form::default(), None)
}

pub(super) async fn request(
    State(web): State<Web>,
    Path(name): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    body: Bytes,
) -> Response {
    let form = read_form(&body);
    if !web.limits.admit(peer) {
        return web.too_many();
    }
    // A machine is told what a reader is told, and nothing happens.
    if !form.website.is_empty() {
        return check_mail(&web, &name);
    }
    let asked = Asked {
        newsletter: &name,
        email: &form.email,
        cadence: &form.cadence,
        topics: &form.topics,
        timezone: &form.timezone,
    };
    match web.subscriptions.request(asked).await {
        Ok(Ok(())) => check_mail(&web, &name),
        Ok(Err(Refusal::NoNewsletter)) => web.failure(Failure::NotFound),
        Ok(Err(Refusal::Email)) => show_form(&web, &name, &form, Some("error_email")),
        Ok(Err(Refusal::Cadence)) => show_form(&web, &name, &form, Some("error_cadence")),
        Ok(Err(Refusal::Choice | Refusal::Pause)) => show_form(&web, &name, &form, Some("error_form")),
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn look_at_confirmation(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.look_at_confirmation(&token).await {
        Ok(confirmation) => show_confirmation(&web, &token, confirmation),
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn confirm(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.confirm(&token).await {
        Ok(Confirmation::Open(title, language) | Confirmation::Done(title, language)) => {
            show_confirmation(&web, &token, Confirmation::Done(title, language))
        }
        Ok(other) => show_confirmation(&web, &token, other),
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
            "email" => &mut form.email,
            "cadence" => &mut form.cadence,
            "website" => &mut form.website,
            _ => continue,
        };
        *field = value;
    }
    form
}

fn show_form(web: &Web, name: &str, form: &Form, problem: Option<&'static str>) -> Response {
    let config = web.config.load_full();
    let Some(newsletter) = config.newsletter(name) else { return web.failure(Failure::NotFound) };
    let context = SubscribeContext {
        frame: web.frame(newsletter.language),
        name: newsletter.name.to_string(),
        title: newsletter.title.clone(),
        description: newsletter.description.clone(),
        cadences: cadences(web, newsletter, newsletter.language),
        chosen: form.cadence.clone(),
        topics: topics(newsletter, &form.topics),
        zones: zones(newsletter),
        zone: form.timezone.clone(),
        email: form.email.clone(),
        problem,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    match web.renderer.page_subscribe(&context) {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => web.failure(error.into()),
    }
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
    if newsletter.goes_by_local_time() { every_zone() } else { Vec::new() }
}

/// The time zones that a reader may live in.
pub(super) fn every_zone() -> Vec<&'static str> {
    // Those named after a place: the others are abbreviations and old names.
    TZ_VARIANTS.iter().map(|zone| zone.name()).filter(|name| name.contains('/') && !name.starts_with("Etc/")).collect()
}

/// The one answer to every request that has the right form (S8).
fn check_mail(web: &Web, newsletter: &str) -> Response {
    let config = web.config.load_full();
    let language = config.newsletter(newsletter).map_or(config.site.language, |newsletter| newsletter.language);
    let notice = NoticeContext {
        frame: web.frame(language),
        title: String::new(),
        heading: "check_heading",
        text: "check_text",
        button: "",
        action: None,
        link: None,
    };
    web.notice(StatusCode::OK, &notice)
}

fn show_confirmation(web: &Web, token: &str, confirmation: Confirmation) -> Response {
    let config = web.config.load_full();
    let (status, language, title, texts, action, link) = match confirmation {
        Confirmation::Open(title, language) => {
            let texts = ["confirm_heading", "confirm_text", "confirm_button"];
            (StatusCode::OK, language, title, texts, Some(config.path(&format!("/confirm/{token}"))), None)
        }
        Confirmation::Done(title, language) => {
            (StatusCode::OK, language, title, ["confirmed_heading", "confirmed_text", ""], None, None)
        }
        Confirmation::Over(newsletter, language) => {
            let texts = ["confirm_expired_heading", "confirm_expired_text", "subscribe_again"];
            let form = config.path(&format!("/subscribe/{newsletter}"));
            (StatusCode::GONE, language, String::new(), texts, None, Some(form))
        }
        Confirmation::Forged => return web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link"),
    };
    let [heading, text, button] = texts;
    web.notice(status, &NoticeContext { frame: web.frame(language), title, heading, text, button, action, link })
}
