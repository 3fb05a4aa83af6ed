//! Instants as feeds write them: RFC 822 and its misspellings, ISO 8601 and
//! W3CDTF, asctime, and the national forms of blog platforms. What has no zone
//! is UTC, but for Korean platforms, which mean Korea.

use crate::domain::time::Timestamp;
use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Korea's distance from UTC, in seconds.
const KOREA: i64 = 9 * 3_600;

/// The instant that `text` means.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // Nobody writes a date in more.
    let text = text.trim().get(..text.trim().len().min(100))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() >= 9 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() != 14 {
        return unix(text);
    }
    numeric(text).or_else(|| words(text))
}

/// Seconds or milliseconds since 1970.
fn unix(digits: &str) -> Option<Timestamp> {
    let number: i64 = digits.parse().ok()?;
    match digits.len() {
        9 | 10 => Some(Timestamp::from_millis(number * 1_000)),
        12 | 13 => Some(Timestamp::from_millis(number)),
        _ => None,
    }
}

fn instant(date: NaiveDate, seconds: f64, zone: i64) -> Option<Timestamp> {
    // Leap seconds and 24:00 run over into what comes next.
    #[expect(clippy::cast_possible_truncation, reason = "at most a day and some, in milliseconds")]
    let millis = (seconds * 1_000.0).round() as i64;
    let at = NaiveDateTime::new(date, NaiveTime::MIN).checked_add_signed(Duration::milliseconds(millis))?;
    let at = at.checked_sub_signed(Duration::seconds(zone))?;
    Some(Timestamp::from_millis(at.and_utc().timestamp_millis()))
}

/// A text that is read from the left.
struct Scan<'a>(&'a str);

impl Scan<'_> {
    fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
        let length = self.0.bytes().take(*digits.end()).take_while(u8::is_ascii_digit).count();
        if length < *digits.start() {
            return None;
        }
        let (number, rest) = self.0.split_at(length);
        self.0 = rest;
        number.parse().ok()
    }

    fn skip(&mut self, of: &[char]) -> Option<char> {
        let first = self.0.chars().next().filter(|c| of.contains(c))?;
        self.0 = self.0.get(first.len_utf8()..)?;
        Some(first)
    }

    fn spaces(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn word(&mut self, words: &[&str]) -> Option<usize> {
        let at = words.iter().position(|word| self.0.starts_with(word))?;
        self.0 = self.0.get(words.get(at)?.len()..)?;
        Some(at)
    }
}

/// Year first: `2026-03-01T09:30:00+09:00` and all that is like it, down to a
/// year alone (ISO 8601; W3C NOTE-datetime), and `2026년 3월 1일 오후 9:30`.
fn numeric(text: &str) -> Option<Timestamp> {
    let mut scan = Scan(text);
    // `Fri, 2006/09/15 08:19:53 EDT`
    if let Some((day, rest)) = text.split_once(", ")
        && rest.starts_with(|c: char| c.is_ascii_digit())
        && day.chars().all(char::is_alphabetic)
        && rest.get(4..5).is_some_and(|mark| mark == "/" || mark == "-")
    {
        scan = Scan(rest);
    }
    let year = i32::try_from(scan.number(4..=4)?).ok()?;
    let mut korean = scan.word(&["년"]).is_some();
    scan.spaces();
    let date = if korean {
        let month = scan.number(1..=2)?;
        scan.word(&["월"])?;
        scan.spaces();
        let day = scan.number(1..=2)?;
        scan.word(&["일"])?;
        NaiveDate::from_ymd_opt(year, month, day)?
    } else {
        date_after(&mut scan, year)?
    };
    scan.skip(&['T', 't', ',']);
    scan.spaces();
    let half = scan.word(&["오전", "오후"]);
    korean |= half.is_some();
    scan.spaces();
    let mut seconds = time(&mut scan).unwrap_or(0.0);
    let hour = seconds / 3_600.0;
    match half {
        Some(0) if hour >= 12.0 => seconds -= 12.0 * 3_600.0,
        Some(1) if hour < 12.0 => seconds += 12.0 * 3_600.0,
        _ => {}
    }
    scan.spaces();
    let zone = match zone(scan.0) {
        Some(zone) => zone,
        None if korean => KOREA,
        None => 0,
    };
    instant(date, seconds, zone)
}

