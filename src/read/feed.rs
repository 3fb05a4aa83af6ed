//! RSS, Atom and JSON Feed, through feed-rs, into the words of the field.

use super::also_at::also_at;
use super::text::{fold, plain_text};
use super::{MAX_DEPTH, RawHtml, ReadError, Reading};
use crate::domain::html::CleanHtml;
use crate::domain::post::{Document, DocumentKind, Enclosure, Entry};
use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use feed_rs::model::{self, FeedType};
use feed_rs::parser;

/// More of one field than this is cut (at a character).
const MAX_FIELD: usize = 1024 * 1024;
/// Marks an entry whose feed gave it no identity.
const NO_ID: &str = "";

pub(super) fn read(text: &str, base: Option<&HttpUrl>) -> Result<Reading, ReadError> {
    if depth(text) > MAX_DEPTH {
        return Err(ReadError::TooDeep(MAX_DEPTH));
    }
    let feed = parse(text, base)
        .or_else(|error| {
            // A cheap second try; what it changes never stands in a sound feed.
            let mended = mend(text);
            if mended == text { Err(error) } else { parse(&mended, base) }
        })
        .map_err(|error| ReadError::Broken(error.to_string()))?;
    Ok(translate(feed, base))
}

fn parse(text: &str, base: Option<&HttpUrl>) -> Result<model::Feed, parser::ParseFeedError> {
    // The text is in UTF-8 by now, whatever its declaration still says.
    let text = match text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        Some((_, behind)) => behind.trim_start(),
        None => text,
    };
    parser::Builder::new()
        .base_uri(base.map(HttpUrl::as_str))
        .id_generator(|_, _, _| NO_ID.to_owned())
        .sanitize_content(false)
        .build()
        .parse(text.as_bytes())
}

/// How deep elements nest, counted without a parser: tags that open less tags
/// that close.
fn depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    for (at, _) in text.match_indices('<') {
        match bytes.get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(c) if c.is_ascii_alphabetic() || *c == b'_' => {
                let end = text.get(at..).and_then(|rest| rest.find('>')).map(|end| at + end);
                if end.is_some_and(|end| bytes.get(end.wrapping_sub(1)) != Some(&b'/')) {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
            }
            _ => {}
        }
        if deepest > MAX_DEPTH * 8 {
            break;
        }
    }
    // HTML inside CDATA leaves its void elements open; only a real tower is refused.
    if deepest > MAX_DEPTH * 8 { deepest } else { deepest.min(MAX_DEPTH) }
}

/// Drops control characters that XML forbids and writes HTML's named entities
/// as the characters that they mean.
fn mend(text: &str) -> String {
    const NAMED: [(&str, &str); 16] = [
        ("&nbsp;", "\u{a0}"),
        ("&copy;", "©"),
        ("&reg;", "®"),
        ("&trade;", "™"),
        ("&hellip;", "…"),
        ("&mdash;", "—"),
        ("&ndash;", "–"),
        ("&lsquo;", "‘"),
        ("&rsquo;", "’"),
        ("&ldquo;", "“"),
        ("&rdquo;", "”"),
        ("&laquo;", "«"),
        ("&raquo;", "»"),
        ("&middot;", "·"),
        ("&bull;", "•"),
        ("&eacute;", "é"),
    ];
    let mut mended: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')).collect();
    for (name, character) in NAMED {
        if mended.contains(name) {
            mended = mended.replace(name, character);
        }
    }
    escape_bare_ampersands(&mended)
}

fn escape_bare_ampersands(text: &str) -> String {
    let mut pieces = text.split('&');
    let mut escaped = pieces.next().unwrap_or_default().to_owned();
    let mut in_cdata = escaped.rfind("<![CDATA[") > escaped.rfind("]]>");
    for piece in pieces {
        let is_entity = piece.find(';').is_some_and(|end| {
            (1..=10).contains(&end)
                && piece
                    .get(..end)
                    .is_some_and(|name| matches!(name, "amp" | "lt" | "gt" | "quot" | "apos") || name.starts_with('#'))
        });
        escaped.push_str(if is_entity || in_cdata { "&" } else { "&amp;" });
        escaped.push_str(piece);
        match (piece.rfind("<![CDATA["), piece.rfind("]]>")) {
            (open, close) if open > close => in_cdata = true,
            (_, Some(_)) => in_cdata = false,
            _ => {}
        }
    }
    escaped
}

fn translate(feed: model::Feed, base: Option<&HttpUrl>) -> Reading {
    let link = site_link(&feed.links).and_then(|href| absolute(href, base));
    let older = feed.links.iter().find(|link| link.rel.as_deref() == Some("prev-archive"));
    let older = older.and_then(|link| absolute(&link.href, base));
    let is_atom = matches!(feed.feed_type, FeedType::Atom);
    let mut raw = Vec::with_capacity(feed.entries.len());
    let mut entries = Vec::with_capacity(feed.entries.len());
    let feed_authors = names(&feed.authors);
    for entry in feed.entries {
        let (entry, html) = translate_entry(entry, link.as_ref().or(base), is_atom, &feed_authors);
        entries.push(entry);
        raw.push(html);
    }
    let language = feed.language.map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty());
    let document = Document {
        kind: DocumentKind::Feed,
        title: feed.title.map(|title| title_text(&title, is_atom)).filter(|title| !title.is_empty()),
        link,
        language: language.or_else(|| detect_language(&entries)),
        entries,
    };
    Reading { document, raw, feeds: Vec::new(), older }
}

