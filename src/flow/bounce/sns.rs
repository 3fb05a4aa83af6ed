//! Amazon's signature (SNS, "verifying the signatures of Amazon SNS messages"):
//! whose topic it is, which fields are signed in which order, and the certificate,
//! which comes from Amazon's own address and from nowhere else.

use crate::domain::url::HttpUrl;
use crate::net::{Client, Outcome, Request};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::rustls::server::ParsedCertificate;

/// The most bytes of a certificate, or of the answer to a confirmation.
const MOST_BYTES: u64 = 64 * 1024;
/// The most certificates that are kept.
const MOST_KEPT: usize = 8;

/// The certificates that Amazon signs with, each fetched once.
#[derive(Debug, Default)]
pub struct Certificates {
    client: Option<Client>,
    /// The public key (SPKI) by the certificate's address.
    known: Mutex<HashMap<String, Arc<Vec<u8>>>>,
}

/// What SNS sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope {
    #[serde(rename = "Type")]
    kind: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    pub(super) message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
}

/// What a sound envelope is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It carries a report.
    Report,
    /// The topic asks whether it may report here: by a visit at this address.
    Question(String),
    /// The topic says that it will not report any more.
    Over,
}

/// Why an envelope is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is not what it should be, and will not be when it comes again.
    Forged(&'static str),
    /// It cannot be told now.
    Later(String),
}

impl Certificates {
    /// Certificates that are fetched by `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client: Some(client), known: Mutex::default() }
    }

    /// Takes note of a certificate (PEM) that need not be fetched. Returns whether
    /// it is one.
    pub fn know(&self, address: &str, pem: &[u8]) -> bool {
        let Some(key) = public_key(pem) else { return false };
        self.keep(address, key);
        true
    }

    fn keep(&self, address: &str, key: Vec<u8>) -> Arc<Vec<u8>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        let key = Arc::new(key);
        known.insert(address.to_owned(), key.clone());
        key
    }

    async fn key(&self, address: &str) -> Result<Arc<Vec<u8>>, Doubt> {
        if let Some(key) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(address) {
            return Ok(key.clone());
        }
        let bytes = self.fetch(address).await?;
        let key = public_key(&bytes).ok_or(Doubt::Forged("what stands at its certificate's address is none"))?;
        Ok(self.keep(address, key))
    }

    /// Fetches from Amazon, and from nowhere that Amazon may send us to.
    async fn fetch(&self, address: &str) -> Result<Vec<u8>, Doubt> {
        let url: HttpUrl = address.parse().map_err(|_| Doubt::Forged("it names an address that is none"))?;
        if !is_amazons(&url) {
            return Err(Doubt::Forged("it names an address that is not Amazon's"));
        }
        let client = self.client.as_ref().ok_or_else(|| Doubt::Later("there is no way out".to_owned()))?;
        let request = Request { url: &url, etag: None, last_modified: None };
        match client.fetch_within(request, MOST_BYTES).await {
            Ok(Outcome::Fresh(fetched)) if fetched.final_url == url => Ok(fetched.bytes),
            Ok(_) => Err(Doubt::Later("Amazon's address leads elsewhere".to_owned())),
            Err(why) => Err(Doubt::Later(why.to_string())),
        }
    }

    /// Says yes to a topic's question.
    pub(super) async fn confirm(&self, address: &str) -> Result<(), Doubt> {
        self.fetch(address).await.map(drop)
    }

    /// What an envelope is, once it is sure that one of `topics` sent it.
    pub(super) async fn verify(&self, envelope: &Envelope, topics: &[String]) -> Result<Kind, Doubt> {
        if !topics.contains(&envelope.topic_arn) {
            return Err(Doubt::Forged("it is of a topic that ses_topics does not name"));
        }
        let url: HttpUrl =
            envelope.signing_cert_url.parse().map_err(|_| Doubt::Forged("its certificate has no address"))?;
        if !is_amazons(&url) || !url.as_url().path().ends_with(".pem") {
            return Err(Doubt::Forged("its certificate is not at Amazon's"));
        }
        let signature =
            STANDARD.decode(&envelope.signature).map_err(|_| Doubt::Forged("its signature is no base64"))?;
        let (algorithm, text) = match envelope.signature_version.as_str() {
            "1" => (&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, envelope.signed_text()),
            "2" => (&RSA_PKCS1_2048_8192_SHA256, envelope.signed_text()),
            _ => return Err(Doubt::Forged("its signature is of an unknown version")),
        };
        let text = text.ok_or(Doubt::Forged("it is of an unknown type"))?;
        let key = self.key(&envelope.signing_cert_url).await?;
        UnparsedPublicKey::new(algorithm, key.as_slice())
            .verify(text.as_bytes(), &signature)
            .map_err(|_| Doubt::Forged("its signature is wrong"))?;
        Ok(match (envelope.kind.as_str(), &envelope.subscribe_url) {
            ("Notification", _) => Kind::Report,
            ("SubscriptionConfirmation", Some(address)) => Kind::Question(address.clone()),
            _ => Kind::Over,
        })
    }
}

impl Envelope {
    /// The text that is signed: names and values, each on a line, in the order of the alphabet.
    fn signed_text(&self) -> Option<String> {
        let (message, id) = (("Message", Some(&self.message)), ("MessageId", Some(&self.message_id)));
        let (time, topic) = (("Timestamp", Some(&self.timestamp)), ("TopicArn", Some(&self.topic_arn)));
        let kind = ("Type", Some(&self.kind));
        let fields = match self.kind.as_str() {
            "Notification" => vec![message, id, ("Subject", self.subject.as_ref()), time, topic, kind],
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                let (url, token) = (("SubscribeURL", self.subscribe_url.as_ref()), ("Token", self.token.as_ref()));
                vec![message, id, url, time, token, topic, kind]
            }
            _ => return None,
        };
        let lines = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}\n{}\n", value?)));
        Some(lines.collect())
    }
}

/// Whether an address is of Amazon's notification service: `https://sns.REGION.amazonaws.com/…`.
fn is_amazons(url: &HttpUrl) -> bool {
    let host = url.host();
    let region = host
        .strip_prefix("sns.")
        .and_then(|rest| rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn")));
    let is_region = |region: &str| {
        region.len() >= 3
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let url = url.as_url();
    url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && region.is_some_and(is_region)
}

/// The public key (SPKI) of a certificate in PEM.
fn public_key(pem: &[u8]) -> Option<Vec<u8>> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let parsed = ParsedCertificate::try_from(&certificate).ok()?;
    Some(parsed.subject_public_key_info().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_amazons_own_addresses_are_amazons() {
        for (address, is_theirs) in [
            ("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem", true),
            ("https://sns.cn-north-1.amazonaws.com.cn/x.pem", true),
            ("http://sns.eu-west-1.amazonaws.com/x.pem", false),
            ("https://sns.eu-west-1.amazonaws.com:8443/x.pem", false),
            ("https://sns.eu-west-1.amazonaws.com.evil.example/x.pem", false),
            ("https://evil.example/sns.eu-west-1.amazonaws.com/x.pem", false),
            ("https://sns.evil.example#.amazonaws.com/x.pem", false),
            ("https://sns.a.b.amazonaws.com/x.pem", false),
            ("https://a@sns.eu-west-1.amazonaws.com/x.pem", false),
            ("https://s3.eu-west-1.amazonaws.com/x.pem", false),
            ("https://sns..amazonaws.com/x.pem", false),
        ] {
            assert_eq!(address.parse().is_ok_and(|url| is_amazons(&url)), is_theirs, "{address}");
        }
    }
}
