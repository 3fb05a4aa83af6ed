//! The way out, by the links in each mail, and the way back. GET shows, POST acts (P17).
//!
//! The page behind the link acts at the reader's first sign of life by a script of
//! ours (`leave.js`), and has one big button for everyone else; whatever may be said or
//! chosen besides comes after the reader has left.

use super::{Peer, Web, policy};
use crate::domain::token::Purpose;
use crate::flow::subscribe::{Door, Goodbye, Left, Reason, WayBack};
use crate::render::{LeaveContext, LeftContext, LessOften, NoticeContext, RenderError};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

pub(super) async fn look(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.look_at_goodbye(&token).await {
        Ok(Some(from)) if from.ended => left(&web, &token, &Left { from, undo: None, less_often: None }, false),
        Ok(Some(from)) => {
            let context = LeaveContext {
                frame: web.frame(from.language),
                title: from.title,
                action: web.config.load().path(&format!("/u/{token}")),
            };
            let mut page = page(&web, web.renderer.page_leave(&context));
            page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy(true, None));
            page
        }
        Ok(None) => web.unknown_link(Purpose::Unsubscribe, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

/// The page's own button and a mail program's one click (RFC 8058 section 3.2):
/// no cookie, no redirect, no second question.
pub(super) async fn leave(
    State(web): State<Web>,
    Path(token): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    body: Bytes,
) -> Response {
    let one_click = body.windows(b"List-Unsubscribe".len()).any(|window| window == b"List-Unsubscribe");
    match web.subscriptions.leave(&token, if one_click { Door::OneClick } else { Door::Page }, Some(peer)).await {
        Ok(Some(done)) => left(&web, &token, &done, true),
        Ok(None) => web.unknown_link(Purpose::Unsubscribe, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

/// Why a reader left, if they like to say.
pub(super) async fn say_why(State(web): State<Web>, Path(token): Path<String>, body: Bytes) -> Response {
    let (mut reason, mut words) = (None, String::new());
    for (key, value) in url::form_urlencoded::parse(&body) {
        match key.as_ref() {
            "why" => reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == value),
            "words" => words = value.into_owned(),
            _ => {}
        }
    }
    let reason = reason.unwrap_or(Reason::Other);
    match web.subscriptions.say_why(&token, reason, &words).await {
        Ok(Some(from)) => notice(&web, &from, StatusCode::OK, ["why_kept_heading", "why_kept_text", ""], None),
        Ok(None) => web.unknown_link(Purpose::Unsubscribe, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn look_back(State(web): State<Web>, Path(token): Path<String>) -> Response {
    let way = web.subscriptions.look_at_way_back(&token).await;
    answer(&web, &token, way)
}

pub(super) async fn come_back(
    State(web): State<Web>,
    Path(token): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    body: Bytes,
) -> Response {
    let cadence = url::form_urlencoded::parse(&body).find(|(key, _)| key == "cadence").map(|(_, value)| value);
    let way = web.subscriptions.come_back(&token, cadence.as_deref(), peer).await;
    answer(&web, &token, way)
}

fn answer(web: &Web, token: &str, way: Result<Option<WayBack>, crate::store::StoreError>) -> Response {
    match way {
        Ok(Some(WayBack::Open(to))) => {
            let texts = ["back_heading", "back_text", "back_button"];
            notice(web, &to, StatusCode::OK, texts, Some(format!("/back/{token}")))
        }
        Ok(Some(WayBack::Done(to))) => {
            notice(web, &to, StatusCode::OK, ["back_done_heading", "back_done_text", ""], None)
        }
        Ok(Some(WayBack::Over(to))) => {
            let texts = ["confirm_expired_heading", "back_over_text", "subscribe_again"];
            notice(web, &to, StatusCode::GONE, texts, None)
        }
        Ok(None) => unknown(web),
        Err(error) => web.failure(error.into()),
    }
}

fn unknown(web: &Web) -> Response {
    web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link")
}

/// A notice in the reader's language: heading, text and button, and where that posts
/// to. A button that posts nowhere leads to the form.
fn notice(
    web: &Web,
    to: &Goodbye,
    status: StatusCode,
    [heading, text, button]: [&'static str; 3],
    action: Option<String>,
) -> Response {
    let config = web.config.load_full();
    let form = to.newsletter.as_ref().filter(|_| !button.is_empty());
    let notice = NoticeContext {
        frame: web.frame(to.language),
        title: to.title.clone(),
        heading,
        text,
        button,
        agreement: to.agreement.clone().filter(|_| action.is_some()),
        action: action.map(|path| config.path(&path)),
        link: form.map(|name| config.path(&format!("/subscribe/{name}"))),
    };
    web.notice(status, &notice)
}

/// The page of one who has left. Right after that it offers the way back and what
/// comes less often, once, and asks why.
fn left(web: &Web, token: &str, Left { from, undo, less_often }: &Left, just_now: bool) -> Response {
    let config = web.config.load_full();
    let less_often = less_often.as_ref().map(|cadence| LessOften {
        cadence: cadence.to_string(),
        label: web.renderer.cadence_label(from.language, cadence.as_str()),
    });
    let context = LeftContext {
        frame: web.frame(from.language),
        title: from.title.clone(),
        undo: undo.as_ref().map(|token| config.path(&format!("/back/{token}"))),
        agreement: from.agreement.clone(),
        less_often,
        why: just_now.then(|| config.path(&format!("/u/{token}/why"))),
        reasons: Reason::ALL.iter().map(|reason| reason.as_str()).collect(),
        again: from.newsletter.as_ref().map(|name| config.path(&format!("/subscribe/{name}"))),
    };
    page(web, web.renderer.page_left(&context))
}

fn page(web: &Web, page: Result<String, RenderError>) -> Response {
    match page {
        Ok(page) => Html(page).into_response(),
        Err(error) => web.failure(error.into()),
    }
}
