//! The archive in a real browser, light and dark, on a phone and on a desk, with scripts
//! and without; and every page of it under the checker of the HTML standard.

use crate::browsing::{browse, shots, tools};
use crate::engines;
use crate::publishing::{arrive, at, dated, renderer};
use crate::stage;
use arc_swap::ArcSwap;
use serde_json::json;
use std::sync::Arc;
use syndicated::clock::{Chance, Clock};
use syndicated::config::Config;
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::Entry;
use syndicated::flow::publish::Publisher;
use syndicated::scheduler::Roles;
use syndicated::store::Store;
use tokio::process::Command;

/// What blogs write, on purpose and by accident.
const TEXTS: [(&str, &str); 14] = [
    ("An ordinary day", "<p>It was <em>ordinary</em>.</p><h2>Then</h2><p>It was not.</p><h3>And</h3><p>So on.</p>"),
    (
        "글쓰기에 대하여",
        "<p>서울에서 쓴 글이다. 글쓰기는 어렵지만 고치는 일은 더 어렵다.</p><blockquote>고치고 또 고친다.</blockquote>",
    ),
    ("شكرا على القراءة", "<p dir=\"rtl\">نص عربي مع English في الوسط.</p><ul><li>واحد</li><li>اثنان</li></ul>"),
    (
        "Headings in no order",
        "<h1>One</h1><h4>Four</h4><h6>Six</h6><h2>Two</h2><h1>Again</h1><h5></h5><p>text</p>",
    ),
    (
        "A table from another time",
        "<center><table border=1 cellpadding=3 align=center bgcolor=red width=100%><tr valign=top><td width=30 nowrap>a
         <td align=char char=.>b</tr><tr height=20><th scope=col>a word that is rather long<td>c</tr>
         </table></center>",
    ),
    (
        "Pictures",
        "<p><img src=\"https://a.example/1.png\" width=\"50%\" height=auto border=0 align=left hspace=3>
         <a href=\"https://a.example/\"><img src=\"https://a.example/2.png\" srcset=\"https://a.example/3.png 2x\"></a></p>
         <figure><picture><source srcset=\"https://a.example/4.avif\" type=\"image/avif\"><img src=\"https://a.example/4.png\"
         alt=\"A boat\"></picture><figcaption>A boat</figcaption></figure>",
    ),
    ("Links that say nothing", "<p><a href=\"https://a.example/\"></a> <a name=x></a> <a href=\"#x\">up</a> <a href=\"mailto:a@a.example\">me</a></p>"),
    (
        "Code that is wide",
        "<pre><code class=\"language-rust\">fn main() { println!(\"a line that is much wider than any phone, and goes on a while\"); }</code></pre><p><code>a_name_that_never_ends_and_has_no_place_to_break_at_all_on_a_phone</code></p>",
    ),
    (
        "What is not closed",
        "<p>One<p>Two<b>bold<i>both</b>slanted</i><div><span>three</div></span><ul><li>a<li>b<ul><li>c</ul></ul><dl><dt>t<dd>d</dl>",
    ),
    (
        "Old words",
        "<font color=red size=7 face=Arial>red</font> <tt>tt</tt> <strike>gone</strike> <big>big</big> <acronym title=x>y</acronym>
         <ol type=a start=3 reversed compact><li value=7>seven</ol><hr width=50% size=1 noshade><br clear=all>",
    ),
    ("Numbers & <signs>", "<p>1 &lt; 2 &amp;&amp; 3 &gt; 2; &copy; &nbsp; &#128512; ]]&gt; {{ braces }} \u{202e}reversed\u{202c}</p>"),
    ("Ruby, and what moves", "<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby></p><details><summary>More</summary><p>Here.</p></details><marquee>no</marquee>"),
    ("", "<p>A post without a title.</p><aside>An aside</aside><nav><a href=\"https://a.example/n\">n</a></nav><main><header>h</header><footer>f</footer></main>"),
    ("", ""),
];

