//! Slips of the finger in the domains that most readers have: `gmial.com`,
//! `naver.con`. Only a suggestion comes of it; the reader decides.

/// Where most mailboxes are, in the West and in Korea.
const BIG: [&str; 28] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "msn.com",
    "yahoo.com",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "hotmail.co.uk",
    "icloud.com",
    "aol.com",
    "protonmail.com",
    "proton.me",
    "fastmail.com",
    "gmx.net",
    "gmx.de",
    "web.de",
    "t-online.de",
    "orange.fr",
    "yandex.ru",
    "mail.ru",
    "naver.com",
    "daum.net",
    "hanmail.net",
    "kakao.com",
    "nate.com",
    "qq.com",
];

/// Names that look like a slip and are hosts of their own.
const RIGHT: [&str; 8] = ["mail", "email", "ymail", "zmail", "hmail", "tmail", "rmail", "kmail"];

/// A name of fewer letters is too easily another.
const LEAST_NAME: usize = 5;

/// The big domain that was most likely meant by `domain` (in ASCII and lower
/// case); `None` when it is one itself, or near to none.
#[must_use]
pub fn meant(domain: &str) -> Option<&'static str> {
    let (name, ending) = domain.split_once('.')?;
    if BIG.contains(&domain) || RIGHT.contains(&name) {
        return None;
    }
    BIG.into_iter().find(|big| {
        let Some((right, end)) = big.split_once('.') else { return false };
        let name_fits = name == right || (right.len() >= LEAST_NAME && one_slip(name.as_bytes(), right.as_bytes()));
        // Two letters are a country's; a slip there is another country.
        let ending_fits = ending == end || (end.len() > 2 && one_slip(ending.as_bytes(), end.as_bytes()));
        name_fits && ending_fits
    })
}

/// Whether one letter too many, too few or wrong, or two that changed places,
/// make the difference.
pub(super) fn one_slip<T: PartialEq>(typed: &[T], right: &[T]) -> bool {
    let before = typed.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (typed, right) = (typed.get(before..).unwrap_or_default(), right.get(before..).unwrap_or_default());
    let behind = typed.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
    let left = |letters: &[T]| letters.len().saturating_sub(behind);
    match (left(typed), left(right)) {
        (0, 0) => false,
        (0 | 1, 0 | 1) => true,
        (2, 2) => matches!((typed, right), ([a, b, ..], [c, d, ..]) if a == d && b == c),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_meant_and_leaves_alone_what_is_right() {
        for (typed, right) in [
            ("gmial.com", "gmail.com"),
            ("gmail.con", "gmail.com"),
            ("gamil.con", "gmail.com"),
            ("gmail.co", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gmai.com", "gmail.com"),
            ("hotmial.com", "hotmail.com"),
            ("outlok.com", "outlook.com"),
            ("yaho.com", "yahoo.com"),
            ("navr.com", "naver.com"),
            ("naver.comm", "naver.com"),
            ("hanmail.ent", "hanmail.net"),
            ("daum.nte", "daum.net"),
            ("aol.con", "aol.com"),
        ] {
            assert_eq!(meant(typed), Some(right), "{typed}");
        }
        for fine in [
            "gmail.com",
            "mail.com",
            "ymail.com",
            "email.de",
            "gmx.at",
            "web.dk",
            "yahoo.ca",
            "yahoo.co.kr",
            "hotmail.fr",
            "example.com",
            "date.com",
            "localhost",
            "",
            ".",
            "gmail.",
            "live.nl",
        ] {
            assert_eq!(meant(fine), None, "{fine}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_is_no_trouble(typed in "\\PC{0,40}") {
            let _ = meant(&typed);
        }

        #[test]
        fn one_letter_more_is_one_slip(word in "[a-z]{1,12}", at in 0..13_usize, letter in "[a-z]") {
            let mut more = word.clone();
            more.insert_str(at.min(word.len()), &letter);
            let (longer, shorter) = (more.as_bytes(), word.as_bytes());
            assert!(one_slip(longer, shorter) && one_slip(shorter, longer), "{more} {word}");
        }
    }
}
