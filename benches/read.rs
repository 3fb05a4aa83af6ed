//! How fast documents are read: 200 feeds of some 100 KB, Korean and English,
//! RSS and Atom, one thread. In one run, so that the figures are of one machine:
//!
//! - quick-xml's tokens, looked at and dropped: what no reader can beat;
//! - the strict path to cleaned entries, as a poll takes it; and the same less
//!   the cleaning of its HTML, which is timed by itself over the same texts;
//! - the lenient path: the same feeds with a fault in each;
//! - Python's feedparser on the first of these feeds, as it comes (it cleans as
//!   well) and with cleaning switched off. It is left out unless
//!   `SYNDICATED_TEST_PYTHON` names a Python that has it;
//! - an article of 50 KB cleaned, and found on its page.
//!
//! Each figure is time on the processor, the best of its rounds; rounds take
//! turns, so that another program's work disturbs all figures alike. Prints a
//! line a figure.
//! `SYNDICATED_TEST_PYTHON=target/readers/bin/python cargo bench --bench read`;
//! to see what costs, `valgrind --tool=callgrind target/release/deps/read-… strict`
//! reads the feeds once by one path (`tokens`, `strict`, `clean`, `lenient`).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::write_with_newline,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use quick_xml::events::Event;
use std::cell::LazyCell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::process::Command;
use std::time::Duration;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::platform::Platforms;
use syndicated::domain::source::Rules;
use syndicated::domain::url::HttpUrl;
use syndicated::read::{Input, Reading, article, read};

const FEEDS: usize = 200;
const ENTRIES: usize = 25;
const SIZE: usize = 100_000;
const ROUNDS: usize = 5;
const REPEATED: u32 = 3;
/// feedparser is given so many of the feeds.
const SAMPLE: usize = 12;
const ARTICLE: usize = 50_000;

fn main() {
    let feeds: Vec<String> = (0..FEEDS).map(feed).collect();
    let broken: Vec<String> = feeds.iter().enumerate().map(|(number, feed)| fault(number, feed)).collect();
    let base: HttpUrl = "https://blog.example.org/feed".parse().unwrap();
    let texts: LazyCell<Vec<String>, _> =
        LazyCell::new(|| feeds.iter().flat_map(|feed| raw(entries(feed, &base))).collect());
    let paths: [(&str, &dyn Fn()); 4] = [
        ("tokens", &|| feeds.iter().for_each(|feed| tokens(feed))),
        ("strict", &|| feeds.iter().for_each(|feed| drop(black_box(entries(feed, &base))))),
        ("clean", &|| texts.iter().for_each(|text| drop(black_box(CleanHtml::sanitise(text, Some(&base)))))),
        ("lenient", &|| broken.iter().for_each(|feed| drop(black_box(entries(feed, &base))))),
    ];
    if let Some(only) = std::env::args().skip(1).find(|word| !word.starts_with('-')) {
        let (_, path) = paths.iter().find(|(name, _)| *name == only).unwrap();
        return path();
    }
    for (number, feed) in broken.iter().enumerate() {
        let reading = entries(feed, &base);
        assert!(!reading.repairs.is_empty(), "feed {number} is not broken");
        assert!(reading.document.entries.len() >= ENTRIES - 1, "of feed {number} entries are lost");
    }

    let mut best = [Duration::MAX; 4];
    for _ in 0..ROUNDS {
        for (best, (_, path)) in best.iter_mut().zip(&paths) {
            // Several times over, for the clock is coarse.
            *best = (*best).min(timed(&|| (0..REPEATED).for_each(|_| path())) / REPEATED);
        }
    }
    let [tokens, strict, clean, lenient] = best;
    let parsed = strict.saturating_sub(clean);
    let bytes: usize = feeds.iter().map(String::len).sum();
    let speed = |bytes: usize, took: Duration| bytes as f64 / 1e6 / took.as_secs_f64();
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    println!("read: {FEEDS} feeds of {} KB, {ENTRIES} entries each", bytes / FEEDS / 1000);
    println!("read: tokens alone (quick-xml)  {:7.1} MB/s", speed(bytes, tokens));
    println!(
        "read: strict, into entries      {:7.1} MB/s, {:.2} times as long as tokens alone",
        speed(bytes, parsed),
        ratio(parsed, tokens)
    );
    println!(
        "read: strict, cleaned           {:7.1} MB/s, {:.2} times; {:.0} % of it is cleaning",
        speed(bytes, strict),
        ratio(strict, tokens),
        100.0 * ratio(clean, strict)
    );
    println!(
        "read: lenient, cleaned          {:7.1} MB/s, {:.2} times as long as strict",
        speed(bytes, lenient),
        ratio(lenient, strict)
    );
    match std::env::var("SYNDICATED_TEST_PYTHON") {
        Ok(python) => {
            let [cleaned, plain] = feedparser(&python, feeds.get(..SAMPLE).unwrap());
            println!(
                "read: feedparser, uncleaned     {plain:7.2} MB/s; strict, into entries, is {:.0} times as fast",
                speed(bytes, parsed) / plain
            );
            println!(
                "read: feedparser, as it comes   {cleaned:7.2} MB/s; strict, cleaned, is {:.0} times as fast, lenient {:.0} times",
                speed(bytes, strict) / cleaned,
                speed(bytes, lenient) / cleaned
            );
        }
        Err(_) => println!("read: feedparser is left out: SYNDICATED_TEST_PYTHON names no Python"),
    }
    articles();
}

