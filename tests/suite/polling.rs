//! Polling, against a scripted blog: what is fetched, how politely, and what is
//! kept of it (P1, P2, P15).

use crate::engines::{self, Bench};
use crate::origin::{Answer, Item, Origin, feed, rss};
use crate::stage::released;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{
    Allow, Bounces, Config, Database, Feeds, Fetch, Http, Lane, Live, Mail, OnAmbiguous, Relay, Retention, SignUp, Site,
};
use syndicated::domain::filter::Filter;
use syndicated::domain::language::Language;
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::Standing;
use syndicated::domain::schedule::Schedule;
use syndicated::domain::slug::Slug;
use syndicated::domain::source::{Archived, Kind, Rules, Seed, Source, SourceState, TextFrom};
use syndicated::domain::time::Timestamp;
use syndicated::domain::token::SecretKey;
use syndicated::domain::url::HttpUrl;
use syndicated::flow::poll::{PollOutcome, Poller};
use syndicated::net::{Client, Names};
use syndicated::store::{Admitted, PostFilter, SourceRow, Store};
use tokio_util::sync::CancellationToken;

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// 2026-11-23T07:00:00Z.
pub(crate) fn monday() -> Timestamp {
    Timestamp::from_millis(1_795_417_200_000)
}

pub(crate) fn source(name: &str, url: &HttpUrl) -> Source {
    Source {
        name: name.parse().unwrap(),
        url: url.clone(),
        kind: Kind::Feed,
        schedule: Schedule::parse("*/15 * * * *", chrono_tz::Tz::UTC).unwrap(),
        adaptive: false,
        seed: Seed::None,
        content: TextFrom::Feed,
        rules: Rules::default(),
        filter: Filter::default(),
        archive: Archived::default(),
        may_republish: true,
    }
}

pub(crate) fn config(sources: Vec<Source>) -> Config {
    Config {
        site: Site {
            title: "Good News".to_owned(),
            base_url: "https://news.example.org/".parse().unwrap(),
            language: Language::En,
            timezone: chrono_tz::Tz::UTC,
            owner: Some("owner@example.org".parse().unwrap()),
            templates: None,
        },
        database: Database::Sqlite("unused".into()),
        http: Http { listen: "127.0.0.1:0".parse().unwrap(), ..Http::default() },
        fetch: Fetch {
            concurrency: 8,
            allow: vec![Allow { network: "127.0.0.0".parse().unwrap(), prefix: 8, port: None }],
            min_interval: 15 * MINUTE,
            timeout: Duration::from_secs(5),
            max_bytes: 2 * 1024 * 1024,
            websub: true,
            retract_after: Some(24 * HOUR),
        },
        mail: Mail {
            from_name: "Good News".to_owned(),
            from: "news@example.org".parse().unwrap(),
            dkim: Vec::new(),
            lanes: vec![Lane::new(Relay::Maildir("unused".into()))],
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
        sources,
        newsletters: Vec::new(),
        outlets: Vec::new(),
        bounces: Bounces::default(),
        platforms: Platforms::default(),
        feeds: Feeds::default(),
    }
}

/// A poller with a database and a clock of its own.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) live: Live,
    pub(crate) poller: Arc<Poller>,
    pub(crate) stop: CancellationToken,
}

impl World {
    pub(crate) async fn new(bench: &Bench, config: Config) -> Self {
        Self::with_names(bench, config, Names::system()).await
    }

    pub(crate) async fn with_names(bench: &Bench, config: Config, names: Names) -> Self {
        Self::made(bench.open().await, config, names, Clock::manual(monday())).await
    }

    async fn made(store: Store, config: Config, names: Names, clock: Clock) -> Self {
        let client = Client::new(&config.fetch, &config.site.base_url, names, clock.clone()).unwrap();
        let live: Live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
        let poller = Poller::new(store.clone(), client, clock.clone(), Chance::seeded(7), Arc::clone(&live));
        poller.adopt_config().await.unwrap();
        Self { store, clock, live, poller: Arc::new(poller), stop: CancellationToken::new() }
    }

    /// A world whose only source is `url`.
    async fn following(bench: &Bench, url: &HttpUrl) -> Self {
        Self::new(bench, config(vec![source("blog", url)])).await
    }

    /// A world on an open database, by another clock.
    pub(crate) async fn of(store: Store, url: &HttpUrl, clock: Clock) -> Self {
        Self::made(store, config(vec![source("blog", url)]), Names::system(), clock).await
    }

    /// A world whose clock stands elsewhere.
    pub(crate) async fn following_from(bench: &Bench, url: &HttpUrl, now: Timestamp) -> Self {
        Self::of(bench.open().await, url, Clock::manual(now)).await
    }

