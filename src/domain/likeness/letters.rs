//! The letters of a text as they count for comparing: what typography, spelling of
//! characters and markup change is gone.

use super::bounds::MOST_LETTERS;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Letters and digits, composed (NFKC), their case folded; nothing else.
pub(super) struct Letters(Vec<char>);

impl Letters {
    pub(super) fn of(text: &str) -> Self {
        // Marks stay until they are composed with their letters.
        let counts = |letter: &char| is_plain(*letter) || letter.is_alphanumeric() || is_combining_mark(*letter);
        let letters: Vec<char> = text.chars().filter(counts).take(MOST_LETTERS).collect();
        let mut folded = Vec::with_capacity(letters.len());
        // A plain letter is composed with what follows it only.
        for group in letters.chunk_by(|_, next| !is_plain(*next)) {
            match group {
                _ if folded.len() >= MOST_LETTERS => break,
                [letter] if is_plain(*letter) => folded.push(letter.to_ascii_lowercase()),
                _ => {
                    let spelt = group.iter().copied().nfkc().flat_map(fold);
                    folded.extend(spelt.filter(|letter| letter.is_alphanumeric()).take(MOST_LETTERS));
                }
            }
        }
        folded.truncate(MOST_LETTERS);
        Self(folded)
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
fn fold(letter: char) -> impl Iterator<Item = char> {
    letter.to_uppercase().flat_map(char::to_lowercase)
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

/// What needs no look at the tables of Unicode: it is composed, and ASCII has all its case.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || (letter < '\u{20000}' && is_syllable(letter))
}
