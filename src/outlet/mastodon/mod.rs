//! An account in the fediverse, by Mastodon's interface, which other programs have,
//! too (docs.joinmastodon.org/methods/statuses).
//!
//! An instance knows a repeat by its `Idempotency-Key` for an hour only. So what may
//! have arrived is looked for among the account's own statuses.

mod instance;
mod lookup;
mod media;
mod words;

use super::Protocol;
use super::answer::or_gone;
use super::request::Request;
use crate::clock::Clock;
use crate::domain::outlet::{Draft, Found, Gone, Manuscript, Mastodon, Outcome, Pictures, Receipt, Visibility};
use crate::domain::slug::Slug;
use crate::net::{Client, Method};
use futures_util::future::BoxFuture;
use instance::{Instance, id};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use words::Limits;

/// An account.
pub(super) struct Account {
    outlet: Slug,
    instance: Instance,
    visibility: Visibility,
    pictures: Pictures,
    client: Client,
    clock: Clock,
    /// What the instance said of how long statuses may be.
    limits: OnceLock<Limits>,
}

impl Account {
    pub(super) fn new(outlet: Slug, account: &Mastodon, client: &Client, clock: &Clock) -> Self {
        Self {
            outlet,
            instance: Instance::new(&account.url, &account.token, client, clock),
            visibility: account.visibility,
            pictures: account.pictures,
            client: client.clone(),
            clock: clock.clone(),
            limits: OnceLock::new(),
        }
    }

    async fn limits(&self) -> Result<Limits, Outcome> {
        match self.limits.get() {
            Some(limits) => Ok(*limits),
            None => self.instance.limits().await.map(|limits| *self.limits.get_or_init(|| limits)),
        }
    }

    /// The words, as long as the instance allows beside so many characters more.
    fn text(manuscript: &Manuscript, limits: Limits, beside: usize) -> String {
        manuscript.status.written(words::written, |text| limits.takes(text, beside))
    }

    /// A status with its language.
    fn status(manuscript: &Manuscript, text: &str, media: &[String]) -> Map<String, Value> {
        let mut status = Map::from_iter([("status".to_owned(), json!(text))]);
        let language = manuscript.language.as_deref().and_then(|tag| tag.split('-').next());
        if let Some(language) = language.filter(|language| language.len() == 2) {
            status.insert("language".to_owned(), json!(language.to_ascii_lowercase()));
        }
        if !media.is_empty() {
            status.insert("media_ids".to_owned(), json!(media));
        }
        status
    }

    fn posting(&self, manuscript: &Manuscript, limits: Limits, media: &[String]) -> Option<Request> {
        let mut status = Self::status(manuscript, &Self::text(manuscript, limits, 0), media);
        status.insert("visibility".to_owned(), json!(self.visibility.as_str()));
        let request = self.instance.request(Method::POST, "api/v1/statuses")?;
        Some(request.header("idempotency-key", manuscript.key.clone()).json(Value::Object(status)))
    }

    /// What a status is known by. What only followers see has no address for readers.
    fn receipt(&self, told: &Value) -> Option<Receipt> {
        let url = told.get("url").and_then(Value::as_str).and_then(|url| url.parse().ok());
        Some(Receipt { id: id(told)?, url: url.filter(|_| self.visibility != Visibility::Private) })
    }

    async fn hand_over(&self, manuscript: &Manuscript) -> Result<Outcome, Outcome> {
        let limits = self.limits().await?;
        let picture = if self.pictures == Pictures::Upload {
            media::upload(&self.instance, (&self.outlet, &self.client, &self.clock), manuscript).await?
        } else {
            None
        };
        let media: Vec<String> = picture.into_iter().collect();
        let answer = self.instance.send(self.posting(manuscript, limits, &media)).await;
        Ok(self.instance.judge(answer, |told| match self.receipt(told) {
            Some(receipt) => Outcome::Done(receipt),
            None => Outcome::InDoubt("its answer does not say under which number the status stands".to_owned()),
        }))
    }

