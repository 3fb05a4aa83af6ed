//! A crash at every point of what must be one write: all of it is there
//! afterwards, or nothing (P1, P3).

use crate::program::until;
use crate::stage::{self, Stage, arrival, at};
use crate::{crash, engines};
use std::time::Duration;
use syndicated::domain::digest::DigestState;
use syndicated::store::{Freeze, Frozen};

const NOW: &str = "2026-11-23T07:00:00Z";

/// Points beyond these are not reached by any transaction of these tests.
const ENOUGH: usize = 2_000;

/// How many pauses a piece of work has depends on how fast the engine answers,
/// so each is tried so often.
const ROUNDS: usize = 12;

#[tokio::test]
async fn admitting_is_all_or_nothing() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, config, at(NOW)).await;
        let name = "essays".parse().unwrap();
        let (mut crashes, mut stored) = (0, 0);
        for round in 0..ROUNDS {
            let titles = [format!("one {round}"), format!("two {round}"), format!("three {round}")];
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            for points in 0..ENOUGH {
                stage.clock.advance(Duration::from_mins(5));
                let now = stage.clock.now();
                // As after a restart: what the crashed one held is gone with it.
                let store = bench.open().await;
                let claim = store.claim_source(&name, now, Duration::from_mins(1)).await.unwrap().unwrap();
                let mut arrival = arrival(&titles, now);
                let etag = format!("\"{round}\"");
                arrival.etag = Some(etag.clone());
                crash::after(points, store.admit(claim, arrival, now)).await;
                // Behind whatever the crashed one had begun.
                store.close().await;
                let store = bench.open().await;
                let later = now.plus(Duration::from_mins(2));
                // PostgreSQL may still be ending what the crashed one held.
                let claim = until("the source is free", async || {
                    store.claim_source(&name, later, Duration::from_secs(1)).await.unwrap()
                })
                .await;
                let all = claim.etag.as_deref() == Some(etag.as_str());
                let posts = store.posts_of(None, 1_000, &|_| true).await.unwrap().len();
                assert_eq!(posts, stored + if all { 3 } else { 0 }, "{} {points}", bench.engine);
                if all {
                    stored += 3;
                    break;
                }
                crashes += 1;
            }
        }
        assert_eq!(stored, 3 * ROUNDS);
        assert!(crashes > 0, "{}: no crash came before the end", bench.engine);
    }
}

#[tokio::test]
async fn freezing_a_digest_is_all_or_nothing() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, config, at(NOW)).await;
        stage.readers(5, "daily").await;
        let mut crashes = 0;
        for round in 0..ROUNDS {
            let posts = stage.admit(&[&format!("one {round}"), &format!("two {round}")]).await;
            stage.clock.advance(Duration::from_hours(1));
            let edition = stage::edition("daily", &format!("round {round}"));
            let now = stage.clock.now();
            let expires_at = now.plus(Duration::from_hours(24));
            let frozen = Frozen {
                posts: &posts,
                left_out: &[],
                subject: "s",
                html: "h",
                plain: "p",
                expires_at,
                ..Frozen::default()
            };
            for points in 0..ENOUGH {
                let store = bench.open().await;
                crash::after(points, store.freeze_digest(&edition, &frozen, Some(now), now)).await;
                store.close().await;
                if stage.store.slot_state(&edition).await.unwrap() == Some(DigestState::Sending) {
                    break;
                }
                crashes += 1;
            }
            let digest = stage.store.digests(None, 1).await.unwrap().remove(0);
            assert_eq!((digest.edition, digest.state), (edition.clone(), DigestState::Sending));
            assert_eq!(stage.store.digest_posts(digest.id).await.unwrap(), posts);
            let balance = stage.store.balance(digest.id).await.unwrap();
            assert_eq!((balance.recipients, balance.pending), (5, 5), "{}", bench.engine);
            let again = stage.store.freeze_digest(&edition, &frozen, Some(now), now).await.unwrap();
            assert_eq!(again, Freeze::Already);
        }
        assert!(crashes > 0, "{}: no crash came before the end", bench.engine);
    }
}
