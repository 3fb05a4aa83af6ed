//! Lists of feeds as other programs give them away (OPML 1.0 and 2.0,
//! opml.org/spec2.opml): outlines, one in another, of which some are feeds.
//!
//! Read as leniently as feeds are: tags that do not match, attributes in any case, bare
//! ampersands, any encoding. What a document's own entities may add is counted, no tag is
//! longer than [`LONGEST_TAG`], and nothing is fetched (P15).

use super::decode::decode;
use super::entities::Entities;
use super::packed;
use super::repair::Repairs;
use super::shape::document_type;
use super::tags::{name_of, tag_end};
use crate::domain::slug::Slug;
use crate::domain::text::{cut, plain_title};
use crate::domain::url::HttpUrl;

/// No list is longer, in bytes; one of 10,000 feeds has some three millions.
pub const LONGEST: usize = 32 * 1024 * 1024;
/// No tag of an outline is longer, in bytes.
const LONGEST_TAG: usize = 64 * 1024;
/// So many feeds are taken of a list.
const MOST: usize = 100_000;
/// No address is longer, in bytes, and no title, in characters.
const LONGEST_ADDRESS: usize = 4_096;
const LONGEST_TITLE: usize = 300;
/// Folders in folders; deeper ones are their parents.
const DEEPEST: usize = 16;

/// What stands in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlines {
    /// What the list is called.
    pub title: Option<String>,
    /// The feeds and pages, in its order.
    pub outlines: Vec<Outline>,
    /// What looks like one and cannot be followed, and why.
    pub skipped: Vec<Skipped>,
}

/// A feed or page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The folders that it stands in, from the outermost on.
    pub folders: Vec<String>,
    /// What the list calls it.
    pub title: Option<String>,
    /// Where it is.
    pub url: HttpUrl,
    /// Whether it is known to be a page without a feed: only our own export says so.
    pub is_page: bool,
    /// The name that a source had from which the list was made.
    pub name: Option<Slug>,
}

/// Something that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What the list calls it, or its address.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// Why a list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpmlError {
    /// It holds nothing.
    #[error("it is empty")]
    Empty,
    /// It is longer than any list.
    #[error("it is longer than {} MB: no list of feeds is", LONGEST / 1024 / 1024)]
    TooLong,
    /// It is something else.
    #[error("it is no OPML: no <outline> stands in it; export your subscriptions from your reader once more, as OPML")]
    NotOpml,
    /// There is more than anybody follows.
    #[error("more than {MOST} feeds stand in it: cut it into several files")]
    TooMany,
}

/// Reads a list.
pub fn outlines(bytes: &[u8]) -> Result<Outlines, OpmlError> {
    if bytes.len() > LONGEST {
        return Err(OpmlError::TooLong);
    }
    let mut repairs = Repairs::default();
    let bytes = packed::unpacked(bytes, &mut repairs);
    let text = decode(&bytes, None, &mut repairs);
    if text.trim().is_empty() {
        return Err(OpmlError::Empty);
    }
    let mut scan =
        Scan { open: Vec::new(), found: Outlines::default(), entities: Entities::default(), repairs, any: false };
    let mut rest = text.as_ref();
    let (mut comments, mut sections) = (true, true);
    while let Some(at) = rest.find('<') {
        rest = rest.get(at..).unwrap_or_default();
        let length = if rest.starts_with("<!--") {
            behind(rest, "-->", &mut comments)
        } else if rest.starts_with("<![CDATA[") {
            behind(rest, "]]>", &mut sections)
        } else if begins(rest, "<!doctype") {
            let length = document_type(rest);
            scan.entities.declare(rest.get(..length).unwrap_or_default());
            length
        } else {
            scan.tag(rest)
        };
        rest = rest.get(length.max(1)..).unwrap_or_default();
        if scan.found.outlines.len() + scan.found.skipped.len() > MOST {
            return Err(OpmlError::TooMany);
        }
    }
    if scan.any { Ok(scan.found) } else { Err(OpmlError::NotOpml) }
}

/// The length of what begins here and ends with `mark`; where nothing ends so any more,
/// it is not looked for again.
fn behind(rest: &str, mark: &str, is_there: &mut bool) -> usize {
    let end = if *is_there { rest.find(mark) } else { None };
    *is_there = end.is_some();
    end.map_or(1, |end| end + mark.len())
}

