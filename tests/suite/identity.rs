//! R17: what a feed may do to its entries without any post being published
//! twice (P2), and without one being lost (P1).

use crate::engines;
use crate::identity_script::{self, Expected};
use crate::origin::{Item, rss};
use std::collections::HashMap;
use std::time::Duration;
use syndicated::domain::filter::Filter;
use syndicated::domain::identity::Rule;
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::Entry;
use syndicated::domain::schedule::Schedule;
use syndicated::domain::slug::Slug;
use syndicated::domain::source::{Archived, Identity, Kind, Rules, Seed, Source, TextFrom};
use syndicated::domain::time::Timestamp;
use syndicated::read;
use syndicated::store::{Admitted, Arrival, Arriving, PostFilter, Store};

/// A document's entries, as a poll would bring them.
pub(crate) fn arrival(items: &[Item], now: Timestamp) -> Arrival {
    arrival_of(&rss(items, ""), now)
}

fn arrival_of(text: &str, now: Timestamp) -> Arrival {
    let input =
        read::Input { bytes: text.as_bytes(), content_type: None, base: None, platforms: &Platforms::default() };
    let key = |entry: Entry| Arriving {
        fingerprint: read::fingerprint(&entry),
        url_key: entry.url.as_ref().map(read::url_key),
        entry,
    };
    let entries = read::read(&input).unwrap().document.entries.into_iter().map(key).collect();
    Arrival::of(entries, now.plus(Duration::from_hours(1)))
}

pub(crate) async fn admit(store: &Store, source: &Source, items: &[Item], now: Timestamp) -> Admitted {
    let claim = store.claim_source(&source.name, now, Duration::from_mins(1)).await.unwrap().unwrap();
    store.admit(claim, arrival(items, now), now).await.unwrap()
}

pub(crate) fn follow(number: usize) -> Source {
    Source {
        name: format!("case-{number}").parse().unwrap(),
        url: format!("https://{number}.example.com/").parse().unwrap(),
        kind: Kind::Feed,
        schedule: Schedule::parse("0 * * * *", chrono_tz::Tz::UTC).unwrap(),
        adaptive: false,
        seed: Seed::None,
        content: TextFrom::Feed,
        rules: Rules::default(),
        filter: Filter::default(),
        archive: Archived::default(),
        may_republish: true,
    }
}

/// How a case ends: the posts that are stored, and whether addresses tell them apart.
async fn outcome(store: &Store, source: &Source) -> (Vec<Expected>, bool) {
    let filter = PostFilter { source: Some(source.name.clone()), limit: 1000, ..PostFilter::default() };
    let mut posts = Vec::new();
    for post in store.post_list(&filter).await.unwrap() {
        let versions = store.post_versions(post.id).await.unwrap().len();
        let standing = post.standing.as_str().to_owned();
        posts.push(Expected { guid: post.entry.guid, title: post.entry.title, standing, versions });
    }
    posts.sort();
    (posts, store.source_row(&source.name).await.unwrap().unwrap().identity == Identity::Address)
}

#[tokio::test]
async fn no_post_is_published_twice_and_none_is_lost() {
    let cases = identity_script::cases();
    assert!(cases.len() >= 120, "{}", cases.len());
    let sources: Vec<Source> = (0..cases.len()).map(follow).collect();
    let rounds = cases.iter().map(|case| case.polls.len()).max().unwrap() + 1;
    for bench in engines::all().await {
        let store = bench.open().await;
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        store.sync_sources(&sources, now).await.unwrap();
        let mut faults = Vec::new();
        let mut live = vec![0; cases.len()];
        for round in 0..rounds {
            // All cases at once: what ends together is written together.
            let claims = store.claim_sources(cases.len(), now, Duration::from_mins(1)).await.unwrap();
            let mut claims: HashMap<Slug, _> = claims.into_iter().map(|claim| (claim.name.clone(), claim)).collect();
            let mut polls = Vec::new();
            for (number, (case, source)) in cases.iter().zip(&sources).enumerate() {
                // What was decided once stays decided: the last document comes once more, and brings nothing.
                let again = round == case.polls.len();
                let poll = if again { case.polls.last() } else { case.polls.get(round) };
                if let Some(poll) = poll {
                    let arrival = arrival_of(&identity_script::document(poll), now);
                    let claim = claims.remove(&source.name).unwrap();
                    let store = &store;
                    polls.push(async move { (number, again, store.admit(claim, arrival, now).await.unwrap()) });
                }
            }
            for (number, again, admitted) in futures_util::future::join_all(polls).await {
                let name = &cases[number].name;
                live[number] += admitted.new.len();
                for id in &admitted.changed {
                    let post = store.post(*id).await.unwrap().unwrap();
                    assert!(post.changed == now && post.changed > post.first_seen, "{name}: {post:?}");
                }
                if again && (admitted.new.len(), admitted.changed.len()) != (0, 0) {
                    faults.push(format!("{name}: the last document again: {admitted:?}"));
                }
            }
            now = now.plus(Duration::from_hours(1));
        }
        for ((case, source), live) in cases.iter().zip(&sources).zip(live) {
            let (posts, by_address) = outcome(&store, source).await;
            let mut expected = case.posts.clone();
            expected.sort();
            if posts != expected || by_address != case.by_address {
                faults.push(format!("{}: {posts:#?}, by address: {by_address}", case.name));
            }
            // What may be mailed is what was said to be new.
            assert_eq!(posts.iter().filter(|post| post.standing == "live").count(), live, "{}", case.name);
        }
        assert!(faults.is_empty(), "on {}, {} faults:\n{}", bench.engine, faults.len(), faults.join("\n"));
    }
}