/// Cleaning and extraction, of an article in each language.
fn articles() {
    let address: HttpUrl = "https://blog.example.org/2026/11/an-article".parse().unwrap();
    for (language, words) in [("English", &ENGLISH), ("Korean", &KOREAN)] {
        let text = Words { words, state: 7 }.html(ARTICLE);
        let page = page(&text);
        let input = Input {
            bytes: page.as_bytes(),
            content_type: Some("text/html; charset=utf-8"),
            base: Some(&address),
            platforms: &Platforms::default(),
        };
        let (mut clean, mut found) = (Duration::MAX, Duration::MAX);
        let repeated = |work: &dyn Fn()| timed(&|| (0..50).for_each(|_| work())) / 50;
        for _ in 0..ROUNDS {
            clean = clean.min(repeated(&|| drop(black_box(CleanHtml::sanitise(&text, Some(&address))))));
            found = found.min(repeated(&|| drop(black_box(article(&input, &Rules::default()).unwrap()))));
        }
        println!(
            "read: {language} article of {} KB: {:.2} ms to clean, {:.2} ms from its page to the clean article",
            text.len() / 1000,
            clean.as_secs_f64() * 1e3,
            found.as_secs_f64() * 1e3
        );
    }
}

/// How long this thread was on a processor for it.
fn timed(work: &dyn Fn()) -> Duration {
    let start = on_processor();
    work();
    on_processor().saturating_sub(start)
}

/// The first number of `schedstat` (proc(5)), in nanoseconds, a tick behind at the most.
fn on_processor() -> Duration {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(figures.split(' ').next().unwrap().parse().unwrap())
}

fn tokens(feed: &str) {
    let mut reader = quick_xml::Reader::from_str(feed);
    loop {
        if matches!(black_box(reader.read_event().unwrap()), Event::Eof) {
            return;
        }
    }
}

fn entries(feed: &str, base: &HttpUrl) -> Reading {
    read(&Input {
        bytes: feed.as_bytes(),
        content_type: Some("application/xml"),
        base: Some(base),
        platforms: &Platforms::default(),
    })
    .unwrap()
}

/// The HTML of a feed as it stood there.
fn raw(reading: Reading) -> impl Iterator<Item = String> {
    assert_eq!(reading.document.entries.len(), ENTRIES);
    reading.raw.into_iter().flat_map(|raw| [raw.summary, raw.content]).flatten()
}

