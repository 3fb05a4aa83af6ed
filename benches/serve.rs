//! How fast feeds are served, beside nginx with the same bytes as files.
//!
//! `cargo bench --bench serve`: a feed of 50 posts from the daemon and from nginx
//! (Debian's packages `nginx` and `wrk`), in turn, by the same wrk: as it is,
//! gzipped, and 304 to who has it already. Then 10,000 feeds within the memory
//! that they may take.
//!
//! `cargo bench --bench serve -- readers`: 9,990 readers' programs connected at once, nine of ten with
//! an entity tag, each asking every two seconds or so, while a digest goes out to
//! Postfix's smtp-sink; how long all but one in a hundred answers take, and the slowest (R19).

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
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::language::Language;
use syndicated::domain::post::Entry;
use syndicated::domain::time::Timestamp;
use syndicated::scheduler::Roles;
use syndicated::store::{Arrival, Arriving, Own, Store, Wish};

/// How often each is measured; the best of its rounds counts, since others may be at work beside it.
const ROUNDS: usize = 3;
const SECONDS: u32 = 4;
const CONNECTIONS: u32 = 64;
const FEEDS: usize = 10_000;

/// As many as there are seats, less a few for whoever else comes by.
const READERS: u32 = 9_990;
/// So many are mailed meanwhile.
const MAILED: usize = 150_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::args().any(|word| word == "readers") {
        return readers(folder.path()).await;
    }
    let config = config(folder.path(), 9, "");
    let store = Store::open(&config.database).await.unwrap();
    let now = Clock::system().now();
    store.sync_sources(&config.sources, now).await.unwrap();
    fill(&store, now, 0).await;
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

/// A crowd of readers' programs while a digest goes out.
async fn readers(folder: &Path) {
    // Each connection is a file, on both ends.
    if std::env::var_os("BENCH_MANY_FILES").is_none() {
        let again = "ulimit -Sn \"$(ulimit -Hn)\" && BENCH_MANY_FILES=1 exec \"$0\" readers";
        let own = std::env::current_exe().unwrap();
        let done = Command::new("sh").args(["-c", again]).arg(own).status().unwrap();
        assert!(done.success());
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sink = Command::new("smtp-sink").args(["-u", "nobody", &format!("127.0.0.1:{port}"), "1024"]).spawn();
    let mut sink = sink.unwrap();
    let config = config(folder, port, "cadences = { daily = \"* * * * *\" }\nsettle = \"0s\"\n");
    let store = Store::open(&config.database).await.unwrap();
    store.sync_sources(&config.sources, Clock::system().now()).await.unwrap();
    fill(&store, Clock::system().now(), 0).await;
    store.close().await;
    let outside = Outside {
        clock: Clock::system(),
        chance: Chance::seeded(1),
        roles: Roles { poll: false, send: true, web: true },
    };
    let daemon = Daemon::start(config, outside).await.unwrap();
    let web = daemon.web.unwrap();
    subscribe(&daemon.store).await;
    // The first were there before, and are nobody's news.
    tokio::time::sleep(Duration::from_secs(2)).await;
    fill(&daemon.store, Clock::system().now(), FEEDS).await;
    let digest = loop {
        let digests = daemon.store.digests(None, 1).await.unwrap();
        match digests.first() {
            Some(digest) if daemon.store.balance(digest.id).await.unwrap().sent > 0 => break digest.id,
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let answer = String::from_utf8_lossy(&get(web, "/feeds/daily.rss", &[])).into_owned();
    let etag = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("etag: ")).unwrap();
    let script = folder.join("readers.lua");
    let text = format!(
        "local turn = 0\n\
         function delay() return math.random(0, 4000) end\n\
         function request()\n  turn = turn + 1\n  local headers = {{ ['Accept-Encoding'] = 'gzip' }}\n\
           if turn % 10 > 0 then headers['If-None-Match'] = '{}' end\n\
           return wrk.format('GET', '/feeds/daily.rss', headers)\nend\n",
        &etag["etag: ".len()..]
    );
    std::fs::write(&script, text).unwrap();
    let before = daemon.store.balance(digest).await.unwrap().sent;
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", &format!("-c{READERS}"), "-d20s", "--timeout", "10s", "--latency", "-s"])
        .arg(&script)
        .arg(format!("http://{web}"));
    let said = tokio::task::block_in_place(|| String::from_utf8(wrk.output().unwrap().stdout).unwrap());
    let sent = daemon.store.balance(digest).await.unwrap().sent - before;
    println!("{said}\n{sent} mails went out meanwhile");
    assert!(!said.contains("Non-2xx"), "{said}");
    sink.kill().unwrap();
    sink.wait().unwrap();
    std::process::exit(0);
}

async fn subscribe(store: &Store) {
    let name: syndicated::domain::slug::Slug = "daily".parse().unwrap();
    for begin in (0..MAILED).step_by(10_000) {
        let emails: Vec<EmailAddress> =
            (begin..begin + 10_000).map(|n| format!("r{n}@example.com").parse().unwrap()).collect();
        let wish = |email| Wish {
            email,
            newsletter: &name,
            cadence: &name,
            language: Language::En,
            consent: "a bench",
            own: Own::default(),
        };
        let wishes: Vec<Wish<'_>> = emails.iter().map(wish).collect();
        store.add_confirmed(&wishes, Clock::system().now()).await.unwrap();
    }
}

fn config(folder: &Path, relay: u16, more: &str) -> Config {
    let text = format!(
        "[site]\ntitle = \"Bench\"\nbase_url = \"http://127.0.0.1/\"\n[database]\nurl = \"sqlite:{}\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]\n[mail]\nfrom = \"news@example.org\"\nrelay = \"smtp://127.0.0.1:{relay}\"\n\
         [[source]]\nname = \"blog\"\nurl = \"http://127.0.0.1:9/\"\nschedule = \"0 0 1 1 *\"\n\
         [[newsletter]]\nname = \"daily\"\ntitle = \"Daily\"\n{more}",
        folder.join("bench.db").display()
    );
    let path = folder.join("config.toml");
    std::fs::write(&path, text).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Posts of 2 KB, each with as many tags as one may have, so that there are as many feeds as are wanted.
async fn fill(store: &Store, now: Timestamp, from: usize) {
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
            original: None,
            also_at: Vec::new(),
        }
    };
    let arriving = |number| {
        let entry = entry(number);
        Arriving { fingerprint: format!("{number:064x}"), url_key: None, entry }
    };
    let claim = store.claim_source(&"blog".parse().unwrap(), now, Duration::from_mins(1)).await.unwrap().unwrap();
    let arrival = Arrival {
        title: Some("Blog".to_owned()),
        ..Arrival::of((from..from + FEEDS / 10).map(arriving).collect(), now.plus(Duration::from_hours(24)))
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
