//! The corpus, damaged: cut at every byte, with every byte changed, and inputs
//! that a careless reader would take for ever over (P15).
//!
//! An ordinary run takes a sample, the same each time. All of it, some minutes:
//! `cargo test --release --test suite damaging:: -- --ignored`.

use super::reading::{Case, cases, feed_around, read_soon};
use std::io::Write as _;
use std::process::{Command, Stdio};
use syndicated::domain::platform::Platforms;
use syndicated::read::{Input, Reading, read};

/// So many places of each document are damaged in an ordinary run.
const SAMPLE: usize = 16;

/// The places of a document: all of them, or some that differ from file to file.
fn places(number: usize, length: usize, all: bool) -> impl Iterator<Item = usize> {
    let step = if all { 1 } else { (length / SAMPLE).max(1) };
    (0..length).skip(number % step).step_by(step)
}

/// Does something to each document, on all processors.
fn each_case(all: bool, damage: impl Fn(usize, &Case, &str) + Sync) {
    let cases = cases();
    let threads = if all { std::thread::available_parallelism().map_or(1, usize::from) } else { 1 };
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (cases, damage) = (&cases, &damage);
            scope.spawn(move || {
                for (number, case) in cases.iter().enumerate().skip(thread).step_by(threads) {
                    damage(number, case, &case.path.display().to_string());
                }
            });
        }
    });
}

fn guids(reading: &Reading) -> Vec<&str> {
    reading.document.entries.iter().map(|entry| entry.guid.as_str()).collect()
}

/// A document cut anywhere is read or refused. Of a sound feed exactly the first
/// entries are left: what was whole is kept, and nothing is made up.
fn cut_everywhere(all: bool) {
    each_case(all, |number, case, name| {
        let content_type = case.content_type.as_deref();
        let whole = read_soon(name, &case.bytes, content_type).ok().filter(|whole| whole.repairs.is_empty());
        for end in places(number, case.bytes.len(), all) {
            let Ok(cut) = read_soon(name, &case.bytes[..end], content_type) else { continue };
            if let Some(whole) = &whole
                && cut.document.kind == whole.document.kind
            {
                assert!(guids(whole).starts_with(&guids(&cut)), "{name} cut at {end}: {:?}", guids(&cut));
            }
        }
    });
}

/// A document with any byte changed is read or refused.
fn changed_everywhere(all: bool) {
    each_case(all, |number, case, name| {
        let mut bytes = case.bytes.clone();
        for at in places(number, bytes.len(), all) {
            // Its neighbour, its other case, the other half of the table, its opposite, and marks of markup.
            for byte in [bytes[at] ^ 1, bytes[at] ^ 0x20, bytes[at] ^ 0x80, !bytes[at], b'<', b'&', b'"', 0] {
                let sound = std::mem::replace(&mut bytes[at], byte);
                if all || usize::from(byte) % 4 == (number + at) % 4 {
                    let _ = read_soon(name, &bytes, case.content_type.as_deref());
                }
                bytes[at] = sound;
            }
        }
    });
}

#[test]
fn a_document_cut_anywhere_is_read_or_refused() {
    cut_everywhere(false);
}

#[test]
fn a_document_with_any_byte_changed_is_read_or_refused() {
    changed_everywhere(false);
}

#[test]
#[ignore = "all of the corpus at each byte takes hours unless built with --release; run by hand before a release"]
fn a_document_cut_at_every_byte_is_read_or_refused() {
    cut_everywhere(true);
}

#[test]
#[ignore = "all of the corpus at each byte takes hours unless built with --release; run by hand before a release"]
fn a_document_with_every_byte_changed_is_read_or_refused() {
    changed_everywhere(true);
}

/// Every entry that was whole is kept, wherever a feed is cut.
#[test]
fn what_was_whole_is_kept_wherever_a_feed_is_cut() {
    let xml =
        |n: usize| format!("<item><guid>{n}</guid><description><![CDATA[<p>{n} &amp; on</p>]]></description></item>\n");
    let json = |n: usize| format!("{{\"id\": {n}, \"content_html\": \"<p>\\\"{n}\\\"</p>\", \"tags\": [\"a\", {{}}]}}");
    let feed = ["<rss><channel><title>T</title>".to_owned(), (0..5).map(xml).collect(), "</channel></rss>".to_owned()];
    let items: Vec<String> = (0..5).map(json).collect();
    for (feed, end_of_entry) in
        [(feed.concat(), "</item"), (format!("{{\"title\": \"T\", \"items\": [{}]}}", items.join(", ")), "{}]}")]
    {
        for end in 0..feed.len() {
            let cut = &feed[..end];
            let whole = cut.matches(end_of_entry).count();
            let read = read_soon(cut, cut.as_bytes(), None).map_or(0, |reading| reading.document.entries.len());
            assert_eq!(read, whole, "{cut}");
        }
    }
}

