//! What a reader may change by the link in each mail, and by no other.

use crate::engines::{self, Bench};
use crate::serving::{get, post};
use crate::stage::{self, Stage, at};
use chrono_tz::Tz;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::consent::Given;
use syndicated::domain::id::SubscriptionId;
use syndicated::domain::language::Language;
use syndicated::domain::subscriber::Subscription;
use syndicated::domain::token::Purpose;
use syndicated::flow::digest::Outcome;
use syndicated::scheduler::Roles;
use syndicated::store::{Change, Own, Store, SubscriptionFilter, Wish};

const CADENCES: &str =
    "{ weekly = \"0 7 * * MON\", daily = { schedule = \"0 7 * * *\", deliver = \"local\", greeting = true } }";

/// A configuration with something to choose in two newsletters, as a file, and as it
/// is understood.
fn configured(bench: &Bench, relay: &str) -> (PathBuf, Config) {
    let path = bench.folder.path().join("config.toml");
    let more = "topics = { film = [\"category: film\"], books = [\"category: books\"] }\n
[[newsletter]]\nname = \"notes\"\ntitle = \"Notes\"\ncadences = { weekly = \"0 7 * * MON\", monthly = \"0 7 1 * *\" }\n";
    std::fs::write(&path, stage::toml(bench, relay, CADENCES, "") + more).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    (path.clone(), Config::load(&path, &environment, &Chance::seeded(1)).unwrap())
}

/// What Ann gets, in the order in which it began.
async fn of_ann(store: &Store) -> Vec<Subscription> {
    store.subscriptions_of(&"ann@example.org".parse().unwrap()).await.unwrap()
}

