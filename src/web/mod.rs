//! What the world sees: feeds, the archive, the form, the links in mails.
//!
//! Invariants: GET and HEAD change nothing (P17; the one exception is a hub's,
//! see `websub`); every answer, errors included, carries the security headers,
//! or leaves in force those that came before (304); a client that hangs up never
//! cancels database work, since each request runs in a task of its own.

mod choices;
mod confirm;
mod documents;
mod goodbye;
mod hooks;
mod icons;
mod limits;
mod own;
mod preferences;
mod search;
mod server;
mod sign_up;
mod sign_up_json;
mod socket;
mod threads;
mod websub;

pub use server::serve;

use crate::clock::Clock;
use crate::config::Live;
use crate::domain::token::Purpose;
use crate::flow::bounce::{Bounces, HOOKS};
use crate::flow::publish::{Publisher, PublisherError};
use crate::flow::subscribe::Subscriptions;
use crate::flow::websub::{CALLBACK, Hubs};
use crate::lifecycle::Tasks;
use crate::render::{Frame, NoticeContext, RenderError, Renderer};
use crate::store::StoreError;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use limits::FormLimits;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The largest body of a request.
const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// What handlers work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Web {
    /// The configuration in force.
    pub config: Live,
    /// Feeds.
    pub publisher: Arc<Publisher>,
    /// Readers.
    pub subscriptions: Arc<Subscriptions>,
    /// Hubs that call back.
    pub hubs: Arc<Hubs>,
    /// Relays that report.
    pub bounces: Bounces,
    /// Pages.
    pub renderer: Arc<Renderer>,
    /// Where requests run.
    pub tasks: Tasks,
    clock: Clock,
    limits: Arc<FormLimits>,
}

/// Who asks, as far as is known: set by the accept loop.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

/// What a page could not be made for.
#[derive(Debug)]
enum Failure {
    /// There is nothing at this address.
    NotFound,
    /// The database cannot take or give anything now.
    Busy(String),
    /// A fault of this program.
    Broken(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full | StoreError::Unavailable(_) => Self::Busy(error.to_string()),
            StoreError::Corrupt(_) | StoreError::Refused(_) => Self::Broken(error.to_string()),
        }
    }
}

impl From<PublisherError> for Failure {
    fn from(error: PublisherError) -> Self {
        match error {
            PublisherError::Store(error) => error.into(),
            PublisherError::Write(_) | PublisherError::Render(_) | PublisherError::Compress(_) => {
                Self::Broken(error.to_string())
            }
        }
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl Web {
    /// The web side of a daemon.
    #[must_use]
    pub fn new(
        config: Live,
        publisher: Arc<Publisher>,
        subscriptions: Arc<Subscriptions>,
        (hubs, bounces): (Arc<Hubs>, Bounces),
        renderer: Arc<Renderer>,
        tasks: Tasks,
        clock: Clock,
    ) -> Self {
        let limits = Arc::new(FormLimits::new(clock.clone()));
        Self { config, publisher, subscriptions, hubs, bounces, renderer, tasks, clock, limits }
    }

    /// Everything that is served.
    pub fn router(self) -> Router {
        let routes = routes().into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route));
        routes
            .fallback(documents::serve)
            .method_not_allowed_fallback(|State(web): State<Self>| async move {
                web.notice_page(StatusCode::METHOD_NOT_ALLOWED, "", "error_heading", "error_method")
            })
            .layer(from_fn_with_state(self.clone(), guard))
            .with_state(self)
    }

    /// The largest body that is taken at `path`. A hub that we asked may push a
    /// whole document, a relay that we named reports many events at once.
    fn most_of(&self, path: &str) -> usize {
        let hook = path.strip_prefix(HOOKS).and_then(|rest| rest.split_once('/'));
        if hook.is_some_and(|(relay, token)| self.bounces.is_hook(relay, token)) {
            hooks::MOST
        } else if path.strip_prefix(CALLBACK).is_some_and(|token| self.hubs.is_callback(token)) {
            usize::try_from(self.config.load().fetch.max_bytes).unwrap_or(usize::MAX)
        } else {
            MAX_BODY
        }
    }

    fn frame(&self, language: crate::domain::language::Language) -> Frame {
        let config = self.config.load();
        Frame { language, site: config.site.title.clone(), base: config.path("") }
    }

    /// An answer for what went wrong; the cause goes to the log only.
    fn failure(&self, failure: Failure) -> Response {
        match failure {
            Failure::NotFound => self.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_not_found"),
            Failure::Busy(cause) => {
                tracing::warn!(cause, "a request was turned away");
                let mut response = self.notice_page(StatusCode::SERVICE_UNAVAILABLE, "", "error_heading", "error_busy");
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("120"));
                response
            }
            Failure::Broken(cause) => {
                tracing::error!(cause, "a request failed");
                self.notice_page(StatusCode::INTERNAL_SERVER_ERROR, "", "error_heading", "error_busy")
            }
        }
    }

    /// The answer to somebody who sends forms too often.
    fn too_many(&self) -> Response {
        let mut response = self.notice_page(StatusCode::TOO_MANY_REQUESTS, "", "error_heading", "error_too_many");
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3600"));
        response
    }

    /// A page with a heading and a sentence, in the site's language.
    fn notice_page(&self, status: StatusCode, title: &str, heading: &'static str, text: &'static str) -> Response {
        let notice = NoticeContext {
            frame: self.frame(self.config.load().site.language),
            title: title.to_owned(),
            heading,
            text,
            button: "",
            agreement: None,
            action: None,
            link: None,
        };
        self.notice(status, &notice)
    }

    /// The answer to a link for `purpose` that opens nothing: it is none of ours, or what
    /// it was of is stored no more.
    async fn unknown_link(&self, purpose: Purpose, token: &str) -> Response {
        match self.subscriptions.is_gone(purpose, token).await {
            // Who wants out is out: that is what their mail program is told, too.
            Ok(true) => {
                let status = if purpose == Purpose::Unsubscribe { StatusCode::OK } else { StatusCode::GONE };
                self.notice_page(status, "", "gone_heading", "gone_text")
            }
            Ok(false) => self.notice_page(StatusCode::NOT_FOUND, "", "error_heading", "error_link"),
            Err(error) => self.failure(error.into()),
        }
    }

    fn notice(&self, status: StatusCode, notice: &NoticeContext) -> Response {
        match self.renderer.page_notice(notice) {
            Ok(page) => (status, Html(page)).into_response(),
            Err(error) => {
                tracing::error!(%error, "a page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong.\n").into_response()
            }
        }
    }
}

