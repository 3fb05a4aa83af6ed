//! What stands in a digest, who gets which of it, and what an editor may do with
//! it; the balance is checked after each.

use super::delivering::{NOTHING, Open, of};
use crate::engines::{self, Bench};
use crate::lint;
use crate::stage::{self, Stage, at, edition};
use std::time::Duration;
use syndicated::config::{Config, Reports};
use syndicated::domain::consent::Given;
use syndicated::domain::delivery::{Decision, DeliveryState};
use syndicated::domain::digest::{Balance, DigestState};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::id::{DigestId, PostId, SubscriptionId};
use syndicated::domain::language::Language;
use syndicated::domain::time::Timestamp;
use syndicated::flow::digest::{Outcome, note};
use syndicated::store::{Cancelled, Change, Courier, Freeze, Frozen, NotePlace, Settlement, SubscriptionFilter};

const HOUR: Duration = Duration::from_hours(1);
const CADENCES: &str = "{ daily = \"0 7 * * *\", weekly = \"0 8 * * MON\" }";

/// Saturday noon in Seoul.
const START: &str = "2026-11-21T03:00:00Z";

fn config(bench: &Bench, more: &str) -> Config {
    let relay = format!("maildir:{}", bench.folder.path().join("outbox").display());
    stage::load(bench, &(stage::toml(bench, &relay, CADENCES, "") + more))
}

/// The mails that went out, by their readers, decoded.
fn mails(bench: &Bench) -> Vec<(String, String, String)> {
    let folder = bench.folder.path().join("outbox/new");
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut mails: Vec<_> = files
        .map(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert_eq!(lint::faults(&bytes), Vec::<String>::new());
            let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
            let to = mail.to().unwrap().first().unwrap().address().unwrap().to_owned();
            (to, mail.subject().unwrap().to_owned(), mail.body_text(0).unwrap().into_owned())
        })
        .collect();
    mails.sort();
    mails
}

/// When they are dated, by their readers.
fn dates(bench: &Bench) -> Vec<(String, Timestamp)> {
    let files = std::fs::read_dir(bench.folder.path().join("outbox/new")).unwrap();
    let dated = files.map(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        let to = mail.to().unwrap().first().unwrap().address().unwrap().to_owned();
        (to, Timestamp::from_millis(mail.date().unwrap().to_timestamp() * 1000))
    });
    dated.collect()
}

/// Takes the mails away, so that the next look sees only later ones.
fn empty_outbox(bench: &Bench) {
    std::fs::remove_dir_all(bench.folder.path().join("outbox")).unwrap();
}

struct Play {
    stage: Stage,
}

impl Play {
    async fn new(bench: &Bench, more: &str) -> Self {
        Self { stage: Stage::new(bench, config(bench, more), at(START)).await }
    }

    /// Who takes turns by hand, in the place of a courier.
    fn courier(&self) -> Courier {
        Courier { node: "test".to_owned(), lease: HOUR, secret: self.stage.live.load().secret.clone() }
    }

    /// The digest of `cadence` that is made now, by hand.
    async fn send(&self, cadence: &str) -> DigestId {
        self.stage.clock.advance(HOUR);
        match self.stage.digester().send_now("letter", cadence).await.unwrap().outcome {
            Outcome::Frozen { digest, .. } => digest,
            other => panic!("{other:?}"),
        }
    }

    /// What readers of `cadence` would get, as text.
    async fn text(&self, cadence: &str) -> (String, String) {
        let mail = self.stage.digester().preview("letter", cadence).await.unwrap().mail.unwrap();
        (mail.subject, mail.plain)
    }

    async fn balance(&self, digest: DigestId) -> Balance {
        let balance = self.stage.store.balance(digest).await.unwrap();
        let Balance { recipients, pending, attempting, deferred, unknown, sent, bounced, suppressed, expired } =
            balance;
        let open = pending + attempting + deferred + unknown;
        assert_eq!(recipients, open + sent + bounced + suppressed + expired);
        assert_eq!(balance.is_closed(), open == 0);
        balance
    }

    async fn state(&self, digest: DigestId) -> DigestState {
        self.stage.store.digest(digest).await.unwrap().unwrap().state
    }

    async fn reader(&self, number: usize) -> SubscriptionId {
        let all =
            self.stage.store.subscriptions(&SubscriptionFilter { limit: 100, ..Default::default() }).await.unwrap();
        all.iter().find(|reader| reader.email.as_str() == format!("r{number}@example.org")).unwrap().id
    }

