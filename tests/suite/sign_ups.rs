//! Signing up from outside: what a reader sees and gets, and what nobody can do
//! with the form (S5, S8, S9).

use crate::engines::{self, Bench};
use crate::lint;
use crate::program::until;
use crate::serving::{Answer, ask, form_token, get, send};
use crate::stage::{self, at};
use mail_parser::MessageParser;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::consent::{Act, Origin};
use syndicated::domain::language::Language;
use syndicated::domain::subscriber::{Subscription, SubscriptionState};
use syndicated::domain::token::{Purpose, SecretKey};
use syndicated::scheduler::Roles;
use syndicated::store::SubscriptionFilter;

const DAY: Duration = Duration::from_hours(24);
const CADENCES: &str = "{ daily = \"0 7 * * *\", weekly = \"0 7 * * MON\" }";

/// A site with three newsletters, of which one is advertising, behind a proxy that
/// tells who asks.
pub(crate) struct Site {
    pub(crate) daemon: Daemon,
    pub(crate) web: SocketAddr,
    pub(crate) clock: Clock,
    outbox: std::path::PathBuf,
    asked: std::sync::atomic::AtomicU32,
}

/// A mail that went out.
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) raw: String,
}

impl Mail {
    /// The path of its link to `page`.
    pub(crate) fn link(&self, page: &str) -> String {
        let path = &self.text[self.text.find(page).unwrap_or_else(|| panic!("no {page} in {}", self.text))..];
        path.split(char::is_whitespace).next().unwrap().to_owned()
    }
}

pub(crate) fn config(bench: &Bench, more: &str) -> Config {
    let outbox = bench.folder.path().join("outbox");
    let relay = format!("maildir:{}", outbox.display());
    let text = stage::toml(bench, &relay, CADENCES, "")
        .replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]")
        .replace("form_min_age = \"0s\"", more);
    let others = "topics = { film = [\"category: film\"] }\n\
        [[newsletter]]\nname = \"notes\"\ntitle = \"짧은 소식\"\nlanguage = \"ko\"\n\
        cadences = { weekly = \"0 7 * * MON\" }\n\
        [[newsletter]]\nname = \"offers\"\ntitle = \"Offers\"\ncadences = { weekly = \"0 7 * * MON\" }\n\
        commercial = true\ncontact = \"+82 2-123-4567, 1 Main Street, Seoul\"\n\
        [[newsletter]]\nname = \"quiet\"\ntitle = \"Only a feed\"\ncadences = {}\n";
    stage::load(bench, &(text + others))
}

impl Site {
    pub(crate) async fn start(bench: &Bench, more: &str) -> Self {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
        let daemon = Daemon::start(config(bench, more), outside).await.unwrap();
        let web = daemon.web.unwrap();
        let outbox = bench.folder.path().join("outbox/new");
        Self { daemon, web, clock, outbox, asked: 0.into() }
    }

    /// Sends a form from a network of its own, with its word.
    pub(crate) async fn sign_up(&self, path: &str, form: &str) -> Answer {
        let number = self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let from = format!("10.{}.{}.1", number / 250, number % 250);
        self.sign_up_from(&from, path, form).await
    }

    async fn sign_up_from(&self, from: &str, path: &str, form: &str) -> Answer {
        let token = form_token(self.web, path).await;
        send(self.web, path, &forwarded(from), &format!("{form}&token={token}")).await
    }

    async fn json(&self, from: &str, more: &str, body: &str) -> Answer {
        let head = format!(
            "POST /subscribe.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}{more}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            forwarded(from),
            body.len()
        );
        ask(self.web, &(head + body)).await
    }

    /// Every subscription, in the order of rows.
    pub(crate) async fn subscriptions(&self) -> Vec<Subscription> {
        self.daemon.store.subscriptions(&SubscriptionFilter { limit: 1_000, ..Default::default() }).await.unwrap()
    }

    pub(crate) async fn state(&self, email: &str, newsletter: &str) -> Option<SubscriptionState> {
        let all = self.subscriptions().await;
        all.iter().find(|one| one.email.as_str() == email && one.newsletter.as_str() == newsletter).map(|one| one.state)
    }

    /// What went out, in order of its date.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let files = std::fs::read_dir(&self.outbox).map_or_else(|_| Vec::new(), |files| files.flatten().collect());
        let mut mails: Vec<(i64, std::time::SystemTime, Mail)> = files
            .iter()
            .map(|file| {
                let bytes = std::fs::read(file.path()).unwrap();
                let mail = MessageParser::default().parse(&bytes).unwrap();
                let to = mail.to().unwrap().first().unwrap().address.as_deref().unwrap().to_owned();
                let (subject, text) = (mail.subject().unwrap().to_owned(), mail.body_text(0).unwrap().into_owned());
                // S21.
                assert_eq!(lint::faults(&bytes), Vec::<String>::new(), "{subject}");
                let raw = String::from_utf8(bytes.clone()).unwrap();
                let written = file.metadata().unwrap().modified().unwrap();
                (mail.date().unwrap().to_timestamp(), written, Mail { to, subject, text, raw })
            })
            .collect();
        mails.sort_by_key(|(date, written, _)| (*date, *written));
        mails.into_iter().map(|(_, _, mail)| mail).collect()
    }

    /// The mail of that number, from 0, once it is there.
    pub(crate) async fn mail(&self, number: usize) -> Mail {
        until("a mail comes", async || self.mails().into_iter().nth(number)).await
    }

    /// Waits for what the daemon does hourly. It may just be at it when the clock is
    /// set forward, and then looks again an hour later.
    pub(crate) async fn in_an_hour<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let looks = std::cell::Cell::new(0);
        until(what, async || {
            looks.set(looks.get() + 1);
            if looks.get() % 50 == 0 {
                self.clock.advance(Duration::from_hours(1));
            }
            look().await
        })
        .await
    }

    /// Signs somebody up and confirms by the mail of that number.
    pub(crate) async fn join(&self, form: &str, newsletter: &str, number: usize) -> Mail {
        assert_eq!(self.sign_up(&format!("/subscribe/{newsletter}"), form).await.status, 200);
        let letter = self.mail(number).await;
        let answer = send(self.web, &letter.link("/confirm/"), &forwarded("198.51.100.7"), "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        letter
    }
}