/// Every route: its address, and what is done there.
fn routes() -> Vec<(&'static str, MethodRouter<Web>)> {
    let documents = documents::PATHS.map(|path| (path, get(documents::serve)));
    let others = vec![
        ("/search", get(search::search)),
        ("/subscribe", get(sign_up::form_of_first).post(sign_up::request_any)),
        ("/subscribe/{newsletter}", get(sign_up::form).post(sign_up::request)),
        ("/subscribe.json", get(sign_up_json::offer).post(sign_up_json::request).options(sign_up_json::preflight)),
        ("/confirm/{token}", get(confirm::look).post(confirm::act)),
        ("/u/{token}", get(goodbye::look).post(goodbye::leave)),
        ("/u/{token}/why", post(goodbye::say_why)),
        ("/back/{token}", get(goodbye::look_back).post(goodbye::come_back)),
        ("/p/{token}", get(preferences::look).post(preferences::choose)),
        ("/p/{token}/address", post(own::ask_for_address)),
        ("/p/{token}/data", post(own::ask_for_data)),
        ("/p/{token}/erase", get(own::look_at_erasing).post(own::erase)),
        ("/address/{token}", get(own::look_at_address).post(own::take_address)),
        ("/data/{token}", get(own::data)),
        ("/data/{token}/data.json", get(own::data_file)),
        ("/websub/{token}", get(websub::answer).post(websub::take).layer(DefaultBodyLimit::disable())),
        ("/hooks/{relay}/{token}", post(hooks::take).layer(DefaultBodyLimit::disable())),
        ("/icon.png", get(icons::png)),
        ("/favicon.ico", get(icons::ico)),
        ("/healthz", get(async || "ok\n")),
    ];
    documents.into_iter().chain(others).collect()
}

/// The address of every route, as the router has it: so that a test can walk them all (P17).
#[must_use]
pub fn paths() -> Vec<&'static str> {
    routes().into_iter().map(|(path, _)| path).collect()
}

/// Around every request: its body arrives whole and in time, its handler runs
/// in a task that outlives the client, its answer carries the headers.
async fn guard(State(web): State<Web>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path();
    let personal = ["/confirm/", "/u/", "/back/", "/p/", "/address/", "/data/", CALLBACK, HOOKS]
        .iter()
        .any(|page| path.starts_with(page));
    let most = web.most_of(path);
    let mut response = match whole(request, most).await {
        Ok(request) => match web.tasks.shielded(next.run(request)).await {
            Some(response) => response,
            None => web.failure(Failure::Broken("the handler panicked".to_owned())),
        },
        Err(status) => web.notice_page(status, "", "error_heading", "error_form"),
    };
    dress(&mut response, personal, changes);
    response
}

/// The headers that every answer carries; `personal` is one that is for one reader only. Who is told that nothing
/// has changed keeps those that came with it (RFC 9111 section 3.2).
fn dress(response: &mut Response, personal: bool, changes: bool) {
    if response.status() == StatusCode::NOT_MODIFIED {
        return;
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Few pages have one of their own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| USUAL_POLICY.clone());
    if personal || changes || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if personal {
        headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
    }
}

/// What search engines may do with an answer.
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// On every answer, besides its policy.
const SECURITY: [(HeaderName, &str); 2] =
    [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::REFERRER_POLICY, "no-referrer")];

/// What a page may load and where its forms may lead: styles and pictures of the site
/// itself, a script of its own where it has one, and `form_to` besides the site where
/// its form leads back to another.
fn policy(script: bool, form_to: Option<&str>) -> HeaderValue {
    let script = if script { "script-src 'self'; " } else { "" };
    let form_to = form_to.map(|origin| format!(" {origin}")).unwrap_or_default();
    let policy =
        format!("default-src 'none'; {script}img-src 'self'; style-src 'self'; form-action 'self'{form_to}; {NOBODY}");
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Who may change where a page's links lead, and who may show it in a frame.
const NOBODY: &str = "base-uri 'none'; frame-ancestors 'none'";

/// The policy of pages that show posts: their pictures and recordings are where their blogs have them.
/// Nothing runs on them that could fetch; programs that check pages fetch robots.txt from within.
static PICTURES_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; img-src 'self' http: https: data:; media-src http: https:; connect-src 'self'; style-src 'self'; form-action 'self'; {NOBODY}"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The policy of nearly every answer.
static USUAL_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(false, None));

/// The request with its whole body in memory, or the status that refuses it.
async fn whole(request: Request, most: usize) -> Result<Request, StatusCode> {
    let (parts, body) = request.into_parts();
    let bytes: Bytes = tokio::time::timeout(BODY_WITHIN, to_bytes(body, most))
        .await
        .map_err(|_| StatusCode::REQUEST_TIMEOUT)?
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}
