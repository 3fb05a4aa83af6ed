//! JSON Feed 1.1 (jsonfeed.org/version/1.1).

use super::files::{media_type, picture};
use super::{Channel, Item, content, identity, item_updated, language, legal, named, short, tag, title, uris};
use crate::domain::html::CleanHtml;
use serde_json::{Map, Value, json};

pub(super) fn write(channel: &Channel, items: &[Item<'_>]) -> Result<String, String> {
    let mut feed = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": legal(&channel.title),
        "home_page_url": uris::address(&channel.home),
        "feed_url": channel.self_url.as_str(),
        "description": legal(&channel.description),
        "items": items.iter().map(|item| write_item(channel, item)).collect::<Vec<_>>(),
    });
    if let Some(fields) = feed.as_object_mut() {
        if let Some(tag) = language(channel) {
            fields.insert("language".to_owned(), tag.into());
        }
        for (name, url) in [("icon", &channel.image), ("favicon", &channel.icon)] {
            if let Some(url) = url {
                fields.insert(name.to_owned(), uris::address(url).into());
            }
        }
        if !channel.hubs.is_empty() {
            let hubs = channel.hubs.iter().map(|hub| json!({ "type": "WebSub", "url": uris::address(hub) }));
            fields.insert("hubs".to_owned(), hubs.collect());
        }
        if let Some(copyright) = &channel.copyright {
            // Extensions begin with an underscore (JSON Feed 1.1, "Extensions").
            fields.insert("_copyright".to_owned(), legal(copyright).into());
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
    set("id", identity(channel, item).into());
    if let Some(url) = &entry.url {
        set("url", uris::address(url).into());
    }
    if let Some(title) = title(item.post) {
        set("title", title.into());
    }
    // An item must have content_html or content_text.
    let text = if channel.full { content(channel, item.post) } else { short(item.post) };
    set("content_html", text.unwrap_or_default().into());
    if let Some(url) = picture(item.post) {
        set("image", url.into());
    }
    if let (Some(summary), Some(_), true) = (&entry.summary, &entry.content, channel.full) {
        let summary = plain(summary);
        if !summary.is_empty() {
            set("summary", legal(&summary).into());
        }
    }
    set("date_published", item.post.date().to_rfc3339().into());
    set("date_modified", item_updated(item.post).to_rfc3339().into());
    let authors: Vec<Value> = named(&entry.authors).map(|name| json!({ "name": name })).collect();
    if !authors.is_empty() {
        set("authors", authors.into());
    }
    if let Some(tag) = entry.language.as_deref().and_then(tag) {
        set("language", tag.into());
    }
    let tags: Vec<Value> = named(&entry.categories).map(Value::from).collect();
    if !tags.is_empty() {
        set("tags", tags.into());
    }
    if !entry.enclosures.is_empty() {
        let attachments = entry.enclosures.iter().map(|file| {
            let mut attachment = json!({
                "url": uris::address(&file.url),
                "mime_type": media_type(file).unwrap_or("application/octet-stream"),
            });
            if let (Some(length), Some(fields)) = (file.length.filter(|length| *length > 0), attachment.as_object_mut())
            {
                fields.insert("size_in_bytes".to_owned(), length.into());
            }
            attachment
        });
        set("attachments", attachments.collect());
    }
    if let Some(origin) = item.origin {
        set("_source", json!({ "title": legal(&origin.title), "url": uris::address_of(&origin.url) }));
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
