//! `[bounces]`: where what comes back is taken in, and what is made of it.

use super::Secret;
use super::faults::Spot;
use super::parts::{items, length, path};
use super::raw::{Located, Table};
use super::secrets::{self, Environment};
use crate::domain::email_address::EmailAddress;
use crate::domain::verp::{LONGEST_NAME, SEPARATOR};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

/// `[bounces]`.
#[derive(Debug, Clone)]
pub struct Bounces {
    /// The mailbox that mails come back to, each at a tag of its own; without it they come back to the sender.
    pub address: Option<EmailAddress>,
    /// So many mails that were not taken end mailing.
    pub soft: u32,
    /// When they were in this time.
    pub within: Duration,
    /// A folder that the mail server files them in.
    pub maildir: Option<PathBuf>,
    /// A mailbox on a server.
    pub imap: Option<Imap>,
    /// How often folder and mailbox are looked at.
    pub every: Duration,
    /// The relays that may report over the web.
    pub hooks: Vec<Hook>,
}

impl Default for Bounces {
    fn default() -> Self {
        Self {
            address: None,
            soft: 5,
            within: Duration::from_hours(30 * 24),
            maildir: None,
            imap: None,
            every: Duration::from_mins(5),
            hooks: Vec::new(),
        }
    }
}

/// A mailbox on an IMAP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imap {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether TLS begins with the first byte; else the server is this machine.
    pub tls: bool,
    /// Who logs in.
    pub user: String,
    /// With what.
    pub password: Secret,
    /// Which folder.
    pub folder: String,
}

/// A relay that reports over the web, and what its reports are proved by besides
/// the address that only it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// Amazon SES by way of SNS: only what these topics sign.
    Ses(Vec<String>),
    /// Postmark.
    Postmark,
    /// Mailgun, and the key that it signs with, when it is known.
    Mailgun(Option<Secret>),
    /// `SendGrid`, and the public key (DER) of its signatures, when it is known.
    SendGrid(Option<Vec<u8>>),
    /// Mailjet.
    Mailjet,
    /// Brevo.
    Brevo,
}

impl Hook {
    /// What it is called in addresses and in the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ses(_) => "ses",
            Self::Postmark => "postmark",
            Self::Mailgun(_) => "mailgun",
            Self::SendGrid(_) => "sendgrid",
            Self::Mailjet => "mailjet",
            Self::Brevo => "brevo",
        }
    }
}

const HOOKS: [&str; 6] = ["ses", "postmark", "mailgun", "sendgrid", "mailjet", "brevo"];

/// Reads the table, and says where it holds a password.
pub(super) fn bounces(mut table: Table<'_>, environment: &Environment) -> (Option<Bounces>, Option<Spot>) {
    let usual = Bounces::default();
    let address = table.parsed("address", mailbox);
    let soft = table.number("soft", 1..=1000);
    let within = length(&mut table, "within", Duration::from_hours(1)..=Duration::from_hours(24 * 366));
    let maildir = table.parsed("maildir", path);
    let (imap, secret) = imap(&mut table, environment);
    let every = length(&mut table, "every", Duration::from_secs(10)..=Duration::from_hours(24));
    let hooks = hooks(&mut table, environment);
    for key in ["maildir", "imap"] {
        if table.holds(key) && !table.holds("address") {
            table.faults().add_hint(
                &table.place(key),
                "is of no use: nothing comes back there that could be believed",
                "write address = \"bounce@example.com\", whose mails come there",
            );
        }
    }
    table.finish();
    let bounces = Bounces {
        address,
        soft: soft.unwrap_or(usual.soft),
        within: within.unwrap_or(usual.within),
        maildir,
        imap,
        every: every.unwrap_or(usual.every),
        hooks,
    };
    (Some(bounces), secret)
}

fn mailbox(text: &str) -> Result<EmailAddress, String> {
    let address = EmailAddress::from_str(text).map_err(|why| why.to_string())?;
    if address.user().contains(SEPARATOR) {
        return Err(format!(
            "must be a mailbox's own address: what stands behind `{SEPARATOR}` is put there by syndicated"
        ));
    }
    if address.user().len() > LONGEST_NAME {
        return Err(format!("leaves no room for the tags behind it: at most {LONGEST_NAME} characters before the `@`"));
    }
    if !address.user().is_ascii() {
        return Err("must be in ASCII before the `@`: any host may have to write to it".to_owned());
    }
    Ok(address)
}

