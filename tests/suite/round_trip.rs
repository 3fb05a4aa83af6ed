//! The round trip: five hundred awkward posts go into the store, out as feeds of every
//! form with their archives, and are read back by independent readers: feedparser,
//! rss-parser, feed-rs and newsboat find the same identities, dates, titles and texts.
//! What is published is well-formed, valid, and as the W3C's validator wants it. Each
//! reader is skipped when the variable that names it is unset; `./test` brings them.

use crate::awkward::{POSTS, blogs};
use crate::engines::{self, Bench};
use crate::readers::{reader, run, script};
use crate::rules;
use crate::serving::get;
use crate::stage::{self, at};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::Entry;
use syndicated::publish::Format;
use syndicated::read::{fingerprint, url_key};
use syndicated::scheduler::Roles;
use syndicated::store::{Arrival, Arriving};
use tokio::process::Command;

const NOW: &str = "2026-11-23T07:00:00Z";
/// All of the posts are in the archive: so many documents of fifty.
const PAGES: usize = POSTS / 50;

/// What a reader understood of a post, or should.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    id: String,
    /// Seconds since 1970.
    published: i64,
    title: String,
    content: String,
}

/// The real daemon, serving the corpus.
struct Served {
    daemon: Daemon,
    bench: Bench,
    web: SocketAddr,
}

