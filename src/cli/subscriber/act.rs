//! What an operator does to single readers: confirm, pause, unsubscribe, erase, tag.

use super::{Entry, Terms, find, one_or_all};
use crate::cli::Json;
use crate::cli::Setting;
use crate::cli::day::{begin, day};
use crate::cli::ending::{Said, Usage};
use crate::cli::output::Out;
use crate::cli::setting::local;
use crate::config::Config;
use crate::domain::consent::Given;
use crate::domain::email_address::EmailAddress;
use crate::domain::slug::Slug;
use crate::domain::subscriber::SubscriptionState;
use crate::domain::tag::Tag;
use crate::store::{Added, Change, ERASED, Store};
use chrono::NaiveDate;
use clap::Args;
use serde_json::json;

/// `subscriber add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The address.
    email: EmailAddress,
    #[command(flatten)]
    terms: Terms,
}

pub(super) async fn add(it: Add, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let entry = Entry::new(it.email, &it.terms, &config, "added by the operator").map_err(Usage)?;
    if let Some(why) = never_mailed(&store, &config, &entry.email).await? {
        out.line(why)?;
        return Err(Said.into());
    }
    let added = store.add_confirmed(&[entry.wish()], setting.clock.now()).await?;
    let Entry { email, newsletter, cadence, .. } = &entry;
    let left = added.first() == Some(&Added::Left);
    if !left {
        store.tag_subscriber(email, &it.terms.tags, &[]).await?;
    }
    match added.first() {
        Some(Added::Already) => Ok(out.line(format!("{email} was subscribed to {newsletter} already"))?),
        Some(Added::Left) => {
            out.line(format!(
                "{email} unsubscribed from {newsletter}, and only its owner can change that by the form"
            ))?;
            Err(Said.into())
        }
        Some(Added::Added) | None => Ok(out.line(format!("{email} gets {newsletter} / {cadence}"))?),
    }
}

/// Why no newsletter would reach an address, whatever it were subscribed to; `None`
/// when mails go there.
async fn never_mailed(store: &Store, config: &Config, email: &EmailAddress) -> anyhow::Result<Option<String>> {
    let Some((reason, since)) = store.suppression(&config.secret, email).await? else { return Ok(None) };
    let since = local(config.site.timezone, since);
    Ok(Some(if reason == ERASED {
        format!("{email} was erased, {since}: only its owner can come back, by the form")
    } else {
        format!(
            "{email} is not mailed: {reason}, since {since}; `syndicated bounce lift {email}` lets it be mailed again"
        )
    }))
}

/// `subscriber confirm`.
#[derive(Debug, Args)]
pub struct Confirm {
    /// The address.
    email: EmailAddress,
    /// The newsletter; may be left out when there is only one.
    #[arg(long, short, value_name = "NAME")]
    newsletter: Option<Slug>,
    /// How its owner confirmed, in your words; it is kept with the subscription.
    #[arg(long, value_name = "WORDS")]
    consent: Option<String>,
}

pub(super) async fn confirm(it: Confirm, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let subscription = find(&store, &config, &it.email, it.newsletter.as_ref()).await?;
    if let Some(why) = never_mailed(&store, &config, &it.email).await? {
        out.line(why)?;
        return Err(Said.into());
    }
    let newsletter = &subscription.newsletter;
    let consent = it.consent.unwrap_or_else(|| "confirmed by the operator".to_owned());
    let added = match subscription.state {
        SubscriptionState::Pending => {
            let entry = Entry::of(&subscription, consent);
            store.add_confirmed(&[entry.wish()], setting.clock.now()).await?.first().copied()
        }
        SubscriptionState::Confirmed => Some(Added::Already),
        SubscriptionState::Unsubscribed => Some(Added::Left),
    };
    match added {
        Some(Added::Left) => {
            out.line(format!(
                "{} unsubscribed from {newsletter}, and only its owner can change that by the form",
                it.email
            ))?;
            Err(Said.into())
        }
        Some(Added::Already) => Ok(out.line(format!("{} was confirmed already", it.email))?),
        _ => Ok(out.line(format!("{} gets {newsletter} / {}", it.email, subscription.cadence))?),
    }
}

/// `subscriber pause`.
#[derive(Debug, Args)]
pub struct Pause {
    /// The address.
    email: EmailAddress,
    /// Only this newsletter; all of the reader's when left out.
    #[arg(long, short, value_name = "NAME")]
    newsletter: Option<Slug>,
    /// The day on which mails begin again, by the site's clock.
    #[arg(long, value_name = "DATE", value_parser = day, required_unless_present = "off")]
    until: Option<NaiveDate>,
    /// End the pause now.
    #[arg(long, conflicts_with = "until")]
    off: bool,
}

