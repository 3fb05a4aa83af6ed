//! Filters: what a source hides and a newsletter passes over, that nothing of it
//! is lost (P1), and that no later change of a filter makes old posts news (P2).

use crate::engines::{self, Bench};
use crate::stage::released;
use crate::stage::{self, Stage, at};
use std::sync::Arc;
use std::time::Duration;
use syndicated::domain::filter::Filter;
use syndicated::domain::post::{Post, Standing};
use syndicated::domain::source::Seed;
use syndicated::flow::digest::{Outcome, Preview};
use syndicated::flow::publish::{FeedKey, FeedOf, Publisher};
use syndicated::publish::Format;
use syndicated::read::fingerprint;
use syndicated::store::{Admitted, Arrival, PostFilter};

const DAY: Duration = Duration::from_hours(24);

fn filter(include: &[&str], exclude: &[&str]) -> Filter {
    let rules = |list: &[&str]| list.iter().map(|rule| rule.parse().unwrap()).collect();
    Filter { include: rules(include), exclude: rules(exclude) }
}

/// A stage whose newsletter has this filter and mails daily, at 22:00 UTC, to one reader.
async fn stage(bench: &Bench, filter: Filter) -> Stage {
    let mut config = stage::config(bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
    config.newsletters[0].filter = filter;
    let stage = Stage::new(bench, config, at("2026-11-22T12:00:00Z")).await;
    stage.readers(1, "daily").await;
    stage
}

/// What a poll that brings posts of these titles would store, under a source's filter.
async fn admit(stage: &Stage, titles: &[&str], filter: &Filter, change: impl FnOnce(&mut Arrival)) -> Admitted {
    let now = stage.clock.now();
    let claim = stage.store.claim_source(&"essays".parse().unwrap(), now, DAY).await.unwrap().unwrap();
    let mut arrival = Arrival { filter: filter.clone(), ..stage::arrival(titles, now) };
    change(&mut arrival);
    for arriving in &mut arrival.entries {
        arriving.fingerprint = fingerprint(&arriving.entry);
    }
    stage.store.admit(claim, arrival, now).await.unwrap()
}

/// Turns the clock to the next slot, and tells the titles that it mails.
async fn mailed(stage: &Stage) -> Vec<String> {
    stage.clock.set(stage.digester().next_slot().unwrap());
    let fired = stage.digester().fire_due().await.unwrap();
    let [fired] = fired.as_slice() else { panic!("{fired:?}") };
    let mut titles = Vec::new();
    if let Outcome::Frozen { digest, .. } = fired.outcome {
        for post in stage.store.digest_posts(digest).await.unwrap() {
            titles.push(stage.store.post(post).await.unwrap().unwrap().entry.title);
        }
    }
    titles.sort();
    titles
}

/// The titles in a feed, newest first.
async fn shown(stage: &Stage, of: FeedOf) -> Vec<String> {
    let key = FeedKey::new(of, Format::Json);
    let publisher =
        Publisher::new(stage.store.clone(), stage.live.clone(), crate::publishing::renderer(), stage.clock.clone());
    let feed: serde_json::Value = serde_json::from_str(&publisher.text(&key).await.unwrap().unwrap()).unwrap();
    feed["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

async fn post(stage: &Stage, title: &str) -> Post {
    let all = PostFilter { limit: 1_000, ..PostFilter::default() };
    stage.store.post_list(&all).await.unwrap().into_iter().find(|post| post.entry.title == title).unwrap()
}

fn change(stage: &Stage, filter: Filter) {
    let mut config = (**stage.live.load()).clone();
    config.newsletters[0].filter = filter;
    stage.live.store(Arc::new(config));
}

#[tokio::test]
async fn what_a_source_hides_is_stored_and_neither_shown_nor_mailed_until_a_person_lets_it_out() {
    for bench in engines::all().await {
        let stage = stage(&bench, Filter::default()).await;
        let strict = filter(&[], &["title: advertisement"]);
        let admitted = admit(&stage, &["essay", "advertisement", "advertisements"], &strict, |_| {}).await;
        assert_eq!((admitted.new.len(), admitted.filtered.len()), (2, 1));
        let hidden = post(&stage, "advertisement").await;
        assert_eq!((hidden.id, hidden.standing), (admitted.filtered[0], Standing::Live));
        assert_eq!(hidden.filtered_by.as_deref(), Some("exclude = [\"title: advertisement\"]"));
        let listed = PostFilter { filtered: true, limit: 10, ..PostFilter::default() };
        assert_eq!(stage.store.post_list(&listed).await.unwrap(), std::slice::from_ref(&hidden));
        for of in [FeedOf::Newsletter("letter".parse().unwrap()), FeedOf::Source("essays".parse().unwrap())] {
            let mut titles = shown(&stage, of).await;
            titles.sort();
            assert_eq!(titles, ["advertisements", "essay"]);
        }
        assert_eq!(mailed(&stage).await, ["advertisements", "essay"]);

        // The filter goes, and nothing old becomes news.
        let all = ["essay", "advertisement", "advertisements"];
        assert_eq!(admit(&stage, &all, &Filter::default(), |_| {}).await.same, 3);
        assert!(mailed(&stage).await.is_empty());
        assert_eq!(post(&stage, "advertisement").await.filtered_by, hidden.filtered_by);

        // A person lets it out: it is mailed once, and no filter hides it again.
        let now = stage.clock.now();
        assert!(released(&stage.store, hidden.id, true, now).await);
        assert!(!released(&stage.store, hidden.id, true, now).await);
        admit(&stage, &all, &strict, |arrival| arrival.entries[1].entry.categories.push("new".to_owned())).await;
        assert_eq!(shown(&stage, FeedOf::Source("essays".parse().unwrap())).await.len(), 3);
        assert_eq!(mailed(&stage).await, ["advertisement"]);
        assert!(mailed(&stage).await.is_empty());
    }
}

#[tokio::test]
async fn a_post_that_changes_is_judged_again_but_not_by_another_filter() {
    for bench in engines::all().await {
        let stage = stage(&bench, Filter::default()).await;
        let strict = filter(&["category: essays"], &[]);
        let tagged = |titles: &'static [&str]| {
            move |arrival: &mut Arrival| {
                for arriving in arrival.entries.iter_mut().filter(|a| titles.contains(&a.entry.title.as_str())) {
                    arriving.entry.categories.push("Essays".to_owned());
                }
            }
        };
        let all = ["first", "second", "third"];
        let admitted = admit(&stage, &all, &strict, tagged(&["third"])).await;
        assert_eq!((admitted.new.len(), admitted.filtered.len()), (1, 2));
        // Its author tags the first, and takes the tag from the third.
        admit(&stage, &all, &strict, tagged(&["first"])).await;
        assert_eq!(mailed(&stage).await, ["first"]);
        // The rule that hid the others is gone; that they change now makes them no news.
        let loose = filter(&["category: essays", "title: second"], &[]);
        let admitted = admit(&stage, &all, &loose, |arrival| {
            for arriving in &mut arrival.entries {
                arriving.entry.authors.push("Lee".to_owned());
            }
        })
        .await;
        assert_eq!((admitted.same, admitted.filtered.len()), (3, 0));
        assert!(mailed(&stage).await.is_empty());
        assert!(post(&stage, "second").await.filtered_by.is_some());
        // What was mailed and does not belong any more leaves the feeds.
        assert!(shown(&stage, FeedOf::Source("essays".parse().unwrap())).await.is_empty());
    }
}

#[tokio::test]
async fn a_post_has_a_language_of_its_own_and_may_declare_it_later() {
    for bench in engines::all().await {
        let stage = stage(&bench, filter(&["language: pt"], &[])).await;
        let declaring = |tags: [Option<&'static str>; 2]| {
            move |arrival: &mut Arrival| {
                for (arriving, tag) in arrival.entries.iter_mut().zip(tags) {
                    arriving.entry.summary = None;
                    arriving.entry.language = tag.map(str::to_owned);
                }
            }
        };
        let all = ["1 2", "3 4"];
        admit(&stage, &all, &Filter::default(), declaring([Some("pt-BR"), None])).await;
        assert_eq!(post(&stage, "1 2").await.language(), Some("pt-BR"));
        assert_eq!(post(&stage, "3 4").await.language(), Some("en"), "its feed's");
        assert_eq!(shown(&stage, FeedOf::Newsletter("letter".parse().unwrap())).await, ["1 2"]);
        let strict = filter(&[], &["language: de"]);
        let admitted = admit(&stage, &all, &strict, declaring([Some("pt-BR"), Some("de")])).await;
        assert_eq!(admitted.same, 2);
        assert_eq!(shown(&stage, FeedOf::Source("essays".parse().unwrap())).await, ["1 2"]);
        assert_eq!(mailed(&stage).await, ["1 2"]);
    }
}

#[tokio::test]
async fn a_posts_age_is_that_at_first_sight() {
    for bench in engines::all().await {
        let stage = stage(&bench, Filter::default()).await;
        let young = filter(&[], &["older than: 30d"]);
        let now = stage.clock.now();
        let dated = |days: u32| {
            move |arrival: &mut Arrival| {
                for arriving in &mut arrival.entries {
                    arriving.entry.published = Some(now.minus(DAY * days));
                }
            }
        };
        assert_eq!(admit(&stage, &["from the archive"], &young, dated(40)).await.filtered.len(), 1);
        assert_eq!(admit(&stage, &["yesterday's"], &young, dated(1)).await.new.len(), 1);
        stage.clock.advance(DAY * 60);
        let admitted = admit(&stage, &["yesterday's"], &young, |arrival| {
            arrival.entries[0].entry.published = Some(now.minus(DAY));
            arrival.entries[0].entry.summary = None;
        })
        .await;
        assert_eq!(admitted.changed.len(), 1);
        assert_eq!(shown(&stage, FeedOf::Source("essays".parse().unwrap())).await, ["yesterday's"]);
    }
}

#[tokio::test]
async fn of_the_first_poll_the_newest_that_the_filter_takes_may_be_mailed() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let store = bench.open().await;
        let clock = syndicated::clock::Clock::manual(at("2026-11-22T12:00:00Z"));
        store.sync_sources(&config.sources, clock.now()).await.unwrap();
        let stage = Stage { store, clock, live: Arc::new(arc_swap::ArcSwap::from_pointee(config)) };
        let dated = |arrival: &mut Arrival| {
            arrival.seed = Seed::Newest(1);
            for (age, arriving) in (0..).zip(&mut arrival.entries) {
                arriving.entry.published = Some(at("2026-11-22T00:00:00Z").minus(DAY * age));
            }
        };
        let titles = ["advertisement", "newest essay", "older essay"];
        let admitted = admit(&stage, &titles, &filter(&[], &["words: advertisement"]), dated).await;
        assert_eq!((admitted.new.len(), admitted.seeded.len(), admitted.filtered.len()), (1, 1, 1));
        assert_eq!(post(&stage, "newest essay").await.standing, Standing::Live);
        assert_eq!(post(&stage, "advertisement").await.standing, Standing::Seed);
    }
}

