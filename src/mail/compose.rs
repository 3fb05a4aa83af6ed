//! The header of a mail (RFC 5322): what stands in it cannot end it.

use crate::domain::email_address::EmailAddress;
use crate::domain::time::Timestamp;
use lettre::message::header::{self, HeaderName, HeaderValue, Headers};
use lettre::message::{Mailbox, Mailboxes};
use std::time::{Duration, SystemTime};

/// The most characters of a subject or a name: a word without spaces cannot be
/// folded, and a line holds 998 bytes (RFC 5322 section 2.1.1).
const LONGEST_LINE: usize = 500;

/// What stands above the text of every copy.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The sender's name.
    pub from_name: &'a str,
    /// The sender's address.
    pub from: &'a EmailAddress,
    /// Any text; it becomes one line.
    pub subject: &'a str,
    /// For mails of a list, and only those.
    pub list: Option<ListHead<'a>>,
}

/// What stands above a mail that many get (RFC 2369, RFC 2919, RFC 8058). Its
/// one-click link is the reader's own.
#[derive(Debug, Clone, Copy)]
pub struct ListHead<'a> {
    /// Without brackets: `newsletter.host`.
    pub id: &'a str,
    /// What readers call it.
    pub name: &'a str,
}

/// A message that cannot be written: a name or text that no header can carry, or
/// a key that does not sign.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the mail cannot be composed: {0}")]
pub struct ComposeError(String);

impl ComposeError {
    pub(super) fn new<E: std::error::Error>(why: E) -> Self {
        Self(format!("{why}"))
    }
}

/// The header lines that all copies share, each ended by CRLF.
pub(super) fn fixed_headers(head: &Head<'_>, content_type: &str) -> Result<String, ComposeError> {
    let mut headers = Headers::new();
    let name = Some(one_line(head.from_name)).filter(|name| !name.is_empty());
    headers.set(header::From::from(Mailboxes::from(Mailbox::new(name, head.from.for_wire().to_lettre()))));
    headers.set(header::Subject::from(one_line(head.subject)));
    for (name, value) in extra_headers(head) {
        let name = HeaderName::new_from_ascii(name.to_owned()).map_err(ComposeError::new)?;
        headers.insert_raw(HeaderValue::new(name, value));
    }
    Ok(format!("{headers}MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n"))
}

/// The line that dates a copy, ended by CRLF.
pub(super) fn date_header(date: Timestamp) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(date.millis()).unwrap_or(0));
    let mut headers = Headers::new();
    headers.set(header::Date::new(at));
    headers.to_string()
}

fn extra_headers(head: &Head<'_>) -> Vec<(&'static str, String)> {
    // A machine wrote it: no vacation answers, please (RFC 3834 section 5).
    let mut headers = vec![("Auto-Submitted", "auto-generated".to_owned())];
    if let Some(list) = &head.list {
        let name = one_line(list.name).replace(['<', '>', '"', '\\'], " ");
        headers.extend([
            ("List-Id", format!("{} <{}>", name.trim(), list.id)),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
            ("Precedence", "bulk".to_owned()),
        ]);
    }
    headers
}

