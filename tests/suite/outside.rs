//! The main job from outside: the built program between a blog and a relay of
//! somebody else's making, and a reader who comes and goes. And one owner of a
//! database at a time (R7, P7).

use crate::engines::{self, Bench};
use crate::origin::{Answer, Asked, Origin, feed};
use crate::program::{self, Program, until};
use crate::serving::{get, post};
use crate::stage;
use mail_parser::MessageParser;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// She comes and goes.
const ANN: &str = "ann@example.org";
/// He stays: what he gets has been sent, and she has not got it.
const BEN: &str = "ben@example.org";

/// aiosmtpd as a process of its own.
pub(crate) struct Relay {
    _child: Child,
    pub(crate) port: String,
    folder: PathBuf,
}

/// A mail that it took.
pub(crate) struct Mail {
    to: String,
    subject: String,
    text: String,
    /// `List-Unsubscribe` and `List-Unsubscribe-Post`.
    unsubscribe: Option<(String, String)>,
}

impl Relay {
    /// `more`: see `relay.py`.
    pub(crate) async fn start(python: &str, bench: &Bench, more: &[&str]) -> Self {
        let folder = bench.folder.path().join("relay");
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/relay.py"))
            .arg(&folder)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let port = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap();
        Self { _child: child, port: port.expect("the relay starts"), folder }
    }

    /// What it took for `to`, in order.
    pub(crate) fn mails(&self, to: &str) -> Vec<Mail> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.join("new")).unwrap().map(Result::unwrap).collect();
        files.sort_by_key(|file| file.metadata().unwrap().modified().unwrap());
        let mails = files.iter().map(|file| {
            let bytes = std::fs::read(file.path()).unwrap();
            let mail = MessageParser::default().parse(&bytes).unwrap();
            let header = |name: &str| mail.header_raw(name).map(|value| value.trim().to_owned());
            Mail {
                to: header("X-RcptTo").unwrap(),
                subject: mail.subject().unwrap().to_owned(),
                text: mail.body_text(0).unwrap().into_owned(),
                unsubscribe: header("List-Unsubscribe").zip(header("List-Unsubscribe-Post")),
            }
        });
        mails.filter(|mail| mail.to == to).collect()
    }

    /// The mail of that number, from 0, to `to`.
    async fn mail(&self, to: &str, number: usize) -> Mail {
        until("a mail comes", async || self.mails(to).into_iter().nth(number)).await
    }
}

/// The path of the link to `page` in a text.
fn link(text: &str, page: &str) -> String {
    let path = &text[text.find(page).unwrap_or_else(|| panic!("no {page} in {text}"))..];
    path.split(|c: char| c.is_whitespace() || matches!(c, '>' | '"')).next().unwrap().to_owned()
}

/// Has the daemon look at the blog now instead of on its schedule; what the blog
/// was asked.
async fn look_now(program: &Program, blog: &Origin) -> Asked {
    let planned = async || {
        let source: Value =
            serde_json::from_str(&program.command(&["source", "show", "essays", "--json"]).await).unwrap();
        source["next_poll_at"].clone()
    };
    let before = planned().await;
    program.command(&["source", "resume", "essays"]).await;
    program.signal("HUP").await;
    until("it is back on its schedule", async || (planned().await == before).then_some(())).await;
    blog.asked().pop().unwrap()
}

