//! Which feeds there are, and where they stand.

use crate::config::Config;
use crate::domain::label::{LabelKey, LabelKind};
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use crate::publish::Format;
use crate::store::Chosen;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a path segment need not encode (RFC 3986 section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FeedKey {
    /// Whose posts.
    pub of: FeedOf,
    /// Its form.
    pub format: Format,
    /// Whether posts stand in it in full; else only their beginnings (`?full=0`).
    pub full: bool,
    /// Which document of its archive, from 1, the oldest (`?page=1`); the feed itself when left out.
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
            Self::Label(kind, key) => format!("{}/{}", kind.folder(), utf8_percent_encode(key.as_str(), SEGMENT)),
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

    /// The feed in `file`, such as `NAME.rss`: `of` makes it of a name.
    #[must_use]
    pub fn in_file(file: &str, of: impl FnOnce(&str) -> Option<FeedOf>) -> Option<Self> {
        let (name, ending) = file.rsplit_once('.')?;
        Some(Self::new(of(name)?, ending.parse().ok()?))
    }

    /// Whether hubs are told when it changes (WebSub): of a feed as it is asked for
    /// without more ado, but not of the words that posts carry, of which one post has many.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.full && self.page.is_none() && !matches!(self.of, FeedOf::Label(..))
    }

    /// Its address on the site.
    #[must_use]
    pub fn url(&self, base: &HttpUrl) -> String {
        let mut url = format!("{}/{}.{}", base.as_str().trim_end_matches('/'), self.of.path(), self.format);
        let page = self.page.map(|page| format!("page={page}"));
        let words: Vec<String> = (!self.full).then(|| "full=0".to_owned()).into_iter().chain(page).collect();
        if !words.is_empty() {
            url.push('?');
            url.push_str(&words.join("&"));
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feed_has_one_address() {
        let base = "https://example.org/news/".parse().unwrap();
        let tag = |name: &str| FeedOf::Label(LabelKind::Tag, LabelKey::of(name).unwrap());
        let url = |of, full, page| FeedKey { of, format: Format::Atom, full, page }.url(&base);
        assert_eq!(url(FeedOf::Site, true, None), "https://example.org/news/feed.atom");
        assert_eq!(url(tag("글 쓰기"), true, None), "https://example.org/news/tags/%EA%B8%80-%EC%93%B0%EA%B8%B0.atom");
        assert_eq!(url(tag("C#"), false, Some(3)), "https://example.org/news/tags/c%23.atom?full=0&page=3");
        let read = FeedKey::in_file("node.js.rss", |name| Some(tag(name))).unwrap();
        assert_eq!(read, FeedKey::new(tag("Node.js"), Format::Rss));
        assert!(FeedKey::in_file("letter.txt", |_| Some(FeedOf::Site)).is_none());
    }
}