/// Megabytes a second of feedparser, cleaning and not.
fn feedparser(python: &str, feeds: &[String]) -> [f64; 2] {
    const SCRIPT: &str = "
import sys, time, feedparser
texts = [open(name, 'rb').read() for name in sys.argv[1:]]
for cleaning in (True, False):
    best = float('inf')
    for _ in range(2):
        start = time.process_time()
        for text in texts:
            assert len(feedparser.parse(text, sanitize_html=cleaning, resolve_relative_uris=cleaning).entries) > 20
        best = min(best, time.process_time() - start)
    print(sum(map(len, texts)) / 1e6 / best)
";
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]);
    for (number, feed) in feeds.iter().enumerate() {
        let path = folder.path().join(format!("{number}.xml"));
        std::fs::write(&path, feed).unwrap();
        command.arg(path);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let mut figures = said.lines().map(|line| line.parse().unwrap());
    [figures.next().unwrap(), figures.next().unwrap()]
}

const ENGLISH: [&str; 40] = [
    "the", "clock", "of", "a", "street", "and", "its", "keeper", "in", "morning", "light", "was", "never", "late",
    "because", "every", "hand", "had", "been", "set", "by", "someone", "who", "knew", "how", "slowly", "paper",
    "turns", "yellow", "when", "nobody", "reads", "it", "again", "harbour", "letters", "winter", "train", "window",
    "gardens",
];
const KOREAN: [&str; 40] = [
    "골목의",
    "시계는",
    "한",
    "번도",
    "늦지",
    "않았고",
    "그",
    "집",
    "사람들은",
    "아침마다",
    "빛이",
    "드는",
    "창가에서",
    "편지를",
    "읽었다",
    "아무도",
    "다시",
    "펼치지",
    "않는",
    "종이는",
    "천천히",
    "누렇게",
    "바래",
    "갔다",
    "겨울",
    "기차가",
    "항구를",
    "지나면",
    "정원의",
    "나무들이",
    "조금씩",
    "흔들리고",
    "우리는",
    "오래된",
    "이야기를",
    "처음부터",
    "끝까지",
    "적어",
    "두기로",
    "했다",
];

/// Words without end, the same each time.
struct Words {
    words: &'static [&'static str; 40],
    state: u64,
}

impl Words {
    /// A number below `limit` (an LCG's upper bits).
    fn number(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap() % limit
    }

    fn text(&mut self, words: usize) -> String {
        let words: Vec<&str> = (0..words).map(|_| *self.words.get(self.number(40)).unwrap()).collect();
        words.join(" ")
    }

    /// The HTML of a post: what blogs' editors write.
    fn html(&mut self, size: usize) -> String {
        let mut html = String::new();
        while html.len() < size {
            let (one, two, three) = (self.text(25), self.text(3), self.text(30));
            let number = self.number(1000);
            match self.number(8) {
                0 => write!(html, "<h2>{two}</h2>\n<p>{one}.</p>\n"),
                1 => write!(html, "<blockquote><p>{one} &amp; {two}.</p></blockquote>\n"),
                2 => write!(html, "<ul><li>{two}</li><li>{one}</li></ul>\n"),
                3 => write!(
                    html,
                    "<figure><img src=\"/pictures/{number}.jpg\" alt=\"{two}\" width=\"640\" height=\"480\"><figcaption>{two}</figcaption></figure>\n"
                ),
                4 => write!(html, "<p>{one} <a href=\"/posts/{number}\" class=\"link\">{two}</a> {three}.</p>\n"),
                _ => write!(html, "<p>{one} <em>{two}</em>, &ldquo;{three}&rdquo;.</p>\n"),
            }
            .unwrap();
        }
        html
    }
}

