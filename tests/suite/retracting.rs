//! Posts that their authors withdrew: what counts as withdrawn, what does not however much it looks like it, and what is
//! left of one.

use crate::engines::{self, Bench};
use crate::origin::{Answer, Item, Origin, rss};
use crate::polling::{HOUR, MINUTE, World, config, source};
use crate::publishing::{self, arrive, dated, renderer};
use crate::serving::get;
use crate::stage::{self, Stage};
use arc_swap::ArcSwap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Live};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::digest::DigestState;
use syndicated::domain::id::PostId;
use syndicated::domain::label::{LabelKey, LabelKind};
use syndicated::domain::language::Language;
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::{Entry, Post};
use syndicated::domain::retraction::Proof;
use syndicated::domain::source::SourceState;
use syndicated::domain::time::Timestamp;
use syndicated::flow::publish::{FeedKey, FeedOf, Page, Publisher};
use syndicated::flow::retract::{Retractor, Withdrawn};
use syndicated::net::{Client, Names};
use syndicated::publish::Format;
use syndicated::read;
use syndicated::scheduler::Roles;
use syndicated::store::{Act, Acted, Admitted, Judgement, PostFilter, Retraction};
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_hours(24);

/// A blog that is followed, with pages of its own.
struct Blog {
    origin: Origin,
    world: World,
    retractor: Retractor,
    /// The host in its posts' addresses.
    host: &'static str,
}

impl Blog {
    async fn new(bench: &Bench) -> Self {
        Self::with(bench, "127.0.0.1", |_| {}).await
    }

    /// One that shows posts 1 to 10, each with its page.
    async fn with(bench: &Bench, host: &'static str, change: impl FnOnce(&mut Config)) -> Self {
        let origin = Origin::start().await;
        let mut config = config(vec![source("blog", &origin.url("/feed"))]);
        change(&mut config);
        let names = || Names::scripted(|_| vec!["127.0.0.1".parse().unwrap()]);
        let world = World::with_names(bench, config.clone(), names()).await;
        let client = Client::new(&config.fetch, &config.site.base_url, names(), world.clock.clone()).unwrap();
        let retractor = Retractor::new(world.store.clone(), client, world.clock.clone(), world.live.clone());
        let blog = Self { origin, world, retractor, host };
        for number in 1..=10 {
            blog.page(number, Answer::ok("<p>A page.</p>"));
        }
        blog.shows(1..=10).await;
        blog
    }

    fn page(&self, number: u32, answer: Answer) {
        self.origin.set(&format!("/post/{number}"), answer);
    }

    fn item(&self, number: u32) -> Item {
        let link = format!("http://{}:{}/post/{number}", self.host, self.origin.port());
        Item { link, ..Item::number(number) }
    }

    /// The next poll finds this.
    async fn polled(&self, feed: impl Into<Vec<u8>>) -> Admitted {
        self.origin.set("/feed", Answer::ok(feed));
        self.world.next().await;
        self.world.read().await
    }

    /// The next poll finds the posts of these numbers.
    async fn shows(&self, numbers: impl IntoIterator<Item = u32>) -> Admitted {
        let mut items: Vec<Item> = numbers.into_iter().map(|number| self.item(number)).collect();
        items.reverse();
        self.polled(rss(&items, "")).await
    }

    /// The next poll finds all of them but these.
    async fn lacks(&self, missing: &[u32]) -> Admitted {
        self.shows((1..=10).filter(|number| !missing.contains(number))).await
    }

