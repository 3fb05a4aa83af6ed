//! Broken XML: whatever stands in a feed, and a bracket that sends it to the
//! lenient parser. The entry before it is always kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::platform::Platforms;
use syndicated::read::{Input, read};

fuzz_target!(|soup: &str| {
    let feed = format!("<rss version=\"2.0\"><channel><item><title>kept</title><guid>1</guid></item> < {soup}");
    if let Ok(reading) =
        read(&Input { bytes: feed.as_bytes(), content_type: None, base: None, platforms: &Platforms::default() })
    {
        assert_eq!(reading.raw.len(), reading.document.entries.len());
    }
});
