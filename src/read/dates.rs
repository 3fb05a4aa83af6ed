//! Instants in whatever form feeds write them: RFC 822 with odd zones and short
//! years, W3CDTF and ISO 8601, asctime, and the national forms of blog services.
//! No list of formats: a date is a few numbers, perhaps a month's name, perhaps
//! a time with a zone, and what each of them is follows from where it stands.

use crate::domain::time::Timestamp;
use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _};

/// No date is longer.
const LONGEST: usize = 100;

/// How each month's name begins, accents left out.
const MONTHS: [&[&str]; 12] = [
    &["jan", "ene", "gen", "ian", "oca", "sty", "янв", "січ", "ιαν"],
    &["feb", "fev", "sub", "lut", "uno", "фев", "лют", "φεβ"],
    &["mar", "mrt", "maa", "bre", "мар", "бер", "μαρ", "μαω"],
    &["apr", "avr", "abr", "nis", "kwi", "dub", "апр", "квi", "απρ"],
    &["may", "mai", "maj", "mag", "mei", "mau", "май", "мая", "тра", "μαι"],
    &["jun", "juin", "giu", "haz", "cze", "cer", "июн", "чер", "ιουν", "ιον"],
    &["jul", "juil", "lug", "tem", "lip", "июл", "лип", "ιουλ", "ιολ"],
    &["aug", "ago", "aou", "agu", "sie", "srp", "авг", "сер", "αυγ"],
    &["sep", "set", "sze", "eyl", "wrz", "zar", "сен", "вер", "σεπ"],
    &["oct", "okt", "ott", "out", "eki", "paz", "rij", "окт", "жов", "οκτ"],
    &["nov", "kas", "lis", "ноя", "νοε"],
    &["dec", "dez", "dic", "des", "ara", "gru", "pro", "дек", "гру", "δεκ"],
];

/// Zones by name, in minutes east of Greenwich. Letters are the military zones
/// as RFC 822 has them.
const ZONES: [(&str, i32); 54] = [
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("z", 0),
    ("wet", 0),
    ("uct", 0),
    ("est", -300),
    ("edt", -240),
    ("et", -300),
    ("cst", -360),
    ("cdt", -300),
    ("ct", -360),
    ("mst", -420),
    ("mdt", -360),
    ("mt", -420),
    ("pst", -480),
    ("pdt", -420),
    ("pt", -480),
    ("ast", -240),
    ("adt", -180),
    ("at", -240),
    ("akst", -540),
    ("akdt", -480),
    ("hst", -600),
    ("nst", -210),
    ("ndt", -150),
    ("brt", -180),
    ("art", -180),
    ("west", 60),
    ("bst", 60),
    ("cet", 60),
    ("met", 60),
    ("mez", 60),
    ("cest", 120),
    ("mest", 120),
    ("mesz", 120),
    ("eet", 120),
    ("eest", 180),
    ("sast", 120),
    ("msk", 180),
    ("msd", 240),
    ("ist", 330),
    ("ict", 420),
    ("wib", 420),
    ("hkt", 480),
    ("sgt", 480),
    ("awst", 480),
    ("jst", 540),
    ("kst", 540),
    ("aest", 600),
    ("aedt", 660),
    ("nzst", 720),
    ("nzdt", 780),
    ("acst", 570),
];

const MORNING: [&str; 5] = ["am", "오전", "午前", "上午", "πμ"];
const AFTERNOON: [&str; 5] = ["pm", "오후", "午後", "下午", "μμ"];
/// Korean words say that the blog's clock is Korea's.
const KOREAN: [&str; 6] = ["오전", "오후", "년", "월", "일", "시"];
const SEOUL: i32 = 540;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(String),
    Word(String),
    Sign(char),
    Space,
}

