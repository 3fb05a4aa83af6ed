//! One block of a page as one post: what a selector names, or what looks like a
//! link, a title, a date.

use super::{Listed, title};
use crate::domain::html::CleanHtml;
use crate::domain::post::Entry;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::{shortened, url_key};
use crate::read::text::{fold, plain_text};
use crate::read::{RawHtml, dates};
use dom_query::{NodeId, NodeRef, Selection};
use regex::Regex;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Where the fields of a post stand in its block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields<'a> {
    pub(super) link: Option<&'a str>,
    pub(super) title: Option<&'a str>,
    pub(super) date: Option<&'a str>,
    pub(super) author: Option<&'a str>,
    pub(super) summary: Option<&'a str>,
    /// What stands in one of these is said of another thing, such as its author.
    pub(super) others: Option<&'a str>,
    /// Where a selector finds nothing, nothing is there.
    pub(super) exact: bool,
}

/// What a block takes from its page.
pub(super) struct Page<'a> {
    /// What its links are relative to.
    pub(super) base: Option<&'a HttpUrl>,
    /// Its own address: a link to it leads to no post.
    pub(super) key: Option<String>,
    /// Its clock is Korea's.
    pub(super) korean: bool,
}

const HEADINGS: &str = "h1, h2, h3, h4, h5, h6";
const DATES: &str = "time, [class*=date], [class*=Date], [class*=time], [class*=published], abbr[title]";
const AUTHORS: &str = "[rel~=author], [itemprop~=author], [class*=author], [class*=byline], [class*=writer]";
const SUMMARIES: &str = "[class*=summary], [class*=excerpt], [class*=lead], [class*=desc], [class*=preview], p";
/// A shorter text says nothing of a post.
const LEAST_SUMMARY: usize = 20;
/// A name is not longer.
const LONGEST_NAME: usize = 60;
/// Nor a date's own text.
const LONGEST_DATE: usize = 60;
/// A part of an address that leads to other posts of a kind, or to people.
const ASIDE: [&str; 9] =
    ["tag", "tags", "category", "categories", "author", "authors", "keyword", "keywords", "profile"];

/// A date in a text of other words.
static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?:19|20)\d\d ?[-./년] ?\d{1,2} ?[-./월] ?\d{1,2}(?:일|\.)?(?:[ T]*(?:오전|오후)? ?\d{1,2}[:시] ?\d{2}(?::\d{2})?분?)?",
    )
    .ok()
});
/// How many comments there are, behind a title in a list of a board.
static COMMENTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r" ?\[\d{1,4}\]$").ok());

/// Reads a block; `None` when it leads to no post.
pub(super) fn read(block: &NodeRef<'_>, fields: &Fields<'_>, page: &Page<'_>) -> Option<Listed> {
    let whole = Selection::from(*block);
    let (link, url) = link(&whole, fields, page)?;
    if !fields.exact && is_aside(&link) {
        return None;
    }
    let given = named(&whole, fields, fields.title, || one(&whole, HEADINGS)).map(|title| words(&title));
    let guessed = || (!fields.exact || fields.title.is_none()).then(|| title::of(&whole, (&link, &url), page));
    let title = given.filter(|title| !title.is_empty()).or_else(guessed).unwrap_or_default();
    let title = COMMENTS.as_ref().map_or(title.clone(), |comments| comments.replace(&title, "").into_owned());
    let date = match selected(&whole, fields, fields.date) {
        Some(found) => found.nodes().iter().find_map(|node| date_in(node, page)),
        None if fields.exact && fields.date.is_some() => None,
        None => date(&whole, &title, page),
    };
    let author = named(&whole, fields, fields.author, || one(&whole, AUTHORS)).and_then(|found| name(&found, page));
    let summary = named(&whole, fields, fields.summary, || summary(&whole, &title));
    let raw = summary.and_then(|found| found.nodes().first().map(|node| node.inner_html().to_string()));
    let clean = raw.as_deref().map(|raw| CleanHtml::sanitise(raw, page.base)).filter(|html| !html.is_empty());
    let entry = Entry {
        guid: shortened(url.to_string()),
        url: Some(url),
        title,
        authors: author.into_iter().collect(),
        published: date,
        language: None,
        updated: None,
        summary: clean,
        content: None,
        categories: Vec::new(),
        enclosures: Vec::new(),
        original: None,
        also_at: Vec::new(),
    };
    Some((entry, RawHtml { summary: raw, content: None }))
}