    /// Polls what is due, which must be one source.
    pub(crate) async fn poll(&self) -> PollOutcome {
        let mut reports = self.poller.poll_due(&self.stop).await.unwrap();
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0).outcome
    }

    pub(crate) async fn read(&self) -> Admitted {
        match self.poll().await {
            PollOutcome::Read(admitted) => admitted,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn failed(&self) -> String {
        match self.poll().await {
            PollOutcome::Failed(why) => why,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn row(&self) -> SourceRow {
        self.store.source_rows().await.unwrap().remove(0)
    }

    pub(crate) async fn row_of(&self, name: &Slug) -> SourceRow {
        self.store.source_row(name).await.unwrap().unwrap()
    }

    /// Goes on to the next poll; returns how long that was.
    pub(crate) async fn next(&self) -> Duration {
        let before = self.clock.now();
        self.clock.set(self.store.next_poll_at().await.unwrap().unwrap().max(before));
        self.clock.now().since(before)
    }

    pub(crate) async fn titles(&self, standing: Standing) -> Vec<String> {
        let filter = PostFilter { standing: Some(standing), limit: 1000, ..PostFilter::default() };
        let mut titles: Vec<_> =
            self.store.post_list(&filter).await.unwrap().into_iter().map(|post| post.entry.title).collect();
        titles.sort();
        titles
    }
}

fn near(actual: Duration, expected: Duration) -> bool {
    actual >= expected.mul_f64(0.89) && actual <= expected.mul_f64(1.11)
}

#[tokio::test]
async fn the_first_poll_seeds_and_later_ones_bring_news() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set(
            "/feed",
            Answer::ok(feed(1..=3)).etag("\"a\"").header("Last-Modified", "Mon, 23 Nov 2026 06:00:00 GMT"),
        );
        let world = World::following(&bench, &origin.url("/feed")).await;
        let first = world.read().await;
        assert_eq!((first.seeded.len(), first.new.len()), (3, 0));

        world.next().await;
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        let asked = origin.asked();
        assert!(!asked[0].headers.contains_key("if-none-match"));
        assert_eq!(asked[1].headers["if-none-match"], "\"a\"");
        assert_eq!(asked[1].headers["if-modified-since"], "Mon, 23 Nov 2026 06:00:00 GMT");
        let agent = format!("syndicated/{} (+https://news.example.org/)", env!("CARGO_PKG_VERSION"));
        assert_eq!(asked[1].headers["user-agent"], agent);

        origin.set("/feed", Answer::ok(feed(1..=5)).etag("\"b\""));
        world.next().await;
        let third = world.read().await;
        assert_eq!((third.new.len(), third.same), (2, 3));
        assert_eq!(world.titles(Standing::Live).await, ["Post 4", "Post 5"]);
        assert_eq!(world.titles(Standing::Seed).await, ["Post 1", "Post 2", "Post 3"]);
    }
}

#[tokio::test]
async fn the_operator_chooses_what_the_first_poll_may_mail() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=5)));
        let seeded = Source { seed: Seed::Newest(2), ..source("blog", &origin.url("/feed")) };
        let world = World::new(&bench, config(vec![seeded])).await;
        world.read().await;
        assert_eq!(world.titles(Standing::Live).await, ["Post 4", "Post 5"]);
    }
}

#[tokio::test]
async fn a_source_keeps_its_schedule_and_its_distance() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=1)));
        let eager = Source {
            schedule: Schedule::parse("* * * * *", chrono_tz::Tz::UTC).unwrap(),
            ..source("blog", &origin.url("/feed"))
        };
        let weekly = Source {
            schedule: Schedule::parse("0 7 * * MON", chrono_tz::Tz::UTC).unwrap(),
            ..source("weekly", &origin.url("/feed"))
        };
        let world = World::new(&bench, config(vec![eager.clone(), weekly])).await;
        world.clock.advance(Duration::from_secs(20));
        world.poller.poll_due(&world.stop).await.unwrap();
        let rows = world.store.source_rows().await.unwrap();
        assert_eq!(rows[0].next_poll_at, monday().plus(15 * MINUTE), "every minute is too often");
        assert_eq!(rows[1].next_poll_at, monday().plus(7 * 24 * HOUR));
        // A denser schedule takes effect at the next reload.
        let hourly = Source {
            schedule: Schedule::parse("30 * * * *", chrono_tz::Tz::UTC).unwrap(),
            ..source("weekly", &origin.url("/feed"))
        };
        world.live.store(Arc::new(config(vec![eager, hourly])));
        world.poller.adopt_config().await.unwrap();
        assert_eq!(world.store.source_rows().await.unwrap()[1].next_poll_at, monday().plus(30 * MINUTE));
    }
}

#[tokio::test]
async fn failures_are_told_in_words_and_back_off_to_a_day() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::status(500));
        let world = World::following(&bench, &origin.url("/feed")).await;
        let mut expected = 15 * MINUTE;
        for failures in 1..=9 {
            let why = world.failed().await;
            assert_eq!(why, format!("{}: it answered 500 Internal Server Error", origin.url("/feed")));
            let row = world.row().await;
            assert_eq!((row.failures, row.trouble.as_deref()), (failures, Some(why.as_str())));
            let rest = world.next().await;
            assert!(near(rest, expected) && rest >= 15 * MINUTE && rest <= 24 * HOUR, "{failures}: {rest:?}");
            expected = (expected * 2).min(24 * HOUR);
        }
        origin.set("/feed", Answer::ok(feed(1..=1)));
        world.read().await;
        let row = world.row().await;
        assert_eq!((row.failures, row.trouble, row.ok_at), (0, None, Some(world.clock.now())));
    }
}

#[tokio::test]
async fn retry_after_is_honoured_in_both_forms_and_within_reason() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let world = World::following(&bench, &origin.url("/feed")).await;
        for (status, value, expected) in [
            (429, "7200".to_owned(), 2 * HOUR),
            (503, monday().plus(6 * HOUR).to_rfc2822().replace("+0000", "GMT"), 4 * HOUR),
            (503, "99999999".to_owned(), 24 * HOUR),
            // Less than our own patience: ours counts.
            (503, "1".to_owned(), 2 * HOUR),
        ] {
            origin.set("/feed", Answer::status(status).header("Retry-After", &value));
            world.failed().await;
            let rest = world.next().await;
            assert!(near(rest, expected), "{value}: {rest:?}");
        }
    }
}

