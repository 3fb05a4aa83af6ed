//! Lists of readers come in: what becomes of each row, what is looked at before,
//! and that an import goes on where it was killed.

use crate::engines;
use crate::program::command;
use crate::stage::at;
use crate::subscribers::{configured, typed};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use syndicated::clock::Chance;
use syndicated::config::{Config, Environment};
use syndicated::domain::email_address::EmailAddress;
use syndicated::flow::import::{Counts, Import, ImportError, List, STEP_ROWS, Terms, Told, Watcher};
use syndicated::read::roster::Rules;
use syndicated::store::{Store, SubscriptionFilter};

fn load(path: &Path) -> Config {
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    Config::load(path, &environment, &Chance::seeded(1)).unwrap()
}

async fn show(config: &Path, email: &str) -> Value {
    typed(config, &["subscriber", "show", email, "--json"]).await.ok().json()
}

const MAILCHIMP: [(&str, &str); 3] = [
    (
        "subscribed.csv",
        "Email Address,First Name,OPTIN_TIME,CONFIRM_TIME,LEID,EUID,TAGS\nAnn@example.com,Ann,2018-02-12 10:54:27,2018-02-12 11:00:00,1,a,\"\"\"VIP\"\"\"\nben@example.com,,2018-02-12 10:54:27,,2,b,\nshop@example.com,,,,3,c,\n",
    ),
    (
        "unsubscribed.csv",
        "Email Address,First Name,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,UNSUB_REASON,LEID,EUID,TAGS\ncho@example.com,,2018-02-12 10:54:27,,2020-05-13 10:18:25,,4,d,\n",
    ),
    (
        "cleaned.csv",
        "Email Address,First Name,OPTIN_TIME,CONFIRM_TIME,CLEAN_TIME,LEID,EUID,TAGS\ndead@example.com,,2018-02-12 10:54:27,,2020-03-23 17:30:05,5,e,\n",
    ),
];

#[tokio::test]
async fn the_three_lists_of_mailchimp_come_with_their_states_dates_and_tags() {
    for bench in engines::all().await {
        let config = configured(&bench);
        for (name, text) in MAILCHIMP {
            std::fs::write(bench.folder.path().join(name), text).unwrap();
        }
        let names: Vec<&str> = MAILCHIMP.iter().map(|(name, _)| *name).collect();
        let more = ["-n", "letter", "--tag", "old list", "--report", "report.csv"];
        let words = [&["subscriber", "import"][..], &names, &more].concat();
        // A look at it first, which writes nothing but the report.
        let dry = typed(&config, &[&words[..], &["--dry-run"]].concat()).await.ok().out;
        assert!(dry.contains("subscribed.csv: an export of Mailchimp") && dry.contains("dry run"), "{dry}");
        assert_eq!(typed(&config, &["subscriber", "list", "--json"]).await.ok().json(), json!([]));
        let foreseen = std::fs::read_to_string(bench.folder.path().join("report.csv")).unwrap();

        let done = typed(&config, &words).await.ok().out;
        let sum = "2 addresses added, 0 here before, 2 remembered as having left, 1 never subscribed\n";
        assert!(done.ends_with(sum), "{done}");
        let report = std::fs::read_to_string(bench.folder.path().join("report.csv")).unwrap();
        assert_eq!(report, foreseen, "{}", bench.engine);
        assert_eq!(
            report,
            "file,line,email,what,why\nsubscribed.csv,2,Ann@example.com,added,\nsubscribed.csv,3,ben@example.com,added,\nsubscribed.csv,4,shop@example.com,nobody,Mailchimp knows of no consent: it is not subscribed there\nunsubscribed.csv,2,cho@example.com,unsubscribed,\"had left, and is remembered so\"\ncleaned.csv,2,dead@example.com,unsubscribed,\"had left, and is remembered so\"\n"
        );
        let ann = show(&config, "ann@example.com").await;
        assert_eq!((&ann["email"], &ann["name"]), (&json!("Ann@example.com"), &json!("Ann")));
        assert_eq!(ann["tags"], json!(["VIP", "old list"]));
        let first = &ann["subscriptions"][0];
        assert_eq!(first["created_at"], "2018-02-12T10:54:27Z");
        assert_eq!(first["confirmed_at"], "2018-02-12T11:00:00Z");
        assert_eq!(
            first["consents"],
            json!([{
                "act": "imported", "at": "2018-02-12T11:00:00Z", "form": "subscribed.csv", "origin": "import", "address": null,
                "words": "imported by the operator from subscribed.csv, an export of Mailchimp: asked for at 2018-02-12T10:54:27Z, confirmed at 2018-02-12T11:00:00Z",
            }])
        );
        let dead = show(&config, "dead@example.com").await["subscriptions"][0].clone();
        assert_eq!((&dead["state"], &dead["ended_by"]), (&json!("unsubscribed"), &json!("bounced at Mailchimp")));
        assert_eq!(dead["ended_at"], "2020-03-23T17:30:05Z");

        // The same again changes nothing.
        let again = typed(&config, &words).await.ok().out;
        assert!(again.ends_with("0 addresses added, 4 here before, 1 never subscribed\n"), "{again}");
        assert_eq!(show(&config, "ann@example.com").await, ann);
    }
}

