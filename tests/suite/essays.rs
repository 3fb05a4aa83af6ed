//! The first user's platforms from end to end: an essay platform that hands out
//! cookies, summaries and soft errors, and a news site whose feed nobody names.
//! What is special about the first is an operator's profile; the pages are made up.

use crate::engines::{self, Bench};
use crate::origin::{Answer, Origin};
use crate::program;
use crate::stage;
use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment, Live};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::Entry;
use syndicated::flow::poll::{PollOutcome, Poller};
use syndicated::net::{Client, Names};
use syndicated::store::{PostFilter, Store};
use tokio_util::sync::CancellationToken;

const PROFILE: &str = r#"
[[platform]]
name = "Essays of the alley"
host = "127.0.0.1"
path = '^/@@?[^/]+/'
content = "page"
article = ".wrap_view_article .wrap_body"
remove = [".wrap_body_info"]
title = "h1.cover_title"
author = ".text_author a"
date = "meta[property='og:regDate']"
tags = "ul.list_keyword a"
sorry = ["잠시 문을 닫았습니다"]

[[platform]]
name = "Essays of the alley, authors"
host = "127.0.0.1"
page = 'author_id="(@@[A-Za-z0-9]+)"'
feeds = ["{origin}/rss/{1}"]
"#;

const TEXT: &str = "시계방 주인은 서두르는 법이 없었다. 골목은 그것을 탓하지 않았는데, 그의 시계가 언제나 맞았기 때문이다. \
    맞는 시계가 하나라도 있는 골목은 중요한 일에 늦지 않는다.";

/// An essay's page: its text, and all that stands round it.
fn essay(number: u32, note: &str) -> Answer {
    Answer::ok(format!(
        "<html lang=ko><head><meta property=og:title content=\"늦은 시계 {number} - 골목\"><meta property=og:site_name content=골목>\
         <meta property=og:regDate content=\"2026-11-0{number}T22:22+0900\"><meta property=og:image content=\"//img.example.org/lead.jpg\">\
         <script>var closed = '잠시 문을 닫았습니다';</script></head><body><div class=service_header><a href=/>골목</a></div>\
         <div class=wrap_view_article><h1 class=cover_title>늦은 시계 {number}</h1><div class=text_author><a href=/@someone>하늘</a></div>\
         <div class=wrap_body><div class=\"wrap_item item_type_text\"><p>{TEXT}</p><p>{TEXT}</p></div>\
         <div class=\"wrap_item item_type_img\"><img src=\"//img.example.org/{number}.jpg\"></div>\
         <p class=\"wrap_item item_type_text\">{note}</p><div class=wrap_body_info>작가의 말</div></div>\
         <ul class=list_keyword><li><a href=/k>시계</a></li><li><a href=/k>골목</a></li></ul></div>\
         <div>작가의 이전글 <a href=/1>빠른 시계</a></div><p>사용 중인 브라우저를 업데이트해 주세요.</p>\
         <p>You can make anything<br>by writing</p></body></html>"
    ))
    .header("Content-Type", "text/html; charset=utf-8")
}

fn html(text: &str) -> Answer {
    Answer::ok(text).header("Content-Type", "text/html; charset=utf-8")
}

/// The configuration at work: what `source add` wrote, read again.
struct World {
    store: Store,
    clock: Clock,
    poller: Poller,
    stop: CancellationToken,
}

impl World {
    /// Adds the page as a person would, then follows it.
    async fn adding(bench: &Bench, url: &str, profiles: &str) -> (Self, String) {
        let path = bench.folder.path().join("config.toml");
        let own = "[fetch]\nallow = [\"127.0.0.0/8:*\"]\n";
        let text = stage::toml(bench, "maildir:outbox", "{ daily = \"0 7 * * *\" }", own);
        std::fs::write(&path, format!("platforms = \"platforms.toml\"\n{text}")).unwrap();
        std::fs::write(bench.folder.path().join("platforms.toml"), profiles).unwrap();
        let mut add = program::command(&path);
        let done = add.args(["source", "add", url, "--name", "alley"]).stdout(Stdio::piped()).output();
        let done = done.await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let said = String::from_utf8(done.stdout).unwrap();
        let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
        let config = Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"));
        let clock = Clock::manual(stage::at("2026-11-23T07:00:00Z"));
        let store = bench.open().await;
        let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), clock.clone()).unwrap();
        let live: Live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
        let poller = Poller::new(store.clone(), client, clock.clone(), Chance::seeded(7), live);
        poller.adopt_config().await.unwrap();
        (Self { store, clock, poller, stop: CancellationToken::new() }, said)
    }

    async fn poll(&self) -> PollOutcome {
        let name = "alley".parse().unwrap();
        self.poller.poll_named(&[name], &self.stop, |_| ()).await.unwrap().remove(0).outcome
    }

    async fn posts(&self) -> HashMap<String, Entry> {
        let filter = PostFilter { source: "alley".parse().ok(), limit: 9, ..PostFilter::default() };
        let posts = self.store.post_list(&filter).await.unwrap();
        posts.into_iter().map(|post| (post.entry.title.clone(), post.entry)).collect()
    }
}

