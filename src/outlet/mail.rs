//! A mail to a desk, or to an address at which mails become posts: for outlets that
//! have no interface. What was published of it comes by the source as which the outlet
//! is followed (`store::outlet_copies`).
//!
//! A repeat has the same Message-ID, which few programs heed: whether a mail arrived
//! whose answer was lost, a person must say.

use super::pictures;
use super::{Means, Protocol};
use crate::clock::Clock;
use crate::config::{Config, Dkim};
use crate::domain::delivery::Verdict;
use crate::domain::email_address::EmailAddress;
use crate::domain::html::CleanHtml;
use crate::domain::language::Language;
use crate::domain::outlet::{Draft, Found, Gone, Letter, Mail, Manuscript, Outcome, Outlet, Receipt, Task};
use crate::domain::picture::Picture;
use crate::domain::slug::Slug;
use crate::mail::{self, Deadlines, Head, Message, Mould, Own, Transport};
use crate::net::Client;
use crate::render::{self, DeskContext, Rendered, Renderer, bare_post};
use chrono_tz::Tz;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most pictures that come with a mail, and their most bytes, encoded: many a mailbox takes 10 MB.
const MOST: usize = 30;
const ALTOGETHER: usize = 8 * 1024 * 1024;
/// So many characters of a fingerprint tell corrections apart.
const VERSION: usize = 12;

/// A mailbox that publishes what it gets.
pub(super) struct Mailbox {
    outlet: Slug,
    mail: Mail,
    language: Language,
    zone: Tz,
    from: (String, EmailAddress),
    keys: Vec<Dkim>,
    relay: Option<(String, Arc<dyn Transport>)>,
    renderer: Arc<Renderer>,
    client: Client,
    clock: Clock,
}

impl Mailbox {
    pub(super) fn new(outlet: &Outlet, mail: &Mail, means: &Means<'_>) -> Self {
        let Config { mail: own, .. } = means.config;
        let named = |name: &String| own.lanes.iter().find(|lane| lane.name == *name);
        let lane = mail.relay.as_ref().map_or_else(|| own.lanes.first(), named);
        Self {
            outlet: outlet.name.clone(),
            mail: mail.clone(),
            language: outlet.form.language,
            zone: outlet.timing.zone,
            from: (own.from_name.clone(), own.from.clone()),
            keys: own.dkim.clone(),
            relay: lane.map(|lane| (called(&lane.name), mail::transport(&lane.relay, Deadlines::default()))),
            renderer: means.renderer.clone(),
            client: means.client.clone(),
            clock: means.clock.clone(),
        }
    }

    /// The mail's subject and its two texts.
    fn written(&self, task: Task, it: &Manuscript, embedded: &BTreeMap<String, String>) -> Result<Rendered, String> {
        if self.mail.form == Letter::Post {
            let (html, plain) = bare_post((&it.title, it.language.as_deref()), &it.html, embedded);
            return Ok(Rendered { subject: it.title.clone(), html, plain });
        }
        let date = self.renderer.long_date(self.language, self.zone, it.published);
        let authors = it.authors.join(", ");
        let byline: Vec<&str> =
            [authors.as_str(), &it.source, &date].into_iter().filter(|part| !part.is_empty()).collect();
        let context = DeskContext {
            language: self.language,
            task,
            title: it.title.clone(),
            html: it.html.clone(),
            embedded: embedded.clone(),
            spoken: it.language.clone(),
            byline: byline.join(" · "),
            url: it.url.as_ref().map(ToString::to_string),
            tags: it.tags.clone(),
        };
        self.renderer.desk_letter(&context).map_err(|error| error.to_string())
    }

    fn message(&self, id: &str, written: &Rendered, pictures: &[Picture]) -> Result<Message, String> {
        let (from_name, from) = &self.from;
        let message_id = format!("{id}@{}", from.for_wire().domain());
        let head = Head { from_name, from, subject: &written.subject, list: None };
        let to = self.mail.to.expose();
        let mould = Mould::new(&head, &written.plain, &written.html, pictures).map_err(|error| error.to_string())?;
        let own = Own { to, message_id: &message_id, date: self.clock.now(), tokens: &[] };
        let bytes = mould.cast(&own, &self.keys).map_err(|error| error.to_string())?;
        Ok(Message { from: from.clone(), to: to.clone(), id: message_id, bytes })
    }

