//! A mail catcher: an SMTP server (RFC 5321) that keeps what it takes, and a
//! page that shows it.

use crate::domain::text::escape;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use mail_parser::{HeaderValue, MessageParser};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// Longer lines than this are nobody's mail (RFC 5321 section 4.5.3.1.6 asks for 1,000).
const MAX_LINE: u64 = 64 * 1024;

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Caught {
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) plain: String,
    pub(super) html: String,
    /// The one-click link (RFC 8058), where there is one.
    pub(super) unsubscribe: Option<String>,
}

/// Catches mails. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Catcher(Arc<Mutex<Vec<Caught>>>);

impl Catcher {
    /// What has arrived, oldest first.
    pub(super) fn mails(&self) -> Vec<Caught> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes mails until it is dropped.
    pub(super) async fn serve_smtp(self, listener: TcpListener) {
        let mut conversations = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let catcher = self.clone();
            conversations.spawn(async move {
                let (reader, writer) = stream.into_split();
                // A client that hangs up in mid-sentence is no concern of ours.
                let _ = catcher.converse(BufReader::new(reader), writer).await;
            });
            while conversations.try_join_next().is_some() {}
        }
    }

    async fn converse(
        &self,
        mut reader: BufReader<impl AsyncRead + Unpin>,
        mut writer: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        writer.write_all(b"220 catcher ESMTP\r\n").await?;
        let mut to = String::new();
        loop {
            let Some(line) = line(&mut reader).await? else { return Ok(()) };
            let verb: String = line.chars().take(4).collect::<String>().to_ascii_uppercase();
            let reply = match verb.as_str() {
                "EHLO" => "250-catcher\r\n250 8BITMIME\r\n",
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    "250 ok\r\n"
                }
                "HELO" | "MAIL" | "RSET" | "NOOP" => "250 ok\r\n",
                "DATA" => {
                    writer.write_all(b"354 go on\r\n").await?;
                    let Some(message) = data(&mut reader).await? else { return Ok(()) };
                    self.keep(&to, &message);
                    "250 caught\r\n"
                }
                "QUIT" => {
                    writer.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => "502 what?\r\n",
            };
            writer.write_all(reply.as_bytes()).await?;
        }
    }

    fn keep(&self, to: &str, bytes: &[u8]) {
        let Some(message) = MessageParser::default().parse(bytes) else { return };
        let unsubscribe = match message.header("List-Unsubscribe") {
            Some(HeaderValue::Address(addresses)) => {
                addresses.first().and_then(|address| address.address.as_deref()).map(str::to_owned)
            }
            Some(HeaderValue::Text(text)) => Some(text.trim_matches(['<', '>']).to_owned()),
            _ => None,
        };
        let caught = Caught {
            to: to.to_owned(),
            subject: message.subject().unwrap_or_default().to_owned(),
            plain: message.body_text(0).unwrap_or_default().into_owned(),
            html: message.body_html(0).unwrap_or_default().into_owned(),
            unsubscribe,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(caught);
    }

    pub(super) fn router(self) -> Router {
        Router::new().route("/", get(list)).route("/mails/{number}", get(show)).with_state(self)
    }
}

async fn line(reader: &mut BufReader<impl AsyncRead + Unpin>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut bytes).await?;
    Ok(bytes.ends_with(b"\n").then(|| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

/// The message up to its final dot, the dots of the transport taken off.
async fn data(reader: &mut BufReader<impl AsyncRead + Unpin>) -> std::io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        let mut bytes = Vec::new();
        reader.take(MAX_LINE).read_until(b'\n', &mut bytes).await?;
        if !bytes.ends_with(b"\n") {
            return Ok(None);
        }
        if bytes == b".\r\n" {
            return Ok(Some(message));
        }
        message.extend_from_slice(bytes.strip_prefix(b".").unwrap_or(&bytes));
    }
}

async fn list(State(catcher): State<Catcher>) -> Html<String> {
    let mut rows = String::new();
    for (at, mail) in catcher.mails().iter().enumerate().rev() {
        let _ = write!(
            rows,
            "<li><a href=\"/mails/{at}\">{}</a> <small>to {}</small></li>",
            escape(&mail.subject),
            escape(&mail.to)
        );
    }
    if rows.is_empty() {
        rows.push_str("<li>nothing yet</li>");
    }
    Html(format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"3\"><title>Caught mails</title>
         <body style=\"font:1rem/1.6 sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem\"><h1>Caught mails</h1><ol reversed>{rows}</ol>"
    ))
}

async fn show(State(catcher): State<Catcher>, Path(at): Path<usize>) -> Response {
    let mails = catcher.mails();
    let Some(mail) = mails.get(at) else { return StatusCode::NOT_FOUND.into_response() };
    Html(format!(
        "<!doctype html><meta charset=\"utf-8\"><title>{subject}</title>
         <body style=\"font:1rem/1.6 sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem\">
         <p><a href=\"/\">All mails</a></p><h1>{subject}</h1><p>To {to}</p>
         <iframe sandbox=\"allow-popups\" style=\"width:100%;height:32rem;border:1px solid #ccc\" srcdoc=\"{html}\"></iframe>
         <h2>Text</h2><pre style=\"white-space:pre-wrap\">{plain}</pre>",
        subject = escape(&mail.subject),
        to = escape(&mail.to),
        html = escape(&mail.html),
        plain = escape(&mail.plain),
    ))
    .into_response()
}
