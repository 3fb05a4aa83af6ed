//! Whether an account has a status already
//! (docs.joinmastodon.org/methods/accounts, "Get account's statuses").

use super::instance::{Instance, id};
use super::words;
use crate::domain::outlet::Outcome;
use crate::domain::text::plain_text;
use crate::domain::url::HttpUrl;
use dom_query::Document;
use serde_json::Value;

/// How far back is looked: five pages of the most that there may be in one.
const PAGES: usize = 5;
const A_PAGE: usize = 40;

/// What tells that a status is the one.
pub(super) enum Sought {
    /// It leads there.
    Address(HttpUrl),
    /// It says this, without blanks.
    Words(String),
}

impl Sought {
    /// By the original's address, as it stands in statuses; by all that the status says where it stands in none.
    pub(super) fn new(text: &str, url: Option<&HttpUrl>) -> Self {
        let written = url.map(|url| words::address(url.as_str())).filter(|written| text.contains(written));
        match written.and_then(|written| written.parse().ok()) {
            Some(url) => Self::Address(url),
            None => Self::Words(without_blanks(text)),
        }
    }

    fn is(&self, status: &Value) -> bool {
        let content = status.get("content").and_then(Value::as_str).unwrap_or_default();
        match self {
            Self::Address(sought) => {
                let leads = |address: &str| address.parse().is_ok_and(|url: HttpUrl| url == *sought);
                status.pointer("/card/url").and_then(Value::as_str).is_some_and(leads)
                    || Document::fragment(content)
                        .select("a[href]")
                        .iter()
                        .any(|link| link.attr("href").is_some_and(|href| leads(&href)))
            }
            Self::Words(sought) => !sought.is_empty() && without_blanks(&plain_text(content)) == *sought,
        }
    }
}

/// The account's own status that is sought, among its latest.
pub(super) async fn look(instance: &Instance, account: &str, sought: &Sought) -> Result<Option<Value>, Outcome> {
    let mut behind = String::new();
    for _ in 0..PAGES {
        let path = format!("api/v1/accounts/{account}/statuses?limit={A_PAGE}&exclude_reblogs=true{behind}");
        let told = instance.get(&path).await?;
        let Some(statuses) = told.as_array() else {
            return Err(Outcome::Refused("it does not say which statuses the account has".to_owned()));
        };
        let is_own = |status: &Value| status.get("reblog").is_none_or(Value::is_null);
        if let Some(status) = statuses.iter().find(|status| is_own(status) && sought.is(status)) {
            return Ok(Some(status.clone()));
        }
        match statuses.last().and_then(id) {
            Some(last) => behind = format!("&max_id={last}"),
            None => break,
        }
    }
    Ok(None)
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
