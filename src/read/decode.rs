//! From bytes to characters, and from characters that were damaged on their way
//! to those that were meant.
//!
//! The byte order mark decides, then the `Content-Type` header's charset, then
//! the document's own declaration, then what the bytes look like. A word that
//! the bytes break yields to the next. That is RFC 7303's order, and feedparser's
//! by RFC 3023; from both we depart where the bytes prove more than the words:
//!
//! - What is beyond doubt UTF-8 is UTF-8, and what has the shape of UTF-16, UTF-32
//!   or ISO-2022-JP is that; UTF-16 without its shape is not. A server that adds
//!   a charset to everything has never looked.
//! - `text/xml` alone is not US-ASCII, as RFC 3023 had it (RFC 7303 took it back),
//!   and `us-ascii` says nothing of bytes that are not ASCII.
//! - A header's ISO-8859-1, which servers add by default and which every byte fits,
//!   yields to a declaration that the bytes look like.
//! - ISO-8859-1 is windows-1252, and each other label what the Encoding Standard
//!   makes of it, for so are documents written.

use super::repair::{Repair, Repairs};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// How far into a document its declaration is looked for (HTML gives 1,024).
const HEAD: usize = 2_048;
/// Text may have been encoded once, or so often.
const MOST_ENCODINGS: usize = 3;

/// The characters of a document.
pub(super) fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>, repairs: &mut Repairs) -> Cow<'a, str> {
    let mut text = characters(bytes, content_type, repairs);
    for _ in 1..MOST_ENCODINGS {
        let Some(meant) = encoded_once(&text) else { break };
        repairs.note(Repair::EncodedTwice);
        text = meant.into();
    }
    without_controls(text, repairs)
}

fn characters<'a>(bytes: &'a [u8], content_type: Option<&str>, repairs: &mut Repairs) -> Cow<'a, str> {
    if let Some(text) = utf32(bytes) {
        return text.into();
    }
    let mark = Encoding::for_bom(bytes);
    let bytes = bytes.get(mark.map_or(0, |(_, length)| length)..).unwrap_or_default();
    if let Some(encoding) = utf16_by_shape(bytes) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    // A mark of UTF-16 before bytes that begin a document in ASCII was put there by mistake.
    let mark = mark.map(|(encoding, _)| encoding).filter(|mark| *mark == UTF_8 || !begins_in_ascii(bytes));
    if let Some(encoding) = mark.filter(|mark| *mark != UTF_8) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    let header =
        mark.or_else(|| content_type.and_then(charset_parameter).and_then(|label| word_of(label, bytes, repairs)));
    let declared = declared(bytes).and_then(|label| word_of(&label, bytes, repairs));
    let utf8 = std::str::from_utf8(bytes).ok();
    if utf8.is_some() && header.or(declared).is_none_or(|word| word == UTF_8) && shifts(bytes) {
        return ISO_2022_JP.decode_without_bom_handling(bytes).0;
    }
    let header = header.filter(|header| !is_default(header, declared, bytes));
    let word = header.or(declared);
    if let Some(text) = utf8.filter(|_| word.is_none_or(|word| word == UTF_8 || beyond_doubt(bytes, word))) {
        if word.is_some_and(|word| word != UTF_8) && !text.is_ascii() {
            repairs.note(Repair::Encoding);
        }
        return Cow::Borrowed(text);
    }
    for encoding in [header, declared].into_iter().flatten() {
        if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
            if Some(encoding) != word {
                repairs.note(Repair::Encoding);
            }
            return text;
        }
    }
    if let Some(text) = utf8 {
        repairs.note(Repair::Encoding);
        return Cow::Borrowed(text);
    }
    if let Some(text) = in_pieces(bytes, word.unwrap_or(UTF_8)) {
        repairs.note(Repair::MixedEncodings);
        return text.into();
    }
    let guess = guess(bytes);
    if let Some(text) = guess.decode_without_bom_handling_and_without_replacement(bytes) {
        // Whoever declares nothing declares UTF-8.
        repairs.note(Repair::Encoding);
        return text;
    }
    // Nothing fits wholly: the first word given, with marks where it is wrong.
    repairs.note(Repair::Encoding);
    word.unwrap_or(guess).decode_without_bom_handling(bytes).0
}

