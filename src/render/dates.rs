//! Dates as people write them.

use crate::domain::language::Language;
use crate::domain::time::Timestamp;
use chrono::{Datelike, Weekday};
use chrono_tz::Tz;

/// The day of `at` in `zone`: `Monday, 23 November 2026`, `2026년 11월 23일 월요일`.
#[must_use]
pub fn long_date(language: Language, zone: Tz, at: Timestamp) -> String {
    let local = at.to_datetime().with_timezone(&zone);
    match language {
        Language::En => local.format("%A, %-d %B %Y").to_string(),
        Language::Ko => {
            let weekday = match local.weekday() {
                Weekday::Mon => "월",
                Weekday::Tue => "화",
                Weekday::Wed => "수",
                Weekday::Thu => "목",
                Weekday::Fri => "금",
                Weekday::Sat => "토",
                Weekday::Sun => "일",
            };
            format!("{}년 {}월 {}일 {weekday}요일", local.year(), local.month(), local.day())
        }
    }
}

/// The same in short, for a line beside others: `22 November`, `11월 22일`; with
/// its year when that is not the year of `now`.
#[must_use]
pub fn short_date(language: Language, zone: Tz, at: Timestamp, now: Timestamp) -> String {
    let (local, now) = (at.to_datetime().with_timezone(&zone), now.to_datetime().with_timezone(&zone));
    let this_year = local.year() == now.year();
    match (language, this_year) {
        (Language::En, true) => local.format("%-d %B").to_string(),
        (Language::En, false) => local.format("%-d %B %Y").to_string(),
        (Language::Ko, true) => format!("{}월 {}일", local.month(), local.day()),
        (Language::Ko, false) => format!("{}년 {}월 {}일", local.year(), local.month(), local.day()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_day_of_its_zone() {
        let at = Timestamp::from_millis(1_795_388_400_000);
        assert_eq!(long_date(Language::En, Tz::UTC, at), "Sunday, 22 November 2026");
        assert_eq!(long_date(Language::Ko, Tz::Asia__Seoul, at), "2026년 11월 23일 월요일");
    }

    #[test]
    fn a_year_is_said_when_it_is_another() {
        let (at, year) = (Timestamp::from_millis(1_795_388_400_000), 365 * 86_400_000);
        let later = Timestamp::from_millis(at.millis() + year);
        assert_eq!(short_date(Language::En, Tz::UTC, at, at), "22 November");
        assert_eq!(short_date(Language::En, Tz::UTC, at, later), "22 November 2026");
        assert_eq!(short_date(Language::Ko, Tz::Asia__Seoul, at, at), "11월 23일");
        assert_eq!(short_date(Language::Ko, Tz::Asia__Seoul, at, later), "2026년 11월 23일");
    }
}
