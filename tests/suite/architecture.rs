//! The layers, held by a test: imports run downwards only, rooms on one floor
//! are strangers, SQL stays in the store, and each file says what it owns.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The floors, from the ground. See ARCHITECTURE.md.
const FLOORS: [&[&str]; 8] = [
    &["domain", "clock"],
    &["config", "lifecycle"],
    &["store", "net", "read", "publish", "mail", "render"],
    &["outlet"],
    &["flow"],
    &["web", "scheduler"],
    &["cli", "daemon", "demo", "doctor"],
    &["main"],
];

/// A room that another of its floor may use, and why.
const EXCEPTIONS: [(&str, &str); 1] = [
    // Timestamps and spans are told by the clock.
    ("clock", "domain"),
];

const MOST_LINES: usize = 425;

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The module path of a file below `src`: `store/mod.rs` is `["store"]`.
fn module(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

/// The code of a file without comments and what is only compiled for tests.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that a file names: by `crate::room`, by `crate::{room::…, …}`, by
/// `super::…` counted upwards.
fn rooms_named(file: &str, text: &str) -> Vec<String> {
    let (module, code) = (module(file), code(text));
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            rooms.extend(top_level_names(group));
        } else {
            rooms.push(name(rest));
        }
    }
    for (at, _) in code.match_indices("super::") {
        // Only the first of `super::super::`, and no `xsuper::`.
        if code[..at].ends_with("super::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut up = 0;
        while let Some(further) = rest.strip_prefix("super::") {
            rest = further;
            up += 1;
        }
        // A file's module lies as deep as its path; climbing it all leaves the room.
        if up >= module.len() {
            if let Some(group) = rest.strip_prefix('{') {
                rooms.extend(top_level_names(group));
            } else {
                rooms.push(name(rest));
            }
        }
    }
    rooms.retain(|room| floor(room).is_some());
    rooms
}

fn name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first names in a use-group whose opening brace is gone: `a::b, c::{d, e}}` gives a, c.
fn top_level_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut item) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(item.trim()));
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    names.push(name(item.trim()));
    names
}

fn faults(file: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//!") && !file.ends_with("tests.rs") {
        faults.push(format!("{file}: its first line does not say (`//!`) what it owns"));
    }
    let lines = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
    if lines > MOST_LINES && !file.ends_with("tests.rs") {
        faults.push(format!("{file}: {lines} lines before its tests; is it still one job?"));
    }
    let room = module(file)[0].clone();
    if room == "lib" {
        return faults;
    }
    let Some(here) = floor(&room) else {
        faults.push(format!("{file}: the room `{room}` stands on no floor"));
        return faults;
    };
    if room != "store" && code(text).contains("sqlx::") {
        faults.push(format!("{file}: SQL outside the store"));
    }
    // The first row of a RETURNING comes before its commit: whoever stops there never
    // hears that the commit failed (P12). All rows are asked for, or a transaction is begun.
    for (at, _) in text.match_indices("each!(&self.writer") {
        let statement = text[at..].split(";\n").next().unwrap_or_default();
        if statement.contains(".fetch_one(") || statement.contains(".fetch_optional(") {
            faults.push(format!("{file}: a write that ends before its commit"));
        }
    }
    for other in rooms_named(file, text) {
        let there = floor(&other).unwrap_or(usize::MAX);
        let allowed = there < here || other == room || EXCEPTIONS.contains(&(room.as_str(), other.as_str()));
        if !allowed {
            faults.push(format!("{file}: `{room}` (floor {here}) imports `{other}` (floor {there})"));
        }
    }
    faults
}

#[test]
fn the_house_stands_as_it_is_drawn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40);
    let mut all = Vec::new();
    for path in files {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        all.extend(faults(&file, &fs::read_to_string(&path).unwrap()));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn a_breach_is_seen_however_it_is_written() {
    for (file, text) in [
        ("store/posts.rs", "//! x\nuse crate::flow::poll::Poller;"),
        ("mail/smtp.rs", "//! x\nuse crate::render::Renderer;"),
        ("mail/smtp.rs", "//! x\nuse crate::{domain::time::Timestamp, render::{Renderer, Rendered}};"),
        ("mail/smtp.rs", "//! x\nuse super::super::render::Renderer;"),
        ("clock.rs", "//! x\nuse super::store::Store;"),
        ("domain/post.rs", "//! x\nfn f() { crate::store::x() }"),
        ("flow/poll.rs", "//! x\nfn f() { sqlx::query(\"\") }"),
        ("store/x.rs", "//! x\nfn f() { each!(&self.writer, |db| { q.fetch_optional(db).await })? }"),
        ("flow/poll.rs", "use crate::domain::post::Post;"),
        ("attic/x.rs", "//! x"),
    ] {
        assert_eq!(faults(file, text).len(), 1, "{file}: {text}");
    }
    for (file, text) in [
        ("flow/poll.rs", "//! x\nuse crate::store::Store;\nuse super::publish::Publisher;"),
        ("store/posts.rs", "//! x\nuse super::{Store, StoreError};\n// crate::web is far away"),
        ("mail/smtp.rs", "//! x\n#[cfg(test)]\nmod tests { use crate::render::Renderer; }"),
        ("flow/poll/look.rs", "//! x\nuse super::super::publish::Publisher;"),
    ] {
        assert_eq!(faults(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}

/// Crates of the tests switch on features of crates that we share with them. Where
/// that could make the program read or write otherwise than when it was tested, it
/// asks for the feature itself; these cannot.
const TESTED_WITH_MORE: [(&str, &str); 5] = [
    ("bit-set", "`std` of the tables of its own"),
    ("bit-vec", "the same"),
    ("chrono", "names of old, and the web's clock"),
    ("quick-xml", "decoding, of documents that are decoded before"),
    ("serde", "`alloc`, which `std` implies"),
];

/// Each crate that is built with its features, as cargo tells it.
fn features(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let told = std::process::Command::new(cargo)
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}", "--edges", edges])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout).unwrap();
    let crates = told.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|'));
    // `default` is the name of others.
    let named = |features: &str| features.split(',').filter(|name| *name != "default").map(str::to_owned).collect();
    crates.map(|(name, features)| (name.to_owned(), named(features))).collect()
}

/// A regular expression once compiled in every test and in no program that shipped.
#[test]
fn what_ships_has_the_features_that_it_was_tested_with() {
    let (shipped, tested) = (features("normal"), features("normal,dev"));
    assert!(shipped.len() > 100, "{shipped:?}");
    let more: Vec<_> = shipped
        .iter()
        .filter(|(name, features)| tested.get(*name).is_some_and(|tested| tested != *features))
        .map(|(name, _)| name.split(' ').next().unwrap())
        .filter(|name| !TESTED_WITH_MORE.iter().any(|(known, _)| known == name))
        .collect();
    assert_eq!(more, Vec::<&str>::new());
}
