//! What pages say of themselves as data (JSON-LD 1.1 in the words of schema.org).

use super::Archive;
use crate::domain::post::Post;
use crate::domain::source::Archived;
use crate::flow::publish::Page;
use crate::render::ListedPost;
use serde_json::{Map, Value, json};

/// A page that lists posts.
pub(super) fn list(archive: &Archive<'_>, page: &Page, posts: &[Post]) -> Value {
    let items: Vec<Value> = posts
        .iter()
        .zip(1..)
        .map(|(post, position)| {
            json!({"@type": "ListItem", "position": position, "url": archive.url(&Page::Post(post.id))})
        })
        .collect();
    json!({
        "@context": "https://schema.org",
        "@type": "CollectionPage",
        "url": archive.url(page),
        "isPartOf": site(archive),
        "mainEntity": {"@type": "ItemList", "itemListElement": items},
    })
}

/// Any other page, by its address.
pub(super) fn page(archive: &Archive<'_>, url: &str) -> Value {
    json!({"@context": "https://schema.org", "@type": "WebPage", "url": url, "isPartOf": site(archive)})
}

/// The site, and how to search it.
pub(super) fn front(archive: &Archive<'_>) -> Value {
    let mut site = site(archive);
    if let Value::Object(site) = &mut site {
        site.insert("@context".to_owned(), "https://schema.org".into());
        site.insert(
            "potentialAction".to_owned(),
            json!({
                "@type": "SearchAction",
                "target": {
                    "@type": "EntryPoint",
                    "urlTemplate": format!("{}?q={{search_term_string}}", archive.config.url("/search")),
                },
                "query-input": "required name=search_term_string",
            }),
        );
    }
    site
}

fn site(archive: &Archive<'_>) -> Value {
    let site = &archive.config.site;
    json!({
        "@type": "WebSite",
        "name": site.title,
        "url": archive.url(&Page::Front),
        "inLanguage": site.language.tag(),
    })
}

/// A post.
pub(super) fn post(archive: &Archive<'_>, post: &Post, listed: &ListedPost, image: Option<&str>) -> Value {
    let entry = &post.entry;
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| drop(data.insert(key.to_owned(), value));
    put("@context", "https://schema.org".into());
    put("@type", "BlogPosting".into());
    put("headline", listed.title.as_str().into());
    put("url", archive.url(&Page::Post(post.id)).into());
    put("datePublished", listed.date.exact.as_str().into());
    if post.changed > post.first_seen {
        put("dateModified", post.changed.to_rfc3339().into());
    }
    let authors: Vec<Value> = entry.authors.iter().map(|name| json!({"@type": "Person", "name": name})).collect();
    if authors.is_empty() {
        put("author", json!({"@type": "Organization", "name": listed.source.title}));
    } else {
        put("author", authors.into());
    }
    put("publisher", json!({"@type": "Organization", "name": listed.source.title}));
    put("isPartOf", site(archive));
    if let Some(original) = &entry.url {
        put("mainEntityOfPage", original.as_str().into());
        put("isBasedOn", original.as_str().into());
    }
    if let Some(language) = post.language() {
        put("inLanguage", language.into());
    }
    if !entry.categories.is_empty() {
        put("keywords", entry.categories.clone().into());
    }
    if !listed.excerpt.is_empty() {
        put("description", listed.excerpt.as_str().into());
    }
    if archive.shown(&post.source_name) == Archived::Full {
        put("timeRequired", format!("PT{}M", listed.minutes).into());
    }
    if let Some(image) = image {
        put("image", image.into());
    }
    let places: Vec<String> = post.also_at().iter().filter_map(|place| Some(place.url.as_ref()?.to_string())).collect();
    if !places.is_empty() {
        put("sameAs", places.into());
    }
    Value::Object(data)
}
