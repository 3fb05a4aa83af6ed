//! The editor's hand, as it is typed.

use crate::engines::{self, Bench};
use crate::pieces::{World, entry, text};
use crate::program::command;
use serde_json::Value;
use std::process::{Output, Stdio};
use syndicated::domain::post::Entry;
use syndicated::store::{Act, Acted};

/// Types a command of `post`.
async fn post(bench: &Bench, words: &[&str]) -> Output {
    let path = bench.folder.path().join("config.toml");
    let mut typed = command(&path);
    typed.arg("post").args(words).env("SUDO_USER", "mina").stdout(Stdio::piped()).stderr(Stdio::piped());
    typed.output().await.unwrap()
}

async fn said(bench: &Bench, words: &[&str]) -> String {
    let output = post(bench, words).await;
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn refused(bench: &Bench, words: &[&str]) -> String {
    let output = post(bench, words).await;
    assert_eq!(output.status.code(), Some(2), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn posts_are_hidden_held_merged_split_and_compared_by_hand() {
    let bench = engines::all().await.remove(0);
    let world = World::new(&bench, "review_posts = true\n").await;
    let one = world.poll("essays", &[entry("blog", "One", &text(1), world.now())]).await[0].to_string();
    let copy = world.poll("mirror", &[entry("news", "Copy", &text(1), world.now())]).await[0].to_string();
    let other = world.poll("third", &[entry("third", "Other", &text(2), world.now())]).await[0].to_string();
    let (one, copy, other) = (one.as_str(), copy.as_str(), other.as_str());
    let put_right = text(1).replacen("<p>The ", "<p>In 1974 the ", 1);
    world.poll("essays", &[entry("blog", "One", &put_right, world.now())]).await;

    let shown = said(&bench, &["show", one]).await;
    assert!(shown.contains(&format!("one piece with post {copy} of mirror since")), "{shown}");
    assert!(shown.contains("% of the shorter text stands in the longer one"), "{shown}");
    let second = said(&bench, &["show", copy]).await;
    assert!(second.contains(&format!("it is one piece with post {one} of essays, the original")), "{second}");
    let diff = said(&bench, &["diff", one]).await;
    assert!(diff.contains("[-The-]{+In 1974 the+} ") && diff.contains("version 1 of 1"), "{diff}");
    let json: Value = serde_json::from_str(&said(&bench, &["diff", one, "--json"]).await).unwrap();
    assert_eq!(json["text"][1]["change"], "added", "{json}");
    assert!(said(&bench, &["diff", other]).await.contains("has not changed since it was stored"));
    assert!(refused(&bench, &["diff", one, "--from", "2"]).await.contains("has one earlier version, 1"));

    assert!(said(&bench, &["split", copy]).await.contains("it stands by itself"));
    assert!(said(&bench, &["show", one]).await.contains("told apart from post"));
    assert!(said(&bench, &["merge", other, copy]).await.contains(&format!("it is one piece with post {copy}")));
    assert!(refused(&bench, &["merge", other, other]).await.contains("it is the same post"));
    assert!(refused(&bench, &["merge", other, "999"]).await.contains("there is no post 999"));
    assert!(said(&bench, &["hide", one, other]).await.lines().count() == 2);
    let hidden: Value = serde_json::from_str(&said(&bench, &["list", "--hidden", "--json"]).await).unwrap();
    assert_eq!(hidden.as_array().unwrap().len(), 2, "{hidden}");
    assert!(said(&bench, &["unhide", one]).await.contains("it stands in the feeds again"));
    assert!(refused(&bench, &["unhide", one]).await.contains("it is not hidden"));
    assert!(said(&bench, &["hold", one]).await.contains(&format!("it waits for `syndicated post release {one}`")));
    assert!(said(&bench, &["show", one]).await.contains("it is held by hand"));
    assert!(said(&bench, &["release", "--source", "essays"]).await.contains("goes into the next digest"));
    assert!(refused(&bench, &["release", "--source", "essays"]).await.contains("no post of the source essays is held"));
    assert!(refused(&bench, &["drop", one]).await.contains("it is not held"));
    assert!(said(&bench, &["hold", copy]).await.contains("held `Copy`"));
    assert!(said(&bench, &["drop", copy]).await.contains("never shown"));

    let acts: Value = serde_json::from_str(&said(&bench, &["acts", "--json"]).await).unwrap();
    let verbs: Vec<_> = acts.as_array().unwrap().iter().rev().map(|act| act["verb"].as_str().unwrap()).collect();
    assert_eq!(verbs, ["split", "merge", "hide", "hide", "unhide", "hold", "release", "hold", "drop"]);
    assert!(acts.as_array().unwrap().iter().all(|act| act["editor"] == "mina"), "{acts}");
    assert!(said(&bench, &["acts", "--post", copy]).await.lines().count() > 3);
}

/// What a feed gave for a post under another guid is another post, once a person said so.
#[tokio::test]
async fn an_entry_that_was_taken_for_a_post_is_split_from_it() {
    for bench in engines::all().await {
        let world = World::new(&bench, "").await;
        let one = entry("blog", "One", &text(1), world.now());
        let other = Entry { guid: "another guid".to_owned(), ..one.clone() };
        let id = world.poll("essays", std::slice::from_ref(&one)).await[0];
        assert!(world.poll("essays", std::slice::from_ref(&other)).await.is_empty(), "{}", bench.engine);
        let act = world.stage.store.edit_post(id, Act::Split, "mina", world.now()).await.unwrap();
        assert_eq!(act, Acted::Done, "{}", bench.engine);
        assert_eq!(world.poll("essays", std::slice::from_ref(&other)).await.len(), 1, "{}", bench.engine);
        assert!(world.poll("essays", &[other, one]).await.is_empty(), "{}", bench.engine);
    }
}
