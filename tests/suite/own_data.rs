//! What a reader may do with what is stored of them: another address, their data, its
//! erasure; and what the holder of a forwarded mail may not.

use crate::engines::{self, Bench};
use crate::program::until;
use crate::serving::{get, post};
use crate::stage::{self, at};
use mail_parser::MessageParser;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Retention};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::id::SubscriptionId;
use syndicated::domain::language::Language;
use syndicated::domain::token::Purpose;
use syndicated::scheduler::Roles;
use syndicated::store::{Own, Wish};

const HOUR: Duration = Duration::from_hours(1);

async fn daemon(bench: &Bench, clock: &Clock) -> (Daemon, SocketAddr, Config) {
    let relay = format!("maildir:{}", bench.folder.path().join("outbox").display());
    let config = stage::config(bench, &relay, "{ daily = \"0 7 * * *\", weekly = \"0 7 * * MON\" }", "");
    let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
    let daemon = Daemon::start(config.clone(), outside).await.unwrap();
    for email in ["ann@example.org", "ben@example.org"] {
        let (email, newsletter, cadence) =
            (email.parse().unwrap(), "letter".parse().unwrap(), "daily".parse().unwrap());
        let own = Own { name: Some("Known by name"), ..Own::default() };
        let language = Language::En;
        let wish =
            Wish { email: &email, newsletter: &newsletter, cadence: &cadence, language, consent: "said so", own };
        daemon.store.add_confirmed(&[wish], clock.now()).await.unwrap();
    }
    let web = daemon.web.unwrap();
    (daemon, web, config)
}

fn page(config: &Config, subscription: i64) -> String {
    format!("/p/{}", config.secret.token(Purpose::Preferences, SubscriptionId(subscription), 0, ""))
}

/// The newest letter to `to` whose subject has `words`: the path of its link.
async fn letter(bench: &Bench, to: &str, words: &str) -> String {
    let folder = bench.folder.path().join("outbox/new");
    until(&format!("a letter to {to}: {words}"), async || {
        let mut files: Vec<_> = std::fs::read_dir(&folder).ok()?.flatten().collect();
        files.sort_by_key(|file| file.metadata().and_then(|data| data.modified()).ok());
        files.iter().rev().find_map(|file| {
            let bytes = std::fs::read(file.path()).unwrap();
            let mail = MessageParser::default().parse(&bytes).unwrap();
            let fits = mail.to()?.first()?.address.as_deref() == Some(to) && mail.subject()?.contains(words);
            let text = mail.body_text(0)?;
            let (_, link) = text.split_once("http://news.example.org")?;
            fits.then(|| link.split_whitespace().next().unwrap_or_default().to_owned())
        })
    })
    .await
}

