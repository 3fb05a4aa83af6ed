//! Instants in whatever form feeds write them: RFC 822 with odd zones and short
//! years, W3CDTF and ISO 8601, asctime, and the national forms of blog services.
//! No list of formats: a date is a few numbers, perhaps a month's name, perhaps
//! a time with a zone, and what each of them is follows from where it stands.

mod clock;
mod compact;
mod tokens;
mod words;

use self::compact::{full_year, together};
use self::tokens::{Token, tokens};
use crate::domain::time::Timestamp;
use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone as _};

/// No date is longer.
const LONGEST: usize = 100;
/// Before this there were no feeds, nor anything that they could date; programs
/// that know no date write the year 0 or 1.
const FIRST_YEAR: i32 = 1_000;
/// Minutes east of Greenwich.
pub(super) const SEOUL: i32 = 540;

/// The instant that a text means; `None` when it means none.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // Korean words say that the blog's clock is Korea's.
    let is_korean = text.chars().any(|c| matches!(c, '가'..='힣'));
    parse_at(text, if is_korean { SEOUL } else { 0 })
}

/// The same, where what names no zone is so many minutes east of Greenwich.
pub(super) fn parse_at(text: &str, minutes_east: i32) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(instant) = compact::digits(text)
    {
        return Some(instant);
    }
    if let Some(text) = compact::with_century(text) {
        return parse_at(&text, minutes_east);
    }
    let mut tokens = tokens(text);
    let time = clock::take_time(&mut tokens)?;
    let moment = date(&tokens)?.checked_add_days(Days::new(time.days))?.and_time(time.clock);
    if moment.year() < FIRST_YEAR {
        return None;
    }
    if let Some(zone) = time.zone {
        return instant(moment, zone);
    }
    if let Some(zone) = text.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')')).find_map(region) {
        return zone.from_local_datetime(&moment).earliest().map(|at| at.to_utc().into());
    }
    instant(moment, minutes_east)
}

fn instant(moment: NaiveDateTime, minutes_east: i32) -> Option<Timestamp> {
    moment.checked_sub_signed(TimeDelta::minutes(minutes_east.into())).map(|utc| utc.and_utc().into())
}

/// `Asia/Seoul`.
fn region(word: &str) -> Option<chrono_tz::Tz> {
    word.contains('/').then(|| word.parse().ok()).flatten()
}

