//! Mails as readers get them: sound to the linter (S21), and made of nothing
//! that a mail program lacks without something in its place.

use crate::engines;
use crate::origin::{Answer, Origin};
use crate::sink::Sink;
use crate::stage::{self, Stage, at};
use mail_parser::{MessageParser, MimeHeaders as _};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::Clock;
use syndicated::domain::composition::{Images, Shown};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::language::Language;
use syndicated::flow::digest::{Outcome, WebDigests};
use syndicated::net::{Client, Names};
use syndicated::render::{DigestContext, Renderer, sample_digest};
use syndicated::store::{Freeze, Frozen};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The mail programs that are cared for, as caniemail.com calls them. Naver and
/// Daum are not among its data: what holds without `<style>` and `@media` holds there.
const PROGRAMS: [&str; 4] = ["gmail.*", "outlook.*", "apple-mail.*", "samsung-email.*"];

/// What some of them lack, with what stands in its place. (npm's `doiuse-email`
/// has the data of the same site as of 2023, and finds ten of these and nothing else.)
const FALLBACKS: [(&str, &str); 11] = [
    ("<body> element", "its colour and margin stand on the outermost table as well"),
    ("<style> element", "all that matters stands in the elements: it holds nothing but @media"),
    ("@media", "the sheet is as wide as the screen by itself; dark colours are then the program's own affair"),
    ("border-radius", "corners are square"),
    ("display:none", "the preheader is of no height, one pixel large, and of the ground's colour"),
    ("overflow", "a wide table makes the mail wide"),
    ("overflow-wrap", "word-wrap, its older name, stands beside it"),
    ("role attribute", "tables are read out as tables"),
    ("table-layout", "the sheet has its width as an attribute"),
    ("white-space", "<pre> keeps its lines, and long ones make the mail wide"),
    ("word-break", "Korean breaks between syllables, which is usual too"),
];

/// Origins on this machine.
const ALLOW: &str = "[fetch]\nallow = [\"127.0.0.0/8:*\"]\n";

fn samples() -> Vec<DigestContext> {
    Language::OURS.into_iter().map(|language| sample_digest(language).unwrap()).collect()
}

#[tokio::test]
async fn a_digest_that_shows_all_that_one_may_arrives_sound() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let mut config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        config.mail.lanes[0].relay = sink.relay();
        let stage = Stage::new(&bench, config, at("2026-11-22T00:00:00Z")).await;
        stage.readers(1, "daily").await;
        let renderer = Renderer::new().unwrap();
        for (number, sample) in samples().into_iter().enumerate() {
            let context = DigestContext { preferences: false, ..sample };
            let mail = renderer.digest(&context).unwrap();
            let now = stage.clock.now();
            let frozen = Frozen {
                posts: &[],
                left_out: &[],
                subject: &mail.subject,
                html: &mail.html,
                plain: &mail.plain,
                expires_at: now.plus(Duration::from_hours(1)),
                ..Frozen::default()
            };
            let edition = stage::edition("daily", &format!("now-{number}"));
            let frozen = stage.store.freeze_digest(&edition, &frozen, None, now).await.unwrap();
            assert!(matches!(frozen, Freeze::Done { recipients: 1, .. }), "{frozen:?}");
        }
        assert_eq!(stage.deliverer().drain().await.unwrap().sent, 2);
        // The sink lints what it takes.
        assert_eq!(sink.taken().len(), 2);
    }
}

