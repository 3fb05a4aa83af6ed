//! Which feeds there are, and where they stand.

use super::page::label_path;
use crate::config::Config;
use crate::domain::label::{LabelKey, LabelKind};
use crate::domain::newsletter::Newsletter;
use crate::domain::piece::Scope;
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use crate::publish::Format;
use crate::store::Chosen;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// What a path segment need not encode (RFC 3986 section 2.3).
pub(super) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FeedKey {
    /// Whose posts.
    pub of: FeedOf,
    /// Its form.
    pub format: Format,
    /// Whether posts stand in it in full; else only their beginnings (`?full=0`).
    pub full: bool,
    /// Which document of its archive, from 1, the oldest (`/feed/1.rss`); the feed itself when left out.
    pub page: Option<u32>,
}

/// What a feed is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FeedOf {
    /// Everything: `/feed.rss`.
    Site,
    /// A newsletter: `/feeds/NAME.rss`.
    Newsletter(Slug),
    /// A source: `/sources/NAME.rss`.
    Source(Slug),
    /// A tag, an author or a language: `/tags/NAME.rss` and so on.
    Label(LabelKind, LabelKey),
}

impl FeedOf {
    /// Its address on the site, without the ending that names its form.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Site => "feed".to_owned(),
            Self::Newsletter(name) => format!("feeds/{name}"),
            Self::Source(name) => format!("sources/{name}"),
            Self::Label(kind, key) => label_path(*kind, key.as_str()),
        }
    }

    /// What is of `name`, decoded, in a folder of feeds.
    pub(super) fn in_folder(folder: &str, name: &str) -> Option<Self> {
        let label = |kind: LabelKind| Some(Self::Label(kind, LabelKey::of(name)?));
        match folder {
            "feeds" => Some(Self::Newsletter(name.parse().ok()?)),
            "sources" => Some(Self::Source(name.parse().ok()?)),
            "tags" => label(LabelKind::Tag),
            "authors" => label(LabelKind::Author),
            "languages" => label(LabelKind::Language),
            _ => None,
        }
    }

    /// Among which posts it shows a piece once: a source's own feed has its copy, whoever else has one.
    pub(super) fn scope<'a>(&'a self, config: &'a Config) -> Scope<'a> {
        match self {
            Self::Newsletter(name) => config.newsletter(name.as_str()).map(Newsletter::scope).unwrap_or_default(),
            Self::Source(name) => Scope { sources: Some(std::slice::from_ref(name)), prefer: &[] },
            // Those with a label are chosen by the store, among those that have it.
            Self::Site | Self::Label(..) => Scope::default(),
        }
    }

    /// Whose posts it shows; `None` when the configuration has no such feed.
    pub(super) fn chosen(&self, config: &Config) -> Option<Chosen> {
        Some(match self {
            Self::Site => Chosen::All,
            Self::Newsletter(name) => {
                config.newsletter(name.as_str())?.sources.clone().map_or(Chosen::All, Chosen::Sources)
            }
            Self::Source(name) => Chosen::Sources(vec![config.source(name)?.name.clone()]),
            Self::Label(kind, key) => Chosen::Labelled(*kind, key.clone()),
        })
    }
}

impl FeedKey {
    /// A feed as it is asked for without more ado: in full, its newest posts.
    #[must_use]
    pub fn new(of: FeedOf, format: Format) -> Self {
        Self { of, format, full: true, page: None }
    }

    /// The feed at a path without its leading slash, such as `tags/NAME.rss`; each segment is decoded.
    pub(super) fn at(segments: &[&str]) -> Option<Self> {
        let (file, folders) = segments.split_last()?;
        let (stem, ending) = file.rsplit_once('.')?;
        let format = ending.parse().ok()?;
        let number = || stem.parse().ok().filter(|page| *page > 0 && !stem.starts_with('0'));
        let (of, page) = match *folders {
            [] if stem == "feed" => (FeedOf::Site, None),
            ["feed"] => (FeedOf::Site, Some(number()?)),
            [folder] => (FeedOf::in_folder(folder, stem)?, None),
            [folder, name] => (FeedOf::in_folder(folder, name)?, Some(number()?)),
            _ => return None,
        };
        Some(Self { page, ..Self::new(of, format) })
    }

    /// Whether hubs are told when it changes (WebSub): of a feed as it is asked for
    /// without more ado, but not of the words that posts carry, of which one post has many.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.full && self.page.is_none() && !matches!(self.of, FeedOf::Label(..))
    }

    /// Its address on the site, without the leading slash: `tags/NAME.rss`, and
    /// `tags/NAME/3.rss` of the third document of its archive.
    #[must_use]
    pub fn path(&self) -> String {
        let page = self.page.map(|page| format!("/{page}")).unwrap_or_default();
        format!("{}{page}.{}{}", self.of.path(), self.format, if self.full { "" } else { "?full=0" })
    }

    /// Its address on the web.
    #[must_use]
    pub fn url(&self, base: &HttpUrl) -> String {
        format!("{}/{}", base.as_str().trim_end_matches('/'), self.path())
    }
}
