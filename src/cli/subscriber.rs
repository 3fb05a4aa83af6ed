//! `subscriber …`: readers, on the operator's word. Who unsubscribed stays so,
//! whatever list is imported.

mod act;
mod change;
mod export;
mod import;
mod list;
mod show;

use super::Setting;
use super::ending::Usage;
use super::output::Out;
use crate::config::{Config, zone};
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::Subscription;
use crate::domain::tag::Tag;
use crate::flow::import::{self as flow, greeting_name, resolve};
use crate::store::{Own, Store, Wish};
use chrono_tz::Tz;
use clap::{Args, Subcommand};

/// `subscriber …`.
#[derive(Debug, Subcommand)]
pub enum Subscriber {
    /// List subscriptions, or find some.
    List(list::List),
    /// Show all that is known of a reader, and what they agreed to.
    Show(show::Show),
    /// Subscribe an address whose owner has agreed.
    Add(act::Add),
    /// Confirm on the owner's word what was asked for by the form.
    Confirm(act::Confirm),
    /// Change how often, of what, and by whose clock an address is mailed.
    Change(change::Change),
    /// Let an address rest until a day.
    Pause(act::Pause),
    /// End subscriptions, and remember that they ended.
    Unsubscribe(act::Unsubscribe),
    /// Erase a reader with everything that names them.
    Erase(act::Erase),
    /// Put tags on readers, take them off, or list them.
    Tag(act::TagIt),
    /// Bring lists: exports of listmonk, Mailchimp, Substack, Ghost, Buttondown and Stibee, or any CSV.
    Import(import::Import),
    /// Write subscriptions as CSV or JSON Lines, which `import` reads back.
    Export(export::Export),
}

/// To what, and on which ground.
#[derive(Debug, Args)]
struct Terms {
    /// The newsletter; may be left out when there is only one.
    #[arg(long, short, value_name = "NAME")]
    newsletter: Option<Slug>,
    /// The cadence; the newsletter's first when left out.
    #[arg(long, value_name = "NAME")]
    cadence: Option<Slug>,
    /// The language of letters; the newsletter's when left out.
    #[arg(long)]
    language: Option<Language>,
    /// How consent was given, in your words; it is kept with the subscription.
    #[arg(long, value_name = "WORDS")]
    consent: Option<String>,
    /// What the reader is greeted by, where the newsletter greets.
    #[arg(long, value_name = "WORDS")]
    name: Option<String>,
    /// Whose clock shows the reader's morning, such as Asia/Seoul; the newsletter's when left out.
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    timezone: Option<Tz>,
    /// Only these topics of the newsletter, with commas between them; all when left out.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    topics: Vec<Slug>,
    /// A tag for the reader; may be said several times.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<Tag>,
}

impl Terms {
    /// The same for all rows of lists that do not say otherwise.
    fn for_lists(&self) -> flow::Terms {
        flow::Terms {
            newsletter: self.newsletter.clone(),
            cadence: self.cadence.clone(),
            language: self.language,
            consent: self.consent.clone(),
            name: self.name.clone(),
            timezone: self.timezone,
            topics: self.topics.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// So many subscriptions are read in one page.
const BATCH: usize = 1000;

pub(super) async fn run(command: Subscriber, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Subscriber::List(list) => list::run(list, setting, out).await,
        Subscriber::Show(show) => show::run(show, setting, out).await,
        Subscriber::Add(add) => act::add(add, setting, out).await,
        Subscriber::Confirm(confirm) => act::confirm(confirm, setting, out).await,
        Subscriber::Change(change) => change::run(change, setting, out).await,
        Subscriber::Pause(pause) => act::pause(pause, setting, out).await,
        Subscriber::Unsubscribe(it) => act::unsubscribe(it, setting, out).await,
        Subscriber::Erase(erase) => act::erase(erase, setting, out).await,
        Subscriber::Tag(tag) => act::tag(tag, setting, out).await,
        Subscriber::Import(import) => import::run(import, setting, out).await,
        Subscriber::Export(export) => export::run(export, setting, out).await,
    }
}

/// An address with what it is subscribed to.
struct Entry {
    email: EmailAddress,
    newsletter: Slug,
    cadence: Slug,
    language: Language,
    consent: String,
    name: Option<String>,
    timezone: Option<Tz>,
    topics: Vec<Slug>,
}

impl Entry {
    /// What `email` gets by `terms`, or what is wrong with them.
    fn new(email: EmailAddress, terms: &Terms, config: &Config, usual_consent: &str) -> Result<Self, String> {
        let (newsletter, cadence) = resolve(config, terms.newsletter.as_ref(), terms.cadence.as_ref(), &terms.topics)?;
        Ok(Self {
            email,
            name: terms.name.as_deref().and_then(greeting_name),
            timezone: terms.timezone,
            topics: terms.topics.clone(),
            newsletter: newsletter.name.clone(),
            cadence: cadence.name.clone(),
            language: terms.language.unwrap_or(newsletter.language),
            consent: terms.consent.clone().unwrap_or_else(|| usual_consent.to_owned()),
        })
    }

    /// What a subscription is already, agreed to in other words.
    fn of(subscription: &Subscription, consent: String) -> Self {
        Self {
            email: subscription.email.clone(),
            newsletter: subscription.newsletter.clone(),
            cadence: subscription.cadence.clone(),
            language: subscription.language,
            consent,
            name: subscription.name.clone(),
            timezone: subscription.timezone,
            topics: subscription.topics.clone(),
        }
    }

    fn wish(&self) -> Wish<'_> {
        Wish {
            email: &self.email,
            newsletter: &self.newsletter,
            cadence: &self.cadence,
            language: self.language,
            consent: &self.consent,
            own: Own { name: self.name.as_deref(), timezone: self.timezone, topics: &self.topics },
        }
    }
}

/// The subscription of an address to a newsletter, which may be left out when there is only one.
async fn find(
    store: &Store,
    config: &Config,
    email: &EmailAddress,
    newsletter: Option<&Slug>,
) -> anyhow::Result<Subscription> {
    let newsletter = match (newsletter, config.newsletters.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => &only.name,
        (None, _) => return Err(Usage("name the newsletter: --newsletter NAME".to_owned()).into()),
    };
    let found = store.subscriptions_of(email).await?.into_iter().find(|found| found.newsletter == *newsletter);
    Ok(found.ok_or_else(|| Usage(format!("{email} is not subscribed to `{newsletter}`")))?)
}

/// The subscriptions of an address, or the one to that newsletter.
async fn one_or_all(
    store: &Store,
    email: &EmailAddress,
    newsletter: Option<&Slug>,
) -> anyhow::Result<Vec<Subscription>> {
    let mut found = store.subscriptions_of(email).await?;
    found.retain(|subscription| newsletter.is_none_or(|name| subscription.newsletter == *name));
    if found.is_empty() {
        return Err(Usage(match newsletter {
            Some(newsletter) => format!("{email} is not subscribed to `{newsletter}`"),
            None => format!("there is no reader {email}"),
        })
        .into());
    }
    Ok(found)
}