/// Names that programs write, and the Encoding Standard does not know.
const LABELS: [(&str, &str); 20] = [
    ("cp949", "euc-kr"),
    ("ms949", "euc-kr"),
    ("uhc", "euc-kr"),
    ("x-windows-949", "euc-kr"),
    ("euckr", "euc-kr"),
    ("ks_c_5601", "euc-kr"),
    ("ksc5601-1987", "euc-kr"),
    ("cp932", "shift_jis"),
    ("ms932", "shift_jis"),
    ("cp943", "shift_jis"),
    ("eucjp", "euc-jp"),
    ("cp51932", "euc-jp"),
    ("iso2022jp", "iso-2022-jp"),
    ("cp936", "gbk"),
    ("ms936", "gbk"),
    ("cp54936", "gb18030"),
    ("cp950", "big5"),
    ("ms950", "big5"),
    ("utf-8n", "utf-8"),
    ("koi8r", "koi8-r"),
];

/// The encoding of this name, unless the bytes show that it is another.
fn word_of(label: &str, bytes: &[u8], repairs: &mut Repairs) -> Option<&'static Encoding> {
    let label = label.trim().to_ascii_lowercase();
    let ascii = matches!(label.as_str(), "us-ascii" | "ascii" | "ansi_x3.4-1968" | "iso-ir-6" | "iso646-us" | "us");
    if ascii {
        if !bytes.is_ascii() {
            repairs.note(Repair::Encoding);
        }
        return None;
    }
    let known = LABELS.iter().find(|(name, _)| *name == label.replace('_', "-") || *name == label);
    let label = known.map_or(label.as_str(), |(_, standard)| standard);
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
    // Their shape would have shown.
    let utf16 = encoding == UTF_16LE || encoding == UTF_16BE;
    (!utf16 || !begins_in_ascii(bytes)).then_some(encoding)
}

/// Whether a document begins with markup or JSON of one byte a character.
fn begins_in_ascii(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start(), [b'<' | b'{', second, ..] if *second != 0)
}

/// Whether a header's charset is nothing but a server's default.
fn is_default(header: &'static Encoding, declared: Option<&'static Encoding>, bytes: &[u8]) -> bool {
    header == WINDOWS_1252 && declared.is_some_and(|declared| declared != UTF_8 && guess(bytes) == declared)
}

/// ISO-2022-JP writes Japanese in ASCII's bytes, between these.
fn shifts(bytes: &[u8]) -> bool {
    // Hardly any document holds the escape, and that is quickly seen.
    let into = || bytes.windows(3).any(|three| matches!(three, [0x1B, b'$', b'B' | b'@']));
    bytes.contains(&0x1B) && into() && ISO_2022_JP.decode_without_bom_handling_and_without_replacement(bytes).is_some()
}

/// What bytes look like that are not UTF-8.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Valid UTF-8 is no accident when there is enough of it: a declared encoding of
/// one byte a character makes nonsense of it, one of several seldom decodes it.
fn beyond_doubt(bytes: &[u8], word: &'static Encoding) -> bool {
    let characters = bytes.iter().filter(|byte| **byte >= 0xC2).count();
    let needed = if word.is_single_byte() { 1 } else { 8 };
    word != ISO_2022_JP && characters >= needed
}

/// `charset=…` of a media type (RFC 9110 section 8.3.2).
fn charset_parameter(content_type: &str) -> Option<&str> {
    content_type.split([';', ',']).skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// What the document says of itself: in an XML declaration or an HTML `meta`.
fn declared(bytes: &[u8]) -> Option<String> {
    let head: String = bytes.iter().take(HEAD).map(|&byte| char::from(byte).to_ascii_lowercase()).collect();
    let xml = head.find("<?xml").and_then(|at| head.get(at..)?.split('>').next());
    let value = match xml.and_then(|xml| xml.split_once("encoding")) {
        Some((_, value)) => value.trim_start().strip_prefix('=')?,
        None => head.split("<meta").skip(1).find_map(|meta| Some(meta.split('>').next()?.split_once("charset=")?.1))?,
    };
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    value.split(['"', '\'', ' ', ';', '?', '>', '/']).next().map(str::to_owned)
}

/// UTF-16 without a mark shows as every other byte being zero.
fn utf16_by_shape(bytes: &[u8]) -> Option<&'static Encoding> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let first = pairs.iter().find(|pair| !matches!(pair, [0, space] | [space, 0] if space.is_ascii_whitespace()))?;
    let (after, _) = bytes.get(pairs.iter().position(|pair| pair == first)? * 2 + 2..)?.as_chunks::<2>();
    match (first, after.first()?) {
        ([b'<' | b'{', 0], [_, 0]) => Some(UTF_16LE),
        ([0, b'<' | b'{'], [0, _]) => Some(UTF_16BE),
        _ => None,
    }
}