#[tokio::test]
async fn every_usual_compression_is_read() {
    use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
    use tokio::io::AsyncWriteExt as _;
    let bench = &engines::all().await[0];
    let text = feed(1..=20);
    let mut packed = Vec::new();
    let mut gzip = GzipEncoder::new(Vec::new());
    gzip.write_all(text.as_bytes()).await.unwrap();
    gzip.shutdown().await.unwrap();
    packed.push(("gzip", gzip.into_inner()));
    let mut brotli = BrotliEncoder::new(Vec::new());
    brotli.write_all(text.as_bytes()).await.unwrap();
    brotli.shutdown().await.unwrap();
    packed.push(("br", brotli.into_inner()));
    let mut zstd = ZstdEncoder::new(Vec::new());
    zstd.write_all(text.as_bytes()).await.unwrap();
    zstd.shutdown().await.unwrap();
    packed.push(("zstd", zstd.into_inner()));
    packed.push(("identity", text.into_bytes()));

    let origin = Origin::start().await;
    let sources = packed.iter().map(|(coding, _)| source(coding, &origin.url(&format!("/{coding}")))).collect();
    let world = World::new(bench, config(sources)).await;
    for (coding, bytes) in &packed {
        origin.set(&format!("/{coding}"), Answer::ok(bytes.clone()).header("Content-Encoding", coding));
    }
    for report in world.poller.poll_due(&world.stop).await.unwrap() {
        assert!(matches!(&report.outcome, PollOutcome::Read(admitted) if admitted.seeded.len() == 20), "{report:?}");
    }
    assert_eq!(origin.asked()[0].headers["accept-encoding"], "gzip, br, zstd");
    // Cut in the middle, none of them passes for a whole document.
    for (coding, bytes) in &packed[..3] {
        origin.set(&format!("/{coding}"), Answer::ok(&bytes[..bytes.len() / 2]).header("Content-Encoding", coding));
    }
    world.clock.advance(HOUR);
    for report in world.poller.poll_due(&world.stop).await.unwrap() {
        assert_eq!(report.name.as_str() != "identity", matches!(report.outcome, PollOutcome::Failed(_)), "{report:?}");
    }
}

#[tokio::test]
async fn a_permanent_redirect_is_believed_after_three_days() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/old", Answer::to(301, "/new"));
        origin.set("/new", Answer::ok(feed(1..=2)).etag("\"n\""));
        let world = World::following(&bench, &origin.url("/old")).await;
        world.read().await;
        for _ in 0..3 {
            assert_eq!(world.row().await.feed_url, None);
            world.clock.advance(23 * HOUR);
            assert_eq!(world.poll().await, PollOutcome::Unchanged);
        }
        // It led elsewhere for a moment: the count begins anew.
        origin.set("/old", Answer::to(308, "/else"));
        origin.set("/else", Answer::ok(feed(1..=2)));
        world.clock.advance(2 * HOUR);
        world.read().await;
        origin.set("/old", Answer::to(301, "/new"));
        world.clock.advance(HOUR);
        world.read().await;
        world.clock.advance(71 * HOUR);
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        assert_eq!(world.row().await.feed_url, None);
        world.clock.advance(2 * HOUR);
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        assert_eq!(world.row().await.feed_url, Some(origin.url("/new").to_string()));
        origin.asked();
        world.clock.advance(HOUR);
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        assert_eq!(origin.asked().iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(), ["/new"]);
    }
}

#[tokio::test]
async fn redirects_are_followed_five_times_with_their_cookies() {
    let bench = &engines::all().await[0];
    let origin = Origin::start().await;
    for hop in 0..6 {
        let next = format!("/{}", hop + 1);
        origin.set(&format!("/{hop}"), Answer::to(302, &next).header("Set-Cookie", "seen=yes; Path=/"));
    }
    origin.set("/6", Answer::ok(feed(1..=1)));
    let world = World::following(bench, &origin.url("/1")).await;
    world.read().await;
    let asked = origin.asked();
    assert_eq!(asked.len(), 6);
    assert_eq!(asked[5].headers["cookie"], "seen=yes");
    assert_eq!(world.row().await.feed_url, None);
    // The jar ended with the fetch.
    world.next().await;
    world.read().await;
    assert!(!origin.asked()[0].headers.contains_key("cookie"));

    world.live.store(Arc::new(config(vec![source("blog", &origin.url("/0"))])));
    world.poller.adopt_config().await.unwrap();
    assert!(world.failed().await.contains("redirects more than 5 times"));
    origin.set("/0", Answer::to(302, "ftp://example.com/"));
    world.clock.advance(HOUR);
    assert!(world.failed().await.contains("without a usable address"));
}

