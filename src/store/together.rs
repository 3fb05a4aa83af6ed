//! Ends of polls, written together. A commit waits for the disk; what ended
//! while one waited is written by the next, in one transaction.
//!
//! Kept here: each end is written whole or not at all, and whoever waits for it
//! hears of it after the commit (P1, P12). What fails takes no other with it: a
//! transaction in which one end fails is undone, and each is written by itself.

use super::admit::{Admitted, Arrival, write_arrival};
use super::claims::{PollEnd, SourceClaim, write_end};
use super::{Store, StoreError};
use crate::domain::email_address::EmailAddress;
use crate::domain::time::Timestamp;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, oneshot};

/// The most that is written at once: others wait for the writer meanwhile.
const MOST: usize = 64;

/// The end of a poll.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) claim: SourceClaim,
    pub(super) how: How,
    pub(super) now: Timestamp,
}

/// With a document, or without one.
#[derive(Debug)]
pub(super) enum How {
    Arrived(Box<Arrival>),
    Ended { end: PollEnd, owner: Option<EmailAddress>, next_poll_at: Timestamp },
}

/// The ends that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Together {
    waiting: Mutex<Vec<Waiting>>,
    turn: Turn<()>,
}

#[derive(Debug)]
struct Waiting {
    ending: Ending,
    answer: oneshot::Sender<Result<Admitted, StoreError>>,
}

impl Together {
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let some = waiting.len().min(MOST);
        waiting.drain(..some).collect()
    }
}

impl Store {
    /// Writes the end of a poll, and returns when it is durable. Whoever has the
    /// turn writes for all that wait.
    pub(super) async fn end(&self, ending: Ending) -> Result<Admitted, StoreError> {
        let (answer, mut answered) = oneshot::channel();
        self.together.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Waiting { ending, answer });
        loop {
            let _turn = tokio::select! {
                biased;
                answer = &mut answered => return answer.unwrap_or_else(|_| Err(lost())),
                turn = self.together.turn.lock() => turn,
            };
            self.write(self.together.take()).await;
        }
    }

    async fn write(&self, some: Vec<Waiting>) {
        match self.write_in_one(&some).await {
            Ok(all) => {
                for (waiting, admitted) in some.into_iter().zip(all) {
                    tell(waiting, Ok(admitted));
                }
            }
            // The database's trouble is everybody's.
            Err(StoreError::Unavailable(why)) => {
                for waiting in some {
                    tell(waiting, Err(StoreError::Unavailable(why.clone())));
                }
            }
            Err(_) => {
                for waiting in some {
                    let written = self.write_in_one(std::slice::from_ref(&waiting)).await;
                    tell(waiting, written.map(|mut one| one.pop().unwrap_or_default()));
                }
            }
        }
    }

    async fn write_in_one(&self, some: &[Waiting]) -> Result<Vec<Admitted>, StoreError> {
        let mut all = Vec::with_capacity(some.len());
        let mut tx = self.begin().await?;
        for Waiting { ending: Ending { claim, how, now }, .. } in some {
            all.push(match how {
                How::Arrived(arrival) => write_arrival(&mut tx, claim, arrival, *now).await?,
                How::Ended { end, owner, next_poll_at } => {
                    let written = write_end(&mut tx, claim, end, owner.as_ref(), *next_poll_at, *now).await?;
                    Admitted { fenced_out: !written, ..Admitted::default() }
                }
            });
        }
        tx.commit().await?;
        Ok(all)
    }
}

/// Nobody waits any more where the program is coming down.
fn tell(waiting: Waiting, written: Result<Admitted, StoreError>) {
    let _ = waiting.answer.send(written);
}

fn lost() -> StoreError {
    StoreError::Unavailable("whoever wrote for several polls died".to_owned())
}
