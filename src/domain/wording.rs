//! When two titles or texts say the same: what typography and encoding change does not count.

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};

/// A text as it is compared: compatibility forms are one (NFKC), quotes, dashes
/// and ellipses plain, white space single, and what has no width is gone.
#[must_use]
pub fn plain(text: &str) -> String {
    let shown = text.chars().filter(|&c| c.is_whitespace() || !has_no_width(c)).map(typed);
    let mut plain = String::with_capacity(text.len());
    if is_nfkc_quick(shown.clone()) == IsNormalized::Yes {
        shown.for_each(|c| push(&mut plain, c));
    } else {
        // A few compatibility forms of dashes are typographer's themselves.
        shown.nfkc().map(typed).for_each(|c| push(&mut plain, c));
    }
    let kept = plain.trim_end().len();
    plain.truncate(kept);
    plain
}

/// What a keyboard has in a typographer's place.
fn typed(c: char) -> char {
    match c {
        '‘' | '’' | '‚' | '‛' | '′' | '`' | '´' => '\'',
        '“' | '”' | '„' | '‟' | '″' | '〝' | '〞' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '⸺' | '⸻' => '-',
        c => c,
    }
}

/// Adds a character; of spaces and dashes in a row one stays, for of two or three
/// dashes typographers make one.
fn push(plain: &mut String, c: char) {
    let c = if c.is_whitespace() { ' ' } else { c };
    let again = matches!(c, ' ' | '-') && plain.ends_with(c);
    if !(again || (c == ' ' && plain.is_empty())) {
        plain.push(c);
    }
}

/// Joiners, marks of direction and of form, and places where a line may break.
fn has_no_width(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{fe0e}' | '\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typography_does_not_count_and_words_do() {
        for (one, other) in [
            ("“It’s” – here…", "\"It's\" - here..."),
            ("a  b\n\tc ", " a b c"),
            ("a\u{a0}b", "a b"),
            ("a\u{200b}b\u{feff}", "ab"),
            ("ﬁne Ⅳ ①", "fine IV 1"),
            ("２０２６ ＡＢＣ！", "2026 ABC!"),
            ("\u{1100}\u{1161}", "가"),
            ("one -- two --- three", "one – two — three"),
            ("soft\u{ad}hyphen", "softhyphen"),
            ("", " \u{200b} "),
        ] {
            assert_eq!(plain(one), plain(other), "{one} {other}");
        }
        for (one, other) in [
            ("It's", "Its"),
            ("a b", "ab"),
            ("Post", "post"),
            ("Post 1", "Post 2"),
            ("café", "cafe"),
            ("가", "나"),
            ("-", ""),
            ("C", "C++"),
            ("a?", "a!"),
            ("1-2", "12"),
        ] {
            assert_ne!(plain(one), plain(other), "{one} {other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_plain_stays_so(text in "\\PC{0,30}") {
            let once = plain(&text);
            proptest::prop_assert_eq!(plain(&once), once);
        }
    }
}