fn forwarded(from: &str) -> String {
    format!("X-Forwarded-For: {from}\r\n")
}

pub(crate) fn secret() -> SecretKey {
    SecretKey::new(b"0123456789abcdef0123456789abcdef".to_vec()).unwrap()
}

/// Letters to each mailbox, as the database has them: due now or later.
async fn letters(bench: &Bench) -> usize {
    bench.texts("SELECT kind FROM letter WHERE kind = 'confirm'").await.len()
}

/// S9: the form's word.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_our_word_of_the_right_age_is_shown_once_more_and_does_nothing() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "").await;
        let form = "email=ann%40example.com&cadence=weekly&topic=film";
        let path = "/subscribe/letter";
        let now = site.clock.now();
        let other = SecretKey::new(vec![9; 32]).unwrap();
        for (token, status) in [
            (String::new(), 200),
            ("1.AAAA".to_owned(), 200),
            (other.form_token("page", now), 200),
            (secret().form_token("embedded ", now), 200),
            (secret().token(Purpose::Confirm, syndicated::domain::id::SubscriptionId(1), 0, ""), 200),
            // In less than two seconds, and after more than a day.
            (secret().form_token("page", now), 422),
            (secret().form_token("page", now.minus(Duration::from_millis(1_999))), 422),
            (secret().form_token("page", now.minus(DAY + Duration::from_millis(1))), 422),
        ] {
            let answer = send(site.web, path, "", &format!("{form}&token={token}")).await;
            assert_eq!(answer.status, status, "{token}: {}", answer.body);
            // What was filled in is still there, so that one press goes on.
            for kept in ["value=\"ann@example.com\"", "value=\"weekly\" selected", "value=\"film\" checked"] {
                assert!(answer.body.contains(kept), "{token}: {kept} in {}", answer.body);
            }
        }
        assert!(site.subscriptions().await.is_empty() && letters(&bench).await == 0);
        let token = form_token(site.web, path).await;
        site.clock.advance(Duration::from_secs(2));
        assert_eq!(send(site.web, path, "", &format!("{form}&token={token}")).await.status, 200);
        assert_eq!(site.subscriptions().await.len(), 1);
        assert!(site.daemon.stop().await);
    }
}

/// S9: the mailed link, and nothing that is like it.
#[tokio::test(flavor = "multi_thread")]
async fn no_link_but_the_mailed_one_confirms() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        site.sign_up("/subscribe/letter", "email=ann%40example.com").await;
        site.sign_up("/subscribe/letter", "email=ben%40example.com").await;
        site.mail(1).await;
        let letter = site.mails().into_iter().find(|mail| mail.to == "ann@example.com").unwrap();
        let path = letter.link("/confirm/");
        let ann = site.subscriptions().await.remove(0);
        let mut forged: Vec<String> = (0..path.len())
            .filter(|at| *at >= "/confirm/".len())
            .map(|at| {
                let other = if path.as_bytes()[at] == b'A' { "B" } else { "A" };
                format!("{}{other}{}", &path[..at], &path[at + 1..])
            })
            .collect();
        forged.extend([path[..path.len() - 1].to_owned(), format!("{path}A"), path.replacen("/1.0.", "/2.0.", 1)]);
        for purpose in [Purpose::Confirm, Purpose::Preferences, Purpose::Unsubscribe] {
            forged.push(format!("/confirm/{}", secret().token(purpose, ann.id, ann.counter, "")));
        }
        for path in &forged {
            let answer = send(site.web, path, "", "").await;
            assert!([404, 410].contains(&answer.status), "{path}: {}", answer.status);
            assert_eq!(site.state("ann@example.com", "letter").await, Some(SubscriptionState::Pending), "{path}");
        }
        assert_eq!(send(site.web, &path, "", "").await.status, 200);
        assert_eq!(site.state("ann@example.com", "letter").await, Some(SubscriptionState::Confirmed));
        assert_eq!(site.state("ben@example.com", "letter").await, Some(SubscriptionState::Pending));
        // Nor does it work for ever.
        let late = site.mails().into_iter().find(|mail| mail.to == "ben@example.com").unwrap().link("/confirm/");
        site.clock.advance(Duration::from_hours(48));
        assert_eq!(get(site.web, "GET", &late).await.status, 410);
        assert_eq!(send(site.web, &late, "", "").await.status, 410);
        assert_eq!(site.state("ben@example.com", "letter").await, Some(SubscriptionState::Pending));
        assert!(site.daemon.stop().await);
    }
}

