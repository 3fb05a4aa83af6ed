//! How a reader leaves: by the page, by one click, by a link of long ago; what may be
//! said after it; and the way back.

use crate::engines::{self, Bench};
use crate::program::until;
use crate::serving::{get, post};
use crate::stage::{self, at};
use mail_parser::MessageParser;
use std::net::SocketAddr;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::id::SubscriptionId;
use syndicated::domain::language::Language;
use syndicated::domain::subscriber::{Subscription, SubscriptionState};
use syndicated::domain::token::Purpose;
use syndicated::scheduler::Roles;
use syndicated::store::{Own, Wish};

const CADENCES: &str =
    "{ now = \"instant\", daily = \"0 7 * * *\", weekly = \"0 7 * * MON\", monthly = \"0 7 1 * *\" }";
const ANN: SubscriptionId = SubscriptionId(1);
const DAY: Duration = Duration::from_hours(24);

/// The configuration with a maildir beside the database; `more` stands in the newsletter.
fn config(bench: &Bench, more: &str) -> Config {
    let relay = format!("maildir:{}", bench.folder.path().join("outbox").display());
    stage::load(bench, &(stage::toml(bench, &relay, CADENCES, "") + more))
}

async fn daemon(config: Config, clock: &Clock) -> (Daemon, SocketAddr) {
    let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
    let daemon = Daemon::start(config, outside).await.unwrap();
    let web = daemon.web.unwrap();
    (daemon, web)
}

/// Ann, who confirmed.
async fn add(daemon: &Daemon, language: Language, clock: &Clock) {
    let (email, newsletter) = ("ann@example.org".parse().unwrap(), "letter".parse().unwrap());
    let cadence = "daily".parse().unwrap();
    let own = Own::default();
    let wish = Wish { email: &email, newsletter: &newsletter, cadence: &cadence, language, consent: "for a test", own };
    daemon.store.add_confirmed(&[wish], clock.now()).await.unwrap();
}

async fn ann(daemon: &Daemon) -> Subscription {
    daemon.store.subscription(ANN).await.unwrap().unwrap()
}

fn leave(config: &Config) -> String {
    format!("/u/{}", config.secret.token(Purpose::Unsubscribe, ANN, 0, ""))
}

/// The letters that came, oldest first: subject and text.
fn letters(bench: &Bench) -> Vec<(String, String)> {
    let files = std::fs::read_dir(bench.folder.path().join("outbox/new")).map(|files| files.flatten().collect());
    let mut files: Vec<std::fs::DirEntry> = files.unwrap_or_default();
    files.sort_by_key(|file| file.metadata().and_then(|data| data.modified()).ok());
    let read = |file: &std::fs::DirEntry| {
        let bytes = std::fs::read(file.path()).unwrap();
        let mail = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(mail.to().unwrap().first().unwrap().address.as_deref(), Some("ann@example.org"));
        (mail.subject().unwrap().to_owned(), mail.body_text(0).unwrap().into_owned())
    };
    files.iter().map(read).collect()
}

async fn letter(bench: &Bench, number: usize) -> (String, String) {
    until("a letter comes", async || letters(bench).into_iter().nth(number)).await
}

/// What is on record: each act, where it came from and from which network address.
async fn records(bench: &Bench) -> Vec<String> {
    bench.texts("SELECT act || ' ' || origin || ' ' || COALESCE(address, '-') FROM consent ORDER BY id").await
}

/// The address behind `before` in a page or a text.
fn link(text: &str, before: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>')).unwrap_or(rest.len());
    rest[..end].to_owned()
}

