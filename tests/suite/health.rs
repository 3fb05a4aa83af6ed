//! Breakage is told: by the daemon itself, in mails that its courier delivers,
//! each once, across restarts.

use crate::engines::{self, Bench};
use crate::origin::{Answer, Origin, feed};
use crate::stage::{self, at};
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::Config;
use syndicated::daemon::{Daemon, Outside};
use syndicated::scheduler::Roles;

const HOUR: Duration = Duration::from_hours(1);

fn config(bench: &Bench, origin: &Origin) -> Config {
    let outbox = bench.folder.path().join("outbox");
    let text = stage::toml(bench, &format!("maildir:{}", outbox.display()), "{ daily = \"0 7 * * *\" }", "");
    let (before, newsletter) = (text.split("[[source]]").next().unwrap(), text.split("[[newsletter]]").nth(1).unwrap());
    let before = before.replace("timezone =", "owner = \"owner@example.org\"\ntimezone =");
    let source = |name: &str, more: &str| {
        format!("[[source]]\nname = \"{name}\"\nurl = \"{}\"\n{more}\n", origin.url(&format!("/{name}")))
    };
    let sources = source("feed", "") + &source("page", "kind = \"page\"\ncontent = \"feed\"");
    let fetch = "[fetch]\nallow = [\"127.0.0.0/8:*\"]\n";
    stage::load(bench, &format!("{before}{fetch}{sources}[[newsletter]]{newsletter}"))
}

/// The subjects of the mails that were delivered, sorted.
fn mails(bench: &Bench) -> Vec<String> {
    let folder = bench.folder.path().join("outbox/new");
    let mut subjects: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|file| {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(text.contains("owner@example.org"), "{text}");
            text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned()
        })
        .collect();
    subjects.sort();
    subjects
}

/// Time goes on in steps that a health check fits into; each poll ends before the next step.
async fn go_on(daemon: &Daemon, clock: &Clock, span: Duration) {
    let end = clock.now().plus(span);
    while clock.now() < end {
        let deadline = Instant::now() + Duration::from_secs(20);
        while daemon.store.source_rows().await.unwrap().iter().any(|row| row.next_poll_at <= clock.now()) {
            assert!(Instant::now() < deadline, "a poll does not end");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        clock.advance(Duration::from_mins(11).max(span / 12));
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}

/// Time goes on meanwhile: on a busy machine, the last check may have come before the last poll ended.
async fn until_mailed(bench: &Bench, clock: &Clock, subjects: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while mails(bench) != subjects {
        assert!(Instant::now() < deadline, "{}: {:?}", bench.engine, mails(bench));
        clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_breakage_is_mailed_once_and_its_end_once_whatever_is_restarted() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let list = "<html><body><main><article><h2><a href=/1>The first post</a></h2><time datetime=2026-11-01>x</time>\
                    <p>How it begins.</p></article><article><h2><a href=/2>The second post</a></h2><time \
                    datetime=2026-11-02>y</time><p>How that begins.</p></article></main></body></html>";
        let page = |html: &str| Answer::ok(html).header("Content-Type", "text/html");
        let well = || {
            origin.set("/feed", Answer::ok(feed(1..=2)));
            origin.set("/page", page(list));
        };
        well();
        let clock = Clock::manual(at("2026-11-23T07:00:00Z"));
        let start = async || {
            let roles = Roles { web: false, ..Roles::ALL };
            let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles };
            Daemon::start(config(&bench, &origin), outside).await.unwrap()
        };
        let daemon = start().await;
        go_on(&daemon, &clock, HOUR).await;
        assert!(mails(&bench).is_empty());

        origin.set("/feed", Answer::status(500));
        origin.set("/page", page("<html><body><div id=app></div></body></html>"));
        go_on(&daemon, &clock, 2 * HOUR).await;
        until_mailed(&bench, &clock, &["syndicated cannot read page"]).await;
        assert!(daemon.stop().await);
        let daemon = start().await;
        go_on(&daemon, &clock, 20 * HOUR).await;
        until_mailed(&bench, &clock, &["syndicated cannot read page"]).await;
        go_on(&daemon, &clock, 4 * HOUR).await;
        let both = ["syndicated cannot read feed", "syndicated cannot read page"];
        until_mailed(&bench, &clock, &both).await;
        assert!(daemon.stop().await);
        let daemon = start().await;
        go_on(&daemon, &clock, 48 * HOUR).await;
        until_mailed(&bench, &clock, &both).await;

        well();
        go_on(&daemon, &clock, 26 * HOUR).await;
        let again = || mails(&bench).into_iter().filter(|subject| subject.ends_with("again")).collect::<Vec<_>>();
        // Of each in a mail of its own, or of both in one.
        let is_all = |told: &[String]| {
            told == ["syndicated can read feed again", "syndicated can read page again"]
                || told == ["syndicated can read 2 sources again"]
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_all(&again()) {
            assert!(Instant::now() < deadline, "{}: {:?}", bench.engine, again());
            clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let told = again();
        assert!(daemon.stop().await);
        let daemon = start().await;
        go_on(&daemon, &clock, 26 * HOUR).await;
        assert_eq!(again(), told);
        assert_eq!(mails(&bench).len(), 2 + told.len());
        assert!(daemon.stop().await);
    }
}
