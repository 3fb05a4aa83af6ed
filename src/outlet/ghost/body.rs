//! A post as Ghost's Admin API takes it (docs.ghost.org/admin-api, "Posts"), within
//! the lengths that its schema allows.

use super::cards::{Lead, Prepared, prepared};
use crate::domain::outlet::{Ghost, Manuscript};
use crate::domain::text::{cut, words};
use crate::domain::url::HttpUrl;
use crate::outlet::pictures::Links;
use chrono::SecondsFormat;
use serde_json::{Value, json};

/// The most characters of a title, an excerpt, a tag or an alternative text, an address.
const TITLE: usize = 255;
const EXCERPT: usize = 300;
const NAME: usize = 191;
const ADDRESS: usize = 2_000;
/// A new post.
pub(super) fn new(manuscript: &Manuscript, ghost: &Ghost, links: &Links) -> Value {
    let mut post = text(manuscript, links);
    let status = if manuscript.draft { "draft" } else { "published" };
    let mut set = |key: &str, value: Value| post.extend([(key.to_owned(), value)]);
    set("slug", json!(manuscript.address()));
    set("status", json!(status));
    if !manuscript.draft {
        let published = manuscript.published.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true);
        set("published_at", json!(published));
    }
    if !ghost.authors.is_empty() {
        let author =
            |name: &String| if name.contains('@') { json!({ "email": name }) } else { json!({ "slug": name }) };
        set("authors", ghost.authors.iter().map(author).collect());
    }
    if let Some(visibility) = ghost.visibility {
        set("visibility", json!(visibility.as_str()));
    }
    json!({ "posts": [post] })
}

/// What a post is changed to. What people there decide stays: its address, its state, its authors, its readers.
pub(super) fn changed(manuscript: &Manuscript, links: &Links, updated_at: &str) -> Value {
    let mut post = text(manuscript, links);
    post.extend([("updated_at".to_owned(), json!(updated_at))]);
    json!({ "posts": [post] })
}

fn text(manuscript: &Manuscript, links: &Links) -> serde_json::Map<String, Value> {
    let image = manuscript.image.as_ref().filter(|image| fits(image));
    let Prepared { html, lead } = prepared(&manuscript.html, links, image);
    let (alt, caption) = match (lead, image) {
        (Some(Lead { alt, caption }), _) => (Some(alt), Some(caption)),
        (None, Some(_)) => (manuscript.image_alt.clone(), None),
        (None, None) => (None, None),
    };
    let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let pairs = [
        ("title", json!(shortened(&manuscript.title, TITLE))),
        ("html", json!(html)),
        ("custom_excerpt", json!(excerpt(manuscript))),
        ("canonical_url", json!(manuscript.url.as_ref().filter(|url| fits(url)))),
        ("feature_image", json!(image.map(|image| place(links, image)))),
        ("feature_image_alt", json!(said(alt).map(|alt| shortened(&alt, NAME)))),
        ("feature_image_caption", json!(said(caption))),
        ("tags", tags(manuscript)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Where a picture stands: at the site, when it was uploaded.
fn place(links: &Links, image: &HttpUrl) -> String {
    let uploaded = links.iter().find(|(address, _)| address.parse::<HttpUrl>().is_ok_and(|address| address == *image));
    uploaded.map_or_else(|| image.to_string(), |(_, place)| place.clone())
}

fn fits(url: &HttpUrl) -> bool {
    url.as_str().len() <= ADDRESS
}

/// The beginning of the text is none: themes show an excerpt above the text.
fn excerpt(manuscript: &Manuscript) -> Option<String> {
    let excerpt = shortened(&manuscript.excerpt, EXCERPT);
    let own = excerpt.trim_end_matches('…').trim();
    (!own.is_empty() && !words(&manuscript.html).contains(own)).then_some(excerpt)
}

/// A name that begins with `#` is one that readers do not see.
fn tags(manuscript: &Manuscript) -> Value {
    let names = manuscript.tags.iter().map(|tag| shortened(tag.trim_start_matches('#').trim(), NAME));
    names.filter(|name| !name.is_empty()).map(|name| json!({ "name": name })).collect()
}

/// At most so many characters, with an ellipsis for the rest.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() { text.to_owned() } else { cut(text, most - 1) }
}
