//! Accounts at Bluesky: records that are the same when they come again, cards, and
//! what a server that will not do it makes people read.

use super::PNG;
use super::bluesky_double::{PASSWORD, Server};
use super::double::Fault;
use super::world::{World, secret};
use crate::engines::{self, Bench};
use crate::origin::{Answer, Origin};
use crate::pieces::entry;
use serde_json::{Value, json};
use std::time::Duration;
use syndicated::domain::outlet::{Outcome, State};
use syndicated::domain::post::Entry;
use syndicated::store::Act;
use unicode_segmentation::UnicodeSegmentation as _;

pub(super) fn account(bench: &Bench, server: &Server, more: &str) -> String {
    let file = secret(bench, "app-password", PASSWORD);
    format!(
        "[[outlet]]\nname = \"sky\"\nkind = \"bluesky\"\nurl = \"{}\"\nhandle = \"@Paper.example.com\"\nsecret_file = \"{}\"\nfollow_deletes = true\n{more}\n",
        server.url("/"),
        file.display()
    )
}

/// All of one second, which makes names that are near each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_records_whose_answers_are_lost_stand_there_once_each() {
    for bench in engines::all().await {
        let server = Server::pds().await;
        let world = World::new(&bench, &account(&bench, &server, "")).await;
        world.letters(50).await;
        let faults = [Fault::TakenAndLost, Fault::TakenAnd(500), Fault::Status(429, "retry-after: 60\r\n")];
        server.fails(faults.into_iter().cycle().take(60));
        assert_eq!(world.published(50).await, 50, "{}", bench.engine);
        assert_eq!((server.records().len(), server.with(|pds| pds.puts)), (50, 50), "{}", bench.engine);
        assert_eq!(server.with(|pds| pds.sessions), 1, "sessions are few: {}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_korean_post_becomes_a_record_with_its_card_and_is_taken_down() {
    for bench in engines::all().await {
        let (server, origin) = (Server::pds().await, Origin::start().await);
        origin.set("/a.png", Answer::ok(PNG));
        origin.set("/large.png", Answer::ok([PNG, &vec![b'0'; 1_000_000]].concat()));
        let more = "text = \"full\"\nimages = \"upload\"\nstatus = \"{title}\\n\\n{text}\\n\\n{tags}\\n{url}\"\ntags = { \"편지\" = \"느린 글\" }";
        let world = World::new(&bench, &account(&bench, &server, more)).await;
        let body = |picture: &str| {
            format!(
                "<p>그는 <strong>“느린 편지”</strong>를 @lee.bsky.social 에게 썼다 &amp; 웃었다.</p><img src=\"{}\" alt=\"우체통\">\
                 <table><tr><td>월</td></tr></table><pre><code>let 수 = 1;</code></pre><p>{picture} {}</p>",
                origin.url(picture),
                "가나다👩‍👩‍👧 ".repeat(1_200)
            )
        };
        let essay = Entry {
            categories: vec!["편지".to_owned(), "letters".to_owned()],
            language: Some("ko".to_owned()),
            ..entry("blog", "@admin: 느린 #편지", &body("/a.png"), world.now())
        };
        let post = world.poll("essays", std::slice::from_ref(&essay)).await[0];
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        let record = server.records().remove(0);
        let said = record["text"].as_str().unwrap();
        assert!(said.starts_with("@admin: 느린 #편지\n\n그는 “느린 편지”를 @lee"), "{said}");
        assert!(said.ends_with("…\n\n#느린글 #letters\nblog.example.com/@admin:-%EB%…"), "{said}");
        assert!((299..=300).contains(&said.graphemes(true).count()) && said.len() <= 3_000, "{said}");
        let url = essay.url.as_ref().unwrap().as_str();
        let features: Vec<&Value> =
            record["facets"].as_array().unwrap().iter().map(|facet| &facet["features"][0]).collect();
        assert_eq!(features[0]["tag"], "느린글");
        assert_eq!((features[2]["uri"].as_str(), features.len()), (Some(url), 3), "nobody is mentioned");
        assert_eq!((&record["langs"], &record["createdAt"]), (&json!(["ko"]), &json!("2026-11-22T00:00:02Z")));
        let card = &record["embed"]["external"];
        assert_eq!((card["uri"].as_str(), card["title"].as_str()), (Some(url), Some("@admin: 느린 #편지")));
        assert_eq!(card["thumb"]["size"].as_u64().unwrap(), PNG.len() as u64, "{card}");
        assert_eq!(server.with(|pds| pds.blobs.clone()), [(PNG.len(), "image/png".to_owned())]);
        let row = world.row("sky", post).await;
        let place =
            format!("https://bsky.app/profile/did:plc:z72i7hdynmk6r22z27h6tvur/post/{}", row.remote_id.unwrap());
        assert_eq!(row.url.unwrap().as_str(), place);
        let live = world.stage.live.load_full();
        let shown = format!("{:?}", world.crossposter.preview(&live.outlets[0], post).await.unwrap().unwrap().draft.0);
        assert!(shown.contains("com.atproto.repo.putRecord") && shown.contains("/a.png"), "{shown}");
        assert!(!shown.contains(PASSWORD) && !shown.contains("token."), "{shown}");
        // A correction stays here, and a picture that is too large as well.
        let large = entry("blog", "Another", &body("/large.png"), world.now());
        world.poll("essays", &[Entry { title: "빠른 편지".to_owned(), ..essay }, large]).await;
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        assert_eq!(server.records().iter().filter(|record| record["embed"]["external"]["thumb"].is_null()).count(), 1);
        // A session has ended meanwhile, and the answer is lost.
        server.ends_sessions();
        server.fails([Fault::TakenAndLost]);
        world.stage.store.edit_post(post, Act::Hide, "kim", world.now()).await.unwrap();
        server.with(|pds| pds.is_old = true);
        world.settle().await;
        world.after(Duration::from_mins(10)).await;
        assert_eq!(world.state("sky", post).await, State::Deleted, "{}", bench.engine);
        assert_eq!(server.records().len(), 1, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_refuses_is_said_in_plain_words_and_rest_is_given() {
    for bench in engines::all().await {
        let server = Server::pds().await;
        server.with(|pds| pds.is_old = true);
        let world = World::new(&bench, &account(&bench, &server, "text = \"link\"")).await;
        let live = world.stage.live.load_full();
        for (refusal, words) in [
            (
                (401, "AuthenticationRequired", "Invalid identifier or password abcd-efgh-ijkl-mnop"),
                "make another one there",
            ),
            ((401, "AuthFactorTokenRequired", "A sign in code has been sent"), "make an app password"),
            ((400, "AccountTakedown", "Account has been taken down"), "ask who runs the server"),
        ] {
            server.with(|pds| pds.refuses = Some(refusal));
            let Outcome::Refused(why) = world.crossposter.test(&live.outlets[0]).await else { panic!("{refusal:?}") };
            assert!(why.contains(words) && !why.contains(PASSWORD), "{why}");
        }
        let post = world.essay("Refused", 1).await;
        world.settle().await;
        assert_eq!(world.state("sky", post).await, State::Refused, "{}", bench.engine);
        server.with(|pds| pds.refuses = None);
        let tried = world.crossposter.test(&live.outlets[0]).await;
        assert!(matches!(&tried, Outcome::Done(done) if done.id.contains("knows paper.example.com")), "{tried:?}");
        // Until when, in seconds since 1970; then in doubt, and it never arrived.
        server.fails([Fault::Status(429, "ratelimit-reset: 1795334400\r\n"), Fault::Status(502, "")]);
        let post = world.essay("On slow letters", 2).await;
        world.settle().await;
        let row = world.row("sky", post).await;
        assert_eq!(row.next_try_at.unwrap().to_rfc3339(), "2026-11-22T08:00:00Z", "{row:?}");
        world.after(Duration::from_hours(9)).await;
        assert_eq!(world.state("sky", post).await, State::Unknown, "{}", bench.engine);
        world.after(Duration::from_hours(1)).await;
        assert_eq!(world.state("sky", post).await, State::Published, "{}", bench.engine);
        let record = server.records().remove(0);
        assert_eq!((&record["text"], &record["facets"]), (&json!("On slow letters"), &Value::Null));
        assert_eq!(record["embed"]["external"]["uri"], "https://blog.example.com/On-slow-letters");
    }
}
