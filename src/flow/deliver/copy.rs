//! One reader's copy: the frozen mail with the reader's own tokens in it.

use crate::config::{self, Config};
use crate::domain::digest::token;
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DeliveryId, DigestId, SubscriberId, SubscriptionId};
use crate::domain::language::Language;
use crate::domain::picture::Picture;
use crate::domain::slug::Slug;
use crate::domain::text::escape;
use crate::domain::time::Timestamp;
use crate::domain::token::Purpose;
use crate::mail::{ComposeError, Head, ListHead, Message, Mould, Own};
use crate::render::{LinkContext, Renderer, wrap};
use crate::store::{Attempt, Coming, Content, DigestContent};

/// A mail of a digest, cast once for all its readers.
pub(super) struct Master {
    mould: Mould,
    /// In which its readers are greeted.
    language: Language,
    /// Of copies that have no date of their own.
    date: Timestamp,
}

/// Whose copy it is.
struct Reader<'a> {
    to: &'a EmailAddress,
    /// What the reader is greeted by, when it is known.
    name: Option<&'a str>,
    /// What the links speak of: the subscription, and the counter in its tokens.
    subscription: (SubscriptionId, i64),
    /// The left part of the Message-ID.
    id: &'a str,
    /// The copy's own date, where it has one.
    dated: Option<Timestamp>,
}

impl Master {
    pub(super) fn new(config: &Config, frozen: &DigestContent) -> Result<Self, ComposeError> {
        let newsletter = config.newsletter(frozen.newsletter.as_str());
        let id = format!("{}.{}", frozen.newsletter, config.site.base_url.host());
        let head = Head {
            from_name: &config.mail.from_name,
            from: &config.mail.from,
            subject: &frozen.subject,
            list: Some(ListHead { id: &id, name: title(config, frozen.newsletter.as_str()) }),
        };
        let language = newsletter.map_or(config.site.language, |newsletter| newsletter.language);
        let mould = Mould::new(&head, &frozen.plain, &frozen.html, &frozen.pictures)?;
        Ok(Self { mould, language, date: frozen.frozen_at })
    }

    /// The mail of a letter that carries its words, in its language and of its date.
    fn written(
        config: &Config,
        content: &Content,
        newsletter: &Slug,
        (language, date): (Language, Timestamp),
    ) -> Result<Self, String> {
        let Content::Written { subject, html, plain, .. } = content else { return Err("no such letter".to_owned()) };
        let id = format!("{newsletter}.{}", config.site.base_url.host());
        let head = Head {
            from_name: &config.mail.from_name,
            from: &config.mail.from,
            subject,
            list: Some(ListHead { id: &id, name: title(config, newsletter.as_str()) }),
        };
        let mould = Mould::new(&head, plain, html, &[]).map_err(|error| error.to_string())?;
        Ok(Self { mould, language, date })
    }

    /// The mail of an attempt to show somebody a digest; `None` when it shows none.
    pub(super) fn preview(config: &Config, content: &Content, pictures: &[Picture]) -> Option<Result<Self, String>> {
        let Content::Preview { written, digest, language, subject, html, plain, .. } = content else { return None };
        let (subject, note) = match digest {
            Some(digest) => (
                format!("Review of digest {digest}: {subject}"),
                format!(
                    "Digest {digest} waits for you; this is how its readers would get it.\n\
                     To let it out: syndicated digest approve {digest}\n\
                     To call it off: syndicated digest cancel {digest}"
                ),
            ),
            None => (format!("Test: {subject}"), "This is a test; nobody else got it.".to_owned()),
        };
        let (plain, html) = (format!("{}\n\n\n{plain}", wrap(&note)), noted(html, &note));
        let mould = letter(config, &subject, (&plain, &html, pictures));
        Some(mould.map(|mould| Self { mould, language: *language, date: *written }))
    }

