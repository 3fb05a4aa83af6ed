//! Push: feeds whose hubs announce changes to us, over real HTTP on both sides.

use crate::engines::{self, Bench};
use crate::hub::{Hub, Wish};
use crate::origin::{Answer, Item, Origin, rss};
use crate::serving::get;
use crate::stage::at;
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Database, Environment, Live};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::time::Timestamp;
use syndicated::flow::poll::{PollOutcome, Poller};
use syndicated::flow::websub::Hubs;
use syndicated::net::{Client, Names};
use syndicated::scheduler::Roles;
use syndicated::store::{Push, SourceRow, Store};
use tokio_util::sync::CancellationToken;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: u64 = 24 * 3600;
const TOPIC: &str = "https://blog.example.com/feed";
const PUBLIC: &str = "https://news.example.org";

/// A daemon that only serves, and its poller and its hubs, driven by hand.
struct World {
    store: Store,
    clock: Clock,
    live: Live,
    poller: Arc<Poller>,
    hubs: Hubs,
    hub: Hub,
    origin: Origin,
    daemon: Daemon,
    web: SocketAddr,
}

fn config(bench: &Bench, base_url: &str, fetch: &str, sources: &str) -> Config {
    let database = match &bench.place {
        Database::Sqlite(path) => format!("sqlite:{}", path.display()),
        Database::Postgres(url) => url.expose().to_owned(),
    };
    let text = format!(
        r#"
[site]
title = "Good News"
base_url = "{base_url}"
[database]
url = "{database}"
[http]
listen = "127.0.0.1:0"
[fetch]
allow = ["127.0.0.0/8:*"]
{fetch}
[mail]
from = "news@example.org"
relay = "maildir:{}"
{sources}
"#,
        bench.folder.path().join("outbox").display()
    );
    let path = bench.folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"))
}

fn source(origin: &Origin) -> String {
    format!("[[source]]\nname = \"blog\"\nurl = \"{}\"\nschedule = \"*/15 * * * *\"", origin.url("/feed"))
}

/// A feed of the posts of these numbers that names `hub`.
fn feed(numbers: std::ops::RangeInclusive<u32>, hub: &str) -> String {
    feed_at(numbers, &[hub])
}

/// The same with several hubs.
fn feed_at(numbers: std::ops::RangeInclusive<u32>, hubs: &[&str]) -> String {
    let items: Vec<_> = numbers.rev().map(Item::number).collect();
    let hubs: Vec<_> = hubs.iter().map(|hub| format!("<atom:link rel=\"hub\" href=\"{hub}\"/>")).collect();
    rss(&items, &format!("{}<atom:link rel=\"self\" href=\"{TOPIC}\"/>", hubs.concat()))
}

impl World {
    async fn new(bench: &Bench) -> Self {
        Self::with(bench, PUBLIC, "").await
    }

