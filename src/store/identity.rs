//! Which stored post each entry of a document is, if any (P2): the rules of
//! `domain::identity`, asked one after the other for all entries, so that no weak
//! evidence takes what strong evidence gives to another entry.
//!
//! When a document shows that the source's guids change, or stand for several
//! posts, its addresses are asked instead, from that document on.

mod condition;
mod evidence;

use super::admit::Arriving;
use crate::domain::id::PostId;
use crate::domain::identity::Rule;
use crate::domain::source::Identity;
use crate::domain::time::Timestamp;
use crate::domain::wording::plain;
use std::collections::{HashMap, HashSet};

/// What is known of a stored post.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: PostId,
    pub(super) guid: String,
    pub(super) url_key: Option<String>,
    pub(super) fingerprint: String,
    /// Made plain.
    pub(super) title: String,
    pub(super) published: Option<Timestamp>,
}

/// What else is known of the guids of a document.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// By which of them which posts were known again.
    others: HashMap<String, Vec<PostId>>,
    /// Which are not which posts, as a person said.
    apart: HashMap<String, Vec<PostId>>,
    /// How many other guids posts of this source have had at the same address.
    pub(super) changed: usize,
}

impl Told {
    /// Adds that a post was known again under a guid, or, when a person said so, that it is `apart` from it.
    pub(super) fn add(&mut self, guid: String, post: PostId, apart: bool) {
        let posts = if apart { &mut self.apart } else { &mut self.others };
        posts.entry(guid).or_default().push(post);
    }
}

/// What an entry turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    /// A stored post.
    Known {
        id: PostId,
        /// Whether it says the same.
        same: bool,
        /// By which rule, when its guid is another that is worth remembering.
        other_guid: Option<Rule>,
    },
    /// What another entry of this document is already; a stored post perhaps.
    Twin(Option<(PostId, Rule)>),
    /// None that is stored.
    New {
        /// The guid to store it under.
        guid: String,
        /// Whether its title, path or text is a stored post's (see the flood guard).
        looks_old: bool,
    },
}

/// What became of a document.
#[derive(Debug)]
pub(super) struct Decided {
    /// What each entry is, in their order.
    pub(super) matches: Vec<Match>,
    /// What tells the source's posts apart from now on.
    pub(super) identity: Identity,
}

/// What a rule says of an entry and a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Whether all that it asks for is so.
    pub holds: bool,
    /// What was compared, and what came of it, in plain words.
    pub why: Vec<String>,
}

/// Says of each entry of a document which stored post it is.
pub(super) fn decide(known: &[Known], told: &Told, document: &[Arriving], identity: Identity) -> Decided {
    let mut matcher = Matcher::new(known, told, document, identity);
    let mut found = matcher.find_all();
    if identity == Identity::Guid && matcher.addresses_tell_more(&found) {
        matcher.identity = Identity::Address;
        found = matcher.find_all();
    }
    Decided { matches: matcher.matches(&found), identity: matcher.identity }
}

/// What each rule says of an entry and one stored post, and whether they are one.
pub(super) fn compare(known: &Known, told: &Told, entry: &Arriving, identity: Identity) -> (Vec<Finding>, bool) {
    let matcher = Matcher::new(std::slice::from_ref(known), told, std::slice::from_ref(entry), identity);
    let findings = matcher.shown.first().map(|shown| matcher.findings(known, shown)).unwrap_or_default();
    let is_one = matcher.find_all().iter().any(|found| matches!(found, Some(Found { twin: false, .. })));
    (findings, is_one)
}

/// An entry of the document, with what is asked of it again and again.
#[derive(Debug)]
struct Shown<'a> {
    arriving: &'a Arriving,
    /// Made plain.
    title: String,
    /// See [`stand_in`].
    stand_in: String,
}

/// Which post an entry was found to be.
#[derive(Debug, Clone, Copy)]
struct Found {
    at: usize,
    rule: Rule,
    /// Whether another entry was that post before it.
    twin: bool,
}

/// Knows the stored posts of one source and the document at hand.
#[derive(Debug)]
struct Matcher<'a> {
    known: &'a [Known],
    told: &'a Told,
    shown: Vec<Shown<'a>>,
    identity: Identity,
    /// What it was when the document came: then its guids are worth remembering, as what showed otherwise.
    before: Identity,
    by_guid: HashMap<&'a str, usize>,
    by_id: HashMap<PostId, usize>,
    by_url: HashMap<&'a str, Vec<usize>>,
    by_path: HashMap<&'a str, Vec<usize>>,
    by_text: HashMap<&'a str, Vec<usize>>,
    by_title: HashMap<&'a str, Vec<usize>>,
    /// The document's guids under which posts were known again, by post.
    other_guids: HashMap<PostId, Vec<&'a str>>,
    /// Guids of the document, and addresses, each with the texts or addresses that it stands for.
    guids: HashMap<&'a str, HashSet<&'a str>>,
    /// See [`Matcher::only_one_is_reused`].
    one_is_rewritten: bool,
    addresses: HashMap<&'a str, HashSet<&'a str>>,
}

