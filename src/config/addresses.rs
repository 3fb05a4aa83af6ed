//! Addresses of machines: the database, the relay, networks that may be fetched.

use super::{Allow, Database, Relay, Secret, Tls};
use crate::domain::email_address::EmailAddress;
use percent_encoding::percent_decode_str;
use std::net::IpAddr;
use std::path::PathBuf;
use url::Url;

/// Reads `sqlite:FILE` or `postgres://user@host/database`, and whether a password stands in it.
pub(super) fn database(text: &str) -> Result<(Database, bool), String> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return match path {
            "" => Err("names no file: write sqlite:data/syndicated.db".to_owned()),
            ":memory:" => {
                Err("would forget everything at its end: name a file, such as sqlite:data/syndicated.db".to_owned())
            }
            path if path.contains('?') => Err("takes no options after `?`: write sqlite:data/syndicated.db".to_owned()),
            path => Ok((Database::Sqlite(PathBuf::from(path)), false)),
        };
    }
    let bad = "is neither sqlite:FILE nor postgres://user@host/database";
    if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
        return Err(bad.to_owned());
    }
    let url = Url::parse(text).map_err(|why| format!("is not a database's address: {why}"))?;
    if url.path().trim_matches('/').is_empty() {
        return Err("names no database: write postgres://user@host/database".to_owned());
    }
    let holds_password = url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password");
    Ok((Database::Postgres(Secret::new(text.to_owned())), holds_password))
}

/// Puts a password into the address of a database.
pub(super) fn with_password(database: Database, password: &Secret) -> Database {
    let Database::Postgres(address) = &database else { return database };
    let Ok(mut url) = Url::parse(address.expose()) else { return database };
    match url.set_password(Some(password.expose())) {
        Ok(()) => Database::Postgres(Secret::new(url.into())),
        Err(()) => database,
    }
}

/// What was written as a relay's address: the user still without a password from elsewhere.
pub(super) enum Address {
    /// A folder.
    Maildir(PathBuf),
    /// A server.
    Smtp { host: String, port: u16, tls: Tls, user: Option<String>, password: Option<Secret> },
}

impl Address {
    /// With its login complete.
    pub(super) fn with(self, other: Option<Secret>) -> Relay {
        match self {
            Self::Maildir(path) => Relay::Maildir(path),
            Self::Smtp { host, port, tls, user, password } => {
                Relay::Smtp { host, port, tls, login: user.zip(other.or(password)) }
            }
        }
    }
}

/// Reads `maildir:FOLDER`, `smtp://host:25` or `smtps://user@host`.
pub(super) fn relay(text: &str) -> Result<Address, String> {
    if let Some(path) = text.strip_prefix("maildir:") {
        return if path.is_empty() {
            Err("names no folder: write maildir:data/outbox".to_owned())
        } else {
            Ok(Address::Maildir(PathBuf::from(path)))
        };
    }
    if !(text.starts_with("smtp://") || text.starts_with("smtps://")) {
        return Err("is none of maildir:FOLDER, smtp://host:25, smtps://user@host".to_owned());
    }
    let url = Url::parse(text).map_err(|why| format!("is not a relay's address: {why}"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    if host.is_empty() {
        return Err("names no host: write smtp://host:25".to_owned());
    }
    if !url.path().trim_matches('/').is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err("must end after the host and port".to_owned());
    }
    let decoded = |part: &str| {
        percent_decode_str(part).decode_utf8().map(String::from).map_err(|_| "the login is not UTF-8".to_owned())
    };
    let user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded).transpose()?;
    let password = url.password().map(decoded).transpose()?.map(Secret::new);
    // RFC 8314 names 465 for TLS from the first byte, RFC 6409 587 for who logs in.
    let (tls, usual) = match (url.scheme(), is_loopback(&host), &user) {
        ("smtps", ..) => (Tls::Implicit, 465),
        (_, true, _) => (Tls::Opportunistic, 25),
        (_, false, Some(_)) => (Tls::Required, 587),
        (_, false, None) => (Tls::Required, 25),
    };
    Ok(Address::Smtp { host, port: url.port().unwrap_or(usual), tls, user, password })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads `127.0.0.0/8:*`, `10.1.0.0/16:8080`, `192.168.7.7` or `[fd00::]/8:443`.
pub(super) fn allow(text: &str) -> Result<Allow, String> {
    let bad = || {
        format!(
            "`{text}` is not a network: write address/bits:port, such as \"127.0.0.0/8:*\", \"10.1.2.3/32:8080\" or \"[fd00::]/8:443\""
        )
    };
    let (network, rest): (IpAddr, &str) = if let Some(inner) = text.strip_prefix('[') {
        let (address, rest) = inner.split_once(']').ok_or_else(bad)?;
        (IpAddr::V6(address.parse().map_err(|_| bad())?), rest)
    } else if let Ok(address) = text.parse() {
        (address, "")
    } else {
        let end = text.find(['/', ':']).unwrap_or(text.len());
        let (address, rest) = text.split_at(end);
        (IpAddr::V4(address.parse().map_err(|_| bad())?), rest)
    };
    let most = if network.is_ipv4() { 32 } else { 128 };
    let (bits, port) = match rest.strip_prefix('/') {
        Some(rest) => match rest.split_once(':') {
            Some((bits, port)) => (Some(bits), Some(port)),
            None => (Some(rest), None),
        },
        None if rest.is_empty() => (None, None),
        None => (None, Some(rest.strip_prefix(':').ok_or_else(bad)?)),
    };
    let prefix = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(bad)?,
        None => most,
    };
    let port = match port {
        None | Some("*") => None,
        Some(port) => Some(port.parse().map_err(|_| bad())?),
    };
    Ok(Allow { network, prefix, port })
}

