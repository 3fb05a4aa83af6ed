//! Signing up with a real browser, with and without scripts, on our page and on
//! another site's. `sign_up.cjs` does what readers do.

use crate::browsing::{browse, shots, tools};
use crate::engines;
use crate::origin::{Answer, Origin};
use crate::program::Program;
use crate::stage;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a script on another site does: it asks for a token, and signs up with it.
fn script(base: &str) -> String {
    format!(
        r#"<!doctype html><title></title><script>(async () => {{
          try {{
            const offer = await (await fetch("{base}/subscribe.json")).json();
            const sent = await fetch("{base}/subscribe.json", {{
              method: "POST", headers: {{ "content-type": "application/json" }},
              body: JSON.stringify({{ email: "script@example.org", newsletters: ["letter"], token: offer.token }}),
            }});
            document.title = (await sent.json()).status;
          }} catch (_) {{ document.title = "refused"; }}
        }})();</script>"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_sign_up_here_and_elsewhere_with_and_without_scripts() {
    let Some((modules, chromium)) = tools() else {
        println!("skipped: SYNDICATED_TEST_NODE_MODULES or SYNDICATED_TEST_CHROMIUM is not set");
        return;
    };
    let bench = engines::all().await.remove(0);
    let (blog, stranger) = (Origin::start().await, Origin::start().await);
    let back = blog.url("/thanks").to_string();
    let outbox = bench.folder.path().join("outbox");
    let cadences = "{ weekly = { schedule = \"0 7 * * MON\", deliver = \"local\" }, daily = \"0 7 * * *\" }";
    let text = stage::toml(&bench, &format!("maildir:{}", outbox.display()), cadences, "")
        .replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]")
        .replace(
            "form_min_age = \"0s\"",
            &format!("form_min_age = \"0s\"\nreturn_to = [\"{back}\", \"{}\"]", blog.url("/")),
        );
    let more = "topics = { film = [\"category: film\"], books = [\"category: books\"] }\n\
        [[newsletter]]\nname = \"notes\"\ntitle = \"짧은 소식\"\nlanguage = \"ko\"\ncadences = { weekly = \"0 7 * * MON\" }\n\
        [[newsletter]]\nname = \"offers\"\ntitle = \"Offers\"\ncadences = { weekly = \"0 7 * * MON\" }\n\
        commercial = true\ncontact = \"+82 2-123-4567, Seoul\"\n";
    let path = bench.folder.path().join("config.toml");
    std::fs::write(&path, text + more).unwrap();
    let program = Program::start(&path).await;
    let base = format!("http://{}", program.web);
    let form = program.command(&["form", "letter", "notes", "--return-to", &back]).await;
    let form = form.replace("http://news.example.org", &base);
    let html = |body: String| Answer::ok(body).header("Content-Type", "text/html; charset=utf-8");
    let page =
        |head: &str| format!("<!doctype html><html lang=\"en\"><head>{head}<title>Blog</title></head>{form}</html>");
    blog.set("/form", html(page("")));
    blog.set("/silent", html(page("<meta name=\"referrer\" content=\"no-referrer\">")));
    blog.set("/thanks", html("<title>Thanks</title>".to_owned()));
    for site in [&blog, &stranger] {
        site.set("/script?scripts", html(script(&base)));
    }
    let site = |origin: &Origin| origin.url("").as_str().trim_end_matches('/').to_owned();
    let task = json!({
        "base": base, "chromium": chromium, "blog": site(&blog), "stranger": site(&stranger), "thanks": back,
        "shots": shots(),
    });
    let steps = browse("sign_up.cjs", &modules, &task).await;
    assert!(steps.contains("scripts: done") && steps.contains("bare: done"), "{steps}");
    let list: Vec<Value> = serde_json::from_str(&program.command(&["subscriber", "list", "--json"]).await).unwrap();
    let known: BTreeSet<_> =
        list.iter().map(|one| (one["email"].as_str().unwrap(), one["timezone"].as_str().unwrap_or_default())).collect();
    let expected = [
        ("bare-양식@예시.한국", ""),
        ("bare-조용@예시.한국", ""),
        ("bare@gmail.com", ""),
        ("script@example.org", ""),
        ("scripts-양식@예시.한국", ""),
        // The second step is on our page, whose script knows the zone.
        ("scripts-조용@예시.한국", "Europe/Berlin"),
        ("scripts@gmail.com", "Europe/Berlin"),
    ];
    assert_eq!(known, BTreeSet::from(expected), "{steps}");
    program.terminate().await;
}
