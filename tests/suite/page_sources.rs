//! Sources that are pages without a feed, against a scripted site: what is read
//! of them, as whose guest, and what is said when they change under us.

use crate::engines;
use crate::origin::{Answer, Origin};
use crate::polling::{MINUTE, World, config, letters, source};
use std::time::Duration;
use syndicated::domain::post::{Post, Standing};
use syndicated::domain::source::{Kind, ListRules, Seed, Source, TextFrom};
use syndicated::domain::url::HttpUrl;
use syndicated::flow::poll::PollOutcome;
use syndicated::store::PostFilter;

fn page_source(url: &HttpUrl) -> Source {
    Source { kind: Kind::Page(ListRules::default()), content: TextFrom::Page, ..source("blog", url) }
}

/// A list of the posts of these numbers, newest first.
fn list(numbers: impl DoubleEndedIterator<Item = u32>) -> String {
    let item = |number: u32| {
        format!(
            "<article><h2><a href='/post/{number}'>Post number {number}</a></h2><time datetime='2026-09-{number:02}'>then</time>\
             <p>How post {number} begins, in a few words.</p></article>"
        )
    };
    let items: String = numbers.rev().map(item).collect();
    format!(
        "<html lang=en><head><title>A blog</title></head><body><nav><a href='/about'>About this very blog</a></nav><main>{items}</main></body></html>"
    )
}

fn article(number: u32) -> String {
    let text = format!("<p>The whole text of post {number}, which goes on for much longer than its list says.</p>");
    format!(
        "<html><head><meta property='article:published_time' content='2026-09-{number:02}T08:30:00+09:00'>\
         <meta property='og:title' content='Post number {number}'></head>\
         <body><nav>Home</nav><article>{}</article><footer>End</footer></body></html>",
        text.repeat(9)
    )
}

fn html(body: impl Into<Vec<u8>>) -> Answer {
    Answer::ok(body).header("Content-Type", "text/html; charset=utf-8")
}

/// A site whose posts have pages.
async fn site(numbers: std::ops::RangeInclusive<u32>) -> Origin {
    let origin = Origin::start().await;
    for number in numbers {
        origin.set(&format!("/post/{number}"), html(article(number)));
    }
    origin
}

fn paths(origin: &Origin) -> Vec<String> {
    origin.asked().into_iter().map(|asked| asked.path).collect()
}

async fn posts(world: &World) -> Vec<Post> {
    let filter = PostFilter { limit: 100, ..PostFilter::default() };
    world.store.post_list(&filter).await.unwrap()
}

