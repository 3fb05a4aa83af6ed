//! Watching deliveries: the ledger, what a person does to single mails, results
//! by domain, progress, and the report to the owner.

use crate::engines;
use crate::program;
use crate::sink::{Act, Phase, Received, Sink};
use crate::stage::{self, Stage, at};
use mail_parser::MessageParser;
use std::process::Stdio;
use std::time::Duration;
use syndicated::clock::Clock;
use syndicated::config::{OnAmbiguous, Relay};
use syndicated::domain::delivery::{Decision, DeliveryState};
use syndicated::domain::digest::DigestState;
use syndicated::domain::id::{DeliveryId, DigestId};
use syndicated::domain::time::Timestamp;
use syndicated::flow::digest::Outcome;
use syndicated::store::{Cancelled, LedgerFilter, Meant};
use tokio::io::{AsyncBufReadExt as _, BufReader};

const NOW: &str = "2026-11-23T07:00:00Z";
const LIFETIME: Duration = Duration::from_hours(24);

fn address(relay: &Relay) -> String {
    let Relay::Smtp { host, port, .. } = relay else { panic!("{relay:?}") };
    format!("smtp://{host}:{port}")
}

/// A digest for readers at three domains, one of whom the relay refuses and one
/// of whose answers it loses.
async fn begun(bench: &engines::Bench, sink: &Sink, now: Timestamp) -> (Stage, DigestId) {
    let mut config = stage::config(bench, &address(&sink.relay()), "{ daily = \"0 7 * * *\" }", "report = true");
    config.site.owner = Some("editor@example.net".parse().unwrap());
    config.mail.on_ambiguous = OnAmbiguous::Hold;
    let stage = Stage::new(bench, config, now).await;
    stage.readers(3, "daily").await;
    for more in ["ann@big.example", "ben@big.example", "gone@big.example", "eve@Big.Example", "lost@small.example"] {
        stage.reader(more, "daily").await;
    }
    stage.admit(&["하나"]).await;
    sink.script(|moment| match (moment.phase, moment.to) {
        (Phase::Rcpt, "gone@big.example") => Some(Act::Say("550 5.1.1 no such mailbox")),
        (Phase::Dot, "lost@small.example") => Some(Act::Close),
        _ => None,
    });
    let fired = stage.digester().send_now("letter", "daily").await.unwrap();
    let Outcome::Frozen { digest, recipients: 8, .. } = fired.outcome else { panic!("{fired:?}") };
    stage.deliverer().drain().await.unwrap();
    (stage, digest)
}

fn subject(mail: &Received) -> String {
    MessageParser::default().parse(&mail.bytes).unwrap().subject().unwrap().to_owned()
}

