//! The command line from outside: the built program, its answers, its exit codes.

use crate::origin::{Answer, Item, Origin, feed, rss};
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What a command came to.
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}{}", self.out, self.err))
    }

    fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }
}

/// A folder with a configuration in it, as a new user has it.
struct Place(TempDir);

impl Place {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "# Kept.\n[site]\ntitle = \"T\"\nbase_url = \"http://127.0.0.1:8080\"\n[fetch]\nallow = [\"127.0.0.0/8:*\"]\nmin_interval = \"0s\"\n[mail]\nfrom = \"t@example.com\"\n{more}"
        );
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Self(folder)
    }

    async fn run(&self, words: &[&str]) -> Done {
        self.run_with(words, "").await
    }

    async fn run_with(&self, words: &[&str], input: &str) -> Done {
        let mut child = Command::new(env!("CARGO_BIN_EXE_syndicated"))
            .args(words)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", self.0.path().join("bin"))
            .env("TMPDIR", self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Most commands read nothing and may be gone already.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        Done {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.0.path().join("config.toml")).unwrap()
    }

    /// A program of the machine that it finds, as a line of shell.
    fn program(&self, name: &str, line: &str) {
        let folder = self.0.path().join("bin");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), format!("#!/bin/sh\n{line}\n")).unwrap();
        std::fs::set_permissions(folder.join(name), Permissions::from_mode(0o755)).unwrap();
    }
}

const NEWSLETTER: &str = "[[newsletter]]\nname = \"weekly\"\nsettle = \"0s\"\ncadences = { weekly = \"0 7 * * MON\", daily = \"0 7 * * *\" }\n";

#[tokio::test]
async fn every_command_explains_itself() {
    let place = Place::new("");
    for words in [
        "",
        "run",
        "check",
        "poll",
        "read",
        "source",
        "source list",
        "source show",
        "source add",
        "source pause",
        "source resume",
        "source remove",
        "post",
        "post list",
        "post show",
        "post release",
        "digest",
        "digest list",
        "digest preview",
        "digest send",
        "digest show",
        "digest note",
        "digest approve",
        "digest hold",
        "digest cancel",
        "digest resume",
        "digest decide",
        "dkim",
        "dkim new",
        "dkim show",
        "bounce",
        "bounce list",
        "bounce show",
        "bounce lift",
        "bounce hooks",
        "delivery",
        "delivery list",
        "delivery retry",
        "delivery give-up",
        "plan",
        "subscriber",
        "subscriber list",
        "subscriber show",
        "subscriber add",
        "subscriber confirm",
        "subscriber change",
        "subscriber pause",
        "subscriber unsubscribe",
        "subscriber erase",
        "subscriber tag",
        "subscriber import",
        "subscriber export",
        "feed",
        "demo",
        "completions",
        "man",
    ] {
        let mut words: Vec<_> = words.split_whitespace().collect();
        words.push("--help");
        let done = place.run(&words).await.ok();
        assert!(done.out.contains("Usage: syndicated"), "{words:?}: {}", done.out);
        assert!(done.out.lines().all(|line| line.chars().count() <= 100), "{words:?}");
    }
    assert!(place.run(&["--version"]).await.ok().out.starts_with("syndicated "));
}

#[tokio::test]
async fn usage_and_configuration_end_with_2_and_failures_with_1() {
    let place = Place::new(NEWSLETTER);
    for words in [
        "nonsense",
        "--nonsense",
        "source",
        "source add",
        "source add ftp://x",
        "source show none",
        "source pause none",
        "source remove none",
        "poll none",
        "post show 7",
        "post show x",
        "digest show 7",
        "digest preview none",
        "digest preview weekly",
        "digest preview weekly monthly",
        "feed none",
        "feed weekly --format opml",
        "subscriber add nobody",
        "subscriber add a@example.com --newsletter none",
        "subscriber erase a@example.com",
        "read x.xml --base here",
        "run --roles cook",
        "completions tcl",
        "check --config none.toml",
        "post list --standing new",
    ] {
        let done = place.run(&words.split_whitespace().collect::<Vec<_>>()).await;
        assert_eq!(done.code, 2, "{words}: {}{}", done.out, done.err);
        assert!(!done.err.is_empty() && done.out.is_empty(), "{words}: {}{}", done.out, done.err);
    }
    for words in ["read none.xml", "subscriber import none.csv", "read http://127.0.0.1:1/"] {
        let done = place.run(&words.split_whitespace().collect::<Vec<_>>()).await;
        assert_eq!(done.code, 1, "{words}");
        assert_eq!(done.err.lines().count(), 1, "{words}: {}", done.err);
    }
    std::fs::write(place.0.path().join("broken.toml"), "[site]\ntitel = 'T'\n[mail]\nfrom = 'x'\n").unwrap();
    for words in ["check", "run", "", "poll", "source list", "digest list"] {
        let mut words: Vec<_> = words.split_whitespace().collect();
        words.extend(["--config", "broken.toml"]);
        let done = place.run(&words).await;
        assert_eq!(done.code, 2, "{words:?}");
        assert!(done.err.contains("broken.toml:2: site.titel: unknown key; did you mean `title`?"), "{}", done.err);
        assert!(done.err.ends_with("syndicated: 4 faults in the configuration\n"), "{}", done.err);
    }
    let done = Command::new(env!("CARGO_BIN_EXE_syndicated"))
        .args(["check"])
        .current_dir(place.0.path())
        .env("SYNDICATED_LOG", "loud=very=much")
        .output()
        .await
        .unwrap();
    assert_eq!(done.status.code(), Some(2));
}

