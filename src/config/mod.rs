//! What the operator wants: `config.toml`, parsed into meaning. The environment
//! is read in this room only. Every fault is found at once ([`Faults`]), and a
//! file that others can read keeps no secret.

mod addresses;
mod bounces;
pub mod edit;
mod faults;
mod feeds;
mod load;
mod mail;
mod newsletter;
mod outlet;
mod page_source;
mod parts;
mod platforms;
mod raw;
mod secrets;
mod sign_up;

pub use crate::domain::secret::Secret;
pub use bounces::{Bounces, Hook, Imap};
pub use faults::{Fault, Faults, Spot};
pub use feeds::Feeds;
pub use page_source::selector;
pub use parts::zone;
pub use platforms::platforms;
pub use secrets::{Environment, FreshKey, KeyTrouble, write_private};
pub use sign_up::{BlockedDomains, Retention, SignUp};

use crate::domain::dkim::{Selector, SigningKey};
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::newsletter::{Advertising, Newsletter};
use crate::domain::outlet::Outlet;
use crate::domain::platform::Platforms;
use crate::domain::slug::Slug;
use crate::domain::source::Source;
use crate::domain::token::SecretKey;
use crate::domain::url::HttpUrl;
use arc_swap::ArcSwap;
use chrono::NaiveDate;
use chrono_tz::Tz;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The configuration in force; a reload puts another in its place.
pub type Live = Arc<ArcSwap<Config>>;

/// The whole configuration, cross-checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The site.
    pub site: Site,
    /// Where the database is.
    pub database: Database,
    /// The web server.
    pub http: Http,
    /// Fetching from other sites.
    pub fetch: Fetch,
    /// What feeds say of themselves.
    pub feeds: Feeds,
    /// Mailing.
    pub mail: Mail,
    /// What comes back.
    pub bounces: Bounces,
    /// Signing up.
    pub sign_up: SignUp,
    /// How long what is known of readers is kept.
    pub retention: Retention,
    /// The secret behind tokens and Message-IDs.
    pub secret: SecretKey,
    /// A key that was made while loading, because there was none: see [`Config::keep_key`].
    pub fresh_key: Option<FreshKey>,
    /// What is followed, in the file's order.
    pub sources: Vec<Source>,
    /// What readers subscribe to, in the file's order.
    pub newsletters: Vec<Newsletter>,
    /// Where posts are published again, in the file's order.
    pub outlets: Vec<Outlet>,
    /// The operator's own platform profiles, which win over those that come with syndicated.
    pub platforms: Platforms,
}

/// `[site]`.
#[derive(Debug, Clone)]
pub struct Site {
    /// What readers see.
    pub title: String,
    /// Where readers reach the web server; no trailing slash is needed.
    pub base_url: HttpUrl,
    /// The language of pages that belong to no newsletter.
    pub language: Language,
    /// The zone of schedules that name none.
    pub timezone: Tz,
    /// Who is told when something needs a person.
    pub owner: Option<EmailAddress>,
    /// The folder of the operator's own templates.
    pub templates: Option<PathBuf>,
}

/// `[database]`.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file, created when it is not there.
    Sqlite(PathBuf),
    /// A server; the URL may hold a password.
    Postgres(Secret),
}

/// `[http]`.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The most bytes of memory that feeds may take, in all their encodings.
    pub feed_bytes: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            trusted_proxies: Vec::new(),
            feed_bytes: 64 * 1024 * 1024,
        }
    }
}

/// `[fetch]`.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// How many sources are polled at once.
    pub concurrency: usize,
    /// Networks that may be fetched although they are private.
    pub allow: Vec<Allow>,
    /// A source is not asked more often than this, whatever its schedule says.
    pub min_interval: Duration,
    /// The longest that one document may take.
    pub timeout: Duration,
    /// The most bytes of one document on the wire; twice that decompressed.
    pub max_bytes: u64,
    /// Whether hubs are asked to announce what feeds change (WebSub).
    pub websub: bool,
    /// How long a post must be gone until it counts as withdrawn; `None` when none ever does.
    pub retract_after: Option<Duration>,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            concurrency: 64,
            allow: Vec::new(),
            min_interval: Duration::from_mins(1),
            timeout: Duration::from_secs(30),
            max_bytes: 10 * 1024 * 1024,
            websub: true,
            retract_after: Some(Duration::from_hours(24)),
        }
    }
}

/// A network and port that the address guard lets through, such as `127.0.0.0/8:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// The network's address.
    pub network: IpAddr,
    /// How many leading bits of it count.
    pub prefix: u8,
    /// The port; `None` is every port.
    pub port: Option<u16>,
}

/// `[mail]`.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The sender's name.
    pub from_name: String,
    /// The sender's address; also the envelope's.
    pub from: EmailAddress,
    /// What signs them, in the file's order; without any they leave unsigned.
    pub dkim: Vec<Dkim>,
    /// The ways by which they leave, at least one.
    pub lanes: Vec<Lane>,
    /// How the recipients' domains want it, the first that fits.
    pub domains: Vec<DomainRule>,
    /// What to do with a mail whose fate is unknown (P6).
    pub on_ambiguous: OnAmbiguous,
    /// How long a digest is tried before what is left expires.
    pub lifetime: Duration,
    /// How late a slot may still fire; later it is recorded as missed (P11).
    pub late: Duration,
    /// Whether the owner is told how each digest ended.
    pub report: bool,
}