fn translate_entry(
    entry: model::Entry,
    base: Option<&HttpUrl>,
    is_atom: bool,
    feed_authors: &[String],
) -> (Entry, RawHtml) {
    let permalink = entry.id.parse::<HttpUrl>().ok();
    let url = site_link(&entry.links).and_then(|href| absolute(href, base)).or(permalink);
    let own_base = entry.base.as_deref().and_then(|own| own.parse().ok()).or_else(|| base.cloned());
    let clean_base = own_base.as_ref().or(url.as_ref());
    let mut html = RawHtml {
        summary: entry.summary.as_ref().map(|text| as_html(&text.content, &text.content_type)),
        content: entry
            .content
            .as_ref()
            .and_then(|content| content.body.as_deref().map(|body| as_html(body, &content.content_type))),
    };
    for field in [&mut html.summary, &mut html.content] {
        cut(field);
    }
    let clean = |html: &Option<String>| {
        html.as_deref().map(|html| CleanHtml::sanitise(html, clean_base)).filter(|html| !html.is_empty())
    };
    let (summary, content) = (clean(&html.summary), clean(&html.content));
    let title = entry.title.map(|title| title_text(&title, is_atom)).unwrap_or_default();
    let mut authors = names(&entry.authors);
    if authors.is_empty() {
        authors = feed_authors.to_vec();
    }
    let also_at = content.as_ref().or(summary.as_ref()).map(|html| also_at(html.as_str())).unwrap_or_default();
    let mut translated = Entry {
        guid: entry.id,
        url,
        title,
        authors,
        published: entry.published.map(Timestamp::from),
        // RSS has no date of change, and feed-rs gives the other one twice.
        updated: entry.updated.filter(|at| is_atom || Some(at) != entry.published.as_ref()).map(Timestamp::from),
        summary,
        content,
        categories: categories(&entry.categories),
        enclosures: enclosures(&entry.links, &entry.media, base),
        also_at,
    };
    if translated.guid.is_empty() {
        translated.guid = match &translated.url {
            Some(url) => url.to_string(),
            // Without id and address an entry is what it says.
            None => format!("text:{}", sha256_hex(super::fingerprint(&translated).as_bytes())),
        };
    }
    (translated, html)
}

/// A feed's text as HTML: plain text is escaped, for it is not markup.
fn as_html(text: &str, media_type: &impl ToString) -> String {
    let media_type = media_type.to_string();
    // RSS says "text/plain" of nothing; feed-rs says it of Atom's type="text".
    if media_type.starts_with("text/plain") && !text.contains("</") && !text.contains("/>") && !text.contains("<br") {
        CleanHtml::from_text(text).to_string()
    } else {
        text.to_owned()
    }
}

fn title_text(title: &model::Text, is_atom: bool) -> String {
    if is_atom && title.content_type.to_string().starts_with("text/plain") {
        fold(&title.content)
    } else {
        plain_text(&title.content)
    }
}

fn cut(field: &mut Option<String>) {
    if let Some(text) = field
        && text.len() > MAX_FIELD
    {
        text.truncate(text.floor_char_boundary(MAX_FIELD));
    }
}

/// The address of the page itself: `alternate`, or a link without a relation.
fn site_link(links: &[model::Link]) -> Option<&str> {
    let html = |link: &&model::Link| link.media_type.as_deref().is_none_or(|media| media.contains("html"));
    let alternate = |link: &&model::Link| link.rel.as_deref().is_none_or(|rel| rel == "alternate");
    links.iter().filter(alternate).find(html).or_else(|| links.iter().find(alternate)).map(|link| link.href.as_str())
}

fn absolute(href: &str, base: Option<&HttpUrl>) -> Option<HttpUrl> {
    href.parse().ok().or_else(|| base?.join(href))
}

fn names(people: &[model::Person]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for person in people {
        let name = person.name.as_deref().or(person.email.as_deref()).map(plain_text).unwrap_or_default();
        // RSS writes `mail@example.org (Name)`.
        let name = name.strip_prefix('(').and_then(|name| name.strip_suffix(')')).map_or(name.clone(), str::to_owned);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn categories(categories: &[model::Category]) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    for category in categories {
        let term = plain_text(category.label.as_deref().unwrap_or(&category.term));
        if !term.is_empty() && !terms.contains(&term) {
            terms.push(term);
        }
    }
    terms
}

fn enclosures(links: &[model::Link], media: &[model::MediaObject], base: Option<&HttpUrl>) -> Vec<Enclosure> {
    let linked = links.iter().filter(|link| link.rel.as_deref() == Some("enclosure")).filter_map(|link| {
        Some(Enclosure { url: absolute(&link.href, base)?, media_type: link.media_type.clone(), length: link.length })
    });
    let attached = media.iter().flat_map(|object| &object.content).filter_map(|content| {
        Some(Enclosure {
            url: content.url.as_ref()?.as_str().parse().ok()?,
            media_type: content.content_type.as_ref().map(ToString::to_string),
            length: content.size,
        })
    });
    let mut enclosures: Vec<Enclosure> = Vec::new();
    for enclosure in linked.chain(attached) {
        if !enclosures.iter().any(|known| known.url == enclosure.url) {
            enclosures.push(enclosure);
        }
    }
    enclosures
}

/// The language of the first few entries' words, as an ISO 639-1 tag where the
/// detector is sure.
fn detect_language(entries: &[Entry]) -> Option<String> {
    let mut sample = String::new();
    for entry in entries.iter().take(5) {
        sample.push_str(&entry.title);
        sample.push('\n');
        let html = entry.content.as_ref().or(entry.summary.as_ref()).map_or("", |html| html.as_str());
        sample.push_str(&plain_text(html).chars().take(500).collect::<String>());
        sample.push('\n');
    }
    super::text::language(&sample)
}
