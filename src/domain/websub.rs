//! WebSub (W3C Recommendation of 23 January 2018): what a hub says to a
//! subscriber, and how it proves that it was the hub.

use super::pace::Pace;
use super::url::HttpUrl;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use std::time::Duration;

/// Where the changes of one feed are announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Who announces them.
    pub hub: HttpUrl,
    /// What the feed is called there.
    pub topic: HttpUrl,
}

impl Channel {
    /// Whether this is the channel of that hub and topic.
    #[must_use]
    pub fn is(&self, hub: &str, topic: &str) -> bool {
        self.hub.as_str() == hub && self.topic.as_str() == topic
    }
}

/// So many hubs of a feed are of use: no publisher tells more.
const MOST_HUBS: usize = 8;

impl Pace {
    /// The hubs that the feed names, each once and in its order, when it says its
    /// own name as well. A subscriber may choose among them (section 4).
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let Some(topic) = &self.self_url else { return Vec::new() };
        let mut channels: Vec<Channel> = Vec::new();
        for hub in &self.hubs {
            if channels.len() < MOST_HUBS && !channels.iter().any(|known| known.hub == *hub) {
                channels.push(Channel { hub: hub.clone(), topic: topic.clone() });
            }
        }
        channels
    }
}

/// What a hub asks or tells at a callback, with GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Did you ask for this (section 5.3)? "Yes" is the challenge, given back.
    Verify {
        /// To be told of changes; otherwise to be told no more.
        subscribe: bool,
        /// Of what.
        topic: HttpUrl,
        /// What proves that the answer was made by who got the question.
        challenge: String,
        /// How long the hub will tell of changes.
        lease: Option<Duration>,
    },
    /// There will be no announcements (section 5.2).
    Denied {
        /// Of what.
        topic: HttpUrl,
        /// Why, in the hub's words.
        reason: Option<String>,
    },
}

/// The longest challenge that is given back.
const LONGEST_CHALLENGE: usize = 1024;
/// So much of a hub's reason is kept.
const LONGEST_REASON: usize = 200;

impl Question {
    /// Reads a query; `None` when it is none of a hub's.
    #[must_use]
    pub fn read(query: &str) -> Option<Self> {
        let find = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let topic = find("hub.topic")?.parse().ok()?;
        let subscribe = match find("hub.mode")?.as_str() {
            "denied" => {
                let reason = find("hub.reason").map(|reason| {
                    reason
                        .chars()
                        .map(|c| if c.is_control() { ' ' } else { c })
                        .take(LONGEST_REASON)
                        .collect::<String>()
                });
                let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
                return Some(Self::Denied { topic, reason });
            }
            "subscribe" => true,
            "unsubscribe" => false,
            _ => return None,
        };
        let challenge = find("hub.challenge").filter(|text| !text.is_empty() && text.len() <= LONGEST_CHALLENGE)?;
        let lease = find("hub.lease_seconds").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        Some(Self::Verify { subscribe, topic, challenge, lease })
    }
}

/// Whether `signature`, the value of `X-Hub-Signature`, is that of `body` under
/// `secret` (section 7.1). Takes the same time whatever the answer.
#[must_use]
pub fn is_signed(signature: &str, secret: &str, body: &[u8]) -> bool {
    let Some((method, digest)) = signature.split_once('=') else { return false };
    let Some(digest) = from_hex(digest) else { return false };
    match method {
        "sha1" => verifies::<Hmac<Sha1>>(secret, body, &digest),
        "sha256" => verifies::<Hmac<Sha256>>(secret, body, &digest),
        "sha384" => verifies::<Hmac<Sha384>>(secret, body, &digest),
        "sha512" => verifies::<Hmac<Sha512>>(secret, body, &digest),
        _ => false,
    }
}

fn verifies<M: Mac + KeyInit>(secret: &str, body: &[u8], digest: &[u8]) -> bool {
    <M as KeyInit>::new_from_slice(secret.as_bytes())
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(digest).is_ok())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.trim().chars().map(|digit| digit.to_digit(16)).collect();
    let pairs = digits?;
    let pairs = pairs.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202 section 3, test case 2, and RFC 4231 section 4.3.
    #[test]
    fn a_signature_of_every_method_is_recognised_and_nothing_else() {
        let (secret, body) = ("Jefe", b"what do ya want for nothing?");
        let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        for digest in [
            "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "sha256=5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843",
            "sha384=af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            "sha512=164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ] {
            assert!(is_signed(digest, secret, body), "{digest}");
            assert!(!is_signed(digest, "Jeff", body) && !is_signed(digest, secret, b"what"), "{digest}");
        }
        for digest in [
            String::new(),
            "sha256=".to_owned(),
            sha256.to_owned(),
            format!("md5={sha256}"),
            format!("sha1={sha256}"),
            format!("sha256={}", &sha256[..62]),
            format!("sha256={}", &sha256[..63]),
            format!("sha256={}z", &sha256[..63]),
        ] {
            assert!(!is_signed(&digest, secret, body), "{digest}");
        }
    }

    #[test]
    fn a_hubs_question_is_read_and_anything_else_is_none() {
        let topic: HttpUrl = "https://blog.example.com/feed?a=b".parse().unwrap();
        let asked = "hub.topic=https%3A%2F%2Fblog.example.com%2Ffeed%3Fa%3Db";
        let verify = |subscribe, lease: Option<u64>| {
            let (topic, lease) = (topic.clone(), lease.map(Duration::from_secs));
            Some(Question::Verify { subscribe, topic, challenge: "c +1".to_owned(), lease })
        };
        let denied =
            |reason: Option<&str>| Some(Question::Denied { topic: topic.clone(), reason: reason.map(str::to_owned) });
        for (query, expected) in [
            ("&hub.mode=subscribe&hub.challenge=c+%2B1&hub.lease_seconds=60", verify(true, Some(60))),
            ("&hub.mode=subscribe&hub.challenge=c+%2B1&hub.lease_seconds=soon", verify(true, None)),
            ("&hub.mode=unsubscribe&hub.challenge=c+%2B1", verify(false, None)),
            ("&hub.mode=denied&hub.reason=no%0Asuch+topic", denied(Some("no such topic"))),
            ("&hub.mode=denied", denied(None)),
            ("&hub.mode=subscribe", None),
            ("&hub.mode=subscribe&hub.challenge=", None),
            ("&hub.mode=publish&hub.challenge=c", None),
            ("", None),
        ] {
            assert_eq!(Question::read(&format!("{asked}{query}")), expected, "{query}");
        }
        assert_eq!(Question::read("hub.mode=subscribe&hub.challenge=c"), None);
        assert_eq!(Question::read(&format!("{asked}&hub.mode=subscribe&hub.challenge={}", "c".repeat(2_000))), None);
    }
}