/// S5: five an hour from an address, thirty from its network, sixty a minute in
/// all, by whichever way they come.
#[tokio::test(flavor = "multi_thread")]
async fn the_limits_hold_on_every_way_in() {
    let bench = engines::all().await.remove(0);
    let site = Site::start(&bench, "form_min_age = \"0s\"\nreturn_to = [\"https://blog.example.com/\"]").await;
    let token = form_token(site.web, "/subscribe/letter").await;
    let back = "https://blog.example.com/thanks";
    let embedded = secret().form_token(&format!("embedded {back}"), site.clock.now());
    let one = async |way: usize, from: &str, number: usize| -> u16 {
        let email = format!("r{number}@example.com");
        let head = forwarded(from);
        let answer = match way % 3 {
            0 => send(site.web, "/subscribe/letter", &head, &format!("email={email}&token={token}")).await,
            1 => {
                let head = format!("{head}Origin: https://blog.example.com\r\n");
                let form = format!("email={email}&newsletter=letter&return_to={back}&token={embedded}");
                send(site.web, "/subscribe", &head, &form).await
            }
            _ => {
                let body = format!("{{\"email\":\"{email}\",\"newsletters\":[\"letter\"],\"token\":\"{token}\"}}");
                site.json(from, "", &body).await
            }
        };
        if answer.status == 429 {
            assert!(answer.head.contains("retry-after: 3600"), "{}", answer.head);
        }
        answer.status
    };
    let taken = |status: u16| matches!(status, 200 | 303);
    for way in 0..5 {
        assert!(taken(one(way, "203.0.113.1", way).await), "{way}");
    }
    for way in 0..3 {
        assert_eq!(one(way, "203.0.113.1", 5).await, 429, "{way}");
        // An IPv6 reader is a /64.
        for host in 0..2 {
            assert_eq!(
                one(way, &format!("2001:db8:0:{way}::{host}"), 10 * way + host + 20).await / 100,
                if way == 1 { 3 } else { 2 }
            );
        }
    }
    // The rest of the network, a minute later for the sixty in all.
    site.clock.advance(Duration::from_mins(1));
    for number in 0..25 {
        assert!(taken(one(number, &format!("203.0.113.{}", 2 + number / 5), 100 + number).await), "{number}");
    }
    for way in 0..3 {
        assert_eq!(one(way, "203.0.113.99", 130).await, 429, "{way}");
    }
    // 25 of this minute's sixty are gone.
    for number in 0..35_usize {
        assert!(taken(one(number, &format!("198.51.{number}.1"), 200 + number).await), "{number}");
    }
    for way in 0..3 {
        assert_eq!(one(way, "198.51.200.1", 300).await, 429, "{way}");
    }
    assert!(site.daemon.stop().await);
}

/// S5: one confirmation in a day and three in thirty, however the address is
/// written and whatever became of the sign-ups.
#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_mailbox_is_not_filled() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        let forms = ["ann%40gmail.com", "A.nn%2Bx%40googlemail.com", "ann%2By%40gmail.com"];
        for day in 0..40 {
            for form in forms {
                assert_eq!(site.sign_up("/subscribe/letter", &format!("email={form}")).await.status, 200);
            }
            site.clock.advance(DAY);
            // Unconfirmed sign-ups go meanwhile; what was sent is remembered.
            if day == 12 {
                site.in_an_hour("they are gone", async || site.subscriptions().await.is_empty().then_some(())).await;
            }
        }
        let sent = bench.texts("SELECT CAST(created_at AS TEXT) FROM letter WHERE kind = 'confirm'").await;
        let first = at("2026-11-23T00:00:00Z").millis();
        let mut days: Vec<i64> = sent.iter().map(|at| (at.parse::<i64>().unwrap() - first) / 86_400_000).collect();
        days.sort_unstable();
        // The first three days, and again when each of those is thirty days ago.
        assert_eq!(days, [0, 1, 2, 30, 31, 32], "{}", bench.engine);
        assert!(site.daemon.stop().await);
    }
}

/// S8.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_tells_whether_an_address_is_known() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        site.join("email=standing%40example.com", "letter", 0).await;
        site.join("email=left%40example.com", "letter", 1).await;
        let left = site.subscriptions().await.remove(1);
        let goodbye = secret().token(Purpose::Unsubscribe, left.id, left.counter, "");
        send(site.web, &format!("/u/{goodbye}"), "", "").await;
        site.mail(2).await;
        site.join("email=erased%40example.com", "letter", 3).await;
        let erased = "erased@example.com".parse().unwrap();
        assert!(site.daemon.store.erase_subscriber(&erased, &secret(), site.clock.now()).await.unwrap());
        site.sign_up("/subscribe/letter", "email=pending%40example.com").await;
        site.mail(4).await;

        let mut answers = BTreeSet::new();
        let mut json_answers = BTreeSet::new();
        // The second round finds each within its day's rest.
        for round in 0..2 {
            let token = form_token(site.web, "/subscribe/letter").await;
            for reader in ["new", "standing", "left", "erased", "pending", "bot"] {
                let trap = if reader == "bot" { "x" } else { "" };
                let begun = Instant::now();
                let form = format!("email={reader}%40example.com&website={trap}");
                let answer = site.sign_up("/subscribe/letter", &form).await;
                // Whatever was done took a fraction of that; the rest is waiting.
                assert!(begun.elapsed() >= Duration::from_millis(200), "{reader}: {:?}", begun.elapsed());
                assert_eq!(answer.status, 200);
                answers.insert((answer.head, answer.body));
                let begun = Instant::now();
                let body = format!(
                    "{{\"email\":\"{reader}@example.com\",\"newsletters\":[\"letter\"],\"website\":\"{trap}\",\"token\":\"{token}\"}}"
                );
                let from = format!("172.16.{round}.1");
                let json = site.json(&format!("{from}{}", reader.len()), "", &body).await;
                assert!(begun.elapsed() >= Duration::from_millis(200), "{reader}: {:?}", begun.elapsed());
                json_answers.insert((json.head, json.body));
            }
        }
        let without_date = |head: &str| head.lines().filter(|line| !line.starts_with("date:")).collect::<String>();
        let page: BTreeSet<_> = answers.iter().map(|(head, body)| (without_date(head), body)).collect();
        let json: BTreeSet<_> = json_answers.iter().map(|(head, body)| (without_date(head), body)).collect();
        assert_eq!((page.len(), json.len()), (1, 1), "{}: {page:?} {json:?}", bench.engine);
        assert!(site.daemon.stop().await);
    }
}

