//! Documents that were compressed once more than their headers say.

use super::repair::{Repair, Repairs};
use std::borrow::Cow;
use std::io::Read;

/// What a document may unpack to, and how often it may have been packed.
const MOST_UNPACKED: u64 = 20 * 1024 * 1024;
const MOST_LAYERS: usize = 2;
/// So much is unpacked to see whether it was packed at all.
const TASTE: u64 = 64;

/// The bytes without the compression that their headers did not tell of.
pub(super) fn unpacked<'a>(bytes: &'a [u8], repairs: &mut Repairs) -> Cow<'a, [u8]> {
    let mut bytes = Cow::Borrowed(bytes);
    for _ in 0..MOST_LAYERS {
        let mut plain = Vec::new();
        let Some(packed) = by_mark(&bytes).or_else(|| by_taste(&bytes)) else { break };
        // A stream that breaks off still gave what came before.
        let _ = packed.take(MOST_UNPACKED).read_to_end(&mut plain);
        if plain.is_empty() {
            break;
        }
        repairs.note(Repair::Compressed);
        bytes = plain.into();
    }
    bytes
}

/// Packed bytes that say so at their beginning.
fn by_mark(bytes: &[u8]) -> Option<Box<dyn Read + '_>> {
    match bytes {
        [0x1F, 0x8B, 8, ..] => Some(Box::new(flate2::read::MultiGzDecoder::new(bytes))),
        [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..] => Some(Box::new(flate2::read::ZlibDecoder::new(bytes))),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Box::new(zstd::Decoder::new(bytes).ok()?)),
        _ => None,
    }
}

/// Packed bytes that do not: what they hold begins like a document, and they do not.
fn by_taste(bytes: &[u8]) -> Option<Box<dyn Read + '_>> {
    let text = |bytes: &[u8]| matches!(bytes.trim_ascii_start(), [b'<' | b'{' | 0xEF, ..]);
    let head = bytes.get(..512).unwrap_or(bytes);
    if text(bytes)
        || matches!(bytes, [0 | 0xFE | 0xFF, ..])
        || !head.iter().any(|byte| *byte < 9) && std::str::from_utf8(head).is_ok()
    {
        return None;
    }
    let begins = |packed: &mut dyn Read| {
        let mut plain = Vec::new();
        let _ = packed.take(TASTE).read_to_end(&mut plain);
        text(&plain)
    };
    let deflate = || flate2::read::DeflateDecoder::new(bytes);
    let brotli = || brotli::Decompressor::new(bytes, 4096);
    if begins(&mut deflate()) {
        Some(Box::new(deflate()))
    } else if begins(&mut brotli()) {
        Some(Box::new(brotli()))
    } else {
        None
    }
}
