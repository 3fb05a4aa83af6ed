//! HTML that a parser takes in linear time. What HTML's rules let grow without
//! end (elements, nesting, attributes, formatting that is opened and never closed)
//! is cut back before anything parses it, so that no text can stop the reader (P15).
//! What people write stays as it is.

use std::borrow::Cow;

/// What stands behind so many tags is left out. The longest pages have a tenth.
const MAX_TAGS: usize = 100_000;
/// Elements may be nested this deep. Real posts stay under 30.
const MAX_DEPTH: usize = 128;
/// A tag keeps so many attributes.
const MAX_ATTRIBUTES: usize = 256;
/// So many formatting elements may be left open by what closes around them. The
/// parser opens each of them again in every later paragraph.
const MAX_DANGLING: usize = 8;

const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
/// Elements that the parser opens again when something else closed them.
const FORMATTING: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
/// Elements that end where the next of their kind begins.
const IMPLIED: [&str; 9] = ["dd", "dt", "li", "option", "p", "rp", "rt", "td", "tr"];

/// The same HTML within bounds; borrowed when it was within them.
#[must_use]
pub fn bounded(html: &str) -> Cow<'_, str> {
    let mut bounds = Bounds { html, kept: String::new(), copied: 0, open: Vec::new(), dangling: 0 };
    let (mut at, mut tags) = (0, 0);
    while let Some(found) = html.get(at..).and_then(|rest| rest.find('<')) {
        let begin = at + found;
        let rest = html.get(begin + 1..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("!--") {
            let Some(end) = comment.find("-->") else { break };
            at = begin + "<!--".len() + end + "-->".len();
            continue;
        }
        let closes = rest.starts_with('/');
        let name = name(rest.get(usize::from(closes)..).unwrap_or_default());
        if name.is_empty() {
            at = begin + 1;
            // Not the beginning of a declaration or a section: an author's own words, which a parser would
            // take for a comment.
            if rest
                .strip_prefix('!')
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '['))
            {
                bounds.replace(begin, at, "&lt;");
            }
            continue;
        }
        tags += 1;
        if tags > MAX_TAGS {
            bounds.replace(begin, html.len(), "");
            break;
        }
        let tag = Tag::measure(html, begin);
        at = tag.end;
        if closes { bounds.close(name, begin) } else { bounds.open(name, begin, &tag) }
    }
    bounds.finish()
}

/// Where a tag ends, and where its attributes become too many.
struct Tag {
    end: usize,
    cut: Option<usize>,
}

impl Tag {
    fn measure(html: &str, begin: usize) -> Self {
        let (mut quote, mut attributes, mut cut, mut before) = (None, 0, None, b'<');
        for (at, &byte) in html.as_bytes().iter().enumerate().skip(begin + 1) {
            match quote {
                Some(open) if byte == open => quote = None,
                Some(_) => {}
                None if byte == b'>' => return Self { end: at + 1, cut },
                None if matches!(byte, b'"' | b'\'') && before == b'=' => quote = Some(byte),
                None => {
                    let begins = !byte.is_ascii_whitespace() && byte != b'/' && byte != b'=';
                    if begins && (before.is_ascii_whitespace() || matches!(before, b'/' | b'"' | b'\'')) {
                        attributes += 1;
                        if attributes == MAX_ATTRIBUTES + 1 {
                            cut = Some(at);
                        }
                    }
                }
            }
            // White space around the equals sign does not count.
            if !(byte.is_ascii_whitespace() && before == b'=') {
                before = byte;
            }
        }
        Self { end: html.len(), cut }
    }
}

/// What is open at a place, as far as a parser would have it so.
struct Bounds<'a> {
    html: &'a str,
    kept: String,
    copied: usize,
    open: Vec<&'a str>,
    dangling: usize,
}

