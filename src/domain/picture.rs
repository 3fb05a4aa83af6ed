//! A picture that comes with a mail instead of from its address.

use super::token::sha256_hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;

/// A picture as it is kept and mailed. Its address and bytes name it, so that all
/// digests that show it share one, and none changes when the picture at the
/// address does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its Content-ID, without brackets.
    pub id: String,
    /// Its media type, told from its bytes.
    pub media_type: String,
    /// Its bytes in base64, without line ends: what a mail holds of it.
    pub base64: String,
}

impl Picture {
    /// What was found at `address`; `None` unless it is a picture that all mail programs show.
    #[must_use]
    pub fn of(address: &str, bytes: &[u8]) -> Option<Self> {
        let hash = sha256_hex(&[address.as_bytes(), b"\0", bytes].concat());
        Some(Self {
            id: format!("{}@pictures", hash.get(..32).unwrap_or(&hash)),
            media_type: media_type(bytes)?.to_owned(),
            base64: STANDARD.encode(bytes),
        })
    }
}

/// A picture with the address at which it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub address: String,
    /// What.
    pub picture: Picture,
    /// Whether it was fetched just now, and is kept nowhere yet.
    pub is_new: bool,
}

/// The media type of a picture that all mail programs show; `None` of anything
/// else, whatever it calls itself.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        _ => None,
    }
}

/// The Content-IDs of the pictures that a mail's HTML shows, in the order of their names.
#[must_use]
pub fn shown_in(html: &str) -> Vec<String> {
    let ids = html.split("src=\"cid:").skip(1).filter_map(|rest| rest.split_once('"'));
    ids.map(|(id, _)| id.to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_its_bytes_are() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(media_type(b"\xff\xd8\xff\xe0...."), Some("image/jpeg"));
        assert_eq!(media_type(b"GIF89a...."), Some("image/gif"));
        for other in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"<html>", b"RIFF....WEBP", b"", b"\x89PNG"] {
            assert_eq!(media_type(other), None);
        }
    }

    #[test]
    fn a_mail_names_its_pictures_by_their_addresses() {
        let id =
            |address: &str, more: u8| Picture::of(address, &[b'G', b'I', b'F', b'8', b'9', b'a', more]).unwrap().id;
        let a = id("https://x.example/a.gif", 0);
        assert!(a == id("https://x.example/a.gif", 0) && a.len() == 32 + "@pictures".len());
        assert!(a != id("https://x.example/b.gif", 0) && a != id("https://x.example/a.gif", 1));
        let html =
            format!("<img src=\"cid:{a}\"> <img alt=\"\" src=\"cid:{a}\"><img src=\"https://x.example/\"> src=cid:c");
        assert_eq!(shown_in(&html), [a]);
    }
}
