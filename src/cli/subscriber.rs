//! `subscriber …`: readers, on the operator's word. Who unsubscribed stays so,
//! whatever list is imported.

mod change;

use super::ending::{Said, Usage};
use super::import::{self, Import};
use super::output::Out;
use super::setting::local;
use super::{Json, Setting};
use crate::config::Config;
use crate::domain::digest::token;
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::domain::slug::Slug;
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::store::{Added, Own, Store, SubscriptionFilter, Wish};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `subscriber …`.
#[derive(Debug, Subcommand)]
pub enum Subscriber {
    /// Subscribe an address whose owner has agreed.
    Add(Add),
    /// List subscriptions.
    List(List),
    /// Subscribe a list: CSV with a column `email`, or one address a line.
    Import(Import),
    /// Write subscriptions as CSV, which `import` reads back.
    Export(Export),
    /// Change how often, of what, and by whose clock an address is mailed.
    Change(change::Change),
    /// Erase a reader with everything that names them, or end one subscription.
    Remove(Remove),
}

/// To what, and on which ground.
#[derive(Debug, Args)]
pub(super) struct Terms {
    /// The newsletter; may be left out when there is only one.
    #[arg(long, short, value_name = "NAME")]
    pub(super) newsletter: Option<Slug>,
    /// The cadence; the newsletter's first when left out.
    #[arg(long, value_name = "NAME")]
    pub(super) cadence: Option<Slug>,
    /// The language of letters; the newsletter's when left out.
    #[arg(long)]
    pub(super) language: Option<Language>,
    /// How consent was given, in your words; it is kept with the subscription.
    #[arg(long, value_name = "WORDS")]
    pub(super) consent: Option<String>,
    /// What the reader is greeted by, where the newsletter greets.
    #[arg(long, value_name = "WORDS")]
    pub(super) name: Option<String>,
    /// Whose clock shows the reader's morning, such as Asia/Seoul; the newsletter's when left out.
    #[arg(long, value_name = "ZONE")]
    pub(super) timezone: Option<Tz>,
    /// Only these topics of the newsletter, with commas between them; all when left out.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) topics: Vec<Slug>,
}

/// `subscriber add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The address.
    email: EmailAddress,
    #[command(flatten)]
    terms: Terms,
}

/// Which subscriptions.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Of this newsletter only.
    #[arg(long, short, value_name = "NAME")]
    newsletter: Option<Slug>,
    /// Only those that are `pending`, `confirmed` or `unsubscribed`.
    #[arg(long)]
    state: Option<SubscriptionState>,
}

/// `subscriber list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    json: Json,
}

/// `subscriber export`.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    which: Which,
}

/// `subscriber remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// The address.
    email: EmailAddress,
    /// Only end the subscription to this newsletter, and remember that it ended.
    #[arg(long, short, value_name = "NAME")]
    newsletter: Option<Slug>,
}

/// So many addresses are written in one transaction, and read in one page.
pub(super) const BATCH: usize = 1000;

pub(super) async fn run(command: Subscriber, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Subscriber::Add(add) => self::add(add, setting, out).await,
        Subscriber::List(list) => self::list(list, setting, out).await,
        Subscriber::Import(import) => import::run(import, setting, out).await,
        Subscriber::Export(export) => self::export(&export, setting, out).await,
        Subscriber::Change(change) => change::run(change, setting, out).await,
        Subscriber::Remove(remove) => self::remove(remove, setting, out).await,
    }
}

/// An address with what it is subscribed to.
pub(super) struct Entry {
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
    pub(super) fn new(
        email: EmailAddress,
        terms: &Terms,
        config: &Config,
        usual_consent: &str,
    ) -> Result<Self, String> {
        let newsletter = match (&terms.newsletter, config.newsletters.as_slice()) {
            (Some(name), _) => {
                config.newsletter(name.as_str()).ok_or_else(|| format!("there is no newsletter `{name}`"))?
            }
            (None, [only]) => only,
            (None, []) => return Err("no newsletter is configured".to_owned()),
            (None, several) => {
                let names: Vec<_> = several.iter().map(|newsletter| newsletter.name.as_str()).collect();
                return Err(format!("there are several newsletters: name one of {}", names.join(", ")));
            }
        };
        let cadence = match &terms.cadence {
            Some(name) => newsletter
                .cadence(name.as_str())
                .ok_or_else(|| format!("newsletter `{}` has no cadence `{name}`", newsletter.name))?,
            None => newsletter
                .cadences
                .first()
                .ok_or_else(|| format!("newsletter `{}` has no cadence: it is not mailed", newsletter.name))?,
        };
        known_topics(newsletter, &terms.topics)?;
        Ok(Self {
            email,
            name: terms.name.as_deref().map(one_line).filter(|name| !name.is_empty()),
            timezone: terms.timezone,
            topics: terms.topics.clone(),
            newsletter: newsletter.name.clone(),
            cadence: cadence.name.clone(),
            language: terms.language.unwrap_or(newsletter.language),
            consent: terms.consent.clone().unwrap_or_else(|| usual_consent.to_owned()),
        })
    }

