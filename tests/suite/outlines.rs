//! Lists of feeds (OPML): read however they were written, taken into the
//! configuration without losing a line of it, and written so that they come back the same.

use crate::engines;
use crate::serving::{Answer, ask, get};
use crate::stage::{self, Stage, at};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::source::Kind;
use syndicated::flow::outlines::{plan, source_list};
use syndicated::publish::{Followed, write_list};
use syndicated::read::opml::{OpmlError, Outlines, outlines};
use syndicated::scheduler::Roles;
use tokio::process::Command;

/// Each outline in a line: its folders, its title, its address.
fn lines(list: &Outlines) -> Vec<String> {
    let line = |outline: &syndicated::read::opml::Outline| {
        format!("{} | {} | {}", outline.folders.join("/"), outline.title.clone().unwrap_or_default(), outline.url)
    };
    let skipped = list.skipped.iter().map(|skipped| format!("- {}: {}", skipped.what, skipped.why));
    list.outlines.iter().map(line).chain(skipped).collect()
}

fn read(text: &str) -> Vec<String> {
    lines(&outlines(text.as_bytes()).unwrap_or_else(|why| panic!("{why}: {text}")))
}

#[test]
fn lists_are_read_however_they_were_written() {
    for (text, expected) in [
        (
            // As most readers write them.
            r#"<?xml version="1.0" encoding="UTF-8"?><opml version="1.0"><head><title>Subs</title></head><body>
            <outline text="Tech &amp; co" title="Tech &amp; co">
              <outline type="rss" text="A" title="A" xmlUrl="https://a.example/feed" htmlUrl="https://a.example/"/>
              <outline text="Rust"><outline type="rss" text="B" xmlUrl="https://b.example/rss?a=1&amp;b=2"/></outline>
            </outline>
            <outline type="rss" text="C" xmlUrl="http://c.example/atom.xml"></outline></body></opml>"#,
            vec![
                "Tech & co | A | https://a.example/feed",
                "Tech & co/Rust | B | https://b.example/rss?a=1&b=2",
                " | C | http://c.example/atom.xml",
            ],
        ),
        (
            // Attributes in any case and quotes, bare ampersands, a comment, a prefix.
            "<OPML><body><!-- <outline xmlUrl='https://no.example/'/> --><o:OUTLINE TEXT='A & \"b\"' xmlurl = 'https://a.example/?x=1&y=2'  />\
             <outline text=plain xmlURL=https://b.example/></body>",
            vec![" | A & \"b\" | https://a.example/?x=1&y=2", " | plain | https://b.example/"],
        ),
        (
            // What only other readers call an address.
            "<opml><outline text='1' xmlUrl='feed://a.example/x'/><outline text='2' xmlUrl='feed:https://b.example/'/>\
             <outline text='3' xmlUrl=' c.example/feed '/><outline text='4' htmlUrl='https://d.example/'/>\
             <outline text='5' type='link' url='https://e.example/page'/><outline text='6' type='rss' url='https://f.example/rss'/>",
            vec![
                " | 1 | http://a.example/x",
                " | 2 | https://b.example/",
                " | 3 | https://c.example/feed",
                " | 4 | https://d.example/",
                " | 5 | https://e.example/page",
                " | 6 | https://f.example/rss",
            ],
        ),
        (
            // What cannot be followed is said.
            "<opml><outline text='ftp' xmlUrl='ftp://a.example/'/><outline text='me' xmlUrl='https://u:secret@a.example/'/>\
             <outline text='more' type='include' url='https://a.example/more.opml'/><outline text='just words'/>\
             <outline text='' xmlUrl='javascript:alert(1)'/><outline xmlUrl=''/>",
            vec![
                "- ftp: `ftp://a.example/` is not a web address: it must begin with http:// or https://",
                "- me: `https://a.example/` must not carry a user name or password",
                "- more: another list of feeds: fetch it, and import it by itself",
                "- javascript:alert(1): `javascript:alert(1)` is not a web address: it must begin with http:// or https://",
            ],
        ),
        (
            // Folders as categories; ends that do not match; an end that is missing.
            "<opml><outline text='A' category='/Film/Old,/Tea' xmlUrl='https://a.example/'/></outline></outline>\
             <outline text='F'><outline text='B' category='/Film' xmlUrl='https://b.example/'>\
             <outline text='C' xmlUrl='https://c.example/'/></outline></outline><outline text='D' xmlUrl='https://d.example/'/>\
             <outline text='cut' xmlUrl='https://e.exam",
            vec![
                "Film/Old | A | https://a.example/",
                "F | B | https://b.example/",
                "F | C | https://c.example/",
                " | D | https://d.example/",
            ],
        ),
        (
            // Titles that were escaped twice, or hold what was not meant for eyes.
            "<opml><outline text='&lt;b&gt;Bold&lt;/b&gt; &amp;amp; co' xmlUrl='https://a.example/'/>\
             <outline title='x\u{7}&#0;y' xmlUrl='https://b.example/'/>",
            vec![" | Bold & co | https://a.example/", " | x y | https://b.example/"],
        ),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn lists_of_other_charsets_are_read() {
    let text = "<?xml version=\"1.0\" encoding=\"euc-kr\"?><opml><head><title>구독</title></head><body><outline text=\"글쓰기\"><outline text=\"느린 편지\" xmlUrl=\"https://a.example/\"/></outline></body></opml>";
    let (bytes, _, _) = encoding_rs::EUC_KR.encode(text);
    let list = outlines(&bytes).unwrap();
    assert_eq!(lines(&list), ["글쓰기 | 느린 편지 | https://a.example/"]);
    assert_eq!(list.title.as_deref(), Some("구독"));
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(lines(&outlines(&wide).unwrap()), lines(&list));
}

#[test]
fn what_is_no_list_is_said_to_be_none() {
    for (bytes, why) in [
        (Vec::new(), OpmlError::Empty),
        (b" \n".to_vec(), OpmlError::Empty),
        (b"<rss><channel><title>x</title></channel></rss>".to_vec(), OpmlError::NotOpml),
        (b"{\"feeds\": []}".to_vec(), OpmlError::NotOpml),
        (b"<opml><body></body></opml>".to_vec(), OpmlError::NotOpml),
        (vec![b'x'; 32 * 1024 * 1024 + 1], OpmlError::TooLong),
    ] {
        assert_eq!(outlines(&bytes).unwrap_err(), why);
    }
    assert!(OpmlError::NotOpml.to_string().contains("as OPML"));
}

/// P15: whatever stands in a list, it costs no more than its length.
#[test]
fn a_hostile_list_is_bounded() {
    let mut laughs = "<!DOCTYPE opml [<!ENTITY a \"ha\">".to_owned();
    for letter in 'b'..='z' {
        let before = char::from(letter as u8 - 1);
        write!(laughs, "<!ENTITY {letter} \"&{before};&{before};&{before};&{before};\">").unwrap();
    }
    laughs += "<!ENTITY file SYSTEM \"file:///etc/passwd\">]><opml><outline text='&z;&file;' xmlUrl='https://a.example/'/></opml>";
    assert_eq!(read(&laughs), [" | &z;&file; | https://a.example/"]);
    let start = Instant::now();
    for piece in [
        "<outline ",
        "<outline a=\"",
        "<!--",
        "<![CDATA[",
        "<outline text='",
        "</outline>",
        "<outline>",
        "<",
        "<!DOCTYPE [",
        "&a;",
    ] {
        let text =
            format!("<opml><outline text='A' xmlUrl='https://a.example/'/>{}", piece.repeat(2_000_000 / piece.len()));
        assert_eq!(read(&text)[..1], [" | A | https://a.example/"], "{piece}");
    }
    let deep = "<outline text='x'>".repeat(50_000) + "<outline text='A' xmlUrl='https://a.example/'/>";
    assert!(read(&deep)[0].len() < 100);
    let huge = format!(
        "<opml><outline text='{}' xmlUrl='https://a.example/'/><outline text='B' xmlUrl='https://b.example/'/>",
        "x".repeat(1_000_000)
    );
    assert_eq!(read(&huge).last().unwrap(), " | B | https://b.example/");
    let many = "<outline xmlUrl='https://a.example/'/>".repeat(100_001);
    assert_eq!(outlines(many.as_bytes()).unwrap_err(), OpmlError::TooMany);
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

/// However a list is damaged, it is read, or one sentence says why not; and what is read of
/// it comes back when it is written (`fuzz/fuzz_targets/opml.rs` asks the same).
#[test]
fn a_damaged_list_is_never_more_than_a_sentence() {
    let whole = LIST.as_bytes();
    let mut chance = 11_u64;
    let mut next = |most: usize| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(chance >> 33).unwrap() % most
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..3_000 {
        let mut bytes = whole.to_vec();
        for _ in 0..=next(6) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = u8::try_from(next(256)).unwrap(),
                2 => drop(bytes.drain(at..(at + next(40)).min(bytes.len()))),
                _ => {
                    let piece = bytes[at..(at + next(60)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        let Ok(list) = outlines(&bytes) else {
            refused += 1;
            continue;
        };
        read += 1;
        let followed: Vec<Followed> = list
            .outlines
            .iter()
            .enumerate()
            .map(|(number, outline)| Followed {
                name: format!("s{number}"),
                title: outline.title.clone().unwrap_or_default(),
                url: outline.url.to_string(),
                feed: None,
                site: None,
                language: None,
                is_page: number % 2 == 1,
            })
            .collect();
        if followed.is_empty() {
            continue;
        }
        let again = outlines(write_list("T", &followed).as_bytes()).unwrap();
        let urls: Vec<&str> = again.outlines.iter().map(|outline| outline.url.as_str()).collect();
        assert_eq!(urls, followed.iter().map(|source| source.url.as_str()).collect::<Vec<_>>());
        assert_eq!(again.skipped, []);
    }
    assert!(read > 1_000 && refused > 100, "{read} {refused}");
}

const LIST: &str = r#"<opml version="2.0"><head><title>Mine</title></head><body>
<outline text="Slow &quot;letters&quot;"><outline text="A" xmlUrl="https://a.example/feed"/>
<outline text="Essays again" xmlUrl="http://www.blog.example.com/?utm_source=x"/></outline>
<outline text="글쓰기"><outline text="느린 편지
 # [[source]]" xmlUrl="https://b.example/one.xml"/><outline text="둘" xmlUrl="https://b.example/two.xml"/><outline text="둘" xmlUrl="https://b.example/two.xml#x"/></outline>
<outline text="../../etc/passwd"><outline text="C" xmlUrl="https://c.example/feed"/></outline>
<outline text="D" xmlUrl="https://d.example/feed"/>
<outline text="X" xmlUrl="gopher://x.example/"/>
</body></opml>"#;

struct Done {
    code: i32,
    out: String,
    err: String,
}

async fn run(folder: &Path, words: &[&str]) -> Done {
    let mut child = Command::new(env!("CARGO_BIN_EXE_syndicated"));
    let child = child.args(words).current_dir(folder).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    let done = child.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { code: done.status.code().unwrap(), out: text(&done.stdout), err: text(&done.stderr) }
}

fn config_of(folder: &Path) -> Config {
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    Config::load(&folder.join("config.toml"), &environment, &Chance::seeded(1))
        .unwrap_or_else(|faults| panic!("{faults}"))
}

#[tokio::test]
async fn a_list_becomes_a_file_for_each_folder_and_no_comment_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::copy("config.toml", folder.join("config.toml")).unwrap();
    std::fs::write(folder.join("list.opml"), LIST).unwrap();
    std::fs::create_dir(folder.join("sources.d")).unwrap();
    std::fs::write(
        folder.join("sources.d/글쓰기.toml"),
        "# Kept.\n[[source]] # mine\nname = \"a\"\nurl = \"https://kept.example/\"\n",
    )
    .unwrap();
    let before = std::fs::read_to_string(folder.join("config.toml")).unwrap();

    let dry = run(folder, &["source", "import", "list.opml", "--dry-run"]).await;
    assert_eq!(dry.code, 0, "{}{}", dry.out, dry.err);
    assert!(dry.out.ends_with("5 sources would be added; nothing was written\n"), "{}", dry.out);
    assert_eq!(std::fs::read_to_string(folder.join("config.toml")).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.join("sources.d")).unwrap().count(), 1);

    let done = run(folder, &["source", "import", "list.opml"]).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    for said in [
        "left out: X: `gopher://x.example/` is not a web address: it must begin with http:// or https://\n",
        "left out: Essays again: followed already, as `essays`\n",
        "left out: 둘: followed already, as `b-example-two-xml`\n",
        "sources.d/slow-letters.toml: 1 source\n",
        "sources.d/글쓰기.toml: 2 sources\n",
        "sources.d/etc-passwd.toml: 1 source\n",
        "sources.d/imported.toml: 1 source\n",
        "config.toml: includes sources.d/*.toml\n",
        "added 5 sources\nnot listed by `weekly`: add them to their `sources` to mail them there\n",
    ] {
        assert!(done.out.contains(said), "{said} in {}", done.out);
    }
    // The line that the file shows is the line that stands in it now; nothing else changed.
    let after = std::fs::read_to_string(folder.join("config.toml")).unwrap();
    assert_eq!(after, before.replace("# include = [\"sources.d/*.toml\"]", "include = [\"sources.d/*.toml\"]"));
    let korean = std::fs::read_to_string(folder.join("sources.d/글쓰기.toml")).unwrap();
    assert_eq!(
        korean,
        "# Kept.\n[[source]] # mine\nname = \"a\"\nurl = \"https://kept.example/\"\n\n# 느린 편지 # [[source]]\n[[source]]\nname = \"b-example\"\nurl = \"https://b.example/one.xml\"\n\n# 둘\n[[source]]\nname = \"b-example-two-xml\"\nurl = \"https://b.example/two.xml\"\n"
    );
    let config = config_of(folder);
    let mut names: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    names.sort_unstable();
    // `a` was taken, by a file that nothing included until now.
    assert_eq!(names, ["a", "a-example", "b-example", "b-example-two-xml", "c", "d", "essays"]);

    // The same list again brings nothing.
    let again = run(folder, &["source", "import", "list.opml"]).await;
    assert_eq!(
        (again.code, again.out.lines().last()),
        (0, Some("list.opml holds nothing that is not followed already")),
        "{}",
        again.err
    );
    assert_eq!(std::fs::read_to_string(folder.join("config.toml")).unwrap(), after);
}

#[tokio::test]
async fn the_include_stands_where_the_file_has_room_for_it() {
    for (before, after) in [
        (
            "# Mine.\n\n# The site.\n[site] # yes\ntitle = \"T\"\nbase_url = \"https://n.example\"\n[mail]\nfrom = \"t@example.com\"\n",
            "# Mine.\n\ninclude = [\"sources.d/*.toml\"]\n\n# The site.\n[site] # yes\ntitle = \"T\"\nbase_url = \"https://n.example\"\n[mail]\nfrom = \"t@example.com\"\n",
        ),
        (
            "include = [ # those\n  \"more/*.toml\", # and these\n]\n[site]\ntitle = \"T\"\nbase_url = \"https://n.example\"\n[mail]\nfrom = \"t@example.com\"\n",
            "include = [ # those\n  \"more/*.toml\", \"sources.d/*.toml\", # and these\n]\n[site]\ntitle = \"T\"\nbase_url = \"https://n.example\"\n[mail]\nfrom = \"t@example.com\"\n",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("config.toml"), before).unwrap();
        std::fs::write(folder.join("list.opml"), LIST).unwrap();
        let done = run(folder, &["source", "import", "list.opml"]).await;
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        assert_eq!(std::fs::read_to_string(folder.join("config.toml")).unwrap(), after);
        assert_eq!(config_of(folder).sources.len(), 6);
    }
}

#[tokio::test]
async fn what_cannot_be_imported_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::copy("config.toml", folder.join("config.toml")).unwrap();
    std::fs::write(folder.join("feed.xml"), "<rss><channel/></rss>").unwrap();
    std::fs::write(folder.join("list.opml"), LIST).unwrap();
    for (words, code, said) in [
        (vec!["source", "import", "feed.xml"], 2, "feed.xml: it is no OPML"),
        (vec!["source", "import", "none.opml"], 1, "cannot read none.opml"),
        (vec!["source", "import", "list.opml", "--into", "../up"], 2, "--into `../up` is not the name of a folder"),
    ] {
        let done = run(folder, &words).await;
        assert_eq!(done.code, code, "{}{}", done.out, done.err);
        assert!(done.err.contains(said), "{}", done.err);
    }
    // What is there and broken is said, with nothing written.
    std::fs::create_dir(folder.join("sources.d")).unwrap();
    std::fs::write(folder.join("sources.d/imported.toml"), "[[source]]\nname = 1\n").unwrap();
    let done = run(folder, &["source", "import", "list.opml"]).await;
    assert_eq!(done.code, 2, "{}{}", done.out, done.err);
    assert!(done.err.contains("sources.d/imported.toml:2: source[1].name: must be a text"), "{}", done.err);
    assert_eq!(std::fs::read_dir(folder.join("sources.d")).unwrap().count(), 1);
    assert_eq!(std::fs::read(folder.join("config.toml")).unwrap(), std::fs::read("config.toml").unwrap());
}

#[tokio::test]
async fn ten_thousand_feeds_are_taken_at_once() {
    let mut list = "<opml><body>".to_owned();
    for number in 0..10_000 {
        if number % 100 == 0 {
            write!(list, "{}<outline text=\"Folder {number}\">", if number == 0 { "" } else { "</outline>" }).unwrap();
        }
        write!(
            list,
            "<outline text=\"블로그\" xmlUrl=\"https://rss.blog.example/user{number}.xml?a=1&amp;b={number}\"/>"
        )
        .unwrap();
    }
    list += "</outline></body></opml>";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::copy("config.toml", folder.join("config.toml")).unwrap();
    std::fs::write(folder.join("list.opml"), &list).unwrap();
    let done = run(folder, &["source", "import", "list.opml"]).await;
    assert!(done.out.contains("added 10000 sources"), "{}{}", done.out, done.err);
    assert_eq!(config_of(folder).sources.len(), 10_001);
    assert_eq!(std::fs::read_dir(folder.join("sources.d")).unwrap().count(), 100);
}

#[tokio::test]
async fn an_export_comes_back_as_the_same_sources() {
    for bench in engines::all().await {
        let more = "[[source]]\nname = \"list\"\nurl = \"http://127.0.0.1:9/list?a=1&b=2\"\nkind = \"page\"\n\
                    [[source]]\nname = \"2nd\"\nurl = \"http://127.0.0.1:9/blog\"\n";
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", more);
        let stage = Stage::new(&bench, config.clone(), at("2026-11-22T00:00:00Z")).await;
        bench
            .execute("UPDATE source SET title = '\u{7}Essays & \"co\" <x>', link = 'https://blog.example.com/', language = 'ko' WHERE name = 'essays'")
            .await;
        bench.execute("UPDATE source SET feed_url = 'http://127.0.0.1:9/blog/feed.xml' WHERE name = '2nd'").await;
        let list = source_list(&config, &stage.store).await.unwrap();
        assert_eq!(list, source_list(&config, &stage.store).await.unwrap(), "byte for byte");
        assert!(
            list.contains(
                "<outline type=\"rss\" text=\"Essays &amp; &quot;co&quot; &lt;x&gt;\" title=\"Essays &amp; &quot;co&quot; &lt;x&gt;\" \
                 xmlUrl=\"http://127.0.0.1:9/feed.xml\" htmlUrl=\"https://blog.example.com/\" language=\"ko\" syndicated:name=\"essays\"/>"
            ),
            "{list}"
        );
        assert!(list.contains("xmlUrl=\"http://127.0.0.1:9/blog/feed.xml\""), "what readers ask is the feed: {list}");
        let nothing = Config { sources: Vec::new(), ..config.clone() };
        let plan = plan(outlines(list.as_bytes()).unwrap(), &nothing, &[]);
        assert_eq!((plan.groups.len(), plan.skipped.len()), (1, 0));
        let back: Vec<_> =
            plan.groups[0].sources.iter().map(|it| (it.name.clone(), it.url.clone(), it.is_page)).collect();
        let own: Vec<_> = config
            .sources
            .iter()
            .map(|it| (it.name.clone(), it.url.clone(), matches!(it.kind, Kind::Page(_))))
            .collect();
        assert_eq!(back, own, "{}", bench.engine);
        // And what is followed already is not taken twice, by whichever of its addresses it is named.
        let found = [("2nd".parse().unwrap(), "http://127.0.0.1:9/blog/feed.xml".parse().unwrap())];
        let strange = "<opml><outline xmlUrl='http://127.0.0.1:9/blog/feed.xml'/></opml>";
        let plan = syndicated::flow::outlines::plan(outlines(strange.as_bytes()).unwrap(), &config, &found);
        assert_eq!((plan.count(), plan.skipped[0].why.as_str()), (0, "followed already, as `2nd`"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_served_with_its_tag() {
    for bench in engines::all().await {
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        let roles = Roles { poll: false, send: false, web: true };
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let daemon = Daemon::start(config, Outside { clock, chance: Chance::seeded(3), roles }).await.unwrap();
        let web = daemon.web.unwrap();
        let Answer { status, head, body } = get(web, "GET", "/sources.opml").await;
        assert_eq!(status, 200);
        assert!(head.contains("content-type: text/x-opml; charset=utf-8"), "{head}");
        assert_eq!(read(&body), [" | essays | http://127.0.0.1:9/feed.xml"]);
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let again =
            format!("GET /sources.opml HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIf-None-Match: {tag}\r\n\r\n");
        assert_eq!(ask(web, &again).await.status, 304);
        assert!(daemon.stop().await);
    }
}

/// newsboat takes what is exported, and what newsboat exports is taken.
#[tokio::test]
async fn newsboat_takes_the_list_and_gives_it_back() {
    let Ok(newsboat) = std::env::var("SYNDICATED_TEST_NEWSBOAT") else {
        println!("skipped: SYNDICATED_TEST_NEWSBOAT is unset");
        return;
    };
    let followed = |number: usize| Followed {
        name: format!("s{number}"),
        title: format!("글 & <{number}>"),
        url: format!("https://a.example/{number}?a=1&b=2"),
        feed: None,
        site: Some("https://a.example/".to_owned()),
        language: None,
        is_page: false,
    };
    let sources: Vec<Followed> = (0..20).map(followed).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("list.opml"), write_list("Good \"News\"", &sources)).unwrap();
    std::fs::write(file("urls"), "").unwrap();
    let mut command = Command::new(&newsboat);
    command.env("HOME", folder.path()).arg("-u").arg(file("urls")).arg("-c").arg(file("cache.db"));
    let done = command.arg("-i").arg(file("list.opml")).output().await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let urls = std::fs::read_to_string(file("urls")).unwrap();
    let taken: Vec<&str> = urls.lines().map(|line| line.split(' ').next().unwrap().trim_matches('"')).collect();
    assert_eq!(taken, sources.iter().map(|source| source.url.as_str()).collect::<Vec<_>>(), "{urls}");
    let mut command = Command::new(&newsboat);
    command.env("HOME", folder.path()).arg("-u").arg(file("urls")).arg("-c").arg(file("cache.db"));
    let done = command.arg("-e").output().await.unwrap();
    let back = outlines(&done.stdout).unwrap();
    let back: Vec<&str> = back.outlines.iter().map(|outline| outline.url.as_str()).collect();
    assert_eq!(back, taken);
}
