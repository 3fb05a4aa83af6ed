//! A post's own text in the frame of a mail. What mail programs do not know
//! becomes what they know, and what would break the frame is held in it.
//!
//! Invariant: what comes out of sanitised HTML has no element, attribute or
//! address that was not in it, but for those that are named here.

use crate::domain::digest::token;
use crate::domain::html::CleanHtml;
use crate::domain::text::cut;
use crate::domain::text::escape;
use dom_query::{Document, NodeRef};
use std::collections::BTreeMap;

/// A picture that fills the column is this wide, in pixels: Outlook knows no
/// `max-width`.
const COLUMN: u32 = 536;

/// Elements that many mail programs drop, with what holds their place.
const STAND_INS: [(&str, &str); 10] = [
    ("section", "div"),
    ("article", "div"),
    ("aside", "div"),
    ("header", "div"),
    ("footer", "div"),
    ("nav", "div"),
    ("main", "div"),
    ("details", "div"),
    ("figure", "div"),
    ("figcaption", "div"),
];

/// Headings below the post's own, which is the mail's second.
const HEADINGS: [(&str, &str); 6] =
    [("h1", "h3"), ("h2", "h3"), ("h3", "h4"), ("h4", "h5"), ("h5", "h6"), ("h6", "h6")];

/// Blocks that may be cut inside, when they do not fit as a whole.
const DIVISIBLE: [&str; 8] = ["div", "blockquote", "ul", "ol", "dl", "li", "dd", "center"];

/// The addresses of the pictures in `html`, in its order, each once.
#[must_use]
pub fn pictures(html: &CleanHtml) -> Vec<String> {
    let document = Document::fragment(html.as_str());
    let mut found = Vec::new();
    for picture in elements(&document, "img") {
        let address = picture.attr("src").unwrap_or_default().to_string();
        if address.starts_with("http") && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// The text of a post as mails show it. `embedded` names the pictures that come
/// with the mail: each address with its Content-ID.
pub(super) fn prepare(html: &CleanHtml, title: &str, embedded: &BTreeMap<String, String>) -> String {
    let document = Document::fragment(token::strip(html.as_str()));
    for node in elements(&document, "source") {
        node.remove_from_parent();
    }
    for node in elements(&document, "picture") {
        for child in node.children() {
            node.insert_before(&child);
        }
        node.remove_from_parent();
    }
    for node in elements(&document, "img") {
        picture(&node, title, embedded);
    }
    for node in elements(&document, "rt") {
        brackets(&node);
    }
    for node in elements(&document, "summary") {
        node.rename("p");
        node.set_attr("class", "lead-in");
    }
    for name in ["figcaption", "figure", "table"] {
        for node in elements(&document, name) {
            match name {
                "table" => node.wrap_html("<div class=\"wide\"></div>"),
                "figure" => node.set_attr("class", "figure"),
                _ => node.set_attr("class", "caption"),
            }
        }
    }
    let all: Vec<NodeRef<'_>> = document.root().descendants().into_iter().filter(NodeRef::is_element).collect();
    for node in all {
        let name = node.node_name().unwrap_or_default();
        let other = STAND_INS.iter().chain(&HEADINGS).find(|(from, _)| **from == *name);
        if let Some((_, to)) = other {
            node.rename(to);
        }
        if node.has_name("a") {
            // No program opens a mail's link with access to the mail.
            node.remove_attr("rel");
            // A mail has no places that all programs can go to.
            if node.attr("href").is_some_and(|href| href.starts_with('#')) {
                node.remove_attr("href");
            }
        }
    }
    document.html_root().inner_html().trim().to_owned()
}

fn elements<'a>(document: &'a Document, name: &str) -> Vec<NodeRef<'a>> {
    document.root().descendants().into_iter().filter(|node| node.is_element() && node.has_name(name)).collect()
}

