//! Long documents arrive whole, however slowly they are read and whatever else goes the same way.

use crate::pieces::entry;
use crate::program::{Program, command_after};
use crate::stage::{self, Stage, at};
use crate::{engines, serving};
use flate2::read::GzDecoder;
use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;
use syndicated::domain::post::Entry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const FEED: &str = "/feeds/letter.rss";

/// Three posts of a megabyte each.
fn long_posts() -> Vec<Entry> {
    let post = |number: u32| {
        let words = (0..150_000_u32).map(|word| word.wrapping_mul(2_654_435_761).wrapping_add(number) % 10_007);
        let text = words.fold(String::new(), |text, word| text + &word.to_string() + " ");
        entry("blog.example", &format!("Long {number}"), &text, at("2026-11-22T00:00:00Z"))
    };
    (1..=3).map(post).collect()
}

/// How many bytes a process has read from files, sent files included (`proc_pid_io(5)`).
fn read_so_far(process: &str) -> usize {
    let counted = std::fs::read_to_string(format!("{process}/io")).unwrap();
    counted.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok()).unwrap()
}

/// Asks for the feed once for each of these header lines on one connection, waits before it reads, and returns the
/// head and the body of each answer.
async fn asked_together(web: SocketAddr, asks: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(web).await.unwrap();
    for (number, (method, more)) in asks.iter().enumerate() {
        let last = if number + 1 == asks.len() { "Connection: close\r\n" } else { "" };
        stream.write_all(format!("{method} {FEED} HTTP/1.1\r\nHost: x\r\n{last}{more}\r\n").as_bytes()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut bytes = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let (mut answers, mut rest) = (Vec::new(), &bytes[..]);
    for (method, _) in asks {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(rest[..end].to_vec()).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let length: usize = if *method == "HEAD" { 0 } else { length.unwrap_or(0) };
        answers.push((head, rest[end..end + length].to_vec()));
        rest = &rest[end + length..];
    }
    assert!(rest.is_empty(), "{} bytes that nobody asked for", rest.len());
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_feed_arrives_whole_whatever_goes_with_it() {
    let bench = engines::all().await.remove(0);
    let relay = format!("maildir:{}", bench.folder.path().join("outbox").display());
    let configuration = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", "");
    let stage = Stage::new(&bench, configuration, at("2026-11-23T00:00:00Z")).await;
    assert_eq!(stage.brings("essays", &long_posts()).await.new.len(), 3);
    stage.store.close().await;
    let path = bench.folder.path().join("config.toml");
    let daemon = Program::start_as(command_after("ulimit -Sn 256; exec", &path), &path).await;

    let first = serving::get(daemon.web, "GET", FEED).await;
    assert!(first.status == 200 && first.body.len() > 2_000_000, "{}: {}", first.status, first.body.len());
    let etag = first.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (unchanged, gzip) = (format!("If-None-Match: {etag}\r\n"), "Accept-Encoding: gzip\r\n");
    let asks = [("GET", ""), ("GET", gzip), ("GET", &*unchanged), ("HEAD", ""), ("GET", ""), ("GET", "")];
    let process = format!("/proc/{}", daemon.pid());
    let read_before = read_so_far(&process);
    let answers = asked_together(daemon.web, &asks).await;
    for whole in [0, 4, 5] {
        assert!(answers[whole].1 == first.body.as_bytes(), "answer {whole} differs");
    }
    let mut unpacked = String::new();
    GzDecoder::new(&*answers[1].1).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked == first.body, "what was packed differs");
    assert!(answers[2].0.starts_with("http/1.1 304"), "{}", answers[2].0);
    assert!(answers[3].0.contains(&format!("content-length: {}\r\n", first.body.len())), "{}", answers[3].0);

    // Three times it was read from its file by the kernel, and written by nobody.
    let read = read_so_far(&process) - read_before;
    assert!(read >= 3 * first.body.len(), "{read} of three times {}", first.body.len());
    // The daemon may have more files open than it was allowed at first.
    let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let files: Vec<_> = files.split_whitespace().collect();
    assert_eq!(files[0], files[1], "{limits}");
    assert!(daemon.terminate().await.success());
}
