//! Digests in a browser: the same as the mail, and nothing of any reader.

use crate::engines;
use crate::serving::{Answer, ask, get};
use crate::stage::{self, Stage, at};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::digest::{Edition, token};
use syndicated::domain::language::Language;
use syndicated::flow::digest::{Outcome, WebDigest, WebDigests};
use syndicated::render::{DigestPage, Renderer};
use syndicated::scheduler::Roles;

const DAILY: &str = "{ daily = \"0 7 * * *\" }\ngreeting = true\nimages = \"embed\"";
const ADDRESS: &str = "http://news.example.org/digests/letter/daily/2026-11-23T07-00/";

async fn page(stage: &Stage, edition: &Edition) -> Option<WebDigest> {
    let renderer = Arc::new(Renderer::new().unwrap());
    WebDigests::new(stage.store.clone(), stage.live.clone(), renderer).page(edition).await.unwrap()
}

/// Nothing by which a reader is greeted, named or led to what is theirs.
fn is_nobodys(html: &str) {
    for own in [
        "\u{e000}",
        "\u{e001}",
        "unsubscribe",
        "Unsubscribe",
        "preferences",
        "r0@",
        "Hello",
        "/u/",
        "/p/",
        "You get this",
    ] {
        assert!(!html.contains(own), "{own} in {html}");
    }
}

#[tokio::test]
async fn a_digests_page_is_its_mail_without_its_reader() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", DAILY, "");
        let stage = Stage::new(&bench, config, at("2026-11-22T00:00:00Z")).await;
        stage.readers(1, "daily").await;
        stage.admit(&["one", "two & <three>"]).await;
        stage.clock.set(at("2026-11-22T22:00:00Z"));
        let fired = stage.digester().fire_due().await.unwrap();
        let Outcome::Frozen { digest, .. } = fired[0].outcome else { panic!("{fired:?}") };
        let mail = stage.store.digest_content(digest, 0).await.unwrap().unwrap();
        for part in [&mail.html, &mail.plain] {
            assert!(part.contains(ADDRESS) && part.contains(token::GREETING), "{part}");
        }

        let found = page(&stage, &fired[0].edition).await.unwrap();
        assert_eq!((found.title.as_str(), found.date), (mail.subject.as_str(), at("2026-11-22T22:00:00Z")));
        let html = &found.html;
        is_nobodys(html);
        for said in [
            "one",
            "two &amp; &lt;three&gt;",
            "https://blog.example.com/one",
            "About one.",
            "<html lang=\"en\"",
            "<main>",
            &format!("<link rel=\"canonical\" href=\"{ADDRESS}\">"),
            "href=\"http://news.example.org/subscribe/letter\"",
            "Get Letters by mail",
            ">Good News</a>",
        ] {
            assert!(html.contains(said), "{said} in {html}");
        }
        // In the mail it led here.
        assert!(!html.contains(&format!("<a href=\"{ADDRESS}\"")) && !html.contains("View in a browser"), "{html}");
        let links = |html: &str| html.matches("https://blog.example.com/").count();
        assert_eq!(links(html), links(&mail.html), "the same posts");

        // What is not for everybody, or not sent, has no page.
        let states = ["review", "paused", "cancelled"];
        for state in states {
            bench.execute(&format!("UPDATE digest SET state = '{state}'")).await;
            assert_eq!(page(&stage, &fired[0].edition).await, None, "{state}");
        }
        bench.execute("UPDATE digest SET state = 'done'").await;
        assert!(page(&stage, &fired[0].edition).await.is_some());
        let other = Edition { slot: "2026-11-24T07:00".to_owned(), ..fired[0].edition.clone() };
        assert_eq!(page(&stage, &other).await, None);
    }
}

#[tokio::test]
async fn a_newsletter_may_keep_its_digests_to_its_readers() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", &format!("{DAILY}\nweb = false"), "");
        let stage = Stage::new(&bench, config, at("2026-11-22T00:00:00Z")).await;
        stage.readers(1, "daily").await;
        stage.admit(&["one"]).await;
        stage.clock.set(at("2026-11-22T22:00:00Z"));
        let fired = stage.digester().fire_due().await.unwrap();
        let Outcome::Frozen { digest, .. } = fired[0].outcome else { panic!("{fired:?}") };
        let mail = stage.store.digest_content(digest, 0).await.unwrap().unwrap();
        assert!(!mail.html.contains("/digests/") && !mail.plain.contains("/digests/"), "{}", mail.plain);
        assert_eq!(page(&stage, &fired[0].edition).await, None);
    }
}

