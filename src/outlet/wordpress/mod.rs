//! A site of WordPress, by its REST interface (`wp/v2`) and an application password.
//!
//! Invariant: the slug of each post ends in the beginning of its key, by which the post
//! is found again, whatever its title has become.

mod api;
mod content;
mod parts;

use super::Protocol;
use crate::clock::Clock;
use crate::domain::outlet::{Draft, Found, Gone, Manuscript, Outcome, Pictures, Receipt, WordPress};
use crate::domain::slug::Slug;
use crate::domain::text::escape;
use crate::net::{Client, Method};
use api::{Api, code};
use futures_util::future::BoxFuture;
use parts::{Parts, Uploaded};
use serde_json::{Map, Value, json};

/// What is asked of posts.
const FIELDS: (&str, &str) = ("_fields", "id,slug,status,link");

/// The site.
pub(super) struct Site {
    outlet: Slug,
    settings: WordPress,
    api: Api,
    clock: Clock,
}

impl Site {
    pub(super) fn new(outlet: Slug, site: WordPress, client: &Client, clock: &Clock) -> Self {
        Self { outlet, api: Api::new(&site, client), settings: site, clock: clock.clone() }
    }

    /// What changes with the post.
    fn words(&self, it: &Manuscript, uploaded: &Uploaded) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("title", json!(escape(&it.title)));
        put("content", json!(content::content(&it.html, &uploaded.links)));
        put("excerpt", json!(escape(&it.excerpt)));
        if let Some(number) = uploaded.featured {
            put("featured_media", json!(number));
        }
        if let (Some(key), Some(url)) = (&self.settings.canonical_meta, &it.url) {
            put("meta", json!({ key: url }));
        }
        fields
    }

    /// What is said once, when it is new; whatever a person there made of it afterwards stays.
    fn place(&self, it: &Manuscript) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("slug", json!(it.address()));
        match self.settings.schedule {
            _ if it.draft => put("status", json!("draft")),
            None => put("status", json!("publish")),
            Some(span) => {
                let at = self.clock.now().plus(span).to_datetime();
                put("status", json!("future"));
                put("date_gmt", json!(at.format("%Y-%m-%dT%H:%M:%S").to_string()));
            }
        }
        fields
    }

    fn uploads(&self) -> bool {
        self.settings.pictures == Pictures::Upload
    }

    fn parts(&self) -> Parts<'_> {
        Parts { api: &self.api, outlet: &self.outlet }
    }

    async fn uploaded(&self, it: &Manuscript) -> Result<Uploaded, Outcome> {
        if self.uploads() { self.parts().upload(it, self.settings.featured).await } else { Ok(Uploaded::default()) }
    }

    /// The fields of a new post, with the numbers of all that it names.
    async fn made(&self, it: &Manuscript) -> Result<Value, Outcome> {
        let parts = self.parts();
        let uploaded = self.uploaded(it).await?;
        let mut fields = self.place(it);
        fields.extend(self.words(it, &uploaded));
        let categories = parts.terms("categories", &self.settings.categories).await?;
        if !categories.is_empty() {
            fields.insert("categories".to_owned(), json!(categories));
        }
        fields.insert("tags".to_owned(), json!(parts.terms("tags", &it.tags).await?));
        if let Some(author) = &self.settings.author {
            fields.insert("author".to_owned(), json!(parts.author(author).await?));
        }
        Ok(Value::Object(fields))
    }

    async fn changed(&self, it: &Manuscript) -> Result<Map<String, Value>, Outcome> {
        let uploaded = self.uploaded(it).await?;
        let mut fields = self.words(it, &uploaded);
        fields.insert("tags".to_owned(), json!(self.parts().terms("tags", &it.tags).await?));
        Ok(fields)
    }

    /// What the refusal of a new post means. WordPress writes a post before it judges its terms, its meta and what
    /// plugins add to it, and takes nothing back: so it is asked whether the post stands there.
    async fn refused(&self, it: &Manuscript, why: String) -> Outcome {
        match self.look(it, &[("slug", &it.address())]).await {
            Ok(Some(receipt)) => {
                self.note_missing(it, &why);
                Outcome::Done(receipt)
            }
            Ok(None) | Err(Outcome::Refused(_)) => Outcome::Refused(why),
            Err(_) => Outcome::InDoubt(why),
        }
    }

    fn note_missing(&self, it: &Manuscript, why: &str) {
        tracing::warn!(outlet = %self.outlet, post = %it.post, why, "a post stands in WordPress without all that belongs to it");
    }

    /// The first of the posts that a query finds whose slug is this one's.
    async fn look(&self, it: &Manuscript, query: &[(&str, &str)]) -> Result<Option<Receipt>, Outcome> {
        let query = [&[("status", "any"), ("context", "edit"), FIELDS], query].concat();
        let posts = self.api.ask(self.api.request(Method::GET, "posts", &query)).await?;
        let ends = |post: &&Value| {
            let slug = post.get("slug").and_then(Value::as_str).unwrap_or_default();
            slug.rsplit('-').next() == Some(it.mark())
        };
        Ok(posts.as_array().into_iter().flatten().find(ends).and_then(receipt))
    }

    async fn tried(&self) -> Outcome {
        let me = match self.api.ask(self.api.request(Method::GET, "users/me", &[("context", "edit")])).await {
            Ok(me) => me,
            Err(outcome) => return outcome,
        };
        let may = |what: &str| me.pointer(&format!("/capabilities/{what}")).and_then(Value::as_bool) == Some(true);
        let name = me.get("name").and_then(Value::as_str).unwrap_or(&self.settings.user);
        if !may("edit_posts") {
            return Outcome::Refused(format!(
                "WordPress knows {name}, who may write no posts: give them the role Author"
            ));
        }
        if self.uploads() && !may("upload_files") {
            return Outcome::Refused(format!(
                "WordPress knows {name}, who may upload no files: give them the role Author, or write `images = \"link\"`"
            ));
        }
        let publish = if may("publish_posts") {
            "publish posts"
        } else {
            "keep drafts, and publish nothing: write `draft = true`, or give them the role Author"
        };
        let files = if may("upload_files") { " and upload files" } else { "" };
        let meta = match &self.settings.canonical_meta {
            Some(key) if !self.knows_meta(key).await => {
                format!("; it does not know the meta key {key}, which its plugin must register for REST")
            }
            _ => String::new(),
        };
        Outcome::Done(Receipt { id: format!("WordPress knows {name}, who may {publish}{files}{meta}"), url: None })
    }

    /// Whether posts have a meta key that can be set (the schema that `OPTIONS` answers with).
    async fn knows_meta(&self, key: &str) -> bool {
        let schema = self.api.ask(self.api.request(Method::OPTIONS, "posts", &[])).await.unwrap_or_default();
        schema.pointer("/schema/properties/meta/properties").is_some_and(|keys| keys.get(key).is_some())
    }
}

