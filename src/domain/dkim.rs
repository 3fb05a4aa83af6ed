//! Keys that sign mails (DKIM: RFC 6376 with RSA, RFC 8463 with Ed25519). A key
//! is read once and valid from then on; it is never printed.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A private key. Cheap to clone.
#[derive(Clone)]
pub struct SigningKey(Arc<Pair>);

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256, which every verifier knows.
    Rsa,
    /// Ed25519 with SHA-256: short and quick, and not known everywhere yet.
    Ed25519,
}

/// The name of a key below `_domainkey` (RFC 6376 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(String);

/// Why a key cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No PEM block of a private key.
    #[error("holds no private key in PEM: `syndicated dkim new` makes one")]
    NoPem,
    /// An RSA key that verifiers refuse, or one of another kind.
    #[error("is neither an RSA key of 2048 to 8192 bits nor an Ed25519 key")]
    Kind,
    /// The machine could not make one.
    #[error("no key could be made")]
    NotMade,
}

impl Algorithm {
    /// The word in `a=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa-sha256",
            Self::Ed25519 => "ed25519-sha256",
        }
    }

    /// The word in the key's DNS record.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl SigningKey {
    /// Makes a key, RSA of 2048 bits.
    pub fn generate(algorithm: Algorithm) -> Result<Self, BadKey> {
        let pair = match algorithm {
            Algorithm::Rsa => RsaKeyPair::generate(KeySize::Rsa2048).map(Pair::Rsa),
            Algorithm::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
        };
        pair.map(|pair| Self(Arc::new(pair))).map_err(|_| BadKey::NotMade)
    }

    /// Reads a PEM file: PKCS#8, or PKCS#1 for RSA.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        let pair = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| BadKey::NoPem)? {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).map(Pair::Rsa),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                RsaKeyPair::from_pkcs8(der)
                    .map(Pair::Rsa)
                    .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519))
            }
            _ => return Err(BadKey::Kind),
        };
        pair.map(|pair| Self(Arc::new(pair))).map_err(|_| BadKey::Kind)
    }

    /// The key as a PEM file (PKCS#8). Whoever calls it keeps a secret.
    pub fn to_pem(&self) -> Result<String, BadKey> {
        let der: Pkcs8V1Der<'_> = match &*self.0 {
            Pair::Rsa(pair) => pair.as_der(),
            Pair::Ed25519(pair) => pair.as_der(),
        }
        .map_err(|_| BadKey::NotMade)?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        for (at, character) in text.char_indices() {
            if at > 0 && at % 64 == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match &*self.0 {
            Pair::Rsa(_) => Algorithm::Rsa,
            Pair::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// The text of the DNS record by which everybody verifies it.
    pub fn record(&self) -> Result<String, BadKey> {
        let public = match &*self.0 {
            Pair::Rsa(pair) => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| BadKey::NotMade)?;
                STANDARD.encode(der.as_ref())
            }
            Pair::Ed25519(pair) => STANDARD.encode(pair.public_key().as_ref()),
        };
        Ok(format!("v=DKIM1; k={}; p={public}", self.algorithm().kind()))
    }

    /// Signs the canonical header; `hash` is its SHA-256, which Ed25519 signs in
    /// its place (RFC 8463 section 3). The same bytes give the same signature.
    pub fn sign(&self, header: &[u8], hash: &[u8]) -> Result<Vec<u8>, BadKey> {
        match &*self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                // PKCS#1 v1.5 takes nothing from it.
                let random = SystemRandom::new();
                pair.sign(&RSA_PKCS1_SHA256, &random, header, &mut signature).map_err(|_| BadKey::Kind)?;
                Ok(signature)
            }
            Pair::Ed25519(pair) => Ok(pair.sign(hash).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm().as_str())
    }
}

impl Selector {
    /// The word itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if text.len() <= 200 && text.split('.').all(label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!("`{text}` is not a selector: write letters and digits, such as \"s2026\""))
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_signs_the_same_each_time() {
        for algorithm in [Algorithm::Rsa, Algorithm::Ed25519] {
            let key = SigningKey::generate(algorithm).unwrap();
            let again = SigningKey::from_pem(key.to_pem().unwrap().as_bytes()).unwrap();
            assert_eq!((again.algorithm(), again.record()), (algorithm, key.record()));
            let signed = key.sign(b"from:a", &[7; 32]).unwrap();
            assert_eq!(signed, again.sign(b"from:a", &[7; 32]).unwrap());
            assert!(key.record().unwrap().starts_with(&format!("v=DKIM1; k={}; p=", algorithm.kind())));
            assert_eq!(format!("{key:?}"), format!("SigningKey({})", algorithm.as_str()));
        }
    }

    #[test]
    fn what_cannot_sign_is_refused() {
        let empty = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        for (pem, why) in [("", BadKey::NoPem), ("secret", BadKey::NoPem), (empty, BadKey::Kind)] {
            assert_eq!(SigningKey::from_pem(pem.as_bytes()).unwrap_err(), why);
        }
        for text in ["", "a b", "-a", "a..b", "a_b", "한글"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
        assert_eq!("S1.news".parse::<Selector>().unwrap().as_str(), "s1.news");
    }
}
