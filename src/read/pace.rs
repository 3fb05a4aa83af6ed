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
    let mut skip_days: Vec<Weekday> = Vec::new();
    for day in listed("skipDays", "day").iter().filter_map(|day| day.parse().ok()) {
        if !skip_days.contains(&day) {
            skip_days.push(day);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::platform::Platforms;
    use crate::domain::url::HttpUrl;
    use crate::read::{Input, Reading, read};

    fn reading(document: &str) -> Reading {
        let base = "https://blog.example/feed".parse().ok();
        read(&Input {
            bytes: document.as_bytes(),
            content_type: None,
            base: base.as_ref(),
            platforms: &Platforms::default(),
        })
        .unwrap()
    }

    fn rss(channel: &str) -> Reading {
        reading(&format!(
            "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom' \
             xmlns:sy='http://purl.org/rss/1.0/modules/syndication/' \
             xmlns:fh='http://purl.org/syndication/history/1.0'><channel><title>T</title>{channel}</channel></rss>"
        ))
    }

    #[test]
    fn a_feed_asks_to_be_left_alone_in_its_own_units() {
        for (channel, minutes) in [
            ("<ttl>60</ttl>", Some(60)),
            ("<ttl> 90 </ttl>", Some(90)),
            ("<ttl>0</ttl>", None),
            ("<ttl>an hour</ttl>", None),
            ("<ttl>99999999999999999999</ttl>", None),
            ("<ttl>9999999999</ttl>", Some(366 * 24 * 60)),
            ("<sy:updatePeriod>hourly</sy:updatePeriod>", Some(60)),
            ("<sy:updatePeriod> Daily </sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>", Some(12 * 60)),
            ("<sy:updatePeriod>weekly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", Some(7 * 24 * 60)),
            ("<sy:updatePeriod>monthly</sy:updatePeriod>", Some(30 * 24 * 60)),
            ("<sy:updatePeriod>yearly</sy:updatePeriod>", Some(365 * 24 * 60)),
            ("<sy:updatePeriod>sometimes</sy:updatePeriod>", None),
            ("<ttl>5</ttl><sy:updatePeriod>daily</sy:updatePeriod>", Some(5)),
        ] {
            let wait = rss(channel).pace.at_least;
            assert_eq!(wait, minutes.map(Duration::from_mins), "{channel}");
        }
    }

    #[test]
    fn hours_and_days_are_skipped_as_they_are_written() {
        let hours = |hours: &str| rss(&format!("<skipHours>{hours}</skipHours>")).pace.skip_hours;
        assert_eq!(hours("<hour>3</hour><hour>24</hour><hour>01</hour><hour>3</hour><hour>25</hour>"), [0, 1, 3]);
        assert_eq!(hours("<hour>-1</hour><hour>noon</hour>"), [0_u8; 0]);
        let days = |days: &str| rss(&format!("<skipDays>{days}</skipDays>")).pace.skip_days;
        assert_eq!(
            days("<day>Sunday</day><day>sat</day><day>Sunday</day><day>Someday</day>"),
            [Weekday::Sun, Weekday::Sat]
        );
    }

    #[test]
    fn a_feed_says_where_changes_are_announced_and_what_it_is_called() {
        let links = "<atom:link rel='hub' href='https://hub.example/'/><atom:link rel='HUB' href='/hub'/>\
                     <atom:link rel='self' href='feed?x'/><link>https://blog.example/</link>";
        let atom = format!("<feed xmlns:atom='http://www.w3.org/2005/Atom'>{links}</feed>");
        let json = "{\"items\": [], \"feed_url\": \"/feed?x\", \"hubs\": [{\"type\": \"WebSub\", \"url\": \"https://hub.example/\"}, \
                    {\"url\": \"/hub\"}, {\"type\": \"rssCloud\", \"url\": \"https://cloud.example/\"}]}";
        for reading in [rss(links), reading(&atom), reading(json)] {
            let hubs: Vec<_> = reading.pace.hubs.iter().map(HttpUrl::as_str).collect();
            assert_eq!(hubs, ["https://hub.example/", "https://blog.example/hub"]);
            assert_eq!(reading.pace.self_url.as_ref().map(HttpUrl::as_str), Some("https://blog.example/feed?x"));
        }
    }

    #[test]
    fn older_entries_are_in_the_archive_or_on_the_next_page_of_a_feed_that_is_not_complete() {
        let archive = "<atom:link rel='prev-archive' href='2025.xml'/>";
        let next = "<atom:link rel='next' href='?p=2'/>";
        for (channel, older) in [
            (next.to_owned(), Some("https://blog.example/feed?p=2")),
            (format!("{next}{archive}<fh:archive/>"), Some("https://blog.example/2025.xml")),
            (format!("{next}<fh:complete/>"), None),
            ("<atom:link rel='previous' href='?p=1'/>".to_owned(), None),
            ("<atom:link rel='next' href='javascript:x'/>".to_owned(), None),
        ] {
            assert_eq!(rss(&channel).older.as_ref().map(HttpUrl::as_str), older, "{channel}");
        }
        let json = reading("{\"items\": [], \"next_url\": \"/feed?p=2\"}");
        assert_eq!(json.older.as_ref().map(HttpUrl::as_str), Some("https://blog.example/feed?p=2"));
    }
}
