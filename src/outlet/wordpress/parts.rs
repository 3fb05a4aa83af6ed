//! What a post there is made of beside its words: tags, categories, an author and
//! pictures, all of which WordPress knows by numbers of its own. Each is found again
//! when an attempt is repeated.

use super::api::{Api, code};
use crate::domain::html::CleanHtml;
use crate::domain::outlet::{Manuscript, Outcome};
use crate::domain::slug::Slug;
use crate::domain::text::plain_text;
use crate::net::Method;
use crate::outlet::answer::{before, json};
use crate::outlet::pictures::{self, Links};
use crate::render;
use serde_json::{Value, json};

/// The most tags of a post.
const MOST_TAGS: usize = 30;
/// The longest name of a tag or a category (`wp_terms.name`).
const LONGEST_NAME: usize = 200;
/// So many characters stand for a picture that cannot be seen.
const LONGEST_ALT: usize = 500;

/// Pictures that were uploaded: addresses before and after, and the number of the one that stands for the post.
#[derive(Default)]
pub(super) struct Uploaded {
    pub(super) links: Links,
    pub(super) featured: Option<u64>,
}

/// Finds things, and makes those that are missing.
pub(super) struct Parts<'a> {
    pub(super) api: &'a Api,
    pub(super) outlet: &'a Slug,
}

impl Parts<'_> {
    /// The numbers of names among `tags` or `categories`. One that WordPress will not have is left out.
    pub(super) async fn terms(&self, of: &str, names: &[String]) -> Result<Vec<u64>, Outcome> {
        let mut numbers = Vec::new();
        for name in names.iter().take(MOST_TAGS) {
            let number = if name.chars().count() > LONGEST_NAME { None } else { self.term(of, name).await? };
            match number {
                Some(number) if numbers.contains(&number) => {}
                Some(number) => numbers.push(number),
                None => {
                    tracing::info!(outlet = %self.outlet, name, "{of} are without a name that WordPress does not take");
                }
            }
        }
        Ok(numbers)
    }

    /// The number of one name. A tag is made at once: of one that is there, the refusal tells the number
    /// (`term_exists`). A category is looked up before: one that is below another would be made again beside it.
    async fn term(&self, of: &str, name: &str) -> Result<Option<u64>, Outcome> {
        let is_category = of == "categories";
        if is_category && let Some(known) = self.known_term(of, name).await? {
            return Ok(Some(known));
        }
        let answer = self.api.send(self.api.request(Method::POST, of, &[]).json(json!({ "name": name }))).await;
        let (value, code) = (answer.as_ref().map(json).unwrap_or_default(), code(&answer));
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        if let Some(known) = value.pointer("/data/term_id").filter(|_| code == "term_exists").and_then(Value::as_u64) {
            return Ok(Some(known));
        }
        match before(self.api.judge(answer, |_| None)) {
            Outcome::Done(_) => Ok(number(&value)),
            // Not everybody may make one; whether it is there, everybody may know.
            Outcome::Refused(_) if status == 403 && !is_category => self.known_term(of, name).await,
            Outcome::Refused(_) if matches!(status, 400 | 403) => Ok(None),
            other => Err(other),
        }
    }

    async fn known_term(&self, of: &str, name: &str) -> Result<Option<u64>, Outcome> {
        // Names are stored as HTML, and searched as they are stored.
        let search = name.split(['&', '<', '>', '"', '\'']).max_by_key(|part| part.len()).unwrap_or_default().trim();
        let query = [("search", search), ("per_page", "100"), ("_fields", "id,name,parent")];
        let found = self.api.ask(self.api.request(Method::GET, of, &query)).await?;
        let is_it = |term: &&Value| {
            let known = term.get("name").and_then(Value::as_str).unwrap_or_default();
            plain_text(known).to_lowercase() == name.to_lowercase()
        };
        // Of several, one that is below no other.
        let parent = |term: &&Value| term.get("parent").and_then(Value::as_u64);
        Ok(found.as_array().into_iter().flatten().filter(is_it).min_by_key(parent).and_then(number))
    }

    /// The number of an author, who is named by it or by a slug.
    pub(super) async fn author(&self, author: &str) -> Result<u64, Outcome> {
        if let Ok(number) = author.parse() {
            return Ok(number);
        }
        let query = [("slug", author), ("_fields", "id")];
        let found = self.api.ask(self.api.request(Method::GET, "users", &query)).await?;
        found.get(0).and_then(number).ok_or_else(|| {
            Outcome::Refused(format!(
                "WordPress shows no user `{author}`: write the author's number, which stands in the address of their profile as user_id"
            ))
        })
    }

    /// Uploads a post's pictures, each once however often it is tried.
    pub(super) async fn upload(&self, manuscript: &Manuscript, featured: bool) -> Result<Uploaded, Outcome> {
        let own = manuscript.image.as_ref().filter(|_| featured).map(ToString::to_string);
        let mut uploaded = Uploaded::default();
        for address in pictures::of(manuscript, featured) {
            let Some((number, url)) = self.picture(&address, &manuscript.html).await? else { continue };
            if own.as_ref() == Some(&address) {
                uploaded.featured = Some(number);
            }
            uploaded.links.insert(address, url);
        }
        Ok(uploaded)
    }

    /// The number and the address of a picture in the media library, where its name is the digest of where it stood.
    async fn picture(&self, address: &str, html: &CleanHtml) -> Result<Option<(u64, String)>, Outcome> {
        let name = pictures::name_of(address);
        let name = name.split('.').next().unwrap_or_default();
        let fields = ("_fields", "id,source_url");
        let found = self.api.ask(self.api.request(Method::GET, "media", &[("slug", name), fields])).await?;
        if let Some(known) = found.get(0).and_then(medium) {
            return Ok(Some(known));
        }
        let Some(picture) = pictures::fetch(self.api.client(), self.outlet, address).await else { return Ok(None) };
        let alt: String = render::alt_of(html, address).unwrap_or_default().chars().take(LONGEST_ALT).collect();
        let request = self.api.request(Method::POST, "media", &[("alt_text", alt.as_str()), fields]);
        let disposition = format!("attachment; filename=\"{}\"", picture.name);
        let request = request.header("content-disposition", disposition).bytes(picture.media_type, picture.bytes);
        let answer = self.api.send(request).await;
        let value = answer.as_ref().map(json).unwrap_or_default();
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        match before(self.api.judge(answer, |_| None)) {
            Outcome::Done(_) => Ok(medium(&value)),
            Outcome::Refused(why) if matches!(status, 401 | 403) => Err(Outcome::Refused(why)),
            // WordPress says with 500 that it does not like a file.
            Outcome::Refused(why) | Outcome::Later { why, .. }
                if status == 500 || (400..500).contains(&status) && status != 429 =>
            {
                tracing::info!(outlet = %self.outlet, why, "a picture stays linked");
                Ok(None)
            }
            other => Err(other),
        }
    }
}

fn number(thing: &Value) -> Option<u64> {
    thing.get("id")?.as_u64()
}

fn medium(thing: &Value) -> Option<(u64, String)> {
    let url = thing.get("source_url")?.as_str()?;
    Some((number(thing)?, url.to_owned())).filter(|_| url.starts_with("http://") || url.starts_with("https://"))
}
