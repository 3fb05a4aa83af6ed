//! The configuration: what loads and what it means, what does not and what is
//! said of it, and changing it without losing a comment.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use syndicated::clock::Chance;
use syndicated::config::edit::{NewSource, add_source, remove_source};
use syndicated::config::{Config, Database, Environment, Faults, Hook, OnAmbiguous, Relay, Secret, Tls};
use syndicated::domain::composition::{Deliver, Order, Sections, Shown};
use syndicated::domain::language::Language;
use syndicated::domain::newsletter::Rhythm;
use syndicated::domain::source::{Archived, Seed};

const KEY: &str = "an example key that is long enough for tests";

fn load(path: impl AsRef<Path>) -> Result<Config, Faults> {
    let chat = ("SYNDICATED_OUTLET_CHAT", "https://hooks.example.com/secret");
    load_in(path, &Environment::of([("SYNDICATED_SECRET_KEY", KEY), chat]))
}

fn load_in(path: impl AsRef<Path>, environment: &Environment) -> Result<Config, Faults> {
    Config::load(path.as_ref(), environment, &Chance::seeded(1))
}

/// A configuration in a folder of its own, with `more` in its `[mail]`, and its
/// database in that folder.
fn written(more: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let database = folder.path().join("data/x.db");
    let text = format!(
        "[site]\ntitle = \"T\"\nbase_url = \"http://127.0.0.1:8080\"\n[database]\nurl = \"sqlite:{}\"\n[mail]\nfrom = \"t@example.com\"\n{more}\n",
        database.display()
    );
    put(&path, &text, mode);
    (folder, path)
}

