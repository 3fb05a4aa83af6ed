//! What is published, and at which address: feeds, and the pages of the archive.

use super::feed::{FeedKey, FeedOf};
use super::page::Page;
use crate::config::Config;
use crate::domain::digest::Edition;
use crate::store::Chosen;
use percent_encoding::percent_decode_str;

/// A feed, or a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Document {
    /// A feed.
    Feed(FeedKey),
    /// A page.
    Page(Page),
}

impl Document {
    /// What stands at `path`, which is encoded and begins with a slash, as `query` wants it; `None` when nothing
    /// can stand there. Whether there is such a newsletter or tag, the publisher knows.
    #[must_use]
    pub fn at(path: &str, query: Option<&str>) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        if path.is_empty() {
            return Some(Self::Page(Page::Front));
        }
        if !path.contains('%') {
            return Self::of(&path.split('/').collect::<Vec<_>>(), query);
        }
        let decoded: Vec<_> =
            path.split('/').map(|segment| percent_decode_str(segment).decode_utf8().ok()).collect::<Option<_>>()?;
        Self::of(&decoded.iter().map(AsRef::as_ref).collect::<Vec<_>>(), query)
    }

    /// The same of the path's segments, decoded.
    fn of(segments: &[&str], query: Option<&str>) -> Option<Self> {
        match FeedKey::at(segments) {
            Some(mut key) => {
                let words = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
                // Readers' programs add words of their own, against caches.
                key.full = !words.into_iter().any(|(name, value)| name == "full" && value == "0");
                Some(Self::Feed(key))
            }
            None => Page::at(segments).map(Self::Page),
        }
    }

    /// Its address on the site, without the leading slash.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Feed(key) => key.path(),
            Self::Page(page) => page.path(),
        }
    }

    /// What it is, as `Content-Type` has it.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Feed(key) => key.format.content_type(),
            Self::Page(page) => page.content_type(),
        }
    }

    /// Whether it shows what was mailed, which no source's revision tells of.
    pub(super) fn is_of_digests(&self) -> bool {
        matches!(self, Self::Page(Page::Digests(..) | Page::Digest(_)))
    }

    /// Whose posts it shows; `None` when the configuration has no such thing.
    pub(super) fn chosen(&self, config: &Config) -> Option<Chosen> {
        match self {
            Self::Feed(key) | Self::Page(Page::Opened(key)) => key.of.chosen(config),
            Self::Page(Page::List(of, _)) => of.chosen(config),
            Self::Page(Page::Digest(Edition { newsletter: name, .. }) | Page::Digests(name, _)) => {
                FeedOf::Newsletter(name.clone()).chosen(config)
            }
            Self::Page(Page::Robots | Page::File(_)) => Some(Chosen::Sources(Vec::new())),
            Self::Page(_) => Some(Chosen::All),
        }
    }
}

impl From<FeedKey> for Document {
    fn from(key: FeedKey) -> Self {
        Self::Feed(key)
    }
}

impl From<&FeedKey> for Document {
    fn from(key: &FeedKey) -> Self {
        Self::Feed(key.clone())
    }
}

impl From<Page> for Document {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::label::{LabelKey, LabelKind};
    use crate::publish::Format;

    #[test]
    fn everything_stands_where_it_says_that_it_does() {
        let tag = |name: &str| FeedOf::Label(LabelKind::Tag, LabelKey::of(name).unwrap());
        let feed = |of, full, page| Document::Feed(FeedKey { of, format: Format::Atom, full, page });
        let name = || "good.news".parse().unwrap();
        for (document, path) in [
            (feed(FeedOf::Site, true, None), "feed.atom"),
            (feed(FeedOf::Site, true, Some(3)), "feed/3.atom"),
            (feed(FeedOf::Newsletter(name()), true, Some(3)), "feeds/good.news/3.atom"),
            (feed(tag("글 쓰기"), true, None), "tags/%EA%B8%80-%EC%93%B0%EA%B8%B0.atom"),
            (feed(tag("3"), true, None), "tags/3.atom"),
            (feed(tag("C#"), false, Some(3)), "tags/c%23/3.atom?full=0"),
            (feed(tag("Node.js"), true, None), "tags/node.js.atom"),
            (Page::List(tag("C#"), None).into(), "tags/c%23/"),
            (Page::Front.into(), ""),
            (Page::Contents.into(), "archive/"),
            (Page::List(FeedOf::Site, None).into(), "posts/"),
            (Page::List(FeedOf::Site, Some(2)).into(), "posts/2/"),
            (Page::List(FeedOf::Newsletter(name()), None).into(), "newsletters/good.news/"),
            (Page::List(FeedOf::Source(name()), Some(7)).into(), "sources/good.news/7/"),
            (Page::Month(2026, 3, None).into(), "2026/03/"),
            (Page::Month(2026, 11, Some(2)).into(), "2026/11/2/"),
            (Page::Post(crate::domain::id::PostId(12)).into(), "post/12/"),
            (Page::Digests(name(), None).into(), "digests/good.news/"),
            (Page::Digests(name(), Some(2)).into(), "digests/good.news/2/"),
            (
                Page::Digest(Edition::at_path("good.news", "daily", "post-7").unwrap()).into(),
                "digests/good.news/daily/post-7/",
            ),
            (Page::Sources.into(), "sources.opml"),
            (Page::Sitemap(None).into(), "sitemap.xml"),
            (Page::Sitemap(Some(2)).into(), "sitemap-2.xml"),
            (Page::Robots.into(), "robots.txt"),
        ] {
            assert_eq!(document.path(), path);
            let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
            assert_eq!(Document::at(&format!("/{path}"), query), Some(document), "{path}");
        }
    }

    #[test]
    fn other_addresses_are_nobodys() {
        for path in [
            "/posts",
            "/post/x/",
            "/post/0/",
            "/post/01/",
            "/posts/0/",
            "/2026/13/",
            "/2026/11/1/",
            "/0000/11/",
            "/feed.txt",
            "/feed/0.rss",
            "/tags/%FF.rss",
            "/tags//",
            "/sitemap-0.xml",
            "/nothing/",
            "/newsletters/UPPER/",
        ] {
            assert_eq!(Document::at(path, None), None, "{path}");
        }
    }
}
