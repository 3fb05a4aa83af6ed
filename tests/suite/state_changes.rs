//! A crash at every point of every change of a delivery's or a digest's state:
//! the change is there afterwards, or it is not, and the balance holds (P3, P4).

use crate::engines::{self, Bench};
use crate::stage::{self, Stage, at};
use crate::{crash, program};
use std::time::Duration;
use syndicated::config::Reports;
use syndicated::domain::delivery::{Decision, DeliveryState};
use syndicated::domain::digest::{Balance, DigestState};
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::id::DigestId;
use syndicated::domain::time::Timestamp;
use syndicated::domain::token::SecretKey;
use syndicated::flow::digest::Outcome;
use syndicated::store::{Attempt, Courier, Gate, Meant, Results, Settlement, Store};

const NOW: &str = "2026-11-23T07:00:00Z";
const READERS: usize = 4;
const LIFETIME: Duration = Duration::from_hours(24);

/// Points beyond these are not reached by any change.
const ENOUGH: usize = 1_000;

/// Every point when there is time, else some of them.
fn step() -> usize {
    if std::env::var_os("SYNDICATED_TEST_FULL").is_some() { 1 } else { 5 }
}

/// Lets everyone go, or puts everyone off.
struct Door(Option<Timestamp>);

impl Gate for Door {
    fn is_open(&self) -> bool {
        self.0.is_none()
    }

    fn admit(&mut self, _: &EmailAddress) -> Result<(), Timestamp> {
        self.0.map_or(Ok(()), Err)
    }
}

fn courier() -> Courier {
    let secret = SecretKey::new(vec![7; 32]).unwrap();
    Courier { node: "test".to_owned(), lease: Duration::from_mins(1), secret }
}

const NOTHING: Results<'_> = Results { settled: &[], counts: &[] };

async fn attempts(store: &Store, now: Timestamp) -> Vec<Attempt> {
    store.turn(NOTHING, READERS, &mut Door(None), &courier(), now).await.unwrap().attempts
}

/// The changes, by name.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Take,
    PutOff,
    Settle(&'static str),
    Suppress,
    Expire,
    Recover,
    Pause,
    Resume,
    DecideSent,
    DecideAgain,
    Retry,
    GiveUp,
    Close,
}

const CHANGES: [Change; 17] = [
    Change::Take,
    Change::PutOff,
    Change::Settle("sent"),
    Change::Settle("bounced"),
    Change::Settle("deferred"),
    Change::Settle("unknown"),
    Change::Settle("given back"),
    Change::Suppress,
    Change::Expire,
    Change::Recover,
    Change::Pause,
    Change::Resume,
    Change::DecideSent,
    Change::DecideAgain,
    Change::Retry,
    Change::GiveUp,
    Change::Close,
];

fn settlement(kind: &str, now: Timestamp) -> Settlement {
    let (said, later) = ("said 450".to_owned(), now.plus(Duration::from_mins(5)));
    match kind {
        "sent" => Settlement::Sent(said),
        "bounced" => Settlement::Bounced(said),
        "deferred" => Settlement::Deferred(said, later),
        "unknown" => Settlement::Unknown(said, None),
        _ => Settlement::GivenBack(now),
    }
}

/// Brings a digest to where the change begins.
async fn prepare(change: Change, bench: &Bench, stage: &Stage, digest: DigestId) {
    let (store, now) = (&stage.store, stage.clock.now());
    let settle = async |kind| {
        let settled: Vec<_> =
            attempts(store, now).await.into_iter().map(|attempt| attempt.settle(settlement(kind, now))).collect();
        assert_eq!(settled.len(), READERS);
        let results = Results { settled: &settled, counts: &[] };
        store.turn(results, 0, &mut Door(None), &courier(), now).await.unwrap();
    };
    match change {
        Change::Recover => drop(attempts(store, now).await),
        Change::Resume => store.pause_digest(digest, "x", None, now).await.unwrap(),
        Change::DecideSent | Change::DecideAgain | Change::GiveUp => settle("unknown").await,
        Change::Retry => {
            settle("bounced").await;
            store.close_digests(&Reports::default(), now).await.unwrap();
        }
        Change::Close => settle("sent").await,
        Change::Suppress => bench.execute("UPDATE subscription SET state = 'unsubscribed'").await,
        _ => {}
    }
}

/// The change itself, on a store of its own that a crash takes with it.
async fn make(change: Change, store: &Store, digest: DigestId, now: Timestamp) {
    let owner: EmailAddress = "owner@example.net".parse().unwrap();
    match change {
        Change::Take | Change::Suppress => {
            let _ = store.turn(NOTHING, READERS, &mut Door(None), &courier(), now).await;
        }
        Change::PutOff => {
            let mut door = Door(Some(now.plus(Duration::from_hours(1))));
            let _ = store.turn(NOTHING, READERS, &mut door, &courier(), now).await;
        }
        Change::Expire => {
            let later = now.plus(LIFETIME * 2);
            let _ = store.turn(NOTHING, READERS, &mut Door(None), &courier(), later).await;
        }
        Change::Settle(kind) => {
            let settled: Vec<_> =
                attempts(store, now).await.into_iter().map(|attempt| attempt.settle(settlement(kind, now))).collect();
            let results = Results { settled: &settled, counts: &[] };
            let _ = store.turn(results, 0, &mut Door(None), &courier(), now).await;
        }
        Change::Recover => drop(store.recover_attempts("test", false, now).await),
        Change::Pause => drop(store.pause_digest(digest, "x", Some(&owner), now).await),
        Change::Resume => drop(store.resume_digest(digest, LIFETIME, now).await),
        Change::DecideSent => drop(store.decide_doubts(digest, Decision::Sent, LIFETIME, now).await),
        Change::DecideAgain => drop(store.decide_doubts(digest, Decision::Again, LIFETIME, now).await),
        Change::Retry => {
            drop(store.retry_deliveries(Meant::All(digest, DeliveryState::Bounced), LIFETIME, now).await);
        }
        Change::GiveUp => {
            drop(store.give_up_deliveries(Meant::All(digest, DeliveryState::Unknown), now).await);
        }
        Change::Close => drop(store.close_digests(&Reports { to: Some(owner), all: true }, now).await),
    }
}

