//! The settings of an outlet that takes mails.

use crate::domain::composition::word;
use crate::domain::email_address::EmailAddress;
use crate::domain::secret::Secret;
use std::str::FromStr;

/// Somebody, or a program, that publishes what is mailed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Where mails go.
    pub to: Secret<EmailAddress>,
    /// Whether that is a secret: who knows the address can publish there.
    pub is_secret: bool,
    /// What a mail is.
    pub form: Letter,
    /// The relay by which mails leave; `None` is the first.
    pub relay: Option<String>,
    /// Whether pictures come with the mail.
    pub embed: bool,
}

word! {
    /// What a mail to an outlet is.
    Letter {
        /// A letter to people: what it is about, where the original stands, and the piece.
        Desk = "desk",
        /// The piece alone, of which a program makes a post.
        Post = "post"
    }
}
