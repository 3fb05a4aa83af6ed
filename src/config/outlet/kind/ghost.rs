//! A Ghost site.

use super::Keys;
use crate::config::raw::Located;
use crate::config::secrets::from_hex;
use crate::domain::outlet::{Access, Ghost, Kind, Pictures};
use crate::domain::secret::Secret;

/// How many hexadecimal digits an Admin API key has, before and behind its colon.
const DIGITS: (usize, usize) = (24, 64);

/// A Ghost site.
pub(super) fn ghost(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let url = keys.address("url", "https://paper.example.com/");
    let pictures = keys.pictures(Pictures::Link);
    let authors = authors(keys);
    let visibility = keys.table.parsed("visibility", str::parse::<Access>);
    let key = keys.secret("the Admin API key of an integration");
    let (key_id, key) = admin_key(keys, &key?)?;
    Some(Kind::Ghost(Ghost { url: url?, key_id, key, pictures, authors, visibility }))
}

fn authors(keys: &mut Keys<'_, '_>) -> Vec<String> {
    let Some(Located { value: listed, .. }) = keys.table.texts("authors") else { return Vec::new() };
    let is_sound = |name: &str| {
        !name.is_empty() && name.len() <= 191 && !name.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let (sound, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|author| is_sound(author.value));
    for author in others {
        let message = "must be the e-mail address or the slug of somebody who writes at the site";
        keys.table.faults().add(&author.spot, message);
    }
    sound.into_iter().map(|author| author.value.to_owned()).collect()
}

/// `id:secret`, both in hexadecimal digits. What is wrong with a key is said without showing it.
fn admin_key(keys: &Keys<'_, '_>, key: &Secret) -> Option<(String, Secret<Vec<u8>>)> {
    let parts = key.expose().trim().split_once(':');
    let read = parts.and_then(|(id, secret)| {
        let bytes = from_hex(secret)?;
        from_hex(id)?;
        ((id.len(), secret.len()) == DIGITS).then(|| (id.to_owned(), Secret::new(bytes)))
    });
    if read.is_none() {
        keys.table.faults().add_hint(
            &keys.table.spot,
            "its secret is no Admin API key",
            "copy the one of 24 digits, a colon and 64 digits that Ghost shows under Settings, Integrations",
        );
    }
    read
}
