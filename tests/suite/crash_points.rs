//! A crash at every point of what must be one write: all of it is there
//! afterwards, or nothing (P1, P3).

use crate::stage::{self, Stage, arrival, at};
use crate::{crash, engines};
use std::time::Duration;
use syndicated::domain::digest::DigestState;
use syndicated::store::{Freeze, Frozen};

const NOW: &str = "2026-11-23T07:00:00Z";

/// Points beyond these are not reached by any transaction of these tests.
const ENOUGH: usize = 2_000;

#[tokio::test]
async fn admitting_is_all_or_nothing() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, config, at(NOW)).await;
        let name = "essays".parse().unwrap();
        let mut crashes = 0;
        for points in 0..ENOUGH {
            stage.clock.advance(Duration::from_mins(2));
            let now = stage.clock.now();
            // As after a restart: what the crashed one held is gone with it.
            let store = bench.open().await;
            let claim = store.claim_source(&name, now, Duration::from_mins(1)).await.unwrap().unwrap();
            let mut arrival = arrival(&["one", "two", "three"], now);
            arrival.etag = Some("\"new\"".to_owned());
            let done = crash::after(points, store.admit(claim, arrival, now)).await;
            drop(store);
            let posts = stage.store.posts_of(None, 10).await.unwrap().len();
            let store = bench.open().await;
            let claim = store.claim_source(&name, now.plus(Duration::from_secs(61)), Duration::from_secs(1)).await;
            let etag = claim.unwrap().unwrap().etag;
            let validators_moved = etag.as_deref() == Some("\"new\"");
            stage.clock.advance(Duration::from_mins(2));
            assert_eq!((posts == 3, posts == 0), (validators_moved, !validators_moved), "{} {points}", bench.engine);
            if done {
                assert!(validators_moved);
                break;
            }
            crashes += usize::from(!validators_moved);
            if validators_moved {
                // The commit had gone out when the plug was pulled: that is "all".
                break;
            }
        }
        // How many there are depends on how fast the engine answers.
        assert!(crashes > 0, "{}: no crash came before the end", bench.engine);
    }
}

#[tokio::test]
async fn freezing_a_digest_is_all_or_nothing() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, config, at(NOW)).await;
        let posts = stage.admit(&["one", "two"]).await;
        stage.readers(5, "daily").await;
        let edition = stage::edition("daily", "2026-11-24T07:00");
        let now = stage.clock.now();
        let frozen = Frozen {
            posts: &posts,
            subject: "s",
            html: "h",
            plain: "p",
            expires_at: now.plus(Duration::from_hours(24)),
        };
        let mut crashes = 0;
        for points in 0..ENOUGH {
            let store = bench.open().await;
            let done = crash::after(points, store.freeze_digest(&edition, &frozen, Some(now), now)).await;
            drop(store);
            let digests = stage.store.digests(None, 10).await.unwrap();
            let Some(digest) = digests.first() else {
                assert!(!done);
                crashes += 1;
                continue;
            };
            assert_eq!(digest.state, DigestState::Sending);
            assert_eq!(stage.store.digest_posts(digest.id).await.unwrap(), posts);
            let balance = stage.store.balance(digest.id).await.unwrap();
            assert_eq!((balance.recipients, balance.pending), (5, 5), "{}", bench.engine);
            let again = stage.store.freeze_digest(&edition, &frozen, Some(now), now).await.unwrap();
            assert_eq!(again, Freeze::Already);
            break;
        }
        // How many there are depends on how fast the engine answers.
        assert!(crashes > 0, "{}: no crash came before the end", bench.engine);
    }
}
