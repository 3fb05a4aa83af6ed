//! Webhooks: to a program, or to a chat.

use super::{Keys, address};
use crate::domain::outlet::{Kind, Webhook};
use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A program that checks signatures.
pub(super) fn json(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let url = keys.address("url", "https://hooks.example.com/syndicated");
    let key = keys.secret("the key that messages are signed with");
    Some(Kind::Webhook(Webhook::Json { url: url?, key: signing_key(&key?) }))
}

/// A channel of Slack.
pub(super) fn slack(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    Some(Kind::Webhook(Webhook::Slack { address: hidden_address(keys)? }))
}

/// A channel of Discord.
pub(super) fn discord(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    Some(Kind::Webhook(Webhook::Discord { address: hidden_address(keys)? }))
}

/// A chat of Telegram.
pub(super) fn telegram(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let api = keys.table.parsed("url", address);
    let chat = keys.table.words("chat");
    let chat = keys.table.required("chat", chat, "\"@channel\"");
    let token = keys.secret("the bot's token");
    let api = api.or_else(|| "https://api.telegram.org/".parse().ok());
    Some(Kind::Webhook(Webhook::Telegram { api: api?, token: token?, chat: chat? }))
}

/// The address of a chat's webhook, which is a secret as a whole.
fn hidden_address(keys: &mut Keys<'_, '_>) -> Option<Secret<HttpUrl>> {
    if keys.table.holds("url") {
        let hint = "put it where secrets stand, as secret_file or in the environment, and leave `url` out";
        let place = keys.table.place("url");
        keys.table.faults().add_hint(&place, "is a secret: whoever has this address can write there", hint);
        keys.table.skip("url");
    }
    let text = keys.secret("the webhook's address")?;
    let Ok(url) = text.expose().trim().parse::<HttpUrl>() else {
        let message = "its secret is not the address of a webhook, such as https://hooks.example.com/…";
        let spot = keys.table.spot.clone();
        keys.table.faults().add(&spot, message);
        return None;
    };
    Some(Secret::new(url))
}

/// Standard Webhooks write keys as `whsec_` and base64; any other text is a key as it stands.
fn signing_key(secret: &Secret) -> Secret<Vec<u8>> {
    let text = secret.expose();
    let decoded = text.strip_prefix("whsec_").and_then(|base64| STANDARD.decode(base64).ok());
    Secret::new(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
}
