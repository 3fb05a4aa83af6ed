//! A message to a program: JSON, signed as Standard Webhooks 1.0 has it. The header
//! `webhook-id` is the same at each repeat, so that the receiver drops what it has.

use crate::clock::Clock;
use crate::domain::outlet::{Draft, Found, Gone, Manuscript, Outcome, Receipt};
use crate::domain::secret::Secret;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Method, Push, Pushed};
use crate::outlet::Protocol;
use crate::outlet::answer::judge;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// So many characters of an update's fingerprint stand in its number.
const VERSION: usize = 12;

/// A program that is told of posts.
pub(super) struct Signed {
    outlet: Slug,
    url: HttpUrl,
    key: Secret<Vec<u8>>,
    client: Client,
    clock: Clock,
}

impl Signed {
    pub(super) fn new(outlet: Slug, url: &HttpUrl, key: &Secret<Vec<u8>>, client: &Client, clock: &Clock) -> Self {
        Self { outlet, url: url.clone(), key: key.clone(), client: client.clone(), clock: clock.clone() }
    }

    fn message(&self, event: &str, id: &str, post: &Value) -> (String, Value) {
        let body = json!({ "event": event, "id": id, "outlet": self.outlet, "post": post });
        (id.to_owned(), body)
    }

    fn posted(&self, manuscript: &Manuscript) -> (String, Value) {
        self.message("post", &format!("{}_post", manuscript.key), &as_json(manuscript, None))
    }

    async fn send(&self, (id, body): (String, Value), receipt: Receipt) -> Outcome {
        let body = body.to_string().into_bytes();
        let headers = self.headers(&id, &body, self.clock.now());
        let push = Push { method: Method::POST, url: &self.url, headers, body };
        judge(self.client.push(push).await, |answer| Outcome::Done(told(answer).unwrap_or(receipt)), |_| None)
    }

    /// `webhook-signature` is `v1,` and the base64 of the HMAC-SHA-256 over `id.timestamp.body`.
    fn headers(&self, id: &str, body: &[u8], now: Timestamp) -> Vec<(&'static str, String)> {
        let seconds = (now.millis() / 1000).to_string();
        // A key of any length will do (RFC 2104 section 3).
        let signature = Hmac::<Sha256>::new_from_slice(self.key.expose()).ok().map(|mac| {
            let signed =
                mac.chain_update(id).chain_update(".").chain_update(&seconds).chain_update(".").chain_update(body);
            format!("v1,{}", STANDARD.encode(signed.finalize().into_bytes()))
        });
        vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", seconds),
            ("webhook-signature", signature.unwrap_or_default()),
        ]
    }
}

impl Protocol for Signed {
    fn draft(&self, manuscript: &Manuscript) -> Draft {
        let (id, body) = self.posted(manuscript);
        let body = serde_json::to_string_pretty(&body).unwrap_or_default();
        let head = [
            ("request", format!("POST {}", self.url)),
            ("webhook-id", id),
            ("webhook-signature", "v1,… (made when it is sent)".to_owned()),
            ("body", body),
        ];
        Draft(head.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    fn find<'a>(&'a self, _: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(std::future::ready(Found::Known))
    }

    fn post<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Outcome> {
        let receipt = Receipt { id: manuscript.key.clone(), url: None };
        Box::pin(self.send(self.posted(manuscript), receipt))
    }

    fn update<'a>(&'a self, manuscript: &'a Manuscript, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        let version: String = manuscript.fingerprint().chars().take(VERSION).collect();
        let post = as_json(manuscript, Some(&at.id));
        let message = self.message("update", &format!("{}_{version}", manuscript.key), &post);
        Box::pin(self.send(message, at.clone()))
    }

    fn delete<'a>(&'a self, gone: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        let message =
            self.message("delete", &format!("{}_delete", gone.key), &json!({ "key": gone.key, "remote_id": at.id }));
        Box::pin(self.send(message, at.clone()))
    }

    fn test(&self) -> BoxFuture<'_, Outcome> {
        let said = format!("a message with the event \"test\" was taken by {}", crate::net::shown(&self.url));
        let id = format!("test_{}", self.clock.now().millis());
        let message = self.message("test", &id, &Value::Null);
        Box::pin(async move {
            match self.send(message, Receipt { id: said.clone(), url: None }).await {
                Outcome::Done(_) => Outcome::Done(Receipt { id: said, url: None }),
                other => other,
            }
        })
    }
}

/// A receiver that publishes may say where: `{"id": "…", "url": "…"}`.
fn told(answer: &Pushed) -> Option<Receipt> {
    let told: Value = serde_json::from_slice(&answer.body).ok()?;
    let id = match told.get("id")? {
        Value::String(id) if !id.is_empty() => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    Some(Receipt { id, url: told.get("url").and_then(Value::as_str).and_then(|url| url.parse().ok()) })
}

fn as_json(it: &Manuscript, remote_id: Option<&str>) -> Value {
    json!({
        "key": it.key, "title": it.title, "url": it.url, "html": it.html, "excerpt": it.excerpt,
        "authors": it.authors, "tags": it.tags, "language": it.language, "published": it.published,
        "updated": it.updated, "image": it.image, "source": { "name": it.source_name, "title": it.source },
        "draft": it.draft, "remote_id": remote_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Fetch;
    use crate::net::Names;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn a_message_is_signed_as_the_specification_has_it() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (clock, url) =
            (Clock::manual(Timestamp::from_millis(1_614_265_330_000)), "http://127.0.0.1/".parse().unwrap());
        let client = Client::new(&Fetch::default(), &url, Names::system(), clock.clone()).unwrap();
        let signed = Signed::new("hook".parse().unwrap(), &url, &Secret::new(key), &client, &clock);
        let headers = signed.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#, clock.now());
        assert_eq!(headers[2], ("webhook-timestamp", "1614265330".to_owned()));
        assert_eq!(headers[3], ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()));
    }
}
