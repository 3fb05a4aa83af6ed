//! The only way out to the web. Every request, whoever makes it, passes the
//! address guard on every hop (S1, S2), keeps to its deadlines and sizes, speaks
//! to a host over one connection at a time (P15), and says honestly who asks.

mod answer;
mod body;
mod deadlines;
mod form;
mod guard;
mod headers;
mod mail_hosts;
mod names;
mod politeness;
mod presence;
mod push;
mod robots;
mod words;

pub use answer::{FetchError, Fetched, Outcome};
pub use deadlines::Deadlines;
pub use guard::Guard;
pub use mail_hosts::MailHosts;
pub use names::Names;
pub use presence::{Presence, same_site};
pub use push::{Method, Push, PushError, Pushed};
pub use words::shown;

use crate::clock::Clock;
use crate::config;
use crate::domain::url::HttpUrl;
use arc_swap::ArcSwap;
use body::Rooms;
use names::Passed;
use politeness::Politeness;
use reqwest::cookie::{CookieStore as _, Jar};
use reqwest::header;
use reqwest::{RequestBuilder, Response};
use robots::{Manners, Robots};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use words::{chain, phrase, spoken};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How long a request waits for its host or for a free slot before it is given back.
const PATIENCE: Duration = Duration::from_secs(30);
/// A host that asks for a rest is left alone for so long at the most.
const LONGEST_REST: Duration = Duration::from_hours(24);
/// How long an idle connection is kept for the next request to the same host.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The HTTP client. Cheap to clone; clones share connections and limits.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    names: Names,
    clock: Clock,
    limits: Arc<ArcSwap<Limits>>,
    passed: Passed,
    politeness: Arc<Politeness>,
    robots: Arc<Robots>,
    rooms: Rooms,
    /// How many requests are under way at once, over all hosts.
    slots: Arc<Semaphore>,
    deadlines: Deadlines,
}

/// What a reload of the configuration may change.
#[derive(Debug, Clone)]
struct Limits {
    guard: Guard,
    timeout: Duration,
    max_bytes: u64,
    user_agent: String,
}

/// A document that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Where it is.
    pub url: &'a HttpUrl,
    /// The `ETag` it had the last time.
    pub etag: Option<&'a str>,
    /// The `Last-Modified` it had the last time.
    pub last_modified: Option<&'a str>,
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot start: {0}; are the system's CA certificates installed (package ca-certificates)?")]
pub struct NoClient(String);

impl Client {
    /// A client with the limits of `fetch`, which tells origins that it is
    /// syndicated and that its owner is found at `contact`.
    pub fn new(fetch: &config::Fetch, contact: &HttpUrl, names: Names, clock: Clock) -> Result<Self, NoClient> {
        Self::with_deadlines(fetch, contact, names, clock, Deadlines::default())
    }

    /// The same with other deadlines.
    pub fn with_deadlines(
        fetch: &config::Fetch,
        contact: &HttpUrl,
        names: Names,
        clock: Clock,
        deadlines: Deadlines,
    ) -> Result<Self, NoClient> {
        let passed = Passed::default();
        #[expect(clippy::disallowed_methods, reason = "the one home of outbound requests")]
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(passed.clone())
            .connect_timeout(deadlines.connect)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(KEEP_ALIVE)
            .build()
            .map_err(|error| NoClient(chain(&error)))?;
        Ok(Self {
            http,
            names,
            clock,
            limits: Arc::new(ArcSwap::from_pointee(Limits::new(fetch, contact))),
            passed,
            politeness: Arc::default(),
            robots: Arc::default(),
            rooms: Rooms::new(),
            slots: Arc::new(Semaphore::new(fetch.concurrency.clamp(1, Semaphore::MAX_PERMITS))),
            deadlines,
        })
    }

    /// Takes over a reloaded configuration, for every request from now on. The
    /// number of requests at once stays what it was.
    pub fn reconfigure(&self, fetch: &config::Fetch, contact: &HttpUrl) {
        self.limits.store(Arc::new(Limits::new(fetch, contact)));
    }

    /// Fetches a document, through redirects, with a cookie jar of its own.
    pub async fn fetch(&self, request: Request<'_>) -> Result<Outcome, FetchError> {
        self.fetch_with(request, Manners::Invited).await
    }

    /// The same of at most `most` bytes, whatever the configuration allows.
    pub async fn fetch_within(&self, request: Request<'_>, most: u64) -> Result<Outcome, FetchError> {
        let limits = Limits::clone(&self.limits.load());
        let limits = Limits { max_bytes: limits.max_bytes.min(most), ..limits };
        self.fetch_by(Arc::new(limits), request, Manners::Invited).await
    }

    /// The same, with regard to what the robots.txt of each host on the way asks for.
    async fn fetch_with(&self, request: Request<'_>, manners: Manners) -> Result<Outcome, FetchError> {
        self.fetch_by(self.limits.load_full(), request, manners).await
    }

