//! Digests on the web: what readers were mailed, for everybody to read.
//!
//! Invariants: only what was mailed has a page, and only where its newsletter says
//! so (`web`); nothing of any reader stands on it.

use crate::config::{Config, Live};
use crate::domain::digest::Edition;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::render::{DigestPage, Renderer};
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// Where digests stand below the site's address.
pub const DIGESTS: &str = "/digests/";

/// Makes the pages of digests.
#[derive(Debug, Clone)]
pub struct WebDigests {
    store: Store,
    config: Live,
    renderer: Arc<Renderer>,
}

/// A digest as a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebDigest {
    /// The whole page.
    pub html: String,
    /// The mails' subject.
    pub title: String,
    /// When it was frozen.
    pub date: Timestamp,
    /// Whose it is.
    pub newsletter: Slug,
}

impl WebDigests {
    /// Of what `store` holds, as the configuration says at each moment.
    #[must_use]
    pub fn new(store: Store, config: Live, renderer: Arc<Renderer>) -> Self {
        Self { store, config, renderer }
    }

    /// The page of a digest; `None` unless readers were mailed it and its newsletter,
    /// which is configured still, shows its digests.
    pub async fn page(&self, edition: &Edition) -> Result<Option<WebDigest>, StoreError> {
        let config = self.config.load_full();
        let Some(newsletter) = config.newsletter(edition.newsletter.as_str()).filter(|found| found.web) else {
            return Ok(None);
        };
        let Some((digest, frozen)) = self.store.archive_digest(edition).await? else { return Ok(None) };
        let page = DigestPage {
            language: newsletter.language,
            title: &newsletter.title,
            subject: &digest.subject,
            url: &address(&config, edition),
            site: &config.site.title,
            home: config.site.base_url.as_str(),
            subscribe: newsletter.is_mailed().then(|| config.url(&format!("/subscribe/{}", newsletter.name))),
            pictures: self.store.picture_addresses(&frozen).await?,
        };
        let html = self.renderer.digest_page(&frozen, &page);
        Ok(Some(WebDigest {
            html,
            title: digest.subject,
            date: digest.frozen_at,
            newsletter: edition.newsletter.clone(),
        }))
    }
}

/// Where the page of a digest stands, with the site's address before it.
#[must_use]
pub fn address(config: &Config, edition: &Edition) -> String {
    config.url(&format!("{DIGESTS}{}/", edition.path()))
}
