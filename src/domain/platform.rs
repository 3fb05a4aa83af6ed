//! What is known of a platform: how its pages are recognised, where its feeds
//! are, and where an article's parts stand on its pages. Data, never code: a
//! platform's name appears in profiles only.

use super::source::{ListRules, TextFrom};
use super::url::HttpUrl;
use regex::Regex;
use std::sync::Arc;
use url::Position;

/// So much of a page is searched for marks, in bytes.
const HEAD: usize = 512 * 1024;

/// A profile. Selectors are CSS that was tried; all that is given of `host`,
/// `path` and `page` must match.
#[derive(Debug, Clone, Default)]
pub struct Platform {
    /// What people call it.
    pub name: String,
    /// The host, and what is below it; with a leading dot only what is below it.
    pub host: Option<String>,
    /// Found in the address's path and query.
    pub path: Option<Regex>,
    /// Found in the page's HTML.
    pub page: Option<Regex>,
    /// Where its feeds are: `{1}` is the first group that matched, `{origin}`
    /// scheme and host, `{domain}` the host without `www.`, `{folder}` the
    /// address up to its last slash.
    pub feeds: Vec<String>,
    /// Its feeds are nowhere else: those of profiles behind it are not tried.
    pub last: bool,
    /// Where the text of its posts is taken from unless the source says it.
    pub content: Option<TextFrom>,
    /// Where the text of an article stands.
    pub article: Option<String>,
    /// What in it does not belong to it.
    pub remove: Vec<String>,
    /// What stands on a page that says, with status 200, that it has nothing.
    pub sorry: Vec<String>,
    /// Where its title stands.
    pub title: Option<String>,
    /// Where its author is named.
    pub author: Option<String>,
    /// Where its date stands.
    pub date: Option<String>,
    /// Where its tags stand, an element each.
    pub tags: Option<String>,
    /// How the posts of a page of its that lists them are found.
    pub list: Option<ListRules>,
}

/// An operator's own profiles, the first the strongest. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Platforms(Arc<[Platform]>);

impl Platforms {
    /// Of these profiles.
    #[must_use]
    pub fn new(profiles: Vec<Platform>) -> Self {
        Self(profiles.into())
    }

    /// Each of them, the strongest first.
    pub fn iter(&self) -> impl Iterator<Item = &Platform> {
        self.0.iter()
    }
}

impl Platform {
    /// Whether a page at `url` is this platform's: the first group that matched,
    /// empty when there is none. `None` when it is another's.
    #[must_use]
    pub fn matches<'a>(&self, url: &'a HttpUrl, page: &'a str) -> Option<&'a str> {
        if let Some(host) = &self.host {
            let (below_only, name) = host.strip_prefix('.').map_or((false, host.as_str()), |name| (true, name));
            let rest = url.host().strip_suffix(name)?;
            if !rest.ends_with('.') && (below_only || !rest.is_empty()) {
                return None;
            }
        }
        let mut part = "";
        let path = &url.as_url()[Position::BeforePath..Position::AfterQuery];
        let page = page.get(..page.floor_char_boundary(HEAD)).unwrap_or(page);
        for (regex, text) in [(&self.path, path), (&self.page, page)] {
            let Some(regex) = regex else { continue };
            let groups = regex.captures(text)?;
            if part.is_empty() {
                part = groups.iter().skip(1).flatten().next().map_or("", |group| group.as_str());
            }
        }
        Some(part)
    }

    /// The addresses that `feeds` stand for, for a page at `url` of which
    /// `part` matched.
    pub fn feeds_of(&self, url: &HttpUrl, part: &str) -> impl Iterator<Item = HttpUrl> {
        let origin = url.as_url().origin().ascii_serialization();
        let path = url.as_url().path();
        let folder = format!("{origin}{}", path.rsplit_once('/').map_or("", |(folder, _)| folder));
        let domain = url.host().trim_start_matches("www.").to_owned();
        // A blank that nothing fills makes no address.
        let fitting = self.feeds.iter().filter(move |template| !part.is_empty() || !template.contains("{1}"));
        fitting.filter_map(move |template| {
            let feed = template
                .replace("{1}", part)
                .replace("{origin}", &origin)
                .replace("{folder}", &folder)
                .replace("{domain}", &domain);
            feed.parse().ok()
        })
    }

    /// Whether it knows how its articles look.
    #[must_use]
    pub fn knows_articles(&self) -> bool {
        let parts = [&self.article, &self.title, &self.author, &self.date, &self.tags];
        parts.iter().any(|part| part.is_some()) || !self.remove.is_empty() || !self.sorry.is_empty()
    }
}
