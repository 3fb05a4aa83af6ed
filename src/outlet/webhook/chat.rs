//! A line in a chat: Slack's incoming webhooks, Discord's webhooks, Telegram's Bot
//! API. None of them tells afterwards what it took, and none knows a repeat.

use crate::domain::outlet::{Draft, Found, Gone, Manuscript, Outcome, Receipt};
use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Method, PushError, Pushed};
use crate::outlet::Protocol;
use crate::outlet::answer::{json as read, judge, or_gone};
use crate::outlet::request::Request;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::time::Duration;

/// Slack cuts a text at 40,000 characters, and asks for less than 4,000.
const SLACK_MOST: usize = 4_000;
/// Discord refuses a longer `content`.
const DISCORD_MOST: usize = 2_000;
/// Telegram refuses a longer `text`, counted in UTF-16 units.
const TELEGRAM_MOST: usize = 4_096;

/// A channel of a chat.
pub(super) struct Chat {
    form: Form,
    client: Client,
}

enum Form {
    Slack { address: Secret<HttpUrl> },
    Discord { address: Secret<HttpUrl> },
    Telegram { api: HttpUrl, token: Secret, chat: String },
}

impl Chat {
    pub(super) fn slack(address: &Secret<HttpUrl>, client: &Client) -> Self {
        Self { form: Form::Slack { address: address.clone() }, client: client.clone() }
    }

    pub(super) fn discord(address: &Secret<HttpUrl>, client: &Client) -> Self {
        Self { form: Form::Discord { address: address.clone() }, client: client.clone() }
    }

    pub(super) fn telegram(api: &HttpUrl, token: &Secret, chat: &str, client: &Client) -> Self {
        let form = Form::Telegram { api: api.clone(), token: token.clone(), chat: chat.to_owned() };
        Self { form, client: client.clone() }
    }

    /// The message, as long as the chat allows and without what would speak to it.
    fn message(&self, manuscript: &Manuscript) -> Value {
        let room = |most: usize| move |text: &str| text.encode_utf16().count() <= most;
        let status = &manuscript.status;
        match &self.form {
            // api.slack.com/reference/surfaces/formatting: three characters are escaped.
            Form::Slack { .. } => {
                let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                json!({ "text": status.within(escape, room(SLACK_MOST)), "unfurl_links": true })
            }
            Form::Discord { .. } => {
                let content = status.within(escape_marks, room(DISCORD_MOST));
                json!({ "content": content, "allowed_mentions": { "parse": [] } })
            }
            // Without `parse_mode` nothing in a text is a mark.
            Form::Telegram { chat, .. } => {
                json!({ "chat_id": chat, "text": status.within(str::to_owned, room(TELEGRAM_MOST)) })
            }
        }
    }

    /// A method of the Bot API; its address holds the token.
    fn method(&self, name: &str, body: Value) -> Option<Request> {
        let Form::Telegram { api, token, .. } = &self.form else { return None };
        let url = format!("{}/bot{}/{name}", api.as_str().trim_end_matches('/'), token.expose());
        Some(Request::new(Method::POST, url.parse().ok()?).hidden().json(body))
    }

    fn message_request(&self, manuscript: &Manuscript) -> Option<Request> {
        let body = self.message(manuscript);
        match &self.form {
            Form::Slack { address } => Some(Request::new(Method::POST, address.expose().clone()).hidden().json(body)),
            // With `wait`, the answer says under which number the message stands.
            Form::Discord { address } => {
                let mut url = address.expose().as_url().clone();
                url.set_query(Some("wait=true"));
                Some(Request::new(Method::POST, url.as_str().parse().ok()?).hidden().json(body))
            }
            Form::Telegram { .. } => self.method("sendMessage", body),
        }
    }

