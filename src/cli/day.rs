//! Days as people type them, by the site's clock.

use crate::domain::schedule;
use crate::domain::time::Timestamp;
use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;

/// Reads a day such as 2027-03-31.
pub(super) fn day(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| "write a day such as 2027-03-31".to_owned())
}

/// When the day begins there.
pub(super) fn begin(zone: Tz, day: NaiveDate) -> Timestamp {
    schedule::instant(zone, day.and_time(NaiveTime::MIN)).unwrap_or_default()
}
