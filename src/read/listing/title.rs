//! What a block that has no heading calls its post: the words of its link, without
//! the date, the badge or the first lines that share the link with them.

use super::block::{Page, address, instant, one, words};
use super::repeated::width;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::url_key;
use crate::read::text::{fold, plain_text};
use dom_query::{NodeRef, Selection};
use regex::Regex;
use std::sync::LazyLock;

/// What is called a title by whoever wrote the page.
const CALLED: &str = "[class*=title]:not([class*=subtitle]):not([class*=sub-title]), [class*=Title]:not([class*=ubTitle]), [class*=subject]";
/// A link of more bytes says more than a title.
const LONG: usize = 80;
/// So little beside a longer link is a badge.
const LEAST: u64 = 6;
/// A date has more characters; a year may be a title.
const LEAST_DATE: usize = 6;
/// An element of more nodes is more than a date.
const DATE_NODES: usize = 6;

/// What ends a line of text.
const BLOCKS: [&str; 19] = [
    "address",
    "article",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "section",
    "td",
    "tr",
    "ul",
];

/// What leads on, and says nothing of where.
static MORE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?i-u:read|continue|more|view|see|open|weiter)\b.{0,20}$|^(?:더 ?보기|더 ?읽기|계속 ?읽기|자세히|전체 ?보기|바로 ?가기).{0,6}$").ok()
});

/// The title of the post to which this link of the block leads.
pub(super) fn of(whole: &Selection<'_>, (link, url): (&Selection<'_>, &HttpUrl), page: &Page<'_>) -> String {
    let key = url_key(url);
    let links = whole.select("a[href]");
    let same = links.nodes().iter().filter(|other| {
        let leads = other.attr("href").and_then(|href| address(&href, page));
        leads.is_some_and(|leads| url_key(&leads) == key)
    });
    let is_title = |text: &String| {
        let more = MORE.as_ref().is_some_and(|more| more.is_match(text));
        width(text) >= LEAST && text.chars().any(char::is_alphabetic) && !more
    };
    let same = same.map(|other| Selection::from(*other));
    let said = same.map(|other| (in_link(&other, page), other.text().len())).find(|(text, _)| is_title(text));
    let of = |selector| one(whole, selector).map(|found| words(&found)).filter(|text| !text.is_empty());
    match said {
        Some((text, length)) if length <= LONG => text,
        said => of(CALLED)
            .or_else(|| said.map(|(text, _)| text).filter(|text| text.len() <= LONG))
            .or_else(|| of("strong"))
            .or_else(|| Some(in_link(link, page)).filter(|text| !text.is_empty()))
            .or_else(|| picture(link))
            .unwrap_or_default(),
    }
}

/// What a link says first, or calls its title.
fn in_link(link: &Selection<'_>, page: &Page<'_>) -> String {
    let called = one(link, CALLED).map(|found| words(&found)).filter(|text| !text.is_empty());
    called.unwrap_or_else(|| {
        let mut found = vec![String::new()];
        for node in link.nodes() {
            pieces(node, page, &mut found);
        }
        found.iter().map(|piece| fold(piece)).find(|piece| !piece.is_empty()).unwrap_or_default()
    })
}

/// The texts of an element, line by line, without its dates.
fn pieces(node: &NodeRef<'_>, page: &Page<'_>, found: &mut Vec<String>) {
    let children = node.children();
    let says = |child: &&NodeRef<'_>| child.is_text() && !child.text().trim().is_empty();
    // Elements with nothing between them are set apart by their style.
    let apart =
        !children.iter().any(|child| says(&child)) && children.iter().filter(|child| child.is_element()).count() > 1;
    for child in &children {
        if child.is_text() {
            if let Some(last) = found.last_mut() {
                last.push_str(&child.text());
            }
            continue;
        }
        let name = child.node_name().unwrap_or_default();
        if !child.is_element() || matches!(name.as_ref(), "script" | "style" | "template") || is_count(child) {
            continue;
        }
        let alone = apart || BLOCKS.contains(&name.as_ref());
        if name.as_ref() == "time" || is_date(child, page) {
            found.push(String::new());
            continue;
        }
        if alone {
            found.push(String::new());
        }
        pieces(child, page, found);
        if alone {
            found.push(String::new());
        }
    }
}

/// How many comments there are, which is another number tomorrow.
fn is_count(node: &NodeRef<'_>) -> bool {
    let class = node.class().unwrap_or_default().to_ascii_lowercase();
    let counts = ["comment", "cmt", "reply", "count"].iter().any(|word| class.contains(word));
    counts && !node.text().chars().any(char::is_alphabetic)
}

fn is_date(node: &NodeRef<'_>, page: &Page<'_>) -> bool {
    let small = node.descendants_it().take(DATE_NODES + 1).count() <= DATE_NODES;
    let text = || fold(&node.text());
    small && Some(text()).is_some_and(|text| text.len() > LEAST_DATE && instant(&text, page).is_some())
}

/// What a picture is called that stands in the place of words.
fn picture(link: &Selection<'_>) -> Option<String> {
    let said =
        link.attr("title").or_else(|| link.attr("aria-label")).or_else(|| link.select("img[alt]").attr("alt"))?;
    Some(plain_text(&said)).filter(|text| !text.is_empty())
}
