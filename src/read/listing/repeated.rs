//! A list of posts by its shape alone: blocks that stand in the same way on the
//! page, each with a link of its own to the same site. Several groups of blocks
//! do; the one with the most to say is the list. What navigates says little: it
//! has short titles, no dates and no texts.

use super::block::{self, Fields, Page};
use crate::domain::post::Entry;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::url_key;
use crate::read::text::{fold, plain_text};
use dom_query::{Document as Html, NodeId, NodeRef};
use regex::Regex;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

/// So many links of a page are looked at.
const MOST_LINKS: usize = 3_000;
/// So many blocks of a group are weighed.
const WEIGHED: usize = 40;
/// A block of more nodes is no entry of a list.
const MOST_NODES: usize = 2_000;
/// So many nodes are read to find the list.
const BUDGET: usize = 1_000_000;

/// Where no post is listed, whatever stands there.
/// Not `form`: programs for boards set their whole list in one.
const NEVER: [&str; 7] = ["nav", "footer", "select", "button", "template", "dialog", "head"];
/// Words in the names of what surrounds a list.
const NEVER_NAMED: [&str; 14] = [
    "nav",
    "menu",
    "footer",
    "gnb",
    "lnb",
    "breadcrumb",
    "pagination",
    "paging",
    "pager",
    "tags",
    "tagcloud",
    "share",
    "comments",
    "skip",
];
/// How words begin that name lists of some of the posts, which may be all there is.
const SOME: [&str; 5] = ["widget", "recent", "categories", "archives", "banner"];
/// How words begin that name lists beside the list.
const BESIDE: [&str; 10] =
    ["aside", "side", "related", "popular", "rank", "recommend", "trending", "best", "mostread", "mostviewed"];

/// What is written over lists beside the list.
static AWAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:(?i-u:related|recommended|popular|trending|most (?:read|viewed|popular|shared)|you (?:may|might) also|editor'?s picks?)\b.{0,30}",
        r"|(?:관련|추천|인기|많이 ?본|가장 ?많이|실시간|화제의|주간|오늘의 ?인기).{0,16})$"
    ))
    .ok()
});
/// How far above a list its heading may stand.
const HEADED: usize = 3;
/// A heading has no more nodes.
const HEADING: usize = 10;

/// The blocks of the list, in the page's order; none when nothing looks like one.
pub(super) fn blocks<'a>(html: &'a Html, page: &Page<'_>) -> Vec<NodeRef<'a>> {
    let mut budget = BUDGET;
    let mut best: Option<(u64, Vec<NodeRef<'a>>)> = None;
    for group in groups(html, page) {
        let mut members = Vec::new();
        for block in group {
            let size = block.descendants_it().take(MOST_NODES + 1).count();
            if size <= MOST_NODES {
                members.push(block);
                if members.len() <= WEIGHED {
                    budget = budget.saturating_sub(size);
                }
            }
        }
        if budget == 0 {
            break;
        }
        let weight = weight(&members, page);
        // Among equals the outermost, which comes first.
        if weight > best.as_ref().map_or(0, |(best, _)| *best) {
            best = Some((weight, members));
        }
    }
    best.map(|(_, members)| members).unwrap_or_default()
}

/// Blocks that stand in the same way, each round a link to the same site.
fn groups<'a>(html: &'a Html, page: &Page<'_>) -> Vec<Vec<NodeRef<'a>>> {
    let mut order: Vec<u64> = Vec::new();
    let mut groups: HashMap<u64, Vec<NodeRef<'a>>> = HashMap::new();
    let mut seen: HashSet<NodeId> = HashSet::new();
    for link in html.select("body a[href]").nodes().iter().take(MOST_LINKS) {
        let leads = link.attr("href").and_then(|href| block::address(&href, page));
        if !leads.is_some_and(|url| same_site(&url, page)) {
            continue;
        }
        let mut above = link.ancestors(None);
        if above.iter().any(never) || never(link) {
            continue;
        }
        above.reverse();
        above.push(*link);
        // The way from the root says how a block stands.
        let mut way = DefaultHasher::new();
        for node in above {
            shape(&node).hash(&mut way);
            if seen.insert(node.id) {
                let key = way.finish();
                groups.entry(key).or_insert_with(|| {
                    order.push(key);
                    Vec::new()
                });
                if let Some(group) = groups.get_mut(&key) {
                    group.push(node);
                }
            }
        }
    }
    order.iter().filter_map(|key| groups.remove(key)).filter(|group| group.len() > 1).collect()
}

/// An element's name and the first of its classes that is not its own.
fn shape(node: &NodeRef<'_>) -> (String, String) {
    let own = |class: &&str| {
        let passing = ["odd", "even", "first", "last", "active", "sticky", "featured", "on"].contains(class);
        let counted = class.bytes().any(|byte| byte.is_ascii_digit());
        !(passing || counted || class.starts_with("tag-") || class.starts_with("category-"))
    };
    let class = node.class().unwrap_or_default();
    let class = class.split_whitespace().find(own).unwrap_or_default().to_owned();
    (node.node_name().unwrap_or_default().to_string(), class)
}

fn never(node: &NodeRef<'_>) -> bool {
    node.node_name().is_some_and(|name| NEVER.contains(&name.as_ref()))
        || node.attr("role").is_some_and(|role| matches!(role.as_ref(), "navigation" | "contentinfo" | "search"))
        || named(node, |word| NEVER_NAMED.contains(&word))
}

/// Whether such a word stands in an element's class or id.
fn named(node: &NodeRef<'_>, is_such: fn(&str) -> bool) -> bool {
    // Themes say on the page as a whole what it has: `has-sidebar`, `no-nav`.
    if node.node_name().is_none_or(|name| matches!(name.as_ref(), "body" | "html" | "main")) {
        return false;
    }
    let says = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_such)
    };
    node.class().is_some_and(|class| says(&class)) || node.id_attr().is_some_and(|id| says(&id))
}

