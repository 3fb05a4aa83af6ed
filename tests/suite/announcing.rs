//! WebSub from the publisher's side: the hubs of the configuration are told which
//! feeds have changed, over real HTTP.

use crate::engines::{self, Bench};
use crate::hub::Hub;
use crate::origin::{Answer, Item, Origin, rss};
use crate::program::{Program, until};
use crate::publishing::{arrive, at, config, dated};
use crate::serving::get;
use crate::stage;
use arc_swap::ArcSwap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Allow, Config, Live};
use syndicated::daemon::{Daemon, Outside};
use syndicated::flow::publish::Announcer;
use syndicated::net::{Client, Names};
use syndicated::scheduler::Roles;
use syndicated::store::{Store, ToldHub};
use tokio_util::sync::CancellationToken;

/// What is announced of a change in source "one".
const OF_ONE: [&str; 9] = [
    "/feed.rss",
    "/feed.atom",
    "/feed.json",
    "/feeds/all.rss",
    "/feeds/all.atom",
    "/feeds/all.json",
    "/sources/one.rss",
    "/sources/one.atom",
    "/sources/one.json",
];

struct World {
    store: Store,
    clock: Clock,
    live: Live,
    announcer: Announcer,
}

fn telling(bench: &Bench, hubs: &[&str]) -> Config {
    let mut config = config(bench);
    config.fetch.allow = vec!["127.0.0.0/8:*".parse::<Local>().unwrap().0];
    config.feeds.hubs = hubs.iter().map(|hub| hub.parse().unwrap()).collect();
    config
}

/// The machine's own network, in the configuration's words.
struct Local(Allow);

impl std::str::FromStr for Local {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.split('/').next().unwrap_or_default().parse()?;
        Ok(Self(Allow { network, prefix: 8, port: None }))
    }
}

impl World {
    async fn new(bench: &Bench, hubs: &[&str]) -> Self {
        let store = bench.open().await;
        let config = telling(bench, hubs);
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        store.sync_told_hubs(&config.feeds.hubs, at(0)).await.unwrap();
        Self::of(store, config, Clock::manual(at(0)))
    }

    fn of(store: Store, config: Config, clock: Clock) -> Self {
        let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), clock.clone()).unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let chance = Chance::seeded(7);
        let announcer = Announcer::new(store.clone(), client, clock.clone(), chance, Arc::clone(&live), Duration::ZERO);
        Self { store, clock, live, announcer }
    }

    async fn post(&self, source: &str, title: &str) {
        arrive(&self.store, source, self.clock.now(), vec![dated(source, title, -20)]).await;
    }

    /// Time passes, and what is due is told; to how many hubs.
    async fn after(&self, span: Duration) -> usize {
        self.clock.set(self.clock.now().plus(span));
        self.announcer.gather().await.unwrap();
        self.announcer.tell_due(&CancellationToken::new()).await.unwrap()
    }

    /// What is new is told.
    async fn announce(&self) -> usize {
        self.announcer.gather().await.unwrap();
        self.after(Duration::from_secs(2)).await
    }

    async fn hub(&self, hub: &str) -> ToldHub {
        self.store.told_hubs().await.unwrap().into_iter().find(|known| known.hub == hub).unwrap()
    }
}

/// The feeds that a hub was told of since the last look, without the site.
fn told(hub: &Hub) -> Vec<String> {
    let told = hub.wishes().into_iter().map(|wish| {
        assert_eq!(wish.field("hub.mode"), "publish");
        assert_eq!(wish.field("hub.url"), wish.field("hub.topic"));
        let url = wish.field("hub.url");
        let path = url.split_once("://news.example.org").unwrap_or_else(|| panic!("{url}")).1;
        path.to_owned()
    });
    told.collect()
}

async fn hub() -> Hub {
    Hub::start("127.0.0.1:9".parse().unwrap()).await
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/hub", listener.local_addr().unwrap())
}

