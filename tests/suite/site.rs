//! The pages of the archive: what stands on each, what does not, and all of them as files.

use crate::engines;
use crate::publishing::{arrive, at, config, dated, renderer};
use crate::serving::{ask, get};
use crate::stage;
use arc_swap::ArcSwap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Live};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::id::PostId;
use syndicated::domain::label::{LabelKey, LabelKind};
use syndicated::domain::post::Entry;
use syndicated::domain::source::Archived;
use syndicated::flow::publish::{Coding, Document, ExportError, FeedOf, Page, Publisher};
use syndicated::scheduler::Roles;
use syndicated::store::Store;

struct World {
    store: Store,
    live: Live,
    publisher: Publisher,
}

impl World {
    async fn new(bench: &engines::Bench, change: impl FnOnce(&mut Config)) -> Self {
        let (store, mut config) = (bench.open().await, config(bench));
        change(&mut config);
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let publisher = Publisher::new(store.clone(), live.clone(), renderer(), Clock::manual(at(0)));
        Self { store, live, publisher }
    }

    async fn page(&self, page: impl Into<Document>) -> Option<String> {
        let packed = self.publisher.get(page).await.unwrap()?;
        Some(String::from_utf8(packed.bytes(Coding::Identity).to_vec()).unwrap())
    }

    /// What stands at an address.
    async fn at(&self, path: &str) -> Option<String> {
        self.page(Document::at(path, None)?).await
    }

    async fn arrive(&self, source: &str, minutes: i64, entries: Vec<Entry>) {
        arrive(&self.store, source, at(minutes), entries).await;
        self.publisher.invalidate();
    }
}

/// The titles of the posts that a page lists, in its order.
fn listed(page: &str) -> Vec<String> {
    let titles = page.split("class=\"p-name u-url\"").skip(1);
    titles.map(|rest| rest.split_once('>').unwrap().1.split_once("</a>").unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn a_posts_page_says_where_it_is_from_and_leads_on() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        let content = "<h1>One</h1><p>In full. <img src=\"https://one.example.com/p.png\"></p>";
        let middle = Entry {
            content: Some(CleanHtml::sanitise(content, None)),
            authors: vec!["Kim Haneul".to_owned()],
            ..dated("one", "<b> & c", -20)
        };
        world.arrive("one", 0, vec![dated("one", "first", -30), middle, dated("one", "last", -10)]).await;
        world.arrive("two", 0, vec![dated("two", "other", -15)]).await;
        let id = bench.texts("SELECT CAST(id AS TEXT) FROM post WHERE title = '<b> & c'").await.remove(0);
        let page = world.at(&format!("/post/{id}/")).await.unwrap();
        for expected in [
            "<link rel=\"canonical\" href=\"https://one.example.com/%3Cb%3E%20&amp;%20c\">",
            "<h1 class=\"p-name\" lang=\"ko-KR\" dir=\"ltr\">&lt;b&gt; &amp; c</h1>",
            "<h2>One</h2>",
            "loading=\"lazy\"",
            "<a class=\"p-author h-card\" href=\"/authors/kim-haneul/\">Kim Haneul</a>",
            "<a href=\"/sources/one/\">Source one</a>",
            "<a class=\"u-syndication\" rel=\"syndication\" href=\"https://post.example.net/1\">The Post</a>",
            "<a class=\"p-category\" rel=\"tag\" href=\"/tags/r%26d/\">R&amp;D</a>",
            "<audio controls",
            "<meta property=\"og:type\" content=\"article\">",
            "<meta property=\"og:image\" content=\"https://one.example.com/p.png\">",
            "\"@type\":\"BlogPosting\"",
            "\"headline\":\"\\u003cb\\u003e \\u0026 c\"",
            "<a rel=\"prev\" href=\"/post/",
            "</span> first</a>",
            "</span> last</a>",
        ] {
            assert!(page.contains(expected), "{}: {expected}\n{page}", bench.engine);
        }
        assert!(!page.contains("other"), "the neighbours are the source's own");
        assert!(world.at("/post/999/").await.is_none());
    }
}

