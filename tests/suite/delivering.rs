//! Delivering, against a scripted relay: who gets what, how often, and what the
//! ledger says of it (P3 to P10).

use crate::crash;
use crate::engines::{self, Bench};
use crate::sink::{Act, Phase, Received, Sink};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{
    Bounces, Config, Database, Feeds, Fetch, Http, Lane, Live, Mail, OnAmbiguous, Relay, Retention, SignUp, Site,
};
use syndicated::domain::consent::{Given, Origin};
use syndicated::domain::delivery::{Decision, DeliveryState};
use syndicated::domain::digest::{Balance, DigestState, Edition, token};
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::filter::Filter;
use syndicated::domain::id::DigestId;
use syndicated::domain::language::Language;
use syndicated::domain::newsletter::Newsletter;
use syndicated::domain::platform::Platforms;
use syndicated::domain::slug::Slug;
use syndicated::domain::time::Timestamp;
use syndicated::domain::token::SecretKey;
use syndicated::flow::deliver::{Deliverer, Tally};
use syndicated::lifecycle::Stop;
use syndicated::mail::Deadlines;
use syndicated::render::Renderer;
use syndicated::store::{
    Ask, Courier, Freeze, Frozen, Gate, Meant, Own, Requested, Results, Settled, Settlement, Store, SubscriptionFilter,
    Want, Wish,
};
use tokio::sync::Semaphore;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// 2026-11-23T07:00:00Z.
fn monday() -> Timestamp {
    Timestamp::from_millis(1_795_417_200_000)
}

fn weekly() -> Slug {
    "weekly".parse().unwrap()
}

fn reader(number: usize) -> EmailAddress {
    format!("reader{number}@example.com").parse().unwrap()
}

fn config(relay: Relay) -> Config {
    Config {
        site: Site {
            title: "Good News".to_owned(),
            base_url: "https://news.example.org/".parse().unwrap(),
            language: Language::En,
            timezone: chrono_tz::Tz::UTC,
            owner: None,
            templates: None,
        },
        database: Database::Sqlite("unused".into()),
        http: Http { listen: "127.0.0.1:0".parse().unwrap(), ..Http::default() },
        fetch: Fetch::default(),
        mail: Mail {
            from_name: "Good News".to_owned(),
            from: "news@example.org".parse().unwrap(),
            dkim: Vec::new(),
            lanes: vec![Lane { mails_per_connection: 20, ..Lane::new(relay) }],
            domains: Vec::new(),
            on_ambiguous: OnAmbiguous::Retry,
            lifetime: 24 * HOUR,
            late: 6 * HOUR,
            report: false,
        },
        sign_up: SignUp::default(),
        retention: Retention::default(),
        secret: SecretKey::new(vec![7; 32]).unwrap(),
        fresh_key: None,
        sources: Vec::new(),
        outlets: Vec::new(),
        newsletters: vec![Newsletter {
            name: weekly(),
            title: "좋은 소식".to_owned(),
            description: String::new(),
            language: Language::Ko,
            sources: None,
            prefer: Vec::new(),
            filter: Filter::default(),
            review_posts: false,
            corrections: false,
            cadences: Vec::new(),
            topics: Vec::new(),
            timezone: chrono_tz::Tz::UTC,
            settle: MINUTE,
            settle_max: HOUR,
            feed_items: 10,
            feed_age: None,
            image: None,
            copyright: None,
            commercial: None,
            welcome: false,
            goodbye: true,
            web: true,
        }],
        bounces: Bounces::default(),
        platforms: Platforms::default(),
        feeds: Feeds::default(),
    }
}

/// A courier with a relay, a database and a clock of its own.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    live: Live,
    pub(crate) sink: Sink,
    pub(crate) deliverer: Deliverer,
}

impl World {
    async fn new(bench: &Bench) -> Self {
        Self::changed(bench, |_| {}).await
    }

    pub(crate) async fn changed(bench: &Bench, change: impl FnOnce(&mut Config)) -> Self {
        let sink = Sink::start();
        let mut config = config(sink.relay());
        change(&mut config);
        Self::of(bench, Arc::new(arc_swap::ArcSwap::from_pointee(config)), sink, Clock::manual(monday())).await
    }

    async fn of(bench: &Bench, live: Live, sink: Sink, clock: Clock) -> Self {
        let store = bench.open().await;
        let renderer = Arc::new(Renderer::new().unwrap());
        let short = Duration::from_secs(5);
        let deliverer =
            Deliverer::new(store.clone(), live.clone(), renderer, clock.clone(), Chance::seeded(3), "here".to_owned())
                .with_deadlines(Deadlines { connect: short, command: short, data: short, finish: short });
        Self { store, clock, live, sink, deliverer }
    }

