//! Independent readers read back exactly what is published, with no warning, from
//! every format that they know: feedparser, newsboat, and npm's rss-parser and
//! feedsmith (the one that knows JSON Feed). Each is skipped when the variable
//! that names it is unset; `./test` brings them.

use crate::engines;
use crate::stage::{self, at};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::{Enclosure, Entry, Place};
use syndicated::domain::time::Timestamp;
use syndicated::domain::url::HttpUrl;
use syndicated::publish::Format;
use syndicated::read::{fingerprint, url_key};
use syndicated::scheduler::Roles;
use syndicated::store::{Arrival, Arriving, Store};
use tempfile::TempDir;
use tokio::process::Command;

const TITLE: &str = "Letters & \"글\" ]]> <1>";
const SOURCE: &str = "수필 & \"Essays\" <of> a day";
const NOW: &str = "2026-11-23T07:00:00Z";
const LATER: &str = "2026-11-23T08:00:00Z";
const EDITED: &str = "tag:blog.example.com,2005:4";

fn html(text: &str) -> Option<CleanHtml> {
    Some(CleanHtml::sanitise(text, None))
}

fn file(url: &str, media_type: Option<&str>, length: Option<u64>) -> Enclosure {
    Enclosure { url: url.parse().unwrap(), media_type: media_type.map(str::to_owned), length }
}

/// What people and machines put into posts.
fn entries() -> Vec<Entry> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let bare = Entry {
        guid: "bare".to_owned(),
        url: None,
        title: String::new(),
        authors: Vec::new(),
        language: None,
        published: None,
        updated: None,
        summary: None,
        content: None,
        categories: Vec::new(),
        enclosures: Vec::new(),
        original: None,
        also_at: Vec::new(),
    };
    vec![
        Entry {
            guid: "https://blog.example.com/a?b=1&c=2#d".to_owned(),
            url: "https://blog.example.com/a?b=1&c=2#d".parse().ok(),
            title: "Tom & Jerry's \"talk\" ]]> 안녕 👩‍💻 AT&T 1 < 2".to_owned(),
            authors: words(&["김하늘", "Ada \"Moss\" O'Neil & Sons", "Éva 👩‍🚀"]),
            published: Some(at("2026-11-22T23:59:59Z")),
            summary: html("<p>In <b>short</b> &amp; sweet: 1 &lt; 2 ]]&gt; 요약</p>"),
            content: html(
                "<h2>전문 &amp; more</h2><p>\"Quoted\" 'and' ]]&gt; &lt;b&gt; &amp;amp; &amp;lt; 👨‍👩‍👧‍👦🏳️‍🌈</p>\n<pre>a &amp;&amp; b\n  &lt;?xml?&gt; &lt;![CDATA[ x ]]&gt;</pre><p><a href=\"https://blog.example.com/x?y=1&amp;z=2\">link</a> <img src=\"https://blog.example.com/i.png?a=1&amp;b=2\" alt=\"&quot;그림&quot; &lt;1&gt;\"></p>",
            ),
            categories: words(&["수필", "R&D", "a <b> c", "새 글, 옛 글"]),
            enclosures: vec![
                file("https://blog.example.com/a.mp3?x=1&y=2", Some("audio/mpeg"), Some(1_234_567_890_123)),
                file("https://blog.example.com/%EA%B8%80.pdf", Some("application/pdf"), Some(1)),
            ],
            original: None,
            also_at: vec![Place {
                name: "The \"Post\" & 신문".to_owned(),
                url: "https://post.example.net/1?a=1&b=2".parse().ok(),
            }],
            ..bare.clone()
        },
        Entry {
            guid: "글 2 & <b>".to_owned(),
            url: "https://blog.example.com/%EA%B8%80/2".parse().ok(),
            title: "<em>HTML</em> in a title, &amp; entities &lt;b&gt; &copy;".to_owned(),
            authors: words(&["이바다"]),
            published: Some(at("2024-02-29T00:00:00Z")),
            summary: html("<p>짧은 글만 있다 &mdash; \u{202e}right\u{202c} 𠮷野家 e\u{301} &nbsp; line\u{2028}end</p>"),
            enclosures: vec![file("https://blog.example.com/no-type", None, None)],
            ..bare.clone()
        },
        Entry {
            guid: "urn:uuid:60a76c80-d399-11d9-b91c-0003939e0af6".to_owned(),
            title: "Only a title".to_owned(),
            published: Some(at("1999-12-31T23:59:59Z")),
            ..bare.clone()
        },
        Entry {
            guid: EDITED.to_owned(),
            url: "https://blog.example.com/4".parse().ok(),
            published: Some(at("1970-01-02T00:00:00Z")),
            content: html("<p>Full, no title. &lt;/content:encoded&gt;&lt;/item&gt;</p>"),
            ..bare
        },
    ]
}

