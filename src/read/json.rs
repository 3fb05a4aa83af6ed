//! JSON Feed 1 and 1.1 (jsonfeed.org), with ids that are numbers, texts that
//! are missing, and documents that were cut off.

use super::draft::{Draft, DraftFeed, Html, Person};
use super::text::fold;
use super::{ReadError, Repair, Repairs, dates};
use crate::domain::html::CleanHtml;
use crate::domain::post::Enclosure;
use crate::domain::url::HttpUrl;
use serde_json::{Map, Value};
use std::rc::Rc;

type Object = Map<String, Value>;

/// Reads a feed's text.
pub(super) fn read(text: &str, base: Option<&HttpUrl>, mut repairs: Repairs) -> Result<DraftFeed, ReadError> {
    let root: Value = match serde_json::from_str(text) {
        Ok(root) => root,
        Err(why) => {
            repairs.note(Repair::Json);
            whole_part(text).ok_or_else(|| ReadError::Broken(format!("it is not JSON: {why}")))?
        }
    };
    let items = root.get("items").and_then(Value::as_array).ok_or_else(|| {
        ReadError::Broken("it is JSON, but no JSON Feed: there is no list of `items` in it".to_owned())
    })?;
    let empty = Object::new();
    let feed = root.as_object().unwrap_or(&empty);
    let base = base.cloned().map(Rc::new);
    let mut read = DraftFeed {
        title: text_of(feed, "title"),
        link: url_of(feed, "home_page_url", base.as_ref()),
        language: text_of(feed, "language"),
        authors: authors(feed),
        older: url_of(feed, "next_url", base.as_ref()),
        repairs,
        ..DraftFeed::default()
    };
    for item in items.iter().filter_map(Value::as_object) {
        read.push(entry(item, base.as_ref()));
    }
    Ok(read)
}

fn entry(item: &Object, base: Option<&Rc<HttpUrl>>) -> Draft {
    let date = |key: &str| text_of(item, key).and_then(|text| dates::parse(&text));
    let html = |text: String| Html { text, base: base.cloned() };
    let plain = |key: &str| {
        let text = item.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())?;
        Some(html(CleanHtml::from_text(text).as_str().to_owned()))
    };
    let id = text_of(item, "id");
    let url = url_of(item, "url", base).or_else(|| url_of(item, "external_url", base));
    let mut draft = Draft {
        // An id is best the address itself, says the specification.
        url: url.or_else(|| id.as_deref().and_then(|id| id.parse().ok())),
        id,
        title: text_of(item, "title"),
        authors: authors(item),
        published: date("date_published"),
        updated: date("date_modified"),
        summary: plain("summary"),
        content: item
            .get("content_html")
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
            .map(|text| html(text.to_owned()))
            .or_else(|| plain("content_text")),
        base: base.map(|base| HttpUrl::clone(base)),
        ..Draft::default()
    };
    for tag in list(item, "tags") {
        draft.tag(text(tag));
    }
    for file in list(item, "attachments").iter().filter_map(Value::as_object) {
        draft.attach(url_of(file, "url", base).map(|url| Enclosure {
            url,
            media_type: text_of(file, "mime_type"),
            length: file.get("size_in_bytes").and_then(Value::as_u64),
        }));
    }
    draft
}

fn list<'a>(object: &'a Object, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A value's text: some feeds write numbers where words are due.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(fold(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

fn text_of(object: &Object, key: &str) -> Option<String> {
    text(object.get(key)?)
}

fn url_of(object: &Object, key: &str, base: Option<&Rc<HttpUrl>>) -> Option<HttpUrl> {
    let href = text_of(object, key)?;
    match base {
        Some(base) => base.join(&href),
        None => href.parse().ok(),
    }
}

/// `authors` of version 1.1, `author` of version 1.
fn authors(object: &Object) -> Vec<Person> {
    let one = object.get("author").into_iter();
    let name = |author: &Value| {
        let author = author.as_object()?;
        Person::of(&text_of(author, "name").or_else(|| text_of(author, "url"))?)
    };
    let many: Vec<Person> = list(object, "authors").iter().filter_map(name).collect();
    if many.is_empty() { one.filter_map(name).collect() } else { many }
}

/// The document up to the last item that is whole, when it was cut off or goes
/// wrong somewhere.
fn whole_part(text: &str) -> Option<Value> {
    let items = text.find("\"items\"")?;
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut whole = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                // The feed's object, its list of items, and an item that ends.
                if depth == 2 && at > items && byte == b'}' {
                    whole = Some(at + 1);
                }
            }
            _ => {}
        }
    }
    serde_json::from_str(&format!("{}]}}", text.get(..whole?)?)).ok()
}
