//! The pages of the archive with samples: with everything that they may show, and with
//! as little as there can be.

use super::super::{
    CleanText, ContentsContext, Counted, DigestsContext, FileLink, Frame, Head, Hit, IndexContext, IndexFeed,
    IndexItem, Link, ListContext, ListedDigest, ListedPost, Moment, Piece, PlaceLink, PostContext, RenderError,
    Renderer, SearchContext, WithdrawnContext, Year, data,
};
use crate::domain::html::CleanHtml;

impl Renderer {
    /// Every page of the archive.
    pub(super) fn archive_pages(&self, frame: &Frame) -> Vec<Result<String, RenderError>> {
        let mut pages = Vec::new();
        for full in [true, false] {
            pages.push(self.page_index(&index(frame, full)));
            pages.push(self.page_list(&list(frame, full)));
            pages.push(self.page_post(&post(frame, full)));
            pages.push(self.page_contents(&contents(frame, full)));
            pages.push(self.page_digests(&digests(frame, full)));
            pages.push(self.page_search(&search(frame, full)));
            pages.push(self.page_withdrawn(&WithdrawnContext { frame: frame.clone(), at: moment() }));
        }
        pages
    }
}

/// A value where the page is full.
fn some<T>(full: bool, value: T) -> Option<T> {
    full.then_some(value)
}

fn many<T>(full: bool, value: T) -> Vec<T> {
    some(full, value).into_iter().collect()
}

fn word(full: bool) -> String {
    if full { "w".to_owned() } else { String::new() }
}

const PAGE: &str = "https://news.example.com/posts/";

fn head(frame: &Frame, full: bool) -> Head {
    Head {
        frame: frame.clone(),
        heading: "H".to_owned(),
        description: word(full),
        url: PAGE.to_owned(),
        canonical: PAGE.to_owned(),
        kind: "website",
        image: some(full, PAGE.to_owned()),
        feeds: many(full, feed()),
        data: data(&serde_json::json!({})),
    }
}

fn feed() -> IndexFeed {
    IndexFeed { name: "RSS", media_type: "application/rss+xml", url: "https://news.example.com/t.rss".to_owned() }
}

fn link() -> Link {
    Link { title: "T".to_owned(), url: PAGE.to_owned() }
}

fn moment() -> Moment {
    Moment { words: "D".to_owned(), exact: "2026-11-24T07:00:00Z".to_owned() }
}

fn listed(full: bool) -> ListedPost {
    ListedPost {
        title: "P".to_owned(),
        url: PAGE.to_owned(),
        lang: some(full, "ko".to_owned()),
        dir: "ltr",
        date: moment(),
        authors: many(full, link()),
        source: link(),
        excerpt: word(full),
        minutes: 3,
    }
}

fn index(frame: &Frame, full: bool) -> IndexContext {
    let item = |full: bool| IndexItem {
        language: frame.language,
        title: "T".to_owned(),
        description: word(full),
        url: PAGE.to_owned(),
        subscribe: word(full),
        feeds: vec![feed()],
    };
    IndexContext {
        head: head(frame, full),
        newsletters: if full { vec![item(true), item(false)] } else { Vec::new() },
        sources: many(full, item(false)),
        posts: many(full, listed(true)),
    }
}

fn list(frame: &Frame, full: bool) -> ListContext {
    ListContext {
        head: head(frame, full),
        what: if full { "list_source" } else { "" },
        about: word(full),
        home: some(full, link()),
        subscribe: some(full, PAGE.to_owned()),
        digests: some(full, PAGE.to_owned()),
        posts: if full { vec![listed(true), listed(false)] } else { Vec::new() },
        newer: some(full, PAGE.to_owned()),
        older: some(full, PAGE.to_owned()),
        newest: some(full, PAGE.to_owned()),
        opened: some(full, feed()),
    }
}

fn post(frame: &Frame, full: bool) -> PostContext {
    let file = |plays| FileLink {
        name: "f".to_owned(),
        url: PAGE.to_owned(),
        media_type: some(full, "audio/mpeg".to_owned()),
        plays,
        size: some(full, "1 KB".to_owned()),
    };
    let place = |url| PlaceLink { name: "N".to_owned(), url };
    PostContext {
        head: head(frame, full),
        post: listed(full),
        changed: some(full, moment()),
        text: some(full, CleanText::of(&CleanHtml::from_text("T"))),
        continues: full,
        original: some(full, PAGE.to_owned()),
        also_at: if full { vec![place(Some(PAGE.to_owned())), place(None)] } else { Vec::new() },
        tags: many(full, link()),
        files: if full { vec![file("audio"), file("video"), file("")] } else { Vec::new() },
        older: some(full, link()),
        newer: some(full, link()),
        newsletters: many(full, link()),
    }
}

fn contents(frame: &Frame, full: bool) -> ContentsContext {
    let counted = || vec![Counted { title: "T".to_owned(), url: PAGE.to_owned(), count: some(full, 3) }];
    ContentsContext {
        head: head(frame, full),
        years: many(full, Year { year: 2026, months: counted() }),
        newsletters: counted(),
        sources: counted(),
        tags: if full { counted() } else { Vec::new() },
        authors: counted(),
        languages: counted(),
    }
}

fn digests(frame: &Frame, full: bool) -> DigestsContext {
    DigestsContext {
        head: head(frame, full),
        about: word(full),
        subscribe: some(full, PAGE.to_owned()),
        digests: many(full, ListedDigest { title: "T".to_owned(), url: PAGE.to_owned(), date: moment() }),
        newer: some(full, PAGE.to_owned()),
        older: some(full, PAGE.to_owned()),
    }
}

fn search(frame: &Frame, full: bool) -> SearchContext {
    let snippet = vec![Piece { text: "a".to_owned(), found: false }, Piece { text: "b".to_owned(), found: true }];
    SearchContext {
        head: head(frame, full),
        query: word(full),
        found: "F".to_owned(),
        hits: many(full, Hit { post: listed(full), title: snippet.clone(), snippet }),
        newer: some(full, PAGE.to_owned()),
        older: some(full, PAGE.to_owned()),
    }
}
