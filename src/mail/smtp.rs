//! An SMTP session over lettre's connection, driven phase by phase.
//!
//! lettre's pooled transport does not say in which phase an error happened, puts
//! no deadline on anything but connecting, and may return a half-used connection
//! to its pool. Here each phase has a deadline and its own meaning, and a
//! connection is dropped on any doubt (P4, P10).
//!
//! | phase | 4xx | 5xx | 421, lost, late, garbled |
//! |---|---|---|---|
//! | connect, banner, EHLO, TLS, AUTH, MAIL | relay trouble | relay trouble | relay trouble |
//! | RCPT | deferred | bounced | deferred |
//! | DATA | deferred | refused | deferred |
//! | body, before the final dot | – | – | deferred |
//! | after the final dot | deferred | refused | unknown (421: deferred) |

use super::wire::{Body, Counted, Taken};
use super::{Message, Session, Transport};
use crate::config::{Secret, Tls};
use crate::domain::delivery::Verdict;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use std::fmt::Display;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How long each phase may take (RFC 5321 section 4.5.3.2).
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// TCP, TLS, banner and EHLO together.
    pub connect: Duration,
    /// STARTTLS, AUTH, the EHLO behind them, MAIL, RCPT.
    pub command: Duration,
    /// DATA, until 354.
    pub data: Duration,
    /// The body and the reply to the final dot.
    pub finish: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_mins(5),
            data: Duration::from_mins(2),
            finish: Duration::from_mins(10),
        }
    }
}

/// RSET and QUIT: a relay that is slower than this has lost nothing but the
/// connection, and the verdict does not wait for it.
const FAREWELL: Duration = Duration::from_secs(2);

impl Deadlines {
    /// The longest that handing over one mail can take: on a connection that
    /// turns out to be dead at MAIL, and then on a new one.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let used = self.command + FAREWELL;
        let fresh = self.connect + self.command * 5 + self.data + self.finish + FAREWELL * 2;
        used + fresh
    }
}

/// An SMTP server and how to speak to it.
#[derive(Debug, Clone)]
pub(super) struct SmtpRelay {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<(String, Secret)>,
    deadlines: Deadlines,
}

/// A connection to it.
struct SmtpSession {
    connection: AsyncSmtpConnection,
    /// What the kernel took for it, where we made it.
    taken: Option<Taken>,
    usable: bool,
    /// Whether MAIL, RCPT and DATA may go together (RFC 2920).
    pipelining: bool,
    deadlines: Deadlines,
}

impl std::fmt::Debug for SmtpSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpSession").field("usable", &self.usable).finish_non_exhaustive()
    }
}

/// What came back from a relay, or did not in time.
type Answer = Result<Result<Response, Error>, Elapsed>;

/// What a phase came to.
enum Phase {
    /// The reply that was asked for.
    Done,
    /// 4xx but 421, in the relay's words.
    NotNow(String),
    /// 5xx, likewise.
    Never(String),
    /// 421: the relay takes leave.
    Leaving(String),
    /// No reply, or none that makes sense.
    Lost(String),
}

impl SmtpRelay {
    pub(super) fn new(
        host: String,
        port: u16,
        tls: Tls,
        login: Option<(String, Secret)>,
        deadlines: Deadlines,
    ) -> Self {
        Self { host, port, tls, login, deadlines }
    }

    /// Connects, greets, encrypts, logs in; or says what went wrong. None of it
    /// is a recipient's fault.
    async fn connect(&self) -> Result<SmtpSession, String> {
        let place = format!("{}:{}", self.host, self.port);
        let hello = ClientId::default();
        let failed = |error: Error| format!("the relay {place} {}", words(&error, "cannot be reached"));
        let late = |what: &str| format!("the relay {place} did not {what} in time");
        let tls = |careless: bool| {
            TlsParameters::builder(self.host.clone()).dangerous_accept_invalid_certs(careless).build().map_err(failed)
        };
        let opening = async {
            if self.tls == Tls::Implicit {
                let at = (self.host.as_str(), self.port);
                let parameters = Some(tls(false)?);
                let opening =
                    AsyncSmtpConnection::connect_tokio1(at, Some(self.deadlines.connect), &hello, parameters, None);
                return opening.await.map(|connection| (connection, None)).map_err(failed);
            }
            let stream = self.dial().await.map_err(|why| format!("the relay {place} cannot be reached: {why}"))?;
            let (stream, taken) = Counted::new(stream);
            let opening = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello);
            opening.await.map(|connection| (connection, Some(taken))).map_err(failed)
        };
        let (mut connection, taken) = timeout(self.deadlines.connect, opening).await.map_err(|_| late("greet"))??;
        let upgrade = match self.tls {
            Tls::Implicit => None,
            Tls::Required if !connection.can_starttls() => {
                return Err(format!("the relay {place} offers no STARTTLS: use smtps://, or a relay that does"));
            }
            Tls::Required => Some(tls(false)?),
            // Nobody listens between a machine and itself; an unknown certificate is no worse than none.
            Tls::Opportunistic => connection.can_starttls().then(|| tls(true)).transpose()?,
        };
        if let Some(parameters) = upgrade {
            timeout(self.deadlines.command, connection.starttls(parameters, &hello))
                .await
                .map_err(|_| late("encrypt"))?
                .map_err(failed)?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let refused = |why: String| format!("the relay {place} did not accept the login of {user}: it {why}");
            let login = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
            let reply = timeout(self.deadlines.command, login)
                .await
                .map_err(|_| late("answer the login"))?
                .map_err(|error| refused(words(&error, "broke the connection")))?;
            if !reply.has_code(235) {
                return Err(refused(format!("said {} where 235 was due", reply.code())));
            }
        }
        let pipelining = timeout(self.deadlines.command, offers_pipelining(&mut connection, &hello))
            .await
            .map_err(|_| late("say what it offers"))?
            .map_err(failed)?;
        Ok(SmtpSession { connection, taken, usable: true, pipelining, deadlines: self.deadlines })
    }

    /// A TCP connection to the first of the relay's addresses that answers. Nagle's
    /// algorithm would keep the end of what is written in two pieces back until the
    /// relay has acknowledged the first: 40 ms a mail on one machine.
    async fn dial(&self) -> io::Result<TcpStream> {
        let addresses: Vec<_> = lookup_host((self.host.as_str(), self.port)).await?.collect();
        // An address that never answers leaves time for the others.
        let share = self.deadlines.connect / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{address} does not answer")),
            }
        }
        Err(last)
    }
}

