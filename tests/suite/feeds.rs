//! Which feeds there are: of the site, of newsletters, sources, tags, authors and
//! languages, in full and short, and their archives back to the first post.

use crate::engines;
use crate::publishing::{arrive, at, config, dated, read_back, renderer, source, titles};
use arc_swap::ArcSwap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::Clock;
use syndicated::config::{Config, Live};
use syndicated::domain::label::{LabelKey, LabelKind};
use syndicated::domain::post::Entry;
use syndicated::domain::schedule::Schedule;
use syndicated::flow::publish::{Coding, FeedKey, FeedOf, Publisher};
use syndicated::publish::Format;
use syndicated::store::Store;

const DAY: i64 = 24 * 60;

struct World {
    store: Store,
    publisher: Publisher,
    clock: Clock,
}

impl World {
    async fn new(bench: &engines::Bench, change: impl FnOnce(&mut Config)) -> Self {
        let (store, mut config, clock) = (bench.open().await, config(bench), Clock::manual(at(0)));
        change(&mut config);
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let publisher = Publisher::new(store.clone(), live, renderer(), clock.clone());
        Self { store, publisher, clock }
    }

    async fn text(&self, key: &FeedKey) -> Option<String> {
        let feed = self.publisher.get(key).await.unwrap()?;
        Some(String::from_utf8(feed.bytes(Coding::Identity).to_vec()).unwrap())
    }

    async fn titles(&self, key: &FeedKey) -> Option<Vec<String>> {
        Some(titles(self.text(key).await?.as_bytes()))
    }

    async fn arrive(&self, source: &str, minutes: i64, entries: Vec<Entry>) {
        arrive(&self.store, source, at(minutes), entries).await;
        self.publisher.invalidate();
    }
}

fn label(kind: LabelKind, name: &str, format: Format) -> FeedKey {
    FeedKey::new(FeedOf::Label(kind, LabelKey::of(name).unwrap()), format)
}

fn about(source: &str, title: &str, minutes: i64, tags: &[&str], author: &str) -> Entry {
    Entry {
        categories: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        authors: vec![author.to_owned()],
        ..dated(source, title, minutes)
    }
}

#[tokio::test]
async fn there_is_a_feed_of_the_site_and_of_each_tag_author_and_language() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        world.arrive("one", 0, vec![about("one", "b", -20, &["Book Club", "Rust"], "Kim Haneul")]).await;
        let english = Entry { language: Some("en-GB".to_owned()), ..about("two", "c", -10, &["book  club"], "Ada") };
        world.arrive("two", 0, vec![english, about("two", "a", -30, &["C#"], "KIM HANEUL")]).await;
        for format in Format::ALL {
            let site = FeedKey::new(FeedOf::Site, format);
            assert_eq!(world.titles(&site).await.unwrap(), ["c", "b", "a"], "{}", bench.engine);
            for (kind, name, expected) in [
                (LabelKind::Tag, "BOOK CLUB", &["c", "b"][..]),
                (LabelKind::Tag, "c#", &["a"]),
                (LabelKind::Author, "Kim Haneul", &["b", "a"]),
                (LabelKind::Language, "en", &["c"]),
                (LabelKind::Language, "ko", &["b", "a"]),
            ] {
                let key = label(kind, name, format);
                assert_eq!(world.titles(&key).await.unwrap(), expected, "{}: {name}", bench.engine);
            }
        }
        let named = read_back(&world.text(&label(LabelKind::Tag, "book club", Format::Atom)).await.unwrap());
        assert_eq!(named.title.unwrap().content, "book  club · Good News");
        assert!(world.titles(&label(LabelKind::Tag, "nothing", Format::Rss)).await.is_none());
        // A post that changes leaves the feeds of the tags that it has no more.
        world.arrive("two", 60, vec![about("two", "a", -30, &["Zig"], "Ada")]).await;
        assert!(world.titles(&label(LabelKind::Tag, "C#", Format::Rss)).await.is_none(), "{}", bench.engine);
        assert_eq!(world.titles(&label(LabelKind::Tag, "zig", Format::Rss)).await.unwrap(), ["a"]);
        assert_eq!(world.titles(&label(LabelKind::Author, "ada", Format::Rss)).await.unwrap(), ["c", "a"]);
    }
}

#[tokio::test]
async fn a_short_feed_holds_the_beginnings_of_its_posts() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        let long = format!("<p>It begins &lt;here&gt;. {}</p>", "And goes on. ".repeat(100));
        let content = syndicated::domain::html::CleanHtml::sanitise(&long, None);
        let post = Entry { summary: None, content: Some(content), ..dated("one", "a", -20) };
        world.arrive("one", 0, vec![post, dated("one", "b", -30)]).await;
        for format in Format::ALL {
            let key = FeedKey { full: false, ..source("one", format) };
            let feed = read_back(&world.text(&key).await.unwrap());
            let text = |at: usize| {
                let entry: &feed_rs::model::Entry = &feed.entries[at];
                let body = entry.content.as_ref().and_then(|content| content.body.clone());
                body.or(entry.summary.as_ref().map(|text| text.content.clone())).unwrap()
            };
            // Its own short form where it has one, else its first words, as text.
            assert!(text(0).starts_with("It begins &lt;here&gt;. And goes on."), "{format}: {}", text(0));
            assert!(text(0).ends_with('…') && text(0).chars().count() < 450, "{format}: {}", text(0));
            assert_eq!(text(1), "<p>In <b>short</b> &amp; sweet</p>", "{format}");
            let full = world.text(&source("one", format)).await.unwrap();
            assert!(full.len() > 1_300 && full.contains("안녕"), "{format}");
        }
    }
}