    /// The same node, started anew: a new life on the same database.
    pub(crate) async fn reborn(self, bench: &Bench) -> Self {
        self.store.close().await;
        Self::of(bench, self.live, self.sink, self.clock).await
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.live.load());
        change(&mut config);
        self.live.store(Arc::new(config));
    }

    pub(crate) fn secret(&self) -> SecretKey {
        self.live.load().secret.clone()
    }

    /// Confirmed readers, by number.
    pub(crate) async fn readers(&self, count: usize) {
        self.confirmed(&(0..count).map(reader).collect::<Vec<_>>()).await;
    }

    /// Confirmed readers of these addresses.
    pub(crate) async fn confirmed(&self, emails: &[EmailAddress]) {
        let (newsletter, cadence) = (weekly(), weekly());
        let wishes: Vec<Wish<'_>> = emails
            .iter()
            .map(|email| Wish {
                email,
                newsletter: &newsletter,
                cadence: &cadence,
                language: Language::En,
                consent: "asked in person",
                own: Own::default(),
            })
            .collect();
        self.store.add_confirmed(&wishes, self.clock.now()).await.unwrap();
    }

    /// A digest for all of them.
    pub(crate) async fn digest(&self, slot: &str) -> DigestId {
        self.long_digest(slot, 0).await
    }

    /// The same with so many bytes of text in it.
    pub(crate) async fn long_digest(&self, slot: &str, length: usize) -> DigestId {
        let now = self.clock.now();
        let edition = Edition { newsletter: weekly(), cadence: weekly(), slot: slot.to_owned() };
        let more = "What is written here does not matter.\n".repeat(length / 38);
        let html = format!(
            "<html lang=\"ko\" dir=\"ltr\"><p>안녕하세요</p><a href=\"{}\">leave</a> {}{more}</html>",
            token::UNSUBSCRIBE_URL,
            token::EMAIL
        );
        let plain = format!(".\n..\n안녕하세요\n{}\n{}\n", token::UNSUBSCRIBE_URL, token::EMAIL);
        let frozen = Frozen {
            posts: &[],
            left_out: &[],
            subject: "이번 주의 글",
            html: &html,
            plain: &plain,
            expires_at: now.plus(self.live.load().mail.lifetime),
            ..Frozen::default()
        };
        match self.store.freeze_digest(&edition, &frozen, None, now).await.unwrap() {
            Freeze::Done { digest, .. } => digest,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn drain(&self) -> Tally {
        self.deliverer.drain().await.unwrap()
    }

    pub(crate) async fn balance(&self, digest: DigestId) -> Balance {
        self.store.balance(digest).await.unwrap()
    }

    pub(crate) async fn state(&self, digest: DigestId) -> DigestState {
        self.store.digest(digest).await.unwrap().unwrap().state
    }

    /// Goes on to the next delivery; returns how long that was.
    async fn next(&self) -> Duration {
        let before = self.clock.now();
        let next = self.store.next_delivery_at().await.unwrap().expect("something is due later");
        self.clock.set(next.max(before));
        self.clock.now().since(before)
    }

    /// How often the ledger says that each was tried.
    async fn attempts(&self, digest: DigestId) -> BTreeSet<u32> {
        let rows = self.store.deliveries(digest, None, 1000).await.unwrap();
        rows.into_iter().map(|row| row.attempts).collect()
    }
}

fn recipients(received: &[Received]) -> Vec<&str> {
    let mut to: Vec<&str> = received.iter().map(|received| received.to.as_str()).collect();
    to.sort_unstable();
    to
}

fn near(actual: Duration, expected: Duration) -> bool {
    actual >= expected.mul_f64(0.89) && actual <= expected.mul_f64(1.11)
}

#[tokio::test]
async fn two_hundred_readers_get_one_mail_each() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(200).await;
        let digest = world.digest("1").await;
        assert_eq!(world.drain().await, Tally { sent: 200, ..Tally::default() });

        let received = world.sink.taken();
        let distinct: BTreeSet<&str> = recipients(&received).into_iter().collect();
        assert_eq!((received.len(), distinct.len()), (200, 200));
        assert!(world.sink.busiest() <= 4, "{} connections at once", world.sink.busiest());
        let mut carried = BTreeMap::new();
        for mail in &received {
            *carried.entry(mail.connection).or_insert(0) += 1;
        }
        assert!(carried.values().all(|count| *count <= 20) && carried.len() <= 14, "{carried:?}");
        let ids: BTreeSet<String> = received.iter().map(|mail| mail.header("Message-ID")).collect();
        assert_eq!(ids.len(), 200, "each copy has an id of its own");
        for mail in &received {
            assert_eq!(mail.from, "news@example.org");
            assert_eq!(mail.header("To"), mail.to);
            assert_eq!(mail.header("Date"), "Mon, 23 Nov 2026 07:00:00 +0000");
            let link = mail.header("List-Unsubscribe");
            let link = link.trim_matches(['<', '>']);
            assert!(link.starts_with("https://news.example.org/u/"), "{link}");
            let parsed = mail_parser::MessageParser::default().parse(&mail.bytes).unwrap();
            assert_eq!(parsed.subject(), Some("이번 주의 글"));
            let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
            assert_eq!(text, format!(".\n..\n안녕하세요\n{link}\n{}\n", mail.to));
            let html = parsed.body_html(0).unwrap();
            assert!(html.contains(&format!("<a href=\"{link}\">leave</a> {}", mail.to)), "{html}");
            assert!(!String::from_utf8_lossy(&mail.bytes).replace("\r\n", "").contains(['\r', '\n', '\0']));
        }
        let balance = world.balance(digest).await;
        assert!(balance.is_closed() && balance.sent == 200, "{balance:?}");
        assert_eq!(world.state(digest).await, DigestState::Done);
        assert_eq!(world.store.next_delivery_at().await.unwrap(), None);
        let row = &world.store.deliveries(digest, Some(DeliveryState::Sent), 1).await.unwrap()[0];
        assert_eq!((row.to.as_str(), row.reply.as_deref()), ("r…@example.com", Some("2.0.0 taken")));
        assert_eq!(row.settled_at, Some(world.clock.now()));

        assert_eq!(world.drain().await, Tally::default(), "and nobody gets it twice");
        assert_eq!(world.sink.ledger().len(), 200);
    }
}

