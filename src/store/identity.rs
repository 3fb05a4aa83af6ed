//! Which stored post an arriving entry is, if any (P2).
//!
//! In this order, the later evidence only when it points at one post that the
//! document does not also show under its own guid:
//!
//! 1. the guid, unless it stands for several posts: two addresses have it in
//!    one document, or nothing else of the entry agrees with the stored post;
//! 2. the address and the text: the same item, listed twice;
//! 3. the address, when title, date or text agree too (a feed whose entries all
//!    link to the front page must not fold into one post);
//! 4. the text, when it is long enough to be told from another;
//! 5. the path and the title, for a blog that moved to another domain;
//! 6. the title and the date, for a feed that was rebuilt.

use super::admit::Arriving;
use crate::domain::id::PostId;
use crate::domain::time::Timestamp;
use std::collections::{HashMap, HashSet};

/// A text of fewer visible characters may be the same by chance.
const TELLING_LENGTH: usize = 200;

/// What is known of a stored post, or of one that this document is about to add.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// `None` for a post that this document adds.
    pub(super) id: Option<PostId>,
    pub(super) guid: String,
    pub(super) url_key: Option<String>,
    pub(super) fingerprint: String,
    pub(super) title: String,
    pub(super) published: Option<Timestamp>,
}

/// What an entry turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    /// A stored post with the same text.
    Same(PostId),
    /// A stored post with another text.
    Changed(PostId),
    /// What another entry of this document is already.
    Twin,
    /// None that is stored.
    New {
        /// The guid to store it under.
        guid: String,
        /// Whether its title, path or text is a stored post's (see the flood guard).
        looks_old: bool,
    },
}

/// Knows the stored posts of one source and the document at hand.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    known: Vec<Known>,
    by_guid: HashMap<String, usize>,
    by_url: HashMap<String, Vec<usize>>,
    by_path: HashMap<String, Vec<usize>>,
    by_text: HashMap<String, Vec<usize>>,
    by_title: HashMap<String, Vec<usize>>,
    /// Guids of the document, so that a post that is shown as itself is not taken for another.
    shown: HashSet<String>,
    /// Guids that the document uses for more than one address or text.
    shared_guids: HashSet<String>,
    /// Posts that an entry of the document is already.
    taken: HashSet<usize>,
}

impl Matcher {
    pub(super) fn new(known: Vec<Known>, document: &[Arriving]) -> Self {
        let mut faces: HashMap<&str, HashSet<&str>> = HashMap::new();
        for arriving in document {
            // Without an address, the text tells two entries of one guid apart.
            let face = arriving.url_key.as_deref().unwrap_or(&arriving.fingerprint);
            faces.entry(&arriving.entry.guid).or_default().insert(face);
        }
        let (shared, shown): (Vec<_>, Vec<_>) = faces.into_iter().partition(|(_, faces)| faces.len() > 1);
        let mut matcher = Self {
            shared_guids: shared.into_iter().map(|(guid, _)| guid.to_owned()).collect(),
            shown: shown.into_iter().map(|(guid, _)| guid.to_owned()).collect(),
            ..Self::default()
        };
        for post in known {
            matcher.remember(post);
        }
        matcher
    }

    fn remember(&mut self, post: Known) {
        let at = self.known.len();
        self.by_guid.insert(post.guid.clone(), at);
        self.by_text.entry(post.fingerprint.clone()).or_default().push(at);
        if let Some(url) = &post.url_key {
            self.by_url.entry(url.clone()).or_default().push(at);
            if let Some(path) = path(url) {
                self.by_path.entry(path.to_owned()).or_default().push(at);
            }
        }
        if !post.title.is_empty() {
            self.by_title.entry(post.title.clone()).or_default().push(at);
        }
        self.known.push(post);
    }