    async fn change(&self, number: usize, change: Change) {
        let id = self.reader(number).await;
        self.stage
            .store
            .change_subscription(id, &change, &Given::by_command("a test", ""), self.stage.clock.now())
            .await
            .unwrap();
    }

    async fn drain(&self) {
        self.stage.deliverer().drain().await.unwrap();
    }
}

/// Which of `titles` stand in `text`, in its order.
fn order(text: &str, titles: &[&str]) -> Vec<String> {
    let mut found: Vec<_> =
        titles.iter().filter_map(|title| Some((text.find(&format!("About {title}"))?, *title))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, title)| title.to_owned()).collect()
}

fn moved(cadence: &str) -> Change {
    Change { cadence: Some(cadence.parse().unwrap()), ..Change::default() }
}

#[tokio::test]
async fn a_mail_is_ordered_cut_and_worded_as_the_newsletter_says() {
    for bench in engines::all().await {
        let more = r#"
order = "title"
max_posts = 2
headlines = true
lead = "title: cherry"
subject = "{title}: {first} and {more} more, {date}"
preheader = "{count} fruits"
"#;
        let play = Play::new(&bench, more).await;
        play.stage.admit(&["banana", "cherry", "apple", "date", "elder"]).await;
        let (subject, text) = play.text("daily").await;
        assert_eq!(subject, "Letters: cherry and 4 more, Saturday, 21 November 2026");
        // The lead first, then by title; three are only counted.
        let fruits = ["apple", "banana", "cherry", "date", "elder"];
        assert_eq!(order(&text, &fruits), ["cherry", "apple"], "{text}");
        assert!(text.contains("and 3 more"), "{text}");
        assert!(text.contains("- cherry [1]\n- apple [2]"), "{text}");
        // All of them count as mailed: none comes again.
        play.stage.readers(1, "daily").await;
        let digest = play.send("daily").await;
        assert_eq!(play.stage.store.digest_posts(digest).await.unwrap().len(), 5);
        assert!(play.stage.digester().preview("letter", "daily").await.unwrap().mail.is_none());
    }
}

#[tokio::test]
async fn a_wording_of_more_posts_gives_way_to_the_languages_own_when_there_is_but_one() {
    for bench in engines::all().await {
        let more = "subject = \"{first} and {more} more, {date}\"\npreheader = \"{more} more of {count}\"\n";
        let play = Play::new(&bench, more).await;
        play.stage.admit(&["cherry"]).await;
        assert_eq!(play.text("daily").await.0, "Letters: cherry");
        play.stage.admit(&["cherry", "apple"]).await;
        let (subject, _) = play.text("daily").await;
        assert!(subject.ends_with("and 1 more, Saturday, 21 November 2026"), "{subject}");
    }
}

#[tokio::test]
async fn posts_stand_in_sections_by_source_and_by_day() {
    for (sections, titles) in
        [("source", vec!["Essays"]), ("day", vec!["Saturday, 21 November 2026", "Sunday, 22 November 2026"])]
    {
        for bench in engines::all().await {
            let play = Play::new(&bench, &format!("order = \"oldest\"\nsections = \"{sections}\"\n")).await;
            play.stage.admit(&["one"]).await;
            play.stage.clock.advance(24 * HOUR);
            play.stage.admit(&["one", "two"]).await;
            let (_, text) = play.text("daily").await;
            assert_eq!(order(&text, &["one", "two"]), ["one", "two"]);
            let headed: Vec<&str> = text
                .lines()
                .zip(text.lines().skip(1))
                .filter(|(_, below)| below.starts_with("--") || below.starts_with("=="))
                .map(|(title, _)| title)
                .collect();
            for title in &titles {
                assert!(headed.contains(title), "{sections}: {headed:?} in {text}");
            }
        }
    }
}

