//! Lists of readers, as other programs export them and as nobody does; the seed
//! is `tests/others`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use syndicated::read::roster::{Roster, Rules};

fuzz_target!(|list: &[u8]| {
    let Ok(mut roster) = Roster::open(Cursor::new(list), &Rules::default()) else { return };
    let mut last = roster.place().byte;
    while let Ok(Some(_)) = roster.next_row() {
        let here = roster.place().byte;
        assert!(here > last, "a row of nothing");
        last = here;
    }
    assert!(last <= list.len() as u64);
});
