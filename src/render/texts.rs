//! The texts that readers see, by language and key.

use crate::domain::language::Language;
use std::collections::BTreeMap;

/// One language's texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts(BTreeMap<String, String>);

/// The texts of all languages.
#[derive(Debug)]
pub(super) struct Catalogue(BTreeMap<Language, Texts>);

impl Catalogue {
    /// Reads `texts/LANGUAGE.toml`s. An operator's file may hold only the texts
    /// that it changes: the embedded ones stand for the rest. What the program
    /// does not know, or would fill in for nothing, is a fault.
    pub(super) fn read(files: &[(&str, String)], faults: &mut Vec<String>) -> Self {
        let mut all = BTreeMap::new();
        for language in Language::ALL {
            let mut texts = Texts::embedded(language);
            let name = format!("texts/{language}.toml");
            if let Some((_, text)) = files.iter().find(|(known, _)| *known == name) {
                texts.change(&name, text, faults);
            }
            all.insert(language, texts);
        }
        Self(all)
    }

    /// One language's texts.
    pub(super) fn of(&self, language: Language) -> &Texts {
        static NONE: Texts = Texts(BTreeMap::new());
        self.0.get(&language).unwrap_or(&NONE)
    }
}

impl Texts {
    /// Embedded text; a test reads both files, so a broken one never ships.
    fn embedded(language: Language) -> Self {
        let text = match language {
            Language::En => include_str!("../../templates/texts/en.toml"),
            Language::Ko => include_str!("../../templates/texts/ko.toml"),
        };
        Self(toml::from_str(text).unwrap_or_default())
    }

    /// Takes over what the operator's file says otherwise.
    fn change(&mut self, name: &str, text: &str, faults: &mut Vec<String>) {
        let changed: BTreeMap<String, String> = match toml::from_str(text) {
            Ok(changed) => changed,
            Err(why) => return faults.push(format!("{name}: this is not a list of texts: {}", why.message())),
        };
        for (key, text) in changed {
            let Some(known) = self.0.get_mut(&key) else {
                faults.push(format!("{name}: there is no text `{key}`"));
                continue;
            };
            let allowed = blanks(known);
            if let Some(odd) = blanks(&text).into_iter().find(|blank| !allowed.contains(blank)) {
                faults.push(format!("{name}: `{key}` has nothing to fill into {{{odd}}}"));
                continue;
            }
            *known = text;
        }
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

/// The names in braces.
fn blanks(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text_with_the_same_blanks() {
        let (en, ko) = (Texts::embedded(Language::En), Texts::embedded(Language::Ko));
        assert!(en.0.len() > 40);
        assert_eq!(en.0.keys().collect::<Vec<_>>(), ko.0.keys().collect::<Vec<_>>());
        for (key, text) in &en.0 {
            assert_eq!(blanks(text), blanks(ko.get(key).unwrap()), "{key}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let en = Texts::embedded(Language::En);
        assert_eq!(en.fill("subscribe_heading", &[("title", "{email} & {title}")]), "Subscribe to {email} & {title}");
    }

    #[test]
    fn an_operators_file_changes_what_it_names_and_nothing_else() {
        let mut faults = Vec::new();
        let file = "read_on = \"More\"\nuntitled = \"{x}\"\nno_such = \"a\"".to_owned();
        let texts = Catalogue::read(&[("texts/en.toml", file)], &mut faults);
        assert_eq!(texts.of(Language::En).get("read_on"), Some("More"));
        assert_eq!(texts.of(Language::En).get("untitled"), Some("Untitled"));
        assert_eq!(texts.of(Language::Ko).get("untitled"), Some("제목 없음"));
        assert_eq!(
            faults,
            ["texts/en.toml: there is no text `no_such`", "texts/en.toml: `untitled` has nothing to fill into {x}"]
        );
    }
}
