//! A site that takes posts by Micropub (W3C Recommendation of 23 May 2017; section
//! numbers are its own). The line in the text is all that names the original: each
//! property that holds an address says more than that ("repost of", "bookmark of"), and
//! would make another kind of post of it.
//!
//! Kept here: a post's slug ends in its key, by which it is looked up in the list of
//! posts (the extension "Query for Post List") where the site has one.

mod entry;
mod said;

use super::Protocol;
use super::answer::{judge, or_gone};
use super::pictures::{self, Links};
use super::request::{File, Request};
use crate::domain::outlet::{Draft, Found, Gone, Manuscript, Micropub, Outcome, Pictures, Receipt};
use crate::domain::secret::Secret;
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use crate::net::{self, Client, Method, PushError, Pushed};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// So many of the latest posts are looked through.
const LOOKED_THROUGH: usize = 100;

/// The site.
pub(super) struct Site {
    outlet: Slug,
    micropub: Micropub,
    client: Client,
}

impl Site {
    pub(super) fn new(outlet: Slug, micropub: Micropub, client: Client) -> Self {
        Self { outlet, micropub, client }
    }

    /// Where the site takes posts (section 5.3): by its own word, unless the configuration says.
    async fn endpoint(&self) -> Result<HttpUrl, Outcome> {
        if let Some(endpoint) = &self.micropub.endpoint {
            return Ok(endpoint.clone());
        }
        let url = &self.micropub.url;
        let asked = net::Request { url, etag: None, last_modified: None };
        let fetched = match self.client.fetch(asked).await {
            Ok(net::Outcome::Fresh(fetched)) => fetched,
            Ok(net::Outcome::NotModified { .. } | net::Outcome::Gone) => {
                return Err(Outcome::Later { why: "the site did not show its page".to_owned(), after: None });
            }
            Err(error) => return Err(Outcome::Later { why: format!("the site: {error}"), after: None }),
        };
        let said = fetched.micropub.clone().or_else(|| said::endpoint(&fetched.bytes, &fetched.final_url));
        said.ok_or_else(|| {
            let why = "the site names no Micropub endpoint: write it as `endpoint`, or add a plugin for it there";
            Outcome::Refused(why.to_owned())
        })
    }

    fn request(&self, method: Method, url: &HttpUrl) -> Request {
        Request::new(method, url.clone()).authorized(Secret::new(format!("Bearer {}", self.micropub.token.expose())))
    }

    async fn ask(&self, endpoint: &HttpUrl, query: &str) -> Result<Pushed, PushError> {
        let mut url = endpoint.as_url().clone();
        let query = url.query().map_or_else(|| query.to_owned(), |own| format!("{own}&{query}"));
        url.set_query(Some(&query));
        let url = url.as_str().parse().unwrap_or_else(|_| endpoint.clone());
        self.request(Method::GET, &url).header("accept", "application/json").send(&self.client).await
    }

    /// Does something at the endpoint; a post's place is the answer's `Location`, or `at` where it says nothing.
    async fn act(&self, endpoint: &HttpUrl, body: Value, at: Option<&Receipt>) -> Outcome {
        let answer = self.request(Method::POST, endpoint).json(body).send(&self.client).await;
        judge(answer, |answer| said::taken(answer, endpoint, at), said::words)
    }

    async fn create(&self, manuscript: &Manuscript) -> Outcome {
        let endpoint = match self.endpoint().await {
            Ok(endpoint) => endpoint,
            Err(outcome) => return outcome,
        };
        match self.upload_all(&endpoint, manuscript).await {
            Ok(links) => self.act(&endpoint, entry::new(manuscript, &links), None).await,
            Err(outcome) => outcome,
        }
    }

    async fn change(&self, manuscript: &Manuscript, at: &Receipt) -> Outcome {
        let endpoint = match self.endpoint().await {
            Ok(endpoint) => endpoint,
            Err(outcome) => return outcome,
        };
        match self.upload_all(&endpoint, manuscript).await {
            Ok(links) => self.act(&endpoint, entry::changed(manuscript, &links, &at.id), Some(at)).await,
            Err(outcome) => outcome,
        }
    }

