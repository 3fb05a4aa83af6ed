//! S1, S2: no way leads to an address that is not public, however it is spelled
//! and whoever names it, but for what the operator allowed.
//!
//! A new way out is a line in [`WAYS`]; a new spelling is one in [`HOSTS`],
//! [`TRICKS`] or [`NAMES`].

use crate::engines;
use crate::origin::{Answer, Item, Origin, feed, rss};
use crate::polling::{self, World, source};
use crate::program::command;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use syndicated::clock::Clock;
use syndicated::config::{Allow, Fetch};
use syndicated::domain::source::{Source, TextFrom};
use syndicated::domain::time::Timestamp;
use syndicated::domain::url::HttpUrl;
use syndicated::flow::poll::PollOutcome;
use syndicated::net::{Client, FetchError, Guard, Names, Outcome, Request};
use tokio::net::TcpListener;

/// Addresses in URLs, in the spellings that a URL parser understands.
const HOSTS: [&str; 80] = [
    // Loopback: short, decimal, octal, hexadecimal, mixed, escaped, in other digits and dots.
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0177.1",
    "0x7f000001",
    "0x7f.0x0.0x0.0x1",
    "0X7F.1",
    "0177.0.0.01",
    "00000177.0.0.1",
    "0x7f.1",
    "127.0x000001",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "127。0。0。1",
    "127.0.0.1",
    "127｡0｡0｡1",
    "①②⑦.0.0.1",
    "①②⑦.⓪.⓪.①",
    "127.0.0.1",
    "127.0.0.1.",
    "12\t7.0.0.1",
    "127.0.\n0.1",
    "1\u{ad}27.0.0.1",
    // This network, private, shared, link-local; where clouds keep their secrets.
    "0",
    "0x0",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "0xa.1",
    "167772161",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.257",
    "3232235521",
    // Assignments, documentation, benchmarks, multicast, reserved, broadcast.
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    // IPv6: unspecified, loopback, compatible, mapped, translated.
    "[::]",
    "[::1]",
    "[0000:0:0:0:0:0:0:0001]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::a00:1]",
    // Discard, Teredo, documentation, 6to4, ULA, metadata in a ULA, link-local, site-local, multicast.
    "[100::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::]",
    "[fd12:3456:789a::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
];

/// Addresses that pretend to be others; `@PORT@` is the port inside.
const TRICKS: [&str; 14] = [
    "http://public.example@127.0.0.1:@PORT@/",
    "http://user:secret@127.0.0.1:@PORT@/",
    "http://public.example:80@127.0.0.1:@PORT@/",
    "http://@127.0.0.1:@PORT@/",
    "http://:@127.0.0.1:@PORT@/",
    "http://127.0.0.1:@PORT@#@public.example/",
    "http://127.0.0.1:@PORT@\\@public.example/",
    "http://127.0.0.1:@PORT@?@public.example/",
    "http:127.0.0.1:@PORT@/",
    "http:///127.0.0.1:@PORT@/",
    "http:\\\\127.0.0.1:@PORT@\\",
    "ht\ttp://127.0.0.1:@PORT@/",
    "http://[fe80::1%25lo]:@PORT@/",
    "HTTP://127.0.0.1:0@PORT@/",
];

/// Names, and where they lead.
const NAMES: [(&str, &str); 22] = [
    ("localhost", "127.0.0.1"),
    ("LOCALHOST", "::1"),
    ("localhost.", "127.0.0.1"),
    ("localhost.localdomain", "127.0.0.1"),
    ("api.localhost", "127.0.0.1"),
    ("ip6-localhost", "::1"),
    ("ｌｏｃａｌｈｏｓｔ", "127.0.0.1"),
    ("loc\u{ad}alhost", "127.0.0.1"),
    ("127.0.0.1.wildcard.example", "127.0.0.1"),
    ("inside.example", "127.0.0.1"),
    ("内部.example", "127.0.0.1"),
    ("under_score.example", "127.0.0.1"),
    ("loop.example", "127.8.8.8"),
    ("zero.example", "0.0.0.0"),
    ("unspecified.example", "::"),
    ("mapped.example", "::ffff:127.0.0.1"),
    ("translated.example", "64:ff9b::7f00:1"),
    ("six.example", "2002:7f00:1::"),
    ("local.example", "fe80::1"),
    ("metadata.google.internal", "169.254.169.254"),
    ("private.example", "10.0.0.1"),
    ("shared.example", "100.64.0.1"),
];

