//! Where a page's feed may be when the page does not say: what is known of
//! platforms, and then the usual addresses.

use super::platforms::all;
use crate::domain::platform::Platforms;
use crate::domain::url::HttpUrl;

/// No page is worth more requests.
const MOST: usize = 12;

/// The feeds that a page at `url` may have, the likeliest first.
pub(super) fn guesses(own: &Platforms, url: &HttpUrl, page: &str) -> Vec<HttpUrl> {
    let mut found: Vec<HttpUrl> = Vec::new();
    for platform in all(own).filter(|platform| !platform.feeds.is_empty() || platform.last) {
        let Some(part) = platform.matches(url, page) else { continue };
        for feed in platform.feeds_of(url, part) {
            if feed != *url && !found.contains(&feed) {
                found.push(feed);
            }
        }
        if platform.last {
            break;
        }
    }
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str, page: &str) -> Vec<String> {
        let found = guesses(&Platforms::default(), &url.parse().unwrap(), page);
        found.into_iter().map(|feed| feed.to_string()).collect()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn every_platform_is_known_by_address_or_by_page() {
        const CHANNEL: &str = "https://www.youtube.com/feeds/videos.xml?channel_id=UCabcdefghijklmnopqrstuv";
        const BRUNCH: &str = "https://brunch.co.kr/rss/@@aB3d";
        for (url, page, feeds) in [
            ("https://brunch.co.kr/@@aB3d/12", "", vec![BRUNCH]),
            ("https://brunch.co.kr/@someone", "<div data-tiara-author_id=\"@@aB3d\">", vec![BRUNCH]),
            ("https://brunch.co.kr/@someone", "<link href=\"https://brunch.co.kr/rss/@@aB3d\">", vec![BRUNCH]),
            (
                "https://brunch.co.kr/@someone/3",
                "<meta property=\"dg:plink\" content=\"https://brunch.co.kr/@@aB3d/3\">",
                vec![BRUNCH],
            ),
            ("https://blog.naver.com/alley/1", "", vec!["https://rss.blog.naver.com/alley.xml"]),
            ("https://m.blog.naver.com/alley", "", vec!["https://rss.blog.naver.com/alley.xml"]),
            (
                "https://blog.naver.com/PostList.naver?blogId=alley&from=x",
                "",
                vec!["https://rss.blog.naver.com/alley.xml"],
            ),
            ("https://alley.tistory.com/12", "", vec!["https://alley.tistory.com/rss"]),
            (
                "https://alley.example/12",
                "<script src='https://t1.daumcdn.net/tistory_admin/x.js'>",
                vec!["https://alley.example/rss"],
            ),
            (
                "https://velog.io/@alley/posts",
                "",
                vec!["https://v2.velog.io/rss/@alley", "https://api.velog.io/rss/@alley"],
            ),
            (
                "https://www.news.example.kr/news/articleList.html?sc_section_code=S1N1",
                "",
                vec![
                    "https://www.news.example.kr/rss/allArticle.xml",
                    "https://cdn.news.example.kr/rss/gn_rss_allArticle.xml",
                ],
            ),
            (
                "https://news.example.kr/",
                "<a href=\"/news/articleView.html?idxno=1\">",
                vec!["https://news.example.kr/rss/allArticle.xml"],
            ),
            ("https://www.youtube.com/channel/UCabcdefghijklmnopqrstuv", "", vec![CHANNEL]),
            ("https://www.youtube.com/@alley", "{\"externalId\":\"UCabcdefghijklmnopqrstuv\"}", vec![CHANNEL]),
            ("https://www.youtube.com/watch?v=1", "{\"channelId\": \"UCabcdefghijklmnopqrstuv\"}", vec![CHANNEL]),
            ("https://www.youtube.com/user/alley", "", vec!["https://www.youtube.com/feeds/videos.xml?user=alley"]),
            (
                "https://www.youtube.com/playlist?list=PL1",
                "",
                vec!["https://www.youtube.com/feeds/videos.xml?playlist_id=PL1"],
            ),
            (
                "https://github.com/a/b/tree/main",
                "",
                vec!["https://github.com/a/b/releases.atom", "https://github.com/a/b/tags.atom"],
            ),
            ("https://medium.com/@alley/x", "", vec!["https://medium.com/feed/@alley"]),
            ("https://medium.com/the-alley", "", vec!["https://medium.com/feed/the-alley"]),
            ("https://alley.medium.com/x-1", "", vec!["https://alley.medium.com/feed"]),
            ("https://alley.substack.com/p/x", "", vec!["https://alley.substack.com/feed"]),
            (
                "https://alley.example/p/x",
                "<img src=\"https://substackcdn.com/i.png\">",
                vec!["https://alley.example/feed"],
            ),
            ("https://alley.blogspot.com/", "", vec!["https://alley.blogspot.com/feeds/posts/default"]),
            (
                "https://alley.example/",
                "<meta content='blogger' name='generator'/>",
                vec!["https://alley.example/feeds/posts/default"],
            ),
            ("https://alley.tumblr.com/post/1", "", vec!["https://alley.tumblr.com/rss"]),
            ("https://www.tumblr.com/alley", "", vec!["https://alley.tumblr.com/rss"]),
            ("https://www.reddit.com/r/rust/", "", vec!["https://www.reddit.com/r/rust/.rss"]),
            ("https://social.example/@alley", "<div id='mastodon'>", vec!["https://social.example/@alley.rss"]),
            ("https://social.example/@alley/123", "<div id=\"mastodon\">", vec!["https://social.example/@alley.rss"]),
            ("https://g.example/", "<meta name=\"generator\" content=\"Ghost 5\">", vec!["https://g.example/rss/"]),
            ("https://w.example/x", "<link href='/wp-content/a.css'>", vec!["https://w.example/feed/"]),
            (
                "https://w.example/blog/x",
                "<meta name=generator content=\"WordPress 6\">",
                vec!["https://w.example/feed/", "https://w.example/blog/feed/"],
            ),
            (
                "https://plain.example:8443/a/b",
                "<p>",
                vec![
                    "https://plain.example:8443/feed",
                    "https://plain.example:8443/a/feed",
                    "https://plain.example:8443/a/index.xml",
                    "https://plain.example:8443/rss",
                    "https://plain.example:8443/rss.xml",
                    "https://plain.example:8443/feed.xml",
                    "https://plain.example:8443/atom.xml",
                    "https://plain.example:8443/index.xml",
                    "https://plain.example:8443/feed.json",
                ],
            ),
            (
                "https://blog.naver.com/prologue/PrologueList.naver?blogId=alley",
                "",
                vec!["https://rss.blog.naver.com/alley.xml"],
            ),
            (
                "https://www.youtube.com/@alley",
                "{\"channelId\":\"UCzzzzzzzzzzzzzzzzzzzzzz\"}<link rel=\"canonical\" href=\"https://www.youtube.com/channel/UCabcdefghijklmnopqrstuv\">",
                vec![CHANNEL],
            ),
            // Another author is linked to before this one is named.
            (
                "https://brunch.co.kr/magazine/clocks",
                "<a href=\"/@@zZ9z/1\">x</a><div data-tiara-author_id=\"@@aB3d\">",
                vec![BRUNCH],
            ),
            ("https://brunch.co.kr/@someone", "<a href=\"/@@aB3d/1\">x</a>", vec![BRUNCH]),
            // Nobody is taken for another.
            ("https://notbrunch.co.kr/@@aB3d", "", vec!["https://notbrunch.co.kr/feed"]),
            ("https://brunch.co.kr.example/@@aB3d", "", vec!["https://brunch.co.kr.example/feed"]),
            ("https://example.org/@alley", "<p>", vec!["https://example.org/feed"]),
        ] {
            let found = found(url, page);
            assert!(found.starts_with(&feeds.iter().map(ToString::to_string).collect::<Vec<_>>()), "{url}: {found:?}");
            assert!(found.len() <= MOST);
        }
    }

    #[test]
    fn where_a_platforms_feeds_are_nowhere_else_no_other_is_tried() {
        // What stands at the usual addresses there is another's, or everybody's.
        for (url, count) in [
            ("https://brunch.co.kr/@someone", 0),
            ("https://brunch.co.kr/@@aB3d", 1),
            ("https://velog.io/@alley", 2),
            ("https://blog.naver.com/alley", 1),
            ("https://github.com/a/b", 2),
            ("https://medium.com/@alley", 1),
            ("https://www.youtube.com/@alley", 0),
            ("https://www.reddit.com/r/rust", 1),
        ] {
            assert_eq!(found(url, "<p>").len(), count, "{url}");
        }
        let text = "[[platform]]\nname = \"Mine\"\nhost = \"x.example\"\nfeeds = [\"{origin}/mine\"]\nlast = true\n";
        let own = crate::config::platforms(std::path::Path::new("mine.toml"), text).unwrap();
        let found = guesses(&own, &"https://x.example/a".parse().unwrap(), "<div class=wp-content></div>");
        assert_eq!(found.iter().map(HttpUrl::as_str).collect::<Vec<_>>(), ["https://x.example/mine"]);
    }
}
