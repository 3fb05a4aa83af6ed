//! What comes back, from outside: whose mailing a bounce, a complaint or a
//! goodbye ends, whose never, and what a person gets to see (P18, S16).

use crate::engines::{self, Bench};
use crate::program;
use crate::sink::{Act, Phase, Sink};
use crate::stage::{self, Stage, at};
use std::collections::{BTreeSet, HashMap};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::Chance;
use syndicated::domain::bounce::BounceKind;
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::subscriber::{Subscription, SubscriptionState};
use syndicated::domain::token::SecretKey;
use syndicated::domain::verp::Tag;
use syndicated::flow::bounce::{Bounces, Taken};
use syndicated::flow::digest::Outcome;
use syndicated::flow::subscribe::Subscriptions;
use syndicated::mail::returned::Returned;
use syndicated::render::Renderer;
use syndicated::store::{BounceFilter, Came, SubscriptionFilter};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;

const DAY: Duration = Duration::from_hours(24);

/// Readers, mails to them, and where those come back to.
pub(crate) struct Post {
    pub(crate) stage: Stage,
    sink: Sink,
    pub(crate) bounces: Bounces,
}

impl Post {
    /// Readers `r0@example.org` and so on; `more` stands in `[bounces]`.
    pub(crate) async fn new(bench: &Bench, readers: usize, more: &str) -> Self {
        let sink = Sink::start();
        let more = format!("[bounces]\naddress = \"bounce@example.org\"\n{more}");
        let mut config = stage::config(bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", &more);
        config.mail.lanes[0].relay = sink.relay();
        let stage = Stage::new(bench, config, at("2026-11-22T22:00:00Z")).await;
        stage.readers(readers, "daily").await;
        let bounces = bounces(&stage);
        Self { stage, sink, bounces }
    }

    /// Mails one post to everybody; where each reader's mail comes back to.
    pub(crate) async fn mail(&self, title: &str) -> HashMap<String, Mailed> {
        let before = self.sink.count();
        self.stage.clock.advance(Duration::from_mins(1));
        self.stage.admit(&[title]).await;
        let fired = self.stage.digester().send_now("letter", "daily").await.unwrap();
        assert!(matches!(fired.outcome, Outcome::Frozen { .. }), "{fired:?}");
        self.stage.deliverer().drain().await.unwrap();
        let mails = self.sink.taken().split_off(before);
        mails
            .into_iter()
            .filter(|mail| !mail.header("Subject").starts_with("You have left"))
            .map(|mail| {
                let links = mail.header("List-Unsubscribe");
                let goodbye = links.split("<mailto:").nth(1).unwrap().split('?').next().unwrap().to_owned();
                let url = links.split('<').nth(1).unwrap().split('>').next().unwrap().to_owned();
                (mail.to.clone(), Mailed { from: mail.from, to: mail.to, goodbye, url })
            })
            .collect()
    }

    /// A mail of `tests/bounces` that speaks of a mail that went out.
    pub(crate) async fn comes(&self, name: &str, mail: &Mailed) -> Taken {
        self.bounces.take("pipe", mail.written(name).as_bytes(), &[]).await.unwrap()
    }

    async fn is_suppressed(&self, address: &str) -> bool {
        let secret = self.stage.live.load().secret.clone();
        self.stage.store.suppression(&secret, &address.parse().unwrap()).await.unwrap().is_some()
    }

    /// The readers who are not mailed any more.
    pub(crate) async fn suppressed(&self, readers: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for number in 0..readers {
            if self.is_suppressed(&format!("r{number}@example.org")).await {
                found.push(number);
            }
        }
        found
    }

    async fn subscriptions(&self) -> Vec<Subscription> {
        self.stage.store.subscriptions(&SubscriptionFilter { limit: 10_000, ..Default::default() }).await.unwrap()
    }
}

pub(crate) fn subscriptions(stage: &Stage) -> Subscriptions {
    let (renderer, mail) = (Arc::new(Renderer::new().unwrap()), Arc::new(Notify::new()));
    let (store, live, clock) = (stage.store.clone(), stage.live.clone(), stage.clock.clone());
    Subscriptions::new(store, live, clock, Chance::seeded(4), renderer, mail)
}

pub(crate) fn bounces(stage: &Stage) -> Bounces {
    let (store, live, clock) = (stage.store.clone(), stage.live.clone(), stage.clock.clone());
    Bounces::new(store, live, clock, Arc::new(subscriptions(stage)))
}

/// A mail that went out.
#[derive(Debug, Clone)]
pub(crate) struct Mailed {
    /// The envelope's sender.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) goodbye: String,
    pub(crate) url: String,
}

impl Mailed {
    pub(crate) fn written(&self, name: &str) -> String {
        let path = format!("{}/tests/bounces/{name}.eml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
        text.replace("{TO}", &self.from)
            .replace("{READER}", &self.to)
            .replace("{GOODBYE}", &self.goodbye)
            .replace("{GOODBYE_URL}", &self.url)
            .replace('\n', "\r\n")
    }
}

const ENDED: fn(BounceKind) -> Taken = |kind| Taken::Kept(kind, Came::Ended);
const KEPT: fn(BounceKind) -> Taken = |kind| Taken::Kept(kind, Came::Kept);

/// What each mail of `tests/bounces` is taken for, when it comes to the address that its mail was sent from.
fn expected() -> Vec<(&'static str, Taken)> {
    use BounceKind::{Blocked, Complaint, Hard, Soft, Unclear};
    vec![
        ("postfix-unknown-user", ENDED(Hard)),
        ("gmail-unknown-user", ENDED(Hard)),
        ("exim-code-that-says-nothing", ENDED(Hard)),
        ("exim-old-letter", ENDED(Hard)),
        ("exchange-resolver", ENDED(Hard)),
        ("sendmail-host-unknown", ENDED(Hard)),
        ("qmail-unknown-user", ENDED(Hard)),
        ("report-in-utf8", ENDED(Hard)),
        ("complaint", ENDED(Complaint)),
        ("complaint-by-return-path", ENDED(Complaint)),
        ("postfix-mailbox-full", KEPT(Soft)),
        ("postfix-expired", KEPT(Soft)),
        ("exchange-access-denied", KEPT(Soft)),
        ("report-of-where-it-went-on", KEPT(Soft)),
        ("postfix-blocked", KEPT(Blocked)),
        ("letter-that-says-nothing", KEPT(Unclear)),
        ("answer-of-a-person", KEPT(Unclear)),
        ("complaint-without-trace", KEPT(Unclear)),
        ("report-of-authentication", KEPT(Unclear)),
        ("report-without-action", KEPT(Unclear)),
        ("answer-that-may-be-a-bounce", KEPT(Unclear)),
        ("report-of-several", KEPT(Unclear)),
        ("postfix-delayed", Taken::Passed("it is still being tried")),
        ("postfix-delivered", Taken::Passed("it arrived")),
        ("vacation", Taken::Passed("a machine's answer")),
        ("vacation-of-outlook", Taken::Passed("a machine's answer")),
        ("complaint-taken-back", Taken::Passed("a reader took a complaint back")),
        ("goodbye", Taken::Left),
        ("complaint-by-goodbye-link", Taken::Left),
    ]
}

#[tokio::test]
async fn each_that_comes_back_is_taken_for_what_it_is_once_and_of_its_reader_only() {
    let expected = expected();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bounces")).unwrap();
    let mails =
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "eml")).count();
    assert_eq!(mails, expected.len(), "each mail stands in the list");
    for bench in engines::all().await {
        let readers = expected.len() + 3;
        let post = Post::new(&bench, readers, "").await;
        let mailed = post.mail("One").await;
        assert_eq!(mailed.len(), readers);
        let (mut ended, mut left) = (Vec::new(), Vec::new());
        for (number, (name, wanted)) in expected.iter().enumerate() {
            let mail = &mailed[&format!("r{number}@example.org")];
            assert_eq!(post.comes(name, mail).await, *wanted, "{name} on {}", bench.engine);
            // The same again is one.
            let again = match wanted {
                Taken::Kept(kind, _) => Taken::Kept(*kind, Came::Again),
                other => *other,
            };
            assert_eq!(post.comes(name, mail).await, again, "{name} on {}", bench.engine);
            match wanted {
                Taken::Kept(_, Came::Ended) => ended.push(number),
                Taken::Left => left.push(mail.to.clone()),
                _ => {}
            }
        }
        assert_eq!(post.suppressed(readers).await, ended);
        let subscriptions = post.subscriptions().await;
        for subscription in &subscriptions {
            let address = subscription.email.to_string();
            let number: usize = address[1..].split('@').next().unwrap().parse().unwrap();
            let complained = expected.get(number).is_some_and(|(_, taken)| *taken == ENDED(BounceKind::Complaint));
            let is_over = subscription.state == SubscriptionState::Unsubscribed;
            assert_eq!(is_over, left.contains(&address) || complained, "{address}");
        }
        // Who bounced has no more mail; everybody else has.
        let second = post.mail("Two").await;
        assert_eq!(second.len(), readers - ended.len() - left.len());
        // Who left by mail is told so; who complained is sent nothing more.
        let told = post.sink.taken().into_iter().filter(|mail| mail.header("Subject").starts_with("You have left"));
        let by_mail = "SELECT b.email FROM subscription s JOIN subscriber b ON b.id = s.subscriber_id
                       WHERE s.ended_by = 'mailto' ORDER BY 1";
        assert_eq!(told.map(|mail| mail.to).collect::<Vec<_>>(), bench.texts(by_mail).await);
        let ends = "SELECT form || ' ' || origin FROM consent WHERE act = 'ended' ORDER BY 1";
        let ends: BTreeSet<String> = bench.texts(ends).await.into_iter().collect();
        assert_eq!(ends.into_iter().collect::<Vec<_>>(), ["complaint mail", "mailto mail"]);
        // The ledger says of each mail that did not arrive that it did not.
        let bounced = bench.texts("SELECT COUNT(*) || '' FROM delivery WHERE state = 'bounced'").await;
        assert_eq!(bounced, ["13"]);
        // What cannot be told is kept whole, with its reason; nothing else is.
        let unclear = BounceFilter { kind: Some(BounceKind::Unclear), limit: 100, ..Default::default() };
        let unclear = post.stage.store.bounces(&unclear).await.unwrap();
        assert_eq!(unclear.len(), 7);
        assert!(
            unclear
                .iter()
                .all(|row| row.raw.as_ref().is_some_and(|raw| raw.contains("Return-Path")) && !row.why.is_empty())
        );
        let all = post.stage.store.bounces(&BounceFilter { limit: 100, ..Default::default() }).await.unwrap();
        assert_eq!(all.iter().filter(|row| row.raw.is_some()).count(), 7);
    }
}