impl Served {
    async fn start() -> Self {
        let bench = engines::all().await.remove(0);
        let clock = Clock::manual(at(NOW));
        let text = stage::toml(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let second = "[[source]]\nname = \"diary\"\nurl = \"https://diary.example.com/feed?a=1&b=[2]\"\nschedule = \"*/20 * * * *\"\n";
        let dressed = "[feeds]\nhubs = [\"https://hub.example.com/?a=1&b=2\"]\nimage = \"https://news.example.org/logo.png\"\nicon = \"https://news.example.org/icon.svg\"\ncopyright = \"© 2026 Good News & <friends>\"\n";
        let text = text.replace("\"Good News\"", "'''Good \"News\" & 글 <1> ]]>'''");
        let config = stage::load(&bench, &format!("{text}\n{second}{dressed}"));
        let store = bench.open().await;
        store.sync_sources(&config.sources, clock.now()).await.unwrap();
        for (blog, entries) in blogs() {
            let claim =
                store.claim_source(&blog.parse().unwrap(), at(NOW), Duration::from_mins(1)).await.unwrap().unwrap();
            let entries = entries.into_iter().map(|entry| Arriving {
                fingerprint: fingerprint(&entry),
                url_key: entry.url.as_ref().map(url_key),
                entry,
            });
            let title = Some(format!("The {blog} & \"글\" <of> a day"));
            let arrival = Arrival { entries: entries.collect(), title, ..stage::arrival(&[], at(NOW)) };
            let admitted = store.admit(claim, arrival, at(NOW)).await.unwrap();
            assert_eq!((admitted.held.len(), admitted.same), (0, 0));
        }
        store.close().await;
        let roles = Roles { poll: false, send: false, web: true };
        let daemon = Daemon::start(config, Outside { clock, chance: Chance::seeded(3), roles }).await.unwrap();
        let web = daemon.web.unwrap();
        Self { daemon, bench, web }
    }

    /// The paths of all documents in which the whole corpus stands: the feed, then its archive.
    fn documents(format: Format) -> Vec<String> {
        let pages = (1..=PAGES).map(|page| format!("/feed/{page}.{format}"));
        std::iter::once(format!("/feed.{format}")).chain(pages).collect()
    }

    fn addresses(&self, format: Format) -> Vec<String> {
        Self::documents(format).into_iter().map(|path| format!("http://{}{path}", self.web)).collect()
    }

    async fn text(&self, path: &str) -> String {
        let answer = get(self.web, "GET", path).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.body
    }
}

/// What XML can hold, and people can see.
fn visible(text: &str) -> String {
    let hidden = |c: char| (c.is_control() && !matches!(c, '\t' | '\n')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().filter(|c| !hidden(*c)).collect::<String>().trim().to_owned()
}

/// The corpus, as every reader should understand it, by what a post is called.
fn corpus() -> BTreeMap<String, Told> {
    let inside = regex::Regex::new(" href=\"#[^\"]*\"").unwrap();
    let mut corpus = BTreeMap::new();
    for (blog, entries) in blogs() {
        for entry in entries {
            let text = entry.content.as_ref().or(entry.summary.as_ref()).map_or("", CleanHtml::as_str);
            let text = match &entry.url {
                // Links to places in the text lead to the post's own page.
                Some(url) => text.replace(" href=\"#", &format!(" href=\"{}#", url.as_str().replace('&', "&amp;"))),
                // Where there is none, they lead nowhere.
                None => inside.replace_all(text, "").into_owned(),
            };
            // Which says the same in Unicode's words.
            let text =
                text.replace("<bdo dir=\"ltr\">", "<span dir=\"ltr\">\u{202d}").replace("</bdo>", "\u{202c}</span>");
            let told = Told {
                id: id(blog, &entry),
                published: entry.published.unwrap_or(at(NOW)).millis() / 1000,
                title: visible(&entry.title),
                content: visible(&text),
            };
            assert!(corpus.insert(told.id.clone(), told).is_none());
        }
    }
    assert_eq!(corpus.len(), POSTS);
    corpus
}

/// What a post is called in a feed of ours: what the blog calls it, where that is a URI
/// in its normal form.
fn id(blog: &str, entry: &Entry) -> String {
    let guid = &entry.guid;
    if guid.starts_with("https://blog.example.com/") && guid.contains("?p=")
        || guid.starts_with("tag:")
        || guid.starts_with("urn:")
    {
        return guid.clone();
    }
    let encoded: String = url::form_urlencoded::byte_serialize(guid.as_bytes()).collect();
    let name = if guid.contains('%') {
        syndicated::domain::token::sha256_hex(guid.as_bytes())[..32].to_owned()
    } else {
        encoded
    };
    format!("tag:news.example.org,2026:{blog}/{name}")
}

/// Holds what a reader understood of all documents of a feed against the corpus.
fn compare(reader: &str, format: Format, read: Vec<Told>) {
    let corpus = corpus();
    let mut found: BTreeMap<String, Told> = BTreeMap::new();
    let mut wrong = Vec::new();
    for told in read {
        match corpus.get(&told.id) {
            Some(wanted) if *wanted == told => {}
            Some(wanted) => wrong.push(format!("{told:?}\n  instead of\n  {wanted:?}")),
            None => wrong.push(format!("{told:?}\n  is no post")),
        }
        found.insert(told.id.clone(), told);
    }
    for missing in corpus.keys().filter(|id| !found.contains_key(*id)) {
        wrong.push(format!("{missing} is missing"));
    }
    let shown: Vec<String> = wrong.iter().take(3).map(|wrong| wrong.chars().take(3_000).collect()).collect();
    assert!(wrong.is_empty(), "{reader}, {format}: {} posts:\n{}", wrong.len(), shown.join("\n"));
}

/// What a script of `tests/others` told of feeds.
fn told(feeds: &[u8]) -> Vec<Told> {
    let feeds: Vec<Value> = serde_json::from_slice(feeds).unwrap();
    let entries = feeds.iter().flat_map(|feed| feed["entries"].as_array().unwrap());
    let text = |entry: &Value, field: &str| visible(entry[field].as_str().unwrap_or_default());
    let told = entries.map(|entry| Told {
        id: text(entry, "id"),
        published: entry["published"].as_i64().unwrap(),
        title: text(entry, "title"),
        content: text(entry, "content"),
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_rs_reads_five_hundred_awkward_posts() {
    let served = Served::start().await;
    for format in Format::ALL {
        let mut read = Vec::new();
        for path in Served::documents(format) {
            let text = served.text(&path).await;
            let feed = feed_rs::parser::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{path}: {error}"));
            read.extend(feed.entries.into_iter().map(|entry| {
                let short = entry.summary.map(|text| text.content);
                let full = entry.content.and_then(|content| content.body).filter(|text| !text.trim().is_empty());
                Told {
                    id: entry.id,
                    published: entry.published.unwrap().timestamp(),
                    title: visible(&entry.title.map(|title| title.content).unwrap_or_default()),
                    content: visible(&full.or(short).unwrap_or_default()),
                }
            }));
        }
        compare("feed-rs", format, read);
    }
    assert!(served.daemon.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn feedparser_reads_five_hundred_awkward_posts() {
    let Some(python) = reader("SYNDICATED_TEST_PYTHON") else { return };
    let served = Served::start().await;
    for format in [Format::Rss, Format::Atom] {
        let output = run(Command::new(&python).arg(script("read.py")).args(served.addresses(format))).await;
        compare("feedparser", format, told(&output.stdout));
    }
    assert!(served.daemon.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_from_npm_read_five_hundred_awkward_posts() {
    let Some(modules) = reader("SYNDICATED_TEST_NODE_MODULES") else { return };
    let served = Served::start().await;
    for (name, formats) in [("rss-parser", &[Format::Rss, Format::Atom][..]), ("feedsmith", &Format::ALL)] {
        for format in formats {
            let mut command = Command::new("node");
            command.env("NODE_PATH", &modules).args([&script("read.cjs"), name]).args(served.addresses(*format));
            compare(name, *format, told(&run(&mut command).await.stdout));
        }
    }
    assert!(served.daemon.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn newsboat_reads_five_hundred_awkward_posts() {
    let Some(newsboat) = reader("SYNDICATED_TEST_NEWSBOAT") else { return };
    let served = Served::start().await;
    for format in [Format::Rss, Format::Atom] {
        let home = served.bench.folder.path().join(format.to_string());
        let files = home.join(".newsboat");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("config"), "").unwrap();
        std::fs::write(files.join("urls"), served.addresses(format).join("\n")).unwrap();
        let log = home.join("log");
        run(Command::new(&newsboat).env_clear().env("HOME", &home).args(["-x", "reload", "-l", "4", "-d"]).arg(&log))
            .await;
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "", "{format}");
        let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", files.join("cache.db").display())).await.unwrap();
        let items: Vec<(String, i64, String, String)> =
            sqlx::query_as("SELECT guid, pubDate, title, content FROM rss_item").fetch_all(&pool).await.unwrap();
        pool.close().await;
        let read = items.into_iter().map(|(id, published, title, content)| Told {
            id,
            published,
            title: visible(&title),
            content: visible(&content),
        });
        compare("newsboat", format, read.collect());
    }
    assert!(served.daemon.stop().await);
}

/// Every kind of feed, in every form: what the W3C's validator and libxml2 say.
fn every_document() -> Vec<(Format, String)> {
    let mut all = Vec::new();
    for format in Format::ALL {
        all.extend(Served::documents(format));
        for feed in [
            "feeds/letter",
            "sources/essays",
            "sources/diary",
            "tags/plain-words",
            "authors/tom-%26-jerry",
            "languages/ko",
        ] {
            all.push(format!("/{feed}.{format}"));
        }
        all.push(format!("/feed.{format}?full=0"));
        all.push(format!("/sources/essays/2.{format}?full=0"));
    }
    let format = |path: &String| {
        let ending = path.split('?').next().unwrap().rsplit('.').next().unwrap();
        ending.parse().unwrap()
    };
    all.into_iter().map(|path| (format(&path), path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_as_the_validators_want_it() {
    let served = Served::start().await;
    let mut wrong = Vec::new();
    for (format, path) in every_document() {
        let text = served.text(&path).await;
        let address = format!("http://news.example.org{path}");
        wrong.extend(rules::broken(format, &address, &text).into_iter().map(|why| format!("{path}: {why}")));
        if let Some(folder) = std::env::var_os("SYNDICATED_TEST_KEEP") {
            let file = path.replace(['/', '?', '&', '%'], "_");
            std::fs::write(std::path::Path::new(&folder).join(file), &text).unwrap();
        }
    }
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "{} rules broken:\n{}",
        wrong.len(),
        wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(served.daemon.stop().await);
}

/// The checklist is one: a feed that breaks a rule is told so.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_breaks_a_rule_is_found_out() {
    let served = Served::start().await;
    let of = async |path: &str| (format!("http://news.example.org{path}"), served.text(path).await);
    let ((rss_at, rss), (atom_at, atom)) = (of("/feed/2.rss").await, of("/feed/2.atom").await);
    let (json_at, json) = of("/feed.json").await;
    for (format, address, text, from, to) in [
        (Format::Rss, &rss_at, &rss, "2.rss\" rel=\"self\"", "3.rss\" rel=\"self\""),
        (Format::Rss, &rss_at, &rss, "rel=\"current\"", "rel=\"canonical\""),
        (Format::Rss, &rss_at, &rss, "<ttl>", "<ttl>soon "),
        (Format::Rss, &rss_at, &rss, "<link>https://blog.example.com/", "<link>/"),
        (Format::Rss, &rss_at, &rss, "<guid>https://", "<guid>urn:x:"),
        (Format::Rss, &rss_at, &rss, " +0000</pubDate>", " GMT+1</pubDate>"),
        (Format::Rss, &rss_at, &rss, "<description><![CDATA[", "<description><![CDATA[<script>1</script>"),
        (Format::Rss, &rss_at, &rss, "<content:encoded><![CDATA[", "<content:encoded><![CDATA[<p style=\"x\">"),
        (Format::Rss, &rss_at, &rss, "<content:encoded><![CDATA[", "<content:encoded><![CDATA[<a href=\"/x\">"),
        (Format::Rss, &rss_at, &rss, "<category>", "<category></category><category>"),
        (Format::Rss, &rss_at, &rss, "type=\"audio/mpeg\"", "type=\"audio\""),
        (Format::Rss, &rss_at, &rss, "length=\"", "length=\"about "),
        (Format::Rss, &rss_at, &rss, "<image><url>", "<image><title>another</title><url>"),
        (Format::Rss, &rss_at, &rss, "&#x26;", "&amp;"),
        (Format::Rss, &rss_at, &rss, "</channel>", ""),
        (Format::Atom, &atom_at, &atom, "<updated>", "<updated>once "),
        (Format::Atom, &atom_at, &atom, "<entry><title>", "<entry><title></title><title>"),
        (Format::Atom, &atom_at, &atom, "rel=\"alternate\"", "rel=\"canonical\""),
        (Format::Atom, &atom_at, &atom, "<name>", "<name> </name><name>"),
        (Format::Atom, &atom_at, &atom, "<id>tag:", "<id> tag:"),
        (Format::Atom, &atom_at, &atom, "xml:lang=\"en\"", "xml:lang=\"english\""),
        (
            Format::Atom,
            &atom_at,
            &atom,
            "xmlns:media=\"http://search.yahoo.com/mrss/\"",
            "xmlns:media=\"http://search.yahoo.com/mrss\"",
        ),
        (Format::Json, &json_at, &json, "\"url\": \"https://blog", "\"url\": \"//blog"),
        (Format::Json, &json_at, &json, "\"mime_type\": \"audio/mpeg\"", "\"mime_type\": \"mp3\""),
    ] {
        assert_eq!(rules::broken(format, address, text), [""; 0], "{format}");
        assert!(text.contains(from), "{format}: {from}");
        let broken = rules::broken(format, address, &text.replacen(from, to, 1));
        assert!(!broken.is_empty(), "{format}: {to} is let through");
    }
    // Two of one moment, and two of one name.
    for (format, address, text, begin, end) in
        [(Format::Rss, &rss_at, &rss, "<item>", "</item>"), (Format::Atom, &atom_at, &atom, "<entry>", "</entry>")]
    {
        let (head, rest) = text.split_once(begin).unwrap();
        let (item, tail) = rest.split_once(end).unwrap();
        let twice = format!("{head}{begin}{item}{end}{begin}{item}{end}{tail}");
        assert!(!rules::broken(format, address, &twice).is_empty(), "{format}");
    }
    assert!(served.daemon.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_well_formed_and_its_html_is_sound() {
    let Some(python) = reader("SYNDICATED_TEST_PYTHON") else { return };
    let served = Served::start().await;
    let addresses = every_document().into_iter().map(|(_, path)| format!("http://{}{path}", served.web));
    let output = run(Command::new(python).arg(script("judge_feeds.py")).args(addresses)).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(served.daemon.stop().await);
}
