//! A post's own text on a page of ours.
//!
//! Invariant: what comes out of sanitised HTML has no element, attribute or
//! address that was not in it, but for those that are named here.

use crate::domain::html::CleanHtml;
use dom_query::{Document, NodeRef};

/// What a page has once, and its texts never; and elements that HTML has no more.
const STAND_INS: [(&str, &str); 10] = [
    ("main", "div"),
    ("header", "div"),
    ("footer", "div"),
    ("nav", "div"),
    ("aside", "div"),
    ("center", "div"),
    ("tt", "code"),
    ("strike", "s"),
    ("acronym", "abbr"),
    ("big", "span"),
];

/// Attributes of looks that HTML has no more (HTML, section 16.2).
const OBSOLETE: [&str; 12] = [
    "align",
    "valign",
    "bgcolor",
    "border",
    "cellpadding",
    "cellspacing",
    "char",
    "charoff",
    "clear",
    "compact",
    "frame",
    "rules",
];

/// The text of a post, for its page.
pub(super) fn text_of(html: &CleanHtml) -> String {
    let document = Document::fragment(html.as_str());
    let all: Vec<NodeRef<'_>> = document.root().descendants().into_iter().filter(NodeRef::is_element).collect();
    // The headings that a heading stands below.
    let mut above: Vec<u32> = Vec::new();
    for node in &all {
        let name = node.node_name().unwrap_or_default();
        for attribute in OBSOLETE {
            node.remove_attr(attribute);
        }
        if node.has_name("table") {
            // A wide one is moved about in its own frame, by the keyboard too.
            node.wrap_html("<div class=\"wide\" tabindex=\"0\"></div>");
        }
        match name.as_ref() {
            "img" => picture(node),
            "a" => link(node),
            "pre" => node.set_attr("tabindex", "0"),
            "table" | "td" | "th" | "col" | "colgroup" | "hr" => {
                for attribute in ["width", "height", "size"] {
                    node.remove_attr(attribute);
                }
            }
            _ => {}
        }
        if let Some(level) = name.strip_prefix('h').and_then(|level| level.parse().ok()) {
            above.retain(|other| *other < level);
            above.push(level);
            // The page's own title is the first, and none is left out on the way down.
            node.rename(&format!("h{}", (above.len() + 1).min(6)));
        } else if let Some((_, to)) = STAND_INS.iter().find(|(from, _)| **from == *name) {
            node.rename(to);
        }
    }
    document.html_root().inner_html().trim().to_owned()
}

/// The first picture of a text that has an address on the web.
#[must_use]
pub fn picture_of(html: &CleanHtml) -> Option<String> {
    let document = Document::fragment(html.as_str());
    let pictures = document.select("img[src^='http']");
    pictures.nodes().iter().find_map(|node| node.attr("src")).map(|address| address.to_string())
}

/// What is seen on the picture of that address, as the text says it for who cannot see it.
#[must_use]
pub fn alt_of(html: &CleanHtml, address: &str) -> Option<String> {
    let document = Document::fragment(html.as_str());
    let pictures = document.select("img");
    let meant = pictures.nodes().iter().find(|node| node.attr("src").is_some_and(|src| &*src == address))?;
    let alt = meant.attr("alt")?.split_whitespace().collect::<Vec<_>>().join(" ");
    (!alt.is_empty()).then_some(alt)
}

fn picture(node: &NodeRef<'_>) {
    if !node.has_attr("alt") {
        node.set_attr("alt", "");
    }
    // HTML knows whole pixels only.
    for side in ["width", "height"] {
        if node.attr(side).is_some_and(|value| value.parse::<u32>().is_err()) {
            node.remove_attr(side);
        }
    }
    node.set_attr("loading", "lazy");
    node.set_attr("decoding", "async");
}

/// A link that shows nothing is none: nobody could say where it leads.
fn link(node: &NodeRef<'_>) {
    let says = !node.text().trim().is_empty();
    let shows = || node.descendants().iter().any(|inner| inner.has_name("img"));
    if !says && !shows() {
        node.rename("span");
        node.remove_attr("href");
        node.remove_attr("rel");
    } else if !says {
        let named = node.descendants().iter().any(|inner| inner.attr("alt").is_some_and(|alt| !alt.trim().is_empty()));
        if !named && let Some(address) = node.attr("href") {
            let host = address.split('/').nth(2).unwrap_or(&address).to_owned();
            node.set_attr("aria-label", &host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        text_of(&CleanHtml::sanitise(html, None))
    }

    #[test]
    fn a_texts_headings_stand_below_the_pages() {
        assert_eq!(shown("<h1>a</h1><h2>b</h2><h6>c</h6><h1>d</h1>"), "<h2>a</h2><h3>b</h3><h4>c</h4><h2>d</h2>");
        assert_eq!(shown("<h3>a</h3><h5>b</h5><h4>c</h4><h2>d</h2>"), "<h2>a</h2><h3>b</h3><h3>c</h3><h2>d</h2>");
    }

    #[test]
    fn pictures_and_links_say_something_or_nothing() {
        let html =
            shown("<p><img src=\"https://a.example/b.png\" width=\"50%\"></p><a href=\"https://a.example/\"> </a>");
        assert!(html.contains("alt=\"\"") && html.contains("loading=\"lazy\"") && !html.contains("width"), "{html}");
        assert!(!html.contains("<a"), "{html}");
        let html = shown("<a href=\"https://a.example/x\"><img src=\"https://a.example/b.png\"></a>");
        assert!(html.contains("aria-label=\"a.example\""), "{html}");
    }

    #[test]
    fn wide_things_can_be_moved_about() {
        let html = shown("<table border=\"1\" align=\"left\"><tr><td width=\"3\">a</td></tr></table>");
        assert!(html.starts_with("<div class=\"wide\" tabindex=\"0\"><table>"), "{html}");
        assert!(html.contains("<td>a</td>"), "{html}");
    }

    #[test]
    fn the_first_picture_stands_for_the_post() {
        let html = "<img src=\"data:image/png;base64,AAAA\"><img src=\"https://a.example/b.png\">";
        assert_eq!(picture_of(&CleanHtml::sanitise(html, None)).as_deref(), Some("https://a.example/b.png"));
        assert_eq!(picture_of(&CleanHtml::from_text("none")), None);
    }
}
