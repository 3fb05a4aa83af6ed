//! Dates and times whose parts are written together, or left out, as ISO 8601
//! allows.

use crate::domain::time::Timestamp;
use chrono::{NaiveDate, NaiveTime};

/// Digits alone: seconds or milliseconds since 1970, or a date written together.
pub(super) fn digits(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9 | 10 => Some(Timestamp::from_millis(number * 1_000)),
        12 | 13 => Some(Timestamp::from_millis(number)),
        14 => {
            let (date, time) = text.split_at(8);
            Some(together(date)?.and_time(clock_together(time)?).and_utc().into())
        }
        4..=8 => Some(together(text)?.and_time(NaiveTime::MIN).and_utc().into()),
        _ => None,
    }
}

/// `2004`, `04123`, `040502`, `2004123`, `20040502`.
pub(super) fn together(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_at_checked(if matches!(text.len(), 5 | 6) { 2 } else { 4 })?;
    let year = full_year(year)?;
    match rest.len() {
        0 => NaiveDate::from_ymd_opt(year, 1, 1),
        3 => NaiveDate::from_yo_opt(year, rest.parse().ok()?),
        4 => NaiveDate::from_ymd_opt(year, rest.get(..2)?.parse().ok()?, rest.get(2..)?.parse().ok()?),
        _ => None,
    }
}

/// `15`, `1504`, `150459`.
pub(super) fn clock_together(text: &str) -> Option<NaiveTime> {
    let part = |range: std::ops::Range<usize>| text.get(range).map_or(Some(0), |digits| digits.parse().ok());
    matches!(text.len(), 2 | 4 | 6).then(|| NaiveTime::from_hms_opt(part(0..2)?, part(2..4)?, part(4..6)?.min(59)))?
}

/// `-0312`, `-03-12`, `-03-12-31`, whose century goes without saying: as they
/// are in full.
pub(super) fn with_century(text: &str) -> Option<String> {
    let rest = text.strip_prefix('-').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))?;
    let (year, rest) = rest.split_at_checked(2).filter(|(_, rest)| rest.starts_with('-') || !rest.contains('-'))?;
    Some(format!("{}-{}", full_year(year)?, rest.trim_start_matches('-')))
}

/// A week of a year, and a day in it, which may be written together with it.
pub(super) fn week(year: &str, week: &str, day: Option<&str>) -> Option<NaiveDate> {
    let (week, together) = week.split_at_checked(2)?;
    let day: u8 = if together.is_empty() { day.unwrap_or("1") } else { together }.parse().ok()?;
    let weekday = chrono::Weekday::try_from(day.checked_sub(1)?).ok()?;
    NaiveDate::from_isoywd_opt(full_year(year)?, week.parse().ok()?, weekday)
}

/// Two digits mean the years from 1990 to 2089, as everybody has it.
pub(super) fn full_year(digits: &str) -> Option<i32> {
    let year: i32 = digits.parse().ok()?;
    match digits.len() {
        1 | 2 => Some(if year < 90 { 2000 + year } else { 1900 + year }),
        // Programs that count from 1900, as C does, and forget to add it.
        3 => Some(1900 + year).filter(|year| (2000..2100).contains(year)),
        4 => Some(year),
        _ => None,
    }
}
