//! R5 in small: a disk that fills up at any write. Whatever was acknowledged is
//! kept, nobody is told a lie, and all goes on by itself once there is room.
//!
//! A limit on the size of files, set on the running program from outside, fails
//! its writes as a full disk does, at a byte of the test's choosing.

use crate::engines;
use crate::origin::{Answer, Origin, feed};
use crate::program::{Program, command_after, until};
use crate::serving::{ask, form_token, get};
use crate::stage;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use syndicated::store::{PostFilter, Store, SubscriptionFilter};
use tokio::process::Command;

const ROUNDS: u32 = 16;

/// The program under a limit, told of failed writes and not killed for them.
fn limited(config: &Path, limit: &str) -> Command {
    command_after(&format!("trap '' XFSZ; exec prlimit --fsize='{limit}:unlimited'"), config)
}

async fn poll(config: &Path, limit: &str) -> Output {
    limited(config, limit).arg("poll").stdout(Stdio::piped()).stderr(Stdio::piped()).output().await.unwrap()
}

async fn limit(daemon: &Program, limit: &str) {
    let (pid, limit) = (daemon.pid().to_string(), format!("--fsize={limit}:unlimited"));
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().await.unwrap().success());
}

/// The form, filled in by another reader, from another network, each time.
async fn subscribe(web: SocketAddr, number: u32) -> u16 {
    let token = form_token(web, "/subscribe/letter").await;
    let form = format!("email=r{number}%40example.com&cadence=daily&token={token}&website=");
    let head = format!(
        "POST /subscribe/letter HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 10.{number}.0.1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        form.len()
    );
    let answer = ask(web, &(head + &form)).await;
    if answer.status == 503 {
        assert!(answer.head.contains("retry-after:"), "{}", answer.head);
    }
    answer.status
}

async fn posts(store: &Store) -> Vec<String> {
    let all = PostFilter { limit: 1_000, ..PostFilter::default() };
    store.post_list(&all).await.unwrap().into_iter().map(|post| post.entry.title).collect()
}

async fn readers(store: &Store) -> BTreeSet<String> {
    let all = SubscriptionFilter { limit: 1_000, ..Default::default() };
    store.subscriptions(&all).await.unwrap().into_iter().map(|reader| reader.email.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_costs_nothing_that_was_acknowledged() {
    let bench = engines::all().await.remove(0);
    let origin = Origin::start().await;
    origin.set("/feed", Answer::ok(feed(1..=1)).etag("\"1\""));
    let outbox = bench.folder.path().join("outbox");
    let config = bench.folder.path().join("config.toml");
    let text = stage::toml(&bench, &format!("maildir:{}", outbox.display()), "{ daily = \"0 7 * * *\" }", "")
        .replace("http://127.0.0.1:9/feed.xml", origin.url("/feed").as_str())
        .replace("[http]\n", "[fetch]\nallow = [\"127.0.0.0/8:*\"]\n\n[http]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    std::fs::write(&config, text).unwrap();
    let daemon = Program::start_as(limited(&config, "unlimited"), &config).await;
    let web = daemon.web;
    assert!(poll(&config, "unlimited").await.status.success());
    let store = bench.open().await;
    let mut log = bench.folder.path().join("syndicated.db").into_os_string();
    log.push("-wal");

    let (mut refused, mut failed, mut taken) = (0, 0, BTreeSet::new());
    for round in 0..ROUNDS {
        let last = round + 2;
        origin.set("/feed", Answer::ok(feed(1..=last)).etag(&format!("\"{last}\"")));
        // Room for so many pages more, and in the middle of the next.
        let room = std::fs::metadata(&log).unwrap().len() + u64::from(round) * 3 * 4_120 + 60;
        limit(&daemon, &room.to_string()).await;
        let polled = poll(&config, &room.to_string()).await;
        let answered = subscribe(web, round).await;
        assert_eq!(get(web, "GET", "/feeds/letter.rss").await.status, 200, "feeds stay up");
        limit(&daemon, "unlimited").await;

        if !polled.status.success() {
            failed += 1;
            let said = String::from_utf8([polled.stdout, polled.stderr].concat()).unwrap();
            assert!(said.contains("disk") && !said.contains("panicked"), "{said}");
        }
        match answered {
            200 => drop(taken.insert(format!("r{round}@example.com"))),
            503 => refused += 1,
            other => panic!("the form answered {other}"),
        }
        assert!(readers(&store).await.is_superset(&taken), "an acknowledged reader is lost");
        // With room again, and when the lease of the poll that could not say its end is over, all
        // goes on: the post was not lost with its validators.
        bench.execute("UPDATE source SET lease_until = 0").await;
        assert!(poll(&config, "unlimited").await.status.success());
        let mut titles = posts(&store).await;
        titles.sort_by_key(|title| title.trim_start_matches("Post ").parse::<u32>().unwrap());
        assert_eq!(titles, (1..=last).map(|number| format!("Post {number}")).collect::<Vec<_>>());
        assert_eq!(subscribe(web, round + 100).await, 200);
        taken.insert(format!("r{}@example.com", round + 100));
    }
    assert!(refused > 0 && failed > 0, "{refused} forms refused, {failed} polls failed: the disk was never full");
    assert_eq!(readers(&store).await, taken, "and nobody else");
    // Each of them is asked to confirm, once.
    let letters = || std::fs::read_dir(outbox.join("new")).map_or(0, Iterator::count);
    until("a letter to each", async || (letters() >= taken.len()).then_some(())).await;
    assert_eq!(letters(), taken.len());
    assert!(daemon.terminate().await.success());
    println!("a full disk: {refused} forms and {failed} polls of {ROUNDS} were refused, 0 lost");
}
