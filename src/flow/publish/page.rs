//! Which pages the archive has, and where they stand.

use super::feed::{FeedKey, FeedOf, SEGMENT};
use crate::domain::digest::Edition;
use crate::domain::id::PostId;
use crate::domain::label::LabelKind;
use crate::domain::slug::Slug;
use percent_encoding::utf8_percent_encode;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Page {
    /// The front page: `/`.
    Front,
    /// The posts of a feed: `/posts/`, `/newsletters/NAME/`, `/sources/NAME/`, `/tags/NAME/` and so on.
    /// The numbered pages, from 1, the oldest, never change their bounds; the last may fill up yet.
    List(FeedOf, Option<u32>),
    /// The posts of a month by the site's clock, 2026 and 11; its second page and those behind it are numbered.
    Month(i32, u32, Option<u32>),
    /// A post: `/post/12/`.
    Post(PostId),
    /// Months, tags, authors, sources: `/archive/`.
    Contents,
    /// A newsletter's digests: `/digests/NAME/`, and its numbered pages.
    Digests(Slug, Option<u32>),
    /// A digest: `/digests/NAME/CADENCE/2026-11-23T07-00/`.
    Digest(Edition),
    /// What a feed is, for somebody who opened one in a browser. It stands at the feed's own address.
    Opened(FeedKey),
    /// What search engines may look at: `/sitemap.xml`, and `/sitemap-1.xml` with the posts from the first on.
    Sitemap(Option<u32>),
    /// What they may not: `/robots.txt`.
    Robots,
    /// The sources as a list for other readers: `/sources.opml`.
    Sources,
    /// A stylesheet, a script or the sign of the pages: one of [`Page::FILES`].
    File(&'static str),
}

/// Years that posts may be of.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

impl Page {
    /// What pages are dressed with, and what it is.
    pub(super) const FILES: [(&'static str, &'static str); 4] = [
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("subscribe.js", "text/javascript; charset=utf-8"),
        ("leave.js", "text/javascript; charset=utf-8"),
    ];

    /// The page at a path without its leading slash; each segment is decoded. The front page stands at none.
    pub(super) fn at(segments: &[&str]) -> Option<Self> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|page| *page > 0 && !text.starts_with('0'));
        Some(match *segments {
            ["sources.opml"] => Self::Sources,
            ["robots.txt"] => Self::Robots,
            ["sitemap.xml"] => Self::Sitemap(None),
            [file] => match Self::FILES.iter().find(|(known, _)| *known == file) {
                Some((known, _)) => Self::File(known),
                None => Self::Sitemap(Some(number(file.strip_prefix("sitemap-")?.strip_suffix(".xml")?)?)),
            },
            ["digests", newsletter, cadence, slot, ""] => Self::Digest(Edition::at_path(newsletter, cadence, slot)?),
            ["archive", ""] => Self::Contents,
            ["posts", ""] => Self::List(FeedOf::Site, None),
            ["posts", page, ""] => Self::List(FeedOf::Site, Some(number(page)?)),
            ["post", id, ""] => Self::Post(PostId(number(id)?.into())),
            ["digests", name, ""] => Self::Digests(name.parse().ok()?, None),
            ["digests", name, page, ""] => {
                Self::Digests(name.parse().ok()?, Some(number(page).filter(|page| *page > 1)?))
            }
            [year, month, ref rest @ ..] if is_digits(year, 4) && is_digits(month, 2) => {
                let year = year.parse().ok().filter(|year| YEARS.contains(year))?;
                let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
                let page = match rest {
                    [""] => None,
                    [page, ""] => Some(number(page).filter(|page| *page > 1)?),
                    _ => return None,
                };
                Self::Month(year, month, page)
            }
            ["newsletters", name, ""] => Self::List(FeedOf::Newsletter(name.parse().ok()?), None),
            ["newsletters", name, page, ""] => Self::List(FeedOf::Newsletter(name.parse().ok()?), Some(number(page)?)),
            [folder, name, ""] if folder != "feeds" => Self::List(FeedOf::in_folder(folder, name)?, None),
            [folder, name, page, ""] if folder != "feeds" => {
                Self::List(FeedOf::in_folder(folder, name)?, Some(number(page)?))
            }
            _ => return None,
        })
    }

    /// Its address on the site, without the leading slash.
    #[must_use]
    pub fn path(&self) -> String {
        let numbered = |page: &Option<u32>| page.map(|page| format!("{page}/")).unwrap_or_default();
        match self {
            Self::Front => String::new(),
            Self::List(of, page) => {
                let list = match of {
                    FeedOf::Site => "posts".to_owned(),
                    FeedOf::Newsletter(name) => format!("newsletters/{name}"),
                    FeedOf::Source(_) | FeedOf::Label(..) => of.path(),
                };
                format!("{list}/{}", numbered(page))
            }
            Self::Month(year, month, page) => format!("{year}/{month:02}/{}", numbered(page)),
            Self::Post(id) => format!("post/{}/", id.0),
            Self::Contents => "archive/".to_owned(),
            Self::Digests(name, page) => format!("digests/{name}/{}", numbered(page)),
            Self::Digest(edition) => format!("digests/{}/", edition.path()),
            Self::Sources => "sources.opml".to_owned(),
            Self::Opened(key) => key.path(),
            Self::Sitemap(None) => "sitemap.xml".to_owned(),
            Self::Sitemap(Some(page)) => format!("sitemap-{page}.xml"),
            Self::Robots => "robots.txt".to_owned(),
            Self::File(name) => (*name).to_owned(),
        }
    }

    /// What it is, as `Content-Type` has it.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Sitemap(_) => "application/xml; charset=utf-8",
            Self::Robots => "text/plain; charset=utf-8",
            // It was never registered, and programs go by it.
            Self::Sources => "text/x-opml; charset=utf-8",
            Self::File(name) => {
                Self::FILES.iter().find(|(known, _)| known == name).map_or("text/plain", |(_, kind)| kind)
            }
            _ => "text/html; charset=utf-8",
        }
    }
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A label's list, of its kind and its key as it stands in addresses.
pub(super) fn label_path(kind: LabelKind, key: &str) -> String {
    format!("{}/{}", kind.folder(), utf8_percent_encode(key, SEGMENT))
}
