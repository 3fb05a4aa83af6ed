//! What the pages of the archive get: lists of posts, a post's own page, the table
//! of contents, the digests, and what a search found.

mod text;

use super::{Frame, IndexFeed, RenderError, Renderer};
use crate::domain::html::CleanHtml;
use crate::domain::language::Language;
use minijinja::value::Value;
use serde::Serialize;

use text::text_of;
pub use text::{alt_of, picture_of};

/// What the head of such a page says to machines, and its frame.
#[derive(Debug, Clone, Serialize)]
pub struct Head {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// What the page is called.
    pub heading: String,
    /// One sentence on what stands on it, for those who link to it.
    pub description: String,
    /// Its own address.
    pub url: String,
    /// Where what it shows is at home: this address, or the original's.
    pub canonical: String,
    /// What it is, in the words of Open Graph: `website` or `article`.
    pub kind: &'static str,
    /// A picture for those who link to it.
    pub image: Option<String>,
    /// The feeds that hold what it shows.
    pub feeds: Vec<IndexFeed>,
    /// The same as data (JSON-LD 1.1, schema.org).
    pub data: Value,
}

/// Something with an address.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    /// What it is called.
    pub title: String,
    /// Where it is.
    pub url: String,
}

/// A moment, for people and for machines.
#[derive(Debug, Clone, Serialize)]
pub struct Moment {
    /// The day in words.
    pub words: String,
    /// RFC 3339.
    pub exact: String,
}

/// A post in a list.
#[derive(Debug, Clone, Serialize)]
pub struct ListedPost {
    /// Its title; words that stand for it when it has none.
    pub title: String,
    /// Its page.
    pub url: String,
    /// Its own language, where that is known.
    pub lang: Option<String>,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    /// Its day.
    pub date: Moment,
    /// Who wrote it.
    pub authors: Vec<Link>,
    /// Where it came from.
    pub source: Link,
    /// How it begins; empty when the operator shows a link only.
    pub excerpt: String,
    /// How many minutes it takes to read.
    pub minutes: u64,
}

/// What a list of posts gets.
#[derive(Debug, Clone, Serialize)]
pub struct ListContext {
    /// Its head.
    #[serde(flatten)]
    pub head: Head,
    /// The key of what is listed, `list_source`, `list_tag` and so on; may be empty.
    pub what: &'static str,
    /// What a newsletter says of itself; may be empty.
    pub about: String,
    /// The blog itself, of a source's.
    pub home: Option<Link>,
    /// The form by which it comes by mail, of a newsletter's.
    pub subscribe: Option<String>,
    /// Its digests, of a newsletter's.
    pub digests: Option<String>,
    /// The posts, newest first.
    pub posts: Vec<ListedPost>,
    /// The page with newer ones.
    pub newer: Option<String>,
    /// The page with older ones.
    pub older: Option<String>,
    /// Where the newest are, of a page with older ones.
    pub newest: Option<String>,
    /// When somebody opened a feed in a browser: which.
    pub opened: Option<IndexFeed>,
}

/// What a post's own page gets.
#[derive(Debug, Clone, Serialize)]
pub struct PostContext {
    /// Its head.
    #[serde(flatten)]
    pub head: Head,
    /// The same as in lists.
    pub post: ListedPost,
    /// When it changed, if it did.
    pub changed: Option<Moment>,
    /// Its text, as far as it may be shown.
    pub text: Option<CleanText>,
    /// Whether there is more to read at its origin than here.
    pub continues: bool,
    /// The original.
    pub original: Option<String>,
    /// Where else it appeared; without an address where that is not known.
    pub also_at: Vec<PlaceLink>,
    /// Its tags.
    pub tags: Vec<Link>,
    /// Files that belong to it.
    pub files: Vec<FileLink>,
    /// The post before it, of the same source.
    pub older: Option<Link>,
    /// The one behind it.
    pub newer: Option<Link>,
    /// Newsletters that would have mailed it, for readers who want the next.
    pub newsletters: Vec<Link>,
}

/// What the page of a post that was withdrawn gets.
#[derive(Debug, Clone, Serialize)]
pub struct WithdrawnContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// When it was.
    pub at: Moment,
}

/// A post's text that was made fit for a page of ours, out of [`CleanHtml`] alone.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct CleanText(Value);

/// Another place where a post appeared.
#[derive(Debug, Clone, Serialize)]
pub struct PlaceLink {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub url: Option<String>,
}

/// A file that belongs to a post.
#[derive(Debug, Clone, Serialize)]
pub struct FileLink {
    /// The last part of its address.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Its media type, when told.
    pub media_type: Option<String>,
    /// `audio`, `video`, or nothing.
    pub plays: &'static str,
    /// Its size in words, when told.
    pub size: Option<String>,
}

