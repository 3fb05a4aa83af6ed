//! Plain text out of what feeds put into titles and names.

use crate::domain::html::bounded;
use dom_query::Document;

/// The text of a piece of HTML or of text that may be HTML: tags dropped,
/// entities decoded, white space folded.
#[must_use]
pub fn plain_text(html: &str) -> String {
    let text = if looks_like_markup(html) {
        Document::fragment(spaced(&bounded(html))).text().to_string()
    } else {
        html.to_owned()
    };
    fold(&text)
}

/// Elements that stand apart from the text before and behind them.
const APART: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "td",
    "th",
    "tr",
    "ul",
];

/// The same markup with a space before each tag that sets text apart: two
/// paragraphs are two words, although no white space stands between them.
fn spaced(html: &str) -> String {
    let mut spaced = String::with_capacity(html.len() + html.len() / 16);
    for (number, piece) in html.split('<').enumerate() {
        if number > 0 && !piece.contains(['>', '=']) {
            // Nothing closes it: `x<y` is no tag.
            spaced.push_str("&lt;");
        } else if number > 0 {
            let name = piece.strip_prefix('/').unwrap_or(piece);
            let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            if APART.iter().any(|apart| apart.eq_ignore_ascii_case(name)) {
                spaced.push(' ');
            }
            spaced.push('<');
        }
        spaced.push_str(piece);
    }
    spaced
}

/// White space folded into single spaces, control characters dropped.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}

/// "a < b & c" is text; "a &lt; b" and "<i>a</i>" are markup.
fn looks_like_markup(text: &str) -> bool {
    let tag = text.match_indices('<').any(|(at, _)| {
        text.get(at + 1..)
            .and_then(|rest| rest.chars().next())
            .is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!'))
    });
    let entity = text.match_indices('&').any(|(at, _)| {
        text.get(at + 1..).is_some_and(|rest| {
            rest.find(';').is_some_and(|end| {
                (2..=10).contains(&end)
                    && rest.get(..end).is_some_and(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#'))
            })
        })
    });
    tag || entity
}

/// The ISO 639-1 tag of a text's language, where the detector is sure of it.
pub(super) fn language(text: &str) -> Option<String> {
    let found = whatlang::detect(text).filter(whatlang::Info::is_reliable)?;
    let code = found.lang().code();
    // whatlang speaks ISO 639-3; feeds and pages speak two letters.
    let two = match code {
        "eng" => "en",
        "kor" => "ko",
        "jpn" => "ja",
        "cmn" => "zh",
        "deu" => "de",
        "fra" => "fr",
        "spa" => "es",
        "ita" => "it",
        "por" => "pt",
        "nld" => "nl",
        "rus" => "ru",
        "ukr" => "uk",
        "pol" => "pl",
        "tur" => "tr",
        "ara" => "ar",
        "hin" => "hi",
        "vie" => "vi",
        "swe" => "sv",
        "ell" => "el",
        "heb" => "he",
        other => other,
    };
    Some(two.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_lose_their_markup_and_keep_their_words() {
        for (html, text) in [
            ("A &amp; B", "A & B"),
            ("<b>굵은</b>  제목\n", "굵은 제목"),
            ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
            ("AT&T", "AT&T"),
            ("a<script>alert(1)</script>", "aalert(1)"),
            ("&#8217;s", "’s"),
            ("<p>One.</p><p>Two.</p>", "One. Two."),
            ("line<br>break<BR/>s", "line break s"),
            ("<ul><li>x</li><li>y</li></ul>", "x y"),
            ("<p>in <b>bo</b>ld <prefix>", "in bold"),
            ("x<y", "x<y"),
            ("<i>a</i> x<y <b>z</b>", "a x<y z"),
            ("", ""),
        ] {
            assert_eq!(plain_text(html), text, "{html}");
        }
    }
}
