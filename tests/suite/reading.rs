//! Reading, from bytes to entries: a corpus of feeds with what `read --json`
//! says of each, and inputs made to do harm (R15, P15).
//!
//! A case is two files in `tests/corpus`: the document, and beside it
//! `NAME.want.json`, the answer in full or `{"error": "…"}`. A third, `NAME.type`,
//! gives the `Content-Type` that it was served with. With `SYNDICATED_BLESS=1`
//! the answers are written anew, to be read before they are committed. What
//! feedparser makes of each document is compared in `opinions.rs`.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::DocumentKind;
use syndicated::domain::url::HttpUrl;
use syndicated::read::{Input, ReadError, Reading, fingerprint, read};

/// Where every document of the corpus is said to come from.
pub(crate) const BASE: &str = "https://example.org/blog/feed.xml";

pub(crate) fn base() -> HttpUrl {
    BASE.parse().unwrap()
}

/// One document of the corpus.
pub(crate) struct Case {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) content_type: Option<String>,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut paths = Vec::new();
    for folder in std::fs::read_dir("tests/corpus").unwrap() {
        for entry in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            paths.push(entry.unwrap().path());
        }
    }
    paths.retain(|path| !path.to_str().unwrap().ends_with(".want.json") && path.extension().unwrap() != "type");
    paths.sort();
    paths
        .into_iter()
        .map(|path| Case {
            bytes: std::fs::read(&path).unwrap(),
            content_type: std::fs::read_to_string(path.with_extension("type")).ok().map(|text| text.trim().to_owned()),
            path,
        })
        .collect()
}

/// What the built program says of a document on its standard input.
fn said(case: &Case, more: &[&str]) -> Value {
    said_from(case, BASE, more)
}

/// The same, when the document comes from `base`.
pub(crate) fn said_from(case: &Case, base: &str, more: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syndicated"));
    command.args(["read", "-", "--base", base]).args(more);
    if let Some(content_type) = &case.content_type {
        command.args(["--content-type", content_type]);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&case.bytes).unwrap();
    let done = child.wait_with_output().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    match done.status.code() {
        Some(0) => {
            assert_eq!(err, "", "{}", case.path.display());
            serde_json::from_slice(&done.stdout).unwrap()
        }
        code => {
            assert_eq!(
                (code, done.stdout.len(), err.lines().count()),
                (Some(1), 0, 1),
                "{}: {err}",
                case.path.display()
            );
            json!({ "error": err.trim().trim_start_matches("syndicated: -: ") })
        }
    }
}

#[test]
fn every_document_of_the_corpus_is_read_as_it_says_beside_it() {
    let bless = std::env::var_os("SYNDICATED_BLESS").is_some();
    let cases = cases();
    let at_once = std::thread::available_parallelism().unwrap().get();
    // Starting the program takes longer than reading.
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let parts = cases.chunks(cases.len().div_ceil(at_once));
        let parts: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().filter_map(|case| fault(case, bless)).collect()))
            .collect();
        parts.into_iter().flat_map(|part| -> Vec<String> { part.join().unwrap() }).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// How the answer differs from what it should be.
fn fault(case: &Case, bless: bool) -> Option<String> {
    let said = said(case, &["--json"]);
    let place = case.path.with_extension("want.json");
    if bless {
        std::fs::write(&place, format!("{said:#}\n")).unwrap();
        return None;
    }
    let want: Value = std::fs::read(&place)
        .map(|bytes| serde_json::from_slice(&bytes).unwrap_or_else(|why| panic!("{}: {why}", place.display())))
        .unwrap_or_default();
    (said != want).then(|| format!("{}\nsaid {said:#}\nwant {want:#}", case.path.display()))
}

#[test]
fn the_answer_has_these_keys_and_no_other() {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let path = Path::new("tests/corpus/rss/20.xml").to_owned();
    let case = Case { bytes: std::fs::read(&path).unwrap(), path, content_type: None };
    let said = said(&case, &["--json"]);
    assert_eq!(keys(&said), "entries kind language link title");
    assert_eq!(
        keys(&said["entries"][0]),
        "also_at authors categories content_html enclosures id published summary_html title updated url"
    );
    assert_eq!(keys(&said["entries"][0]["enclosures"][0]), "length type url");
    assert_eq!(said["entries"][1]["content_html"], Value::Null);
}

#[test]
fn raw_gives_the_html_as_it_stands() {
    let path = Path::new("tests/corpus/rss/active-html.xml").to_owned();
    let case = Case { bytes: std::fs::read(&path).unwrap(), path, content_type: None };
    let html = |said: Value| said["entries"][0]["summary_html"].as_str().unwrap().to_owned();
    assert!(html(said(&case, &["--json", "--raw"])).contains("<script>alert(1)</script>"));
    assert!(!html(said(&case, &["--json"])).contains("script"));
}

