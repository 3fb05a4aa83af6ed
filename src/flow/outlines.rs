//! Lists of sources, out and in (OPML): what is followed as other readers take it, and
//! what a list of theirs becomes in the configuration.
//!
//! Invariants: what is followed already is not followed twice; every name is new and its
//! own; nothing is fetched and nothing written here.

use crate::config::Config;
use crate::config::edit::{Group, Listed};
use crate::domain::slug::Slug;
use crate::domain::source::Kind;
use crate::domain::url::HttpUrl;
use crate::publish::{Followed, write_list};
use crate::read::opml::{Outline, Outlines, Skipped};
use crate::read::url_key;
use crate::store::{Store, StoreError};
use std::collections::{HashMap, HashSet};

/// The file of what stands in no folder.
const NO_FOLDER: &str = "imported";
/// A file's name has at most so many characters.
const LONGEST_NAME: usize = 60;
/// A title that becomes a name is no longer.
const LONGEST_TITLE: usize = 40;

/// What is followed, as OPML.
pub async fn source_list(config: &Config, store: &Store) -> Result<String, StoreError> {
    let mut known = store.source_faces().await?;
    let followed: Vec<Followed> = config
        .sources
        .iter()
        .map(|source| {
            let face = known.remove(source.name.as_str()).unwrap_or_default();
            Followed {
                name: source.name.to_string(),
                title: face.title.unwrap_or_else(|| source.name.to_string()),
                url: source.url.to_string(),
                feed: face.feed_url,
                site: face.link,
                language: face.language,
                is_page: matches!(source.kind, Kind::Page(_)),
            }
        })
        .collect();
    Ok(write_list(&config.site.title, &followed))
}

/// What a list becomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The sources, by the folders of the list.
    pub groups: Vec<Group>,
    /// What is left out, and why.
    pub skipped: Vec<Skipped>,
}

impl Plan {
    /// How many sources it adds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.groups.iter().map(|group| group.sources.len()).sum()
    }
}

/// What the outlines of a list become, beside what is configured. `found` are the feeds
/// that were found for sources, by their names.
#[must_use]
pub fn plan(list: Outlines, config: &Config, found: &[(Slug, HttpUrl)]) -> Plan {
    let mut followed: HashMap<String, Slug> = HashMap::new();
    for (name, url) in config
        .sources
        .iter()
        .map(|source| (&source.name, &source.url))
        .chain(found.iter().map(|(name, url)| (name, url)))
    {
        followed.entry(url_key(url)).or_insert_with(|| name.clone());
    }
    let mut names = Names::of(config);
    let mut plan = Plan { groups: Vec::new(), skipped: list.skipped };
    let mut places: HashMap<String, usize> = HashMap::new();
    for outline in list.outlines {
        if let Some(known) = followed.get(&url_key(&outline.url)) {
            let what = outline.title.unwrap_or_else(|| outline.url.to_string());
            plan.skipped.push(Skipped { what, why: format!("followed already, as `{known}`") });
            continue;
        }
        let name = names.take(&outline);
        followed.insert(url_key(&outline.url), name.clone());
        let title = outline.folders.join("/");
        let file = file_name(&title);
        let place = *places.entry(file.clone()).or_insert_with(|| {
            plan.groups.push(Group { file, title, sources: Vec::new() });
            plan.groups.len() - 1
        });
        if let Some(group) = plan.groups.get_mut(place) {
            group.sources.push(Listed { name, url: outline.url, is_page: outline.is_page, title: outline.title });
        }
    }
    plan
}

/// A file's name of a folder's: letters and digits of any script, and no way to another folder.
fn file_name(folder: &str) -> String {
    let mut name = String::new();
    for letter in folder.to_lowercase().chars() {
        if letter.is_alphanumeric() {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { NO_FOLDER.to_owned() } else { name.to_owned() }
}

/// The names that are taken.
struct Names {
    taken: HashSet<String>,
    /// Where counting goes on for a name that many would have.
    next: HashMap<String, usize>,
}

impl Names {
    fn of(config: &Config) -> Self {
        Self { taken: config.sources.iter().map(|source| source.name.to_string()).collect(), next: HashMap::new() }
    }

    /// A name for a source: the one that it had, else its title's where that is in Latin
    /// letters, else its host's, with the path where the host has many.
    fn take(&mut self, outline: &Outline) -> Slug {
        let title = outline.title.as_deref().filter(|title| title.is_ascii() && title.len() <= LONGEST_TITLE);
        let host = outline.url.host().trim_start_matches("www.");
        let path = outline.url.as_url().path().trim_end_matches('/');
        let wishes = [
            outline.name.clone(),
            title.and_then(Slug::suggest),
            Slug::suggest(host),
            Slug::suggest(&format!("{host}{path}")),
        ];
        let free = wishes.iter().flatten().find(|name| !self.taken.contains(name.as_str())).cloned();
        let first = wishes.into_iter().flatten().next().map_or_else(|| "source".to_owned(), |name| name.to_string());
        let name = free.unwrap_or_else(|| self.numbered(&first));
        self.taken.insert(name.to_string());
        name
    }

    fn numbered(&mut self, first: &str) -> Slug {
        let head = first.get(..first.len().min(56)).unwrap_or(first).trim_end_matches('-');
        let next = self.next.entry(first.to_owned()).or_insert(2);
        loop {
            let name = format!("{head}-{next}");
            *next += 1;
            if let Some(name) = name.parse().ok().filter(|name: &Slug| !self.taken.contains(name.as_str())) {
                return name;
            }
        }
    }
}
