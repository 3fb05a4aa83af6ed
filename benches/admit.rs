//! How fast posts are admitted, into an empty store and into one that holds a million,
//! whether a million makes a difference to one post, and how fast they are found there
//! by their words, beside `LIKE` over the same texts.
//!
//! `cargo bench --bench admit`: on SQLite, and on PostgreSQL when `SYNDICATED_TEST_POSTGRES`
//! names a server on which databases may be made; beside bare rows of the same texts, in
//! a table of their own with a key and nothing else, in as many transactions.
//! `-- 100000` fills with as many as it says, `-- sqlite` or `-- postgres` measures that engine alone.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::Entry;
use syndicated::domain::source::Archived;
use syndicated::domain::time::Timestamp;
use syndicated::read::{fingerprint, url_key};
use syndicated::store::{Arrival, Arriving, Store};

const MILLION: usize = 1_000_000;
/// So many blogs write them in turn.
const BLOGS: usize = 500;
/// So many posts a poll brings while the store is filled, and while it is measured.
const TOGETHER: usize = 20;
/// So many polls are measured of each kind.
const POLLS: usize = 200;
/// What is searched for: words of one script and of both, frequent and rare, a phrase, a beginning, and none.
const TYPED: [&str; 8] = ["baren", "barentolim", "baren tolim", "\"baren tolim\"", "서로", "서로읽", "글", "없다"];
/// How often what posts are found by is put into its order.
const SORTING: Duration = Duration::from_mins(1);
/// So often each.
const ASKED: usize = 5;
/// One post costs no more than this, whatever is stored.
const WITHIN: Duration = Duration::from_millis(2);

#[tokio::main]
async fn main() {
    let count = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(MILLION);
    let folder = tempfile::tempdir().unwrap();
    bare(&folder.path().join("bare.db")).await;
    let alone = |engine: &str| std::env::args().any(|word| word == engine);
    if !alone("postgres") {
        let file = folder.path().join("bench.db");
        engine("SQLite", &format!("sqlite:{}", file.display()), folder.path(), count).await;
        walk(&file).await;
        println!("SQLite: a file of {} MB", std::fs::metadata(&file).unwrap().len() / 1_000_000);
    }
    if alone("sqlite") {
        return;
    }
    if let Ok(server) = std::env::var("SYNDICATED_TEST_POSTGRES") {
        let name = format!("bench_admit_{}", std::process::id());
        let mut url = url::Url::parse(&server).unwrap();
        let pool = sqlx::PgPool::connect(&server).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
        url.set_path(&name);
        engine("PostgreSQL", url.as_str(), folder.path(), count).await;
        sqlx::query(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&pool).await.unwrap();
    } else {
        println!("PostgreSQL was left out: SYNDICATED_TEST_POSTGRES names no server");
    }
}

/// Posts that nobody has written before.
struct Writer {
    state: u64,
    number: usize,
}

impl Writer {
    /// Marsaglia's xorshift.
    fn next(&mut self) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap()
    }

    fn word(&mut self, out: &mut String) {
        const SYLLABLES: [&str; 32] = [
            "ba", "ren", "to", "lim", "sha", "ko", "ved", "mur", "ni", "pel", "gra", "ost", "wen", "fi", "dal", "un",
            "서", "로", "읽", "는", "글", "을", "쓰", "고", "바", "람", "이", "분", "다", "길", "에", "집",
        ];
        // A word is of one script.
        let script = self.next() % 2 * 16;
        for _ in 0..2 + self.next() % 3 {
            out.push_str(SYLLABLES[script + self.next() % 16]);
        }
    }

    /// About 1.6 KB of text.
    fn entry(&mut self, blog: usize, now: Timestamp) -> Entry {
        self.number += 1;
        let mut html = String::from("<p>");
        for word in 0..200 {
            self.word(&mut html);
            html.push_str(if word % 40 == 39 { ".</p><p>" } else { " " });
        }
        let mut title = String::new();
        for _ in 0..4 {
            self.word(&mut title);
            title.push(' ');
        }
        Entry {
            guid: format!("https://blog-{blog}.example.com/?p={}", self.number),
            url: format!("https://blog-{blog}.example.com/{}", self.number).parse().ok(),
            title,
            authors: vec![format!("author {blog}")],
            language: None,
            published: Some(now),
            updated: None,
            summary: None,
            content: Some(CleanHtml::sanitise(&html, None)),
            categories: vec![format!("tag {}", self.number % 100)],
            enclosures: Vec::new(),
            original: None,
            also_at: Vec::new(),
        }
    }
}

