//! Reports of relays over the web: who is believed, what each of their words comes
//! to, and that the same report twice is one.

use crate::bouncing::{Mailed, Post, bounces};
use crate::engines::{self, Bench};
use crate::serving::{self, Answer};
use crate::stage::{self, at};
use std::collections::HashMap;
use std::net::SocketAddr;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Hook, Secret};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::bounce::BounceKind;
use syndicated::flow::bounce::{Bounces, Certificates, Reported};
use syndicated::scheduler::Roles;
use syndicated::store::BounceFilter;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hooks/");
const CERTIFICATE: &str = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";
const HOOKS: &str = "hooks = [\"ses\", \"postmark\", \"mailgun\", \"sendgrid\", \"mailjet\", \"brevo\"]
ses_topics = [\"arn:aws:sns:eu-west-1:123456789012:bounces\"]
";

fn report(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}{name}")).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The hooks with the keys that the reports of `tests/hooks` are signed with.
fn with_keys(config: &mut Config) {
    use base64::Engine as _;
    for hook in &mut config.bounces.hooks {
        match hook {
            Hook::Mailgun(key) => *key = Some(Secret::new("key-mailgun-signs-with".to_owned())),
            Hook::SendGrid(key) => {
                *key = Some(base64::engine::general_purpose::STANDARD.decode(report("sendgrid.key")).unwrap());
            }
            _ => {}
        }
    }
}

struct Relays {
    post: Post,
    bounces: Bounces,
    mailed: HashMap<String, Mailed>,
}

impl Relays {
    async fn new(bench: &Bench) -> Self {
        let post = Post::new(bench, 8, HOOKS).await;
        let mailed = post.mail("One").await;
        let mut config = Config::clone(&post.stage.live.load_full());
        with_keys(&mut config);
        post.stage.live.store(std::sync::Arc::new(config));
        let certificates = Certificates::default();
        assert!(certificates.know(CERTIFICATE, report("sns.pem").as_bytes()));
        let bounces = bounces(&post.stage).with_certificates(certificates);
        Self { post, bounces, mailed }
    }

    async fn says(&self, relay: &str, body: &str, headers: &[(&str, &str)]) -> Reported {
        let token = self.post.stage.live.load().secret.hook_token(relay);
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        self.bounces.report((relay, &token), header, body.as_bytes()).await.unwrap()
    }

    /// What is kept, the oldest first: of which reader, as what.
    async fn kept(&self, bench: &Bench) -> Vec<String> {
        let sql =
            "SELECT b.email || ' ' || c.kind FROM bounce c JOIN subscriber b ON b.id = c.subscriber_id ORDER BY c.id";
        let kept = bench.texts(sql).await;
        kept.into_iter().map(|line| line.replace("@example.org", "")).collect()
    }
}

#[tokio::test]
async fn each_relays_words_come_to_the_same_meanings_and_twice_is_once() {
    let signature = report("sendgrid.sig");
    let signed = [
        ("x-twilio-email-event-webhook-signature", signature.trim()),
        ("x-twilio-email-event-webhook-timestamp", "1795417260"),
    ];
    for (relay, names, kept, ended) in [
        (
            "ses",
            &["ses-bounce", "ses-full", "ses-suppressed", "ses-undetermined", "ses-complaint", "ses-event"][..],
            &["r0 hard", "r1 soft", "r2 hard", "r3 unclear", "r4 complaint"][..],
            &[0, 2, 4][..],
        ),
        (
            "postmark",
            &[
                "postmark-hard",
                "postmark-soft",
                "postmark-complaint",
                "postmark-vacation",
                "postmark-hard-that-is-a-block",
                "postmark-new-type",
            ],
            &["r0 hard", "r1 soft", "r2 complaint", "r4 blocked", "r5 unclear"],
            &[0, 2],
        ),
        (
            "mailgun",
            &["mailgun-hard", "mailgun-temporary", "mailgun-full", "mailgun-complaint", "mailgun-blocked"],
            &["r0 hard", "r2 soft", "r3 complaint", "r4 blocked"],
            &[0, 3],
        ),
        ("sendgrid", &["sendgrid"], &["r0 hard", "r1 blocked", "r3 complaint", "r4 soft", "r7 hard"], &[0, 3, 7]),
        ("mailjet", &["mailjet"], &["r0 hard", "r1 soft", "r2 complaint", "r3 blocked", "r4 blocked"], &[0, 2]),
        (
            "brevo",
            &["brevo-hard", "brevo-soft", "brevo-spam", "brevo-blocked", "brevo-deferred"],
            &["r0 hard", "r1 soft", "r2 complaint", "r3 blocked"],
            &[0, 2],
        ),
    ] {
        for bench in engines::all().await {
            let relays = Relays::new(&bench).await;
            for _ in 0..3 {
                for name in names {
                    // Mailgun tells the envelope's sender: the reader's own.
                    let text = report(&format!("{name}.json"));
                    let to = text.split("\"recipient\": \"").nth(1).and_then(|rest| rest.split('"').next());
                    let back = to.and_then(|to| relays.mailed.get(to)).map_or("", |mail| &mail.from);
                    let body = text.replace("{TO}", back);
                    assert_eq!(relays.says(relay, &body, &signed).await, Reported::Taken, "{name}");
                }
            }
            assert_eq!(relays.kept(&bench).await, kept, "{relay} on {}", bench.engine);
            assert_eq!(relays.post.suppressed(8).await, ended, "{relay} on {}", bench.engine);
        }
    }
}

/// P18: a report that is not a relay's own changes nothing.
#[tokio::test]
async fn a_forged_report_is_refused() {
    for bench in engines::all().await {
        let relays = Relays::new(&bench).await;
        let (ses, mailgun, sendgrid) =
            (report("ses-bounce.json"), report("mailgun-hard.json"), report("sendgrid.json"));
        let signature = report("sendgrid.sig");
        let (name, time) = ("x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp");
        for (relay, body, headers) in [
            ("ses", ses.replace("r0@", "r5@"), &[][..]),
            ("ses", ses.replace("\"SignatureVersion\": \"1\"", "\"SignatureVersion\": \"2\""), &[]),
            ("ses", ses.replace("\"SignatureVersion\": \"1\"", "\"SignatureVersion\": \"3\""), &[]),
            ("ses", ses.replace("sns.eu-west-1.amazonaws.com/Simple", "sns.evil.example/Simple"), &[]),
            ("ses", ses.replace("\"Type\": \"Notification\"", "\"Type\": \"SubscriptionConfirmation\""), &[]),
            ("ses", report("ses-other-topic.json"), &[]),
            // What is inside, without what proves it.
            ("ses", "{\"notificationType\":\"Bounce\"}".to_owned(), &[]),
            ("mailgun", mailgun.replace("\"timestamp\": \"1795417200\"", "\"timestamp\": \"1795417201\""), &[]),
            ("mailgun", "{\"event-data\":{\"event\":\"complained\",\"recipient\":\"r0@example.org\"}}".to_owned(), &[]),
            ("sendgrid", sendgrid.clone(), &[]),
            ("sendgrid", sendgrid.clone(), &[(name, signature.trim()), (time, "1795417261")]),
            ("sendgrid", sendgrid.replace("r2@", "r5@"), &[(name, signature.trim()), (time, "1795417260")]),
            ("postmark", "<html>".to_owned(), &[]),
            ("postmark", String::new(), &[]),
            ("brevo", "7".to_owned(), &[]),
        ] {
            let said = relays.says(relay, &body, headers).await;
            assert!(matches!(said, Reported::Refused(_)), "{relay}: {said:?}: {body}");
        }
        // Whoever has not the address is not even told that there is one.
        for (relay, token) in [("postmark", "aaaaaaaaaaaaaaaaaaaaaaaaaa"), ("postmark", ""), ("elsewhere", "x")] {
            let said = relays.bounces.report((relay, token), |_| None, report("postmark-hard.json").as_bytes()).await;
            assert_eq!(said.unwrap(), Reported::Unknown);
        }
        let of_another = relays.post.stage.live.load().secret.hook_token("brevo");
        let said = relays.bounces.report(("postmark", &of_another), |_| None, b"{}").await;
        assert_eq!(said.unwrap(), Reported::Unknown);
        // A question of the topic's that cannot be answered now comes again.
        assert_eq!(relays.says("ses", &report("ses-question.json"), &[]).await, Reported::Later);
        assert_eq!(relays.kept(&bench).await, [""; 0]);
        assert_eq!(relays.post.suppressed(8).await, [0; 0]);
    }
}

/// A relay names a reader by an address of the mail that came back: it is that reader's, whatever else it says.
#[tokio::test]
async fn a_report_and_a_bounce_of_the_same_mail_are_one() {
    for bench in engines::all().await {
        let relays = Relays::new(&bench).await;
        let mail = &relays.mailed["r2@example.org"];
        let full = report("mailgun-full.json").replace("{TO}", &mail.from);
        assert_eq!(relays.says("mailgun", &full, &[]).await, Reported::Taken);
        relays.post.comes("postfix-mailbox-full", mail).await;
        assert_eq!(relays.kept(&bench).await, ["r2 soft"]);
        let rows = relays.post.stage.store.bounces(&BounceFilter { limit: 9, ..Default::default() }).await.unwrap();
        assert_eq!((rows.len(), rows[0].door.as_str(), rows[0].kind), (1, "mailgun", BounceKind::Soft));
    }
}

async fn post(web: SocketAddr, path: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    serving::ask(web, &(head + body)).await
}

/// The same over the wire: only POST acts, only who knows the address, and only so much at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_reports_to_the_daemon() {
    for bench in engines::all().await {
        let relay = format!("maildir:{}", bench.folder.path().join("outbox").display());
        let more = format!("[bounces]\naddress = \"bounce@example.org\"\n{HOOKS}");
        let config = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", &more);
        let secret = config.secret.clone();
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let stage = stage::Stage::new(&bench, config.clone(), clock.now()).await;
        stage.readers(2, "daily").await;
        let daemon =
            Daemon::start(config, Outside { clock, chance: Chance::seeded(3), roles: Roles::ALL }).await.unwrap();
        let web = daemon.web.unwrap();
        let path = format!("/hooks/brevo/{}", secret.hook_token("brevo"));
        let hard = report("brevo-hard.json");
        for method in ["GET", "HEAD"] {
            assert_eq!(serving::get(web, method, &path).await.status, 405);
        }
        assert_eq!(post(web, "/hooks/brevo/x", &hard).await.status, 404);
        assert_eq!(post(web, &path, "no report").await.status, 403);
        let reader = "r0@example.org".parse().unwrap();
        assert_eq!(stage.store.suppression(&secret, &reader).await.unwrap(), None);
        let done = post(web, &path, &hard).await;
        assert_eq!(done.status, 200);
        assert!(done.head.contains("cache-control: no-store"), "{}", done.head);
        let why = stage.store.suppression(&secret, &reader).await.unwrap();
        assert_eq!(why.unwrap().0, "there is no such mailbox (5.1.1)");
        // Many events are one report; too many are none.
        let many = format!("[{}]", vec![report("brevo-soft.json"); 1_000].join(","));
        assert!(many.len() > 300_000);
        assert_eq!(post(web, &path, &many).await.status, 200);
        let too_many = format!("[{}]", " ".repeat(2 * 1024 * 1024));
        assert_eq!(post(web, &path, &too_many).await.status, 413);
        assert_eq!(post(web, "/hooks/brevo/x", &many).await.status, 413);
        let rows = stage.store.bounces(&BounceFilter { limit: 9, ..Default::default() }).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert!(daemon.stop().await);
    }
}
