//! `[[outlet]]`: where posts are published again, which ones, and in what form.

mod kind;

use super::faults::{Collector, nearest};
use super::parts::{DAY, HOUR, filter, length, spoken, zone};
use super::raw::{Located, Table, TextOrTable};
use super::secrets::Environment;
use super::{Lane, Site};
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::domain::outlet::{Attribution, Blank, Form, Intake, Kind, OnAmbiguous, Outlet, Share, Timing, Wording};
use crate::domain::slug::Slug;
use chrono_tz::Tz;
use std::time::Duration;

/// What an outlet's settings are checked against.
pub(super) struct Around<'a> {
    pub(super) site: Option<&'a Site>,
    pub(super) newsletters: &'a [Newsletter],
    /// The names of all sources, sound or not.
    pub(super) sources: &'a [&'a str],
    /// Those that grant no right to their full text.
    pub(super) reserved: &'a [Slug],
    pub(super) environment: &'a Environment,
    /// The ways by which mails leave, unless these are at fault themselves.
    pub(super) relays: Option<&'a [Lane]>,
}

/// `[[outlet]]`.
pub(super) fn outlet(mut table: Table<'_>, around: &Around<'_>) -> Option<Outlet> {
    let name = table.parsed("name", str::parse::<Slug>);
    let name = table.required("name", name, "\"telegram\"");
    let title = table.words("title");
    let kind = kind::kind(&mut table, name.as_ref(), around);
    let newsletter = newsletter(&mut table, around);
    let intake = intake(&mut table, newsletter, around);
    let form = form(&mut table, kind.as_ref(), newsletter, around);
    let timing = timing(&mut table, newsletter, around);
    let follow_updates = able(&mut table, "follow_updates", kind.as_ref().map(Kind::changes), "change what it took");
    let follow_deletes = able(&mut table, "follow_deletes", kind.as_ref().map(Kind::deletes), "take down what it took");
    let on_ambiguous = table.parsed("on_ambiguous", str::parse::<OnAmbiguous>);
    table.finish();
    let (name, kind) = (name?, kind?);
    let usual = if kind.knows_repeats() { OnAmbiguous::Look } else { OnAmbiguous::Hold };
    Some(Outlet {
        title: title.unwrap_or_else(|| name.to_string()),
        follow_updates: follow_updates.unwrap_or(kind.changes()),
        follow_deletes: follow_deletes.unwrap_or_default(),
        on_ambiguous: on_ambiguous.unwrap_or(usual),
        name,
        kind,
        intake: intake?,
        form,
        timing,
    })
}

/// The newsletter that feeds it, if one is named.
fn newsletter<'a>(table: &mut Table<'_>, around: &Around<'a>) -> Option<&'a Newsletter> {
    let Located { spot, value } = table.text("newsletter")?;
    let found = around.newsletters.iter().find(|newsletter| newsletter.name.as_str() == value);
    if found.is_none() {
        let message = format!("there is no newsletter `{value}`");
        match nearest(value, around.newsletters.iter().map(|newsletter| newsletter.name.as_str())) {
            Some(meant) => table.faults().add_hint(&spot, message, format_args!("did you mean `{meant}`?")),
            None => table.faults().add_hint(&spot, message, "leave `newsletter` out to take the posts of all sources"),
        }
    }
    found
}

fn intake(table: &mut Table<'_>, newsletter: Option<&Newsletter>, around: &Around<'_>) -> Option<Intake> {
    let listed = table.texts("sources").map(|list| {
        list.value.into_iter().filter_map(|item| known(item, around.sources, table.faults())).collect::<Vec<Slug>>()
    });
    let own = table.text("source").and_then(|item| known(item, around.sources, table.faults()));
    let filter = filter(table);
    let of_newsletter = newsletter.and_then(|newsletter| newsletter.sources.clone());
    let sources = match (listed, of_newsletter) {
        (Some(own), Some(others)) => Some(own.into_iter().filter(|name| others.contains(name)).collect()),
        (own, others) => own.or(others),
    };
    if sources.as_ref().is_some_and(|sources: &Vec<Slug>| sources.iter().all(|source| own.as_ref() == Some(source))) {
        table.faults().add_hint(
            &table.place("sources"),
            "no source feeds it",
            "name some that its newsletter takes, too",
        );
        return None;
    }
    let filters = newsletter.iter().map(|newsletter| newsletter.filter.clone()).chain([filter]);
    Some(Intake {
        sources,
        prefer: newsletter.map(|newsletter| newsletter.prefer.clone()).unwrap_or_default(),
        filters: filters.filter(|filter| !filter.is_empty()).collect(),
        settle: newsletter.map_or(Duration::from_mins(15), |newsletter| newsletter.settle),
        settle_max: newsletter.map_or(Duration::from_secs(6 * HOUR), |newsletter| newsletter.settle_max),
        own,
    })
}

