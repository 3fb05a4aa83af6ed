//! One piece at several sources: shown once where they come together, with both
//! places named, and mailed once whenever the second copy comes.

use crate::engines::{self, Bench};
use crate::publishing::{read_back, renderer};
use crate::stage::{self, Stage, at};
use std::time::Duration;
use syndicated::clock::Clock;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::id::PostId;
use syndicated::domain::label::{LabelKey, LabelKind};
use syndicated::domain::piece::Scope;
use syndicated::domain::post::{Entry, Place, Post};
use syndicated::domain::time::Timestamp;
use syndicated::flow::digest::Outcome;
use syndicated::flow::publish::{Coding, FeedKey, FeedOf, Publisher};
use syndicated::publish::Format;
use syndicated::store::{Act, Acted, PostFilter};

/// A text that is long enough to be told from others: 24 sentences of words that are in no other.
pub(crate) fn text(number: usize) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "ren", "to", "lim", "sha", "ko", "ved", "mur", "ni", "pel", "gra", "ost", "wen", "fi", "dal", "un"];
    let mut state = (number * 7_919 + 17) % 2_147_483_648;
    let mut next = || {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        state / 65_536
    };
    let mut word = || (0..2 + next() % 3).map(|_| SYLLABLES[next() % SYLLABLES.len()]).collect::<String>();
    let mut sentence = || format!("The {} of {} and {} {} {}.", word(), word(), word(), word(), word());
    (0..12).map(|_| format!("<p>{} {}</p>", sentence(), sentence())).collect::<Vec<_>>().concat()
}

/// An entry of the blog at `host`.
pub(crate) fn entry(host: &str, title: &str, text: &str, published: Timestamp) -> Entry {
    Entry {
        guid: format!("{host} {title}"),
        url: format!("https://{host}.example.com/{}", title.replace(' ', "-")).parse().ok(),
        title: title.to_owned(),
        authors: vec!["Kim".to_owned()],
        language: None,
        published: Some(published),
        updated: None,
        summary: None,
        content: Some(CleanHtml::sanitise(text, None)),
        categories: vec!["letters".to_owned()],
        enclosures: Vec::new(),
        original: None,
        also_at: Vec::new(),
    }
}

fn config(bench: &Bench, more: &str) -> String {
    let source = |name: &str| {
        format!("[[source]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:9/{name}\"\nschedule = \"0 0 1 1 *\"\n")
    };
    let text = stage::toml(bench, "maildir:outbox", "{ daily = \"0 7 * * *\" }", "");
    format!("{text}{more}\n{}{}", source("mirror"), source("third"))
}

pub(crate) struct World {
    pub(crate) stage: Stage,
}

impl World {
    /// Three sources that have been polled once, empty, and a reader.
    pub(crate) async fn new(bench: &Bench, more: &str) -> Self {
        let config = stage::load(bench, &config(bench, more));
        let stage = Stage::new(bench, config, at("2026-11-22T00:00:00Z")).await;
        let world = Self { stage };
        for source in ["mirror", "third"] {
            world.poll(source, &[]).await;
        }
        world.stage.readers(1, "daily").await;
        world
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.stage.clock.now()
    }

    /// A poll that brings these.
    pub(crate) async fn poll(&self, source: &str, entries: &[Entry]) -> Vec<PostId> {
        let admitted = self.stage.brings(source, entries).await;
        self.stage.clock.advance(Duration::from_mins(1));
        [admitted.new, admitted.seeded].concat()
    }

    async fn post(&self, id: PostId) -> Post {
        self.stage.store.post(id).await.unwrap().unwrap()
    }

    /// Whether two posts are one piece.
    async fn are_one(&self, one: PostId, other: PostId) -> bool {
        self.post(one).await.appearances.iter().any(|appearance| appearance.id == other)
    }

    async fn feed(&self, of: FeedOf) -> feed_rs::model::Feed {
        let (store, live) = (self.stage.store.clone(), self.stage.live.clone());
        let publisher = std::sync::Arc::new(Publisher::new(store, live, renderer(), Clock::manual(self.now())));
        publisher.invalidate();
        let feed = publisher.get(&FeedKey::new(of, Format::Atom)).await.unwrap().unwrap();
        read_back(std::str::from_utf8(feed.bytes(Coding::Identity)).unwrap())
    }

