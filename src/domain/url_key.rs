//! Which addresses are the same place.

use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;

/// Query parameters that say where a reader came from, not what they read.
/// Kept in step with what newsletters, advertisers and analytics append.
const TRACKING: [&str; 24] = [
    "_ga", "_hsenc", "_hsmi", "cmpid", "dclid", "fbclid", "gclid", "gclsrc", "igshid", "mc_cid", "mc_eid", "mkt_tok",
    "msclkid", "ncid", "ocid", "ref_src", "s_cid", "spm", "srsltid", "twclid", "vero_id", "wickedid", "yclid", "xtor",
];

/// An address without what does not tell posts apart: scheme, `www.`, port 80
/// or 443, fragment, tracking parameters, the order of the others, a trailing
/// slash. Fragments of single-page sites (`#!/…`, `#/…`) are kept.
#[must_use]
pub fn url_key(url: &HttpUrl) -> String {
    let parsed = url.as_url();
    let host = url.host().strip_prefix("www.").unwrap_or(url.host());
    let mut key = host.to_owned();
    if let Some(port) = parsed.port().filter(|port| !matches!(port, 80 | 443)) {
        key.push(':');
        key.push_str(&port.to_string());
    }
    key.push_str(parsed.path().trim_end_matches('/'));
    if !key.contains('/') {
        key.push('/');
    }
    let mut pairs: Vec<(String, String)> = parsed
        .query_pairs()
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            !name.starts_with("utm_") && !TRACKING.contains(&name.as_str())
        })
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    pairs.sort();
    for (position, (name, value)) in pairs.iter().enumerate() {
        key.push(if position == 0 { '?' } else { '&' });
        key.push_str(name);
        key.push('=');
        key.push_str(value);
    }
    if let Some(route) = parsed.fragment().filter(|fragment| fragment.starts_with(['!', '/'])) {
        key.push('#');
        key.push_str(route);
    }
    shortened(key)
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
mod tests {
    use super::*;

    #[test]
    fn the_same_place_has_one_key() {
        let key = |url: &str| url_key(&url.parse().unwrap());
        for (one, other) in [
            ("http://www.example.com/a/", "https://example.com/a"),
            ("https://example.com/a?utm_source=x&b=1", "https://example.com/a?b=1&fbclid=y"),
            ("https://example.com/a?b=1&a=2", "https://example.com/a?a=2&b=1#top"),
            ("https://example.com", "https://example.com/"),
            ("https://example.com:443/a", "http://example.com:80/a"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        for (one, other) in [
            ("https://example.com/a?p=1", "https://example.com/a?p=2"),
            ("https://example.com/a", "https://example.com/b"),
            ("https://example.com/#!/a", "https://example.com/#!/b"),
            ("https://a.example.com/", "https://b.example.com/"),
        ] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
        let long = |end: &str| key(&format!("https://example.com/{}{end}", "가".repeat(2_000)));
        assert!(long("a").len() <= LONGEST && long("a").starts_with("example.com/%EA") && long("a") != long("b"));
    }
}
