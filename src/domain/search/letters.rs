//! Letters and the runs and words that they make, in every script.

use std::borrow::Cow;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization as _;

/// Longer words are what no person types; in bytes.
const LONGEST_WORD: usize = 64;

/// Every word of a text that was folded.
pub(super) fn words(folded: &str) -> impl Iterator<Item = &str> {
    runs(folded).flat_map(move |(range, is_paired)| {
        let letters = folded.get(range).unwrap_or_default();
        let (whole, pairs) = if is_paired { (None, Some(paired(letters))) } else { (Some(short(letters)), None) };
        whole.into_iter().chain(pairs.into_iter().flatten())
    })
}

/// The pairs of letters of a run, and its last letter.
pub(super) fn paired(run: &str) -> impl Iterator<Item = &str> {
    run.char_indices().map(|(at, letter)| {
        let next = at + letter.len_utf8();
        let end = run.get(next..).and_then(|rest| rest.chars().next()).map_or(next, |after| next + after.len_utf8());
        run.get(at..end).unwrap_or_default()
    })
}

/// Where letters follow each other without anything between, and whether they are taken in pairs.
pub(super) fn runs(folded: &str) -> impl Iterator<Item = (Range<usize>, bool)> {
    let mut letters = folded.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (start, letter) = letters.next()?;
            let Some(is_paired) = kind(letter) else { continue };
            let mut end = start + letter.len_utf8();
            while let Some((at, next)) = letters.next_if(|(_, next)| kind(*next) == Some(is_paired)) {
                end = at + next.len_utf8();
            }
            return Some((start..end, is_paired));
        }
    })
}

/// Whether a letter is taken with the next one; `None` for what is no letter.
fn kind(letter: char) -> Option<bool> {
    if letter.is_ascii() {
        return letter.is_ascii_alphanumeric().then_some(false);
    }
    let is_paired = matches!(letter,
        // Thai, Lao, Burmese, Khmer with their vowels, which stand without spaces.
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{e81}'..='\u{ecd}'
        | '\u{1000}'..='\u{103f}' | '\u{1780}'..='\u{17d3}'
        // Jamo, kana, Bopomofo, Han, Hangul.
        | '\u{1100}'..='\u{11ff}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'
        | '\u{3105}'..='\u{318e}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    (is_paired || letter.is_alphanumeric()).then_some(is_paired)
}

/// A word as far as it counts.
pub(super) fn short(word: &str) -> &str {
    word.get(..word.floor_char_boundary(LONGEST_WORD)).unwrap_or(word)
}

/// In lower case, composed, without accents; what looks alike is alike (NFKD).
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_folded) {
        return Cow::Borrowed(text);
    }
    if text.chars().all(|letter| letter.is_ascii_uppercase() || is_folded(letter)) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Owned(text.nfkd().filter(|letter| !is_accent(*letter)).nfc().flat_map(char::to_lowercase).collect())
}

/// What stays as it is, and needs no look at the tables of Unicode.
fn is_folded(letter: char) -> bool {
    matches!(letter, '\0'..='@' | '['..='\u{7f}' | '\u{2010}'..='\u{2027}' | '\u{3001}'..='\u{3011}'
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

fn is_accent(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

/// The same, with where each byte of it stands in the text, which is composed already.
pub(super) fn folded_in_place(text: &str) -> (String, Vec<usize>) {
    let (mut all, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
    let mut letters = text.char_indices().peekable();
    while let Some((start, letter)) = letters.next() {
        if is_folded(letter) {
            all.push(letter);
        } else {
            let mut end = start + letter.len_utf8();
            let follows =
                |letter: char| is_accent(letter) || matches!(letter, '\u{3099}' | '\u{309a}' | '\u{ff9e}' | '\u{ff9f}');
            while let Some((at, next)) = letters.next_if(|(_, next)| follows(*next)) {
                end = at + next.len_utf8();
            }
            all.push_str(&folded(text.get(start..end).unwrap_or_default()));
        }
        places.resize(all.len(), start);
    }
    places.push(text.len());
    (all, places)
}
