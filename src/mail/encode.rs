//! Bodies in seven bits (RFC 2045 section 6), encoded once for all readers. Only
//! the tokens in them are encoded for each copy.
//!
//! Invariant: what is emitted between two tokens begins and ends with a line, so
//! that it has one form for the wire and one for a signature, whatever the
//! tokens are.

use super::dkim::relaxed_lines;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// The longest line (RFC 2045 sections 6.7 and 6.8).
const LINE: usize = 76;

/// Lines that every copy has.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    wire: Vec<u8>,
    /// As a signature sees them; `None` when that is no different.
    signed: Option<Vec<u8>>,
}

impl Lines {
    pub(super) fn new(wire: Vec<u8>) -> Self {
        let signed = relaxed_lines(&wire);
        let signed = (signed != wire).then_some(signed);
        Self { wire, signed }
    }

    pub(super) fn wire(&self) -> &[u8] {
        &self.wire
    }

    pub(super) fn signed(&self) -> &[u8] {
        self.signed.as_ref().unwrap_or(&self.wire)
    }
}

/// Takes a body as it is written.
pub(super) trait Page {
    /// Lines that every copy has.
    fn fixed(&mut self, lines: &Lines);
    /// Lines of this copy alone.
    fn own(&mut self, lines: Vec<u8>);
}

/// A text with places for tokens, ready to be written.
#[derive(Debug, Clone)]
pub(super) enum Encoded {
    /// Mostly ASCII: what stands around the tokens.
    Quoted(Vec<Lines>),
    /// Mostly other scripts, likewise.
    Base64(Vec<Stretch>),
}

/// What stands between two tokens, in base64. The bytes before it decide where
/// its groups of three begin.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    bytes: Vec<u8>,
    /// Its whole groups behind the first 0, 1 or 2 bytes.
    groups: [Lines; 3],
}

impl Encoded {
    /// Encodes what stands around the tokens, by whichever way is shorter.
    pub(super) fn new(around: &[Cow<'_, str>]) -> Self {
        let quoted: Vec<String> = around.iter().map(|text| quoted_printable::encode_to_str(text.as_bytes())).collect();
        let length: usize = quoted.iter().map(String::len).sum();
        let bytes: usize = around.iter().map(|text| text.len()).sum();
        // The line ends are in both.
        if length <= bytes / 3 * 4 {
            let last = quoted.len().saturating_sub(1);
            let lines = quoted
                .into_iter()
                .enumerate()
                .map(|(at, text)| Lines::new(if at == last { text + "\r\n" } else { soft(text) }.into_bytes()));
            return Self::Quoted(lines.collect());
        }
        Self::Base64(around.iter().map(|text| Stretch::new(text.as_bytes())).collect())
    }

    /// The word for `Content-Transfer-Encoding`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Quoted(_) => "quoted-printable",
            Self::Base64(_) => "base64",
        }
    }

    /// Writes the text with `tokens` in their places.
    pub(super) fn write(&self, tokens: &[Cow<'_, str>], page: &mut impl Page) {
        match self {
            Self::Quoted(around) => {
                for (at, lines) in around.iter().enumerate() {
                    page.fixed(lines);
                    if let Some(token) = tokens.get(at) {
                        page.own(soft(quoted_printable::encode_to_str(token.as_bytes())).into_bytes());
                    }
                }
            }
            Self::Base64(around) => {
                let mut carry = Vec::new();
                for (at, stretch) in around.iter().enumerate() {
                    // The carry is made whole with the stretch's first bytes.
                    let (seam, rest) = stretch.bytes.split_at(((3 - carry.len() % 3) % 3).min(stretch.bytes.len()));
                    carry.extend_from_slice(seam);
                    if carry.len().is_multiple_of(3) {
                        page.own(groups(&carry));
                        carry.clear();
                        page.fixed(stretch.groups.get(seam.len()).unwrap_or(&stretch.groups[0]));
                        carry.extend_from_slice(rest.get(rest.len() - rest.len() % 3..).unwrap_or_default());
                    }
                    carry.extend(tokens.get(at).map(|token| token.as_bytes()).unwrap_or_default());
                }
                page.own(groups(&carry));
            }
        }
    }
}

