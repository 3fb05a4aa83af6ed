//! `[mail]` and what stands beside it: `[[relay]]`, `[[domain]]`, `[[dkim]]`.

use super::addresses::{self, Address};
use super::faults::{Collector, Spot};
use super::parts::{length, path};
use super::raw::{Located, Table};
use super::secrets::{self, Environment};
use super::{Dkim, DomainRule, Lane, Mail, OnAmbiguous, Pace, Relay, Tls, WarmUp};
use crate::domain::dkim::{Selector, SigningKey};
use crate::domain::email_address::EmailAddress;
use crate::domain::slug::Slug;
use chrono::NaiveDate;
use std::path::PathBuf;
use std::time::Duration;
use url::Host;

const HOUR: Duration = Duration::from_hours(1);

/// The tables that speak of mail.
pub(super) struct Tables<'f> {
    pub(super) mail: Table<'f>,
    pub(super) relays: Vec<Table<'f>>,
    pub(super) domains: Vec<Table<'f>>,
    pub(super) dkim: Vec<Table<'f>>,
}

/// All of them, and where they hold passwords.
pub(super) fn mail(
    tables: Tables<'_>,
    environment: &Environment,
    site_title: Option<&str>,
) -> (Option<Mail>, Vec<Spot>) {
    let Tables { mail: mut table, relays, domains, dkim } = tables;
    let mut secrets = Vec::new();
    let from = table.parsed("from", addresses::sender);
    let from = table.required("from", from, "\"Good News <news@example.com>\"");
    let on_ambiguous = table.parsed("on_ambiguous", |text| match text {
        "retry" => Ok(OnAmbiguous::Retry),
        "hold" => Ok(OnAmbiguous::Hold),
        other => Err(format!("`{other}` is neither \"retry\" nor \"hold\"")),
    });
    let lifetime = length(&mut table, "lifetime", HOUR..=HOUR * 24 * 14);
    let late = length(&mut table, "late", Duration::ZERO..=HOUR * 24 * 7);
    let report = table.flag("report").unwrap_or(false);
    let lanes = if relays.is_empty() {
        let only = lane(&mut table, "relay", None, environment, &mut secrets);
        vec![only.unwrap_or_else(|| Lane::new(Relay::Maildir(PathBuf::from("data/outbox"))))]
    } else {
        for key in LANE_KEYS.into_iter().chain(["relay"]) {
            if table.holds(key) {
                table.faults().add(&table.place(key), "stands in each [[relay]], once there are any");
            }
            table.skip(key);
        }
        several(relays, environment, &mut secrets)
    };
    table.finish();
    let domains = domains.into_iter().fold(Vec::new(), |mut known, table| {
        known.extend(domain(table, &known));
        known
    });
    let sender = from.as_ref().map(|(_, address)| address);
    let dkim = dkim.into_iter().fold(Vec::new(), |mut known, table| {
        known.extend(signature(table, sender, &known));
        known
    });
    let mail = from.zip(site_title).map(|((from_name, from), title)| Mail {
        from_name: from_name.unwrap_or_else(|| title.to_owned()),
        from,
        dkim,
        lanes,
        domains,
        on_ambiguous: on_ambiguous.unwrap_or(OnAmbiguous::Retry),
        lifetime: lifetime.unwrap_or(HOUR * 24),
        late: late.unwrap_or(HOUR * 6),
        report,
    });
    (mail, secrets)
}

/// `[[relay]]`, each.
fn several(tables: Vec<Table<'_>>, environment: &Environment, secrets: &mut Vec<Spot>) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for mut table in tables {
        let name = table.parsed("name", str::parse::<Slug>);
        let name = table.required("name", name, "\"main\"");
        let read = lane(&mut table, "address", name.as_ref(), environment, secrets);
        if read.is_none() {
            table.required("address", None::<()>, "\"smtp://mail.example.com\"");
        }
        if let Some(twin) = name.as_ref().filter(|name| lanes.iter().any(|lane| lane.name == name.as_str())) {
            table.faults().add(&table.place("name"), format_args!("there is a relay `{twin}` already"));
        }
        table.finish();
        lanes.extend(read.zip(name).map(|(lane, name)| Lane { name: name.to_string(), ..lane }));
    }
    lanes
}