    async fn fetch_by(
        &self,
        limits: Arc<Limits>,
        request: Request<'_>,
        manners: Manners,
    ) -> Result<Outcome, FetchError> {
        let jar = Jar::default();
        let mut url = request.url.clone();
        let mut permanent_to = None;
        let mut only_permanent = true;
        // Time spent waiting for a host is not the origin's fault.
        let mut left = limits.timeout;
        for _ in 0..=MAX_REDIRECTS {
            self.mind(&url, manners).await.map_err(|error| error.at(&url))?;
            let (_turn, _slot) = self.wait(&url).await.map_err(|error| error.at(&url))?;
            let started = Instant::now();
            let hop = timeout(left, self.hop(&limits, &jar, (request, manners), &url)).await.unwrap_or_else(|_| {
                Err(FetchError::temporary(format!("it took longer than {} s", limits.timeout.as_secs_f32())))
            });
            left = left.saturating_sub(started.elapsed());
            match hop.map_err(|error| error.at(&url))? {
                Hop::Moved { to, permanent } => {
                    keeps_private(&url, &to).map_err(|error| error.at(&url))?;
                    only_permanent &= permanent;
                    if only_permanent {
                        permanent_to = Some(to.clone());
                    }
                    url = to;
                }
                Hop::Fresh(fetched) => return Ok(Outcome::Fresh(Box::new(Fetched { permanent_to, ..*fetched }))),
                Hop::NotModified { max_age } => return Ok(Outcome::NotModified { permanent_to, max_age }),
                // A redirect's target that is gone says nothing about where it was redirected from.
                Hop::Gone if url == *request.url || permanent_to.as_ref() == Some(&url) => return Ok(Outcome::Gone),
                Hop::Gone => return Err(FetchError::Permanent("it answered 410 Gone".to_owned()).at(&url)),
            }
        }
        Err(FetchError::Refused(format!("it redirects more than {MAX_REDIRECTS} times")).at(request.url))
    }

    /// Waits for the host's turn, then for a slot: a busy host takes nobody else's
    /// slot. A host that asked for a rest gets it from all.
    async fn wait(&self, url: &HttpUrl) -> Result<(politeness::Turn, Option<OwnedSemaphorePermit>), FetchError> {
        timeout(PATIENCE, async {
            let turn = self.politeness.turn(url.host()).await;
            let now = self.clock.now();
            if let Some(until) = self.politeness.resting(url.host(), now) {
                let why = format!("not asked yet, since the host wants to be left alone until {until}");
                return Err(FetchError::NotAsked { why, rest: Some(until.since(now)) });
            }
            // The semaphore is never closed; should it be, there is a slot for all.
            Ok((turn, Arc::clone(&self.slots).acquire_owned().await.ok()))
        })
        .await
        .unwrap_or_else(|_| {
            let why = "not asked yet, since the host was still answering other requests".to_owned();
            Err(FetchError::NotAsked { why, rest: None })
        })
    }

