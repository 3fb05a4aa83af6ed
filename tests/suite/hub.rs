//! A WebSub hub over real HTTP, after the W3C Recommendation of 23 January 2018:
//! takes subscriptions, asks back, and announces, as a test tells it to.

use crate::serving::{Answer, ask, get};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// What the hub was asked.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    fields: HashMap<String, String>,
}

#[derive(Clone)]
pub(crate) struct Hub {
    pub(crate) url: String,
    /// Where callbacks are served, whatever host their addresses name.
    subscriber: SocketAddr,
    state: Arc<Mutex<Script>>,
}

struct Script {
    status: StatusCode,
    /// `Retry-After`, in seconds.
    rest: Option<u64>,
    /// Ask back before the answer, and promise so many seconds.
    at_once: Option<u64>,
    wishes: Vec<Wish>,
}

impl Wish {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The callback without its host.
    pub(crate) fn path(&self) -> &str {
        self.field("hub.callback").strip_prefix("https://news.example.org").unwrap()
    }
}

impl Hub {
    pub(crate) async fn start(subscriber: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Script { status: StatusCode::ACCEPTED, rest: None, at_once: None, wishes: Vec::new() };
        let url = format!("http://{}/hub", listener.local_addr().unwrap());
        let hub = Self { url, subscriber, state: Arc::new(Mutex::new(script)) };
        let router = Router::new().route("/hub", post(subscribe)).with_state(hub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        hub
    }

    pub(crate) fn answers(&self, status: u16) {
        self.state.lock().unwrap().status = StatusCode::from_u16(status).unwrap();
    }

    /// Answers so, and asks for a rest of so many seconds.
    pub(crate) fn rests(&self, status: u16, seconds: u64) {
        self.answers(status);
        self.state.lock().unwrap().rest = Some(seconds);
    }

    pub(crate) fn asks_back_at_once(&self, lease: u64) {
        self.state.lock().unwrap().at_once = Some(lease);
    }

    /// What it was asked since the last look.
    pub(crate) fn wishes(&self) -> Vec<Wish> {
        std::mem::take(&mut self.state.lock().unwrap().wishes)
    }

    /// Asks back (section 5.3); returns whether the subscriber meant it.
    pub(crate) async fn asks_back(&self, wish: &Wish, lease: u64) -> bool {
        let topic = wish.field("hub.topic");
        let answer = self.question(wish, wish.field("hub.mode"), topic, &format!("&hub.lease_seconds={lease}")).await;
        answer.status == 200
            && answer.body == "never <b>guessed</b>"
            && answer.head.contains("content-type: text/plain; charset=utf-8")
    }

    /// Any question at a callback.
    pub(crate) async fn question(&self, wish: &Wish, mode: &str, topic: &str, more: &str) -> Answer {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("hub.mode", mode)
            .append_pair("hub.topic", topic)
            .append_pair("hub.challenge", "never <b>guessed</b>")
            .finish();
        get(self.subscriber, "GET", &format!("{}?{query}{more}", wish.path())).await
    }

    /// Announces (section 7), signed with `method`; returns the status.
    pub(crate) async fn announces(&self, wish: &Wish, method: &str, body: &str) -> u16 {
        let digest = sign(method, wish.field("hub.secret"), body);
        self.posts(wish.path(), &format!("X-Hub-Signature: {method}={digest}\r\n"), body).await
    }

    /// Announces with headers of the test's own.
    pub(crate) async fn posts(&self, path: &str, headers: &str, body: &str) -> u16 {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n");
        ask(self.subscriber, &format!("{head}{headers}\r\n{body}")).await.status
    }
}

async fn subscribe(State(hub): State<Hub>, body: Bytes) -> Response {
    let wish = Wish { fields: url::form_urlencoded::parse(&body).into_owned().collect() };
    let (status, rest, at_once) = {
        let mut script = hub.state.lock().unwrap();
        script.wishes.push(wish.clone());
        (script.status, script.rest.take(), script.at_once)
    };
    if let Some(lease) = at_once {
        assert!(hub.asks_back(&wish, lease).await);
    }
    let rest = rest.map(|seconds| [("retry-after", seconds.to_string())]);
    rest.map_or_else(|| status.into_response(), |rest| (status, rest).into_response())
}

fn sign(method: &str, secret: &str, body: &str) -> String {
    fn mac<M: Mac + KeyInit>(secret: &str, body: &str) -> String {
        let mac = <M as KeyInit>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body).finalize();
        syndicated::domain::token::hex(&mac.into_bytes())
    }
    match method {
        "sha1" => mac::<Hmac<Sha1>>(secret, body),
        "sha256" => mac::<Hmac<Sha256>>(secret, body),
        "sha384" => mac::<Hmac<Sha384>>(secret, body),
        "sha512" => mac::<Hmac<Sha512>>(secret, body),
        other => panic!("{other}"),
    }
}
