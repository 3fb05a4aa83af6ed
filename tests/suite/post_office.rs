//! Mails through Postfix and Dovecot, read back by Python's email and by mutt:
//! what was written in Korean is read in Korean, by whoever reads it.

use crate::engines;
use crate::program::until;
use crate::stage::{self, Stage};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use syndicated::clock::Clock;
use syndicated::flow::digest::Outcome;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/postoffice.py");
const SENDER: &str = "좋은 소식, 매일 & 매주";
const TITLES: [&str; 2] = ["느린 편지를 쓰는 법: 첫째, \"기다림\"", "봄과 여름 사이 🌱 — Übergänge & <tags>"];

/// Postfix and Dovecot, until they are dropped.
struct PostOffice {
    child: Child,
    folder: PathBuf,
    smtp: String,
    imap: String,
}

impl PostOffice {
    async fn open(folder: &Path) -> Self {
        let folder = folder.join("post-office");
        let mut child = Command::new("python3")
            .arg(SCRIPT)
            .arg("serve")
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap();
        let line = line.expect("the post office opens");
        let (smtp, imap) = line.split_once(' ').unwrap();
        Self { smtp: smtp.to_owned(), imap: imap.to_owned(), folder, child }
    }

    /// What Python's email understands of a mailbox.
    async fn mails(&self, address: &str) -> Vec<Value> {
        let Output { stdout, stderr, status } =
            Command::new("python3").args([SCRIPT, "read", &self.imap, address]).output().await.unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        serde_json::from_slice(&stdout).unwrap()
    }

    /// What mutt understands of the first mail of a mailbox.
    async fn seen_by_mutt(&self, address: &str) -> String {
        let maildir = self.folder.join("mail").join(address);
        let Output { stdout, stderr, status } =
            Command::new("python3").args([SCRIPT, "mutt"]).arg(maildir).output().await.unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// Closes it; what the two have to say.
    async fn close(mut self) -> String {
        drop(self.child.stdin.take());
        self.child.wait().await.unwrap();
        ["postfix", "dovecot"].map(|who| std::fs::read_to_string(self.folder.join("log").join(who)).unwrap()).concat()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_korean_digest_is_read_intact_behind_postfix_and_dovecot() {
    if std::env::var_os("SYNDICATED_TEST_POST_OFFICE").is_none() {
        println!("skipped: SYNDICATED_TEST_POST_OFFICE is not set");
        return;
    }
    let bench = engines::all().await.remove(0);
    let office = PostOffice::open(bench.folder.path()).await;
    let relay = format!("smtp://127.0.0.1:{}", office.smtp);
    let mut config = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", "");
    config.mail.from_name = SENDER.to_owned();
    config.newsletters[0].title = "편지들".to_owned();
    config.newsletters[0].language = "ko".parse().unwrap();
    let stage = Stage::new(&bench, config, Clock::system().now()).await;
    stage.readers(30, "daily").await;
    stage.admit(&TITLES).await;
    let fired = stage.digester().send_now("letter", "daily").await.unwrap();
    let Outcome::Frozen { digest, .. } = fired.outcome else { panic!("{fired:?}") };
    let tally = stage.deliverer().with_deadlines(syndicated::mail::Deadlines::default()).drain().await.unwrap();
    assert_eq!(tally.sent, 30, "{tally:?}");
    let subject = stage.store.digest(digest).await.unwrap().unwrap().subject;
    assert!(subject.chars().any(|c| ('가'..='힣').contains(&c)), "{subject}");

    for reader in [0, 7, 29] {
        let address = format!("r{reader}@example.org");
        let mail = until("the mail arrives", async || office.mails(&address).await.into_iter().next()).await;
        assert_eq!((&mail["subject"], &mail["defects"]), (&subject.as_str().into(), &Value::Array(Vec::new())));
        assert_eq!((&mail["from"]["name"], &mail["from"]["address"]), (&SENDER.into(), &"news@example.org".into()));
        assert_eq!(mail["to"], address.as_str());
        assert!(mail["list"].as_str().unwrap().contains("편지들"), "{}", mail["list"]);
        let parts = mail["parts"].as_array().unwrap();
        assert_eq!(
            parts.iter().map(|part| part["type"].as_str().unwrap()).collect::<Vec<_>>(),
            ["text/plain", "text/html"]
        );
        let (plain, html) = (parts[0]["text"].as_str().unwrap(), parts[1]["text"].as_str().unwrap());
        for title in TITLES {
            // The text is wrapped where a line is full.
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words(plain).contains(title), "{title} in {plain}");
            let escaped = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let in_html = html.contains(&escaped) || html.contains(&escaped.replace('"', "&quot;"));
            assert!(in_html || html.contains(&escaped.replace('"', "&#34;")), "{escaped} in {html}");
        }
        assert!(plain.contains("/u/") && html.contains("/u/"));
    }
    let shown = office.seen_by_mutt("r7@example.org").await;
    for line in [format!("Subject: {subject}"), format!("From: \"{SENDER}\" <news@example.org>"), "편지들".to_owned()]
    {
        assert!(shown.contains(&line), "{line} in {shown}");
    }
    assert!(shown.contains("느린 편지를 쓰는 법") && shown.contains("봄과 여름 사이 🌱"), "{shown}");
    let log = office.close().await;
    let (warned, sent) = (log.matches("warning:").count(), log.matches("status=sent").count());
    assert_eq!((warned, sent), (0, 30), "{log}");
}
