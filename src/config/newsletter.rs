//! `[[newsletter]]`: what it takes, how often it is mailed, and how its digests
//! are put together, for all of its cadences and for each.

use super::Site;
use super::feeds::image;
use super::parts::{DAY, HOUR, filter, length, path, spoken, zone};
use super::raw::{Located, Table, TextOrTable};
use crate::domain::composition::{Composition, Deliver, Topic};
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::newsletter::{Cadence, Commercial, Newsletter, Rhythm};
use crate::domain::schedule::Schedule;
use crate::domain::slug::Slug;
use crate::domain::span;
use chrono_tz::Tz;
use std::time::Duration;

/// Whom reviews go to, and what stands for keys that are left out.
struct Usual<'a> {
    composition: &'a Composition,
    owner: Option<&'a EmailAddress>,
}

/// Names of sources that a newsletter holds, to be looked for.
pub(super) struct Named {
    /// In its own list.
    pub(super) listed: Vec<Located<String>>,
    /// In its topics, and among those that it prefers.
    pub(super) elsewhere: Vec<Located<String>>,
}

/// `[[newsletter]]`, and the sources that it lists.
pub(super) fn newsletter(mut table: Table<'_>, site: Option<&Site>) -> (Option<Newsletter>, Named) {
    let name = table.parsed("name", str::parse::<Slug>);
    let name = table.required("name", name, "\"weekly\"");
    let title = table.words("title");
    let description = table.text("description").map(|found| found.value.trim().to_owned());
    let language = table.parsed_at("language", str::parse::<Language>);
    let templates = site.and_then(|site| site.templates.as_deref());
    let language = spoken(table.faults(), language, templates);
    let listed = table.texts("sources");
    let preferred = table.texts("prefer").map(|list| list.value).unwrap_or_default();
    let preferred: Vec<_> =
        preferred.into_iter().map(|item| Located { spot: item.spot, value: item.value.to_owned() }).collect();
    if let Some(list) = listed.as_ref().filter(|list| list.value.is_empty()) {
        table.faults().add_hint(&list.spot, "takes no source", "leave `sources` out to take all of them");
    }
    let zone = table.parsed("timezone", zone).or(site.map(|site| site.timezone)).unwrap_or(Tz::UTC);
    let editor = table.parsed("editor", str::parse::<EmailAddress>);
    let owner = editor.as_ref().or(site.and_then(|site| site.owner.as_ref()));
    let composition = composition(&mut table, &Usual { composition: &Composition::default(), owner });
    let cadences = cadences(&mut table, zone, &Usual { composition: &composition, owner });
    let (topics, named) = topics(&mut table);
    let settle = length(&mut table, "settle", Duration::ZERO..=Duration::from_secs(7 * DAY));
    let settle = settle.unwrap_or(Duration::from_mins(15));
    let settle_max = length(&mut table, "settle_max", Duration::ZERO..=Duration::from_secs(30 * DAY));
    let settle_max = settle_max.unwrap_or_else(|| settle.max(Duration::from_secs(6 * HOUR)));
    if settle_max < settle {
        table.faults().add(&table.place("settle_max"), format_args!("is shorter than settle ({})", span::show(settle)));
    }
    let feed_items = table.number("feed_items", 1..=500);
    let feed_age = length(&mut table, "feed_age", Duration::from_secs(DAY)..=Duration::from_secs(3650 * DAY));
    let image = table.parsed("image", image);
    let copyright = table.words("copyright");
    let commercial = commercial(&mut table);
    let welcome = table.flag("welcome").unwrap_or_default();
    let goodbye = table.flag("goodbye").unwrap_or(true);
    let web = table.flag("web").unwrap_or(true);
    let review_posts = table.flag("review_posts").unwrap_or_default();
    let corrections = table.flag("corrections").unwrap_or_default();
    let filter = filter(&mut table);
    table.finish();
    let listed = listed.map(|list| {
        list.value.into_iter().map(|item| Located { spot: item.spot, value: item.value.to_owned() }).collect::<Vec<_>>()
    });
    let newsletter = name.zip(site).map(|(name, site)| Newsletter {
        name,
        title: title.unwrap_or_else(|| site.title.clone()),
        description: description.unwrap_or_default(),
        language: language.unwrap_or(site.language),
        // A name that is no slug is no source's either, and is said to be unknown.
        sources: listed.as_ref().map(|list| list.iter().filter_map(|item| item.value.parse().ok()).collect()),
        prefer: preferred.iter().filter_map(|item| item.value.parse().ok()).collect(),
        filter,
        review_posts,
        corrections,
        cadences,
        topics,
        timezone: zone,
        settle,
        settle_max,
        feed_items: feed_items.unwrap_or(50),
        feed_age,
        image,
        copyright,
        commercial,
        welcome,
        goodbye,
        web,
    });
    let elsewhere = named.into_iter().chain(preferred).collect();
    (newsletter, Named { listed: listed.unwrap_or_default(), elsewhere })
}