/// Reading ends, and soon, whatever is read.
pub(crate) fn read_soon(name: &str, bytes: &[u8], content_type: Option<&str>) -> Result<Reading, ReadError> {
    let begin = Instant::now();
    let reading = read(&Input { bytes, content_type, base: Some(&base()), platforms: &Platforms::default() });
    let took = begin.elapsed();
    // A debug build on a busy machine; what is meant is seconds, not minutes.
    assert!(took < Duration::from_secs(20), "{name} took {took:?}");
    if let Ok(reading) = &reading {
        assert_eq!(reading.raw.len(), reading.document.entries.len(), "{name}");
        for entry in &reading.document.entries {
            assert!(!entry.guid.is_empty(), "{name}");
            assert!(!fingerprint(entry).is_empty(), "{name}");
        }
    }
    reading
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_soon("bytes", &bytes, None);
        let _ = read_soon("bytes as text", &bytes, Some("text/xml; charset=euc-kr"));
    }

    #[test]
    fn any_soup_of_tags_is_read_or_refused(pieces in proptest::collection::vec(piece(), 0..60)) {
        let soup = pieces.concat();
        let _ = read_soon(&soup, soup.as_bytes(), None);
        let feed = format!("<rss version=\"2.0\"><channel>{soup}</channel></rss>");
        let _ = read_soon(&feed, feed.as_bytes(), None);
        let atom = format!("<feed xmlns=\"http://www.w3.org/2005/Atom\"><entry>{soup}</entry></feed>");
        let _ = read_soon(&atom, atom.as_bytes(), None);
    }
}

/// What soup is made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "<item>",
            "</item>",
            "<title>",
            "</title>",
            "<link>",
            "</link>",
            "<link href='x'/>",
            "<entry>",
            "</entry>",
            "<description>",
            "</description>",
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "<?xml version='1.0'?>",
            "&",
            "&amp;",
            "&nbsp;",
            "&#x",
            "&#0;",
            "&#xD800;",
            "<",
            ">",
            "\"",
            "<content type='xhtml'>",
            "</content>",
            "<div>",
            "</div>",
            "<p>",
            "<br>",
            "<a href=\"x",
            "<dc:creator>",
            "<pubDate>",
            "</rss>",
            "</channel>",
            "<channel>",
            "<html>",
            "<!DOCTYPE rss [<!ENTITY a 'b'>",
            "]>",
            "xml:base='//'",
            "<xml:base",
            "\u{0}",
            "\u{feff}",
            "감나무",
            "<content type='base64'>",
            "<updated>",
            "2024-05-05T10:00:00Z",
            "24:61",
            "오후",
            "<media:content url='",
            "/>",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
        "[a-z:<>/&;\"'= ]{0,12}",
    ]
}

/// A feed of one entry with `middle` as its description.
pub(crate) fn feed_around(middle: &str) -> String {
    format!(
        "<rss version=\"2.0\"><channel><title>T</title><item><title>kept</title><guid>1</guid><description>{middle}</description></item></channel></rss>"
    )
}

#[test]
fn entities_do_not_multiply_and_nothing_is_fetched() {
    let mut laughs = String::from("<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY l0 \"lol\">");
    for level in 1..12 {
        let below = format!("&l{};", level - 1).repeat(10);
        let _ = write!(laughs, "<!ENTITY l{level} \"{below}\">");
    }
    laughs.push_str("]>");
    laughs.push_str(&feed_around("&l11;"));
    if let Ok(reading) = read_soon("billion laughs", laughs.as_bytes(), None) {
        let length = reading.document.entries[0].summary.as_ref().map_or(0, |html| html.as_str().len());
        assert!(length < 1_000, "{length}");
    }
    let outside = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}",
        feed_around("&x;")
    );
    if let Ok(reading) = read_soon("external entity", outside.as_bytes(), None) {
        assert!(!format!("{reading:?}").contains("root:"));
    }
}