    /// A message that stands in Discord, by its number.
    fn standing(&self, method: Method, id: &str) -> Option<Request> {
        let Form::Discord { address } = &self.form else { return None };
        let mut url = address.expose().as_url().clone();
        let path = format!("{}/messages/{id}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Some(Request::new(method, url.as_str().parse().ok()?).hidden())
    }

    async fn send(&self, request: Option<Request>) -> Result<Pushed, PushError> {
        Request::send_made(request, &self.client, "secret").await
    }

    fn judge(&self, answer: Result<Pushed, PushError>, known: Option<&Receipt>) -> Outcome {
        let receipt = |answer: &Pushed| Outcome::Done(known.cloned().unwrap_or_else(|| self.receipt(answer)));
        let after = answer.as_ref().ok().and_then(asked_rest);
        match judge(answer, receipt, said) {
            Outcome::Later { why, after: header } => Outcome::Later { why, after: header.max(after) },
            other => other,
        }
    }

    fn receipt(&self, answer: &Pushed) -> Receipt {
        let told = read(answer);
        match &self.form {
            Form::Slack { .. } => Receipt { id: "ok".to_owned(), url: None },
            Form::Discord { .. } => {
                let id = told.get("id").and_then(Value::as_str).unwrap_or_default();
                Receipt { id: id.to_owned(), url: None }
            }
            Form::Telegram { chat, .. } => {
                let id = told.pointer("/result/message_id").map(Value::to_string).unwrap_or_default();
                // A public channel's messages stand on the web.
                let url = chat.strip_prefix('@').and_then(|name| format!("https://t.me/{name}/{id}").parse().ok());
                Receipt { id, url }
            }
        }
    }
}

impl Protocol for Chat {
    fn draft(&self, manuscript: &Manuscript) -> Draft {
        Draft(self.message_request(manuscript).map(|request| request.shown()).unwrap_or_default())
    }

    fn find<'a>(&'a self, _: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(std::future::ready(Found::CannotTell))
    }

    fn post<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Outcome> {
        Box::pin(async { self.judge(self.send(self.message_request(manuscript)).await, None) })
    }

    fn update<'a>(&'a self, manuscript: &'a Manuscript, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async {
            let mut body = self.message(manuscript);
            let request = match &self.form {
                Form::Slack { .. } => return Outcome::Refused("Slack's webhooks cannot change a message".to_owned()),
                Form::Discord { .. } => self.standing(Method::PATCH, &at.id).map(|request| request.json(body)),
                Form::Telegram { .. } => {
                    if let Value::Object(body) = &mut body {
                        body.insert("message_id".to_owned(), number(&at.id));
                    }
                    self.method("editMessageText", body)
                }
            };
            self.judge(self.send(request).await, Some(at))
        })
    }

    fn delete<'a>(&'a self, _: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async {
            let request = match &self.form {
                Form::Slack { .. } => {
                    return Outcome::Refused("Slack's webhooks cannot take a message down".to_owned());
                }
                Form::Discord { .. } => self.standing(Method::DELETE, &at.id),
                Form::Telegram { chat, .. } => {
                    self.method("deleteMessage", json!({ "chat_id": chat, "message_id": number(&at.id) }))
                }
            };
            let answer = self.send(request).await;
            let status = answer.as_ref().ok().map(|answer| answer.status);
            or_gone(self.judge(answer, Some(at)), status, at)
        })
    }

    fn test(&self) -> BoxFuture<'_, Outcome> {
        Box::pin(async {
            let done = |said: &str| Outcome::Done(Receipt { id: said.to_owned(), url: None });
            match &self.form {
                Form::Slack { .. } => {
                    done("nothing was tried: Slack's webhooks answer to messages alone, and each is seen by all")
                }
                Form::Discord { address } => {
                    let request = Request::new(Method::GET, address.expose().clone()).hidden();
                    match self.judge(self.send(Some(request)).await, None) {
                        Outcome::Done(_) => done("Discord knows the webhook"),
                        other => other,
                    }
                }
                Form::Telegram { chat, .. } => {
                    match self.judge(self.send(self.method("getChat", json!({ "chat_id": chat }))).await, None) {
                        Outcome::Done(_) => done(&format!("Telegram knows the bot, and the bot knows {chat}")),
                        other => other,
                    }
                }
            }
        })
    }
}

/// What Markdown in Discord is made of, taken literally.
fn escape_marks(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\*_~`|>#[]()<".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn number(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| json!(id), |id| json!(id))
}

/// What the chat says of why: Slack in plain text, the others in JSON.
fn said(answer: &Pushed) -> Option<String> {
    let told = read(answer);
    let words = told.get("description").or(told.get("message")).and_then(Value::as_str);
    let plain = || std::str::from_utf8(&answer.body).ok().filter(|text| !text.trim_start().starts_with(['<', '{']));
    words.or_else(plain).map(str::trim).filter(|words| !words.is_empty()).map(str::to_owned)
}

/// How long Discord or Telegram want to be left alone, where only the body says so.
fn asked_rest(answer: &Pushed) -> Option<Duration> {
    let told = read(answer);
    let seconds = told.pointer("/retry_after").or(told.pointer("/parameters/retry_after")).and_then(Value::as_f64)?;
    Duration::try_from_secs_f64(seconds).ok()
}