/// A script that is read wrongly would prove nothing.
#[test]
fn a_recorded_case_can_fail() {
    let cases = identity_script::cases();
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len());
    for case in &cases {
        assert!(case.polls.len() >= 2 && !case.posts.is_empty(), "{}", case.name);
    }
    assert!(cases.iter().filter(|case| case.polls.len() >= 3).count() >= 40);
}

/// The rules are told in their order, and in the words that the program has for them.
#[test]
fn the_rules_are_written_down_as_they_are_asked() {
    let page = include_str!("../../docs/identity.md");
    let told: Vec<String> = page
        .lines()
        .filter(|line| line.split_once(". `").is_some_and(|(number, _)| number.parse::<u32>().is_ok()))
        .map(str::to_owned)
        .collect();
    let asked: Vec<String> = (1..)
        .zip(Rule::ALL)
        .map(|(number, rule)| format!("{number}. `{}`: {}", rule.as_str(), rule.sentence()))
        .collect();
    assert_eq!(told, asked);
}

/// A person's word goes before every rule: what was set apart becomes a post, and stays one.
#[tokio::test]
async fn what_a_person_set_apart_is_never_taken_for_one_again() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let source = follow(1);
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        store.sync_sources(std::slice::from_ref(&source), now).await.unwrap();
        let other = Item { guid: "other".into(), ..Item::number(2) };
        let two = [Item::number(2), Item::number(1)];
        let three = [other.clone(), Item::number(2), Item::number(1)];
        admit(&store, &source, &two, now).await;
        now = now.plus(Duration::from_hours(1));
        let admitted = admit(&store, &source, &three, now).await;
        assert_eq!((admitted.new.len(), admitted.same), (0, 2), "{}", bench.engine);
        let filter = PostFilter { source: Some(source.name.clone()), limit: 9, ..PostFilter::default() };
        let posts = store.post_list(&filter).await.unwrap();
        let post = posts.iter().find(|post| post.entry.guid == "post-2").unwrap();
        let aliases = store.aliases(post.id).await.unwrap();
        let told: Vec<_> = aliases.iter().map(|alias| (alias.guid.as_str(), alias.rule, alias.apart)).collect();
        assert_eq!(told, [("other", Rule::AddressAndText, false)], "{}", bench.engine);

        assert!(!store.keep_apart(post.id, "post-2", now).await.unwrap(), "its own guid");
        assert!(store.keep_apart(post.id, "other", now).await.unwrap());
        now = now.plus(Duration::from_hours(1));
        let admitted = admit(&store, &source, &three, now).await;
        assert_eq!((admitted.new.len(), admitted.changed.len(), admitted.same), (1, 0, 2), "{}", bench.engine);
        // Alone, and edited, each is still itself.
        let edited =
            [Item { text: "Other words.".into(), ..other.clone() }, Item { text: "More.".into(), ..Item::number(2) }];
        for items in [&edited[..1], &edited[1..], &edited] {
            now = now.plus(Duration::from_hours(1));
            assert_eq!(admit(&store, &source, items, now).await.new.len(), 0, "{}", bench.engine);
        }
        let mut guids: Vec<_> =
            store.post_list(&filter).await.unwrap().into_iter().map(|post| post.entry.guid).collect();
        guids.sort();
        assert_eq!(guids, ["other", "post-1", "post-2"], "{}", bench.engine);
        let other =
            store.post_list(&filter).await.unwrap().into_iter().find(|post| post.entry.guid == "other").unwrap();
        let beside = store.beside(post, &other).await.unwrap().unwrap();
        assert!(!beside.is_one && beside.findings[0].holds, "{beside:?}");
    }
}

/// Guids that change with each document leave no heap of them behind.
#[tokio::test]
async fn of_guids_that_change_at_each_fetch_a_few_are_kept() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let source = follow(1);
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        store.sync_sources(std::slice::from_ref(&source), now).await.unwrap();
        for number in 0..12 {
            // No address, so that the source goes on asking guids.
            let items =
                [1, 2].map(|of| Item { guid: format!("{number}-{of}"), link: String::new(), ..Item::number(of) });
            admit(&store, &source, &items, now).await;
            now = now.plus(Duration::from_hours(1));
        }
        let filter = PostFilter { source: Some(source.name.clone()), limit: 99, ..PostFilter::default() };
        let posts = store.post_list(&filter).await.unwrap();
        assert_eq!(posts.len(), 2, "{}", bench.engine);
        for post in posts {
            let aliases = store.aliases(post.id).await.unwrap();
            let numbers: Vec<_> = aliases.iter().map(|alias| alias.guid.split('-').next().unwrap()).collect();
            assert_eq!(numbers, ["11", "10", "9", "8"], "{}", bench.engine);
            assert!(aliases.iter().all(|alias| alias.rule == Rule::TextAndDate), "{aliases:?}");
        }
    }
}