/// The instant that a text means; `None` when it means none.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(instant) = digits(text)
    {
        return Some(instant);
    }
    let mut tokens = tokens(text);
    let korean = tokens.iter().any(|token| word_in(token, &KOREAN));
    let (time, zone) = take_time(&mut tokens)?;
    let moment = date(&tokens)?.checked_add_days(Days::new(time.days))?.and_time(time.clock);
    if moment.date() <= NaiveDate::from_ymd_opt(1, 1, 1)? {
        // What programs write when they know no date.
        return None;
    }
    if let Some(zone) = zone {
        return instant(moment, zone);
    }
    if let Some(zone) = text.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')')).find_map(region) {
        return zone.from_local_datetime(&moment).earliest().map(|at| at.to_utc().into());
    }
    let named = tokens.iter().find_map(|token| match token {
        Token::Word(word) if word.len() > 1 => zone_named(word),
        _ => None,
    });
    instant(moment, named.unwrap_or(if korean { SEOUL } else { 0 }))
}

fn instant(moment: NaiveDateTime, minutes_east: i32) -> Option<Timestamp> {
    moment.checked_sub_signed(TimeDelta::minutes(minutes_east.into())).map(|utc| utc.and_utc().into())
}

/// `Asia/Seoul`.
fn region(word: &str) -> Option<chrono_tz::Tz> {
    word.contains('/').then(|| word.parse().ok()).flatten()
}

/// Digits alone: seconds or milliseconds since 1970, or a date written together.
fn digits(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9 | 10 => Some(Timestamp::from_millis(number * 1_000)),
        12 | 13 => Some(Timestamp::from_millis(number)),
        14 => {
            let (date, time) = text.split_at(8);
            instant(together(date)?.and_time(clock_together(time)?), 0)
        }
        4 | 7 | 8 => instant(together(text)?.and_time(NaiveTime::MIN), 0),
        _ => None,
    }
}

/// `2004`, `2004123`, `20040502`.
fn together(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_at_checked(4)?;
    let year = year.parse().ok()?;
    match rest.len() {
        0 => NaiveDate::from_ymd_opt(year, 1, 1),
        3 => NaiveDate::from_yo_opt(year, rest.parse().ok()?),
        4 => NaiveDate::from_ymd_opt(year, rest.get(..2)?.parse().ok()?, rest.get(2..)?.parse().ok()?),
        _ => None,
    }
}