/// The feed of a number: RSS with its texts in CDATA or escaped, Atom with
/// escaped texts, by turns; Korean and English by turns.
fn feed(number: usize) -> String {
    let mut words = Words { words: if number.is_multiple_of(2) { &KOREAN } else { &ENGLISH }, state: number as u64 };
    let language = if number.is_multiple_of(2) { "ko" } else { "en" };
    let mut feed = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let kind = number / 2 % 3;
    let site = "https://blog.example.org";
    let title = words.text(3);
    if kind == 2 {
        write!(feed, "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{language}\"><id>{site}/</id><title>{title}</title><link href=\"{site}/\"/><link rel=\"self\" href=\"{site}/feed\"/><updated>2026-11-23T07:00:00Z</updated>\n")
    } else {
        write!(feed, "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel><title>{title}</title><link>{site}/</link><description>{title}</description><language>{language}</language><atom:link rel=\"self\" href=\"{site}/feed\"/>\n")
    }
    .unwrap();
    for entry in 0..ENTRIES {
        let (title, author, tag, summary) = (words.text(6), words.text(2), words.text(1), words.text(20));
        let (hour, minute) = (entry % 24, words.number(60));
        let html = words.html(SIZE / ENTRIES - 700);
        let escaped = || html.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        match kind {
            0 => write!(feed, "<item><title>{title}</title><link>{site}/posts/{entry}</link><guid isPermaLink=\"false\">tag:{number}-{entry}</guid><pubDate>Mon, 23 Nov 2026 {hour:02}:{minute:02}:00 +0900</pubDate><dc:creator>{author}</dc:creator><category>{tag}</category><description>{summary}</description><content:encoded><![CDATA[{html}]]></content:encoded></item>\n"),
            1 => write!(feed, "<item><title>{title}</title><link>{site}/posts/{entry}</link><guid>{site}/posts/{entry}</guid><pubDate>Mon, 23 Nov 2026 {hour:02}:{minute:02}:00 GMT</pubDate><author>{author}</author><category>{tag}</category><description>{}</description></item>\n", escaped()),
            _ => write!(feed, "<entry><title>{title}</title><link href=\"{site}/posts/{entry}\"/><id>tag:{number}-{entry}</id><published>2026-11-23T{hour:02}:{minute:02}:00+09:00</published><updated>2026-11-23T{hour:02}:{minute:02}:30+09:00</updated><author><name>{author}</name></author><category term=\"{tag}\"/><summary>{summary}</summary><content type=\"html\">{}</content></entry>\n", escaped()),
        }
        .unwrap();
    }
    feed + if kind == 2 { "</feed>\n" } else { "</channel></rss>\n" }
}

/// The same feed with a fault in its middle that no strict parser gets past.
fn fault(number: usize, feed: &str) -> String {
    let end = if feed.contains("</item>") { "</item>" } else { "</entry>" };
    let (middle, _) = feed.match_indices(end).nth(ENTRIES / 2).unwrap();
    let (before, behind) = feed.split_at(middle);
    match number % 4 {
        // An end that was misspelt, an element that never ends, a bare sign, an end too early.
        0 => format!("{before}<category>x</categori>{behind}"),
        1 => format!("{before}<category>x{behind}"),
        2 => format!("{before}<category>1 < 2 <3</category>{behind}"),
        _ => feed.trim_end().trim_end_matches("</rss>").trim_end_matches("</feed>").to_owned(),
    }
}

/// A page as blogs have them, around an article.
fn page(article: &str) -> String {
    let links: Vec<String> = (0..40).map(|n| format!("<li><a href=\"/{n}\">Post {n}</a></li>")).collect();
    let links = links.concat();
    format!(
        "<!doctype html><html><head><title>An article - Blog</title><meta property=\"og:title\" content=\"An article\">\
         <meta property=\"article:published_time\" content=\"2026-11-23T07:00:00Z\"><link rel=\"stylesheet\" href=\"/s.css\"></head>\
         <body><nav><ul>{links}</ul></nav><main><article><h1>An article</h1>{article}</article></main>\
         <aside class=\"related-posts\"><ul>{links}</ul></aside><footer><p>Blog</p></footer></body></html>"
    )
}