#[tokio::test]
async fn soft_bounces_end_mailing_when_there_are_so_many_in_a_while() {
    for bench in engines::all().await {
        let post = Post::new(&bench, 2, "soft = 3\nwithin = \"10d\"").await;
        let full = |mailed: &HashMap<String, Mailed>| mailed["r0@example.org"].clone();
        let mut last = None;
        // One every four days: of these never three in ten days.
        for (number, wait) in [4, 8, 4, 8].into_iter().enumerate() {
            let mail = full(&post.mail(&format!("One {number}")).await);
            for _ in 0..5 {
                post.comes("postfix-mailbox-full", &mail).await;
            }
            last = Some(mail);
            post.stage.clock.advance(DAY * wait);
        }
        assert_eq!(post.suppressed(2).await, [0; 0]);
        for (number, wanted) in [Came::Kept, Came::Ended].into_iter().enumerate() {
            let mail = full(&post.mail(&format!("Two {number}")).await);
            assert_eq!(post.comes("postfix-expired", &mail).await, Taken::Kept(BounceKind::Soft, wanted));
            post.stage.clock.advance(DAY);
        }
        assert_eq!(post.suppressed(2).await, [0]);
        assert_eq!(post.mail("Three").await.into_keys().collect::<Vec<_>>(), ["r1@example.org"]);
        // A person lets the reader in again: the old bounces are forgotten, and do not count when they come once more.
        let secret = post.stage.live.load().secret.clone();
        let reader: EmailAddress = "R0@example.org".parse().unwrap();
        assert!(post.stage.store.lift_suppression(&secret, &reader).await.unwrap());
        assert!(!post.stage.store.lift_suppression(&secret, &reader).await.unwrap());
        post.comes("postfix-mailbox-full", &last.unwrap()).await;
        let mail = full(&post.mail("Four").await);
        assert_eq!(post.comes("postfix-expired", &mail).await, Taken::Kept(BounceKind::Soft, Came::Kept));
        assert_eq!(post.suppressed(2).await, [0; 0]);
    }
}

