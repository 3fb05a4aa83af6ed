//! Ghost's Admin API as Ghost 5.130 answers it, asked by hand: its tokens, its slugs,
//! its lengths, its errors, and what it does when two people save.

use super::double::{Answer, Came, Double, Interface};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

pub(super) const KEY_ID: &str = "6b0bbe0885d73109466ce74f";
pub(super) const SECRET: &str = "5ecf7a3c00112233445566778899aabbccddeeff00112233445566778899aabb";

#[derive(Default)]
pub(super) struct Site {
    /// Where it stands.
    at: String,
    pub(super) posts: Vec<Map<String, Value>>,
    /// Names of uploaded files, in order.
    pub(super) files: Vec<String>,
    /// So many posts are answered by 500 after they were taken.
    pub(super) breaks: usize,
    /// So often somebody else saves a post between looking and changing.
    pub(super) collides: usize,
    /// The next answers: status, headers, body.
    pub(super) answers: Vec<Answer>,
    /// Every post that is looked up seems to be missing so often.
    pub(super) hides: usize,
    saved: usize,
}

pub(super) type Ghost = Double<Site>;

impl Ghost {
    pub(super) async fn new() -> Self {
        Self::start(|at| Site { at: at.to_owned(), ..Site::default() }).await
    }

    pub(super) fn outlet(&self, bench: &crate::engines::Bench, more: &str) -> String {
        let file = super::secret(bench, "ghost-key", &format!("{KEY_ID}:{SECRET}\n"));
        let (url, file) = (self.url("/"), file.display());
        format!("[[outlet]]\nname = \"paper\"\nkind = \"ghost\"\nurl = \"{url}\"\nsecret_file = \"{file}\"\n{more}\n")
    }

    pub(super) fn posts(&self) -> Vec<Value> {
        self.with(|ghost| ghost.posts.iter().cloned().map(Value::Object).collect())
    }
}

impl Interface for Site {
    fn take(&mut self, came: &Came) -> Answer {
        if !self.answers.is_empty() {
            return self.answers.remove(0);
        }
        let (path, query) = came.path.split_once('?').unwrap_or((&came.path, ""));
        let Some(path) = path.strip_prefix("/ghost/api/admin/") else {
            return (404, "content-type: text/html\r\n".to_owned(), "<h1>404</h1>".to_owned());
        };
        assert!(path.ends_with('/'), "Ghost would redirect: {path}");
        if path == "site/" {
            let site = json!({ "site": { "title": "The Paper", "url": self.at, "version": "5.130" } });
            return (200, String::new(), site.to_string());
        }
        if let Err(why) = let_in(came) {
            return error(401, "UnauthorizedError", "INVALID_JWT", &why, "");
        }
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        match (came.method.as_str(), parts.as_slice()) {
            ("GET", ["posts"]) => self.browse(query),
            ("POST", ["posts"]) => self.add(came, query),
            ("GET", ["posts", id]) => self.read(id, query),
            ("PUT", ["posts", id]) => self.edit(id, came, query),
            ("DELETE", ["posts", id]) => match self.posts.iter().position(|post| post["id"] == **id) {
                Some(at) => {
                    self.posts.remove(at);
                    (204, String::new(), String::new())
                }
                None => missing("delete"),
            },
            ("GET", ["users", "slug", "kim"] | ["users", "email", "kim%40example%2Eorg"]) => {
                (200, String::new(), json!({ "users": [{ "id": "1" }] }).to_string())
            }
            ("GET", ["users", ..]) => missing("read"),
            ("POST", ["images", "upload"]) => self.upload(came),
            _ => error(404, "NotFoundError", "", "Page not found", ""),
        }
    }
}