#[tokio::test]
async fn a_feed_that_asks_for_rest_gets_it_also_when_nothing_changed() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(rss(&[Item::number(1)], "<ttl>180</ttl>")).etag("\"a\""));
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.read().await;
        let rests = async || {
            let waited = world.next().await;
            assert!((175 * MINUTE..=195 * MINUTE).contains(&waited), "{waited:?}");
        };
        rests().await;
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        // A reload does not hasten it.
        world.poller.adopt_config().await.unwrap();
        rests().await;
        origin.set("/feed", Answer::ok(feed(1..=2)).header("Cache-Control", "public, max-age=10800"));
        world.read().await;
        rests().await;
        origin.set("/feed", Answer::ok(feed(1..=3)).header("Cache-Control", "no-cache, max-age=10800"));
        world.read().await;
        assert!(world.next().await <= 16 * MINUTE);
    }
}

#[tokio::test]
async fn an_answer_of_304_may_ask_for_rest_as_well() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let answer = Answer::ok(feed(1..=1)).etag("\"a\"");
        origin.set("/feed", answer.clone());
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.read().await;
        assert_eq!(world.next().await, 15 * MINUTE);
        origin.set("/feed", answer.header("Cache-Control", "max-age=7200"));
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        assert_eq!(world.next().await, 2 * HOUR);
    }
}

#[tokio::test]
async fn a_host_that_asks_for_a_rest_gets_it_from_every_source() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let paths = ["/busy", "/other", "/third"];
        let elsewhere = format!("http://localhost:{}/elsewhere", origin.port()).parse().unwrap();
        let mut sources: Vec<_> = paths.map(|path| source(&path[1..], &origin.url(path))).into();
        sources.push(source("elsewhere", &elsewhere));
        for (status, value, rest) in [(429, "7200", 2 * HOUR), (503, "99999999", 24 * HOUR)] {
            for path in ["/other", "/third", "/elsewhere"] {
                origin.set(path, Answer::ok(feed(1..=1)));
            }
            origin.set("/busy", Answer::status(status).header("Retry-After", value));
            let world = World::new(&bench, config(sources.clone())).await;
            origin.asked();
            let busy = vec!["busy".parse().unwrap()];
            world.poller.poll_named(&busy, &world.stop, |_| ()).await.unwrap();
            let others: Vec<Slug> = paths[1..].iter().map(|path| path[1..].parse().unwrap()).collect();
            let reports = world.poller.poll_named(&others, &world.stop, |_| ()).await.unwrap();
            for report in reports {
                let PollOutcome::Deferred(why) = report.outcome else { panic!("{report:?}") };
                assert!(why.contains("wants to be left alone until 2026-11-2"), "{why}");
            }
            assert_eq!(origin.asked().len(), 1, "the host was asked once");
            let until = monday().plus(rest);
            for row in world.store.source_rows().await.unwrap().iter().filter(|row| row.name.as_str() != "elsewhere") {
                let late = row.next_poll_at.since(until);
                assert!(row.next_poll_at >= until && late <= MINUTE, "{}: {late:?}", row.name);
                assert_eq!(row.failures > 0, row.name.as_str() == "busy");
            }
            // Another host is asked all the while, and this one when it is over.
            assert!(matches!(world.poll().await, PollOutcome::Read(_)));
            world.clock.set(until.plus(MINUTE));
            let reports = world.poller.poll_named(&others, &world.stop, |_| ()).await.unwrap();
            assert!(reports.iter().all(|report| matches!(report.outcome, PollOutcome::Read(_))), "{reports:?}");
            bench.execute("DELETE FROM post_words").await;
            bench.execute("DELETE FROM post").await;
            bench.execute("DELETE FROM source").await;
        }
    }
}

#[tokio::test]
async fn a_source_that_adapts_is_asked_as_often_as_it_posts() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        // A post a day, the newest of yesterday; days count from 2026-09-21T13:20Z.
        origin.set("/feed", Answer::ok(feed(50..=61)).etag("\"a\""));
        let adaptive = Source { adaptive: true, ..source("blog", &origin.url("/feed")) };
        let world = World::new(&bench, config(vec![adaptive.clone()])).await;
        world.read().await;
        let rest = world.next().await;
        assert!((6 * HOUR..=7 * HOUR).contains(&rest), "{rest:?}");
        assert_eq!(world.clock.now().millis() % 900_000, 0, "on the schedule's grid");
        // Nothing for days: the rests grow, also when it answers 304.
        let mut longest = rest;
        for _ in 0..5 {
            assert_eq!(world.poll().await, PollOutcome::Unchanged);
            // A reload does not hasten it.
            world.poller.adopt_config().await.unwrap();
            let rest = world.next().await;
            assert!(rest + 15 * MINUTE >= longest && rest <= 24 * HOUR, "{rest:?}");
            longest = longest.max(rest);
        }
        assert!(longest > rest, "{longest:?}");
        world.clock.advance(90 * 24 * HOUR);
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        let rest = world.next().await;
        assert!((24 * HOUR..=25 * HOUR).contains(&rest), "{rest:?}");
        // Without it the schedule holds at once.
        assert!(matches!(world.poll().await, PollOutcome::Unchanged));
        world.live.store(Arc::new(config(vec![Source { adaptive: false, ..adaptive }])));
        world.poller.adopt_config().await.unwrap();
        assert!(world.next().await <= 15 * MINUTE);
    }
}