    /// What the next digest mails.
    async fn mailed(&self) -> Vec<PostId> {
        self.stage.clock.advance(Duration::from_hours(24));
        let fired = self.stage.digester().fire_due().await.unwrap();
        let mut posts = Vec::new();
        for fired in fired {
            if let Outcome::Frozen { digest, .. } = fired.outcome {
                posts.extend(self.stage.store.digest_posts(digest).await.unwrap());
            }
        }
        posts
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_piece_on_two_blogs_stands_once_in_what_both_are_in_and_in_each_blogs_own_feed() {
    for bench in engines::all().await {
        let world = World::new(&bench, "").await;
        let first = world.poll("essays", &[entry("blog", "On slow letters", &text(1), world.now())]).await[0];
        let other = world.poll("essays", &[entry("blog", "Another", &text(2), world.now())]).await[0];
        let copy = entry("news", "On slow letters (column)", &format!("<p>Reprinted.</p>{}", text(1)), world.now());
        let copy = world.poll("mirror", &[copy]).await[0];
        assert!(world.are_one(first, copy).await && !world.are_one(first, other).await, "{}", bench.engine);

        for of in [FeedOf::Site, FeedOf::Newsletter("letter".parse().unwrap())] {
            let feed = world.feed(of).await;
            let titles: Vec<_> = feed.entries.iter().map(|entry| entry.title.clone().unwrap().content).collect();
            assert_eq!(titles, ["Another", "On slow letters"], "{}", bench.engine);
            let content = feed.entries[1].content.clone().unwrap().body.unwrap();
            assert!(content.contains("Also at: <a href=\"https://news.example.com/"), "{content}");
            assert!(content.contains(">The mirror</a>"), "{content}");
        }
        let tagged = world.feed(FeedOf::Label(LabelKind::Tag, LabelKey::of("letters").unwrap())).await;
        assert_eq!(tagged.entries.len(), 2, "{}", bench.engine);
        for (source, count) in [("essays", 2), ("mirror", 1)] {
            let own = world.feed(FeedOf::Source(source.parse().unwrap())).await;
            assert_eq!(own.entries.len(), count, "{source} on {}", bench.engine);
        }

        let mailed = world.mailed().await;
        assert_eq!(mailed.len(), 2, "{}", bench.engine);
        assert!(mailed.contains(&first) && mailed.contains(&other), "{}", bench.engine);
        assert!(world.mailed().await.is_empty(), "{}", bench.engine);
        // A third place, long after it was mailed.
        let late = world.poll("third", &[entry("third", "Slow letters", &text(1), world.now())]).await[0];
        assert!(world.are_one(late, copy).await, "{}", bench.engine);
        assert!(world.mailed().await.is_empty(), "{}", bench.engine);
        assert_eq!(world.post(first).await.also_at().len(), 2, "{}", bench.engine);
    }
}

/// The original is the preferred source's, else the earliest; and readers' programs know the piece by what they were
/// shown first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_original_is_the_earliest_or_the_preferred_and_is_no_news_when_it_comes_second() {
    for (more, original) in
        [("", "blog On slow letters"), ("prefer = [\"third\", \"mirror\"]\n", "news On slow letters")]
    {
        for bench in engines::all().await {
            let world = World::new(&bench, more).await;
            let letter = || FeedOf::Newsletter("letter".parse().unwrap());
            let dated = world.now();
            // The copy is seen first, and dated later.
            world.stage.clock.advance(Duration::from_mins(30));
            let copy = world.poll("mirror", &[entry("news", "On slow letters", &text(1), world.now())]).await[0];
            let before = world.feed(letter()).await;
            let post = world.poll("essays", &[entry("blog", "On slow letters", &text(1), dated)]).await[0];
            let after = world.feed(letter()).await;
            let said = format!("{more:?} on {}", bench.engine);
            assert_eq!((before.entries.len(), after.entries.len()), (1, 1), "{said}");
            assert_eq!(before.entries[0].id, after.entries[0].id, "{said}");
            let link = |feed: &feed_rs::model::Feed| feed.entries[0].links[0].href.clone();
            assert!(link(&before).contains("news."), "{said}");
            let leads = if original.starts_with("blog") { post } else { copy };
            assert_eq!(link(&after), world.post(leads).await.entry.url.unwrap().to_string(), "{said}");
            assert_eq!(world.mailed().await, [leads], "{said}");
            assert!(world.mailed().await.is_empty(), "{said}");
        }
    }
}

/// Each kind of evidence, and what looks like it.
#[tokio::test]
async fn evidence_counts_where_nothing_speaks_against_it() {
    let now = at("2026-11-22T00:00:00Z");
    let one = || entry("blog", "On slow letters", &text(1), now);
    let place = |url: &str| Place { name: "Elsewhere".to_owned(), url: url.parse().ok() };
    let short = |mut entry: Entry| {
        entry.content = Some(CleanHtml::sanitise("<p>Too few words.</p>", None));
        entry
    };
    let cases: Vec<(&str, Entry, Entry, bool)> = vec![
        ("the same text under another title", one(), entry("news", "Letters", &text(1), now), true),
        ("another text under the same title", one(), entry("news", "On slow letters", &text(2), now), false),
        ("another text, another title", one(), entry("news", "Letters", &text(2), now), false),
        (
            "half of the text, and where its original is",
            one(),
            Entry { original: one().url, ..entry("news", "Letters", &text(1)[..text(1).len() / 2], now) },
            true,
        ),
        (
            "another text that claims to be a copy",
            one(),
            Entry { original: one().url, ..entry("news", "On slow letters", &text(2), now) },
            false,
        ),
        (
            "too short to compare, and where its original is",
            one(),
            Entry { original: one().url, ..short(entry("news", "Letters", "", now)) },
            true,
        ),
        (
            "both say where the original is",
            Entry { original: "https://first.example.org/a".parse().ok(), ..short(one()) },
            Entry { original: "http://www.first.example.org/a/".parse().ok(), ..short(entry("news", "B", "", now)) },
            true,
        ),
        (
            "a note that it also stands there",
            Entry { also_at: vec![place("https://news.example.com/Letters?utm_source=x")], ..short(one()) },
            short(entry("news", "Letters", "", now)),
            true,
        ),
        (
            "notes that name one page",
            Entry { also_at: vec![place("https://elsewhere.example.org/me")], ..short(one()) },
            Entry {
                also_at: vec![place("https://elsewhere.example.org/me")],
                ..short(entry("news", "Letters", "", now))
            },
            false,
        ),
        (
            "a note with a front page",
            Entry { also_at: vec![place("https://news.example.com/")], ..short(one()) },
            Entry { url: "https://news.example.com/".parse().ok(), ..short(entry("news", "Letters", "", now)) },
            false,
        ),
        (
            "one address, as in a feed of feeds",
            one(),
            Entry { url: one().url, ..entry("news", "Blog: On slow letters", &text(1), now) },
            true,
        ),
        (
            "two who comment on one page",
            Entry { url: "https://paper.example.org/a".parse().ok(), ..short(one()) },
            Entry { url: "https://paper.example.org/a".parse().ok(), ..short(entry("news", "Ha", "", now)) },
            false,
        ),
        (
            "title, author and date, where there is too little text",
            short(one()),
            short(entry("news", "On slow letters", "", now.plus(Duration::from_hours(20)))),
            true,
        ),
        (
            "title and author a month later",
            short(one()),
            short(entry("news", "On slow letters", "", now.plus(Duration::from_hours(720)))),
            false,
        ),
        (
            "title and date of somebody else",
            short(one()),
            Entry { authors: vec!["Lee".to_owned()], ..short(entry("news", "On slow letters", "", now)) },
            false,
        ),
    ];
    for (name, one, other, same) in &cases {
        for swapped in [false, true] {
            let bench = engines::all().await.remove(0);
            let world = World::new(&bench, "").await;
            let (first, second) = if swapped { (other, one) } else { (one, other) };
            let first = world.poll("essays", std::slice::from_ref(first)).await[0];
            let second = world.poll("mirror", std::slice::from_ref(second)).await[0];
            assert_eq!(world.are_one(first, second).await, *same, "{name}, swapped: {swapped}");
        }
    }
    // On the other engine once, all together.
    if let Some(bench) = engines::all().await.into_iter().nth(1) {
        for (name, one, other, same) in &cases {
            let world = World::new(&engines::all().await.remove(1), "").await;
            let first = world.poll("essays", std::slice::from_ref(one)).await[0];
            let second = world.poll("mirror", std::slice::from_ref(other)).await[0];
            assert_eq!(world.are_one(first, second).await, *same, "{name} on {}", bench.engine);
        }
    }
}

/// A blog that is followed later shows on its first poll what is news elsewhere, or what was old there.
#[tokio::test]
async fn a_first_poll_takes_no_news_away_and_makes_none() {
    for bench in engines::all().await {
        let world = World::new(&bench, "").await;
        let fresh = world.poll("essays", &[entry("blog", "Fresh", &text(1), world.now())]).await[0];
        let mut config = (**world.stage.live.load()).clone();
        let mut late = config.sources[1].clone();
        late.name = "late".parse().unwrap();
        late.url = "http://127.0.0.1:9/late".parse().unwrap();
        config.sources.push(late);
        world.stage.store.sync_sources(&config.sources, world.now()).await.unwrap();
        world.stage.live.store(config.into());
        let seeds =
            [entry("late", "Fresh", &text(1), world.now()), entry("late", "Old", &text(2), at("2026-01-01T00:00:00Z"))];
        assert_eq!(world.poll("late", &seeds).await.len(), 2, "{}", bench.engine);
        let old = world.poll("mirror", &[entry("news", "Old", &text(2), world.now())]).await[0];
        assert_eq!(world.post(old).await.appearances.len(), 1, "{}", bench.engine);
        assert_eq!(world.mailed().await, [fresh], "{}", bench.engine);
    }
}

/// What a person says of two posts holds, whatever is found later.
#[tokio::test]
async fn merging_and_splitting_are_an_editors_and_stand_in_the_log() {
    for bench in engines::all().await {
        let world = World::new(&bench, "").await;
        let store = &world.stage.store;
        let edit = async |id, act| store.edit_post(id, act, "mina", world.now()).await.unwrap();
        let a = world.poll("essays", &[entry("blog", "A", &text(1), world.now())]).await[0];
        let b = world.poll("mirror", &[entry("news", "B", &text(1), world.now())]).await[0];
        let c = world.poll("third", &[entry("third", "C", &text(2), world.now())]).await[0];
        assert_eq!(edit(a, Act::Split).await, Acted::Done, "{}", bench.engine);
        assert!(!world.are_one(a, b).await, "{}", bench.engine);
        // The evidence is still there, and counts no more.
        world.poll("mirror", &[entry("news", "B", &format!("{}<p>More words.</p>", text(1)), world.now())]).await;
        assert!(!world.are_one(a, b).await, "{}", bench.engine);
        assert!(matches!(edit(a, Act::Split).await, Acted::Idle(_)), "{}", bench.engine);

        assert_eq!(edit(a, Act::Merge(c)).await, Acted::Done, "{}", bench.engine);
        assert!(matches!(edit(c, Act::Merge(a)).await, Acted::Idle(_)), "{}", bench.engine);
        assert_eq!(edit(a, Act::Merge(b)).await, Acted::Done, "{}", bench.engine);
        assert!(world.are_one(b, c).await && world.are_one(a, b).await, "{}", bench.engine);
        assert_eq!(edit(a, Act::Merge(PostId(999))).await, Acted::Unknown(PostId(999)), "{}", bench.engine);
        assert!(matches!(edit(a, Act::Merge(a)).await, Acted::Idle(_)), "{}", bench.engine);
        // The lowest number leaves, and the others stay together.
        assert_eq!(edit(a, Act::Split).await, Acted::Done, "{}", bench.engine);
        assert!(world.are_one(b, c).await && !world.are_one(a, b).await, "{}", bench.engine);

        assert_eq!(edit(b, Act::Hide).await, Acted::Done, "{}", bench.engine);
        assert!(matches!(edit(b, Act::Hide).await, Acted::Idle(_)), "{}", bench.engine);
        assert!(world.post(c).await.is_original(&Scope::default()), "{}", bench.engine);
        assert_eq!(world.feed(FeedOf::Site).await.entries.len(), 2, "{}", bench.engine);
        assert_eq!(edit(b, Act::Unhide).await, Acted::Done, "{}", bench.engine);
        let log: Vec<_> = store.acts(None, 9).await.unwrap().into_iter().rev().collect();
        let verbs: Vec<_> = log.iter().map(|act| format!("{} {}", act.verb, act.detail).trim().to_owned()).collect();
        let merged = |other: PostId| format!("merge with {other}");
        assert_eq!(verbs, ["split", &merged(c), &merged(b), "split", "hide", "unhide"], "{}", bench.engine);
        assert!(log.iter().all(|act| act.editor == "mina"), "{}", bench.engine);
        assert_eq!(store.acts(Some(b), 9).await.unwrap().len(), 2, "{}", bench.engine);
    }
}

/// `review_posts`, and holding by hand.
#[tokio::test]
async fn what_waits_for_an_editor_is_neither_shown_nor_mailed() {
    for bench in engines::all().await {
        let world = World::new(&bench, "").await;
        let store = &world.stage.store;
        let edit = async |id, act| store.edit_post(id, act, "mina", world.now()).await.unwrap();
        let posts =
            [("A", 1), ("B", 2), ("C", 3)].map(|(title, number)| entry("blog", title, &text(number), world.now()));
        let ids = world.poll("essays", &posts).await;
        for id in &ids {
            assert_eq!(edit(*id, Act::Hold).await, Acted::Done, "{}", bench.engine);
            assert!(matches!(edit(*id, Act::Hold).await, Acted::Idle(_)), "{}", bench.engine);
        }
        assert!(world.feed(FeedOf::Site).await.entries.is_empty(), "{}", bench.engine);
        assert!(world.mailed().await.is_empty(), "{}", bench.engine);
        assert_eq!(edit(ids[0], Act::Release { mailed: true }).await, Acted::Done, "{}", bench.engine);
        assert_eq!(edit(ids[1], Act::Release { mailed: false }).await, Acted::Done, "{}", bench.engine);
        assert_eq!(store.held_posts(&"essays".parse().unwrap()).await.unwrap(), [ids[2]], "{}", bench.engine);
        assert_eq!(edit(ids[2], Act::Drop).await, Acted::Done, "{}", bench.engine);
        assert!(matches!(edit(ids[2], Act::Drop).await, Acted::Idle(_)), "{}", bench.engine);
        assert_eq!(world.feed(FeedOf::Site).await.entries.len(), 2, "{}", bench.engine);
        assert_eq!(world.mailed().await, [ids[0]], "{}", bench.engine);
        assert!(matches!(edit(ids[0], Act::Hold).await, Acted::Idle(_)), "{}", bench.engine);
        // Dropped ones do not come back with the next poll.
        assert!(world.poll("essays", &posts).await.is_empty(), "{}", bench.engine);
        let hidden = PostFilter { hidden: true, limit: 9, ..PostFilter::default() };
        assert_eq!(store.post_list(&hidden).await.unwrap().len(), 1, "{}", bench.engine);
    }
}

/// Before the keys of the post that came first are put among all others, and after.
#[tokio::test]
async fn a_copy_is_found_whichever_of_its_pieces_are_in_order() {
    for bench in engines::all().await {
        let (world, now) = (World::new(&bench, "").await, at("2026-11-22T00:00:00Z"));
        let first = world.poll("essays", &[entry("blog", "On slow letters", &text(1), now)]).await[0];
        let second = world.poll("mirror", &[entry("news", "Letters", &text(1), now)]).await[0];
        assert!(world.are_one(first, second).await, "{}", bench.engine);
        let moved = world.stage.store.sort_keys().await.unwrap();
        assert_eq!(moved > 0, bench.engine == "postgres", "{}: {moved} keys", bench.engine);
        assert_eq!(world.stage.store.sort_keys().await.unwrap(), 0);
        // Its keys are in order, and are written once more with its new title.
        world.poll("mirror", &[Entry { title: "Slowly".to_owned(), ..entry("news", "Letters", &text(1), now) }]).await;
        let third = world.poll("third", &[entry("daily", "More letters", &text(1), now)]).await[0];
        let other = world.poll("third", &[entry("daily", "Others", &text(2), now)]).await[0];
        assert!(world.are_one(first, third).await && !world.are_one(first, other).await, "{}", bench.engine);
        world.stage.store.sort_keys().await.unwrap();
        assert_eq!(world.stage.store.sort_keys().await.unwrap(), 0);
    }
}

/// What is looked up for each post that arrives is found by an index, however many are stored.
#[tokio::test]
async fn a_piece_is_looked_for_by_indexes_alone() {
    let bench = engines::all().await.remove(0);
    let _store = bench.open().await;
    for (sql, index) in [
        (
            "SELECT id, guid FROM post WHERE source_id = 1 ORDER BY id DESC LIMIT 100",
            "INDEX post_by_number (source_id=?)",
        ),
        (
            "SELECT url_key, id FROM post WHERE url_key IN ('x', 'y') AND source_id <> 1 LIMIT 8",
            "INDEX post_at (url_key=?)",
        ),
        (
            "SELECT url_key, post_id, rule FROM post_place WHERE url_key IN ('x', 'y') LIMIT 8",
            "INDEX sqlite_autoindex_post_place_1 (url_key=?)",
        ),
        (
            "SELECT post_id FROM post_shingle WHERE shingle = 1 ORDER BY post_id DESC LIMIT 64",
            "PRIMARY KEY (shingle=?)",
        ),
        (
            "SELECT id, source_id FROM post WHERE id = 1 OR piece = (SELECT piece FROM post WHERE id = 1)",
            "INDEX post_of_piece (piece=?)",
        ),
        (
            "SELECT post_id, other_id FROM post_tie WHERE apart AND (post_id = 1 OR other_id = 1)",
            "INDEX post_tie_of (other_id=?)",
        ),
    ] {
        let plan = bench.plan(sql).await;
        assert!(plan.contains(index) && !plan.contains("SCAN") && !plan.contains("TEMP"), "{sql}: {plan}");
    }
}

/// The same on PostgreSQL, which plans by what is stored: a poll walks through no table of posts.
#[tokio::test]
async fn a_poll_walks_through_no_posts() {
    let Some(bench) = engines::all().await.into_iter().nth(1) else { return };
    let world = World::new(&bench, "").await;
    let posts = |range: std::ops::Range<usize>| {
        let entries =
            range.map(|number| entry("blog", &format!("Post {number}"), &text(number), at("2026-11-01T00:00:00Z")));
        entries.collect::<Vec<_>>()
    };
    let first = world.poll("essays", &posts(0..2)).await[0];
    // Twenty thousand posts of the source, as far as lookups go.
    let columns = bench
        .texts(
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_name = 'post' AND is_generated = 'NEVER' AND column_name NOT IN ('id', 'guid', 'url_key', 'fingerprint')",
        )
        .await
        .join(", ");
    bench
        .execute(&format!(
            "INSERT INTO post (guid, url_key, fingerprint, {columns})
             SELECT guid || n, url_key || n, fingerprint || n, {columns} FROM post, generate_series(1, 20000) n WHERE id = {first}"
        ))
        .await;
    bench.execute("ANALYZE").await;
    world.poll("essays", &posts(1..22)).await;
    world.stage.store.close().await;
    let walked = "SELECT seq_tup_read::text FROM pg_stat_user_tables WHERE relname = 'post'";
    let walked: u64 = bench.texts(walked).await.remove(0).parse().unwrap();
    assert!(walked < 1_000, "{walked} posts were walked through");
}
