//! How fast feeds are served, beside nginx with the same bytes as files.
//!
//! `cargo bench --bench serve`: a feed of 50 posts from the daemon and from nginx
//! (Debian's packages `nginx` and `wrk`), in turn, by the same wrk: as it is,
//! gzipped, and 304 to who has it already. Then 10,000 feeds within the memory
//! that they may take.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::filter::Filter;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::pace::Pace;
use syndicated::domain::post::Entry;
use syndicated::domain::source::Seed;
use syndicated::domain::time::Timestamp;
use syndicated::scheduler::Roles;
use syndicated::store::{Arrival, Arriving, Store};

/// How often each is measured; the best of its rounds counts, since others may be at work beside it.
const ROUNDS: usize = 3;
const SECONDS: u32 = 4;
const CONNECTIONS: u32 = 64;
const FEEDS: usize = 10_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let store = Store::open(&config.database).await.unwrap();
    let now = Clock::system().now();
    store.sync_sources(&config.sources, now).await.unwrap();
    fill(&store, now).await;
    store.close().await;
    let outside = Outside {
        clock: Clock::system(),
        chance: Chance::seeded(1),
        roles: Roles { poll: false, send: false, web: true },
    };
    let daemon = Daemon::start(config, outside).await.unwrap();
    let ours = daemon.web.unwrap();
    let Some(nginx) = Nginx::start(folder.path(), &fetch(ours, None), &fetch(ours, Some("gzip"))) else {
        println!("nginx is not installed: nothing to measure beside");
        return;
    };
    for (what, header) in [("200", None), ("200, gzip", Some("Accept-Encoding: gzip")), ("304", Some("etag"))] {
        let (mut best, mut beside) = (0.0_f64, 0.0_f64);
        for _ in 0..ROUNDS {
            best = best.max(wrk(ours, header));
            beside = beside.max(wrk(nginx.address, header));
        }
        println!("{what}: {best:.0} requests/s; nginx {beside:.0}; {:.2} of it", best / beside);
    }
    let before = memory();
    for feed in 0..FEEDS {
        let answer = get(ours, &format!("/tags/tag-{feed}.rss"), &[]);
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{feed}");
    }
    println!("{FEEDS} feeds: {} MB more than the {before} MB before", memory().saturating_sub(before));
    daemon.stop().await;
}

fn config(folder: &Path) -> Config {
    let text = format!(
        "[site]\ntitle = \"Bench\"\nbase_url = \"http://127.0.0.1/\"\n[database]\nurl = \"sqlite:{}\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n[mail]\nfrom = \"news@example.org\"\nrelay = \"smtp://127.0.0.1:9\"\n\
         [[source]]\nname = \"blog\"\nurl = \"http://127.0.0.1:9/\"\nschedule = \"0 0 1 1 *\"\n\
         [[newsletter]]\nname = \"daily\"\ntitle = \"Daily\"\n",
        folder.join("bench.db").display()
    );
    let path = folder.join("config.toml");
    std::fs::write(&path, text).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Posts of 2 KB, each with as many tags as one may have, so that there are as many feeds as are wanted.
async fn fill(store: &Store, now: Timestamp) {
    let entry = |number: usize| {
        let words = "Words that a reader would like to read, and some more of them. ".repeat(30);
        Entry {
            guid: format!("https://blog.example.org/{number}"),
            url: Some(format!("https://blog.example.org/{number}").parse().unwrap()),
            title: format!("Post {number}"),
            authors: vec!["Ada".to_owned()],
            language: None,
            published: Some(now.minus(Duration::from_secs(60 * (number as u64 + 1)))),
            updated: None,
            summary: None,
            content: Some(CleanHtml::sanitise(&format!("<p>{words}</p>"), None)),
            categories: (0..30).map(|tag| format!("tag {}", (number * 30 + tag) % FEEDS)).collect(),
            enclosures: Vec::new(),
            also_at: Vec::new(),
        }
    };
    let arriving = |number| {
        let entry = entry(number);
        Arriving { fingerprint: format!("{number:064x}"), url_key: None, entry }
    };
    let claim = store.claim_source(&"blog".parse().unwrap(), now, Duration::from_mins(1)).await.unwrap().unwrap();
    let arrival = Arrival {
        entries: (0..FEEDS / 10).map(arriving).collect(),
        title: Some("Blog".to_owned()),
        link: None,
        language: None,
        feed_url: None,
        etag: None,
        last_modified: None,
        repaired: None,
        harvest: None,
        pace: Pace::default(),
        channels: Vec::new(),
        seed: Seed::None,
        filter: Filter::default(),
        next_poll_at: now.plus(Duration::from_hours(24)),
    };
    store.admit(claim, arrival, now).await.unwrap();
}

/// The body of the feed that is measured.
fn fetch(ours: SocketAddr, coding: Option<&str>) -> Vec<u8> {
    let accept = coding.map(|coding| format!("Accept-Encoding: {coding}"));
    let answer = get(ours, "/feeds/daily.rss", accept.as_deref().as_slice());
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    answer[at + 4..].to_vec()
}

fn get(address: SocketAddr, path: &str, headers: &[&str]) -> Vec<u8> {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n").unwrap();
    for header in headers {
        write!(stream, "{header}\r\n").unwrap();
    }
    write!(stream, "\r\n").unwrap();
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut answer).unwrap();
    answer
}

