//! Signing up by a form, on a page of ours or of another site's. GET shows, POST
//! acts (P17). What is answered depends on the request alone (S8).

use super::choices::{cadences, topics, zones};
use super::{Failure, Peer, Web, policy};
use crate::config::Config;
use crate::domain::consent::Origin;
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::domain::url::HttpUrl;
use crate::flow::subscribe::{Again, Asked, Refusal};
use crate::render::{NewsletterChoice, NoticeContext, OtherPage, SubscribeContext};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::net::IpAddr;

/// More newsletters or topics than a site has are no reader's choice.
const MOST_CHOICES: usize = 100;

/// What the form sends.
#[derive(Debug, Clone, Default)]
pub(super) struct SignUp {
    pub(super) email: String,
    /// Asked for; the first is the form's own.
    pub(super) newsletters: Vec<String>,
    pub(super) cadence: String,
    pub(super) topics: Vec<String>,
    pub(super) timezone: String,
    /// Of the letters to the reader.
    pub(super) language: String,
    /// Of the form itself.
    pub(super) shown: String,
    pub(super) token: String,
    /// The page of another site that it leads back to.
    pub(super) return_to: String,
    /// The address that the reader insists on.
    pub(super) as_typed: String,
    /// The one that we suggested, when the reader took it,
    pub(super) instead: String,
    /// and for which.
    pub(super) meant_for: String,
    pub(super) agreed: bool,
    /// Filled in by machines only.
    pub(super) website: String,
}

/// What became of a request, for whoever tells it in HTML or in JSON.
pub(super) enum Outcome {
    /// A letter is on its way, or seems to be.
    Taken,
    /// Too many came.
    TooMany,
    /// It is to be sent once more.
    Again(Again),
    /// Something is wrong with it.
    Refused(Refusal),
    /// Nothing could be done now.
    Failed(Failure),
}

pub(super) async fn form_of_first(State(web): State<Web>) -> Response {
    let config = web.config.load_full();
    match config.mailed().next() {
        Some(newsletter) => Redirect::to(&config.path(&format!("/subscribe/{}", newsletter.name))).into_response(),
        None => web.failure(Failure::NotFound),
    }
}

pub(super) async fn form(State(web): State<Web>, Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let shown = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "lang");
    let shown = shown.map(|(_, tag)| tag.into_owned()).unwrap_or_default();
    let form = SignUp { newsletters: vec![name], shown, ..SignUp::default() };
    show(&web, &form, StatusCode::OK, None, None)
}

/// The form of one newsletter's page.
pub(super) async fn request(
    State(web): State<Web>,
    Path(name): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut form = read(&body);
    form.newsletters.retain(|other| *other != name);
    form.newsletters.insert(0, name);
    answer(&web, form, peer, &headers).await
}

/// A form on another site.
pub(super) async fn request_any(
    State(web): State<Web>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&web, read(&body), peer, &headers).await
}

async fn answer(web: &Web, mut form: SignUp, peer: IpAddr, headers: &HeaderMap) -> Response {
    let config = web.config.load_full();
    form.newsletters = or_the_only_one(form.newsletters, &config);
    // Whoever took our suggestion, and has not written another address since.
    if !form.instead.is_empty() && form.email == form.meant_for {
        form.email.clone_from(&form.instead);
    }
    let back = config.sign_up.return_to(&form.return_to);
    if back.is_none() {
        form.return_to.clear();
    }
    let site = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let came = web.subscriptions.read_form(&form.token, &form.return_to, site);
    let retry = StatusCode::UNPROCESSABLE_ENTITY;
    match take(web, &form, came, peer).await {
        Outcome::Taken => match back {
            Some(page) => Redirect::to(page.as_str()).into_response(),
            // The one answer to every request that is taken (S8).
            None => notice(web, StatusCode::OK, language(web, &config, &form), ["check_heading", "check_text"]),
        },
        Outcome::TooMany => web.too_many(),
        // That is how a form on another site goes on.
        Outcome::Again(Again::NotOurs) => show(web, &form, StatusCode::OK, Some("subscribe_once_more"), None),
        Outcome::Again(Again::Age) => show(web, &form, retry, Some("error_age"), None),
        Outcome::Refused(Refusal::NoNewsletter) => web.failure(Failure::NotFound),
        Outcome::Refused(refusal @ Refusal::NothingChosen) => {
            let shown = language(web, &config, &form);
            notice(web, retry, shown, ["error_heading", problem(&refusal)])
        }
        Outcome::Refused(Refusal::Typo(meant)) => show(web, &form, retry, None, Some(meant.to_string())),
        Outcome::Refused(refusal) => show(web, &form, retry, Some(problem(&refusal)), None),
        Outcome::Failed(failure) => web.failure(failure),
    }
}

