//! What the archive's pages are made of: only what a feed may show, in its order,
//! and found without a walk through everything.

use crate::engines::{self, Bench};
use crate::publishing::{arrive, at, config, dated};
use syndicated::config::Database;
use syndicated::domain::digest::Edition;
use syndicated::domain::id::PostId;
use syndicated::domain::label::LabelKind;
use syndicated::domain::post::{Entry, Post};
use syndicated::store::{PostFilter, Store};

async fn post(store: &Store, title: &str) -> Post {
    let all = store.post_list(&PostFilter { limit: 100, ..PostFilter::default() }).await.unwrap();
    all.into_iter().find(|post| post.entry.title == title).unwrap()
}

fn tagged(title: &str, minutes: i64, tags: &[&str]) -> Entry {
    Entry { categories: tags.iter().map(|&tag| tag.to_owned()).collect(), ..dated("one", title, minutes) }
}

/// Two sources, of which the second is removed; a held post, and one that a filter hides.
async fn stored(bench: &Bench) -> Store {
    let (store, mut config) = (bench.open().await, config(bench));
    store.sync_sources(&config.sources, at(0)).await.unwrap();
    let entries = vec![
        tagged("e", -10, &["Book Club", "film"]),
        tagged("hidden", -20, &["film"]),
        tagged("d", -30, &["book club"]),
        // Two of the same minute: their numbers tell them apart.
        tagged("c", -30, &["film", "Tea"]),
        tagged("held", -40, &["tea"]),
        tagged("a", -50, &["book club"]),
    ];
    arrive(&store, "one", at(0), entries).await;
    let gone = Entry { categories: vec!["film".to_owned()], ..dated("two", "gone", -25) };
    arrive(&store, "two", at(0), vec![gone]).await;
    bench.execute("UPDATE post SET filtered_by = 'exclude = x' WHERE title = 'hidden'").await;
    bench.execute("UPDATE post SET standing = 'held' WHERE title = 'held'").await;
    config.sources.pop();
    store.sync_sources(&config.sources, at(0)).await.unwrap();
    store
}

#[tokio::test]
async fn beside_a_post_stand_its_sources_next_ones() {
    for bench in engines::all().await {
        let store = stored(&bench).await;
        let mut found = Vec::new();
        for title in ["e", "d", "c", "a"] {
            let (older, newer) = store.neighbours(&post(&store, title).await).await.unwrap();
            let title_of = |neighbour: Option<syndicated::store::Neighbour>| neighbour.map(|one| one.title);
            found.push((title_of(older), title_of(newer)));
        }
        let name = |name: &str| Some(name.to_owned());
        // Of the same minute, the one that its document shows first has the higher number.
        let expected = [(name("d"), None), (name("c"), name("e")), (name("a"), name("d")), (None, name("c"))];
        assert_eq!(found, expected, "{}", bench.engine);

        // A date that a feed gives later is where the post belongs.
        let undated = Entry { published: None, ..dated("one", "f", 0) };
        arrive(&store, "one", at(60), vec![undated.clone()]).await;
        let given = Entry { title: "dated".to_owned(), published: Some(at(-45)), ..undated };
        arrive(&store, "one", at(120), vec![given]).await;
        let (older, newer) = store.neighbours(&post(&store, "dated").await).await.unwrap();
        assert_eq!((older.unwrap().title, newer.unwrap().title), ("a".into(), "c".into()), "{}", bench.engine);
    }
}

#[tokio::test]
async fn a_span_of_time_holds_what_feeds_may_show() {
    for bench in engines::all().await {
        let store = stored(&bench).await;
        let titles = |posts: Vec<Post>| posts.into_iter().map(|post| post.entry.title).collect::<Vec<_>>();
        let between =
            async |from, to, limit, offset| titles(store.posts_between(at(from), at(to), limit, offset).await.unwrap());
        assert_eq!(between(-60, 0, 10, 0).await, ["e", "d", "c", "a"], "{}", bench.engine);
        assert_eq!(between(-60, 0, 2, 1).await, ["d", "c"]);
        // The end is the beginning of the next.
        assert_eq!(between(-30, -10, 10, 0).await, ["d", "c"]);
        for (from, to, count) in [(-60, 0, 4), (-30, -10, 2), (-50, -30, 1), (-9, 0, 0)] {
            assert_eq!(store.count_between(at(from), at(to)).await.unwrap(), count, "{from} {to} {}", bench.engine);
        }
        assert_eq!(store.first_and_last_date().await.unwrap(), Some((at(-50), at(-10))));

        let all = store.post_ids_behind(None, 10).await.unwrap();
        assert_eq!(all.len(), 4);
        assert!(all.is_sorted() && all.iter().all(|(_, changed)| *changed == at(0)), "{all:?}");
        let rest = store.post_ids_behind(Some(all[0].0), 2).await.unwrap();
        assert_eq!(rest, all[1..3]);
        assert_eq!(store.post_ids_behind(Some(PostId(i64::MAX)), 2).await.unwrap(), []);
    }
}

