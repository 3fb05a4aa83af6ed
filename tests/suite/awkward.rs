//! Five hundred awkward posts: what people and machines put into blogs, by hand and
//! put together from seeds, always the same.

use crate::stage::at;
use std::time::Duration;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::{Enclosure, Entry, Place};
use syndicated::domain::url::HttpUrl;

/// How many there are.
pub(crate) const POSTS: usize = 500;

/// Pieces of text, as they might stand in a title, a name, a tag.
const WORDS: [&str; 48] = [
    "plain words",
    "안녕하세요, 세상",
    "한글과 English 그리고 日本語",
    "Tom & Jerry",
    "AT&T, R&D, Q&A",
    "a < b && c > d",
    "<b>bold</b> claims",
    "the <blink> tag",
    "&amp; is how & is written",
    "&lt;b&gt; twice &amp;lt;b&amp;gt;",
    "&copy; 2026 &nbsp; &bogus; &#65; &#x41;",
    "]]>",
    "a ]]]]><![CDATA[> b",
    "<![CDATA[ not one ]]>",
    "<!-- no comment -->",
    "<?xml version=\"1.0\"?>",
    "</title></item></channel></rss>",
    "</entry></feed>",
    "<script>alert(1)</script>",
    "\"quoted\" 'and' `ticked`",
    "back\\slash \\u0041 \\n",
    "{{ 7 * 7 }} {% raw %} ${x}",
    "%s %d %EA%B8%80 100 %",
    "👩‍💻👨‍👩‍👧‍👦🏳️‍🌈👍🏽",
    "🇰🇷 🇺🇳 1️⃣ ©️",
    "𠮷野家 𝒻𝒶𝓃𝒸𝓎 \u{10fffd}",
    "e\u{301} é ñ n\u{303} ﬁ Å",
    "ㄱㄴㄷ \u{1112}\u{1161}\u{11ab} 한",
    "שלום עולם",
    "مرحبا بالعالم",
    "\u{202e}desrever\u{202c} and \u{2066}isolated\u{2069}",
    "\u{200f}mark \u{200e}mark",
    "zero\u{200b}width\u{200d}joined\u{feff}bom",
    "soft\u{ad}hyphen",
    "line\u{2028}paragraph\u{2029}end",
    "non\u{a0}breaking\u{202f}spaces\u{3000}here",
    "control \u{1}\u{8}\u{b}\u{c}\u{1f} characters",
    "bell \u{7} and delete \u{7f}",
    "c1 \u{80}\u{85}\u{9f} controls",
    "noncharacters \u{fffe} \u{ffff} end",
    "tab\there",
    "Ünïcödé ÆØÅ ß ſ İ ı",
    "ไทย हिन्दी தமிழ் ខ្មែរ",
    "Привет, мир — «кавычки»",
    "1 ≠ 2, ∀x∈ℝ: x² ≥ 0",
    "http://example.com/?a=1&b=2#c",
    "javascript:alert(1)",
    "CON, NUL and ../../etc/passwd",
];

/// Pieces of HTML, as they might stand in a text.
const MARKUP: [&str; 30] = [
    "<p>Plain.</p>",
    "<p>안녕, <b>세상</b>! &amp; more &lt;b&gt; &quot;quotes&quot; &#39;</p>",
    "text without any element",
    "<p>]]&gt; and ]]> and <![CDATA[ x ]]></p>",
    "<pre><code class=\"language-rust\">fn main() { let a = &amp;b; if a &lt; c &amp;&amp; d {} }\n\tprintln!(\"]]&gt;\");</code></pre>",
    "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td><table><tbody><tr><td>nested <table><tbody><tr><td>deep</td></tr></tbody></table></td></tr></tbody></table></td></tr></tbody></table>",
    "<ul><li>one<ol start=\"3\" reversed><li>two<ul><li>three</li></ul></li></ol></li></ul>",
    "<p><a href=\"https://example.com/?a=1&amp;b=2&copy=3#d\">ampersands</a> <a href='/relative'>relative</a> <a href=\"../up\">up</a></p>",
    "<p><a href=\"https://블로그.example/글?질문=답\">IRI</a> <a href=\"https://example.com/a|b[c]{d}^`e\">odd</a></p>",
    "<p><img src=\"/i.png?a=1&b=2\" alt='\"그림\" <1> ]]> & more'> <img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=\" width=\"1\"></p>",
    "<p>note<a href=\"#fn1\" id=\"r1\">1</a></p><hr><p id=\"fn1\">foot <a href=\"#r1\">back</a></p>",
    "<p>unclosed <b>bold <i>both</b> italic</i> <p>next<div>block in it",
    "<a href=\"https://a.example/\">link <a href=\"https://b.example/\">in a link</a></a>",
    "<script>alert(1)</script><style>p { color: red }</style><p onclick=\"x()\" style=\"position: fixed\">handlers</p>",
    "<iframe src=\"https://www.youtube.com/embed/abc\"></iframe><object data=\"x\"></object><form><input name=\"q\"></form>",
    "<p dir=\"rtl\">שלום <bdo dir=\"ltr\">abc</bdo> \u{202e}x\u{202c}</p>",
    "<p>👩‍💻 𠮷 e\u{301} \u{10fffd} \u{200b}\u{feff}</p>",
    "<p>control \u{1}\u{8}\u{b}\u{1f} \u{7f} \u{85}\u{9f} \u{fffe}</p>",
    "<blockquote cite=\"https://example.com/\"><p>quoted</p></blockquote><details><summary>more</summary>hidden</details>",
    "<figure><picture><source srcset=\"https://example.com/a.webp 2x\" type=\"image/webp\"><img src=\"https://example.com/a.jpg\" width=\"600\" height=\"400\"></picture><figcaption>caption</figcaption></figure>",
    "<ruby>漢<rp>(</rp><rt>한</rt><rp>)</rp></ruby> H<sub>2</sub>O x<sup>2</sup> <kbd>Ctrl</kbd> <wbr><del>gone</del><ins>new</ins>",
    "<math><mi>x</mi><mo>=</mo><mn>1</mn></math> <svg viewBox=\"0 0 1 1\"><circle r=\"1\"/></svg>",
    "&amp;amp; &amp;lt;b&amp;gt; &amp;#60; &nbsp;&mdash;&hellip;&bogus; &notit; &AMP &lt",
    "<dl><dt>term<dd>meaning<dt>other<dd>more</dl>",
    "<h1>head</h1><h2 id=\"x\">second</h2><p>a<br>b<br/>c</p>",
    "<p>{{ 7 * 7 }} {% raw %} {# x #} ${y} %s \\u0041</p>",
    "<p>line\u{2028}separator and\r\nreturn\rand\ttab</p>",
    "<!-- comment --><!DOCTYPE html><?php echo 1 ?><p>declarations</p>",
    "</p></div></content:encoded></item></channel></rss><p>closed too much</p>",
    "<plaintext>everything behind is text <b>so</b>",
];

