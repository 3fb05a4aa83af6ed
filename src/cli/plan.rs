//! `plan`: every poll and digest to come.

use super::day::{begin, day};
use super::output::Out;
use super::{Json, Setting};
use crate::config::{Config, Database};
use crate::domain::composition::Deliver;
use crate::domain::newsletter::Cadence;
use crate::domain::schedule::{self, Shown};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::flow::plan::{Coming, Mornings, Planned, plan};
use chrono::{DateTime, Days, NaiveDate};
use chrono_tz::Tz;
use clap::Args;
use serde_json::{Value, json};
use std::collections::HashMap;

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// To the end of this day (2027-03-31) by the site's clock, or to this instant (2027-03-31T12:00:00Z).
    #[arg(long, value_name = "DATE", value_parser = until)]
    until: Until,
    /// Only polls.
    #[arg(long, conflicts_with = "digests")]
    polls: bool,
    /// Only digests.
    #[arg(long)]
    digests: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    Day(NaiveDate),
    Instant(Timestamp),
}

fn until(text: &str) -> Result<Until, String> {
    if let Ok(day) = day(text) {
        return Ok(Until::Day(day));
    }
    let instant = DateTime::parse_from_rfc3339(text);
    instant
        .map(|at| Until::Instant(at.to_utc().into()))
        .map_err(|_| "write a day such as 2027-03-31, or an instant such as 2027-03-31T12:00:00Z".to_owned())
}

impl Until {
    fn instant(self, zone: Tz) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Day(day) => {
                let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
                begin(zone, next).minus(std::time::Duration::from_millis(1))
            }
        }
    }
}

/// The zones of the readers of each cadence that is mailed by their own clocks.
type Zones = HashMap<(Slug, Slug), Vec<(Tz, Option<u8>)>>;

/// Where those readers live, by the database; while there is none, nobody knows.
async fn zones(setting: &Setting, config: &Config) -> anyhow::Result<Zones> {
    let local = |newsletter, cadence: &Cadence| {
        (cadence.composition.deliver == Deliver::Local).then_some((newsletter, cadence.name.clone()))
    };
    let local: Vec<_> = config
        .newsletters
        .iter()
        .flat_map(|newsletter| newsletter.cadences.iter().filter_map(move |cadence| local(newsletter, cadence)))
        .collect();
    let absent = matches!(&config.database, Database::Sqlite(path) if !path.exists());
    if local.is_empty() || absent {
        return Ok(Zones::new());
    }
    let (_, store) = setting.open().await?;
    let mut zones = Zones::new();
    for (newsletter, cadence) in local {
        let (mut named, without) = store.zones_of(&newsletter.name, &cadence).await?;
        if without && !named.contains(&newsletter.timezone) {
            named.push(newsletter.timezone);
        }
        let hours = store.hours_of(&newsletter.name, &cadence).await?;
        let clock = |zone: &str| zone.parse().unwrap_or(newsletter.timezone);
        let chosen = hours.iter().map(|(zone, hour)| (clock(zone), Some(*hour)));
        let clocks = named.into_iter().map(|zone| (zone, None)).chain(chosen).collect();
        zones.insert((newsletter.name.clone(), cadence), clocks);
    }
    store.close().await;
    Ok(zones)
}

pub(super) async fn run(it: Plan, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let config = setting.config()?;
    let zones = if it.polls { Zones::new() } else { zones(setting, &config).await? };
    let until = it.until.instant(config.site.timezone);
    let wanted = |planned: &Planned| match planned.what {
        Coming::Poll { .. } => !it.digests,
        Coming::Digest { .. } => !it.polls,
    };
    let mut any = false;
    for planned in plan(&config, setting.clock.now(), until).filter(wanted) {
        any = true;
        let local = local(&planned, &zones);
        // A line each, whatever their number: a year of polls is long.
        if it.json.json {
            out.line(as_json(&planned, &local).to_string())?;
        } else {
            out.line(in_words(&planned, &local))?;
        }
    }
    if !any && !it.json.json {
        out.line("nothing falls due until then")?;
    }
    Ok(())
}

/// From when to when a digest goes out by its readers' clocks, where that is known.
enum Local {
    /// It goes out at once, or nobody knows where its readers are.
    Unknown,
    /// It has no reader.
    Nobody,
    /// Then.
    Known(Mornings),
}

fn local(Planned { slot, what, .. }: &Planned, zones: &Zones) -> Local {
    let Coming::Digest { newsletter, cadence, local: true, .. } = what else { return Local::Unknown };
    match zones.get(&(newsletter.clone(), cadence.clone())) {
        None => Local::Unknown,
        Some(zones) => Mornings::of(slot, zones).map_or(Local::Nobody, Local::Known),
    }
}

fn in_words(Planned { slot, zone, shown, what }: &Planned, told: &Local) -> String {
    let utc = |at: Timestamp| at.to_datetime().format("%Y-%m-%d %H:%MZ");
    let local = schedule::local(*zone, slot.due);
    let what = match what {
        Coming::Poll { source, adaptive: false } => format!("poll   {source}"),
        Coming::Poll { source, adaptive: true } => format!("poll   {source}, unless it rests"),
        Coming::Digest { newsletter, cadence, local, review } => {
            let local = match told {
                Local::Unknown if *local => ", elsewhere at the same time by each reader's clock".to_owned(),
                Local::Unknown => String::new(),
                Local::Nobody => ", by each reader's clock: there is no reader yet".to_owned(),
                Local::Known(Mornings { first, last }) if first == last => {
                    format!(", to all by the clock of {}", first.1)
                }
                Local::Known(Mornings { first, last }) => format!(
                    ", by each reader's clock: first at {} ({}), last at {} ({})",
                    utc(first.0),
                    first.1,
                    utc(last.0),
                    last.1
                ),
            };
            let review = if *review { ", when it is approved" } else { "" };
            format!("digest {newsletter} / {cadence}{local}{review}")
        }
    };
    let time = slot.nominal.format("%H:%M");
    let change = match shown {
        Shown::Once => String::new(),
        Shown::Never => format!(" ({time} does not come: clocks go forward)"),
        Shown::Twice => format!(" (the first {time}: clocks go back)"),
    };
    format!("{local:<26}  {}  {what}{change}", utc(slot.due))
}

fn as_json(Planned { slot, zone, shown, what }: &Planned, told: &Local) -> Value {
    let mornings = if let Local::Known(mornings) = told { Some(mornings) } else { None };
    let clock = match shown {
        Shown::Once => "once",
        Shown::Never => "never",
        Shown::Twice => "twice",
    };
    let mut row = json!({
        "at": slot.due, "local": slot.due.to_datetime().with_timezone(zone).to_rfc3339(), "timezone": zone.name(),
        "slot": slot.key(), "shown": clock,
    });
    let more = match what {
        Coming::Poll { source, adaptive } => json!({ "what": "poll", "source": source, "adaptive": adaptive }),
        Coming::Digest { newsletter, cadence, local, review } => json!({
            "what": "digest", "newsletter": newsletter, "cadence": cadence, "deliver_local": local, "review": review,
            "first": mornings.map(|it| json!({ "at": it.first.0, "timezone": it.first.1.name() })),
            "last": mornings.map(|it| json!({ "at": it.last.0, "timezone": it.last.1.name() })),
        }),
    };
    if let (Some(row), Value::Object(more)) = (row.as_object_mut(), more) {
        row.extend(more);
    }
    row
}
