//! A relay that does what a script says, over real SMTP, and keeps a ledger of
//! every message that reached its final dot.

use crate::lint;
use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use syndicated::config::{Relay, Tls};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Where a conversation stands: what the relay answers to next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Before anything is said; of a relay that is to speak TLS from the first byte.
    Connect,
    Banner,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// In the middle of the message.
    Body,
    /// After the final dot.
    Dot,
    Quit,
}

/// What a script sees.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) phase: Phase,
    /// How many mails this connection has carried before.
    pub(crate) carried: usize,
    /// The recipient, once it is named.
    pub(crate) to: &'a str,
}

/// What the relay does instead of what it should.
#[derive(Clone)]
pub(crate) enum Act {
    /// These lines, then goes on; a 421 also hangs up.
    Say(&'static str),
    /// Hangs up politely.
    Close,
    /// Hangs up with a reset.
    Reset,
    /// Never answers.
    Hang,
    /// One byte at a time, each after that long.
    Drip(Duration),
    /// Bytes that are no SMTP.
    Garbage,
    /// A reply of one line of a mebibyte.
    LongLine,
    /// A reply that never ends.
    Endless,
    /// The right answer, once there is a permit.
    Wait(Arc<Semaphore>),
    /// These lines, once there is a permit.
    WaitAndSay(Arc<Semaphore>, &'static str),
}

/// A message that reached its final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: String,
    /// As written, the dots of the transport taken off.
    pub(crate) bytes: Vec<u8>,
    /// Whether the relay took it with 250.
    pub(crate) taken: bool,
    pub(crate) connection: usize,
}

impl Received {
    /// The value of a header, unfolded.
    pub(crate) fn header(&self, name: &str) -> String {
        let text = String::from_utf8(self.bytes.clone()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let found = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).map(str::to_owned);
        found.unwrap_or_else(|| panic!("no {name} in {head}"))
    }
}

/// So many mails of each sink are linted.
const LINTED: usize = 100;

type Script = Arc<dyn Fn(&Moment<'_>) -> Option<Act> + Send + Sync>;

/// The relay. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Inner>);

struct Inner {
    port: u16,
    script: Mutex<Script>,
    extensions: Mutex<Vec<&'static str>>,
    ledger: watch::Sender<Vec<Received>>,
    waiting: watch::Sender<usize>,
    logins: Mutex<Vec<String>>,
    /// What the linter says of the first mails.
    unsound: Mutex<Vec<String>>,
    senders: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    busiest: AtomicUsize,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("port", &self.0.port).finish_non_exhaustive()
    }
}

impl Sink {
    /// A relay that takes everything, on a free port.
    pub(crate) fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // So that a message that nobody reads is soon felt by who writes it.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(128).unwrap();
        let sink = Self(Arc::new(Inner {
            port: listener.local_addr().unwrap().port(),
            script: Mutex::new(Arc::new(|_| None)),
            extensions: Mutex::new(vec!["8BITMIME"]),
            ledger: watch::Sender::new(Vec::new()),
            waiting: watch::Sender::new(0),
            logins: Mutex::default(),
            unsound: Mutex::default(),
            senders: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            busiest: AtomicUsize::new(0),
        }));
        let accepting = sink.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let sink = accepting.clone();
                tokio::spawn(async move {
                    let connection = sink.0.connections.fetch_add(1, Ordering::SeqCst);
                    let open = sink.0.open.fetch_add(1, Ordering::SeqCst) + 1;
                    sink.0.busiest.fetch_max(open, Ordering::SeqCst);
                    let mut conversation = Conversation {
                        sink: sink.clone(),
                        stream: BufReader::new(stream),
                        connection,
                        carried: 0,
                        from: String::new(),
                        to: String::new(),
                        right: false,
                    };
                    // An error is the other side hanging up, which it may.
                    let _ = conversation.converse().await;
                    sink.0.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        sink
    }

    /// What it does from now on.
    pub(crate) fn script(&self, script: impl Fn(&Moment<'_>) -> Option<Act> + Send + Sync + 'static) {
        *self.0.script.lock().unwrap() = Arc::new(script);
    }

    /// Does one thing at one phase, always.
    pub(crate) fn always(&self, at: Phase, act: Act) {
        self.script(move |moment| (moment.phase == at).then(|| act.clone()));
    }

    /// Takes everything again.
    pub(crate) fn behave(&self) {
        self.script(|_| None);
    }

    /// What it offers to EHLO.
    pub(crate) fn offer(&self, extensions: &[&'static str]) {
        *self.0.extensions.lock().unwrap() = extensions.to_vec();
    }

    /// The relay as the configuration names it.
    pub(crate) fn relay(&self) -> Relay {
        Relay::Smtp { host: "127.0.0.1".to_owned(), port: self.0.port, tls: Tls::Opportunistic, login: None }
    }

    /// Every message so far, each of them sound (S21).
    pub(crate) fn ledger(&self) -> Vec<Received> {
        let ledger = self.0.ledger.borrow().clone();
        let unsound = self.0.unsound.lock().unwrap();
        assert!(unsound.is_empty(), "{}", unsound.join("\n"));
        ledger
    }

    /// The same, sound or not.
    pub(crate) fn heard(&self) -> Vec<Received> {
        self.0.ledger.borrow().clone()
    }

    /// How many messages so far.
    pub(crate) fn count(&self) -> usize {
        self.0.ledger.borrow().len()
    }

    /// The messages that it took.
    pub(crate) fn taken(&self) -> Vec<Received> {
        self.ledger().into_iter().filter(|received| received.taken).collect()
    }

    /// Who has a mail that it took.
    pub(crate) fn reached(&self) -> HashSet<String> {
        self.0.ledger.borrow().iter().filter(|mail| mail.taken).map(|mail| mail.to.clone()).collect()
    }

    /// Waits until the ledger is as described.
    pub(crate) async fn until(&self, ready: impl Fn(&[Received]) -> bool) {
        let mut ledger = self.0.ledger.subscribe();
        let waiting = ledger.wait_for(|ledger| ready(ledger));
        tokio::time::timeout(Duration::from_mins(2), waiting).await.expect("the mails arrive").unwrap();
    }

    /// Waits until so many answers wait for a permit.
    pub(crate) async fn until_waiting(&self, count: usize) {
        let mut waiting = self.0.waiting.subscribe();
        let reached = waiting.wait_for(|waiting| *waiting >= count);
        tokio::time::timeout(Duration::from_secs(30), reached).await.expect("the mails come so far").unwrap();
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.0.connections.load(Ordering::SeqCst)
    }

    /// How many there were at the same time.
    pub(crate) fn busiest(&self) -> usize {
        self.0.busiest.load(Ordering::SeqCst)
    }

    /// The MAIL commands.
    pub(crate) fn senders(&self) -> Vec<String> {
        self.0.senders.lock().unwrap().clone()
    }

    /// What was said to AUTH.
    pub(crate) fn logins(&self) -> Vec<String> {
        self.0.logins.lock().unwrap().clone()
    }
}

struct Conversation {
    sink: Sink,
    stream: BufReader<TcpStream>,
    connection: usize,
    carried: usize,
    from: String,
    to: String,
    /// Whether the last answer was the right one.
    right: bool,
}

/// Whether the conversation goes on.
type Goes = std::io::Result<bool>;

impl Conversation {
    async fn converse(&mut self) -> std::io::Result<()> {
        if let Some(act) = self.act(Phase::Connect) {
            if self.perform(act, "220 sink ESMTP").await? {
                // Whatever it said, no handshake follows.
                std::future::pending::<()>().await;
            }
            return Ok(());
        }
        if !self.answer(Phase::Banner, "220 sink ESMTP").await? {
            return Ok(());
        }
        while let Some(line) = self.line().await? {
            let verb = line.chars().take(4).collect::<String>().to_ascii_uppercase();
            let argument = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let goes = match verb.as_str() {
                "EHLO" => {
                    let mut lines = vec!["sink"];
                    lines.extend(self.sink.0.extensions.lock().unwrap().iter());
                    let last = lines.len() - 1;
                    let reply: Vec<String> = (0..=last)
                        .map(|at| format!("250{}{}", if at == last { ' ' } else { '-' }, lines[at]))
                        .collect();
                    self.answer(Phase::Ehlo, &reply.join("\r\n")).await?
                }
                "STAR" => self.answer(Phase::StartTls, "454 no TLS here today").await?,
                "AUTH" => self.login(&line).await?,
                "MAIL" => {
                    self.sink.0.senders.lock().unwrap().push(line.clone());
                    self.from = argument;
                    self.answer(Phase::Mail, "250 2.1.0 sender ok").await?
                }
                "RCPT" => {
                    self.to = argument;
                    self.answer(Phase::Rcpt, "250 2.1.5 recipient ok").await?
                }
                "DATA" => {
                    let goes = self.answer(Phase::Data, "354 go on").await?;
                    // After any other answer a message would be a fault of the client's.
                    if self.right { self.message().await? } else { goes }
                }
                "RSET" => self.say("250 2.0.0 forgotten").await?,
                "QUIT" => {
                    self.answer(Phase::Quit, "221 2.0.0 bye").await?;
                    false
                }
                _ => self.say("502 5.5.1 what?").await?,
            };
            if !goes {
                break;
            }
        }
        Ok(())
    }

    async fn login(&mut self, line: &str) -> Goes {
        let mut said = vec![line.to_owned()];
        if line.eq_ignore_ascii_case("AUTH LOGIN") {
            for question in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
                self.say(question).await?;
                said.extend(self.line().await?);
            }
        }
        self.sink.0.logins.lock().unwrap().extend(said);
        self.answer(Phase::Auth, "235 2.7.0 welcome").await
    }

    async fn message(&mut self) -> Goes {
        if let Some(act) = self.act(Phase::Body) {
            self.stream.read_exact(&mut [0; 100]).await?;
            if !self.perform(act, "250 already").await? {
                return Ok(false);
            }
            // Whatever it said, it reads no further.
            std::future::pending::<()>().await;
        }
        let mut bytes = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(false);
            }
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let (right, act) = ("250 2.0.0 taken", self.act(Phase::Dot));
        if let Some(Act::Wait(permits)) = &act {
            self.wait(permits).await;
        }
        // In the ledger before the answer: whoever heard it finds it there.
        let taken = matches!(act, None | Some(Act::Wait(_)));
        self.keep(bytes, taken);
        self.carried += 1;
        match act {
            Some(act) if !taken => self.perform(act, right).await,
            _ => self.say(right).await,
        }
    }

    fn keep(&self, bytes: Vec<u8>, taken: bool) {
        let received =
            Received { from: self.from.clone(), to: self.to.clone(), bytes, taken, connection: self.connection };
        // Thousands of copies differ in their tokens only.
        if self.sink.0.ledger.borrow().len() < LINTED {
            self.sink.0.unsound.lock().unwrap().extend(lint::faults(&received.bytes));
        }
        self.sink.0.ledger.send_modify(|ledger| ledger.push(received));
    }

    fn act(&self, phase: Phase) -> Option<Act> {
        let script = self.sink.0.script.lock().unwrap().clone();
        script(&Moment { phase, carried: self.carried, to: &self.to })
    }

    async fn answer(&mut self, phase: Phase, right: &str) -> Goes {
        let act = self.act(phase);
        self.right = matches!(act, None | Some(Act::Wait(_)));
        match act {
            None => self.say(right).await,
            Some(act) => self.perform(act, right).await,
        }
    }

    async fn perform(&mut self, act: Act, right: &str) -> Goes {
        match act {
            Act::Say(lines) => {
                self.say(lines).await?;
                return Ok(!lines.starts_with("421"));
            }
            Act::Close => {}
            Act::Reset => self.stream.get_ref().set_zero_linger()?,
            Act::Hang => std::future::pending().await,
            Act::Drip(pause) => {
                for byte in format!("{right} and so on, and so on\r\n").bytes() {
                    tokio::time::sleep(pause).await;
                    self.stream.write_all(&[byte]).await?;
                }
                return Ok(true);
            }
            Act::Garbage => {
                self.stream.write_all(b"\x00\xff\xfe GET / HTTP/1.1\r\n\r\n").await?;
                return Ok(true);
            }
            Act::LongLine => {
                let mut line = b"250 ".to_vec();
                line.resize(1024 * 1024, b'a');
                line.extend(b"\r\n");
                self.stream.write_all(&line).await?;
                return Ok(true);
            }
            Act::Endless => loop {
                self.stream.write_all(format!("250-{}\r\n", "and another thing ".repeat(50)).as_bytes()).await?;
            },
            Act::Wait(permits) => {
                self.wait(&permits).await;
                return self.say(right).await;
            }
            Act::WaitAndSay(permits, lines) => {
                self.wait(&permits).await;
                return self.say(lines).await;
            }
        }
        Ok(false)
    }

    async fn wait(&self, permits: &Semaphore) {
        self.sink.0.waiting.send_modify(|waiting| *waiting += 1);
        permits.acquire().await.unwrap().forget();
        self.sink.0.waiting.send_modify(|waiting| *waiting -= 1);
    }

    async fn say(&mut self, lines: &str) -> Goes {
        self.stream.write_all(format!("{lines}\r\n").as_bytes()).await?;
        Ok(true)
    }

    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await?;
        assert!(read == 0 || line.ends_with("\r\n"), "a command ends with CRLF: {line:?}");
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }
}
