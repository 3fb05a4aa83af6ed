//! Several ways to the relays, and what limits them: weights, paces, days, warm-up,
//! what the hosts of a recipients' domain take, and what a relay offers (P10).

use crate::delivering::World;
use crate::sink::{Act, Phase, Sink};
use crate::{crash, engines};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use syndicated::config::{Config, DomainRule, Lane, Pace, WarmUp};
use syndicated::domain::delivery::DeliveryState;
use syndicated::domain::digest::DigestState;
use syndicated::domain::email_address::EmailAddress;
use syndicated::flow::deliver::Tally;
use syndicated::lifecycle::Stop;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

fn lane(name: &str, sink: &Sink, weight: u32) -> Lane {
    Lane { name: name.to_owned(), weight, ..Lane::new(sink.relay()) }
}

fn readers(domain: &str, count: usize) -> Vec<EmailAddress> {
    (0..count).map(|number| format!("r{number}@{domain}").parse().unwrap()).collect()
}

/// The courier of a daemon.
struct Running(Stop, JoinHandle<()>);

impl Running {
    fn start(world: &World) -> Self {
        let (stop, deliverer) = (Stop::new(), world.deliverer.clone());
        let stopped = stop.clone();
        Self(stop, tokio::spawn(async move { deliverer.run(&stopped).await }))
    }

    async fn end(self) {
        self.0.stop_softly();
        self.1.await.unwrap();
    }
}

fn limited(pace: Pace) -> impl FnOnce(&mut syndicated::config::Config) {
    move |config| {
        config.mail.lanes[0].pace = pace;
        config.mail.lifetime = 10 * DAY;
    }
}

#[tokio::test]
async fn relays_share_by_their_weights_and_one_in_trouble_costs_nobody_a_wait() {
    for bench in engines::all().await {
        let other = Sink::start();
        let world = World::changed(&bench, |config| {
            config.mail.lanes[0] = Lane { name: "main".to_owned(), weight: 3, ..config.mail.lanes[0].clone() };
            config.mail.lanes.push(lane("other", &other, 1));
        })
        .await;
        world.readers(80).await;
        world.digest("1").await;
        assert_eq!(world.drain().await, Tally { sent: 80, ..Tally::default() });
        let shares = (world.sink.taken().len(), other.taken().len());
        assert!((56..=64).contains(&shares.0) && shares.0 + shares.1 == 80, "{shares:?}");

        // One of them is ill: the other takes its mails in the same run.
        let (before, connections) = (other.taken().len(), world.sink.connections());
        world.sink.always(Phase::Mail, Act::Say("451 4.3.0 not now"));
        let ill = world.digest("2").await;
        assert_eq!(world.drain().await, Tally { sent: 80, ..Tally::default() });
        assert_eq!((other.taken().len(), world.state(ill).await), (before + 80, DigestState::Done));
        assert!(world.sink.connections() <= connections + 4, "it rests");

        // Well again, it has its share after a mail has tried it.
        world.sink.behave();
        world.clock.advance(Duration::from_mins(6));
        let before = world.sink.taken().len();
        world.digest("3").await;
        assert_eq!(world.drain().await.sent, 80);
        assert!(world.sink.taken().len() > before + 40, "{}", world.sink.taken().len() - before);
    }
}

#[tokio::test]
async fn no_minute_has_more_mails_than_it_may() {
    for bench in engines::all().await {
        let world = World::changed(&bench, limited(Pace { per_minute: Some(20), per_day: None })).await;
        world.readers(70).await;
        let digest = world.digest("1").await;
        let running = Running::start(&world);
        for sent in 1..=70 {
            world.sink.until(|ledger| ledger.len() >= sent).await;
            // One goes at once, and one each three seconds.
            assert_eq!(world.sink.ledger().len(), sent);
            world.clock.advance(3 * SECOND);
        }
        running.end().await;
        assert_eq!(world.state(digest).await, DigestState::Done);
    }
}

#[tokio::test]
async fn a_day_has_its_limit_whatever_restarts_there_are() {
    for bench in engines::all().await {
        let mut world = World::changed(&bench, limited(Pace { per_minute: None, per_day: Some(5) })).await;
        world.readers(12).await;
        let digest = world.digest("1").await;
        // It ends in the middle of its day, in the middle of a minute.
        assert_eq!(world.drain().await.sent, 5);
        world = world.reborn(&bench).await;
        assert_eq!(world.drain().await.sent, 0);
        // Who bounces has been at the relay too.
        world.clock.advance(DAY);
        world.sink.script(|moment| {
            (moment.phase == Phase::Rcpt && moment.to.starts_with("reader6")).then_some(Act::Say("550 5.1.1 unknown"))
        });
        assert_eq!(world.drain().await, Tally { sent: 4, bounced: 1, ..Tally::default() });
        world = world.reborn(&bench).await;
        assert_eq!(world.drain().await.sent, 0);
        world.clock.advance(DAY);
        assert_eq!(world.drain().await.sent, 2);
        assert_eq!(world.state(digest).await, DigestState::Done);
    }
}

