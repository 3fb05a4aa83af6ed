//! What Ghost answers: posts, and errors in its own words.

use crate::domain::outlet::{Outcome, Receipt};
use crate::domain::url::HttpUrl;
use crate::net::Pushed;
use crate::outlet::answer::json;
use serde_json::Value;

/// Where the interface stands below a site.
pub(super) const INTERFACE: &str = "/ghost/api/admin/";
/// So much of Ghost's own words is repeated, so that there is room for what to do.
const LONGEST: usize = 110;
/// How many hexadecimal digits a post's number has.
const DIGITS: usize = 24;

/// What an answer says of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) receipt: Receipt,
    /// What its address is made of.
    pub(super) slug: String,
    /// Which version it is: what changes it must name that.
    pub(super) updated_at: String,
}

/// The posts of an answer; `None` when it is not Ghost's.
pub(super) fn posts(answer: &Pushed) -> Option<Vec<Told>> {
    json(answer).get("posts")?.as_array()?.iter().map(told).collect()
}

fn told(post: &Value) -> Option<Told> {
    let text = |key: &str| post.get(key).and_then(Value::as_str);
    let id = text("id").filter(|id| is_number(id))?;
    // What is no draft stands on the web.
    let is_there = text("status") == Some("published");
    let url = text("url").filter(|_| is_there).and_then(|url| url.parse().ok());
    Some(Told {
        receipt: Receipt { id: id.to_owned(), url },
        slug: text("slug").unwrap_or_default().to_owned(),
        updated_at: text("updated_at").unwrap_or_default().to_owned(),
    })
}

/// Whether this may stand in an address as a post's number.
pub(super) fn is_number(id: &str) -> bool {
    id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What an answer says is wrong, and what can be done about it.
pub(super) fn words(answer: &Pushed) -> Option<String> {
    let told = json(answer);
    let error = told.get("errors").and_then(|errors| errors.get(0));
    let text = |key: &str| error.and_then(|error| error.get(key)).and_then(Value::as_str).unwrap_or_default();
    let (message, context) = (text("message"), text("context"));
    let said =
        if context.is_empty() || context == message { message.to_owned() } else { format!("{message} {context}") };
    let said: String = said.chars().take(LONGEST).collect();
    let advice = match answer.status {
        401 if message.ends_with("expired") || message.ends_with("exceeded") => {
            "its clock and ours differ by more than five minutes"
        }
        401 | 403 => "give the Admin API key of an integration that is there",
        404 if error.is_none() => "is `url` the address of a Ghost site?",
        413 => "the server takes no request of that size",
        _ => "",
    };
    let parts: Vec<&str> = [said.trim(), advice].into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A redirect is not followed; the address that is to be configured instead is named.
pub(super) fn moved(answer: &Pushed, asked: &HttpUrl) -> Option<Outcome> {
    let location = answer.location.as_deref().filter(|_| (300..400).contains(&answer.status))?;
    let to = asked.join(location)?;
    let site = to.as_str().split_once(INTERFACE).map(|(site, _)| site.to_owned());
    let site = site.unwrap_or_else(|| to.as_url().origin().ascii_serialization());
    let site: String = site.chars().take(LONGEST).collect();
    Some(Outcome::Refused(format!("it answered {}: configure url = \"{site}/\"", answer.phrase)))
}
