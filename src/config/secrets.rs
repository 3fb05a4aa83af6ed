//! Secrets and where they may come from: the environment, a systemd credential,
//! a file, in this order. The one reader of the environment.
//!
//! A file that others can read keeps no secret, so it is refused. The key behind
//! tokens is made on first start and never replaced by itself: a database that was
//! used with one key refuses another that does not stand beside the first, because
//! links in mails that were sent would die.

use super::faults::{Collector, Spot};
use super::raw::Located;
use super::{Config, Database, Secret};
use crate::clock::Chance;
use crate::domain::token::{SecretKey, hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The environment variables, as an argument.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// A key that was made just now. It counts once it is written.
#[derive(Debug, Clone)]
pub struct FreshKey {
    /// Where it is written.
    pub path: PathBuf,
    digits: Secret,
}

/// Why the key cannot be used with this database.
#[derive(Debug, thiserror::Error)]
pub enum KeyTrouble {
    /// The database knows a key, and the file is gone.
    #[error(
        "the secret key {0} is missing, but {1} was used with one: restore it from your backup, since without it no link in a mail that was sent works"
    )]
    Lost(PathBuf, String),
    /// The database knows another key.
    #[error(
        "the secret key is not the one that {0} was used with: put the old one back, or beside it (old_secret_key_files), since without it no link in a mail that was sent works"
    )]
    Other(String),
    /// The new key cannot be kept.
    #[error("cannot write the new secret key {0}: {1}")]
    Unwritable(PathBuf, std::io::Error),
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// These variables and no others.
    #[must_use]
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    /// What `name` is set to; empty is as good as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether standard error is journald's own socket (systemd.exec(5), `JOURNAL_STREAM`):
    /// the variable is inherited by what redirects it, so device and inode decide.
    #[must_use]
    pub fn logs_to_journald(&self) -> bool {
        let stream = rustix::fs::fstat(std::io::stderr()).ok().map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
        stream.is_some() && self.get("JOURNAL_STREAM") == stream.as_deref()
    }

    /// The file of a systemd credential (systemd.exec(5), `LoadCredential=`), when there is one.
    fn credential(&self, name: &str) -> Option<PathBuf> {
        let path = Path::new(self.get("CREDENTIALS_DIRECTORY")?).join(name);
        path.exists().then_some(path)
    }
}

impl std::fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Config {
    /// Makes sure that the key is the one that the database was used with:
    /// `known` is the check value it holds, `None` for a database that has seen
    /// none. A fresh key is written now, readable by its owner only, and is on
    /// the disk when this returns.
    pub fn keep_key(&self, known: Option<&str>) -> Result<(), KeyTrouble> {
        match (known, &self.fresh_key) {
            (Some(known), _) if known == self.secret.check_value() => Ok(()),
            // The key was changed, and the old one stands beside it.
            (Some(known), fresh) if self.secret.took_the_place_of(known) => fresh
                .as_ref()
                .map_or(Ok(()), |fresh| fresh.write().map_err(|why| KeyTrouble::Unwritable(fresh.path.clone(), why))),
            (Some(_), Some(fresh)) => Err(KeyTrouble::Lost(fresh.path.clone(), self.database.to_string())),
            (Some(_), None) => Err(KeyTrouble::Other(self.database.to_string())),
            (None, Some(fresh)) => fresh.write().map_err(|why| KeyTrouble::Unwritable(fresh.path.clone(), why)),
            (None, None) => Ok(()),
        }
    }
}

impl FreshKey {
    fn write(&self) -> std::io::Result<()> {
        match write_private(&self.path, &format!("{}\n", self.digits.expose())) {
            // Written by this very process at an earlier call, or by another that started with it.
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {
                if std::fs::read_to_string(&self.path)?.trim() == self.digits.expose() {
                    Ok(())
                } else {
                    Err(std::io::Error::new(ErrorKind::AlreadyExists, "another start made one just now; start again"))
                }
            }
            other => other,
        }
    }
}

