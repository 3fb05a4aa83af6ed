//! What many tests begin with: a configuration as an operator writes it, posts
//! that a poll brought, readers who confirmed.

use crate::engines::Bench;
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Database, Environment, Live};
use syndicated::domain::consent::{Consent, Given, Origin};
use syndicated::domain::digest::Edition;
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::id::{PostId, SubscriptionId};
use syndicated::domain::language::Language;
use syndicated::domain::post::Entry;
use syndicated::domain::slug::Slug;
use syndicated::domain::time::Timestamp;
use syndicated::flow::deliver::Deliverer;
use syndicated::flow::digest::Digester;
use syndicated::mail::Deadlines;
use syndicated::read::{fingerprint, url_key};
use syndicated::render::Renderer;
use syndicated::store::{Act, Acted, Admitted, Arrival, Arriving, Ask, Own, Store, Want, Wish};

/// An instant as RFC 3339 has it.
pub(crate) fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc).into()
}

/// The configuration of one blog and one newsletter, on the bench's database.
/// `more` stands behind `[mail]`, so that it may go on with its keys.
pub(crate) fn config(bench: &Bench, relay: &str, cadences: &str, more: &str) -> Config {
    load(bench, &toml(bench, relay, cadences, more))
}

/// The configuration that stands in `text`.
pub(crate) fn load(bench: &Bench, text: &str) -> Config {
    let path = bench.folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The same as text.
pub(crate) fn toml(bench: &Bench, relay: &str, cadences: &str, more: &str) -> String {
    let database = match &bench.place {
        Database::Sqlite(path) => format!("sqlite:{}", path.display()),
        Database::Postgres(url) => url.expose().to_owned(),
    };
    format!(
        r#"
[site]
title = "Good News"
base_url = "http://news.example.org"
timezone = "Asia/Seoul"

[database]
url = "{database}"

[http]
listen = "127.0.0.1:0"

[subscribe]
form_min_age = "0s"

[mail]
from = "Good News <news@example.org>"
relay = "{relay}"
{more}

[[source]]
name = "essays"
url = "http://127.0.0.1:9/feed.xml"
schedule = "0 0 1 1 *"

[[newsletter]]
name = "letter"
title = "Letters"
cadences = {cadences}
settle = "0s"
"#
    )
}

/// A store with the configuration's source, polled once, and its cadences.
pub(crate) struct Stage {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) live: Live,
}

impl Stage {
    /// A poll that brings these entries.
    pub(crate) async fn brings(&self, source: &str, entries: &[Entry]) -> Admitted {
        let now = self.clock.now();
        let claim = self.store.claim_source(&source.parse().unwrap(), now, Duration::from_mins(1)).await;
        let entries = entries.iter().cloned().map(|entry| Arriving {
            fingerprint: fingerprint(&entry),
            url_key: entry.url.as_ref().map(url_key),
            entry,
        });
        let arrival = Arrival { entries: entries.collect(), title: Some(format!("The {source}")), ..arrival(&[], now) };
        self.store.admit(claim.unwrap().unwrap(), arrival, now).await.unwrap()
    }

    pub(crate) async fn new(bench: &Bench, config: Config, now: Timestamp) -> Self {
        let store = bench.open().await;
        let clock = Clock::manual(now);
        store.sync_sources(&config.sources, now).await.unwrap();
        store.sync_cadences(&config.newsletters, now).await.unwrap();
        let stage = Self { store, clock, live: Arc::new(arc_swap::ArcSwap::from_pointee(config)) };
        stage.admit(&[]).await;
        stage
    }

    /// What a poll that brings posts of these titles would store.
    pub(crate) async fn admit(&self, titles: &[&str]) -> Vec<PostId> {
        let now = self.clock.now();
        let name = "essays".parse().unwrap();
        let claim = self.store.claim_source(&name, now, Duration::from_mins(1)).await.unwrap().unwrap();
        self.store.admit(claim, arrival(titles, now), now).await.unwrap().new
    }