impl<'a> Bounds<'a> {
    fn open(&mut self, name: &'a str, begin: usize, tag: &Tag) {
        if among(&VOID, name) {
            self.shorten(tag);
            return;
        }
        if among(&IMPLIED, name) {
            let mut near = self.open.iter().rev().take_while(|open| among(&IMPLIED, open) || among(&FORMATTING, open));
            if let Some(above) = near.position(|open| open.eq_ignore_ascii_case(name)) {
                self.leave(self.open.len() - 1 - above, begin);
            }
        }
        if self.open.len() >= MAX_DEPTH {
            self.replace(begin, tag.end, "");
            return;
        }
        self.shorten(tag);
        self.open.push(name);
    }

    fn close(&mut self, name: &str, begin: usize) {
        if let Some(at) = self.open.iter().rposition(|open| open.eq_ignore_ascii_case(name)) {
            self.leave(at + 1, begin);
            self.open.truncate(at);
        }
    }

    /// Leaves everything from `depth` on open behind. Formatting that dangles
    /// is closed by name once there is too much of it.
    fn leave(&mut self, depth: usize, here: usize) {
        let mut ends = String::new();
        for name in self.open.split_off(depth.min(self.open.len())).into_iter().rev() {
            if among(&FORMATTING, name) {
                self.dangling += 1;
                if self.dangling > MAX_DANGLING {
                    ends.push_str("</");
                    ends.push_str(name);
                    ends.push('>');
                }
            }
        }
        if !ends.is_empty() {
            self.replace(here, here, &ends);
        }
    }

    fn shorten(&mut self, tag: &Tag) {
        if let Some(cut) = tag.cut {
            self.replace(cut, tag.end, ">");
        }
    }

    fn replace(&mut self, begin: usize, end: usize, with: &str) {
        self.kept.push_str(self.html.get(self.copied..begin).unwrap_or_default());
        self.kept.push_str(with);
        self.copied = end;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 && self.kept.is_empty() {
            return Cow::Borrowed(self.html);
        }
        self.kept.push_str(self.html.get(self.copied..).unwrap_or_default());
        Cow::Owned(self.kept)
    }
}

fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | ':' | '_')).unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { "" }
}

fn among(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_as_it_is() {
        let old = "<p>One<b>x<p>Two".repeat(3);
        for html in [
            "",
            "plain < text > only & more",
            "<p>A <b>b</b><br><img src='x>y' alt=\"a\"> c</p><!-- <div> -->",
            "<ul><li>a<li>b<ul><li>c</ul></ul><table><tr><td>1<td>2<tr><td>3</table>",
            &old,
            &"<p>unclosed".repeat(1_000),
            &"<tr><td>cell".repeat(1_000),
            "<p title='never closed",
        ] {
            assert!(matches!(bounded(html), Cow::Borrowed(_)), "{html}");
        }
    }

    #[test]
    fn what_only_begins_like_a_declaration_is_words() {
        assert_eq!(bounded("a <!' b <b>c</b>"), "a &lt;!' b <b>c</b>");
        for html in ["<!DOCTYPE html>a", "<![CDATA[a]]>", "<![if x]>a<![endif]>", "<!-- a -->", "<!--"] {
            assert_eq!(bounded(html), html);
        }
    }

    #[test]
    fn what_grows_without_end_is_cut_back() {
        let tower = bounded(&"<div>".repeat(1_000)).into_owned();
        assert_eq!(tower.matches("<div>").count(), MAX_DEPTH);
        assert_eq!(bounded(&"<br>".repeat(MAX_TAGS + 9)).matches("<br>").count(), MAX_TAGS);
        let crossed = bounded(&"<div></b>".repeat(1_000)).into_owned();
        assert_eq!(crossed.matches("<div>").count(), MAX_DEPTH);
        let nested = bounded(&"<ul><li>".repeat(1_000)).into_owned();
        assert_eq!(nested.matches("<ul>").count(), MAX_DEPTH / 2);
        let many: Vec<String> = (0..1_000).map(|n| format!(" a{n} = '>'")).collect();
        let many = many.concat();
        assert_eq!(bounded(&format!("<p{many}>x")).matches(" = ").count(), MAX_ATTRIBUTES);
        let dangling: Vec<String> = (0..100).map(|n| format!("<p><b id={n}></p>")).collect();
        assert_eq!(bounded(&dangling.concat()).matches("</b>").count(), 100 - MAX_DANGLING);
    }
}