/// P18: who was not written to knows no address that says anything.
#[tokio::test]
async fn a_thousand_forged_bounces_and_complaints_end_nothing() {
    for bench in engines::all().await {
        let readers = 20;
        let post = Post::new(&bench, readers, "soft = 1").await;
        let mailed = post.mail("One").await;
        let other = SecretKey::new(b"another key of another site, 32 bytes".to_vec()).unwrap();
        let mailbox = "bounce@example.org".parse().unwrap();
        let names: Vec<&str> = expected().into_iter().map(|(name, _)| name).collect();
        let mut told = 0;
        for number in 0..1_000 {
            let name = names[number % names.len()];
            let victim = &mailed[&format!("r{}@example.org", number % readers)];
            let Some(Tag::Delivery { id, mac }) = Tag::read(&victim.from) else { panic!("{victim:?}") };
            let to: EmailAddress = victim.to.parse().unwrap();
            let stranger = &mailed[&format!("r{}@example.org", (number + 1) % readers)];
            let Some(Tag::Delivery { mac: of_another, .. }) = Tag::read(&stranger.from) else { panic!() };
            let turned: String = mac.chars().rev().collect();
            let forged = match number / names.len() % 6 {
                0 => "bounce@example.org".to_owned(),
                1 => format!("bounce+{:x}.{turned}@example.org", id.0),
                2 => format!("bounce+{:x}.{of_another}@example.org", id.0),
                3 => format!("bounce+{:x}.@example.org", id.0),
                4 => other.return_address(&mailbox, id, &to).unwrap().to_string(),
                _ => format!("bounce+{:x}.{mac}@example.org", id.0 + 1_000),
            };
            let goodbye = if number % 2 == 0 {
                "bounce+u1.0.aaaaaaaaaaaaaaaaaaaaaaaaaa@example.org".to_owned()
            } else {
                other.goodbye_address(&mailbox, post.subscriptions().await[0].id, 0).unwrap().to_string()
            };
            let url = "http://news.example.org/u/1.0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
            let mail = Mailed { from: forged, to: victim.to.clone(), goodbye, url };
            match post.comes(name, &mail).await {
                Taken::Passed(_) => {}
                Taken::Kept(BounceKind::Unclear, _) => told += 1,
                wrong => panic!("{name}: {wrong:?} on {}", bench.engine),
            }
        }
        assert!(told > 700, "{told}");
        // Whoever fills the mailbox does not fill the disk.
        let long = |number: usize| format!("Subject: {number}\r\n\r\n{}", "x".repeat(100_000));
        for number in 0..450 {
            post.bounces.take("pipe", long(number).as_bytes(), &[]).await.unwrap();
        }
        let lengths = bench.texts("SELECT LENGTH(raw) || '' FROM bounce ORDER BY id").await;
        assert_eq!(lengths.iter().position(|length| length == "2048"), Some(1_001));
        assert_eq!((lengths[1_000].as_str(), lengths[lengths.len() - 1].as_str()), ("32768", "2048"));
        assert_eq!(post.suppressed(readers).await, [0; 0]);
        assert!(post.subscriptions().await.iter().all(|one| one.state == SubscriptionState::Confirmed));
        assert_eq!(post.mail("Two").await.len(), readers);
    }
}

