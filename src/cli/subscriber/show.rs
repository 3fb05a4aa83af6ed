//! `subscriber show`: all that is known of a reader, and what they agreed to.

use super::list::as_json;
use crate::cli::ending::Usage;
use crate::cli::output::Out;
use crate::cli::setting::local;
use crate::cli::{Json, Setting};
use crate::domain::consent::Consent;
use crate::domain::email_address::EmailAddress;
use crate::domain::slug::Slug;
use crate::domain::subscriber::Subscription;
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use chrono_tz::Tz;
use clap::Args;
use serde_json::json;

/// `subscriber show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The address.
    email: EmailAddress,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(show: Show, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let subscriptions = store.subscriptions_of(&show.email).await?;
    let Some(first) = subscriptions.first() else {
        return Err(Usage(format!("there is no reader {}", show.email)).into());
    };
    let tags = store.tags_of(&[first.subscriber]).await?.remove(&first.subscriber).unwrap_or_default();
    let ids: Vec<_> = subscriptions.iter().map(|subscription| subscription.id).collect();
    let mut consents = store.consents_of_each(&ids).await?;
    let suppression = store.suppression(&config.secret, &show.email).await?;
    if show.json.json {
        let whole = subscriptions.iter().map(|subscription| {
            let mut whole = as_json(subscription, &tags);
            if let Some(object) = whole.as_object_mut() {
                object.insert("id".to_owned(), json!(subscription.id));
                object
                    .insert("consents".to_owned(), json!(consents.get(&subscription.id).cloned().unwrap_or_default()));
            }
            whole
        });
        return Ok(out.json(&json!({
            "email": first.email, "name": first.name, "language": first.language,
            "timezone": first.timezone.map(Tz::name), "hour": first.hour, "tags": tags,
            "suppressed": suppression.map(|(reason, at)| json!({ "reason": reason, "since": at })),
            "subscriptions": whole.collect::<Vec<_>>(),
        }))?);
    }
    let at = |at: Timestamp| local(config.site.timezone, at);
    out.facts(&[
        ("address", first.email.to_string()),
        ("name", first.name.clone().unwrap_or_default()),
        ("language", first.language.to_string()),
        ("time zone", first.timezone.map(|zone| zone.name().to_owned()).unwrap_or_default()),
        ("hour", first.hour.map(|hour| format!("{hour:02}:00")).unwrap_or_default()),
        ("tags", Tag::join(&tags).replace(',', ", ")),
        ("suppressed", suppression.map(|(reason, since)| format!("{reason}, since {}", at(since))).unwrap_or_default()),
    ])?;
    for subscription in &subscriptions {
        out.line("")?;
        facts(subscription, setting.clock.now(), &at, out)?;
        for consent in consents.remove(&subscription.id).unwrap_or_default() {
            out.line(format!("  {}", in_words(&consent, &at)))?;
        }
    }
    Ok(())
}

fn facts(
    subscription: &Subscription,
    now: Timestamp,
    at: &impl Fn(Timestamp) -> String,
    out: &mut Out,
) -> std::io::Result<()> {
    let when = |instant: Option<Timestamp>| instant.map(at).unwrap_or_default();
    let by = subscription.ended_by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
    out.facts(&[
        ("gets", format!("{} / {}", subscription.newsletter, subscription.cadence)),
        ("state", subscription.state.as_str().to_owned()),
        ("topics", subscription.topics.iter().map(Slug::as_str).collect::<Vec<_>>().join(", ")),
        ("asked", at(subscription.created_at)),
        ("confirmed", when(subscription.confirmed_at)),
        ("ended", subscription.ended_at.map(|ended| at(ended) + &by).unwrap_or_default()),
        ("paused until", when(subscription.paused_until.filter(|until| *until > now))),
        ("consent", subscription.consent.clone()),
    ])
}

fn in_words(consent: &Consent, at: &impl Fn(Timestamp) -> String) -> String {
    let Consent { act, at: when, form, words, origin, address } = consent;
    let from = address.as_ref().map(|address| format!(", from {address}")).unwrap_or_default();
    format!("{}  {} ({}: {form}{from}): {words}", at(*when), act.as_str(), origin.as_str())
}
