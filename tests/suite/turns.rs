//! The courier's turns over a digest whose readers change their minds meanwhile:
//! what is read ahead is mailed as it stands when it is marked, or not at all (P9).

use crate::delivering::{NOTHING, Open, of};
use crate::engines;
use crate::stage::{self, Stage, at};
use std::collections::BTreeMap;
use std::time::Duration;
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::language::Language;
use syndicated::flow::digest::Outcome;
use syndicated::store::{Attempt, Content, Courier, Settled, Settlement};

const READERS: usize = 12;

/// A mail as it was taken: the reader's name and counter.
type Taken = (Option<String>, i64);

#[tokio::test]
async fn what_changed_since_it_was_read_is_mailed_as_it_stands_now_or_not_at_all() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let secret = config.secret.clone();
        let stage = Stage::new(&bench, config, at("2026-11-23T07:00:00Z")).await;
        stage.readers(READERS, "daily").await;
        stage.admit(&["one"]).await;
        let fired = stage.digester().send_now("letter", "daily").await.unwrap();
        let Outcome::Frozen { digest, .. } = fired.outcome else { panic!("{fired:?}") };
        let (store, now) = (&stage.store, stage.clock.now());
        let courier = Courier { node: "test".to_owned(), lease: Duration::from_mins(1), secret };
        // All of them are read with the first.
        let first = store.turn(NOTHING, 1, &mut Open, &courier, now).await.unwrap();
        assert!(first.more && first.attempts.len() == 1);
        let coming = first.coming;
        assert_eq!(coming.len(), if bench.engine == "sqlite" { READERS - 1 } else { 0 }, "{}", bench.engine);
        let of_reader = |reader: usize| {
            format!(
                "(SELECT s.id FROM subscription s JOIN subscriber b ON b.id = s.subscriber_id
                  WHERE b.email = 'r{reader}@example.org')"
            )
        };
        let suppressed: EmailAddress = "r3@example.org".parse().unwrap();
        for change in [
            format!("UPDATE subscription SET state = 'unsubscribed' WHERE id = {}", of_reader(2)),
            format!(
                "INSERT INTO suppression (address_hash, reason, created_at) VALUES ('{}', 'x', 1)",
                courier.secret.address_hash(&suppressed.key())
            ),
            "UPDATE subscriber SET name = 'Anna' WHERE email = 'r5@example.org'".to_owned(),
            format!("UPDATE subscription SET counter = 7 WHERE id = {}", of_reader(6)),
            format!("UPDATE delivery SET not_before = expires_at WHERE subscription_id = {}", of_reader(8)),
            format!("UPDATE delivery SET expires_at = {} WHERE subscription_id = {}", now.millis(), of_reader(9)),
        ] {
            bench.execute(&change).await;
        }
        let mut taken = BTreeMap::new();
        let mut settled = sent(first.attempts, &mut taken);
        for _ in 0..READERS {
            let turn = store.turn(of(&settled), 3, &mut Open, &courier, now).await.unwrap();
            assert!(turn.attempts.len() <= 3);
            for attempt in &turn.attempts {
                // A copy that was written meanwhile is for who has not changed.
                let same = coming.iter().any(|coming| coming.became(attempt));
                let changed = ["r5@example.org", "r6@example.org"].contains(&attempt.to.as_str());
                assert_eq!(same, (bench.engine == "sqlite") && !changed, "{}: {}", bench.engine, attempt.to);
            }
            settled = sent(turn.attempts, &mut taken);
            if settled.is_empty() && !turn.more {
                break;
            }
        }
        let expected = [0, 1, 4, 5, 6, 7, 10, 11].map(|reader| {
            let name = (reader == 5).then(|| "Anna".to_owned());
            (format!("r{reader}@example.org"), (name, if reader == 6 { 7 } else { 0 }))
        });
        assert_eq!(taken, BTreeMap::from(expected), "{}", bench.engine);
        let balance = store.balance(digest).await.unwrap();
        let counts = (balance.sent, balance.suppressed, balance.expired, balance.pending, balance.attempting);
        assert_eq!(counts, (8, 2, 1, 1, 0), "{}: {balance:?}", bench.engine);
    }
}

#[tokio::test]
async fn a_letter_goes_before_the_mails_that_were_read_before_it() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let courier = Courier { node: "test".to_owned(), lease: Duration::from_mins(1), secret: config.secret.clone() };
        let stage = Stage::new(&bench, config, at("2026-11-23T07:00:00Z")).await;
        stage.readers(READERS, "daily").await;
        stage.admit(&["one"]).await;
        stage.digester().send_now("letter", "daily").await.unwrap();
        let (store, now) = (&stage.store, stage.clock.now());
        assert_eq!(store.turn(NOTHING, 1, &mut Open, &courier, now).await.unwrap().attempts.len(), 1);
        let editor: EmailAddress = "editor@example.org".parse().unwrap();
        store.write_test_mail(&editor, Language::En, ("s", "<p>x</p>", "x"), &[], now).await.unwrap();
        let mut taken = Vec::new();
        while taken.len() < 2 {
            let turn = store.turn(NOTHING, 1, &mut Open, &courier, now).await.unwrap();
            assert!(turn.more, "{}", bench.engine);
            taken.extend(turn.attempts.into_iter().map(|attempt| attempt.to.to_string()));
        }
        assert_eq!(taken, ["editor@example.org", "r1@example.org"], "{}", bench.engine);
    }
}

/// What comes of attempts that the relay takes; each reader has one.
fn sent(attempts: Vec<Attempt>, taken: &mut BTreeMap<String, Taken>) -> Vec<Settled> {
    attempts
        .into_iter()
        .map(|attempt| {
            let Content::Digest { name, counter, .. } = &attempt.content else { panic!("{attempt:?}") };
            let before = taken.insert(attempt.to.to_string(), (name.clone(), *counter));
            assert!(before.is_none() && attempt.attempts == 1, "{attempt:?}");
            attempt.settle(Settlement::Sent("taken".to_owned()))
        })
        .collect()
}