/// A way by which a hostile address could become a request: told of an origin,
/// its own number and the address, it prepares the origin and returns the
/// source to poll, or `None` where the configuration would refuse the address.
struct Way {
    name: &'static str,
    lead: fn(&Origin, usize, &str) -> Option<Source>,
    /// What the origin says at a second poll.
    again: fn(&Origin, usize, &str),
}

const WAYS: [Way; 6] = [
    Way { name: "fetch", lead: |_, at, target| Some(source(&named("fetch", at), &target.parse().ok()?)), again: same },
    Way {
        name: "redirect",
        lead: |origin, at, target| {
            origin.set(&format!("/redirect/{at}"), Answer::to(301, target));
            Some(source(&named("redirect", at), &origin.url(&format!("/redirect/{at}"))))
        },
        again: same,
    },
    Way {
        name: "discovered",
        lead: |origin, at, target| {
            let link = format!("<link rel=\"alternate\" type=\"application/rss+xml\" href=\"{target}\">");
            origin.set(&format!("/page/{at}"), Answer::ok(format!("<html><head>{link}</head><body>x</body></html>")));
            Some(source(&named("discovered", at), &origin.url(&format!("/page/{at}"))))
        },
        again: same,
    },
    Way {
        name: "guessed",
        lead: |origin, at, target| {
            // The feed of such a page is guessed to be at its address and `.rss`.
            origin.set(&format!("/@n{at}"), Answer::ok("<html><body><div id='mastodon'></div></body></html>"));
            origin.set(&format!("/@n{at}.rss"), Answer::to(302, target));
            Some(source(&named("guessed", at), &origin.url(&format!("/@n{at}"))))
        },
        again: same,
    },
    Way {
        name: "archive",
        lead: |origin, at, _| {
            origin.set(&format!("/archive/{at}"), Answer::ok(feed(1..=1)));
            Some(source(&named("archive", at), &origin.url(&format!("/archive/{at}"))))
        },
        again: |origin, at, target| {
            let older = format!("<atom:link rel=\"prev-archive\" href=\"{target}\"/>");
            origin.set(&format!("/archive/{at}"), Answer::ok(rss(&[Item::number(2)], &older)));
        },
    },
    Way {
        name: "article",
        lead: |origin, at, target| {
            let item = Item { link: target.to_owned(), ..Item::number(1) };
            origin.set(&format!("/article/{at}"), Answer::ok(rss(&[item], "")));
            let source = source(&named("article", at), &origin.url(&format!("/article/{at}")));
            Some(Source { content: TextFrom::Page, ..source })
        },
        again: same,
    },
];

fn same(_: &Origin, _: usize, _: &str) {}

fn named(way: &str, at: usize) -> String {
    format!("{way}-{at}")
}

/// Every spelling, as an address with this port.
fn targets(port: u16) -> Vec<String> {
    let hosts = HOSTS.iter().copied().chain(NAMES.map(|(name, _)| name));
    let tricks = TRICKS.iter().map(|trick| trick.replace("@PORT@", &port.to_string()));
    hosts.map(|host| format!("http://{host}:{port}/")).chain(tricks).collect()
}

/// The names of the table, and two that are allowed.
fn names() -> Names {
    let answers: Vec<(String, IpAddr)> = NAMES
        .iter()
        .map(|(name, address)| {
            let url: HttpUrl = format!("http://{name}/").parse().unwrap();
            (url.host().to_owned(), address.parse().unwrap())
        })
        .collect();
    // `LOCALHOST` is `localhost`, and leads to both.
    Names::scripted(move |asked| answers.iter().filter(|(name, _)| name == asked).map(|(_, ip)| *ip).collect())
}

fn only(address: SocketAddr) -> Allow {
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    Allow { network: address.ip(), prefix, port: Some(address.port()) }
}

/// Who connects is counted, and let go.
async fn tripwire(address: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let (port, trips) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = trips.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (port, trips)
}

