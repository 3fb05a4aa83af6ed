//! The platform profiles in force for an address: an operator's own, then those
//! that come with syndicated (`platforms.toml`). Of each key, the first profile
//! that matches and has it counts.

use crate::config;
use crate::domain::platform::{Platform, Platforms};
use crate::domain::source::{ListRules, TextFrom};
use crate::domain::url::HttpUrl;
use std::path::Path;
use std::sync::LazyLock;

/// Embedded; a test reads it, so that a broken one never ships.
static BUILT_IN: LazyLock<Platforms> = LazyLock::new(|| {
    config::platforms(Path::new("platforms.toml"), include_str!("platforms.toml")).unwrap_or_default()
});

/// Every profile, the strongest first.
pub(super) fn all(own: &Platforms) -> impl Iterator<Item = &Platform> {
    own.iter().chain(BUILT_IN.iter())
}

/// Where the text of a post at `url` is taken from, as far as its platform is known.
#[must_use]
pub fn text_from(own: &Platforms, url: &HttpUrl) -> TextFrom {
    let mut known = all(own).filter(|platform| platform.content.is_some() && platform.matches(url, "").is_some());
    known.find_map(|platform| platform.content).unwrap_or_default()
}

/// How a page at `url` is read for the posts that it lists.
pub(super) fn list_of<'a>(own: &'a Platforms, url: &HttpUrl) -> Option<&'a ListRules> {
    let mut known = all(own).filter(|platform| platform.list.is_some() && platform.matches(url, "").is_some());
    known.find_map(|platform| platform.list.as_ref())
}

/// What is known of the articles at one address.
pub(super) struct Known<'a>(Vec<&'a Platform>);

impl<'a> Known<'a> {
    /// Of a page.
    pub(super) fn of(own: &'a Platforms, url: Option<&HttpUrl>, page: &str) -> Self {
        let matching = all(own).filter(|platform| {
            platform.knows_articles() && url.is_some_and(|url| platform.matches(url, page).is_some())
        });
        Self(matching.collect())
    }

    /// The text of that key.
    pub(super) fn one(&self, key: impl Fn(&'a Platform) -> Option<&'a String>) -> Option<&'a str> {
        self.0.iter().find_map(|platform| key(platform)).map(String::as_str)
    }

    /// The list of that key.
    pub(super) fn list(&self, key: impl Fn(&'a Platform) -> &'a Vec<String>) -> &'a [String] {
        self.0.iter().map(|platform| key(platform)).find(|list| !list.is_empty()).map_or(&[], Vec::as_slice)
    }

    /// The words on the page by which its platform says that it has nothing.
    pub(super) fn sorry(&self, page: &str) -> Option<&'a str> {
        self.list(|platform| &platform.sorry).iter().map(String::as_str).find(|sorry| page.contains(sorry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profiles_that_come_with_syndicated_are_sound() {
        let read = config::platforms(Path::new("platforms.toml"), include_str!("platforms.toml"));
        assert!(read.map_or_else(|faults| panic!("{faults}"), |read| read.iter().count() > 25));
    }

    #[test]
    fn an_operators_profile_wins_key_by_key() {
        let text = "[[platform]]\nname = \"Mine\"\nhost = \"brunch.co.kr\"\narticle = \"main\"\n";
        let own = config::platforms(Path::new("mine.toml"), text).unwrap();
        let url: HttpUrl = "https://brunch.co.kr/@alley/3".parse().unwrap();
        let known = Known::of(&own, Some(&url), "");
        assert_eq!(known.one(|platform| platform.article.as_ref()), Some("main"));
        assert_eq!(known.one(|platform| platform.title.as_ref()), Some("h1.cover_title"));
        assert_eq!(known.sorry("<div class=wrap_exception>"), Some("wrap_exception"));
        assert_eq!(
            (text_from(&own, &url), text_from(&own, &"https://x.example/".parse().unwrap())),
            (TextFrom::Page, TextFrom::Usual)
        );
    }
}