impl Stretch {
    fn new(bytes: &[u8]) -> Self {
        let behind = |skip: usize| {
            let rest = bytes.get(skip..).unwrap_or_default();
            Lines::new(groups(rest.get(..rest.len() - rest.len() % 3).unwrap_or_default()))
        };
        Self { bytes: bytes.to_vec(), groups: [behind(0), behind(1), behind(2)] }
    }
}

/// Quoted text whose line goes on in the next.
fn soft(mut text: String) -> String {
    if text.is_empty() {
        return text;
    }
    // The mark of a line that goes on needs a place in it.
    let begin = text.rfind('\n').map_or(0, |at| at + 1);
    if text.len() - begin >= LINE {
        let last = text.len() - 1;
        let at = if text.get(last - 2..=last - 2) == Some("=") { last - 2 } else { last };
        text.insert_str(at, "=\r\n");
    }
    text + "=\r\n"
}

/// Base64 in lines; nothing for nothing.
fn groups(bytes: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(bytes);
    let mut lines = Vec::with_capacity(text.len() + text.len() / LINE * 2 + 2);
    for line in text.as_bytes().chunks(LINE) {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_goes_on_has_room_for_its_mark() {
        for token in ["a".repeat(75), "a".repeat(76), "a".repeat(77), "a".repeat(73) + "=", "a".repeat(200)] {
            let encoded = Encoded::new(&["x\r\n".into(), "y".into()]);
            let mut page = Both::default();
            encoded.write(&[token.as_str().into()], &mut page);
            assert_eq!(read(&encoded, &page.wire), format!("x\r\n{token}y\r\n"));
        }
    }

    #[derive(Default)]
    struct Both {
        wire: Vec<u8>,
        signed: Vec<u8>,
    }

    impl Page for Both {
        fn fixed(&mut self, lines: &Lines) {
            self.wire.extend(lines.wire());
            self.signed.extend(lines.signed());
        }

        fn own(&mut self, lines: Vec<u8>) {
            self.signed.extend(relaxed_lines(&lines));
            self.wire.extend(lines);
        }
    }

    fn read(encoded: &Encoded, wire: &[u8]) -> String {
        let bytes = match encoded {
            Encoded::Quoted(_) => quoted_printable::decode(wire, quoted_printable::ParseMode::Strict).unwrap(),
            Encoded::Base64(_) => {
                let text: Vec<u8> = wire.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
                STANDARD.decode(text).unwrap()
            }
        };
        String::from_utf8(bytes).unwrap()
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_read_back_whatever_its_tokens(
            around in proptest::collection::vec("[a-z =.\t]{0,90}(\r\n)?|[가-힣 ]{0,9}|", 1..5), tokens in proptest::collection::vec("[a-z가 ]{0,9}|[ -~]{70,99}", 4),
        ) {
            let around: Vec<Cow<'_, str>> = around.iter().map(Into::into).collect();
            let tokens: Vec<Cow<'_, str>> = tokens.iter().take(around.len() - 1).map(Into::into).collect();
            let whole: String = (0..around.len())
                .flat_map(|at| [&*around[at], tokens.get(at).map_or("", |token| token)])
                .collect();
            let encoded = Encoded::new(&around);
            let mut page = Both::default();
            encoded.write(&tokens, &mut page);
            let text = read(&encoded, &page.wire);
            proptest::prop_assert_eq!(text.trim_end_matches("\r\n"), whole.trim_end_matches("\r\n"));
            proptest::prop_assert_eq!(&page.signed, &relaxed_lines(&page.wire));
            let lines = std::str::from_utf8(&page.wire).unwrap();
            proptest::prop_assert!(lines.is_empty() || lines.ends_with("\r\n"));
            proptest::prop_assert!(lines.is_ascii() && lines.split("\r\n").all(|line| line.len() <= LINE));
            proptest::prop_assert!(!lines.replace("\r\n", "").contains(['\r', '\n']));
        }
    }
}
