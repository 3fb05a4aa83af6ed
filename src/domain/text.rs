//! Plain text out of HTML and of what feeds put into titles and names, and the
//! language that a text is in.

use super::html::{CleanHtml, bounded};
use dom_query::Document;
use std::borrow::Cow;

/// The text of a piece of HTML or of text that may be HTML: tags dropped,
/// entities decoded, white space folded.
#[must_use]
pub fn plain_text(html: &str) -> String {
    fold(&if looks_like_markup(html) { parsed_text(html) } else { html.to_owned() })
}

/// The text of a title or a name of which nobody says whether it is text or
/// HTML. What looks like a tag is one only when HTML has it, and it is empty by
/// nature or closed: `Vec<String>` and "the <blink> tag" are words. No title is
/// longer than a page.
#[must_use]
pub fn plain_title(title: &str) -> String {
    let title = title.get(..title.floor_char_boundary(LONGEST_TITLE)).unwrap_or(title);
    if !title.contains('<') {
        return plain_text(title);
    }
    let pieces = || title.split('<').skip(1);
    let closed: Vec<&str> = TAGS.into_iter().filter(|tag| pieces().any(|piece| is_end_of(piece, tag))).collect();
    let mut markup = title.split('<').next().unwrap_or_default().to_owned();
    for piece in pieces() {
        let name = piece.strip_prefix('/').unwrap_or(piece);
        let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let is = |tags: &[&str]| tags.iter().any(|tag| tag.eq_ignore_ascii_case(name));
        markup.push_str(if is(&closed) || is(&EMPTY_TAGS) || piece.starts_with("!--") { "<" } else { "&lt;" });
        markup.push_str(piece);
    }
    plain_text(&markup)
}

fn is_end_of(piece: &str, tag: &str) -> bool {
    let name = piece.strip_prefix('/').and_then(|name| name.split_at_checked(tag.len()));
    name.is_some_and(|(name, behind)| name.eq_ignore_ascii_case(tag) && behind.trim_start().starts_with('>'))
}

/// Of a title, so many bytes are read.
const LONGEST_TITLE: usize = 8 * 1024;
/// Elements that are met in titles.
const TAGS: [&str; 46] = [
    "a",
    "abbr",
    "acronym",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "center",
    "cite",
    "code",
    "del",
    "dfn",
    "div",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "i",
    "ins",
    "kbd",
    "li",
    "mark",
    "nobr",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "script",
    "small",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "sup",
    "u",
];
const EMPTY_TAGS: [&str; 4] = ["br", "hr", "img", "wbr"];

/// What [`plain_text`] gives, of HTML that the sanitiser wrote. No parser is
/// needed: there everything is spelt in one way, and nothing is hidden.
#[must_use]
pub fn words(html: &CleanHtml) -> String {
    fold(&between_tags(html.as_str()))
}

/// The same, without what stands in block quotations: the author's own words.
#[must_use]
pub fn own_words(html: &CleanHtml) -> String {
    fold(&between_tags(&unquoted(html.as_str())))
}

/// The same as [`words`], each block and line by itself; none is empty.
#[must_use]
pub fn lines(html: &CleanHtml) -> Vec<String> {
    between_tags(html.as_str()).split(APART_MARK).map(fold).filter(|line| !line.is_empty()).collect()
}

/// Stands in a text where a tag sets it apart. No text holds it, for [`fold`]
/// takes it for white space.
const APART_MARK: char = '\u{1e}';

fn between_tags(html: &str) -> String {
    unmarked(html).unwrap_or_else(|| parsed_text(html))
}

fn parsed_text(html: &str) -> String {
    Document::fragment(spaced(&bounded(html))).text().to_string()
}

/// The sanitiser's HTML without its block quotations.
fn unquoted(html: &str) -> Cow<'_, str> {
    if !html.contains("<blockquote") {
        return Cow::Borrowed(html);
    }
    let (mut own, mut rest, mut depth) = (String::with_capacity(html.len()), html, 0_usize);
    while let Some((text, tag)) = rest.split_once('<') {
        let behind = behind_tag(tag).unwrap_or_default();
        if depth == 0 {
            own.push_str(text);
        }
        if tag.starts_with("blockquote") {
            depth += 1;
        } else if tag.starts_with("/blockquote") {
            depth = depth.saturating_sub(1);
            own.push(' ');
        } else if depth == 0 {
            own.push('<');
            own.push_str(tag.strip_suffix(behind).unwrap_or(tag));
        }
        rest = behind;
    }
    if depth == 0 {
        own.push_str(rest);
    }
    Cow::Owned(own)
}

