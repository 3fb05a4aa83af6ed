//! What changed between two texts of a post, word by word, and whether a reader who
//! has the earlier one should be told.

use super::typo::one_slip;
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};
use std::collections::HashMap;
use std::time::Duration;
use unicode_normalization::UnicodeNormalization as _;

/// With so many words changed a text is another, and nobody needs to look which.
const MANY: usize = 40;
/// A word of fewer letters is too easily another one.
const SLIP_FROM: usize = 3;
/// Comparing two long texts that have nothing in common stops after this, and shows them as two.
const PATIENCE: Duration = Duration::from_secs(2);

/// A run of words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "change", content = "words", rename_all = "lowercase")]
pub enum Run {
    /// In both.
    Same(String),
    /// In the earlier text only.
    Removed(String),
    /// In the later text only.
    Added(String),
}

/// What changed from one plain text to another: all of both, in order.
#[must_use]
pub fn changes(before: &str, after: &str) -> Vec<Run> {
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).timeout(PATIENCE).diff_words(before, after);
    let mut runs: Vec<Run> = Vec::new();
    for change in diff.iter_all_changes() {
        let word = change.value();
        match (change.tag(), runs.last_mut()) {
            (ChangeTag::Equal, Some(Run::Same(run)))
            | (ChangeTag::Delete, Some(Run::Removed(run)))
            | (ChangeTag::Insert, Some(Run::Added(run))) => run.push_str(word),
            (ChangeTag::Equal, _) => runs.push(Run::Same(word.to_owned())),
            (ChangeTag::Delete, _) => runs.push(Run::Removed(word.to_owned())),
            (ChangeTag::Insert, _) => runs.push(Run::Added(word.to_owned())),
        }
    }
    runs
}

/// Whether a later text says something else than the earlier one: more than its punctuation, its case, or single
/// letters in words without figures were set right.
#[must_use]
pub fn is_substantial(before: &str, after: &str) -> bool {
    let (before, after) = (spoken(before), spoken(after));
    if before == after {
        return false;
    }
    if differing(&before, &after) > MANY {
        return true;
    }
    // Few words differ, so that this is quick.
    capture_diff_slices(Algorithm::Myers, &before, &after).into_iter().any(|op| match op {
        DiffOp::Equal { .. } => false,
        DiffOp::Delete { .. } | DiffOp::Insert { .. } => true,
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            let old = before.iter().skip(old_index).take(old_len);
            let new = after.iter().skip(new_index).take(new_len);
            old_len != new_len || old.zip(new).any(|(old, new)| !is_slip(old, new))
        }
    })
}

/// The words of a text as they are spoken: no case, no punctuation.
fn spoken(text: &str) -> Vec<String> {
    let word =
        |word: &str| word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    text.split_whitespace().map(word).filter(|word| !word.is_empty()).collect()
}

/// How many words stand in one text and not in the other, each as often as it does.
fn differing(before: &[String], after: &[String]) -> usize {
    let mut counts: HashMap<&str, isize> = HashMap::new();
    for word in before {
        *counts.entry(word).or_default() += 1;
    }
    for word in after {
        *counts.entry(word).or_default() -= 1;
    }
    counts.values().map(|count| count.unsigned_abs()).sum()
}

fn is_slip(one: &str, other: &str) -> bool {
    let has_figures = |word: &str| word.chars().any(char::is_numeric);
    let long = one.chars().count().min(other.chars().count()) >= SLIP_FROM;
    // Of Hangul one letter, and not one syllable.
    let letters = |word: &str| word.nfd().collect::<Vec<char>>();
    one == other || long && !has_figures(one) && !has_figures(other) && one_slip(&letters(one), &letters(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_are_no_correction_and_facts_are() {
        let text = "The library opened in 1974. It has forty thousand books, and Mr. Bell keeps them.";
        for (before, after) in
            [("forty", "fourty"), ("library", "libary"), ("books,", "books -"), ("The", "the"), ("1974.", "1974!")]
        {
            assert!(!is_substantial(text, &text.replacen(before, after, 1)), "{after}");
        }
        for (before, after) in [
            ("1974", "1975"),
            ("forty", "fifty"),
            ("has", "has not"),
            ("Mr. Bell", "Mrs. Bell"),
            (" books,", ","),
            ("It", "He"),
        ] {
            assert!(is_substantial(text, &text.replacen(before, after, 1)), "{after}");
        }
        assert!(!is_substantial("글쓰기는 어렵습니다. 그래도 씁니다.", "글쓰기는 어렵습니다 그래도 씁니다!"));
        assert!(!is_substantial("그래도 글을 씁니다만", "그래도 글을 씀니다만"));
        assert!(is_substantial("그는 서울에 산다.", "그는 부산에 산다."));
        assert!(is_substantial("", "words"));
        let long = |word: &str| format!("{word} ").repeat(20_000);
        assert!(is_substantial(&long("one"), &long("two")));
    }

    #[test]
    fn all_of_both_texts_is_shown_in_order() {
        use Run::{Added, Removed, Same};
        assert_eq!(
            changes("the old cat sat", "the young cat sat down"),
            [
                Same("the ".into()),
                Removed("old".into()),
                Added("young".into()),
                Same(" cat sat".into()),
                Added(" down".into())
            ]
        );
        assert!(changes("", "").is_empty());
    }
}
