//! What a mail that came back says of its reader, told by enhanced status codes
//! first (RFC 3463) and by a table of texts second.
//!
//! Only what says that there is no such mailbox ends mailing at once (P18); a
//! refusal for what the mail or its sender is says nothing of the reader and
//! counts for nothing; what cannot be told is nobody's fate.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What became of a mail for one reader, in the words of whoever returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// There is no such mailbox.
    Hard,
    /// The mailbox, or its host, did not take it this time.
    Soft,
    /// It was refused for what it is or where it came from.
    Blocked,
    /// It is still being tried.
    Delayed,
    /// It arrived, or went on to somebody else.
    Delivered,
}

/// What is kept of something that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BounceKind {
    /// There is no such mailbox.
    Hard,
    /// Not taken this time: so many in a while, and the reader is not mailed again.
    Soft,
    /// Refused for what the mail or its sender is: nobody's fault but ours.
    Blocked,
    /// The reader called it spam.
    Complaint,
    /// What cannot be told: kept for a person.
    Unclear,
}

impl BounceKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Hard, Self::Soft, Self::Blocked, Self::Complaint, Self::Unclear];

    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
            Self::Blocked => "blocked",
            Self::Complaint => "complaint",
            Self::Unclear => "unclear",
        }
    }
}

impl FromStr for BounceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("`{text}` is none of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// What a report says was done (RFC 3464 section 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Given up.
    Failed,
    /// Still being tried.
    Delayed,
    /// Arrived, or went on to where no report comes from.
    Delivered,
}

impl Action {
    /// Reads the field; `None` when it says something else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "failed" => Some(Self::Failed),
            "delayed" => Some(Self::Delayed),
            "delivered" | "relayed" | "expanded" => Some(Self::Delivered),
            _ => None,
        }
    }
}

/// An enhanced status code (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl StatusCode {
    /// Reads `5.1.1`; `None` when it is not one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let class = parts.next().filter(|class| matches!(*class, "2" | "4" | "5"))?.parse().ok()?;
        let mut number = || {
            let part = parts.next().filter(|part| (1..=3).contains(&part.len()))?;
            if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
        };
        let (subject, detail) = (number()?, number()?);
        parts.next().is_none().then_some(Self { class, subject, detail })
    }

    /// Every code in a text, in its order, 8 at the most.
    #[must_use]
    pub fn all_in(text: &str) -> Vec<Self> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
        // `550-5.1.1` is how Gmail begins each line but the last.
        let words = words
            .map(|word| word.split_once('-').map_or(word, |(code, rest)| if code.len() == 3 { rest } else { word }));
        words.filter_map(|word| Self::read(word.trim_matches('.'))).take(8).collect()
    }

    /// What it says by itself; `None` when it only says that something went wrong.
    fn fate(self) -> Option<Fate> {
        let Self { class, subject, detail } = self;
        match (class, subject, detail) {
            (2, ..) => Some(Fate::Delivered),
            // The sender's address, a mail too large, content and policy: nothing of the reader.
            (_, 1, 7 | 8) | (_, 2, 3) | (_, 3, 4) | (_, 6, _) | (_, 7, ..=12 | 14..) => Some(Fate::Blocked),
            // No such mailbox, no such host, not an address, moved away, takes no mail (RFC 7505).
            (5, 1, 1 | 2 | 3 | 6 | 10) => Some(Fate::Hard),
            // 7.13 is an account that is disabled (RFC 5248): it stands among the policies, and is the mailbox's.
            (_, 7, 13) | (_, 2..=4, 1..) | (4, 1, 1..) => Some(Fate::Soft),
            _ => None,
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Words that tell what a code does not, the careful meanings first: a text that
/// speaks of a block and of an unknown user is about the block. Each is looked
/// for as whole words, without case and punctuation.
const TEXTS: [(Fate, &[&str]); 3] = [
    (
        Fate::Blocked,
        &[
            "spam",
            "spamming",
            "blocked",
            "blacklist",
            "blacklisted",
            "black list",
            "blocklist",
            "blocklisted",
            "block list",
            "blocked using",
            "denylist",
            "denylisted",
            "dnsbl",
            "rbl",
            "spamhaus",
            "spamcop",
            "barracuda",
            "reputation",
            "policy",
            "dmarc",
            "spf",
            "dkim",
            "unauthenticated",
            "not authorized",
            "relay access denied",
            "relaying denied",
            "unable to relay",
            "virus",
            "malware",
            "content rejected",
            "message content",
            "too large",
            "size limit",
            "exceeds size",
            "rate limit",
            "rate limited",
            "too many",
            "sender rejected",
            "sender address rejected",
            "sender verify failed",
        ],
    ),
    (
        Fate::Soft,
        &[
            "mailbox full",
            "mailbox is full",
            "mail box full",
            "inbox is full",
            "over quota",
            "overquota",
            "quota exceeded",
            "exceeded quota",
            "exceeded its quota",
            "exceeds quota",
            "quota",
            "exceeded storage",
            "insufficient storage",
            "out of storage",
            "disk full",
            "disabled",
            "inactive",
            "suspended",
            "locked",
            "greylist",
            "greylisted",
            "graylisted",
            "try again",
            "temporarily",
            "temporary",
            "timed out",
            "timeout",
            "connection refused",
            "too busy",
            "unreachable",
            "loops",
            "too many hops",
        ],
    ),
    (
        Fate::Hard,
        &[
            "user unknown",
            "unknown user",
            "no such user",
            "no such mailbox",
            "no such recipient",
            "no such person",
            "no such address",
            "no such account",
            "user not found",
            "mailbox not found",
            "recipient not found",
            "account not found",
            "address not found",
            "user does not exist",
            "mailbox does not exist",
            "address does not exist",
            "account does not exist",
            "recipient does not exist",
            "user doesn t exist",
            "mailbox doesn t exist",
            "address doesn t exist",
            "email account that you tried to reach does not exist",
            "unknown recipient",
            "recipient unknown",
            "unknown mailbox",
            "mailbox unknown",
            "unknown address",
            "addressee unknown",
            "unknown local part",
            "unknown or illegal alias",
            "invalid mailbox",
            "invalid recipient",
            "not a known user",
            "is not a valid mailbox",
            "no mailbox here by that name",
            "user is unknown",
            "doesn t have a yahoo",
            "no longer exists",
            "no longer in use",
            "no longer valid",
        ],
    ),
];

/// What a text says by its words.
fn fate_of_words(text: &str) -> Option<Fate> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let line = format!(" {} ", words.join(" "));
    let says = |known: &str| line.contains(&format!(" {known} "));
    TEXTS.iter().find(|(_, known)| known.iter().any(|known| says(known))).map(|(fate, _)| *fate)
}

/// Whether a text holds a reply that refuses: `550`, `552-…`, `#550`.
fn refuses(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').any(|word| {
        word.len() == 3
            && matches!(word.as_bytes().first(), Some(b'4' | b'5'))
            && word.bytes().all(|b| b.is_ascii_digit())
    })
}

