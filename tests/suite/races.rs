//! Two at once on PostgreSQL, brought to the very moment: a verdict that is
//! written while a person holds, resumes or calls off its digest, and an earlier
//! life that still writes while the next one begins. On SQLite every transaction
//! that writes is alone.

use crate::delivering::{NOTHING, Open, World, of};
use crate::engines::{self, Bench};
use crate::program::until;
use std::time::Duration;
use syndicated::config::{Database, Reports};
use syndicated::domain::delivery::DeliveryState;
use syndicated::domain::digest::DigestState;
use syndicated::store::{Attempt, Cancelled, Courier, OpenError, Settlement, StoreError};
use tokio::task::JoinHandle;

const HOUR: Duration = Duration::from_hours(1);

/// A database on PostgreSQL, and a connection to it of the test's own.
async fn postgres() -> Option<(Bench, sqlx::PgPool)> {
    let bench = engines::all().await.into_iter().find(|bench| bench.engine == "postgres");
    let Some(bench) = bench else {
        println!("skipped: SYNDICATED_TEST_POSTGRES is not set");
        return None;
    };
    let Database::Postgres(url) = &bench.place else { unreachable!() };
    let pool = sqlx::PgPool::connect(url.expose()).await.unwrap();
    Some((bench, pool))
}

/// How many wait for a lock.
async fn waiting(pool: &sqlx::PgPool) -> i64 {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

async fn until_waiting(pool: &sqlx::PgPool, count: i64, or: impl Fn() -> bool) {
    until("somebody waits", async || (or() || waiting(pool).await >= count).then_some(())).await;
}

fn courier(world: &World) -> Courier {
    Courier { node: "here".to_owned(), lease: HOUR, secret: world.secret() }
}

/// A digest for two readers, one of whose mails is in hand.
async fn begun(world: &World) -> (syndicated::domain::id::DigestId, Attempt) {
    world.readers(2).await;
    let digest = world.digest("1").await;
    let now = world.clock.now();
    let in_hand = world.store.turn(NOTHING, 1, &mut Open, &courier(world), now).await.unwrap().attempts.remove(0);
    (digest, in_hand)
}

/// Writes, beside what else goes on, that its relay has no room for a mail now.
fn put_off(world: &World, in_hand: Attempt) -> JoinHandle<Result<(), StoreError>> {
    let (store, rules, now) = (world.store.clone(), courier(world), world.clock.now());
    tokio::spawn(async move {
        let said = Settlement::Deferred("said 450: 4.2.2 full".to_owned(), now.plus(HOUR));
        store.turn(of(&[in_hand.settle(said)]), 0, &mut Open, &rules, now).await.map(drop)
    })
}

#[tokio::test]
async fn an_earlier_life_that_still_writes_and_the_next_one_do_not_wait_for_each_other() {
    let Some((bench, pool)) = postgres().await else { return };
    let world = World::changed(&bench, |_| {}).await;
    world.readers(8).await;
    let digest = world.digest("1").await;
    let now = world.clock.now();
    let taken = world.store.turn(NOTHING, 8, &mut Open, &courier(&world), now).await.unwrap().attempts;
    assert_eq!(taken.len(), 8);
    drop(taken);
    let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM delivery ORDER BY id").fetch_all(&pool).await.unwrap();

    // It has written one verdict when the next life begins, and then writes another.
    let mut earlier = pool.begin().await.unwrap();
    let write = "UPDATE delivery SET state = 'sent' WHERE id = $1 AND fence = 1 AND state = 'attempting'";
    sqlx::query(write).bind(ids[7]).execute(&mut *earlier).await.unwrap();
    let store = world.store.clone();
    let next = tokio::spawn(async move { store.recover_attempts("here", false, now).await });
    until("the next life has come so far", async || {
        let doubted = world.balance(digest).await.unknown;
        (doubted == 7 || waiting(&pool).await > 0).then_some(())
    })
    .await;
    let late =
        sqlx::query(write).bind(ids[0]).execute(&mut *earlier).await.expect("the earlier life is not thrown out");
    assert_eq!(late.rows_affected(), 0, "it came too late");
    earlier.commit().await.unwrap();
    let doubted = next.await.unwrap().expect("the next life begins");
    let balance = world.balance(digest).await;
    assert_eq!((doubted, balance.sent, balance.unknown, balance.attempting), (7, 1, 7, 0), "{balance:?}");
}

#[tokio::test]
async fn a_verdict_of_an_earlier_life_that_is_undone_is_in_doubt() {
    let Some((bench, pool)) = postgres().await else { return };
    let world = World::changed(&bench, |_| {}).await;
    let (digest, in_hand) = begun(&world).await;
    drop(in_hand);
    let mut earlier = pool.begin().await.unwrap();
    sqlx::query("UPDATE delivery SET state = 'sent' WHERE state = 'attempting'").execute(&mut *earlier).await.unwrap();
    let (store, now) = (world.store.clone(), world.clock.now());
    let next = tokio::spawn(async move { store.recover_attempts("here", false, now).await });
    // It is passed over at first.
    tokio::time::sleep(Duration::from_millis(250)).await;
    earlier.rollback().await.unwrap();
    assert_eq!(next.await.unwrap().unwrap(), 1);
    assert_eq!(world.balance(digest).await.unknown, 1);
}

#[tokio::test]
async fn a_verdict_that_comes_while_its_digest_is_called_off_brings_no_mail_back() {
    let Some((bench, pool)) = postgres().await else { return };
    let world = World::changed(&bench, |_| {}).await;
    let (digest, in_hand) = begun(&world).await;
    // The last thing that calling off does is to withdraw previews; it waits there.
    let preview = format!(
        "INSERT INTO letter (kind, recipient, language, digest_id, created_at) VALUES ('preview', 'x@example.net', 'en', {digest}, 0)"
    );
    bench.execute(&preview).await;
    bench
        .execute("INSERT INTO delivery (letter_id, not_before, expires_at) SELECT id, 4000000000000, 5000000000000 FROM letter")
        .await;
    let mut held = pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM delivery WHERE letter_id IS NOT NULL FOR UPDATE").execute(&mut *held).await.unwrap();
    let (store, now) = (world.store.clone(), world.clock.now());
    let cancelling = tokio::spawn(async move { store.cancel_digest(digest, &Reports::default(), now).await });
    until_waiting(&pool, 1, || false).await;

    let settling = put_off(&world, in_hand);
    until_waiting(&pool, 2, || settling.is_finished()).await;
    held.rollback().await.unwrap();
    assert_eq!(cancelling.await.unwrap().unwrap(), Some(Cancelled::Partly));
    settling.await.unwrap().unwrap();
    let later = now.plus(2 * HOUR);
    let again = world.store.turn(NOTHING, 9, &mut Open, &courier(&world), later).await.unwrap().attempts;
    assert!(again.is_empty(), "it was called off: {again:?}");
    let balance = world.balance(digest).await;
    assert_eq!((balance.suppressed, balance.is_closed()), (2, true), "{balance:?}");
}

#[tokio::test]
async fn a_verdict_that_comes_while_its_digest_is_resumed_leaves_nobody_behind() {
    let Some((bench, pool)) = postgres().await else { return };
    let world = World::changed(&bench, |_| {}).await;
    let (digest, in_hand) = begun(&world).await;
    assert!(world.store.hold_digest(digest).await.unwrap());
    let mut held = pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM delivery WHERE state = 'pending' FOR UPDATE").execute(&mut *held).await.unwrap();
    let (store, now) = (world.store.clone(), world.clock.now());
    let resuming = tokio::spawn(async move { store.resume_digest(digest, 24 * HOUR, now).await });
    until_waiting(&pool, 1, || false).await;

    let settling = put_off(&world, in_hand);
    until_waiting(&pool, 2, || settling.is_finished()).await;
    held.rollback().await.unwrap();
    assert!(resuming.await.unwrap().unwrap());
    settling.await.unwrap().unwrap();
    assert_eq!(world.state(digest).await, DigestState::Sending);
    let rows = world.store.deliveries(digest, None, 9).await.unwrap();
    assert!(rows.iter().all(|row| row.due.is_some()), "nobody waits for a person: {rows:?}");
    assert_eq!(rows.iter().filter(|row| row.state == DeliveryState::Deferred).count(), 1);
    world.clock.advance(2 * HOUR);
    assert_eq!(world.drain().await.sent, 2);
    assert_eq!(world.state(digest).await, DigestState::Done);
}

/// Ends the sessions that hold names, as a server that restarts does.
async fn end_names(pool: &sqlx::PgPool) {
    let held = "FROM pg_locks WHERE locktype = 'advisory' AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let end = sqlx::AssertSqlSafe(format!("SELECT COUNT(pg_terminate_backend(pid)) {held}"));
    let ended: i64 = sqlx::query_scalar(end).fetch_one(pool).await.unwrap();
    assert!(ended > 0);
    until("their sessions are gone", async || {
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) {held}"));
        let left: i64 = sqlx::query_scalar(count).fetch_one(pool).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
}

/// P7.
#[tokio::test]
async fn a_node_keeps_its_name_through_a_restart_of_the_server_or_hears_that_it_is_gone() {
    let Some((bench, pool)) = postgres().await else { return };
    let store = bench.open().await;
    let mut first = store.lock().await.unwrap();
    let name = first.name().to_owned();
    store.keep(&mut first).await.unwrap();
    end_names(&pool).await;
    store.keep(&mut first).await.unwrap();
    assert_ne!(store.lock().await.unwrap().name(), name, "the first one has its name");

    // Another was quicker: then there would be two of one name.
    end_names(&pool).await;
    let other = store.lock().await.unwrap();
    assert_eq!(other.name(), name);
    assert!(matches!(store.keep(&mut first).await, Err(OpenError::Owned(_))));
}
