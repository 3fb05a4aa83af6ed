//! Pictures: the address that a script would have loaded, the set of sizes made
//! absolute and bounded, and those that only count who reads.

use super::tidy::absolute;
use crate::domain::url::HttpUrl;
use dom_query::NodeRef;

/// Where pages keep the real address of a picture that a script would load.
const LATE: [&str; 11] = [
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-original-src",
    "data-lazy",
    "data-actualsrc",
    "data-ezsrc",
    "data-cfsrc",
    "nitro-lazy-src",
    "data-image",
    "data-url",
];
/// Where they keep a larger picture than the one that is shown: for want of that only.
const LARGER: [&str; 3] = ["data-hi-res-src", "data-large-file", "data-orig-file"];
/// The same for a set of sizes.
const SETS: [&str; 4] = ["srcset", "data-srcset", "data-lazy-srcset", "data-original-set"];

/// Pictures that nobody sees: they count who reads. Parts of addresses.
const COUNTERS: [&str; 53] = [
    "/~r/",
    "/~ff/",
    "feedsportal.com/",
    "feeds.wordpress.com/1.0/",
    "stats.wordpress.com/",
    "pixel.wp.com/",
    "google-analytics.com/",
    "googletagmanager.com/",
    "doubleclick.net/",
    "pixel.quantserve.com/",
    "scorecardresearch.com/",
    "blogger.googleusercontent.com/tracker/",
    "medium.com/_/stat",
    "facebook.com/tr?",
    "analytics.twitter.com/",
    "px.ads.linkedin.com/",
    "bat.bing.com/",
    "list-manage.com/track/open",
    "mailchimp.com/track/",
    "sendgrid.net/wf/open",
    "/wf/open?",
    "/open.gif",
    "/piwik.php?",
    "/matomo.php?",
    "pheedo.com/",
    "statcounter.com/",
    "getclicky.com/",
    "goatcounter.com/count",
    "simpleanalyticscdn.com/",
    "counter.theconversation.com/",
    "pixel.propublica.org/",
    "pixel.newscred.com/",
    "hits.seeyoufarm.com/",
    "hits.dwyl.com/",
    "hitwebcounter.com/",
    "wcs.naver.net/",
    "wcs.naver.com/",
    "substackcdn.com/open",
    "ct.pinterest.com/",
    "tr.snapchat.com/",
    "t.co/i/adsct",
    "mc.yandex.ru/watch",
    "counter.yadro.ru/",
    "mail.ru/counter",
    "hm.baidu.com/",
    "cnzz.com/",
    "googlesyndication.com/",
    "amazon-adsystem.com/e/ir",
    "assoc-amazon.com/e/ir",
    "awin1.com/cshow",
    "linksynergy.com/fs-bin/show",
    "anrdoezrs.net/image-",
    "tqlkg.com/image-",
];

/// A picture inside the text itself (`data:`) may be this long, in bytes of its address.
const SMALL: usize = 8 * 1024;
/// A set keeps so many sizes: more are of no use to anybody.
const MOST_SIZES: usize = 8;

/// Whether an address is a picture inside the text itself, and a small one. No
/// SVG: it can carry scripts.
pub(super) fn is_small_picture(address: &str) -> bool {
    let kinds = ["data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp"];
    let address = address.trim();
    let known = |kind: &&str| {
        let (head, rest) = (address.get(..kind.len()), address.get(kind.len()..).unwrap_or_default());
        head.is_some_and(|head| head.eq_ignore_ascii_case(kind)) && rest.starts_with([';', ','])
    };
    address.len() <= SMALL && kinds.iter().any(known)
}

/// Whether every address of a `srcset` is a web address.
pub(super) fn is_set_of_web_addresses(set: &str) -> bool {
    candidates(set).all(|(address, _)| address.parse::<HttpUrl>().is_ok())
}

/// Whether this address is known to count who reads.
pub(super) fn counts_readers(address: &str) -> bool {
    COUNTERS.iter().any(|part| address.contains(part))
}

/// Where a picture that loads late really is.
pub(super) fn late_address(node: &NodeRef<'_>) -> Option<String> {
    address_in(node, &LATE)
}

fn address_in(node: &NodeRef<'_>, names: &[&str]) -> Option<String> {
    let values = names.iter().filter_map(|name| node.attr(name)).map(|value| value.trim().to_owned());
    values.filter(|value| !value.starts_with("data:") && !value.starts_with(['{', '['])).find(|value| !value.is_empty())
}