#[tokio::test]
async fn every_hub_is_told_once_of_each_feed_that_changed() {
    for bench in engines::all().await {
        let (first, second) = (hub().await, hub().await);
        let world = World::new(&bench, &[&first.url, &second.url]).await;
        assert_eq!(world.announce().await, 0, "there is no news");
        world.post("one", "a").await;
        world.post("one", "b").await;
        assert_eq!(world.announcer.gather().await.unwrap(), 3, "{}", bench.engine);
        assert_eq!(
            world.announcer.tell_due(&CancellationToken::new()).await.unwrap(),
            0,
            "what else comes in is awaited"
        );
        assert_eq!(world.after(Duration::from_secs(2)).await, 2, "{}", bench.engine);
        assert_eq!(told(&first), OF_ONE, "{}", bench.engine);
        assert_eq!(told(&second), OF_ONE, "{}", bench.engine);
        assert_eq!(world.hub(&first.url).await.told_at, Some(world.clock.now()));
        // The same posts again are no news; another is, of its own feeds, a little later.
        world.post("one", "b").await;
        assert_eq!(world.after(Duration::from_mins(5)).await, 0, "{}", bench.engine);
        world.post("two", "c").await;
        world.announce().await;
        let paths = told(&first);
        assert!(paths.contains(&"/feeds/half.rss".to_owned()) && paths.contains(&"/sources/two.json".to_owned()));
        assert!(!paths.contains(&"/sources/one.rss".to_owned()) && paths.len() == 12, "{paths:?}");
        world.post("two", "d").await;
        world.post("one", "e").await;
        assert_eq!(world.announce().await, 0, "a burst is told of in turns");
        assert_eq!(world.after(Duration::from_secs(10)).await, 2, "{}", bench.engine);
        assert_eq!(told(&first).len(), 15, "{}", bench.engine);
    }
}

#[tokio::test]
async fn a_hub_that_is_down_is_told_later_and_keeps_no_other_waiting() {
    for bench in engines::all().await {
        let (busy, well, absent) = (hub().await, hub().await, nobody());
        // A rest is a whole host's: the others are at others.
        let elsewhere = |hub: &str, host: &str| hub.replace("127.0.0.1", host);
        let (well_url, absent) = (elsewhere(&well.url, "localhost"), elsewhere(&absent, "127.0.0.2"));
        let world = World::new(&bench, &[&busy.url, &well_url, &absent]).await;
        busy.rests(503, 600);
        world.post("one", "a").await;
        assert_eq!(world.announce().await, 3, "{}", bench.engine);
        assert_eq!(told(&well), OF_ONE, "{}", bench.engine);
        assert_eq!(told(&busy).len(), 1, "what it could not take is not said on");
        let known = world.hub(&busy.url).await;
        assert_eq!(known.waiting, 3, "{}", bench.engine);
        assert!(known.trouble.as_ref().unwrap().contains("503"), "{known:?}");
        assert!(world.hub(&absent).await.trouble.is_some());
        // It asked for ten minutes.
        busy.answers(202);
        world.after(Duration::from_mins(9)).await;
        assert_eq!(told(&busy).len(), 0, "{}", bench.engine);
        world.after(Duration::from_mins(2)).await;
        assert_eq!(told(&busy), OF_ONE, "{}", bench.engine);
        assert_eq!(world.hub(&busy.url).await.trouble, None);
        // Who is not there is asked more and more rarely, and comes back to all of it.
        let mut asked = 0;
        for _ in 0..48 {
            asked += world.after(Duration::from_mins(30)).await;
        }
        assert!((12..=30).contains(&asked), "{asked}");
        assert_eq!(world.hub(&absent).await.waiting, 3, "{}", bench.engine);
    }
}

#[tokio::test]
async fn news_outlives_a_restart_and_two_nodes_tell_it_once() {
    for bench in engines::all().await {
        let hub = hub().await;
        let world = World::new(&bench, &[&hub.url]).await;
        hub.answers(500);
        world.post("one", "a").await;
        world.announce().await;
        told(&hub);
        hub.answers(200);
        let (config, clock) = ((*world.live.load_full()).clone(), world.clock.clone());
        world.store.close().await;
        let store = bench.open().await;
        store.sync_told_hubs(&config.feeds.hubs, clock.now()).await.unwrap();
        let one = World::of(store, config.clone(), clock.clone());
        let two = World::of(bench.open().await, config, clock.clone());
        clock.set(clock.now().plus(Duration::from_mins(1)));
        let stop = CancellationToken::new();
        let (first, second) = tokio::join!(one.announcer.tell_due(&stop), two.announcer.tell_due(&stop));
        assert_eq!(first.unwrap() + second.unwrap(), 1, "{}", bench.engine);
        assert_eq!(told(&hub), OF_ONE, "{}", bench.engine);
        // A node that died in the middle: its claim ends, and another tells the rest.
        one.post("one", "b").await;
        one.announcer.gather().await.unwrap();
        clock.set(clock.now().plus(Duration::from_mins(1)));
        let lost = one.store.claim_told(clock.now(), Duration::from_mins(10), 100).await.unwrap();
        assert_eq!(lost.len(), 1, "{}", bench.engine);
        assert_eq!(two.after(Duration::from_mins(9)).await, 0, "{}", bench.engine);
        assert_eq!(two.after(Duration::from_mins(2)).await, 1, "{}", bench.engine);
        assert_eq!(told(&hub), OF_ONE, "{}", bench.engine);
        drop(lost);
    }
}

