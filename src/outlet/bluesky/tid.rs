//! The name of a record: a TID (atproto.com/specs/tid), made of when the post was
//! published and of its key, so that a repeat has the name of what it repeats.

use crate::domain::time::Timestamp;

/// Base 32 in the order of its characters.
const DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 13;
/// So many bits tell records of one microsecond apart, and so many hold microseconds.
const CLOCK: u32 = 10;
const TIME: u32 = 53;

/// The record's name. A post's date is told in seconds; the rest is the key's, which makes some 1,000,000,000 names of
/// each second.
pub(super) fn tid(published: Timestamp, key: &str) -> String {
    let key = u64::from_str_radix(key.get(..15).unwrap_or_default(), 16).unwrap_or_default();
    let second = u64::try_from(published.millis() / 1_000).unwrap_or_default();
    let micros = second.saturating_mul(1_000_000).saturating_add((key >> CLOCK) % 1_000_000).min((1 << TIME) - 1);
    let number = (micros << CLOCK) | (key & ((1 << CLOCK) - 1));
    let digit = |at: usize| DIGITS.get(usize::try_from((number >> (5 * at)) & 31).unwrap_or_default());
    (0..LENGTH).rev().filter_map(digit).map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_in_order_and_the_same_for_the_same_post() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let (one, other) = ("0f3c00000000000000000000000000aa", "0f3d00000000000000000000000000aa");
        assert_eq!(tid(at(0), "0"), "2222222222222");
        assert_eq!(tid(at(1_764_000_000), one), tid(at(1_764_000_000), one));
        assert_ne!(tid(at(1_764_000_000), one), tid(at(1_764_000_000), other));
        assert!(tid(at(1_764_000_000), other) < tid(at(1_764_000_001), one));
        for seconds in [i64::MIN / 1_000, -1, 0, 1_764_000_000, i64::MAX / 1_000] {
            let name = tid(at(seconds), "ffffffffffffffffffffffffffffffff");
            assert!(name.len() == 13 && name.bytes().all(|byte| DIGITS.contains(&byte)), "{name}");
            assert!("234567abcdefghij".contains(&name[..1]), "{name}");
        }
    }
}