/// What comes along is fetched before the digest is frozen, and never while it is sent.
#[tokio::test]
async fn pictures_come_along_where_a_newsletter_wants_it() {
    for bench in engines::all().await {
        let (origin, sink) = (Origin::start().await, Sink::start());
        let png = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 600]].concat();
        origin.set("/boat.png", Answer::ok(png.clone()).header("content-type", "image/png"));
        origin.set("/page.png", Answer::ok("<html>not a picture</html>").header("content-type", "image/png"));
        origin.set("/huge.png", Answer::ok([png.as_slice(), &vec![0; 600 * 1024]].concat()));
        let mut config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", ALLOW);
        config.mail.lanes[0].relay = sink.relay();
        let composition = &mut config.newsletters[0].cadences[0].composition;
        (composition.images, composition.text) = (Images::Embed, Shown::Full);
        let client = Client::new(
            &config.fetch,
            &config.site.base_url,
            Names::system(),
            Clock::manual(at("2026-11-22T00:00:00Z")),
        );
        let stage = Stage::new(&bench, config, at("2026-11-22T00:00:00Z")).await;
        stage.readers(1, "daily").await;
        let picture = |name: &str| format!("<img src=\"{}\" alt=\"{name}\">", origin.url(name));
        let shown = ["/boat.png", "/page.png", "/huge.png", "/none.png", "/boat.png"].map(picture).concat();
        let now = stage.clock.now();
        let mut arrival = stage::arrival(&["boats"], now);
        arrival.entries[0].entry.content = Some(CleanHtml::sanitise(&shown, None));
        let claim = stage.store.claim_source(&"essays".parse().unwrap(), now, Duration::from_mins(1)).await.unwrap();
        stage.store.admit(claim.unwrap(), arrival, now).await.unwrap();

        stage.clock.set(at("2026-11-22T22:00:00Z"));
        let fired = stage.digester().with_pictures(client.unwrap()).fire_due().await.unwrap();
        assert!(matches!(fired[0].outcome, Outcome::Frozen { recipients: 1, .. }), "{fired:?}");
        assert_eq!(origin.asked().len(), 4, "each once");
        assert_eq!(stage.deliverer().drain().await.unwrap().sent, 1);
        assert!(origin.asked().is_empty(), "nothing is fetched while a digest is sent");

        let bytes = &sink.taken()[0].bytes;
        let mail = MessageParser::default().parse(bytes).unwrap();
        let files: Vec<_> = mail.attachments().collect();
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].contents(), files[0].content_id().is_some()), (png.as_slice(), true));
        let html = mail.body_html(0).unwrap();
        assert_eq!(html.matches(&format!("src=\"cid:{}\"", files[0].content_id().unwrap())).count(), 2);
        for linked in ["/page.png", "/huge.png", "/none.png"] {
            assert!(html.contains(&format!("src=\"{}\"", origin.url(linked))), "{linked} in {html}");
        }
        // The next digest finds it at home, and when nothing can show it any more it goes.
        let known = stage.store.fresh_picture(origin.url("/boat.png").as_str(), stage.clock.now()).await.unwrap();
        assert_eq!(known.unwrap().media_type, "image/png");
        assert_eq!(stage.store.drop_pictures(stage.clock.now()).await.unwrap(), 0);
        stage.clock.advance(Duration::from_hours(15 * 24));
        assert_eq!(stage.store.drop_pictures(stage.clock.now()).await.unwrap(), 1);
        assert_eq!(stage.store.drop_pictures(stage.clock.now()).await.unwrap(), 0);
        assert_eq!(stage.store.fresh_picture(origin.url("/boat.png").as_str(), now).await.unwrap(), None);
        // On the web it is shown from where it is.
        let pages = WebDigests::new(stage.store.clone(), stage.live.clone(), Arc::new(Renderer::new().unwrap()));
        let page = pages.page(&fired[0].edition).await.unwrap().unwrap().html;
        assert_eq!((page.matches("cid:").count(), page.matches(origin.url("/boat.png").as_str()).count()), (0, 2));
    }
}