impl Protocol for Site {
    fn draft(&self, it: &Manuscript) -> Draft {
        let mut fields = self.place(it);
        fields.extend(self.words(it, &Uploaded::default()));
        for (name, value) in [("categories", &self.settings.categories), ("tags", &it.tags)] {
            if !value.is_empty() {
                fields.insert(name.to_owned(), json!(value));
            }
        }
        if let Some(author) = &self.settings.author {
            fields.insert("author".to_owned(), json!(author));
        }
        let request = self.api.request(Method::POST, "posts", &[FIELDS]).json(Value::Object(fields));
        let mut parts = request.shown();
        let mut note = |name: &str, text: String| parts.push((name.to_owned(), text));
        if self.uploads() {
            for address in super::pictures::of(it, self.settings.featured) {
                note("picture", format!("{address} is uploaded, and shown from there"));
            }
        }
        note("numbers", "categories, tags and authors are sent as the numbers that they have there".to_owned());
        Draft(parts)
    }

    fn find<'a>(&'a self, it: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(async {
            let slug = it.address();
            let found = match self.look(it, &[("slug", &slug)]).await {
                // Its title may have become another since: then it is one of the latest.
                Ok(None) => self.look(it, &[("orderby", "id"), ("order", "desc"), ("per_page", "100")]).await,
                found => found,
            };
            match found {
                Ok(Some(receipt)) => Found::There(receipt),
                Ok(None) => Found::Missing,
                Err(Outcome::Later { why, after }) => Found::Later { why, after },
                Err(Outcome::Refused(why) | Outcome::InDoubt(why)) => Found::Later { why, after: None },
                Err(Outcome::Done(_)) => Found::CannotTell,
            }
        })
    }

    fn post<'a>(&'a self, it: &'a Manuscript) -> BoxFuture<'a, Outcome> {
        Box::pin(async {
            let fields = match self.made(it).await {
                Ok(fields) => fields,
                Err(outcome) => return outcome,
            };
            let answer = self.api.send(self.api.request(Method::POST, "posts", &[FIELDS]).json(fields)).await;
            match self.api.judge(answer, receipt) {
                Outcome::Done(receipt) if receipt.id.is_empty() => {
                    Outcome::InDoubt("it did not say which number the post has".to_owned())
                }
                Outcome::Refused(why) => self.refused(it, why).await,
                outcome => outcome,
            }
        })
    }

    fn update<'a>(&'a self, it: &'a Manuscript, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async {
            let mut fields = match self.changed(it).await {
                Ok(fields) => fields,
                Err(outcome) => return outcome,
            };
            let path = format!("posts/{}", at.id);
            let request =
                |fields: &Map<String, Value>| self.api.request(Method::POST, &path, &[FIELDS]).json(json!(fields));
            let mut answer = self.api.send(request(&fields)).await;
            if code(&answer) == "rest_cannot_update" && fields.remove("meta").is_some() {
                self.note_missing(it, "it does not let the user set the key of `canonical_meta`");
                answer = self.api.send(request(&fields)).await;
            }
            self.api.judge(answer, |told| receipt(told).or_else(|| Some(at.clone())))
        })
    }

    /// Into the bin, where a person finds it for thirty days; for good where there is none.
    fn delete<'a>(&'a self, _: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async {
            let path = format!("posts/{}", at.id);
            let mut answer = self.api.send(self.api.request(Method::DELETE, &path, &[])).await;
            if code(&answer) == "rest_trash_not_supported" {
                answer = self.api.send(self.api.request(Method::DELETE, &path, &[("force", "true")])).await;
            }
            match code(&answer).as_str() {
                "rest_post_invalid_id" | "rest_already_trashed" => Outcome::Done(at.clone()),
                _ => self.api.judge(answer, |_| Some(at.clone())),
            }
        })
    }

    fn test(&self) -> BoxFuture<'_, Outcome> {
        Box::pin(self.tried())
    }
}

/// What WordPress says of a post that it has. Only what is published stands where all can read it.
fn receipt(post: &Value) -> Option<Receipt> {
    let is_public = post.get("status").and_then(Value::as_str) == Some("publish");
    let link = post.get("link").and_then(Value::as_str).filter(|_| is_public);
    Some(Receipt { id: post.get("id")?.as_u64()?.to_string(), url: link.and_then(|link| link.parse().ok()) })
}