/// Whatever the order of posts, days come one after another; and a section's name is not said again below it.
#[tokio::test]
async fn days_follow_each_other_and_bylines_leave_out_what_their_section_says() {
    for (order, days) in [("title", [22, 21]), ("newest", [22, 21]), ("oldest", [21, 22])] {
        for bench in engines::all().await {
            let play =
                Play::new(&bench, &format!("order = \"{order}\"\nsections = \"day\"\nreading_time = true\n")).await;
            play.stage.admit(&["b"]).await;
            play.stage.clock.advance(24 * HOUR);
            play.stage.admit(&["b", "a"]).await;
            play.stage.admit(&["b", "a", "c"]).await;
            let (_, text) = play.text("daily").await;
            let places = days.map(|day| text.find(&format!("day, {day} November 2026\n===")).unwrap());
            assert!(places.is_sorted(), "{order}: {text}");
            assert!(text.contains("\nKim · Essays · 1 min\n"), "{text}");
        }
    }
    for bench in engines::all().await {
        let play = Play::new(&bench, "sections = \"source\"\nlead = \"first\"\n").await;
        play.stage.admit(&["one"]).await;
        play.stage.clock.advance(HOUR);
        play.stage.admit(&["one", "two"]).await;
        let (_, text) = play.text("daily").await;
        assert!(text.contains("two [1]\nKim · Essays · 21 November\n"), "no section says it of the lead: {text}");
        assert!(text.contains("one [2]\nKim · 21 November\n"), "{text}");
    }
}

#[tokio::test]
async fn a_list_of_titles_needs_several_and_what_is_left_out_has_a_place_or_none() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "headlines = true\nmax_posts = 2\n").await;
        play.stage.admit(&["one"]).await;
        assert!(!play.text("daily").await.1.contains("In this mail"), "one title is said once");
        play.stage.admit(&["one", "two", "three"]).await;
        let (_, text) = play.text("daily").await;
        assert!(text.contains("In this mail\n- "), "{text}");
        // All are of one blog, so that is where the rest stand.
        assert!(text.contains("and 1 more [3]") && text.contains("[3] https://blog.example.com/\n"), "{text}");
        bench.execute("UPDATE source SET link = NULL").await;
        let (_, text) = play.text("daily").await;
        assert!(text.contains("and 1 more\n"), "{text}");
    }
}

#[tokio::test]
async fn posts_stand_by_their_first_tag_and_those_without_one_last() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "order = \"title\"\nsections = \"tag\"\n").await;
        let now = play.stage.clock.now();
        let mut arrival = stage::arrival(&["a", "b", "c", "d"], now);
        for (tags, arriving) in [&[][..], &["Film", "Walks"], &["Walks"], &["film"]].iter().zip(&mut arrival.entries) {
            arriving.entry.categories = tags.iter().map(|tag| (*tag).to_owned()).collect();
        }
        let claim = play.stage.store.claim_source(&"essays".parse().unwrap(), now, HOUR).await.unwrap().unwrap();
        play.stage.store.admit(claim, arrival, now).await.unwrap();
        let (_, text) = play.text("daily").await;
        let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} in {text}"));
        let places =
            ["Film\n====", "About b", "About d", "Walks\n=====", "About c", "Other posts\n====", "About a"].map(place);
        assert!(places.is_sorted(), "{places:?} in {text}");
    }
}

#[tokio::test]
async fn a_cadence_may_have_its_own_composition_and_wait_for_enough_posts() {
    for bench in engines::all().await {
        let relay = "maildir:unused";
        let cadences =
            "{ daily = { schedule = \"0 7 * * *\", min_posts = 2, text = \"full\" }, weekly = \"0 8 * * MON\" }";
        let stage = Stage::new(&bench, stage::config(&bench, relay, cadences, ""), at(START)).await;
        stage.readers(1, "daily").await;
        stage.admit(&["one"]).await;
        let mut outcomes = Vec::new();
        for day in ["2026-11-21T22:00:00Z", "2026-11-22T22:00:00Z"] {
            stage.clock.set(at(day));
            let fired = stage.digester().fire_due().await.unwrap();
            outcomes.extend(fired.into_iter().map(|fired| (fired.edition.cadence.to_string(), fired.outcome)));
            stage.admit(&["one", "two"]).await;
        }
        let [(first, Outcome::Few), (second, Outcome::Frozen { posts: 2, recipients: 1, .. })] = outcomes.as_slice()
        else {
            panic!("{outcomes:?}")
        };
        assert_eq!((first.as_str(), second.as_str()), ("daily", "daily"));
        // Fired once, although there were too few.
        let fired = stage.store.slot_state(&edition("daily", "2026-11-22T07:00")).await.unwrap();
        assert_eq!(fired, Some(DigestState::Few));
    }
}

