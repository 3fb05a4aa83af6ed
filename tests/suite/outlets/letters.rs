//! Outlets that take mails: a desk of people, and an address at which mails become posts.

use super::world::{World, config_by, secret};
use crate::engines;
use crate::origin::{Answer, Origin};
use crate::pieces::{entry, text};
use crate::sink::{Act, Phase, Sink};
use mail_parser::{MessageParser, MimeHeaders as _};
use std::time::Duration;
use syndicated::config::Relay;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::outlet::State;
use syndicated::domain::post::Entry;
use syndicated::flow::crosspost::ByHand;
use syndicated::store::Act as Edit;

const DESK: &str = "[[outlet]]\nname = \"desk\"\ntitle = \"The Paper\"\nkind = \"mail\"\nto = \"desk@paper.example.com\"\nsource = \"news\"\nfollow_deletes = true\n";

fn relay(sink: &Sink) -> String {
    let Relay::Smtp { port, .. } = sink.relay() else { unreachable!("a sink speaks SMTP") };
    format!("smtp://127.0.0.1:{port}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_gets_a_letter_and_what_it_prints_is_found() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let world = World::of(&bench, &config_by(&bench, &relay(&sink), DESK)).await;
        let first = entry("blog", "느린 편지에 대하여", &text(1), world.now());
        let post = world.poll("essays", std::slice::from_ref(&first)).await[0];
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        let mails = sink.ledger();
        let mail = MessageParser::default().parse(&mails[0].bytes).unwrap();
        assert_eq!(mail.subject(), Some("느린 편지에 대하여"), "{}", bench.engine);
        assert_eq!((mails[0].to.as_str(), mails.len()), ("desk@paper.example.com", 1), "{}", bench.engine);
        let (html, plain) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
        let address = first.url.as_ref().unwrap().as_str();
        for part in [&html, &plain] {
            assert!(part.contains("Here is a new piece for you."), "{part}");
            assert!(part.contains(address) && part.contains("Kim · The essays · Sunday, 22 November 2026"), "{part}");
            assert!(part.contains("This piece first appeared at") && part.contains("letters"), "{part}");
        }
        let row = world.row("desk", post).await;
        assert_eq!((row.state, row.url), (State::Published, None), "{}", bench.engine);
        // The desk prints it, half as long and under another title.
        let (half, _) =
            first.content.as_ref().unwrap().as_str().split_at(first.content.as_ref().unwrap().as_str().len() * 6 / 10);
        world.poll("news", &[entry("news", "[칼럼] 편지", half, world.now())]).await;
        assert_eq!(world.settle().await, 0, "{}", bench.engine);
        let row = world.row("desk", post).await;
        assert!(row.url.unwrap().starts_with("https://news.example.com/["), "{}", bench.engine);
        let stored = world.stage.store.post(post).await.unwrap().unwrap();
        assert_eq!(stored.also_at().len(), 1, "{:?}", stored.also_at());
        // A correction and a withdrawal go after it.
        let corrected =
            Entry { content: Some(CleanHtml::sanitise(&format!("<p>Corrected.</p>{}", text(1)), None)), ..first };
        world.poll("essays", &[corrected]).await;
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        world.stage.store.edit_post(post, Edit::Hide, "kim", world.now()).await.unwrap();
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        let subjects: Vec<String> = sink
            .ledger()
            .iter()
            .map(|mail| MessageParser::default().parse(&mail.bytes).unwrap().subject().unwrap().to_owned())
            .collect();
        let told = ["느린 편지에 대하여", "Corrected: 느린 편지에 대하여", "Withdrawn: 느린 편지에 대하여"];
        assert_eq!(subjects, told, "{}", bench.engine);
        let last = sink.ledger().remove(2);
        let last = MessageParser::default().parse(&last.bytes).unwrap().body_text(0).unwrap().into_owned();
        assert!(last.contains("https://news.example.com/"), "where it is to be taken down: {last}");
        assert!(!last.contains("Corrected."), "what was withdrawn is not sent again: {last}");
        assert_eq!(world.state("desk", post).await, State::Deleted, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_title_alone_is_enough_at_the_desk_that_was_handed_it_and_nowhere_else() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let world = World::of(&bench, &config_by(&bench, &relay(&sink), DESK)).await;
        let post = world.essay("On slow letters", 1).await;
        world.settle().await;
        // A list of headlines has no texts.
        let headline =
            |host| Entry { content: None, authors: Vec::new(), ..entry(host, "On Slow Letters", "", world.now()) };
        let elsewhere = world.poll("mirror", &[headline("mirror")]).await[0];
        let printed = world.poll("news", &[headline("news")]).await[0];
        world.settle().await;
        let row = world.row("desk", post).await;
        assert_eq!(row.url.as_deref(), Some("https://news.example.com/On-Slow-Letters"), "{}", bench.engine);
        let ties = world.stage.store.ties(post).await.unwrap();
        assert_eq!(ties.iter().map(|tie| (tie.post, tie.rule.as_str())).collect::<Vec<_>>(), [(printed, "outlet")]);
        assert!(world.stage.store.ties(elsewhere).await.unwrap().is_empty(), "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_says_is_heeded_and_a_lost_answer_waits_for_a_person_or_for_print() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let world = World::of(&bench, &config_by(&bench, &relay(&sink), DESK)).await;
        sink.always(Phase::Dot, Act::Say("451 4.7.0 later"));
        let later = world.essay("Later", 1).await;
        world.settle().await;
        let row = world.row("desk", later).await;
        assert_eq!(row.state, State::Intent, "{}", bench.engine);
        assert!(row.trouble.as_ref().unwrap().contains("the relay: said 451: 4.7.0 later"), "{row:?}");
        sink.always(Phase::Rcpt, Act::Say("550 5.1.1 no such desk"));
        world.after(Duration::from_mins(5)).await;
        let row = world.row("desk", later).await;
        assert_eq!(row.state, State::Refused, "{}", bench.engine);
        assert!(row.trouble.unwrap().contains("said 550: 5.1.1 no such desk"), "{}", bench.engine);
        sink.always(Phase::Dot, Act::Reset);
        let lost = world.essay("Lost", 2).await;
        world.settle().await;
        assert_eq!(world.state("desk", lost).await, State::Unknown, "{}", bench.engine);
        sink.behave();
        let mails = sink.ledger().len();
        assert_eq!(world.after(Duration::from_hours(48)).await, 0, "nobody sends it again by itself");
        // It had arrived, since it is printed.
        world.poll("news", &[entry("news", "Lost", &text(2), world.now())]).await;
        assert_eq!(world.settle().await, 0, "{}", bench.engine);
        let row = world.row("desk", lost).await;
        assert_eq!((row.state, row.trouble), (State::Published, None), "{}", bench.engine);
        assert_eq!(sink.ledger().len(), mails, "{}", bench.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_become_posts_at_an_address_that_nobody_is_shown() {
    for bench in engines::all().await {
        let (sink, origin) = (Sink::start(), Origin::start().await);
        let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &[0; 64]].concat();
        origin.set("/p.png", Answer::ok(picture).header("Content-Type", "image/png"));
        let file = secret(&bench, "address", "drafts-7f3k@post.example.com\n");
        let blog = format!(
            "[[outlet]]\nname = \"blog\"\nkind = \"mail\"\nsecret_file = \"{}\"\nimages = \"embed\"\n",
            file.display()
        );
        let world = World::of(&bench, &config_by(&bench, &relay(&sink), &blog)).await;
        let html = format!(
            "<p>See:</p><img src=\"{}\" alt=\"a letter\"><table><tr><th>날</th></tr><tr><td>월요일</td></tr></table>\
             <pre><code>let 수 = 1;</code></pre><p>{}</p>",
            origin.url("/p.png"),
            "가나다 ".repeat(1_700)
        );
        let post = world.poll("essays", &[entry("blog", "On slow letters", &html, world.now())]).await[0];
        let live = world.stage.live.load_full();
        let outlet = &live.outlets[0];
        let preview = world.crossposter.preview(outlet, post).await.unwrap().unwrap();
        let shown = format!("{preview:?} {outlet:?}");
        assert!(!shown.contains("drafts-7f3k") && shown.contains("See:"), "{shown}");
        assert_eq!(world.settle().await, 1, "{}", bench.engine);
        let mails = sink.ledger();
        assert_eq!(mails[0].to, "drafts-7f3k@post.example.com", "{}", bench.engine);
        let mail = MessageParser::default().parse(&mails[0].bytes).unwrap();
        let html = mail.body_html(0).unwrap();
        assert!(html.contains("src=\"cid:") && html.contains("alt=\"a letter\""), "{html}");
        let plain = mail.body_text(0).unwrap();
        for part in ["월요일", "let 수 = 1;", "가나다 가나다"] {
            assert!(html.contains(part) && plain.contains(part), "{part}\n{html}\n{plain}");
        }
        assert!(!html.contains("Here is a new piece") && html.contains("This piece first appeared at"), "{html}");
        assert!(mail.attachments().any(|part| part.content_type().is_some_and(|kind| kind.ctype() == "image")));
        // A relay's words that repeat the address are cut.
        sink.script(|moment| {
            (moment.phase == Phase::Rcpt).then_some(Act::Say("550 <drafts-7f3k@post.example.com> no"))
        });
        let other = world.essay("Another", 2).await;
        world.settle().await;
        let row = world.row("blog", other).await;
        assert_eq!(row.state, State::Refused, "{}", bench.engine);
        assert!(!row.trouble.as_ref().unwrap().contains("drafts-7f3k"), "{:?}", row.trouble);
        let left = world.crossposter.post_now(outlet, post).await.unwrap();
        assert!(matches!(left, ByHand::Left(_)), "{left:?}");
    }
}

/// Two outlets that are also sources: what went to both comes back from both, and goes nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_round_between_two_outlets_that_are_followed() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let outlets = DESK.to_owned()
            + "[[outlet]]\nname = \"club\"\nkind = \"mail\"\nto = \"club@example.com\"\nsource = \"mirror\"\n";
        let world = World::of(&bench, &config_by(&bench, &relay(&sink), &outlets)).await;
        let post = world.essay("On slow letters", 1).await;
        world.settle().await;
        assert_eq!(sink.ledger().len(), 2, "{}", bench.engine);
        // Each prints it; the club later, with the paper named as where it had it from.
        let printed = entry("news", "On slow letters", &text(1), world.now());
        world.poll("news", std::slice::from_ref(&printed)).await;
        world.settle().await;
        let original = printed.url.clone();
        world.poll("mirror", &[Entry { original, ..entry("mirror", "Slow letters", &text(1), world.now()) }]).await;
        // Each has a piece of its own, too: that goes to the other, once.
        world.poll("news", &[entry("news", "Of the paper", &text(2), world.now())]).await;
        world.poll("mirror", &[entry("mirror", "Of the club", &text(3), world.now())]).await;
        world.settle().await;
        world.poll("mirror", &[entry("mirror", "Of the paper", &text(2), world.now())]).await;
        world.poll("news", &[entry("news", "Of the club", &text(3), world.now())]).await;
        for _ in 0..4 {
            world.after(Duration::from_hours(7)).await;
        }
        let mut sent: Vec<String> = sink
            .ledger()
            .iter()
            .map(|mail| {
                let subject = MessageParser::default().parse(&mail.bytes).unwrap().subject().unwrap().to_owned();
                format!("{} {subject}", mail.to)
            })
            .collect();
        sent.sort();
        let each = [
            "club@example.com Of the paper",
            "club@example.com On slow letters",
            "desk@paper.example.com Of the club",
            "desk@paper.example.com On slow letters",
        ];
        assert_eq!(sent, each, "{}", bench.engine);
        let stored = world.stage.store.post(post).await.unwrap().unwrap();
        assert_eq!(stored.also_at().len(), 2, "{:?}", stored.also_at());
    }
}
