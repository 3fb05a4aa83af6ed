//! From bytes to characters.
//!
//! The byte order mark decides, then the `Content-Type` header's charset, then
//! the document's own declaration, then UTF-8 when the bytes are valid UTF-8,
//! and at last windows-1252, which every byte is a character of. A declared
//! UTF-8 that the bytes break yields to the document's other word, if any.

use super::{Repair, Repairs};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use std::borrow::Cow;

/// How far into a document its declaration is looked for (HTML gives 1,024).
const HEAD: usize = 2_048;

pub(super) fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>, repairs: &mut Repairs) -> Cow<'a, str> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(bytes.get(length..).unwrap_or_default()).0;
    }
    if let Some(encoding) = utf16_by_shape(bytes) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    let header = content_type.and_then(charset_parameter).and_then(|label| Encoding::for_label(label.as_bytes()));
    let declared = declared(bytes);
    for encoding in [header, declared, Some(UTF_8)].into_iter().flatten() {
        if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
            return text;
        }
    }
    repairs.note(Repair::Charset);
    // Nothing fits wholly: the first word given, with marks where it is wrong.
    let best = header.or(declared).unwrap_or(if mostly_utf8(bytes) { UTF_8 } else { WINDOWS_1252 });
    best.decode_without_bom_handling(bytes).0
}

/// `charset=…` of a media type (RFC 9110 section 8.3.2).
fn charset_parameter(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// What the document says of itself: an XML declaration or an HTML `meta`.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head: String = bytes.iter().take(HEAD).map(|&byte| char::from(byte).to_ascii_lowercase()).collect();
    let label = if let Some(at) = head.find("encoding=").filter(|_| head.trim_start().starts_with("<?xml")) {
        quoted(head.get(at + "encoding=".len()..)?)
    } else {
        let at = head.find("charset=")?;
        let value = head.get(at + "charset=".len()..)?.trim_start_matches(['"', '\'']);
        value.split(['"', '\'', ' ', ';', '>', '/']).next()
    };
    let encoding = Encoding::for_label(label?.trim().as_bytes())?;
    // Bytes that could be read as ASCII so far are not UTF-16, whatever they say.
    Some(encoding.output_encoding())
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.get(1..)?.split(quote).next()
}

/// UTF-16 without a mark shows as every other byte being zero.
fn utf16_by_shape(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<', 0, _, 0, ..] => Some(encoding_rs::UTF_16LE),
        [0, b'<', 0, _, ..] => Some(encoding_rs::UTF_16BE),
        _ => None,
    }
}

fn mostly_utf8(bytes: &[u8]) -> bool {
    let broken = String::from_utf8_lossy(bytes).chars().filter(|&c| c == char::REPLACEMENT_CHARACTER).count();
    broken * 100 < bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>) -> Cow<'a, str> {
        super::decode(bytes, content_type, &mut Repairs::default())
    }

    #[test]
    fn the_mark_then_the_header_then_the_declaration_decide() {
        let (korean, _, _) = encoding_rs::EUC_KR.encode("안녕하세요");
        assert_eq!(decode(&korean, Some("text/xml; charset=euc-kr")), "안녕하세요");
        let page = [b"<html><meta charset=\"euc-kr\"><p>".as_slice(), &korean].concat();
        assert!(decode(&page, None).ends_with("안녕하세요"));
        let feed = [b"<?xml version='1.0' encoding='EUC-KR'?><rss>".as_slice(), &korean].concat();
        assert!(decode(&feed, Some("text/xml")).ends_with("안녕하세요"));
        assert_eq!(decode(b"\xef\xbb\xbfa", Some("text/xml; charset=euc-kr")), "a");
        assert_eq!(decode("é".as_bytes(), Some("text/xml; charset=us-ascii; x")), "Ã©");
        assert_eq!(decode(b"caf\xe9", None), "café");
        // The header says UTF-8, the bytes and the declaration say otherwise.
        assert!(decode(&feed, Some("text/xml; charset=utf-8")).ends_with("안녕하세요"));
        assert_eq!(decode(b"<\0a\0>\0", None), "<a>");
    }
}
