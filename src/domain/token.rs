//! Tokens in links: what a reader may do without a password.
//!
//! A token is `<subscription>.<counter>.<mac>`, the MAC being HMAC-SHA-256 over
//! its purpose and its numbers. Nothing is stored for it; raising the
//! subscription's counter revokes it. A confirmation also binds a random nonce
//! of 256 bits that the database holds, so that it dies with the request it
//! belongs to, and a stolen database alone confirms nobody.

use super::id::{DigestId, HubId, LetterId, SubscriberId, SubscriptionId};
use super::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The site's secret: at least 32 bytes from a file, a credential or the
/// environment. Never printed. Beside it stand those that it took the place of: what
/// was made with them is still good, and what must stay the same is made with the
/// oldest (Message-IDs).
#[derive(Clone)]
pub struct SecretKey {
    bytes: Vec<u8>,
    /// The newest first.
    older: Vec<Vec<u8>>,
}

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
    /// Take back that a subscription ended; bound to the instant of its end.
    Undo,
    /// Have mails go to another address; bound to the nonce of that change.
    Address,
    /// See what is stored of a reader; bound to the instant of the letter.
    Data,
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
        if bytes.len() < 32 { Err(ShortKey(bytes.len())) } else { Ok(Self { bytes, older: Vec::new() }) }
    }

    /// The same beside those that it took the place of, the newest first.
    #[must_use]
    pub fn with_older(self, older: Vec<Self>) -> Self {
        Self { bytes: self.bytes, older: older.into_iter().map(|key| key.bytes).collect() }
    }

    /// Whether `check` is the check value of a key that this one took the place of.
    #[must_use]
    pub fn took_the_place_of(&self, check: &str) -> bool {
        self.older.iter().any(|key| hex(&mac(key, &[KEY_CHECK])) == check)
    }

    /// A digest that tells two keys apart and reveals neither.
    #[must_use]
    pub fn check_value(&self) -> String {
        hex(&self.mac(&[KEY_CHECK]))
    }

    /// Makes a token. `nonce` is the stored nonce of a confirmation, and empty
    /// for purposes that bind none.
    #[must_use]
    pub fn token(&self, purpose: Purpose, subscription: SubscriptionId, counter: i64, nonce: &str) -> String {
        let mac = self.mac(&token_parts(purpose, subscription, counter, nonce).each_ref().map(Vec::as_slice));
        format!("{subscription}.{counter}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Whether `claim` is this key's word for `purpose`, or that of one that it took
    /// the place of. Takes the same time whatever the answer.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, claim: &Claim, nonce: &str) -> bool {
        self.is_ours(
            &token_parts(purpose, claim.subscription, claim.counter, nonce).each_ref().map(Vec::as_slice),
            &claim.mac,
        )
    }

    /// The left part of the Message-ID of one reader's copy of a digest: the
    /// same at each repeat (P5), and silent about who the reader is.
    #[must_use]
    pub fn digest_message_id(&self, digest: DigestId, subscriber: SubscriberId) -> String {
        let mac = mac(self.oldest(), &[b"message-id digest", &digest.0.to_be_bytes(), &subscriber.0.to_be_bytes()]);
        hex(&mac).chars().take(40).collect()
    }

    /// The left part of a letter's Message-ID.
    #[must_use]
    pub fn letter_message_id(&self, letter: LetterId) -> String {
        hex(&mac(self.oldest(), &[b"message-id letter", &letter.0.to_be_bytes()])).chars().take(40).collect()
    }

    /// A keyed hash of a reader's address, for a suppression list that keeps no
    /// addresses.
    #[must_use]
    pub fn address_hash(&self, email_key: &str) -> String {
        hex(&self.mac(&[b"suppression", email_key.as_bytes()]))
    }

    /// The same by every key that it may have been made with, this one's first.
    #[must_use]
    pub fn address_hashes(&self, email_key: &str) -> Vec<String> {
        self.all().map(|key| hex(&mac(key, &[b"suppression", email_key.as_bytes()]))).collect()
    }

    /// The last part of the address at which a hub is answered: nobody else can
    /// guess it.
    #[must_use]
    pub fn callback_token(&self, hub: HubId) -> String {
        format!("{hub}.{}", URL_SAFE_NO_PAD.encode(self.mac(&[CALLBACK, &hub.0.to_be_bytes()])))
    }

    /// Whose callback a token is of; `None` when this key never made it. Takes
    /// the same time whatever the answer.
    #[must_use]
    pub fn read_callback(&self, token: &str) -> Option<HubId> {
        let (id, mac) = token.split_once('.')?;
        let hub = HubId(id.parse().ok()?);
        let mac: [u8; 32] = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
        self.is_ours(&[CALLBACK, &hub.0.to_be_bytes()], &mac).then_some(hub)
    }

    /// What a hub signs its announcements with: fewer than the 200 bytes that
    /// WebSub allows.
    #[must_use]
    pub fn push_secret(&self, hub: HubId) -> String {
        hex(&self.mac(&[b"websub secret", &hub.0.to_be_bytes()]))
    }

    /// The same by every key that the hub may have been told of, this one's first.
    #[must_use]
    pub fn push_secrets(&self, hub: HubId) -> Vec<String> {
        self.all().map(|key| hex(&mac(key, &[b"websub secret", &hub.0.to_be_bytes()]))).collect()
    }

    /// What a form carries: when it was made, and our word for that. `form` says
    /// which form it is and what of it must not be changed.
    #[must_use]
    pub fn form_token(&self, form: &str, at: Timestamp) -> String {
        format!(
            "{}.{}",
            at.millis(),
            URL_SAFE_NO_PAD.encode(self.mac(&[b"form", form.as_bytes(), &at.millis().to_be_bytes()]))
        )
    }

    /// When a form was made; `None` when this key never made that form. Takes the
    /// same time whatever the answer.
    #[must_use]
    pub fn read_form_token(&self, form: &str, token: &str) -> Option<Timestamp> {
        let (at, mac) = token.split_once('.')?;
        let at: i64 = at.parse().ok()?;
        let mac: [u8; 32] = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
        self.is_ours(&[b"form", form.as_bytes(), &at.to_be_bytes()], &mac).then_some(Timestamp::from_millis(at))
    }

    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.bytes, parts)
    }

    /// Whether a MAC over `parts` was made with one of the keys. Takes the same time
    /// whatever the answer.
    fn is_ours(&self, parts: &[&[u8]], given: &[u8; 32]) -> bool {
        self.any(parts, |made| same(made, given))
    }

    /// Whether the MAC over `parts` that one of the keys makes `is` the one that came.
    pub(super) fn any(&self, parts: &[&[u8]], is: impl Fn(&[u8; 32]) -> bool) -> bool {
        self.all().fold(false, |ours, key| ours | is(&mac(key, parts)))
    }

    fn all(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.bytes).chain(&self.older).map(Vec::as_slice)
    }

    fn oldest(&self) -> &[u8] {
        self.older.last().unwrap_or(&self.bytes)
    }
}