/// `commercial` and `contact`: the one makes the other a duty.
fn commercial(table: &mut Table<'_>) -> Option<Commercial> {
    let commercial = table.flag("commercial").unwrap_or_default();
    let contact = table.words("contact");
    if commercial && !table.holds("contact") {
        let hint = "write contact = \"+82 2-123-4567, 1 Main Street, Seoul\", under which the sender is reached";
        table.faults().add_hint(&table.place("commercial"), "needs `contact`", hint);
    }
    if !commercial && contact.is_some() {
        let hint = "write commercial = true beside it, or leave it out";
        table.faults().add_hint(&table.place("contact"), "stands in mails of commercial newsletters only", hint);
    }
    contact.filter(|_| commercial).map(|contact| Commercial { contact })
}

fn cadences(table: &mut Table<'_>, zone: Tz, usual: &Usual<'_>) -> Vec<Cadence> {
    let faults = table.faults();
    table
        .texts_or_tables("cadences")
        .into_iter()
        .filter_map(|Located { spot, value: (name, entry) }| {
            let name = name.parse::<Slug>().map_err(|why| faults.add(&spot, why)).ok();
            let (rhythm, composition) = match entry {
                TextOrTable::Text(line) => {
                    (rhythm(line, zone).map_err(|why| faults.add(&spot, why)).ok(), usual.composition.clone())
                }
                TextOrTable::Table(mut own) => {
                    let rhythm = own.parsed("schedule", |line| rhythm(line, zone));
                    let rhythm = own.required("schedule", rhythm, "\"0 7 * * MON\"");
                    let composition = composition(&mut own, usual);
                    own.finish();
                    (rhythm, composition)
                }
            };
            let rhythm = rhythm?;
            if rhythm == Rhythm::Instant && composition.deliver == Deliver::Local {
                faults.add(&spot, "has no slot whose time could be local: deliver = \"local\" needs a schedule");
            }
            Some(Cadence { name: name?, rhythm, composition })
        })
        .collect()
}

fn rhythm(line: &str, zone: Tz) -> Result<Rhythm, String> {
    match line {
        "instant" => Ok(Rhythm::Instant),
        line => Schedule::parse(line, zone).map(Rhythm::Slots).map_err(|why| why.to_string()),
    }
}

/// The keys that a newsletter has for all of its cadences, and each may have of its own.
fn composition(table: &mut Table<'_>, usual: &Usual<'_>) -> Composition {
    let Usual { composition: usual, owner } = usual;
    let order = table.parsed("order", str::parse);
    let sections = table.parsed("sections", str::parse);
    let headlines = table.flag("headlines");
    let lead = table.parsed("lead", str::parse);
    let text = table.parsed("text", str::parse);
    let max_posts = table.number("max_posts", 1..=1000);
    let min_posts = table.number("min_posts", 1..=1000);
    let subject = table.parsed("subject", str::parse);
    let preheader = table.parsed("preheader", str::parse);
    let note_before = table.parsed("note_before", path);
    let note_after = table.parsed("note_after", path);
    let images = table.parsed("images", str::parse);
    let reading_time = table.flag("reading_time");
    let greeting = table.flag("greeting");
    let deliver = table.parsed("deliver", str::parse);
    let review = match table.flag("review") {
        None => usual.review.clone(),
        Some(false) => None,
        Some(true) => {
            if owner.is_none() {
                let hint = "write editor = \"editor@example.org\" in the newsletter, or owner in [site]";
                table.faults().add_hint(&table.place("review"), "nobody is named who could approve", hint);
            }
            owner.cloned()
        }
    };
    Composition {
        order: order.unwrap_or(usual.order),
        sections: sections.unwrap_or(usual.sections),
        headlines: headlines.unwrap_or(usual.headlines),
        lead: lead.unwrap_or_else(|| usual.lead.clone()),
        text: text.unwrap_or(usual.text),
        max_posts: max_posts.or(usual.max_posts),
        min_posts: min_posts.unwrap_or(usual.min_posts),
        subject: subject.or_else(|| usual.subject.clone()),
        preheader: preheader.or_else(|| usual.preheader.clone()),
        note_before: note_before.or_else(|| usual.note_before.clone()),
        note_after: note_after.or_else(|| usual.note_after.clone()),
        images: images.unwrap_or(usual.images),
        reading_time: reading_time.unwrap_or(usual.reading_time),
        greeting: greeting.unwrap_or(usual.greeting),
        review,
        deliver: deliver.unwrap_or(usual.deliver),
    }
}

/// `topics = { film = ["category: film"] }`, and the sources that they name.
fn topics(table: &mut Table<'_>) -> (Vec<Topic>, Vec<Located<String>>) {
    let faults = table.faults();
    let (mut topics, mut named) = (Vec::new(), Vec::new());
    for Located { spot, value: (name, rules) } in table.lists("topics") {
        let name = name.parse::<Slug>().map_err(|why| why.to_string());
        match name.and_then(|name| Topic::new(name, &rules)) {
            Ok(topic) => {
                let sources = topic.sources().iter();
                named.extend(sources.map(|source| Located { spot: spot.clone(), value: source.to_string() }));
                topics.push(topic);
            }
            Err(why) => faults.add(&spot, why),
        }
    }
    (topics, named)
}
