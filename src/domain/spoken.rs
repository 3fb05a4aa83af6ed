//! Which language a post is in, whatever its feed says.

use super::text::language;

/// A language is told by so many characters of a text.
const SAMPLE: usize = 2_000;

/// The language of a text, as a BCP 47 tag in lower case. Feeds often declare what their program was installed with, and
/// some put the same into each entry: the text itself counts where it tells its language for sure, then what is
/// `declared`.
#[must_use]
pub fn spoken(text: &str, declared: Option<&str>) -> Option<String> {
    let declared = declared.map(|tag| tag.replace('_', "-").to_ascii_lowercase());
    let told = language(&text.chars().take(SAMPLE).collect::<String>());
    match (told, declared) {
        (Some(told), Some(declared)) if primary(&declared) != primary(&told) => Some(told),
        (told, declared) => declared.or(told),
    }
}

/// The language without script and country. Both kinds of Norwegian are often declared as one.
fn primary(tag: &str) -> &str {
    match tag.split('-').next().unwrap_or_default() {
        "nb" | "nn" => "no",
        primary => primary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_plainly_of_one_language_is_believed_before_its_feed() {
        let korean = "천천히 쓰는 편지를 좋아하는 사람들이 모여서 한 달에 한 번 서로의 글을 읽고 이야기를 나눕니다.";
        assert_eq!(spoken(korean, Some("en-US")).as_deref(), Some("ko"));
        assert_eq!(spoken(korean, Some("ko_KR")).as_deref(), Some("ko-kr"));
        assert_eq!(spoken(korean, None).as_deref(), Some("ko"));
        assert_eq!(spoken("OK", Some("fr")).as_deref(), Some("fr"));
        assert_eq!(spoken("", None), None);
    }
}