pub(super) async fn pause(it: Pause, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let until = it.until.map(|day| begin(config.site.timezone, day));
    if until.is_some_and(|until| until <= setting.clock.now()) {
        return Err(Usage("that day has begun: name a later one, or --off".to_owned()).into());
    }
    for subscription in one_or_all(&store, &it.email, it.newsletter.as_ref()).await? {
        let newsletter = &subscription.newsletter;
        if subscription.state == SubscriptionState::Unsubscribed {
            out.line(format!("{} does not get {newsletter} any more", it.email))?;
            continue;
        }
        let change = Change { paused_until: Some(until), ..Change::default() };
        let given = Given::by_command("syndicated subscriber pause", "");
        store.change_subscription(subscription.id, &change, &given, setting.clock.now()).await?;
        out.line(match until {
            Some(until) => {
                format!("{} gets no {newsletter} until {}", it.email, local(config.site.timezone, until))
            }
            None => format!("{} gets {newsletter} again", it.email),
        })?;
    }
    Ok(())
}

/// `subscriber unsubscribe`.
#[derive(Debug, Args)]
pub struct Unsubscribe {
    /// The address.
    email: EmailAddress,
    /// Only this newsletter; all of the reader's when left out.
    #[arg(long, short, value_name = "NAME")]
    newsletter: Option<Slug>,
}

pub(super) async fn unsubscribe(it: Unsubscribe, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (_, store) = setting.open().await?;
    for subscription in one_or_all(&store, &it.email, it.newsletter.as_ref()).await? {
        if subscription.state == SubscriptionState::Unsubscribed {
            out.line(format!("{} did not get {} any more", it.email, subscription.newsletter))?;
            continue;
        }
        store.unsubscribe(subscription.id, &Given::by_command("the operator", ""), setting.clock.now()).await?;
        out.line(format!("{} gets {} no more", it.email, subscription.newsletter))?;
    }
    Ok(())
}

/// `subscriber erase`.
#[derive(Debug, Args)]
pub struct Erase {
    /// The address.
    email: EmailAddress,
}

pub(super) async fn erase(it: Erase, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    if store.erase_subscriber(&it.email, &config.secret, setting.clock.now()).await? {
        Ok(out.line(format!("erased {}: nothing names this address any more", it.email))?)
    } else {
        Err(Usage(format!("there is no reader {}", it.email)).into())
    }
}

/// `subscriber tag`.
#[derive(Debug, Args)]
pub struct TagIt {
    /// The addresses; without any, all tags are listed with how many readers have each.
    emails: Vec<EmailAddress>,
    /// Put this tag on them.
    #[arg(long, value_name = "TAG", requires = "emails")]
    add: Vec<Tag>,
    /// Take this tag off them.
    #[arg(long, value_name = "TAG", requires = "emails")]
    remove: Vec<Tag>,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn tag(it: TagIt, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (_, store) = setting.open().await?;
    if it.emails.is_empty() {
        let tags = store.tags().await?;
        if it.json.json {
            let tags: Vec<_> = tags.iter().map(|(tag, readers)| json!({ "tag": tag, "readers": readers })).collect();
            return Ok(out.json(&tags)?);
        }
        let rows: Vec<_> = tags.iter().map(|(tag, readers)| [tag.to_string(), readers.to_string()]).collect();
        return Ok(out.table(["TAG", "READERS"], &rows, "no reader has a tag")?);
    }
    let mut missing = 0;
    let mut tagged = Vec::new();
    for email in &it.emails {
        if !store.tag_subscriber(email, &it.add, &it.remove).await? {
            missing += 1;
            if !it.json.json {
                out.line(format!("there is no reader {email}"))?;
            }
            continue;
        }
        let tags = match store.subscriptions_of(email).await?.first() {
            Some(first) => store.tags_of(&[first.subscriber]).await?.remove(&first.subscriber).unwrap_or_default(),
            None => Vec::new(),
        };
        if it.json.json {
            tagged.push(json!({ "email": email, "tags": tags }));
        } else {
            let tags = if tags.is_empty() { "no tag".to_owned() } else { Tag::join(&tags).replace(',', ", ") };
            out.line(format!("{email}: {tags}"))?;
        }
    }
    if it.json.json {
        out.json(&tagged)?;
    }
    if missing > 0 { Err(Said.into()) } else { Ok(()) }
}
