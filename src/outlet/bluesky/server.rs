//! An account's server (PDS): sessions, calls by their names, and what its answers mean
//! (docs.bsky.app/docs/api, atproto.com/specs/xrpc).

use crate::clock::Clock;
use crate::domain::outlet::{Bluesky, Outcome, Receipt};
use crate::domain::secret::Secret;
use crate::domain::token::sha256_hex;
use crate::net::{Client, Method, PushError, Pushed};
use crate::outlet::answer::{json, judge, told};
use crate::outlet::request::Request;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// Sessions by a digest of what they were opened with: a server opens 30 in five minutes and 300 in a day, and each
/// lasts for some hours.
static SESSIONS: LazyLock<Mutex<HashMap<String, Session>>> = LazyLock::new(Mutex::default);
/// So many are kept.
const MOST_SESSIONS: usize = 64;

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The account's number, whatever its handle.
    pub(super) did: String,
    token: Secret,
}

/// A server, with an account's password.
pub(super) struct Server {
    account: Bluesky,
    client: Client,
    clock: Clock,
}

impl Server {
    pub(super) fn new(account: &Bluesky, client: &Client, clock: &Clock) -> Self {
        Self { account: account.clone(), client: client.clone(), clock: clock.clone() }
    }

    /// A call by its name, such as `com.atproto.repo.putRecord`, in a session or without; `None` when that makes no
    /// web address.
    pub(super) fn request(&self, method: Method, call: &str, session: Option<&Session>) -> Option<Request> {
        let url = format!("{}/xrpc/{call}", self.account.url.as_str().trim_end_matches('/'));
        let request = Request::new(method, url.parse().ok()?);
        Some(match session {
            Some(session) => request.authorized(Secret::new(format!("Bearer {}", session.token.expose()))),
            None => request,
        })
    }

    /// A session: the one that is open, or another.
    pub(super) async fn session(&self) -> Result<Session, Outcome> {
        let known = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner).get(&self.key()).cloned();
        match known {
            Some(session) => Ok(session),
            None => self.open().await,
        }
    }

    async fn open(&self) -> Result<Session, Outcome> {
        let password = self.account.password.expose().trim();
        let body = json!({ "identifier": self.account.handle, "password": password });
        let request = self.request(Method::POST, "com.atproto.server.createSession", None);
        let told = self.told(self.send(request.map(|request| request.json(body))).await)?;
        let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
        // What leads into addresses and headers is of such characters alone (atproto.com/specs/did, RFC 7519).
        let is_sound = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte))
        };
        let (did, token) = (text("did"), text("accessJwt"));
        if !did.starts_with("did:") || !is_sound(did) || !is_sound(token) {
            return Err(Outcome::Refused("what answers at its `url` opens no session: write its address".to_owned()));
        }
        let session = Session { did: did.to_owned(), token: Secret::new(token.to_owned()) };
        let mut sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST_SESSIONS {
            sessions.clear();
        }
        sessions.insert(self.key(), session.clone());
        Ok(session)
    }

    fn key(&self) -> String {
        let Bluesky { url, handle, password, .. } = &self.account;
        sha256_hex(format!("{url}\0{handle}\0{}", password.expose()).as_bytes())
    }

    /// Calls in a session, in another one where it has ended meanwhile: that is said before anything is done.
    pub(super) async fn call(
        &self,
        make: impl Fn(&Session) -> Option<Request>,
    ) -> Result<Result<Pushed, PushError>, Outcome> {
        let answer = self.send(make(&self.session().await?)).await;
        let has_ended = answer.as_ref().is_ok_and(|answer| {
            answer.status == 401 || matches!(word(answer).as_deref(), Some("ExpiredToken" | "InvalidToken"))
        });
        if !has_ended {
            return Ok(answer);
        }
        SESSIONS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key());
        Ok(self.send(make(&self.session().await?)).await)
    }

    async fn send(&self, request: Option<Request>) -> Result<Pushed, PushError> {
        Request::send_made(request, &self.client, "`url`").await
    }

    /// What an answer means.
    pub(super) fn judge(&self, answer: Result<Pushed, PushError>, done: impl FnOnce(&Value) -> Outcome) -> Outcome {
        let reset = answer.as_ref().ok().and_then(|answer| self.rest(answer));
        match judge(answer, |answer| done(&json(answer)), |answer| self.said(answer)) {
            Outcome::Later { why, after } => Outcome::Later { why, after: after.or(reset) },
            other => other,
        }
    }

    /// What was answered to a call that changes nothing that readers see, so that no answer leaves doubt.
    pub(super) fn told(&self, answer: Result<Pushed, PushError>) -> Result<Value, Outcome> {
        let body = answer.as_ref().map(json).unwrap_or_default();
        told(self.judge(answer, |_| Outcome::Done(Receipt { id: String::new(), url: None })), body)
    }

    /// When a server that was asked too often may be asked again: in seconds since 1970.
    fn rest(&self, answer: &Pushed) -> Option<Duration> {
        let reset: u64 = answer.header("ratelimit-reset").filter(|_| answer.status == 429)?.parse().ok()?;
        let now = u64::try_from(self.clock.now().millis() / 1_000).ok()?;
        Some(Duration::from_secs(reset.saturating_sub(now)))
    }

    /// What a server says of why, and what to do about it.
    fn said(&self, answer: &Pushed) -> Option<String> {
        let told = json(answer);
        let words = told.get("message").and_then(Value::as_str).map(str::trim).filter(|words| !words.is_empty());
        // Nobody is to see the password, whatever a server repeats.
        let words = words.map(|words| words.replace(self.account.password.expose().trim(), "…"));
        let advice = match (answer.status, word(answer).as_deref()) {
            (_, Some("AccountTakedown" | "AccountDeactivated")) => {
                "its account is closed there: ask who runs the server"
            }
            (_, Some("AuthFactorTokenRequired")) => "its secret is the account's own password: make an app password",
            (401 | 403, _) => {
                "`handle` and its app password do not fit: make another one there, under Settings, Privacy and security, App passwords"
            }
            (404, _) => "what was asked for is not there: is `url` the address of the account's server?",
            _ => return words,
        };
        Some(words.map_or_else(|| advice.to_owned(), |words| format!("{}; {advice}", words.trim_end_matches('.'))))
    }
}

/// The word for what is wrong.
pub(super) fn word(answer: &Pushed) -> Option<String> {
    json(answer).get("error").and_then(Value::as_str).map(str::to_owned)
}