/// What can be seen of a digest.
async fn seen(store: &Store, digest: DigestId) -> (Balance, DigestState, Vec<(Option<Timestamp>, u32)>, usize) {
    let balance = store.balance(digest).await.unwrap();
    let state = store.digest(digest).await.unwrap().unwrap().state;
    let rows = store.deliveries(digest, None, 100).await.unwrap();
    let letters = store.ledger(&syndicated::store::LedgerFilter { limit: 1_000, ..Default::default() }).await.unwrap();
    let letters = letters.iter().filter(|row| row.digest.is_none()).count();
    (balance, state, rows.into_iter().map(|row| (row.due, row.attempts)).collect(), letters)
}

#[tokio::test]
async fn every_change_of_state_is_there_or_not_whenever_the_crash_comes() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, config, at(NOW)).await;
        stage.readers(READERS, "daily").await;
        let mut crashes = 0;
        for change in CHANGES {
            crashes += crashed(change, &bench, &stage).await;
        }
        // A busy machine may answer a single statement before it is waited for.
        assert!(crashes > CHANGES.len() * 2, "{}: {crashes} crashes came before the end", bench.engine);
    }
}

/// Makes a change again and again, crashing later each time, until it ends.
async fn crashed(change: Change, bench: &Bench, stage: &Stage) -> usize {
    for points in (0..ENOUGH).step_by(step()) {
        stage.clock.advance(Duration::from_mins(1));
        bench.execute("UPDATE subscription SET state = 'confirmed'").await;
        stage.admit(&[&format!("{change:?} {points}")]).await;
        let fired = stage.digester().send_now("letter", "daily").await.unwrap();
        let Outcome::Frozen { digest, recipients: 4, .. } = fired.outcome else { panic!("{fired:?}") };
        prepare(change, bench, stage, digest).await;
        let (before, now) = (seen(&stage.store, digest).await, stage.clock.now());
        let crashing = bench.open().await;
        let ended = crash::after(points, make(change, &crashing, digest, now)).await;
        // Behind whatever the crashed one had begun.
        crashing.close().await;
        let after = program::until("the crashed transaction is over", async || {
            // PostgreSQL may still be ending it: a lock on these rows waits for that.
            stage.store.digest(digest).await.ok()?;
            Some(seen(&stage.store, digest).await)
        })
        .await;
        let (balance, state, rows, _) = &after;
        assert_eq!((balance.recipients, rows.len()), (READERS as u64, READERS), "{change:?} {points}");
        let parts = [balance.pending, balance.attempting, balance.deferred, balance.unknown];
        assert_eq!(balance.open(), parts.iter().sum::<u64>(), "{change:?} {points}: {balance:?}");
        assert!(balance.open() == 0 || *state != DigestState::Done, "{change:?} {points}: done with {balance:?}");
        // All four readers stand alike: never one with the change and one without.
        let kinds = [
            balance.pending,
            balance.attempting,
            balance.deferred,
            balance.unknown,
            balance.sent,
            balance.bounced,
            balance.suppressed,
            balance.expired,
        ];
        let four = kinds.iter().filter(|count| **count == READERS as u64).count();
        assert_eq!(four, 1, "{} {change:?} {points}: {balance:?}", bench.engine);
        // A settlement has two changes, its mark being one of its own.
        let between = matches!(change, Change::Settle(_)) && balance.attempting == READERS as u64;
        if !between && after != before {
            assert_letters(change, before.3, after.3);
        }
        clear(stage, digest).await;
        if ended {
            // What is given back is as it was.
            let changes = change != Change::Settle("given back");
            assert_eq!(after != before, changes, "{} {change:?}: {after:?}", bench.engine);
            return points;
        }
    }
    panic!("{change:?} has no end");
}

/// The owner is told of what happened, in the same write.
fn assert_letters(change: Change, before: usize, after: usize) {
    let told = usize::from(matches!(change, Change::Pause | Change::Close));
    assert_eq!(after - before, told, "{change:?}");
}

/// Ends what is left of a digest and of letters, so that the next one begins alone.
/// PostgreSQL notices after a moment that a client is gone, and holds its rows until then.
async fn clear(stage: &Stage, digest: DigestId) {
    let (store, now) = (&stage.store, stage.clock.now());
    for _ in 0..100 {
        store.recover_attempts("test", false, now).await.unwrap();
        for state in [DeliveryState::Pending, DeliveryState::Deferred, DeliveryState::Unknown] {
            store.give_up_deliveries(Meant::All(digest, state), now).await.unwrap();
        }
        let filter = syndicated::store::LedgerFilter { limit: 1_000, ..Default::default() };
        for row in store.ledger(&filter).await.unwrap().iter().filter(|row| row.digest.is_none() && row.due.is_some()) {
            store.give_up_deliveries(Meant::One(row.id), now).await.unwrap();
        }
        store.close_digests(&Reports::default(), now).await.unwrap();
        if store.balance(digest).await.unwrap().is_closed() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{digest} does not end: {:?}", store.balance(digest).await.unwrap());
}
