//! Accounts at Mastodon: what a status says and how long it may be, what is found
//! again, and what an instance that will not do it makes people read.

use super::PNG;
use super::double::Fault;
use super::mastodon_double::{Server, TOKEN, counted};
use super::world::{World, secret};
use crate::engines::{self, Bench};
use crate::origin::{Answer, Origin};
use crate::pieces::{entry, text};
use serde_json::json;
use std::time::Duration;
use syndicated::domain::outlet::{Outcome, State};
use syndicated::domain::post::Entry;
use syndicated::store::Act;
use tokio::time::sleep;

pub(super) fn account(bench: &Bench, server: &Server, more: &str) -> String {
    let file = secret(bench, "token", &format!("{TOKEN}\n"));
    format!(
        "[[outlet]]\nname = \"toot\"\nkind = \"mastodon\"\nurl = \"{}\"\nsecret_file = \"{}\"\nfollow_deletes = true\n{more}\n",
        server.url("/"),
        file.display()
    )
}

/// Whatever happens to the answers, and though the instance has forgotten the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_statuses_whose_answers_are_lost_stand_there_once_each() {
    for bench in engines::all().await {
        let server = Server::instance().await;
        server.with(|instance| instance.forgets = true);
        let world = World::new(&bench, &account(&bench, &server, "")).await;
        world.letters(50).await;
        let faults = [
            Fault::TakenAndLost,
            Fault::TakenAnd(500),
            Fault::Status(429, "retry-after: 60\r\n"),
            Fault::TakenAnd(502),
        ];
        server.fails(faults.into_iter().cycle().take(60));
        assert_eq!(world.published(50).await, 50, "{}", bench.engine);
        let mut titles: Vec<_> =
            server.statuses().iter().map(|status| status.text.lines().next().unwrap().to_owned()).collect();
        titles.sort();
        assert_eq!((titles.len(), titles.iter().filter(|title| *title == "Letter 7").count()), (50, 1));
        titles.dedup();
        assert_eq!(titles.len(), 50, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_korean_post_becomes_a_status_and_corrections_and_withdrawals_follow() {
    for bench in engines::all().await {
        let (server, origin) = (Server::instance().await, Origin::start().await);
        origin.set("/a.png", Answer::ok(PNG));
        server.with(|instance| instance.looks = 3);
        let more = "text = \"full\"\nimages = \"upload\"\nvisibility = \"unlisted\"\nstatus = \"{title}\\n\\n{text}\\n\\n{tags}\\n\\n{url}\"\ntags = { \"편지\" = \"느린 글\" }";
        let world = World::new(&bench, &account(&bench, &server, more)).await;
        let body = format!(
            "<p>그는 <strong>“느린 편지”</strong>를 @lee 와 #둘 에게 썼다 &amp; 웃었다 👩‍👩‍👧.</p><figure><img src=\"{}\" alt=\"빨간\n우체통\"></figure>\
             <table><tr><th>날</th></tr><tr><td>월</td></tr></table><pre><code>let 수 = \"{{&lt; x &gt;}}\";</code></pre><p>{}</p>",
            origin.url("/a.png"),
            "가나다👍🏽 ".repeat(1_200)
        );
        let essay = Entry {
            categories: vec!["편지".to_owned(), "slow-letters".to_owned(), "C++".to_owned()],
            language: Some("ko-KR".to_owned()),
            ..entry("blog", "@admin: 느린 #편지", &body, world.now())
        };
        let post = world.poll("essays", std::slice::from_ref(&essay)).await[0];
        let live = world.stage.live.load_full();
        // The instance takes its time with the picture, and is asked again.
        let passes = async {
            loop {
                sleep(Duration::from_millis(5)).await;
                if server.with(|instance| !instance.media.is_empty()) {
                    world.stage.clock.advance(Duration::from_secs(2));
                }
            }
        };
        tokio::select! {
            done = world.settle() => assert_eq!(done, 1, "{}", bench.engine),
            () = passes => {}
        }
        let status = server.statuses().remove(0);
        assert_eq!(counted(&status.text), 500, "{}", status.text);
        assert!(
            status.text.starts_with("@\u{2060}admin: 느린 #\u{2060}편지\n\n그는 “느린 편지”를 @\u{2060}lee 와"),
            "{}",
            status.text
        );
        let address = essay.url.as_ref().unwrap().as_str().to_owned();
        assert!(status.text.ends_with(&format!("…\n\n#느린글 #slow_letters #C\n\n{address}")), "{}", status.text);
        assert_eq!((status.language.as_deref(), status.visibility.as_str()), (Some("ko"), "unlisted"));
        server.with(|instance| {
            assert_eq!((instance.media[0].description.as_str(), status.media.len()), ("빨간 우체통", 1));
            assert_eq!(String::from_utf8_lossy(PNG).as_bytes(), instance.media[0].bytes);
            assert_eq!(instance.notified, Vec::<String>::new(), "nobody is mentioned");
            assert_eq!(instance.tags, ["느린글", "slow_letters", "C"]);
        });
        let row = world.row("toot", post).await;
        assert_eq!(row.url.unwrap().as_str(), server.url(&format!("/@kim/{}", status.id)), "{}", bench.engine);
        // What a preview shows is what was sent, and how.
        let came = server.came();
        let sent = came.iter().find(|came| came.path == "/api/v1/statuses").unwrap();
        assert_eq!(sent.header("idempotency-key").len(), 32, "{}", bench.engine);
        let shown = world.crossposter.preview(&live.outlets[0], post).await.unwrap().unwrap().draft.0;
        let body = shown.iter().find(|(name, _)| name == "body").unwrap();
        let mut body: serde_json::Value = serde_json::from_str(&body.1).unwrap();
        body["media_ids"] = json!(status.media);
        assert_eq!(body, sent.body, "{}", bench.engine);
        let shown = format!("{shown:?}");
        assert!(!shown.contains(TOKEN) && shown.contains("빨간 우체통") && shown.contains("/a.png"), "{shown}");
        // A person there adds a warning, which stays, as does the picture.
        server.with(|instance| instance.statuses[0].warning = "길다".to_owned());
        let corrected = Entry { title: "빠른 편지".to_owned(), ..essay.clone() };
        world.poll("essays", &[corrected]).await;
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        let changed = server.statuses().remove(0);
        assert!(changed.text.starts_with("빠른 편지\n\n") && changed.id == status.id, "{}", changed.text);
        assert_eq!((changed.media, changed.warning.as_str()), (status.media, "길다"));
        assert!((497..=498).contains(&counted(&changed.text)), "the warning counts, too: {}", changed.text);
        // Taken down twice is taken down.
        world.stage.store.edit_post(post, Act::Hide, "kim", world.now()).await.unwrap();
        server.fails([Fault::TakenAndLost]);
        world.settle().await;
        world.after(Duration::from_mins(10)).await;
        assert_eq!(world.state("toot", post).await, State::Deleted, "{}", bench.engine);
        assert_eq!(server.statuses().len(), 0, "{}", bench.engine);
    }
}

/// At the limit with an address of 200 characters, and one character beyond it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_is_just_short_enough_is_whole() {
    let bench = engines::all().await.remove(0);
    let server = Server::instance().await;
    let world = World::new(&bench, &account(&bench, &server, "status = \"{title}\\n{url}\"")).await;
    let url = format!("https://blog.example.com/{}", "a".repeat(175)).parse().ok();
    // A line's end and the address count 24.
    let just = format!("{}{}", "편".repeat(475), "👩‍👩‍👧‍👦");
    for title in [just.clone(), format!("{just}!")] {
        let url = if title == just { url.clone() } else { "https://blog.example.com/b".parse().ok() };
        world.poll("essays", &[Entry { url, ..entry("blog", &title, &text(title.len()), world.now()) }]).await;
    }
    world.settle().await;
    let statuses = server.statuses();
    let titles: Vec<_> = statuses.iter().map(|status| status.text.lines().next().unwrap()).collect();
    assert_eq!(titles.iter().filter(|title| **title == just).count(), 1, "{titles:?}");
    assert_eq!(titles.iter().filter(|title| title.ends_with('…')).count(), 1, "{titles:?}");
    assert!(statuses.iter().all(|status| (500 - 24..=500).contains(&counted(&status.text))), "{titles:?}");
    // One that is longer than its instance allows is refused there.
    let refused = server.with(|instance| {
        let body = json!({ "status": "가".repeat(501) });
        let came = super::double::Came {
            method: "POST".to_owned(),
            path: "/api/v1/statuses".to_owned(),
            headers: [("authorization".to_owned(), format!("Bearer {TOKEN}"))].into(),
            bytes: Vec::new(),
            body,
        };
        super::double::Interface::take(instance, &came)
    });
    assert!(refused.0 == 422 && refused.2.contains("character limit of 500 exceeded"), "{refused:?}");
}

/// Other programs, and older ones, say in other places how long a status may be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_what_the_instance_says() {
    let bench = engines::all().await.remove(0);
    for (about, most, length) in [
        (json!({ "max_toot_chars": 1_000 }), 1_000, 1_000),
        (json!({ "configuration": { "statuses": { "max_characters": 300 } } }), 300, 300),
        (json!([]), 5_000, 500),
    ] {
        let server = Server::instance().await;
        server.with(|instance| (instance.about, instance.most) = ((json!(null), about), most));
        let world = World::new(&bench, &account(&bench, &server, "text = \"full\"")).await;
        let title = format!("Letter {length}");
        let long = format!("<p>{} {length}</p>", "가나".repeat(3_000));
        world.poll("essays", &[entry("blog", &title, &long, world.now())]).await;
        world.settle().await;
        assert_eq!(server.statuses().iter().map(|status| counted(&status.text)).collect::<Vec<_>>(), [length]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_instance_refuses_is_said_in_plain_words_and_rest_is_given() {
    for bench in engines::all().await {
        let server = Server::instance().await;
        let world = World::new(&bench, &account(&bench, &server, "visibility = \"private\"")).await;
        let live = world.stage.live.load_full();
        let test = async || match world.crossposter.test(&live.outlets[0]).await {
            Outcome::Done(receipt) => receipt.id,
            Outcome::Refused(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(test().await, "127.0.0.1 knows its token: posts are @kim's, of 500 characters at the most");
        let mut number = 0;
        for (status, why, words) in [
            (401, "The access token is invalid", "make a new one there, under Preferences and Development"),
            (403, "This action is outside the authorized scopes", "needs the scopes read:accounts"),
            (422, "Validation failed: Text is a-very-secret-token", "Validation failed: Text is …"),
        ] {
            server.with(|instance| instance.refuses = Some((status, why)));
            assert!(test().await.contains(words), "{why}: {}", test().await);
            number += 1;
            let post = world.essay(&format!("Letter {number}"), number).await;
            world.settle().await;
            let row = world.row("toot", post).await;
            assert_eq!(row.state, State::Refused, "{row:?}");
            let trouble = row.trouble.unwrap();
            assert!(trouble.contains(words) && !trouble.contains(TOKEN), "{trouble}");
            server.with(|instance| instance.refuses = None);
        }
        // Too many: until when is said in a header of its own.
        let until = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 2026-11-22T08:00:00.123456Z\r\n";
        server.fails([Fault::Status(429, until)]);
        let post = world.essay("Letter 9", 9).await;
        world.settle().await;
        let row = world.row("toot", post).await;
        assert_eq!(row.next_try_at.unwrap().to_rfc3339(), "2026-11-22T08:00:00Z", "{row:?}");
        server.came();
        world.after(Duration::from_hours(6)).await;
        assert_eq!(server.came().len(), 0, "{}", bench.engine);
        world.after(Duration::from_hours(3)).await;
        let row = world.row("toot", post).await;
        assert_eq!((row.state, row.url), (State::Published, None), "what followers see is not named");
        assert_eq!(server.statuses()[0].visibility, "private", "{}", bench.engine);
    }
}

/// A picture that the instance does not take keeps no post back; a token that may not upload is to be mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_uploaded_where_that_is_wanted_and_can_be() {
    let bench = engines::all().await.remove(0);
    let (server, origin) = (Server::instance().await, Origin::start().await);
    origin.set("/bad.png", Answer::ok([PNG, b"no picture"].concat()));
    origin.set("/good.png", Answer::ok(PNG));
    let world = World::new(&bench, &account(&bench, &server, "images = \"upload\"")).await;
    let with = |title: &str, name: &str| {
        let body = format!("<p>{}<img src=\"{}\" alt=\"\"></p>", text(title.len()), origin.url(name));
        entry("blog", title, &body, world.now())
    };
    let essays = [with("Gone", "/gone.png"), with("Bad one", "/bad.png"), with("The good one", "/good.png")];
    world.poll("essays", &essays).await;
    world.settle().await;
    let media: Vec<_> = server
        .statuses()
        .iter()
        .map(|status| (status.text.lines().next().unwrap().to_owned(), status.media.len()))
        .collect();
    let media = |title: &str| media.iter().find(|(known, _)| known == title).unwrap().1;
    assert_eq!((media("Gone"), media("Bad one"), media("The good one")), (0, 0, 1));
    server.with(|instance| instance.refuses = Some((403, "")));
    let post = world.poll("essays", &[with("Of another length", "/good.png")]).await[0];
    world.settle().await;
    let row = world.row("toot", post).await;
    assert!(row.state == State::Refused && row.trouble.unwrap().contains("write:media"), "{}", bench.engine);
    assert_eq!(server.statuses().len(), 3, "{}", bench.engine);
}

/// People write there, too: what is sought may stand some pages back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_is_found_behind_what_people_wrote_since() {
    let bench = engines::all().await.remove(0);
    let server = Server::instance().await;
    server.with(|instance| instance.forgets = true);
    let world = World::new(&bench, &account(&bench, &server, "")).await;
    server.fails([Fault::TakenAndLost]);
    let post = world.essay("On slow letters", 1).await;
    world.settle().await;
    assert_eq!(world.state("toot", post).await, State::Unknown);
    server.with(|instance| {
        for id in 0..100 {
            let text = format!("Of https://blog.example.com/On-slow-letters-{id}");
            instance.statuses.push(super::mastodon_double::Status { id: 200_000 + id, text, ..Default::default() });
        }
    });
    server.came();
    world.after(Duration::from_mins(3)).await;
    let row = world.row("toot", post).await;
    assert_eq!((row.state, row.remote_id.as_deref()), (State::Published, Some("109000")), "{row:?}");
    assert!(server.came().iter().all(|came| came.method == "GET"), "it was not sent again");
    // What has no address is known by its words.
    server.fails([Fault::TakenAndLost]);
    let bare = Entry { url: None, ..entry("blog", "A note & more", &text(2), world.now()) };
    let post = world.poll("essays", &[bare]).await[0];
    world.settle().await;
    world.after(Duration::from_mins(3)).await;
    assert_eq!(world.state("toot", post).await, State::Published);
    assert_eq!(server.statuses().len(), 102);
    // And a correction of what somebody took down there says so.
    server.with(|instance| instance.statuses.clear());
    let corrected =
        Entry { title: "On quick letters".to_owned(), ..entry("blog", "On slow letters", &text(1), world.now()) };
    let post = world.poll("essays", &[corrected]).await;
    assert_eq!(post.len(), 0);
    world.settle().await;
    let rows = world.stage.store.handed_on(None, None, None, 10).await.unwrap();
    assert!(
        rows.iter()
            .any(|row| row.trouble.as_deref() == Some("it does not stand there any more: somebody took it down")),
        "{rows:?}"
    );
}
