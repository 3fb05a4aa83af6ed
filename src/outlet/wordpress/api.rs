//! WordPress's REST interface (developer.wordpress.org/rest-api, `wp/v2`): where it
//! is, who asks, and what its refusals mean.
//!
//! It is asked by `?rest_route=`, which every WordPress knows, whatever its permalinks
//! are: so nothing has to be discovered, a preview shows the very address, and the
//! password goes to no other place than the one that is written down.

use crate::domain::outlet::{Outcome, Receipt, WordPress};
use crate::domain::secret::Secret;
use crate::domain::text::{cut, plain_text};
use crate::domain::url::HttpUrl;
use crate::net::{Client, Method, PushError, Pushed};
use crate::outlet::answer::{before, json, judge};
use crate::outlet::request::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// So many characters of WordPress's own words are repeated, so that what to do stands behind them.
const LONGEST: usize = 100;

/// The interface.
pub(super) struct Api {
    root: HttpUrl,
    /// Whether paths follow the root, and are not its query.
    is_pretty: bool,
    authorization: Secret,
    client: Client,
}

impl Api {
    pub(super) fn new(site: &WordPress, client: &Client) -> Self {
        let mut root = site.url.as_url().clone();
        root.set_query(None);
        root.set_fragment(None);
        let path = root.path().trim_end_matches('/').to_owned();
        let is_pretty = path.ends_with("/wp-json");
        root.set_path(&if is_pretty || path.ends_with(".php") { path } else { format!("{path}/") });
        let pair = format!("{}:{}", site.user, site.password.expose());
        Self {
            root: HttpUrl::try_from(root).unwrap_or_else(|_| site.url.clone()),
            is_pretty,
            authorization: Secret::new(format!("Basic {}", STANDARD.encode(pair))),
            client: client.clone(),
        }
    }

    /// A request of what is called `path` below `wp/v2`, such as `posts/7`.
    pub(super) fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> Request {
        let mut url = self.root.as_url().clone();
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let join = if query.is_empty() { "" } else { "&" };
        if self.is_pretty {
            url.set_path(&format!("{}/wp/v2/{path}", url.path()));
            url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        } else {
            url.set_query(Some(&format!("rest_route=/wp/v2/{path}{join}{query}")));
        }
        let url = HttpUrl::try_from(url).unwrap_or_else(|_| self.root.clone());
        Request::new(method, url).authorized(self.authorization.clone())
    }

    /// The site as people know it.
    pub(super) fn host(&self) -> &str {
        self.root.host()
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request.
    pub(super) async fn send(&self, request: Request) -> Result<Pushed, PushError> {
        request.send(&self.client).await
    }

    /// Asks for something on the way to a post: what WordPress says, or what comes of the attempt. Nothing was posted
    /// yet, so that doubt is only a reason to try again.
    pub(super) async fn ask(&self, request: Request) -> Result<Value, Outcome> {
        let answer = self.send(request).await;
        let value = answer.as_ref().ok().map(json).filter(|value| !value.is_null());
        match (before(self.judge(answer, |_| None)), value) {
            (Outcome::Done(_), Some(value)) => Ok(value),
            (Outcome::Done(_), None) => Err(Outcome::Refused(self.stranger())),
            (other, _) => Err(other),
        }
    }

    /// Judges an answer; `receipt` reads one that was good, where it can.
    pub(super) fn judge(
        &self,
        answer: Result<Pushed, PushError>,
        receipt: impl FnOnce(&Value) -> Option<Receipt>,
    ) -> Outcome {
        let done = |answer: &Pushed| match json(answer) {
            Value::Null if answer.status == 200 => Outcome::Refused(self.stranger()),
            // It was made, and something that is not WordPress's has spoilt the answer.
            Value::Null => Outcome::InDoubt(format!("it answered {} with what is not JSON", answer.phrase)),
            told => Outcome::Done(receipt(&told).unwrap_or_else(|| Receipt { id: String::new(), url: None })),
        };
        judge(answer, done, said)
    }

    fn stranger(&self) -> String {
        format!(
            "{} did not answer as WordPress's REST interface does: write the address of WordPress itself as `url`, or that of the interface, which ends in /wp-json/",
            self.host()
        )
    }
}

/// The word for an error, such as `rest_cannot_create`.
pub(super) fn code(answer: &Result<Pushed, PushError>) -> String {
    let code = answer.as_ref().ok().map(json).and_then(|told| Some(told.get("code")?.as_str()?.to_owned()));
    code.unwrap_or_default()
}

/// What WordPress says of why, and what is to be done.
fn said(answer: &Pushed) -> Option<String> {
    let told = json(answer);
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    let message = cut(&plain_text(text("message")), LONGEST);
    // That it may not look at drafts is all that WordPress says to a stranger who wants to.
    let is_unknown = answer.status == 401 || answer.body.windows(21).any(|part| part == b"rest_forbidden_status");
    let advice = match (text("code"), answer.status) {
        _ if is_unknown => {
            "make a new application password in the profile of `user`, and write https in `url`; if both are right, the web server keeps the header Authorization from WordPress"
        }
        ("application_passwords_disabled" | "application_passwords_disabled_for_user", _) => {
            "allow application passwords there: they want https, and a security plugin may have turned them off"
        }
        ("rest_cannot_publish", _) => "give `user` the role Author there, or write `draft = true`",
        ("rest_cannot_edit_others", _) => "give `user` the role Editor there, or leave `author` out",
        ("rest_cannot_create" | "rest_cannot_edit" | "rest_cannot_delete" | "rest_forbidden_context", _) => {
            "give `user` the role Author there"
        }
        ("rest_cannot_update", _) => {
            "let who registers the meta key there say who may set it (`auth_callback`), or leave `canonical_meta` out"
        }
        ("rest_post_invalid_id", _) => "it is not there any more: `syndicated outlet forget` ends it",
        ("rest_no_route", _) | ("", 404 | 405) => "write the address of WordPress itself as `url`",
        ("", 403) => "a firewall or a plugin there may keep programs out",
        _ => "",
    };
    let words: Vec<&str> = [message.as_str(), advice].into_iter().filter(|part| !part.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" — "))
}
