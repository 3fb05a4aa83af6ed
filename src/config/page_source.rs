//! `kind = "page"` of a `[[source]]`, and the selectors that come with it.

use super::raw::Table;
use crate::domain::source::{Kind, ListRules};

/// What stands at a source's address.
pub(super) fn kind(table: &mut Table<'_>) -> Kind {
    let is_page = table.parsed("kind", |text| match text {
        "feed" => Ok(false),
        "page" => Ok(true),
        other => Err(format!("`{other}` is neither \"feed\" nor \"page\"")),
    });
    // One fault is enough where the kind is misspelt.
    let is_feed = is_page == Some(false) || !table.holds("kind");
    let mut rule = |key: &'static str| {
        if is_feed && table.holds(key) {
            let hint = "write kind = \"page\" if the source is a page without a feed, or leave it out";
            table.faults().add_hint(&table.place(key), "finds posts on a page, and this source has a feed", hint);
        }
        table.parsed(key, selector)
    };
    let rules = list_rules(&mut rule);
    if is_page == Some(true) { Kind::Page(rules) } else { Kind::Feed }
}

/// How posts are found on a page; `rule` gives the selector of a key.
pub(super) fn list_rules(mut rule: impl FnMut(&'static str) -> Option<String>) -> ListRules {
    ListRules {
        items: rule("items"),
        link: rule("link"),
        title: rule("title"),
        date: rule("date"),
        author: rule("author"),
        summary: rule("summary"),
    }
}

/// A CSS selector that parses; an error says in a sentence that it does not.
pub fn selector(text: &str) -> Result<String, String> {
    match dom_query::Matcher::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("`{text}` is not a CSS selector, such as \".post-body\"")),
    }
}
