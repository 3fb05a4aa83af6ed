//! R15: sources that mean harm beside sources that are well, polled by the built
//! program. It goes on, keeps within its memory, gives each its time at most,
//! and is not late for the others (P15).
//!
//! A new harm is a line in [`harms`]. `SYNDICATED_TEST_FULL` makes the documents
//! as large as the limits let them be, with the limits of the shipped
//! configuration; run it on a release build, which is the one that is measured.

use crate::engines;
use crate::origin::feed;
use crate::program::{Program, command};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use syndicated::clock::Clock;
use syndicated::config::{Allow, Fetch};
use syndicated::domain::time::Timestamp;
use syndicated::domain::url::HttpUrl;
use syndicated::net::{Client, Deadlines, FetchError, Names, Outcome, Request};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;
/// The most that the program may ever have held.
const MOST_MEMORY: usize = 256 * MIB;
/// How many sources are well.
const WELL: usize = 99;

pub(crate) fn full() -> bool {
    std::env::var_os("SYNDICATED_TEST_FULL").is_some()
}

/// The size of a large document: as large as is let in, or as a debug build reads in a moment.
fn large() -> usize {
    if full() { 9 * MIB } else { 256 * KIB }
}

/// What a server does once it was asked.
#[derive(Clone)]
enum Harm {
    /// Says this, and goes.
    Say(Vec<u8>),
    /// Says this, then that without end.
    Repeat(Vec<u8>, Vec<u8>),
    /// Says this, then a byte of that every 10 s.
    Drip(Vec<u8>, u8),
}

/// An answer with a body of this type.
fn body(kind: &str, body: impl AsRef<[u8]>) -> Harm {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    Harm::Say([head.as_bytes(), body].concat())
}

fn xml(text: impl AsRef<[u8]>) -> Harm {
    body("application/rss+xml", text)
}

fn head(headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n").into_bytes()
}