impl<'a> Matcher<'a> {
    fn new(known: &'a [Known], told: &'a Told, document: &'a [Arriving], identity: Identity) -> Self {
        let shown = document.iter().map(|arriving| Shown {
            arriving,
            title: plain(&arriving.entry.title),
            stand_in: stand_in(arriving),
        });
        let mut matcher = Self {
            known,
            told,
            shown: shown.collect(),
            identity,
            before: identity,
            by_guid: HashMap::with_capacity(known.len()),
            by_id: HashMap::with_capacity(known.len()),
            by_url: HashMap::with_capacity(known.len()),
            by_path: HashMap::with_capacity(known.len()),
            by_text: HashMap::with_capacity(known.len()),
            by_title: HashMap::with_capacity(known.len()),
            other_guids: HashMap::new(),
            guids: HashMap::new(),
            one_is_rewritten: false,
            addresses: HashMap::new(),
        };
        for (at, post) in known.iter().enumerate() {
            matcher.by_guid.insert(&post.guid, at);
            matcher.by_id.insert(post.id, at);
            matcher.by_text.entry(&post.fingerprint).or_default().push(at);
            if let Some(url) = &post.url_key {
                matcher.by_url.entry(url).or_default().push(at);
                if let Some(path) = path(url) {
                    matcher.by_path.entry(path).or_default().push(at);
                }
            }
            if !post.title.is_empty() {
                matcher.by_title.entry(&post.title).or_default().push(at);
            }
        }
        for (guid, posts) in &told.others {
            for post in posts {
                matcher.other_guids.entry(*post).or_default().push(guid);
            }
        }
        for arriving in document {
            matcher.guids.entry(&arriving.entry.guid).or_default().insert(face(arriving));
            if let Some(url) = &arriving.url_key {
                matcher.addresses.entry(url).or_default().insert(&arriving.fingerprint);
            }
        }
        matcher.one_is_rewritten = matcher.only_one_is_reused();
        matcher
    }