    /// One reader's copy.
    fn copy(&self, config: &Config, renderer: &Renderer, reader: &Reader<'_>) -> Result<Message, String> {
        let (subscription, counter) = reader.subscription;
        let link =
            |path, purpose| config.url(&format!("{path}{}", config.secret.token(purpose, subscription, counter, "")));
        let mailbox = config.bounces.address.as_ref();
        let by_mail = mailbox.and_then(|mailbox| config.secret.goodbye_address(mailbox, subscription, counter));
        let by_mail = by_mail.map(|address| address.for_wire());
        let own = [
            (token::EMAIL, reader.to.as_str()),
            (token::UNSUBSCRIBE_MAIL, by_mail.as_ref().map_or("", |address| address.as_str())),
            (token::UNSUBSCRIBE_URL, &link("/u/", Purpose::Unsubscribe)),
            (token::PREFERENCES_URL, &link("/p/", Purpose::Preferences)),
            (token::GREETING, &renderer.greeting(self.language, reader.name)),
        ];
        cast(config, reader.to, (reader.id, reader.dated.unwrap_or(self.date)), &self.mould, &own)
    }
}

/// Which mail is written.
#[derive(Clone, Copy)]
pub(super) struct Mail<'a> {
    delivery: DeliveryId,
    content: &'a Content,
    to: &'a EmailAddress,
}

impl<'a> From<&'a Attempt> for Mail<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        Self { delivery: attempt.delivery(), content: &attempt.content, to: &attempt.to }
    }
}

impl<'a> From<&'a Coming> for Mail<'a> {
    fn from(Coming { delivery, content, to }: &'a Coming) -> Self {
        Self { delivery: *delivery, content, to }
    }
}

/// Writes the message of a mail; `master` is that of its digest or preview. The same mail
/// gives the same bytes whenever it is repeated (P5), and comes back to the same address.
pub(super) fn write(
    config: &Config,
    renderer: &Renderer,
    mail: Mail<'_>,
    master: Option<&Master>,
) -> Result<Message, String> {
    let message = compose(config, renderer, mail, master)?;
    // What only the owner gets comes back to the sender: no bounce of it is a reader's.
    let of_reader = !matches!(mail.content, Content::Owner { .. } | Content::Preview { .. });
    let mailbox = config.bounces.address.as_ref().filter(|_| of_reader);
    let back = mailbox.and_then(|mailbox| config.secret.return_address(mailbox, mail.delivery, mail.to));
    Ok(match back {
        Some(from) => Message { from, ..message },
        None => message,
    })
}

fn compose(
    config: &Config,
    renderer: &Renderer,
    Mail { content, to, .. }: Mail<'_>,
    master: Option<&Master>,
) -> Result<Message, String> {
    match content {
        Content::Digest { digest: id, subscriber, subscription, counter, name, dated, .. } => {
            let master = master.ok_or("the digest's content is missing")?;
            let id = config.secret.digest_message_id(*id, *subscriber);
            let (name, subscription) = (name.as_deref(), (*subscription, *counter));
            master.copy(config, renderer, &Reader { to, name, subscription, id: &id, dated: *dated })
        }
        Content::Preview { letter: id, .. } => {
            let master = master.ok_or("the preview's content is missing")?;
            // For somebody who may be no reader of it.
            let (home, greeting) = (config.url("/"), renderer.greeting(master.language, None));
            let own = [
                (token::EMAIL, to.as_str()),
                (token::UNSUBSCRIBE_URL, &home),
                (token::PREFERENCES_URL, &home),
                (token::GREETING, &greeting),
            ];
            cast(config, to, (&config.secret.letter_message_id(*id), master.date), &master.mould, &own)
        }
        Content::Confirm { letter: id, written, subscription, counter, nonce, newsletters, language } => {
            let token = config.secret.token(Purpose::Confirm, *subscription, *counter, nonce);
            let link = config.url(&format!("/confirm/{token}"));
            let context = LinkContext { language: *language, title: titles(config, newsletters), link };
            let rendered = renderer.confirm_letter(&context).map_err(|error| error.to_string())?;
            let id = config.secret.letter_message_id(*id);
            let mould = letter(config, &rendered.subject, (&rendered.plain, &rendered.html, &[]))?;
            cast(config, to, (&id, *written), &mould, &[])
        }
        Content::Link { letter: id, written, what, subscription, counter, nonce, newsletters, language } => {
            let token = config.secret.token(what.purpose(), *subscription, *counter, nonce);
            let context = LinkContext {
                language: *language,
                title: titles(config, newsletters),
                link: config.url(&format!("{}{token}", what.path())),
            };
            let rendered = renderer.link_letter(*what, &context).map_err(|error| error.to_string())?;
            let id = config.secret.letter_message_id(*id);
            let mould = letter(config, &rendered.subject, (&rendered.plain, &rendered.html, &[]))?;
            cast(config, to, (&id, *written), &mould, &[])
        }
        Content::Written { letter: id, written, subscription, counter, newsletter, language, name, .. } => {
            let master = Master::written(config, content, newsletter, (*language, *written))?;
            let id = config.secret.letter_message_id(*id);
            let (name, subscription) = (name.as_deref(), (*subscription, *counter));
            master.copy(config, renderer, &Reader { to, name, subscription, id: &id, dated: None })
        }
        Content::Owner { letter: id, written, subject, body } => {
            let rendered = renderer.owner_letter(subject, body).map_err(|error| error.to_string())?;
            let mould = letter(config, subject, (&rendered.plain, &rendered.html, &[]))?;
            cast(config, to, (&config.secret.letter_message_id(*id), *written), &mould, &[])
        }
    }
}