/// A token of the key, for five minutes at the most.
fn let_in(came: &Came) -> Result<(), String> {
    assert_eq!(came.header("accept-version"), "v5.0");
    let token = came.header("authorization").strip_prefix("Ghost ").ok_or("Authorization header format is wrong")?;
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err("Invalid token".to_owned()) };
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let (head, said) = (read(header), read(claims));
    if head["kid"] != KEY_ID {
        return Err("Unknown Admin API Key".to_owned());
    }
    let secret: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&SECRET[2 * at..2 * at + 2], 16).unwrap()).collect();
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&secret).unwrap();
    let right = mac.chain_update(format!("{header}.{claims}")).finalize().into_bytes();
    if URL_SAFE_NO_PAD.encode(right) != *signature || head["alg"] != "HS256" {
        return Err("Invalid token: invalid signature".to_owned());
    }
    if said["aud"] != "/admin/" {
        return Err("Invalid token: jwt audience invalid".to_owned());
    }
    let (from, to) = (said["iat"].as_i64().unwrap(), said["exp"].as_i64().unwrap());
    // The tests' clocks begin on this day.
    if from < 1_795_305_600 {
        return Err("Invalid token: jwt expired".to_owned());
    }
    assert!(to > from && to - from <= 300);
    Ok(())
}

pub(super) fn error(status: u16, kind: &str, code: &str, message: &str, context: &str) -> Answer {
    let code = if code.is_empty() { Value::Null } else { json!(code) };
    let context = if context.is_empty() { Value::Null } else { json!(context) };
    let error = json!({ "message": message, "context": context, "type": kind, "details": null, "code": code });
    (status, String::new(), json!({ "errors": [error] }).to_string())
}

fn missing(deed: &str) -> Answer {
    error(404, "NotFoundError", "", &format!("Resource not found error, cannot {deed} post."), "Post not found.")
}

fn invalid(context: &str) -> Answer {
    error(422, "ValidationError", "", "Validation error, cannot save post.", context)
}

impl Site {
    fn shown(&self, status: u16, post: &Map<String, Value>, query: &str) -> Answer {
        let mut post = post.clone();
        let slug = post["slug"].as_str().unwrap().to_owned();
        let url = if post["status"] == "draft" { "/p/uuid/".to_owned() } else { format!("/{slug}/") };
        post.insert("url".to_owned(), json!(format!("{}{url}", self.at)));
        if !query.contains("formats=html") {
            post.remove("html");
        }
        (status, String::new(), json!({ "posts": [post] }).to_string())
    }

    fn browse(&mut self, query: &str) -> Answer {
        let filter = query.split('&').find_map(|pair| pair.strip_prefix("filter=slug%3A~%24%27")?.strip_suffix("%27"));
        let ends = |post: &&Map<String, Value>| filter.is_none_or(|end| post["slug"].as_str().unwrap().ends_with(end));
        let found = self.posts.iter().find(ends).cloned();
        if self.hides > 0 {
            self.hides -= 1;
            return (200, String::new(), json!({ "posts": [] }).to_string());
        }
        match found {
            Some(post) => self.shown(200, &post, query),
            None => (200, String::new(), json!({ "posts": [], "meta": {} }).to_string()),
        }
    }

    fn add(&mut self, came: &Came, query: &str) -> Answer {
        assert!(query.contains("source=html"), "{query}");
        let Some(told) = came.body["posts"][0].as_object() else { return invalid("posts") };
        if let Some(wrong) = wrong(told) {
            return invalid(&wrong);
        }
        let mut post = told.clone();
        let slug = self.slug(told["slug"].as_str().unwrap_or_default());
        self.saved += 1;
        post.insert("id".to_owned(), json!(format!("{:024x}", 0xabcd_0000 + self.saved)));
        post.insert("slug".to_owned(), json!(slug));
        post.insert("updated_at".to_owned(), json!(format!("2026-11-22T00:00:{:02}.000Z", self.saved % 60)));
        self.posts.push(post.clone());
        if self.breaks > 0 {
            self.breaks -= 1;
            return error(
                500,
                "InternalServerError",
                "UNEXPECTED_ERROR",
                "Internal server error, cannot save post.",
                "",
            );
        }
        self.shown(201, &post, query)
    }

    /// In Latin letters, and unlike all others.
    fn slug(&self, wanted: &str) -> String {
        let latin: String = wanted
            .chars()
            .map(|c| if c.is_ascii() { c.to_string() } else { "han".to_owned() })
            .collect::<String>()
            .to_lowercase();
        let latin = latin[..latin.len().min(185)].trim_matches('-').to_owned();
        let is_free = |slug: &str| !self.posts.iter().any(|post| post["slug"] == slug);
        let others = (2..).map(|number| format!("{latin}-{number}"));
        std::iter::once(latin.clone()).chain(others).find(|slug| is_free(slug)).unwrap()
    }