/// Looking keeps nothing; a test brings its pictures by itself; and what changes at
/// its address is seen again after a week, however often it was shown meanwhile.
#[tokio::test]
async fn a_preview_brings_its_pictures_and_keeps_none() {
    for bench in engines::all().await {
        let (origin, sink) = (Origin::start().await, Sink::start());
        let gif = b"GIF89a and a boat".to_vec();
        origin.set("/boat.gif", Answer::ok(gif.clone()));
        let mut config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", ALLOW);
        config.mail.lanes[0].relay = sink.relay();
        config.newsletters[0].language = Language::Ko;
        let composition = &mut config.newsletters[0].cadences[0].composition;
        (composition.images, composition.text, composition.greeting) = (Images::Embed, Shown::Full, true);
        let start = at("2026-11-22T00:00:00Z");
        let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), Clock::manual(start)).unwrap();
        let stage = Stage::new(&bench, config, start).await;
        stage.readers(1, "daily").await;
        let boat = format!("<p>A boat</p><img src=\"{}\" alt=\"A boat\">", origin.url("/boat.gif"));
        let days = ["one", "two", "three", "four"];
        let admit = async |count: usize| {
            let now = stage.clock.now();
            let mut arrival = stage::arrival(&days[..count], now);
            for arriving in &mut arrival.entries {
                arriving.entry.content = Some(CleanHtml::sanitise(&boat, None));
            }
            let claim =
                stage.store.claim_source(&"essays".parse().unwrap(), now, Duration::from_mins(1)).await.unwrap();
            stage.store.admit(claim.unwrap(), arrival, now).await.unwrap();
        };
        let asked = || origin.asked().len();
        let digester = stage.digester().with_pictures(client);
        admit(1).await;
        let preview = digester.preview("letter", "daily").await.unwrap();
        let (mail, pictures) = (preview.mail.unwrap(), preview.pictures);
        assert_eq!((asked(), pictures.len()), (1, 1));
        assert!(mail.html.contains(&format!("src=\"cid:{}\"", pictures[0].picture.id)), "{}", mail.html);
        let kept = bench.texts("SELECT id FROM picture").await;
        assert_eq!(kept, Vec::<String>::new(), "looking keeps nothing");

        let (to, now) = ("me@example.org".parse().unwrap(), stage.clock.now());
        let parts = (mail.subject.as_str(), mail.html.as_str(), mail.plain.as_str());
        stage.store.write_test_mail(&to, Language::Ko, parts, &pictures, now).await.unwrap();
        assert_eq!(stage.deliverer().drain().await.unwrap().sent, 1);
        let taken = sink.taken();
        let test = MessageParser::default().parse(&taken[0].bytes).unwrap();
        assert_eq!(test.attachments().next().unwrap().contents(), gif);
        assert!(test.body_text(0).unwrap().contains("안녕하세요."), "greeted as its readers are");

        for (count, day, fetched) in
            [(2, "2026-11-22T22:00:00Z", 0), (3, "2026-11-26T22:00:00Z", 0), (4, "2026-11-30T22:00:00Z", 1)]
        {
            stage.clock.set(at(day));
            let fired = digester.fire_due().await.unwrap();
            let frozen = fired.iter().filter(|one| matches!(one.outcome, Outcome::Frozen { .. })).count();
            assert_eq!((frozen, asked()), (1, fetched), "{day}: {fired:?}");
            admit(count).await;
        }
    }
}

/// A full mail of Korean, the language that takes the most bytes.
#[test]
fn a_mail_of_the_largest_size_stays_under_what_gmail_shows() {
    let mut context = sample_digest(Language::Ko).unwrap();
    let essay = "<p>비가 오면 골목의 시간은 조금 느려진다. 우산을 펴는 사람과 접는 사람이 있다.</p>".repeat(400);
    for post in context.sections.iter_mut().flat_map(|section| &mut section.posts) {
        post.text = Some(CleanHtml::sanitise(&essay, None));
    }
    let mail = Renderer::new().unwrap().digest(&context).unwrap();
    let encoded = |text: &str| text.len().div_ceil(57) * 78;
    let size = encoded(&mail.html) + encoded(&mail.plain);
    assert!(size < 100 * 1024 - 4096 && size > 80 * 1024, "{size}");
    assert!(mail.html.contains("계속 읽기"));
}

/// Some mail programs take `<style>` and classes away: nothing that matters may be lost with it.
#[test]
fn what_is_left_without_a_style_sheet_is_the_whole_mail() {
    for context in samples() {
        let html = Renderer::new().unwrap().digest(&context).unwrap().html;
        let (before, rest) = html.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        assert!(!before.contains("<style"));
        // Every rule outside of @media went into the elements.
        let mut depth = 0;
        for line in style.lines().filter(|line| !line.trim().is_empty()) {
            assert!(depth > 0 || line.contains("@media"), "{line}");
            depth += line.matches('{').count();
            depth -= line.matches('}').count();
        }
        let document = dom_query::Document::from(html.as_str());
        for cell in document.select("td.row, td.section, h1, h2, td > p, .text p, .text li, .text img").nodes() {
            assert!(cell.has_attr("style"), "{}", cell.html());
        }
    }
}

#[tokio::test]
async fn no_mail_program_lacks_a_feature_without_a_fallback() {
    let Ok(modules) = std::env::var("SYNDICATED_TEST_NODE_MODULES") else {
        println!("skipped: SYNDICATED_TEST_NODE_MODULES is not set");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/mail_support.cjs");
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for context in samples() {
        let html = Renderer::new().unwrap().digest(&context).unwrap().html;
        let mut node = Command::new("node")
            .env("NODE_PATH", &modules)
            .arg(script)
            .args(PROGRAMS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        node.stdin.take().unwrap().write_all(html.as_bytes()).await.unwrap();
        let output = node.wait_with_output().await.unwrap();
        assert!(output.status.success());
        missing.extend(serde_json::from_slice::<BTreeMap<String, Vec<String>>>(&output.stdout).unwrap());
    }
    let known: Vec<&str> = FALLBACKS.iter().map(|(feature, _)| *feature).collect();
    assert_eq!(missing.keys().map(String::as_str).collect::<Vec<_>>(), known, "{missing:#?}");
}
