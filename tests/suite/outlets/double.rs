//! An outlet's interface over real HTTP: what is behind it is given, faults come when asked for.

use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the next request gets, before anything else is looked at.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This status, with these headers.
    Status(u16, &'static str),
    /// It is taken, and the connection breaks before the answer.
    TakenAndLost,
    /// It is taken, and answered with this status.
    TakenAnd(u16),
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) bytes: Vec<u8>,
    /// The same as JSON; null when it is none.
    pub(crate) body: Value,
}

impl Came {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Status, headers (each line with its end) and body.
pub(crate) type Answer = (u16, String, String);

/// What an outlet does with a request.
pub(crate) trait Interface: Send + 'static {
    fn take(&mut self, came: &Came) -> Answer;

    /// Whether faults strike this request.
    fn is_struck(&self, _: &Came) -> bool {
        true
    }
}

struct State<I> {
    interface: I,
    faults: VecDeque<Fault>,
    /// Every request, in order.
    came: Vec<Came>,
}

pub(crate) struct Double<I> {
    address: SocketAddr,
    state: Arc<Mutex<State<I>>>,
}

impl<I> Clone for Double<I> {
    fn clone(&self) -> Self {
        Self { address: self.address, state: self.state.clone() }
    }
}

impl<I: Interface> Double<I> {
    /// `interface` is given the address at which it stands.
    pub(crate) async fn start(interface: impl FnOnce(&str) -> I) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let interface = interface(&format!("http://{address}"));
        let state = State { interface, faults: VecDeque::new(), came: Vec::new() };
        let double = Self { address, state: Arc::new(Mutex::new(state)) };
        let served = double.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                tokio::spawn(async move {
                    let _ = served.serve(stream).await;
                });
            }
        });
        double
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What comes next fails so, in this order.
    pub(crate) fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// What came since the last look.
    pub(crate) fn came(&self) -> Vec<Came> {
        std::mem::take(&mut self.state.lock().unwrap().came)
    }

    /// Looks at what the interface has, or changes it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut I) -> T) -> T {
        act(&mut self.state.lock().unwrap().interface)
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await?;
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        let Some((status, more, answer)) = self.take(Came { method, path, headers, bytes, body }) else {
            return Ok(());
        };
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", answer.len());
        stream.write_all(format!("{head}{answer}").as_bytes()).await
    }

    /// `None` breaks the connection.
    fn take(&self, came: Came) -> Option<Answer> {
        let mut state = self.state.lock().unwrap();
        let fault = if state.interface.is_struck(&came) { state.faults.pop_front() } else { None };
        let answer = match fault {
            Some(Fault::Status(status, more)) => {
                Some((status, more.to_owned(), "{\"message\": \"not now\"}".to_owned()))
            }
            Some(Fault::TakenAndLost) => {
                state.interface.take(&came);
                None
            }
            Some(Fault::TakenAnd(status)) => {
                state.interface.take(&came);
                Some((status, String::new(), String::new()))
            }
            None => Some(state.interface.take(&came)),
        };
        state.came.push(came);
        answer
    }
}
