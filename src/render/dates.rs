//! Dates as people write them: the words and their order stand in each language's texts.

use super::Renderer;
use crate::domain::language::Language;
use crate::domain::time::Timestamp;
use chrono::{DateTime, Datelike};
use chrono_tz::Tz;

impl Renderer {
    /// The day of `at` in `zone`: `Monday, 23 November 2026`, `2026년 11월 23일 월요일`.
    #[must_use]
    pub fn long_date(&self, language: Language, zone: Tz, at: Timestamp) -> String {
        self.date(language, "date_long", at.to_datetime().with_timezone(&zone))
    }

    /// The same in short, for a line beside others: `22 November`, `11월 22일`; with
    /// its year when that is not the year of `now`.
    #[must_use]
    pub fn short_date(&self, language: Language, zone: Tz, at: Timestamp, now: Timestamp) -> String {
        let (local, now) = (at.to_datetime().with_timezone(&zone), now.to_datetime().with_timezone(&zone));
        self.date(language, if local.year() == now.year() { "date_short" } else { "date_year" }, local)
    }

    fn date(&self, language: Language, key: &str, local: DateTime<Tz>) -> String {
        let engine = self.engine();
        let texts = engine.texts.of(language);
        let place = |number: u32| usize::try_from(number).unwrap_or_default();
        texts.fill(
            key,
            &[
                ("year", &local.year().to_string()),
                ("month", texts.part("date_months", place(local.month0()))),
                ("day", &local.day().to_string()),
                ("weekday", texts.part("date_weekdays", place(local.weekday().num_days_from_monday()))),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_day_of_its_zone() {
        let renderer = Renderer::new().unwrap();
        let at = Timestamp::from_millis(1_795_388_400_000);
        assert_eq!(renderer.long_date(Language::En, Tz::UTC, at), "Sunday, 22 November 2026");
        assert_eq!(renderer.long_date(Language::Ko, Tz::Asia__Seoul, at), "2026년 11월 23일 월요일");
    }

    #[test]
    fn a_year_is_said_when_it_is_another() {
        let renderer = Renderer::new().unwrap();
        let (at, year) = (Timestamp::from_millis(1_795_388_400_000), 365 * 86_400_000);
        let later = Timestamp::from_millis(at.millis() + year);
        assert_eq!(renderer.short_date(Language::En, Tz::UTC, at, at), "22 November");
        assert_eq!(renderer.short_date(Language::En, Tz::UTC, at, later), "22 November 2026");
        assert_eq!(renderer.short_date(Language::Ko, Tz::Asia__Seoul, at, at), "11월 23일");
        assert_eq!(renderer.short_date(Language::Ko, Tz::Asia__Seoul, at, later), "2026년 11월 23일");
    }
}
