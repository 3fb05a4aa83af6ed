//! Lines and excerpts that end early, without breaking a word where there is one.

/// The beginning of `text`, at most `most` characters and an ellipsis.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let head = text.get(..end).unwrap_or(text);
    // A space in the first half would throw away too much: some languages have none.
    let end = head.rfind(char::is_whitespace).filter(|&space| space > end / 2).unwrap_or(end);
    // A joiner or selector at the end would reach for a character that is gone.
    let kept = head.get(..end).unwrap_or(head).trim_end_matches(|c: char| {
        c.is_whitespace() || matches!(c, ',' | '.' | ':' | ';' | '·' | '\u{200d}' | '\u{fe0f}')
    });
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn words_stay_whole_where_there_are_words() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("one two, three", 10), "one two…");
        assert_eq!(cut("가나다라마바사", 3), "가나다…");
        assert_eq!(cut("a verylongwordwithoutend", 12), "a verylongwo…");
        assert_eq!(cut("👩\u{200d}💻👩\u{200d}💻", 2), "👩…");
    }
}
