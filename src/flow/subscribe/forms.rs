//! The word that a form carries: that we made it, and when. A form that comes
//! back at once was filled in by no person, one that comes back very late may say
//! what is no longer so; neither is refused, both are shown once more.

use super::Subscriptions;
use crate::config::Config;
use crate::domain::consent::Origin;
use crate::domain::time::Timestamp;
use std::time::Duration;

const PAGE: &str = "page";

/// A form on another site is as old as its page; after this it asks for one press more.
const EMBEDDED_MAX_AGE: Duration = Duration::from_hours(400 * 24);

/// Why a form is shown once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It carries no word of ours, as one on another site may, or one that a machine made.
    NotOurs,
    /// It came back too soon or too late.
    Age,
}

/// The word of a form on the page of another site, which leads back to `return_to`.
#[must_use]
pub fn embedded_token(config: &Config, return_to: &str, now: Timestamp) -> String {
    config.secret.form_token(&embedded(return_to), now)
}

fn embedded(return_to: &str) -> String {
    format!("embedded {return_to}")
}

impl Subscriptions {
    /// The word of a form on a page of ours, made now.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.config.load().secret.form_token(PAGE, self.clock.now())
    }

    /// Where a form comes from that carries `token`; `site` is whose page the
    /// browser says it was on.
    pub fn read_form(&self, token: &str, return_to: &str, site: Option<&str>) -> Result<Origin, Again> {
        let config = self.config.load();
        let now = self.clock.now();
        if let Some(made) = config.secret.read_form_token(PAGE, token) {
            let age = now.since(made);
            if age < config.sign_up.form_min_age || age > config.sign_up.form_max_age {
                return Err(Again::Age);
            }
            // Shown in the place of a form on another site, it is that one's second step.
            return Ok(if return_to.is_empty() { Origin::Page } else { Origin::Embedded });
        }
        let made = config.secret.read_form_token(&embedded(return_to), token).ok_or(Again::NotOurs)?;
        if now.since(made) > EMBEDDED_MAX_AGE {
            return Err(Again::Age);
        }
        // A browser says so; whoever lifted the form from its page most likely does not.
        let ours = site.is_some_and(|site| config.sign_up.allows_origin(site));
        if ours { Ok(Origin::Embedded) } else { Err(Again::NotOurs) }
    }
}