/// Two stored posts beside each other: every rule answers, by what decides.
#[tokio::test]
async fn each_rule_says_of_two_posts_whether_it_holds() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let source = follow(1);
        let now = Timestamp::from_millis(1_800_000_000_000);
        store.sync_sources(std::slice::from_ref(&source), now).await.unwrap();
        let twin = |number: u32| Item { title: "Twins".into(), day: 1, ..Item::number(number) };
        admit(&store, &source, &[twin(2), twin(1), Item::number(3)], now).await;
        let filter = PostFilter { source: Some(source.name.clone()), limit: 9, ..PostFilter::default() };
        let posts = store.post_list(&filter).await.unwrap();
        let post = |guid: &str| posts.iter().find(|post| post.entry.guid == guid).unwrap();
        let (one, two, three) = (post("post-1"), post("post-2"), post("post-3"));
        for (one, other, holding) in
            [(one, two, &[Rule::TitleAndDate][..]), (two, one, &[Rule::TitleAndDate]), (one, three, &[])]
        {
            let beside = store.beside(one, other).await.unwrap().unwrap();
            let rules: Vec<Rule> = beside.findings.iter().map(|finding| finding.rule).collect();
            assert_eq!(rules, Rule::ALL);
            let holds: Vec<Rule> =
                beside.findings.iter().filter(|finding| finding.holds).map(|finding| finding.rule).collect();
            assert_eq!((holds.as_slice(), beside.is_one), (holding, !holding.is_empty()), "{beside:?}");
            assert!(beside.findings.iter().all(|finding| !finding.why.is_empty()));
        }
    }
}

/// Beyond what is compared in full, a post is still known by its keys.
#[tokio::test]
async fn an_old_post_that_comes_back_is_known() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let source = follow(1);
        let now = Timestamp::from_millis(1_800_000_000_000);
        store.sync_sources(std::slice::from_ref(&source), now).await.unwrap();
        let many: Vec<Item> = (1..=1100).rev().map(Item::number).collect();
        assert_eq!(admit(&store, &source, &many, now).await.seeded.len(), 1100);
        let back = [
            Item::number(1),
            Item { guid: "other".into(), ..Item::number(2) },
            Item { guid: "third".into(), link: "https://blog.example.com/3?utm_source=x".into(), ..Item::number(3) },
            Item::number(2000),
        ];
        let admitted = admit(&store, &source, &back, now.plus(Duration::from_hours(1))).await;
        assert_eq!((admitted.new.len(), admitted.same, admitted.changed.len()), (1, 3, 0), "{}", bench.engine);
    }
}

fn three() -> Vec<Item> {
    (1..=3).rev().map(Item::number).collect()
}

/// P7: who lost the lease writes nothing.
#[tokio::test]
async fn a_late_node_writes_nothing() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let source = follow(1);
        let now = Timestamp::from_millis(1_800_000_000_000);
        store.sync_sources(std::slice::from_ref(&source), now).await.unwrap();
        let lease = Duration::from_mins(1);
        let late = store.claim_sources(5, now, lease).await.unwrap().remove(0);
        assert!(store.claim_sources(5, now, lease).await.unwrap().is_empty());
        let later = now.plus(lease);
        let quick = store.claim_sources(5, later, lease).await.unwrap().remove(0);
        assert!(store.admit(late, arrival(&three(), later), later).await.unwrap().fenced_out);
        assert!(store.post_list(&PostFilter { limit: 9, ..PostFilter::default() }).await.unwrap().is_empty());
        assert_eq!(store.admit(quick, arrival(&three(), later), later).await.unwrap().seeded.len(), 3);
    }
}

/// What changes beside the text is taken over, and is no change.
#[tokio::test]
async fn tags_and_addresses_are_kept_up_without_a_new_version() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let source = follow(1);
        let now = Timestamp::from_millis(1_800_000_000_000);
        store.sync_sources(std::slice::from_ref(&source), now).await.unwrap();
        let id = admit(&store, &source, &[Item::number(1)], now).await.seeded[0];
        let later = now.plus(Duration::from_hours(1));
        let mut again = arrival(&[Item { link: "https://blog.example.com/moved".into(), ..Item::number(1) }], later);
        again.entries[0].entry.categories = vec!["essay".to_owned()];
        let claim = store.claim_source(&source.name, later, Duration::from_mins(1)).await.unwrap().unwrap();
        assert_eq!(store.admit(claim, again, later).await.unwrap().same, 1);
        let post = store.post(id).await.unwrap().unwrap();
        assert_eq!(post.entry.categories, ["essay"]);
        assert_eq!(post.entry.url.unwrap().as_str(), "https://blog.example.com/moved");
        assert_eq!((post.changed, store.post_versions(id).await.unwrap().len()), (now, 0));
    }
}