/// Ann gets both newsletters, by a daemon whose clock stands.
async fn ann(bench: &Bench, clock: &Clock) -> (Daemon, SocketAddr, Config) {
    let (_, config) = configured(bench, &format!("maildir:{}", bench.folder.path().join("outbox").display()));
    let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
    let daemon = Daemon::start(config.clone(), outside).await.unwrap();
    let email = "ann@example.org".parse().unwrap();
    for newsletter in ["letter", "notes"] {
        let (newsletter, cadence) = (newsletter.parse().unwrap(), "weekly".parse().unwrap());
        let topics = ["film".parse().unwrap()];
        let own = Own { topics: if newsletter == "letter".parse().unwrap() { &topics } else { &[] }, ..Own::default() };
        let wish = Wish {
            email: &email,
            newsletter: &newsletter,
            cadence: &cadence,
            language: Language::En,
            consent: "for a test",
            own,
        };
        daemon.store.add_confirmed(&[wish], clock.now()).await.unwrap();
    }
    let web = daemon.web.unwrap();
    (daemon, web, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_changes_what_they_get_by_their_own_link_and_by_looking_changes_nothing() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web, config) = ann(&bench, &clock).await;
        let token = |purpose| config.secret.token(purpose, SubscriptionId(1), 0, "");
        let page = format!("/p/{}", token(Purpose::Preferences));
        let before = of_ann(&daemon.store).await;

        let shown = get(web, "GET", &page).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        assert!(shown.body.contains("value=\"weekly\" selected"), "{}", shown.body);
        assert!(shown.body.contains("value=\"film\" checked"), "{}", shown.body);
        assert!(shown.body.contains("value=\"books\">") && shown.body.contains("<option>Asia/Seoul"), "{}", shown.body);
        assert!(shown.body.contains("name=\"cadence.letter\"") && shown.body.contains("name=\"cadence.notes\""));
        // Whoever got a forwarded mail learns the first letter and no more.
        assert!(shown.body.contains("a…") && !shown.body.contains("nn@") && !shown.body.contains("example.org"));
        assert!(shown.head.contains("cache-control: no-store"), "{}", shown.head);
        assert!(shown.head.contains("x-robots-tag: noindex"), "{}", shown.head);
        get(web, "HEAD", &page).await;

        // What was not offered changes nothing, and nothing is kept by halves.
        for (form, status) in [
            ("", 422),
            ("language=xx", 422),
            ("language=en&timezone=Mars%2FBase", 422),
            ("language=en&hour=24", 422),
            ("language=en&hour=x", 422),
            ("language=ko&cadence.letter=hourly", 422),
            ("language=ko&cadence.letter=daily&cadence.notes=daily", 422),
            ("language=ko&cadence.letter=daily&topic.letter=chess", 422),
            ("language=ko&cadence.letter=daily&pause.letter=2026-11-23", 422),
            ("language=ko&cadence.letter=daily&pause.letter=2027-11-25", 422),
            ("language=ko&cadence.letter=daily&pause.letter=tomorrow", 422),
        ] {
            let answer = post(web, &page, form).await;
            assert_eq!(answer.status, status, "{form}");
            assert!(answer.body.contains("role=\"alert\""), "{form}");
        }
        // Nor does a link of another kind, of nobody, or of what is stored no more.
        let gone = format!("/p/{}", config.secret.token(Purpose::Preferences, SubscriptionId(9), 0, ""));
        for answer in [get(web, "GET", &gone).await, post(web, &gone, "language=ko&cadence.letter=daily").await] {
            assert_eq!(answer.status, 410);
        }
        for wrong in [token(Purpose::Unsubscribe), token(Purpose::Confirm), "1.0.AAAA".to_owned(), "x".to_owned()] {
            let wrong = format!("/p/{wrong}");
            assert_eq!(get(web, "GET", &wrong).await.status, 404);
            assert_eq!(post(web, &wrong, "language=ko&cadence.letter=daily").await.status, 404);
        }
        assert_eq!(of_ann(&daemon.store).await, before);

        let form = "language=ko&timezone=Europe%2FBerlin&hour=18&cadence.letter=daily&topic.letter=books\
                    &topic.letter=film&pause.letter=&cadence.notes=monthly&pause.notes=2026-12-24";
        let kept = post(web, &page, form).await;
        assert!(kept.status == 200 && kept.body.contains("role=\"status\""), "{}", kept.body);
        assert!(kept.body.contains("lang=\"ko\"") && kept.body.contains("2026년 12월 24일 목요일"), "{}", kept.body);
        let after = of_ann(&daemon.store).await;
        let [letter, notes] = after.as_slice() else { panic!("{after:?}") };
        assert_eq!((letter.cadence.as_str(), notes.cadence.as_str()), ("daily", "monthly"));
        assert_eq!(letter.topics, ["books".parse().unwrap(), "film".parse().unwrap()]);
        assert_eq!((letter.timezone, letter.hour, letter.language), (Some(Tz::Europe__Berlin), Some(18), Language::Ko));
        assert_eq!((letter.paused_until, notes.paused_until), (None, Some(at("2026-12-23T23:00:00Z"))));
        // The page says so, and sent back as it is changes nothing.
        let again = get(web, "GET", &page).await.body;
        for part in [
            "value=\"2026-12-24\"",
            "value=\"18\" selected",
            "<option selected>Europe/Berlin",
            "value=\"ko\" lang=\"ko\" selected",
        ] {
            assert!(again.contains(part), "{part} in {again}");
        }
        post(web, &page, &form.replace("pause.letter=&", "")).await;
        assert_eq!(of_ann(&daemon.store).await, after);
        // What changed is on record, once, and what she agreed to before still stands beside it.
        assert_eq!(
            bench.texts("SELECT origin || ': ' || words FROM consent WHERE act = 'changed' ORDER BY id").await,
            [
                "preferences: how often: daily; topics: books film; no pause",
                "preferences: how often: monthly; topics: all; no mails before 2026-12-23T23:00:00Z",
            ]
        );
        assert_eq!(after[0].consent, "for a test");

        // None is everything, everybody's clock, and no pause; what is not named stays.
        assert_eq!(post(web, &page, "language=en&timezone=&hour=&cadence.letter=daily").await.status, 200);
        let last = of_ann(&daemon.store).await;
        assert_eq!((last[0].topics.len(), last[0].timezone, last[0].hour), (0, None, None));
        assert_eq!((&last[1].cadence, last[1].paused_until), (&notes.cadence, notes.paused_until));

        // What she has left is no more on her page, and the page stays hers.
        assert_eq!(post(web, &format!("/u/{}", token(Purpose::Unsubscribe)), "").await.status, 200);
        let left = get(web, "GET", &page).await.body;
        assert!(!left.contains("cadence.letter") && left.contains("cadence.notes"), "{left}");
        let before = of_ann(&daemon.store).await;
        assert_eq!(post(web, &page, "language=en&timezone=&cadence.letter=weekly").await.status, 200);
        assert_eq!(of_ann(&daemon.store).await, before);
        // Revoked links are worth nothing.
        bench.execute("UPDATE subscription SET counter = 1 WHERE id = 1").await;
        assert_eq!(get(web, "GET", &page).await.status, 404);
        assert_eq!(post(web, &page, "language=ko&timezone=&cadence.notes=weekly").await.status, 404);
        assert!(daemon.stop().await);
    }
}

