//! What a reader may change by the link in each mail, and by no other.

use crate::engines::{self, Bench};
use crate::program::Program;
use crate::serving::{get, post};
use crate::stage::{self, Stage, at};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use syndicated::clock::Chance;
use syndicated::config::{Config, Environment};
use syndicated::domain::id::SubscriptionId;
use syndicated::domain::token::Purpose;
use syndicated::flow::digest::Outcome;
use syndicated::store::SubscriptionFilter;

const CADENCES: &str =
    "{ weekly = \"0 7 * * MON\", daily = { schedule = \"0 7 * * *\", deliver = \"local\", greeting = true } }";

/// A configuration with something to choose, as a file, and as it is understood.
fn configured(bench: &Bench, relay: &str) -> (PathBuf, Config) {
    let path = bench.folder.path().join("config.toml");
    let more = "topics = { film = [\"category: film\"], books = [\"category: books\"] }\n";
    std::fs::write(&path, stage::toml(bench, relay, CADENCES, "") + more).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    (path.clone(), Config::load(&path, &environment, &Chance::seeded(1)).unwrap())
}

async fn ann(program: &Program) -> Value {
    let list: Value = serde_json::from_str(&program.command(&["subscriber", "list", "--json"]).await).unwrap();
    list[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_changes_what_they_get_by_their_own_link_and_by_looking_changes_nothing() {
    for bench in engines::all().await {
        let (path, config) = configured(&bench, "maildir:unused");
        let program = Program::start(&path).await;
        program.command(&["subscriber", "add", "ann@example.org", "--topics", "film"]).await;
        let id = SubscriptionId(1);
        let token = |purpose| config.secret.token(purpose, id, 0, "");
        let page = format!("/p/{}", token(Purpose::Preferences));

        let shown = get(program.web, "GET", &page).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        assert!(shown.body.contains("value=\"weekly\" selected"), "{}", shown.body);
        assert!(shown.body.contains("value=\"film\" checked"), "{}", shown.body);
        assert!(shown.body.contains("value=\"books\">") && shown.body.contains("<option>Asia/Seoul"), "{}", shown.body);
        assert!(shown.head.to_lowercase().contains("cache-control: no-store"), "{}", shown.head);
        assert!(shown.head.to_lowercase().contains("x-robots-tag: noindex"), "{}", shown.head);
        get(program.web, "HEAD", &page).await;
        assert_eq!(ann(&program).await["cadence"], "weekly");

        // What was not offered changes nothing.
        for (form, status) in [
            ("cadence=hourly", 422),
            ("cadence=daily&topic=chess", 422),
            ("cadence=daily&timezone=Mars%2FBase", 422),
            ("", 422),
        ] {
            assert_eq!(post(program.web, &page, form).await.status, status, "{form}");
        }
        // Nor does a link of another kind, of another reader, or of nobody.
        let other = config.secret.token(Purpose::Preferences, SubscriptionId(2), 0, "");
        for wrong in
            [token(Purpose::Unsubscribe), token(Purpose::Confirm), other, "1.0.AAAA".to_owned(), "x".to_owned()]
        {
            let wrong = format!("/p/{wrong}");
            assert_eq!(get(program.web, "GET", &wrong).await.status, 404);
            assert_eq!(post(program.web, &wrong, "cadence=daily").await.status, 404);
        }
        let before = ann(&program).await;
        assert_eq!((&before["cadence"], &before["topics"]), (&"weekly".into(), &serde_json::json!(["film"])));

        let kept = post(program.web, &page, "cadence=daily&topic=books&topic=film&timezone=Europe%2FBerlin").await;
        assert!(kept.status == 200 && kept.body.contains("Letters"), "{}", kept.body);
        let after = ann(&program).await;
        assert_eq!((&after["cadence"], &after["timezone"]), (&"daily".into(), &"Europe/Berlin".into()));
        assert_eq!(after["topics"], serde_json::json!(["books", "film"]));
        // None is everything, and everybody's clock.
        assert_eq!(post(program.web, &page, "cadence=daily&timezone=").await.status, 200);
        let after = ann(&program).await;
        assert_eq!((&after["topics"], &after["timezone"]), (&serde_json::json!([]), &Value::Null));

        // Who has left changes nothing any more.
        assert_eq!(post(program.web, &format!("/u/{}", token(Purpose::Unsubscribe)), "").await.status, 200);
        assert_eq!(get(program.web, "GET", &page).await.status, 404);
        assert_eq!(post(program.web, &page, "cadence=weekly").await.status, 404);
        assert_eq!(ann(&program).await["cadence"], "daily");
        program.terminate().await;
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
        assert!(matches!(fired.last().unwrap().outcome, Outcome::Frozen { recipients: 2, .. }), "{fired:?}");
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
