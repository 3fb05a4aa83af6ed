//! R16: a poller that is killed at any instant, between the document, its entries
//! and its validators, loses no post and keeps none twice (P1, P2, P4).

use crate::crash;
use crate::engines;
use crate::identity;
use crate::origin::{Answer, Item, Origin, feed};
use crate::polling::World;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Database, Secret};
use syndicated::domain::time::Timestamp;
use syndicated::flow::poll::PollOutcome;
use syndicated::store::{Arrival, PostFilter, Store};
use tokio::io::AsyncReadExt as _;

const PLACE: &str = "SYNDICATED_TEST_KILLED_DATABASE";
const FEED: &str = "SYNDICATED_TEST_KILLED_FEED";
const START: &str = "SYNDICATED_TEST_KILLED_START";

/// How often the poller is killed; `SYNDICATED_TEST_FULL` asks for all of R16's 200.
fn kills() -> u32 {
    if std::env::var_os("SYNDICATED_TEST_FULL").is_some() { 200 } else { 20 }
}

#[tokio::test]
async fn kills_between_document_entries_and_validators_lose_nothing() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=1)).etag("\"1\""));
        bench.open().await.close().await;
        // Whenever the blog was asked, it publishes one more post.
        let blog = origin.clone();
        let publishing = tokio::spawn(async move {
            let mut last = 1_u32;
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if !blog.asked().is_empty() {
                    last += 1;
                    let window = last.saturating_sub(50).max(1)..=last;
                    blog.set("/feed", Answer::ok(feed(window)).etag(&format!("\"{last}\"")));
                }
            }
        });
        let place = match &bench.place {
            Database::Sqlite(path) => path.display().to_string(),
            Database::Postgres(url) => url.expose().to_owned(),
        };
        let chance = Chance::seeded(16);
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        for _ in 0..kills() {
            // Leases that the last one held have ended by then.
            now = now.plus(Duration::from_hours(24 * 30));
            let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "killed_polls::the_one_that_is_killed", "--ignored", "--nocapture"])
                .env(PLACE, &place)
                .env(FEED, origin.url("/feed").as_str())
                .env(START, now.millis().to_string())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut said = Vec::new();
            let mut output = child.stdout.take().unwrap();
            while !String::from_utf8_lossy(&said).contains("polling") {
                assert!(output.read_buf(&mut said).await.unwrap() > 0, "the poller begins");
            }
            tokio::time::sleep(chance.jitter(Duration::from_millis(100), 0.9)).await;
            child.kill().await.unwrap();
        }
        publishing.abort();
        let polled = World::following_from(&bench, &origin.url("/feed"), now.plus(Duration::from_hours(24 * 30))).await;
        loop {
            match polled.poll().await {
                PollOutcome::Read(_) => drop(polled.next().await),
                PollOutcome::Unchanged => break,
                other => panic!("{other:?}"),
            }
        }
        let filter = PostFilter { limit: 1_000_000, ..PostFilter::default() };
        let titles: Vec<String> =
            polled.store.post_list(&filter).await.unwrap().into_iter().map(|post| post.entry.title).collect();
        let distinct: BTreeSet<u32> =
            titles.iter().map(|title| title.trim_start_matches("Post ").parse().unwrap()).collect();
        assert_eq!(distinct.len(), titles.len(), "none twice on {}", bench.engine);
        let last = *distinct.last().unwrap();
        // On a busy machine not every one comes to its poll before it is killed.
        assert!(last > kills() / 2, "{last} posts were published");
        assert_eq!(distinct.len(), usize::try_from(last).unwrap(), "none lost on {}", bench.engine);
    }
}

/// P1, point by point: wherever `admit` is cut, entries, versions, validators and
/// the next poll are all there or none is, and the next poll makes it good.
#[tokio::test]
async fn admit_is_whole_or_nothing_wherever_it_is_cut() {
    for bench in engines::all().await {
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        let (mut whole, mut cut) = (0, 0);
        // How many points there are depends on how quickly the engine answers.
        for points in (0..40).map(|round| round * 3) {
            let source = identity::follow(whole + cut);
            let setup = bench.open().await;
            setup.sync_sources(std::slice::from_ref(&source), now).await.unwrap();
            identity::admit(&setup, &source, &[Item::number(1)], now).await;
            now = now.plus(Duration::from_hours(1));
            let edited = Item { text: "Edited.".to_owned(), ..Item::number(1) };
            let items = [Item::number(3), Item::number(2), edited];
            let arrival = |now| Arrival { etag: Some("\"new\"".to_owned()), ..identity::arrival(&items, now) };
            let store = bench.open().await;
            let claim = store.claim_source(&source.name, now, Duration::from_mins(1)).await.unwrap().unwrap();
            let done = crash::after(points, store.admit(claim, arrival(now), now)).await;
            // What a crash leaves to the engine is its own connection.
            drop(store);
            now = now.plus(Duration::from_mins(2));
            // A commit that was under way, or the roll-back of a lost connection, comes first.
            let free = async {
                loop {
                    if let Some(claim) = setup.claim_source(&source.name, now, Duration::from_mins(1)).await.unwrap() {
                        return claim;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let claim = tokio::time::timeout(Duration::from_secs(10), free).await.expect("it is free again");
            let filter = PostFilter { source: Some(source.name.clone()), limit: 9, ..PostFilter::default() };
            let posts = setup.post_list(&filter).await.unwrap();
            let said = format!("cut at {points} on {}: {posts:?}", bench.engine);
            if claim.etag.is_some() {
                whole += 1;
                assert_eq!(posts.len(), 3, "{said}");
                assert_eq!(setup.post_versions(posts[2].id).await.unwrap().len(), 1, "{said}");
            } else {
                cut += 1;
                assert_eq!((posts.len(), done), (1, false), "{said}");
            }
            let again = setup.admit(claim, arrival(now), now).await.unwrap();
            assert_eq!(again.new.len() + posts.len(), 3, "{said}");
            setup.close().await;
        }
        assert!(whole > 0 && cut > 0, "{whole} whole and {cut} cut on {}", bench.engine);
    }
}

/// Not a test of its own: polls until it is killed.
#[tokio::test]
#[ignore = "run by the test above, which kills it"]
async fn the_one_that_is_killed() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let place = if place.starts_with("postgres") {
        Database::Postgres(Secret::new(place))
    } else {
        Database::Sqlite(place.into())
    };
    let start: i64 = std::env::var(START).unwrap().parse().unwrap();
    let feed = std::env::var(FEED).unwrap().parse().unwrap();
    let store = Store::open(&place).await.unwrap();
    let world = World::of(store, &feed, Clock::manual(Timestamp::from_millis(start))).await;
    println!("polling");
    loop {
        world.poll().await;
        world.next().await;
    }
}