#[tokio::test]
async fn check_names_what_can_be_used_what_comes_next_and_what_a_person_should_know() {
    let source = "[[source]]\nname = \"essays\"\nurl = \"http://127.0.0.1:1/\"\n";
    let place = Place::new(&format!("{source}{NEWSLETTER}"));
    let done = place.run(&["check"]).await.ok();
    for part in [
        "ok      configuration config.toml: sources 1, newsletters 1",
        "ok      database sqlite:data/syndicated.db: will be made at the first start",
        "ok      relay maildir:data/outbox: can be written",
        "note    site.owner is not set",
        "Polled next:\n  essays  at the first start",
        "  weekly / weekly  Mon ",
    ] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    assert!(!place.0.path().join("data").exists(), "looking makes nothing");
    let quiet = place.config();
    std::fs::write(place.0.path().join("config.toml"), format!("{quiet}note_before = \"hello.txt\"\n")).unwrap();
    let done = place.run(&["check"]).await.ok().out;
    assert!(
        done.contains("note    weekly / daily: there is no file hello.txt; its digests have no such note"),
        "{done}"
    );
    std::fs::write(place.0.path().join("config.toml"), quiet).unwrap();
    let json = place.run(&["check", "--json"]).await.ok().json();
    assert_eq!(json["digests"].as_array().unwrap().len(), 2);
    let text = place.config().replace("from =", "relay = \"smtp://127.0.0.1:1\"\nfrom =");
    std::fs::write(place.0.path().join("config.toml"), text).unwrap();
    let done = place.run(&["check"]).await;
    assert_eq!(done.code, 1);
    assert!(done.out.contains("FAILED  relay 127.0.0.1:1: "), "{}", done.out);
}

#[tokio::test]
async fn a_source_goes_from_its_address_to_the_readers() {
    let origin = Origin::start().await;
    let page = format!(
        "<html><head><title>B</title><link rel=\"alternate\" type=\"application/rss+xml\" href=\"{}\"></head></html>",
        origin.url("/feed")
    );
    origin.set("/", Answer::ok(page).header("Content-Type", "text/html"));
    origin.set("/feed", Answer::ok(feed(1..=3)));
    let place = Place::new(NEWSLETTER);
    let url = origin.url("/").to_string();
    let added = place.run(&["source", "add", &url, "--name", "essays"]).await.ok();
    assert!(
        added.out.contains("added source `essays` to config.toml") && added.out.contains("3 entries"),
        "{}",
        added.out
    );
    assert!(place.config().starts_with("# Kept."));
    let again = place.run(&["source", "add", &url, "--name", "essays", "--no-fetch"]).await;
    assert_eq!((again.code, again.err.trim()), (2, "syndicated: there is a source `essays` already"));

    let polled = place.run(&["poll", "--json"]).await.ok().json();
    assert_eq!(polled[0]["seeded"].as_array().unwrap().len(), 3);
    assert_eq!(place.run(&["subscriber", "add", "ann@example.com", "--cadence", "daily"]).await.code, 0);
    origin.set("/feed", Answer::ok(feed(1..=4)));
    let polled = place.run(&["poll", "essays", "--json"]).await.ok().json();
    let new = polled[0]["new"][0].as_i64().unwrap().to_string();
    let shown = place.run(&["post", "show", &new]).await.ok().out;
    assert!(shown.contains("weekly / daily: not mailed yet: its digest goes out at"), "{shown}");
    let preview = place.run(&["digest", "preview", "weekly", "daily", "--json"]).await.ok().json();
    assert_eq!(preview["posts"].as_array().unwrap().len(), 1);
    // Without a desktop the page is there all the same; with one, its opener gets it.
    let look = ["digest", "preview", "weekly", "daily", "--open"];
    let alone = place.run(&look).await;
    assert!(alone.code == 1 && alone.err.contains("no browser was opened; the page is "), "{}", alone.err);
    place.program("xdg-open", "/bin/cp \"$1\" opened.html");
    assert!(place.run(&look).await.ok().out.starts_with("opened "));
    let page = std::fs::read_to_string(place.0.path().join("opened.html")).unwrap();
    assert!(page.to_lowercase().starts_with("<!doctype html") && page.contains("Post 4"), "{page}");

    let sent = place.run(&["digest", "send", "weekly", "daily"]).await.ok().out;
    assert!(sent.contains("1 post for 1 reader") && sent.contains("1 sent of 1"), "{sent}");
    assert_eq!(std::fs::read_dir(place.0.path().join("data/outbox/new")).unwrap().count(), 1);
    let sent = place.run(&["digest", "send", "weekly", "daily"]).await.ok().out;
    assert_eq!(sent, "nothing was sent: no new post has settled\n");
    let shown = place.run(&["post", "show", &new]).await.ok().out;
    assert!(shown.contains("a…@example.com  sent"), "{shown}");
    assert!(!shown.contains("ann@"), "addresses are masked: {shown}");
    let shown = place.run(&["post", "show", &new, "--json"]).await.ok().json();
    assert_eq!(shown["mailed"][0]["balance"]["sent"], 1);
    let seed = place.run(&["post", "show", "1"]).await.ok().out;
    assert!(seed.contains("it was there before the source was first polled"), "{seed}");
    assert!(seed.contains("posts are told apart by their guids"), "{seed}");
    let beside = place.run(&["post", "show", "1", "--beside", &new]).await.ok().out;
    assert!(
        beside.contains(" 2. guid: no: the guids differ, `post-1` and `post-4`") && beside.ends_with("\n\ntwo\n"),
        "{beside}"
    );
    let beside = place.run(&["post", "show", "1", "--beside", &new, "--json"]).await.ok().json();
    assert_eq!((beside["verdict"].as_str(), beside["rules"][0]["rule"].as_str()), (Some("two"), Some("apart")));
    assert_eq!(place.run(&["post", "show", "1", "--beside", "1"]).await.code, 2);
    let items: Vec<_> =
        (1..=4).rev().map(|number| Item { guid: format!("n{number}"), ..Item::number(number) }).collect();
    origin.set("/feed", Answer::ok(rss(&items, "")));
    assert_eq!(place.run(&["poll", "essays", "--json"]).await.ok().json()[0]["new"].as_array().unwrap().len(), 0);
    let seed = place.run(&["post", "show", "1"]).await.ok().out;
    assert!(seed.contains("known again as n1 at https://blog.example.com/1 since "), "{seed}");
    assert!(seed.contains(", by the rule address-and-text: "), "{seed}");
    let json = place.run(&["post", "show", "1", "--json"]).await.ok().json();
    assert_eq!(
        (json["identity"]["guid"].as_str(), json["identity"]["also"][0]["guid"].as_str()),
        (Some("post-1"), Some("n1"))
    );
    assert_eq!(place.run(&["source", "show", "essays", "--json"]).await.ok().json()["identity"], "address");
    let digest = place.run(&["digest", "show", "1", "--json"]).await.ok().json();
    assert_eq!((digest["state"].as_str(), digest["deliveries"][0]["state"].as_str()), (Some("done"), Some("sent")));
    assert_eq!(place.run(&["digest", "list", "--json"]).await.ok().json().as_array().unwrap().len(), 1);
    assert_eq!(place.run(&["digest", "resume", "1"]).await.code, 2);
    assert!(place.run(&["digest", "decide", "1", "sent"]).await.ok().out.contains("no mail of digest 1 waits"));
    assert_eq!(place.run(&["digest", "decide", "99", "again"]).await.code, 2);
    assert_eq!(place.run(&["post", "list", "--json"]).await.ok().json().as_array().unwrap().len(), 4);

    for (format, begins) in [("rss", "<?xml"), ("atom", "<?xml"), ("json", "{")] {
        assert!(place.run(&["feed", "weekly", "--format", format]).await.ok().out.starts_with(begins), "{format}");
    }
    for words in [&["feed"][..], &["feed", "--source", "essays"], &["feed", "weekly", "--summaries"]] {
        let out = place.run(words).await.ok().out;
        assert!(out.contains("<rss") && out.contains("Post 4"), "{words:?}: {out}");
    }
    for (words, said) in [
        (&["feed", "--tag", "nothing"][..], "no post stands in tags/nothing"),
        (&["feed", "weekly", "--page", "1"], "no post stands in feeds/weekly"),
        (&["feed", "--source", "no"], "there is no source `no` in "),
        (&["feed", "no"], "there is no newsletter `no` in "),
    ] {
        let refused = place.run(words).await;
        assert!(refused.code == 2 && refused.err.contains(said), "{words:?}: {}", refused.err);
    }

    place.run(&["source", "pause", "essays"]).await.ok();
    let list = place.run(&["source", "list", "--json"]).await.ok().json();
    assert_eq!((list[0]["state"].as_str(), list[0]["posts"].as_u64()), (Some("paused"), Some(4)));
    assert!(list[0]["next_poll_at"].is_null());
    place.run(&["source", "resume", "essays"]).await.ok();
    assert_eq!(place.run(&["source", "show", "essays", "--json"]).await.ok().json()["state"], "active");
    origin.set("/feed", Answer::status(500));
    let failed = place.run(&["poll"]).await;
    assert_eq!(failed.code, 1);
    assert!(failed.out.contains("failed: "), "{}", failed.out);
    place.run(&["source", "remove", "essays"]).await.ok();
    assert_eq!(place.run(&["source", "list"]).await.ok().out.lines().count(), 1);
}

