//! Second outlets: where posts are published again, in the outlet's own form, with
//! the original credited, each piece once.
//!
//! Here stands what an outlet is, as configured. `manuscript` is what it is handed,
//! `outcome` what comes of handing it over, `kind` each outlet's own settings.

mod kind;
mod manuscript;
mod outcome;
mod timing;

pub use kind::{
    Access, Bluesky, Directory, Generator, Ghost, Git, Kind, Letter, Mail, Mastodon, Micropub, Pictures, Visibility,
    Webhook, WordPress, Words,
};
pub use manuscript::{Gone, Manuscript, Status};
pub use outcome::{Draft, Found, Outcome, Receipt, State, Task};
pub use timing::{Quiet, Timing};

use super::blanks;
use super::composition::word;
use super::filter::{Filter, Reason};
use super::language::Language;
use super::piece::Scope;
use super::post::Post;
use super::slug::Slug;
use std::str::FromStr;
use std::time::Duration;

/// An outlet as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    /// Its name, unique in the configuration.
    pub name: Slug,
    /// What readers see where it is named: "also at".
    pub title: String,
    /// What it is, and its own settings.
    pub kind: Kind,
    /// Which posts it gets.
    pub intake: Intake,
    /// What it gets of each.
    pub form: Form,
    /// When it gets them.
    pub timing: Timing,
    /// Whether a post that is corrected is changed there, too.
    pub follow_updates: bool,
    /// Whether a post that is hidden or withdrawn is taken down there, too.
    pub follow_deletes: bool,
    /// What is done where it cannot be told whether the outlet took a post.
    pub on_ambiguous: OnAmbiguous,
}

/// Which posts an outlet gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intake {
    /// Of these sources; `None` is all.
    pub sources: Option<Vec<Slug>>,
    /// Whose copy of a piece that several of them have is handed on: the first of these, else the earliest.
    pub prefer: Vec<Slug>,
    /// Only what all of these take: its newsletter's and its own.
    pub filters: Vec<Filter>,
    /// How long a post must have stood unchanged.
    pub settle: Duration,
    /// A post that never stands still is handed on this long after it was first seen.
    pub settle_max: Duration,
    /// The source as which the outlet itself is followed: what stands there is never sent back.
    pub own: Option<Slug>,
}

impl Intake {
    /// Among which posts a piece goes there once.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        Scope { sources: self.sources.as_deref(), prefer: &self.prefer }
    }

    /// Whether posts of `source` feed it.
    #[must_use]
    pub fn takes(&self, source: &Slug) -> bool {
        self.own.as_ref() != Some(source) && self.scope().holds(source)
    }

    /// Why a filter leaves a post out, if one does.
    #[must_use]
    pub fn left_out(&self, post: &Post) -> Option<Reason> {
        self.filters.iter().find_map(|filter| post.left_out_by(filter))
    }
}

/// What an outlet gets of each post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// How much of its text.
    pub share: Share,
    /// Its title in other words.
    pub title: Option<Wording>,
    /// What stands around its text: HTML with `{text}` in it.
    pub body: Option<Wording>,
    /// What short messages say.
    pub status: Option<Wording>,
    /// Where the line stands that names the original.
    pub attribution: Attribution,
    /// The language of that line and of dates.
    pub language: Language,
    /// Tags that are called otherwise there; an empty name leaves one out.
    pub tags: Vec<(String, String)>,
    /// Whether a person at the outlet publishes it.
    pub draft: bool,
    /// Sources that grant no right to their full text: their posts go as excerpts at the most.
    pub reserved: Vec<Slug>,
}

impl Form {
    /// How much of a post's text goes there, by the rights that its source grants.
    #[must_use]
    pub fn share_of(&self, source: &Slug) -> Share {
        if self.share == Share::Full && self.reserved.contains(source) { Share::Excerpt } else { self.share }
    }

    /// A post's tags as the outlet calls them, each once.
    #[must_use]
    pub fn tags(&self, tags: &[String]) -> Vec<String> {
        let mut named: Vec<String> = Vec::new();
        for tag in tags {
            let mapped = self.tags.iter().find(|(from, _)| from.to_lowercase() == tag.to_lowercase());
            let name = mapped.map_or(tag.as_str(), |(_, to)| to).trim();
            if !name.is_empty() && !named.iter().any(|known| known == name) {
                named.push(name.to_owned());
            }
        }
        named
    }
}

word! {
    /// How much of a post's text an outlet gets.
    Share {
        /// All of it.
        Full = "full",
        /// Its beginning.
        Excerpt = "excerpt",
        /// A link to it.
        Link = "link"
    }
}

word! {
    /// Where the line stands that names the original.
    Attribution {
        /// Above the text.
        Before = "before",
        /// Below it.
        After = "after",
        /// Nowhere.
        None = "none"
    }
}

word! {
    /// What is done where it cannot be told whether the outlet took a post.
    OnAmbiguous {
        /// It is looked up there, and sent again when it is not; where that cannot be, it waits for a person.
        Look = "look",
        /// It is sent again, under the same number.
        Retry = "retry",
        /// It waits for a person.
        Hold = "hold"
    }
}

/// The operator's words about a post.
pub type Wording = blanks::Wording<Blank>;

/// What a blank is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// The post's title.
    Title,
    /// As much of its text as the outlet gets.
    Text,
    /// The beginning of it.
    Excerpt,
    /// Where the original stands.
    Url,
    /// What its source calls itself.
    Source,
    /// Who wrote it.
    Author,
    /// Its tags, each as `#tag`.
    Tags,
    /// The day, in the outlet's language.
    Date,
}

impl blanks::Blank for Blank {
    const NAMED: &'static [(&'static str, Self)] = &[
        ("title", Self::Title),
        ("text", Self::Text),
        ("excerpt", Self::Excerpt),
        ("url", Self::Url),
        ("source", Self::Source),
        ("author", Self::Author),
        ("tags", Self::Tags),
        ("date", Self::Date),
    ];
    const LINES: bool = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(tags: &[(&str, &str)]) -> Form {
        Form {
            share: Share::Full,
            title: None,
            body: None,
            status: None,
            attribution: Attribution::After,
            language: Language::En,
            tags: tags.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
            draft: false,
            reserved: vec!["news".parse().unwrap()],
        }
    }

    #[test]
    fn a_source_that_grants_no_right_to_its_text_gives_an_excerpt_at_the_most() {
        let (news, essays) = ("news".parse().unwrap(), "essays".parse().unwrap());
        assert_eq!((form(&[]).share_of(&news), form(&[]).share_of(&essays)), (Share::Excerpt, Share::Full));
        assert_eq!(Form { share: Share::Link, ..form(&[]) }.share_of(&news), Share::Link);
    }

    #[test]
    fn tags_are_called_as_the_outlet_calls_them_each_once() {
        let tags = ["Film", "cinema", "draft", "한글"].map(str::to_owned);
        assert_eq!(form(&[("film", "Cinema"), ("CINEMA", "Cinema"), ("draft", "")]).tags(&tags), ["Cinema", "한글"]);
        assert_eq!(form(&[]).tags(&tags), tags);
    }
}