#[tokio::test]
async fn a_source_says_how_much_its_posts_pages_show() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        let long = format!("<p>It begins. {}the very end</p>", "And goes on. ".repeat(100));
        let post = Entry { summary: None, content: Some(CleanHtml::sanitise(&long, None)), ..dated("one", "a", -20) };
        world.arrive("one", 0, vec![post]).await;
        for (archive, begins, ends) in
            [(Archived::Full, true, true), (Archived::Summary, true, false), (Archived::Link, false, false)]
        {
            let mut config = Config::clone(&world.live.load());
            config.sources[0].archive = archive;
            world.live.store(Arc::new(config));
            world.publisher.reconfigured();
            let page = world.page(Page::Post(PostId(1))).await.unwrap();
            assert_eq!((page.contains("It begins."), page.contains("the very end")), (begins, ends), "{archive:?}");
            assert_eq!(page.contains("Read it at Source one"), archive != Archived::Full, "{archive:?}");
            let list = world.at("/posts/").await.unwrap();
            assert_eq!((list.contains("It begins."), list.contains("the very end")), (begins, false), "{archive:?}");
            let found = world.publisher.search("goes", 1).await.unwrap();
            assert!(found.contains("/post/1/") && !found.contains("the very end"), "{archive:?}");
            assert_eq!(found.contains("<mark>"), begins, "{archive:?}: {found}");
        }
    }
}

#[tokio::test]
async fn what_no_feed_shows_no_page_shows() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        world.arrive("one", 0, vec![dated("one", "shown", -10), dated("one", "hidden", -20)]).await;
        world.arrive("two", 0, vec![dated("two", "gone", -15)]).await;
        bench.execute("UPDATE post SET filtered_by = 'r' WHERE title = 'hidden'").await;
        let mut config = Config::clone(&world.live.load());
        config.sources.truncate(1);
        world.store.sync_sources(&config.sources, at(1)).await.unwrap();
        world.live.store(Arc::new(config));
        world.publisher.reconfigured();
        let all = bench.texts("SELECT title || ' ' || CAST(id AS TEXT) FROM post").await;
        for post in all {
            let (title, id) = post.split_once(' ').unwrap();
            assert_eq!(world.at(&format!("/post/{id}/")).await.is_some(), title == "shown", "{}: {post}", bench.engine);
        }
        for list in ["/", "/posts/", "/archive/", "/sources/one/", "/tags/r%26d/", "/2026/11/", "/sitemap-2.xml"] {
            let page = world.at(list).await.unwrap();
            assert!(!page.contains("hidden") && !page.contains("gone"), "{}: {list}: {page}", bench.engine);
        }
        assert_eq!(listed(&world.at("/posts/").await.unwrap()), ["shown"]);
        assert!(world.at("/sources/two/").await.is_none() && world.at("/tags/nothing/").await.is_none());
        assert!(world.publisher.search("hidden", 1).await.unwrap().contains("0 posts found"));
    }
}

