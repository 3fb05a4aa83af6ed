//! One reader's copy: the frozen mail with the reader's own tokens in it.

use crate::config::{Config, Mail};
use crate::domain::digest::token;
use crate::domain::time::Timestamp;
use crate::domain::token::Purpose;
use crate::mail::{ComposeError, Head, ListHead, Message, Mould, Own};
use crate::render::{ConfirmContext, Renderer};
use crate::store::{Attempt, Content, DigestContent};

/// Casts the mail of a digest, once for all its readers.
pub(super) fn mould(config: &Config, frozen: &DigestContent) -> Result<Mould, ComposeError> {
    let id = format!("{}.{}", frozen.newsletter, config.site.base_url.host());
    let name = title(config, frozen.newsletter.as_str());
    let head = Head {
        from_name: &config.mail.from_name,
        from: &config.mail.from,
        subject: &frozen.subject,
        date: frozen.frozen_at,
        list: Some(ListHead { id: &id, name }),
    };
    Mould::new(&head, &frozen.plain, &frozen.html)
}

/// Writes the message of an attempt; `mould` is its digest's. The same attempt
/// gives the same bytes whenever it is repeated (P5).
pub(super) fn write(
    config: &Config,
    renderer: &Renderer,
    attempt: &Attempt,
    mould: Option<&Mould>,
) -> Result<Message, String> {
    match &attempt.content {
        Content::Digest { digest: id, subscriber, subscription, counter } => {
            let mould = mould.ok_or("the digest's content is missing")?;
            let link =
                config.url(&format!("/u/{}", config.secret.token(Purpose::Unsubscribe, *subscription, *counter, "")));
            let id = config.secret.digest_message_id(*id, *subscriber);
            cast(config, attempt, &id, mould, &[(token::UNSUBSCRIBE_URL, &link), (token::EMAIL, attempt.to.as_str())])
        }
        Content::Confirm { letter: id, written, subscription, counter, nonce, newsletter, language } => {
            let token = config.secret.token(Purpose::Confirm, *subscription, *counter, nonce);
            let context = ConfirmContext {
                language: *language,
                title: title(config, newsletter.as_str()).to_owned(),
                link: config.url(&format!("/confirm/{token}")),
            };
            let rendered = renderer.confirm_letter(&context).map_err(|error| error.to_string())?;
            let id = config.secret.letter_message_id(*id);
            let mould = letter(config, &rendered.subject, *written, &rendered.plain, &rendered.html)?;
            cast(config, attempt, &id, &mould, &[])
        }
        Content::Owner { letter: id, written, subject, body } => {
            let html = format!("<p>{}</p>", escape(body).replace('\n', "<br>\n"));
            let mould = letter(config, subject, *written, body, &html)?;
            cast(config, attempt, &config.secret.letter_message_id(*id), &mould, &[])
        }
    }
}

fn letter(config: &Config, subject: &str, date: Timestamp, plain: &str, html: &str) -> Result<Mould, String> {
    let Mail { from_name, from, .. } = &config.mail;
    Mould::new(&Head { from_name, from, subject, date, list: None }, plain, html).map_err(|error| error.to_string())
}

fn cast(
    config: &Config,
    attempt: &Attempt,
    id: &str,
    mould: &Mould,
    tokens: &[(&str, &str)],
) -> Result<Message, String> {
    let message_id = format!("{id}@{}", config.mail.from.domain());
    let own = Own { to: &attempt.to, message_id: &message_id, tokens };
    let bytes = mould.cast(&own, &config.mail.dkim).map_err(|error| error.to_string())?;
    Ok(Message { from: config.mail.from.clone(), to: attempt.to.clone(), id: message_id, bytes })
}

fn title<'a>(config: &'a Config, newsletter: &'a str) -> &'a str {
    config.newsletter(newsletter).map_or(newsletter, |newsletter| newsletter.title.as_str())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
