//! `[subscribe]` and `[retention]`: who may sign up from where, and how long
//! what is known of readers is kept.

use super::parts::{DAY, items, length, path};
use super::raw::Table;
use super::secrets;
use crate::domain::email_address::EmailAddress;
use crate::domain::url::HttpUrl;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// `[subscribe]`.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The pages that forms on other sites may lead back to: these and what lies below them.
    pub return_to: Vec<HttpUrl>,
    /// A form that comes back sooner was filled in by no person.
    pub form_min_age: Duration,
    /// A form that comes back later is shown once more.
    pub form_max_age: Duration,
    /// Whether it is asked of DNS that a domain takes mail at all.
    pub check_mx: bool,
    /// The name server that is asked; this machine's when there is none.
    pub dns: Option<SocketAddr>,
    /// Domains whose addresses are not taken, in lower case and ASCII.
    pub blocked: BlockedDomains,
    /// The operator's own page on what is kept of readers.
    pub privacy: Option<HttpUrl>,
}

impl Default for SignUp {
    fn default() -> Self {
        Self {
            return_to: Vec::new(),
            form_min_age: Duration::from_secs(2),
            form_max_age: Duration::from_secs(DAY),
            check_mx: false,
            dns: None,
            blocked: BlockedDomains::default(),
            privacy: None,
        }
    }
}

impl SignUp {
    /// The page that a form wants to lead back to, when that is allowed.
    #[must_use]
    pub fn return_to(&self, wanted: &str) -> Option<HttpUrl> {
        let wanted: HttpUrl = wanted.parse().ok()?;
        let below = |allowed: &HttpUrl| {
            let (allowed, path) = (allowed.as_url(), wanted.as_url().path());
            let root = allowed.path().trim_end_matches('/');
            // "/blog" is above "/blog/thanks" and not above "/blogger".
            let rest = path.strip_prefix(root);
            allowed.origin() == wanted.as_url().origin()
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.return_to.iter().any(below).then_some(wanted)
    }

    /// Whether pages of that origin (RFC 6454, as browsers write it) may hold our form.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.return_to.iter().any(|allowed| allowed.as_url().origin().ascii_serialization() == origin)
    }
}

/// A list of domains, with everything below them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockedDomains(BTreeSet<String>);

impl BlockedDomains {
    /// Reads a list: a domain a line; `#` begins a remark.
    fn read(text: &str) -> Result<Self, String> {
        let mut domains = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            let name = line.split('#').next().unwrap_or_default().trim().trim_start_matches("*.");
            if name.is_empty() {
                continue;
            }
            let address: Result<EmailAddress, _> = format!("x@{name}").parse();
            match address {
                Ok(address) => domains.insert(address.ascii_domain()),
                Err(_) => return Err(format!("line {}: `{name}` is not a domain", number + 1)),
            };
        }
        Ok(Self(domains))
    }

    /// Whether a domain (in ASCII and lower case) or one above it is on the list.
    #[must_use]
    pub fn holds(&self, domain: &str) -> bool {
        let mut rest = Some(domain);
        while let Some(name) = rest {
            if self.0.contains(name) {
                return true;
            }
            rest = name.split_once('.').map(|(_, above)| above);
        }
        false
    }
}

/// `[retention]`: how long what is known of readers is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// A sign-up that nobody confirmed.
    pub unconfirmed: Duration,
    /// The network address in a record of consent.
    pub network_address: Duration,
    /// Letters: their address and their words.
    pub letters: Duration,
    /// A subscription that ended, with its records of consent.
    pub ended: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            unconfirmed: Duration::from_secs(7 * DAY),
            network_address: Duration::from_secs(30 * DAY),
            letters: Duration::from_secs(90 * DAY),
            ended: Duration::from_secs(3 * 365 * DAY),
        }
    }
}

