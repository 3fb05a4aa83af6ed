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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_day_of_its_zone() {
        let at = Timestamp::from_millis(1_795_388_400_000);
        assert_eq!(long_date(Language::En, Tz::UTC, at), "Sunday, 22 November 2026");
        assert_eq!(long_date(Language::Ko, Tz::Asia__Seoul, at), "2026년 11월 23일 월요일");
    }
}
