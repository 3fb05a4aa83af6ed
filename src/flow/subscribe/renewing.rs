//! Readers of advertising are told every two years that they agreed to it, and
//! how to take that back (Korea's Network Act, Article 50, paragraph 8). Who does
//! nothing keeps it.

use super::Subscriptions;
use super::asking::versioned;
use super::welcoming::letter;
use crate::domain::consent::{Given, Origin};
use crate::store::{Renewal, StoreError, Swept};
use std::time::Duration;

/// Never longer than two years, leap years included.
const TWO_YEARS: Duration = Duration::from_hours(730 * 24);
/// So many are read at once.
const HELPING: u32 = 200;

impl Subscriptions {
    /// Lets go of what was kept for long enough.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let config = self.config.load_full();
        self.store.sweep(&config.retention, &config.secret, self.clock.now()).await
    }

    /// Writes to every reader of advertising who was last told two years ago.
    /// Returns how many.
    pub async fn renew(&self) -> Result<u64, StoreError> {
        let config = self.config.load_full();
        let now = self.clock.now();
        let before = now.minus(TWO_YEARS);
        let mut written = 0;
        for newsletter in config.newsletters.iter().filter(|newsletter| newsletter.commercial.is_some()) {
            let mut behind = 0;
            loop {
                let due = self.store.renewals_due(&newsletter.name, before, behind, HELPING).await?;
                let Some(last) = due.last() else { break };
                behind = last.id.0;
                for subscription in &due {
                    let since = subscription.confirmed_at.unwrap_or(subscription.created_at);
                    let context = letter((&config, &self.renderer), newsletter, subscription, since, Vec::new());
                    let mail = match self.renderer.renewal_letter(&context) {
                        Ok(mail) => mail,
                        Err(error) => {
                            tracing::error!(%error, newsletter = %newsletter.name, "readers cannot be asked again");
                            return Ok(written);
                        }
                    };
                    let words = self.renderer.renewal_words(&context);
                    let form = versioned("renewal letter", &words);
                    let given = Given { form: &form, words: &words, origin: Origin::Operator, address: None };
                    let renewal = Renewal { subscription, given, mail: (&mail.subject, &mail.html, &mail.plain) };
                    written += u64::from(self.store.ask_again(&renewal, before, now).await?);
                }
            }
        }
        if written > 0 {
            self.mail.notify_one();
        }
        Ok(written)
    }
}
