//! A reader's own data: asked for by the link to their choices, shown by a link that
//! comes to their mailbox. GET shows, POST acts (P17).

use super::{Peer, Web, preferences};
use crate::domain::language::Language;
use crate::domain::token::Purpose;
use crate::flow::subscribe::{AskedByLink, NewAddress};
use crate::render::{DataContext, NoticeContext};
use crate::store::StoreError;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

pub(super) async fn ask_for_address(
    State(web): State<Web>,
    Path(token): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    body: Bytes,
) -> Response {
    if !web.limits.admit(peer) {
        return web.too_many();
    }
    let email = url::form_urlencoded::parse(&body).find(|(key, _)| key == "email").map(|(_, value)| value);
    match web.subscriptions.ask_for_address(&token, &email.unwrap_or_default()).await {
        Ok(AskedByLink::Taken(language)) => sent(&web, language),
        Ok(AskedByLink::Email) => preferences::refuse(&web, &token, "error_email").await,
        Ok(AskedByLink::Unknown) => web.unknown_link(Purpose::Preferences, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn look_at_address(State(web): State<Web>, Path(token): Path<String>) -> Response {
    let found = web.subscriptions.look_at_new_address(&token).await;
    address(&web, &token, found)
}

pub(super) async fn take_address(
    State(web): State<Web>,
    Path(token): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
) -> Response {
    let found = web.subscriptions.take_new_address(&token, peer).await;
    address(&web, &token, found)
}

pub(super) async fn ask_for_data(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.ask_for_data(&token).await {
        Ok(AskedByLink::Taken(language)) => sent(&web, language),
        Ok(_) => web.unknown_link(Purpose::Preferences, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn data(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.data(&token).await {
        Ok(Some((language, data))) => {
            let context = DataContext {
                frame: web.frame(language),
                data: format!("{data:#}"),
                file: web.config.load().path(&format!("/data/{token}/data.json")),
            };
            match web.renderer.page_data(&context) {
                Ok(page) => Html(page).into_response(),
                Err(error) => web.failure(error.into()),
            }
        }
        Ok(None) => unknown(&web),
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn data_file(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.data(&token).await {
        Ok(Some((_, data))) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"data.json\""),
            ];
            (headers, format!("{data:#}\n")).into_response()
        }
        Ok(None) => unknown(&web),
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn look_at_erasing(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.look_at_preferences(&token).await {
        Ok(Some(found)) => {
            let action = Some(format!("/p/{token}/erase"));
            notice(&web, StatusCode::OK, found.of.language, ["erase_heading", "erase_text", "erase_button"], action)
        }
        Ok(None) => web.unknown_link(Purpose::Preferences, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn erase(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.erase(&token).await {
        Ok(Some(language)) => notice(&web, StatusCode::OK, language, ["erased_heading", "erased_text", ""], None),
        Ok(None) => web.unknown_link(Purpose::Preferences, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

fn address(web: &Web, token: &str, found: Result<NewAddress, StoreError>) -> Response {
    let (status, language, texts, action) = match found {
        Ok(NewAddress::Open(language)) => {
            let texts = ["address_heading", "address_text", "address_button"];
            (StatusCode::OK, language, texts, Some(format!("/address/{token}")))
        }
        Ok(NewAddress::Done(language)) => {
            (StatusCode::OK, language, ["address_done_heading", "address_done_text", ""], None)
        }
        Ok(NewAddress::Taken(language)) => {
            (StatusCode::CONFLICT, language, ["error_heading", "address_taken_text", ""], None)
        }
        Ok(NewAddress::Over(language)) => {
            (StatusCode::GONE, language, ["confirm_expired_heading", "address_over_text", ""], None)
        }
        Ok(NewAddress::Forged) => return unknown(web),
        Err(error) => return web.failure(error.into()),
    };
    notice(web, status, language, texts, action)
}

fn sent(web: &Web, language: Language) -> Response {
    notice(web, StatusCode::OK, language, ["sent_heading", "sent_text", ""], None)
}

fn unknown(web: &Web) -> Response {
    web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link")
}

/// A notice in the reader's language: heading, text and button, and where that posts to.
fn notice(
    web: &Web,
    status: StatusCode,
    language: Language,
    [heading, text, button]: [&'static str; 3],
    action: Option<String>,
) -> Response {
    let notice = NoticeContext {
        frame: web.frame(language),
        title: String::new(),
        heading,
        text,
        button,
        agreement: None,
        action: action.map(|path| web.config.load().path(&path)),
        link: None,
    };
    web.notice(status, &notice)
}