    fn later(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    async fn look(&self) -> Vec<Withdrawn> {
        self.retractor.look(&CancellationToken::new()).await.unwrap()
    }

    async fn post(&self, number: u32) -> Post {
        let all = PostFilter { limit: 1_000, ..PostFilter::default() };
        let posts = self.world.store.post_list(&all).await.unwrap();
        posts.into_iter().find(|post| post.entry.title == format!("Post {number}")).unwrap()
    }

    async fn retraction(&self, number: u32) -> Option<Retraction> {
        self.world.store.retraction(self.post(number).await.id).await.unwrap()
    }

    /// The numbers of the posts that are missing or gone.
    async fn suspects(&self) -> Vec<u32> {
        let mut suspects = Vec::new();
        for number in 1..=10 {
            suspects.extend(self.retraction(number).await.map(|_| number));
        }
        suspects
    }

    /// The numbers of the posts whose pages were asked for since the last time.
    fn asked(&self) -> Vec<u32> {
        let asked = self.origin.asked();
        asked.iter().filter_map(|asked| asked.path.strip_prefix("/post/")?.parse().ok()).collect()
    }

    async fn revision(&self) -> i64 {
        self.world.store.revisions().await.unwrap()[&"blog".parse().unwrap()]
    }

    /// Post 7 leaves the feed and its page answers so, until the last look but one.
    async fn loses_7(&self, answer: Answer) {
        self.page(7, answer);
        self.lacks(&[7]).await;
        self.later(HOUR);
        assert!(self.look().await.is_empty());
        self.later(DAY);
        self.lacks(&[7]).await;
    }
}

#[tokio::test]
async fn a_post_that_is_gone_for_a_day_is_withdrawn() {
    for (status, proof) in [(404, Proof::NotFound), (410, Proof::Gone)] {
        for bench in engines::all().await {
            let blog = Blog::new(&bench).await;
            blog.page(7, Answer::status(status));
            blog.lacks(&[7]).await;
            let missing = blog.retraction(7).await.unwrap();
            assert_eq!((missing.missing_since, missing.gone_since), (Some(blog.world.clock.now()), None));
            blog.asked();
            assert!(blog.look().await.is_empty());
            assert!(blog.asked().is_empty(), "it may be back within the hour");

            blog.later(HOUR);
            assert!(blog.look().await.is_empty());
            let first = blog.world.clock.now();
            let gone = blog.retraction(7).await.unwrap();
            assert_eq!((gone.gone_since, gone.proof), (Some(first), Some(proof)), "{} {status}", bench.engine);
            blog.later(23 * HOUR + 59 * MINUTE);
            blog.lacks(&[7]).await;
            assert!(blog.look().await.is_empty() && blog.post(7).await.is_shown());
            assert_eq!(blog.asked(), [7]);

            blog.later(MINUTE);
            let (post, before) = (blog.post(7).await, blog.revision().await);
            let withdrawn = blog.look().await;
            let expected = Withdrawn { post: post.id, source: post.source_name, url: post.entry.url, proof };
            assert_eq!(withdrawn, [expected], "{} {status}", bench.engine);
            assert_eq!(blog.asked(), [7]);
            let (now, retraction) = (blog.world.clock.now(), blog.retraction(7).await.unwrap());
            assert_eq!((retraction.retracted_at, retraction.gone_since), (Some(now), Some(first)));
            let after = blog.post(7).await;
            assert_eq!((after.retracted, after.is_shown()), (Some(now), false));
            assert!(blog.revision().await > before, "hubs are told, and feeds rendered anew");
            let filter = PostFilter { retracted: true, limit: 9, ..PostFilter::default() };
            assert_eq!(blog.world.store.post_list(&filter).await.unwrap().len(), 1, "the others stand");

            // That is all that is ever asked of it.
            for _ in 0..5 {
                blog.later(2 * DAY);
                blog.lacks(&[7]).await;
                assert!(blog.look().await.is_empty());
            }
            assert!(blog.asked().is_empty());
        }
    }
}

#[tokio::test]
async fn a_post_that_comes_back_in_time_was_never_gone() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.loses_7(Answer::status(404)).await;
        let before = blog.revision().await;
        blog.shows(1..=10).await;
        blog.asked();
        blog.later(DAY);
        blog.shows(1..=10).await;
        assert!(blog.look().await.is_empty() && blog.asked().is_empty(), "{}", bench.engine);
        assert!(blog.post(7).await.is_shown() && blog.suspects().await.is_empty());
        assert_eq!(blog.revision().await, before, "no reader saw anything of it");
    }
}

#[tokio::test]
async fn a_post_that_comes_back_later_is_shown_again() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.loses_7(Answer::status(404)).await;
        assert_eq!(blog.look().await.len(), 1);
        let before = blog.revision().await;
        let admitted = blog.shows(1..=10).await;
        let post = blog.post(7).await;
        assert_eq!(admitted.back, [post.id], "{}", bench.engine);
        assert!(post.is_shown() && blog.suspects().await.is_empty());
        assert!(blog.revision().await > before);
        // Who has heard of the deletion believes what is newer.
        assert_eq!(post.changed, blog.world.clock.now());
        // And it may go again.
        blog.loses_7(Answer::status(410)).await;
        assert_eq!(blog.look().await.len(), 1);
    }
}