#[tokio::test]
async fn a_page_is_followed_by_the_feed_it_names_or_may_have() {
    let origin = Origin::start().await;
    let html = |body: &str| Answer::ok(body.to_owned()).header("Content-Type", "text/html");
    let place = Place::new(NEWSLETTER);
    // It names none; where such sites keep theirs, there is one.
    origin.set("/", html("<html><title>B</title><p>Hello</p></html>"));
    origin.set("/rss", Answer::ok(feed(1..=3)));
    let url = origin.url("/").to_string();
    let added = place.run(&["source", "add", &url, "--name", "quiet"]).await.ok();
    assert!(added.out.contains("/rss") && added.out.contains("3 entries"), "{}", added.out);
    let polled = place.run(&["poll", "quiet", "--json"]).await.ok().json();
    assert_eq!(polled[0]["seeded"].as_array().unwrap().len(), 3);
    assert!(
        place.run(&["source", "show", "quiet", "--json"]).await.ok().json()["feed_url"]
            .as_str()
            .unwrap()
            .ends_with("/rss")
    );

    // It names several, the first of which cannot be read: the best of the others is taken.
    let link = |path: &str| format!("<link rel=alternate type=application/rss+xml href={path}>");
    origin.set("/many", html(&format!("<html><head>{}{}{}</head>", link("/gone"), link("/rss"), link("/news"))));
    origin.set("/news", Answer::ok(feed(1..=1)));
    let added = place.run(&["source", "add", origin.url("/many").as_str(), "--name", "many"]).await.ok();
    assert!(added.out.contains("there are 2 feeds:") && added.out.contains("newest: Post 1"), "{}", added.out);
    assert!(place.config().contains(origin.url("/rss").as_str()), "{}", place.config());

    // The last posts of each stand beside it, and one without any is not the best.
    assert!(added.out.contains("newest: Post 3  Thu 2026-"), "{}", added.out);
    origin.set("/bare", Answer::ok(feed(std::iter::empty())));
    origin.set("/two", html(&format!("<html><head>{}{}</head>", link("/bare"), link("/news"))));
    let added = place.run(&["source", "add", origin.url("/two").as_str(), "--name", "two"]).await.ok();
    assert!(added.out.contains("0 entries") && place.config().contains(origin.url("/news").as_str()), "{}", added.out);
    // None of those that it names can be had: what is where sites keep theirs is taken by its own address.
    let dead = Origin::start().await;
    dead.set("/rss", Answer::ok(feed(1..=3)));
    dead.set("/", html(&format!("<html><head>{}</head>", link("/gone"))));
    let added = place.run(&["source", "add", dead.url("/").as_str(), "--name", "dead"]).await.ok();
    assert!(added.out.contains("3 entries"), "{}", added.out);
    assert!(place.config().contains(&format!("name = \"dead\"\nurl = \"{}\"", dead.url("/rss"))), "{}", place.config());
    // Nor is there another: what the page lists is offered, and without a list the feed's own fault is told.
    let lists = Origin::start().await;
    let items = "<ul><li><a href=/p/2>Bread at five in the morning</a></li><li><a href=/p/1>A clock for the corner shop</a></li></ul>";
    lists.set("/", html(&format!("<html><head>{}</head><body>{items}</body></html>", link("/gone"))));
    let added = place.run(&["source", "add", lists.url("/").as_str(), "--name", "lists"]).await.ok();
    assert!(added.out.contains("there is no feed") && added.out.contains("2 entries"), "{}", added.out);
    lists.set("/", html(&format!("<html><head>{}</head>", link("/gone"))));
    let none = place.run(&["source", "add", lists.url("/").as_str(), "--name", "nothing"]).await;
    assert!(
        none.code == 1 && none.err.contains("names feeds, and none of them") && none.err.contains("404"),
        "{}",
        none.err
    );

    // Nothing is there.
    let empty = Origin::start().await;
    empty.set("/", html("<html><p>Hello</p></html>"));
    let none = place.run(&["source", "add", empty.url("/").as_str(), "--name", "none"]).await;
    assert!(none.code == 1 && none.err.contains("none of 7 usual addresses has one"), "{}", none.err);
}