#[tokio::test]
async fn the_flood_guard_holds_what_looks_old_whatever_a_filter_says() {
    for bench in engines::all().await {
        let stage = stage(&bench, Filter::default()).await;
        let titles: Vec<String> = (0..25).map(|number| format!("post {number}")).collect();
        let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
        stage.admit(&titles).await;
        let admitted = admit(&stage, &titles, &filter(&[], &["title: 7"]), |arrival| {
            for arriving in &mut arrival.entries {
                arriving.entry.guid = format!("new {}", arriving.entry.guid);
                arriving.entry.url = None;
                arriving.url_key = None;
                arriving.entry.published = None;
            }
        })
        .await;
        assert_eq!((admitted.held.len(), admitted.filtered.len()), (25, 0), "{admitted:?}");
        let held = PostFilter { standing: Some(Standing::Held), filtered: true, limit: 100, ..PostFilter::default() };
        let both = stage.store.post_list(&held).await.unwrap();
        assert_eq!(both.len(), 1);
        assert!(released(&stage.store, both[0].id, false, stage.clock.now()).await);
        assert!(!shown(&stage, FeedOf::Source("essays".parse().unwrap())).await.is_empty());
        assert_eq!(stage.store.post(both[0].id).await.unwrap().unwrap().filtered_by, None);
    }
}