fn text(post: &Post) -> String {
    post.entry.content.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_page_is_followed_like_a_feed_and_its_posts_are_read_in_full() {
    for bench in engines::all().await {
        let origin = site(1..=4).await;
        origin.set("/list", html(list(1..=2)).etag("\"a\""));
        let world = World::new(&bench, config(vec![page_source(&origin.url("/list"))])).await;
        let first = world.read().await;
        assert_eq!((first.seeded.len(), first.new.len()), (2, 0));
        assert_eq!(paths(&origin), ["/robots.txt", "/list", "/post/2", "/post/1"]);
        let stored = posts(&world).await;
        assert_eq!(stored[0].entry.title, "Post number 2");
        assert_eq!(stored[0].entry.published.unwrap().to_rfc3339(), "2026-09-01T23:30:00Z");
        assert!(text(&stored[0]).contains("The whole text of post 2") && !text(&stored[0]).contains("Home"));

        // Its validators are used, and nothing is read twice.
        world.next().await;
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        assert_eq!(origin.asked().pop().unwrap().headers["if-none-match"], "\"a\"");

        // What else the list says changes nothing.
        origin.set(
            "/list",
            html(list(1..=3).replace("How post 2 begins", "5 comments on how post 2 begins")).etag("\"b\""),
        );
        world.next().await;
        let third = world.read().await;
        assert_eq!((third.new.len(), third.changed.len(), third.same), (1, 0, 2));
        assert_eq!(paths(&origin), ["/list", "/post/3"]);
        assert_eq!(world.titles(Standing::Live).await, ["Post number 3"]);
        assert!(posts(&world).await.iter().all(|post| text(post).contains("The whole text")), "texts stay");

        // Another title is an edit.
        origin.set("/list", html(list(1..=3).replace("number 3", "number three")));
        world.next().await;
        let fourth = world.read().await;
        assert_eq!((fourth.new.len(), fourth.changed.len()), (0, 1));
        let row = world.row().await;
        assert_eq!((row.feed_url, row.title.as_deref(), row.trouble), (None, Some("A blog"), None));
    }
}

#[tokio::test]
async fn seed_selectors_and_the_flood_guard_work_as_for_feeds() {
    for bench in engines::all().await {
        let origin = site(1..=28).await;
        let rules =
            ListRules { items: Some("article".to_owned()), title: Some("h2".to_owned()), ..ListRules::default() };
        let source = Source {
            kind: Kind::Page(rules),
            content: TextFrom::Feed,
            seed: Seed::Newest(1),
            ..page_source(&origin.url("/list"))
        };
        origin.set("/list", html(list(1..=28)));
        let world = World::new(&bench, config(vec![source])).await;
        let first = world.read().await;
        assert_eq!((first.seeded.len(), first.new.len()), (27, 1));
        assert_eq!(paths(&origin), ["/robots.txt", "/list"], "the list is enough for content = \"feed\"");
        // The whole blog comes again, by other addresses and under other dates.
        origin.set("/list", html(list(1..=28).replace("/post/", "/other/").replace("2026-09-", "2025-08-")));
        world.next().await;
        assert_eq!(world.read().await.held.len(), 28);
    }
}

#[tokio::test]
async fn a_host_says_in_its_robots_txt_what_is_read() {
    for bench in engines::all().await {
        let origin = site(1..=3).await;
        origin.set("/list", html(list(1..=2)));
        let robots = |text: &str| Answer::ok(text).header("Content-Type", "text/plain");
        origin.set("/robots.txt", robots("User-agent: *\nAllow: /\n\nUser-agent: syndicated\nDisallow: /list\n"));
        let world = World::new(&bench, config(vec![page_source(&origin.url("/list"))])).await;
        let why = world.failed().await;
        assert_eq!(
            why,
            format!("{}: its robots.txt asks programs such as syndicated not to read it", origin.url("/list"))
        );
        assert_eq!(world.row().await.trouble, Some(why));
        assert_eq!(paths(&origin), ["/robots.txt"]);
        // It is asked for again after a day, and not before.
        origin.set("/robots.txt", robots("User-agent: *\nDisallow: /post/"));
        world.next().await;
        world.failed().await;
        assert!(paths(&origin).is_empty());
        world.clock.advance(Duration::from_hours(25));
        let why = world.failed().await;
        assert!(why.contains("/post/2: its robots.txt") && why.contains("content = \"feed\""), "{why}");
        assert_eq!(paths(&origin), ["/robots.txt", "/list"]);
        // A server in trouble has said nothing: what it said before holds.
        origin.set("/robots.txt", Answer::status(503));
        world.clock.advance(Duration::from_hours(25));
        assert!(world.failed().await.contains("/post/2: its robots.txt"));
        origin.set("/robots.txt", robots("User-agent: *\nDisallow: /post/1"));
        world.clock.advance(Duration::from_hours(25));
        world.read().await;
        let read: Vec<bool> = posts(&world).await.iter().map(|post| !text(post).is_empty()).collect();
        assert_eq!(read, [true, false], "the other stays as its list gives it");
        assert_eq!(world.row().await.trouble, None);
    }
}

#[tokio::test]
async fn while_a_robots_txt_cannot_be_had_nothing_is_read() {
    let bench = engines::all().await.remove(0);
    let origin = site(1..=2).await;
    origin.set("/list", html(list(1..=2)));
    origin.set("/robots.txt", Answer::status(500));
    let world = World::new(&bench, config(vec![page_source(&origin.url("/list"))])).await;
    let why = world.failed().await;
    assert!(why.contains("its robots.txt cannot be had") && why.contains("500"), "{why}");
    assert_eq!(paths(&origin), ["/robots.txt"]);
    // Forbidden is as good as none (RFC 9309 section 2.3.1.3).
    origin.set("/robots.txt", Answer::status(403));
    world.next().await;
    world.clock.advance(MINUTE);
    world.read().await;
    assert_eq!(paths(&origin), ["/robots.txt", "/list", "/post/2", "/post/1"]);
}

#[tokio::test]
async fn pauses_that_a_host_asks_for_are_kept() {
    let bench = engines::all().await.remove(0);
    let origin = site(1..=2).await;
    origin.set("/list", html(list(1..=2)));
    origin.set("/robots.txt", Answer::ok("User-agent: *\nCrawl-delay: 20"));
    let world = World::new(&bench, config(vec![page_source(&origin.url("/list"))])).await;
    let poll = world.read();
    tokio::pin!(poll);
    // The clock stands still, and so does the poll, after its first page.
    let early = tokio::time::timeout(Duration::from_millis(300), &mut poll).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(paths(&origin), ["/robots.txt", "/list"]);
    for page in ["/post/2", "/post/1"] {
        world.clock.advance(Duration::from_secs(20));
        tokio::select! {
            biased;
            () = origin.asked_for(page) => {}
            _ = &mut poll => assert_eq!(page, "/post/1", "it did not wait"),
        }
    }
    assert_eq!(paths(&origin), ["/post/2", "/post/1"]);
}

#[tokio::test]
async fn a_page_that_breaks_is_told_once_and_once_when_it_is_well() {
    for bench in engines::all().await {
        let origin = site(1..=9).await;
        origin.set("/list", html(list(1..=2)).etag("\"a\""));
        let world = World::new(&bench, config(vec![page_source(&origin.url("/list"))])).await;
        world.read().await;
        // Rebuilt, with nothing that looks like a post.
        origin.set("/list", html("<html><body><div id=app></div></body></html>").etag("\"b\""));
        for _ in 0..3 {
            world.next().await;
            let why = world.failed().await;
            assert!(why.contains("no list of posts was found on the page"), "{why}");
            world.poller.tell_of_health().await.unwrap();
        }
        assert!(world.row().await.broken);
        assert_eq!(letters(&bench).await, ["owner@example.org: syndicated cannot read blog"]);
        origin.set("/list", html(list(1..=3)).etag("\"c\""));
        for _ in 0..2 {
            world.next().await;
            world.poll().await;
            world.poller.tell_of_health().await.unwrap();
        }
        assert_eq!(letters(&bench).await[1..], ["owner@example.org: syndicated can read blog again"]);
        assert!(!world.row().await.broken);
        assert_eq!(world.titles(Standing::Live).await, ["Post number 3"], "and nothing was lost");
    }
}

#[tokio::test]
async fn what_used_to_be_there_is_missed_by_name() {
    for bench in engines::all().await {
        for (field, broken_list, broken_page) in [
            ("the titles", list(1..=2).replace("Post number 2</a>", "</a>").replace("Post number 1</a>", "</a>"), None),
            ("the dates", list(1..=2).replace("<time datetime='2026-09-", "<i class='2026-09-"), None),
            ("the texts", list(1..=3), Some("<html><body><div id=app></div></body></html>")),
        ] {
            let origin = site(1..=3).await;
            origin.set("/list", html(list(1..=2)));
            // Pages that say neither title nor date, so that the list must.
            let bare = |number: u32| article(number).replace("article:published_time", "x").replace("og:title", "y");
            for number in 1..=3 {
                origin.set(&format!("/post/{number}"), html(bare(number)));
            }
            let rules = ListRules {
                items: Some("article".to_owned()),
                title: Some("h2".to_owned()),
                date: Some("time".to_owned()),
                ..ListRules::default()
            };
            let name = field.replace(' ', "-");
            let source =
                Source { kind: Kind::Page(rules), name: name.parse().unwrap(), ..page_source(&origin.url("/list")) };
            let world = World::new(&bench, config(vec![source.clone()])).await;
            world.read().await;
            let stored = posts(&world).await.len();
            origin.set("/list", html(broken_list.clone()));
            if let Some(page) = broken_page {
                origin.set("/post/3", html(page));
            }
            world.next().await;
            let why = world.failed().await;
            assert!(why.contains(&format!("{field} of its posts used to be there")), "{why}");
            world.poller.tell_of_health().await.unwrap();
            world.poller.tell_of_health().await.unwrap();
            let told = format!("owner@example.org: syndicated cannot read {name}");
            assert_eq!(letters(&bench).await.iter().filter(|letter| **letter == told).count(), 1);
            assert_eq!(posts(&world).await.len(), stored, "nothing half-read is stored");
            // The owner may take it as it is.
            let active = syndicated::domain::source::SourceState::Active;
            world.store.set_source_state(&source.name, active, world.clock.now()).await.unwrap();
            world.read().await;
            assert_eq!(world.row_of(&source.name).await.trouble, None);
        }
    }
}