#[tokio::test]
async fn a_post_is_read_in_full_from_its_own_page_once() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let item = |number: u32| Item { link: origin.url(&format!("/{number}")).to_string(), ..Item::number(number) };
        let page = |number: u32| {
            let text =
                format!("<p>The whole text of post {number}, which goes on for much longer than its feed says.</p>");
            let page = format!(
                "<html><body><nav>Home</nav><article>{}</article><footer>End</footer></body></html>",
                text.repeat(9)
            );
            Answer::ok(page).header("Content-Type", "text/html; charset=utf-8")
        };
        // The pages that were asked for since the last look.
        let pages = || -> Vec<String> {
            origin.asked().into_iter().map(|asked| asked.path).filter(|path| path != "/feed").collect()
        };
        origin.set("/feed", Answer::ok(rss(&[item(2), item(1)], "")));
        origin.set("/1", page(1));
        // The second page is down at first.
        origin.set("/2", Answer::status(503));
        let whole = Source { content: TextFrom::Page, ..source("blog", &origin.url("/feed")) };
        let world = World::new(&bench, config(vec![whole])).await;
        world.read().await;
        let content = async |title: &str| {
            let posts = world.store.post_list(&PostFilter { limit: 9, ..PostFilter::default() }).await.unwrap();
            let post = posts.into_iter().find(|post| post.entry.title == title).unwrap();
            post.entry.content.map(|html| html.to_string()).unwrap_or_default()
        };
        assert!(
            content("Post 1").await.contains("The whole text of post 1") && !content("Post 1").await.contains("Home")
        );
        assert_eq!(content("Post 2").await, "");

        origin.set("/2", page(2));
        world.next().await;
        assert_eq!(world.read().await.changed.len(), 1);
        assert!(content("Post 2").await.contains("The whole text of post 2"));
        assert_eq!(pages().iter().filter(|path| *path == "/1").count(), 1);
        for _ in 0..2 {
            world.next().await;
            assert_eq!(world.read().await.same, 2);
        }
        assert!(pages().is_empty(), "a page is read once");
        assert!(content("Post 1").await.contains("The whole text of post 1"), "and what it gave stays");
        assert!(content("Post 2").await.contains("The whole text of post 2"));

        // The feed says that the first has changed: its page is read again.
        origin.set("/feed", Answer::ok(rss(&[item(2), Item { text: "Edited.".to_owned(), ..item(1) }], "")));
        world.next().await;
        assert_eq!(world.read().await.changed.len(), 1);
        assert_eq!(pages(), ["/1"]);
        assert!(content("Post 1").await.contains("The whole text of post 1"));
    }
}

#[tokio::test]
async fn gone_stops_the_source_and_tells_the_owner() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=1)));
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.read().await;
        origin.set("/feed", Answer::status(410));
        world.next().await;
        assert!(matches!(world.poll().await, PollOutcome::Gone(why) if why.contains("410 Gone")));
        assert_eq!(world.row().await.state, SourceState::Gone);
        assert_eq!(letters(&bench).await, ["owner@example.org: syndicated has stopped following blog"]);
        world.clock.advance(48 * HOUR);
        assert!(world.poller.poll_due(&world.stop).await.unwrap().is_empty());
        assert_eq!(world.store.next_poll_at().await.unwrap(), None);
        // Asked by hand it is still gone, and the owner is not told twice.
        let name: Slug = "blog".parse().unwrap();
        world.poller.poll_named(std::slice::from_ref(&name), &world.stop, |_| ()).await.unwrap();
        assert_eq!(letters(&bench).await.len(), 1);
        // Resumed, it is polled at once.
        origin.set("/feed", Answer::ok(feed(1..=2)));
        assert!(world.store.set_source_state(&name, SourceState::Active, world.clock.now()).await.unwrap());
        assert_eq!(world.read().await.new.len(), 1);
    }
}

#[tokio::test]
async fn a_source_that_fails_for_a_day_is_told_once_and_once_when_it_is_well() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=1)));
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.read().await;
        origin.set("/feed", Answer::status(500));
        let began = world.clock.now();
        while world.clock.now() < began.plus(72 * HOUR) {
            world.next().await;
            world.failed().await;
            let failed_for = world.clock.now().since(world.row().await.failing_since.unwrap());
            let told = world.poller.tell_of_health().await.unwrap();
            assert!(told == 0 || failed_for >= 24 * HOUR, "told after {failed_for:?}");
        }
        assert_eq!(letters(&bench).await, ["owner@example.org: syndicated cannot read blog"]);
        origin.set("/feed", Answer::ok(feed(1..=2)));
        world.next().await;
        world.read().await;
        assert_eq!(world.row().await.failing_since, None);
        for _ in 0..2 {
            world.poller.tell_of_health().await.unwrap();
        }
        assert_eq!(letters(&bench).await[1..], ["owner@example.org: syndicated can read blog again"]);
    }
}

/// While nothing ran, nobody asked: that it failed once is no reason for a mail.
#[tokio::test]
async fn a_source_that_nobody_asked_for_a_day_has_not_failed_for_one() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.failed().await;
        world.clock.advance(48 * HOUR);
        assert_eq!(world.poller.tell_of_health().await.unwrap(), 0, "{}", bench.engine);
        // Still failing when it is asked again, it has.
        world.failed().await;
        assert_eq!(world.poller.tell_of_health().await.unwrap(), 1, "{}", bench.engine);
        assert_eq!(letters(&bench).await, ["owner@example.org: syndicated cannot read blog"]);
    }
}