fn put(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn said(result: Result<Config, Faults>) -> String {
    result.expect_err("it must not load").to_string()
}

/// Each `NAME.toml` in `tests/configs` is broken, and `NAME.txt` is what is said
/// of it. `SYNDICATED_TEST_WRITE=1` writes what is said now, for review.
#[test]
fn every_broken_configuration_is_told_what_is_wrong_with_it() {
    let folder = Path::new("tests/configs");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 40, "{}", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let said = said(load(&path)).replace("tests/configs/", "") + "\n";
        let beside = path.with_extension("txt");
        if std::env::var_os("SYNDICATED_TEST_WRITE").is_some() {
            std::fs::write(&beside, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if said != expected {
            wrong.push(format!("{}:\n{said}expected:\n{expected}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_default_configuration_loads_and_its_comments_tell_the_defaults() {
    let written = load("config.toml").unwrap();
    assert_eq!(written.sources.len(), 1);
    let newsletter = written.newsletter("weekly").unwrap();
    let names: Vec<_> = newsletter.cadences.iter().map(|cadence| cadence.name.as_str()).collect();
    assert_eq!(names, ["weekly", "daily"], "in the order of the file");
    // Uncomment every key that shows a default: nothing may change. Whole tables that are
    // commented out are examples.
    let text = std::fs::read_to_string("config.toml").unwrap();
    let mut example = false;
    let uncommented: Vec<_> = text
        .lines()
        .map(|line| {
            example = line.starts_with("# [[") || example && line.starts_with('#');
            let Some(key) = line.strip_prefix("# ").filter(|_| !example) else { return line };
            let Some((name, _)) = key.split_once(" = ") else { return line };
            // These name files or people that are not there, or limit what is not limited.
            let absent = [
                "owner",
                "secret_key_file",
                "password_file",
                "platforms",
                "templates",
                "blocked_domains",
                "privacy",
                "dns",
                "image",
                "icon",
                "copyright",
            ];
            let limits = ["tls", "per_minute", "per_day", "warm_up", "feed_age"];
            let doors = ["address", "maildir", "imap", "imap_password_file", "mailgun_key_file", "sendgrid_key"];
            let is_key = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if is_key && ![&absent[..], &limits, &doors].concat().contains(&name) { key } else { line }
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, uncommented.join("\n")).unwrap();
    let spelt = load(&path).unwrap();
    assert!(uncommented.iter().filter(|line| text.lines().all(|old| old != **line)).count() >= 14);
    assert_eq!(format!("{spelt:?}"), format!("{written:?}"));
}

#[test]
fn the_least_configuration_loads_with_the_defaults() {
    let config = load("tests/configs/good/least.toml").unwrap();
    assert_eq!(config.database.to_string(), "sqlite:data/syndicated.db");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.site.timezone, chrono_tz::UTC);
    assert_eq!((config.mail.from_name.as_str(), config.mail.lanes[0].connections), ("T", 4));
    assert!(matches!(&config.mail.lanes[0].relay, Relay::Maildir(path) if path == Path::new("data/outbox")));
    assert_eq!(config.mail.on_ambiguous, OnAmbiguous::Retry);
    assert!(config.sources.is_empty() && config.newsletters.is_empty());
}

#[test]
fn what_concerns_readers_comes_to_its_meaning() {
    let folder = tempfile::tempdir().unwrap();
    let (path, blocked) = (folder.path().join("config.toml"), folder.path().join("blocked.txt"));
    std::fs::write(&blocked, "# no\ntrash.example\n").unwrap();
    let text = format!(
        "[site]\ntitle = \"T\"\nbase_url = \"http://127.0.0.1:8080\"\n[mail]\nfrom = \"Anna <t@example.com>\"\n\
         [subscribe]\nreturn_to = [\"https://blog.example.com/\"]\nform_min_age = \"3s\"\nform_max_age = \"2h\"\n\
         check_mx = true\ndns = \"192.0.2.1:53\"\nblocked_domains = \"{}\"\nprivacy = \"https://example.com/p\"\n\
         [retention]\nunconfirmed = \"3d\"\nnetwork_address = \"0d\"\nletters = \"31d\"\nended = \"52w\"\n\
         [[newsletter]]\nname = \"offers\"\ncadences = {{ now = \"instant\" }}\nwelcome = true\n\
         commercial = true\ncontact = \"Seoul\"\n",
        blocked.display()
    );
    std::fs::write(&path, text).unwrap();
    let config = load(&path).unwrap();
    let sign_up = &config.sign_up;
    assert_eq!(sign_up.return_to("https://blog.example.com/x").unwrap().as_str(), "https://blog.example.com/x");
    assert_eq!((sign_up.form_min_age, sign_up.form_max_age), (Duration::from_secs(3), Duration::from_hours(2)));
    assert!(sign_up.check_mx && sign_up.blocked.holds("a.trash.example") && !sign_up.blocked.holds("no"));
    assert_eq!(sign_up.dns.unwrap().to_string(), "192.0.2.1:53");
    assert_eq!(sign_up.privacy.as_ref().unwrap().as_str(), "https://example.com/p");
    let keep = &config.retention;
    let days = [keep.unconfirmed, keep.network_address, keep.letters, keep.ended].map(|keep| keep.as_secs() / 86_400);
    assert_eq!(days, [3, 0, 31, 364]);
    let newsletter = config.newsletter("offers").unwrap();
    let advertising = config.advertising(newsletter).unwrap();
    let said = (advertising.sender.as_str(), advertising.email.as_str(), advertising.contact.as_str());
    assert_eq!((newsletter.welcome, said), (true, ("Anna", "t@example.com", "Seoul")));
}

#[test]
fn every_key_comes_to_its_meaning() {
    let environment = Environment::of([
        ("SYNDICATED_SECRET_KEY", KEY),
        ("SYNDICATED_SMTP_PASSWORD", "hush"),
        ("SYNDICATED_DATABASE_PASSWORD", "a b"),
        ("SYNDICATED_IMAP_PASSWORD", "quiet"),
        ("SYNDICATED_MAILGUN_KEY", "key"),
    ]);
    let config = load_in("tests/configs/good/most.toml", &environment).unwrap();
    let bounces = &config.bounces;
    assert_eq!(bounces.address.as_ref().unwrap().as_str(), "Bounce@example.com");
    assert_eq!(
        (bounces.soft, bounces.within, bounces.every),
        (3, Duration::from_hours(14 * 24), Duration::from_mins(1))
    );
    let imap = bounces.imap.as_ref().unwrap();
    assert_eq!((imap.host.as_str(), imap.port, imap.tls), ("mail.example.com", 1993, true));
    assert_eq!(
        (imap.user.as_str(), imap.password.expose().as_str(), imap.folder.as_str()),
        ("bounce@example.com", "quiet", "Bounces")
    );
    let names: Vec<_> = bounces.hooks.iter().map(Hook::name).collect();
    assert_eq!(names, ["ses", "postmark", "mailgun", "sendgrid", "mailjet", "brevo"]);
    assert!(matches!(&bounces.hooks[2], Hook::Mailgun(Some(key)) if key.expose() == "key"));
    assert!(matches!(&bounces.hooks[3], Hook::SendGrid(Some(key)) if key == &[0x30, 0x59, 0x30]));
    assert_eq!(config.site.language, Language::Ko);
    assert_eq!(config.site.owner.as_ref().unwrap().as_str(), "owner@example.com");
    assert_eq!(config.database.to_string(), "postgres://syndicated@db.example.com:5433/news");
    let Database::Postgres(url) = &config.database else { panic!() };
    assert_eq!(url.expose(), "postgres://syndicated:a%20b@db.example.com:5433/news");
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!((config.fetch.concurrency, config.fetch.allow.len(), config.fetch.max_bytes), (8, 2, 1_000_000));
    assert_eq!(config.fetch.min_interval, Duration::from_mins(5));
    let hubs: Vec<_> = config.feeds.hubs.iter().map(syndicated::domain::url::HttpUrl::as_str).collect();
    assert_eq!(hubs, ["https://hub.example.com/", "http://push.example.net/publish?key=1"]);
    assert_eq!(config.feeds.image.as_ref().unwrap().as_str(), "https://news.example.com/logo.PNG");
    assert_eq!(config.feeds.copyright.as_deref(), Some("© 2026 좋은 소식"));
    let Relay::Smtp { host, port, tls, login } = &config.mail.lanes[0].relay else { panic!() };
    assert_eq!((host.as_str(), *port, *tls), ("mail.example.com", 587, Tls::Required));
    assert_eq!(*login, Some(("user@example.com".to_owned(), Secret::new("hush".to_owned()))));
    assert_eq!((config.mail.from_name.as_str(), config.mail.on_ambiguous), ("좋은 소식", OnAmbiguous::Hold));
    assert_eq!(config.mail.late, Duration::from_hours(1));
    let sources: Vec<_> = config.sources.iter().map(|s| (s.name.as_str(), s.seed, s.schedule.to_string())).collect();
    assert_eq!(
        sources,
        [
            ("essays", Seed::Newest(3), "@hourly (America/New_York)".to_owned()),
            ("film", Seed::Newest(1), "*/15 * * * * (Asia/Seoul)".to_owned()),
        ]
    );
    let newsletter = config.newsletter("weekly").unwrap();
    let excluded = "exclude = [\"author: bot\", \"not language: ko\", \"older than: 28d\"]";
    assert_eq!(config.sources[0].filter.to_string(), excluded);
    assert_eq!(newsletter.filter.to_string(), "include = [\"category: 수필\", 'words: \"slow letters\" tea']");
    assert_eq!((newsletter.language, newsletter.feed_items), (Language::En, 20));
    assert_eq!(config.sources_of(newsletter).count(), 2);
    assert_eq!(newsletter.cadence("at-once").unwrap().rhythm, Rhythm::Instant);
    let (all, weekly) =
        (&newsletter.cadence("daily").unwrap().composition, &newsletter.cadence("weekly").unwrap().composition);
    assert_eq!((all.order, all.sections, all.text), (Order::Oldest, Sections::Tag, Shown::Full));
    assert_eq!((all.headlines, all.greeting && all.reading_time, all.min_posts, all.max_posts), (true, true, 2, None));
    assert_eq!(all.subject.as_ref().unwrap().to_string(), "{title}: {first}");
    assert_eq!(all.note_before.as_deref(), Some(Path::new("notes/before.html")));
    assert_eq!(all.review.as_ref().unwrap().as_str(), "editor@example.com");
    assert_eq!((&weekly.review, weekly.max_posts, weekly.deliver), (&None, Some(12), Deliver::Local));
    assert_eq!((weekly.order, weekly.text), (all.order, all.text), "what a cadence leaves out is its newsletter's");
    assert_eq!(newsletter.topics.len(), 1);
    assert_eq!(config.sources.iter().map(|s| s.archive).collect::<Vec<_>>(), [Archived::Summary, Archived::Full]);
    assert!(!newsletter.web);
    assert!(!format!("{config:?}").contains("hush"), "secrets are never printed");
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_said_to_be_so() {
    assert!(said(load("nowhere/config.toml")).starts_with("nowhere/config.toml: cannot be read: No such file"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, b"[site]\ntitle = \"\xba\xdf\"\n").unwrap();
    assert!(said(load(&path)).ends_with("config.toml:2: this is not UTF-8 text: save the file as UTF-8"));
    std::fs::write(
        &path,
        "\u{feff}[site]\ntitle = \"T\"\nbase_url = \"http://h.example\"\n[mail]\nfrom = \"a@b.example\"\n",
    )
    .unwrap();
    assert!(load(&path).is_ok());
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_refused() {
    let relay = "relay = \"smtps://me:hush@mail.example.com\"";
    let (_folder, path) = written(relay, 0o644);
    let words = said(load(&path));
    assert!(words.contains("config.toml:8: mail.relay: holds a password, and others on this machine"), "{words}");
    assert!(words.contains("chmod 640") && !words.contains("hush"), "{words}");
    for mode in [0o600, 0o640] {
        let (_folder, path) = written(relay, mode);
        let config = load(&path).unwrap();
        assert!(
            matches!(&config.mail.lanes[0].relay, Relay::Smtp { login: Some((_, word)), .. } if word.expose() == "hush")
        );
    }
    // Without a password in it, anyone may read it.
    let (_folder, path) = written("", 0o644);
    assert!(load(&path).is_ok());
}

#[test]
fn a_password_is_never_said_in_the_clear() {
    let (_folder, path) = written("relay = \"smtp://me:hush@mail.example.com\"\ntls = \"opportunistic\"", 0o600);
    let words = said(load(&path));
    assert!(words.contains("mail.tls: would show a password to whoever listens"), "{words}");
    let (_folder, path) = written("relay = \"smtp://mail.example.com\"\ntls = \"opportunistic\"", 0o600);
    let config = load(&path).unwrap();
    assert!(matches!(config.mail.lanes[0].relay, Relay::Smtp { tls: Tls::Opportunistic, .. }));
}

#[test]
fn a_password_comes_from_the_environment_then_a_credential_then_a_file_then_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    put(&credentials.join("smtp-password"), "from credential\n", 0o400);
    put(&folder.path().join("word"), "from file\n", 0o600);
    let named = format!("password_file = \"{}\"", folder.path().join("word").display());
    let address = "relay = \"smtps://me:from%20address@mail.example.com\"";
    let environment = [("SYNDICATED_SECRET_KEY", KEY)];
    let directory = credentials.to_str().unwrap();
    let [key] = environment;
    let variable = ("SYNDICATED_SMTP_PASSWORD", "from environment");
    let directory = ("CREDENTIALS_DIRECTORY", directory);
    for (environment, more, expected) in [
        (Environment::of([key, variable, directory]), format!("{address}\n{named}"), "from environment"),
        (Environment::of([key, directory]), format!("{address}\n{named}"), "from credential"),
        (Environment::of([key]), format!("{address}\n{named}"), "from file"),
        (Environment::of([key]), address.to_owned(), "from address"),
        (Environment::of([key, ("SYNDICATED_SMTP_PASSWORD", "")]), address.to_owned(), "from address"),
    ] {
        let (_folder, path) = written(&more, 0o600);
        let config = load_in(&path, &environment).unwrap();
        let Relay::Smtp { login: Some((_, word)), .. } = &config.mail.lanes[0].relay else { panic!("{expected}") };
        assert_eq!(word.expose(), expected);
    }
    put(&folder.path().join("word"), "from file\n", 0o644);
    let (_folder, path) = written(&format!("{address}\n{named}"), 0o600);
    assert!(said(load(&path)).contains("others on this machine can read it"));
}

#[test]
fn the_secret_key_is_made_once_kept_private_and_never_replaced() {
    let (folder, path) = written("", 0o644);
    let nothing = Environment::default();
    let first = load_in(&path, &nothing).unwrap();
    let file = folder.path().join("data/secret.key");
    assert!(!file.exists(), "loading alone writes nothing");
    first.keep_key(None).unwrap();
    first.keep_key(None).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let check = first.secret.check_value();
    // Another seed would make another key; this one is read.
    let again = Config::load(&path, &nothing, &Chance::seeded(2)).unwrap();
    assert_eq!(again.secret.check_value(), check);
    assert!(again.fresh_key.is_none());
    again.keep_key(Some(&check)).unwrap();
    let other = load(&path).unwrap().keep_key(Some(&check)).unwrap_err().to_string();
    assert!(other.contains("is not the one that sqlite:"), "{other}");
    std::fs::remove_file(&file).unwrap();
    let lost = load_in(&path, &nothing).unwrap();
    let lost = Config::load(&path, &nothing, &Chance::seeded(3)).unwrap_or(lost).keep_key(Some(&check));
    assert!(lost.unwrap_err().to_string().contains("secret.key is missing, but sqlite:"));
    assert!(!file.exists());
}

#[test]
fn the_secret_key_comes_from_the_environment_then_a_credential_then_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    put(&credentials.join("secret-key"), &"c".repeat(40), 0o400);
    let directory = ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    let (_folder, path) = written("", 0o644);
    let of = |environment: Environment| load_in(&path, &environment).unwrap().secret.check_value();
    let (variable, credential) =
        (of(Environment::of([("SYNDICATED_SECRET_KEY", KEY), directory])), of(Environment::of([directory])));
    assert_ne!(variable, credential);
    assert_eq!(variable, load(&path).unwrap().secret.check_value());
    let short = said(load_in(&path, &Environment::of([("SYNDICATED_SECRET_KEY", "short")])));
    assert_eq!(
        short,
        "environment: SYNDICATED_SECRET_KEY: the secret key has 5 bytes; it needs at least 32; `openssl rand -hex 32` makes one"
    );
    let file = path.with_file_name("key");
    put(&file, &"f".repeat(40), 0o644);
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("[site]\n", &format!("[site]\nsecret_key_file = \"{}\"\n", file.display()));
    put(&path, &text, 0o644);
    let words = said(load_in(&path, &Environment::default()));
    assert!(words.contains("holds a secret, and others on this machine can read it; chmod 600"), "{words}");
    put(&file, &"f".repeat(40), 0o600);
    assert!(load_in(&path, &Environment::default()).is_ok());
    std::fs::remove_file(&file).unwrap();
    let words = said(load_in(&path, &Environment::default()));
    assert!(
        words.contains("config.toml:2: site.secret_key_file: cannot read ")
            && words.ends_with("No such file or directory"),
        "{words}"
    );
}

fn edited(name: &str, newsletters: &[&str]) -> (tempfile::TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::copy("config.toml", &path).unwrap();
    let new = NewSource {
        name: name.parse().unwrap(),
        url: "https://film.example.com/feed".parse().unwrap(),
        page: false,
        schedule: Some("@hourly".to_owned()),
        newsletters: newsletters.iter().map(|name| name.parse().unwrap()).collect(),
    };
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", KEY)]);
    add_source(&path, &new, &environment, &Chance::seeded(1)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    (folder, path, text)
}

#[test]
fn adding_a_source_changes_its_own_lines_only() {
    let before = std::fs::read_to_string("config.toml").unwrap();
    let (_folder, path, after) = edited("film", &["weekly"]);
    let added: Vec<_> = after.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
    assert_eq!(
        added,
        [
            "name = \"film\"",
            "url = \"https://film.example.com/feed\"",
            "schedule = \"@hourly\"",
            "sources = [\"essays\", \"film\"]                  # all sources when left out",
        ]
    );
    let lost: Vec<_> = before.lines().filter(|line| !after.lines().any(|new| new == *line)).collect();
    assert_eq!(lost, ["sources = [\"essays\"]                  # all sources when left out"]);
    assert!(after.find("film.example.com").unwrap() < after.find("[[newsletter]]").unwrap());
    assert_eq!(load(&path).unwrap().sources.len(), 2);
}

#[test]
fn removing_what_was_added_gives_the_file_back() {
    let before = std::fs::read_to_string("config.toml").unwrap();
    let (_folder, path, _) = edited("film", &["weekly"]);
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", KEY)]);
    remove_source(&path, &"film".parse().unwrap(), &environment, &Chance::seeded(1)).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn an_edit_that_would_break_the_file_writes_nothing() {
    let (_folder, path, before) = edited("film", &[]);
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", KEY)]);
    let remove = |name: &str| {
        remove_source(&path, &name.parse().unwrap(), &environment, &Chance::seeded(1)).unwrap_err().to_string()
    };
    assert_eq!(remove("none"), "there is no source `none`");
    assert!(remove("essays").contains("newsletter `weekly` takes no other source"));
    let mut new = NewSource {
        name: "film".parse().unwrap(),
        url: "https://x.example.com/".parse().unwrap(),
        page: false,
        schedule: None,
        newsletters: Vec::new(),
    };
    let add = |new: &NewSource| add_source(&path, new, &environment, &Chance::seeded(1)).unwrap_err().to_string();
    assert_eq!(add(&new), "there is a source `film` already");
    new.name = "other".parse().unwrap();
    new.schedule = Some("never".to_owned());
    assert!(add(&new).contains("a schedule has five"));
    new.schedule = None;
    new.newsletters = vec!["daily".parse().unwrap()];
    assert_eq!(add(&new), "there is no newsletter `daily`");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_source_is_removed_from_the_file_that_holds_it_and_other_comments_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let least = std::fs::read_to_string("tests/configs/good/least.toml").unwrap();
    std::fs::write(&path, format!("include = [\"sources.d/*.toml\"]\n{least}")).unwrap();
    std::fs::create_dir(folder.path().join("sources.d")).unwrap();
    let other = folder.path().join("sources.d/more.toml");
    std::fs::write(
        &other,
        "# What we follow.\n\n# About film.\n[[source]]\nname = \"film\"\nurl = \"https://film.example.com/\"\n\n# Music.\n[[source]]\nname = \"music\"\nurl = \"https://music.example.com/\" # lovely\n",
    )
    .unwrap();
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", KEY)]);
    let file = remove_source(&path, &"film".parse().unwrap(), &environment, &Chance::seeded(1)).unwrap();
    assert_eq!(file, other);
    assert_eq!(
        std::fs::read_to_string(&other).unwrap(),
        "# What we follow.\n\n# Music.\n[[source]]\nname = \"music\"\nurl = \"https://music.example.com/\" # lovely\n"
    );
}

/// However a file is damaged, what is wrong is said, and nothing breaks.
#[test]
fn a_damaged_file_is_never_more_than_a_list_of_faults() {
    let text = std::fs::read_to_string("tests/configs/good/most.toml").unwrap().replacen("include", "# include", 1);
    let text = text.replace(", \"film\"", "").replace("smtp://user%40example.com@", "smtp://");
    let text = text.replace("imap = ", "# imap = ");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let (mut loaded, mut refused) = (0, 0);
    let mut attempt = |damaged: String| {
        std::fs::write(&path, damaged).unwrap();
        match load(&path) {
            Ok(_) => loaded += 1,
            Err(faults) => {
                assert!(faults.count() > 0 && faults.to_string().lines().count() == faults.count(), "{faults}");
                refused += 1;
            }
        }
    };
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).step_by(7).collect();
    for &at in &places {
        attempt(text[..at].to_owned());
        for damage in ["\"", "[[", "= 7", "\n[x]\n", "\u{0}"] {
            attempt(format!("{}{damage}{}", &text[..at], &text[at..]));
        }
    }
    assert!(refused > places.len() && loaded > 10, "{loaded} {refused}");
}
