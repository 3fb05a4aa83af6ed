//! Feeds and the pages of the archive as bytes.

use super::{Failure, PICTURES_POLICY, ROBOTS, Web, dress};
use crate::domain::time::Timestamp;
use crate::flow::publish::{Coding, Document, Filed, Packed, Page};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::DateTime;

/// Readers may keep a document for five minutes, and show it while they ask again.
const CACHE: &str = "public, max-age=300, stale-while-revalidate=3600";

/// A mail brings its styles along, and shows pictures from other sites; it runs nothing.
const MAIL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

/// Where documents stand. Sitemaps beyond the first come by the way of what has no route.
pub(super) const PATHS: [&str; 42] = [
    "/",
    "/feed.rss",
    "/feed.atom",
    "/feed.json",
    "/feed/{document}",
    "/feeds/{file}",
    "/feeds/{newsletter}/{document}",
    "/sources/{file}",
    "/sources/{source}/{document}",
    "/tags/{file}",
    "/tags/{label}/{document}",
    "/authors/{file}",
    "/authors/{label}/{document}",
    "/languages/{file}",
    "/languages/{label}/{document}",
    "/posts/",
    "/posts/{page}/",
    "/post/{post}/",
    "/newsletters/{newsletter}/",
    "/newsletters/{newsletter}/{page}/",
    "/sources/{source}/",
    "/sources/{source}/{page}/",
    "/tags/{label}/",
    "/tags/{label}/{page}/",
    "/authors/{label}/",
    "/authors/{label}/{page}/",
    "/languages/{label}/",
    "/languages/{label}/{page}/",
    "/archive/",
    "/digests/{newsletter}/{cadence}/{slot}/",
    "/sources.opml",
    "/digests/{newsletter}/",
    "/digests/{newsletter}/{page}/",
    "/{year}/{month}/",
    "/{year}/{month}/{page}/",
    "/sitemap.xml",
    "/sitemap-1.xml",
    "/robots.txt",
    "/style.css",
    "/icon.svg",
    "/subscribe.js",
    "/leave.js",
];

/// Whatever stands at an address. An address without its last slash leads to the page.
pub(super) async fn serve(State(web): State<Web>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return web.failure(Failure::NotFound);
    }
    let Some(document) = document(&uri, &headers) else {
        let path = format!("{}/", uri.path());
        // Two slashes at the beginning would lead to another site.
        let is_page = !path.starts_with("//") && Document::at(&path, None).is_some();
        if is_page {
            return Redirect::permanent(&web.config.load().path(&path)).into_response();
        }
        return web.failure(Failure::NotFound);
    };
    match web.publisher.get(document.clone()).await {
        Ok(Some(packed)) => answer(&packed, &document, &headers),
        Ok(None) => nothing(&web, &document).await,
        Err(error) => web.failure(error.into()),
    }
}

/// The answer where nothing stands. Of a post that was withdrawn it is known that nothing will (RFC 9110
/// section 15.5.11).
async fn nothing(web: &Web, document: &Document) -> Response {
    let Document::Page(Page::Post(id)) = document else { return web.failure(Failure::NotFound) };
    match web.publisher.withdrawn(*id).await {
        Ok(Some(page)) => (StatusCode::GONE, [(ROBOTS, "noindex")], Html(page)).into_response(),
        Ok(None) => web.failure(Failure::NotFound),
        Err(error) => web.failure(error.into()),
    }
}

/// The answer to a request for a document that is ready, as nearly all requests are:
/// it needs no task of its own, and nobody who is waited for. With it the file that its body
/// may be sent from.
pub(super) fn at_once<B>(web: &Web, request: &Request<B>) -> Option<(Response, Option<Filed>)> {
    if *request.method() != Method::GET {
        return None;
    }
    let document = document(request.uri(), request.headers())?;
    let packed = web.publisher.ready(&document)?;
    let mut response = answer(&packed, &document, request.headers());
    dress(&mut response, false, false);
    let is_as_it_is = response.status() == StatusCode::OK && !response.headers().contains_key(header::CONTENT_ENCODING);
    Some((response, if is_as_it_is { packed.filed() } else { None }))
}