/// Gives a picture one address, a text that stands for it, and a width that fits.
fn picture(node: &NodeRef<'_>, title: &str, embedded: &BTreeMap<String, String>) {
    let address = node.attr("src").unwrap_or_default().to_string();
    let alt = node.attr("alt").unwrap_or_default().trim().to_owned();
    if !address.starts_with("http") {
        // Mail programs show no picture that is written into the address itself.
        if alt.is_empty() {
            node.remove_from_parent();
        } else {
            node.replace_with_html(format!("<em>{}</em>", escape(&alt)));
        }
        return;
    }
    if let Some(id) = embedded.get(&address) {
        node.set_attr("src", &format!("cid:{id}"));
    }
    let parent = node.parent();
    let link = parent.as_ref().filter(|parent| parent.has_name("a"));
    let holder = if let Some(link) = link { link.parent() } else { parent };
    let alone = holder.as_ref().is_none_or(|holder| holder.text().trim().is_empty() || holder.has_name("figure"));
    // A link with nothing but a picture says where it leads by the picture's text.
    let named = !alt.is_empty() || link.is_none_or(|link| !link.text().trim().is_empty());
    node.set_attr("alt", if named { &alt } else { title });
    let width = node.attr("width").and_then(|width| width.trim().trim_end_matches("px").parse::<u32>().ok());
    match width {
        Some(width) if width <= COLUMN => {}
        None if !alone => {}
        _ => node.set_attr("width", &COLUMN.to_string()),
    }
    node.remove_attrs(&["srcset", "sizes", "height", "loading"]);
}

/// Ruby without its brackets runs into the word where a program does not know it.
fn brackets(node: &NodeRef<'_>) {
    let bracketed = node.prev_element_sibling().is_some_and(|before| before.has_name("rp"));
    if !bracketed {
        node.before_html("<rp>(</rp>");
        node.after_html("<rp>)</rp>");
    }
}

/// The beginning of a prepared text, of at most about `room` bytes, cut between
/// its blocks; `None` when it fits as it is.
pub(super) fn shorten(html: &str, room: usize) -> Option<String> {
    if html.len() <= room {
        return None;
    }
    let document = Document::fragment(html);
    let mut left = room;
    keep(&document.html_root(), &mut left);
    Some(document.html_root().inner_html().trim().to_owned())
}

/// Keeps of `node`'s children what fits into `left` bytes, and nothing behind the
/// first that does not.
fn keep(node: &NodeRef<'_>, left: &mut usize) {
    let mut full = false;
    for child in node.children() {
        let size = child.html().len();
        if full {
            child.remove_from_parent();
        } else if size <= *left {
            *left -= size;
        } else {
            full = true;
            if child.is_text() {
                child.set_text(cut(&child.text(), *left / 4));
            } else if DIVISIBLE.iter().any(|name| child.has_name(name)) && *left > 64 {
                keep(&child, left);
            } else if child.has_name("p") && node.first_child().is_some_and(|first| first.id == child.id) {
                // One paragraph that is longer than the room: its words, at least.
                child.set_text(cut(&child.text(), *left / 4));
            } else {
                child.remove_from_parent();
            }
            *left = 0;
        }
    }
}