/// A port where every connection to this machine is noticed, by IPv4 or IPv6.
async fn inside() -> (u16, Arc<AtomicUsize>) {
    tripwire("[::]:0").await
}

#[test]
fn what_is_not_the_public_internet_is_refused_in_every_spelling() {
    let distinct: BTreeSet<_> = HOSTS.iter().collect();
    assert!(distinct.len() + TRICKS.len() + NAMES.len() >= 60 + 50);
    for host in HOSTS {
        for url in [format!("http://{host}/"), format!("https://{host}:8443/feed")] {
            let url: HttpUrl = url.parse().unwrap();
            let port = url.as_url().port_or_known_default().unwrap();
            let ip: IpAddr = match url.as_url().host().unwrap() {
                url::Host::Ipv4(ip) => ip.into(),
                url::Host::Ipv6(ip) => ip.into(),
                url::Host::Domain(name) => panic!("{host} is the name {name}"),
            };
            assert!(!Guard::default().permits((ip, port).into()), "{host} → {ip}");
        }
    }
}

/// S1: every spelling by every way, and none arrives. What is allowed arrives by
/// every way, so that each is known to lead out.
#[tokio::test(flavor = "multi_thread")]
async fn no_way_leads_to_an_address_that_is_not_public() {
    let bench = &engines::all().await[0];
    let ((port, trips), origin, door) = (inside().await, Origin::start().await, Origin::start().await);
    // Beside the door: the same port at the next address.
    let (_, beside) = tripwire(&format!("127.0.0.2:{}", door.port())).await;
    let mut targets = targets(port);
    targets.push(format!("http://127.0.0.2:{}/", door.port()));
    let (refused, full) = (targets.len(), std::env::var_os("SYNDICATED_TEST_FULL").is_some());
    targets.push(door.url("/").to_string());
    let mut sources = Vec::new();
    for (number, target) in targets.iter().enumerate() {
        // Each is a poll or two: in the ordinary run every spelling takes two of the ways.
        let mine = |way: usize| full || number >= refused || (number + way).is_multiple_of(3);
        let ways = WAYS.iter().enumerate().filter(|(way, _)| mine(*way));
        sources.extend(ways.filter_map(|(_, way)| (way.lead)(&origin, number, target)));
    }
    let doors: Vec<_> = WAYS.iter().map(|way| named(way.name, refused)).collect();
    let mut config = polling::config(sources);
    config.fetch.allow = vec![only(([127, 0, 0, 1], origin.port()).into()), only(([127, 0, 0, 1], door.port()).into())];
    let world = World::with_names(bench, config, names()).await;
    for round in 0..2 {
        for report in world.poller.poll_due(&world.stop).await.unwrap() {
            let (name, outcome) = (report.name.as_str(), &report.outcome);
            let ends_elsewhere = name.starts_with("archive") || name.starts_with("article");
            match outcome {
                PollOutcome::Failed(_) => {}
                PollOutcome::Read(_) if ends_elsewhere => {}
                _ => panic!("{name}: {outcome:?}"),
            }
            if round == 0 && name.starts_with("fetch") && !doors.iter().any(|door| door == name) {
                assert!(format!("{outcome:?}").contains("not a public address"), "{name}: {outcome:?}");
            }
        }
        for (number, target) in targets.iter().enumerate() {
            for way in &WAYS {
                (way.again)(&origin, number, target);
            }
        }
        world.clock.advance(Duration::from_hours(25));
    }
    assert_eq!((trips.load(Ordering::Relaxed), beside.load(Ordering::Relaxed)), (0, 0));
    // By name of the way: by fetch, redirect, discovery, guess, archive and article the door was reached.
    assert!(door.asked().len() >= WAYS.len(), "every way leads out");
}

