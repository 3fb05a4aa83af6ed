//! R17: what a feed may do to its entries without any post being published
//! twice (P2), and without one being lost (P1).

use crate::engines;
use crate::origin::{Item, rss};
use std::time::Duration;
use syndicated::domain::filter::Filter;
use syndicated::domain::pace::Pace;
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::{Entry, Standing};
use syndicated::domain::schedule::Schedule;
use syndicated::domain::source::{Archived, Kind, Rules, Seed, Source, TextFrom};
use syndicated::domain::time::Timestamp;
use syndicated::read;
use syndicated::store::{Admitted, Arrival, Arriving, PostFilter, Store};

/// What the second document does, and what must come of it.
struct Case {
    name: &'static str,
    before: Vec<Item>,
    after: Vec<Item>,
    /// How many posts are new, and how many have another text.
    new: usize,
    changed: usize,
}

const LONG: &str = "A text that is long enough to be told from every other text of this blog, since it goes on and on \
                    about one thing after another, with names, numbers such as 4711, and an end that nobody expects \
                    before they have read it at least twice, and most will not read it that often after all.";

fn three() -> Vec<Item> {
    (1..=3).rev().map(Item::number).collect()
}

fn long() -> Vec<Item> {
    (1..=3).rev().map(|number| Item { text: format!("{number}. {LONG}"), ..Item::number(number) }).collect()
}

/// Each item changed.
fn each(items: Vec<Item>, change: impl Fn(&mut Item)) -> Vec<Item> {
    items.into_iter().map(|mut item| (change(&mut item), item).1).collect()
}

/// The newest item changed, the others as they were.
fn newest(mut items: Vec<Item>, change: impl Fn(&mut Item)) -> Vec<Item> {
    change(&mut items[0]);
    items
}

fn with(mut items: Vec<Item>, more: Vec<Item>) -> Vec<Item> {
    items.splice(0..0, more);
    items
}

fn item(guid: &str, link: &str, title: &str, day: u32, text: &str) -> Item {
    Item { guid: guid.to_owned(), link: link.to_owned(), title: title.to_owned(), day, text: text.to_owned() }
}

