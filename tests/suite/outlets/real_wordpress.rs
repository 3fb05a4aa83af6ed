//! WordPress itself, where `./test` could lay it out: what the double says of it is so,
//! and a post is shown there as it was written.

use super::double::{Double, Fault};
use super::through::{Gate, PNG_OF_A_PIXEL, ask};
use super::world::{World, secret};
use crate::engines;
use crate::origin::{Answer, Origin};
use crate::pieces::{entry, text};
use crate::program::until;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::outlet::{Outcome, State};
use syndicated::domain::post::Entry;
use syndicated::store::Act;

/// WordPress with its database, until it is dropped.
struct Site {
    processes: Vec<Child>,
    port: u16,
    /// The users' application passwords, and the version.
    told: Value,
}

impl Drop for Site {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn quiet(program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Site {
    async fn open(files: &str, folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (site, data, socket) = (folder.join("site"), folder.join("data"), folder.join("m.sock"));
        assert!(quiet("cp", &["-r", files, site.to_str().unwrap()]).status().unwrap().success());
        let own = |name: &str, path: &PathBuf| format!("--{name}={}", path.display());
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let (user, data) = (format!("--user={}", user.trim()), own("datadir", &data));
        let made = ["--no-defaults", &user, &data, "--auth-root-authentication-method=normal", "--skip-test-db"];
        assert!(quiet("mariadb-install-db", &made).status().unwrap().success());
        let kept = ["--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--pid-file=/dev/null"];
        let listens = own("socket", &socket);
        let words = [&["--no-defaults", &user, &data, &listens][..], &kept].concat();
        let mut processes = vec![quiet("mariadbd", &words).spawn().unwrap()];
        until("MariaDB listens", async || std::os::unix::net::UnixStream::connect(&socket).ok()).await;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/wordpress.php");
        let set_up = Command::new("php")
            .args(["-d", "sendmail_path=/bin/true", script])
            .current_dir(&site)
            .env("SOCKET", &socket)
            .env("SITE", format!("http://127.0.0.1:{port}"))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&set_up.stdout).into_owned();
        let told = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"));
        let address = format!("127.0.0.1:{port}");
        processes.push(quiet("php", &["-S", &address]).current_dir(&site).spawn().unwrap());
        until("PHP listens", async || std::net::TcpStream::connect(&address).ok()).await;
        Self { processes, port, told }
    }

    fn password(&self, user: &str) -> &str {
        self.told[user].as_str().unwrap()
    }

    /// What the editor sees below `wp/v2`.
    fn sees(&self, path: &str) -> Value {
        let pair = STANDARD.encode(format!("lee:{}", self.password("lee")));
        let told =
            ask(self.port, "GET", &format!("/wp-json/wp/v2/{path}"), &[&format!("authorization: Basic {pair}")], b"");
        serde_json::from_str(&told.unwrap().2).unwrap()
    }

    /// The posts, in the bin and elsewhere.
    fn posts(&self) -> Vec<Value> {
        let told = self.sees("posts?context=edit&status[]=any&status[]=trash&per_page=100&exclude[]=1");
        told.as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wordpress_itself_has_each_post_once_and_as_it_was_written() {
    let Ok(files) = std::env::var("SYNDICATED_TEST_WORDPRESS") else {
        println!("skipped: SYNDICATED_TEST_WORDPRESS is not set");
        return;
    };
    let bench = engines::all().await.remove(0);
    let site = Site::open(&files, bench.folder.path()).await;
    let gate = Double::start(|_| Gate { port: site.port, posts: "/wp/v2/posts&", breaks: 0 }).await;
    let origin = Origin::start().await;
    origin.set("/a.png", Answer::ok(PNG_OF_A_PIXEL));
    let outlet = |name: &str, user: &str, password: &str, more: &str| {
        let (file, url) = (secret(&bench, name, password), gate.url("/"));
        let file = file.display();
        format!(
            "[[outlet]]\nname = \"{name}\"\nkind = \"wordpress\"\nurl = \"{url}\"\nuser = \"{user}\"\nsecret_file = \"{file}\"\n{more}\n"
        )
    };
    let more =
        "images = \"upload\"\ncategories = [\"News & Co\", \"Made up\"]\nlanguage = \"ko\"\nfollow_deletes = true";
    let nothing = "include = [\"title: nothing\"]";
    let outlets = [
        outlet("paper", "kim", site.password("kim"), more),
        outlet("wrong", "kim", "abcd EFGH", nothing),
        outlet("drafts", "han", site.password("han"), nothing),
    ];
    let world = World::new(&bench, &outlets.concat()).await;
    let live = world.stage.live.load_full();
    let tried = async |at: usize| match world.crossposter.test(&live.outlets[at]).await {
        Outcome::Done(receipt) => receipt.id,
        Outcome::Refused(why) | Outcome::InDoubt(why) | Outcome::Later { why, .. } => why,
    };
    assert_eq!(tried(0).await, "WordPress knows kim, who may publish posts and upload files");
    let why = tried(1).await;
    assert!(why.starts_with("it answered 401") && why.contains("make a new application password"), "{why}");
    assert!(tried(2).await.contains("han, who may keep drafts, and publish nothing"));

    let kept = "<p>그는 <strong>“느린 편지”</strong>를 썼다 &amp; 웃었다 [gallery].</p><figure><img alt=\"빨간 우체통\"><figcaption>그림</figcaption></figure>\
                <table><tbody><tr><th>날</th></tr><tr><td>월</td></tr></tbody></table><blockquote><p>넷<br>다섯</p></blockquote>\
                <ul><li>하나</li><li>둘</li></ul><pre><code class=\"language-rust\">let 수 = vec![1];\n\n  x</code></pre>";
    let body = kept.replace("<img ", &format!("<img src=\"{}\" ", origin.url("/a.png"))).replace("를 썼다", "를\n썼다");
    let body = format!("{body}<p>{}</p>", "가나다 ".repeat(1_700));
    let first = Entry {
        categories: ["편지 & 글", "essays"].map(str::to_owned).to_vec(),
        ..entry("blog", "느린 <편지> & \"둘\" 🙂", &body, world.now())
    };
    let post = world.poll("essays", std::slice::from_ref(&first)).await[0];
    let others: Vec<Entry> = (0..5).map(|n| entry("blog", &format!("Letter {n}"), &text(n), world.now())).collect();
    world.poll("essays", &others).await;
    world.stage.clock.advance(Duration::from_mins(16));
    world.crossposter.gather().await.unwrap();
    gate.with(|gate| gate.breaks = 3);
    // The answer to the very first question is lost, and then three to posts.
    gate.fails([Fault::TakenAndLost]);
    for span in [0, 3, 5, 10, 10] {
        world.after(Duration::from_mins(span)).await;
    }
    assert_eq!(site.posts().len(), 6, "each once");
    let row = world.row("paper", post).await;
    assert_eq!(row.state, State::Published, "{row:?}");
    let found = || {
        let posts = site.posts();
        posts.into_iter().find(|there| there["id"].as_u64() == row.remote_id.as_ref().unwrap().parse().ok()).unwrap()
    };
    let there = found();
    assert_eq!(there["title"]["raw"], "느린 &lt;편지&gt; &amp; &quot;둘&quot; 🙂");
    assert_eq!(there["link"], row.url.as_ref().unwrap().as_str());
    let media = site.sees("media?_fields=id,alt_text,source_url");
    assert_eq!(media.as_array().unwrap().len(), 1, "{media}");
    assert_eq!((&media[0]["alt_text"], &there["featured_media"]), (&json!("빨간 우체통"), &media[0]["id"]));
    let names = |kind: &str, numbers: &Value| {
        let known = site.sees(&format!("{kind}?per_page=100&_fields=id,name"));
        let name = |number: &Value| {
            known.as_array().unwrap().iter().find(|term| term["id"] == *number).unwrap()["name"].clone()
        };
        numbers.as_array().unwrap().iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("categories", &there["categories"]), [json!("News &amp; Co")], "an author makes no categories");
    assert!(names("tags", &there["tags"]).contains(&json!("편지 &amp; 글")), "{there}");
    // What is shown, without what WordPress adds to pictures and between blocks.
    let shown = there["content"]["rendered"].as_str().unwrap().replace("decoding=\"async\" ", "");
    let shown =
        shown.replace(&format!("src={} ", media[0]["source_url"]), "").replace("&#091;", "[").replace("<br />", "<br>");
    let plain = |html: &str| html.replace('\n', "");
    assert!(plain(&shown).starts_with(&plain(kept)), "{shown}");
    assert!(shown.contains("let 수 = vec![1];\n\n  x</code>") && shown.contains("에 처음 실렸습니다."), "{shown}");

    let corrected = CleanHtml::sanitise(&body.replace("웃었다", "울었다"), None);
    world.poll("essays", &[Entry { content: Some(corrected), ..first.clone() }]).await;
    world.settle().await;
    let now = found();
    assert!(now["content"]["raw"].as_str().unwrap().contains("울었다"), "{now}");
    assert_eq!(
        (&now["slug"], &now["status"], &now["categories"]),
        (&there["slug"], &json!("publish"), &there["categories"])
    );
    assert_eq!(site.sees("media").as_array().unwrap().len(), 1, "nothing is uploaded twice");
    world.stage.store.edit_post(post, Act::Hide, "kim", world.now()).await.unwrap();
    world.settle().await;
    assert_eq!((world.state("paper", post).await, &found()["status"]), (State::Deleted, &json!("trash")));
}