#[tokio::test]
async fn a_page_without_a_feed_is_offered_for_what_it_lists() {
    let origin = Origin::start().await;
    let html = |body: &str| Answer::ok(body.to_owned()).header("Content-Type", "text/html; charset=utf-8");
    let page = "<html lang=en><title>The alley</title><body><nav><a href=/about>About all of this</a></nav>\
        <ul class=posts><li><a href='/p/2'>Bread at five in the morning</a> <time>2026-03-02</time> <em>Mina</em></li>\
        <li><a href='/p/1'>A clock for the corner shop</a> <time>2026-03-01</time></li></ul></body></html>";
    origin.set("/", html(page));
    let url = origin.url("/").to_string();
    let place = Place::new(NEWSLETTER);
    let added = place.run(&["source", "add", &url]).await.ok();
    assert!(added.out.contains("there is no feed") && added.out.contains("2 entries"), "{}", added.out);
    assert!(
        place.config().contains(&format!("name = \"the-alley\"\nurl = \"{url}\"\nkind = \"page\"\n")),
        "{}",
        place.config()
    );
    // Its posts' pages are not there yet; they stand as the list gives them.
    let polled = place.run(&["poll", "--json"]).await.ok().json();
    assert_eq!(polled[0]["seeded"].as_array().unwrap().len(), 2, "{polled}");
    let listed = place.run(&["source", "list", "--json"]).await.ok().json();
    assert_eq!((listed[0]["kind"].as_str(), listed[0]["state"].as_str()), (Some("page"), Some("active")));

    let titles = |read: &Value| {
        assert_eq!(read["kind"], "page");
        read["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["title"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let read = place.run(&["read", &url, "--list", "--json"]).await.ok().json();
    assert_eq!(titles(&read), ["Bread at five in the morning", "A clock for the corner shop"]);
    assert_eq!(read["entries"][0]["published"], "2026-03-02T00:00:00Z");
    let words = ["read", "-", "--base", &url, "--list", "--json", "--source", "the-alley", "--author", "em"];
    let read = place.run_with(&words, page).await.ok().json();
    assert_eq!(read["entries"][0]["authors"][0], "Mina");
    assert_eq!(read["entries"][1]["authors"].as_array().unwrap().len(), 0);
    for (words, code, said) in [
        (&["read", "-", "--items", "li"][..], 2, "--list"),
        (&["read", "-", "--list", "--items", ">>"], 2, "is not a CSS selector"),
        (&["read", "-", "--list", "--source", "nobody"], 2, "there is no source `nobody`"),
        (&["read", "-", "--list", "--items", ".gone"], 1, "`.gone` finds no post on the page"),
    ] {
        let done = place.run_with(words, page).await;
        assert!(done.code == code && done.err.contains(said), "{words:?}: {} {}", done.code, done.err);
    }
    // What it lists is gone: the source says so.
    origin.set("/", html("<html><body><div id=app></div></body></html>"));
    assert!(place.run(&["poll"]).await.out.contains("no list of posts was found"));
    let listed = place.run(&["source", "list"]).await.ok().out;
    assert!(listed.contains("broken") && listed.contains("no list of posts was found"), "{listed}");
    // A host that asks programs to stay away is not offered.
    origin.set("/robots.txt", Answer::ok("User-agent: *\nDisallow: /"));
    let refused = place.run(&["source", "add", &url, "--page", "--name", "other"]).await;
    assert!(refused.code == 1 && refused.err.contains("robots.txt"), "{}", refused.err);
}

#[tokio::test]
async fn readers_are_added_imported_exported_and_removed() {
    let place = Place::new(NEWSLETTER);
    let list = "email,cadence,language,consent\nann@example.com,daily,ko,\"by letter, 2026\"\n\nbo@example.com,,,\n# a remark\nnobody,,,\nChi@Example.com,hourly,,\n";
    let bad = place.run_with(&["subscriber", "import", "-"], list).await;
    assert_eq!(bad.code, 1);
    assert!(bad.out.contains("line 6: that is not a mail address"), "{}", bad.out);
    assert!(bad.out.contains("line 7: newsletter `weekly` has no cadence `hourly`"), "{}", bad.out);
    assert!(bad.out.contains("nothing was imported"), "{}", bad.out);
    let good = place.run_with(&["subscriber", "import", "-", "--skip-bad", "--json"], list).await.ok().json();
    assert_eq!((good["added"].as_u64(), good["bad_lines"].as_array().unwrap().len()), (Some(2), 2));
    let plain = place.run_with(&["subscriber", "import", "-"], "ann@example.com\ndan@example.com\n").await.ok();
    assert!(plain.out.contains("1 address added, 1 here before"), "{}", plain.out);

    place.run(&["subscriber", "unsubscribe", "bo@example.com"]).await.ok();
    let back = place.run(&["subscriber", "add", "bo@example.com"]).await;
    assert_eq!(back.code, 1, "who left stays so: {}", back.out);
    let exported = place.run(&["subscriber", "export"]).await.ok().out;
    assert!(exported.contains("ann@example.com,,ko,,,weekly,daily,,confirmed,"), "{exported}");
    assert!(exported.contains(",\"by letter, 2026\","), "{exported}");
    let other = Place::new(NEWSLETTER);
    let brought = other.run_with(&["subscriber", "import", "-", "--json"], &exported).await.ok().json();
    assert_eq!((brought["added"].as_u64(), brought["unsubscribed"].as_u64()), (Some(2), Some(1)));

    place.run(&["subscriber", "erase", "ann@example.com"]).await.ok();
    let left = place.run(&["subscriber", "list", "--json"]).await.ok().json();
    assert_eq!(left.as_array().unwrap().len(), 2);
    assert!(!place.run(&["subscriber", "export"]).await.ok().out.contains("ann@"));
}

#[tokio::test]
async fn read_shows_a_document_from_a_file_an_address_or_a_pipe() {
    let origin = Origin::start().await;
    origin.set("/feed", Answer::ok(feed(1..=2)));
    let place = Place::new("");
    let url = origin.url("/feed").to_string();
    let fetched = place.run(&["read", &url, "--json"]).await.ok().json();
    assert_eq!((fetched["kind"].as_str(), fetched["entries"].as_array().unwrap().len()), (Some("feed"), 2));
    // It needs no configuration; then no address but a public one is allowed.
    std::fs::remove_file(place.0.path().join("config.toml")).unwrap();
    let refused = place.run(&["read", &url]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("is not a public address"), "{}", refused.err);
    let text = "<rss version=\"2.0\"><channel><title>A \u{1b}[31mB</title><item><guid>1</guid><title>t</title><link>/1</link>\
                <description>&lt;b onclick=x&gt;hi&lt;/b&gt;</description></item></channel></rss>";
    let piped = ["read", "-", "--json", "--base", "https://blog.example.com/"];
    let entry = place.run_with(&piped, text).await.ok().json()["entries"][0].clone();
    assert_eq!(entry["url"], "https://blog.example.com/1");
    assert_eq!(entry["summary_html"], "<b>hi</b>");
    assert!(entry["published"].is_null() && entry["content_html"].is_null());
    let mut keys: Vec<_> = entry.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "also_at",
            "authors",
            "categories",
            "content_html",
            "enclosures",
            "id",
            "published",
            "summary_html",
            "title",
            "updated",
            "url"
        ]
    );
    std::fs::write(place.0.path().join("f.xml"), text).unwrap();
    let raw = place.run(&["read", "f.xml", "--json", "--raw"]).await.ok().json();
    assert_eq!(raw["entries"][0]["summary_html"], "<b onclick=x>hi</b>");
    let shown = place.run(&["read", "f.xml"]).await.ok().out;
    assert!(!shown.contains('\u{1b}'), "no feed speaks to the terminal: {shown:?}");
    let none = place.run_with(&["read", "-"], "  ").await;
    assert_eq!((none.code, none.err.lines().count(), none.out.as_str()), (1, 1, ""));
}