#[tokio::test]
async fn trouble_with_the_relay_costs_nobody_anything() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(6).await;
        let digest = world.digest("1").await;
        for (phase, act) in [
            (Phase::Banner, Act::Say("554 5.3.2 no mail here")),
            (Phase::Ehlo, Act::Say("550 go away")),
            (Phase::Ehlo, Act::Close),
            (Phase::Mail, Act::Say("550 5.7.1 this sender is blocked")),
            (Phase::Mail, Act::Say("452 4.3.1 disk full")),
            (Phase::Mail, Act::Reset),
        ] {
            world.sink.always(phase, act);
            assert_eq!(world.drain().await, Tally::default());
            let balance = world.balance(digest).await;
            assert_eq!((balance.pending, balance.recipients), (6, 6), "{phase:?}: {balance:?}");
            assert_eq!(world.attempts(digest).await, BTreeSet::from([0]));
        }
        world.sink.behave();
        assert_eq!(world.drain().await.sent, 6);
        assert_eq!(world.state(digest).await, DigestState::Done);
    }
}

#[tokio::test]
async fn a_relay_in_trouble_rests_and_is_then_asked_by_one() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(40).await;
        let digest = world.digest("1").await;
        world.sink.always(Phase::Mail, Act::Say("451 4.3.0 not now"));
        let stop = Stop::new();
        let running = {
            let (deliverer, stop) = (world.deliverer.clone(), stop.clone());
            tokio::spawn(async move { deliverer.run(&stop).await })
        };
        // The first moment may be met by all connections; after it, each rest ends with one.
        let mut before = settles(&world.sink, 0).await;
        assert!((1..=4).contains(&before), "{before}");
        for _ in 0..5 {
            world.clock.advance(6 * MINUTE);
            let after = settles(&world.sink, before).await;
            assert_eq!(after, before + 1);
            before = after;
        }
        world.sink.behave();
        world.clock.advance(6 * MINUTE);
        world.sink.until(|ledger| ledger.len() == 40).await;
        stop.stop_softly();
        running.await.unwrap();
        let balance = world.balance(digest).await;
        assert!(balance.is_closed() && balance.sent == 40, "{balance:?}");
    }
}

/// How many connections there were once there are more than `before` and come no more.
async fn settles(sink: &Sink, before: usize) -> usize {
    let mut seen = (sink.connections(), 0);
    while seen.1 < 20 || seen.0 <= before {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = sink.connections();
        seen = if now == seen.0 { (now, seen.1 + 1) } else { (now, 0) };
    }
    seen.0
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_no_trouble() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.lanes[0].connections = 1).await;
        world.readers(10).await;
        world.digest("1").await;
        world.sink.script(|moment| {
            (moment.phase == Phase::Mail && moment.carried == 3).then_some(Act::Say("421 4.7.0 that is enough"))
        });
        assert_eq!(world.drain().await, Tally { sent: 10, ..Tally::default() });
        assert_eq!(world.sink.connections(), 4);
    }
}

