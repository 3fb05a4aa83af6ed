//! Long texts, set apart. The serialiser (html5ever 0.40) looks at all that follows
//! in a text for each `&` in it, so that a text of nothing else takes time that
//! grows with its square (P15). An empty comment ends a text for the parser, and
//! does not survive the sanitiser.

use std::borrow::Cow;

/// Texts are set apart after so many bytes. Paragraphs stay far under it.
const LONGEST: usize = 16 * 1024;
const END: &str = "<!---->";

/// The same HTML, in which no text is much longer; borrowed when none was.
pub(super) fn set_apart(html: &str) -> Cow<'_, str> {
    let (mut apart, mut rest, mut in_tag) = (String::new(), html, false);
    while rest.len() > LONGEST {
        let window = rest.get(..rest.floor_char_boundary(LONGEST)).unwrap_or(rest);
        let end = match window.rfind('<') {
            Some(tag) => tag + 1,
            None if in_tag => window.len(),
            // Not inside a reference.
            None => window.rfind('&').filter(|at| *at > 0).unwrap_or(window.len()),
        };
        let (text, behind) = rest.split_at(end);
        apart.push_str(text);
        match (text.rfind('<'), text.rfind('>')) {
            (None, None) if !in_tag => apart.push_str(END),
            (None, None) => {}
            (opens, closes) => in_tag = opens > closes,
        }
        rest = behind;
    }
    if apart.is_empty() {
        return Cow::Borrowed(html);
    }
    apart.push_str(rest);
    Cow::Owned(apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_set_apart_and_nothing_else() {
        let paragraphs = "<p>one &amp; two</p>".repeat(10_000);
        assert!(matches!(set_apart("short"), Cow::Borrowed(_)));
        assert_eq!(set_apart(&paragraphs), paragraphs);
        let attribute = format!("<a title=\"{}\">x</a>", "&amp;".repeat(10_000));
        assert_eq!(set_apart(&attribute), attribute);
        for text in ["&amp;", "가", "a", "a &lt; b "] {
            let long = text.repeat(20_000);
            let apart = set_apart(&long);
            assert!(apart.contains(END) && apart.replace(END, "") == long, "{text}");
            assert!(apart.split(END).all(|text| text.len() <= LONGEST && !text.starts_with("amp;")));
        }
    }
}