#[tokio::test]
async fn a_digest_is_told_by_domain_and_its_end_to_the_owner() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let (stage, digest) = begun(&bench, &sink, at(NOW)).await;
        let told = |results: Vec<syndicated::store::DomainResult>| -> Vec<String> {
            results.iter().map(|result| format!("{}: {}", result.domain, result.balance)).collect()
        };
        assert_eq!(
            told(stage.store.domain_results(digest).await.unwrap()),
            ["big.example: 3 sent, 1 bounced of 4", "example.org: 3 sent of 3", "small.example: 1 in doubt of 1"],
            "{}",
            bench.engine
        );
        assert!(sink.taken().iter().all(|mail| mail.to != "editor@example.net"), "it has not ended");

        stage.clock.advance(Duration::from_mins(90));
        let lost = stage.store.deliveries(digest, Some(DeliveryState::Unknown), 9).await.unwrap().remove(0);
        assert_eq!((lost.due, lost.digest), (None, Some(digest)));
        let now = stage.clock.now();
        assert_eq!(stage.store.give_up_deliveries(Meant::One(lost.id), now).await.unwrap(), 1);
        stage.deliverer().drain().await.unwrap();
        assert_eq!(stage.store.digest(digest).await.unwrap().unwrap().state, DigestState::Done);
        // The end is noticed behind the last mail; the letter goes with the next turn.
        stage.deliverer().drain().await.unwrap();
        let letters: Vec<_> = sink.taken().into_iter().filter(|mail| mail.to == "editor@example.net").collect();
        let subjects: Vec<_> = letters.iter().map(subject).collect();
        assert_eq!(
            subjects,
            [
                format!("Digest {digest} waits for you: 1 in doubt: Letters: 하나"),
                format!("Digest {digest} has ended, and 1 of its readers never got it: Letters: 하나")
            ]
        );
        let text = String::from_utf8(letters[1].bytes.clone()).unwrap().replace("=\r\n", "");
        for line in [
            "has ended after 1h 30m: 6 sent, 1 bounced, 1 expired of 8.",
            "big.example: 3 sent, 1 bounced of 4",
            "small.example: 1 expired of 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}

#[tokio::test]
async fn the_ledger_is_looked_through_and_single_mails_are_tried_again_or_given_up() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let (stage, digest) = begun(&bench, &sink, at(NOW)).await;
        let (store, now) = (&stage.store, stage.clock.now());
        let filter = |state, domain: &str| LedgerFilter {
            digest: None,
            state,
            domain: (!domain.is_empty()).then(|| domain.to_owned()),
            limit: 100,
        };
        let find = async |state, domain: &str| store.ledger(&filter(state, domain)).await.unwrap();
        // And the letter that tells the owner of the doubt.
        assert_eq!(find(None, "").await.len(), 8 + 1);
        assert_eq!(find(None, "big.example").await.len(), 4);
        assert_eq!(find(Some(DeliveryState::Sent), "big.example").await.len(), 3);
        let newest = find(None, "").await;
        assert!(newest.windows(2).all(|pair| pair[0].id.0 > pair[1].id.0), "newest first");
        let refused = find(Some(DeliveryState::Bounced), "").await.remove(0);
        assert!(refused.to == "g…@big.example" && refused.reply.as_deref().unwrap().contains("no such mailbox"));
        let sent = find(Some(DeliveryState::Sent), "").await.remove(0);

        // What was sent stays sent, whatever a person types.
        for meant in [Meant::One(sent.id), Meant::All(digest, DeliveryState::Sent), Meant::One(DeliveryId(99_999))] {
            assert_eq!(store.retry_deliveries(meant, LIFETIME, now).await.unwrap(), 0);
            assert_eq!(store.give_up_deliveries(meant, now).await.unwrap(), 0);
        }
        let lost = Meant::All(digest, DeliveryState::Unknown);
        assert_eq!(store.retry_deliveries(lost, LIFETIME, now).await.unwrap(), 1);
        sink.behave();
        stage.deliverer().drain().await.unwrap();
        let ended = store.digest(digest).await.unwrap().unwrap();
        assert!(ended.state == DigestState::Done && ended.finished_at.is_some());
        let copies: Vec<_> = sink.ledger().into_iter().filter(|mail| mail.to == "lost@small.example").collect();
        assert_eq!(copies.len(), 2);
        assert_eq!(copies[0].bytes, copies[1].bytes, "a repeat is the same bytes");

        // The mailbox is back: the ended digest opens for it, long after its time, and ends again.
        stage.clock.advance(LIFETIME * 3);
        let now = stage.clock.now();
        assert_eq!(store.retry_deliveries(Meant::One(refused.id), LIFETIME, now).await.unwrap(), 1);
        let open = store.digest(digest).await.unwrap().unwrap();
        assert_eq!((open.state, open.finished_at), (DigestState::Sending, None));
        let balance = store.balance(digest).await.unwrap();
        assert_eq!((balance.pending, balance.open(), balance.is_closed()), (1, 1, false));
        stage.deliverer().drain().await.unwrap();
        let balance = store.balance(digest).await.unwrap();
        assert_eq!((balance.sent, balance.recipients, balance.is_closed()), (8, 8, true), "{}", bench.engine);
        assert_eq!(store.digest(digest).await.unwrap().unwrap().state, DigestState::Done);
        assert_eq!(sink.taken().iter().filter(|mail| mail.to == "gone@big.example").count(), 1);
    }
}

#[tokio::test]
async fn a_digest_that_was_called_off_is_reported_as_such() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let (stage, digest) = begun(&bench, &sink, at(NOW)).await;
        let (reports, now) = (stage.live.load().reports(), stage.clock.now());
        assert_eq!(stage.store.cancel_digest(digest, &reports, now).await.unwrap(), Some(Cancelled::Partly));
        assert!(!stage.store.balance(digest).await.unwrap().is_closed(), "doubt stays doubt");
        assert_eq!(stage.store.decide_doubts(digest, Decision::Again, LIFETIME, now).await.unwrap(), 1);
        stage.deliverer().drain().await.unwrap();
        stage.deliverer().drain().await.unwrap();
        let balance = stage.store.balance(digest).await.unwrap();
        assert_eq!((balance.sent, balance.bounced, balance.suppressed, balance.is_closed()), (6, 1, 1, true));
        let told = sink.taken().into_iter().filter(|mail| mail.to == "editor@example.net");
        assert_eq!(
            told.map(|mail| subject(&mail)).next_back().unwrap(),
            format!("Digest {digest} was called off: Letters: 하나"),
            "{}",
            bench.engine
        );
    }
}