/// A packed body without end: members or frames of zeros, one after the other.
fn packed(coding: &str, member: Vec<u8>) -> Harm {
    Harm::Repeat(head(&format!("Content-Encoding: {coding}")), member)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoder =
        async_compression::tokio::write::BrotliEncoder::with_quality(Vec::new(), async_compression::Level::Precise(3));
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

async fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = async_compression::tokio::write::ZstdEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

/// A feed with this in its one item.
fn item(inside: &str) -> String {
    format!("<rss version=\"2.0\"><channel><title>t</title><item><guid>1</guid>{inside}</item></channel></rss>")
}

/// As much of `text`, repeated, as a large document holds.
fn many(text: &str) -> String {
    text.repeat(large() / text.len())
}

/// A document whose entities name entities, so that it would swell without end.
fn laughs() -> String {
    let mut text = "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY l0 \"ha ha ha ha\">".to_owned();
    for level in 1..30 {
        let inner = format!("&l{};", level - 1).repeat(10);
        write!(text, "<!ENTITY l{level} \"{inner}\">").unwrap();
    }
    text + "]>" + &item("<title>&l29;</title><description>&l29;&l28;&l27;</description>")
}

/// Every harm, by name. `secret` is a file that no document may show, `inside`
/// an address that no document may have asked.
async fn harms(secret: &str, inside: &str) -> Vec<(&'static str, Harm)> {
    let zeros = vec![b' '; 4 * MIB];
    let external = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE rss SYSTEM \"{inside}\" [<!ENTITY a SYSTEM \"file://{secret}\">\
         <!ENTITY b SYSTEM \"{inside}\"><!ENTITY % c SYSTEM \"{inside}\"> %c;]>"
    ) + &item("<title>&a;&b;</title>");
    let utf16: Vec<u8> = feed(1..=3).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let plain = feed(1..=3);
    vec![
        // Bodies without end, or not as long as they say.
        ("endless", Harm::Repeat(head("X: y"), vec![b'a'; 64 * KIB])),
        ("endless-feed", Harm::Repeat(head("X: y"), "<rss><channel><item><title>t</title></item>".repeat(999).into())),
        ("ten-gigabytes", Harm::Repeat(head("Content-Length: 10737418240"), vec![b' '; 64 * KIB])),
        ("longer-than-said", Harm::Say([head("Content-Length: 10"), plain.clone().into()].concat())),
        ("shorter-than-said", Harm::Say([head("Content-Length: 99999"), plain.clone().into()].concat())),
        ("negative-length", Harm::Say([head("Content-Length: -1"), plain.clone().into()].concat())),
        ("two-lengths", Harm::Say([head("Content-Length: 5\r\nContent-Length: 6"), plain.clone().into()].concat())),
        ("huge-length", Harm::Say(head("Content-Length: 99999999999999999999999999"))),
        // Slow ones.
        ("drip", Harm::Drip(head("X: y"), b'<')),
        ("drip-of-headers", Harm::Drip(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), b'a')),
        ("mute", Harm::Drip(Vec::new(), b'H')),
        // Bombs.
        ("gzip-bomb", packed("gzip", gzip(&zeros))),
        ("brotli-bomb", Harm::Say([head("Content-Encoding: br"), brotli(&[b' '; 32 * MIB]).await].concat())),
        ("zstd-bomb", packed("zstd", zstd(&zeros).await)),
        ("bomb-unannounced", xml(gzip(&zeros).repeat(if full() { 64 } else { 6 }))),
        ("bomb-in-a-bomb", xml(gzip(&gzip(&zeros).repeat(if full() { 640 } else { 6 })))),
        ("not-gzip", Harm::Say([head("Content-Encoding: gzip"), plain.clone().into()].concat())),
        // Headers.
        ("header-flood", Harm::Say(head(&"X-Flood: yes\r\n".repeat(20_000)))),
        ("endless-headers", Harm::Repeat(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-Flood: yes\r\n".repeat(999))),
        ("endless-header", Harm::Repeat(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'a'; 64 * KIB])),
        ("endless-status", Harm::Repeat(b"HTTP/1.1 200 ".to_vec(), vec![b'O'; 64 * KIB])),
        ("endless-continue", Harm::Repeat(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(99))),
        ("cookie-flood", Harm::Say(head(&format!("Set-Cookie: a={}\r\nContent-Length: 0", "b".repeat(200 * KIB))))),
        // Not HTTP, or not sound.
        ("chunk-size", Harm::Say([head("Transfer-Encoding: chunked"), b"zz\r\nab\r\n".to_vec()].concat())),
        ("chunk-huge", Harm::Say([head("Transfer-Encoding: chunked"), b"ffffffffffffffff\r\n<".to_vec()].concat())),
        (
            "chunk-extension",
            Harm::Repeat([head("Transfer-Encoding: chunked"), b"1;".to_vec()].concat(), vec![b'x'; 64 * KIB]),
        ),
        (
            "chunk-trailers",
            Harm::Repeat([head("Transfer-Encoding: chunked"), b"0\r\n".to_vec()].concat(), b"X: y\r\n".repeat(999)),
        ),
        ("no-http", Harm::Say(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())),
        ("nothing", Harm::Say(Vec::new())),
        ("noise", Harm::Repeat(Vec::new(), (0..=255).collect())),
        // Redirects.
        ("loop", Harm::Say(b"HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_vec())),
        ("to-a-file", Harm::Say(format!("HTTP/1.1 302 Found\r\nLocation: file://{secret}\r\n\r\n").into())),
        // Documents: entries, depth, entities, charsets, syntax without end.
        ("a-million-entries", xml(format!("<rss><channel><title>t</title>{}", many("<item/>")))),
        ("many-entries", xml(format!("<rss><channel><title>t</title>{}", many("<item><title>a</title></item>")))),
        ("many-entries-json", body("application/feed+json", format!("{{\"items\":[{}{{}}]}}", many("{\"id\":1},")))),
        ("deep-xml", xml(format!("<rss><channel><item>{}", many("<a>")))),
        ("deep-html", body("text/html", format!("<html><body>{}", many("<div>")))),
        ("deep-fonts", body("text/html", format!("<html><body>{}", many("<b><i><a>")))),
        ("deep-tables", body("text/html", format!("<html><body>{}", many("<table><td>")))),
        ("deep-json", body("application/feed+json", format!("{{\"items\":{}", many("[")))),
        ("deep-content", xml(item(&format!("<description><![CDATA[{}]]></description>", many("<div>"))))),
        ("deep-xhtml", xml(item(&format!("<body xmlns=\"http://www.w3.org/1999/xhtml\">{}</body>", many("<p>"))))),
        ("one-field", xml(item(&format!("<title>{}</title>", many("word "))))),
        ("one-attribute", xml(item(&format!("<link href=\"{}\"/>", many("a"))))),
        ("many-attributes", xml(item(&format!("<link{}/>", many(" a=\"b\""))))),
        ("many-namespaces", xml(format!("<rss{}><channel/></rss>", many(" xmlns:a=\"b\"")))),
        ("angles", xml(format!("<rss><channel><item><title>{}", many("<")))),
        ("comments", xml(format!("<rss><channel>{}", many("<!--")))),
        ("sections", xml(format!("<rss><channel><title>{}", many("<![CDATA[")))),
        ("quotes", xml(format!("<rss><channel>{}", many("<a b='")))),
        ("ampersands", xml(item(&format!("<title>{}</title>", many("&"))))),
        ("references", xml(item(&format!("<title>{}</title>", many("&#x1F600;"))))),
        ("bad-references", xml(item(&format!("<title>{}</title>", many("&#x110000;&#0;&nope;"))))),
        ("laughs", xml(laughs())),
        ("external", xml(external)),
        ("declarations", xml(format!("<!DOCTYPE rss [{}]>{plain}", many("<!ENTITY a \"b\">")))),
        ("wrong-charset", body("text/xml; charset=utf-16", &plain)),
        ("unknown-charset", body("text/xml; charset=\u{1}no-such", &plain)),
        ("hidden-charset", body("text/xml; charset=us-ascii", utf16)),
        ("bytes", xml((0..large()).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>())),
        ("nulls", xml(vec![0; large()])),
    ]
}

/// Serves a harm at the root of each host, and a feed everywhere else.
struct Server {
    port: u16,
    /// When each path was asked first.
    asked: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl Server {
    async fn start(harms: Vec<(&'static str, Harm)>) -> Self {
        // Everything in 127.0.0.0/8 is this machine: each source has a host of its own.
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), asked: Arc::default() };
        let (harms, asked) = (Arc::new(harms), server.asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (harms, asked) = (harms.clone(), asked.clone());
                // A client that goes away ends its connection, nothing else.
                tokio::spawn(async move { drop(serve(stream, &harms, &asked).await) });
            }
        });
        server
    }
}

