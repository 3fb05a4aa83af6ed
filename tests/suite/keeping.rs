//! What is kept of readers, for how long, and what the law wants of advertising.

use crate::engines;
use crate::serving::{get, send};
use crate::sign_ups::{Site, secret};
use crate::stage::{self, Stage, at};
use std::time::Duration;
use syndicated::config::Retention;
use syndicated::domain::consent::Act;
use syndicated::domain::id::SubscriptionId;
use syndicated::domain::language::Language;
use syndicated::domain::subscriber::SubscriptionState;
use syndicated::domain::token::Purpose;
use syndicated::flow::digest::Outcome;
use syndicated::flow::subscribe::Door;
use syndicated::store::{Added, Fate, ImportProgress, Incoming, Own, SubscriptionFilter, Wish};

const DAY: Duration = Duration::from_hours(24);
const TABLES: [&str; 8] =
    ["subscriber", "subscription", "consent", "letter", "delivery", "suppression", "digest", "meta"];

/// The tables in which a text stands, whatever the column.
async fn holding(bench: &engines::Bench, needle: &str) -> Vec<&'static str> {
    let columns = |table| match table {
        "subscriber" => "email || email_key || COALESCE(name, '')",
        "subscription" => "newsletter",
        "consent" => "words || form || COALESCE(address, '')",
        "letter" => "recipient || subject || body || html",
        "delivery" => "COALESCE(reply, '')",
        "suppression" => "address_hash || reason",
        "digest" => "subject || html || plain",
        _ => "value",
    };
    let mut found = Vec::new();
    for table in TABLES {
        let sql = format!("SELECT CAST({} AS TEXT) FROM {table}", columns(table));
        if bench.texts(&sql).await.iter().any(|text| text.to_lowercase().contains(needle)) {
            found.push(table);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_that_nobody_confirms_go_after_a_week() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        site.sign_up("/subscribe/letter", "email=ann%40example.com").await;
        site.mail(0).await;
        site.join("email=ben%40example.com", "letter", 1).await;
        let ben = site.subscriptions().await.remove(1);
        let goodbye = format!("/u/{}", secret().token(Purpose::Unsubscribe, ben.id, ben.counter, ""));
        send(site.web, &goodbye, "", "").await;
        let left_at = site.subscriptions().await[1].ended_at;
        // He asks again and does not confirm.
        site.clock.advance(DAY);
        site.sign_up("/subscribe/letter", "email=ben%40example.com").await;
        site.mail(2).await;
        site.clock.advance(Duration::from_hours(6 * 24 - 1));
        assert_eq!(holding(&bench, "ann@example.com").await, ["subscriber", "letter"], "{}", bench.engine);
        site.clock.advance(Duration::from_hours(1));
        let swept = site.daemon.store.sweep(&Retention::default(), &secret(), site.clock.now()).await.unwrap();
        assert!(swept.unconfirmed <= 1, "the daemon may have been quicker: {swept:?}");
        assert!(holding(&bench, "ann@example.com").await.is_empty(), "{}", bench.engine);
        assert_eq!(site.state("ben@example.com", "letter").await, Some(SubscriptionState::Pending));
        // He has left, as before.
        site.clock.advance(DAY);
        site.daemon.store.sweep(&Retention::default(), &secret(), site.clock.now()).await.unwrap();
        assert_eq!(site.state("ben@example.com", "letter").await, Some(SubscriptionState::Unsubscribed));
        assert_eq!(site.subscriptions().await[0].ended_at, left_at);
        assert!(site.daemon.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_and_what_was_written_goes_when_its_time_is_over() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        site.join("email=ann%40example.com", "letter", 0).await;
        let ann = site.subscriptions().await.remove(0);
        let goodbye = format!("/u/{}", secret().token(Purpose::Unsubscribe, ann.id, ann.counter, ""));
        send(site.web, &goodbye, "", "").await;
        site.clock.advance(90 * DAY);
        site.in_an_hour("the letter is gone", async || {
            (holding(&bench, "ann@example.com").await == ["subscriber"]).then_some(())
        })
        .await;
        // The link in her old mails works as long as there is anything to leave.
        assert_eq!(get(site.web, "GET", &goodbye).await.status, 200);
        site.clock.advance(1005 * DAY);
        site.in_an_hour("she is gone", async || site.subscriptions().await.is_empty().then_some(())).await;
        assert!(holding(&bench, "ann").await.is_empty(), "{}", bench.engine);
        assert_eq!(bench.texts("SELECT reason FROM suppression").await, ["erased"]);
        assert!(site.daemon.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_leaves_a_hash_and_comes_back_by_the_form_alone() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        site.join("email=Ann%40example.com", "letter", 0).await;
        let ann = "ann@example.com".parse().unwrap();
        let store = site.daemon.store.clone();
        assert!(store.erase_subscriber(&ann, &secret(), site.clock.now()).await.unwrap());
        assert!(holding(&bench, "ann").await.is_empty(), "{}", bench.engine);
        let hashes = bench.texts("SELECT address_hash FROM suppression").await;
        assert_eq!(hashes, [secret().address_hash("ann@example.com")]);
        assert!(!store.erase_subscriber(&ann, &secret(), site.clock.now()).await.unwrap());

        // On the operator's word nothing is mailed to her.
        let newsletter = "offers".parse().unwrap();
        let cadence = "weekly".parse().unwrap();
        let wish = syndicated::store::Wish {
            email: &ann,
            newsletter: &newsletter,
            cadence: &cadence,
            language: syndicated::domain::language::Language::En,
            consent: "she told us",
            own: syndicated::store::Own::default(),
        };
        store.add_confirmed(&[wish], site.clock.now()).await.unwrap();
        site.clock.advance(DAY);
        site.join("email=ann%40example.com", "letter", 1).await;
        assert!(bench.texts("SELECT reason FROM suppression").await.is_empty());
        assert_eq!(site.state("ann@example.com", "letter").await, Some(SubscriptionState::Confirmed));
        assert!(site.daemon.stop().await);
    }
}

/// Korea's Network Act, Article 50.
#[tokio::test(flavor = "multi_thread")]
async fn advertising_is_agreed_to_expressly_confirmed_and_asked_about_every_two_years() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        let page = get(site.web, "GET", "/subscribe/offers").await.body;
        let said = "I agree that Good News sends me advertising by mail.";
        assert!(
            page.contains("type=\"checkbox\" name=\"agreed\" value=\"yes\" required>") && page.contains(said),
            "{page}"
        );
        let refused = site.sign_up("/subscribe/offers", "email=ann%40example.com").await;
        assert!(refused.status == 422 && refused.body.contains("Please tick the box"), "{}", refused.body);
        let sneaked = site.sign_up("/subscribe/letter", "email=ann%40example.com&newsletter=offers").await;
        assert!(sneaked.status == 422 && sneaked.body.contains(said), "{}", sneaked.body);

        site.join("email=ann%40example.com&agreed=yes&language=ko", "offers", 0).await;
        let ann = site.subscriptions().await.remove(0);
        let records = stage::on_record(&site.daemon.store, ann.id).await;
        assert!(records[0].words.contains(said), "{}", records[0].words);
        // The receipt is no advertising, and says who, when and how to take it back.
        let receipt = site.mail(1).await;
        assert!(!receipt.subject.contains("광고") && receipt.subject.contains("Offers"), "{}", receipt.subject);
        for needed in ["2026년 11월 23일", "수신에 동의하셨음을 Good News에서", "/u/", "+82 2-123-4567"] {
            let text = receipt.text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(needed), "{needed}: {text}");
        }
        assert!(receipt.raw.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{}", receipt.raw);

        site.join("email=ben%40example.com&agreed=yes", "offers", 2).await;
        site.mail(3).await;
        site.join("email=eve%40example.com", "letter", 4).await;
        site.clock.advance(729 * DAY);
        assert_eq!(site.mails().len(), 5);
        let ben = site.subscriptions().await.remove(1);
        send(site.web, &format!("/u/{}", secret().token(Purpose::Unsubscribe, ben.id, 0, "")), "", "").await;
        // He is told that he has left, which the law wants too.
        assert_eq!(site.mail(5).await.to, "ben@example.com");
        site.clock.advance(DAY);
        let renewal = site.in_an_hour("she is asked", async || site.mails().into_iter().nth(6)).await;
        assert_eq!(renewal.to, "ann@example.com");
        assert!(renewal.subject.contains("계속 받으시겠습니까"), "{}", renewal.subject);
        assert!(renewal.text.contains("2026년 11월 23일") && renewal.text.contains("무료로"), "{}", renewal.text);
        let records = stage::on_record(&site.daemon.store, ann.id).await;
        assert_eq!(records.last().map(|record| record.act), Some(Act::Renewed));
        // Her way out works, and she is not asked again for two years.
        assert_eq!(get(site.web, "GET", &renewal.link("/u/")).await.status, 200);
        site.clock.advance(720 * DAY);
        assert_eq!(site.mails().len(), 7);
        site.clock.advance(9 * DAY);
        site.clock.advance(DAY);
        let again = site.in_an_hour("she is asked again", async || site.mails().into_iter().nth(7)).await;
        assert_eq!(again.to, "ann@example.com");
        assert!(site.daemon.stop().await);
    }
}

