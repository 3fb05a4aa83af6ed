//! A crash at every point of what must be one write: all of it is there
//! afterwards, or nothing (P1, P3).

use super::delivering::{NOTHING, Open, of};
use crate::program::until;
use crate::stage::{self, Stage, arrival, at};
use crate::{crash, engines};
use std::time::Duration;
use syndicated::config::Reports;
use syndicated::domain::digest::DigestState;
use syndicated::domain::language::Language;
use syndicated::domain::time::Timestamp;
use syndicated::store::{Attempt, Content, Courier, Due, Freeze, Frozen, Readers, Review, Settlement, Store, Variant};

const NOW: &str = "2026-11-23T07:00:00Z";

const DAY: Duration = Duration::from_hours(24);

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

/// Whose word it is, and what a digest is before and after it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Approve,
    Hold,
    Resume,
    Pause,
    CancelReviewed,
    CancelSending,
}

/// Whether the mails of the digest could leave now; each goes back as it was.
async fn mailable(store: &Store, rules: &Courier, now: Timestamp) -> usize {
    let attempts = store.turn(NOTHING, 20, &mut Open, rules, now).await.unwrap().attempts;
    let of_digest = |attempt: &&Attempt| matches!(attempt.content, Content::Digest { .. });
    let count = attempts.iter().filter(of_digest).count();
    let back: Vec<_> = attempts.into_iter().map(|attempt| attempt.settle(Settlement::GivenBack(now))).collect();
    store.turn(of(&back), 0, &mut Open, rules, now).await.unwrap();
    count
}

/// R3: a crash at every point of every word that changes a digest's state. What
/// it is then, and what its mails may do, is one thing; and the balance holds.
#[tokio::test]
async fn every_change_of_a_digests_state_is_all_or_nothing() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, config, at(NOW)).await;
        stage.readers(4, "daily").await;
        let editor = "editor@example.org".parse().unwrap();
        let rules = Courier { node: "test".to_owned(), lease: DAY, secret: stage.live.load().secret.clone() };
        let mut crashes = 0;
        let words = [Word::Approve, Word::Hold, Word::Resume, Word::Pause, Word::CancelReviewed, Word::CancelSending];
        for (number, word) in words.into_iter().enumerate() {
            let reviewed = matches!(word, Word::Approve | Word::CancelReviewed);
            let (from, to) = match word {
                Word::Approve => (DigestState::Review, DigestState::Sending),
                Word::Hold | Word::Pause => (DigestState::Sending, DigestState::Paused),
                Word::Resume => (DigestState::Paused, DigestState::Sending),
                Word::CancelReviewed => (DigestState::Review, DigestState::Cancelled),
                Word::CancelSending => (DigestState::Sending, DigestState::Cancelled),
            };
            let posts = stage.admit(&[&format!("a {number}"), &format!("b {number}")]).await;
            stage.clock.advance(Duration::from_hours(1));
            let now = stage.clock.now();
            let zones = [Due { zone: String::new(), hour: None, at: now }];
            let variants = [Variant {
                readers: Readers::Topics("film".to_owned()),
                posts: posts[..1].to_vec(),
                subject: "v".to_owned(),
                html: "v".to_owned(),
                plain: "v".to_owned(),
            }];
            let frozen = Frozen {
                posts: &posts,
                subject: "s",
                html: "h",
                plain: "p",
                expires_at: now.plus(DAY),
                review: reviewed.then_some(Review { editor: &editor, language: Language::En }),
                zones: &zones,
                variants: &variants,
                ..Frozen::default()
            };
            let edition = stage::edition("daily", &format!("word {number}"));
            let Freeze::Done { digest, recipients: 4 } =
                stage.store.freeze_digest(&edition, &frozen, None, now).await.unwrap()
            else {
                panic!()
            };
            if from == DigestState::Paused {
                assert!(stage.store.hold_digest(digest).await.unwrap());
            }
            for points in 0..ENOUGH {
                let store = bench.open().await;
                match word {
                    Word::Approve => crash::after(points, store.approve_digest(digest, DAY, now)).await,
                    Word::Hold => crash::after(points, store.hold_digest(digest)).await,
                    Word::Resume => crash::after(points, store.resume_digest(digest, DAY, now)).await,
                    Word::Pause => {
                        crash::after(points, store.pause_digest(digest, "trouble", Some(&editor), now)).await
                    }
                    Word::CancelReviewed | Word::CancelSending => {
                        crash::after(points, store.cancel_digest(digest, &Reports::default(), now)).await
                    }
                };
                store.close().await;
                // PostgreSQL may still be ending what the crashed one held: all is read in one state, and
                // mails that are still locked are passed over.
                let mut patience = 500;
                let mails = |state| if state == DigestState::Sending { 4 } else { 0 };
                let state_now = async || stage.store.digest(digest).await.unwrap().unwrap().state;
                let (state, balance, due, held) = loop {
                    let before = state_now().await;
                    let balance = stage.store.balance(digest).await.unwrap();
                    let due = mailable(&stage.store, &rules, now).await;
                    let held = stage.store.digest_posts(digest).await.unwrap().len();
                    let settled = due == mails(before) || patience == 0;
                    if state_now().await == before && settled {
                        break (before, balance, due, held);
                    }
                    patience -= i32::from(!settled);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                };
                assert!(state == from || state == to, "{word:?} {points}: {state:?}");
                let open = if state == DigestState::Cancelled { 0 } else { 4 };
                assert_eq!(balance.recipients, 4, "{word:?} {points}");
                assert_eq!((balance.pending, balance.suppressed), (open, 4 - open), "{word:?} {points}");
                assert_eq!(due, mails(state), "{}: {word:?} {points}: {state:?}", bench.engine);
                assert_eq!(held, if state == DigestState::Cancelled { 0 } else { 2 }, "{word:?} {points}");
                if state == to {
                    break;
                }
                crashes += 1;
            }
            assert_eq!(stage.store.digest(digest).await.unwrap().unwrap().state, to, "{word:?}");
            // To its end, so that the next word finds no mail of this one.
            stage.store.cancel_digest(digest, &Reports::default(), now).await.unwrap();
            assert!(stage.store.balance(digest).await.unwrap().is_closed());
        }
        // How many pauses a change has is the engine's own affair, and the machine's; that there are some is ours.
        assert!(crashes > 0, "{}: nothing was cut short", bench.engine);
    }
}