#[tokio::test]
async fn numbered_pages_never_change_their_bounds_and_hold_every_post() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        let posts = |from: i64, to: i64| (from..to).map(|n| dated("one", &format!("post {n}"), n - 100)).collect();
        world.arrive("one", 0, posts(0, 45)).await;
        let newest = world.at("/posts/").await.unwrap();
        assert_eq!(listed(&newest).len(), 20);
        assert_eq!(listed(&newest)[0], "post 44");
        assert!(newest.contains("<a rel=\"next\" href=\"/posts/3/\">"), "{newest}");
        let first = world.at("/posts/1/").await.unwrap();
        assert!(first.contains("href=\"/posts/2/\"") && !first.contains("rel=\"next\""), "{first}");
        assert!(world.at("/posts/4/").await.is_none());
        world.arrive("one", 60, posts(45, 70)).await;
        assert_eq!(listed(&world.at("/posts/1/").await.unwrap()), listed(&first), "{}", bench.engine);
        let mut all = BTreeSet::new();
        let mut path = "/posts/".to_owned();
        loop {
            let page = world.at(&path).await.unwrap();
            all.extend(listed(&page));
            let Some((_, rest)) = page.split_once("rel=\"next\" href=\"") else { break };
            path = rest.split_once('"').unwrap().0.to_owned();
        }
        assert_eq!(all.len(), 70, "{}", bench.engine);
        // A month is turned from its newest page on.
        let month = world.at("/2026/11/").await.unwrap();
        assert!(month.contains("href=\"/2026/11/2/\"") && month.contains("November 2026"), "{month}");
        assert_eq!(listed(&world.at("/2026/11/4/").await.unwrap()).len(), 10);
        assert!(world.at("/2026/10/").await.is_none() && world.at("/2026/11/5/").await.is_none());
        let contents = world.at("/archive/").await.unwrap();
        assert!(contents.contains("<a href=\"/2026/11/\">November 2026</a> <span>70</span>"), "{contents}");
        assert!(contents.contains("<a href=\"/sources/one/\">Source one</a> <span>70</span>"), "{contents}");
    }
}

