//! The time of day in a date, and the zone that follows it.

use super::compact::clock_together;
use super::tokens::Token;
use super::words::{AFTERNOON, HOUR, MINUTE, MORNING, SECOND, zone_named};
use chrono::{NaiveTime, Timelike as _};

/// A time of day, perhaps one that belongs to the next day (24:00).
pub(super) struct Time {
    pub(super) clock: NaiveTime,
    pub(super) days: u64,
    /// Minutes east of Greenwich, where a zone is told.
    pub(super) zone: Option<i32>,
}

/// Takes the time and its zone out of the tokens. A time that no clock shows
/// makes the whole date doubtful.
pub(super) fn take_time(tokens: &mut Vec<Token>) -> Option<Time> {
    let Some((begin, mut end, [mut hour, minute, second])) = find_time(tokens) else {
        return Some(Time { clock: NaiveTime::MIN, days: 0, zone: None });
    };
    if hour <= 12 {
        let half = |words: &[&str]| tokens.iter().any(|token| token.is_in(words));
        if half(&AFTERNOON) {
            hour = hour % 12 + 12;
        } else if half(&MORNING) {
            hour %= 12;
        }
    }
    let zone = take_zone(tokens, &mut end);
    tokens.drain(begin..end);
    // A zone's name may also stand further behind, but not before the time, where `at` is no zone.
    let behind = tokens.get(begin..).unwrap_or_default();
    let named = || behind.iter().filter_map(Token::word).filter(|word| word.len() > 1).find_map(zone_named);
    let zone = zone.or_else(named);
    let days = u64::from(hour == 24 && minute == 0 && second == 0);
    let second = if second == 60 { 59 } else { second };
    Some(Time { clock: NaiveTime::from_hms_opt(if days == 1 { 0 } else { hour }, minute, second)?, days, zone })
}

/// `9:15`, `09:15:30.5`, `T0915`, `9시 15분 30초`: where it stands, and its numbers.
fn find_time(tokens: &[Token]) -> Option<(usize, usize, [u32; 3])> {
    let number = |at: usize| tokens.get(at)?.number()?.parse::<u32>().ok();
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
        if after_t && let Some(digits) = tokens.get(at).and_then(Token::number) {
            let clock = clock_together(digits)?;
            return Some((at, at + 1, [clock.hour(), clock.minute(), clock.second()]));
        }
        if tokens.get(at + 1).is_some_and(|token| token.is_in(&HOUR)) {
            let mut found = [hour, 0, 0];
            let mut end = at + 2;
            for (place, mark) in [(1, MINUTE), (2, SECOND)] {
                let next = if tokens.get(end) == Some(&Token::Space) { end + 1 } else { end };
                if let (Some(value), Some(slot)) = (number(next), found.get_mut(place))
                    && tokens.get(next + 1).is_some_and(|token| token.is_in(&mark))
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
            Some(word) if word.is_in(&MORNING) || word.is_in(&AFTERNOON) => at += 1,
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
                let Some(hours) = tokens.get(at + 1).and_then(Token::number) else { return zone };
                let minutes = tokens.get(at + 3).and_then(Token::number);
                let minutes = minutes.filter(|_| tokens.get(at + 2) == Some(&Token::Sign(':')));
                let east = match (hours.len(), minutes) {
                    (_, Some(minutes)) => {
                        hours.parse::<i32>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)?
                    }
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
