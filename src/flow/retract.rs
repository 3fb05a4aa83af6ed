//! The story of a withdrawal: a poll found that a post is missing, or that its feed says it was deleted; its page is
//! asked for, and asked for again after a while; what is gone then leaves the feeds and the archive.
//!
//! Kept here: a source that disappears altogether takes nothing with it, so that what says that a post is gone is
//! believed only while its source or its site answers; each post is asked for a few times at the most, and few of
//! them in a minute.

use crate::clock::Clock;
use crate::config::{Config, Live};
use crate::domain::id::PostId;
use crate::domain::retraction::{Proof, rest};
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Presence, same_site, shown};
use crate::store::{Judgement, Store, StoreError, Suspect};
use futures_util::future::join_all;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How many posts are looked at in a minute at the most, by each node.
const TOGETHER: usize = 10;
/// How long a post is kept from other nodes: longer than all deadlines of its page and its site's.
const LEASE: Duration = Duration::from_mins(10);

/// Finds out which posts were withdrawn. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Retractor {
    store: Store,
    client: Client,
    clock: Clock,
    config: Live,
}

/// A post that was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// The post.
    pub post: PostId,
    /// Its source.
    pub source: Slug,
    /// Its page.
    pub url: Option<HttpUrl>,
    /// What said so.
    pub proof: Proof,
}

impl Retractor {
    /// Of the posts of `store`, as the configuration says at each moment.
    #[must_use]
    pub fn new(store: Store, client: Client, clock: Clock, config: Live) -> Self {
        Self { store, client, clock, config }
    }

    /// Looks at the posts whose turn has come, a few at the most. Returns those that were withdrawn. What a stop cuts
    /// off is looked at when its claim has ended.
    pub async fn look(&self, stop: &CancellationToken) -> Result<Vec<Withdrawn>, StoreError> {
        let config = self.config.load_full();
        let Some(after) = config.fetch.retract_after else { return Ok(Vec::new()) };
        let now = self.clock.now();
        if self.store.next_suspect_at().await?.is_none_or(|next| next > now) {
            return Ok(Vec::new());
        }
        let suspects = self.store.claim_suspects(TOGETHER, now, LEASE).await?;
        let looked = suspects.into_iter().map(|suspect| self.look_at(suspect, (&config, after), stop));
        let mut withdrawn = Vec::new();
        for ended in join_all(looked).await {
            withdrawn.extend(ended?);
        }
        Ok(withdrawn)
    }

    async fn look_at(
        &self,
        suspect: Suspect,
        (config, after): (&Config, Duration),
        stop: &CancellationToken,
    ) -> Result<Option<Withdrawn>, StoreError> {
        let judgement = tokio::select! {
            judgement = self.judge(&suspect, config, after) => judgement,
            () = stop.cancelled() => return Ok(None),
        };
        let (post, source, url) = (suspect.id, suspect.source.clone(), suspect.url.clone());
        let known = suspect.gone.map(|(_, proof)| proof);
        let written = self.store.judge_suspect(suspect, judgement, self.clock.now()).await?;
        let proof = known.filter(|_| written && judgement == Judgement::Withdrawn);
        Ok(proof.map(|proof| Withdrawn { post, source, url, proof }))
    }

    /// What is to be thought of a post.
    async fn judge(&self, suspect: &Suspect, config: &Config, after: Duration) -> Judgement {
        let before = suspect.gone.map(|(_, proof)| proof);
        if before == Some(Proof::Deleted) {
            return Judgement::Withdrawn;
        }
        let age = suspect.missing_since.map(|since| self.clock.now().since(since)).unwrap_or_default();
        let unclear = Judgement::Unclear(rest(age));
        // Of a source that is no longer in the configuration nothing is asked.
        let (Some(url), Some(source)) = (&suspect.url, config.source(&suspect.source)) else { return unclear };
        let invited = source.list().is_none();
        let proof = match self.client.presence(url, invited).await {
            Ok(Presence::Here) => return Judgement::Stands,
            Ok(Presence::NotFound) => Proof::NotFound,
            Ok(Presence::Gone) => Proof::Gone,
            Err(why) => {
                tracing::debug!(post = %suspect.id, source = %suspect.source, %why, "it cannot be told whether a post is gone");
                return unclear;
            }
        };
        if before.is_none() {
            return Judgement::Gone(proof, after);
        }
        if self.site_is_well(suspect, url, invited).await { Judgement::Withdrawn } else { unclear }
    }

    /// Whether more is there of a site than answers that nothing is: the feed that was just polled, or, where that
    /// stands elsewhere, the front page.
    async fn site_is_well(&self, suspect: &Suspect, page: &HttpUrl, invited: bool) -> bool {
        if suspect.feed.as_ref().is_some_and(|feed| same_site(feed, page)) {
            return true;
        }
        let site = suspect.site.clone().filter(|site| same_site(site, page)).or_else(|| page.join("/"));
        let Some(site) = site else { return false };
        let answer = self.client.presence(&site, invited).await;
        if answer != Ok(Presence::Here) {
            tracing::debug!(site = %shown(&site), ?answer, "nothing is withdrawn, since the whole site seems to be away");
        }
        answer == Ok(Presence::Here)
    }
}
