//! A digest: the posts of one slot, frozen with their recipients.

use super::delivery::DeliveryState;
use super::id::{DigestId, PostId};
use super::slug::Slug;
use super::time::Timestamp;
use serde::Serialize;
use std::fmt;

/// Which digest of which newsletter: unique, so that a slot fires once (P11).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edition {
    /// The newsletter's name.
    pub newsletter: Slug,
    /// The cadence's name.
    pub cadence: Slug,
    /// The slot's nominal local time (`2026-11-23T07:00`), or `post-N` for an
    /// instant digest, or `now-…` for one sent by hand.
    pub slot: String,
}

impl Edition {
    /// The edition of one post of an instant cadence.
    #[must_use]
    pub fn instant(newsletter: Slug, cadence: Slug, post: PostId) -> Self {
        Self { newsletter, cadence, slot: format!("post-{post}") }
    }

    /// Its place below `/digests/`: `weekly/daily/2026-11-23T07-00`. No colon stands in it, which neither
    /// every file system nor every proxy takes.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.newsletter, self.cadence, self.slot.replace(':', "-"))
    }

    /// The edition at that place; `None` where no edition can be. There is one way to
    /// write each.
    #[must_use]
    pub fn at_path(newsletter: &str, cadence: &str, slot: &str) -> Option<Self> {
        let is_time = slot.len() == "2026-11-23T07-00".len()
            && slot.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 | 13 => byte == b'-',
                10 => byte == b'T',
                _ => byte.is_ascii_digit(),
            });
        let is_other = ["post-", "now-"]
            .iter()
            .filter_map(|kind| slot.strip_prefix(kind))
            .any(|number| (1..=19).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()));
        let slot = match slot.split_at_checked("2026-11-23T07".len()) {
            Some((hour, minute)) if is_time => format!("{hour}:{}", minute.strip_prefix('-')?),
            _ if is_other => slot.to_owned(),
            _ => return None,
        };
        Some(Self { newsletter: newsletter.parse().ok()?, cadence: cadence.parse().ok()?, slot })
    }
}

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestState {
    /// Frozen; it waits for the editor's word.
    Review,
    /// Frozen; its deliveries are under way.
    Sending,
    /// Its balance is closed.
    Done,
    /// There was nothing to send.
    Empty,
    /// The slot was too long ago when syndicated came back.
    Missed,
    /// There were too few posts (`min_posts`): they wait for the next slot.
    Few,
    /// Sending stopped: by itself because too many recipients were refused
    /// (P10), which its trouble says, or on a person's word.
    Paused,
    /// A person called it off: nothing of it leaves any more.
    Cancelled,
}

impl DigestState {
    /// Every state.
    pub const ALL: [Self; 8] =
        [Self::Review, Self::Sending, Self::Done, Self::Empty, Self::Missed, Self::Few, Self::Paused, Self::Cancelled];

    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Sending => "sending",
            Self::Done => "done",
            Self::Empty => "empty",
            Self::Missed => "missed",
            Self::Few => "few",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for DigestState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("unknown digest state `{text}`"))
    }
}

/// A digest's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Its row.
    pub id: DigestId,
    /// Which one it is.
    pub edition: Edition,
    /// What became of it.
    pub state: DigestState,
    /// When it was frozen: also the `Date` of its mails (P5).
    pub frozen_at: Timestamp,
    /// When its balance closed.
    pub finished_at: Option<Timestamp>,
    /// After this, what is not sent is expired.
    pub expires_at: Timestamp,
    /// The subject of its mails; empty when nothing was sent.
    pub subject: String,
    /// Why it once stopped by itself.
    pub trouble: Option<String>,
}

/// Where the deliveries of one digest stand. A digest ends only when nothing is
/// open and the equation holds (P3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Balance {
    /// Rows frozen with the digest.
    pub recipients: u64,
    /// Not tried yet.
    pub pending: u64,
    /// In an SMTP transaction now, or in doubt after a crash.
    pub attempting: u64,
    /// To be tried again.
    pub deferred: u64,
    /// The answer after the final dot was lost.
    pub unknown: u64,
    /// The relay answered 250 to the final dot.
    pub sent: u64,
    /// Refused for good.
    pub bounced: u64,
    /// Unsubscribed or suppressed before their turn (P9).
    pub suppressed: u64,
    /// The digest ran out of time.
    pub expired: u64,
}

