//! Feeds as bytes, and the front page that lists them.

use super::{Failure, Web, dress};
use crate::config::Config;
use crate::domain::label::{LabelKey, LabelKind};
use crate::domain::time::Timestamp;
use crate::flow::publish::{Coding, FeedKey, FeedOf, Packed};
use crate::publish::Format;
use crate::render::{IndexContext, IndexFeed, IndexItem};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use chrono::DateTime;
use percent_encoding::percent_decode_str;

/// Readers may keep a feed for five minutes, and show it while they ask again.
const CACHE: &str = "public, max-age=300, stale-while-revalidate=3600";

/// Whichever feed stands at an address.
pub(super) async fn feed(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(key) = key(&uri) else { return web.failure(Failure::NotFound) };
    match web.publisher.get(&key).await {
        Ok(Some(feed)) => answer(&feed, key.format, &headers),
        Ok(None) => web.failure(Failure::NotFound),
        Err(error) => web.failure(Failure::Busy(error.to_string())),
    }
}

/// The answer to a request for a feed that is ready, as nearly all requests are:
/// it needs no task of its own, and nobody who is waited for.
pub(super) fn at_once<B>(web: &Web, request: &Request<B>) -> Option<Response> {
    if *request.method() != Method::GET {
        return None;
    }
    let key = key(request.uri())?;
    let feed = web.publisher.ready(&key)?;
    let mut response = answer(&feed, key.format, request.headers());
    dress(&mut response, false, false);
    Some(response)
}

/// `/feed.rss`, `/feeds/NAME.rss`, `/tags/NAME.rss` and so on, with `?full=0` and `?page=3`.
fn key(uri: &Uri) -> Option<FeedKey> {
    let path = uri.path().strip_prefix('/')?;
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let file = percent_decode_str(file).decode_utf8().ok()?;
    let label = |kind, name: &str| Some(FeedOf::Label(kind, LabelKey::of(name)?));
    let mut key = FeedKey::in_file(&file, |name| match folder {
        "" => (name == "feed").then_some(FeedOf::Site),
        "feeds" => Some(FeedOf::Newsletter(name.parse().ok()?)),
        "sources" => Some(FeedOf::Source(name.parse().ok()?)),
        "tags" => label(LabelKind::Tag, name),
        "authors" => label(LabelKind::Author, name),
        "languages" => label(LabelKind::Language, name),
        _ => None,
    })?;
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "full" => key.full = value != "0",
            "page" => key.page = Some(value.parse().ok()?),
            // Readers' programs add words of their own, against caches.
            _ => {}
        }
    }
    Some(key)
}

/// Conditional requests as RFC 9110 section 13 has them: `If-None-Match` first,
/// `If-Modified-Since` only without it.
fn answer(feed: &Packed, format: Format, headers: &HeaderMap) -> Response {
    let coding = accepted(headers);
    let is_fresh = is_fresh(headers, &feed.digest, feed.modified);
    let body = if is_fresh { Body::empty() } else { Body::from(feed.bytes(coding).clone()) };
    let mut response = Response::new(body);
    let mut out = HeaderMap::with_capacity(16);
    if is_fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        if coding != Coding::Identity {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
        }
    }
    // Who is told that nothing has changed knows what it is linked with.
    let links = Some((header::LINK, &feed.links)).filter(|(_, links)| !is_fresh && !links.is_empty());
    let told = [(header::ETAG, feed.etag(coding)), (header::LAST_MODIFIED, &feed.last_modified)];
    for (name, value) in told.into_iter().chain(links) {
        if let Ok(value) = HeaderValue::from_maybe_shared(value.clone()) {
            out.insert(name, value);
        }
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    *response.headers_mut() = out;
    response
}

fn is_fresh(headers: &HeaderMap, digest: &str, modified: Timestamp) -> bool {
    let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        return tags.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|tag| {
            // Weak comparison (section 8.8.3.2); any encoding's tag names the same feed.
            let tag = tag.trim().trim_start_matches("W/").trim_matches('"');
            tag == "*" || tag.split_once('-').map_or(tag, |(of, _)| of) == digest
        });
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    since
        .and_then(|since| DateTime::parse_from_rfc2822(since).ok())
        .is_some_and(|since| modified.millis() / 1000 <= since.timestamp())
}

/// The encoding that is most welcome (section 12.5.3), of several the smallest.
fn accepted(headers: &HeaderMap) -> Coding {
    let mut weights = Coding::ALL.map(|coding| (coding, None));
    let mut others = 0.0_f32;
    for value in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for item in value.split(',') {
            let mut parts = item.split(';');
            let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.trim().parse().ok()).unwrap_or(1.0);
            match (name.strip_prefix("x-").unwrap_or(&name), &mut weights) {
                ("*", _) => others = weight,
                (name, weights) => {
                    let known = weights.iter_mut().filter(|(coding, _)| coding.as_str() == name);
                    known.for_each(|(_, stands)| *stands = Some(weight));
                }
            }
        }
    }
    let welcome = weights.map(|(coding, weight)| (coding, weight.unwrap_or(others)));
    let best = welcome.iter().map(|(_, weight)| *weight).fold(0.0, f32::max);
    // What nobody named is as welcome as it is; one that is named and weighs the same comes first.
    welcome
        .into_iter()
        .find(|(_, weight)| *weight > 0.0 && *weight >= best)
        .map_or(Coding::Identity, |(coding, _)| coding)
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
        feeds: links(&config, &FeedOf::Newsletter(newsletter.name.clone())),
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
        feeds: links(&config, &FeedOf::Source(source.name.clone())),
    });
    let context = IndexContext { frame: web.frame(language), newsletters, sources: sources.collect() };
    match web.renderer.page_index(&context) {
        Ok(page) => ([(header::CACHE_CONTROL, "public, max-age=300")], Html(page)).into_response(),
        Err(error) => web.failure(error.into()),
    }
}

fn links(config: &Config, of: &FeedOf) -> Vec<IndexFeed> {
    Format::ALL
        .into_iter()
        .map(|format| IndexFeed {
            name: format.title(),
            media_type: format.media_type(),
            url: FeedKey::new(of.clone(), format).url(&config.site.base_url),
        })
        .collect()
}