/// Reads `Good News <news@example.com>` or an address alone.
pub(super) fn sender(text: &str) -> Result<(Option<String>, EmailAddress), String> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("must be one line, without control characters".to_owned());
    }
    let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"').trim(), address),
        None => ("", text),
    };
    let address = address.parse().map_err(|_| {
        format!("`{text}` is not a sender: write \"Good News <news@example.com>\" or \"news@example.com\"")
    })?;
    Ok((Some(name.to_owned()).filter(|name| !name.is_empty()), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_private_unless_it_is_on_this_machine() {
        for (text, expected) in [
            ("smtp://127.0.0.1:2525", (Tls::Opportunistic, 2525, None)),
            ("smtp://[::1]", (Tls::Opportunistic, 25, None)),
            ("smtp://localhost", (Tls::Opportunistic, 25, None)),
            ("smtp://mail.example.com", (Tls::Required, 25, None)),
            ("smtp://news%40example.com@mail.example.com", (Tls::Required, 587, Some("news@example.com"))),
            ("smtps://user:p%40ss@mail.example.com", (Tls::Implicit, 465, Some("user"))),
        ] {
            match relay(text).unwrap() {
                Address::Smtp { tls, port, user, .. } => assert_eq!((tls, port, user.as_deref()), expected, "{text}"),
                Address::Maildir(_) => panic!("{text}"),
            }
        }
        for text in
            ["", "mail.example.com", "smtp://", "smtp://host/path", "smtp://host?tls=no", "maildir:", "http://x"]
        {
            assert!(relay(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_is_read_with_its_bits_and_port() {
        for (text, expected) in [
            ("127.0.0.0/8:*", ("127.0.0.0", 8, None)),
            ("10.1.2.3:8080", ("10.1.2.3", 32, Some(8080))),
            ("192.168.7.7", ("192.168.7.7", 32, None)),
            ("172.16.0.0/12", ("172.16.0.0", 12, None)),
            ("[fd00::]/8:443", ("fd00::", 8, Some(443))),
            ("[::1]:80", ("::1", 128, Some(80))),
            ("::1", ("::1", 128, None)),
        ] {
            let (network, prefix, port) = expected;
            assert_eq!(allow(text), Ok(Allow { network: network.parse().unwrap(), prefix, port }), "{text}");
        }
        for text in
            ["", "localhost", "10.0.0.0/33", "10.0.0.0/8:http", "10.0.0.0/8:99999", "[fd00::", "[::]/129", "10.0/8"]
        {
            assert!(allow(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sender_has_an_address_and_may_have_a_name() {
        assert_eq!(sender("\"Good, News\" <a@b.example>").unwrap().0.as_deref(), Some("Good, News"));
        assert_eq!(sender("a@b.example").unwrap().0, None);
        for text in ["", "Good News", "Good News <>", "a@b.example\nBcc: c@d.example", "<a@b.example> x"] {
            assert!(sender(text).is_err(), "{text:?}");
        }
    }
}