#[tokio::test]
async fn the_labels_that_most_posts_have_are_counted_without_hidden_ones() {
    for bench in engines::all().await {
        let store = stored(&bench).await;
        let cloud = async |limit| {
            let cloud = store.label_cloud(LabelKind::Tag, limit).await.unwrap();
            cloud.into_iter().map(|(key, name, posts)| format!("{key} {name} {posts}")).collect::<Vec<_>>()
        };
        assert_eq!(cloud(9).await, ["book-club Book Club 3", "film film 2", "tea Tea 1"], "{}", bench.engine);
        assert_eq!(cloud(1).await, ["book-club Book Club 3"]);
        let authors = store.label_cloud(LabelKind::Author, 9).await.unwrap();
        assert_eq!(authors.iter().map(|(_, _, posts)| *posts).collect::<Vec<_>>(), [4, 4]);
    }
}

#[tokio::test]
async fn an_empty_archive_has_nothing() {
    for bench in engines::all().await {
        let store = bench.open().await;
        assert_eq!(store.first_and_last_date().await.unwrap(), None);
        assert_eq!(store.count_between(at(-100), at(0)).await.unwrap(), 0);
        assert_eq!(store.label_cloud(LabelKind::Tag, 9).await.unwrap(), []);
        assert_eq!(store.archive_digests(None, 9, 0).await.unwrap(), []);
    }
}

/// Digests as they stand in the archive: what was mailed, and nothing else.
#[tokio::test]
async fn only_digests_that_readers_were_sent_are_shown() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let states = ["done", "sending", "review", "paused", "cancelled", "empty", "missed", "few", "done"];
        for (number, state) in states.into_iter().enumerate() {
            let (newsletter, words) = if number == 8 { ("other", "words") } else { ("weekly", "words") };
            let words = if matches!(state, "empty" | "missed" | "few") { "" } else { words };
            bench
                .execute(&format!(
                    "INSERT INTO digest (newsletter, cadence, slot, state, frozen_at, expires_at, subject, html)
                     VALUES ('{newsletter}', 'daily', '2026-11-2{number}T07:00', '{state}', {number}, 9, '{words}', '{words}')"
                ))
                .await;
        }
        let slots = async |newsletter: Option<&str>, limit, offset| {
            let newsletter = newsletter.map(|name| name.parse().unwrap());
            let digests = store.archive_digests(newsletter.as_ref(), limit, offset).await.unwrap();
            digests.into_iter().map(|digest| digest.edition.path()).collect::<Vec<_>>()
        };
        let all = ["other/daily/2026-11-28T07-00", "weekly/daily/2026-11-21T07-00", "weekly/daily/2026-11-20T07-00"];
        assert_eq!(slots(None, 9, 0).await, all, "{}", bench.engine);
        assert_eq!(slots(None, 1, 1).await, all[1..2]);
        assert_eq!(slots(Some("weekly"), 9, 0).await, all[1..]);
        for (number, state) in states.into_iter().enumerate() {
            let newsletter = if number == 8 { "other" } else { "weekly" };
            let edition = Edition::at_path(newsletter, "daily", &format!("2026-11-2{number}T07-00")).unwrap();
            let found = store.archive_digest(&edition).await.unwrap();
            assert_eq!(found.is_some(), matches!(state, "done" | "sending"), "{state} {}", bench.engine);
            assert!(found.is_none_or(|(digest, html)| digest.subject == "words" && html == "words"));
        }
    }
}

/// A page costs what is on it, however much there is besides.
#[tokio::test]
async fn pages_of_the_archive_are_found_by_an_index() {
    for bench in engines::all().await {
        let Database::Sqlite(_) = bench.place else { continue };
        let store = bench.open().await;
        store.close().await;
        for (sql, index) in [
            (
                "SELECT id, title, dated_at FROM post WHERE source_id = 1 AND (dated_at, id) < (5, 6)
                 AND standing <> 'held' AND filtered_by IS NULL ORDER BY dated_at DESC, id DESC LIMIT 1",
                "USING INDEX post_by_date (source_id=? AND dated_at<?)",
            ),
            (
                "SELECT COUNT(*) FROM post p WHERE p.dated_at >= 1 AND p.dated_at < 5
                 AND NOT p.shown",
                "USING INDEX post_hidden",
            ),
            (
                "SELECT id, title FROM post WHERE (source_id = 1 AND guid = 'a') OR (source_id = 1 AND url_key = 'b')
                 OR (source_id = 1 AND fingerprint = 'c') LIMIT 10",
                "USING INDEX post_by_text (source_id=? AND fingerprint=?)",
            ),
            ("SELECT COUNT(*) FROM post WHERE dated_at >= 1 AND dated_at < 5", "USING COVERING INDEX post_newest"),
            (
                "SELECT key, COUNT(*) FROM post_label WHERE kind = 'tag' GROUP BY key",
                "USING COVERING INDEX post_labelled",
            ),
            (
                "SELECT id FROM digest WHERE state IN ('sending', 'done') AND newsletter = 'x' AND subject <> ''
                 ORDER BY frozen_at DESC, id DESC LIMIT 1",
                "USING INDEX digest_shown_of",
            ),
        ] {
            let plan = bench.plan(sql).await;
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
    }
}
