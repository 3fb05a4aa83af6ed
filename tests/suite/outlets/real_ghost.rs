//! Ghost itself, where `./test` could build it: what the double says of it is so, and
//! its converter keeps what it is handed.

use super::double::{Double, Fault};
use super::through::{Gate, PNG_OF_A_PIXEL, ask};
use super::world::{World, secret};
use crate::engines;
use crate::origin::{self, Origin};
use crate::pieces::{entry, text};
use crate::program::until;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::outlet::{Outcome, State};
use syndicated::domain::post::Entry;
use syndicated::store::Act;

/// Ghost, until it is dropped.
struct Site {
    child: Child,
    port: u16,
    admin_key: String,
    content_key: String,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Site {
    async fn open(package: &str, folder: &Path) -> Self {
        let content = folder.join("content");
        let copied = Command::new("cp").arg("-r").arg(format!("{package}/content")).arg(&content).status().unwrap();
        assert!(copied.success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let clock = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/ghost_clock.cjs");
        let child = Command::new("node")
            .args(["--require", clock, "index.js"])
            .current_dir(package)
            .env("NODE_ENV", "production")
            .env("url", format!("http://127.0.0.1:{port}"))
            .env("server__host", "127.0.0.1")
            .env("server__port", port.to_string())
            .env("database__client", "sqlite3")
            .env("database__connection__filename", folder.join("ghost.db"))
            .env("database__useNullAsDefault", "true")
            .env("paths__contentPath", &content)
            .env("mail__transport", "stub")
            .env("privacy__useUpdateCheck", "false")
            .env("privacy__useGravatar", "false")
            .env("security__staffDeviceVerification", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut site = Self { child, port, admin_key: String::new(), content_key: String::new() };
        until("Ghost has made its tables", async || {
            let told = tokio::task::block_in_place(|| ask(port, "GET", "/ghost/api/admin/site/", &[], b"")).ok()?;
            told.2.contains("\"version\"").then_some(())
        })
        .await;
        tokio::task::block_in_place(|| site.set_up());
        site
    }

    /// What a person does in a browser: an account, a session, an integration.
    fn set_up(&mut self) {
        let (email, password) = ("kim@example.org", "a-long-Pass-4711");
        let origin = format!("origin: http://127.0.0.1:{}", self.port);
        let send = |path: &str, cookie: &str, body: Value| {
            let headers = [origin.as_str(), "content-type: application/json", "accept-version: v5.0", cookie];
            let path = format!("/ghost/api/admin/{path}");
            let told = ask(self.port, "POST", &path, &headers, body.to_string().as_bytes()).unwrap();
            assert!((200..300).contains(&told.0), "{path}: {told:?}");
            told
        };
        let account = json!({ "name": "Kim", "email": email, "password": password, "blogTitle": "The Paper" });
        send("authentication/setup/", "accept: */*", json!({ "setup": [account] }));
        let session = send("session/", "accept: */*", json!({ "username": email, "password": password })).1;
        let cookie = session.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        let cookie = format!("cookie: {}", cookie.split(';').next().unwrap());
        let made =
            send("integrations/?include=api_keys", &cookie, json!({ "integrations": [{ "name": "syndicated" }] }));
        let made: Value = serde_json::from_str(&made.2).unwrap();
        let key = |kind: &str| {
            let keys = made["integrations"][0]["api_keys"].as_array().unwrap();
            keys.iter().find(|key| key["type"] == kind).unwrap()["secret"].as_str().unwrap().to_owned()
        };
        (self.admin_key, self.content_key) = (key("admin"), key("content"));
    }

    /// What stands on the site, the latest first.
    fn posts(&self) -> Vec<Value> {
        let of = "formats=html&include=tags,authors&limit=all&filter=slug:-coming-soon";
        let path = format!("/ghost/api/content/posts/?key={}&{of}", self.content_key);
        let told = ask(self.port, "GET", &path, &["accept-version: v5.0"], b"").unwrap();
        let told: Value = serde_json::from_str(&told.2).unwrap();
        told["posts"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghost_itself_has_each_post_once_and_as_it_was_written() {
    let Ok(package) = std::env::var("SYNDICATED_TEST_GHOST") else {
        println!("skipped: SYNDICATED_TEST_GHOST is not set");
        return;
    };
    let bench = engines::all().await.remove(0);
    let site = Site::open(&package, bench.folder.path()).await;
    let (origin, gate) =
        (Origin::start().await, Double::start(|_| Gate { port: site.port, posts: "/posts/", breaks: 0 }).await);
    origin.set("/a.png", origin::Answer::ok(PNG_OF_A_PIXEL));
    origin.set("/b.png", origin::Answer::ok(PNG_OF_A_PIXEL));
    // Ghost cannot read this one.
    origin.set("/c.png", origin::Answer::ok(super::PNG));
    let outlet = |name: &str, key: &str, more: &str| {
        let (file, url) = (secret(&bench, name, key), gate.url("/"));
        let file = file.display();
        format!("[[outlet]]\nname = \"{name}\"\nkind = \"ghost\"\nurl = \"{url}\"\nsecret_file = \"{file}\"\n{more}\n")
    };
    let wrong = format!("{}:{}", "0".repeat(24), "ab".repeat(32));
    let more = "images = \"upload\"\nauthors = [\"kim@example.org\"]\nlanguage = \"ko\"\nfollow_deletes = true";
    let outlets = [
        outlet("paper", &site.admin_key, more),
        outlet("wrong", &wrong, "include = [\"title: nothing\"]"),
        outlet("nobody", &site.admin_key, "include = [\"title: nothing\"]\nauthors = [\"lee\"]"),
    ];
    let world = World::new(&bench, &outlets.concat()).await;
    let live = world.stage.live.load_full();
    let tried = async |at: usize| match world.crossposter.test(&live.outlets[at]).await {
        Outcome::Done(receipt) => receipt.id,
        Outcome::Refused(why) | Outcome::InDoubt(why) | Outcome::Later { why, .. } => why,
    };
    assert!(tried(0).await.starts_with("the key is good for The Paper (Ghost "), "{}", tried(0).await);
    assert!(tried(1).await.starts_with("it answered 401 Unauthorized: Unknown Admin API Key; give"));
    assert!(tried(2).await.starts_with("nobody at the site is `lee`"));

    let kept = "<p>그는 <strong>“느린 편지”</strong>를 <em>썼다</em> &amp; <s>울었다</s>. <a href=\"https://x.example/\"><code>글</code></a></p>\n\
                <h2>둘</h2>\n<ul><li>하나<ol start=\"3\"><li>셋</li></ol></li></ul>\n<blockquote>넷<br><br>다섯</blockquote>\n\
                <pre><code class=\"language-rust\">let 수 = \"{{&lt; x &gt;}}\";\n\n  x</code></pre>";
    let harmed = "<table><tbody><tr><th>날</th></tr><tr><td>월</td></tr></tbody></table>\n<dl><dt>편지</dt><dd>느린 것</dd></dl>\n\
                  <p>글 <mark>속</mark> <kbd>K</kbd></p>\n<ol><li><p>a</p><p>b</p></li></ol>";
    let body = format!(
        "<figure><img src=\"{}\" alt=\"우체통\"><figcaption>동네 <em>우체통</em></figcaption></figure>{kept}\
         <p><a href=\"https://x.example/\"><img src=\"{}\" alt=\"우표\"></a></p><p><img src=\"{}\" alt=\"깨진\"></p>{harmed}<p>{}</p>",
        origin.url("/a.png"),
        origin.url("/b.png"),
        origin.url("/c.png"),
        "가나다 ".repeat(1_700)
    );
    let first = Entry {
        categories: ["편지", "film, two"].map(str::to_owned).to_vec(),
        url: "https://blog.example.com/느린-편지".parse().ok(),
        ..entry("blog", &"느린 편지에 대하여 ".repeat(30), &body, world.now())
    };
    let post = world.poll("essays", std::slice::from_ref(&first)).await[0];
    let others: Vec<Entry> = (0..9).map(|n| entry("blog", &format!("Letter {n}"), &text(n), world.now())).collect();
    let others = world.poll("essays", &others).await;
    world.stage.clock.advance(Duration::from_mins(16));
    world.crossposter.gather().await.unwrap();
    gate.with(|gate| gate.breaks = 10);
    // The answer to the first picture is lost.
    gate.fails([Fault::TakenAndLost]);
    for span in [0, 3, 5, 10] {
        world.after(Duration::from_mins(span)).await;
    }
    let row = world.row("paper", post).await;
    assert_eq!(row.state, State::Published, "{row:?}");
    for other in &others {
        assert_eq!(world.state("paper", *other).await, State::Published);
    }
    let posts = site.posts();
    assert_eq!(posts.len(), 10, "each once");
    let found = |posts: &[Value]| posts.iter().find(|post| json!(row.remote_id) == post["id"]).unwrap().clone();
    let there = found(&posts);
    assert_eq!(there["url"], row.url.as_ref().unwrap().as_str());
    assert!(there["slug"].as_str().unwrap().starts_with("neurin-pyeonjie-daehayeo-"), "{there}");
    assert_eq!((&there["tags"][0]["name"], &there["tags"][1]["name"]), (&json!("편지"), &json!("film, two")));
    assert_eq!(there["authors"][0]["slug"], "kim");
    assert_eq!(there["canonical_url"], first.url.as_ref().unwrap().as_str());
    assert_eq!(
        (&there["feature_image_alt"], &there["feature_image_caption"]),
        (&json!("우체통"), &json!("동네 <em>우체통</em>"))
    );
    let uploaded = format!("http://127.0.0.1:{}/content/images/", site.port);
    // Ghost marks links that lead away.
    let html = there["html"]
        .as_str()
        .unwrap()
        .replace("?ref=127.0.0.1", "")
        .replace(" rel=\"noopener noreferrer\"", "")
        .replace("\n\n", "\n");
    let plain = |html: &str| html.replace('\n', "").replace("<h2 id=\"\">", "<h2>");
    for block in kept
        .split('\n')
        .filter(|block| block.starts_with("<p>") || block.starts_with("<ul>") || block.starts_with("<blockquote>"))
    {
        assert!(plain(&html).contains(&plain(block)), "{block}\n{html}");
    }
    for block in harmed.split('\n') {
        assert!(html.contains(block), "{block}\n{html}");
    }
    assert!(
        html.contains("<pre><code class=\"language-rust\">let 수 = \"{{&lt; x &gt;}}\";\n  x</code></pre>"),
        "{html}"
    );
    assert!(html.contains("에 처음 실렸습니다.") && html.contains("alt=\"우표\""), "{html}");
    assert!(html.contains(&uploaded) && html.contains(origin.url("/c.png").as_str()), "{html}");
    assert!(there["feature_image"].as_str().unwrap().starts_with(&uploaded), "{there}");

    // A correction uploads nothing again; what Ghost's own clock says of versions is heeded.
    gate.came();
    let corrected = CleanHtml::sanitise(&body.replace("울었다", "웃었다"), None);
    world.poll("essays", &[Entry { content: Some(corrected), title: "빠른 편지".to_owned(), ..first.clone() }]).await;
    world.settle().await;
    let now = found(&site.posts());
    assert_eq!(
        (&now["title"], &now["slug"], &now["feature_image"]),
        (&json!("빠른 편지"), &there["slug"], &there["feature_image"])
    );
    assert!(now["html"].as_str().unwrap().contains("<s>웃었다</s>"), "{now}");
    let uploads = gate.came().iter().filter(|came| came.path.contains("images/upload")).count();
    assert_eq!(uploads, 1, "only the picture that Ghost cannot read was tried again");
    world.stage.store.edit_post(post, Act::Hide, "kim", world.now()).await.unwrap();
    world.settle().await;
    assert_eq!(world.state("paper", post).await, State::Deleted);
    assert_eq!(site.posts().len(), 9);
}