/// What follows the year: `-03-01`, `0301`, `-03`, `-060` (day of the year),
/// `-július-13`, `/3/1`, `.3.1.`, or nothing.
fn date_after(scan: &mut Scan<'_>, year: i32) -> Option<NaiveDate> {
    let separator = scan.skip(&['-', '/', '.']);
    scan.spaces();
    if separator == Some('-') && scan.0.starts_with(char::is_alphabetic) {
        let name: String = scan.0.chars().take_while(|c| c.is_alphabetic()).collect();
        scan.0 = scan.0.get(name.len()..)?;
        scan.skip(&['-']);
        return NaiveDate::from_ymd_opt(year, month(&name)?, scan.number(1..=2)?);
    }
    let digits = scan.0.bytes().take_while(u8::is_ascii_digit).count();
    match (separator, digits) {
        // A year alone: its first day.
        (None, 0) => NaiveDate::from_ymd_opt(year, 1, 1),
        (_, 3) => NaiveDate::from_yo_opt(year, scan.number(3..=3)?),
        (None, 4..) => NaiveDate::from_ymd_opt(year, scan.number(2..=2)?, scan.number(2..=2)?),
        _ => {
            let month = scan.number(1..=2)?;
            let day = match scan.skip(&['-', '/', '.']) {
                Some(_) => {
                    scan.spaces();
                    let day = scan.number(1..=2);
                    scan.skip(&['.']);
                    day.unwrap_or(1)
                }
                None => 1,
            };
            NaiveDate::from_ymd_opt(year, month, day)
        }
    }
}

/// `09:30`, `9:30:00.25`, `093000`, `9.30.00`: seconds since midnight.
fn time(scan: &mut Scan<'_>) -> Option<f64> {
    let hour = scan.number(1..=2).filter(|hour| *hour <= 24)?;
    let separator = scan.skip(&[':', '.']);
    let minute = scan.number(2..=2).or_else(|| separator.and_then(|_| scan.number(1..=1)));
    let minute = minute.unwrap_or(0);
    let mut seconds = 0.0;
    if separator.is_some() && scan.0.starts_with([':', '.']) || separator.is_none() {
        scan.skip(&[':', '.']);
        seconds = f64::from(scan.number(1..=2).unwrap_or(0));
    }
    if scan.0.starts_with(['.', ',']) {
        let fraction: String = scan.0.chars().skip(1).take_while(char::is_ascii_digit).collect();
        if !fraction.is_empty() {
            scan.0 = scan.0.get(1 + fraction.len()..)?;
            seconds += format!("0.{}", fraction.get(..fraction.len().min(9))?).parse::<f64>().ok()?;
        }
    }
    (minute < 60 && seconds < 62.0).then(|| f64::from(hour * 3_600 + minute * 60) + seconds)
}

/// A zone's distance from UTC in seconds; `None` when there is none.
fn zone(text: &str) -> Option<i64> {
    let text = text.trim().trim_start_matches('(').trim_end_matches(')');
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, offset) = text.split_at(letters);
    let named = ZONES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, hours)| hours * 3_600 / 2);
    let offset = offset.trim_start();
    let sign = match offset.chars().next() {
        Some('+') => 1,
        Some('-' | '−') => -1,
        _ => return named,
    };
    let digits: String = offset.chars().skip(1).filter(char::is_ascii_digit).take(4).collect();
    let number: i64 = digits.parse().ok()?;
    let (hours, minutes) = if digits.len() > 2 { (number / 100, number % 100) } else { (number, 0) };
    // Distances that no place has are a mistake, not a shift.
    Some(if hours <= 14 && minutes < 60 { sign * (hours * 3_600 + minutes * 60) } else { 0 })
}

/// Zone names in half hours from UTC (RFC 822 section 5.1, and those that blogs use).
const ZONES: [(&str, i64); 41] = [
    ("z", 0),
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("wet", 0),
    ("bst", 2),
    ("ist", 11),
    ("west", 2),
    ("cet", 2),
    ("met", 2),
    ("mez", 2),
    ("cest", 4),
    ("mest", 4),
    ("mesz", 4),
    ("eet", 4),
    ("sast", 4),
    ("eest", 6),
    ("msk", 6),
    ("msd", 8),
    ("sgt", 16),
    ("hkt", 16),
    ("awst", 16),
    ("jst", 18),
    ("kst", 18),
    ("acst", 19),
    ("aest", 20),
    ("acdt", 21),
    ("aedt", 22),
    ("nzst", 24),
    ("nzdt", 26),
    ("nst", -7),
    ("ast", -8),
    ("adt", -6),
    ("est", -10),
    ("edt", -8),
    ("cst", -12),
    ("cdt", -10),
    ("mst", -14),
    ("mdt", -12),
    ("pst", -16),
    ("pdt", -14),
];

