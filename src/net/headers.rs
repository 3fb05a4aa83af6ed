//! What an answer's headers say, as values.

use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::domain::websub::Channel;
use chrono::{DateTime, NaiveDateTime};
use reqwest::header::{CACHE_CONTROL, HeaderMap, HeaderName, LINK};
use std::time::Duration;

/// A validator or a type longer than this is not kept: nothing real is.
const MAX_KEPT: usize = 1024;

/// A header's text, when it is there once, readable and of a sane length.
pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    // A header line is bytes; what is not UTF-8 was Latin-1 once and is dropped.
    let value = std::str::from_utf8(headers.get(name)?.as_bytes()).ok()?.trim();
    (!value.is_empty() && value.len() <= MAX_KEPT).then(|| value.to_owned())
}

/// Reads `Retry-After`: seconds, or an HTTP-date (RFC 9110 section 10.2.3).
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // Digits that do not fit mean "not in our lifetime".
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    Some(http_date(value)?.since(now))
}

/// How long `Cache-Control` calls an answer fresh (RFC 9111 section 5.2.2.1);
/// `None` when that is not at all.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    fresh_for(&text(headers, &CACHE_CONTROL)?)
}

fn fresh_for(control: &str) -> Option<Duration> {
    let mut age = None;
    for directive in control.split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-cache" | "no-store" => return None,
            "max-age" => age = value.trim().trim_matches('"').parse().ok(),
            _ => {}
        }
    }
    age.filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// Where a document's changes are announced: its links of the relations `hub`
/// and `self` (RFC 8288), which count before those in the document (WebSub
/// section 4).
pub(super) fn channels(headers: &HeaderMap, base: &HttpUrl) -> Vec<Channel> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    let links: Vec<(&str, &str)> = lines.flat_map(links).collect();
    let related = |wanted: &'static str| {
        let is = move |rels: &str| rels.split(' ').any(|rel| rel.eq_ignore_ascii_case(wanted));
        links.iter().filter(move |(_, rels)| is(rels)).filter_map(|(target, _)| base.join(target))
    };
    let Some(topic) = related("self").next() else { return Vec::new() };
    related("hub").map(|hub| Channel { hub, topic: topic.clone() }).collect()
}

/// The first target that has a relation (RFC 8288).
pub(super) fn linked(headers: &HeaderMap, base: &HttpUrl, wanted: &str) -> Option<HttpUrl> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    let mut links = lines.flat_map(links);
    let (target, _) = links.find(|(_, rels)| rels.split(' ').any(|rel| rel.eq_ignore_ascii_case(wanted)))?;
    base.join(target)
}

/// The targets of a `Link` line, each with its relations.
fn links(line: &str) -> Vec<(&str, &str)> {
    let mut links = Vec::new();
    let mut rest = line;
    while let Some((target, behind)) = rest.split_once('<').and_then(|(_, link)| link.split_once('>')) {
        let end = end_of_link(behind);
        let (parameters, next) = behind.split_at(end);
        let rel = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"'))
        });
        links.extend(rel.map(|rel| (target, rel)));
        rest = next;
    }
    links
}

/// Where the comma is that ends a link: the first outside quotation marks.
fn end_of_link(parameters: &str) -> usize {
    let mut quoted = false;
    let comma = parameters.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    comma.unwrap_or(parameters.len())
}

/// An HTTP-date in any of its three forms (RFC 9110 section 5.6.7).
fn http_date(value: &str) -> Option<Timestamp> {
    if let Ok(at) = DateTime::parse_from_rfc2822(value) {
        return Some(at.to_utc().into());
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())
        .map(|at| at.and_utc().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_what_max_age_says_unless_nothing_may_be_kept() {
        for (control, seconds) in [
            ("max-age=600", Some(600)),
            ("public, Max-Age=\"60\", must-revalidate", Some(60)),
            ("max-age=600, no-cache", None),
            ("max-age=0", None),
            ("max-age=-1", None),
            ("s-maxage=600", None),
            ("", None),
        ] {
            assert_eq!(fresh_for(control).map(|age| age.as_secs()), seconds, "{control}");
        }
    }

    #[test]
    fn links_to_a_hub_are_read_in_every_usual_form() {
        let base: HttpUrl = "https://blog.example.com/a/feed".parse().unwrap();
        let (one, two) = ("https://hub.example.com/", "https://hub2.example.com/");
        let both = vec![one];
        for (lines, expected) in [
            (
                vec!["<https://hub.example.com/>; rel=\"hub\", <https://blog.example.com/feed>; rel=\"self\""],
                both.clone(),
            ),
            (
                vec!["<https://hub.example.com/>;rel=hub", "</feed>; title=\"a, <b>\"; REL=Self; type=\"x\""],
                both.clone(),
            ),
            (vec!["<x>; rel=next, <https://hub.example.com/>; rel=\"preconnect hub\", <../feed>; rel=self"], both),
            (
                vec!["<https://hub.example.com/>; rel=hub, </feed>; rel=self", "<https://hub2.example.com/>; rel=hub"],
                vec![one, two],
            ),
            (vec!["<https://hub.example.com/>; rel=\"hub\""], vec![]),
            (vec!["<https://hub.example.com/>; rel=\"hubs\", </feed>; rel=self"], vec![]),
            (vec!["<ftp://hub.example.com/>; rel=hub, </feed>; rel=self"], vec![]),
            (vec!["<https://hub.example.com/; rel=hub", "", "<>", "\"", ",;="], vec![]),
            (vec![], vec![]),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(LINK, line.parse().unwrap());
            }
            let topic: HttpUrl = "https://blog.example.com/feed".parse().unwrap();
            let channel = |hub: &str| Channel { hub: hub.parse().unwrap(), topic: topic.clone() };
            let expected: Vec<_> = expected.into_iter().map(channel).collect();
            assert_eq!(channels(&headers, &base), expected, "{lines:?}");
        }
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(now, Timestamp::from_millis(784_111_777_000));
        for (value, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("99999999999999999999", Some(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sat, 05 Nov 1994 08:49:37 GMT", Some(0)),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
        ] {
            assert_eq!(retry_after(value, now).map(|span| span.as_secs()), seconds, "{value}");
        }
    }
}
