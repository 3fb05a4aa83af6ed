//! The web side from outside: what readers, mail programs and link scanners do.

use crate::engines::{self, Bench};
use crate::stage::{self, at};
use std::net::SocketAddr;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::subscriber::{Subscription, SubscriptionState};
use syndicated::domain::token::Purpose;
use syndicated::scheduler::Roles;
use syndicated::store::SubscriptionFilter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) async fn ask(web: SocketAddr, request: &str) -> Answer {
    let (mut answers, mut asks) = TcpStream::connect(web).await.unwrap().into_split();
    let mut bytes = Vec::new();
    // A server that will not have all of a request answers before its end and
    // hangs up; what it answered counts.
    let exchange = async { tokio::join!(asks.write_all(request.as_bytes()), answers.read_to_end(&mut bytes)) };
    let _ = tokio::time::timeout(Duration::from_secs(20), exchange).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

pub(crate) async fn get(web: SocketAddr, method: &str, path: &str) -> Answer {
    ask(web, &format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
}

/// The word that the form at `path` carries now.
pub(crate) async fn form_token(web: SocketAddr, path: &str) -> String {
    let page = get(web, "GET", path).await.body;
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("no token at {path}: {page}"));
    rest.split_once('"').unwrap().0.to_owned()
}

/// Sends a form, as a browser does that has just got it: a sign-up carries its word.
pub(crate) async fn post(web: SocketAddr, path: &str, body: &str) -> Answer {
    if path.starts_with("/subscribe/") && !body.contains("token=") {
        let token = form_token(web, path).await;
        return send(web, path, "", &format!("{body}&token={token}")).await;
    }
    send(web, path, "", body).await
}

/// Sends a form as it is, with more header lines.
pub(crate) async fn send(web: SocketAddr, path: &str, more: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    );
    ask(web, &(head + body)).await
}

/// A daemon whose clock stands, and its maildir.
async fn daemon(bench: &Bench, clock: &Clock) -> (Daemon, SocketAddr) {
    let relay = format!("maildir:{}", bench.folder.path().join("outbox").display());
    let config = stage::config(bench, &relay, "{ daily = \"0 7 * * *\", weekly = \"0 7 * * MON\" }", "");
    let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
    let daemon = Daemon::start(config, outside).await.unwrap();
    let web = daemon.web.unwrap();
    (daemon, web)
}

async fn subscriptions(daemon: &Daemon) -> Vec<Subscription> {
    daemon.store.subscriptions(&SubscriptionFilter { limit: 1_000, ..Default::default() }).await.unwrap()
}

/// The confirmation's path, as the mail says it.
async fn mailed_path(bench: &Bench, number: usize) -> String {
    let folder = bench.folder.path().join("outbox/new");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut mails: Vec<_> = std::fs::read_dir(&folder).map(|files| files.flatten().collect()).unwrap_or_default();
        mails.sort_by_key(|file| file.metadata().and_then(|data| data.modified()).ok());
        if let Some(file) = mails.get(number) {
            let mail = std::fs::read_to_string(file.path()).unwrap().replace("=\r\n", "").replace("=3D", "=");
            let link = mail.split("http://news.example.org").nth(1).unwrap();
            return link.split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned();
        }
        assert!(std::time::Instant::now() < deadline, "no mail came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn secret() -> syndicated::domain::token::SecretKey {
    syndicated::domain::token::SecretKey::new(b"0123456789abcdef0123456789abcdef".to_vec()).unwrap()
}

/// The form, the mailed link, the button, one click (P9, P12, S7).
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_signs_up_confirms_and_leaves() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web) = daemon(&bench, &clock).await;
        assert!(get(web, "GET", "/subscribe/letter").await.body.contains("name=\"email\""));
        let sent = post(web, "/subscribe/letter", "email=Ann%40example.com&cadence=weekly&website=").await;
        assert_eq!(sent.status, 200);
        let pending = subscriptions(&daemon).await;
        assert_eq!((pending.len(), pending[0].state), (1, SubscriptionState::Pending));
        let path = mailed_path(&bench, 0).await;
        assert!(path.starts_with("/confirm/"), "{path}");

        // Looking changes nothing, however often.
        for method in ["GET", "HEAD", "GET"] {
            assert_eq!(get(web, method, &path).await.status, 200);
        }
        assert_eq!(subscriptions(&daemon).await, pending);
        assert_eq!(post(web, &path, "").await.status, 200);
        let confirmed = subscriptions(&daemon).await.remove(0);
        assert_eq!((confirmed.state, confirmed.cadence.as_str()), (SubscriptionState::Confirmed, "weekly"));
        assert!(get(web, "GET", &path).await.body.contains("Welcome"));

        let goodbye = format!("/u/{}", secret().token(Purpose::Unsubscribe, confirmed.id, confirmed.counter, ""));
        assert!(get(web, "GET", &goodbye).await.body.contains("<form"));
        assert_eq!(subscriptions(&daemon).await[0].state, SubscriptionState::Confirmed);
        let left = post(web, &goodbye, "List-Unsubscribe=One-Click").await;
        assert_eq!(left.status, 200);
        assert!(!left.head.contains("set-cookie") && !left.head.contains("location:"));
        assert_eq!(subscriptions(&daemon).await[0].state, SubscriptionState::Unsubscribed);
        // An old confirmation cannot bring a reader back who has left.
        assert_eq!(post(web, &path, "").await.status, 410);
        assert_eq!(subscriptions(&daemon).await[0].state, SubscriptionState::Unsubscribed);
        assert!(daemon.stop().await);
    }
}

