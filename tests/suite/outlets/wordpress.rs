//! A site of WordPress: what it gets, once, and what is said when it will not have it.

use super::double::{Double, Fault};
use super::wordpress_double::WordPress;
use super::world::{World, secret};
use crate::engines::{self, Bench};
use crate::origin::{Answer, Origin};
use crate::pieces::{entry, text};
use serde_json::{Value, json};
use std::time::Duration;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::outlet::{Outcome, State};
use syndicated::domain::post::Entry;
use syndicated::flow::crosspost::ByHand;
use syndicated::store::Act;

type Site = Double<WordPress>;

pub(super) async fn site() -> Site {
    Double::start(WordPress::at).await
}

pub(super) fn outlet(bench: &Bench, url: &str, more: &str) -> String {
    let file = secret(bench, "wordpress", "abcd EFGH");
    format!(
        "[[outlet]]\nname = \"wp\"\nkind = \"wordpress\"\nurl = \"{url}\"\nuser = \"kim\"\nsecret_file = \"{}\"\n{more}\n",
        file.display()
    )
}

async fn tried(world: &World) -> Outcome {
    let live = world.stage.live.load_full();
    world.crossposter.test(&live.outlets[0]).await
}

fn posts(site: &Site) -> Vec<Value> {
    site.with(|site| site.posts.clone())
}