#[tokio::test]
async fn an_essay_platform_is_read_in_full_by_its_profile() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let login = Answer::to(302, "/login");
        origin.set("/login", Answer::to(302, "/@someone").header("Set-Cookie", "visit=1; Path=/"));
        origin.set(
            "/@someone",
            html("<title>하늘의 글</title><body><div data-author_id=\"@@aB3d\">글 2</div>")
                .for_cookie("visit=1", login),
        );
        let items = [1, 2].map(|number| {
            let link = origin.url(&format!("/@@aB3d/{number}"));
            format!("<item><title>늦은 시계 {number}</title><link>{link}</link><guid>{link}</guid><description>서두르는 법이 없었다…</description></item>")
        });
        let items = items.concat();
        let feed = format!(
            "<rss version=\"2.0\"><channel><title>하늘의 글</title><link>x</link><description>d</description>{items}</channel></rss>"
        );
        origin.set("/rss/@@aB3d", Answer::ok(feed).etag("\"1\""));
        let note = "이 글은 좋은뉴스(news.example.kr)에도 실렸습니다.";
        origin.set("/@@aB3d/1", essay(1, note));
        // The second answers 200, and has nothing.
        let closed = html(
            "<body><div class=wrap_exception><p>잠시 문을 닫았습니다. 잠시 후에 다시 찾아 주시면 고맙겠습니다.</p></div>",
        );
        origin.set("/@@aB3d/2", closed);

        let (world, said) = World::adding(&bench, origin.url("/@someone").as_str(), PROFILE).await;
        assert!(said.contains("하늘의 글") && said.contains("/rss/@@aB3d") && said.contains("늦은 시계 2"), "{said}");
        assert!(matches!(world.poll().await, PollOutcome::Read(_)));
        let posts = world.posts().await;
        let first = &posts["늦은 시계 1"];
        let text = first.content.as_ref().unwrap().as_str();
        assert_eq!(text.matches("서두르는 법이 없었다").count(), 2, "{text}");
        assert!(text.contains("http://img.example.org/1.jpg") && text.contains(note), "{text}");
        for chrome in ["작가의 말", "작가의 이전글", "브라우저", "by writing", "하늘"] {
            assert!(!text.contains(chrome), "{chrome}: {text}");
        }
        assert_eq!(
            (first.authors.as_slice(), first.categories.join(" ")),
            (&["하늘".to_owned()][..], "시계 골목".to_owned())
        );
        assert_eq!(first.published.unwrap().to_rfc3339(), "2026-11-01T13:22:00Z");
        assert_eq!(first.also_at[0].name, "좋은뉴스");
        assert_eq!(first.also_at[0].url.as_ref().unwrap().as_str(), "https://news.example.kr/");
        assert_eq!(posts["늦은 시계 2"].content, None, "an apology is no essay");

        // The feed is the same, and the page is tried again all the same, once it opens.
        let asked = |path: &str| origin.asked().into_iter().filter(|asked| asked.path == path).count();
        asked("");
        world.clock.advance(Duration::from_mins(15));
        world.poll().await;
        assert_eq!(asked("/@@aB3d/2"), 1);
        origin.set("/@@aB3d/2", essay(2, "끝."));
        world.clock.advance(Duration::from_mins(15));
        world.poll().await;
        assert!(world.posts().await["늦은 시계 2"].content.as_ref().unwrap().as_str().contains("서두르는 법이"));
        // Now the feed's own word that nothing changed is believed, and no page is read again.
        world.clock.advance(Duration::from_mins(15));
        world.poll().await;
        world.clock.advance(Duration::from_mins(15));
        asked("");
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        assert_eq!(origin.asked().len(), 1);

        // What `read` prints is what the polls stored.
        let mut read = program::command(&bench.folder.path().join("config.toml"));
        let feed = origin.url("/rss/@@aB3d");
        read.args(["read", feed.as_str(), "--json", "--pages-of", "alley"]).stdout(Stdio::piped());
        let read: serde_json::Value = serde_json::from_slice(&read.output().await.unwrap().stdout).unwrap();
        let entries = read["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        let posts = world.posts().await;
        for entry in entries {
            let stored = &posts[entry["title"].as_str().unwrap()];
            let content = stored.content.as_ref().map(CleanHtml::as_str);
            assert!(content.is_some() && entry["content_html"].as_str() == content, "{entry}");
            assert_eq!(entry["also_at"], serde_json::to_value(&stored.also_at).unwrap());
            assert_eq!(entry["published"], serde_json::to_value(stored.published).unwrap());
            assert_eq!(entry["authors"], serde_json::to_value(&stored.authors).unwrap());
        }
    }
}

