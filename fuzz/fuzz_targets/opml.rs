//! Lists of feeds, as other readers export them and as nobody does; the seed is
//! `tests/suite/outlines.rs`. What is read of a list is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::publish::{Followed, write_list};
use syndicated::read::opml::outlines;

fuzz_target!(|list: &[u8]| {
    let Ok(read) = outlines(list) else { return };
    let followed: Vec<Followed> = read
        .outlines
        .iter()
        .enumerate()
        .map(|(number, outline)| Followed {
            name: format!("s{number}"),
            title: outline.title.clone().unwrap_or_default(),
            url: outline.url.to_string(),
            feed: None,
            site: None,
            language: None,
            is_page: outline.is_page,
        })
        .collect();
    if followed.is_empty() {
        return;
    }
    let again = outlines(write_list("T", &followed).as_bytes()).expect("our own list is read");
    assert!(again.skipped.is_empty());
    let urls: Vec<&str> = again.outlines.iter().map(|outline| outline.url.as_str()).collect();
    assert_eq!(urls, followed.iter().map(|source| source.url.as_str()).collect::<Vec<_>>());
});