#[tokio::test]
async fn a_newsletters_list_speaks_its_language_and_has_a_form() {
    let bench = engines::all().await.remove(0);
    let world = World::new(&bench, |_| {}).await;
    world.arrive("two", 0, vec![dated("two", "a", -20)]).await;
    let page = world.at("/newsletters/half/").await.unwrap();
    assert!(page.contains("<html lang=\"ko\" dir=\"ltr\">") && page.contains("피드 리더로 받기"), "{page}");
    assert!(page.contains("href=\"https://news.example.org/feeds/half.rss\""), "{page}");
    let of = FeedOf::Label(LabelKind::Language, LabelKey::of("ko").unwrap());
    assert!(world.page(Page::List(of, None)).await.unwrap().contains("한국어"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_a_page_and_a_reader_the_feed() {
    let bench = engines::all().await.remove(0);
    let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
    let roles = Roles { poll: false, send: false, web: true };
    let outside = Outside { clock: Clock::manual(stage::at("2026-11-23T00:00:00Z")), chance: Chance::seeded(3), roles };
    let daemon = Daemon::start(config, outside).await.unwrap();
    let web = daemon.web.unwrap();
    let asking = |accept: &str| {
        format!("GET /feeds/letter.rss HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n\r\n")
    };
    for (accept, page) in [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", true),
        ("text/html", true),
        ("*/*", false),
        ("application/rss+xml, application/atom+xml, text/html;q=0.5", false),
        ("application/rss+xml,text/html", false),
        ("text/html;q=0, */*", false),
        (
            "application/atom+xml,application/rdf+xml,application/rss+xml,application/x-netcdf,application/xml;q=0.9,text/xml;q=0.2,*/*;q=0.1",
            false,
        ),
    ] {
        // Once rendered, once from memory.
        for _ in 0..2 {
            let answer = ask(web, &asking(accept)).await;
            assert_eq!(answer.status, 200, "{accept}");
            assert_eq!(answer.head.contains("content-type: text/html"), page, "{accept}: {}", answer.head);
            assert!(answer.head.contains("vary: accept, accept-encoding"), "{}", answer.head);
            if page {
                assert!(answer.body.contains("/feeds/letter.rss\""), "{}", answer.body);
                assert!(answer.head.contains("img-src 'self' http: https: data:"), "{}", answer.head);
            }
        }
    }
    let moved = get(web, "GET", "/newsletters/letter").await;
    assert!(moved.status == 308 && moved.head.contains("location: /newsletters/letter/"), "{}", moved.head);
    assert_eq!(get(web, "GET", "//newsletters/letter").await.status, 404);
    let robots = get(web, "GET", "/robots.txt").await.body;
    assert!(robots.contains("Disallow: /u/\n") && robots.contains("/sitemap.xml\n"), "{robots}");
    let odd = get(web, "GET", "/search?q=%22%27%00%F0%9F%98%80(&page=-1").await;
    assert!(odd.status == 200 && odd.head.contains("x-robots-tag: noindex"), "{}", odd.head);
    for (icon, magic) in [("/icon.svg", "<svg"), ("/favicon.ico", ""), ("/icon.png", "")] {
        let answer = get(web, "GET", icon).await;
        assert!(answer.status == 200 && answer.body.starts_with(magic), "{icon}");
    }
    assert!(daemon.stop().await);
}

/// Every file below a folder by its path, with its text.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn the_site_as_files_is_the_site_as_it_is_served() {
    for bench in engines::all().await {
        let world = World::new(&bench, |_| {}).await;
        let posts = (0..55).map(|n| dated("one", &format!("post {n}"), n - 100)).collect();
        world.arrive("one", 0, posts).await;
        world.arrive("two", 0, vec![dated("two", "other", -15)]).await;
        let folder = tempfile::tempdir().unwrap();
        let first = world.publisher.export(folder.path(), false).await.unwrap();
        let all = files(folder.path());
        assert_eq!(first.written, all.len() as u64 - 1, "{}: all but the list", bench.engine);
        for (name, bytes) in &all {
            let address = format!("/{}", name.strip_suffix("index.html").unwrap_or(name)).replace('&', "%26");
            if let Some(document) = Document::at(&address, None) {
                assert_eq!(
                    world.publisher.text(document).await.unwrap().unwrap().as_bytes(),
                    bytes,
                    "{}: {name}",
                    bench.engine
                );
            }
        }
        let names: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "index.html",
            "feed.rss",
            "feed/1.atom",
            "feeds/half.json",
            "sources/one/1.rss",
            "sources/one/2/index.html",
            "tags/r&d.rss",
            "tags/수필/index.html",
            "posts/index.html",
            "post/1/index.html",
            "post/56/index.html",
            "2026/11/3/index.html",
            "archive/index.html",
            "sitemap.xml",
            "sitemap-2.xml",
            "robots.txt",
            "style.css",
            "icon.svg",
            "icon.png",
            "favicon.ico",
            "newsletters/all/index.html",
        ] {
            assert!(names.contains(name), "{}: {name} is not among {names:?}", bench.engine);
        }

        // What nothing concerns is not rendered again.
        let again = world.publisher.export(folder.path(), false).await.unwrap();
        assert_eq!((again.written, again.removed), (0, 0), "{}", bench.engine);
        assert!(again.kept >= first.written - 5, "{again:?}");
        let everything = world.publisher.export(folder.path(), true).await.unwrap();
        assert_eq!((everything.written, everything.kept), (0, 0), "{}: {everything:?}", bench.engine);
        // A new post of one source leaves the pages of the other's posts alone.
        world.arrive("two", 60, vec![dated("two", "newer", 30)]).await;
        let new = world.publisher.export(folder.path(), false).await.unwrap();
        assert!(new.kept >= 60 && new.written > 10 && new.written < 60, "{}: {new:?}", bench.engine);
        assert!(std::fs::read_to_string(folder.path().join("post/57/index.html")).unwrap().contains("newer"));
        // What is hidden goes, with the folder that it leaves empty.
        bench.execute("UPDATE post SET filtered_by = 'r' WHERE title = 'other'").await;
        bench.execute("UPDATE source SET revision = revision + 1 WHERE name = 'two'").await;
        let gone = world.publisher.export(folder.path(), false).await.unwrap();
        assert!(gone.removed >= 1 && !folder.path().join("post/56").exists(), "{}: {gone:?}", bench.engine);

        // A folder of somebody else's is left alone.
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("mine.txt"), "mine").unwrap();
        let refused = world.publisher.export(other.path(), false).await.unwrap_err();
        assert!(matches!(refused, ExportError::Occupied(_)), "{refused}");
        assert_eq!(files(other.path()).len(), 1);
    }
}
