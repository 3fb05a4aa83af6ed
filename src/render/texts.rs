//! The texts that readers see, by language and key. Two languages come with the
//! program; a file of the operator's is another, and English stands for what it lacks.

use super::plural::{FORMS, form};
use crate::domain::language::Language;
use std::collections::BTreeMap;

/// One language's texts.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    language: Language,
    by_key: BTreeMap<String, String>,
    /// The keys of what English stands for.
    lacks: Vec<String>,
}

/// The texts of all languages.
#[derive(Debug)]
pub(super) struct Catalogue {
    by_language: BTreeMap<Language, Texts>,
    english: Texts,
}

impl Catalogue {
    /// Reads `texts/LANGUAGE.toml`s. An operator's file may hold only the texts
    /// that it changes: the embedded ones stand for the rest, English ones in a
    /// language that does not come with the program. What the program does not know,
    /// or would fill in for nothing, is a fault.
    pub(super) fn read(files: &[(String, String)], faults: &mut Vec<String>) -> Self {
        let english = Texts::embedded(Language::En);
        let mut all: BTreeMap<Language, Texts> =
            Language::OURS.into_iter().map(|language| (language, Texts::embedded(language))).collect();
        for (name, text) in files {
            let tag = name.strip_prefix("texts/").and_then(|name| name.strip_suffix(".toml")).unwrap_or(name);
            let Ok(language) = tag.parse::<Language>() else {
                faults.push(format!("{name}: `{tag}` is no language's tag, such as `de` or `zh-Hant`"));
                continue;
            };
            let other = || english.stand_in(language);
            all.entry(language).or_insert_with(other).change(name, text, faults);
        }
        Self { by_language: all, english }
    }

    /// One language's texts; English ones when it has none.
    pub(super) fn of(&self, language: Language) -> &Texts {
        self.by_language.get(&language).unwrap_or(&self.english)
    }

    /// Every language that has texts.
    pub(super) fn languages(&self) -> impl Iterator<Item = Language> {
        self.by_language.keys().copied()
    }
}

/// The text of a file that comes with the program; a test reads both, so a broken one never ships.
fn embedded(language: Language) -> &'static str {
    if language == Language::Ko {
        include_str!("../../templates/texts/ko.toml")
    } else {
        include_str!("../../templates/texts/en.toml")
    }
}

impl Texts {
    fn embedded(language: Language) -> Self {
        Self { language, by_key: toml::from_str(embedded(language)).unwrap_or_default(), lacks: Vec::new() }
    }

    /// These texts for a language that has none yet.
    fn stand_in(&self, language: Language) -> Self {
        // A form that the language has no use for is not missed.
        let used: Vec<&str> = (0..200).map(|count| form(language, count)).collect();
        let missed = |key: &&String| {
            FORMS.iter().all(|form| !key.ends_with(&format!("_{form}")) || *form == "other" || used.contains(form))
        };
        Self { language, by_key: self.by_key.clone(), lacks: self.by_key.keys().filter(missed).cloned().collect() }
    }

    /// The keys of the texts that English stands for.
    pub(super) fn lacks(&self) -> &[String] {
        &self.lacks
    }

    /// Takes over what the operator's file says otherwise.
    fn change(&mut self, name: &str, text: &str, faults: &mut Vec<String>) {
        let changed: BTreeMap<String, String> = match toml::from_str(text) {
            Ok(changed) => changed,
            Err(why) => return faults.push(format!("{name}: this is not a list of texts: {}", why.message())),
        };
        for (key, text) in changed {
            // A language may have more forms for numbers than ours.
            let stem = FORMS.iter().find_map(|form| key.strip_suffix(&format!("_{form}")));
            let like = stem.map(|stem| format!("{stem}_other")).filter(|like| self.by_key.contains_key(like));
            let Some(known) = self.by_key.get(like.as_ref().unwrap_or(&key)) else {
                faults.push(format!("{name}: there is no text `{key}`"));
                continue;
            };
            let allowed = blanks(known);
            if let Some(odd) = blanks(&text).into_iter().find(|blank| !allowed.contains(blank)) {
                faults.push(format!("{name}: `{key}` has nothing to fill into {{{odd}}}"));
            } else if let Some((_, count)) = LISTS.iter().find(|(list, _)| *list == key)
                && text.split('|').count() != *count
            {
                faults.push(format!("{name}: `{key}` must have {count} parts with `|` between each two"));
            } else if key == "language_dir" && !["ltr", "rtl"].contains(&text.as_str()) {
                faults.push(format!("{name}: `{key}` is \"ltr\" or \"rtl\""));
            } else {
                self.lacks.retain(|lacked| *lacked != key);
                self.by_key.insert(key, text);
            }
        }
    }

