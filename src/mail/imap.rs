//! A mailbox on an IMAP server, as far as bounces need it (RFC 3501): log in, find
//! what is unseen, fetch the beginning of each, mark it. An IMAP library would
//! bring a parser of the whole language for these five sentences.
//!
//! Invariants: each answer is bounded in size and time; a mail is fetched without
//! being marked; after any trouble the connection is dropped.

use crate::config::Imap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How long each step may take: connecting, or a command with its answer.
const STEP: Duration = Duration::from_secs(30);
/// The longest line that is taken: half a million numbers of unseen mails.
const LONGEST_LINE: usize = 4 * 1024 * 1024;
/// The most lines in answer to one command.
const MOST_LINES: usize = 10_000;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An open folder.
pub struct Mailbox {
    stream: BufStream<Box<dyn Stream>>,
    commands: u32,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("commands", &self.commands).finish_non_exhaustive()
    }
}

/// A line of an answer, and the bytes that came within it.
struct Line {
    text: String,
    literal: Option<Vec<u8>>,
}

impl Mailbox {
    /// Connects, logs in and opens the folder, or says in one sentence what is in
    /// the way.
    pub async fn open(imap: &Imap) -> Result<Self, String> {
        let place = format!("{}:{}", imap.host, imap.port);
        let stream = timeout(STEP, connect(imap))
            .await
            .map_err(|_| format!("the mailbox's server {place} does not answer"))?
            .map_err(|why| format!("the mailbox's server {place} cannot be reached: {why}"))?;
        let mut mailbox = Self { stream: BufStream::new(stream), commands: 0 };
        let greeting = timeout(STEP, mailbox.line(LONGEST_LINE)).await;
        let greeting =
            greeting.map_err(|_| format!("{place} does not greet"))?.map_err(|why| format!("{place}: {why}"))?;
        if !greeting.text.to_ascii_uppercase().starts_with("* OK") {
            return Err(format!("{place} turns away: {}", printable(&greeting.text)));
        }
        let can = mailbox.command("CAPABILITY").await?;
        let plain = can.iter().any(|line| line.text.to_ascii_uppercase().contains("AUTH=PLAIN"));
        let login = if plain { mailbox.authenticate(imap).await } else { mailbox.log_in(imap).await };
        login.map_err(|why| format!("{place} did not let {} in: {why}", imap.user))?;
        let folder = mailbox.command(&format!("SELECT {}", quoted(&imap.folder))).await;
        folder.map_err(|why| format!("{place} has no folder {} to open: {why}", imap.folder))?;
        Ok(mailbox)
    }

    async fn authenticate(&mut self, imap: &Imap) -> Result<(), String> {
        let secret = STANDARD.encode(format!("\0{}\0{}", imap.user, imap.password.expose()));
        self.converse("AUTHENTICATE PLAIN", Some(&secret), 0).await.map(drop)
    }

    async fn log_in(&mut self, imap: &Imap) -> Result<(), String> {
        let sayable = |text: &str| text.bytes().all(|byte| (b' '..0x7f).contains(&byte));
        if !sayable(&imap.user) || !sayable(imap.password.expose()) {
            return Err("it knows no login beyond ASCII".to_owned());
        }
        self.command(&format!("LOGIN {} {}", quoted(&imap.user), quoted(imap.password.expose()))).await.map(drop)
    }

