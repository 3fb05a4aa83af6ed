//! A real site behind a gate, where answers are lost or spoilt after the site has taken what was asked.

use super::double::{Answer, Came, Interface};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A picture of one pixel, whole.
pub(super) const PNG_OF_A_PIXEL: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0dIDATx\xdacd\xf8\xcfP\x0f\x00\x03\x86\x01\x80Z4}k\x00\x00\x00\x00IEND\xaeB`\x82";

/// One request over a connection of its own.
pub(super) fn ask(port: u16, method: &str, path: &str, headers: &[&str], body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let lines: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut told = Vec::new();
    stream.read_to_end(&mut told)?;
    let told = String::from_utf8_lossy(&told).into_owned();
    let (head, body) = told.split_once("\r\n\r\n").unwrap_or((&told, ""));
    let (status, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let kept = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !["connection:", "content-length:", "transfer-encoding:", "keep-alive:"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let fields: String = fields
        .lines()
        .filter(kept)
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            [&name.to_ascii_lowercase(), ":", value, "\r\n"].concat()
        })
        .collect();
    Ok((status, fields, body.to_owned()))
}

/// What stands before a site.
pub(super) struct Gate {
    pub(super) port: u16,
    /// What is in the addresses of posts.
    pub(super) posts: &'static str,
    /// So many posts are answered by an error after the site has taken them.
    pub(super) breaks: usize,
}

impl Interface for Gate {
    fn take(&mut self, came: &Came) -> Answer {
        let own = ["host", "connection", "content-length", "accept-encoding"];
        let headers = came.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
        let headers: Vec<String> = headers.map(|(name, value)| [name, ": ", value].concat()).collect();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = ask(self.port, &came.method, &came.path, &headers, &came.bytes).unwrap();
        if self.breaks > 0 && came.method == "POST" && came.path.contains(self.posts) {
            self.breaks -= 1;
            return (502, String::new(), "<h1>Bad Gateway</h1>".to_owned());
        }
        answer
    }
}
