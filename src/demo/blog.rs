//! A small blog in the manner of an essay platform: a page with the author's
//! posts, a page for each, and an RSS feed with validators.

use crate::domain::html::escaped;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// The essays, of our own writing.
const ESSAYS: &str = include_str!("../../templates/demo/essays.toml");

#[derive(Debug, Clone, Deserialize)]
struct Essay {
    title: String,
    author: String,
    language: String,
    paragraphs: Vec<String>,
    note: String,
}

#[derive(Debug, Deserialize)]
struct Essays {
    essay: Vec<Essay>,
}

/// The blog. Clones share its posts.
#[derive(Debug, Clone)]
pub(super) struct Blog {
    essays: Arc<Vec<Essay>>,
    /// When each post was published, in milliseconds since 1970; oldest first.
    published: Arc<Mutex<Vec<i64>>>,
}

impl Blog {
    pub(super) fn new() -> anyhow::Result<Self> {
        let Essays { essay } = toml::from_str(ESSAYS)?;
        anyhow::ensure!(!essay.is_empty(), "the demonstration has no essays");
        Ok(Self { essays: Arc::new(essay), published: Arc::default() })
    }

    /// Publishes the next essay and returns its title.
    pub(super) fn publish(&self, now: crate::domain::time::Timestamp) -> String {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.push(now.millis());
        let number = published.len();
        drop(published);
        self.post(number).map_or_else(String::new, |essay| essay.title)
    }

    /// The post of that number, from 1; the essays come round again as further parts.
    fn post(&self, number: usize) -> Option<Essay> {
        let (part, at) = ((number - 1) / self.essays.len() + 1, (number - 1) % self.essays.len());
        let mut essay = self.essays.get(at)?.clone();
        if part > 1 {
            let _ = write!(essay.title, " ({part})");
        }
        Some(essay)
    }

    fn posts(&self) -> Vec<(usize, Essay, i64)> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let numbered = published.into_iter().enumerate();
        numbered.filter_map(|(at, when)| Some((at + 1, self.post(at + 1)?, when))).collect()
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/", get(front))
            .route("/feed.xml", get(feed))
            .route("/posts/{number}", get(page))
            .with_state(self)
    }
}

fn body(essay: &Essay) -> String {
    let mut html = String::new();
    for paragraph in &essay.paragraphs {
        let _ = write!(html, "<p>{}</p>", escaped(paragraph));
    }
    // The note is HTML of our own: it names the second outlet with a link.
    let _ = write!(html, "<p>{}</p>", essay.note);
    html
}

async fn front(State(blog): State<Blog>) -> Html<String> {
    let mut list = String::new();
    for (number, essay, _) in blog.posts().iter().rev() {
        let _ = write!(
            list,
            "<li lang=\"{}\"><a href=\"/posts/{number}\">{}</a> · {}</li>",
            essay.language, essay.title, essay.author
        );
    }
    Html(format!(
        "<!doctype html><html lang=\"ko\"><meta charset=\"utf-8\"><title>골목의 글</title>
         <link rel=\"alternate\" type=\"application/rss+xml\" title=\"골목의 글\" href=\"/feed.xml\">
         <h1>골목의 글</h1><ul>{list}</ul></html>"
    ))
}

async fn page(State(blog): State<Blog>, Path(number): Path<usize>) -> Response {
    let posts = blog.posts();
    let Some((_, essay, _)) = posts.iter().find(|(known, ..)| *known == number) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    Html(format!(
        "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><title>{title}</title><article><h1>{title}</h1><p>{}</p>{}</article></html>",
        essay.language,
        essay.author,
        body(essay),
        title = essay.title,
    ))
    .into_response()
}

async fn feed(State(blog): State<Blog>, headers: HeaderMap) -> Response {
    let posts = blog.posts();
    let etag = format!("\"{}\"", posts.len());
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let items = posts.iter().rev().map(|(number, essay, when)| {
        let url = format!("http://{host}/posts/{number}");
        rss::Item {
            title: Some(essay.title.clone()),
            link: Some(url.clone()),
            guid: Some(rss::Guid { value: url, permalink: true }),
            author: Some(essay.author.clone()),
            pub_date: Some(crate::domain::time::Timestamp::from_millis(*when).to_rfc2822()),
            content: Some(body(essay)),
            ..rss::Item::default()
        }
    });
    let channel = rss::Channel {
        title: "골목의 글".to_owned(),
        link: format!("http://{host}/"),
        description: "골목에서 쓴 짧은 글들".to_owned(),
        language: Some("ko".to_owned()),
        items: items.collect(),
        ..rss::Channel::default()
    };
    (
        [(header::CONTENT_TYPE, "application/rss+xml; charset=utf-8".to_owned()), (header::ETAG, etag)],
        channel.to_string(),
    )
        .into_response()
}