/// The mailbox, with its password from wherever it is.
fn imap(table: &mut Table<'_>, environment: &Environment) -> (Option<Imap>, Option<Spot>) {
    let found = table.parsed_at("imap", imap_address);
    let file = table.parsed_at("imap_password_file", path);
    let faults = table.faults();
    let Some(Located { spot, value: (imap, written) }) = found else {
        if let Some(file) = file.filter(|_| !table.holds("imap")) {
            faults.add(&file.spot, "is of no use: no `imap` stands beside it");
        }
        return (None, None);
    };
    let other = secrets::password(environment, "SYNDICATED_IMAP_PASSWORD", "imap-password", file.as_ref(), faults);
    let Some(password) = other.or_else(|| written.clone()) else {
        if file.is_none() {
            let hint = "put it into the environment as SYNDICATED_IMAP_PASSWORD, into the systemd credential imap-password, or into a file that imap_password_file names";
            faults.add_hint(&spot, "names a user, and there is no password", hint);
        }
        return (None, None);
    };
    (Some(Imap { password, ..imap }), written.map(|_| spot))
}

/// Reads `imaps://user@host/Folder`, and the password that may stand in it.
fn imap_address(text: &str) -> Result<(Imap, Option<Secret>), String> {
    let example = "write imaps://user@mail.example.com, with the folder behind it unless that is INBOX";
    if !(text.starts_with("imap://") || text.starts_with("imaps://")) {
        return Err(format!("is no mailbox's address: {example}"));
    }
    let url = Url::parse(text).map_err(|why| format!("is no mailbox's address: {why}"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let decoded = |part: &str| {
        let part = percent_decode_str(part).decode_utf8().map_err(|_| "is not UTF-8".to_owned())?;
        if part.chars().any(char::is_control) {
            Err("holds a control character".to_owned())
        } else {
            Ok(part.into_owned())
        }
    };
    if host.is_empty() || url.username().is_empty() {
        return Err(format!("names no {}: {example}", if host.is_empty() { "host" } else { "user" }));
    }
    let tls = url.scheme() == "imaps";
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !tls && !is_here {
        return Err(
            "would show the password to whoever listens: write imaps://, or name this machine itself".to_owned()
        );
    }
    let folder = decoded(url.path().trim_start_matches('/'))?;
    if !folder.is_ascii() {
        return Err("names a folder beyond ASCII: write its name in modified UTF-7, as the server lists it".to_owned());
    }
    let password = url.password().map(decoded).transpose()?.map(Secret::new);
    let imap = Imap {
        port: url.port().unwrap_or(if tls { 993 } else { 143 }),
        host,
        tls,
        user: decoded(url.username())?,
        password: Secret::new(String::new()),
        folder: if folder.is_empty() { "INBOX".to_owned() } else { folder },
    };
    Ok((imap, password))
}

/// `hooks`, each with what proves its reports.
fn hooks(table: &mut Table<'_>, environment: &Environment) -> Vec<Hook> {
    let names = items(table, "hooks", |text| {
        HOOKS
            .into_iter()
            .find(|known| *known == text)
            .ok_or_else(|| format!("`{text}` is none of {}", HOOKS.join(", ")))
    });
    let topics = items(table, "ses_topics", |text| {
        let is_topic = text.starts_with("arn:aws") && text.split(':').count() == 6 && text.contains(":sns:");
        if is_topic {
            Ok(text.to_owned())
        } else {
            Err(format!("`{text}` is no topic: write \"arn:aws:sns:REGION:ACCOUNT:NAME\""))
        }
    });
    let mailgun_file = table.parsed_at("mailgun_key_file", path);
    let sendgrid = table.parsed("sendgrid_key", |text| {
        STANDARD.decode(text.trim()).map_err(|_| "is not the public key that SendGrid shows: one line of base64")
    });
    let faults = table.faults();
    let mailgun = names.contains(&"mailgun").then(|| {
        secrets::password(environment, "SYNDICATED_MAILGUN_KEY", "mailgun-key", mailgun_file.as_ref(), faults)
    });
    if names.contains(&"ses") && topics.is_empty() && !table.holds("ses_topics") {
        faults.add_hint(
            &table.place("hooks"),
            "names ses, and no topic of it",
            "write ses_topics = [\"arn:aws:sns:REGION:ACCOUNT:NAME\"]",
        );
    }
    names
        .into_iter()
        .map(|name| match name {
            "ses" => Hook::Ses(topics.clone()),
            "postmark" => Hook::Postmark,
            "mailgun" => Hook::Mailgun(mailgun.clone().flatten()),
            "sendgrid" => Hook::SendGrid(sendgrid.clone()),
            "mailjet" => Hook::Mailjet,
            _ => Hook::Brevo,
        })
        .collect()
}