#[tokio::test]
async fn an_owner_who_is_named_later_is_told_then() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let mut nobody = config(vec![source("blog", &origin.url("/feed"))]);
        nobody.site.owner = None;
        let world = World::new(&bench, nobody).await;
        for _ in 0..2 {
            world.clock.advance(25 * HOUR);
            world.failed().await;
            world.poller.tell_of_health().await.unwrap();
        }
        assert!(letters(&bench).await.is_empty());
        world.live.store(Arc::new(config(vec![source("blog", &origin.url("/feed"))])));
        world.poller.tell_of_health().await.unwrap();
        assert_eq!(letters(&bench).await, ["owner@example.org: syndicated cannot read blog"]);
    }
}

#[tokio::test]
async fn a_feed_that_had_to_be_mended_says_so_until_it_is_sound() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=1).replace("The text of post 1.", "Fish & chips&nbsp;&mdash; <3")));
        let world = World::following(&bench, &origin.url("/feed")).await;
        assert_eq!(world.read().await.seeded.len(), 1);
        let repaired = world.row().await.repaired.unwrap();
        assert_eq!(repaired, "HTML entities, bare ampersands, broken markup");
        origin.set("/feed", Answer::ok(feed(1..=2)));
        world.next().await;
        world.read().await;
        assert_eq!(world.row().await.repaired, None);
    }
}

/// Recipient and subject of each letter that waits to be sent.
pub(crate) async fn letters(bench: &Bench) -> Vec<String> {
    const SQL: &str = "SELECT l.recipient, l.subject FROM letter l JOIN delivery d ON d.letter_id = l.id";
    let rows: Vec<(String, String)> = match &bench.place {
        Database::Sqlite(path) => {
            let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
            sqlx::query_as(SQL).fetch_all(&pool).await.unwrap()
        }
        Database::Postgres(url) => {
            let pool = sqlx::PgPool::connect(url.expose()).await.unwrap();
            sqlx::query_as(SQL).fetch_all(&pool).await.unwrap()
        }
    };
    rows.into_iter().map(|(recipient, subject)| format!("{recipient}: {subject}")).collect()
}

#[tokio::test]
async fn a_page_leads_to_its_feed_in_the_same_poll() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let page = |href: &str| {
            Answer::ok(format!(
                "<!doctype html><html><head><title>A blog</title><link rel=\"alternate\" \
                 type=\"application/rss+xml\" href=\"{href}\"></head><body>Hello</body></html>"
            ))
            .header("Content-Type", "text/html")
            .etag("\"page\"")
        };
        origin.set("/", page("/feed"));
        origin.set("/feed", Answer::ok(feed(1..=2)).etag("\"feed\""));
        let world = World::following(&bench, &origin.url("/")).await;
        assert_eq!(world.read().await.seeded.len(), 2);
        assert_eq!(world.row().await.feed_url, Some(origin.url("/feed").to_string()));
        origin.asked();
        world.next().await;
        assert_eq!(world.poll().await, PollOutcome::Unchanged);
        let asked = origin.asked();
        assert_eq!((asked.len(), asked[0].path.as_str()), (1, "/feed"));
        // The feed moved: the page is asked again.
        origin.set("/feed", Answer::status(410));
        origin.set("/", page("/rss"));
        origin.set("/rss", Answer::ok(feed(1..=3)));
        world.next().await;
        assert!(world.failed().await.contains("410 Gone"));
        assert_eq!(world.row().await.state, SourceState::Active);
        world.next().await;
        assert_eq!(world.read().await.new.len(), 1);
        // A page without a feed, and one whose feed is a page, say so.
        origin.set("/rss", Answer::ok("<html><body>nothing here</body></html>"));
        world.next().await;
        assert!(world.failed().await.contains("names no feed"));
        origin.set("/rss", page("/"));
        world.clock.advance(24 * HOUR);
        assert!(world.failed().await.contains("is a page as well"));
    }
}

#[tokio::test]
async fn what_cannot_be_read_advances_nothing() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=1)).etag("\"a\""));
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.read().await;
        let whole = feed(1..=9);
        for answer in [
            Answer::ok("").etag("\"b\""),
            Answer::ok("not a feed at all").etag("\"b\""),
            Answer::ok("<rss><channel><item>").etag("\"b\""),
            Answer::ok(whole.clone()).etag("\"b\"").cut_after(whole.len() / 2),
            Answer::status(204),
            Answer::status(404),
            Answer::status(401),
        ] {
            origin.set("/feed", answer);
            world.clock.advance(25 * HOUR);
            world.failed().await;
            assert_eq!(origin.asked().pop().unwrap().headers.get("if-none-match").map(String::as_str), Some("\"a\""));
        }
        // What is whole of a document that was cut off is kept, and the rest asked for again.
        let half = feed(1..=3);
        let half = half.split("<item>").take(3).collect::<Vec<_>>().join("<item>") + "<item><title>Po";
        origin.set("/feed", Answer::ok(half).etag("\"b\""));
        world.clock.advance(25 * HOUR);
        assert_eq!(world.read().await.new.len(), 2);
        origin.set("/feed", Answer::ok(feed(1..=4)).etag("\"b\""));
        world.clock.advance(25 * HOUR);
        assert_eq!(world.read().await.new.len(), 1);
        assert_eq!(origin.asked().pop().unwrap().headers.get("if-none-match"), None);
    }
}

