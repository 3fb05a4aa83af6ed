//! Which form of a text goes with a number, by the rules of each language: those of
//! Unicode's CLDR 47 (supplemental/plurals.xml) for whole numbers.

use crate::domain::language::Language;

/// The names of the forms, as they end the keys of texts; `other` is there in every language.
pub(super) const FORMS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// The form that goes with `count` in a language.
pub(super) fn form(language: Language, count: usize) -> &'static str {
    let (n, ten, hundred) = (count, count % 10, count % 100);
    let teens = (11..=14).contains(&hundred);
    match language.primary() {
        // These have one form for all.
        "id" | "ja" | "km" | "ko" | "lo" | "ms" | "my" | "th" | "vi" | "yo" | "yue" | "zh" | "bo" | "dz" | "ii"
        | "ig" | "jv" | "sg" | "su" | "to" | "wo" => "other",
        // Nothing counts as one.
        "fr" | "ff" | "hy" | "kab" | "pt" | "am" | "as" | "bn" | "fa" | "gu" | "hi" | "kn" | "zu" | "ak" | "ln"
        | "mg" | "pa" | "si" | "ti" | "wa" => {
            if n < 2 {
                "one"
            } else {
                "other"
            }
        }
        "be" | "ru" | "uk" => match ten {
            1 if !teens => "one",
            2..=4 if !teens => "few",
            _ => "many",
        },
        "bs" | "hr" | "sh" | "sr" => match ten {
            1 if !teens => "one",
            2..=4 if !teens => "few",
            _ => "other",
        },
        "pl" => match ten {
            _ if n == 1 => "one",
            2..=4 if !teens => "few",
            _ => "many",
        },
        "cs" | "sk" => match n {
            1 => "one",
            2..=4 => "few",
            _ => "other",
        },
        "sl" => match hundred {
            1 => "one",
            2 => "two",
            3 | 4 => "few",
            _ => "other",
        },
        "lt" => match ten {
            _ if (11..=19).contains(&hundred) => "other",
            1 => "one",
            2..=9 => "few",
            _ => "other",
        },
        "lv" => match ten {
            0 => "zero",
            _ if (11..=19).contains(&hundred) => "zero",
            1 => "one",
            _ => "other",
        },
        "is" | "mk" => {
            if ten == 1 && hundred != 11 {
                "one"
            } else {
                "other"
            }
        }
        "ro" => match n {
            1 => "one",
            _ if n == 0 || (1..=19).contains(&hundred) => "few",
            _ => "other",
        },
        "ar" => match n {
            0 => "zero",
            1 => "one",
            2 => "two",
            _ => match hundred {
                3..=10 => "few",
                11..=99 => "many",
                _ => "other",
            },
        },
        language => semitic_celtic_or_usual(language, n),
    }
}

/// The languages with a form for two, and all that are like English.
fn semitic_celtic_or_usual(language: &str, n: usize) -> &'static str {
    let (ten, hundred) = (n % 10, n % 100);
    match language {
        "he" | "iu" | "se" => match n {
            1 => "one",
            2 => "two",
            _ => "other",
        },
        "ga" => match n {
            1 => "one",
            2 => "two",
            3..=6 => "few",
            7..=10 => "many",
            _ => "other",
        },
        "gd" => match n {
            1 | 11 => "one",
            2 | 12 => "two",
            3..=10 | 13..=19 => "few",
            _ => "other",
        },
        "cy" => match n {
            0 => "zero",
            1 => "one",
            2 => "two",
            3 => "few",
            6 => "many",
            _ => "other",
        },
        "mt" => match n {
            1 => "one",
            2 => "two",
            _ if n == 0 || (3..=10).contains(&hundred) => "few",
            _ if (11..=19).contains(&hundred) => "many",
            _ => "other",
        },
        "fil" | "tl" => {
            if (1..=3).contains(&n) || ![4, 6, 9].contains(&ten) {
                "one"
            } else {
                "other"
            }
        }
        _ => {
            if n == 1 {
                "one"
            } else {
                "other"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from CLDR's own examples.
    #[test]
    fn numbers_go_with_the_forms_of_their_language() {
        for (language, forms) in [
            ("en", "0 other, 1 one, 2 other, 11 other, 21 other"),
            ("ko", "0 other, 1 other, 2 other"),
            ("fr", "0 one, 1 one, 2 other"),
            ("ru", "0 many, 1 one, 2 few, 4 few, 5 many, 11 many, 12 many, 14 many, 21 one, 22 few, 111 many, 101 one"),
            ("pl", "0 many, 1 one, 2 few, 5 many, 12 many, 21 many, 22 few, 101 many, 102 few"),
            ("cs", "0 other, 1 one, 2 few, 4 few, 5 other, 22 other"),
            ("sl", "0 other, 1 one, 2 two, 3 few, 5 other, 101 one, 102 two"),
            ("lt", "0 other, 1 one, 2 few, 10 other, 11 other, 21 one, 22 few"),
            ("lv", "0 zero, 1 one, 2 other, 10 zero, 11 zero, 21 one, 22 other"),
            ("ro", "0 few, 1 one, 2 few, 19 few, 20 other, 101 few, 120 other"),
            ("ar", "0 zero, 1 one, 2 two, 3 few, 10 few, 11 many, 99 many, 100 other, 102 other, 103 few"),
            ("he", "0 other, 1 one, 2 two, 3 other"),
            ("ga", "0 other, 1 one, 2 two, 6 few, 10 many, 11 other"),
            ("cy", "0 zero, 1 one, 2 two, 3 few, 6 many, 4 other"),
            ("mt", "0 few, 1 one, 2 two, 10 few, 11 many, 19 many, 20 other, 103 few"),
            ("is", "1 one, 11 other, 21 one"),
            ("fil", "0 one, 1 one, 4 other, 5 one, 6 other, 7 one"),
        ] {
            for case in forms.split(", ") {
                let (count, expected) = case.split_once(' ').unwrap();
                assert_eq!(form(language.parse().unwrap(), count.parse().unwrap()), expected, "{language} {count}");
            }
        }
    }
}
