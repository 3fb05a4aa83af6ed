//! JSON Feed 1 and 1.1. Identities may be numbers, and a document that was cut
//! or written by hand is mended as far as whole items go.

use super::also_at::also_at;
use super::feed::detect_language;
use super::field::html_of_text;
use super::files::LONGEST_TYPE;
use super::links::resolve;
use super::people::{MOST, push};
use super::repair::{Repair, Repairs};
use super::text::{fold, language_tag, plain_title};
use super::{MAX_ENTRIES, RawHtml, ReadError, Reading, dates, json, lenient_json};
use crate::domain::html::CleanHtml;
use crate::domain::pace::Pace;
use crate::domain::post::{Document, DocumentKind, Enclosure, Entry};
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::shortened;
use serde_json::Value;

pub(super) fn read(text: &str, base: Option<&HttpUrl>, mut repairs: Repairs) -> Result<Reading, ReadError> {
    let text = json::bounded(text);
    let mut feed = serde_json::from_str::<Value>(text).unwrap_or_else(|_| lenient_json::parse(text, &mut repairs));
    lenient_json::typed(&mut feed, &mut repairs);
    let Some(items) = feed.get("items").and_then(Value::as_array) else {
        return Err(ReadError::Broken("it is JSON without `items`".to_owned()));
    };
    if items.is_empty() && repairs.iter().any(|repair| repair == Repair::Truncated) {
        return Err(ReadError::Broken("it ends before its first item does".to_owned()));
    }
    if items.len() > MAX_ENTRIES {
        tracing::warn!(entries = items.len(), kept = MAX_ENTRIES, "a feed of too many entries was cut");
    }
    let first = items.first().and_then(|item| date(item, "date_published"));
    let oldest_first = first < items.last().and_then(|item| date(item, "date_published"));
    let skipped = if oldest_first { items.len().saturating_sub(MAX_ENTRIES) } else { 0 };
    let link = text_of(&feed, "home_page_url").and_then(|href| resolve(href, base));
    let authors = authors(&feed);
    let base = base.or(link.as_ref());
    let (entries, raw): (Vec<_>, Vec<_>) =
        items.iter().skip(skipped).take(MAX_ENTRIES).map(|item| entry(item, base, &authors)).unzip();
    let related = |name| text_of(&feed, name).and_then(|href| resolve(href, base));
    // Other kinds of hub, such as rssCloud's, are asked otherwise.
    let hubs =
        list(&feed, "hubs").filter(|hub| text_of(hub, "type").is_none_or(|kind| kind.eq_ignore_ascii_case("WebSub")));
    Ok(Reading {
        older: related("next_url"),
        pace: Pace {
            hubs: hubs.filter_map(|hub| resolve(text_of(hub, "url")?, base)).collect(),
            self_url: related("feed_url"),
            ..Pace::default()
        },
        document: Document {
            kind: DocumentKind::Feed,
            title: text_of(&feed, "title").map(plain_title).filter(|title| !title.is_empty()),
            language: text_of(&feed, "language")
                .map(|tag| fold(tag).replace('_', "-"))
                .or_else(|| detect_language(&entries)),
            link,
            entries,
            deleted: Vec::new(),
        },
        raw,
        feeds: Vec::new(),
        guesses: Vec::new(),
        repairs,
    })
}

fn entry(item: &Value, base: Option<&HttpUrl>, feed_authors: &[String]) -> (Entry, RawHtml) {
    let raw = RawHtml {
        summary: text_of(item, "summary").map(html_of_text),
        content: text_of(item, "content_html")
            .map(str::to_owned)
            .or_else(|| text_of(item, "content_text").map(html_of_text)),
    };
    let id = match item.get("id") {
        Some(Value::Number(number)) => number.to_string(),
        _ => text_of(item, "id").unwrap_or_default().to_owned(),
    };
    let url = ["url", "external_url"].into_iter().find_map(|name| resolve(text_of(item, name)?, base));
    let url = url.or_else(|| id.parse().ok());
    let clean = |html: &Option<String>| {
        let html = html.as_deref().map(|html| CleanHtml::sanitise(html, base.or(url.as_ref())));
        html.filter(|html| !html.is_empty())
    };
    let (summary, content) = (clean(&raw.summary), clean(&raw.content));
    let own_authors = authors(item);
    let mut categories = Vec::new();
    for tag in list(item, "tags").filter_map(Value::as_str) {
        push(&mut categories, &plain_title(tag));
    }
    let mut enclosures: Vec<Enclosure> = Vec::new();
    for file in list(item, "attachments").take(MOST).filter_map(|file| attachment(file, base)) {
        if !enclosures.iter().any(|known| known.url == file.url) {
            enclosures.push(file);
        }
    }
    let mut entry = Entry {
        guid: shortened(fold(&id)),
        title: text_of(item, "title").map(plain_title).unwrap_or_default(),
        authors: if own_authors.is_empty() { feed_authors.to_vec() } else { own_authors },
        language: text_of(item, "language").and_then(language_tag),
        published: date(item, "date_published"),
        updated: date(item, "date_modified"),
        categories,
        enclosures,
        original: None,
        also_at: content.as_ref().or(summary.as_ref()).map(|html| also_at(html.as_str())).unwrap_or_default(),
        summary,
        content,
        url,
    };
    if entry.guid.is_empty() {
        entry.guid = match &entry.url {
            Some(url) => shortened(url.to_string()),
            None => format!("text:{}", sha256_hex(super::fingerprint(&entry).as_bytes())),
        };
    }
    (entry, raw)
}

fn text_of<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn date(item: &Value, name: &str) -> Option<crate::domain::time::Timestamp> {
    dates::parse(text_of(item, name)?)
}

/// Version 1.1's `authors`, or version 1's `author`.
fn authors(value: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for author in list(value, "authors").chain(value.get("authors")).chain(value.get("author")) {
        let name = text_of(author, "name").or_else(|| author.as_str()).unwrap_or_default();
        push(&mut names, &plain_title(name));
    }
    names
}

fn attachment(file: &Value, base: Option<&HttpUrl>) -> Option<Enclosure> {
    Some(Enclosure {
        url: resolve(text_of(file, "url")?, base)?,
        media_type: text_of(file, "mime_type").filter(|kind| kind.len() <= LONGEST_TYPE).map(str::to_owned),
        length: file.get("size_in_bytes").and_then(Value::as_u64),
    })
}