fn cases() -> Vec<Case> {
    let case = |name, before, after, new, changed| Case { name, before, after, new, changed };
    let link = |item: &mut Item, from: &str, to: &str| item.link = item.link.replace(from, to);
    let site = "https://blog.example.com";
    vec![
        // Nothing, or nothing that a reader sees.
        case("the same again", three(), three(), 0, 0),
        case("another order", three(), three().into_iter().rev().collect(), 0, 0),
        case("white space in the text", three(), each(three(), |i| i.text = i.text.replace(' ', "  \n ")), 0, 0),
        case("markup in the text", three(), each(three(), |i| i.text = format!("&lt;p&gt;{}&lt;/p&gt;", i.text)), 0, 0),
        case("an entry fell off the end", three(), three()[..2].to_vec(), 0, 0),
        case("an empty document", three(), Vec::new(), 0, 0),
        // Edits.
        case("an edited title", three(), newest(three(), |i| i.title.push_str(", corrected")), 0, 1),
        case("an edited text", three(), newest(three(), |i| i.text.push_str(" More.")), 0, 1),
        case("every text edited", three(), each(three(), |i| i.text.push_str(" More.")), 0, 3),
        case(
            "edited title and text",
            three(),
            newest(three(), |i| (i.title, i.text) = ("New".into(), "Words".into())),
            0,
            1,
        ),
        case("an edited address", three(), newest(three(), |i| i.link.push_str("-corrected")), 0, 0),
        case(
            "address and title edited",
            three(),
            newest(three(), |i| {
                i.link.push_str("-corrected");
                i.title.push_str(", corrected");
            }),
            0,
            1,
        ),
        // Dates.
        case("redated to today", three(), each(three(), |i| i.day += 30), 0, 0),
        case("redated to the past", three(), each(three(), |i| i.day = 0), 0, 0),
        case(
            "redated and edited",
            three(),
            each(three(), |i| (i.day, i.text) = (i.day + 30, format!("{} More.", i.text))),
            0,
            3,
        ),
        // Addresses.
        case("https to http", three(), each(three(), |i| link(i, "https://", "http://")), 0, 0),
        case("with www.", three(), each(three(), |i| link(i, "https://", "https://www.")), 0, 0),
        case("a trailing slash", three(), each(three(), |i| i.link.push('/')), 0, 0),
        case(
            "tracking parameters",
            three(),
            each(three(), |i| i.link.push_str("?utm_source=rss&amp;utm_medium=feed")),
            0,
            0,
        ),
        case("a click identifier", three(), each(three(), |i| i.link.push_str("?fbclid=abc")), 0, 0),
        case("a fragment", three(), each(three(), |i| i.link.push_str("#comments")), 0, 0),
        case("another port", three(), each(three(), |i| link(i, ".com/", ".com:443/")), 0, 0),
        // Guids.
        case("changed guids", three(), each(three(), |i| i.guid.insert_str(0, "new-")), 0, 0),
        case(
            "changed guids, redated",
            long(),
            each(long(), |i| (i.guid, i.day) = (format!("n{}", i.guid), i.day + 30)),
            0,
            0,
        ),
        case(
            "changed guids, edited texts",
            three(),
            each(three(), |i| (i.guid, i.text) = (format!("n{}", i.guid), format!("{} More.", i.text))),
            0,
            3,
        ),
        case(
            "changed guids, edited titles",
            three(),
            each(three(), |i| (i.guid, i.title) = (format!("n{}", i.guid), format!("{}!", i.title))),
            0,
            3,
        ),
        case(
            "changed guids and tracked links",
            three(),
            each(three(), |i| (i.guid, i.link) = (format!("n{}", i.guid), format!("{}?utm_id=1", i.link))),
            0,
            0,
        ),
        case(
            "guids that are addresses go to https",
            each(three(), |i| i.guid = i.link.replace("https", "http")),
            each(three(), |i| i.guid = i.link.clone()),
            0,
            0,
        ),
        case(
            "changed guids and one new post",
            three(),
            with(each(three(), |i| i.guid.insert(0, 'n')), vec![Item::number(4)]),
            1,
            0,
        ),
        case("guids in other letters", three(), each(three(), |i| i.guid = i.guid.to_uppercase()), 0, 0),
        // A blog that moved or was rebuilt.
        case("another domain", three(), each(three(), |i| link(i, "blog.example.com", "new.example.org")), 0, 0),
        case(
            "another domain and guids",
            three(),
            each(three(), |i| {
                link(i, "blog.example.com", "new.example.org");
                i.guid.push_str("@new");
            }),
            0,
            0,
        ),
        case(
            "another domain, guids and texts",
            three(),
            each(three(), |i| {
                link(i, "blog.example.com", "new.example.org");
                (i.guid, i.text) = (format!("{}@new", i.guid), format!("{} More.", i.text));
            }),
            0,
            3,
        ),
        case(
            "other addresses and guids, the same texts",
            long(),
            each(long(), |i| {
                (i.guid, i.link) = (format!("p={}", i.day), format!("{site}/archive/p{}", i.day));
            }),
            0,
            0,
        ),
        case(
            "other addresses, guids and dates, the same texts",
            long(),
            each(long(), |i| {
                (i.guid, i.link, i.day) = (format!("p={}", i.day), format!("{site}/archive/p{}", i.day), i.day + 50);
            }),
            0,
            0,
        ),
        case(
            "other addresses, guids and texts, the same titles and dates",
            three(),
            each(three(), |i| {
                (i.guid, i.link, i.text) =
                    (format!("p={}", i.day), format!("{site}/p{}", i.day), format!("{} More.", i.text));
            }),
            0,
            3,
        ),
        // Doubles within a document.
        case("an entry twice", three(), with(three(), vec![Item::number(3)]), 0, 0),
        case("a new entry twice", three(), with(three(), vec![Item::number(4), Item::number(4)]), 1, 0),
        case(
            "a new entry twice under two guids",
            three(),
            with(three(), vec![Item::number(4), Item { guid: "again".into(), ..Item::number(4) }]),
            1,
            0,
        ),
        case(
            "a known entry again under another guid",
            three(),
            with(three(), vec![Item { guid: "again".into(), ..Item::number(3) }]),
            0,
            0,
        ),
        case(
            "a known entry again with a tracked link",
            three(),
            with(
                three(),
                vec![Item { guid: "again".into(), link: format!("{site}/3?utm_source=x"), ..Item::number(3) }],
            ),
            0,
            0,
        ),
        // What is different and must not be folded into one.
        case("one new post", three(), with(three(), vec![Item::number(4)]), 1, 0),
        case("nothing but new posts", three(), (4..=6).rev().map(Item::number).collect(), 3, 0),
        case(
            "one guid for every post",
            vec![
                item("blog", &format!("{site}/a"), "A", 1, "First."),
                item("blog", &format!("{site}/b"), "B", 2, "Second."),
            ],
            vec![
                item("blog", &format!("{site}/a"), "A", 1, "First."),
                item("blog", &format!("{site}/b"), "B", 2, "Second."),
                item("blog", &format!("{site}/c"), "C", 3, "Third."),
            ],
            1,
            0,
        ),
        case(
            "one guid, found out late",
            vec![item("blog", &format!("{site}/a"), "A", 1, "First.")],
            vec![
                item("blog", &format!("{site}/b"), "B", 2, "Second."),
                item("blog", &format!("{site}/a"), "A", 1, "First."),
            ],
            1,
            0,
        ),
        case(
            "one guid, one entry at a time",
            vec![item("blog", &format!("{site}/a"), "A", 1, "First.")],
            vec![item("blog", &format!("{site}/b"), "B", 2, "Second.")],
            1,
            0,
        ),
        case(
            "every entry links to the front page",
            vec![item("a", &format!("{site}/"), "A", 1, "First."), item("b", &format!("{site}/"), "B", 2, "Second.")],
            vec![item("c", &format!("{site}/"), "C", 3, "Third."), item("b", &format!("{site}/"), "B", 2, "Second.")],
            1,
            0,
        ),
        case(
            "every entry links to one page, one at a time",
            vec![item("a", &format!("{site}/log"), "A", 1, "First.")],
            vec![item("b", &format!("{site}/log"), "B", 2, "Second.")],
            1,
            0,
        ),
        case(
            "a title that comes every week",
            vec![item("a", &format!("{site}/1"), "Links", 1, "First.")],
            vec![
                item("b", &format!("{site}/2"), "Links", 8, "Second."),
                item("a", &format!("{site}/1"), "Links", 1, "First."),
            ],
            1,
            0,
        ),
        case(
            "a title that comes every week, one at a time",
            vec![item("a", &format!("{site}/1"), "Links", 1, "First.")],
            vec![item("b", &format!("{site}/2"), "Links", 8, "Second.")],
            1,
            0,
        ),
        case(
            "short texts that are the same",
            vec![item("a", &format!("{site}/1"), "", 1, "Photo")],
            vec![item("b", &format!("{site}/2"), "", 2, "Photo"), item("a", &format!("{site}/1"), "", 1, "Photo")],
            1,
            0,
        ),
        case(
            "two posts of one minute",
            three(),
            with(
                three(),
                vec![item("x", &format!("{site}/x"), "X", 9, "One."), item("y", &format!("{site}/y"), "Y", 9, "Two.")],
            ),
            2,
            0,
        ),
        case(
            "pages told apart by their query",
            vec![item("a", &format!("{site}/?p=1"), "A", 1, "First.")],
            vec![
                item("b", &format!("{site}/?p=2"), "B", 2, "Second."),
                item("a", &format!("{site}/?p=1"), "A", 1, "First."),
            ],
            1,
            0,
        ),
    ]
}