#[tokio::test]
async fn a_page_that_says_nothing_clear_is_asked_for_a_week_and_left() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.page(7, Answer::status(500));
        blog.lacks(&[7]).await;
        blog.asked();
        let (began, mut asked) = (blog.world.clock.now(), 0);
        loop {
            let next = blog.world.store.next_suspect_at().await.unwrap().unwrap();
            blog.world.clock.set(next.max(blog.world.clock.now()));
            blog.lacks(&[7]).await;
            assert!(blog.look().await.is_empty());
            asked += blog.asked().len();
            assert!(asked <= 11, "{}", bench.engine);
            if blog.suspects().await.is_empty() {
                break;
            }
        }
        let took = blog.world.clock.now().since(began);
        assert!(took >= 7 * DAY && took <= 9 * DAY, "{}: {took:?}", bench.engine);
        assert!(asked >= 8, "{}: {asked}", bench.engine);
        // What was gone once and is unclear now is not withdrawn either.
        blog.later(3 * DAY);
        blog.lacks(&[7]).await;
        assert!(blog.look().await.is_empty());
        blog.loses_7(Answer::status(404)).await;
        blog.page(7, Answer::status(503));
        assert!(blog.look().await.is_empty());
        assert!(blog.post(7).await.is_shown());
    }
}

#[tokio::test]
async fn a_post_whose_page_is_there_is_left_alone_for_three_days() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        // A front page instead of a page is none of these answers.
        for answer in [Answer::ok("here"), Answer::to(302, "/")] {
            blog.origin.set("/", Answer::ok("front"));
            blog.page(7, answer);
            blog.lacks(&[7]).await;
            blog.asked();
            blog.later(HOUR);
            assert!(blog.look().await.is_empty());
            assert_eq!(blog.asked(), [7], "{}", bench.engine);
            for _ in 0..2 {
                blog.later(DAY);
                blog.lacks(&[7]).await;
                assert!(blog.look().await.is_empty());
                assert!(blog.suspects().await.is_empty());
            }
            assert!(blog.asked().is_empty());
            blog.later(DAY + HOUR);
            blog.look().await;
        }
        blog.lacks(&[7]).await;
        assert_eq!(blog.suspects().await, [7], "then it may be missed again");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_to_what_is_gone_at_the_same_site() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        let elsewhere = format!("http://localhost:{}/nothing", blog.origin.port());
        blog.page(6, Answer::to(301, &elsewhere));
        blog.page(7, Answer::to(301, "/post/7/"));
        blog.lacks(&[6, 7]).await;
        blog.later(HOUR);
        blog.look().await;
        let proof = async |number| blog.retraction(number).await.unwrap().proof;
        assert_eq!((proof(6).await, proof(7).await), (None, Some(Proof::NotFound)), "{}", bench.engine);
    }
}

/// However it goes: nothing goes with it.
#[tokio::test]
async fn a_source_that_disappears_takes_nothing_with_it() {
    for (last, state) in
        [(404, SourceState::Active), (500, SourceState::Active), (302, SourceState::Active), (410, SourceState::Gone)]
    {
        for bench in engines::all().await {
            let blog = Blog::new(&bench).await;
            // It begins with one post; the others, and the feed, are gone soon after.
            blog.page(7, Answer::status(404));
            blog.lacks(&[7]).await;
            blog.later(HOUR);
            blog.look().await;
            assert_eq!(blog.retraction(7).await.unwrap().proof, Some(Proof::NotFound));
            for number in 1..=10 {
                blog.page(number, Answer::status(404));
            }
            blog.origin.set("/feed", Answer::status(last).header("Location", "/gone"));
            blog.asked();
            for _ in 0..3 {
                blog.later(2 * DAY);
                blog.world.poller.poll_due(&blog.world.stop).await.unwrap();
                assert!(blog.look().await.is_empty(), "{} {last}", bench.engine);
            }
            assert_eq!(blog.world.row().await.state, state);
            assert!(blog.asked().is_empty(), "nothing is asked of a source that is away");
            for number in 1..=10 {
                assert!(blog.post(number).await.is_shown(), "{} {last} {number}", bench.engine);
            }
        }
    }
}