/// Gives a picture its address, or takes it out.
pub(super) fn picture(node: &NodeRef<'_>, base: Option<&HttpUrl>) {
    let src = node.attr("src").map(|src| src.trim().to_owned()).filter(|src| !src.is_empty());
    let in_text = src.as_deref().is_some_and(|src| src.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("data:")));
    let best = || SETS.iter().find_map(|name| largest(&node.attr(name)?));
    let shown = || src.clone().filter(|_| !in_text);
    let address =
        late_address(node).or_else(shown).or_else(best).or_else(|| address_in(node, &LARGER)).or_else(|| src.clone());
    let address = address.filter(|address| absolute(address, base).is_some() || is_small_picture(address));
    match address {
        Some(address) if !is_counter(node, &address) => {
            node.set_attr("src", &address);
            source_set(node, base);
        }
        _ => node.remove_from_parent(),
    }
}

/// Whether the tag `img …>` is one of a picture that [`picture`] would leave as it
/// is. Told without a parser, so of tags only that are written as most are.
pub(super) fn is_sound_picture(tag: &str, base: Option<&HttpUrl>) -> bool {
    let Some(attributes) = plain_attributes(tag) else { return false };
    let value = |name: &str| attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let is_late = LATE.iter().chain(&SETS).any(|name| value(name).is_some());
    let sound =
        |src: &str| src.trim() == src && !src.contains('&') && absolute(src, base).is_some() && !counts_readers(src);
    value("src").is_some_and(sound) && !is_late && value("style").is_none() && !is_tiny(value("width"), value("height"))
}

/// The attributes of a tag in which each stands as ` name="value"`.
fn plain_attributes(tag: &str) -> Option<Vec<(&str, &str)>> {
    let mut attributes = Vec::new();
    let mut rest = tag.get(tag.find(|c: char| c.is_ascii_whitespace())?..)?;
    loop {
        let behind = rest.trim_ascii_start();
        if behind.starts_with('>') || behind.starts_with("/>") {
            return Some(attributes);
        }
        let (name, value) = behind.split_once("=\"")?;
        let (value, further) = value.split_once('"')?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        if behind.len() == rest.len() || name.is_empty() || !name.bytes().all(plain) {
            return None;
        }
        attributes.push((name, value));
        rest = further;
    }
}

/// Whether a picture of these measures is too small to be seen.
fn is_tiny(width: Option<&str>, height: Option<&str>) -> bool {
    let within = |size: Option<&str>, most: f32| {
        size.and_then(|size| size.trim().trim_end_matches("px").parse::<f32>().ok()).is_some_and(|size| size <= most)
    };
    within(width, 1.0) && within(height, 1.0) || within(width, 0.0) || within(height, 0.0)
}

fn is_counter(node: &NodeRef<'_>, address: &str) -> bool {
    let style =
        node.attr("style").map(|style| style.replace([' ', '\t', '\n'], "").to_ascii_lowercase()).unwrap_or_default();
    let hidden = [
        "display:none",
        "visibility:hidden",
        "opacity:0",
        "width:1px",
        "height:1px",
        "width:0",
        "height:0",
        "width:0px",
        "height:0px",
    ];
    let styled = style.split(';').any(|rule| hidden.contains(&rule.trim_end_matches("!important")));
    is_tiny(node.attr("width").as_deref(), node.attr("height").as_deref()) || styled || counts_readers(address)
}

/// The candidates of a `srcset`: addresses and their sizes. An address may hold
/// commas, and ends with one where no size follows (HTML, section 4.8.4.2.1).
fn candidates(set: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = set;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (address, behind) = rest.split_at(end);
        if let Some(bare) = address.strip_suffix(',') {
            rest = behind;
            return Some((bare.trim_end_matches(','), ""));
        }
        let (size, behind) = behind.split_once(',').unwrap_or((behind, ""));
        rest = behind;
        Some((address, size.trim()))
    })
}

fn largest(set: &str) -> Option<String> {
    let width = |size: &str| size.trim_end_matches(['w', 'x']).parse::<f32>().unwrap_or(1.0);
    let found = candidates(set).max_by(|(_, a), (_, b)| width(a).total_cmp(&width(b)));
    found.map(|(address, _)| address.to_owned())
}

/// Makes the addresses of a `srcset` absolute; one that cannot be is left out.
pub(super) fn source_set(node: &NodeRef<'_>, base: Option<&HttpUrl>) {
    let Some(set) = SETS.iter().find_map(|name| node.attr(name)) else { return };
    let sizes: Vec<String> = candidates(&set)
        .filter_map(|(address, size)| Some(format!("{} {size}", absolute(address, base)?).trim().to_owned()))
        .take(MOST_SIZES)
        .collect();
    if sizes.is_empty() {
        node.remove_attr("srcset");
    } else {
        node.set_attr("srcset", &sizes.join(", "));
    }
}
