//! A relay that is lost for an hour, in each of the ways in which relays are
//! lost: nobody's mail is lost with it, nothing is marked as failed (P10). And a
//! digest whose time is over, which says so.

use crate::engines;
use crate::sink::{Act, Phase, Sink};
use crate::stage::{self, Stage, at};
use std::time::Duration;
use syndicated::config::Relay;
use syndicated::domain::delivery::DeliveryState;
use syndicated::domain::digest::DigestState;
use syndicated::domain::id::DigestId;
use syndicated::flow::digest::Outcome;

const READERS: usize = 20;

async fn begun(bench: &engines::Bench, sink: &Sink) -> (Stage, DigestId) {
    let Relay::Smtp { port, .. } = sink.relay() else { panic!() };
    let relay = format!("smtp://127.0.0.1:{port}");
    let mut config = stage::config(bench, &relay, "{ daily = \"0 7 * * *\" }", "");
    config.site.owner = Some("editor@example.net".parse().unwrap());
    let stage = Stage::new(bench, config, at("2026-11-23T07:00:00Z")).await;
    stage.readers(READERS, "daily").await;
    stage.admit(&["하나"]).await;
    let fired = stage.digester().send_now("letter", "daily").await.unwrap();
    let Outcome::Frozen { digest, .. } = fired.outcome else { panic!("{fired:?}") };
    (stage, digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_lost_for_an_hour_loses_nobody() {
    let losses = [
        (Phase::Banner, Act::Close),
        (Phase::Banner, Act::Say("421 4.3.2 shutting down")),
        (Phase::Mail, Act::Say("451 4.3.0 no room for more")),
        (Phase::Mail, Act::Reset),
    ];
    for (phase, act) in losses {
        for bench in engines::all().await {
            let sink = Sink::start();
            let (stage, digest) = begun(&bench, &sink).await;
            sink.always(phase, act.clone());
            // As the daemon does, which asks again whenever the relay has rested.
            for _ in 0..30 {
                stage.deliverer().drain().await.unwrap();
                stage.clock.advance(Duration::from_mins(2));
            }
            let lost = stage.store.balance(digest).await.unwrap();
            assert_eq!((lost.pending, lost.recipients), (READERS as u64, READERS as u64), "{phase:?}: {lost:?}");
            let rows = stage.store.deliveries(digest, None, 100).await.unwrap();
            assert!(rows.iter().all(|row| row.attempts == 0 && row.reply.is_none()), "{rows:?}");
            assert!(sink.connections() >= 30, "it was asked again and again");

            sink.behave();
            stage.deliverer().drain().await.unwrap();
            let back = stage.store.balance(digest).await.unwrap();
            assert_eq!(back.sent, READERS as u64, "{} {phase:?}: {back:?}", bench.engine);
            assert_eq!(sink.ledger().len(), READERS, "none twice");
        }
    }
}

#[tokio::test]
async fn a_digest_whose_time_is_over_says_so() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let (stage, digest) = begun(&bench, &sink).await;
        sink.script(|moment| {
            (moment.phase == Phase::Rcpt && moment.to.starts_with("r1")).then_some(Act::Say("450 4.2.2 mailbox full"))
        });
        for _ in 0..30 {
            stage.deliverer().drain().await.unwrap();
            stage.clock.advance(Duration::from_hours(1));
        }
        stage.deliverer().drain().await.unwrap();
        let balance = stage.store.balance(digest).await.unwrap();
        // r1 and r10 to r19.
        assert_eq!((balance.sent, balance.expired, balance.is_closed()), (9, 11, true), "{balance:?}");
        assert_eq!(stage.store.digest(digest).await.unwrap().unwrap().state, DigestState::Done);
        let expired = stage.store.deliveries(digest, Some(DeliveryState::Expired), 100).await.unwrap();
        assert!(expired.iter().all(|row| row.reply.as_deref().is_some_and(|said| said.contains("mailbox full"))));
        // The owner hears of it without having asked for reports.
        stage.deliverer().drain().await.unwrap();
        let told: Vec<_> = sink.taken().into_iter().filter(|mail| mail.to == "editor@example.net").collect();
        assert_eq!(told.len(), 1, "{}", bench.engine);
        let text = String::from_utf8(told[0].bytes.clone()).unwrap();
        assert!(text.contains("9 sent, 11 expired of 20"), "{text}");
    }
}
