//! Messages and how they leave: composed once per reader, handed to a relay
//! phase by phase. No SQL and no templates here.
//!
//! Invariants: what stands in a header cannot end it (S4); the same digest and
//! reader give the same bytes (P5); what a relay did becomes a verdict that
//! names the phase it happened in (P10).

mod compose;
mod dkim;
mod encode;
pub mod imap;
mod maildir;
mod mould;
pub mod returned;
mod smtp;
mod wire;

pub use compose::{ComposeError, Head, ListHead};
pub use mould::{Mould, Own};
pub use smtp::Deadlines;

use crate::config::Relay;
use crate::domain::delivery::Verdict;
use crate::domain::email_address::EmailAddress;
use futures_util::future::BoxFuture;
use maildir::Maildir;
use smtp::SmtpRelay;
use std::fmt;
use std::sync::Arc;

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

/// A way by which mails leave: a folder, an SMTP server, or whatever else takes
/// a message and says what became of it.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Opens a session, or says what the relay did instead.
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Session>, String>>;
}

/// A connection that carries mails one after the other.
pub trait Session: fmt::Debug + Send {
    /// Hands one message over. Must not be cancelled: the verdict is then lost,
    /// and with it the knowledge whether the mail went out.
    fn send<'a>(&'a mut self, message: &'a Message) -> BoxFuture<'a, Verdict>;

    /// Whether the session may carry another message.
    fn is_usable(&self) -> bool;

    /// Takes leave of the relay.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// The transport that the configuration names.
#[must_use]
pub fn transport(relay: &Relay, deadlines: Deadlines) -> Arc<dyn Transport> {
    match relay {
        Relay::Maildir(folder) => Arc::new(Maildir::new(folder.clone())),
        Relay::Smtp { host, port, tls, login } => {
            Arc::new(SmtpRelay::new(host.clone(), *port, *tls, login.clone(), deadlines))
        }
    }
}
