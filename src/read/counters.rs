//! Lines that only count: "3 comments · 12 likes", "5 min read", "조회수 1,024".
//! They change without anybody writing anything. A sentence that holds a number
//! and such a word is a sentence.

use regex::Regex;
use std::sync::LazyLock;

/// A longer line says more than numbers.
const LONGEST: usize = 120;

/// What parts the counters of one line, and them from a name or a date.
const BETWEEN: [char; 8] = ['·', '•', '∙', '‧', '⋅', '|', '｜', 'ㆍ'];

/// A counter, in English or Korean, and several in a row.
static COUNTERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let number = r"(?:\d[\d.,]*\s?(?:k|m|천|만|억)?\+?)";
    let many = format!(r"(?:{number}|no|one|a|an|a few)");
    let thing = r"(?:comments?|repl(?:y|ies)|responses?|answers?|views?|reads|hits?|visits?|visitors?|likes?|claps?|shares?|reactions?|reposts?|retweets?|upvotes?|votes?|bookmarks?|favou?rites?|trackbacks?|pingbacks?|downloads?|plays|followers?|subscribers?)";
    let unit = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?)";
    let counted =
        r"(?:댓글|답글|덧글|조회|조회수|공감|좋아요|추천|공유|스크랩|방문|방문자|트랙백|읽음|구독|구독자|북마크|반응)";
    let span = r"(?:초|분|시간|일|주|주일|개월|달|년)";
    let kinds = [
        format!(r"{many}\s?{thing}(?:\s(?:so far|yet))?"),
        format!(r"{thing}\s?[:(]?\s?{number}\)?"),
        format!(r"(?:viewed|read|shared|liked|downloaded|played)\s{number}\s?(?:times|x)?"),
        format!(r"(?:(?:posted|published|updated|written|last updated)\s)?(?:about\s)?{many}\s{unit}\sago"),
        r"(?:just now|yesterday)".to_owned(),
        format!(
            r"(?:(?:estimated )?reading time:?\s?|about\s|~\s?)?{number}[\s-]?(?:minutes?|mins?)\s(?:of reading|read|to read)"
        ),
        format!(r"(?:estimated )?reading time:?\s?{number}\s?(?:minutes?|mins?)"),
        format!(r"{counted}\s?(?:수)?\s?[:(\[]?\s?{number}\s?(?:개|회|명|건)?[)\]]?"),
        format!(r"{number}\s?(?:개|회|명|건)의?\s?{counted}"),
        format!(r"{number}명이?\s(?:좋아합니다|공감합니다|추천합니다|읽었습니다)"),
        format!(r"{number}\s?{span}\s?전"),
        r"방금(?:\s전)?|어제".to_owned(),
        format!(r"읽는\s?(?:데|시간)\s?:?\s?(?:약\s?)?{number}\s?분(?:\s?(?:소요|걸림))?"),
        format!(r"(?:약\s?)?{number}\s?분\s?(?:소요|읽기|걸림|분량)"),
    ];
    let one = kinds.join("|");
    Regex::new(&format!(r"^(?:(?:{one})(?:[\s,/]+|$))+$")).ok()
});

/// A line without what only counts.
pub(super) fn uncounted(line: &str) -> String {
    if line.chars().count() > LONGEST {
        return line.to_owned();
    }
    let kept: Vec<&str> = line.split(BETWEEN).map(str::trim).filter(|part| !only_counts(part)).collect();
    if kept.len() == line.split(BETWEEN).count() { line.to_owned() } else { kept.join(" · ") }
}

/// Whether there is nothing but counters, beside signs (♥, 👁, brackets).
fn only_counts(part: &str) -> bool {
    let bare: String = part
        .to_lowercase()
        .chars()
        .filter(|&c| {
            c.is_alphanumeric()
                || c.is_whitespace()
                || matches!(c, '.' | ',' | ':' | '(' | ')' | '[' | ']' | '/' | '-' | '+' | '~')
        })
        .collect();
    let bare = bare.trim().trim_end_matches(['.', ':']);
    let bare = bare.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(bare);
    !bare.is_empty() && COUNTERS.as_ref().is_some_and(|counters| counters.is_match(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_counts_goes() {
        for line in [
            "3 comments",
            "No comments",
            "1 Comment",
            "1,204 views",
            "1.2k views",
            "12 likes",
            "5 min read",
            "5 minute read",
            "Reading time: 5 minutes",
            "3 hours ago",
            "Posted 2 days ago",
            "a day ago",
            "just now",
            "Comments (3)",
            "Comments: 3",
            "Likes 12",
            "3 comments · 12 likes · 1,204 views",
            "3 comments, 12 likes",
            "♥ 12 likes",
            "(3 comments)",
            "Viewed 300 times",
            "12 shares | 3 reactions",
            "댓글 3",
            "댓글 3개",
            "댓글(3)",
            "댓글수 3",
            "댓글 수: 3",
            "조회수 1,024",
            "조회 1,024회",
            "조회수 1.2만회",
            "공감 5",
            "좋아요 7",
            "좋아요 7개",
            "댓글 3 공감 5",
            "댓글 3 · 조회 12",
            "3개의 댓글",
            "7명이 좋아합니다",
            "3시간 전",
            "방금 전",
            "5분 읽기",
            "읽는 데 약 5분",
            "추천 3 | 공유 2",
            "5 comments so far",
        ] {
            assert_eq!(uncounted(line), "", "{line}");
        }
    }

    #[test]
    fn what_is_said_beside_counters_stays() {
        for (line, kept) in [
            ("By Anna · 5 min read · 3 comments", "By Anna"),
            ("김하나 · 조회 1,024 · 여행", "김하나 · 여행"),
            ("3 March 2026 | 12 likes", "3 March 2026"),
        ] {
            assert_eq!(uncounted(line), kept, "{line}");
        }
    }

    #[test]
    fn what_is_written_stays() {
        for line in [
            "3 comments on the budget bill",
            "Comments",
            "Three views of a house",
            "12 likes are not enough",
            "Read 5 minutes a day",
            "5 minutes",
            "2026",
            "1,204",
            "Views",
            "I read 12 books",
            "The 3 hours ago",
            "One",
            "No",
            "A",
            "댓글",
            "댓글을 3개 달았다",
            "좋아요 버튼 7개를 만들었다",
            "공감하는 다섯 가지",
            "3시간 전에 도착했다",
            "조회수 1위 영상",
            "추천 도서 3",
            "5분 만에 만드는 국수",
            "5분",
            "No views were exchanged on 3 comments",
            "1 · 2 · 3",
            "a · b",
            "",
        ] {
            assert_eq!(uncounted(line), line, "{line}");
        }
        let long = "3 comments ".repeat(20);
        assert_eq!(uncounted(&long), long);
    }
}
