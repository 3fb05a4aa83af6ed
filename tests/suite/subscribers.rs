//! What an operator does to readers by hand, typed as an operator types it, on both engines.

use crate::engines::{self, Bench};
use crate::program::command;
use crate::stage;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What a command came to.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}{}", self.out, self.err))
    }
}

/// Types a command.
pub(crate) async fn typed(config: &Path, words: &[&str]) -> Done {
    let output = command(config).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().await.unwrap();
    Done {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A configuration with two newsletters.
pub(crate) fn configured(bench: &Bench) -> PathBuf {
    let path = bench.folder.path().join("config.toml");
    let more = "topics = { film = [\"category: film\"], books = [\"category: books\"] }\n[[newsletter]]\nname = \"notes\"\ntitle = \"Notes\"\ncadences = { monthly = \"0 7 1 * *\" }\n";
    let cadences = "{ weekly = \"0 7 * * MON\", daily = \"0 7 * * *\" }";
    std::fs::write(&path, stage::toml(bench, "maildir:unused", cadences, "") + more).unwrap();
    path
}

fn addresses(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn readers_are_found_by_what_is_known_of_them() {
    for bench in engines::all().await {
        let config = configured(&bench);
        for words in [
            &["ann@example.com", "--newsletter", "letter", "--name", "Ann Lee", "--tag", "vip", "--tag", "book club"][..],
            &["BEN_1@Example.org", "--newsletter", "letter", "--cadence", "daily", "--language", "ko"],
            &["ben21@example.org", "--newsletter", "notes", "--name", "Élodie", "--tag", "vip"],
            &["hana@한글.kr", "--newsletter", "notes", "--cadence", "monthly", "--name", "Hana"],
        ] {
            typed(&config, &[&["subscriber", "add"][..], words].concat()).await.ok();
        }
        typed(&config, &["subscriber", "unsubscribe", "ben21@example.org"]).await.ok();
        let all = ["ann@example.com", "BEN_1@Example.org", "ben21@example.org", "hana@한글.kr"];
        for (words, found) in [
            (&[][..], &all[..]),
            (&["--newsletter", "letter"], &all[..2]),
            (&["--state", "unsubscribed"], &all[2..3]),
            (&["--cadence", "daily"], &all[1..2]),
            (&["--language", "ko"], &all[1..2]),
            (&["--tag", "book club"], &all[..1]),
            (&["--tag", "vip", "--newsletter", "notes"], &all[2..3]),
            (&["--tag", "v"], &[]),
            (&["--search", "EXAMPLE.ORG"], &all[1..3]),
            // What stands for any letter elsewhere is a letter here.
            (&["--search", "ben_1"], &all[1..2]),
            (&["--search", "%"], &[]),
            (&["--search", "ann l"], &all[..1]),
            (&["--search", "Élo"], &all[2..3]),
            (&["--search", "한글"], &all[3..]),
            (&["--search", "XN--BJ0BJ06E"], &all[3..]),
            (&["--since", "2020-01-01"], &all[..]),
            (&["--before", "2020-01-01"], &[]),
            (&["--paused"], &[]),
            (&["--limit", "1"], &all[..1]),
        ] {
            let list = typed(&config, &[&["subscriber", "list", "--json"][..], words].concat()).await.ok().json();
            assert_eq!(addresses(&list), found, "{} {words:?}", bench.engine);
        }
        let table = typed(&config, &["subscriber", "list", "--tag", "vip"]).await.ok().out;
        assert!(table.contains("ann@example.com") && table.contains("book club, vip"), "{table}");
        let short = typed(&config, &["subscriber", "list", "--limit", "2"]).await.ok().out;
        assert!(short.lines().count() == 4 && short.contains("and more"), "{short}");
        assert_eq!(typed(&config, &["subscriber", "list", "--since", "yesterday"]).await.code, 2);
    }
}

#[tokio::test]
async fn tags_are_put_on_taken_off_and_counted() {
    for bench in engines::all().await {
        let config = configured(&bench);
        for email in ["ann@example.com", "ben@example.com"] {
            typed(&config, &["subscriber", "add", email, "-n", "letter"]).await.ok();
        }
        let both = ["subscriber", "tag", "ann@example.com", "ben@example.com", "--add", "vip", "--add", "독서 모임"];
        let tagged = typed(&config, &both).await.ok().out;
        assert_eq!(tagged, "ann@example.com: vip, 독서 모임\nben@example.com: vip, 독서 모임\n");
        // Twice is once.
        typed(&config, &both).await.ok();
        let off = ["subscriber", "tag", "BEN@example.com", "--remove", "vip", "--remove", "never", "--json"];
        assert_eq!(typed(&config, &off).await.ok().json()[0]["tags"], serde_json::json!(["독서 모임"]));
        let counted = typed(&config, &["subscriber", "tag", "--json"]).await.ok().json();
        assert_eq!(counted, serde_json::json!([{ "tag": "vip", "readers": 1 }, { "tag": "독서 모임", "readers": 2 }]));
        let missing = typed(&config, &["subscriber", "tag", "eve@example.com", "--add", "vip"]).await;
        assert!(missing.code == 1 && missing.out.contains("there is no reader eve@"), "{}", missing.out);
        assert_eq!(typed(&config, &["subscriber", "tag", "ann@example.com", "--add", "a,b"]).await.code, 2);

        // Erasing takes them along.
        typed(&config, &["subscriber", "erase", "ann@example.com"]).await.ok();
        let counted = typed(&config, &["subscriber", "tag", "--json"]).await.ok().json();
        assert_eq!(counted, serde_json::json!([{ "tag": "독서 모임", "readers": 1 }]));
        assert_eq!(typed(&config, &["subscriber", "erase", "ann@example.com"]).await.code, 2);
    }
}

#[tokio::test]
async fn an_operator_confirms_pauses_ends_and_sees_it_all() {
    for bench in engines::all().await {
        let config = configured(&bench);
        let store = bench.open().await;
        let email = "ann@example.com".parse().unwrap();
        let now = syndicated::clock::Clock::system().now();
        stage::ask(&store, &email, "ko".parse().unwrap(), &["film".parse().unwrap()], now).await;
        store.close().await;
        let show = async || typed(&config, &["subscriber", "show", "ANN@example.com", "--json"]).await.ok().json();
        assert_eq!(show().await["subscriptions"][0]["state"], "pending");

        let confirm = ["subscriber", "confirm", "ann@example.com", "-n", "letter", "--consent", "by telephone"];
        assert_eq!(typed(&config, &confirm).await.ok().out, "ann@example.com gets letter / daily\n");
        let shown = show().await;
        let first = &shown["subscriptions"][0];
        assert_eq!((&first["state"], &first["topics"]), (&"confirmed".into(), &serde_json::json!(["film"])));
        assert_eq!((&shown["language"], &first["consent"]), (&"ko".into(), &"by telephone".into()));
        assert!(typed(&config, &confirm).await.ok().out.contains("was confirmed already"));
        assert_eq!(typed(&config, &["subscriber", "confirm", "ann@example.com"]).await.code, 2, "which newsletter?");

        typed(&config, &["subscriber", "add", "ann@example.com", "-n", "notes"]).await.ok();
        let pause = ["subscriber", "pause", "ann@example.com", "--until", "2999-01-01"];
        let paused = typed(&config, &pause).await.ok().out;
        assert!(paused.lines().count() == 2 && paused.contains("gets no notes until"), "{paused}");
        let list = typed(&config, &["subscriber", "list", "--paused", "--json"]).await.ok().json();
        assert_eq!(list.as_array().unwrap().len(), 2);
        // Midnight of the site's clock, which is Seoul's.
        assert_eq!(list[0]["paused_until"], "2998-12-31T15:00:00Z");
        assert!(typed(&config, &["subscriber", "list"]).await.ok().out.contains("paused"));
        typed(&config, &["subscriber", "pause", "ann@example.com", "-n", "notes", "--off"]).await.ok();
        let list = typed(&config, &["subscriber", "list", "--paused", "--json"]).await.ok().json();
        assert_eq!((list.as_array().unwrap().len(), &list[0]["newsletter"]), (1, &"letter".into()));
        for wrong in [&["--until", "2020-01-01"][..], &[], &["--until", "soon"], &["--off", "--until", "2999-01-01"]] {
            let words = [&["subscriber", "pause", "ann@example.com"][..], wrong].concat();
            assert_eq!(typed(&config, &words).await.code, 2, "{wrong:?}");
        }

        typed(&config, &["subscriber", "unsubscribe", "ann@example.com", "-n", "notes"]).await.ok();
        let states = async || {
            let shown = show().await;
            let state = |index: usize| shown["subscriptions"][index]["state"].as_str().unwrap().to_owned();
            [state(0), state(1)]
        };
        assert_eq!(states().await, ["confirmed", "unsubscribed"]);
        assert_eq!(typed(&config, &["subscriber", "add", "ann@example.com", "-n", "notes"]).await.code, 1);
        assert_eq!(typed(&config, &["subscriber", "confirm", "ann@example.com", "-n", "notes"]).await.code, 1);
        typed(&config, &["subscriber", "unsubscribe", "ann@example.com"]).await.ok();
        assert_eq!(states().await, ["unsubscribed", "unsubscribed"]);
        // What cannot be done is not said to be done.
        let late =
            typed(&config, &["subscriber", "change", "ann@example.com", "-n", "letter", "--cadence", "weekly"]).await;
        assert_eq!((late.code, late.out.as_str()), (1, "ann@example.com does not get letter any more\n"));
        let twice = typed(&config, &["subscriber", "unsubscribe", "ann@example.com", "-n", "letter"]).await.ok().out;
        assert_eq!(twice, "ann@example.com did not get letter any more\n");
        for (wrong, why) in [
            (&["change", "ann@example.com", "-n", "letter"][..], "say what to change"),
            (&["add", "eve@example.com", "-n", "letter", "--timezone", "Seoul"], "did you mean `Asia/Seoul`?"),
            (&["add", "eve@example.com", "-n", "leter"], "there is: letter, notes"),
            (&["add", "eve@example.com"], "name one of letter, notes by --newsletter"),
        ] {
            let done = typed(&config, &[&["subscriber"][..], wrong].concat()).await;
            assert!(done.code == 2 && done.err.contains(why), "{wrong:?}: {}", done.err);
        }
        let words = typed(&config, &["subscriber", "show", "ann@example.com"]).await.ok().out;
        assert!(words.contains("by the operator") && words.contains("letter / daily"), "{words}");
        for verb in ["show", "unsubscribe", "erase"] {
            assert_eq!(typed(&config, &["subscriber", verb, "eve@example.com"]).await.code, 2, "{verb}");
        }
    }
}
