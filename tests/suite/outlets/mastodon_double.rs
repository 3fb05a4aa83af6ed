//! An instance of Mastodon, as docs.joinmastodon.org and its source have it: it counts
//! by itself, remembers an `Idempotency-Key` for a time, and takes pictures in its time.

use super::double::{Answer, Came, Double, Interface};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;
use unicode_segmentation::UnicodeSegmentation as _;

pub(crate) const TOKEN: &str = "a-very-secret-token";

#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    pub(crate) id: u64,
    pub(crate) text: String,
    pub(crate) language: Option<String>,
    pub(crate) visibility: String,
    pub(crate) warning: String,
    pub(crate) media: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Media {
    pub(crate) description: String,
    pub(crate) bytes: Vec<u8>,
    /// So many looks until it is ready.
    looks: u32,
}

pub(crate) struct Instance {
    url: String,
    pub(crate) statuses: Vec<Status>,
    pub(crate) media: Vec<Media>,
    /// Who was told that they are mentioned.
    pub(crate) notified: Vec<String>,
    /// Which tags statuses have.
    pub(crate) tags: Vec<String>,
    /// Statuses by the keys under which they came.
    keys: HashMap<String, u64>,
    /// Whether it remembers no key: the hour is over.
    pub(crate) forgets: bool,
    /// What an instance says of itself; the second version is missing where it is null.
    pub(crate) about: (Value, Value),
    pub(crate) most: usize,
    /// So many looks until a picture is ready.
    pub(crate) looks: u32,
    /// What it answers to whatever needs a token or a scope, instead of anything else.
    pub(crate) refuses: Option<(u16, &'static str)>,
    next: u64,
}

pub(crate) type Server = Double<Instance>;

impl Server {
    pub(crate) async fn instance() -> Self {
        let limits = json!({ "max_characters": 500, "characters_reserved_per_url": 23, "max_media_attachments": 4 });
        let about = json!({ "configuration": { "statuses": limits } });
        Self::start(|url| Instance {
            url: url.to_owned(),
            statuses: Vec::new(),
            media: Vec::new(),
            notified: Vec::new(),
            tags: Vec::new(),
            keys: HashMap::new(),
            forgets: false,
            about: (about.clone(), about),
            most: 500,
            looks: 0,
            refuses: None,
            next: 109_000,
        })
        .await
    }

    /// What stands there, the earliest first.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        self.with(|instance| instance.statuses.clone())
    }
}

impl Interface for Instance {
    fn is_struck(&self, came: &Came) -> bool {
        came.method != "GET"
    }

    fn take(&mut self, came: &Came) -> Answer {
        let (path, query) = came.path.split_once('?').unwrap_or((&came.path, ""));
        let parts: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
        match parts.as_slice() {
            ["v2", "instance"] if self.about.0.is_null() => error(404, "Not Found"),
            ["v2", "instance"] => answer(200, &self.about.0),
            ["v1", "instance"] => answer(200, &self.about.1),
            _ if came.header("authorization") != format!("Bearer {TOKEN}") => error(401, "The access token is invalid"),
            ["v2", "media"] if self.refuses.is_some_and(|(status, _)| status == 403) => {
                error(403, "This action is outside the authorized scopes")
            }
            ["v2", "media"] => self.upload(came),
            _ if self.refuses.is_some_and(|(_, why)| !why.is_empty()) => {
                let (status, why) = self.refuses.unwrap();
                error(status, why)
            }
            ["v1", "media", id] => self.look(id),
            ["v1", "accounts", "verify_credentials"] => answer(200, &json!({ "id": "7", "acct": "kim" })),
            ["v1", "accounts", "7", "statuses"] => self.page(query),
            ["v1", "statuses"] => self.post(came),
            ["v1", "statuses", id] => self.standing(&came.method, id, &came.body),
            _ => error(404, "Not Found"),
        }
    }
}