#[tokio::test]
async fn a_reader_who_cannot_be_reached_now_is_tried_again_at_growing_intervals() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(2).await;
        let digest = world.digest("1").await;
        world.sink.script(|moment| {
            (moment.phase == Phase::Rcpt && moment.to.starts_with("reader1"))
                .then_some(Act::Say("452 4.2.2 mailbox full"))
        });
        assert_eq!(world.drain().await, Tally { sent: 1, deferred: 1, ..Tally::default() });
        let rows = world.store.deliveries(digest, Some(DeliveryState::Deferred), 9).await.unwrap();
        assert_eq!(rows[0].reply.as_deref(), Some("said 452: 4.2.2 mailbox full"));
        assert_eq!(rows[0].settled_at, None);
        for minutes in [5.0, 10.0, 20.0, 40.0, 66.667, 66.667] {
            let waited = world.next().await;
            assert!(near(waited, MINUTE.mul_f64(minutes)), "{waited:?}, and not {minutes} min");
            assert_eq!(world.drain().await, Tally { deferred: 1, ..Tally::default() });
        }
        // In the end it expires, on time.
        while world.clock.now() < monday().plus(24 * HOUR) {
            world.next().await;
            world.drain().await;
        }
        assert_eq!(world.clock.now(), monday().plus(24 * HOUR));
        let balance = world.balance(digest).await;
        assert_eq!((balance.sent, balance.expired), (1, 1));
        assert_eq!(world.state(digest).await, DigestState::Done);
    }
}

#[tokio::test]
async fn a_lost_answer_is_repeated_byte_for_byte_and_then_a_person_decides() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(3).await;
        let digest = world.digest("1").await;
        world
            .sink
            .script(|moment| (moment.phase == Phase::Dot && moment.to.starts_with("reader1")).then_some(Act::Close));
        assert_eq!(world.drain().await, Tally { sent: 2, unknown: 1, ..Tally::default() });
        assert_eq!(world.balance(digest).await.unknown, 1);
        for _ in 0..3 {
            world.next().await;
            assert_eq!(world.drain().await, Tally { unknown: 1, ..Tally::default() });
        }
        assert_eq!(world.store.next_delivery_at().await.unwrap(), None, "after three repeats it waits");
        world.clock.advance(20 * HOUR);
        assert_eq!(world.drain().await, Tally::default());
        let balance = world.balance(digest).await;
        assert!(!balance.is_closed() && balance.unknown == 1, "doubt is not hidden: {balance:?}");
        let copies: Vec<Received> =
            world.sink.ledger().into_iter().filter(|mail| mail.to == reader(1).as_str()).collect();
        assert_eq!(copies.len(), 4);
        assert!(copies.iter().all(|copy| copy.bytes == copies[0].bytes), "a repeat is the same bytes");
    }
}

#[tokio::test]
async fn a_lost_answer_is_held_when_the_operator_wants_it_so() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.on_ambiguous = OnAmbiguous::Hold).await;
        world.readers(1).await;
        let digest = world.digest("1").await;
        world.sink.always(Phase::Dot, Act::Reset);
        assert_eq!(world.drain().await.unknown, 1);
        assert_eq!(world.store.next_delivery_at().await.unwrap(), None);
        assert_eq!(world.balance(digest).await.unknown, 1);
        world.clock.advance(20 * HOUR);
        assert_eq!(world.drain().await, Tally::default());
        assert_eq!(world.sink.ledger().len(), 1);
    }
}