/// A document's entries, as a poll would bring them.
pub(crate) fn arrival(items: &[Item], now: Timestamp) -> Arrival {
    let text = rss(items, "");
    let input =
        read::Input { bytes: text.as_bytes(), content_type: None, base: None, platforms: &Platforms::default() };
    let key = |entry: Entry| Arriving {
        fingerprint: read::fingerprint(&entry),
        url_key: entry.url.as_ref().map(read::url_key),
        entry,
    };
    Arrival {
        entries: read::read(&input).unwrap().document.entries.into_iter().map(key).collect(),
        title: None,
        link: None,
        language: None,
        feed_url: None,
        etag: None,
        last_modified: None,
        repaired: None,
        harvest: None,
        pace: Pace::default(),
        channels: Vec::new(),
        seed: Seed::None,
        filter: Filter::default(),
        review: false,
        next_poll_at: now.plus(Duration::from_hours(1)),
    }
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
    }
}

#[tokio::test]
async fn no_post_is_published_twice_and_none_is_lost() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let cases = cases();
        assert!(cases.len() >= 50, "{}", cases.len());
        let sources: Vec<Source> = (0..cases.len()).map(follow).collect();
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        store.sync_sources(&sources, now).await.unwrap();
        for (case, source) in cases.iter().zip(&sources) {
            let known = admit(&store, source, &case.before, now).await.seeded.len();
            now = now.plus(Duration::from_hours(1));
            let second = admit(&store, source, &case.after, now).await;
            let said = format!("{} on {}: {second:?}", case.name, bench.engine);
            assert_eq!(
                (second.new.len(), second.changed.len(), second.held.len()),
                (case.new, case.changed, 0),
                "{said}"
            );
            // What was decided once stays decided: the same document again brings nothing.
            now = now.plus(Duration::from_hours(1));
            let third = admit(&store, source, &case.after, now).await;
            assert_eq!((third.new.len(), third.changed.len()), (0, 0), "again, {said}: {third:?}");
            let filter = PostFilter { source: Some(source.name.clone()), limit: 100, ..PostFilter::default() };
            let posts = store.post_list(&filter).await.unwrap();
            assert_eq!(posts.len(), known + case.new, "{said}");
            assert_eq!(posts.iter().filter(|post| post.standing == Standing::Live).count(), case.new, "{said}");
            for id in &second.changed {
                assert_eq!(store.post_versions(*id).await.unwrap().len(), 1, "{said}");
                assert!(posts.iter().any(|post| post.id == *id && post.changed > post.first_seen), "{said}");
            }
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