/// A long text is not parsed for its beginning, unless much stands before that.
#[tokio::test]
async fn a_beginning_is_found_wherever_it_stands() {
    let bench = engines::all().await.remove(0);
    let world = World::new(&bench, |_| {}).await;
    let far = format!("{}<p>far away {}</p>", "<hr><br>".repeat(4_000), "and on ".repeat(100));
    let near = format!("<p>close by {}</p>{}", "and on ".repeat(100), "<p>much more</p>".repeat(4_000));
    let posts = [("far", &far), ("near", &near)].map(|(title, html)| Entry {
        summary: None,
        content: Some(syndicated::domain::html::CleanHtml::sanitise(html, None)),
        ..dated("one", title, -10)
    });
    world.arrive("one", 0, posts.to_vec()).await;
    let text = world.text(&FeedKey { full: false, ..source("one", Format::Json) }).await.unwrap();
    let feed: serde_json::Value = serde_json::from_str(&text).unwrap();
    for item in feed["items"].as_array().unwrap() {
        let text = item["content_html"].as_str().unwrap();
        let begin = if item["title"] == "far" { "far away and on and" } else { "close by and on and" };
        assert!(text.starts_with(begin) && text.ends_with('…'), "{text}");
        assert!((380..=401).contains(&text.chars().count()), "{text}");
    }
}

/// RFC 5005 section 4: from the feed back to the first post, each post once.
#[tokio::test]
async fn an_archive_leads_back_to_the_first_post_and_keeps_its_bounds() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        let post = |n: i64| dated("one", &format!("post {n:02}"), n);
        world.arrive("one", 0, (0..8).rev().map(post).collect()).await;
        let key = FeedKey::new(FeedOf::Newsletter("all".parse().unwrap()), Format::Atom);
        let page = |page| FeedKey { page: Some(page), ..key.clone() };
        let (mut at_page, mut seen, mut documents) = (None, BTreeSet::new(), Vec::new());
        loop {
            let text = world.text(&FeedKey { page: at_page, ..key.clone() }).await.unwrap();
            assert_eq!(text.contains("fh:archive"), at_page.is_some(), "{}", bench.engine);
            seen.extend(titles(text.as_bytes()));
            let feed = read_back(&text);
            assert_eq!(feed.id, "https://news.example.org/feeds/all.atom", "all documents are of one feed");
            documents.push(feed.entries.len());
            let older = feed.links.iter().find(|link| link.rel.as_deref() == Some("prev-archive"));
            let Some(older) = older else { break };
            at_page = Some(older.href.trim_end_matches(".atom").rsplit_once('/').unwrap().1.parse().unwrap());
        }
        assert_eq!((documents, seen.len()), (vec![3, 3, 3], 8), "{}", bench.engine);
        assert_eq!(world.titles(&page(1)).await.unwrap(), ["post 02", "post 01", "post 00"]);
        assert!(world.titles(&page(3)).await.is_none(), "it is not full yet");
        // What comes later changes no document but the last one's links.
        let first = world.text(&page(1)).await.unwrap();
        world.arrive("one", 60, (0..9).rev().map(post).collect()).await;
        assert_eq!(world.text(&page(1)).await.unwrap(), first, "{}", bench.engine);
        assert_eq!(world.titles(&page(3)).await.unwrap(), ["post 08", "post 07", "post 06"]);
        // So it is in the other forms, and of a tag.
        let rss = world.text(&FeedKey { format: Format::Rss, ..page(2) }).await.unwrap();
        for link in ["rel=\"current\"", "rel=\"prev-archive\"", "rel=\"next-archive\"", "<fh:archive"] {
            assert!(rss.contains(link), "{link}: {rss}");
        }
        let json = world.text(&FeedKey { format: Format::Json, ..key.clone() }).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["next_url"], "https://news.example.org/feeds/all/3.json");
        let tag = FeedKey { page: Some(1), ..label(LabelKind::Language, "ko", Format::Rss) };
        assert!(world.titles(&tag).await.is_none(), "fifty posts make a document of it");
    }
}

#[tokio::test]
async fn a_feed_is_read_again_only_when_its_sources_changed() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        world.arrive("one", 0, vec![dated("one", "a", -20)]).await;
        world.arrive("two", 0, vec![dated("two", "b", -20)]).await;
        let (one, two) = (source("one", Format::Rss), source("two", Format::Rss));
        assert_eq!(world.titles(&one).await.unwrap(), ["a"]);
        // Behind the program's back: whoever read the posts again would see it.
        bench.execute("UPDATE post SET title = 'seen'").await;
        world.arrive("two", 60, vec![dated("two", "c", 30)]).await;
        assert_eq!(world.titles(&one).await.unwrap(), ["a"], "{}", bench.engine);
        assert_eq!(world.titles(&two).await.unwrap(), ["c", "seen"], "{}", bench.engine);
        world.publisher.reconfigured();
        assert_eq!(world.titles(&one).await.unwrap(), ["seen"], "{}", bench.engine);
    }
}