/// The date among what is left when the time is taken out.
fn date(tokens: &[Token]) -> Option<NaiveDate> {
    let numbers: Vec<&str> = tokens.iter().filter_map(Token::number).collect();
    let value = |digits: &str| digits.parse::<u32>().ok();
    let day_of =
        |year: &str, month: &str, day: &str| NaiveDate::from_ymd_opt(full_year(year)?, value(month)?, value(day)?);
    if tokens.iter().any(|token| token.is_in(&["w"]))
        && let [year, week, rest @ ..] = numbers.as_slice()
    {
        return compact::week(year, week, rest.first().copied());
    }
    // Numbers that are a date by themselves need no month's name: a word before them is a weekday's.
    let first_number = tokens.iter().position(|token| token.number().is_some()).unwrap_or(0);
    let named = tokens.get(if numbers.len() > 2 { first_number } else { 0 }..)?;
    let month = named.iter().rev().find_map(|token| words::month_named(token.word()?));
    match (month, numbers.as_slice()) {
        (Some(month), [one, two, ..]) => {
            let (year, day) = if one.len() > 2 { (one, two) } else { (two, one) };
            NaiveDate::from_ymd_opt(full_year(year)?, month, value(day)?)
        }
        (Some(month), [year]) if year.len() == 4 => NaiveDate::from_ymd_opt(full_year(year)?, month, 1),
        (None, [year, month, day, ..]) if year.len() == 4 => day_of(year, month, day),
        (None, [one, two, year, ..]) if year.len() == 4 || tokens.contains(&Token::Sign('/')) => {
            // 12/31/2004 is how Americans write; 31.12.2004 and 31-12-2004 is how others do.
            let is_american = tokens.contains(&Token::Sign('/')) && value(one)? <= 12;
            let (month, day) = if is_american { (one, two) } else { (two, one) };
            day_of(year, month, day)
        }
        (None, [year, month, day]) => day_of(year, month, day),
        (None, [year, day]) if year.len() == 4 && day.len() == 3 => {
            NaiveDate::from_yo_opt(full_year(year)?, value(day)?)
        }
        (None, [year, month]) if year.len() == 4 => day_of(year, month, "1"),
        (None, [all]) => together(all),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_mean_what_their_writers_meant() {
        for (text, meant) in [
            // RFC 822, and how far from it feeds stray.
            ("Thu, 01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z"),
            ("Thu, 1 Jan 04 19:48 EST", "2004-01-02T00:48:00Z"),
            ("01 Jan 2004 19:48:21 +0900", "2004-01-01T10:48:21Z"),
            ("Thu, 01 January 2004 19:48:21 -0530", "2004-01-02T01:18:21Z"),
            ("Thu, 01-Jan-04 19:48:21 GMT+09:00", "2004-01-01T10:48:21Z"),
            ("Thu, Jan 01 2004 19:48:21 Etc/GMT", "2004-01-01T19:48:21Z"),
            ("January 5, 2004", "2004-01-05T00:00:00Z"),
            ("Thu Jan 1 2004", "2004-01-01T00:00:00Z"),
            ("5 Jan 95", "1995-01-05T00:00:00Z"),
            ("Thu, 01 Jan 2004 19:48:21 KST", "2004-01-01T10:48:21Z"),
            ("Thu, 01 Jan 2004 19:48:21 A", "2004-01-01T20:48:21Z"),
            ("Thu, 01 Jan 2004 19:48:21 +99999999:00", "2004-01-01T19:48:21Z"),
            ("Thu, 01 Jan 2004 19:48:21 Nowhere", "2004-01-01T19:48:21Z"),
            ("Thu, 31 Dec 2015 23:59:60 Z", "2015-12-31T23:59:59Z"),
            ("Tue, 5 May 2020 24:00:00 GMT", "2020-05-06T00:00:00Z"),
            ("Tue, 5 May 2020 9:05:00 PM -0700", "2020-05-06T04:05:00Z"),
            ("Tue, 5 May 2020 12:05 a.m. GMT", "2020-05-05T00:05:00Z"),
            ("Tue, 5 May 2020 09:05:00 Asia/Seoul", "2020-05-05T00:05:00Z"),
            ("Tue, 5 May 2020 09:05:00 +0900 (KST)", "2020-05-05T00:05:00Z"),
            // W3CDTF and ISO 8601.
            ("2003", "2003-01-01T00:00:00Z"),
            ("2003-12", "2003-12-01T00:00:00Z"),
            ("2003-12-31", "2003-12-31T00:00:00Z"),
            ("2003-12-31T10:14:55Z", "2003-12-31T10:14:55Z"),
            ("2003-12-31T10:14:55.75-08:00", "2003-12-31T18:14:55Z"),
            ("2003-12-31T10:14+09:00", "2003-12-31T01:14:00Z"),
            ("2003-12-31 10:14:55", "2003-12-31T10:14:55Z"),
            ("2003-12-31 10:14:55 -0500", "2003-12-31T15:14:55Z"),
            ("20031231", "2003-12-31T00:00:00Z"),
            ("20031231T101455Z", "2003-12-31T10:14:55Z"),
            ("2003-335", "2003-12-01T00:00:00Z"),
            ("2003335", "2003-12-01T00:00:00Z"),
            ("03-12-31", "2003-12-31T00:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("-0312", "2003-12-01T00:00:00Z"),
            ("-03-12-31", "2003-12-31T00:00:00Z"),
            ("031231", "2003-12-31T00:00:00Z"),
            ("03335", "2003-12-01T00:00:00Z"),
            ("2004-W53-6", "2005-01-01T00:00:00Z"),
            ("2004W536T10:00Z", "2005-01-01T10:00:00Z"),
            // asctime, and what version control writes.
            ("Sun Jan  4 16:29:06 2004", "2004-01-04T16:29:06Z"),
            ("Sun Jan 4 16:29:06 PST 2004", "2004-01-05T00:29:06Z"),
            ("Fri, 2006/09/15 08:19:53 EDT", "2006-09-15T12:19:53Z"),
            // Korea, where the clock is Korea's unless it says otherwise.
            ("2004년 05월 28일  01:31:15", "2004-05-27T16:31:15Z"),
            ("2004-05-25 오후 11:23:17", "2004-05-25T14:23:17Z"),
            ("2024. 5. 3. 오전 12:05", "2024-05-02T15:05:00Z"),
            ("2024년 5월 3일 오후 2시 5분", "2024-05-03T05:05:00Z"),
            ("2024.05.03 14:05", "2024-05-03T14:05:00Z"),
            ("2024.05.03 (금) 14:05", "2024-05-03T05:05:00Z"),
            // Months in other languages.
            ("Κυρ, 11 Ιούλ 2004 12:00:00 EST", "2004-07-11T17:00:00Z"),
            ("Πεμ, 01 Μάι 2004 12:00:00 GMT", "2004-05-01T12:00:00Z"),
            ("2004-július-13T9:15-05:00", "2004-07-13T14:15:00Z"),
            ("mar. 5 mars 2024 10:00:00 +0100", "2024-03-05T09:00:00Z"),
            ("Mi, 5. März 2024", "2024-03-05T00:00:00Z"),
            ("5 août 2024", "2024-08-05T00:00:00Z"),
            ("Вт, 5 мая 2024 10:00:00 +0300", "2024-05-05T07:00:00Z"),
            ("2024年5月3日 14:05", "2024-05-03T14:05:00Z"),
            ("5. kesäkuuta 2024", "2024-06-05T00:00:00Z"),
            ("5. červenec 2024", "2024-07-05T00:00:00Z"),
            // What else is met.
            ("12/31/2004 3:04 PM", "2004-12-31T15:04:00Z"),
            ("12/31/04 3:04 p. m.", "2004-12-31T15:04:00Z"),
            ("January 5, 2024 at 3:04 pm", "2024-01-05T15:04:00Z"),
            ("mar, 05/11/2024", "2024-05-11T00:00:00Z"),
            ("２０２４年５月３日", "2024-05-03T00:00:00Z"),
            ("31/12/2004", "2004-12-31T00:00:00Z"),
            ("31.12.2004 15:04", "2004-12-31T15:04:00Z"),
            ("1072915200", "2004-01-01T00:00:00Z"),
            ("1072915200000", "2004-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse(text).map(Timestamp::to_rfc3339).as_deref(), Some(meant), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "Jan",
            "12:30",
            "2004-13-01",
            "2004-02-30",
            "Thu, 01 Jan 2004 25:00:00 GMT",
            "0001-01-01T00:00:00Z",
            "Wed, 30 Nov -0001 00:00:00 +0000",
            "2004-W54",
            "2004-W01-8",
            "-03-13",
            "5",
            "99999999999999999999",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in "([0-9]{1,14}|[-+:./ TWZ,]|Jan|오후|일|시|分|mar|p\\. m\\.|GMT|Etc/|Asia/Seoul|\\PC){0,12}") {
            let _ = parse(&text);
        }
    }
}
