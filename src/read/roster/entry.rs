//! What a row means: a reader with a state, its dates and words.

use super::cells::{Cells, Field};
use super::formats::Format;
use super::{Entry, Meaning};
use crate::domain::slug::{BadSlug, Slug};
use crate::domain::subscriber::SubscriptionState;
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use crate::read::dates;
use chrono::{DateTime, NaiveDateTime};

/// What a row's words say of a subscription.
enum State {
    Confirmed,
    Pending,
    /// The reader left.
    Left,
    /// It ended otherwise.
    Ended,
}

/// The words for that in the exports of all programs.
const STATES: [(&str, State); 40] = [
    ("confirmed", State::Confirmed),
    ("subscribed", State::Confirmed),
    ("active", State::Confirmed),
    ("enabled", State::Confirmed),
    ("true", State::Confirmed),
    ("yes", State::Confirmed),
    ("1", State::Confirmed),
    ("구독 중", State::Confirmed),
    ("구독중", State::Confirmed),
    // Buttondown's kinds of readers who are mailed.
    ("regular", State::Confirmed),
    ("premium", State::Confirmed),
    ("trialed", State::Confirmed),
    ("unpaid", State::Confirmed),
    ("gifted", State::Confirmed),
    ("churning", State::Confirmed),
    ("churned", State::Confirmed),
    ("paused", State::Confirmed),
    ("past_due", State::Confirmed),
    ("pending", State::Pending),
    ("unconfirmed", State::Pending),
    ("unactivated", State::Pending),
    ("unsubscribed", State::Left),
    ("opted out", State::Left),
    ("false", State::Left),
    ("no", State::Left),
    ("0", State::Left),
    ("수신거부", State::Left),
    ("disabled", State::Ended),
    ("inactive", State::Ended),
    ("blocklisted", State::Ended),
    ("blocked", State::Ended),
    ("removed", State::Ended),
    ("deleted", State::Ended),
    ("cleaned", State::Ended),
    ("bounced", State::Ended),
    ("undeliverable", State::Ended),
    ("complained", State::Ended),
    ("spammy", State::Ended),
    ("자동삭제", State::Ended),
    ("upcoming", State::Pending),
];

/// No text that a list says of a reader is kept longer than this, in characters.
const LONGEST_TEXT: usize = 2_000;

pub(super) fn meaning(cells: &Cells<'_>, format: Format, state: Option<SubscriptionState>) -> Meaning {
    // Mailchimp lists contacts that never asked for mails as well. Whoever left is remembered, if they asked or not.
    let has = |field| cells.get(field).is_some();
    let left = has(Field::EndedAt) || has(Field::BouncedAt);
    if format == Format::Mailchimp && !left && !has(Field::CreatedAt) && !has(Field::ConfirmedAt) {
        return Meaning::Nobody("Mailchimp knows of no consent: it is not subscribed there".to_owned());
    }
    match entry(cells, format, state) {
        Ok(entry) => Meaning::Reader(Box::new(entry)),
        Err(why) => Meaning::Bad(why),
    }
}

fn entry(cells: &Cells<'_>, format: Format, usual: Option<SubscriptionState>) -> Result<Entry, String> {
    let email = cells.get(Field::Email).ok_or("there is no address")?;
    let email = email.parse().map_err(|why: crate::domain::email_address::BadEmailAddress| why.to_string())?;
    let text = |field| cells.get(field).map(|text| text.chars().take(LONGEST_TEXT).collect::<String>());
    let slug = |field| match cells.get(field) {
        Some(text) => text.parse::<Slug>().map(Some).map_err(|why: BadSlug| why.to_string()),
        None => Ok(None),
    };
    let at = |field| cells.get(field).map(|text| instant(text, format, field)).transpose();
    let (created_at, confirmed_at) = (at(Field::CreatedAt)?, at(Field::ConfirmedAt)?);
    let (state, ended_by) = state(cells, format, usual)?;
    let has_ended = state == SubscriptionState::Unsubscribed;
    let ended_at = match at(Field::EndedAt)?.or(at(Field::BouncedAt)?) {
        None if has_ended => at(Field::UpdatedAt)?,
        other => other,
    };
    Ok(Entry {
        email,
        name: name(cells),
        language: cells
            .get(Field::Language)
            .map(|text| text.parse().map_err(|why: crate::domain::language::UnknownLanguage| why.to_string()))
            .transpose()?,
        timezone: cells
            .get(Field::Timezone)
            .map(|text| text.parse().map_err(|_| format!("`{text}` is not a time zone")))
            .transpose()?,
        hour: cells
            .get(Field::Hour)
            .map(|text| {
                let hour = text.parse().ok().filter(|hour| *hour < 24);
                hour.ok_or_else(|| format!("`{text}` is no hour: write 0 to 23"))
            })
            .transpose()?,
        newsletter: slug(Field::Newsletter)?,
        cadence: slug(Field::Cadence)?,
        topics: cells.get(Field::Topics).map(topics).transpose()?,
        state,
        // Programs that know of one instant only have asked before they wrote it down.
        confirmed_at: confirmed_at
            .or(created_at.filter(|_| format != Format::Own && state != SubscriptionState::Pending)),
        created_at,
        ended_at: ended_at.filter(|_| has_ended),
        ended_by: ended_by.filter(|_| has_ended),
        paused_until: at(Field::PausedUntil)?,
        tags: tags(cells, format)?,
        consent: consent(text(Field::Consent), cells),
        consents: cells
            .get(Field::Consents)
            .filter(|_| format == Format::Own)
            .map(|json| {
                serde_json::from_str(json).map_err(|why| format!("the consents are not as they were written: {why}"))
            })
            .transpose()?,
    })
}