/// Control characters, line ends among them, become spaces; what no reader
/// would read to its end, and no line of a header can hold, is cut.
fn one_line(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect();
    // A text that looks like an encoded word (RFC 2047) would be shown as another.
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("=?", "= ?");
    if let Some((cut, _)) = line.char_indices().nth(LONGEST_LINE) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

/// Every line end the same, since a bare CR is none in a mail, and no NUL.
pub(super) fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "").replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::token;
    use crate::mail::{Mould, Own};

    fn message(subject: &str, name: &str) -> String {
        String::from_utf8(any(subject, name, "좋은 소식", "안녕\n.\n..", "<p>안녕</p>")).unwrap()
    }

    #[test]
    fn a_mail_has_every_header_that_a_list_needs_and_the_same_bytes_each_time() {
        let mail = message("새 글", "Good News");
        for line in [
            "Date: Sun, 22 Nov 2026 23:00:00 +0000\r\n",
            "Message-ID: <0123456789abcdef@example.com>\r\n",
            "List-Id: Good News <weekly.example.com>\r\n",
            "List-Unsubscribe: <https://example.com/u/1.0.abc>\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Precedence: bulk\r\n",
            "MIME-Version: 1.0\r\n",
            "To: reader@example.org\r\n",
        ] {
            assert!(mail.contains(line), "{line} in\n{mail}");
        }
        assert_eq!(mail, message("새 글", "Good News"));
    }

    #[test]
    fn nothing_ends_a_header_before_its_time() {
        for hostile in
            ["a\r\nBcc: x@y.z", "a\nBcc: x@y.z", "a\rBcc: x@y.z", "a\0\u{2028}Bcc: x@y.z", "a\r\n\r\nbody", "<a>\"\\"]
        {
            let mail = message(hostile, hostile);
            let (head, body) = mail.split_once("\r\n\r\n").unwrap();
            assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
            assert!(body.starts_with("--=_"), "{body}");
            assert!(!mail.replace("\r\n", "").contains(['\r', '\n', '\0']), "{mail:?}");
            assert!(mail.lines().all(|line| line.len() <= 998));
        }
    }

    /// Whether a message may go out as it is (RFC 5322 section 2.1.1, S4).
    fn is_sound(mail: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(mail).map_err(|error| error.to_string())?;
        let bare = text.replace("\r\n", "");
        if bare.contains(['\r', '\n', '\0']) {
            return Err(format!("a bare CR, LF or NUL in {text:?}"));
        }
        if !text.is_ascii() {
            return Err(format!("a byte beyond ASCII in {text}"));
        }
        match text.split("\r\n").find(|line| line.len() > 998) {
            Some(line) => Err(format!("a line of {} bytes: {line}", line.len())),
            None => Ok(()),
        }
    }

    fn any(subject: &str, name: &str, from_name: &str, plain: &str, html: &str) -> Vec<u8> {
        let (from, to) = ("news@example.com".parse().unwrap(), "reader@example.org".parse().unwrap());
        let head = Head { from_name, from: &from, subject, list: Some(ListHead { id: "weekly.example.com", name }) };
        let tokens = [(token::UNSUBSCRIBE_URL, "https://example.com/u/1.0.abc"), (token::EMAIL, "reader@example.org")];
        let date = Timestamp::from_millis(1_795_388_400_000);
        let own = Own { to: &to, message_id: "0123456789abcdef@example.com", date, tokens: &tokens };
        Mould::new(&head, plain, html, &[]).unwrap().cast(&own, &[]).unwrap()
    }

    #[test]
    fn no_text_breaks_the_lines_and_every_text_is_read_back() {
        let long = "a".repeat(3000);
        let long_korean = "가나다라마바사 ".repeat(300);
        let quoted = "\"Anna\", <anna@evil.example>; (comment) \\ =?utf-8?B?QQ==?=";
        let texts = ["", "plain", "안녕하세요", &long, &long_korean, quoted, "a\rb", "a\r\r\nb\n\rc", "\0", "🎉 emoji"];
        for text in texts {
            let mail = any(text, text, text, text, text);
            is_sound(&mail).unwrap();
            let parsed = mail_parser::MessageParser::default().parse(&mail).unwrap();
            assert_eq!(one_line(parsed.subject().unwrap_or_default()), one_line(text).trim(), "{text:?}");
            let from = parsed.from().unwrap().first().unwrap();
            assert_eq!(from.address.as_deref(), Some("news@example.com"), "{text:?}");
            assert_eq!(one_line(from.name.as_deref().unwrap_or_default()), one_line(text), "{text:?}");
            assert_eq!(lines(&parsed.body_text(0).unwrap()).trim_end(), lines(text).trim_end(), "{text:?}");
            assert_eq!(lines(&parsed.body_html(0).unwrap()).trim_end(), lines(text).trim_end(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_texts_the_mail_is_sound(
            subject in "\\PC*|[\\x00-\\x7f]{0,300}", name in "[\\x00-\\x7f]*|\\PC*", from in "\\PC*|[\\x00-\\x7f]*", body in "(?s).*|[a\r\n\0.]*",
        ) {
            is_sound(&any(&subject, &name, &from, &body, &body)).unwrap();
        }
    }
}
