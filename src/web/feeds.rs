//! Feeds as bytes, and the front page that lists them.

use super::{Failure, Web};
use crate::config::Config;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::flow::publish::{FeedKey, FeedKind, Representation};
use crate::publish::Format;
use crate::render::{IndexContext, IndexFeed, IndexItem};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use chrono::DateTime;

/// Readers may keep a feed for five minutes, and show it while they ask again.
const CACHE: &str = "public, max-age=300, stale-while-revalidate=3600";

pub(super) async fn of_newsletter(State(web): State<Web>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    feed(&web, FeedKind::Newsletter, &file, &headers).await
}

pub(super) async fn of_source(State(web): State<Web>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    feed(&web, FeedKind::Source, &file, &headers).await
}

/// `NAME.rss`, `NAME.atom`, `NAME.json`.
async fn feed(web: &Web, kind: FeedKind, file: &str, headers: &HeaderMap) -> Response {
    let key = file
        .rsplit_once('.')
        .and_then(|(name, ending)| Some(FeedKey { kind, name: name.parse().ok()?, format: ending.parse().ok()? }));
    let Some(key) = key else { return web.failure(Failure::NotFound) };
    match web.publisher.get(&key).await {
        Ok(Some(feed)) => answer(&feed, key.format, headers),
        Ok(None) => web.failure(Failure::NotFound),
        Err(error) => web.failure(Failure::Busy(error.to_string())),
    }
}

/// Conditional requests as RFC 9110 section 13 has them: `If-None-Match` first,
/// `If-Modified-Since` only without it. Each encoding has an entity tag of its
/// own (section 8.8.3).
fn answer(feed: &Representation, format: Format, headers: &HeaderMap) -> Response {
    let gzip = accepts_gzip(headers);
    let etag = format!("\"{}{}\"", feed.digest, if gzip { "-gzip" } else { "" });
    let modified = http_date(feed.modified);
    let mut response = if is_fresh(headers, &feed.digest, feed.modified) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = if gzip { feed.gzip.clone() } else { feed.identity.clone() };
        let mut response = bytes.into_response();
        let media_type = HeaderValue::from_str(&format!("{}; charset=utf-8", format.media_type()));
        if let Ok(media_type) = media_type {
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        }
        if gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    };
    let out = response.headers_mut();
    for (name, value) in [(header::ETAG, etag), (header::LAST_MODIFIED, modified)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            out.insert(name, value);
        }
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn is_fresh(headers: &HeaderMap, digest: &str, modified: Timestamp) -> bool {
    let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        return tags.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|tag| {
            // Weak comparison (section 8.8.3.2); either encoding's tag names the same feed.
            let tag = tag.trim().trim_start_matches("W/").trim_matches('"');
            tag == "*" || tag.trim_end_matches("-gzip") == digest
        });
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    since
        .and_then(|since| DateTime::parse_from_rfc2822(since).ok())
        .is_some_and(|since| modified.millis() / 1000 <= since.timestamp())
}

/// Whether gzip is welcome (section 12.5.3): named, or `*`, and not at weight 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut star = false;
    for value in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for item in value.split(',') {
            let mut parts = item.split(';');
            let coding = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let refused = parts.any(|weight| {
                weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
            });
            match coding.as_str() {
                "gzip" | "x-gzip" => return !refused,
                "*" => star = !refused,
                _ => {}
            }
        }
    }
    star
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
fn http_date(at: Timestamp) -> String {
    at.to_datetime().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub(super) async fn index(State(web): State<Web>) -> Response {
    let config = web.config.load_full();
    let newsletters = config.newsletters.iter().map(|newsletter| IndexItem {
        language: newsletter.language,
        title: newsletter.title.clone(),
        description: newsletter.description.clone(),
        subscribe: if newsletter.is_mailed() {
            config.path(&format!("/subscribe/{}", newsletter.name))
        } else {
            String::new()
        },
        by_mail: web.renderer.text(newsletter.language, "index_by_mail"),
        by_reader: web.renderer.text(newsletter.language, "index_by_reader"),
        feeds: links(&config, FeedKind::Newsletter, &newsletter.name),
    });
    let newsletters: Vec<IndexItem> = newsletters.collect();
    // A site of one newsletter speaks that newsletter's language.
    let language = match newsletters.as_slice() {
        [only] => only.language,
        _ => config.site.language,
    };
    let titles = match web.publisher.source_titles().await {
        Ok(titles) => titles,
        Err(error) => {
            tracing::warn!(%error, "the front page names sources by their configured names");
            std::collections::HashMap::new()
        }
    };
    let sources = config.sources.iter().map(|source| IndexItem {
        language: config.site.language,
        title: titles.get(&source.name).cloned().unwrap_or_else(|| source.name.to_string()),
        description: String::new(),
        subscribe: String::new(),
        by_mail: String::new(),
        by_reader: String::new(),
        feeds: links(&config, FeedKind::Source, &source.name),
    });
    let context = IndexContext { frame: web.frame(language), newsletters, sources: sources.collect() };
    match web.renderer.page_index(&context) {
        Ok(page) => ([(header::CACHE_CONTROL, "public, max-age=300")], Html(page)).into_response(),
        Err(error) => web.failure(error.into()),
    }
}

fn links(config: &Config, kind: FeedKind, name: &Slug) -> Vec<IndexFeed> {
    Format::ALL
        .into_iter()
        .map(|format| IndexFeed {
            name: format.title(),
            media_type: format.media_type(),
            url: FeedKey { kind, name: name.clone(), format }.url(&config.site.base_url),
        })
        .collect()
}
