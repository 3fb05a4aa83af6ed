//! A scripted blog: answers over real HTTP as a test tells it to, and keeps a
//! record of what it was asked.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use syndicated::domain::url::HttpUrl;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// One scripted answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The body comes in pieces of so many bytes, each after so long.
    pace: Option<(usize, Duration)>,
    /// How long the answer lets itself be waited for.
    delay: Duration,
    /// The connection breaks after so many bytes of the body.
    cut: Option<usize>,
    /// Who does not bring this cookie gets that answer.
    stranger: Option<(String, Box<Answer>)>,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            pace: None,
            delay: Duration::ZERO,
            cut: None,
            stranger: None,
        }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::status(200) }
    }

    pub(crate) fn to(status: u16, location: &str) -> Self {
        Self::status(status).header("Location", location)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// 304 when it is asked for with this tag again.
    pub(crate) fn etag(self, tag: &str) -> Self {
        self.header("ETag", tag)
    }

    pub(crate) fn paced(mut self, bytes: usize, every: Duration) -> Self {
        self.pace = Some((bytes, every));
        self
    }

    pub(crate) fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// For those who bring the cookie; strangers get another.
    pub(crate) fn for_cookie(mut self, cookie: &str, stranger: Self) -> Self {
        self.stranger = Some((cookie.to_owned(), Box::new(stranger)));
        self
    }

    /// Whether who asks with these headers has it already.
    fn is_known(&self, asked: &HashMap<String, String>) -> bool {
        let same = |theirs: &str, ours: &str| {
            self.has(ours).is_some_and(|tag| asked.get(theirs).map(String::as_str) == Some(tag))
        };
        self.status == 200 && (same("if-none-match", "etag") || same("if-modified-since", "last-modified"))
    }

    fn has(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What the origin was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    /// The status it got in return.
    pub(crate) status: u16,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Answer>,
    asked: Vec<Asked>,
    at_once: usize,
    most_at_once: usize,
    connections: usize,
}

/// The blog's server; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Origin {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    heard: Arc<Notify>,
}

impl Origin {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    /// One that listens at this address.
    pub(crate) async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let origin = Self { address: listener.local_addr().unwrap(), state: Arc::default(), heard: Arc::default() };
        let served = origin.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A head and a body are two writes: the second is not to wait for the first's receipt.
                stream.set_nodelay(true).unwrap();
                served.state.lock().unwrap().connections += 1;
                let served = served.clone();
                tokio::spawn(async move {
                    // A client that goes away ends its connection, nothing else.
                    let _ = served.serve(stream).await;
                });
            }
        });
        origin
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> HttpUrl {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    /// From now on `path` answers so.
    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.state.lock().unwrap().answers.insert(path.to_owned(), answer);
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// Waits until `path` was asked for since the last look.
    pub(crate) async fn asked_for(&self, path: &str) {
        let asked = async {
            loop {
                let next = self.heard.notified();
                if self.state.lock().unwrap().asked.iter().any(|asked| asked.path == path) {
                    return;
                }
                next.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asked).await.expect("it was never asked for");
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.state.lock().unwrap().most_at_once
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let mut headers = HashMap::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await?;
                let Some((name, value)) = line.trim().split_once(':') else { break };
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            let answer = {
                let mut state = self.state.lock().unwrap();
                state.at_once += 1;
                state.most_at_once = state.most_at_once.max(state.at_once);
                let mut answer = state.answers.get(&path).cloned().unwrap_or_else(|| Answer::status(404));
                if let Some((cookie, stranger)) = answer.stranger.take()
                    && !headers.get("cookie").is_some_and(|brought| brought.contains(&cookie))
                {
                    answer = *stranger;
                }
                if answer.is_known(&headers) {
                    answer.status = 304;
                    answer.body.clear();
                }
                state.asked.push(Asked { path, headers, status: answer.status });
                answer
            };
            self.heard.notify_waiters();
            tokio::time::sleep(answer.delay).await;
            let done = answer_with(&mut stream, &answer).await;
            self.state.lock().unwrap().at_once -= 1;
            done?;
            if answer.cut.is_some() {
                return Ok(());
            }
        }
    }
}

async fn answer_with(stream: &mut BufReader<TcpStream>, answer: &Answer) -> std::io::Result<()> {
    let (status, body) = (answer.status, &answer.body[..]);
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if status != 304 {
        write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let body = answer.cut.map_or(body, |cut| &body[..cut.min(body.len())]);
    match answer.pace {
        None => stream.write_all(body).await?,
        Some((bytes, every)) => {
            for piece in body.chunks(bytes) {
                stream.write_all(piece).await?;
                stream.flush().await?;
                tokio::time::sleep(every).await;
            }
        }
    }
    stream.flush().await
}

/// One item of a feed.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) guid: String,
    pub(crate) link: String,
    pub(crate) title: String,
    pub(crate) day: u32,
    pub(crate) text: String,
}

impl Item {
    /// The post of that number, with a text of its own.
    pub(crate) fn number(number: u32) -> Self {
        Self {
            guid: format!("post-{number}"),
            link: format!("https://blog.example.com/{number}"),
            title: format!("Post {number}"),
            day: number,
            text: format!("The text of post {number}."),
        }
    }
}

/// An RSS document of these items; `extra` stands in its channel.
pub(crate) fn rss(items: &[Item], extra: &str) -> String {
    let mut feed = format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel>\
         <title>A blog</title><link>https://blog.example.com/</link><description>d</description>{extra}"
    );
    for Item { guid, link, title, day, text } in items {
        let date = syndicated::domain::time::Timestamp::from_millis(1_790_000_000_000 + i64::from(*day) * 86_400_000);
        write!(
            feed,
            "<item><guid isPermaLink=\"false\">{guid}</guid><link>{link}</link><title>{title}</title>\
             <pubDate>{}</pubDate><description>{text}</description></item>",
            date.to_rfc2822()
        )
        .unwrap();
    }
    feed + "</channel></rss>"
}

/// A feed of the posts of these numbers, newest first.
pub(crate) fn feed(numbers: impl DoubleEndedIterator<Item = u32>) -> String {
    rss(&numbers.rev().map(Item::number).collect::<Vec<_>>(), "")
}
