//! An essay's own closing note that it also appeared elsewhere.

use super::text::plain_text;
use crate::domain::post::Place;
use crate::domain::url::HttpUrl;
use dom_query::Document;
use regex::Regex;
use std::sync::LazyLock;

/// What closing notes say, in English and Korean.
const MARKS: [&str; 8] = [
    "also appeared in",
    "also appeared on",
    "also published in",
    "also published on",
    "cross-posted to",
    "cross-posted on",
    "에도 실렸습니다",
    "에도 게재",
];

/// How many of the last blocks may hold the note.
const LAST_BLOCKS: usize = 3;

/// The outlets that the closing note of an essay names: by its links, or, where
/// it has none, by the host name in its brackets.
pub(super) fn also_at(html: &str) -> Vec<Place> {
    // All at once: every post is searched for them, and hardly any has one.
    static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&MARKS.join("|")).ok());
    if ANY.as_ref().is_some_and(|any| !any.is_match(html)) {
        return Vec::new();
    }
    let document = Document::fragment(html);
    let blocks: Vec<_> = document.select("p, li, blockquote, h6, div:not(:has(p))").iter().collect();
    for block in blocks.iter().rev().take(LAST_BLOCKS) {
        let text = plain_text(&block.html());
        let Some(mark) = MARKS.iter().find(|mark| text.contains(**mark)) else { continue };
        let linked: Vec<Place> = block
            .select("a[href]")
            .iter()
            .map(|link| Place {
                name: plain_text(&link.html()),
                url: link.attr("href").and_then(|href| href.parse().ok()),
            })
            .filter(|place| !place.name.is_empty())
            .collect();
        if !linked.is_empty() {
            return linked;
        }
        return named(&text, mark).into_iter().collect();
    }
    Vec::new()
}

/// `이 글은 괜찮은뉴스(example.kr)에도 실렸습니다`, `… appeared in Good News (example.com).`
fn named(text: &str, mark: &str) -> Option<Place> {
    let (before, behind) = text.split_once(mark)?;
    let phrase = if mark.starts_with('에') {
        before.rsplit_once("이 글은").map_or(before, |(_, rest)| rest)
    } else {
        behind.split(". ").next().unwrap_or(behind).trim_end_matches('.')
    };
    let (name, host) = match phrase.split_once('(') {
        Some((name, host)) => (name.trim(), host.split(')').next()),
        None => (phrase.trim(), None),
    };
    let url: Option<HttpUrl> = host.filter(|host| host.contains('.') && !host.contains(' ')).and_then(|host| {
        if host.contains("://") { host.parse().ok() } else { format!("https://{host}/").parse().ok() }
    });
    let name = if name.is_empty() { host.unwrap_or_default() } else { name };
    (!name.is_empty() && name.chars().count() <= 80).then(|| Place { name: name.to_owned(), url })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_note_names_the_second_outlet() {
        let at =
            |html: &str| also_at(html).into_iter().map(|p| (p.name, p.url.map(|u| u.to_string()))).collect::<Vec<_>>();
        let place = |name: &str, url: Option<&str>| vec![(name.to_owned(), url.map(str::to_owned))];
        assert_eq!(
            at("<p>글</p><p>이 글은 <a href=\"https://news.example.kr/1\">좋은뉴스</a>에도 실렸습니다.</p>"),
            place("좋은뉴스", Some("https://news.example.kr/1"))
        );
        assert_eq!(
            at("<p>글</p><p>이 글은 좋은뉴스(news.example.kr)에도 실렸습니다.</p>"),
            place("좋은뉴스", Some("https://news.example.kr/"))
        );
        assert_eq!(at("<p>x</p><p>This piece also appeared in Good News.</p>"), place("Good News", None));
        assert_eq!(at("<p>It also appeared in court.</p><p>a</p><p>b</p><p>c</p>"), vec![]);
        assert_eq!(at("<p>nothing</p>"), vec![]);
    }
}
