//! Messages and how they leave: composed once per reader, handed to a relay
//! phase by phase. No SQL and no templates here.
//!
//! Invariants: what stands in a header cannot end it (S4); the same digest and
//! reader give the same bytes (P5); what a relay did becomes a verdict that
//! names the phase it happened in (P10).

mod compose;
mod maildir;
mod smtp;

pub use compose::{ComposeError, Head, ListHead, compose};
pub use smtp::Deadlines;

use crate::config::Relay;
use crate::domain::delivery::Verdict;
use crate::domain::email_address::EmailAddress;
use maildir::Maildir;
use smtp::{SmtpRelay, SmtpSession};

/// A message ready to leave.
#[derive(Debug, Clone)]
pub struct Message {
    /// The envelope's sender (RFC 5321 section 2.3.1).
    pub from: EmailAddress,
    /// The envelope's recipient.
    pub to: EmailAddress,
    /// What makes a repeat recognisable: the Message-ID without its brackets.
    pub id: String,
    /// Header and body (RFC 5322), lines ended by CRLF.
    pub bytes: Vec<u8>,
}

/// Where mails go.
#[derive(Debug, Clone)]
pub enum Transport {
    /// A folder of files.
    Maildir(Maildir),
    /// An SMTP server.
    Smtp(SmtpRelay),
}

/// A connection that carries mails one after the other.
#[derive(Debug)]
pub enum Session {
    /// A folder of files.
    Maildir(Maildir),
    /// A connection to an SMTP server.
    Smtp(Box<SmtpSession>),
}

impl Transport {
    /// The transport that the configuration names.
    #[must_use]
    pub fn new(relay: &Relay, deadlines: Deadlines) -> Self {
        match relay {
            Relay::Maildir(folder) => Self::Maildir(Maildir::new(folder.clone())),
            Relay::Smtp { host, port, tls, login } => {
                Self::Smtp(SmtpRelay::new(host.clone(), *port, *tls, login.clone(), deadlines))
            }
        }
    }

    /// Opens a session, or says what the relay did instead.
    pub async fn open(&self) -> Result<Session, String> {
        match self {
            Self::Maildir(maildir) => maildir.prepare().await.map(|()| Session::Maildir(maildir.clone())),
            Self::Smtp(relay) => relay.connect().await.map(|session| Session::Smtp(Box::new(session))),
        }
    }
}

impl Session {
    /// Hands one message over. Must not be cancelled: the verdict is then lost,
    /// and with it the knowledge whether the mail went out.
    pub async fn send(&mut self, message: &Message) -> Verdict {
        match self {
            Self::Maildir(maildir) => maildir.deliver(message).await,
            Self::Smtp(session) => session.send(message).await,
        }
    }

    /// Whether the session may carry another message.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self {
            Self::Maildir(_) => true,
            Self::Smtp(session) => session.is_usable(),
        }
    }

    /// Takes leave of the relay.
    pub async fn close(self) {
        if let Self::Smtp(session) = self {
            session.close().await;
        }
    }
}
