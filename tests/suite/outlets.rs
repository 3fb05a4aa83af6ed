//! Second outlets: what goes where, once, in which form, and what is done when an
//! outlet fails in whatever way.

mod bluesky;
mod bluesky_double;
mod double;
mod ghost;
mod ghost_double;
mod letters;
mod lost;
mod mastodon;
mod mastodon_double;
mod micropub;
mod micropub_double;
mod real_ghost;
mod real_wordpress;
mod receiver;
mod through;
mod wordpress;
mod wordpress_double;
mod world;

use crate::engines::{self};
use crate::origin::{Answer, Origin};
use crate::pieces::{entry, text};
use crate::program::{Program, command, until};
use crate::publishing::renderer;
use crate::stage::{self, at};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::outlet::State;
use syndicated::domain::post::Entry;
use syndicated::flow::crosspost::ByHand;
use syndicated::flow::publish::{FeedKey, FeedOf, Page, Publisher};
use syndicated::publish::Format;
use syndicated::store::{Act, Urge};
use tokio_util::sync::CancellationToken;

use double::Fault;
use receiver::Receiver;
use world::{KEY, World, config, folder, hook, secret};

fn titles(posts: &[Value]) -> Vec<&str> {
    posts.iter().map(|post| post["post"]["title"].as_str().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_goes_to_its_outlet_once_and_the_note_comes_home() {
    for bench in engines::all().await {
        let program = Receiver::receives(KEY).await;
        let world = World::new(&bench, &hook(&bench, "paper", &program.url("/hook"), "title = \"The Paper\"")).await;
        // What was there before is no news.
        assert_eq!(world.settle().await, 0, "{}", bench.engine);
        let post = world.essay("On slow letters", 1).await;
        assert_eq!(world.after(Duration::from_mins(10)).await, 0, "it has not settled");
        program.stands_at("https://paper.example.org/4617");
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        let taken = program.posts();
        assert_eq!(titles(&taken), ["On slow letters"], "{}", bench.engine);
        let sent = &taken[0]["post"];
        assert_eq!(
            (&taken[0]["event"], &sent["url"]),
            (&json!("post"), &json!("https://blog.example.com/On-slow-letters"))
        );
        assert_eq!((&sent["source"]["title"], &sent["authors"][0]), (&json!("The essays"), &json!("Kim")));
        let html = sent["html"].as_str().unwrap();
        assert!(html.ends_with("The essays</a>.</em></p>") && html.contains("This piece first appeared at"), "{html}");
        for _ in 0..3 {
            assert_eq!(world.after(Duration::from_hours(1)).await, 0, "{}", bench.engine);
        }
        let row = world.row("paper", post).await;
        assert_eq!((row.state, row.remote_id.as_deref()), (State::Published, Some("r1")));
        let place = world.stage.store.post(post).await.unwrap().unwrap().also_at().remove(0);
        assert_eq!((place.name.as_str(), place.url.unwrap().as_str()), ("The Paper", "https://paper.example.org/4617"));
        let publisher =
            Publisher::new(world.stage.store.clone(), world.stage.live.clone(), renderer(), world.stage.clock.clone());
        let page = publisher.text(Page::Post(post)).await.unwrap().unwrap();
        let feed = publisher.text(&FeedKey::new(FeedOf::Site, Format::Atom)).await.unwrap().unwrap();
        for shown in [page, feed] {
            assert!(shown.contains("https://paper.example.org/4617") && shown.contains("The Paper"), "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outlet_that_fails_is_left_alone_and_no_other_waits() {
    for bench in engines::all().await {
        let (busy, well) = (Receiver::receives(KEY).await, Receiver::receives(KEY).await);
        let outlets = [
            hook(&bench, "busy", &busy.url("/hook"), ""),
            hook(&bench, "well", &well.url("/hook"), ""),
            hook(&bench, "absent", "http://127.0.0.1:9/hook", ""),
        ];
        let world = World::new(&bench, &outlets.concat()).await;
        busy.fails([Fault::Status(429, "retry-after: 1200\r\n"), Fault::Status(500, ""), Fault::Status(422, "")]);
        let (one, two) = (world.essay("One", 1).await, world.essay("Two", 2).await);
        world.settle().await;
        assert_eq!(titles(&well.posts()), ["One", "Two"], "{}", bench.engine);
        assert_eq!(busy.came().len(), 1, "the others of an outlet that wants to rest wait, too");
        assert!(world.row("busy", one).await.trouble.unwrap().contains("429"), "{}", bench.engine);
        assert!(world.row("absent", one).await.trouble.unwrap().contains("cannot be connected to"));
        world.after(Duration::from_mins(19)).await;
        assert_eq!(busy.came().len(), 0, "it asked for twenty minutes");
        // Then one breaks, which leaves doubt, and one is refused for good, which says why.
        world.after(Duration::from_mins(2)).await;
        let came: Vec<_> = busy.came().into_iter().map(|came| came.body["post"]["title"].clone()).collect();
        assert_eq!(came, [json!("Two"), json!("One")], "{}", bench.engine);
        assert_eq!(world.state("busy", two).await, State::Unknown, "{}", bench.engine);
        let refused = world.row("busy", one).await;
        assert_eq!((refused.state, refused.next_try_at), (State::Refused, None), "{}", bench.engine);
        assert!(refused.trouble.unwrap().contains("422"), "{}", bench.engine);
        for _ in 0..10 {
            world.after(Duration::from_mins(30)).await;
        }
        assert_eq!(titles(&busy.posts()), ["Two"], "{}", bench.engine);
        let known = world.stage.store.outlet_rows().await.unwrap();
        assert!(known.iter().any(|row| row.name.as_str() == "absent" && row.failures > 3), "{known:?}");
        // Who is never there is given up after three days.
        for _ in 0..60 {
            world.after(Duration::from_hours(3)).await;
        }
        let row = world.row("absent", one).await;
        assert_eq!(row.state, State::GivenUp, "{row:?}");
        assert!(row.trouble.unwrap().contains("given up after 20 tries"), "{}", bench.engine);
    }
}

/// R26 in small: the answer is lost after the post was taken.
/// Every outlet that ends has pages written anew and posts looked at again, while others hand on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outlets_hand_on_side_by_side_while_posts_are_looked_at() {
    for bench in engines::all().await {
        let program = Receiver::receives(KEY).await;
        let outlets: Vec<String> = (0..4)
            .map(|number| hook(&bench, &format!("hook-{number}"), &program.url(&format!("/hook{number}")), ""))
            .collect();
        let world = World::new(&bench, &outlets.concat()).await;
        for number in 0..6 {
            world.essay(&format!("Letter {number}"), number).await;
        }
        world.stage.clock.advance(Duration::from_mins(16));
        let (stop, changed) = (CancellationToken::new(), Arc::new(tokio::sync::Notify::new()));
        let (crossposter, told, ends) = (world.crossposter.clone(), changed.clone(), stop.clone());
        let running = tokio::spawn(async move { crossposter.run(&ends, &told, || told.notify_one()).await });
        until("all posts stand at all outlets", || async {
            let published = world.stage.store.handed_on(None, None, Some(State::Published), 100).await.unwrap();
            (published.len() == 24).then_some(())
        })
        .await;
        stop.cancel();
        running.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_posts_whose_answers_are_lost_stand_there_once_each() {
    for bench in engines::all().await {
        let program = Receiver::receives(KEY).await;
        let world = World::new(&bench, &hook(&bench, "paper", &program.url("/hook"), "")).await;
        let posts = world.letters(50).await;
        assert_eq!(posts.len(), 50, "{}", bench.engine);
        program.fails(std::iter::repeat_n(Fault::TakenAndLost, 50));
        assert_eq!(world.settle().await, 50, "{}", bench.engine);
        assert_eq!(world.state("paper", posts[7]).await, State::Unknown, "{}", bench.engine);
        world.after(Duration::from_mins(3)).await;
        assert_eq!(program.came().len(), 100, "{}", bench.engine);
        assert_eq!(program.posts().len(), 50, "each came twice under one number: {}", bench.engine);
        let published = world.stage.store.handed_on(None, None, Some(State::Published), 100).await.unwrap();
        assert_eq!(published.len(), 50, "{}", bench.engine);
    }
}

/// Nobody can tell what a chat took: it is shown, and left to a person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubt_that_cannot_be_looked_up_waits_for_a_person() {
    for bench in engines::all().await {
        let chat = Receiver::receives(KEY).await;
        let file = secret(&bench, "discord", &chat.url("/api/webhooks/1/very-secret"));
        let outlet = format!("[[outlet]]\nname = \"chat\"\nkind = \"discord\"\nsecret_file = \"{}\"\n", file.display());
        let world = World::new(&bench, &outlet).await;
        chat.fails([Fault::TakenAndLost]);
        let post = world.essay("On slow letters", 1).await;
        world.settle().await;
        let row = world.row("chat", post).await;
        assert_eq!((row.state, row.next_try_at), (State::Unknown, None), "{}", bench.engine);
        let trouble = row.trouble.unwrap();
        assert!(trouble.contains("it may have arrived") && !trouble.contains("very-secret"), "{trouble}");
        for _ in 0..10 {
            assert_eq!(world.after(Duration::from_hours(6)).await, 0, "{}", bench.engine);
        }
        let live = world.stage.live.load_full();
        let tried = world.crossposter.retry_now(&live.outlets[0], post).await.unwrap();
        assert!(matches!(&tried, ByHand::Tried(row) if row.state == State::Published), "{tried:?}");
        assert_eq!(chat.came().len(), 2, "{}", bench.engine);
    }
}

/// A node that is killed in the middle leaves one post in doubt, under the number that it had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_node_was_handing_over_is_in_doubt_and_sent_under_its_number() {
    for bench in engines::all().await {
        let program = Receiver::receives(KEY).await;
        let world = World::new(&bench, &hook(&bench, "paper", &program.url("/hook"), "")).await;
        let post = world.essay("On slow letters", 1).await;
        world.stage.clock.advance(Duration::from_mins(16));
        world.crossposter.gather().await.unwrap();
        let (paper, due) = ("paper".parse().unwrap(), Urge::Due { since: world.now(), most: None });
        let lost = world.stage.store.claim_for_outlet(&paper, due, world.now(), Duration::from_mins(10)).await;
        assert_eq!(world.after(Duration::from_mins(9)).await, 0, "another node may be at it");
        assert_eq!(world.state("paper", post).await, State::Attempting, "{}", bench.engine);
        assert_eq!(world.after(Duration::from_mins(2)).await, 1, "{}", bench.engine);
        assert_eq!(world.state("paper", post).await, State::Published, "{}", bench.engine);
        // The one that came too late writes nothing.
        let late = syndicated::store::OutletSettlement::Ended { state: State::Refused, why: "late".to_owned() };
        let lost = lost.unwrap().unwrap();
        assert!(!world.stage.store.settle_for_outlet(lost, &late, world.now()).await.unwrap(), "{}", bench.engine);
        assert_eq!(world.state("paper", post).await, State::Published, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_hours_delays_and_the_number_of_a_day_are_kept() {
    for bench in engines::all().await {
        let program = Receiver::receives(KEY).await;
        let more = "quiet = \"12:00-18:00\"\nper_day = 2\ndelay = \"1h\"\ntimezone = \"Asia/Seoul\"";
        let world = World::new(&bench, &hook(&bench, "paper", &program.url("/hook"), more)).await;
        // It is nine in the morning there.
        for number in 0..5 {
            world.essay(&format!("Letter {number}"), number).await;
        }
        assert_eq!(world.settle().await, 0, "an hour later");
        assert_eq!(world.after(Duration::from_mins(61)).await, 2, "{}", bench.engine);
        assert_eq!(world.after(Duration::from_mins(30)).await, 0, "{}", bench.engine);
        world.stage.clock.set(at("2026-11-23T02:59:00Z"));
        assert_eq!(world.after(Duration::from_mins(2)).await, 0, "it is past noon: {}", bench.engine);
        assert_eq!(world.after(Duration::from_hours(5)).await, 0, "{}", bench.engine);
        assert_eq!(world.after(Duration::from_hours(1)).await, 2, "{}", bench.engine);
        world.stage.clock.set(at("2026-11-23T15:00:01Z"));
        assert_eq!(world.after(Duration::ZERO).await, 1, "another day: {}", bench.engine);
        assert_eq!(titles(&program.posts()), ["Letter 0", "Letter 1", "Letter 2", "Letter 3", "Letter 4"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrections_and_withdrawals_follow_where_they_may() {
    for bench in engines::all().await {
        let (program, kept) = (Receiver::receives(KEY).await, Receiver::receives(KEY).await);
        let (path, site) = folder(&bench, "hugo", "follow_deletes = true");
        let outlets = [
            hook(&bench, "paper", &program.url("/hook"), "follow_deletes = true"),
            hook(&bench, "kept", &kept.url("/hook"), "follow_updates = false"),
            site,
        ];
        let world = World::new(&bench, &outlets.concat()).await;
        let first = entry("blog", "On slow letters", &text(1), world.now());
        let post = world.poll("essays", std::slice::from_ref(&first)).await[0];
        world.settle().await;
        let file = path.join("on-slow-letters/index.md");
        assert!(!std::fs::read_to_string(&file).unwrap().contains("Corrected"), "{}", bench.engine);
        let corrected = Entry {
            content: Some(CleanHtml::sanitise(&format!("<p>Corrected twice and more.</p>{}", text(1)), None)),
            title: "On quick letters".to_owned(),
            ..first.clone()
        };
        world.poll("essays", &[corrected]).await;
        assert_eq!(world.after(Duration::from_mins(5)).await, 0, "it has not settled");
        assert_eq!(world.settle().await, 2, "{}", bench.engine);
        assert!(std::fs::read_to_string(&file).unwrap().contains("Corrected twice"), "the file stays where it is");
        assert_eq!(world.settle().await, 0, "{}", bench.engine);
        world.stage.store.edit_post(post, Act::Hide, "kim", world.now()).await.unwrap();
        assert_eq!(world.settle().await, 2, "{}", bench.engine);
        assert!(!path.join("on-slow-letters").exists(), "{}", bench.engine);
        assert_eq!(world.state("paper", post).await, State::Deleted, "{}", bench.engine);
        assert_eq!(world.state("kept", post).await, State::Published, "{}", bench.engine);
        let events: Vec<_> = program.posts().iter().map(|post| post["event"].clone()).collect();
        assert_eq!(events, [json!("post"), json!("update"), json!("delete")], "{}", bench.engine);
        assert_eq!(kept.posts().len(), 1, "{}", bench.engine);
        // What was taken down stays down when it is shown again, until a person wants it there: as another number.
        world.stage.store.edit_post(post, Act::Unhide, "kim", world.now()).await.unwrap();
        assert_eq!(world.settle().await, 0, "{}", bench.engine);
        let live = world.stage.live.load_full();
        let paper = live.outlet(&"paper".parse().unwrap()).unwrap();
        assert!(matches!(world.crossposter.post_now(paper, post).await.unwrap(), ByHand::Tried(_)), "{}", bench.engine);
        assert_eq!(program.posts().len(), 4, "{}", bench.engine);
        assert!(matches!(world.crossposter.post_now(paper, post).await.unwrap(), ByHand::Left(_)), "{}", bench.engine);
    }
}

/// A circle: the outlet is followed as a source, and feeds another outlet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_piece_goes_to_an_outlet_once_and_never_back_to_where_it_came_from() {
    for bench in engines::all().await {
        let (paper, other) = (Receiver::receives(KEY).await, Receiver::receives(KEY).await);
        paper.stands_at("https://news.example.com/4617");
        let outlets = [
            hook(&bench, "paper", &paper.url("/hook"), "source = \"news\""),
            hook(&bench, "other", &other.url("/hook"), "exclude = [\"title: secret\"]"),
        ];
        let world = World::new(&bench, &outlets.concat()).await;
        let post = world.essay("On slow letters", 1).await;
        world.settle().await;
        assert_eq!((paper.posts().len(), other.posts().len()), (1, 1), "{}", bench.engine);
        // It comes back by the paper's feed, under another title and with so little text that only its address tells.
        let back = Entry {
            url: "https://news.example.com/4617?utm_source=rss".parse().ok(),
            ..entry("news", "[Column] Slow letters", "<p>The first lines.</p>", world.now())
        };
        world.poll("news", &[back]).await;
        // The same piece at a third place, and a piece that only the paper has.
        world.poll("mirror", &[entry("mirror", "On slow letters", &text(1), world.now())]).await;
        let papers = world.poll("news", &[entry("news", "Of the paper", &text(2), world.now())]).await[0];
        let hidden = world.essay("A secret", 3).await;
        world.settle().await;
        assert_eq!(titles(&paper.posts()), ["On slow letters", "A secret"], "{}", bench.engine);
        assert_eq!(titles(&other.posts()), ["On slow letters", "Of the paper"], "{}", bench.engine);
        let passed = world.row("other", hidden).await;
        assert_eq!(passed.trouble.as_deref(), Some("left out by exclude = [\"title: secret\"]"), "{}", bench.engine);
        let live = world.stage.live.load_full();
        let left = world.crossposter.post_now(&live.outlets[0], papers).await.unwrap();
        assert!(matches!(left, ByHand::Left(_)), "{left:?}");
        for _ in 0..5 {
            assert_eq!(world.after(Duration::from_hours(5)).await, 0, "{}", bench.engine);
        }
        assert_eq!(world.state("paper", post).await, State::Published, "{}", bench.engine);
    }
}

/// A PNG of one pixel, as far as its first bytes tell.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_korean_post_with_all_that_it_holds_is_sound_in_every_form() {
    let bench = engines::all().await.remove(0);
    let (origin, chat) = (Origin::start().await, Receiver::receives(KEY).await);
    origin.set("/a.png", Answer::ok(PNG));
    let (telegram, slack) =
        (secret(&bench, "telegram", "12:token"), secret(&bench, "slack", &chat.url("/services/T/B/x")));
    let discord = secret(&bench, "discord", &chat.url("/api/webhooks/1/x"));
    let chats = format!(
        "[[outlet]]\nname = \"tg\"\nkind = \"telegram\"\nurl = \"{}\"\nchat = \"@news\"\nsecret_file = \"{}\"\ntext = \"full\"\n\
         [[outlet]]\nname = \"slack\"\nkind = \"slack\"\nsecret_file = \"{}\"\n\
         [[outlet]]\nname = \"discord\"\nkind = \"discord\"\nsecret_file = \"{}\"\ntext = \"full\"\nstatus = \"{{title}}\\n{{text}}\\n{{tags}}\\n{{url}}\"\n",
        chat.url("/"),
        telegram.display(),
        slack.display(),
        discord.display()
    );
    let sites: Vec<(PathBuf, String)> = ["hugo", "zola", "jekyll", "astro"]
        .map(|generator| {
            let more = "language = \"ko\"\nurl = \"https://site.example.org/p/{slug}/\"\ntags = { \"편지\" = \"글\" }\ndraft = true";
            folder(&bench, generator, more)
        })
        .to_vec();
    let text: String = sites.iter().map(|(_, text)| text.as_str()).chain([chats.as_str()]).collect();
    let world = World::new(&bench, &text).await;
    let body = format!(
        "<p>그는 <strong>“느린 편지”</strong>를 썼다 &amp; <em>웃었다</em>.</p><figure><img src=\"{}\" alt=\"우체통\"></figure>\
         <table><tr><th>날</th><th>수</th></tr><tr><td>월</td><td>3</td></tr></table>\
         <pre><code class=\"language-rust\">let 수 = \"{{{{&lt; x &gt;}}}}\";</code></pre><p>{}</p>",
        origin.url("/a.png"),
        "가나다 ".repeat(1_700)
    );
    let essay = Entry {
        categories: vec!["편지".to_owned(), "essays".to_owned()],
        ..entry("blog", "느린 편지: \"하나\" & 둘", &body, world.now())
    };
    let post = world.poll("essays", &[essay]).await[0];
    world.settle().await;
    let place = "이 글은 [The essays](<https://blog.example.com/";
    for (path, _) in &sites {
        let generator = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let row = world.row(&generator, post).await;
        assert_eq!(row.state, State::Published, "{row:?}");
        let name = row.remote_id.unwrap();
        let written = std::fs::read_to_string(path.join(&name)).unwrap();
        let fence = if written.starts_with("+++\n") { "+++\n" } else { "---\n" };
        let mut parts = written.splitn(3, fence);
        let (_, front, body) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
        let title = if fence == "+++\n" {
            let front: toml::Table = front.parse().unwrap();
            assert!(front["draft"].as_bool().unwrap(), "{front}");
            front["title"].as_str().unwrap().to_owned()
        } else {
            let line = front.lines().find_map(|line| line.strip_prefix("title: ")).unwrap();
            serde_json::from_str(line).unwrap()
        };
        assert_eq!(title, "느린 편지: \"하나\" & 둘", "{generator}");
        assert!(front.contains("\"글\", \"essays\"") && front.contains("https://blog.example.com/"), "{front}");
        for part in [
            "그는 **“느린 편지”**&#47484; 썼다 & *웃었다*.",
            "| 날 | 수 |\n| --- | --- |\n| 월 | 3 |",
            "```rust\nlet 수",
        ] {
            assert!(body.contains(part), "{generator}: {part}\n{body}");
        }
        assert!(body.contains("이 글은 [The essays]") && body.contains("에 처음 실렸습니다."), "{generator}: {place}");
        let picture = body.split("![우체통](").nth(1).unwrap().split(')').next().unwrap();
        let beside = match generator.as_str() {
            "jekyll" => path.parent().unwrap().join(picture.trim_start_matches('/')),
            _ => path.join(&name).parent().unwrap().join(picture),
        };
        assert_eq!(std::fs::read(&beside).unwrap(), PNG, "{generator}: {}", beside.display());
        assert!(row.url.unwrap().starts_with("https://site.example.org/p/%EB%8A%90"), "{generator}");
    }
    let came = chat.came();
    assert_eq!(came.len(), 3, "{came:?}");
    for one in came {
        let said = one.body["text"].as_str().or(one.body["content"].as_str()).unwrap();
        assert!(
            said.ends_with(
                "https://blog.example.com/%EB%8A%90%EB%A6%B0-%ED%8E%B8%EC%A7%80:-%22%ED%95%98%EB%82%98%22-&-%EB%91%98"
            ),
            "{said}"
        );
        assert!(said.starts_with("느린 편지: \"하나\" &") && one.method == "POST", "{said}");
        assert!(
            said.encode_utf16().count() <= if one.path.starts_with("/api") { 2_000 } else { 4_096 },
            "{}",
            one.path
        );
    }
    assert!(world.row("tg", post).await.url.unwrap().starts_with("https://t.me/news/"));
}

/// What a source keeps to itself goes as an excerpt at the most, whatever the outlet wants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_grants_no_right_gives_its_beginning() {
    for bench in engines::all().await {
        let program = Receiver::receives(KEY).await;
        let world =
            World::new(&bench, &hook(&bench, "paper", &program.url("/hook"), "body = \"<b>{author}</b>{text}\"")).await;
        world.poll("mirror", &[entry("mirror", "A & B", &text(4), world.now())]).await;
        world.essay("C", 5).await;
        world.settle().await;
        let taken = program.posts();
        let html = |at: usize| taken[at]["post"]["html"].as_str().unwrap();
        assert!(html(0).contains("Read on</a>") && html(0).len() < 900, "{}", html(0));
        assert!(html(1).starts_with("<b>Kim</b>") && html(1).len() > 1_500, "{}", html(1));
    }
}

#[tokio::test]
async fn files_that_others_laid_there_stay_and_git_has_what_was_written() {
    let bench = engines::all().await.remove(0);
    let (path, site) = folder(&bench, "zola", "git = \"commit\"\nfollow_deletes = true");
    let git = |words: &[&str]| {
        let output = std::process::Command::new("git").arg("-C").arg(&path).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    git(&["config", "user.name", "Kim"]);
    git(&["config", "user.email", "kim@example.org"]);
    std::fs::create_dir(path.join("on-slow-letters")).unwrap();
    std::fs::write(path.join("on-slow-letters/index.md"), "a person's own").unwrap();
    let world = World::new(&bench, &site).await;
    let post = world.essay("On slow letters", 1).await;
    world.settle().await;
    let name = world.row("zola", post).await.remote_id.unwrap();
    assert!(name.starts_with("on-slow-letters-") && name.ends_with("/index.md"), "{name}");
    assert_eq!(git(&["log", "--format=%s"]), "Add On slow letters\n");
    assert_eq!(git(&["ls-files"]).trim(), name, "and nothing else");
    std::fs::write(path.join(&name).parent().unwrap().join("notes.txt"), "of a person").unwrap();
    world.stage.store.edit_post(post, Act::Hide, "kim", world.now()).await.unwrap();
    world.settle().await;
    assert_eq!(git(&["ls-files"]), "", "it was taken away");
    assert!(path.join(&name).parent().unwrap().join("notes.txt").exists());
    assert_eq!(std::fs::read_to_string(path.join("on-slow-letters/index.md")).unwrap(), "a person's own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outlets_come_and_go_with_the_configuration() {
    for bench in engines::all().await {
        let program = Receiver::receives(KEY).await;
        let world = World::new(&bench, "").await;
        let configure = async |outlets: &str| {
            let config = stage::load(&bench, &config(&bench, outlets));
            world.stage.store.sync_outlets(&config.outlets, world.now()).await.unwrap();
            world.stage.live.store(Arc::new(config));
        };
        world.essay("Before", 1).await;
        configure(&hook(&bench, "paper", &program.url("/hook"), "")).await;
        assert_eq!(world.settle().await, 0, "what was there before is no news");
        world.essay("Between", 2).await;
        world.settle().await;
        configure("").await;
        world.essay("While it was away", 3).await;
        assert_eq!(world.settle().await, 0, "{}", bench.engine);
        configure(&hook(&bench, "paper", &program.url("/hook"), "")).await;
        world.essay("After", 4).await;
        world.settle().await;
        assert_eq!(titles(&program.posts()), ["Between", "After"], "{}", bench.engine);
    }
}

/// What a command answers, whether it succeeds or not.
async fn said(config: &Path, words: &[&str]) -> (bool, String) {
    let output = command(config).args(words).stdout(std::process::Stdio::piped()).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// By the program itself: what people type, and what a reload brings; no secret is ever shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_and_decide_by_commands_and_no_secret_is_shown() {
    for bench in engines::all().await {
        let (program, origin) = (Receiver::receives(KEY).await, Origin::start().await);
        let item = "<item><title>On slow letters</title><link>https://blog.example.com/a</link><description>Words of it.</description></item>";
        let feed = |items: &str| format!("<rss version=\"2.0\"><channel><title>Essays</title>{items}</channel></rss>");
        origin.set("/feed", Answer::ok(feed("")));
        let path = bench.folder.path().join("config.toml");
        let written = |outlets: &str| {
            let text = config(&bench, outlets).replace("http://127.0.0.1:9/feed.xml", origin.url("/feed").as_str());
            std::fs::write(&path, text.replace("schedule = \"0 0 1 1 *\"", "schedule = \"* * * * *\"")).unwrap();
        };
        let file = secret(&bench, "tg", "12:token");
        let chat = format!(
            "[[outlet]]\nname = \"chat\"\nkind = \"telegram\"\nurl = \"{}\"\nchat = \"@news\"\nsecret_file = \"{}\"\n",
            program.url("/"),
            file.display()
        );
        written("");
        let daemon = Program::start(&path).await;
        assert!(daemon.command(&["outlet", "list"]).await.contains("posts go to no outlet"), "{}", bench.engine);
        until("the feed is read", async || {
            daemon.log().iter().any(|line| line.contains("polled source=essays")).then_some(())
        })
        .await;
        written(&[hook(&bench, "paper", &program.url("/hook"), ""), chat].concat());
        daemon.signal("HUP").await;
        until("the outlets are there", async || {
            daemon.log().iter().any(|line| line.contains("reloaded")).then_some(())
        })
        .await;
        assert!(daemon.command(&["outlet", "test", "paper"]).await.contains("was taken by"), "{}", bench.engine);
        assert!(daemon.command(&["outlet", "test", "chat"]).await.contains("the bot knows @news"), "{}", bench.engine);
        origin.set("/feed", Answer::ok(feed(item)));
        daemon.command(&["poll", "essays"]).await;
        let posts: Value = serde_json::from_str(&daemon.command(&["post", "list", "--json"]).await).unwrap();
        let id = posts[0]["id"].to_string();
        let shown = daemon.command(&["outlet", "preview", &id, "chat"]).await;
        assert!(shown.contains("POST http://127.0.0.1/…") && shown.contains("On slow letters"), "{shown}");
        let shown = daemon.command(&["outlet", "preview", &id, "paper", "--json"]).await;
        assert!(shown.contains("webhook-id") && shown.contains("first appeared"), "{shown}");
        program.fails([Fault::Status(400, "")]);
        let (done, refused) = said(&path, &["outlet", "post", "paper", &id]).await;
        assert!(!done && refused.contains("is refused: it answered 400"), "{refused}");
        let again = daemon.command(&["outlet", "retry", "paper", &id, "--json"]).await;
        assert!(again.contains("\"published\""), "{again}");
        let (done, left) = said(&path, &["outlet", "post", "paper", &id]).await;
        assert!(!done && left.contains("it is published"), "{left}");
        let listed = daemon.command(&["outlet", "posts", "--json"]).await;
        let lines = [
            daemon.command(&["outlet", "list", "--json"]).await,
            daemon.command(&["outlet", "list"]).await,
            daemon.command(&["outlet", "posts", "paper"]).await,
            said(&path, &["check"]).await.1,
            daemon.command(&["outlet", "forget", "paper", &id]).await,
            listed,
            shown,
            daemon.log().join("\n"),
        ];
        for text in lines {
            assert!(!text.contains(KEY) && !text.contains("12:token"), "{text}");
        }
        let (done, kept) = said(&path, &["outlet", "forget", "paper"]).await;
        assert!(!done && kept.contains("take it out there first"), "{kept}");
        assert!(daemon.terminate().await.success(), "{}", bench.engine);
    }
}
