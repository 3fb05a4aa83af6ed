//! The article on a page, without what stands around it: by the rules of its
//! source, by what is known of its platform, else by what readability finds.
//! What the page says of itself in its head fills in the rest.

use super::also_at::also_at;
use super::text::plain_text;
use super::{Input, RawHtml, ReadError, Repairs, dates, decode, discover, fingerprint, packed};
use crate::domain::html::{CleanHtml, bounded};
use crate::domain::post::Entry;
use crate::domain::source::Rules;
use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use dom_query::Document as Html;
use dom_smoothie::{Config, Readability};

/// A page with more elements than this is no article.
const MAX_ELEMENTS: usize = 50_000;
/// Less text than this is no article either.
const MIN_TEXT: usize = 40;

/// What no article's text is, wherever it stands.
const CHROME: &str = "template, nav, form, button, [hidden], [aria-hidden=true], .sr-only, \
    [class*=share-], [class*=social-], [class*=related-], [class*=newsletter-signup], [id*=disqus], #comments, .comments";

/// Reads the article on a page; an error says why there is none.
pub fn article(input: &Input<'_>, rules: &Rules) -> Result<Entry, ReadError> {
    let text = {
        let mut repairs = Repairs::default();
        let bytes = packed::unpacked(input.bytes, &mut repairs);
        decode::decode(&bytes, input.content_type, &mut repairs).into_owned()
    };
    of_page(&text, input.base, rules).map(|(entry, _)| entry)
}

/// Whether a page is an article, and not a list of them.
pub(super) fn is_article(page: &Html, address: Option<&HttpUrl>) -> bool {
    let says = |selector: &str, word: &str| {
        page.select(selector).attr("content").is_some_and(|kind| kind.trim().eq_ignore_ascii_case(word))
    };
    let known = address.and_then(discover::platform_of).and_then(|platform| platform.article.as_deref());
    says("meta[property='og:type']", "article")
        || page.select("article").length() == 1
        || known.and_then(|selector| page.try_select(selector)).is_some_and(|found| found.exists())
}

/// The same of a page's text, with the HTML as it stood.
pub(super) fn of_page(text: &str, address: Option<&HttpUrl>, rules: &Rules) -> Result<(Entry, RawHtml), ReadError> {
    let platform = address.and_then(discover::platform_of);
    if let Some(sorry) = platform.and_then(|platform| platform.sorry.iter().find(|sorry| text.contains(sorry.as_str())))
    {
        return Err(ReadError::Sorry(sorry.clone()));
    }
    let page = Html::from(bounded(text).as_ref());
    let head = Head::of(&page);
    let canonical = head.url.as_deref().and_then(|url| url.parse().ok().or_else(|| address?.join(url)));
    let base =
        page.select("base[href]").attr("href").and_then(|href| address?.join(&href)).or_else(|| address.cloned());
    let platform_remove = platform.map_or(&[][..], |platform| &platform.remove);
    for selector in rules.remove.iter().chain(platform_remove).map(String::as_str).chain([CHROME]) {
        // A selector of the operator's was tried when the configuration was read.
        if let Some(chrome) = page.try_select(selector) {
            chrome.remove();
        }
    }
    let selectors = rules.article.iter().chain(platform.and_then(|platform| platform.article.as_ref()));
    let chosen = selectors.filter_map(|selector| page.try_select(selector)).find(dom_query::Selection::exists);
    let (html, found) = match chosen {
        Some(chosen) => (chosen.nodes().iter().map(|node| node.inner_html().to_string()).collect::<String>(), None),
        None => {
            let config = Config { max_elements_to_parse: MAX_ELEMENTS, ..Config::default() };
            let found = Readability::with_document(page, address.map(HttpUrl::as_str), Some(config))
                .and_then(|mut readability| readability.parse())
                .map_err(|_| ReadError::NoArticle)?;
            (found.content.to_string(), Some(found))
        }
    };
    let content = CleanHtml::sanitise(&html, base.as_ref());
    if plain_text(content.as_str()).chars().count() < MIN_TEXT && !content.as_str().contains("<img") {
        return Err(ReadError::NoArticle);
    }
    let url = canonical.or_else(|| address.cloned());
    let mut entry = Entry {
        guid: url.as_ref().map(ToString::to_string).unwrap_or_default(),
        also_at: also_at(content.as_str()),
        title: head.title.or_else(|| found.as_ref().map(|found| plain_text(&found.title))).unwrap_or_default(),
        authors: head.author.or_else(|| found.as_ref()?.byline.as_deref().map(plain_text)).into_iter().collect(),
        published: head.published.or_else(|| dates::parse(found.as_ref()?.published_time.as_deref()?)),
        updated: head.modified.or_else(|| dates::parse(found.as_ref()?.modified_time.as_deref()?)),
        summary: head.summary.map(|text| CleanHtml::from_text(&text)),
        content: Some(content),
        categories: head.tags,
        enclosures: Vec::new(),
        url,
    };
    if entry.guid.is_empty() {
        entry.guid = format!("text:{}", sha256_hex(fingerprint(&entry).as_bytes()));
    }
    Ok((entry, RawHtml { summary: None, content: Some(html) }))
}

