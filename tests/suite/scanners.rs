//! What stands between a mail and its reader opens every link there is (S6), and mail
//! programs leave by one click (S7).

use crate::engines;
use crate::looking::contents;
use crate::serving::{get, post};
use crate::stage::{self, Stage, at};
use futures_util::{StreamExt as _, stream};
use mail_parser::MessageParser;
use std::collections::BTreeSet;
use std::time::Duration;
use syndicated::clock::Chance;
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::subscriber::SubscriptionState;
use syndicated::scheduler::Roles;
use syndicated::store::SubscriptionFilter;

/// Requests under way at once: an address may hold a hundred connections.
const AT_ONCE: usize = 20;

/// Every address of the site in a mail's parts, as a path, and that of its one click.
fn links(bytes: &[u8]) -> (BTreeSet<String>, String) {
    const SITE: &str = "http://news.example.org";
    let mail = MessageParser::default().parse(bytes).unwrap();
    let header = |name: &str| mail.header_raw(name).unwrap().trim().to_owned();
    assert_eq!(header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let one_click = header("List-Unsubscribe");
    let one_click = one_click.split_once(SITE).unwrap().1.split('>').next().unwrap().to_owned();
    let mut paths = BTreeSet::from([one_click.clone()]);
    for part in [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()] {
        for rest in part.split(SITE).skip(1) {
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>')).unwrap_or(rest.len());
            paths.insert(if end == 0 { "/".to_owned() } else { rest[..end].to_owned() });
        }
    }
    (paths, one_click)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_of_every_mail_is_opened_and_nothing_changes_and_then_each_leaves_by_one_click() {
    let readers = if std::env::var_os("SYNDICATED_TEST_FULL").is_some() { 1000 } else { 50 };
    for bench in engines::all().await {
        let outbox = bench.folder.path().join("outbox");
        let cadences = "{ daily = \"0 7 * * *\", weekly = \"0 7 * * MON\" }";
        let config = stage::config(&bench, &format!("maildir:{}", outbox.display()), cadences, "");
        let stage = Stage::new(&bench, config.clone(), at("2026-11-22T21:00:00Z")).await;
        stage.readers(readers, "daily").await;
        stage.admit(&["one"]).await;
        stage.clock.advance(Duration::from_hours(1));
        stage.digester().fire_due().await.unwrap();
        assert_eq!(stage.deliverer().drain().await.unwrap().sent, u64::try_from(readers).unwrap());
        // Two years later.
        stage.clock.advance(Duration::from_hours(2 * 366 * 24));
        let roles = Roles { poll: false, send: false, web: true };
        let outside = Outside { clock: stage.clock.clone(), chance: Chance::seeded(3), roles };
        let daemon = Daemon::start(config, outside).await.unwrap();
        let web = daemon.web.unwrap();

        let (mut all, mut clicks) = (BTreeSet::new(), Vec::new());
        for file in std::fs::read_dir(outbox.join("new")).unwrap() {
            let (paths, one_click) = links(&std::fs::read(file.unwrap().path()).unwrap());
            assert!(paths.len() >= 3, "{paths:?}");
            all.extend(paths);
            clicks.push(one_click);
        }
        // Each reader's way out and own page, the site's, and the digest's.
        assert_eq!((clicks.len(), all.len()), (readers, 2 * readers + 2));
        let before = contents(&bench).await;
        let asked = stream::iter(all.iter().flat_map(|path| [("GET", path), ("HEAD", path)]));
        let answers: Vec<u16> = asked
            .map(async |(method, path)| get(web, method, path).await.status)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
        assert_eq!(contents(&bench).await, before);

        let clicked = stream::iter(&clicks).map(async |path| post(web, path, "List-Unsubscribe=One-Click").await);
        let answers: Vec<_> = clicked.buffer_unordered(AT_ONCE).collect().await;
        assert!(answers.iter().all(|answer| answer.status == 200 && !answer.head.contains("set-cookie")));
        let filter = SubscriptionFilter { limit: 10_000, ..Default::default() };
        let left = daemon.store.subscriptions(&filter).await.unwrap();
        assert_eq!(left.len(), readers);
        assert!(left.iter().all(|reader| reader.state == SubscriptionState::Unsubscribed));
        assert!(daemon.stop().await);
    }
}
