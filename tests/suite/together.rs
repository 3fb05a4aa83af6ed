//! Ends of polls that are written together: each whole or not at all, and the
//! trouble of one is not another's (P1).

use crate::engines::{self, Bench};
use crate::identity::{arrival, follow};
use crate::origin::Item;
use futures_util::future::{join, join_all};
use std::time::Duration;
use syndicated::config::Database;
use syndicated::domain::source::Source;
use syndicated::domain::time::Timestamp;
use syndicated::store::{PollEnd, StoreError};

const LEASE: Duration = Duration::from_mins(5);
const SOURCES: usize = 40;
/// The source whose posts the database refuses.
const REFUSED: usize = 17;

/// Makes the database refuse a post by its title.
async fn refuse(bench: &Bench) {
    match bench.place {
        Database::Sqlite(_) => {
            bench
                .execute(
                    "CREATE TRIGGER refuse BEFORE INSERT ON post WHEN NEW.title = 'Refused'
                     BEGIN SELECT RAISE(ABORT, 'not this one'); END",
                )
                .await;
        }
        Database::Postgres(_) => bench.execute("ALTER TABLE post ADD CHECK (title <> 'Refused')").await,
    }
}

#[tokio::test]
async fn a_poll_that_cannot_be_stored_takes_no_other_with_it() {
    for bench in engines::all().await {
        let store = bench.open().await;
        refuse(&bench).await;
        let now = Timestamp::from_millis(1_800_000_000_000);
        let sources: Vec<Source> = (0..2 * SOURCES).map(follow).collect();
        store.sync_sources(&sources, now).await.unwrap();
        let mut claims = store.claim_sources(sources.len(), now, LEASE).await.unwrap();
        assert_eq!(claims.len(), sources.len());
        claims.sort_by_key(|claim| sources.iter().position(|source| source.name == claim.name));
        // Half of them bring a document, half bring none.
        let unchanged = claims.split_off(SOURCES);
        let arrivals = claims.into_iter().enumerate().map(|(number, claim)| {
            let mut items = vec![Item::number(2), Item::number(1)];
            if number == REFUSED {
                items[0].title = "Refused".to_owned();
            }
            store.admit(claim, arrival(&items, now), now)
        });
        let next = now.plus(Duration::from_hours(2));
        let ends = unchanged.into_iter().map(|claim| store.finish_poll(claim, PollEnd::Unchanged, None, next, now));
        let (admitted, ended) = join(join_all(arrivals), join_all(ends)).await;
        assert!(ended.into_iter().all(|written| written.unwrap()), "{}", bench.engine);
        for (number, admitted) in admitted.into_iter().enumerate() {
            if number == REFUSED {
                assert!(matches!(admitted, Err(StoreError::Refused(_))), "{}: {admitted:?}", bench.engine);
            } else {
                assert_eq!(admitted.unwrap().seeded.len(), 2, "{}", bench.engine);
            }
        }
        for (number, row) in (0..).zip(sources.iter().map(|source| store.source_row(&source.name))) {
            let row = row.await.unwrap().unwrap();
            let (posts, polled) = match number {
                REFUSED => (0, None),
                0..SOURCES => (2, Some(now)),
                _ => (0, Some(now)),
            };
            assert_eq!((row.posts, row.polled_at), (posts, polled), "{}: source {number}", bench.engine);
        }
        // What was not stored is held until its lease ends, before every other slot.
        assert_eq!(store.next_poll_at().await.unwrap(), Some(now.plus(LEASE)), "{}", bench.engine);
    }
}

#[tokio::test]
async fn a_claim_that_was_lost_writes_nothing_among_others_that_do() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let now = Timestamp::from_millis(1_800_000_000_000);
        let sources: Vec<Source> = (0..8).map(follow).collect();
        store.sync_sources(&sources, now).await.unwrap();
        let lost = store.claim_sources(4, now, LEASE).await.unwrap();
        let later = now.plus(LEASE);
        let held = store.claim_sources(8, later, LEASE).await.unwrap();
        assert_eq!((lost.len(), held.len()), (4, 8));
        let items = [Item::number(1)];
        let late = lost.into_iter().map(|claim| store.admit(claim, arrival(&items, later), later));
        let good = held.into_iter().map(|claim| store.admit(claim, arrival(&items, later), later));
        let (late, good) = join(join_all(late), join_all(good)).await;
        for admitted in late {
            let admitted = admitted.unwrap();
            assert!(admitted.fenced_out && admitted.seeded.is_empty(), "{}: {admitted:?}", bench.engine);
        }
        assert!(good.into_iter().all(|admitted| admitted.unwrap().seeded.len() == 1), "{}", bench.engine);
    }
}