/// What the table of contents gets.
#[derive(Debug, Clone, Serialize)]
pub struct ContentsContext {
    /// Its head.
    #[serde(flatten)]
    pub head: Head,
    /// The years, newest first.
    pub years: Vec<Year>,
    /// The newsletters.
    pub newsletters: Vec<Counted>,
    /// The sources by their titles.
    pub sources: Vec<Counted>,
    /// The tags that are used most, by their names.
    pub tags: Vec<Counted>,
    /// The authors, likewise.
    pub authors: Vec<Counted>,
    /// The languages, likewise.
    pub languages: Vec<Counted>,
}

/// A year with its months.
#[derive(Debug, Clone, Serialize)]
pub struct Year {
    /// Which.
    pub year: i32,
    /// Its months, newest first.
    pub months: Vec<Counted>,
}

/// A list with how many posts it has.
#[derive(Debug, Clone, Serialize)]
pub struct Counted {
    /// What it is called.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// How many; none when nobody counted.
    pub count: Option<u64>,
}

/// What the list of a newsletter's digests gets.
#[derive(Debug, Clone, Serialize)]
pub struct DigestsContext {
    /// Its head.
    #[serde(flatten)]
    pub head: Head,
    /// What the newsletter says of itself; may be empty.
    pub about: String,
    /// The form by which it comes by mail.
    pub subscribe: Option<String>,
    /// The digests, newest first.
    pub digests: Vec<ListedDigest>,
    /// The page with newer ones.
    pub newer: Option<String>,
    /// The page with older ones.
    pub older: Option<String>,
}

/// A digest in a list.
#[derive(Debug, Clone, Serialize)]
pub struct ListedDigest {
    /// Its subject.
    pub title: String,
    /// Its page.
    pub url: String,
    /// Its day.
    pub date: Moment,
}

/// What the page of a search gets.
#[derive(Debug, Clone, Serialize)]
pub struct SearchContext {
    /// Its head.
    #[serde(flatten)]
    pub head: Head,
    /// What was looked for; empty when nothing was yet.
    pub query: String,
    /// How many posts were found, in words.
    pub found: String,
    /// Those of this page.
    pub hits: Vec<Hit>,
    /// The page with better ones.
    pub newer: Option<String>,
    /// The page with those that fit less.
    pub older: Option<String>,
}

/// A post that a search found.
#[derive(Debug, Clone, Serialize)]
pub struct Hit {
    /// The same as in lists.
    pub post: ListedPost,
    /// Its title, in pieces.
    pub title: Vec<Piece>,
    /// Its words around what was looked for, in pieces.
    pub snippet: Vec<Piece>,
}

/// A piece of a text.
#[derive(Debug, Clone, Serialize)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether it is what was looked for.
    pub found: bool,
}

impl CleanText {
    /// The text of a post for its page: its headings below the page's own, its
    /// pictures loaded when they come into sight.
    #[must_use]
    pub fn of(html: &CleanHtml) -> Self {
        Self(Value::from_safe_string(text_of(html)))
    }
}

/// Data for a page's head. What ends a script in HTML stands in it as an escape of JSON's.
#[must_use]
pub fn data(value: &serde_json::Value) -> Value {
    let text = value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    Value::from_safe_string(text)
}

impl Renderer {
    /// A list of posts.
    pub fn page_list(&self, context: &ListContext) -> Result<String, RenderError> {
        self.engine().render("pages/list.html", context)
    }

    /// A post's own page.
    pub fn page_post(&self, context: &PostContext) -> Result<String, RenderError> {
        self.engine().render("pages/post.html", context)
    }

    /// The page of a post that was withdrawn.
    pub fn page_withdrawn(&self, context: &WithdrawnContext) -> Result<String, RenderError> {
        self.engine().render("pages/withdrawn.html", context)
    }

    /// The table of contents.
    pub fn page_contents(&self, context: &ContentsContext) -> Result<String, RenderError> {
        self.engine().render("pages/contents.html", context)
    }

    /// A newsletter's digests.
    pub fn page_digests(&self, context: &DigestsContext) -> Result<String, RenderError> {
        self.engine().render("pages/digests.html", context)
    }

    /// What a search found.
    pub fn page_search(&self, context: &SearchContext) -> Result<String, RenderError> {
        self.engine().render("pages/search.html", context)
    }

    /// The name of a month: `November 2026`, `2026년 11월`.
    #[must_use]
    pub fn month(&self, language: Language, year: i32, month: u32) -> String {
        let engine = self.engine();
        let texts = engine.texts.of(language);
        let name = texts.part("date_months", usize::try_from(month.saturating_sub(1)).unwrap_or_default());
        texts.fill("date_month", &[("year", &year.to_string()), ("month", name)])
    }

    /// A text that goes with a number.
    #[must_use]
    pub fn counted(&self, language: Language, key: &str, count: usize) -> String {
        self.engine().texts.of(language).count(key, count)
    }
}
