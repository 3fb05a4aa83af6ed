//! An HTML page: what it is called, the feeds that it points to, and its article
//! when it is one.

use super::text::plain_text;
use super::{FeedLink, Reading, Repairs, article, discover};
use crate::domain::html::bounded;
use crate::domain::pace::Pace;
use crate::domain::post::{Document, DocumentKind};
use crate::domain::source::Rules;
use crate::domain::url::HttpUrl;
use dom_query::{Document as Html, Selection};

/// Media types of feeds, the one that says most first.
const FEED_TYPES: [&str; 5] =
    ["application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml", "application/json"];

pub(super) fn read(text: &str, base: Option<&HttpUrl>, repairs: Repairs) -> Reading {
    let html = Html::from(bounded(text).as_ref());
    let address = base;
    let guesses = address.map_or_else(Vec::new, |address| discover::guesses(address, text));
    let base = html
        .select("base[href]")
        .attr("href")
        .and_then(|href| href.parse().ok().or_else(|| base?.join(&href)))
        .or_else(|| base.cloned());
    let meta = |selector: &str| non_empty(html.select(selector).attr("content").map(|value| plain_text(&value)));
    let title = meta("meta[property='og:title']").or_else(|| non_empty(Some(plain_text(&html.select("title").text()))));
    let canonical = html.select("link[rel='canonical']").attr("href").and_then(|href| resolve(&href, base.as_ref()));
    let link = canonical.or_else(|| html.select("meta[property='og:url']").attr("content")?.parse().ok());
    let language = html
        .select("html[lang]")
        .attr("lang")
        .map(|tag| tag.trim().to_ascii_lowercase())
        .filter(|tag| !tag.is_empty())
        .or_else(|| super::text::language(&html.select("body").text().chars().take(2_000).collect::<String>()));
    let article = if article::is_article(&html, address) {
        article::of_page(text, address, &Rules::default()).ok()
    } else {
        None
    };
    let (entries, raw) = article.into_iter().unzip();
    let document = Document { kind: DocumentKind::Page, title, link: link.or_else(|| base.clone()), language, entries };
    Reading { document, raw, feeds: feeds(&html, base.as_ref()), guesses, older: None, pace: Pace::default(), repairs }
}

fn feeds(html: &Html, base: Option<&HttpUrl>) -> Vec<FeedLink> {
    let mut found: Vec<(usize, FeedLink)> = Vec::new();
    for link in &html.select("link[rel~='alternate'][href], link[rel~='feed'][href]") {
        if let Some((rank, feed)) = feed_link(&link, base)
            && !found.iter().any(|(_, known)| known.url == feed.url)
        {
            found.push((rank, feed));
        }
    }
    // Stable: among equals the page's own order, which names the main feed first.
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, feed)| feed).collect()
}

fn feed_link(link: &Selection<'_>, base: Option<&HttpUrl>) -> Option<(usize, FeedLink)> {
    let media_type = link.attr("type").unwrap_or_default().to_ascii_lowercase();
    let kind = FEED_TYPES.iter().position(|known| media_type.trim().starts_with(known));
    let rel_feed = link.attr("rel").is_some_and(|rel| rel.split_whitespace().any(|word| word == "feed"));
    let kind = kind.or(rel_feed.then_some(0))?;
    let url = resolve(&link.attr("href")?, base)?;
    let title = non_empty(link.attr("title").map(|title| plain_text(&title)));
    // A comments feed is never what one wants to follow.
    let comments = url.as_url().path().contains("comments")
        || title.as_deref().is_some_and(|title| title.to_lowercase().contains("comment"));
    // Every feed type is as good as another; plain JSON may be an API of the site's.
    let rank = usize::from(comments) * 2 + usize::from(kind == FEED_TYPES.len() - 1);
    Some((rank, FeedLink { url, title }))
}

fn resolve(href: &str, base: Option<&HttpUrl>) -> Option<HttpUrl> {
    href.parse().ok().or_else(|| base?.join(href))
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