#[tokio::test]
async fn who_left_stays_out_and_a_list_that_says_so_is_believed() {
    for bench in engines::all().await {
        let config = configured(&bench);
        for email in ["left@example.com", "here@example.com", "since@example.com", "undated@example.com"] {
            typed(&config, &["subscriber", "add", email, "-n", "letter"]).await.ok();
        }
        typed(&config, &["subscriber", "unsubscribe", "left@example.com"]).await.ok();
        let list = "email,state,ended_at,name,tags,topics,cadence\nleft@example.com,confirmed,,,vip,,\nhere@example.com,confirmed,,Other Name,vip,film,daily\nsince@example.com,unsubscribed,2001-02-03,,,,\nundated@example.com,unsubscribed,,,,,\nnew@example.com,pending,,,,,\nboth@example.com,confirmed,,,,,\nBOTH@example.com,unsubscribed,2999-01-01,,,,\nnew@example.com,pending,,,,,\nfuture@example.com,confirmed,,,,chess,\n";
        std::fs::write(bench.folder.path().join("list.csv"), list).unwrap();
        let words = ["subscriber", "import", "list.csv", "-n", "letter", "--json", "--report", "r.csv", "--skip-bad"];
        let dry = typed(&config, &[&words[..], &["--dry-run"]].concat()).await.ok().json();
        let foreseen = std::fs::read_to_string(bench.folder.path().join("r.csv")).unwrap();
        let mut done = typed(&config, &words).await.ok().json();
        let told = std::fs::read_to_string(bench.folder.path().join("r.csv")).unwrap();
        assert_eq!(foreseen, told, "a dry run says what will be");
        assert_eq!((&dry["written"], &done["written"]), (&json!(false), &json!(true)));
        done.as_object_mut().unwrap().remove("bad_lines");
        assert_eq!(
            done,
            json!({
                "added": 1, "pending": 1, "unsubscribed": 0, "ended": 2, "already": 2, "left": 1, "kept": 1, "nobody": 0, "erased": 0, "bad": 1,
                "written": true, "resumed": false,
            }),
            "{}",
            bench.engine
        );
        for line in [
            "list.csv,2,left@example.com,left,\"unsubscribed here, and stays so\"",
            "list.csv,4,since@example.com,kept,confirmed here after leaving there",
            "list.csv,5,undated@example.com,ended,the list says that the reader left",
            "list.csv,9,new@example.com,already,was here before",
            "list.csv,10,future@example.com,bad,\"newsletter `letter` has no topic `chess`; there is: ",
        ] {
            assert!(told.contains(line), "{line}: {told}");
        }
        let state = async |email: &str| show(&config, email).await["subscriptions"][0]["state"].clone();
        for (email, is) in [
            ("left@example.com", "unsubscribed"),
            ("here@example.com", "confirmed"),
            ("since@example.com", "confirmed"),
            ("undated@example.com", "unsubscribed"),
            ("new@example.com", "pending"),
            ("both@example.com", "unsubscribed"),
        ] {
            assert_eq!(state(email).await, is, "{email}");
        }
        // What a reader chose is the reader's; a tag is the operator's.
        let here = show(&config, "here@example.com").await;
        assert_eq!((&here["name"], &here["tags"]), (&Value::Null, &json!(["vip"])));
        assert_eq!(here["subscriptions"][0]["cadence"], "weekly");
        assert_eq!(show(&config, "left@example.com").await["tags"], json!([]));
        // What was asked for is confirmed by a list that says so.
        std::fs::write(bench.folder.path().join("more.csv"), "email\nnew@example.com\n").unwrap();
        let more = ["subscriber", "import", "more.csv", "-n", "letter", "--cadence", "daily", "--consent", "by letter"];
        typed(&config, &more).await.ok();
        let new = show(&config, "new@example.com").await["subscriptions"][0].clone();
        assert_eq!((&new["state"], &new["cadence"]), (&json!("confirmed"), &json!("daily")));
        assert_eq!(new["consents"][1]["words"], "by letter");
    }
}

