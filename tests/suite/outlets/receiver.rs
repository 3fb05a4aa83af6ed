//! The other end of webhooks: a program that verifies signatures as Standard Webhooks
//! 1.0 says and drops what it has; and the interfaces of Slack, Discord and Telegram as
//! their documentation has them.

use super::double::{Answer, Came, Double, Interface};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::HashSet;

#[derive(Default)]
pub(crate) struct Programs {
    key: Vec<u8>,
    /// Messages by their numbers: what the program has, once each.
    taken: HashSet<String>,
    posts: Vec<Value>,
    /// Messages that stand in a chat.
    messages: i64,
    /// What the answer to a post says of where it stands.
    url: Option<String>,
}

pub(crate) type Receiver = Double<Programs>;

impl Receiver {
    pub(crate) async fn receives(key: &str) -> Self {
        Self::start(|_| Programs { key: key.as_bytes().to_vec(), ..Programs::default() }).await
    }

    /// Posts stand there from now on.
    pub(crate) fn stands_at(&self, url: &str) {
        self.with(|programs| programs.url = Some(url.to_owned()));
    }

    /// The messages that the program has, each once.
    pub(crate) fn posts(&self) -> Vec<Value> {
        self.with(|programs| programs.posts.clone())
    }
}

impl Interface for Programs {
    fn take(&mut self, came: &Came) -> Answer {
        let Came { method, path, body, .. } = came;
        if path.starts_with("/hook") {
            self.program(came)
        } else if path.starts_with("/services/") {
            slack(body)
        } else if path.starts_with("/api/webhooks/") {
            discord(self, method, path, body)
        } else {
            telegram(self, path, body)
        }
    }
}

impl Programs {
    /// Verifies, and takes a message once.
    fn program(&mut self, came: &Came) -> Answer {
        let id = came.header("webhook-id");
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key).unwrap();
        let signed = [id.as_bytes(), b".", came.header("webhook-timestamp").as_bytes(), b".", &came.bytes].concat();
        let signature = STANDARD.encode(mac.chain_update(signed).finalize().into_bytes());
        if came.header("webhook-signature") != format!("v1,{signature}") {
            return answer(401, String::new());
        }
        if self.taken.insert(id.to_owned()) {
            self.posts.push(came.body.clone());
        }
        let told = self.url.as_ref().map(|url| json!({ "id": "r1", "url": url }).to_string());
        answer(200, told.unwrap_or_default())
    }
}

fn answer(status: u16, body: String) -> Answer {
    (status, String::new(), body)
}

/// api.slack.com/messaging/webhooks: `ok` in plain text, or one word of what is wrong.
fn slack(told: &Value) -> Answer {
    match told["text"].as_str() {
        Some(text) if !text.is_empty() => answer(200, "ok".to_owned()),
        _ => answer(400, "no_text".to_owned()),
    }
}

/// discord.com/developers/docs/resources/webhook.
fn discord(state: &mut Programs, method: &str, path: &str, told: &Value) -> Answer {
    let content = told["content"].as_str().unwrap_or_default();
    let standing = path.rsplit_once("/messages/").map(|(_, id)| id.to_owned());
    match (method, standing) {
        ("POST" | "PATCH", _) if content.is_empty() || content.encode_utf16().count() > 2_000 => {
            answer(400, json!({ "code": 50_035, "message": "Invalid Form Body" }).to_string())
        }
        ("POST", None) => {
            state.messages += 1;
            let is_told = path.contains("wait=true");
            let message = json!({ "id": state.messages.to_string(), "content": content }).to_string();
            if is_told { answer(200, message) } else { answer(204, String::new()) }
        }
        ("PATCH", Some(id)) => answer(200, json!({ "id": id, "content": content }).to_string()),
        ("DELETE", Some(_)) => answer(204, String::new()),
        ("GET", None) => answer(200, json!({ "type": 1, "name": "news" }).to_string()),
        _ => answer(405, String::new()),
    }
}

/// core.telegram.org/bots/api.
fn telegram(state: &mut Programs, path: &str, told: &Value) -> Answer {
    let refused = |status, words: &str| answer(status, json!({ "ok": false, "description": words }).to_string());
    let Some(method) = path.strip_prefix("/bot12:token/") else { return refused(401, "Unauthorized") };
    if told["chat_id"] != "@news" {
        return refused(400, "Bad Request: chat not found");
    }
    let done = |result: Value| answer(200, json!({ "ok": true, "result": result }).to_string());
    match method {
        "sendMessage" if told["text"].as_str().is_none_or(|text| text.encode_utf16().count() > 4_096) => {
            refused(400, "Bad Request: message is too long")
        }
        "sendMessage" => {
            state.messages += 1;
            done(json!({ "message_id": state.messages }))
        }
        "editMessageText" if told["message_id"].is_i64() => done(json!({ "message_id": told["message_id"] })),
        "deleteMessage" => done(json!(true)),
        "getChat" => done(json!({ "id": -1 })),
        _ => refused(404, "Not Found"),
    }
}
