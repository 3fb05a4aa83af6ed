//! From what the relay did to what the ledger keeps, and when a digest's own
//! record is so bad that it must stop.

use crate::clock::Chance;
use crate::config::{Mail, OnAmbiguous};
use crate::domain::delivery::Verdict;
use crate::domain::digest::Balance;
use crate::domain::id::DigestId;
use crate::domain::time::Timestamp;
use crate::store::Settlement;
use std::collections::HashMap;
use std::time::Duration;

/// The first wait before another attempt; each further one is twice as long:
/// 5, 10, 20, 40, then 66 minutes and 40 seconds.
const FIRST_WAIT: Duration = Duration::from_mins(5);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(4_000);
/// How much of a wait is chance, so that not all come back at once.
const JITTER: f64 = 0.1;

/// The first recipients of a digest by whom it is judged.
const SAMPLE: u64 = 50;
/// More refusals than this share of the sample pause the digest.
const WORST_SHARE: f64 = 0.2;
/// So many refusals before anybody was reached pause it too: on a short list, a
/// relay that does not know the sender would burn every reader.
const NOBODY_REACHED: u64 = 5;
/// So many refusals after the final dot in a row are the message's own fault.
const REFUSED_IN_A_ROW: u32 = 5;

/// What the ledger keeps of a verdict.
pub(super) fn settlement(verdict: &Verdict, attempts: u32, mail: &Mail, now: Timestamp, chance: &Chance) -> Settlement {
    let later = || {
        let wait = FIRST_WAIT.saturating_mul(1 << attempts.saturating_sub(1).min(8)).min(LONGEST_WAIT);
        now.plus(chance.jitter(wait, JITTER))
    };
    match verdict {
        Verdict::Sent { reply } => Settlement::Sent(reply.clone()),
        Verdict::Deferred { reason } => Settlement::Deferred(reason.clone(), later()),
        // A message that is refused once may be greylisted content; twice is the relay's word.
        Verdict::Refused { reason } if attempts < 2 => Settlement::Deferred(reason.clone(), later()),
        Verdict::Refused { reason } | Verdict::Bounced { reason } => Settlement::Bounced(reason.clone()),
        Verdict::Unknown { reason } => {
            Settlement::Unknown(reason.clone(), (mail.on_ambiguous == OnAmbiguous::Retry).then(later))
        }
        Verdict::RelayTrouble { .. } => Settlement::GivenBack(now),
    }
}

/// How the digests under way are doing.
#[derive(Debug, Default)]
pub(super) struct Health(HashMap<DigestId, Record>);

#[derive(Debug, Default)]
struct Record {
    tried: u64,
    bounced: u64,
    refused_in_a_row: u32,
    /// Whether the sample has spoken: whoever sets a digest going again has seen it.
    judged: bool,
    /// Why it must stop. Many verdicts may come back before anybody asks.
    trouble: Option<String>,
}

impl Health {
    pub(super) fn knows(&self, digest: DigestId) -> bool {
        self.0.contains_key(&digest)
    }

    /// Takes up a digest where an earlier run left it.
    pub(super) fn begin(&mut self, digest: DigestId, balance: Balance, resumed: bool) {
        let tried = balance.sent + balance.bounced;
        let record = Record { tried, bounced: balance.bounced, judged: resumed, ..Record::default() };
        self.0.insert(digest, record);
    }

    pub(super) fn count(&mut self, digest: DigestId, verdict: &Verdict) {
        let record = self.0.entry(digest).or_default();
        match verdict {
            Verdict::Sent { .. } => {
                record.tried += 1;
                record.refused_in_a_row = 0;
            }
            Verdict::Bounced { .. } => {
                record.tried += 1;
                record.bounced += 1;
            }
            Verdict::Refused { .. } => record.refused_in_a_row += 1,
            Verdict::Deferred { .. } | Verdict::Unknown { .. } | Verdict::RelayTrouble { .. } => {}
        }
        record.trouble = record.trouble.take().or_else(|| record.judge());
    }