/// What happens inside is what each reader would expect.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_does_what_its_reader_would_expect() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        // Pending: the last choice counts, and no second mail comes on that day.
        site.sign_up("/subscribe/letter", "email=Ann%40example.com&cadence=daily").await;
        let letter = site.mail(0).await;
        assert_eq!(letter.to, "Ann@example.com");
        site.sign_up("/subscribe/letter", "email=ann%40EXAMPLE.com&cadence=weekly&topic=film").await;
        // What is asked for besides joins: the page asks for both.
        site.sign_up("/subscribe/notes", "email=ann%40example.com").await;
        assert_eq!(letters(&bench).await, 1);
        let path = letter.link("/confirm/");
        let page = get(site.web, "GET", &path).await;
        for box_of in ["name=\"newsletter\" value=\"letter\" checked", "name=\"newsletter\" value=\"notes\" checked"] {
            assert!(page.body.contains(box_of), "{}", page.body);
        }
        // Only what is ticked stands then.
        assert_eq!(send(site.web, &path, "", "newsletter=letter").await.status, 200);
        let ann = site.subscriptions().await;
        assert_eq!((ann[0].email.as_str(), ann[0].cadence.as_str()), ("Ann@example.com", "weekly"));
        assert_eq!(ann[0].topics, ["film".parse().unwrap()]);
        assert_eq!((ann[0].state, ann[1].state), (SubscriptionState::Confirmed, SubscriptionState::Pending));

        // Confirmed, and something else within the day: its mail waits until there may be one.
        let ben = "email=ben%40example.com&cadence=daily";
        site.join(ben, "letter", 1).await;
        assert_eq!(site.sign_up("/subscribe/notes", "email=ben%40example.com").await.status, 200);
        assert_eq!((site.mails().len(), letters(&bench).await), (2, 3));
        site.clock.advance(DAY);
        let later = site.mail(2).await;
        assert_eq!(later.to, "ben@example.com");
        assert!(later.text.contains("짧은 소식") && !later.text.contains("Letters"), "{}", later.text);
        assert_eq!(send(site.web, &later.link("/confirm/"), "", "").await.status, 200);
        assert_eq!(site.state("ben@example.com", "notes").await, Some(SubscriptionState::Confirmed));

        // Confirmed already: a mail says so, and leads to the choices; nothing has changed.
        site.clock.advance(DAY);
        site.sign_up("/subscribe/letter", "email=ben%40example.com&cadence=weekly").await;
        let known = site.mail(3).await;
        assert_eq!((known.to.as_str(), known.subject.as_str()), ("ben@example.com", "You get Letters already"));
        assert_eq!(get(site.web, "GET", &known.link("/p/")).await.status, 200);
        let ben = site.subscriptions().await.remove(2);
        assert_eq!((ben.cadence.as_str(), ben.state), ("daily", SubscriptionState::Confirmed));

        // Left, and comes back.
        site.clock.advance(DAY);
        let goodbye = secret().token(Purpose::Unsubscribe, ben.id, ben.counter, "");
        send(site.web, &format!("/u/{goodbye}"), "", "").await;
        assert_eq!(site.state("ben@example.com", "letter").await, Some(SubscriptionState::Unsubscribed));
        assert!(site.mail(4).await.text.contains("/back/"));
        site.clock.advance(40 * DAY);
        site.join("email=ben%40example.com&cadence=weekly", "letter", 5).await;
        let back = site.subscriptions().await.into_iter().find(|one| one.id == ben.id).unwrap();
        assert_eq!((back.state, back.ended_at, back.cadence.as_str()), (SubscriptionState::Confirmed, None, "weekly"));
        assert!(site.daemon.stop().await);
    }
}

