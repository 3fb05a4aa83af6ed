//! Whether two entries are the same text. `docs/identity.md` says in words what
//! is no change.

use super::counters::uncounted;
use super::text::lines;
use crate::domain::post::Entry;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::url_key;
use crate::domain::wording::plain;
use percent_encoding::percent_decode_str;

/// A digest of what a reader sees of an entry: its title, the words of its
/// text, and its files. Markup, white space, typography, dates and what only
/// counts (comments, likes, minutes) do not count, nor where files are kept.
#[must_use]
pub fn fingerprint(entry: &Entry) -> String {
    let mut text = plain(&entry.title);
    text.push('\n');
    if let Some(html) = entry.content.as_ref().or(entry.summary.as_ref()) {
        let lines = lines(html).into_iter().map(|line| plain(&uncounted(&line))).filter(|line| !line.is_empty());
        text.push_str(&lines.collect::<Vec<_>>().join(" "));
        for picture in pictures(html.as_str()) {
            text.push('\n');
            text.push_str(&picture);
        }
    }
    for enclosure in &entry.enclosures {
        text.push('\n');
        text.push_str(&file(&enclosure.url));
    }
    sha256_hex(text.as_bytes())
}

/// The same of an entry in a page's list: its title and where it leads. What
/// else a list says of it changes from day to day ("3 hours ago, 5 comments").
#[must_use]
pub fn listed_fingerprint(entry: &Entry) -> String {
    let key = entry.url.as_ref().map(url_key).unwrap_or_default();
    sha256_hex(format!("{}\n{key}", plain(&entry.title)).as_bytes())
}

/// The pictures of a text, each by its path: a post of pictures only is more than
/// its title, and their servers change hosts and sign their queries.
fn pictures(html: &str) -> impl Iterator<Item = String> {
    html.split("<img ").skip(1).filter_map(|rest| rest.split_once("src=\"")?.1.split('"').next().map(path))
}

/// A file by its path; what no file's name ends (`get.php?id=7`) by its whole address.
fn file(url: &HttpUrl) -> String {
    let name = url.as_url().path().rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        None | Some("php" | "asp" | "aspx" | "jsp" | "cgi" | "do") => url_key(url),
        Some(_) => path(url.as_str()),
    }
}

/// What follows the host, without the query. Of an address that holds another,
/// as those of caches and of counters of downloads do, what follows the last host.
fn path(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let behind_scheme = address.split_once("://").map_or(address, |(_, rest)| rest);
    let Some((_, path)) = behind_scheme.split_once('/') else { return String::new() };
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let parts: Vec<&str> = decoded.split(['?', '#']).next().unwrap_or_default().split('/').collect();
    let folders = parts.split_last().map_or(&[][..], |(_, folders)| folders);
    let begin = folders.iter().rposition(|part| is_host(part)).map_or(0, |host| host + 1);
    parts.get(begin..).unwrap_or_default().join("/")
}