/// Does what a form asks for. Every way in leads through here, and through its limits (S5).
pub(super) async fn take(web: &Web, form: &SignUp, came: Result<Origin, Again>, peer: IpAddr) -> Outcome {
    let config = web.config.load_full();
    if form.newsletters.is_empty() {
        return Outcome::Refused(Refusal::NothingChosen);
    }
    if form.newsletters.iter().any(|name| config.mailed_newsletter(name).is_none()) {
        return Outcome::Refused(Refusal::NoNewsletter);
    }
    // Nothing is done for it, so that it need not be counted.
    let origin = match came {
        Ok(origin) => origin,
        Err(again) => return Outcome::Again(again),
    };
    if !web.limits.admit(peer) {
        return Outcome::TooMany;
    }
    // A machine is told what a reader is told, as late, and nothing happens.
    if !form.website.is_empty() {
        web.subscriptions.pretend().await;
        return Outcome::Taken;
    }
    let asked = Asked {
        newsletters: &form.newsletters,
        email: &form.email,
        as_typed: form.email == form.as_typed,
        cadence: &form.cadence,
        topics: &form.topics,
        language: &form.language,
        timezone: &form.timezone,
        agreed: form.agreed,
        shown: language(web, &config, form),
        origin,
        address: peer,
    };
    match web.subscriptions.request(asked).await {
        Ok(Ok(())) => Outcome::Taken,
        Ok(Err(refusal)) => Outcome::Refused(refusal),
        Err(error) => Outcome::Failed(error.into()),
    }
}

/// The key of the text that says what is wrong.
pub(super) fn problem(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoNewsletter => "error_not_found",
        Refusal::NothingChosen => "error_newsletter",
        Refusal::Email => "error_email",
        Refusal::Typo(_) => "subscribe_meant",
        Refusal::Blocked => "error_blocked",
        Refusal::NoMail => "error_no_mail",
        Refusal::Cadence => "error_cadence",
        Refusal::Choice => "error_form",
        Refusal::Pause => "error_pause",
        Refusal::Agreement => "error_agree",
    }
}

/// The newsletters that are named; without any, the one of the site that is mailed.
pub(super) fn or_the_only_one(mut named: Vec<String>, config: &Config) -> Vec<String> {
    let mut mailed = config.mailed();
    if let ([], Some(only), None) = (named.as_slice(), mailed.next(), mailed.next()) {
        named.push(only.name.to_string());
    }
    named
}

/// In which language a form speaks: its own, or its newsletter's.
pub(super) fn language(web: &Web, config: &Config, form: &SignUp) -> Language {
    let newsletter = form.newsletters.first().and_then(|name| config.newsletter(name));
    let usual = newsletter.map_or(config.site.language, |newsletter| newsletter.language);
    web.renderer.spoken(&form.shown).unwrap_or(usual)
}

