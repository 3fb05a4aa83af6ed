//! What is exported comes back unchanged: to the byte, in both forms, from one
//! engine into the other.

use crate::engines::{self, Bench};
use crate::subscribers::{configured, typed};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn instant() -> impl Strategy<Value = String> {
    (0_i64..4_000_000_000_000).prop_map(|millis| {
        let at = chrono::DateTime::from_timestamp_millis(millis).unwrap();
        at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    })
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,9}", "[ -~가-힣\r\n\t\"',;#\u{202e}é\u{0}]{0,40}", any::<String>()]
}

fn maybe<T: std::fmt::Debug>(some: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(some)
}

fn act() -> impl Strategy<Value = Value> {
    let act = prop::sample::select(vec!["asked", "confirmed", "imported", "added", "changed", "renewed", "ended"]);
    let origin = prop::sample::select(vec![
        "page",
        "embedded",
        "json",
        "import",
        "operator",
        "one-click",
        "mail",
        "preferences",
    ]);
    let address = maybe(prop::sample::select(vec!["192.0.2.7", "2001:db8::7"]));
    (act, instant(), words(), words(), origin, address).prop_map(|(act, at, form, words, origin, address)| {
        json!({ "act": act, "at": at, "form": form, "words": words, "origin": origin, "address": address })
    })
}

/// A row of an export, as wild as one can be.
fn row() -> impl Strategy<Value = Value> {
    let who = ("[#a-zA-Z0-9'+_-]{1,12}", maybe(words()), prop::sample::select(vec!["en", "ko"]));
    let zone = (maybe(prop::sample::select(vec!["Asia/Seoul", "America/New_York"])), maybe(0_u8..24));
    let what = prop::sample::select(vec![
        ("letter", "weekly", vec![]),
        ("letter", "daily", vec!["film"]),
        ("letter", "daily", vec!["books", "film"]),
        ("notes", "monthly", vec![]),
    ]);
    let state = prop::sample::select(vec!["pending", "confirmed", "unsubscribed"]);
    let dates = (instant(), maybe(instant()), maybe(instant()), maybe(words()), maybe(instant()));
    let tags = prop::collection::vec("[a-z가-힣 '\"#]{1,8}", 0..4);
    let proofs = prop::collection::vec(act(), 0..3);
    (who, zone, what, state, dates, tags, maybe(words()), proofs).prop_map(
        |((name, called, language), (zone, hour), (newsletter, cadence, topics), state, dates, tags, consent, consents)| {
            let (created_at, confirmed_at, ended_at, ended_by, paused_until) = dates;
            json!({
                "email": format!("{name}@example.com"), "name": called, "language": language, "timezone": zone, "hour": hour,
                "newsletter": newsletter, "cadence": cadence, "topics": topics, "state": state,
                "created_at": created_at, "confirmed_at": confirmed_at, "ended_at": ended_at, "ended_by": ended_by,
                "paused_until": paused_until, "tags": tags, "consent": consent, "consents": consents,
            })
        },
    )
}

/// Places to import into, empty.
async fn places() -> Vec<(Bench, PathBuf)> {
    engines::all()
        .await
        .into_iter()
        .map(|bench| (configured(&bench), bench))
        .map(|(path, bench)| (bench, path))
        .collect()
}

async fn export(config: &Path, form: &str) -> String {
    typed(config, &["subscriber", "export", "--format", form]).await.ok().out
}

async fn import(config: &Path, name: &str, text: &str) -> Value {
    let file = config.parent().unwrap().join(name);
    std::fs::write(&file, text).unwrap();
    typed(config, &["subscriber", "import", file.to_str().unwrap(), "--json", "--skip-bad"]).await.ok().json()
}