#[tokio::test]
async fn a_page_that_never_opens_is_tried_less_and_less_and_not_for_ever() {
    let bench = engines::all().await.remove(0);
    let origin = Origin::start().await;
    let link = origin.url("/@@aB3d/1");
    let feed = format!(
        "<rss version=\"2.0\"><channel><title>글</title><link>x</link><description>d</description><item><title>하나</title><link>{link}</link><description>글</description></item></channel></rss>"
    );
    origin.set("/feed", Answer::ok(feed).etag("\"1\""));
    let (world, _) = World::adding(&bench, origin.url("/feed").as_str(), PROFILE).await;
    let mut tries = Vec::new();
    for quarter in 0..4 * 24 * 6 {
        world.poll().await;
        if origin.asked().iter().any(|asked| asked.path == "/@@aB3d/1") {
            tries.push(quarter);
        }
        world.clock.advance(Duration::from_mins(15));
    }
    assert_eq!(tries, [0, 1, 2, 3, 6, 11, 22, 43, 86, 171, 342], "in quarters of an hour");
    assert_eq!(world.poll().await, PollOutcome::Unchanged);
}

#[tokio::test]
async fn a_news_site_of_a_known_kind_is_read_without_a_profile_of_ones_own() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/news/articleList.html?sc_section_code=S1N1", html("<title>골목신문</title><body><div class=titles><a href=\"/news/articleView.html?idxno=7\">마을 시계</a></div>"));
        let link = origin.url("/news/articleView.html?idxno=7");
        let feed = format!(
            "<rss version=\"2.0\"><channel><title>골목신문</title><link>x</link><description>d</description><item><title>마을 시계</title><link>{link}</link><description>시계가 섰다...</description></item></channel></rss>"
        );
        origin.set("/rss/allArticle.xml", Answer::ok(feed));
        origin.set(
            "/news/articleView.html?idxno=7",
            html(&format!(
                "<head><meta property=og:title content=\"마을 시계 - 골목신문\"><meta property=og:site_name content=골목신문>\
                 <meta name=author content=\"하늘 기자\"><meta property=article:published_time content=\"2026-11-20T09:00:00+09:00\"></head>\
                 <body><nav>홈</nav><h3 class=heading>마을 시계</h3><div id=article-view-content-div><p>{TEXT}</p><figure><img src=/photo/7.jpg><figcaption>시계</figcaption></figure>\
                 <div class=ad-template>광고</div><p>{TEXT}</p><p>저작권자 © 골목신문 무단전재 및 재배포 금지</p></div>\
                 <div class=article-relation>관련기사</div></body>"
            )),
        );
        let address = origin.url("/news/articleList.html?sc_section_code=S1N1");
        let (world, said) = World::adding(&bench, address.as_str(), "").await;
        assert!(said.contains("골목신문") && said.contains("마을 시계"), "{said}");
        world.poll().await;
        let post = world.posts().await.remove("마을 시계").unwrap();
        let text = post.content.unwrap().to_string();
        assert!(
            text.contains("서두르는 법이") && text.contains("/photo/7.jpg") && text.contains("<figcaption>"),
            "{text}"
        );
        assert!(!text.contains("광고") && !text.contains("저작권자") && !text.contains("관련기사"), "{text}");
        assert_eq!(post.authors, ["하늘 기자"]);
        assert_eq!(post.published.unwrap().to_rfc3339(), "2026-11-20T00:00:00Z");
    }
}