#[tokio::test]
async fn what_a_hub_refuses_is_not_repeated() {
    for bench in engines::all().await {
        let hub = hub().await;
        // The last may not be asked at all: its network is private, and nobody named it.
        let private = "http://10.1.2.3/hub";
        let world = World::new(&bench, &[&hub.url, private]).await;
        hub.answers(403);
        world.post("one", "a").await;
        assert_eq!(world.announce().await, 2, "{}", bench.engine);
        assert_eq!(told(&hub), OF_ONE, "{}", bench.engine);
        let known = world.hub(&hub.url).await;
        assert_eq!(known.waiting, 0, "{}", bench.engine);
        let trouble = known.trouble.unwrap();
        assert!(trouble.contains("it refuses /sources/one.rss") && trouble.contains("403"), "{trouble}");
        assert!(world.hub(private).await.trouble.unwrap().contains("10.1.2.3"), "{}", bench.engine);
        for _ in 0..24 {
            assert_eq!(world.after(Duration::from_hours(1)).await, 0, "{}", bench.engine);
        }
        // The next change may be welcome again.
        hub.answers(204);
        world.post("one", "b").await;
        world.announce().await;
        assert_eq!(told(&hub), OF_ONE, "{}", bench.engine);
        assert_eq!(world.hub(&hub.url).await.trouble, None);
    }
}

#[tokio::test]
async fn a_feed_that_changes_while_it_is_told_is_told_again() {
    for bench in engines::all().await {
        let hub = hub().await;
        let world = World::new(&bench, &[&hub.url]).await;
        world.post("one", "a").await;
        world.announcer.gather().await.unwrap();
        world.clock.set(world.clock.now().plus(Duration::from_secs(2)));
        let claim = world.store.claim_told(world.clock.now(), Duration::from_mins(10), 100).await.unwrap().remove(0);
        world.post("one", "b").await;
        world.announcer.gather().await.unwrap();
        let done = syndicated::store::Told { done: claim.feeds.clone(), taken: true, ..Default::default() };
        world.store.finish_telling(claim, &done, world.clock.now(), world.clock.now()).await.unwrap();
        assert_eq!(world.hub(&hub.url).await.waiting, 3, "{}", bench.engine);
        world.after(Duration::from_secs(1)).await;
        assert_eq!(told(&hub), OF_ONE, "{}", bench.engine);
    }
}

#[tokio::test]
async fn hubs_come_and_go_with_the_configuration() {
    for bench in engines::all().await {
        let (first, second) = (hub().await, hub().await);
        let world = World::new(&bench, &[]).await;
        world.post("one", "a").await;
        assert_eq!(world.announcer.gather().await.unwrap(), 0, "{}", bench.engine);
        let configure = async |hubs: &[&str]| {
            let config = telling(&bench, hubs);
            world.store.sync_told_hubs(&config.feeds.hubs, world.clock.now()).await.unwrap();
            world.live.store(Arc::new(config));
        };
        configure(&[&first.url]).await;
        assert_eq!(world.announce().await, 0, "what was there before is no news");
        world.post("one", "b").await;
        world.announcer.gather().await.unwrap();
        configure(&[&second.url]).await;
        assert_eq!(world.after(Duration::from_mins(1)).await, 0, "{}", bench.engine);
        world.post("one", "c").await;
        world.announce().await;
        assert_eq!((told(&first).len(), told(&second).len()), (0, 9), "{}", bench.engine);
    }
}

