//! Whole documents: a feed, a page or neither. What is read keeps its promises.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::platform::Platforms;
use syndicated::read::{Input, fingerprint, read};

fuzz_target!(|bytes: &[u8]| {
    let base = "https://example.org/blog/feed.xml".parse().expect("a sound address");
    if let Ok(reading) = read(&Input { bytes, content_type: None, base: Some(&base), platforms: &Platforms::default() })
    {
        assert_eq!(reading.raw.len(), reading.document.entries.len());
        for entry in &reading.document.entries {
            assert!(!entry.guid.is_empty());
            assert!(!fingerprint(entry).is_empty());
        }
    }
});
