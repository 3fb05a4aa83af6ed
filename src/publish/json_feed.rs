//! JSON Feed 1.1 (jsonfeed.org/version/1.1).

use super::{Channel, Item, content, identity, item_updated, language, legal, media_type, short, tag};
use crate::domain::html::CleanHtml;
use serde_json::{Map, Value, json};

pub(super) fn write(channel: &Channel, items: &[Item<'_>]) -> Result<String, String> {
    let mut feed = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": legal(&channel.title),
        "home_page_url": channel.home.as_str(),
        "feed_url": channel.self_url.as_str(),
        "description": legal(&channel.description),
        "items": items.iter().map(|item| write_item(channel, item)).collect::<Vec<_>>(),
    });
    if let Some(fields) = feed.as_object_mut() {
        if let Some(tag) = language(channel) {
            fields.insert("language".to_owned(), tag.into());
        }
        // Where there are more items ("Pagination" in the specification).
        if let Some(url) = &channel.pages.older {
            fields.insert("next_url".to_owned(), url.as_str().into());
        }
    }
    serde_json::to_string_pretty(&feed).map_err(|error| error.to_string())
}

fn write_item(channel: &Channel, item: &Item<'_>) -> Value {
    let entry = &item.post.entry;
    let mut out = Map::new();
    let mut set = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    set("id", identity(channel, item.post).into());
    if let Some(url) = &entry.url {
        set("url", url.as_str().into());
    }
    if !entry.title.is_empty() {
        set("title", legal(&entry.title).into());
    }
    // An item must have content_html or content_text.
    let text = if channel.full { content(item.post).map(|html| html.as_str().into()) } else { short(item.post) };
    set("content_html", legal(&text.unwrap_or_default()).into());
    if let (Some(summary), Some(_), true) = (&entry.summary, &entry.content, channel.full) {
        let summary = plain(summary);
        if !summary.is_empty() {
            set("summary", legal(&summary).into());
        }
    }
    set("date_published", item.post.date().to_rfc3339().into());
    set("date_modified", item_updated(item.post).to_rfc3339().into());
    if !entry.authors.is_empty() {
        set("authors", entry.authors.iter().map(|name| json!({ "name": legal(name) })).collect());
    }
    if let Some(tag) = entry.language.as_deref().and_then(tag) {
        set("language", tag.into());
    }
    if !entry.categories.is_empty() {
        set("tags", entry.categories.iter().map(|name| legal(name)).collect());
    }
    if !entry.enclosures.is_empty() {
        let attachments = entry.enclosures.iter().map(|file| {
            let mut attachment = json!({
                "url": file.url.as_str(),
                "mime_type": media_type(file).unwrap_or("application/octet-stream"),
            });
            if let (Some(length), Some(fields)) = (file.length, attachment.as_object_mut()) {
                fields.insert("size_in_bytes".to_owned(), length.into());
            }
            attachment
        });
        set("attachments", attachments.collect());
    }
    if let Some(origin) = item.origin {
        // Extensions begin with an underscore (JSON Feed 1.1, "Extensions").
        set("_source", json!({ "title": legal(&origin.title), "url": origin.url }));
    }
    Value::Object(out)
}

/// The words of a short form on one line: `summary` is plain text.
fn plain(html: &CleanHtml) -> String {
    let text = html2text::config::plain_no_decorate().string_from_read(html.as_str().as_bytes(), 400);
    // Without decoration nothing but white space is added. A width too small for
    // the markup is the only failure, and 400 columns are not.
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
