//! What came to the bounce address, read: reports of failed delivery (RFC 3464),
//! complaints (ARF, RFC 5965), the letters of hosts that know neither, answers of
//! machines. Nothing is believed here: who may say what of whom is for
//! `flow::bounce` to judge.
//!
//! Invariants: any bytes give an answer, in time that grows with their number, and
//! what is not understood is [`What::Other`].

mod mime;

use crate::domain::bounce::{Action, StatusCode};
use mime::{Part, bare};

/// The most bytes of a mail that are read: its report stands before what it returns.
pub const MOST_BYTES: usize = 512 * 1024;
/// The most readers that one report may speak of.
const MOST_READERS: usize = 100;
/// The most characters of what a host said that are kept.
const MOST_WORDS: usize = 1000;
/// How deep reports are looked for in multiparts.
const DEPTH: usize = 3;

/// A mail that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Where it went, by every header that may say so, as they stand there.
    pub to: Vec<String>,
    /// Who it says it is from.
    pub from: String,
    /// Its subject, in one line.
    pub subject: String,
    /// What it is.
    pub what: What,
}

/// What a mail that came in is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A report of what became of a mail, reader by reader.
    Report(Vec<OfReader>),
    /// A report of what a reader said of a mail.
    Complaint {
        /// In the words of RFC 5965 section 3.1, in small letters: `abuse`.
        kind: String,
        /// Addresses and links of the mail that it speaks of.
        traces: Vec<String>,
    },
    /// A host's letter in its own words.
    Letter(String),
    /// A machine answered, in these words: somebody is on holiday.
    Answer(String),
    /// Something else.
    Other,
}

/// What a report says of one reader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfReader {
    /// To whom it went in the end, and to whom it was sent: as far as is said.
    pub addresses: Vec<String>,
    /// What was done.
    pub action: Option<Action>,
    /// The enhanced status code.
    pub status: Option<StatusCode>,
    /// What the host said.
    pub words: String,
}

impl Returned {
    /// Reads a mail, or the start of one.
    #[must_use]
    pub fn read(raw: &[u8]) -> Self {
        let raw = raw.get(..raw.len().min(MOST_BYTES)).unwrap_or(raw);
        // What a mailbox file puts before each mail.
        let raw = match raw.strip_prefix(b"From ") {
            Some(rest) => {
                rest.iter().position(|byte| *byte == b'\n').and_then(|end| rest.get(end + 1..)).unwrap_or(raw)
            }
            None => raw,
        };
        let mail = Part::new(raw);
        let to = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Cc"];
        let mut to: Vec<String> = to.iter().flat_map(|name| mail.addresses(name)).collect();
        to.dedup();
        let from = mail.addresses("From").into_iter().next().unwrap_or_default();
        let what = what(&mail, &from);
        Self { to, from, subject: mail.subject(), what }
    }
}

fn what(mail: &Part<'_>, from: &str) -> What {
    let mut parts = Vec::new();
    leaves(mail, DEPTH, &mut parts);
    let find = |kinds: &[&str]| parts.iter().find(|part| kinds.contains(&part.kind().as_str()));
    if let Some(report) = find(&["message/feedback-report"]) {
        return complaint(
            &report.text(),
            find(&["message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"]),
        );
    }
    if let Some(report) = find(&["message/delivery-status", "message/global-delivery-status"]) {
        return What::Report(readers(&report.text()));
    }
    let sender = from.split('@').next().unwrap_or_default().to_lowercase();
    let by_host = ["mailer-daemon", "mailerdaemon", "mail-daemon", "postmaster", "mdaemon"].contains(&sender.as_str());
    let words = || {
        let text = parts.iter().find(|part| part.kind() == "text/plain").or(parts.first());
        text.map(|text| own_words(&text.text())).unwrap_or_default()
    };
    match (by_host, answers(mail)) {
        (true, _) => What::Letter(words()),
        (false, true) => What::Answer(words()),
        (false, false) => What::Other,
    }
}