/// UTF-32, which browsers know no more, by its mark or its zeros.
fn utf32(bytes: &[u8]) -> Option<String> {
    let (skip, number): (usize, fn([u8; 4]) -> u32) = match bytes {
        [0xFF, 0xFE, 0, 0, ..] => (4, u32::from_le_bytes),
        [0, 0, 0xFE, 0xFF, ..] => (4, u32::from_be_bytes),
        [b'<', 0, 0, 0, ..] => (0, u32::from_le_bytes),
        [0, 0, 0, b'<', ..] => (0, u32::from_be_bytes),
        _ => return None,
    };
    let (numbers, _) = bytes.get(skip..)?.as_chunks::<4>();
    Some(numbers.iter().map(|&bytes| char::from_u32(number(bytes)).unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// A document that was put together from texts in two encodings: what stands
/// between two tags was written at once, so each such piece is either UTF-8, or
/// the other one. `None` when hardly any of it is UTF-8.
fn in_pieces(bytes: &[u8], word: &'static Encoding) -> Option<String> {
    let pieces = || bytes.split_inclusive(|byte| matches!(byte, b'<' | b'>' | b'\n'));
    let is_utf8 = |piece: &[u8]| std::str::from_utf8(piece).is_ok() || mostly_utf8(piece);
    let strange = pieces().filter(|piece| !piece.is_ascii());
    let (sound, broken): (Vec<&[u8]>, Vec<&[u8]>) = strange.partition(|piece| is_utf8(piece));
    if sound.is_empty() {
        return None;
    }
    let other = broken.concat();
    let fits = |encoding: &'static Encoding| {
        encoding != UTF_8 && encoding.decode_without_bom_handling_and_without_replacement(&other).is_some()
    };
    let other = if fits(word) { word } else { Some(guess(&other)).filter(|guess| fits(guess)).unwrap_or(WINDOWS_1252) };
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for piece in pieces() {
        // A few bytes lost inside a long text are not another encoding.
        let piece =
            if is_utf8(piece) { String::from_utf8_lossy(piece) } else { other.decode_without_bom_handling(piece).0 };
        text.push_str(&piece);
    }
    Some(text)
}

fn mostly_utf8(piece: &[u8]) -> bool {
    let (mut sound, mut broken) = (0, 0);
    for chunk in piece.utf8_chunks() {
        sound += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    sound > 4 * broken
}

/// UTF-8 that somebody took for windows-1252 and encoded again: every character
/// outside ASCII is then a byte of what was meant.
fn encoded_once(text: &str) -> Option<String> {
    if text.is_ascii() || text.chars().any(|c| !c.is_ascii() && byte_of(c).is_none()) {
        return None;
    }
    let bytes: Vec<u8> = text.chars().filter_map(byte_of).collect();
    // One accented letter by chance is not enough.
    if bytes.iter().filter(|byte| **byte >= 0xC2).count() < 2 {
        return None;
    }
    String::from_utf8(bytes).ok()
}

/// Where windows-1252 differs from Latin-1.
const SPECIAL: [(char, u8); 27] = [
    ('€', 0x80),
    ('‚', 0x82),
    ('ƒ', 0x83),
    ('„', 0x84),
    ('…', 0x85),
    ('†', 0x86),
    ('‡', 0x87),
    ('ˆ', 0x88),
    ('‰', 0x89),
    ('Š', 0x8A),
    ('‹', 0x8B),
    ('Œ', 0x8C),
    ('Ž', 0x8E),
    ('‘', 0x91),
    ('’', 0x92),
    ('“', 0x93),
    ('”', 0x94),
    ('•', 0x95),
    ('–', 0x96),
    ('—', 0x97),
    ('˜', 0x98),
    ('™', 0x99),
    ('š', 0x9A),
    ('›', 0x9B),
    ('œ', 0x9C),
    ('ž', 0x9E),
    ('Ÿ', 0x9F),
];

/// The byte that windows-1252 has for a character.
fn byte_of(c: char) -> Option<u8> {
    u8::try_from(u32::from(c)).ok().or_else(|| SPECIAL.iter().find(|(known, _)| *known == c).map(|(_, byte)| *byte))
}

/// The text without the control characters that XML forbids. Those that part
/// lines and pages become spaces; those of C1, which nobody writes, are what
/// windows-1252 has in their place.
fn without_controls<'a>(text: Cow<'a, str>, repairs: &mut Repairs) -> Cow<'a, str> {
    let odd = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    // Every document passes here: bytes are looked at many at once, and characters only where
    // one may be odd (C1 begins with 0xC2 in UTF-8, what is behind U+FFFD with 0xEF).
    let suspicious =
        |byte: &u8| (*byte < b' ' && !matches!(*byte, b'\t' | b'\n' | b'\r')) || matches!(*byte, 0xC2 | 0xEF);
    let some_in = |bytes: &[u8]| bytes.iter().fold(false, |found, byte| found | suspicious(byte));
    if !text.as_bytes().chunks(1024).any(some_in) || !text.contains(odd) {
        return text;
    }
    repairs.note(Repair::ControlCharacters);
    text.chars()
        .filter_map(|c| match c {
            '\u{b}' | '\u{c}' => Some(' '),
            '\u{80}'..='\u{9f}' => SPECIAL.iter().find(|(_, byte)| u32::from(*byte) == u32::from(c)).map(|(c, _)| *c),
            c => (!odd(c)).then_some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], content_type: Option<&str>) -> (String, String) {
        let mut repairs = Repairs::default();
        let text = decode(bytes, content_type, &mut repairs).into_owned();
        (text, repairs.to_string())
    }

    #[test]
    fn the_mark_then_the_header_then_the_declaration_decide() {
        let (korean, _, _) = encoding_rs::EUC_KR.encode("안녕하세요");
        let feed = [b"<?xml version='1.0' encoding='EUC-KR'?><rss>".as_slice(), &korean].concat();
        let page = [b"<html><meta charset=\"euc-kr\"><p>".as_slice(), &korean].concat();
        for (bytes, content_type, end, repairs) in [
            (korean.as_ref(), Some("text/xml; charset=euc-kr"), "안녕하세요", ""),
            (&page, None, "안녕하세요", ""),
            (&feed, Some("text/xml"), "안녕하세요", ""),
            (b"\xef\xbb\xbfa", Some("text/xml; charset=euc-kr"), "a", ""),
            (b"<\0a\0>\0", None, "<a>", ""),
            (b"\xff\xfe\0\0<\0\0\0\0\xac\0\0", None, "<가", ""),
            // The header says UTF-8, the bytes and the declaration say otherwise.
            (&feed, Some("text/xml; charset=utf-8"), "안녕하세요", "wrong encoding declared"),
            (b"caf\xe9", None, "café", "wrong encoding declared"),
            // The bytes are UTF-8, whatever a server says of them.
            ("é".as_bytes(), Some("text/xml; charset=us-ascii; x"), "é", "wrong encoding declared"),
            ("안녕하세요".as_bytes(), Some("text/xml; charset=gbk"), "안녕하세요", "wrong encoding declared"),
        ] {
            let (text, noted) = decoded(bytes, content_type);
            assert!(text.ends_with(end), "{text}");
            assert_eq!(noted, repairs, "{text}");
        }
    }

    #[test]
    fn what_was_damaged_on_its_way_is_put_right() {
        let (korean, _, _) = encoding_rs::EUC_KR.encode("느린 편지를 씁니다. 오월의 마당에서.");
        let mixed = ["<a>안녕</a><b>".as_bytes(), &korean, b"</b>"].concat();
        assert_eq!(
            decoded(&mixed, None),
            ("<a>안녕</a><b>느린 편지를 씁니다. 오월의 마당에서.</b>".into(), "mixed encodings".into())
        );
        let lost = "<a>오월은 푸르구나 우리들은 자란다".as_bytes();
        let lost = [lost.get(..14).unwrap(), lost.get(15..).unwrap()].concat();
        assert!(decoded(&lost, None).0.ends_with("르구나 우리들은 자란다"));
        let (once, _, _) = WINDOWS_1252.decode("Café – naïve".as_bytes());
        assert_eq!(decoded(once.as_bytes(), None), ("Café – naïve".into(), "encoded twice".into()));
        assert_eq!(decoded("Ã© la carte – naïve".as_bytes(), None).1, "");
        assert_eq!(decoded(b"a\x07b\x0bc", None), ("ab c".into(), "control characters".into()));
    }
}
