//! A second opinion of the corpus: what Python's feedparser makes of each of its
//! documents (see `readers.rs` for how it is found). Where the two disagree, the
//! fault is ours and is mended, or `tests/others/disagreements.toml` says why
//! ours is right; what is listed there and is no disagreement any more fails too.

use crate::reading::{BASE, Case, base, cases};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use syndicated::domain::html::CleanHtml;
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::{Document, DocumentKind, Entry};
use syndicated::domain::time::Timestamp;
use syndicated::read::{Input, plain_text, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    because: Vec<Because>,
}

/// One reason, and the disagreements that it explains, as `folder/name.xml: field`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Because {
    why: String,
    r#where: Vec<String>,
}

#[test]
fn feedparser_agrees_or_is_known_not_to() {
    let Ok(python) = std::env::var("SYNDICATED_TEST_PYTHON") else {
        println!("skipped: SYNDICATED_TEST_PYTHON is not set");
        return;
    };
    let (mut documents, mut ours) = (Vec::new(), Vec::new());
    // It does not know JSON Feed, and takes pages for feeds without entries.
    for case in cases().into_iter().filter(|case| case.path.extension().is_none_or(|kind| kind != "json")) {
        let input = Input {
            bytes: &case.bytes,
            content_type: case.content_type.as_deref(),
            base: Some(&base()),
            platforms: &Platforms::default(),
        };
        let document = read(&input).ok().map(|reading| reading.document);
        if document.as_ref().is_none_or(|document| document.kind == DocumentKind::Feed) {
            documents.push(case);
            ours.push(document);
        }
    }
    let theirs = opinions(&python, &documents);
    assert_eq!(theirs.len(), ours.len());
    let mut found = BTreeSet::new();
    let mut told = String::new();
    for ((case, ours), theirs) in documents.iter().zip(&ours).zip(&theirs) {
        let place = case.path.strip_prefix("tests/corpus").unwrap().display();
        for (field, ours, theirs) in disagreements(ours.as_ref(), theirs) {
            if found.insert(format!("{place}: {field}")) {
                let _ = writeln!(told, "{place}: {field}\n    ours   {ours}\n    theirs {theirs}");
            }
        }
    }
    let listed: Listed = toml::from_str(&std::fs::read_to_string("tests/others/disagreements.toml").unwrap()).unwrap();
    assert!(listed.because.iter().all(|because| !because.why.is_empty()), "each disagreement needs its reason");
    let listed: BTreeSet<String> = listed.because.into_iter().flat_map(|because| because.r#where).collect();
    let (new, stale) = (found.difference(&listed), listed.difference(&found));
    let (new, stale): (Vec<_>, Vec<_>) = (new.collect(), stale.collect());
    assert!(new.is_empty() && stale.is_empty(), "new: {new:#?}\nstale: {stale:#?}\n{told}");
}

fn opinions(python: &str, documents: &[Case]) -> Vec<Value> {
    let asked: Vec<_> = documents.iter().map(|case| (&case.path, &case.content_type)).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/others/opinion.py");
    let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!({ "base": BASE, "documents": asked }).to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Each field on which the two differ, with what either says.
fn disagreements(ours: Option<&Document>, theirs: &Value) -> Vec<(&'static str, Value, Value)> {
    let mut found = Vec::new();
    let mut compare = |field, ours: Value, theirs: Value| {
        if ours != theirs {
            found.push((field, ours, theirs));
        }
    };
    let entries = ours.map_or(&[][..], |document| &document.entries);
    let others = theirs["entries"].as_array().unwrap();
    if let Some(document) = ours {
        compare("feed title", json!(document.title.as_deref().unwrap_or_default()), text(&theirs["title"]));
        compare("feed link", json!(document.link), web_address(&theirs["link"]));
    }
    compare("entries", json!(entries.len()), json!(others.len()));
    if entries.len() == others.len() {
        for (entry, other) in entries.iter().zip(others) {
            compare_entries(entry, other, &mut compare);
        }
    }
    found
}

fn compare_entries(ours: &Entry, theirs: &Value, compare: &mut impl FnMut(&'static str, Value, Value)) {
    let seconds = |instant: Option<Timestamp>| json!(instant.map(|at| at.to_datetime().timestamp()));
    // An entry that has no name for itself gets one here.
    if !theirs["id"].is_null() {
        compare(
            "id",
            json!(ours.guid),
            json!(theirs["id"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")),
        );
    }
    compare("link", json!(ours.url), web_address(&theirs["link"]));
    compare("title", json!(ours.title), text(&theirs["title"]));
    compare("authors", json!(ours.authors), once(&theirs["authors"]));
    // Dublin Core's only date is an update there, and a publication here.
    let date =
        |published: &Value, updated: &Value| if published.is_null() { updated.clone() } else { published.clone() };
    compare("date", seconds(ours.published.or(ours.updated)), date(&theirs["published"], &theirs["updated"]));
    if !theirs["published"].is_null() {
        compare("updated", seconds(ours.updated), theirs["updated"].clone());
    }
    let words = |html: Option<&CleanHtml>| json!(html.map_or(String::new(), |html| plain_text(html.as_str())));
    compare("content", words(ours.content.as_ref().or(ours.summary.as_ref())), text(&theirs["content"]));
    let short = ours.summary.as_ref().filter(|_| ours.content.is_some());
    compare("summary", words(short), text(&theirs["summary"]));
    compare("categories", json!(ours.categories), once(&theirs["categories"]));
    let files: Vec<_> = ours.enclosures.iter().map(|file| (&file.url, &file.media_type)).collect();
    compare("enclosures", json!(files), once(&theirs["enclosures"]));
}

fn text(html: &Value) -> Value {
    json!(plain_text(html.as_str().unwrap_or_default()))
}

/// Each of a list once, as we have them.
fn once(list: &Value) -> Value {
    let mut kept: Vec<&Value> = Vec::new();
    for item in list.as_array().unwrap() {
        if !item.is_null() && !kept.contains(&item) {
            kept.push(item);
        }
    }
    json!(kept)
}

/// What is a web address, written as we write it.
fn web_address(link: &Value) -> Value {
    json!(link.as_str().and_then(|link| link.parse::<syndicated::domain::url::HttpUrl>().ok()))
}