async fn serve(
    stream: TcpStream,
    harms: &[(&'static str, Harm)],
    asked: &Mutex<Vec<(String, Instant)>>,
) -> std::io::Result<()> {
    let [_, third, second, last] = match stream.local_addr()?.ip() {
        std::net::IpAddr::V4(ip) => ip.octets().map(usize::from),
        std::net::IpAddr::V6(_) => [0; 4],
    };
    assert_eq!(third, 0);
    let mut stream = BufReader::new(stream);
    let (mut line, mut path) = (String::new(), None);
    while stream.read_line(&mut line).await? > 2 {
        path = path.or_else(|| line.split(' ').nth(1).map(str::to_owned));
        line.clear();
    }
    asked.lock().unwrap().push((format!("{second}.{last}{}", path.unwrap_or_default()), Instant::now()));
    let well = xml(feed(1..=3));
    let harm = if second == 2 { harms.get(last).map_or(&well, |(_, harm)| harm) } else { &well };
    match harm {
        Harm::Say(bytes) => stream.write_all(bytes).await?,
        Harm::Repeat(first, piece) => {
            stream.write_all(first).await?;
            loop {
                stream.write_all(piece).await?;
            }
        }
        Harm::Drip(first, byte) => {
            stream.write_all(first).await?;
            loop {
                stream.write_all(&[*byte]).await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }
    }
    stream.flush().await
}

/// The most memory that a process ever had, in bytes.
fn most_memory(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * KIB
}

#[tokio::test(flavor = "multi_thread")]
async fn harm_stays_with_its_source() {
    let bench = engines::all().await.remove(0);
    let secret = bench.folder.path().join("secret");
    std::fs::write(&secret, "the secret words").unwrap();
    let inside = Server::start(Vec::new()).await;
    let harms = harms(&secret.display().to_string(), &format!("http://127.0.9.9:{}/", inside.port)).await;
    let names: Vec<_> = harms.iter().map(|(name, _)| *name).collect();
    let server = Server::start(harms).await;
    let (limit, seconds) = if full() { (Duration::from_mins(1), 30) } else { (Duration::from_mins(2), 3) };
    let mut text = format!(
        "[site]\ntitle = \"T\"\nbase_url = \"http://127.0.0.1:8080\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [fetch]\nallow = [\"127.0.0.0/8:{}\"]\ntimeout = \"{seconds}s\"\n\
         [database]\nurl = \"sqlite:t.db\"\n[mail]\nfrom = \"t@example.com\"\nrelay = \"maildir:out\"\n",
        server.port
    );
    let mut source = |name: &str, host: &str| {
        let url = format!("http://{host}:{}/", server.port);
        writeln!(text, "[[source]]\nname = \"{name}\"\nurl = \"{url}\"\nschedule = \"0 0 1 1 *\"").unwrap();
    };
    for (at, name) in names.iter().enumerate() {
        source(name, &format!("127.0.2.{at}"));
    }
    for at in 0..WELL {
        source(&format!("well-{at}"), &format!("127.0.1.{at}"));
    }
    let path = bench.folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let began = Instant::now();
    let program = Program::start_as(command(&path), &path).await;
    let rows = loop {
        let rows: Vec<Value> = serde_json::from_str(&program.command(&["source", "list", "--json"]).await).unwrap();
        if rows.len() == names.len() + WELL && rows.iter().all(|row| !row["polled_at"].is_null()) {
            break rows;
        }
        let waiting: Vec<_> = rows.iter().filter(|row| row["polled_at"].is_null()).map(|row| &row["name"]).collect();
        assert!(began.elapsed() < limit, "not polled yet: {waiting:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let (memory, took) = (most_memory(program.pid()), began.elapsed());
    let asked = server.asked.lock().unwrap().clone();
    // From when anybody was asked: how soon a program starts is another matter.
    let first = asked.iter().map(|(_, at)| *at).min().unwrap();
    let latest = asked.iter().filter(|(path, _)| path.starts_with("1.")).map(|(_, at)| *at - first).max().unwrap();
    println!("{} harms, {} MiB, {took:?}, well ones after {latest:?}", names.len(), memory / MIB);
    for row in &rows {
        let name = row["name"].as_str().unwrap();
        let failed = row["failures"].as_u64() > Some(0);
        assert!(!name.starts_with("well") || !failed, "{row}");
        println!("{name}: {}", row["trouble"]);
    }
    assert!(memory < MOST_MEMORY, "{} MiB", memory / MIB);
    // Each harm holds what it can hold for `timeout`; on a machine that does other work too, all takes longer.
    let soon = Duration::from_secs(if full() { 5 } else { 20 });
    assert!(latest < soon, "well ones were asked after {latest:?}");
    assert!(inside.asked.lock().unwrap().is_empty());
    let posts = program.command(&["post", "list", "--json"]).await;
    assert!(!posts.contains("the secret words"));
    assert!(!program.log().iter().any(|line| line.contains("panicked") || line.contains("fault of syndicated")));
    assert!(program.terminate().await.success());
}

fn client(deadlines: Deadlines, max_bytes: u64) -> Client {
    let allow = vec![Allow { network: [127, 0, 0, 0].into(), prefix: 8, port: None }];
    let fetch = Fetch { allow, max_bytes, timeout: Duration::from_secs(5), ..Fetch::default() };
    let contact = "https://news.example.org/".parse().unwrap();
    let clock = Clock::manual(Timestamp::from_millis(0));
    // A resolver that never answers for one name.
    let names = Names::scripted(|name| {
        if name.starts_with("slow") {
            std::thread::sleep(Duration::from_millis(600));
        }
        vec![[127, 0, 2, 0].into()]
    });
    Client::with_deadlines(&fetch, &contact, names, clock, deadlines).unwrap()
}

async fn why(client: &Client, url: &str) -> FetchError {
    let url: HttpUrl = url.parse().unwrap();
    let fetched = tokio::time::timeout(
        Duration::from_secs(4),
        client.fetch(Request { url: &url, etag: None, last_modified: None }),
    );
    match fetched.await.unwrap_or_else(|_| panic!("{url} is never given up")) {
        Err(why) => why,
        Ok(Outcome::Fresh(fetched)) => panic!("{} bytes of {url}", fetched.bytes.len()),
        Ok(other) => panic!("{other:?}"),
    }
}

/// Each phase has a deadline of its own: a name, a connection, the headers, the pace of the body.
#[tokio::test(flavor = "multi_thread")]
async fn every_phase_has_its_deadline() {
    let short = Duration::from_millis(200);
    let server = Server::start(vec![
        ("mute", Harm::Drip(Vec::new(), b'H')),
        ("head", Harm::Drip(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), b'y')),
        ("body", Harm::Drip(head("X: y"), b'<')),
    ])
    .await;
    // Whose connections nobody takes up: TLS waits in vain.
    let silent = TcpListener::bind("127.0.2.0:0").await.unwrap();
    let client = client(Deadlines { lookup: short, connect: short, first_byte: short, grace: short }, 1024);
    for (url, says) in [
        (format!("http://slow.example:{}/", server.port), "could not be looked up within 0.2 s"),
        (format!("http://127.0.2.0:{}/", server.port), "did not answer within 0.2 s"),
        (format!("http://127.0.2.1:{}/", server.port), "did not answer within 0.2 s"),
        (format!("http://127.0.2.2:{}/", server.port), "came at less than 1 KiB/s"),
        (
            format!("https://127.0.2.0:{}/", silent.local_addr().unwrap().port()),
            "could not be connected to within 0.2 s",
        ),
    ] {
        let why = why(&client, &url).await;
        assert!(matches!(&why, FetchError::Temporary { why, .. } if why.contains(says)), "{url}: {why:?}");
    }
}

/// Bytes as they come, as they unpack, and how much one swells to the other.
#[tokio::test]
async fn sizes_are_capped_on_the_wire_and_unpacked() {
    // Packs to two fifths of its size: far from the ratio, over the size.
    let mut state = 88_172_645_463_325_252_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        // Marsaglia's xorshift, for noise that is the same each time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'a' + u8::try_from(state % 8).unwrap()
    })
    .take(MIB * 9 / 4)
    .collect();
    let packed = gzip(&noise);
    assert!(packed.len() < MIB && packed.len() > MIB / 2, "{}", packed.len());
    let server = Server::start(vec![
        ("said", Harm::Say(head("Content-Length: 99999999"))),
        ("unsaid", Harm::Repeat(head("X: y"), vec![b' '; 64 * KIB])),
        ("unpacked", Harm::Say([head("Content-Encoding: gzip"), packed].concat())),
        ("ratio", self::packed("gzip", gzip(&vec![b' '; 2 * MIB]))),
    ])
    .await;
    let client = client(Deadlines::default(), 1024 * 1024);
    for (at, says) in ["larger than 1 MiB", "larger than 1 MiB", "unpacks to more than 2 MiB", "100 times its size"]
        .iter()
        .enumerate()
    {
        let why = why(&client, &format!("http://127.0.2.{at}:{}/", server.port)).await;
        assert!(matches!(&why, FetchError::Permanent(why) if why.contains(says)), "{why:?}");
    }
}