    /// Hands a mail to the relay, which says what became of it.
    async fn send(&self, message: Result<Message, String>, at: Option<&Receipt>) -> Outcome {
        let message = match message {
            Ok(message) => message,
            Err(why) => return Outcome::Refused(why),
        };
        let Some((name, transport)) = &self.relay else {
            return Outcome::Refused("there is no relay of that name: mend `relay` in its table".to_owned());
        };
        let mut session = match transport.open().await {
            Ok(session) => session,
            Err(why) => return Outcome::Later { why: format!("{name}: {why}"), after: None },
        };
        let verdict = session.send(&message).await;
        session.close().await;
        match verdict {
            Verdict::Sent { .. } => Outcome::Done(at.cloned().unwrap_or(Receipt { id: message.id, url: None })),
            Verdict::Deferred { reason } | Verdict::RelayTrouble { reason } => {
                Outcome::Later { why: self.said(name, &reason), after: None }
            }
            Verdict::Bounced { reason } | Verdict::Refused { reason } => Outcome::Refused(self.said(name, &reason)),
            Verdict::Unknown { reason } => Outcome::InDoubt(self.said(name, &reason)),
        }
    }

    /// A relay's words; many repeat the address.
    fn said(&self, relay: &str, reason: &str) -> String {
        let said = format!("{relay}: {reason}");
        if self.mail.is_secret { said.replace(self.mail.to.expose().as_str(), "…") } else { said }
    }

    async fn pictures(&self, html: &CleanHtml) -> BTreeMap<String, Picture> {
        let (mut had, mut left) = (BTreeMap::new(), ALTOGETHER);
        if !self.mail.embed {
            return had;
        }
        for address in render::pictures(html).into_iter().take(MOST) {
            let Some(fetched) = pictures::fetch(&self.client, &self.outlet, &address).await else { continue };
            let Some(picture) = Picture::of(&address, &fetched.bytes) else { continue };
            let Some(rest) = left.checked_sub(picture.base64.len()) else { continue };
            left = rest;
            had.insert(address, picture);
        }
        had
    }

    async fn hand_over(&self, task: Task, id: &str, manuscript: &Manuscript, at: Option<&Receipt>) -> Outcome {
        let pictures = self.pictures(&manuscript.html).await;
        let embedded = pictures.iter().map(|(address, picture)| (address.clone(), picture.id.clone())).collect();
        let pictures: Vec<Picture> = pictures.into_values().collect();
        let written = self.written(task, manuscript, &embedded);
        self.send(written.and_then(|written| self.message(id, &written, &pictures)), at).await
    }
}

/// A relay in words; one that stands in `[mail]` has no name of its own.
fn called(name: &str) -> String {
    if name == "relay" { "the relay".to_owned() } else { format!("the relay {name}") }
}

impl Protocol for Mailbox {
    fn draft(&self, manuscript: &Manuscript) -> Draft {
        let to = if self.mail.is_secret { "… (secret)" } else { self.mail.to.expose().as_str() };
        let mut parts = vec![("from", self.from.1.to_string()), ("to", to.to_owned())];
        match self.written(Task::Post, manuscript, &BTreeMap::new()) {
            Ok(written) => {
                parts.push(("subject", written.subject));
                if self.mail.embed {
                    parts.extend(render::pictures(&manuscript.html).into_iter().map(|address| ("picture", address)));
                }
                parts.extend([("text", written.plain), ("html", written.html)]);
            }
            Err(why) => parts.push(("fault", why)),
        }
        Draft(parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn find<'a>(&'a self, _: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(std::future::ready(Found::CannotTell))
    }

    fn post<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Outcome> {
        Box::pin(self.hand_over(Task::Post, &manuscript.key, manuscript, None))
    }

    fn update<'a>(&'a self, manuscript: &'a Manuscript, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let version: String = manuscript.fingerprint().chars().take(VERSION).collect();
            let id = format!("{}.{version}", manuscript.key);
            self.hand_over(Task::Update, &id, manuscript, Some(at)).await
        })
    }

    fn delete<'a>(&'a self, gone: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        let context = DeskContext {
            language: self.language,
            task: Task::Delete,
            title: gone.title.clone(),
            html: CleanHtml::default(),
            embedded: BTreeMap::new(),
            spoken: None,
            byline: String::new(),
            // Where it is to be taken down, where that is known.
            url: at.url.as_ref().or(gone.url.as_ref()).map(ToString::to_string),
            tags: Vec::new(),
        };
        let written = self.renderer.desk_letter(&context).map_err(|error| error.to_string());
        let id = format!("{}.gone", gone.key);
        let message = written.and_then(|written| self.message(&id, &written, &[]));
        Box::pin(async move { self.send(message, Some(at)).await })
    }

    fn test(&self) -> BoxFuture<'_, Outcome> {
        Box::pin(async {
            let Some((name, transport)) = &self.relay else {
                return Outcome::Refused("there is no relay of that name: mend `relay` in its table".to_owned());
            };
            match transport.open().await {
                Ok(session) => {
                    session.close().await;
                    let id = format!("{name} answers; no mail was sent, so what the mailbox says is not known");
                    Outcome::Done(Receipt { id, url: None })
                }
                Err(why) => Outcome::Later { why: format!("{name}: {why}"), after: None },
            }
        })
    }
}