async fn addresses(bench: &Bench) -> Vec<String> {
    bench.texts("SELECT email FROM subscriber ORDER BY id").await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_counts_once_it_is_confirmed_there_and_the_old_one_may_take_it_back() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web, config) = daemon(&bench, &clock).await;
        let ann = page(&config, 1);
        assert_eq!(post(web, &format!("{ann}/address"), "email=nonsense").await.status, 422);
        let asked = post(web, &format!("{ann}/address"), "email=Ann%40example.net").await;
        assert!(asked.status == 200 && !asked.body.contains("example.net"), "{}", asked.body);
        let first = letter(&bench, "Ann@example.net", "confirm your new address").await;
        assert!(first.starts_with("/address/"), "{first}");
        for method in ["GET", "HEAD"] {
            assert_eq!(get(web, method, &first).await.status, 200);
        }
        assert_eq!(addresses(&bench).await, ["ann@example.org", "ben@example.org"]);

        // She asks again: the last one counts.
        clock.advance(HOUR);
        post(web, &format!("{ann}/address"), "email=ann%40example.com").await;
        let second = letter(&bench, "ann@example.com", "confirm your new address").await;
        assert_eq!(post(web, &first, "").await.status, 410);
        assert_eq!(addresses(&bench).await[0], "ann@example.org");
        assert_eq!(post(web, &second, "").await.status, 200);
        assert_eq!(addresses(&bench).await[0], "ann@example.com");
        assert_eq!(post(web, &second, "").await.status, 410);
        // Links of mails to the old address are good as before.
        assert_eq!(get(web, "GET", &ann).await.status, 200);

        // The old address is told, and takes it back; the new one is not asked again.
        let back = letter(&bench, "ann@example.org", "another address now").await;
        assert_eq!(get(web, "GET", &back).await.status, 200);
        assert_eq!(addresses(&bench).await[0], "ann@example.com");
        assert_eq!(post(web, &back, "").await.status, 200);
        assert_eq!(addresses(&bench).await[0], "ann@example.org");
        assert!(bench.texts("SELECT email FROM address_change").await.is_empty());
        assert_eq!(bench.texts("SELECT kind FROM letter").await, ["address"; 3]);
        // Each change is on record, in the words of the page that did it.
        let changes = "SELECT origin || ' ' || address || ' ' || words FROM consent WHERE act = 'changed' ORDER BY id";
        let words = "page 127.0.0.1 Press the button, and your mails from us will come to this mailbox.";
        assert_eq!(bench.texts(changes).await, [words; 2]);
        assert!(daemon.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_another_reader_is_not_taken_over_and_letters_are_few() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web, config) = daemon(&bench, &clock).await;
        let asking = format!("{}/address", page(&config, 1));
        let to_nobody = post(web, &asking, "email=nobody%40example.org").await;
        let to_ben = post(web, &asking, "email=BEN%40example.org").await;
        // S8: the page does not tell whether an address is known.
        assert_eq!((to_ben.status, &to_ben.body), (200, &to_nobody.body));
        let link = letter(&bench, "BEN@example.org", "confirm").await;
        assert_eq!(post(web, &link, "").await.status, 409);
        assert_eq!(addresses(&bench).await, ["ann@example.org", "ben@example.org"]);
        // Three a day by one link, five an hour from one network.
        for (address, status) in [("third", 200), ("fourth", 200), ("fifth", 200), ("sixth", 429)] {
            assert_eq!(post(web, &asking, &format!("email={address}%40example.org")).await.status, status, "{address}");
        }
        assert_eq!(bench.texts("SELECT kind FROM letter").await, ["address"; 3]);
        let link = letter(&bench, "third@example.org", "confirm").await;
        // What nobody confirmed is over in two days, and so is the keeping of its address.
        let kept = async || bench.texts("SELECT email FROM address_change").await;
        clock.advance(47 * HOUR);
        daemon.store.sweep(&Retention::default(), &config.secret, clock.now()).await.unwrap();
        assert_eq!(kept().await, ["third@example.org"]);
        clock.advance(2 * HOUR);
        assert_eq!(post(web, &link, "").await.status, 410);
        daemon.store.sweep(&Retention::default(), &config.secret, clock.now()).await.unwrap();
        assert!(kept().await.is_empty());
        for wrong in ["x", "1.0.AAAA", &config.secret.token(Purpose::Address, SubscriptionId(9), 0, "")] {
            assert_eq!(get(web, "GET", &format!("/address/{wrong}")).await.status, 404, "{wrong}");
            assert_eq!(post(web, &format!("/p/{wrong}/address"), "email=a%40example.org").await.status, 404, "{wrong}");
        }
        assert!(daemon.stop().await);
    }
}

/// S5: two links are no way to fill a mailbox; and what an address was kept from, or
/// counted for, is over when its owner confirms there.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_is_asked_three_times_a_month_and_whoever_confirms_there_is_mailed_there() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web, config) = daemon(&bench, &clock).await;
        let erased = "erased@example.net".parse().unwrap();
        let (newsletter, cadence) = ("letter".parse().unwrap(), "daily".parse().unwrap());
        let wish = Wish {
            email: &erased,
            newsletter: &newsletter,
            cadence: &cadence,
            language: Language::En,
            consent: "said so",
            own: Own::default(),
        };
        daemon.store.add_confirmed(&[wish], clock.now()).await.unwrap();
        assert!(daemon.store.erase_subscriber(&erased, &config.secret, clock.now()).await.unwrap());
        bench
            .execute(
                "INSERT INTO bounce (sameness, door, kind, subscriber_id, words, received_at)
                 VALUES ('s', 'pipe', 'soft', 1, 'mailbox full', 1)",
            )
            .await;
        for (number, reader) in [1, 1, 2, 2, 1].into_iter().enumerate() {
            let form = format!("email=Erased%2B{number}%40example.net");
            assert_eq!(post(web, &format!("{}/address", page(&config, reader)), &form).await.status, 200);
            clock.advance(HOUR);
        }
        assert_eq!(bench.texts("SELECT kind FROM letter").await, ["address"; 3]);
        assert_eq!(bench.texts("SELECT address_hash FROM suppression").await.len(), 1);
        clock.advance(31 * 24 * HOUR);
        post(web, &format!("{}/address", page(&config, 1)), "email=erased%40example.net").await;
        let link = letter(&bench, "erased@example.net", "confirm").await;
        assert_eq!(post(web, &link, "").await.status, 200);
        assert_eq!(addresses(&bench).await[0], "erased@example.net");
        assert!(bench.texts("SELECT address_hash FROM suppression").await.is_empty());
        assert_eq!(bench.texts("SELECT CAST(COUNT(*) AS TEXT) FROM bounce WHERE counts").await, ["0"]);
        assert!(daemon.stop().await);
    }
}

