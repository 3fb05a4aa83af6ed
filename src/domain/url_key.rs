//! Which addresses are the same place. `docs/identity.md` says it in words.

mod tracking;
mod variants;

use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use percent_encoding::percent_decode_str;
use std::fmt::Write as _;
use unicode_normalization::UnicodeNormalization as _;

/// An address without what does not tell posts apart: scheme, `www.`, port 80
/// or 443, fragment, tracking parameters, the order of the others, doubled and
/// trailing slashes, a folder's `index.html`, how letters are encoded, and
/// whether it is shown in its AMP or mobile form. Fragments of single-page sites
/// (`#!/…`, `#/…`) are kept.
#[must_use]
pub fn url_key(url: &HttpUrl) -> String {
    let behind_cache = variants::behind_cache(url);
    let url = behind_cache.as_ref().unwrap_or(url);
    let parsed = url.as_url();
    let mut place = Place {
        host: variants::plain_host(url.host()).to_owned(),
        port: parsed.port().filter(|port| !matches!(port, 80 | 443)),
        path: segments(parsed.path()),
        query: parameters(parsed.query().unwrap_or_default()),
    };
    variants::fold(&mut place);
    place.query.retain(|(name, value)| !tracking::is_tracking(name, value));
    place.query.sort();
    let route = parsed.fragment().filter(|fragment| fragment.starts_with(['!', '/']));
    shortened(place.written(route))
}

/// An address, taken apart.
#[derive(Debug)]
struct Place {
    host: String,
    port: Option<u16>,
    /// The parts between slashes, none empty.
    path: Vec<String>,
    query: Vec<(String, String)>,
}

impl Place {
    fn written(&self, route: Option<&str>) -> String {
        let mut key = self.host.clone();
        if let Some(port) = self.port {
            key.push(':');
            key.push_str(&port.to_string());
        }
        key.push('/');
        key.push_str(&self.path.join("/"));
        for (position, (name, value)) in self.query.iter().enumerate() {
            key.push(if position == 0 { '?' } else { '&' });
            key.push_str(name);
            key.push('=');
            key.push_str(value);
        }
        if let Some(route) = route {
            key.push('#');
            key.push_str(route);
        }
        key
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(spelt).collect()
}

/// The parameters of a query; a name that was escaped twice (`amp;b`) is what was meant.
fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = spelt(&name.replace('+', "%20"));
            (name.trim_start_matches("amp;").to_owned(), spelt(&value.replace('+', "%20")))
        })
        .collect()
}

/// Text of an address in one spelling: letters beyond ASCII are composed and
/// never encoded, nor is what means the same either way; what has a meaning of its
/// own (RFC 3986 section 2.2) stays as it came, and what is not UTF-8 encoded.
fn spelt(text: &str) -> String {
    if text.bytes().all(is_unreserved) {
        return text.to_owned();
    }
    let Ok(decoded) = percent_decode_str(text).decode_utf8() else { return capitals(text) };
    let codes = capitals(text);
    let mut spelt = String::with_capacity(decoded.len());
    for c in decoded.nfc() {
        let code = || format!("%{:02X}", u32::from(c));
        if c.is_ascii_control() || matches!(c, ' ' | '%') || (SEPARATORS.contains(c) && codes.contains(&code())) {
            spelt.push_str(&code());
        } else {
            spelt.push(c);
        }
    }
    spelt
}

/// What means something else when it is encoded.
const SEPARATORS: &str = "/?#&=+;";

/// The same with its codes in capitals.
fn capitals(text: &str) -> String {
    let mut capitals = String::with_capacity(text.len());
    for (position, piece) in text.split('%').enumerate() {
        let (code, rest) = if position == 0 { ("", piece) } else { piece.split_at_checked(2).unwrap_or((piece, "")) };
        let mark = if position == 0 { "" } else { "%" };
        // Writing to a text does not fail.
        let _ = write!(capitals, "{mark}{}{rest}", code.to_ascii_uppercase());
    }
    capitals
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What tells posts apart stands in an index, where the databases want no more
/// than about this many bytes.
const LONGEST: usize = 1_000;

/// A key or an identity; of one that is longer than any sane one its beginning,
/// and a digest of all of it.
#[must_use]
pub fn shortened(key: String) -> String {
    if key.len() <= LONGEST {
        return key;
    }
    let begin = key.get(..key.floor_char_boundary(LONGEST / 2)).unwrap_or_default();
    format!("{begin}…{}", sha256_hex(key.as_bytes()))
}

#[cfg(test)]
mod tests;