/// Sent by hand, and what its preview showed: the same address.
#[tokio::test]
async fn a_digest_sent_by_hand_has_a_page() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", DAILY, "");
        let stage = Stage::new(&bench, config, at("2026-11-22T00:00:00Z")).await;
        stage.readers(1, "daily").await;
        stage.admit(&["one"]).await;
        stage.clock.advance(Duration::from_mins(1));
        let address = "http://news.example.org/digests/letter/daily/now-1795305660000/";
        let shown = stage.digester().preview("letter", "daily").await.unwrap().mail.unwrap();
        assert!(shown.plain.contains(address), "{}", shown.plain);
        let fired = stage.digester().send_now("letter", "daily").await.unwrap();
        let found = page(&stage, &fired.edition).await.unwrap();
        assert!(found.html.contains(address), "{}", found.html);
        is_nobodys(&found.html);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_served_with_its_tag() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = stage::config(&bench, "maildir:unused", DAILY, "");
        let roles = Roles { poll: false, send: false, web: true };
        let outside = Outside { clock, chance: Chance::seeded(3), roles };
        let daemon = Daemon::start(config, outside).await.unwrap();
        let web = daemon.web.unwrap();
        bench
            .execute(
                "INSERT INTO digest (newsletter, cadence, slot, state, frozen_at, expires_at, subject, html)
                 VALUES ('letter', 'daily', '2026-11-23T07:00', 'done', 1, 2, 's', '<html><body><p>words</p></body></html>')",
            )
            .await;
        let path = "/digests/letter/daily/2026-11-23T07-00/";
        let Answer { status, head, body } = get(web, "GET", path).await;
        assert_eq!(status, 200);
        assert!(body.contains("<p>words</p>") && body.contains(ADDRESS), "{body}");
        assert!(head.contains("content-type: text/html; charset=utf-8") && !head.contains("no-store"), "{head}");
        assert!(head.contains("style-src 'unsafe-inline'") && !head.contains("script-src"), "{head}");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let asked = |tag: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIf-None-Match: \"x\", {tag}\r\n\r\n")
        };
        let again = ask(web, &asked(&format!("W/{tag}"))).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        assert_eq!(get(web, "HEAD", path).await.status, 200);
        for nowhere in [
            "/digests/letter/daily/2026-11-23T07:00/",
            "/digests/letter/daily/2026-11-24T07-00/",
            "/digests/letter/daily/post-1/",
            "/digests/no/daily/2026-11-23T07-00/",
            "/digests/letter/daily/%00/",
            "/digests/letter/../2026-11-23T07-00/",
        ] {
            assert_eq!(get(web, "GET", nowhere).await.status, 404, "{nowhere}");
        }
        assert!(daemon.stop().await);
    }
}

/// Whatever an operator's template does with what is a reader's own.
#[test]
fn no_template_shows_a_reader() {
    let renderer = Renderer::new().unwrap();
    let page = DigestPage {
        language: Language::Ko,
        title: "\"T\" & co",
        subject: "<s>",
        url: ADDRESS,
        site: "S",
        home: "http://news.example.org/",
        subscribe: Some("http://news.example.org/subscribe/letter".to_owned()),
        pictures: BTreeMap::from([("a@pictures".to_owned(), "https://x.example/a.png?b=1&c=2".to_owned())]),
    };
    let (email, way_out, greeting, choices) =
        (token::EMAIL, token::UNSUBSCRIBE_URL, token::GREETING, token::PREFERENCES_URL);
    for html in [
        format!("<div>Kept {email} gone? <a href=\"{way_out}\">out</a></div><p>words</p>"),
        format!("<table><tr><td>{greeting}<br>x<a href='{choices}'>y</a><td title=\"{email}\"><p>words</p></table>"),
        format!(
            "<p>words</p><ul><li><a href=\"{way_out}?x=1\">out</a></ul><!-- {email} --><style>/* {email} */</style>"
        ),
        format!(
            "<title>{email}</title><p>words</p><p>bye {email}</p><p style=\"a\"><a style=\"b\" href=\"{way_out}\">{way_out}</a></p>"
        ),
        format!("words <p>{greeting} <b>{email}<p>"),
        "<p>words</p>\u{e000}\u{e001}\u{e000}".to_owned(),
        "words".to_owned(),
    ] {
        let shown = renderer.digest_page(&html, &page);
        assert!(!shown.contains(['\u{e000}', '\u{e001}']) && !shown.contains("unsubscribe"), "{shown}");
        assert!(!shown.contains("greeting") && !shown.contains("preferences") && !shown.contains("email"), "{shown}");
        assert!(shown.contains("words") && shown.contains("‘\"T\" &amp; co’ 메일로 받기"), "{shown}");
        assert!(shown.contains("<html lang=\"ko\"") && shown.contains("content=\"&lt;s&gt;\""), "{shown}");
    }
    let shown =
        renderer.digest_page("<p><img src=\"cid:a@pictures\"><img src=\"cid:b@pictures\" alt=\"b\"></p>", &page);
    assert!(shown.contains("src=\"https://x.example/a.png?b=1&amp;c=2\"") && !shown.contains("cid:"), "{shown}");
}