/// The page, what it offers after the act, the letter, the way back, and no second way.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_by_the_page_is_asked_once_and_may_come_back_by_the_letter() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = config(&bench, "");
        let (daemon, web) = daemon(config.clone(), &clock).await;
        add(&daemon, Language::En, &clock).await;
        let page = leave(&config);
        let shown = get(web, "GET", &page).await;
        assert!(shown.status == 200 && shown.body.matches("<button").count() == 1, "{}", shown.body);
        // It has a script, which is a file of the site's own.
        assert!(shown.head.contains("default-src 'none'; script-src 'self'; img-src 'self'"), "{}", shown.head);
        assert!(shown.body.contains("<script src=\"/leave.js\" defer></script>") && !shown.body.contains("<script>"));
        let script = get(web, "GET", "/leave.js").await;
        assert!(script.status == 200 && script.head.contains("content-type: text/javascript"), "{}", script.head);
        assert_eq!(ann(&daemon).await.state, SubscriptionState::Confirmed);

        let left = post(web, &page, "").await;
        assert_eq!(left.status, 200);
        assert!(!left.head.contains("script-src"), "{}", left.head);
        assert_eq!(ann(&daemon).await.state, SubscriptionState::Unsubscribed);
        assert_eq!(bench.texts("SELECT ended_by FROM subscription").await, ["page"]);
        assert_eq!(records(&bench).await, ["added operator -", "ended page 127.0.0.1"]);
        // One step less often, and not to the end of the list.
        assert!(left.body.contains("value=\"weekly\"") && left.body.contains("Weekly"), "{}", left.body);
        let way_back = link(&left.body, "action=\"/back/");

        // Looked at again, by her or by a holder of the mail: no way back, no offer, no question.
        for again in [get(web, "GET", &page).await, post(web, &page, "").await] {
            assert_eq!(again.status, 200);
            assert!(!again.body.contains("/back/") && !again.body.contains("weekly"), "{}", again.body);
        }
        let (subject, text) = letter(&bench, 0).await;
        assert!(subject.contains("Letters") && text.contains("30 days"), "{subject}\n{text}");
        let mailed = format!("/back/{}", link(&text, "/back/"));
        assert_eq!(mailed, format!("/back/{way_back}"));
        for method in ["GET", "HEAD", "GET"] {
            assert_eq!(get(web, method, &mailed).await.status, 200);
        }
        assert_eq!(ann(&daemon).await.state, SubscriptionState::Unsubscribed);
        assert_eq!(post(web, &mailed, "").await.status, 200);
        let back = ann(&daemon).await;
        assert_eq!((back.state, back.cadence.as_str(), back.ended_at), (SubscriptionState::Confirmed, "daily", None));
        // Whoever presses twice is told the same, and it happens once.
        for again in [post(web, &mailed, "").await, get(web, "GET", &mailed).await] {
            assert!(again.status == 200 && again.body.contains("Welcome back"), "{}", again.body);
        }
        assert_eq!(records(&bench).await[2..], ["confirmed page 127.0.0.1"]);

        // She leaves anew: what was of the first time is worth nothing now.
        clock.advance(DAY);
        post(web, &page, "").await;
        for old in [get(web, "GET", &mailed).await, post(web, &mailed, "").await] {
            assert_eq!(old.status, 410);
        }
        assert_eq!(ann(&daemon).await.state, SubscriptionState::Unsubscribed);
        // Neither is what is too old.
        let (_, text) = letter(&bench, 1).await;
        let second = format!("/back/{}", link(&text, "/back/"));
        assert_eq!(get(web, "GET", &second).await.status, 200);
        clock.advance(30 * DAY);
        assert_eq!(get(web, "GET", &second).await.status, 410);
        assert_eq!(post(web, &second, "").await.status, 410);
        // A link to leave is no way back, nor is anybody else's.
        for wrong in [config.secret.token(Purpose::Unsubscribe, ANN, 0, ""), "1.0.AAAA".to_owned()] {
            assert_ne!(post(web, &format!("/back/{wrong}"), "").await.status, 200);
        }
        assert_eq!(ann(&daemon).await.state, SubscriptionState::Unsubscribed);
        assert!(daemon.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn less_often_instead_is_one_press_and_brings_back_what_comes_more_rarely() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = config(&bench, "goodbye = false\n");
        let (daemon, web) = daemon(config.clone(), &clock).await;
        add(&daemon, Language::Ko, &clock).await;
        for (from, to) in
            [("now", Some("daily")), ("daily", Some("weekly")), ("weekly", Some("monthly")), ("monthly", None)]
        {
            bench.execute(&format!("UPDATE subscription SET cadence = '{from}'")).await;
            let left = post(web, &leave(&config), "").await.body;
            assert!(left.contains("lang=\"ko\""), "{left}");
            let offered = left.contains("name=\"cadence\"").then(|| link(&left, "name=\"cadence\" value=\""));
            assert_eq!(offered.as_deref(), to, "{left}");
            let back = format!("/back/{}", link(&left, "action=\"/back/"));
            // A cadence that was not offered is none.
            let form = offered.map_or("cadence=hourly".to_owned(), |cadence| format!("cadence={cadence}"));
            assert_eq!(post(web, &back, &form).await.status, 200);
            let now = ann(&daemon).await;
            assert_eq!((now.state, now.cadence.as_str()), (SubscriptionState::Confirmed, to.unwrap_or(from)));
            clock.advance(DAY);
        }
        assert!(letters(&bench).is_empty(), "this newsletter says no goodbye by mail");
        assert!(daemon.stop().await);
    }
}