/// The parts that are no multiparts.
fn leaves<'a>(part: &Part<'a>, depth: usize, found: &mut Vec<Part<'a>>) {
    let inner = part.parts();
    if inner.is_empty() {
        found.push(part.clone());
        return;
    }
    for part in inner {
        if depth == 0 || part.parts().is_empty() { found.push(part) } else { leaves(&part, depth - 1, found) }
    }
}

/// Whether a machine wrote it in answer to a mail (RFC 3834 section 5, and the
/// habits before it).
fn answers(mail: &Part<'_>) -> bool {
    let automatic = mail.first("Auto-Submitted").to_lowercase();
    let precedence = mail.first("Precedence").to_lowercase();
    (!automatic.is_empty() && !automatic.starts_with("no"))
        || ["X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress", "X-Vacation"]
            .iter()
            .any(|name| !mail.first(name).is_empty())
        || ["auto_reply", "auto-reply", "bulk", "junk"].contains(&precedence.as_str())
}

/// What the report says of each reader: groups of fields with empty lines between
/// them, the first of which is about the mail.
fn readers(text: &str) -> Vec<OfReader> {
    let mut readers = Vec::new();
    let mut reader = OfReader::default();
    for (name, value) in fields(text) {
        match name.as_str() {
            "" => {
                let ended = std::mem::take(&mut reader);
                if !ended.addresses.is_empty() || ended.action.is_some() {
                    readers.push(ended);
                }
                if readers.len() >= MOST_READERS {
                    break;
                }
            }
            "final-recipient" | "original-recipient" => reader.addresses.push(bare(&value).to_owned()),
            "action" => reader.action = Action::read(&value),
            "status" => reader.status = value.split_whitespace().next().and_then(StatusCode::read),
            "diagnostic-code" => reader.words = shortened(&value),
            _ => {}
        }
    }
    readers
}

/// Fields in their order, names in small letters, folded lines joined; an empty
/// name ends a group.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let line = line.trim_end();
        if line.starts_with([' ', '\t'])
            && let Some((name, value)) = fields.last_mut()
            && !name.is_empty()
        {
            value.push(' ');
            value.push_str(line.trim());
        } else if line.trim().is_empty() {
            fields.push((String::new(), String::new()));
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
    }
    fields.push((String::new(), String::new()));
    fields
}

fn complaint(report: &str, returned: Option<&Part<'_>>) -> What {
    let (mut kind, mut traces) = (String::new(), Vec::new());
    for (name, value) in fields(report) {
        match name.as_str() {
            "feedback-type" => kind = value.to_lowercase().chars().take(40).collect(),
            "original-mail-from" => traces.push(bare(&value).to_owned()),
            _ => {}
        }
    }
    if let Some(returned) = returned {
        let mail = Part::new(returned.body());
        traces.extend(mail.addresses("Return-Path"));
        for links in mail.raw("List-Unsubscribe") {
            traces.extend(links.split(',').map(|link| bare(link).to_owned()).take(10));
        }
    }
    traces.retain(|trace| !trace.is_empty());
    What::Complaint { kind, traces }
}

/// A host's letter up to the mail that it returns: what stands in that is not its word.
fn own_words(text: &str) -> String {
    let mut words = String::new();
    for line in text.lines() {
        let lower = line.trim().to_lowercase();
        let begins_copy = lower.starts_with("--- below this line")
            || lower.starts_with("------ this is a copy of")
            || lower.starts_with("return-path:")
            || lower.starts_with("received:")
            || (lower.starts_with("--") && (lower.contains("original message") || lower.contains("returned message")));
        if begins_copy {
            break;
        }
        words.push_str(line.trim());
        words.push('\n');
    }
    shortened(&words)
}

/// In one line, and no longer than is kept.
fn shortened(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_WORDS).collect()
}