fn same_site(url: &HttpUrl, page: &Page<'_>) -> bool {
    let Some(base) = page.base else { return true };
    let bare = |host: &str| host.trim_start_matches("www.").to_owned();
    let (here, there) = (bare(base.host()), bare(url.host()));
    here == there || there.ends_with(&format!(".{here}")) || here.ends_with(&format!(".{there}"))
}

/// How much a group looks like a list of posts; 0 when it does not.
fn weight(members: &[NodeRef<'_>], page: &Page<'_>) -> u64 {
    let mut seen = HashSet::new();
    let mut total = 0;
    for block in members.iter().take(WEIGHED) {
        let Some((entry, _)) = block::read(block, &Fields::default(), page) else { continue };
        let fresh = entry.url.as_ref().is_some_and(|url| seen.insert(url_key(url)));
        if fresh {
            total += evidence(block, &entry);
        }
    }
    let stands = |is_such: fn(&NodeRef<'_>) -> bool| {
        members.first().is_some_and(|block| is_such(block) || block.ancestors_it(None).any(|above| is_such(&above)))
    };
    if seen.len() < 2 {
        0
    } else if stands(is_beside) || members.first().is_some_and(leads_away) {
        total / 8
    } else if stands(|node| named(node, |word| SOME.iter().any(|begin| word.starts_with(begin)))) {
        total / 4
    } else {
        total
    }
}

fn is_beside(node: &NodeRef<'_>) -> bool {
    node.node_name().is_some_and(|name| name.as_ref() == "aside")
        || named(node, |word| BESIDE.iter().any(|begin| word.starts_with(begin)))
}

/// Whether what is written over a list says that it leads elsewhere.
fn leads_away(block: &NodeRef<'_>) -> bool {
    let over = |node: &NodeRef<'_>| {
        let before = std::iter::successors(node.prev_element_sibling(), NodeRef::prev_element_sibling).take(2);
        let short = before.filter(|before| before.descendants_it().take(HEADING + 1).count() <= HEADING);
        short.map(|before| fold(&before.text())).any(|text| AWAY.as_ref().is_some_and(|away| away.is_match(&text)))
    };
    over(block) || block.ancestors_it(None).take(HEADED).any(|above| over(&above))
}

/// What one block says of a post.
fn evidence(block: &NodeRef<'_>, entry: &Entry) -> u64 {
    let summary = entry.summary.as_ref().map_or(0, |html| width(&plain_text(html.as_str())).min(200));
    // The first lines of a text may be a link, and say more of its post than of a list of first lines.
    let links = dom_query::Selection::from(*block).select("a[href]");
    let said = links.nodes().iter().map(|link| width(&link.text())).max().unwrap_or_default();
    let (title, date) = (width(&entry.title).max(said).min(60), u64::from(entry.published.is_some()) * 40);
    // A word or two without anything else is a menu's entry, or a tag.
    if title < 12 && date == 0 && summary == 0 {
        return 0;
    }
    let headed = dom_query::Selection::from(*block).select("h1, h2, h3, h4, h5, h6").exists();
    title + date + summary / 4 + u64::from(headed) * 20
}

/// How wide a text is; a syllable block or an ideograph says more than a letter.
pub(super) fn width(text: &str) -> u64 {
    fold(text).chars().map(|c| if c > '\u{10ff}' { 2 } else { 1 }).sum()
}