#[tokio::test]
async fn a_person_decides_what_became_of_held_mails() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.on_ambiguous = OnAmbiguous::Hold).await;
        world.readers(2).await;
        let taken = world.digest("1").await;
        world.sink.always(Phase::Dot, Act::Reset);
        assert_eq!(world.drain().await.unknown, 2);
        let repeated = world.digest("2").await;
        assert_eq!(world.drain().await.unknown, 2);
        // Whoever decides may have been away for longer than a digest lives.
        world.clock.advance(48 * HOUR);
        world.sink.behave();
        let decide =
            async |digest, decision| world.store.decide_doubts(digest, decision, 24 * HOUR, world.clock.now()).await;

        assert_eq!(decide(taken, Decision::Sent).await.unwrap(), 2);
        assert_eq!(world.drain().await, Tally::default(), "what counts as sent is not mailed again");
        assert_eq!((world.balance(taken).await.sent, world.state(taken).await), (2, DigestState::Done));

        assert_eq!(decide(repeated, Decision::Again).await.unwrap(), 2);
        assert_eq!(decide(repeated, Decision::Again).await.unwrap(), 0, "they wait for nobody now");
        assert_eq!(world.drain().await, Tally { sent: 2, ..Tally::default() });
        assert_eq!((world.balance(repeated).await.sent, world.state(repeated).await), (2, DigestState::Done));
        let ledger = world.sink.ledger();
        assert_eq!(ledger.len(), 6);
        assert!(ledger[4..].iter().all(|copy| ledger[..4].iter().any(|first| first.bytes == copy.bytes)));
    }
}

#[tokio::test]
async fn who_leaves_before_their_turn_gets_nothing() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(5).await;
        let digest = world.digest("1").await;
        let now = world.clock.now();
        let subscriptions = world.store.subscriptions(&SubscriptionFilter { limit: 9, ..Default::default() }).await;
        let of = |number| {
            let email = reader(number);
            subscriptions.as_ref().unwrap().iter().find(|s| s.email == email).unwrap().id
        };
        world.store.unsubscribe(of(1), &Given::by_command("a test", ""), now).await.unwrap();
        let secret = world.live.load().secret.clone();
        world.store.erase_subscriber(&reader(2), &secret, now).await.unwrap();
        let hash = world.live.load().secret.address_hash(&reader(3).key());
        bench
            .execute(&format!("INSERT INTO suppression (address_hash, reason, created_at) VALUES ('{hash}', 'x', 0)"))
            .await;
        assert_eq!(world.drain().await, Tally { sent: 2, ..Tally::default() });
        assert_eq!(recipients(&world.sink.ledger()), ["reader0@example.com", "reader4@example.com"]);
        let balance = world.balance(digest).await;
        assert_eq!((balance.sent, balance.suppressed), (2, 3));
        assert_eq!(world.state(digest).await, DigestState::Done);
    }
}

#[tokio::test]
async fn a_list_of_dead_addresses_stops_itself_and_goes_on_when_told() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(100).await;
        let digest = world.digest("1").await;
        world.sink.script(|moment| {
            let number: usize = moment.to.trim_start_matches("reader").split('@').next()?.parse().ok()?;
            (moment.phase == Phase::Rcpt && number.is_multiple_of(3)).then_some(Act::Say("550 5.1.1 no such user"))
        });
        let tally = world.drain().await;
        assert_eq!(world.state(digest).await, DigestState::Paused);
        assert!((11..=14).contains(&tally.bounced) && tally.sent < 40, "{tally:?}");
        let balance = world.balance(digest).await;
        assert_eq!(balance.sent + balance.bounced + balance.pending, 100, "{balance:?}");
        assert_eq!(world.store.next_delivery_at().await.unwrap(), None);
        world.clock.advance(HOUR);
        assert_eq!(world.drain().await, Tally::default());

        // Four connections: as many refusals may arrive between the count and the stop.
        let trouble = world.store.digest(digest).await.unwrap().unwrap().trouble.unwrap();
        let refused = trouble.split(" of the first").next().and_then(|count| count.parse().ok());
        assert!(refused.is_some_and(|count: u32| (11..=14).contains(&count)), "{trouble}");

        // Long after it would have expired, by whoever has seen the sample; it is not judged again.
        world.clock.advance(48 * HOUR);
        assert!(world.store.resume_digest(digest, 24 * HOUR, world.clock.now()).await.unwrap());
        assert!(!world.store.resume_digest(digest, 24 * HOUR, world.clock.now()).await.unwrap());
        world.drain().await;
        let balance = world.balance(digest).await;
        assert!(balance.is_closed() && balance.bounced == 34, "{balance:?}");
        assert_eq!(world.state(digest).await, DigestState::Done);
    }
}

#[tokio::test]
async fn a_list_of_dead_addresses_stops_itself_however_many_verdicts_come_at_once() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.lanes[0].connections = 64).await;
        world.readers(200).await;
        let digest = world.digest("1").await;
        let permits = Arc::new(Semaphore::new(0));
        let gate = permits.clone();
        // All connections wait for their answer, and have it in the same moment.
        world.sink.script(move |moment| {
            (moment.phase == Phase::Rcpt).then(|| Act::WaitAndSay(gate.clone(), "550 5.1.1 no such user"))
        });
        let draining = world.deliverer.clone();
        let draining = tokio::spawn(async move { draining.drain().await });
        world.sink.until_waiting(64).await;
        permits.add_permits(10_000);
        let tally = draining.await.unwrap().unwrap();
        assert_eq!(world.state(digest).await, DigestState::Paused, "{}: {tally:?}", bench.engine);
        let balance = world.balance(digest).await;
        assert!(balance.bounced <= 128 && balance.bounced + balance.pending == 200, "{balance:?}");
    }
}

