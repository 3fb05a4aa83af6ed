//! Signed parts of mail addresses: where a bounce of one mail to one reader comes
//! back to (VERP), and where a reader writes to leave.
//!
//! `bounce+TAG@example.org`: a tag names a delivery, or a subscription, and
//! carries an HMAC of 128 bits, so that nobody who was not written to can make
//! one (P18). It is in small letters and digits, since hosts on the way may change
//! the case, and short, since a local part holds 64 bytes (RFC 5321 section
//! 4.5.3.1.1). A delivery's tag is bound to the address that it went to: it says
//! nothing of the one that the reader moved to meanwhile.

use super::email_address::EmailAddress;
use super::id::{DeliveryId, SubscriptionId};
use super::token::{SecretKey, is_same};

/// What stands between a mailbox's name and its tag (RFC 5233).
pub const SEPARATOR: char = '+';

/// The longest name of a mailbox that leaves room for a tag.
pub const LONGEST_NAME: usize = 20;

/// A tag as it came in: read, not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// Of a mail that went out.
    Delivery {
        /// Which one.
        id: DeliveryId,
        /// What proves it.
        mac: String,
    },
    /// Of a wish to leave.
    Goodbye {
        /// What is to be ended.
        subscription: SubscriptionId,
        /// Its counter when the tag was made.
        counter: i64,
        /// What proves it.
        mac: String,
    },
}

impl Tag {
    /// Reads the tag of an address, whatever its mailbox: that may have had another
    /// name when the mail went out. `None` when it has not the form of one.
    #[must_use]
    pub fn read(address: &str) -> Option<Self> {
        let address = address.trim().to_lowercase();
        let (local, _) = address.rsplit_once('@')?;
        let (_, tag) = local.split_once(SEPARATOR)?;
        let number = |text: &str| i64::from_str_radix(text, 16).ok().filter(|number| *number >= 0);
        let parts: Vec<&str> = tag.split('.').collect();
        match parts.as_slice() {
            [goodbye, counter, mac] => Some(Self::Goodbye {
                subscription: SubscriptionId(number(goodbye.strip_prefix('u')?)?),
                counter: number(counter)?,
                mac: (*mac).to_owned(),
            }),
            [id, mac] => Some(Self::Delivery { id: DeliveryId(number(id)?), mac: (*mac).to_owned() }),
            _ => None,
        }
    }
}

impl SecretKey {
    /// Where a mail of this delivery to `reader` comes back to: below `mailbox`.
    /// `None` when that leaves no room for it.
    #[must_use]
    pub fn return_address(
        &self,
        mailbox: &EmailAddress,
        delivery: DeliveryId,
        reader: &EmailAddress,
    ) -> Option<EmailAddress> {
        let mac = small(&self.mac(&slices(&of_delivery(delivery, reader))));
        mailbox.with_tag(SEPARATOR, &format!("{:x}.{mac}", delivery.0))
    }

    /// Where a reader writes to end a subscription: below `mailbox`.
    #[must_use]
    pub fn goodbye_address(
        &self,
        mailbox: &EmailAddress,
        subscription: SubscriptionId,
        counter: i64,
    ) -> Option<EmailAddress> {
        let mac = small(&self.mac(&slices(&of_goodbye(subscription, counter))));
        mailbox.with_tag(SEPARATOR, &format!("u{:x}.{counter:x}.{mac}", subscription.0))
    }

    /// Whether this key made the MAC for a delivery that went to `reader`. Takes
    /// the same time whatever the answer, like the two below.
    #[must_use]
    pub fn made_return(&self, mac: &str, delivery: DeliveryId, reader: &EmailAddress) -> bool {
        self.made(mac, &of_delivery(delivery, reader))
    }

    /// Whether this key made the MAC for the end of a subscription.
    #[must_use]
    pub fn made_goodbye(&self, mac: &str, subscription: SubscriptionId, counter: i64) -> bool {
        self.made(mac, &of_goodbye(subscription, counter))
    }

    /// The last part of the address to which a relay reports: nobody else can guess it.
    #[must_use]
    pub fn hook_token(&self, relay: &str) -> String {
        small(&self.mac(&slices(&of_hook(relay))))
    }

    /// Whether this key made the token for `relay`.
    #[must_use]
    pub fn made_hook(&self, token: &str, relay: &str) -> bool {
        self.made(token, &of_hook(relay))
    }

    fn made(&self, given: &str, parts: &[Vec<u8>]) -> bool {
        let parts = slices(parts);
        self.macs(&parts).fold(false, |made, mac| made | is_same(given.as_bytes(), small(&mac).as_bytes()))
    }
}

