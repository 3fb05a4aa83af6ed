//! The languages that pages and mails are written in. Two come with the program; any
//! other of this list has its texts in a file of the operator's (docs/templates.md).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A language by its tag (BCP 47): one of [`TAGS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(&'static str);

/// What may be a language: the codes of ISO 639-1, a few of the longer ones, and those
/// whose writing is told apart by script or country.
const TAGS: &[&str] = &[
    "aa", "ab", "af", "ak", "am", "an", "ar", "as", "av", "ay", "az", "ba", "be", "bg", "bi", "bm", "bn", "bo", "br",
    "bs", "ca", "ce", "ch", "ckb", "co", "cr", "cs", "cv", "cy", "da", "de", "dv", "dz", "ee", "el", "en", "en-GB",
    "eo", "es", "et", "eu", "fa", "ff", "fi", "fil", "fj", "fo", "fr", "fr-CA", "fy", "ga", "gd", "gl", "gn", "gu",
    "gv", "ha", "he", "hi", "ho", "hr", "ht", "hu", "hy", "hz", "ia", "id", "ie", "ig", "ii", "ik", "io", "is", "it",
    "iu", "ja", "jv", "ka", "kab", "kg", "ki", "kj", "kk", "kl", "km", "kn", "ko", "kr", "ks", "ku", "kv", "kw", "ky",
    "la", "lb", "lg", "li", "ln", "lo", "lt", "lu", "lv", "mg", "mh", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my",
    "na", "nb", "nd", "ne", "ng", "nl", "nn", "no", "nr", "nv", "ny", "oc", "oj", "om", "or", "os", "pa", "pl", "ps",
    "pt", "pt-BR", "pt-PT", "qu", "rm", "rn", "ro", "ru", "rw", "sa", "sc", "sd", "se", "sg", "si", "sk", "sl", "sm",
    "sn", "so", "sq", "sr", "sr-Latn", "ss", "st", "su", "sv", "sw", "ta", "te", "tg", "th", "ti", "tk", "tl", "tn",
    "to", "tr", "ts", "tt", "tw", "ty", "ug", "uk", "ur", "uz", "ve", "vi", "vo", "wa", "wo", "xh", "yi", "yo", "yue",
    "za", "zh", "zh-Hans", "zh-Hant", "zu",
];

/// The text is no language's tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a language that pages and mails can be written in: use \"en\", \"ko\", or the tag of another with texts of yours (docs/templates.md)"
)]
pub struct UnknownLanguage(String);

impl Language {
    /// English.
    #[expect(non_upper_case_globals, reason = "a language is named like the value that it is, beside others")]
    pub const En: Self = Self("en");
    /// Korean.
    #[expect(non_upper_case_globals, reason = "a language is named like the value that it is, beside others")]
    pub const Ko: Self = Self("ko");

    /// Those whose texts come with the program.
    pub const OURS: [Self; 2] = [Self::En, Self::Ko];

    /// Whether two letters are the code of a language (ISO 639-1), in whatever case.
    #[must_use]
    pub fn is_code(code: &str) -> bool {
        // Those that no page is written in, but posts may be.
        const MORE: [&str; 6] = ["ae", "bh", "cu", "mo", "pi", "sh"];
        TAGS.iter().chain(&MORE).any(|tag| tag.eq_ignore_ascii_case(code))
    }

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        self.0
    }

    /// The tag without script and country.
    #[must_use]
    pub fn primary(self) -> &'static str {
        self.0.split('-').next().unwrap_or(self.0)
    }
}

impl Default for Language {
    fn default() -> Self {
        Self::En
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let found = TAGS.iter().find(|tag| **tag == text);
        found.map(|tag| Self(tag)).ok_or_else(|| UnknownLanguage(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.tag())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
