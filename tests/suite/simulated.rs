//! A web of five blogs that publish, edit, delete, restore, copy from each other, move
//! and start their feeds anew, in random order; against a model that only knows which
//! pieces there are: each that was ever seen is mailed once.

use crate::engines;
use crate::hostile::full;
use crate::pieces::text;
use crate::stage;
use std::collections::BTreeMap;
use std::time::Duration;
use syndicated::clock::Clock;
use syndicated::config::Config;
use syndicated::domain::digest::Edition;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::Entry;
use syndicated::domain::slug::Slug;
use syndicated::domain::time::Timestamp;
use syndicated::flow::digest::sift;
use syndicated::read::{fingerprint, url_key};
use syndicated::store::{Arriving, Freeze, Frozen, Selection, Store};

const BLOGS: usize = 5;
/// A feed shows so many of its newest posts.
const WINDOW: usize = 8;
const STEPS: usize = 24;

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

/// A piece as it stands at a blog.
#[derive(Clone)]
struct Page {
    piece: usize,
    /// What tells it from the blog's others, whatever else changes.
    path: String,
    title: String,
    html: String,
    published: Timestamp,
    original: Option<String>,
    deleted: bool,
    /// Since the last poll.
    retitled: bool,
    rewritten: bool,
}

/// A blog, newest post last.
#[derive(Default, Clone)]
struct Blog {
    pages: Vec<Page>,
    /// Raised when it moves to another domain, and when its feed gets other guids.
    domain: usize,
    generation: usize,
    /// Since the last poll.
    moved: bool,
    reset: bool,
}

struct Web {
    /// Where its blogs differ from another web's.
    number: usize,
    dice: Dice,
    blogs: Vec<Blog>,
    pieces: usize,
    /// What a poll showed, so that it must be mailed.
    seen: BTreeMap<usize, bool>,
    log: Vec<String>,
}

