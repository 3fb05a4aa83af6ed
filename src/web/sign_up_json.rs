//! Signing up by JSON: for programs of the operator's, and for scripts on the
//! sites that forms may lead back to. The same word, the same limits, the same
//! answer for every address as the page's form.

use super::choices::zones;
use super::sign_up::{Outcome, SignUp, or_the_only_one, problem, take};
use super::{Failure, Peer, Web};
use crate::domain::consent::Origin;
use crate::domain::language::Language;
use crate::flow::subscribe::{Again, Refusal};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is sent. Only the address is needed where there is one newsletter.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sent {
    email: String,
    newsletters: Vec<String>,
    cadence: String,
    topics: Vec<String>,
    timezone: String,
    language: String,
    /// Whether the address is right although it looks like a slip.
    as_typed: bool,
    /// Whether the reader agreed to advertising.
    agreed: bool,
    /// What `GET` gave.
    token: String,
    /// Filled in by machines only.
    website: String,
}

/// What may be asked for, and the word to ask with.
pub(super) async fn offer(State(web): State<Web>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let config = web.config.load_full();
    let query = query.unwrap_or_default();
    let lang = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "lang");
    let shown = lang.and_then(|(_, tag)| web.renderer.spoken(&tag));
    let newsletters: Vec<Value> = config
        .mailed()
        .map(|newsletter| {
            let shown = shown.unwrap_or(newsletter.language);
            let cadences = newsletter.cadences.iter().map(|cadence| {
                let name = cadence.name.as_str();
                json!({ "name": name, "label": web.renderer.cadence_label(shown, name) })
            });
            json!({
                "name": newsletter.name, "title": newsletter.title, "description": newsletter.description,
                "language": newsletter.language, "cadences": cadences.collect::<Vec<_>>(),
                "topics": newsletter.topics.iter().map(|topic| &topic.name).collect::<Vec<_>>(),
                "asks_for_timezone": !zones(newsletter).is_empty(), "advertising": newsletter.commercial.is_some(),
                // To be shown beside the form: it is what a reader agrees to.
                "words": web.renderer.sign_up_words(shown, newsletter, newsletter, &config.mail.from_name),
            })
        })
        .collect();
    let min_age = config.sign_up.form_min_age.as_millis();
    let languages = web.renderer.languages(config.site.language).into_iter();
    let offered = json!({
        "token": web.subscriptions.form_token(), "token_holds_from_ms": min_age, "newsletters": newsletters,
        "languages": languages.map(|choice| choice.tag).collect::<Vec<_>>(),
    });
    reply(&web, &headers, StatusCode::OK, &offered)
}

/// A request.
pub(super) async fn request(
    State(web): State<Web>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let config = web.config.load_full();
    let usual = config.site.language;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // Another type needs no leave of ours from a browser on any site.
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return refuse(&web, &headers, StatusCode::UNSUPPORTED_MEDIA_TYPE, usual, "error_media_type", json!({}));
    }
    let sent: Sent = match serde_json::from_slice(&body) {
        Ok(sent) => sent,
        Err(why) => {
            let detail = json!({ "detail": why.to_string() });
            return refuse(&web, &headers, StatusCode::BAD_REQUEST, usual, "error_json", detail);
        }
    };
    let form = understood(sent, &config);
    let shown = super::sign_up::language(&web, &config, &form);
    let came = web.subscriptions.read_form(&form.token, "", None).map(|_| Origin::Json);
    let fresh = || json!({ "token": web.subscriptions.form_token() });
    let again = StatusCode::UNPROCESSABLE_ENTITY;
    match take(&web, &form, came, peer).await {
        Outcome::Taken => {
            let message = web.renderer.text(shown, "check_text");
            reply(&web, &headers, StatusCode::OK, &json!({ "status": "check_mail", "message": message }))
        }
        Outcome::TooMany => {
            let mut response =
                refuse(&web, &headers, StatusCode::TOO_MANY_REQUESTS, shown, "error_too_many", json!({}));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3600"));
            response
        }
        Outcome::Again(Again::NotOurs) => refuse(&web, &headers, again, shown, "error_form", fresh()),
        Outcome::Again(Again::Age) => refuse(&web, &headers, again, shown, "error_age", fresh()),
        Outcome::Refused(Refusal::NoNewsletter) => {
            refuse(&web, &headers, StatusCode::NOT_FOUND, shown, "error_not_found", json!({}))
        }
        Outcome::Refused(Refusal::Typo(meant)) => {
            let message = web.renderer.filled(shown, "subscribe_meant", &[("email", meant.as_str())]);
            let said = json!({ "error": "subscribe_meant", "message": message, "suggestion": meant });
            reply(&web, &headers, again, &said)
        }
        Outcome::Refused(refusal) => refuse(&web, &headers, again, shown, problem(&refusal), json!({})),
        Outcome::Failed(failure) => {
            let (status, cause) = match failure {
                Failure::Busy(cause) => (StatusCode::SERVICE_UNAVAILABLE, cause),
                Failure::Broken(cause) => (StatusCode::INTERNAL_SERVER_ERROR, cause),
                Failure::NotFound => (StatusCode::NOT_FOUND, String::new()),
            };
            tracing::warn!(cause, "a request was turned away");
            let mut response = refuse(&web, &headers, status, shown, "error_busy", json!({}));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("120"));
            response
        }
    }
}

/// A browser asks whether a page of another site may send JSON.
pub(super) async fn preflight(State(web): State<Web>, headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    allow(&web, &headers, &mut response);
    if response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let out = response.headers_mut();
        out.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
        out.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    }
    response
}

fn understood(sent: Sent, config: &crate::config::Config) -> SignUp {
    let short = |text: String| text.chars().take(300).collect::<String>();
    let email = short(sent.email).trim().to_owned();
    let mut newsletters = or_the_only_one(sent.newsletters, config);
    newsletters.truncate(100);
    SignUp {
        as_typed: if sent.as_typed { email.clone() } else { String::new() },
        email,
        newsletters,
        cadence: sent.cadence,
        topics: sent.topics.into_iter().take(100).collect(),
        timezone: sent.timezone,
        shown: sent.language.clone(),
        language: sent.language,
        token: sent.token,
        agreed: sent.agreed,
        website: sent.website,
        ..SignUp::default()
    }
}

fn refuse(
    web: &Web,
    headers: &HeaderMap,
    status: StatusCode,
    language: Language,
    key: &'static str,
    mut more: Value,
) -> Response {
    if let Some(said) = more.as_object_mut() {
        said.insert("error".to_owned(), key.into());
        said.insert("message".to_owned(), web.renderer.text(language, key).into());
    }
    reply(web, headers, status, &more)
}

fn reply(web: &Web, headers: &HeaderMap, status: StatusCode, said: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    let mut response = (status, kind, said.to_string()).into_response();
    allow(web, headers, &mut response);
    response
}

/// Lets pages of the sites that forms may lead back to read the answer.
fn allow(web: &Web, headers: &HeaderMap, response: &mut Response) {
    let out = response.headers_mut();
    out.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = headers.get(header::ORIGIN)
        && origin.to_str().is_ok_and(|origin| web.config.load().sign_up.allows_origin(origin))
    {
        out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}
