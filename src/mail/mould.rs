//! A mail cast once and copied for each reader: what all copies share is encoded
//! once, and a copy costs its tokens and its signatures.

use super::compose::{ComposeError, Head, date_header, fixed_headers, lines};
use super::dkim;
use super::encode::{Encoded, Lines, Page};
use crate::config::Dkim;
use crate::domain::digest::token;
use crate::domain::email_address::EmailAddress;
use crate::domain::picture::Picture;
use crate::domain::text::escape;
use crate::domain::time::Timestamp;
use aws_lc_rs::digest::{Context, SHA256};
use std::borrow::Cow;
use std::fmt::Write as _;

/// So long is a line of base64 (RFC 2045 section 6.8).
const BASE64_LINE: usize = 76;

/// A mail with places for what is a reader's own.
#[derive(Debug, Clone)]
pub struct Mould {
    /// The header but for the lines that are the reader's own.
    head: String,
    /// Whether it is a mail of a list, which every copy can leave with one click.
    is_list: bool,
    body: Vec<Step>,
    /// About how long a copy is, in bytes.
    length: usize,
}

/// What is a reader's own in a copy.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// The reader's address.
    pub to: &'a EmailAddress,
    /// Without brackets: `left@right`.
    pub message_id: &'a str,
    /// The same whenever the copy is repeated (P5).
    pub date: Timestamp,
    /// Each token with what stands in its place, as plain text. A token that is
    /// not among them gives nothing.
    pub tokens: &'a [(&'a str, &'a str)],
}

#[derive(Debug, Clone)]
enum Step {
    Fixed(Lines),
    Text { text: Encoded, tokens: Vec<String>, markup: bool },
}

impl Mould {
    /// Makes a mail with a text and an HTML part, in which tokens may stand
    /// (`domain::digest::token`), and the pictures that this shows (RFC 2387). The
    /// boundaries follow from the texts, so that a repeat is the same bytes (P5).
    pub fn new(head: &Head<'_>, plain: &str, html: &str, pictures: &[Picture]) -> Result<Self, ComposeError> {
        let known = [head.subject, plain, html].concat();
        let boundary: String = crate::domain::token::sha256_hex(known.as_bytes()).chars().take(32).collect();
        let inner = format!("{boundary}_");
        let fixed = |text: String| Step::Fixed(Lines::new(text.into_bytes()));
        let part = |boundary: &str, kind: &str, encoding: &str| {
            fixed(format!(
                "--=_{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
            ))
        };
        let (plain, html) = (text(plain, false), text(html, true));
        let mut body = vec![part(&boundary, "plain", plain.1), plain.0];
        if pictures.is_empty() {
            body.extend([part(&boundary, "html", html.1), html.0]);
        } else {
            body.push(fixed(format!(
                "--=_{boundary}\r\nContent-Type: multipart/related; type=\"text/html\"; boundary=\"=_{inner}\"\r\n\r\n"
            )));
            body.extend([part(&inner, "html", html.1), html.0]);
            body.extend(pictures.iter().map(|picture| fixed(shown(picture, &inner))));
            body.push(fixed(format!("--=_{inner}--\r\n")));
        }
        body.push(fixed(format!("--=_{boundary}--\r\n")));
        let mut mould = Self {
            head: fixed_headers(head, &format!("multipart/alternative; boundary=\"=_{boundary}\""))?,
            is_list: head.list.is_some(),
            body,
            length: 0,
        };
        let mut sheet = Sheet { bytes: Vec::new(), hash: None };
        mould.write_body(&[], &mut sheet);
        mould.length = sheet.bytes.len() + mould.head.len() + 4096;
        Ok(mould)
    }

