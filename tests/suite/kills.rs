//! R1: the real daemon, killed again and again over one digest. Nobody is left
//! out, and no more mails come twice than were in flight.

use crate::engines;
use crate::program;
use crate::sink::Sink;
use crate::stage::{self, Stage};
use std::collections::HashMap;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::domain::digest::DigestState;
use syndicated::flow::digest::Outcome;
use tokio::process::Child;

const CONNECTIONS: usize = 8;

/// Readers and kills: 10,000 and 200, or a tenth of that.
fn size() -> (usize, usize) {
    if std::env::var_os("SYNDICATED_TEST_FULL").is_some() { (10_000, 200) } else { (1_000, 20) }
}

fn start(config: &std::path::Path) -> Child {
    program::command(config).env("SYNDICATED_LOG", "error").spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_in_mid_digest_skips_nobody_and_repeats_only_what_was_in_flight() {
    let (readers, kills) = size();
    for bench in engines::all().await {
        let sink = Sink::start();
        let syndicated::config::Relay::Smtp { port, .. } = sink.relay() else { panic!() };
        let relay = format!("smtp://127.0.0.1:{port}");
        let config =
            stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", &format!("connections = {CONNECTIONS}"));
        let stage = Stage::new(&bench, config, Clock::system().now()).await;
        stage.readers(readers, "daily").await;
        stage.admit(&["하나", "둘"]).await;
        let fired = stage.digester().send_now("letter", "daily").await.unwrap();
        let Outcome::Frozen { digest, recipients, .. } = fired.outcome else { panic!("{fired:?}") };
        assert_eq!(recipients, readers as u64);

        let chance = Chance::seeded(16);
        let mut marked = 0;
        let path = bench.folder.path().join("config.toml");
        for kill in 0..kills {
            let mut daemon = start(&path);
            // It starts as fast as the machine lets it, and dies at a random instant of its work:
            // after so many mails, and then at any moment of the next.
            let mails = usize::try_from(chance.jitter(Duration::from_millis(30), 1.0).as_millis()).unwrap();
            let reached = sink.count() + mails;
            sink.until(|ledger| ledger.len() >= reached.min(readers)).await;
            tokio::time::sleep(chance.jitter(Duration::from_millis(5), 1.0)).await;
            daemon.kill().await.unwrap();
            let balance = stage.store.balance(digest).await.unwrap();
            assert!(balance.attempting <= CONNECTIONS as u64, "{}: kill {kill}: {balance:?}", bench.engine);
            // Nobody fell out, and nothing counts as sent that the relay does not have.
            assert_eq!(balance.recipients, readers as u64, "{}: kill {kill}: {balance:?}", bench.engine);
            assert_eq!(balance.bounced + balance.suppressed + balance.expired, 0, "{balance:?}");
            assert!(balance.sent <= sink.reached().len() as u64, "{}: kill {kill}: {balance:?}", bench.engine);
            marked += balance.attempting;
        }
        let mut daemon = start(&path);
        sink.until(|ledger| {
            let has: std::collections::HashSet<&str> =
                ledger.iter().filter(|mail| mail.taken).map(|mail| mail.to.as_str()).collect();
            has.len() == readers
        })
        .await;
        // The last verdicts are written after the relay gave them.
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while stage.store.digest(digest).await.unwrap().unwrap().state != DigestState::Done {
            assert!(std::time::Instant::now() < deadline, "{:?}", stage.store.balance(digest).await.unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        daemon.kill().await.unwrap();

        let balance = stage.store.balance(digest).await.unwrap();
        assert_eq!((balance.sent, balance.recipients, balance.is_closed()), (readers as u64, readers as u64, true));
        let mut copies: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
        for mail in sink.taken() {
            copies.entry(mail.to).or_default().push(mail.bytes);
        }
        assert_eq!(copies.len(), readers);
        let repeats: usize = copies.values().map(|copies| copies.len() - 1).sum();
        assert!(repeats as u64 <= marked, "{}: {repeats} repeats of {marked} marked", bench.engine);
        assert!(repeats <= kills * CONNECTIONS, "{}: {repeats} repeats at {kills} kills", bench.engine);
        for (reader, copies) in copies {
            assert!(copies.iter().all(|copy| *copy == copies[0]), "{reader} got two different mails");
        }
        println!("{}: {marked} marked at {} kills, {repeats} mails repeated, 0 missing", bench.engine, kills);
    }
}