    /// Readers who confirmed, `r0@example.org` and so on.
    pub(crate) async fn readers(&self, count: usize, cadence: &str) {
        let (newsletter, cadence) = ("letter".parse().unwrap(), cadence.parse().unwrap());
        let emails: Vec<_> = (0..count).map(|n| format!("r{n}@example.org").parse().unwrap()).collect();
        let wishes: Vec<_> = emails
            .iter()
            .map(|email| Wish {
                email,
                newsletter: &newsletter,
                cadence: &cadence,
                language: Language::En,
                consent: "for a test",
                own: Own::default(),
            })
            .collect();
        self.store.add_confirmed(&wishes, self.clock.now()).await.unwrap();
    }

    /// One more of them.
    pub(crate) async fn reader(&self, email: &str, cadence: &str) {
        let (newsletter, cadence, email) =
            ("letter".parse().unwrap(), cadence.parse().unwrap(), email.parse().unwrap());
        let wish = Wish {
            email: &email,
            newsletter: &newsletter,
            cadence: &cadence,
            language: Language::En,
            consent: "for a test",
            own: Own::default(),
        };
        self.store.add_confirmed(&[wish], self.clock.now()).await.unwrap();
    }

    pub(crate) fn digester(&self) -> Digester {
        let renderer = Arc::new(Renderer::new().unwrap());
        Digester::new(self.store.clone(), self.live.clone(), renderer, self.clock.clone())
    }

    /// A courier with short deadlines.
    pub(crate) fn deliverer(&self) -> Deliverer {
        let renderer = Arc::new(Renderer::new().unwrap());
        let (store, live, clock) = (self.store.clone(), self.live.clone(), self.clock.clone());
        let short = Duration::from_millis(400);
        Deliverer::new(store, live, renderer, clock, Chance::seeded(2), "test".to_owned()).with_deadlines(Deadlines {
            connect: short,
            command: short,
            data: short,
            finish: short,
        })
    }
}

/// Lets a post out that is kept back; returns whether it was.
pub(crate) async fn released(store: &Store, post: PostId, mailed: bool, now: Timestamp) -> bool {
    store.edit_post(post, Act::Release { mailed }, "editor", now).await.unwrap() == Acted::Done
}

/// Entries of these titles, each of its own address and date.
pub(crate) fn arrival(titles: &[&str], now: Timestamp) -> Arrival {
    let entries = titles.iter().map(|title| {
        let entry = Entry {
            guid: format!("guid {title}"),
            url: format!("https://blog.example.com/{}", title.replace(' ', "-")).parse().ok(),
            title: (*title).to_owned(),
            authors: vec!["Kim".to_owned()],
            language: None,
            published: Some(now),
            updated: None,
            summary: Some(CleanHtml::sanitise(&format!("<p>About {title}.</p>"), None)),
            content: None,
            categories: Vec::new(),
            enclosures: Vec::new(),
            original: None,
            also_at: Vec::new(),
        };
        Arriving { fingerprint: fingerprint(&entry), url_key: entry.url.as_ref().map(url_key), entry }
    });
    Arrival {
        title: Some("Essays".to_owned()),
        link: "https://blog.example.com/".parse().ok(),
        language: Some("en".to_owned()),
        etag: Some("\"1\"".to_owned()),
        ..Arrival::of(entries.collect(), now.plus(Duration::from_hours(1)))
    }
}

/// A slot of the stage's newsletter.
pub(crate) fn edition(cadence: &str, slot: &str) -> Edition {
    Edition { newsletter: "letter".parse().unwrap(), cadence: cadence.parse().unwrap(), slot: slot.to_owned() }
}

/// What is on record of a subscription's consent, in order.
pub(crate) async fn on_record(store: &Store, subscription: SubscriptionId) -> Vec<Consent> {
    store.consents_of_each(&[subscription]).await.unwrap().remove(&subscription).unwrap_or_default()
}

/// Somebody asks on a form for the stage's newsletter.
pub(crate) async fn ask(store: &Store, email: &EmailAddress, language: Language, topics: &[Slug], now: Timestamp) {
    let (newsletter, cadence) = ("letter".parse().unwrap(), "daily".parse().unwrap());
    let given = Given { form: "a form", words: "the form", origin: Origin::Page, address: None };
    let wants = [Want { newsletter: &newsletter, cadence: &cadence, topics, given }];
    let ask =
        Ask { email, mailboxes: &["its hash".to_owned()], language, timezone: None, wants: &wants, nonce: "nonce" };
    store.ask(&ask, now).await.unwrap();
}