/// RFC 8058: 200, no cookie, no redirect, whatever was asked before; and a forwarded
/// mail's holder cannot fill the reader's mailbox with goodbyes.
#[tokio::test(flavor = "multi_thread")]
async fn one_click_needs_nothing_and_says_goodbye_a_few_times_a_day_at_most() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = config(&bench, "");
        let (daemon, web) = daemon(config.clone(), &clock).await;
        add(&daemon, Language::Ko, &clock).await;
        for round in 0..6 {
            let left = post(web, &leave(&config), "List-Unsubscribe=One-Click").await;
            assert_eq!(left.status, 200);
            assert!(!left.head.contains("set-cookie") && !left.head.contains("location:"), "{}", left.head);
            assert_eq!(ann(&daemon).await.state, SubscriptionState::Unsubscribed, "{round}");
            assert_eq!(bench.texts("SELECT ended_by FROM subscription").await, ["one-click"]);
            clock.advance(Duration::from_secs(1));
            post(web, &format!("/back/{}", link(&left.body, "action=\"/back/")), "").await;
            assert_eq!(ann(&daemon).await.state, SubscriptionState::Confirmed, "{round}");
        }
        let written = bench.texts("SELECT kind FROM letter").await;
        assert_eq!(written, ["goodbye"; 3]);
        assert!(daemon.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_somebody_left_is_kept_once_and_only_of_who_left() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = config(&bench, "");
        let (daemon, web) = daemon(config.clone(), &clock).await;
        add(&daemon, Language::En, &clock).await;
        let (page, why) = (leave(&config), format!("{}/why", leave(&config)));
        let kept = async || bench.texts("SELECT COALESCE(ended_why, '') FROM subscription").await.remove(0);
        assert_eq!(post(web, &why, "why=often").await.status, 404);
        assert_eq!(kept().await, "");
        assert!(post(web, &page, "").await.body.contains(&format!("action=\"{why}\"")));
        let words = format!("why=interest&words={}%0D%0Amore", "x".repeat(600));
        let answer = post(web, &why, &words).await;
        assert!(answer.status == 200 && answer.body.contains("Thank you"), "{}", answer.body);
        assert_eq!(kept().await, format!("interest: {}", "x".repeat(500)));
        post(web, &why, "why=other&words=second").await;
        assert!(kept().await.starts_with("interest: "));
        // Whoever comes back and leaves again may say something else.
        let back = config.secret.token(Purpose::Undo, ANN, 0, &clock.now().millis().to_string());
        assert_eq!(post(web, &format!("/back/{back}"), "").await.status, 200);
        assert_eq!(kept().await, "");
        post(web, &page, "").await;
        post(web, &why, "why=nonsense").await;
        assert_eq!(kept().await, "other");
        assert!(daemon.stop().await);
    }
}

/// What was never confirmed cannot be confirmed by taking back its end.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_what_was_never_confirmed_cannot_be_taken_back() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = config(&bench, "");
        let (daemon, web) = daemon(config.clone(), &clock).await;
        post(web, "/subscribe/letter", "email=ann%40example.org&cadence=daily&website=").await;
        letter(&bench, 0).await;
        let left = post(web, &leave(&config), "").await.body;
        assert!(!left.contains("/back/"), "{left}");
        assert_eq!(ann(&daemon).await.state, SubscriptionState::Unsubscribed);
        let forged = config.secret.token(Purpose::Undo, ANN, 0, &clock.now().millis().to_string());
        assert_eq!(post(web, &format!("/back/{forged}"), "").await.status, 410);
        assert_eq!(ann(&daemon).await.state, SubscriptionState::Unsubscribed);
        assert_eq!(bench.texts("SELECT kind FROM letter").await, ["confirm"]);
        assert!(daemon.stop().await);
    }
}

