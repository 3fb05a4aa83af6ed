//! An HTML page: what it is called, the feeds that it points to, and its article
//! when it is one.

use super::article::Page;
use super::text::plain_text;
use super::{FeedLink, Input, ReadError, Reading, Repairs, discover};
use crate::domain::pace::Pace;
use crate::domain::post::{Document, DocumentKind};
use crate::domain::source::Rules;
use crate::domain::url::HttpUrl;
use dom_query::{Document as Html, Selection};

/// Media types of feeds. Every one is as good as another.
const FEED_TYPES: [&str; 9] = [
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/x-rss+xml",
    "application/x.atom+xml",
    "application/x-atom+xml",
    "text/rss+xml",
    "text/atom+xml",
];
/// Types that may be anything: a feed when the link says so in another way.
const ODD_TYPES: [&str; 6] = ["application/json", "application/xml", "text/xml", "application/rss", "text/json", ""];

pub(super) fn read(text: &str, input: &Input<'_>, repairs: Repairs) -> Result<Reading, ReadError> {
    let page = Page::parse(text, input);
    let guesses = input.base.map_or_else(Vec::new, |address| discover::guesses(input.platforms, address, text));
    let feeds = feeds(&page.html, page.base.as_ref());
    let language = page
        .html
        .select("html[lang]")
        .attr("lang")
        .map(|tag| tag.trim().to_ascii_lowercase())
        .filter(|tag| !tag.is_empty())
        .or_else(|| page.head.language.clone());
    let title = page.head.title.clone();
    let link = page.head.url.clone().or_else(|| page.base.clone());
    let begins = |page: &Page<'_>| page.html.select("body").text().chars().take(2_000).collect::<String>();
    let language = language.or_else(|| super::text::language(&begins(&page)));
    let article = if page.is_article() {
        match page.article(&Rules::default()) {
            Ok(article) => Some(article),
            Err(sorry @ ReadError::Sorry(_)) if feeds.is_empty() => return Err(sorry),
            Err(_) => None,
        }
    } else if feeds.is_empty()
        && let Some(sorry) = page.sorry()
    {
        return Err(sorry);
    } else {
        None
    };
    let (entries, raw) = article.into_iter().unzip();
    let document = Document { kind: DocumentKind::Page, title, link, language, entries, deleted: Vec::new() };
    Ok(Reading { document, raw, feeds, guesses, older: None, pace: Pace::default(), repairs })
}

/// The feeds that a page names, best first.
fn feeds(html: &Html, base: Option<&HttpUrl>) -> Vec<FeedLink> {
    let mut found: Vec<(usize, FeedLink)> = Vec::new();
    let links = "link[rel~='alternate' i][href], link[rel~='feed' i][href], a[rel~='alternate' i][href][type]";
    for link in &html.select(links) {
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
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let href = link.attr("href")?;
    let url = href.parse().ok().or_else(|| base?.join(&href))?;
    let title = link.attr("title").map(|title| plain_text(&title)).filter(|title| !title.is_empty());
    let words = format!("{} {}", url.as_url().path(), title.as_deref().unwrap_or_default()).to_lowercase();
    let rel_feed =
        link.attr("rel").is_some_and(|rel| rel.split_whitespace().any(|word| word.eq_ignore_ascii_case("feed")));
    let named = rel_feed || FEED_TYPES.contains(&media_type);
    // Another language's page is an alternate too, and so is an interface for programs.
    let odd = ODD_TYPES.contains(&media_type)
        && link.attr("hreflang").is_none()
        && ["feed", "rss", "atom", "rdf"].iter().any(|word| words.contains(word))
        && !words.contains("wp-json");
    if !named && !odd {
        return None;
    }
    // A feed of comments is never what one wants to follow.
    let comments = ["comment", "댓글"].iter().any(|word| words.contains(word));
    Some((usize::from(comments) * 2 + usize::from(!named), FeedLink { url, title }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::platform::Platforms;

    #[test]
    fn every_way_to_name_a_feed_is_understood_and_the_best_comes_first() {
        for (page, feeds) in [
            ("<link rel=alternate type=application/rss+xml href=/a>", vec!["https://x.example/a"]),
            (
                "<link rel=alternate type='application/atom+xml; charset=utf-8' href=a.xml>",
                vec!["https://x.example/blog/a.xml"],
            ),
            ("<link rel=alternate type=application/feed+json href=//y.example/f>", vec!["https://y.example/f"]),
            ("<link rel=alternate type=application/json href=/feed.json>", vec!["https://x.example/feed.json"]),
            ("<link rel=alternate type=application/rdf+xml href=/index.rdf>", vec!["https://x.example/index.rdf"]),
            ("<link rel=alternate type=text/xml title=RSS href=/x>", vec!["https://x.example/x"]),
            ("<link rel=alternate title=Atom href=/x>", vec!["https://x.example/x"]),
            ("<link rel='ALTERNATE home' type=Application/RSS+XML href=/a>", vec!["https://x.example/a"]),
            ("<link rel=feed href=/a>", vec!["https://x.example/a"]),
            (
                "<base href='https://z.example/b/'><link rel=alternate type=application/rss+xml href=a>",
                vec!["https://z.example/b/a"],
            ),
            ("<base href=/b/><link rel=alternate type=application/rss+xml href=a>", vec!["https://x.example/b/a"]),
            ("<body><p>x</p><link rel=alternate type=application/rss+xml href=/a></body>", vec!["https://x.example/a"]),
            ("<a rel=alternate type=application/rss+xml href=/a>RSS</a>", vec!["https://x.example/a"]),
            (
                "<link rel=alternate type=application/rss+xml title='Comments' href=/c><link rel=alternate type=application/json \
                 title=Feed href=/j><link rel=alternate type=application/atom+xml href=/a><link rel=alternate \
                 type=application/rss+xml href=/comments/feed><link rel=alternate type=application/rss+xml href=/a>",
                vec![
                    "https://x.example/a",
                    "https://x.example/j",
                    "https://x.example/c",
                    "https://x.example/comments/feed",
                ],
            ),
            ("<link rel=alternate hreflang=ko href=/ko/feed-ing>", vec![]),
            ("<link rel=alternate type=application/json href=/wp-json/wp/v2/posts/1>", vec![]),
            ("<link rel=alternate type=application/json+oembed href=/oembed?x>", vec![]),
            ("<link rel=alternate type=text/html href=/feed>", vec![]),
            ("<link rel=alternate type=application/rss+xml href='javascript:alert(1)'>", vec![]),
            ("<link rel=stylesheet href=/rss.css>", vec![]),
        ] {
            let base = "https://x.example/blog/".parse().unwrap();
            let input = Input { bytes: &[], content_type: None, base: Some(&base), platforms: &Platforms::default() };
            let reading = read(page, &input, Repairs::default()).unwrap();
            assert_eq!(reading.feeds.iter().map(|feed| feed.url.as_str()).collect::<Vec<_>>(), feeds, "{page}");
        }
    }
}
