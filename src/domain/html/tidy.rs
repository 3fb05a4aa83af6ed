//! What the sanitiser cannot say in a list of names: pictures that load late
//! get their address, players become links, footnotes keep theirs, counters,
//! hidden things and emptiness go.

use super::anchors;
use super::escaped;
use super::pictures::{is_sound_picture, late_address, picture, source_set};
use super::players::{PLAYERS, player};
use crate::domain::text::fold;
use crate::domain::url::HttpUrl;
use dom_query::{Document, NodeRef};
use std::borrow::Cow;
use std::collections::HashSet;

/// Elements that this pass always has something to do with, or how their names
/// begin. Pictures it often has not.
const OF_INTEREST: [&str; 11] =
    ["iframe", "embed", "object", "video", "audio", "source", "noscript", "span", "math", "amp", "lite"];
/// Words in tags that it may have something to do with.
const WORDS_OF_INTEREST: [&str; 6] = ["hidden", "display", "gutter", "lineno", "line-numbers", "direction"];
/// Blocks that mean nothing when nothing stands in them.
const BLOCKS: [&str; 12] = ["p", "div", "section", "figure", "blockquote", "ul", "ol", "h2", "h3", "h4", "h5", "h6"];
/// What fills a block that it is the first thing in.
const FILLING: [&str; 20] = [
    "a", "abbr", "b", "cite", "code", "del", "em", "i", "img", "ins", "kbd", "mark", "q", "ruby", "s", "small",
    "strong", "sub", "sup", "u",
];
/// The numbers beside lines of code, which are none of it.
const GUTTERS: [&str; 6] = ["gutter", "lineno", "linenos", "rouge-gutter", "line-numbers-rows", "blob-num"];

/// The same HTML, tidied; borrowed when there was nothing to do. Names that are
/// linked to inside it get `prefix` before them, if there are any.
pub(super) fn tidy<'a>(html: &'a str, base: Option<&HttpUrl>, prefix: Option<&str>) -> Cow<'a, str> {
    if prefix.is_some() || needs_tidying(html, base) { tidied(html, base, prefix).into() } else { html.into() }
}

/// Whether there may be something to do: looking costs far less than parsing, and
/// many texts are tidy.
pub(super) fn needs_tidying(html: &str, base: Option<&HttpUrl>) -> bool {
    let mut tags = html.split('<').skip(1).peekable();
    let mut of_interest = || {
        while let Some(tag) = tags.next() {
            let name = name_of(tag);
            let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
            if is(&OF_INTEREST)
                || is(&["img"]) && !is_sound_picture(tag, base)
                || is(&BLOCKS) && may_be_empty(tag, tags.peek().copied().unwrap_or_default())
            {
                return true;
            }
        }
        false
    };
    WORDS_OF_INTEREST.iter().any(|word| html.contains(word)) || of_interest()
}

fn name_of(tag: &str) -> &str {
    tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default()
}

/// Whether nothing may stand in a block: neither words behind its tag, `p>` or
/// `div …>`, nor an element that begins there. That a block in it is empty is
/// seen when its own turn comes.
fn may_be_empty(tag: &str, next: &str) -> bool {
    let Some((_, behind)) = tag.split_once('>') else { return false };
    let mut behind = behind.trim_start();
    while let Some(further) = ["&nbsp;", "&#160;"].iter().find_map(|space| behind.strip_prefix(space)) {
        behind = further.trim_start();
    }
    let (outer, inner) = (name_of(tag), name_of(next));
    let fills = match outer {
        "ul" | "ol" => inner == "li",
        "div" | "section" | "blockquote" | "figure" => BLOCKS.contains(&inner) || FILLING.contains(&inner),
        _ => FILLING.contains(&inner),
    };
    behind.is_empty() && !fills
}