/// From a blog to a hub through the whole program, by the machine's own clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_hears_of_a_post_within_seconds_and_finds_it_in_the_feed() {
    for bench in engines::all().await {
        let (hub, origin, absent) = (hub().await, Origin::start().await, nobody());
        let mut config = telling(&bench, &[&absent, &hub.url]);
        config.sources.truncate(1);
        config.sources[0].url = origin.url("/feed").as_str().parse().unwrap();
        config.newsletters.truncate(1);
        let feed = |numbers: std::ops::RangeInclusive<u32>| {
            let items: Vec<_> = numbers.rev().map(Item::number).collect();
            origin.set("/feed", Answer::ok(rss(&items, "")));
        };
        feed(1..=2);
        let outside = Outside { clock: Clock::system(), chance: Chance::seeded(3), roles: Roles::ALL };
        let daemon = Daemon::start(config, outside).await.unwrap();
        let web = daemon.web.unwrap();
        let hears = async || {
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(30) {
                let paths = told(&hub);
                if !paths.is_empty() {
                    return (began.elapsed(), paths);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("{}: the hub hears nothing", bench.engine);
        };
        daemon.poll_now().await.unwrap();
        let (took, _) = hears().await;
        assert!(took < Duration::from_secs(10), "{}: {took:?}", bench.engine);
        let answer = get(web, "GET", "/sources/one.rss").await;
        let head = answer.head.to_lowercase();
        let own = "<https://news.example.org/sources/one.rss>; rel=\"self\"";
        assert!(head.contains("link: ") && head.contains(&format!("<{}>; rel=\"hub\"", hub.url)), "{head}");
        assert!(head.contains(own) && head.contains("rel=\"canonical\""), "{head}");
        assert!(answer.body.contains("Post 2") && answer.body.contains("rel=\"hub\""), "{}", answer.body);
        let head = get(web, "HEAD", "/feed.json").await.head;
        assert!(head.contains("rel=\"self\""), "{head}");
        for other in ["/feed.rss?full=0", "/languages/en.rss"] {
            assert!(!get(web, "GET", other).await.body.contains("rel=\"hub\""), "{other} is not announced");
        }
        assert!(daemon.stop().await);
    }
}

/// Killed while its hub was down: what was to be told is told by the next life.
#[tokio::test(flavor = "multi_thread")]
async fn news_outlives_a_kill_and_a_command_shows_how_it_goes() {
    for bench in engines::all().await {
        let (hub, origin) = (hub().await, Origin::start().await);
        origin.set("/feed", Answer::ok(rss(&[Item::number(1)], "")));
        hub.answers(503);
        let more = format!("[fetch]\nallow = [\"127.0.0.0/8:*\"]\n[feeds]\nhubs = [\"{}\"]\n", hub.url);
        let text = stage::toml(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", &more);
        let path = bench.folder.path().join("config.toml");
        std::fs::write(&path, text.replace("http://127.0.0.1:9/feed.xml", origin.url("/feed").as_str())).unwrap();
        let program = Program::start(&path).await;
        let shown = async |program: &Program| -> serde_json::Value {
            let shown: serde_json::Value =
                serde_json::from_str(&program.command(&["feed", "--hubs", "--json"]).await).unwrap();
            shown[0].clone()
        };
        let line = until("the hub is spoken to", async || {
            let line = shown(&program).await;
            (!line["trouble"].is_null()).then_some(line)
        });
        let line = line.await;
        assert_eq!((line["waiting"].as_u64(), line["told_at"].is_null()), (Some(3), true), "{line}");
        assert!(line["trouble"].as_str().unwrap().contains("503") && !line["next_at"].is_null(), "{line}");
        let table = program.command(&["feed", "--hubs"]).await;
        assert!(table.contains(&hub.url) && table.contains("3 feeds") && table.contains("503"), "{table}");
        program.signal("KILL").await;
        program.ended().await;
        told(&hub);
        hub.answers(204);
        let program = Program::start(&path).await;
        let paths = until("the hub is told", async || {
            let told = told(&hub);
            (!told.is_empty()).then_some(told)
        });
        assert!(paths.await.contains(&"/feed.rss".to_owned()), "{}", bench.engine);
        let line = until("it is written down", async || {
            let line = shown(&program).await;
            (line["waiting"] == 0).then_some(line)
        });
        let line = line.await;
        assert!(line["trouble"].is_null() && !line["told_at"].is_null() && line["next_at"].is_null(), "{line}");
    }
}