#[tokio::test]
async fn a_paused_digest_is_not_tried_by_its_single_mails() {
    for bench in engines::all().await {
        let sink = Sink::start();
        let (stage, digest) = begun(&bench, &sink, at(NOW)).await;
        let now = stage.clock.now();
        stage.store.pause_digest(digest, "for a test", None, now).await.unwrap();
        let lost = stage.store.deliveries(digest, Some(DeliveryState::Unknown), 9).await.unwrap().remove(0);
        assert_eq!(stage.store.retry_deliveries(Meant::One(lost.id), LIFETIME, now).await.unwrap(), 0);
        assert_eq!(stage.store.delivery_state(lost.id).await.unwrap(), Some((DeliveryState::Unknown, true)));
        assert_eq!(stage.store.give_up_deliveries(Meant::One(lost.id), now).await.unwrap(), 1);
    }
}

/// What a command says, and its exit code.
async fn run(config: &std::path::Path, words: &[&str]) -> (i32, String) {
    let output = program::command(config).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = tokio::time::timeout(Duration::from_secs(30), output).await.unwrap().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_follows_and_mends_what_goes_on() {
    let bench = engines::all().await.remove(0);
    let sink = Sink::start();
    let (stage, digest) = begun(&bench, &sink, Clock::system().now()).await;
    let path = bench.folder.path().join("config.toml");
    let number = digest.to_string();

    let (code, list) = run(&path, &["delivery", "list", "--state", "unknown"]).await;
    assert!(code == 0 && list.contains("l…@small.example") && list.contains("when you say so"), "{list}");
    let (_, shown) = run(&path, &["digest", "show", &number]).await;
    assert!(shown.contains("big.example    3 sent, 1 bounced of 4"), "{shown}");
    let (_, json) = run(&path, &["digest", "show", &number, "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["domains"][0]["domain"], "big.example");
    assert_eq!((&json["domains"][0]["sent"], &json["domains"][0]["bounced"]), (&3.into(), &1.into()));

    for (words, code, said) in [
        (&["delivery", "retry"][..], 2, "required"),
        (&["delivery", "retry", "77777"], 2, "there is no delivery 77777"),
        (&["delivery", "give-up", "--digest", "99", "--state", "unknown"], 2, "there is no digest 99"),
        (&["delivery", "retry", "--digest", &number, "--state", "sent"], 1, "nothing is sent that this could change"),
        (&["delivery", "list", "--state", "lost"], 2, "unknown delivery state `lost`"),
    ] {
        let (ended, out) = run(&path, words).await;
        assert!(ended == code && out.contains(said), "{words:?}: {ended} {out}");
    }

    // Followed while it goes on, to its end.
    let words = ["digest", "show", &number, "--follow"];
    let mut following = program::command(&path).args(words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut followed = Vec::new();
    // It says whose turn it is.
    let turn = format!("`syndicated digest decide {number} sent|again`");
    while !followed.last().is_some_and(|line: &String| line.contains(&turn)) {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.unwrap().unwrap();
        followed.push(line.unwrap_or_else(|| panic!("it ended: {followed:?}")));
    }
    sink.behave();
    let (code, said) = run(&path, &["delivery", "retry", "--digest", &number, "--state", "unknown"]).await;
    assert!(code == 0 && said.contains("1 mail due now"), "{said}");
    let (code, said) = run(&path, &["delivery", "give-up", "--digest", &number, "--state", "unknown"]).await;
    assert!(code == 0 && said.contains("1 mail given up"), "{said}");
    while let Some(line) = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.unwrap().unwrap() {
        followed.push(line);
    }
    assert!(following.wait().await.unwrap().success());
    assert!(followed.iter().any(|line| line.contains("6 sent, 1 bounced, 1 expired of 8")), "{followed:?}");
    assert_eq!(followed.last().unwrap(), &format!("digest {number} is done"), "{followed:?}");
    let balance = stage.store.balance(digest).await.unwrap();
    assert!(balance.is_closed(), "{balance:?}");
}