async fn engine(name: &str, database: &str, folder: &std::path::Path, count: usize) {
    let path = folder.join(format!("{name}.toml"));
    let mut text = format!(
        "[site]\ntitle = \"Bench\"\nbase_url = \"https://news.example.org\"\n[database]\nurl = \"{database}\"\n\
         [mail]\nfrom = \"news@example.org\"\n"
    );
    for blog in 0..BLOGS {
        writeln!(text, "[[source]]\nname = \"blog-{blog}\"\nurl = \"http://127.0.0.1:9/{blog}\"").unwrap();
    }
    std::fs::write(&path, text).unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    let config = Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"));
    let store = Store::open(&config.database).await.unwrap();
    let now = Clock::system().now();
    store.sync_sources(&config.sources, now).await.unwrap();
    let mut writer = Writer { state: 88_172_645_463_325_252, number: 0 };

    measure(&format!("{name}, empty"), &store, &mut writer, now).await;
    // As the daemon does.
    let sorting = tokio::spawn({
        let store = store.clone();
        async move {
            loop {
                tokio::time::sleep(SORTING).await;
                store.sort_keys().await.unwrap();
                store.sort_words().await.unwrap();
            }
        }
    });
    let start = Instant::now();
    let mut blog = 0;
    while writer.number < count {
        blog = (blog + 1) % BLOGS;
        let posts = TOGETHER.min(count - writer.number);
        poll(&store, &mut writer, blog, posts, now).await;
    }
    println!("{name}: filled to {} posts in {:.0} s", writer.number, start.elapsed().as_secs_f64());
    let cost = measure(&format!("{name}, {} posts", writer.number), &store, &mut writer, now).await;
    sorting.abort();
    search(name, &store).await;
    assert!(cost < WITHIN, "{cost:?} for one post are more than {WITHIN:?}");
}

/// How long the first page of what is found takes.
async fn search(name: &str, store: &Store) {
    for typed in TYPED {
        let mut times = Vec::new();
        let mut total = 0;
        for _ in 0..ASKED {
            let start = Instant::now();
            total = store.search(typed, 20, 0, &|_| Archived::Full).await.unwrap().total;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        println!("{name}: {typed}: {total} found in {:.1} ms", times[ASKED / 2].as_secs_f64() * 1e3);
    }
}

/// How long a walk through the texts takes, which finds a word as well.
async fn walk(file: &std::path::Path) {
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let start = Instant::now();
    let count: (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM post WHERE content LIKE '%baren%'").fetch_one(&pool).await.unwrap();
    println!("SQLite, by LIKE: baren: {} found in {:.1} ms", count.0, start.elapsed().as_secs_f64() * 1e3);
}

/// Polls of many posts and of one; returns what one post of the former costs.
async fn measure(name: &str, store: &Store, writer: &mut Writer, now: Timestamp) -> Duration {
    let mut times = Vec::new();
    for number in 0..POLLS {
        times.push(poll(store, writer, number % BLOGS, TOGETHER, now).await);
    }
    let each = times.iter().sum::<Duration>() / u32::try_from(POLLS * TOGETHER).unwrap();
    let mut alone = Vec::new();
    for number in 0..POLLS {
        alone.push(poll(store, writer, number % BLOGS, 1, now).await);
    }
    alone.sort_unstable();
    println!(
        "{name}: {:.0} posts/s in polls of {TOGETHER} ({:.2} ms each); a poll of one {:.2} ms, 99 of 100 within {:.2} ms",
        1.0 / each.as_secs_f64(),
        each.as_secs_f64() * 1e3,
        alone[alone.len() / 2].as_secs_f64() * 1e3,
        alone[alone.len() * 99 / 100].as_secs_f64() * 1e3,
    );
    each
}

/// One poll that brings new posts; how long storing them took.
async fn poll(store: &Store, writer: &mut Writer, blog: usize, posts: usize, now: Timestamp) -> Duration {
    let entries = (0..posts).map(|_| writer.entry(blog, now)).map(|entry| Arriving {
        fingerprint: fingerprint(&entry),
        url_key: entry.url.as_ref().map(url_key),
        entry,
    });
    let arrival = Arrival { title: Some(format!("Blog {blog}")), ..Arrival::of(entries.collect(), now) };
    let source = format!("blog-{blog}").parse().unwrap();
    let claim = store.claim_source(&source, now, Duration::from_mins(1)).await.unwrap().unwrap();
    let start = Instant::now();
    let admitted = store.admit(claim, arrival, now).await.unwrap();
    assert_eq!(admitted.new.len() + admitted.seeded.len(), posts);
    start.elapsed()
}

/// The same texts as bare rows.
async fn bare(file: &std::path::Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Full);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE bare (id INTEGER PRIMARY KEY, guid TEXT UNIQUE, title TEXT, content TEXT)")
        .execute(&pool)
        .await
        .unwrap();
    let now = Clock::system().now();
    let mut writer = Writer { state: 88_172_645_463_325_252, number: 0 };
    let mut took = Duration::ZERO;
    for number in 0..POLLS {
        let entries: Vec<Entry> = (0..TOGETHER).map(|_| writer.entry(number % BLOGS, now)).collect();
        let start = Instant::now();
        let mut tx = pool.begin().await.unwrap();
        for entry in entries {
            sqlx::query("INSERT INTO bare (guid, title, content) VALUES ($1, $2, $3)")
                .bind(entry.guid)
                .bind(entry.title)
                .bind(entry.content.unwrap().as_str())
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        took += start.elapsed();
    }
    println!("bare rows in SQLite: {:.0}/s", (POLLS * TOGETHER) as f64 / took.as_secs_f64());
}