impl Instance {
    /// `POST /api/v1/statuses`.
    fn post(&mut self, came: &Came) -> Answer {
        let key = came.header("idempotency-key").to_owned();
        if let Some(id) = self.keys.get(&key).filter(|_| !self.forgets && !key.is_empty()) {
            let known = self.statuses.iter().find(|status| status.id == *id).unwrap();
            return answer(200, &self.shown(known));
        }
        let status = Status {
            id: self.next,
            visibility: came.body["visibility"].as_str().unwrap_or("public").to_owned(),
            ..Status::default()
        };
        match self.written(status, &came.body) {
            Err(refused) => refused,
            Ok(status) => {
                self.next += 1;
                self.keys.insert(key, status.id);
                self.statuses.push(status.clone());
                self.tell(&status);
                answer(200, &self.shown(&status))
            }
        }
    }

    /// What is validated and taken over in any case: what is not sent is taken away.
    fn written(&self, status: Status, body: &Value) -> Result<Status, Answer> {
        let text = body["status"].as_str().unwrap_or_default().to_owned();
        let media: Vec<String> = body["media_ids"].as_array().into_iter().flatten().map(of).collect();
        let warning = body["spoiler_text"].as_str().unwrap_or_default().to_owned();
        if text.trim().is_empty() && media.is_empty() {
            return Err(error(422, "Validation failed: Text can't be blank"));
        }
        if counted(&text) + counted(&warning) > self.most {
            return Err(error(422, &format!("Validation failed: Text character limit of {} exceeded", self.most)));
        }
        let is_ready = |id: &String| id.parse().ok().and_then(|at: usize| self.media.get(at)).map(|one| one.looks == 0);
        if media.iter().any(|id| is_ready(id) != Some(true)) {
            return Err(error(422, "Cannot attach files that have not finished processing. Try again in a moment!"));
        }
        Ok(Status { text, media, warning, language: body["language"].as_str().map(str::to_owned), ..status })
    }

    fn tell(&mut self, status: &Status) {
        let mention = Regex::new(r"(^|[^=/\w])@([A-Za-z0-9_]+([.-]+[A-Za-z0-9_]+)*)").unwrap();
        self.notified.extend(mention.captures_iter(&status.text).map(|found| found[2].to_owned()));
        let tag = Regex::new(r"(^|[^=/)\p{Alphabetic}\p{N}])[#＃]([\w·]*[\p{Alphabetic}][\w·]*)").unwrap();
        self.tags.extend(tag.captures_iter(&status.text).map(|found| found[2].to_owned()));
    }

    fn standing(&mut self, method: &str, id: &str, body: &Value) -> Answer {
        let Some(at) = self.statuses.iter().position(|status| status.id.to_string() == id) else {
            return error(404, "Record not found");
        };
        match method {
            "GET" => answer(200, &self.shown(&self.statuses[at])),
            "DELETE" => answer(200, &json!({ "id": id, "text": self.statuses.remove(at).text })),
            "PUT" => match self.written(self.statuses[at].clone(), body) {
                Err(refused) => refused,
                Ok(status) => {
                    self.tell(&status);
                    self.statuses[at] = status;
                    answer(200, &self.shown(&self.statuses[at]))
                }
            },
            _ => error(405, "Method Not Allowed"),
        }
    }