#[tokio::test]
async fn nothing_is_written_while_a_line_is_bad_and_each_is_named() {
    for bench in engines::all().await {
        let config = configured(&bench);
        let bad = (0..30).map(|n| format!("bad{n}@,2020-01-01\r\n")).collect::<Vec<_>>().concat();
        let list = format!("Mail,Joined\r\n\r\nann@example.com,2020-01-01\r\n{bad}");
        std::fs::write(bench.folder.path().join("list.csv"), list).unwrap();
        let words =
            ["subscriber", "import", "list.csv", "-n", "letter", "--map", "Mail=email", "--map", "joined=created_at"];
        let refused = typed(&config, &words).await;
        assert_eq!(refused.code, 1);
        assert!(refused.out.contains("list.csv, line 4: that is not a mail address"), "{}", refused.out);
        assert!(refused.out.contains("and 10 more bad lines; --report FILE writes them all"), "{}", refused.out);
        assert!(refused.out.ends_with("import the others with --skip-bad\n"), "{}", refused.out);
        assert_eq!(typed(&config, &["subscriber", "list", "--json"]).await.ok().json(), json!([]));
        let done = typed(&config, &[&words[..], &["--skip-bad"]].concat()).await.ok().out;
        assert!(done.ends_with("1 address added, 0 here before, 30 bad\n"), "{done}");
        for (words, code) in [
            (&["list.csv", "-n", "letter"][..], 1),
            (&["list.csv", "--map", "Mail"], 2),
            (&["list.csv", "--map", "Mail=town"], 2),
            (&["list.csv", "--format", "mailman"], 2),
            (&["none.csv"], 1),
            (&[], 2),
        ] {
            let refused = typed(&config, &[&["subscriber", "import"][..], words].concat()).await;
            assert_eq!(refused.code, code, "{words:?}: {}", refused.err);
        }
    }
}

/// Follows an import, and fails at the report of a step: what a kill at that moment would leave.
struct Follower {
    /// What was told, and how much of it is kept.
    report: Vec<String>,
    kept: usize,
    steps_left: usize,
}

impl Watcher for Follower {
    fn told(&mut self, row: &Told<'_>) -> std::io::Result<()> {
        self.report.push(format!("{}:{} {} {}", row.list, row.line, row.email, row.what));
        Ok(())
    }

    fn came_to(&mut self, _: usize, _: u64) {}

    fn report_bytes(&mut self) -> std::io::Result<u64> {
        if self.steps_left == 0 {
            return Err(std::io::Error::other("killed"));
        }
        self.steps_left -= 1;
        self.kept = self.report.len();
        Ok(self.report.len() as u64)
    }
}

