//! Where a page's feed is and what finding it costs, what of a page is read when,
//! and an author's page on the essay platform by the profile that comes along.

use crate::engines;
use crate::origin::{Answer, Item, Origin, feed, rss};
use crate::polling::{HOUR, World, config, source};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use syndicated::domain::source::{Kind, ListRules, Source, SourceState, TextFrom};
use syndicated::domain::url::HttpUrl;
use syndicated::flow::poll::PollOutcome;
use syndicated::net::Names;
use syndicated::store::PostFilter;

const DAY: Duration = Duration::from_hours(24);

fn html(body: impl Into<Vec<u8>>) -> Answer {
    Answer::ok(body).header("Content-Type", "text/html; charset=utf-8")
}

fn naming(feeds: &[&str]) -> Answer {
    let links = feeds.iter().map(|href| format!("<link rel=alternate type=application/rss+xml href=\"{href}\">"));
    html(format!("<html><head>{}</head><body><p>Hello</p></body></html>", links.collect::<String>()))
}

fn paths(origin: &Origin) -> Vec<String> {
    origin.asked().into_iter().map(|asked| asked.path).collect()
}

#[tokio::test]
async fn a_page_without_a_feed_is_asked_around_once_a_week() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/", html("<html><p>Hello</p></html>"));
        let world = World::new(&bench, config(vec![source("blog", &origin.url("/"))])).await;
        let why = world.failed().await;
        assert!(why.contains("none of 7 usual addresses has one") && why.contains("kind = \"page\""), "{why}");
        assert_eq!(paths(&origin).len(), 8);
        for _ in 0..3 {
            world.clock.advance(DAY + HOUR);
            let why = world.failed().await;
            assert!(why.contains("none of the usual addresses had one at 2026-11-23"), "{why}");
            assert_eq!(paths(&origin), ["/"]);
        }
        world.clock.advance(4 * DAY);
        world.failed().await;
        assert_eq!(paths(&origin).len(), 8, "a week later it is looked for again");
        // So it is when a person asks for it, and at once when the page names one.
        world.store.set_source_state(&"blog".parse().unwrap(), SourceState::Active, world.clock.now()).await.unwrap();
        world.failed().await;
        assert_eq!(paths(&origin).len(), 8);
        origin.set("/", naming(&["/feed"]));
        origin.set("/feed", Answer::ok(feed(1..=2)));
        world.clock.advance(DAY + HOUR);
        assert_eq!(world.read().await.seeded.len(), 2);
        assert_eq!(paths(&origin), ["/", "/feed"]);
    }
}

#[tokio::test]
async fn a_page_in_the_place_of_a_feed_is_not_asked_around() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/essays/feed", Answer::ok(feed(1..=2)));
        // The site has another feed, which nobody asked for.
        origin.set("/feed", Answer::ok(feed(7..=9)));
        let world = World::new(&bench, config(vec![source("blog", &origin.url("/essays/feed"))])).await;
        world.read().await;
        origin.set("/essays/feed", html("<html><p>We are moving house. Back soon!</p></html>"));
        origin.asked();
        for _ in 0..2 {
            world.clock.advance(DAY + HOUR);
            let why = world.failed().await;
            assert!(why.contains("where the feed was, there is a page that names no feed"), "{why}");
            assert_eq!(paths(&origin), ["/essays/feed"]);
        }
        origin.set("/essays/feed", Answer::ok(feed(1..=3)));
        world.clock.advance(DAY + HOUR);
        assert_eq!(world.read().await.new.len(), 1);
        assert_eq!(world.row().await.feed_url, None);
    }
}

#[tokio::test]
async fn a_feed_that_was_found_and_is_lost_is_looked_for_again() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/", html("<html><p>Hello</p></html>"));
        origin.set("/rss", Answer::ok(feed(1..=2)));
        let world = World::new(&bench, config(vec![source("blog", &origin.url("/"))])).await;
        world.read().await;
        assert_eq!(world.row().await.feed_url, Some(origin.url("/rss").to_string()));
        origin.set("/rss", html("<html><p>Hello</p></html>"));
        origin.set("/atom.xml", Answer::ok(feed(1..=3)));
        world.next().await;
        world.failed().await;
        world.next().await;
        assert_eq!(world.read().await.new.len(), 1);
        assert_eq!(world.row().await.feed_url, Some(origin.url("/atom.xml").to_string()));
    }
}

