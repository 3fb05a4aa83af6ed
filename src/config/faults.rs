//! What is wrong with a configuration: all of it at once, each fault with its
//! place and, where one is known, the way out.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// Everything that is wrong, in the order of the files and their lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub spot: Spot,
    /// What.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A place in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file, or what stands in for one (`environment`).
    pub file: PathBuf,
    /// Its number among the files that were read, for sorting.
    pub(super) order: usize,
    /// The line, from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The key's path, such as `source.essays.schedule`; empty when there is none.
    pub key: String,
}

impl Faults {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// For a file that means nothing although nothing in it is wrong by itself.
    pub(super) fn nothing(file: &Path) -> Self {
        let spot = Spot { file: file.to_owned(), order: 0, line: 0, key: String::new() };
        Self(vec![Fault { spot, message: "holds no usable configuration".to_owned(), hint: None }])
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.spot, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.display().fmt(f)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        Ok(())
    }
}

impl Spot {
    /// The place of `key` below this one, on the same line.
    pub(super) fn below(&self, key: &str) -> Self {
        let key = if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) };
        Self { key, ..self.clone() }
    }
}

/// Collects faults while everything is read on.
#[derive(Debug, Default)]
pub(super) struct Collector(RefCell<Vec<Fault>>);

impl Collector {
    /// Adds a fault.
    pub(super) fn add(&self, spot: &Spot, message: impl fmt::Display) {
        self.0.borrow_mut().push(Fault { spot: spot.clone(), message: message.to_string(), hint: None });
    }

    /// Adds a fault with a way out.
    pub(super) fn add_hint(&self, spot: &Spot, message: impl fmt::Display, hint: impl fmt::Display) {
        let hint = Some(hint.to_string());
        self.0.borrow_mut().push(Fault { spot: spot.clone(), message: message.to_string(), hint });
    }

    /// Drops the faults that `keep` refuses.
    pub(super) fn retain(&self, keep: impl FnMut(&Fault) -> bool) {
        self.0.borrow_mut().retain(keep);
    }

    /// All of them in order, when there are any.
    pub(super) fn into_faults(self) -> Option<Faults> {
        let mut faults = self.0.into_inner();
        faults.sort_by_key(|fault| (fault.spot.order, fault.spot.line));
        faults.dedup();
        (!faults.is_empty()).then_some(Faults(faults))
    }
}

/// The known word that `text` was most likely meant to be.
pub(super) fn nearest<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let lower = text.to_lowercase();
    let allowed = match lower.chars().count() {
        0..=4 => 1,
        5..=7 => 2,
        _ => 3,
    };
    words
        .into_iter()
        // Who wrote the beginning of a word most likely meant it.
        .map(|word| match word.to_lowercase() {
            word_lower if lower.len() > 2 && word_lower.starts_with(&lower) => (1, word),
            word_lower => (distance(&lower, &word_lower), word),
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters must be added, dropped, changed or swapped with their
/// neighbour to make `b` of `a` (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, from) in a.chars().enumerate() {
        let mut line = vec![row + 1];
        for (column, &to) in b.iter().enumerate() {
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&line, column) + 1)
                .min(at(&above, column + 1) + 1)
                .min(at(&above, column) + usize::from(from != to));
            let swapped = column > 0 && previous == Some(to) && b.get(column - 1) == Some(&from);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
        previous = Some(from);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_within_reason() {
        let words = ["schedule", "url", "name", "timezone", "seed"];
        for (typed, meant) in [
            ("shedule", Some("schedule")),
            ("Schedule", Some("schedule")),
            ("scheduel", Some("schedule")),
            ("ulr", Some("url")),
            ("time_zone", Some("timezone")),
            ("sched", Some("schedule")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