#[tokio::test]
async fn read_shows_what_a_filter_would_do() {
    let origin = Origin::start().await;
    origin.set("/feed", Answer::ok(feed(1..=3)));
    let source = "[[source]]\nname = \"essays\"\nurl = \"http://127.0.0.1:1/\"\nexclude = [\"title: 2\"]\n";
    let both = "[[source]]\nname = \"weekly\"\nurl = \"http://127.0.0.1:2/\"\n";
    let place = Place::new(&format!("{source}{both}{NEWSLETTER}include = [\"title: 1\", \"title: 3\"]\n"));
    let url = origin.url("/feed").to_string();
    let filtered = async |more: &[&str]| {
        let json = place.run(&[&["read", &url, "--json"], more].concat()).await.ok().json();
        let entries = json["entries"].as_array().unwrap().clone();
        entries
            .into_iter()
            .map(|entry| (entry["title"].as_str().unwrap().to_owned(), entry["filtered"].clone()))
            .collect::<Vec<_>>()
    };
    let excluded = |titles: [&str; 3], out: &str, why: &str| {
        titles.map(|title| (title.to_owned(), if title == out { Value::from(why) } else { Value::Null }))
    };
    let titles = ["Post 3", "Post 2", "Post 1"];
    assert_eq!(filtered(&["--filter-of", "essays"]).await, excluded(titles, "Post 2", "exclude = [\"title: 2\"]"));
    assert_eq!(
        filtered(&["--filter-of", "newsletter:weekly"]).await,
        excluded(titles, "Post 2", "include = [\"title: 1\", \"title: 3\"]")
    );
    assert_eq!(filtered(&["--filter-of", "source:weekly"]).await, excluded(titles, "", ""));
    assert_eq!(
        filtered(&["--exclude", "title: 3", "--exclude", "author: bot"]).await,
        excluded(titles, "Post 3", "exclude = [\"title: 3\"]")
    );
    let plain = place.run(&["read", &url, "--json"]).await.ok().json();
    assert!(plain["entries"][0].get("filtered").is_none(), "without a filter the answer has no such key");

    let shown = place.run(&["read", &url, "--include", "title: 3", "--include", "title: 1"]).await.ok().out;
    assert!(shown.contains("Post 3\n  kept by `title: 3`\n"), "{shown}");
    assert!(shown.contains("Post 2\n  left out by include = [\"title: 3\", \"title: 1\"]\n"), "{shown}");
    let shown = place.run(&["read", &url, "--exclude", "title: 2"]).await.ok().out;
    assert!(shown.contains("Post 1\n  kept\n"), "{shown}");

    for (words, said) in [
        (["--filter-of", "weekly"], "write --filter-of source:weekly or newsletter:weekly"),
        (["--filter-of", "none"], "there is no source and no newsletter `none` in config.toml"),
        (["--include", "colour: red"], "`colour` is nothing that a rule looks at"),
    ] {
        let done = place.run(&[&["read", &url], &words[..]].concat()).await;
        assert!(done.code == 2 && done.err.contains(said), "{words:?}: {}", done.err);
    }
}

