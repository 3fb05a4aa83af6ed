//! A site that Ghost runs, by its Admin API (docs.ghost.org/admin-api), versions 5
//! and 6.
//!
//! Kept here: a post's address ends in its key, by which it is looked up; no mail is
//! ever sent (`newsletter` is never named); what people at the site decide about a
//! post stays when its text is changed.

mod body;
mod cards;
mod said;
mod token;

use super::Protocol;
use super::answer::{json, judge, or_gone};
use super::pictures::{self, Links, Picture};
use super::request::{File, Request};
use crate::clock::Clock;
use crate::domain::outlet::{Draft, Found, Ghost, Gone, Manuscript, Outcome, Pictures, Receipt};
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Method, PushError, Pushed};
use futures_util::future::BoxFuture;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use said::{INTERFACE, Told, is_number};
use serde_json::Value;

/// Answers without the post's text, which may be longer than an answer that is read.
const BRIEF: &str = "formats=mobiledoc";

/// The site.
pub(super) struct Site {
    outlet: Slug,
    ghost: Ghost,
    client: Client,
    clock: Clock,
}

/// An answer, and where it was asked.
type Answered = (Result<Pushed, PushError>, HttpUrl);

impl Site {
    pub(super) fn new(outlet: Slug, ghost: Ghost, client: &Client, clock: &Clock) -> Self {
        Self { outlet, ghost, client: client.clone(), clock: clock.clone() }
    }

    fn at(&self, path: &str) -> HttpUrl {
        let base = self.ghost.url.as_url().path().trim_end_matches('/');
        // People copy the address of the editor.
        let base = base.strip_suffix("/ghost").unwrap_or(base);
        // What is joined to a web address is one.
        self.ghost.url.join(&format!("{base}{INTERFACE}{path}")).unwrap_or_else(|| self.ghost.url.clone())
    }

    fn request(&self, method: Method, url: &HttpUrl) -> Request {
        let authorization = token::authorization(&self.ghost, self.clock.now());
        Request::new(method, url.clone()).authorized(authorization).header("accept-version", "v5.0")
    }

    async fn get(&self, path: &str) -> Answered {
        let url = self.at(path);
        (self.request(Method::GET, &url).send(&self.client).await, url)
    }

    fn creation(&self, manuscript: &Manuscript, links: &Links) -> (Request, HttpUrl) {
        let url = self.at(&format!("posts/?source=html&{BRIEF}"));
        (self.request(Method::POST, &url).json(body::new(manuscript, &self.ghost, links)), url)
    }

    async fn create(&self, manuscript: &Manuscript) -> Outcome {
        let links = match self.upload_all(manuscript, "").await {
            Ok(links) => links,
            Err(outcome) => return outcome,
        };
        let (request, url) = self.creation(manuscript, &links);
        let answer = request.send(&self.client).await;
        let told = answer.as_ref().ok().and_then(first);
        let outcome = judged((answer, url), taken);
        let mark = manuscript.mark();
        match told {
            // Two posts have no address in common: this one is here already, and came a moment late.
            Some(Told { receipt, slug, .. }) if !slug.ends_with(mark) && slug.contains(mark) => {
                let Found::There(older) = self.find_by(mark).await else { return outcome };
                match self.remove(&receipt).await {
                    Outcome::Done(_) => Outcome::Done(older),
                    _ => outcome,
                }
            }
            _ => outcome,
        }
    }

    async fn find_by(&self, mark: &str) -> Found {
        // docs.ghost.org/content-api, "Filtering": a text that ends so.
        let (answer, url) = self.get(&format!("posts/?filter=slug%3A~%24%27{mark}%27&{BRIEF}&limit=1")).await;
        let found = match &answer {
            Ok(answer) if answer.status == 200 => said::posts(answer),
            _ => None,
        };
        match found {
            Some(posts) => posts.into_iter().next().map_or(Found::Missing, |told| Found::There(told.receipt)),
            None => match judged((answer, url), not_ghost) {
                Outcome::Later { why, after } => Found::Later { why, after },
                Outcome::Refused(why) | Outcome::InDoubt(why) => Found::Later { why, after: None },
                Outcome::Done(_) => Found::CannotTell,
            },
        }
    }

