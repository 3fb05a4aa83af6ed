//! How fast a digest leaves: 2,000 mails of 20 KB over 8 connections to a relay
//! in this process that counts and forgets, each state durable in SQLite; beside
//! it, in the same run, the bare dialogue over as many connections with nothing
//! written down. Prints one line. `cargo bench --bench send`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Database, Environment, Live};
use syndicated::domain::digest::{Edition, token};
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::language::Language;
use syndicated::flow::deliver::Deliverer;
use syndicated::render::Renderer;
use syndicated::store::{Freeze, Frozen, Own, Store, Wish};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

const MAILS: usize = 2_000;
const SIZE: usize = 20 * 1024;
const CONNECTIONS: usize = 8;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (taken, bytes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    {
        let (taken, bytes) = (taken.clone(), bytes.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (taken, bytes) = (taken.clone(), bytes.clone());
                tokio::spawn(async move { converse(stream, &taken, &bytes).await });
            }
        });
    }

    let path = folder.path().join("config.toml");
    std::fs::write(
        &path,
        format!(
            r#"
[site]
title = "Bench"
base_url = "https://news.example.org"
[database]
url = "sqlite:{}"
[mail]
from = "Bench <news@example.org>"
relay = "smtp://127.0.0.1:{port}"
connections = {CONNECTIONS}
[[source]]
name = "blog"
url = "http://127.0.0.1:9/"
[[newsletter]]
name = "daily"
title = "Daily"
cadences = {{ daily = "0 7 * * *" }}
"#,
            folder.path().join("bench.db").display()
        ),
    )
    .unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    let config = Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"));
    let store = Store::open(&Database::Sqlite(folder.path().join("bench.db"))).await.unwrap();
    let recipients = freeze(&store, &Clock::system()).await;

    let live: Live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
    let renderer = Arc::new(Renderer::new().unwrap());
    let deliverer = Deliverer::new(store, live, renderer, Clock::system(), Chance::system(), "bench".to_owned());
    let start = Instant::now();
    let tally = deliverer.drain().await.unwrap();
    let took = start.elapsed();
    let taken = taken.load(Ordering::Relaxed);
    assert_eq!((tally.sent, taken as u64), (recipients, recipients), "each reader got one");
    let size = bytes.load(Ordering::Relaxed) / taken;
    let start = Instant::now();
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(bare(port, MAILS / CONNECTIONS, size));
    }
    connections.join_all().await;
    let bare = start.elapsed();
    println!(
        "send: {:.0} mails/s, durable in SQLite ({taken} mails of {} KB in {:.2} s, {CONNECTIONS} connections); the bare dialogue {:.0} mails/s, {:.1} times as fast",
        taken as f64 / took.as_secs_f64(),
        size / 1024,
        took.as_secs_f64(),
        MAILS as f64 / bare.as_secs_f64(),
        took.as_secs_f64() / bare.as_secs_f64(),
    );
}

/// The dialogue of so many mails of so many bytes, and nothing else.
async fn bare(port: u16, mails: usize, size: usize) {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    let mail = "A line of a digest as long as such lines are.\r\n".repeat(size / 47) + ".\r\n";
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    for _ in 0..mails {
        for said in ["MAIL FROM:<news@example.org>\r\n", "RCPT TO:<r@example.com>\r\n", "DATA\r\n", &mail] {
            stream.write_all(said.as_bytes()).await.unwrap();
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
    }
}

/// A digest of the wanted size, for all readers.
async fn freeze(store: &Store, clock: &Clock) -> u64 {
    let now = clock.now();
    let emails: Vec<EmailAddress> = (0..MAILS).map(|n| format!("r{n}@example.com").parse().unwrap()).collect();
    let name: syndicated::domain::slug::Slug = "daily".parse().unwrap();
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
    store.add_confirmed(&wishes, now).await.unwrap();
    let end = format!("\n{}\n{}\n", token::UNSUBSCRIBE_URL, token::EMAIL);
    let plain = "A line of a digest as long as such lines are.\n".repeat(SIZE / 4 / 46) + &end;
    let html = "<p>A paragraph of a digest as long as such lines are.</p>\n".repeat(SIZE * 3 / 4 / 58) + &end;
    let edition = Edition { newsletter: name.clone(), cadence: name.clone(), slot: "bench".to_owned() };
    let frozen = Frozen {
        posts: &[],
        left_out: &[],
        subject: "A digest",
        html: &html,
        plain: &plain,
        expires_at: now.plus(Duration::from_hours(24)),
        ..Frozen::default()
    };
    match store.freeze_digest(&edition, &frozen, None, now).await.unwrap() {
        Freeze::Done { recipients, .. } => recipients,
        other => panic!("{other:?}"),
    }
}

/// Takes every mail and keeps none.
async fn converse(stream: TcpStream, taken: &AtomicUsize, bytes: &AtomicUsize) {
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    stream.write_all(b"220 bench\r\n").await.unwrap();
    let (mut line, mut body) = (String::new(), vec![0; 64 * 1024]);
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let reply: &[u8] = match line.get(..4).unwrap_or_default() {
            "EHLO" => b"250-bench\r\n250 8BITMIME\r\n",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.unwrap();
                let mut last = Vec::new();
                while !last.ends_with(b"\r\n.\r\n") {
                    let read = stream.read(&mut body).await.unwrap();
                    bytes.fetch_add(read, Ordering::Relaxed);
                    last.extend_from_slice(body.get(..read).unwrap_or_default());
                    last.drain(..last.len().saturating_sub(5));
                }
                taken.fetch_add(1, Ordering::Relaxed);
                b"250 ok\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        if stream.write_all(reply).await.is_err() {
            return;
        }
    }
}