#[tokio::test]
async fn advertising_says_so_at_the_head_of_its_subject_and_how_to_refuse_it() {
    for bench in engines::all().await {
        let outbox = bench.folder.path().join("outbox");
        let relay = format!("maildir:{}", outbox.display());
        let more = "commercial = true\ncontact = \"+82 2-123-4567, 1 Main Street, Seoul\"\nsubject = \"{title}!\"\ngoodbye = false\n";
        let text = stage::toml(&bench, &relay, "{ daily = \"0 7 * * *\" }", "") + more;
        let stage = Stage::new(&bench, stage::load(&bench, &text), at("2026-11-22T12:00:00Z")).await;
        stage.readers(1, "daily").await;
        stage.admit(&["one"]).await;
        stage.clock.advance(Duration::from_hours(10));
        let fired = stage.digester().fire_due().await.unwrap();
        assert!(matches!(fired.last().unwrap().outcome, Outcome::Frozen { recipients: 1, .. }), "{fired:?}");
        assert_eq!(stage.deliverer().drain().await.unwrap().sent, 1);
        let file = std::fs::read_dir(outbox.join("new")).unwrap().next().unwrap().unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        assert_eq!(crate::lint::faults(&bytes), Vec::<String>::new());
        let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(mail.subject(), Some("(광고) Letters!"));
        let out =
            format!("http://news.example.org/u/{}", secret().token(Purpose::Unsubscribe, SubscriptionId(1), 0, ""));
        for part in [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()] {
            for needed in [
                "Good News, news@example.org, +82 2-123-4567, 1 Main Street, Seoul",
                "무료로 수신을",
                "free of charge",
                out.as_str(),
            ] {
                let plain = part.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(plain.contains(needed), "{needed}: {part}");
            }
        }
        // That it was refused is said in a letter, whatever is said of others.
        let subscriptions = crate::bouncing::subscriptions(&stage);
        let token = secret().token(Purpose::Unsubscribe, SubscriptionId(1), 0, "");
        assert!(subscriptions.leave(&token, Door::Page, None).await.unwrap().is_some());
        assert_eq!(bench.texts("SELECT kind FROM letter").await, ["goodbye"]);
    }
}