/// What made of `n` pieces each would make a parser look at all that follows, or
/// at all that came before, for each of them.
const PATHOLOGICAL: [(&str, &str, &str); 45] = [
    ("<rss><channel>", "<", ""),
    ("<rss><channel>", "<a", ""),
    ("<rss><channel>", "<a ", ""),
    ("<rss><channel>", "<a b=\"", ""),
    ("<rss><channel>", "<a b='\"", ""),
    ("<rss><channel>", "<a b=\">", ""),
    ("<rss><channel>", "</", ""),
    ("<rss><channel>", "</a", ""),
    ("<rss><channel>", "<title>", ""),
    ("<rss><channel>", "<title><x>", ""),
    ("<rss><channel>", "<item>", ""),
    ("<rss><channel>", "<item><title>", "</rss>"),
    ("<rss><channel>", "<item><title>x</item>", ""),
    ("<rss><channel>", "</item>", ""),
    ("<rss><channel></rss>", "<!--", ""),
    ("<rss><channel>", "<!--", "</rss>"),
    ("<rss><channel>", "<!", ""),
    ("<rss><channel>", "<![>", ""),
    ("<rss><channel>", "<?", ""),
    ("<rss><channel>", "<?>", ""),
    ("<rss><channel>", "<!DOCTYPE[", ""),
    ("<rss><channel>", "<![CDATA[", ""),
    ("<rss><channel>", "<![CDATA[", "]]>"),
    ("<rss><channel>", "<![CDATA[</item>", "]]>"),
    ("<rss><channel><item><description>", "<![CDATA[", "]]>"),
    ("<rss><channel><item><description>", "]]>", "</title>"),
    ("<rss><channel><item>", "<title><![CDATA[</item>", "]]>"),
    ("<rss><channel><title>", "&", ""),
    ("<rss><channel><title>", "&a", ";"),
    ("<rss><channel><item><title>", "&", "</title></item></channel></rss>"),
    ("<rss><channel><item><title>", "&amp;", "</title></item></channel></rss>"),
    ("<rss><channel><item><title>", "a&lt;", "</title></item></channel></rss>"),
    ("<rss><channel><item><description>", "&amp;amp;", "</description></item></channel></rss>"),
    ("", "<!--", "<rss>"),
    ("", "<!DOCTYPE[<rss>", ""),
    ("", "<!DOCTYPE[]>", "<rss>"),
    ("<html>", "<br>", ""),
    ("<html>", "<a href=/>", ""),
    ("<html><head>", "<link rel=alternate type=application/rss+xml href=/>", ""),
    ("<html><head>", "<meta name=a content=b>", ""),
    ("<html><body>", "<p><b>", ""),
    ("<html><body>", "<table>", ""),
    ("<html><body><script type=application/ld+json>", "[", ""),
    ("{\"items\":", "[\"", ""),
    ("{\"items\":[{", "\"a\" ,", ""),
];

/// Processor time of this thread, in nanoseconds (proc(5), `schedstat`).
#[cfg(target_os = "linux")]
fn spent() -> u64 {
    // The kernel counts when it schedules.
    std::thread::yield_now();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse().unwrap()
}

/// A document of eight times the length costs about eight times as much; with a
/// step for each pair of bytes it would be 64 times.
#[test]
#[cfg(target_os = "linux")]
fn time_grows_with_the_document_and_no_faster() {
    for (before, piece, behind) in PATHOLOGICAL {
        let cost = |length: usize| {
            let document = format!("{before}{}{behind}", piece.repeat(length / piece.len()));
            let begin = spent();
            let _ = read(&Input {
                bytes: document.as_bytes(),
                content_type: None,
                base: None,
                platforms: &Platforms::default(),
            });
            (spent() - begin).max(1_000_000)
        };
        // Another thread may have had the caches: it counts what is possible.
        let growth: Vec<u64> =
            (0..3).map(|_| cost(160_000) / cost(20_000)).take_while(|growth| *growth >= 20).collect();
        assert!(growth.len() < 3, "{before}{piece}…{behind}: {growth:?} times as much for 8 times the length");
    }
}

/// A program that may have half a gigabyte of addresses reads what was made to need more.
#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_whatever_is_read() {
    let packed = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let zeros = packed(&packed(&vec![b' '; 40_000_000]));
    let million = |piece: &str| feed_around(&piece.repeat(300_000)).into_bytes();
    for (name, bytes) in [
        ("a bomb", zeros),
        ("towers", million("<a>")),
        ("tags", million("<b/>")),
        ("fields", feed_around(&"</description><category>x</category>".repeat(100_000)).into_bytes()),
        ("lists", format!("{{\"items\": {}", "[".repeat(1_000_000)).into_bytes()),
        ("breaks", "<html><br>".repeat(900_000).into_bytes()),
        ("numbers", format!("{{\"items\": [{}", "1,".repeat(4_500_000)).into_bytes()),
        ("items", format!("{{\"items\": [{}", "{\"id\":1},".repeat(1_000_000)).into_bytes()),
        ("objects", format!("{{\"items\": [{}", "{\"a\":".repeat(300_000)).into_bytes()),
    ] {
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -v 524288 && exec \"$0\" read - --json", env!("CARGO_BIN_EXE_syndicated")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let done = child.wait_with_output().unwrap();
        let err = String::from_utf8(done.stderr).unwrap();
        assert!(
            matches!(done.status.code(), Some(0 | 1)) && !err.contains("panicked"),
            "{name}: {:?} {err}",
            done.status
        );
    }
}
