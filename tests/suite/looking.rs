//! Looking changes nothing (P17): every route of the router is asked by GET and HEAD,
//! with every kind of token that there is, and then the whole database is as it was.

use crate::engines::{self, Bench};
use crate::serving::{Answer, get, post};
use crate::stage::{self, at};
use std::collections::BTreeSet;
use syndicated::clock::{Chance, Clock};
use syndicated::config::Database;
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::id::{HubId, SubscriptionId};
use syndicated::domain::language::Language;
use syndicated::domain::token::Purpose;
use syndicated::scheduler::Roles;
use syndicated::store::{Own, Wish};

/// Every row of every table, as text.
pub(crate) async fn contents(bench: &Bench) -> Vec<String> {
    let mut all = Vec::new();
    match &bench.place {
        Database::Sqlite(_) => {
            let tables = bench.texts("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").await;
            for table in tables {
                let columns = bench.texts(&format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid")).await;
                let values: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
                let rows = format!("SELECT '{table}: ' || {} FROM \"{table}\"", values.join(" || ', ' || "));
                all.extend(bench.texts(&rows).await);
            }
        }
        Database::Postgres(_) => {
            let tables =
                bench.texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").await;
            for table in tables {
                all.extend(bench.texts(&format!("SELECT '{table}: ' || t::text FROM \"{table}\" t")).await);
            }
        }
    }
    all.sort();
    all
}

/// What stands in a route's braces: all that means something there, and what means nothing.
fn fillings(name: &str, tokens: &[String]) -> Vec<String> {
    match name {
        "file" => ["letter.rss", "letter.atom", "letter.json", "essays.rss", "no.rss"].map(str::to_owned).to_vec(),
        "newsletter" | "label" => vec!["letter".to_owned(), "no".to_owned()],
        "source" => vec!["essays".to_owned(), "no".to_owned()],
        "document" => ["1.rss", "1.json", "0.atom", "x"].map(str::to_owned).to_vec(),
        "page" => vec!["1".to_owned(), "2".to_owned(), "x".to_owned()],
        "post" => vec!["1".to_owned(), "999".to_owned()],
        "year" => vec!["2026".to_owned()],
        "month" => vec!["11".to_owned(), "13".to_owned()],
        "cadence" => vec!["daily".to_owned(), "no".to_owned()],
        "slot" => ["2026-11-22T07-00", "2026-11-22T07:00", "post-1", "no"].map(str::to_owned).to_vec(),
        "token" => tokens.to_vec(),
        "relay" => vec!["postmark".to_owned(), "no".to_owned()],
        other => panic!("a route has {{{other}}}: say here what may stand in it"),
    }
}

/// A route with all that may stand in its braces.
fn filled(path: &str, tokens: &[String]) -> Vec<String> {
    let Some((head, (name, tail))) = path.split_once('{').map(|(head, rest)| (head, rest.split_once('}').unwrap()))
    else {
        return vec![path.to_owned()];
    };
    let tails = filled(tail, tokens);
    let values = fillings(name, tokens);
    values.iter().flat_map(|value| tails.iter().map(move |tail| format!("{head}{value}{tail}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_get_or_head_of_any_route_writes_anything() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let relay = format!("maildir:{}", bench.folder.path().join("outbox").display());
        let config = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\", weekly = \"0 7 * * MON\" }", "");
        let secret = config.secret.clone();
        // Nothing works by itself: what is written is written by whoever asks.
        let roles = Roles { poll: false, send: false, web: true };
        let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles };
        let daemon = Daemon::start(config, outside).await.unwrap();
        let web = daemon.web.unwrap();

        // Posts of a month with labels of every kind, so many that each list has a second page; and digests likewise.
        for sql in [
            "INSERT INTO post (source_id, guid, title, authors, dated_at, categories, enclosures, also_at, fingerprint,
                 first_seen_at, changed_at, standing)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
             SELECT id, 'g' || i, 't', '[]', 1795388400000, '[]', '[]', '[]', 'f' || i, 1, 1, 'live' FROM source, n",
            "INSERT INTO digest (newsletter, cadence, slot, state, frozen_at, expires_at, subject, html, plain)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
             SELECT 'letter', 'daily', 'post-' || i, 'done', 1, 1, 's', '<p>h</p>', 'p' FROM n",
            "INSERT INTO post_label (post_id, kind, key, name, dated_at)
             SELECT p.id, v.column1, 'letter', 'Letter', 1 FROM post p, (VALUES ('tag'), ('author'), ('language')) AS v",
        ] {
            bench.execute(sql).await;
        }
        // A reader in every state in which a link may find one.
        let (letter, daily) = ("letter".parse().unwrap(), "daily".parse().unwrap());
        for (number, email) in ["confirmed@example.org", "left@example.org", "moving@example.org"].iter().enumerate() {
            let email = email.parse().unwrap();
            let wish = Wish {
                email: &email,
                newsletter: &letter,
                cadence: &daily,
                language: Language::En,
                consent: "for a test",
                own: Own::default(),
            };
            daemon.store.add_confirmed(&[wish], clock.now()).await.unwrap();
            let id = SubscriptionId(i64::try_from(number).unwrap() + 1);
            let page = format!("/p/{}", secret.token(Purpose::Preferences, id, 0, ""));
            assert_eq!(post(web, &format!("{page}/data"), "").await.status, 200);
        }
        let token = |purpose, id, nonce: &str| secret.token(purpose, SubscriptionId(id), 0, nonce);
        assert_eq!(post(web, &format!("/u/{}", token(Purpose::Unsubscribe, 2, "")), "").await.status, 200);
        let moving = format!("/p/{}/address", token(Purpose::Preferences, 3, ""));
        assert_eq!(post(web, &moving, "email=there%40example.org").await.status, 200);
        assert_eq!(
            post(web, "/subscribe/letter", "email=pending%40example.org&cadence=daily&website=").await.status,
            200
        );
        let confirm = bench.texts("SELECT confirm_nonce FROM subscription WHERE confirm_nonce IS NOT NULL").await;
        let address = bench.texts("SELECT nonce FROM address_change").await;
        let now = clock.now().millis().to_string();
        let mut tokens = vec!["x".to_owned(), "1.0.AAAA".to_owned(), secret.callback_token(HubId(1))];
        for id in 1..=5 {
            for purpose in [Purpose::Unsubscribe, Purpose::Preferences, Purpose::Confirm, Purpose::Undo, Purpose::Data]
            {
                tokens.push(token(purpose, id, ""));
            }
            tokens.extend([
                token(Purpose::Confirm, id, &confirm[0]),
                token(Purpose::Undo, id, &now),
                token(Purpose::Data, id, &now),
                token(Purpose::Address, id, &address[0]),
            ]);
        }

        let before = contents(&bench).await;
        assert!(before.iter().any(|row| row.contains("pending@example.org")) && before.len() > 15, "{before:#?}");
        let (mut asked, mut worked) = (0, BTreeSet::new());
        for path in syndicated::web::paths() {
            let filled = filled(path, &tokens);
            for filled in filled {
                let queries = [
                    "",
                    "?hub.mode=subscribe&hub.topic=https%3A%2F%2Fa.example%2F&hub.challenge=c",
                    "?undo=1&cadence=weekly&List-Unsubscribe=One-Click",
                ];
                for (method, query) in
                    ["GET", "HEAD"].into_iter().zip(queries).chain([("GET", queries[1]), ("GET", queries[2])])
                {
                    let Answer { status, head, .. } = get(web, method, &format!("{filled}{query}")).await;
                    assert!(status < 500, "{method} {filled}{query}: {status}");
                    assert!(!head.contains("set-cookie"), "{method} {filled}: {head}");
                    asked += 1;
                    if status == 200 {
                        worked.insert(path);
                    }
                }
            }
        }
        assert_eq!(contents(&bench).await, before, "{}", bench.engine);
        // The walk went through the doors and not past them.
        for path in syndicated::web::paths() {
            let acts_only =
                ["/u/{token}/why", "/p/{token}/address", "/p/{token}/data", "/hooks/{relay}/{token}"].contains(&path);
            let leads_on = ["/subscribe", "/websub/{token}"].contains(&path);
            assert_eq!(worked.contains(path), !acts_only && !leads_on, "{path}");
        }
        assert!(asked > 1000, "{asked}");
        assert!(daemon.stop().await);
    }
}

