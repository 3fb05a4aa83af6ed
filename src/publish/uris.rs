//! Addresses and identities as feeds have them: URIs of RFC 3986, whatever
//! browsers and blogs take for one.

use crate::domain::slug::Slug;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use std::borrow::Cow;
use std::fmt::Write as _;
use unicode_normalization::is_nfc;

/// An address without the characters that browsers let stand and RFC 3986
/// section 2 does not: `|`, `^`, brackets and the like, percent-encoded.
pub(super) fn address(url: &HttpUrl) -> Cow<'_, str> {
    let text = url.as_str();
    // Brackets belong into a host that is an IPv6 address.
    let host_end = text.find("://").map_or(0, |at| at + 3 + url.as_url().authority().len());
    let (head, tail) = text.split_at_checked(host_end).unwrap_or((text, ""));
    if tail.bytes().all(is_uri) {
        return Cow::Borrowed(text);
    }
    let mut out = head.to_owned();
    for byte in tail.bytes() {
        if is_uri(byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Cow::Owned(out)
}

/// The same of an address that was kept as text; as it is, where it is none.
pub(super) fn address_of(text: &str) -> Cow<'_, str> {
    match text.parse::<HttpUrl>() {
        Ok(url) => Cow::Owned(address(&url).into_owned()),
        Err(_) => Cow::Borrowed(text),
    }
}

/// An identity that is unique across sources (RFC 4287 section 4.2.6): the feed's
/// own where its scheme makes it so and it is a URI in its normal form, else a tag
/// (RFC 4151). Different ones stay different, and each stays the same.
pub(super) fn identity(host: &str, source: &Slug, guid: &str) -> String {
    if is_own(guid) {
        return guid.to_owned();
    }
    let encoded: String = url::form_urlencoded::byte_serialize(guid.as_bytes()).collect();
    // A form encodes one character that needs it nowhere else.
    let encoded = encoded.replace("%7E", "~");
    // What a reader's program might take for the same as another text, or for no normal form.
    if guid.contains('%') || !is_nfc(guid) {
        let digest = sha256_hex(guid.as_bytes());
        return format!("tag:{host},2026:{source}/{}", digest.get(..32).unwrap_or(&digest));
    }
    format!("tag:{host},2026:{source}/{encoded}")
}

/// The identity of what stands at an address.
pub(super) fn identity_at(host: &str, source: &Slug, url: &str) -> String {
    let url = address_of(url);
    identity(host, source, &url)
}

/// Whether a guid is a URI that names one thing everywhere, in the one form that
/// RFC 3986 section 6.2.2 gives it: RFC 4287 section 4.2.6.1 has identities compared
/// letter by letter.
fn is_own(guid: &str) -> bool {
    if !guid.bytes().all(is_uri) || guid.bytes().filter(|byte| *byte == b'#').count() > 1 || !is_encoded_once(guid) {
        return false;
    }
    let Some((scheme, rest)) = guid.split_once(':') else { return false };
    match scheme {
        "http" | "https" => guid.parse::<HttpUrl>().is_ok_and(|url| {
            // As a browser writes it: small letters, no port that goes without saying, a path, no dots in it.
            url.as_str() == guid && !url.host().is_empty() && !url.host().ends_with('.')
        }),
        "tag" => is_tag(rest),
        "urn" => is_urn(rest),
        _ => false,
    }
}

/// What RFC 3986 lets stand in a path, a query or a fragment.
fn is_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b";/?:@&=+$.-_!~*'()%,#".contains(&byte)
}

/// Whether only what must be percent-encoded is, in capitals, and as Unicode's
/// composed form (RFC 3986 section 6.2.2, RFC 3987 section 5.3.2.2).
fn is_encoded_once(text: &str) -> bool {
    let mut decoded = Vec::new();
    let mut pieces = text.split('%');
    decoded.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let byte = piece.get(..2).and_then(|hex| {
            let written_well = hex.bytes().all(|c| c.is_ascii_digit() || (b'A'..=b'F').contains(&c));
            u8::from_str_radix(hex, 16).ok().filter(|_| written_well)
        });
        let Some(byte) = byte else { return false };
        // A percent sign that is encoded would be decoded twice by some.
        if byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte) {
            return false;
        }
        decoded.push(byte);
        decoded.extend_from_slice(piece.get(2..).unwrap_or_default().as_bytes());
    }
    std::str::from_utf8(&decoded).is_ok_and(is_nfc)
}

