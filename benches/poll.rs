//! How fast blogs are followed: 5,000 sources of 20 posts and 40 KB on 500 host
//! names of 127.0.0.0/8, polled by the daemon's own loop into SQLite. A first
//! pass that stores everything and a pass that is answered 304, with the most
//! memory that both took; beside them, in the same run, bare requests for the
//! same documents. Then 100,000 sources held and scheduled, with nothing
//! fetched. Each is a process of its own. Prints a line a figure.
//!
//! `cargo bench --bench poll`. The documents come from nginx (Debian's package
//! `nginx`), which is started for the run with a configuration of its own; where
//! it is not installed, from this process, which then shares its memory.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use futures_util::future::join_all;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment, Live};
use syndicated::domain::time::Timestamp;
use syndicated::flow::poll::{PollOutcome, PollReport, Poller};
use syndicated::net::{Client, Names};
use syndicated::store::{PollEnd, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const SOURCES: usize = 5_000;
const HOSTS: usize = 500;
const POSTS: usize = 20;
const POST_SIZE: usize = 1_900;
const CONCURRENCY: usize = 64;
const HELD: usize = 100_000;

#[tokio::main]
async fn main() {
    let part = std::env::args().find(|word| matches!(word.as_str(), "passes" | "held"));
    match part.as_deref() {
        Some("passes") => passes().await,
        Some(_) => held().await,
        None => {
            for part in ["passes", "held"] {
                let mut bench = Command::new(std::env::current_exe().unwrap());
                assert!(bench.arg(part).status().unwrap().success());
            }
        }
    }
}

async fn passes() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(folder.path()).await;
    let config = config(folder.path(), SOURCES, |number| origin.url(number));
    let urls: Vec<String> = config.sources.iter().map(|source| source.url.as_str().to_owned()).collect();
    let store = Store::open(&config.database).await.unwrap();
    let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), Clock::system()).unwrap();
    let live: Live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
    // Time is turned by hand, so that everything falls due at once.
    let clock = Clock::manual(Timestamp::from_millis(1_795_500_000_000));
    let poller = Poller::new(store.clone(), client, clock.clone(), Chance::system(), live);
    poller.adopt_config().await.unwrap();

    // The most memory is counted from here on (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let stop = CancellationToken::new();
    let (tell, mut told) = unbounded_channel();
    let start = Instant::now();
    let run = tokio::spawn({
        let stop = stop.clone();
        async move { poller.run(&stop, |report| tell.send(report).unwrap()).await }
    });
    pass(&mut told, |outcome| matches!(outcome, PollOutcome::Read(admitted) if admitted.seeded.len() == POSTS)).await;
    let stored = start.elapsed();
    let posts: u64 = store.source_rows().await.unwrap().iter().map(|row| row.posts).sum();
    assert_eq!(posts, (SOURCES * POSTS) as u64, "everything is stored");
    let start = Instant::now();
    clock.advance(Duration::from_hours(1));
    pass(&mut told, |outcome| *outcome == PollOutcome::Unchanged).await;
    let unchanged = start.elapsed();
    stop.cancel();
    run.await.unwrap();
    let memory = memory();

    let (fetched, asked) = bare(&urls).await;
    let rate = |took: Duration| SOURCES as f64 / took.as_secs_f64();
    let from = if origin.nginx.is_some() { "nginx" } else { "this process, since nginx is not installed" };
    println!(
        "poll: {SOURCES} sources of {POSTS} posts and {} KB, {HOSTS} hosts, from {from}",
        document(0).len() / 1000
    );
    println!("poll: stored    {:6.0} sources/s; bare requests {:6.0}/s", rate(stored), rate(fetched));
    println!("poll: unchanged {:6.0} sources/s; bare requests {:6.0}/s", rate(unchanged), rate(asked));
    println!("poll: memory    {memory:6.1} MB at most");
}

/// 100,000 sources: read, held, each claimed and sent to its next slot.
async fn held() {
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let config = config(folder.path(), HELD, |number| format!("https://blog-{number}.example.org/feed.xml"));
    let read = start.elapsed();
    let store = Store::open(&config.database).await.unwrap();
    let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), Clock::system()).unwrap();
    let live: Live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
    let now = Timestamp::from_millis(1_795_500_000_000);
    let poller = Poller::new(store.clone(), client, Clock::manual(now), Chance::system(), live);
    let start = Instant::now();
    poller.adopt_config().await.unwrap();
    poller.adopt_config().await.unwrap();
    let adopted = start.elapsed();
    let (start, mut scheduled) = (Instant::now(), 0);
    loop {
        let claims = store.claim_sources(4 * CONCURRENCY, now, Duration::from_mins(5)).await.unwrap();
        if claims.is_empty() {
            break;
        }
        scheduled += claims.len();
        let next = now.plus(Duration::from_mins(15));
        let ends = claims.into_iter().map(|claim| store.finish_poll(claim, PollEnd::Unchanged, None, next, now));
        assert!(join_all(ends).await.into_iter().all(|written| written.unwrap()));
        assert!(store.next_poll_at().await.unwrap().is_some());
    }
    assert_eq!(scheduled, HELD);
    println!(
        "poll: {HELD} sources held: {:.1} MB at most; read in {:.1} s, adopted twice in {:.1} s, scheduled {:.0}/s",
        memory(),
        read.as_secs_f64(),
        adopted.as_secs_f64(),
        HELD as f64 / start.elapsed().as_secs_f64()
    );
}

