//! Slots and what they send.

use crate::engines;
use crate::stage::{self, Stage, at};
use std::collections::HashMap;
use std::time::Duration;
use syndicated::domain::consent::Given;
use syndicated::domain::digest::DigestState;
use syndicated::domain::newsletter::Rhythm;
use syndicated::flow::digest::{Outcome, Preview};
use syndicated::store::SubscriptionFilter;

const HOUR: Duration = Duration::from_hours(1);

fn config(bench: &engines::Bench, cadences: &str) -> syndicated::config::Config {
    stage::config(bench, "maildir:unused", cadences, "")
}

/// R18 in small: a year in which clocks change, in a zone where they do and one
/// where they do not; the clock moves in uneven steps, as after sleep.
#[tokio::test]
async fn every_slot_of_a_year_is_decided_on_exactly_once() {
    for bench in engines::all().await {
        for zone in ["America/New_York", "Asia/Seoul"] {
            let mut config = config(&bench, "{ night = \"30 1,2 * * *\", morning = \"0 7 * * MON\" }");
            let zone: chrono_tz::Tz = zone.parse().unwrap();
            let newsletter = &mut config.newsletters[0];
            newsletter.name = zone.name().to_lowercase().replace('/', "-").parse().unwrap();
            for cadence in &mut newsletter.cadences {
                let Rhythm::Slots(schedule) = &cadence.rhythm else { panic!() };
                cadence.rhythm =
                    Rhythm::Slots(syndicated::domain::schedule::Schedule::parse(schedule.line(), zone).unwrap());
            }
            let name = newsletter.name.clone();
            let (start, end) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
            let stage = Stage::new(&bench, config, start).await;
            let digester = stage.digester();
            for step in 0_u64.. {
                stage.clock.advance(HOUR * u32::try_from(1 + step % 5).unwrap());
                if stage.clock.now() > end {
                    break;
                }
                digester.fire_due().await.unwrap();
            }
            let mut slots: HashMap<(String, String), usize> = HashMap::new();
            for digest in stage.store.digests(Some(&name), 10_000).await.unwrap() {
                assert_eq!(digest.state, DigestState::Empty, "{digest:?}");
                *slots.entry((digest.edition.cadence.to_string(), digest.edition.slot)).or_default() += 1;
            }
            assert!(slots.values().all(|count| *count == 1));
            let nights = slots.keys().filter(|(cadence, _)| cadence == "night").count();
            let mornings = slots.len() - nights;
            // 365 days of two nominal times each, but for the hours at the year's ends.
            assert!((726..=730).contains(&nights), "{zone}: {nights}");
            assert!((51..=52).contains(&mornings), "{zone}: {mornings}");
            for slot in ["2026-03-08T02:30", "2026-11-01T01:30"] {
                assert!(slots.contains_key(&("night".to_owned(), slot.to_owned())), "{zone} {slot}");
            }
        }
    }
}

