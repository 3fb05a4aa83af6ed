//! An account at Bluesky, or at any server of the AT Protocol: a post is a record whose
//! name is made of it, so that a repeat is the same record
//! (docs.bsky.app/docs/advanced-guides/posts).

mod server;
mod text;
mod tid;

use super::request::Request;
use super::{Protocol, pictures};
use crate::clock::Clock;
use crate::domain::outlet::{Bluesky, Draft, Found, Gone, Manuscript, Outcome, Pictures, Receipt};
use crate::domain::slug::Slug;
use crate::net::{Client, Method};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use server::{Server, Session, word};

/// Where posts stand in an account's repository.
const COLLECTION: &str = "app.bsky.feed.post";
/// The most bytes of a card's picture (`app.bsky.embed.external`, `thumb`).
const LARGEST_THUMB: usize = 1_000_000;

/// An account.
pub(super) struct Account {
    outlet: Slug,
    server: Server,
    handle: String,
    pictures: Pictures,
    client: Client,
}

impl Account {
    pub(super) fn new(outlet: Slug, account: &Bluesky, client: &Client, clock: &Clock) -> Self {
        Self {
            outlet,
            server: Server::new(account, client, clock),
            handle: account.handle.clone(),
            pictures: account.pictures,
            client: client.clone(),
        }
    }

    /// What is put under the name, in whose repository.
    fn body(repo: &str, manuscript: &Manuscript, thumb: Option<&Value>) -> Value {
        let text::Rich { text, facets } = text::rich(&manuscript.status, manuscript.url.as_ref());
        let mut record = Map::from_iter([
            ("$type".to_owned(), json!(COLLECTION)),
            ("text".to_owned(), json!(text)),
            ("createdAt".to_owned(), json!(manuscript.published.to_rfc3339())),
        ]);
        if !facets.is_empty() {
            record.insert("facets".to_owned(), Value::Array(facets));
        }
        if let Some(language) = &manuscript.language {
            record.insert("langs".to_owned(), json!([language]));
        }
        if let Some(url) = &manuscript.url {
            let mut card = json!({ "uri": url, "title": manuscript.title, "description": manuscript.excerpt });
            if let (Value::Object(card), Some(thumb)) = (&mut card, thumb) {
                card.insert("thumb".to_owned(), thumb.clone());
            }
            record.insert("embed".to_owned(), json!({ "$type": "app.bsky.embed.external", "external": card }));
        }
        let rkey = tid::tid(manuscript.published, &manuscript.key);
        json!({ "repo": repo, "collection": COLLECTION, "rkey": rkey, "record": record })
    }

    fn putting(&self, session: Option<&Session>, body: Value) -> Option<Request> {
        Some(self.server.request(Method::POST, "com.atproto.repo.putRecord", session)?.json(body))
    }

    fn receipt(did: &str, rkey: String) -> Receipt {
        let url = format!("https://bsky.app/profile/{did}/post/{rkey}").parse().ok();
        Receipt { id: rkey, url }
    }

