//! What relays report, each in its own words (JSON), as one: which reader, what
//! became of the mail, in whose words. Each field is named in the documentation of
//! the relay; what is missing or new makes an event unclear or nothing, never hard.

use crate::domain::bounce::{Action, Fate, StatusCode, milder, reported};
use serde_json::Value;

/// The most events of one report.
const MOST_EVENTS: usize = 5_000;
/// The most characters of a host's words that are kept.
const MOST_WORDS: usize = 1_000;

/// One event of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// What makes it the same when it comes again.
    pub(super) id: String,
    /// What it says.
    pub(super) says: Says,
    /// Of whom.
    pub(super) address: String,
    /// The envelope's sender, where the relay tells it.
    pub(super) sender: String,
    /// The enhanced status code.
    pub(super) status: Option<StatusCode>,
    /// What the host said.
    pub(super) words: String,
}

/// What an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// What became of a mail.
    Bounce(Fate),
    /// The reader complained.
    Complaint,
    /// Something else was not delivered.
    Unclear,
}

/// The events of a report of `relay` that are about mails that did not arrive or
/// were not welcome; `None` when it is no report of that relay's.
pub(super) fn read(relay: &str, body: &[u8]) -> Option<Vec<Event>> {
    let report: Value = serde_json::from_slice(body).ok()?;
    let read: fn(&Value) -> Vec<Event> = match relay {
        "ses" => ses,
        "postmark" => postmark,
        "mailgun" => mailgun,
        "sendgrid" => sendgrid,
        "mailjet" => mailjet,
        "brevo" => brevo,
        _ => return None,
    };
    let mut events: Vec<Event> = match &report {
        Value::Array(events) => events.iter().take(MOST_EVENTS).flat_map(read).collect(),
        Value::Object(_) => read(&report),
        _ => return None,
    };
    events.dedup();
    Some(events)
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// A text or a number as text.
fn plain(value: &Value, path: &str) -> String {
    match value.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn one_line(words: &str) -> String {
    let clean: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_WORDS).collect()
}

/// An event that a relay calls so.
fn event(id: String, address: &str, called: Says, status: &str, words: &str) -> Event {
    let (status, words) = (StatusCode::read(status.trim()), one_line(words));
    let (says, status) = match called {
        Says::Bounce(fate) => {
            let (fate, status) = milder(fate, status, &words);
            (Says::Bounce(fate), status)
        }
        other => (other, status),
    };
    Event { id, says, address: address.to_owned(), sender: String::new(), status, words }
}

/// An event of a relay that says only that it gave up.
fn given_up(id: String, address: &str, status: &str, words: &str) -> Event {
    let (status, words) = (StatusCode::read(status.trim()), one_line(words));
    let told = reported(Some(Action::Failed), status, &words);
    let (says, status) = told.map_or((Says::Unclear, status), |(fate, code)| (Says::Bounce(fate), code));
    Event { id, says, address: address.to_owned(), sender: String::new(), status, words }
}

/// Amazon SES: a notification, or an event that is published (`eventType`).
fn ses(report: &Value) -> Vec<Event> {
    let kind = [text(report, "/notificationType"), text(report, "/eventType")].concat();
    let sender = text(report, "/mail/source");
    let list = |path| report.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut events: Vec<Event> = match kind.as_str() {
        "Bounce" => {
            let (of, sub) = (text(report, "/bounce/bounceType"), text(report, "/bounce/bounceSubType"));
            let called = match (of, sub) {
                (_, "ContentRejected" | "AttachmentRejected" | "MessageTooLarge") => Says::Bounce(Fate::Blocked),
                ("Permanent", _) => Says::Bounce(Fate::Hard),
                ("Transient", _) => Says::Bounce(Fate::Soft),
                _ => Says::Unclear,
            };
            list("/bounce/bouncedRecipients")
                .iter()
                .map(|reader| {
                    let (status, words) = (text(reader, "/status"), text(reader, "/diagnosticCode"));
                    let (id, address) = (plain(report, "/bounce/feedbackId"), text(reader, "/emailAddress"));
                    if called == Says::Unclear && !(status.is_empty() && words.is_empty()) {
                        given_up(id, address, status, words)
                    } else {
                        event(id, address, called, status, words)
                    }
                })
                .collect()
        }
        "Complaint" if text(report, "/complaint/complaintFeedbackType") != "not-spam" => {
            let words = text(report, "/complaint/complaintFeedbackType");
            let readers = list("/complaint/complainedRecipients").iter();
            let id = || plain(report, "/complaint/feedbackId");
            readers.map(|reader| event(id(), text(reader, "/emailAddress"), Says::Complaint, "", words)).collect()
        }
        _ => Vec::new(),
    };
    for event in &mut events {
        sender.clone_into(&mut event.sender);
    }
    events
}

/// Postmark: bounces and complaints, each by its type.
fn postmark(report: &Value) -> Vec<Event> {
    let called = match (text(report, "/RecordType"), text(report, "/Type")) {
        ("SpamComplaint", _) | ("Bounce", "SpamComplaint") => Says::Complaint,
        ("Bounce", "HardBounce" | "BadEmailAddress") => Says::Bounce(Fate::Hard),
        ("Bounce", "Transient" | "SoftBounce" | "DnsError") => Says::Bounce(Fate::Soft),
        ("Bounce", "Blocked" | "SpamNotification" | "VirusNotification" | "DMARCPolicy" | "ManuallyDeactivated") => {
            Says::Bounce(Fate::Blocked)
        }
        (
            "Bounce",
            "AutoResponder" | "Subscribe" | "Unsubscribe" | "AddressChange" | "OpenRelayTest" | "ChallengeVerification",
        )
        | ("Delivery" | "Open" | "Click" | "SubscriptionChange", _) => return Vec::new(),
        _ => Says::Unclear,
    };
    let words = format!("{} {}", text(report, "/Details"), text(report, "/Description"));
    vec![event(plain(report, "/ID"), text(report, "/Email"), called, "", &words)]
}

/// Mailgun: `failed` for good, and `complained`. What failed for now is tried again by it.
fn mailgun(report: &Value) -> Vec<Event> {
    let Some(data) = report.pointer("/event-data") else { return Vec::new() };
    let (id, address) = (plain(data, "/id"), text(data, "/recipient"));
    let status = data.pointer("/delivery-status").unwrap_or(&Value::Null);
    let words = [plain(status, "/code"), text(status, "/message").to_owned(), text(status, "/description").to_owned()]
        .join(" ");
    let code = text(status, "/enhanced-code");
    let event = match (text(data, "/event"), text(data, "/severity"), text(data, "/reason")) {
        ("complained", ..) | ("failed", "permanent", "suppress-complaint") => {
            event(id, address, Says::Complaint, "", &words)
        }
        ("failed", "permanent", "suppress-bounce") => event(id, address, Says::Bounce(Fate::Hard), code, &words),
        ("failed", "permanent", "suppress-unsubscribe") | ("failed", "temporary", _) => return Vec::new(),
        ("failed", "permanent", "espblock") => event(id, address, Says::Bounce(Fate::Blocked), code, &words),
        ("failed", "permanent", _) => given_up(id, address, code, &words),
        ("failed" | "rejected", ..) => event(id, address, Says::Unclear, code, &words),
        _ => return Vec::new(),
    };
    vec![Event { sender: text(data, "/envelope/sender").to_owned(), ..event }]
}

/// `SendGrid`: `bounce` (which may be a block), `dropped` for what was known before, `spamreport`.
fn sendgrid(report: &Value) -> Vec<Event> {
    let (id, address) = (plain(report, "/sg_event_id"), text(report, "/email"));
    let (status, words) = (text(report, "/status"), text(report, "/reason"));
    vec![match (text(report, "/event"), text(report, "/type"), text(report, "/bounce_classification")) {
        ("spamreport", ..) => event(id, address, Says::Complaint, "", words),
        ("bounce", "blocked", _) | ("bounce", _, "Reputation" | "Content" | "Frequency or Volume Too High") => {
            event(id, address, Says::Bounce(Fate::Blocked), status, words)
        }
        ("bounce", _, "Invalid Address") => event(id, address, Says::Bounce(Fate::Hard), status, words),
        ("bounce", _, "Mailbox Unavailable" | "Technical") => {
            event(id, address, Says::Bounce(Fate::Soft), status, words)
        }
        ("bounce", ..) => given_up(id, address, status, words),
        ("dropped", ..) => match words {
            "Bounced Address" | "Invalid" => event(id, address, Says::Bounce(Fate::Hard), status, ""),
            "Spam Reporting Address" => event(id, address, Says::Complaint, "", words),
            "Unsubscribed Address" => return Vec::new(),
            _ => event(id, address, Says::Unclear, status, words),
        },
        _ => return Vec::new(),
    }]
}

/// Mailjet: `bounce`, `blocked` and `spam`.
fn mailjet(report: &Value) -> Vec<Event> {
    let is_hard = report.pointer("/hard_bounce").and_then(Value::as_bool).unwrap_or(false);
    let error = text(report, "/error");
    let called = match (text(report, "/event"), text(report, "/error_related_to")) {
        ("spam", _) => Says::Complaint,
        ("blocked", _) | ("bounce", "content" | "spam" | "mailjet" | "system") => Says::Bounce(Fate::Blocked),
        ("bounce", "recipient" | "domain")
            if is_hard && matches!(error, "user unknown" | "invalid domain" | "no mail host") =>
        {
            Says::Bounce(Fate::Hard)
        }
        ("bounce", _) => Says::Bounce(Fate::Soft),
        _ => return Vec::new(),
    };
    let words = format!("{error} {}", text(report, "/comment"));
    let id = format!("{} {}", plain(report, "/MessageID"), plain(report, "/time"));
    vec![event(id, text(report, "/email"), called, "", &words)]
}

/// Brevo: each event by its name.
fn brevo(report: &Value) -> Vec<Event> {
    let called = match text(report, "/event") {
        "hard_bounce" | "invalid_email" => Says::Bounce(Fate::Hard),
        "soft_bounce" => Says::Bounce(Fate::Soft),
        "blocked" => Says::Bounce(Fate::Blocked),
        "spam" | "complaint" => Says::Complaint,
        "error" => Says::Unclear,
        _ => return Vec::new(),
    };
    let id = format!("{} {}", plain(report, "/message-id"), plain(report, "/ts_event"));
    vec![event(id, text(report, "/email"), called, "", text(report, "/reason"))]
}
