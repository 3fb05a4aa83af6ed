//! Webhooks: a signed message to a program, or a line in a channel of a chat.

mod chat;
mod signed;

use super::Protocol;
use crate::clock::Clock;
use crate::domain::outlet::Webhook;
use crate::domain::slug::Slug;
use crate::net::Client;

/// The protocol of a webhook.
pub(super) fn open(name: Slug, webhook: &Webhook, client: &Client, clock: &Clock) -> Box<dyn Protocol> {
    match webhook {
        Webhook::Json { url, key } => Box::new(signed::Signed::new(name, url, key, client, clock)),
        Webhook::Slack { address } => Box::new(chat::Chat::slack(address, client)),
        Webhook::Discord { address } => Box::new(chat::Chat::discord(address, client)),
        Webhook::Telegram { api, token, chat } => Box::new(chat::Chat::telegram(api, token, chat, client)),
    }
}
