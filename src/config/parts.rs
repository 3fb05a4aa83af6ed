//! The parts of the configuration, table by table: which keys each has, what
//! they mean, and what stands for those that are left out.

use super::addresses;
use super::faults::{Collector, Spot, nearest};
use super::page_source::{self, selector};
use super::raw::{Located, Table};
use super::secrets::{self, Environment};
use super::{Database, Fetch, Http, Site};
use crate::domain::email_address::EmailAddress;
use crate::domain::filter::{Filter, Rule};
use crate::domain::language::Language;
use crate::domain::schedule::{BadSchedule, Schedule};
use crate::domain::slug::Slug;
use crate::domain::source::{Archived, Kind, Rules, Seed, Source, TextFrom};
use crate::domain::span;
use crate::domain::url::{BadUrl, HttpUrl};
use chrono_tz::{TZ_VARIANTS, Tz};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const HOUR: u64 = 3600;
pub(super) const DAY: u64 = 24 * HOUR;

/// `[site]`, with the file that it names for the secret key.
pub(super) struct NamedSite {
    pub(super) site: Site,
    pub(super) key_file: Option<Located<PathBuf>>,
    /// Where those are that it took the place of.
    pub(super) old_key_files: Vec<Located<PathBuf>>,
}

/// `[site]`.
pub(super) fn site(mut table: Table<'_>) -> Option<NamedSite> {
    let title = table.words("title");
    let title = table.required("title", title, "\"Good News\"");
    let base_url = table.parsed("base_url", base_url);
    let base_url = table.required("base_url", base_url, "\"https://news.example.com\", where readers reach you");
    let language = table.parsed_at("language", str::parse::<Language>);
    let timezone = table.parsed("timezone", zone).unwrap_or(Tz::UTC);
    let owner = table.parsed("owner", str::parse::<EmailAddress>);
    let key_file = table.parsed_at("secret_key_file", path);
    let old_key_files = table.texts("old_secret_key_files").map(|list| list.value).unwrap_or_default();
    let old_key_files = old_key_files.into_iter().map(|Located { spot, value }| Located { spot, value: value.into() });
    let old_key_files = old_key_files.collect();
    let templates: Option<PathBuf> = table.parsed("templates", path);
    let language = spoken(table.faults(), language, templates.as_deref()).unwrap_or_default();
    table.finish();
    Some(NamedSite {
        site: Site { title: title?, base_url: base_url?, language, timezone, owner, templates },
        key_file,
        old_key_files,
    })
}

/// A language, if there are texts in it: those that come with the program, or a file of
/// the operator's.
pub(super) fn spoken(
    faults: &Collector,
    named: Option<Located<Language>>,
    templates: Option<&Path>,
) -> Option<Language> {
    let Located { spot, value: language } = named?;
    let own = || templates.is_some_and(|folder| folder.join(format!("texts/{language}.toml")).is_file());
    if Language::OURS.contains(&language) || own() {
        return Some(language);
    }
    let hint = format!("put them into a file texts/{language}.toml below `templates` (docs/templates.md)");
    faults.add_hint(&spot, format_args!("there are no texts in `{language}`"), hint);
    None
}

/// `[database]`, and where it holds a password.
pub(super) fn database(mut table: Table<'_>, environment: &Environment) -> (Option<Database>, Option<Spot>) {
    let found = table.parsed_at("url", addresses::database);
    let password =
        secrets::password(environment, "SYNDICATED_DATABASE_PASSWORD", "database-password", None, table.faults());
    table.finish();
    let Some(Located { spot, value: (database, holds_password) }) = found else { return (None, None) };
    let database = match password {
        Some(password) => addresses::with_password(database, &password),
        None => database,
    };
    (Some(database), holds_password.then_some(spot))
}

/// `[http]`.
pub(super) fn http(mut table: Table<'_>) -> Option<Http> {
    let listen = table.parsed("listen", |text| {
        text.parse::<SocketAddr>()
            .map_err(|_| format!("`{text}` is not an address and port: write \"127.0.0.1:8080\" or \"[::]:8080\""))
    });
    let trusted_proxies = items(&mut table, "trusted_proxies", |text| {
        text.parse::<IpAddr>().map_err(|_| format!("`{text}` is not an address: write one such as \"127.0.0.1\""))
    });
    let feed_bytes = table.number("feed_bytes", 1_048_576..=1_099_511_627_776);
    table.finish();
    let usual = Http::default();
    Some(Http {
        listen: listen.unwrap_or(usual.listen),
        trusted_proxies,
        feed_bytes: feed_bytes.unwrap_or(usual.feed_bytes),
    })
}

/// `[fetch]`.
pub(super) fn fetch(mut table: Table<'_>) -> Option<Fetch> {
    let concurrency = table.number("concurrency", 1..=1024);
    let allow = items(&mut table, "allow", addresses::allow);
    let min_interval = length(&mut table, "min_interval", Duration::ZERO..=Duration::from_secs(30 * DAY));
    let timeout = length(&mut table, "timeout", Duration::from_secs(1)..=Duration::from_mins(10));
    let max_bytes = table.number("max_bytes", 1024..=1_073_741_824);
    let websub = table.flag("websub");
    let retract_after = table.parsed("retract_after", retract_after);
    table.finish();
    let usual = Fetch::default();
    Some(Fetch {
        concurrency: concurrency.unwrap_or(usual.concurrency),
        allow,
        min_interval: min_interval.unwrap_or(usual.min_interval),
        timeout: timeout.unwrap_or(usual.timeout),
        max_bytes: max_bytes.unwrap_or(usual.max_bytes),
        websub: websub.unwrap_or(usual.websub),
        retract_after: retract_after.unwrap_or(usual.retract_after),
    })
}

