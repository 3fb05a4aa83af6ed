//! When a slot falls due: by the newsletter's clock, by those of readers elsewhere,
//! at the hours that they chose (`deliver = "local"`).

use crate::domain::schedule::Slot;
use crate::domain::time::Timestamp;
use crate::store::Due;
use chrono_tz::Tz;

/// The slot that a digest is of.
pub(super) struct Turn {
    /// How far its cadence has come with it.
    pub(super) fired_to: Timestamp,
    /// When it falls due by which clocks. Empty: for all at once.
    pub(super) times: Vec<Due>,
}

/// Whether one of the clocks that a slot goes by shows its time.
pub(super) fn is_ripe(slot: &Slot, zones: &[Tz], now: Timestamp) -> bool {
    zones.iter().map(|zone| slot.due_in(*zone)).fold(slot.due, Timestamp::min) <= now
}

/// When a slot falls due by each clock: the newsletter's own in `home`, those of other
/// zones, and each at the hours that readers chose there. Where that is over already
/// it is now, so that nobody's mail expires before it is tried.
pub(super) fn times(slot: Slot, home: Tz, zones: &[Tz], hours: &[(String, u8)], now: Timestamp) -> Vec<Due> {
    let due = |zone: &str, hour, at: Timestamp| Due { zone: zone.to_owned(), hour, at: at.max(now) };
    let elsewhere = zones.iter().map(|zone| due(zone.name(), None, slot.due_in(*zone)));
    let chosen = hours.iter().map(|(zone, hour)| {
        let clock = if zone.is_empty() { home } else { zone.parse().unwrap_or(home) };
        due(zone, Some(*hour), slot.due_at(clock, *hour))
    });
    std::iter::once(due("", None, slot.due)).chain(elsewhere).chain(chosen).collect()
}