    fn read(&mut self, id: &str, query: &str) -> Answer {
        let found = self.posts.iter().find(|post| post["id"] == id).cloned();
        let answer = found.map_or_else(|| missing("read"), |post| self.shown(200, &post, query));
        if self.collides > 0 && !query.contains("formats=html") {
            self.collides -= 1;
            let post = self.posts.iter_mut().find(|post| post["id"] == id).unwrap();
            self.saved += 1;
            post.insert("updated_at".to_owned(), json!(format!("2026-11-22T01:00:{:02}.000Z", self.saved % 60)));
        }
        answer
    }

    fn edit(&mut self, id: &str, came: &Came, query: &str) -> Answer {
        assert!(query.contains("source=html"), "{query}");
        let Some(told) = came.body["posts"][0].as_object() else { return invalid("posts") };
        if let Some(wrong) = wrong(told) {
            return invalid(&wrong);
        }
        self.saved += 1;
        let saved = format!("2026-11-22T02:00:{:02}.000Z", self.saved % 60);
        let Some(post) = self.posts.iter_mut().find(|post| post["id"] == id) else { return missing("edit") };
        if !told.contains_key("updated_at") {
            return invalid("Validation failed for posts[0].");
        }
        if told["updated_at"] != post["updated_at"] {
            let words = "Saving failed! Someone else is editing this post.";
            return error(409, "UpdateCollisionError", "UPDATE_COLLISION", words, words);
        }
        post.extend(told.clone());
        post.insert("updated_at".to_owned(), json!(saved));
        let post = post.clone();
        self.shown(200, &post, query)
    }

    fn upload(&mut self, came: &Came) -> Answer {
        let text = String::from_utf8_lossy(&came.bytes).into_owned();
        assert!(came.header("content-type").starts_with("multipart/form-data; boundary="));
        let named = text.split("name=\"file\"; filename=\"").nth(1).and_then(|rest| rest.split_once('"'));
        let Some((name, rest)) = named else { return error(422, "ValidationError", "", "Please select an image.", "") };
        if !rest.contains("Content-Type: image/") {
            return error(415, "UnsupportedMediaTypeError", "", "Please select a valid image.", "");
        }
        if rest.contains("broken") {
            let context = "Image processing failed Unable to manipulate image.";
            return error(400, "BadRequestError", "", "Request not understood error, cannot upload image.", context);
        }
        let again = self.files.iter().filter(|file| *file == name).count();
        self.files.push(name.to_owned());
        let (stem, ending) = name.split_once('.').unwrap();
        let stored = if again == 0 { name.to_owned() } else { format!("{stem}-{again}.{ending}") };
        let url = format!("{}/content/images/2026/11/{stored}", self.at);
        (201, String::new(), json!({ "images": [{ "url": url, "ref": null }] }).to_string())
    }
}

/// What the schema does not allow.
fn wrong(post: &Map<String, Value>) -> Option<String> {
    let length = |key: &str| post.get(key).and_then(Value::as_str).map_or(0, |text| text.chars().count());
    let most =
        [("title", 255), ("custom_excerpt", 300), ("feature_image_alt", 191), ("canonical_url", 2_000), ("slug", 191)];
    if let Some((key, most)) = most.into_iter().find(|(key, most)| length(key) > *most) {
        return Some(format!("Value in [posts.{key}] exceeds maximum length of {most} characters."));
    }
    for key in ["newsletter", "email_segment", "email_only"] {
        assert!(!post.contains_key(key), "a mail would be sent: {key}");
    }
    let tags = post.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_name = |tag: &Value| tag["name"].as_str().is_some_and(|name| (1..=191).contains(&name.chars().count()));
    if !tags.iter().all(is_name) {
        return Some("Value in [tags.name] cannot be blank.".to_owned());
    }
    post.get("title")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
        .then(|| "Validation failed for title.".to_owned())
}