/// Of a newsletter that is configured no more there is nothing to choose but to leave.
#[tokio::test(flavor = "multi_thread")]
async fn a_newsletter_that_was_removed_can_still_be_left_from_the_page() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web, config) = ann(&bench, &clock).await;
        bench.execute("UPDATE subscription SET newsletter = 'gone' WHERE id = 2").await;
        let page = format!("/p/{}", config.secret.token(Purpose::Preferences, SubscriptionId(2), 0, ""));
        let shown = get(web, "GET", &page).await.body;
        let leave = format!("/u/{}", config.secret.token(Purpose::Unsubscribe, SubscriptionId(2), 0, ""));
        assert!(
            shown.contains(&leave) && !shown.contains("cadence.gone") && shown.contains("cadence.letter"),
            "{shown}"
        );
        assert_eq!(post(web, &page, "language=en&timezone=&cadence.letter=daily&cadence.gone=daily").await.status, 200);
        let after = of_ann(&daemon.store).await;
        assert_eq!((after[0].cadence.as_str(), after[1].cadence.as_str()), ("daily", "weekly"));
        assert!(daemon.stop().await);
    }
}

/// A paused reader is in no digest, what was frozen before is not mailed to them, and
/// they come back by themselves with what is new then.
#[tokio::test]
async fn who_pauses_gets_nothing_until_that_day_and_then_goes_on() {
    for bench in engines::all().await {
        let outbox = bench.folder.path().join("outbox");
        let (_, config) = configured(&bench, &format!("maildir:{}", outbox.display()));
        let stage = Stage::new(&bench, config, at("2026-11-21T22:00:00Z")).await;
        stage.readers(2, "daily").await;
        let readers = stage.store.subscriptions(&SubscriptionFilter { limit: 10, ..Default::default() }).await.unwrap();
        let pause = |until: Option<&str>| Change { paused_until: Some(until.map(at)), ..Change::default() };
        let mailed = |title: &str| {
            let all = std::fs::read_dir(outbox.join("new")).map(|files| files.flatten().collect()).unwrap_or_default();
            let all: Vec<std::fs::DirEntry> = all;
            let mails = all.iter().map(|file| std::fs::read_to_string(file.path()).unwrap());
            let mut to: Vec<String> = mails
                .filter(|mail| mail.contains(&format!("About {title}.")))
                .map(|mail| mail.lines().find_map(|line| line.strip_prefix("To: ").map(str::to_owned)).unwrap())
                .collect();
            to.sort();
            to
        };
        let day = async |title: &str| {
            stage.clock.advance(Duration::from_hours(23));
            stage.admit(&[title]).await;
            stage.clock.advance(Duration::from_hours(1));
            stage.digester().fire_due().await.unwrap();
        };
        // Frozen before she pauses, not mailed yet: P9 holds for a pause too.
        day("one").await;
        stage
            .store
            .change_subscription(
                readers[0].id,
                &pause(Some("2026-11-25T15:00:00Z")),
                &Given::by_command("a test", ""),
                stage.clock.now(),
            )
            .await
            .unwrap();
        stage.deliverer().drain().await.unwrap();
        assert_eq!(mailed("one"), ["r1@example.org"]);
        day("two").await;
        stage.deliverer().drain().await.unwrap();
        assert_eq!(mailed("two"), ["r1@example.org"]);
        // Every digest's balance is closed: nobody waits for her.
        let open = bench.texts("SELECT state FROM digest WHERE state <> 'done'").await;
        assert!(open.is_empty(), "{open:?}");
        // A change of the cadence while she pauses brings nothing that she would not have had.
        let weekly = Change { cadence: Some("weekly".parse().unwrap()), ..Change::default() };
        stage
            .store
            .change_subscription(readers[0].id, &weekly, &Given::by_command("a test", ""), stage.clock.now())
            .await
            .unwrap();
        day("three").await;
        stage.deliverer().drain().await.unwrap();
        let daily = Change { cadence: Some("daily".parse().unwrap()), ..Change::default() };
        stage
            .store
            .change_subscription(readers[0].id, &daily, &Given::by_command("a test", ""), stage.clock.now())
            .await
            .unwrap();
        day("four").await;
        stage.deliverer().drain().await.unwrap();
        assert_eq!(mailed("three"), ["r1@example.org"]);
        assert_eq!(mailed("four"), ["r0@example.org", "r1@example.org"], "{:?}", stage.clock.now());
        for title in ["one", "two", "three"] {
            assert_eq!(mailed(title), ["r1@example.org"], "{title}");
        }
    }
}

