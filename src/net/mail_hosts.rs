//! Whether a domain takes mail at all, asked of DNS: by its MX records, or, where
//! there are none, by having an address (RFC 5321 section 5.1); one that says that
//! it takes none is believed (RFC 7505). What cannot be told is no reason to
//! refuse anybody.

use crate::clock::Chance;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long one server may take; two are asked at the most.
const WITHIN: Duration = Duration::from_millis(1_500);
const SERVERS: usize = 2;
/// Without an extension, no answer by UDP is longer (RFC 1035 section 4.2.1).
const LONGEST: usize = 512;

const A: u16 = 1;
const MX: u16 = 15;
const AAAA: u16 = 28;
const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;

/// Asks DNS for the hosts that take a domain's mail.
#[derive(Debug, Clone)]
pub struct MailHosts {
    chance: Chance,
}

/// What a server said.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    code: u8,
    /// Whether there was more than fits.
    cut: bool,
    /// Answers of the kind that was asked for; whether each names a host.
    answers: Vec<bool>,
}

impl MailHosts {
    /// Asks with numbers that nobody guesses.
    #[must_use]
    pub fn new(chance: Chance) -> Self {
        Self { chance }
    }

    /// Whether `domain`, in ASCII, takes mail, as `server` says, or else those of
    /// this machine; `None` when that cannot be told.
    pub async fn take_mail(&self, domain: &str, server: Option<SocketAddr>) -> Option<bool> {
        let servers = match server {
            Some(server) => vec![server],
            None => system_servers().await,
        };
        let mx = self.ask(&servers, domain, MX).await?;
        if mx.code == NO_SUCH_NAME {
            return Some(false);
        }
        if mx.cut || !mx.answers.is_empty() {
            return Some(mx.cut || mx.answers.contains(&true));
        }
        let mut known = true;
        for kind in [A, AAAA] {
            match self.ask(&servers, domain, kind).await {
                Some(reply) if reply.cut || !reply.answers.is_empty() => return Some(true),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(false)
    }

    /// The first answer that means something.
    async fn ask(&self, servers: &[SocketAddr], domain: &str, kind: u16) -> Option<Reply> {
        for server in servers.iter().take(SERVERS) {
            let query = query(u16::from_be_bytes(self.chance.bytes::<2>()), domain, kind)?;
            if let Ok(Some(reply)) = timeout(WITHIN, exchange(*server, &query, kind)).await
                && matches!(reply.code, NO_ERROR | NO_SUCH_NAME)
            {
                return Some(reply);
            }
        }
        None
    }
}

async fn exchange(server: SocketAddr, query: &[u8], kind: u16) -> Option<Reply> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    // From nobody else anything is taken.
    socket.connect(server).await.ok()?;
    socket.send(query).await.ok()?;
    let mut bytes = [0_u8; LONGEST];
    loop {
        let length = socket.recv(&mut bytes).await.ok()?;
        if let Some(reply) = bytes.get(..length).and_then(|answer| read(answer, query, kind)) {
            return Some(reply);
        }
    }
}

/// The name servers of this machine.
async fn system_servers() -> Vec<SocketAddr> {
    let text = tokio::fs::read_to_string("/etc/resolv.conf").await.unwrap_or_default();
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok());
    let servers: Vec<SocketAddr> = named.map(|ip| (ip, 53).into()).collect();
    if servers.is_empty() { vec![(Ipv4Addr::LOCALHOST, 53).into()] } else { servers }
}

/// A question (RFC 1035 section 4.1); `None` for what is no name.
fn query(number: u16, domain: &str, kind: u16) -> Option<Vec<u8>> {
    let mut bytes = number.to_be_bytes().to_vec();
    // One question, and recursion wanted.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in domain.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    (bytes.len() <= 12 + 255 + 4).then_some(bytes)
}

/// Reads an answer to `query`; `None` when it is none.
fn read(answer: &[u8], query: &[u8], kind: u16) -> Option<Reply> {
    let (&[flags, code], question) = (answer.get(2..4)?, query.get(12..)?) else { return None };
    let is_answer = flags & 0x80 != 0 && answer.get(..2) == query.get(..2);
    let asked = answer.get(12..12 + question.len())?;
    if !is_answer || !asked.eq_ignore_ascii_case(question) {
        return None;
    }
    let count = u16::from_be_bytes(answer.get(6..8)?.try_into().ok()?);
    let cut = flags & 0x02 != 0;
    let mut reply = Reply { code: code & 0x0f, cut, answers: Vec::new() };
    let mut rest = answer.get(12 + question.len()..)?;
    for _ in 0..count {
        let Some((found, data, behind)) = record(rest) else {
            // What was cut off in the middle is more than fits.
            return Some(Reply { cut: true, ..reply }).filter(|_| cut);
        };
        if found == kind {
            // The root is nobody's host (RFC 7505).
            reply.answers.push(kind != MX || data.get(2).is_some_and(|length| *length != 0));
        }
        rest = behind;
    }
    Some(reply)
}