    async fn change(&self, manuscript: &Manuscript, at: &Receipt) -> Outcome {
        if !is_number(&at.id) {
            return Outcome::Refused("its number is none of Ghost's".to_owned());
        }
        // What was uploaded before is named in the text that stands there.
        let there = match self.ghost.pictures {
            Pictures::Link => String::new(),
            Pictures::Upload => {
                let (answer, _) = self.get(&format!("posts/{}/?formats=html", at.id)).await;
                answer.ok().map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default()
            }
        };
        let links = match self.upload_all(manuscript, &there).await {
            Ok(links) => links,
            Err(outcome) => return outcome,
        };
        let mut outcome = self.change_once(manuscript, at, &links).await;
        // Somebody saved the post in between.
        if outcome.is_none() {
            outcome = self.change_once(manuscript, at, &links).await;
        }
        let why = "somebody is at work on the post there".to_owned();
        outcome.unwrap_or(Outcome::Later { why, after: None })
    }

    /// `None` when the post was saved there since it was looked at.
    async fn change_once(&self, manuscript: &Manuscript, at: &Receipt, links: &Links) -> Option<Outcome> {
        let (answer, url) = self.get(&format!("posts/{}/?{BRIEF}", at.id)).await;
        let told = match &answer {
            Ok(answer) if answer.status == 200 => first(answer),
            Ok(answer) if answer.status == 404 && json(answer).get("errors").is_some() => {
                let why = "the site has the post no more: somebody took it down there".to_owned();
                return Some(Outcome::Refused(why));
            }
            _ => None,
        };
        let Some(told) = told else { return Some(judged((answer, url), not_ghost)) };
        let url = self.at(&format!("posts/{}/?source=html&{BRIEF}", at.id));
        let body = body::changed(manuscript, links, &told.updated_at);
        let answer = self.request(Method::PUT, &url).json(body).send(&self.client).await;
        let is_late = answer.as_ref().is_ok_and(|answer| answer.status == 409);
        (!is_late).then(|| judged((answer, url), taken))
    }

    async fn remove(&self, at: &Receipt) -> Outcome {
        if !is_number(&at.id) {
            return Outcome::Refused("its number is none of Ghost's".to_owned());
        }
        let url = self.at(&format!("posts/{}/", at.id));
        let answer = self.request(Method::DELETE, &url).send(&self.client).await;
        // A page that is no answer of Ghost's says nothing about the post.
        let status = answer.as_ref().ok().filter(|answer| answer.status != 404 || first_error(answer));
        let status = status.map(|answer| answer.status);
        or_gone(judged((answer, url), |_| Outcome::Done(at.clone())), status, at)
    }

    /// Uploads the pictures of a post, but for those that stand in `there` already; where each stands then. What
    /// cannot be had, or is not taken, stays where it is.
    async fn upload_all(&self, manuscript: &Manuscript, there: &str) -> Result<Links, Outcome> {
        let mut links = Links::new();
        if self.ghost.pictures == Pictures::Link {
            return Ok(links);
        }
        for address in pictures::of(manuscript, true) {
            let place = match uploaded(there, &address) {
                Some(place) => Some(place),
                None => match pictures::fetch(&self.client, &self.outlet, &address).await {
                    Some(picture) => self.upload(&address, &picture).await?,
                    None => None,
                },
            };
            links.extend(place.map(|place| (address, place)));
        }
        Ok(links)
    }

    /// `None` when the picture is not taken; an error when nothing is.
    async fn upload(&self, address: &str, picture: &Picture) -> Result<Option<String>, Outcome> {
        let url = self.at("images/upload/");
        let Picture { name, media_type, bytes } = picture;
        let reference: String = address.chars().take(200).collect();
        let file = File { field: "file", name, media_type, bytes };
        let request = self.request(Method::POST, &url).upload(&[("purpose", "image"), ("ref", &reference)], &file);
        let answer = request.send(&self.client).await;
        let answer = match answer {
            // A picture that was taken twice does no harm.
            Err(PushError::Lost(why)) => return Err(Outcome::Later { why, after: None }),
            answer => answer,
        };
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let place = answer.as_ref().ok().and_then(|answer| {
            let place: HttpUrl = json(answer).pointer("/images/0/url")?.as_str()?.parse().ok()?;
            Some(place.to_string())
        });
        match judged((answer, url), |_| Outcome::Done(Receipt { id: String::new(), url: None })) {
            Outcome::Done(_) => Ok(place),
            later @ Outcome::Later { .. } => Err(later),
            // What is wrong is no matter of this picture.
            refused @ Outcome::Refused(_) if !(400..500).contains(&status) || matches!(status, 401 | 403) => {
                Err(refused)
            }
            Outcome::Refused(why) | Outcome::InDoubt(why) => {
                tracing::info!(outlet = %self.outlet, why, "a picture stays linked");
                Ok(None)
            }
        }
    }

