//! How fast a digest leaves, beside what others do in the same run.
//!
//! `cargo bench --bench send`: 20,000 mails of 20 KB over 10 connections to
//! Postfix's smtp-sink on loopback, each state durable in SQLite, beside Postfix's
//! own smtp-source; then signed with RSA-2048, beside what `openssl speed` signs on
//! as many cores. With `-- unsigned`, the first of these alone.
//!
//! `cargo bench --bench send -- million`: a million recipients (or as many as a
//! number behind it says), unsigned and small, to the same sink: how long freezing
//! takes, the most memory, and whether the last tenth is slower than the first.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Database, Environment, Live, write_private};
use syndicated::domain::digest::{Edition, token};
use syndicated::domain::dkim::{Algorithm, SigningKey};
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::id::DigestId;
use syndicated::domain::language::Language;
use syndicated::flow::deliver::Deliverer;
use syndicated::lifecycle::Stop;
use syndicated::render::Renderer;
use syndicated::store::{Freeze, Frozen, Own, Store, Wish};

const MAILS: usize = 20_000;
const SIZE: usize = 20 * 1024;
const CONNECTIONS: usize = 10;
const MILLION: usize = 1_000_000;

#[tokio::main]
async fn main() {
    let sink = Sink::start();
    let words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == "million") {
        let count = words.get(at + 1).and_then(|count| count.parse().ok());
        return million(&sink, count.unwrap_or(MILLION)).await;
    }
    let source = sink.smtp_source();
    let unsigned = send(&sink, "").await;
    println!(
        "unsigned: {unsigned:.0} mails/s, durable in SQLite; smtp-source {source:.0} mails/s; {:.2} of it",
        unsigned / source
    );
    if words.iter().any(|word| word == "unsigned") {
        return;
    }
    let cores = std::thread::available_parallelism().unwrap().get();
    let openssl = openssl_speed(cores);
    let signed = send(&sink, "[[dkim]]\nselector = \"bench\"\nkey_file = \"KEY\"\n").await;
    println!(
        "signed with RSA-2048: {signed:.0} mails/s; openssl signs {openssl:.0}/s on {cores} cores; {:.2} of it",
        signed / openssl
    );
}

/// Postfix's smtp-sink, which takes every mail and keeps none.
struct Sink {
    child: Child,
    port: u16,
}

