//! Pages: what they are called, the feeds that they name, and their article.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::platform::Platforms;
use syndicated::read::{Input, article, read};

fuzz_target!(|page: &str| {
    let base = "https://example.org/2024/05/post".parse().expect("a sound address");
    let page = format!("<!doctype html>{page}");
    let input = Input {
        bytes: page.as_bytes(),
        content_type: Some("text/html; charset=utf-8"),
        base: Some(&base),
        platforms: &Platforms::default(),
    };
    let _ = read(&input);
    let _ = article(&input, &Default::default());
});
