//! The letter that follows a confirmation: a welcome with the newest posts, and
//! for advertising the receipt of the consent that the law asks for.

use super::Subscriptions;
use crate::config::Config;
use crate::domain::newsletter::Newsletter;
use crate::domain::post::Post;
use crate::domain::subscriber::Subscription;
use crate::domain::time::Timestamp;
use crate::render::{Headline, ReaderLetterContext, Renderer};
use crate::store::StoreError;

/// So many posts a welcome shows.
const POSTS: u32 = 5;

/// Subject, HTML and text.
pub(super) type Words = (String, String, String);

impl Subscriptions {
    /// The welcome to who confirms a subscription; `None` when its newsletter sends none.
    pub(super) async fn welcome(
        &self,
        config: &Config,
        subscription: &Subscription,
    ) -> Result<Option<Words>, StoreError> {
        let Some(newsletter) = config.newsletter(subscription.newsletter.as_str()) else { return Ok(None) };
        if !newsletter.welcome && newsletter.commercial.is_none() {
            return Ok(None);
        }
        let posts = if newsletter.welcome { self.newest(newsletter).await? } else { Vec::new() };
        Ok(self.welcome_with(config, newsletter, subscription, posts))
    }

    /// The receipt of a consent to advertising that was given anew: a welcome without
    /// posts. `None` when the newsletter is none.
    pub(super) fn receipt(&self, config: &Config, subscription: &Subscription) -> Option<Words> {
        let newsletter = config.newsletter(subscription.newsletter.as_str())?;
        newsletter.commercial.as_ref()?;
        self.welcome_with(config, newsletter, subscription, Vec::new())
    }

    fn welcome_with(
        &self,
        config: &Config,
        newsletter: &Newsletter,
        subscription: &Subscription,
        posts: Vec<Headline>,
    ) -> Option<Words> {
        let context = letter((config, &self.renderer), newsletter, subscription, self.clock.now(), posts);
        match self.renderer.welcome_letter(&context) {
            Ok(mail) => Some((mail.subject, mail.html, mail.plain)),
            Err(error) => {
                // The confirmation counts, whatever the operator's template.
                tracing::error!(%error, newsletter = %newsletter.name, "a reader gets no welcome");
                None
            }
        }
    }

    async fn newest(&self, newsletter: &Newsletter) -> Result<Vec<Headline>, StoreError> {
        let scope = newsletter.scope();
        let take = |post: &Post| post.is_original(&scope) && post.left_out_by(&newsletter.filter).is_none();
        let posts = self.store.posts_of(newsletter.sources.as_deref(), POSTS, &take).await?;
        let headline = |post: Post| Headline {
            title: post.entry.title.clone(),
            url: post.entry.url.as_ref().map(ToString::to_string),
        };
        Ok(posts.into_iter().map(headline).collect())
    }
}

/// What a letter about a subscription gets; `since` is when its reader agreed.
pub(super) fn letter(
    (config, renderer): (&Config, &Renderer),
    newsletter: &Newsletter,
    subscription: &Subscription,
    since: Timestamp,
    posts: Vec<Headline>,
) -> ReaderLetterContext {
    let language = subscription.language;
    ReaderLetterContext {
        language,
        title: newsletter.title.clone(),
        site: config.site.title.clone(),
        home: config.site.base_url.to_string(),
        date: renderer.long_date(language, subscription.timezone.unwrap_or(newsletter.timezone), since),
        posts,
        advertising: config.advertising(newsletter),
        preferences: true,
    }
}
