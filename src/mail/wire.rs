//! What goes over a relay's connection in one piece: the body of a mail with its
//! dots doubled and its end (RFC 5321 section 4.5.2), and a count of what the
//! kernel took, which says whether that end can be out.
//!
//! lettre writes a body byte by byte and its end by itself. Written as one piece
//! it is one call of the kernel, and one wake of the relay.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What ends a body, behind its last line.
const END: &str = ".\r\n";

/// A mail as it goes over the wire behind DATA.
#[derive(Debug)]
pub(super) struct Body(String);

impl Body {
    /// `None` for a mail that is no text, which this program never writes.
    pub(super) fn new(mail: &[u8]) -> Option<Self> {
        let mail = std::str::from_utf8(mail).ok()?;
        let mut body = String::with_capacity(mail.len() + mail.len() / 64 + 8);
        let mut rest = mail;
        loop {
            if rest.starts_with('.') {
                body.push('.');
            }
            // A line ends with CRLF; a bare LF ends none (RFC 5321 section 2.3.8).
            let mut end = 0;
            let line = loop {
                match rest.get(end..).and_then(|behind| behind.find('\n')) {
                    Some(at) if rest.get(..end + at).is_some_and(|line| line.ends_with('\r')) => break end + at + 1,
                    Some(at) => end += at + 1,
                    None => break rest.len(),
                }
            };
            let (line, behind) = rest.split_at(line);
            body.push_str(line);
            if behind.is_empty() {
                break;
            }
            rest = behind;
        }
        if !body.ends_with("\r\n") {
            body.push_str("\r\n");
        }
        body.push_str(END);
        Some(Self(body))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// How many bytes of it can go before the relay could take the mail for whole.
    pub(super) fn before_end(&self) -> u64 {
        u64::try_from(self.0.len() - END.len()).unwrap_or(u64::MAX)
    }
}

/// How many bytes the kernel has taken for a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Arc<AtomicU64>);

impl Taken {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A TCP connection whose bytes are counted. Under TLS they are more than those
/// of the mails, never fewer: what has not gone in as many bytes has not gone.
#[derive(Debug)]
pub(super) struct Counted {
    stream: TcpStream,
    taken: Taken,
}

impl Counted {
    pub(super) fn new(stream: TcpStream) -> (Self, Taken) {
        let taken = Taken::default();
        (Self { stream, taken: taken.clone() }, taken)
    }

    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.taken.0.fetch_add(u64::try_from(*bytes).unwrap_or(u64::MAX), Ordering::Release);
        }
        written
    }
}

impl AsyncTokioStream for Counted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a relay reads it (RFC 5321 section 4.5.2); what stands behind the end is left.
    fn read(wire: &str) -> (String, &str) {
        let (mut mail, mut rest) = (String::new(), wire);
        loop {
            let end = rest.find("\r\n").unwrap() + 2;
            let (line, behind) = rest.split_at(end);
            rest = behind;
            if line == ".\r\n" {
                return (mail, rest);
            }
            mail.push_str(line.strip_prefix('.').unwrap_or(line));
        }
    }

    #[test]
    fn dots_at_the_beginning_of_a_line_are_doubled_and_no_others() {
        for (mail, wire) in [
            ("", "\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            (".\r\n..\r\na.\r\n", "..\r\n...\r\na.\r\n.\r\n"),
            ("a\n.\r.\r\n", "a\n.\r.\r\n.\r\n"),
            ("a\r\n\r\n", "a\r\n\r\n.\r\n"),
        ] {
            let body = Body::new(mail.as_bytes()).unwrap();
            assert_eq!(body.as_str(), wire, "{mail:?}");
            assert_eq!(body.before_end(), wire.len() as u64 - 3);
        }
        assert!(Body::new(b"\xff").is_none());
    }

    proptest::proptest! {
        #[test]
        fn a_relay_reads_the_mail_and_finds_its_end(mail in "([a가.\r\n]|\r\n|\r\n\\.){0,60}") {
            let body = Body::new(mail.as_bytes()).unwrap();
            let (read, rest) = read(body.as_str());
            let whole = if mail.ends_with("\r\n") { mail } else { mail + "\r\n" };
            proptest::prop_assert_eq!(read, whole);
            proptest::prop_assert_eq!(rest, "");
        }
    }
}