/// S1 for forms, which hubs are asked with: straight, and by a redirect.
#[tokio::test]
async fn no_form_is_sent_to_an_address_that_is_not_public() {
    let ((port, trips), origin) = (inside().await, Origin::start().await);
    let client = client(names(), vec![only(([127, 0, 0, 1], origin.port()).into())]);
    for target in targets(port) {
        origin.set("/hub", Answer::to(307, &target));
        assert!(client.send_form(&origin.url("/hub"), &[("hub.mode", "subscribe")]).await.is_err(), "{target}");
        if let Ok(url) = target.parse() {
            let refused = client.send_form(&url, &[("hub.mode", "subscribe")]).await.unwrap_err();
            assert!(matches!(refused, FetchError::Refused(_)), "{target}: {refused:?}");
        }
    }
    assert_eq!(trips.load(Ordering::Relaxed), 0);
    origin.set("/hub", Answer::status(202));
    client.send_form(&origin.url("/hub"), &[("hub.mode", "subscribe")]).await.unwrap();
}

/// S1 for what people type: `read URL` and `source add URL`, as the built program.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_guarded_too() {
    let folder = tempfile::tempdir().unwrap();
    let ((port, trips), door) = (inside().await, Origin::start().await);
    door.set("/feed", Answer::ok(feed(1..=1)));
    let path = folder.path().join("config.toml");
    let text = format!(
        "[site]\ntitle = \"T\"\nbase_url = \"http://127.0.0.1:8080\"\n[fetch]\nallow = [\"127.0.0.1:{}\"]\n\
         [mail]\nfrom = \"t@example.com\"\n",
        door.port()
    );
    std::fs::write(&path, text).unwrap();
    let run = async |words: &[&str]| {
        let output = command(&path).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = tokio::time::timeout(Duration::from_secs(20), output).await.unwrap().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for words in [&["read"][..], &["source", "add"]] {
        // Each is a process: in the ordinary run every fifth spelling has its turn.
        let step = if std::env::var_os("SYNDICATED_TEST_FULL").is_some() { 1 } else { 5 };
        for target in targets(port).into_iter().step_by(step) {
            if words != ["read"] && !target.contains("://") {
                // A host's name, to `source add`.
                continue;
            }
            let name = target.split(['/', ':']).nth(3).unwrap_or_default();
            if NAMES.iter().any(|(known, _)| *known == name && !known.eq_ignore_ascii_case("localhost")) {
                // Only the machine's own resolver answers here.
                continue;
            }
            let (code, said) = run(&[words, &[&target]].concat()).await;
            // What is no address to `read` is a file.
            let refused = ["not a public address", "cannot read http:", "cannot read ht\ttp:", "cannot read HTTP:"];
            let refused = code == Some(2) || refused.iter().any(|words| said.contains(words));
            assert!(refused, "{words:?} {target}: {code:?} {said}");
        }
        assert_eq!(trips.load(Ordering::Relaxed), 0);
        let (code, said) = run(&[words, &[door.url("/feed").as_str()]].concat()).await;
        assert_eq!(code, Some(0), "{said}");
    }
}

/// A client of its own, with these answers and doors.
fn client(names: Names, allow: Vec<Allow>) -> Client {
    let fetch = Fetch { allow, ..Fetch::default() };
    let clock = Clock::manual(Timestamp::from_millis(0));
    Client::new(&fetch, &"https://news.example.org/".parse().unwrap(), names, clock).unwrap()
}

async fn fetch(client: &Client, url: &HttpUrl) -> Result<Outcome, FetchError> {
    client.fetch(Request { url, etag: None, last_modified: None }).await
}

/// S2: a name that answers with a public address when it is checked and with a
/// private one when it is asked again: at the connection, or at the next hop.
#[tokio::test]
async fn a_name_that_rebinds_a_thousand_times_reaches_nothing() {
    // 127.0.0.2, where a blog redirects to itself, plays the public address.
    let (port, trips) = tripwire("127.0.0.1:0").await;
    let blog = Origin::start_at(&format!("127.0.0.2:{port}")).await;
    blog.set("/", Answer::to(302, "/again"));
    blog.set("/again", Answer::ok(feed(1..=1)));
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    let names = Names::scripted(move |_| {
        let even = counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        vec![[127, 0, 0, if even { 2 } else { 1 }].into()]
    });
    let client = client(names, vec![only(([127, 0, 0, 2], port).into())]);
    let url = format!("http://rebinds.example:{port}/").parse().unwrap();
    for fetches in 1..=1000 {
        let refused = fetch(&client, &url).await.unwrap_err();
        assert!(matches!(&refused, FetchError::Refused(why) if why.contains("not a public address")), "{refused:?}");
        assert_eq!(lookups.load(Ordering::Relaxed), 2 * fetches, "a name is looked up once a hop");
    }
    assert_eq!((trips.load(Ordering::Relaxed), blog.asked().len()), (0, 1000));
}

