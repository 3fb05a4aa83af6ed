//! One mail over one connection, which carries so many and is then replaced.

use crate::domain::delivery::Verdict;
use crate::mail::{Message, Session, Transport};

/// A session with how many mails it has carried.
#[derive(Debug)]
pub(super) struct Idle {
    session: Box<dyn Session>,
    carried: u32,
}

impl Idle {
    /// Takes leave of the relay.
    pub(super) async fn close(self) {
        self.session.close().await;
    }
}

/// What handing a message over came to.
#[derive(Debug)]
pub(super) struct Handed {
    /// What became of the message.
    pub(super) verdict: Verdict,
    /// The connection, while it may carry another.
    pub(super) idle: Option<Idle>,
    /// Whether the connection was lost over it.
    pub(super) lost: bool,
}

impl Handed {
    /// What is left when our own code failed over a message: nobody knows how far
    /// it came (P6).
    pub(super) fn broken() -> Self {
        tracing::error!("handing over a mail failed; its fate is unknown");
        let reason = "syndicated failed in the middle of this delivery".to_owned();
        Self { verdict: Verdict::Unknown { reason }, idle: None, lost: true }
    }
}

/// Hands a message over a connection that is open, or over a new one. What was
/// open may have been closed meanwhile, by a relay that lets each connection
/// carry so many mails and no more: only a new one shows whether it is in trouble.
pub(super) async fn hand_over(transport: &dyn Transport, idle: Option<Idle>, message: &Message, most: u32) -> Handed {
    if let Some(idle) = idle {
        let handed = send_over(idle, message, most).await;
        if !matches!(handed.verdict, Verdict::RelayTrouble { .. }) {
            return handed;
        }
    }
    match transport.open().await {
        Ok(session) => send_over(Idle { session, carried: 0 }, message, most).await,
        Err(reason) => Handed { verdict: Verdict::RelayTrouble { reason }, idle: None, lost: true },
    }
}

async fn send_over(mut idle: Idle, message: &Message, most: u32) -> Handed {
    let verdict = idle.session.send(message).await;
    idle.carried += 1;
    let lost = !idle.session.is_usable();
    if !lost && idle.carried < most {
        return Handed { verdict, idle: Some(idle), lost };
    }
    idle.session.close().await;
    Handed { verdict, idle: None, lost }
}
