//! The letters of a text, as they count for comparing: what typography, spelling of
//! characters and markup change is gone.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, is_nfkc_quick};

/// Of one text, so many letters are looked at, which is a book's chapter or two.
const MOST: usize = 200_000;
/// A title of less, in units, is shared by chance.
pub(super) const SHORTEST_TITLE: u32 = 8;

/// Letters and digits, composed (NFKC), their case folded; nothing else.
pub(super) struct Letters(Vec<char>);

impl Letters {
    pub(super) fn of(text: &str) -> Self {
        // Marks stay until they are composed with their letters.
        let counted = |c: &char| c.is_alphanumeric() || is_combining_mark(*c);
        let text: String = text.chars().filter(counted).take(MOST).collect();
        let is_composed = is_nfkc_quick(text.chars()) == IsNormalized::Yes;
        Self(if is_composed { folded(text.chars()) } else { folded(text.nfkc()) })
    }

    /// In units.
    pub(super) fn length(&self) -> u32 {
        self.0.iter().map(|letter| weight(*letter)).sum()
    }

    pub(super) fn as_slice(&self) -> &[char] {
        &self.0
    }
}

/// By way of upper case, as Unicode folds most: `ß` is `ss`, and `ς` is `σ`.
fn folded(letters: impl Iterator<Item = char>) -> Vec<char> {
    let fold = |letter: char| {
        let (lower, rest) = if letter.is_ascii() || is_syllable(letter) {
            (Some(letter.to_ascii_lowercase()), None)
        } else {
            (None, Some(letter.to_uppercase().flat_map(char::to_lowercase)))
        };
        lower.into_iter().chain(rest.into_iter().flatten())
    };
    letters.flat_map(fold).filter(|letter| letter.is_alphanumeric()).take(MOST).collect()
}

/// What a letter weighs, in units: a letter of an alphabet is one, and a Hangul
/// syllable, a kana or a Han character says as much as three of them.
pub(super) fn weight(letter: char) -> u32 {
    if is_syllable(letter) { 3 } else { 1 }
}

fn is_syllable(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3ffff}')
}
