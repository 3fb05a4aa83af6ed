//! What a feed asks of those who poll it: when not to come, and where to be
//! told instead.

use super::links::{related, target};
use super::names::Ns;
use super::tree::{Element, Tree};
use crate::domain::pace::Pace;
use chrono::Weekday;
use std::time::Duration;

/// No wish is taken for longer than this.
const LONGEST: Duration = Duration::from_hours(24 * 366);

pub(super) fn pace(tree: &Tree<'_>, channel: &Element<'_>) -> Pace {
    let ttl = channel.text_of(Ns::Feed, "ttl").and_then(|minutes| minutes.parse::<u64>().ok());
    let ttl = ttl.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
    let listed = |list: &str, item: &str| -> Vec<String> {
        let hours = channel.all(Ns::Feed, list).flat_map(|list| &list.children);
        hours.filter(|child| child.is(Ns::Feed, item)).map(|child| child.text.trim().to_owned()).collect()
    };
    let mut skip_hours: Vec<u8> = listed("skipHours", "hour")
        .iter()
        .filter_map(|hour| hour.parse().ok())
        // Some feeds count from 1 to 24.
        .map(|hour: u8| if hour == 24 { 0 } else { hour })
        .filter(|hour| *hour < 24)
        .collect();
    skip_hours.sort_unstable();
    skip_hours.dedup();
    let mut skip_days: Vec<Weekday> = listed("skipDays", "day").iter().filter_map(|day| day.parse().ok()).collect();
    skip_days.dedup();
    let targets = |rel| related(channel, rel).filter_map(|link| target(tree, link));
    Pace {
        at_least: ttl.or_else(|| syndication(channel)).filter(|wait| !wait.is_zero()).map(|wait| wait.min(LONGEST)),
        skip_hours,
        skip_days,
        hubs: targets("hub").collect(),
        self_url: targets("self").next(),
    }
}

/// `sy:updatePeriod` and `sy:updateFrequency`: so many times in each period.
fn syndication(channel: &Element<'_>) -> Option<Duration> {
    let period = match channel.text_of(Ns::Syndication, "updatePeriod")?.to_ascii_lowercase().as_str() {
        "hourly" => Duration::from_hours(1),
        "daily" => Duration::from_hours(24),
        "weekly" => Duration::from_hours(24 * 7),
        "monthly" => Duration::from_hours(24 * 30),
        "yearly" => Duration::from_hours(24 * 365),
        _ => return None,
    };
    let times = channel.text_of(Ns::Syndication, "updateFrequency").and_then(|times| times.parse::<u32>().ok());
    period.checked_div(times.unwrap_or(1).max(1))
}
