//! How fast blogs are followed: 500 sources of 20 posts and 40 KB, each on a host
//! of its own, served by this process. A first pass that stores everything in
//! SQLite, and a pass that is answered 304; beside them, in the same run, bare
//! requests for the same documents. Prints one line. `cargo bench --bench poll`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment, Live};
use syndicated::domain::slug::Slug;
use syndicated::flow::poll::{PollOutcome, Poller};
use syndicated::net::{Client, Names};
use syndicated::store::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const SOURCES: usize = 500;
const POSTS: usize = 20;
const POST_SIZE: usize = 2_000;
const CONCURRENCY: usize = 64;

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, configuration(folder.path(), port)).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    let config = Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"));
    let names: Vec<Slug> = config.sources.iter().map(|source| source.name.clone()).collect();
    let urls: Vec<String> = config.sources.iter().map(|source| source.url.as_str().to_owned()).collect();
    let store = Store::open(&config.database).await.unwrap();
    let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), Clock::system()).unwrap();
    let live: Live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
    let poller = Poller::new(store.clone(), client, Clock::system(), Chance::system(), live);
    poller.adopt_config().await.unwrap();

    let stored = pass(
        &poller,
        &names,
        |outcome| matches!(outcome, PollOutcome::Read(admitted) if admitted.seeded.len() == POSTS),
    )
    .await;
    let unchanged = pass(&poller, &names, |outcome| *outcome == PollOutcome::Unchanged).await;
    let bare = bare(urls).await;
    println!(
        "poll: {:.0} sources/s stored in SQLite, {:.0}/s unchanged ({SOURCES} sources of {POSTS} posts and {} KB); bare requests {:.0}/s",
        SOURCES as f64 / stored.as_secs_f64(),
        SOURCES as f64 / unchanged.as_secs_f64(),
        document(0).len() / 1024,
        SOURCES as f64 / bare.as_secs_f64(),
    );
}

fn configuration(folder: &std::path::Path, port: u16) -> String {
    let mut text = format!(
        "[site]\ntitle = \"Bench\"\nbase_url = \"https://news.example.org\"\n\
         [database]\nurl = \"sqlite:{}\"\n\
         [fetch]\nallow = [\"127.0.0.0/8:*\"]\nconcurrency = {CONCURRENCY}\nmin_interval = \"0s\"\n\
         [mail]\nfrom = \"news@example.org\"\n",
        folder.join("bench.db").display()
    );
    for number in 0..SOURCES {
        let host = format!("127.0.{}.{}", number / 250, number % 250 + 1);
        writeln!(text, "[[source]]\nname = \"s{number}\"\nurl = \"http://{host}:{port}/{number}\"").unwrap();
    }
    text
}

/// Polls every source once; each must come to what `expected` says.
async fn pass(poller: &Poller, names: &[Slug], expected: impl Fn(&PollOutcome) -> bool) -> Duration {
    let start = Instant::now();
    let reports = poller.poll_named(names, &CancellationToken::new(), |_| {}).await.unwrap();
    let took = start.elapsed();
    assert_eq!(reports.len(), SOURCES);
    for report in reports {
        assert!(expected(&report.outcome), "{report:?}");
    }
    took
}

/// Asks for every document, as many at once, and does nothing with them.
async fn bare(urls: Vec<String>) -> Duration {
    let client = reqwest::Client::new();
    let start = Instant::now();
    let mut busy = JoinSet::new();
    for url in urls {
        if busy.len() == CONCURRENCY {
            busy.join_next().await.unwrap().unwrap();
        }
        let client = client.clone();
        busy.spawn(async move { assert!(!client.get(url).send().await.unwrap().bytes().await.unwrap().is_empty()) });
    }
    busy.join_all().await;
    start.elapsed()
}

/// The feed of a source: every post's text is its own.
fn document(source: usize) -> String {
    let mut feed = format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Blog {source}</title><link>https://b{source}.example/</link><description>d</description>"
    );
    for post in 0..POSTS {
        let text = format!("&lt;p&gt;글 {post} of blog {source}, as long as such texts are.&lt;/p&gt; ");
        let text = text.repeat(POST_SIZE / text.len());
        write!(
            feed,
            "<item><guid isPermaLink=\"false\">{source}-{post}</guid><link>https://b{source}.example/{post}</link>\
             <title>Post {post}</title><pubDate>Mon, 23 Nov 2026 07:{post:02}:00 GMT</pubDate><description>{text}</description></item>"
        )
        .unwrap();
    }
    feed + "</channel></rss>"
}

/// Answers requests for `/NUMBER`; 304 when a validator is offered.
async fn serve(mut stream: TcpStream) {
    let mut request = Vec::new();
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let text = String::from_utf8_lossy(&request);
        let number = text.split(['/', ' ']).nth(2).and_then(|number| number.parse().ok()).unwrap_or(0);
        let answer = if text.to_lowercase().contains("if-none-match:") {
            "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n".to_owned()
        } else {
            let body = document(number);
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nETag: \"1\"\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
