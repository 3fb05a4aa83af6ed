//! What a reading of a page source gave, kept so that the next one can be held
//! against it: a page has no format that it could break, only habits.

use super::source::ListRules;
use serde::{Deserialize, Serialize};

/// What a reading gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harvest {
    /// By which selectors: what others gave says nothing.
    pub rules: ListRules,
    /// What stood on the list.
    pub list: Gave,
    /// What stood on the posts' own pages, when any was read.
    pub pages: Gave,
}

/// Which fields at least one post had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gave {
    /// A title.
    pub title: bool,
    /// A date of publication.
    pub date: bool,
    /// A text in full.
    pub text: bool,
}

impl Harvest {
    /// What an earlier reading had and this one has nowhere, in plain words;
    /// empty when nothing is missing.
    #[must_use]
    pub fn missing(&self, earlier: &Self) -> Vec<&'static str> {
        if self.rules != earlier.rules {
            return Vec::new();
        }
        let lost = |of: fn(&Gave) -> bool| {
            let had = |harvest: &Self| of(&harvest.list) || of(&harvest.pages);
            had(earlier) && !had(self)
        };
        let fields = [
            ("the titles", lost(|gave| gave.title)),
            ("the dates", lost(|gave| gave.date)),
            ("the texts", lost(|gave| gave.text)),
        ];
        fields.into_iter().filter(|(_, lost)| *lost).map(|(field, _)| field).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_missing_when_it_was_somewhere_and_is_nowhere() {
        let all = Gave { title: true, date: true, text: true };
        let (none, dated) = (Gave::default(), Gave { date: true, ..Gave::default() });
        let of = |list, pages| Harvest { rules: ListRules::default(), list, pages };
        assert_eq!(of(none, none).missing(&of(all, none)), ["the titles", "the dates", "the texts"]);
        assert_eq!(of(none, all).missing(&of(all, none)), [""; 0], "the pages have them");
        assert_eq!(of(dated, none).missing(&of(none, dated)), [""; 0]);
        assert_eq!(of(none, none).missing(&of(none, dated)), ["the dates"]);
        assert_eq!(of(none, none).missing(&of(none, none)), [""; 0], "they never were");
        let other = Harvest { rules: ListRules { date: Some("b".to_owned()), ..ListRules::default() }, ..of(all, all) };
        assert_eq!(of(none, none).missing(&other), [""; 0], "other selectors");
    }
}