/// A record's kind, its data, and what stands behind it.
fn record(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let mut rest = bytes;
    loop {
        let (&length, behind) = rest.split_first()?;
        rest = behind;
        match length {
            0 => break,
            // A pointer ends a name.
            0xc0.. => {
                rest = rest.get(1..)?;
                break;
            }
            1..=63 => rest = rest.get(usize::from(length)..)?,
            _ => return None,
        }
    }
    let kind = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
    let length = u16::from_be_bytes(rest.get(8..10)?.try_into().ok()?);
    let (data, behind) = rest.get(10..)?.split_at_checked(usize::from(length))?;
    Some((kind, data, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to `query` with `records` of that kind.
    fn answered(query: &[u8], code: u8, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = query.to_vec();
        bytes[2] = 0x81;
        bytes[3] = 0x80 | code;
        bytes[7] = u8::try_from(records.len()).unwrap();
        for (kind, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 1, 0]);
            bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    /// A server that answers each question by its name and kind.
    async fn server(answer: impl Fn(&str, u16) -> Option<(u8, Vec<(u16, Vec<u8>)>)> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test may spawn as it likes")]
        tokio::spawn(async move {
            let mut bytes = [0; LONGEST];
            loop {
                let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
                let query = &bytes[..length];
                let kind = u16::from_be_bytes([query[length - 4], query[length - 3]]);
                let name = String::from_utf8_lossy(&query[13..length - 5]).into_owned();
                if let Some((code, records)) = answer(&name, kind) {
                    let records: Vec<_> = records.iter().map(|(kind, data)| (*kind, data.as_slice())).collect();
                    // Somebody else's answer first, which nobody waits for.
                    let mut other = answered(query, 3, &[]);
                    other[0] ^= 1;
                    socket.send_to(&other, from).await.unwrap();
                    socket.send_to(&answered(query, code, &records), from).await.unwrap();
                }
            }
        });
        at
    }

    #[tokio::test]
    async fn a_domain_takes_mail_when_a_host_is_named_for_it_or_is_there() {
        let at = server(|name, kind| {
            let host = [vec![0, 10, 2], b"mx".to_vec(), vec![0xc0, 12]].concat();
            Some(match (name, kind) {
                ("a\u{7}example", MX) => (0, vec![(MX, host)]),
                ("none\u{7}example", MX) => (0, vec![(MX, vec![0, 0, 0])]),
                ("bare\u{7}example", AAAA) => (0, vec![(AAAA, vec![0; 16])]),
                ("alias\u{7}example", MX) => (0, vec![(5, vec![0xc0, 12]), (MX, host)]),
                ("broken\u{7}example", _) => (2, vec![]),
                ("silent\u{7}example", _) => return None,
                ("gone\u{7}example", _) => (3, vec![]),
                _ => (0, vec![]),
            })
        })
        .await;
        let hosts = MailHosts::new(Chance::seeded(1));
        for (domain, takes) in [
            ("a.example", Some(true)),
            ("none.example", Some(false)),
            ("bare.example", Some(true)),
            ("alias.example", Some(true)),
            ("empty.example", Some(false)),
            ("gone.example", Some(false)),
            ("broken.example", None),
            ("silent.example", None),
            ("..", None),
        ] {
            assert_eq!(hosts.take_mail(domain, Some(at)).await, takes, "{domain}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_back_is_no_trouble(cut in 0..60_usize, at in 0..60_usize, byte in 0..=255_u8) {
            let query = query(7, "a.example", MX).unwrap();
            let mut answer = answered(&query, 0, &[(MX, &[0, 10, 2, b'm', b'x', 0xc0, 12])]);
            answer.truncate(answer.len().saturating_sub(cut));
            if let Some(place) = answer.get_mut(at) {
                *place = byte;
            }
            let _ = read(&answer, &query, MX);
        }
    }
}