#[tokio::test]
async fn a_relay_that_nobody_knows_yet_warms_up() {
    for bench in engines::all().await {
        let world = World::changed(&bench, limited(Pace::default())).await;
        let from = chrono::NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        world.change(|config| config.mail.lanes[0].warm_up = Some(WarmUp { first: 4, from }));
        world.readers(30).await;
        world.digest("1").await;
        let mut days = Vec::new();
        for _ in 0..5 {
            days.push(world.drain().await.sent);
            world.clock.advance(DAY);
        }
        assert_eq!(days, [4, 6, 9, 11, 0]);
    }
}

#[tokio::test]
async fn a_day_and_a_warm_up_outlast_a_crash() {
    let yesterday = chrono::NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
    let warm_up: fn(&mut Config, _) = |config, from| config.mail.lanes[0].warm_up = Some(WarmUp { first: 20, from });
    let of_a_domain: fn(&mut Config, _) = |config, _| {
        let pace = Pace { per_minute: None, per_day: Some(25) };
        config.mail.domains = vec![DomainRule { domain: None, connections: None, pace }];
    };
    for (limit, today, tomorrow) in [(warm_up, 30, 45), (of_a_domain, 25, 25)] {
        for bench in engines::all().await {
            let mut world = World::changed(&bench, limited(Pace::default())).await;
            world.change(|config| {
                config.mail.lanes[0].connections = 1;
                limit(config, yesterday);
            });
            world.readers(100).await;
            world.digest("1").await;
            // Each life ends in the middle of its work, as a power cut would end it.
            let mut in_doubt = 0;
            for points in (10..).step_by(7).take(12) {
                crash::after(points, world.deliverer.drain()).await;
                world = world.reborn(&bench).await;
                in_doubt += world.deliverer.recover().await.unwrap();
            }
            world.drain().await;
            // What was in hand when a life ended is not counted: at most one mail for each connection.
            let sent = world.sink.count() as u64;
            assert!((today..=today + in_doubt).contains(&sent), "{}: {sent}, {in_doubt} in doubt", bench.engine);
            assert!(in_doubt > 0 && sent > 12, "the lives ended in their work: {sent}, {in_doubt} in doubt");
            world.clock.advance(DAY);
            world.drain().await;
            assert_eq!(world.sink.count() as u64, sent + tomorrow, "{}: the next day", bench.engine);
        }
    }
}

#[tokio::test]
async fn a_domain_has_the_connections_that_it_wants_and_the_others_go_on() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| {
            config.mail.domains = vec![DomainRule {
                domain: Some("slow.example".to_owned()),
                connections: Some(1),
                pace: Pace::default(),
            }];
        })
        .await;
        world.confirmed(&readers("slow.example", 8)).await;
        world.confirmed(&readers("other.example", 8)).await;
        let digest = world.digest("1").await;
        let permits = Arc::new(Semaphore::new(0));
        let gate = permits.clone();
        world.sink.script(move |moment| {
            (moment.phase == Phase::Dot && moment.to.ends_with("slow.example")).then(|| Act::Wait(gate.clone()))
        });
        let running = Running::start(&world);
        world.sink.until(|ledger| ledger.len() == 8).await;
        world.sink.until_waiting(1).await;
        let balance = world.balance(digest).await;
        assert_eq!((balance.sent + balance.attempting, balance.pending), (9, 7), "{balance:?}");
        permits.add_permits(100);
        while !world.balance(digest).await.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            world.clock.advance(SECOND);
        }
        running.end().await;
        assert_eq!(world.balance(digest).await.sent, 16);
        let mut attempts = BTreeMap::new();
        for row in world.store.deliveries(digest, None, 99).await.unwrap() {
            *attempts.entry(row.attempts).or_insert(0) += 1;
        }
        assert_eq!(attempts, BTreeMap::from([(1, 16)]), "to be put off is no attempt");
    }
}

#[tokio::test]
async fn a_domain_that_says_it_is_too_much_rests_and_is_then_asked_by_one() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.lifetime = 10 * DAY).await;
        world.confirmed(&readers("busy.example", 30)).await;
        world.confirmed(&readers("other.example", 10)).await;
        let digest = world.digest("1").await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        world.sink.script(move |moment| {
            (moment.phase == Phase::Rcpt && moment.to.ends_with("busy.example")).then(|| {
                count.fetch_add(1, Ordering::SeqCst);
                Act::Say("421 4.7.0 too many connections from you")
            })
        });
        let running = Running::start(&world);
        world.sink.until(|ledger| ledger.len() == 10).await;
        let mut before = settled(&asked, 1).await;
        assert!((1..=4).contains(&before), "{before}");
        // Each rest ends with one mail that asks.
        for _ in 0..4 {
            world.clock.advance(Duration::from_mins(40));
            assert_eq!(settled(&asked, before + 1).await, before + 1);
            before += 1;
        }
        world.sink.behave();
        while !world.balance(digest).await.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            world.clock.advance(Duration::from_mins(1));
        }
        running.end().await;
        assert_eq!(world.balance(digest).await.sent, 40);
    }
}

