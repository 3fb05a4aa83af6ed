//! What an outlet is: each kind with settings of its own, and what each can do.

mod bluesky;
mod directory;
mod ghost;
mod mail;
mod mastodon;
mod micropub;
mod webhook;
mod wordpress;

pub use bluesky::Bluesky;
pub use directory::{Directory, Generator, Git, Words};
pub use ghost::{Access, Ghost, Pictures};
pub use mail::{Letter, Mail};
pub use mastodon::{Mastodon, Visibility};
pub use micropub::Micropub;
pub use webhook::Webhook;
pub use wordpress::WordPress;

use super::Wording;

/// An outlet's kind, with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An address that is told of each post.
    Webhook(Webhook),
    /// A folder of Markdown files, of which a site is made.
    Directory(Directory),
    /// Somebody, or a program, that publishes what is mailed there.
    Mail(Mail),
    /// A site that takes posts by Micropub.
    Micropub(Micropub),
    /// An account at an instance of Mastodon, or of a program with its interface.
    Mastodon(Mastodon),
    /// A site of WordPress.
    WordPress(WordPress),
    /// A site that Ghost runs.
    Ghost(Ghost),
    /// An account at Bluesky.
    Bluesky(Bluesky),
}

impl Kind {
    /// The word in the configuration and in lists.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webhook(Webhook::Json { .. }) => "webhook",
            Self::Webhook(Webhook::Slack { .. }) => "slack",
            Self::Webhook(Webhook::Discord { .. }) => "discord",
            Self::Webhook(Webhook::Telegram { .. }) => "telegram",
            Self::Directory(_) => "directory",
            Self::Mail(_) => "mail",
            Self::Ghost(_) => "ghost",
            Self::WordPress(_) => "wordpress",
            Self::Micropub(_) => "micropub",
            Self::Mastodon(_) => "mastodon",
            Self::Bluesky(_) => "bluesky",
        }
    }

    /// Whether what it took can be changed there.
    #[must_use]
    pub fn changes(&self) -> bool {
        // Bluesky goes on showing a post as it was first.
        self.deletes() && !matches!(self, Self::Bluesky(_))
    }

    /// Whether what it took can be taken down there.
    #[must_use]
    pub fn deletes(&self) -> bool {
        !matches!(self, Self::Webhook(Webhook::Slack { .. }) | Self::Mail(Mail { form: Letter::Post, .. }))
    }

    /// Whether a post that comes a second time under the same number is known there, or is looked up before.
    #[must_use]
    pub fn knows_repeats(&self) -> bool {
        match self {
            Self::Webhook(webhook) => matches!(webhook, Webhook::Json { .. }),
            Self::Mail(_) => false,
            _ => true,
        }
    }

    /// Whether it can keep a post until a person publishes it.
    #[must_use]
    pub fn drafts(&self) -> bool {
        self.knows_repeats() && !self.is_short()
    }

    /// Whether it shows short messages only, made of the status.
    #[must_use]
    pub fn is_short(&self) -> bool {
        match self {
            Self::Webhook(webhook) => !matches!(webhook, Webhook::Json { .. }),
            Self::Mastodon(_) | Self::Bluesky(_) => true,
            Self::Directory(_) | Self::Mail(_) | Self::Ghost(_) | Self::WordPress(_) | Self::Micropub(_) => false,
        }
    }

    /// What its short messages say when the configuration says nothing else.
    #[must_use]
    pub fn usual_status(&self, has_text: bool) -> Wording {
        let words = match (self, has_text) {
            // The address is in the card.
            (Self::Bluesky(_), true) => "{title}\n\n{text}",
            (Self::Bluesky(_), false) => "{title}",
            (_, true) => "{title}\n\n{text}\n\n{url}",
            (_, false) => "{title}\n{url}",
        };
        words.parse().unwrap_or_default()
    }
}