    async fn try_out(&self) -> Outcome {
        let (answer, url) = self.get("site/").await;
        let site = answer.as_ref().map(json).unwrap_or_default();
        let text = |key: &str| site.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = Receipt { id: format!("{} (Ghost {})", text("/site/title"), text("/site/version")), url: None };
        if !matches!((&answer, text("/site/version").is_empty()), (Ok(Pushed { status: 200, .. }), false)) {
            return judged((answer, url), not_ghost);
        }
        let (answer, url) = self.get(&format!("posts/?limit=1&fields=id&{BRIEF}")).await;
        let outcome = judged((answer, url), |_| Outcome::Done(known.clone()));
        if !matches!(outcome, Outcome::Done(_)) {
            return outcome;
        }
        for author in &self.ghost.authors {
            let by = if author.contains('@') { "email" } else { "slug" };
            let name = utf8_percent_encode(author, NON_ALPHANUMERIC);
            let (answer, url) = self.get(&format!("users/{by}/{name}/?fields=id")).await;
            if matches!(&answer, Ok(Pushed { status: 404, .. })) {
                return Outcome::Refused(format!(
                    "nobody at the site is `{author}`: Ghost would name its owner as author"
                ));
            }
            match judged((answer, url), |_| Outcome::Done(known.clone())) {
                Outcome::Done(_) => {}
                other => return other,
            }
        }
        let id = format!("the key is good for {}", known.id);
        Outcome::Done(Receipt { id, url: None })
    }
}

/// Where a picture stands at the site, by what was uploaded under its name.
fn uploaded(there: &str, address: &str) -> Option<String> {
    let name = pictures::name_of(address);
    let (digits, _) = name.split_once('.')?;
    let at = there.find(&format!("/{digits}"))?;
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || "-._~:/%".contains(c));
    let (before, behind) = there.split_at_checked(at)?;
    let start = before.rfind(is_end).map_or(0, |end| end + 1);
    let place: HttpUrl = there.get(start..at + behind.find(is_end)?)?.parse().ok()?;
    Some(place.to_string())
}

fn first(answer: &Pushed) -> Option<Told> {
    said::posts(answer)?.into_iter().next()
}

fn first_error(answer: &Pushed) -> bool {
    json(answer).pointer("/errors/0").is_some()
}

fn judged((answer, asked): Answered, receipt: impl FnOnce(&Pushed) -> Outcome) -> Outcome {
    let moved = answer.as_ref().ok().and_then(|answer| said::moved(answer, &asked));
    moved.unwrap_or_else(|| judge(answer, receipt, said::words))
}

/// A post that was taken. An answer that names none leaves doubt.
fn taken(answer: &Pushed) -> Outcome {
    let doubt = || Outcome::InDoubt(format!("it answered {} without naming the post", answer.phrase));
    first(answer).map_or_else(doubt, |told| Outcome::Done(told.receipt))
}

fn not_ghost(answer: &Pushed) -> Outcome {
    Outcome::Refused(format!(
        "it answered {}, but not as Ghost does: is `url` the address of a Ghost site?",
        answer.phrase
    ))
}

impl Protocol for Site {
    fn draft(&self, manuscript: &Manuscript) -> Draft {
        let mut parts = self.creation(manuscript, &Links::new()).0.shown();
        if self.ghost.pictures == Pictures::Upload {
            let uploads = pictures::of(manuscript, true).into_iter();
            parts.extend(uploads.map(|address| ("picture".to_owned(), format!("{address} (is uploaded first)"))));
        }
        Draft(parts)
    }

    fn find<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(async { self.find_by(manuscript.mark()).await })
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