/// The feed may be kept elsewhere, and go on as if nothing was.
#[tokio::test]
async fn a_site_that_disappears_from_below_its_feed_takes_nothing_with_it() {
    for bench in engines::all().await {
        let blog = Blog::with(&bench, "localhost", |_| {}).await;
        blog.loses_7(Answer::status(404)).await;
        for answer in [404, 500, 410] {
            blog.origin.set("/", Answer::status(answer));
            assert!(blog.look().await.is_empty(), "{} {answer}", bench.engine);
            blog.later(DAY);
            blog.lacks(&[7]).await;
        }
        assert!(blog.post(7).await.is_shown());
        blog.origin.set("/", Answer::ok("A front page."));
        assert_eq!(blog.look().await.len(), 1, "{}", bench.engine);
    }
}

/// The source must have answered since its post was found to be gone.
#[tokio::test]
async fn a_source_that_was_not_asked_since_proves_nothing() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.page(7, Answer::status(404));
        blog.lacks(&[7]).await;
        blog.later(HOUR);
        blog.look().await;
        blog.later(2 * DAY);
        assert!(blog.look().await.is_empty(), "{}", bench.engine);
        blog.lacks(&[7]).await;
        assert_eq!(blog.look().await.len(), 1, "{}", bench.engine);
    }
}

#[tokio::test]
async fn what_a_feed_no_longer_reaches_is_not_missing() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.shows(6..=10).await;
        assert!(blog.suspects().await.is_empty(), "{}: it became shorter", bench.engine);
        blog.shows([]).await;
        assert!(blog.suspects().await.is_empty(), "{}: it is empty", bench.engine);
        blog.shows([1, 3, 9, 10]).await;
        assert!(blog.suspects().await.is_empty(), "{}: old posts are pinned", bench.engine);
        // Oldest first, and cut in the middle of the eighth: the newest two are behind the cut.
        let items: Vec<Item> = (1..=10).map(|number| blog.item(number)).collect();
        let whole = rss(&items, "");
        let cut = whole.find("<title>Post 8</title>").unwrap();
        blog.polled(&whole.as_bytes()[..cut]).await;
        assert!(blog.suspects().await.is_empty(), "{}: it was cut short", bench.engine);
        blog.shows([1, 2, 3, 4, 5, 6, 7, 9, 10]).await;
        assert_eq!(blog.suspects().await, [8], "{}", bench.engine);
    }
}

/// Another blog stands at the address, or the same one after its beginning anew.
#[tokio::test]
async fn a_feed_that_shares_nothing_with_what_is_stored_misses_nothing() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        let other = |number: u32| Item { guid: format!("other-{number}"), ..Item::number(number + 100) };
        let items: Vec<Item> =
            (0..12).map(|number| Item { day: if number < 11 { 10 } else { 0 }, ..other(number) }).collect();
        blog.polled(rss(&items, "")).await;
        assert!(blog.suspects().await.is_empty(), "{}", bench.engine);
        // The same posts with one that is known: then the window says what is missing.
        let mut items = items;
        items.push(blog.item(5));
        blog.polled(rss(&items, "")).await;
        assert!(!blog.suspects().await.is_empty(), "{}", bench.engine);
    }
}

#[tokio::test]
async fn where_the_flood_guard_steps_in_nothing_is_missing() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.shows(1..=30).await;
        // The same titles and nothing else that was, beside four of the newest five.
        let reset = |number: u32| Item {
            guid: format!("reset-{number}"),
            link: format!("https://other.example.com/reset/{number}"),
            day: number + 100,
            text: format!("Rewritten {number}."),
            ..Item::number(number)
        };
        let known = [26, 27, 29, 30].map(|number| blog.item(number));
        let all: Vec<Item> = known.iter().cloned().chain((1..=25).map(reset)).collect();
        let admitted = blog.polled(rss(&all, "")).await;
        assert_eq!((admitted.held.len(), admitted.same), (25, 4), "{}", bench.engine);
        assert!(blog.retraction(28).await.is_none(), "{}", bench.engine);
        blog.polled(rss(&known, "")).await;
        assert!(blog.retraction(28).await.is_some(), "{}", bench.engine);
    }
}

#[tokio::test]
async fn posts_without_an_address_or_a_date_are_never_missed() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        let undated = |text: String, number: u32| {
            let (begin, rest) = text.split_once(&format!("<title>Post {number}</title><pubDate>")).unwrap();
            let (_, end) = rest.split_once("</pubDate>").unwrap();
            format!("{begin}<title>Post {number}</title>{end}")
        };
        let items: Vec<Item> = (1..=14).map(|number| blog.item(number)).collect();
        let feed = rss(&items, "");
        let feed = undated(feed, 13).replace(&format!("<link>{}</link>", items[11].link), "");
        blog.polled(feed).await;
        blog.shows([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14]).await;
        for (number, missed) in [(11, true), (12, false), (13, false)] {
            assert_eq!(blog.retraction(number).await.is_some(), missed, "{} {number}", bench.engine);
        }
    }
}

