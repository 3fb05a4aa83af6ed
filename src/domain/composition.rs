//! How a digest is put together: what of its posts is shown, in which order and
//! in which words. Resolved from the configuration, cadence by cadence.

use super::blanks;
use super::email_address::EmailAddress;
use super::filter::{BadRule, Filter, Rule};
use super::post::Post;
use super::slug::Slug;
use std::path::PathBuf;
use std::str::FromStr;

/// How the digests of one cadence look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    /// Which post comes first.
    pub order: Order,
    /// What joins posts.
    pub sections: Sections,
    /// Whether the titles stand on top as a list.
    pub headlines: bool,
    /// Which post stands out.
    pub lead: Lead,
    /// What is shown of a post.
    pub text: Shown,
    /// Posts beyond so many are only counted: "and 12 more".
    pub max_posts: Option<usize>,
    /// With fewer than these no digest goes out: they wait for the next slot.
    pub min_posts: usize,
    /// The subject; the language's own words when there is none.
    pub subject: Option<Wording>,
    /// What an inbox shows behind the subject; the titles that follow when there is none.
    pub preheader: Option<Wording>,
    /// The file of what the editor says above the posts, in every digest.
    pub note_before: Option<PathBuf>,
    /// The same below them.
    pub note_after: Option<PathBuf>,
    /// Where its pictures come from.
    pub images: Images,
    /// Whether it says how long each post takes to read.
    pub reading_time: bool,
    /// Whether the mail begins with a line that greets its reader.
    pub greeting: bool,
    /// Who sees each digest, and approves it, before readers do.
    pub review: Option<EmailAddress>,
    /// When readers elsewhere get it.
    pub deliver: Deliver,
}

impl Default for Composition {
    fn default() -> Self {
        Self {
            order: Order::Newest,
            sections: Sections::None,
            headlines: false,
            lead: Lead::None,
            text: Shown::Excerpt,
            max_posts: None,
            min_posts: 1,
            subject: None,
            preheader: None,
            note_before: None,
            note_after: None,
            images: Images::Link,
            reading_time: false,
            greeting: false,
            review: None,
            deliver: Deliver::AtOnce,
        }
    }
}

/// One of a few words of the configuration.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$of])* $variant),+
        }

        impl $name {
            /// The word in the configuration.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("`{}` is none of {}", $crate::domain::composition::shortened(other), [$(concat!("\"", $word, "\"")),+].join(", "))),
                }
            }
        }
    };
}

pub(super) use word;

word! {
    /// Which post comes first.
    Order {
        /// The last one written.
        Newest = "newest",
        /// The first one written.
        Oldest = "oldest",
        /// By title.
        Title = "title"
    }
}

word! {
    /// Where a mail's pictures come from.
    Images {
        /// From their addresses, when the mail is opened.
        Link = "link",
        /// With the mail.
        Embed = "embed"
    }
}

word! {
    /// What joins the posts of a section.
    Sections {
        /// Nothing: one list.
        None = "none",
        /// Their source, in the configuration's order.
        Source = "source",
        /// Their first category; those without one stand last.
        Tag = "tag",
        /// The day they were written.
        Day = "day"
    }
}

word! {
    /// What is shown of a post below its title.
    Shown {
        /// The beginning of its text.
        Excerpt = "excerpt",
        /// What its feed calls its summary; the beginning of its text when there is none.
        Summary = "summary",
        /// All of it, where there is room.
        Full = "full"
    }
}

word! {
    /// When readers in other time zones get a digest.
    Deliver {
        /// With everybody.
        AtOnce = "at once",
        /// When their own clocks show the time of the slot.
        Local = "local"
    }
}

/// Which post stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// None.
    None,
    /// The first.
    First,
    /// The longest.
    Longest,
    /// The first that this takes, if any.
    Taken(Filter),
}

impl FromStr for Lead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "first" => Ok(Self::First),
            "longest" => Ok(Self::Longest),
            rule => rule.parse().map(|rule| Self::Taken(any_of(vec![rule]))).map_err(|why: BadRule| {
                format!("must be \"none\", \"first\", \"longest\", or a rule such as \"category: featured\"; {why}")
            }),
        }
    }
}

impl Lead {
    /// Which of `posts`, in the mail's order, stands out.
    #[must_use]
    pub fn pick<'a>(&self, posts: impl Iterator<Item = &'a Post>) -> Option<usize> {
        let mut posts = posts.enumerate();
        match self {
            Self::None => None,
            Self::First => posts.next().map(|(at, _)| at),
            Self::Longest => {
                let length = |post: &Post| post.entry.content.as_ref().map_or(0, |text| text.as_str().len());
                // The first of several that are as long.
                posts.max_by_key(|(at, post)| (length(post), std::cmp::Reverse(*at))).map(|(at, _)| at)
            }
            Self::Taken(filter) => posts.find(|(_, post)| post.left_out_by(filter).is_none()).map(|(at, _)| at),
        }
    }
}