#[tokio::test]
async fn a_relay_that_takes_leave_at_rcpt_says_nothing_of_the_domain() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.lanes[0].connections = 1).await;
        world.confirmed(&readers("example.com", 12)).await;
        let digest = world.digest("1").await;
        // RFC 5321 section 3.8: the channel closes, whatever was asked. The next one is open.
        world.sink.script(|moment| {
            (moment.phase == Phase::Rcpt && moment.to.starts_with("r3@"))
                .then_some(Act::Say("421 4.3.2 shutting down, come again"))
        });
        assert_eq!(world.drain().await, Tally { sent: 11, deferred: 1, ..Tally::default() });
        let deferred = world.store.deliveries(digest, Some(DeliveryState::Deferred), 9).await.unwrap();
        assert_eq!(deferred[0].reply.as_deref(), Some("said 421: 4.3.2 shutting down, come again"));
        assert_eq!(world.sink.connections(), 2);

        // One that does nothing else is in trouble, and rests after a few: no reader pays with an attempt.
        let digest = world.digest("2").await;
        world.sink.always(Phase::Rcpt, Act::Say("421 4.3.2 shutting down, come again"));
        assert_eq!(world.drain().await, Tally { deferred: 5, ..Tally::default() });
        let balance = world.balance(digest).await;
        assert_eq!((balance.deferred, balance.pending), (5, 7), "{balance:?}");
    }
}

/// How often there was something, at least so often, once there comes no more.
async fn settled(count: &AtomicUsize, least: usize) -> usize {
    let mut seen = (0, 0);
    while seen.1 < 20 || seen.0 < least {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = count.load(Ordering::SeqCst);
        seen = if now == seen.0 { (now, seen.1 + 1) } else { (now, 0) };
    }
    seen.0
}

#[tokio::test]
async fn what_a_relay_offers_is_used() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |_| {}).await;
        world
            .confirmed(
                &["사용자@메일.example", "ann@other.example", "ben@메일.example"].map(|email| email.parse().unwrap()),
            )
            .await;
        world.sink.offer(&["8BITMIME", "SMTPUTF8"]);
        world.digest("1").await;
        assert_eq!(world.drain().await, Tally { sent: 3, ..Tally::default() });
        let mut said = world.sink.senders();
        said.sort();
        let plain = "MAIL FROM:<news@example.org> BODY=8BITMIME";
        assert_eq!(said, [plain, plain, "MAIL FROM:<news@example.org> BODY=8BITMIME SMTPUTF8"]);
        assert!(world.sink.heard().iter().any(|mail| mail.header("To") == "사용자@메일.example"));

        // A relay that cannot say such an address is no fault of the reader with another.
        world.sink.offer(&[]);
        let digest = world.digest("2").await;
        assert_eq!(world.drain().await, Tally { sent: 2, bounced: 1, ..Tally::default() });
        assert_eq!(world.sink.senders()[3..], ["MAIL FROM:<news@example.org>"; 2]);
        assert!(world.balance(digest).await.is_closed());
        // What has a form in ASCII goes in it, in the envelope and in the header.
        let ben = world.sink.heard().into_iter().rfind(|mail| mail.to.starts_with("ben")).unwrap();
        assert_eq!(
            (ben.to.as_str(), ben.header("To").as_str()),
            ("ben@xn--h32bq4v.example", "ben@xn--h32bq4v.example")
        );

        // The sender's own address is no reader's fault.
        world.change(|config| config.mail.from = "소식@메일.example".parse().unwrap());
        let digest = world.digest("3").await;
        assert_eq!(world.drain().await, Tally::default());
        let balance = world.balance(digest).await;
        assert_eq!((balance.pending, balance.bounced), (3, 0), "{balance:?}");
        world.change(|config| config.mail.from = "news@메일.example".parse().unwrap());
        assert_eq!(world.drain().await, Tally { sent: 2, bounced: 1, ..Tally::default() });
        let last = world.sink.heard().pop().unwrap();
        assert_eq!(last.from, "news@xn--h32bq4v.example");
        assert!(last.header("From").contains("<news@xn--h32bq4v.example>"), "{last:?}");
        assert!(last.header("Message-ID").ends_with("@xn--h32bq4v.example>"), "{last:?}");
    }
}