/// A broken blog is not asked for everything that it lacks.
#[tokio::test]
async fn few_posts_of_a_source_are_asked_for() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.shows(1..=60).await;
        blog.shows((1..=60).filter(|number| number % 2 == 0)).await;
        blog.asked();
        blog.later(HOUR);
        assert!(blog.look().await.is_empty());
        assert_eq!(blog.asked().len(), 10, "{}: in one minute", bench.engine);
        for _ in 0..5 {
            blog.later(MINUTE);
            blog.look().await;
        }
        let mut asked = blog.asked();
        asked.sort_unstable();
        assert_eq!(asked.len(), 10, "{}", bench.engine);
        // Their pages are not there, so that they are asked for once more, and no other before they are withdrawn.
        blog.shows((1..=60).filter(|number| number % 2 == 0)).await;
        blog.later(HOUR);
        blog.look().await;
        assert!(blog.asked().is_empty(), "{}", bench.engine);
        blog.later(DAY);
        blog.shows((1..=60).filter(|number| number % 2 == 0)).await;
        assert_eq!((blog.look().await.len(), blog.look().await.len()), (10, 10), "{}", bench.engine);
        assert!(blog.post(59).await.retracted.is_some() && blog.post(11).await.is_shown());
    }
}

/// An Atom feed of the blog's posts, with tombstones.
fn atom(items: &[Item], deleted: &[&str]) -> String {
    let mut feed = "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:at=\"http://purl.org/atompub/tombstones/1.0\">\
                    <title>A blog</title><id>tag:blog.example,2026:blog</id><updated>2026-11-23T07:00:00Z</updated>"
        .to_owned();
    for guid in deleted {
        write!(feed, "<at:deleted-entry ref=\"{guid}\" when=\"2026-11-23T07:00:00Z\"/>").unwrap();
    }
    for Item { guid, link, title, text, day } in items {
        let date = Timestamp::from_millis(1_790_000_000_000 + i64::from(*day) * 86_400_000).to_rfc3339();
        write!(
            feed,
            "<entry><id>{guid}</id><link href=\"{link}\"/><title>{title}</title><published>{date}</published>\
             <updated>{date}</updated><content>{text}</content></entry>"
        )
        .unwrap();
    }
    feed + "</feed>"
}

#[tokio::test]
async fn a_tombstone_is_proof_enough_unless_its_entry_stands_beside_it() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        // Only the newest five stand in the feed: a tombstone reaches further.
        let items: Vec<Item> = (6..=10).rev().map(|number| blog.item(number)).collect();
        let feed = atom(&items, &["post-2", "post-8", "post-77"]);
        blog.polled(feed.clone()).await;
        assert_eq!(blog.suspects().await, [2], "{}", bench.engine);
        blog.asked();
        blog.later(23 * HOUR + 59 * MINUTE);
        blog.polled(feed.clone()).await;
        assert!(blog.look().await.is_empty());
        blog.later(MINUTE);
        let withdrawn = blog.look().await;
        assert_eq!(withdrawn.len(), 1, "{}", bench.engine);
        assert_eq!((withdrawn[0].post, withdrawn[0].proof), (blog.post(2).await.id, Proof::Deleted));
        assert!(blog.asked().is_empty(), "its page is not asked for, and would say that it is there");
        assert!(blog.post(8).await.is_shown());
        // It is back, tombstone or not.
        let mut items = items;
        items.push(blog.item(2));
        blog.polled(atom(&items, &["post-2"])).await;
        assert!(blog.post(2).await.is_shown() && blog.retraction(2).await.is_none());
    }
}