#[tokio::test]
async fn a_filter_is_told_wherever_a_person_may_ask_why() {
    let origin = Origin::start().await;
    origin.set("/feed", Answer::ok(feed(1..=1)));
    let url = origin.url("/feed");
    let source = format!("[[source]]\nname = \"essays\"\nurl = \"{url}\"\nexclude = [\"title: 2\"]\n");
    let place = Place::new(&format!("{source}{NEWSLETTER}exclude = [\"title: 3\"]\n"));
    place.run(&["poll"]).await.ok();
    origin.set("/feed", Answer::ok(feed(1..=4)));
    let polled = place.run(&["poll"]).await.ok().out;
    assert!(polled.contains("2 new, 1 filtered out"), "{polled}");
    let hidden = place.run(&["post", "list", "--filtered", "--json"]).await.ok().json();
    assert_eq!((hidden.as_array().unwrap().len(), hidden[0]["title"].as_str()), (1, Some("Post 2")));
    assert_eq!(hidden[0]["filtered"], "exclude = [\"title: 2\"]");
    let id = hidden[0]["id"].to_string();
    let shown = place.run(&["post", "show", &id]).await.ok().out;
    for part in [
        "filtered: stored, and neither in a feed nor mailed, by `exclude = [\"title: 2\"]`",
        "weekly / daily: not mailed: filtered out by `exclude = [\"title: 2\"]` of the source essays",
        &format!("`syndicated post release {id}` lets it go"),
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let passed = place.run(&["post", "list", "--json"]).await.ok().json();
    let third = passed.as_array().unwrap().iter().find(|post| post["title"] == "Post 3").unwrap()["id"].to_string();
    let shown = place.run(&["post", "show", &third]).await.ok().out;
    let by = "filtered out by `exclude = [\"title: 3\"]` of the newsletter weekly";
    assert!(shown.contains(&format!("weekly / daily: will not be mailed: {by}")), "{shown}");
    let preview = place.run(&["digest", "preview", "weekly", "daily"]).await.ok().out;
    assert!(preview.contains(&format!("left out by exclude = [\"title: 3\"]: post {third}, Post 3")), "{preview}");
    let preview = place.run(&["digest", "preview", "weekly", "daily", "--json"]).await.ok().json();
    assert_eq!(
        (preview["posts"].as_array().unwrap().len(), preview["left_out"][0]["post"].to_string()),
        (1, third.clone())
    );

    place.run(&["digest", "send", "weekly", "daily"]).await.ok();
    let shown = place.run(&["post", "show", &third]).await.ok().out;
    assert!(shown.contains(&format!("weekly / daily: not mailed: {by}, decided at ")), "{shown}");
    assert!(shown.contains(&format!("weekly / weekly: will not be mailed: {by}")), "{shown}");
    place.run(&["post", "release", &id]).await.ok();
    let preview = place.run(&["digest", "preview", "weekly", "daily"]).await.ok().out;
    assert!(preview.contains("Post 2"), "{preview}");
}

#[tokio::test]
async fn a_source_shows_what_is_followed_and_how_it_is() {
    let origin = Origin::start().await;
    let text = feed(1..=3).replace("<channel>", "<channel><language>ko</language><ttl>90</ttl>");
    origin.set("/feed", Answer::ok(text));
    let url = origin.url("/feed");
    let source = format!("[[source]]\nname = \"essays\"\nurl = \"{url}\"\nexclude = [\"title: 2\"]\n");
    let place = Place::new(&format!("{source}{NEWSLETTER}"));
    let shown = place.run(&["source", "show", "essays"]).await.ok().out;
    assert!(
        shown.contains("active: it was not polled yet: start the daemon, or run `syndicated poll essays`"),
        "{shown}"
    );
    place.run(&["poll"]).await.ok();
    let shown = place.run(&["source", "show", "essays"]).await.ok().out;
    let fact = |shown: &str, name: &str| {
        let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("  ").map(str::trim));
        line.unwrap_or_default().to_owned()
    };
    for (name, value) in [
        ("name", "essays"),
        ("language", "ko"),
        ("address", url.as_str()),
        ("schedule", "*/15 * * * * (UTC)"),
        ("pace", "asks to be polled at most every 90 min"),
        ("filter", "exclude = [\"title: 2\"]"),
        ("newsletters", "weekly"),
        ("state", "active"),
        ("last error", ""),
        ("posts", "3"),
        ("filtered", "1 by the filter; see `syndicated post list --source essays --filtered`"),
    ] {
        assert_eq!(fact(&shown, name), value, "{name}: {shown}");
    }
    for name in ["last poll", "last success", "next poll", "last post"] {
        assert!(!fact(&shown, name).is_empty(), "{name}: {shown}");
    }

    // It fails, is mended, paused, and gone for good.
    origin.set("/feed", Answer::status(500));
    for _ in 0..2 {
        assert_eq!(place.run(&["poll"]).await.code, 1);
    }
    let shown = place.run(&["source", "show", "essays"]).await.ok().out;
    assert!(fact(&shown, "state").contains("failing: it is tried again by itself"), "{shown}");
    assert!(fact(&shown, "last error").ends_with("it answered 500 Internal Server Error"), "{shown}");
    assert!(fact(&shown, "failing since").ends_with(", 2 polls in a row"), "{shown}");
    assert!(!fact(&shown, "next try").is_empty() && fact(&shown, "next poll").is_empty(), "{shown}");
    let list = place.run(&["source", "list"]).await.ok().out;
    assert!(list.contains("failing") && list.contains("since ") && list.contains("it answered 500"), "{list}");
    let json = place.run(&["source", "show", "essays", "--json"]).await.ok().json();
    for key in ["trouble", "failing_since", "next_poll_at", "advice", "last_post_at", "ok_at"] {
        assert!(json[key].is_string(), "{key}: {json}");
    }
    assert_eq!(
        (json["failures"].as_u64(), json["filtered"].as_u64(), json["held"].as_u64()),
        (Some(2), Some(1), Some(0))
    );
    origin.set("/feed", Answer::ok(feed(1..=3).replace("Post 1", "Post & 1")));
    place.run(&["poll"]).await.ok();
    let shown = place.run(&["source", "show", "essays"]).await.ok().out;
    assert!(fact(&shown, "state").starts_with("repaired: ") && !fact(&shown, "repaired").is_empty(), "{shown}");
    assert_eq!((fact(&shown, "last error"), fact(&shown, "failing since")), (String::new(), String::new()), "{shown}");
    place.run(&["source", "pause", "essays"]).await.ok();
    let shown = place.run(&["source", "show", "essays"]).await.ok().out;
    assert!(fact(&shown, "state").contains("`syndicated source resume essays` sets it going again"), "{shown}");
    assert_eq!(fact(&shown, "next poll"), "", "{shown}");
    place.run(&["source", "resume", "essays"]).await.ok();
    origin.set("/feed", Answer::status(410));
    assert_eq!(place.run(&["poll"]).await.code, 1);
    let shown = place.run(&["source", "show", "essays"]).await.ok().out;
    assert!(fact(&shown, "state").starts_with("gone: it is not asked again: give its new address"), "{shown}");
    assert!(fact(&shown, "last error").contains("410 Gone"), "{shown}");
}