#[tokio::test]
async fn a_late_slot_fires_and_a_very_late_one_is_missed_and_its_posts_wait() {
    for bench in engines::all().await {
        let stage = Stage::new(&bench, config(&bench, "{ daily = \"0 7 * * *\" }"), at("2026-11-22T00:00:00Z")).await;
        stage.readers(2, "daily").await;
        let posts = stage.admit(&["one", "two"]).await;
        // 07:00 in Seoul is 22:00 UTC the day before; now two slots are late, by 29 and by 5 hours.
        stage.clock.set(at("2026-11-24T03:00:00Z"));
        let fired = stage.digester().fire_due().await.unwrap();
        let outcomes: Vec<_> = fired.iter().map(|fired| (fired.edition.slot.as_str(), fired.outcome)).collect();
        let [
            ("2026-11-23T07:00", Outcome::Missed),
            ("2026-11-24T07:00", Outcome::Frozen { digest, posts: 2, recipients: 2, .. }),
        ] = outcomes.as_slice()
        else {
            panic!("{outcomes:?}")
        };
        let mut mailed = stage.store.digest_posts(*digest).await.unwrap();
        mailed.sort();
        assert_eq!(mailed, posts);
        assert!(stage.digester().fire_due().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_post_is_mailed_once_by_each_cadence_and_not_before_it_has_settled() {
    for bench in engines::all().await {
        let mut config = config(&bench, "{ daily = \"0 7 * * *\", instant = \"instant\" }");
        config.newsletters[0].settle = Duration::from_mins(15);
        config.newsletters[0].settle_max = HOUR;
        let stage = Stage::new(&bench, config, at("2026-11-22T12:00:00Z")).await;
        let digester = stage.digester();
        stage.admit(&["one"]).await;
        stage.clock.advance(Duration::from_mins(14));
        assert!(digester.fire_due().await.unwrap().is_empty());
        stage.clock.advance(Duration::from_mins(1));
        let fired = digester.fire_due().await.unwrap();
        assert!(matches!(fired.as_slice(), [only] if only.edition.slot.starts_with("post-")), "{fired:?}");
        assert!(digester.fire_due().await.unwrap().is_empty());
        stage.clock.set(at("2026-11-22T22:00:00Z"));
        let fired = digester.fire_due().await.unwrap();
        assert!(matches!(fired.as_slice(), [only] if matches!(only.outcome, Outcome::Frozen { posts: 1, .. })));
        stage.clock.set(at("2026-11-23T22:00:00Z"));
        let fired = digester.fire_due().await.unwrap();
        assert!(matches!(fired.as_slice(), [only] if only.outcome == Outcome::Empty), "{fired:?}");
        assert_eq!(digester.send_now("letter", "daily").await.unwrap().outcome, Outcome::Empty);
        assert!(digester.preview("letter", "daily").await.unwrap().mail.is_none());
    }
}

#[tokio::test]
async fn what_was_there_before_a_newsletter_is_not_its_news() {
    for bench in engines::all().await {
        let stage = Stage::new(&bench, config(&bench, "{ daily = \"0 7 * * *\" }"), at("2026-11-22T00:00:00Z")).await;
        stage.admit(&["old"]).await;
        stage.clock.advance(HOUR);
        let mut config = (**stage.live.load()).clone();
        config.newsletters[0].name = "young".parse().unwrap();
        stage.store.sync_cadences(&config.newsletters, stage.clock.now()).await.unwrap();
        stage.live.store(config.into());
        stage.admit(&["old", "new"]).await;
        let Preview { posts, mail, .. } = stage.digester().preview("young", "daily").await.unwrap();
        let mail = mail.unwrap();
        assert_eq!(posts.taken.len(), 1);
        assert!(mail.subject.ends_with("new"), "{}", mail.subject);
    }
}

/// From the slot to the files of a new user's maildir; who left in between gets none.
#[tokio::test]
async fn a_digest_lands_in_a_maildir_and_its_balance_closes() {
    for bench in engines::all().await {
        let outbox = bench.folder.path().join("outbox");
        let relay = format!("maildir:{}", outbox.display());
        let config = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", "");
        let stage = Stage::new(&bench, config, at("2026-11-22T12:00:00Z")).await;
        stage.readers(3, "daily").await;
        stage.admit(&["하나", "둘"]).await;
        stage.clock.set(at("2026-11-22T22:00:00Z"));
        let fired = stage.digester().fire_due().await.unwrap();
        let Outcome::Frozen { digest, recipients: 3, .. } = fired[0].outcome else { panic!("{fired:?}") };
        let readers = stage.store.subscriptions(&SubscriptionFilter { limit: 10, ..Default::default() }).await.unwrap();
        stage.store.unsubscribe(readers[0].id, &Given::by_command("a test", ""), stage.clock.now()).await.unwrap();
        let tally = stage.deliverer().drain().await.unwrap();
        assert_eq!(tally.sent, 2);
        let balance = stage.store.balance(digest).await.unwrap();
        assert_eq!((balance.sent, balance.suppressed, balance.is_closed()), (2, 1, true));
        assert_eq!(stage.store.digest(digest).await.unwrap().unwrap().state, DigestState::Done);
        let mails: Vec<String> = std::fs::read_dir(outbox.join("new"))
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        assert_eq!(mails.len(), 2);
        for mail in mails {
            for part in ["List-Unsubscribe: <http://news.example.org/u/", "Date: Sun, 22 Nov 2026 22:00:00 +0000\r\n"] {
                assert!(mail.contains(part), "{mail}");
            }
            assert!(!mail.contains("\u{e000}") && !mail.contains("=EE=80=80"), "a token was left in {mail}");
        }
    }
}
