//! An essay's own note that it appeared elsewhere too, in English and Korean:
//! at its end, or above its first paragraph.

use super::text::plain_text;
use crate::domain::post::Place;
use crate::domain::url::HttpUrl;
use dom_query::{Document, Selection};
use regex::Regex;
use std::sync::LazyLock;

/// How many of the last blocks, and of the first, may hold the note.
const LAST: usize = 4;
const FIRST: usize = 1;
/// A name of more characters is a sentence.
const LONGEST: usize = 80;

/// "This piece also appeared in …", "A version of this essay was first published by …",
/// "Cross-posted to …": what follows names the outlet. It is the text that has appeared;
/// "it also appeared in court" is a story.
static ENGLISH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let text =
        "piece|essay|article|post|story|column|text|interview|review|entry|letter|chapter|newsletter|talk|poem|op-ed";
    let adverb = "also|first|originally|previously|simultaneously|since";
    let verb = "appeared|appears|been published|published|posted|cross-?posted|printed|reprinted|republished|syndicated|ran|runs|run|featured";
    let bare = format!(r"(?:(?:{adverb}) (?:{verb})|cross-?posted|reprinted|republished)");
    let told = format!(
        r"(?:an? (?:\w+ )?(?:version|form|draft) of )?(?:this|the|my) (?:\w+ )?(?:{text})(?:,? (?:too|which))?(?: (?:was|is|has|were))?(?: (?:{adverb}))*(?: been)? (?:{verb})"
    );
    let tail = r"(?: (?:also|too|here|simultaneously|with permission))?(?: as .{1,60}?)? (?:in|on|at|by|with|to|from)\b[:]? (?P<place>\S.*)$";
    Regex::new(&format!(r"(?i)^[\W_]*(?:(?:note|ps|p\.s\.|update)[:.] ?)?(?:{told}|{bare}){tail}")).ok()
});

/// "이 글은 …에도 실렸습니다", "본 칼럼은 …에 함께 게재", "…에 기고한 글입니다": the outlet stands before.
static KOREAN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let text = "글|칼럼|기사|에세이|원고|포스트|포스팅|시리즈|연재|리뷰|인터뷰|수필|서평|내용|콘텐츠|편지";
    let subject = format!(r"(?:(?:이|본|위|해당|같은)\s?(?:{text})(?:은|는|이|가|의 일부는|을|를)?,?\s*)");
    let adverb = r"(?:\s?(?:함께|동시에|동시|공동으로|공동|먼저|처음|처음으로|최초|최초로|또한|중복|같이|이미))*";
    let verb = "실렸|실린|실립|실려|실었|게재|기고|연재|발행|발표|소개|올렸|올린|올라|등록|수록|송고|보도";
    let see = r"(?:읽으실|보실|만나실|만나보실|볼|읽을)\s?수";
    let strong =
        format!(r"^[^가-힣A-Za-z0-9]*{subject}(?P<place>.{{1,80}}?)(?:에서도?|에도?){adverb}\s?(?:{verb}|{see})");
    let also = format!(
        r"^[^가-힣A-Za-z0-9]*(?P<bare>.{{1,60}}?)(?:에서도|에도){adverb}\s?(?:실렸|실린|실려 있|게재|함께 올|{see})"
    );
    let closing = format!(
        r"^[^가-힣A-Za-z0-9]*(?P<given>.{{1,60}}?)에{adverb}\s?(?:실린|게재한|게재된|기고한|연재한|연재 중인|발표한|송고한) (?:{text})(?:입니다|이다|임|\.|$)"
    );
    Regex::new(&format!("(?:{strong})|(?:{also})|(?:{closing})")).ok()
});

/// Cheap to look for before anything is parsed: one stands in every note.
const MARKS: [&str; 16] = [
    "appear",
    "publish",
    "posted",
    "printed",
    "syndicated",
    " ran ",
    "featured",
    "실",
    "게재",
    "기고",
    "연재",
    "발행",
    "발표",
    "소개",
    "올",
    "수 있",
];

/// The outlets that an essay's own note names: by its links, or, where it has
/// none, by the host name in its brackets.
pub(super) fn also_at(html: &str) -> Vec<Place> {
    // All at once: every post is searched for them, and hardly any has one.
    static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&MARKS.join("|")).ok());
    if ANY.as_ref().is_some_and(|any| !any.is_match(html)) {
        return Vec::new();
    }
    let document = Document::fragment(html);
    let blocks: Vec<Selection<'_>> = document
        .select("p, li, blockquote, h5, h6, td, div:not(:has(p, div, ul, table)), section:not(:has(p, div)), aside:not(:has(p))")
        .iter()
        .collect();
    // A text without a single block is one itself.
    let whole = document.select("html");
    let blocks = if blocks.is_empty() { vec![whole] } else { blocks };
    let (first, last) = (blocks.iter().take(FIRST), blocks.iter().rev().take(LAST));
    last.chain(first).map(of_block).find(|places| !places.is_empty()).unwrap_or_default()
}