/// The mail of a digest as a reader at `to` would get it, to look at: only its
/// links to the subscription, which is nobody's, lead nowhere.
pub fn sample(
    config: &Config,
    renderer: &Renderer,
    content: &DigestContent,
    to: &EmailAddress,
) -> Result<Message, String> {
    let id = config.secret.digest_message_id(DigestId(0), SubscriberId(0));
    let master = Master::new(config, content).map_err(|error| error.to_string())?;
    master.copy(
        config,
        renderer,
        &Reader { to, name: None, subscription: (SubscriptionId(0), 0), id: &id, dated: None },
    )
}

fn letter(config: &Config, subject: &str, (plain, html, pictures): (&str, &str, &[Picture])) -> Result<Mould, String> {
    let config::Mail { from_name, from, .. } = &config.mail;
    let head = Head { from_name, from, subject, list: None };
    Mould::new(&head, plain, html, pictures).map_err(|error| error.to_string())
}

fn cast(
    config: &Config,
    to: &EmailAddress,
    (id, date): (&str, Timestamp),
    mould: &Mould,
    tokens: &[(&str, &str)],
) -> Result<Message, String> {
    let message_id = format!("{id}@{}", config.mail.from.for_wire().domain());
    let own = Own { to, message_id: &message_id, date, tokens };
    let bytes = mould.cast(&own, &config.mail.dkim).map_err(|error| error.to_string())?;
    Ok(Message { from: config.mail.from.clone(), to: to.clone(), id: message_id, bytes })
}

fn title<'a>(config: &'a Config, newsletter: &'a str) -> &'a str {
    config.newsletter(newsletter).map_or(newsletter, |newsletter| newsletter.title.as_str())
}

fn titles(config: &Config, newsletters: &[Slug]) -> String {
    newsletters.iter().map(|name| title(config, name.as_str())).collect::<Vec<_>>().join(", ")
}

/// A page with a note on top, which is not part of it.
fn noted(html: &str, note: &str) -> String {
    let line = format!(
        "<div lang=\"en\" dir=\"ltr\" style=\"padding:12px 16px;background-color:#f7e7c1;font-family:Helvetica,Arial,sans-serif;font-size:14px;line-height:1.5;color:#22252a\">{}</div>",
        escape(note).replace('\n', "<br>")
    );
    let body = html.find("<body").and_then(|at| Some(at + html.get(at..)?.find('>')? + 1)).unwrap_or(0);
    let (above, below) = html.split_at_checked(body).unwrap_or(("", html));
    format!("{above}{line}{below}")
}
