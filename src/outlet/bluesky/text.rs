//! A post's words and what in them leads somewhere: ranges of bytes, as
//! `app.bsky.richtext.facet` has them. Nothing else in a text does anything: nobody is
//! mentioned and no tag is made without one.

use crate::domain::outlet::{Blank, Status};
use crate::domain::url::HttpUrl;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

/// The most of a text (`app.bsky.feed.post`, `text`): `maxGraphemes` and `maxLength`.
const MOST: usize = 300;
const MOST_BYTES: usize = 3_000;
/// The most of a tag (`app.bsky.richtext.facet#tag`).
const MOST_OF_TAG: usize = 64;
/// So much of an address is shown; all of it is behind that.
const SHOWN: usize = 30;
/// They stand around what leads somewhere until the text is done; no reader's font knows them.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// A text with its facets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rich {
    pub(super) text: String,
    pub(super) facets: Vec<Value>,
}

/// What a post says, as long as posts may be.
pub(super) fn rich(status: &Status, url: Option<&HttpUrl>) -> Rich {
    let marked = status.written(written, |text| fits(&text.replace([OPEN, CLOSE], "")));
    let (mut text, mut facets) = (String::with_capacity(marked.len()), Vec::new());
    let mut parts = marked.split(OPEN);
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (inside, behind) = part.split_once(CLOSE).unwrap_or((part, ""));
        let start = text.len();
        text.push_str(inside);
        let feature = match (inside.strip_prefix('#'), url) {
            (Some(tag), _) => Some(json!({ "$type": "app.bsky.richtext.facet#tag", "tag": tag })),
            (None, Some(url)) => Some(json!({ "$type": "app.bsky.richtext.facet#link", "uri": url })),
            (None, None) => None,
        };
        let index = json!({ "byteStart": start, "byteEnd": text.len() });
        facets.extend(feature.map(|feature| json!({ "index": index, "features": [feature] })));
        text.push_str(behind);
    }
    Rich { text, facets }
}

fn fits(text: &str) -> bool {
    text.len() <= MOST_BYTES && text.graphemes(true).count() <= MOST
}

fn written(blank: Blank, value: &str) -> String {
    let value = value.replace([OPEN, CLOSE], "");
    let marked = |words: &str| format!("{OPEN}{words}{CLOSE}");
    match blank {
        Blank::Url if value.is_empty() => value,
        Blank::Url => marked(&shown(&value)),
        Blank::Tags => {
            let is_tag = |tag: &&str| tag.len() > 1 && tag.graphemes(true).count() <= MOST_OF_TAG;
            value.split_whitespace().filter(is_tag).map(marked).collect::<Vec<_>>().join(" ")
        }
        _ => value,
    }
}

/// An address without its scheme, and not all of it where it is long.
fn shown(url: &str) -> String {
    let bare = url.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    if bare.chars().nth(SHOWN).is_none() {
        return bare.to_owned();
    }
    let kept: String = bare.chars().take(SHOWN - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(wording: &str, text: &str) -> Rich {
        let value = |blank| match blank {
            Blank::Title => "@kim #느린 \u{e000}편지".to_owned(),
            Blank::Url => "https://blog.example.com/a-long-way-to-it".to_owned(),
            Blank::Tags => "#글 #letters #".to_owned(),
            _ => String::new(),
        };
        let url: HttpUrl = "https://blog.example.com/a-long-way-to-it".parse().unwrap();
        rich(&Status::new(wording.parse().unwrap(), value, text.to_owned()), Some(&url))
    }

    #[test]
    fn facets_are_ranges_of_bytes_of_what_leads_somewhere_and_of_nothing_else() {
        let rich = said("{title}\n{tags}\n{url}", "");
        assert_eq!(rich.text, "@kim #느린 편지\n#글 #letters\nblog.example.com/a-long-way-t…");
        let ranges = rich.facets.iter().map(|facet| {
            let at = |name: &str| usize::try_from(facet["index"][name].as_u64().unwrap()).unwrap();
            (rich.text.get(at("byteStart")..at("byteEnd")).unwrap(), facet["features"][0].clone())
        });
        let ranges: Vec<_> = ranges.collect();
        assert_eq!(
            ranges.iter().map(|(words, _)| *words).collect::<Vec<_>>(),
            ["#글", "#letters", "blog.example.com/a-long-way-t…"]
        );
        assert_eq!(ranges[0].1["tag"], "글");
        assert_eq!(ranges[2].1["uri"], "https://blog.example.com/a-long-way-to-it");
    }

    #[test]
    fn a_text_is_as_long_as_both_limits_allow() {
        assert_eq!(said("{text}", &"편".repeat(301)).text.graphemes(true).count(), 300);
        // Eleven graphemes of 25 bytes and more in a family.
        assert!(said("{text}", &"👩‍👩‍👧‍👦".repeat(200)).text.len() <= 3_000);
        assert_eq!(said("{text}\n{tags}", &"편".repeat(301)).facets.len(), 2);
    }
}