/// Mails of two years ago: their newsletter has another name since, or another site, or
/// is no more.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_mails_links_work_whatever_became_of_its_newsletter() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = config(&bench, "");
        let (page, preferences) =
            (leave(&config), format!("/p/{}", config.secret.token(Purpose::Preferences, ANN, 0, "")));
        let (first, _) = daemon(config.clone(), &clock).await;
        add(&first, Language::En, &clock).await;
        assert!(first.stop().await);
        clock.advance(2 * 366 * DAY);
        let text = std::fs::read_to_string(bench.folder.path().join("config.toml")).unwrap();
        let (site, letter) = text.split_once("[[newsletter]]").unwrap();
        for (what, changed) in [
            ("renamed", text.replace("name = \"letter\"", "name = \"leaves\"").replace("\"Letters\"", "\"Leaves\"")),
            ("moved", text.replace("http://news.example.org", "https://example.net/news")),
            ("removed", site.to_owned()),
            ("another cadence", text.replace("daily = ", "nightly = ")),
            ("as it was", format!("{site}[[newsletter]]{letter}")),
        ] {
            let (daemon, web) = daemon_anew(&bench, &changed, &clock).await;
            assert_eq!(get(web, "GET", &page).await.status, 200, "{what}");
            assert_eq!(get(web, "GET", &preferences).await.status, 200, "{what}");
            assert_eq!(ann(&daemon).await.state, SubscriptionState::Confirmed, "{what}");
            assert_eq!(post(web, &page, "List-Unsubscribe=One-Click").await.status, 200, "{what}");
            assert_eq!(ann(&daemon).await.state, SubscriptionState::Unsubscribed, "{what}");
            let back = config.secret.token(Purpose::Undo, ANN, 0, &clock.now().millis().to_string());
            let answer = post(web, &format!("/back/{back}"), "").await;
            assert_eq!(answer.status, 200, "{what}: {}", answer.body);
            clock.advance(DAY);
            assert!(daemon.stop().await);
        }
    }
}

async fn daemon_anew(bench: &Bench, text: &str, clock: &Clock) -> (Daemon, SocketAddr) {
    daemon(stage::load(bench, text), clock).await
}

/// Two live keys: links of the old one work as long as it stands beside the new one, and
/// so do hashes of addresses that are never mailed. A new key alone is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_mails_links_work_after_the_secret_key_was_changed() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = config(&bench, "");
        let page = leave(&config);
        let (first, _) = daemon(config.clone(), &clock).await;
        add(&first, Language::En, &clock).await;
        assert!(first.stop().await);
        let hash = config.secret.address_hash("ann@example.org");
        let path = bench.folder.path().join("config.toml");
        let (old, new) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        let with = |environment| Config::load(&path, &environment, &Chance::seeded(1)).unwrap();
        let alone = with(Environment::of([("SYNDICATED_SECRET_KEY", new)]));
        let both = with(Environment::of([("SYNDICATED_SECRET_KEY", new), ("SYNDICATED_OLD_SECRET_KEY", old)]));
        let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
        let refused = Daemon::start(alone.clone(), outside).await.unwrap_err().to_string();
        assert!(refused.contains("old_secret_key_files"), "{refused}");

        clock.advance(2 * 366 * DAY);
        let (second, web) = daemon(both.clone(), &clock).await;
        assert_eq!(post(web, &page, "List-Unsubscribe=One-Click").await.status, 200);
        assert_eq!(ann(&second).await.state, SubscriptionState::Unsubscribed);
        let (_, text) = letter(&bench, 0).await;
        let back = format!("/back/{}", link(&text, "/back/"));
        // An address that was suppressed under the old key is still not mailed.
        bench
            .execute(&format!("INSERT INTO suppression (address_hash, reason, created_at) VALUES ('{hash}', 'x', 0)"))
            .await;
        let choices = format!("/p/{}", config.secret.token(Purpose::Preferences, ANN, 0, ""));
        assert_eq!(post(web, &format!("{choices}/data"), "").await.status, 200);
        until("the letter is decided on", async || {
            let states = bench.texts("SELECT state FROM delivery ORDER BY id").await;
            (states == ["sent", "suppressed"]).then_some(())
        })
        .await;
        assert!(second.stop().await);

        // The database is the new key's from then on; without the old one its links are over.
        let (third, web) = daemon(alone, &clock).await;
        assert_eq!(get(web, "GET", &page).await.status, 404);
        assert_eq!(post(web, &back, "").await.status, 200, "what the new key made");
        assert!(third.stop().await);
        let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
        assert!(Daemon::start(config, outside).await.is_err(), "the old key alone");
    }
}