/// A name with several addresses is asked at those that may be connected to.
#[tokio::test]
async fn of_a_name_with_several_addresses_only_the_public_ones_are_tried() {
    let (port, trips) = tripwire("127.0.0.1:0").await;
    let blog = Origin::start_at(&format!("127.0.0.2:{port}")).await;
    blog.set("/", Answer::ok(feed(1..=1)));
    let names = Names::scripted(|_| [[127, 0, 0, 1], [10, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from).into());
    let client = client(names, vec![only(([127, 0, 0, 2], port).into())]);
    let url = format!("http://mixed.example:{port}/").parse().unwrap();
    assert!(matches!(fetch(&client, &url).await, Ok(Outcome::Fresh(_))));
    assert_eq!(trips.load(Ordering::Relaxed), 0);
}

/// What an operator allowed is let in: that network, that port, and when it is
/// taken back, nothing any more.
#[tokio::test]
async fn the_operator_opens_just_what_is_named() {
    let (named, other) = (Origin::start().await, Origin::start().await);
    for origin in [&named, &other] {
        origin.set("/", Answer::ok(feed(1..=1)));
    }
    let contact = "https://news.example.org/".parse().unwrap();
    for (prefix, port, reached) in [
        (32, Some(named.port()), [true, false]),
        (32, None, [true, true]),
        (8, Some(other.port()), [false, true]),
        (31, None, [true, true]),
    ] {
        let allow = Allow { network: [127, 0, 0, 1].into(), prefix, port };
        let client = client(Names::system(), vec![allow]);
        for (origin, reached) in [&named, &other].into_iter().zip(reached) {
            assert_eq!(fetch(&client, &origin.url("/")).await.is_ok(), reached, "/{prefix} {port:?}");
        }
        client.reconfigure(&Fetch::default(), &contact);
        assert!(matches!(fetch(&client, &named.url("/")).await, Err(FetchError::Refused(_))));
    }
}

/// What one host gave or was given is no other's: cookies, logins, the address
/// that led there.
#[tokio::test]
async fn nothing_private_goes_from_one_host_to_another() {
    let (first, second) = (Origin::start().await, Origin::start().await);
    let to = |origin: &Origin, host: &str, path: &str| format!("http://{host}.example:{}{path}", origin.port());
    first.set(
        "/?token=secret",
        Answer::to(302, &to(&second, "b", "/"))
            .header("Set-Cookie", "a=1; Path=/")
            .header("Set-Cookie", "b=2; Domain=b.example; Path=/"),
    );
    second.set("/", Answer::to(302, &to(&first, "a", "/end")).header("Set-Cookie", "d=4; Path=/"));
    first.set("/end", Answer::ok(feed(1..=1)));
    first.set("/login", Answer::to(302, &to(&second, "user:secret@b", "/")));
    let doors = [&first, &second].map(|origin| only(([127, 0, 0, 1], origin.port()).into()));
    let client = client(Names::scripted(|_| vec![[127, 0, 0, 1].into()]), doors.into());
    let url = to(&first, "a", "/?token=secret").parse().unwrap();
    fetch(&client, &url).await.unwrap();
    let (asked_first, asked_second) = (first.asked(), second.asked());
    assert_eq!(asked_first[1].headers.get("cookie").map(String::as_str), Some("a=1"));
    assert_eq!(asked_second[0].headers.get("cookie"), None);
    for asked in asked_first.iter().chain(&asked_second) {
        assert!(!asked.headers.contains_key("referer") && !asked.headers.contains_key("authorization"), "{asked:?}");
    }
    let url = to(&first, "a", "/login").parse().unwrap();
    let refused = fetch(&client, &url).await.unwrap_err().to_string();
    assert!(refused.contains("without a usable address") && !refused.contains("secret"), "{refused}");
    assert!(second.asked().is_empty());
}