/// Whoever got a forwarded mail may ask, and sees nothing: the link comes to the
/// reader's mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_and_saves_all_that_is_stored_by_a_link_that_comes_by_mail() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web, config) = daemon(&bench, &clock).await;
        let tag = "vip".parse().unwrap();
        daemon.store.tag_subscriber(&"ann@example.org".parse().unwrap(), &[tag], &[]).await.unwrap();
        bench
            .execute(
                "INSERT INTO bounce (sameness, door, kind, subscriber_id, words, why, received_at)
                 VALUES ('s', 'pipe', 'soft', 1, 'mailbox full', 'w', 1)",
            )
            .await;
        let asked = post(web, &format!("{}/data", page(&config, 1)), "").await;
        assert!(asked.status == 200 && !asked.body.contains("ann"), "{}", asked.body);
        let link = letter(&bench, "ann@example.org", "stored").await;
        let shown = get(web, "GET", &link).await;
        assert!(shown.status == 200 && shown.head.contains("no-store") && shown.head.contains("noindex"));
        assert!(shown.body.contains("ann@example.org") && !shown.body.contains("ben@"), "{}", shown.body);
        let file = get(web, "GET", &format!("{link}/data.json")).await;
        assert!(file.head.contains("content-disposition: attachment; filename=\"data.json\""), "{}", file.head);
        let data: Value = serde_json::from_str(&file.body).unwrap();
        assert_eq!(data["reader"]["address"], "ann@example.org");
        assert_eq!(data["reader"]["name"], "Known by name");
        assert_eq!(data["subscriptions"][0]["consents"][0]["words"], "said so");
        assert_eq!((&data["reader"]["tags"][0], &data["bounces"][0]["words"]), (&"vip".into(), &"mailbox full".into()));
        assert_eq!(data["subscriptions"][0]["cadence"], "daily");
        assert_eq!(data["letters"][0]["kind"], "data");
        // The link to her choices shows none of that, another reader's link nothing of hers.
        let other = config.secret.token(Purpose::Data, SubscriptionId(2), 0, &clock.now().millis().to_string());
        let choices = config.secret.token(Purpose::Preferences, SubscriptionId(1), 0, "");
        for wrong in [other.as_str(), &choices, "1.0.AAAA", "x"] {
            assert_eq!(get(web, "GET", &format!("/data/{wrong}")).await.status, 404, "{wrong}");
            assert_eq!(get(web, "GET", &format!("/data/{wrong}/data.json")).await.status, 404, "{wrong}");
        }
        for _ in 0..5 {
            assert_eq!(post(web, &format!("{}/data", page(&config, 1)), "").await.status, 200);
        }
        assert_eq!(bench.texts("SELECT kind FROM letter").await, ["data"; 3]);
        clock.advance(48 * HOUR);
        assert_eq!(get(web, "GET", &link).await.status, 404, "too old");
        assert!(daemon.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_erases_themselves_in_two_steps_and_nothing_names_them_any_more() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let (daemon, web, config) = daemon(&bench, &clock).await;
        let ann = page(&config, 1);
        post(web, &format!("{ann}/data"), "").await;
        let data = letter(&bench, "ann@example.org", "stored").await;
        post(web, &format!("{ann}/address"), "email=ann%40example.net").await;
        let address = letter(&bench, "ann@example.net", "confirm").await;
        let erase = format!("{ann}/erase");
        let shown = get(web, "GET", &erase).await;
        assert!(shown.status == 200 && shown.body.contains(&format!("action=\"{erase}\"")), "{}", shown.body);
        assert_eq!(addresses(&bench).await.len(), 2);
        let erased = post(web, &erase, "").await;
        assert!(erased.status == 200 && erased.body.contains("Erased"), "{}", erased.body);
        assert_eq!(addresses(&bench).await, ["ben@example.org"]);
        for table in ["letter WHERE recipient LIKE 'ann%'", "address_change", "subscription WHERE subscriber_id = 1"] {
            assert_eq!(bench.texts(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}")).await, ["0"], "{table}");
        }
        for over in [&data, &address] {
            assert_eq!(get(web, "GET", over).await.status, 404, "{over}");
        }
        // Her own links say what became of it, and her mail program's button succeeds.
        let gone = "Nothing comes by this link any more";
        for answer in [get(web, "GET", &ann).await, get(web, "GET", &erase).await, post(web, &erase, "").await] {
            assert!(answer.status == 410 && answer.body.contains(gone), "{}", answer.body);
        }
        let leave = format!("/u/{}", config.secret.token(Purpose::Unsubscribe, SubscriptionId(1), 0, ""));
        for answer in [get(web, "GET", &leave).await, post(web, &leave, "List-Unsubscribe=One-Click").await] {
            assert!(answer.status == 200 && answer.body.contains(gone), "{}", answer.body);
        }
        assert_eq!(get(web, "GET", &format!("{leave}x")).await.status, 404);
        // Ben is as he was.
        assert_eq!(get(web, "GET", &page(&config, 2)).await.status, 200);
        assert!(daemon.stop().await);
    }
}
