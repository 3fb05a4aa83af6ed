//! One reader's copy: the frozen mail with the reader's own tokens in it.

use crate::config::Config;
use crate::domain::digest::token;
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DigestId, SubscriberId, SubscriptionId};
use crate::domain::picture::Picture;
use crate::domain::time::Timestamp;
use crate::domain::token::Purpose;
use crate::mail::{self, Head, ListHead, Message};
use crate::render::{ConfirmContext, Renderer};
use crate::store::{Attempt, Content, DigestContent};

/// Writes the message of an attempt; `pictures` come with a preview. The same attempt gives the same bytes
/// whenever it is repeated (P5).
pub(super) fn write(
    config: &Config,
    renderer: &Renderer,
    attempt: &Attempt,
    digest: Option<&DigestContent>,
    pictures: &[Picture],
) -> Result<Message, String> {
    match &attempt.content {
        Content::Digest { digest: id, subscriber, subscription, counter, name, .. } => {
            let frozen = digest.ok_or("the digest's content is missing")?;
            let token = config.secret.token(Purpose::Unsubscribe, *subscription, *counter, "");
            let id = config.secret.digest_message_id(*id, *subscriber);
            copy(config, renderer, frozen, &Reader { to: &attempt.to, name: name.as_deref(), token: &token, id: &id })
        }
        Content::Preview { letter, written, digest, subject, html, plain } => {
            let id = config.secret.letter_message_id(*letter);
            let (subject, note) = match digest {
                Some(digest) => (
                    format!("Review of digest {digest}: {subject}"),
                    format!(
                        "Digest {digest} waits for you; this is how its readers would get it. It goes out with \
                         `syndicated digest approve {digest}`, and never with `syndicated digest cancel {digest}`."
                    ),
                ),
                None => (format!("Test: {subject}"), "This is a test; nobody else got it.".to_owned()),
            };
            let (plain, html) = tried(config, renderer, attempt, plain, html);
            let (plain, html) = (format!("{note}\n\n{plain}"), noted(&html, &note));
            message(config, &attempt.to, &id, &subject, *written, None, (&plain, &html, pictures))
        }
        Content::Confirm { letter, written, subscription, counter, nonce, newsletter, language } => {
            let token = config.secret.token(Purpose::Confirm, *subscription, *counter, nonce);
            let title = config.newsletter(newsletter.as_str()).map_or(newsletter.as_str(), |n| n.title.as_str());
            let context = ConfirmContext {
                language: *language,
                title: title.to_owned(),
                link: config.url(&format!("/confirm/{token}")),
            };
            let rendered = renderer.confirm_letter(&context).map_err(|error| error.to_string())?;
            let id = config.secret.letter_message_id(*letter);
            message(config, &attempt.to, &id, &rendered.subject, *written, None, (&rendered.plain, &rendered.html, &[]))
        }
        Content::Owner { letter, written, subject, body } => {
            let id = config.secret.letter_message_id(*letter);
            let html = format!("<p>{}</p>", escape(body));
            message(config, &attempt.to, &id, subject, *written, None, (body, &html, &[]))
        }
    }
}

fn message(
    config: &Config,
    to: &EmailAddress,
    id: &str,
    subject: &str,
    date: Timestamp,
    list: Option<ListHead<'_>>,
    (plain, html, pictures): (&str, &str, &[Picture]),
) -> Result<Message, String> {
    let message_id = format!("{id}@{}", config.mail.from.domain());
    let head = Head {
        from_name: &config.mail.from_name,
        from: &config.mail.from,
        to,
        subject,
        date,
        message_id: &message_id,
        list,
    };
    let bytes = mail::compose(&head, plain, html, pictures).map_err(|error| error.to_string())?;
    Ok(Message { from: config.mail.from.clone(), to: to.clone(), id: message_id, bytes })
}

/// Whose copy it is.
struct Reader<'a> {
    to: &'a EmailAddress,
    /// What the reader is greeted by, when it is known.
    name: Option<&'a str>,
    /// What ends the subscription.
    token: &'a str,
    /// The left part of the Message-ID.
    id: &'a str,
}

/// One reader's copy of a digest.
fn copy(config: &Config, renderer: &Renderer, frozen: &DigestContent, reader: &Reader<'_>) -> Result<Message, String> {
    let newsletter = config.newsletter(frozen.newsletter.as_str());
    let link = config.url(&format!("/u/{}", reader.token));
    let list_id = format!("{}.{}", frozen.newsletter, config.site.base_url.host());
    let list_name = newsletter.map_or(frozen.newsletter.as_str(), |newsletter| newsletter.title.as_str());
    let list = ListHead { id: &list_id, name: list_name, unsubscribe_url: &link };
    let language = newsletter.map_or(config.site.language, |newsletter| newsletter.language);
    let greeting = renderer.greeting(language, reader.name);
    let own = [
        (token::EMAIL, reader.to.as_str()),
        (token::UNSUBSCRIBE_URL, link.as_str()),
        (token::GREETING, greeting.as_str()),
    ];
    let (plain, html) = personal(&frozen.plain, &frozen.html, &own);
    message(
        config,
        reader.to,
        reader.id,
        &frozen.subject,
        frozen.frozen_at,
        Some(list),
        (&plain, &html, &frozen.pictures),
    )
}

/// The mail of a digest as a reader at `to` would get it, to look at: only its
/// unsubscribe link, which is nobody's, leads nowhere.
pub fn sample(
    config: &Config,
    renderer: &Renderer,
    content: &DigestContent,
    to: &EmailAddress,
) -> Result<Message, String> {
    let token = config.secret.token(Purpose::Unsubscribe, SubscriptionId(0), 0, "");
    let id = config.secret.digest_message_id(DigestId(0), SubscriberId(0));
    copy(config, renderer, content, &Reader { to, name: None, token: &token, id: &id })
}

/// The parts of a digest for somebody who is no reader of it.
fn tried(config: &Config, renderer: &Renderer, attempt: &Attempt, plain: &str, html: &str) -> (String, String) {
    let (home, greeting) = (config.url("/"), renderer.greeting(config.site.language, None));
    let own = [
        (token::EMAIL, attempt.to.as_str()),
        (token::UNSUBSCRIBE_URL, home.as_str()),
        (token::GREETING, greeting.as_str()),
    ];
    personal(plain, html, &own)
}

/// A line on top of a page.
fn noted(html: &str, note: &str) -> String {
    let line = format!("<p style=\"margin:12px\">{}</p>", escape(note));
    let body = html.find("<body").and_then(|at| Some(at + html.get(at..)?.find('>')? + 1)).unwrap_or(0);
    let (above, below) = html.split_at_checked(body).unwrap_or(("", html));
    format!("{above}{line}{below}")
}

/// The two parts with a reader's own words in the places of the tokens.
fn personal(plain: &str, html: &str, own: &[(&str, &str)]) -> (String, String) {
    let fill = |text: &str, html: bool| {
        own.iter().fold(text.to_owned(), |text, (token, words)| {
            if html { text.replace(token, &escape(words)) } else { text.replace(token, words) }
        })
    };
    (fill(plain, false), fill(html, true))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
