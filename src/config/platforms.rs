//! Platform profiles as they are written (`docs/platforms.md`): those that come
//! with syndicated and an operator's own are read by the same rules.

use super::faults::{Collector, Faults};
use super::load::read;
use super::page_source::{list_rules, selector};
use super::parts::items;
use super::raw::{File, Located, Table};
use crate::domain::platform::{Platform, Platforms};
use crate::domain::source::{ListRules, TextFrom};
use regex::Regex;
use std::path::Path;
use std::sync::LazyLock;
use toml::de::DeTable;

/// Parses a file of profiles; `name` stands for it in faults.
pub fn platforms(name: &Path, text: &str) -> Result<Platforms, Faults> {
    let faults = Collector::default();
    let platforms = of_file(&File::new(name, 0, text), &faults);
    faults.into_faults().map_or(Ok(platforms), Err)
}

/// Reads the file that `platforms` names, relative to the main file.
pub(super) fn named(main: &mut Table<'_>, file: Option<&File>, faults: &Collector) -> Platforms {
    let Some(Located { spot, value }) = main.text("platforms") else { return Platforms::default() };
    let folder = file.and_then(|file| file.path.parent()).unwrap_or(Path::new(""));
    let path = folder.join(value);
    if !path.is_file() {
        faults.add(&spot, format_args!("there is no file {}", path.display()));
        return Platforms::default();
    }
    // Its faults come behind those of every other file.
    read(&path, &[], usize::MAX, faults).map(|file| of_file(&file, faults)).unwrap_or_default()
}

fn of_file(file: &File, faults: &Collector) -> Platforms {
    let parsed = file.parse(faults);
    let mut root = parsed.root(file, faults);
    let tables = root.tables("platform");
    root.finish();
    let profiles = tables.into_iter().map(profile).collect();
    parsed.drop_echoes(file, faults);
    Platforms::new(profiles)
}

/// `[[platform]]`.
fn profile(mut table: Table<'_>) -> Platform {
    let name = table.words("name");
    let name = table.required("name", name, "\"Essays\"");
    let profile = Platform {
        name: name.unwrap_or_default(),
        host: table.parsed("host", host),
        path: table.parsed("path", regex),
        page: table.parsed("page", regex),
        feeds: items(&mut table, "feeds", feed),
        last: table.flag("last").unwrap_or_default(),
        content: table.parsed("content", str::parse::<TextFrom>),
        article: table.parsed("article", selector),
        remove: items(&mut table, "remove", selector),
        sorry: items(&mut table, "sorry", words),
        title: table.parsed("title", selector),
        author: table.parsed("author", selector),
        date: table.parsed("date", selector),
        tags: table.parsed("tags", selector),
        list: list(&mut table),
    };
    let (faults, spot) = (table.faults(), table.spot.clone());
    if !["host", "path", "page"].iter().any(|key| table.holds(key)) {
        faults.add_hint(&spot, "is for every page", "say which with `host`, `path` or `page`");
    }
    if profile.feeds.is_empty()
        && !profile.last
        && profile.content.is_none()
        && profile.list.is_none()
        && !profile.knows_articles()
        && !table.holds("feeds")
    {
        faults.add_hint(&spot, "says nothing", "give it `feeds`, `article` or another of its keys");
    }
    let has_group = [&profile.path, &profile.page].into_iter().flatten().any(|regex| regex.captures_len() > 1);
    if !has_group && profile.feeds.iter().any(|feed| feed.contains("{1}")) {
        faults.add(&table.place("feeds"), "{1} stands for nothing: put a group ( ) into `path` or `page`");
    }
    table.finish();
    profile
}

/// How its lists of posts are read.
fn list(table: &mut Table<'_>) -> Option<ListRules> {
    static NONE: LazyLock<DeTable<'static>> = LazyLock::new(DeTable::new);
    if !table.holds("list") {
        return None;
    }
    let mut list = table.table("list", &NONE);
    let rules = list_rules(|key| list.parsed(key, selector));
    list.finish();
    Some(rules)
}

fn host(text: &str) -> Result<String, String> {
    let name = text.strip_prefix('.').unwrap_or(text);
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if plain {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("`{text}` is not a host name: write one such as \"blog.example.com\", without scheme and port"))
    }
}

fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|why| {
        let why = why.to_string();
        let last = why.lines().last().unwrap_or_default();
        format!("`{text}` is not a regular expression: {}", last.trim_start_matches("error: "))
    })
}

fn words(text: &str) -> Result<String, &'static str> {
    // A word that stands on every page would refuse all of them.
    if text.trim().chars().count() < 4 {
        Err("is too short to tell one page from another")
    } else {
        Ok(text.to_owned())
    }
}

/// A feed's address with its blanks.
fn feed(text: &str) -> Result<String, String> {
    let filled = ["{1}", "{domain}"].iter().fold(text.to_owned(), |text, blank| text.replace(blank, "x"));
    let filled = ["{origin}", "{folder}"].iter().fold(filled, |text, blank| text.replace(blank, "https://x.example"));
    if filled.contains(['{', '}']) {
        return Err(format!(
            "`{text}` has a blank that is not known: there are {{1}}, {{origin}}, {{domain}}, {{folder}}"
        ));
    }
    match filled.parse::<crate::domain::url::HttpUrl>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("`{text}` is not a web address: begin it with https://, {{origin}} or {{folder}}")),
    }
}
