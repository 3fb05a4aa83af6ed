//! The parts of a mail that came back, taken apart as far as reports are nested
//! and no further: a mail within a mail is bytes here, so that none can be nested
//! deeper than the stack. Headers are read by mail-parser.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use mail_parser::{Address, Header, HeaderValue, Message, MessageParser, MimeHeaders as _};

/// The most bytes of a header that are read.
const MOST_HEAD: usize = 64 * 1024;
/// The most parts of a multipart that are looked at.
const MOST_PARTS: usize = 20;
/// The most bytes of a text that are read: a host says why it refused at the beginning.
const MOST_TEXT: usize = 16 * 1024;

/// A mail, or a part of one.
#[derive(Clone)]
pub(super) struct Part<'a> {
    head: Option<Message<'a>>,
    body: &'a [u8],
}

impl<'a> Part<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        let (head, body) = split(raw);
        let head = head.get(..head.len().min(MOST_HEAD)).unwrap_or(head);
        Self { head: MessageParser::default().parse_headers(head), body }
    }

    /// What stands below the header, as it came.
    pub(super) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The type in small letters, such as `message/delivery-status`; a part that
    /// names none is a text.
    pub(super) fn kind(&self) -> String {
        let named = self.head.as_ref().and_then(|head| head.content_type());
        named.map_or_else(
            || "text/plain".to_owned(),
            |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_lowercase(),
        )
    }

    /// The parts of a multipart, in their order.
    pub(super) fn parts(&self) -> Vec<Part<'a>> {
        let kind = self.head.as_ref().and_then(|head| head.content_type());
        let boundary = kind
            .filter(|kind| kind.ctype().eq_ignore_ascii_case("multipart"))
            .and_then(|kind| kind.attribute("boundary"));
        boundary.map(|boundary| between(self.body, boundary)).unwrap_or_default()
    }

    /// The text of a part, decoded; what no charset explains is shown as it can be.
    pub(super) fn text(&self) -> String {
        let coding = self.head.as_ref().and_then(|head| head.content_transfer_encoding()).unwrap_or_default();
        let start = self.body.get(..self.body.len().min(MOST_TEXT)).unwrap_or(self.body);
        let bytes = if coding.eq_ignore_ascii_case("base64") {
            // A start that was cut, and lines in between.
            let mut digits: Vec<u8> = start.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            digits.truncate(digits.len() / 4 * 4);
            LENIENT.decode(digits).unwrap_or_default()
        } else if coding.eq_ignore_ascii_case("quoted-printable") {
            quoted_printable::decode(start, quoted_printable::ParseMode::Robust).unwrap_or_else(|_| start.to_vec())
        } else {
            start.to_vec()
        };
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The values of every header of that name, as they came, unfolded.
    pub(super) fn raw(&self, name: &str) -> Vec<String> {
        let Some(head) = &self.head else { return Vec::new() };
        let found = head.headers_raw().filter(|(known, _)| known.eq_ignore_ascii_case(name)).take(MOST_PARTS);
        found.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// The first of them; empty when there is none.
    pub(super) fn first(&self, name: &str) -> String {
        self.raw(name).into_iter().next().unwrap_or_default()
    }

    /// Every address in the headers of that name.
    pub(super) fn addresses(&self, name: &str) -> Vec<String> {
        let headers = self.head.as_ref().map(Message::headers).unwrap_or_default();
        let of_name = headers.iter().filter(|header| header.name.as_str().eq_ignore_ascii_case(name));
        of_name.flat_map(of_header).take(MOST_PARTS).collect()
    }

    /// The subject, decoded.
    pub(super) fn subject(&self) -> String {
        let subject = self.head.as_ref().and_then(|head| head.subject()).unwrap_or_default();
        subject.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(500).collect()
    }
}

fn of_header(header: &Header<'_>) -> Vec<String> {
    match &header.value {
        HeaderValue::Address(Address::List(list)) => {
            list.iter().filter_map(|one| one.address.as_deref().map(str::to_owned)).collect()
        }
        HeaderValue::Address(Address::Group(groups)) => groups
            .iter()
            .flat_map(|group| &group.addresses)
            .filter_map(|one| one.address.as_deref().map(str::to_owned))
            .collect(),
        HeaderValue::Text(text) => vec![bare(text).to_owned()],
        HeaderValue::TextList(list) => list.iter().map(|text| bare(text).to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// An address without the brackets and the type that may stand around it:
/// `rfc822;<a@b.example>`.
pub(super) fn bare(text: &str) -> &str {
    let text = text.split_once(';').map_or(text, |(_, address)| address);
    text.trim().trim_start_matches('<').trim_end_matches('>').trim()
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The header, its last line end included, and what stands below the empty line.
pub(super) fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        if matches!(rest.get(..line), Some(b"\r\n" | b"\n")) {
            return (raw.get(..at).unwrap_or_default(), raw.get(at + line..).unwrap_or_default());
        }
        at += line;
    }
    (raw, b"")
}

/// What stands between the lines of a boundary (RFC 2046 section 5.1.1); what is
/// cut off counts as a part too.
fn between<'a>(body: &'a [u8], boundary: &str) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let (mut at, mut begun) = (0, None);
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let line = rest.get(..length).unwrap_or_default().trim_ascii_end();
        if let Some(behind) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_bytes())) {
            let last = behind == b"--";
            if last || behind.is_empty() {
                if let Some(start) = begun.take() {
                    parts.push(Part::new(body.get(start..at).unwrap_or_default()));
                }
                if last || parts.len() >= MOST_PARTS {
                    return parts;
                }
                begun = Some(at + length);
            }
        }
        at += length;
    }
    if let Some(start) = begun {
        parts.push(Part::new(body.get(start..).unwrap_or_default()));
    }
    parts
}
