//! What a person does about one post at one outlet, at once and to be looked at.

use super::compose::Composer;
use super::{CLAIMED_FOR, Crossposter, key};
use crate::domain::id::PostId;
use crate::domain::outlet::{Draft, Outcome, Outlet, Share};
use crate::store::{HandedOn, StoreError, Urge};

/// What came of an act by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByHand {
    /// It was tried, and stands so now.
    Tried(HandedOn),
    /// It was left as it is, for this reason.
    Left(String),
}

/// What an outlet would be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// What would be sent, part by part.
    pub draft: Draft,
    /// How much of the text it holds.
    pub share: Share,
    /// Whether the source's rights made it less than the outlet wants.
    pub reserved: bool,
    /// What keeps the post from going there by itself.
    pub left_out: Option<String>,
}

impl Crossposter {
    /// What an outlet would be sent of a post; `None` when there is no such post.
    pub async fn preview(&self, outlet: &Outlet, id: PostId) -> Result<Option<Preview>, StoreError> {
        let config = self.config.load_full();
        let Some(post) = self.store.post(id).await? else { return Ok(None) };
        let composer = Composer { store: &self.store, renderer: &self.renderer };
        let manuscript = composer.manuscript(outlet, &post, key(&config, outlet, id, 0)).await?;
        let left_out = if post.is_shown() {
            let source =
                (!outlet.intake.takes(&post.source_name)).then(|| "its source does not feed the outlet".to_owned());
            source.or_else(|| outlet.intake.left_out(&post).map(|reason| reason.as_str().to_owned()))
        } else {
            Some("it may not be shown".to_owned())
        };
        let protocol = self.protocol(&config, outlet);
        protocol.prepare().await;
        Ok(Some(Preview {
            draft: protocol.draft(&manuscript),
            share: manuscript.share,
            reserved: outlet.form.share_of(&post.source_name) != outlet.form.share,
            left_out,
        }))
    }

    /// Tries an outlet without publishing anything.
    pub async fn test(&self, outlet: &Outlet) -> Outcome {
        self.protocol(&self.config.load_full(), outlet).test().await
    }

    /// Hands a post to an outlet now, whatever filters, hours and numbers say.
    pub async fn post_now(&self, outlet: &Outlet, id: PostId) -> Result<ByHand, StoreError> {
        match self.store.post(id).await? {
            None => return Ok(ByHand::Left(format!("there is no post {id}"))),
            Some(post) if !post.is_shown() => return Ok(ByHand::Left("it may not be shown".to_owned())),
            Some(post) if outlet.intake.own.as_ref() == Some(&post.source_name) => {
                return Ok(ByHand::Left("it stands there already: the outlet is its source".to_owned()));
            }
            Some(_) => {}
        }
        if !self.store.want_at_outlet(&outlet.name, id, self.clock.now()).await? {
            return Ok(ByHand::Left(self.standing(outlet, id).await?));
        }
        self.try_now(outlet, id).await
    }

    /// Tries a post that failed, or that is in doubt, again now.
    pub async fn retry_now(&self, outlet: &Outlet, id: PostId) -> Result<ByHand, StoreError> {
        if self.store.retry_at_outlet(&outlet.name, Some(id), self.clock.now()).await? == 0 {
            return Ok(ByHand::Left(self.standing(outlet, id).await?));
        }
        self.try_now(outlet, id).await
    }

    async fn try_now(&self, outlet: &Outlet, id: PostId) -> Result<ByHand, StoreError> {
        let (config, now) = (self.config.load_full(), self.clock.now());
        let Some(claim) = self.store.claim_for_outlet(&outlet.name, Urge::Now(id), now, CLAIMED_FOR).await? else {
            return Ok(ByHand::Left("its piece went there as another post, or it is being handed over now".to_owned()));
        };
        self.hand_on(&config, outlet, claim).await?;
        match self.row(outlet, id).await? {
            Some(row) => Ok(ByHand::Tried(row)),
            None => Ok(ByHand::Left("nothing is known of it".to_owned())),
        }
    }

    async fn row(&self, outlet: &Outlet, id: PostId) -> Result<Option<HandedOn>, StoreError> {
        Ok(self.store.handed_on(Some(&outlet.name), Some(id), None, 1).await?.into_iter().next())
    }

    /// Where a post stands, as a reason to leave it.
    async fn standing(&self, outlet: &Outlet, id: PostId) -> Result<String, StoreError> {
        Ok(match self.row(outlet, id).await? {
            None => "it was never to go there".to_owned(),
            Some(row) => match row.url {
                Some(url) => format!("it is {}: {url}", row.state),
                None => format!("it is {}", row.state),
            },
        })
    }
}