#[tokio::test]
async fn a_newsletter_passes_over_what_its_filter_leaves_out_once_and_for_all() {
    for bench in engines::all().await {
        let stage = stage(&bench, filter(&["words: letter"], &[])).await;
        stage.admit(&["a letter", "a recipe"]).await;
        let Preview { posts, mail, .. } = stage.digester().preview("letter", "daily").await.unwrap();
        assert!(mail.is_some() && posts.taken.len() == 1);
        assert_eq!(posts.left_out[0].reason.as_str(), "include = [\"words: letter\"]");
        assert!(stage.store.passed_over(posts.left_out[0].post).await.unwrap().is_empty(), "a preview decides nothing");
        assert_eq!(shown(&stage, FeedOf::Newsletter("letter".parse().unwrap())).await, ["a letter"]);
        assert_eq!(shown(&stage, FeedOf::Source("essays".parse().unwrap())).await.len(), 2);
        assert_eq!(mailed(&stage).await, ["a letter"]);
        // A slot for which nothing is left decides as well.
        stage.admit(&["a second recipe"]).await;
        assert!(mailed(&stage).await.is_empty());
        let passed = stage.store.passed_over(post(&stage, "a second recipe").await.id).await.unwrap();
        assert_eq!((passed.len(), passed[0].at), (1, stage.clock.now()));

        // Months later the filter goes: feeds follow, the mail brings news only.
        stage.clock.advance(DAY * 60);
        stage.digester().fire_due().await.unwrap();
        change(&stage, Filter::default());
        stage.admit(&["a third recipe"]).await;
        assert_eq!(shown(&stage, FeedOf::Newsletter("letter".parse().unwrap())).await.len(), 4);
        assert_eq!(mailed(&stage).await, ["a third recipe"]);
        assert!(mailed(&stage).await.is_empty());
    }
}

