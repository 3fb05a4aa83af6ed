//! `subscriber list`: finding subscriptions. They are printed page by page, so
//! that a million in JSON costs no more memory than a thousand.

use super::BATCH;
use crate::cli::day::{begin, day};
use crate::cli::output::Out;
use crate::cli::setting::local;
use crate::cli::{Json, Setting};
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::{Subscription, SubscriptionState};
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use crate::store::{Store, SubscriptionFilter};
use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::Args;
use serde_json::{Value, json};

/// Which subscriptions; all that is said must be so.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Which")]
pub(super) struct Which {
    /// Of this newsletter.
    #[arg(long, short, value_name = "NAME")]
    newsletter: Option<Slug>,
    /// That are `pending`, `confirmed` or `unsubscribed`.
    #[arg(long)]
    state: Option<SubscriptionState>,
    /// Of this cadence.
    #[arg(long, value_name = "NAME")]
    cadence: Option<Slug>,
    /// In this language.
    #[arg(long)]
    language: Option<Language>,
    /// Of readers with this tag.
    #[arg(long)]
    tag: Option<Tag>,
    /// With this in the address or the name.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Paused at the moment.
    #[arg(long)]
    paused: bool,
    /// Asked for on this day or later, by the site's clock.
    #[arg(long, value_name = "DATE", value_parser = day)]
    since: Option<NaiveDate>,
    /// Asked for before this day.
    #[arg(long, value_name = "DATE", value_parser = day)]
    before: Option<NaiveDate>,
}

impl Which {
    fn filter(&self, zone: Tz, now: Timestamp) -> SubscriptionFilter {
        SubscriptionFilter {
            newsletter: self.newsletter.clone(),
            state: self.state,
            cadence: self.cadence.clone(),
            language: self.language,
            tag: self.tag.clone(),
            search: self.search.clone().filter(|text| !text.is_empty()),
            since: self.since.map(|day| begin(zone, day)),
            before: self.before.map(|day| begin(zone, day)),
            paused_at: self.paused.then_some(now),
            ..SubscriptionFilter::default()
        }
    }
}

/// `subscriber list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// At most so many; as a table 1,000, in JSON all, when left out.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    json: Json,
}

/// A subscription with the tags of its reader.
pub(super) struct Listed {
    pub(super) subscription: Subscription,
    pub(super) tags: Vec<Tag>,
}

/// Subscriptions, page by page.
pub(super) struct Pages<'a> {
    store: &'a Store,
    filter: SubscriptionFilter,
    left: u32,
}

impl<'a> Pages<'a> {
    pub(super) fn of(store: &'a Store, which: &Which, zone: Tz, now: Timestamp, most: Option<u32>) -> Self {
        Self { store, filter: which.filter(zone, now), left: most.unwrap_or(u32::MAX) }
    }

    /// The next page; an empty one when there are no more.
    pub(super) async fn next(&mut self) -> anyhow::Result<Vec<Listed>> {
        self.filter.limit = self.left.min(u32::try_from(BATCH)?);
        if self.filter.limit == 0 {
            return Ok(Vec::new());
        }
        let page = self.store.subscriptions(&self.filter).await?;
        if self.left != u32::MAX {
            self.left -= u32::try_from(page.len())?;
        }
        self.filter.after = page.last().map_or(i64::MAX, |last| last.id.0);
        let readers: Vec<_> = page.iter().map(|subscription| subscription.subscriber).collect();
        let tags = self.store.tags_of(&readers).await?;
        let listed = |subscription: Subscription| {
            // A reader may have several subscriptions in one page.
            let tags = tags.get(&subscription.subscriber).cloned().unwrap_or_default();
            Listed { subscription, tags }
        };
        Ok(page.into_iter().map(listed).collect())
    }
}

pub(super) async fn run(list: List, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let (zone, now) = (config.site.timezone, setting.clock.now());
    if list.json.json {
        let mut pages = Pages::of(&store, &list.which, zone, now, list.limit);
        return in_json(&mut pages, out).await;
    }
    let most = list.limit.unwrap_or(1000);
    // One more tells whether there are more.
    let mut pages = Pages::of(&store, &list.which, zone, now, Some(most.saturating_add(1)));
    let mut rows = Vec::new();
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        rows.extend(page.iter().map(|listed| row(listed, zone, now)));
    }
    let more = rows.len() > most as usize;
    rows.truncate(most as usize);
    out.table(["ADDRESS", "GETS", "STATE", "SINCE", "LANGUAGE", "TAGS"], &rows, "there are no such subscriptions")?;
    if more {
        out.line("… and more: --limit shows them, --search and the like find them")?;
    }
    Ok(())
}

fn row(Listed { subscription, tags }: &Listed, zone: Tz, now: Timestamp) -> [String; 6] {
    let since = subscription.ended_at.or(subscription.confirmed_at).unwrap_or(subscription.created_at);
    let state = match subscription.paused_until {
        Some(until) if until > now && subscription.state == SubscriptionState::Confirmed => "paused",
        _ => subscription.state.as_str(),
    };
    [
        subscription.email.to_string(),
        format!("{} / {}", subscription.newsletter, subscription.cadence),
        state.to_owned(),
        local(zone, since),
        subscription.language.to_string(),
        Tag::join(tags).replace(',', ", "),
    ]
}

/// An array with an object on each line.
async fn in_json(pages: &mut Pages<'_>, out: &mut Out) -> anyhow::Result<()> {
    let mut before = "[\n";
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        let mut text = String::new();
        for Listed { subscription, tags } in &page {
            text.push_str(before);
            text.push_str(&as_json(subscription, tags).to_string());
            before = ",\n";
        }
        out.part(&text)?;
    }
    Ok(out.text(if before == "[\n" { "[]\n" } else { "\n]\n" })?)
}

pub(super) fn as_json(subscription: &Subscription, tags: &[Tag]) -> Value {
    json!({
        "email": subscription.email, "newsletter": subscription.newsletter, "cadence": subscription.cadence,
        "state": subscription.state, "language": subscription.language, "created_at": subscription.created_at,
        "confirmed_at": subscription.confirmed_at, "ended_at": subscription.ended_at,
        "ended_by": subscription.ended_by, "paused_until": subscription.paused_until,
        "consent": subscription.consent, "name": subscription.name,
        "timezone": subscription.timezone.map(Tz::name), "hour": subscription.hour, "topics": subscription.topics, "tags": tags,
    })
}