/// An address that its reader moved away from says nothing of the new one.
#[tokio::test]
async fn a_bounce_of_an_old_address_says_nothing_of_the_new() {
    for bench in engines::all().await {
        let post = Post::new(&bench, 1, "").await;
        let mailed = post.mail("One").await;
        bench.execute("UPDATE subscriber SET email = 'new@example.org', email_key = 'new@example.org'").await;
        let mail = &mailed["r0@example.org"];
        assert_eq!(post.comes("postfix-unknown-user", mail).await, KEPT(BounceKind::Unclear));
        assert!(!post.is_suppressed("new@example.org").await && !post.is_suppressed("r0@example.org").await);
        // Who is erased takes along what names them.
        let reader = "new@example.org".parse().unwrap();
        let secret = post.stage.live.load().secret.clone();
        assert!(post.stage.store.erase_subscriber(&reader, &secret, post.stage.clock.now()).await.unwrap());
        assert_eq!(post.comes("postfix-unknown-user", mail).await, Taken::Kept(BounceKind::Unclear, Came::Again));
    }
}

#[tokio::test]
async fn who_is_erased_leaves_no_name_in_what_came_back() {
    for bench in engines::all().await {
        let post = Post::new(&bench, 2, "").await;
        let mailed = post.mail("One").await;
        for (reader, name) in
            [("r0", "postfix-unknown-user"), ("r0", "complaint-without-trace"), ("r1", "complaint-without-trace")]
        {
            post.comes(name, &mailed[&format!("{reader}@example.org")]).await;
        }
        assert_eq!(bench.texts("SELECT kind FROM bounce ORDER BY id").await, ["hard", "unclear", "unclear"]);
        let reader = "r0@example.org".parse().unwrap();
        let secret = post.stage.live.load().secret.clone();
        assert!(post.stage.store.erase_subscriber(&reader, &secret, post.stage.clock.now()).await.unwrap());
        let left = bench.texts("SELECT raw FROM bounce").await;
        assert!(left.len() == 1 && left[0].contains("r1@example.org"), "{left:?}");
        // Only the keyed hash is left of it.
        assert!(post.is_suppressed("r0@example.org").await);
    }
}

