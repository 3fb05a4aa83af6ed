//! The operator's own words with blanks, such as `{title}: {first}, {date}`. What
//! is filled in is not looked at again.

use std::fmt;
use std::str::FromStr;

/// What the blanks of a kind of wording may be.
pub trait Blank: Copy + PartialEq + 'static {
    /// All of them, each by its name.
    const NAMED: &'static [(&'static str, Self)];
    /// Whether the words may go over several lines.
    const LINES: bool = false;
}

/// Words with blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording<B>(Vec<Part<B>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<B> {
    Words(String),
    Blank(B),
}

impl<B> Default for Wording<B> {
    /// No words.
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<B: Blank> Wording<B> {
    /// Whether it has that blank.
    #[must_use]
    pub fn has(&self, blank: B) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Blank(own) if *own == blank))
    }

    /// The words with each blank filled in by `value`.
    #[must_use]
    pub fn filled(&self, value: impl Fn(B) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Words(words) => words.clone(),
            Part::Blank(blank) => value(*blank),
        });
        parts.collect()
    }

    /// What stands before and behind the first blank of that kind; `None` when it has none.
    #[must_use]
    pub fn around(&self, blank: B) -> Option<(Self, Self)> {
        let at = self.0.iter().position(|part| matches!(part, Part::Blank(own) if *own == blank))?;
        let (before, behind) = self.0.split_at(at);
        Some((Self(before.to_vec()), Self(behind.iter().skip(1).cloned().collect())))
    }
}

impl<B: Blank> FromStr for Wording<B> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let odd = |c: char| c.is_control() && !(B::LINES && c == '\n');
        if text.trim().is_empty() || text.chars().any(odd) {
            let lines = if B::LINES { "must be words" } else { "must be one line of words" };
            return Err(format!("{lines}, without control characters"));
        }
        let known = || B::NAMED.iter().map(|(name, _)| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((words, behind)) = rest.split_once('{') {
            let (name, after) =
                behind.split_once('}').ok_or_else(|| format!("has a `{{` without its `}}`; blanks are {}", known()))?;
            let blank = B::NAMED.iter().find(|(known, _)| *known == name);
            let (_, blank) = blank.ok_or_else(|| {
                format!("has an unknown blank {{{}}}; there are {}", name.chars().take(60).collect::<String>(), known())
            })?;
            parts.extend([Part::Words(words.to_owned()), Part::Blank(*blank)]);
            rest = after;
        }
        parts.push(Part::Words(rest.to_owned()));
        Ok(Self(parts))
    }
}

impl<B: Blank> fmt::Display for Wording<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Words(words) => f.write_str(words)?,
                Part::Blank(blank) => {
                    let name = B::NAMED.iter().find(|(_, other)| other == blank).map_or("", |(name, _)| name);
                    write!(f, "{{{name}}}")?;
                }
            }
        }
        Ok(())
    }
}
