//! What a Micropub site says.

use crate::domain::outlet::{Found, Manuscript, Outcome, Receipt};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::net::Pushed;
use crate::outlet::answer::json;
use chrono::DateTime;
use dom_query::Document;
use serde_json::Value;

/// The endpoint that a page names.
pub(super) fn endpoint(page: &[u8], base: &HttpUrl) -> Option<HttpUrl> {
    let document = Document::from(String::from_utf8_lossy(page).into_owned());
    let links = document.select("link[rel~='micropub'][href]");
    base.join(links.nodes().first()?.attr("href")?.trim())
}

/// A post that was taken; one that stands there keeps its place unless the answer names another.
pub(super) fn taken(answer: &Pushed, endpoint: &HttpUrl, at: Option<&Receipt>) -> Outcome {
    match (place(answer, endpoint), at) {
        (Some(url), _) => Outcome::Done(Receipt { id: url.to_string(), url: Some(url) }),
        (None, Some(at)) => Outcome::Done(at.clone()),
        (None, None) => Outcome::InDoubt(format!("it answered {} without saying where the post is", answer.phrase)),
    }
}

/// What an answer made, by its `Location`.
pub(super) fn place(answer: &Pushed, base: &HttpUrl) -> Option<HttpUrl> {
    if !(200..300).contains(&answer.status) {
        return None;
    }
    base.join(answer.location.as_deref()?)
}

/// Where pictures go, by the answer to `q=config`.
pub(super) fn media_endpoint(answer: &Pushed, base: &HttpUrl) -> Option<HttpUrl> {
    if answer.status != 200 {
        return None;
    }
    base.join(json(answer).get("media-endpoint")?.as_str()?)
}

/// Looks for a post in the site's list of its latest.
pub(super) fn find(answer: &Pushed, manuscript: &Manuscript) -> Found {
    let told = json(answer);
    let Some(items) = told.get("items").and_then(Value::as_array) else { return Found::CannotTell };
    for item in items {
        if !is_ours(item, manuscript) {
            continue;
        }
        // Without an address it can be neither changed nor named.
        let url: Option<HttpUrl> = first(item, "url").and_then(|url| url.parse().ok());
        return url.map_or(Found::CannotTell, |url| Found::There(Receipt { id: url.to_string(), url: Some(url) }));
    }
    Found::Missing
}

/// By its address; where the site gives addresses of its own, by title and date.
fn is_ours(item: &Value, manuscript: &Manuscript) -> bool {
    if ["url", "mp-slug", "slug"]
        .into_iter()
        .any(|key| first(item, key).is_some_and(|text| text.contains(manuscript.mark())))
    {
        return true;
    }
    let published = first(item, "published").and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    first(item, "name") == Some(manuscript.title.as_str())
        && published.is_some_and(|at| Timestamp::from(at.to_utc()) == manuscript.published)
}

/// The first value of a property.
fn first<'a>(item: &'a Value, key: &str) -> Option<&'a str> {
    item.get("properties")?.get(key)?.get(0)?.as_str()
}

/// What an error says (section 3.8), and what can be done about it.
pub(super) fn words(answer: &Pushed) -> Option<String> {
    let told = json(answer);
    let text = |key: &str| told.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let said = text("error_description").or(text("error")).unwrap_or_default();
    let advice = match (text("error"), answer.status) {
        (Some("insufficient_scope"), _) => "make a token with the scopes create, update, delete and media",
        (Some("unauthorized"), _) | (None, 401) => "its token is not accepted: make a new one",
        (Some("forbidden"), _) | (None, 403) => "whom the token belongs to may not do that there",
        _ => "",
    };
    match (said, advice) {
        ("", "") => None,
        (said, "") => Some(said.to_owned()),
        ("", advice) => Some(advice.to_owned()),
        (said, advice) => Some(format!("{said} ({advice})")),
    }
}