/// Coming back is consent given anew: its words are shown and on record, and there is a receipt.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_to_advertising_agrees_to_it_anew_and_has_that_confirmed() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        site.join("email=ann%40example.com&agreed=yes", "offers", 0).await;
        let receipt = site.mail(1).await;
        // Whatever there is to choose of it, its page is where a reader rests, moves and sees what is stored.
        assert!(receipt.text.contains("/p/"), "{}", receipt.text);
        let ann = site.subscriptions().await.remove(0);
        let page = format!("/u/{}", secret().token(Purpose::Unsubscribe, ann.id, ann.counter, ""));
        let said = "you agree anew that Good News sends you advertising by mail";
        for turn in 0..4 {
            site.clock.advance(Duration::from_mins(1));
            let left = send(site.web, &page, "", "").await;
            assert!(left.body.contains(said), "{}", left.body);
            let (_, back) = left.body.split_once("action=\"/back/").unwrap();
            let back = format!("/back/{}", back.split_once('"').unwrap().0);
            let asked = get(site.web, "GET", &back).await;
            assert!(asked.status == 200 && asked.body.contains(said), "{}", asked.body);
            let done = send(site.web, &back, "", "").await;
            assert!(done.status == 200 && done.body.contains("Welcome back"), "{}", done.body);
            assert!(!done.body.contains(said), "{}", done.body);
            let records = stage::on_record(&site.daemon.store, ann.id).await;
            let last = records.last().unwrap();
            assert!(last.act == Act::Confirmed && last.words.contains(said), "{turn}: {}", last.words);
        }
        // Three receipts a day, the first included, as goodbyes are three.
        assert_eq!(bench.texts("SELECT kind FROM letter WHERE kind = 'welcome'").await.len(), 3);
        assert!(site.daemon.stop().await);
    }
}