    /// One request and its answer.
    async fn hop(
        &self,
        limits: &Limits,
        jar: &Jar,
        (request, manners): (Request<'_>, Manners),
        url: &HttpUrl,
    ) -> Result<Hop, FetchError> {
        let mut asked = self
            .http
            .get(url.as_url().clone())
            .header(header::ACCEPT, if manners == Manners::Invited { ACCEPT } else { ACCEPT_PAGE })
            .header(header::ACCEPT_ENCODING, body::ACCEPT_ENCODING);
        if let Some(cookies) = jar.cookies(url.as_url()) {
            asked = asked.header(header::COOKIE, cookies);
        }
        for (name, value) in [(header::IF_NONE_MATCH, request.etag), (header::IF_MODIFIED_SINCE, request.last_modified)]
        {
            if let Some(value) = value.and_then(|value| header::HeaderValue::from_bytes(value.as_bytes()).ok()) {
                asked = asked.header(name, value);
            }
        }
        let answer = self.send(limits, url, asked).await?;
        jar.set_cookies(&mut answer.headers().get_all(header::SET_COOKIE).iter(), url.as_url());
        self.judge(limits, request, url, answer).await
    }

    /// Sends a request to where the guard lets it, and waits for the answer's head.
    async fn send(&self, limits: &Limits, url: &HttpUrl, request: RequestBuilder) -> Result<Response, FetchError> {
        let Deadlines { lookup, connect, first_byte, .. } = self.deadlines;
        let _pass =
            self.passed.admit((&self.names, lookup), &limits.guard, url).await.map_err(|error| match error {
                names::Unreachable::Refused(..) => FetchError::Refused(error.to_string()),
                names::Unreachable::Unknown(_) | names::Unreachable::Slow(..) => {
                    FetchError::temporary(error.to_string())
                }
            })?;
        timeout(connect + first_byte, request.header(header::USER_AGENT, &limits.user_agent).send())
            .await
            .map_err(|_| FetchError::temporary(format!("it did not answer within {} s", first_byte.as_secs_f32())))?
            .map_err(|error| spoken(&error.without_url(), connect))
    }

    async fn judge(
        &self,
        limits: &Limits,
        request: Request<'_>,
        url: &HttpUrl,
        answer: Response,
    ) -> Result<Hop, FetchError> {
        let status = answer.status();
        let conditional = request.etag.is_some() || request.last_modified.is_some();
        match status.as_u16() {
            204 | 205 => Err(FetchError::temporary("it answered without a document")),
            200..=299 => {
                let headers = answer.headers();
                let content_type = headers::text(headers, &header::CONTENT_TYPE);
                let etag = headers::text(headers, &header::ETAG);
                let last_modified = headers::text(headers, &header::LAST_MODIFIED);
                let max_age = headers::max_age(headers);
                let channels = headers::channels(headers, url);
                let micropub = headers::linked(headers, url, "micropub");
                let body = self.rooms.read(answer, limits.max_bytes, self.deadlines.grace).await?;
                Ok(Hop::Fresh(Box::new(Fetched {
                    bytes: body.bytes,
                    content_type,
                    final_url: url.clone(),
                    permanent_to: None,
                    etag,
                    last_modified,
                    max_age,
                    channels,
                    micropub,
                    room: body.room,
                })))
            }
            301 | 302 | 303 | 307 | 308 => {
                let to = target(url, &answer)?;
                Ok(Hop::Moved { to, permanent: matches!(status.as_u16(), 301 | 308) })
            }
            304 if conditional => Ok(Hop::NotModified { max_age: headers::max_age(answer.headers()) }),
            410 => Ok(Hop::Gone),
            // Too early, too slow, too many, or the server's own trouble.
            408 | 425 | 429 | 500..=599 => Err(self.trouble(url, &answer)),
            _ => Err(FetchError::Permanent(format!("it answered {}", phrase(status)))),
        }
    }

    /// An answer that is worth another try. A host that says when is left alone
    /// by all until then.
    fn trouble(&self, url: &HttpUrl, answer: &Response) -> FetchError {
        let now = self.clock.now();
        let retry_after =
            headers::text(answer.headers(), &header::RETRY_AFTER).and_then(|value| headers::retry_after(&value, now));
        if let (429 | 503, Some(rest)) = (answer.status().as_u16(), retry_after) {
            self.politeness.rest(url.host(), now.plus(rest.min(LONGEST_REST)));
        }
        FetchError::Temporary { why: format!("it answered {}", phrase(answer.status())), retry_after }
    }
}

/// What is preferred, most wanted first; anything is taken.
const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, \
                      application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, text/html;q=0.7, */*;q=0.5";

/// The same where a page is wanted, and not what stands for it.
const ACCEPT_PAGE: &str = "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.5";

/// One answer on the way to a document.
enum Hop {
    Moved { to: HttpUrl, permanent: bool },
    Fresh(Box<Fetched>),
    NotModified { max_age: Option<Duration> },
    Gone,
}

impl Limits {
    fn new(fetch: &config::Fetch, contact: &HttpUrl) -> Self {
        Self {
            guard: Guard::new(&fetch.allow),
            timeout: fetch.timeout,
            max_bytes: fetch.max_bytes,
            user_agent: format!("syndicated/{} (+{contact})", env!("CARGO_PKG_VERSION")),
        }
    }
}

/// Where a redirect leads.
fn target(url: &HttpUrl, answer: &Response) -> Result<HttpUrl, FetchError> {
    let location = headers::text(answer.headers(), &header::LOCATION);
    location.and_then(|location| url.join(&location)).ok_or_else(|| {
        FetchError::Permanent(format!("it answered {} without a usable address", phrase(answer.status())))
    })
}

/// What was asked for over TLS is not fetched in the clear.
fn keeps_private(from: &HttpUrl, to: &HttpUrl) -> Result<(), FetchError> {
    if from.as_url().scheme() == "https" && to.as_url().scheme() == "http" {
        let why = format!("it redirects from https to http ({}), which is not followed", shown(to));
        return Err(FetchError::Refused(why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leaves_https_and_a_message_never_shows_a_query() {
        for (from, to, follows) in [
            ("http://a.example/", "http://b.example/", true),
            ("http://a.example/", "https://a.example/", true),
            ("https://a.example/", "https://b.example/", true),
            ("https://a.example/", "http://a.example/?token=secret#x", false),
        ] {
            let answer = keeps_private(&from.parse().unwrap(), &to.parse().unwrap());
            assert_eq!(answer.is_ok(), follows, "{from} {to}");
            assert!(!answer.is_err_and(|error| error.to_string().contains("secret")));
        }
        let url: HttpUrl = "https://a.example/feed?token=secret".parse().unwrap();
        assert_eq!(FetchError::temporary("it broke").at(&url).to_string(), "https://a.example/feed: it broke");
    }
}