#[tokio::test]
async fn what_the_editor_says_stands_above_and_below_once_or_as_long_as_its_file_does() {
    for bench in engines::all().await {
        let file = bench.folder.path().join("after.html");
        let play = Play::new(&bench, &format!("note_after = {:?}\n", file.display().to_string())).await;
        let store = &play.stage.store;
        let now = play.stage.clock.now();
        let letter = "letter".parse().unwrap();
        store.add_note(&letter, None, NotePlace::Before, &note("Dear <all>,\n\nwelcome.", false), now).await.unwrap();
        std::fs::write(&file, "<p>See <a href=\"https://example.org/\">here</a><script>x</script></p>").unwrap();
        play.stage.readers(1, "daily").await;
        play.stage.admit(&["one"]).await;
        let (_, text) = play.text("daily").await;
        let (above, below) = text.split_once("About one").unwrap();
        assert!(above.contains("Dear <all>,\n\nwelcome.") && below.contains("See here"), "{text}");
        assert!(!text.contains("script"));
        play.send("daily").await;
        play.stage.admit(&["one", "two"]).await;
        let (_, text) = play.text("daily").await;
        assert!(!text.contains("Dear") && text.contains("See here"), "{text}");
        std::fs::remove_file(&file).unwrap();
        assert!(!play.text("daily").await.1.contains("See here"));
        // A note for another cadence waits for that one; dropping drops what waits.
        let weekly = "weekly".parse().unwrap();
        store.add_note(&letter, Some(&weekly), NotePlace::After, &CleanHtml::from_text("bye"), now).await.unwrap();
        assert!(!play.text("daily").await.1.contains("bye") && play.text("weekly").await.1.contains("bye"));
        assert_eq!(store.drop_notes(&letter, None).await.unwrap(), 1);
        assert!(!play.text("weekly").await.1.contains("bye"));
    }
}

#[tokio::test]
async fn a_reader_who_changes_the_cadence_gets_no_post_twice_and_misses_none() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "").await;
        play.stage.readers(3, "daily").await;
        play.stage.admit(&["one"]).await;
        play.send("daily").await;
        play.drain().await;
        // r1 moves to the weekly one, r2 moves there and back.
        play.change(1, moved("weekly")).await;
        play.change(2, moved("weekly")).await;
        play.change(2, moved("daily")).await;
        play.stage.admit(&["one", "two"]).await;
        empty_outbox(&bench);
        let weekly = play.send("weekly").await;
        play.drain().await;
        let texts = mails(&bench);
        let [(to, subject, text)] = texts.as_slice() else { panic!("{texts:?}") };
        assert_eq!((to.as_str(), subject.as_str()), ("r1@example.org", "Letters: two"));
        assert!(text.contains("About two") && !text.contains("About one"), "{text}");
        assert!(play.balance(weekly).await.is_closed());

        // The daily one goes on without r1: two, then three. Then r1 comes back: three is not lost, two not mailed again.
        play.send("daily").await;
        play.stage.admit(&["one", "two", "three"]).await;
        play.send("daily").await;
        play.drain().await;
        play.change(1, moved("daily")).await;
        play.stage.admit(&["one", "two", "three", "four"]).await;
        empty_outbox(&bench);
        let daily = play.send("daily").await;
        play.drain().await;
        let mails = mails(&bench);
        let held: Vec<_> =
            mails.iter().map(|(to, _, text)| (to.as_str(), order(text, &["one", "two", "three", "four"]))).collect();
        assert_eq!(held.len(), 3);
        for (to, posts) in held {
            let expected: &[&str] = if to == "r1@example.org" { &["four", "three"] } else { &["four"] };
            assert_eq!(posts, expected, "{to}");
        }
        assert!(play.balance(daily).await.is_closed());
        // From then on r1's digests are everybody's.
        play.stage.admit(&["one", "two", "three", "four", "five"]).await;
        let last = play.send("daily").await;
        assert_eq!(play.stage.store.digest_content(last, 1).await.unwrap(), None);
    }
}