#[tokio::test]
async fn of_the_feeds_that_a_page_names_the_first_that_is_one_is_followed() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/", naming(&["/gone", "/page", "/good"]));
        origin.set("/page", html("<html><p>Hello</p></html>"));
        origin.set("/good", Answer::ok(feed(1..=2)));
        let world = World::new(&bench, config(vec![source("blog", &origin.url("/"))])).await;
        world.read().await;
        assert_eq!(world.row().await.feed_url, Some(origin.url("/good").to_string()));

        // One that fails for now is not passed over.
        let other = Origin::start().await;
        other.set("/", naming(&["/first", "/second"]));
        other.set("/first", Answer::status(500));
        other.set("/second", Answer::ok(feed(1..=2)));
        let name = "other".parse().unwrap();
        world.live.store(std::sync::Arc::new(config(vec![source("other", &other.url("/"))])));
        world.poller.adopt_config().await.unwrap();
        assert!(world.failed().await.contains("/first: it answered 500"));
        other.set("/first", Answer::ok(feed(3..=4)));
        world.next().await;
        world.read().await;
        assert_eq!(world.row_of(&name).await.feed_url, Some(other.url("/first").to_string()));

        // None that it names is there: then what sites do is tried, once.
        let third = Origin::start().await;
        third.set("/", naming(&["/gone"]));
        world.live.store(std::sync::Arc::new(config(vec![source("third", &third.url("/"))])));
        world.poller.adopt_config().await.unwrap();
        assert!(world.failed().await.contains("/gone: it answered 404"));
        assert_eq!(paths(&third).len(), 9);
        world.clock.advance(DAY + HOUR);
        world.failed().await;
        assert_eq!(paths(&third), ["/", "/gone"]);
    }
}

fn page_source(url: &HttpUrl) -> Source {
    Source { kind: Kind::Page(ListRules::default()), content: TextFrom::Page, ..source("blog", url) }
}

fn article(number: u32) -> Answer {
    let text = format!("<p>The whole text of post {number}, which goes on for much longer than its list says.</p>");
    html(format!("<html><body><article><h1>Post number {number}</h1>{}</article></body></html>", text.repeat(9)))
}

#[tokio::test]
async fn a_long_list_is_read_in_helpings_and_then_costs_one_request() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let item = |number: u32| {
            origin.set(&format!("/post/{number}"), article(number));
            format!("<article><h2><a href='/post/{number}'>Post number {number}</a></h2></article>")
        };
        let items: String = (1..=25).rev().map(item).collect();
        origin.set("/list", html(format!("<html lang=en><body>{items}</body></html>")).etag("\"a\""));
        // One of them has nothing yet.
        origin.set("/post/20", html("<html><body></body></html>"));
        let world = World::new(&bench, config(vec![page_source(&origin.url("/list"))])).await;
        let asked = || paths(&origin).iter().filter(|path| path.starts_with("/post/")).count();
        let mut counts = Vec::new();
        for _ in 0..4 {
            world.read().await;
            counts.push(asked());
            world.next().await;
        }
        // The one is tried again besides; the others are read once, 10 at a time.
        assert_eq!((counts[0], counts[1], counts.iter().sum::<usize>()), (10, 10, 28), "{counts:?}");
        origin.set("/post/20", article(20));
        let filter = PostFilter { limit: 100, ..PostFilter::default() };
        for _ in 0..9 {
            world.poll().await;
            world.next().await;
        }
        let posts = world.store.post_list(&filter).await.unwrap();
        assert_eq!(posts.iter().filter(|post| post.entry.content.is_some()).count(), 25);
        origin.asked();
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        assert_eq!(paths(&origin), ["/list"]);
    }
}

/// An essay's page on the platform, in its markup.
fn essay(number: u32) -> Answer {
    const TEXT: &str =
        "시계방 주인은 서두르는 법이 없었다. 골목은 그것을 탓하지 않았는데, 그의 시계가 언제나 맞았기 때문이다.";
    html(format!(
        "<!doctype html><html lang=ko><head><meta property=og:site_name content=브런치><meta property=og:title content=\"늦은 시계 {number} - brunch\">\
         <meta property=og:url content=\"https://brunch.co.kr/@someone/{number}\"><meta property=og:image content=\"//img1.kakaocdn.net/thumb/x\">\
         <meta property=og:article:author content=하늘><meta property=og:regDate content=\"2026-11-0{number}T22:22+0900\"></head><body>\
         <div class=service_header><a href=/>brunch</a></div><h1 class=cover_title>늦은 시계 {number}</h1><p class=cover_sub_title>골목에서</p>\
         <div class=wrap_view_article><div class=wrap_body><p class=\"wrap_item item_type_text\">{TEXT}</p>\
         <div class=\"wrap_item item_type_img\"><div class=wrap_img><img src=\"//img1.daumcdn.net/thumb/R1280x0/?fname=http://t1.daumcdn.net/brunch/{number}.jpg\"></div></div>\
         <p class=\"wrap_item item_type_text\">{TEXT}</p><p class=\"wrap_item item_type_text\">이 글은 좋은뉴스(news.example.kr)에도 실렸습니다.</p>\
         <div class=wrap_body_info>brunch book<ul class=list_keyword><li><a href=/keyword/시계>시계</a></li></ul></div><div class=wrap_membership>멤버십 안내</div></div></div>\
         <strong>작가의 이전글</strong><a href=/@someone/1>빠른 시계</a><p class=motto>You can make anything<br>by writing</p>\
         <p>브런치는 최신 브라우저에 최적화 되어있습니다. IE chrome safari</p></body></html>"
    ))
}