    /// The digests that must stop now, and why.
    pub(super) fn verdicts(&self) -> Vec<(DigestId, String)> {
        self.0.iter().filter_map(|(digest, record)| Some((*digest, record.trouble.clone()?))).collect()
    }

    /// The digest was stopped. When a person sets it going again, a message that
    /// is still refused stops it again.
    pub(super) fn stopped(&mut self, digest: DigestId) {
        let record = self.0.entry(digest).or_default();
        record.judged = true;
        record.refused_in_a_row = 0;
        record.trouble = None;
    }
}

impl Record {
    /// Why the digest must stop, as things stand.
    fn judge(&self) -> Option<String> {
        if self.refused_in_a_row >= REFUSED_IN_A_ROW {
            return Some(format!(
                "the relay refused {REFUSED_IN_A_ROW} copies in a row after reading them: the message is at fault"
            ));
        }
        if self.judged || self.tried > SAMPLE {
            return None;
        }
        if self.bounced == self.tried && self.tried >= NOBODY_REACHED {
            return Some(format!(
                "the first {} recipients were all refused: does the relay carry mails of this sender?",
                self.tried
            ));
        }
        too_many(self.bounced).then(|| {
            format!(
                "{} of the first {} recipients were refused: is the list, or the sender's standing, in order?",
                self.bounced, self.tried
            )
        })
    }
}

/// Whether so many refusals are too many whatever the rest of the sample says.
fn too_many(bounced: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "both are at most 50")]
    let share = bounced as f64 / SAMPLE as f64;
    share > WORST_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_of_the_first_fifty_stop_a_digest_once_and_later_ones_do_not() {
        let (mut health, digest) = (Health::default(), DigestId(1));
        let (sent, bounced) = (Verdict::Sent { reply: String::new() }, Verdict::Bounced { reason: String::new() });
        health.count(digest, &sent);
        for _ in 0..10 {
            health.count(digest, &bounced);
        }
        assert!(health.verdicts().is_empty());
        // All of these come back before anybody asks.
        for _ in 0..100 {
            health.count(digest, &bounced);
        }
        let trouble = health.verdicts().remove(0).1;
        assert!(trouble.starts_with("11 of the first 12 recipients"), "{trouble}");
        health.stopped(digest);
        health.count(digest, &bounced);
        assert!(health.verdicts().is_empty());
        let other = DigestId(2);
        for _ in 0..50 {
            health.count(other, &sent);
        }
        for _ in 0..40 {
            health.count(other, &bounced);
        }
        assert!(health.verdicts().is_empty());
    }

    #[test]
    fn a_relay_that_refuses_everybody_stops_a_digest_however_short_it_is() {
        let (mut health, digest) = (Health::default(), DigestId(1));
        let bounced = Verdict::Bounced { reason: String::new() };
        for _ in 0..4 {
            health.count(digest, &bounced);
            assert!(health.verdicts().is_empty());
        }
        health.count(digest, &bounced);
        let trouble = health.verdicts().remove(0).1;
        assert!(trouble.starts_with("the first 5 recipients were all refused"), "{trouble}");
        health.stopped(digest);
        health.count(digest, &bounced);
        assert!(health.verdicts().is_empty(), "whoever set it going again has seen it");
    }

    #[test]
    fn five_refusals_in_a_row_stop_a_digest() {
        let (mut health, digest) = (Health::default(), DigestId(1));
        let refused = Verdict::Refused { reason: String::new() };
        for _ in 0..4 {
            health.count(digest, &refused);
        }
        health.count(digest, &Verdict::Sent { reply: String::new() });
        health.count(digest, &refused);
        assert!(health.verdicts().is_empty());
        for _ in 0..4 {
            health.count(digest, &refused);
        }
        assert_eq!(health.verdicts().len(), 1);
        health.stopped(digest);
        assert!(health.verdicts().is_empty());
        for _ in 0..5 {
            health.count(digest, &refused);
        }
        assert_eq!(health.verdicts().len(), 1, "set going again, it is still at fault");
    }
}