fn lists() -> Vec<List> {
    let list =
        |name: &str, text: &str| List { name: name.to_owned(), input: Box::new(Cursor::new(text.as_bytes().to_vec())) };
    let many = (0..11).map(|n| format!("r{n}@example.com,\"two\nlines\"\n")).collect::<Vec<_>>().concat();
    vec![
        list("a.csv", &format!("email,name\n{many}nobody,\nr3@example.com,\n")),
        list("b.csv", "email,state\nr1@example.com,unsubscribed\nr2@example.com,confirmed\nx@example.com,confirmed\n"),
    ]
}

/// Imports with so many steps before it is killed.
async fn import(store: &Store, config: &Config, steps: usize, told: &mut Vec<String>) -> Result<Counts, ImportError> {
    let (terms, rules) = (Terms { newsletter: "letter".parse().ok(), ..Terms::default() }, Rules::default());
    let now = at("2026-11-28T12:00:00Z");
    let import = Import { store, config, terms: &terms, rules: &rules, now, step_rows: 4 };
    let mut lists = lists();
    let key = import.key(&mut lists).unwrap();
    let progress = store.begin_import(&key, "lists", now).await.unwrap();
    told.truncate(usize::try_from(progress.report_bytes).unwrap());
    let mut follower = Follower { kept: told.len(), report: std::mem::take(told), steps_left: steps };
    let done = import.write(&mut lists, &key, progress, &mut follower).await;
    *told = follower.report;
    done
}

#[tokio::test]
async fn an_import_that_is_killed_at_any_step_goes_on_and_tells_each_row_once() {
    let all = SubscriptionFilter { limit: 1_000, ..SubscriptionFilter::default() };
    let (mut whole, mut rows) = (HashMap::new(), HashMap::new());
    for steps in [usize::MAX, 0, 1, 2, 3, 4] {
        for bench in engines::all().await {
            let config = load(&configured(&bench));
            let store = bench.open().await;
            let mut told = Vec::new();
            let mut done = import(&store, &config, steps, &mut told).await;
            assert_eq!(done.is_err(), steps != usize::MAX, "{steps}");
            // Once more, and again killed; then to the end.
            for steps in [1, usize::MAX] {
                if done.is_err() {
                    done = import(&store, &config, steps, &mut told).await;
                }
            }
            let counts = done.unwrap();
            let expected = Counts { added: 12, ended: 1, already: 2, bad: 1, ..Counts::default() };
            assert_eq!(counts, expected, "{} {steps}", bench.engine);
            let stored = store.subscriptions(&all).await.unwrap();
            let ids: Vec<_> = stored.iter().map(|found| found.id).collect();
            let proofs: usize = store.consents_of_each(&ids).await.unwrap().values().map(Vec::len).sum();
            assert_eq!(proofs, 13);
            let stored: Vec<_> = stored.into_iter().map(|found| (found.email.to_string(), found.state)).collect();
            assert_eq!(*whole.entry(bench.engine).or_insert_with(|| told.clone()), told, "{steps}");
            assert_eq!(*rows.entry(bench.engine).or_insert_with(|| stored.clone()), stored, "{steps}");
            // One that has come to its end begins anew, and finds everything.
            let again = import(&store, &config, usize::MAX, &mut Vec::new()).await.unwrap();
            assert_eq!((again.added, again.ended, again.left), (0, 0, 1), "{again:?}");
        }
    }
    assert_eq!(whole["sqlite"].len(), 16);
    assert_eq!(whole["sqlite"][11], "a.csv:24 nobody bad");
}