/// Whether a text runs from right to left, by its first letter with a direction.
#[must_use]
pub fn runs_leftwards(text: &str) -> bool {
    let leftwards = |c: char| matches!(u32::from(c), 0x0590..=0x08FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFC | 0x1_0800..=0x1_0FFF | 0x1_E800..=0x1_EFFF);
    text.chars().find(|c| c.is_alphabetic()).is_some_and(leftwards)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(html: &str) -> String {
        prepare(&CleanHtml::sanitise(html, None), "The post", &BTreeMap::new())
    }

    #[test]
    fn what_mail_programs_do_not_know_becomes_what_they_know() {
        for (html, mailed) in [
            ("<section><h1>a</h1><h4>b</h4></section>", "<div><h3>a</h3><h5>b</h5></div>"),
            ("<a href=\"https://x.example/\">x</a>", "<a href=\"https://x.example/\">x</a>"),
            (
                "<figure><img src=\"https://x.example/a.jpg\" alt=\"Sea\"><figcaption>c</figcaption></figure>",
                "<div class=\"figure\"><img src=\"https://x.example/a.jpg\" alt=\"Sea\" width=\"536\"><div class=\"caption\">c</div></div>",
            ),
            (
                "<picture><source srcset=\"https://x.example/a.webp\"><img src=\"https://x.example/a.jpg\" width=\"2000\" height=\"900\"></picture>",
                "<img src=\"https://x.example/a.jpg\" width=\"536\" alt=\"\">",
            ),
            (
                "<p>so <img src=\"https://x.example/smile.png\" alt=\":)\"></p>",
                "<p>so <img src=\"https://x.example/smile.png\" alt=\":)\"></p>",
            ),
            (
                "<p><a href=\"https://x.example/\"><img src=\"https://x.example/a.jpg\"></a></p>",
                "<p><a href=\"https://x.example/\"><img src=\"https://x.example/a.jpg\" alt=\"The post\" width=\"536\"></a></p>",
            ),
            ("<img src=\"data:image/png;base64,iVBORw0KGgo=\" alt=\"A <b>\">x", "<em>A &lt;b&gt;</em>x"),
            ("<img src=\"data:image/png;base64,iVBORw0KGgo=\">x", "x"),
            ("<ruby>漢<rt>かん</rt></ruby>", "<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>"),
            (
                "<table><tr><td>1</td></tr></table>",
                "<div class=\"wide\"><table><tbody><tr><td>1</td></tr></tbody></table></div>",
            ),
            ("<p>\u{e000}email\u{e001}</p>", "<p>email</p>"),
        ] {
            assert_eq!(prepared(html), mailed, "{html}");
        }
    }

    #[test]
    fn pictures_that_come_along_are_named_by_their_id() {
        let html = CleanHtml::sanitise(
            "<img src=\"https://x.example/a.jpg\"><img src=\"https://x.example/b.jpg\"><img src=\"https://x.example/a.jpg\">",
            None,
        );
        assert_eq!(pictures(&html), ["https://x.example/a.jpg", "https://x.example/b.jpg"]);
        let embedded = [("https://x.example/a.jpg".to_owned(), "1@p".to_owned())].into();
        let mailed = prepare(&html, "", &embedded);
        assert_eq!(mailed.matches("src=\"cid:1@p\"").count(), 2, "{mailed}");
        assert!(mailed.contains("src=\"https://x.example/b.jpg\""), "{mailed}");
    }

    #[test]
    fn a_long_text_ends_between_its_blocks() {
        assert_eq!(shorten("<p>one</p>", 10), None);
        assert_eq!(shorten("<p>one</p><p>two</p><p>3</p>", 12).as_deref(), Some("<p>one</p>"));
        assert_eq!(shorten("<p>a</p><ul><li>one</li><li>two, and more of it</li><li>3</li></ul>", 90), None);
        let list = format!("<p>a</p><ul>{}</ul>", "<li>one</li>".repeat(40));
        let short = shorten(&list, 140).unwrap();
        assert!(short.ends_with("</li></ul>") && short.len() < 180 && short.contains("one"), "{short}");
        let wall = format!("<p>{}</p>", "words and ".repeat(400));
        let short = shorten(&wall, 400).unwrap();
        assert!(short.starts_with("<p>words") && short.ends_with("…</p>") && short.len() < 400, "{short}");
    }

    #[test]
    fn a_text_runs_as_its_first_letter_does() {
        assert!(runs_leftwards("“שלום” and more") && runs_leftwards("1. مرحبا"));
        assert!(!runs_leftwards("Salam, مرحبا") && !runs_leftwards("가나") && !runs_leftwards("12"));
    }
}