/// `media.example.com`, as it stands between slashes.
fn is_host(part: &str) -> bool {
    part.rsplit_once('.').is_some_and(|(name, ending)| {
        let of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        !name.is_empty()
            && name.chars().all(of_host)
            && ending.len() > 1
            && ending.chars().all(|c| c.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::html::CleanHtml;
    use crate::domain::post::Enclosure;

    fn entry(title: &str, html: &str) -> Entry {
        Entry {
            guid: "g".into(),
            url: None,
            title: title.into(),
            authors: vec![],
            language: None,
            published: None,
            updated: None,
            summary: None,
            content: Some(CleanHtml::sanitise(html, None)),
            categories: vec![],
            enclosures: vec![],
            original: None,
            also_at: vec![],
        }
    }

    fn of(title: &str, html: &str) -> String {
        fingerprint(&entry(title, html))
    }

    #[test]
    fn markup_and_space_do_not_count_but_words_do() {
        let one = of("T", "<p>Hello  <b>world</b></p>");
        assert_eq!(one, of("T", "<div>Hello\n<i>world</i></div>"));
        assert_eq!(one, of("T", "Hello<br>world"));
        assert_ne!(one, of("T", "<p>Hello word</p>"));
        assert_ne!(one, of("T", "<p>Helloworld</p>"));
        assert_ne!(one, of("U", "<p>Hello world</p>"));
    }

    #[test]
    fn typography_does_not_count() {
        assert_eq!(
            of("“It’s”  here – now…", "<p>Don’t “go”.</p>"),
            of("\"It's\" here - now...", "<p>Don't \"go\".</p>")
        );
        assert_eq!(of("２０２６", "<p>a\u{200b}b&nbsp;c</p>"), of("2026", "<p>ab c</p>"));
        assert_ne!(of("It's", ""), of("Its", ""));
    }

    #[test]
    fn counters_do_not_count_and_sentences_do() {
        let with = |line: &str| of("T", &format!("<p>The text.</p><p>{line}</p>"));
        let plain = of("T", "<p>The text.</p>");
        for line in [
            "3 comments",
            "4 comments · 12 likes",
            "5 min read",
            "댓글 3 공감 5",
            "조회수 1,024",
            "3 hours ago",
            "<b>7</b> likes",
        ] {
            assert_eq!(with(line), plain, "{line}");
        }
        assert_eq!(of("T", "The text.<br>3 comments"), of("T", "The text.<br>4 comments"));
        for line in ["3 comments on the budget bill", "댓글을 3개 달았다", "12 likes are not enough", "2026"] {
            assert_ne!(with(line), plain, "{line}");
        }
        assert_ne!(with("3 comments on the budget bill"), with("4 comments on the budget bill"));
        assert_ne!(of("3 comments", ""), of("4 comments", ""));
    }

    #[test]
    fn pictures_count_wherever_they_are_kept_and_counters_of_readers_do_not() {
        let picture = |src: &str| of("T", &format!("<p>x</p><img src=\"{src}\">"));
        let plain = picture("https://a.example.com/2026/i.png");
        for same in [
            "https://b.example.com/2026/i.png?sig=2&amp;utm_source=rss",
            "http://a.example.com/2026/i.png#x",
            "https://i0.wp.com/a.example.com/2026/i.png?resize=600",
            "https://cdn.example.org/image/fetch/w_600,c_limit/https%3A%2F%2Fa.example.com%2F2026%2Fi.png",
        ] {
            assert_eq!(picture(same), plain, "{same}");
        }
        assert_ne!(picture("https://a.example.com/2026/j.png"), plain);
        assert_ne!(picture("https://a.example.com/2025/i.png"), plain);
        let text = of("T", "<p>x</p>");
        for counter in [
            "<img src=\"https://example.com/a.gif\" width=\"1\" height=\"1\">",
            "<img src=\"http://feeds.feedburner.com/~r/Blog/~4/abc\">",
            "<a href=\"http://feeds.example.com/~ff/Blog?a=1\"><img src=\"http://feeds.example.com/~ff/Blog?d=2\"></a>",
            "<img src=\"https://pixel.wp.com/b.gif?host=x&amp;post=1\">",
            "<img src=\"https://stats.wordpress.com/b.gif\">",
        ] {
            assert_eq!(of("T", &format!("<p>x</p>{counter}")), text, "{counter}");
        }
    }

    #[test]
    fn files_count_and_where_downloads_are_counted_does_not() {
        let with = |url: &str| {
            let enclosure = Enclosure { url: url.parse().unwrap(), media_type: None, length: None };
            fingerprint(&Entry { enclosures: vec![enclosure], ..entry("T", "x") })
        };
        let plain = with("https://media.example.com/show/1.mp3");
        for same in [
            "https://media.example.com/show/1.mp3?utm_source=rss&token=abc",
            "https://dts.podtrac.com/redirect.mp3/media.example.com/show/1.mp3",
            "https://pdst.fm/e/chtbl.com/track/AB1/media.example.com/show/1.mp3?updated=7",
        ] {
            assert_eq!(with(same), plain, "{same}");
        }
        assert_ne!(with("https://media.example.com/show/2.mp3"), plain);
        assert_ne!(with("https://example.com/get?id=1"), with("https://example.com/get?id=2"));
        assert_ne!(with("https://example.com/get.php?id=1"), with("https://example.com/get.php?id=2"));
        assert_eq!(with("https://example.com/get?id=1&utm_source=x"), with("https://example.com/get?id=1"));
    }
}
