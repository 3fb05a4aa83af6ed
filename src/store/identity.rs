//! Which stored post an arriving entry is, if any (P2).
//!
//! In this order, each only when it points at one post that the document does
//! not also show under its own guid:
//!
//! 1. the guid, unless the document uses it for several addresses;
//! 2. the address, when title, date or text agree too (a feed whose entries all
//!    link to the front page must not fold into one post);
//! 3. the text, when it is long enough to be told from another;
//! 4. the path and the title, for a blog that moved to another domain;
//! 5. the title and the date, for a feed that was rebuilt.

use super::posts::Arriving;
use crate::domain::id::PostId;
use crate::domain::time::Timestamp;
use std::collections::{HashMap, HashSet};

/// A text of fewer visible characters may be the same by chance.
const TELLING_LENGTH: usize = 200;

/// What is known of a stored post.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: PostId,
    pub(super) guid: String,
    pub(super) url_key: Option<String>,
    pub(super) fingerprint: String,
    pub(super) title: String,
    pub(super) published: Option<Timestamp>,
}

/// What an entry turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    /// A stored post, unchanged.
    Same,
    /// A stored post with another text.
    Changed(PostId),
    /// None that is stored.
    New {
        /// The guid to store it under.
        guid: String,
        /// Whether its title or path is a stored post's (see the flood guard).
        looks_old: bool,
    },
}

/// Knows the stored posts of one source and the document at hand.
pub(super) struct Matcher {
    known: Vec<Known>,
    by_guid: HashMap<String, usize>,
    by_url: HashMap<String, Vec<usize>>,
    by_path: HashMap<String, Vec<usize>>,
    by_text: HashMap<String, Vec<usize>>,
    by_title: HashMap<String, Vec<usize>>,
    /// Guids of the document, so that a post that is shown as itself is not taken for another.
    shown: HashSet<String>,
    /// Guids that the document uses for more than one address.
    shared_guids: HashSet<String>,
    taken: HashSet<PostId>,
}

impl Matcher {
    pub(super) fn new(known: Vec<Known>, document: &[Arriving]) -> Self {
        let mut addresses: HashMap<&str, HashSet<Option<&str>>> = HashMap::new();
        for arriving in document {
            addresses.entry(&arriving.entry.guid).or_default().insert(arriving.url_key.as_deref());
        }
        let shared_guids: HashSet<String> =
            addresses.iter().filter(|(_, urls)| urls.len() > 1).map(|(guid, _)| (*guid).to_owned()).collect();
        let mut matcher = Self {
            by_guid: known.iter().enumerate().map(|(at, post)| (post.guid.clone(), at)).collect(),
            by_url: HashMap::new(),
            by_path: HashMap::new(),
            by_text: HashMap::new(),
            by_title: HashMap::new(),
            shown: document.iter().map(|arriving| arriving.entry.guid.clone()).collect(),
            shared_guids,
            taken: HashSet::new(),
            known: Vec::new(),
        };
        for (at, post) in known.iter().enumerate() {
            if let Some(url) = &post.url_key {
                matcher.by_url.entry(url.clone()).or_default().push(at);
                if let Some(path) = path(url) {
                    matcher.by_path.entry(path.to_owned()).or_default().push(at);
                }
            }
            matcher.by_text.entry(post.fingerprint.clone()).or_default().push(at);
            if !post.title.is_empty() {
                matcher.by_title.entry(post.title.clone()).or_default().push(at);
            }
        }
        matcher.known = known;
        matcher
    }

    /// Says what an entry is. A stored post is taken once; the same entry twice
    /// in one document is the same the second time.
    pub(super) fn identify(&mut self, arriving: &Arriving) -> Match {
        let entry = &arriving.entry;
        let shared = self.shared_guids.contains(&entry.guid);
        // A guid for several addresses says nothing; the address stands in for it.
        let guid = match &arriving.url_key {
            Some(url) if shared => url.clone(),
            _ if shared => format!("{} {}", entry.guid, arriving.fingerprint),
            _ => entry.guid.clone(),
        };
        let found = self.by_guid.get(&guid).copied().or_else(|| self.other_evidence(arriving));
        if let Some(post) = found.and_then(|at| self.known.get(at)) {
            let (id, same) = (post.id, post.fingerprint == arriving.fingerprint);
            return if same || !self.taken.insert(id) { Match::Same } else { Match::Changed(id) };
        }
        let looks_old = self.by_title.contains_key(&entry.title)
            || arriving.url_key.as_deref().and_then(path).is_some_and(|path| self.by_path.contains_key(path));
        // Remember it, so that its twin in the same document is known.
        let at = self.known.len();
        self.by_guid.insert(guid.clone(), at);
        self.known.push(Known {
            id: PostId(0),
            guid: guid.clone(),
            url_key: arriving.url_key.clone(),
            fingerprint: arriving.fingerprint.clone(),
            title: entry.title.clone(),
            published: entry.published,
        });
        self.taken.insert(PostId(0));
        Match::New { guid, looks_old }
    }

    fn other_evidence(&self, arriving: &Arriving) -> Option<usize> {
        let entry = &arriving.entry;
        let same_title = |post: &Known| !entry.title.is_empty() && post.title == entry.title;
        let same_date = |post: &Known| entry.published.is_some() && post.published == entry.published;
        let same_text = |post: &Known| post.fingerprint == arriving.fingerprint;
        let by_url = arriving.url_key.as_ref().and_then(|url| self.by_url.get(url));
        let by_path = arriving.url_key.as_deref().and_then(path).and_then(|path| self.by_path.get(path));
        self.only(by_url, |post| same_title(post) || same_date(post) || same_text(post))
            .or_else(|| {
                let telling = text_length(arriving) >= TELLING_LENGTH;
                self.only(self.by_text.get(&arriving.fingerprint), |post| telling || same_date(post))
            })
            .or_else(|| self.only(by_path, same_title))
            .or_else(|| self.only(self.by_title.get(&entry.title), same_date))
    }

    /// The one candidate that fits and is not shown in the document as itself.
    fn only(&self, candidates: Option<&Vec<usize>>, fits: impl Fn(&Known) -> bool) -> Option<usize> {
        let mut fitting = candidates?
            .iter()
            .copied()
            .filter(|&at| self.known.get(at).is_some_and(|post| fits(post) && !self.shown.contains(&post.guid)));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}

/// What follows the host in an address key; the front page tells nothing apart.
fn path(url_key: &str) -> Option<&str> {
    url_key.split_once('/').map(|(_, path)| path).filter(|path| !path.is_empty())
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