const LANE_KEYS: [&str; 8] =
    ["password_file", "tls", "connections", "mails_per_connection", "weight", "per_minute", "per_day", "warm_up"];

/// The keys of one relay: in `[mail]`, or in the `[[relay]]` of that name. `None`
/// when no address stands at `key`.
fn lane(
    table: &mut Table<'_>,
    key: &'static str,
    name: Option<&Slug>,
    environment: &Environment,
    secrets: &mut Vec<Spot>,
) -> Option<Lane> {
    let is_named = table.holds(key);
    let address = table.parsed_at(key, addresses::relay);
    let password_file = table.parsed_at("password_file", path);
    let tls = table.parsed_at("tls", |text| match text {
        "required" => Ok(Tls::Required),
        "opportunistic" => Ok(Tls::Opportunistic),
        other => Err(format!("`{other}` is neither \"required\" nor \"opportunistic\"")),
    });
    let connections = table.number("connections", 1..=256);
    let mails_per_connection = table.number("mails_per_connection", 1..=100_000);
    let weight = table.number("weight", 1..=1000);
    let pace = pace(table);
    let warm_up = table.parsed("warm_up", warm_up);
    if !is_named {
        for spot in tls.iter().map(|tls| &tls.spot).chain(password_file.iter().map(|file| &file.spot)) {
            table.faults().add(spot, "is of no use: no relay's address stands beside it");
        }
    }
    let relay = relay(table.faults(), address?, password_file.as_ref(), tls, name, environment, secrets);
    let usual = Lane::new(relay);
    Some(Lane {
        weight: weight.unwrap_or(usual.weight),
        connections: connections.unwrap_or(usual.connections),
        mails_per_connection: mails_per_connection.unwrap_or(usual.mails_per_connection),
        pace,
        warm_up,
        ..usual
    })
}

/// Where a lane leads, with its password from wherever it is.
fn relay(
    faults: &Collector,
    Located { spot, value: address }: Located<Address>,
    password_file: Option<&Located<PathBuf>>,
    tls: Option<Located<Tls>>,
    name: Option<&Slug>,
    environment: &Environment,
    secrets: &mut Vec<Spot>,
) -> Relay {
    let (user, written) = match &address {
        Address::Maildir(_) => (None, false),
        Address::Smtp { user, password, .. } => (user.as_ref(), password.is_some()),
    };
    let variable = name.map_or("SYNDICATED_SMTP_PASSWORD".to_owned(), |name| {
        format!("SYNDICATED_SMTP_PASSWORD_{}", name.as_str().to_uppercase().replace('-', "_"))
    });
    let credential = name.map_or("smtp-password".to_owned(), |name| format!("smtp-password-{name}"));
    let other = match (user, password_file) {
        (None, Some(file)) => {
            faults.add(&file.spot, "is of no use: the relay's address names no user, as in smtps://user@host");
            None
        }
        (None, None) => None,
        (Some(_), file) => secrets::password(environment, &variable, &credential, file, faults),
    };
    if user.is_some() && other.is_none() && !written && password_file.is_none() {
        let hint = format!(
            "put it into the environment as {variable}, into the systemd credential {credential}, or into a file that password_file names"
        );
        faults.add_hint(&spot, "names a user, and there is no password", hint);
    }
    if written {
        secrets.push(spot);
    }
    let mut relay = address.with(other);
    if let Some(Located { spot, value: wanted }) = tls {
        match &mut relay {
            Relay::Smtp { tls: Tls::Implicit, .. } => {
                faults.add(&spot, "is of no use: smtps:// is encrypted from the first byte");
            }
            Relay::Smtp { login: Some(_), tls: Tls::Required, .. } if wanted == Tls::Opportunistic => {
                faults.add(&spot, "would show a password to whoever listens: a relay with a login needs \"required\"");
            }
            Relay::Smtp { tls, .. } => *tls = wanted,
            Relay::Maildir(_) => faults.add(&spot, "is of no use: a folder is not connected to"),
        }
    }
    relay
}