/// A stranger signed somebody up at an address that does not exist.
#[tokio::test]
async fn the_mail_that_asks_to_confirm_comes_back_too() {
    for bench in engines::all().await {
        let post = Post::new(&bench, 0, "").await;
        let email = "nobody@example.org".parse().unwrap();
        stage::ask(&post.stage.store, &email, "en".parse().unwrap(), &[], post.stage.clock.now()).await;
        post.stage.deliverer().drain().await.unwrap();
        let sent = post.sink.taken().remove(0);
        let mail = Mailed { from: sent.from, to: sent.to, goodbye: String::new(), url: String::new() };
        assert_eq!(post.comes("postfix-unknown-user", &mail).await, ENDED(BounceKind::Hard));
        assert!(post.is_suppressed("nobody@example.org").await);
    }
}

/// Mails that no reader gets come back to the sender, and mean nothing.
#[tokio::test]
async fn a_mail_to_the_owner_comes_back_to_the_sender() {
    let bench = engines::all().await.remove(0);
    let post = Post::new(&bench, 1, "").await;
    let now = post.stage.clock.now();
    let mail = ("Subject", "<p>Hello</p>", "Hello");
    let owner: EmailAddress = "owner@example.org".parse().unwrap();
    post.stage.store.write_test_mail(&owner, "en".parse().unwrap(), mail, &[], now).await.unwrap();
    post.stage.deliverer().drain().await.unwrap();
    // A test of words, not of how a mail is made.
    let sent = post.sink.heard().remove(0);
    assert_eq!((sent.from.as_str(), sent.to.as_str()), ("news@example.org", "owner@example.org"));
}