#[tokio::test]
async fn a_relay_that_refuses_everybody_burns_no_short_list() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.lanes[0].connections = 1).await;
        world.readers(9).await;
        let digest = world.digest("1").await;
        world.sink.always(Phase::Rcpt, Act::Say("554 5.7.1 relay access denied"));
        assert_eq!(world.drain().await, Tally { bounced: 5, ..Tally::default() });
        assert_eq!(world.state(digest).await, DigestState::Paused);
        // Once the relay knows the sender, nobody has missed it.
        world.sink.behave();
        assert!(world.store.resume_digest(digest, 24 * HOUR, world.clock.now()).await.unwrap());
        let meant = Meant::All(digest, DeliveryState::Bounced);
        assert_eq!(world.store.retry_deliveries(meant, 24 * HOUR, world.clock.now()).await.unwrap(), 5);
        assert_eq!(world.drain().await.sent, 9);
        assert_eq!(world.state(digest).await, DigestState::Done);
    }
}

#[tokio::test]
async fn the_owner_is_told_once_of_mails_in_doubt_that_nobody_else_can_end() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| {
            config.site.owner = Some("owner@example.org".parse().unwrap());
            config.mail.lifetime = 10 * 24 * HOUR;
        })
        .await;
        world.readers(3).await;
        let digest = world.digest("1").await;
        world
            .sink
            .script(|moment| (moment.phase == Phase::Dot && moment.to.starts_with("reader1")).then_some(Act::Reset));
        let told = || -> Vec<Received> {
            world.sink.taken().into_iter().filter(|mail| mail.to == "owner@example.org").collect()
        };
        for _ in 0..4 {
            assert!(told().is_empty(), "it is tried again");
            world.drain().await;
            world.clock.advance(2 * HOUR);
        }
        world.drain().await;
        world.drain().await;
        let letters = told();
        assert_eq!(letters.len(), 1, "{}", bench.engine);
        let text = String::from_utf8(letters[0].bytes.clone()).unwrap().replace("=\r\n", "");
        assert!(text.contains("2 sent, 1 in doubt of 3") && text.contains("syndicated digest decide 1 sent"), "{text}");
        assert_eq!(world.state(digest).await, DigestState::Sending);

        // Decided, and in doubt again: it is told again.
        world.store.decide_doubts(digest, Decision::Again, 10 * 24 * HOUR, world.clock.now()).await.unwrap();
        for _ in 0..4 {
            world.drain().await;
            world.clock.advance(2 * HOUR);
        }
        world.drain().await;
        world.drain().await;
        assert_eq!(told().len(), 2);
        world.store.decide_doubts(digest, Decision::Sent, HOUR, world.clock.now()).await.unwrap();
        world.drain().await;
        assert_eq!(world.state(digest).await, DigestState::Done);
        assert_eq!(told().len(), 2);
    }
}

#[tokio::test]
async fn a_message_that_the_relay_will_not_have_burns_no_reader() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(30).await;
        let digest = world.digest("1").await;
        world.change(|config| config.site.owner = Some("owner@example.org".parse().unwrap()));
        world.sink.script(|moment| {
            (moment.phase == Phase::Dot && moment.to != "owner@example.org")
                .then_some(Act::Say("554 5.7.1 this smells of spam"))
        });
        let tally = world.drain().await;
        assert_eq!(world.state(digest).await, DigestState::Paused);
        assert!((5..=8).contains(&tally.deferred) && tally.bounced == 0, "{tally:?}");
        let told = world.sink.taken();
        assert_eq!(recipients(&told), ["owner@example.org"]);
        assert!(told[0].header("Subject").contains("stopped mailing digest"), "{:?}", told[0]);
        let balance = world.balance(digest).await;
        assert_eq!((balance.bounced, balance.pending + balance.deferred), (0, 30));
        // Those in flight when it was stopped wait like the others.
        assert_eq!(world.store.next_delivery_at().await.unwrap(), None);
        world.clock.advance(2 * HOUR);
        assert_eq!(world.drain().await, Tally::default());

        world.sink.behave();
        world.store.resume_digest(digest, 24 * HOUR, world.clock.now()).await.unwrap();
        assert_eq!(world.drain().await.sent, 30);
        assert_eq!(world.state(digest).await, DigestState::Done);
    }
}