fn of_block(block: &Selection<'_>) -> Vec<Place> {
    let lines = block.inner_html().replace("<br>", "\n");
    let lines: Vec<String> = lines.split('\n').map(plain_text).filter(|line| !line.is_empty()).collect();
    let links: Vec<(String, Option<HttpUrl>)> = block
        .select("a[href]")
        .iter()
        .map(|link| (plain_text(&link.inner_html()), link.attr("href").and_then(|href| href.parse().ok())))
        .filter(|(name, _)| !name.is_empty())
        .collect();
    for line in lines.iter().rev() {
        for sentence in sentences(line).into_iter().rev() {
            if let Some(place) = place(sentence) {
                return named(place, &links, sentence);
            }
        }
    }
    Vec::new()
}

/// The sentences of a line. Dots in names and host names end none.
fn sentences(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = [". ", "! ", "? ", "。"].iter().filter_map(|end| rest.find(end).map(|at| at + end.len())).min()
    {
        let (sentence, behind) = rest.split_at(at);
        found.push(sentence.trim());
        rest = behind;
    }
    found.push(rest.trim());
    found
}

/// The words of a sentence that name the outlet.
fn place(sentence: &str) -> Option<&str> {
    if let Some(found) = ENGLISH.as_ref()?.captures(sentence) {
        return found.name("place").map(|place| place.as_str());
    }
    let found = KOREAN.as_ref()?.captures(sentence)?;
    ["place", "bare", "given"].iter().find_map(|name| found.name(name)).map(|place| place.as_str())
}

fn named(place: &str, links: &[(String, Option<HttpUrl>)], sentence: &str) -> Vec<Place> {
    let linked: Vec<Place> = links
        .iter()
        .filter(|(name, _)| place.contains(name.as_str()))
        .map(|(name, url)| Place { name: trimmed(name).to_owned(), url: url.clone() })
        .filter(|place| !place.name.is_empty() && place.name.chars().count() <= LONGEST)
        .collect();
    if !linked.is_empty() {
        return linked;
    }
    // The whole note may be one link.
    let around = links.iter().find(|(name, _)| name.contains(place) || sentence.contains(name.as_str()));
    let (name, inside) = match place.split_once(['(', '[']) {
        Some((name, inside)) => (name, inside.split([')', ']']).next()),
        None => (place, None),
    };
    let name = trimmed(name);
    // "in Good News on 3 May", "in Good News in May 2024": the date is no part of the name.
    let name = [" on ", " in "].iter().fold(name, |name, word| match name.rsplit_once(word) {
        Some((head, date)) if date.contains(|c: char| c.is_ascii_digit()) => head,
        _ => name,
    });
    let url = inside.and_then(address).or_else(|| around.and_then(|(_, url)| url.clone())).or_else(|| address(name));
    let name = if name.is_empty() { inside.unwrap_or_default().trim() } else { name };
    let sound = !name.is_empty() && name.chars().count() <= LONGEST;
    sound.then(|| Place { name: name.to_owned(), url }).into_iter().collect()
}

/// A name without quotes, stops and the date of an issue before it.
fn trimmed(name: &str) -> &str {
    let name = name.trim_matches(|c: char| c.is_whitespace() || ".,:;!?\"'“”‘’『』「」《》〈〉<>*_".contains(c));
    let behind_date = name.rsplit_once("일자 ").or_else(|| name.split_once("호 ")).map(|(_, name)| name);
    let behind_year = || {
        let (date, rest) = name.split_once("일 ")?;
        date.contains('월').then_some(rest)
    };
    behind_date.or_else(behind_year).unwrap_or(name).trim()
}