/// Where the subscription stands, and by what it ended.
fn state(
    cells: &Cells<'_>,
    format: Format,
    usual: Option<SubscriptionState>,
) -> Result<(SubscriptionState, Option<String>), String> {
    let reason = cells.get(Field::EndedBy).map(|text| text.chars().take(LONGEST_TEXT).collect::<String>());
    if format == Format::Own {
        let state = cells.get(Field::State).unwrap_or(SubscriptionState::Confirmed.as_str()).parse()?;
        return Ok((state, reason));
    }
    let left = |word: &str| match &reason {
        Some(reason) => format!("{word} at {format}: {reason}"),
        None => format!("{word} at {format}"),
    };
    if cells.get(Field::BouncedAt).is_some() {
        return Ok((SubscriptionState::Unsubscribed, Some(left("bounced"))));
    }
    let word = cells.get(Field::State).map(str::to_lowercase);
    let known = match &word {
        Some(word) => {
            let known = STATES.iter().find(|(known, _)| known == word).map(|(_, state)| state);
            Some(known.ok_or_else(|| format!("`{word}` is no state that is known; say which by another column"))?)
        }
        None => None,
    };
    let is_off = cells.get(Field::Off).is_some_and(|text| matches!(text.to_lowercase().as_str(), "true" | "yes" | "1"));
    // Stibee asks why a reader leaves, and exports nothing else of it.
    let says_why = format == Format::Stibee && reason.is_some();
    Ok(match known {
        Some(State::Ended) => (SubscriptionState::Unsubscribed, Some(left(word.as_deref().unwrap_or_default()))),
        Some(State::Left) => (SubscriptionState::Unsubscribed, Some(left("unsubscribed"))),
        _ if is_off || says_why || cells.get(Field::EndedAt).is_some() => {
            (SubscriptionState::Unsubscribed, Some(left("unsubscribed")))
        }
        Some(State::Pending) => (SubscriptionState::Pending, None),
        Some(State::Confirmed) => (SubscriptionState::Confirmed, None),
        None => match usual.unwrap_or(SubscriptionState::Confirmed) {
            SubscriptionState::Unsubscribed => (SubscriptionState::Unsubscribed, Some(left("unsubscribed"))),
            other => (other, None),
        },
    })
}

fn name(cells: &Cells<'_>) -> Option<String> {
    if let Some(name) = cells.get(Field::Name) {
        return Some(name.to_owned());
    }
    let parts: Vec<&str> = [Field::FirstName, Field::LastName].into_iter().filter_map(|part| cells.get(part)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn topics(text: &str) -> Result<Vec<Slug>, String> {
    let names = text.split([' ', ',']).filter(|name| !name.is_empty());
    names.map(|name| name.parse().map_err(|why: BadSlug| why.to_string())).collect()
}

fn tags(cells: &Cells<'_>, format: Format) -> Result<Vec<Tag>, String> {
    let mut tags = Vec::new();
    for text in cells.all(Field::Tags) {
        if format == Format::Own {
            tags.extend(Tag::list(text).map_err(|why| why.to_string())?);
        } else {
            tags.extend(quoted(text).iter().filter_map(|tag| Tag::suggest(tag)));
        }
    }
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}

/// Words with commas between them, each in quotes or not, in brackets or not.
fn quoted(text: &str) -> Vec<String> {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (c, quote) {
            ('"' | '\'', None) if word.trim().is_empty() => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (',', None) => words.push(std::mem::take(&mut word)),
            (c, _) => word.push(c),
        }
    }
    words.push(word);
    words
}

/// The list's words for what was agreed to.
fn consent(words: Option<String>, cells: &Cells<'_>) -> Option<String> {
    match (words, cells.get(Field::Advertising)) {
        (words, None) => words,
        (None, Some(said)) => Some(format!("광고성 정보 수신 동의: {said}")),
        (Some(words), Some(said)) => Some(format!("{words}; 광고성 정보 수신 동의: {said}")),
    }
}

/// The instant that a cell means, by the clock of whoever wrote it.
fn instant(text: &str, format: Format, field: Field) -> Result<Timestamp, String> {
    let zone = if format == Format::Stibee { dates::SEOUL } else { 0 };
    let quick = || match text.len() {
        19 if zone == 0 => {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|moment| moment.and_utc().into())
        }
        20.. => DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc().into()),
        _ => None,
    };
    quick()
        .or_else(|| dates::parse_at(text, zone))
        .ok_or_else(|| format!("{}: `{}` is not a date", field.as_str(), text.chars().take(40).collect::<String>()))
}