/// What a mail of one's own brought from an earlier digest is had as well.
#[tokio::test]
async fn a_post_that_came_later_to_one_who_moved_does_not_come_again_when_they_move_back() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "").await;
        play.stage.readers(2, "daily").await;
        play.stage.admit(&["one"]).await;
        play.send("weekly").await;
        // The daily one has not come yet, so that r1 has nothing, and misses what the weekly one mailed.
        play.stage.clock.advance(HOUR);
        play.change(1, moved("weekly")).await;
        play.stage.admit(&["one", "two"]).await;
        play.send("weekly").await;
        play.drain().await;
        let own = mails(&bench);
        let [(to, _, text)] = own.as_slice() else { panic!("{own:?}") };
        assert_eq!((to.as_str(), order(text, &["one", "two"])), ("r1@example.org", vec!["two".into(), "one".into()]));
        play.change(1, moved("daily")).await;
        empty_outbox(&bench);
        let daily = play.send("daily").await;
        play.drain().await;
        let daily_mails = mails(&bench);
        let [(to, _, text)] = daily_mails.as_slice() else { panic!("{daily_mails:?}") };
        assert_eq!((to.as_str(), order(text, &["one", "two"]).len()), ("r0@example.org", 2));
        assert!(play.balance(daily).await.is_closed());
    }
}

/// What was rendered for others is not frozen for whoever chose meanwhile.
#[tokio::test]
async fn a_digest_is_not_frozen_for_topics_that_nothing_was_rendered_for() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "topics = { odd = [\"title: odd\"] }\n").await;
        let store = &play.stage.store;
        play.stage.readers(2, "daily").await;
        let posts = play.stage.admit(&["odd", "even"]).await;
        let now = play.stage.clock.now();
        let frozen = Frozen {
            posts: &posts,
            subject: "s",
            html: "h",
            plain: "p",
            expires_at: now.plus(HOUR),
            ..Frozen::default()
        };
        play.change(1, Change { topics: Some(vec!["odd".parse().unwrap()]), ..Change::default() }).await;
        let slot = edition("daily", "now-1");
        assert_eq!(store.freeze_digest(&slot, &frozen, None, now).await.unwrap(), Freeze::Raced);
        assert_eq!(store.slot_state(&slot).await.unwrap(), None);
        // The next look renders for them too.
        play.send("daily").await;
        play.drain().await;
        let sent = mails(&bench);
        let found: Vec<_> =
            sent.iter().map(|(to, _, text)| (to.as_str(), order(text, &["odd", "even"]).len())).collect();
        assert_eq!(found, [("r0@example.org", 2), ("r1@example.org", 1)]);
    }
}

/// Only the relay's log knows of a mail in doubt; who called its digest off may still say so.
#[tokio::test]
async fn doubt_in_a_digest_that_was_called_off_is_settled_by_a_person() {
    for (decision, settled) in [(Decision::Sent, (1, 1)), (Decision::Again, (0, 2))] {
        for bench in engines::all().await {
            let play = Play::new(&bench, "").await;
            let store = &play.stage.store;
            play.stage.readers(2, "daily").await;
            play.stage.admit(&["one"]).await;
            let digest = play.send("daily").await;
            let rules = play.courier();
            let now = play.stage.clock.now();
            let mut taken = store.turn(NOTHING, 1, &mut Open, &rules, now).await.unwrap().attempts.into_iter();
            let lost = taken.next().unwrap().settle(Settlement::Unknown("lost".to_owned(), Some(now)));
            store.turn(of(&[lost]), 0, &mut Open, &rules, now).await.unwrap();
            assert_eq!(store.cancel_digest(digest, &Reports::default(), now).await.unwrap(), Some(Cancelled::Partly));
            play.stage.clock.advance(HOUR);
            play.drain().await;
            let balance = play.balance(digest).await;
            assert_eq!((balance.unknown, balance.suppressed), (1, 1), "{}: doubt stays doubt", bench.engine);
            let now = play.stage.clock.now();
            assert_eq!(store.decide_doubts(digest, decision, HOUR, now).await.unwrap(), 1);
            store.close_digests(&Reports::default(), now).await.unwrap();
            play.drain().await;
            let balance = play.balance(digest).await;
            assert_eq!((balance.sent, balance.suppressed), settled, "{}", bench.engine);
            assert!(balance.is_closed() && play.state(digest).await == DigestState::Cancelled);
            assert!(store.digest(digest).await.unwrap().unwrap().finished_at.is_some());
            assert!(mails(&bench).is_empty(), "nothing of it is mailed");
        }
    }
}