#[tokio::test]
async fn a_reader_is_asked_to_confirm_before_any_digest_goes_out() {
    for bench in engines::all().await {
        let world = World::changed(&bench, |config| config.mail.lanes[0].connections = 1).await;
        world.readers(3).await;
        world.digest("1").await;
        world.clock.advance(MINUTE);
        let email: EmailAddress = "new@example.com".parse().unwrap();
        let (newsletter, cadence) = (weekly(), weekly());
        let given = Given { form: "a form", words: "the words", origin: Origin::Page, address: None };
        let want = Want { newsletter: &newsletter, cadence: &cadence, topics: &[], given };
        let ask = Ask {
            email: &email,
            mailboxes: &["a hash".to_owned()],
            language: Language::Ko,
            timezone: None,
            wants: &[want],
            nonce: "n0nce",
        };
        let asked = world.store.ask(&ask, world.clock.now()).await.unwrap();
        assert_eq!(asked, Requested::Letter);
        assert_eq!(world.drain().await.sent, 4);
        let letter = &world.sink.ledger()[0];
        assert_eq!(letter.to, "new@example.com");
        let text = String::from_utf8(letter.bytes.clone()).unwrap();
        assert!(!text.contains("List-Unsubscribe") && text.contains("Auto-Submitted: auto-generated"), "{text}");
        let parsed = mail_parser::MessageParser::default().parse(&letter.bytes).unwrap();
        assert!(parsed.body_text(0).unwrap().contains("https://news.example.org/confirm/"));
    }
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_hand_and_begins_nothing() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(50).await;
        let digest = world.digest("1").await;
        let permits = Arc::new(Semaphore::new(0));
        let gate = permits.clone();
        world.sink.script(move |moment| (moment.phase == Phase::Rcpt).then(|| Act::Wait(gate.clone())));
        let stop = Stop::new();
        let running = {
            let (deliverer, stop) = (world.deliverer.clone(), stop.clone());
            tokio::spawn(async move { deliverer.run(&stop).await })
        };
        permits.add_permits(10);
        world.sink.until(|ledger| ledger.len() == 10).await;
        stop.stop_softly();
        permits.add_permits(1000);
        running.await.unwrap();
        let sent = world.sink.taken().len();
        assert!((10..=14).contains(&sent), "{sent}");
        let balance = world.balance(digest).await;
        assert_eq!((balance.sent, balance.pending), (sent as u64, 50 - sent as u64), "{balance:?}");
    }
}

#[tokio::test]
async fn a_database_that_fails_in_mid_send_doubles_nothing() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(12).await;
        let digest = world.digest("1").await;
        let permits = Arc::new(Semaphore::new(0));
        let gate = permits.clone();
        world.sink.script(move |moment| (moment.phase == Phase::Dot).then(|| Act::Wait(gate.clone())));
        let stop = Stop::new();
        let running = {
            let (deliverer, stop) = (world.deliverer.clone(), stop.clone());
            tokio::spawn(async move { deliverer.run(&stop).await })
        };
        world.sink.until_waiting(4).await;
        bench.execute("ALTER TABLE delivery RENAME TO gone").await;
        permits.add_permits(1000);
        world.sink.until(|ledger| ledger.len() == 4).await;
        // The courier has met the trouble when it waits for the clock.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            world.clock.advance(MINUTE);
        }
        bench.execute("ALTER TABLE gone RENAME TO delivery").await;
        let done = async {
            while !world.balance(digest).await.is_closed() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                world.clock.advance(Duration::from_secs(10));
            }
        };
        tokio::time::timeout(Duration::from_secs(30), done).await.expect("the digest ends");
        stop.stop_softly();
        running.await.unwrap();
        assert_eq!(world.balance(digest).await.sent, 12);
        assert_eq!(world.sink.ledger().len(), 12, "none twice on {}", bench.engine);
    }
}

