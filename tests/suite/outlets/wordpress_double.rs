//! WordPress's REST interface, as WordPress 6.1 was seen to answer: `wp/v2` with
//! application passwords, in both forms of its address.

use super::double::{Answer, Came, Interface};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;

pub(super) struct WordPress {
    site: String,
    /// The role of the one user there, `kim`, whose application password is `abcd EFGH`.
    pub(super) role: &'static str,
    pub(super) posts: Vec<Value>,
    pub(super) tags: Vec<Value>,
    pub(super) categories: Vec<Value>,
    pub(super) media: Vec<Value>,
    /// So many new posts are taken, and answered by 500.
    pub(super) breaks: usize,
    /// Whether what is deleted goes to the bin (`EMPTY_TRASH_DAYS`).
    pub(super) bin: bool,
    /// Whether the user may set the meta keys that are registered.
    pub(super) sets_meta: bool,
    next: u64,
}

impl WordPress {
    pub(super) fn at(site: &str) -> Self {
        let categories = vec![
            json!({ "id": 1, "name": "Uncategorized" }),
            json!({ "id": 2, "name": "News &amp; Co" }),
            json!({ "id": 3, "name": "Letters", "parent": 2 }),
        ];
        let (posts, tags, media) = (Vec::new(), Vec::new(), Vec::new());
        let (site, role, breaks, bin, sets_meta, next) = (site.to_owned(), "author", 0, true, true, 10);
        Self { site, role, posts, tags, categories, media, breaks, bin, sets_meta, next }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn may(&self, what: &str) -> bool {
        match what {
            "edit_posts" => true,
            "publish_posts" | "upload_files" => self.role != "contributor",
            _ => self.role == "editor",
        }
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    (status, "content-type: application/json; charset=UTF-8\r\n".to_owned(), body.to_string())
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    answer(status, &json!({ "code": code, "message": message, "data": { "status": status } }))
}

/// Meta keys are judged last, when all the rest is written.
fn no_meta() -> Answer {
    let message = "Sorry, you are not allowed to edit the _yoast_wpseo_canonical custom field.";
    refused(403, "rest_cannot_update", message)
}

/// `sanitize_title`: lower case, percent-encoded, 200 bytes at the most.
fn sanitised(slug: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(slug, percent_encoding::NON_ALPHANUMERIC).to_string();
    let slug = encoded.replace("%2D", "-").to_lowercase();
    slug.get(..slug.len().min(200)).unwrap_or_default().to_owned()
}

impl Interface for WordPress {
    fn take(&mut self, came: &Came) -> Answer {
        let url = url::Url::parse(&format!("{}{}", self.site, came.path)).unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let route = match query.get("rest_route") {
            Some(route) if url.path() == "/" => route.clone(),
            _ => match url.path().strip_prefix("/wp-json") {
                Some(route) => route.to_owned(),
                None => return (200, "content-type: text/html\r\n".to_owned(), "<!doctype html>A site".to_owned()),
            },
        };
        let pair = came.header("authorization").strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
        // A wrong password is no error: whoever asks is a stranger then.
        let is_known = pair.is_some_and(|pair| pair == b"kim:abcd EFGH");
        let path: Vec<&str> = route.trim_start_matches("/wp/v2/").split('/').collect();
        match (came.method.as_str(), path.as_slice()) {
            ("GET", ["users", "me"]) => self.me(is_known),
            ("GET", ["users"]) => {
                let known = if query["slug"] == "kim" { json!([{ "id": 2 }]) } else { json!([]) };
                answer(200, &known)
            }
            ("POST", [kind @ ("tags" | "categories")]) => self.make_term(kind, is_known, &came.body),
            ("GET", ["categories"]) => {
                // Names are stored as HTML, and searched as they are stored.
                let search = query["search"].to_lowercase();
                let has = |term: &&Value| term["name"].as_str().unwrap().to_lowercase().contains(&search);
                let found = self.categories.iter().filter(has);
                answer(200, &found.cloned().collect())
            }
            ("GET", ["media"]) => {
                let found = self.media.iter().filter(|medium| medium["slug"] == query["slug"].as_str());
                answer(200, &found.cloned().collect())
            }
            ("POST", ["media"]) => self.upload(is_known, came, &query),
            ("GET", ["posts"]) => self.list(is_known, &query),
            ("OPTIONS", ["posts"]) => {
                let meta = json!({ "properties": { "_yoast_wpseo_canonical": {} } });
                answer(200, &json!({ "schema": { "properties": { "meta": meta } } }))
            }
            ("POST", ["posts"]) => self.create(is_known, &came.body),
            ("POST" | "DELETE", ["posts", id]) => self.change(came, id, is_known),
            _ => refused(404, "rest_no_route", "No route was found matching the URL and request method."),
        }
    }
}

impl WordPress {
    fn me(&self, is_known: bool) -> Answer {
        if !is_known {
            return refused(401, "rest_not_logged_in", "You are not currently logged in.");
        }
        let may = ["edit_posts", "publish_posts", "upload_files"].into_iter().filter(|what| self.may(what));
        let capabilities: HashMap<&str, bool> = may.map(|what| (what, true)).collect();
        answer(200, &json!({ "id": 2, "name": "Kim", "slug": "kim", "capabilities": capabilities }))
    }

    fn make_term(&mut self, kind: &str, is_known: bool, told: &Value) -> Answer {
        if !is_known || (kind == "categories" && !self.may("manage_categories")) {
            let status = if is_known { 403 } else { 401 };
            return refused(
                status,
                "rest_cannot_create",
                "Sorry, you are not allowed to create terms in this taxonomy.",
            );
        }
        let number = self.number();
        let terms = if kind == "tags" { &mut self.tags } else { &mut self.categories };
        let name = told["name"].as_str().unwrap().replace('&', "&amp;");
        // A category is told from those below the same one only.
        let top = |term: &&Value| term["parent"].as_u64().unwrap_or(0) == 0;
        let named = |term: &&Value| term["name"].as_str().unwrap().eq_ignore_ascii_case(&name);
        if let Some(term) = terms.iter().filter(top).find(named) {
            let message = "A term with the name provided already exists in this taxonomy.";
            let data = json!({ "status": 400, "term_id": term["id"] });
            return answer(400, &json!({ "code": "term_exists", "message": message, "data": data }));
        }
        let term = json!({ "id": number, "name": name });
        terms.push(term.clone());
        answer(201, &term)
    }

    fn upload(&mut self, is_known: bool, came: &Came, query: &HashMap<String, String>) -> Answer {
        if !is_known || !self.may("upload_files") {
            let status = if is_known { 403 } else { 401 };
            return refused(status, "rest_cannot_create", "Sorry, you are not allowed to upload media on this site.");
        }
        let disposition = came.header("content-disposition");
        let Some(name) = disposition.strip_prefix("attachment; filename=\"").and_then(|name| name.strip_suffix('"'))
        else {
            return refused(400, "rest_upload_invalid_disposition", "Invalid Content-Disposition supplied.");
        };
        if !came.bytes.starts_with(b"\x89PNG") || came.header("content-type") != "image/png" {
            return refused(500, "rest_upload_sideload_error", "Sorry, you are not allowed to upload this file type.");
        }
        let medium = json!({
            "id": self.number(), "slug": name.split('.').next(), "alt_text": query.get("alt_text"),
            "source_url": format!("{}/wp-content/uploads/2026/11/{name}", self.site),
        });
        self.media.push(medium.clone());
        answer(201, &medium)
    }

    fn list(&self, is_known: bool, query: &HashMap<String, String>) -> Answer {
        if !is_known {
            let details = json!({ "status": { "code": "rest_forbidden_status" } });
            let body =
                json!({ "code": "rest_invalid_param", "message": "Invalid parameter(s): status", "details": details });
            return answer(400, &body);
        }
        assert_eq!((query["status"].as_str(), query["context"].as_str()), ("any", "edit"));
        let slug = query.get("slug").map(|slug| sanitised(slug));
        // What is in the bin is in no list.
        let found = self.posts.iter().rev().filter(|post| post["status"] != "trash");
        let found = found.filter(|post| slug.as_ref().is_none_or(|slug| post["slug"] == slug.as_str()));
        let most = query.get("per_page").map_or(10, |most| most.parse().unwrap());
        answer(200, &found.take(most).cloned().collect())
    }

    fn create(&mut self, is_known: bool, told: &Value) -> Answer {
        let status = told["status"].as_str().unwrap_or("draft");
        if !is_known {
            return refused(401, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.");
        }
        if status != "draft" && !self.may("publish_posts") {
            return refused(
                403,
                "rest_cannot_publish",
                "Sorry, you are not allowed to publish posts in this post type.",
            );
        }
        if told["author"].as_u64().is_some_and(|author| author != 2) && !self.may("edit_others_posts") {
            return refused(403, "rest_cannot_edit_others", "Sorry, you are not allowed to create posts as this user.");
        }
        let number = self.number();
        let slug = sanitised(told["slug"].as_str().unwrap());
        let link =
            if status == "publish" { format!("{}/{slug}/", self.site) } else { format!("{}/?p={number}", self.site) };
        let mut post = told.clone();
        for (name, value) in [("id", json!(number)), ("slug", json!(slug)), ("link", json!(link))] {
            post[name] = value;
        }
        self.posts.push(post.clone());
        if !self.sets_meta && told["meta"].is_object() {
            return no_meta();
        }
        if self.breaks > 0 {
            self.breaks -= 1;
            return refused(500, "internal_server_error", "<p>There has been a critical error on this website.</p>");
        }
        answer(201, &post)
    }

    fn change(&mut self, came: &Came, id: &str, is_known: bool) -> Answer {
        if !is_known {
            return refused(401, "rest_cannot_edit", "Sorry, you are not allowed to edit this post.");
        }
        let Some(post) = self.posts.iter_mut().find(|post| post["id"].as_u64() == id.parse().ok()) else {
            return refused(404, "rest_post_invalid_id", "Invalid post ID.");
        };
        if came.method == "DELETE" {
            if post["status"] == "trash" {
                return refused(410, "rest_already_trashed", "The post has already been deleted.");
            }
            if !self.bin && !came.path.ends_with("&force=true") {
                let message = "The post does not support trashing. Set 'force=true' to delete.";
                return refused(501, "rest_trash_not_supported", message);
            }
            post["status"] = json!("trash");
        } else {
            for (name, value) in came.body.as_object().unwrap() {
                post[name] = value.clone();
            }
            if !self.sets_meta && came.body["meta"].is_object() {
                return no_meta();
            }
        }
        answer(200, post)
    }
}
