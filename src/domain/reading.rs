//! How long a text takes to read.

/// Words that a reader takes in a minute, in scripts that set them apart.
const WORDS: u64 = 220;
/// Letters that one takes in a minute where each is a syllable or a word of its own.
const SYLLABLES: u64 = 500;

/// How many minutes it takes to read a text, in any mixture of scripts; at least one.
#[must_use]
pub fn minutes(text: &str) -> u64 {
    let (mut words, mut syllables, mut in_word) = (0_u64, 0_u64, false);
    for c in text.chars() {
        if is_syllable(c) {
            syllables += 1;
            in_word = false;
        } else if c.is_alphanumeric() {
            words += u64::from(!in_word);
            in_word = true;
        } else {
            // An apostrophe or a hyphen joins what is one word.
            in_word = in_word && matches!(c, '\'' | '’' | '-');
        }
    }
    // Whole minutes, rounded.
    let thirds = words * SYLLABLES + syllables * WORDS;
    ((thirds + WORDS * SYLLABLES / 2) / (WORDS * SYLLABLES)).max(1)
}

/// Hangul syllables, kana, and the Han script.
fn is_syllable(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_220_words_or_500_syllables() {
        assert_eq!((minutes(""), minutes("one")), (1, 1));
        assert_eq!(minutes(&"it's well-known ".repeat(330)), 3);
        assert_eq!(minutes(&"글쓰기는 어렵다. ".repeat(215)), 3);
        assert_eq!(minutes(&format!("{}{}", "가".repeat(500), " word".repeat(220))), 2);
    }
}