#[tokio::test]
async fn readers_get_the_topics_that_they_chose_and_nothing_when_there_is_none() {
    for bench in engines::all().await {
        let more = "topics = { film = [\"title: film\"], books = [\"title: book\"], essays = [\"source: essays\"] }\n";
        let play = Play::new(&bench, more).await;
        play.stage.readers(5, "daily").await;
        let topics = |names: &[&str]| Change {
            topics: Some(names.iter().map(|name| name.parse().unwrap()).collect()),
            ..Change::default()
        };
        play.change(1, topics(&["film"])).await;
        play.change(2, topics(&["books"])).await;
        play.change(3, topics(&["film", "books"])).await;
        play.change(4, topics(&["essays"])).await;
        play.stage.admit(&["a film", "a walk"]).await;
        let digest = play.send("daily").await;
        play.drain().await;
        let sent = mails(&bench);
        let held: Vec<_> = sent.iter().map(|(to, _, text)| (to.as_str(), order(text, &["a film", "a walk"]))).collect();
        let (film, both) = (vec!["a film".to_owned()], vec!["a film".to_owned(), "a walk".to_owned()]);
        assert_eq!(
            held,
            [
                ("r0@example.org", both.clone()),
                ("r1@example.org", film.clone()),
                ("r3@example.org", film),
                ("r4@example.org", both)
            ]
        );
        let balance = play.balance(digest).await;
        assert_eq!((balance.recipients, balance.sent), (4, 4));
        // What is the same for two choices was rendered once, and each has its own links.
        let links: std::collections::HashSet<_> = sent
            .iter()
            .map(|(_, _, text)| text.lines().find(|line| line.contains("/u/")).unwrap().to_owned())
            .collect();
        assert_eq!(links.len(), 4);
    }
}

#[tokio::test]
async fn a_local_digest_is_frozen_once_and_comes_in_each_readers_own_morning() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "deliver = \"local\"\n").await;
        play.stage.readers(4, "daily").await;
        for (number, zone) in [(1, "America/New_York"), (2, "Asia/Kathmandu"), (3, "Pacific/Auckland")] {
            let timezone = Some(Some(zone.parse().unwrap()));
            play.change(number, Change { timezone, ..Change::default() }).await;
        }
        // Whose morning is earlier still, but who gets another one, hastens nothing.
        play.stage.reader("r9@example.org", "weekly").await;
        let timezone = Some(Some("Pacific/Kiritimati".parse().unwrap()));
        play.change(9, Change { timezone, ..Change::default() }).await;
        play.stage.admit(&["one"]).await;
        // Sunday 07:00: Auckland (+13) first, at 18:00 UTC on Saturday; Seoul at 22:00; Kathmandu at 01:15; New York at noon.
        let mut seen = Vec::new();
        let mut digests = Vec::new();
        play.stage.clock.set(at("2026-11-21T17:45:00Z"));
        for _ in 0..80 {
            for fired in play.stage.digester().fire_due().await.unwrap() {
                digests.push((play.stage.clock.now().to_string(), fired));
            }
            play.drain().await;
            for (to, ..) in mails(&bench) {
                if !seen.iter().any(|(known, _)| *known == to) {
                    seen.push((to, play.stage.clock.now().to_string()));
                }
            }
            play.stage.clock.advance(Duration::from_mins(15));
        }
        let [(frozen, fired)] = digests.as_slice() else { panic!("{digests:?}") };
        assert_eq!((frozen.as_str(), fired.edition.slot.as_str()), ("2026-11-21T18:00:00Z", "2026-11-22T07:00"));
        let seen: Vec<_> = seen.iter().map(|(to, when)| (to.as_str(), when.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("r3@example.org", "2026-11-21T18:00:00Z"),
                ("r0@example.org", "2026-11-21T22:00:00Z"),
                ("r2@example.org", "2026-11-22T01:15:00Z"),
                ("r1@example.org", "2026-11-22T12:00:00Z"),
            ]
        );
        // A mail that is dated hours before it comes looks like spam.
        let expected: Vec<_> = seen.iter().map(|(to, when)| ((*to).to_owned(), at(when))).collect();
        let mut dates = dates(&bench);
        dates.sort_by_key(|(_, date)| *date);
        assert_eq!(dates, expected);
    }
}

