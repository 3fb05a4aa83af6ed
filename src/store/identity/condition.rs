//! What rules ask for, compared and put into words: what decides and what
//! explains is the same.

use super::{Finding, Known, Matcher, Shown, path};
use crate::domain::identity::Rule;
use crate::domain::source::Identity;
use crate::domain::time::Timestamp;

/// A text of fewer visible characters may be the same by chance.
const TELLING_LENGTH: usize = 200;

/// One thing that a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    KeptApart,
    GuidIsAsked,
    SameGuid,
    GuidTells,
    KnownUnder,
    AddressIsAsked,
    AddressTells,
    SameAddress,
    SamePath,
    SameText,
    LongText,
    SameTitle,
    SameDate,
}

/// What a rule asks for, all of it.
fn conditions(rule: Rule) -> &'static [Condition] {
    use Condition as C;
    match rule {
        Rule::Apart => &[C::KeptApart],
        Rule::Guid => &[C::SameGuid, C::GuidIsAsked, C::GuidTells],
        Rule::OtherGuid => &[C::KnownUnder, C::GuidIsAsked, C::GuidTells],
        Rule::AddressAndText => &[C::SameAddress, C::SameText],
        Rule::Address => &[C::SameAddress, C::AddressIsAsked, C::AddressTells],
        Rule::AddressAndTitle => &[C::SameAddress, C::SameTitle],
        Rule::AddressAndDate => &[C::SameAddress, C::SameDate],
        Rule::Text => &[C::SameText, C::LongText],
        Rule::TextAndDate => &[C::SameText, C::SameDate],
        Rule::PathAndText => &[C::SamePath, C::SameText],
        Rule::PathAndTitle => &[C::SamePath, C::SameTitle],
        Rule::PathAndDate => &[C::SamePath, C::SameDate],
        Rule::TitleAndDate => &[C::SameTitle, C::SameDate],
    }
}

