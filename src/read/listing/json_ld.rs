//! Posts that a page lists for machines in JSON-LD (schema.org): a `Blog` with
//! its postings, an `ItemList`, or postings by themselves.

use super::Listed;
use super::block::{Page, address};
use crate::domain::html::CleanHtml;
use crate::domain::post::Entry;
use crate::domain::url_key::shortened;
use crate::read::json::linked_data;
use crate::read::text::plain_text;
use crate::read::{MAX_ENTRIES, RawHtml, dates};
use dom_query::Document as Html;
use serde_json::{Map, Value};

/// The posts, in the page's order; none when it lists none.
pub(super) fn posts(html: &Html, page: &Page<'_>) -> Vec<Listed> {
    let mut posts = Vec::new();
    for value in linked_data(html) {
        gather(&value, page, &mut posts);
    }
    posts
}

fn gather(value: &Value, page: &Page<'_>, posts: &mut Vec<Listed>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, page, posts)),
        Value::Object(object) if posts.len() < MAX_ENTRIES => {
            if is_post(object) {
                posts.extend(post(object, page));
            } else if is(object, "ItemList") {
                for item in object.get("itemListElement").map_or(&[][..], as_list) {
                    list_item(item, page, posts);
                }
            } else {
                object.values().for_each(|value| gather(value, page, posts));
            }
        }
        _ => {}
    }
}

/// An element of a list: the post itself, or where it is.
fn list_item(item: &Value, page: &Page<'_>, posts: &mut Vec<Listed>) {
    let Value::Object(object) = item else { return };
    match object.get("item") {
        Some(Value::Object(inner)) if is_post(inner) || !inner.contains_key("@type") => posts.extend(post(inner, page)),
        // A list of something else.
        Some(Value::Object(_)) => {}
        _ if is(object, "ListItem") || is_post(object) => posts.extend(post(object, page)),
        _ => {}
    }
}

fn is(object: &Map<String, Value>, name: &str) -> bool {
    types(object).any(|known| known == name)
}

fn is_post(object: &Map<String, Value>) -> bool {
    types(object).any(|name| ["Posting", "Article", "Review", "Report"].iter().any(|end| name.ends_with(end)))
}

fn types(object: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let types = object.get("@type").map_or(&[][..], as_list);
    types.iter().filter_map(Value::as_str).map(|name| name.rsplit(['/', ':']).next().unwrap_or(name))
}

fn as_list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        value => std::slice::from_ref(value),
    }
}

fn post(object: &Map<String, Value>, page: &Page<'_>) -> Option<Listed> {
    let text = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| words(object.get(*name)?))
            .map(|text| plain_text(&text))
            .find(|text| !text.is_empty())
    };
    let place = |name: &&str| match object.get(*name)? {
        Value::Object(inner) => inner.get("@id").or_else(|| inner.get("url"))?.as_str(),
        value => value.as_str(),
    };
    let url =
        ["url", "mainEntityOfPage", "item", "@id"].iter().filter_map(place).find_map(|href| address(href, page))?;
    let date = |names: &[&str]| names.iter().find_map(|name| dates::parse(object.get(*name)?.as_str()?));
    let authors = object.get("author").map_or(&[][..], as_list).iter().filter_map(words).map(|name| plain_text(&name));
    let raw = ["description", "abstract"].iter().find_map(|name| words(object.get(*name)?));
    let entry = Entry {
        guid: shortened(url.to_string()),
        url: Some(url),
        title: text(&["headline", "name"]).unwrap_or_default(),
        authors: authors.filter(|name| !name.is_empty()).collect(),
        published: date(&["datePublished", "dateCreated"]),
        language: None,
        updated: date(&["dateModified"]),
        summary: raw.as_deref().map(|raw| CleanHtml::from_text(&plain_text(raw))).filter(|html| !html.is_empty()),
        content: None,
        categories: Vec::new(),
        enclosures: Vec::new(),
        original: None,
        also_at: Vec::new(),
    };
    Some((entry, RawHtml { summary: raw, content: None }))
}

/// A text, or the name of a thing.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(object) => object.get("name").or_else(|| object.get("@value"))?.as_str().map(str::to_owned),
        Value::Array(values) => words(values.first()?),
        _ => None,
    }
}