/// The state of Ann's subscription, as the operator sees it.
async fn state_of_ann(program: &Program) -> String {
    let list: Value = serde_json::from_str(&program.command(&["subscriber", "list", "--json"]).await).unwrap();
    let ann = list.as_array().unwrap().iter().find(|row| row["email"] == ANN);
    ann.unwrap_or_else(|| panic!("{list}"))["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_comes_reads_and_goes() {
    let Ok(python) = std::env::var("SYNDICATED_TEST_PYTHON") else {
        println!("skipped: SYNDICATED_TEST_PYTHON is not set");
        return;
    };
    for bench in engines::all().await {
        let (relay, blog) = (Relay::start(&python, &bench, &[]).await, Origin::start().await);
        let publish = |number: u32| {
            blog.set("/feed", Answer::ok(feed(1..=number)).etag(&format!("\"{number}\"")));
        };
        publish(1);
        let path = bench.folder.path().join("config.toml");
        let smtp = format!("smtp://127.0.0.1:{}", relay.port);
        let text = stage::toml(&bench, &smtp, "{ now = \"instant\" }", "[fetch]\nallow = [\"127.0.0.0/8:*\"]\n");
        std::fs::write(&path, text.replace("http://127.0.0.1:9/feed.xml", blog.url("/feed").as_str())).unwrap();
        let program = Program::start(&path).await;
        let web = program.web;
        let in_feeds = async |title: &str| {
            for format in ["rss", "atom", "json"] {
                let address = format!("/feeds/letter.{format}");
                until(&address, async || get(web, "GET", &address).await.body.contains(title).then_some(())).await;
            }
        };

        // The first look finds what was there before.
        in_feeds("Post 1").await;
        assert_eq!(blog.asked().pop().unwrap().status, 200);

        // Ann signs up by the form, and confirms by the link that she is mailed.
        assert!(get(web, "GET", "/subscribe/letter").await.body.contains("name=\"email\""));
        assert_eq!(post(web, "/subscribe/letter", "email=ann%40example.org&cadence=now&website=").await.status, 200);
        let letter = relay.mail(ANN, 0).await;
        let confirm = link(&letter.text, "/confirm/");
        assert_eq!(get(web, "GET", &confirm).await.status, 200);
        assert_eq!(state_of_ann(&program).await, "pending", "looking changes nothing");
        assert_eq!(post(web, &confirm, "").await.status, 200);
        assert_eq!(state_of_ann(&program).await, "confirmed");
        program.command(&["subscriber", "add", BEN, "--consent", "told us in person"]).await;

        // Nothing new at the blog: it is asked conditionally, and says so.
        let asked = look_now(&program, &blog).await;
        assert_eq!((asked.status, asked.headers["if-none-match"].as_str()), (304, "\"1\""));

        // A post comes, and the digest with it; the old one is not mailed.
        publish(2);
        let asked = look_now(&program, &blog).await;
        assert_eq!((asked.status, asked.headers["if-none-match"].as_str()), (200, "\"1\""));
        let digest = relay.mail(ANN, 1).await;
        assert!(digest.subject.contains("Post 2"), "{}", digest.subject);
        assert!(
            digest.text.contains("https://blog.example.com/2") && !digest.text.contains("Post 1"),
            "{}",
            digest.text
        );
        in_feeds("Post 2").await;
        relay.mail(BEN, 0).await;

        // One click (RFC 8058), as her mail program does it.
        let (address, body) = digest.unsubscribe.unwrap();
        assert_eq!(body, "List-Unsubscribe=One-Click");
        let left = post(web, &link(&address, "/u/"), &body).await;
        assert!(left.status == 200 && !left.head.contains("location:") && !left.head.contains("set-cookie:"));
        assert_eq!(state_of_ann(&program).await, "unsubscribed");

        // The next post comes by feed, and by mail to Ben alone.
        publish(3);
        look_now(&program, &blog).await;
        in_feeds("Post 3").await;
        assert!(relay.mail(BEN, 1).await.subject.contains("Post 3"));
        let balances = until("the digests end", async || {
            let list = program.command(&["digest", "list", "--json"]).await;
            let list: Vec<Value> = serde_json::from_str(&list).unwrap();
            let balances: Vec<_> = list.iter().map(|digest| digest["balance"]["sent"].clone()).collect();
            list.iter().all(|digest| digest["state"] == "done").then_some(balances)
        });
        assert_eq!(balances.await, [1, 2], "{}", bench.engine);
        // All that Ann got since is the goodbye.
        assert!(relay.mail(ANN, 2).await.subject.contains("You have left"));
        assert_eq!((relay.mails(ANN).len(), relay.mails(BEN).len()), (3, 2));

        let trouble: Vec<_> =
            program.log().into_iter().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
        assert!(trouble.is_empty(), "{}: {trouble:#?}", bench.engine);
        let asked_to_end = Instant::now();
        let ended = program.terminate().await;
        assert!(ended.success() && asked_to_end.elapsed() < Duration::from_secs(10), "{}: {ended}", bench.engine);
        assert_eq!(relay.mails(ANN).len(), 3);
    }
}

/// R7.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_file_goes_at_once_and_says_why() {
    let bench = engines::all().await.remove(0);
    let path = bench.folder.path().join("config.toml");
    std::fs::write(&path, stage::toml(&bench, "maildir:outbox", "{ daily = \"0 7 * * *\" }", "")).unwrap();
    let first = Program::start(&path).await;
    // What its start brings about is over when the blog that is not there was asked.
    let said = until("it asks the blog", async || {
        Some(first.log()).filter(|log| log.iter().any(|line| line.contains("the poll failed")))
    })
    .await;
    let owned = bench.folder.path().join("syndicated.db");
    for number in 1..=50 {
        let started = Instant::now();
        let second = program::command(&path).stderr(Stdio::piped()).output();
        let second = tokio::time::timeout(Duration::from_secs(2), second).await.expect("it ends within 2 s").unwrap();
        let why = String::from_utf8(second.stderr).unwrap();
        assert_eq!(second.status.code(), Some(1), "try {number}: {why}");
        let expected = format!("another syndicated is running on sqlite:{}: stop it first", owned.display());
        assert!(why.contains(&expected), "try {number}, after {:?}: {why}", started.elapsed());
        assert_eq!(get(first.web, "GET", "/healthz").await.status, 200);
    }
    assert_eq!(first.log(), said, "the first one noticed nothing");
    assert!(first.terminate().await.success());
    // The file is free again.
    assert!(Program::start(&path).await.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_said_twice_at_once_is_one_stop() {
    let bench = engines::all().await.remove(0);
    let path = bench.folder.path().join("config.toml");
    std::fs::write(&path, stage::toml(&bench, "maildir:outbox", "{ daily = \"0 7 * * *\" }", "")).unwrap();
    let program = Program::start(&path).await;
    // As a terminal does it, whose wrapper passes on what all have heard already.
    let twice = format!("kill -TERM {0}; kill -INT {0}", program.pid());
    assert!(Command::new("sh").args(["-c", &twice]).status().await.unwrap().success());
    assert!(program.ended().await.success());
}
