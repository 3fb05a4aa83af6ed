//! Readers with a real browser, in both languages: with the mouse, by touch, with the
//! keyboard alone, and without scripts. `browse.cjs` does what they do.

use crate::engines;
use crate::program::Program;
use crate::stage;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use syndicated::domain::id::SubscriptionId;
use syndicated::domain::token::{Purpose, SecretKey};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The modules from npm, and the browser.
pub(crate) fn tools() -> Option<(String, String)> {
    let named = |name| std::env::var(name).ok();
    named("SYNDICATED_TEST_NODE_MODULES").zip(named("SYNDICATED_TEST_CHROMIUM"))
}

/// Where pictures of the pages are kept, when one asks for them.
pub(crate) fn shots() -> Option<PathBuf> {
    let folder = std::env::var("SYNDICATED_TEST_SHOTS").ok().map(PathBuf::from)?;
    std::fs::create_dir_all(&folder).unwrap();
    Some(folder)
}

/// Has a script of `tests/others` do `task`, and fails when it does; what it said, line by line.
pub(crate) async fn browse(script: &str, modules: &str, task: &Value) -> String {
    let mut browsing = Command::new("node")
        .arg(format!("{}/tests/others/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("NODE_PATH", modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    browsing.stdin.take().unwrap().write_all(task.to_string().as_bytes()).await.unwrap();
    let said = browsing.wait_with_output().await.unwrap();
    let steps = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{steps}\n{}", String::from_utf8_lossy(&said.stderr));
    steps
}

/// What `browse.cjs` is to do for the reader of that number, from 1.
fn run(number: i64, name: &str, language: &str, (hand, sign, script): (&str, &str, bool)) -> Value {
    let secret = SecretKey::new(b"0123456789abcdef0123456789abcdef".to_vec()).unwrap();
    let token = |purpose| secret.token(purpose, SubscriptionId(number), 0, "");
    let newsletter = if language == "ko" { "sosik" } else { "letter" };
    json!({
        "name": name, "email": format!("r{number}@example.org"), "network": format!("198.51.{number}.1"),
        "newsletter": newsletter, "language": language, "hand": hand, "script": script, "sign": sign,
        // Light and dark, broad and narrow, in each language.
        "axe": script && hand != "keyboard", "dark": number % 2 == 0, "pause": "",
        "leave": format!("/u/{}", token(Purpose::Unsubscribe)),
        "preferences": format!("/p/{}", token(Purpose::Preferences)),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_come_choose_leave_and_are_erased_whatever_their_hands_and_language() {
    let Some((modules, chromium)) = tools() else {
        println!("skipped: SYNDICATED_TEST_NODE_MODULES or SYNDICATED_TEST_CHROMIUM is not set");
        return;
    };
    let bench = engines::all().await.remove(0);
    let outbox = bench.folder.path().join("outbox");
    let cadences = "{ weekly = \"0 7 * * MON\", daily = { schedule = \"0 7 * * *\", deliver = \"local\" } }";
    let text = stage::toml(&bench, &format!("maildir:{}", outbox.display()), cadences, "");
    let text = text.replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]");
    let more = format!(
        "topics = {{ film = [\"category: film\"] }}\n
[[newsletter]]\nname = \"sosik\"\ntitle = \"골목 소식\"\nlanguage = \"ko\"\ncadences = {cadences}\ntopics = {{ 영화 = [\"category: film\"] }}\n"
    );
    let path = bench.folder.path().join("config.toml");
    std::fs::write(&path, text + &more.replace("영화", "film")).unwrap();
    let program = Program::start(&path).await;
    let pause = (chrono::Utc::now().date_naive() + chrono::Days::new(40)).to_string();
    let mut runs = Vec::new();
    for language in ["en", "ko"] {
        for (name, way) in [
            ("mouse", ("mouse", if language == "en" { "pointer" } else { "wheel" }, true)),
            ("touch", ("touch", "touch", true)),
            ("keyboard", ("keyboard", "key", true)),
            ("bare", ("mouse", "button", false)),
        ] {
            let number = i64::try_from(runs.len()).unwrap() + 1;
            let mut run = run(number, &format!("{language}-{name}"), language, way);
            run["pause"] = pause.clone().into();
            runs.push(run);
        }
    }
    let task = json!({
        "base": format!("http://{}", program.web), "chromium": chromium, "outbox": outbox, "shots": shots(), "runs": runs,
    });
    let steps = browse("browse.cjs", &modules, &task).await;
    for run in &runs {
        let name = run["name"].as_str().unwrap();
        assert!(steps.contains(&format!("{name}: erased")), "{name}: {steps}");
    }
    // Nobody is left.
    let left: Value = serde_json::from_str(&program.command(&["subscriber", "list", "--json"]).await).unwrap();
    assert_eq!(left, json!([]));
    program.terminate().await;
}