#[tokio::test]
async fn what_a_person_let_out_again_is_not_withdrawn_again() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.loses_7(Answer::status(404)).await;
        assert_eq!(blog.look().await.len(), 1);
        let id = blog.post(7).await.id;
        let act = Act::Release { mailed: true };
        let acted = blog.world.store.edit_post(id, act, "ada", blog.world.clock.now()).await.unwrap();
        assert_eq!(acted, Acted::Done);
        let items: Vec<Item> = [6, 8, 9, 10].map(|number| blog.item(number)).to_vec();
        blog.polled(atom(&items, &["post-7"])).await;
        assert!(blog.suspects().await.is_empty(), "{}", bench.engine);
        blog.loses_7(Answer::status(404)).await;
        assert!(blog.look().await.is_empty() && blog.post(7).await.is_shown(), "{}", bench.engine);
        // What an editor let out for another reason is the author's to withdraw.
        bench.execute("UPDATE post SET released = TRUE WHERE title = 'Post 9'").await;
        blog.lacks(&[7, 9]).await;
        assert_eq!(blog.suspects().await, [9], "{}", bench.engine);
    }
}

#[tokio::test]
async fn nothing_is_withdrawn_where_that_is_turned_off() {
    for bench in engines::all().await {
        let blog = Blog::with(&bench, "127.0.0.1", |config| config.fetch.retract_after = None).await;
        blog.page(7, Answer::status(410));
        let items: Vec<Item> = [6, 8, 9, 10].map(|number| blog.item(number)).to_vec();
        blog.polled(atom(&items, &["post-3"])).await;
        assert!(blog.suspects().await.is_empty(), "{}", bench.engine);
        // What was found before it was turned off stays as it is.
        bench.execute("UPDATE post SET missing_since = 1, gone_since = 1, gone_by = '410', check_at = 1").await;
        blog.later(DAY);
        blog.asked();
        assert!(blog.look().await.is_empty() && blog.asked().is_empty());
    }
}

#[tokio::test]
async fn of_several_nodes_one_looks_at_a_post_and_what_comes_late_is_not_written() {
    for bench in engines::all().await {
        let blog = Blog::new(&bench).await;
        blog.lacks(&[3, 5, 7]).await;
        blog.later(HOUR);
        let (now, store) = (blog.world.clock.now(), &blog.world.store);
        let other = bench.open().await;
        let (mut one, two) = tokio::join!(store.claim_suspects(2, now, HOUR), other.claim_suspects(9, now, HOUR));
        let (one, two) = (one.as_mut().unwrap(), two.unwrap());
        let mut all: Vec<PostId> = one.iter().chain(&two).map(|suspect| suspect.id).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), one.len() + two.len()), (3, 3), "{}", bench.engine);
        assert!(store.claim_suspects(9, now, HOUR).await.unwrap().is_empty());
        // It is seen again before the finding is written.
        blog.shows(1..=10).await;
        for suspect in one.drain(..).chain(two) {
            let judgement = Judgement::Gone(Proof::Gone, HOUR);
            assert!(!store.judge_suspect(suspect, judgement, now).await.unwrap(), "{}", bench.engine);
        }
        assert!(blog.suspects().await.is_empty());
    }
}

/// Withdraws the posts of this title, as the checks do.
async fn withdraw(bench: &Bench, title: &str, at: Timestamp) {
    let at = at.millis();
    bench
        .execute(&format!(
            "UPDATE post SET retracted_at = {at}, gone_since = {at}, gone_by = '404' WHERE title = '{title}'"
        ))
        .await;
    bench.execute("UPDATE source SET revision = revision + 1").await;
}

