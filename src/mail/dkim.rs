//! Signing mails (DKIM, RFC 6376): relaxed/relaxed, by each key in turn, so that
//! whoever does not know Ed25519 verifies RSA (RFC 8463).
//!
//! Every header that readers or machines go by is signed, and named once more
//! than it stands: a second one that was put in on the way breaks the signature.

use crate::config::Dkim;
use crate::domain::dkim::BadKey;
use crate::domain::time::Timestamp;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// What is signed, whether it stands in the mail or must not be put there.
const SIGNED: [&str; 16] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
    "Precedence",
];

/// Lines of a signature's own header are folded at about this width.
const WIDTH: usize = 72;

/// The `DKIM-Signature` header lines for a mail: one for each key. `head` is the
/// mail's header, its lines ended by CRLF.
pub(super) fn signatures(keys: &[Dkim], head: &str, body_hash: &[u8], date: Timestamp) -> Result<String, BadKey> {
    let mut lines = String::new();
    if keys.is_empty() {
        return Ok(lines);
    }
    let (names, canonical) = signed_headers(head);
    for key in keys {
        let mut own = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};\r\n\th={};\r\n\tbh={};\r\n\tb=",
            key.key.algorithm().as_str(),
            key.domain,
            key.selector,
            date.millis() / 1000,
            names,
            STANDARD.encode(body_hash),
        );
        let to_sign = format!("{canonical}{}", relaxed_header(&own).1);
        let hash = digest(&SHA256, to_sign.as_bytes());
        let signature = STANDARD.encode(key.key.sign(to_sign.as_bytes(), hash.as_ref())?);
        for (at, character) in signature.char_indices() {
            if at > 0 && at % WIDTH == 0 {
                own.push_str("\r\n\t");
            }
            own.push(character);
        }
        lines.push_str(&own);
        lines.push_str("\r\n");
    }
    Ok(lines)
}

/// The names for `h=`, folded, and the canonical lines that they stand for.
fn signed_headers(head: &str) -> (String, String) {
    let (mut names, mut canonical, mut width) = (String::new(), String::new(), 0);
    let fields: Vec<(String, String)> = fields(head).map(relaxed_header).collect();
    for name in SIGNED {
        let lower = name.to_ascii_lowercase();
        // From the bottom up (RFC 6376 section 5.4.2).
        let standing = fields.iter().rev().filter(|(of, _)| *of == lower);
        let mut count = 0;
        for (_, line) in standing {
            let _ = write!(canonical, "{line}\r\n");
            count += 1;
        }
        for _ in 0..=count {
            if !names.is_empty() {
                names.push(':');
                width += 1;
            }
            if width + name.len() > WIDTH {
                names.push_str("\r\n\t ");
                width = 0;
            }
            names.push_str(name);
            width += name.len();
        }
    }
    (names, canonical)
}

/// The fields of a header, each with the lines that it is folded into.
fn fields(head: &str) -> impl Iterator<Item = &str> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            end += rest.get(end..)?.find("\r\n")? + 2;
            if !rest.get(end..).is_some_and(|next| next.starts_with([' ', '\t'])) {
                break;
            }
        }
        let (field, behind) = rest.split_at(end);
        rest = behind;
        Some(field.trim_end_matches("\r\n"))
    })
}

/// A field in canonical form (RFC 6376 section 3.4.2), without its line end, and
/// its name.
fn relaxed_header(field: &str) -> (String, String) {
    let (name, value) = field.split_once(':').unwrap_or((field, ""));
    let name = name.trim_end().to_ascii_lowercase();
    let value = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let line = format!("{name}:{value}");
    (name, line)
}

/// Whole lines of a body in canonical form (RFC 6376 section 3.4.4); empty lines
/// at a body's end are for the caller to leave out, who writes none.
pub(super) fn relaxed_lines(lines: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(lines.len());
    let mut gap = false;
    for &byte in lines {
        match byte {
            b' ' | b'\t' => gap = true,
            b'\r' => {
                gap = false;
                canonical.push(byte);
            }
            _ => {
                if gap {
                    canonical.push(b' ');
                    gap = false;
                }
                canonical.push(byte);
            }
        }
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6376 section 3.4.5.
    #[test]
    fn headers_and_bodies_are_canonical_as_the_standard_shows() {
        let fields: Vec<_> = fields("A: X\r\nB : Y\t\r\n\tZ  \r\n").map(relaxed_header).map(|field| field.1).collect();
        assert_eq!(fields, ["a:X", "b:Y Z"]);
        assert_eq!(relaxed_lines(b" C \r\nD \t E\r\n"), b" C\r\nD E\r\n");
    }

    #[test]
    fn every_header_is_named_once_more_than_it_stands() {
        let (names, canonical) = signed_headers("From: a@b.example\r\nX-Other: 1\r\nSubject: 안녕\r\n");
        let names: Vec<&str> = names.split(':').map(str::trim).collect();
        let count = |name: &str| names.iter().filter(|known| **known == name).count();
        assert_eq!((count("From"), count("Subject"), count("Cc"), count("X-Other")), (2, 2, 1, 0));
        assert_eq!(canonical, "from:a@b.example\r\nsubject:안녕\r\n");
    }
}
