//! The texts that readers see, by language and key.

use crate::domain::language::Language;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One language's texts.
#[derive(Debug)]
pub(super) struct Texts(BTreeMap<String, String>);

static EN: LazyLock<Texts> = LazyLock::new(|| Texts::read(include_str!("../../templates/texts/en.toml")));
static KO: LazyLock<Texts> = LazyLock::new(|| Texts::read(include_str!("../../templates/texts/ko.toml")));

impl Texts {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &EN,
            Language::Ko => &KO,
        }
    }

    /// Embedded text; a test reads both files, so a broken one never ships.
    fn read(text: &str) -> Self {
        Self(toml::from_str(text).unwrap_or_default())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The text of `key` with `{name}`s filled in. What is filled in is not
    /// looked at again, so that a title may hold braces.
    pub(super) fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut rest = self.get(key).unwrap_or(key);
        let mut filled = String::with_capacity(rest.len());
        while let Some((before, behind)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = behind.split_once('}') else { break };
            let value = values.iter().find(|(known, _)| *known == name);
            filled.push_str(value.map_or("", |(_, value)| value));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text_with_the_same_blanks() {
        let blanks = |text: &str| {
            let mut names: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
                .map(|(name, _)| name.to_owned())
                .collect();
            names.sort();
            names
        };
        assert!(EN.0.len() > 40);
        assert_eq!(EN.0.keys().collect::<Vec<_>>(), KO.0.keys().collect::<Vec<_>>());
        for (key, text) in &EN.0 {
            assert_eq!(blanks(text), blanks(KO.get(key).unwrap()), "{key}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        assert_eq!(EN.fill("subscribe_heading", &[("title", "{email} & {title}")]), "Subscribe to {email} & {title}");
    }
}
