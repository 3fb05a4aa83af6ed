//! Bytes to characters: the first byte chooses what a server says of the charset.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::platform::Platforms;
use syndicated::read::{Input, read};

const SAID: [Option<&str>; 12] = [
    None,
    Some("text/xml"),
    Some("text/html"),
    Some("application/rss+xml; charset=utf-8"),
    Some("text/xml; charset=\"euc-kr\""),
    Some("text/xml; charset=Shift_JIS"),
    Some("text/xml; charset=ISO-2022-JP"),
    Some("text/xml; charset=gb18030"),
    Some("text/xml; charset=big5"),
    Some("text/xml; charset=utf-16"),
    Some("text/xml; charset=windows-1252"),
    Some("text/xml; charset=no-such"),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let content_type = SAID[usize::from(*choice) % SAID.len()];
    let _ = read(&Input { bytes, content_type, base: None, platforms: &Platforms::default() });
});