/// Which links let their holder act at a route.
fn declared(path: &str) -> Option<Purpose> {
    match path.split('/').nth(1).unwrap_or_default() {
        "confirm" => Some(Purpose::Confirm),
        "u" => Some(Purpose::Unsubscribe),
        "back" => Some(Purpose::Undo),
        "p" => Some(Purpose::Preferences),
        "address" => Some(Purpose::Address),
        "data" => Some(Purpose::Data),
        _ => None,
    }
}

/// S9, S12: a form that comes from anywhere acts by its link's own token alone. No page
/// knows its reader by a cookie, so none can be led to act in a reader's name.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_acts_at_its_own_route_and_nowhere_else() {
    for bench in engines::all().await {
        let clock = Clock::manual(at("2026-11-23T00:00:00Z"));
        let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\", weekly = \"0 7 * * MON\" }", "");
        let secret = config.secret.clone();
        let roles = Roles { poll: false, send: false, web: true };
        let outside = Outside { clock: clock.clone(), chance: Chance::seeded(3), roles };
        let daemon = Daemon::start(config, outside).await.unwrap();
        let web = daemon.web.unwrap();
        let token = |purpose, id, nonce: &str| secret.token(purpose, SubscriptionId(id), 0, nonce);
        for email in ["ann%40example.org", "ben%40example.org"] {
            post(web, "/subscribe/letter", &format!("email={email}&cadence=daily&website=")).await;
        }
        let nonces = bench.texts("SELECT confirm_nonce FROM subscription ORDER BY id").await;
        assert_eq!(post(web, &format!("/confirm/{}", token(Purpose::Confirm, 1, &nonces[0])), "").await.status, 200);
        assert_eq!(post(web, &format!("/u/{}", token(Purpose::Unsubscribe, 1, "")), "").await.status, 200);
        let mine = format!("/p/{}", token(Purpose::Preferences, 1, ""));
        assert_eq!(post(web, &format!("{mine}/data"), "").await.status, 200);
        assert_eq!(post(web, &format!("{mine}/address"), "email=c%40example.org").await.status, 200);
        let address = bench.texts("SELECT nonce FROM address_change").await;
        let now = clock.now().millis().to_string();
        // What is good somewhere, of the reader who left and of the one who has not confirmed.
        let good = [
            (Purpose::Confirm, token(Purpose::Confirm, 2, &nonces[1])),
            (Purpose::Unsubscribe, token(Purpose::Unsubscribe, 2, "")),
            (Purpose::Undo, token(Purpose::Undo, 1, &now)),
            (Purpose::Preferences, token(Purpose::Preferences, 1, "")),
            (Purpose::Address, token(Purpose::Address, 1, &address[0])),
            (Purpose::Data, token(Purpose::Data, 1, &now)),
        ];
        let form = "language=ko&timezone=UTC&hour=7&cadence.letter=weekly&cadence=weekly&why=often&words=x\
                    &email=d%40example.org&sure=yes&List-Unsubscribe=One-Click";
        let before = contents(&bench).await;
        let mut tried = 0;
        for path in syndicated::web::paths() {
            let Some(purpose) = declared(path) else { continue };
            let (_, own) = good.iter().find(|(of, _)| *of == purpose).unwrap();
            let (id, rest) = own.split_once('.').unwrap();
            let others = good.iter().filter(|(of, _)| *of != purpose).map(|(_, token)| token.clone());
            // Its own MAC under another reader's number and another counter; a revoked one; nothing.
            let forged = [
                format!("{}.{rest}", 3 - id.parse::<i64>().unwrap()),
                own.replacen(".0.", ".1.", 1),
                secret.token(purpose, SubscriptionId(id.parse().unwrap()), 1, ""),
                format!("{id}.0."),
                String::from("x"),
            ];
            for token in others.chain(forged) {
                let filled = path.replace("{token}", &token);
                let answer = post(web, &filled, form).await;
                assert!([404, 405, 410, 429].contains(&answer.status), "{filled}: {}", answer.status);
                assert!(!answer.head.contains("set-cookie"), "{filled}");
                tried += 1;
            }
        }
        assert!(tried >= 80, "{tried}");
        assert_eq!(contents(&bench).await, before);
        // Each was good where it belongs.
        for (purpose, token) in good {
            let path = syndicated::web::paths().into_iter().find(|path| declared(path) == Some(purpose)).unwrap();
            let filled = path.replace("{token}", &token);
            let answer =
                if purpose == Purpose::Data { get(web, "GET", &filled).await } else { post(web, &filled, form).await };
            assert_eq!(answer.status, 200, "{filled}: {}", answer.body);
        }
        assert!(daemon.stop().await);
    }
}