/// The text between tags; `None` where a reference is not one of the sanitiser's.
fn unmarked(html: &str) -> Option<String> {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (plain, marked) = rest.split_at(at);
        text.push_str(plain);
        if let Some(tag) = marked.strip_prefix('<') {
            if stands_apart(tag) {
                text.push(APART_MARK);
            }
            rest = behind_tag(tag)?;
        } else {
            let (name, behind) = marked.get(1..)?.split_once(';')?;
            text.push(match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => '\u{a0}',
                number => char::from_u32(number.strip_prefix('#')?.parse().ok().filter(|number| *number < 128)?)?,
            });
            rest = behind;
        }
    }
    text.push_str(rest);
    Some(text)
}

/// What follows a tag, whose attributes stand in double quotes.
fn behind_tag(tag: &str) -> Option<&str> {
    let mut quoted = false;
    let end = tag.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })?;
    tag.get(end + 1..)
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

/// The same markup with a mark before each tag that sets text apart: two
/// paragraphs are two words, although no white space stands between them.
fn spaced(html: &str) -> String {
    let mut spaced = String::with_capacity(html.len() + html.len() / 16);
    for (number, piece) in html.split('<').enumerate() {
        if number > 0 && !piece.contains(['>', '=']) {
            // Nothing closes it: `x<y` is no tag.
            spaced.push_str("&lt;");
        } else if number > 0 {
            if stands_apart(piece) {
                spaced.push(APART_MARK);
            }
            spaced.push('<');
        }
        spaced.push_str(piece);
    }
    spaced
}

/// Whether `p>…` or `/p>…` is the tag of an element that stands apart.
fn stands_apart(tag: &str) -> bool {
    let name = tag.strip_prefix('/').unwrap_or(tag);
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    APART.iter().any(|apart| apart.eq_ignore_ascii_case(name))
}

/// White space folded into single spaces, control characters dropped.
#[must_use]
pub fn fold(text: &str) -> String {
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
        let name = text.as_bytes().get(at + 1..).unwrap_or_default();
        let end = name.iter().take(11).position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'#'));
        end.is_some_and(|end| (2..=10).contains(&end) && name.get(end) == Some(&b';'))
    });
    tag || entity
}

/// A text as it stands in HTML, between tags or in an attribute's quotes.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A language as somebody declares it, as a BCP 47 tag; `None` where it has not
/// the shape of one. `ko_KR.UTF-8` is `ko-KR`.
#[must_use]
pub fn language_tag(declared: &str) -> Option<String> {
    let locale = declared.trim().split(['.', '@']).next().unwrap_or_default();
    let tag = locale.replace('_', "-");
    let mut parts = tag.split('-');
    let first = parts.next().is_some_and(|first| (2..=8).contains(&first.len()) && is_made_of_letters(first));
    let rest = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    (first && rest && tag.len() <= LONGEST_TAG).then_some(tag)
}