/// What [`tidy`] makes of HTML that it has something to do with.
pub(super) fn tidied(html: &str, base: Option<&HttpUrl>, prefix: Option<&str>) -> String {
    let document = Document::fragment(html);
    let all = || document.root().descendants().into_iter().filter(NodeRef::is_element);
    let late: HashSet<String> =
        all().filter(|node| node.has_name("img")).filter_map(|node| late_address(&node)).collect();
    for node in all().filter(|node| node.has_name("noscript")) {
        fall_back(&node, &late);
    }
    for node in all().filter(is_hidden) {
        node.remove_from_parent();
    }
    for node in all() {
        say_direction(&node);
        match node.node_name().as_deref().unwrap_or_default() {
            "math" => formula(&node),
            "amp-img" | "amp-anim" => plain_picture(&node),
            _ => {}
        }
    }
    if let Some(prefix) = prefix {
        anchors::name_anew(&all().collect::<Vec<_>>(), base, prefix);
    }
    for node in all() {
        match node.node_name().as_deref().unwrap_or_default() {
            "img" => picture(&node, base),
            "source" => source_set(&node, base),
            name if PLAYERS.contains(&name) => player(&node, base),
            "span" if ["dir", "lang", "id"].iter().all(|name| !node.has_attr(name)) => {
                for child in node.children() {
                    node.insert_before(&child);
                }
                node.remove_from_parent();
            }
            _ => {}
        }
    }
    // Inner ones first, so that what held only emptiness is empty itself.
    let blocks: Vec<_> = all().filter(|node| BLOCKS.iter().any(|name| node.has_name(name))).collect();
    for node in blocks.into_iter().rev() {
        let nothing = node.text().trim().is_empty() && !node.has_attr("id");
        if nothing && node.descendants().iter().all(|inner| !inner.is_element() || inner.has_name("br")) {
            node.remove_from_parent();
        }
    }
    document.root().inner_html().to_string()
}

/// What its page does not show is not to be read either.
fn is_hidden(node: &NodeRef<'_>) -> bool {
    let style = node.attr("style").map(|style| style.replace(' ', "").to_ascii_lowercase()).unwrap_or_default();
    let gutter = || {
        node.attr("class").is_some_and(|class| class.split_whitespace().any(|class| GUTTERS.contains(&class)))
            && ["td", "th", "span", "pre", "div"].iter().any(|name| node.has_name(name))
    };
    node.has_attr("hidden") || style.split(';').any(|rule| rule.starts_with("display:none")) || gutter()
}

/// What a page without scripts would show: the picture that the one before it
/// would load late, or one that stands only there.
fn fall_back(node: &NodeRef<'_>, late: &HashSet<String>) {
    let inner = node.text().to_string();
    let inner = if inner.trim_start().starts_with('<') { inner } else { node.inner_html().to_string() };
    let twin = Document::fragment(inner.as_str());
    let twin = twin.select("img");
    let before = node.prev_element_sibling().filter(|before| before.has_name("img"));
    let shown = before.as_ref().is_some_and(|before| late_address(before).is_some())
        || twin.attr("src").is_some_and(|src| late.contains(src.trim()));
    if shown || !twin.exists() {
        node.remove_from_parent();
        return;
    }
    // A picture before it that names no other address stands for this one.
    if let Some(before) = before {
        before.remove_from_parent();
    }
    node.replace_with_html(inner);
}

/// A style that says in which direction a text runs, as the attribute that does.
fn say_direction(node: &NodeRef<'_>) {
    let Some(style) = node.attr("style").filter(|_| !node.has_attr("dir")) else { return };
    let style = style.replace(|c: char| c.is_ascii_whitespace(), "").to_ascii_lowercase();
    let said = style.split(';').find_map(|rule| rule.strip_prefix("direction:"));
    match said.map(|said| said.trim_end_matches("!important")) {
        Some("rtl") => node.set_attr("dir", "rtl"),
        Some("ltr") => node.set_attr("dir", "ltr"),
        _ => {}
    }
}

/// What stands beside another form of the same formula, for machines only.
const TWINS: [&str; 3] = ["katex-mathml", "MJX_Assistive_MathML", "mjx-assistive-mml"];

/// Mails and readers know no `MathML`: a formula is its words. As its author wrote
/// it where that is told.
fn formula(node: &NodeRef<'_>) {
    let is_twin = node.ancestors_it(None).any(|outer| {
        outer.has_name("mjx-assistive-mml")
            || outer.attr("class").is_some_and(|class| class.split_whitespace().any(|class| TWINS.contains(&class)))
    });
    let written = node.attr("alttext").map(|text| text.to_string()).filter(|text| !text.trim().is_empty());
    for inner in node.descendants() {
        if inner.has_name("annotation") || inner.has_name("annotation-xml") {
            inner.remove_from_parent();
        }
    }
    let words = fold(&written.unwrap_or_else(|| node.text().to_string()));
    if is_twin {
        node.remove_from_parent();
    } else {
        node.replace_with_html(escaped(&words));
    }
}

/// A picture of AMP as one that everybody knows.
fn plain_picture(node: &NodeRef<'_>) {
    let attributes: String = ["src", "srcset", "alt", "width", "height"]
        .iter()
        .filter_map(|name| Some(format!(" {name}=\"{}\"", escaped(&node.attr(name)?))))
        .collect();
    node.replace_with_html(format!("<img{attributes}>"));
}

/// An address made absolute; `None` when it is none of the web's.
pub(super) fn absolute(address: &str, base: Option<&HttpUrl>) -> Option<HttpUrl> {
    match base {
        Some(base) => base.join(address),
        None => address.parse().ok(),
    }
}
