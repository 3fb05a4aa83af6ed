//! How much of a JSON text is read. A value takes far more memory than its two
//! bytes of text, so the number of values is bounded before anything is made of
//! them (P15).

use dom_query::Document as Html;
use serde_json::Value;

/// What separates values stands so often in a text that is read in full: twice
/// for each member of an object. The fullest feeds stay under a tenth.
const MOST_MARKS: usize = 250_000;
/// A page's scripts of linked data are read up to so many bytes, all together.
const LINKED_DATA: usize = 1024 * 1024;

/// The text up to where it has too many values; all of it, nearly always.
pub(super) fn bounded(text: &str) -> &str {
    let (mut marks, mut quoted, mut escaped) = (0, false, false);
    let end = text.bytes().position(|byte| {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            quoted = byte == b'"';
            marks += usize::from(matches!(byte, b',' | b':' | b'[' | b'{'));
        }
        marks > MOST_MARKS
    });
    text.get(..end.unwrap_or(text.len())).unwrap_or(text)
}

/// The values in a page's scripts of linked data (JSON-LD 1.1, section 7.3).
pub(super) fn linked_data(page: &Html) -> impl Iterator<Item = Value> {
    let scripts = page.select("script[type*='ld+json']");
    let mut room = LINKED_DATA;
    let texts: Vec<String> = scripts
        .iter()
        .map(|script| script.text())
        .filter(|text| {
            let fits = text.len() <= room;
            // One that is left out takes no room from the others.
            room -= if fits { text.len() } else { 0 };
            fits
        })
        // Control characters in strings are the usual fault, and break nothing else.
        .map(|text| text.replace(|c: char| c.is_control(), " "))
        .collect();
    texts.into_iter().filter_map(|text| serde_json::from_str(bounded(text.trim().trim_end_matches(';'))).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_is_too_long_hides_no_other() {
        let long = format!("[\"{}\"]", "x".repeat(LINKED_DATA));
        let page =
            format!("<script type=application/ld+json>{long}</script><script type=application/ld+json>[1]</script>");
        assert_eq!(linked_data(&Html::from(page.as_str())).collect::<Vec<_>>(), [serde_json::json!([1])]);
    }

    #[test]
    fn what_has_too_many_values_is_cut_outside_its_texts() {
        let prose = format!("[\"{}\"]", ",:[{\\\"".repeat(MOST_MARKS));
        assert_eq!(bounded(&prose), prose);
        let many = format!("[{}1]", "1,".repeat(2 * MOST_MARKS));
        assert_eq!(bounded(&many).matches(['[', ',']).count(), MOST_MARKS);
    }
}