impl Transport for SmtpRelay {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Session>, String>> {
        async { self.connect().await.map(|session| Box::new(session) as Box<dyn Session>) }.boxed()
    }
}

impl Session for SmtpSession {
    fn send<'a>(&'a mut self, message: &'a Message) -> BoxFuture<'a, Verdict> {
        self.hand_over(message).boxed()
    }

    fn is_usable(&self) -> bool {
        self.usable && !self.connection.has_broken()
    }

    /// Says QUIT; nobody minds if the answer never comes.
    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            if self.is_usable() {
                let _ = timeout(FAREWELL, self.connection.command(Quit)).await;
            }
        }
        .boxed()
    }
}

impl SmtpSession {
    async fn hand_over(&mut self, message: &Message) -> Verdict {
        let verdict = self.transact(message).await;
        match &verdict {
            Verdict::Sent { .. } => {}
            // The relay stands at the beginning again only if it says so.
            Verdict::Bounced { .. } | Verdict::Deferred { .. } | Verdict::Refused { .. } if self.usable => {
                let reset = timeout(FAREWELL, self.connection.command(Rset)).await;
                self.usable = matches!(reset, Ok(Ok(ref response)) if response.has_code(250));
            }
            _ => self.usable = false,
        }
        verdict
    }

    async fn transact(&mut self, message: &Message) -> Verdict {
        let mut parameters = Vec::new();
        let info = self.connection.server_info();
        if info.supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let (from, to) = (message.from.for_wire(), message.to.for_wire());
        if !from.as_str().is_ascii() || !to.as_str().is_ascii() {
            if !info.supports_feature(Extension::SmtpUtfEight) {
                let reason = "the relay carries no addresses beyond ASCII (SMTPUTF8)".to_owned();
                // The sender's own is no reader's fault.
                return if from.as_str().is_ascii() {
                    Verdict::Bounced { reason }
                } else {
                    Verdict::RelayTrouble { reason: format!("MAIL FROM: {reason}") }
                };
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let mail = Mail::new(Some(from.to_lettre()), parameters);
        let rcpt = Rcpt::new(to.to_lettre(), Vec::new());
        let begin = if self.pipelining { format!("{mail}{rcpt}{Data}") } else { mail.to_string() };
        match self.command(begin, &[250], self.deadlines.command).await {
            Phase::Done => {}
            Phase::NotNow(reason) | Phase::Never(reason) | Phase::Leaving(reason) | Phase::Lost(reason) => {
                self.usable = false;
                return Verdict::RelayTrouble { reason: format!("MAIL FROM: {reason}") };
            }
        }
        // 251: the relay knows where the mailbox has moved to (RFC 5321 section 3.4).
        match self.next(rcpt, &[250, 251], self.deadlines.command).await {
            Phase::Done => {}
            Phase::Never(reason) => {
                self.pass_over_data().await;
                return Verdict::Bounced { reason };
            }
            Phase::NotNow(reason) | Phase::Leaving(reason) | Phase::Lost(reason) => {
                self.pass_over_data().await;
                return Verdict::Deferred { reason };
            }
        }
        match self.next(Data, &[354], self.deadlines.data).await {
            Phase::Done => {}
            Phase::Never(reason) => return Verdict::Refused { reason },
            Phase::NotNow(reason) | Phase::Leaving(reason) | Phase::Lost(reason) => {
                return Verdict::Deferred { reason };
            }
        }
        self.body(&message.bytes).await
    }

    async fn body(&mut self, bytes: &[u8]) -> Verdict {
        let (outcome, whole) = match (self.taken.clone(), Body::new(bytes)) {
            (Some(taken), Some(body)) => {
                let end = taken.bytes() + body.before_end();
                let outcome = timeout(self.deadlines.finish, self.connection.command(body.as_str())).await;
                (outcome, taken.bytes() > end)
            }
            _ => self.body_in_pieces(bytes).await,
        };
        let reply = match &outcome {
            Ok(Ok(response)) => printable(response.first_line().unwrap_or_default()),
            _ => String::new(),
        };
        match phase(outcome, &[250]) {
            Phase::Done => Verdict::Sent { reply },
            Phase::NotNow(reason) => Verdict::Deferred { reason },
            Phase::Leaving(reason) => {
                self.usable = false;
                Verdict::Deferred { reason }
            }
            Phase::Never(reason) => Verdict::Refused { reason },
            Phase::Lost(reason) => {
                self.usable = false;
                if whole { Verdict::Unknown { reason } } else { Verdict::Deferred { reason } }
            }
        }
    }

    /// The same by lettre's own way, where nobody counts; with whether the end may be out.
    async fn body_in_pieces(&mut self, bytes: &[u8]) -> (Answer, bool) {
        // lettre ends the body with CRLF itself.
        let body = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        // lettre asks for the next piece only when the last is written: once it
        // has asked behind the last, the final dot may be out.
        let whole = AtomicBool::new(false);
        let pieces = body.chunks(64 * 1024).map(Some).chain(std::iter::once_with(|| {
            whole.store(true, Ordering::Relaxed);
            None
        }));
        let sending = self.connection.message_iter(pieces.map(Option::unwrap_or_default));
        let outcome = timeout(self.deadlines.finish, sending).await;
        (outcome, whole.load(Ordering::Relaxed))
    }

    /// Gives a command, or takes the answer to one that went with those before it.
    async fn next(&mut self, command: impl Display, expected: &[u16], deadline: Duration) -> Phase {
        if !self.pipelining {
            return self.command(command, expected, deadline).await;
        }
        let reply = timeout(deadline, self.connection.read_response()).await;
        self.learn(phase(reply, expected))
    }

    /// DATA went with a recipient that was refused. A relay that says 354 all the
    /// same waits for a message that must not come.
    async fn pass_over_data(&mut self) {
        if self.pipelining && self.usable {
            let reply = timeout(FAREWELL, self.connection.read_response()).await;
            self.usable = matches!(phase(reply, &[]), Phase::NotNow(_) | Phase::Never(_));
        }
    }

    async fn command(&mut self, command: impl Display, expected: &[u16], deadline: Duration) -> Phase {
        let reply = timeout(deadline, self.connection.command(command)).await;
        self.learn(phase(reply, expected))
    }

    fn learn(&mut self, phase: Phase) -> Phase {
        if matches!(phase, Phase::Leaving(_) | Phase::Lost(_)) {
            self.usable = false;
        }
        phase
    }
}

/// Whether the relay takes commands together (RFC 2920). lettre forgets what it
/// does not use, so the relay is greeted once more.
async fn offers_pipelining(connection: &mut AsyncSmtpConnection, hello: &ClientId) -> Result<bool, Error> {
    let reply = connection.command(Ehlo::new(hello.clone())).await?;
    Ok(reply.message().any(|line| line.eq_ignore_ascii_case("PIPELINING")))
}

fn phase(outcome: Answer, expected: &[u16]) -> Phase {
    match outcome {
        Err(_) => Phase::Lost("the relay did not answer in time".to_owned()),
        Ok(Ok(response)) if expected.iter().any(|code| response.has_code(*code)) => Phase::Done,
        Ok(Ok(response)) => Phase::Lost(format!(
            "the relay answered {} where {} was due",
            response.code(),
            expected.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
        )),
        Ok(Err(error)) => {
            let reason = words(&error, "the connection broke");
            match error.status().map(|code| code.to_string()) {
                Some(code) if code == "421" => Phase::Leaving(reason),
                Some(_) if error.is_transient() => Phase::NotNow(reason),
                Some(_) => Phase::Never(reason),
                None => Phase::Lost(reason),
            }
        }
    }
}

/// What the relay said or did; `broken` when nothing came from it.
fn words(error: &Error, broken: &str) -> String {
    use std::error::Error as _;
    let why = error.source().map(|source| printable(&source.to_string())).unwrap_or_default();
    let what = match error.status() {
        Some(code) => format!("said {code}"),
        // lettre's words for the end of the stream.
        None if error.is_response() && why == "incomplete response" => return "closed the connection".to_owned(),
        None if error.is_response() => "said something that is no SMTP reply".to_owned(),
        None if error.is_tls() => "and syndicated could not agree on TLS".to_owned(),
        None if error.is_client() => "cannot be used".to_owned(),
        None => broken.to_owned(),
    };
    if why.is_empty() { what } else { format!("{what}: {why}") }
}

/// A relay's words as the ledger keeps them: a few, and no control characters
/// (PostgreSQL takes no NUL in a text).
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