/// A link as a post's address: on the web, and not the list itself.
pub(super) fn address(href: &str, page: &Page<'_>) -> Option<HttpUrl> {
    let href = href.trim();
    if href.is_empty() || href.starts_with('#') {
        return None;
    }
    let url: HttpUrl = href.parse().ok().or_else(|| page.base?.join(href))?;
    (page.key.as_ref() != Some(&url_key(&url))).then_some(url)
}

/// The post's link and where it leads.
fn link<'a>(whole: &Selection<'a>, fields: &Fields<'_>, page: &Page<'_>) -> Option<(Selection<'a>, HttpUrl)> {
    let leads = |node: &NodeRef<'a>| {
        let href = ["href", "content", "itemid"].iter().find_map(|name| node.attr(name))?;
        Some((Selection::from(*node), address(&href, page)?))
    };
    if let Some(found) = selected(whole, fields, fields.link) {
        // The selector may name the link, what stands in it, or what it stands in.
        let near = |node: &NodeRef<'a>| {
            let inside = Selection::from(*node).select("a[href]");
            let above = node.ancestors_it(None).find(|above| above.has_attr("href"));
            leads(node).or_else(|| inside.nodes().iter().find_map(leads)).or_else(|| leads(&above?))
        };
        if let Some(found) = found.nodes().iter().find_map(near) {
            return Some(found);
        }
    }
    if fields.exact && fields.link.is_some() {
        return None;
    }
    let title = selected(whole, fields, Some(fields.title.unwrap_or(HEADINGS))).map(|found| found.first());
    let headed = title.as_ref().and_then(|title| {
        let node = title.nodes().first()?;
        let inside = title.select("a[href]");
        let above = node.ancestors_it(None).find(|above| above.has_attr("href"));
        inside.nodes().first().copied().or(above).and_then(|node| leads(&node))
    });
    let own = whole.nodes().first().filter(|node| node.has_attr("href")).and_then(leads);
    headed.or(own).or_else(|| {
        let links = whole.select("a[href]");
        let said = links.nodes().iter().filter_map(leads);
        // The first among those that say as much.
        said.rev().max_by_key(|(link, url)| (!leads_aside(link, url), fold(&link.text()).chars().count()))
    })
}

/// Whether a link leads to a tag's posts or to an author.
fn leads_aside(link: &Selection<'_>, url: &HttpUrl) -> bool {
    let mut segments = url.as_url().path().split('/').rev().skip(1);
    is_aside(link) || segments.any(|segment| ASIDE.contains(&segment))
}

/// Whether it says so itself, which settles it.
fn is_aside(link: &Selection<'_>) -> bool {
    let rel = link.attr("rel").unwrap_or_default();
    rel.split_whitespace().any(|word| matches!(word, "tag" | "category" | "author"))
}

/// What a selector names, when there is one and it finds something.
fn selected<'a>(whole: &Selection<'a>, fields: &Fields<'_>, selector: Option<&str>) -> Option<Selection<'a>> {
    let selector = selector?;
    let found = whole.try_select(selector).map(|found| own(found, whole, fields.others)).filter(Selection::exists);
    found.or_else(|| Some(whole.clone()).filter(|whole| whole.is(selector)))
}

/// Those that do not stand in another thing in the block.
fn own<'a>(found: Selection<'a>, whole: &Selection<'a>, others: Option<&str>) -> Selection<'a> {
    let Some(others) = others.map(|others| whole.select(others)).filter(Selection::exists) else { return found };
    let others: HashSet<NodeId> = others.nodes().iter().map(|node| node.id).collect();
    let block = whole.nodes().first().map(|node| node.id);
    let own = |node: &&NodeRef<'a>| {
        let mut above = node.ancestors_it(None).take_while(|above| Some(above.id) != block);
        !above.any(|above| others.contains(&above.id))
    };
    Selection::from(found.nodes().iter().filter(own).copied().collect::<Vec<_>>())
}

/// The first that a selector of ours finds.
pub(super) fn one<'a>(whole: &Selection<'a>, selector: &str) -> Option<Selection<'a>> {
    selected(whole, &Fields::default(), Some(selector)).map(|found| found.first())
}

/// The first that the field's selector names, or else what is found without one.
fn named<'a>(
    whole: &Selection<'a>,
    fields: &Fields<'_>,
    selector: Option<&str>,
    otherwise: impl FnOnce() -> Option<Selection<'a>>,
) -> Option<Selection<'a>> {
    match selected(whole, fields, selector) {
        Some(found) => Some(found.first()),
        None if fields.exact && selector.is_some() => None,
        None => otherwise(),
    }
}

