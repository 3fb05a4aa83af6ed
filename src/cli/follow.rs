//! How a digest comes along, watched until it ends: how many mails are settled,
//! how fast, and how long the rest will take at that pace.

use super::Setting;
use super::digest::standing;
use super::output::{Out, progress};
use crate::domain::digest::{Balance, DigestState};
use crate::domain::id::DigestId;
use crate::domain::span;
use crate::domain::time::Timestamp;
use crate::store::Store;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The pace is that of so long.
const WINDOW: Duration = Duration::from_secs(30);

/// How far a digest is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Progress {
    at: Timestamp,
    #[serde(flatten)]
    balance: Balance,
    /// Mails settled in a second, of late; none while it is not known.
    per_second: Option<f64>,
    /// Seconds that the rest takes at that pace.
    left: Option<u64>,
}

/// What was seen of late.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<(Timestamp, u64)>);

impl Pace {
    /// Takes in what is seen now.
    pub(super) fn see(&mut self, at: Timestamp, balance: Balance) -> Progress {
        let settled = balance.recipients - balance.open();
        self.0.push_back((at, settled));
        while self.0.len() > 2 && self.0.front().is_some_and(|(then, _)| at.since(*then) > WINDOW) {
            self.0.pop_front();
        }
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let per_second = self.0.front().and_then(|(then, before)| {
            let seconds = at.since(*then).as_secs_f64();
            (seconds > 0.0).then(|| settled.saturating_sub(*before) as f64 / seconds)
        });
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time left is a guess, and never negative"
        )]
        let left = per_second
            .filter(|pace| *pace > 0.0)
            .map(|pace| ((balance.recipients - settled) as f64 / pace).ceil() as u64);
        Progress { at, balance, per_second, left }
    }
}

impl Progress {
    fn line(&self) -> String {
        let pace = self.per_second.map(|pace| format!("; {pace:.1} a second")).unwrap_or_default();
        let left = self.left.filter(|left| *left > 0);
        let left = left.map(|left| format!("; {} left", span::show(Duration::from_secs(left)))).unwrap_or_default();
        format!("{}{pace}{left}", self.balance)
    }
}

/// Watches a digest until it ends or is stopped: a bar on a terminal, else a line
/// whenever something has changed. It says what the digest is in the end, and when
/// the rest of it waits for a person.
pub(super) async fn follow(
    store: &Store,
    digest: DigestId,
    as_json: bool,
    setting: &Setting,
    out: &mut Out,
) -> anyhow::Result<()> {
    let mut pace = Pace::default();
    let mut last: Option<Balance> = None;
    let mut waited = false;
    let bar = progress(0, &format!("digest {digest}"));
    loop {
        let goes_on = store.goes_on(digest).await?;
        let state = store.digest(digest).await?.map(|digest| digest.state);
        let seen = pace.see(setting.clock.now(), store.balance(digest).await?);
        let changed = last.replace(seen.balance) != Some(seen.balance);
        if as_json {
            out.line(serde_json::to_string(&seen)?)?;
        } else if bar.is_hidden() {
            if changed {
                out.line(seen.line())?;
            }
        } else {
            bar.set_length(seen.balance.recipients);
            bar.set_position(seen.balance.recipients - seen.balance.open());
            bar.set_prefix(seen.line());
        }
        let ended = state != Some(DigestState::Sending);
        // Who watches hears that it is their turn, once.
        let waits = !ended && !goes_on && !seen.balance.is_closed();
        if let Some(state) = state.filter(|_| !as_json && (ended || (waits && !waited))) {
            let shown = format!("digest {digest} is {}", standing(digest, state, &seen.balance));
            if bar.is_hidden() {
                out.line(shown)?;
            } else {
                bar.println(format!("{}\n{shown}", seen.line()));
            }
        }
        waited = waits;
        if ended {
            bar.finish_and_clear();
            return Ok(());
        }
        setting.clock.sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_half_minute_and_tells_how_long_the_rest_takes() {
        let mut pace = Pace::default();
        let balance = |sent| Balance { recipients: 1_000, sent, pending: 1_000 - sent, ..Balance::default() };
        let at = |second: i64| Timestamp::from_millis(second * 1_000);
        assert_eq!(pace.see(at(0), balance(0)).line(), "1000 waiting of 1000");
        assert_eq!(pace.see(at(10), balance(20)).line(), "20 sent, 980 waiting of 1000; 2.0 a second; 8m 10s left");
        for second in 11..60 {
            pace.see(at(second), balance(20));
        }
        assert_eq!(pace.see(at(60), balance(20)).line(), "20 sent, 980 waiting of 1000; 0.0 a second");
        let end = pace.see(at(61), balance(1_000));
        assert_eq!(end.left, Some(0));
        assert!(end.line().starts_with("1000 sent of 1000; "), "{}", end.line());
    }
}