    /// One reader's copy, header and body, signed by each key. The same copy is
    /// the same bytes whenever it is repeated (P5).
    pub fn cast(&self, own: &Own<'_>, keys: &[Dkim]) -> Result<Vec<u8>, ComposeError> {
        let mut head =
            format!("To: {}\r\nMessage-ID: <{}>\r\n{}", own.to.for_wire(), own.message_id, date_header(own.date));
        if self.is_list {
            let _ = write!(head, "List-Unsubscribe: <{}>", own.value(token::UNSUBSCRIBE_URL));
            // The one click comes first: a program takes the first that it knows.
            let by_mail = own.value(token::UNSUBSCRIBE_MAIL);
            if !by_mail.is_empty() {
                let _ = write!(head, ",\r\n <mailto:{by_mail}?subject=unsubscribe>");
            }
            head.push_str("\r\n");
        }
        let head = self.head.clone() + &head;
        let hash = (!keys.is_empty()).then(|| Context::new(&SHA256));
        let mut sheet = Sheet { bytes: Vec::with_capacity(self.length), hash };
        if keys.is_empty() {
            sheet.bytes.extend_from_slice(head.as_bytes());
            sheet.bytes.extend_from_slice(b"\r\n");
        }
        self.write_body(own.tokens, &mut sheet);
        let Some(hash) = sheet.hash else { return Ok(sheet.bytes) };
        // The signatures stand above what they sign, and are known last.
        let signed = dkim::signatures(keys, &head, hash.finish().as_ref(), own.date).map_err(ComposeError::new)?;
        Ok([signed.as_bytes(), head.as_bytes(), b"\r\n", &sheet.bytes].concat())
    }

    fn write_body(&self, values: &[(&str, &str)], sheet: &mut Sheet) {
        for step in &self.body {
            match step {
                Step::Fixed(lines) => sheet.fixed(lines),
                Step::Text { text, tokens, markup } => {
                    let values: Vec<Cow<'_, str>> = tokens
                        .iter()
                        .map(|token| {
                            let value = value(values, token);
                            if *markup { escape(value).into() } else { value.into() }
                        })
                        .collect();
                    text.write(&values, sheet);
                }
            }
        }
    }
}

impl<'a> Own<'a> {
    fn value(&self, token: &str) -> &'a str {
        value(self.tokens, token)
    }
}

fn value<'a>(values: &[(&str, &'a str)], token: &str) -> &'a str {
    values.iter().find(|(known, _)| *known == token).map_or("", |(_, value)| value)
}

/// What a copy is written on.
struct Sheet {
    bytes: Vec<u8>,
    hash: Option<Context>,
}

impl Page for Sheet {
    fn fixed(&mut self, lines: &Lines) {
        self.bytes.extend_from_slice(lines.wire());
        if let Some(hash) = &mut self.hash {
            hash.update(lines.signed());
        }
    }

    fn own(&mut self, lines: Vec<u8>) {
        if let Some(hash) = &mut self.hash {
            hash.update(&dkim::relaxed_lines(&lines));
        }
        self.bytes.extend_from_slice(&lines);
    }
}

/// The part of a picture that the HTML shows (RFC 2392, RFC 2183 section 2.1).
fn shown(Picture { id, media_type, base64 }: &Picture, boundary: &str) -> String {
    let mut part = format!(
        "--=_{boundary}\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <{id}>\r\nContent-Disposition: inline\r\n\r\n"
    );
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(BASE64_LINE));
        part.push_str(line);
        part.push_str("\r\n");
        rest = behind;
    }
    part
}

/// A part of the mail, and the name of its encoding.
fn text(text: &str, markup: bool) -> (Step, &'static str) {
    let text = lines(text);
    let (mut around, mut tokens, mut rest) = (Vec::new(), Vec::new(), text.as_str());
    while let Some((before, token, behind)) = token::first(rest) {
        around.push(before.into());
        tokens.push(token.to_owned());
        rest = behind;
    }
    around.push(rest.into());
    let text = Encoded::new(&around);
    let name = text.name();
    (Step::Text { text, tokens, markup }, name)
}