/// What readers may choose of a newsletter: some of its sources, or the posts
/// that one of some rules takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// What it is called.
    pub name: Slug,
    sources: Vec<Slug>,
    filter: Filter,
}

impl Topic {
    /// Of `source: NAME`s and rules.
    pub fn new(name: Slug, of: &[&str]) -> Result<Self, String> {
        let (mut sources, mut rules) = (Vec::new(), Vec::new());
        for text in of {
            match text.split_once(':') {
                Some((field, source)) if field.trim() == "source" => {
                    sources.push(source.trim().parse().map_err(|why: super::slug::BadSlug| why.to_string())?);
                }
                _ => rules.push(text.parse::<Rule>().map_err(|why| why.to_string())?),
            }
        }
        if sources.is_empty() && rules.is_empty() {
            return Err("takes nothing: write a rule such as \"category: film\" or \"source: essays\"".to_owned());
        }
        Ok(Self { name, sources, filter: any_of(rules) })
    }

    /// Whether a post belongs to it.
    #[must_use]
    pub fn takes(&self, post: &Post) -> bool {
        let ruled = || !self.filter.is_empty() && post.left_out_by(&self.filter).is_none();
        self.sources.contains(&post.source_name) || ruled()
    }

    /// The sources that it names.
    #[must_use]
    pub fn sources(&self) -> &[Slug] {
        &self.sources
    }
}

fn any_of(rules: Vec<Rule>) -> Filter {
    Filter { include: rules, exclude: Vec::new() }
}

/// One line of the operator's words about a digest: `{title}: {first}, {date}`.
pub type Wording = blanks::Wording<Blank>;

/// What a blank is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// The newsletter's title.
    Title,
    /// The first post's.
    First,
    /// How many posts there are.
    Count,
    /// How many besides the first.
    More,
    /// The day.
    Date,
}

impl blanks::Blank for Blank {
    const NAMED: &'static [(&'static str, Self)] = &[
        ("title", Self::Title),
        ("first", Self::First),
        ("count", Self::Count),
        ("more", Self::More),
        ("date", Self::Date),
    ];
}

/// What a [`Wording`] speaks of.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// The newsletter's title.
    pub title: &'a str,
    /// The first post's.
    pub first: &'a str,
    /// How many posts there are.
    pub count: usize,
    /// The day, in the newsletter's language.
    pub date: &'a str,
}

impl Wording {
    /// The words with their blanks filled in; `None` when they speak of more posts
    /// (`{more}`) and there is but one.
    #[must_use]
    pub fn fill(&self, with: Filling<'_>) -> Option<String> {
        if with.count < 2 && self.has(Blank::More) {
            return None;
        }
        Some(self.filled(|blank| match blank {
            Blank::Title => with.title.to_owned(),
            Blank::First => with.first.to_owned(),
            Blank::Count => with.count.to_string(),
            Blank::More => with.count.saturating_sub(1).to_string(),
            Blank::Date => with.date.to_owned(),
        }))
    }
}

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_fills_its_blanks_once_and_refuses_others() {
        let wording: Wording = "{title}: {first} and {more} more ({count}, {date})".parse().unwrap();
        let with = Filling { title: "Letters", first: "On {date} & walks", count: 3, date: "today" };
        assert_eq!(wording.fill(with).unwrap(), "Letters: On {date} & walks and 2 more (3, today)");
        // With a single post there are no others to speak of.
        assert_eq!(wording.fill(Filling { count: 1, ..with }), None);
        let plain: Wording = "{first} ({count})".parse().unwrap();
        assert_eq!(plain.fill(Filling { count: 1, ..with }).unwrap(), "On {date} & walks (1)");
        assert_eq!(wording.to_string().parse::<Wording>().unwrap(), wording);
        for (text, part) in
            [("", "one line"), ("a\nb", "one line"), ("{nobody}", "unknown blank {nobody}"), ("{first", "without its")]
        {
            let why = text.parse::<Wording>().unwrap_err();
            assert!(why.contains(part), "{text:?}: {why}");
        }
    }

    #[test]
    fn words_of_the_configuration_are_refused_with_those_that_there_are() {
        assert_eq!("day".parse::<Sections>(), Ok(Sections::Day));
        assert_eq!("newset".parse::<Order>().unwrap_err(), "`newset` is none of \"newest\", \"oldest\", \"title\"");
        assert_eq!("longest".parse::<Lead>(), Ok(Lead::Longest));
        assert!("featured".parse::<Lead>().unwrap_err().contains("category: featured"));
    }
}