/// A site with these posts and enough others for pages to turn.
async fn fill(store: &Store) {
    let post = |(number, (title, html)): (i64, &(&str, &str))| Entry {
        guid: format!("guid {number}"),
        title: (*title).to_owned(),
        authors: if number % 3 == 0 { vec!["Kim Haneul".to_owned(), "Ada \"A\" Moss".to_owned()] } else { Vec::new() },
        language: [None, Some("ko"), Some("ar")]
            .get(usize::try_from(number).unwrap())
            .copied()
            .flatten()
            .map(str::to_owned),
        summary: None,
        content: Some(CleanHtml::sanitise(html, Some(&"https://blog.example.com/".parse().unwrap()))),
        ..dated("essays", &format!("p{number}"), -number)
    };
    let mut posts: Vec<Entry> = (0..).zip(&TEXTS).map(post).collect();
    posts.extend((100..130).map(|number| dated("essays", &format!("Post {number}"), -number)));
    arrive(store, "essays", at(0), posts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_is_for_every_eye_and_hand() {
    let Some((modules, chromium)) = tools() else {
        println!("skipped: SYNDICATED_TEST_NODE_MODULES or SYNDICATED_TEST_CHROMIUM is not set");
        return;
    };
    let bench = engines::all().await.remove(0);
    let config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
    let roles = Roles { poll: false, send: false, web: true };
    let outside = Outside { clock: Clock::manual(at(0)), chance: Chance::seeded(3), roles };
    let daemon = Daemon::start(config, outside).await.unwrap();
    fill(&daemon.store).await;
    let posts: Vec<String> = (1..=TEXTS.len()).map(|number| format!("/post/{number}/")).collect();
    let lists = [
        "/",
        "/posts/",
        "/sources/essays/",
        "/newsletters/letter/",
        "/feeds/letter.atom",
        "/archive/",
        "/2026/11/",
        "/authors/kim-haneul/",
        "/languages/ko/",
        "/digests/letter/",
        "/search",
        "/search?q=%EA%B8%80",
    ];
    let task = json!({
        "base": format!("http://{}", daemon.web.unwrap()), "chromium": chromium, "shots": shots(),
        "lists": lists, "posts": posts,
    });
    let said = browse("archive.cjs", &modules, &task).await;
    for step in ["searched", "turned", "signed up", "read with the keyboard"] {
        assert!(said.contains(step), "{step}: {said}");
    }
    assert!(daemon.stop().await);
}

#[tokio::test]
async fn every_page_is_html_to_the_letter() {
    let Ok(checker) = std::env::var("SYNDICATED_TEST_NU") else {
        println!("skipped: SYNDICATED_TEST_NU is not set");
        return;
    };
    let bench = engines::all().await.remove(0);
    let folder = tempfile::tempdir().unwrap();
    for language in ["en", "ko"] {
        let mut config = stage::config(&bench, "maildir:unused", "{ daily = \"0 7 * * *\" }", "");
        config.site.language = language.parse().unwrap();
        let store = bench.open().await;
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        if language == "en" {
            fill(&store).await;
        }
        let live = Arc::new(ArcSwap::from_pointee(Config::clone(&config)));
        let publisher = Publisher::new(store, live, renderer(), Clock::manual(at(0)));
        publisher.export(&folder.path().join(language), false).await.unwrap();
        let search = publisher.search("글", 1).await.unwrap();
        std::fs::write(folder.path().join(language).join("search.html"), search).unwrap();
    }
    let checked = Command::new("java")
        .args(["-jar", &checker, "--skip-non-html", "--stdout", "--also-check-svg", "--also-check-css"])
        .arg(folder.path())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).replace(&*folder.path().to_string_lossy(), "");
    assert!(checked.status.success() && said.trim().is_empty(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    // It reads what it is shown.
    std::fs::write(folder.path().join("en/bad.html"), "<!doctype html><title>x</title><center>").unwrap();
    let bad =
        Command::new("java").args(["-jar", &checker, "--stdout"]).arg(folder.path().join("en/bad.html")).output().await;
    assert!(!bad.unwrap().status.success());
}