/// `15`, `1504`, `150459`.
fn clock_together(text: &str) -> Option<NaiveTime> {
    let part = |range: std::ops::Range<usize>| text.get(range).map_or(Some(0), |digits| digits.parse().ok());
    matches!(text.len(), 2 | 4 | 6).then(|| NaiveTime::from_hms_opt(part(0..2)?, part(2..4)?, part(4..6)?.min(59)))?
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for c in text.chars().flat_map(char::to_lowercase).map(unaccented) {
        match (c, tokens.last_mut()) {
            ('0'..='9', Some(Token::Number(number))) => number.push(c),
            ('0'..='9', _) => tokens.push(Token::Number(c.into())),
            // Points in `a.m.` and behind short names say nothing.
            ('.', Some(Token::Word(_))) => {}
            _ if c.is_alphabetic() => match tokens.last_mut() {
                Some(Token::Word(word)) => word.push(c),
                _ => tokens.push(Token::Word(c.into())),
            },
            _ if c.is_whitespace() || matches!(c, ',' | '(' | ')' | '[' | ']') => tokens.push(Token::Space),
            _ => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

fn unaccented(c: char) -> char {
    match c {
        'á' | 'à' | 'ä' | 'â' | 'ã' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'ě' => 'e',
        'í' | 'î' | 'ï' => 'i',
        'ó' | 'ö' | 'ô' | 'ő' => 'o',
        'ú' | 'ü' | 'û' | 'ű' => 'u',
        'ç' | 'č' => 'c',
        'ş' | 'š' => 's',
        'ř' => 'r',
        'ź' | 'ž' => 'z',
        'ğ' => 'g',
        'ά' => 'α',
        'έ' => 'ε',
        'ί' | 'ϊ' | 'ΐ' => 'ι',
        'ό' => 'ο',
        'ύ' | 'ϋ' => 'υ',
        'ώ' => 'ω',
        other => other,
    }
}

fn word_in(token: &Token, words: &[&str]) -> bool {
    matches!(token, Token::Word(word) if words.contains(&word.as_str()))
}

fn zone_named(word: &str) -> Option<i32> {
    ZONES.iter().find(|(name, _)| *name == word).map(|(_, minutes)| *minutes)
}

/// A time of day, perhaps one that belongs to the next day (24:00).
struct Time {
    clock: NaiveTime,
    days: u64,
}

/// Takes the time and its zone out of the tokens. A time that no clock shows
/// makes the whole date doubtful.
fn take_time(tokens: &mut Vec<Token>) -> Option<(Time, Option<i32>)> {
    let Some((begin, mut end, [mut hour, minute, second])) = find_time(tokens) else {
        return Some((Time { clock: NaiveTime::MIN, days: 0 }, None));
    };
    if hour <= 12 {
        let half = |words: &[&str]| tokens.iter().any(|token| word_in(token, words));
        if half(&AFTERNOON) {
            hour = hour % 12 + 12;
        } else if half(&MORNING) {
            hour %= 12;
        }
    }
    let zone = take_zone(tokens, &mut end);
    tokens.drain(begin..end);
    let days = u64::from(hour == 24 && minute == 0 && second == 0);
    let second = if second == 60 { 59 } else { second };
    let clock = NaiveTime::from_hms_opt(if days == 1 { 0 } else { hour }, minute, second)?;
    Some((Time { clock, days }, zone))
}

/// `9:15`, `09:15:30.5`, `T0915`, `9시 15분 30초`: where it stands, and its numbers.
fn find_time(tokens: &[Token]) -> Option<(usize, usize, [u32; 3])> {
    let number = |at: usize| match tokens.get(at) {
        Some(Token::Number(digits)) => digits.parse::<u32>().ok(),
        _ => None,
    };
    let sign = |at: usize, c: char| tokens.get(at) == Some(&Token::Sign(c));
    for at in 0..tokens.len() {
        let Some(hour) = number(at) else { continue };
        if sign(at + 1, ':')
            && let Some(minute) = number(at + 2)
        {
            let Some(second) = number(at + 4).filter(|_| sign(at + 3, ':')) else {
                return Some((at, at + 3, [hour, minute, 0]));
            };
            let fraction = (sign(at + 5, '.') || sign(at + 5, ',')) && number(at + 6).is_some();
            return Some((at, if fraction { at + 7 } else { at + 5 }, [hour, minute, second]));
        }
        let after_t = at.checked_sub(1).and_then(|before| tokens.get(before)) == Some(&Token::Word("t".into()));
        if after_t && let Some(Token::Number(digits)) = tokens.get(at) {
            let clock = clock_together(digits)?;
            return Some((at, at + 1, [clock.hour(), clock.minute(), clock.second()]));
        }
        if tokens.get(at + 1).is_some_and(|token| word_in(token, &["시", "時", "点"])) {
            let mut found = [hour, 0, 0];
            let mut end = at + 2;
            for (place, mark) in [(1, ["분", "分"]), (2, ["초", "秒"])] {
                let next = if tokens.get(end) == Some(&Token::Space) { end + 1 } else { end };
                if let (Some(value), Some(slot)) = (number(next), found.get_mut(place))
                    && tokens.get(next + 1).is_some_and(|token| word_in(token, &mark))
                {
                    *slot = value;
                    end = next + 2;
                }
            }
            return Some((at, end, found));
        }
    }
    None
}

/// The zone that follows a time; `end` moves behind it.
fn take_zone(tokens: &[Token], end: &mut usize) -> Option<i32> {
    let mut at = *end;
    let mut zone = None;
    loop {
        match tokens.get(at) {
            Some(Token::Space) => at += 1,
            Some(word) if word_in(word, &MORNING) || word_in(word, &AFTERNOON) => at += 1,
            Some(Token::Word(word)) if zone.is_none() => {
                if word == "etc" && tokens.get(at + 1) == Some(&Token::Sign('/')) {
                    at += 2;
                    continue;
                }
                let military = match word.as_str() {
                    "a" => Some(-60),
                    "m" => Some(-720),
                    "n" => Some(60),
                    "y" => Some(720),
                    _ => None,
                };
                zone = Some(zone_named(word).or(military)?);
                at += 1;
                *end = at;
            }
            Some(Token::Sign(sign @ ('+' | '-' | '−'))) => {
                let Some(Token::Number(hours)) = tokens.get(at + 1) else { return zone };
                let minutes = match (tokens.get(at + 2), tokens.get(at + 3)) {
                    (Some(Token::Sign(':')), Some(Token::Number(minutes))) => Some(minutes),
                    _ => None,
                };
                let east = match (hours.len(), minutes) {
                    (_, Some(minutes)) => hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?,
                    (1 | 2, None) => hours.parse::<i32>().ok()? * 60,
                    (3 | 4, None) => hours.parse::<i32>().map(|both| both / 100 * 60 + both % 100).ok()?,
                    _ => return zone,
                };
                *end = at + if minutes.is_some() { 4 } else { 2 };
                return Some(if *sign == '+' { east } else { -east });
            }
            _ => return zone,
        }
    }
}

/// The date among what is left.
fn date(tokens: &[Token]) -> Option<NaiveDate> {
    let month = tokens.iter().rev().find_map(|token| match token {
        Token::Word(word) => MONTHS.iter().position(|names| names.iter().any(|name| word.starts_with(name))),
        _ => None,
    });
    let numbers: Vec<&str> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Number(digits) => Some(digits.as_str()),
            _ => None,
        })
        .collect();
    let value = |digits: &str| digits.parse::<u32>().ok();
    match (month, numbers.as_slice()) {
        (Some(month), [one, two, ..]) => {
            let (year, day) = if one.len() > 2 { (one, two) } else { (two, one) };
            NaiveDate::from_ymd_opt(full_year(year)?, u32::try_from(month).ok()? + 1, value(day)?)
        }
        (Some(month), [year]) if year.len() == 4 => {
            NaiveDate::from_ymd_opt(full_year(year)?, u32::try_from(month).ok()? + 1, 1)
        }
        (None, [year, month, day, ..]) if year.len() == 4 => {
            NaiveDate::from_ymd_opt(full_year(year)?, value(month)?, value(day)?)
        }
        (None, [one, two, year, ..]) if year.len() == 4 => {
            // 12/31/2004 is how Americans write; 31.12.2004 and 31-12-2004 is how others do.
            let american = tokens.contains(&Token::Sign('/')) && value(one)? <= 12;
            let (month, day) = if american { (one, two) } else { (two, one) };
            NaiveDate::from_ymd_opt(full_year(year)?, value(month)?, value(day)?)
        }
        (None, [year, month, day]) => NaiveDate::from_ymd_opt(full_year(year)?, value(month)?, value(day)?),
        (None, [year, day]) if year.len() == 4 && day.len() == 3 => {
            NaiveDate::from_yo_opt(full_year(year)?, value(day)?)
        }
        (None, [year, month]) if year.len() == 4 => NaiveDate::from_ymd_opt(full_year(year)?, value(month)?, 1),
        (None, [all]) => together(all),
        _ => None,
    }
}

/// Two digits mean the years from 1990 to 2089, as everybody has it.
fn full_year(digits: &str) -> Option<i32> {
    let year: i32 = digits.parse().ok()?;
    match digits.len() {
        1 | 2 => Some(if year < 90 { 2000 + year } else { 1900 + year }),
        4 => Some(year),
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
            // Months in other languages.
            ("Κυρ, 11 Ιούλ 2004 12:00:00 EST", "2004-07-11T17:00:00Z"),
            ("Πεμ, 01 Μάι 2004 12:00:00 GMT", "2004-05-01T12:00:00Z"),
            ("2004-július-13T9:15-05:00", "2004-07-13T14:15:00Z"),
            ("mar. 5 mars 2024 10:00:00 +0100", "2024-03-05T09:00:00Z"),
            ("Mi, 5. März 2024", "2024-03-05T00:00:00Z"),
            ("5 août 2024", "2024-08-05T00:00:00Z"),
            ("Вт, 5 мая 2024 10:00:00 +0300", "2024-05-05T07:00:00Z"),
            ("2024年5月3日 14:05", "2024-05-03T14:05:00Z"),
            // What else is met.
            ("12/31/2004 3:04 PM", "2004-12-31T15:04:00Z"),
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
            "5",
            "99999999999999999999",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