#[tokio::test]
async fn what_is_exported_imported_and_exported_again_is_the_same_to_the_byte() {
    let mut runner = TestRunner::deterministic();
    for round in 0..3 {
        let rows = prop::collection::vec(row(), 60..80).new_tree(&mut runner).unwrap().current();
        let list = rows.iter().map(|row| format!("{row}\n")).collect::<Vec<_>>().concat();
        let mut exports = Vec::new();
        for (bench, config) in places().await {
            let brought = import(&config, "wild.jsonl", &list).await;
            let new = |name: &str| brought[name].as_u64().unwrap();
            assert!(new("added") + new("pending") + new("unsubscribed") > 40, "{brought}");
            let (csv, json) = (export(&config, "csv").await, export(&config, "json").await);
            assert!(csv.lines().count() > 40 && json.lines().count() > 40);
            for object in json.lines() {
                serde_json::from_str::<Value>(object).unwrap();
            }
            exports.push((bench, csv, json));
        }
        for (bench, csv, json) in &exports {
            assert_eq!((csv, json), (&exports[0].1, &exports[0].2), "both engines write the same: {round}");
            for (name, text) in [("again.csv", csv), ("again.jsonl", json)] {
                for (into, config) in places().await {
                    let brought = import(&config, name, text).await;
                    assert_eq!(brought["bad"], 0, "{brought}");
                    assert_eq!(&export(&config, "csv").await, csv, "{} into {}: {round}", bench.engine, into.engine);
                    assert_eq!(&export(&config, "json").await, json, "{} into {}: {round}", bench.engine, into.engine);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_export_holds_what_was_asked_for_and_nothing_else() {
    for (bench, config) in places().await {
        assert_eq!(export(&config, "json").await, "");
        let head = "email,name,language,timezone,hour,newsletter,cadence,topics,state,created_at,confirmed_at,ended_at,ended_by,paused_until,tags,consent,consents\n";
        assert_eq!(export(&config, "csv").await, head);
        import(&config, "a.csv", "email,newsletter,tags\na@example.com,letter,\"x,y\"\nb@example.com,notes,\n").await;
        let tagged = typed(&config, &["subscriber", "export", "--tag", "y", "--format", "json"]).await.ok().out;
        let tagged: Value = serde_json::from_str(&tagged).unwrap();
        assert_eq!((&tagged["email"], &tagged["tags"]), (&json!("a@example.com"), &json!(["x", "y"])));
        assert_eq!(tagged["consents"][0]["form"], "a.csv", "{}", bench.engine);
        assert_eq!(typed(&config, &["subscriber", "export", "--format", "xml"]).await.code, 2);
    }
}

/// More than one page of them, some with two newsletters: brought, searched, taken
/// away and brought back, from each engine into each.
#[tokio::test]
async fn two_thousand_readers_come_are_found_and_leave_as_they_came() {
    let reader = |n: usize| {
        let (name, state) = (["김하나", "Ann \"A\" Lee", ""][n % 3], ["enabled", "enabled", "blocklisted"][n % 3]);
        let name = name.replace('"', "\"\"");
        format!(
            "{n},r{n}@example.com,\"{name}\",{{}},{state},2022-03-05 10:20:30.123456 +0000 UTC,2023-01-01 00:00:00 +0000 UTC\n"
        )
    };
    let list = (0..2_000).map(reader).collect::<String>();
    let list = format!("uuid,email,name,attributes,status,created_at,updated_at\n{list}");
    let (mut exports, more) =
        (Vec::new(), "email,newsletter,tags\nr1999@example.com,notes,vip\nr7@example.com,notes,\n");
    for (bench, config) in places().await {
        let path = bench.folder.path().join("listmonk.csv");
        std::fs::write(&path, &list).unwrap();
        let words = ["subscriber", "import", "listmonk.csv", "-n", "letter", "--json"];
        let brought = typed(&config, &words).await.ok().json();
        assert_eq!((&brought["added"], &brought["unsubscribed"]), (&json!(1_334), &json!(666)), "{}", bench.engine);
        assert_eq!(import(&config, "more.csv", more).await["added"], 2);
        for (words, count) in [
            (&[][..], 2_002),
            (&["--state", "confirmed"], 1_336),
            (&["--search", "김하나"], 667),
            (&["--search", "r199"], 12),
            (&["--tag", "vip"], 2),
            (&["--newsletter", "notes"], 2),
        ] {
            let found = typed(&config, &[&["subscriber", "list", "--json"][..], words].concat()).await.ok().json();
            assert_eq!(found.as_array().unwrap().len(), count, "{words:?} on {}", bench.engine);
        }
        exports.push((export(&config, "csv").await, export(&config, "json").await));
    }
    // What one engine wrote as CSV and the other as JSON, each into both.
    for (number, (csv, json)) in exports.iter().enumerate() {
        assert_eq!((csv.lines().count(), json.lines().count()), (2_003, 2_002));
        let (name, text) = if number == 0 { ("back.csv", csv) } else { ("back.jsonl", json) };
        for (into, config) in places().await {
            assert_eq!(import(&config, name, text).await["bad"], 0);
            let again = (export(&config, "csv").await, export(&config, "json").await);
            assert!(again.0 == *csv && again.1 == *json, "{name} into {}", into.engine);
        }
    }
}
