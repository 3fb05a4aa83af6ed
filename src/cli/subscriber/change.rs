//! `subscriber change`: how often, of what, and by whose clock an address is mailed.

use super::super::Setting;
use super::super::ending::{Said, Usage};
use super::super::output::Out;
use super::find;
use crate::config::zone;
use crate::domain::consent::Given;
use crate::domain::email_address::EmailAddress;
use crate::domain::slug::Slug;
use crate::domain::subscriber::SubscriptionState;
use crate::flow::import::resolve;
use crate::store;
use chrono_tz::Tz;
use clap::Args;

/// `subscriber change`.
#[derive(Debug, Args)]
pub struct Change {
    /// The address.
    email: EmailAddress,
    /// The newsletter; may be left out when there is only one.
    #[arg(long, short, value_name = "NAME")]
    newsletter: Option<Slug>,
    /// Another cadence: no post comes twice by it, and none is lost.
    #[arg(long, value_name = "NAME")]
    cadence: Option<Slug>,
    /// Only these topics, with commas between them; `all` for everything.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    topics: Option<Vec<Slug>>,
    /// Whose clock shows the reader's morning, in every newsletter.
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    timezone: Option<Tz>,
}

pub(super) async fn run(it: Change, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let newsletter = match (&it.newsletter, config.newsletters.as_slice()) {
        (Some(name), _) => config.newsletter(name.as_str()),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let newsletter = newsletter.ok_or_else(|| Usage("name the newsletter: --newsletter NAME".to_owned()))?;
    let topics =
        it.topics.map(|topics| if topics.iter().any(|name| name.as_str() == "all") { Vec::new() } else { topics });
    resolve(&config, Some(&newsletter.name), it.cadence.as_ref(), topics.as_deref().unwrap_or_default())
        .map_err(Usage)?;
    if it.cadence.is_none() && topics.is_none() && it.timezone.is_none() {
        return Err(Usage("say what to change: --cadence, --topics or --timezone".to_owned()).into());
    }
    let subscription = find(&store, &config, &it.email, Some(&newsletter.name)).await?;
    if subscription.state == SubscriptionState::Unsubscribed {
        out.line(format!("{} does not get {} any more", it.email, newsletter.name))?;
        return Err(Said.into());
    }
    let change =
        store::Change { cadence: it.cadence, topics, timezone: it.timezone.map(Some), ..store::Change::default() };
    let given = Given::by_command("syndicated subscriber change", "");
    store.change_subscription(subscription.id, &change, &given, setting.clock.now()).await?;
    Ok(out.line(format!("{} is mailed {} as you say", it.email, newsletter.name))?)
}