/// What an element says, or what stands in its `content` when it is for machines.
pub(super) fn words(found: &Selection<'_>) -> String {
    let node = found.nodes().first();
    match node.and_then(|node| node.attr("content")) {
        Some(content) => plain_text(&content),
        None => node.map(|node| plain_text(&node.inner_html())).unwrap_or_default(),
    }
}

fn date(whole: &Selection<'_>, title: &str, page: &Page<'_>) -> Option<Timestamp> {
    let likely = whole.select(DATES);
    likely.nodes().iter().find_map(|node| date_in(node, page)).or_else(|| {
        // A title may name a day of its own.
        let mut texts = leaves(whole).filter(|text| text.len() <= LONGEST_DATE && text.trim() != title);
        texts.find_map(|text| date_of(&text, page))
    })
}

/// The date that an element gives: to machines, in its words, or among them.
pub(super) fn date_in(node: &NodeRef<'_>, page: &Page<'_>) -> Option<Timestamp> {
    let machine = ["datetime", "content", "title", "data-date", "data-time"].iter().filter_map(|name| node.attr(name));
    machine.map(|text| text.to_string()).find_map(|text| instant(&text, page)).or_else(|| {
        let whole = Selection::from(*node);
        let inner = whole.select("time[datetime]");
        let inner = inner.attr("datetime").and_then(|text| instant(&text, page));
        inner.or_else(|| leaves(&whole).find_map(|text| date_of(&text, page))).or_else(|| date_of(&node.text(), page))
    })
}

/// The instant of a text that is a date, or has one in it.
fn date_of(text: &str, page: &Page<'_>) -> Option<Timestamp> {
    let text = fold(text);
    // Without a year a few numbers are no date.
    let has_year = text
        .split(|c: char| !c.is_ascii_digit())
        .any(|digits| digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20")));
    let whole = if has_year && text.len() <= LONGEST_DATE { instant(&text, page) } else { None };
    whole.or_else(|| DATE.as_ref()?.find(&text).and_then(|found| instant(found.as_str(), page)))
}

/// What names no zone on a Korean page is Korea's time.
pub(super) fn instant(text: &str, page: &Page<'_>) -> Option<Timestamp> {
    if page.korean { dates::parse_at(text, dates::SEOUL) } else { dates::parse(text) }
}

/// Who wrote it: the last words of a byline that are no date.
fn name(found: &Selection<'_>, page: &Page<'_>) -> Option<String> {
    let given = found.select("[itemprop~=name], .p-name, .fn");
    let texts: Vec<String> = if given.exists() { vec![words(&given.first())] } else { leaves(found).collect() };
    let parts = texts.iter().flat_map(|text| text.split(['|', '·', '•', '/']));
    parts.rev().find_map(|part| {
        let part = fold(&DATE.as_ref().map_or(part.into(), |date| date.replace_all(part, " ")));
        let part = ["by ", "By ", "글 ", "작성자 ", "기자명 "]
            .iter()
            .find_map(|word| part.strip_prefix(word))
            .unwrap_or(&part);
        let part = part.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '-' | '—'));
        let is_name = part.chars().any(char::is_alphabetic) && part.chars().count() <= LONGEST_NAME;
        (is_name && date_of(part, page).is_none()).then(|| part.to_owned())
    })
}

/// The longest text beside the title.
fn summary<'a>(whole: &Selection<'a>, title: &str) -> Option<Selection<'a>> {
    let found = whole.select(SUMMARIES);
    let said = found.nodes().iter().map(|node| (node, fold(&node.text())));
    let telling = said.filter(|(node, text)| {
        text.chars().count() >= LEAST_SUMMARY && text != title && Selection::from(**node).select(HEADINGS).is_empty()
    });
    telling.max_by_key(|(_, text)| text.chars().count()).map(|(node, _)| Selection::from(*node))
}

/// The texts below an element, each by itself.
fn leaves<'a>(whole: &Selection<'a>) -> impl Iterator<Item = String> + use<'a> {
    let nodes: Vec<NodeRef<'a>> = whole.nodes().first().map(NodeRef::descendants).unwrap_or_default();
    nodes.into_iter().filter(NodeRef::is_text).map(|node| fold(&node.text())).filter(|text| !text.is_empty())
}