/// What no index takes, or no column: both engines store it, and know it again.
#[tokio::test]
async fn odd_identities_are_stored_and_known_again() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        // Nothing in it repeats, so that no database makes it shorter.
        let words = (0..400_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string());
        let long = words.collect::<Vec<_>>().concat();
        let odd = |end: &str| Item {
            guid: format!("{long}{end}"),
            link: format!("https://blog.example.com/?{long}{end}"),
            ..Item::number(1)
        };
        origin.set("/feed", Answer::ok(rss(&[odd("a"), Item { title: "Another".to_owned(), ..odd("b") }], "")));
        let world = World::following(&bench, &origin.url("/feed")).await;
        assert_eq!(world.read().await.seeded.len(), 2, "{}", bench.engine);
        world.next().await;
        assert_eq!(world.read().await.same, 2, "{}", bench.engine);
        let json = "{\"version\": \"https://jsonfeed.org/version/1.1\", \"title\": \"a\\u0000\", \"language\": \"e\\u0000\", \"items\": \
                    [{\"id\": \"n\\u0000\", \"title\": \"b\\u0000\", \"content_text\": \"c\\u0000\", \"tags\": [\"d\\u0000\"], \
                    \"attachments\": [{\"url\": \"/x\", \"mime_type\": \"e\\u0000\"}]}]}";
        origin.set("/feed", Answer::ok(json));
        world.next().await;
        assert_eq!(world.read().await.new.len(), 1, "{}", bench.engine);
    }
}

#[tokio::test]
async fn what_was_cut_short_is_kept_and_asked_for_again() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let whole = feed(1..=3);
        let cut = &whole[..whole.rfind("<item>").unwrap() + 10];
        origin.set("/feed", Answer::ok(cut).etag("\"a\""));
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.read().await;
        origin.set("/feed", Answer::ok(whole).etag("\"a\""));
        world.clock.advance(25 * HOUR);
        assert_eq!(world.read().await.new.len(), 1);
    }
}

#[tokio::test]
async fn bombs_floods_and_drips_are_cut() {
    use tokio::io::AsyncWriteExt as _;
    let bench = &engines::all().await[0];
    let origin = Origin::start().await;
    let mut bomb = async_compression::tokio::write::GzipEncoder::new(Vec::new());
    for _ in 0..64 {
        bomb.write_all(&vec![b' '; 1024 * 1024]).await.unwrap();
    }
    bomb.shutdown().await.unwrap();
    origin.set("/bomb", Answer::ok(bomb.into_inner()).header("Content-Encoding", "gzip"));
    origin.set("/large", Answer::ok(vec![b' '; 3 * 1024 * 1024]));
    origin.set("/mute", Answer::ok(feed(1..=1)).delayed(Duration::from_mins(1)));
    origin.set("/drip", Answer::ok(feed(1..=9)).paced(1, Duration::from_millis(400)));
    origin.set("/well", Answer::ok(feed(1..=1)));
    let names = Names::scripted(|_| vec![IpAddr::from([127, 0, 0, 1])]);
    let sources = ["bomb", "large", "mute", "drip", "well"]
        .map(|name| source(name, &format!("http://{name}.example:{}/{name}", origin.port()).parse().unwrap()));
    let world = World::with_names(bench, config(sources.into()), names).await;
    let begun = std::time::Instant::now();
    let mut reports = world.poller.poll_due(&world.stop).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    reports.sort_by_key(|report| report.name.clone());
    let said: Vec<String> = reports.iter().map(|report| format!("{}: {:?}", report.name, report.outcome)).collect();
    for (said, part) in
        said.iter().zip(["100 times its size", "took longer than 5 s", "larger than 2 MiB", "took longer", "Read("])
    {
        assert!(said.contains(part), "{said}: {part}");
    }
}

#[tokio::test]
async fn a_host_is_asked_one_thing_at_a_time() {
    let bench = &engines::all().await[0];
    let origin = Origin::start().await;
    let sources: Vec<Source> =
        (0..12).map(|number| source(&format!("s{number}"), &origin.url(&format!("/{number}")))).collect();
    for number in 0..12 {
        origin.set(&format!("/{number}"), Answer::ok(feed(1..=1)).delayed(Duration::from_millis(10)));
    }
    let world = World::new(bench, config(sources)).await;
    assert_eq!(world.poller.poll_due(&world.stop).await.unwrap().len(), 12);
    assert_eq!((origin.most_at_once(), origin.connections()), (1, 1));
}

#[tokio::test]
async fn a_stop_gives_back_what_was_not_answered() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=1)).delayed(Duration::from_mins(1)));
        let world = World::following(&bench, &origin.url("/feed")).await;
        let (poller, stop) = (Arc::clone(&world.poller), world.stop.clone());
        let running = tokio::spawn(async move { poller.run(&stop, drop).await });
        while origin.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.stop.cancel();
        tokio::time::timeout(Duration::from_secs(2), running).await.expect("the poller stops").unwrap();
        let row = world.row().await;
        assert_eq!((row.failures, row.polled_at, row.next_poll_at), (0, None, monday()));
        // Nobody holds it any more.
        origin.set("/feed", Answer::ok(feed(1..=1)));
        let name = "blog".parse().unwrap();
        let reports = world.poller.poll_named(&[name], &CancellationToken::new(), |_| ()).await.unwrap();
        assert!(matches!(reports[0].outcome, PollOutcome::Read(_)));
    }
}

