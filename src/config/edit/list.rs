//! Many sources at once, from a list: a file for each of its folders, beside the main
//! one, which then includes them.

use super::{EditError, write_whole};
use crate::clock::Chance;
use crate::config::faults::Collector;
use crate::config::load::files;
use crate::config::{Config, Environment, secrets};
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use toml_edit::{Array, DocumentMut, Item, Value};

/// Sources that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name of their file, without its ending.
    pub file: String,
    /// What the list calls them; empty where it has no folders.
    pub title: String,
    /// In the list's order.
    pub sources: Vec<Listed>,
}

/// A source of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Slug,
    /// Its address.
    pub url: HttpUrl,
    /// Whether it is a page without a feed.
    pub is_page: bool,
    /// What the list calls it.
    pub title: Option<String>,
}

/// The configuration as it is with all files of `folder`: what stands there and was not
/// included counts once sources are added there.
pub fn with_folder(path: &Path, folder: &str, environment: &Environment, chance: &Chance) -> Result<Config, EditError> {
    let config = Config::load(path, environment, chance)?;
    let text = std::fs::read_to_string(path).map_err(|why| EditError::Disk(path.to_owned(), secrets::plain(&why)))?;
    let included = including(path, &text, &format!("{folder}/*.toml"))?;
    if included == text {
        return Ok(config);
    }
    Ok(Config::load_draft(path, &[(path.to_owned(), included)], environment, chance)?)
}

/// Adds sources by their groups, each in `folder/FILE.toml` beside the main file; what
/// stands there already stays as it is. Returns the files that were written, or would be
/// (`dry`). Nothing is written unless the whole would load.
pub fn add_sources(
    path: &Path,
    folder: &str,
    groups: &[Group],
    environment: &Environment,
    chance: &Chance,
    dry: bool,
) -> Result<Vec<PathBuf>, EditError> {
    let beside = path.parent().unwrap_or(Path::new("")).join(folder);
    let mut drafts: Vec<(PathBuf, String)> = Vec::new();
    for group in groups.iter().filter(|group| !group.sources.is_empty()) {
        let file = beside.join(format!("{}.toml", group.file));
        let known = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(EditError::Disk(file, secrets::plain(&why))),
        };
        drafts.push((file, known + &written(group)));
    }
    let aside = Collector::default();
    let read = files(path, &drafts, &aside);
    if drafts.iter().any(|(file, _)| read.iter().all(|known| known.path != *file)) {
        let text =
            std::fs::read_to_string(path).map_err(|why| EditError::Disk(path.to_owned(), secrets::plain(&why)))?;
        drafts.push((path.to_owned(), including(path, &text, &format!("{folder}/*.toml"))?));
    }
    Config::load_draft(path, &drafts, environment, chance)?;
    let written = drafts.iter().map(|(file, _)| file.clone()).collect();
    if !dry {
        // The main file last: what it includes is there then.
        for (file, text) in &drafts {
            write_whole(file, text, path)?;
        }
    }
    Ok(written)
}

/// The tables of a group, as they stand below what is there already.
fn written(group: &Group) -> String {
    let mut text = String::new();
    for Listed { name, url, is_page, title } in &group.sources {
        let comment = title.as_deref().map(in_one_line).filter(|title| !title.is_empty() && title != name.as_str());
        let comment = comment.map(|title| format!("# {title}\n")).unwrap_or_default();
        let kind = if *is_page { "kind = \"page\"\n" } else { "" };
        let [name, url] = [name.as_str(), url.as_str()].map(|value| Value::from(value).to_string());
        // A string takes whatever is written into it.
        let _ = write!(text, "\n{comment}[[source]]\nname = {name}\nurl = {url}\n{kind}");
    }
    text
}

/// What a comment can hold.
fn in_one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The main file's text with one pattern more in its `include`.
fn including(path: &Path, text: &str, pattern: &str) -> Result<String, EditError> {
    let unusual = || EditError::Unusual(path.to_owned());
    let mut document: DocumentMut = text.parse().map_err(|_| unusual())?;
    if let Some(include) = document.get_mut("include") {
        let include = include.as_array_mut().ok_or_else(unusual)?;
        if include.iter().any(|known| known.as_str() == Some(pattern)) {
            return Ok(text.to_owned());
        }
        include.push(pattern);
        return Ok(document.to_string());
    }
    let mut patterns = Array::new();
    patterns.push(pattern);
    let line = format!("include = {}", Item::Value(Value::Array(patterns)).to_string().trim());
    let mut lines: Vec<&str> = text.lines().collect();
    let first_table = lines.iter().position(|line| line.trim_start().starts_with('[')).unwrap_or(lines.len());
    // Where the file that comes with the program shows it.
    let shown = lines.iter().take(first_table).position(|shown| shown.trim_start_matches(['#', ' ']) == line);
    if let Some(shown) = shown {
        if let Some(place) = lines.get_mut(shown) {
            *place = &line;
        }
    } else {
        // Above the comments of the first table.
        let comments = lines.iter().take(first_table).rev().take_while(|line| line.starts_with('#')).count();
        let place = first_table - comments;
        lines.insert(place, "");
        lines.insert(place, &line);
    }
    Ok(lines.join("\n") + "\n")
}