impl Mail {
    /// The domain that signs unless a `[[dkim]]` names another: the sender's, as DNS has it.
    #[must_use]
    pub fn signing_domain(&self) -> String {
        mail::host(self.from.domain()).unwrap_or_else(|_| self.from.domain().to_owned())
    }
}

/// `[[relay]]`, or what `[mail]` says of its only one: a way to a relay, and how
/// much may go by it.
#[derive(Debug, Clone)]
pub struct Lane {
    /// What it is called in the log and in the counts of a day.
    pub name: String,
    /// Where it leads.
    pub relay: Relay,
    /// Its share of the mails, beside the weights of the others.
    pub weight: u32,
    /// How many mails are under way at once.
    pub connections: usize,
    /// How many mails one connection carries before it is closed.
    pub mails_per_connection: u32,
    /// How many mails may go by it.
    pub pace: Pace,
    /// How many may go while the relay's address is new to the world.
    pub warm_up: Option<WarmUp>,
}

impl Lane {
    /// A way to `relay` with the usual limits.
    #[must_use]
    pub fn new(relay: Relay) -> Self {
        let name = "relay".to_owned();
        Self { name, relay, weight: 1, connections: 4, mails_per_connection: 100, pace: Pace::default(), warm_up: None }
    }
}

/// How many mails in how long; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// In a minute.
    pub per_minute: Option<u32>,
    /// In a day of UTC.
    pub per_day: Option<u32>,
}

/// A limit that grows by half each day, from the first day of UTC on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmUp {
    /// How many mails on the first day.
    pub first: u32,
    /// That day.
    pub from: NaiveDate,
}

/// `[[domain]]`: how the hosts of a recipients' domain want their mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainRule {
    /// The domain in lower case; `None` is every other, each by itself.
    pub domain: Option<String>,
    /// How many mails to it are under way at once.
    pub connections: Option<usize>,
    /// How many mails may go to it.
    pub pace: Pace,
}

/// `[[dkim]]`: a key that signs every mail.
#[derive(Debug, Clone)]
pub struct Dkim {
    /// Below which the key's DNS record stands: the sender's domain, or one above it.
    pub domain: String,
    /// Which key of that domain it is.
    pub selector: Selector,
    /// The key.
    pub key: SigningKey,
}

/// What to do when the answer after the final dot was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAmbiguous {
    /// Try again, up to 3 times: the reader may get the same mail twice, with one Message-ID.
    Retry,
    /// Leave it for a person to decide.
    Hold,
}

/// Where mails go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relay {
    /// A folder of files (maildir), for a new user without a relay.
    Maildir(PathBuf),
    /// An SMTP server.
    Smtp {
        /// Its host name.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is kept private.
        tls: Tls,
        /// User name and password.
        login: Option<(String, Secret)>,
    },
}

/// How a connection to the relay is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (`smtps://`, RFC 8314).
    Implicit,
    /// STARTTLS or nothing (RFC 3207); the default of `smtp://`.
    Required,
    /// STARTTLS when offered: for a relay on this machine.
    Opportunistic,
}

/// Who is told how digests end, and of which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// The owner, if there is one.
    pub to: Option<EmailAddress>,
    /// Of all, and not only of those whose time was over before all readers had theirs.
    pub all: bool,
}

impl Config {
    /// Who is told how digests end.
    #[must_use]
    pub fn reports(&self) -> Reports {
        Reports { to: self.site.owner.clone(), all: self.mail.report }
    }

    /// What must be said in a newsletter's mails, when it is advertising.
    #[must_use]
    pub fn advertising(&self, newsletter: &Newsletter) -> Option<Advertising> {
        newsletter.commercial.as_ref().map(|commercial| Advertising {
            sender: self.mail.from_name.clone(),
            email: self.mail.from.to_string(),
            contact: commercial.contact.clone(),
        })
    }

    /// The newsletter of that name.
    #[must_use]
    pub fn newsletter(&self, name: &str) -> Option<&Newsletter> {
        self.newsletters.iter().find(|newsletter| newsletter.name.as_str() == name)
    }

    /// The outlet of that name.
    #[must_use]
    pub fn outlet(&self, name: &Slug) -> Option<&Outlet> {
        self.outlets.iter().find(|outlet| outlet.name == *name)
    }

    /// The newsletters that are mailed, in the configuration's order.
    pub fn mailed(&self) -> impl Iterator<Item = &Newsletter> {
        self.newsletters.iter().filter(|newsletter| newsletter.is_mailed())
    }

    /// The newsletter of that name, if it is mailed.
    #[must_use]
    pub fn mailed_newsletter(&self, name: &str) -> Option<&Newsletter> {
        self.newsletter(name).filter(|newsletter| newsletter.is_mailed())
    }

    /// The sources of a newsletter, in the configuration's order.
    pub fn sources_of<'a>(&'a self, newsletter: &'a Newsletter) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(|source| newsletter.takes(&source.name))
    }

    /// An address on the site: `base_url`, then a path that begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site.base_url.as_str().trim_end_matches('/'))
    }

    /// The same without scheme and host, for what a page points to on its own
    /// site: it holds by whichever name the reader came.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.site.base_url.as_url().path().trim_end_matches('/'))
    }

    /// The source of that name.
    #[must_use]
    pub fn source(&self, name: &Slug) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == *name)
    }
}

impl fmt::Display for Database {
    /// The place without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => match url::Url::parse(url.expose()) {
                Ok(mut shown) => {
                    // Fails only on URLs without a host, which carry no password.
                    let _ = shown.set_password(None);
                    shown.fmt(f)
                }
                Err(_) => f.write_str("postgres:…"),
            },
        }
    }
}