    /// The picture of the card, uploaded; `None` where there is none, or none that may be in a card.
    async fn thumb(&self, manuscript: &Manuscript) -> Result<Option<Value>, Outcome> {
        let Some(address) =
            manuscript.image.as_ref().filter(|_| self.pictures == Pictures::Upload && manuscript.url.is_some())
        else {
            return Ok(None);
        };
        let Some(picture) = pictures::fetch(&self.client, &self.outlet, address.as_str()).await else {
            return Ok(None);
        };
        if picture.bytes.len() > LARGEST_THUMB {
            tracing::info!(outlet = %self.outlet, bytes = picture.bytes.len(), "a picture is too large for a card");
            return Ok(None);
        }
        let upload = |session: &Session| {
            let request = self.server.request(Method::POST, "com.atproto.repo.uploadBlob", Some(session))?;
            Some(request.bytes(picture.media_type, picture.bytes.clone()))
        };
        let answer = self.server.call(upload).await?;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        match self.server.told(answer) {
            Ok(told) => Ok(told.get("blob").filter(|blob| blob.is_object()).cloned()),
            Err(Outcome::Refused(why)) if !matches!(status, 401 | 403) => {
                tracing::info!(outlet = %self.outlet, why, "a server does not take a picture: its card goes without it");
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    async fn hand_over(&self, manuscript: &Manuscript) -> Result<Outcome, Outcome> {
        let thumb = self.thumb(manuscript).await?;
        let Session { did, .. } = self.server.session().await?;
        let put = |session: &Session| self.putting(Some(session), Self::body(&session.did, manuscript, thumb.as_ref()));
        let answer = self.server.call(put).await?;
        let rkey = tid::tid(manuscript.published, &manuscript.key);
        Ok(self.server.judge(answer, |_| Outcome::Done(Self::receipt(&did, rkey))))
    }

    async fn look_up(&self, manuscript: &Manuscript) -> Result<Found, Outcome> {
        let Session { did, .. } = self.server.session().await?;
        let rkey = tid::tid(manuscript.published, &manuscript.key);
        let call = format!("com.atproto.repo.getRecord?repo={did}&collection={COLLECTION}&rkey={rkey}");
        let answer = self.server.call(|session| self.server.request(Method::GET, &call, Some(session))).await?;
        let is_missing = answer.as_ref().is_ok_and(|answer| {
            // Older servers have no word of its own for it.
            let words = String::from_utf8_lossy(&answer.body).contains("Could not locate record");
            answer.status == 400 && (word(answer).as_deref() == Some("RecordNotFound") || words)
        });
        if is_missing {
            return Ok(Found::Missing);
        }
        self.server.told(answer)?;
        Ok(Found::There(Self::receipt(&did, rkey)))
    }

    async fn take_down(&self, at: &Receipt) -> Result<Outcome, Outcome> {
        let deleting = |session: &Session| {
            let body = json!({ "repo": session.did, "collection": COLLECTION, "rkey": at.id });
            Some(self.server.request(Method::POST, "com.atproto.repo.deleteRecord", Some(session))?.json(body))
        };
        let answer = self.server.call(deleting).await?;
        Ok(self.server.judge(answer, |_| Outcome::Done(at.clone())))
    }
}

impl Protocol for Account {
    fn draft(&self, manuscript: &Manuscript) -> Draft {
        let request = self.putting(None, Self::body(&self.handle, manuscript, None));
        let mut parts = request.map(|request| request.shown()).unwrap_or_default();
        parts.insert(parts.len().min(1), ("authorization".to_owned(), "… (secret)".to_owned()));
        let picture =
            manuscript.image.as_ref().filter(|_| self.pictures == Pictures::Upload && manuscript.url.is_some());
        parts.extend(picture.map(|picture| ("picture".to_owned(), picture.to_string())));
        Draft(parts)
    }

    fn find<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(async {
            match self.look_up(manuscript).await {
                Ok(found) => found,
                Err(Outcome::Later { why, after }) => Found::Later { why, after },
                // As long as nobody can look, nothing is sent a second time.
                Err(Outcome::Refused(why) | Outcome::InDoubt(why)) => Found::Later { why, after: None },
                Err(Outcome::Done(receipt)) => Found::There(receipt),
            }
        })
    }

    fn post<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Outcome> {
        Box::pin(async { self.hand_over(manuscript).await.unwrap_or_else(|outcome| outcome) })
    }

    fn update<'a>(&'a self, _: &'a Manuscript, _: &'a Receipt) -> BoxFuture<'a, Outcome> {
        let why = "Bluesky goes on showing a post as it was first: take it down and post it anew";
        Box::pin(std::future::ready(Outcome::Refused(why.to_owned())))
    }

    fn delete<'a>(&'a self, _: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async { self.take_down(at).await.unwrap_or_else(|outcome| outcome) })
    }

    fn test(&self) -> BoxFuture<'_, Outcome> {
        Box::pin(async {
            match self.server.session().await {
                Ok(Session { did, .. }) => {
                    let id = format!("the server knows {} and its app password: posts are of {did}", self.handle);
                    Outcome::Done(Receipt { id, url: None })
                }
                Err(outcome) => outcome,
            }
        })
    }
}
