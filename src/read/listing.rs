//! The posts that a page lists, as entries: by the rules of its source, by what
//! is known of its platform, by what the page says of itself in JSON-LD,
//! microformats or microdata, else by its repeated structure.

mod block;
mod json_ld;
mod repeated;
mod title;

use super::article::Page as Article;
use super::platforms::{Known, list_of};
use super::{Input, MAX_ENTRIES, RawHtml, ReadError, Reading, Repairs, page};
use crate::domain::html::bounded;
use crate::domain::post::Entry;
use crate::domain::source::ListRules;
use crate::domain::url_key::url_key;
use block::{Fields, Page};
use dom_query::{Document as Html, NodeId, NodeRef};
use std::collections::{HashMap, HashSet};

/// An entry with its summary as it stood.
type Listed = (Entry, RawHtml);

/// How posts are marked up in the page itself, the exactest first:
/// microformats (h-feed, and hAtom before it), then microdata.
const MARKUPS: [(&str, Fields<'static>); 2] = [
    (
        ".h-entry, .hentry",
        Fields {
            link: Some(".u-url:not(.h-card), .entry-title a[href], a[rel~=bookmark]"),
            title: Some(".p-name:not(.h-card), .entry-title"),
            date: Some(".dt-published, .published, .entry-date"),
            author: Some(".p-author, .author"),
            summary: Some(".p-summary, .entry-summary"),
            others: Some(".h-card, .vcard, .h-cite, .h-entry, .hentry"),
            exact: false,
        },
    ),
    (
        "[itemscope][itemtype$=Posting], [itemscope][itemtype$=Article], [itemscope][itemtype$=Review]",
        Fields {
            link: Some("[itemprop~=url], [itemprop~=mainEntityOfPage]"),
            title: Some("[itemprop~=headline], [itemprop~=name]"),
            date: Some("[itemprop~=datePublished]"),
            author: Some("[itemprop~=author]"),
            summary: Some("[itemprop~=description]"),
            others: Some("[itemscope]"),
            exact: false,
        },
    ),
];

/// Reads a page as a list of posts.
pub(super) fn read(text: &str, input: &Input<'_>, rules: &ListRules, repairs: Repairs) -> Result<Reading, ReadError> {
    let address = input.base;
    if Known::of(input.platforms, address, text).sorry(text).is_some()
        && let Some(sorry) = Article::parse(text, input).sorry()
    {
        return Err(sorry);
    }
    let reading = page::read(text, input, repairs)?;
    let html = Html::from(bounded(text).as_ref());
    let base = html.select("base[href]").attr("href");
    let base = base.and_then(|href| href.parse().ok().or_else(|| address?.join(&href))).or_else(|| address.cloned());
    let page = Page {
        base: base.as_ref(),
        key: address.map(url_key),
        korean: reading.document.language.as_deref().is_some_and(|tag| tag.starts_with("ko")),
    };
    let known = address.and_then(|address| list_of(input.platforms, address));
    let listed = if rules == &ListRules::default() {
        let known = known.map(|known| by_rules(&html, known, &page)).unwrap_or_default();
        if known.is_empty() { recognised(&html, &page) } else { known }
    } else {
        by_rules(&html, rules, &page)
    };
    let listed = distinct(listed);
    if listed.is_empty() {
        return Err(match rules.items.as_ref().or(rules.link.as_ref()).or(rules.title.as_ref()) {
            Some(selector) => ReadError::NoItems(selector.clone()),
            None => ReadError::NoList,
        });
    }
    let (entries, raw) = listed.into_iter().unzip();
    let document = crate::domain::post::Document { entries, ..reading.document };
    Ok(Reading { document, raw, ..reading })
}

/// Posts where a source's or a platform's selectors say that they stand.
fn by_rules(html: &Html, rules: &ListRules, page: &Page<'_>) -> Vec<Listed> {
    let fields = Fields {
        link: rules.link.as_deref(),
        title: rules.title.as_deref(),
        date: rules.date.as_deref(),
        author: rules.author.as_deref(),
        summary: rules.summary.as_deref(),
        others: None,
        exact: true,
    };
    let blocks = match (&rules.items, rules.link.as_ref().or(rules.title.as_ref())) {
        // A selector of the operator's was tried when the configuration was read.
        (Some(items), _) => html.try_select(items).map(|found| found.nodes().to_vec()).unwrap_or_default(),
        (None, Some(mark)) => around(html, mark),
        (None, None) => repeated::blocks(html, page),
    };
    blocks.iter().filter_map(|block| block::read(block, &fields, page)).collect()
}

/// What of a page is a post's own: round each of these marks, as much as holds
/// no other mark.
fn around<'a>(html: &'a Html, mark: &str) -> Vec<NodeRef<'a>> {
    /// What never belongs to one post alone.
    const WIDE: [&str; 7] = ["ul", "ol", "table", "tbody", "main", "body", "html"];
    let Some(marks) = html.try_select(mark) else { return Vec::new() };
    let mut holds: HashMap<NodeId, usize> = HashMap::new();
    for node in marks.nodes() {
        for above in node.ancestors_it(None) {
            *holds.entry(above.id).or_default() += 1;
        }
    }
    let own = |above: &NodeRef<'_>| {
        let wide = above.node_name().is_none_or(|name| WIDE.contains(&name.as_ref()));
        !wide && holds.get(&above.id) == Some(&1)
    };
    marks.nodes().iter().map(|node| node.ancestors_it(None).take_while(own).last().unwrap_or(*node)).collect()
}