#[tokio::test]
async fn an_authors_page_is_read_by_the_profile_that_comes_along() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let at = |path: &str| format!("http://brunch.co.kr:{}{path}", origin.port());
        // Who brings no cookie is sent to another host to be let in, and back.
        let login = format!("http://accounts.alley.example:{}/login", origin.port());
        origin.set("/login", Answer::to(302, &at("/callback")).header("Set-Cookie", "other=2; Path=/"));
        origin.set("/callback", Answer::to(302, "/@someone").header("Set-Cookie", "b_s=1; Path=/"));
        let author = html(format!(
            "<html lang=ko><head><title>하늘의 브런치</title><link rel=alternate type=application/rss+xml href=\"{}\"></head><body>글 2</body></html>",
            at("/rss/@@aB3d")
        ));
        origin.set("/@someone", author.for_cookie("b_s=1", Answer::to(302, &login)));
        let item = |number: u32| Item {
            link: at(&format!("/@@aB3d/{number}")),
            title: format!("늦은 시계 {number}"),
            text: "서두르는 법이 없었다".to_owned(),
            ..Item::number(number)
        };
        origin.set("/rss/@@aB3d", Answer::ok(rss(&[item(3), item(2), item(1)], "<language>ko</language>")));
        origin.set("/robots.txt", Answer::ok("User-agent: *\nCrawl-delay: 5\nDisallow: /search\n"));
        origin.set("/@@aB3d/3", html("<body><div class=wrap_exception><p>서비스 접속이 원활하지 않습니다. 잠시 후에 다시 찾아 주시면 고맙겠습니다.</p></div></body>"));
        origin.set("/@@aB3d/2", essay(2));
        origin.set("/@@aB3d/1", essay(1));

        let here = Names::scripted(|_| vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        let usual = Source { content: TextFrom::Usual, ..source("blog", &at("/@someone").parse().unwrap()) };
        let world = World::with_names(&bench, config(vec![usual]), here).await;
        {
            let poll = world.read();
            tokio::pin!(poll);
            // The pages are asked for as far apart as the host wants it.
            for page in ["/@@aB3d/3", "/@@aB3d/2"] {
                tokio::select! {
                    biased;
                    () = origin.asked_for(page) => {}
                    _ = &mut poll => panic!("it did not wait"),
                }
                assert!(!paths(&origin).contains(&"/@@aB3d/1".to_owned()));
                world.clock.advance(Duration::from_secs(5));
            }
            poll.await;
        }
        assert_eq!(world.row().await.feed_url, Some(at("/rss/@@aB3d")));
        let posts = world.store.post_list(&PostFilter { limit: 9, ..PostFilter::default() }).await.unwrap();
        let of =
            |number: u32| &posts.iter().find(|post| post.entry.title == format!("늦은 시계 {number}")).unwrap().entry;
        assert_eq!(of(3).content, None, "an apology is no essay");
        for number in [1, 2] {
            let text = of(number).content.as_ref().unwrap().as_str();
            assert_eq!(text.matches("서두르는 법이 없었다").count(), 2, "{text}");
            assert!(text.contains(&format!("http://t1.daumcdn.net/brunch/{number}.jpg")), "{text}");
            assert!(text.ends_with("<p>이 글은 좋은뉴스(news.example.kr)에도 실렸습니다.</p>"), "{text}");
            assert_eq!(
                (of(number).authors.join("+"), of(number).categories.join("+")),
                ("하늘".to_owned(), "시계".to_owned())
            );
            let place = &of(number).also_at[0];
            assert_eq!(
                (place.name.as_str(), place.url.as_ref().unwrap().as_str()),
                ("좋은뉴스", "https://news.example.kr/")
            );
        }
    }
}
