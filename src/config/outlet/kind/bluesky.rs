//! An account at Bluesky.

use super::{Keys, address};
use crate::domain::outlet::{Bluesky, Kind, Pictures};

/// An account.
pub(super) fn bluesky(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let server = keys.table.parsed("url", address);
    let handle = keys.table.parsed("handle", handle);
    let handle = keys.table.required("handle", handle, "\"paper.bsky.social\"");
    let password = keys.secret("an app password of the account");
    let pictures = keys.pictures(Pictures::Upload);
    let server = server.or_else(|| "https://bsky.social/".parse().ok());
    Some(Kind::Bluesky(Bluesky { url: server?, handle: handle?, password: password?, pictures }))
}

/// A handle (atproto.com/specs/handle), with or without its `@`.
fn handle(text: &str) -> Result<String, String> {
    let handle = text.trim().trim_start_matches('@').to_ascii_lowercase();
    let is_label = |label: &str| {
        let is_sound = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_sound && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    if handle.len() <= 253 && handle.contains('.') && handle.split('.').all(is_label) {
        Ok(handle)
    } else {
        Err(format!(
            "`{}` is no handle: write it as \"paper.bsky.social\"",
            handle.chars().take(60).collect::<String>()
        ))
    }
}