#[tokio::test]
async fn a_digest_under_review_waits_shows_itself_to_the_editor_and_goes_out_when_approved() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "review = true\neditor = \"editor@example.org\"\n").await;
        play.stage.readers(2, "daily").await;
        play.stage.admit(&["one"]).await;
        let digest = play.send("daily").await;
        assert_eq!(play.state(digest).await, DigestState::Review);
        play.drain().await;
        let shown = mails(&bench);
        let [(to, subject, text)] = shown.as_slice() else { panic!("{shown:?}") };
        assert_eq!((to.as_str(), subject.as_str()), ("editor@example.org", "Review of digest 1: Letters: one"));
        assert!(text.contains(&format!("syndicated digest approve {digest}")) && text.contains("About one"), "{text}");
        assert!(!text.contains('\u{e000}') && !text.contains("/u/"), "{text}");
        // Days later too: nothing expires before its time.
        play.stage.clock.advance(72 * HOUR);
        play.drain().await;
        assert_eq!(mails(&bench).len(), 1);
        let lifetime = 24 * HOUR;
        let now = play.stage.clock.now();
        assert!(play.stage.store.approve_digest(digest, lifetime, now).await.unwrap());
        assert!(!play.stage.store.approve_digest(digest, lifetime, now).await.unwrap(), "approved twice");
        play.drain().await;
        assert_eq!(mails(&bench).len(), 3);
        assert_eq!((play.state(digest).await, play.balance(digest).await.sent), (DigestState::Done, 2));
        // Readers get a mail of the day on which it was let out.
        let late = dates(&bench).into_iter().filter(|(_, date)| *date == now).map(|(to, _)| to).collect::<Vec<_>>();
        assert_eq!(late.len(), 2, "{late:?}");
        assert!(!late.contains(&"editor@example.org".to_owned()));
    }
}

#[tokio::test]
async fn a_digest_that_is_called_off_unsent_gives_its_posts_and_notes_to_the_next() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "review = true\neditor = \"editor@example.org\"\n").await;
        let store = &play.stage.store;
        let now = play.stage.clock.now();
        store
            .add_note(&"letter".parse().unwrap(), None, NotePlace::Before, &note("Hear, hear", false), now)
            .await
            .unwrap();
        play.stage.readers(2, "daily").await;
        let posts = play.stage.admit(&["one"]).await;
        let first = play.send("daily").await;
        assert_eq!(store.cancel_digest(first, &Reports::default(), now).await.unwrap(), Some(Cancelled::Unsent));
        assert_eq!(store.cancel_digest(first, &Reports::default(), now).await.unwrap(), None);
        assert!(!store.approve_digest(first, HOUR, now).await.unwrap());
        let balance = play.balance(first).await;
        assert_eq!((balance.suppressed, balance.is_closed()), (2, true));
        play.drain().await;
        assert_eq!(mails(&bench), [], "the preview, too, was called off");
        let second = play.send("daily").await;
        assert_eq!(store.digest_posts(second).await.unwrap(), posts);
        assert!(store.digest_content(second, 0).await.unwrap().unwrap().plain.contains("Hear, hear"));
        assert_eq!(play.state(first).await, DigestState::Cancelled);
    }
}