#[tokio::test]
async fn a_crash_at_any_point_loses_nobody_and_repeats_only_what_was_in_flight() {
    for bench in engines::all().await {
        let mut world = World::changed(&bench, |config| config.mail.lanes[0].connections = 2).await;
        world.readers(6).await;
        let (mut lives, mut doubted) = (0, 0);
        for points in 0.. {
            let digest = world.digest(&points.to_string()).await;
            let before = world.sink.ledger().len();
            let ended = crash::after(points, world.deliverer.drain()).await;
            world = world.reborn(&bench).await;
            let in_doubt = world.deliverer.recover().await.unwrap();
            assert!(in_doubt <= 2, "{in_doubt} in flight");
            assert_eq!(world.balance(digest).await.attempting, 0);
            world.drain().await;
            let balance = world.balance(digest).await;
            assert!(balance.is_closed() && balance.sent == 6, "crash at {points}: {balance:?}");
            assert_eq!(world.state(digest).await, DigestState::Done);
            let mut copies: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
            for mail in world.sink.ledger().split_off(before) {
                copies.entry(mail.to).or_default().push(mail.bytes);
            }
            assert_eq!(copies.len(), 6, "nobody is left out");
            let repeats: usize = copies.values().map(|copies| copies.len() - 1).sum();
            assert!(repeats as u64 <= in_doubt, "{repeats} repeats, {in_doubt} in doubt");
            assert!(copies.values().all(|copies| copies.iter().all(|copy| *copy == copies[0])));
            (lives, doubted) = (lives + 1, doubted + in_doubt);
            if ended {
                break;
            }
        }
        assert!(lives > 5 && doubted > 0, "{lives} crashes, {doubted} mails in doubt");
    }
}

/// Lets everyone go.
pub(crate) struct Open;

impl Gate for Open {
    fn is_open(&self) -> bool {
        true
    }

    fn admit(&mut self, _: &EmailAddress) -> Result<(), Timestamp> {
        Ok(())
    }
}

pub(crate) const NOTHING: Results<'_> = Results { settled: &[], counts: &[] };

pub(crate) fn of(settled: &[Settled]) -> Results<'_> {
    Results { settled, counts: &[] }
}

#[tokio::test]
async fn a_verdict_counts_only_with_the_fence_it_was_taken_with() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.readers(1).await;
        let digest = world.digest("1").await;
        let now = world.clock.now();
        let node = |name: &str| Courier { node: name.to_owned(), lease: HOUR, secret: world.secret() };
        let first = world.store.turn(NOTHING, 9, &mut Open, &node("one"), now).await.unwrap().attempts.remove(0);
        assert!(
            world.store.turn(NOTHING, 9, &mut Open, &node("two"), now).await.unwrap().attempts.is_empty(),
            "one owner at a time"
        );
        // Another node doubts it when its lease has ended, and not before.
        assert_eq!(world.store.recover_attempts("two", false, now.plus(HOUR)).await.unwrap(), 0);
        let later = now.plus(2 * HOUR);
        assert_eq!(world.store.recover_attempts("two", false, later).await.unwrap(), 1);
        let second = world.store.turn(NOTHING, 9, &mut Open, &node("two"), later).await.unwrap().attempts.remove(0);
        let late = [first.settle(Settlement::Bounced("too late".to_owned()))];
        world.store.turn(of(&late), 0, &mut Open, &node("one"), later).await.unwrap();
        assert_eq!(world.balance(digest).await.attempting, 1);
        let good = [second.settle(Settlement::Sent("ok".to_owned()))];
        for _ in 0..2 {
            // The second time as after a lost answer to COMMIT (P8).
            world.store.turn(of(&good), 0, &mut Open, &node("two"), later).await.unwrap();
            assert_eq!(world.balance(digest).await.sent, 1);
        }
    }
}

#[tokio::test]
async fn a_maildir_keeps_one_file_for_each_reader_and_resting_costs_nothing() {
    for bench in engines::all().await {
        let folder = bench.folder.path().join("outbox");
        let place = folder.clone();
        let world = World::changed(&bench, move |config| config.mail.lanes[0].relay = Relay::Maildir(place)).await;
        world.readers(10).await;
        // A file where the folder should be: trouble, and nobody's fault.
        std::fs::write(&folder, "in the way").unwrap();
        let digest = world.digest("1").await;
        assert_eq!(world.drain().await, Tally::default());
        assert_eq!(world.balance(digest).await.pending, 10);
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(world.drain().await.sent, 10);
        let mails: Vec<_> = std::fs::read_dir(folder.join("new")).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(mails.len(), 10);
        assert_eq!(std::fs::read_dir(folder.join("tmp")).unwrap().count(), 0);
        let first = std::fs::read(mails[0].path()).unwrap();
        assert!(String::from_utf8(first).unwrap().contains("\r\nMessage-ID: <"));
        // The relay may be changed while all runs.
        world.change(|config| config.mail.lanes[0].relay = world.sink.relay());
        world.digest("2").await;
        assert_eq!(world.drain().await.sent, 10);
        assert_eq!(world.sink.taken().len(), 10);
    }
}