fn begins(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// What is known while a list is read.
struct Scan {
    /// The outlines that are open: a folder's name, or nothing for a feed.
    open: Vec<Option<String>>,
    found: Outlines,
    entities: Entities,
    repairs: Repairs,
    /// Whether any outline was met.
    any: bool,
}

/// What an outline's tag says.
#[derive(Default)]
struct Said {
    text: Option<String>,
    title: Option<String>,
    kind: String,
    feed: Option<String>,
    site: Option<String>,
    link: Option<String>,
    category: Option<String>,
    name: Option<Slug>,
    is_page: bool,
}

impl Scan {
    /// Takes the tag that begins here; returns its length.
    fn tag(&mut self, rest: &str) -> usize {
        let near = rest.get(..rest.floor_char_boundary(LONGEST_TAG)).unwrap_or(rest);
        let Some(length) = tag_end(near) else { return 1 };
        let inside = near.get(1..length).unwrap_or_default().trim_end_matches('>');
        let name = name_of(inside.trim_start_matches('/'));
        let local = name.rsplit(':').next().unwrap_or(name);
        if local.eq_ignore_ascii_case("title") && !inside.starts_with('/') && self.found.title.is_none() {
            let words = rest.get(length..).and_then(|rest| rest.split('<').next()).unwrap_or_default();
            self.found.title = self.words(words);
        }
        if !local.eq_ignore_ascii_case("outline") {
            return length;
        }
        if inside.starts_with('/') {
            self.open.pop();
            return length;
        }
        self.any = true;
        let said = self.said(inside.get(name.len()..).unwrap_or_default().trim_end_matches('/'));
        let title = said.title.clone().or_else(|| said.text.clone());
        let is_feed = self.take(said);
        if !inside.ends_with('/') {
            self.open.push(title.filter(|_| !is_feed));
        }
        length
    }

    /// The attributes of a tag.
    fn said(&mut self, attributes: &str) -> Said {
        let (mut said, mut rest) = (Said::default(), attributes.trim_start());
        while !rest.is_empty() {
            let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            let (value, behind) = match behind.trim_start().strip_prefix('=') {
                Some(value) => quoted(value.trim_start()),
                None => ("", behind),
            };
            rest = behind.trim_start();
            let words = self.words(value);
            match name.to_ascii_lowercase().as_str() {
                "text" => said.text = words,
                "title" => said.title = words,
                "type" => said.kind = words.unwrap_or_default().to_ascii_lowercase(),
                "xmlurl" => said.feed = words,
                "htmlurl" => said.site = words,
                "url" | "syndicated:url" => said.link = words,
                "category" => said.category = words,
                "syndicated:name" => said.name = words.and_then(|name| name.parse().ok()),
                "syndicated:kind" => said.is_page = words.as_deref() == Some("page"),
                _ => {}
            }
        }
        said
    }

    fn words(&mut self, text: &str) -> Option<String> {
        let text = self.entities.decode(text, &mut self.repairs);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Takes what an outline leads to; returns whether it is a folder no more.
    fn take(&mut self, said: Said) -> bool {
        let Said { text, title, kind, feed, site, link, category, name, is_page } = said;
        // The address that a source of ours was configured with says more than the feed that was found there.
        let address = name.as_ref().and(link.clone()).or(feed).or(link).or(site);
        let Some(address) = address else { return false };
        let title =
            title.or(text).map(|title| cut(&plain_title(&title), LONGEST_TITLE)).filter(|title| !title.is_empty());
        let skip = |why: &str| Skipped {
            what: title.clone().unwrap_or_else(|| address.chars().take(200).collect()),
            why: why.to_owned(),
        };
        if kind == "include" || (kind == "link" && name.is_none() && address.to_ascii_lowercase().ends_with(".opml")) {
            self.found.skipped.push(skip("another list of feeds: fetch it, and import it by itself"));
            return true;
        }
        match address_of(&address) {
            Ok(url) => {
                let folders = self.folders(category.as_deref());
                self.found.outlines.push(Outline { folders, title, url, is_page, name });
            }
            Err(why) => self.found.skipped.push(skip(&why)),
        }
        true
    }

    /// The folders that are open; without any, the first category that the outline names.
    fn folders(&self, category: Option<&str>) -> Vec<String> {
        let open: Vec<String> = self.open.iter().flatten().take(DEEPEST).cloned().collect();
        if !open.is_empty() {
            return open.iter().map(|folder| plain_title(folder)).filter(|folder| !folder.is_empty()).collect();
        }
        let first = category.and_then(|all| all.split(',').next()).unwrap_or_default();
        first.split('/').map(str::trim).filter(|part| !part.is_empty()).take(DEEPEST).map(str::to_owned).collect()
    }
}

/// The value that begins here, and what follows it.
fn quoted(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inside = text.get(1..).unwrap_or_default();
            inside.split_once(quote).unwrap_or((inside, ""))
        }
        _ => text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())),
    }
}

/// The address as it was meant: readers have schemes of their own.
fn address_of(text: &str) -> Result<HttpUrl, String> {
    let text = text.trim();
    let behind = ["feed:", "itpc:", "podcast:", "pcast:"]
        .iter()
        .find_map(|scheme| text.get(..scheme.len()).filter(|head| head.eq_ignore_ascii_case(scheme)).map(str::len))
        .and_then(|length| text.get(length..));
    let meant = match behind {
        Some(rest) if rest.starts_with("//") => format!("http:{rest}"),
        Some(rest) => rest.to_owned(),
        None if !text.contains(':') && text.contains('.') => format!("https://{}", text.trim_start_matches('/')),
        None => text.to_owned(),
    };
    if meant.len() > LONGEST_ADDRESS {
        return Err("no address is that long".to_owned());
    }
    meant.parse::<HttpUrl>().map_err(|why| why.to_string())
}