/// `blog.example.com,2005:1` (RFC 4151 section 2.1).
fn is_tag(rest: &str) -> bool {
    let Some((entity, specific)) = rest.split_once(':') else { return false };
    let Some((authority, date)) = entity.split_once(',') else { return false };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("-", authority));
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let mut dates = date.split('-').map(|part| (part.len(), part.bytes().all(|byte| byte.is_ascii_digit())));
    let dated = dates.next() == Some((4, true)) && dates.all(|part| part == (2, true)) && date.len() <= 10;
    let named = !user.is_empty() && user.bytes().all(small) && !host.is_empty() && !host.contains('_');
    named && host.bytes().all(small) && dated && !specific.is_empty()
}

/// `isbn:0451450523` (RFC 8141), `uuid:…` (RFC 9562).
fn is_urn(rest: &str) -> bool {
    let Some((space, specific)) = rest.split_once(':') else { return false };
    let named = (2..=32).contains(&space.len())
        && !space.starts_with('-')
        && space.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"()+,.:=@;$_!*'-%".contains(&byte);
    let uuid = || {
        let parts: Vec<&str> = specific.split('-').collect();
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
            && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    named && !specific.is_empty() && specific.bytes().all(sound) && (!space.eq_ignore_ascii_case("uuid") || uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_stays_where_it_is_a_uri_in_its_normal_form() {
        let source = "essays".parse().unwrap();
        for (guid, own) in [
            ("https://blog.example.com/", true),
            ("https://blog.example.com/?p=1&q=2#c", true),
            ("https://blog.example.com/%EA%B8%80", true),
            ("https://blog.example.com", false),
            ("https://blog.example.com:443/", false),
            ("https://Blog.example.com/", false),
            ("https://blog.example.com/a/../b", false),
            ("https://blog.example.com/%ea%b8%80", false),
            ("https://blog.example.com/%7Ea", false),
            ("https://blog.example.com/%25EA", false),
            ("https://blog.example.com/e%CC%81", false),
            ("https://blog.example.com/%FF", false),
            ("https://blog.example.com/a|b", false),
            ("https://blog.example.com/글", false),
            ("https://blog.example.com/#a#b", false),
            ("tag:blog.example.com,2005:1", true),
            ("tag:ada@blog.example.com,2005-01-31:a/b?c", true),
            ("tag:Blog.example.com,2005:1", false),
            ("tag:blog.example.com:1", false),
            ("tag:blog.example.com,05:1", false),
            ("urn:isbn:0451450523", true),
            ("urn:uuid:60a76c80-d399-11d9-b91c-0003939e0af6", true),
            ("urn:uuid:60a76c80", false),
            ("urn:x:1", false),
            ("mailto:ada@example.com", false),
            ("17", false),
            ("~ada, 50 % off <b>", false),
            ("~ada + 글", false),
        ] {
            let found = identity("news.example.org", &source, guid);
            assert_eq!(found == guid, own, "{guid}: {found}");
            // What is made of one that does not stay is one that would.
            assert!(is_own(&found), "{guid}: {found}");
        }
    }

    #[test]
    fn an_address_holds_nothing_that_a_uri_may_not() {
        for (written, expected) in [
            ("https://blog.example.com/a?b=1&c=2#d", "https://blog.example.com/a?b=1&c=2#d"),
            (
                "https://blog.example.com/a|b[c]^`{d}?e=[f]|g#h|i",
                "https://blog.example.com/a%7Cb%5Bc%5D%5E%60%7Bd%7D?e=%5Bf%5D%7Cg#h%7Ci",
            ),
            ("http://[2001:db8::1]:8080/a[b]", "http://[2001:db8::1]:8080/a%5Bb%5D"),
            ("https://블로그.example/글", "https://xn--2i0b10rqve.example/%EA%B8%80"),
        ] {
            assert_eq!(address(&written.parse().unwrap()), expected, "{written}");
        }
    }
}
