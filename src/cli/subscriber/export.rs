//! `subscriber export`: subscriptions as CSV or JSON Lines, with all that is known
//! of each and every proof of consent. `import` reads both back, and what it then
//! exports is the same to the byte.
//!
//! JSON is written one object a line (JSON Lines): a list of a million is read and
//! written without being held.

use super::list::{Listed, Pages, Which};
use crate::cli::Setting;
use crate::cli::output::Out;
use crate::domain::consent::Consent;
use crate::domain::slug::Slug;
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use crate::read::roster::Field;
use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use serde::Serialize;

/// `subscriber export`.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    which: Which,
    /// As a table, or as JSON with one object a line.
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::Csv)]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Csv,
    Json,
}

/// A subscription as it is written: its fields are the columns.
#[derive(Debug, Serialize)]
struct Line<'a> {
    email: &'a str,
    name: Option<&'a str>,
    language: &'static str,
    timezone: Option<&'static str>,
    hour: Option<u8>,
    newsletter: &'a Slug,
    cadence: &'a Slug,
    topics: &'a [Slug],
    state: &'static str,
    created_at: String,
    confirmed_at: Option<String>,
    ended_at: Option<String>,
    ended_by: Option<&'a str>,
    paused_until: Option<String>,
    tags: &'a [Tag],
    consent: &'a str,
    consents: &'a [Consent],
}

/// The columns, in their order.
const COLUMNS: [Field; 17] = [
    Field::Email,
    Field::Name,
    Field::Language,
    Field::Timezone,
    Field::Hour,
    Field::Newsletter,
    Field::Cadence,
    Field::Topics,
    Field::State,
    Field::CreatedAt,
    Field::ConfirmedAt,
    Field::EndedAt,
    Field::EndedBy,
    Field::PausedUntil,
    Field::Tags,
    Field::Consent,
    Field::Consents,
];

impl<'a> Line<'a> {
    fn of(Listed { subscription, tags }: &'a Listed, consents: &'a [Consent]) -> Self {
        let at = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339_exact);
        Self {
            email: subscription.email.as_str(),
            name: subscription.name.as_deref(),
            language: subscription.language.tag(),
            timezone: subscription.timezone.map(Tz::name),
            hour: subscription.hour,
            newsletter: &subscription.newsletter,
            cadence: &subscription.cadence,
            topics: &subscription.topics,
            state: subscription.state.as_str(),
            created_at: subscription.created_at.to_rfc3339_exact(),
            confirmed_at: at(subscription.confirmed_at),
            ended_at: at(subscription.ended_at),
            ended_by: subscription.ended_by.as_deref(),
            paused_until: at(subscription.paused_until),
            tags,
            consent: &subscription.consent,
            consents,
        }
    }

    fn cells(&self) -> anyhow::Result<[String; 17]> {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok([
            self.email.to_owned(),
            text(self.name),
            self.language.to_owned(),
            text(self.timezone),
            self.hour.map(|hour| hour.to_string()).unwrap_or_default(),
            self.newsletter.to_string(),
            self.cadence.to_string(),
            self.topics.iter().map(Slug::as_str).collect::<Vec<_>>().join(" "),
            self.state.to_owned(),
            self.created_at.clone(),
            text(self.confirmed_at.as_deref()),
            text(self.ended_at.as_deref()),
            text(self.ended_by),
            text(self.paused_until.as_deref()),
            Tag::join(self.tags),
            self.consent.to_owned(),
            serde_json::to_string(self.consents)?,
        ])
    }
}

pub(super) async fn run(export: Export, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let mut pages = Pages::of(&store, &export.which, config.site.timezone, setting.clock.now(), None);
    let mut writer = csv::Writer::from_writer(Vec::new());
    if export.format == Form::Csv {
        writer.write_record(COLUMNS.map(Field::as_str))?;
    }
    loop {
        let page = pages.next().await?;
        let ids: Vec<_> = page.iter().map(|listed| listed.subscription.id).collect();
        let consents = store.consents_of_each(&ids).await?;
        let mut text = String::new();
        for listed in &page {
            let line = Line::of(listed, consents.get(&listed.subscription.id).map_or(&[], Vec::as_slice));
            match export.format {
                Form::Csv => writer.write_record(line.cells()?)?,
                Form::Json => {
                    text.push_str(&serde_json::to_string(&line)?);
                    text.push('\n');
                }
            }
        }
        if export.format == Form::Csv {
            writer.flush()?;
            text =
                String::from_utf8(std::mem::replace(&mut writer, csv::Writer::from_writer(Vec::new())).into_inner()?)?;
        }
        out.part(&text)?;
        if page.is_empty() {
            return Ok(out.flush()?);
        }
    }
}
