//! Mail addresses.

use lettre::Address;
use serde::{Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// A mail address (RFC 5321 section 4.1.2, RFC 6531): shown as its owner wrote
/// it, compared by its key.
#[derive(Debug, Clone)]
pub struct EmailAddress(Address);

/// Why a mail address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("that is not a mail address: write it as name@example.com")]
pub struct BadEmailAddress;

impl EmailAddress {
    /// The address as its owner wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// The part behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    /// What makes two addresses the same reader: the whole in lower case. Dots
    /// and `+tags` are kept, since only the mailbox's host knows what they mean.
    #[must_use]
    pub fn key(&self) -> String {
        self.as_str().to_lowercase()
    }

    /// For an envelope.
    #[must_use]
    pub fn to_lettre(&self) -> Address {
        self.0.clone()
    }

    /// The address as any relay takes it: a domain beyond ASCII in its ASCII form
    /// (RFC 5891). What stands before the `@` has none; then the whole stays as it
    /// is, and needs a relay that knows SMTPUTF8 (RFC 6531).
    #[must_use]
    pub fn for_wire(&self) -> Self {
        let (user, domain) = (self.0.user(), self.0.domain());
        if domain.is_ascii() || !user.is_ascii() {
            return self.clone();
        }
        let domain = url::Host::parse(domain).ok().map(|host| host.to_string());
        domain.and_then(|domain| Address::new(user, domain).ok()).map_or_else(|| self.clone(), Self)
    }

    /// Its first letter and no more, for pages that a forwarded link opens.
    #[must_use]
    pub fn initial(&self) -> String {
        let first: String = self.0.user().chars().take(1).collect();
        format!("{first}…")
    }

    /// The address with all but its first letter and its domain hidden, for
    /// logs.
    #[must_use]
    pub fn masked(&self) -> String {
        let first: String = self.0.user().chars().take(1).collect();
        format!("{first}…@{}", self.0.domain())
    }
}

impl FromStr for EmailAddress {
    type Err = BadEmailAddress;

    fn from_str(text: &str) -> Result<Self, BadEmailAddress> {
        let text = text.trim();
        // 254 octets is the longest path that RFC 5321 section 4.5.3.1.3 lets through.
        if text.len() > 254 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(BadEmailAddress);
        }
        let address: Address = text.parse().map_err(|_| BadEmailAddress)?;
        // "name@host" is fine between machines, never for a reader.
        if address.domain().contains('.') || address.domain().starts_with('[') || address.domain() == "localhost" {
            Ok(Self(address))
        } else {
            Err(BadEmailAddress)
        }
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for EmailAddress {}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_mail_can_reach_and_nothing_that_breaks_a_header() {
        for good in ["a@example.com", " Ann.Lee+x@Example.COM ", "김@예시.한국", "o'neil@example.co.uk", "a@localhost"]
        {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        for bad in ["", "a", "a@", "@b.c", "a b@c.d", "a@b\r\nBcc: x@y.z", "a@b", "a@b..c", "<a@b.c>", "a@b.c\0"] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        assert!(long.parse::<EmailAddress>().is_err());
    }

    #[test]
    fn goes_out_in_ascii_where_it_can() {
        for (address, sent) in [
            ("Ann@Example.com", "Ann@Example.com"),
            ("ann@예시.한국", "ann@xn--vv4b11d.xn--3e0b707e"),
            ("김@예시.한국", "김@예시.한국"),
            ("김@example.com", "김@example.com"),
        ] {
            assert_eq!(address.parse::<EmailAddress>().unwrap().for_wire().as_str(), sent);
        }
    }

    #[test]
    fn is_the_same_reader_in_any_case_and_shows_little_when_masked() {
        let one: EmailAddress = "Ann@Example.com".parse().unwrap();
        assert_eq!(one, "ann@example.com".parse().unwrap());
        assert_eq!(one.as_str(), "Ann@Example.com");
        assert_eq!(one.masked(), "A…@Example.com");
    }
}
