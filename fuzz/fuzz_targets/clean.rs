//! The sanitiser: what it gives is free of scripts, frames and handlers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::html::CleanHtml;

fuzz_target!(|html: &str| {
    let base = "https://example.org/post".parse().expect("a sound address");
    let clean = CleanHtml::sanitise(html, Some(&base));
    let lower = clean.as_str().to_ascii_lowercase();
    for tag in ["<script", "<style", "<iframe", "<object", "<form", "<base", "<meta"] {
        assert!(!lower.contains(tag), "{tag} in {lower}");
    }
    // The serialiser escapes angle brackets in texts and values, and puts values into double quotes.
    for tag in lower.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        for words in tag.split('"').step_by(2) {
            assert!(!words.contains(" on"), "a handler in {lower}");
        }
        for address in ["href=\"javascript:", "src=\"javascript:", "href=\"data:"] {
            assert!(!tag.contains(address), "{address} in {lower}");
        }
    }
});