impl Web {
    fn new(number: usize) -> Self {
        let dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95));
        let blogs = vec![Blog::default(); BLOGS];
        Self { number, dice, blogs, pieces: 0, seen: BTreeMap::new(), log: Vec::new() }
    }

    fn name(&self, blog: usize) -> Slug {
        format!("web-{}-{blog}", self.number).parse().unwrap()
    }

    fn address(&self, blog: usize, path: &str) -> String {
        format!("https://d{}.blog-{blog}.web-{}.example.com/{path}", self.blogs[blog].domain, self.number)
    }

    /// One thing that happens on the web.
    fn happens(&mut self, now: Timestamp) {
        let blog = self.dice.below(BLOGS);
        let any = self.blogs[blog].pages.len();
        match self.dice.below(12) {
            0..=3 => self.publish(blog, now),
            4 | 5 => self.copy(blog, now),
            6 | 7 if any > 0 => self.edit(blog),
            8 if any > 0 => {
                let at = self.dice.below(any);
                let page = &mut self.blogs[blog].pages[at];
                page.deleted = !page.deleted;
                self.log.push(format!("{blog} deletes or restores {}", page.path));
            }
            9 => {
                let edited = self.blogs[blog].pages.iter().any(|page| page.retitled && page.rewritten);
                let blog_ = &mut self.blogs[blog];
                // Of a post whose guid, domain, title and text all change at once nothing is left to know it by.
                if !(edited && blog_.reset) {
                    blog_.domain += 1;
                    blog_.moved = true;
                    self.log.push(format!("{blog} moves"));
                }
            }
            10 => {
                let edited = self.blogs[blog].pages.iter().any(|page| page.retitled && page.rewritten);
                let blog_ = &mut self.blogs[blog];
                if !(edited && blog_.moved) {
                    blog_.generation += 1;
                    blog_.reset = true;
                    self.log.push(format!("{blog} starts anew"));
                }
            }
            _ => {}
        }
    }

    fn publish(&mut self, blog: usize, now: Timestamp) {
        let piece = self.pieces;
        self.pieces += 1;
        self.log.push(format!("{blog} publishes piece {piece}"));
        let path = format!("{piece}-{}", self.dice.below(1000));
        self.blogs[blog].pages.push(Page {
            piece,
            path,
            title: format!("Piece {piece} of web {}", self.number),
            html: text(self.number * 1_000 + piece),
            published: now,
            original: None,
            deleted: false,
            retitled: false,
            rewritten: false,
        });
    }

    /// A blog takes over what another one published.
    fn copy(&mut self, to: usize, now: Timestamp) {
        let from = self.dice.below(BLOGS);
        if from == to || self.blogs[from].pages.is_empty() {
            return;
        }
        let at = self.dice.below(self.blogs[from].pages.len());
        let page = self.blogs[from].pages[at].clone();
        if self.blogs[to].pages.iter().any(|known| known.piece == page.piece) {
            return;
        }
        self.log.push(format!("{to} takes piece {} over from {from}", page.piece));
        let original = self.dice.one_in(3).then(|| self.address(from, &page.path));
        let mut copy = Page { original, published: now, deleted: false, retitled: false, rewritten: false, ..page };
        copy.path = format!("copy-{}", copy.path);
        match self.dice.below(4) {
            0 => copy.title.push_str(", again"),
            1 => copy.html = format!("<p>First published elsewhere, and here with kind permission.</p>{}", copy.html),
            // The beginning, and where to read on.
            2 => copy.html = copy.html.split_inclusive("</p>").take(6).collect::<String>() + "<p>Read on …</p>",
            _ => {}
        }
        self.blogs[to].pages.push(copy);
    }

    fn edit(&mut self, blog: usize) {
        let at = self.dice.below(self.blogs[blog].pages.len());
        let title = self.dice.one_in(2);
        let Blog { moved, reset, ref mut pages, .. } = self.blogs[blog];
        let page = &mut pages[at];
        let all_at_once = moved && reset && if title { page.rewritten } else { page.retitled };
        if all_at_once {
            return;
        }
        self.log.push(format!("{blog} edits {}'s {}", page.path, if title { "title" } else { "text" }));
        if title {
            page.title.push('!');
            page.retitled = true;
        } else {
            page.html = format!("{}<p>Added at revision {}.</p>", page.html, page.html.len());
            page.rewritten = true;
        }
    }

    /// What a blog's feed shows now.
    fn feed(&mut self, blog: usize) -> Vec<Entry> {
        let generation = self.blogs[blog].generation;
        let shown: Vec<Page> =
            self.blogs[blog].pages.iter().rev().filter(|page| !page.deleted).take(WINDOW).cloned().collect();
        for page in &shown {
            self.seen.entry(page.piece).or_insert(false);
        }
        let entries = shown.iter().map(|page| Entry {
            guid: format!("{} of {generation}", page.path),
            url: self.address(blog, &page.path).parse().ok(),
            title: page.title.clone(),
            authors: vec![format!("Author {blog}")],
            language: None,
            published: Some(page.published),
            updated: None,
            summary: None,
            content: Some(CleanHtml::sanitise(&page.html, None)),
            categories: Vec::new(),
            enclosures: Vec::new(),
            original: page.original.as_ref().and_then(|url| url.parse().ok()),
            also_at: Vec::new(),
        });
        let entries = entries.collect();
        let blog_ = &mut self.blogs[blog];
        (blog_.moved, blog_.reset) = (false, false);
        for page in &mut blog_.pages {
            (page.retitled, page.rewritten) = (false, false);
        }
        self.log.push(format!("{blog} is polled"));
        entries
    }
}

/// What follows the web.
struct Follower {
    store: Store,
    clock: Clock,
    config: Config,
    digests: usize,
}

impl Follower {
    async fn new(store: &Store, clock: &Clock, template: &Config, web: &Web) -> Self {
        let mut config = template.clone();
        config.sources = (0..BLOGS)
            .map(|blog| {
                let mut source = template.sources[0].clone();
                source.name = web.name(blog);
                source.url = format!("https://blog-{blog}.web-{}.example.com/feed", web.number).parse().unwrap();
                source
            })
            .collect();
        config.newsletters[0].name = format!("web-{}", web.number).parse().unwrap();
        config.newsletters[0].sources = Some(config.sources.iter().map(|source| source.name.clone()).collect());
        if web.number % 3 == 1 {
            config.newsletters[0].prefer = vec![web.name(4), web.name(2)];
        }
        let now = clock.now();
        store.sync_sources(&config.sources, now).await.unwrap();
        store.sync_cadences(&config.newsletters, now).await.unwrap();
        let follower = Self { store: store.clone(), clock: clock.clone(), config, digests: 0 };
        for blog in 0..BLOGS {
            follower.poll(&web.name(blog), Vec::new()).await;
        }
        follower
    }

