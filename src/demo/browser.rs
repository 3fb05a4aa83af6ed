//! A reader's browser, as far as the demonstration needs one: HTTP/1.1 to
//! addresses on this machine.

use anyhow::{Context as _, bail};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) body: String,
}

pub(super) async fn get(at: SocketAddr, path: &str) -> anyhow::Result<Page> {
    ask(at, &format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")).await
}

/// Sends a form (`application/x-www-form-urlencoded`).
pub(super) async fn post(at: SocketAddr, path: &str, form: &[(&str, &str)]) -> anyhow::Result<Page> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    ask(at, &(head + &body)).await
}

async fn ask(at: SocketAddr, request: &str) -> anyhow::Result<Page> {
    let exchange = async {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), exchange).await.context("no answer in time")??;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("an answer without an end to its header") };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("an answer without a status")?;
    Ok(Page { status, body: body.to_owned() })
}