/// Numbers from a seed (a linear congruential generator; Knuth's constants).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// The posts of two blogs, which share some of their guids: for each its name, and
/// its posts from the newest on.
pub(crate) fn blogs() -> [(&'static str, Vec<Entry>); 2] {
    let mut seeded = Seeded(7);
    let (first, second): (Vec<_>, Vec<_>) =
        (0..POSTS).map(|number| post(number, &mut seeded)).enumerate().partition(|(number, _)| number % 5 != 0);
    let entries = |posts: Vec<(usize, Entry)>| posts.into_iter().map(|(_, entry)| entry).collect();
    [("essays", entries(first)), ("diary", entries(second))]
}

fn post(number: usize, seeded: &mut Seeded) -> Entry {
    // The pieces by themselves come first, then put together.
    let word = if number < WORDS.len() { WORDS[number] } else { seeded.of(&WORDS) };
    let markup = if number < MARKUP.len() { MARKUP[number] } else { seeded.of(&MARKUP) };
    let page = format!("https://blog.example.com/{number}/?p={number}&q=a%20b");
    let page: HttpUrl = page.parse().unwrap();
    let mut text = format!("<p>No. {number}</p>{markup}");
    for _ in 0..seeded.below(4) {
        text.push_str(seeded.of(&MARKUP));
    }
    if number == 77 {
        let line = "<p>A megabyte of 글 &amp; <b>words</b>, one after the other.</p>";
        text.push_str(&line.repeat(1_048_576 / line.len()));
    }
    let html = |html: &str| Some(CleanHtml::sanitise(html, Some(&page)));
    let mut words = |most: usize| {
        let words: Vec<String> = (0..seeded.below(most)).map(|_| seeded.of(&WORDS).to_owned()).collect();
        words
    };
    let title = match number % 11 {
        3 => String::new(),
        5 if number == 49 => "아주 긴 제목 & <long> ".repeat(60).trim_end().to_owned(),
        _ => format!("{word} · {number}"),
    };
    let (authors, categories) = (words(4), words(5));
    let files = (0..number % 4).map(|file| Enclosure {
        url: format!("https://files.example.com/{number}/{file}.mp3?a=1&b=[2]|3").parse().unwrap(),
        media_type: [Some("audio/mpeg"), None, Some("not a type"), Some("image/png")][(number + file) % 4]
            .map(str::to_owned),
        length: [Some(1_234_567_890_123), None, Some(0)][file % 3],
    });
    let guid = match number % 9 {
        0 => page.to_string(),
        1 => format!("tag:blog.example.com,2005:{number}"),
        2 => format!("urn:uuid:60a76c80-d399-11d9-b91c-{number:012}"),
        3 => format!("{number}"),
        4 => format!("글 {number} & <b> %20 \"x\""),
        5 => format!("https://blog.example.com/%ea%b8%80/{number}"),
        6 => format!("HTTP://Blog.Example.com:80/{number}"),
        // Some are of both blogs, which have nothing in common.
        7 if matches!(number % 45, 7 | 25) => format!("shared-{}", number / 45),
        7 => format!("post:{number}"),
        _ => format!("https://blog.example.com/글/{number}|[a]"),
    };
    Entry {
        guid,
        url: (number % 13 != 4).then(|| page.clone()),
        title,
        authors,
        language: [None, Some("ko"), Some("en-GB"), Some("english"), Some("zz")][number % 5].map(str::to_owned),
        // Some have no date, and some share one.
        published: (number % 17 != 6)
            .then(|| at("2026-11-20T12:00:00Z").minus(Duration::from_secs(3_601 * (number as u64 / 2)))),
        updated: None,
        summary: if number.is_multiple_of(3) { html(&format!("<p>Short {number}: {word}</p>")) } else { None },
        content: if number % 19 == 8 { None } else { html(&text) },
        categories,
        enclosures: files.collect(),
        original: None,
        also_at: if number % 7 == 2 {
            vec![Place {
                name: word.to_owned(),
                url: format!("https://post.example.net/{number}?a=1&b=2").parse().ok(),
            }]
        } else {
            Vec::new()
        },
    }
}