#[tokio::test]
async fn posts_leave_a_feed_when_they_are_too_old_for_it() {
    for bench in engines::all().await {
        let week = Duration::from_hours(7 * 24);
        let world = World::new(&bench, |config| config.newsletters[0].feed_age = Some(week)).await;
        let old = dated("one", "older", -8 * DAY);
        world.arrive("one", 0, vec![dated("one", "new", -DAY), dated("one", "old", -6 * DAY), old]).await;
        let all = FeedKey::new(FeedOf::Newsletter("all".parse().unwrap()), Format::Json);
        assert_eq!(world.titles(&all).await.unwrap(), ["new", "old"], "{}", bench.engine);
        world.clock.set(at(DAY - 1));
        assert_eq!(world.titles(&all).await.unwrap(), ["new", "old"], "{}", bench.engine);
        // Nobody says that anything changed; only time has passed.
        world.clock.set(at(DAY + 1));
        assert_eq!(world.titles(&all).await.unwrap(), ["new"], "{}", bench.engine);
        let archive = FeedKey { page: Some(1), ..all };
        assert_eq!(world.titles(&archive).await.unwrap(), ["new", "old", "older"], "{}", bench.engine);
    }
}

#[tokio::test]
async fn feeds_of_the_site_and_of_newsletters_are_dressed_as_the_configuration_says() {
    let url = |text: &str| Some(text.parse().unwrap());
    for bench in engines::all().await {
        let world = World::new(&bench, |config| {
            config.feeds.image = url("https://news.example.org/site.png");
            config.feeds.icon = url("https://news.example.org/icon.ico");
            config.feeds.copyright = Some("© the site".to_owned());
            config.newsletters[1].image = url("https://news.example.org/half.png");
            config.newsletters[1].copyright = Some("© half".to_owned());
            config.fetch.min_interval = Duration::ZERO;
            config.sources[0].schedule = Schedule::parse("*/20 * * * *", chrono_tz::Tz::UTC).unwrap();
        })
        .await;
        world.arrive("one", 0, vec![about("one", "a", -20, &["Rust"], "Ada")]).await;
        world.arrive("two", 0, vec![about("two", "b", -20, &["Rust"], "Ada")]).await;
        let newsletter = |name: &str| FeedKey::new(FeedOf::Newsletter(name.parse().unwrap()), Format::Rss);
        for (key, image, copyright, ttl) in [
            (FeedKey::new(FeedOf::Site, Format::Rss), "site.png", "© the site", 20),
            (newsletter("all"), "site.png", "© the site", 20),
            (newsletter("half"), "half.png", "© half", 60),
            (label(LabelKind::Tag, "rust", Format::Rss), "site.png", "© the site", 20),
            // A blog's own feed is the blog's.
            (source("one", Format::Rss), "", "", 20),
            (source("two", Format::Rss), "", "", 60),
        ] {
            let text = world.text(&key).await.unwrap();
            let feed = rss::Channel::read_from(text.as_bytes()).unwrap();
            let shown = feed.image().map_or("", |image| image.url().rsplit('/').next().unwrap());
            assert_eq!((shown, feed.copyright().unwrap_or_default()), (image, copyright), "{}", key.of.path());
            assert_eq!(feed.ttl(), Some(ttl.to_string().as_str()), "{}", key.of.path());
            let json = world.text(&FeedKey { format: Format::Json, ..key.clone() }).await.unwrap();
            assert_eq!(json.contains("icon.ico"), !image.is_empty(), "{}", key.of.path());
        }
    }
}

#[tokio::test]
async fn feeds_take_no_more_memory_than_they_may() {
    let bench = engines::all().await.remove(0);
    let world = World::new(&bench, |config| config.http.feed_bytes = 100_000).await;
    let tags: Vec<String> = (0..30).map(|n| format!("tag {n}")).collect();
    let words: Vec<&str> = tags.iter().map(String::as_str).collect();
    world.arrive("one", 0, vec![about("one", &"long ".repeat(500), -20, &words, "Ada")]).await;
    let keys: Vec<FeedKey> = words.iter().map(|word| label(LabelKind::Tag, word, Format::Rss)).collect();
    let mut first = Vec::new();
    for key in &keys {
        first.push(world.publisher.get(key).await.unwrap().unwrap());
    }
    let size: usize = Coding::ALL.iter().map(|coding| first[0].bytes(*coding).len()).sum();
    // Those that were asked for last are still there, the others are made again.
    let mut kept = 0;
    for (key, first) in keys.iter().zip(&first).rev() {
        kept += usize::from(Arc::ptr_eq(first, &world.publisher.get(key).await.unwrap().unwrap()));
    }
    assert!(kept > 2 && kept * size <= 100_000, "{kept} of {size} bytes");
}