    async fn look_up(&self, manuscript: &Manuscript) -> Found {
        let endpoint = match self.endpoint().await {
            Ok(endpoint) => endpoint,
            Err(Outcome::Later { why, after }) => return Found::Later { why, after },
            Err(_) => return Found::CannotTell,
        };
        let answer = self.ask(&endpoint, &format!("q=source&limit={LOOKED_THROUGH}")).await;
        match &answer {
            Ok(answer) if answer.status == 200 => said::find(answer, manuscript),
            // A site that has no such list says so in some way of its own.
            Ok(answer) if matches!(answer.status, 400 | 404 | 405 | 501) => Found::CannotTell,
            _ => match judge(answer, |_| Outcome::InDoubt(String::new()), said::words) {
                Outcome::Later { why, after } => Found::Later { why, after },
                Outcome::Refused(why) | Outcome::InDoubt(why) => Found::Later { why, after: None },
                Outcome::Done(_) => Found::CannotTell,
            },
        }
    }

    async fn remove(&self, at: &Receipt) -> Outcome {
        let endpoint = match self.endpoint().await {
            Ok(endpoint) => endpoint,
            Err(outcome) => return outcome,
        };
        let body = json!({ "action": "delete", "url": at.id });
        let answer = self.request(Method::POST, &endpoint).json(body).send(&self.client).await;
        let status = answer.as_ref().ok().map(|answer| answer.status);
        or_gone(judge(answer, |_| Outcome::Done(at.clone()), said::words), status, at)
    }

    /// Uploads the pictures of a text to the site's media endpoint (section 3.6); where each stands then. What cannot
    /// be had, or is not taken, stays where it is.
    async fn upload_all(&self, endpoint: &HttpUrl, manuscript: &Manuscript) -> Result<Links, Outcome> {
        let mut links = Links::new();
        let addresses = pictures::of(manuscript, true);
        if self.micropub.pictures == Pictures::Link || addresses.is_empty() {
            return Ok(links);
        }
        let answer = self.ask(endpoint, "q=config").await;
        let media = answer.as_ref().ok().and_then(|answer| said::media_endpoint(answer, endpoint));
        let Some(media) = media else {
            return match judge(answer, |_| Outcome::InDoubt(String::new()), said::words) {
                // It has no place for pictures.
                Outcome::InDoubt(_) | Outcome::Done(_) => Ok(links),
                other => Err(other),
            };
        };
        for address in addresses {
            let Some(picture) = pictures::fetch(&self.client, &self.outlet, &address).await else { continue };
            let file =
                File { field: "file", name: &picture.name, media_type: picture.media_type, bytes: &picture.bytes };
            let answer = self.request(Method::POST, &media).upload(&[], &file).send(&self.client).await;
            let place = answer.as_ref().ok().and_then(|answer| said::place(answer, &media));
            match judge(answer, |_| Outcome::InDoubt("it did not say where".to_owned()), said::words) {
                later @ Outcome::Later { .. } => return Err(later),
                Outcome::Refused(why) => tracing::info!(outlet = %self.outlet, why, "a picture stays linked"),
                Outcome::InDoubt(_) | Outcome::Done(_) => links.extend(place.map(|place| (address, place.to_string()))),
            }
        }
        Ok(links)
    }

    async fn try_out(&self) -> Outcome {
        let endpoint = match self.endpoint().await {
            Ok(endpoint) => endpoint,
            Err(outcome) => return outcome,
        };
        let answer = self.ask(&endpoint, "q=config").await;
        let media = answer.as_ref().is_ok_and(|answer| said::media_endpoint(answer, &endpoint).is_some());
        let media = if media { "and takes pictures" } else { "and takes no pictures" };
        let id = format!("the token is good for {}, which names its settings {media}", net::shown(&endpoint));
        judge(answer, |_| Outcome::Done(Receipt { id, url: None }), said::words)
    }
}

impl Protocol for Site {
    fn draft(&self, manuscript: &Manuscript) -> Draft {
        let endpoint = self.micropub.endpoint.as_ref().unwrap_or(&self.micropub.url);
        let mut parts = self.request(Method::POST, endpoint).json(entry::new(manuscript, &Links::new())).shown();
        if self.micropub.endpoint.is_none() {
            parts.insert(1, ("to".to_owned(), "the endpoint that this site names".to_owned()));
        }
        if self.micropub.pictures == Pictures::Upload {
            parts.extend(
                pictures::of(manuscript, true)
                    .into_iter()
                    .map(|address| ("picture".to_owned(), format!("{address} (uploaded before)"))),
            );
        }
        Draft(parts)
    }

    fn find<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(self.look_up(manuscript))
    }

    fn post<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Outcome> {
        Box::pin(self.create(manuscript))
    }

    fn update<'a>(&'a self, manuscript: &'a Manuscript, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(self.change(manuscript, at))
    }

    fn delete<'a>(&'a self, _: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(self.remove(at))
    }

    fn test(&self) -> BoxFuture<'_, Outcome> {
        Box::pin(self.try_out())
    }
}
