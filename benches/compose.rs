//! How long a digest of 50 posts takes: composed from the store as
//! `digest preview` does it, and rendered with every post's text of 8 KB, which
//! is five times what fits. Prints one line. `cargo bench --bench compose`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Database, Environment, Live};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::language::Language;
use syndicated::domain::post::Entry;
use syndicated::flow::digest::Digester;
use syndicated::read::{fingerprint, url_key};
use syndicated::render::{DigestContext, DigestPost, Renderer, Section};
use syndicated::store::{Arrival, Arriving, Store};

const POSTS: usize = 50;
const ROUNDS: usize = 20;
const WITHIN: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let database = folder.path().join("bench.db");
    std::fs::write(
        &path,
        format!(
            r#"
[site]
title = "Bench"
base_url = "https://news.example.org"
[database]
url = "sqlite:{}"
[mail]
from = "Bench <news@example.org>"
[[source]]
name = "blog"
url = "http://127.0.0.1:9/"
[[newsletter]]
name = "daily"
title = "Daily"
language = "ko"
settle = "0s"
cadences = {{ daily = "0 7 * * *" }}
"#,
            database.display()
        ),
    )
    .unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    let config = Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"));
    let store = Store::open(&Database::Sqlite(database)).await.unwrap();
    let clock = Clock::manual("2026-11-22T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap().into());
    admit(&store, &config, &clock).await;

    let renderer = Arc::new(Renderer::new().unwrap());
    let live: Live = Arc::new(arc_swap::ArcSwap::from_pointee(config));
    let digester = Digester::new(store, live, renderer.clone(), clock);
    let mut previews = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let preview = digester.preview("daily", "daily").await.unwrap();
        previews.push(start.elapsed());
        assert_eq!((preview.posts.taken.len(), preview.mail.is_some()), (POSTS, true));
    }
    let context = full();
    let mut renders = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mail = renderer.digest(&context).unwrap();
        renders.push(start.elapsed());
        assert!(mail.html.len() > 20 * 1024);
    }
    let (preview, render) = (middle(previews), middle(renders));
    println!(
        "compose: a digest of {POSTS} posts is previewed in {:.1} ms, and rendered from texts of 8 KB each in {:.1} ms",
        preview.as_secs_f64() * 1e3,
        render.as_secs_f64() * 1e3,
    );
    assert!(preview < WITHIN, "{preview:?} is longer than {WITHIN:?}");
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn essay(number: usize) -> CleanHtml {
    let paragraph = "<p>비가 오면 <em>골목</em>의 시간은 조금 느려진다. <a href=\"https://blog.example.com/rain\">우산을 펴는 사람</a>과 접는 사람이 문 앞에서 한 박자 쉬고, 그 사이로 국수 삶는 김이 빠져나온다.</p>";
    CleanHtml::sanitise(&format!("<p>글 {number}</p>{}", paragraph.repeat(30)), None)
}

/// Posts as a poll would have stored them.
async fn admit(store: &Store, config: &Config, clock: &Clock) {
    let now = clock.now();
    store.sync_sources(&config.sources, now).await.unwrap();
    store.sync_cadences(&config.newsletters, now).await.unwrap();
    for round in [0, POSTS] {
        let entries = (0..round).map(|number| {
            let entry = Entry {
                guid: format!("guid {number}"),
                url: format!("https://blog.example.com/{number}").parse().ok(),
                title: format!("비 오는 날의 시간표 {number}"),
                authors: vec!["골목길".to_owned()],
                language: None,
                published: Some(now),
                updated: None,
                summary: None,
                content: Some(essay(number)),
                categories: Vec::new(),
                enclosures: Vec::new(),
                original: None,
                also_at: Vec::new(),
            };
            Arriving { fingerprint: fingerprint(&entry), url_key: entry.url.as_ref().map(url_key), entry }
        });
        let arrival = Arrival {
            title: Some("골목길".to_owned()),
            language: Some("ko".to_owned()),
            ..Arrival::of(entries.collect(), now)
        };
        let source = "blog".parse().unwrap();
        let claim = store.claim_source(&source, now, Duration::from_mins(1)).await.unwrap().unwrap();
        store.admit(claim, arrival, now).await.unwrap();
    }
}

fn full() -> DigestContext {
    let posts = (0..POSTS).map(|number| DigestPost {
        title: format!("비 오는 날의 시간표 {number}"),
        url: Some(format!("https://blog.example.com/{number}")),
        byline: "골목길 · 2026년 11월 22일 일요일".to_owned(),
        excerpt: "비가 오면 골목의 시간은 조금 느려진다. ".repeat(8),
        text: Some(essay(number)),
        ..DigestPost::default()
    });
    DigestContext {
        language: Language::Ko,
        title: "골목 편지".to_owned(),
        site: "좋은 소식".to_owned(),
        home: "https://news.example.org/".to_owned(),
        date: "2026년 11월 22일 일요일".to_owned(),
        sections: vec![Section { title: String::new(), posts: posts.collect() }],
        ..DigestContext::default()
    }
}