    /// The text of `key` in the form that goes with `count`, which is filled in.
    pub(super) fn count(&self, key: &str, count: usize) -> String {
        let formed = format!("{key}_{}", form(self.language, count));
        let key = if self.get(&formed).is_some() { formed } else { format!("{key}_other") };
        self.fill(&key, &[("count", &count.to_string())])
    }

    /// The part of a list (`a|b|c`) at a place, from 0.
    pub(super) fn part(&self, key: &str, place: usize) -> &str {
        self.get(key).and_then(|list| list.split('|').nth(place)).unwrap_or_default()
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.by_key.get(key).map(String::as_str)
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

/// Texts that hold several words, and how many.
const LISTS: [(&str, usize); 2] = [("date_months", 12), ("date_weekdays", 7)];

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
        assert!(en.by_key.len() > 40);
        let keys = |texts: &Texts| -> Vec<String> {
            let forms = |key: &String| key.ends_with("_one");
            texts.by_key.keys().filter(|key| !forms(key)).cloned().collect()
        };
        assert_eq!(keys(&en), keys(&ko));
        for key in keys(&en) {
            assert_eq!(blanks(en.get(&key).unwrap()), blanks(ko.get(&key).unwrap()), "{key}");
        }
        for (list, count) in LISTS {
            assert_eq!(
                (en.get(list).unwrap().split('|').count(), ko.get(list).unwrap().split('|').count()),
                (count, count)
            );
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
        let texts = Catalogue::read(&[("texts/en.toml".to_owned(), file)], &mut faults);
        assert_eq!(texts.of(Language::En).get("read_on"), Some("More"));
        assert_eq!(texts.of(Language::En).get("untitled"), Some("Untitled"));
        assert_eq!(texts.of(Language::Ko).get("untitled"), Some("제목 없음"));
        assert_eq!(
            faults,
            ["texts/en.toml: there is no text `no_such`", "texts/en.toml: `untitled` has nothing to fill into {x}"]
        );
    }

    #[test]
    fn a_file_is_another_language_with_its_own_forms_for_numbers() {
        let mut faults = Vec::new();
        let polish = "read_on = \"Czytaj dalej\"\nposts_one = \"{count} nowy wpis\"\nposts_few = \"{count} nowe wpisy\"
                      posts_many = \"{count} nowych wpisów\"";
        let texts = Catalogue::read(&[("texts/pl.toml".to_owned(), polish.to_owned())], &mut faults);
        let pl: Language = "pl".parse().unwrap();
        assert!(faults.is_empty(), "{faults:?}");
        let counted: Vec<String> = [1, 3, 5, 22].into_iter().map(|count| texts.of(pl).count("posts", count)).collect();
        assert_eq!(counted, ["1 nowy wpis", "3 nowe wpisy", "5 nowych wpisów", "22 nowe wpisy"]);
        let lacks = texts.of(pl).lacks();
        assert!(lacks.iter().any(|key| key == "untitled") && !lacks.iter().any(|key| key == "read_on"), "{lacks:?}");
        // What it lacks is English.
        assert_eq!(
            (texts.of(pl).get("untitled"), texts.of(pl).count("more", 2)),
            (Some("Untitled"), "and 2 more".to_owned())
        );
        assert_eq!(texts.languages().map(Language::tag).collect::<Vec<_>>(), ["en", "ko", "pl"]);
        let odd = "date_months = \"a|b\"\nlanguage_dir = \"up\"\nposts_dozen = \"x\"\nposts_few = \"{n}\"".to_owned();
        Catalogue::read(
            &[("texts/pl.toml".to_owned(), odd), ("texts/klingon.toml".to_owned(), String::new())],
            &mut faults,
        );
        assert_eq!(
            faults,
            [
                "texts/pl.toml: `date_months` must have 12 parts with `|` between each two",
                "texts/pl.toml: `language_dir` is \"ltr\" or \"rtl\"",
                "texts/pl.toml: there is no text `posts_dozen`",
                "texts/pl.toml: `posts_few` has nothing to fill into {n}",
                "texts/klingon.toml: `klingon` is no language's tag, such as `de` or `zh-Hant`",
            ]
        );
    }
}
