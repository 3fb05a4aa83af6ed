//! Character references: XML's five, numbers, HTML's names, and what a document
//! declares for itself. Nothing expands to markup or to another reference, and
//! what a document's own entities may add is counted (P15).

use super::repair::{Repair, Repairs};
use markup5ever::data::NAMED_ENTITIES;
use quick_xml::escape::resolve_xml_entity;
use std::borrow::Cow;

/// More than this is no entity's name.
const LONGEST_NAME: usize = 40;
/// A declared entity's value may be this long.
const LONGEST_VALUE: usize = 200;
/// So many bytes may come from declared entities in one document.
const MOST_EXPANDED: usize = 1024 * 1024;

/// The entities that a document declares in its own head.
#[derive(Debug, Default)]
pub(super) struct Entities {
    declared: Vec<(String, String)>,
    expanded: usize,
}

impl Entities {
    /// Takes note of `<!ENTITY name "value">` in a document type declaration.
    /// Values with markup or further references in them are left out.
    pub(super) fn declare(&mut self, doctype: &str) {
        for declaration in doctype.split("<!ENTITY").skip(1).take(300) {
            let mut words = declaration.trim_start().splitn(2, char::is_whitespace);
            let (Some(name), Some(rest)) = (words.next(), words.next()) else { continue };
            let rest = rest.trim_start();
            let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
            let Some(value) = rest.get(1..).and_then(|rest| rest.split(quote).next()) else { continue };
            let value = match value.strip_prefix("&#").and_then(|rest| rest.strip_suffix(';')) {
                Some(number) => number_of(number).map(String::from),
                None => Some(value.to_owned()),
            };
            if let Some(value) = value.filter(|value| value.len() <= LONGEST_VALUE && !value.contains(['&', '<'])) {
                self.declared.push((name.to_owned(), value));
            }
        }
    }

    /// What `&name;` stands for.
    pub(super) fn resolve(&mut self, name: &str, repairs: &mut Repairs) -> Option<Cow<'static, str>> {
        if let Some(known) = resolve_xml_entity(name) {
            return Some(Cow::Borrowed(known));
        }
        if let Some(number) = name.strip_prefix('#') {
            let text = number_of(number)?;
            return Some(Cow::Owned(text.to_string()));
        }
        if let Some((_, value)) = self.declared.iter().find(|(declared, _)| declared == name) {
            self.expanded += value.len();
            return Some(Cow::Owned(if self.expanded > MOST_EXPANDED { String::new() } else { value.clone() }));
        }
        let known = html_name(name)?;
        repairs.note(Repair::Entities);
        Some(Cow::Owned(known))
    }

    /// Text with its references resolved. An ampersand that begins none is an
    /// ampersand.
    pub(super) fn decode<'a>(&mut self, text: &'a str, repairs: &mut Repairs) -> Cow<'a, str> {
        let Some(first) = text.find('&') else { return Cow::Borrowed(text) };
        let (plain, mut rest) = text.split_at(first);
        let mut decoded = String::with_capacity(text.len());
        decoded.push_str(plain);
        while let Some(behind) = rest.strip_prefix('&') {
            let end = behind.as_bytes().iter().take(LONGEST_NAME).position(|byte| *byte == b';');
            let name = end.and_then(|end| behind.get(..end));
            let found = name.and_then(|name| Some((self.resolve(name, repairs)?, name.len() + 1)));
            rest = if let Some((value, length)) = found {
                decoded.push_str(&value);
                behind.get(length..).unwrap_or_default()
            } else {
                repairs.note(Repair::Ampersands);
                decoded.push('&');
                behind
            };
            let (plain, further) = rest.split_at(rest.find('&').unwrap_or(rest.len()));
            decoded.push_str(plain);
            rest = further;
        }
        Cow::Owned(decoded)
    }
}

/// What a name stands for in HTML: one character, or seldom two.
fn html_name(name: &str) -> Option<String> {
    let (one, two) = *NAMED_ENTITIES.get(&format!("{name};"))?;
    let characters = [one, two].into_iter().filter(|code| *code != 0).filter_map(char::from_u32);
    Some(characters.collect()).filter(|text: &String| !text.is_empty())
}

/// The character of `38` or `x26`. Numbers between 128 and 159 mean what they
/// mean in windows-1252, as in HTML.
fn number_of(number: &str) -> Option<char> {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    // A plus sign is a number to Rust, and nothing to XML.
    let code = code.ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    if let Ok(byte @ 0x80..=0x9F) = u8::try_from(code) {
        let bytes = [byte];
        return encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes).0.chars().next();
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    let forbidden = character.is_control() && !matches!(character, '\t' | '\n' | '\r')
        || matches!(character, '\u{fffe}' | '\u{ffff}');
    Some(if forbidden { ' ' } else { character })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> (String, Repairs) {
        let mut repairs = Repairs::default();
        let mut entities = Entities::default();
        entities.declare("rss [<!ENTITY our 'Our Blog'> <!ENTITY odd \"a&amp;b\"> <!ENTITY nb \"&#160;\"> <!ENTITY f SYSTEM \"file:///x\">]");
        (entities.decode(text, &mut repairs).into_owned(), repairs)
    }

    #[test]
    fn references_mean_what_they_mean_and_a_bare_ampersand_is_one() {
        for (text, meant) in [
            ("a &amp; b &lt;c&gt; &quot;d&quot; &apos;", "a & b <c> \"d\" '"),
            ("&#44032;&#xAC00;&#XAC00;", "가가가"),
            ("&#146;s &#x93;q&#x94;", "’s “q”"),
            ("&#0;&#8;x", "  x"),
            ("&#xD800;&#99999999;", "\u{fffd}\u{fffd}"),
            ("&our; and &nb;", "Our Blog and \u{a0}"),
            ("&odd;&f;&nope;", "&odd;&f;&nope;"),
            ("AT&T & co &", "AT&T & co &"),
            ("?a=1&b=2;c", "?a=1&b=2;c"),
        ] {
            assert_eq!(decoded(text).0, meant, "{text}");
        }
        assert_eq!(decoded("&eacute;&mdash;&alpha;&Aogon;&NotEqualTilde;&alph;").0, "é—αĄ≂\u{338}&alph;");
        assert_eq!(decoded("&eacute;").1.to_string(), "HTML entities");
        assert_eq!(decoded("a & b").1.to_string(), "bare ampersands");
    }

    #[test]
    fn what_entities_add_is_bounded() {
        let mut entities = Entities::default();
        entities.declare(&format!("[<!ENTITY a \"{}\">]", "x".repeat(LONGEST_VALUE)));
        let text = "&a;".repeat(100_000);
        assert!(entities.decode(&text, &mut Repairs::default()).len() <= MOST_EXPANDED);
    }
}