#[tokio::test]
async fn an_atom_feed_says_what_was_withdrawn_for_a_month() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, publishing::config(&bench));
        store.sync_sources(&config.sources, publishing::at(0)).await.unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let clock = Clock::manual(publishing::at(60));
        let publisher = Publisher::new(store.clone(), live, renderer(), clock.clone());
        arrive(&store, "one", publishing::at(0), ["a", "b"].map(|title| dated("one", title, -20)).to_vec()).await;
        arrive(&store, "two", publishing::at(0), vec![dated("two", "c", -20)]).await;
        let atom = async |of: &FeedOf| {
            let key = FeedKey::new(of.clone(), Format::Atom);
            publisher.text(&key).await.unwrap().unwrap()
        };
        let (site, one, two) =
            (FeedOf::Site, FeedOf::Source("one".parse().unwrap()), FeedOf::Source("two".parse().unwrap()));
        let before = atom(&site).await;
        assert!(!before.contains("tombstones"), "{before}");
        let feed: atom_syndication::Feed = before.parse().unwrap();
        let id = feed.entries().iter().find(|entry| entry.title().value == "a").unwrap().id().to_owned();
        withdraw(&bench, "a", publishing::at(30)).await;

        let after = atom(&site).await;
        assert_eq!(after, atom(&site).await, "the same byte for byte");
        let expected = format!("<at:deleted-entry ref=\"{id}\" when=\"{}\">", publishing::at(30).to_rfc3339());
        assert!(after.contains(&expected), "{}: {expected}\n{after}", bench.engine);
        assert!(!after.contains(">a<"), "the title is withheld: {after}");
        let feed: atom_syndication::Feed = after.parse().unwrap();
        assert_eq!(feed.entries().len(), 2);
        assert_eq!(feed.updated().timestamp_millis(), publishing::at(30).millis(), "the feed has changed");
        let read_back = |text: &str| {
            let input = read::Input {
                bytes: text.as_bytes(),
                content_type: None,
                base: None,
                platforms: &Platforms::default(),
            };
            read::read(&input).unwrap().document.deleted
        };
        assert_eq!(read_back(&after), std::slice::from_ref(&id), "{}", bench.engine);
        assert_eq!((read_back(&atom(&one).await).len(), read_back(&atom(&two).await).len()), (1, 0));
        let label = FeedOf::Label(LabelKind::Tag, LabelKey::of("R&D").unwrap());
        assert_eq!(read_back(&atom(&label).await), std::slice::from_ref(&id));
        // What nobody could see leaves nothing behind.
        withdraw(&bench, "b", publishing::at(40)).await;
        bench.execute("UPDATE post SET hidden = TRUE WHERE title = 'b'").await;
        assert_eq!(read_back(&atom(&site).await), [id]);

        clock.set(publishing::at(30).plus(30 * DAY + MINUTE));
        assert!(!atom(&site).await.contains("deleted-entry"), "{}", bench.engine);
    }
}

/// A copy elsewhere may be known by the same identity, and then nothing was deleted.
#[tokio::test]
async fn what_stands_in_a_feed_has_no_tombstone_in_it() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, publishing::config(&bench));
        store.sync_sources(&config.sources, publishing::at(0)).await.unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let publisher = Publisher::new(store.clone(), live, renderer(), Clock::manual(publishing::at(60)));
        let guid = "https://blog.example.com/one-piece".to_owned();
        for (source, title) in [("one", "a"), ("two", "b")] {
            let entry = Entry { guid: guid.clone(), ..dated(source, title, -20) };
            arrive(&store, source, publishing::at(0), vec![entry]).await;
        }
        withdraw(&bench, "a", publishing::at(30)).await;
        for (of, tombstones) in [(FeedOf::Site, 0), (FeedOf::Source("one".parse().unwrap()), 1)] {
            let text = publisher.text(&FeedKey::new(of.clone(), Format::Atom)).await.unwrap().unwrap();
            assert_eq!(text.matches("<at:deleted-entry ").count(), tombstones, "{} {of:?}\n{text}", bench.engine);
        }
    }
}

#[tokio::test]
async fn at_most_fifty_tombstones_stand_in_a_feed() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, publishing::config(&bench));
        store.sync_sources(&config.sources, publishing::at(0)).await.unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let publisher = Publisher::new(store.clone(), live, renderer(), Clock::manual(publishing::at(60)));
        let entries = (0..60).map(|number| dated("one", &format!("p{number}"), number - 100)).collect();
        arrive(&store, "one", publishing::at(0), entries).await;
        bench.execute("UPDATE post SET retracted_at = 1795417200000 + id").await;
        let key = publishing::source("one", Format::Atom);
        let text = publisher.text(&key).await.unwrap().unwrap();
        assert_eq!(text.matches("<at:deleted-entry ").count(), 50, "{}", bench.engine);
        let place = |number: u32| text.find(&format!("one+p{number}\""));
        // The newest post was stored last.
        assert!(place(0).is_some() && place(0) < place(1) && place(50).is_none(), "{}: {text}", bench.engine);
    }
}