#[tokio::test]
async fn completions_and_man_pages_name_every_command() {
    let place = Place::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]).await.ok().out;
        assert!(script.contains("subscriber") && script.contains("skip-bad"), "{shell}");
    }
    place.run(&["man", "pages"]).await.ok();
    let pages = place.0.path().join("pages");
    for page in ["syndicated.1", "syndicated-source-add.1", "syndicated-digest.1"] {
        let text = std::fs::read_to_string(pages.join(Path::new(page))).unwrap();
        assert!(text.contains(".TH "), "{page}");
    }
}

/// An editor's morning, typed: a note, a look, a test, a review, a word.
#[tokio::test]
async fn an_editor_looks_says_a_word_and_approves() {
    let origin = Origin::start().await;
    origin.set("/feed", Answer::ok(feed(1..=1)));
    let source = format!("[[source]]\nname = \"essays\"\nurl = \"{}\"\n", origin.url("/feed"));
    let newsletter = "[[newsletter]]\nname = \"weekly\"\ntitle = \"W\"\nreview = true\neditor = \"ed@example.com\"\ngreeting = true\ntopics = { walks = [\"title: walk\"] }\ncadences = { daily = \"0 7 * * *\", weekly = \"0 7 * * MON\" }\n";
    let place = Place::new(&format!("{source}{newsletter}"));
    place.run(&["poll"]).await.ok();
    let list = "email,name,timezone,topics\nann@example.com,Ann,Asia/Kathmandu,\nbob@example.com,,,walks\n";
    place.run_with(&["subscriber", "import", "-", "--cadence", "daily"], list).await.ok();
    let bad = place
        .run_with(&["subscriber", "import", "-", "--cadence", "daily"], "email,timezone\nx@example.com,Moon\n")
        .await;
    assert!(bad.code == 1 && bad.out.contains("line 2: `Moon` is not a time zone"), "{}", bad.out);
    let exported = place.run(&["subscriber", "export"]).await.ok().out;
    let line = |number| exported.lines().nth(number).unwrap();
    assert!(line(1).starts_with("ann@example.com,Ann,en,Asia/Kathmandu,,weekly,daily,,confirmed,"), "{exported}");
    assert!(line(2).starts_with("bob@example.com,,en,,,weekly,daily,walks,confirmed,"), "{exported}");
    let wrong = place.run(&["subscriber", "change", "bob@example.com", "--topics", "talks"]).await;
    assert!(wrong.code == 2 && wrong.err.contains("has no topic `talks`; there is: walks"), "{}", wrong.err);
    place.run(&["subscriber", "change", "bob@example.com", "--topics", "all", "--timezone", "Asia/Seoul"]).await.ok();
    let bob = place.run(&["subscriber", "list", "--json"]).await.ok().json()[1].clone();
    assert_eq!((bob["topics"].as_array().unwrap().len(), bob["timezone"].as_str()), (0, Some("Asia/Seoul")));

    origin.set("/feed", Answer::ok(feed(1..=2)));
    place.run(&["poll"]).await.ok();
    assert_eq!(place.run(&["digest", "note", "weekly"]).await.code, 2);
    assert_eq!(place.run(&["digest", "note", "weekly", "--before", " "]).await.code, 2);
    place.run(&["digest", "note", "weekly", "--before", "Good morning & all."]).await.ok();
    // Nothing has settled, and who cannot wait may say so.
    assert!(place.run(&["digest", "preview", "weekly", "daily"]).await.ok().out.contains("nothing would be sent"));
    let look = ["digest", "preview", "weekly", "daily", "--now"];
    let shown = place.run(&look).await.ok().out;
    assert!(shown.contains("Good morning & all.") && shown.contains("Hello,"), "{shown}");
    assert!(shown.contains("Unsubscribe: http://127.0.0.1:8080/\n"), "{shown}");
    let page = place.run(&[&look[..], &["--part", "html"]].concat()).await.ok().out;
    let json = place.run(&[&look[..], &["--json"]].concat()).await.ok().out;
    for text in [&shown, &page, &json] {
        assert!(!text.contains(['\u{e000}', '\u{e001}']), "{text}");
    }
    place.run(&[&look[..], &["--write", "mail.eml", "--to", "me@example.com"]].concat()).await.ok();
    let written = std::fs::read(place.0.path().join("mail.eml")).unwrap();
    let mail = mail_parser::MessageParser::default().parse(&written).unwrap();
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("me@example.com"));
    let text = mail.body_text(0).unwrap();
    assert!(text.contains("Hello,") && text.contains("/u/0.0.") && !text.contains('\u{e000}'), "{text}");
    assert!(mail.header("List-Unsubscribe-Post").is_some());

    let sent = place.run(&["digest", "send", "weekly", "daily", "--now"]).await.ok().out;
    assert!(sent.contains("1 post for 2 readers") && sent.contains("digest approve 1"), "{sent}");
    let outbox = || std::fs::read_dir(place.0.path().join("data/outbox/new")).unwrap().count();
    assert_eq!(outbox(), 2, "the test and the review's preview");
    assert_eq!(place.run(&["digest", "hold", "1"]).await.code, 2);
    place.run(&["digest", "approve", "1"]).await.ok();
    place.run(&["digest", "hold", "1"]).await.ok();
    place.run(&["digest", "resume", "1"]).await.ok();
    let again = place.run(&["digest", "approve", "1"]).await;
    assert_eq!((again.code, again.err.trim()), (2, "syndicated: digest 1 does not wait for review: it is sending"));
    let off = place.run(&["digest", "cancel", "1"]).await.ok().out;
    assert!(off.contains("digest 1 is called off; nobody got it"), "{off}");
    let none = place.run(&["digest", "cancel", "9"]).await;
    assert_eq!((none.code, none.err.trim()), (2, "syndicated: there is no digest 9; see `syndicated digest list`"));
    assert!(place.run(&look).await.ok().out.contains("Good morning & all."), "the note waits for the next again");
    assert!(place.run(&["digest", "note", "weekly", "--clear"]).await.ok().out.contains("1 note dropped"));
}