/// `deliver = "local"`: each reader's copy leaves at the hour that they chose, by
/// their own clock.
#[tokio::test]
async fn mails_come_at_the_hour_that_each_reader_chose_by_their_own_clock() {
    for bench in engines::all().await {
        let outbox = bench.folder.path().join("outbox");
        let (_, config) = configured(&bench, &format!("maildir:{}", outbox.display()));
        let stage = Stage::new(&bench, config, at("2026-11-22T10:00:00Z")).await;
        stage.readers(5, "daily").await;
        let readers = stage.store.subscriptions(&SubscriptionFilter { limit: 10, ..Default::default() }).await.unwrap();
        // The newsletter's own time is 07:00 in Seoul, which is 22:00 of the day before in UTC.
        for (reader, zone, hour) in [
            (1, None, Some(18)),
            (2, Some(Tz::Europe__Berlin), None),
            (3, Some(Tz::Europe__Berlin), Some(20)),
            (4, None, Some(6)),
        ] {
            let change = Change { timezone: Some(zone), hour: Some(hour), ..Change::default() };
            stage
                .store
                .change_subscription(readers[reader].id, &change, &Given::by_command("a test", ""), stage.clock.now())
                .await
                .unwrap();
        }
        stage.admit(&["one"]).await;
        let mut seen = Vec::new();
        // The hours of the mails and those before them, of UTC since the midnight of 22 November.
        for hour in [21, 22, 29, 30, 32, 33, 42, 43, 44, 45, 60] {
            stage.clock.set(at("2026-11-22T00:00:00Z").plus(Duration::from_hours(hour)));
            stage.digester().fire_due().await.unwrap();
            stage.deliverer().drain().await.unwrap();
            let files =
                std::fs::read_dir(outbox.join("new")).map(|files| files.flatten().collect()).unwrap_or_default();
            let files: Vec<std::fs::DirEntry> = files;
            for file in files {
                let mail = std::fs::read_to_string(file.path()).unwrap();
                let field = |name: &str| mail.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                seen.push((hour, field("To: ").unwrap(), field("Date: ").unwrap()));
                std::fs::remove_file(file.path()).unwrap();
            }
        }
        let came: Vec<(u64, &str)> = seen.iter().map(|(hour, to, _)| (*hour, &to[..2])).collect();
        assert_eq!(came, [(22, "r0"), (30, "r2"), (33, "r1"), (43, "r3"), (45, "r4")]);
        assert_eq!(seen[2].2, "Mon, 23 Nov 2026 09:00:00 +0000");
    }
}

/// The link stands in each reader's copy, and no token of another is in it.
#[tokio::test]
async fn each_mail_has_its_readers_own_link_to_their_choices() {
    for bench in engines::all().await {
        let outbox = bench.folder.path().join("outbox");
        let (_, config) = configured(&bench, &format!("maildir:{}", outbox.display()));
        let secret = config.secret.clone();
        let stage = Stage::new(&bench, config, at("2026-11-22T12:00:00Z")).await;
        stage.readers(2, "daily").await;
        stage.admit(&["one"]).await;
        stage.clock.advance(Duration::from_hours(10));
        let fired = stage.digester().fire_due().await.unwrap();
        assert!(fired.iter().any(|fired| matches!(fired.outcome, Outcome::Frozen { recipients: 2, .. })), "{fired:?}");
        assert_eq!(stage.deliverer().drain().await.unwrap().sent, 2);
        let readers = stage.store.subscriptions(&SubscriptionFilter { limit: 10, ..Default::default() }).await.unwrap();
        let mut found = Vec::new();
        for file in std::fs::read_dir(outbox.join("new")).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
            let to = mail.to().unwrap().first().unwrap().address.as_deref().unwrap().to_owned();
            let own = readers.iter().find(|reader| reader.email.as_str() == to).unwrap();
            for part in [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()] {
                for reader in &readers {
                    let link = format!("/p/{}", secret.token(Purpose::Preferences, reader.id, reader.counter, ""));
                    assert_eq!(part.contains(&link), reader.id == own.id, "{part}");
                }
                assert!(!part.contains(['\u{e000}', '\u{e001}']), "{part}");
            }
            found.push(to);
        }
        assert_eq!(found.len(), 2);
    }
}
