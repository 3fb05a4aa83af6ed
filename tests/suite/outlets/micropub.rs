//! A site that speaks Micropub: found by its page, each post there once.

use super::PNG;
use super::double::Fault;
use super::micropub_double::{Micropub, TOKEN};
use super::world::World;
use crate::engines;
use crate::origin::{Answer, Origin};
use crate::pieces::{entry, text};
use serde_json::json;
use std::time::Duration;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::outlet::{Outcome, State};
use syndicated::domain::post::Entry;
use syndicated::store::Act;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_korean_post_with_all_that_it_holds_stands_there() {
    let bench = engines::all().await.remove(0);
    let (origin, site) = (Origin::start().await, Micropub::new().await);
    origin.set("/a.png", Answer::ok(PNG));
    let more = "images = \"upload\"\nlanguage = \"ko\"\ndraft = true\ntags = { \"편지\" = \"글\" }";
    let world = World::new(&bench, &site.outlet(&bench, more)).await;
    let body = format!(
        "<p>그는 <strong>“느린 편지”</strong>를 썼다.</p><p><img src=\"{}\" alt=\"우체통\"></p>\
         <table><tr><td>월</td></tr></table><pre><code>let 수 = 1;</code></pre><p>{}</p>",
        origin.url("/a.png"),
        "가나다 ".repeat(1_700)
    );
    let essay = Entry {
        categories: vec!["편지".to_owned()],
        ..entry("blog", "느린 편지에 대하여", &body, world.now())
    };
    let post = world.poll("essays", &[essay]).await[0];
    let live = world.stage.live.load_full();
    let preview = world.crossposter.preview(&live.outlets[0], post).await.unwrap().unwrap();
    let shown = format!("{:?}", preview.draft);
    assert!(shown.contains("느린 편지") && shown.contains("names") && !shown.contains(TOKEN), "{shown}");
    world.settle().await;
    let row = world.row("site", post).await;
    assert_eq!(row.state, State::Published, "{row:?}");
    let there = site.posts().remove(0)["properties"].clone();
    assert_eq!(row.url, there["url"][0].as_str().map(str::to_owned));
    assert_eq!(there["name"], json!(["느린 편지에 대하여"]));
    assert_eq!((&there["category"], &there["post-status"]), (&json!(["글"]), &json!(["draft"])));
    let html = there["content"][0]["html"].as_str().unwrap();
    let picture = format!("src=\"{}\" alt=\"우체통\"", site.url("/media/1.png"));
    for part in [picture.as_str(), "<td>월</td>", "<code>let 수 = 1;</code>", "에 처음 실렸습니다.", "가나다 가나다"]
    {
        assert!(html.contains(part), "{part}\n{html}");
    }
    let stored = world.stage.store.post(post).await.unwrap().unwrap();
    assert_eq!(stored.also_at()[0].name, "The Site");
}

/// R26: answers that are lost, sites that break after they took a post, sites that want to be left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_stand_there_once_each_whatever_became_of_the_answers() {
    for bench in engines::all().await {
        for heeds_slugs in [true, false] {
            let bench = if heeds_slugs { &bench } else { &engines::all().await.remove(0) };
            let site = Micropub::new().await;
            site.with(|site| (site.heeds_slugs, site.links, site.breaks) = (heeds_slugs, false, 25));
            let more = format!("endpoint = \"{}\"", site.url("/micropub"));
            let world = World::new(bench, &site.outlet(bench, &more)).await;
            world.letters(50).await;
            site.fails(
                std::iter::repeat_n(Fault::TakenAndLost, 20).chain([Fault::Status(429, "retry-after: 600\r\n")]),
            );
            world.settle().await;
            for _ in 0..3 {
                world.after(Duration::from_mins(20)).await;
            }
            assert_eq!(site.posts().len(), 50, "{}", bench.engine);
            let published = world.stage.store.handed_on(None, None, Some(State::Published), 100).await.unwrap();
            assert_eq!(published.len(), 50, "{}", bench.engine);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_without_a_list_leaves_the_doubt_to_a_person() {
    for bench in engines::all().await {
        let site = Micropub::new().await;
        site.with(|site| site.lists = false);
        let world = World::new(&bench, &site.outlet(&bench, "")).await;
        let post = world.essay("On slow letters", 1).await;
        site.with(|site| site.breaks = 1);
        world.settle().await;
        for _ in 0..8 {
            world.after(Duration::from_hours(6)).await;
        }
        let row = world.row("site", post).await;
        assert_eq!((row.state, row.next_try_at), (State::Unknown, None), "{}", bench.engine);
        assert!(row.trouble.unwrap().contains("look there"), "{}", bench.engine);
        assert_eq!(site.posts().len(), 1, "{}", bench.engine);
        // The person looked, and it was not there.
        site.with(|site| site.posts.clear());
        let live = world.stage.live.load_full();
        world.crossposter.retry_now(&live.outlets[0], post).await.unwrap();
        assert_eq!(site.posts().len(), 1, "{}", bench.engine);
        assert_eq!(world.state("site", post).await, State::Published, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrections_and_withdrawals_follow_and_refusals_say_what_to_do() {
    for bench in engines::all().await {
        let site = Micropub::new().await;
        site.with(|site| site.links = false);
        let world = World::new(&bench, &site.outlet(&bench, "follow_deletes = true")).await;
        let live = world.stage.live.load_full();
        let tried = world.crossposter.test(&live.outlets[0]).await;
        let Outcome::Done(receipt) = tried else { panic!("{tried:?}") };
        assert!(receipt.id.contains("takes pictures"), "{receipt:?}");
        let first = entry("blog", "On slow letters", &text(1), world.now());
        let post = world.poll("essays", std::slice::from_ref(&first)).await[0];
        world.settle().await;
        let content = CleanHtml::sanitise(&format!("<p>Corrected.</p>{}", text(1)), None);
        world.poll("essays", &[Entry { content: Some(content), ..first }]).await;
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        let there = site.posts().remove(0)["properties"].clone();
        assert!(there["content"][0]["html"].as_str().unwrap().starts_with("<p>Corrected."), "{there}");
        assert!(there["published"][0].is_string(), "what is not named stays: {there}");
        world.stage.store.edit_post(post, Act::Hide, "kim", world.now()).await.unwrap();
        world.settle().await;
        assert_eq!((site.posts().len(), world.state("site", post).await), (0, State::Deleted), "{}", bench.engine);
        site.fails([
            Fault::Status(200, "link: </micropub>; rel=micropub\r\n"),
            Fault::Status(403, "content-type: application/json\r\n"),
        ]);
        let refused = world.essay("Refused", 2).await;
        world.settle().await;
        let row = world.row("site", refused).await;
        assert_eq!(row.state, State::Refused, "{row:?}");
        assert!(row.trouble.unwrap().contains("403"), "{}", bench.engine);
        assert_eq!(world.after(Duration::from_hours(9)).await, 0, "{}", bench.engine);
    }
}