    pub(super) fn wish(&self) -> Wish<'_> {
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

/// A name as a greeting can hold it.
fn one_line(name: &str) -> String {
    let line: String = token::strip(name).chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect();
    line.trim().to_owned()
}

/// Whether the newsletter has such topics.
fn known_topics(newsletter: &Newsletter, topics: &[Slug]) -> Result<(), String> {
    let known = |name: &Slug| newsletter.topics.iter().any(|topic| topic.name == *name);
    match topics.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(other) => {
            let names: Vec<_> = newsletter.topics.iter().map(|topic| topic.name.as_str()).collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Err(format!("newsletter `{}` has no topic `{other}`; there is: {there}", newsletter.name))
        }
    }
}

async fn add(add: Add, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let entry = Entry::new(add.email, &add.terms, &config, "added by the operator").map_err(Usage)?;
    let added = store.add_confirmed(&[entry.wish()], setting.clock.now()).await?;
    let Entry { email, newsletter, cadence, .. } = &entry;
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

/// Calls `each` for page after page of the subscriptions.
async fn pages(
    store: &Store,
    which: &Which,
    mut each: impl FnMut(Vec<Subscription>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
    let mut filter = SubscriptionFilter { newsletter: which.newsletter.clone(), state: which.state, after: 0, limit };
    loop {
        let page = store.subscriptions(&filter).await?;
        let Some(last) = page.last() else { return Ok(()) };
        filter.after = last.id.0;
        each(page)?;
    }
}

async fn list(list: List, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let mut found = Vec::new();
    pages(&store, &list.which, |page| {
        found.extend(page);
        Ok(())
    })
    .await?;
    if list.json.json {
        return Ok(out.json(&found.iter().map(as_json).collect::<Vec<_>>())?);
    }
    let rows: Vec<_> = found
        .iter()
        .map(|subscription| {
            let since = subscription.ended_at.or(subscription.confirmed_at).unwrap_or(subscription.created_at);
            [
                subscription.email.to_string(),
                format!("{} / {}", subscription.newsletter, subscription.cadence),
                subscription.state.as_str().to_owned(),
                local(config.site.timezone, since),
                subscription.language.to_string(),
            ]
        })
        .collect();
    Ok(out.table(["ADDRESS", "GETS", "STATE", "SINCE", "LANGUAGE"], &rows, "there are no subscriptions")?)
}

fn as_json(subscription: &Subscription) -> Value {
    json!({
        "email": subscription.email, "newsletter": subscription.newsletter, "cadence": subscription.cadence,
        "state": subscription.state, "language": subscription.language, "created_at": subscription.created_at,
        "confirmed_at": subscription.confirmed_at, "ended_at": subscription.ended_at, "consent": subscription.consent,
        "name": subscription.name, "timezone": subscription.timezone.map(Tz::name), "topics": subscription.topics,
    })
}

async fn export(export: &Export, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (_, store) = setting.open().await?;
    let head = [
        "email",
        "newsletter",
        "cadence",
        "state",
        "language",
        "created_at",
        "confirmed_at",
        "ended_at",
        "consent",
        "name",
        "timezone",
        "topics",
    ];
    out.text(&csv_lines([head.map(str::to_owned)])?)?;
    pages(&store, &export.which, |page| {
        let rows = page.into_iter().map(|subscription| {
            let at = |at: Option<crate::domain::time::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
            [
                subscription.email.to_string(),
                subscription.newsletter.to_string(),
                subscription.cadence.to_string(),
                subscription.state.as_str().to_owned(),
                subscription.language.to_string(),
                subscription.created_at.to_string(),
                at(subscription.confirmed_at),
                at(subscription.ended_at),
                subscription.consent,
                subscription.name.unwrap_or_default(),
                subscription.timezone.map(|zone| zone.name().to_owned()).unwrap_or_default(),
                joined(&subscription.topics),
            ]
        });
        Ok(out.text(&csv_lines(rows)?)?)
    })
    .await
}

fn joined(topics: &[Slug]) -> String {
    topics.iter().map(Slug::as_str).collect::<Vec<_>>().join(" ")
}

fn csv_lines(rows: impl IntoIterator<Item = [String; 12]>) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(&row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

async fn remove(remove: Remove, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let now = setting.clock.now();
    let Some(newsletter) = remove.newsletter else {
        return if store.erase_subscriber(&remove.email, &config.secret, now).await? {
            Ok(out.line(format!("erased {}: nothing names this address any more", remove.email))?)
        } else {
            Err(Usage(format!("there is no reader {}", remove.email)).into())
        };
    };
    let subscription = find(&store, &remove.email, &newsletter).await?;
    store.unsubscribe(subscription.id, "the operator", now).await?;
    Ok(out.line(format!("{} gets {newsletter} no more", remove.email))?)
}

/// The subscription of an address to a newsletter.
async fn find(store: &Store, email: &EmailAddress, newsletter: &Slug) -> anyhow::Result<Subscription> {
    let mut found = None;
    let which = Which { newsletter: Some(newsletter.clone()), state: None };
    pages(store, &which, |page| {
        found = found.take().or_else(|| page.into_iter().find(|subscription| subscription.email == *email));
        Ok(())
    })
    .await?;
    Ok(found.ok_or_else(|| Usage(format!("{email} is not subscribed to `{newsletter}`")))?)
}