    async fn with(bench: &Bench, base_url: &str, fetch: &str) -> Self {
        let origin = Origin::start().await;
        let config = config(bench, base_url, fetch, &source(&origin));
        let clock = Clock::manual(at("2026-11-23T07:00:00Z"));
        let roles = Roles { poll: false, send: false, web: true };
        let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles };
        let daemon = Daemon::start(config.clone(), outside).await.unwrap();
        let (store, web) = (daemon.store.clone(), daemon.web.unwrap());
        let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), clock.clone()).unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let chance = Chance::seeded(7);
        let poller = Poller::new(store.clone(), client.clone(), clock.clone(), chance.clone(), Arc::clone(&live));
        let hubs = Hubs::new(store.clone(), client, clock.clone(), chance, Arc::clone(&live), poller.wake());
        let hub = Hub::start(web).await;
        origin.set("/feed", Answer::ok(feed(1..=3, &hub.url)));
        Self { store, clock, live, poller: Arc::new(poller), hubs, hub, origin, daemon, web }
    }

    /// The same, with the source polled and its hub asked.
    async fn subscribing(bench: &Bench) -> (Self, Wish) {
        let world = Self::new(bench).await;
        assert!(matches!(world.poll().await, PollOutcome::Read(_)));
        let wish = world.wish().await;
        (world, wish)
    }

    /// The same, and its hub has promised to announce for ten days.
    async fn subscribed(bench: &Bench) -> (Self, Wish) {
        let (world, wish) = Self::subscribing(bench).await;
        assert!(world.hub.asks_back(&wish, 10 * DAY).await);
        (world, wish)
    }

    async fn poll(&self) -> PollOutcome {
        let mut reports = self.poller.poll_due(&CancellationToken::new()).await.unwrap();
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0).outcome
    }

    /// Asks the hubs that are due; says how many.
    async fn ask_due(&self) -> usize {
        self.hubs.ask_due(&CancellationToken::new()).await.unwrap()
    }

    /// Asks the hub, once.
    async fn wish(&self) -> Wish {
        assert_eq!(self.ask_due().await, 1);
        let mut wishes = self.hub.wishes();
        assert_eq!(wishes.len(), 1, "{wishes:?}");
        wishes.remove(0)
    }

    async fn push(&self) -> Option<Push> {
        let name = "blog".parse().unwrap();
        let row = self.store.source_row(&name).await.unwrap().unwrap();
        let push = self.store.push_of(row.id).await.unwrap();
        assert_eq!(row.pushed_until, push.as_ref().and_then(|push| push.until));
        push
    }

    /// How long until the source is due.
    async fn rest(&self) -> Duration {
        self.store.next_poll_at().await.unwrap().unwrap().since(self.clock.now())
    }

    /// Goes on until the source is due; returns how long that was.
    async fn next(&self) -> Duration {
        let rest = self.rest().await;
        self.clock.advance(rest);
        rest
    }

    /// Goes on until the hub is asked.
    async fn until_asked(&self) {
        let at: Timestamp = self.store.next_hub_at().await.unwrap().unwrap();
        self.clock.set(at.max(self.clock.now()));
    }

    async fn reload(&self, config: Config) {
        self.daemon.reload(config.clone()).await.unwrap();
        self.live.store(Arc::new(config));
        self.poller.adopt_config().await.unwrap();
    }

    async fn end(self) {
        assert!(self.daemon.stop().await);
    }
}