fn known(Located { spot, value }: Located<&str>, sources: &[&str], faults: &Collector) -> Option<Slug> {
    if sources.contains(&value) {
        return value.parse().ok();
    }
    let message = format!("there is no source `{value}`");
    match nearest(value, sources.iter().copied()) {
        Some(meant) => faults.add_hint(&spot, message, format_args!("did you mean `{meant}`?")),
        None => faults.add(&spot, message),
    }
    None
}

fn form(table: &mut Table<'_>, kind: Option<&Kind>, newsletter: Option<&Newsletter>, around: &Around<'_>) -> Form {
    let is_short = kind.is_some_and(Kind::is_short);
    let share = table.parsed("text", str::parse::<Share>);
    let title = table.parsed("post_title", str::parse::<Wording>);
    let body = table.parsed("body", |text| {
        let wording: Wording = text.parse()?;
        if wording.has(Blank::Text) {
            Ok(wording)
        } else {
            Err("must say where the text stands: write {text}".to_owned())
        }
    });
    let status = table.parsed("status", str::parse::<Wording>);
    let attribution = table.parsed("attribution", str::parse::<Attribution>);
    let language = table.parsed_at("language", str::parse::<Language>);
    let language = spoken(table.faults(), language, around.site.and_then(|site| site.templates.as_deref()));
    let site_language = around.site.map_or(Language::En, |site| site.language);
    let tags = tags(table);
    let draft = able(table, "draft", kind.map(Kind::drafts), "keep a draft");
    for (key, useless) in [("body", is_short), ("status", kind.is_some() && !is_short)] {
        if useless && table.holds(key) {
            let kind = kind.map_or("", Kind::name);
            table
                .faults()
                .add(&table.place(key), format_args!("is of no use: an outlet of the kind \"{kind}\" shows none"));
        }
    }
    Form {
        share: share.unwrap_or(if is_short { Share::Excerpt } else { Share::Full }),
        title,
        body,
        status,
        attribution: attribution.unwrap_or(Attribution::After),
        language: language.or(newsletter.map(|newsletter| newsletter.language)).unwrap_or(site_language),
        tags,
        draft: draft.unwrap_or_default(),
        reserved: around.reserved.to_vec(),
    }
}

/// `tags = { film = "Cinema", draft = "" }`.
fn tags(table: &mut Table<'_>) -> Vec<(String, String)> {
    let named = table.texts_or_tables("tags");
    let tags = named.into_iter().filter_map(|Located { spot, value: (from, entry) }| match entry {
        TextOrTable::Text(to) => Some((from.to_owned(), to.to_owned())),
        TextOrTable::Table(_) => {
            table.faults().add(&spot, "must be the tag's name at the outlet, in quotes");
            None
        }
    });
    tags.collect()
}

fn timing(table: &mut Table<'_>, newsletter: Option<&Newsletter>, around: &Around<'_>) -> Timing {
    let usual = newsletter.map(|newsletter| newsletter.timezone).or(around.site.map(|site| site.timezone));
    Timing {
        delay: length(table, "delay", Duration::ZERO..=Duration::from_secs(30 * DAY)).unwrap_or_default(),
        quiet: table.parsed("quiet", str::parse),
        per_day: table.number("per_day", 1..=10_000),
        zone: table.parsed("timezone", zone).or(usual).unwrap_or(Tz::UTC),
    }
}

/// A flag that asks for what not every kind of outlet can do.
fn able(table: &mut Table<'_>, key: &'static str, can: Option<bool>, what: &str) -> Option<bool> {
    let flag = table.flag(key);
    if flag == Some(true) && can == Some(false) {
        table.faults().add(&table.place(key), format_args!("cannot be: an outlet of this kind cannot {what}"));
    }
    flag
}