/// What a report says of one reader, and the code that says it. `status` is its
/// field, `words` what the host said.
#[must_use]
pub fn reported(action: Option<Action>, status: Option<StatusCode>, words: &str) -> Option<(Fate, Option<StatusCode>)> {
    match action {
        Some(Action::Delayed) => return Some((Fate::Delayed, status)),
        Some(Action::Delivered) => return Some((Fate::Delivered, status)),
        Some(Action::Failed) => {}
        // Who leaves the action out says by the code what was done.
        None => match status.map(|status| status.class) {
            Some(5) => {}
            Some(4) => return Some((Fate::Delayed, status)),
            Some(_) => return Some((Fate::Delivered, status)),
            None => return None,
        },
    }
    // Given up, whatever the code.
    let given_up = |fate| if fate == Fate::Delivered { Fate::Soft } else { fate };
    match told(status.into_iter().chain(StatusCode::all_in(words)), words) {
        Some((fate, code)) => Some((given_up(fate), code.or(status))),
        None => Some((Fate::Soft, status)),
    }
}

/// How hosts say that they have not given up.
const STILL_TRYING: [&str; 7] = [
    "has been delayed",
    "is delayed",
    "still trying",
    "will keep trying",
    "will continue to",
    "warning message only",
    "do not need to resend",
];

/// What the text of a mail says that is no report; `None` when it cannot be told.
#[must_use]
pub fn written(words: &str) -> Option<(Fate, Option<StatusCode>)> {
    let codes = StatusCode::all_in(words);
    let lower = words.to_lowercase();
    if STILL_TRYING.iter().any(|known| lower.contains(known)) {
        return Some((Fate::Delayed, codes.first().copied()));
    }
    let fate = told(codes.iter().copied(), words).or_else(|| refuses(words).then_some((Fate::Soft, None)));
    fate.filter(|(fate, _)| *fate != Fate::Delivered)
        .map(|(fate, code)| (fate, code.or_else(|| codes.first().copied())))
}

/// The milder of what a relay calls it and what the host's code and words tell:
/// relays call much of what is theirs or passes "hard".
#[must_use]
pub fn milder(called: Fate, status: Option<StatusCode>, words: &str) -> (Fate, Option<StatusCode>) {
    let weight = |fate: Fate| match fate {
        Fate::Hard => 2,
        Fate::Soft => 1,
        Fate::Blocked | Fate::Delayed | Fate::Delivered => 0,
    };
    match told(status.into_iter().chain(StatusCode::all_in(words)), words) {
        Some((fate, code)) if weight(fate) < weight(called) => (fate, code.or(status)),
        Some((_, code)) => (called, code.or(status)),
        None => (called, status),
    }
}

