//! Dates in every form, as entries carry them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::platform::Platforms;
use syndicated::read::{Input, read};

fuzz_target!(|date: &str| {
    let date = date.replace("]]>", "");
    let feed = format!(
        "<rss version=\"2.0\"><channel><item><title>T</title><pubDate><![CDATA[{date}]]></pubDate>\
         <dc:date><![CDATA[{date}]]></dc:date></item></channel></rss>"
    );
    let reading =
        read(&Input { bytes: feed.as_bytes(), content_type: None, base: None, platforms: &Platforms::default() })
            .expect("a sound feed");
    assert_eq!(reading.document.entries.len(), 1);
});
