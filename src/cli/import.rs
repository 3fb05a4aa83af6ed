//! `subscriber import`: reading a list of readers. All of it is looked at before
//! any of it is written.

use super::ending::Said;
use super::output::{Out, count, progress};
use super::subscriber::{BATCH, Entry, Terms};
use super::{Json, Setting};
use crate::config::Config;
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::SubscriptionState;
use crate::store::Added;
use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// `subscriber import`.
#[derive(Debug, Args)]
pub struct Import {
    /// The file; `-` is standard input.
    file: PathBuf,
    #[command(flatten)]
    terms: Terms,
    /// Import the good lines although others are bad.
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(import: Import, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let bytes = read(&import.file)?;
    let usual = format!("imported by the operator from {}", import.file.display());
    let Table { entries, bad, others } = parse(&bytes, &import.terms, &config, &usual)?;
    if !import.json.json {
        for (line, why) in &bad {
            out.line(format!("line {line}: {why}"))?;
        }
    }
    let mut counts = [0_usize; 3];
    if bad.is_empty() || import.skip_bad {
        let bar = progress(entries.len(), "importing");
        for some in entries.chunks(BATCH) {
            let wishes: Vec<_> = some.iter().map(Entry::wish).collect();
            for added in store.add_confirmed(&wishes, setting.clock.now()).await? {
                let [fresh, already, left] = &mut counts;
                *match added {
                    Added::Added => fresh,
                    Added::Already => already,
                    Added::Left => left,
                } += 1;
            }
            bar.inc(some.len() as u64);
        }
        bar.finish_and_clear();
    }
    let [fresh, already, left] = counts;
    if import.json.json {
        let bad: Vec<_> = bad.iter().map(|(line, why)| json!({ "line": line, "why": why })).collect();
        out.json(
            &json!({ "added": fresh, "already": already, "unsubscribed": left, "not_confirmed": others, "bad": bad }),
        )?;
    } else if bad.is_empty() || import.skip_bad {
        out.line(format!(
            "{} added, {already} subscribed already, {left} had unsubscribed and stay so, {others} not confirmed in the list, {} bad",
            count(fresh, "address", "addresses"),
            bad.len()
        ))?;
    } else {
        out.line("nothing was imported; mend these lines, or import the others with --skip-bad")?;
    }
    if bad.is_empty() || import.skip_bad { Ok(()) } else { Err(Said.into()) }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        Ok(bytes)
    } else {
        std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
    }
}

/// What a list holds.
struct Table {
    entries: Vec<Entry>,
    /// Lines that mean nothing, and why.
    bad: Vec<(u64, String)>,
    /// How many lines the list itself says are not confirmed.
    others: usize,
}

/// Reads CSV whose first line names its columns, or one address a line.
fn parse(bytes: &[u8], terms: &Terms, config: &Config, usual_consent: &str) -> anyhow::Result<Table> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut table = Table { entries: Vec::new(), bad: Vec::new(), others: 0 };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut columns: Option<Vec<String>> = None;
    for record in reader.records() {
        let record = record.context("the list is not CSV in UTF-8")?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) || record.get(0).is_some_and(|first| first.starts_with('#')) {
            continue;
        }
        let columns = columns.get_or_insert_with(|| {
            let names: Vec<_> = record.iter().map(str::to_lowercase).collect();
            // A list without a head is addresses alone.
            if names.iter().any(|name| name == "email") { names } else { vec!["email".to_owned()] }
        });
        let cell = |name: &str| {
            let index = columns.iter().position(|column| column == name)?;
            record.get(index).filter(|cell| !cell.is_empty())
        };
        if cell("email").is_some_and(|cell| cell.eq_ignore_ascii_case("email")) {
            continue;
        }
        if cell("state").is_some_and(|state| state != SubscriptionState::Confirmed.as_str()) {
            table.others += 1;
            continue;
        }
        match line_entry(&cell, terms, config, usual_consent) {
            Ok(entry) => table.entries.push(entry),
            Err(why) => table.bad.push((line, why)),
        }
    }
    Ok(table)
}

/// One line's entry: its own columns, and the terms for what it leaves out.
fn line_entry<'c>(
    cell: &impl Fn(&str) -> Option<&'c str>,
    terms: &Terms,
    config: &Config,
    usual_consent: &str,
) -> Result<Entry, String> {
    let email = cell("email").ok_or("there is no address")?.parse::<EmailAddress>().map_err(|why| why.to_string())?;
    let slug = |name: &str, usual: &Option<Slug>| match cell(name) {
        Some(text) => text.parse().map(Some).map_err(|why: crate::domain::slug::BadSlug| why.to_string()),
        None => Ok(usual.clone()),
    };
    let language = match cell("language") {
        Some(text) => Some(text.parse::<Language>().map_err(|why| why.to_string())?),
        None => terms.language,
    };
    let own = Terms {
        newsletter: slug("newsletter", &terms.newsletter)?,
        cadence: slug("cadence", &terms.cadence)?,
        language,
        consent: cell("consent").map(str::to_owned).or_else(|| terms.consent.clone()),
        name: cell("name").map(str::to_owned).or_else(|| terms.name.clone()),
        timezone: match cell("timezone") {
            Some(text) => Some(text.parse().map_err(|_| format!("`{text}` is not a time zone"))?),
            None => terms.timezone,
        },
        topics: match cell("topics") {
            Some(text) => text
                .split([' ', ','])
                .filter(|name| !name.is_empty())
                .map(|name| name.parse().map_err(|why: crate::domain::slug::BadSlug| why.to_string()))
                .collect::<Result<_, _>>()?,
            None => terms.topics.clone(),
        },
    };
    Entry::new(email, &own, config, usual_consent)
}