/// A length of time; `0s` is never.
fn retract_after(text: &str) -> Result<Option<Duration>, String> {
    let length = span::parse(text).map_err(|why| why.to_string())?;
    match length {
        Duration::ZERO => Ok(None),
        length if (Duration::from_hours(1)..=Duration::from_secs(30 * DAY)).contains(&length) => Ok(Some(length)),
        _ => Err("must be from 1h to 30d, or 0s for never".to_owned()),
    }
}

/// Schedules that were parsed: thousands of sources share a few.
#[derive(Default)]
pub(super) struct Schedules(HashMap<(String, Tz), Schedule>);

impl Schedules {
    fn parse(&mut self, line: &str, zone: Tz) -> Result<Schedule, BadSchedule> {
        match self.0.entry((line.to_owned(), zone)) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(new) => Ok(new.insert(Schedule::parse(line, zone)?).clone()),
        }
    }
}

/// `[[source]]`.
pub(super) fn source(mut table: Table<'_>, site_zone: Tz, schedules: &mut Schedules) -> Option<Source> {
    let name = table.parsed("name", str::parse::<Slug>);
    let name = table.required("name", name, "\"essays\"");
    let url = table.parsed("url", web_address);
    let url = table.required("url", url, "\"https://blog.example.com/\"");
    let zone = table.parsed("timezone", zone).unwrap_or(site_zone);
    let schedule = table.parsed("schedule", |line| schedules.parse(line, zone));
    let usual = || schedules.parse("*/15 * * * *", zone).ok();
    let adaptive = table.flag("adaptive").unwrap_or_default();
    let seed = table.word_or_number("seed").and_then(|Located { spot, value }| {
        let seed = match value.as_str() {
            "none" => Some(Seed::None),
            "latest" => Some(Seed::Newest(1)),
            number => number.parse().ok().filter(|number| *number <= 1000).map(Seed::Newest),
        };
        if seed.is_none() {
            let message = format!("`{value}` is none of \"none\", \"latest\", or a number of posts up to 1000");
            table.faults().add(&spot, message);
        }
        seed
    });
    let kind = page_source::kind(&mut table);
    let usual_text = if kind == Kind::Feed { TextFrom::default() } else { TextFrom::Page };
    let content = table.parsed("content", str::parse::<TextFrom>).unwrap_or(usual_text);
    let article = table.parsed("article", selector);
    let remove = items(&mut table, "remove", selector);
    let filter = filter(&mut table);
    let archive = table.parsed("archive", str::parse::<Archived>).unwrap_or_default();
    let may_republish = table.flag("may_republish").unwrap_or(true);
    table.finish();
    Some(Source {
        name: name?,
        url: url?,
        kind,
        schedule: schedule.or_else(usual)?,
        adaptive,
        seed: seed.unwrap_or_default(),
        content,
        rules: Rules { article, remove },
        filter,
        archive,
        may_republish,
    })
}

/// `include` and `exclude` of a source or newsletter. A rule that stands twice
/// was meant to be another.
pub(super) fn filter(table: &mut Table<'_>) -> Filter {
    let mut rules: Vec<(&str, Rule)> = Vec::new();
    for key in ["include", "exclude"] {
        for Located { spot, value } in table.texts(key).map(|list| list.value).unwrap_or_default() {
            match value.parse::<Rule>() {
                Ok(rule) => match rules.iter().find(|(_, other)| *other == rule) {
                    Some((first, _)) => table.faults().add(&spot, format_args!("`{rule}` stands in {first} already")),
                    None => rules.push((key, rule)),
                },
                Err(why) => table.faults().add(&spot, why),
            }
        }
    }
    let of = |key| rules.iter().filter(|(of, _)| *of == key).map(|(_, rule)| rule.clone()).collect();
    Filter { include: of("include"), exclude: of("exclude") }
}

pub(super) fn items<T, E: std::fmt::Display>(
    table: &mut Table<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Vec<T> {
    let faults = table.faults();
    let list = table.texts(key).map(|list| list.value).unwrap_or_default();
    list.into_iter().filter_map(|item| parse(item.value).map_err(|why| faults.add(&item.spot, why)).ok()).collect()
}

pub(super) fn length(table: &mut Table<'_>, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
    table.parsed(key, |text| {
        let length = span::parse(text).map_err(|why| why.to_string())?;
        if range.contains(&length) {
            Ok(length)
        } else {
            Err(format!("must be from {} to {}", span::show(*range.start()), span::show(*range.end())))
        }
    })
}

pub(super) fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(PathBuf::from(text))
}

fn web_address(text: &str) -> Result<HttpUrl, String> {
    text.parse().map_err(|why| match why {
        BadUrl::Syntax(text, url::ParseError::RelativeUrlWithoutBase) => {
            format!("`{text}` must begin with http:// or https://; did you mean `https://{text}`?")
        }
        other => other.to_string(),
    })
}

fn base_url(text: &str) -> Result<HttpUrl, String> {
    let url = web_address(text)?;
    if url.as_url().query().is_some() || url.as_url().fragment().is_some() {
        return Err("must end with its path, without `?` or `#`".to_owned());
    }
    Ok(url)
}

/// A time zone of the tz database; or a sentence that says which was likely meant.
pub fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| {
        // People write the city alone as often as they misspell the whole.
        let city = TZ_VARIANTS.iter().map(|zone| zone.name()).find(|name| {
            name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&text.replace(' ', "_")))
        });
        match city.or_else(|| nearest(text, TZ_VARIANTS.iter().map(|zone| zone.name()))) {
            Some(meant) => format!("`{text}` is not a time zone; did you mean `{meant}`?"),
            None => {
                format!("`{text}` is not a time zone: write one of the tz database, such as \"Asia/Seoul\" or \"UTC\"")
            }
        }
    })
}
