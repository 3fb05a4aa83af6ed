//! One reader's copy: the frozen mail with the reader's own tokens in it.

use crate::config::Config;
use crate::domain::digest::token;
use crate::domain::email_address::EmailAddress;
use crate::domain::time::Timestamp;
use crate::domain::token::Purpose;
use crate::mail::{self, Head, ListHead, Message};
use crate::render::{ConfirmContext, Renderer};
use crate::store::{Attempt, Content, DigestContent};

/// Writes the message of an attempt. The same attempt gives the same bytes
/// whenever it is repeated (P5).
pub(super) fn write(
    config: &Config,
    renderer: &Renderer,
    attempt: &Attempt,
    digest: Option<&DigestContent>,
) -> Result<Message, String> {
    match &attempt.content {
        Content::Digest { digest: id, subscriber, subscription, counter } => {
            let frozen = digest.ok_or("the digest's content is missing")?;
            let link =
                config.url(&format!("/u/{}", config.secret.token(Purpose::Unsubscribe, *subscription, *counter, "")));
            let list_id = format!("{}.{}", frozen.newsletter, config.site.base_url.host());
            let list_name =
                config.newsletter(frozen.newsletter.as_str()).map_or(frozen.newsletter.as_str(), |n| n.title.as_str());
            let id = config.secret.digest_message_id(*id, *subscriber);
            let list = ListHead { id: &list_id, name: list_name, unsubscribe_url: &link };
            let (plain, html) = personal(frozen, &attempt.to, &link);
            message(config, attempt, &id, &frozen.subject, frozen.frozen_at, Some(list), (&plain, &html))
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
            message(config, attempt, &id, &rendered.subject, *written, None, (&rendered.plain, &rendered.html))
        }
        Content::Owner { letter, written, subject, body } => {
            let id = config.secret.letter_message_id(*letter);
            let html = format!("<p>{}</p>", escape(body));
            message(config, attempt, &id, subject, *written, None, (body, &html))
        }
    }
}

fn message(
    config: &Config,
    attempt: &Attempt,
    id: &str,
    subject: &str,
    date: Timestamp,
    list: Option<ListHead<'_>>,
    (plain, html): (&str, &str),
) -> Result<Message, String> {
    let message_id = format!("{id}@{}", config.mail.from.domain());
    let head = Head {
        from_name: &config.mail.from_name,
        from: &config.mail.from,
        to: &attempt.to,
        subject,
        date,
        message_id: &message_id,
        list,
    };
    let bytes = mail::compose(&head, plain, html).map_err(|error| error.to_string())?;
    Ok(Message { from: config.mail.from.clone(), to: attempt.to.clone(), id: message_id, bytes })
}

/// The two parts with the reader's tokens filled in.
fn personal(frozen: &DigestContent, reader: &EmailAddress, link: &str) -> (String, String) {
    let fill =
        |text: &str, email: &str, link: &str| text.replace(token::EMAIL, email).replace(token::UNSUBSCRIBE_URL, link);
    (fill(&frozen.plain, reader.as_str(), link), fill(&frozen.html, &escape(reader.as_str()), &escape(link)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