fn of_delivery(delivery: DeliveryId, reader: &EmailAddress) -> [Vec<u8>; 3] {
    [b"return address".to_vec(), delivery.0.to_be_bytes().to_vec(), reader.key().into_bytes()]
}

fn of_goodbye(subscription: SubscriptionId, counter: i64) -> [Vec<u8>; 3] {
    [b"goodbye address".to_vec(), subscription.0.to_be_bytes().to_vec(), counter.to_be_bytes().to_vec()]
}

fn of_hook(relay: &str) -> [Vec<u8>; 2] {
    [b"relay's hook".to_vec(), relay.as_bytes().to_vec()]
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}

/// The first 128 bits of a MAC (RFC 2104 section 5) in 26 letters and digits.
fn small(mac: &[u8; 32]) -> String {
    const DIGITS: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
        'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
    ];
    let bits = mac.iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..26)
        .map(|place| DIGITS.get(usize::try_from(bits >> (place * 5) & 31).unwrap_or(0)).copied().unwrap_or('a'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SecretKey {
        SecretKey::new(vec![byte; 32]).unwrap()
    }

    fn email(text: &str) -> EmailAddress {
        text.parse().unwrap()
    }

    #[test]
    fn a_return_address_is_its_deliverys_readers_and_keys_own_in_any_case() {
        let (mailbox, reader) = (email("Bounce@Example.org"), email("Ann@example.com"));
        let address = key(1).return_address(&mailbox, DeliveryId(300), &reader).unwrap();
        assert!(address.as_str().starts_with("Bounce+12c."), "{address}");
        for written in [address.as_str().to_owned(), address.as_str().to_uppercase(), format!(" {address}\n")] {
            let Some(Tag::Delivery { id, mac }) = Tag::read(&written) else { panic!("{written}") };
            assert_eq!(id, DeliveryId(300));
            assert!(key(1).made_return(&mac, id, &reader) && key(1).made_return(&mac, id, &email("ann@EXAMPLE.com")));
            assert!(!key(2).made_return(&mac, id, &reader));
            assert!(!key(1).made_return(&mac, DeliveryId(301), &reader));
            assert!(!key(1).made_return(&mac, id, &email("bob@example.com")));
            assert!(!key(1).made_return("", id, &reader) && !key(1).made_return(&mac[1..], id, &reader));
        }
        let goodbye = key(1).goodbye_address(&mailbox, SubscriptionId(7), 2).unwrap();
        let Some(Tag::Goodbye { subscription, counter, mac }) = Tag::read(goodbye.as_str()) else { panic!() };
        assert_eq!((subscription, counter), (SubscriptionId(7), 2));
        assert!(key(1).made_goodbye(&mac, subscription, counter) && !key(1).made_goodbye(&mac, subscription, 3));
        // One is never the other.
        assert!(!key(1).made_return(&mac, DeliveryId(7), &reader));
    }

    #[test]
    fn every_address_is_one_that_mail_can_go_to() {
        let longest = email(&format!("{}@example.org", "b".repeat(LONGEST_NAME)));
        let address = key(1).return_address(&longest, DeliveryId(0xff_ffff_ffff), &email("a@b.example")).unwrap();
        assert!(address.user().len() <= 64, "{address}");
        let address = key(1).goodbye_address(&longest, SubscriptionId(0xffff_ffff), 0xff).unwrap();
        assert!(address.user().len() <= 64, "{address}");
        let far = key(1).return_address(&email("b@예시.한국"), DeliveryId(1), &email("a@b.example")).unwrap();
        assert!(Tag::read(far.for_wire().as_str()).is_some(), "{far}");
    }

    #[test]
    fn what_is_no_tag_is_none() {
        for text in [
            "",
            "@",
            "bounce@example.org",
            "bounce+@example.org",
            "bounce+1@example.org",
            "bounce+.x@example.org",
            "bounce+-1.x@example.org",
            "bounce+zz.x@example.org",
            "bounce+u1.x@example.org",
            "bounce+1.2.x@example.org",
            "bounce+u1.2.3.x@example.org",
            "bounce+ffffffffffffffffffff.x@example.org",
        ] {
            assert_eq!(Tag::read(text), None, "{text}");
        }
        assert!(key(1).made_hook(&key(1).hook_token("postmark"), "postmark"));
        assert!(!key(1).made_hook(&key(1).hook_token("postmark"), "mailgun") && !key(1).made_hook("", "postmark"));
    }
}
