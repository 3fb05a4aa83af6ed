//! An instance's interface: requests with the account's token, and what its answers
//! mean (docs.joinmastodon.org/client/intro, …/api/rate-limits).

use super::words::Limits;
use crate::clock::Clock;
use crate::domain::outlet::{Outcome, Receipt};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Method, PushError, Pushed};
use crate::outlet::answer::{json, judge, told};
use crate::outlet::request::Request;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::time::Duration;

/// An instance that allows more is not believed: a status is no book.
const MOST: u64 = 100_000;
/// The longest number of a status, a picture or an account.
const LONGEST_ID: usize = 64;

/// An instance, with an account's token.
pub(super) struct Instance {
    url: HttpUrl,
    token: Secret,
    client: Client,
    clock: Clock,
}

/// A good answer's body, or what comes of any other.
pub(super) type Told = Result<Value, Outcome>;

impl Instance {
    pub(super) fn new(url: &HttpUrl, token: &Secret, client: &Client, clock: &Clock) -> Self {
        Self { url: url.clone(), token: token.clone(), client: client.clone(), clock: clock.clone() }
    }

    /// The instance's host.
    pub(super) fn host(&self) -> &str {
        self.url.host()
    }

    /// A request for what stands at `path`, such as `api/v1/statuses`; `None` when that makes no web address.
    pub(super) fn request(&self, method: Method, path: &str) -> Option<Request> {
        let url = format!("{}/{path}", self.url.as_str().trim_end_matches('/'));
        let token = Secret::new(format!("Bearer {}", self.token.expose().trim()));
        Some(Request::new(method, url.parse().ok()?).authorized(token))
    }

    pub(super) async fn send(&self, request: Option<Request>) -> Result<Pushed, PushError> {
        Request::send_made(request, &self.client, "`url`").await
    }

    /// What an answer means.
    pub(super) fn judge(&self, answer: Result<Pushed, PushError>, done: impl FnOnce(&Value) -> Outcome) -> Outcome {
        let reset = answer.as_ref().ok().and_then(|answer| rest(answer, self.clock.now()));
        let receipt = |answer: &Pushed| done(&json(answer));
        match judge(answer, receipt, |answer| self.said(answer)) {
            Outcome::Later { why, after } => Outcome::Later { why, after: after.or(reset) },
            other => other,
        }
    }

    /// Asks for something that changes nothing that readers see, so that no answer leaves doubt.
    pub(super) async fn ask(&self, request: Option<Request>) -> Told {
        let answer = self.send(request).await;
        self.told(answer)
    }

    /// What was answered to such a request.
    pub(super) fn told(&self, answer: Result<Pushed, PushError>) -> Told {
        let body = answer.as_ref().map(json).unwrap_or_default();
        told(self.judge(answer, |_| Outcome::Done(Receipt { id: String::new(), url: None })), body)
    }

    pub(super) async fn get(&self, path: &str) -> Told {
        self.ask(self.request(Method::GET, path)).await
    }

    /// How long statuses may be there.
    pub(super) async fn limits(&self) -> Result<Limits, Outcome> {
        for path in ["api/v2/instance", "api/v1/instance"] {
            match self.get(path).await {
                Ok(told) if told.is_object() => return Ok(limits(&told)),
                // Older programs know the first version alone.
                Ok(_) | Err(Outcome::Refused(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(limits(&Value::Null))
    }

    /// The account's number, and what it is called.
    pub(super) async fn account(&self) -> Result<(String, String), Outcome> {
        let told = self.get("api/v1/accounts/verify_credentials").await?;
        let name = told.get("acct").and_then(Value::as_str).unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_ID).collect();
        match id(&told) {
            Some(id) => Ok((id, name)),
            None => Err(Outcome::Refused("what answers at its `url` is no instance: write its address".to_owned())),
        }
    }

    /// What an instance says of why, and what to do about it.
    fn said(&self, answer: &Pushed) -> Option<String> {
        let told = json(answer);
        let words = told.get("error").and_then(Value::as_str).map(str::trim).filter(|words| !words.is_empty());
        // Nobody is to see the token, whatever an instance repeats.
        let words = words.map(|words| words.replace(self.token.expose().trim(), "…"));
        let advice = match answer.status {
            401 => "its token is not valid: make a new one there, under Preferences and Development",
            403 => {
                "its token needs the scopes read:accounts, read:statuses, write:statuses and write:media, and the account must be in good standing"
            }
            404 => "what was asked for is not there: is `url` the address of the instance?",
            _ => return words,
        };
        Some(words.map_or_else(|| advice.to_owned(), |words| format!("{}; {advice}", words.trim_end_matches('.'))))
    }
}

/// The number of something; `None` when it could not stand in an address.
pub(super) fn id(told: &Value) -> Option<String> {
    let id = match told.get("id")? {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    let is_sound = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_sound && !id.is_empty() && id.len() <= LONGEST_ID).then_some(id)
}

/// When an instance that was asked too often may be asked again.
fn rest(answer: &Pushed, now: Timestamp) -> Option<Duration> {
    let reset = answer.header("x-ratelimit-reset").filter(|_| answer.status == 429)?;
    let reset = DateTime::parse_from_rfc3339(&reset).ok()?;
    Some(Timestamp::from(reset.with_timezone(&Utc)).since(now))
}

/// By what an instance says of itself, in either version.
fn limits(told: &Value) -> Limits {
    let number = |at: &str| told.pointer(at).and_then(Value::as_u64);
    let most = number("/configuration/statuses/max_characters").or_else(|| number("/max_toot_chars"));
    let most = most.filter(|most| *most > 0).map(|most| most.min(MOST));
    let per_url = number("/configuration/statuses/characters_reserved_per_url").filter(|per_url| *per_url <= MOST);
    // GoToSocial says that addresses are shortened, and counts all of them.
    let source = told.get("source_url").and_then(Value::as_str).unwrap_or_default();
    let usual = Limits::default();
    Limits {
        most: most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usual.most),
        per_url: per_url.and_then(|per_url| usize::try_from(per_url).ok()).unwrap_or(usual.per_url),
        bare: source.to_ascii_lowercase().contains("gotosocial"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_are_what_an_instance_says_and_else_what_is_usual() {
        let usual = Limits::default();
        let statuses = json!({ "max_characters": 5_000, "characters_reserved_per_url": 0 });
        for (told, meant) in [
            (json!(null), usual),
            (json!({ "configuration": { "statuses": { "max_characters": -3 } } }), usual),
            (json!({ "configuration": { "statuses": statuses } }), Limits { most: 5_000, per_url: 0, bare: false }),
            (json!({ "max_toot_chars": 1_000 }), Limits { most: 1_000, ..usual }),
            (
                json!({ "source_url": "https://codeberg.org/superseriousbusiness/gotosocial" }),
                Limits { bare: true, ..usual },
            ),
        ] {
            assert_eq!(limits(&told), meant, "{told}");
        }
    }

    #[test]
    fn numbers_that_lead_elsewhere_are_none() {
        for (told, meant) in [
            (json!({ "id": "109372843234" }), Some("109372843234")),
            (json!({ "id": 7 }), Some("7")),
            (json!({ "id": "01HF-x_y" }), Some("01HF-x_y")),
            (json!({ "id": "../accounts" }), None),
            (json!({ "id": "" }), None),
            (json!(["id"]), None),
        ] {
            assert_eq!(id(&told).as_deref(), meant, "{told}");
        }
    }
}
