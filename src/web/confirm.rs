//! The link in a confirmation mail. GET shows, POST acts (P17).

use super::{Peer, Web};
use crate::domain::language::Language;
use crate::flow::subscribe::Confirmation;
use crate::render::{ConfirmPageContext, NewsletterChoice, NoticeContext};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

pub(super) async fn look(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.look_at_confirmation(&token).await {
        Ok(confirmation) => show(&web, confirmation, &token, None),
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn act(
    State(web): State<Web>,
    Path(token): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    body: Bytes,
) -> Response {
    let fields = url::form_urlencoded::parse(&body).filter(|(name, _)| name == "newsletter").take(100);
    let chosen: Vec<String> = fields.map(|(_, name)| name.into_owned()).collect();
    match web.subscriptions.confirm(&token, &chosen, peer).await {
        // Still open: nothing of it was ticked.
        Ok(confirmation) => show(&web, confirmation, &token, Some("confirm_none")),
        Err(error) => web.failure(error.into()),
    }
}

/// `problem` is the key of a text that says why what is open stays so.
fn show(web: &Web, confirmation: Confirmation, token: &str, problem: Option<&'static str>) -> Response {
    let config = web.config.load_full();
    let site = config.site.language;
    match confirmation {
        Confirmation::Open { language, of } => {
            let titles: Vec<&str> = of.iter().map(|(_, title)| title.as_str()).collect();
            let newsletters = of.iter().map(|(name, title)| NewsletterChoice {
                name: name.to_string(),
                title: title.clone(),
                language: config.newsletter(name.as_str()).map_or(site, |newsletter| newsletter.language),
                chosen: problem.is_none(),
            });
            let context = ConfirmPageContext {
                frame: web.frame(language),
                title: titles.join(", "),
                newsletters: newsletters.collect(),
                action: config.path(&format!("/confirm/{token}")),
                problem,
            };
            let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            match web.renderer.page_confirm(&context) {
                Ok(page) => (status, Html(page)).into_response(),
                Err(error) => web.failure(error.into()),
            }
        }
        Confirmation::Done { language, titles } => {
            notice(web, StatusCode::OK, language, titles.join(", "), ("confirmed_heading", "confirmed_text"), None)
        }
        Confirmation::Over(newsletter) => {
            let link = match newsletter.filter(|name| config.mailed_newsletter(name.as_str()).is_some()) {
                Some(name) => config.path(&format!("/subscribe/{name}")),
                None => config.path("/subscribe"),
            };
            let words = ("confirm_expired_heading", "confirm_expired_text");
            notice(web, StatusCode::GONE, site, String::new(), words, Some(link))
        }
        Confirmation::Forged => web.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link"),
    }
}

fn notice(
    web: &Web,
    status: StatusCode,
    language: Language,
    title: String,
    (heading, text): (&'static str, &'static str),
    link: Option<String>,
) -> Response {
    let button = if link.is_some() { "subscribe_again" } else { "" };
    let frame = web.frame(language);
    let notice = NoticeContext { frame, title, heading, text, button, agreement: None, action: None, link };
    web.notice(status, &notice)
}
