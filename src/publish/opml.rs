//! The sources as a list that other readers take (OPML 2.0, opml.org/spec2.opml).
//!
//! What OPML has no word for stands in attributes of our own, which others pass over: the
//! name of a source, its configured address where its feed was found elsewhere, and that
//! it is a page. So a list that was written here is read back to the same sources. Like
//! feeds, it is a function of its arguments, without a clock.

use super::legal;
use crate::domain::text::escape;
use std::fmt::Write as _;

/// A source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Its name in the configuration.
    pub name: String,
    /// What its feed calls itself, or its name.
    pub title: String,
    /// The configured address.
    pub url: String,
    /// The feed that was found there, where that is elsewhere.
    pub feed: Option<String>,
    /// The site that the feed belongs to.
    pub site: Option<String>,
    /// The language of its feed.
    pub language: Option<String>,
    /// Whether it is a page without a feed.
    pub is_page: bool,
}

/// Writes the list; `title` is the site's.
#[must_use]
pub fn write_list(title: &str, sources: &[Followed]) -> String {
    let mut list = String::with_capacity(400 + sources.len() * 300);
    // A string takes whatever is written into it.
    let _ = write!(
        list,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<opml version=\"2.0\" xmlns:syndicated=\"urn:syndicated:source\">\n\
         <head>\n<title>{}</title>\n<docs>http://opml.org/spec2.opml</docs>\n</head>\n<body>\n",
        attribute(title)
    );
    for source in sources {
        let [title, url] = [&source.title, &source.url].map(|text| attribute(text));
        if source.is_page {
            let _ = write!(
                list,
                "<outline type=\"link\" text=\"{title}\" title=\"{title}\" url=\"{url}\" htmlUrl=\"{url}\""
            );
        } else {
            let feed = attribute(source.feed.as_deref().unwrap_or(&source.url));
            let _ = write!(list, "<outline type=\"rss\" text=\"{title}\" title=\"{title}\" xmlUrl=\"{feed}\"");
            for (name, value) in [("htmlUrl", &source.site), ("language", &source.language)] {
                if let Some(value) = value {
                    let _ = write!(list, " {name}=\"{}\"", attribute(value));
                }
            }
        }
        let _ = write!(list, " syndicated:name=\"{}\"", attribute(&source.name));
        if source.is_page {
            list.push_str(" syndicated:kind=\"page\"");
        } else if source.feed.as_ref().is_some_and(|feed| *feed != source.url) {
            let _ = write!(list, " syndicated:url=\"{url}\"");
        }
        list.push_str("/>\n");
    }
    list + "</body>\n</opml>\n"
}

/// A text as it stands in an attribute: in one line, and nothing that XML forbids.
fn attribute(text: &str) -> String {
    escape(&legal(text).split_whitespace().collect::<Vec<_>>().join(" "))
}