#[test]
fn towers_of_elements_are_bounded() {
    for tag in ["div", "b", "a href='x'", "table", "blockquote", "p", "item", "media:group", "category"] {
        let name = tag.split(' ').next().unwrap();
        let (open, close) = (format!("<{tag}>"), format!("</{name}>"));
        for count in [200, 20_000] {
            let tower = format!("{}x{}", open.repeat(count), close.repeat(count));
            let _ = read_soon(tag, feed_around(&tower).as_bytes(), None);
            let hidden = feed_around(&format!("<![CDATA[{tower}]]>"));
            if let Ok(reading) = read_soon(tag, hidden.as_bytes(), None) {
                assert_eq!(reading.document.entries[0].title, "kept");
            }
            let never_closed = feed_around(&format!("<![CDATA[{}]]>", open.repeat(count)));
            let _ = read_soon(tag, never_closed.as_bytes(), None);
            let title = format!("<rss version=\"2.0\"><channel><title><![CDATA[{tower}]]></title></channel></rss>");
            let _ = read_soon(tag, title.as_bytes(), None);
            let _ = read_soon(tag, format!("<html><body>{tower}").as_bytes(), None);
        }
    }
}

#[test]
fn a_million_attributes_are_bounded() {
    let mut tag = String::from("<p");
    for number in 0..1_000_000 {
        let _ = write!(tag, " a{number}=''");
    }
    tag.push('>');
    let reading = read_soon("in the text", feed_around(&format!("<![CDATA[{tag}x</p>]]>")).as_bytes(), None).unwrap();
    assert_eq!(reading.document.entries[0].title, "kept");
    let _ = read_soon("in the feed", feed_around(&format!("{tag}x</p>")).as_bytes(), None);
    let _ = read_soon("in a page", format!("<html><body>{tag}x").as_bytes(), None);
}

#[test]
fn of_too_many_entries_the_newest_are_kept() {
    let items: Vec<String> = (0..6_000)
        .map(|n| {
            let at = chrono::DateTime::from_timestamp(1_700_000_000 + n * 60, 0).unwrap().to_rfc2822();
            format!("<item><guid isPermaLink=\"false\">{n}</guid><pubDate>{at}</pubDate></item>")
        })
        .collect();
    let ids = |items: &[String]| {
        let feed = format!("<rss version=\"2.0\"><channel><title>T</title>{}</channel></rss>", items.concat());
        let reading = read_soon("entries", feed.as_bytes(), None).unwrap();
        assert_eq!(reading.document.kind, DocumentKind::Feed);
        let ids: Vec<u32> = reading.document.entries.iter().map(|entry| entry.guid.parse().unwrap()).collect();
        (ids.len(), ids.iter().min().copied(), ids.iter().max().copied())
    };
    assert_eq!(ids(&items), (5_000, Some(1_000), Some(5_999)), "oldest first");
    let reversed: Vec<String> = items.into_iter().rev().collect();
    assert_eq!(ids(&reversed), (5_000, Some(1_000), Some(5_999)), "newest first");
}

/// What was mended is said, in words for the owner of the feed; of a sound one nothing.
#[test]
fn what_was_mended_is_said() {
    for (name, words) in [
        ("rss/20.xml", ""),
        ("atom/10.xml", ""),
        ("json/11.json", ""),
        ("json/number-as-id.json", ""),
        ("broken/compressed-gzip-twice.xml", "compressed twice"),
        ("broken/compressed-brotli.xml", "compressed twice"),
        ("charset/euc-kr-declared-utf-8.xml", "wrong encoding declared"),
        ("charset/utf-8-header-us-ascii.xml", "wrong encoding declared"),
        ("charset/mixed-utf-8-and-euc-kr.xml", "mixed encodings"),
        ("charset/encoded-three-times.xml", "encoded twice"),
        ("broken/before-php-warning.xml", "something before the feed"),
        ("broken/behind-words.xml", "something behind the feed"),
        ("broken/behind-script.xml", "something behind the feed"),
        ("broken/control-nul.xml", "control characters"),
        ("broken/html-entities.xml", "HTML entities"),
        ("broken/ampersand-in-link.xml", "bare ampersands"),
        ("broken/undeclared-namespace.xml", "undeclared namespaces"),
        ("broken/unclosed-title.xml", "broken markup"),
        ("broken/attribute-without-quotes.xml", "broken markup"),
        ("broken/json-trailing-commas.json", "broken JSON"),
        ("broken/json-cut-in-item.json", "broken JSON, cut short"),
        ("broken/cut-in-title.xml", "cut short"),
    ] {
        let bytes = std::fs::read(Path::new("tests/corpus").join(name)).unwrap();
        let content_type = std::fs::read_to_string(Path::new("tests/corpus").join(name).with_extension("type")).ok();
        let reading = read_soon(name, &bytes, content_type.as_deref().map(str::trim)).unwrap();
        assert_eq!(reading.repairs.to_string(), words, "{name}");
        assert_eq!(reading.is_whole(), !words.ends_with("cut short"), "{name}");
    }
}
