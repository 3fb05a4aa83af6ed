//! `plan`: every poll and digest to come.

use super::output::Out;
use super::{Json, Setting};
use crate::domain::schedule::{self, Shown};
use crate::domain::time::Timestamp;
use crate::flow::plan::{Coming, Planned, plan};
use chrono::{DateTime, Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use clap::Args;
use serde_json::{Value, json};

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
    if let Ok(day) = text.parse() {
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
                let next = day.checked_add_days(Days::new(1)).unwrap_or(day).and_time(NaiveTime::MIN);
                schedule::instant(zone, next).unwrap_or_default().minus(std::time::Duration::from_millis(1))
            }
        }
    }
}

pub(super) async fn run(it: Plan, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let config = setting.config()?;
    let until = it.until.instant(config.site.timezone);
    let wanted = |planned: &Planned| match planned.what {
        Coming::Poll { .. } => !it.digests,
        Coming::Digest { .. } => !it.polls,
    };
    let mut any = false;
    for planned in plan(&config, setting.clock.now(), until).filter(wanted) {
        any = true;
        // A line each, whatever their number: a year of polls is long.
        if it.json.json {
            out.line(as_json(&planned).to_string())?;
        } else {
            out.line(in_words(&planned))?;
        }
    }
    if !any && !it.json.json {
        out.line("nothing falls due until then")?;
    }
    Ok(())
}

fn in_words(Planned { slot, zone, shown, what }: &Planned) -> String {
    let (local, utc) = (schedule::local(*zone, slot.due), slot.due.to_datetime().format("%Y-%m-%d %H:%MZ"));
    let mut what = match what {
        Coming::Poll { source, adaptive: false } => format!("poll   {source}"),
        Coming::Poll { source, adaptive: true } => format!("poll   {source}, unless it rests"),
        Coming::Digest { newsletter, cadence, local, review } => {
            let local = if *local { ", elsewhere at the same time by each reader's clock" } else { "" };
            let review = if *review { ", when it is approved" } else { "" };
            format!("digest {newsletter} / {cadence}{local}{review}")
        }
    };
    match shown {
        Shown::Once => {}
        Shown::Never => what.push_str(&format!(" ({} does not come: clocks go forward)", slot.nominal.format("%H:%M"))),
        Shown::Twice => what.push_str(&format!(" (the first {}: clocks go back)", slot.nominal.format("%H:%M"))),
    }
    format!("{local:<26}  {utc}  {what}")
}

fn as_json(Planned { slot, zone, shown, what }: &Planned) -> Value {
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
        }),
    };
    if let (Some(row), Value::Object(more)) = (row.as_object_mut(), more) {
        row.extend(more);
    }
    row
}
