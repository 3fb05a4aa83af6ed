//! R11, to its end: what the ledger keeps of every fault at every phase. The
//! balance of each digest holds after each, and once the relay is well again
//! nobody has been left out for what was the relay's trouble (P3, P6, P10).

use crate::delivering::World;
use crate::engines;
use crate::relays::{FAULTS, PHASES, encrypted, with_login, written_verdicts};
use crate::sink::Phase;
use std::time::Duration;
use syndicated::domain::delivery::DeliveryState;
use syndicated::domain::digest::{Balance, DigestState};
use syndicated::mail::Deadlines;

/// The faults that take as long as a deadline, and the phase that takes a mail
/// larger than the kernels hold, only when there is time.
fn is_tried(phase: Phase, fault: &str) -> bool {
    let full = std::env::var_os("SYNDICATED_TEST_FULL").is_some();
    full || (phase != Phase::Body && fault != "hangs" && fault != "one byte a time")
}

/// The state that a verdict leads to, and how often the mail counts as tried.
fn kept(verdict: &str) -> (DeliveryState, u32) {
    match verdict {
        "trouble" => (DeliveryState::Pending, 0),
        "deferred" | "refused" => (DeliveryState::Deferred, 1),
        "bounced" => (DeliveryState::Bounced, 1),
        "unknown" => (DeliveryState::Unknown, 1),
        "sent" => (DeliveryState::Sent, 1),
        other => panic!("{other}"),
    }
}

/// The balance of one reader whose mail stands there.
fn of_one(state: DeliveryState) -> Balance {
    let mut balance = Balance::default();
    balance.add(state, 1);
    balance
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_keeps_every_verdict_as_it_is_written_down_and_the_balance_holds() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.lifetime = Duration::from_hours(24 * 14)).await;
        world.readers(1).await;
        let within = |time| {
            world.deliverer.clone().with_deadlines(Deadlines { connect: time, command: time, data: time, finish: time })
        };
        // A relay that is well has the time that it needs for the largest mail.
        let (deliverer, patient) = (within(Duration::from_secs(3)), within(Duration::from_mins(2)));
        let mut cells = 0;
        for ((_, verdicts), (name, phase)) in written_verdicts().into_iter().zip(PHASES) {
            for ((fault, act), verdict) in FAULTS.into_iter().zip(verdicts) {
                if !is_tried(phase, fault) {
                    continue;
                }
                let cell = format!("{}: {fault} at {name}", bench.engine);
                world.sink.offer(match phase {
                    Phase::StartTls => &["STARTTLS"],
                    Phase::Auth => &["AUTH PLAIN LOGIN"],
                    _ => &["8BITMIME"],
                });
                world.change(|config| {
                    let relay = world.sink.relay();
                    config.mail.lanes[0].relay = match phase {
                        Phase::Auth => with_login(relay),
                        Phase::Connect => encrypted(relay),
                        _ => relay,
                    };
                });
                world.sink.always(phase, act);
                let digest = world.long_digest(&cell, if phase == Phase::Body { 6 * 1024 * 1024 } else { 0 }).await;
                deliverer.drain().await.unwrap();
                let (state, attempts) = kept(&verdict);
                let balance = world.balance(digest).await;
                assert_eq!(balance, of_one(state), "{cell}");
                let row = world.store.deliveries(digest, None, 9).await.unwrap().remove(0);
                assert_eq!((row.state, row.attempts), (state, attempts), "{cell}: {row:?}");
                let ended = balance.is_closed();
                assert_eq!((row.settled_at.is_some(), row.due.is_some()), (ended, !ended), "{cell}: {row:?}");
                let due = if ended { DigestState::Done } else { DigestState::Sending };
                assert_eq!(world.state(digest).await, due, "{cell}");

                // Well again: whoever was not refused has the mail.
                world.sink.behave();
                world.sink.offer(&["8BITMIME"]);
                world.change(|config| config.mail.lanes[0].relay = world.sink.relay());
                world.clock.advance(Duration::from_mins(10));
                patient.drain().await.unwrap();
                let end = if state == DeliveryState::Bounced { state } else { DeliveryState::Sent };
                assert_eq!(world.balance(digest).await, of_one(end), "{cell}");
                assert_eq!(world.state(digest).await, DigestState::Done, "{cell}");
                cells += 1;
            }
        }
        println!("{}: {cells} cells, and the balance held after each", bench.engine);
    }
}
