//! `dkim …`: keys that sign mails, and the DNS records by which others verify them.

use super::ending::Usage;
use super::output::Out;
use super::{Json, Setting};
use crate::config::{Dkim as Configured, write_private};
use crate::domain::dkim::{Algorithm, BadKey, Selector, SigningKey};
use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::PathBuf;

/// The longest string of a TXT record (RFC 1035 section 3.3).
const LONGEST_STRING: usize = 255;

/// `dkim …`.
#[derive(Debug, Subcommand)]
pub enum Dkim {
    /// Make a key, and print the DNS record by which others verify it.
    New(New),
    /// Print the DNS records of the keys that sign now.
    Show(Json),
}

/// `dkim new`.
#[derive(Debug, Args)]
pub struct New {
    /// The key's name among those of the domain; a new key takes a new one, such as `s2026`.
    selector: Selector,
    /// How it signs: every host verifies RSA; those that know Ed25519 verify it too, beside an RSA key.
    #[arg(long, value_enum, default_value = "rsa")]
    kind: Kind,
    /// Where it is written; `data/dkim-SELECTOR.pem` when left out.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// RSA of 2048 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

pub(super) fn run(command: &Dkim, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Dkim::New(new) => self::new(new, setting, out),
        Dkim::Show(json) => show(*json, setting, out),
    }
}

fn new(new: &New, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let config = setting.config()?;
    let domain = config.mail.signing_domain();
    let key = SigningKey::generate(match new.kind {
        Kind::Rsa => Algorithm::Rsa,
        Kind::Ed25519 => Algorithm::Ed25519,
    })?;
    let file = new.file.clone().unwrap_or_else(|| format!("data/dkim-{}.pem", new.selector).into());
    let shown = file.display().to_string();
    match write_private(&file, &key.to_pem()?) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists => {
            let told = format!("{shown} is there already: name another selector, or another file with --file");
            return Err(Usage(told).into());
        }
        written => written.with_context(|| format!("cannot write {shown}"))?,
    }
    let record = Record { selector: &new.selector, domain: &domain, key: &key };
    if new.json.json {
        let mut shown = record.as_json()?;
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("file".to_owned(), file.to_string_lossy().into());
        }
        return Ok(out.json(&shown)?);
    }
    out.line(format!("wrote the key to {shown}; keep it to yourself. Publish this DNS record:"))?;
    out.line("")?;
    out.line(record.zone_line()?)?;
    out.line("")?;
    out.line("Then put this into the configuration, and reload:")?;
    out.line("")?;
    out.line("[[dkim]]")?;
    out.line(format!("selector = \"{}\"", new.selector))?;
    Ok(out.line(format!("key_file = {}", toml::Value::from(shown)))?)
}

fn show(json: Json, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let config = setting.config()?;
    let records: Vec<Record<'_>> = config.mail.dkim.iter().map(Record::of).collect();
    if json.json {
        return Ok(out.json(&records.iter().map(Record::as_json).collect::<Result<Vec<_>, _>>()?)?);
    }
    if records.is_empty() {
        out.line("no key signs the mails: make one with `syndicated dkim new`")?;
    }
    for record in records {
        out.line(record.zone_line()?)?;
    }
    Ok(())
}

/// A key's DNS record (RFC 6376 section 3.6.1).
struct Record<'a> {
    selector: &'a Selector,
    domain: &'a str,
    key: &'a SigningKey,
}

impl<'a> Record<'a> {
    fn of(configured: &'a Configured) -> Self {
        Self { selector: &configured.selector, domain: &configured.domain, key: &configured.key }
    }

    fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// As a zone file has it, in strings that are short enough.
    fn zone_line(&self) -> Result<String, BadKey> {
        let text = self.key.record()?;
        let strings: Vec<String> = text
            .as_bytes()
            .chunks(LONGEST_STRING)
            .map(|part| format!("\"{}\"", String::from_utf8_lossy(part)))
            .collect();
        Ok(format!("{}. IN TXT ( {} )", self.name(), strings.join(" ")))
    }

    fn as_json(&self) -> Result<Value, BadKey> {
        Ok(json!({ "name": self.name(), "type": "TXT", "text": self.key.record()? }))
    }
}