    /// Says what an entry is. The first entry that is a post takes it.
    pub(super) fn identify(&mut self, arriving: &Arriving) -> Match {
        let entry = &arriving.entry;
        let by_guid = if self.shared_guids.contains(&entry.guid) { None } else { self.by_guid.get(&entry.guid) };
        let guid_is_taken = by_guid.is_some();
        let by_guid = by_guid.copied().filter(|&at| self.known.get(at).is_some_and(|post| !reuses(post, arriving)));
        let stand_in = || stand_in(arriving);
        let found = by_guid
            .or_else(|| self.by_guid.get(&stand_in()).copied())
            .or_else(|| self.twin(arriving))
            .or_else(|| self.other_evidence(arriving));
        if let Some((at, post)) = found.and_then(|at| Some((at, self.known.get(at)?))) {
            let same = post.fingerprint == arriving.fingerprint;
            return match post.id {
                Some(id) if self.taken.insert(at) => {
                    if same {
                        Match::Same(id)
                    } else {
                        Match::Changed(id)
                    }
                }
                _ => Match::Twin,
            };
        }
        let guid =
            if guid_is_taken || self.shared_guids.contains(&entry.guid) { stand_in() } else { entry.guid.clone() };
        let looks_old = self.is_stored(self.by_title.get(&entry.title))
            || self.is_stored(self.by_text.get(&arriving.fingerprint))
            || self.is_stored(arriving.url_key.as_deref().and_then(path).and_then(|path| self.by_path.get(path)));
        self.remember(Known {
            id: None,
            guid: guid.clone(),
            url_key: arriving.url_key.clone(),
            fingerprint: arriving.fingerprint.clone(),
            title: entry.title.clone(),
            published: entry.published,
        });
        Match::New { guid, looks_old }
    }

    /// Whether one of these was stored before this document.
    fn is_stored(&self, posts: Option<&Vec<usize>>) -> bool {
        posts.is_some_and(|posts| posts.iter().any(|&at| self.known.get(at).is_some_and(|post| post.id.is_some())))
    }

    /// The same address and the same text, whatever guid: one item listed twice.
    fn twin(&self, arriving: &Arriving) -> Option<usize> {
        let url = arriving.url_key.as_ref()?;
        let same = |&&at: &&usize| self.known.get(at).is_some_and(|post| post.fingerprint == arriving.fingerprint);
        self.by_url.get(url)?.iter().find(same).copied()
    }

    fn other_evidence(&self, arriving: &Arriving) -> Option<usize> {
        let entry = &arriving.entry;
        let by_url = arriving.url_key.as_ref().and_then(|url| self.by_url.get(url));
        let by_path = arriving.url_key.as_deref().and_then(path).and_then(|path| self.by_path.get(path));
        self.only(by_url, |post| same_title(post, arriving) || same_date(post, arriving))
            .or_else(|| {
                let telling = text_length(arriving) >= TELLING_LENGTH;
                self.only(self.by_text.get(&arriving.fingerprint), |post| telling || same_date(post, arriving))
            })
            .or_else(|| self.only(by_path, |post| same_title(post, arriving)))
            .or_else(|| self.only(self.by_title.get(&entry.title), |post| same_date(post, arriving)))
    }

    /// The one stored candidate that fits and is not shown in the document as itself.
    fn only(&self, candidates: Option<&Vec<usize>>, fits: impl Fn(&Known) -> bool) -> Option<usize> {
        let mut fitting = candidates?.iter().copied().filter(|&at| {
            self.known.get(at).is_some_and(|post| post.id.is_some() && !self.shown.contains(&post.guid) && fits(post))
        });
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}

fn same_title(post: &Known, arriving: &Arriving) -> bool {
    !post.title.is_empty() && post.title == arriving.entry.title
}

fn same_date(post: &Known, arriving: &Arriving) -> bool {
    post.published.is_some() && post.published == arriving.entry.published
}

/// Whether the entry has a stored post's guid and nothing else of it: its
/// generator gives one guid to every post.
fn reuses(post: &Known, arriving: &Arriving) -> bool {
    post.url_key.is_some()
        && arriving.url_key.is_some()
        && post.url_key != arriving.url_key
        && post.fingerprint != arriving.fingerprint
        && !same_title(post, arriving)
        && !same_date(post, arriving)
}

/// What stands in for a guid that tells nothing.
fn stand_in(arriving: &Arriving) -> String {
    let face = arriving.url_key.as_ref().unwrap_or(&arriving.fingerprint);
    format!("{} {face}", arriving.entry.guid)
}

/// What follows the host in an address key; the front page tells nothing apart.
fn path(url_key: &str) -> Option<&str> {
    let behind_scheme = url_key.split_once("://").map_or(url_key, |(_, rest)| rest);
    behind_scheme.split_once('/').map(|(_, path)| path).filter(|path| !path.is_empty())
}

/// A cheap measure of how much text there is: characters outside tags.
fn text_length(arriving: &Arriving) -> usize {
    let html = arriving.entry.content.as_ref().or(arriving.entry.summary.as_ref());
    let mut inside = false;
    html.map_or("", |html| html.as_str())
        .chars()
        .filter(|&c| {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                _ => return !inside && !c.is_whitespace(),
            }
            false
        })
        .count()
}