/// Writes a secret, durably, into a new file that only its owner can read, in a
/// folder that is made when it is not there.
pub fn write_private(path: &Path, secret: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

/// The key behind tokens, and where it must be written when it is new.
pub(super) fn secret_key(
    environment: &Environment,
    named: Option<&Located<PathBuf>>,
    database: &Database,
    chance: &Chance,
    faults: &Collector,
) -> Option<(SecretKey, Option<FreshKey>)> {
    if let Some(text) = environment.get("SYNDICATED_SECRET_KEY") {
        return key(text.as_bytes(), &outside("SYNDICATED_SECRET_KEY"), faults).map(|key| (key, None));
    }
    if let Some(path) = environment.credential("secret-key") {
        let spot = outside("credential secret-key");
        return key(&read(&path, &spot, faults)?, &spot, faults).map(|key| (key, None));
    }
    let (path, spot) = match named {
        Some(named) => (named.value.clone(), named.spot.clone()),
        None => {
            let folder = match database {
                Database::Sqlite(file) => file.parent().unwrap_or(Path::new("")),
                Database::Postgres(_) => Path::new("data"),
            };
            let path = folder.join("secret.key");
            if !path.exists() {
                let bytes: [u8; 32] = chance.bytes();
                let digits = Secret::new(hex(&bytes));
                let key = SecretKey::new(bytes.to_vec()).ok()?;
                return Some((key, Some(FreshKey { path, digits })));
            }
            let spot = Spot { file: path.clone(), order: usize::MAX, line: 0, key: String::new() };
            (path, spot)
        }
    };
    let bytes = read_private(&path, &spot, faults)?;
    key(&bytes, &spot, faults).map(|key| (key, None))
}

/// The keys that the present one took the place of: by environment, credential, and files.
pub(super) fn old_keys(environment: &Environment, named: &[Located<PathBuf>], faults: &Collector) -> Vec<SecretKey> {
    let mut keys = Vec::new();
    if let Some(text) = environment.get("SYNDICATED_OLD_SECRET_KEY") {
        keys.extend(key(text.as_bytes(), &outside("SYNDICATED_OLD_SECRET_KEY"), faults));
    }
    if let Some(path) = environment.credential("old-secret-key") {
        let spot = outside("credential old-secret-key");
        keys.extend(read(&path, &spot, faults).and_then(|bytes| key(&bytes, &spot, faults)));
    }
    for Located { spot, value: path } in named {
        keys.extend(read_private(path, spot, faults).and_then(|bytes| key(&bytes, spot, faults)));
    }
    keys
}

/// The password of the relay or the database: by environment, credential, or file.
pub(super) fn password(
    environment: &Environment,
    variable: &str,
    credential: &str,
    named: Option<&Located<PathBuf>>,
    faults: &Collector,
) -> Option<Secret> {
    if let Some(text) = environment.get(variable) {
        return Some(Secret::new(text.to_owned()));
    }
    let (bytes, spot) = match (environment.credential(credential), named) {
        (Some(path), _) => {
            let spot = outside(&format!("credential {credential}"));
            (read(&path, &spot, faults)?, spot)
        }
        (None, Some(named)) => (read_private(&named.value, &named.spot, faults)?, named.spot.clone()),
        (None, None) => return None,
    };
    let text = String::from_utf8(bytes).ok().map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
    match text.filter(|text| !text.is_empty()) {
        Some(text) => Some(Secret::new(text)),
        None => {
            faults.add(&spot, "the password file must hold the password and nothing else");
            None
        }
    }
}

/// Whether others than the owner and the group can read a file.
pub(super) fn others_can_read(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|known| known.permissions().mode() & 0o004 != 0)
}

fn outside(key: &str) -> Spot {
    Spot { file: "environment".into(), order: usize::MAX, line: 0, key: key.to_owned() }
}

fn read(path: &Path, spot: &Spot, faults: &Collector) -> Option<Vec<u8>> {
    std::fs::read(path)
        .map_err(|why| faults.add(spot, format_args!("cannot read {}: {}", path.display(), plain(&why))))
        .ok()
}

pub(super) fn read_private(path: &Path, spot: &Spot, faults: &Collector) -> Option<Vec<u8>> {
    let bytes = read(path, spot, faults)?;
    if others_can_read(path) {
        let shown = path.display();
        faults.add_hint(
            spot,
            format_args!("{shown} holds a secret, and others on this machine can read it"),
            format_args!("chmod 600 {shown}"),
        );
        return None;
    }
    Some(bytes)
}

/// Hexadecimal digits, base64, or the bytes as they are: whatever gives 32 or more.
fn key(bytes: &[u8], spot: &Spot, faults: &Collector) -> Option<SecretKey> {
    let text = std::str::from_utf8(bytes).ok().map(str::trim);
    let decoded =
        text.and_then(|text| from_hex(text).or_else(|| STANDARD.decode(text).ok()).filter(|bytes| bytes.len() >= 32));
    let bytes = decoded.unwrap_or_else(|| text.map_or(bytes, str::as_bytes).to_vec());
    SecretKey::new(bytes).map_err(|why| faults.add_hint(spot, why, "`openssl rand -hex 32` makes one")).ok()
}

/// Bytes that are written in hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// An error of the file system without its number.
pub(super) fn plain(why: &std::io::Error) -> String {
    let text = why.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_hex_base64_or_plain_text() {
        let check = |text: &str| key(text.as_bytes(), &outside("x"), &Collector::default()).map(|k| k.check_value());
        let plain = SecretKey::new(b"0123456789abcdef0123456789abcdeF".to_vec()).unwrap().check_value();
        assert_eq!(check("3031323334353637383961626364656630313233343536373839616263646546\n").unwrap(), plain);
        assert_eq!(check("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZUY=").unwrap(), plain);
        let words = "correct horse battery staple, and then some";
        assert_eq!(check(words).unwrap(), SecretKey::new(words.as_bytes().to_vec()).unwrap().check_value());
        assert_eq!(check("short"), None);
        assert_eq!(check("0011223344556677"), None);
    }
}
