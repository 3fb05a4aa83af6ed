//! What the sanitiser cannot say in a list of names: pictures that load late
//! get their address, players become links, counters and emptiness go.

use crate::domain::url::HttpUrl;
use dom_query::{Document, NodeRef};
use std::borrow::Cow;

/// Where pages keep the real address of a picture that a script would load.
const LATE: [&str; 8] = [
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-lazy",
    "data-actualsrc",
    "data-hi-res-src",
    "data-orig-file",
    "data-url",
];

/// Pictures that nobody sees: they count who reads. Parts of addresses.
const COUNTERS: [&str; 14] = [
    "/~r/",
    "/~ff/",
    "feedsportal.com/",
    "feeds.wordpress.com/1.0/",
    "stats.wordpress.com/",
    "pixel.wp.com/",
    "google-analytics.com/",
    "doubleclick.net/",
    "pixel.quantserve.com/",
    "sb.scorecardresearch.com/",
    "blogger.googleusercontent.com/tracker/",
    "medium.com/_/stat",
    "/open.gif",
    "pheedo.com/",
];

/// Elements that play something, or show another page.
const PLAYERS: [&str; 5] = ["iframe", "embed", "object", "video", "audio"];

/// Elements that this pass has something to do with.
const OF_INTEREST: [&str; 11] =
    ["iframe", "embed", "object", "video", "audio", "img", "source", "noscript", "span", "p", "div"];

/// A picture inside the text itself may be this long.
const SMALL: usize = 8 * 1024;

/// Whether an address is a picture inside the text itself, and a small one. No
/// SVG: it can carry scripts.
pub(super) fn is_small_picture(address: &str) -> bool {
    let kinds = ["data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp"];
    let address = address.trim();
    address.len() <= SMALL
        && kinds.iter().any(|kind| address.get(..kind.len()).is_some_and(|head| head.eq_ignore_ascii_case(kind)))
}

/// The same HTML, tidied; borrowed when there was nothing to do.
pub(super) fn tidy<'a>(html: &'a str, base: Option<&HttpUrl>) -> Cow<'a, str> {
    let of_interest = html.split('<').skip(1).any(|tag| {
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        OF_INTEREST.iter().take(9).any(|known| known.eq_ignore_ascii_case(name)) || is_empty_block(name, tag)
    });
    if !of_interest {
        return Cow::Borrowed(html);
    }
    let document = Document::fragment(html);
    let all = || document.root().descendants().into_iter().filter(NodeRef::is_element);
    for node in all().filter(|node| node.has_name("noscript")) {
        fall_back(&node);
    }
    for node in all() {
        match node.node_name().as_deref().unwrap_or_default() {
            "img" => picture(&node, base),
            "source" => source_set(&node, base),
            name if PLAYERS.contains(&name) => player(&node, base),
            "span" if !node.has_attr("dir") && !node.has_attr("lang") => {
                for child in node.children() {
                    node.insert_before(&child);
                }
                node.remove_from_parent();
            }
            _ => {}
        }
    }
    // Inner ones first, so that what held only emptiness is empty itself.
    let blocks: Vec<_> = all().filter(|node| node.has_name("p") || node.has_name("div")).collect();
    for node in blocks.into_iter().rev() {
        let nothing = node.text().trim().is_empty();
        if nothing && node.descendants().iter().all(|inner| !inner.is_element() || inner.has_name("br")) {
            node.remove_from_parent();
        }
    }
    document.root().inner_html().to_string().into()
}

/// `p>` or `div …>` with nothing behind it but space: cheap to see before parsing.
fn is_empty_block(name: &str, tag: &str) -> bool {
    let is_block = name.eq_ignore_ascii_case("p") || name.eq_ignore_ascii_case("div");
    let behind = tag.split_once('>').map_or("x", |(_, behind)| behind);
    is_block && behind.replace("&nbsp;", "").replace("&#160;", "").trim().is_empty()
}

/// What a page without scripts would show: the picture that the one before it
/// would load late, or one that stands only there.
fn fall_back(node: &NodeRef<'_>) {
    let inner = node.text().to_string();
    let inner = if inner.trim_start().starts_with('<') { inner } else { node.inner_html().to_string() };
    let late =
        node.prev_element_sibling().is_some_and(|before| before.has_name("img") && late_address(&before).is_some());
    if late || !inner.contains("<img") {
        node.remove_from_parent();
    } else {
        node.replace_with_html(inner);
    }
}

fn late_address(node: &NodeRef<'_>) -> Option<String> {
    LATE.iter().filter_map(|name| node.attr(name)).map(|value| value.trim().to_owned()).find(|value| !value.is_empty())
}