fn new_posts(outcome: &PollOutcome) -> usize {
    match outcome {
        PollOutcome::Read(admitted) => admitted.new.len(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_is_asked_asks_back_and_announces() {
    for bench in engines::all().await {
        let (world, wish) = World::subscribing(&bench).await;
        assert_eq!((wish.field("hub.mode"), wish.field("hub.topic")), ("subscribe", TOPIC));
        assert_eq!(wish.field("hub.lease_seconds"), "864000");
        assert_eq!(wish.field("hub.secret").len(), 64);
        assert!(wish.path().starts_with("/websub/") && wish.path().len() > 50, "{}", wish.path());
        // As long as the hub has not asked back, nothing is promised.
        world.next().await;
        world.poll().await;
        assert_eq!(world.rest().await, 15 * MINUTE);
        assert!(world.hub.asks_back(&wish, 10 * DAY).await);
        assert_eq!(world.push().await.unwrap().until, Some(world.clock.now().plus(240 * HOUR)));
        world.next().await;
        world.poll().await;
        assert_eq!(world.rest().await, 6 * HOUR);

        for (number, method) in (4..).zip(["sha1", "sha256", "sha384", "sha512"]) {
            world.clock.advance(10 * MINUTE);
            let document = feed(1..=number, &world.hub.url);
            world.origin.set("/feed", Answer::ok(document.clone()));
            assert_eq!(world.hub.announces(&wish, method, &document).await, 202, "{method}");
            assert_eq!(world.rest().await, Duration::ZERO, "{method}");
            assert_eq!(new_posts(&world.poll().await), 1, "{method}");
            // What was announced may not have reached every cache: the schedule holds for an hour.
            assert!(world.rest().await <= 15 * MINUTE);
        }
        world.clock.advance(HOUR);
        world.poll().await;
        let rest = world.rest().await;
        assert!((6 * HOUR..=6 * HOUR + 15 * MINUTE).contains(&rest), "{rest:?}");
        world.end().await;
    }
}

/// The daemon's own loops, from the first poll to a post that was announced.
#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_does_all_of_it_by_itself() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T07:00:00Z"));
        let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
        let daemon = Daemon::start(config(&bench, PUBLIC, "", ""), outside).await.unwrap();
        let (hub, origin) = (Hub::start(daemon.web.unwrap()).await, Origin::start().await);
        hub.asks_back_at_once(DAY);
        origin.set("/feed", Answer::ok(feed(1..=3, &hub.url)));
        daemon.reload(config(&bench, PUBLIC, "", &source(&origin))).await.unwrap();
        let name = "blog".parse().unwrap();
        // Time goes on in such steps until the row says so.
        let until = async |step: Duration, holds: fn(&SourceRow) -> bool| {
            let deadline = std::time::Instant::now() + Duration::from_secs(20);
            while !holds(&daemon.store.source_row(&name).await.unwrap().unwrap()) {
                assert!(std::time::Instant::now() < deadline, "{}", bench.engine);
                clock.advance(step);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        until(Duration::from_secs(1), |row| row.pushed_until.is_some()).await;
        let wish = hub.wishes().remove(0);
        origin.set("/feed", Answer::ok(feed(1..=4, &hub.url)));
        clock.advance(MINUTE);
        assert_eq!(hub.announces(&wish, "sha256", "x").await, 202);
        // Without a slot, since the clock stands.
        until(Duration::ZERO, |row| row.posts == 4).await;
        assert!(daemon.stop().await);
    }
}

/// What is pushed is not believed but looked at: a forger could make us look at most.
#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_counts_only_with_the_right_signature() {
    for bench in engines::all().await {
        let (world, wish) = World::subscribed(&bench).await;
        world.next().await;
        world.poll().await;
        let before = world.rest().await;
        let forged = wish.field("hub.secret").replace(|_: char| true, "0");
        for header in [
            String::new(),
            "X-Hub-Signature: \r\n".to_owned(),
            format!("X-Hub-Signature: sha256={forged}\r\n"),
            format!("X-Hub-Signature: md5={forged}\r\n"),
            "X-Hub-Signature: sha256=\u{e9}\r\n".to_owned(),
        ] {
            // The hub learns nothing of it (section 7.1).
            assert_eq!(world.hub.posts(wish.path(), &header, "<rss/>").await, 202, "{header}");
        }
        assert_eq!(world.rest().await, before);
        // A document larger than any form, to a callback of ours only.
        let large = "x".repeat(300_000);
        assert_eq!(world.hub.announces(&wish, "sha256", &large).await, 202);
        assert_eq!(world.rest().await, MINUTE, "not sooner than a minute after the last poll");
        let stranger = wish.path().replace("/websub/", "/websub/9");
        assert_eq!(world.hub.posts(&stranger, "", "<rss/>").await, 404);
        assert_eq!(world.hub.posts(&stranger, "", &large).await, 413);
        assert_eq!(world.hub.posts(wish.path(), "", &"x".repeat(11 * 1024 * 1024)).await, 413);
        world.end().await;
    }
}

/// P17: only what was asked is confirmed, and nothing else is changed by looking.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_asked_is_confirmed() {
    for bench in engines::all().await {
        let (world, wish) = World::subscribing(&bench).await;
        let before = world.push().await;
        let query = format!("?hub.mode=subscribe&hub.topic={TOPIC}&hub.challenge=c&hub.lease_seconds=60");
        for (method, path) in [
            ("HEAD", format!("{}{query}", wish.path())),
            ("GET", wish.path().to_owned()),
            ("GET", format!("{}{}", wish.path(), query.replace("subscribe", "unsubscribe"))),
            ("GET", format!("{}{}", wish.path(), query.replace("blog", "another"))),
            ("GET", format!("{}{}", wish.path(), query.replace("hub.challenge=c", "hub.challenge="))),
            ("GET", format!("{}{query}", wish.path().replace("/websub/", "/websub/9"))),
            ("GET", format!("/websub/1.AAAA{query}")),
            ("GET", format!("/websub/{query}")),
        ] {
            assert_eq!(get(world.web, method, &path).await.status, 404, "{method} {path}");
        }
        assert_eq!(world.push().await, before);
        // A question is confirmed for a day.
        world.clock.advance(25 * HOUR);
        assert!(!world.hub.asks_back(&wish, DAY).await);
        assert_eq!(world.push().await, before);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_asks_back_before_it_answers_is_heard() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.hub.asks_back_at_once(DAY);
        world.poll().await;
        world.wish().await;
        assert_eq!(world.push().await.unwrap().until, Some(world.clock.now().plus(24 * HOUR)));
        // It is asked again when a fifth of the lease is left, not at once.
        let renewal = world.store.next_hub_at().await.unwrap().unwrap().since(world.clock.now());
        assert!((18 * HOUR..=21 * HOUR).contains(&renewal), "{renewal:?}");
        assert_eq!(world.hubs.pause(MINUTE).await.unwrap(), MINUTE);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_and_when_it_is_not_the_schedule_holds_again() {
    for bench in engines::all().await {
        let (world, wish) = World::subscribing(&bench).await;
        assert!(world.hub.asks_back(&wish, DAY).await);
        world.until_asked().await;
        let renewed = world.wish().await;
        for field in ["hub.callback", "hub.secret", "hub.topic", "hub.mode"] {
            assert_eq!(renewed.field(field), wish.field(field));
        }
        assert!(world.hub.asks_back(&renewed, DAY).await);
        let until = world.clock.now().plus(24 * HOUR);
        assert_eq!(world.push().await.unwrap().until, Some(until));

        // This time the hub never asks back: it is asked again, and the lease ends.
        world.hub.answers(202);
        while world.clock.now() < until {
            world.until_asked().await;
            world.ask_due().await;
            assert!(world.hub.wishes().len() <= 1);
            if world.rest().await == Duration::ZERO {
                world.poll().await;
                let rest = world.rest().await;
                let left = until.since(world.clock.now());
                // Not later than a slot after the lease's end.
                assert!(rest <= (6 * HOUR).min(left).max(MINUTE) + 15 * MINUTE, "{rest:?}");
            }
        }
        assert!(world.next().await <= 16 * MINUTE);
        world.poll().await;
        assert!(world.rest().await <= 16 * MINUTE);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_denies_is_left_alone_for_a_week() {
    for bench in engines::all().await {
        let (world, wish) = World::subscribed(&bench).await;
        world.next().await;
        world.poll().await;
        assert_eq!(world.rest().await, 6 * HOUR);
        world.clock.advance(HOUR);
        let denial = world.hub.question(&wish, "denied", TOPIC, "&hub.reason=not+paid").await;
        assert_eq!(denial.status, 200);
        assert_eq!(world.rest().await, Duration::ZERO, "what it did not announce may be there");
        world.poll().await;
        assert!(world.rest().await <= 15 * MINUTE);
        let push = world.push().await.unwrap();
        assert_eq!(push.trouble.as_deref(), Some("its hub will not announce changes: not paid"));
        assert_eq!(push.until, None);
        assert_eq!(world.store.next_hub_at().await.unwrap(), Some(world.clock.now().plus(7 * 24 * HOUR)));
        // Of another topic it may say what it likes.
        assert_eq!(world.hub.question(&wish, "denied", "https://else.example.com/", "").await.status, 404);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_down_changes_nothing_for_the_polls() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.hub.answers(500);
        world.poll().await;
        let mut rests = Vec::new();
        for _ in 0..3 {
            world.wish().await;
            let push = world.push().await.unwrap();
            assert_eq!(push.trouble, Some(format!("{}: it answered 500 Internal Server Error", world.hub.url)));
            rests.push(world.store.next_hub_at().await.unwrap().unwrap().since(world.clock.now()));
            while world.store.next_hub_at().await.unwrap().unwrap() > world.clock.now() {
                let rest = world.rest().await;
                assert!(rest <= 15 * MINUTE, "{rest:?}");
                world.clock.advance(rest.min(rests[rests.len() - 1]).max(MINUTE));
                world.poller.poll_due(&CancellationToken::new()).await.unwrap();
            }
        }
        for (rest, minutes) in rests.iter().zip([10, 20, 40]) {
            assert!((minutes * 54..=minutes * 66).contains(&rest.as_secs()), "{rests:?}");
        }
        // It refuses: not now, and not soon.
        world.hub.answers(403);
        world.wish().await;
        assert_eq!(world.store.next_hub_at().await.unwrap(), Some(world.clock.now().plus(7 * 24 * HOUR)));
        // Nobody listens there any more.
        world.hub.answers(202);
        world.origin.set("/feed", Answer::ok(feed(1..=3, "http://127.0.0.1:1/")));
        if world.rest().await > Duration::ZERO {
            world.next().await;
        }
        world.poll().await;
        world.ask_due().await;
        let trouble = world.push().await.unwrap().trouble.unwrap();
        assert!(trouble.starts_with("http://127.0.0.1:1/: it cannot be connected to"), "{trouble}");
        assert_eq!(world.rest().await, 15 * MINUTE);
        world.end().await;
    }
}

/// A world whose feed names two hubs, polled once; and the second of them.
async fn of_two_hubs(bench: &Bench) -> (World, Hub) {
    let world = World::new(bench).await;
    let second = Hub::start(world.web).await;
    world.origin.set("/feed", Answer::ok(feed_at(1..=3, &[&world.hub.url, &second.url])));
    world.poll().await;
    (world, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_hub_refuses_the_feeds_next_one_is_asked() {
    for bench in engines::all().await {
        let (world, second) = of_two_hubs(&bench).await;
        let refused_at = world.clock.now();
        world.hub.answers(403);
        world.wish().await;
        assert_eq!(world.ask_due().await, 1);
        let wish = second.wishes().remove(0);
        assert_eq!((wish.field("hub.mode"), wish.field("hub.topic")), ("subscribe", TOPIC));
        assert!(second.asks_back(&wish, 10 * DAY).await);
        for _ in 0..2 {
            world.next().await;
            world.poll().await;
            assert_eq!(world.rest().await, 6 * HOUR, "it is not left for the first one again");
            assert_eq!(world.ask_due().await, 0);
        }
        world.clock.advance(10 * MINUTE);
        let document = feed_at(1..=4, &[&world.hub.url, &second.url]);
        world.origin.set("/feed", Answer::ok(document.clone()));
        assert_eq!(second.announces(&wish, "sha256", &document).await, 202);
        assert_eq!(new_posts(&world.poll().await), 1);

        // The second will not announce any more; the first is asked again a week after it refused.
        assert_eq!(second.question(&wish, "denied", TOPIC, "").await.status, 200);
        assert_eq!(world.ask_due().await, 0);
        assert_eq!(world.store.next_hub_at().await.unwrap(), Some(refused_at.plus(7 * 24 * HOUR)));
        world.next().await;
        world.poll().await;
        assert!(world.rest().await <= 15 * MINUTE);
        world.clock.set(refused_at.plus(7 * 24 * HOUR));
        world.hub.answers(202);
        let again = world.wish().await;
        assert!(world.hub.asks_back(&again, 10 * DAY).await);
        assert!(second.wishes().is_empty(), "it is told nothing: it had said that it is over");

        // A feed that names one hub, and another one than before, is subscribed there.
        world.origin.set("/feed", Answer::ok(feed(1..=4, &second.url)));
        world.poll().await;
        assert_eq!(world.ask_due().await, 2);
        assert_eq!(second.wishes().remove(0).field("hub.mode"), "subscribe");
        assert_eq!(world.hub.wishes().remove(0).field("hub.mode"), "unsubscribe");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_promise_holds_is_left_for_no_other() {
    for bench in engines::all().await {
        let (world, second) = of_two_hubs(&bench).await;
        let wish = world.wish().await;
        assert!(world.hub.asks_back(&wish, DAY).await);
        let until = world.push().await.unwrap().until.unwrap();
        world.hub.answers(500);
        while world.clock.now() < until {
            assert!(second.wishes().is_empty() && world.push().await.unwrap().until == Some(until));
            world.until_asked().await;
            assert_eq!(world.ask_due().await, 1);
        }
        // It is over, and was not renewed.
        assert!(world.hub.wishes().len() > 3);
        assert_eq!(world.ask_due().await, 1);
        let wish = second.wishes().remove(0);
        assert!(second.asks_back(&wish, DAY).await);
        // Whoever promises and says nothing is left as well.
        world.poll().await;
        let own = Timestamp::from_millis(1_790_000_000_000 + 4 * 86_400_000).to_rfc2822();
        world.clock.advance(7 * HOUR);
        let hidden = world.clock.now().minus(3 * HOUR).to_rfc2822();
        let document = feed_at(1..=4, &[&world.hub.url, &second.url]).replace(&own, &hidden);
        world.origin.set("/feed", Answer::ok(document));
        assert_eq!(new_posts(&world.poll().await), 1);
        world.until_asked().await;
        world.hub.answers(202);
        world.wish().await;
        assert_eq!(second.announces(&wish, "sha256", "x").await, 410);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_never_asks_back_has_failed() {
    for bench in engines::all().await {
        let (world, second) = of_two_hubs(&bench).await;
        let mut asked = 0;
        while second.wishes().is_empty() {
            world.until_asked().await;
            world.ask_due().await;
            asked += world.hub.wishes().len();
            assert!(asked <= 3, "{}", bench.engine);
        }
        assert_eq!(asked, 3);
        // Neither does the other one: they are asked by turns, more and more rarely.
        let (began, mut questions) = (world.clock.now(), 0);
        while world.clock.now() < began.plus(14 * 24 * HOUR) {
            world.until_asked().await;
            world.ask_due().await;
            questions += world.hub.wishes().len() + second.wishes().len();
        }
        assert!((10..=40).contains(&questions), "{questions}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_unsubscribed() {
    for bench in engines::all().await {
        let (world, first) = World::subscribed(&bench).await;
        // The feed goes to another hub.
        let other = Hub::start(world.web).await;
        world.origin.set("/feed", Answer::ok(feed(1..=3, &other.url)));
        world.next().await;
        world.poll().await;
        assert_eq!(world.rest().await, 15 * MINUTE, "the new one has promised nothing");
        assert_eq!(world.ask_due().await, 2);
        let (goodbye, second) = (world.hub.wishes().remove(0), other.wishes().remove(0));
        assert_eq!((goodbye.field("hub.mode"), goodbye.path()), ("unsubscribe", first.path()));
        assert!(goodbye.field("hub.secret").is_empty() && second.path() != first.path());
        assert_eq!(second.field("hub.mode"), "subscribe");
        // An announcement that was on its way is not one of ours any more.
        assert_eq!(world.hub.announces(&first, "sha256", "x").await, 410);
        for _ in 0..2 {
            assert!(world.hub.asks_back(&goodbye, DAY).await, "also when it asks twice");
        }
        assert!(other.asks_back(&second, 10 * DAY).await);
        world.clock.advance(2 * HOUR);
        assert_eq!(world.ask_due().await, 0);
        assert_eq!(world.hub.posts(first.path(), "", "x").await, 410);

        // The source is taken out; its hub does not confirm, and is not asked for ever.
        world.reload(config(&bench, PUBLIC, "", "")).await;
        for _ in 0..3 {
            assert_eq!(world.ask_due().await, 1);
            assert_eq!(other.wishes().remove(0).field("hub.mode"), "unsubscribe");
            world.until_asked().await;
        }
        assert_eq!(world.ask_due().await, 0);
        assert_eq!(world.store.next_hub_at().await.unwrap(), None);
        assert!(!other.asks_back(&second, DAY).await);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_during_a_poll_is_not_lost() {
    for bench in engines::all().await {
        let (world, wish) = World::subscribed(&bench).await;
        let stale = feed(1..=3, &world.hub.url);
        world.origin.set("/feed", Answer::ok(stale).delayed(Duration::from_millis(300)));
        world.next().await;
        world.origin.asked();
        let poller = Arc::clone(&world.poller);
        let polling = tokio::spawn(async move { poller.poll_due(&CancellationToken::new()).await.unwrap().len() });
        while world.origin.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        world.clock.advance(Duration::from_secs(1));
        world.origin.set("/feed", Answer::ok(feed(1..=4, &world.hub.url)));
        assert_eq!(world.hub.announces(&wish, "sha256", "x").await, 202);
        // The poll that was under way, and another one.
        assert_eq!(polling.await.unwrap(), 2);
        assert_eq!(world.origin.asked().len(), 1);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_conceals_a_post_is_not_relied_on() {
    for bench in engines::all().await {
        let (world, wish) = World::subscribed(&bench).await;
        world.next().await;
        world.poll().await;
        let dated = |number: u32, at: Timestamp| {
            let document = feed(1..=number, &world.hub.url);
            let own = Timestamp::from_millis(1_790_000_000_000 + i64::from(number) * 86_400_000).to_rfc2822();
            assert!(document.contains(&own));
            document.replace(&own, &at.to_rfc2822())
        };
        // One that came out just now may still be announced.
        world.next().await;
        world.origin.set("/feed", Answer::ok(dated(4, world.clock.now().minus(5 * MINUTE))));
        assert_eq!(new_posts(&world.poll().await), 1);
        assert!(world.push().await.unwrap().until.is_some());
        assert_eq!(world.rest().await, 6 * HOUR);
        // One of three hours ago was not.
        world.next().await;
        world.origin.set("/feed", Answer::ok(dated(5, world.clock.now().minus(3 * HOUR))));
        assert_eq!(new_posts(&world.poll().await), 1);
        let push = world.push().await.unwrap();
        assert_eq!(
            (push.until, push.trouble.as_deref()),
            (None, Some("its hub did not announce a post within an hour"))
        );
        world.next().await;
        world.poll().await;
        assert!(world.rest().await <= 15 * MINUTE);
        // It may still announce.
        world.clock.advance(5 * MINUTE);
        assert_eq!(world.hub.announces(&wish, "sha256", "x").await, 202);
        assert_eq!(world.rest().await, Duration::ZERO);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_names_the_hub_as_well_and_first() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        let link = format!("<{}>; rel=\"hub\", <https://blog.example.com/by-header>; rel=\"self\"", world.hub.url);
        world.origin.set("/feed", Answer::ok(feed(1..=3, "http://127.0.0.1:1/")).header("Link", &link));
        world.poll().await;
        assert_eq!(world.wish().await.field("hub.topic"), "https://blog.example.com/by-header");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hubs_that_cannot_call_back_are_not_asked() {
    for (base_url, fetch, asked) in [
        (PUBLIC, "websub = false", 0),
        // A hub in a network that the operator has allowed.
        ("http://127.0.0.1:8080", "", 1),
        ("http://localhost:8080", "", 1),
    ] {
        for bench in engines::all().await {
            let world = World::with(&bench, base_url, fetch).await;
            world.poll().await;
            assert_eq!(world.ask_due().await, asked, "{base_url} {fetch}");
            // A hub of the world could not reach us.
            world.origin.set("/feed", Answer::ok(feed(1..=3, "https://hub.example.com/")));
            world.next().await;
            world.poll().await;
            assert_eq!(world.push().await, None, "{base_url} {fetch}");
            world.end().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_in_the_configuration_is_told_to_hubs() {
    for bench in engines::all().await {
        let (world, wish) = World::subscribed(&bench).await;
        let moved = config(&bench, "https://news2.example.org", "", &source(&world.origin));
        world.reload(moved).await;
        assert_eq!(world.push().await.unwrap().until, None);
        let again = world.wish().await;
        let token = wish.path().strip_prefix("/websub/").unwrap();
        assert_eq!(again.field("hub.callback"), format!("https://news2.example.org/websub/{token}"));
        // Push is switched off: the hub is told, and nothing is expected of it.
        world.reload(config(&bench, PUBLIC, "websub = false", &source(&world.origin))).await;
        assert_eq!(world.push().await, None);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_hub() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        let silent = world.origin.url("/hub");
        world.origin.set("/hub", Answer::status(202).delayed(HOUR));
        world.origin.set("/feed", Answer::ok(feed(1..=3, silent.as_str())));
        world.poll().await;
        world.origin.asked();
        let (hubs, stop) = (world.hubs.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let asking = tokio::spawn(async move { hubs.ask_due(&stopped).await.unwrap() });
        while world.origin.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
        let asked = tokio::time::timeout(Duration::from_secs(5), asking).await;
        assert_eq!(asked.expect("it waits for the hub").unwrap(), 1);
        // It is asked again when the claim has ended.
        assert_eq!(world.store.next_hub_at().await.unwrap(), Some(world.clock.now().plus(5 * MINUTE)));
        world.end().await;
    }
}

/// Two nodes on one database: a hub is asked by one of them.
#[tokio::test(flavor = "multi_thread")]
async fn one_node_asks_at_a_time() {
    for bench in engines::all().await {
        let world = World::new(&bench).await;
        world.poll().await;
        let (site, now) = (PUBLIC.parse().unwrap(), world.clock.now());
        let late = world.store.claim_hubs(8, &site, now, 5 * MINUTE).await.unwrap().remove(0);
        assert!(world.store.claim_hubs(8, &site, now, 5 * MINUTE).await.unwrap().is_empty());
        world.clock.advance(5 * MINUTE);
        let wish = world.wish().await;
        assert!(world.hub.asks_back(&wish, DAY).await);
        // The first one comes back, too late to write.
        let (before, next) = (world.push().await, world.store.next_hub_at().await.unwrap());
        world.store.finish_asking(late, Some("it broke"), world.clock.now().plus(HOUR)).await.unwrap();
        assert_eq!((world.push().await, world.store.next_hub_at().await.unwrap()), (before, next));
        world.end().await;
    }
}