/// Without an address for them, nothing is as it was not before.
#[tokio::test]
async fn without_an_address_mails_come_back_to_the_sender() {
    let bench = engines::all().await.remove(0);
    let sink = Sink::start();
    let mut config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
    config.mail.lanes[0].relay = sink.relay();
    let stage = Stage::new(&bench, config, at("2026-11-22T22:00:00Z")).await;
    stage.readers(1, "daily").await;
    stage.admit(&["One"]).await;
    stage.digester().send_now("letter", "daily").await.unwrap();
    stage.deliverer().drain().await.unwrap();
    let sent = sink.taken().remove(0);
    assert_eq!(sent.from, "news@example.org");
    assert!(!sent.header("List-Unsubscribe").contains("mailto:"));
}

/// What a relay refuses while it is told the reader is counted too, and is never
/// more than one soft bounce: it may be the relay that is wrong (P10).
#[tokio::test]
async fn who_is_refused_again_and_again_is_not_mailed_any_more() {
    for bench in engines::all().await {
        let post = Post::new(&bench, 12, "soft = 2").await;
        post.sink.script(|moment| match (moment.phase, moment.to) {
            (Phase::Rcpt, "r10@example.org") => Some(Act::Say("550 5.1.1 no such user")),
            (Phase::Rcpt, "r11@example.org") => Some(Act::Say("550 5.7.1 not from you")),
            _ => None,
        });
        for (title, suppressed) in [("One", &[][..]), ("Two", &[10][..]), ("Three", &[10])] {
            assert_eq!(post.mail(title).await.len(), 10);
            assert_eq!(post.suppressed(12).await, suppressed, "{title} on {}", bench.engine);
        }
        let rows = bench.texts("SELECT door || ' ' || kind || ' ' || status FROM bounce ORDER BY id").await;
        assert_eq!(rows, ["relay soft 5.1.1"; 2]);
    }
}