fn picture(node: &NodeRef<'_>, base: Option<&HttpUrl>) {
    let src = node.attr("src").map(|src| src.trim().to_owned()).filter(|src| !src.is_empty());
    let in_text = src.as_deref().is_some_and(|src| src.starts_with("data:"));
    let late = late_address(node).filter(|late| !late.starts_with("data:"));
    let best = || ["srcset", "data-srcset", "data-lazy-srcset"].iter().find_map(|name| largest(&node.attr(name)?));
    let address = late.or_else(|| src.clone().filter(|_| !in_text)).or_else(best).or(src);
    let Some(address) = address.filter(|address| !address.starts_with("data:") || is_small_picture(address)) else {
        node.remove_from_parent();
        return;
    };
    if is_counter(node, &address) {
        node.remove_from_parent();
        return;
    }
    node.set_attr("src", &address);
    source_set(node, base);
}

fn is_counter(node: &NodeRef<'_>, address: &str) -> bool {
    let tiny = |name: &str| {
        node.attr(name)
            .and_then(|size| size.trim().trim_end_matches("px").parse::<f32>().ok())
            .is_some_and(|size| size <= 1.0)
    };
    let style = node.attr("style").map(|style| style.replace(' ', "").to_ascii_lowercase()).unwrap_or_default();
    let hidden = ["display:none", "visibility:hidden", "width:1px", "height:1px", "width:0", "height:0"];
    tiny("width") && tiny("height")
        || hidden.iter().any(|word| style.split(';').any(|rule| rule == *word))
        || COUNTERS.iter().any(|part| address.contains(part))
}

/// The candidates of a `srcset` (HTML, section 4.8.4.2.1): addresses and their widths.
fn candidates(set: &str) -> impl Iterator<Item = (&str, &str)> {
    set.split([',', '\n']).filter_map(|candidate| {
        let mut words = candidate.split_whitespace();
        Some((words.next()?, words.next().unwrap_or_default()))
    })
}

fn largest(set: &str) -> Option<String> {
    let width = |size: &str| size.trim_end_matches(['w', 'x']).parse::<f32>().unwrap_or(1.0);
    let found = candidates(set).max_by(|(_, a), (_, b)| width(a).total_cmp(&width(b)));
    found.map(|(address, _)| address.to_owned())
}

/// Makes the addresses of a `srcset` absolute; one that cannot be is left out.
fn source_set(node: &NodeRef<'_>, base: Option<&HttpUrl>) {
    let Some(set) = ["srcset", "data-srcset", "data-lazy-srcset"].iter().find_map(|name| node.attr(name)) else {
        return;
    };
    let absolute: Vec<String> = candidates(&set)
        .filter_map(|(address, size)| Some(format!("{} {size}", absolute(address, base)?).trim().to_owned()))
        .collect();
    if absolute.is_empty() {
        node.remove_attr("srcset");
    } else {
        node.set_attr("srcset", &absolute.join(", "));
    }
}

fn absolute(address: &str, base: Option<&HttpUrl>) -> Option<HttpUrl> {
    match base {
        Some(base) => base.join(address),
        None => address.parse().ok(),
    }
}

/// A player becomes a link to what it plays.
fn player(node: &NodeRef<'_>, base: Option<&HttpUrl>) {
    let inner = node.descendants();
    let inner = inner.iter().filter(|inner| inner.has_name("source") || inner.has_name("embed"));
    let address = ["src", "data", "data-src"]
        .iter()
        .find_map(|name| node.attr(name))
        .or_else(|| inner.clone().find_map(|inner| inner.attr("src")))
        .and_then(|address| absolute(address.trim(), base))
        .filter(|url| !COUNTERS.iter().any(|part| url.as_str().contains(part)));
    let Some(url) = address.map(|url| watchable(&url).unwrap_or(url)) else {
        node.remove_from_parent();
        return;
    };
    let title = node.attr("title").or_else(|| node.attr("aria-label")).map(|title| title.trim().to_owned());
    let title = title.filter(|title| !title.is_empty()).unwrap_or_else(|| url.host().to_owned());
    let link = format!(
        "<a href=\"{}\">{}</a>",
        ammonia::clean_text(url.as_str()),
        ammonia::clean_text(&title).replace("&#32;", " ")
    );
    // A paragraph cannot stand in a paragraph.
    let inline = node.ancestors_it(None).any(|outer| outer.has_name("p"));
    let link = if inline { format!(" {link} ") } else { format!("<p>{link}</p>") };
    node.replace_with_html(link);
}

/// The page where a person watches what a known player embeds.
fn watchable(url: &HttpUrl) -> Option<HttpUrl> {
    let path = url.as_url().path();
    let id = |prefix: &str| {
        path.strip_prefix(prefix).map(|id| id.split('/').next().unwrap_or(id)).filter(|id| !id.is_empty())
    };
    let page = match url.host().trim_start_matches("www.") {
        "youtube.com" | "youtube-nocookie.com" => format!("https://www.youtube.com/watch?v={}", id("/embed/")?),
        "player.vimeo.com" => format!("https://vimeo.com/{}", id("/video/")?),
        "dailymotion.com" => format!("https://www.dailymotion.com/video/{}", id("/embed/video/")?),
        "tv.naver.com" => format!("https://tv.naver.com/v/{}", id("/embed/")?),
        _ => return None,
    };
    page.parse().ok()
}
