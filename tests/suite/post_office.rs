//! Mails through Postfix and Dovecot, read back by Python's email and by mutt:
//! what was written in Korean is read in Korean, by whoever reads it.

use crate::bouncing::bounces;
use crate::engines;
use crate::program::{self, Program, until};
use crate::stage::{self, Stage};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use syndicated::clock::Clock;
use syndicated::config::Config;
use syndicated::domain::bounce::BounceKind;
use syndicated::domain::id::SubscriptionId;
use syndicated::domain::subscriber::SubscriptionState;
use syndicated::flow::bounce::Looked;
use syndicated::flow::digest::Outcome;
use syndicated::store::BounceFilter;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/authority.pem");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/postoffice.py");
const SENDER: &str = "좋은 소식, 매일 & 매주";
const TITLES: [&str; 2] = ["느린 편지를 쓰는 법: 첫째, \"기다림\"", "봄과 여름 사이 🌱 — Übergänge & <tags>"];

/// Postfix and Dovecot, until they are dropped.
struct PostOffice {
    child: Child,
    folder: PathBuf,
    smtp: String,
    imap: String,
    /// IMAP over TLS, where there is a pipe.
    imaps: String,
}

impl PostOffice {
    async fn open(folder: &Path, command: &[&str]) -> Self {
        let folder = folder.join("post-office");
        let mut child = Command::new("python3")
            .arg(SCRIPT)
            .arg("serve")
            .arg(&folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap();
        let line = line.expect("the post office opens");
        let mut ports = line.split(' ').map(str::to_owned);
        let [smtp, imap, imaps] = std::array::from_fn(|_| ports.next().unwrap_or_default());
        Self { child, folder, smtp, imap, imaps }
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
    let office = PostOffice::open(bench.folder.path(), &[]).await;
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

/// Hands a mail to Postfix as anybody may.
async fn hand_in(smtp: &str, from: &str, to: &str, text: &str) {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{smtp}")).await.unwrap();
    let mail = format!("From: <{from}>\r\nTo: <{to}>\r\n{text}");
    let dialogue = format!("HELO there\r\nMAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n{mail}\r\n.\r\nQUIT\r\n");
    // One line a time, as who does not offer PIPELINING has to.
    let (head, body) = dialogue.split_once("DATA\r\n").unwrap();
    let mut said = [0; 1024];
    for line in head.lines().chain(["DATA"]) {
        let _ = stream.read(&mut said).await.unwrap();
        stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
    }
    let _ = stream.read(&mut said).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("250"), "{rest}");
}

/// Real bounces of a real mail server: what it says of an unknown user and a full
/// mailbox comes home by IMAP and by pipe, and is of those two only.
#[tokio::test(flavor = "multi_thread")]
async fn what_postfix_and_dovecot_return_comes_home_by_mailbox_and_by_pipe() {
    if std::env::var_os("SYNDICATED_TEST_POST_OFFICE").is_none() {
        println!("skipped: SYNDICATED_TEST_POST_OFFICE is not set");
        return;
    }
    let bench = engines::all().await.remove(0);
    let folder = bench.folder.path();
    let config_file = folder.join("config.toml");
    let words =
        [env!("CARGO_BIN_EXE_syndicated"), "--config", config_file.to_str().unwrap(), "bounce", "--to", "{recipient}"];
    let office = PostOffice::open(folder, &words).await;
    let relay = format!("smtp://127.0.0.1:{}", office.smtp);
    let password = folder.join("imap-password");
    syndicated::config::write_private(&password, "opensesame").unwrap();
    let plain = format!("imap://bounce%40example.org@127.0.0.1:{}", office.imap);
    let doors = format!(
        "[bounces]\naddress = \"bounce@example.org\"\nimap = \"{plain}\"\nimap_password_file = \"{}\"\nsoft = 2",
        password.display()
    );
    let config = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", &doors);
    let piped = Config {
        bounces: syndicated::config::Bounces { address: "piped@example.org".parse().ok(), ..config.bounces.clone() },
        ..config.clone()
    };
    let stage = Stage::new(&bench, config, Clock::system().now()).await;
    for reader in ["r0", "r1", "full", "unknown"] {
        stage.reader(&format!("{reader}@example.org"), "daily").await;
    }
    let send = async |title: &str| {
        stage.clock.advance(std::time::Duration::from_mins(1));
        stage.admit(&[title]).await;
        stage.digester().send_now("letter", "daily").await.unwrap();
        stage.deliverer().with_deadlines(syndicated::mail::Deadlines::default()).drain().await.unwrap().sent
    };
    let (secret, stop) = (stage.live.load().secret.clone(), tokio_util::sync::CancellationToken::new());
    let suppressed = async || {
        let mut found = Vec::new();
        for reader in ["r0", "r1", "full", "unknown", "unknown-too"] {
            let address = format!("{reader}@example.org").parse().unwrap();
            if stage.store.suppression(&secret, &address).await.unwrap().is_some() {
                found.push(reader);
            }
        }
        found
    };
    let bounces = bounces(&stage);
    assert_eq!(send("One").await, 4);
    let taken = std::sync::atomic::AtomicUsize::new(0);
    until("two bounces come home by IMAP", async || {
        let looked = bounces.look(&stop).await.unwrap();
        assert_eq!(looked.troubles, [""; 0]);
        let all = taken.fetch_add(looked.taken, std::sync::atomic::Ordering::Relaxed) + looked.taken;
        (all == 2).then_some(())
    })
    .await;
    assert_eq!(bounces.look(&stop).await.unwrap(), Looked::default(), "what was taken is marked");
    assert_eq!(suppressed().await, ["unknown"]);

    // From now on they come to a pipe, whose end runs as somebody else.
    stage.live.store(std::sync::Arc::new(piped));
    stage.reader("unknown-too@example.org", "daily").await;
    let owned = std::process::Command::new("sh")
        .args([
            "-c",
            "chmod 755 \"$0\" && chown nobody \"$0\" \"$0\"/config.toml \"$0\"/imap-password \"$0\"/syndicated.db*",
        ])
        .arg(folder)
        .status()
        .unwrap();
    assert!(owned.success());
    assert_eq!(send("Two").await, 4);
    until("the bounces come home by pipe", async || (suppressed().await.len() == 3).then_some(())).await;
    assert_eq!(suppressed().await, ["full", "unknown", "unknown-too"]);
    let rows = stage.store.bounces(&BounceFilter { limit: 99, ..Default::default() }).await.unwrap();
    let told =
        |row: &syndicated::store::BounceRow| (row.door.clone(), row.kind, row.status.clone().unwrap_or_default());
    let mut told: Vec<_> = rows.iter().map(told).collect();
    told.sort_by_key(|(door, kind, _)| (door.clone(), kind.as_str()));
    let line = |door: &str, kind, status: &str| (door.to_owned(), kind, status.to_owned());
    assert_eq!(
        told,
        [
            line("imap", BounceKind::Hard, "5.1.1"),
            line("imap", BounceKind::Soft, "5.2.2"),
            line("pipe", BounceKind::Hard, "5.1.1"),
            line("pipe", BounceKind::Soft, "5.2.2"),
        ]
    );

    // A reader leaves by mail, and somebody writes: the daemon finds both, over TLS, when
    // it trusts who vouches for the server.
    let mailbox = "bounce@example.org".parse().unwrap();
    let goodbye = secret.goodbye_address(&mailbox, SubscriptionId(2), 0).unwrap();
    hand_in(&office.smtp, "r1@example.org", goodbye.as_str(), "Subject: unsubscribe\r\n\r\n").await;
    hand_in(&office.smtp, "r0@example.org", "bounce@example.org", "Subject: Hello\r\n\r\nWho are you?").await;
    let lies_in = |part: &str| {
        let files = std::fs::read_dir(office.folder.join("mail/bounce@example.org").join(part)).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    until("two mails arrive", async || (lies_in("new").len() == 2).then_some(())).await;
    let text = std::fs::read_to_string(&config_file).unwrap();
    let secure = format!("imaps://bounce%40example.org@localhost:{}", office.imaps);
    std::fs::write(&config_file, text.replace(&plain, &secure)).unwrap();
    let nobody = folder.join("nobody.pem");
    std::fs::write(&nobody, "").unwrap();
    let trusting = |authority: &Path| {
        let mut command = program::command(&config_file);
        command.env("SSL_CERT_FILE", authority);
        command
    };
    for (authority, finding) in [(&*nobody, "certificate"), (Path::new(AUTHORITY), "answers, and opens the folder")] {
        let output = trusting(authority).arg("check").stdout(Stdio::piped()).output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let line = said.lines().find(|line| line.contains("bounces localhost")).unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains(finding), "{line}");
    }
    let flagged = |flag: char| {
        lies_in("cur").iter().filter(|name| name.split(":2,").nth(1).is_some_and(|flags| flags.contains(flag))).count()
    };
    assert_eq!(flagged('S'), 2, "a check marks nothing");
    let daemon = Program::start_as(trusting(Path::new(AUTHORITY)), &config_file).await;
    until("a reader leaves", async || {
        let left = stage.store.subscription(SubscriptionId(2)).await.unwrap().unwrap();
        (left.state == SubscriptionState::Unsubscribed).then_some(())
    })
    .await;
    until("both are marked", async || (flagged('S') == 4).then_some(())).await;
    assert_eq!(flagged('F'), 1);
    assert!(daemon.terminate().await.success());
    let stays = stage.store.subscription(SubscriptionId(1)).await.unwrap().unwrap();
    assert_eq!(stays.state, SubscriptionState::Confirmed);
    assert_eq!(send("Three").await, 1);
    let log = office.close().await;
    assert_eq!(log.matches("warning:").count(), 0, "{log}");
}