/// S6: scanners fetch every address there is; nothing changes.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_changes_by_looking() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web) = daemon(&bench, &clock).await;
        for reader in ["a", "b", "c"] {
            post(web, "/subscribe/letter", &format!("email={reader}%40example.com&cadence=daily&website=")).await;
        }
        let before = subscriptions(&daemon).await;
        assert_eq!(before.len(), 3);
        let mut paths: Vec<String> = [
            "/",
            "/subscribe",
            "/subscribe/letter",
            "/subscribe/letter?lang=ko",
            "/subscribe.json",
            "/subscribe.js",
            "/feeds/letter.rss",
            "/feeds/letter.atom",
        ]
        .into_iter()
        .chain([
            "/feeds/letter.json",
            "/sources/essays.rss",
            "/style.css",
            "/healthz",
            "/nothing",
            "/feeds/no.rss",
            "/hooks/postmark/x",
            "/websub/1.AAAA?hub.mode=subscribe&hub.topic=https%3A%2F%2Fa.example%2F&hub.challenge=c",
        ])
        .map(str::to_owned)
        .collect();
        for subscription in &before {
            for purpose in [Purpose::Confirm, Purpose::Unsubscribe] {
                let token = secret().token(purpose, subscription.id, subscription.counter, "");
                paths.extend([format!("/u/{token}"), format!("/confirm/{token}")]);
            }
        }
        paths.push(mailed_path(&bench, 0).await);
        for path in &paths {
            for method in ["GET", "HEAD"] {
                let answer = get(web, method, path).await;
                assert!(answer.status < 500, "{method} {path}: {}", answer.status);
                for header in ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff"] {
                    assert!(answer.head.contains(header), "{method} {path}: {}", answer.head);
                }
                if method == "HEAD" {
                    assert!(answer.body.is_empty());
                }
            }
        }
        assert_eq!(subscriptions(&daemon).await, before);
        assert!(daemon.stop().await);
    }
}

/// S8: whether an address is known cannot be told from the answer; S5: nor can
/// a stranger's mailbox be filled.
#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_the_same_for_every_address_and_letters_are_few() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web) = daemon(&bench, &clock).await;
        let form = "email=ann%40example.com&cadence=daily&website=";
        let first = post(web, "/subscribe/letter", form).await.body;
        let path = mailed_path(&bench, 0).await;
        assert_eq!(post(web, "/subscribe/letter", form).await.body, first);
        post(web, &path, "").await;
        assert_eq!(post(web, "/subscribe/letter", form).await.body, first);
        // A machine that fills in every field.
        assert_eq!(post(web, "/subscribe/letter", "email=bot%40example.com&cadence=daily&website=x").await.body, first);
        assert_eq!(subscriptions(&daemon).await.len(), 1);
        // Five an hour from one address: this is the fifth, the next is one too many.
        assert_eq!(post(web, "/subscribe/letter", "email=%22%3E%3Cscript%3E&cadence=daily").await.status, 422);
        let refused = post(web, "/subscribe/letter", form).await;
        assert_eq!(refused.status, 429);
        assert!(refused.head.contains("retry-after: 3600"));
        clock.advance(Duration::from_hours(1));
        let broken = post(web, "/subscribe/letter", "email=%22%3E%3Cscript%3E&cadence=daily").await;
        assert!(broken.status == 422 && !broken.body.contains("<script>"), "{}", broken.body);
        let letters = std::fs::read_dir(bench.folder.path().join("outbox/new")).unwrap().count();
        assert_eq!(letters, 1);
        assert!(daemon.stop().await);
    }
}

