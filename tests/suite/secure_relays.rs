//! Relays that want TLS and a login, by aiosmtpd: who may be trusted with mails
//! and a password, and that a refusal costs no reader anything (P10).

use crate::engines;
use crate::origin::{Answer, Origin, feed};
use crate::outside::Relay;
use crate::program::{self, Program, until};
use crate::stage;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/relay.pem");
const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/authority.pem");

/// The program with that password, trusting our authority or none.
fn command(config: &Path, password: &str, trusted: bool) -> Command {
    let mut command = program::command(config);
    command.env("SYNDICATED_SMTP_PASSWORD", password);
    // Where rustls looks for the authorities to trust, instead of the machine's own.
    let none = config.with_file_name("nobody.pem");
    std::fs::write(&none, "").unwrap();
    command.env("SSL_CERT_FILE", if trusted { Path::new(AUTHORITY) } else { &none });
    command
}

/// What a command answered, and whether it did what it was asked.
async fn run(config: &Path, words: &[&str], password: &str, trusted: bool) -> (bool, String) {
    let mut command = command(config, password, trusted);
    let output = command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().await.unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_goes_over_tls_to_whom_an_authority_vouches_for() {
    let Ok(python) = std::env::var("SYNDICATED_TEST_PYTHON") else {
        println!("skipped: SYNDICATED_TEST_PYTHON is not set");
        return;
    };
    for (mode, scheme) in [("smtps", "smtps"), ("starttls", "smtp")] {
        let bench = engines::all().await.remove(0);
        let relay = Relay::start(&python, &bench, &[mode, CERTIFICATE]).await;
        let blog = Origin::start().await;
        blog.set("/feed", Answer::ok(feed(1..=2)));
        let path = bench.folder.path().join("config.toml");
        let smtp = format!("{scheme}://anna@localhost:{}", relay.port);
        let text = stage::toml(&bench, &smtp, "{ daily = \"0 7 * * *\" }", "[fetch]\nallow = [\"127.0.0.0/8:*\"]\n")
            .replace("http://127.0.0.1:9/feed.xml", blog.url("/feed").as_str())
            .replace("schedule =", "seed = \"latest\"\nschedule =");
        std::fs::write(&path, text).unwrap();
        for words in [&["subscriber", "add", "ben@example.org", "--consent", "in person"][..], &["poll"]] {
            let (done, said) = run(&path, words, "open sesame", true).await;
            assert!(done, "{said}");
        }
        // The wrong word, and, where encryption is not only a courtesy on this machine, the
        // wrong certificate: the mail waits, and the reason can be read.
        let (done, said) = run(&path, &["digest", "send", "letter", "--yes"], "wrong", true).await;
        assert!(!done && said.contains("1 waiting of 1"), "{said}");
        let (done, said) = run(&path, &["check"], "wrong", true).await;
        assert!(!done && said.contains("535"), "{said}");
        if mode == "smtps" {
            let (done, said) = run(&path, &["check"], "open sesame", false).await;
            assert!(!done && said.contains("certificate"), "{said}");
        }
        assert!(relay.mails("ben@example.org").is_empty());

        let (done, said) = run(&path, &["check"], "open sesame", true).await;
        assert!(done, "{said}");
        // Whoever mails next takes what waited.
        let daemon = Program::start_as(command(&path, "open sesame", true), &path).await;
        until("the mail goes out", async || {
            let (_, list) = run(&path, &["digest", "list", "--json"], "open sesame", true).await;
            (serde_json::from_str::<Value>(&list).unwrap()[0]["balance"]["sent"] == 1).then_some(())
        })
        .await;
        assert_eq!(relay.mails("ben@example.org").len(), 1);
        assert!(daemon.terminate().await.success());
    }
}
