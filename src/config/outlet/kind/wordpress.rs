//! A site of WordPress.

use super::Keys;
use crate::config::parts::{DAY, length};
use crate::domain::outlet::{Kind, Pictures, WordPress};
use std::time::Duration;

/// By its REST interface.
pub(super) fn wordpress(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let url = keys.address("url", "https://blog.example.com/");
    let user = keys.table.words("user");
    let user = keys.table.required("user", user, "\"kim\"");
    let password = keys.secret("the user's application password");
    let pictures = keys.pictures(Pictures::Link);
    let table = &mut *keys.table;
    let categories = table.texts("categories").map(|list| list.value).unwrap_or_default();
    let categories = categories.into_iter().map(|item| item.value.trim().to_owned());
    let author = table.words("author");
    let featured = table.flag("featured");
    if featured == Some(true) && pictures == Pictures::Link {
        table.faults().add_hint(&table.place("featured"), "cannot be", "write `images = \"upload\"` besides");
    }
    let schedule = length(table, "schedule", Duration::from_mins(1)..=Duration::from_secs(30 * DAY));
    if schedule.is_some() && table.holds("draft") {
        let hint = "leave `draft` or `schedule` out";
        table.faults().add_hint(&table.place("schedule"), "is of no use: a draft waits for a person", hint);
    }
    let canonical_meta = table.words("canonical_meta");
    Some(Kind::WordPress(WordPress {
        url: url?,
        user: user?,
        password: password?,
        categories: categories.filter(|name| !name.is_empty()).collect(),
        author,
        pictures,
        featured: featured.unwrap_or(true),
        schedule,
        canonical_meta,
    }))
}