/// Words and numbers in any order that people use: RFC 822 `Tue, 03 Mar 2026
/// 08:00:00 +0900`, asctime `Sun Jan  4 16:29:06 PST 2004`, `March 3, 2026`.
fn words(text: &str) -> Option<Timestamp> {
    let (mut day, mut month_of, mut year, mut seconds, mut shift) = (None, None, None, None, None);
    let mut afternoon = None;
    for token in text.split(|c: char| c.is_whitespace() || c == ',').filter(|token| !token.is_empty()) {
        // `03-Mar-2026` is three words.
        for word in split_date(token) {
            let number = word.trim_end_matches(['.', ')']);
            let ordinal = number.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            if seconds.is_none() && word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()) {
                let mut scan = Scan(word);
                seconds = time(&mut scan);
                shift = zone(scan.0).or(shift);
                afternoon = half(scan.0).or(afternoon);
            } else if let Ok(value) = ordinal.parse::<u32>()
                && !word.starts_with('+')
            {
                match ordinal.len() {
                    4 if year.is_none() => year = Some(value),
                    1 | 2 if day.is_none() => day = Some(value),
                    2 if year.is_none() => year = Some(if value < 90 { 2_000 + value } else { 1_900 + value }),
                    3 if year.is_none() => year = Some(1_900 + value),
                    _ => {}
                }
            } else if let Some(found) = half(word) {
                afternoon = Some(found);
            } else if month_of.is_none()
                && let Some(found) = month(number)
            {
                month_of = Some(found);
            } else if let Some(found) = zone(word) {
                // `GMT +0900`: the later word knows better.
                shift = Some(found);
            }
        }
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year?).ok()?, month_of?, day?)?;
    let mut seconds: f64 = seconds.unwrap_or(0.0);
    match afternoon {
        Some(true) if seconds < 12.0 * 3_600.0 => seconds += 12.0 * 3_600.0,
        Some(false) if seconds >= 12.0 * 3_600.0 => seconds -= 12.0 * 3_600.0,
        _ => {}
    }
    // A date whose clock says more than a day has no clock.
    #[expect(clippy::cast_precision_loss, reason = "a day's seconds are few")]
    let seconds = if seconds > DAY as f64 + 1.0 { 0.0 } else { seconds };
    instant(date, seconds, shift.unwrap_or(0))
}

/// Whether a word is "am" (`false`) or "pm" (`true`).
fn half(word: &str) -> Option<bool> {
    let word = word.replace('.', "").to_lowercase();
    match word.as_str() {
        "am" | "오전" | "πμ" => Some(false),
        "pm" | "오후" | "μμ" => Some(true),
        _ => None,
    }
}

fn split_date(token: &str) -> impl Iterator<Item = &str> {
    let is_date =
        token.contains('-') && token.contains(char::is_alphabetic) && !token.contains(':') && !token.contains('+');
    let inner = if is_date && month(token.split('-').nth(1).unwrap_or_default()).is_some() { '-' } else { '\0' };
    token.split(inner).filter(|word| !word.is_empty())
}

/// The month that a word begins like, in the languages of feeds: 1 to 12.
fn month(word: &str) -> Option<u32> {
    let word = word.to_lowercase();
    MONTHS.iter().find(|(name, _)| word.starts_with(name)).map(|(_, month)| *month)
}