/// `[subscribe]`.
pub(super) fn sign_up(mut table: Table<'_>) -> SignUp {
    let usual = SignUp::default();
    let return_to = items(&mut table, "return_to", page);
    let form_min_age = length(&mut table, "form_min_age", Duration::ZERO..=Duration::from_mins(1));
    let form_max_age = length(&mut table, "form_max_age", Duration::from_mins(10)..=Duration::from_secs(30 * DAY));
    let check_mx = table.flag("check_mx");
    let dns = table.parsed("dns", |text| {
        text.parse::<SocketAddr>().map_err(|_| format!("`{text}` is not an address and port: write \"192.0.2.1:53\""))
    });
    let blocked = table.parsed("blocked_domains", |file| {
        let path = path(file).unwrap_or_else(|never| match never {});
        read_blocked(&path)
    });
    let privacy = table.parsed("privacy", page);
    table.finish();
    SignUp {
        return_to,
        form_min_age: form_min_age.unwrap_or(usual.form_min_age),
        form_max_age: form_max_age.unwrap_or(usual.form_max_age),
        check_mx: check_mx.unwrap_or(usual.check_mx),
        dns,
        blocked: blocked.unwrap_or_default(),
        privacy,
    }
}

fn read_blocked(path: &Path) -> Result<BlockedDomains, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|why| format!("{} cannot be read: {}", path.display(), secrets::plain(&why)))?;
    BlockedDomains::read(&text).map_err(|why| format!("{}, {why}", path.display()))
}

fn page(text: &str) -> Result<HttpUrl, String> {
    text.parse::<HttpUrl>().map_err(|why| why.to_string())
}

/// `[retention]`.
pub(super) fn retention(mut table: Table<'_>) -> Retention {
    let usual = Retention::default();
    let days = |from: u64, to: u64| Duration::from_secs(from * DAY)..=Duration::from_secs(to * DAY);
    // The link of a confirmation holds for 48 hours.
    let unconfirmed = length(&mut table, "unconfirmed", days(2, 30));
    let network_address = length(&mut table, "network_address", days(0, 365));
    // What an address was sent in 30 days is counted.
    let letters = length(&mut table, "letters", days(30, 3650));
    let ended = length(&mut table, "ended", days(30, 3650));
    table.finish();
    Retention {
        unconfirmed: unconfirmed.unwrap_or(usual.unconfirmed),
        network_address: network_address.unwrap_or(usual.network_address),
        letters: letters.unwrap_or(usual.letters),
        ended: ended.unwrap_or(usual.ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_where_it_may_and_nowhere_else() {
        let allowed = ["https://blog.example.com/letters", "http://127.0.0.1:8000/"];
        let sign_up = SignUp { return_to: allowed.map(|url| url.parse().unwrap()).to_vec(), ..SignUp::default() };
        for (wanted, good) in [
            ("https://blog.example.com/letters", true),
            ("https://blog.example.com/letters/thanks?x=1#y", true),
            ("http://127.0.0.1:8000/anything", true),
            ("https://blog.example.com/lettersandmore", false),
            ("https://blog.example.com/letters/../admin", false),
            ("https://blog.example.com/", false),
            ("http://blog.example.com/letters", false),
            ("https://blog.example.com:444/letters", false),
            ("https://blog.example.com.evil.example/letters", false),
            ("https://blog.example.com@evil.example/letters", false),
            ("//evil.example/letters", false),
            ("javascript:alert(1)", false),
            ("/letters", false),
            ("", false),
        ] {
            assert_eq!(sign_up.return_to(wanted).is_some(), good, "{wanted}");
        }
        assert!(sign_up.allows_origin("https://blog.example.com") && sign_up.allows_origin("http://127.0.0.1:8000"));
        assert!(!sign_up.allows_origin("https://evil.example") && !sign_up.allows_origin("null"));
    }

    #[test]
    fn a_blocked_domain_blocks_what_is_below_it() {
        let blocked = BlockedDomains::read("# throw-away mail\nTrash.example\n*.예시.한국 # too\n\n").unwrap();
        for (domain, held) in [
            ("trash.example", true),
            ("a.b.trash.example", true),
            ("xn--vv4b11d.xn--3e0b707e", true),
            ("nottrash.example", false),
            ("example", false),
            ("", false),
        ] {
            assert_eq!(blocked.holds(domain), held, "{domain}");
        }
        assert_eq!(BlockedDomains::read("good.example\na b"), Err("line 2: `a b` is not a domain".to_owned()));
    }
}