impl Sink {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new("smtp-sink")
            // Root must say as whom it runs.
            .args(if std::fs::metadata("/proc/self").unwrap().uid() == 0 { &["-u", "nobody"][..] } else { &[] })
            .args([&format!("127.0.0.1:{port}"), "1024"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "smtp-sink ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, port }
    }

    /// How many mails Postfix's own sender hands over in a second.
    fn smtp_source(&self) -> f64 {
        let (sessions, size, mails) = (CONNECTIONS.to_string(), SIZE.to_string(), MAILS.to_string());
        let to = format!("127.0.0.1:{}", self.port);
        let words = ["-d", "-s", &sessions, "-l", &size, "-m", &mails, "-f", "news@example.org", "-t", "r@example.com"];
        let start = Instant::now();
        assert!(Command::new("smtp-source").args(words).arg(to).status().unwrap().success());
        MAILS as f64 / start.elapsed().as_secs_f64()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How often OpenSSL signs with RSA-2048 in a second, on so many cores.
fn openssl_speed(cores: usize) -> f64 {
    let output =
        Command::new("openssl").args(["speed", "-seconds", "5", "-multi", &cores.to_string(), "rsa2048"]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    // "rsa 2048 bits 0.000312s 0.000009s   3205.1 110123.4"
    let line = text.lines().find(|line| line.starts_with("rsa") && line.contains("2048")).unwrap();
    line.split_whitespace().rev().nth(1).unwrap().parse().unwrap()
}

/// A folder with a configuration and a store.
async fn stage(folder: &Path, port: u16, more: &str) -> (Store, Deliverer) {
    let (path, key) = (folder.join("config.toml"), folder.join("key.pem"));
    write_private(&key, &SigningKey::generate(Algorithm::Rsa).unwrap().to_pem().unwrap()).unwrap();
    let text = format!(
        r#"
[site]
title = "Bench"
base_url = "https://news.example.org"
[mail]
from = "Bench <news@example.org>"
relay = "smtp://127.0.0.1:{port}"
connections = {CONNECTIONS}
mails_per_connection = 100000
lifetime = "3d"
[[source]]
name = "blog"
url = "http://127.0.0.1:9/"
[[newsletter]]
name = "daily"
title = "Daily"
cadences = {{ daily = "0 7 * * *" }}
{}
"#,
        more.replace("KEY", key.to_str().unwrap())
    );
    std::fs::write(&path, text).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    let config = Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"));
    let store = Store::open(&Database::Sqlite(folder.join("bench.db"))).await.unwrap();
    let live: Live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
    let renderer = Arc::new(Renderer::new().unwrap());
    let deliverer =
        Deliverer::new(store.clone(), live, renderer, Clock::system(), Chance::system(), "bench".to_owned());
    (store, deliverer)
}

/// How many mails of a digest leave in a second.
async fn send(sink: &Sink, more: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let (store, deliverer) = stage(folder.path(), sink.port, more).await;
    readers(&store, MAILS).await;
    let digest = freeze(&store, SIZE).await;
    // In a task, as the daemon runs it.
    let start = Instant::now();
    let tally = tokio::spawn(async move { deliverer.drain().await }).await.unwrap().unwrap();
    let took = start.elapsed();
    assert_eq!(tally.sent, MAILS as u64);
    assert!(store.balance(digest).await.unwrap().is_closed());
    MAILS as f64 / took.as_secs_f64()
}

/// A digest for very many recipients.
async fn million(sink: &Sink, count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (store, deliverer) = stage(folder.path(), sink.port, "").await;
    readers(&store, count).await;
    let start = Instant::now();
    let digest = freeze(&store, 1024).await;
    println!("freezing {count} recipients: {:.1} s", start.elapsed().as_secs_f64());
    let stop = Stop::new();
    let running = {
        let stop = stop.clone();
        tokio::spawn(async move { deliverer.run(&stop).await })
    };
    // When each tenth was sent.
    let (start, mut tenths) = (Instant::now(), vec![Duration::ZERO]);
    while tenths.len() <= 10 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sent = store.balance(digest).await.unwrap().sent;
        while tenths.len() <= usize::try_from(sent).unwrap() * 10 / count {
            tenths.push(start.elapsed());
            println!("{} tenths after {:.1} s; {} MB", tenths.len() - 1, start.elapsed().as_secs_f64(), most_memory());
        }
    }
    stop.stop_softly();
    running.await.unwrap();
    let (first, last) = (tenths[1], tenths[10].checked_sub(tenths[9]).unwrap());
    println!(
        "{count} mails in {:.0} s; the first tenth {:.1} s, the last {:.1} s; at most {} MB",
        tenths[10].as_secs_f64(),
        first.as_secs_f64(),
        last.as_secs_f64(),
        most_memory()
    );
}

/// The most memory that this process has held, in MB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn readers(store: &Store, count: usize) {
    let name: syndicated::domain::slug::Slug = "daily".parse().unwrap();
    for begin in (0..count).step_by(10_000) {
        let emails: Vec<EmailAddress> =
            (begin..count.min(begin + 10_000)).map(|n| format!("r{n}@example.com").parse().unwrap()).collect();
        let wishes: Vec<Wish<'_>> = emails
            .iter()
            .map(|email| Wish {
                email,
                newsletter: &name,
                cadence: &name,
                language: Language::En,
                consent: "a bench",
                own: Own::default(),
            })
            .collect();
        store.add_confirmed(&wishes, Clock::system().now()).await.unwrap();
    }
}

/// A digest of that size, for all readers.
async fn freeze(store: &Store, size: usize) -> DigestId {
    let now = Clock::system().now();
    let name: syndicated::domain::slug::Slug = "daily".parse().unwrap();
    let end = format!("\n{}\n{}\n", token::UNSUBSCRIBE_URL, token::EMAIL);
    let plain = "A line of a digest as long as such lines are.\n".repeat(size / 4 / 46) + &end;
    let html = "<p>A paragraph of a digest as long as such lines are.</p>\n".repeat(size * 3 / 4 / 58) + &end;
    let edition = Edition { newsletter: name.clone(), cadence: name, slot: "bench".to_owned() };
    let expires_at = now.plus(Duration::from_hours(72));
    let frozen = Frozen { subject: "A digest", html: &html, plain: &plain, expires_at, ..Frozen::default() };
    match store.freeze_digest(&edition, &frozen, None, now).await.unwrap() {
        Freeze::Done { digest, .. } => digest,
        other => panic!("{other:?}"),
    }
}