    async fn poll(&self, source: &Slug, entries: Vec<Entry>) {
        let now = self.clock.now();
        let claim = self.store.claim_source(source, now, Duration::from_mins(1)).await.unwrap().unwrap();
        let entries = entries.into_iter().map(|entry| Arriving {
            fingerprint: fingerprint(&entry),
            url_key: entry.url.as_ref().map(url_key),
            entry,
        });
        let arrival = syndicated::store::Arrival { entries: entries.collect(), ..stage::arrival(&[], now) };
        let admitted = self.store.admit(claim, arrival, now).await.unwrap();
        assert!(admitted.held.is_empty());
        self.clock.advance(Duration::from_mins(1));
    }

    /// Freezes what a digest would hold; the titles that it mails.
    async fn mail(&mut self) -> Vec<String> {
        let now = self.clock.now();
        let newsletter = &self.config.newsletters[0];
        let cadence = &newsletter.cadences[0].name;
        let progress = self.store.cadence_progress(&newsletter.name, cadence).await.unwrap().unwrap();
        let selection = Selection { newsletter, cadence, since: progress.since, now };
        let posts = sift(&self.store, &selection).await.unwrap().taken;
        self.digests += 1;
        let slot = format!("now-{}", self.digests);
        let edition = Edition { newsletter: newsletter.name.clone(), cadence: cadence.clone(), slot };
        let frozen = Frozen { posts: &posts, expires_at: now.plus(Duration::from_hours(1)), ..Frozen::default() };
        if !posts.is_empty() {
            let froze = self.store.freeze_digest(&edition, &frozen, None, now).await.unwrap();
            assert!(matches!(froze, Freeze::Done { .. }), "{froze:?}");
        }
        let mut titles = Vec::new();
        for id in posts {
            titles.push(self.store.post(id).await.unwrap().unwrap().entry.title);
        }
        self.clock.advance(Duration::from_mins(1));
        titles
    }
}

/// One web, from its first post to its last digest.
async fn play(store: &Store, clock: &Clock, template: &Config, number: usize) {
    let mut web = Web::new(number);
    let mut follower = Follower::new(store, clock, template, &web).await;
    for step in 0..=STEPS {
        let last = step == STEPS;
        if !last {
            web.happens(clock.now());
            clock.advance(Duration::from_mins(10));
        }
        for blog in 0..BLOGS {
            if last || web.dice.one_in(6) {
                let entries = web.feed(blog);
                follower.poll(&web.name(blog), entries).await;
            }
        }
        if last || web.dice.one_in(6) {
            for title in follower.mail().await {
                web.log.push(format!("mailed: {title}"));
                let piece: usize = title.split(' ').nth(1).unwrap().parse().unwrap();
                let mailed = web.seen.get_mut(&piece).unwrap();
                assert!(!*mailed, "web {number}: piece {piece} is mailed twice: {:#?}", web.log);
                *mailed = true;
            }
        }
    }
    let lost: Vec<_> = web.seen.iter().filter(|(_, mailed)| !**mailed).map(|(piece, _)| *piece).collect();
    assert!(lost.is_empty(), "web {number}: never mailed: {lost:?}: {:#?}", web.log);
}

/// R17 by chance: 10,000 webs with `SYNDICATED_TEST_FULL=1`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_blogs_do_each_piece_is_mailed_once() {
    for bench in engines::all().await {
        let store = bench.open().await;
        let clock = Clock::manual(stage::at("2026-11-22T00:00:00Z"));
        let template = stage::config(&bench, "maildir:outbox", "{ daily = \"0 7 * * *\" }", "");
        let webs = match (full(), bench.engine) {
            (true, "sqlite") => 10_000,
            (true, _) => 1_000,
            (false, "sqlite") => 60,
            (false, _) => 15,
        };
        for number in 0..webs {
            play(&store, &clock, &template, number).await;
        }
    }
}
