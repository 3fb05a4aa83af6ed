//! A reader's socket. A long document goes from its file in memory to the network, which
//! keeps what is on its way where it is: of bytes that are written it makes a copy for
//! each reader, and a slow one keeps it for long. It is also faster (docs/speed.md).

use crate::flow::publish::Filed;
use rustix::net::SendFlags;
use std::fs::File;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// The document that an answer brings, when it is a long one, for as long as the answer is on its way.
#[derive(Debug, Clone, Default)]
pub(super) struct InHand(Arc<Mutex<Option<Filed>>>);

impl InHand {
    pub(super) fn set(&self, filed: Option<Filed>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = filed;
    }

    fn get(&self) -> Option<Filed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The socket, and what may be sent from a file.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) in_hand: InHand,
}

/// How the first of some pieces is sent.
enum How<'a> {
    /// From a file, where it begins at this byte.
    File(&'a File, u64),
    /// As it is, in one packet with what comes next: that stands in the file.
    Before,
}

/// Where the document's file comes in, if it does: its bytes are known by where they are in memory.
fn how<'a>(filed: &'a Filed, pieces: &[IoSlice<'_>]) -> Option<How<'a>> {
    let bytes = filed.bytes.as_ptr_range();
    let mut starts = pieces.iter().map(|piece| piece.as_ptr()).enumerate();
    let (next, start) = starts.find(|(_, start)| bytes.contains(start))?;
    if next > 0 {
        return Some(How::Before);
    }
    Some(How::File(&filed.file, u64::try_from(start.addr() - bytes.start.addr()).ok()?))
}

impl Socket {
    fn send(&self, how: &How<'_>, piece: &[u8]) -> io::Result<usize> {
        self.stream.try_io(Interest::WRITABLE, || match *how {
            How::File(file, mut offset) => {
                Ok(rustix::fs::sendfile(&self.stream, file, Some(&mut offset), piece.len())?)
            }
            How::Before => Ok(rustix::net::send(&self.stream, piece, SendFlags::MORE | SendFlags::NOSIGNAL)?),
        })
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let filed = self.in_hand.get();
        let how = filed.as_ref().and_then(|filed| how(filed, pieces));
        if let (Some(how), Some(piece)) = (how, pieces.first()) {
            loop {
                ready!(self.stream.poll_write_ready(context))?;
                match self.send(&how, piece) {
                    Ok(sent) => return Poll::Ready(Ok(sent)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // Not every kernel or sandbox lets a file be sent; what is wrong with the socket is said again below.
                    Err(_) => break self.in_hand.set(None),
                }
            }
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Who writes HTTP flushes when all is written: the answer needs its document no longer.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_hand.set(None);
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}
