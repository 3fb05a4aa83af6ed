//! Mail addresses.

use lettre::Address;
use serde::{Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

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

    /// The part before the `@`.
    #[must_use]
    pub fn user(&self) -> &str {
        self.0.user()
    }

    /// The same mailbox's address with a tag behind its name (RFC 5233); `None`
    /// when that is longer than a local part may be.
    #[must_use]
    pub fn with_tag(&self, separator: char, tag: &str) -> Option<Self> {
        let user = format!("{}{separator}{tag}", self.0.user());
        if user.len() > 64 { None } else { Address::new(user, self.0.domain()).ok().map(Self) }
    }

    /// What makes two addresses the same reader: the whole in lower case, letters
    /// composed (NFC, as RFC 6531 section 3.3 advises), the domain in its ASCII form. Dots
    /// and `+tags` are kept, since only the mailbox's host knows what they mean.
    #[must_use]
    pub fn key(&self) -> String {
        if self.as_str().is_ascii() {
            return self.as_str().to_ascii_lowercase();
        }
        let user = self.0.user().to_lowercase().nfc().collect::<String>();
        format!("{user}@{}", self.ascii_domain())
    }

    /// What is most likely one mailbox, however it is written: the key without its
    /// `+tag`, and without dots where the host is known to ignore them. For counting
    /// what a stranger may be sent, and never for telling readers apart.
    #[must_use]
    pub fn mailbox(&self) -> String {
        let key = self.key();
        let Some((user, domain)) = key.rsplit_once('@') else { return key };
        let user = user.split('+').next().filter(|user| !user.is_empty()).unwrap_or(user);
        match domain {
            "gmail.com" | "googlemail.com" => format!("{}@gmail.com", user.replace('.', "")),
            _ => format!("{user}@{domain}"),
        }
    }

    /// The domain as DNS has it, in lower case.
    #[must_use]
    pub fn ascii_domain(&self) -> String {
        let domain = self.0.domain();
        let ascii = if domain.is_ascii() { None } else { url::Host::parse(domain).ok().map(|host| host.to_string()) };
        ascii.unwrap_or_else(|| domain.to_lowercase())
    }

    /// Whether the domain is one of the public mail system: neither this machine
    /// nor a bare network address.
    #[must_use]
    pub fn is_public(&self) -> bool {
        let domain = self.ascii_domain();
        let (Some((_, top)), false) = (domain.rsplit_once('.'), domain.starts_with('[')) else { return false };
        !top.bytes().all(|byte| byte.is_ascii_digit()) && !["localhost", "local", "internal", "invalid"].contains(&top)
    }

    /// The same mailbox name at another domain.
    #[must_use]
    pub fn at(&self, domain: &str) -> Option<Self> {
        Address::new("user", domain).ok().map(|_| Self(Address::new_dangerous(self.0.user(), domain)))
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
        Address::new(user, self.ascii_domain()).map_or_else(|_| self.clone(), Self)
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
        let address = text.parse().or_else(|_| beyond_ascii(text).ok_or(BadEmailAddress))?;
        // What has no ASCII form, or is a network address in disguise, DNS does not know.
        let domain = address.domain();
        if !domain.is_ascii() && !matches!(url::Host::parse(domain), Ok(url::Host::Domain(_))) {
            return Err(BadEmailAddress);
        }
        // "name@host" is fine between machines, never for a reader.
        if address.domain().contains('.') || address.domain().starts_with('[') || address.domain() == "localhost" {
            Ok(Self(address))
        } else {
            Err(BadEmailAddress)
        }
    }
}

/// An address whose mailbox is written with signs that only combine, as most
/// scripts of India and South-East Asia have them: RFC 6531 section 3.3 allows
/// them, and the library does not know them.
fn beyond_ascii(text: &str) -> Option<Address> {
    let (user, domain) = text.rsplit_once('@')?;
    Address::new("user", domain).ok()?;
    let fits = |c: char| match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
        _ => c.is_alphanumeric() || is_combining_mark(c),
    };
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(fits);
    // 64 octets: RFC 5321 section 4.5.3.1.1.
    (user.len() <= 64 && user.split('.').all(is_atom)).then(|| Address::new_dangerous(user, domain))
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
        for good in [
            "a@example.com",
            " Ann.Lee+x@Example.COM ",
            "김@예시.한국",
            "o'neil@example.co.uk",
            "a@localhost",
            "कि.मी@उदाहरण.भारत",
        ] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.c",
            "a b@c.d",
            "a@b\r\nBcc: x@y.z",
            "a@b",
            "a@b..c",
            "<a@b.c>",
            "a@b.c\0",
            "कि..मी@b.c",
            "a\u{202e}b@b.c",
            "क@b@c.d",
            "कि(@b.c",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        assert!(long.parse::<EmailAddress>().is_err());
    }

    proptest::proptest! {
        /// S4: what parses breaks no header, is itself again, and has a key that is its own.
        #[test]
        fn whatever_parses_is_sound(text in "\\PC{0,20}@\\PC{0,20}|[a-zA-Z+.ö]{1,9}@[a-zö]{1,5}\\.[a-z]{2,3}|(?s).{0,40}") {
            if let Ok(address) = text.parse::<EmailAddress>() {
                assert!(!address.as_str().chars().any(|c| c.is_control() || c.is_whitespace()));
                assert_eq!(address.as_str().parse::<EmailAddress>().unwrap().as_str(), address.as_str());
                let key = address.key();
                assert_eq!(key.parse::<EmailAddress>().map(|again| again.key()), Ok(key));
                assert!(address.ascii_domain().is_ascii() && address.mailbox().contains('@'));
                assert!(address.for_wire().domain().is_ascii() || !address.as_str().is_ascii());
            }
        }
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

    #[test]
    fn is_the_same_reader_however_its_letters_are_put_together() {
        let key = |text: &str| text.parse::<EmailAddress>().unwrap().key();
        for (one, other) in [
            ("김@예시.한국", "\u{1100}\u{1175}\u{11b7}@예시.한국"),
            ("ann@예시.한국", "Ann@XN--vv4b11d.xn--3e0b707e"),
            ("Zoë@bücher.example", "zoe\u{308}@b\u{fc}cher.example"),
        ] {
            assert_eq!(key(one), key(other), "{one}");
        }
        assert_ne!(key("a.nn+x@example.com"), key("ann@example.com"));
        assert_eq!("김@예시.한국".parse::<EmailAddress>().unwrap().as_str(), "김@예시.한국");
    }

    #[test]
    fn counts_as_one_mailbox_what_most_likely_is_one() {
        let mailbox = |text: &str| text.parse::<EmailAddress>().unwrap().mailbox();
        assert_eq!(mailbox("A.nn+news@googlemail.com"), "ann@gmail.com");
        assert_eq!(mailbox("a.nn+1@Example.com"), "a.nn@example.com");
        assert_eq!(mailbox("+x@example.com"), "+x@example.com");
    }

    #[test]
    fn is_public_when_a_relay_on_the_internet_could_reach_it() {
        for (address, public) in [
            ("a@example.com", true),
            ("a@예시.한국", true),
            ("a@localhost", false),
            ("a@printer.local", false),
            ("a@[192.0.2.1]", false),
            ("a@192.0.2.1", false),
        ] {
            assert_eq!(address.parse::<EmailAddress>().unwrap().is_public(), public, "{address}");
        }
    }
}