fn pace(table: &mut Table<'_>) -> Pace {
    Pace { per_minute: table.number("per_minute", 1..=1_000_000), per_day: table.number("per_day", 1..=1_000_000_000) }
}

/// Reads `200 from 2026-11-23`.
fn warm_up(text: &str) -> Result<WarmUp, String> {
    let bad =
        || format!("`{text}` is not a warm-up: write \"200 from 2026-11-23\", the mails of the first day and that day");
    let (first, from) = text.split_once(" from ").ok_or_else(bad)?;
    let first = first.trim().parse().ok().filter(|first| *first > 0).ok_or_else(bad)?;
    let from = from.trim().parse::<NaiveDate>().map_err(|_| bad())?;
    Ok(WarmUp { first, from })
}

/// `[[domain]]`, behind those that are known.
fn domain(mut table: Table<'_>, known: &[DomainRule]) -> Option<DomainRule> {
    let name = table.parsed("name", |text| match text {
        "*" => Ok(None),
        text => host(text).map(Some),
    });
    let name = table.required("name", name, "\"example.com\", or \"*\" for every other");
    let connections = table.number("connections", 1..=256);
    let pace = pace(&mut table);
    if let Some(name) = name.as_ref().filter(|name| known.iter().any(|rule| rule.domain == **name)) {
        let shown = name.as_deref().unwrap_or("*");
        table.faults().add(&table.place("name"), format_args!("there is a [[domain]] `{shown}` already"));
    }
    table.finish();
    Some(DomainRule { domain: name?, connections, pace })
}

/// A domain's name as DNS has it.
pub(super) fn host(text: &str) -> Result<String, String> {
    match Host::parse(text) {
        Ok(Host::Domain(name)) if name.contains('.') => Ok(name),
        _ => Err(format!("`{text}` is not a domain, such as \"example.com\"")),
    }
}

/// `[[dkim]]`. The domain must be the sender's own or one above it: a signature
/// of another says nothing about who wrote the mail (RFC 7489 section 3.1.1).
fn signature(mut table: Table<'_>, sender: Option<&EmailAddress>, known: &[Dkim]) -> Option<Dkim> {
    let selector = table.parsed("selector", str::parse::<Selector>);
    let selector = table.required("selector", selector, "\"s2026\"");
    let domain = table.parsed_at("domain", host);
    let file = table.parsed_at("key_file", path);
    let file = table.required("key_file", file, "\"data/dkim-s2026.pem\", which `syndicated dkim new` makes");
    let faults = table.faults();
    let own = sender.and_then(|sender| host(sender.domain()).ok());
    if let (Some(Located { spot, value }), Some(own)) = (&domain, &own)
        && own != value
        && !own.ends_with(&format!(".{value}"))
    {
        faults.add(
            spot,
            format_args!("signs for `{value}`, and mails are from `{own}`: readers' hosts would not count it"),
        );
    }
    let key = file.and_then(|file| {
        let bytes = secrets::read_private(&file.value, &file.spot, faults)?;
        SigningKey::from_pem(&bytes)
            .map_err(|why| faults.add(&file.spot, format_args!("{} {why}", file.value.display())))
            .ok()
    });
    let domain = domain.map(|domain| domain.value).or(own);
    if let (Some(selector), Some(domain)) = (&selector, &domain)
        && known.iter().any(|key| (&key.selector, &key.domain) == (selector, domain))
    {
        table.faults().add(&table.place("selector"), format_args!("there is a key `{selector}` of `{domain}` already"));
    }
    table.finish();
    Some(Dkim { domain: domain?, selector: selector?, key: key? })
}
