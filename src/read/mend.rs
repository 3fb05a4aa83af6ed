//! What an XML tokeniser would stumble over, mended before it looks: control
//! characters, and `<` that begins no tag. Everything else is read as it is.

use super::{Repair, Repairs};
use std::borrow::Cow;

/// The text as a tokeniser can take it; the same when it is in order.
pub(super) fn mend<'a>(text: &'a str, repairs: &mut Repairs) -> Cow<'a, str> {
    let forbidden = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    let mut text = Cow::Borrowed(text);
    if text.bytes().any(forbidden) {
        repairs.note(Repair::Control);
        // Vertical tabs and form feeds are white space; the others are nothing.
        let kept = text.chars().filter_map(|c| match c {
            '\u{b}' | '\u{c}' => Some(' '),
            c if u8::try_from(c).is_ok_and(forbidden) => None,
            c => Some(c),
        });
        text = kept.collect::<String>().into();
    }
    let stray = stray_angles(&text);
    if stray.is_empty() {
        return text;
    }
    repairs.note(Repair::Angle);
    let mut mended = String::with_capacity(text.len() + stray.len() * 3);
    let mut from = 0;
    for at in stray {
        mended.push_str(text.get(from..at).unwrap_or_default());
        mended.push_str("&lt;");
        from = at + 1;
    }
    mended.push_str(text.get(from..).unwrap_or_default());
    mended.into()
}

/// Where `<` stands that begins nothing.
fn stray_angles(text: &str) -> Vec<usize> {
    let mut stray = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find('<')) {
        at += next;
        let rest = text.get(at..).unwrap_or_default();
        let length = if rest.starts_with("<![CDATA[") {
            rest.find("]]>").map_or(rest.len(), |end| end + 3)
        } else if rest.starts_with("<!--") {
            rest.find("-->").map_or(rest.len(), |end| end + 3)
        } else if rest.starts_with("<!DOCTYPE") || rest.starts_with("<?") {
            2
        } else if begins_tag(rest) {
            1
        } else {
            stray.push(at);
            1
        };
        at += length;
    }
    stray
}

/// No tag is longer.
const MAX_TAG: usize = 64 * 1024;

/// Whether a tag begins here: a name behind `<` or `</`, and its `>` before the next `<`.
fn begins_tag(rest: &str) -> bool {
    let behind = rest.get(1..).unwrap_or_default();
    let name = behind.strip_prefix('/').unwrap_or(behind);
    if !name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | ':')) {
        return false;
    }
    let mut quote = None;
    for byte in name.bytes().take(MAX_TAG) {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (b'>', None) => return true,
            // A quote that is not closed: the tag's end decides.
            (b'<', None) => return false,
            _ => {}
        }
    }
    name.contains('>')
}
