//! Where a page's feed may be when the page does not say: what is known of
//! platforms, as data (`platforms.toml`), and then the usual addresses.

use crate::domain::source::ListRules;
use crate::domain::url::HttpUrl;
use regex::Regex;
use serde::Deserialize;
use std::sync::LazyLock;

/// No page is worth more requests.
const MOST: usize = 10;
/// So much of a page is searched for marks.
const HEAD: usize = 512 * 1024;

#[derive(Deserialize)]
struct Platforms {
    platform: Vec<Platform>,
}

/// What is known of a platform.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Platform {
    #[expect(dead_code, reason = "for those who read the file")]
    name: String,
    host: Option<String>,
    /// Where the text of an article stands (CSS).
    pub(super) article: Option<String>,
    /// What in it does not belong to it (CSS).
    #[serde(default)]
    pub(super) remove: Vec<String>,
    /// How its lists of posts are read.
    pub(super) list: Option<ListRules>,
    /// What stands on a page that says, with status 200, that it has no article.
    #[serde(default)]
    pub(super) sorry: Vec<String>,
    #[serde(default, deserialize_with = "regex")]
    path: Option<Regex>,
    #[serde(default, deserialize_with = "regex")]
    page: Option<Regex>,
    #[serde(default)]
    feeds: Vec<String>,
}

fn regex<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Regex>, D::Error> {
    Regex::new(&String::deserialize(from)?).map(Some).map_err(serde::de::Error::custom)
}

/// Embedded; a test reads it, so that a broken one never ships.
static PLATFORMS: LazyLock<Vec<Platform>> = LazyLock::new(|| {
    toml::from_str::<Platforms>(include_str!("platforms.toml")).map(|read| read.platform).unwrap_or_default()
});

/// The feeds that a page at `url` may have, the likeliest first.
pub(super) fn guesses(url: &HttpUrl, page: &str) -> Vec<HttpUrl> {
    let page = page.get(..page.floor_char_boundary(HEAD)).unwrap_or(page);
    let mut found: Vec<HttpUrl> = Vec::new();
    for platform in PLATFORMS.iter() {
        let Some(part) = platform.matches(url, page) else { continue };
        for template in &platform.feeds {
            let feed = template
                .replace("{1}", part)
                .replace("{origin}", &url.as_url().origin().ascii_serialization())
                .replace("{domain}", url.host().trim_start_matches("www."));
            found.extend(feed.parse().ok().filter(|feed| feed != url && !found.contains(feed)));
        }
    }
    found.truncate(MOST);
    found
}

/// What is known of articles at this address.
pub(super) fn platform_of(url: &HttpUrl) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.article.is_some() && platform.matches(url, "").is_some())
}

/// What on a page at this address says that there is nothing on it.
pub(super) fn sorry_of(url: &HttpUrl, page: &str) -> Option<&'static str> {
    platform_of(url)?.sorry.iter().map(String::as_str).find(|sorry| page.contains(sorry))
}

/// How a list of posts at this address is read.
pub(super) fn list_of(url: &HttpUrl) -> Option<&'static ListRules> {
    PLATFORMS.iter().filter(|platform| platform.matches(url, "").is_some()).find_map(|platform| platform.list.as_ref())
}

impl Platform {
    /// The first group that matched, empty when there is none; `None` when the
    /// page is another platform's.
    fn matches<'a>(&self, url: &'a HttpUrl, page: &'a str) -> Option<&'a str> {
        if let Some(host) = &self.host {
            let rest = url.host().strip_suffix(host.as_str())?;
            if !rest.is_empty() && !rest.ends_with('.') {
                return None;
            }
        }
        let mut part = "";
        for (regex, text) in [(&self.path, url.as_url().path()), (&self.page, page)] {
            let Some(regex) = regex else { continue };
            let groups = regex.captures(text)?;
            if part.is_empty() {
                part = groups.iter().skip(1).flatten().next().map_or("", |group| group.as_str());
            }
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_known_by_address_and_by_page() {
        assert!(PLATFORMS.len() > 15);
        for (url, page, first) in [
            ("https://brunch.co.kr/@@abc1/12", "", "https://brunch.co.kr/rss/@@abc1"),
            (
                "https://brunch.co.kr/@someone",
                "<div data-tiara-author_id=\"@@aB3d\">",
                "https://brunch.co.kr/rss/@@aB3d",
            ),
            ("https://blog.naver.com/alley/1", "", "https://rss.blog.naver.com/alley.xml"),
            ("https://alley.tistory.com/12", "", "https://alley.tistory.com/rss"),
            ("https://velog.io/@alley/posts", "", "https://v2.velog.io/rss/@alley"),
            ("https://www.news.example.kr/news/articleList.html", "", "https://www.news.example.kr/rss/allArticle.xml"),
            (
                "https://www.youtube.com/@alley",
                "{\"externalId\":\"UCabcdefghijklmnopqrstuv\"}",
                "https://www.youtube.com/feeds/videos.xml?channel_id=UCabcdefghijklmnopqrstuv",
            ),
            ("https://github.com/a/b/tree/main", "", "https://github.com/a/b/releases.atom"),
            ("https://medium.com/@alley/x", "", "https://medium.com/feed/@alley"),
            ("https://alley.substack.com/p/x", "", "https://alley.substack.com/feed"),
            ("https://alley.blogspot.com/", "", "https://alley.blogspot.com/feeds/posts/default"),
            ("https://social.example/@alley", "<div id='mastodon'>", "https://social.example/@alley.rss"),
            ("https://g.example/", "<meta name=\"generator\" content=\"Ghost 5\">", "https://g.example/rss/"),
            ("https://w.example/x", "<link href='/wp-content/a.css'>", "https://w.example/feed/"),
            ("https://plain.example:8443/a/b", "<p>", "https://plain.example:8443/feed"),
            ("https://notbrunch.co.kr/@@abc1", "", "https://notbrunch.co.kr/feed"),
        ] {
            let found = guesses(&url.parse().unwrap(), page);
            assert_eq!(found.first().map(HttpUrl::as_str), Some(first), "{url}");
            assert!(found.len() <= MOST);
        }
    }
}
