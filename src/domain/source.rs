//! What is followed.

use super::filter::Filter;
use super::schedule::Schedule;
use super::slug::Slug;
use super::url::HttpUrl;
use serde::{Deserialize, Serialize};

/// A source as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name, unique in the configuration.
    pub name: Slug,
    /// Where it stands.
    pub url: HttpUrl,
    /// What stands there.
    pub kind: Kind,
    /// When to look, in the source's or the site's time zone.
    pub schedule: Schedule,
    /// Whether slots are left out as long as the blog posts more rarely than they come.
    pub adaptive: bool,
    /// What the first poll may mail.
    pub seed: Seed,
    /// Where the text of its posts comes from.
    pub content: TextFrom,
    /// How the article on a post's page is found.
    pub rules: Rules,
    /// Which of its posts are shown and mailed; the others are stored only.
    pub filter: Filter,
    /// What of its posts the site's own pages show.
    pub archive: Archived,
    /// Whether its posts may go to outlets in full; else as excerpts.
    pub may_republish: bool,
}

impl Source {
    /// How the posts of its page are found; `None` when it has a feed.
    #[must_use]
    pub fn list(&self) -> Option<&ListRules> {
        match &self.kind {
            Kind::Feed => None,
            Kind::Page(rules) => Some(rules),
        }
    }
}

/// What stands at a source's address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Kind {
    /// A feed, or a page whose feed is found.
    #[default]
    Feed,
    /// A page that lists posts, and has no feed.
    Page(ListRules),
}

/// How the posts of a page are found: CSS selectors that were tried. What is
/// left out is found without.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListRules {
    /// The blocks of the page that are a post each.
    pub items: Option<String>,
    /// In a block, the link to the post.
    pub link: Option<String>,
    /// In a block, the post's title.
    pub title: Option<String>,
    /// In a block, the date of publication.
    pub date: Option<String>,
    /// In a block, who wrote it.
    pub author: Option<String>,
    /// In a block, its short form.
    pub summary: Option<String>,
}

/// Where the text of a post is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextFrom {
    /// What is known of the post's platform, else the feed.
    #[default]
    Usual,
    /// The feed, as it is.
    Feed,
    /// The post's own page.
    Page,
    /// The page where the feed gives only a beginning, else the feed.
    Auto,
}

impl std::str::FromStr for TextFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "usual" => Ok(Self::Usual),
            "feed" => Ok(Self::Feed),
            "page" => Ok(Self::Page),
            "auto" => Ok(Self::Auto),
            other => Err(format!("`{other}` is none of \"usual\", \"feed\", \"page\", \"auto\"")),
        }
    }
}

/// What a post's page on this site shows of it: not every source grants the same rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Archived {
    /// Its text.
    #[default]
    Full,
    /// Its beginning.
    Summary,
    /// Its title, and where it stands.
    Link,
}

impl std::str::FromStr for Archived {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(Self::Full),
            "summary" => Ok(Self::Summary),
            "link" => Ok(Self::Link),
            other => Err(format!("`{other}` is none of \"full\", \"summary\", \"link\"")),
        }
    }
}

/// How the article on a page is found; both are CSS selectors that were tried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Where its text stands; found without it when left out.
    pub article: Option<String>,
    /// What in it does not belong to it.
    pub remove: Vec<String>,
}

/// Which of the posts found by a source's first poll count as new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seed {
    /// None of them: they stand in the feeds and are never mailed.
    #[default]
    None,
    /// The newest N (`"latest"` is 1).
    Newest(usize),
}

/// What tells a source's posts apart, as its documents have shown. Once it is the
/// address, it stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// The guid, which a feed ought to give to one post and leave it.
    #[default]
    Guid,
    /// The address: guids have changed, or stood for several posts.
    Address,
}

impl Identity {
    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guid => "guid",
            Self::Address => "address",
        }
    }
}

impl std::str::FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "guid" => Ok(Self::Guid),
            "address" => Ok(Self::Address),
            other => Err(format!("unknown identity `{other}`")),
        }
    }
}

/// Whether a source is being polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Polled on its schedule.
    Active,
    /// Stopped by hand until `source resume`.
    Paused,
    /// Stopped by the source itself, which answered 410 Gone.
    Gone,
}

impl SourceState {
    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Gone => "gone",
        }
    }
}

impl std::str::FromStr for SourceState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Active, Self::Paused, Self::Gone]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("unknown source state `{text}`"))
    }
}