/// What is asked for. Who opens a feed in a browser gets a page that says what it is.
fn document(uri: &Uri, headers: &HeaderMap) -> Option<Document> {
    match Document::at(uri.path(), uri.query())? {
        Document::Feed(key) if key.page.is_none() && is_browser(headers) => Some(Page::Opened(key).into()),
        document => Some(document),
    }
}

/// Whether a page is more welcome than a feed (RFC 9110 section 12.5.1): browsers name
/// HTML and no feed, while programs that read feeds name those, or take anything.
fn is_browser(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut page, mut feed) = (0.0_f32, 0.0_f32);
    for item in named.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let mut weight = || parts.find_map(|part| part.trim().strip_prefix("q=")?.trim().parse().ok()).unwrap_or(1.0);
        if name.eq_ignore_ascii_case("text/html") {
            page = weight();
        } else if FEEDS.iter().any(|kind| name.eq_ignore_ascii_case(kind)) {
            feed = feed.max(weight());
        }
    }
    page > feed
}

/// What programs that read feeds ask for. Of XML alone browsers speak, too.
const FEEDS: [&str; 6] = [
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/json",
    "application/rdf+xml",
    "text/xml",
];

/// Conditional requests as RFC 9110 section 13 has them: `If-None-Match` first,
/// `If-Modified-Since` only without it, and of feeds alone: a page changes with its
/// template, too.
fn answer(packed: &Packed, document: &Document, headers: &HeaderMap) -> Response {
    let coding = accepted(headers);
    let modified = matches!(document, Document::Feed(_)).then_some(packed.modified);
    let is_fresh = is_fresh(headers, &packed.digest, modified);
    let body = if is_fresh { Body::empty() } else { Body::from(packed.bytes(coding).clone()) };
    let mut response = Response::new(body);
    let mut out = HeaderMap::with_capacity(16);
    if let Ok(etag) = HeaderValue::from_maybe_shared(packed.etag(coding).clone()) {
        out.insert(header::ETAG, etag);
    }
    // Who is told that nothing has changed knows the rest (section 15.4.5).
    if is_fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(document.content_type()));
        if coding != Coding::Identity {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
        }
        if modified.is_some()
            && let Ok(modified) = HeaderValue::from_maybe_shared(packed.last_modified.clone())
        {
            out.insert(header::LAST_MODIFIED, modified);
        }
        if !packed.links.is_empty()
            && let Ok(links) = HeaderValue::from_maybe_shared(packed.links.clone())
        {
            out.insert(header::LINK, links);
        }
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    let at_feeds_address = matches!(document, Document::Feed(_) | Document::Page(Page::Opened(_)));
    let vary = if at_feeds_address { "Accept, Accept-Encoding" } else { "Accept-Encoding" };
    out.insert(header::VARY, HeaderValue::from_static(vary));
    if matches!(document, Document::Page(Page::Digest(_))) {
        out.insert(header::CONTENT_SECURITY_POLICY, MAIL_POLICY);
    } else if document.content_type().starts_with("text/html") {
        out.insert(header::CONTENT_SECURITY_POLICY, PICTURES_POLICY.clone());
    }
    *response.headers_mut() = out;
    response
}

fn is_fresh(headers: &HeaderMap, digest: &str, modified: Option<Timestamp>) -> bool {
    let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        return tags.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|tag| {
            // Weak comparison (section 8.8.3.2); any encoding's tag names the same feed.
            let tag = tag.trim().trim_start_matches("W/").trim_matches('"');
            tag == "*" || tag.split_once('-').map_or(tag, |(of, _)| of) == digest
        });
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|since| DateTime::parse_from_rfc2822(since).ok());
    modified.zip(since).is_some_and(|(modified, since)| modified.millis() / 1000 <= since.timestamp())
}

/// The encoding that is most welcome (section 12.5.3), of several the smallest.
fn accepted(headers: &HeaderMap) -> Coding {
    let mut weights = Coding::ALL.map(|coding| (coding, None));
    let mut others = 0.0_f32;
    for value in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for item in value.split(',') {
            let mut parts = item.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.trim().parse().ok()).unwrap_or(1.0);
            if name == "*" {
                others = weight;
            }
            let name = name.strip_prefix("x-").unwrap_or(name);
            let known = weights.iter_mut().filter(|(coding, _)| coding.as_str().eq_ignore_ascii_case(name));
            known.for_each(|(_, stands)| *stands = Some(weight));
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
