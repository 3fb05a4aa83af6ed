//! What kind an outlet is, and the keys of that kind: each in a file of its own.

mod bluesky;
mod directory;
mod ghost;
mod mail;
mod mastodon;
mod micropub;
mod webhook;
mod wordpress;

use super::Around;
use crate::config::Lane;
use crate::config::faults::nearest;
use crate::config::parts::path;
use crate::config::raw::{Located, Table};
use crate::config::secrets::{self, Environment};
use crate::domain::outlet::{Kind, Pictures};
use crate::domain::secret::Secret;
use crate::domain::slug::Slug;
use crate::domain::url::{BadUrl, HttpUrl};
use std::path::PathBuf;

/// Reads what only outlets of one kind have.
type Reader = fn(&mut Keys<'_, '_>) -> Option<Kind>;

/// The kinds by their words.
const KINDS: [(&str, Reader); 11] = [
    ("webhook", webhook::json),
    ("slack", webhook::slack),
    ("discord", webhook::discord),
    ("telegram", webhook::telegram),
    ("directory", directory::directory),
    ("mail", mail::mail),
    ("wordpress", wordpress::wordpress),
    ("ghost", ghost::ghost),
    ("micropub", micropub::micropub),
    ("mastodon", mastodon::mastodon),
    ("bluesky", bluesky::bluesky),
];

/// All keys that only some kinds have.
const OWN_KEYS: [&str; 21] = [
    "url",
    "chat",
    "secret_file",
    "path",
    "generator",
    "format",
    "images",
    "git",
    "to",
    "form",
    "relay",
    "authors",
    "visibility",
    "user",
    "categories",
    "author",
    "featured",
    "schedule",
    "canonical_meta",
    "endpoint",
    "handle",
];

/// An outlet's table while its kind reads its own keys.
struct Keys<'k, 't> {
    table: &'k mut Table<'t>,
    name: Option<&'k Slug>,
    environment: &'k Environment,
    /// The ways by which mails leave, unless these are at fault themselves.
    relays: Option<&'k [Lane]>,
}

/// What kind of outlet it is, with the keys of that kind. Those of another are unknown.
pub(super) fn kind(table: &mut Table<'_>, name: Option<&Slug>, around: &Around<'_>) -> Option<Kind> {
    let listed = || KINDS.map(|(word, _)| format!("\"{word}\"")).join(", ");
    let reader = table.parsed("kind", |text| match KINDS.into_iter().find(|(word, _)| *word == text) {
        Some((_, reader)) => Ok(reader),
        None => Err(match nearest(text, KINDS.map(|(word, _)| word)) {
            Some(meant) => format!("`{text}` is no kind of outlet; did you mean \"{meant}\"?"),
            None => format!("`{text}` is no kind of outlet: there are {}", listed()),
        }),
    });
    let Some(reader) = table.required("kind", reader, &listed()) else {
        // Which of them it may have, nobody knows.
        for key in OWN_KEYS {
            table.skip(key);
        }
        return None;
    };
    reader(&mut Keys { table, name, environment: around.environment, relays: around.relays })
}

impl Keys<'_, '_> {
    /// An address that must be there, such as `example`.
    fn address(&mut self, key: &'static str, example: &str) -> Option<HttpUrl> {
        let url = self.table.parsed(key, address);
        self.table.required(key, url, &format!("\"{example}\""))
    }

    /// What becomes of pictures, where that is a choice.
    fn pictures(&mut self, usual: Pictures) -> Pictures {
        self.table.parsed("images", str::parse).unwrap_or(usual)
    }

    /// An outlet's one secret: from the environment, a systemd credential, or a file.
    fn secret(&mut self, what: &str) -> Option<Secret> {
        let file: Option<Located<PathBuf>> = self.table.parsed_at("secret_file", path);
        let name = self.name?;
        let variable = format!("SYNDICATED_OUTLET_{}", name.as_str().to_uppercase().replace(['-', '.'], "_"));
        let credential = format!("outlet-{name}");
        let faults = self.table.faults();
        let secret = secrets::password(self.environment, &variable, &credential, file.as_ref(), faults);
        if secret.is_none() && file.is_none() {
            let hint = format!(
                "put it into the environment as {variable}, into the systemd credential {credential}, or into a file that secret_file names"
            );
            self.table.faults().add_hint(&self.table.spot, format_args!("there is no secret: {what}"), hint);
        }
        secret
    }
}

fn address(text: &str) -> Result<HttpUrl, String> {
    text.parse().map_err(|why: BadUrl| why.to_string())
}