impl Balance {
    /// Adds `count` rows in `state`.
    pub fn add(&mut self, state: DeliveryState, count: u64) {
        self.recipients += count;
        *match state {
            DeliveryState::Pending => &mut self.pending,
            DeliveryState::Attempting => &mut self.attempting,
            DeliveryState::Deferred => &mut self.deferred,
            DeliveryState::Unknown => &mut self.unknown,
            DeliveryState::Sent => &mut self.sent,
            DeliveryState::Bounced => &mut self.bounced,
            DeliveryState::Suppressed => &mut self.suppressed,
            DeliveryState::Expired => &mut self.expired,
        } += count;
    }

    /// How many are not settled yet.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.recipients.saturating_sub(self.sent + self.bounced + self.suppressed + self.expired)
    }

    /// Whether `recipients = sent + bounced + suppressed + expired`.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.open() == 0
    }
}

/// In words, with what is not zero.
impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = [
            (self.sent, "sent"),
            (self.bounced, "bounced"),
            (self.suppressed, "no longer wanted"),
            (self.expired, "expired"),
            (self.pending, "waiting"),
            (self.attempting, "in hand"),
            (self.deferred, "to be tried again"),
            (self.unknown, "in doubt"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
        if parts.is_empty() {
            f.write_str("no readers")
        } else {
            write!(f, "{} of {}", parts.join(", "), self.recipients)
        }
    }
}

/// Where a frozen mail names its reader: the only bytes in which two readers'
/// copies differ. Private-use characters frame the tokens, and are taken out of
/// everything that comes from a feed, so that no post can hold one.
pub mod token {
    /// Stands for the reader's own unsubscribe link.
    pub const UNSUBSCRIBE_URL: &str = "\u{e000}unsubscribe\u{e001}";
    /// Stands for the address that a reader writes to who wants to leave by mail.
    pub const UNSUBSCRIBE_MAIL: &str = "\u{e000}unsubscribe-mail\u{e001}";
    /// Stands for the reader's address.
    pub const EMAIL: &str = "\u{e000}email\u{e001}";
    /// Stands for the line that greets the reader.
    pub const GREETING: &str = "\u{e000}greeting\u{e001}";
    /// Stands for the link to the reader's own choices.
    pub const PREFERENCES_URL: &str = "\u{e000}preferences\u{e001}";

    /// The first token in `text`, frame included, between what stands before and behind it.
    #[must_use]
    pub fn first(text: &str) -> Option<(&str, &str, &str)> {
        let (before, rest) = text.split_at(text.find('\u{e000}')?);
        let (token, behind) = rest.split_at(rest.find('\u{e001}')? + '\u{e001}'.len_utf8());
        Some((before, token, behind))
    }

    /// `text` without the characters that frame tokens.
    #[must_use]
    pub fn strip(text: &str) -> String {
        text.chars().filter(|c| !matches!(c, '\u{e000}' | '\u{e001}')).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_has_one_place_on_the_web() {
        for slot in ["2026-11-23T07:00", "post-12", "now-1795417200000"] {
            let edition =
                Edition { newsletter: "weekly".parse().unwrap(), cadence: "daily".parse().unwrap(), slot: slot.into() };
            let path = edition.path();
            let parts: Vec<&str> = path.split('/').collect();
            assert_eq!(Edition::at_path(parts[0], parts[1], parts[2]), Some(edition), "{path}");
            assert!(!path.contains(':'), "{path}");
        }
        for slot in ["2026-11-23T07:00", "2026-11-23", "post-", "post-x", "now-1.5", "", "..", "2026-11-23T07-0é"] {
            assert_eq!(Edition::at_path("weekly", "daily", slot), None, "{slot}");
        }
        assert_eq!(Edition::at_path("Weekly/..", "daily", "post-1"), None);
    }
}