    /// `GET /api/v1/accounts/:id/statuses`, the latest first.
    fn page(&self, query: &str) -> Answer {
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(known, _)| *known == name).find_map(|(_, value)| value.parse::<u64>().ok())
        };
        let (limit, below) = (value("limit").unwrap_or(20).min(40), value("max_id").unwrap_or(u64::MAX));
        let latest = self.statuses.iter().rev().filter(|status| status.id < below);
        let page = latest.take(usize::try_from(limit).unwrap());
        answer(200, &Value::Array(page.map(|status| self.shown(status)).collect()))
    }

    fn shown(&self, status: &Status) -> Value {
        let media = status.media.iter().map(|id| json!({ "id": id, "type": "image" }));
        json!({
            "id": status.id.to_string(),
            "url": format!("{}/@kim/{}", self.url, status.id),
            "content": content(&status.text),
            "visibility": status.visibility,
            "spoiler_text": status.warning,
            "sensitive": !status.warning.is_empty(),
            "media_attachments": media.collect::<Vec<_>>(),
            "reblog": null,
            "card": null,
        })
    }

    /// `POST /api/v2/media`: the parts of the form as RFC 7578 has them.
    fn upload(&mut self, came: &Came) -> Answer {
        let boundary = came.header("content-type").split_once("boundary=").unwrap().1;
        let body = String::from_utf8_lossy(&came.bytes).into_owned();
        let (line, parts) = (format!("--{boundary}"), |name: &str| format!("name=\"{name}\""));
        let part = |name: &str| {
            let part = body.split(&line).find(|part| part.contains(&parts(name)))?;
            part.split_once("\r\n\r\n").map(|(_, value)| value.trim_end_matches("\r\n").to_owned())
        };
        let Some(file) = part("file") else { return error(422, "Validation failed: File can't be blank") };
        if file.contains("no picture") {
            return error(422, "Validation failed: File content type is invalid, File is invalid");
        }
        let description = part("description").unwrap_or_default();
        self.media.push(Media { description, bytes: file.into_bytes(), looks: self.looks });
        let told = json!({ "id": (self.media.len() - 1).to_string(), "type": "image", "url": null });
        answer(if self.looks == 0 { 200 } else { 202 }, &told)
    }

    /// `GET /api/v1/media/:id`.
    fn look(&mut self, id: &str) -> Answer {
        let Some(media) = id.parse().ok().and_then(|at: usize| self.media.get_mut(at)) else {
            return error(404, "Record not found");
        };
        media.looks = media.looks.saturating_sub(1);
        answer(if media.looks == 0 { 200 } else { 206 }, &json!({ "id": id, "type": "image" }))
    }
}

fn of(id: &Value) -> String {
    id.as_str().unwrap().to_owned()
}

/// `StatusLengthValidator`.
pub(crate) fn counted(text: &str) -> usize {
    let url = Regex::new(
        r"(?i)(^|[^a-z0-9@$#])https?://(?:[a-z0-9-]+\.)+(?:com|org|net)(?:/[^\s<>()?]*[^\s<>()?!*\x22';:=,.$%\[\]~&|@])?(?:\?[a-z0-9!*';:&=+$/%#\[\]_.,~|@^-]*[a-z0-9_&=#/-])?",
    );
    let text = url.unwrap().replace_all(text, |found: &regex::Captures<'_>| format!("{}{}", &found[1], "x".repeat(23)));
    let mention = Regex::new(r"(^|[^=/\w])(@[A-Za-z0-9_]+(?:[.-]+[A-Za-z0-9_]+)*)@[\w.-]+\w").unwrap();
    mention.replace_all(&text, "$1$2").graphemes(true).count()
}

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(https?://)([^\s<>()]{1,30})([^\s<>()]*)").unwrap());

/// What it makes of a text: paragraphs, and addresses as links of three parts.
fn content(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let link = "<a href=\"$1$2$3\" target=\"_blank\" rel=\"nofollow noopener\" translate=\"no\"><span class=\"invisible\">$1</span><span class=\"ellipsis\">$2</span><span class=\"invisible\">$3</span></a>";
    let linked = LINK.replace_all(&escaped, link);
    format!("<p>{}</p>", linked.replace("\n\n", "</p><p>").replace('\n', "<br />"))
}

fn answer(status: u16, told: &Value) -> Answer {
    let limits = "x-ratelimit-limit: 300\r\nx-ratelimit-remaining: 299\r\nx-ratelimit-reset: 2026-11-22T09:00:00.000000Z\r\ncontent-type: application/json; charset=utf-8\r\n";
    (status, limits.to_owned(), told.to_string())
}

fn error(status: u16, why: &str) -> Answer {
    answer(status, &json!({ "error": why }))
}