    /// The numbers (UID) of the mails that nobody has seen, the oldest first.
    pub async fn unseen(&mut self) -> Result<Vec<u32>, String> {
        let lines = self.command("UID SEARCH UNSEEN UNDELETED").await?;
        let found = lines.iter().filter_map(|line| line.text.strip_prefix("* SEARCH"));
        let mut numbers: Vec<u32> =
            found.flat_map(str::split_whitespace).filter_map(|number| number.parse().ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// The first `most` bytes of a mail; `None` when it is there no more.
    pub async fn fetch(&mut self, number: u32, most: usize) -> Result<Option<Vec<u8>>, String> {
        let asked = format!("UID FETCH {number} (BODY.PEEK[]<0.{most}>)");
        let lines = self.converse(&asked, None, most).await?;
        let mut fetched = lines.into_iter().filter(|line| line.text.contains(" FETCH "));
        Ok(fetched.find_map(|line| line.literal))
    }

    /// Marks a mail as seen, and flags what a person should look at.
    pub async fn mark(&mut self, number: u32, flagged: bool) -> Result<(), String> {
        let flags = if flagged { "\\Seen \\Flagged" } else { "\\Seen" };
        self.command(&format!("UID STORE {number} +FLAGS.SILENT ({flags})")).await.map(drop)
    }

    /// Takes leave; nobody minds when the answer never comes.
    pub async fn close(mut self) {
        let _ = timeout(Duration::from_secs(2), self.command("LOGOUT")).await;
    }

    /// Gives a command and takes its whole answer.
    async fn command(&mut self, command: &str) -> Result<Vec<Line>, String> {
        self.converse(command, None, 0).await
    }

    /// The same; `more` is said when the server asks for it, and the answer may hold
    /// `most` bytes of a mail.
    async fn converse(&mut self, command: &str, more: Option<&str>, most: usize) -> Result<Vec<Line>, String> {
        let told = async {
            self.commands += 1;
            let tag = format!("S{}", self.commands);
            self.say(&format!("{tag} {command}")).await.map_err(|why| why.to_string())?;
            let (mut lines, mut more) = (Vec::new(), more);
            while lines.len() < MOST_LINES {
                let line = self.line(most.max(LONGEST_LINE)).await?;
                if let Some(result) = line.text.strip_prefix(&format!("{tag} ")) {
                    let is_well = result.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("OK"));
                    return if is_well { Ok(lines) } else { Err(format!("it said {}", printable(result))) };
                }
                if line.text.starts_with('+')
                    && let Some(more) = more.take()
                {
                    self.say(more).await.map_err(|why| why.to_string())?;
                    continue;
                }
                lines.push(line);
            }
            Err("it does not come to an end".to_owned())
        };
        timeout(STEP, told).await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()))
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await
    }

    /// A line, with the bytes that its `{123}` announces, of which there may be `most`.
    async fn line(&mut self, most: usize) -> Result<Line, String> {
        let mut whole = Line { text: String::new(), literal: None };
        loop {
            let part = self.part().await?;
            let announced =
                part.strip_suffix('}').and_then(|part| part.rsplit_once('{')?.1.trim_end_matches('+').parse().ok());
            whole.text.push_str(&part);
            if whole.text.len() > LONGEST_LINE {
                return Err("it sent too long a line".to_owned());
            }
            let Some(length) = announced else { return Ok(whole) };
            if length > most {
                return Err(format!("it sent {length} bytes where {most} were asked for"));
            }
            let mut bytes = vec![0; length];
            self.stream.read_exact(&mut bytes).await.map_err(|_| "it hung up".to_owned())?;
            whole.literal = Some(bytes);
        }
    }

    /// The bytes up to a line end, as text.
    async fn part(&mut self) -> Result<String, String> {
        let mut bytes = Vec::new();
        let bound = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        let read = (&mut self.stream).take(bound).read_until(b'\n', &mut bytes).await;
        match read {
            Ok(_) if bytes.ends_with(b"\n") => Ok(String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned()),
            Ok(0) => Err("it hung up".to_owned()),
            Ok(_) => Err("it sent half a line, or too long a one".to_owned()),
            Err(why) => Err(why.to_string()),
        }
    }
}

async fn connect(imap: &Imap) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((imap.host.as_str(), imap.port)).await?;
    if !imap.tls {
        return Ok(Box::new(stream));
    }
    let known = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await.map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(known.certs);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(imap.host.clone()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
}

/// A text between quotes; the configuration lets no control character through.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A server's words as the log shows them.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
