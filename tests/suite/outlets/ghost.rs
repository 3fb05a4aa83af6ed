//! A site that Ghost runs: each post there once, as its editor would have it, and
//! what people there decide stays.

use super::double::Fault;
use super::ghost_double::{Ghost, KEY_ID, SECRET, Site, error};
use super::world::{World, config, secret};
use super::{PNG, said};
use crate::engines;
use crate::origin::{Answer, Origin};
use crate::pieces::{entry, text};
use serde_json::{Value, json};
use std::time::Duration;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::outlet::{Outcome, State};
use syndicated::domain::post::Entry;
use syndicated::store::Act;

fn titles(posts: &[Value]) -> Vec<&str> {
    posts.iter().map(|post| post["title"].as_str().unwrap_or_default()).collect()
}

/// Nothing that is said shows the key, or what is made of it.
fn is_silent(words: &str) {
    for secret in [SECRET, KEY_ID, "eyJ"] {
        assert!(!words.contains(secret), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_korean_post_stands_there_as_its_editor_would_have_it() {
    let bench = engines::all().await.remove(0);
    let (origin, ghost) = (Origin::start().await, Ghost::new().await);
    origin.set("/a.png", Answer::ok(PNG));
    origin.set("/b.png", Answer::ok([PNG, b"other"].concat()));
    origin.set("/broken.png", Answer::ok([PNG, b"broken"].concat()));
    let more = "images = \"upload\"\nauthors = [\"kim@example.org\", \"lee\"]\nvisibility = \"members\"\nlanguage = \"ko\"\n\
                tags = { \"편지\" = \"글\" }";
    let world = World::new(&bench, &ghost.outlet(&bench, more)).await;
    let body = format!(
        "<figure><img src=\"{}\" alt=\"우체통\"><figcaption>동네 <em>우체통</em></figcaption></figure>\
         <p>그는 <strong>“느린 편지”</strong>를 썼다 &amp; <del>울었다</del>.</p><p><img src=\"{}\" alt=\"우표\"></p>\
         <p><img src=\"{}\" alt=\"깨진 그림\"></p><table><tr><th>날</th></tr><tr><td>월</td></tr></table>\
         <pre><code class=\"language-rust\">let 수 = 1;</code></pre><p>{}</p>",
        origin.url("/a.png"),
        origin.url("/b.png"),
        origin.url("/broken.png"),
        "가나다 ".repeat(1_700)
    );
    let essay = Entry {
        categories: ["편지", "#essays", " "].map(str::to_owned).to_vec(),
        url: "https://blog.example.com/느린-편지".parse().ok(),
        ..entry("blog", &"느린 편지 ".repeat(60), &body, world.now())
    };
    let post = world.poll("essays", &[essay]).await[0];
    let live = world.stage.live.load_full();
    let preview = world.crossposter.preview(&live.outlets[0], post).await.unwrap().unwrap();
    let shown = format!("{:?}", preview.draft);
    assert!(shown.contains("/ghost/api/admin/posts/?source=html") && shown.contains("느린 편지"), "{shown}");
    is_silent(&shown);
    world.settle().await;
    let row = world.row("paper", post).await;
    assert_eq!(row.state, State::Published, "{row:?}");
    let there = ghost.posts().remove(0);
    assert!(there["title"].as_str().unwrap().chars().count() <= 255, "{there}");
    let slug = there["slug"].as_str().unwrap();
    assert_eq!(row.url.unwrap().as_str(), ghost.url(&format!("/{slug}/")));
    assert_eq!((&there["status"], &there["visibility"]), (&json!("published"), &json!("members")));
    assert_eq!(there["published_at"], "2026-11-22T00:00:02.000Z");
    assert_eq!(there["authors"], json!([{ "email": "kim@example.org" }, { "slug": "lee" }]));
    assert_eq!(there["tags"], json!([{ "name": "글" }, { "name": "essays" }]));
    assert!(there["canonical_url"].as_str().unwrap().starts_with("https://blog.example.com/"), "{there}");
    // The picture above the text is the site's own now, with its words.
    let files = ghost.with(|ghost: &mut Site| ghost.files.clone());
    assert_eq!(files.len(), 2, "{files:?}");
    let place = |at: usize| ghost.url(&format!("/content/images/2026/11/{}", files[at]));
    assert_eq!((&there["feature_image"], &there["feature_image_alt"]), (&json!(place(0)), &json!("우체통")));
    assert_eq!(
        (&there["feature_image_caption"], &there["custom_excerpt"]),
        (&json!("동네 <em>우체통</em>"), &Value::Null)
    );
    let html = there["html"].as_str().unwrap();
    for part in [
        "<p>그는 <strong>“느린 편지”</strong>를 썼다 &amp; <s>울었다</s>.</p>",
        &format!("<figure><img src=\"{}\" alt=\"우표\"></figure>", place(1)),
        &format!("<figure><img src=\"{}\" alt=\"깨진 그림\"></figure>", origin.url("/broken.png")),
        "<!--kg-card-begin: html-->\n<table>",
        "<pre><code class=\"language-rust\">let 수 = 1;</code></pre>",
        "에 처음 실렸습니다.",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert!(html.starts_with("<p>그는"), "{html}");
}

/// R26: answers that are lost, sites that break after they took a post, sites that want to be left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_posts_stand_there_once_each_whatever_became_of_the_answers() {
    for bench in engines::all().await {
        let ghost = Ghost::new().await;
        let world = World::new(&bench, &ghost.outlet(&bench, "")).await;
        let posts = world.letters(50).await;
        ghost.fails(std::iter::repeat_n(Fault::TakenAndLost, 25));
        ghost.with(|ghost| ghost.breaks = 45);
        assert_eq!(world.settle().await, 50, "{}", bench.engine);
        assert_eq!(world.state("paper", posts[7]).await, State::Unknown, "{}", bench.engine);
        ghost.fails([Fault::Status(429, "retry-after: 1200\r\n")]);
        world.after(Duration::from_mins(3)).await;
        assert_eq!(world.state("paper", posts[7]).await, State::Unknown, "{}", bench.engine);
        world.after(Duration::from_mins(10)).await;
        ghost.came();
        world.after(Duration::from_mins(11)).await;
        let came = ghost.came();
        assert!(came.iter().all(|came| came.method == "GET"), "it is looked up and not sent again");
        assert_eq!(came.len(), 45, "{}", bench.engine);
        assert_eq!(ghost.posts().len(), 50, "{}", bench.engine);
        let published = world.stage.store.handed_on(None, None, Some(State::Published), 100).await.unwrap();
        assert_eq!(published.len(), 50, "{}", bench.engine);
        // What had not arrived is sent; and of what comes twice, since it was not to be seen yet, one stays.
        let lost = world.essay("A late letter", 60).await;
        ghost.fails([Fault::TakenAndLost]);
        world.settle().await;
        ghost.with(|ghost| ghost.hides = 1);
        world.after(Duration::from_mins(3)).await;
        assert_eq!(world.state("paper", lost).await, State::Published, "{}", bench.engine);
        assert_eq!(ghost.posts().len(), 51, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrections_and_withdrawals_follow_and_what_people_there_decided_stays() {
    for bench in engines::all().await {
        let (origin, ghost) = (Origin::start().await, Ghost::new().await);
        origin.set("/a.png", Answer::ok(PNG));
        let more = "follow_deletes = true\ndraft = true\nimages = \"upload\"";
        let world = World::new(&bench, &ghost.outlet(&bench, more)).await;
        let body = format!("{}<p><img src=\"{}\" alt=\"Post\"></p>", text(1), origin.url("/a.png"));
        let first = entry("blog", "On slow letters", &body, world.now());
        let post = world.poll("essays", std::slice::from_ref(&first)).await[0];
        world.settle().await;
        let row = world.row("paper", post).await;
        assert_eq!((row.state, row.url), (State::Published, None), "a draft stands nowhere yet");
        assert_eq!(ghost.posts()[0]["status"], "draft");
        let correct = async |words: &str| {
            let content = Some(CleanHtml::sanitise(&format!("<p>{words}</p>{body}"), None));
            world.poll("essays", &[Entry { content, title: words.to_owned(), ..first.clone() }]).await;
            world.settle().await
        };
        // Somebody publishes it there, and is at work on it.
        ghost.with(|ghost| {
            ghost.posts[0].insert("status".to_owned(), json!("published"));
            ghost.collides = 1;
        });
        assert_eq!(correct("On quick letters").await, 1, "{}", bench.engine);
        let there = ghost.posts().remove(0);
        assert_eq!((&there["title"], &there["status"]), (&json!("On quick letters"), &json!("published")));
        assert!(there["slug"].as_str().unwrap().starts_with("on-slow-letters-"), "{there}");
        assert_eq!(ghost.with(|ghost| ghost.files.len()), 1, "its picture is there already: {}", bench.engine);
        assert!(world.row("paper", post).await.url.is_some(), "it stands on the web now");
        ghost.with(|ghost| ghost.collides = 2);
        correct("On letters").await;
        let row = world.row("paper", post).await;
        assert!(row.trouble.as_ref().unwrap().contains("somebody is at work on the post there"), "{row:?}");
        world.after(Duration::from_mins(10)).await;
        assert_eq!(titles(&ghost.posts()), ["On letters"], "{}", bench.engine);
        let soon = entry("blog", "Soon gone", &text(2), world.now());
        let gone = world.poll("essays", std::slice::from_ref(&soon)).await[0];
        world.settle().await;
        world.stage.store.edit_post(post, Act::Hide, "kim", world.now()).await.unwrap();
        world.settle().await;
        assert_eq!(titles(&ghost.posts()), ["Soon gone"], "{}", bench.engine);
        assert_eq!(world.state("paper", post).await, State::Deleted, "{}", bench.engine);
        // What is there no more was taken down.
        ghost.with(|ghost| ghost.posts.clear());
        world.poll("essays", &[Entry { title: "Gone".to_owned(), ..soon }]).await;
        world.settle().await;
        let row = world.row("paper", gone).await;
        assert!(row.trouble.as_ref().unwrap().contains("somebody took it down there"), "{row:?}");
        world.stage.store.edit_post(gone, Act::Hide, "kim", world.now()).await.unwrap();
        world.settle().await;
        assert_eq!(world.state("paper", gone).await, State::Deleted, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_what_to_do_and_no_secret() {
    let bench = engines::all().await.remove(0);
    let ghost = Ghost::new().await;
    let world = World::new(&bench, &ghost.outlet(&bench, "")).await;
    let moved = |to: &str| (301, format!("location: {to}\r\n"), String::new());
    let limit = error(403, "NoPermissionError", "", "You do not have permission to add posts", "");
    let answers = [
        (error(401, "UnauthorizedError", "", "Unknown Admin API Key", ""), "give the Admin API key of an integration"),
        (error(401, "UnauthorizedError", "INVALID_JWT", "Invalid token: jwt expired", ""), "its clock and ours differ"),
        (limit, "You do not have permission to add posts; give the Admin API key"),
        (error(422, "ValidationError", "", "Validation error.", "Too long."), "Validation error. Too long."),
        ((413, String::new(), "<html>".to_owned()), "the server takes no request of that size"),
        ((404, String::new(), "<html>".to_owned()), "is `url` the address of a Ghost site?"),
        (
            moved("https://admin.example.com/blog/ghost/api/admin/posts/?source=html"),
            "url = \"https://admin.example.com/blog/\"",
        ),
        (moved("/elsewhere"), "url = \"http://127.0.0.1"),
    ];
    for (number, (answer, words)) in answers.into_iter().enumerate() {
        ghost.with(|ghost| ghost.answers.push(answer));
        let post = world.essay(&format!("Letter {number}"), number).await;
        world.settle().await;
        let row = world.row("paper", post).await;
        let why = row.trouble.unwrap();
        assert_eq!(row.state, State::Refused, "{why}");
        assert!(why.contains(words), "{words}: {why}");
        is_silent(&why);
    }
    // An answer that is not Ghost's leaves doubt, which is looked up.
    ghost.with(|ghost| ghost.answers.push((200, String::new(), "[[{\"posts\": 7}]]".to_owned())));
    let post = world.essay("Odd", 20).await;
    world.settle().await;
    assert_eq!(world.state("paper", post).await, State::Unknown);
    ghost.with(|ghost| ghost.answers.push((200, String::new(), "{\"posts\": [{\"id\": \"../x\"}]}".to_owned())));
    world.after(Duration::from_mins(3)).await;
    assert_eq!(world.state("paper", post).await, State::Unknown, "what was answered tells nothing");
    world.after(Duration::from_mins(10)).await;
    assert_eq!(world.state("paper", post).await, State::Published);
    assert_eq!(titles(&ghost.posts()), ["Odd"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outlet_is_tried_without_publishing() {
    let bench = engines::all().await.remove(0);
    let ghost = Ghost::new().await;
    let world = World::new(&bench, &ghost.outlet(&bench, "authors = [\"kim@example.org\", \"kim\", \"lee\"]")).await;
    let live = world.stage.live.load_full();
    let tried = async || match world.crossposter.test(&live.outlets[0]).await {
        Outcome::Done(receipt) => receipt.id,
        Outcome::Refused(why) | Outcome::InDoubt(why) | Outcome::Later { why, .. } => format!("no: {why}"),
    };
    assert!(tried().await.contains("nobody at the site is `lee`"));
    let site = (200, String::new(), json!({ "site": { "title": "The Paper", "version": "6.65" } }).to_string());
    let none = (200, String::new(), json!({ "posts": [] }).to_string());
    let kim = (200, String::new(), json!({ "users": [] }).to_string());
    ghost.with(|ghost| ghost.answers.extend([site.clone(), none, kim.clone(), kim.clone(), kim]));
    assert_eq!(tried().await, "the key is good for The Paper (Ghost 6.65)");
    let unknown = error(401, "UnauthorizedError", "", "Unknown Admin API Key", "");
    ghost.with(|ghost| ghost.answers.extend([site, unknown]));
    let said = tried().await;
    assert!(said.starts_with("no: it answered 401 Unauthorized: Unknown Admin API Key; give"), "{said}");
    is_silent(&said);
    ghost.with(|ghost| ghost.answers.push((200, String::new(), "<html>a shop</html>".to_owned())));
    assert!(tried().await.contains("but not as Ghost does"));
    assert_eq!(ghost.posts().len(), 0);
}

/// What is wrong with a key is said without showing it.
#[tokio::test]
async fn a_key_that_is_none_is_a_fault_in_one_sentence() {
    let bench = engines::all().await.remove(0);
    let ghost = Ghost::new().await;
    let path = bench.folder.path().join("config.toml");
    for key in [
        SECRET.to_owned(),
        format!("{KEY_ID}:{SECRET}ab"),
        format!("{KEY_ID}:{}", "xy".repeat(32)),
        "한글:b".to_owned(),
    ] {
        std::fs::write(&path, config(&bench, &ghost.outlet(&bench, ""))).unwrap();
        secret(&bench, "ghost-key", &key);
        let (done, said) = said(&path, &["check"]).await;
        assert!(
            !done && said.contains("outlet.paper: its secret is no Admin API key; copy the one of 24 digits"),
            "{said}"
        );
        assert!(!said.contains(&key) && !said.contains(KEY_ID), "{said}");
    }
}
