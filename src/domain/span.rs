//! Lengths of time as people write them: `15m`, `6h`, `2d`.

use std::time::Duration;

/// Why a length of time was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time: write a number and a unit, such as 30s, 15m, 6h, 2d or 1w")]
pub struct BadSpan(String);

/// Reads a whole number and a unit of `ms`, `s`, `m`, `h`, `d` or `w`.
pub fn parse(text: &str) -> Result<Duration, BadSpan> {
    let bad = || BadSpan(text.chars().take(40).collect());
    let trimmed = text.trim();
    let unit_at = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = trimmed.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| bad())?;
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return Err(bad()),
    };
    // A century is more than any schedule needs and keeps sums of instants far from overflow.
    number.checked_mul(millis).filter(|&total| total <= 36_525 * 86_400_000).map(Duration::from_millis).ok_or_else(bad)
}

/// Writes a length of time in its largest whole units, such as `1h 30m`.
#[must_use]
pub fn show(span: Duration) -> String {
    let seconds = span.as_secs();
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let shown: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).take(2).map(|(n, unit)| format!("{n}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

/// Writes a length of time as [`parse`] reads it, in the largest unit of which it
/// is a whole number, such as `36h`.
#[must_use]
pub fn exact(span: Duration) -> String {
    let millis = span.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let whole = units.into_iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{millis}ms"), |(name, unit)| format!("{}{name}", millis / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in
            [("0s", 0), ("15m", 900), (" 6h ", 21_600), ("2d", 172_800), ("1w", 604_800), ("5 m", 300)]
        {
            assert_eq!(parse(text).map(|span| span.as_secs()), Ok(seconds), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "15", "m", "-5m", "1.5h", "9999999999999999999w", "37000d", "5 minutes"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_exactly_is_read_back() {
        for (text, exactly) in [("0s", "0ms"), ("90m", "90m"), ("36h", "36h"), ("1w", "7d"), ("250ms", "250ms")] {
            let span = parse(text).unwrap();
            assert_eq!(exact(span), exactly);
            assert_eq!(parse(&exact(span)), Ok(span));
        }
    }

    #[test]
    fn shows_two_units_at_most() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (5_400, "1h 30m"), (90_061, "1d 1h")] {
            assert_eq!(show(Duration::from_secs(seconds)), text);
        }
    }
}