impl Matcher<'_> {
    pub(super) fn holds(&self, rule: Rule, post: &Known, shown: &Shown<'_>) -> bool {
        conditions(rule).iter().all(|condition| self.is_met(*condition, post, shown))
    }

    pub(super) fn is_kept_apart(&self, post: &Known, shown: &Shown<'_>) -> bool {
        self.told.apart.get(&shown.arriving.entry.guid).is_some_and(|posts| posts.contains(&post.id))
    }

    /// What each rule says of an entry and a post.
    pub(super) fn findings(&self, post: &Known, shown: &Shown<'_>) -> Vec<Finding> {
        let finding = |rule| {
            let each = conditions(rule).iter().map(|&condition| {
                let met = self.is_met(condition, post, shown);
                (met, Self::words(condition, met, post, shown))
            });
            let (met, why): (Vec<bool>, Vec<String>) = each.unzip();
            Finding { rule, holds: met.into_iter().all(|met| met), why }
        };
        Rule::ALL.into_iter().map(finding).collect()
    }

    fn is_met(&self, condition: Condition, post: &Known, shown: &Shown<'_>) -> bool {
        let (arriving, entry) = (shown.arriving, &shown.arriving.entry);
        match condition {
            Condition::KeptApart => self.is_kept_apart(post, shown),
            Condition::GuidIsAsked => self.identity == Identity::Guid || !self.address_tells(shown),
            Condition::SameGuid => {
                post.guid == shown.stand_in || (post.guid == entry.guid && !self.is_shared(&entry.guid))
            }
            Condition::GuidTells => {
                post.guid == shown.stand_in || self.one_is_rewritten || !self.is_reused(post, shown)
            }
            Condition::KnownUnder => self.told.others.get(&entry.guid).is_some_and(|posts| posts.contains(&post.id)),
            Condition::AddressIsAsked => self.identity == Identity::Address,
            Condition::AddressTells => self.address_tells(shown),
            Condition::SameAddress => post.url_key.is_some() && post.url_key == arriving.url_key,
            Condition::SamePath => {
                let (one, other) = (post.url_key.as_deref(), arriving.url_key.as_deref());
                one != other && one.and_then(path).is_some() && one.and_then(path) == other.and_then(path)
            }
            Condition::SameText => post.fingerprint == arriving.fingerprint,
            Condition::LongText => text_length(shown) >= TELLING_LENGTH,
            Condition::SameTitle => !post.title.is_empty() && post.title == shown.title,
            Condition::SameDate => post.published.is_some() && post.published == entry.published,
        }
    }

    /// Whether an address can tell a post from others: it is not the front page,
    /// and the document does not use it for several texts.
    pub(super) fn address_tells(&self, shown: &Shown<'_>) -> bool {
        let Some(url) = shown.arriving.url_key.as_deref() else { return false };
        path(url).is_some() && self.addresses.get(url).is_none_or(|texts| texts.len() == 1)
    }

    /// Whether the entry has a stored post's guid and nothing else of it: its
    /// generator gives one guid to several posts.
    pub(super) fn is_reused(&self, post: &Known, shown: &Shown<'_>) -> bool {
        let addresses = (&post.url_key, &shown.arriving.url_key);
        let agrees = [Condition::SameText, Condition::SameTitle, Condition::SameDate];
        matches!(addresses, (Some(one), Some(other)) if one != other)
            && !agrees.into_iter().any(|condition| self.is_met(condition, post, shown))
    }

    fn words(condition: Condition, met: bool, post: &Known, shown: &Shown<'_>) -> String {
        let entry = &shown.arriving.entry;
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        let date = |at: Option<Timestamp>| at.map_or_else(|| "none".to_owned(), Timestamp::to_rfc3339);
        let same = |what: &str, value: &str| format!("the {what} is the same, `{value}`");
        let differ = |what: &str, one: &str, other: &str| format!("the {what}s differ, `{one}` and `{other}`");
        let (one, other) = (or_none(&post.url_key), or_none(&shown.arriving.url_key));
        let words = match (condition, met) {
            (Condition::KeptApart, true) => "a person said that they are two",
            (Condition::KeptApart, false) => "nobody said that they are two",
            (Condition::GuidIsAsked, true) => "guids are asked at this source",
            (Condition::GuidIsAsked, false) => {
                "guids are not asked at this source, since they do not tell its posts apart"
            }
            (Condition::SameGuid, true) => return same("guid", &post.guid),
            (Condition::SameGuid, false) => return differ("guid", &post.guid, &entry.guid),
            (Condition::GuidTells, true) => "nothing says that the guid stands for several posts",
            (Condition::GuidTells, false) => {
                "nothing but the guid agrees: address, text, title and date differ, and the document does not bear it out"
            }
            (Condition::KnownUnder, true) => return format!("it was known again under `{}`", entry.guid),
            (Condition::KnownUnder, false) => return format!("it was never known under `{}`", entry.guid),
            (Condition::AddressIsAsked, true) => "addresses tell this source's posts apart",
            (Condition::AddressIsAsked, false) => "guids tell this source's posts apart",
            (Condition::AddressTells, true) => "the address is that of one post",
            (Condition::AddressTells, false) => "the address is the front page's, or that of several posts",
            (Condition::SameAddress, true) => return same("address", &one),
            (Condition::SameAddress, false) => return format!("the addresses differ, `{one}` and `{other}`"),
            (Condition::SamePath, true) => return same("path", path(&one).unwrap_or_default()),
            (Condition::SamePath, false) if one == other => "the host is the same, too",
            (Condition::SamePath, false) => {
                return differ("path", path(&one).unwrap_or("none"), path(&other).unwrap_or("none"));
            }
            (Condition::SameText, true) => "the text is the same",
            (Condition::SameText, false) => "the texts differ",
            (Condition::LongText, true) => "the text is long enough",
            (Condition::LongText, false) => return format!("the text has fewer than {TELLING_LENGTH} characters"),
            (Condition::SameTitle, true) => return same("title", &post.title),
            (Condition::SameTitle, false) if post.title.is_empty() && shown.title.is_empty() => "neither has a title",
            (Condition::SameTitle, false) => return differ("title", &post.title, &shown.title),
            (Condition::SameDate, true) => return same("date", &date(post.published)),
            (Condition::SameDate, false) => return differ("date", &date(post.published), &date(entry.published)),
        };
        words.to_owned()
    }
}

/// A cheap measure of how much text there is: characters outside tags.
fn text_length(shown: &Shown<'_>) -> usize {
    let entry = &shown.arriving.entry;
    let html = entry.content.as_ref().or(entry.summary.as_ref());
    let mut inside = false;
    html.map_or("", |html| html.as_str())
        .chars()
        .filter(|&c| {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                _ => return !inside && !c.is_whitespace(),
            }
            false
        })
        .count()
}
