//! The article on a page, without what stands around it: by the rules of its
//! source, by what is known of its platform, else by what readability finds.
//! What the page says of itself fills in the rest.

use super::also_at::also_at;
use super::head::Head;
use super::platforms::Known;
use super::text::plain_text;
use super::{Input, RawHtml, ReadError, Repairs, chrome, dates, decode, fingerprint, packed};
use crate::domain::html::{CleanHtml, bounded};
use crate::domain::post::{Enclosure, Entry};
use crate::domain::source::Rules;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::shortened;
use dom_query::{Document as Html, NodeRef, Selection};
use dom_smoothie::{Config, Readability};

/// A page with more elements than this is no article.
const MAX_ELEMENTS: usize = 50_000;
/// Less text than this is no article either, in characters.
const MIN_TEXT: usize = 40;
/// A page that says in so few characters that it has nothing means it.
const SORRY_TEXT: usize = 200;

/// A page, parsed once, with what it says of itself.
pub(super) struct Page<'a> {
    pub(super) html: Html,
    /// Its HTML as it stood.
    text: &'a str,
    address: Option<&'a HttpUrl>,
    /// What its links are relative to.
    pub(super) base: Option<HttpUrl>,
    pub(super) known: Known<'a>,
    pub(super) head: Head,
}

/// Reads the article on a page; an error says why there is none.
pub fn article(input: &Input<'_>, rules: &Rules) -> Result<Entry, ReadError> {
    let mut repairs = Repairs::default();
    let bytes = packed::unpacked(input.bytes, &mut repairs);
    let text = decode::decode(&bytes, input.content_type, &mut repairs);
    Page::parse(&text, input).article(rules).map(|(entry, _)| entry)
}

impl<'a> Page<'a> {
    pub(super) fn parse(text: &'a str, input: &Input<'a>) -> Self {
        let html = Html::from(bounded(text).as_ref());
        let address = input.base;
        let base = html.select("base[href]").attr("href");
        let base =
            base.and_then(|href| href.parse().ok().or_else(|| address?.join(&href))).or_else(|| address.cloned());
        let known = Known::of(input.platforms, address, text);
        let head = Head::of(&html, address, base.as_ref(), &known);
        Self { html, text, address, base, known, head }
    }

    /// Whether it is an article, and not a list of them.
    pub(super) fn is_article(&self) -> bool {
        let at_place = || {
            let selector = self.known.one(|platform| platform.article.as_ref());
            selector.and_then(|selector| self.html.try_select(selector)).is_some_and(|found| found.exists())
        };
        self.head.is_article || self.html.select("article").length() == 1 || at_place()
    }

    /// What the page says when it has nothing to show. Scripts know that
    /// sentence too, on pages that have something.
    pub(super) fn sorry(&self) -> Option<ReadError> {
        self.known.sorry(self.text)?;
        self.html.select("script, style, noscript").remove();
        self.known.sorry(&self.html.html()).map(|sorry| ReadError::Sorry(sorry.to_owned()))
    }