/// What a page's head says of its article (OpenGraph, article:, and older habits).
struct Head {
    title: Option<String>,
    author: Option<String>,
    published: Option<Timestamp>,
    modified: Option<Timestamp>,
    summary: Option<String>,
    url: Option<String>,
    tags: Vec<String>,
}

impl Head {
    fn of(page: &Html) -> Self {
        let first = |selectors: &[&str]| {
            let values = selectors.iter().filter_map(|selector| page.select(selector).attr("content"));
            values.map(|value| plain_text(&value)).find(|value| !value.is_empty())
        };
        let date = |selectors: &[&str]| first(selectors).and_then(|text| dates::parse(&text));
        let site = first(&["meta[property='og:site_name']"]).unwrap_or_default();
        let host_word = |title: String| {
            // "Title - site": the site is told elsewhere.
            let cut = title.rsplit_once(" - ").or_else(|| title.rsplit_once(" | "));
            match cut {
                Some((head, tail)) if tail.eq_ignore_ascii_case(&site) || tail == "brunch" => head.trim().to_owned(),
                _ => title,
            }
        };
        let mut tags: Vec<String> = page
            .select("meta[property='article:tag']")
            .iter()
            .filter_map(|tag| tag.attr("content"))
            .map(|tag| plain_text(&tag))
            .collect();
        if tags.is_empty() {
            let keywords = first(&["meta[name='keywords']"]).unwrap_or_default();
            tags = keywords.split(',').map(plain_text).collect();
        }
        tags.retain(|tag| !tag.is_empty());
        tags.dedup();
        Self {
            title: first(&["meta[property='og:title']", "meta[name='title']"]).map(host_word),
            author: first(&[
                "meta[property='og:article:author']",
                "meta[name='byl']",
                "meta[name='author']",
                "meta[property='article:author']",
            ])
            .filter(|author| !author.contains("://")),
            published: date(&[
                "meta[property='article:published_time']",
                "meta[property='og:regDate']",
                "meta[itemprop='datePublished']",
                "meta[name='date']",
            ]),
            modified: date(&["meta[property='article:modified_time']", "meta[property='og:updated_time']"]),
            summary: first(&["meta[property='og:description']", "meta[name='description']"]),
            url: page
                .select("link[rel='canonical']")
                .attr("href")
                .or_else(|| page.select("meta[property='og:url']").attr("content"))
                .map(|url| url.trim().to_owned()),
            tags,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page: &str, url: &str, rules: &Rules) -> Result<Entry, ReadError> {
        let url: HttpUrl = url.parse().unwrap();
        article(&Input { bytes: page.as_bytes(), content_type: None, base: Some(&url) }, rules)
    }

    const TEXT: &str = "The clockmaker never hurried, and the street forgave him for it, because his clocks were right, and \
        because a street with one right clock is never late for anything that matters to it.";

    #[test]
    fn a_plain_article_is_found_without_what_stands_around_it() {
        let page = format!(
            "<html><head><title>Clocks - Alley</title><meta property=og:title content=\"Clocks &amp; Hours - Alley\">\
             <meta property=og:site_name content=Alley><meta name=author content=\"Mina\">\
             <meta property=article:published_time content=\"2026-03-01T09:30:00+09:00\"><meta property=article:tag content=clocks>\
             <link rel=canonical href=\"/p/1\"></head><body><nav><a href=/>Home</a></nav><main><article><h1>Clocks</h1>\
             <p>{TEXT}</p><p>{TEXT} <a href=\"two\">More</a></p><p>This piece also appeared in <a href=\"https://news.example/9\">Good News</a>.</p>\
             </article><div class=\"share-buttons\">Share me</div><aside class=\"related-posts\">Related things</aside></main>\
             <footer>All rights</footer></body></html>"
        );
        let entry = read(&page, "https://alley.example/p/1?utm=x", &Rules::default()).unwrap();
        assert_eq!(entry.title, "Clocks & Hours");
        assert_eq!(entry.authors, ["Mina"]);
        assert_eq!(entry.categories, ["clocks"]);
        assert_eq!(entry.published.unwrap().to_rfc3339(), "2026-03-01T00:30:00Z");
        assert_eq!(entry.url.unwrap().as_str(), "https://alley.example/p/1");
        let content = entry.content.unwrap();
        assert!(content.as_str().contains("never hurried") && content.as_str().contains("https://alley.example/p/two"));
        for chrome in ["Home", "Share me", "Related things", "All rights"] {
            assert!(!content.as_str().contains(chrome), "{chrome}: {content}");
        }
        assert_eq!(entry.also_at[0].name, "Good News");
    }

    #[test]
    fn rules_of_the_source_win_and_platforms_are_known() {
        let page = format!(
            "<body><div class=a><p>{TEXT}</p><p class=ad>Buy</p></div><article><p>{TEXT} wrong</p></article></body>"
        );
        let rules = Rules { article: Some(".a".to_owned()), remove: vec![".ad".to_owned()] };
        let content = read(&page, "https://x.example/1", &rules).unwrap().content.unwrap().to_string();
        assert!(
            content.contains("never hurried") && !content.contains("Buy") && !content.contains("wrong"),
            "{content}"
        );

        let essay = format!(
            "<head><meta property=og:title content=\"늦은 시계 - brunch\"><meta property=og:regDate content=\"2019-07-08T22:22+0900\"></head>\
             <body><div class=wrap_view_article><h1 class=cover_title>늦은 시계</h1><div class=wrap_body><p class=\"wrap_item item_type_text\">{TEXT}</p>\
             <p>이 글은 좋은뉴스(news.example.kr)에도 실렸습니다.</p><div class=wrap_body_info>작가의 이전글</div></div></div>\
             <p>brunch의 표어</p></body>"
        );
        let entry = read(&essay, "https://brunch.co.kr/@alley/3", &Rules::default()).unwrap();
        assert_eq!((entry.title.as_str(), entry.also_at[0].name.as_str()), ("늦은 시계", "좋은뉴스"));
        assert_eq!(entry.published.unwrap().to_rfc3339(), "2019-07-08T13:22:00Z");
        let content = entry.content.unwrap().to_string();
        assert!(!content.contains("이전글") && !content.contains("표어"), "{content}");
        let down =
            read("<body>서비스 접속이 원활하지 않습니다</body>", "https://brunch.co.kr/@alley/3", &Rules::default());
        assert!(matches!(down, Err(ReadError::Sorry(_))), "{down:?}");
        assert_eq!(read("<body><p>Hi</p></body>", "https://x.example/", &Rules::default()), Err(ReadError::NoArticle));
    }
}
