//! A webhook's settings.

use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;

/// Who is at the other end of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Webhook {
    /// A program that checks signatures.
    Json {
        /// Where it listens.
        url: HttpUrl,
        /// What messages are signed with.
        key: Secret<Vec<u8>>,
    },
    /// A channel of Slack, by an incoming webhook.
    Slack {
        /// The webhook's address, which is all that it takes to write there.
        address: Secret<HttpUrl>,
    },
    /// A channel of Discord.
    Discord {
        /// Likewise.
        address: Secret<HttpUrl>,
    },
    /// A chat of Telegram, by a bot.
    Telegram {
        /// The server of the Bot API.
        api: HttpUrl,
        /// The bot's token.
        token: Secret,
        /// `@channel`, or a chat's number.
        chat: String,
    },
}