/// Posts that the page itself makes out, each completed by what stands around
/// its link; or what its structure shows where that is much more.
fn recognised(html: &Html, page: &Page<'_>) -> Vec<Listed> {
    let shown: Vec<Listed> =
        repeated::blocks(html, page).iter().filter_map(|block| block::read(block, &Fields::default(), page)).collect();
    let shown = distinct(shown);
    let shown_by_key: HashMap<String, &Listed> =
        shown.iter().filter_map(|listed| Some((url_key(listed.0.url.as_ref()?), listed))).collect();
    let known = |listed: &Listed| listed.0.url.as_ref().and_then(|url| shown_by_key.get(&url_key(url)).copied());
    // A few in front of a list that goes on.
    let is_part = |told: &[Listed]| shown.len() >= told.len() * 2;

    let mut told = distinct(json_ld::posts(html, page));
    let dated = |listed: &[Listed]| listed.iter().any(|(entry, _)| entry.published.is_some());
    // Names and addresses alone, none of them of a post on the page, are its menu.
    if !dated(&told) && dated(&shown) && !told.iter().any(|listed| known(listed).is_some()) {
        told.clear();
    }
    let mut rest = Vec::new();
    if told.is_empty() {
        told = MARKUPS
            .iter()
            .map(|(items, fields)| marked(html, items, fields, page))
            .find(|posts| !posts.is_empty())
            .unwrap_or_default();
    } else if is_part(&told) {
        let keys: HashSet<String> = told.iter().filter_map(|listed| listed.0.url.as_ref().map(url_key)).collect();
        let fresh = |listed: &&Listed| listed.0.url.as_ref().is_none_or(|url| !keys.contains(&url_key(url)));
        rest = shown.iter().filter(fresh).cloned().collect();
    }
    if told.is_empty() || is_part(&told) && told.iter().all(|listed| known(listed).is_some()) {
        return shown;
    }
    for listed in &mut told {
        if let Some((entry, raw)) = known(listed) {
            complete(listed, entry, raw);
        }
    }
    told.extend(rest);
    told
}

/// Posts that are marked up in the page; what only holds several of them is none.
fn marked(html: &Html, items: &str, fields: &Fields<'_>, page: &Page<'_>) -> Vec<Listed> {
    let found = html.select(items);
    let mut holds: HashMap<NodeId, usize> = found.nodes().iter().map(|node| (node.id, 0)).collect();
    for node in found.nodes() {
        for above in node.ancestors_it(None) {
            holds.entry(above.id).and_modify(|count| *count += 1);
        }
    }
    let posts = found.nodes().iter().filter(|node| holds.get(&node.id).is_none_or(|count| *count < 2));
    distinct(posts.filter_map(|block| block::read(block, fields, page)).collect())
}

/// Fills in what is missing.
fn complete((entry, raw): &mut Listed, from: &Entry, from_raw: &RawHtml) {
    if entry.title.is_empty() {
        entry.title.clone_from(&from.title);
    }
    if entry.authors.is_empty() {
        entry.authors.clone_from(&from.authors);
    }
    entry.published = entry.published.or(from.published);
    if entry.summary.is_none() {
        entry.summary.clone_from(&from.summary);
        raw.summary.clone_from(&from_raw.summary);
    }
}

/// The first of those that lead to one address.
fn distinct(listed: Vec<Listed>) -> Vec<Listed> {
    let mut seen = HashSet::new();
    let mut kept = listed;
    kept.retain(|(entry, _)| entry.url.as_ref().is_some_and(|url| seen.insert(url_key(url))));
    kept.truncate(MAX_ENTRIES);
    kept
}

#[cfg(test)]
mod tests;