/// What an entry is called in a feed of ours.
fn id(entry: &Entry) -> &str {
    match entry.guid.as_str() {
        "글 2 & <b>" => "tag:news.example.org,2026:essays/%EA%B8%80+2+%26+%3Cb%3E",
        global => global,
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.millis() / 1000
}

/// What a reader should understand of the feed in `format`; the scripts in
/// `tests/others` tell it in these words.
fn expected(format: Format) -> Value {
    let entries: Vec<Value> = entries()
        .into_iter()
        .map(|entry| {
            let published = entry.published.unwrap();
            let (short, full) = (entry.summary.as_ref(), entry.content.as_ref());
            let summary = match (format, short, full) {
                // There the short form is plain text.
                (Format::Json, Some(_), Some(_)) => "In short & sweet: 1 < 2 ]]> 요약",
                (_, Some(short), Some(_)) => short.as_str(),
                // RSS wants a short form beside a text: its beginning, where it has none of its own.
                (Format::Rss, None, Some(_)) => "Full, no title. &lt;/content:encoded&gt;&lt;/item&gt;",
                _ => "",
            };
            let untold = (format != Format::Atom).then_some("application/octet-stream");
            let files = entry.enclosures.iter().map(|file| {
                json!([file.url.as_str(), file.media_type.as_deref().or(untold), file.length.unwrap_or(0)])
            });
            // RSS 2.0 has room for one.
            let files: Vec<Value> = files.take(if format == Format::Rss { 1 } else { 9 }).collect();
            json!({
                "id": id(&entry),
                "link": entry.url.as_ref().map(HttpUrl::as_str),
                "title": entry.title,
                "authors": entry.authors,
                "author": entry.authors.first(),
                "published": seconds(published),
                "updated": seconds(if entry.guid == EDITED { at(LATER) } else { published }),
                "summary": summary,
                "content": full.or(short).map_or("", CleanHtml::as_str),
                "categories": entry.categories,
                "enclosure": files.first(),
                "enclosures": files,
                "source": [SOURCE, "http://127.0.0.1:9/feed.xml"],
            })
        })
        .collect();
    json!({
        "title": TITLE,
        "description": TITLE,
        "link": "http://news.example.org/",
        "self": format!("http://news.example.org/feeds/letter.{format}"),
        "language": "en",
        "entries": entries,
    })
}

/// The real daemon, serving [`entries`].
struct Served {
    daemon: Daemon,
    folder: TempDir,
}

impl Served {
    async fn start() -> Self {
        let bench = engines::all().await.remove(0);
        let clock = Clock::manual(at(NOW));
        let path = bench.folder.path().join("config.toml");
        let text = stage::toml(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        std::fs::write(&path, text.replace("\"Letters\"", &format!("'''{TITLE}'''"))).unwrap();
        let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
        let config = Config::load(&path, &environment, &Chance::seeded(1)).unwrap();
        let store = bench.open().await;
        store.sync_sources(&config.sources, clock.now()).await.unwrap();
        let mut before = entries();
        before.last_mut().unwrap().content = html("<p>Before it was edited.</p>");
        admit(&store, before, at(NOW)).await;
        admit(&store, entries(), at(LATER)).await;
        store.close().await;
        let roles = Roles { poll: false, send: false, web: true };
        let daemon = Daemon::start(config, Outside { clock, chance: Chance::seeded(3), roles }).await.unwrap();
        Self { daemon, folder: bench.folder }
    }

    fn address(&self, format: Format) -> String {
        format!("http://{}/feeds/letter.{format}", self.daemon.web.unwrap())
    }
}

async fn admit(store: &Store, entries: Vec<Entry>, now: Timestamp) {
    let claim = store.claim_source(&"essays".parse().unwrap(), now, Duration::from_mins(1)).await.unwrap().unwrap();
    let entries = entries.into_iter().map(|entry| Arriving {
        fingerprint: fingerprint(&entry),
        url_key: entry.url.as_ref().map(url_key),
        entry,
    });
    let arrival = Arrival { entries: entries.collect(), title: Some(SOURCE.to_owned()), ..stage::arrival(&[], now) };
    store.admit(claim, arrival, now).await.unwrap();
}

/// The value of a reader's variable; without it the reader is skipped.
pub(crate) fn reader(variable: &str) -> Option<String> {
    let place = std::env::var(variable).ok();
    if place.is_none() {
        println!("skipped: {variable} is not set");
    }
    place
}

pub(crate) async fn run(command: &mut Command) -> Output {
    let command = command.kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_mins(1), command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Runs a script of `tests/others` over the feeds, and compares every field of
/// which it tells with what it should be.
async fn read_with(reader: &mut Command, formats: &[Format]) {
    let served = Served::start().await;
    let output = run(reader.args(formats.iter().map(|format| served.address(*format)))).await;
    let feeds: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(feeds.len(), formats.len());
    for (format, feed) in formats.iter().zip(&feeds) {
        let wanted = expected(*format);
        compare(*format, feed, &wanted);
        let (read, wanted) = (feed["entries"].as_array().unwrap(), wanted["entries"].as_array().unwrap());
        assert_eq!(read.len(), wanted.len(), "{format}: {feed}");
        for (read, wanted) in read.iter().zip(wanted) {
            compare(*format, read, wanted);
        }
    }
    assert!(served.daemon.stop().await);
}

fn compare(format: Format, read: &Value, wanted: &Value) {
    for (field, value) in read.as_object().unwrap().iter().filter(|(field, _)| *field != "entries") {
        // An element that says nothing is shown as it is by some.
        let value = value.as_str().map_or_else(|| value.clone(), |text| text.trim().into());
        assert_eq!(value, wanted[field], "{format}: {field} of {read}");
    }
}

pub(crate) fn script(name: &str) -> String {
    format!("{}/tests/others/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test(flavor = "multi_thread")]
async fn feedparser_reads_what_was_published() {
    let Some(python) = reader("SYNDICATED_TEST_PYTHON") else { return };
    read_with(Command::new(python).arg(script("read.py")), &[Format::Rss, Format::Atom]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_from_npm_read_what_was_published() {
    let Some(modules) = reader("SYNDICATED_TEST_NODE_MODULES") else { return };
    for (name, formats) in [("rss-parser", &[Format::Rss, Format::Atom][..]), ("feedsmith", &Format::ALL)] {
        read_with(Command::new("node").env("NODE_PATH", &modules).args([&script("read.cjs"), name]), formats).await;
    }
}

/// newsboat keeps what it read in a database of its own.
#[tokio::test(flavor = "multi_thread")]
async fn newsboat_reads_what_was_published() {
    let Some(newsboat) = reader("SYNDICATED_TEST_NEWSBOAT") else { return };
    let served = Served::start().await;
    for format in [Format::Rss, Format::Atom] {
        let home = served.folder.path().join(format.to_string());
        let (files, log) = (home.join(".newsboat"), home.join("log"));
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("config"), "").unwrap();
        std::fs::write(files.join("urls"), served.address(format)).unwrap();
        let mut command = Command::new(&newsboat);
        // Level 4: warnings and worse.
        command.env_clear().env("HOME", &home).args(["-x", "reload", "-l", "4", "-d"]).arg(&log);
        run(&mut command).await;
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "", "{format}");

        let wanted = expected(format);
        let (title, link, items) = cache(&files.join("cache.db")).await;
        assert_eq!((title.as_str(), link.as_str()), (TITLE, "http://news.example.org/"), "{format}");
        assert_eq!(items.len(), entries().len(), "{format}");
        for (item, wanted) in items.iter().zip(wanted["entries"].as_array().unwrap()) {
            let (id, title, author, link, published, content, file, file_type) = item;
            let text = |field: &str| wanted[field].as_str().unwrap_or_default().to_owned();
            // It shows an element that says nothing as it is.
            assert_eq!((id, link, content.trim()), (&text("id"), &text("link"), text("content").as_str()), "{format}");
            assert_eq!(wanted["published"], *published, "{format}: {id}");
            // Where there is no title it makes one up, from the address.
            assert!(*title == text("title") || text("title").is_empty(), "{format}: {title}");
            let authors: Vec<&str> = wanted["authors"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            // Of an RSS item it knows one author, the last.
            let one = authors.last().copied().unwrap_or_default();
            assert_eq!(*author, if format == Format::Rss { one.to_owned() } else { authors.join(", ") }, "{format}");
            // Whether a file without a type can be played is its own affair.
            if wanted["enclosure"][1] == "audio/mpeg" {
                assert_eq!(wanted["enclosure"][0], **file, "{format}");
                assert_eq!(file_type, "audio/mpeg", "{format}");
            }
        }
    }
    assert!(served.daemon.stop().await);
}

type Item = (String, String, String, String, i64, String, String, String);

/// newsboat's one feed, and its items newest first.
async fn cache(file: &Path) -> (String, String, Vec<Item>) {
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let (title, link) = sqlx::query_as("SELECT title, url FROM rss_feed").fetch_one(&pool).await.unwrap();
    let items = sqlx::query_as(
        "SELECT guid, title, author, url, pubDate, content, enclosure_url, enclosure_type FROM rss_item
         ORDER BY pubDate DESC",
    );
    let items = items.fetch_all(&pool).await.unwrap();
    pool.close().await;
    (title, link, items)
}
