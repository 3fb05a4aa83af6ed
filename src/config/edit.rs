//! Changing the configuration as a careful person would: only the lines that
//! matter, every comment kept, nothing written that could not be loaded again.

mod list;

pub use list::{Group, Listed, add_sources, with_folder};

use super::load::files;
use super::{Config, Environment, Faults, secrets};
use crate::clock::Chance;
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value, value};

/// Why the configuration was not changed. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is broken, or would be.
    #[error("{0}")]
    Faults(#[from] Faults),
    /// There is one already.
    #[error("there is a source `{0}` already")]
    Exists(Slug),
    /// There is none.
    #[error("there is no source `{0}`")]
    NoSource(Slug),
    /// There is none.
    #[error("there is no newsletter `{0}`")]
    NoNewsletter(Slug),
    /// A list without names would take nothing.
    #[error("newsletter `{0}` takes no other source: give it another, or remove it, first")]
    LastOf(String),
    /// The file cannot be edited by a program.
    #[error("{0} writes its sources in a form that is kept for people: edit it by hand")]
    Unusual(PathBuf),
    /// The disk.
    #[error("cannot write {0}: {1}")]
    Disk(PathBuf, String),
}

/// A source to be added.
#[derive(Debug, Clone)]
pub struct NewSource {
    /// Its name.
    pub name: Slug,
    /// Its address.
    pub url: HttpUrl,
    /// Whether it is a page without a feed.
    pub page: bool,
    /// Its schedule, when it is not the usual one.
    pub schedule: Option<String>,
    /// Newsletters that list their sources, and are to take this one.
    pub newsletters: Vec<Slug>,
}

/// Adds a source below the last one in the main file.
pub fn add_source(path: &Path, new: &NewSource, environment: &Environment, chance: &Chance) -> Result<(), EditError> {
    let config = Config::load(path, environment, chance)?;
    if config.source(&new.name).is_some() {
        return Err(EditError::Exists(new.name.clone()));
    }
    let text = std::fs::read_to_string(path).map_err(|why| EditError::Disk(path.to_owned(), secrets::plain(&why)))?;
    let mut document = parse(path, &text)?;
    let mut table = Table::new();
    table.insert("name", value(new.name.as_str()));
    table.insert("url", value(new.url.as_str()));
    if new.page {
        table.insert("kind", value("page"));
    }
    if let Some(schedule) = &new.schedule {
        table.insert("schedule", value(schedule));
    }
    table.decor_mut().set_prefix("\n");
    let item = document.entry("source").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    item.as_array_of_tables_mut().ok_or_else(|| EditError::Unusual(path.to_owned()))?.push(table);
    for name in &new.newsletters {
        if config.newsletter(name.as_str()).is_none() {
            return Err(EditError::NoNewsletter(name.clone()));
        }
        let list = newsletters(&mut document)
            .find(|table| named(table, name.as_str()))
            .ok_or_else(|| EditError::Unusual(path.to_owned()))?
            .get_mut("sources")
            .and_then(Item::as_array_mut);
        // A newsletter without a list takes every source, this one too.
        if let Some(list) = list {
            list.push(new.name.as_str());
        }
    }
    save(path, path, &document.to_string(), environment, chance)
}

/// Removes a source from the file that holds it, and from every newsletter that
/// lists it there. Returns that file.
pub fn remove_source(
    path: &Path,
    name: &Slug,
    environment: &Environment,
    chance: &Chance,
) -> Result<PathBuf, EditError> {
    Config::load(path, environment, chance)?;
    for file in files(path, &[], &super::faults::Collector::default()) {
        let mut document = parse(&file.path, &file.text)?;
        let Some(sources) = document.get_mut("source").and_then(Item::as_array_of_tables_mut) else { continue };
        let Some(index) = sources.iter().position(|table| named(table, name.as_str())) else { continue };
        let kept = sources.get(index).map(above).unwrap_or_default();
        sources.remove(index);
        // What stood above the source and apart from it was not about it alone.
        match sources.get_mut(index) {
            Some(next) => put_above(next, &kept),
            None => put_after_sources(&mut document, &kept),
        }
        for newsletter in newsletters(&mut document) {
            let title = newsletter.get("name").and_then(Item::as_str).unwrap_or_default().to_owned();
            let Some(list) = newsletter.get_mut("sources").and_then(Item::as_array_mut) else { continue };
            let before = list.len();
            list.retain(|item| item.as_str() != Some(name.as_str()));
            if before > 0 && list.is_empty() {
                return Err(EditError::LastOf(title));
            }
        }
        save(path, &file.path, &document.to_string(), environment, chance)?;
        return Ok(file.path);
    }
    Err(EditError::NoSource(name.clone()))
}

fn parse(path: &Path, text: &str) -> Result<DocumentMut, EditError> {
    text.parse().map_err(|_| EditError::Unusual(path.to_owned()))
}

fn newsletters(document: &mut DocumentMut) -> impl Iterator<Item = &mut Table> {
    document.get_mut("newsletter").and_then(Item::as_array_of_tables_mut).into_iter().flat_map(ArrayOfTables::iter_mut)
}

fn named(table: &Table, name: &str) -> bool {
    table.get("name").and_then(Item::as_value).and_then(Value::as_str) == Some(name)
}

/// The comments above a table that an empty line parts from it.
fn above(table: &Table) -> String {
    let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    prefix
        .rfind("\n\n")
        .and_then(|end| prefix.get(..=end))
        .filter(|kept| kept.contains('#'))
        .unwrap_or_default()
        .to_owned()
}

fn put_above(table: &mut Table, kept: &str) {
    if !kept.is_empty() {
        let own = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
        table.decor_mut().set_prefix(format!("{kept}{own}"));
    }
}

/// Puts comments above what follows the removed last source: the first
/// newsletter in the usual order of a file, or the file's end.
fn put_after_sources(document: &mut DocumentMut, kept: &str) {
    if let Some(next) = newsletters(document).next() {
        put_above(next, kept);
    } else if !kept.is_empty() {
        let own = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(format!("{kept}{own}"));
    }
}

/// Writes `text` to `target`, when the configuration at `path` then still loads.
fn save(path: &Path, target: &Path, text: &str, environment: &Environment, chance: &Chance) -> Result<(), EditError> {
    Config::load_draft(path, &[(target.to_owned(), text.to_owned())], environment, chance)?;
    write_whole(target, text, path)
}

/// Replaces a file whole, so that a daemon never reads half of it. One that is not there
/// yet gets the mode of `like`, and its folder.
fn write_whole(target: &Path, text: &str, like: &Path) -> Result<(), EditError> {
    let disk = |why: std::io::Error| EditError::Disk(target.to_owned(), secrets::plain(&why));
    // Through a link to the file itself, which then stays where it is.
    let real = match target.canonicalize() {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(target.parent().unwrap_or(Path::new("."))).map_err(disk)?;
            target.to_owned()
        }
        other => other.map_err(disk)?,
    };
    let mut beside = real.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mode = std::fs::metadata(&real).or_else(|_| std::fs::metadata(like))?.permissions();
        let mut file = File::create(&beside)?;
        file.set_permissions(mode)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &real)
    })();
    written.map_err(|why| {
        // The old file stands; what is left of the new one is of no use.
        let _ = std::fs::remove_file(&beside);
        disk(why)
    })
}