#[tokio::test]
async fn a_plan_is_told_in_lines_and_in_json() {
    let place = Place::new(
        "[[source]]\nname = \"essays\"\nurl = \"http://127.0.0.1:9/\"\nschedule = \"0 0 * * *\"\n[[newsletter]]\nname = \"weekly\"\ntimezone = \"Europe/Berlin\"\ndeliver = \"local\"\ncadences = { night = \"30 2 * * *\" }\n",
    );
    let year = (chrono::Utc::now() + chrono::TimeDelta::days(366)).format("%Y-%m-%d").to_string();
    let lines = place.run(&["plan", "--until", &year]).await.ok().out;
    assert!(lines.lines().count() > 2 * 360, "{lines}");
    let forward: Vec<_> = lines.lines().filter(|line| line.contains("clocks go forward")).collect();
    let [forward] = forward.as_slice() else { panic!("{forward:?}") };
    assert!(
        forward.contains("03:00 CEST") && forward.contains("01:00Z  digest weekly / night, elsewhere"),
        "{forward}"
    );
    let back: Vec<_> = lines.lines().filter(|line| line.contains("clocks go back")).collect();
    assert!(back.len() == 1 && back[0].contains("02:30 CEST") && back[0].contains("00:30Z"), "{back:?}");
    let json = place.run(&["plan", "--until", &year, "--digests", "--json"]).await.ok().out;
    for line in json.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!((row["what"].as_str(), row["timezone"].as_str()), (Some("digest"), Some("Europe/Berlin")));
    }
    assert!(!place.run(&["plan", "--until", &year, "--polls"]).await.ok().out.contains("digest"));
    assert!(!place.0.path().join("data").exists(), "looking makes nothing");

    place.run(&["subscriber", "list"]).await.ok();
    let line = place.run(&["plan", "--until", &year, "--digests"]).await.ok().out.lines().next().unwrap().to_owned();
    assert!(line.ends_with("night, by each reader's clock: there is no reader yet"), "{line}");

    // With readers it is known when the first and the last of them get it.
    place.run(&["subscriber", "add", "ann@example.com"]).await.ok();
    let digests = async || place.run(&["plan", "--until", &year, "--digests"]).await.ok().out;
    assert!(digests().await.lines().all(|line| line.contains("night, to all by the clock of Europe/Berlin")));
    place.run(&["subscriber", "add", "bob@example.com", "--timezone", "Asia/Seoul"]).await.ok();
    place.run(&["subscriber", "add", "eve@example.com", "--timezone", "America/New_York"]).await.ok();
    let line = digests().await.lines().next().unwrap().to_owned();
    let (_, told) = line.split_once("night, by each reader's clock: first at ").unwrap_or_else(|| panic!("{line}"));
    assert!(told.contains("17:30Z (Asia/Seoul), last at ") && told.ends_with(":30Z (America/New_York)"), "{line}");
    let json = place.run(&["plan", "--until", &year, "--digests", "--json"]).await.ok().out;
    let row: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&row["first"]["timezone"], &row["last"]["timezone"]),
        (&"Asia/Seoul".into(), &"America/New_York".into())
    );
    assert_eq!(place.run(&["plan", "--until", "2001-01-01"]).await.ok().out, "nothing falls due until then\n");
    assert_eq!(place.run(&["plan", "--until", "tomorrow"]).await.code, 2);
}
