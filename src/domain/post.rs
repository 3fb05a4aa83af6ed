//! A post, from the entry that was read to the row that was stored.

use super::filter::{Filter, Reason};
use super::html::CleanHtml;
use super::id::{PostId, SourceId};
use super::piece::Appearance;
use super::reading::minutes;
use super::slug::Slug;
use super::spoken::spoken;
use super::text::words;
use super::time::Timestamp;
use super::url::HttpUrl;
use serde::{Deserialize, Serialize};

/// What reading a feed or a page gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// A feed, or a page.
    pub kind: DocumentKind,
    /// The feed's or page's own title, plain text.
    pub title: Option<String>,
    /// The site that the feed belongs to.
    pub link: Option<HttpUrl>,
    /// BCP 47 tag, as declared or detected.
    pub language: Option<String>,
    /// Newest first as far as the document says.
    pub entries: Vec<Entry>,
    /// The guids of entries that it says were deleted (RFC 6721).
    pub deleted: Vec<String>,
}

/// What kind of document was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentKind {
    /// RSS, Atom or JSON Feed.
    Feed,
    /// An HTML page.
    Page,
}

/// One entry of a document: parsed, sanitised, its links absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the feed calls the entry; never empty.
    pub guid: String,
    /// Where it stands on the web.
    pub url: Option<HttpUrl>,
    /// Plain text; may be empty.
    pub title: String,
    /// Names, in the feed's order.
    pub authors: Vec<String>,
    /// BCP 47 tag, where the entry itself declares its language.
    pub language: Option<String>,
    /// When the feed says it was published.
    pub published: Option<Timestamp>,
    /// When the feed says it was last changed.
    pub updated: Option<Timestamp>,
    /// A short form.
    pub summary: Option<CleanHtml>,
    /// The text in full.
    pub content: Option<CleanHtml>,
    /// Tags, plain text.
    pub categories: Vec<String>,
    /// Files that belong to it.
    pub enclosures: Vec<Enclosure>,
    /// Where it says that its original stands, when that is another site.
    pub original: Option<HttpUrl>,
    /// Where else it appeared, as the entry itself says.
    pub also_at: Vec<Place>,
}

impl Entry {
    /// The date to show and sort by of what was first seen at `seen`: the feed's, but
    /// never later than that moment, so that a wrong clock pins nothing on top.
    #[must_use]
    pub fn date(&self, seen: Timestamp) -> Timestamp {
        self.published.map_or(seen, |published| published.min(seen))
    }

    /// What its texts take in memory, in bytes; about.
    #[must_use]
    pub fn size(&self) -> usize {
        let html = [&self.summary, &self.content].into_iter().flatten().map(|html| html.as_str().len());
        let words = self.authors.iter().chain(&self.categories).map(|word| word.len() + size_of::<String>());
        let file = |file: &Enclosure| file.url.as_str().len() + file.media_type.as_ref().map_or(0, String::len);
        let files = self.enclosures.iter().map(|one| file(one) + size_of::<Enclosure>());
        let own = self.guid.len() + self.title.len() + self.url.as_ref().map_or(0, |url| url.as_str().len());
        size_of::<Self>() + own + html.chain(words).chain(files).sum::<usize>()
    }
}

/// A file that belongs to a post (RSS 2.0 `enclosure`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosure {
    /// Where the file is.
    pub url: HttpUrl,
    /// Its media type, when told.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    /// Its size in bytes, when told.
    pub length: Option<u64>,
}

/// Another place where a post appeared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The outlet's name.
    pub name: String,
    /// The copy's address, when known.
    pub url: Option<HttpUrl>,
}

/// A stored post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Its row.
    pub id: PostId,
    /// The source it came from.
    pub source: SourceId,
    /// That source's name.
    pub source_name: Slug,
    /// The language that its feed declares, or that was told from it.
    pub source_language: Option<String>,
    /// What was read last. `entry.published` may be missing; see `date`.
    pub entry: Entry,
    /// Digest of what a reader sees of it; two equal ones are the same text.
    pub fingerprint: String,
    /// When syndicated saw it first.
    pub first_seen: Timestamp,
    /// When its text last changed, by syndicated's clock.
    pub changed: Timestamp,
    /// Whether it may be mailed, and why not.
    pub standing: Standing,
    /// Why it is held, where it is.
    pub held_for: Option<HeldFor>,
    /// The rule of its source's filter that hides it: stored, neither shown nor mailed.
    pub filtered_by: Option<String>,
    /// Whether a person hid it.
    pub hidden: bool,
    /// When its author was taken to have withdrawn it.
    pub retracted: Option<Timestamp>,
    /// The same piece at other sources, as far as it may be shown.
    pub appearances: Vec<Appearance>,
    /// The outlets where it was published again, as far as that is on the web.
    pub outlets: Vec<Place>,
}

impl Post {
    /// The date to show and sort by: see [`Entry::date`].
    #[must_use]
    pub fn date(&self) -> Timestamp {
        self.entry.date(self.first_seen)
    }

    /// Its language as it declares it, else as its feed does.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        self.entry.language.as_deref().or(self.source_language.as_deref())
    }

    /// The language that it is in: as its text tells, else as it is declared (see [`spoken`]).
    #[must_use]
    pub fn spoken_language(&self) -> Option<String> {
        let text = self.text().map(words).unwrap_or_default();
        spoken(&format!("{}\n{text}", self.entry.title), self.language())
    }

    /// How many minutes its text takes to read; of a beginning, how many that does.
    #[must_use]
    pub fn minutes(&self) -> u64 {
        minutes(&self.text().map(words).unwrap_or_default())
    }

    /// Its text, or what there is of it.
    #[must_use]
    pub fn text(&self) -> Option<&CleanHtml> {
        self.entry.content.as_ref().or(self.entry.summary.as_ref())
    }

    /// Whether feeds, pages and mails may show it.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.standing != Standing::Held && self.filtered_by.is_none() && !self.hidden && self.retracted.is_none()
    }

    /// Why a filter leaves it out, if it does; its age is that at first sight.
    #[must_use]
    pub fn left_out_by(&self, filter: &Filter) -> Option<Reason> {
        filter.leaves_out(&self.entry, self.source_language.as_deref(), self.first_seen)
    }
}

/// What may be done with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It was there when the source was first polled: in the feeds, never mailed.
    Seed,
    /// New since then: in the feeds, and mailed.
    Live,
    /// Kept back: neither, until a person decides.
    Held,
}

/// Why a post is kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldFor {
    /// Many posts came at once that look like old ones (P2).
    Flood,
    /// A newsletter wants its posts approved.
    Review,
    /// A person held it.
    Editor,
}

impl HeldFor {
    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flood => "flood",
            Self::Review => "review",
            Self::Editor => "editor",
        }
    }
}

impl std::str::FromStr for HeldFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Flood, Self::Review, Self::Editor]
            .into_iter()
            .find(|why| why.as_str() == text)
            .ok_or_else(|| format!("unknown reason to hold a post `{text}`"))
    }
}

impl Standing {
    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Live => "live",
            Self::Held => "held",
        }
    }
}

impl std::str::FromStr for Standing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Seed, Self::Live, Self::Held]
            .into_iter()
            .find(|standing| standing.as_str() == text)
            .ok_or_else(|| format!("unknown standing `{text}`"))
    }
}