/// Several at once are one mail and one button.
#[tokio::test(flavor = "multi_thread")]
async fn several_newsletters_are_asked_for_and_confirmed_together() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        let page = get(site.web, "GET", "/subscribe/letter").await.body;
        assert!(page.contains("name=\"newsletter\" value=\"notes\""), "{page}");
        // Advertising is agreed to on its own form.
        assert!(!page.contains("value=\"offers\""), "{page}");
        let form = "email=ann%40example.com&cadence=daily&newsletter=notes&language=ko&timezone=Europe%2FBerlin";
        site.sign_up("/subscribe/letter", form).await;
        let letter = site.mail(0).await;
        assert_eq!(letter.subject, "구독을 확인해 주세요: Letters, 짧은 소식");
        let path = letter.link("/confirm/");
        let page = get(site.web, "GET", &path).await.body;
        assert!(page.contains("<html lang=\"ko\"") && page.contains("원하지 않는 것은"), "{page}");
        // Whoever ticks nothing has begun nothing.
        assert!(page.contains("<input type=\"hidden\" name=\"newsletter\" value=\"\">"), "{page}");
        let none = send(site.web, &path, "", "newsletter=").await;
        assert!(none.status == 422 && none.body.contains("표시하신 것이 없어"), "{}", none.body);
        assert!(!none.body.contains(" checked"), "{}", none.body);
        assert!(site.subscriptions().await.iter().all(|one| one.state == SubscriptionState::Pending));
        let done = send(site.web, &path, "", "newsletter=letter&newsletter=notes").await;
        assert!(done.body.contains("환영합니다"), "{}", done.body);
        let both = site.subscriptions().await;
        assert!(both.iter().all(|one| one.state == SubscriptionState::Confirmed) && both.len() == 2);
        // A cadence that the other has not is its first.
        assert_eq!((both[0].cadence.as_str(), both[1].cadence.as_str()), ("daily", "weekly"));
        assert_eq!((both[0].language, both[0].timezone), (Language::Ko, Some(chrono_tz::Europe::Berlin)));
        // What is on record is what the form and the page showed of each.
        let first = stage::on_record(&site.daemon.store, both[0].id).await;
        let other = stage::on_record(&site.daemon.store, both[1].id).await;
        assert!(first[0].words.starts_with("Subscribe to Letters\n") && !first[0].words.contains("짧은 소식"));
        assert!(other[0].words.starts_with("Subscribe to Letters\n") && other[0].words.contains("\n짧은 소식\n"));
        assert_eq!(other[1].words, "원하지 않는 것은 표시를 지우고 버튼을 눌러 주세요.\n짧은 소식\n구독 확인");
        assert!(site.daemon.stop().await);
    }
}

/// Who is to be mailed what is chosen on the form, or told what to choose; nobody is
/// offered what is not mailed.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_offers_what_is_mailed_and_says_when_nothing_is_chosen() {
    let bench = engines::all().await.remove(0);
    let site = Site::start(&bench, "form_min_age = \"0s\"").await;
    let front = get(site.web, "GET", "/").await.body;
    assert!(front.contains("Only a feed") && front.contains("/subscribe/letter"), "{front}");
    assert!(!front.contains("/subscribe/quiet") && !front.contains("href=\"\""), "{front}");
    assert_eq!(get(site.web, "GET", "/subscribe/quiet").await.status, 404);
    let word = async || format!("&token={}", form_token(site.web, "/subscribe/letter").await);
    let to_any = async |from: &str, form: &str| {
        send(site.web, "/subscribe", &forwarded(from), &format!("email=ann%40example.com{form}{}", word().await)).await
    };
    assert_eq!(to_any("10.9.0.1", "&newsletter=letter&newsletter=quiet").await.status, 404);
    let nothing = to_any("10.9.1.1", "").await;
    assert!(nothing.status == 422 && nothing.body.contains("at least one newsletter"), "{}", nothing.body);
    let token = site.json("10.9.2.1", "", "{\"email\": \"ann@example.com\"}").await;
    assert!(token.status == 422 && token.body.contains("error_newsletter"), "{}", token.body);
    assert_eq!(site.json("10.9.2.1", "", "{\"newsletters\": [\"quiet\"]}").await.status, 404);

    // One on another site may name what our own pages keep apart: nothing of it is lost
    // on the way, and who unticks the advertising need not agree to it.
    let mixed = "newsletter=letter&newsletter=offers&email=ann%40example.com&token=x";
    let again = send(site.web, "/subscribe", &forwarded("10.9.3.1"), mixed).await;
    for needed in [
        "<input type=\"checkbox\" name=\"newsletter\" value=\"offers\" checked>",
        "<input type=\"checkbox\" name=\"agreed\" value=\"yes\">",
        "href=\"/subscribe/letter?lang=ko\"",
    ] {
        assert!(again.status == 200 && again.body.contains(needed), "{needed}: {}", again.body);
    }
    assert_eq!(to_any("10.9.4.1", "&newsletter=letter&newsletter=offers").await.status, 422);
    assert_eq!(to_any("10.9.5.1", "&newsletter=letter").await.status, 200);
    assert!(site.daemon.stop().await);
}

/// A new secret key forgives nobody: what was sent under the old one counts.
#[tokio::test(flavor = "multi_thread")]
async fn the_letters_of_a_mailbox_are_counted_by_every_key() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let outside = || Outside { clock: clock.clone(), chance: Chance::seeded(3), roles: Roles::ALL };
        config(&bench, "form_min_age = \"0s\"");
        let path = bench.folder.path().join("config.toml");
        let (old, new) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        let with = |environment| Config::load(&path, &environment, &Chance::seeded(1)).unwrap();
        let before = with(Environment::of([("SYNDICATED_SECRET_KEY", old)]));
        let after = with(Environment::of([("SYNDICATED_SECRET_KEY", new), ("SYNDICATED_OLD_SECRET_KEY", old)]));
        for config in [before, after] {
            let daemon = Daemon::start(config, outside()).await.unwrap();
            let web = daemon.web.unwrap();
            let token = form_token(web, "/subscribe/letter").await;
            let form = format!("email=ann%40example.com&token={token}");
            assert_eq!(send(web, "/subscribe/letter", "", &form).await.status, 200);
            // The mail of a minute ago serves for this, too.
            assert_eq!(letters(&bench).await, 1, "{}", bench.engine);
            clock.advance(Duration::from_mins(1));
            assert!(daemon.stop().await);
        }
    }
}