    /// Which stored post each entry is. Each rule is asked for all entries before the next one is.
    fn find_all(&self) -> Vec<Option<Found>> {
        let mut found = vec![None; self.shown.len()];
        let mut taken = HashSet::new();
        for rule in Rule::ALL {
            for (shown, found) in self.shown.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                *found = self.find(rule, shown, &taken).map(|at| Found { at, rule, twin: !taken.insert(at) });
            }
        }
        found
    }

    /// The stored post that an entry is by one rule.
    fn find(&self, rule: Rule, shown: &Shown<'_>, taken: &HashSet<usize>) -> Option<usize> {
        let mut fitting = self.candidates(rule, shown).into_iter().filter(|&at| {
            self.known.get(at).is_some_and(|post| {
                let free = rule.is_sure() || !(taken.contains(&at) || self.is_shown_beside(post, shown));
                free && !self.is_kept_apart(post, shown) && self.holds(rule, post, shown)
            })
        });
        let first = fitting.next()?;
        if rule.is_sure() {
            return std::iter::once(first).chain(fitting).find(|at| !taken.contains(at)).or(Some(first));
        }
        fitting.next().is_none().then_some(first)
    }

    /// The posts that share with an entry what a rule asks for first.
    fn candidates(&self, rule: Rule, shown: &Shown<'_>) -> Vec<usize> {
        let arriving = shown.arriving;
        let url = arriving.url_key.as_deref();
        let of = |posts: Option<&Vec<usize>>| posts.cloned().unwrap_or_default();
        match rule {
            Rule::Apart => Vec::new(),
            Rule::Guid => {
                let guids = [arriving.entry.guid.as_str(), &shown.stand_in];
                guids.into_iter().filter_map(|guid| self.by_guid.get(guid).copied()).collect()
            }
            Rule::OtherGuid => {
                let posts = self.told.others.get(&arriving.entry.guid).into_iter().flatten();
                posts.filter_map(|post| self.by_id.get(post).copied()).collect()
            }
            Rule::AddressAndText | Rule::Address | Rule::AddressAndTitle | Rule::AddressAndDate => {
                of(url.and_then(|url| self.by_url.get(url)))
            }
            Rule::Text | Rule::TextAndDate => of(self.by_text.get(arriving.fingerprint.as_str())),
            Rule::PathAndText | Rule::PathAndTitle | Rule::PathAndDate => {
                of(url.and_then(path).and_then(|path| self.by_path.get(path)))
            }
            Rule::TitleAndDate => of(self.by_title.get(shown.title.as_str())),
        }
    }

    /// Whether the document shows a stored post as itself, in another entry than this.
    fn is_shown_beside(&self, post: &Known, shown: &Shown<'_>) -> bool {
        let own = shown.arriving;
        if let (Identity::Address, Some(url)) = (self.identity, &post.url_key) {
            return own.url_key.as_ref() != Some(url) && self.addresses.contains_key(url.as_str());
        }
        let is_shown = |guid: &str| self.guids.get(guid).is_some_and(|faces| faces.len() == 1);
        let others = self.other_guids.get(&post.id).into_iter().flatten();
        is_shown(&post.guid) || others.into_iter().any(|guid| *guid != own.entry.guid && is_shown(guid))
    }

    /// What each entry is, for the store: as it was found, or else new, or a new one's twin.
    fn matches(&self, found: &[Option<Found>]) -> Vec<Match> {
        // What the document shows once is enough: by guid, and by address and text.
        let mut guids: HashSet<&str> = HashSet::new();
        let mut items: HashSet<(&str, &str)> = HashSet::new();
        for (shown, _) in self.shown.iter().zip(found).filter(|(_, found)| found.is_some()) {
            guids.insert(&shown.arriving.entry.guid);
            items.extend(item(shown.arriving));
        }
        let mut stored = HashSet::new();
        let mut matches = Vec::with_capacity(found.len());
        for (shown, found) in self.shown.iter().zip(found) {
            let arriving = shown.arriving;
            if let Some((found, post)) = found.and_then(|found| Some((found, self.known.get(found.at)?))) {
                matches.push(self.stored_match(found, post, shown));
                continue;
            }
            let own_guid = !self.is_shared(&arriving.entry.guid);
            let listed_before = item(arriving).is_some_and(|item| !items.insert(item));
            // Whom a person set apart is listed in its own right.
            let is_set_apart = self.told.apart.contains_key(&arriving.entry.guid);
            if (own_guid && !guids.insert(&arriving.entry.guid)) || (listed_before && !is_set_apart) {
                matches.push(Match::Twin(None));
                continue;
            }
            let guid = self.free_guid(shown, &stored);
            stored.insert(guid.clone());
            matches.push(Match::New { guid, looks_old: self.looks_old(shown) });
        }
        matches
    }

    fn stored_match(&self, found: Found, post: &Known, shown: &Shown<'_>) -> Match {
        let other_guid =
            (found.rule != Rule::OtherGuid && self.is_other_guid(found.rule, post, shown)).then_some(found.rule);
        if found.twin {
            return Match::Twin(other_guid.map(|rule| (post.id, rule)));
        }
        Match::Known { id: post.id, same: post.fingerprint == shown.arriving.fingerprint, other_guid }
    }

    /// Whether an entry's guid is one of its post's own, beside that under which it is stored,
    /// and is asked for again.
    fn is_other_guid(&self, rule: Rule, post: &Known, shown: &Shown<'_>) -> bool {
        let guid = shown.arriving.entry.guid.as_str();
        let found_without = self.before == Identity::Address && matches!(rule, Rule::Address | Rule::AddressAndText);
        guid != post.guid && !found_without && !self.is_shared(guid) && !self.by_guid.contains_key(guid)
    }

    /// The guid to store a new post under: its own, unless that is another's or nobody's.
    fn free_guid(&self, shown: &Shown<'_>, stored: &HashSet<String>) -> String {
        let is_free = |guid: &str| !self.by_guid.contains_key(guid) && !stored.contains(guid);
        let own = shown.arriving.entry.guid.as_str();
        if !self.is_shared(own) && is_free(own) {
            return own.to_owned();
        }
        let mut guid = shown.stand_in.clone();
        // A post that has left the address by which its own guid was made.
        while !is_free(&guid) {
            guid.push('+');
        }
        guid
    }

    fn looks_old(&self, shown: &Shown<'_>) -> bool {
        let path = shown.arriving.url_key.as_deref().and_then(path);
        self.by_title.contains_key(shown.title.as_str())
            || self.by_text.contains_key(shown.arriving.fingerprint.as_str())
            || path.is_some_and(|path| self.by_path.contains_key(path))
    }

    /// Whether the document uses a guid for more than one address, or text.
    fn is_shared(&self, guid: &str) -> bool {
        self.guids.get(guid).is_some_and(|faces| faces.len() > 1)
    }
}

/// What tells an entry from another of the same guid: its address, else its text.
fn face(arriving: &Arriving) -> &str {
    arriving.url_key.as_deref().unwrap_or(&arriving.fingerprint)
}

/// What stands in for a guid that is another post's, too.
pub(super) fn stand_in(arriving: &Arriving) -> String {
    format!("{} {}", arriving.entry.guid, face(arriving))
}

/// Address and text: what is the same item, however often it is listed.
fn item(arriving: &Arriving) -> Option<(&str, &str)> {
    Some((arriving.url_key.as_deref()?, arriving.fingerprint.as_str()))
}

/// What follows the host in an address key; the front page tells nothing apart.
fn path(url_key: &str) -> Option<&str> {
    url_key.split_once('/').map(|(_, path)| path).filter(|path| !path.is_empty())
}
