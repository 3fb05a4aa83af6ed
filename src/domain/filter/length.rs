//! How long a text is, as rules have it: in characters, or in minutes of reading.

use std::fmt;

/// How long a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many characters.
    Characters(u32),
    /// So many minutes of reading.
    Minutes(u32),
}

impl Length {
    /// `300`, `5_000`, `1 minute`, `5 minutes`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| digits.chars().filter(|c| *c != '_').collect::<String>().parse().ok();
        match text.split_once(' ') {
            None => number(text).map(Self::Characters),
            Some((digits, unit)) if matches!(unit.trim(), "minute" | "minutes") => number(digits).map(Self::Minutes),
            Some(_) => None,
        }
    }

    /// As it was written.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Characters(number) | Self::Minutes(number) => number,
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Characters(number) => write!(f, "{number}"),
            Self::Minutes(1) => f.write_str("1 minute"),
            Self::Minutes(number) => write!(f, "{number} minutes"),
        }
    }
}