/// The most memory that this process has had, in megabytes.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0 / 1e6
}

fn config(folder: &Path, sources: usize, url: impl Fn(usize) -> String) -> Config {
    let path = folder.join("config.toml");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    write!(
        file,
        "[site]\ntitle = \"Bench\"\nbase_url = \"https://news.example.org\"\n\
         [database]\nurl = \"sqlite:{}\"\n\
         [fetch]\nallow = [\"127.0.0.0/8:*\"]\nconcurrency = {CONCURRENCY}\nmin_interval = \"0s\"\n\
         [mail]\nfrom = \"news@example.org\"\n",
        folder.join("bench.db").display()
    )
    .unwrap();
    for number in 0..sources {
        writeln!(file, "[[source]]\nname = \"s{number}\"\nurl = \"{}\"", url(number)).unwrap();
    }
    file.flush().unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Waits until every source was polled once; each must come to what `expected` says.
async fn pass(told: &mut UnboundedReceiver<PollReport>, expected: impl Fn(&PollOutcome) -> bool) {
    for _ in 0..SOURCES {
        let report = told.recv().await.unwrap();
        assert!(expected(&report.outcome), "{report:?}");
    }
}

/// Asks for every document, as many at once, and does nothing with them; then
/// again, with its validator.
async fn bare(urls: &[String]) -> (Duration, Duration) {
    let client = reqwest::Client::new();
    let start = Instant::now();
    let tags = ask(&client, urls.iter().map(|url| (url.clone(), None))).await;
    let fetched = start.elapsed();
    let start = Instant::now();
    ask(&client, tags).await;
    (fetched, start.elapsed())
}

type Asked = (String, Option<reqwest::header::HeaderValue>);

async fn ask(client: &reqwest::Client, all: impl IntoIterator<Item = Asked>) -> Vec<Asked> {
    let (mut busy, mut answers) = (JoinSet::new(), Vec::new());
    for (url, tag) in all {
        if busy.len() == CONCURRENCY {
            answers.push(busy.join_next().await.unwrap().unwrap());
        }
        let client = client.clone();
        busy.spawn(async move {
            let mut request = client.get(&url);
            if let Some(tag) = &tag {
                request = request.header("if-none-match", tag);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status() == 304, tag.is_some());
            let tag = answer.headers().get("etag").cloned();
            answer.bytes().await.unwrap();
            (url, tag)
        });
    }
    answers.extend(busy.join_all().await);
    answers
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

/// Who serves the documents, until dropped.
struct Origin {
    port: u16,
    nginx: Option<Child>,
}

impl Origin {
    async fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let documents = folder.join("documents");
        std::fs::create_dir(&documents).unwrap();
        std::fs::write(folder.join("nginx.conf"), nginx_configuration(folder, port)).unwrap();
        drop(listener);
        let nginx = Command::new("nginx").arg("-p").arg(folder).args(["-e", "stderr", "-c", "nginx.conf"]).spawn().ok();
        if nginx.is_some() {
            for number in 0..SOURCES {
                std::fs::write(documents.join(number.to_string()), document(number)).unwrap();
            }
        } else {
            let listener = TcpListener::bind(("0.0.0.0", port)).await.unwrap();
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(stream));
                }
            });
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "the origin does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { port, nginx }
    }

    fn url(&self, number: usize) -> String {
        format!("http://{}:{}/{number}", host(number % HOSTS), self.port)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(nginx) = &mut self.nginx {
            nginx.kill().unwrap();
            nginx.wait().unwrap();
        }
    }
}

fn host(number: usize) -> String {
    format!("127.0.{}.{}", number / 250, number % 250 + 1)
}

fn nginx_configuration(folder: &Path, port: u16) -> String {
    let mut listen = String::new();
    for number in 0..HOSTS {
        writeln!(listen, "listen {}:{port};", host(number)).unwrap();
    }
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nevents {{ worker_connections 4096; }}\n\
         http {{\naccess_log off;\nsendfile on;\nkeepalive_requests 100000;\ndefault_type application/rss+xml;\n{temporary}\
         server {{ {listen} root {folder}/documents; }}\n}}\n"
    )
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
