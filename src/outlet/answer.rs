//! What an HTTP interface's answer means for what was asked.

use crate::domain::outlet::{Outcome, Receipt};
use crate::net::{PushError, Pushed};
use serde_json::Value;

/// So much of an outlet's own words is repeated.
const LONGEST: usize = 300;

/// Judges an answer: `receipt` reads one that was good, `words` what the outlet says of one that was not.
pub(super) fn judge(
    answer: Result<Pushed, PushError>,
    receipt: impl FnOnce(&Pushed) -> Outcome,
    words: impl FnOnce(&Pushed) -> Option<String>,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(PushError::Forbidden(why)) => return Outcome::Refused(why),
        Err(PushError::NotSent { why, rest }) => return Outcome::Later { why, after: rest },
        Err(PushError::Lost(why)) => return Outcome::InDoubt(why),
    };
    let said = |answer: &Pushed, words: Option<String>| match words {
        Some(words) => format!("it answered {}: {}", answer.phrase, shortened(&words)),
        None => format!("it answered {}", answer.phrase),
    };
    match answer.status {
        200..=299 => receipt(&answer),
        300..=399 => Outcome::Refused(format!(
            "it answered {}, which is not followed: configure the address that it leads to",
            answer.phrase
        )),
        // Said by the outlet itself before it did anything: too early, too slow, too many, down for a while.
        408 | 425 | 429 | 503 => Outcome::Later { after: answer.retry_after, why: said(&answer, words(&answer)) },
        // The outlet broke, or what stands before it waited in vain: perhaps after it had taken the post.
        500..=599 => Outcome::InDoubt(said(&answer, words(&answer))),
        _ => Outcome::Refused(said(&answer, words(&answer))),
    }
}

/// An answer's JSON; null when it is none.
pub(super) fn json(answer: &Pushed) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// What the outcome of a call means that changes nothing readers see, on the way to one that does: no answer leaves
/// doubt.
pub(super) fn before(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::InDoubt(why) => Outcome::Later { why, after: None },
        other => other,
    }
}

/// What was answered to such a call, by what that meant.
pub(super) fn told(outcome: Outcome, answer: Value) -> Result<Value, Outcome> {
    match before(outcome) {
        Outcome::Done(_) => Ok(answer),
        other => Err(other),
    }
}

/// What is not there was taken down.
pub(super) fn or_gone(outcome: Outcome, status: Option<u16>, receipt: &Receipt) -> Outcome {
    if matches!(status, Some(404 | 410)) { Outcome::Done(receipt.clone()) } else { outcome }
}

fn shortened(words: &str) -> String {
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_answer_means_one_thing() {
        let pushed = |status: u16| Pushed {
            status,
            phrase: status.to_string(),
            retry_after: Some(Duration::from_secs(7)),
            location: None,
            headers: reqwest::header::HeaderMap::new(),
            body: Vec::new(),
        };
        let judged = |answer| {
            let done = |_: &Pushed| Outcome::Done(Receipt { id: "1".to_owned(), url: None });
            match judge(answer, done, |_| Some("so\nit says".to_owned())) {
                Outcome::Done(_) => "done",
                Outcome::Later { after, .. } => {
                    if after.is_some() {
                        "later"
                    } else {
                        "later, any time"
                    }
                }
                Outcome::InDoubt(_) => "in doubt",
                Outcome::Refused(_) => "refused",
            }
        };
        for (statuses, meant) in [
            (&[200, 201, 202, 204][..], "done"),
            (&[301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422][..], "refused"),
            (&[408, 425, 429, 503][..], "later"),
            (&[500, 502, 504][..], "in doubt"),
        ] {
            for status in statuses {
                assert_eq!(judged(Ok(pushed(*status))), meant, "{status}");
            }
        }
        assert_eq!(judged(Err(PushError::Lost(String::new()))), "in doubt");
        assert_eq!(judged(Err(PushError::NotSent { why: String::new(), rest: None })), "later, any time");
        assert_eq!(judged(Err(PushError::Forbidden(String::new()))), "refused");
    }
}