/// A list that says of somebody that they have not confirmed: they wait as others do.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_by_a_list_goes_after_a_week_too() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        let now = site.clock.now();
        let store = &site.daemon.store;
        let row = Incoming {
            email: "ann@example.com".parse().unwrap(),
            name: None,
            language: Language::En,
            timezone: None,
            hour: None,
            newsletter: "letter".parse().unwrap(),
            cadence: "daily".parse().unwrap(),
            topics: Vec::new(),
            state: SubscriptionState::Pending,
            // Long before the list was brought.
            created_at: now.minus(400 * DAY),
            confirmed_at: None,
            ended_at: None,
            tells_end: false,
            ended_by: None,
            paused_until: None,
            tags: Vec::new(),
            consents: Vec::new(),
        };
        // Who left does not come back by a list because a stranger has asked in their name.
        site.join("email=ben%40example.com", "letter", 0).await;
        let ben = site.subscriptions().await.remove(0);
        send(site.web, &format!("/u/{}", secret().token(Purpose::Unsubscribe, ben.id, 0, "")), "", "").await;
        site.sign_up("/subscribe/letter", "email=ben%40example.com").await;
        assert_eq!(site.state("ben@example.com", "letter").await, Some(SubscriptionState::Pending));
        let (email, state) = (ben.email.clone(), SubscriptionState::Confirmed);
        let listed = Incoming { email, state, confirmed_at: Some(now), ..row.clone() };
        let step = store.import(&[listed], now).await.unwrap();
        assert_eq!(step.fates, [Fate::Left]);
        drop(step);
        let wish = Wish {
            email: &ben.email,
            newsletter: &ben.newsletter,
            cadence: &ben.cadence,
            language: Language::En,
            consent: "said so",
            own: Own::default(),
        };
        assert_eq!(store.add_confirmed(&[wish], now).await.unwrap(), [Added::Left]);
        let begun = store.begin_import("k", "list.csv", now).await.unwrap();
        let to = ImportProgress { finished: true, ..begun.clone() };
        store.import(&[row], now).await.unwrap().commit("k", &begun, &to, now).await.unwrap();
        let sweep = async || store.sweep(&Retention::default(), &secret(), site.clock.now()).await.unwrap();
        site.clock.advance(Duration::from_hours(7 * 24 - 1));
        sweep().await;
        assert_eq!(holding(&bench, "ann@example.com").await, ["subscriber"], "{}", bench.engine);
        site.clock.advance(Duration::from_hours(1));
        sweep().await;
        assert!(holding(&bench, "ann@example.com").await.is_empty(), "{}", bench.engine);
        assert!(site.daemon.stop().await);
    }
}

#[tokio::test]
async fn a_sweep_takes_little_at_a_time_and_all_of_it() {
    for bench in engines::all().await {
        let text = stage::toml(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, stage::load(&bench, &text), at("2026-11-22T12:00:00Z")).await;
        stage.readers(450, "daily").await;
        let now = stage.clock.now();
        bench
            .execute("UPDATE subscription SET state = 'pending', confirm_nonce = 'n', confirm_expires_at = created_at WHERE id > 10")
            .await;
        bench.execute("UPDATE consent SET address = '192.0.2.1'").await;
        let swept = stage.store.sweep(&Retention::default(), &secret(), now.plus(5 * DAY)).await.unwrap();
        assert_eq!((swept.unconfirmed, swept.network_addresses), (440, 0), "{}", bench.engine);
        let swept = stage.store.sweep(&Retention::default(), &secret(), now.plus(30 * DAY)).await.unwrap();
        assert_eq!((swept.unconfirmed, swept.network_addresses), (0, 10), "{}", bench.engine);
        let left = stage.store.subscriptions(&SubscriptionFilter { limit: 1_000, ..Default::default() }).await.unwrap();
        assert_eq!(left.len(), 10);
        assert_eq!(bench.texts("SELECT email FROM subscriber").await.len(), 10);
    }
}