#[tokio::test]
async fn a_digest_held_in_the_middle_goes_on_where_it_was_and_one_called_off_ends_there() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "").await;
        let store = &play.stage.store;
        play.stage.readers(4, "daily").await;
        play.stage.admit(&["one"]).await;
        let digest = play.send("daily").await;
        // Two of four are in hand when the word comes.
        let rules = play.courier();
        let now = play.stage.clock.now();
        let mut taken = store.turn(NOTHING, 2, &mut Open, &rules, now).await.unwrap().attempts.into_iter();
        assert!(store.hold_digest(digest).await.unwrap());
        assert!(!store.hold_digest(digest).await.unwrap());
        let sent = taken.next().unwrap().settle(Settlement::Sent("250".to_owned()));
        let later = now.plus(Duration::from_mins(5));
        let back = taken.next().unwrap().settle(Settlement::Deferred("451".to_owned(), later));
        store.turn(of(&[sent, back]), 0, &mut Open, &rules, now).await.unwrap();
        play.stage.clock.advance(HOUR);
        play.drain().await;
        let balance = play.balance(digest).await;
        assert_eq!((balance.sent, balance.deferred, balance.pending), (1, 1, 2), "a held digest mails nothing");
        assert!(store.resume_digest(digest, 24 * HOUR, play.stage.clock.now()).await.unwrap());
        assert!(!store.resume_digest(digest, 24 * HOUR, play.stage.clock.now()).await.unwrap());
        // And now it is called off with one in hand, which the relay puts off.
        let now = play.stage.clock.now();
        let mut taken = store.turn(NOTHING, 1, &mut Open, &rules, now).await.unwrap().attempts.into_iter();
        assert_eq!(store.cancel_digest(digest, &Reports::default(), now).await.unwrap(), Some(Cancelled::Partly));
        assert!(!play.balance(digest).await.is_closed(), "one is in hand");
        let back = taken.next().unwrap().settle(Settlement::Deferred("451".to_owned(), later));
        store.turn(of(&[back]), 0, &mut Open, &rules, now).await.unwrap();
        store.close_digests(&Reports::default(), now).await.unwrap();
        let balance = play.balance(digest).await;
        assert_eq!((balance.sent, balance.suppressed, balance.is_closed()), (1, 3, true));
        assert_eq!(play.state(digest).await, DigestState::Cancelled);
        assert!(store.digest(digest).await.unwrap().unwrap().finished_at.is_some());
        // Its posts went out to one: they are not news again.
        assert!(play.stage.digester().preview("letter", "daily").await.unwrap().mail.is_none());
        let left = store.deliveries(digest, Some(DeliveryState::Suppressed), 10).await.unwrap();
        assert!(left.iter().any(|row| row.reply.as_deref() == Some("the digest was called off")), "{left:?}");
    }
}

#[tokio::test]
async fn a_test_mail_goes_by_the_ledger_and_a_reader_is_greeted_by_name() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "greeting = true\n").await;
        play.stage.readers(1, "daily").await;
        play.stage.admit(&["one"]).await;
        let mail = play.stage.digester().preview("letter", "daily").await.unwrap().mail.unwrap();
        let to = "me@example.org".parse().unwrap();
        let now = play.stage.clock.now();
        play.stage
            .store
            .write_test_mail(&to, Language::En, (&mail.subject, &mail.html, &mail.plain), &[], now)
            .await
            .unwrap();
        bench.execute("UPDATE subscriber SET name = 'Mina' WHERE email = 'r0@example.org'").await;
        play.send("daily").await;
        play.drain().await;
        let sent = mails(&bench);
        let [(_, test, tested), (_, subject, text)] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!((test.as_str(), subject.as_str()), ("Test: Letters: one", "Letters: one"));
        assert!(tested.contains("Hello,") && text.contains("Hello Mina,"), "{tested} {text}");
    }
}

/// Who has which post, in the end: the sum of all mails to a reader.
#[tokio::test]
async fn whatever_readers_change_nobody_ever_gets_a_post_twice() {
    for bench in engines::all().await {
        let play = Play::new(&bench, "topics = { odd = [\"title: odd\"], even = [\"title: even\"] }\n").await;
        play.stage.readers(6, "daily").await;
        let chance = syndicated::clock::Chance::seeded(4);
        let mut titles: Vec<String> = Vec::new();
        for round in 0..24_usize {
            titles.push(format!("{} {round}", if round % 2 == 0 { "even" } else { "odd" }));
            play.stage.admit(&titles.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let [pick, what, ..] = chance.bytes::<8>();
            let cadence = if what & 1 == 0 { "daily" } else { "weekly" };
            let topics = match what >> 1 & 3 {
                0 => vec!["odd".parse().unwrap()],
                1 => vec!["even".parse().unwrap()],
                _ => Vec::new(),
            };
            let change = Change { topics: Some(topics), ..moved(cadence) };
            play.change(usize::from(pick) % 6, change).await;
            for cadence in if round % 3 == 2 { &["daily", "weekly"][..] } else { &["daily"][..] } {
                play.stage.clock.advance(HOUR);
                play.stage.digester().send_now("letter", cadence).await.unwrap();
                play.drain().await;
            }
        }
        let mut had: std::collections::HashMap<(String, PostId), usize> = std::collections::HashMap::new();
        for (to, _, text) in mails(&bench) {
            for (number, title) in titles.iter().enumerate() {
                if text.contains(&format!("About {title}.")) {
                    *had.entry((to.clone(), PostId(i64::try_from(number).unwrap()))).or_default() += 1;
                }
            }
        }
        assert!(had.len() > 60, "{}", had.len());
        assert!(had.values().all(|times| *times == 1), "{had:?}");
    }
}