fn read(body: &[u8]) -> SignUp {
    let mut form = SignUp::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        let value: String = value.chars().take(300).collect();
        let field = match name.as_ref() {
            "newsletter" if form.newsletters.len() < MOST_CHOICES => {
                form.newsletters.push(value);
                continue;
            }
            "topic" if form.topics.len() < MOST_CHOICES => {
                form.topics.push(value);
                continue;
            }
            "agreed" => {
                form.agreed = value == "yes";
                continue;
            }
            "email" => &mut form.email,
            "cadence" => &mut form.cadence,
            "timezone" => &mut form.timezone,
            "language" => &mut form.language,
            "shown" => &mut form.shown,
            "token" => &mut form.token,
            "return_to" => &mut form.return_to,
            "as_typed" => &mut form.as_typed,
            "instead" => &mut form.instead,
            "meant_for" => &mut form.meant_for,
            "website" => &mut form.website,
            _ => continue,
        };
        *field = value;
    }
    form.email = form.email.trim().to_owned();
    form
}

fn show(
    web: &Web,
    form: &SignUp,
    status: StatusCode,
    problem: Option<&'static str>,
    meant: Option<String>,
) -> Response {
    let config = web.config.load_full();
    let newsletter = form.newsletters.first().and_then(|name| config.mailed_newsletter(name));
    let Some(newsletter) = newsletter else { return web.failure(Failure::NotFound) };
    let shown = language(web, &config, form);
    let elsewhere = web.renderer.languages(shown).into_iter().filter(|other| !other.chosen);
    let asked = asked(&config, form);
    let context = SubscribeContext {
        frame: web.frame(shown),
        name: newsletter.name.to_string(),
        title: newsletter.title.clone(),
        description: newsletter.description.clone(),
        elsewhere: elsewhere.map(|other| OtherPage { tag: other.tag, name: other.name }).collect(),
        cadences: cadences(web, newsletter, shown),
        chosen: form.cadence.clone(),
        topics: topics(newsletter, &form.topics),
        zones: zones(newsletter),
        zone: form.timezone.clone(),
        others: others(&config, newsletter, form),
        languages: web.renderer.languages(web.renderer.spoken(&form.language).unwrap_or(shown)),
        email: form.email.clone(),
        meant,
        advertiser: asked
            .iter()
            .any(|newsletter| newsletter.commercial.is_some())
            .then(|| config.mail.from_name.clone()),
        must_agree: newsletter.commercial.is_some(),
        agreed: form.agreed,
        privacy: config.sign_up.privacy.as_ref().map(HttpUrl::to_string),
        token: web.subscriptions.form_token(),
        return_to: form.return_to.clone(),
        problem,
    };
    let page = match web.renderer.page_subscribe(&context) {
        Ok(page) => page,
        Err(error) => return web.failure(error.into()),
    };
    let mut response = (status, Html(page)).into_response();
    // Browsers hold the form to this when it is answered by a redirect, too.
    let origin = config.sign_up.return_to(&form.return_to).map(|page| page.as_url().origin().ascii_serialization());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy(true, origin.as_deref()));
    response
}

/// The newsletters that a form names.
fn asked<'c>(config: &'c Config, form: &SignUp) -> Vec<&'c Newsletter> {
    form.newsletters.iter().filter_map(|name| config.newsletter(name)).collect()
}

/// The site's other newsletters that are mailed. One that is advertising has a
/// form of its own, which says so; what a form on another site asked for stays asked for.
fn others(config: &Config, newsletter: &Newsletter, form: &SignUp) -> Vec<NewsletterChoice> {
    let is_chosen = |other: &Newsletter| form.newsletters.iter().any(|name| *name == other.name.as_str());
    let offered = config.mailed().filter(|other| {
        let same_kind = other.commercial.is_some() == newsletter.commercial.is_some();
        other.name != newsletter.name && (same_kind || is_chosen(other))
    });
    offered
        .map(|other| NewsletterChoice {
            name: other.name.to_string(),
            title: other.title.clone(),
            language: other.language,
            chosen: is_chosen(other),
        })
        .collect()
}

fn notice(web: &Web, status: StatusCode, language: Language, [heading, text]: [&'static str; 2]) -> Response {
    let notice = NoticeContext {
        frame: web.frame(language),
        title: String::new(),
        heading,
        text,
        button: "",
        agreement: None,
        action: None,
        link: None,
    };
    web.notice(status, &notice)
}
