//! Room for what was read and waits for the database. A document of many posts
//! takes more memory than its bytes did, and the database writes one at a time:
//! what waits for it is counted, and bounded (P15). Feeds of ordinary size are
//! not counted.

use crate::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So much may wait, in KiB.
const WHOLE: u32 = 64 * 1024;
/// What takes less, in bytes, is not counted.
const LARGE: usize = 1024 * 1024;
/// How long a large one waits for its room before it is given back.
const PATIENCE: Duration = Duration::from_secs(10);

/// What may wait for the database. Cheap to clone; clones are the same room.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// A part of the room, until dropped.
pub(super) type Part = OwnedSemaphorePermit;

/// There was no room in time.
#[derive(Debug)]
pub(super) struct Full;

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(WHOLE as usize)))
    }

    /// Room for so many bytes, as soon as there is some; `None` where none is
    /// needed. What is larger than the room has it to itself.
    pub(super) async fn take(&self, size: usize, clock: &Clock) -> Result<Option<Part>, Full> {
        if size < LARGE {
            return Ok(None);
        }
        let wanted = u32::try_from(size / 1024).unwrap_or(WHOLE).min(WHOLE);
        tokio::select! {
            biased;
            // The semaphore is never closed; should it be, nothing is counted.
            part = Arc::clone(&self.0).acquire_many_owned(wanted) => Ok(part.ok()),
            () = clock.sleep(PATIENCE) => Err(Full),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    const MIB: usize = 1024 * 1024;

    /// A clock that stands still until it is turned.
    fn clock() -> Clock {
        Clock::manual(Timestamp::EPOCH)
    }

    #[tokio::test]
    async fn what_waits_is_counted_when_it_is_large() {
        let (room, clock) = (Room::new(), clock());
        assert!(room.take(MIB - 1, &clock).await.unwrap().is_none());
        let mut parts = Vec::new();
        for _ in 0..4 {
            parts.push(room.take(16 * MIB, &clock).await.unwrap().unwrap());
        }
        // All of it is taken: ordinary ones pass, a large one waits until another is stored.
        assert!(room.take(MIB - 1, &clock).await.unwrap().is_none());
        let waiting = room.take(10 * MIB, &clock);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        parts.pop();
        assert!(waiting.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn whoever_finds_no_room_in_time_is_sent_away_and_takes_none() {
        let (room, clock) = (Room::new(), clock());
        let whole = room.take(500 * MIB, &clock).await.unwrap().unwrap();
        {
            let waiting = room.take(MIB, &clock);
            tokio::pin!(waiting);
            assert!(futures_util::poll!(&mut waiting).is_pending());
            clock.advance(PATIENCE * 9 / 10);
            assert!(futures_util::poll!(&mut waiting).is_pending());
            clock.advance(PATIENCE / 10);
            assert!(waiting.await.is_err());
        }
        drop(whole);
        assert!(room.take(64 * MIB, &clock).await.unwrap().is_some());
    }
}
