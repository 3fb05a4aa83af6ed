//! R13: sends cancelled in mid-transaction, over and over, at a relay that
//! refuses the next. A reply that was meant for one mail is never taken for
//! another's: nothing is recorded as sent that the relay does not have.

use crate::program::until;
use crate::sink::{Act, Phase, Sink};
use crate::stage::{self, Stage, at};
use crate::{crash, engines};
use std::collections::HashSet;
use std::time::Duration;
use syndicated::clock::Chance;
use syndicated::config::Relay;
use syndicated::domain::delivery::{Decision, DeliveryState};
use syndicated::domain::digest::DigestState;
use syndicated::flow::digest::Outcome;

/// Every tenth reader is refused: few enough for the digest to go on.
fn is_refused(to: &str) -> bool {
    to.split('@').next().is_some_and(|user| user.ends_with('9'))
}

fn cancels() -> usize {
    if std::env::var_os("SYNDICATED_TEST_FULL").is_some() { 1_000 } else { 50 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_send_lends_its_reply_to_no_other() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let Relay::Smtp { port, .. } = sink.relay() else { panic!() };
        let relay = format!("smtp://127.0.0.1:{port}");
        let config = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", "connections = 4");
        let stage = Stage::new(&bench, config, at("2026-11-23T07:00:00Z")).await;
        stage.readers(cancels() * 2, "daily").await;
        stage.admit(&["하나"]).await;
        let fired = stage.digester().send_now("letter", "daily").await.unwrap();
        let Outcome::Frozen { digest, recipients, .. } = fired.outcome else { panic!("{fired:?}") };
        sink.script(|moment| {
            (moment.phase == Phase::Rcpt && is_refused(moment.to)).then_some(Act::Say("550 5.1.1 no such mailbox"))
        });

        let chance = Chance::seeded(13);
        let mut cancelled = 0;
        for _ in 0..cancels() {
            // About so many pauses as a few mails have.
            let points = usize::try_from(chance.jitter(Duration::from_millis(16), 0.9).as_millis()).unwrap();
            // Its database work is cancelled with it, which no pool survives: it has one of its own.
            let life = Stage { store: bench.open().await, clock: stage.clock.clone(), live: stage.live.clone() };
            if !crash::after(points, life.deliverer().drain()).await {
                cancelled += 1;
            }
            life.store.close().await;
            stage.clock.advance(Duration::from_secs(1));
            // PostgreSQL may still be ending what the cancelled one had begun.
            until("the next life begins", async || stage.deliverer().recover().await.ok()).await;
            let balance = stage.store.balance(digest).await.unwrap();
            assert_eq!((balance.recipients, balance.attempting), (recipients, 0), "{}: {balance:?}", bench.engine);
            assert!(balance.sent <= sink.reached().len() as u64, "{}: {balance:?}", bench.engine);
        }
        let waits = stage.store.balance(digest).await.unwrap().open();
        assert!(cancelled > cancels() / 2, "{}: only {cancelled} were cancelled", bench.engine);
        // Whoever was in doubt is tried again; who was too often waits for a person.
        stage.clock.advance(Duration::from_hours(2));
        stage.deliverer().drain().await.unwrap();

        let has: HashSet<String> = sink.taken().into_iter().map(|mail| mail.to).collect();
        let rows = stage.store.deliveries(digest, Some(DeliveryState::Sent), u32::MAX >> 1).await.unwrap();
        let balance = stage.store.balance(digest).await.unwrap();
        assert_eq!((balance.recipients, rows.len() as u64), (recipients, balance.sent));
        // Addresses are masked in the ledger: the database itself says which they are.
        let sent = bench
            .texts("SELECT s.email FROM delivery d JOIN subscriber s ON s.id = d.subscriber_id WHERE d.state = 'sent'")
            .await;
        assert_eq!(sent.len() as u64, balance.sent);
        let lacking: Vec<_> = sent.iter().filter(|to| !has.contains(*to)).collect();
        assert!(lacking.is_empty(), "{}: recorded as sent, and not at the relay: {lacking:?}", bench.engine);
        let bounced = bench
            .texts(
                "SELECT s.email FROM delivery d JOIN subscriber s ON s.id = d.subscriber_id WHERE d.state = 'bounced'",
            )
            .await;
        assert!(!bounced.is_empty() && bounced.iter().all(|to| is_refused(to)), "{bounced:?}");
        assert_eq!(balance.open(), balance.unknown, "{balance:?}");
        assert_eq!(balance.sent + balance.bounced + balance.unknown, recipients, "{balance:?}");
        // A person ends what is left, and with it the digest.
        let now = stage.clock.now();
        stage.store.decide_doubts(digest, Decision::Again, Duration::from_hours(24), now).await.unwrap();
        stage.deliverer().drain().await.unwrap();
        let balance = stage.store.balance(digest).await.unwrap();
        let refused = (0..cancels() * 2).filter(|number| number % 10 == 9).count() as u64;
        assert_eq!((balance.bounced, balance.sent), (refused, recipients - refused), "{}: {balance:?}", bench.engine);
        assert!(balance.is_closed());
        assert_eq!(stage.store.digest(digest).await.unwrap().unwrap().state, DigestState::Done);
        println!(
            "{}: {cancelled} of {} runs cancelled, {waits} of {recipients} open after them, {} recorded as sent, 0 lacking",
            bench.engine,
            cancels(),
            balance.sent
        );
    }
}
