//! What a feed says, before it is cleaned: the same for every format.

use super::also_at::also_at;
use super::text::{fold, language, plain_text};
use super::{MAX_ENTRIES, RawHtml, Reading, Repairs, fingerprint};
use crate::domain::html::CleanHtml;
use crate::domain::post::{Document, DocumentKind, Enclosure, Entry};
use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use std::rc::Rc;

/// More of one field than this is cut (at a character).
const MAX_FIELD: usize = 1024 * 1024;

/// HTML as it stands in the feed.
#[derive(Debug)]
pub(super) struct Html {
    pub(super) text: String,
    pub(super) base: Option<Rc<HttpUrl>>,
}

/// Who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person(String);

impl Person {
    /// Out of a text that may hold a mail address beside a name.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = fold(text);
        let bracketed = |open: char, close: char| -> Option<(String, String)> {
            let (before, rest) = text.split_once(open)?;
            let (inner, behind) = rest.split_once(close)?;
            Some((fold(&format!("{before} {behind}")), fold(inner)))
        };
        let is_mail = |word: &str| word.contains('@') && !word.contains(' ');
        let name = match (bracketed('(', ')'), bracketed('<', '>')) {
            (Some((outside, inside)), _) if is_mail(&outside) && !inside.is_empty() => inside,
            (Some((outside, inside)), _) | (_, Some((outside, inside))) if is_mail(&inside) && !outside.is_empty() => {
                outside
            }
            _ => text.strip_prefix("mailto:").unwrap_or(&text).to_owned(),
        };
        let name = name.trim_matches(['"', ' ']).to_owned();
        (!name.is_empty()).then_some(Self(name))
    }
}

/// An entry as the feed says it.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) id: Option<String>,
    pub(super) url: Option<HttpUrl>,
    pub(super) title: Option<String>,
    pub(super) authors: Vec<Person>,
    pub(super) published: Option<Timestamp>,
    pub(super) updated: Option<Timestamp>,
    pub(super) summary: Option<Html>,
    pub(super) content: Option<Html>,
    pub(super) base: Option<HttpUrl>,
    pub(super) categories: Vec<String>,
    pub(super) enclosures: Vec<Enclosure>,
}

impl Draft {
    pub(super) fn tag(&mut self, category: Option<String>) {
        self.categories.extend(category.filter(|category| !self.categories.contains(category)));
    }

    pub(super) fn attach(&mut self, file: Option<Enclosure>) {
        let is_new = |file: &Enclosure| self.enclosures.iter().all(|known| known.url != file.url);
        if let Some(file) = file.filter(is_new) {
            self.enclosures.push(file);
        }
    }
}

/// A feed as it says itself.
#[derive(Debug, Default)]
pub(super) struct DraftFeed {
    pub(super) title: Option<String>,
    pub(super) link: Option<HttpUrl>,
    pub(super) language: Option<String>,
    pub(super) authors: Vec<Person>,
    pub(super) older: Option<HttpUrl>,
    pub(super) entries: Vec<Draft>,
    pub(super) repairs: Repairs,
    /// How many entries there were before they were cut.
    pub(super) found: usize,
}

impl DraftFeed {
    /// Adds an entry; of too many the newest stay.
    pub(super) fn push(&mut self, entry: Draft) {
        self.entries.push(entry);
        self.found += 1;
        if self.entries.len() >= 2 * MAX_ENTRIES {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let mut newest: Vec<usize> = (0..self.entries.len()).collect();
        let date = |entry: &Draft| entry.published.or(entry.updated);
        newest.sort_by_key(|at| std::cmp::Reverse(self.entries.get(*at).and_then(date)));
        newest.truncate(MAX_ENTRIES);
        newest.sort_unstable();
        let mut at = 0;
        self.entries.retain(|_| {
            at += 1;
            newest.binary_search(&(at - 1)).is_ok()
        });
    }

    /// Cleans everything.
    pub(super) fn finish(mut self, raw: bool) -> Reading {
        if self.entries.len() > MAX_ENTRIES {
            self.cut();
        }
        if self.found > self.entries.len() {
            tracing::warn!(entries = self.found, kept = self.entries.len(), "a feed of too many entries was cut");
        }
        let mut kept = Vec::new();
        let mut entries = Vec::with_capacity(self.entries.len());
        for draft in self.entries {
            let (entry, html) = clean(draft, &self.authors);
            entries.push(entry);
            if raw {
                kept.push(html);
            }
        }
        let document = Document {
            kind: DocumentKind::Feed,
            title: self.title,
            link: self.link,
            language: self.language.or_else(|| detect_language(&entries)),
            entries,
        };
        Reading {
            document,
            raw: kept,
            feeds: Vec::new(),
            guesses: Vec::new(),
            older: self.older,
            repairs: self.repairs,
        }
    }
}

fn clean(draft: Draft, feed_authors: &[Person]) -> (Entry, RawHtml) {
    let Draft { id, url, title, authors, published, updated, summary, content, base, categories, enclosures } = draft;
    let base = base.or_else(|| url.clone());
    let clean = |html: Option<Html>| {
        let mut html = html?;
        html.text.truncate(html.text.floor_char_boundary(MAX_FIELD));
        let clean = CleanHtml::sanitise(&html.text, html.base.as_deref().or(base.as_ref()));
        Some((Some(clean).filter(|clean| !clean.is_empty()), html.text))
    };
    let (summary, raw_summary) = clean(summary).unzip();
    let (content, raw_content) = clean(content).unzip();
    let (summary, content) = (summary.flatten(), content.flatten());
    let authors = if authors.is_empty() { feed_authors.to_vec() } else { authors };
    let mut names: Vec<String> = Vec::new();
    for Person(name) in authors {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let also_at = content.as_ref().or(summary.as_ref()).map(|html| also_at(html.as_str())).unwrap_or_default();
    let mut entry = Entry {
        guid: id.unwrap_or_default(),
        url,
        title: title.unwrap_or_default(),
        authors: names,
        published,
        updated,
        summary,
        content,
        categories,
        enclosures,
        also_at,
    };
    if entry.guid.is_empty() {
        entry.guid = match &entry.url {
            Some(url) => url.to_string(),
            // Without id and address an entry is what it says.
            None => format!("text:{}", sha256_hex(fingerprint(&entry).as_bytes())),
        };
    }
    (entry, RawHtml { summary: raw_summary, content: raw_content })
}

/// The language of the first few entries' words, as an ISO 639-1 tag where the
/// detector is sure.
fn detect_language(entries: &[Entry]) -> Option<String> {
    let mut sample = String::new();
    for entry in entries.iter().take(5) {
        sample.push_str(&entry.title);
        sample.push('\n');
        let html = entry.content.as_ref().or(entry.summary.as_ref()).map_or("", |html| html.as_str());
        sample.push_str(&plain_text(html).chars().take(500).collect::<String>());
        sample.push('\n');
    }
    language(&sample)
}
