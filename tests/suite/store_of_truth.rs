//! `read --json` prints exactly what a poll stores: every feed of the corpus, by
//! both ways, from the same address.

use crate::engines;
use crate::origin::{Answer, Origin};
use crate::polling::{World, config, source};
use crate::reading::{Case, cases, said_from};
use serde_json::{Value, json};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::Post;
use syndicated::flow::poll::PollOutcome;
use syndicated::store::PostFilter;

/// A stored post in the words of `read --json`.
fn in_its_words(post: &Post) -> Value {
    let entry = &post.entry;
    let mut said = json!({
        "id": entry.guid, "url": entry.url, "title": Some(&entry.title).filter(|title| !title.is_empty()),
        "authors": entry.authors, "published": entry.published, "updated": entry.updated,
        "summary_html": entry.summary.as_ref().map(CleanHtml::as_str),
        "content_html": entry.content.as_ref().map(CleanHtml::as_str),
        "categories": entry.categories, "enclosures": entry.enclosures, "also_at": entry.also_at,
    });
    if let Some(language) = &entry.language {
        said["language"] = json!(language);
    }
    said
}

/// The entries of a document that are posts of their own. One item that is listed
/// twice is one post; a guid that several items share tells nothing, and is
/// stored with what does (`store/identity.rs`).
fn posts_of(document: &Value) -> Vec<Value> {
    let entries = document["entries"].as_array().unwrap();
    let face = |entry: &Value| (entry["id"].clone(), entry["url"].clone());
    let mut posts: Vec<Value> = Vec::new();
    for entry in entries {
        if !posts.iter().any(|post| face(post) == face(entry)) {
            posts.push(entry.clone());
        }
    }
    posts
}

fn is_feed(case: &Case) -> bool {
    let want: Value = serde_json::from_slice(&std::fs::read(case.path.with_extension("want.json")).unwrap()).unwrap();
    want["kind"] == "feed"
}

#[tokio::test(flavor = "multi_thread")]
async fn what_read_prints_is_what_a_poll_stores() {
    let feeds: Vec<Case> = cases().into_iter().filter(is_feed).collect();
    assert!(feeds.len() >= 40, "{}", feeds.len());
    for bench in engines::all().await {
        let origin = Origin::start().await;
        // One engine stores them all; on the other, some show that it is no other.
        let some = if bench.engine == "sqlite" { 1 } else { 8 };
        let cases: Vec<&Case> = feeds.iter().step_by(some).collect();
        let mut sources = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            let mut answer = Answer::ok(case.bytes.clone());
            if let Some(content_type) = &case.content_type {
                answer = answer.header("Content-Type", content_type);
            }
            origin.set(&format!("/{number}.xml"), answer);
            sources.push(source(&format!("case-{number}"), &origin.url(&format!("/{number}.xml"))));
        }
        let world = World::new(&bench, config(sources.clone())).await;
        for report in world.poller.poll_due(&world.stop).await.unwrap() {
            assert!(matches!(report.outcome, PollOutcome::Read(_)), "{report:?}");
        }
        for (source, case) in sources.iter().zip(cases) {
            let filter = PostFilter { source: Some(source.name.clone()), limit: 10_000, ..PostFilter::default() };
            let mut stored = world.store.post_list(&filter).await.unwrap();
            // The first of a document is stored last.
            stored.sort_by_key(|post| std::cmp::Reverse(post.id));
            let (document, path) = (said_from(case, source.url.as_str(), &["--json"]), case.path.display());
            let row = world.store.source_row(&source.name).await.unwrap().unwrap();
            assert_eq!(document["title"], json!(row.title), "{path}");
            assert_eq!(document["link"], json!(row.link), "{path}");
            assert_eq!(document["language"], json!(row.language), "{path}");
            let read = posts_of(&document);
            assert_eq!(stored.len(), read.len(), "{path}");
            for (post, mut entry) in stored.iter().zip(read) {
                let id = entry["id"].as_str().unwrap();
                let shared =
                    document["entries"].as_array().unwrap().iter().filter(|other| other["id"] == id).count() > 1;
                if shared && post.entry.guid.starts_with(&format!("{id} ")) {
                    entry["id"] = json!(post.entry.guid);
                }
                assert_eq!(in_its_words(post), entry, "{path}");
            }
        }
    }
}