const KEY_CHECK: &[u8] = b"syndicated key check";
const CALLBACK: &[u8] = b"websub callback";

/// What a token's MAC is over.
fn token_parts(purpose: Purpose, subscription: SubscriptionId, counter: i64, nonce: &str) -> [Vec<u8>; 4] {
    let purpose: &[u8] = match purpose {
        Purpose::Confirm => b"token confirm",
        Purpose::Unsubscribe => b"token unsubscribe",
        Purpose::Preferences => b"token preferences",
        Purpose::Undo => b"token undo",
        Purpose::Address => b"token address",
        Purpose::Data => b"token data",
    };
    [purpose.to_vec(), subscription.0.to_be_bytes().to_vec(), counter.to_be_bytes().to_vec(), nonce.as_bytes().to_vec()]
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 3)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
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

    /// Two live keys: what the old one made is still good, nothing new is made with it but
    /// what must stay the same, and without it all that is over.
    #[test]
    fn a_new_key_keeps_the_word_of_those_before_it() {
        let id = SubscriptionId(7);
        let both = key(3).with_older(vec![key(2), key(1)]);
        for old in [key(1), key(2), key(3)] {
            let claim = Claim::read(&old.token(Purpose::Unsubscribe, id, 0, "")).unwrap();
            assert!(both.verify(Purpose::Unsubscribe, &claim, "") && !both.verify(Purpose::Preferences, &claim, ""));
            assert!(both.address_hashes("a@example.org").contains(&old.address_hash("a@example.org")));
            assert_eq!(both.read_callback(&old.callback_token(HubId(7))), Some(HubId(7)));
            assert!(both.push_secrets(HubId(7)).contains(&old.push_secret(HubId(7))));
        }
        let claim = Claim::read(&key(4).token(Purpose::Unsubscribe, id, 0, "")).unwrap();
        assert!(!both.verify(Purpose::Unsubscribe, &claim, ""));
        assert_eq!(both.token(Purpose::Confirm, id, 0, "n"), key(3).token(Purpose::Confirm, id, 0, "n"));
        assert_eq!(both.check_value(), key(3).check_value());
        assert!(both.took_the_place_of(&key(1).check_value()) && !both.took_the_place_of(&both.check_value()));
        // A repeat is the same bytes (P5), across the change of the key too.
        let (digest, reader) = (DigestId(1), SubscriberId(2));
        assert_eq!(both.digest_message_id(digest, reader), key(1).digest_message_id(digest, reader));
        assert_eq!(both.letter_message_id(LetterId(1)), key(1).letter_message_id(LetterId(1)));
    }

    /// S9: of every token that is one bit away from a good one, none is good.
    #[test]
    fn a_token_with_any_bit_changed_is_worth_nothing() {
        let good = key(1).token(Purpose::Unsubscribe, SubscriptionId(12), 3, "");
        let verified = |token: &str| {
            Claim::read(token).is_some_and(|claim| {
                key(1).verify(Purpose::Unsubscribe, &claim, "")
                    && (claim.subscription, claim.counter) == (SubscriptionId(12), 3)
            })
        };
        assert!(verified(&good));
        let mut tried = 0;
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                tried += 1;
                assert!(!verified(&changed), "{changed}");
            }
        }
        assert!(tried > 300, "{tried}");
        for changed in
            [format!("{good}A"), format!("{good}="), good[1..].to_owned(), format!("+{good}"), format!("0{good}")]
        {
            let verified = Claim::read(&changed).is_some_and(|claim| {
                key(1).verify(Purpose::Unsubscribe, &claim, "") && claim.subscription != SubscriptionId(12)
            });
            assert!(!verified, "{changed}");
        }
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

    /// S9.
    #[test]
    fn a_form_is_its_own_and_of_its_hour_and_key() {
        let at = Timestamp::from_millis(1_795_388_400_000);
        let token = key(1).form_token("page", at);
        assert_eq!(key(1).read_form_token("page", &token), Some(at));
        assert_eq!(key(1).read_form_token("embedded", &token), None);
        assert_eq!(key(2).read_form_token("page", &token), None);
        assert_eq!(key(1).read_form_token("page", &token.replacen("1795388400000", "1795388400001", 1)), None);
        for text in ["", ".", "1.", "1.AAAA", "x.AAAA", "99999999999999999999.AAAA"] {
            assert_eq!(key(1).read_form_token("page", text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        for text in ["", ".", "..", "1.2", "1.2.short", "x.2.AAAA", "9999999999999999999999.0.AAAA"] {
            assert_eq!(Claim::read(text), None, "{text}");
        }
        assert!(SecretKey::new(vec![0; 31]).is_err());
    }
}