/// What months' names begin with, longer beginnings first where one begins another.
const MONTHS: [(&str, u32); 77] = [
    ("jan", 1),
    ("feb", 2),
    ("fév", 2),
    ("fev", 2),
    ("mar", 3),
    ("mär", 3),
    ("maer", 3),
    ("márc", 3),
    ("mai", 5),
    ("maj", 5),
    ("may", 5),
    ("mag", 5),
    ("mei", 5),
    ("máj", 5),
    ("maart", 3),
    ("apr", 4),
    ("avr", 4),
    ("abr", 4),
    ("ápr", 4),
    ("kwi", 4),
    ("juin", 6),
    ("juil", 7),
    ("jun", 6),
    ("jún", 6),
    ("jul", 7),
    ("júl", 7),
    ("giu", 6),
    ("lug", 7),
    ("cze", 6),
    ("lip", 7),
    ("aug", 8),
    ("août", 8),
    ("aou", 8),
    ("ago", 8),
    ("sie", 8),
    ("sep", 9),
    ("szept", 9),
    ("set", 9),
    ("wrz", 9),
    ("oct", 10),
    ("okt", 10),
    ("ott", 10),
    ("out", 10),
    ("paź", 10),
    ("nov", 11),
    ("lis", 11),
    ("dec", 12),
    ("dez", 12),
    ("déc", 12),
    ("dic", 12),
    ("gru", 12),
    ("gen", 1),
    ("ene", 1),
    ("sty", 1),
    ("lut", 2),
    ("ιαν", 1),
    ("φεβ", 2),
    ("μάρ", 3),
    ("μαρ", 3),
    ("μάώ", 3),
    ("απρ", 4),
    ("μάι", 5),
    ("μαϊ", 5),
    ("μαι", 5),
    ("ιούν", 6),
    ("ιον", 6),
    ("ιουν", 6),
    ("ιούλ", 7),
    ("ιολ", 7),
    ("ιουλ", 7),
    ("αύγ", 8),
    ("αυγ", 8),
    ("σεπ", 9),
    ("οκτ", 10),
    ("νοέ", 11),
    ("νοε", 11),
    ("δεκ", 12),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_means_its_instant() {
        for (text, expected) in [
            ("2003-12-31T10:14:55Z", "2003-12-31T10:14:55Z"),
            ("2003-12-31T10:14:55.250-08:00", "2003-12-31T18:14:55Z"),
            ("2003-12-31t10:14z", "2003-12-31T10:14:00Z"),
            ("20031231T101455Z", "2003-12-31T10:14:55Z"),
            ("20031231101455", "2003-12-31T10:14:55Z"),
            ("2003-12-31 10:14:55 +0900", "2003-12-31T01:14:55Z"),
            ("2003-12-31", "2003-12-31T00:00:00Z"),
            ("2003-335", "2003-12-01T00:00:00Z"),
            ("2003-12", "2003-12-01T00:00:00Z"),
            ("2003", "2003-01-01T00:00:00Z"),
            ("2003-12-31T24:00:00Z", "2004-01-01T00:00:00Z"),
            ("Thu, 01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z"),
            ("Thu, 1 Jan 04 19:48 GMT", "2004-01-01T19:48:00Z"),
            ("Thu, 31 Dec 98 10:00:00 EST", "1998-12-31T15:00:00Z"),
            ("01 Jan 2004", "2004-01-01T00:00:00Z"),
            ("Thursday, January 1, 2004 7:48:21 PM", "2004-01-01T19:48:21Z"),
            ("Thu,01 Jan 2004 19:48:21 +09:00", "2004-01-01T10:48:21Z"),
            ("Thu, 01 Jan 2004 19:48:21 GMT+0900", "2004-01-01T10:48:21Z"),
            ("Thu, 01-Jan-2004 19:48:21 -0800", "2004-01-02T03:48:21Z"),
            ("Mon, 2 Mar 2026 23:59:60 GMT", "2026-03-03T00:00:00Z"),
            ("Sun Jan  4 16:29:06 PST 2004", "2004-01-05T00:29:06Z"),
            ("Sun Jan 04 16:29:06 +0000 2004", "2004-01-04T16:29:06Z"),
            ("Fri, 2006/09/15 08:19:53 EDT", "2006-09-15T12:19:53Z"),
            ("2004-07-08 23:56:58.0", "2004-07-08T23:56:58Z"),
            ("2004년 05월 28일  01:31:15", "2004-05-27T16:31:15Z"),
            ("2004년 5월 28일 오후 1:31", "2004-05-28T04:31:00Z"),
            ("2004-05-25 오후 11:23:17", "2004-05-25T14:23:17Z"),
            ("2004-05-25 오전 12:23:17", "2004-05-24T15:23:17Z"),
            ("2004.05.25. 11:23", "2004-05-25T11:23:00Z"),
            ("2004-július-13T9:15-05:00", "2004-07-13T14:15:00Z"),
            ("Κυρ, 11 Ιούλ 2004 12:00:00 EST", "2004-07-11T17:00:00Z"),
            ("Mi, 03 März 2004 12:00:00 MEZ", "2004-03-03T11:00:00Z"),
            ("1090000000", "2004-07-16T17:46:40Z"),
            ("1090000000000", "2004-07-16T17:46:40Z"),
        ] {
            assert_eq!(parse(text).map(Timestamp::to_rfc3339).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "2003-13-40", "99/99/9999", "0", "Tue", "Thu, 99 Jan 2004 10:00:00 GMT", "12:00"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
