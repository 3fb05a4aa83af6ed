//! One piece in several places: the same text at two blogs that are followed is one
//! post to a reader, however many posts are stored (docs/identity.md).

use super::id::PostId;
use super::post::{Place, Post};
use super::slug::Slug;
use super::time::Timestamp;
use super::url::HttpUrl;
use super::url_key::url_key;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Another stored post that is the same piece, at a source that is followed, and may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appearance {
    /// The post.
    pub id: PostId,
    /// Its source's name.
    pub source: Slug,
    /// What its source calls itself; its name for want of that.
    pub name: String,
    /// Where it stands.
    pub url: Option<HttpUrl>,
    /// What it is shown and sorted by.
    pub date: Timestamp,
    /// What its feed calls it.
    pub guid: String,
}

/// Among which posts a piece is to be shown once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope<'a> {
    /// Those of these sources; `None` is all.
    pub sources: Option<&'a [Slug]>,
    /// Whose copy is the original, whatever the dates say: the first of these that has one.
    pub prefer: &'a [Slug],
}

impl Scope<'_> {
    /// Whether posts of `source` are meant.
    #[must_use]
    pub fn holds(&self, source: &Slug) -> bool {
        self.sources.is_none_or(|sources| sources.contains(source))
    }

    /// The lowest is the original: of the preferred source, else the earliest, else the one that was stored first.
    #[must_use]
    pub fn rank(&self, source: &Slug, date: Timestamp, id: PostId) -> (usize, Timestamp, PostId) {
        let preferred = self.prefer.iter().position(|name| name == source);
        (preferred.unwrap_or(self.prefer.len()), date, id)
    }
}

impl Post {
    /// Its other appearances in a scope.
    pub fn appearances_in<'a>(&'a self, scope: &'a Scope<'_>) -> impl Iterator<Item = &'a Appearance> {
        self.appearances.iter().filter(|other| scope.holds(&other.source))
    }

    /// Whether it stands for its piece in a scope: it is the original of those that are there.
    #[must_use]
    pub fn is_original(&self, scope: &Scope<'_>) -> bool {
        let own = scope.rank(&self.source_name, self.date(), self.id);
        self.appearances_in(scope).all(|other| own < scope.rank(&other.source, other.date, other.id))
    }

    /// The source and the guid by which readers' programs know its piece in a scope: those of the post that was
    /// stored first, so that an original which is found later is no news to them.
    #[must_use]
    pub fn identity_in<'a>(&'a self, scope: &'a Scope<'_>) -> (&'a Slug, &'a str) {
        let first = self.appearances_in(scope).min_by_key(|other| other.id).filter(|other| other.id < self.id);
        first.map_or((&self.source_name, self.entry.guid.as_str()), |first| (&first.source, first.guid.as_str()))
    }

    /// Where else it appeared: as it says itself, where else it is followed, and at which outlets it was published
    /// again, each place once.
    #[must_use]
    pub fn also_at(&self) -> Vec<Place> {
        let mut places = self.entry.also_at.clone();
        let mut others: Vec<&Appearance> = self.appearances.iter().collect();
        others.sort_by_key(|other| (other.date, other.id));
        let others = others.into_iter().map(|other| Place { name: other.name.clone(), url: other.url.clone() });
        for other in others.chain(self.outlets.iter().cloned()) {
            let known = |place: &Place| match (&place.url, &other.url) {
                (Some(one), Some(other)) => url_key(one) == url_key(other),
                (None, _) => place.name == other.name,
                _ => false,
            };
            let own =
                other.url.as_ref().zip(self.entry.url.as_ref()).is_some_and(|(one, own)| url_key(one) == url_key(own));
            if !own && !places.iter().any(known) {
                places.push(other);
            }
        }
        places
    }
}

/// Why two posts of different sources are one piece, the strongest evidence first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// A person said so.
    Editor,
    /// One stands where the other was published again as an outlet.
    Outlet,
    /// Both stand at one address.
    Address,
    /// One names the other, or both the same page, as where the original stands.
    Original,
    /// One says of itself that it also stands where the other does.
    AlsoAt,
    /// Their texts are the same but for what is around them.
    Text,
    /// Title and author are the same, the dates are near, and one has too little text to compare.
    Author,
}

impl Tie {
    /// All of them, in their order.
    pub const ALL: [Self; 7] =
        [Self::Editor, Self::Outlet, Self::Address, Self::Original, Self::AlsoAt, Self::Text, Self::Author];

    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Editor => "editor",
            Self::Outlet => "outlet",
            Self::Address => "address",
            Self::Original => "original",
            Self::AlsoAt => "also_at",
            Self::Text => "text",
            Self::Author => "author",
        }
    }
}

impl fmt::Display for Tie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Tie {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|tie| tie.as_str() == text).ok_or_else(|| format!("unknown tie `{text}`"))
    }
}