#[tokio::test]
async fn the_page_of_a_withdrawn_post_says_so_and_no_more() {
    for bench in engines::all().await {
        for (language, words) in [
            (Language::En, ["<html lang=\"en\"", "Its author took it back", "23 November 2026"]),
            (Language::Ko, ["<html lang=\"ko\"", "거두었습니다", "2026년 11월 23일"]),
        ] {
            let relay = format!("maildir:{}", bench.folder.path().join("outbox").display());
            let mut config = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", "");
            config.site.language = language;
            let now = publishing::at(0);
            let titles = ["secret one", "hidden one", "held one", "other"];
            if language == Language::En {
                let stage = Stage::new(&bench, config.clone(), now).await;
                stage.admit(&titles).await;
            }
            withdraw(&bench, "secret one", now).await;
            withdraw(&bench, "hidden one", now).await;
            withdraw(&bench, "held one", now).await;
            bench.execute("UPDATE post SET hidden = TRUE WHERE title = 'hidden one'").await;
            bench.execute("UPDATE post SET standing = 'held' WHERE title = 'held one'").await;
            let id = async |title: &str| {
                bench.texts(&format!("SELECT CAST(id AS TEXT) FROM post WHERE title = '{title}'")).await.remove(0)
            };
            let outside = Outside {
                clock: Clock::manual(now),
                chance: Chance::seeded(3),
                roles: Roles { poll: false, send: false, web: true },
            };
            let daemon = Daemon::start(config, outside).await.unwrap();
            let web = daemon.web.unwrap();
            let page = get(web, "GET", &format!("/post/{}/", id("secret one").await)).await;
            assert_eq!(page.status, 410, "{}: {}", bench.engine, page.body);
            assert!(page.head.contains("x-robots-tag: noindex"), "{}", page.head);
            assert!(
                page.body.contains("<meta name=\"robots\" content=\"noindex\">") && page.body.contains("href=\"/\"")
            );
            assert!(!page.body.contains("secret") && !page.body.contains("blog.example.com"), "{}", page.body);
            for word in words {
                assert!(page.body.contains(word), "{word}: {}", page.body);
            }
            for title in ["hidden one", "held one"] {
                assert_eq!(get(web, "GET", &format!("/post/{}/", id(title).await)).await.status, 404, "{title}");
            }
            assert_eq!(get(web, "GET", &format!("/post/{}/", id("other").await)).await.status, 200);
            for path in ["/", "/posts/", "/archive/", "/feed.rss", "/feed.json", "/search?q=secret", "/sitemap-2.xml"] {
                let said = get(web, "GET", path).await;
                let post = format!("/post/{}/", id("secret one").await);
                assert!(said.status == 200 && !said.body.contains(&post), "{path}: {}", said.body);
                assert!(path == "/search?q=secret" || !said.body.contains("secret"), "{path}: {}", said.body);
            }
            assert!(daemon.stop().await);
        }
    }
}

#[tokio::test]
async fn of_a_site_as_files_the_page_goes() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, publishing::config(&bench));
        store.sync_sources(&config.sources, publishing::at(0)).await.unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let publisher = Publisher::new(store.clone(), live, renderer(), Clock::manual(publishing::at(0)));
        arrive(&store, "one", publishing::at(0), ["a", "b"].map(|title| dated("one", title, -20)).to_vec()).await;
        let folder = tempfile::tempdir().unwrap();
        publisher.export(folder.path(), false).await.unwrap();
        let id = bench.texts("SELECT CAST(id AS TEXT) FROM post WHERE title = 'a'").await.remove(0);
        let file = folder.path().join(Page::Post(PostId(id.parse().unwrap())).path());
        assert!(file.join("index.html").exists());
        withdraw(&bench, "a", publishing::at(0)).await;
        publisher.export(folder.path(), false).await.unwrap();
        assert!(!file.exists(), "{}", bench.engine);
        let feed = std::fs::read_to_string(folder.path().join("sources/one.atom")).unwrap();
        assert!(feed.contains("<at:deleted-entry "), "{feed}");
    }
}

#[tokio::test]
async fn a_withdrawn_post_is_never_mailed() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, config, stage::at("2026-11-22T12:00:00Z")).await;
        stage.readers(1, "daily").await;
        stage.admit(&["taken back", "stays"]).await;
        withdraw(&bench, "taken back", stage.clock.now()).await;
        for expected in [DigestState::Sending, DigestState::Empty] {
            stage.clock.set(stage.digester().next_slot().unwrap());
            stage.digester().fire_due().await.unwrap();
            let digest = stage.store.digests(None, 1).await.unwrap().remove(0);
            assert_eq!(digest.state, expected, "{}", bench.engine);
            if expected == DigestState::Sending {
                let posts = stage.store.digest_posts(digest.id).await.unwrap();
                assert_eq!(posts.len(), 1, "{}", bench.engine);
                assert_eq!(stage.store.post(posts[0]).await.unwrap().unwrap().entry.title, "stays");
            }
        }
    }
}