/// The program itself, killed as it writes.
#[tokio::test]
async fn a_killed_program_goes_on_with_the_same_command() {
    let count = STEP_ROWS * 2 + 500;
    for bench in engines::all().await {
        let config = configured(&bench);
        let list = (0..count).map(|n| format!("r{n}@example.com\n")).collect::<Vec<_>>().concat();
        std::fs::write(bench.folder.path().join("list.csv"), format!("email\n{list}")).unwrap();
        let words = ["subscriber", "import", "list.csv", "-n", "letter", "--report", "report.csv"];
        let store = bench.open().await;
        let mut child = command(&config).args(words).stderr(Stdio::null()).spawn().unwrap();
        let some = SubscriptionFilter { limit: 1, ..SubscriptionFilter::default() };
        while store.subscriptions(&some).await.unwrap().is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.kill().await.unwrap();
        let done = typed(&config, &words).await.ok().out;
        assert!(done.contains("going on with list.csv, line "), "{}: {done}", bench.engine);
        let sum = format!("{count} addresses added, 0 here before\n");
        assert!(done.ends_with(&sum), "{done}");
        let mut report = csv::Reader::from_path(bench.folder.path().join("report.csv")).unwrap();
        let lines: Vec<usize> = report.records().map(|row| row.unwrap()[1].parse().unwrap()).collect();
        assert_eq!(lines, (2..count + 2).collect::<Vec<_>>(), "each line once, in its order");
        assert_eq!(bench.texts("SELECT CAST(COUNT(*) AS TEXT) FROM subscription").await, [count.to_string()]);
    }
}

/// A mail that is promised is sent; and nobody is brought back by a list, or by hand,
/// who was erased.
#[tokio::test]
async fn who_is_never_mailed_is_not_said_to_be() {
    for bench in engines::all().await {
        let config = configured(&bench);
        let add = async |email| typed(&config, &["subscriber", "add", email, "-n", "letter"]).await;
        for email in ["ann@example.com", "ben@example.com"] {
            add(email).await.ok();
        }
        typed(&config, &["subscriber", "erase", "ann@example.com"]).await.ok();
        let again = add("Ann@example.com").await;
        assert!(again.code == 1 && again.out.contains("was erased, "), "{}{}", again.out, again.err);
        let lifted = typed(&config, &["bounce", "lift", "ann@example.com"]).await;
        assert!(lifted.code == 2 && lifted.err.contains("by the form"), "{}", lifted.err);

        let list = "email,state,name\nANN@example.com,confirmed,Ann\nann@example.com,unsubscribed,Ann\nnew@example.com,confirmed,\n";
        std::fs::write(bench.folder.path().join("old.csv"), list).unwrap();
        let words = ["subscriber", "import", "old.csv", "-n", "letter", "--report", "r.csv"];
        let report = || std::fs::read_to_string(bench.folder.path().join("r.csv")).unwrap();
        typed(&config, &[&words[..], &["--dry-run"]].concat()).await.ok();
        let foreseen = report();
        let done = typed(&config, &words).await.ok().out;
        assert!(done.ends_with("1 address added, 0 here before, 2 erased here and left out\n"), "{done}");
        assert_eq!(report(), foreseen, "{}", bench.engine);
        assert!(foreseen.contains("old.csv,2,ANN@example.com,erased,was erased here; comes back by the form only\n"));
        assert_eq!(
            bench.texts("SELECT email FROM subscriber ORDER BY id").await,
            ["ben@example.com", "new@example.com"]
        );

        // A report is not written over the list, nor over anything else that is there.
        for dry in [&["--dry-run"][..], &[]] {
            let words = [&["subscriber", "import", "old.csv", "-n", "letter", "--report", "old.csv"][..], dry].concat();
            let slip = typed(&config, &words).await;
            assert!(slip.code == 1 && slip.err.contains("is no report; name another file"), "{}", slip.err);
            assert_eq!(std::fs::read_to_string(bench.folder.path().join("old.csv")).unwrap(), list);
        }

        // Who bounced is mailed again when a person says so.
        let (secret, ben) = (load(&config).secret.clone(), "ben@example.com".parse::<EmailAddress>().unwrap());
        let hash = secret.address_hash(&ben.key());
        bench
            .execute(&format!(
                "INSERT INTO suppression (address_hash, reason, created_at) VALUES ('{hash}', 'hard 5.1.1', 1)"
            ))
            .await;
        let again = add("ben@example.com").await;
        assert!(again.code == 1 && again.out.contains("`syndicated bounce lift ben@example.com`"), "{}", again.out);
        typed(&config, &["bounce", "lift", "ben@example.com"]).await.ok();
        assert!(add("ben@example.com").await.ok().out.contains("was subscribed to letter already"));
    }
}