    /// Changes the words. Pictures stay, as do a warning and the mark that somebody there has set: what is not sent
    /// again is taken away.
    async fn change(&self, manuscript: &Manuscript, at: &Receipt) -> Result<Outcome, Outcome> {
        let limits = self.limits().await?;
        let path = format!("api/v1/statuses/{}", at.id);
        let answer = self.instance.send(self.instance.request(Method::GET, &path)).await;
        if answer.as_ref().is_ok_and(|answer| answer.status == 404) {
            return Err(Outcome::Refused("it does not stand there any more: somebody took it down".to_owned()));
        }
        let standing = self.instance.told(answer)?;
        let media = standing.get("media_attachments").and_then(Value::as_array);
        let media: Vec<String> = media.into_iter().flatten().filter_map(id).collect();
        let warning = standing.get("spoiler_text").and_then(Value::as_str).unwrap_or_default();
        let mut status =
            Self::status(manuscript, &Self::text(manuscript, limits, limits.length(warning)), media.as_slice());
        if !warning.is_empty() {
            status.insert("spoiler_text".to_owned(), json!(warning));
        }
        if standing.get("sensitive") == Some(&Value::Bool(true)) {
            status.insert("sensitive".to_owned(), json!(true));
        }
        let request = self.instance.request(Method::PUT, &path).map(|request| request.json(Value::Object(status)));
        let answer = self.instance.send(request).await;
        Ok(self.instance.judge(answer, |_| Outcome::Done(at.clone())))
    }

    async fn look_up(&self, manuscript: &Manuscript) -> Result<Option<Receipt>, Outcome> {
        let text = Self::text(manuscript, self.limits().await?, 0);
        let sought = lookup::Sought::new(&text, manuscript.url.as_ref());
        let (account, _) = self.instance.account().await?;
        let found = lookup::look(&self.instance, &account, &sought).await?;
        Ok(found.and_then(|status| self.receipt(&status)))
    }
}

impl Protocol for Account {
    fn prepare(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Err(outcome) = self.limits().await {
                tracing::info!(outlet = %self.outlet, ?outcome, "an instance does not say how long a status may be");
            }
        })
    }

    fn draft(&self, manuscript: &Manuscript) -> Draft {
        let limits = self.limits.get().copied().unwrap_or_default();
        let mut parts = self.posting(manuscript, limits, &[]).map(|request| request.shown()).unwrap_or_default();
        if let Some(picture) = manuscript.image.as_ref().filter(|_| self.pictures == Pictures::Upload) {
            parts.push(("picture".to_owned(), picture.to_string()));
            parts.extend(manuscript.image_alt.iter().map(|alt| ("its description".to_owned(), alt.clone())));
        }
        Draft(parts)
    }

    fn find<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(async {
            match self.look_up(manuscript).await {
                Ok(Some(receipt)) | Err(Outcome::Done(receipt)) => Found::There(receipt),
                Ok(None) => Found::Missing,
                Err(Outcome::Later { why, after }) => Found::Later { why, after },
                // As long as nobody can look, nothing is sent a second time.
                Err(Outcome::Refused(why) | Outcome::InDoubt(why)) => Found::Later { why, after: None },
            }
        })
    }

    fn post<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Outcome> {
        Box::pin(async { self.hand_over(manuscript).await.unwrap_or_else(|outcome| outcome) })
    }

    fn update<'a>(&'a self, manuscript: &'a Manuscript, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async { self.change(manuscript, at).await.unwrap_or_else(|outcome| outcome) })
    }

    fn delete<'a>(&'a self, _: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async {
            let request = self.instance.request(Method::DELETE, &format!("api/v1/statuses/{}", at.id));
            let answer = self.instance.send(request).await;
            let status = answer.as_ref().ok().map(|answer| answer.status);
            or_gone(self.instance.judge(answer, |_| Outcome::Done(at.clone())), status, at)
        })
    }

    fn test(&self) -> BoxFuture<'_, Outcome> {
        Box::pin(async {
            let known = async {
                let (_, name) = self.instance.account().await?;
                Ok((name, self.limits().await?))
            };
            match known.await {
                Ok((name, Limits { most, .. })) => {
                    let host = self.instance.host();
                    let id = format!("{host} knows its token: posts are @{name}'s, of {most} characters at the most");
                    Outcome::Done(Receipt { id, url: None })
                }
                Err(outcome) => outcome,
            }
        })
    }
}