fn told(codes: impl Iterator<Item = StatusCode>, words: &str) -> Option<(Fate, Option<StatusCode>)> {
    let mut codes = codes.filter(|code| code.class != 2);
    let by_code = codes.find_map(|code| Some((code.fate()?, Some(code))));
    by_code.or_else(|| fate_of_words(words).map(|fate| (fate, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: &str, words: &str) -> (Fate, String) {
        let (fate, code) = reported(Some(Action::Failed), StatusCode::read(status), words).unwrap();
        (fate, code.map(|code| code.to_string()).unwrap_or_default())
    }

    #[test]
    fn a_code_that_tells_is_believed_before_any_word() {
        for (status, words, fate, code) in [
            ("5.1.1", "smtp; 550 5.1.1 <a@b.example>: Recipient address rejected: User unknown", Fate::Hard, "5.1.1"),
            ("5.1.10", "smtp; 556 5.1.10 domain takes no mail", Fate::Hard, "5.1.10"),
            ("5.1.2", "", Fate::Hard, "5.1.2"),
            // The field says nothing, the reply does.
            ("5.0.0", "smtp; 550-5.1.1 The email account that you tried to reach does not exist", Fate::Hard, "5.1.1"),
            ("5.0.0", "smtp; 550 5.7.1 user unknown", Fate::Blocked, "5.7.1"),
            ("5.2.2", "smtp; 552 5.2.2 <a@b.example> Quota exceeded (user unknown?)", Fate::Soft, "5.2.2"),
            ("5.2.1", "user unknown", Fate::Soft, "5.2.1"),
            ("4.4.1", "connect to b.example: Connection timed out", Fate::Soft, "4.4.1"),
            ("4.1.1", "user unknown", Fate::Soft, "4.1.1"),
            ("5.1.8", "sender's domain does not exist", Fate::Blocked, "5.1.8"),
            ("5.7.26", "unauthenticated mail is not accepted", Fate::Blocked, "5.7.26"),
            ("5.4.1", "Recipient address rejected: Access denied", Fate::Soft, "5.4.1"),
            ("5.3.4", "message file too big", Fate::Blocked, "5.3.4"),
        ] {
            assert_eq!(failed(status, words), (fate, code.to_owned()), "{status} {words}");
        }
    }

    #[test]
    fn words_tell_where_codes_do_not_the_careful_meaning_first() {
        for (status, words, fate) in [
            ("5.0.0", "smtp; 550 no such user here", Fate::Hard),
            ("", "smtp; 550 Requested action not taken: mailbox unavailable", Fate::Soft),
            ("5.1.0", "550 5.1.0 Address rejected", Fate::Soft),
            ("5.1.0", "550 5.1.0 sender rejected", Fate::Blocked),
            ("5.5.0", "User unknown; rejected by policy", Fate::Blocked),
            ("5.0.0", "mailbox is full, user unknown", Fate::Soft),
            ("5.0.0", "Sorry, no mailbox here by that name. (#5.1.1)", Fate::Hard),
            ("5.0.0", "", Fate::Soft),
            ("2.0.0", "", Fate::Soft),
        ] {
            assert_eq!(failed(status, words).0, fate, "{status} {words}");
        }
    }

    #[test]
    fn only_what_failed_counts() {
        let of = |action, status| reported(action, StatusCode::read(status), "user unknown").map(|(fate, _)| fate);
        assert_eq!(of(Some(Action::Delayed), "5.1.1"), Some(Fate::Delayed));
        assert_eq!(of(Some(Action::Delivered), "2.0.0"), Some(Fate::Delivered));
        assert_eq!(of(None, "5.1.1"), Some(Fate::Hard));
        assert_eq!(of(None, "4.1.1"), Some(Fate::Delayed));
        assert_eq!(of(None, ""), None);
        assert_eq!(Action::read(" Failed "), Some(Action::Failed));
        assert_eq!(Action::read("failed to tell"), None);
    }

    #[test]
    fn a_text_that_tells_nothing_is_nobodys_fate() {
        let fate = |words| written(words).map(|(fate, _)| fate);
        assert_eq!(
            fate("Hi. This is the qmail-send program.\n<a@b.example>:\nSorry, no such user. (#5.1.1)"),
            Some(Fate::Hard)
        );
        assert_eq!(fate("550 what was that"), Some(Fate::Soft));
        assert_eq!(fate("User Unknown"), Some(Fate::Hard));
        assert_eq!(fate("Warning: 450 4.2.2 mailbox full. We will keep trying for 3 days."), Some(Fate::Delayed));
        for words in [
            "",
            "Your message could not be delivered.",
            "Room 550a is free",
            "2.0.0 ok",
            "call 0.5.1",
            "version 15.1.1",
        ] {
            assert_eq!(fate(words), None, "{words}");
        }
    }

    #[test]
    fn what_is_no_code_is_none() {
        for text in ["", "5", "5.1", "5.1.1.1", "3.1.1", "5.1.1000", "5.+1.1", "5..1", "55.1.1", "5.1.x"] {
            assert_eq!(StatusCode::read(text), None, "{text}");
        }
        assert_eq!(StatusCode::all_in("(#5.1.1) 550-5.2.2. x5.1.3").len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(?s).{0,400}", status in "[0-9.]{0,8}") {
            let _ = written(&text);
            let _ = reported(Some(Action::Failed), StatusCode::read(&status), &text);
        }
    }
}