/// Asks so many times on one connection, with pauses, and then begins a header that it never ends.
async fn is_cut_off(web: SocketAddr, after: usize) {
    let mut slow = TcpStream::connect(web).await.unwrap();
    for _ in 0..after {
        slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            assert!(slow.read_buf(&mut answer).await.unwrap() > 0, "cut off without a reason");
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    slow.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
    let mut rest = Vec::new();
    let cut = tokio::time::timeout(Duration::from_secs(15), slow.read_to_end(&mut rest)).await;
    assert!(cut.is_ok(), "a slow header is waited for without end, after {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_answer_conditions_and_odd_requests_are_refused() {
    let bench = engines::all().await.remove(0);
    let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
    let (daemon, web) = daemon(&bench, &clock).await;
    let feed = get(web, "GET", "/feeds/letter.rss").await;
    assert!(feed.status == 200 && feed.head.contains("content-type: application/rss+xml; charset=utf-8"));
    let etag = feed.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let asking =
        |more: &str| format!("GET /feeds/letter.rss HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n\r\n");
    for (more, status) in [
        (format!("If-None-Match: {etag}"), 304),
        (format!("If-None-Match: \"x\", W/{etag}"), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
        ("If-Modified-Since: Fri, 01 Jan 2038 00:00:00 GMT".to_owned(), 304),
        ("If-None-Match: \"x\"\r\nIf-Modified-Since: Fri, 01 Jan 2038 00:00:00 GMT".to_owned(), 200),
        ("Accept-Encoding: gzip;q=0".to_owned(), 200),
    ] {
        let answer = ask(web, &asking(&more)).await;
        assert_eq!(answer.status, status, "{more}");
        if status == 304 {
            // What guides a cache, and no more: a million polls a day are mostly these (RFC 9110 section 15.4.5).
            let mut told: Vec<&str> =
                answer.head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
            told.sort_unstable();
            assert_eq!(told, ["cache-control", "connection", "date", "etag", "vary"], "{more}");
        }
    }
    for (accepted, coding) in [
        ("gzip", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("gzip, deflate, br, zstd", Some("br")),
        ("br;q=0.5, zstd;q=0.8", Some("zstd")),
        ("*", Some("br")),
        ("*, br;q=0", Some("zstd")),
        ("gzip;q=0, identity", None),
        ("deflate", None),
        ("identity;q=0, *;q=0", None),
    ] {
        let answer = ask(web, &asking(&format!("Accept-Encoding: {accepted}"))).await;
        let told = answer.head.lines().find_map(|line| line.strip_prefix("content-encoding: "));
        assert_eq!((answer.status, told), (200, coding), "{accepted}");
        // Each encoding has a tag of its own (RFC 9110 section 8.8.3), and any of them names the same feed.
        let own = answer.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        assert!(own.ends_with(&format!("-{}\"", coding.unwrap_or("identity"))), "{accepted}: {own}");
        assert_eq!(ask(web, &asking(&format!("If-None-Match: {own}"))).await.status, 304, "{accepted}");
    }
    for odd in ["/1.rss", "/x.rss", "/0.rss", "/99999999999.rss"] {
        assert_eq!(get(web, "GET", &format!("/feeds/letter{odd}")).await.status, 404, "{odd}");
    }
    assert_eq!(get(web, "HEAD", "/feed.atom?full=0&cache=7").await.status, 200);
    assert_eq!(get(web, "GET", "/tags/nothing.rss").await.status, 404);
    assert_eq!(get(web, "DELETE", "/").await.status, 405);
    let long = format!(
        "POST /subscribe/letter HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n{}",
        "x".repeat(70_000)
    );
    assert_eq!(ask(web, &long).await.status, 413);
    // A client that is slow with its header is cut off, with its first and with its fourth, after more time than one
    // may take; the server has not forgotten the others.
    tokio::join!(is_cut_off(web, 0), is_cut_off(web, 3));
    assert_eq!(get(web, "GET", "/healthz").await.body, "ok\n");
    assert!(daemon.stop().await);
}
