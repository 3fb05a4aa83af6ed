//! Signatures (DKIM), from the key that a person makes to a verifier of somebody
//! else's making: dkimpy.

use crate::engines;
use crate::stage::{self, Stage, at};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use syndicated::clock::Chance;
use syndicated::config::{Config, Environment};
use syndicated::domain::digest::{Edition, token};
use syndicated::store::{Freeze, Frozen};

const NOW: &str = "2026-11-23T07:00:00Z";

fn run(folder: &Path, words: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_syndicated"))
        .args(words)
        .current_dir(folder)
        .env("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// The record in a zone file's line.
fn record(line: &str) -> (String, String) {
    let (name, rest) = line.split_once(". IN TXT ( ").unwrap_or_else(|| panic!("{line}"));
    let strings: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
    assert!(strings.iter().all(|string| string.len() <= 255), "{strings:?}");
    (name.to_owned(), strings.concat())
}

fn verify(python: &str, records: &BTreeMap<String, String>, mails: &[Vec<u8>]) -> Vec<Vec<bool>> {
    let mails: Vec<String> = mails.iter().map(|mail| STANDARD.encode(mail)).collect();
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/verify.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({ "records": records, "mails": mails }).to_string();
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A digest with this text goes to a reader; the mail as it left.
async fn mailed(stage: &Stage, outbox: &Path, number: usize, (subject, plain, html): (&str, &str, &str)) -> Vec<u8> {
    let edition = Edition { slot: format!("{number}"), ..stage::edition("daily", "") };
    let now = stage.clock.now();
    let expires_at = now.plus(std::time::Duration::from_hours(24));
    let frozen = Frozen { subject, html, plain, expires_at, ..Frozen::default() };
    let freeze = stage.store.freeze_digest(&edition, &frozen, None, now).await.unwrap();
    assert!(matches!(freeze, Freeze::Done { recipients: 1, .. }), "{freeze:?}");
    assert_eq!(stage.deliverer().drain().await.unwrap().sent, 1);
    let file = std::fs::read_dir(outbox.join("new")).unwrap().next().unwrap().unwrap().path();
    let mail = std::fs::read(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    mail
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_sign_holds_for_others_and_breaks_when_it_is_touched() {
    let Ok(python) = std::env::var("SYNDICATED_TEST_PYTHON") else {
        println!("skipped: SYNDICATED_TEST_PYTHON is not set");
        return;
    };
    for bench in engines::all().await {
        let folder = bench.folder.path();
        let (path, outbox) = (folder.join("config.toml"), folder.join("outbox"));
        let unsigned = stage::toml(&bench, &format!("maildir:{}", outbox.display()), "{ daily = \"0 7 * * *\" }", "");
        std::fs::write(&path, &unsigned).unwrap();
        // Keys as a person makes them.
        let (mut records, mut tables) = (BTreeMap::new(), String::new());
        for words in [&["dkim", "new", "s2026"][..], &["dkim", "new", "e2026", "--kind", "ed25519"]] {
            let (done, said) = run(folder, words);
            assert!(done, "{said}");
            records.extend([record(said.lines().find(|line| line.contains(" IN TXT ")).unwrap())]);
            tables.push_str(&said[said.find("[[dkim]]").unwrap()..]);
            let file = folder.join(format!("data/dkim-{}.pem", words[2]));
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            let before = std::fs::read(&file).unwrap();
            let (done, said) = run(folder, words);
            assert!(!done && said.contains("is there already"), "{said}");
            assert_eq!(std::fs::read(&file).unwrap(), before, "no key is written over");
        }
        std::fs::write(&path, format!("{unsigned}{tables}{tables}")).unwrap();
        let (done, said) = run(folder, &["dkim", "show"]);
        assert!(!done && said.contains("there is a key `s2026` of `example.org` already"), "{said}");
        std::fs::write(&path, format!("{unsigned}{tables}")).unwrap();
        let (done, said) = run(folder, &["dkim", "show", "--json"]);
        assert!(done, "{said}");
        for shown in serde_json::from_str::<Vec<Value>>(&said).unwrap() {
            assert_eq!(shown["text"], *records[shown["name"].as_str().unwrap()]);
        }
        assert!(records["s2026._domainkey.example.org"].starts_with("v=DKIM1; k=rsa; p=MII"), "{records:?}");

        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("key_file = \"", &format!("key_file = \"{}/", folder.display()));
        std::fs::write(&path, text).unwrap();
        let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
        let config = Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"));
        let stage = Stage::new(&bench, config, at(NOW)).await;
        stage.readers(1, "daily").await;
        let (link, email) = (token::UNSUBSCRIBE_URL, token::EMAIL);
        let mut mails = Vec::new();
        let long = "word ".repeat(5_000);
        let korean = "가나다 라마바사  아자차카타파하\t\n".repeat(300);
        for (number, (subject, body)) in [
            ("Plain", format!("Hello {email}\n{link}\n")),
            (
                "새 글이 있습니다: 아주 긴 제목이 여러 줄에 걸쳐 접힙니다, 서명은 그래도 맞아야 합니다",
                format!("{korean}{email}{link}{korean}"),
            ),
            ("  spaces   and\ttabs ", format!(" . \n..\n   \n\t\n{long}{link}{long}  \n\n\n\n")),
            ("", String::new()),
            ("only tokens", format!("{link}{email}{link}")),
        ]
        .into_iter()
        .enumerate()
        {
            mails.push(mailed(&stage, &outbox, number, (subject, &body, &format!("<p>{body}</p>"))).await);
        }
        let opinions = verify(&python, &records, &mails);
        assert_eq!(opinions, vec![vec![true, true]; mails.len()], "{}", bench.engine);

        // Whatever readers or machines go by, changed or put in on the way.
        let mail = String::from_utf8(mails[0].clone()).unwrap();
        let touched: Vec<Vec<u8>> = [
            mail.replacen("From: ", "From: \"Somebody else\" <else@example.net>\r\nFrom: ", 1),
            mail.replacen("Subject: Plain", "Subject: Plane", 1),
            mail.replacen("Subject: ", "Subject: first\r\nSubject: ", 1),
            mail.replacen("\r\nTo: ", "\r\nReply-To: else@example.net\r\nTo: ", 1),
            mail.replacen("List-Unsubscribe: <", "List-Unsubscribe: <https://else.example/?", 1),
            mail.replacen("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "", 1),
            mail.replacen("Hello", "Hallo", 1),
            format!("{mail}more\r\n"),
        ]
        .map(String::into_bytes)
        .into_iter()
        .inspect(|touched| assert_ne!(*touched, mails[0]))
        .collect();
        assert_eq!(verify(&python, &records, &touched), vec![vec![false, false]; touched.len()]);
        // What relays do and may do: fold anew, add what is theirs above.
        let carried = format!("Received: from a by b\r\n{}", mail.replacen("Subject: Plain", "subject:   Plain", 1));
        assert_eq!(verify(&python, &records, &[carried.into_bytes()]), [[true, true]]);
    }
}