/// The pipe of a mail server: the program by itself, beside a daemon or alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_takes_a_mail_from_a_pipe_and_shows_what_came() {
    for bench in engines::all().await {
        let post = Post::new(&bench, 3, "hooks = [\"postmark\"]").await;
        let mailed = post.mail("One").await;
        let config = bench.folder.path().join("config.toml");
        let pipe = async |words: &[&str], input: &[u8], variables: &[(&str, &str)]| {
            let mut child = program::command(&config)
                .args(words)
                .envs(variables.iter().copied())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(input).await.unwrap();
            drop(stdin);
            let output = child.wait_with_output().await.unwrap();
            let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
            (output.status.code().unwrap(), said)
        };
        let (hard, full) = (&mailed["r0@example.org"], &mailed["r1@example.org"]);
        // The header names no address of ours; the mail server does. More comes than is looked at.
        let stripped = hard.written("postfix-unknown-user").replace(&hard.from, "bounce@example.org");
        let long = stripped.clone() + &"x".repeat(3_000_000);
        let said = pipe(&["bounce"], long.as_bytes(), &[("ORIGINAL_RECIPIENT", &hard.from)]).await;
        assert_eq!(said, (0, "kept as hard: its reader is not mailed any more\n".to_owned()));
        let said = pipe(&["bounce", "--to", &full.from], full.written("postfix-mailbox-full").as_bytes(), &[]).await;
        assert_eq!(said, (0, "kept as soft: its reader is mailed on\n".to_owned()));
        let said = pipe(&["bounce"], stripped.as_bytes(), &[]).await;
        assert_eq!(said.0, 0);
        assert!(said.1.contains("cannot be told"), "{}", said.1);
        assert_eq!(post.suppressed(3).await, [0]);

        let (code, list) = pipe(&["bounce", "list", "--json"], b"", &[]).await;
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let kinds: Vec<_> = list.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
        assert_eq!((code, kinds), (0, vec!["unclear", "soft", "hard"]));
        assert_eq!(
            (&list[2]["reader"], &list[2]["status"], &list[2]["ended"]),
            (&"r…@example.org".into(), &"5.1.1".into(), &true.into())
        );
        assert!(!list.to_string().contains("\"r0@example.org"));
        let (_, one) = pipe(&["bounce", "list", "--reader", "r1@example.org"], b"", &[]).await;
        assert!(one.contains("5.2.2") && !one.contains("5.1.1"), "{one}");
        let id = list[0]["id"].to_string();
        let (_, shown) = pipe(&["bounce", "show", &id], b"", &[]).await;
        assert!(shown.contains("came to no address that syndicated made") && shown.contains("User unknown"), "{shown}");
        let (code, _) = pipe(&["bounce", "lift", "r0@example.org"], b"", &[]).await;
        assert_eq!((code, post.suppressed(3).await), (0, Vec::new()));
        let (_, hooks) = pipe(&["bounce", "hooks"], b"", &[]).await;
        assert!(hooks.contains("http://news.example.org/hooks/postmark/"), "{hooks}");

        // Nothing came, or the database is away: the mail server is to try again.
        let (code, said) = pipe(&["bounce"], b"", &[]).await;
        assert_eq!(code, 75, "{said}");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text.replace("[mail]", "[post]")).unwrap();
        let (code, said) = pipe(&["bounce"], stripped.as_bytes(), &[]).await;
        assert_eq!(code, 75, "{said}");
    }
}

/// S17: whatever bytes come, the reader gives an answer, soon, and no mail of
/// mails of mails fells it.
#[test]
fn no_bytes_are_too_odd() {
    let nested = "Content-Type: message/rfc822\n\n".repeat(15_000);
    let part = |depth| format!("Content-Type: multipart/report; boundary=b{depth}\n\n--b{depth}\n");
    let parts: String = (0..8_000).map(part).collect();
    let report = "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n";
    let many = report.to_owned() + &"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n".repeat(8_000);
    let folded = report.to_owned() + "Status: 5.1.1\n" + &" x\n".repeat(100_000);
    let boundaries = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned() + &"--b\n".repeat(100_000);
    let to = "To: ".to_owned() + &"<a@b.example>,\n ".repeat(30_000);
    let begun = std::time::Instant::now();
    for text in
        [nested, parts, many, folded, boundaries, to, "\n".repeat(500_000), ":".repeat(500_000), "\0".repeat(1000)]
    {
        let read = Returned::read(text.as_bytes());
        assert!(read.to.len() < 1000);
        let _ = Returned::read(text.replace('\n', "\r\n").as_bytes());
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

proptest::proptest! {
    /// Sound mails with a wound each, and bytes of no mail.
    #[test]
    fn wounded_mails_are_read(which in 0..29_usize, at in 0..4096_usize, wound in proptest::collection::vec(proptest::num::u8::ANY, 0..40), cut in 0..4096_usize) {
        let (name, _) = expected()[which];
        let mail = Mailed { from: "bounce+1.x@example.org".to_owned(), to: "r@example.org".to_owned(), goodbye: String::new(), url: String::new() };
        let mut bytes = mail.written(name).into_bytes();
        let at = at.min(bytes.len());
        let end = (at + cut % 60).min(bytes.len());
        bytes.splice(at..end, wound.iter().copied());
        bytes.truncate(bytes.len().saturating_sub(cut / 2));
        let _ = Returned::read(&bytes);
        let _ = Returned::read(&wound);
    }
}