fn address(host: &str) -> Option<HttpUrl> {
    let host = host.trim();
    if host.contains("://") {
        return host.parse().ok();
    }
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let name = host.split('/').next().unwrap_or_default();
    let is_host = name.contains('.') && name.split('.').all(label);
    is_host.then(|| format!("https://{host}").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(html: &str) -> Vec<(String, String)> {
        let address = |place: Place| (place.name, place.url.map(|url| url.to_string()).unwrap_or_default());
        also_at(html).into_iter().map(address).collect()
    }

    #[test]
    fn an_essays_own_note_names_the_second_outlet() {
        const LINK: &str = "<a href=\"https://news.example/1\">Good News</a>";
        const KOREAN: &str = "<a href=\"https://news.example.kr/1\">좋은뉴스</a>";
        for (note, name, url) in [
            (format!("This piece also appeared in {LINK}."), "Good News", "https://news.example/1"),
            ("This piece also appeared in Good News.".to_owned(), "Good News", ""),
            (
                "This essay originally appeared on Good News (news.example).".to_owned(),
                "Good News",
                "https://news.example/",
            ),
            (format!("<em>Originally published at {LINK} on 3 May 2026.</em>"), "Good News", "https://news.example/1"),
            ("Originally published in Good News on May 3, 2026.".to_owned(), "Good News", ""),
            (format!("First published by {LINK}"), "Good News", "https://news.example/1"),
            ("A version of this article first appeared in Good News.".to_owned(), "Good News", ""),
            (
                "A shorter version of this post was also published on news.example.".to_owned(),
                "news.example",
                "https://news.example/",
            ),
            (format!("(Cross-posted to {LINK}.)"), "Good News", "https://news.example/1"),
            ("Crossposted from Good News".to_owned(), "Good News", ""),
            (format!("This post has been cross-posted on {LINK}."), "Good News", "https://news.example/1"),
            ("Thanks for reading. This column also ran in Good News.".to_owned(), "Good News", ""),
            (format!("Republished with permission from {LINK}."), "Good News", "https://news.example/1"),
            (
                "<a href=\"https://news.example/9\">This piece also appeared in Good News</a>".to_owned(),
                "Good News",
                "https://news.example/9",
            ),
            (format!("이 글은 {KOREAN}에도 실렸습니다."), "좋은뉴스", "https://news.example.kr/1"),
            ("이 글은 좋은뉴스(news.example.kr)에도 실렸습니다.".to_owned(), "좋은뉴스", "https://news.example.kr/"),
            ("이 글은 『좋은뉴스』에도 게재되었습니다.".to_owned(), "좋은뉴스", ""),
            ("본 칼럼은 좋은뉴스에 함께 게재됩니다.".to_owned(), "좋은뉴스", ""),
            ("* 좋은뉴스에 기고한 글입니다.".to_owned(), "좋은뉴스", ""),
            (
                "이 글은 좋은뉴스(https://news.example.kr/9)에 기고한 글입니다.".to_owned(),
                "좋은뉴스",
                "https://news.example.kr/9",
            ),
            ("이 에세이는 2026년 5월 3일자 좋은뉴스에 실렸다.".to_owned(), "좋은뉴스", ""),
            ("위 글은 좋은뉴스에도 동시에 연재되고 있습니다.".to_owned(), "좋은뉴스", ""),
            ("좋은뉴스에도 실렸습니다.".to_owned(), "좋은뉴스", ""),
            ("이 글은 좋은뉴스에서도 읽으실 수 있습니다.".to_owned(), "좋은뉴스", ""),
            ("좋은뉴스에 실린 글입니다.".to_owned(), "좋은뉴스", ""),
        ] {
            let expected = vec![(name.to_owned(), url.to_owned())];
            assert_eq!(at(&format!("<p>Text.</p><p>글</p><p>{note}</p>")), expected, "{note}");
            // Behind a line break, and with a bio behind it.
            assert_eq!(at(&format!("<p>Text</p><p>Text.<br>{note}</p><p>About the author.</p>")), expected, "{note}");
        }
        let two = "<p>x</p><p>Also published in <a href=\"https://a.example/1\">A</a> and <a href=\"https://b.example/1\">B</a>.</p>";
        assert_eq!(at(two).len(), 2);
        assert_eq!(at("이 글은 좋은뉴스에도 실렸습니다."), [("좋은뉴스".to_owned(), String::new())]);
        assert_eq!(
            at("<p><i>This post originally appeared on Good News.</i></p><p>a</p><p>b</p><p>c</p><p>d</p><p>e</p>")
                .len(),
            1
        );
    }

    #[test]
    fn a_story_is_no_note() {
        for text in [
            "<p>It also appeared in court.</p>",
            "<p>The book was published by a small press in the alley.</p>",
            "<p>A light appeared on the hill.</p>",
            "<p>그는 시장에 올라 물건을 실었다.</p>",
            "<p>그 이야기는 신문에 실렸다고 한다.</p>",
            "<p>이 시계는 골목에도 있다.</p>",
            "<p>This piece also appeared in Good News.</p><p>a</p><p>b</p><p>c</p><p>d</p>"
                .replacen("<p>", "<p>x</p><p>", 1)
                .as_str(),
            "",
        ] {
            assert_eq!(at(text), [], "{text}");
        }
    }
}