/// Nothing that a stranger typed stands in the mail that they have us write.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_carries_no_word_of_whoever_asked_for_it() {
    let bench = engines::all().await.remove(0);
    let site = Site::start(&bench, "form_min_age = \"0s\"").await;
    let form =
        "email=ann%40example.com&name=BUY+NOW&title=BUY+NOW&shown=BUY&consent=BUY&return_to=http%3A%2F%2Fbuy.example";
    site.sign_up("/subscribe/letter", form).await;
    for odd in ["language=BUY", "timezone=BUY", "cadence=BUY", "topic=BUY"] {
        assert_eq!(
            site.sign_up("/subscribe/letter", &format!("email=b%40example.com&{odd}")).await.status,
            422,
            "{odd}"
        );
    }
    let letter = site.mail(0).await;
    assert!(!letter.raw.to_lowercase().contains("buy"), "{}", letter.raw);
    assert_eq!(site.mails().len(), 1);
    assert!(site.daemon.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_agreed_to_is_on_record_and_the_network_address_goes() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "form_min_age = \"0s\"").await;
        site.sign_up_from("203.0.113.9", "/subscribe/letter", "email=ann%40example.com&cadence=daily").await;
        let letter = site.mail(0).await;
        site.clock.advance(Duration::from_hours(1));
        send(site.web, &letter.link("/confirm/"), &forwarded("2001:db8::7"), "").await;
        let id = site.subscriptions().await[0].id;
        let records = stage::on_record(&site.daemon.store, id).await;
        let acts: Vec<_> = records.iter().map(|record| (record.act, record.origin)).collect();
        assert_eq!(acts, [(Act::Asked, Origin::Page), (Act::Confirmed, Origin::Page)], "{}", bench.engine);
        assert!(
            records[0].words.contains("Subscribe to Letters") && records[0].words.contains("Each new post by mail")
        );
        assert!(records[1].words.contains("Letters will come to your mailbox"), "{}", records[1].words);
        let addresses: Vec<_> = records.iter().map(|record| record.address.unwrap().to_string()).collect();
        assert_eq!(addresses, ["203.0.113.9", "2001:db8::7"]);
        assert_eq!(records[1].at.since(records[0].at), Duration::from_hours(1));
        // The version changes with the words.
        assert!(records[0].form.starts_with("sign-up page ") && records[0].form.len() == 25, "{}", records[0].form);
        site.sign_up("/subscribe/letter?lang=ko", "email=ben%40example.com&shown=ko").await;
        let ben = site.subscriptions().await.remove(1);
        let in_korean = stage::on_record(&site.daemon.store, ben.id).await.remove(0);
        assert!(in_korean.words.contains("Letters 구독") && in_korean.form != records[0].form, "{in_korean:?}");

        let goodbye = secret().token(Purpose::Unsubscribe, id, 0, "");
        send(site.web, &format!("/u/{goodbye}"), "", "List-Unsubscribe=One-Click").await;
        site.clock.advance(30 * DAY);
        let kept = site
            .in_an_hour("the addresses are gone", async || {
                let records = stage::on_record(&site.daemon.store, id).await;
                records.iter().all(|record| record.address.is_none()).then_some(records)
            })
            .await;
        assert_eq!((kept.len(), kept[2].act, kept[2].origin), (3, Act::Ended, Origin::OneClick));
        assert_eq!(kept[0].words, records[0].words);
        assert!(site.daemon.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_read_as_their_owners_write_them() {
    for bench in engines::all().await {
        let blocked = bench.folder.path().join("blocked.txt");
        std::fs::write(&blocked, "trash.example\n").unwrap();
        let more = format!("form_min_age = \"0s\"\nblocked_domains = \"{}\"", blocked.display());
        let site = Site::start(&bench, &more).await;
        let post = async |form: &str| site.sign_up("/subscribe/letter", form).await;
        for (address, said) in [
            ("ann", "That is not a mail address"),
            ("ann%40localhost", "That is not a mail address"),
            ("ann%40%5B192.0.2.1%5D", "That is not a mail address"),
            ("a%40b.example%0D%0ABcc%3A+x%40y.example", "That is not a mail address"),
            ("x%40mx.trash.example", "We do not take addresses at this domain"),
        ] {
            let answer = post(&format!("email={address}")).await;
            assert!(answer.status == 422 && answer.body.contains(said), "{address}: {}", answer.body);
            assert!(answer.body.contains("aria-invalid=\"true\" aria-describedby=\"problem\""), "{}", answer.body);
        }
        assert!(site.subscriptions().await.is_empty());

        // A slip is asked about; both answers count, and an address that is written anew.
        let asked = post("email=ann%40gmial.com").await;
        assert!(asked.status == 422 && asked.body.contains("Did you mean ann@gmail.com?"), "{}", asked.body);
        for (form, address) in [
            ("email=ann%40gmial.com&meant_for=ann%40gmial.com&instead=ann%40gmail.com", "ann@gmail.com"),
            ("email=ann%40gmial.com&meant_for=ann%40gmial.com&as_typed=ann%40gmial.com", "ann@gmial.com"),
            ("email=eve%40example.com&meant_for=ann%40gmial.com&instead=ann%40gmail.com", "eve@example.com"),
            // IDN and SMTPUTF8: one reader, however the letters are put together; shown as first written.
            ("email=%EA%B9%80%40%EC%98%88%EC%8B%9C.%ED%95%9C%EA%B5%AD", "김@예시.한국"),
            ("email=%E1%84%80%E1%85%B5%E1%86%B7%40xn--vv4b11d.xn--3e0b707e", "김@예시.한국"),
        ] {
            assert_eq!(post(form).await.status, 200, "{form}");
            let last = site.subscriptions().await.pop().unwrap();
            assert_eq!(last.email.as_str(), address, "{form}");
        }
        assert_eq!(site.subscriptions().await.len(), 4);
        assert!(site.daemon.stop().await);
    }
}

/// A form on another site: one step where the browser says whose page it was on,
/// two where it does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_on_another_site_leads_back_to_it() {
    let bench = engines::all().await.remove(0);
    let site = Site::start(&bench, "form_min_age = \"0s\"\nreturn_to = [\"https://blog.example.com/\"]").await;
    let back = "https://blog.example.com/thanks";
    let printed = crate::program::command(&bench.folder.path().join("config.toml"))
        .args(["form", "letter", "--return-to", back])
        .stdout(std::process::Stdio::piped())
        .output()
        .await
        .unwrap();
    let html = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.status.success() && html.contains("action=\"http://news.example.org/subscribe\""), "{html}");
    assert!(!html.contains("<script") && !html.contains("<link"), "{html}");
    // The machine's clock is not the test's: a form printed now by the test's own.
    let field = |name: &str| {
        let (_, rest) =
            html.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {html}"));
        rest.split_once('"').unwrap().0.to_owned()
    };
    assert_eq!((field("newsletter").as_str(), field("return_to").as_str()), ("letter", back));
    let encoded = |token: &str, to: &str| {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("email", "ann@example.com").append_pair("newsletter", "letter");
        form.append_pair("token", token).append_pair("return_to", to).finish()
    };
    let token = field("token");
    let from_blog = "Origin: https://blog.example.com\r\n";
    let straight = send(site.web, "/subscribe", from_blog, &encoded(&token, back)).await;
    assert!(straight.status == 303 && straight.head.contains(&format!("location: {back}")), "{}", straight.head);
    let record = stage::on_record(&site.daemon.store, site.subscriptions().await[0].id).await.remove(0);
    assert_eq!(record.origin, Origin::Embedded);
    assert!(record.form.starts_with("form on another site "), "{}", record.form);

    // Without a word of the browser's, from another site, with another page, or made up.
    let elsewhere = "https://blog.example.com/other";
    for (origin, form) in [
        ("", encoded(&token, back)),
        ("Origin: null\r\n", encoded(&token, back)),
        ("Origin: https://evil.example\r\n", encoded(&token, back)),
        (from_blog, encoded(&token, elsewhere)),
        (from_blog, encoded("", back)),
    ] {
        let again = send(site.web, "/subscribe", origin, &form).await;
        assert!(again.status == 200 && again.body.contains("One more press of the button"), "{origin}: {}", again.body);
        assert!(again.head.contains("form-action 'self' https://blog.example.com;"), "{}", again.head);
        // The second step goes on from there.
        let (_, rest) = again.body.split_once("name=\"token\" value=\"").unwrap();
        let fresh = rest.split_once('"').unwrap().0;
        let wanted = if form.contains("other") { elsewhere } else { back };
        let done = send(site.web, "/subscribe/letter", "", &encoded(fresh, wanted)).await;
        assert!(done.status == 303 || done.status == 429, "{}", done.body);
    }
    // Nobody is led to a page that is not allowed.
    let evil = "https://evil.example/";
    let again = send(site.web, "/subscribe", from_blog, &encoded(&token, evil)).await;
    assert!(again.status == 200 && !again.body.contains(evil) && !again.head.contains("evil"), "{}", again.body);
    let fresh = form_token(site.web, "/subscribe/letter").await;
    site.clock.advance(Duration::from_hours(1));
    let stays = send(site.web, "/subscribe/letter", "", &encoded(&fresh, evil)).await;
    assert!(stays.status == 200 && stays.body.contains("Please look into your mailbox"), "{}", stays.body);
    let refused = crate::program::command(&bench.folder.path().join("config.toml"))
        .args(["form", "letter", "--return-to", evil])
        .stderr(std::process::Stdio::piped())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && said.contains("return_to = [\"https://evil.example/\"]"), "{said}");
    assert!(site.daemon.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_signs_up_by_json() {
    for bench in engines::all().await {
        let site = Site::start(&bench, "return_to = [\"https://blog.example.com/\"]").await;
        let offer = get(site.web, "GET", "/subscribe.json").await;
        let offered: Value = serde_json::from_str(&offer.body).unwrap();
        assert!(offer.status == 200 && offer.head.contains("content-type: application/json"), "{}", offer.head);
        assert_eq!(offered["newsletters"][0]["topics"], serde_json::json!(["film"]));
        assert_eq!(
            (&offered["newsletters"][2]["advertising"], &offered["token_holds_from_ms"]),
            (&true.into(), &2000.into())
        );
        assert!(offered["newsletters"][0]["words"].as_str().unwrap().contains("Each new post by mail"));
        let token = offered["token"].as_str().unwrap();
        let full = |email: &str, more: &str| {
            format!("{{\"email\":\"{email}\",\"newsletters\":[\"letter\",\"notes\"],\"token\":\"{token}\"{more}}}")
        };
        let soon = site.json("192.0.2.1", "", &full("ann@example.com", "")).await;
        let soon_said: Value = serde_json::from_str(&soon.body).unwrap();
        assert_eq!((soon.status, &soon_said["error"]), (422, &"error_age".into()), "{}", soon.body);
        assert!(soon_said["token"].is_string());
        site.clock.advance(Duration::from_secs(2));
        for (body, status, error) in [
            (full("ann", ""), 422, "error_email"),
            (full("ann@gmial.com", ""), 422, "subscribe_meant"),
            (full("ann@example.com", ",\"cadence\":\"hourly\""), 422, "error_cadence"),
            (full("ann@example.com", ",\"language\":\"xx\""), 422, "error_form"),
            ("{\"email\":\"ann@example.com\",\"newsletters\":[\"no\"]}".to_owned(), 404, "error_not_found"),
            ("{\"email\":\"ann@example.com\",\"newsletters\":[\"letter\"]}".to_owned(), 422, "error_form"),
            ("{\"email\":\"ann@example.com\",\"extra\":1}".to_owned(), 400, "error_json"),
            ("[]]".to_owned(), 400, "error_json"),
            (format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)), 400, "error_json"),
        ] {
            let from = format!("192.0.2.{}", 2 + status % 100);
            let answer = site.json(&from, "", &body).await;
            let said: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body));
            assert_eq!((answer.status, &said["error"]), (status, &error.into()), "{body}: {}", answer.body);
            assert!(said["message"].as_str().is_some_and(|message| message.len() > 10), "{}", answer.body);
        }
        let as_text = send(site.web, "/subscribe.json", "", &full("ann@example.com", "")).await;
        assert_eq!(as_text.status, 415);
        assert!(site.subscriptions().await.is_empty());

        let more = ",\"cadence\":\"daily\",\"topics\":[\"film\"],\"language\":\"ko\",\"timezone\":\"Asia/Tokyo\"";
        let taken = site.json("192.0.2.200", "", &full("ann@example.com", more)).await;
        let said: Value = serde_json::from_str(&taken.body).unwrap();
        assert_eq!((taken.status, &said["status"]), (200, &"check_mail".into()), "{}", taken.body);
        let both = site.subscriptions().await;
        assert_eq!((both.len(), both[0].topics.len(), both[1].topics.len()), (2, 1, 0));
        assert_eq!((both[0].cadence.as_str(), both[0].language), ("daily", Language::Ko));
        let record = stage::on_record(&site.daemon.store, both[0].id).await.remove(0);
        assert_eq!(record.origin, Origin::Json);
        assert!(site.mail(0).await.subject.contains("Letters, 짧은 소식"));

        // Scripts on the sites that are named may, and on no others.
        for (origin, may) in [("https://blog.example.com", true), ("https://evil.example", false)] {
            let asked = format!(
                "OPTIONS /subscribe.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\r\n"
            );
            let preflight = ask(site.web, &asked).await;
            assert_eq!(
                preflight.head.contains("access-control-allow-headers: content-type"),
                may,
                "{}",
                preflight.head
            );
            let read = site.json("192.0.2.201", &format!("Origin: {origin}\r\n"), &full("ann", "")).await;
            assert_eq!(read.head.contains(&format!("access-control-allow-origin: {origin}")), may, "{}", read.head);
        }
        assert!(site.daemon.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_speaks_both_languages_and_brings_its_script() {
    let bench = engines::all().await.remove(0);
    let site = Site::start(&bench, "form_min_age = \"0s\"\nprivacy = \"https://example.com/privacy\"").await;
    let english = get(site.web, "GET", "/subscribe/letter").await;
    assert!(
        english.body.contains("<html lang=\"en\"") && english.body.contains("href=\"/subscribe/letter?lang=ko\""),
        "{}",
        english.body
    );
    assert!(english.body.contains("href=\"https://example.com/privacy\""), "{}", english.body);
    assert!(english.head.contains("script-src 'self'") && !english.body.contains("style="), "{}", english.head);
    let korean = get(site.web, "GET", "/subscribe/letter?lang=ko").await;
    assert!(korean.body.contains("<html lang=\"ko\"") && korean.body.contains("구독하기"), "{}", korean.body);
    // Who reads the form in Korean gets their letters in Korean, unless they choose otherwise.
    assert!(korean.body.contains("<option value=\"ko\" lang=\"ko\" selected>"), "{}", korean.body);
    // An address in letters of one's own, which browsers do not let through as `email`.
    assert!(english.body.contains("type=\"text\" inputmode=\"email\"") && !english.body.contains("type=\"email\""));
    let script = get(site.web, "GET", "/subscribe.js").await;
    assert!(script.head.contains("content-type: text/javascript"), "{}", script.head);
    assert!(script.body.contains("resolvedOptions().timeZone"), "{}", script.body);
    assert_eq!(get(site.web, "GET", "/subscribe/nothing").await.status, 404);
    assert!(site.daemon.stop().await);
}

/// A name server that knows one domain, and only that it takes no mail.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_whose_domain_takes_no_mail_is_asked_about_where_that_is_wanted() {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            // No such name, but for one: of that the server cannot tell.
            let code = if bytes[..length].windows(6).any(|window| window == b"unsure") { 2 } else { 3 };
            (bytes[2], bytes[3]) = (0x81, 0x80 | code);
            socket.send_to(&bytes[..length], from).await.unwrap();
        }
    });
    let bench = engines::all().await.remove(0);
    let more = format!("form_min_age = \"0s\"\ncheck_mx = true\ndns = \"{at}\"");
    let site = Site::start(&bench, &more).await;
    let refused = site.sign_up("/subscribe/letter", "email=ann%40example.com").await;
    assert!(refused.status == 422 && refused.body.contains("No mail can be sent to this domain"), "{}", refused.body);
    assert_eq!(site.sign_up("/subscribe/letter", "email=ann%40unsure.example").await.status, 200);
    assert_eq!(site.subscriptions().await.len(), 1);
    assert!(site.daemon.stop().await);
}
