//! One mail over one connection, which carries so many and is then replaced.

use crate::domain::delivery::Verdict;
use crate::mail::{Message, Session, Transport};

/// A session with how many mails it has carried.
#[derive(Debug)]
pub(super) struct Idle {
    session: Session,
    carried: u32,
}

impl Idle {
    /// Takes leave of the relay.
    pub(super) async fn close(self) {
        self.session.close().await;
    }
}

/// Hands a message over a connection that is open, or over a new one. What was
/// open may have been closed meanwhile, by a relay that lets each connection
/// carry so many mails and no more: only a new one shows whether it is in trouble.
pub(super) async fn hand_over(
    transport: &Transport,
    idle: Option<Idle>,
    message: &Message,
    most: u32,
) -> (Verdict, Option<Idle>) {
    if let Some(idle) = idle {
        let (verdict, idle) = send_over(idle, message, most).await;
        if !matches!(verdict, Verdict::RelayTrouble { .. }) {
            return (verdict, idle);
        }
    }
    match transport.open().await {
        Ok(session) => send_over(Idle { session, carried: 0 }, message, most).await,
        Err(reason) => (Verdict::RelayTrouble { reason }, None),
    }
}

async fn send_over(mut idle: Idle, message: &Message, most: u32) -> (Verdict, Option<Idle>) {
    let verdict = idle.session.send(message).await;
    idle.carried += 1;
    if idle.session.is_usable() && idle.carried < most {
        return (verdict, Some(idle));
    }
    idle.session.close().await;
    (verdict, None)
}