    /// The article, with its HTML as it stood.
    pub(super) fn article(self, rules: &Rules) -> Result<(Entry, RawHtml), ReadError> {
        chrome::strip(&self.html, rules.remove.iter().chain(self.known.list(|platform| &platform.remove)));
        let places = rules.article.as_deref().into_iter().chain(self.known.one(|platform| platform.article.as_ref()));
        let chosen = places.filter_map(|place| self.html.try_select(place)).find(|found| has_text(found, MIN_TEXT));
        if !chosen.as_ref().is_some_and(|chosen| has_text(chosen, SORRY_TEXT))
            && let Some(sorry) = self.sorry()
        {
            return Err(sorry);
        }
        let (html, found) = match chosen {
            Some(chosen) => (inner_html(&chosen), None),
            None => {
                let (address, config) = (self.address.map(HttpUrl::as_str), readability());
                let found = Readability::with_document(self.html, address, Some(config))
                    .and_then(|mut readability| readability.parse())
                    .map_err(|_| ReadError::NoArticle)?;
                if found.text_content.trim().chars().count() < MIN_TEXT && !found.content.contains("<img") {
                    return Err(ReadError::NoArticle);
                }
                (found.content.to_string(), Some(found))
            }
        };
        let content = CleanHtml::sanitise(&html, self.base.as_ref());
        if content.is_empty() {
            return Err(ReadError::NoArticle);
        }
        let head = self.head;
        let url = head.url.or_else(|| self.address.cloned());
        let mut authors = head.authors;
        if authors.is_empty() {
            authors.extend(found.as_ref().and_then(|found| found.byline.as_deref()).map(plain_text));
        }
        // A lead image that the text does not show goes along as a file of it.
        let lead = head.image.filter(|_| !content.as_str().contains("<img"));
        let mut entry = Entry {
            guid: shortened(url.as_ref().map(ToString::to_string).unwrap_or_default()),
            original: head.original,
            also_at: also_at(content.as_str()),
            title: head.title.or_else(|| found.as_ref().map(|found| plain_text(&found.title))).unwrap_or_default(),
            authors,
            language: head.language,
            published: head.published.or_else(|| dates::parse(found.as_ref()?.published_time.as_deref()?)),
            updated: head.modified.or_else(|| dates::parse(found.as_ref()?.modified_time.as_deref()?)),
            summary: head.summary.map(|text| CleanHtml::from_text(&text)),
            content: Some(content),
            categories: head.tags,
            enclosures: lead.map(picture).into_iter().collect(),
            url,
        };
        if entry.guid.is_empty() {
            entry.guid = format!("text:{}", sha256_hex(fingerprint(&entry).as_bytes()));
        }
        Ok((entry, RawHtml { summary: None, content: Some(html) }))
    }
}

fn readability() -> Config {
    // Classes say which language code is in; the sanitiser drops the others.
    Config { max_elements_to_parse: MAX_ELEMENTS, keep_classes: true, disable_json_ld: true, ..Config::default() }
}

/// Whether there are so many characters in it, or, of an article, a picture.
fn has_text(found: &Selection<'_>, least: usize) -> bool {
    found.text().trim().chars().take(least).count() == least || found.select("img").exists() && least == MIN_TEXT
}

/// What stands in these elements; in one that stands in another of them, once.
fn inner_html(chosen: &Selection<'_>) -> String {
    let nodes = chosen.nodes();
    let outer =
        |node: &&NodeRef<'_>| !node.ancestors_it(None).any(|above| nodes.iter().any(|other| other.id == above.id));
    nodes.iter().filter(outer).map(|node| node.inner_html().to_string()).collect()
}

fn picture(url: HttpUrl) -> Enclosure {
    let kinds = [("jpg", "jpeg"), ("jpeg", "jpeg"), ("png", "png"), ("gif", "gif"), ("webp", "webp"), ("avif", "avif")];
    let ending = url.as_url().path().rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let kind = kinds.iter().find(|(known, _)| *known == ending).map(|(_, kind)| format!("image/{kind}"));
    Enclosure { url, media_type: kind, length: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::platform::Platforms;

    fn read(page: &str, url: &str, rules: &Rules) -> Result<Entry, ReadError> {
        let url: HttpUrl = url.parse().unwrap();
        let platforms = Platforms::default();
        article(&Input { bytes: page.as_bytes(), content_type: None, base: Some(&url), platforms: &platforms }, rules)
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
        let post = format!(
            "<head><meta property=og:article:author content=\"'하늘'\"></head><body><div class=entry-content><div class=\"tt_article_useless_p_margin\"><p>{TEXT}</p><p>{TEXT}</p></div>\
             <div class=\"container_postbtn #post_button_group\"><div><button>좋아요</button><span>3</span></div></div>\
             <div class=\"another_category another_category_color_gray\"><h4>'<a href=/c>여행</a>' 카테고리의 다른 글</h4><table><tr><th><a href=/11>빠른 시계</a> (0)</th></tr></table></div></div></body>"
        );
        let entry = read(&post, "https://alley.example/12", &Rules::default()).unwrap();
        let content = entry.content.unwrap().to_string();
        assert!(
            content.contains("never hurried") && !content.contains('3') && !content.contains("다른 글"),
            "{content}"
        );
        assert_eq!(entry.authors, ["하늘"]);
        let down =
            read("<body>서비스 접속이 원활하지 않습니다</body>", "https://brunch.co.kr/@alley/3", &Rules::default());
        assert!(matches!(down, Err(ReadError::Sorry(_))), "{down:?}");
        assert_eq!(read("<body><p>Hi</p></body>", "https://x.example/", &Rules::default()), Err(ReadError::NoArticle));
    }
}