/// Requests a second.
fn wrk(address: SocketAddr, header: Option<&str>) -> f64 {
    let header = match header {
        Some("etag") => {
            let answer = String::from_utf8_lossy(&get(address, "/feeds/daily.rss", &[])).into_owned();
            let line = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("etag: ")).unwrap().to_owned();
            Some(format!("If-None-Match: {}", &line["etag: ".len()..]))
        }
        header => header.map(str::to_owned),
    };
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{SECONDS}s")]);
    if let Some(header) = &header {
        wrk.args(["-H", header]);
    }
    let done = wrk.arg(format!("http://{address}/feeds/daily.rss")).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(!said.contains("Non-2xx"), "{said}");
    let line = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")).unwrap_or_else(|| panic!("{said}"));
    line.trim().parse().unwrap()
}

/// What this process holds, in MB.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// nginx with the feed as a file.
struct Nginx {
    address: SocketAddr,
    process: Child,
}

impl Nginx {
    fn start(folder: &Path, feed: &[u8], gzipped: &[u8]) -> Option<Self> {
        let feeds = folder.join("feeds");
        std::fs::create_dir(&feeds).unwrap();
        std::fs::write(feeds.join("daily.rss"), feed).unwrap();
        std::fs::write(feeds.join("daily.rss.gz"), gzipped).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let here = folder.display();
        let text = format!(
            "daemon off;\npid {here}/nginx.pid;\nworker_processes auto;\nuser root;\nevents {{ worker_connections 1024; }}\n\
             http {{\n types {{ application/rss+xml rss; }}\n access_log off;\n sendfile on;\n tcp_nopush on;\n\
             keepalive_requests 1000000;\n open_file_cache max=100;\n gzip_static on;\n\
             client_body_temp_path {here}/b;\n proxy_temp_path {here}/p;\n fastcgi_temp_path {here}/f;\n uwsgi_temp_path {here}/u;\n scgi_temp_path {here}/s;\n\
             server {{ listen {address}; root {here}; add_header Cache-Control \"public, max-age=300\"; }}\n}}\n"
        );
        std::fs::write(folder.join("nginx.conf"), text).unwrap();
        let process = Command::new("nginx")
            .arg("-p")
            .arg(folder)
            .args(["-e", "stderr", "-c", "nginx.conf"])
            .stderr(Stdio::inherit())
            .spawn()
            .ok()?;
        for _ in 0..100 {
            if std::net::TcpStream::connect(address).is_ok() {
                return Some(Self { address, process });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("nginx does not answer at {address}");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it when it is asked, not when it is killed.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