#[tokio::test]
async fn a_filter_that_changes_before_the_slot_counts_as_it_stands_then() {
    for bench in engines::all().await {
        let stage = stage(&bench, filter(&[], &["words: recipe"])).await;
        stage.admit(&["a letter", "a recipe"]).await;
        change(&stage, filter(&[], &["words: letter"]));
        assert_eq!(mailed(&stage).await, ["a recipe"]);
    }
}

#[tokio::test]
async fn an_instant_cadence_passes_over_at_once_and_for_itself_only() {
    for bench in engines::all().await {
        let cadences = "{ daily = \"0 7 * * *\", instant = \"instant\" }";
        let mut config = stage::config(&bench, "maildir:unused", cadences, "");
        config.newsletters[0].filter = filter(&[], &["words: recipe"]);
        let stage = Stage::new(&bench, config, at("2026-11-22T12:00:00Z")).await;
        let posts = stage.admit(&["a letter", "a recipe"]).await;
        let fired = stage.digester().fire_due().await.unwrap();
        assert_eq!(fired.len(), 1, "{fired:?}");
        let recipe = post(&stage, "a recipe").await.id;
        assert!(posts.contains(&recipe));
        let passed = stage.store.passed_over(recipe).await.unwrap();
        assert_eq!(passed.iter().map(|passed| passed.cadence.as_str()).collect::<Vec<_>>(), ["instant"]);
        change(&stage, Filter::default());
        assert!(stage.digester().fire_due().await.unwrap().is_empty());
        assert_eq!(mailed(&stage).await, ["a letter", "a recipe"], "the daily digest had not decided yet");
    }
}

#[tokio::test]
async fn a_feed_finds_the_few_posts_that_it_takes_among_many() {
    for bench in engines::all().await {
        let stage = stage(&bench, filter(&["category: rare"], &[])).await;
        let mut config = (**stage.live.load()).clone();
        config.newsletters[0].feed_items = 3;
        for sources in [None, Some(vec!["essays".parse().unwrap()])] {
            config.newsletters[0].sources = sources;
            stage.live.store(Arc::new(config.clone()));
            let titles: Vec<String> = (0..40).map(|number| format!("post {number:02}")).collect();
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            admit(&stage, &titles, &Filter::default(), |arrival| {
                for (number, arriving) in (0_u32..).zip(&mut arrival.entries) {
                    // Many share a date, so that pages end between them.
                    arriving.entry.published = Some(at("2026-11-22T00:00:00Z").minus(DAY * (number / 10)));
                    if number % 10 == 5 {
                        arriving.entry.categories.push("rare".to_owned());
                    }
                }
            })
            .await;
            assert_eq!(
                shown(&stage, FeedOf::Newsletter("letter".parse().unwrap())).await,
                ["post 05", "post 15", "post 25"]
            );
        }
    }
}