/// R26: answers that are lost, answers of 500 after the post was taken, and an outlet that is busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_posts_stand_in_wordpress_once_each_whatever_becomes_of_the_answers() {
    for bench in engines::all().await {
        let site = site().await;
        let world = World::new(&bench, &outlet(&bench, &site.url("/"), "tags = { letters = \"\" }")).await;
        let entries: Vec<Entry> = (0..50).map(|n| entry("blog", &format!("편지 {n}"), &text(n), world.now())).collect();
        let ids = world.poll("essays", &entries).await;
        site.fails([Fault::TakenAndLost, Fault::Status(429, "retry-after: 120\r\n")]);
        site.with(|site| site.breaks = 20);
        world.settle().await;
        assert_eq!(world.state("wp", ids[0]).await, State::Unknown, "{}", bench.engine);
        // One gets another title while nobody knows whether it arrived.
        world.poll("essays", &[Entry { title: "다른 제목".to_owned(), ..entries[0].clone() }]).await;
        site.fails(std::iter::repeat_n(Fault::TakenAndLost, 20));
        for _ in 0..30 {
            world.after(Duration::from_mins(10)).await;
        }
        let stand = posts(&site);
        assert_eq!(stand.len(), 50, "{}", bench.engine);
        let published = world.stage.store.handed_on(None, None, Some(State::Published), 100).await.unwrap();
        assert_eq!(published.len(), 50, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wordpress_takes_and_then_refuses_a_part_of_stands_there_once_and_is_followed() {
    for bench in engines::all().await {
        let site = site().await;
        site.with(|site| site.sets_meta = false);
        let more = "canonical_meta = \"_yoast_wpseo_canonical\"\nfollow_deletes = true";
        let world = World::new(&bench, &outlet(&bench, &site.url("/"), more)).await;
        let essay = entry("blog", "On slow letters", &text(1), world.now());
        let id = world.poll("essays", std::slice::from_ref(&essay)).await[0];
        world.settle().await;
        let row = world.row("wp", id).await;
        assert_eq!((row.state, posts(&site).len()), (State::Published, 1), "{}: {row:?}", bench.engine);
        assert_eq!(row.remote_id, Some(posts(&site)[0]["id"].to_string()), "{}", bench.engine);
        world.poll("essays", &[Entry { title: "On slower letters".to_owned(), ..essay }]).await;
        world.settle().await;
        let row = world.row("wp", id).await;
        assert_eq!((row.state, row.trouble), (State::Published, None), "{}", bench.engine);
        assert_eq!(posts(&site)[0]["title"], "On slower letters", "{}", bench.engine);
        world.stage.store.edit_post(id, Act::Hide, "kim", world.now()).await.unwrap();
        world.settle().await;
        assert_eq!(world.state("wp", id).await, State::Deleted, "{}", bench.engine);
        assert_eq!(posts(&site)[0]["status"], "trash", "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_category_below_another_is_not_made_again_beside_it() {
    let (bench, site) = (engines::all().await.remove(0), site().await);
    site.with(|site| site.role = "editor");
    let more = "categories = [\"letters\", \"Made up\"]";
    let world = World::new(&bench, &outlet(&bench, &site.url("/"), more)).await;
    for number in 1..3 {
        world.essay(&format!("Letter {number}"), number).await;
    }
    world.settle().await;
    let made = site.with(|site| site.categories[3..].to_vec());
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0]["name"], "Made up");
    for post in posts(&site) {
        assert_eq!(post["categories"], json!([3, made[0]["id"]]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_korean_post_stands_in_wordpress_with_all_that_it_holds() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0000";
    for bench in engines::all().await {
        let (site, origin) = (site().await, Origin::start().await);
        origin.set("/a.png", Answer::ok(PNG));
        let more = "images = \"upload\"\ncategories = [\"News & Co\", \"Made up\"]\nauthor = \"kim\"\nlanguage = \"ko\"\n\
                    tags = { \"편지\" = \"글 & 편지\" }\ncanonical_meta = \"_yoast_wpseo_canonical\"\nfollow_deletes = true";
        let world = World::new(&bench, &outlet(&bench, &site.url(""), more)).await;
        let body = format!(
            "<p>그는 <strong>“느린 편지”</strong>를\n썼다 &amp; [gallery].</p><figure><img src=\"{}\" alt=\"빨간 우체통\"></figure>\
             <table><tr><th>날</th></tr><tr><td>월</td></tr></table><pre><code>let 수 = 1;\n\nlet x = [];</code></pre><p>{}</p>",
            origin.url("/a.png"),
            "가나다 ".repeat(1_700)
        );
        let essay = Entry {
            categories: vec!["편지".to_owned(), "essays".to_owned()],
            ..entry("blog", "느린 <편지> & \"둘\"", &body, world.now())
        };
        let id = world.poll("essays", std::slice::from_ref(&essay)).await[0];
        let live = world.stage.live.load_full();
        let shown = world.crossposter.preview(&live.outlets[0], id).await.unwrap().unwrap();
        assert!(site.came().is_empty(), "looking asks nobody");
        let shown = format!("{:?}", shown.draft);
        assert!(shown.contains("?rest_route=/wp/v2/posts") && shown.contains("글 & 편지"), "{shown}");
        assert!(!shown.contains("abcd") && !shown.contains("a2lt"), "{shown}");
        world.settle().await;
        let (stand, media, tags) = site.with(|site| (site.posts.clone(), site.media.clone(), site.tags.clone()));
        let post = &stand[0];
        assert_eq!(post["title"], "느린 &lt;편지&gt; &amp; &quot;둘&quot;", "{}", bench.engine);
        let content = post["content"].as_str().unwrap();
        for part in [
            "를 썼다 &amp; &#91;gallery].</p>",
            "<pre><code>let 수 = 1;\n\nlet x = &#91;];</code></pre>",
            "<td>월</td>",
            "alt=\"빨간 우체통\"",
            "에 처음 실렸습니다.",
            media[0]["source_url"].as_str().unwrap(),
        ] {
            assert!(content.contains(part), "{part}: {content}");
        }
        assert!(!content.contains(&origin.url("/a.png").to_string()) && content.chars().count() > 5_000);
        assert_eq!((&media[0]["alt_text"], &post["featured_media"]), (&json!("빨간 우체통"), &media[0]["id"]));
        assert_eq!(post["tags"], json!([tags[0]["id"], tags[1]["id"]]), "{}", bench.engine);
        assert_eq!(tags[0]["name"], "글 &amp; 편지", "{}", bench.engine);
        assert_eq!((&post["categories"], &post["author"]), (&json!([2]), &json!(2)), "an author makes no categories");
        let url = essay.url.as_ref().unwrap().as_str();
        assert_eq!((&post["meta"]["_yoast_wpseo_canonical"], &post["status"]), (&json!(url), &json!("publish")));
        let row = world.row("wp", id).await;
        assert_eq!(row.remote_id, Some(post["id"].to_string()), "{}", bench.engine);
        assert!(row.url.unwrap().starts_with(&site.url("/%eb%8a%90%eb%a6%b0")), "{}", bench.engine);
        // A correction changes the words, and neither where it stands nor what a person there made of it.
        site.with(|site| site.posts[0]["categories"] = json!([1]));
        let corrected = Entry { content: Some(CleanHtml::sanitise("<p>Corrected.</p>", None)), ..essay.clone() };
        world.poll("essays", &[corrected]).await;
        world.settle().await;
        let changed = &posts(&site)[0];
        assert!(changed["content"].as_str().unwrap().starts_with("<p>Corrected.</p>"), "{changed}");
        assert_eq!((&changed["slug"], &changed["categories"]), (&post["slug"], &json!([1])));
        assert_eq!(site.with(|site| (site.media.len(), site.tags.len())), (1, 2), "nothing was made twice");
        // A site without a bin says so, and deletes when it is told to.
        site.with(|site| site.bin = bench.engine == "sqlite");
        world.stage.store.edit_post(id, Act::Hide, "kim", world.now()).await.unwrap();
        world.settle().await;
        assert_eq!(world.state("wp", id).await, State::Deleted, "{}", bench.engine);
        assert_eq!(posts(&site)[0]["status"], "trash", "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafts_and_what_is_published_later_are_not_called_public() {
    for (more, status) in [("draft = true", "draft"), ("schedule = \"2h\"", "future")] {
        let (bench, site) = (engines::all().await.remove(0), site().await);
        let more = format!("{more}\nfollow_deletes = true");
        let world = World::new(&bench, &outlet(&bench, &site.url("/wp-json/"), &more)).await;
        let id = world.essay("On slow letters", 1).await;
        world.settle().await;
        let post = posts(&site).remove(0);
        assert_eq!(post["status"], status);
        assert_eq!(post["date_gmt"].is_string(), status == "future", "{post}");
        assert_eq!(world.row("wp", id).await.url, None);
        // A person deleted it for good: what is not there needs not be taken down.
        site.with(|site| site.posts.clear());
        world.stage.store.edit_post(id, Act::Hide, "kim", world.now()).await.unwrap();
        world.settle().await;
        assert_eq!(world.state("wp", id).await, State::Deleted);
        assert!(site.came().iter().all(|came| came.path.starts_with("/wp-json/wp/v2/")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wordpress_refuses_is_said_with_what_to_do() {
    let bench = engines::all().await.remove(0);
    let site = site().await;
    let world = World::new(&bench, &outlet(&bench, &site.url("/"), "images = \"upload\"")).await;
    let Outcome::Done(receipt) = tried(&world).await else { panic!() };
    assert_eq!(receipt.id, "WordPress knows Kim, who may publish posts and upload files");
    site.with(|site| site.role = "contributor");
    assert!(matches!(tried(&world).await, Outcome::Refused(why) if why.contains("upload no files")));
    let id = world.essay("On slow letters", 1).await;
    world.settle().await;
    let why = world.row("wp", id).await.trouble.unwrap();
    assert!(why.contains("not allowed to publish") && why.contains("`draft = true`"), "{why}");
    site.with(|site| site.role = "author");
    let live = world.stage.live.load_full();
    assert!(
        matches!(world.crossposter.retry_now(&live.outlets[0], id).await.unwrap(), ByHand::Tried(row) if row.state == State::Published)
    );
    // Another password, another place, and a post that is not there any more.
    let cases =
        [("/", "wrong", "make a new application password"), ("/blog/", "abcd EFGH", "did not answer as WordPress's")];
    for (path, password, expected) in cases {
        let text = outlet(&bench, &site.url(path), "");
        secret(&bench, "wordpress", password);
        let other = engines::all().await.remove(0);
        let world = World::new(&other, &text).await;
        let Outcome::Refused(why) = tried(&world).await else { panic!("{expected}") };
        assert!(why.contains(expected) && !why.contains("wrong"), "{why}");
        let id = world.essay("On slow letters", 2).await;
        world.settle().await;
        let row = world.row("wp", id).await;
        assert_eq!(row.state, State::Refused, "{row:?}");
        assert!(row.trouble.unwrap().contains(expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_made_while_a_post_was_in_doubt_follows() {
    for bench in engines::all().await {
        let site = site().await;
        let world = World::new(&bench, &outlet(&bench, &site.url("/"), "tags = { letters = \"\" }")).await;
        let essay = entry("blog", "On slow letters", &text(1), world.now());
        let id = world.poll("essays", std::slice::from_ref(&essay)).await[0];
        site.with(|site| site.breaks = 1);
        world.settle().await;
        assert_eq!((world.state("wp", id).await, posts(&site).len()), (State::Unknown, 1), "{}", bench.engine);
        world.poll("essays", &[Entry { title: "On slower letters".to_owned(), ..essay }]).await;
        for _ in 0..5 {
            world.after(Duration::from_mins(10)).await;
        }
        assert_eq!((world.state("wp", id).await, posts(&site).len()), (State::Published, 1), "{}", bench.engine);
        assert_eq!(posts(&site)[0]["title"], "On slower letters", "{}", bench.engine);
        // What was not corrected meanwhile is found, and asked for nothing more.
        let other = world.essay("On fast letters", 2).await;
        site.with(|site| site.breaks = 1);
        for _ in 0..5 {
            world.after(Duration::from_mins(10)).await;
        }
        assert_eq!((world.state("wp", other).await, posts(&site).len()), (State::Published, 2), "{}", bench.engine);
        let came = site.came();
        let written = came.iter().filter(|came| came.method == "POST" && came.path.contains("/posts")).count();
        assert_eq!(written, 3, "{}: two posts and one correction", bench.engine);
    }
}
