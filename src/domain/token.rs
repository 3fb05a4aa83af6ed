//! Tokens in links: what a reader may do without a password.
//!
//! A token is `<subscription>.<counter>.<mac>`, the MAC being HMAC-SHA-256 over
//! its purpose and its numbers. Nothing is stored for it; raising the
//! subscription's counter revokes it. A confirmation also binds a random nonce
//! of 256 bits that the database holds, so that it dies with the request it
//! belongs to, and a stolen database alone confirms nobody.

use super::id::{DigestId, HubId, LetterId, SubscriberId, SubscriptionId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The site's secret: at least 32 bytes from a file, a credential or the
/// environment. Never printed.
#[derive(Clone)]
pub struct SecretKey(Vec<u8>);

/// The secret is too short to keep anything secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret key has {0} bytes; it needs at least 32")]
pub struct ShortKey(usize);

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Confirm a pending subscription.
    Confirm,
    /// End a subscription.
    Unsubscribe,
    /// See and change what a subscription brings.
    Preferences,
}

/// A token as it came in: read, not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose subscription it speaks of.
    pub subscription: SubscriptionId,
    /// The counter at the time it was made.
    pub counter: i64,
    mac: [u8; 32],
}

impl SecretKey {
    /// From raw bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ShortKey> {
        if bytes.len() < 32 { Err(ShortKey(bytes.len())) } else { Ok(Self(bytes)) }
    }

    /// A digest that tells two keys apart and reveals neither.
    #[must_use]
    pub fn check_value(&self) -> String {
        hex(&self.mac(&[b"syndicated key check"]))
    }

    /// Makes a token. `nonce` is the stored nonce of a confirmation, and empty
    /// for purposes that bind none.
    #[must_use]
    pub fn token(&self, purpose: Purpose, subscription: SubscriptionId, counter: i64, nonce: &str) -> String {
        let mac = self.token_mac(purpose, subscription, counter, nonce);
        format!("{subscription}.{counter}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Whether `claim` is this key's word for `purpose`. Takes the same time
    /// whatever the answer.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, claim: &Claim, nonce: &str) -> bool {
        let mac = self.token_mac(purpose, claim.subscription, claim.counter, nonce);
        same(&mac, &claim.mac)
    }

    /// The left part of the Message-ID of one reader's copy of a digest: the
    /// same at each repeat (P5), and silent about who the reader is.
    #[must_use]
    pub fn digest_message_id(&self, digest: DigestId, subscriber: SubscriberId) -> String {
        let mac = self.mac(&[b"message-id digest", &digest.0.to_be_bytes(), &subscriber.0.to_be_bytes()]);
        hex(&mac).chars().take(40).collect()
    }

    /// The left part of a letter's Message-ID.
    #[must_use]
    pub fn letter_message_id(&self, letter: LetterId) -> String {
        hex(&self.mac(&[b"message-id letter", &letter.0.to_be_bytes()])).chars().take(40).collect()
    }

    /// A keyed hash of a reader's address, for a suppression list that keeps no
    /// addresses.
    #[must_use]
    pub fn address_hash(&self, email_key: &str) -> String {
        hex(&self.mac(&[b"suppression", email_key.as_bytes()]))
    }

    /// The last part of the address at which a hub is answered: nobody else can
    /// guess it.
    #[must_use]
    pub fn callback_token(&self, hub: HubId) -> String {
        format!("{hub}.{}", URL_SAFE_NO_PAD.encode(self.callback_mac(hub)))
    }

    /// Whose callback a token is of; `None` when this key never made it. Takes
    /// the same time whatever the answer.
    #[must_use]
    pub fn read_callback(&self, token: &str) -> Option<HubId> {
        let (id, mac) = token.split_once('.')?;
        let hub = HubId(id.parse().ok()?);
        let mac: [u8; 32] = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
        same(&self.callback_mac(hub), &mac).then_some(hub)
    }

    /// What a hub signs its announcements with: fewer than the 200 bytes that
    /// WebSub allows.
    #[must_use]
    pub fn push_secret(&self, hub: HubId) -> String {
        hex(&self.mac(&[b"websub secret", &hub.0.to_be_bytes()]))
    }

    fn callback_mac(&self, hub: HubId) -> [u8; 32] {
        self.mac(&[b"websub callback", &hub.0.to_be_bytes()])
    }

    fn token_mac(&self, purpose: Purpose, subscription: SubscriptionId, counter: i64, nonce: &str) -> [u8; 32] {
        let purpose: &[u8] = match purpose {
            Purpose::Confirm => b"token confirm",
            Purpose::Unsubscribe => b"token unsubscribe",
            Purpose::Preferences => b"token preferences",
        };
        self.mac(&[purpose, &subscription.0.to_be_bytes(), &counter.to_be_bytes(), nonce.as_bytes()])
    }

    /// What a MAC over `parts` may be: by this key, and by none other.
    pub(super) fn macs(&self, parts: &[&[u8]]) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(self.mac(parts))
    }

    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 3)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl Claim {
    /// Reads a token from a link; `None` when it has not the form of one.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        let mut parts = token.splitn(3, '.');
        let subscription = SubscriptionId(parts.next()?.parse().ok()?);
        let counter = parts.next()?.parse().ok()?;
        let mac = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?.try_into().ok()?;
        Some(Self { subscription, counter, mac })
    }
}

/// Whether two MACs are the same; takes the same time whatever the answer.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    is_same(a, b)
}

/// The same of any length, which is no secret.
pub(super) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// SHA-256 as lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SecretKey {
        SecretKey::new(vec![byte; 32]).unwrap()
    }

    #[test]
    fn a_token_holds_for_its_own_purpose_reader_counter_nonce_and_key() {
        let token = key(1).token(Purpose::Confirm, SubscriptionId(7), 2, "n");
        let claim = Claim::read(&token).unwrap();
        assert_eq!((claim.subscription, claim.counter), (SubscriptionId(7), 2));
        assert!(key(1).verify(Purpose::Confirm, &claim, "n"));
        assert!(!key(2).verify(Purpose::Confirm, &claim, "n"));
        assert!(!key(1).verify(Purpose::Unsubscribe, &claim, "n"));
        assert!(!key(1).verify(Purpose::Confirm, &claim, "m"));
        assert!(!key(1).verify(Purpose::Confirm, &Claim { counter: 3, ..claim.clone() }, "n"));
        assert!(!key(1).verify(Purpose::Confirm, &Claim { subscription: SubscriptionId(8), ..claim }, "n"));
    }

    #[test]
    fn a_callback_is_its_own_hubs_and_key_s_and_its_secret_is_another() {
        let token = key(1).callback_token(HubId(7));
        assert_eq!(key(1).read_callback(&token), Some(HubId(7)));
        assert_eq!(key(2).read_callback(&token), None);
        assert_eq!(key(1).read_callback(&token.replacen('7', "8", 1)), None);
        for text in ["", ".", "7", "7.", "x.AAAA"] {
            assert_eq!(key(1).read_callback(text), None, "{text}");
        }
        assert!(
            key(1).push_secret(HubId(7)) != key(1).push_secret(HubId(8)) && key(1).push_secret(HubId(7)).len() == 64
        );
    }

    #[test]
    fn what_is_no_token_is_none() {
        for text in ["", ".", "..", "1.2", "1.2.short", "x.2.AAAA", "9999999999999999999999.0.AAAA"] {
            assert_eq!(Claim::read(text), None, "{text}");
        }
        assert!(SecretKey::new(vec![0; 31]).is_err());
    }
}