fn is_made_of_letters(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Longer tags need not be understood (RFC 5646 section 4.4.1).
const LONGEST_TAG: usize = 35;

/// The ISO 639-1 tag of a text's language, where the detector is sure of it.
#[must_use]
pub fn language(text: &str) -> Option<String> {
    let found = whatlang::detect(text).filter(whatlang::Info::is_reliable)?;
    let code = found.lang().code();
    // whatlang speaks ISO 639-3; feeds and pages speak two letters.
    let two = TWO_LETTERS.iter().find(|(three, _)| *three == code).map_or(code, |(_, two)| two);
    Some(two.to_owned())
}

/// Languages in three letters and in two (ISO 639).
const TWO_LETTERS: [(&str, &str); 70] = [
    ("afr", "af"),
    ("aka", "ak"),
    ("amh", "am"),
    ("ara", "ar"),
    ("aze", "az"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cmn", "zh"),
    ("cym", "cy"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("epo", "eo"),
    ("est", "et"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("guj", "gu"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ind", "id"),
    ("ita", "it"),
    ("jav", "jv"),
    ("jpn", "ja"),
    ("kan", "kn"),
    ("kat", "ka"),
    ("khm", "km"),
    ("kor", "ko"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("mya", "my"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("ori", "or"),
    ("pan", "pa"),
    ("pes", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("sna", "sn"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tuk", "tk"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("vie", "vi"),
    ("yid", "yi"),
    ("zul", "zu"),
];

/// The beginning of `text`, at most `most` characters and an ellipsis.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let head = text.get(..end).unwrap_or(text);
    // A space in the first half would throw away too much: some languages have none.
    let end = head.rfind(char::is_whitespace).filter(|&space| space > end / 2).unwrap_or(end);
    // A joiner or selector at the end would reach for a character that is gone.
    let kept = head.get(..end).unwrap_or(head).trim_end_matches(|c: char| {
        c.is_whitespace() || matches!(c, ',' | '.' | ':' | ';' | '·' | '\u{200d}' | '\u{fe0f}')
    });
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_that_is_told_has_two_letters() {
        for language in whatlang::Lang::all() {
            assert!(TWO_LETTERS.iter().any(|(three, two)| *three == language.code() && two.len() == 2), "{language:?}");
        }
        let finnish = "Hitaasti kirjoitettuja kirjeitä rakastavat ihmiset kokoontuvat kerran kuukaudessa lukemaan toistensa tekstejä.";
        assert_eq!(language(finnish).as_deref(), Some("fi"));
    }

    #[test]
    fn what_only_looks_like_a_tag_is_words() {
        for (title, text) in [
            ("Vec<String> & <i>co</i>", "Vec<String> & co"),
            ("The <blink> tag, and <div>", "The <blink> tag, and <div>"),
            ("a<br>b <B>c</B> &amp; d", "a b c & d"),
            ("<p>unclosed", "<p>unclosed"),
            ("1 < 2", "1 < 2"),
            ("<!-- x -->y", "y"),
        ] {
            assert_eq!(plain_title(title), text, "{title}");
        }
    }

    #[test]
    fn a_declared_language_is_a_tag_or_nothing() {
        for (declared, tag) in [
            (" ko ", Some("ko")),
            ("pt_BR", Some("pt-BR")),
            ("ko_KR.UTF-8", Some("ko-KR")),
            ("zh-Hant-TW", Some("zh-Hant-TW")),
            ("x-default", None),
            ("Deutsch und Französisch", None),
            ("en, ko", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(language_tag(declared).as_deref(), tag, "{declared}");
        }
        assert_eq!(language_tag(&"en-abcdefgh".repeat(9)), None);
    }

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

    #[test]
    fn the_words_of_clean_html_are_those_that_a_parser_finds() {
        let texts = [
            "<p>One.</p><p>Two &amp; three&nbsp;<b>fo</b>ur</p>",
            "a &lt; b &gt; c &quot;d&quot; &copy; 글",
            "<a href=\"https://x.example/?a=1&amp;b=2\" title='a > b \" c'>l<i>i</i>nk</a>",
            "<pre>\n  x\n</pre><table><tr><td>1<td>2</table><img alt=\"<b>\" src=https://x.example/i.png>",
            "<ruby>漢<rp>(</rp><rt>kan</rt></ruby><br>x<hr><wbr>y",
            "plain",
            "",
        ];
        let cleaned = texts.iter().map(|html| CleanHtml::sanitise(html, None));
        for html in cleaned.chain(texts.iter().map(|text| CleanHtml::from_text(text))) {
            assert_eq!(words(&html), plain_text(html.as_str()), "{html}");
            assert!(unmarked(html.as_str()).is_some(), "{html}");
        }
    }

    #[test]
    fn what_is_quoted_is_not_the_authors_own() {
        for (html, own) in [
            ("<p>a</p><blockquote><p>b</p><blockquote>c</blockquote>d</blockquote><p>e</p>", "a e"),
            ("a<blockquote cite=\"https://x.example/>\">b</blockquote>c &amp; d", "a c & d"),
            ("<p title=\"<blockquote>\">a</p><blockquote>b</blockquote>", "a"),
            ("<p>a <q>b</q> <code>c()</code></p>", "a b c()"),
            ("<blockquote>b</blockquote>", ""),
        ] {
            assert_eq!(own_words(&CleanHtml::sanitise(html, None)), own, "{html}");
        }
    }

    #[test]
    fn words_stay_whole_where_there_are_words() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("one two, three", 10), "one two…");
        assert_eq!(cut("가나다라마바사", 3), "가나다…");
        assert_eq!(cut("a verylongwordwithoutend", 12), "a verylongwo…");
        assert_eq!(cut("👩\u{200d}💻👩\u{200d}💻", 2), "👩…");
    }
}
