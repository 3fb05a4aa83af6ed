//! A crash at every point of a piece of work, without a process to kill: its
//! future is polled so many times and then dropped with everything it holds, as
//! a power cut would. What was not committed must be gone.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs `work` until its `points`-th pause and drops it there. `true` when it
/// ended before that.
pub(crate) async fn after<F: Future>(points: usize, work: F) -> bool {
    struct Crash<F> {
        left: usize,
        work: Pin<Box<F>>,
    }
    impl<F: Future> Future for Crash<F> {
        type Output = bool;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
            match self.work.as_mut().poll(context) {
                Poll::Ready(_) => Poll::Ready(true),
                Poll::Pending if self.left == 0 => Poll::Ready(false),
                Poll::Pending => {
                    self.left -= 1;
                    Poll::Pending
                }
            }
        }
    }
    Crash { left: points, work: Box::pin(work) }.await
}
