//! What a row of a list is worth here: to which newsletter it belongs, and what
//! holds where it says nothing.

use super::Import;
use crate::config::Config;
use crate::domain::consent::{Act, Consent, Origin};
use crate::domain::digest::token;
use crate::domain::language::Language;
use crate::domain::newsletter::{Cadence, Newsletter};
use crate::domain::slug::Slug;
use crate::domain::subscriber::SubscriptionState;
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use crate::read::roster::{Entry, Format};
use crate::store::Incoming;
use chrono_tz::Tz;

/// What holds for rows that do not say otherwise.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The newsletter; may be left out when there is only one.
    pub newsletter: Option<Slug>,
    /// The cadence; the newsletter's first when left out.
    pub cadence: Option<Slug>,
    /// The language; the newsletter's when left out.
    pub language: Option<Language>,
    /// How consent was given, in the operator's words.
    pub consent: Option<String>,
    /// What readers are greeted by.
    pub name: Option<String>,
    /// Whose clock shows their morning.
    pub timezone: Option<Tz>,
    /// The topics; none is everything.
    pub topics: Vec<Slug>,
    /// Tags for all of them.
    pub tags: Vec<Tag>,
}

/// The newsletter and the cadence of these names, if the newsletter has the topics
/// too; or a sentence that says what there is.
pub fn resolve<'c>(
    config: &'c Config,
    newsletter: Option<&Slug>,
    cadence: Option<&Slug>,
    topics: &[Slug],
) -> Result<(&'c Newsletter, &'c Cadence), String> {
    let newsletter = match (newsletter, config.newsletters.as_slice()) {
        (Some(name), _) => config.newsletter(name.as_str()).ok_or_else(|| {
            format!("there is no newsletter `{name}`{}", there_is(config.newsletters.iter().map(|one| &one.name)))
        })?,
        (None, [only]) => only,
        (None, []) => return Err("no newsletter is configured".to_owned()),
        (None, several) => {
            let names: Vec<_> = several.iter().map(|newsletter| newsletter.name.as_str()).collect();
            return Err(format!("there are several newsletters: name one of {} by --newsletter", names.join(", ")));
        }
    };
    let cadence = match cadence {
        Some(name) => newsletter.cadence(name.as_str()).ok_or_else(|| {
            format!(
                "newsletter `{}` has no cadence `{name}`{}",
                newsletter.name,
                there_is(newsletter.cadences.iter().map(|one| &one.name))
            )
        })?,
        None => newsletter
            .cadences
            .first()
            .ok_or_else(|| format!("newsletter `{}` has no cadence: it is not mailed", newsletter.name))?,
    };
    known_topics(newsletter, topics)?;
    Ok((newsletter, cadence))
}

/// Whether the newsletter has such topics.
fn known_topics(newsletter: &Newsletter, topics: &[Slug]) -> Result<(), String> {
    let known = |name: &Slug| newsletter.topics.iter().any(|topic| topic.name == *name);
    match topics.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(other) => {
            let there = there_is(newsletter.topics.iter().map(|topic| &topic.name));
            Err(format!("newsletter `{}` has no topic `{other}`{there}", newsletter.name))
        }
    }
}

/// What could have been named instead.
fn there_is<'a>(names: impl Iterator<Item = &'a Slug>) -> String {
    let names: Vec<_> = names.map(Slug::as_str).collect();
    format!("; there is: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") })
}

/// A name as a greeting can hold it; `None` when nothing is left.
#[must_use]
pub fn greeting_name(name: &str) -> Option<String> {
    let line: String = token::strip(name).chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect();
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

impl Import<'_> {
    /// A row as it would be written, or what is wrong with it.
    pub(super) fn incoming(&self, entry: Entry, file: &str, format: Format) -> Result<Incoming, String> {
        let terms = self.terms;
        let topics = entry.topics.unwrap_or_else(|| terms.topics.clone());
        let (newsletter, cadence) = resolve(
            self.config,
            entry.newsletter.as_ref().or(terms.newsletter.as_ref()),
            entry.cadence.as_ref().or(terms.cadence.as_ref()),
            &topics,
        )?;
        // No list knows the future.
        let past = |at: Option<Timestamp>| at.map(|at| if format == Format::Own { at } else { at.min(self.now) });
        let (created_at, confirmed_at) = (past(entry.created_at), past(entry.confirmed_at));
        let told_at = confirmed_at.or(created_at);
        let ended_at = past(entry.ended_at);
        let ends_now = entry.state == SubscriptionState::Unsubscribed && format != Format::Own;
        let words = match (entry.consent, &terms.consent) {
            (Some(words), _) => storable(words),
            // Our own export tells all there is to tell.
            (None, _) if format == Format::Own => String::new(),
            (None, Some(words)) => words.clone(),
            (None, None) => in_words(file, format, entry.state, created_at, confirmed_at),
        };
        let own = entry.consents.filter(|consents| !consents.is_empty() || words.is_empty());
        let own = own.map(|consents| consents.into_iter().map(storable_consent).collect());
        let consents = own.unwrap_or_else(|| {
            vec![Consent {
                act: Act::Imported,
                at: told_at.unwrap_or(self.now),
                form: file.to_owned(),
                words,
                origin: Origin::Import,
                address: None,
            }]
        });
        let mut tags = entry.tags;
        tags.extend(terms.tags.iter().cloned());
        tags.sort_unstable();
        tags.dedup();
        Ok(Incoming {
            email: entry.email,
            name: entry.name.as_deref().or(terms.name.as_deref()).and_then(greeting_name),
            language: entry.language.or(terms.language).unwrap_or(newsletter.language),
            timezone: entry.timezone.or(terms.timezone),
            hour: entry.hour,
            newsletter: newsletter.name.clone(),
            cadence: cadence.name.clone(),
            topics,
            state: entry.state,
            created_at: created_at.or(confirmed_at).unwrap_or(self.now),
            // Nobody confirmed anything today: where the list does not tell when, it is not known.
            confirmed_at,
            ended_at: ended_at.or(ends_now.then_some(self.now)),
            tells_end: ended_at.is_some(),
            ended_by: entry.ended_by.map(storable),
            paused_until: entry.paused_until,
            tags,
            consents,
        })
    }
}

/// A text as a database can hold it: PostgreSQL has no NUL.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

fn storable_consent(mut consent: Consent) -> Consent {
    consent.form = storable(consent.form);
    consent.words = storable(consent.words);
    consent
}

/// What a list says of a consent, for the record.
fn in_words(
    file: &str,
    format: Format,
    state: SubscriptionState,
    created: Option<Timestamp>,
    confirmed: Option<Timestamp>,
) -> String {
    let source = match format {
        Format::Own | Format::Csv | Format::Addresses => format!("imported by the operator from {file}"),
        other => format!("imported by the operator from {file}, an export of {other}"),
    };
    match (created, confirmed) {
        (Some(created), None) if state == SubscriptionState::Pending => {
            format!("{source}: asked for at {created}, not confirmed")
        }
        (Some(created), Some(confirmed)) if created != confirmed => {
            format!("{source}: asked for at {created}, confirmed at {confirmed}")
        }
        (Some(at), _) | (None, Some(at)) => format!("{source}: agreed at {at}"),
        (None, None) => source,
    }
}