#[tokio::test]
async fn the_daemon_polls_by_the_clock_and_notices_a_new_source() {
    let bench = &engines::all().await[0];
    let origin = Origin::start().await;
    origin.set("/feed", Answer::ok(feed(1..=1)));
    let world = World::following(bench, &origin.url("/feed")).await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (poller, stop) = (Arc::clone(&world.poller), world.stop.clone());
    let running = tokio::spawn(async move { poller.run(&stop, |report| told.send(report).unwrap()).await });
    assert!(heard.recv().await.unwrap().brought_something());
    world.clock.advance(14 * MINUTE);
    world.clock.advance(MINUTE);
    assert!(!heard.recv().await.unwrap().brought_something());
    let sources = vec![source("blog", &origin.url("/feed")), source("other", &origin.url("/feed"))];
    world.live.store(Arc::new(config(sources)));
    world.poller.adopt_config().await.unwrap();
    assert_eq!(heard.recv().await.unwrap().name.as_str(), "other");
    world.stop.cancel();
    running.await.unwrap();
}

/// A command, or another node, speaks to the database and not to this daemon.
#[tokio::test]
async fn a_source_that_was_resumed_from_outside_is_polled_within_a_minute() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=1)));
        let world = World::following(&bench, &origin.url("/feed")).await;
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let (poller, stop) = (Arc::clone(&world.poller), world.stop.clone());
        let running = tokio::spawn(async move { poller.run(&stop, |report| told.send(report).unwrap()).await });
        assert!(heard.recv().await.unwrap().brought_something());
        // Its own look at the plan is over long before these are.
        for _ in 0..50 {
            world.row().await;
        }
        let (name, now) = ("blog".parse().unwrap(), world.clock.now());
        world.store.set_source_state(&name, SourceState::Active, now).await.unwrap();
        world.clock.advance(MINUTE);
        let report = tokio::time::timeout(Duration::from_secs(10), heard.recv()).await;
        assert!(report.is_ok(), "{}", bench.engine);
        world.stop.cancel();
        running.await.unwrap();
    }
}

#[tokio::test]
async fn older_pages_close_a_gap() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        let page = |numbers: std::ops::RangeInclusive<u32>, prev: &str| {
            let items: Vec<Item> = numbers.rev().map(Item::number).collect();
            let href = origin.url(prev);
            Answer::ok(rss(&items, &format!("<atom:link rel=\"prev-archive\" href=\"{href}\"/>")))
        };
        origin.set("/feed", page(1..=3, "/page/1"));
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.read().await;
        assert_eq!(origin.asked().len(), 1, "what was there before the first poll is not wanted");
        origin.set("/feed", page(10..=12, "/page/3"));
        origin.set("/page/3", page(7..=9, "/page/2"));
        origin.set("/page/2", page(3..=6, "/page/1"));
        origin.set("/page/1", page(1..=2, "/page/0"));
        world.next().await;
        let admitted = world.read().await;
        assert_eq!((admitted.new.len(), admitted.same), (9, 1));
        assert_eq!(origin.asked().len(), 3);
    }
}

#[tokio::test]
async fn many_look_alikes_are_held_until_somebody_decides() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/feed", Answer::ok(feed(1..=25)));
        let world = World::following(&bench, &origin.url("/feed")).await;
        world.read().await;
        // The same titles and nothing else that was: guids, addresses, dates and texts are new.
        let reset: Vec<Item> = (1..=26)
            .map(|number| Item {
                guid: format!("reset-{number}"),
                link: format!("https://other.example.com/reset/{number}"),
                day: number + 100,
                text: format!("Rewritten {number}."),
                ..Item::number(number)
            })
            .collect();
        origin.set("/feed", Answer::ok(rss(&reset, "")));
        world.next().await;
        let admitted = world.read().await;
        assert_eq!((admitted.held.len(), admitted.new.len()), (25, 1));
        assert_eq!(world.titles(Standing::Live).await, ["Post 26"]);
        assert!(world.store.posts_of(None, 100, &|_| true).await.unwrap().len() == 26, "held posts stand in no feed");
        let now = world.clock.now();
        assert!(released(&world.store, admitted.held[0], true, now).await);
        assert!(!released(&world.store, admitted.held[0], true, now).await);
        assert_eq!(world.titles(Standing::Live).await.len(), 2);
    }
}

/// A source that is given another address may be another blog.
#[tokio::test]
async fn another_blog_under_an_old_name_seeds_anew() {
    for bench in engines::all().await {
        let origin = Origin::start().await;
        origin.set("/one", Answer::ok(feed(1..=3)).etag("\"1\""));
        origin.set("/two", Answer::ok(feed(50..=55)));
        origin.set("/moved", Answer::ok(feed(50..=56)));
        let world = World::following(&bench, &origin.url("/one")).await;
        world.read().await;
        for (path, seeded, new) in [("/two", 6, 0), ("/moved", 0, 1)] {
            world.live.store(Arc::new(config(vec![source("blog", &origin.url(path))])));
            world.poller.adopt_config().await.unwrap();
            let admitted = world.read().await;
            assert_eq!((admitted.seeded.len(), admitted.new.len()), (seeded, new), "{path}");
        }
        // Without its source a post stays; without a configuration nothing is polled.
        world.live.store(Arc::new(config(Vec::new())));
        world.poller.adopt_config().await.unwrap();
        world.clock.advance(24 * HOUR);
        assert!(world.poller.poll_due(&world.stop).await.unwrap().is_empty());
        assert!(world.store.source_rows().await.unwrap().is_empty());
        assert_eq!(world.titles(Standing::Live).await, ["Post 56"]);
    }
}
